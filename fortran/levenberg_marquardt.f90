!> The Levenberg-Marquardt iteration, shared by lmdif and lmder.
!>
!> Moré (1978), algorithm (7.1): a trust region of radius delta around x, measured by ||D p||; the
!> step p minimises the linear model ||f + J p|| in it; the gain ratio of actual to predicted
!> reduction decides on the step and on the next radius.
!> The order of operations is part of the contract: it is MINPACK's, element by element.
module leastsq_levenberg_marquardt
    use, intrinsic :: iso_c_binding, only: c_int
    use leastsq_kinds, only: wp, machine_epsilon, is_finite, smaller
    use leastsq_status, only: improper_input, converged_reduction, converged_step, converged_both, &
                              orthogonal_residual, too_many_evaluations, ftol_too_small, &
                              xtol_too_small, gtol_too_small
    use leastsq_problem, only: problem, controls, fit, controls_are_proper
    use leastsq_enorm_module, only: enorm, column_norms
    use leastsq_qrfac_module, only: factor
    use leastsq_lmpar_module, only: lmpar
    implicit none(type, external)
    private

    public :: levenberg_marquardt, update_radius, measure_reductions, convergence, trial

    integer(c_int), parameter :: running = improper_input  !! no ending yet: codes start above it

    real(wp), parameter :: accept_ratio = 1.0e-4_wp    !! gain ratio from which a step is taken
    real(wp), parameter :: shrink_ratio = 0.25_wp      !! gain ratio up to which the radius shrinks
    real(wp), parameter :: expand_ratio = 0.75_wp      !! gain ratio from which the radius grows
    real(wp), parameter :: least_shrink = 0.5_wp
    real(wp), parameter :: most_shrink = 0.1_wp        !! also: 1/10 of a norm is a drastic change

    !> One trial step and how the residual answered.
    type :: trial
        real(wp) :: length    !! ||D p||
        real(wp) :: fnorm     !! ||f(x + p)||
        real(wp) :: actual    !! relative reduction of the sum of squares
        real(wp) :: predicted !! the same by the linear model
        real(wp) :: slope     !! scaled directional derivative along p
        real(wp) :: ratio     !! actual over predicted
    end type trial

contains

    !> Runs a solve to its end and returns the exit code.
    recursive function levenberg_marquardt(task, settings, state) result(info)
        class(problem), intent(inout) :: task   !! residual and Jacobian
        type(controls), intent(in) :: settings  !! tolerances and limits
        type(fit), intent(inout) :: state       !! x on entry; everything else on return
        integer(c_int) :: info

        integer(c_int) :: ignored

        info = improper_input
        if (controls_are_proper(settings, task%m, task%n, size(state%fjac, 1), state%diag)) then
            info = iterate(task, settings, state)
        end if
        if (settings%nprint > 0) ignored = task%report(state)
    end function levenberg_marquardt

    !> The outer loop: a Jacobian and its factors, then trial steps until one is taken.
    recursive function iterate(task, settings, state) result(info)
        class(problem), intent(inout) :: task   !! residual and Jacobian
        type(controls), intent(in) :: settings  !! what the user chose
        type(fit), intent(inout) :: state       !! the solve so far
        integer(c_int) :: info

        logical :: finite

        info = min(running, task%residual(state%x, state%fvec))
        if (info < running) return
        state%fnorm = enorm(state%fvec)
        do while (info == running)
            info = min(running, task%jacobian(state))
            if (info == running) info = report_if_due(task, settings, state)
            if (info < running) return
            call factor_jacobian(task%m, state, finite)
            if (state%iteration == 1) call start_trust_region(settings, state)
            call measure_gradient(state)
            if (state%gnorm <= settings%gtol .or. .not. finite) then
                info = orthogonal_residual
                return
            end if
            if (settings%mode /= 2) call enlarge_scaling(state%trial_x, state%diag)
            info = step_until_accepted(task, settings, state)
        end do
    end function iterate

    !> Shows the iterate to the user in the first iteration and every nprint after it.
    recursive function report_if_due(task, settings, state) result(info)
        class(problem), intent(inout) :: task   !! residual and Jacobian
        type(controls), intent(in) :: settings  !! what the user chose
        type(fit), intent(inout) :: state       !! the solve so far
        integer(c_int) :: info

        info = running
        if (settings%nprint <= 0) return
        if (mod(state%iteration - 1, settings%nprint) /= 0) return
        info = min(running, task%report(state))
    end function report_if_due

    !> Factors the Jacobian and projects the residual; leaves the column norms in trial_x.
    pure subroutine factor_jacobian(m, state, finite)
        integer, intent(in) :: m           !! number of residuals
        type(fit), intent(inout) :: state  !! the solve so far
        logical, intent(out) :: finite     !! whether all of fnorm and the Jacobian was

        integer :: i, j

        call column_norms(m, state%fjac, state%trial_x)
        finite = is_finite(state%fnorm)
        do j = 1, size(state%x)
            if (is_finite(state%trial_x(j))) cycle
            do i = 1, m
                finite = finite .and. is_finite(state%fjac(i, j))
            end do
        end do
        call copy(state%fvec, state%trial_fvec)
        call factor(m, state%fjac, .true., state%ipvt, state%step, state%trial_x, state%scaled, &
                    state%qtf, state%trial_fvec)
        do j = 1, size(state%x)
            state%fjac(j, j) = state%step(j)
            state%qtf(j) = state%trial_fvec(j)
        end do
    end subroutine factor_jacobian

    !> First scaling, from the column norms unless it is the user's, and first radius.
    pure subroutine start_trust_region(settings, state)
        type(controls), intent(in) :: settings  !! what the user chose
        type(fit), intent(inout) :: state       !! the solve so far

        integer :: j

        do j = 1, size(state%x)
            if (settings%mode /= 2) then
                state%diag(j) = state%trial_x(j)
                if (state%diag(j) == 0.0_wp) state%diag(j) = 1.0_wp
            end if
            state%scaled(j) = state%diag(j)*state%x(j)
        end do
        state%xnorm = enorm(state%scaled)
        state%delta = settings%factor*state%xnorm
        if (state%delta == 0.0_wp) state%delta = settings%factor
    end subroutine start_trust_region

    !> Largest cosine between the residual and a column of the Jacobian.
    pure subroutine measure_gradient(state)
        type(fit), intent(inout) :: state  !! the solve so far

        real(wp) :: total, cosine
        integer :: i, j

        state%gnorm = 0.0_wp
        if (state%fnorm == 0.0_wp) return
        do j = 1, size(state%x)
            if (state%trial_x(state%ipvt(j)) == 0.0_wp) cycle
            total = 0.0_wp
            do i = 1, j
                total = total + state%fjac(i, j)*(state%qtf(i)/state%fnorm)
            end do
            cosine = abs(total/state%trial_x(state%ipvt(j)))
            if (cosine > state%gnorm) state%gnorm = cosine  ! a NaN is no maximum
        end do
    end subroutine measure_gradient

    !> Lets the scaling grow to the largest column norms so far, as sec. 6 of the paper advises.
    pure subroutine enlarge_scaling(norms, diag)
        real(wp), intent(in), contiguous :: norms(:)   !! norms of the Jacobian's columns; (n)
        real(wp), intent(inout), contiguous :: diag(:) !! scaling D; (n)

        integer :: j

        do j = 1, size(diag)
            if (norms(j) > diag(j)) diag(j) = norms(j)
        end do
    end subroutine enlarge_scaling

    !> The inner loop: trial steps in a shrinking region until one is taken or the solve ends.
    recursive function step_until_accepted(task, settings, state) result(info)
        class(problem), intent(inout) :: task   !! residual and Jacobian
        type(controls), intent(in) :: settings  !! what the user chose
        type(fit), intent(inout) :: state       !! the solve so far
        integer(c_int) :: info

        type(trial) :: step

        do
            call choose_step(state, step)
            info = min(running, task%residual(state%trial_x, state%trial_fvec))
            if (info < running) return
            step%fnorm = enorm(state%trial_fvec)
            call measure_reductions(state, step)
            call update_radius(step, state)
            if (step%ratio >= accept_ratio) call accept(step, state)
            info = convergence(step, state, settings, task%nfev)
            if (info /= running .or. .not. step%ratio < accept_ratio) return  ! a NaN ends it too
        end do
    end function step_until_accepted

    !> Levenberg-Marquardt step for the present radius; the first one also bounds the radius.
    pure subroutine choose_step(state, step)
        type(fit), intent(inout) :: state   !! the solve so far
        type(trial), intent(inout) :: step  !! the trial step

        integer :: j, n

        n = size(state%x)
        call lmpar(state%fjac, state%ipvt, state%diag, state%qtf, state%delta, state%par, &
                   state%step, state%trial_x, state%scaled, state%trial_fvec(:n))
        do j = 1, n
            state%step(j) = -state%step(j)
            state%trial_x(j) = state%x(j) + state%step(j)
            state%scaled(j) = state%diag(j)*state%step(j)
        end do
        step%length = enorm(state%scaled)
        if (state%iteration == 1) state%delta = smaller(state%delta, step%length)
    end subroutine choose_step

    !> Actual and predicted reduction and their ratio, sec. 4 of the paper.
    !>
    !> A residual norm that is not finite, or is ten times what it was, is a failed step.
    pure subroutine measure_reductions(state, step)
        type(fit), intent(inout) :: state   !! the solve so far
        type(trial), intent(inout) :: step  !! the trial step

        real(wp) :: model_change, damping
        integer :: i, j

        step%actual = -1.0_wp
        if (most_shrink*step%fnorm < state%fnorm) then
            step%actual = 1.0_wp - (step%fnorm/state%fnorm)**2
        end if
        do j = 1, size(state%step)
            state%scaled(j) = 0.0_wp
            do i = 1, j
                state%scaled(i) = state%scaled(i) + state%fjac(i, j)*state%step(state%ipvt(j))
            end do
        end do
        model_change = enorm(state%scaled)/state%fnorm
        damping = (sqrt(state%par)*step%length)/state%fnorm
        step%predicted = model_change**2 + damping**2/0.5_wp
        step%slope = -(model_change**2 + damping**2)
        step%ratio = 0.0_wp
        if (step%predicted /= 0.0_wp) step%ratio = step%actual/step%predicted
    end subroutine measure_reductions

    !> Radius and parameter for the next step, algorithm (7.1), part (d).
    pure subroutine update_radius(step, state)
        type(trial), intent(in) :: step    !! the trial step
        type(fit), intent(inout) :: state  !! the solve so far

        real(wp) :: shrink

        if (step%ratio <= shrink_ratio) then
            shrink = least_shrink
            if (step%actual < 0.0_wp) then
                shrink = least_shrink*step%slope/(step%slope + least_shrink*step%actual)
            end if
            if (most_shrink*step%fnorm >= state%fnorm .or. shrink < most_shrink) then
                shrink = most_shrink
            end if
            state%delta = shrink*smaller(state%delta, step%length/most_shrink)
            state%par = state%par/shrink
        else if (state%par == 0.0_wp .or. step%ratio >= expand_ratio) then
            state%delta = step%length/0.5_wp
            state%par = 0.5_wp*state%par
        end if
    end subroutine update_radius

    !> Moves to the trial point.
    pure subroutine accept(step, state)
        type(trial), intent(in) :: step    !! the trial step
        type(fit), intent(inout) :: state  !! the solve so far

        integer :: j

        do j = 1, size(state%x)
            state%x(j) = state%trial_x(j)
            state%trial_x(j) = state%diag(j)*state%x(j)
        end do
        call copy(state%trial_fvec, state%fvec)
        state%xnorm = enorm(state%trial_x)
        state%fnorm = step%fnorm
        state%iteration = state%iteration + 1
    end subroutine accept

    !> Copies between arrays that do not overlap, which the compiler cannot see of pointers.
    pure subroutine copy(source, destination)
        real(wp), intent(in), contiguous :: source(:)       !! any length
        real(wp), intent(out), contiguous :: destination(:) !! the same length

        destination = source
    end subroutine copy

    !> The stop tests: first those of success, then those of a solve that cannot go on.
    pure function convergence(step, state, settings, nfev) result(info)
        type(trial), intent(in) :: step         !! the trial step
        type(fit), intent(in) :: state          !! the solve so far
        type(controls), intent(in) :: settings  !! what the user chose
        integer(c_int), intent(in) :: nfev      !! residual evaluations so far
        integer(c_int) :: info

        info = running
        if (reductions_within(settings%ftol, step)) info = converged_reduction
        if (state%delta <= settings%xtol*state%xnorm) then
            info = merge(converged_both, converged_step, info == converged_reduction)
        end if
        if (info /= running) return
        if (nfev >= settings%maxfev) info = too_many_evaluations
        if (reductions_within(machine_epsilon, step)) info = ftol_too_small
        if (state%delta <= machine_epsilon*state%xnorm) info = xtol_too_small
        if (state%gnorm <= machine_epsilon) info = gtol_too_small
    end function convergence

    !> Whether actual and predicted reduction are small and agree well enough.
    pure function reductions_within(tolerance, step)
        real(wp), intent(in) :: tolerance  !! bound on both reductions
        type(trial), intent(in) :: step    !! the trial step
        logical :: reductions_within

        reductions_within = abs(step%actual) <= tolerance .and. step%predicted <= tolerance &
                            .and. 0.5_wp*step%ratio <= 1.0_wp
    end function reductions_within

end module leastsq_levenberg_marquardt
