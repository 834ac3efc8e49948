/* The kernels of kernels.h for one instruction set. The file that includes this one defines
 *
 * LANES     doubles in a vector: 2 (SSE2 and the like), 4 (AVX2) or 8 (AVX-512)
 * GROUPS    vectors of sums in flight: 4, 2 or 1, so that LANES * GROUPS = 8 columns share each
 *           load of the two reflectors, and sums and terms fit into the registers
 * VARIANT   name of the structure of kernels */
#include "kernels.h"
#include "vector.h"

#include <limits.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

/* Two reflectors of BLOCK_ROWS rows stay in the L1 cache while BLOCK_COLUMNS columns are swept. */
enum { BLOCK_ROWS = 1024, BLOCK_COLUMNS = 64 };

enum mode { SUM, APPLY_AND_SUM, SQUARE, APPLY_AND_SQUARE };

/* What the columns of one pass have in common. */
struct pass {
    const double *v; /* reflector to apply */
    double *w;       /* reflector of the inner products */
    double divisor;  /* divides w, except its leading element, unless it is 0 */
    long long lower; /* bits of the magnitude at or below which a sum of squares needs scaling */
    int small;       /* nonzero after a component that small, zero included */
};

INLINE int applies(enum mode mode)
{
    return mode == APPLY_AND_SUM || mode == APPLY_AND_SQUARE;
}

INLINE int squares_only(enum mode mode)
{
    return mode == SQUARE || mode == APPLY_AND_SQUARE;
}

/* The bits of |x|, ordered as the magnitudes are. */
INLINE long long magnitude(double x)
{
    long long bits;

    memcpy(&bits, &x, sizeof bits);
    return bits & LLONG_MAX;
}

/* Updates a column's element x in row i, and returns its term of the column's sum. */
INLINE double update_one(enum mode mode, struct pass *pass, ptrdiff_t i, double t, double *x)
{
    if (applies(mode))
        *x = *x - t * pass->v[i];
    if (!squares_only(mode))
        return pass->w[i] * *x;
    pass->small |= magnitude(*x) <= pass->lower;
    return *x * *x;
}

/* The same for LANES rows, with the elements v and w of the reflectors there. A lane of small
 * becomes negative after a component at or below lower. */
INLINE vector update(enum mode mode, long long lower, vector v, vector w, vector t, double *x,
                     mask *small)
{
    vector value = load(x);

    if (applies(mode)) {
        value = value - t * v;
        store(x, value);
    }
    if (!squares_only(mode))
        return w * value;
    *small |= ((mask)value & LLONG_MAX) - (lower + 1); /* negative up to lower */
    return value * value;
}

INLINE void note_small(enum mode mode, struct pass *pass, mask small)
{
    for (int lane = 0; lane < LANES && squares_only(mode); lane++)
        pass->small |= small[lane] < 0;
}

/* Rows from i on of one column, LANES at a time, up to but excluding row to; returns the next row.
 * The terms of one column are added one by one. */
INLINE ptrdiff_t sweep_column(enum mode mode, struct pass *pass, ptrdiff_t i, ptrdiff_t to,
                              double *x, double t, double *sum)
{
    vector multiplier = broadcast(t), zero = {0};
    double total = *sum, terms[LANES];
    mask small = {0};

    for (; i + LANES <= to; i += LANES) {
        vector v = applies(mode) ? load(pass->v + i) : zero;
        vector w = squares_only(mode) ? zero : load(pass->w + i);

        store(terms, update(mode, pass->lower, v, w, multiplier, x + i, &small));
        for (int row = 0; row < LANES; row++)
            total = total + terms[row];
    }
    *sum = total;
    note_small(mode, pass, small);
    return i;
}

/* The same for count columns, 2 to LANES * GROUPS, a constant wherever this is inlined. A square of
 * terms, LANES rows of LANES columns, is transposed: a lane then adds the terms of one column. */
INLINE ptrdiff_t sweep_vectors(enum mode mode, int count, struct pass *pass, ptrdiff_t i,
                               ptrdiff_t to, double *const *columns, const double *t, double *sums)
{
    enum { MOST = LANES * GROUPS };
    vector total[GROUPS], multiplier[MOST], zero = {0};
    double sum[MOST] = {0};
    mask small = {0};

    for (int k = 0; k < count; k++) {
        sum[k] = sums[k];
        multiplier[k] = broadcast(t[k]);
    }
    for (int g = 0; g < GROUPS; g++)
        total[g] = i == 0 ? zero : load(sum + g * LANES); /* nothing is summed before row 0 */
    for (; i + LANES <= to; i += LANES) {
        vector v = applies(mode) ? load(pass->v + i) : zero;
        vector w = squares_only(mode) ? zero : load(pass->w + i);

        for (int g = 0; g * LANES < count; g++) {
            vector p[LANES];

            for (int k = 0; k < LANES; k++) {
                int column = g * LANES + k;

                p[k] = zero;
                if (column < count)
                    p[k] = update(mode, pass->lower, v, w, multiplier[column],
                                  columns[column] + i, &small);
            }
            transpose(p);
            for (int row = 0; row < LANES; row++)
                total[g] = total[g] + p[row];
        }
    }
    for (int g = 0; g < GROUPS; g++)
        store(sum + g * LANES, total[g]);
    for (int k = 0; k < count; k++)
        sums[k] = sum[k];
    note_small(mode, pass, small);
    return i;
}

/* Rows from..to, the last excluded, of a few columns. */
INLINE void sweep(enum mode mode, int count, struct pass *pass, ptrdiff_t from, ptrdiff_t to,
                  double *const *columns, const double *t, double *sums)
{
    ptrdiff_t i = from;

    if (i + LANES <= to && count == 1)
        i = sweep_column(mode, pass, i, to, columns[0], t[0], sums);
    else if (i + LANES <= to)
        i = sweep_vectors(mode, count, pass, i, to, columns, t, sums);
    for (int k = 0; k < count && i < to; k++) {
        double sum = sums[k];

        for (ptrdiff_t row = i; row < to; row++)
            sum = sum + update_one(mode, pass, row, t[k], columns[k] + row);
        sums[k] = sum;
    }
}

/* Up to LANES columns: makes their number a constant. */
INLINE void sweep_few(enum mode mode, int count, struct pass *pass, ptrdiff_t from, ptrdiff_t to,
                      double *const *columns, const double *t, double *sums)
{
#define CASE(number) \
    case number: \
        sweep(mode, number, pass, from, to, columns, t, sums); \
        break
    switch (count) {
        CASE(1);
#if LANES > 2
        CASE(2);
        CASE(3);
#endif
#if LANES > 4
        CASE(4);
        CASE(5);
        CASE(6);
        CASE(7);
#endif
    default:
        sweep(mode, LANES, pass, from, to, columns, t, sums);
    }
#undef CASE
}

INLINE void divide(double *x, ptrdiff_t from, ptrdiff_t to, double divisor)
{
    ptrdiff_t i = from;

    for (; i + LANES <= to; i += LANES)
        store(x + i, load(x + i) / broadcast(divisor));
    for (; i < to; i++)
        x[i] = x[i] / divisor;
}

/* All rows of at most BLOCK_COLUMNS columns, block by block. t and results may be one array. */
INLINE void sweep_block(enum mode mode, struct pass *pass, ptrdiff_t m, ptrdiff_t n,
                        double *const *columns, const double *t, double *results)
{
    double sums[BLOCK_COLUMNS];

    for (ptrdiff_t k = 0; k < n; k++)
        sums[k] = 0.0;
    for (ptrdiff_t from = 0; from < m; from += BLOCK_ROWS) {
        ptrdiff_t to = from + BLOCK_ROWS < m ? from + BLOCK_ROWS : m, k = 0;

        if (pass->divisor != 0.0)
            divide(pass->w, from == 0 ? 1 : from, to, pass->divisor);
        for (; k + LANES * GROUPS <= n; k += LANES * GROUPS)
            sweep(mode, LANES * GROUPS, pass, from, to, columns + k, t + k, sums + k);
        for (; k < n; k += LANES) {
            int count = n - k < LANES ? (int)(n - k) : LANES;

            sweep_few(mode, count, pass, from, to, columns + k, t + k, sums + k);
        }
    }
    for (ptrdiff_t k = 0; k < n; k++)
        results[k] = sums[k];
}

static void reflect(const struct leastsq_reflection *step)
{
    struct pass pass = {.v = step->previous, .w = step->reflector, .divisor = step->divisor};
    const ptrdiff_t extra = step->rhs != NULL; /* the right-hand side is column 0 then */
    const ptrdiff_t total = step->columns + extra;
    ptrdiff_t first = 0;

    do {
        ptrdiff_t count = total - first < BLOCK_COLUMNS ? total - first : BLOCK_COLUMNS;
        double *columns[BLOCK_COLUMNS], *t = step->multipliers + first;

        for (ptrdiff_t k = 0; k < count; k++)
            columns[k] = first + k < extra ? step->rhs
                                           : step->a + (first + k - extra) * step->lda;
        if (step->previous != NULL)
            sweep_block(APPLY_AND_SUM, &pass, step->rows, count, columns, t, t);
        else
            sweep_block(SUM, &pass, step->rows, count, columns, t, t);
        pass.divisor = 0.0; /* divided by now */
        first += BLOCK_COLUMNS;
    } while (first < total);
}

static int has_small(ptrdiff_t m, const double *x, double lower)
{
    int found = 0;

    for (ptrdiff_t i = 0; i < m; i++)
        found |= (x[i] != 0.0) & (-lower <= x[i]) & (x[i] <= lower);
    return found;
}

/* Sums of squares of at most BLOCK_COLUMNS columns; -1 where the norm needs scaling. */
INLINE void square_columns(enum mode mode, struct pass *pass, ptrdiff_t m, ptrdiff_t n,
                           double *const *columns, double lower, double upper, double *sums)
{
    pass->lower = magnitude(lower);
    sweep_block(mode, pass, m, n, columns, sums, sums);
    for (ptrdiff_t k = 0; k < n; k++)
        if (!(sums[k] < upper * upper) || (pass->small && has_small(m, columns[k], lower)))
            sums[k] = -1.0;
}

static void squares(ptrdiff_t m, ptrdiff_t n, const double *a, ptrdiff_t lda, double lower,
                    double upper, double *sums)
{
    for (ptrdiff_t first = 0; first < n; first += LANES * GROUPS) {
        struct pass pass = {0};
        ptrdiff_t count = n - first < LANES * GROUPS ? n - first : LANES * GROUPS;
        double *columns[LANES * GROUPS];

        for (ptrdiff_t k = 0; k < count; k++)
            columns[k] = (double *)a + (first + k) * lda; /* SQUARE only reads */
        square_columns(SQUARE, &pass, m, count, columns, lower, upper, sums + first);
    }
}

static void square_after(ptrdiff_t m, const double *v, double t, double *x, double lower,
                         double upper, double *sum)
{
    struct pass pass = {.v = v};

    *sum = t;
    square_columns(APPLY_AND_SQUARE, &pass, m, 1, &x, lower, upper, sum);
}

/* Norms of the rest of LANES columns, given their norms and leading elements, and in inexact
 * whether they must be recomputed. A norm that is 0 stays so; nothing is divided by it, not even in
 * vain: that would raise exceptions. */
INLINE vector norms_below(vector norm, vector element, vector exact, double trust, double least,
                          mask *inexact)
{
    const vector zero = {0};
    const mask none = norm == zero, one = none & (mask)broadcast(1.0); /* 0 has no bits set */
    vector component = element / (vector)((mask)norm | one), rest = 1.0 - component * component;
    vector below = norm * square_root(select_lanes(rest > zero, rest, zero)); /* 0 if NaN */
    vector part = below / (vector)(((mask)exact & ~none) | one);

    *inexact = (trust * (part * part) <= broadcast(least)) & ~none;
    return below;
}

/* The same for one column. */
INLINE double norm_below(double norm, double element, double exact, double trust, double least)
{
    double component, rest, below, part;

    if (norm == 0.0)
        return 0.0;
    component = element / norm;
    rest = 1.0 - component * component;
    below = norm * sqrt(rest > 0.0 ? rest : 0.0); /* 0 if NaN, as by fmax */
    part = below / exact;
    return trust * (part * part) <= least ? -1.0 : below;
}

static void finish_row(ptrdiff_t n, double head, double *row, ptrdiff_t lda, const double *t,
                       double *norms, const double *exact, double trust, double least)
{
    for (ptrdiff_t first = 0; first < n; first += BLOCK_COLUMNS) {
        ptrdiff_t count = n - first < BLOCK_COLUMNS ? n - first : BLOCK_COLUMNS, k = 0;
        double element[BLOCK_COLUMNS], *norm = norms == NULL ? NULL : norms + first;
        const double *whole = exact + first;

        for (ptrdiff_t i = 0; i < count; i++) {
            element[i] = row[(first + i) * lda] - t[first + i] * head;
            row[(first + i) * lda] = element[i];
        }
        if (norm == NULL)
            continue;
        for (; k + LANES <= count; k += LANES) {
            mask inexact;
            vector below = norms_below(load(norm + k), load(element + k), load(whole + k), trust,
                                       least, &inexact);

            store(norm + k, select_lanes(inexact, broadcast(-1.0), below));
        }
        for (; k < count; k++)
            norm[k] = norm_below(norm[k], element[k], whole[k], trust, least);
    }
}

static void difference(ptrdiff_t m, const double *plus, const double *base, double step,
                       double *quotient)
{
    for (ptrdiff_t i = 0; i < m; i++)
        quotient[i] = (plus[i] - base[i]) / step;
}

static void rotate(ptrdiff_t n, ptrdiff_t count, const double *cosine, const double *sine,
                   double *column, double *rows, ptrdiff_t ld)
{
    ptrdiff_t i = 0;

    for (; i + LANES <= n; i += LANES) {
        vector x = load(column + i);

        for (ptrdiff_t b = 0; b < count; b++) {
            vector c = broadcast(cosine[b]), s = broadcast(sine[b]);
            vector y = load(rows + b * ld + i);

            store(rows + b * ld + i, c * y - s * x);
            x = c * x + s * y;
        }
        store(column + i, x);
    }
    for (; i < n; i++)
        for (ptrdiff_t b = 0; b < count; b++) {
            double x = column[i], y = rows[b * ld + i];

            rows[b * ld + i] = cosine[b] * y - sine[b] * x;
            column[i] = cosine[b] * x + sine[b] * y;
        }
}

#include "lanes.h"

const struct leastsq_kernels VARIANT = {.reflect = reflect,
                                        .finish_row = finish_row,
                                        .squares = squares,
                                        .square_after = square_after,
                                        .difference = difference,
                                        .rotate = rotate,
                                        .factor_lanes = factor_lanes};
