/* Moré, Garbow and Hillstrom, ACM Transactions on Mathematical Software 7 (1981) 17-41: the
 * problems without exponentials and angles, and a larger one, Broyden's tridiagonal function. */
#include "bits.h"

#include <math.h>
#include <string.h>

#define J(i, j) jacobian[(i) + (j) * m]

static void linear_full_rank(int m, int n, const double *x, double *f, double *jacobian)
{
    double sum = 0.0;

    for (int j = 0; j < n; j++)
        sum += x[j];
    for (int i = 0; i < m; i++) {
        f[i] = -(2.0 / m * sum + 1.0) + (i < n ? x[i] : 0.0);
        for (int j = 0; j < n; j++)
            J(i, j) = (i == j ? 1.0 : 0.0) - 2.0 / m;
    }
}

static void linear_rank_one(int m, int n, const double *x, double *f, double *jacobian)
{
    double sum = 0.0;

    for (int j = 0; j < n; j++)
        sum += (j + 1) * x[j];
    for (int i = 0; i < m; i++) {
        f[i] = (i + 1) * sum - 1.0;
        for (int j = 0; j < n; j++)
            J(i, j) = (double)(i + 1) * (j + 1);
    }
}

/* Of rank 1, with zero columns and rows. */
static void linear_with_zeros(int m, int n, const double *x, double *f, double *jacobian)
{
    double sum = 0.0;

    for (int j = 1; j < n - 1; j++)
        sum += (j + 1) * x[j];
    for (int i = 0; i < m; i++) {
        f[i] = (i == m - 1 ? 0.0 : i) * sum - 1.0;
        for (int j = 0; j < n; j++)
            J(i, j) = i == m - 1 || j == 0 || j == n - 1 ? 0.0 : (double)i * (j + 1);
    }
}

static void rosenbrock(int m, int n, const double *x, double *f, double *jacobian)
{
    (void)n;
    f[0] = 10.0 * (x[1] - x[0] * x[0]);
    f[1] = 1.0 - x[0];
    J(0, 0) = -20.0 * x[0];
    J(0, 1) = 10.0;
    J(1, 0) = -1.0;
    J(1, 1) = 0.0;
}

static void powell_singular(int m, int n, const double *x, double *f, double *jacobian)
{
    const double a = x[1] - 2.0 * x[2], b = x[0] - x[3], five = sqrt(5.0), ten = sqrt(10.0);

    memset(jacobian, 0, sizeof(double) * (size_t)(m * n));
    f[0] = x[0] + 10.0 * x[1];
    f[1] = five * (x[2] - x[3]);
    f[2] = a * a;
    f[3] = ten * (b * b);
    J(0, 0) = 1.0;
    J(0, 1) = 10.0;
    J(1, 2) = five;
    J(1, 3) = -five;
    J(2, 1) = 2.0 * a;
    J(2, 2) = -4.0 * a;
    J(3, 0) = 2.0 * ten * b;
    J(3, 3) = -2.0 * ten * b;
}

static void freudenstein_roth(int m, int n, const double *x, double *f, double *jacobian)
{
    (void)n;
    f[0] = -13.0 + x[0] + ((5.0 - x[1]) * x[1] - 2.0) * x[1];
    f[1] = -29.0 + x[0] + ((x[1] + 1.0) * x[1] - 14.0) * x[1];
    J(0, 0) = J(1, 0) = 1.0;
    J(0, 1) = (10.0 - 3.0 * x[1]) * x[1] - 2.0;
    J(1, 1) = (3.0 * x[1] + 2.0) * x[1] - 14.0;
}

static void bard(int m, int n, const double *x, double *f, double *jacobian)
{
    static const double y[] = {0.14, 0.18, 0.22, 0.25, 0.29, 0.32, 0.35, 0.39,
                               0.37, 0.58, 0.73, 0.96, 1.34, 2.10, 4.39};

    (void)n;
    for (int i = 0; i < m; i++) {
        double u = i + 1, v = 15 - i, w = u < v ? u : v, below = v * x[1] + w * x[2];

        f[i] = y[i] - (x[0] + u / below);
        J(i, 0) = -1.0;
        J(i, 1) = u * v / (below * below);
        J(i, 2) = u * w / (below * below);
    }
}

static void kowalik_osborne(int m, int n, const double *x, double *f, double *jacobian)
{
    static const double y[] = {0.1957, 0.1947, 0.1735, 0.16,   0.0844, 0.0627,
                               0.0456, 0.0342, 0.0323, 0.0235, 0.0246};
    static const double u[] = {4,     2,   1,      0.5,    0.25,  0.167,
                               0.125, 0.1, 0.0833, 0.0714, 0.0625};

    (void)n;
    for (int i = 0; i < m; i++) {
        double top = u[i] * (u[i] + x[1]), below = u[i] * (u[i] + x[2]) + x[3];

        f[i] = y[i] - x[0] * (top / below);
        J(i, 0) = -top / below;
        J(i, 1) = -x[0] * (u[i] / below);
        J(i, 3) = x[0] * (top / below) / below;
        J(i, 2) = J(i, 3) * u[i];
    }
}

static void watson(int m, int n, const double *x, double *f, double *jacobian)
{
    for (int i = 0; i < 29; i++) {
        double t = (i + 1) / 29.0, sum = 0.0, slope = 0.0, power = 1.0;

        for (int j = 0; j < n; j++) {
            sum += power * x[j];
            if (j < n - 1)
                slope += (j + 1) * power * x[j + 1];
            power *= t;
        }
        f[i] = slope - sum * sum - 1.0;
        power = 1.0 / t;
        for (int j = 0; j < n; j++) {
            J(i, j) = power * (j - 2.0 * t * sum);
            power *= t;
        }
    }
    for (int j = 0; j < n; j++)
        J(29, j) = J(30, j) = 0.0;
    f[29] = x[0];
    f[30] = x[1] - x[0] * x[0] - 1.0;
    J(29, 0) = 1.0;
    J(30, 0) = -2.0 * x[0];
    J(30, 1) = 1.0;
}

static void chebyquad(int m, int n, const double *x, double *f, double *jacobian)
{
    for (int i = 0; i < m; i++)
        f[i] = i % 2 == 1 ? 1.0 / ((i + 1.0) * (i + 1.0) - 1.0) : 0.0;
    for (int j = 0; j < n; j++) {
        double before = 1.0, value = 2.0 * x[j] - 1.0, slope_before = 0.0, slope = 2.0;
        const double twice = 2.0 * value;

        for (int i = 0; i < m; i++) {
            double next = twice * value - before;
            double next_slope = 4.0 * value + twice * slope - slope_before;

            f[i] += value / n;
            J(i, j) = slope / n;
            before = value;
            value = next;
            slope_before = slope;
            slope = next_slope;
        }
    }
}

static void brown_almost_linear(int m, int n, const double *x, double *f, double *jacobian)
{
    double sum = -(n + 1.0), product = 1.0;

    for (int j = 0; j < n; j++) {
        sum += x[j];
        product *= x[j];
    }
    for (int j = 0; j < n; j++) {
        double others = 1.0;

        for (int k = 0; k < n; k++)
            others *= k == j ? 1.0 : x[k];
        for (int i = 0; i < n - 1; i++)
            J(i, j) = i == j ? 2.0 : 1.0;
        J(n - 1, j) = others;
        f[j] = j < n - 1 ? x[j] + sum : product - 1.0;
    }
}

static void broyden_tridiagonal(int m, int n, const double *x, double *f, double *jacobian)
{
    memset(jacobian, 0, sizeof(double) * (size_t)(m * n));
    for (int i = 0; i < n; i++) {
        f[i] = (3.0 - 2.0 * x[i]) * x[i] + 1.0;
        J(i, i) = 3.0 - 4.0 * x[i];
        if (i > 0) {
            f[i] -= x[i - 1];
            J(i, i - 1) = -1.0;
        }
        if (i < n - 1) {
            f[i] -= 2.0 * x[i + 1];
            J(i, i + 1) = -2.0;
        }
    }
}

#undef J

const struct problem problems[] = {
    {"linear, full rank", linear_full_rank, 5, 50, 1, 1, {1.0}},
    {"linear, rank 1", linear_rank_one, 5, 50, 1, 1, {1.0}},
    {"linear, rank 1, zeros", linear_with_zeros, 5, 50, 1, 1, {1.0}},
    {"Rosenbrock", rosenbrock, 2, 2, 3, 0, {-1.2, 1.0}},
    {"Powell singular", powell_singular, 4, 4, 3, 0, {3.0, -1.0, 0.0, 1.0}},
    {"Freudenstein and Roth", freudenstein_roth, 2, 2, 3, 0, {0.5, -2.0}},
    {"Bard", bard, 3, 15, 3, 1, {1.0}},
    {"Kowalik and Osborne", kowalik_osborne, 4, 11, 3, 0, {0.25, 0.39, 0.415, 0.39}},
    {"Watson, n = 6", watson, 6, 31, 3, 1, {0.0}},
    {"Watson, n = 9", watson, 9, 31, 3, 1, {0.0}},
    {"Watson, n = 12", watson, 12, 31, 3, 1, {0.0}},
    {"Chebyquad, n = 8", chebyquad, 8, 8, 1, 1, {0.25}},
    {"Chebyquad, n = 10", chebyquad, 10, 10, 1, 1, {0.25}},
    {"Brown almost linear, n = 10", brown_almost_linear, 10, 10, 3, 1, {0.5}},
    {"Brown almost linear, n = 40", brown_almost_linear, 40, 40, 1, 1, {0.5}},
    {"Broyden tridiagonal, n = 80", broyden_tridiagonal, 80, 80, 2, 1, {-1.0}},
};

const int problem_count = sizeof problems / sizeof *problems;

void start_of(const struct problem *problem, int power, double *x)
{
    for (int j = 0; j < problem->n; j++) {
        double start = problem->values == chebyquad ? (j + 1.0) / (problem->n + 1.0)
                                                    : problem->start[problem->even ? 0 : j];

        x[j] = start * power;
        if (start == 0.0 && power > 1 && problem->even)
            x[j] = power;
    }
}
