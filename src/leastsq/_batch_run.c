/* Many fits of a compiled residual: slots are filled, answered and resumed without the GIL. */
#include "_batch.h"
#include "_methods.h"

/* The problems of a run. */
typedef struct {
    npy_int64 next, end;   /* those from next to end - 1 are still to be started */
    npy_int64 first;       /* the problem of the first row of weights */
    const double *weights; /* or NULL */
    npy_int64 failed;      /* a problem whose function has failed, or -1 */
} Queue;

static void fill(Batch *batch, Queue *queue)
{
    for (; batch->active < batch->slots && queue->next < queue->end; queue->next++)
        leastsq_slot_begin(batch, queue->next, batch->results.x + queue->next * batch->n,
                           queue->weights == NULL
                               ? NULL
                               : queue->weights + (queue->next - queue->first) * batch->m);
}

static int wants_one_residual(const Batch *batch, int slot)
{
    return batch->request[slot] == LEASTSQ_WANTS_RESIDUAL ||
           batch->request[slot] == WANTS_FIRST_RESIDUAL;
}

/* Answers the slots from first to last - 1, at most MAX_GROUP, up to one whose function fails; 0,
 * or -1 if one does. */
static int answer_slots(UserFunctions *user, Batch *batch, int first, int last,
                        npy_int64 *failed)
{
    npy_int32 evaluated[MAX_GROUP];
    npy_intp count = 0;
    int status = 0;

    for (int slot = first; slot < last && status == 0; slot++) {
        if (batch->answer[slot] != UNANSWERED)
            continue;
        leastsq_compiled_problem(user->compiled, batch->problem[slot]);
        if (wants_one_residual(batch, slot)) {
            status = leastsq_slot_evaluate(user, batch, slot, count);
            evaluated[count] = slot;
            count += status == 0;
        } else
            status = leastsq_slot_answer(user, batch, slot);
        if (status < 0 && !user->compiled->interrupted) {
            batch->answer[slot] = FAILED;
            *failed = batch->problem[slot];
        }
    }
    leastsq_slots_store(batch, count, evaluated);
    return status;
}

/* Answers all slots that have just started: one residual at x0 has a NaN that will be raised, and
 * the error names the first problem that has one. */
static void answer_starts(UserFunctions *user, Batch *batch, npy_int64 *failed)
{
    for (int slot = 0; slot < batch->active && !user->compiled->interrupted; slot++)
        if (batch->request[slot] == WANTS_FIRST_RESIDUAL)
            answer_slots(user, batch, slot, slot + 1, failed);
}

/* Answers and resumes the slots in turn, a group at a time, until all problems have ended, one has
 * failed or has a NaN to be raised, or progress should be reported. */
static void run(UserFunctions *user, Batch *batch, Queue *queue)
{
    for (;;) {
        fill(batch, queue);
        if (batch->active == 0)
            return;
        for (int last = batch->active, first; last > 0; last = first) {
            int status;

            first = last > MAX_GROUP ? last - MAX_GROUP : 0;
            status = answer_slots(user, batch, first, last, &queue->failed);
            if (batch->nan_policy == RAISE && leastsq_first_nan_problem(batch) >= 0) {
                answer_starts(user, batch, &queue->failed);
                return;
            }
            if (status < 0)
                return;
            leastsq_slots_advance(batch, first, last);
            if (user->compiled->report_due)
                return;
        }
    }
}

/* batch_run(batch, compiled, next, end, first, weights)
 *     -> the next problem to start, the number of slots in use, the first problem that has a NaN to
 *        be raised or -1, a problem whose function has failed or -1
 * Problems from next to end - 1 are started as slots become free. weights: rows from problem first
 * on, or None. */
PyObject *leastsq_py_batch_run(PyObject *Py_UNUSED(self), PyObject *const *args, Py_ssize_t nargs)
{
    Batch *batch = leastsq_batch_of("batch_run", args, nargs, 6);
    UserFunctions user = {0};
    Queue queue;

    if (batch == NULL)
        return NULL;
    user.compiled = leastsq_compiled_of(args[1]);
    queue = (Queue){PyLong_AsLongLong(args[2]), PyLong_AsLongLong(args[3]),
                    PyLong_AsLongLong(args[4]), array_data(args[5]), -1};
    leastsq_compiled_release_gil(user.compiled);
    run(&user, batch, &queue);
    leastsq_compiled_acquire_gil(user.compiled);
    if (user.compiled->interrupted)
        return NULL;
    return Py_BuildValue("LiLL", (long long)queue.next, batch->active,
                         (long long)leastsq_first_nan_problem(batch),
                         (long long)queue.failed);
}
