/* Times a pivoted QR routine on fresh copies of one matrix; the clock runs in the calls alone.
 *
 * Linked with libleastsq.a into a shared object that routines.py loads. */
#define _POSIX_C_SOURCE 199309L
#include "leastsq.h"

#include <string.h>
#include <time.h>

typedef void by_value(int m, int n, double *a, int lda, int pivot, int *ipvt, int lipvt,
                      double *rdiag, double *acnorm, double *wa);
typedef void by_reference(const int *m, const int *n, double *a, const int *lda, const int *pivot,
                          int *ipvt, const int *lipvt, double *rdiag, double *acnorm, double *wa);
typedef void lapack(const int *m, const int *n, double *a, const int *lda, int *jpvt, double *tau,
                    double *work, const int *lwork, int *info);

enum convention { BY_VALUE, BY_REFERENCE, LAPACK };

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* Factors a copy of a[m*n] in qr `calls` times; returns the seconds that the calls took. routine
 * is of the type that convention names, or NULL for leastsq_qrfac. work[lwork]: n + m elements,
 * or as many as LAPACK's workspace query returns. */
double time_qr(void (*routine)(void), enum convention convention, int m, int n, const double *a,
               double *qr, int *ipvt, double *rdiag, double *acnorm, double *work, int lwork,
               int calls)
{
    const int pivot = 1;
    int info;
    double seconds = 0.0, start;
    by_value *value = routine == NULL ? leastsq_qrfac : (by_value *)routine;

    for (int i = 0; i < calls; i++) {
        memcpy(qr, a, sizeof(double) * (size_t)m * (size_t)n);
        memset(ipvt, 0, sizeof(int) * (size_t)n); /* for LAPACK: every column may be exchanged */
        start = now();
        switch (convention) {
        case BY_VALUE:
            value(m, n, qr, m, pivot, ipvt, n, rdiag, acnorm, work);
            break;
        case BY_REFERENCE:
            ((by_reference *)routine)(&m, &n, qr, &m, &pivot, ipvt, &n, rdiag, acnorm, work);
            break;
        case LAPACK:
            ((lapack *)routine)(&m, &n, qr, &m, ipvt, rdiag, work, &lwork, &info);
            break;
        }
        seconds += now() - start;
    }
    return seconds;
}
