!> MINPACK-1's qrfac: QR factorisation, optionally with column pivoting.
pure subroutine qrfac(m, n, a, lda, pivot, ipvt, lipvt, rdiag, acnorm, wa)
    use leastsq_kinds, only: wp
    use leastsq_qrfac_module, only: core_qrfac => qrfac
    implicit none(type, external)
    integer, intent(in) :: m              !! rows
    integer, intent(in) :: n              !! columns
    integer, intent(in) :: lda            !! leading dimension, >= m
    real(wp), intent(inout) :: a(lda, n)  !! matrix, then its QR factors
    logical, intent(in) :: pivot          !! whether to pivot columns
    integer, intent(in) :: lipvt          !! length of ipvt: n, or 1 without pivoting
    integer, intent(inout) :: ipvt(lipvt) !! permutation, 1-based
    real(wp), intent(out) :: rdiag(n)     !! diagonal of R
    real(wp), intent(out) :: acnorm(n)    !! column norms of the matrix
    real(wp), intent(out) :: wa(n)        !! work array

    call core_qrfac(m, a, pivot, ipvt, rdiag, acnorm, wa)
end subroutine qrfac
