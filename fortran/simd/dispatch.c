/* What kernels.f90 declares: each call goes to the kernels of the instruction set in use. Rows
 * count from 1 in Fortran; the kernels get the address of the first row instead. */
#include "instruction_set.h"
#include "kernels.h"

static const struct leastsq_kernels *kernels(void)
{
    static const struct leastsq_kernels *const variants[] = {
        [LEASTSQ_BASELINE] = &leastsq_kernels_baseline,
#ifdef LEASTSQ_HAVE_AVX
        [LEASTSQ_AVX2] = &leastsq_kernels_avx2,
        [LEASTSQ_AVX512] = &leastsq_kernels_avx512,
#endif
    };

    return variants[leastsq_set_in_use()];
}

void leastsq_reflect(ptrdiff_t j, ptrdiff_t m, ptrdiff_t n, int apply, const double *v, double *w,
                     double norm, double *a, ptrdiff_t lda, double *t, int has_rhs, double *rhs)
{
    const ptrdiff_t row = j - 1;
    const struct leastsq_reflection reflection = {.rows = m - row,
                                                  .columns = n,
                                                  .previous = apply ? v + row : NULL,
                                                  .reflector = w + row,
                                                  .divisor = norm,
                                                  .a = a + row,
                                                  .lda = lda,
                                                  .rhs = has_rhs ? rhs + row : NULL,
                                                  .multipliers = t};

    kernels()->reflect(&reflection);
}

void leastsq_finish_row(ptrdiff_t j, ptrdiff_t n, double head, double *a, ptrdiff_t lda,
                        const double *t, int pivot, double *norms, const double *exact,
                        double trust, double least)
{
    kernels()->finish_row(n, head, a + j - 1, lda, t, pivot ? norms : NULL, exact, trust, least);
}

void leastsq_squares(ptrdiff_t m, ptrdiff_t n, const double *a, ptrdiff_t lda, double lower,
                     double upper, double *sums)
{
    kernels()->squares(m, n, a, lda, lower, upper, sums);
}

void leastsq_square_after(ptrdiff_t m, const double *v, double t, double *x, double lower,
                          double upper, double *sum)
{
    kernels()->square_after(m, v, t, x, lower, upper, sum);
}

void leastsq_difference(ptrdiff_t m, const double *plus, const double *base, double step,
                        double *quotient)
{
    kernels()->difference(m, plus, base, step, quotient);
}

void leastsq_rotate(ptrdiff_t n, ptrdiff_t count, const double *cosine, const double *sine,
                    double *column, double *rows, ptrdiff_t ld)
{
    kernels()->rotate(n, count, cosine, sine, column, rows, ld);
}

void leastsq_factor_lanes(ptrdiff_t m, ptrdiff_t n, ptrdiff_t count, struct leastsq_lane *lanes,
                          const struct leastsq_limits *limits, double *scratch)
{
    kernels()->factor_lanes(m, n, count, lanes, limits, scratch);
}
