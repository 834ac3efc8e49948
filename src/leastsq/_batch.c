/* The slots of a batch: how they are filled, what they want, how they go on and end. */
#include "_batch.h"
#include "_methods.h"

#include <math.h>
#include <string.h>

#define CAPSULE "leastsq._minpack.batch"

enum { STOPPED = -2 }; /* ier of a solve that was not finished */

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

Batch *leastsq_batch_of(const char *method, PyObject *const *args, Py_ssize_t nargs,
                        Py_ssize_t wanted)
{
    if (leastsq_check_nargs(method, nargs, wanted) < 0)
        return NULL;
    return PyCapsule_GetPointer(args[0], CAPSULE);
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
    batch->scratch = PyMem_New(double, n * n + n + 2 * m);
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
    if (batch == NULL)
        return PyErr_NoMemory();
    capsule = PyCapsule_New(batch, CAPSULE, free_batch);
    if (capsule == NULL) {
        PyMem_Free(batch);
        return NULL;
    }
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
    for (npy_intp i = 0; i < count && batch->active < batch->slots; i++, x += batch->n) {
        npy_intp samples = batch->m;
        const int slot = batch->active;
        int proper = 1;

        if (weights != NULL) {
            const double *row = weights + (size_t)i * (size_t)batch->m;

            samples = leastsq_count_samples(row, batch->m, &proper);
            memcpy(weights_of(batch, slot), row, (size_t)batch->m * sizeof(double));
        } else
            for (int j = 0; batch->weights != NULL && j < batch->m; j++)
                weights_of(batch, slot)[j] = 1.0;
        batch->results.dof[problems[i]] = samples - batch->n;
        if (samples < batch->n || !proper) {
            batch->results.ier[problems[i]] = LEASTSQ_IMPROPER_INPUT;
            continue;
        }
        batch->problem[slot] = problems[i];
        batch->answer[slot] = UNANSWERED;
        batch->request[slot] = WANTS_FIRST_RESIDUAL;
        leastsq_start(block_of(batch, slot), batch->m, batch->n, x, batch->ftol, batch->xtol,
                      batch->gtol, batch->maxfev, batch->epsfcn, batch->diag,
                      batch->diag == NULL ? 1 : 2, batch->factor, batch->analytic);
        batch->active++;
    }
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
    Batch *batch = PyCapsule_GetPointer(capsule, CAPSULE);
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

/* The inverse of J^T J of a slot that has converged, or NaNs. */
static void store_covariance(const Batch *batch, const leastsq_view *view, int known,
                             npy_int64 problem)
{
    const size_t n = (size_t)batch->n;
    double *cov = batch->scratch, *variance = batch->results.variance + (size_t)problem * n;

    known = known && leastsq_copy_triangle(view->fjac, batch->m, batch->n, cov);
    if (known)
        leastsq_covariance(batch->n, cov, view->ipvt, cov + n * n);
    for (size_t j = 0; j < n * n; j++)
        cov[j] = known ? cov[j] : (double)NAN;
    for (size_t j = 0; j < n; j++)
        variance[j] = cov[j * n + j];
    if (batch->results.cov != NULL)
        memcpy(batch->results.cov + (size_t)problem * n * n, cov, n * n * sizeof(double));
}

/* Leaves the results of a slot whose solve has ended, or is stopped; evaluated is whether it has
 * had a residual. */
static void store_results(const Batch *batch, int slot, int stopped, int evaluated)
{
    const Results *results = &batch->results;
    npy_int64 problem = batch->problem[slot];
    leastsq_view view;
    int converged, finite;
    double norm;

    if (batch->answer[slot] == REFUSED)
        results->ier[problem] = LEASTSQ_IMPROPER_INPUT;
    leastsq_inspect(block_of(batch, slot), &view);
    if (batch->answer[slot] == REFUSED || view.nfev == 0)
        return;
    memcpy(results->x + (size_t)problem * (size_t)batch->n, view.x,
           (size_t)batch->n * sizeof(double));
    finite = leastsq_is_finite(batch->m, batch->n, view.x, view.fvec, view.fjac);
    converged = finite && view.info >= LEASTSQ_CONVERGED_REDUCTION &&
                view.info <= LEASTSQ_ORTHOGONAL_RESIDUAL;
    norm = leastsq_enorm(batch->m, view.fvec);
    results->ier[problem] = stopped ? STOPPED : view.info;
    results->nfev[problem] = view.nfev;
    results->njev[problem] = view.njev;
    results->ssq[problem] = evaluated ? norm * norm : (double)NAN;
    results->success[problem] = (npy_bool)converged;
    store_covariance(batch, &view, converged, problem);
}

/* Moves the last slot in use into one that is free. */
static void free_slot(Batch *batch, int slot)
{
    const int last = --batch->active;

    if (slot == last)
        return;
    memcpy(block_of(batch, slot), block_of(batch, last), batch->size * sizeof(double));
    if (batch->weights != NULL)
        memcpy(weights_of(batch, slot), weights_of(batch, last),
               (size_t)batch->m * sizeof(double));
    batch->problem[slot] = batch->problem[last];
    batch->request[slot] = batch->request[last];
    batch->answer[slot] = batch->answer[last];
    batch->norm[slot] = batch->norm[last];
}

/* Factors the Jacobians of some slots together. */
static void factor_together(Batch *batch, int count, const int *slot)
{
    double *blocks[MOST_TOGETHER];
    int factored[MOST_TOGETHER];

    for (int i = 0; i < count; i++)
        blocks[i] = block_of(batch, slot[i]);
    leastsq_batch_factor(count, blocks, batch->lanes, factored);
    for (int i = 0; i < count; i++)
        if (factored[i])
            batch->answer[slot[i]] = FACTORED;
}

/* Factors the Jacobians that slots from first to last have been given. */
static void factor_jacobians(Batch *batch, int first, int last)
{
    int slots[MOST_TOGETHER], count = 0;

    for (int slot = first; slot < last && batch->lanes != NULL; slot++) {
        if (batch->answer[slot] == ANSWERED &&
            (batch->request[slot] == LEASTSQ_WANTS_JACOBIAN ||
             batch->request[slot] == LEASTSQ_WANTS_DIFFERENCES))
            slots[count++] = slot;
        if (count == MOST_TOGETHER || (slot == last - 1 && count > 1)) {
            factor_together(batch, count, slots);
            count = 0;
        }
    }
}

/* Resumes a slot that has an answer, and ends it where nothing is wanted any more. */
static void resume_slot(Batch *batch, int slot)
{
    const int answer = batch->answer[slot];
    const int answered = answer == ANSWERED || answer == FACTORED;
    const int evaluated = answered || batch->request[slot] != WANTS_FIRST_RESIDUAL;

    if (answer == UNANSWERED)
        return;
    if (batch->request[slot] != LEASTSQ_WANTS_NOTHING)
        batch->request[slot] = leastsq_batch_resume(block_of(batch, slot), answered ? 0 : -1,
                                                    batch->norm[slot], answer == FACTORED);
    if (batch->request[slot] == LEASTSQ_WANTS_NOTHING) {
        store_results(batch, slot, 0, evaluated);
        free_slot(batch, slot);
    } else
        batch->answer[slot] = UNANSWERED;
}

/* How many slots may be resumed until somebody looks for an interrupt: some 20 ms of work. */
static int slots_between_signals(const Batch *batch)
{
    const double work = (double)batch->m * batch->n * (batch->n + 10);

    return work > 2e7 ? 1 : (int)(2e7 / work) + 1;
}

/* batch_advance(batch) -> slots in use
 * Goes on with every slot that has an answer, without the GIL. */
PyObject *leastsq_py_batch_advance(PyObject *Py_UNUSED(self), PyObject *capsule)
{
    Batch *batch = PyCapsule_GetPointer(capsule, CAPSULE);
    int slot, stop;

    if (batch == NULL)
        return NULL;
    /* from the last to the first: what moves has been seen */
    for (slot = batch->active; slot > 0; slot = stop) {
        stop = slot - slots_between_signals(batch);
        stop = stop > 0 ? stop : 0;
        Py_BEGIN_ALLOW_THREADS
        factor_jacobians(batch, stop, slot);
        for (int i = slot - 1; i >= stop; i--)
            resume_slot(batch, i);
        Py_END_ALLOW_THREADS
        if (PyErr_CheckSignals() < 0)
            return NULL;
    }
    return PyLong_FromLong(batch->active);
}

/* batch_stop(batch): leaves what there is of every slot, with ier -2 where it has not ended */
PyObject *leastsq_py_batch_stop(PyObject *Py_UNUSED(self), PyObject *capsule)
{
    Batch *batch = PyCapsule_GetPointer(capsule, CAPSULE);

    if (batch == NULL)
        return NULL;
    for (int slot = batch->active - 1; slot >= 0; slot--)
        if (batch->answer[slot] == FAILED || batch->request[slot] == LEASTSQ_WANTS_NOTHING)
            resume_slot(batch, slot);
        else
            store_results(batch, slot, 1, batch->request[slot] != WANTS_FIRST_RESIDUAL);
    batch->active = 0;
    Py_RETURN_NONE;
}
