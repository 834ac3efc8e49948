/* Calls a compiled residual. */
#include "_compiled.h"
#include "_methods.h"
#include "_trampoline.h"

#include <string.h>
#include <time.h>

#define CAPSULE "leastsq._minpack.compiled"

static const double SIGNAL_INTERVAL = 0.02; /* seconds between checks for an interrupt */

static void free_compiled(PyObject *capsule)
{
    Compiled *compiled = PyCapsule_GetPointer(capsule, CAPSULE);

    PyMem_Free(compiled->words);
    PyMem_Free(compiled->rows);
    PyMem_Free(compiled->failed_at);
    Py_XDECREF(compiled->point);
    PyMem_Free(compiled->scratch);
    Py_XDECREF(compiled->owners);
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

/* Creates the array in which the function gets x. */
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
    if (compiled->residual_or_jacobian == NULL)
        return 0;
    PyMem_Free(compiled->scratch);
    compiled->scratch = PyMem_New(double, rows * (columns + 1));
    if (compiled->scratch == NULL)
        PyErr_NoMemory();
    return compiled->scratch == NULL ? -1 : 0;
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

#ifdef CLOCK_MONOTONIC_COARSE /* a tick of the kernel is exact enough, and this takes less time */
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
#else
    timespec_get(&now, TIME_UTC);
#endif
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void leastsq_compiled_release_gil(Compiled *compiled)
{
    compiled->value = compiled->interrupted = compiled->report_due = 0;
    compiled->last_check = seconds();
    compiled->thread = PyEval_SaveThread();
}

/* Takes the exception that numba's object mode has left; returns whether it is an interrupt, which
 * is set again. numba's own Python code overlooks an interrupt: it is the cause of the SystemError
 * that the next call raises. */
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

void leastsq_compiled_acquire_gil(Compiled *compiled)
{
    PyEval_RestoreThread(compiled->thread);
    if (!compiled->interrupted && PyErr_Occurred())
        compiled->interrupted = is_interrupted();
}

/* Checks for an interrupt if the last check is long enough ago; 0, or -1 with an exception. */
static int check_interrupt(Compiled *compiled)
{
    const double now = seconds();

    /* A clock may be set back. */
    if (now - compiled->last_check < SIGNAL_INTERVAL && now >= compiled->last_check)
        return 0;
    compiled->last_check = now;
    compiled->report_due = 1;
    PyEval_RestoreThread(compiled->thread);
    if (PyErr_CheckSignals() < 0)
        compiled->interrupted = 1;
    compiled->thread = PyEval_SaveThread();
    return compiled->interrupted ? -1 : 0;
}

/* Copies x to the array that the function gets; 0, or -1 with an exception. There is a new array if
 * Python code called by the function has kept the last one. */
static int copy_point(Compiled *compiled, const double *x)
{
    if (compiled->by_adapter &&
        !leastsq_is_reusable(compiled->point, compiled->n, compiled->descr)) {
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

/* Calls the function with a copy of x; returns its value. */
static int call(Compiled *compiled, int m, int n, const double *x, double *fvec, int iflag)
{
    if (copy_point(compiled, x) < 0)
        return -1;
    if (compiled->residual_or_jacobian == NULL)
        return compiled->residual(compiled->p, m, n, compiled->x, fvec, iflag);
    return compiled->residual_or_jacobian(compiled->p, m, n, compiled->x, fvec,
                                          compiled->scratch + m, m, iflag);
}

/* Checks what a call has returned; 0, or -1. */
static int finish_call(Compiled *compiled, const double *x, int value)
{
    if (value >= 0)
        return check_interrupt(compiled);
    compiled->value = value;
    memcpy(compiled->failed_at, x, (size_t)compiled->n * sizeof(double));
    return -1;
}

/* An evaluation with m, which may be an estimate: returns a new fvec, zeros if the function has
 * failed, and stores the function's value; NULL with an exception. */
static PyArrayObject *evaluate(Compiled *compiled, const double *x, npy_intp m, int iflag,
                               int *value)
{
    PyArrayObject *fvec = (PyArrayObject *)PyArray_ZEROS(1, &m, NPY_DOUBLE, 0);

    if (fvec == NULL || (compiled->n == 0 && !compiled->finds_m))
        return fvec;
    leastsq_compiled_release_gil(compiled);
    *value = call(compiled, (int)m, (int)compiled->n, x, PyArray_DATA(fvec), iflag);
    finish_call(compiled, x, *value);
    leastsq_compiled_acquire_gil(compiled);
    if (compiled->interrupted)
        Py_CLEAR(fvec);
    else if (compiled->value < 0) /* a part may have been written */
        memset(PyArray_DATA(fvec), 0, (size_t)PyArray_NBYTES(fvec));
    return fvec;
}

PyArrayObject *leastsq_compiled_first(Compiled *compiled, const double *x)
{
    PyArrayObject *fvec = NULL;
    int m = (int)compiled->m;

    if (compiled->finds_m) {
        fvec = evaluate(compiled, x, m, 0, &m);
        if (fvec == NULL || compiled->value < 0)
            return fvec;
    }
    if (fvec == NULL || PyArray_SIZE(fvec) != m) { /* no estimate, or a wrong one */
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
    if (copy_point(compiled, x) < 0)
        return -1;
    memcpy(compiled->scratch, fvec, (size_t)m * sizeof(double)); /* the function may change it */
    return finish_call(compiled, x,
                       compiled->residual_or_jacobian(compiled->p, m, n, compiled->x,
                                                      compiled->scratch, fjac, m, 2));
}

/* failure(compiled) -> the negative value that was returned, and x of that call */
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

/* read_capsule(capsule) -> address of a function, name of the capsule or None, address of its
 * context or 0 */
PyObject *leastsq_py_read_capsule(PyObject *Py_UNUSED(self), PyObject *object)
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
