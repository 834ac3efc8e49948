!> MINPACK-1's lmpar: Levenberg-Marquardt parameter.
pure subroutine lmpar(n, r, ldr, ipvt, diag, qtb, delta, par, x, sdiag, wa1, wa2)
    use leastsq_kinds, only: wp
    use leastsq_lmpar_module, only: core_lmpar => lmpar
    implicit none(type, external)
    integer, intent(in) :: n             !! order of R
    integer, intent(in) :: ldr           !! leading dimension, >= n
    real(wp), intent(inout) :: r(ldr, n) !! R in upper triangle, S^T below
    integer, intent(in) :: ipvt(n)       !! permutation, 1-based
    real(wp), intent(in) :: diag(n)      !! diagonal of D
    real(wp), intent(in) :: qtb(n)       !! first n elements of Q^T b
    real(wp), intent(in) :: delta        !! step bound, > 0
    real(wp), intent(inout) :: par       !! estimate >= 0, then the parameter
    real(wp), intent(out) :: x(n)        !! solution
    real(wp), intent(inout) :: sdiag(n)  !! diagonal of S
    real(wp), intent(out) :: wa1(n)      !! work array
    real(wp), intent(out) :: wa2(n)      !! work array

    call core_lmpar(r, ipvt, diag, qtb, delta, par, x, sdiag, wa1, wa2)
end subroutine lmpar
