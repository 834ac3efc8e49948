/* A batch: many solves of one size in step, each in a slot of its own, for leastsq_many().
 *
 * Slots are answered, by a vectorized function all at once or by a function of one point each, and
 * resumed together. A solve that has ended leaves its results, and the last slot moves into its
 * place: a block of workspace has no addresses in it. A batch belongs to one call of leastsq_many:
 * no critical sections. */
#ifndef LEASTSQ_BATCH_H
#define LEASTSQ_BATCH_H

#include "_results.h"
#include "_trampoline.h"
#include "leastsq.h"

/* Of the core, fortran/batch.f90, which says what they do. */
void leastsq_batch_points(double *block, double *point, double *stepped);
void leastsq_batch_put(double *block, const double *residual);
void leastsq_batch_column(double *block, int j, const double *residual);
void leastsq_batch_norms(int m, int count, const double *residuals, double *norms);
int leastsq_batch_scratch(int m, int n);
void leastsq_batch_factor(int count, double *const *blocks, double *scratch, int *factored);
int leastsq_batch_resume(double *block, int flag, double norm, int factored);

enum { MOST_TOGETHER = 8 }; /* slots whose norms and factors are computed together */

/* Beside the requests of leastsq.h: the residual at the start. */
enum { WANTS_FIRST_RESIDUAL = 4 };

/* What NaNs in the residual at the start are: samples like others, left out, or an error. */
enum { PROPAGATE, OMIT, RAISE };

/* What has become of a slot's request. */
enum { UNANSWERED, ANSWERED, FACTORED, FAILED, REFUSED, HAS_NAN };

/* Arrays of the caller's, a row a problem; cov is NULL where it is not wanted. */
typedef struct {
    double *x, *cov, *variance, *ssq;
    npy_int64 *dof;
    npy_int32 *ier, *nfev, *njev;
    npy_bool *success;
} Results;

typedef struct {
    int slots, active;   /* there are, and in use from the first on */
    int m, n, analytic, maxfev, nan_policy;
    double ftol, xtol, gtol, factor, epsfcn;
    const double *diag;
    size_t size;         /* of a block, in doubles */
    double *blocks;      /* one a slot */
    double *weights;     /* m a slot, or NULL */
    npy_int64 *problem;  /* that a slot works on */
    int *request, *answer; /* of a slot */
    double *norm;        /* of the residual that a slot has been given */
    double *scratch;     /* n*n + n numbers, then 1 + MOST_TOGETHER residuals */
    double *lanes;       /* scratch for Jacobians that are factored together, or NULL */
    Results results;
    PyObject *keep;      /* what owns the arrays */
} Batch;

/* The batch in a capsule, or NULL with an exception. */
Batch *leastsq_batch_of_capsule(PyObject *capsule);

/* The batch of a method's first argument; NULL with an exception where it is none, or where there
 * are not as many arguments as are wanted. */
Batch *leastsq_batch_of(const char *method, PyObject *const *args, Py_ssize_t nargs,
                        Py_ssize_t wanted);

/* Begins a problem in the next slot, or ends it where there are too few samples. */
void leastsq_slot_begin(Batch *batch, npy_int64 problem, const double *x, const double *weights);

/* Answers a slot's request by functions of one point; 0, or -1 if they raise or fail. */
int leastsq_slot_answer(UserFunctions *user, Batch *batch, int slot);

/* The same where one residual is wanted, in two: the residual is put aside as the k-th of at most
 * MOST_TOGETHER, and the slots take them, whose norms are computed together. */
int leastsq_slot_evaluate(UserFunctions *user, Batch *batch, int slot, npy_intp k);
void leastsq_slots_take(Batch *batch, npy_intp count, const npy_int32 *slots);

/* Goes on with those slots from first to last that have an answer, and ends what has ended: then
 * the last slot in use, which must have been seen to already, takes the place. */
void leastsq_slots_advance(Batch *batch, int first, int last);

/* The first problem whose residual at the start has a NaN that is refused, or -1. */
npy_int64 leastsq_refused_problem(const Batch *batch);

/* How many samples have a weight that is not zero, and whether all are finite and none negative. */
npy_intp leastsq_count_samples(const double *weights, int m, int *proper);

static inline double *block_of(const Batch *batch, int slot)
{
    return batch->blocks + (size_t)slot * batch->size;
}

static inline double *weights_of(const Batch *batch, int slot)
{
    return batch->weights == NULL ? NULL : batch->weights + (size_t)slot * (size_t)batch->m;
}

/* The data of an array, NULL of None. */
static inline void *numbers(PyObject *array)
{
    return array == Py_None ? NULL : PyArray_DATA((PyArrayObject *)array);
}

#endif
