/* straightline.fit(y) -> (intercept, slope) of a line through (0, y[0]), (1, y[1]), ... */
#include <leastsq_capi.h>

static const leastsq_capi *capi;

static int residual(void *p, int m, int n, const double *x, double *fvec, int iflag)
{
    const double *y = p;

    (void)n;
    (void)iflag;
    for (int i = 0; i < m; i++)
        fvec[i] = x[0] + x[1] * i - y[i];
    return 0;
}

static int solve(double *y, int m, double *x)
{
    int iwa[2], lwa = 3 * m + 10, info = -1;
    double *wa = PyMem_New(double, m + lwa);

    if (wa == NULL)
        return -1;
    info = capi->lmdif1(residual, y, m, 2, x, wa + lwa, 1e-12, iwa, wa, lwa);
    PyMem_Free(wa);
    return info;
}

static PyObject *fit(PyObject *module, PyObject *list)
{
    Py_ssize_t m = PyList_Size(list);
    double *y = m < 0 ? NULL : PyMem_New(double, m), x[2] = {0.0, 0.0};
    int info = -1;

    (void)module;
    if (y != NULL) {
        for (Py_ssize_t i = 0; i < m; i++)
            y[i] = PyFloat_AsDouble(PyList_GET_ITEM(list, i));
        info = solve(y, (int)m, x);
        PyMem_Free(y);
    }
    if (PyErr_Occurred())
        return NULL;
    return info <= 0 ? PyErr_Format(PyExc_ValueError, "info %d", info)
                     : Py_BuildValue("dd", x[0], x[1]);
}

static PyMethodDef methods[] = {{"fit", fit, METH_O, "Fits a line."}, {NULL, NULL, 0, NULL}};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "straightline", NULL, -1, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_straightline(void)
{
    capi = leastsq_import();
    return capi == NULL ? NULL : PyModule_Create(&definition);
}
