!> Consistency of a Jacobian with its residual, component by component.
!>
!> MINPACK-1 User Guide, ANL-80-74, chkder: a neighbouring point is chosen, and the difference of
!> the residuals there is held against what the Jacobian predicts.
module leastsq_chkder_module
    use leastsq_kinds, only: wp, machine_epsilon
    implicit none(type, external)
    private

    public :: neighbouring_point, agreement

    real(wp), parameter :: relative_step = sqrt(machine_epsilon)
    real(wp), parameter :: noise = 100.0_wp*machine_epsilon  !! smaller relative changes say nothing

contains

    !> The point at which to evaluate the residual for the comparison.
    pure subroutine neighbouring_point(x, xp)
        real(wp), intent(in), contiguous :: x(:)   !! point of the check; (n)
        real(wp), intent(out), contiguous :: xp(:) !! neighbour; (n)

        real(wp) :: step
        integer :: j

        do j = 1, size(x)
            step = relative_step*abs(x(j))
            if (step == 0.0_wp) step = relative_step
            xp(j) = x(j) + step
        end do
    end subroutine neighbouring_point

    !> One where a row of the Jacobian is right, zero where it is wrong, doubt between.
    pure subroutine agreement(x, fvec, fjac, fvecp, err)
        real(wp), intent(in), contiguous :: x(:)       !! point of the check; (n)
        real(wp), intent(in), contiguous :: fvec(:)    !! residual at x; (m)
        real(wp), intent(in), contiguous :: fjac(:, :) !! Jacobian at x; (ldfjac, n)
        real(wp), intent(in), contiguous :: fvecp(:)   !! residual at the neighbour; (m)
        real(wp), intent(out), contiguous :: err(:)    !! agreement by rows; (m)

        real(wp) :: scale
        integer :: i, j

        err = 0.0_wp
        do j = 1, size(x)
            scale = abs(x(j))
            if (scale == 0.0_wp) scale = 1.0_wp
            do i = 1, size(err)
                err(i) = err(i) + scale*fjac(i, j)
            end do
        end do
        do i = 1, size(err)
            err(i) = row_agreement(fvec(i), fvecp(i), err(i))
        end do
    end subroutine agreement

    !> Agreement of one predicted change with the one that was seen, on a logarithmic scale.
    pure function row_agreement(f, fp, slope) result(grade)
        real(wp), intent(in) :: f     !! residual at the point
        real(wp), intent(in) :: fp    !! residual at the neighbour
        real(wp), intent(in) :: slope !! predicted change over the relative step
        real(wp) :: grade

        real(wp) :: error

        error = 1.0_wp
        if (f /= 0.0_wp .and. fp /= 0.0_wp .and. abs(fp - f) >= noise*abs(f)) then
            error = relative_step*abs((fp - f)/relative_step - slope)/(abs(f) + abs(fp))
        end if
        if (error >= relative_step) then
            grade = 0.0_wp
        else if (error > machine_epsilon) then
            grade = (log10(error) - log10(relative_step))/log10(relative_step)
        else
            grade = 1.0_wp
        end if
    end function row_agreement

end module leastsq_chkder_module
