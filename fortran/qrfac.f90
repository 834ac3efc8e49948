!> QR factorisation by Householder reflections, with column pivoting.
!>
!> Moré (1978), sec. 2; MINPACK-1 User Guide, ANL-80-74, qrfac; Golub and Van Loan, sec. 5.4.
!> The order of additions is part of the contract: every inner product runs from the first row
!> to the last, and every element is updated by one reflector after the other.
module leastsq_qrfac_module
    use leastsq_kinds, only: wp, machine_epsilon
    use leastsq_enorm_module, only: enorm
    implicit none(type, external)
    private

    public :: qrfac, column_norms, factor, apply_reflector

    real(wp), parameter :: downdate_trust = 0.05_wp  !! recompute when less of the norm is left

contains

    !> Factors A P = Q R; on return a holds the reflectors and the strict upper triangle of R.
    pure subroutine qrfac(m, a, pivot, ipvt, rdiag, acnorm, work)
        integer, intent(in) :: m                       !! rows of the matrix, <= size(a, 1)
        real(wp), intent(inout), contiguous :: a(:, :) !! matrix, then its factors; (lda, n)
        logical, intent(in) :: pivot                   !! whether columns may be interchanged
        integer, intent(inout), contiguous :: ipvt(:)  !! column j of A P is column ipvt(j) of A
        real(wp), intent(out), contiguous :: rdiag(:)  !! diagonal of R; (n)
        real(wp), intent(out), contiguous :: acnorm(:) !! norms of the columns of A; (n)
        real(wp), intent(out), contiguous :: work(:)   !! scratch; (n)

        call column_norms(m, a, acnorm)
        call factor(m, a, pivot, ipvt, rdiag, acnorm, work)
    end subroutine qrfac

    !> Euclidean norms of the columns of a matrix.
    pure subroutine column_norms(m, a, acnorm)
        integer, intent(in) :: m                       !! rows of the matrix, <= size(a, 1)
        real(wp), intent(in), contiguous :: a(:, :)    !! matrix; (lda, n)
        real(wp), intent(out), contiguous :: acnorm(:) !! norms; (n)

        integer :: j

        do j = 1, size(a, 2)
            acnorm(j) = enorm(a(:m, j))
        end do
    end subroutine column_norms

    !> The factorisation proper, given the column norms.
    pure subroutine factor(m, a, pivot, ipvt, rdiag, acnorm, reference)
        integer, intent(in) :: m                          !! rows of the matrix, <= size(a, 1)
        real(wp), intent(inout), contiguous :: a(:, :)    !! matrix, then its factors; (lda, n)
        logical, intent(in) :: pivot                      !! whether columns may be interchanged
        integer, intent(inout), contiguous :: ipvt(:)     !! column j of A P is column ipvt(j) of A
        real(wp), intent(out), contiguous :: rdiag(:)     !! diagonal of R; (n)
        real(wp), intent(in), contiguous :: acnorm(:)     !! norms of the columns of A; (n)
        real(wp), intent(out), contiguous :: reference(:) !! norms last computed afresh; (n)

        integer :: j, k, n

        n = size(a, 2)
        rdiag = acnorm
        reference = acnorm
        if (pivot) call set_identity(ipvt)
        do j = 1, min(m, n)
            if (pivot) call bring_largest_forward(j, m, a, ipvt, rdiag, reference)
            call make_reflector(a(j:m, j), rdiag(j))
            if (rdiag(j) == 0.0_wp) cycle
            do k = j + 1, n
                call apply_reflector(a(j:m, j), a(j:m, k))
                if (pivot) call downdate_norm(a(j:m, k), rdiag(k), reference(k))
            end do
        end do
    end subroutine factor

    !> The permutation that leaves everything in place.
    pure subroutine set_identity(ipvt)
        integer, intent(out), contiguous :: ipvt(:) !! permutation; (n)

        integer :: j

        do j = 1, size(ipvt)
            ipvt(j) = j
        end do
    end subroutine set_identity

    !> Interchanges column j with the first of those from j on that has the largest norm left.
    pure subroutine bring_largest_forward(j, m, a, ipvt, norms, reference)
        integer, intent(in) :: j                            !! the column to fill
        integer, intent(in) :: m                            !! rows of the matrix
        real(wp), intent(inout), contiguous :: a(:, :)      !! partly factored matrix; (lda, n)
        integer, intent(inout), contiguous :: ipvt(:)       !! permutation so far; (n)
        real(wp), intent(inout), contiguous :: norms(:)     !! norms left, from j on; (n)
        real(wp), intent(inout), contiguous :: reference(:) !! norms last computed afresh; (n)

        real(wp) :: element
        integer :: i, k, largest

        largest = j
        do k = j + 1, size(a, 2)
            if (norms(k) > norms(largest)) largest = k
        end do
        if (largest == j) return
        do i = 1, m
            element = a(i, j)
            a(i, j) = a(i, largest)
            a(i, largest) = element
        end do
        norms(largest) = norms(j)
        reference(largest) = reference(j)
        k = ipvt(j)
        ipvt(j) = ipvt(largest)
        ipvt(largest) = k
    end subroutine bring_largest_forward

    !> Overwrites a column with the reflector that maps it to a multiple of the first unit vector.
    pure subroutine make_reflector(v, diagonal)
        real(wp), intent(inout), contiguous :: v(:) !! column, then reflector with v(1) >= 1
        real(wp), intent(out) :: diagonal           !! the multiple: minus the signed norm

        real(wp) :: norm

        norm = enorm(v)
        if (norm /= 0.0_wp) then
            if (v(1) < 0.0_wp) norm = -norm
            v = v/norm
            v(1) = v(1) + 1.0_wp
        end if
        diagonal = -norm
    end subroutine make_reflector

    !> Applies I - v v^T / v(1) to a vector.
    pure subroutine apply_reflector(v, y)
        real(wp), intent(in), contiguous :: v(:)    !! reflector, v(1) not zero
        real(wp), intent(inout), contiguous :: y(:) !! vector of the same length

        real(wp) :: total
        integer :: i

        total = 0.0_wp
        do i = 1, size(v)
            total = total + v(i)*y(i)
        end do
        total = total/v(1)
        do i = 1, size(v)
            y(i) = y(i) - total*v(i)
        end do
    end subroutine apply_reflector

    !> Norm of a column below its first row, from its norm with it, or afresh where digits are lost.
    pure subroutine downdate_norm(column, norm, reference)
        real(wp), intent(in), contiguous :: column(:) !! first row is the one that leaves
        real(wp), intent(inout) :: norm               !! with the first row, then without it
        real(wp), intent(inout) :: reference          !! norm last computed afresh

        real(wp) :: remaining

        if (norm == 0.0_wp) return
        remaining = 1.0_wp - (column(1)/norm)**2
        if (remaining < 0.0_wp) remaining = 0.0_wp
        norm = norm*sqrt(remaining)
        if (downdate_trust*(norm/reference)**2 <= machine_epsilon) then
            norm = enorm(column(2:))
            reference = norm
        end if
    end subroutine downdate_norm

end module leastsq_qrfac_module
