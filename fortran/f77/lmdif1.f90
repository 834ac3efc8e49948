!> MINPACK-1's lmdif1: lmdif with default options.
recursive subroutine lmdif1(fcn, m, n, x, fvec, tol, info, iwa, wa, lwa)
    use, intrinsic :: iso_c_binding, only: c_loc
    use leastsq_kinds, only: wp
    use leastsq_f77_callbacks, only: f77_residual, residual_context, call_residual
    use leastsq_capi, only: leastsq_lmdif1
    implicit none(type, external)
    procedure(f77_residual) :: fcn     !! user-supplied, as in MINPACK-1
    integer, intent(in) :: m           !! number of residuals, >= n
    integer, intent(in) :: n           !! number of parameters, > 0
    real(wp), intent(inout) :: x(n)    !! initial estimate, then solution
    real(wp), intent(inout) :: fvec(m) !! residual at x
    real(wp), intent(in) :: tol        !! ftol and xtol of the solve, >= 0
    integer, intent(out) :: info       !! exit code
    integer, intent(inout) :: iwa(n)   !! work array
    integer, intent(in) :: lwa         !! length of wa, >= m*n + 5*n + m
    real(wp), intent(inout) :: wa(lwa) !! work array

    type(residual_context), target :: context

    context%fcn => fcn
    info = leastsq_lmdif1(call_residual, c_loc(context), m, n, x, fvec, tol, iwa, wa, lwa)
end subroutine lmdif1
