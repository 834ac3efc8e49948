/* The user's functions as the core calls them. */
#ifndef LEASTSQ_TRAMPOLINE_H
#define LEASTSQ_TRAMPOLINE_H

#include "_compiled.h"
#include "_results.h"

/* What is of a wrong shape, in an error. */
#define LEASTSQ_FUNC_VECTORIZED "What func returns with vectorized=True"
#define LEASTSQ_DFUN_VECTORIZED "What Dfun returns with vectorized=True"

enum { LEASTSQ_POINT = 1 };

/* The user's functions and what one solve knows of them. */
typedef struct {
    PyObject *func;
    PyObject *dfun;
    Compiled *compiled; /* instead of both, or NULL */
    PyObject **stack; /* a free place, the point (ours), then the extra arguments (borrowed) */
    PyArray_Descr *descr; /* type of x as it was made; only compared */
    size_t nargs;     /* x and the extra arguments */
    int analytic;     /* Jacobians are theirs */
    int transposed;   /* dfun returns (n, m) */
    int vectorized;   /* they take several points at once */
    int have_fvec;    /* the residual at x0 stands in fvec already */
    int iflag;        /* of the last residual: 1, 2 for a difference, 0 elsewhere */
    double *point;    /* of the last one with 1 */
    int have_fjac;    /* the Jacobian at x0 stands in fjac already */
} UserFunctions;

/* Takes the functions, dfun being NULL without one, and the tuple of extra arguments; 0, or -1 with
 * an exception. Nothing of it is kept beyond leastsq_release. */
int leastsq_prepare(UserFunctions *user, PyObject *func, PyObject *dfun, PyObject *args);
void leastsq_release(UserFunctions *user);

/* Whether an array that x was handed out in, made with that type, can serve again: nobody else
 * has it, and it is as it was made; __setstate__ may have given it immutable memory. */
int leastsq_is_ours_alone(PyArrayObject *x, npy_intp n, const PyArray_Descr *descr);

/* Puts a fresh p of shape (n, k, 1) into stack[LEASTSQ_POINT]; its numbers, or NULL with an
 * exception. */
double *leastsq_new_points(UserFunctions *user, npy_intp n, npy_intp k);

/* The same for one point, x; 0, or -1 with an exception. */
int leastsq_new_point(UserFunctions *user, const double *x, npy_intp n);

/* Calls func or dfun with stack[LEASTSQ_POINT] and the extra arguments. Python functions look for
 * signals themselves; after other callables it is done here. */
PyObject *leastsq_call(UserFunctions *user, PyObject *function);

/* The first evaluation, which finds m: a fresh fvec, and the relative error of its type; NULL with
 * an exception. Whether a compiled residual has failed, leastsq_has_failed says. */
PyArrayObject *leastsq_first_residual(UserFunctions *user, const double *x, npy_intp n,
                                      double *relative_error);

static inline int leastsq_has_failed(const UserFunctions *user)
{
    return user->compiled != NULL && user->compiled->value < 0;
}

/* What a vectorized func or dfun returns for stack[LEASTSQ_POINT], as contiguous doubles of exactly
 * that shape, or NULL with an exception. */
PyArrayObject *leastsq_call_vectorized(UserFunctions *user, PyObject *function, int ndim,
                                       const npy_intp *shape, const char *which);

/* The Jacobian at x, where the residual is fvec; 0, or -1 with an exception. */
int leastsq_jacobian(UserFunctions *user, const double *x, const double *fvec, npy_intp m,
                     npy_intp n, double *fjac);

/* Callbacks of leastsq_lmdif and leastsq_lmder, p being the UserFunctions. */
int leastsq_residual(void *p, int m, int n, const double *x, double *fvec, int iflag);
int leastsq_residual_or_jacobian(void *p, int m, int n, const double *x, double *fvec,
                                 double *fjac, int ldfjac, int iflag);

#endif
