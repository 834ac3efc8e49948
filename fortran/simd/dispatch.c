/* Chooses the kernels for the machine it runs on, once, at first use.
 *
 * LEASTSQ_SIMD in the environment names the choice: baseline, avx2 or avx512; a name that is not
 * one of this machine's, the baseline. Results do not depend on it, only speed does. */
#include "kernels.h"
#include "leastsq.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static _Atomic(const struct leastsq_kernels *) chosen;

/* The instruction sets of this machine, the best first. */
static int available(const struct leastsq_kernels *list[3])
{
    int count = 0;

#ifdef LEASTSQ_HAVE_AVX
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq"))
        list[count++] = &leastsq_kernels_avx512;
    if (__builtin_cpu_supports("avx2"))
        list[count++] = &leastsq_kernels_avx2;
#endif
    list[count++] = &leastsq_kernels_baseline;
    return count;
}

/* The kernels that LEASTSQ_SIMD names, the best without it, NULL where it names none of ours. */
static const struct leastsq_kernels *wanted(void)
{
    const struct leastsq_kernels *list[3];
    const char *name = getenv("LEASTSQ_SIMD");
    int count = available(list);

    if (name == NULL || *name == '\0')
        return list[0];
    for (int i = 0; i < count; i++)
        if (strcmp(list[i]->name, name) == 0)
            return list[i];
    return NULL;
}

static const struct leastsq_kernels *kernels(void)
{
    const struct leastsq_kernels *best = atomic_load_explicit(&chosen, memory_order_acquire);

    if (best == NULL) {
        best = wanted();
        if (best == NULL)
            best = &leastsq_kernels_baseline;
        atomic_store_explicit(&chosen, best, memory_order_release);
    }
    return best;
}

const char *leastsq_simd(void)
{
    return wanted() == NULL ? NULL : kernels()->name;
}

const char *leastsq_simd_available(int i)
{
    const struct leastsq_kernels *list[3];

    return i >= 0 && i < available(list) ? list[i]->name : NULL;
}

void leastsq_reflect(ptrdiff_t j, ptrdiff_t m, ptrdiff_t n, int apply, const double *v, double *w,
                     double norm, double *a, ptrdiff_t lda, double *t, int extras, double *extra)
{
    kernels()->reflect(j, m, n, apply, v, w, norm, a, lda, t, extras, extra);
}

void leastsq_finish_row(ptrdiff_t j, ptrdiff_t n, double head, double *a, ptrdiff_t lda,
                        const double *t, int pivot, double *norms, const double *reference,
                        double trust, double least)
{
    kernels()->finish_row(j, n, head, a, lda, t, pivot, norms, reference, trust, least);
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
                    double *s, double *rows, ptrdiff_t ld)
{
    kernels()->rotate(n, count, cosine, sine, s, rows, ld);
}

void leastsq_factor_lanes(ptrdiff_t m, ptrdiff_t n, ptrdiff_t count, struct leastsq_lane *lanes,
                          const struct leastsq_limits *limits, double *scratch)
{
    kernels()->factor_lanes(m, n, count, lanes, limits, scratch);
}
