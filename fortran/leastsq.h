/* leastsq: nonlinear least squares by Levenberg-Marquardt, with the bits of MINPACK.
 *
 * The argument lists are cminpack's, the prefix is leastsq_. Link with -lleastsq -lm; no compiler
 * runtime is needed.
 *
 * Conventions, for every function here:
 * - Matrices are column-major: element (i, j) of an m x n matrix a is a[i + j*lda], lda >= m.
 * - ipvt counts from 1, as in MINPACK: column j of A P is column ipvt[j] - 1 of A.
 * - All arrays are the caller's, scratch included, and none is kept. Nothing is taken from the
 *   heap, and at most 36 kB from the stack: leastsq_qrfac goes a slower way beyond n = 3840, and
 *   leastsq_qrsolv and its callers take fewer rows at a time from n = 480 on. Arrays of one call
 *   must not overlap.
 * - Functions keep no state but the instruction set, chosen once: any number may run at once, in
 *   threads or nested in callbacks, as long as they do not share arrays.
 * - Arguments other than those whose range is said to be tested are trusted.
 * - Where finite numbers of the user's lead to a NaN on the way, it loses every maximum and
 *   minimum, as in C's fmax and fmin and in SciPy. The 1980 library leaves that to its compiler,
 *   and so does a build on the system's MINPACK.
 */
#ifndef LEASTSQ_H
#define LEASTSQ_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LEASTSQ_VERSION "0.1.0"

/* What a solve returns. A negative value is the callback's own, handed on. */
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

/* Residual: writes the m residuals at x[n] to fvec[m]. iflag tells what for: 1 an evaluation at a
 * start or trial point, 2 one for a difference Jacobian, 0 (only with nprint > 0) a look at the
 * iterate, in which nothing may be written. A negative return value ends the solve. */
typedef int (*leastsq_func_mn)(void *p, int m, int n, const double *x, double *fvec, int iflag);

/* Residual and Jacobian: iflag 1 asks for fvec[m] and must leave fjac alone, 2 asks for
 * fjac[i + j*ldfjac] = d fvec[i] / d x[j] and must leave fvec alone; 0 and the return value are as
 * above. */
typedef int (*leastsq_funcder_mn)(void *p, int m, int n, const double *x, double *fvec,
                                  double *fjac, int ldfjac, int iflag);

/* Minimises the sum of squares of m functions of n variables, Jacobian by forward differences.
 *
 * fcn, p      residual, and a pointer that it is handed unread
 * m, n        numbers of residuals and variables; 0 < n <= m (tested)
 * x[n]        start; on return the solution. If fcn ends the solve during a difference Jacobian,
 *             one element still carries its step, as with MINPACK
 * fvec[m]     out: residual at x
 * ftol, xtol, gtol  stopping tolerances, >= 0 (tested); see enum leastsq_status
 * maxfev      evaluations after which the solve ends, > 0 (tested at the end of an iteration)
 * epsfcn      relative error of the residual; anything below the machine epsilon counts as the
 *             machine epsilon, NaN too (in a build on the system's MINPACK that is its compiler's
 *             choice)
 * diag[n]     mode 2: scale factors of the variables, > 0 (tested); otherwise out: those chosen
 * mode        2: diag is given; 1: it is chosen from the norms of the Jacobian's columns
 * factor      first step bound over the norm of diag*x, > 0 (tested); usually 0.1 to 100
 * nprint      > 0: fcn is called with iflag 0 in the first iteration, every nprint iterations
 *             after it, and before return
 * nfev        out: evaluations, n for each difference Jacobian
 * fjac[ldfjac*n]  out: R of the last Jacobian's factors J P = Q R on and above the diagonal,
 *             reflectors below; ldfjac >= m (tested)
 * ipvt[n]     out: the permutation P, counted from 1
 * qtf[n]      out: first n elements of Q^T fvec, at the last Jacobian's point
 * wa1[n], wa2[n], wa3[n], wa4[m]  scratch
 * Returns an enum leastsq_status, or the negative value with which fcn ended the solve. */
int leastsq_lmdif(leastsq_func_mn fcn, void *p, int m, int n, double *x, double *fvec,
                  double ftol, double xtol, double gtol, int maxfev, double epsfcn, double *diag,
                  int mode, double factor, int nprint, int *nfev, double *fjac, int ldfjac,
                  int *ipvt, double *qtf, double *wa1, double *wa2, double *wa3, double *wa4);

/* The same with a Jacobian of the user's. Arguments as for leastsq_lmdif, and
 * fcn         residual and Jacobian
 * maxfev, nfev  count residuals alone
 * njev        out: Jacobian evaluations */
int leastsq_lmder(leastsq_funcder_mn fcn, void *p, int m, int n, double *x, double *fvec,
                  double *fjac, int ldfjac, double ftol, double xtol, double gtol, int maxfev,
                  double *diag, int mode, double factor, int nprint, int *nfev, int *njev,
                  int *ipvt, double *qtf, double *wa1, double *wa2, double *wa3, double *wa4);

/* leastsq_lmdif with ftol = xtol = tol, gtol = epsfcn = 0, maxfev = 200*(n + 1), factor = 100 and
 * mode 1. iwa[n] and wa[lwa] are scratch, lwa >= m*n + 5*n + m (tested). Returns 4 for 8. */
int leastsq_lmdif1(leastsq_func_mn fcn, void *p, int m, int n, double *x, double *fvec, double tol,
                   int *iwa, double *wa, int lwa);

/* leastsq_lmder with ftol = xtol = tol, gtol = 0, maxfev = 100*(n + 1), factor = 100 and mode 1.
 * fjac and ipvt are as for leastsq_lmder; wa[lwa] is scratch, lwa >= 5*n + m (tested). Returns 4
 * for 8. */
int leastsq_lmder1(leastsq_funcder_mn fcn, void *p, int m, int n, double *x, double *fvec,
                   double *fjac, int ldfjac, double tol, int *ipvt, double *wa, int lwa);

/* Reverse communication: a solve that asks. Nothing is called: it says at which point the residual
 * or the Jacobian is wanted, the caller puts it into the block and resumes. For residuals that are
 * computed elsewhere, for one that must not be waited for, and for checkpoints.
 *
 * Everything of a solve stands in one block of the caller's memory, aligned for doubles, without
 * addresses: it may be copied, moved, written to a file and resumed by another process on a machine
 * of the same byte order. The bits are those of leastsq_lmdif and leastsq_lmder. One thread at a
 * time may use a block. These functions are not there in a build on the system's MINPACK.
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

/* What a solve wants. */
#define LEASTSQ_WANTS_NOTHING 0     /* it has ended */
#define LEASTSQ_WANTS_RESIDUAL 1    /* view.residual at view.point */
#define LEASTSQ_WANTS_JACOBIAN 2    /* view.jacobian at view.point */
#define LEASTSQ_WANTS_DIFFERENCES 3 /* leastsq_difference_column for every column, in any order */
#define LEASTSQ_REFUSED (-1)        /* no block of this version, or nothing to be had or given */

/* What stands in a block. The addresses are good until the block is resumed, moved or freed. */
typedef struct leastsq_view {
    int request;         /* what is wanted: LEASTSQ_WANTS_... */
    int info;            /* how the solve ended, as leastsq_lmdif returns it; 0 before */
    int nfev;            /* residual evaluations answered or refused, n for a difference Jacobian */
    int njev;            /* Jacobians answered or refused, of the caller's */
    int iteration;       /* one more than the steps accepted */
    int missing;         /* columns of a difference Jacobian that are still to be given */
    int m, n;            /* numbers of residuals and variables */
    const double *point; /* [n] where the residual or the Jacobian is wanted */
    double *residual;    /* [m] the residual goes here, if it is wanted, else NULL; scratch for the
                            caller while a difference Jacobian is wanted */
    double *jacobian;    /* [m*n] the Jacobian goes here, if it is wanted, else NULL; column-major:
                            d residual[i] / d x[j] in jacobian[i + j*m] */
    const double *x;     /* [n] the best point so far */
    const double *fvec;  /* [m] residual there, once it was given */
    const double *fjac;  /* [m*n] factors of the last Jacobian, as from leastsq_lmdif */
    const double *diag;  /* [n] scale factors */
    const double *qtf;   /* [n] first elements of Q^T fvec, at the last Jacobian's point */
    const int *ipvt;     /* [n] permutation of the factors, counted from 1 */
    const int *given;    /* [n] 1: that column of a difference Jacobian has been given */
} leastsq_view;

/* Bytes of a block, m*n + 2*m + 7*n + 19 doubles; 0 where a size_t cannot count them, and where
 * there is no such solve: n < 1 or m < n. */
size_t leastsq_workspace_size(int m, int n);

/* Begins a solve at x[n]; the block is written from its first byte to its last. Arguments as for
 * leastsq_lmdif, but
 * diag[n]     is read if mode is 2, and never written; otherwise it may be NULL
 * analytic    nonzero: Jacobians will be given; 0: they are made of differences, with epsfcn
 * Returns the request: LEASTSQ_WANTS_NOTHING where an argument is out of range (info is 0 then);
 * LEASTSQ_REFUSED, and the block is as it was, where leastsq_workspace_size is 0. */
int leastsq_start(void *workspace, int m, int n, const double *x, double ftol, double xtol,
                  double gtol, int maxfev, double epsfcn, const double *diag, int mode,
                  double factor, int analytic);

/* Goes on. flag >= 0: what was wanted has been given; while columns of a difference Jacobian are
 * missing nothing happens, and the request returned is the same. flag < 0: it will not be given;
 * the solve ends with info = flag. Returns the request, or LEASTSQ_REFUSED as leastsq_inspect. */
int leastsq_resume(void *workspace, int flag);

/* Fills the view in. Returns the request; LEASTSQ_REFUSED, and the view is as it was, where the
 * block does not begin with the version word of this layout. */
int leastsq_inspect(void *workspace, leastsq_view *view);

/* Writes to point[n] where the residual for column j, from 0, of a difference Jacobian is wanted.
 * Returns 0, or LEASTSQ_REFUSED where none is wanted or j is not a column. */
int leastsq_difference_point(const void *workspace, int j, double *point);

/* Makes column j, from 0, of a difference Jacobian from the residual at its point, residual[m]. A
 * column may be given again. Returns as leastsq_difference_point does. */
int leastsq_difference_column(void *workspace, int j, const double *residual);

/* Euclidean norm of x[n], without overflow or underflow on the way. */
double leastsq_enorm(int n, const double *x);

/* QR factorisation A P = Q R by Householder reflections.
 * a[lda*n]    the m x n matrix (m < n is allowed); on return the strict upper triangle of R, and
 *             the reflectors v on and below the diagonal: I - v v^T / v[0]
 * pivot       nonzero: columns are interchanged, the largest norm left first
 * ipvt[lipvt] out with pivot: the permutation, counted from 1; lipvt = n, or 1 without pivot
 * rdiag[n]    out: diagonal of R
 * acnorm[n]   out: norms of the columns of A
 * wa[n]       scratch */
void leastsq_qrfac(int m, int n, double *a, int lda, int pivot, int *ipvt, int lipvt,
                   double *rdiag, double *acnorm, double *wa);

/* Solves A x = b, D x = 0 in the least-squares sense, given A P = Q R.
 * r[ldr*n]    R in the upper triangle, unchanged; on return S^T strictly below the diagonal,
 *             where P^T (A^T A + D^2) P = S^T S
 * ipvt[n]     the permutation P, counted from 1
 * diag[n]     diagonal of D
 * qtb[n]      first n elements of Q^T b
 * x[n]        out: solution
 * sdiag[n]    out: diagonal of S
 * wa[n]       scratch */
void leastsq_qrsolv(int n, double *r, int ldr, const int *ipvt, const double *diag,
                    const double *qtb, double *x, double *sdiag, double *wa);

/* Levenberg-Marquardt parameter: par >= 0 such that the solution x of J x = f, sqrt(par) D x = 0
 * has | ||D x|| - delta | <= delta/10, or par = 0 where ||D x|| <= 1.1 delta already. After 10
 * iterations it is what they have reached.
 * r, ipvt, qtb, sdiag as for leastsq_qrsolv; diag[n] without zeros; delta > 0
 * par         guess >= 0; on return the parameter
 * x[n]        out: solution
 * wa1[n], wa2[n]  scratch */
void leastsq_lmpar(int n, double *r, int ldr, const int *ipvt, const double *diag,
                   const double *qtb, double delta, double *par, double *x, double *sdiag,
                   double *wa1, double *wa2);

/* Forward-difference Jacobian fjac[ldfjac*n] of fcn at x[n], where the residual is fvec[m].
 * epsfcn as for leastsq_lmdif; wa[m] is scratch. x is restored unless fcn ends the work by a
 * negative value, which is returned. */
int leastsq_fdjac2(leastsq_func_mn fcn, void *p, int m, int n, double *x, const double *fvec,
                   double *fjac, int ldfjac, double epsfcn, double *wa);

/* Covariance (J^T J)^-1 from the factors of J, to be multiplied by the residual variance.
 * r[ldr*n]    R in the upper triangle; on return the full symmetric matrix. Rows and columns from
 *             the first |r(k,k)| <= tol*|r(1,1)| on are zero
 * ipvt[n]     the permutation, counted from 1
 * wa[n]       scratch */
void leastsq_covar(int n, double *r, int ldr, const int *ipvt, double tol, double *wa);

/* Checks a Jacobian. mode 1: writes to xp[n] a point near x[n]. mode 2: given fvec[m] and
 * fjac[ldfjac*n] at x and fvecp[m] at xp, writes to err[m] 1 where a row of the Jacobian agrees
 * with the change of the residual, 0 where it does not, and numbers between where in doubt. */
void leastsq_chkder(int m, int n, const double *x, double *fvec, double *fjac, int ldfjac,
                    double *xp, double *fvecp, int mode, double *err);

/* Machine constants: i = 1 the epsilon 2^-52, 2 the smallest normal number 2^-1022, 3 the largest.
 * The 1980 library has decimal literals for the first two, 2.22044604926e-16, which decides the
 * difference step by default, and 2.22507385852e-308, which decides par where R is tiny. */
double leastsq_dpmpar(int i);

/* Instruction set of the kernels in force: baseline, avx2 or avx512. The best of the machine, or
 * the one that the environment variable LEASTSQ_SIMD names when it is first needed. A name that
 * is none of this machine's is an error where leastsq is imported into Python. Elsewhere there is
 * nobody to tell: the baseline runs, which is safe on every machine, and this function returns
 * NULL while LEASTSQ_SIMD has such a name. Results do not depend on it. */
const char *leastsq_simd(void);

/* The i-th instruction set of this machine, the best first; NULL beyond the last. */
const char *leastsq_simd_available(int i);

#ifdef __cplusplus
}
#endif

#endif
