!> MINPACK-1's qrsolv: least-squares solution of A x = b, D x = 0 from A's QR factors.
pure subroutine qrsolv(n, r, ldr, ipvt, diag, qtb, x, sdiag, wa)
    use leastsq_kinds, only: wp
    use leastsq_qrsolv_module, only: core_qrsolv => qrsolv
    implicit none(type, external)
    integer, intent(in) :: n             !! order of R
    integer, intent(in) :: ldr           !! leading dimension, >= n
    real(wp), intent(inout) :: r(ldr, n) !! R in upper triangle, S^T below
    integer, intent(in) :: ipvt(n)       !! permutation, 1-based
    real(wp), intent(in) :: diag(n)      !! diagonal of D
    real(wp), intent(in) :: qtb(n)       !! first n elements of Q^T b
    real(wp), intent(out) :: x(n)        !! solution
    real(wp), intent(inout) :: sdiag(n)  !! diagonal of S
    real(wp), intent(out) :: wa(n)       !! work array

    call core_qrsolv(r, ipvt, diag, qtb, x, sdiag, wa)
end subroutine qrsolv
