/* Prints how many bytes of stack each function of leastsq.h takes, and each routine of the Fortran
 * API: a thread runs it on memory that is filled with a pattern, and the pattern's end is found. */
#define _GNU_SOURCE
#include <leastsq.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { STACK = 1 << 20, PATTERN = 0xA5 };

/* MINPACK's names. */
typedef void residual_by_reference(const int *m, const int *n, const double *x, double *fvec,
                                   int *iflag);
typedef void jacobian_by_reference(const int *m, const int *n, const double *x, double *fvec,
                                   double *fjac, const int *ldfjac, int *iflag);
void lmdif1_(residual_by_reference *fcn, const int *m, const int *n, double *x, double *fvec,
             const double *tol, int *info, int *iwa, double *wa, const int *lwa);
void lmder1_(jacobian_by_reference *fcn, const int *m, const int *n, double *x, double *fvec,
             double *fjac, const int *ldfjac, const double *tol, int *info, int *ipvt, double *wa,
             const int *lwa);
void qrfac_(const int *m, const int *n, double *a, const int *lda, const int *pivot, int *ipvt,
            const int *lipvt, double *rdiag, double *acnorm, double *wa);
void lmpar_(const int *n, double *r, const int *ldr, const int *ipvt, const double *diag,
            const double *qtb, const double *delta, double *par, double *x, double *sdiag,
            double *wa1, double *wa2);

static int m, n;
static double *a, *x, *f, *v[8], *wa;
static int *ipvt;
static void *workspace;

/* Squares of the variables, less a constant. */
static int residual(void *p, int rows, int columns, const double *at, double *fvec, int iflag)
{
    (void)p;
    (void)iflag;
    for (int i = 0; i < rows; i++)
        fvec[i] = (i < columns ? at[i] * at[i] : 0.0) - 2.0;
    return 0;
}

static int jacobian(void *p, int rows, int columns, const double *at, double *fvec, double *fjac,
                    int ldfjac, int iflag)
{
    if (iflag == 1)
        return residual(p, rows, columns, at, fvec, iflag);
    for (ptrdiff_t j = 0; j < columns; j++)
        for (ptrdiff_t i = 0; i < rows; i++)
            fjac[i + j * ldfjac] = i == j ? 2.0 * at[j] : 0.0;
    return 0;
}

static void residual_by_address(const int *rows, const int *columns, const double *at,
                                double *fvec, int *iflag)
{
    residual(NULL, *rows, *columns, at, fvec, *iflag);
}

static void jacobian_by_address(const int *rows, const int *columns, const double *at,
                                double *fvec, double *fjac, const int *ldfjac, int *iflag)
{
    jacobian(NULL, *rows, *columns, at, fvec, fjac, *ldfjac, *iflag);
}

static void nothing(void)
{
}

static void lmdif(void)
{
    int nfev;

    leastsq_lmdif(residual, NULL, m, n, x, f, 0.0, 0.0, 0.0, n + 2, 0.0, v[0], 1, 1.0, 0, &nfev,
                  a, m, ipvt, v[1], v[2], v[3], v[4], wa);
}

static void lmder(void)
{
    int nfev, njev;

    leastsq_lmder(jacobian, NULL, m, n, x, f, a, m, 0.0, 0.0, 0.0, 2, v[0], 1, 1.0, 0, &nfev,
                  &njev, ipvt, v[1], v[2], v[3], v[4], wa);
}

static void lmdif1(void)
{
    leastsq_lmdif1(residual, NULL, m, n, x, f, 1e-3, ipvt, wa, m * n + 5 * n + m);
}

static void lmder1(void)
{
    leastsq_lmder1(jacobian, NULL, m, n, x, f, a, m, 1e-3, ipvt, wa, 5 * n + m);
}

static void reverse(void)
{
    leastsq_view view;

    leastsq_start(workspace, m, n, x, 0.0, 0.0, 0.0, 2, 0.0, NULL, 1, 1.0, 1);
    while (leastsq_inspect(workspace, &view) > LEASTSQ_WANTS_NOTHING) {
        if (view.request == LEASTSQ_WANTS_RESIDUAL)
            residual(NULL, m, n, view.point, view.residual, 1);
        else
            jacobian(NULL, m, n, view.point, NULL, view.jacobian, m, 2);
        leastsq_resume(workspace, 0);
    }
}

static void differences(void)
{
    leastsq_start(workspace, m, n, x, 0.0, 0.0, 0.0, 2, 0.0, NULL, 1, 1.0, 0);
    leastsq_resume(workspace, 0);
    for (int j = 0; j < n; j++) {
        leastsq_difference_point(workspace, j, v[0]);
        residual(NULL, m, n, v[0], f, 2);
        leastsq_difference_column(workspace, j, f);
    }
}

static void enorm(void)
{
    x[0] = 1e-30; /* needs the sums of all classes */
    v[0][0] = leastsq_enorm(m, x);
}

static void qrfac(void)
{
    leastsq_qrfac(m, n, a, m, 1, ipvt, n, v[0], v[1], v[2]);
}

static void qrsolv(void)
{
    leastsq_qrsolv(n, a, n, ipvt, v[0], v[1], v[2], v[3], v[4]);
}

static void lmpar(void)
{
    double par = 0.0;

    leastsq_lmpar(n, a, n, ipvt, v[0], v[1], 1e-3, &par, v[2], v[3], v[4], v[5]);
}

static void fdjac2(void)
{
    leastsq_fdjac2(residual, NULL, m, n, x, f, a, m, 0.0, wa);
}

static void covar(void)
{
    leastsq_covar(n, a, n, ipvt, 0.0, v[0]);
}

static void chkder(void)
{
    leastsq_chkder(m, n, x, f, a, m, v[0], f, 1, wa);
    leastsq_chkder(m, n, x, f, a, m, v[0], f, 2, wa);
}

static void lmdif1_fortran(void)
{
    const double tol = 1e-3;
    const int lwa = m * n + 5 * n + m;
    int info;

    lmdif1_(residual_by_address, &m, &n, x, f, &tol, &info, ipvt, wa, &lwa);
}

static void lmder1_fortran(void)
{
    const double tol = 1e-3;
    const int lwa = 5 * n + m;
    int info;

    lmder1_(jacobian_by_address, &m, &n, x, f, a, &m, &tol, &info, ipvt, wa, &lwa);
}

static void qrfac_fortran(void)
{
    const int pivot = 1;

    qrfac_(&m, &n, a, &m, &pivot, ipvt, &n, v[0], v[1], v[2]);
}

static void lmpar_fortran(void)
{
    const double delta = 1e-3;
    double par = 0.0;

    lmpar_(&n, a, &n, ipvt, v[0], v[1], &delta, &par, v[2], v[3], v[4], v[5]);
}

static const struct routine {
    const char *name;
    void (*call)(void);
} routines[] = {{"lmdif", lmdif},
                {"lmder", lmder},
                {"lmdif1", lmdif1},
                {"lmder1", lmder1},
                {"resume", reverse},
                {"difference_column", differences},
                {"enorm", enorm},
                {"qrfac", qrfac},
                {"qrsolv", qrsolv},
                {"lmpar", lmpar},
                {"fdjac2", fdjac2},
                {"covar", covar},
                {"chkder", chkder},
                {"lmdif1_", lmdif1_fortran},
                {"lmder1_", lmder1_fortran},
                {"qrfac_", qrfac_fortran},
                {"lmpar_", lmpar_fortran}};

enum { ROUTINES = sizeof routines / sizeof *routines };

/* Random numbers, and a dominant diagonal. */
static void fill(void)
{
    srand(1978);
    for (ptrdiff_t k = 0; k < (ptrdiff_t)m * n; k++)
        a[k] = rand() / (double)RAND_MAX - 0.5;
    for (int j = 0; j < n; j++) {
        a[j % m + (ptrdiff_t)j * m] += 4.0;
        ipvt[j] = j + 1;
        for (int k = 0; k < 8; k++)
            v[k][j] = 1.0 + k;
        x[j] = 0.01; /* the first step is longer than the bound: lmpar must iterate */
    }
    for (int i = 0; i < m; i++)
        f[i] = 1.0 + i % 3;
}

static void *run(void *routine)
{
    ((const struct routine *)routine)->call();
    return NULL;
}

/* The bytes of a thread's stack that differ from the pattern, from its far end on. */
static long measure(const struct routine *routine)
{
    unsigned char *stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    pthread_attr_t attributes;
    pthread_t thread;
    long unused = 0;

    if (stack == MAP_FAILED)
        exit(1);
    fill();
    memset(stack, PATTERN, STACK);
    pthread_attr_init(&attributes);
    if (pthread_attr_setstack(&attributes, stack, STACK) != 0 ||
        pthread_create(&thread, &attributes, run, (void *)routine) != 0)
        exit(1);
    pthread_join(thread, NULL);
    while (stack[unused] == PATTERN)
        unused++;
    munmap(stack, STACK);
    return STACK - unused;
}

static void allocate(int rows, int columns)
{
    m = rows;
    n = columns;
    a = calloc((size_t)m * (size_t)n, sizeof *a);
    wa = calloc((size_t)m * (size_t)n + 6 * (size_t)(m + n), sizeof *wa);
    f = calloc((size_t)m, sizeof *f);
    x = calloc((size_t)(m + n), sizeof *x);
    ipvt = calloc((size_t)n, sizeof *ipvt);
    workspace = calloc(1, leastsq_workspace_size(m, n) + 8);
    for (int k = 0; k < 8; k++)
        v[k] = calloc((size_t)n, sizeof *v[k]);
}

/* Prints what some of the routines take for an m x n problem. */
static void print(int rows, int columns, const struct routine *first, int count)
{
    static const struct routine empty = {"nothing", nothing};

    allocate(rows, columns);
    for (int i = 0; i < count; i++)
        printf("%s %d %d %ld\n", first[i].name, m, n, measure(first + i) - measure(&empty));
}

int main(void)
{
    static const struct routine wide = {"qrfac", qrfac}, square = {"lmpar", lmpar};

    print(1, 1, routines, ROUTINES);
    print(40, 4, routines, ROUTINES);
    print(17, 17, routines, ROUTINES);
    print(130, 130, routines, ROUTINES);
    for (int columns = 3839; columns <= 3841; columns++) /* around qrfac's limit */
        print(3, columns, &wide, 1);
    for (int order = 479; order <= 481; order++) /* around qrsolv's */
        print(order, order, &square, 1);
    return 0;
}
