!> Adapters from MINPACK-1's external fcn to the callbacks of the C API.
!>
!> A context on the stack of the calling procedure holds fcn; its address is the user data.
module leastsq_f77_callbacks
    use, intrinsic :: iso_c_binding, only: c_f_pointer, c_int, c_ptr
    use leastsq_kinds, only: wp
    implicit none(type, external)
    private

    public :: f77_residual, f77_jacobian
    public :: residual_context, jacobian_context, call_residual, call_jacobian

    abstract interface

        !> fcn of lmdif. As in MINPACK-1 no argument has an intent: existing programs modify even x.
        subroutine f77_residual(m, n, x, fvec, iflag)
            use leastsq_kinds, only: wp
            implicit none(type, external)
            integer :: m        !! number of residuals
            integer :: n        !! number of parameters
            real(wp) :: x(n)    !! parameters
            real(wp) :: fvec(m) !! residuals
            integer :: iflag    !! purpose of the call; set it negative to terminate
        end subroutine f77_residual

        !> fcn of lmder.
        subroutine f77_jacobian(m, n, x, fvec, fjac, ldfjac, iflag)
            use leastsq_kinds, only: wp
            implicit none(type, external)
            integer :: m                !! number of residuals
            integer :: n                !! number of parameters
            integer :: ldfjac           !! leading dimension of fjac
            real(wp) :: x(n)            !! parameters
            real(wp) :: fvec(m)         !! residuals
            real(wp) :: fjac(ldfjac, n) !! Jacobian
            integer :: iflag            !! purpose of the call; set it negative to terminate
        end subroutine f77_jacobian

    end interface

    !> User data of call_residual.
    type :: residual_context
        procedure(f77_residual), pointer, nopass :: fcn
    end type residual_context

    !> User data of call_jacobian.
    type :: jacobian_context
        procedure(f77_jacobian), pointer, nopass :: fcn
    end type jacobian_context

contains

    !> Calls the residual function in the context.
    recursive function call_residual(data, m, n, x, fvec, iflag) result(flag) &
        bind(c, name="")
        type(c_ptr), value, intent(in) :: data      !! address of the context
        integer(c_int), value, intent(in) :: m      !! number of residuals
        integer(c_int), value, intent(in) :: n      !! number of parameters
        real(wp), intent(in) :: x(n)                !! parameters
        real(wp), intent(inout) :: fvec(m)          !! residuals
        integer(c_int), value, intent(in) :: iflag  !! purpose of the call
        integer(c_int) :: flag

        type(residual_context), pointer :: context

        call c_f_pointer(data, context)
        flag = iflag
        call context%fcn(m, n, x, fvec, flag)
    end function call_residual

    !> Calls the residual and Jacobian function in the context.
    recursive function call_jacobian(data, m, n, x, fvec, fjac, ldfjac, iflag) result(flag) &
        bind(c, name="")
        type(c_ptr), value, intent(in) :: data       !! address of the context
        integer(c_int), value, intent(in) :: m       !! number of residuals
        integer(c_int), value, intent(in) :: n       !! number of parameters
        real(wp), intent(in) :: x(n)                 !! parameters
        real(wp), intent(inout) :: fvec(m)           !! residuals
        integer(c_int), value, intent(in) :: ldfjac  !! leading dimension of fjac
        real(wp), intent(inout) :: fjac(ldfjac, n)   !! Jacobian
        integer(c_int), value, intent(in) :: iflag   !! purpose of the call
        integer(c_int) :: flag

        type(jacobian_context), pointer :: context

        call c_f_pointer(data, context)
        flag = iflag
        call context%fcn(m, n, x, fvec, fjac, ldfjac, flag)
    end function call_jacobian

end module leastsq_f77_callbacks
