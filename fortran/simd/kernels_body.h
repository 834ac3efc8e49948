/* The kernels of kernels.h for one instruction set. Included by a file that defines
 * LANES (2, 4 or 8 numbers to a vector), GROUPS (vectors of sums carried at once), VARIANT and
 * VARIANT_NAME. */
#include "kernels.h"

#define INLINE static inline __attribute__((always_inline))

/* Rows of a block, for which two reflectors stay in the first cache, and columns that share it. */
enum { BLOCK_ROWS = 1024, BLOCK_COLUMNS = 64 };

enum mode { SUM, APPLY_AND_SUM, SQUARE };

typedef double vector __attribute__((vector_size(8 * LANES)));
typedef double loose __attribute__((vector_size(8 * LANES), aligned(8), may_alias));
typedef long long mask __attribute__((vector_size(8 * LANES)));

#if defined(__clang__)
#define PICK(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define PICK(a, b, ...) __builtin_shuffle(a, b, (mask){__VA_ARGS__})
#endif

INLINE vector load(const double *x)
{
    return *(const loose *)x;
}

INLINE void store(double *x, vector value)
{
    *(loose *)x = value;
}

INLINE vector broadcast(double x)
{
    return x - (vector){0};
}

/* Transposes a square of LANES vectors. */
INLINE void transpose(vector p[LANES])
{
#if LANES == 2
    vector even = PICK(p[0], p[1], 0, 2), odd = PICK(p[0], p[1], 1, 3);

    p[0] = even;
    p[1] = odd;
#elif LANES == 4
    vector even0 = PICK(p[0], p[1], 0, 4, 2, 6), odd0 = PICK(p[0], p[1], 1, 5, 3, 7);
    vector even1 = PICK(p[2], p[3], 0, 4, 2, 6), odd1 = PICK(p[2], p[3], 1, 5, 3, 7);

    p[0] = PICK(even0, even1, 0, 1, 4, 5);
    p[1] = PICK(odd0, odd1, 0, 1, 4, 5);
    p[2] = PICK(even0, even1, 2, 3, 6, 7);
    p[3] = PICK(odd0, odd1, 2, 3, 6, 7);
#else
    vector pair[8], quad[8];

    for (int k = 0; k < 8; k += 2) {
        pair[k] = PICK(p[k], p[k + 1], 0, 8, 2, 10, 4, 12, 6, 14);
        pair[k + 1] = PICK(p[k], p[k + 1], 1, 9, 3, 11, 5, 13, 7, 15);
    }
    for (int k = 0; k < 8; k += 4)
        for (int odd = 0; odd < 2; odd++) {
            vector left = pair[k + odd], right = pair[k + 2 + odd];

            quad[k + odd] = PICK(left, right, 0, 1, 8, 9, 4, 5, 12, 13);
            quad[k + 2 + odd] = PICK(left, right, 2, 3, 10, 11, 6, 7, 14, 15);
        }
    for (int k = 0; k < 4; k++) {
        p[k] = PICK(quad[k], quad[k + 4], 0, 1, 2, 3, 8, 9, 10, 11);
        p[k + 4] = PICK(quad[k], quad[k + 4], 4, 5, 6, 7, 12, 13, 14, 15);
    }
#endif
}

/* What is common to the columns of one pass. */
struct pass {
    const double *v, *w;
    double lower, upper;
    mask outside; /* SQUARE: nonzero where a component was beyond the limits */
};

INLINE double update_one(enum mode mode, struct pass *pass, ptrdiff_t i, double t, double *x)
{
    if (mode == APPLY_AND_SUM)
        *x = *x - t * pass->v[i];
    if (mode == SQUARE) {
        double size = *x < 0.0 ? -*x : *x;

        if (!(size < pass->upper) || (size <= pass->lower && size != 0.0))
            pass->outside[0] = -1;
    }
    return mode == SQUARE ? *x * *x : pass->w[i] * *x;
}

INLINE vector update(enum mode mode, struct pass *pass, ptrdiff_t i, double t, double *x)
{
    vector value = load(x);

    if (mode == APPLY_AND_SUM) {
        value = value - broadcast(t) * load(pass->v + i);
        store(x, value);
    }
    if (mode == SQUARE) {
        mask negative = value < (vector){0};
        vector size = (vector)((mask)value ^ (negative & (mask)broadcast(-0.0)));

        pass->outside |= ~(size < broadcast(pass->upper));
        pass->outside |= (size <= broadcast(pass->lower)) & (size != (vector){0});
        return value * value;
    }
    return load(pass->w + i) * value;
}

/* Rows from..to of a few columns: count of them, a constant where this is inlined. */
INLINE void sweep(enum mode mode, int count, struct pass *pass, ptrdiff_t from, ptrdiff_t to,
                  double *const *columns, const double *t, double *sums)
{
    enum { MOST = LANES * GROUPS };
    vector total[GROUPS];
    double sum[MOST] = {0};
    ptrdiff_t i = from;

    for (int k = 0; k < count; k++)
        sum[k] = sums[k];
    for (int g = 0; g < GROUPS; g++)
        total[g] = load(sum + g * LANES);
    for (; i + LANES <= to; i += LANES)
        for (int g = 0; g * LANES < count; g++) {
            vector p[LANES];

            for (int k = 0; k < LANES; k++) {
                int column = g * LANES + k;

                p[k] = (vector){0};
                if (column < count)
                    p[k] = update(mode, pass, i, t[column], columns[column] + i);
            }
            transpose(p);
            for (int row = 0; row < LANES; row++)
                total[g] = total[g] + p[row];
        }
    for (int g = 0; g < GROUPS; g++)
        store(sum + g * LANES, total[g]);
    for (; i < to; i++)
        for (int k = 0; k < count; k++)
            sum[k] = sum[k] + update_one(mode, pass, i, t[k], columns[k] + i);
    for (int k = 0; k < count; k++)
        sums[k] = sum[k];
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

/* All rows of at most BLOCK_COLUMNS columns, block of rows by block of rows. */
INLINE void sweep_block(enum mode mode, struct pass *pass, ptrdiff_t m, ptrdiff_t n,
                        double *const *columns, double *t)
{
    double sums[BLOCK_COLUMNS] = {0};

    for (ptrdiff_t from = 0; from < m; from += BLOCK_ROWS) {
        ptrdiff_t to = from + BLOCK_ROWS < m ? from + BLOCK_ROWS : m, k = 0;

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

static void reflect(ptrdiff_t j, ptrdiff_t m, ptrdiff_t n, int apply, double *a, ptrdiff_t lda,
                    double *t, int extras, double *extra)
{
    double *row = a + j - 1; /* where every column begins in this step */
    struct pass pass = {.v = row + (j - 2) * lda, .w = row + (j - 1) * lda};

    for (ptrdiff_t first = j - extras; first < n; first += BLOCK_COLUMNS) {
        ptrdiff_t count = n - first < BLOCK_COLUMNS ? n - first : BLOCK_COLUMNS;
        double *columns[BLOCK_COLUMNS];

        for (ptrdiff_t k = 0; k < count; k++)
            columns[k] = first + k < j ? extra + j - 1 : row + (first + k) * lda;
        if (apply)
            sweep_block(APPLY_AND_SUM, &pass, m - j + 1, count, columns, t + first);
        else
            sweep_block(SUM, &pass, m - j + 1, count, columns, t + first);
    }
}

static void squares(ptrdiff_t m, ptrdiff_t n, const double *a, ptrdiff_t lda, double lower,
                    double upper, double *sums)
{
    for (ptrdiff_t first = 0; first < n; first += LANES * GROUPS) {
        struct pass pass = {.lower = lower, .upper = upper};
        ptrdiff_t count = n - first < LANES * GROUPS ? n - first : LANES * GROUPS;
        double *columns[LANES * GROUPS];
        int outside = 0;

        for (ptrdiff_t k = 0; k < count; k++)
            columns[k] = (double *)a + (first + k) * lda; /* SQUARE only reads */
        sweep_block(SQUARE, &pass, m, count, columns, sums + first);
        for (int lane = 0; lane < LANES; lane++)
            outside |= pass.outside[lane] != 0;
        for (ptrdiff_t k = 0; k < count && outside; k++)
            sums[first + k] = -1.0;
    }
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

const struct leastsq_kernels VARIANT = {VARIANT_NAME, reflect, squares, rotate};
