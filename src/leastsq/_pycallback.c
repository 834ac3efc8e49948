/* Calls the user's Python functions from the core.
 *
 * The GIL is kept throughout. x goes out and residuals come back as copies: neither side can see
 * the other's memory. An exception ends the solve through a negative flag and stays set. */
#include "_methods.h"
#include "_results.h"
#include "leastsq.h"

#include <float.h>
#include <limits.h>
#include <math.h>
#include <string.h>

#define HALF_EPSILON 0x1p-10 /* of IEEE half precision, NumPy's float16 */

/* The user's functions and what one solve knows of them. */
typedef struct {
    PyObject *func;
    PyObject *dfun;
    PyObject **stack; /* one free slot, x (ours), then the extra arguments (borrowed) */
    PyArray_Descr *descr; /* type of x as it was made; only compared */
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
    callback->stack[1] = NULL;
    for (Py_ssize_t i = 0; i < extra; i++)
        callback->stack[i + 2] = PyTuple_GET_ITEM(args, i);
    return 0;
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

static int jacobian(Callback *callback, const double *x, npy_intp m, npy_intp n,
                    double *fjac)
{
    PyObject *result = call(callback, callback->dfun, x, n);
    int status;

    if (result == NULL)
        return -1;
    status = leastsq_store_jacobian(result, callback->dfun, m, n, callback->transposed, fjac);
    Py_DECREF(result);
    return status;
}

static int residual_or_jacobian(void *p, int m, int n, const double *x, double *fvec,
                                double *fjac, int Py_UNUSED(ldfjac), int iflag)
{
    Callback *callback = p;

    if (iflag == 1)
        return residual(p, m, n, x, fvec, iflag);
    if (callback->have_fjac) {
        callback->have_fjac = 0;
        return 0;
    }
    return jacobian(callback, x, m, n, fjac);
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

/* The first evaluation, which finds m: a fresh fvec, and the relative error of its type. */
static PyArrayObject *first_residual(Callback *callback, const double *x, npy_intp n,
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

/* The arrays of one solve; those that are returned are NumPy's. */
typedef struct {
    PyArrayObject *fvec, *fjac, *ipvt, *qtf;
    double *diag; /* then wa1, wa2, wa3 of n numbers each and wa4 of m */
} Arrays;

static int allocate(Arrays *arrays, npy_intp n)
{
    npy_intp m = PyArray_SIZE(arrays->fvec), shape[2] = {n, m};

    arrays->fjac = (PyArrayObject *)PyArray_SimpleNew(2, shape, NPY_DOUBLE);
    arrays->ipvt = (PyArrayObject *)PyArray_ZEROS(1, &n, NPY_INT, 0);
    arrays->qtf = (PyArrayObject *)PyArray_ZEROS(1, &n, NPY_DOUBLE, 0);
    arrays->diag = PyMem_New(double, 4 * (size_t)n + (size_t)m);
    if (arrays->diag == NULL)
        PyErr_NoMemory();
    return PyErr_Occurred() ? -1 : 0;
}

static void release(Arrays *arrays)
{
    Py_XDECREF(arrays->fvec);
    Py_XDECREF(arrays->fjac);
    Py_XDECREF(arrays->ipvt);
    Py_XDECREF(arrays->qtf);
    PyMem_Free(arrays->diag);
}

/* Whether x, R and the norm of fvec are finite. In R one sees every column norm of the Jacobian. */
static int is_finite(npy_intp m, npy_intp n, const double *x, const double *fvec,
                     const double *fjac)
{
    for (npy_intp j = 0; j < n; j++) {
        if (!isfinite(x[j]))
            return 0;
        for (npy_intp i = 0; i <= j; i++)
            if (!isfinite(fjac[j * m + i]))
                return 0;
    }
    return isfinite(leastsq_enorm((int)m, fvec));
}

/* What a solve is told beside its functions and arrays. */
typedef struct {
    double ftol, xtol, gtol, factor, epsfcn;
    int maxfev, mode;
} Settings;

static int run(Callback *callback, const Settings *settings, npy_intp n, double *x,
               const Arrays *arrays, int *nfev, int *njev)
{
    npy_intp m = PyArray_SIZE(arrays->fvec);
    double *fvec = PyArray_DATA(arrays->fvec), *fjac = PyArray_DATA(arrays->fjac);
    double *qtf = PyArray_DATA(arrays->qtf), *diag = arrays->diag;
    double *wa1 = diag + n, *wa2 = wa1 + n, *wa3 = wa2 + n, *wa4 = wa3 + n;
    int *ipvt = PyArray_DATA(arrays->ipvt), info;

    callback->have_fvec = 1;
    callback->have_fjac = callback->dfun != NULL;
    if (callback->dfun == NULL)
        info = leastsq_lmdif(residual, callback, (int)m, (int)n, x, fvec, settings->ftol,
                             settings->xtol, settings->gtol, settings->maxfev, settings->epsfcn,
                             diag, settings->mode, settings->factor, 0, nfev, fjac, (int)m, ipvt,
                             qtf, wa1, wa2, wa3, wa4);
    else
        info = leastsq_lmder(residual_or_jacobian, callback, (int)m, (int)n, x, fvec, fjac,
                             (int)m, settings->ftol, settings->xtol, settings->gtol,
                             settings->maxfev, diag, settings->mode, settings->factor, 0, nfev,
                             njev, ipvt, qtf, wa1, wa2, wa3, wa4);
    for (npy_intp j = 0; j < n && info >= 0; j++)
        ipvt[j]--;
    return info;
}

/* solve(func, x, args, dfun, transposed, ftol, xtol, gtol, maxfev, factor, diag, epsfcn, proper)
 *     -> info, finite, nfev, njev, fvec, fjac, ipvt, qtf
 * x is overwritten; dfun, diag and epsfcn may be None. Where proper is false the functions are
 * called once each, as for a solve, and info is 0. */
PyObject *leastsq_py_solve(PyObject *Py_UNUSED(self), PyObject *const *args,
                           Py_ssize_t Py_UNUSED(nargs))
{
    npy_intp n = PyArray_SIZE((PyArrayObject *)args[1]), m;
    double *x = PyArray_DATA((PyArrayObject *)args[1]);
    Settings settings = {.ftol = PyFloat_AsDouble(args[5]),
                         .xtol = PyFloat_AsDouble(args[6]),
                         .gtol = PyFloat_AsDouble(args[7]),
                         .maxfev = (int)PyLong_AsLong(args[8]),
                         .factor = PyFloat_AsDouble(args[9]),
                         .mode = args[10] == Py_None ? 1 : 2};
    PyObject *outcome = NULL, *dfun = args[3] == Py_None ? NULL : args[3];
    int info = 0, nfev = 0, njev = 0, finite = 1;
    Callback callback;
    Arrays arrays = {0};

    if (prepare(&callback, args[0], dfun, args[2]) < 0)
        return NULL;
    callback.transposed = args[4] == Py_True;
    arrays.fvec = first_residual(&callback, x, n, &settings.epsfcn);
    if (arrays.fvec == NULL || allocate(&arrays, n) < 0)
        goto done;
    m = PyArray_SIZE(arrays.fvec);
    if (dfun != NULL && jacobian(&callback, x, m, n, PyArray_DATA(arrays.fjac)) < 0)
        goto done;
    if (args[11] != Py_None)
        settings.epsfcn = PyFloat_AsDouble(args[11]);
    if (settings.mode == 2)
        memcpy(arrays.diag, PyArray_DATA((PyArrayObject *)args[10]), (size_t)n * sizeof(double));
    if (args[12] == Py_True)
        info = run(&callback, &settings, n, x, &arrays, &nfev, &njev);
    else
        memset(PyArray_DATA(arrays.fjac), 0, (size_t)m * (size_t)n * sizeof(double));
    if (info > LEASTSQ_IMPROPER_INPUT)
        finite = is_finite(m, n, x, PyArray_DATA(arrays.fvec), PyArray_DATA(arrays.fjac));
    if (info >= 0)
        outcome = Py_BuildValue("iOiiOOOO", info, finite ? Py_True : Py_False, nfev, njev,
                                arrays.fvec, arrays.fjac, arrays.ipvt, arrays.qtf);
done:
    Py_XDECREF(callback.stack[1]);
    PyMem_Free(callback.stack);
    release(&arrays);
    return outcome;
}
