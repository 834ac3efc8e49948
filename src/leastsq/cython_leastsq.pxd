# The C API for Cython: `from leastsq cimport cython_leastsq`. Nothing is linked and no header is
# needed; the functions come from the installed package when the module is imported. leastsq.h
# documents them. Matrices are column-major, ipvt counts from 1.

ctypedef int (*leastsq_func_mn)(
    void *p, int m, int n, const double *x, double *fvec, int iflag) noexcept nogil

ctypedef int (*leastsq_funcder_mn)(
    void *p, int m, int n, const double *x, double *fvec, double *fjac, int ldfjac,
    int iflag) noexcept nogil

cdef int leastsq_lmdif(
    leastsq_func_mn fcn, void *p, int m, int n, double *x, double *fvec, double ftol, double xtol,
    double gtol, int maxfev, double epsfcn, double *diag, int mode, double factor, int nprint,
    int *nfev, double *fjac, int ldfjac, int *ipvt, double *qtf, double *wa1, double *wa2,
    double *wa3, double *wa4) noexcept nogil

cdef int leastsq_lmder(
    leastsq_funcder_mn fcn, void *p, int m, int n, double *x, double *fvec, double *fjac,
    int ldfjac, double ftol, double xtol, double gtol, int maxfev, double *diag, int mode,
    double factor, int nprint, int *nfev, int *njev, int *ipvt, double *qtf, double *wa1,
    double *wa2, double *wa3, double *wa4) noexcept nogil

cdef int leastsq_lmdif1(
    leastsq_func_mn fcn, void *p, int m, int n, double *x, double *fvec, double tol, int *iwa,
    double *wa, int lwa) noexcept nogil

cdef int leastsq_lmder1(
    leastsq_funcder_mn fcn, void *p, int m, int n, double *x, double *fvec, double *fjac,
    int ldfjac, double tol, int *ipvt, double *wa, int lwa) noexcept nogil

cdef double leastsq_enorm(int n, const double *x) noexcept nogil

cdef void leastsq_qrfac(
    int m, int n, double *a, int lda, int pivot, int *ipvt, int lipvt, double *rdiag,
    double *acnorm, double *wa) noexcept nogil

cdef void leastsq_qrsolv(
    int n, double *r, int ldr, const int *ipvt, const double *diag, const double *qtb, double *x,
    double *sdiag, double *wa) noexcept nogil

cdef void leastsq_lmpar(
    int n, double *r, int ldr, const int *ipvt, const double *diag, const double *qtb,
    double delta, double *par, double *x, double *sdiag, double *wa1, double *wa2) noexcept nogil

cdef int leastsq_fdjac2(
    leastsq_func_mn fcn, void *p, int m, int n, double *x, const double *fvec, double *fjac,
    int ldfjac, double epsfcn, double *wa) noexcept nogil

cdef void leastsq_covar(
    int n, double *r, int ldr, const int *ipvt, double tol, double *wa) noexcept nogil

cdef void leastsq_chkder(
    int m, int n, const double *x, double *fvec, double *fjac, int ldfjac, double *xp,
    double *fvecp, int mode, double *err) noexcept nogil

cdef double leastsq_dpmpar(int i) noexcept nogil

# Reverse communication; a build on the system's MINPACK does not have it.

ctypedef struct leastsq_view:
    int request
    int info
    int nfev
    int njev
    int iteration
    int missing
    int m
    int n
    const double *point
    double *residual
    double *jacobian
    const double *x
    const double *fvec
    const double *fjac
    const double *diag
    const double *qtf
    const int *ipvt
    const int *given

cdef size_t leastsq_workspace_size(int m, int n) noexcept nogil

cdef int leastsq_start(
    void *workspace, int m, int n, const double *x, double ftol, double xtol, double gtol,
    int maxfev, double epsfcn, const double *diag, int mode, double factor,
    int analytic) noexcept nogil

cdef int leastsq_resume(void *workspace, int flag) noexcept nogil

cdef int leastsq_inspect(void *workspace, leastsq_view *view) noexcept nogil

cdef int leastsq_difference_point(const void *workspace, int j, double *point) noexcept nogil

cdef int leastsq_difference_column(void *workspace, int j, const double *residual) noexcept nogil
