/* Calls a compiled residual. */
#include "_compiled.h"
#include "_methods.h"
#include "_trampoline.h"

#include <string.h>
#include <time.h>

#define CAPSULE "leastsq._minpack.compiled"

static const double SLICE = 0.02; /* seconds without the GIL */

static void free_compiled(PyObject *capsule)
{
    Compiled *compiled = PyCapsule_GetPointer(capsule, CAPSULE);

    PyMem_Free(compiled->words);
    PyMem_Free(compiled->rows);
    PyMem_Free(compiled->failed_at);
    Py_XDECREF(compiled->point);
    PyMem_Free(compiled->spare);
    Py_XDECREF(compiled->keep);
    PyMem_Free(compiled);
}

PyObject *leastsq_new_compiled(Compiled **compiled)
{
    *compiled = PyMem_Calloc(1, sizeof(Compiled));
    return leastsq_new_capsule(*compiled, CAPSULE, free_compiled);
}

Compiled *leastsq_compiled_of(PyObject *function)
{
    return PyCapsule_IsValid(function, CAPSULE) ? PyCapsule_GetPointer(function, CAPSULE) : NULL;
}

/* Makes an array for x, which functions get. */
static int new_point(Compiled *compiled)
{
    Py_XSETREF(compiled->point, (PyArrayObject *)PyArray_ZEROS(1, &compiled->n, NPY_DOUBLE, 0));
    if (compiled->point == NULL)
        return -1;
    compiled->x = PyArray_DATA(compiled->point);
    compiled->descr = PyArray_DESCR(compiled->point);
    if (compiled->by_adapter)
        compiled->words[0] = (npy_intp)compiled->point;
    return 0;
}

int leastsq_compiled_size(Compiled *compiled, npy_intp m)
{
    const size_t rows = (size_t)m, columns = (size_t)compiled->n;

    compiled->m = m;
    if (compiled->point == NULL) {
        compiled->failed_at = PyMem_Calloc(columns + 1, sizeof(double));
        if (compiled->failed_at == NULL)
            PyErr_NoMemory();
        if (compiled->failed_at == NULL || new_point(compiled) < 0)
            return -1;
    }
    if (compiled->both == NULL)
        return 0;
    PyMem_Free(compiled->spare);
    compiled->spare = PyMem_New(double, rows *(columns + 1));
    if (compiled->spare == NULL)
        PyErr_NoMemory();
    return compiled->spare == NULL ? -1 : 0;
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
            compiled->words[rows->word] = (npy_intp)row;
    }
}

static double seconds(void)
{
    struct timespec now;

#ifdef CLOCK_MONOTONIC_COARSE /* as exact as a tick of the kernel, in a fraction of the time */
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
#else
    timespec_get(&now, TIME_UTC);
#endif
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void leastsq_compiled_enter(Compiled *compiled)
{
    compiled->value = compiled->interrupted = compiled->late = 0;
    compiled->taken = seconds();
    compiled->thread = PyEval_SaveThread();
}

/* Looks at what numba's object mode leaves; whether it is an interrupt, which is set again. One
 * that meets Python code of numba's is overlooked there: the next call's SystemError has it. */
static int is_interrupted(void)
{
    PyObject *error = leastsq_take_exception(), *cause = PyException_GetCause(error);

    if (cause != NULL)
        Py_SETREF(error, cause);
    if (PyErr_GivenExceptionMatches(error, PyExc_Exception)) {
        Py_DECREF(error);
        return 0;
    }
    leastsq_set_exception(error);
    return 1;
}

void leastsq_compiled_leave(Compiled *compiled)
{
    PyEval_RestoreThread(compiled->thread);
    if (!compiled->interrupted && PyErr_Occurred())
        compiled->interrupted = is_interrupted();
}

/* Looks at the clock and, now and then, for an interrupt; 0, or -1 with an exception. */
static int glance(Compiled *compiled)
{
    const double now = seconds();

    if (now - compiled->taken < SLICE && now >= compiled->taken) /* clocks are set back, too */
        return 0;
    compiled->taken = now;
    compiled->late = 1;
    PyEval_RestoreThread(compiled->thread);
    if (PyErr_CheckSignals() < 0)
        compiled->interrupted = 1;
    compiled->thread = PyEval_SaveThread();
    return compiled->interrupted ? -1 : 0;
}

/* Copies x to where functions get it; 0, or -1 with an exception. Python code that a function has
 * called may have kept the array of before. */
static int hand_out(Compiled *compiled, const double *x)
{
    if (compiled->by_adapter &&
        !leastsq_is_ours_alone(compiled->point, compiled->n, compiled->descr)) {
        PyEval_RestoreThread(compiled->thread);
        if (new_point(compiled) < 0)
            compiled->interrupted = 1;
        compiled->thread = PyEval_SaveThread();
        if (compiled->interrupted)
            return -1;
    }
    memcpy(compiled->x, x, (size_t)compiled->n * sizeof(double));
    return 0;
}

/* Calls the function with a copy of x; what it returns. */
static int call(Compiled *compiled, int m, int n, const double *x, double *fvec, int iflag)
{
    if (hand_out(compiled, x) < 0)
        return -1;
    if (compiled->both == NULL)
        return compiled->residual(compiled->p, m, n, compiled->x, fvec, iflag);
    return compiled->both(compiled->p, m, n, compiled->x, fvec, compiled->spare + m, m, iflag);
}

/* What a call has come to. */
static int finish_call(Compiled *compiled, const double *x, int value)
{
    if (value >= 0)
        return glance(compiled);
    compiled->value = value;
    memcpy(compiled->failed_at, x, (size_t)compiled->n * sizeof(double));
    return -1;
}

/* An evaluation with m, which may be a guess: a fresh fvec, zeros where the function has failed,
 * and what it returned; NULL with an exception. */
static PyArrayObject *evaluate(Compiled *compiled, const double *x, npy_intp m, int iflag,
                               int *value)
{
    PyArrayObject *fvec = (PyArrayObject *)PyArray_ZEROS(1, &m, NPY_DOUBLE, 0);

    if (fvec == NULL || (compiled->n == 0 && !compiled->tells_m))
        return fvec;
    leastsq_compiled_enter(compiled);
    *value = call(compiled, (int)m, (int)compiled->n, x, PyArray_DATA(fvec), iflag);
    finish_call(compiled, x, *value);
    leastsq_compiled_leave(compiled);
    if (compiled->interrupted)
        Py_CLEAR(fvec);
    else if (compiled->value < 0) /* it may have written some */
        memset(PyArray_DATA(fvec), 0, (size_t)PyArray_NBYTES(fvec));
    return fvec;
}

PyArrayObject *leastsq_compiled_first(Compiled *compiled, const double *x)
{
    PyArrayObject *fvec = NULL;
    int m = (int)compiled->m;

    if (compiled->tells_m) {
        fvec = evaluate(compiled, x, m, 0, &m);
        if (fvec == NULL || compiled->value < 0)
            return fvec;
    }
    if (fvec == NULL || PyArray_SIZE(fvec) != m) { /* nothing has been guessed, or wrongly */
        int value;

        Py_CLEAR(fvec);
        if (leastsq_length_fits(m, compiled->n) && leastsq_compiled_size(compiled, m) == 0)
            fvec = evaluate(compiled, x, m, 1, &value);
    } else if (!leastsq_length_fits(m, compiled->n))
        Py_CLEAR(fvec);
    return fvec;
}

int leastsq_compiled_residual(Compiled *compiled, int m, int n, const double *x, double *fvec)
{
    return finish_call(compiled, x, call(compiled, m, n, x, fvec, 1));
}

int leastsq_compiled_jacobian(Compiled *compiled, int m, int n, const double *x,
                              const double *fvec, double *fjac)
{
    if (hand_out(compiled, x) < 0)
        return -1;
    memcpy(compiled->spare, fvec, (size_t)m * sizeof(double)); /* which may be written to */
    return finish_call(
        compiled, x,
        compiled->both(compiled->p, m, n, compiled->x, compiled->spare, fjac, m, 2));
}

/* failure(compiled) -> the negative value returned, and x there */
PyObject *leastsq_py_failure(PyObject *Py_UNUSED(self), PyObject *capsule)
{
    Compiled *compiled = PyCapsule_GetPointer(capsule, CAPSULE);
    PyObject *x;

    if (compiled == NULL)
        return NULL;
    x = PyArray_SimpleNew(1, &compiled->n, NPY_DOUBLE);
    if (x != NULL)
        memcpy(PyArray_DATA((PyArrayObject *)x), compiled->failed_at,
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
