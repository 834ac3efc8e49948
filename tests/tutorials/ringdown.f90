!> Ring-down of a resonator, a exp(-g t) cos(w t + phi), and its derivatives with respect to
!> x = (a, g, w, phi): the residual of fortran_residual.py.
module ringdown

    use, intrinsic :: iso_c_binding, only: c_double, c_int, c_ptr, c_f_pointer
    implicit none(type, external)
    private
    public :: residual

contains

    !> Write what is asked for; a negative result stops the solve.
    integer(c_int) function residual(p, m, n, x, fvec, fjac, ldfjac, iflag) &
        result(status) bind(c, name="residual")
        type(c_ptr), value, intent(in) :: p !! pointers to measured values and their times
        integer(c_int), value, intent(in) :: m !! number of measured values
        integer(c_int), value, intent(in) :: n !! number of parameters, 4
        real(c_double), intent(in) :: x(n) !! parameters
        real(c_double), intent(inout) :: fvec(m) !! residuals, written if iflag is 1
        integer(c_int), value, intent(in) :: ldfjac !! leading dimension of fjac
        real(c_double), intent(inout) :: fjac(ldfjac, n) !! Jacobian, written if iflag is 2
        integer(c_int), value, intent(in) :: iflag !! what is asked for
        type(c_ptr), pointer :: arrays(:)
        real(c_double), pointer :: measured(:), t(:)

        call c_f_pointer(p, arrays, [2])
        call c_f_pointer(arrays(1), measured, [m])
        call c_f_pointer(arrays(2), t, [m])
        if (iflag == 1) then
            fvec = x(1)*exp(-x(2)*t)*cos(x(3)*t + x(4)) - measured
        else
            fjac(:m, 1) = exp(-x(2)*t)*cos(x(3)*t + x(4))
            fjac(:m, 2) = -t*x(1)*fjac(:m, 1)
            fjac(:m, 4) = -x(1)*exp(-x(2)*t)*sin(x(3)*t + x(4))
            fjac(:m, 3) = t*fjac(:m, 4)
        end if
        status = 0
    end function residual

end module ringdown
