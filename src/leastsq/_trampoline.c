/* Calls the user's Python functions from the core.
 *
 * The GIL is kept throughout. x goes out and residuals come back as copies: neither side can see
 * the other's memory. An exception ends the solve through a negative flag and stays set. */
#include "_trampoline.h"

#include <float.h>
#include <limits.h>
#include <string.h>

#define HALF_EPSILON 0x1p-10 /* of IEEE half precision, NumPy's float16 */

int leastsq_prepare(Callback *callback, PyObject *func, PyObject *dfun, PyObject *args)
{
    Py_ssize_t extra = PyTuple_GET_SIZE(args);

    *callback = (Callback){.func = func, .dfun = dfun, .nargs = (size_t)extra + 1};
    callback->stack = PyMem_New(PyObject *, extra + 2);
    if (callback->stack == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    callback->stack[1] = NULL;
    for (Py_ssize_t i = 0; i < extra; i++)
        callback->stack[i + 2] = PyTuple_GET_ITEM(args, i);
    return 0;
}

void leastsq_release(Callback *callback)
{
    if (callback->stack != NULL)
        Py_XDECREF(callback->stack[1]);
    PyMem_Free(callback->stack);
}

/* Whether the array that x was handed out in last can serve again: nobody else has it, and it is
 * as it was made; __setstate__ may have given it the memory of an immutable object. */
static int can_serve_again(const Callback *callback, npy_intp n)
{
#ifdef Py_GIL_DISABLED
    return 0;
#else
    PyArrayObject *x = (PyArrayObject *)callback->stack[1];

    return x != NULL && Py_REFCNT(x) == 1 && PyArray_NDIM(x) == 1 && PyArray_DIM(x, 0) == n &&
           PyArray_DESCR(x) == callback->descr && PyArray_ISCARRAY(x) &&
           PyArray_CHKFLAGS(x, NPY_ARRAY_OWNDATA) &&
           ((PyArrayObject_fields *)x)->weakreflist == NULL;
#endif
}

/* Calls func or dfun with a copy of x of its own. Python functions look for signals themselves;
 * after other callables it is done here. */
static PyObject *call(Callback *callback, PyObject *function, const double *x, npy_intp n)
{
    PyObject *result;

    if (!can_serve_again(callback, n)) {
        Py_XSETREF(callback->stack[1], PyArray_SimpleNew(1, &n, NPY_DOUBLE));
        if (callback->stack[1] == NULL)
            return NULL;
        callback->descr = PyArray_DESCR((PyArrayObject *)callback->stack[1]);
    }
    memcpy(PyArray_DATA((PyArrayObject *)callback->stack[1]), x, (size_t)n * sizeof(double));
    result = PyObject_Vectorcall(function, callback->stack + 1,
                                 callback->nargs | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
    if (result != NULL && !PyFunction_Check(function) && PyErr_CheckSignals() < 0)
        Py_CLEAR(result);
    return result;
}

int leastsq_residual(void *p, int m, int n, const double *x, double *fvec, int Py_UNUSED(iflag))
{
    Callback *callback = p;
    PyObject *result;
    int status;

    if (callback->have_fvec) {
        callback->have_fvec = 0;
        return 0;
    }
    result = call(callback, callback->func, x, n);
    if (result == NULL)
        return -1;
    status = leastsq_store_residual(result, m, fvec);
    Py_DECREF(result);
    return status;
}

int leastsq_jacobian(Callback *callback, const double *x, npy_intp m, npy_intp n, double *fjac)
{
    PyObject *result = call(callback, callback->dfun, x, n);
    int status;

    if (result == NULL)
        return -1;
    status = leastsq_store_jacobian(result, callback->dfun, m, n, callback->transposed, fjac);
    Py_DECREF(result);
    return status;
}

int leastsq_residual_or_jacobian(void *p, int m, int n, const double *x, double *fvec,
                                 double *fjac, int Py_UNUSED(ldfjac), int iflag)
{
    Callback *callback = p;

    if (iflag == 1)
        return leastsq_residual(p, m, n, x, fvec, iflag);
    if (callback->have_fjac) {
        callback->have_fjac = 0;
        return 0;
    }
    return leastsq_jacobian(callback, x, m, n, fjac);
}

static double relative_error_of(PyArrayObject *array)
{
    switch (PyArray_TYPE(array)) {
    case NPY_HALF:
        return HALF_EPSILON;
    case NPY_FLOAT:
        return FLT_EPSILON;
    default:
        return DBL_EPSILON;
    }
}

/* The residual as an array of its own type, if its length is one that n parameters can have. */
static PyArrayObject *residual_array(PyObject *result, npy_intp n, npy_intp *m)
{
    PyArrayObject *array = leastsq_as_array(result);

    if (array == NULL)
        return NULL;
    *m = PyArray_NDIM(array) == 0 ? 1 : PyArray_DIM(array, 0);
    if (*m > INT_MAX)
        PyErr_Format(PyExc_OverflowError,
                     "func output vector length M=%zd is more than a C int can hold",
                     (Py_ssize_t)*m);
    else if (*m < n && !leastsq_is_none(array))
        PyErr_Format(PyExc_TypeError,
                     "Improper input: func input vector length N=%zd must not exceed func output "
                     "vector length M=%zd",
                     (Py_ssize_t)n, (Py_ssize_t)*m);
    else
        return array;
    Py_DECREF(array);
    return NULL;
}

PyArrayObject *leastsq_first_residual(Callback *callback, const double *x, npy_intp n,
                                      double *relative_error)
{
    PyObject *result = call(callback, callback->func, x, n), *fvec = NULL;
    PyArrayObject *array;
    npy_intp m;

    if (result == NULL)
        return NULL;
    array = residual_array(result, n, &m);
    Py_DECREF(result);
    if (array == NULL)
        return NULL;
    *relative_error = relative_error_of(array);
    fvec = PyArray_SimpleNew(1, &m, NPY_DOUBLE);
    if (fvec != NULL &&
        leastsq_store_residual((PyObject *)array, m, PyArray_DATA((PyArrayObject *)fvec)) < 0)
        Py_CLEAR(fvec);
    Py_DECREF(array);
    return (PyArrayObject *)fvec;
}
