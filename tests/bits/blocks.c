/* The building blocks on random input. */
#include "bits.h"

#include <leastsq.h>
#include <string.h>

enum { LONG = 4000, ORDER = 500 };

static double matrix[ORDER * ORDER], x[ORDER], diag[ORDER], qtb[ORDER];
static double out1[ORDER], out2[ORDER], wa1[ORDER], wa2[ORDER];
static int ipvt[ORDER];

/* Random numbers are drawn one a statement: the order within an expression is the compiler's. */

void fill_matrix(int m, int n, double *a, int scale)
{
    const int kind = random_integer(0, 4);

    for (int j = 0; j < n; j++) {
        const double size = kind == 1 ? power_of_two(random_integer(-scale, scale)) : 1.0;

        for (int i = 0; i < m; i++) {
            double value = kind == 2 ? random_scaled(-scale, scale) : random_real() * size;

            if (kind == 3 && random_integer(0, 2) == 0)
                value = 0.0;
            a[i + j * m] = value;
        }
        if (kind == 4 && j > 0 && random_integer(0, 1) == 0)
            memcpy(a + j * m, a + random_integer(0, j - 1) * m, (size_t)m * sizeof *a);
        if (kind == 3 && random_integer(0, 9) == 0)
            memset(a + j * m, 0, (size_t)m * sizeof *a);
    }
}

/* An upper triangle, what belongs to it, and a random permutation. */
static void fill_triangle(int n, int scale)
{
    const int kind = random_integer(0, 3), wide = kind == 1 ? scale : 1;

    for (int j = 0; j < n; j++) {
        for (int i = 0; i < n; i++)
            matrix[i + j * n] = random_scaled(-wide, wide);
        if (kind == 2 && random_integer(0, 2) == 0)
            matrix[j + j * n] = 0.0;
        ipvt[j] = j + 1;
    }
    for (int j = n - 1; j > 0; j--) {
        int k = random_integer(0, j), other = ipvt[k];

        ipvt[k] = ipvt[j];
        ipvt[j] = other;
    }
    fill_random(n, diag, -wide, wide);
    fill_random(n, qtb, -wide, wide);
}

void add_norms(int cases, int least, int most)
{
    const int widths[] = {0, 40, (most - least) / 2};

    for (int k = 0; k < cases; k++) {
        int n = random_integer(1, k % 50 == 0 ? LONG : 70);
        int wide = widths[random_integer(0, 2)];
        int center = random_integer(least + wide, most - wide);
        double norm;

        fill_random(n, matrix, center - wide, center + wide);
        norm = leastsq_enorm(n, matrix);
        add_reals(1, &norm);
    }
}

static void add_qrfac(int m, int n, int scale)
{
    for (int pivot = 0; pivot <= 1; pivot++) {
        fill_matrix(m, n, matrix, scale);
        leastsq_qrfac(m, n, matrix, m, pivot, ipvt, pivot ? n : 1, out1, out2, wa1);
        add_reals(m * n, matrix);
        add_reals(n, out1);
        add_reals(n, out2);
        add_integers(pivot ? n : 0, ipvt);
    }
}

void add_factors(int cases, int scale)
{
    static const int sizes[][2] = {{200, 60}, {70, 70}, {1100, 9}, {65, 130}, {2100, 3}, {90, 200}};

    for (int k = 0; k < cases; k++) {
        int m = random_integer(1, 20), n = random_integer(1, 20);

        add_qrfac(m, n, scale);
    }
    for (int k = 0; k < 6; k++)
        add_qrfac(sizes[k][0], sizes[k][1], scale);
}

static void add_qrsolv(int n, int scale)
{
    fill_triangle(n, scale);
    for (int j = 0; j < n; j += random_integer(1, 9))
        diag[j] = 0.0;
    leastsq_qrsolv(n, matrix, n, ipvt, diag, qtb, x, out1, wa1);
    add_reals(n, x);
    add_reals(n, out1);
    add_reals(n * n, matrix);
}

void add_least_squares(int cases, int scale)
{
    for (int k = 0; k < cases; k++)
        add_qrsolv(random_integer(1, 20), scale);
    for (int n = 30; n <= 130; n += 25)
        add_qrsolv(n, scale);
    add_qrsolv(ORDER, 0); /* fewer rows at a time: see qrsolv.f90 */
}

static void add_lmpar(int n, int scale)
{
    double delta, par = random_integer(0, 1) ? 0.0 : 1.0 + random_real();

    fill_triangle(n, scale);
    for (int j = 0; j < n; j++)
        diag[j] = diag[j] < 0.0 ? -diag[j] : diag[j] + 0.0009765625; /* never zero */
    delta = (2.0 + random_real()) * power_of_two(random_integer(-10, 10));
    leastsq_lmpar(n, matrix, n, ipvt, diag, qtb, delta, &par, x, out1, wa1, wa2);
    add_reals(1, &par);
    add_reals(n, x);
    add_reals(n, out1);
    add_reals(n * n, matrix);
}

void add_parameters(int cases, int scale)
{
    for (int k = 0; k < cases; k++)
        add_lmpar(random_integer(1, 12), scale);
    add_lmpar(60, 0);
    add_lmpar(130, 0);
}

void add_building_blocks(void)
{
    section("enorm");
    add_norms(4000, -1074, 1020);
    section("qrfac");
    add_factors(800, 80);
    section("qrsolv");
    add_least_squares(1500, 80);
    section("lmpar");
    add_parameters(1500, 12);
}
