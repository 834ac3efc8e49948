/* What the 1980 library does not have, or does otherwise: with its literal for the machine
 * epsilon, or with NaNs, which it leaves to its compiler. Built with -DORIGINAL nothing is left,
 * with -DFINITE what is finite. */
#include "bits.h"

#include <leastsq.h>
#include <string.h>

#ifndef ORIGINAL

enum { M = MOST_RESIDUALS, N = MOST_VARIABLES, TOGETHER = 8 };

/* Operations on several blocks, of fortran/batch.f90; the Python API fits many problems by them. */
void leastsq_batch_norms(int m, int count, const double *residuals, double *norms);
int leastsq_batch_scratch(int m, int n);
void leastsq_batch_factor(int count, double *const *blocks, double *scratch, int *factored);
int leastsq_batch_resume(double *block, int flag, double norm, int factored);

static double workspace[TOGETHER][M * N + 2 * M + 7 * N + 19];

static void start_block(int k, const struct problem *problem, int power, int analytic)
{
    double x[N];

    start_of(problem, power, x);
    if (k > 0)
        for (int j = 0; j < problem->n; j++)
            x[j] *= 1.0 + 0.0625 * random_real();
    leastsq_start(workspace[k], problem->m, problem->n, x, 1e-8, 1e-8, 0.0, 100 * (problem->n + 1),
                  0.0, NULL, 1, 100.0, analytic);
}

static void add_result(int k)
{
    leastsq_view view;
    int numbers[3];

    leastsq_inspect(workspace[k], &view);
    numbers[0] = view.info;
    numbers[1] = view.nfev;
    numbers[2] = view.njev;
    add_integers(3, numbers);
    add_integers(view.n, view.ipvt);
    add_reals(view.n, view.x);
    add_reals(view.m, view.fvec);
    add_reals(view.n, view.qtf);
    for (int j = 0; j < view.n; j++)
        add_reals(j + 1, view.fjac + j * view.m);
}

/* Supplies what a block requests: the residual, the Jacobian, or the columns of differences. */
static void answer(int k, const struct problem *problem)
{
    double point[N];
    leastsq_view view;

    leastsq_inspect(workspace[k], &view);
    if (view.request == LEASTSQ_WANTS_RESIDUAL)
        residual_of((void *)problem, view.m, view.n, view.point, view.residual, 1);
    else if (view.request == LEASTSQ_WANTS_JACOBIAN)
        jacobian_of((void *)problem, view.m, view.n, view.point, NULL, view.jacobian, view.m, 2);
    else
        for (int j = view.n - 1; j >= 0; j--) {
            leastsq_difference_point(workspace[k], j, point);
            residual_of((void *)problem, view.m, view.n, point, view.residual, 2);
            leastsq_difference_column(workspace[k], j, view.residual);
        }
}

static void add_reverse(void)
{
    leastsq_view view;

    section("reverse communication");
    for (int k = 0; k < problem_count; k++)
        for (int analytic = 0; analytic <= 1; analytic++) {
            start_block(0, problems + k, 10, analytic);
            while (leastsq_inspect(workspace[0], &view) > LEASTSQ_WANTS_NOTHING) {
                answer(0, problems + k);
                leastsq_resume(workspace[0], 0);
            }
            add_result(0);
        }
}

/* Resumes the blocks that have a request; their Jacobians are factored together. */
static int resume_together(const struct problem *problem)
{
    static double scratch[8 * (4096 + 1)];
    double *blocks[TOGETHER], norm;
    int going = 0, count = 0, owner[TOGETHER], done[TOGETHER], factored[TOGETHER] = {0};
    leastsq_view view;

    for (int k = 0; k < TOGETHER; k++)
        if (leastsq_inspect(workspace[k], &view) > LEASTSQ_WANTS_NOTHING) {
            answer(k, problem);
            owner[count] = k;
            blocks[count] = workspace[k];
            count += view.request == LEASTSQ_WANTS_JACOBIAN;
        }
    if (count > 1 && leastsq_batch_scratch(problem->m, problem->n) > 0) {
        leastsq_batch_factor(count, blocks, scratch, done);
        for (int i = 0; i < count; i++)
            factored[owner[i]] = done[i];
    }
    for (int k = 0; k < TOGETHER; k++) {
        if (leastsq_inspect(workspace[k], &view) <= LEASTSQ_WANTS_NOTHING)
            continue;
        norm = 0.0;
        if (view.request == LEASTSQ_WANTS_RESIDUAL)
            leastsq_batch_norms(view.m, 1, view.residual, &norm);
        going |= leastsq_batch_resume(workspace[k], 0, norm, factored[k]) > LEASTSQ_WANTS_NOTHING;
    }
    return going;
}

static void add_together(void)
{
    section("several solves in lanes");
    for (int k = 0; k < problem_count; k++) {
        for (int block = 0; block < TOGETHER; block++)
            start_block(block, problems + k, 1, 1);
        while (resume_together(problems + k))
            continue;
        for (int block = 0; block < TOGETHER; block++)
            add_result(block);
    }
}

/* Jacobians of all kinds; in some lanes there is nothing left to factor. */
static void add_lanes(void)
{
    static double scratch[8 * (4096 + 1)];
    double x[N], *blocks[TOGETHER];
    int factored[TOGETHER];
    leastsq_view view;

    section("matrices in lanes");
    for (int round = 0; round < 500; round++) {
        const int n = random_integer(1, 12), m = random_integer(n, 40);

        fill_random(n, x, -1, 1);
        for (int k = 0; k < TOGETHER; k++) {
            blocks[k] = workspace[k];
            leastsq_start(blocks[k], m, n, x, 0.0, 0.0, 0.0, 10, 0.0, NULL, 1, 1.0, 1);
            leastsq_inspect(blocks[k], &view);
            fill_random(m, view.residual, -1, 1);
            leastsq_resume(blocks[k], 0);
            leastsq_inspect(blocks[k], &view);
            fill_matrix(m, n, view.jacobian, 60);
        }
        leastsq_batch_factor(TOGETHER, blocks, scratch, factored);
        add_integers(TOGETHER, factored);
        for (int k = 0; k < TOGETHER; k++)
            add_result(k);
    }
}

static void add_lmdif1(void)
{
    static double x[N], fvec[M], wa[M * N + 5 * N + M];
    int iwa[N];

    section("lmdif1");
    for (int k = 0; k < problem_count; k++) {
        const int m = problems[k].m, n = problems[k].n;
        int info;

        start_of(problems + k, 1, x);
        info = leastsq_lmdif1(residual_of, (void *)(problems + k), m, n, x, fvec, 1e-10, iwa, wa,
                              m * n + 5 * n + m);
        add_integers(1, &info);
        add_reals(n, x);
        add_reals(m, fvec);
    }
}

static void add_covar(void)
{
    double r[20 * 20], wa[20];
    int ipvt[20];

    section("covar");
    for (int k = 0; k < 1000; k++) {
        int n = random_integer(1, 20);

        fill_random(n * n, r, -20, 20);
        for (int j = 0; j < n; j++)
            ipvt[j] = n - j;
        leastsq_covar(n, r, n, ipvt, k % 2 == 0 ? 0.0 : 1e-3, wa);
        add_reals(n * n, r);
    }
}

static void add_constants(void)
{
    section("dpmpar");
    for (int i = 1; i <= 3; i++) {
        double constant = leastsq_dpmpar(i);

        add_reals(1, &constant);
    }
}

/* Mode 1's points, and mode 2 where the Jacobian is right up to an error of any size. Mode 2 takes
 * logarithms, and those are libm's. */
static void add_chkder(void)
{
    double x[N], xp[N], fvec[M], fvecp[M], fjac[M * N], err[M];

    section("chkder, points");
    for (int k = 0; k < 1000; k++) {
        fill_random(20, x, -1000, 1000);
        leastsq_chkder(20, 20, x, fvec, fjac, 20, xp, fvecp, 1, err);
        add_reals(20, xp);
    }
    section("chkder, with logarithms");
    for (int k = 0; k < 1000; k++) {
        const struct problem *problem = problems + k % problem_count;
        const int m = problem->m, n = problem->n;

        fill_random(n, x, -2, 2);
        residual_of((void *)problem, m, n, x, fvec, 1);
        jacobian_of((void *)problem, m, n, x, NULL, fjac, m, 2);
        for (int j = 0; j < n; j++)
            fjac[j] *= 1.0 + random_scaled(-52, -20);
        leastsq_chkder(m, n, x, fvec, fjac, m, xp, fvecp, 1, err);
        residual_of((void *)problem, m, n, xp, fvecp, 1);
        leastsq_chkder(m, n, x, fvec, fjac, m, xp, fvecp, 2, err);
        add_reals(m, err);
    }
}

void add_own(void)
{
    add_constants();
    add_chkder();
    add_lmdif1();
    add_covar();
    add_reverse();
    add_together();
    add_lanes();
#ifndef FINITE
    section("enorm, overflow");
    add_norms(1000, 0, 1200);
    section("qrfac, overflow");
    add_factors(800, 1100);
    section("qrsolv, overflow");
    add_least_squares(1500, 1100);
    section("lmpar, overflow");
    add_parameters(1500, 1100);
#endif
}

#else

void add_own(void)
{
}

#endif
