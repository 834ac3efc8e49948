!> QR factorisation by Householder reflections, with column pivoting.
!>
!> Moré (1978), sec. 3; MINPACK-1 User Guide, ANL-80-74, qrfac; Golub and Van Loan, sec. 5.4.
!> The order of additions is part of the contract: every inner product runs from the first row
!> to the last, and every element is updated by one reflector after the other.
module leastsq_qrfac_module
    use, intrinsic :: iso_c_binding, only: c_int
    use leastsq_kinds, only: wp, machine_epsilon, stack_capacity
    use leastsq_enorm_module, only: enorm, enorm_of_difference, subtract_and_measure, &
                                    column_norms, small_limit, large_limit
    use leastsq_kernels_module, only: index_kind, reflect, finish_row, lane, limits, lane_columns, &
                                      factor_lanes
    implicit none(type, external)
    private

    public :: qrfac, factor, most_lanes, lanes_scratch, factor_together

    real(wp), parameter :: downdate_trust = 0.05_wp  !! recompute when less of the norm is left
    integer, parameter :: most_lanes = 8            !! of a vector of any instruction set
    integer, parameter :: lane_elements = 4096      !! of a matrix, for which lanes pay

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

        real(wp) :: multipliers(stack_capacity), nothing(0)

        call column_norms(m, a, acnorm)
        call factor(m, a, pivot, ipvt, rdiag, acnorm, work, &
                    multipliers(:min(size(a, 2), stack_capacity)), nothing)
    end subroutine qrfac

    !> The factorisation proper, given the column norms; also applies Q^T to one more column.
    !>
    !> Two steps overlap: the pass over the trailing columns that sums for reflector j applies
    !> reflector j - 1 on its way. Row j of R, and so the next pivot, are known after it. Where
    !> there is no room for a multiplier a column, each reflector has a pass of its own.
    pure subroutine factor(m, a, pivot, ipvt, rdiag, acnorm, reference, multipliers, extra)
        integer, intent(in) :: m                          !! rows of the matrix, <= size(a, 1)
        real(wp), intent(inout), contiguous :: a(:, :)    !! matrix, then its factors; (lda, n)
        logical, intent(in) :: pivot                      !! whether columns may be interchanged
        integer, intent(inout), contiguous :: ipvt(:)     !! column j of A P is column ipvt(j) of A
        real(wp), intent(out), contiguous :: rdiag(:)     !! diagonal of R; (n)
        real(wp), intent(in), contiguous :: acnorm(:)     !! norms of the columns of A; (n)
        real(wp), intent(out), contiguous :: reference(:) !! norms last computed afresh; (n)
        real(wp), intent(inout), contiguous :: multipliers(:) !! scratch, see sweep_columns; (n), or
                                                              !! shorter, and extra is empty
        real(wp), intent(inout), contiguous :: extra(:)   !! empty, or m; then n of Q^T extra

        logical :: overlap, pending
        integer :: j, largest

        call prepare(acnorm, pivot, rdiag, reference, ipvt)
        overlap = size(multipliers) >= size(a, 2)
        pending = .false.
        do j = 1, min(m, size(a, 2))
            if (pivot) then
                call bring_largest_forward(j, m, a, ipvt, rdiag, reference, largest)
                if (pending .and. largest /= j) call exchange(multipliers, j, largest)
            end if
            call start_reflector(j, m, pending, a, multipliers, rdiag(j))
            if (rdiag(j) /= 0.0_wp .and. overlap) then
                call sweep_columns(j, m, pending, rdiag(j), a, multipliers, extra)
                call complete_row(j, m, pivot, a(:, j), a(:, j + 1:), multipliers(j + 1:), &
                                  rdiag(j + 1:), reference(j + 1:))
                if (size(extra) > 0) extra(j) = extra(j) - multipliers(j)*a(j, j)
            else if (rdiag(j) /= 0.0_wp) then
                call apply_by_blocks(j, m, pivot, rdiag, a, multipliers, reference)
            else if (pending) then
                call apply_pending(j, m, a, multipliers, extra)
            end if
            pending = rdiag(j) /= 0.0_wp .and. overlap
        end do
    end subroutine factor

    !> Reals of scratch for matrices of one size to be factored together; 0 where that does not pay.
    pure function lanes_scratch(m, n) result(reals)
        integer, intent(in) :: m !! rows
        integer, intent(in) :: n !! columns
        integer :: reals

        reals = 0
        if (n > lane_columns .or. m > lane_elements/(n + 1)) return
        reals = most_lanes*(m*(n + 1) + 1)
    end function lanes_scratch

    !> The factorisation of several matrices, as factor() does it with pivoting and a right-hand
    !> side, and with their column norms. Some may be left as they are, to be factored by factor().
    pure subroutine factor_together(m, n, lanes, scratch)
        integer, intent(in) :: m                          !! rows
        integer, intent(in) :: n                          !! columns
        type(lane), intent(inout), contiguous :: lanes(:) !! the matrices
        real(wp), intent(inout), contiguous :: scratch(:) !! lanes_scratch(m, n)

        call factor_lanes(int(m, index_kind), int(n, index_kind), size(lanes, kind=index_kind), &
                          lanes, limits(small_limit, large_limit, downdate_trust, &
                                        machine_epsilon), scratch)
    end subroutine factor_together

    !> Norms and permutation before the first step.
    pure subroutine prepare(acnorm, pivot, norms, reference, ipvt)
        real(wp), intent(in), contiguous :: acnorm(:)     !! norms of the columns of A; (n)
        logical, intent(in) :: pivot                      !! whether columns may be interchanged
        real(wp), intent(out), contiguous :: norms(:)     !! norms left; (n)
        real(wp), intent(out), contiguous :: reference(:) !! norms last computed afresh; (n)
        integer, intent(inout), contiguous :: ipvt(:)     !! with pivot the identity; (n)

        integer :: j

        norms = acnorm
        reference = acnorm
        if (.not. pivot) return
        do j = 1, size(ipvt)
            ipvt(j) = j
        end do
    end subroutine prepare

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

        integer(c_int) :: extras

        extras = min(size(extra, kind=c_int), 1_c_int)
        call reflect(int(j, index_kind), int(m, index_kind), size(a, 2, index_kind) - j, &
                     merge(1_c_int, 0_c_int, pending), a(:, max(j - 1, 1)), a(:, j), -diagonal, &
                     a(:, j + 1:), size(a, 1, index_kind), multipliers(j + 1 - extras:), extras, &
                     extra)
        multipliers(j + 1 - extras:) = multipliers(j + 1 - extras:)/a(j, j)
    end subroutine sweep_columns

    !> Completes row j of R in some columns and brings the norms of what is left below it up to
    !> date.
    pure subroutine complete_row(j, m, pivot, v, columns, multipliers, norms, reference)
        integer, intent(in) :: j                             !! the row
        integer, intent(in) :: m                             !! rows of the matrix
        logical, intent(in) :: pivot                         !! whether norms are wanted
        real(wp), intent(in), contiguous :: v(:)             !! reflector j, from row j on; (lda)
        real(wp), intent(inout), contiguous :: columns(:, :) !! some columns after j; (lda, k)
        real(wp), intent(in), contiguous :: multipliers(:)   !! of reflector j; at least k
        real(wp), intent(inout), contiguous :: norms(:)      !! norms left; (k)
        real(wp), intent(inout), contiguous :: reference(:)  !! norms last computed afresh; (k)

        integer :: k

        call finish_row(int(j, index_kind), size(columns, 2, index_kind), v(j), columns, &
                        size(columns, 1, index_kind), multipliers, &
                        merge(1_c_int, 0_c_int, pivot), norms, reference, downdate_trust, &
                        machine_epsilon)
        do k = 1, size(columns, 2)
            if (norms(k) >= 0.0_wp) cycle
            norms(k) = enorm_of_difference(columns(j + 1:m, k), multipliers(k), v(j + 1:m))
            reference(k) = norms(k)
        end do
    end subroutine complete_row

    !> Completes reflector j and applies it to the columns after j, as many at a time as there are
    !> multipliers for.
    pure subroutine apply_by_blocks(j, m, pivot, norms, a, multipliers, reference)
        integer, intent(in) :: j                            !! the reflector
        integer, intent(in) :: m                            !! rows of the matrix
        logical, intent(in) :: pivot                        !! whether norms are wanted
        real(wp), intent(inout), contiguous :: norms(:)     !! R(j, j), then norms left; (n)
        real(wp), intent(inout), contiguous :: a(:, :)      !! partly factored matrix; (lda, n)
        real(wp), intent(inout), contiguous :: multipliers(:) !! scratch, not empty
        real(wp), intent(inout), contiguous :: reference(:) !! norms last computed afresh; (n)

        real(wp) :: nothing(0)
        integer :: count, first, k, last

        a(j + 1:m, j) = a(j + 1:m, j)/(-norms(j))
        do first = j + 1, size(a, 2), size(multipliers)
            count = min(size(multipliers), size(a, 2) - first + 1)
            last = first + count - 1
            call reflect(int(j, index_kind), int(m, index_kind), int(count, index_kind), 0_c_int, &
                         a(:, j), a(:, j), 0.0_wp, a(:, first:last), size(a, 1, index_kind), &
                         multipliers, 0_c_int, nothing)
            multipliers(:count) = multipliers(:count)/a(j, j)
            call complete_row(j, m, pivot, a(:, j), a(:, first:last), multipliers, &
                              norms(first:last), reference(first:last))
            do k = first, last
                call subtract(a(j + 1:m, k), multipliers(k - first + 1), a(j + 1:m, j))
            end do
        end do
    end subroutine apply_by_blocks

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

    !> Interchanges column j with the first of those from j on that has the largest norm left.
    pure subroutine bring_largest_forward(j, m, a, ipvt, norms, reference, largest)
        integer, intent(in) :: j                            !! the column to fill
        integer, intent(in) :: m                            !! rows of the matrix
        real(wp), intent(inout), contiguous :: a(:, :)      !! partly factored matrix; (lda, n)
        integer, intent(inout), contiguous :: ipvt(:)       !! permutation so far; (n)
        real(wp), intent(inout), contiguous :: norms(:)     !! norms left, from j on; (n)
        real(wp), intent(inout), contiguous :: reference(:) !! norms last computed afresh; (n)
        integer, intent(out) :: largest                     !! where the column was

        real(wp) :: element
        integer :: i, k

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
        call exchange(norms, j, largest)
        reference(largest) = reference(j)
        k = ipvt(j)
        ipvt(j) = ipvt(largest)
        ipvt(largest) = k
    end subroutine bring_largest_forward

    !> Interchanges two elements.
    pure subroutine exchange(x, j, k)
        real(wp), intent(inout), contiguous :: x(:) !! vector
        integer, intent(in) :: j                    !! index of one
        integer, intent(in) :: k                    !! index of the other

        real(wp) :: element

        element = x(j)
        x(j) = x(k)
        x(k) = element
    end subroutine exchange

end module leastsq_qrfac_module
