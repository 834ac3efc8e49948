!> C entries to single steps of the iteration, for test_trust_region.py.
!>
!> A trial step is an array (length, fnorm, actual, predicted, slope, ratio), the state of the
!> trust region an array (fnorm, xnorm, gnorm, delta, par).
module trust_region_entries
    use, intrinsic :: iso_c_binding, only: c_int
    use leastsq_kinds, only: wp
    use leastsq_levenberg_marquardt, only: measure_reductions, update_radius
    use leastsq_solve, only: solve_arrays, solve_options, solve_state, trial_step, wants_jacobian
    use leastsq_stop_tests, only: convergence
    implicit none(type, external)
    private

    public :: call_predict, call_update_radius, call_convergence

contains

    !> Writes the reductions and their ratio to the step.
    subroutine call_predict(numbers, region, ldfjac, n, fjac, ipvt, p) bind(c)
        real(wp), intent(inout) :: numbers(6)               !! trial step
        real(wp), intent(in) :: region(5)                   !! state
        integer(c_int), intent(in), value :: ldfjac         !! rows of fjac
        integer(c_int), intent(in), value :: n              !! number of parameters
        real(wp), intent(inout), target :: fjac(ldfjac, n)  !! R in its upper triangle
        integer(c_int), intent(inout), target :: ipvt(n)    !! permutation, from 1
        real(wp), intent(inout), target :: p(n)             !! the step itself

        type(trial_step) :: step
        type(solve_arrays) :: arrays
        real(wp), target :: scratch(n)

        step = to_step(numbers)
        arrays%fjac => fjac
        arrays%ipvt => ipvt
        arrays%step => p
        arrays%model_change => scratch
        call measure_reductions(arrays, to_state(region), step)
        numbers = [step%length, step%fnorm, step%actual, step%predicted, step%slope, step%ratio]
    end subroutine call_predict

    !> Updates radius and parameter of the state.
    subroutine call_update_radius(numbers, region) bind(c)
        real(wp), intent(in) :: numbers(6)   !! trial step
        real(wp), intent(inout) :: region(5) !! state

        type(solve_state) :: state

        state = to_state(region)
        call update_radius(to_step(numbers), state)
        region = [state%fnorm, state%xnorm, state%gnorm, state%delta, state%par]
    end subroutine call_update_radius

    !> The exit code, zero if the solve continues.
    function call_convergence(numbers, region, ftol, xtol, maxfev, nfev) result(info) bind(c)
        real(wp), intent(in) :: numbers(6)          !! trial step
        real(wp), intent(in) :: region(5)           !! state
        real(wp), intent(in), value :: ftol         !! tolerance of the reductions
        real(wp), intent(in), value :: xtol         !! tolerance of the radius
        integer(c_int), intent(in), value :: maxfev !! most evaluations
        integer(c_int), intent(in), value :: nfev   !! evaluations made
        integer(c_int) :: info

        type(solve_options) :: options
        type(solve_state) :: state

        options = solve_options(ftol=ftol, xtol=xtol, gtol=0.0_wp, epsfcn=0.0_wp, factor=1.0_wp, &
                                maxfev=maxfev, mode=1, jacobian_request=wants_jacobian)
        state = to_state(region)
        state%nfev = nfev
        info = convergence(to_step(numbers), state, options)
    end function call_convergence

    pure function to_step(numbers) result(step)
        real(wp), intent(in) :: numbers(6)
        type(trial_step) :: step

        step = trial_step(length=numbers(1), fnorm=numbers(2), actual=numbers(3), &
                          predicted=numbers(4), slope=numbers(5), ratio=numbers(6))
    end function to_step

    pure function to_state(region) result(state)
        real(wp), intent(in) :: region(5)
        type(solve_state) :: state

        state%fnorm = region(1)
        state%xnorm = region(2)
        state%gnorm = region(3)
        state%delta = region(4)
        state%par = region(5)
    end function to_state

end module trust_region_entries
