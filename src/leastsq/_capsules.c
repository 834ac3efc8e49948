#include "_capsules.h"
#include "leastsq_capi.h"

static const leastsq_capi table = {
    .version = LEASTSQ_CAPI_VERSION,
    .lmdif = leastsq_lmdif,
    .lmder = leastsq_lmder,
    .lmdif1 = leastsq_lmdif1,
    .lmder1 = leastsq_lmder1,
    .enorm = leastsq_enorm,
    .qrfac = leastsq_qrfac,
    .qrsolv = leastsq_qrsolv,
    .lmpar = leastsq_lmpar,
    .fdjac2 = leastsq_fdjac2,
    .covar = leastsq_covar,
    .chkder = leastsq_chkder,
    .dpmpar = leastsq_dpmpar,
#ifdef LEASTSQ_BUNDLED
    .workspace_size = leastsq_workspace_size,
    .start = leastsq_start,
    .resume = leastsq_resume,
    .inspect = leastsq_inspect,
    .difference_point = leastsq_difference_point,
    .difference_column = leastsq_difference_column,
#endif
};

/* Cython's names for the types of cython_leastsq.pxd. */
#define FUNC "__pyx_t_7leastsq_14cython_leastsq_leastsq_func_mn"
#define FUNCDER "__pyx_t_7leastsq_14cython_leastsq_leastsq_funcder_mn"
#define VIEW "__pyx_t_7leastsq_14cython_leastsq_leastsq_view"

/* The name of a capsule is the function's type as Cython writes it. A module that cimports the
 * function compares that name with its own declaration when it is loaded. */
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

/* Adds to a dict a capsule that holds a pointer. */
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
