/* Vectors of LANES doubles, 2, 4 or 8, by the extensions that GCC and Clang share. */
#ifndef LEASTSQ_VECTOR_H
#define LEASTSQ_VECTOR_H

#include <math.h>

#if !defined(LANES) || (LANES != 2 && LANES != 4 && LANES != 8)
#error "LANES must be 2, 4 or 8"
#endif

/* -ffp-contract=off is needed, too, but no macro tells whether it is given. */
#if defined(__FAST_MATH__) || defined(__ASSOCIATIVE_MATH__) || defined(__RECIPROCAL_MATH__) || \
    (defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__)
#error "compile this file without -ffast-math and the options that it stands for"
#endif

#define INLINE static inline __attribute__((always_inline))

typedef double vector __attribute__((vector_size(8 * LANES)));
typedef double unaligned_vector __attribute__((vector_size(8 * LANES), aligned(8), may_alias));
typedef long long mask __attribute__((vector_size(8 * LANES)));

#if defined(__clang__)
#define SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (mask){__VA_ARGS__})
#endif

INLINE vector load(const double *x)
{
    return *(const unaligned_vector *)x;
}

INLINE void store(double *x, vector value)
{
    *(unaligned_vector *)x = value;
}

/* x - 0 is x for every x; x + 0 is not: it makes 0 of -0. */
INLINE vector broadcast(double x)
{
    return x - (vector){0};
}

INLINE vector select_lanes(mask where, vector yes, vector no)
{
    return (vector)(((mask)yes & where) | ((mask)no & ~where));
}

/* One instruction with -fno-math-errno. */
INLINE vector square_root(vector x)
{
    for (int lane = 0; lane < LANES; lane++)
        x[lane] = sqrt(x[lane]);
    return x;
}

/* Transposes a LANES x LANES matrix. */
INLINE void transpose(vector p[LANES])
{
#if LANES == 2
    vector even = SHUFFLE(p[0], p[1], 0, 2), odd = SHUFFLE(p[0], p[1], 1, 3);

    p[0] = even;
    p[1] = odd;
#elif LANES == 4
    vector even0 = SHUFFLE(p[0], p[1], 0, 4, 2, 6), odd0 = SHUFFLE(p[0], p[1], 1, 5, 3, 7);
    vector even1 = SHUFFLE(p[2], p[3], 0, 4, 2, 6), odd1 = SHUFFLE(p[2], p[3], 1, 5, 3, 7);

    p[0] = SHUFFLE(even0, even1, 0, 1, 4, 5);
    p[1] = SHUFFLE(odd0, odd1, 0, 1, 4, 5);
    p[2] = SHUFFLE(even0, even1, 2, 3, 6, 7);
    p[3] = SHUFFLE(odd0, odd1, 2, 3, 6, 7);
#else
    vector pair[8], quad[8];

    for (int k = 0; k < 8; k += 2) {
        pair[k] = SHUFFLE(p[k], p[k + 1], 0, 8, 2, 10, 4, 12, 6, 14);
        pair[k + 1] = SHUFFLE(p[k], p[k + 1], 1, 9, 3, 11, 5, 13, 7, 15);
    }
    for (int k = 0; k < 8; k += 4)
        for (int odd = 0; odd < 2; odd++) {
            vector left = pair[k + odd], right = pair[k + 2 + odd];

            quad[k + odd] = SHUFFLE(left, right, 0, 1, 8, 9, 4, 5, 12, 13);
            quad[k + 2 + odd] = SHUFFLE(left, right, 2, 3, 10, 11, 6, 7, 14, 15);
        }
    for (int k = 0; k < 4; k++) {
        p[k] = SHUFFLE(quad[k], quad[k + 4], 0, 1, 2, 3, 8, 9, 10, 11);
        p[k + 4] = SHUFFLE(quad[k], quad[k + 4], 4, 5, 6, 7, 12, 13, 14, 15);
    }
#endif
}

#endif
