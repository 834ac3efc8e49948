/* Solves by reverse communication: start, requests, state, checkpoints. */
#include "_ask.h"
#include "_methods.h"

#include <math.h>
#include <string.h>

#define CAPSULE "leastsq._minpack.solve"

static void free_solve(PyObject *capsule)
{
    Solve *solve = PyCapsule_GetPointer(capsule, CAPSULE);

    PyMem_Free(solve->factors);
    PyMem_Free(solve);
}

/* A capsule with a block of that size, not initialised; size is 0 if it overflows a size_t. */
static PyObject *new_solve(size_t size, Solve **solve)
{
    *solve = size == 0 ? NULL : PyMem_Malloc(sizeof(Solve) + size);
    if (*solve != NULL) {
        (*solve)->telling = 0;
        (*solve)->size = size;
        (*solve)->factors = NULL;
    }
    return leastsq_new_capsule(*solve, CAPSULE, free_solve);
}

Solve *leastsq_solve_of(const char *method, PyObject *const *args, Py_ssize_t nargs,
                        Py_ssize_t wanted)
{
    if (leastsq_check_nargs(method, nargs, wanted) < 0)
        return NULL;
    return PyCapsule_GetPointer(args[0], CAPSULE);
}

/* The arguments of begin by position. */
enum { X, M, ANALYTIC, FTOL, XTOL, GTOL, MAXFEV, FACTOR, DIAG, EPSFCN, NARGS };

/* begin(x, m, analytic, ftol, xtol, gtol, maxfev, factor, diag, epsfcn) -> solve
 * m >= n > 0. diag may be None. epsfcn may be None: it then follows the dtype of the values that
 * tell is given first. If an argument is out of range the solve ends at once. */
PyObject *leastsq_py_begin(PyObject *Py_UNUSED(self), PyObject *const *args, Py_ssize_t nargs)
{
    PyObject *capsule;
    Solve *solve;
    const double *diag = NULL;
    int m, n;

    if (leastsq_check_nargs("begin", nargs, NARGS) < 0)
        return NULL;
    n = (int)PyArray_SIZE((PyArrayObject *)args[X]);
    m = (int)PyLong_AsLong(args[M]);
    capsule = new_solve(leastsq_workspace_size(m, n), &solve);
    if (capsule == NULL)
        return NULL;
    if (args[DIAG] != Py_None)
        diag = PyArray_DATA((PyArrayObject *)args[DIAG]);
    leastsq_start(solve->block, m, n, PyArray_DATA((PyArrayObject *)args[X]),
                  PyFloat_AsDouble(args[FTOL]), PyFloat_AsDouble(args[XTOL]),
                  PyFloat_AsDouble(args[GTOL]), (int)PyLong_AsLong(args[MAXFEV]),
                  args[EPSFCN] == Py_None ? (double)NAN : PyFloat_AsDouble(args[EPSFCN]), diag,
                  diag == NULL ? 1 : 2, PyFloat_AsDouble(args[FACTOR]), args[ANALYTIC] == Py_True);
    return capsule;
}

/* Defines the method of that name, whose argument is a solve: the function of that name in a
 * critical section. */
#define SOLVE_METHOD(name)                                                    \
    PyObject *leastsq_py_##name(PyObject *Py_UNUSED(self), PyObject *capsule) \
    {                                                                         \
        Solve *solve = PyCapsule_GetPointer(capsule, CAPSULE);                \
        PyObject *result = NULL;                                              \
                                                                              \
        if (solve == NULL)                                                    \
            return NULL;                                                      \
        LEASTSQ_BEGIN_CRITICAL(capsule);                                      \
        result = name(solve);                                                 \
        LEASTSQ_END_CRITICAL();                                               \
        return result;                                                        \
    }

/* status(solve) -> request, info, nfev, njev, iteration */
static PyObject *status(Solve *solve)
{
    leastsq_view view;

    leastsq_inspect(solve->block, &view);
    return Py_BuildValue("iiiii", view.request, view.info, view.nfev, view.njev, view.iteration);
}
SOLVE_METHOD(status)

npy_intp leastsq_count_points(const leastsq_view *view)
{
    if (view->request == LEASTSQ_WANTS_DIFFERENCES)
        return view->missing;
    return view->request != LEASTSQ_WANTS_NOTHING;
}

void leastsq_copy_points(const Solve *solve, const leastsq_view *view, double *row)
{
    const npy_intp n = view->n;

    if (view->request != LEASTSQ_WANTS_DIFFERENCES) {
        memcpy(row, view->point, (size_t)n * sizeof(double));
        return;
    }
    for (int j = 0; j < n; j++)
        if (!view->given[j]) {
            leastsq_difference_point(solve->block, j, row);
            row += n;
        }
}

/* points(solve) -> points whose values are requested and not given yet, shape (k, n) */
static PyObject *points(Solve *solve)
{
    leastsq_view view;
    npy_intp shape[2];
    PyObject *rows;

    leastsq_inspect(solve->block, &view);
    shape[0] = leastsq_count_points(&view);
    shape[1] = view.n;
    rows = PyArray_SimpleNew(2, shape, NPY_DOUBLE);
    if (rows != NULL && shape[0] > 0)
        leastsq_copy_points(solve, &view, PyArray_DATA((PyArrayObject *)rows));
    return rows;
}
SOLVE_METHOD(points)

static PyObject *new_copy(const void *data, int ndim, const npy_intp *shape, int type)
{
    PyObject *array = PyArray_SimpleNew(ndim, shape, type);

    if (array != NULL)
        memcpy(PyArray_DATA((PyArrayObject *)array), data,
               (size_t)PyArray_NBYTES((PyArrayObject *)array));
    return array;
}

/* current_point(solve) -> the best point so far, the residual there, accepted steps, nfev
 * The residual is zeros while nfev is 0. */
static PyObject *current_point(Solve *solve)
{
    leastsq_view view;
    npy_intp m, n;

    leastsq_inspect(solve->block, &view);
    m = view.m;
    n = view.n;
    return Py_BuildValue("NNii", new_copy(view.x, 1, &n, NPY_DOUBLE),
                         new_copy(view.fvec, 1, &m, NPY_DOUBLE), view.iteration - 1, view.nfev);
}
SOLVE_METHOD(current_point)

/* The permutation counted from 0; zeros before the first Jacobian. */
static PyObject *permutation(const leastsq_view *view)
{
    npy_intp n = view->n;
    PyObject *ipvt = new_copy(view->ipvt, 1, &n, NPY_INT);
    int *j = ipvt == NULL ? NULL : PyArray_DATA((PyArrayObject *)ipvt);

    for (npy_intp i = 0; j != NULL && i < n; i++)
        j[i] -= j[i] > 0;
    return ipvt;
}

/* results(solve) -> info, finite, nfev, njev, x, fvec, fjac, ipvt, qtf */
static PyObject *results(Solve *solve)
{
    leastsq_view view;
    const double *factors;
    npy_intp shape[2];
    int finite;

    leastsq_inspect(solve->block, &view);
    factors = solve->factors == NULL ? view.fjac : solve->factors;
    shape[0] = view.n;
    shape[1] = view.m;
    finite = leastsq_is_finite(view.m, view.n, view.x, view.fvec, factors);
    return Py_BuildValue("iOiiNNNNN", view.info, finite ? Py_True : Py_False, view.nfev,
                         view.njev, new_copy(view.x, 1, shape, NPY_DOUBLE),
                         new_copy(view.fvec, 1, shape + 1, NPY_DOUBLE),
                         new_copy(factors, 2, shape, NPY_DOUBLE), permutation(&view),
                         new_copy(view.qtf, 1, shape, NPY_DOUBLE));
}
SOLVE_METHOD(results)

/* save(solve) -> its block as an array of bytes, and the saved factors or None */
static PyObject *save(Solve *solve)
{
    leastsq_view view;
    npy_intp size = (npy_intp)solve->size, shape[2];
    PyObject *factors = NULL;

    leastsq_inspect(solve->block, &view);
    shape[0] = view.n;
    shape[1] = view.m;
    if (solve->factors != NULL)
        factors = new_copy(solve->factors, 2, shape, NPY_DOUBLE);
    return Py_BuildValue("NN", new_copy(solve->block, 1, &size, NPY_UBYTE),
                         solve->factors == NULL ? Py_NewRef(Py_None) : factors);
}
SOLVE_METHOD(save)

int leastsq_is_partly_given(const leastsq_view *view)
{
    return view->request == LEASTSQ_WANTS_DIFFERENCES && view->missing < view->n;
}

int leastsq_save_factors(Solve *solve, const double *factors, int m, int n)
{
    size_t count = (size_t)m * (size_t)n;

    solve->factors = PyMem_New(double, count);
    if (solve->factors == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    memcpy(solve->factors, factors, count * sizeof(double));
    return 0;
}

/* restore(block, factors) -> solve, or None if they are not what save returns */
PyObject *leastsq_py_restore(PyObject *Py_UNUSED(self), PyObject *const *args, Py_ssize_t nargs)
{
    PyArrayObject *block, *factors;
    PyObject *capsule;
    Solve *solve;
    leastsq_view view;
    size_t size;
    int sound;

    if (leastsq_check_nargs("restore", nargs, 2) < 0)
        return NULL;
    block = (PyArrayObject *)args[0];
    factors = args[1] == Py_None ? NULL : (PyArrayObject *)args[1];
    size = (size_t)PyArray_NBYTES(block);
    if (size == 0)
        Py_RETURN_NONE;
    capsule = new_solve(size, &solve);
    if (capsule == NULL)
        return NULL;
    memcpy(solve->block, PyArray_DATA(block), size);
    sound = leastsq_block_is_sound(solve->block, size);
    if (sound) {
        leastsq_inspect(solve->block, &view);
        sound = leastsq_is_partly_given(&view) == (factors != NULL);
    }
    if (sound && factors != NULL)
        sound = PyArray_NDIM(factors) == 2 && PyArray_DIM(factors, 0) == view.n &&
                PyArray_DIM(factors, 1) == view.m;
    if (!sound)
        Py_SETREF(capsule, Py_NewRef(Py_None));
    else if (factors != NULL &&
             leastsq_save_factors(solve, PyArray_DATA(factors), view.m, view.n) < 0)
        Py_CLEAR(capsule);
    return capsule;
}
