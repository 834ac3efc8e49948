/* Calls every function of leastsq.h on Bard's problem and prints all results, numbers as bits.
 * native_api.f90 prints the same by the Fortran API. */
#include <inttypes.h>
#include <leastsq.h>
#include <stdio.h>
#include <string.h>

enum { M = 15, N = 3 };

static const double y[M] = {0.14, 0.18, 0.22, 0.25, 0.29, 0.32, 0.35, 0.39,
                            0.37, 0.58, 0.73, 0.96, 1.34, 2.10, 4.39};

/* The user data of the callbacks. */
struct user {
    int calls, stop_at;
};

static int evaluate(struct user *user, int m, const double *x, double *fvec, double *fjac,
                    int ldfjac, int iflag)
{
    for (int i = 0; i < m; i++) {
        double u = i + 1, v = 15 - i, w = u < v ? u : v, below = v * x[1] + w * x[2];

        if (iflag == 2 && fjac != NULL) {
            fjac[i] = -1.0;
            fjac[i + ldfjac] = u * v / (below * below);
            fjac[i + 2 * ldfjac] = u * w / (below * below);
        } else if (iflag != 0)
            fvec[i] = y[i] - (x[0] + u / below);
    }
    return ++user->calls == user->stop_at ? -100 - user->calls : 0;
}

static int residual(void *p, int m, int n, const double *x, double *fvec, int iflag)
{
    (void)n;
    return evaluate(p, m, x, fvec, NULL, 0, iflag);
}

static int jacobian(void *p, int m, int n, const double *x, double *fvec, double *fjac,
                    int ldfjac, int iflag)
{
    (void)n;
    return evaluate(p, m, x, fvec, fjac, ldfjac, iflag);
}

static void show(const char *name, int number, const double *values, int count)
{
    printf("%s %d\n", name, number);
    for (int i = 0; i < count; i++) {
        uint64_t bits;

        memcpy(&bits, &values[i], sizeof bits);
        printf(" %016" PRIX64 "\n", bits);
    }
}

static void show_integers(const char *name, const int *values, int count)
{
    printf("%s", name);
    for (int i = 0; i < count; i++)
        printf(" %d", values[i]);
    printf("\n");
}

/* One solve, which ends at the given call of the callback; returns the number of calls. */
static int solve(const char *name, int stop_at, int nprint)
{
    struct user user = {0, stop_at};
    double x[N] = {1.0, 1.0, 1.0}, fvec[M] = {0.0}, fjac[M * N] = {0.0}, diag[N], qtf[N];
    double wa1[N], wa2[N], wa3[N], wa4[M], wa[M * N + 5 * N + M];
    int info = 0, nfev = 0, njev = 0, ipvt[N] = {0};

    if (strcmp(name, "lmdif") == 0)
        info = leastsq_lmdif(residual, &user, M, N, x, fvec, 1e-8, 1e-8, 0.0, 1000, 0.0, diag, 1,
                             100.0, nprint, &nfev, fjac, M, ipvt, qtf, wa1, wa2, wa3, wa4);
    else if (strcmp(name, "lmder") == 0)
        info = leastsq_lmder(jacobian, &user, M, N, x, fvec, fjac, M, 1e-8, 1e-8, 0.0, 1000, diag,
                             1, 100.0, nprint, &nfev, &njev, ipvt, qtf, wa1, wa2, wa3, wa4);
    else if (strcmp(name, "lmdif1") == 0)
        info = leastsq_lmdif1(residual, &user, M, N, x, fvec, 1e-8, ipvt, wa, M * N + 5 * N + M);
    else if (strcmp(name, "lmder1") == 0)
        info = leastsq_lmder1(jacobian, &user, M, N, x, fvec, fjac, M, 1e-8, ipvt, wa, 5 * N + M);
    else { /* any number that is not negative means success */
        info = leastsq_fdjac2(residual, &user, M, N, x, y, fjac, M, 0.0, wa4);
        info = info < 0 ? info : 0;
    }
    printf("%s stop_at %d nprint %d nfev %d njev %d\n", name, stop_at, nprint, nfev, njev);
    show("x", info, x, N);
    show("fjac", user.calls, fjac, M * N);
    return user.calls;
}

static void solves(void)
{
    const char *const names[] = {"lmdif", "lmder", "lmdif1", "lmder1", "fdjac2"};

    for (int k = 0; k < 5; k++)
        for (int nprint = 0; nprint <= (k < 2); nprint++) {
            int calls = solve(names[k], 0, nprint);

            for (int stop_at = 1; stop_at <= calls; stop_at++)
                solve(names[k], stop_at, nprint);
        }
}

static void blocks(void)
{
    struct user user = {0, 0};
    double x[N] = {0.9, 1.3, 0.5}, diag[N] = {1.0, 0.5, 2.0}, fvec[M], fvecp[M], fjac[M * N];
    double r[M * N], rdiag[N], acnorm[N], sdiag[N], wa[N], wa2[N], xp[N], err[M], par = 0.0;
    int ipvt[N];

    evaluate(&user, M, x, fvec, fjac, M, 1);
    evaluate(&user, M, x, fvec, fjac, M, 2);
    wa[0] = leastsq_enorm(M, fvec);
    show("enorm", 0, wa, 1);
    for (int i = 1; i <= 3; i++) {
        wa[0] = leastsq_dpmpar(i);
        show("dpmpar", i, wa, 1);
    }
    leastsq_chkder(M, N, x, fvec, fjac, M, xp, fvecp, 1, err);
    evaluate(&user, M, xp, fvecp, fjac, M, 1);
    leastsq_chkder(M, N, x, fvec, fjac, M, xp, fvecp, 2, err);
    show("chkder", 1, xp, N);
    show("chkder", 2, err, M);
    for (int pivot = 0; pivot <= 1; pivot++) {
        memcpy(r, fjac, sizeof r);
        leastsq_qrfac(M, N, r, M, pivot, ipvt, pivot ? N : 1, rdiag, acnorm, wa);
        show("qrfac", pivot, r, M * N);
        show("rdiag", pivot, rdiag, N);
        show("acnorm", pivot, acnorm, N);
    }
    show_integers("ipvt", ipvt, N);
    for (int j = 0; j < N; j++)
        r[j + j * M] = rdiag[j];
    leastsq_qrsolv(N, r, M, ipvt, diag, fvec, x, sdiag, wa);
    show("qrsolv", 0, x, N);
    show("sdiag", 0, sdiag, N);
    leastsq_lmpar(N, r, M, ipvt, diag, fvec, 0.1, &par, x, sdiag, wa, wa2);
    show("lmpar", 0, x, N);
    show("par", 0, &par, 1);
    leastsq_covar(N, r, M, ipvt, 0.0, wa);
    show("covar", 0, r, M * N);
}

int main(void)
{
    const int codes[] = {LEASTSQ_IMPROPER_INPUT, LEASTSQ_CONVERGED_REDUCTION,
                         LEASTSQ_CONVERGED_STEP, LEASTSQ_CONVERGED_BOTH,
                         LEASTSQ_ORTHOGONAL_RESIDUAL, LEASTSQ_TOO_MANY_EVALUATIONS,
                         LEASTSQ_FTOL_TOO_SMALL, LEASTSQ_XTOL_TOO_SMALL,
                         LEASTSQ_GTOL_TOO_SMALL};

    show_integers("status", codes, sizeof codes / sizeof *codes);
    blocks();
    solves();
    fprintf(stderr, "%s\n", LEASTSQ_VERSION);
    return 0;
}
