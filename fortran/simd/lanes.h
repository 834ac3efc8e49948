/* QR factorisation of several small matrices of one size together, each in one lane of the vectors.
 *
 * Every lane does what qrfac.f90 does to its matrix, operation by operation; selection takes the
 * place of branches for pivots and signs. A lane is excluded where enorm would have to scale, where
 * a partial column norm must be recomputed, and at a zero column; its matrix is not changed. */
_Static_assert(LANES <= LEASTSQ_MOST_LANES, "scratch is for LEASTSQ_MOST_LANES matrices");

enum { MOST_SWEPT = 4 }; /* columns that share the loads of two reflectors */

/* The matrices, and their factors so far. Index n of an array is the right-hand side. */
struct factorisation {
    ptrdiff_t m, n;
    const struct leastsq_limits *limits;
    vector *column[LEASTSQ_LANE_COLUMNS + 1]; /* m vectors each, exchanged as the columns are */
    vector multiplier[LEASTSQ_LANE_COLUMNS + 1];
    vector acnorm[LEASTSQ_LANE_COLUMNS];   /* norms of the columns of the matrix */
    vector partial[LEASTSQ_LANE_COLUMNS];  /* norms of their active rows, below the rows of R */
    vector exact[LEASTSQ_LANE_COLUMNS];    /* those norms when last computed from the elements */
    vector diagonal[LEASTSQ_LANE_COLUMNS]; /* of R */
    mask original[LEASTSQ_LANE_COLUMNS];   /* index of a column in its matrix */
    mask excluded;                         /* lanes that are given up */
};

INLINE int any_lane(mask where)
{
    long long found = 0;

    for (int lane = 0; lane < LANES; lane++)
        found |= where[lane];
    return found != 0;
}

/* Squares. A lane of small becomes negative after a nonzero component that is at most lower. */
INLINE vector square_lanes(vector x, long long lower, mask *small)
{
    mask size = (mask)x & LLONG_MAX;

    *small |= (size - (lower + 1)) & ~(size - 1);
    return x * x;
}

/* Norms from sums of squares of count components; excludes lanes that enorm would have to scale. */
INLINE vector norm_of_lanes(struct factorisation *qr, ptrdiff_t count, vector sum, mask small)
{
    double upper = qr->limits->large / (double)count;

    qr->excluded |= (small < 0) | ~(sum < broadcast(upper * upper));
    return square_root(sum);
}

/* Transposes a column of every matrix into vectors, and returns its norms. */
static vector gather_column(struct factorisation *qr, const double *const source[LANES],
                            vector *column)
{
    const long long lower = magnitude(qr->limits->small);
    vector sum = {0};
    mask small = {0};
    ptrdiff_t i = 0;

    for (; i + LANES <= qr->m; i += LANES) {
        vector p[LANES];

        for (int lane = 0; lane < LANES; lane++)
            p[lane] = load(source[lane] + i);
        transpose(p);
        for (int row = 0; row < LANES; row++) {
            column[i + row] = p[row];
            sum = sum + square_lanes(p[row], lower, &small);
        }
    }
    for (; i < qr->m; i++) {
        for (int lane = 0; lane < LANES; lane++)
            column[i][lane] = source[lane][i];
        sum = sum + square_lanes(column[i], lower, &small);
    }
    return norm_of_lanes(qr, qr->m, sum, small);
}

static void gather_matrices(struct factorisation *qr, int count, const struct leastsq_lane *lanes,
                            vector *scratch)
{
    const double *source[LANES];

    for (ptrdiff_t k = 0; k < qr->n; k++) {
        for (int lane = 0; lane < LANES; lane++) /* spare lanes repeat the first matrix */
            source[lane] = lanes[lane < count ? lane : 0].a + k * qr->m;
        qr->column[k] = scratch + k * qr->m;
        qr->acnorm[k] = gather_column(qr, source, qr->column[k]);
        qr->partial[k] = qr->exact[k] = qr->acnorm[k];
        qr->original[k] = (mask){0} + k;
        qr->multiplier[k] = (vector){0};
    }
}

static void gather_right_hand_sides(struct factorisation *qr, int count,
                                    const struct leastsq_lane *lanes, vector *column)
{
    const double *source[LANES];
    mask excluded = qr->excluded;

    for (int lane = 0; lane < LANES; lane++)
        source[lane] = lanes[lane < count ? lane : 0].rhs;
    qr->column[qr->n] = column;
    gather_column(qr, source, column);
    qr->excluded = excluded; /* its norms are not needed */
}

INLINE void exchange_lanes(mask where, vector *a, vector *b)
{
    mask difference = ((mask)*a ^ (mask)*b) & where;

    *a = (vector)((mask)*a ^ difference);
    *b = (vector)((mask)*b ^ difference);
}

/* Exchanges columns j and k in some lanes. */
static void exchange_columns(struct factorisation *qr, ptrdiff_t j, ptrdiff_t k, mask where)
{
    vector *a = qr->column[j], *b = qr->column[k];

    if (any_lane(~where))
        for (ptrdiff_t i = 0; i < qr->m; i++)
            exchange_lanes(where, a + i, b + i);
    else {
        qr->column[j] = b;
        qr->column[k] = a;
    }
    exchange_lanes(where, qr->multiplier + j, qr->multiplier + k);
    exchange_lanes(where, qr->partial + j, qr->partial + k);
    exchange_lanes(where, qr->exact + j, qr->exact + k);
    exchange_lanes(where, (vector *)(qr->original + j), (vector *)(qr->original + k));
}

/* Exchanges column j with the first of those from j on that have the largest partial norm. */
INLINE void pivot_columns(struct factorisation *qr, ptrdiff_t j)
{
    vector norm = qr->partial[j];
    mask largest = (mask){0} + j;

    for (ptrdiff_t k = j + 1; k < qr->n; k++) {
        mask larger = qr->partial[k] > norm;

        norm = select_lanes(larger, qr->partial[k], norm);
        largest = (larger & k) | (~larger & largest);
    }
    for (ptrdiff_t k = j + 1; k < qr->n; k++) {
        mask where = largest == k;

        if (any_lane(where))
            exchange_columns(qr, j, k, where);
    }
}

/* Applies reflector j - 1 to column j and returns the norms of its active rows. */
INLINE vector update_pivot(struct factorisation *qr, ptrdiff_t j)
{
    const long long lower = magnitude(qr->limits->small);
    const vector *v = qr->column[j - 1], t = qr->multiplier[j];
    vector *x = qr->column[j], sum = {0};
    mask small = {0};

    for (ptrdiff_t i = j; i < qr->m; i++) {
        x[i] = x[i] - t * v[i];
        sum = sum + square_lanes(x[i], lower, &small);
    }
    return norm_of_lanes(qr, qr->m - j, sum, small);
}

/* Rows from i to m, the last excluded, of count columns from first on: divides reflector j by its
 * norm if divides, applies reflector j - 1 if applies, and adds the products with reflector j to
 * the sums. */
INLINE void sweep_rows(int count, int divides, int applies, const struct factorisation *qr,
                       ptrdiff_t j, ptrdiff_t first, ptrdiff_t i, ptrdiff_t m, vector *sums)
{
    const vector *v = applies ? qr->column[j - 1] : NULL;
    vector *w = qr->column[j], norm = -qr->diagonal[j], *x[MOST_SWEPT], t[MOST_SWEPT];

    for (int k = 0; k < count; k++) {
        x[k] = qr->column[first + k];
        t[k] = qr->multiplier[first + k];
    }
    for (; i < m; i++) {
        vector reflector = w[i];

        if (divides)
            w[i] = reflector = reflector / norm;
        for (int k = 0; k < count; k++) {
            vector value = x[k][i];

            if (applies)
                x[k][i] = value = value - t[k] * v[i];
            sums[k] = sums[k] + reflector * value;
        }
    }
}

/* Applies reflector j - 1 to count columns, and takes their inner products with reflector j. */
INLINE void sweep_columns(int count, int divides, struct factorisation *qr, ptrdiff_t j,
                          ptrdiff_t first)
{
    vector sums[MOST_SWEPT] = {{0}};

    if (j > 0) { /* the leading element is not divided */
        sweep_rows(count, 0, 1, qr, j, first, j, j + 1, sums);
        sweep_rows(count, divides, 1, qr, j, first, j + 1, qr->m, sums);
    } else {
        sweep_rows(count, 0, 0, qr, j, first, 0, 1, sums);
        sweep_rows(count, divides, 0, qr, j, first, 1, qr->m, sums);
    }
    for (int k = 0; k < count; k++)
        qr->multiplier[first + k] = sums[k] / qr->column[j][j];
}

/* The columns after j, and the right-hand side, the last of them. */
static void sweep_trailing(struct factorisation *qr, ptrdiff_t j)
{
    ptrdiff_t first = j + 1, count = (qr->n - j - 1) % MOST_SWEPT + 1;

    switch (count) {
    case 1:
        sweep_columns(1, 1, qr, j, first);
        break;
    case 2:
        sweep_columns(2, 1, qr, j, first);
        break;
    case 3:
        sweep_columns(3, 1, qr, j, first);
        break;
    default:
        sweep_columns(MOST_SWEPT, 1, qr, j, first);
    }
    for (first += count; first <= qr->n; first += MOST_SWEPT)
        sweep_columns(MOST_SWEPT, 0, qr, j, first);
}

/* Completes row j of R and removes it from the partial norms. */
static void complete_row(struct factorisation *qr, ptrdiff_t j)
{
    const vector head = qr->column[j][j];
    const struct leastsq_limits *limits = qr->limits;

    for (ptrdiff_t k = j + 1; k <= qr->n; k++)
        qr->column[k][j] = qr->column[k][j] - qr->multiplier[k] * head;
    for (ptrdiff_t k = j + 1; k < qr->n; k++) {
        mask inexact;

        qr->partial[k] = norms_below(qr->partial[k], qr->column[k][j], qr->exact[k], limits->trust,
                                     limits->least, &inexact);
        qr->excluded |= inexact;
    }
}

/* Stores the factors of one lane: R where the matrix was, norms, Q^T rhs and the permutation. */
static void scatter_matrix(const struct factorisation *qr, int lane, struct leastsq_lane *matrix)
{
    for (ptrdiff_t k = 0; k < qr->n; k++) {
        double *column = matrix->a + k * qr->m;

        for (ptrdiff_t i = 0; i < k; i++)
            column[i] = qr->column[k][i][lane];
        column[k] = qr->diagonal[k][lane];
        matrix->norms[k] = qr->acnorm[k][lane];
        matrix->qtf[k] = qr->column[qr->n][k][lane];
        matrix->ipvt[k] = (int)qr->original[k][lane] + 1;
    }
    matrix->factored = 1;
}

/* Factors at most LANES matrices. */
static void factor_together(struct factorisation *qr, int count, struct leastsq_lane *lanes,
                            vector *scratch)
{
    gather_matrices(qr, count, lanes, scratch);
    gather_right_hand_sides(qr, count, lanes, scratch + qr->n * qr->m);
    for (ptrdiff_t j = 0; j < qr->n; j++) {
        vector norm, zero = {0};

        if (!any_lane(~qr->excluded))
            return;
        pivot_columns(qr, j);
        norm = j == 0 ? qr->partial[0] : update_pivot(qr, j);
        qr->excluded |= norm == zero;
        norm = select_lanes(norm == zero, broadcast(1.0), norm); /* any that can be divided by */
        norm = select_lanes(qr->column[j][j] < zero, -norm, norm);
        qr->diagonal[j] = -norm;
        qr->column[j][j] = qr->column[j][j] / norm + 1.0;
        sweep_trailing(qr, j);
        complete_row(qr, j);
    }
    for (int lane = 0; lane < count; lane++)
        if (!qr->excluded[lane])
            scatter_matrix(qr, lane, lanes + lane);
}

static void factor_lanes(ptrdiff_t m, ptrdiff_t n, ptrdiff_t count, struct leastsq_lane *lanes,
                         const struct leastsq_limits *limits, double *scratch)
{
    vector *aligned = (vector *)(((uintptr_t)scratch + sizeof(vector) - 1) &
                                 ~(uintptr_t)(sizeof(vector) - 1));

    for (ptrdiff_t first = 0; first + 1 < count; first += LANES) {
        struct factorisation qr;

        qr.m = m;
        qr.n = n;
        qr.limits = limits;
        qr.excluded = (mask){0};
        factor_together(&qr, count - first < LANES ? (int)(count - first) : LANES, lanes + first,
                        aligned);
    }
}
