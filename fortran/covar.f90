!> Covariance matrix from the QR factors of a Jacobian, without the factor of the residual variance.
!>
!> (J^T J)^-1 = P R^-1 R^-T P^T; MINPACK-1's covar (Moré, Garbow and Hillstrom, Argonne 1980).
!> The order of operations is part of the contract: all loops run by columns.
module leastsq_covar_module
    use, intrinsic :: iso_c_binding, only: c_int
    use leastsq_kinds, only: wp
    implicit none(type, external)
    private

    public :: covar, covariance

contains

    !> Overwrites R with the covariance matrix; rows and columns past the numerical rank are zero.
    pure subroutine covar(r, ipvt, tolerance, work)
        real(wp), intent(inout), contiguous :: r(:, :) !! R in the upper triangle; (ldr, n)
        integer, intent(in), contiguous :: ipvt(:)     !! permutation P; (n)
        real(wp), intent(in) :: tolerance              !! rank ends at |r(k,k)| <= it * |r(1,1)|
        real(wp), intent(out), contiguous :: work(:)   !! work array; (n)

        integer :: rank

        if (size(r, 2) == 0) return
        call invert_upper(r, tolerance*abs(r(1, 1)), rank)
        call multiply_by_transpose(r, rank)
        call undo_permutation(r, ipvt, rank, work)
    end subroutine covar

    !> Overwrites R, of full rank, with the covariance matrix. For cov_x of the Python API, not part
    !> of leastsq.h.
    !>
    !> With R from a pivoted factorisation this overflows only where R^-1 or the result does. The
    !> order of inversion in covar forms quotients of elements of R that may be larger than both.
    pure subroutine covariance(n, r, ipvt, work) bind(c, name="leastsq_covariance")
        integer(c_int), value :: n            !! order of R
        real(wp), intent(inout) :: r(n, n)    !! R in the upper triangle; (n, n)
        integer(c_int), intent(in) :: ipvt(n) !! permutation P; (n)
        real(wp), intent(out) :: work(n)      !! work array; (n)

        call invert_by_columns(r)
        call multiply_by_transpose(r, n)
        call undo_permutation(r, ipvt, n, work)
    end subroutine covariance

    !> Inverts R in place. Above the diagonal column k becomes -R_k^-1 r/R(k, k), with r the column
    !> and R_k the leading block of order k - 1, already inverted (LAPACK's dtrti2).
    pure subroutine invert_by_columns(r)
        real(wp), intent(inout), contiguous :: r(:, :) !! R, then R^-1, upper triangles

        integer :: i, j, k

        do k = 1, size(r, 2)
            r(k, k) = 1.0_wp/r(k, k)
            do j = 1, k - 1
                do i = 1, j - 1
                    r(i, k) = r(i, k) + r(i, j)*r(j, k)
                end do
                r(j, k) = r(j, j)*r(j, k)
            end do
            do j = 1, k - 1
                r(j, k) = -r(k, k)*r(j, k)
            end do
        end do
    end subroutine invert_by_columns

    !> Inverts the leading block of R in place, up to the first diagonal element of magnitude at
    !> most limit.
    pure subroutine invert_upper(r, limit, rank)
        real(wp), intent(inout), contiguous :: r(:, :) !! R, then R^-1 in its leading block
        real(wp), intent(in) :: limit                  !! diagonal elements up to it count as zero
        integer, intent(out) :: rank                   !! order of the block, the rank of R

        real(wp) :: multiplier
        integer :: i, j, k

        do rank = 0, size(r, 2) - 1
            k = rank + 1
            if (abs(r(k, k)) <= limit) exit
            r(k, k) = 1.0_wp/r(k, k)
            do j = 1, k - 1
                multiplier = r(k, k)*r(j, k)
                r(j, k) = 0.0_wp
                do i = 1, j
                    r(i, k) = r(i, k) - multiplier*r(i, j)
                end do
            end do
        end do
    end subroutine invert_upper

    !> Upper triangle of U U^T for the leading block U, in place.
    pure subroutine multiply_by_transpose(u, rank)
        real(wp), intent(inout), contiguous :: u(:, :) !! U, then U U^T, upper triangles
        integer, intent(in) :: rank                    !! order of the block

        real(wp) :: multiplier
        integer :: i, j, k

        do k = 1, rank
            do j = 1, k - 1
                multiplier = u(j, k)
                do i = 1, j
                    u(i, j) = u(i, j) + multiplier*u(i, k)
                end do
            end do
            multiplier = u(k, k)
            u(:k, k) = multiplier*u(:k, k)
        end do
    end subroutine multiply_by_transpose

    !> Replaces the upper triangle of C by the full symmetric matrix P C P^T.
    pure subroutine undo_permutation(c, ipvt, rank, diagonal)
        real(wp), intent(inout), contiguous :: c(:, :)   !! C, then P C P^T; (ldr, n)
        integer, intent(in), contiguous :: ipvt(:)       !! permutation P; (n)
        integer, intent(in) :: rank                      !! columns past it become zero
        real(wp), intent(out), contiguous :: diagonal(:) !! work array; (n)

        integer :: i, j

        do j = 1, size(ipvt)
            if (j > rank) c(:j, j) = 0.0_wp
            do i = 1, j - 1
                c(max(ipvt(i), ipvt(j)), min(ipvt(i), ipvt(j))) = c(i, j)
            end do
            diagonal(ipvt(j)) = c(j, j)
        end do
        do j = 1, size(ipvt)
            do i = 1, j - 1
                c(i, j) = c(j, i)
            end do
            c(j, j) = diagonal(j)
        end do
    end subroutine undo_permutation

end module leastsq_covar_module
