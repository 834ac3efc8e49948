!> MINPACK-1's chkder: a point to compare with, then the comparison.
pure subroutine chkder(m, n, x, fvec, fjac, ldfjac, xp, fvecp, mode, err)
    use leastsq_kinds, only: wp
    use leastsq_capi, only: leastsq_chkder
    implicit none(type, external)
    integer, intent(in) :: m                !! number of residuals
    integer, intent(in) :: n                !! number of parameters
    real(wp), intent(in) :: x(n)            !! point
    real(wp), intent(in) :: fvec(m)         !! mode 2: residual there
    integer, intent(in) :: ldfjac           !! leading dimension, >= m
    real(wp), intent(in) :: fjac(ldfjac, n) !! mode 2: Jacobian there
    real(wp), intent(inout) :: xp(n)        !! mode 1: neighbouring point
    real(wp), intent(in) :: fvecp(m)        !! mode 2: residual at xp
    integer, intent(in) :: mode             !! 1 or 2
    real(wp), intent(inout) :: err(m)       !! mode 2: 1 right, 0 wrong

    call leastsq_chkder(m, n, x, fvec, fjac, ldfjac, xp, fvecp, mode, err)
end subroutine chkder
