!> MINPACK-1's lmder: least squares; Jacobian supplied by the user.
recursive subroutine lmder(fcn, m, n, x, fvec, fjac, ldfjac, ftol, xtol, gtol, maxfev, diag, &
                           mode, factor, nprint, info, nfev, njev, ipvt, qtf, wa1, wa2, wa3, wa4)
    use, intrinsic :: iso_c_binding, only: c_loc
    use leastsq_kinds, only: wp
    use leastsq_f77_callbacks, only: f77_jacobian, jacobian_context, call_jacobian
    use leastsq_capi, only: leastsq_lmder
    implicit none(type, external)
    procedure(f77_jacobian) :: fcn             !! user-supplied, as in MINPACK-1
    integer, intent(in) :: m                   !! number of residuals, >= n
    integer, intent(in) :: n                   !! number of parameters, > 0
    real(wp), intent(inout) :: x(n)            !! initial estimate, then solution
    real(wp), intent(inout) :: fvec(m)         !! residual at x
    integer, intent(in) :: ldfjac              !! leading dimension of fjac, >= m
    real(wp), intent(inout) :: fjac(ldfjac, n) !! QR factors of the last Jacobian
    real(wp), intent(in) :: ftol               !! relative tolerance for sum of squares
    real(wp), intent(in) :: xtol               !! relative tolerance for x
    real(wp), intent(in) :: gtol               !! orthogonality tolerance (cosine)
    integer, intent(in) :: maxfev              !! limit on residual evaluations, > 0
    real(wp), intent(inout) :: diag(n)         !! scale factors; input if mode is 2
    integer, intent(in) :: mode                !! 1: internal scaling; 2: by diag
    real(wp), intent(in) :: factor             !! initial step bound over ||D x||, > 0
    integer, intent(in) :: nprint              !! iterations between reports; 0: none
    integer, intent(out) :: info               !! exit code
    integer, intent(out) :: nfev               !! residual evaluations
    integer, intent(out) :: njev               !! Jacobian evaluations
    integer, intent(inout) :: ipvt(n)          !! permutation, 1-based
    real(wp), intent(inout) :: qtf(n)          !! first n elements of Q^T fvec
    real(wp), intent(inout) :: wa1(n)          !! work array
    real(wp), intent(inout) :: wa2(n)          !! work array
    real(wp), intent(inout) :: wa3(n)          !! work array
    real(wp), intent(inout) :: wa4(m)          !! work array

    type(jacobian_context), target :: context

    context%fcn => fcn
    info = leastsq_lmder(call_jacobian, c_loc(context), m, n, x, fvec, fjac, ldfjac, ftol, xtol, &
                         gtol, maxfev, diag, mode, factor, nprint, nfev, njev, ipvt, qtf, wa1, &
                         wa2, wa3, wa4)
end subroutine lmder
