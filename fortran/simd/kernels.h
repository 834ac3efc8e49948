/* The passes over many columns in which the time of a large solve goes, once an instruction set.
 *
 * Every lane of a vector is the sum of one column, added from the first row to the last, and no
 * product is fused with an addition: so the bits are those of the plain loops, whatever the width.
 */
#ifndef LEASTSQ_KERNELS_H
#define LEASTSQ_KERNELS_H

#include <stddef.h>

struct leastsq_kernels {
    const char *name;

    /* With reflectors v and w of m rows and n columns of a: subtracts t[k] v from column k, then
     * puts the inner product of w and column k into t[k]. Without v: the inner products alone.
     * A further column may stand apart, with its t_extra, or be NULL. */
    void (*reflect)(ptrdiff_t m, ptrdiff_t n, const double *v, const double *w, double *a,
                    ptrdiff_t lda, double *t, double *extra, double *t_extra);

    /* Sums of squares of n columns of m rows. An entry is negative where a component is neither
     * zero nor between the limits in absolute value. */
    void (*squares)(ptrdiff_t m, ptrdiff_t n, const double *a, ptrdiff_t lda, double lower,
                    double upper, double *sums);

    /* Turns column s of n numbers against count rows, one after the other; rows are ld apart. */
    void (*rotate)(ptrdiff_t n, ptrdiff_t count, const double *cosine, const double *sine,
                   double *s, double *rows, ptrdiff_t ld);
};

extern const struct leastsq_kernels leastsq_kernels_baseline;
#ifdef LEASTSQ_HAVE_AVX
extern const struct leastsq_kernels leastsq_kernels_avx2;
extern const struct leastsq_kernels leastsq_kernels_avx512;
#endif

#endif
