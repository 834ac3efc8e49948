!> The least-squares problem whose Jacobian the user computes.
module leastsq_lmder_module
    use, intrinsic :: iso_c_binding, only: c_int, c_ptr
    use leastsq_kinds, only: wp
    use leastsq_callbacks, only: jacobian_function, for_report, for_residual, for_jacobian
    use leastsq_problem, only: problem, fit
    implicit none(type, external)
    private

    public :: analytic_problem

    !> A residual and its Jacobian in one function.
    type, extends(problem) :: analytic_problem
        procedure(jacobian_function), pointer, nopass :: fcn
        type(c_ptr) :: data                                  !! handed to fcn
        real(wp), pointer, contiguous :: fjac(:, :)          !! Jacobian; (ldfjac, n)
    contains
        procedure :: residual
        procedure :: jacobian
        procedure :: report
    end type analytic_problem

contains

    !> One evaluation of the residual.
    recursive function residual(self, x, fvec) result(flag)
        class(analytic_problem), intent(inout) :: self  !! the problem
        real(wp), intent(in), contiguous :: x(:)        !! parameters; (n)
        real(wp), intent(inout), contiguous :: fvec(:)  !! residuals; (m)
        integer(c_int) :: flag

        flag = call_fcn(self, x, fvec, self%fjac, for_residual)
        self%nfev = self%nfev + 1
    end function residual

    !> One evaluation of the Jacobian.
    recursive function jacobian(self, state) result(flag)
        class(analytic_problem), intent(inout) :: self  !! the problem
        type(fit), intent(inout) :: state               !! the solve so far
        integer(c_int) :: flag

        flag = call_fcn(self, state%x, state%fvec, state%fjac, for_jacobian)
        self%njev = self%njev + 1
    end function jacobian

    !> A call of fcn that is not counted.
    recursive function report(self, state) result(flag)
        class(analytic_problem), intent(inout) :: self  !! the problem
        type(fit), intent(inout) :: state               !! the solve so far
        integer(c_int) :: flag

        flag = call_fcn(self, state%x, state%fvec, state%fjac, for_report)
    end function report

    !> The user's function for one of its three purposes.
    recursive function call_fcn(self, x, fvec, fjac, iflag) result(flag)
        type(analytic_problem), intent(in) :: self         !! the problem
        real(wp), intent(in), contiguous :: x(:)           !! parameters; (n)
        real(wp), intent(inout), contiguous :: fvec(:)     !! residuals; (m)
        real(wp), intent(inout), contiguous :: fjac(:, :)  !! Jacobian; (ldfjac, n)
        integer(c_int), intent(in) :: iflag                !! purpose of the call
        integer(c_int) :: flag

        flag = self%fcn(self%data, self%m, self%n, x, fvec, fjac, size(fjac, 1), iflag)
    end function call_fcn

end module leastsq_lmder_module
