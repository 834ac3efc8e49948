/* A batch: its memory, starting problems in slots, and the slots' requests. */
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
    Py_XDECREF(batch->owners);
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
    batch->scratch = PyMem_New(double, n * n + n + (1 + MAX_GROUP) * m);
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

/* The arguments of batch by position, and those of results. */
enum { SLOTS, M, N, ANALYTIC, WEIGHTED, NAN_POLICY, SETTINGS, RESULTS, NARGS };
enum { R_X, R_COV, R_VARIANCE, R_SSQ, R_DOF, R_IER, R_NFEV, R_NJEV, R_SUCCESS, NRESULTS };

/* batch(slots, m, n, analytic, weighted, nan_policy, settings, results) -> batch
 * settings: ftol, xtol, gtol, maxfev, factor, diag or None, epsfcn. results: arrays with a row for
 * each problem: x, cov or None, cov's diagonal, ssq, dof, ier, nfev, njev, success. */
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
    batch->results = (Results){
        .x = array_data(array[R_X]), .cov = array_data(array[R_COV]),
        .variance = array_data(array[R_VARIANCE]), .ssq = array_data(array[R_SSQ]),
        .dof = array_data(array[R_DOF]), .ier = array_data(array[R_IER]),
        .nfev = array_data(array[R_NFEV]), .njev = array_data(array[R_NJEV]),
        .success = array_data(array[R_SUCCESS])};
    batch->owners = PyTuple_Pack(2, args[SETTINGS], args[RESULTS]);
    if (batch->owners == NULL ||
        !PyArg_ParseTuple(args[SETTINGS], "dddidOd", &batch->ftol, &batch->xtol, &batch->gtol,
                          &batch->maxfev, &batch->factor, &diag, &batch->epsfcn) ||
        allocate(batch, args[WEIGHTED] == Py_True) < 0) {
        Py_DECREF(capsule);
        return NULL;
    }
    batch->diag = array_data(diag);
    return capsule;
}

/* Copies a problem's weights to the next slot; returns the number of samples that are left. */
static npy_intp load_weights(Batch *batch, const double *weights, int *proper)
{
    double *slot_weights = weights_of(batch, batch->active);

    *proper = 1;
    if (weights != NULL) {
        memcpy(slot_weights, weights, (size_t)batch->m * sizeof(double));
        return leastsq_count_samples(weights, batch->m, proper);
    }
    for (int j = 0; slot_weights != NULL && j < batch->m; j++)
        slot_weights[j] = 1.0;
    return batch->m;
}

void leastsq_slot_begin(Batch *batch, npy_int64 problem, const double *x, const double *weights)
{
    const int slot = batch->active;
    int proper;
    npy_intp samples = load_weights(batch, weights, &proper);

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

/* batch_fill(batch, problems, x, weights) -> the number of slots in use
 * Starts problems, given their indices and rows of x and of weights, which may be None. A problem
 * with invalid weights or too few samples ends at once. */
PyObject *leastsq_py_batch_fill(PyObject *Py_UNUSED(self), PyObject *const *args, Py_ssize_t nargs)
{
    Batch *batch = leastsq_batch_of("batch_fill", args, nargs, 4);
    const npy_int64 *problems;
    const double *x, *weights;
    npy_intp count;

    if (batch == NULL)
        return NULL;
    problems = array_data(args[1]);
    x = array_data(args[2]);
    weights = array_data(args[3]);
    count = PyArray_SIZE((PyArrayObject *)args[1]);
    Py_BEGIN_ALLOW_THREADS
    for (npy_intp i = 0; i < count && batch->active < batch->slots; i++)
        leastsq_slot_begin(batch, problems[i], x + i * batch->n,
                           weights == NULL ? NULL : weights + i * batch->m);
    Py_END_ALLOW_THREADS
    return PyLong_FromLong(batch->active);
}

/* A slot's request, LEASTSQ_WANTS_NOTHING if it has an answer; the first residual is a residual. */
static int unanswered_request(const Batch *batch, int slot)
{
    if (batch->answer[slot] != UNANSWERED)
        return LEASTSQ_WANTS_NOTHING;
    if (batch->request[slot] == WANTS_FIRST_RESIDUAL)
        return LEASTSQ_WANTS_RESIDUAL;
    return batch->request[slot];
}

/* (request, slots that have made it, their problems), for a request that count slots have made */
static PyObject *new_request(const Batch *batch, int request, npy_intp count)
{
    PyObject *slots = PyArray_SimpleNew(1, &count, NPY_INT32);
    PyObject *problems = PyArray_SimpleNew(1, &count, NPY_INT64);

    if (slots != NULL && problems != NULL) {
        npy_int32 *slot = array_data(slots);
        npy_int64 *problem = array_data(problems);

        for (int i = 0; i < batch->active; i++)
            if (unanswered_request(batch, i) == request) {
                *slot++ = i;
                *problem++ = batch->problem[i];
            }
    }
    return Py_BuildValue("iNN", request, slots, problems);
}

/* batch_requests(batch) -> [(request, slots that have made it and have no answer, their
 * problems)] */
PyObject *leastsq_py_batch_requests(PyObject *Py_UNUSED(self), PyObject *capsule)
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
        some = new_request(batch, request, count[request]);
        if (some == NULL || PyList_Append(all, some) < 0)
            Py_CLEAR(all);
        Py_XDECREF(some);
    }
    return all;
}
