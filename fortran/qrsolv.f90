!> Least-squares solution of A x = b, D x = 0, given A P = Q R and a diagonal matrix D.
!>
!> Givens rotations eliminate the rows of D P, which stand below R.
!> Moré (1978), sec. 3; MINPACK-1 User Guide, ANL-80-74, qrsolv.
!> The order of additions is part of the contract: rows of D one after the other, each rotated with
!> the rows of R from the first on; the sums of the back substitution run down columns of S^T.
module leastsq_qrsolv_module
    use leastsq_kinds, only: wp, stack_capacity
    use leastsq_kernels_module, only: index_kind, rotate
    implicit none(type, external)
    private

    public :: qrsolv

    integer, parameter :: max_rows = 8             !! rows of D rotated in one pass over S
    integer, parameter :: max_unblocked_order = 16 !! up to this order a pass rotates one row

contains

    !> Solves the problem; leaves the strict lower triangle of S^T below the diagonal of r, where
    !> P^T (A^T A + D^2) P = S^T S.
    pure subroutine qrsolv(r, ipvt, diag, qtb, x, sdiag, work)
        real(wp), intent(inout), contiguous :: r(:, :) !! R in the upper triangle; (ldr, n)
        integer, intent(in), contiguous :: ipvt(:)     !! permutation P; (n)
        real(wp), intent(in), contiguous :: diag(:)    !! diagonal of D; (n)
        real(wp), intent(in), contiguous :: qtb(:)     !! first n elements of Q^T b; (n)
        real(wp), intent(out), contiguous :: x(:)      !! solution; (n)
        real(wp), intent(out), contiguous :: sdiag(:)  !! diagonal of S; (n)
        real(wp), intent(out), contiguous :: work(:)   !! work array; (n)

        real(wp) :: rows(stack_capacity)
        integer :: block, j, n

        n = size(x)
        call transpose_upper(r, x)
        work = qtb
        block = 1
        if (n > max_unblocked_order) block = min(max_rows, stack_capacity/n)
        if (block > 0) then
            call eliminate(block, ipvt, diag, r, rows, work)
        else  ! a row of D is longer than the stack's work array
            call eliminate(1, ipvt, diag, r, sdiag, work)
        end if
        call exchange_diagonals(r, x, sdiag)
        call solve_transposed(r, sdiag, work)
        do j = 1, size(r, 2)
            x(ipvt(j)) = work(j)
        end do
    end subroutine qrsolv

    !> Copies the strict upper triangle to the strict lower one, and the diagonal of R to a vector.
    pure subroutine transpose_upper(r, diagonal)
        real(wp), intent(inout), contiguous :: r(:, :)   !! R, then R with R^T below; (ldr, n)
        real(wp), intent(out), contiguous :: diagonal(:) !! diagonal of R; (n)

        integer :: i, j

        do j = 1, size(r, 2)
            do i = j + 1, size(r, 2)
                r(i, j) = r(j, i)
            end do
            diagonal(j) = r(j, j)
        end do
    end subroutine transpose_upper

    !> Eliminates the rows of D P, with zero right-hand sides, by rotations with the rows of S.
    pure subroutine eliminate(block, ipvt, diag, s, rows, rhs)
        integer, intent(in) :: block                       !! rows rotated in one pass, <= max_rows
        integer, intent(in), contiguous :: ipvt(:)         !! permutation P; (n)
        real(wp), intent(in), contiguous :: diag(:)        !! diagonal of D; (n)
        real(wp), intent(inout), contiguous :: s(:, :)     !! R^T, then S^T, lower triangle
        real(wp), intent(inout) :: rows(size(ipvt), block) !! work array: the rows to eliminate
        real(wp), intent(inout), contiguous :: rhs(:)      !! right-hand side of R, then of S; (n)

        real(wp) :: row_rhs(max_rows)
        integer :: b, count, first, j, n

        n = size(ipvt)
        do first = 1, n, block
            count = min(block, n - first + 1)
            rows(first:, :count) = 0.0_wp
            row_rhs(:count) = 0.0_wp
            do b = 1, count
                rows(first + b - 1, b) = diag(ipvt(first + b - 1))
            end do
            do j = first, n
                call rotate_column(j, min(count, j - first + 1), s, rows, rhs(j), row_rhs)
            end do
        end do
    end subroutine eliminate

    !> Moves the diagonal of S to sdiag and puts that of R back.
    pure subroutine exchange_diagonals(s, rdiag, sdiag)
        real(wp), intent(inout), contiguous :: s(:, :) !! S^T, lower triangle; (ldr, n)
        real(wp), intent(in), contiguous :: rdiag(:)   !! diagonal of R; (n)
        real(wp), intent(out), contiguous :: sdiag(:)  !! diagonal of S; (n)

        integer :: j

        do j = 1, size(sdiag)
            sdiag(j) = s(j, j)
            s(j, j) = rdiag(j)
        end do
    end subroutine exchange_diagonals

    !> Eliminates column j of the active rows, one after the other, by rotations with row j of S. A
    !> row is active from the column of its element of D on.
    pure subroutine rotate_column(j, count, s, rows, rhs, row_rhs)
        integer, intent(in) :: j                           !! the column
        integer, intent(in) :: count                       !! number of active rows
        real(wp), intent(inout), contiguous :: s(:, :)     !! S^T, lower triangle; (ldr, n)
        real(wp), intent(inout) :: rows(size(s, 2), count) !! the rows to eliminate
        real(wp), intent(inout) :: rhs                     !! right-hand side of row j of S
        real(wp), intent(inout) :: row_rhs(count)          !! right-hand sides of the rows

        real(wp) :: cosine(max_rows), sine(max_rows), element
        integer :: b, first  ! the rotations of rows first to b - 1 are still to be applied

        first = 1
        do b = 1, count
            if (rows(j, b) == 0.0_wp) then
                call apply_rotations(j, first, b - 1, cosine, sine, s, rows)
                first = b + 1
                cycle
            end if
            call make_rotation(s(j, j), rows(j, b), cosine(b), sine(b))
            s(j, j) = cosine(b)*s(j, j) + sine(b)*rows(j, b)
            element = cosine(b)*rhs + sine(b)*row_rhs(b)
            row_rhs(b) = -sine(b)*rhs + cosine(b)*row_rhs(b)
            rhs = element
        end do
        call apply_rotations(j, first, count, cosine, sine, s, rows)
    end subroutine rotate_column

    !> Applies the rotations of rows first to last to the elements below the diagonal in column j of
    !> S^T, and to those of the rows.
    pure subroutine apply_rotations(j, first, last, cosine, sine, s, rows)
        integer, intent(in) :: j                          !! the column
        integer, intent(in) :: first                      !! first row
        integer, intent(in) :: last                       !! last row; none if last < first
        real(wp), intent(in), contiguous :: cosine(:)     !! of each row's rotation
        real(wp), intent(in), contiguous :: sine(:)       !! of each row's rotation
        real(wp), intent(inout), contiguous :: s(:, :)    !! S^T, lower triangle; (ldr, n)
        real(wp), intent(inout) :: rows(size(s, 2), last) !! the rows to eliminate

        real(wp) :: element
        integer :: b, i, n

        n = size(s, 2)
        if (last < first .or. j == n) return
        if (n > max_unblocked_order) then
            call rotate(int(n - j, index_kind), int(last - first + 1, index_kind), cosine(first:), &
                        sine(first:), s(j + 1:n, j), rows(j + 1, first), int(n, index_kind))
            return
        end if
        do b = first, last
            do i = j + 1, n
                element = cosine(b)*s(i, j) + sine(b)*rows(i, b)
                rows(i, b) = -sine(b)*s(i, j) + cosine(b)*rows(i, b)
                s(i, j) = element
            end do
        end do
    end subroutine apply_rotations

    !> Givens rotation of (a, b) to (r, 0), from the quotient that is at most one in magnitude.
    pure subroutine make_rotation(a, b, cosine, sine)
        real(wp), intent(in) :: a       !! element kept
        real(wp), intent(in) :: b       !! element eliminated, not zero
        real(wp), intent(out) :: cosine !! of the rotation
        real(wp), intent(out) :: sine   !! of the rotation

        real(wp) :: quotient

        if (abs(a) < abs(b)) then
            quotient = a/b
            sine = 0.5_wp/sqrt(0.25_wp + 0.25_wp*quotient**2)
            cosine = sine*quotient
        else
            quotient = b/a
            cosine = 0.5_wp/sqrt(0.25_wp + 0.25_wp*quotient**2)
            sine = cosine*quotient
        end if
    end subroutine make_rotation

    !> Solves S z = rhs with S^T in the strict lower triangle of s. From the first zero on S's
    !> diagonal on, z is zero.
    pure subroutine solve_transposed(s, sdiag, z)
        real(wp), intent(in), contiguous :: s(:, :)  !! S^T below the diagonal; (ldr, n)
        real(wp), intent(in), contiguous :: sdiag(:) !! diagonal of S; (n)
        real(wp), intent(inout), contiguous :: z(:)  !! right-hand side, then solution; (n)

        real(wp) :: total
        integer :: i, j, rank

        do rank = 0, size(z) - 1
            if (sdiag(rank + 1) == 0.0_wp) exit
        end do
        z(rank + 1:) = 0.0_wp
        do j = rank, 1, -1
            total = 0.0_wp
            do i = j + 1, rank
                total = total + s(i, j)*z(i)
            end do
            z(j) = (z(j) - total)/sdiag(j)
        end do
    end subroutine solve_transposed

end module leastsq_qrsolv_module
