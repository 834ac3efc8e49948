!> MINPACK-1's chkder: chooses a neighbouring point xp (mode 1), then compares (mode 2).
pure subroutine chkder(m, n, x, fvec, fjac, ldfjac, xp, fvecp, mode, err)
    use leastsq_kinds, only: wp
    use leastsq_capi, only: leastsq_chkder
    implicit none(type, external)
    integer, intent(in) :: m                !! number of residuals
    integer, intent(in) :: n                !! number of parameters
    real(wp), intent(in) :: x(n)            !! where to check
    real(wp), intent(in) :: fvec(m)         !! mode 2: residual at x
    integer, intent(in) :: ldfjac           !! leading dimension, >= m
    real(wp), intent(in) :: fjac(ldfjac, n) !! mode 2: Jacobian at x
    real(wp), intent(inout) :: xp(n)        !! mode 1: neighbouring point
    real(wp), intent(in) :: fvecp(m)        !! mode 2: residual at xp
    integer, intent(in) :: mode             !! 1 or 2
    real(wp), intent(inout) :: err(m)       !! mode 2: 1 consistent, 0 inconsistent

    call leastsq_chkder(m, n, x, fvec, fjac, ldfjac, xp, fvecp, mode, err)
end subroutine chkder
