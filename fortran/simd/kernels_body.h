/* The kernels of kernels.h for one instruction set. Included by a file that defines
 * LANES (2, 4 or 8 numbers to a vector), GROUPS (vectors of sums carried at once), VARIANT and
 * VARIANT_NAME. */
#include "kernels.h"
#include "vector.h"

#include <limits.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

/* Rows of a block, for which two reflectors stay in the first cache, and columns that share it. */
enum { BLOCK_ROWS = 1024, BLOCK_COLUMNS = 64 };

enum mode { SUM, APPLY_AND_SUM, SQUARE, APPLY_AND_SQUARE };

/* What is common to the columns of one pass. */
struct pass {
    const double *v; /* reflector to apply */
    double *w;       /* reflector to sum for */
    double norm;     /* what w has to be divided by, but for its first number */
    long long lower; /* bits of a number; one up to it, in absolute value, makes doubtful */
    int doubtful;    /* nonzero where there may have been one */
};

INLINE int applies(enum mode mode)
{
    return mode == APPLY_AND_SUM || mode == APPLY_AND_SQUARE;
}

INLINE int squares_only(enum mode mode)
{
    return mode == SQUARE || mode == APPLY_AND_SQUARE;
}

/* The bits of |x|, which are in the order of the numbers. */
INLINE long long magnitude(double x)
{
    long long bits;

    memcpy(&bits, &x, sizeof bits);
    return bits & LLONG_MAX;
}

/* The term of row i in the sum of a column, and the column's new value there. */
INLINE double update_one(enum mode mode, struct pass *pass, ptrdiff_t i, double t, double *x)
{
    if (applies(mode))
        *x = *x - t * pass->v[i];
    if (!squares_only(mode))
        return pass->w[i] * *x;
    pass->doubtful |= magnitude(*x) <= pass->lower;
    return *x * *x;
}

/* The same for LANES rows, of which v and w are the reflectors' numbers. */
INLINE vector update(enum mode mode, long long lower, vector v, vector w, vector t, double *x,
                     mask *doubt)
{
    vector value = load(x);

    if (applies(mode)) {
        value = value - t * v;
        store(x, value);
    }
    if (!squares_only(mode))
        return w * value;
    *doubt |= ((mask)value & LLONG_MAX) - (lower + 1); /* negative up to lower */
    return value * value;
}

/* Rows from i on of a few columns, LANES at a time, to the last that is not after to. Returns the
 * row after it. count, the number of columns, is a constant where this is inlined. */
INLINE ptrdiff_t sweep_vectors(enum mode mode, int count, struct pass *pass, ptrdiff_t i,
                               ptrdiff_t to, double *const *columns, const double *t, double *sums)
{
    enum { MOST = LANES * GROUPS };
    vector total[GROUPS], multiplier[MOST], zero = {0};
    double sum[MOST] = {0}, terms[LANES];
    mask doubt = {0};

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
                                  columns[column] + i, &doubt);
            }
            if (count == 1) { /* no second column to share the vectors with */
                store(terms, p[0]);
                for (int row = 0; row < LANES; row++)
                    sum[0] = sum[0] + terms[row];
                continue;
            }
            transpose(p);
            for (int row = 0; row < LANES; row++)
                total[g] = total[g] + p[row];
        }
    }
    for (int g = 0; g < GROUPS && count > 1; g++)
        store(sum + g * LANES, total[g]);
    for (int k = 0; k < count; k++)
        sums[k] = sum[k];
    for (int lane = 0; lane < LANES && squares_only(mode); lane++)
        pass->doubtful |= doubt[lane] < 0;
    return i;
}

/* Rows from..to of a few columns. */
INLINE void sweep(enum mode mode, int count, struct pass *pass, ptrdiff_t from, ptrdiff_t to,
                  double *const *columns, const double *t, double *sums)
{
    ptrdiff_t i = from;

    if (i + LANES <= to)
        i = sweep_vectors(mode, count, pass, i, to, columns, t, sums);
    for (int k = 0; k < count && i < to; k++) {
        double sum = sums[k];

        for (ptrdiff_t row = i; row < to; row++)
            sum = sum + update_one(mode, pass, row, t[k], columns[k] + row);
        sums[k] = sum;
    }
}

/* Up to LANES columns, their number made a constant. */
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

/* All rows of at most BLOCK_COLUMNS columns, block of rows by block of rows. */
INLINE void sweep_block(enum mode mode, struct pass *pass, ptrdiff_t m, ptrdiff_t n,
                        double *const *columns, double *t)
{
    double sums[BLOCK_COLUMNS];

    for (ptrdiff_t k = 0; k < n; k++)
        sums[k] = 0.0;
    for (ptrdiff_t from = 0; from < m; from += BLOCK_ROWS) {
        ptrdiff_t to = from + BLOCK_ROWS < m ? from + BLOCK_ROWS : m, k = 0;

        if (pass->norm != 0.0)
            divide(pass->w, from == 0 ? 1 : from, to, pass->norm);
        for (; k + LANES * GROUPS <= n; k += LANES * GROUPS)
            sweep(mode, LANES * GROUPS, pass, from, to, columns + k, t + k, sums + k);
        for (; k < n; k += LANES) {
            int count = n - k < LANES ? (int)(n - k) : LANES;

            sweep_few(mode, count, pass, from, to, columns + k, t + k, sums + k);
        }
    }
    for (ptrdiff_t k = 0; k < n; k++)
        t[k] = sums[k];
}

static void reflect(ptrdiff_t j, ptrdiff_t m, ptrdiff_t n, int apply, const double *v, double *w,
                    double norm, double *a, ptrdiff_t lda, double *t, int extras, double *extra)
{
    struct pass pass = {.v = v + j - 1, .w = w + j - 1, .norm = norm};
    ptrdiff_t first = -extras; /* the extra column counts as column -1 */

    do {
        ptrdiff_t count = n - first < BLOCK_COLUMNS ? n - first : BLOCK_COLUMNS;
        double *columns[BLOCK_COLUMNS];

        for (ptrdiff_t k = 0; k < count; k++)
            columns[k] = (first + k < 0 ? extra : a + (first + k) * lda) + j - 1;
        if (apply)
            sweep_block(APPLY_AND_SUM, &pass, m - j + 1, count, columns, t + extras + first);
        else
            sweep_block(SUM, &pass, m - j + 1, count, columns, t + extras + first);
        pass.norm = 0.0; /* divided by now */
        first += BLOCK_COLUMNS;
    } while (first < n);
}

static int has_small(ptrdiff_t m, const double *x, double lower)
{
    int found = 0;

    for (ptrdiff_t i = 0; i < m; i++)
        found |= (x[i] != 0.0) & (-lower <= x[i]) & (x[i] <= lower);
    return found;
}

/* Sums of squares of a few columns as they are wanted. */
INLINE void square_columns(enum mode mode, struct pass *pass, ptrdiff_t m, ptrdiff_t n,
                           double *const *columns, double lower, double upper, double *sums)
{
    pass->lower = magnitude(lower);
    sweep_block(mode, pass, m, n, columns, sums);
    for (ptrdiff_t k = 0; k < n; k++)
        if (!(sums[k] < upper * upper) || (pass->doubtful && has_small(m, columns[k], lower)))
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

/* Norm of a column without its element of this row. */
INLINE double norm_below(double norm, double element)
{
    double component = element / norm, rest = 1.0 - component * component;

    return norm * sqrt(rest > 0.0 ? rest : 0.0); /* 0 if NaN, as by fmax */
}

static void finish_row(ptrdiff_t j, ptrdiff_t n, double head, double *a, ptrdiff_t lda,
                       const double *t, int pivot, double *norms, const double *reference,
                       double trust, double least)
{
    double *row = a + j - 1;

    for (ptrdiff_t first = 0; first < n; first += BLOCK_COLUMNS) {
        ptrdiff_t count = n - first < BLOCK_COLUMNS ? n - first : BLOCK_COLUMNS;
        double element[BLOCK_COLUMNS], *norm = norms + first;

        for (ptrdiff_t k = 0; k < count; k++) {
            element[k] = row[(first + k) * lda] - t[first + k] * head;
            row[(first + k) * lda] = element[k];
        }
        for (ptrdiff_t k = 0; k < count && pivot; k++) {
            double left = norm_below(norm[k], element[k]), part = left / reference[first + k];

            left = trust * (part * part) <= least ? -1.0 : left;
            norm[k] = norm[k] == 0.0 ? 0.0 : left;
        }
    }
}

static void difference(ptrdiff_t m, const double *plus, const double *base, double step,
                       double *quotient)
{
    for (ptrdiff_t i = 0; i < m; i++)
        quotient[i] = (plus[i] - base[i]) / step;
}

static void rotate(ptrdiff_t n, ptrdiff_t count, const double *cosine, const double *sine,
                   double *s, double *rows, ptrdiff_t ld)
{
    ptrdiff_t i = 0;

    for (; i + LANES <= n; i += LANES) {
        vector kept = load(s + i);

        for (ptrdiff_t b = 0; b < count; b++) {
            vector c = broadcast(cosine[b]), d = broadcast(sine[b]);
            vector turned = load(rows + b * ld + i);

            store(rows + b * ld + i, -d * kept + c * turned);
            kept = c * kept + d * turned;
        }
        store(s + i, kept);
    }
    for (; i < n; i++)
        for (ptrdiff_t b = 0; b < count; b++) {
            double kept = s[i], turned = rows[b * ld + i];

            rows[b * ld + i] = -sine[b] * kept + cosine[b] * turned;
            s[i] = cosine[b] * kept + sine[b] * turned;
        }
}

#include "lanes.h"

const struct leastsq_kernels VARIANT = {VARIANT_NAME, reflect,    finish_row, squares,
                                        square_after, difference, rotate,     factor_lanes};
