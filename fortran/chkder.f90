!> Checks a Jacobian for consistency with the residual, row by row.
!>
!> MINPACK-1 User Guide, ANL-80-74, chkder: the change of the residual from x to a neighbouring
!> point is compared with the change that the Jacobian predicts.
module leastsq_chkder_module
    use leastsq_kinds, only: wp, machine_epsilon
    implicit none(type, external)
    private

    public :: neighbouring_point, measure_consistency

    real(wp), parameter :: relative_step = sqrt(machine_epsilon)  !! from x to its neighbour
    real(wp), parameter :: noise = 100.0_wp*machine_epsilon  !! smaller relative changes are ignored

contains

    !> The neighbouring point at which to evaluate the residual.
    pure subroutine neighbouring_point(x, xp)
        real(wp), intent(in), contiguous :: x(:)   !! where the Jacobian is checked; (n)
        real(wp), intent(out), contiguous :: xp(:) !! neighbouring point; (n)

        real(wp) :: step
        integer :: j

        do j = 1, size(x)
            step = relative_step*abs(x(j))
            if (step == 0.0_wp) step = relative_step
            xp(j) = x(j) + step
        end do
    end subroutine neighbouring_point

    !> Consistency of each row of the Jacobian: 1 consistent, 0 inconsistent; above 0.5 the row is
    !> probably correct, below it probably incorrect.
    pure subroutine measure_consistency(x, fvec, fjac, fvecp, err)
        real(wp), intent(in), contiguous :: x(:)       !! where the Jacobian is checked; (n)
        real(wp), intent(in), contiguous :: fvec(:)    !! residual at x; (m)
        real(wp), intent(in), contiguous :: fjac(:, :) !! Jacobian at x; (ldfjac, n)
        real(wp), intent(in), contiguous :: fvecp(:)   !! residual at the neighbouring point; (m)
        real(wp), intent(out), contiguous :: err(:)    !! consistency of each row; (m)

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
            err(i) = row_consistency(fvec(i), fvecp(i), err(i))
        end do
    end subroutine measure_consistency

    !> Consistency of the predicted with the observed change of a residual, on a logarithmic scale:
    !> 1 for a relative error up to epsilon, 0 from sqrt(epsilon) on.
    pure function row_consistency(f, fp, slope) result(consistency)
        real(wp), intent(in) :: f     !! residual at x
        real(wp), intent(in) :: fp    !! residual at the neighbouring point
        real(wp), intent(in) :: slope !! predicted change / relative_step
        real(wp) :: consistency

        real(wp) :: error

        error = 1.0_wp
        if (f /= 0.0_wp .and. fp /= 0.0_wp .and. abs(fp - f) >= noise*abs(f)) then
            error = relative_step*abs((fp - f)/relative_step - slope)/(abs(f) + abs(fp))
        end if
        if (error >= relative_step) then
            consistency = 0.0_wp
        else if (error > machine_epsilon) then
            consistency = (log10(error) - log10(relative_step))/log10(relative_step)
        else
            consistency = 1.0_wp
        end if
    end function row_consistency

end module leastsq_chkder_module
