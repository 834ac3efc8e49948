/* Fits decays one after the other by lmdif, the residual being compiled too.
 *
 * Linked with libleastsq.a into a shared object that compiled.py loads. */
#include "leastsq.h"

#include <string.h>

enum { N = 3, M = 50 };

typedef int lmdif(leastsq_func_mn fcn, void *p, int m, int n, double *x, double *fvec, double ftol,
                  double xtol, double gtol, int maxfev, double epsfcn, double *diag, int mode,
                  double factor, int nprint, int *nfev, double *fjac, int ldfjac, int *ipvt,
                  double *qtf, double *wa1, double *wa2, double *wa3, double *wa4);

/* Fits `fits` rows of data[fits*M] from start[N] with leastsq's defaults, by routine or, if
 * it is NULL, by leastsq_lmdif. The residual's p is the row. Solutions go to x[fits*N]. */
void fit_decays(lmdif *routine, leastsq_func_mn residual, double *data, int fits,
                const double *start, double *x)
{
    double fvec[M], fjac[M * N], diag[N], qtf[N], wa[3 * N + M];
    int ipvt[N], nfev;

    if (routine == NULL)
        routine = leastsq_lmdif;
    for (int k = 0; k < fits; k++) {
        memcpy(x + N * k, start, N * sizeof(double));
        routine(residual, data + (size_t)M * (size_t)k, M, N, x + N * k, fvec, 1.49012e-8,
                1.49012e-8, 0.0, 200 * (N + 1), 0.0, diag, 1, 100.0, 0, &nfev, fjac, M, ipvt, qtf,
                wa, wa + N, wa + 2 * N, wa + 3 * N);
    }
}
