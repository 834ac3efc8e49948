!> The least-squares problem whose Jacobian is approximated by forward differences.
module leastsq_lmdif_module
    use, intrinsic :: iso_c_binding, only: c_int, c_ptr
    use leastsq_kinds, only: wp
    use leastsq_callbacks, only: residual_function, for_report, for_residual, for_jacobian
    use leastsq_fdjac2_module, only: fdjac2
    use leastsq_problem, only: problem, fit
    implicit none(type, external)
    private

    public :: difference_problem

    !> A residual alone.
    type, extends(problem) :: difference_problem
        procedure(residual_function), pointer, nopass :: fcn
        type(c_ptr) :: data   !! handed to fcn
        real(wp) :: epsfcn    !! relative error of the residual
    contains
        procedure :: residual
        procedure :: jacobian
        procedure :: report
    end type difference_problem

contains

    !> One evaluation of fcn.
    recursive function residual(self, x, fvec) result(flag)
        class(difference_problem), intent(inout) :: self  !! the problem
        real(wp), intent(in), contiguous :: x(:)          !! parameters; (n)
        real(wp), intent(inout), contiguous :: fvec(:)    !! residuals; (m)
        integer(c_int) :: flag

        flag = self%fcn(self%data, self%m, self%n, x, fvec, for_residual)
        self%nfev = self%nfev + 1
    end function residual

    !> n evaluations of fcn, counted whether or not all were made.
    recursive function jacobian(self, state) result(flag)
        class(difference_problem), intent(inout) :: self  !! the problem
        type(fit), intent(inout) :: state                 !! the solve so far
        integer(c_int) :: flag

        flag = fdjac2(self%fcn, self%data, state%x, state%fvec, state%fjac, for_jacobian, &
                      self%epsfcn, state%trial_fvec)
        self%nfev = self%nfev + self%n
    end function jacobian

    !> A call of fcn that is not counted.
    recursive function report(self, state) result(flag)
        class(difference_problem), intent(inout) :: self  !! the problem
        type(fit), intent(inout) :: state                 !! the solve so far
        integer(c_int) :: flag

        flag = self%fcn(self%data, self%m, self%n, state%x, state%fvec, for_report)
    end function report

end module leastsq_lmdif_module
