!> MINPACK-1's lmder1: lmder with default options.
recursive subroutine lmder1(fcn, m, n, x, fvec, fjac, ldfjac, tol, info, ipvt, wa, lwa)
    use, intrinsic :: iso_c_binding, only: c_loc
    use leastsq_kinds, only: wp
    use leastsq_f77_callbacks, only: f77_jacobian, jacobian_context, call_jacobian
    use leastsq_capi, only: leastsq_lmder1
    implicit none(type, external)
    procedure(f77_jacobian) :: fcn             !! user-supplied, as in MINPACK-1
    integer, intent(in) :: m                   !! number of residuals, >= n
    integer, intent(in) :: n                   !! number of parameters, > 0
    real(wp), intent(inout) :: x(n)            !! initial estimate, then solution
    real(wp), intent(inout) :: fvec(m)         !! residual at x
    integer, intent(in) :: ldfjac              !! leading dimension of fjac, >= m
    real(wp), intent(inout) :: fjac(ldfjac, n) !! QR factors of the last Jacobian
    real(wp), intent(in) :: tol                !! ftol and xtol of the solve, >= 0
    integer, intent(out) :: info               !! exit code
    integer, intent(inout) :: ipvt(n)          !! permutation, 1-based
    integer, intent(in) :: lwa                 !! length of wa, >= 5*n + m
    real(wp), intent(inout) :: wa(lwa)         !! work array

    type(jacobian_context), target :: context

    context%fcn => fcn
    info = leastsq_lmder1(call_jacobian, c_loc(context), m, n, x, fvec, fjac, ldfjac, tol, ipvt, &
                          wa, lwa)
end subroutine lmder1
