#include "_capsules.h"
#include "leastsq_capi.h"

static const leastsq_capi table = {
    LEASTSQ_CAPI_VERSION, leastsq_lmdif, leastsq_lmder,  leastsq_lmdif1, leastsq_lmder1,
    leastsq_enorm,        leastsq_qrfac, leastsq_qrsolv, leastsq_lmpar,  leastsq_fdjac2,
    leastsq_covar,        leastsq_chkder, leastsq_dpmpar,
#ifdef LEASTSQ_BUNDLED
    leastsq_workspace_size, leastsq_start, leastsq_resume, leastsq_inspect,
    leastsq_difference_point, leastsq_difference_column,
#else
    NULL,                 NULL,          NULL,           NULL,           NULL,
    NULL,
#endif
};

/* Cython's names of the types of cython_leastsq.pxd. */
#define FUNC "__pyx_t_7leastsq_14cython_leastsq_leastsq_func_mn"
#define FUNCDER "__pyx_t_7leastsq_14cython_leastsq_leastsq_funcder_mn"
#define VIEW "__pyx_t_7leastsq_14cython_leastsq_leastsq_view"

/* A capsule is named by the function's type in Cython's spelling. A module that cimports the
 * function compares it with its own when it is loaded. */
#define CAPSULE(name, type) {"leastsq_" #name, type, (void (*)(void))leastsq_##name}

static const struct {
    const char *name, *type;
    void (*function)(void);
} capsules[] = {
    CAPSULE(lmdif, "int (" FUNC ", void *, int, int, double *, double *, double, double, double, "
                   "int, double, double *, int, double, int, int *, double *, int, int *, "
                   "double *, double *, double *, double *, double *)"),
    CAPSULE(lmder, "int (" FUNCDER ", void *, int, int, double *, double *, double *, int, "
                   "double, double, double, int, double *, int, double, int, int *, int *, "
                   "int *, double *, double *, double *, double *, double *)"),
    CAPSULE(lmdif1, "int (" FUNC ", void *, int, int, double *, double *, double, int *, "
                    "double *, int)"),
    CAPSULE(lmder1, "int (" FUNCDER ", void *, int, int, double *, double *, double *, int, "
                    "double, int *, double *, int)"),
    CAPSULE(enorm, "double (int, double const *)"),
    CAPSULE(qrfac, "void (int, int, double *, int, int, int *, int, double *, double *, "
                   "double *)"),
    CAPSULE(qrsolv, "void (int, double *, int, int const *, double const *, double const *, "
                    "double *, double *, double *)"),
    CAPSULE(lmpar, "void (int, double *, int, int const *, double const *, double const *, "
                   "double, double *, double *, double *, double *, double *)"),
    CAPSULE(fdjac2, "int (" FUNC ", void *, int, int, double *, double const *, double *, int, "
                    "double, double *)"),
    CAPSULE(covar, "void (int, double *, int, int const *, double, double *)"),
    CAPSULE(chkder, "void (int, int, double const *, double *, double *, int, double *, "
                    "double *, int, double *)"),
    CAPSULE(dpmpar, "double (int)"),
#ifdef LEASTSQ_BUNDLED
    CAPSULE(workspace_size, "size_t (int, int)"),
    CAPSULE(start, "int (void *, int, int, double const *, double, double, double, int, double, "
                   "double const *, int, double, int)"),
    CAPSULE(resume, "int (void *, int)"),
    CAPSULE(inspect, "int (void *, " VIEW " *)"),
    CAPSULE(difference_point, "int (void const *, int, double *)"),
    CAPSULE(difference_column, "int (void *, int, double const *)"),
#endif
};

/* Puts a capsule into a dict, given the pointer that it is for. */
static int add(PyObject *dict, const char *key, void *pointer, const char *name)
{
    PyObject *capsule = PyCapsule_New(pointer, name, NULL);
    int status = capsule == NULL ? -1 : PyDict_SetItemString(dict, key, capsule);

    Py_XDECREF(capsule);
    return status;
}

int leastsq_add_capsules(PyObject *module)
{
    PyObject *members = PyModule_GetDict(module), *functions = PyDict_New();
    int status = -1;

    if (functions == NULL)
        return -1;
    for (size_t i = 0; i < sizeof(capsules) / sizeof(capsules[0]); i++) {
        /* ISO C has no cast between pointers to functions and to data. */
        union {
            void (*function)(void);
            void *pointer;
        } as = {capsules[i].function};

        if (add(functions, capsules[i].name, as.pointer, capsules[i].type) < 0)
            goto done;
    }
    if (PyDict_SetItemString(members, "__pyx_capi__", functions) == 0)
        status = add(members, "_C_API", (void *)&table, LEASTSQ_CAPI_NAME);
done:
    Py_DECREF(functions);
    return status;
}
