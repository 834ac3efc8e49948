/* leastsq: nonlinear least squares by Levenberg-Marquardt, with the bits of MINPACK.
 *
 * The argument lists are cminpack's, the prefix is leastsq_. Link with -lleastsq -lm; no compiler
 * runtime is needed. The signature of leastsq_lmdif is the type leastsq_lmdif_function, and so for
 * the others: leastsq_capi.h has pointers to these types.
 *
 * Conventions, for every function here:
 * - Matrices are column-major: element (i, j) of an m x n matrix a is a[i + j*lda], lda >= m.
 * - ipvt counts from 1, as in MINPACK: column j of A P is column ipvt[j] - 1 of A.
 * - All arrays are the caller's, scratch included, and none is kept. Nothing is taken from the
 *   heap, and at most 36 kB from the stack: leastsq_qrfac goes a slower way beyond n = 3840, and
 *   leastsq_qrsolv and its callers take fewer rows at a time beyond n = 480. Arrays of one call
 *   must not overlap, and are aligned for their types; x86-64 takes any address.
 * - The floating-point environment is the caller's and stays as it is. Where it rounds up or down,
 *   Q^T fvec and with it a solve are not to the bit MINPACK's; everything else is, in any mode.
 *   With finite input, invalid operations and divisions by zero are flagged, or trapped, only where
 *   they are in MINPACK; overflow and underflow may be where the result has none.
 * - The only global state is the instruction set, chosen once: functions may run concurrently, in
 *   threads or nested in callbacks, as long as they do not share arrays.
 * - Only the arguments marked (tested) are checked; all others are trusted.
 * - A NaN that arises from finite input is ignored in maxima and minima, as by C's fmax and fmin
 *   and in SciPy. The 1980 library leaves that to its compiler, and so does a build on the system's
 *   MINPACK.
 */
#ifndef LEASTSQ_H
#define LEASTSQ_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LEASTSQ_VERSION "0.1.0"

/* What a solve returns. A negative value is the one with which the callback requested
 * termination. */
enum leastsq_status {
    LEASTSQ_IMPROPER_INPUT = 0,       /* an argument is out of range; nothing was computed */
    LEASTSQ_CONVERGED_REDUCTION = 1,  /* actual and predicted reduction are at most ftol */
    LEASTSQ_CONVERGED_STEP = 2,       /* relative error between iterates is at most xtol */
    LEASTSQ_CONVERGED_BOTH = 3,       /* both */
    LEASTSQ_ORTHOGONAL_RESIDUAL = 4,  /* cosine of fvec with every column of J is at most gtol,
                                         or fvec's norm or an element of J is not finite */
    LEASTSQ_TOO_MANY_EVALUATIONS = 5, /* maxfev evaluations were made */
    LEASTSQ_FTOL_TOO_SMALL = 6,       /* no further reduction of the sum of squares is possible */
    LEASTSQ_XTOL_TOO_SMALL = 7,       /* no further improvement of x is possible */
    LEASTSQ_GTOL_TOO_SMALL = 8        /* fvec is orthogonal to J's columns to machine precision */
};

/* Residual: writes the m residuals at x[n] to fvec[m]. iflag is 1 for an evaluation at the start or
 * a trial point, 2 for one of a difference Jacobian, and 0 (only with nprint > 0) for a report of
 * the iterate, when nothing may be written. A negative return value requests termination. p is the
 * user data given to the solve. */
typedef int (*leastsq_func_mn)(void *p, int m, int n, const double *x, double *fvec, int iflag);

/* Residual and Jacobian: iflag 1 asks for fvec[m] and must leave fjac alone, 2 asks for
 * fjac[i + j*ldfjac] = d fvec[i] / d x[j] and must leave fvec alone; 0 and the return value are as
 * above. */
typedef int (*leastsq_funcder_mn)(void *p, int m, int n, const double *x, double *fvec,
                                  double *fjac, int ldfjac, int iflag);

/* Minimises the sum of squares of m functions of n variables, Jacobian by forward differences.
 *
 * fcn, p      residual, and user data, passed through to it
 * m, n        numbers of residuals and variables; 0 < n <= m (tested)
 * x[n]        start; on return the solution. If fcn terminates the solve during a difference
 *             Jacobian, one element still carries its step, as with MINPACK
 * fvec[m]     out: residual at x
 * ftol, xtol, gtol  stopping tolerances, >= 0 (tested); see enum leastsq_status
 * maxfev      evaluations after which the solve ends, > 0 (tested at the end of an iteration)
 * epsfcn      relative error of the residual; anything below the machine epsilon counts as the
 *             machine epsilon, NaN too (in a build on the system's MINPACK that is its compiler's
 *             choice)
 * diag[n]     mode 2: scale factors of the variables, > 0 (tested); otherwise out: those chosen
 * mode        2: diag is given; 1: it is set from the norms of the Jacobian's columns
 * factor      first step bound over the norm of diag*x, > 0 (tested); usually 0.1 to 100
 * nprint      > 0: fcn is called with iflag 0 in the first iteration, every nprint iterations
 *             after it, and before return
 * nfev        out: evaluations, n for each difference Jacobian
 * fjac[ldfjac*n]  out: R of the last Jacobian's factors J P = Q R on and above the diagonal,
 *             reflectors below; ldfjac >= m (tested)
 * ipvt[n]     out: the permutation P, counted from 1
 * qtf[n]      out: first n elements of Q^T fvec, at the last Jacobian's point
 * wa1[n], wa2[n], wa3[n], wa4[m]  scratch
 * Returns an enum leastsq_status, or the negative value with which fcn requested termination. */
typedef int leastsq_lmdif_function(leastsq_func_mn fcn, void *p, int m, int n, double *x,
                                   double *fvec, double ftol, double xtol, double gtol, int maxfev,
                                   double epsfcn, double *diag, int mode, double factor, int nprint,
                                   int *nfev, double *fjac, int ldfjac, int *ipvt, double *qtf,
                                   double *wa1, double *wa2, double *wa3, double *wa4);
leastsq_lmdif_function leastsq_lmdif;

/* The same with an analytic Jacobian. Arguments as for leastsq_lmdif, and
 * fcn         residual and Jacobian
 * maxfev, nfev  count residual evaluations only
 * njev        out: Jacobian evaluations */
typedef int leastsq_lmder_function(leastsq_funcder_mn fcn, void *p, int m, int n, double *x,
                                   double *fvec, double *fjac, int ldfjac, double ftol, double xtol,
                                   double gtol, int maxfev, double *diag, int mode, double factor,
                                   int nprint, int *nfev, int *njev, int *ipvt, double *qtf,
                                   double *wa1, double *wa2, double *wa3, double *wa4);
leastsq_lmder_function leastsq_lmder;

/* leastsq_lmdif with ftol = xtol = tol, gtol = epsfcn = 0, maxfev = 200*(n + 1), factor = 100 and
 * mode 1. iwa[n] and wa[lwa] are scratch, lwa >= m*n + 5*n + m (tested). Returns 4 for 8. */
typedef int leastsq_lmdif1_function(leastsq_func_mn fcn, void *p, int m, int n, double *x,
                                    double *fvec, double tol, int *iwa, double *wa, int lwa);
leastsq_lmdif1_function leastsq_lmdif1;

/* leastsq_lmder with ftol = xtol = tol, gtol = 0, maxfev = 100*(n + 1), factor = 100 and mode 1.
 * fjac and ipvt are as for leastsq_lmder; wa[lwa] is scratch, lwa >= 5*n + m (tested). Returns 4
 * for 8. */
typedef int leastsq_lmder1_function(leastsq_funcder_mn fcn, void *p, int m, int n, double *x,
                                    double *fvec, double *fjac, int ldfjac, double tol, int *ipvt,
                                    double *wa, int lwa);
leastsq_lmder1_function leastsq_lmder1;

/* Reverse communication: no function is called. A solve requests the residual or the Jacobian at a
 * point; the caller writes it into the block and resumes the solve. For residuals that are computed
 * elsewhere or asynchronously, and for checkpoints.
 *
 * The whole state of a solve is in one block of the caller's memory, aligned for doubles. It holds
 * no addresses: it may be copied, moved, written to a file and resumed by another process on a
 * machine of the same byte order. The bits are those of leastsq_lmdif and leastsq_lmder. One thread
 * at a time may use a block. A build on the system's MINPACK does not have these functions.
 *
 *     size_t size = leastsq_workspace_size(m, n);
 *     void *workspace = size > 0 ? malloc(size) : NULL;
 *     double *point = malloc(n * sizeof(double));
 *     leastsq_view view;
 *
 *     if (workspace == NULL || point == NULL)
 *         return -1;
 *     leastsq_start(workspace, m, n, x, 1e-8, 1e-8, 0.0, 400, 0.0, NULL, 1, 100.0, 0);
 *     while (leastsq_inspect(workspace, &view) > LEASTSQ_WANTS_NOTHING) {
 *         if (view.request == LEASTSQ_WANTS_RESIDUAL)
 *             f(view.point, view.residual);
 *         else
 *             for (int j = 0; j < n; j++) {
 *                 leastsq_difference_point(workspace, j, point);
 *                 f(point, view.residual);
 *                 leastsq_difference_column(workspace, j, view.residual);
 *             }
 *         leastsq_resume(workspace, 0);
 *     }
 *     ...view.info, view.x, view.fvec; then free both
 */

/* What a solve requests. */
#define LEASTSQ_WANTS_NOTHING 0     /* nothing: it has ended */
#define LEASTSQ_WANTS_RESIDUAL 1    /* view.residual at view.point */
#define LEASTSQ_WANTS_JACOBIAN 2    /* view.jacobian at view.point */
#define LEASTSQ_WANTS_DIFFERENCES 3 /* leastsq_difference_column for every column, in any order */
#define LEASTSQ_REFUSED (-1)        /* not a block of this version, or not what was requested */

/* The contents of a block. The addresses are valid until it is resumed, moved or freed. */
typedef struct leastsq_view {
    int request;         /* LEASTSQ_WANTS_... */
    int info;            /* how the solve ended, as leastsq_lmdif returns it; 0 before */
    int nfev;            /* residual evaluations answered or refused, n for a difference Jacobian */
    int njev;            /* analytic Jacobians answered or refused */
    int iteration;       /* one more than the steps accepted */
    int missing;         /* columns of a difference Jacobian that have not been given yet */
    int m, n;            /* numbers of residuals and variables */
    const double *point; /* [n] where the residual or the Jacobian is requested */
    double *residual;    /* [m] the residual goes here, if requested, else NULL; scratch for the
                            caller while a difference Jacobian is requested */
    double *jacobian;    /* [m*n] the Jacobian goes here, if requested, else NULL; column-major:
                            d residual[i] / d x[j] in jacobian[i + j*m] */
    const double *x;     /* [n] the best point so far */
    const double *fvec;  /* [m] residual there, once it has been given */
    const double *fjac;  /* [m*n] factors of the last Jacobian, as from leastsq_lmdif */
    const double *diag;  /* [n] scale factors */
    const double *qtf;   /* [n] first elements of Q^T fvec, at the last Jacobian's point */
    const int *ipvt;     /* [n] permutation of the factors, counted from 1 */
    const int *given;    /* [n] 1: that column of a difference Jacobian has been given */
} leastsq_view;

/* Bytes of a block, m*n + 2*m + 7*n + 19 doubles; 0 if that overflows a size_t, or n < 1, or
 * m < n. */
typedef size_t leastsq_workspace_size_function(int m, int n);
leastsq_workspace_size_function leastsq_workspace_size;

/* Begins a solve at x[n]; every byte of the block is written. Arguments as for leastsq_lmdif, but
 * diag[n]     is read if mode is 2, and never written; otherwise it may be NULL
 * analytic    nonzero: Jacobians will be given; 0: they are approximated by forward differences,
 *             with epsfcn
 * Returns the request: LEASTSQ_WANTS_NOTHING where an argument is out of range (info is 0 then);
 * LEASTSQ_REFUSED, and the block is as it was, where leastsq_workspace_size is 0. */
typedef int leastsq_start_function(void *workspace, int m, int n, const double *x, double ftol,
                                   double xtol, double gtol, int maxfev, double epsfcn,
                                   const double *diag, int mode, double factor, int analytic);
leastsq_start_function leastsq_start;

/* Continues. flag >= 0: what was requested has been given; while columns of a difference Jacobian
 * are missing nothing happens, and the same request is returned. flag < 0 requests termination:
 * the solve ends with info = flag. Returns the request, or LEASTSQ_REFUSED as leastsq_inspect. */
typedef int leastsq_resume_function(void *workspace, int flag);
leastsq_resume_function leastsq_resume;

/* Fills in the view. Returns the request; LEASTSQ_REFUSED, leaving the view unchanged, if the block
 * does not begin with the version word of this layout. */
typedef int leastsq_inspect_function(void *workspace, leastsq_view *view);
leastsq_inspect_function leastsq_inspect;

/* Writes to point[n] the point at which column j, from 0, of a difference Jacobian needs the
 * residual. Returns 0, or LEASTSQ_REFUSED if none is requested or j is not a column. */
typedef int leastsq_difference_point_function(const void *workspace, int j, double *point);
leastsq_difference_point_function leastsq_difference_point;

/* Computes column j, from 0, of a difference Jacobian from the residual at its point, residual[m].
 * A column may be given again. Returns as leastsq_difference_point does. */
typedef int leastsq_difference_column_function(void *workspace, int j, const double *residual);
leastsq_difference_column_function leastsq_difference_column;

/* Euclidean norm of x[n], without intermediate overflow or underflow. */
typedef double leastsq_enorm_function(int n, const double *x);
leastsq_enorm_function leastsq_enorm;

/* QR factorisation A P = Q R by Householder reflections.
 * a[lda*n]    the m x n matrix (m < n is allowed); on return the strict upper triangle of R, and
 *             the reflectors v on and below the diagonal: I - v v^T / v[0]
 * pivot       nonzero: column pivoting; each pivot is the column of largest partial norm
 * ipvt[lipvt] out with pivot: the permutation, counted from 1; lipvt = n, or 1 without pivot
 * rdiag[n]    out: diagonal of R
 * acnorm[n]   out: norms of the columns of A
 * wa[n]       scratch */
typedef void leastsq_qrfac_function(int m, int n, double *a, int lda, int pivot, int *ipvt,
                                    int lipvt, double *rdiag, double *acnorm, double *wa);
leastsq_qrfac_function leastsq_qrfac;

/* Solves A x = b, D x = 0 in the least-squares sense, given A P = Q R.
 * r[ldr*n]    R in the upper triangle, unchanged; on return S^T strictly below the diagonal,
 *             where P^T (A^T A + D^2) P = S^T S
 * ipvt[n]     the permutation P, counted from 1
 * diag[n]     diagonal of D
 * qtb[n]      first n elements of Q^T b
 * x[n]        out: solution
 * sdiag[n]    out: diagonal of S
 * wa[n]       scratch */
typedef void leastsq_qrsolv_function(int n, double *r, int ldr, const int *ipvt, const double *diag,
                                     const double *qtb, double *x, double *sdiag, double *wa);
leastsq_qrsolv_function leastsq_qrsolv;

/* Levenberg-Marquardt parameter: par >= 0 such that the solution x of J x = f, sqrt(par) D x = 0
 * has | ||D x|| - delta | <= delta/10, or par = 0 if ||D x|| <= 1.1 delta there. At most 10
 * iterations are made.
 * r, ipvt, qtb, sdiag as for leastsq_qrsolv; diag[n] without zeros; delta > 0
 * par         guess >= 0; on return the parameter
 * x[n]        out: solution
 * wa1[n], wa2[n]  scratch */
typedef void leastsq_lmpar_function(int n, double *r, int ldr, const int *ipvt, const double *diag,
                                    const double *qtb, double delta, double *par, double *x,
                                    double *sdiag, double *wa1, double *wa2);
leastsq_lmpar_function leastsq_lmpar;

/* Forward-difference Jacobian fjac[ldfjac*n] of fcn at x[n], where the residual is fvec[m].
 * epsfcn as for leastsq_lmdif; wa[m] is scratch. x is restored unless fcn requests termination by
 * a negative value, which is returned. */
typedef int leastsq_fdjac2_function(leastsq_func_mn fcn, void *p, int m, int n, double *x,
                                    const double *fvec, double *fjac, int ldfjac, double epsfcn,
                                    double *wa);
leastsq_fdjac2_function leastsq_fdjac2;

/* Covariance (J^T J)^-1 from the factors of J, to be multiplied by the residual variance.
 * r[ldr*n]    R in the upper triangle; on return the full symmetric matrix. Rows and columns from
 *             the first |r(k,k)| <= tol*|r(1,1)| on are zero
 * ipvt[n]     the permutation, counted from 1
 * wa[n]       scratch */
typedef void leastsq_covar_function(int n, double *r, int ldr, const int *ipvt, double tol,
                                    double *wa);
leastsq_covar_function leastsq_covar;

/* Checks a Jacobian. mode 1: writes to xp[n] a point near x[n]. mode 2: given fvec[m] and
 * fjac[ldfjac*n] at x and fvecp[m] at xp, writes to err[m] 1 where a row of the Jacobian is
 * consistent with the change of the residual, 0 where it is inconsistent; values between are
 * inconclusive. */
typedef void leastsq_chkder_function(int m, int n, const double *x, double *fvec, double *fjac,
                                     int ldfjac, double *xp, double *fvecp, int mode, double *err);
leastsq_chkder_function leastsq_chkder;

/* Machine constants: i = 1 the epsilon 2^-52, 2 the smallest normal number 2^-1022, 3 the largest.
 * The 1980 library has decimal literals for the first two: 2.22044604926e-16, which sets the
 * default difference step, and 2.22507385852e-308, which bounds par where R is tiny. */
typedef double leastsq_dpmpar_function(int i);
leastsq_dpmpar_function leastsq_dpmpar;

/* Instruction set of the kernels in use: baseline, avx2 or avx512. The best of the machine, or the
 * one that the environment variable LEASTSQ_SIMD names when it is first needed. A name that this
 * machine does not have is an error when leastsq is imported into Python. In other programs the
 * baseline is used, which runs on every machine, and this function returns NULL while LEASTSQ_SIMD
 * has such a name. Results do not depend on it. */
const char *leastsq_simd(void);

/* The i-th instruction set of this machine, the best first; NULL beyond the last. */
const char *leastsq_simd_available(int i);

#ifdef __cplusplus
}
#endif

#endif
