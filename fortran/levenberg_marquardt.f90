!> The Levenberg-Marquardt iteration by reverse communication: start, then resume.
!>
!> Moré (1978), algorithm (7.1): the step p minimises the linear model ||f + J p|| in the trust
!> region ||D p|| <= delta; the ratio of actual to predicted reduction decides whether the step is
!> accepted, and the next radius delta.
!> No user procedure is called here: state%request says what a driver is to supply before resume.
!> The order of operations is part of the contract: it is MINPACK's, element by element.
module leastsq_levenberg_marquardt
    use, intrinsic :: iso_c_binding, only: c_int
    use leastsq_kinds, only: wp, is_finite, smaller
    use leastsq_status, only: improper_input, orthogonal_residual
    use leastsq_solve, only: solve_options, solve_state, solve_arrays, trial_step, &
                             options_are_proper, not_finished, wants_nothing, wants_residual, &
                             wants_jacobian, wants_first_residual
    use leastsq_stop_tests, only: convergence
    use leastsq_enorm_module, only: enorm, column_norms
    use leastsq_qrfac_module, only: householder_qr
    use leastsq_lmpar_module, only: lmpar
    implicit none(type, external)
    private

    public :: start, resume, resume_with_norm, resume_with_factors
    public :: measure_reductions, update_radius

    real(wp), parameter :: accept_ratio = 1.0e-4_wp   !! step accepted if ratio >= this
    real(wp), parameter :: shrink_ratio = 0.25_wp     !! radius reduced if ratio <= this
    real(wp), parameter :: expand_ratio = 0.75_wp     !! radius enlarged if ratio >= this
    real(wp), parameter :: max_shrink_factor = 0.5_wp !! largest factor of a reduction
    real(wp), parameter :: min_shrink_factor = 0.1_wp !! smallest factor of a reduction
    real(wp), parameter :: failure_factor = 0.1_wp    !! step failed if this*new norm >= old norm
    real(wp), parameter :: min_step_fraction = 0.1_wp !! radius reduced from <= ||D p||/this

contains

    !> Starts a solve at arrays%x; terminates it with improper_input if an argument is out of range.
    pure subroutine start(options, arrays, state)
        type(solve_options), intent(in) :: options !! the user's options
        type(solve_arrays), intent(in) :: arrays   !! x and, if mode is 2, diag
        type(solve_state), intent(out) :: state    !! state of the new solve

        state%info = improper_input
        if (.not. options_are_proper(options, arrays)) return
        state%info = not_finished
        state%request = wants_first_residual
    end subroutine start

    !> Continues once the request has been met, up to the next request or termination.
    pure subroutine resume(options, flag, arrays, state)
        type(solve_options), intent(in) :: options  !! the user's options
        integer(c_int), intent(in) :: flag          !! negative: terminate with info = flag
        type(solve_arrays), intent(inout) :: arrays !! with what was requested
        type(solve_state), intent(inout) :: state   !! state of the solve

        logical :: finite

        call count_evaluations(size(arrays%x), state)
        if (flag < 0) then
            call finish(flag, state)
            return
        end if
        select case (state%request)
        case (wants_first_residual)
            call after_first_residual(options, enorm(arrays%fvec), state)
        case (wants_residual)
            call after_residual(options, enorm(arrays%trial_fvec), arrays, state)
        case default
            call factor_jacobian(state%fnorm, arrays, finite)
            call after_jacobian(options, finite, arrays, state)
        end select
    end subroutine resume

    !> As resume with a residual, given its norm.
    pure subroutine resume_with_norm(options, norm, arrays, state)
        type(solve_options), intent(in) :: options  !! the user's options
        real(wp), intent(in) :: norm                !! norm of the residual
        type(solve_arrays), intent(inout) :: arrays !! with the requested residual
        type(solve_state), intent(inout) :: state   !! state of the solve

        call count_evaluations(size(arrays%x), state)
        if (state%request == wants_first_residual) then
            call after_first_residual(options, norm, state)
        else
            call after_residual(options, norm, arrays, state)
        end if
    end subroutine resume_with_norm

    !> As resume with a Jacobian whose elements are finite, given its QR factors and Q^T fvec.
    pure subroutine resume_with_factors(options, arrays, state)
        type(solve_options), intent(in) :: options  !! the user's options
        type(solve_arrays), intent(inout) :: arrays !! with R, ipvt, qtf and column norms
        type(solve_state), intent(inout) :: state   !! state of the solve

        call count_evaluations(size(arrays%x), state)
        call after_jacobian(options, .true., arrays, state)
    end subroutine resume_with_factors

    !> Counts the evaluations requested, also if a negative flag terminates them, as MINPACK does.
    pure subroutine count_evaluations(n, state)
        integer, intent(in) :: n                  !! number of parameters
        type(solve_state), intent(inout) :: state !! state of the solve

        select case (state%request)
        case (wants_first_residual, wants_residual)
            state%nfev = state%nfev + 1
        case (wants_jacobian)
            state%njev = state%njev + 1
        case default
            state%nfev = state%nfev + n
        end select
    end subroutine count_evaluations

    !> Terminates the solve.
    pure subroutine finish(info, state)
        integer(c_int), intent(in) :: info        !! exit code
        type(solve_state), intent(inout) :: state !! state of the solve

        state%info = info
        state%request = wants_nothing
    end subroutine finish

    !> Continues after the residual at the initial estimate: requests a Jacobian there.
    pure subroutine after_first_residual(options, fnorm, state)
        type(solve_options), intent(in) :: options !! the user's options
        real(wp), intent(in) :: fnorm              !! norm of the residual
        type(solve_state), intent(inout) :: state  !! state of the solve

        state%fnorm = fnorm
        state%request = options%jacobian_request
    end subroutine after_first_residual

    !> Continues after a Jacobian and its factorisation: scaling, gradient test, trial step.
    pure subroutine after_jacobian(options, finite, arrays, state)
        type(solve_options), intent(in) :: options  !! the user's options
        logical, intent(in) :: finite               !! whether fvec and the Jacobian are finite
        type(solve_arrays), intent(inout) :: arrays !! with the QR factors and qtf
        type(solve_state), intent(inout) :: state   !! state of the solve

        if (state%iteration == 1) call start_trust_region(options, arrays, state)
        call measure_gradient(arrays, state)
        if (state%gnorm <= options%gtol .or. .not. finite) then
            call finish(orthogonal_residual, state)
            return
        end if
        if (options%mode /= 2) call enlarge_scaling(arrays%column_norms, arrays%diag)
        call choose_step(arrays, state)
    end subroutine after_jacobian

    !> Continues after the residual at the trial point: gain ratio, radius, acceptance, stop tests;
    !> then requests a Jacobian, or a trial step in a smaller region.
    pure subroutine after_residual(options, fnorm, arrays, state)
        type(solve_options), intent(in) :: options  !! the user's options
        real(wp), intent(in) :: fnorm               !! norm of the residual at the trial point
        type(solve_arrays), intent(inout) :: arrays !! with the residual at the trial point
        type(solve_state), intent(inout) :: state   !! state of the solve

        type(trial_step) :: step
        integer(c_int) :: info

        step%length = state%step_length
        step%fnorm = fnorm
        call measure_reductions(arrays, state, step)
        call update_radius(step, state)
        if (step%ratio >= accept_ratio) call accept(step, arrays, state)
        info = convergence(step, state, options)
        if (info /= not_finished) then
            call finish(info, state)
        else if (step%ratio < accept_ratio) then
            call choose_step(arrays, state)
        else  ! also where the ratio is NaN
            state%request = options%jacobian_request
        end if
    end subroutine after_residual

    !> Computes the Jacobian's column norms and QR factors, and the first n elements of Q^T fvec.
    pure subroutine factor_jacobian(fnorm, arrays, finite)
        real(wp), intent(in) :: fnorm               !! norm of the residual
        type(solve_arrays), intent(inout) :: arrays !! fjac and fvec, then QR factors and qtf
        logical, intent(out) :: finite              !! whether fnorm and the Jacobian are finite

        integer :: i, j, m

        m = size(arrays%fvec)
        call column_norms(m, arrays%fjac, arrays%column_norms)
        finite = is_finite(fnorm)
        do j = 1, size(arrays%x)
            if (is_finite(arrays%column_norms(j))) cycle
            do i = 1, m
                finite = finite .and. is_finite(arrays%fjac(i, j))
            end do
        end do
        call copy(arrays%fvec, arrays%rotated_fvec)
        call householder_qr(m, arrays%fjac, .true., arrays%ipvt, arrays%rdiag, &
                            arrays%column_norms, arrays%scratch, arrays%multipliers, &
                            arrays%rotated_fvec)
        do j = 1, size(arrays%x)
            arrays%fjac(j, j) = arrays%rdiag(j)
            arrays%qtf(j) = arrays%rotated_fvec(j)
        end do
    end subroutine factor_jacobian

    !> Initial radius, and initial scaling from the column norms unless mode is 2.
    pure subroutine start_trust_region(options, arrays, state)
        type(solve_options), intent(in) :: options  !! the user's options
        type(solve_arrays), intent(inout) :: arrays !! with x and column norms; then diag
        type(solve_state), intent(inout) :: state   !! state of the solve

        integer :: j

        do j = 1, size(arrays%x)
            if (options%mode /= 2) then
                arrays%diag(j) = arrays%column_norms(j)
                if (arrays%diag(j) == 0.0_wp) arrays%diag(j) = 1.0_wp
            end if
            arrays%scaled_x(j) = arrays%diag(j)*arrays%x(j)
        end do
        state%xnorm = enorm(arrays%scaled_x)
        state%delta = options%factor*state%xnorm
        if (state%delta == 0.0_wp) state%delta = options%factor
    end subroutine start_trust_region

    !> Largest cosine of the angles between the residual and the columns of the Jacobian.
    pure subroutine measure_gradient(arrays, state)
        type(solve_arrays), intent(in) :: arrays  !! with R, qtf, column norms
        type(solve_state), intent(inout) :: state !! state of the solve

        real(wp) :: total, cosine, largest, norm
        integer :: i, j

        largest = 0.0_wp
        state%gnorm = largest
        if (state%fnorm == 0.0_wp) return
        do j = 1, size(arrays%x)
            norm = arrays%column_norms(arrays%ipvt(j))
            if (norm == 0.0_wp) cycle
            total = 0.0_wp
            do i = 1, j
                total = total + arrays%fjac(i, j)*(arrays%qtf(i)/state%fnorm)
            end do
            cosine = abs(total/norm)
            largest = merge(cosine, largest, cosine > largest)  ! larger(), inline
        end do
        state%gnorm = largest
    end subroutine measure_gradient

    !> Enlarges the scaling to the largest column norms so far, Moré (1978), sec. 6.
    pure subroutine enlarge_scaling(norms, diag)
        real(wp), intent(in), contiguous :: norms(:)   !! column norms of the Jacobian; (n)
        real(wp), intent(inout), contiguous :: diag(:) !! scaling D; (n)

        integer :: j

        do j = 1, size(diag)
            diag(j) = merge(norms(j), diag(j), norms(j) > diag(j))
        end do
    end subroutine enlarge_scaling

    !> Levenberg-Marquardt step for the current radius; the first one also bounds the radius.
    pure subroutine choose_step(arrays, state)
        type(solve_arrays), intent(inout) :: arrays !! with R, diag, qtf; then the trial point
        type(solve_state), intent(inout) :: state   !! state of the solve

        integer :: j

        call lmpar(arrays%fjac, arrays%ipvt, arrays%diag, arrays%qtf, state%delta, state%par, &
                   arrays%step, arrays%sdiag, arrays%scratch, arrays%lmpar_scratch)
        do j = 1, size(arrays%x)
            arrays%step(j) = -arrays%step(j)
            arrays%trial_x(j) = arrays%x(j) + arrays%step(j)
            arrays%scaled_step(j) = arrays%diag(j)*arrays%step(j)
        end do
        state%step_length = enorm(arrays%scaled_step)
        if (state%iteration == 1) state%delta = smaller(state%delta, state%step_length)
        state%request = wants_residual
    end subroutine choose_step

    !> Actual and predicted reduction and their ratio, Moré (1978), sec. 4.
    !>
    !> If the new norm is not finite, or at least ten times the old one, actual is -1.
    pure subroutine measure_reductions(arrays, state, step)
        type(solve_arrays), intent(inout) :: arrays !! with R, ipvt and the step
        type(solve_state), intent(in) :: state      !! state of the solve
        type(trial_step), intent(inout) :: step     !! length and fnorm on entry

        real(wp) :: change, damping
        integer :: i, j

        step%actual = -1.0_wp
        if (failure_factor*step%fnorm < state%fnorm) then
            step%actual = 1.0_wp - (step%fnorm/state%fnorm)**2
        end if
        do j = 1, size(arrays%step)
            arrays%model_change(j) = 0.0_wp
            do i = 1, j
                arrays%model_change(i) = arrays%model_change(i) &
                                         + arrays%fjac(i, j)*arrays%step(arrays%ipvt(j))
            end do
        end do
        change = enorm(arrays%model_change)/state%fnorm
        damping = (sqrt(state%par)*step%length)/state%fnorm
        step%predicted = change**2 + damping**2/0.5_wp
        step%slope = -(change**2 + damping**2)
        step%ratio = 0.0_wp
        if (step%predicted /= 0.0_wp) step%ratio = step%actual/step%predicted
    end subroutine measure_reductions

    !> Radius and parameter for the next step, Moré (1978), algorithm (7.1), part (d).
    pure subroutine update_radius(step, state)
        type(trial_step), intent(in) :: step      !! the trial step
        type(solve_state), intent(inout) :: state !! state of the solve

        real(wp) :: shrink

        if (step%ratio <= shrink_ratio) then
            shrink = max_shrink_factor
            if (step%actual < 0.0_wp) then
                shrink = max_shrink_factor*step%slope/(step%slope + max_shrink_factor*step%actual)
            end if
            if (failure_factor*step%fnorm >= state%fnorm .or. shrink < min_shrink_factor) then
                shrink = min_shrink_factor
            end if
            state%delta = shrink*smaller(state%delta, step%length/min_step_fraction)
            state%par = state%par/shrink
        else if (state%par == 0.0_wp .or. step%ratio >= expand_ratio) then
            state%delta = step%length/0.5_wp
            state%par = 0.5_wp*state%par
        end if
    end subroutine update_radius

    !> Accepts the trial point as the next iterate.
    pure subroutine accept(step, arrays, state)
        type(trial_step), intent(in) :: step        !! the trial step
        type(solve_arrays), intent(inout) :: arrays !! with the trial point; then x, fvec
        type(solve_state), intent(inout) :: state   !! state of the solve

        integer :: j

        do j = 1, size(arrays%x)
            arrays%x(j) = arrays%trial_x(j)
            arrays%scaled_x(j) = arrays%diag(j)*arrays%x(j)
        end do
        call copy(arrays%trial_fvec, arrays%fvec)
        state%xnorm = enorm(arrays%scaled_x)
        state%fnorm = step%fnorm
        state%iteration = state%iteration + 1
    end subroutine accept

    !> Copies an array; the dummies tell the compiler that the pointers do not overlap.
    pure subroutine copy(source, destination)
        real(wp), intent(in), contiguous :: source(:)       !! any length
        real(wp), intent(out), contiguous :: destination(:) !! the same length

        destination = source
    end subroutine copy

end module leastsq_levenberg_marquardt
