/* The slots of a batch: how they are filled and what they want. */
#include "_batch.h"
#include "_methods.h"

#include <string.h>

#define CAPSULE "leastsq._minpack.batch"

static void free_batch(PyObject *capsule)
{
    Batch *batch = PyCapsule_GetPointer(capsule, CAPSULE);

    PyMem_Free(batch->blocks);
    PyMem_Free(batch->weights);
    PyMem_Free(batch->problem);
    PyMem_Free(batch->request);
    PyMem_Free(batch->norm);
    PyMem_Free(batch->scratch);
    PyMem_Free(batch->lanes);
    Py_XDECREF(batch->keep);
    PyMem_Free(batch);
}

Batch *leastsq_batch_of_capsule(PyObject *capsule)
{
    return PyCapsule_GetPointer(capsule, CAPSULE);
}

Batch *leastsq_batch_of(const char *method, PyObject *const *args, Py_ssize_t nargs,
                        Py_ssize_t wanted)
{
    if (leastsq_check_nargs(method, nargs, wanted) < 0)
        return NULL;
    return leastsq_batch_of_capsule(args[0]);
}

static int allocate(Batch *batch, int weighted)
{
    const size_t slots = (size_t)batch->slots, m = (size_t)batch->m, n = (size_t)batch->n;
    const size_t lanes = (size_t)leastsq_batch_scratch(batch->m, batch->n);

    batch->size = leastsq_workspace_size(batch->m, batch->n) / sizeof(double);
    if (batch->size > 0 && batch->size <= PY_SSIZE_T_MAX / sizeof(double) / slots)
        batch->blocks = PyMem_New(double, slots * batch->size);
    if (weighted)
        batch->weights = PyMem_New(double, slots * m);
    batch->problem = PyMem_New(npy_int64, slots);
    batch->request = PyMem_New(int, 2 * slots);
    batch->norm = PyMem_New(double, slots);
    batch->scratch = PyMem_New(double, n * n + n + (1 + MOST_TOGETHER) * m);
    if (lanes > 0)
        batch->lanes = PyMem_New(double, lanes);
    if (batch->blocks == NULL || (weighted && batch->weights == NULL) || batch->problem == NULL ||
        batch->request == NULL || batch->norm == NULL || batch->scratch == NULL ||
        (lanes > 0 && batch->lanes == NULL)) {
        PyErr_NoMemory();
        return -1;
    }
    batch->answer = batch->request + slots;
    return 0;
}

/* The arguments of batch by their places, and the results by theirs. */
enum { SLOTS, M, N, ANALYTIC, WEIGHTED, NAN_POLICY, SETTINGS, RESULTS, NARGS };
enum { R_X, R_COV, R_VARIANCE, R_SSQ, R_DOF, R_IER, R_NFEV, R_NJEV, R_SUCCESS, NRESULTS };

/* batch(slots, m, n, analytic, weighted, nan_policy, settings, results) -> batch
 * settings: ftol, xtol, gtol, maxfev, factor, diag or None, epsfcn. results: arrays, a row
 * a problem, for x, cov or None, its diagonal, ssq, dof, ier, nfev, njev, success. */
PyObject *leastsq_py_batch(PyObject *Py_UNUSED(self), PyObject *const *args, Py_ssize_t nargs)
{
    PyObject *capsule, *diag, *array[NRESULTS];
    Batch *batch;

    if (leastsq_check_nargs("batch", nargs, NARGS) < 0)
        return NULL;
    batch = PyMem_Calloc(1, sizeof(Batch));
    capsule = leastsq_new_capsule(batch, CAPSULE, free_batch);
    if (capsule == NULL)
        return NULL;
    batch->slots = (int)PyLong_AsLong(args[SLOTS]);
    batch->m = (int)PyLong_AsLong(args[M]);
    batch->n = (int)PyLong_AsLong(args[N]);
    batch->analytic = args[ANALYTIC] == Py_True;
    batch->nan_policy = (int)PyLong_AsLong(args[NAN_POLICY]);
    for (int i = 0; i < NRESULTS; i++)
        array[i] = PyTuple_GET_ITEM(args[RESULTS], i);
    batch->results = (Results){numbers(array[R_X]),    numbers(array[R_COV]),
                               numbers(array[R_VARIANCE]), numbers(array[R_SSQ]),
                               numbers(array[R_DOF]),  numbers(array[R_IER]),
                               numbers(array[R_NFEV]), numbers(array[R_NJEV]),
                               numbers(array[R_SUCCESS])};
    batch->keep = PyTuple_Pack(2, args[SETTINGS], args[RESULTS]);
    if (batch->keep == NULL ||
        !PyArg_ParseTuple(args[SETTINGS], "dddidOd", &batch->ftol, &batch->xtol, &batch->gtol,
                          &batch->maxfev, &batch->factor, &diag, &batch->epsfcn) ||
        allocate(batch, args[WEIGHTED] == Py_True) < 0) {
        Py_DECREF(capsule);
        return NULL;
    }
    batch->diag = numbers(diag);
    return capsule;
}

/* Takes a problem's weights into the next slot; how many samples that leaves. */
static npy_intp take_weights(Batch *batch, const double *weights, int *proper)
{
    double *own = weights_of(batch, batch->active);

    *proper = 1;
    if (weights != NULL) {
        memcpy(own, weights, (size_t)batch->m * sizeof(double));
        return leastsq_count_samples(weights, batch->m, proper);
    }
    for (int j = 0; own != NULL && j < batch->m; j++)
        own[j] = 1.0;
    return batch->m;
}

void leastsq_slot_begin(Batch *batch, npy_int64 problem, const double *x, const double *weights)
{
    const int slot = batch->active;
    int proper;
    npy_intp samples = take_weights(batch, weights, &proper);

    batch->results.dof[problem] = samples - batch->n;
    if (samples < batch->n || !proper) {
        batch->results.ier[problem] = LEASTSQ_IMPROPER_INPUT;
        return;
    }
    batch->problem[slot] = problem;
    batch->answer[slot] = UNANSWERED;
    batch->request[slot] = WANTS_FIRST_RESIDUAL;
    leastsq_start(block_of(batch, slot), batch->m, batch->n, x, batch->ftol, batch->xtol,
                  batch->gtol, batch->maxfev, batch->epsfcn, batch->diag,
                  batch->diag == NULL ? 1 : 2, batch->factor, batch->analytic);
    batch->active++;
}

/* batch_fill(batch, problems, x, weights) -> slots in use
 * Begins as many problems as there are rows of x and of weights, which may be None; one whose
 * weights are no weights, or too few, has ended. */
PyObject *leastsq_py_batch_fill(PyObject *Py_UNUSED(self), PyObject *const *args, Py_ssize_t nargs)
{
    Batch *batch = leastsq_batch_of("batch_fill", args, nargs, 4);
    const npy_int64 *problems;
    const double *x, *weights;
    npy_intp count;

    if (batch == NULL)
        return NULL;
    problems = numbers(args[1]);
    x = numbers(args[2]);
    weights = numbers(args[3]);
    count = PyArray_SIZE((PyArrayObject *)args[1]);
    Py_BEGIN_ALLOW_THREADS
    for (npy_intp i = 0; i < count && batch->active < batch->slots; i++)
        leastsq_slot_begin(batch, problems[i], x + i * batch->n,
                           weights == NULL ? NULL : weights + i * batch->m);
    Py_END_ALLOW_THREADS
    return PyLong_FromLong(batch->active);
}

/* What a slot wants, the first residual like any other; nothing if it has its answer. */
static int unanswered_request(const Batch *batch, int slot)
{
    if (batch->answer[slot] != UNANSWERED)
        return LEASTSQ_WANTS_NOTHING;
    if (batch->request[slot] == WANTS_FIRST_RESIDUAL)
        return LEASTSQ_WANTS_RESIDUAL;
    return batch->request[slot];
}

/* (request, slots that want it, their problems), of which there are count */
static PyObject *wanting(const Batch *batch, int request, npy_intp count)
{
    PyObject *slots = PyArray_SimpleNew(1, &count, NPY_INT32);
    PyObject *problems = PyArray_SimpleNew(1, &count, NPY_INT64);

    if (slots != NULL && problems != NULL) {
        npy_int32 *slot = numbers(slots);
        npy_int64 *problem = numbers(problems);

        for (int i = 0; i < batch->active; i++)
            if (unanswered_request(batch, i) == request) {
                *slot++ = i;
                *problem++ = batch->problem[i];
            }
    }
    return Py_BuildValue("iNN", request, slots, problems);
}

/* batch_wanting(batch) -> [(request, slots that want it and have no answer, their problems)] */
PyObject *leastsq_py_batch_wanting(PyObject *Py_UNUSED(self), PyObject *capsule)
{
    Batch *batch = leastsq_batch_of_capsule(capsule);
    npy_intp count[LEASTSQ_WANTS_DIFFERENCES + 1] = {0};
    PyObject *all;

    if (batch == NULL)
        return NULL;
    for (int i = 0; i < batch->active; i++)
        count[unanswered_request(batch, i)]++;
    all = PyList_New(0);
    for (int request = LEASTSQ_WANTS_RESIDUAL;
         all != NULL && request <= LEASTSQ_WANTS_DIFFERENCES; request++) {
        PyObject *some;

        if (count[request] == 0)
            continue;
        some = wanting(batch, request, count[request]);
        if (some == NULL || PyList_Append(all, some) < 0)
            Py_CLEAR(all);
        Py_XDECREF(some);
    }
    return all;
}
