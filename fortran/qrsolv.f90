!> Least-squares solution of a triangular system with a diagonal matrix below it.
!>
!> Given A P = Q R and D, solves A x = b, D x = 0 in the least-squares sense by Givens rotations.
!> Moré (1978), sec. 3; MINPACK-1 User Guide, ANL-80-74, qrsolv.
!> The order of additions is part of the contract: rows of D one by one, each turned against the
!> rows of R from the top; the back substitution sums down the rows of S^T.
module leastsq_qrsolv_module
    use leastsq_kinds, only: wp, stack_capacity
    use leastsq_kernels_module, only: index_kind, rotate
    implicit none(type, external)
    private

    public :: qrsolv

    integer, parameter :: most_rows = 8  !! rows of D rotated in one pass over S
    integer, parameter :: short = 16     !! orders up to here take them one by one

contains

    !> Solves the system and leaves S^T, of P^T (A^T A + D^2) P = S^T S, below the diagonal of r.
    pure subroutine qrsolv(r, ipvt, diag, qtb, x, sdiag, work)
        real(wp), intent(inout), contiguous :: r(:, :) !! R in its upper triangle; (ldr, n)
        integer, intent(in), contiguous :: ipvt(:)     !! permutation P; (n)
        real(wp), intent(in), contiguous :: diag(:)    !! diagonal of D; (n)
        real(wp), intent(in), contiguous :: qtb(:)     !! first n elements of Q^T b; (n)
        real(wp), intent(out), contiguous :: x(:)      !! solution; (n)
        real(wp), intent(out), contiguous :: sdiag(:)  !! diagonal of S; (n)
        real(wp), intent(out), contiguous :: work(:)   !! scratch; (n)

        real(wp) :: rows(stack_capacity)
        integer :: block, j, n

        n = size(x)
        call transpose_upper(r, x)
        work = qtb
        block = 1
        if (n > short) block = min(most_rows, stack_capacity/n)
        if (block > 0) then
            call eliminate(block, ipvt, diag, r, rows, work)
        else  ! no room for a row of D
            call eliminate(1, ipvt, diag, r, sdiag, work)
        end if
        call exchange_diagonals(r, x, sdiag)
        call solve_transposed(r, sdiag, work)
        do j = 1, size(r, 2)
            x(ipvt(j)) = work(j)
        end do
    end subroutine qrsolv

    !> Copies the upper triangle below the diagonal, and the diagonal aside.
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

    !> Rotates the rows of D, with zero right-hand sides, into the triangle held as S^T.
    pure subroutine eliminate(block, ipvt, diag, s, rows, rhs)
        integer, intent(in) :: block                    !! rows taken at once, <= most_rows
        integer, intent(in), contiguous :: ipvt(:)      !! permutation P; (n)
        real(wp), intent(in), contiguous :: diag(:)     !! diagonal of D; (n)
        real(wp), intent(inout), contiguous :: s(:, :)  !! R^T, then S^T, from the diagonal down
        real(wp), intent(inout) :: rows(size(ipvt), block) !! scratch: the rows being rotated
        real(wp), intent(inout), contiguous :: rhs(:)   !! right-hand side of the triangle; (n)

        real(wp) :: row_rhs(most_rows)
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

    !> Takes the diagonal of S out of the matrix and puts that of R back.
    pure subroutine exchange_diagonals(s, rdiag, sdiag)
        real(wp), intent(inout), contiguous :: s(:, :) !! S^T from the diagonal down; (ldr, n)
        real(wp), intent(in), contiguous :: rdiag(:)   !! diagonal of R; (n)
        real(wp), intent(out), contiguous :: sdiag(:)  !! diagonal of S; (n)

        integer :: j

        do j = 1, size(sdiag)
            sdiag(j) = s(j, j)
            s(j, j) = rdiag(j)
        end do
    end subroutine exchange_diagonals

    !> Rotates some rows, one after the other, against row j of the triangle: column j of S^T.
    pure subroutine rotate_column(j, count, s, rows, rhs, row_rhs)
        integer, intent(in) :: j                           !! the column
        integer, intent(in) :: count                       !! rows that have begun by column j
        real(wp), intent(inout), contiguous :: s(:, :)     !! S^T from the diagonal down; (ldr, n)
        real(wp), intent(inout) :: rows(size(s, 2), count) !! the rows being rotated
        real(wp), intent(inout) :: rhs                     !! right-hand side of row j
        real(wp), intent(inout) :: row_rhs(count)          !! right-hand sides of the rows

        real(wp) :: cosine(most_rows), sine(most_rows), element
        integer :: b, begun

        begun = 1
        do b = 1, count
            if (rows(j, b) == 0.0_wp) then
                call turn(j, begun, b - 1, cosine, sine, s, rows)
                begun = b + 1
                cycle
            end if
            call make_rotation(s(j, j), rows(j, b), cosine(b), sine(b))
            s(j, j) = cosine(b)*s(j, j) + sine(b)*rows(j, b)
            element = cosine(b)*rhs + sine(b)*row_rhs(b)
            row_rhs(b) = -sine(b)*rhs + cosine(b)*row_rhs(b)
            rhs = element
        end do
        call turn(j, begun, count, cosine, sine, s, rows)
    end subroutine rotate_column

    !> Applies the rotations of rows from..to to what follows the diagonal in column j.
    pure subroutine turn(j, from, to, cosine, sine, s, rows)
        integer, intent(in) :: j                        !! the column
        integer, intent(in) :: from                     !! first row
        integer, intent(in) :: to                       !! last row, perhaps before the first
        real(wp), intent(in), contiguous :: cosine(:)   !! rotations, by rows
        real(wp), intent(in), contiguous :: sine(:)     !! rotations, by rows
        real(wp), intent(inout), contiguous :: s(:, :)  !! S^T on and below the diagonal; (ldr, n)
        real(wp), intent(inout) :: rows(size(s, 2), to) !! the rows being rotated

        real(wp) :: element
        integer :: b, i, n

        n = size(s, 2)
        if (to < from .or. j == n) return
        if (n > short) then
            call rotate(int(n - j, index_kind), int(to - from + 1, index_kind), cosine(from:), &
                        sine(from:), s(j + 1:n, j), rows(j + 1, from), int(n, index_kind))
            return
        end if
        do b = from, to
            do i = j + 1, n
                element = cosine(b)*s(i, j) + sine(b)*rows(i, b)
                rows(i, b) = -sine(b)*s(i, j) + cosine(b)*rows(i, b)
                s(i, j) = element
            end do
        end do
    end subroutine turn

    !> Rotation that turns (a, b) into (r, 0), from whichever quotient is at most one.
    pure subroutine make_rotation(a, b, cosine, sine)
        real(wp), intent(in) :: a        !! element kept
        real(wp), intent(in) :: b        !! element eliminated, not zero
        real(wp), intent(out) :: cosine  !! of the rotation
        real(wp), intent(out) :: sine    !! of the rotation

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

    !> Solves S z = rhs, S^T standing below the diagonal; z is zero from a zero of S's diagonal on.
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
