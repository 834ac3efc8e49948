/* Calls the user's functions from the core.
 *
 * The GIL is held between calls of Python functions. x and the residuals are copied: neither side
 * sees the other's memory. An exception stays set and ends the solve by a negative flag; a compiled
 * residual can end it without an exception. */
#include "_trampoline.h"

#include <string.h>

int leastsq_prepare(UserFunctions *user, PyObject *func, PyObject *dfun, PyObject *args)
{
    Py_ssize_t extra = PyTuple_GET_SIZE(args);

    *user = (UserFunctions){.func = func, .dfun = dfun, .nargs = (size_t)extra + 1,
                            .compiled = leastsq_compiled_of(func)};
    user->analytic = dfun != NULL || (user->compiled != NULL &&
                                      user->compiled->residual_or_jacobian != NULL);
    user->stack = PyMem_New(PyObject *, extra + 2);
    if (user->stack == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    user->stack[LEASTSQ_POINT] = NULL;
    for (Py_ssize_t i = 0; i < extra; i++)
        user->stack[i + 2] = PyTuple_GET_ITEM(args, i);
    return 0;
}

void leastsq_release(UserFunctions *user)
{
    if (user->stack != NULL)
        Py_XDECREF(user->stack[LEASTSQ_POINT]);
    PyMem_Free(user->stack);
}

int leastsq_is_reusable(PyArrayObject *x, npy_intp n, const PyArray_Descr *descr)
{
#ifdef Py_GIL_DISABLED
    (void)x;
    (void)n;
    (void)descr;
    return 0;
#else
    return Py_REFCNT(x) == 1 && PyArray_NDIM(x) == 1 && PyArray_DIM(x, 0) == n &&
           PyArray_DESCR(x) == descr && PyArray_ISCARRAY(x) &&
           PyArray_CHKFLAGS(x, NPY_ARRAY_OWNDATA) &&
           ((PyArrayObject_fields *)x)->weakreflist == NULL;
#endif
}

PyObject *leastsq_call(UserFunctions *user, PyObject *function)
{
    PyObject *result = PyObject_Vectorcall(
        function, user->stack + LEASTSQ_POINT, user->nargs | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);

    if (result != NULL && !PyFunction_Check(function) && PyErr_CheckSignals() < 0)
        Py_CLEAR(result);
    return result;
}

double *leastsq_new_points(UserFunctions *user, npy_intp n, npy_intp k)
{
    const npy_intp shape[3] = {n, k, 1};

    Py_XSETREF(user->stack[LEASTSQ_POINT], PyArray_SimpleNew(3, shape, NPY_DOUBLE));
    if (user->stack[LEASTSQ_POINT] == NULL)
        return NULL;
    return PyArray_DATA((PyArrayObject *)user->stack[LEASTSQ_POINT]);
}

int leastsq_new_point(UserFunctions *user, const double *x, npy_intp n)
{
    double *p = leastsq_new_points(user, n, 1);

    if (p == NULL)
        return -1;
    memcpy(p, x, (size_t)n * sizeof(double));
    return 0;
}

PyArrayObject *leastsq_call_vectorized(UserFunctions *user, PyObject *function, int ndim,
                                       const npy_intp *shape, const char *subject)
{
    PyObject *result = leastsq_call(user, function);
    PyArrayObject *numbers;

    if (result == NULL)
        return NULL;
    numbers = leastsq_exact_doubles(result, leastsq_result, ndim, shape, subject);
    Py_DECREF(result);
    return numbers;
}

/* The residual of a vectorized func at one point. */
static int vectorized_residual(UserFunctions *user, int m, int n, const double *x, double *fvec)
{
    const npy_intp shape[2] = {1, m};
    PyArrayObject *row;

    if (leastsq_new_point(user, x, n) < 0)
        return -1;
    row = leastsq_call_vectorized(user, user->func, 2, shape, LEASTSQ_FUNC_VECTORIZED);
    if (row == NULL)
        return -1;
    memcpy(fvec, PyArray_DATA(row), (size_t)m * sizeof(double));
    Py_DECREF(row);
    return 0;
}

/* The Jacobian of a vectorized dfun at one point. */
static int vectorized_jacobian(UserFunctions *user, const double *x, npy_intp m, npy_intp n,
                               double *fjac)
{
    const npy_intp rows[3] = {1, m, n}, columns[3] = {n, 1, m};
    PyArrayObject *jacobian;

    if (leastsq_new_point(user, x, n) < 0)
        return -1;
    jacobian = leastsq_call_vectorized(user, user->dfun, 3, user->transposed ? columns : rows,
                                       LEASTSQ_DFUN_VECTORIZED);
    if (jacobian == NULL)
        return -1;
    leastsq_copy_jacobian(PyArray_DATA(jacobian), m, n, user->transposed, fjac);
    Py_DECREF(jacobian);
    return 0;
}

/* Calls func or dfun with a copy of x that it may modify and keep. */
static PyObject *call(UserFunctions *user, PyObject *function, const double *x, npy_intp n)
{
    PyArrayObject *point = (PyArrayObject *)user->stack[LEASTSQ_POINT];

    if (point == NULL || !leastsq_is_reusable(point, n, user->descr)) {
        Py_XSETREF(user->stack[LEASTSQ_POINT], PyArray_SimpleNew(1, &n, NPY_DOUBLE));
        if (user->stack[LEASTSQ_POINT] == NULL)
            return NULL;
        user->descr = PyArray_DESCR((PyArrayObject *)user->stack[LEASTSQ_POINT]);
    }
    memcpy(PyArray_DATA((PyArrayObject *)user->stack[LEASTSQ_POINT]), x,
           (size_t)n * sizeof(double));
    return leastsq_call(user, function);
}

int leastsq_residual(void *p, int m, int n, const double *x, double *fvec, int iflag)
{
    UserFunctions *user = p;
    PyObject *result;
    int status;

    user->iflag = iflag;
    if (iflag == 1)
        memcpy(user->point, x, (size_t)n * sizeof(double));
    if (user->have_fvec) {
        user->have_fvec = 0;
        return 0;
    }
    if (user->compiled != NULL)
        return leastsq_compiled_residual(user->compiled, m, n, x, fvec);
    if (user->vectorized)
        return vectorized_residual(user, m, n, x, fvec);
    result = call(user, user->func, x, n);
    if (result == NULL)
        return -1;
    status = leastsq_store_residual(result, m, fvec);
    Py_DECREF(result);
    return status;
}

int leastsq_jacobian(UserFunctions *user, const double *x, const double *fvec, npy_intp m,
                     npy_intp n, double *fjac)
{
    PyObject *result;
    int status;

    if (user->compiled != NULL)
        return leastsq_compiled_jacobian(user->compiled, (int)m, (int)n, x, fvec, fjac);
    if (user->vectorized)
        return vectorized_jacobian(user, x, m, n, fjac);
    result = call(user, user->dfun, x, n);
    if (result == NULL)
        return -1;
    status = leastsq_store_jacobian(result, user->dfun, m, n, user->transposed, fjac);
    Py_DECREF(result);
    return status;
}

int leastsq_residual_or_jacobian(void *p, int m, int n, const double *x, double *fvec,
                                 double *fjac, int Py_UNUSED(ldfjac), int iflag)
{
    UserFunctions *user = p;

    if (iflag == 1)
        return leastsq_residual(p, m, n, x, fvec, iflag);
    if (user->have_fjac) {
        user->have_fjac = 0;
        return 0;
    }
    return leastsq_jacobian(user, x, fvec, m, n, fjac);
}

PyArrayObject *leastsq_first_residual(UserFunctions *user, const double *x, npy_intp n,
                                      double *relative_error)
{
    PyObject *result;
    PyArrayObject *fvec;

    if (user->compiled != NULL) {
        *relative_error = user->compiled->relative_error;
        return leastsq_compiled_first(user->compiled, x);
    }
    result = call(user, user->func, x, n);
    if (result == NULL)
        return NULL;
    fvec = leastsq_as_residual(result, n, relative_error);
    Py_DECREF(result);
    return fvec;
}
