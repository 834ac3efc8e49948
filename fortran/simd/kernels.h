/* The loops over matrix columns that dominate large solves; one implementation for each instruction
 * set.
 *
 * Each lane of a vector accumulates the sum of one column, from the first row to the last, and no
 * product is fused with an addition: the bits are those of scalar loops, for every vector width.
 * Indices and rows count from 0, except in ipvt. */
#ifndef LEASTSQ_KERNELS_H
#define LEASTSQ_KERNELS_H

#include <stddef.h>

/* One step of a Householder QR factorisation. A single pass over the trailing columns applies the
 * previous reflector to each and takes its inner product with the next one. All pointers are to
 * the first active row, that of the next reflector's leading element. */
struct leastsq_reflection {
    ptrdiff_t rows;         /* active rows */
    ptrdiff_t columns;      /* trailing columns */
    const double *previous; /* (rows): reflector to apply; NULL: none */
    double *reflector;      /* (rows): reflector of the inner products */
    double divisor;         /* divides reflector, except its leading element; 0: none */
    double *a;              /* (lda, columns): trailing columns */
    ptrdiff_t lda;          /* leading dimension of a */
    double *rhs;            /* (rows): right-hand side, treated as one more column; NULL: none */
    double *multipliers;    /* of the previous reflector; on return the inner products. One for
                               rhs, if there is one, then one for each column of a */
};

/* One of several matrices of one size that are factored together, and its factors. */
struct leastsq_lane {
    double *a;         /* (m, n): the matrix; on return R in its upper triangle */
    const double *rhs; /* (m): right-hand side */
    double *norms;     /* (n): norms of the matrix's columns */
    double *qtf;       /* (n): the first elements of Q^T rhs */
    int *ipvt;         /* (n): column j of R is column ipvt[j] of the matrix, from 1 */
    int factored;      /* 0: it was not factored, and nothing is changed */
};

/* Where sums of squares need scaling (enorm.f90) and partial norms are inaccurate (qrfac.f90). */
struct leastsq_limits {
    double small; /* a nonzero component of at most this magnitude needs scaling */
    double large; /* so does one of at least this magnitude over the length of the vector */
    double trust; /* a partial norm must be recomputed if trust*(partial/exact)^2 */
    double least; /* is at most this */
};

enum { LEASTSQ_MOST_LANES = 8, LEASTSQ_LANE_COLUMNS = 32 }; /* as in qrfac.f90, kernels.f90 */

struct leastsq_kernels {
    /* Applies the previous reflector and computes the inner products with the next. */
    void (*reflect)(const struct leastsq_reflection *reflection);

    /* Completes a row of R in n columns: subtracts from row[k*lda] the multiplier t[k] times head,
     * the reflector's leading element. Unless norms is NULL, also removes that row from the
     * partial norms, except those that are 0; one that must be recomputed becomes -1: where
     * trust*(norm/exact)^2 <= least, exact being the column's norm when last recomputed. */
    void (*finish_row)(ptrdiff_t n, double head, double *row, ptrdiff_t lda, const double *t,
                       double *norms, const double *exact, double trust, double least);

    /* Sums of squares of n columns of m rows. A sum is negative where the norm needs scaling: if
     * the magnitude of a nonzero component is at most lower, or one may be upper or more. */
    void (*squares)(ptrdiff_t m, ptrdiff_t n, const double *a, ptrdiff_t lda, double lower,
                    double upper, double *sums);

    /* The same for one column x, after t v has been subtracted from it. */
    void (*square_after)(ptrdiff_t m, const double *v, double t, double *x, double lower,
                         double upper, double *sum);

    /* Forward differences: (plus - base) / step, m of them. */
    void (*difference)(ptrdiff_t m, const double *plus, const double *base, double step,
                       double *quotient);

    /* Applies Givens rotations, in order: rotation b combines column, of n elements, with row b of
     * the count rows, which are ld apart. */
    void (*rotate)(ptrdiff_t n, ptrdiff_t count, const double *cosine, const double *sine,
                   double *column, double *rows, ptrdiff_t ld);

    /* QR with column pivoting of count matrices of m rows and n <= LEASTSQ_LANE_COLUMNS columns,
     * n <= m. scratch holds 8 (m (n + 1) + 1) doubles. */
    void (*factor_lanes)(ptrdiff_t m, ptrdiff_t n, ptrdiff_t count, struct leastsq_lane *lanes,
                         const struct leastsq_limits *limits, double *scratch);
};

extern const struct leastsq_kernels leastsq_kernels_baseline;
#ifdef LEASTSQ_HAVE_AVX
extern const struct leastsq_kernels leastsq_kernels_avx2;
extern const struct leastsq_kernels leastsq_kernels_avx512;
#endif

#endif
