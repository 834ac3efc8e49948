/* Fits a Gaussian peak by reverse communication. After every answer the solve is written to a file,
 * forgotten, and read again, as a program would that may be stopped at any time. */
#include <leastsq.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { M = 41, N = 3 };

static void residual(const double *p, double *fvec)
{
    for (int i = 0; i < M; i++) {
        double t = -2.0 + 0.1 * i, z = (t - p[1]) / p[2], truth = (t - 0.5) / 0.75;

        fvec[i] = p[0] * exp(-0.5 * z * z) - 2.0 * exp(-0.5 * truth * truth);
    }
}

/* The residual at the points of a difference Jacobian, which could be evaluated in parallel. */
static void differences(void *workspace)
{
    double point[N], values[M];

    for (int j = N - 1; j >= 0; j--) {
        leastsq_difference_point(workspace, j, point);
        residual(point, values);
        leastsq_difference_column(workspace, j, values);
    }
}

static int save_and_load(const char *name, void *workspace, size_t size)
{
    FILE *file = fopen(name, "wb");
    int good = file != NULL && fwrite(workspace, size, 1, file) == 1;

    if (file == NULL || fclose(file) != 0)
        return 0;
    memset(workspace, 0, size);
    file = fopen(name, "rb");
    good = good && file != NULL && fread(workspace, size, 1, file) == 1;
    if (file != NULL)
        fclose(file);
    return good;
}

int main(void)
{
    const double start[N] = {1.0, 0.0, 1.0};
    size_t size = leastsq_workspace_size(M, N);
    void *workspace = calloc(1, size);
    leastsq_view view = {0};

    if (workspace == NULL)
        return 1;
    leastsq_start(workspace, M, N, start, 1e-10, 1e-10, 0.0, 800, 0.0, NULL, 1, 100.0, 0);
    while (leastsq_inspect(workspace, &view) > LEASTSQ_WANTS_NOTHING) {
        if (view.request == LEASTSQ_WANTS_RESIDUAL)
            residual(view.point, view.residual);
        else
            differences(workspace);
        leastsq_resume(workspace, 0);
        if (!save_and_load("checkpoint", workspace, size))
            return 1;
    }
    printf("%.6f %.6f %.6f\n", view.x[0], view.x[1], view.x[2]);
    free(workspace);
    return !(view.info >= LEASTSQ_CONVERGED_REDUCTION && view.info <= LEASTSQ_ORTHOGONAL_RESIDUAL);
}
