/* Progress curves of an enzyme: the residual of c_residual.py. */

enum { STEPS = 8 }; /* of the integrator, between two samples */

/* Michaelis and Menten's rate at which substrate s changes; x is vmax, km, s0. */
static double rate(double s, const double *x)
{
    return -x[0] * s / (x[1] + s);
}

/* Substrate a time h after it was s: one step of Runge and Kutta's method. */
static double step(double s, double h, const double *x)
{
    double k1 = rate(s, x), k2 = rate(s + 0.5 * h * k1, x);
    double k3 = rate(s + 0.5 * h * k2, x), k4 = rate(s + h * k3, x);

    return s + h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4);
}

/* p points to two arrays: m measured values, and their m times, of which the first is 0. */
int residual(void *p, int m, int n, const double *x, double *fvec, int iflag)
{
    const double *const *arrays = p, *measured = arrays[0], *t = arrays[1];
    double s = x[2];

    (void)n;
    (void)iflag;
    fvec[0] = s - measured[0];
    for (int i = 1; i < m; i++) {
        for (int k = 0; k < STEPS; k++)
            s = step(s, (t[i] - t[i - 1]) / STEPS, x);
        fvec[i] = s - measured[i];
    }
    return 0; /* negative: stop */
}
