!> The stop tests of the Levenberg-Marquardt iteration.
!>
!> MINPACK-1 User Guide, ANL-80-74, sec. 2.3. The order of the tests is part of the contract.
module leastsq_stop_tests
    use, intrinsic :: iso_c_binding, only: c_int
    use leastsq_kinds, only: wp, machine_epsilon
    use leastsq_status, only: converged_reduction, converged_step, converged_both, &
                              too_many_evaluations, ftol_too_small, xtol_too_small, gtol_too_small
    use leastsq_solve, only: solve_options, solve_state, trial_step, not_finished
    implicit none(type, external)
    private

    public :: convergence

contains

    !> The exit code by the tests for convergence, then by those for failure; not_finished if none
    !> holds.
    pure function convergence(step, state, options) result(info)
        type(trial_step), intent(in) :: step       !! the trial step
        type(solve_state), intent(in) :: state     !! state of the solve
        type(solve_options), intent(in) :: options !! the user's options
        integer(c_int) :: info

        info = not_finished
        if (reductions_within(options%ftol, step)) info = converged_reduction
        if (state%delta <= options%xtol*state%xnorm) then
            info = merge(converged_both, converged_step, info == converged_reduction)
        end if
        if (info /= not_finished) return
        if (state%nfev >= options%maxfev) info = too_many_evaluations
        if (reductions_within(machine_epsilon, step)) info = ftol_too_small
        if (state%delta <= machine_epsilon*state%xnorm) info = xtol_too_small
        if (state%gnorm <= machine_epsilon) info = gtol_too_small
    end function convergence

    !> Whether actual and predicted reduction are within the tolerance and their ratio is at most 2.
    pure function reductions_within(tolerance, step)
        real(wp), intent(in) :: tolerance    !! bound on both reductions
        type(trial_step), intent(in) :: step !! the trial step
        logical :: reductions_within

        reductions_within = abs(step%actual) <= tolerance .and. step%predicted <= tolerance &
                            .and. 0.5_wp*step%ratio <= 1.0_wp
    end function reductions_within

end module leastsq_stop_tests
