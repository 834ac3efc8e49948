!> MINPACK-1's fdjac2: forward-difference Jacobian.
recursive subroutine fdjac2(fcn, m, n, x, fvec, fjac, ldfjac, iflag, epsfcn, wa)
    use, intrinsic :: iso_c_binding, only: c_loc
    use leastsq_kinds, only: wp
    use leastsq_f77_callbacks, only: f77_residual, residual_context, call_residual
    use leastsq_fdjac2_module, only: core_fdjac2 => fdjac2
    implicit none(type, external)
    procedure(f77_residual) :: fcn             !! user-supplied, as in MINPACK-1
    integer, intent(in) :: m                   !! number of residuals, >= n
    integer, intent(in) :: n                   !! number of parameters, > 0
    real(wp), intent(inout) :: x(n)            !! where to differentiate, restored
    real(wp), intent(in) :: fvec(m)            !! residual at x
    integer, intent(in) :: ldfjac              !! leading dimension of fjac, >= m
    real(wp), intent(inout) :: fjac(ldfjac, n) !! Jacobian
    integer, intent(inout) :: iflag            !! passed to fcn; negative: terminated
    real(wp), intent(in) :: epsfcn             !! relative error of the residual
    real(wp), intent(inout) :: wa(m)           !! work array

    type(residual_context), target :: context

    context%fcn => fcn
    iflag = core_fdjac2(call_residual, c_loc(context), x, fvec, fjac, iflag, &
                        epsfcn, wa)
end subroutine fdjac2
