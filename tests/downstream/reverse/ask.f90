!> Rosenbrock's valley by reverse communication, Jacobian by the program.
program ask
    use, intrinsic :: iso_c_binding, only: c_double, c_f_pointer, c_int
    use leastsq_interface, only: leastsq_view, leastsq_workspace_size, leastsq_start, &
                                 leastsq_inspect, leastsq_resume, leastsq_wants_nothing, &
                                 leastsq_wants_residual
    implicit none(type, external)

    integer(c_int), parameter :: m = 2, n = 2
    real(c_double), parameter :: start(n) = [-1.2_c_double, 1.0_c_double]
    real(c_double), allocatable, target :: block(:)
    real(c_double), pointer :: x(:), fvec(:), fjac(:, :)
    type(leastsq_view) :: view
    integer(c_int) :: request

    allocate (block(leastsq_workspace_size(m, n)/8))
    request = leastsq_start(block, m, n, start, 1e-10_c_double, 1e-10_c_double, 0.0_c_double, &
                            300, 0.0_c_double, mode=1, factor=100.0_c_double, analytic=1)
    do while (leastsq_inspect(block, view) > leastsq_wants_nothing)
        call c_f_pointer(view%point, x, [n])
        if (view%request == leastsq_wants_residual) then
            call c_f_pointer(view%residual, fvec, [m])
            fvec = [10*(x(2) - x(1)**2), 1 - x(1)]
        else
            call c_f_pointer(view%jacobian, fjac, [m, n])
            fjac(:, 1) = [-20*x(1), -1.0_c_double]
            fjac(:, 2) = [10.0_c_double, 0.0_c_double]
        end if
        request = leastsq_resume(block, 0)
    end do
    call c_f_pointer(view%x, x, [n])
    print "(a, 2f9.6, a, i0, a, i0)", "x", x, ", info ", view%info, ", last request ", request
end program ask
