/* Faults that the tools must report: ci/sanitize.sh calls each from Python as the tests call the
 * package. Values come from outside the functions, so that no compiler removes a fault. */
#include <limits.h>
#include <stdlib.h>

static volatile int eight = 8;
volatile int faults_result;

void heap_overflow(void)
{
    volatile double *x = malloc((size_t)eight * sizeof(double));

    x[eight] = 1.0;
    free((void *)x);
}

void use_after_free(void)
{
    volatile double *x = malloc((size_t)eight * sizeof(double));

    free((void *)x);
    x[eight - 1] = 1.0;
}

void signed_overflow(void)
{
    faults_result = INT_MAX - 7 + eight;
}

void uninitialised(void)
{
    volatile double *x = malloc((size_t)eight * sizeof(double));

    if (x[eight - 1] > 0.0)
        faults_result = eight;
    free((void *)x);
}
