/* A program for cminpack: Kowalik and Osborne's problem, both solvers. It prints bits. */
#include <cminpack.h>
#include <stdio.h>

enum { m = 11, n = 4 };

struct data {
    double y[m], u[m];
};

static int residual(void *p, int rows, int columns, const double *x, double *fvec, int iflag)
{
    const struct data *data = p;

    (void)columns;
    if (iflag == 0)
        return 0;
    for (int i = 0; i < rows; i++) {
        double u = data->u[i];

        fvec[i] = data->y[i] - x[0] * (u * (u + x[1])) / (u * (u + x[2]) + x[3]);
    }
    return 0;
}

static int jacobian(void *p, int rows, int columns, const double *x, double *fvec, double *fjac,
                    int ldfjac, int iflag)
{
    const struct data *data = p;

    if (iflag != 2)
        return residual(p, rows, columns, x, fvec, iflag);
    for (int i = 0; i < rows; i++) {
        double u = data->u[i], above = u * (u + x[1]), below = u * (u + x[2]) + x[3];

        fjac[i] = -above / below;
        fjac[i + ldfjac] = -x[0] * u / below;
        fjac[i + 2 * ldfjac] = x[0] * above * u / (below * below);
        fjac[i + 3 * ldfjac] = x[0] * above / (below * below);
    }
    return 0;
}

static void show(const char *name, int info, const double *values, int count)
{
    printf("%s %d\n", name, info);
    for (int i = 0; i < count; i++)
        printf(" %a\n", values[i]);
}

int main(void)
{
    struct data data = {
        {0.1957, 0.1947, 0.1735, 0.1600, 0.0844, 0.0627, 0.0456, 0.0342, 0.0323, 0.0235, 0.0246},
        {4.0, 2.0, 1.0, 0.5, 0.25, 0.167, 0.125, 0.1, 0.0833, 0.0714, 0.0625}};
    const double start[n] = {0.25, 0.39, 0.415, 0.39};
    double x[n], fvec[m], fjac[m * n], diag[n], qtf[n], wa1[n], wa2[n], wa3[n], wa4[m];
    int ipvt[n], nfev, njev, info;

    for (int j = 0; j < n; j++)
        x[j] = start[j];
    info = lmdif(residual, &data, m, n, x, fvec, 1e-10, 1e-10, 0.0, 1000, 1e-14, diag, 1, 100.0, 0,
                 &nfev, fjac, m, ipvt, qtf, wa1, wa2, wa3, wa4);
    show("lmdif", info, x, n);
    show("fjac", nfev, fjac, m * n);

    for (int j = 0; j < n; j++)
        x[j] = start[j];
    info = lmder(jacobian, &data, m, n, x, fvec, fjac, m, 1e-10, 1e-10, 0.0, 500, diag, 1, 100.0,
                 0, &nfev, &njev, ipvt, qtf, wa1, wa2, wa3, wa4);
    show("lmder", info, x, n);
    show("fjac", nfev, fjac, m * n);
    covar(n, fjac, m, ipvt, 0.0, wa1);
    show("covar", njev, fjac, m * (n - 1) + n);
    wa1[0] = enorm(m, fvec);
    show("enorm", 0, wa1, 1);
    return 0;
}
