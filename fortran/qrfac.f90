!> QR factorisation by Householder reflections, with column pivoting.
!>
!> Moré (1978), sec. 3; MINPACK-1 User Guide, ANL-80-74, qrfac; Golub and Van Loan, sec. 5.4.
!> The partial norm of a column is that of its rows below the last one completed; it is downdated
!> row by row. The exact norm is the last one computed from the elements (vn1 and vn2 in
!> LAPACK's dgeqp3).
!> The order of additions is part of the contract: every inner product runs from the first row
!> to the last, and the reflectors are applied to every element in order.
module leastsq_qrfac_module
    use, intrinsic :: iso_c_binding, only: c_int
    use leastsq_kinds, only: wp, machine_epsilon, stack_capacity
    use leastsq_enorm_module, only: enorm, enorm_of_difference, subtract_with_norm, &
                                    column_norms, small_limit, large_limit
    use leastsq_kernels_module, only: index_kind, reflect, finish_row, lane, limits, lane_columns, &
                                      factor_lanes
    implicit none(type, external)
    private

    public :: qrfac, householder_qr, max_lanes, lanes_work_size, householder_qr_in_lanes

    !> A partial column norm is recomputed where downdate_trust*(partial/exact)**2 <= epsilon.
    real(wp), parameter :: downdate_trust = 0.05_wp
    integer, parameter :: max_lanes = 8            !! lanes of a vector, any instruction set
    integer, parameter :: max_lane_elements = 4096 !! in larger matrices lanes are no faster

contains

    !> Factors A P = Q R; on return a holds the reflectors and the strict upper triangle of R.
    pure subroutine qrfac(m, a, pivot, ipvt, rdiag, acnorm, work)
        integer, intent(in) :: m                       !! rows of the matrix, <= size(a, 1)
        real(wp), intent(inout), contiguous :: a(:, :) !! matrix, then its QR factors; (lda, n)
        logical, intent(in) :: pivot                   !! whether to pivot columns
        integer, intent(inout), contiguous :: ipvt(:)  !! column j of A P is column ipvt(j) of A
        real(wp), intent(out), contiguous :: rdiag(:)  !! diagonal of R; (n)
        real(wp), intent(out), contiguous :: acnorm(:) !! column norms of A; (n)
        real(wp), intent(out), contiguous :: work(:)   !! work array; (n)

        real(wp) :: multipliers(stack_capacity), no_rhs(0)

        call column_norms(m, a, acnorm)
        call householder_qr(m, a, pivot, ipvt, rdiag, acnorm, work, &
                            multipliers(:min(size(a, 2), stack_capacity)), no_rhs)
    end subroutine qrfac

    !> The factorisation, given the column norms; also applies Q^T to a right-hand side.
    !>
    !> Two steps overlap: one pass over the trailing columns applies reflector j - 1 and computes
    !> the inner products with reflector j. Row j of R, and with it the next pivot, are known after
    !> the pass. Where multipliers has less than n elements, each reflector has its own pass.
    pure subroutine householder_qr(m, a, pivot, ipvt, rdiag, acnorm, exact_norms, multipliers, rhs)
        integer, intent(in) :: m                              !! rows of A, <= size(a, 1)
        real(wp), intent(inout), contiguous :: a(:, :)        !! A, then its QR factors; (lda, n)
        logical, intent(in) :: pivot                          !! whether to pivot columns
        integer, intent(inout), contiguous :: ipvt(:)         !! permutation P, see qrfac; (n)
        real(wp), intent(out), contiguous :: rdiag(:)         !! partial norms, then diagonal of R
        real(wp), intent(in), contiguous :: acnorm(:)         !! column norms of A; (n)
        real(wp), intent(out), contiguous :: exact_norms(:)   !! exact column norms; (n)
        real(wp), intent(inout), contiguous :: multipliers(:) !! work array, see sweep_columns; (n),
                                                              !! shorter only if rhs is empty
        real(wp), intent(inout), contiguous :: rhs(:)         !! right-hand side, then Q^T rhs in
                                                              !! elements 1 to n; (m), or empty

        logical :: overlap, pending
        integer :: j, largest

        call start_norms(acnorm, pivot, rdiag, exact_norms, ipvt)
        overlap = size(multipliers) >= size(a, 2)
        pending = .false.
        do j = 1, min(m, size(a, 2))
            if (pivot) then
                call pivot_column(j, m, a, ipvt, rdiag, exact_norms, largest)
                if (pending .and. largest /= j) call exchange_elements(multipliers, j, largest)
            end if
            call start_reflector(j, m, pending, a, multipliers, rdiag(j))
            if (rdiag(j) /= 0.0_wp .and. overlap) then
                call sweep_columns(j, m, pending, rdiag(j), a, multipliers, rhs)
                call complete_row(j, m, pivot, a(:, j), a(:, j + 1:), multipliers(j + 1:), &
                                  rdiag(j + 1:), exact_norms(j + 1:))
                if (size(rhs) > 0) rhs(j) = rhs(j) - multipliers(j)*a(j, j)
            else if (rdiag(j) /= 0.0_wp) then
                call apply_by_blocks(j, m, pivot, rdiag, a, multipliers, exact_norms)
            else if (pending) then
                call apply_pending(j, m, a, multipliers, rhs)
            end if
            pending = rdiag(j) /= 0.0_wp .and. overlap
        end do
    end subroutine householder_qr

    !> Size of the work array of householder_qr_in_lanes, in reals; 0 where it would not be faster.
    pure function lanes_work_size(m, n) result(reals)
        integer, intent(in) :: m !! rows
        integer, intent(in) :: n !! columns
        integer :: reals

        reals = 0
        if (n > lane_columns .or. m > max_lane_elements/(n + 1)) return
        reals = max_lanes*(m*(n + 1) + 1)
    end function lanes_work_size

    !> Column norms and householder_qr, with pivoting and a right-hand side, of several matrices, a
    !> matrix in each lane of a vector. Where lane%factored is 0 on return, the matrix is unchanged
    !> and left to householder_qr.
    pure subroutine householder_qr_in_lanes(m, n, lanes, work)
        integer, intent(in) :: m                          !! rows
        integer, intent(in) :: n                          !! columns
        type(lane), intent(inout), contiguous :: lanes(:) !! the matrices
        real(wp), intent(inout), contiguous :: work(:)    !! work array; (lanes_work_size(m, n))

        call factor_lanes(int(m, index_kind), int(n, index_kind), size(lanes, kind=index_kind), &
                          lanes, limits(small_limit, large_limit, downdate_trust, &
                                        machine_epsilon), work)
    end subroutine householder_qr_in_lanes

    !> Column norms and permutation before the first step.
    pure subroutine start_norms(acnorm, pivot, partial_norms, exact_norms, ipvt)
        real(wp), intent(in), contiguous :: acnorm(:)         !! column norms of A; (n)
        logical, intent(in) :: pivot                          !! whether to pivot columns
        real(wp), intent(out), contiguous :: partial_norms(:) !! partial column norms; (n)
        real(wp), intent(out), contiguous :: exact_norms(:)   !! exact column norms; (n)
        integer, intent(inout), contiguous :: ipvt(:)         !! with pivot: the identity; (n)

        integer :: j

        partial_norms = acnorm
        exact_norms = acnorm
        if (.not. pivot) return
        do j = 1, size(ipvt)
            ipvt(j) = j
        end do
    end subroutine start_norms

    !> Applies reflector j - 1 to column j and computes R(j, j) and the leading element of reflector
    !> j.
    !>
    !> A reflector is the column divided by its norm, which takes the sign of the leading element;
    !> then one is added to the leading element.
    pure subroutine start_reflector(j, m, pending, a, multipliers, diagonal)
        integer, intent(in) :: j                              !! the reflector
        integer, intent(in) :: m                              !! rows of the matrix
        logical, intent(in) :: pending                        !! whether to apply reflector j - 1
        real(wp), intent(inout), contiguous :: a(:, :)        !! partly factored matrix; (lda, n)
        real(wp), intent(inout), contiguous :: multipliers(:) !! of reflector j - 1; (n)
        real(wp), intent(inout) :: diagonal                   !! partial norm, then R(j, j)

        real(wp) :: norm

        if (pending) then
            call subtract_with_norm(multipliers(j), a(j:m, j - 1), a(j:m, j), norm)
            multipliers(j) = multipliers(j - 1)
        else if (j == 1) then  ! later partial norms are downdated, not exact
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

    !> Completes reflector j, applies reflector j - 1 to the columns after j and computes the
    !> multipliers of reflector j: multipliers(k) for column k, multipliers(j) for rhs.
    pure subroutine sweep_columns(j, m, pending, diagonal, a, multipliers, rhs)
        integer, intent(in) :: j                              !! reflector of the multipliers
        integer, intent(in) :: m                              !! rows of the matrix
        logical, intent(in) :: pending                        !! whether to apply reflector j - 1
        real(wp), intent(in) :: diagonal                      !! R(j, j)
        real(wp), intent(inout), contiguous :: a(:, :)        !! partly factored matrix; (lda, n)
        real(wp), intent(inout), contiguous :: multipliers(:) !! of reflector j - 1, then of j; (n)
        real(wp), intent(inout), contiguous :: rhs(:)         !! right-hand side; (m), or empty

        integer(c_int) :: rhs_count

        rhs_count = min(size(rhs, kind=c_int), 1_c_int)
        call reflect(int(j, index_kind), int(m, index_kind), size(a, 2, index_kind) - j, &
                     merge(1_c_int, 0_c_int, pending), a(:, max(j - 1, 1)), a(:, j), -diagonal, &
                     a(:, j + 1:), size(a, 1, index_kind), multipliers(j + 1 - rhs_count:), &
                     rhs_count, rhs)
        multipliers(j + 1 - rhs_count:) = multipliers(j + 1 - rhs_count:)/a(j, j)
    end subroutine sweep_columns

    !> Completes row j of R in some columns, downdates their partial norms, and recomputes those
    !> that are no longer accurate.
    pure subroutine complete_row(j, m, pivot, v, columns, multipliers, partial_norms, exact_norms)
        integer, intent(in) :: j                                !! row of R
        integer, intent(in) :: m                                !! rows of the matrix
        logical, intent(in) :: pivot                            !! whether to update the norms
        real(wp), intent(in), contiguous :: v(:)                !! reflector j in rows j to m; (lda)
        real(wp), intent(inout), contiguous :: columns(:, :)    !! some columns after j; (lda, k)
        real(wp), intent(in), contiguous :: multipliers(:)      !! of reflector j; at least k
        real(wp), intent(inout), contiguous :: partial_norms(:) !! partial column norms; (k)
        real(wp), intent(inout), contiguous :: exact_norms(:)   !! exact column norms; (k)

        integer :: k

        call finish_row(int(j, index_kind), size(columns, 2, index_kind), v(j), columns, &
                        size(columns, 1, index_kind), multipliers, &
                        merge(1_c_int, 0_c_int, pivot), partial_norms, exact_norms, &
                        downdate_trust, machine_epsilon)
        do k = 1, size(columns, 2)
            if (partial_norms(k) >= 0.0_wp) cycle
            partial_norms(k) = enorm_of_difference(columns(j + 1:m, k), multipliers(k), v(j + 1:m))
            exact_norms(k) = partial_norms(k)
        end do
    end subroutine complete_row

    !> Completes reflector j and applies it to the columns after j, in blocks of as many columns as
    !> multipliers has elements.
    pure subroutine apply_by_blocks(j, m, pivot, partial_norms, a, multipliers, exact_norms)
        integer, intent(in) :: j                                !! the reflector
        integer, intent(in) :: m                                !! rows of the matrix
        logical, intent(in) :: pivot                            !! whether to update the norms
        real(wp), intent(inout), contiguous :: partial_norms(:) !! R(j, j), then partial norms; (n)
        real(wp), intent(inout), contiguous :: a(:, :)          !! partly factored matrix; (lda, n)
        real(wp), intent(inout), contiguous :: multipliers(:)   !! work array, not empty
        real(wp), intent(inout), contiguous :: exact_norms(:)   !! exact column norms; (n)

        real(wp) :: no_rhs(0)
        integer :: count, first, k, last

        a(j + 1:m, j) = a(j + 1:m, j)/(-partial_norms(j))
        do first = j + 1, size(a, 2), size(multipliers)
            count = min(size(multipliers), size(a, 2) - first + 1)
            last = first + count - 1
            call reflect(int(j, index_kind), int(m, index_kind), int(count, index_kind), 0_c_int, &
                         a(:, j), a(:, j), 0.0_wp, a(:, first:last), size(a, 1, index_kind), &
                         multipliers, 0_c_int, no_rhs)
            multipliers(:count) = multipliers(:count)/a(j, j)
            call complete_row(j, m, pivot, a(:, j), a(:, first:last), multipliers, &
                              partial_norms(first:last), exact_norms(first:last))
            do k = first, last
                call subtract_multiple(a(j + 1:m, k), multipliers(k - first + 1), a(j + 1:m, j))
            end do
        end do
    end subroutine apply_by_blocks

    !> Applies reflector j - 1 in a step without a reflector j: column j is zero from row j on.
    pure subroutine apply_pending(j, m, a, multipliers, rhs)
        integer, intent(in) :: j                           !! step without a reflector
        integer, intent(in) :: m                           !! rows of the matrix
        real(wp), intent(inout), contiguous :: a(:, :)     !! partly factored matrix; (lda, n)
        real(wp), intent(in), contiguous :: multipliers(:) !! of reflector j - 1; (n)
        real(wp), intent(inout), contiguous :: rhs(:)      !! right-hand side; (m), or empty

        integer :: k

        do k = j + 1, size(a, 2)
            call subtract_multiple(a(j:m, k), multipliers(k), a(j:m, j - 1))
        end do
        if (size(rhs) > 0) call subtract_multiple(rhs(j:m), multipliers(j), a(j:m, j - 1))
    end subroutine apply_pending

    !> Replaces y by y - multiplier*v.
    pure subroutine subtract_multiple(y, multiplier, v)
        real(wp), intent(inout), contiguous :: y(:) !! vector, any length
        real(wp), intent(in) :: multiplier          !! multiplier of v
        real(wp), intent(in), contiguous :: v(:)    !! vector of the same length

        y = y - multiplier*v
    end subroutine subtract_multiple

    !> Interchanges column j with that of the largest partial norm from j on, the first if several.
    pure subroutine pivot_column(j, m, a, ipvt, partial_norms, exact_norms, largest)
        integer, intent(in) :: j                                !! step of the factorisation
        integer, intent(in) :: m                                !! rows of the matrix
        real(wp), intent(inout), contiguous :: a(:, :)          !! partly factored matrix; (lda, n)
        integer, intent(inout), contiguous :: ipvt(:)           !! permutation so far; (n)
        real(wp), intent(inout), contiguous :: partial_norms(:) !! partial norms from j on; (n)
        real(wp), intent(inout), contiguous :: exact_norms(:)   !! exact column norms; (n)
        integer, intent(out) :: largest                         !! index of the pivot column

        real(wp) :: element
        integer :: i, k

        largest = j
        do k = j + 1, size(a, 2)
            if (partial_norms(k) > partial_norms(largest)) largest = k
        end do
        if (largest == j) return
        do i = 1, m
            element = a(i, j)
            a(i, j) = a(i, largest)
            a(i, largest) = element
        end do
        call exchange_elements(partial_norms, j, largest)
        exact_norms(largest) = exact_norms(j)
        k = ipvt(j)
        ipvt(j) = ipvt(largest)
        ipvt(largest) = k
    end subroutine pivot_column

    !> Interchanges two elements of a vector.
    pure subroutine exchange_elements(x, j, k)
        real(wp), intent(inout), contiguous :: x(:) !! vector
        integer, intent(in) :: j                    !! index of one element
        integer, intent(in) :: k                    !! index of the other

        real(wp) :: element

        element = x(j)
        x(j) = x(k)
        x(k) = element
    end subroutine exchange_elements

end module leastsq_qrfac_module
