!> QR factorisation by Householder reflections, with column pivoting.
!>
!> Moré (1978), sec. 3; MINPACK-1 User Guide, ANL-80-74, qrfac; Golub and Van Loan, sec. 5.4.
!> The order of additions is part of the contract: every inner product runs from the first row
!> to the last, and every element is updated by one reflector after the other.
module leastsq_qrfac_module
    use, intrinsic :: iso_c_binding, only: c_int
    use leastsq_kinds, only: wp, machine_epsilon
    use leastsq_enorm_module, only: enorm, enorm_of_difference, subtract_and_measure, column_norms
    use leastsq_kernels_module, only: index_kind, reflect, finish_row
    implicit none(type, external)
    private

    public :: qrfac, factor

    real(wp), parameter :: downdate_trust = 0.05_wp  !! recompute when less of the norm is left
    integer, parameter :: room = 512  !! multipliers that are kept on the stack

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

        real(wp) :: multipliers(room), nothing(0)

        call column_norms(m, a, acnorm)
        if (size(a, 2) <= room) then
            call factor(m, a, pivot, ipvt, rdiag, acnorm, work, multipliers(:size(a, 2)), nothing)
        else
            call factor_with_heap(m, a, pivot, ipvt, rdiag, acnorm, work)
        end if
    end subroutine qrfac

    !> The factorisation proper with room of its own for the multipliers.
    pure subroutine factor_with_heap(m, a, pivot, ipvt, rdiag, acnorm, reference)
        integer, intent(in) :: m                          !! rows of the matrix, <= size(a, 1)
        real(wp), intent(inout), contiguous :: a(:, :)    !! matrix, then its factors; (lda, n)
        logical, intent(in) :: pivot                      !! whether columns may be interchanged
        integer, intent(inout), contiguous :: ipvt(:)     !! column j of A P is column ipvt(j) of A
        real(wp), intent(out), contiguous :: rdiag(:)     !! diagonal of R; (n)
        real(wp), intent(in), contiguous :: acnorm(:)     !! norms of the columns of A; (n)
        real(wp), intent(out), contiguous :: reference(:) !! norms last computed afresh; (n)

        real(wp) :: multipliers(size(a, 2)), nothing(0)

        call factor(m, a, pivot, ipvt, rdiag, acnorm, reference, multipliers, nothing)
    end subroutine factor_with_heap

    !> The factorisation proper, given the column norms; also applies Q^T to one more column.
    !>
    !> Two steps overlap: the pass over the trailing columns that sums for reflector j applies
    !> reflector j - 1 on its way. Row j of R, and so the next pivot, are known after it.
    pure subroutine factor(m, a, pivot, ipvt, rdiag, acnorm, reference, multipliers, extra)
        integer, intent(in) :: m                          !! rows of the matrix, <= size(a, 1)
        real(wp), intent(inout), contiguous :: a(:, :)    !! matrix, then its factors; (lda, n)
        logical, intent(in) :: pivot                      !! whether columns may be interchanged
        integer, intent(inout), contiguous :: ipvt(:)     !! column j of A P is column ipvt(j) of A
        real(wp), intent(out), contiguous :: rdiag(:)     !! diagonal of R; (n)
        real(wp), intent(in), contiguous :: acnorm(:)     !! norms of the columns of A; (n)
        real(wp), intent(out), contiguous :: reference(:) !! norms last computed afresh; (n)
        real(wp), intent(inout), contiguous :: multipliers(:) !! scratch, see sweep_columns; (n)
        real(wp), intent(inout), contiguous :: extra(:)   !! empty, or m; then n of Q^T extra

        logical :: pending
        integer :: j

        rdiag = acnorm
        reference = acnorm
        if (pivot) call set_identity(ipvt)
        pending = .false.
        do j = 1, min(m, size(a, 2))
            if (pivot) call bring_largest_forward(j, m, a, ipvt, rdiag, reference, multipliers)
            call start_reflector(j, m, pending, a, multipliers, rdiag(j))
            if (rdiag(j) /= 0.0_wp) then
                call sweep_columns(j, m, pending, rdiag(j), a, multipliers, extra)
                call complete_row(j, m, pivot, a, multipliers, rdiag, reference, extra)
            else if (pending) then
                call apply_pending(j, m, a, multipliers, extra)
            end if
            pending = rdiag(j) /= 0.0_wp
        end do
    end subroutine factor

    !> Brings column j up to date and makes the first number of its reflector.
    !>
    !> A reflector is the column over its signed norm, with one added to its first number.
    pure subroutine start_reflector(j, m, pending, a, multipliers, diagonal)
        integer, intent(in) :: j                              !! the reflector
        integer, intent(in) :: m                              !! rows of the matrix
        logical, intent(in) :: pending                        !! whether reflector j - 1 is to apply
        real(wp), intent(inout), contiguous :: a(:, :)        !! partly factored matrix; (lda, n)
        real(wp), intent(inout), contiguous :: multipliers(:) !! of reflector j - 1; (n)
        real(wp), intent(inout) :: diagonal                   !! norm left, then R(j, j)

        real(wp) :: norm

        if (pending) then
            call subtract_and_measure(multipliers(j), a(j:m, j - 1), a(j:m, j), norm)
            multipliers(j) = multipliers(j - 1)
        else if (j == 1) then  ! later norms left are estimates: their bits are not the norm's
            norm = diagonal
        else
            norm = enorm(a(j:m, j))
        end if
        if (norm /= 0.0_wp) then
            if (a(j, j) < 0.0_wp) norm = -norm
            a(j, j) = a(j, j)/norm + 1.0_wp
        end if
        diagonal = -norm
    end subroutine start_reflector

    !> Completes reflector j, applies reflector j - 1 to the columns after j, and finds the
    !> multipliers of reflector j: multipliers(k) for column k, multipliers(j) for the extra one.
    pure subroutine sweep_columns(j, m, pending, diagonal, a, multipliers, extra)
        integer, intent(in) :: j                              !! the reflector to sum for
        integer, intent(in) :: m                              !! rows of the matrix
        logical, intent(in) :: pending                        !! whether there is one to apply
        real(wp), intent(in) :: diagonal                      !! R(j, j)
        real(wp), intent(inout), contiguous :: a(:, :)        !! partly factored matrix; (lda, n)
        real(wp), intent(inout), contiguous :: multipliers(:) !! of reflector j - 1, then of j; (n)
        real(wp), intent(inout), contiguous :: extra(:)       !! empty, or one more column

        call reflect(int(j, index_kind), int(m, index_kind), size(a, 2, index_kind), &
                     merge(1_c_int, 0_c_int, pending), -diagonal, a, size(a, 1, index_kind), &
                     multipliers, min(size(extra, kind=c_int), 1_c_int), extra)
        multipliers(j:) = multipliers(j:)/a(j, j)
    end subroutine sweep_columns

    !> Completes row j of R and brings the norms of what is left below it up to date.
    pure subroutine complete_row(j, m, pivot, a, multipliers, norms, reference, extra)
        integer, intent(in) :: j                            !! the row
        integer, intent(in) :: m                            !! rows of the matrix
        logical, intent(in) :: pivot                        !! whether norms are wanted
        real(wp), intent(inout), contiguous :: a(:, :)      !! partly factored matrix; (lda, n)
        real(wp), intent(in), contiguous :: multipliers(:)  !! of reflector j; (n)
        real(wp), intent(inout), contiguous :: norms(:)     !! norms left, from j + 1 on; (n)
        real(wp), intent(inout), contiguous :: reference(:) !! norms last computed afresh; (n)
        real(wp), intent(inout), contiguous :: extra(:)     !! empty, or one more column

        integer :: k

        call finish_row(int(j, index_kind), size(a, 2, index_kind), a, size(a, 1, index_kind), &
                        multipliers, merge(1_c_int, 0_c_int, pivot), norms, reference, &
                        downdate_trust, machine_epsilon)
        do k = j + 1, size(a, 2)
            if (norms(k) >= 0.0_wp) cycle
            norms(k) = enorm_of_difference(a(j + 1:m, k), multipliers(k), a(j + 1:m, j))
            reference(k) = norms(k)
        end do
        if (size(extra) > 0) extra(j) = extra(j) - multipliers(j)*a(j, j)
    end subroutine complete_row

    !> Applies reflector j - 1 where there is no reflector j to sum for.
    pure subroutine apply_pending(j, m, a, multipliers, extra)
        integer, intent(in) :: j                           !! the step without a reflector
        integer, intent(in) :: m                           !! rows of the matrix
        real(wp), intent(inout), contiguous :: a(:, :)     !! partly factored matrix; (lda, n)
        real(wp), intent(in), contiguous :: multipliers(:) !! of reflector j - 1; (n)
        real(wp), intent(inout), contiguous :: extra(:)    !! empty, or one more column

        integer :: k

        do k = j + 1, size(a, 2)
            call subtract(a(j:m, k), multipliers(k), a(j:m, j - 1))
        end do
        if (size(extra) > 0) call subtract(extra(j:m), multipliers(j), a(j:m, j - 1))
    end subroutine apply_pending

    !> Subtracts a multiple of one vector from another.
    pure subroutine subtract(y, multiplier, v)
        real(wp), intent(inout), contiguous :: y(:) !! vector, then y - multiplier*v
        real(wp), intent(in) :: multiplier          !! of v
        real(wp), intent(in), contiguous :: v(:)    !! vector of the same length

        y = y - multiplier*v
    end subroutine subtract

    !> The permutation that leaves everything in place.
    pure subroutine set_identity(ipvt)
        integer, intent(out), contiguous :: ipvt(:) !! permutation; (n)

        integer :: j

        do j = 1, size(ipvt)
            ipvt(j) = j
        end do
    end subroutine set_identity

    !> Interchanges column j with the first of those from j on that has the largest norm left.
    pure subroutine bring_largest_forward(j, m, a, ipvt, norms, reference, multipliers)
        integer, intent(in) :: j                            !! the column to fill
        integer, intent(in) :: m                            !! rows of the matrix
        real(wp), intent(inout), contiguous :: a(:, :)      !! partly factored matrix; (lda, n)
        integer, intent(inout), contiguous :: ipvt(:)       !! permutation so far; (n)
        real(wp), intent(inout), contiguous :: norms(:)     !! norms left, from j on; (n)
        real(wp), intent(inout), contiguous :: reference(:) !! norms last computed afresh; (n)
        real(wp), intent(inout), contiguous :: multipliers(:) !! of the pending reflector; (n)

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
        element = norms(j)
        norms(j) = norms(largest)
        norms(largest) = element
        reference(largest) = reference(j)
        element = multipliers(j)
        multipliers(j) = multipliers(largest)
        multipliers(largest) = element
        k = ipvt(j)
        ipvt(j) = ipvt(largest)
        ipvt(largest) = k
    end subroutine bring_largest_forward

end module leastsq_qrfac_module
