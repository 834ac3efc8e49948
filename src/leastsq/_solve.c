/* One solve for leastsq(): allocates the arrays, calls lmdif or lmder, and returns the results. */
#include "_methods.h"
#include "_trampoline.h"
#include "leastsq.h"

#include <string.h>

/* The arrays of one solve; those that are returned are NumPy's. */
typedef struct {
    PyArrayObject *fvec, *fjac, *ipvt, *qtf;
    double *diag; /* diag, wa1, wa2, wa3 and a point, n elements each, then wa4, m elements */
} Arrays;

/* Allocates all but fvec; 0, or -1. fjac is set to zeros for a compiled residual, which can end a
 * solve before the first Jacobian. */
static int allocate(Arrays *arrays, npy_intp n, int compiled)
{
    npy_intp m = PyArray_SIZE(arrays->fvec), shape[2] = {n, m};

    arrays->fjac = (PyArrayObject *)PyArray_EMPTY(2, shape, NPY_DOUBLE, 0);
    if (compiled && arrays->fjac != NULL)
        memset(PyArray_DATA(arrays->fjac), 0, (size_t)PyArray_NBYTES(arrays->fjac));
    arrays->ipvt = (PyArrayObject *)PyArray_ZEROS(1, &n, NPY_INT, 0);
    arrays->qtf = (PyArrayObject *)PyArray_ZEROS(1, &n, NPY_DOUBLE, 0);
    arrays->diag = PyMem_New(double, 5 * (size_t)n + (size_t)m);
    if (arrays->diag == NULL)
        PyErr_NoMemory();
    return PyErr_Occurred() ? -1 : 0;
}

static void free_arrays(Arrays *arrays)
{
    Py_XDECREF(arrays->fvec);
    Py_XDECREF(arrays->fjac);
    Py_XDECREF(arrays->ipvt);
    Py_XDECREF(arrays->qtf);
    PyMem_Free(arrays->diag);
}

/* The scalar arguments of a solve. */
typedef struct {
    double ftol, xtol, gtol, factor, epsfcn;
    int maxfev, mode;
} Settings;

static int run(UserFunctions *user, const Settings *settings, npy_intp n, double *x,
               const Arrays *arrays, int *nfev, int *njev)
{
    npy_intp m = PyArray_SIZE(arrays->fvec);
    double *fvec = PyArray_DATA(arrays->fvec), *fjac = PyArray_DATA(arrays->fjac);
    double *qtf = PyArray_DATA(arrays->qtf), *diag = arrays->diag;
    double *wa1 = diag + n, *wa2 = wa1 + n, *wa3 = wa2 + n, *wa4 = wa3 + 2 * n;
    int *ipvt = PyArray_DATA(arrays->ipvt), info;

    user->have_fvec = 1;
    user->have_fjac = user->dfun != NULL;
    user->point = wa3 + n;
    if (!user->analytic)
        info = leastsq_lmdif(leastsq_residual, user, (int)m, (int)n, x, fvec, settings->ftol,
                             settings->xtol, settings->gtol, settings->maxfev, settings->epsfcn,
                             diag, settings->mode, settings->factor, 0, nfev, fjac, (int)m, ipvt,
                             qtf, wa1, wa2, wa3, wa4);
    else
        info = leastsq_lmder(leastsq_residual_or_jacobian, user, (int)m, (int)n, x, fvec, fjac,
                             (int)m, settings->ftol, settings->xtol, settings->gtol,
                             settings->maxfev, diag, settings->mode, settings->factor, 0, nfev,
                             njev, ipvt, qtf, wa1, wa2, wa3, wa4);
    if (info < 0 && !user->analytic && user->iflag == 2) /* x still has a difference step */
        memcpy(x, user->point, (size_t)n * sizeof(double));
    for (npy_intp j = 0; j < n; j++)
        ipvt[j] -= ipvt[j] > 0;
    return info;
}

/* The same; the GIL is released if func is compiled. */
static int run_without_gil_if_compiled(UserFunctions *user, const Settings *settings, npy_intp n,
                                      double *x, const Arrays *arrays, int *nfev, int *njev)
{
    int info;

    if (user->compiled == NULL)
        return run(user, settings, n, x, arrays, nfev, njev);
    leastsq_compiled_release_gil(user->compiled);
    info = run(user, settings, n, x, arrays, nfev, njev);
    leastsq_compiled_acquire_gil(user->compiled);
    return info;
}

/* Allocates the arrays and evaluates the functions for the first time; returns 1, 0 if a compiled
 * residual has failed, or -1 with an exception. */
static int prepare_arrays(UserFunctions *user, const double *x, npy_intp n, Arrays *arrays,
                          double *relative_error)
{
    npy_intp m;

    arrays->fvec = leastsq_first_residual(user, x, n, relative_error);
    if (arrays->fvec == NULL || allocate(arrays, n, user->compiled != NULL) < 0)
        return -1;
    m = PyArray_SIZE(arrays->fvec);
    if (user->dfun != NULL && leastsq_jacobian(user, x, PyArray_DATA(arrays->fvec), m, n,
                                               PyArray_DATA(arrays->fjac)) < 0)
        return -1;
    return !leastsq_has_failed(user);
}

/* The arguments of solve by position. */
enum { FUNC, X, ARGS, DFUN, TRANSPOSED, FTOL, XTOL, GTOL, MAXFEV, FACTOR, DIAG, EPSFCN, NARGS };

/* solve(func, x, args, dfun, transposed, ftol, xtol, gtol, maxfev, factor, diag, epsfcn)
 *     -> info, finite, nfev, njev, fvec, fjac, ipvt, qtf
 * x is overwritten; dfun, diag and epsfcn may be None. If an argument is out of range, info is 0:
 * func, and a dfun written in Python, have been called once, as for a solve. If a compiled residual
 * has failed, info is -1. */
PyObject *leastsq_py_solve(PyObject *Py_UNUSED(self), PyObject *const *args, Py_ssize_t nargs)
{
    PyObject *outcome = NULL, *dfun;
    int info = -1, nfev = 1, njev = 0, finite = 1, proceed;
    npy_intp n;
    double *x;
    Settings settings;
    UserFunctions user = {0};
    Arrays arrays = {0};

    if (leastsq_check_nargs("solve", nargs, NARGS) < 0)
        return NULL;
    n = PyArray_SIZE((PyArrayObject *)args[X]);
    x = PyArray_DATA((PyArrayObject *)args[X]);
    dfun = args[DFUN] == Py_None ? NULL : args[DFUN];
    settings = (Settings){.ftol = PyFloat_AsDouble(args[FTOL]),
                          .xtol = PyFloat_AsDouble(args[XTOL]),
                          .gtol = PyFloat_AsDouble(args[GTOL]),
                          .maxfev = (int)PyLong_AsLong(args[MAXFEV]),
                          .factor = PyFloat_AsDouble(args[FACTOR]),
                          .mode = args[DIAG] == Py_None ? 1 : 2};
    if (leastsq_prepare(&user, args[FUNC], dfun, args[ARGS]) < 0)
        return NULL;
    user.transposed = args[TRANSPOSED] == Py_True;
    proceed = prepare_arrays(&user, x, n, &arrays, &settings.epsfcn);
    if (proceed < 0)
        goto done;
    if (args[EPSFCN] != Py_None)
        settings.epsfcn = PyFloat_AsDouble(args[EPSFCN]);
    if (settings.mode == 2)
        memcpy(arrays.diag, PyArray_DATA((PyArrayObject *)args[DIAG]), (size_t)n * sizeof(double));
    if (proceed)
        info = run_without_gil_if_compiled(&user, &settings, n, x, &arrays, &nfev, &njev);
    if (PyErr_Occurred())
        goto done;
    if (info == LEASTSQ_IMPROPER_INPUT)
        memset(PyArray_DATA(arrays.fjac), 0, (size_t)PyArray_NBYTES(arrays.fjac));
    else if (proceed) /* otherwise m may be an estimate, and less than n */
        finite = leastsq_is_finite(PyArray_SIZE(arrays.fvec), n, x, PyArray_DATA(arrays.fvec),
                                   PyArray_DATA(arrays.fjac));
    outcome = Py_BuildValue("iOiiOOOO", info, finite ? Py_True : Py_False, nfev, njev,
                            arrays.fvec, arrays.fjac, arrays.ipvt, arrays.qtf);
done:
    leastsq_release(&user);
    free_arrays(&arrays);
    return outcome;
}
