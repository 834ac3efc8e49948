/* The user's functions as the core calls them. */
#ifndef LEASTSQ_TRAMPOLINE_H
#define LEASTSQ_TRAMPOLINE_H

#include "_compiled.h"
#include "_results.h"

/* Subjects of errors about a wrong shape. */
#define LEASTSQ_FUNC_VECTORIZED "What func returns with vectorized=True"
#define LEASTSQ_DFUN_VECTORIZED "What Dfun returns with vectorized=True"

enum { LEASTSQ_POINT = 1 };

/* The user's functions, and the state of one solve that their calls need. */
typedef struct {
    PyObject *func;
    PyObject *dfun;       /* or NULL */
    Compiled *compiled;   /* used in place of func and dfun, or NULL */
    PyObject **stack;     /* for vectorcall: a free slot, the point (an owned reference), then the
                           * extra arguments (borrowed) */
    PyArray_Descr *descr; /* dtype of the point when it was created; only compared */
    size_t nargs;         /* the point and the extra arguments */
    int analytic;         /* the user supplies Jacobians */
    int transposed;       /* dfun returns (n, m) */
    int vectorized;       /* func and dfun take several points at once */
    int have_fvec;        /* fvec already has the residual at x0 */
    int iflag;            /* of the last residual: 1, 2 for a difference, 0 elsewhere */
    double *point;        /* of the last residual with iflag 1 */
    int have_fjac;        /* fjac already has the Jacobian at x0 */
} UserFunctions;

/* Initialises user; dfun may be NULL, args is the tuple of extra arguments. 0, or -1 with an
 * exception. The references are borrowed and must last until leastsq_release. */
int leastsq_prepare(UserFunctions *user, PyObject *func, PyObject *dfun, PyObject *args);
void leastsq_release(UserFunctions *user);

/* Whether an array in which x was passed to a function, created with that dtype, can be used again:
 * ours is the only reference, and the array is as it was created (__setstate__ may have given it
 * immutable memory). */
int leastsq_is_reusable(PyArrayObject *x, npy_intp n, const PyArray_Descr *descr);

/* Puts a new array of shape (n, k, 1) into stack[LEASTSQ_POINT]; returns its data, or NULL with an
 * exception. */
double *leastsq_new_points(UserFunctions *user, npy_intp n, npy_intp k);

/* The same for one point, which is copied from x; 0, or -1 with an exception. */
int leastsq_new_point(UserFunctions *user, const double *x, npy_intp n);

/* Calls func or dfun with stack[LEASTSQ_POINT] and the extra arguments. The interpreter checks for
 * signals in Python functions; after other callables it is done here. */
PyObject *leastsq_call(UserFunctions *user, PyObject *function);

/* The first evaluation, which determines m: returns a new fvec, and the machine epsilon of the
 * residual's dtype; NULL with an exception. If a compiled residual fails there is no exception: see
 * leastsq_has_failed. */
PyArrayObject *leastsq_first_residual(UserFunctions *user, const double *x, npy_intp n,
                                      double *relative_error);

static inline int leastsq_has_failed(const UserFunctions *user)
{
    return user->compiled != NULL && user->compiled->value < 0;
}

/* What a vectorized func or dfun returns for stack[LEASTSQ_POINT], as contiguous doubles of exactly
 * that shape, or NULL with an exception. */
PyArrayObject *leastsq_call_vectorized(UserFunctions *user, PyObject *function, int ndim,
                                       const npy_intp *shape, const char *subject);

/* The Jacobian at x, where the residual is fvec; 0, or -1 with an exception. */
int leastsq_jacobian(UserFunctions *user, const double *x, const double *fvec, npy_intp m,
                     npy_intp n, double *fjac);

/* Callbacks of leastsq_lmdif and leastsq_lmder, p being the UserFunctions. */
int leastsq_residual(void *p, int m, int n, const double *x, double *fvec, int iflag);
int leastsq_residual_or_jacobian(void *p, int m, int n, const double *x, double *fvec,
                                 double *fjac, int ldfjac, int iflag);

#endif
