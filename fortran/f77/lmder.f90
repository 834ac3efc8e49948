!> MINPACK-1's lmder: least squares, Jacobian by the user.
recursive subroutine lmder(fcn, m, n, x, fvec, fjac, ldfjac, ftol, xtol, gtol, maxfev, diag, &
                           mode, factor, nprint, info, nfev, njev, ipvt, qtf, wa1, wa2, wa3, wa4)
    use, intrinsic :: iso_c_binding, only: c_loc
    use leastsq_kinds, only: wp
    use leastsq_f77_callbacks, only: f77_jacobian, jacobian_context, call_jacobian
    use leastsq_capi, only: leastsq_lmder
    implicit none(type, external)
    procedure(f77_jacobian) :: fcn             !! the user's, as in MINPACK-1
    integer, intent(in) :: m                   !! number of residuals, >= n
    integer, intent(in) :: n                   !! number of parameters, > 0
    real(wp), intent(inout) :: x(n)            !! start, then solution
    real(wp), intent(inout) :: fvec(m)         !! residual at x
    integer, intent(in) :: ldfjac              !! leading dimension of fjac, >= m
    real(wp), intent(inout) :: fjac(ldfjac, n) !! factors of the last Jacobian
    real(wp), intent(in) :: ftol               !! reduction of the sum to stop at
    real(wp), intent(in) :: xtol               !! relative error of x to stop at
    real(wp), intent(in) :: gtol               !! cosine to stop at
    integer, intent(in) :: maxfev              !! evaluations to stop at, > 0
    real(wp), intent(inout) :: diag(n)         !! scaling; the user's if mode is 2
    integer, intent(in) :: mode                !! 2: diag is given; 1: it is not
    real(wp), intent(in) :: factor             !! first step bound over ||D x||, > 0
    integer, intent(in) :: nprint              !! iterations between reports, or 0
    integer, intent(out) :: info               !! exit code
    integer, intent(out) :: nfev               !! residual evaluations
    integer, intent(out) :: njev               !! Jacobian evaluations
    integer, intent(inout) :: ipvt(n)          !! permutation, from 1
    real(wp), intent(inout) :: qtf(n)          !! first n elements of Q^T fvec
    real(wp), intent(inout) :: wa1(n)          !! scratch
    real(wp), intent(inout) :: wa2(n)          !! scratch
    real(wp), intent(inout) :: wa3(n)          !! scratch
    real(wp), intent(inout) :: wa4(m)          !! scratch

    type(jacobian_context), target :: context

    context%fcn => fcn
    info = leastsq_lmder(call_jacobian, c_loc(context), m, n, x, fvec, fjac, ldfjac, ftol, xtol, &
                         gtol, maxfev, diag, mode, factor, nprint, nfev, njev, ipvt, qtf, wa1, &
                         wa2, wa3, wa4)
end subroutine lmder
