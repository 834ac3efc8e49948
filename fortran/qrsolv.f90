!> Least-squares solution of a triangular system with a diagonal matrix below it.
!>
!> Given A P = Q R and D, solves A x = b, D x = 0 in the least-squares sense by Givens rotations.
!> Moré (1978), sec. 3, eq. (3.3)-(3.4); MINPACK-1 User Guide, ANL-80-74, qrsolv.
!> The order of additions is part of the contract: rows of D one by one, each turned against the
!> rows of R from the top; the back substitution sums down the rows of S^T.
module leastsq_qrsolv_module
    use leastsq_kinds, only: wp
    implicit none(type, external)
    private

    public :: qrsolv

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

        integer :: j

        call transpose_upper(r, x)
        work = qtb
        do j = 1, size(r, 2)
            if (diag(ipvt(j)) /= 0.0_wp) call eliminate_row(j, diag(ipvt(j)), r, sdiag, work)
            sdiag(j) = r(j, j)
            r(j, j) = x(j)
        end do
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

    !> Rotates row j of D, with zero right-hand side, into the triangle held as S^T from column j.
    pure subroutine eliminate_row(j, d, s, row, rhs)
        integer, intent(in) :: j                       !! the row of D
        real(wp), intent(in) :: d                      !! its one element, not zero
        real(wp), intent(inout), contiguous :: s(:, :) !! S^T on and below the diagonal; (ldr, n)
        real(wp), intent(inout), contiguous :: row(:)  !! scratch from j on: the row being rotated
        real(wp), intent(inout), contiguous :: rhs(:)  !! right-hand side of the triangle; (n)

        real(wp) :: cosine, sine, element, row_rhs
        integer :: i, k, n

        n = size(s, 2)
        row(j:n) = 0.0_wp
        row(j) = d
        row_rhs = 0.0_wp
        do k = j, n
            if (row(k) == 0.0_wp) cycle
            call make_rotation(s(k, k), row(k), cosine, sine)
            s(k, k) = cosine*s(k, k) + sine*row(k)
            element = cosine*rhs(k) + sine*row_rhs
            row_rhs = -sine*rhs(k) + cosine*row_rhs
            rhs(k) = element
            do i = k + 1, n
                element = cosine*s(i, k) + sine*row(i)
                row(i) = -sine*s(i, k) + cosine*row(i)
                s(i, k) = element
            end do
        end do
    end subroutine eliminate_row

    !> Rotation that turns (a, b) into (r, 0), from whichever quotient is at most one.
    pure subroutine make_rotation(a, b, cosine, sine)
        real(wp), intent(in) :: a       !! element kept
        real(wp), intent(in) :: b       !! element eliminated, not zero
        real(wp), intent(out) :: cosine
        real(wp), intent(out) :: sine

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
