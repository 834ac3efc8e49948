!> MINPACK-1's covar: covariance matrix up to the residual variance.
pure subroutine covar(n, r, ldr, ipvt, tol, wa)
    use leastsq_kinds, only: wp
    use leastsq_covar_module, only: core_covar => covar
    implicit none(type, external)
    integer, intent(in) :: n             !! order
    integer, intent(in) :: ldr           !! leading dimension, >= n
    real(wp), intent(inout) :: r(ldr, n) !! R, then the covariance
    integer, intent(in) :: ipvt(n)       !! permutation, from 1
    real(wp), intent(in) :: tol          !! diagonal that counts as zero, over |r(1,1)|
    real(wp), intent(out) :: wa(n)       !! scratch

    call core_covar(r, ipvt, tol, wa)
end subroutine covar
