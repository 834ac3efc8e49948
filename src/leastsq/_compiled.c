/* Calls a compiled residual. */
#include "_compiled.h"
#include "_methods.h"

#include <limits.h>
#include <string.h>
#include <time.h>

#define CAPSULE "leastsq._minpack.compiled"

static const double SLICE = 0.02;  /* seconds without the GIL */
static const double GLANCE = 0.002; /* seconds between looks at the clock, some */

static void free_compiled(PyObject *capsule)
{
    Compiled *compiled = PyCapsule_GetPointer(capsule, CAPSULE);

    PyMem_Free(compiled->scratch);
    Py_XDECREF(compiled->keep);
    PyMem_Free(compiled);
}

Compiled *leastsq_compiled_of(PyObject *function)
{
    return PyCapsule_IsValid(function, CAPSULE) ? PyCapsule_GetPointer(function, CAPSULE) : NULL;
}

/* Takes a row: (word, address, stride, index). */
static int take_rows(ProblemRows *rows, PyObject *item)
{
    PyObject *address, *index;

    if (!PyArg_ParseTuple(item, "nOnO", &rows->word, &address, &rows->stride, &index))
        return -1;
    rows->rows = PyLong_AsVoidPtr(address);
    rows->index = index == Py_None ? NULL : PyArray_DATA((PyArrayObject *)index);
    return 0;
}

/* The arguments of compiled by their places. */
enum { ADDRESS, JACOBIAN, M, N, POINTER, BLOCK, ROWS, KEEP, NARGS };

/* compiled(address, jacobian, m, n, p, block, rows, keep) -> what leastsq calls
 * p: an address; block: an array of words to which p points instead, or None. rows: a tuple of
 * (word, address, stride, index), see ProblemRows. */
PyObject *leastsq_py_compiled(PyObject *Py_UNUSED(self), PyObject *const *args, Py_ssize_t nargs)
{
    /* ISO C has no cast between pointers to functions and to data. */
    union {
        void *pointer;
        leastsq_func_mn residual;
        leastsq_funcder_mn both;
    } as;
    Compiled *compiled;
    PyObject *capsule;
    Py_ssize_t nrows;
    size_t m, n;

    if (leastsq_check_nargs("compiled", nargs, NARGS) < 0)
        return NULL;
    nrows = PyTuple_GET_SIZE(args[ROWS]);
    compiled = PyMem_Calloc(1, sizeof(Compiled) + (size_t)nrows * sizeof(ProblemRows));
    capsule = leastsq_new_capsule(compiled, CAPSULE, free_compiled);
    if (capsule == NULL)
        return NULL;
    m = PyLong_AsSize_t(args[M]);
    n = PyLong_AsSize_t(args[N]);
    compiled->n = (npy_intp)n;
    as.pointer = PyLong_AsVoidPtr(args[ADDRESS]);
    if (args[JACOBIAN] == Py_True)
        compiled->both = as.both;
    else
        compiled->residual = as.residual;
    compiled->p = PyLong_AsVoidPtr(args[POINTER]);
    if (args[BLOCK] != Py_None)
        compiled->p = compiled->block = PyArray_DATA((PyArrayObject *)args[BLOCK]);
    compiled->keep = PyTuple_Pack(3, args[BLOCK], args[ROWS], args[KEEP]);
    compiled->calls = compiled->calls_left = 1;
    compiled->scratch = PyMem_New(double, n + m + m * n);
    if (compiled->scratch == NULL)
        PyErr_NoMemory();
    for (; compiled->nrows < nrows && !PyErr_Occurred(); compiled->nrows++)
        take_rows(compiled->rows + compiled->nrows,
                  PyTuple_GET_ITEM(args[ROWS], compiled->nrows));
    if (PyErr_Occurred())
        Py_CLEAR(capsule);
    return capsule;
}

void leastsq_compiled_problem(Compiled *compiled, npy_int64 problem)
{
    for (Py_ssize_t i = 0; i < compiled->nrows; i++) {
        const ProblemRows *rows = compiled->rows + i;
        void *row = rows->rows + rows->stride * (rows->index == NULL ? problem
                                                                    : rows->index[problem]);

        if (rows->word < 0)
            compiled->p = row;
        else
            compiled->block[rows->word] = row;
    }
}

static double seconds(void)
{
    struct timespec now;

    timespec_get(&now, TIME_UTC);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void leastsq_compiled_enter(Compiled *compiled)
{
    compiled->value = compiled->interrupted = compiled->late = 0;
    compiled->looked = compiled->sliced = seconds();
    compiled->thread = PyEval_SaveThread();
}

void leastsq_compiled_leave(Compiled *compiled)
{
    PyEval_RestoreThread(compiled->thread);
    if (!compiled->interrupted) /* numba leaves errors of its object mode */
        PyErr_Clear();
}

/* Looks at the clock after so many calls as take some milliseconds, and now and then for an
 * interrupt; 0, or -1 with an exception. */
static int glance(Compiled *compiled)
{
    double now, elapsed;

    if (--compiled->calls_left > 0)
        return 0;
    now = seconds();
    elapsed = now - compiled->looked;
    compiled->looked = now;
    if (elapsed < GLANCE && compiled->calls < INT_MAX / 2)
        compiled->calls *= 2;
    else if (elapsed > 2.0 * GLANCE)
        compiled->calls = 1 + (int)(compiled->calls * GLANCE / elapsed);
    compiled->calls_left = compiled->calls;
    if (now - compiled->sliced < SLICE && elapsed >= 0.0) /* clocks are set back, too */
        return 0;
    compiled->sliced = now;
    compiled->late = 1;
    PyEval_RestoreThread(compiled->thread);
    compiled->interrupted = PyErr_CheckSignals() < 0;
    compiled->thread = PyEval_SaveThread();
    return compiled->interrupted ? -1 : 0;
}

/* What a call has come to. */
static int verdict(Compiled *compiled, int value)
{
    if (value >= 0)
        return glance(compiled);
    compiled->value = value;
    return -1;
}

/* A copy of x, which is not the solve's own. */
static const double *copy_of(Compiled *compiled, int n, const double *x)
{
    return memcpy(compiled->scratch, x, (size_t)n * sizeof(double));
}

int leastsq_compiled_residual(Compiled *compiled, int m, int n, const double *x, double *fvec)
{
    const double *p = copy_of(compiled, n, x);

    if (compiled->both == NULL)
        return verdict(compiled, compiled->residual(compiled->p, m, n, p, fvec, 1));
    return verdict(compiled,
                   compiled->both(compiled->p, m, n, p, fvec, compiled->scratch + n + m, m, 1));
}

int leastsq_compiled_jacobian(Compiled *compiled, int m, int n, const double *x, double *fjac)
{
    const double *p = copy_of(compiled, n, x);

    return verdict(compiled,
                   compiled->both(compiled->p, m, n, p, compiled->scratch + n, fjac, m, 2));
}

/* last_call(compiled) -> the negative value returned, or 0, and x */
PyObject *leastsq_py_last_call(PyObject *Py_UNUSED(self), PyObject *capsule)
{
    Compiled *compiled = PyCapsule_GetPointer(capsule, CAPSULE);
    PyObject *x;

    if (compiled == NULL)
        return NULL;
    x = PyArray_SimpleNew(1, &compiled->n, NPY_DOUBLE);
    if (x != NULL)
        memcpy(PyArray_DATA((PyArrayObject *)x), compiled->scratch,
               (size_t)compiled->n * sizeof(double));
    return Py_BuildValue("iN", compiled->value, x);
}

/* capsule(object) -> address and name of a function's capsule, and the address of its context;
 * None where it has none. */
PyObject *leastsq_py_capsule(PyObject *Py_UNUSED(self), PyObject *object)
{
    const char *name = PyCapsule_GetName(object);
    void *address, *context;

    if (name == NULL && PyErr_Occurred())
        return NULL;
    address = PyCapsule_GetPointer(object, name);
    context = address == NULL ? NULL : PyCapsule_GetContext(object);
    if (PyErr_Occurred())
        return NULL;
    return Py_BuildValue("NzN", PyLong_FromVoidPtr(address), name, PyLong_FromVoidPtr(context));
}
