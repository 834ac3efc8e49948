!> MINPACK-1's qrfac: QR factorisation.
pure subroutine qrfac(m, n, a, lda, pivot, ipvt, lipvt, rdiag, acnorm, wa)
    use leastsq_kinds, only: wp
    use leastsq_qrfac_module, only: core_qrfac => qrfac
    implicit none(type, external)
    integer, intent(in) :: m              !! rows
    integer, intent(in) :: n              !! columns
    integer, intent(in) :: lda            !! leading dimension, >= m
    real(wp), intent(inout) :: a(lda, n)  !! matrix, then its factors
    logical, intent(in) :: pivot          !! whether to interchange columns
    integer, intent(in) :: lipvt          !! length of ipvt: n, or 1 without pivoting
    integer, intent(inout) :: ipvt(lipvt) !! permutation, from 1
    real(wp), intent(out) :: rdiag(n)     !! diagonal of R
    real(wp), intent(out) :: acnorm(n)    !! norms of the columns
    real(wp), intent(out) :: wa(n)        !! scratch

    call core_qrfac(m, a, pivot, ipvt, rdiag, acnorm, wa)
end subroutine qrfac
