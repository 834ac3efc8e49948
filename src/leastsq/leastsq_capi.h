/* The C door for extension modules of Python that do not link libleastsq: a table of its functions,
 * fetched from the installed package when the extension is imported.
 *
 *     static const leastsq_capi *capi;
 *     ...in the module's initialisation: capi = leastsq_import(); if (capi == NULL) return NULL;
 *     ...anywhere, with or without the GIL: capi->lmdif(residual, ...);
 *
 * leastsq.h documents the functions. An extension compiled with this header works with this and
 * every later version of leastsq: members are never changed or moved, only appended.
 */
#ifndef LEASTSQ_CAPI_H
#define LEASTSQ_CAPI_H

#include <Python.h>
#include "leastsq.h"

#ifdef __cplusplus
extern "C" {
#endif

#define LEASTSQ_CAPI_VERSION 2
#define LEASTSQ_CAPI_NAME "leastsq._minpack._C_API"

typedef struct leastsq_capi {
    int version; /* LEASTSQ_CAPI_VERSION of the installed package */
    int (*lmdif)(leastsq_func_mn fcn, void *p, int m, int n, double *x, double *fvec, double ftol,
                 double xtol, double gtol, int maxfev, double epsfcn, double *diag, int mode,
                 double factor, int nprint, int *nfev, double *fjac, int ldfjac, int *ipvt,
                 double *qtf, double *wa1, double *wa2, double *wa3, double *wa4);
    int (*lmder)(leastsq_funcder_mn fcn, void *p, int m, int n, double *x, double *fvec,
                 double *fjac, int ldfjac, double ftol, double xtol, double gtol, int maxfev,
                 double *diag, int mode, double factor, int nprint, int *nfev, int *njev,
                 int *ipvt, double *qtf, double *wa1, double *wa2, double *wa3, double *wa4);
    int (*lmdif1)(leastsq_func_mn fcn, void *p, int m, int n, double *x, double *fvec, double tol,
                  int *iwa, double *wa, int lwa);
    int (*lmder1)(leastsq_funcder_mn fcn, void *p, int m, int n, double *x, double *fvec,
                  double *fjac, int ldfjac, double tol, int *ipvt, double *wa, int lwa);
    double (*enorm)(int n, const double *x);
    void (*qrfac)(int m, int n, double *a, int lda, int pivot, int *ipvt, int lipvt, double *rdiag,
                  double *acnorm, double *wa);
    void (*qrsolv)(int n, double *r, int ldr, const int *ipvt, const double *diag,
                   const double *qtb, double *x, double *sdiag, double *wa);
    void (*lmpar)(int n, double *r, int ldr, const int *ipvt, const double *diag,
                  const double *qtb, double delta, double *par, double *x, double *sdiag,
                  double *wa1, double *wa2);
    int (*fdjac2)(leastsq_func_mn fcn, void *p, int m, int n, double *x, const double *fvec,
                  double *fjac, int ldfjac, double epsfcn, double *wa);
    void (*covar)(int n, double *r, int ldr, const int *ipvt, double tol, double *wa);
    void (*chkder)(int m, int n, const double *x, double *fvec, double *fjac, int ldfjac,
                   double *xp, double *fvecp, int mode, double *err);
    double (*dpmpar)(int i);
    /* From version 2 on; NULL in a build on the system's MINPACK. */
    size_t (*workspace_size)(int m, int n);
    int (*start)(void *workspace, int m, int n, const double *x, double ftol, double xtol,
                 double gtol, int maxfev, double epsfcn, const double *diag, int mode,
                 double factor, int analytic);
    int (*resume)(void *workspace, int flag);
    int (*inspect)(void *workspace, leastsq_view *view);
    int (*difference_point)(const void *workspace, int j, double *point);
    int (*difference_column)(void *workspace, int j, const double *residual);
} leastsq_capi;

/* The table, which lives as long as the interpreter, or NULL with an ImportError set if leastsq is
 * not installed or older than this header. Needs the GIL. */
static inline const leastsq_capi *leastsq_import(void)
{
    const leastsq_capi *capi = (const leastsq_capi *)PyCapsule_Import(LEASTSQ_CAPI_NAME, 0);

    if (capi != NULL && capi->version < LEASTSQ_CAPI_VERSION) {
        PyErr_Format(PyExc_ImportError,
                     "this module needs version %d of leastsq's function table, but the "
                     "installed leastsq has version %d; please upgrade leastsq",
                     LEASTSQ_CAPI_VERSION, capi->version);
        return NULL;
    }
    return capi;
}

#ifdef __cplusplus
}
#endif

#endif
