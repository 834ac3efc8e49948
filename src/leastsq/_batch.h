/* A batch: many solves of one size, for leastsq_many(). Each occupies a slot.
 *
 * Requests of the slots are answered, by one call of a vectorized function or one by one; then the
 * slots are resumed together. The results of a solve that has ended are stored, and the last slot
 * moves into its place: a block of workspace has no addresses in it. A batch belongs to one call of
 * leastsq_many, and no other thread sees it: there are no critical sections. */
#ifndef LEASTSQ_BATCH_H
#define LEASTSQ_BATCH_H

#include "_results.h"
#include "_trampoline.h"
#include "leastsq.h"

/* Defined and documented in fortran/batch.f90; not part of leastsq.h. */
void leastsq_batch_points(double *block, double *point, double *stepped);
void leastsq_batch_put(double *block, const double *residual);
void leastsq_batch_column(double *block, int j, const double *residual);
void leastsq_batch_norms(int m, int count, const double *residuals, double *norms);
int leastsq_batch_scratch(int m, int n);
void leastsq_batch_factor(int count, double *const *blocks, double *scratch, int *factored);
int leastsq_batch_resume(double *block, int flag, double norm, int factored);

enum { MAX_GROUP = 8 }; /* slots whose norms and QR factors are computed together */

/* A request beside those of leastsq.h: the residual at x0. */
enum { WANTS_FIRST_RESIDUAL = 4 };

/* nan_policy, for NaNs in the residual at x0. */
enum { PROPAGATE, OMIT, RAISE };

/* The state of a slot's request. */
enum {
    UNANSWERED,
    ANSWERED,
    FACTORED,        /* answered with a Jacobian, which has been factored */
    FAILED,          /* the function has raised or failed */
    TOO_FEW_SAMPLES, /* NaNs are omitted, and fewer than n samples are left */
    HAS_NAN          /* the residual at x0 has a NaN, which is to be raised */
};

/* The caller's arrays, with a row for each problem; cov may be NULL. */
typedef struct {
    double *x, *cov, *variance, *ssq;
    npy_int64 *dof;
    npy_int32 *ier, *nfev, *njev;
    npy_bool *success;
} Results;

typedef struct {
    int slots, active;  /* the number of slots; of those in use, which are the first ones */
    int m, n, analytic, maxfev, nan_policy;
    double ftol, xtol, gtol, factor, epsfcn;
    const double *diag; /* or NULL */
    size_t size;        /* of a slot's block of workspace, in doubles */
    double *blocks;     /* size doubles for each slot */
    double *weights;    /* m for each slot, or NULL */
    npy_int64 *problem; /* the index of each slot's problem */
    int *request;       /* of each slot */
    int *answer;        /* the state of that request */
    double *norm;       /* of the residual that each slot has been given */
    double *scratch;    /* n*n + n doubles, then 1 + MAX_GROUP residuals */
    double *lanes;      /* scratch for Jacobians that are factored together, or NULL */
    Results results;
    PyObject *owners;   /* a tuple that keeps the caller's arrays alive */
} Batch;

/* The batch in a capsule, or NULL with an exception. */
Batch *leastsq_batch_of_capsule(PyObject *capsule);

/* The batch in a method's first argument, a capsule; NULL with an exception if it is no batch, or
 * if the number of arguments is not the one wanted. */
Batch *leastsq_batch_of(const char *method, PyObject *const *args, Py_ssize_t nargs,
                        Py_ssize_t wanted);

/* Starts a problem in the next slot, or ends it if it has too few samples or invalid weights. */
void leastsq_slot_begin(Batch *batch, npy_int64 problem, const double *x, const double *weights);

/* Answers a slot's request by calling functions of one point; 0, or -1 if one raises or fails. */
int leastsq_slot_answer(UserFunctions *user, Batch *batch, int slot);

/* The same for requests of one residual, in two parts, so that norms are computed together: the
 * residual becomes the k-th of at most MAX_GROUP in scratch; then each slot is given its one. */
int leastsq_slot_evaluate(UserFunctions *user, Batch *batch, int slot, npy_intp k);
void leastsq_slots_store(Batch *batch, npy_intp count, const npy_int32 *slots);

/* Resumes the slots from first to last - 1 that have an answer. If a solve ends, the last slot in
 * use moves into its place: later slots must have been resumed before. */
void leastsq_slots_advance(Batch *batch, int first, int last);

/* The first problem whose answer is HAS_NAN, or -1. */
npy_int64 leastsq_first_nan_problem(const Batch *batch);

/* The number of weights that are not zero; proper: whether all are finite and none is negative. */
npy_intp leastsq_count_samples(const double *weights, int m, int *proper);

static inline double *block_of(const Batch *batch, int slot)
{
    return batch->blocks + (size_t)slot * batch->size;
}

static inline double *weights_of(const Batch *batch, int slot)
{
    return batch->weights == NULL ? NULL : batch->weights + (size_t)slot * (size_t)batch->m;
}

/* The data of an array; NULL for None. */
static inline void *array_data(PyObject *array)
{
    return array == Py_None ? NULL : PyArray_DATA((PyArrayObject *)array);
}

#endif
