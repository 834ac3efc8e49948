/* The passes over many columns in which the time of a large solve goes, once an instruction set.
 *
 * Every lane of a vector is the sum of one column, added from the first row to the last, and no
 * product is fused with an addition: so the bits are those of the plain loops, whatever the width.
 */
#ifndef LEASTSQ_KERNELS_H
#define LEASTSQ_KERNELS_H

#include <stddef.h>

/* One of several matrices of one size that are factored together, and what becomes of it. */
struct leastsq_lane {
    double *a;         /* (m, n): the matrix; then R in its upper triangle */
    const double *rhs; /* (m): right-hand side */
    double *norms;     /* (n): norms of the matrix's columns */
    double *qtf;       /* (n): the first elements of Q^T rhs */
    int *ipvt;         /* (n): column j of R is column ipvt[j] of the matrix, from 1 */
    int factored;      /* 0: not done, and nothing is changed */
};

/* What enorm.f90 and qrfac.f90 hold to be too small, too large and too inexact. */
struct leastsq_limits {
    double small; /* components are zero or larger */
    double large; /* components of a vector of one are smaller, of one of m this over m */
    double trust; /* a partial norm must be recomputed where trust*(norm/reference)^2 */
    double least; /* is within least */
};

enum { LEASTSQ_MOST_LANES = 8, LEASTSQ_LANE_COLUMNS = 32 }; /* as in qrfac.f90, kernels.f90 */

struct leastsq_kernels {
    const char *name;

    /* Rows j..m, from 1, of a step of a factorisation: divides w, except its leading element, by
     * norm, unless that is 0; if apply, subtracts t[k] times v from every column k of the n of a;
     * then puts the inner product of w and column k into t[k]. If extras is 1, extra is one more
     * column, before the others, and t has n + 1 numbers. */
    void (*reflect)(ptrdiff_t j, ptrdiff_t m, ptrdiff_t n, int apply, const double *v, double *w,
                    double norm, double *a, ptrdiff_t lda, double *t, int extras, double *extra);

    /* Row j, from 1, of the same: subtracts t[k] times head, the reflector's leading element, from
     * every column k. If pivot, also takes row j out of the columns' norms, except where they are
     * 0; a norm becomes -1 where trust*(norm/reference)^2 is within least: it is lost. */
    void (*finish_row)(ptrdiff_t j, ptrdiff_t n, double head, double *a, ptrdiff_t lda,
                       const double *t, int pivot, double *norms, const double *reference,
                       double trust, double least);

    /* Sums of squares of n columns of m rows. A sum is negative where the norm needs more: where
     * a number other than zero is up to lower, or one may be upper or more, in absolute value. */
    void (*squares)(ptrdiff_t m, ptrdiff_t n, const double *a, ptrdiff_t lda, double lower,
                    double upper, double *sums);

    /* The same for one column x, after t v has been subtracted from it. */
    void (*square_after)(ptrdiff_t m, const double *v, double t, double *x, double lower,
                         double upper, double *sum);

    /* Forward differences: (plus - base) / step, m of them. */
    void (*difference)(ptrdiff_t m, const double *plus, const double *base, double step,
                       double *quotient);

    /* Turns column s of n numbers against count rows, one after the other; rows are ld apart. */
    void (*rotate)(ptrdiff_t n, ptrdiff_t count, const double *cosine, const double *sine,
                   double *s, double *rows, ptrdiff_t ld);

    /* QR with column pivoting of count matrices of m rows and n <= LEASTSQ_LANE_COLUMNS columns,
     * n <= m. scratch holds 8 (m (n + 1) + 1) numbers. */
    void (*factor_lanes)(ptrdiff_t m, ptrdiff_t n, ptrdiff_t count, struct leastsq_lane *lanes,
                         const struct leastsq_limits *limits, double *scratch);
};

extern const struct leastsq_kernels leastsq_kernels_baseline;
#ifdef LEASTSQ_HAVE_AVX
extern const struct leastsq_kernels leastsq_kernels_avx2;
extern const struct leastsq_kernels leastsq_kernels_avx512;
#endif

#endif
