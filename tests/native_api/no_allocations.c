/* Solves by every driver while each allocation fails, by failing_malloc.c: there must be none.
 * Prints for each size and driver the number of allocations and the exit code. */
#include <leastsq.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

/* failing_malloc.c */
void count_allocations(long first, long last);
void stop_counting(void);
long allocation_requests(void);

enum { MAX_N = 150 };

/* A residual for each parameter, and one more for each pair of neighbours. */
static int residual(void *p, int m, int n, const double *x, double *fvec, int iflag)
{
    (void)p;
    (void)iflag;
    for (int i = 0; i < m; i++)
        fvec[i] = i < n ? x[i] * x[i] - 1.0 - i : 0.1 * (x[i % n] - x[(i + 1) % n]);
    return 0;
}

static int jacobian(void *p, int m, int n, const double *x, double *fvec, double *fjac,
                    int ldfjac, int iflag)
{
    if (iflag != 2)
        return residual(p, m, n, x, fvec, iflag);
    for (int j = 0; j < n; j++)
        for (int i = 0; i < m; i++)
            fjac[i + j * ldfjac] = i < n ? (i == j) * 2.0 * x[j]
                                         : 0.1 * ((j == i % n) - (j == (i + 1) % n));
    return 0;
}

static int by_reverse_communication(int m, int n, const double *x, void *block, int analytic)
{
    leastsq_view view;
    double *point = calloc((size_t)n, sizeof(double)), *fvec = calloc((size_t)m, sizeof(double));
    int request;

    count_allocations(1, LONG_MAX);
    request = leastsq_start(block, m, n, x, 1e-8, 1e-8, 0.0, 1000, 0.0, NULL, 1, 100.0, analytic);
    while (request > LEASTSQ_WANTS_NOTHING) {
        leastsq_inspect(block, &view);
        if (request == LEASTSQ_WANTS_RESIDUAL)
            residual(NULL, m, n, view.point, view.residual, 1);
        else if (request == LEASTSQ_WANTS_JACOBIAN)
            jacobian(NULL, m, n, view.point, NULL, view.jacobian, m, 2);
        else
            for (int j = 0; j < n; j++) {
                leastsq_difference_point(block, j, point);
                residual(NULL, m, n, point, fvec, 2);
                leastsq_difference_column(block, j, fvec);
            }
        request = leastsq_resume(block, 0);
    }
    stop_counting();
    leastsq_inspect(block, &view);
    free(point);
    free(fvec);
    return view.info;
}

static void solve(int m, int n)
{
    const size_t rows = (size_t)m, columns = (size_t)n, size = sizeof(double);
    double *x = malloc(columns * size), *fvec = malloc(rows * size);
    double *fjac = malloc(rows * columns * size), *wa = malloc((5 * columns + rows) * size);
    double *diag = wa, *qtf = wa + n, *wa1 = qtf + n, *wa2 = wa1 + n, *wa3 = wa2 + n;
    double *wa4 = wa3 + n;
    int *ipvt = malloc(columns * sizeof(int)), nfev, njev, info;
    void *block = malloc(leastsq_workspace_size(m, n));

    for (int driver = 0; driver < 4; driver++) {
        for (int j = 0; j < n; j++)
            x[j] = 2.0;
        if (driver >= 2)
            info = by_reverse_communication(m, n, x, block, driver == 3);
        else {
            count_allocations(1, LONG_MAX);
            if (driver == 0)
                info = leastsq_lmdif(residual, NULL, m, n, x, fvec, 1e-8, 1e-8, 0.0, 1000000, 0.0,
                                     diag, 1, 100.0, 0, &nfev, fjac, m, ipvt, qtf, wa1, wa2, wa3,
                                     wa4);
            else
                info = leastsq_lmder(jacobian, NULL, m, n, x, fvec, fjac, m, 1e-8, 1e-8, 0.0,
                                     1000, diag, 1, 100.0, 0, &nfev, &njev, ipvt, qtf, wa1, wa2,
                                     wa3, wa4);
            stop_counting();
        }
        printf("n %d driver %d: %ld allocations, info %d\n", n, driver, allocation_requests(),
               info);
    }
    free(x), free(fvec), free(fjac), free(wa), free(ipvt), free(block);
}

int main(void)
{
    void *volatile first, *volatile second;

    count_allocations(2, 2);
    first = malloc(1);
    second = malloc(1);
    stop_counting();
    printf("control: %d, %d\n", first != NULL, second == NULL);
    printf("control: %ld allocations\n", allocation_requests());
    free(first);
    free(second);
    solve(20, 3);
    solve(2 * MAX_N, MAX_N);
    return 0;
}
