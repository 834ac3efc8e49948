!> A program with an enorm of its own beside the library's lmder1, as a classic archive allows.
program own_enorm
    use leastsq_interface, only: lmder1, converged_reduction, orthogonal_residual
    implicit none(type, external)
    integer, parameter :: wp = kind(1.0d0), m = 2, n = 2
    integer :: info, ipvt(n)
    real(wp) :: x(n), fvec(m), fjac(m, n), wa(5*n + m)
    real(wp), external :: enorm
    external :: rosenbrock

    x = [-1.2_wp, 1.0_wp]
    call lmder1(rosenbrock, m, n, x, fvec, fjac, m, 1.0e-10_wp, info, ipvt, wa, size(wa))
    if (info < converged_reduction .or. info > orthogonal_residual) error stop
    print "(2f9.6, f7.1)", x, enorm(2, [1.0_wp, 2.0_wp])
end program own_enorm

!> Not a norm: shows which function is called.
function enorm(n, x)
    implicit none(type, external)
    integer, parameter :: wp = kind(1.0d0)
    integer :: n
    real(wp) :: x(n), enorm

    enorm = 1000.0_wp*n + x(1)
end function enorm

subroutine rosenbrock(m, n, x, fvec, fjac, ldfjac, iflag)
    implicit none(type, external)
    integer, parameter :: wp = kind(1.0d0)
    integer :: m, n, ldfjac, iflag
    real(wp) :: x(n), fvec(m), fjac(ldfjac, n)

    if (iflag == 1) fvec = [10*(x(2) - x(1)**2), 1 - x(1)]
    if (iflag == 2) fjac(:m, :) = reshape([-20*x(1), -1.0_wp, 10.0_wp, 0.0_wp], [m, n])
end subroutine rosenbrock
