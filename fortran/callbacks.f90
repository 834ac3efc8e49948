!> Interfaces of the user's callbacks: C functions with a pointer to user data.
!>
!> The pointer is passed through, so that a solve needs no global state: it is re-entrant and
!> thread-safe.
module leastsq_callbacks
    implicit none(type, external)
    private

    public :: residual_function, jacobian_function, for_report, for_residual, for_jacobian

    integer, parameter :: for_report = 0    !! iflag: report the iterate (nprint), change nothing
    integer, parameter :: for_residual = 1  !! iflag: compute fvec at x
    integer, parameter :: for_jacobian = 2  !! iflag: compute fjac, or fvec for a difference column

    abstract interface

        !> Computes the residual vector at x; a negative flag requests termination.
        function residual_function(data, m, n, x, fvec, iflag) result(flag) bind(c)
            use, intrinsic :: iso_c_binding, only: c_int, c_ptr
            use leastsq_kinds, only: wp
            implicit none(type, external)
            type(c_ptr), value, intent(in) :: data      !! user data, passed through
            integer(c_int), value, intent(in) :: m      !! number of residuals
            integer(c_int), value, intent(in) :: n      !! number of parameters
            real(wp), intent(in) :: x(n)                !! parameters
            real(wp), intent(inout) :: fvec(m)          !! residuals
            integer(c_int), value, intent(in) :: iflag  !! purpose of the call
            integer(c_int) :: flag
        end function residual_function

        !> Computes the residual vector or the Jacobian at x; a negative flag requests termination.
        function jacobian_function(data, m, n, x, fvec, fjac, ldfjac, iflag) result(flag) bind(c)
            use, intrinsic :: iso_c_binding, only: c_int, c_ptr
            use leastsq_kinds, only: wp
            implicit none(type, external)
            type(c_ptr), value, intent(in) :: data       !! user data, passed through
            integer(c_int), value, intent(in) :: m       !! number of residuals
            integer(c_int), value, intent(in) :: n       !! number of parameters
            real(wp), intent(in) :: x(n)                 !! parameters
            real(wp), intent(inout) :: fvec(m)           !! residuals
            integer(c_int), value, intent(in) :: ldfjac  !! leading dimension of fjac, >= m
            real(wp), intent(inout) :: fjac(ldfjac, n)   !! Jacobian, d fvec(i) / d x(j)
            integer(c_int), value, intent(in) :: iflag   !! purpose of the call
            integer(c_int) :: flag
        end function jacobian_function

    end interface

end module leastsq_callbacks
