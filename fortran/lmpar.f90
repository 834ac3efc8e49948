!> The Levenberg-Marquardt parameter: par >= 0 for which the step satisfies the bound on ||D x||.
!>
!> Moré (1978), sec. 5, algorithm (5.5), with the secular function
!> phi(par) = ||D (J^T J + par D^2)^-1 J^T f|| - delta, whose root is found to within delta/10.
!> The order of operations is part of the contract, also in the triangular solves: by rows where so
!> named, otherwise by columns.
module leastsq_lmpar_module
    use leastsq_kinds, only: wp, smallest_normal, larger, smaller
    use leastsq_enorm_module, only: enorm
    use leastsq_qrsolv_module, only: qrsolv
    implicit none(type, external)
    private

    public :: lmpar

    real(wp), parameter :: bound_tolerance = 0.1_wp    !! accuracy of phi, relative to delta
    real(wp), parameter :: restart_fraction = 0.001_wp !! of par's upper bound, if par is zero
    integer, parameter :: max_iterations = 10          !! each with one call of qrsolv

contains

    !> Finds par and x with | ||D x|| - delta | <= delta/10, or par = 0 if x then satisfies
    !> ||D x|| <= 1.1 delta.
    pure subroutine lmpar(r, ipvt, diag, qtb, delta, par, x, sdiag, work, scaled)
        real(wp), intent(inout), contiguous :: r(:, :)  !! R in the upper triangle; (ldr, n)
        integer, intent(in), contiguous :: ipvt(:)      !! permutation of the factorisation; (n)
        real(wp), intent(in), contiguous :: diag(:)     !! scaling D, no zeros; (n)
        real(wp), intent(in), contiguous :: qtb(:)      !! first n elements of Q^T f; (n)
        real(wp), intent(in) :: delta                   !! step bound on ||D x||, positive
        real(wp), intent(inout) :: par                  !! initial estimate >= 0, then the parameter
        real(wp), intent(out), contiguous :: x(:)       !! solution of J x = f, sqrt(par) D x = 0
        real(wp), intent(inout), contiguous :: sdiag(:) !! diagonal of S (see qrsolv); (n)
        real(wp), intent(out), contiguous :: work(:)    !! work array; (n)
        real(wp), intent(out), contiguous :: scaled(:)  !! work array, D x; (n)

        real(wp) :: phi, previous_phi, length, lower, upper, gradient_norm
        integer :: iteration, rank

        call gauss_newton_step(r, ipvt, qtb, x, rank, work)
        call measure_step(diag, x, delta, scaled, length, phi)
        if (phi <= bound_tolerance*delta) then
            par = 0.0_wp
            return
        end if
        lower = 0.0_wp
        if (rank == size(x)) then
            call scale_direction(ipvt, diag, scaled, length, work)
            call solve_lower_by_rows(r, work)
            lower = hebden_correction(phi, delta, work)
        end if
        call scale_gradient(r, ipvt, diag, qtb, work)
        gradient_norm = enorm(work)
        upper = gradient_norm/delta
        if (upper == 0.0_wp) upper = smallest_normal/smaller(delta, bound_tolerance)
        par = smaller(larger(par, lower), upper)
        if (par == 0.0_wp) par = gradient_norm/length
        do iteration = 1, max_iterations
            if (par == 0.0_wp) par = larger(smallest_normal, restart_fraction*upper)
            work = sqrt(par)*diag
            call qrsolv(r, ipvt, work, qtb, x, sdiag, scaled)
            previous_phi = phi
            call measure_step(diag, x, delta, scaled, length, phi)
            if (abs(phi) <= bound_tolerance*delta .or. iteration == max_iterations) return
            if (lower == 0.0_wp .and. phi <= previous_phi .and. previous_phi < 0.0_wp) return
            call scale_direction(ipvt, diag, scaled, length, work)
            call solve_lower_by_columns(r, sdiag, work)
            if (phi > 0.0_wp) lower = larger(lower, par)
            if (phi < 0.0_wp) upper = smaller(upper, par)
            par = larger(lower, par + hebden_correction(phi, delta, work))
        end do
    end subroutine lmpar

    !> Gauss-Newton step: the basic solution of J x = f. From the first zero on R's diagonal on,
    !> P^T x is zero.
    pure subroutine gauss_newton_step(r, ipvt, qtb, x, rank, z)
        real(wp), intent(in), contiguous :: r(:, :) !! R in the upper triangle; (ldr, n)
        integer, intent(in), contiguous :: ipvt(:)  !! permutation; (n)
        real(wp), intent(in), contiguous :: qtb(:)  !! first n elements of Q^T f; (n)
        real(wp), intent(out), contiguous :: x(:)   !! the step; (n)
        integer, intent(out) :: rank                !! number of nonzeros before that zero
        real(wp), intent(out), contiguous :: z(:)   !! work array, P^T x; (n)

        integer :: i, j

        do rank = 0, size(z) - 1
            if (r(rank + 1, rank + 1) == 0.0_wp) exit
        end do
        z(:rank) = qtb(:rank)
        z(rank + 1:) = 0.0_wp
        do j = rank, 1, -1
            z(j) = z(j)/r(j, j)
            do i = 1, j - 1
                z(i) = z(i) - r(i, j)*z(j)
            end do
        end do
        do j = 1, size(z)
            x(ipvt(j)) = z(j)
        end do
    end subroutine gauss_newton_step

    !> Length of the scaled step and value of the secular function.
    pure subroutine measure_step(diag, x, delta, scaled, length, phi)
        real(wp), intent(in), contiguous :: diag(:)    !! scaling D; (n)
        real(wp), intent(in), contiguous :: x(:)       !! step; (n)
        real(wp), intent(in) :: delta                  !! step bound
        real(wp), intent(out), contiguous :: scaled(:) !! D x; (n)
        real(wp), intent(out) :: length                !! ||D x||
        real(wp), intent(out) :: phi                   !! length - delta

        scaled = diag*x
        length = enorm(scaled)
        phi = length - delta
    end subroutine measure_step

    !> P^T D^2 x / ||D x||, the right-hand side of the solve that gives phi'.
    pure subroutine scale_direction(ipvt, diag, scaled, length, direction)
        integer, intent(in), contiguous :: ipvt(:)        !! permutation; (n)
        real(wp), intent(in), contiguous :: diag(:)       !! scaling D; (n)
        real(wp), intent(in), contiguous :: scaled(:)     !! D x; (n)
        real(wp), intent(in) :: length                    !! ||D x||
        real(wp), intent(out), contiguous :: direction(:) !! result; (n)

        integer :: j

        do j = 1, size(ipvt)
            direction(j) = diag(ipvt(j))*(scaled(ipvt(j))/length)
        end do
    end subroutine scale_direction

    !> Overwrites z with R^-T z by rows, an inner product for each.
    pure subroutine solve_lower_by_rows(r, z)
        real(wp), intent(in), contiguous :: r(:, :) !! R in the upper triangle; (ldr, n)
        real(wp), intent(inout), contiguous :: z(:) !! right-hand side, then solution; (n)

        real(wp) :: total
        integer :: i, j

        do j = 1, size(z)
            total = 0.0_wp
            do i = 1, j - 1
                total = total + r(i, j)*z(i)
            end do
            z(j) = (z(j) - total)/r(j, j)
        end do
    end subroutine solve_lower_by_rows

    !> Overwrites z with S^-T z by columns, with S^T in the strict lower triangle of s.
    pure subroutine solve_lower_by_columns(s, sdiag, z)
        real(wp), intent(in), contiguous :: s(:, :)  !! S^T below the diagonal; (ldr, n)
        real(wp), intent(in), contiguous :: sdiag(:) !! diagonal of S; (n)
        real(wp), intent(inout), contiguous :: z(:)  !! right-hand side, then solution; (n)

        integer :: i, j

        do j = 1, size(z)
            z(j) = z(j)/sdiag(j)
            do i = j + 1, size(z)
                z(i) = z(i) - s(i, j)*z(j)
            end do
        end do
    end subroutine solve_lower_by_columns

    !> Hebden's correction -((phi + delta)/delta) (phi/phi') of the parameter, eq. (5.4), where
    !> phi + delta = ||D x|| and phi' = -||D x|| ||z||^2.
    pure function hebden_correction(phi, delta, z) result(correction)
        real(wp), intent(in) :: phi              !! secular function
        real(wp), intent(in) :: delta            !! step bound
        real(wp), intent(in), contiguous :: z(:) !! S^-T P^T D^2 x / ||D x||; (n)
        real(wp) :: correction

        real(wp) :: norm

        norm = enorm(z)
        correction = ((phi/delta)/norm)/norm
    end function hebden_correction

    !> P^T D^-1 J^T f, whose norm divided by delta is an upper bound of the parameter.
    pure subroutine scale_gradient(r, ipvt, diag, qtb, gradient)
        real(wp), intent(in), contiguous :: r(:, :)      !! R in the upper triangle; (ldr, n)
        integer, intent(in), contiguous :: ipvt(:)       !! permutation; (n)
        real(wp), intent(in), contiguous :: diag(:)      !! scaling D; (n)
        real(wp), intent(in), contiguous :: qtb(:)       !! first n elements of Q^T f; (n)
        real(wp), intent(out), contiguous :: gradient(:) !! result; (n)

        real(wp) :: total
        integer :: i, j

        do j = 1, size(gradient)
            total = 0.0_wp
            do i = 1, j
                total = total + r(i, j)*qtb(i)
            end do
            gradient(j) = total/diag(ipvt(j))
        end do
    end subroutine scale_gradient

end module leastsq_lmpar_module
