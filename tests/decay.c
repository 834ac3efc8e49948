/* Residuals of a decay in C, for test_compiled.py. */
#include <math.h>

/* p: a row of data. */
int decay(void *p, int m, int n, const double *x, double *fvec, int iflag)
{
    const double *y = p;

    (void)n;
    (void)iflag;
    for (int i = 0; i < m; i++)
        fvec[i] = x[0] * exp(-x[1] * (4.0 * i / (m - 1))) + x[2] - y[i];
    return 0;
}

/* p: a pointer to a row of data. */
int decay_of_args(void *p, int m, int n, const double *x, double *fvec, int iflag)
{
    void *const *arrays = p;

    return decay(arrays[0], m, n, x, fvec, iflag);
}

/* p: pointers to a row of data, and to times. */
int decay_at(void *p, int m, int n, const double *x, double *fvec, int iflag)
{
    const double *const *arrays = p, *y = arrays[0], *t = arrays[1];

    (void)n;
    (void)iflag;
    for (int i = 0; i < m; i++)
        fvec[i] = x[0] * exp(-x[1] * t[i]) + x[2] - y[i];
    return 0;
}

/* The same with a Jacobian. */
int decay_and_slopes(void *p, int m, int n, const double *x, double *fvec, double *fjac,
                     int ldfjac, int iflag)
{
    const double *const *arrays = p, *t = arrays[1];

    if (iflag == 1)
        return decay_at(p, m, n, x, fvec, iflag);
    for (int i = 0; i < m; i++) {
        const double e = exp(-x[1] * t[i]);

        fjac[i] = e;
        fjac[i + ldfjac] = -x[0] * t[i] * e;
        fjac[i + 2 * ldfjac] = 1.0;
    }
    return 0;
}

/* p: the number of calls that succeed, and the value returned after them. */
int counted(void *p, int m, int n, const double *x, double *fvec, int iflag)
{
    double *state = p;

    (void)n;
    (void)iflag;
    for (int i = 0; i < m; i++)
        fvec[i] = x[0] * exp(-x[1] * i) + x[2] - 1.0 / (1 + i);
    return state[0]-- > 0.0 ? 0 : (int)state[1];
}

/* A slow residual. p: a counter. */
int slow(void *p, int m, int n, const double *x, double *fvec, int iflag)
{
    volatile double waste = 0.0;

    (void)m;
    (void)n;
    (void)iflag;
    ++*(double *)p;
    for (int i = 0; i < 400000; i++)
        waste += i;
    fvec[0] = x[0] / 1e150;
    return 0;
}
