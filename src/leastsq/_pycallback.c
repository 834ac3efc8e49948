/* Calls the user's Python functions from the core.
 *
 * The GIL is kept throughout. x goes out and residuals come back as copies: neither side can see
 * the other's memory. An exception ends the solve through a negative flag and stays set. */
#include "_pycallback.h"
#include "_results.h"
#include "leastsq.h"
#include "leastsq_build.h"

#include <float.h>
#include <limits.h>
#include <string.h>

#define HALF_EPSILON 0x1p-10 /* of IEEE half precision, NumPy's float16 */

/* The user's functions and what one solve knows of them. */
typedef struct {
    PyObject *func;
    PyObject *dfun;
    PyObject **stack; /* one free slot, x, then the extra arguments */
    size_t nargs;     /* x and the extra arguments */
    int transposed;   /* dfun returns (n, m) */
    int have_fvec;    /* the residual at x0 stands in fvec already */
    int have_fjac;    /* the Jacobian at x0 stands in fjac already */
} Callback;

static int prepare(Callback *callback, PyObject *func, PyObject *dfun, PyObject *args)
{
    Py_ssize_t extra = PyTuple_GET_SIZE(args);

    *callback = (Callback){.func = func, .dfun = dfun, .nargs = (size_t)extra + 1};
    callback->stack = PyMem_New(PyObject *, extra + 2);
    if (callback->stack == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (Py_ssize_t i = 0; i < extra; i++)
        callback->stack[i + 2] = PyTuple_GET_ITEM(args, i);
    return 0;
}

/* Calls func or dfun with a copy of x of its own; signals are seen even between C callables. */
static PyObject *call(const Callback *callback, PyObject *function, const double *x, npy_intp n)
{
    PyObject *copy = PyArray_SimpleNew(1, &n, NPY_DOUBLE);
    PyObject *result;

    if (copy == NULL)
        return NULL;
    memcpy(PyArray_DATA((PyArrayObject *)copy), x, (size_t)n * sizeof(double));
    callback->stack[1] = copy;
    result = PyObject_Vectorcall(function, callback->stack + 1,
                                 callback->nargs | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
    Py_DECREF(copy);
    if (result != NULL && PyErr_CheckSignals() < 0)
        Py_CLEAR(result);
    return result;
}

static int residual(void *p, int m, int n, const double *x, double *fvec, int Py_UNUSED(iflag))
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

static int residual_or_jacobian(void *p, int m, int n, const double *x, double *fvec,
                                double *fjac, int Py_UNUSED(ldfjac), int iflag)
{
    Callback *callback = p;
    PyObject *result;
    int status;

    if (iflag == 1)
        return residual(p, m, n, x, fvec, iflag);
    if (callback->have_fjac) {
        callback->have_fjac = 0;
        return 0;
    }
    result = call(callback, callback->dfun, x, n);
    if (result == NULL)
        return -1;
    status = leastsq_store_jacobian(result, callback->dfun, m, n, callback->transposed, fjac);
    Py_DECREF(result);
    return status;
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
    else if (*m < n)
        PyErr_Format(PyExc_TypeError,
                     "Improper input: func input vector length N=%zd must not exceed func output "
                     "vector length M=%zd",
                     (Py_ssize_t)n, (Py_ssize_t)*m);
    else
        return array;
    Py_DECREF(array);
    return NULL;
}

/* first_residual(func, x, args) -> fvec, relative error of its type */
PyObject *leastsq_py_first_residual(PyObject *Py_UNUSED(self), PyObject *const *args,
                                    Py_ssize_t Py_UNUSED(nargs))
{
    PyArrayObject *x = (PyArrayObject *)args[1], *array = NULL;
    PyObject *result = NULL, *fvec = NULL, *both = NULL;
    npy_intp m;
    Callback callback;

    if (prepare(&callback, args[0], NULL, args[2]) < 0)
        return NULL;
    result = call(&callback, callback.func, PyArray_DATA(x), PyArray_SIZE(x));
    PyMem_Free(callback.stack);
    if (result == NULL)
        return NULL;
    array = residual_array(result, PyArray_SIZE(x), &m);
    Py_DECREF(result);
    if (array == NULL)
        return NULL;
    fvec = PyArray_SimpleNew(1, &m, NPY_DOUBLE);
    if (fvec != NULL &&
        leastsq_store_residual((PyObject *)array, m, PyArray_DATA((PyArrayObject *)fvec)) == 0)
        both = Py_BuildValue("Od", fvec, relative_error_of(array));
    Py_XDECREF(fvec);
    Py_DECREF(array);
    return both;
}

static PyObject *new_jacobian(npy_intp m, npy_intp n)
{
    npy_intp shape[2] = {n, m};

    return PyArray_SimpleNew(2, shape, NPY_DOUBLE);
}

/* first_jacobian(dfun, x, args, m, transposed) -> fjac (n, m) */
PyObject *leastsq_py_first_jacobian(PyObject *Py_UNUSED(self), PyObject *const *args,
                                    Py_ssize_t Py_UNUSED(nargs))
{
    PyArrayObject *x = (PyArrayObject *)args[1];
    npy_intp n = PyArray_SIZE(x), m = PyLong_AsSsize_t(args[3]);
    PyObject *result, *fjac;
    Callback callback;

    if (prepare(&callback, NULL, args[0], args[2]) < 0)
        return NULL;
    result = call(&callback, callback.dfun, PyArray_DATA(x), n);
    PyMem_Free(callback.stack);
    if (result == NULL)
        return NULL;
    fjac = new_jacobian(m, n);
    if (fjac != NULL &&
        leastsq_store_jacobian(result, callback.dfun, m, n, PyObject_IsTrue(args[4]),
                               PyArray_DATA((PyArrayObject *)fjac)) < 0)
        Py_CLEAR(fjac);
    Py_DECREF(result);
    return fjac;
}

/* The arrays of one solve beside x and fvec. */
typedef struct {
    PyObject *fjac, *ipvt, *qtf;
    double *diag;    /* then wa1, wa2, wa3 of n numbers each and wa4 of m */
    int mode;        /* 2 where diag is the user's */
} Arrays;

static int allocate(Arrays *arrays, npy_intp m, npy_intp n, PyObject *diag, PyObject *fjac)
{
    size_t length = (size_t)n;

    arrays->fjac = fjac == NULL ? new_jacobian(m, n) : Py_NewRef(fjac);
    arrays->ipvt = PyArray_SimpleNew(1, &n, NPY_INT);
    arrays->qtf = PyArray_SimpleNew(1, &n, NPY_DOUBLE);
    arrays->diag = PyMem_New(double, 4 * length + (size_t)m);
    arrays->mode = diag == Py_None ? 1 : 2;
    if (arrays->diag == NULL)
        PyErr_NoMemory();
    else if (arrays->mode == 2)
        memcpy(arrays->diag, PyArray_DATA((PyArrayObject *)diag), length * sizeof(double));
    return PyErr_Occurred() ? -1 : 0;
}

static void release(Arrays *arrays)
{
    Py_XDECREF(arrays->fjac);
    Py_XDECREF(arrays->ipvt);
    Py_XDECREF(arrays->qtf);
    PyMem_Free(arrays->diag);
}

static void count_from_zero(int *ipvt, npy_intp n)
{
    for (npy_intp j = 0; j < n; j++)
        ipvt[j]--;
}

/* lmdif(func, x, args, fvec, ftol, xtol, gtol, maxfev, factor, diag or None, epsfcn)
 *     -> info, nfev, fjac, ipvt, qtf; x and fvec are overwritten
 * lmder(the same ten, dfun, fjac, transposed)
 *     -> info, nfev, fjac, ipvt, qtf, njev */
static PyObject *solve(PyObject *const *args, int analytic)
{
    npy_intp n = PyArray_SIZE((PyArrayObject *)args[1]);
    npy_intp m = PyArray_SIZE((PyArrayObject *)args[3]);
    double *x = PyArray_DATA((PyArrayObject *)args[1]);
    double *fvec = PyArray_DATA((PyArrayObject *)args[3]);
    double ftol = PyFloat_AsDouble(args[4]), xtol = PyFloat_AsDouble(args[5]);
    double gtol = PyFloat_AsDouble(args[6]), factor = PyFloat_AsDouble(args[8]);
    int maxfev = (int)PyLong_AsLong(args[7]), info, nfev, njev;
    PyObject *outcome = NULL;
    Callback callback;
    Arrays arrays = {0};

    if (prepare(&callback, args[0], analytic ? args[10] : NULL, args[2]) < 0)
        return NULL;
    callback.have_fvec = 1;
    callback.have_fjac = analytic;
    if (allocate(&arrays, m, n, args[9], analytic ? args[11] : NULL) == 0) {
        double *fjac = PyArray_DATA((PyArrayObject *)arrays.fjac);
        int *ipvt = PyArray_DATA((PyArrayObject *)arrays.ipvt);
        double *qtf = PyArray_DATA((PyArrayObject *)arrays.qtf);
        double *wa1 = arrays.diag + n, *wa2 = wa1 + n, *wa3 = wa2 + n, *wa4 = wa3 + n;

        if (analytic) {
            callback.transposed = PyObject_IsTrue(args[12]);
            info = leastsq_lmder(residual_or_jacobian, &callback, (int)m, (int)n, x, fvec, fjac,
                                 (int)m, ftol, xtol, gtol, maxfev, arrays.diag, arrays.mode,
                                 factor, 0, &nfev, &njev, ipvt, qtf, wa1, wa2, wa3, wa4);
        } else
            info = leastsq_lmdif(residual, &callback, (int)m, (int)n, x, fvec, ftol, xtol, gtol,
                                 maxfev, PyFloat_AsDouble(args[10]), arrays.diag, arrays.mode,
                                 factor, 0, &nfev, fjac, (int)m, ipvt, qtf, wa1, wa2, wa3, wa4);
        if (info >= 0) {
            count_from_zero(ipvt, n);
            outcome = analytic ? Py_BuildValue("iiOOOi", info, nfev, arrays.fjac, arrays.ipvt,
                                               arrays.qtf, njev)
                               : Py_BuildValue("iiOOO", info, nfev, arrays.fjac, arrays.ipvt,
                                               arrays.qtf);
        }
    }
    PyMem_Free(callback.stack);
    release(&arrays);
    return outcome;
}

PyObject *leastsq_py_lmdif(PyObject *Py_UNUSED(self), PyObject *const *args,
                           Py_ssize_t Py_UNUSED(nargs))
{
    return solve(args, 0);
}

PyObject *leastsq_py_lmder(PyObject *Py_UNUSED(self), PyObject *const *args,
                           Py_ssize_t Py_UNUSED(nargs))
{
    return solve(args, 1);
}

/* Copies R, (n, m) by columns, to the upper triangle of an n x n matrix; 0 where its diagonal has
 * an exact zero, and nothing of use was copied. */
static int copy_triangle(const double *fjac, npy_intp m, npy_intp n, double *r)
{
    for (npy_intp j = 0; j < n; j++) {
        if (fjac[j * m + j] == 0.0)
            return 0;
        memcpy(r + j * n, fjac + j * m, (size_t)(j + 1) * sizeof(double));
    }
    return 1;
}

/* covariance(fjac, ipvt) -> (J^T J)^-1, shape (n, n), or None where R is singular */
PyObject *leastsq_py_covariance(PyObject *Py_UNUSED(self), PyObject *const *args,
                                Py_ssize_t Py_UNUSED(nargs))
{
    PyArrayObject *fjac = (PyArrayObject *)args[0];
    const int *ipvt = PyArray_DATA((PyArrayObject *)args[1]);
    npy_intp n = PyArray_DIM(fjac, 0), m = PyArray_DIM(fjac, 1);
    npy_intp shape[2] = {n, n};
    PyObject *cov = PyArray_SimpleNew(2, shape, NPY_DOUBLE);
    double *work = PyMem_New(double, n);
    int *from_one = PyMem_New(int, n);

    if (cov == NULL || work == NULL || from_one == NULL) {
        Py_CLEAR(cov);
        PyErr_NoMemory();
    } else if (copy_triangle(PyArray_DATA(fjac), m, n, PyArray_DATA((PyArrayObject *)cov))) {
        for (npy_intp j = 0; j < n; j++)
            from_one[j] = ipvt[j] + 1;
        leastsq_covar((int)n, PyArray_DATA((PyArrayObject *)cov), (int)n, from_one, 0.0, work);
    } else
        Py_SETREF(cov, Py_NewRef(Py_None));
    PyMem_Free(work);
    PyMem_Free(from_one);
    return cov;
}

/* build_config() -> dict of what this module was built from */
PyObject *leastsq_py_build_config(PyObject *Py_UNUSED(self), PyObject *Py_UNUSED(none))
{
    return Py_BuildValue("{ssssssssssss}", "version", LEASTSQ_BUILD_VERSION, "numpy",
                         LEASTSQ_BUILD_NUMPY, "c_compiler", LEASTSQ_BUILD_C_COMPILER,
                         "fortran_compiler", LEASTSQ_BUILD_FORTRAN_COMPILER, "fortran_flags",
                         LEASTSQ_BUILD_FORTRAN_FLAGS, "minpack", LEASTSQ_BUILD_MINPACK);
}
