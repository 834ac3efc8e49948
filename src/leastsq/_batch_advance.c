/* Resumes the slots of a batch, and stores the results of solves that have ended. */
#include "_batch.h"
#include "_methods.h"

#include <math.h>
#include <string.h>

enum { UNFINISHED = -2 }; /* ier of a solve that was stopped, as in _outcome.py */

/* Stores the inverse of J^T J and its diagonal, NaNs unless known is true and R is regular. */
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

/* Stores the results of a slot whose solve has ended or is stopped; evaluated: whether it has been
 * given a residual. */
static void store_results(const Batch *batch, int slot, int stopped, int evaluated)
{
    const Results *results = &batch->results;
    npy_int64 problem = batch->problem[slot];
    leastsq_view view;
    int converged, finite;
    double norm;

    if (batch->answer[slot] == TOO_FEW_SAMPLES)
        results->ier[problem] = LEASTSQ_IMPROPER_INPUT;
    leastsq_inspect(block_of(batch, slot), &view);
    if (batch->answer[slot] == TOO_FEW_SAMPLES || view.nfev == 0)
        return;
    memcpy(results->x + (size_t)problem * (size_t)batch->n, view.x,
           (size_t)batch->n * sizeof(double));
    finite = leastsq_is_finite(batch->m, batch->n, view.x, view.fvec, view.fjac);
    converged = finite && view.info >= LEASTSQ_CONVERGED_REDUCTION &&
                view.info <= LEASTSQ_ORTHOGONAL_RESIDUAL;
    norm = leastsq_enorm(batch->m, view.fvec);
    results->ier[problem] = stopped ? UNFINISHED : view.info;
    results->nfev[problem] = view.nfev;
    results->njev[problem] = view.njev;
    results->ssq[problem] = evaluated ? norm * norm : (double)NAN;
    results->success[problem] = (npy_bool)converged;
    store_covariance(batch, &view, converged, problem);
}

/* Removes a slot: the last one in use moves into its place. */
static void remove_slot(Batch *batch, int slot)
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
    double *blocks[MAX_GROUP];
    int factored[MAX_GROUP];

    for (int i = 0; i < count; i++)
        blocks[i] = block_of(batch, slot[i]);
    leastsq_batch_factor(count, blocks, batch->lanes, factored);
    for (int i = 0; i < count; i++)
        if (factored[i])
            batch->answer[slot[i]] = FACTORED;
}

/* Factors the Jacobians that slots from first to last - 1 have been given. */
static void factor_jacobians(Batch *batch, int first, int last)
{
    int slots[MAX_GROUP], count = 0;

    for (int slot = first; slot < last && batch->lanes != NULL; slot++) {
        if (batch->answer[slot] == ANSWERED &&
            (batch->request[slot] == LEASTSQ_WANTS_JACOBIAN ||
             batch->request[slot] == LEASTSQ_WANTS_DIFFERENCES))
            slots[count++] = slot;
        if (count == MAX_GROUP || (slot == last - 1 && count > 1)) {
            factor_together(batch, count, slots);
            count = 0;
        }
    }
}

/* Resumes a slot that has an answer; stores its results and removes it if the solve has ended. */
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
        remove_slot(batch, slot);
    } else
        batch->answer[slot] = UNANSWERED;
}

void leastsq_slots_advance(Batch *batch, int first, int last)
{
    factor_jacobians(batch, first, last);
    for (int slot = last - 1; slot >= first; slot--)
        resume_slot(batch, slot);
}

/* The number of slots that are resumed between checks for an interrupt: about 20 ms of work. */
static int slots_between_signals(const Batch *batch)
{
    const double work = (double)batch->m * batch->n * (batch->n + 10);

    return work > 2e7 ? 1 : (int)(2e7 / work) + 1;
}

/* batch_advance(batch) -> the number of slots in use
 * Resumes every slot that has an answer, without the GIL. */
PyObject *leastsq_py_batch_advance(PyObject *Py_UNUSED(self), PyObject *capsule)
{
    Batch *batch = leastsq_batch_of_capsule(capsule);
    int slot, stop;

    if (batch == NULL)
        return NULL;
    /* From the last to the first: a slot that moves has been resumed before. */
    for (slot = batch->active; slot > 0; slot = stop) {
        stop = slot - slots_between_signals(batch);
        stop = stop > 0 ? stop : 0;
        Py_BEGIN_ALLOW_THREADS
        leastsq_slots_advance(batch, stop, slot);
        Py_END_ALLOW_THREADS
        if (PyErr_CheckSignals() < 0)
            return NULL;
    }
    return PyLong_FromLong(batch->active);
}

/* batch_stop(batch): stores the results of every slot so far, with ier -2 if it has not ended */
PyObject *leastsq_py_batch_stop(PyObject *Py_UNUSED(self), PyObject *capsule)
{
    Batch *batch = leastsq_batch_of_capsule(capsule);

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
