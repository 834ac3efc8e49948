/* Fits a Gaussian peak; the callback gets the data as user data. */
#include <leastsq.h>
#include <math.h>
#include <stdio.h>

#define POINTS 41

struct data {
    double t[POINTS], y[POINTS];
};

static double peak(const double *p, double t)
{
    double z = (t - p[1]) / p[2];

    return p[0] * exp(-0.5 * z * z);
}

static int residual(void *pointer, int m, int n, const double *p, double *fvec, int iflag)
{
    const struct data *data = pointer;

    (void)n;
    (void)iflag;
    for (int i = 0; i < m; i++)
        fvec[i] = peak(p, data->t[i]) - data->y[i];
    return 0;
}

int main(void)
{
    enum { m = POINTS, n = 3 };
    const double truth[n] = {2.0, 0.5, 0.75};
    struct data data;
    double p[n] = {1.0, 0.0, 1.0}, fvec[m], wa[m * n + 5 * n + m];
    int iwa[n], info;

    for (int i = 0; i < m; i++) {
        data.t[i] = -2.0 + 0.1 * i;
        data.y[i] = peak(truth, data.t[i]);
    }
    info = leastsq_lmdif1(residual, &data, m, n, p, fvec, 1e-10, iwa, wa, sizeof wa / sizeof *wa);
    printf("%.6f %.6f %.6f\n", p[0], p[1], p[2]);
    return !(info >= LEASTSQ_CONVERGED_REDUCTION && info <= LEASTSQ_ORTHOGONAL_RESIDUAL);
}
