/* A residual for fuzzing/compiled.py: one of four formulas, spoiled where the point says so. */
#include <math.h>
#include <stdint.h>
#include <string.h>

/* The numbers of a case that say when the residual is spoiled, and when it fails. */
enum { ODDS, BAD, BREAKS, NUMBERS };

static uint64_t lot_of(const double *x, int n)
{
    uint64_t lot = 1469598103934665603u;

    for (int j = 0; j < n; j++) {
        uint64_t word;

        memcpy(&word, x + j, sizeof word);
        lot = (lot ^ word) * 1099511628211u;
    }
    return lot >> 20;
}

static double term(int kind, double a, double t, double x)
{
    return kind == 2 ? a * exp(-t * x) : kind == 3 ? tanh(a * x) : a * x;
}

static double slope(int kind, double a, double t, double x)
{
    return kind == 2 ? -a * t * exp(-t * x) : kind == 3 ? a / cosh(a * x) / cosh(a * x) : a;
}

static void evaluate(int kind, const double *a, const double *b, int m, int n, const double *x,
                     double *fvec)
{
    for (int i = 0; i < m; i++) {
        double sum = 0.0;

        for (int j = 0; j < n; j++)
            sum += term(kind, a[i * n + j], i + 1.0, x[j]);
        fvec[i] = (kind == 1 ? sum * sum : sum) - b[i];
    }
}

static void differentiate(int kind, const double *a, int m, int n, const double *x, double *fjac,
                          int ldfjac)
{
    for (int i = 0; i < m; i++) {
        double sum = 0.0;

        for (int j = 0; j < n; j++)
            sum += a[i * n + j] * x[j];
        for (int j = 0; j < n; j++)
            fjac[i + j * ldfjac] = slope(kind, a[i * n + j], i + 1.0, x[j]) *
                                   (kind == 1 ? 2.0 * sum : 1.0);
    }
}

/* p: pointers to a (m, n), b (m), the number of the formula, and the numbers of the case. */
int both(void *p, int m, int n, const double *x, double *fvec, double *fjac, int ldfjac, int iflag)
{
    const double *const *arrays = p, *a = arrays[0], *b = arrays[1], *spec = arrays[3];
    const int kind = (int)*arrays[2];
    const uint64_t lot = lot_of(x, n), turn = (uint64_t)(iflag != 1);

    if (iflag == 1)
        evaluate(kind, a, b, m, n, x, fvec);
    else
        differentiate(kind, a, m, n, x, fjac, ldfjac);
    if (lot % (uint64_t)spec[ODDS] == turn)
        (iflag == 1 ? fvec : fjac)[lot / 64 % (uint64_t)m] = spec[BAD];
    return lot / 5 % (uint64_t)spec[BREAKS] == turn ? -3 : 0;
}

int residual(void *p, int m, int n, const double *x, double *fvec, int iflag)
{
    (void)iflag;
    return both(p, m, n, x, fvec, NULL, 0, 1);
}

/* p: the row of one problem: the numbers of the case, the formula, b, a. */
int residual_of_row(void *p, int m, int n, const double *x, double *fvec, int iflag)
{
    double *const row = p, *const kind = row + NUMBERS;
    double *arrays[4] = {kind + 1 + m, kind + 1, kind, row};

    return residual(arrays, m, n, x, fvec, iflag);
}
