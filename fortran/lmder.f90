!> lmder: driver of a solve with user-supplied residual and Jacobian.
module leastsq_lmder_module
    use, intrinsic :: iso_c_binding, only: c_int, c_ptr
    use leastsq_kinds, only: wp
    use leastsq_callbacks, only: jacobian_function, for_report, for_residual, for_jacobian
    use leastsq_levenberg_marquardt, only: start, resume
    use leastsq_solve, only: solve_options, solve_state, solve_arrays, report_is_due, &
                             wants_nothing, wants_residual, wants_first_residual
    implicit none(type, external)
    private

    public :: lmder

contains

    !> Runs a solve to termination.
    recursive subroutine lmder(fcn, data, options, nprint, arrays, state)
        procedure(jacobian_function) :: fcn         !! residual and Jacobian
        type(c_ptr), intent(in) :: data             !! user data, passed through to fcn
        type(solve_options), intent(in) :: options  !! the user's options
        integer(c_int), intent(in) :: nprint        !! iterations between reports; 0: none
        type(solve_arrays), intent(inout) :: arrays !! x and, if mode is 2, diag on entry
        type(solve_state), intent(out) :: state     !! final state

        integer(c_int) :: flag

        call start(options, arrays, state)
        do while (state%request /= wants_nothing)
            select case (state%request)
            case (wants_first_residual)
                flag = evaluate(fcn, data, arrays%x, arrays%fvec, arrays%fjac, for_residual)
            case (wants_residual)
                flag = evaluate(fcn, data, arrays%trial_x, arrays%trial_fvec, arrays%fjac, &
                                for_residual)
            case default
                flag = evaluate(fcn, data, arrays%x, arrays%fvec, arrays%fjac, for_jacobian)
                if (flag >= 0 .and. report_is_due(nprint, state)) then
                    flag = evaluate(fcn, data, arrays%x, arrays%fvec, arrays%fjac, for_report)
                end if
            end select
            call resume(options, flag, arrays, state)
        end do
        if (nprint > 0) flag = evaluate(fcn, data, arrays%x, arrays%fvec, arrays%fjac, for_report)
    end subroutine lmder

    !> Calls fcn through contiguous dummies: gfortran copies a pointer component passed to an
    !> explicit-shape dummy.
    recursive function evaluate(fcn, data, x, fvec, fjac, iflag) result(flag)
        procedure(jacobian_function) :: fcn               !! residual and Jacobian
        type(c_ptr), intent(in) :: data                   !! user data, passed through to fcn
        real(wp), intent(in), contiguous :: x(:)          !! parameters; (n)
        real(wp), intent(inout), contiguous :: fvec(:)    !! residuals; (m)
        real(wp), intent(inout), contiguous :: fjac(:, :) !! Jacobian; (ldfjac, n)
        integer(c_int), intent(in) :: iflag               !! purpose of the call
        integer(c_int) :: flag

        flag = fcn(data, size(fvec), size(x), x, fvec, fjac, size(fjac, 1), iflag)
    end function evaluate

end module leastsq_lmder_module
