/* Solves by lmdif, lmder and lmder1 that the 1980 library does alike. */
#include "bits.h"

#include <leastsq.h>
#include <stddef.h>
#include <string.h>

/* Above both libraries' machine epsilon, which the step of a difference is computed from. */
static const double EPSFCN = 1.0 / (1ULL << 51);

enum { M = MOST_RESIDUALS, N = MOST_VARIABLES };

int residual_of(void *p, int m, int n, const double *x, double *fvec, int iflag)
{
    static double unused[M * N];
    const struct problem *problem = p;

    if (iflag > 0)
        problem->values(m, n, x, fvec, unused);
    return 0;
}

int jacobian_of(void *p, int m, int n, const double *x, double *fvec, double *fjac, int ldfjac,
                int iflag)
{
    static double f[M], jacobian[M * N];
    const struct problem *problem = p;

    problem->values(m, n, x, f, jacobian);
    for (int j = 0; j < n && iflag == 2; j++)
        memcpy(fjac + j * ldfjac, jacobian + j * m, (size_t)m * sizeof *f);
    if (iflag == 1)
        memcpy(fvec, f, (size_t)m * sizeof *f);
    return 0;
}

static double x[N], fvec[M], fjac[M * N], diag[N], qtf[N], wa1[N], wa2[N], wa3[N], wa4[M];
static int ipvt[N];

static void add_outputs(const struct problem *problem, int info, int nfev, int njev)
{
    const int numbers[] = {info, nfev, njev}, n = problem->n, m = problem->m;

    add_integers(3, numbers);
    add_integers(n, ipvt);
    add_reals(n, x);
    add_reals(m, fvec);
    add_reals(m * n, fjac);
    add_reals(n, qtf);
    add_reals(n, diag);
}

static void add_runs(const struct problem *problem)
{
    const int m = problem->m, n = problem->n;
    void *p = (void *)problem;
    int power = 1, nfev, njev;

    section(problem->name);
    for (int start = 0; start < problem->starts; start++, power *= 10) {
        for (int mode = 1; mode <= 2; mode++) {
            int info;

            for (int j = 0; j < n; j++)
                diag[j] = 1.0 + j % 3;
            start_of(problem, power, x);
            info = leastsq_lmdif(residual_of, p, m, n, x, fvec, 1e-8, 1e-8, 0.0, 200 * (n + 1),
                                 EPSFCN, diag, mode, 100.0, 0, &nfev, fjac, m, ipvt, qtf, wa1,
                                 wa2, wa3, wa4);
            add_outputs(problem, info, nfev, 0);
            start_of(problem, power, x);
            info = leastsq_lmder(jacobian_of, p, m, n, x, fvec, fjac, m, 1e-8, 1e-8, 0.0,
                                 100 * (n + 1), diag, mode, 100.0, 0, &nfev, &njev, ipvt, qtf,
                                 wa1, wa2, wa3, wa4);
            add_outputs(problem, info, nfev, njev);
        }
    }
}

static void add_lmder1(void)
{
    static double wa[5 * N + M];

    section("lmder1");
    for (int k = 0; k < problem_count; k++) {
        const int m = problems[k].m, n = problems[k].n;
        int info;

        start_of(problems + k, 1, x);
        info = leastsq_lmder1(jacobian_of, (void *)(problems + k), m, n, x, fvec, fjac, m, 1e-10,
                              ipvt, wa, 5 * n + m);
        add_integers(1, &info);
        add_reals(n, x);
        add_reals(m * n, fjac);
    }
}

static void add_fdjac2(void)
{
    section("fdjac2");
    for (int k = 0; k < problem_count; k++) {
        const int m = problems[k].m, n = problems[k].n;

        for (int power = 1; power <= 100; power *= 10) {
            start_of(problems + k, power, x);
            residual_of((void *)(problems + k), m, n, x, fvec, 1);
            leastsq_fdjac2(residual_of, (void *)(problems + k), m, n, x, fvec, fjac, m, EPSFCN,
                           wa4);
            add_reals(m * n, fjac);
        }
    }
}

void add_solves(void)
{
    for (int k = 0; k < problem_count; k++)
        add_runs(problems + k);
    add_lmder1();
    add_fdjac2();
}
