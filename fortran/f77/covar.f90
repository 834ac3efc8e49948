!> MINPACK-1's covar: (J^T J)^-1, the covariance matrix without the residual variance.
pure subroutine covar(n, r, ldr, ipvt, tol, wa)
    use leastsq_kinds, only: wp
    use leastsq_covar_module, only: core_covar => covar
    implicit none(type, external)
    integer, intent(in) :: n             !! order of R
    integer, intent(in) :: ldr           !! leading dimension, >= n
    real(wp), intent(inout) :: r(ldr, n) !! R, then the covariance matrix
    integer, intent(in) :: ipvt(n)       !! permutation, 1-based
    real(wp), intent(in) :: tol          !! rank ends at |r(k,k)| <= tol*|r(1,1)|
    real(wp), intent(out) :: wa(n)       !! work array

    call core_covar(r, ipvt, tol, wa)
end subroutine covar
