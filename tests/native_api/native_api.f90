!> The user's functions of the program: Bard's problem.
module bard
    use, intrinsic :: iso_c_binding, only: wp => c_double
    implicit none(type, external)
    private

    public :: wp, y, residual_of_bard, jacobian_of_bard, calls, stop_at

    integer :: calls = 0   !! evaluations in this solve
    integer :: stop_at = 0 !! the evaluation that ends it
    real(wp), parameter :: y(15) = &
                           [14, 18, 22, 25, 29, 32, 35, 39, 37, 58, 73, 96, 134, 210, 439]/100.0_wp

contains

    subroutine residual_of_bard(m, n, x, fvec, iflag)
        integer :: m        !! number of residuals
        integer :: n        !! number of parameters
        real(wp) :: x(n)    !! parameters
        real(wp) :: fvec(m) !! residuals
        integer :: iflag    !! purpose of the call

        real(wp) :: u, v
        integer :: i

        if (iflag /= 0) then
            do i = 1, m
                u = i
                v = 16 - i
                fvec(i) = y(i) - (x(1) + u/(v*x(2) + min(u, v)*x(3)))
            end do
        end if
        call count_call(iflag)
    end subroutine residual_of_bard

    subroutine jacobian_of_bard(m, n, x, fvec, fjac, ldfjac, iflag)
        integer :: m                !! number of residuals
        integer :: n                !! number of parameters
        integer :: ldfjac           !! leading dimension of fjac
        real(wp) :: x(n)            !! parameters
        real(wp) :: fvec(m)         !! residuals
        real(wp) :: fjac(ldfjac, n) !! Jacobian
        integer :: iflag            !! purpose of the call

        real(wp) :: u, v, below
        integer :: i

        if (iflag /= 2) then
            call residual_of_bard(m, n, x, fvec, iflag)
            return
        end if
        do i = 1, m
            u = i
            v = 16 - i
            below = v*x(2) + min(u, v)*x(3)
            fjac(i, :) = [-1.0_wp, u*v/(below*below), u*min(u, v)/(below*below)]
        end do
        call count_call(iflag)
    end subroutine jacobian_of_bard

    subroutine count_call(iflag)
        integer, intent(inout) :: iflag !! becomes negative at the call to stop at

        calls = calls + 1
        if (calls == stop_at) iflag = -100 - calls
    end subroutine count_call

end module bard

!> Calls every routine of the Fortran API; its output is that of native_api.c.
program native_api
    use bard, only: wp, y, calls, stop_at, residual_of_bard, jacobian_of_bard
    use leastsq_interface, only: lmdif, lmdif1, lmder, lmder1, enorm, qrfac, qrsolv, lmpar, &
                                 fdjac2, covar, chkder, dpmpar, improper_input, &
                                 converged_reduction, converged_step, converged_both, &
                                 orthogonal_residual, too_many_evaluations, ftol_too_small, &
                                 xtol_too_small, gtol_too_small
    implicit none(type, external)
    integer, parameter :: m = 15, n = 3

    print "(a, *(1x, i0))", "status", improper_input, converged_reduction, converged_step, &
        converged_both, orthogonal_residual, too_many_evaluations, ftol_too_small, &
        xtol_too_small, gtol_too_small
    call blocks()
    call solves("lmdif ", 1)
    call solves("lmder ", 1)
    call solves("lmdif1", 0)
    call solves("lmder1", 0)
    call solves("fdjac2", 0)

contains

    subroutine show(name, number, values)
        character(len=*), intent(in) :: name  !! label
        integer, intent(in) :: number         !! printed beside it
        real(wp), intent(in) :: values(:)     !! printed as bits

        print "(a, 1x, i0)", name, number
        print "(1x, z16.16)", values
    end subroutine show

    subroutine blocks()
        real(wp) :: x(n), diag(n), fvec(m), fvecp(m), fjac(m, n), r(m, n), rdiag(n), acnorm(n)
        real(wp) :: sdiag(n), wa(n), wa2(n), xp(n), err(m), par
        integer :: ipvt(n), iflag, i, pivot

        x = [0.9_wp, 1.3_wp, 0.5_wp]
        diag = [1.0_wp, 0.5_wp, 2.0_wp]
        iflag = 1
        call jacobian_of_bard(m, n, x, fvec, fjac, m, iflag)
        iflag = 2
        call jacobian_of_bard(m, n, x, fvec, fjac, m, iflag)
        call show("enorm", 0, [enorm(m, fvec)])
        do i = 1, 3
            call show("dpmpar", i, [dpmpar(i)])
        end do
        call chkder(m, n, x, fvec, fjac, m, xp, fvecp, 1, err)
        iflag = 1
        call jacobian_of_bard(m, n, xp, fvecp, fjac, m, iflag)
        call chkder(m, n, x, fvec, fjac, m, xp, fvecp, 2, err)
        call show("chkder", 1, xp)
        call show("chkder", 2, err)
        do pivot = 0, 1
            r = fjac
            call qrfac(m, n, r, m, pivot == 1, ipvt, merge(n, 1, pivot == 1), rdiag, acnorm, wa)
            call show("qrfac", pivot, pack(r, .true.))
            call show("rdiag", pivot, rdiag)
            call show("acnorm", pivot, acnorm)
        end do
        print "(a, *(1x, i0))", "ipvt", ipvt
        do i = 1, n
            r(i, i) = rdiag(i)
        end do
        call qrsolv(n, r, m, ipvt, diag, fvec, x, sdiag, wa)
        call show("qrsolv", 0, x)
        call show("sdiag", 0, sdiag)
        par = 0.0_wp
        call lmpar(n, r, m, ipvt, diag, fvec, 0.1_wp, par, x, sdiag, wa, wa2)
        call show("lmpar", 0, x)
        call show("par", 0, [par])
        call covar(n, r, m, ipvt, 0.0_wp, wa)
        call show("covar", 0, pack(r, .true.))
    end subroutine blocks

    !> Solves to the end, then up to each evaluation.
    subroutine solves(name, most_prints)
        character(len=*), intent(in) :: name !! routine
        integer, intent(in) :: most_prints   !! largest nprint

        integer :: nprint, last, total

        do nprint = 0, most_prints
            call solve(name, 0, nprint)
            total = calls
            do last = 1, total
                call solve(name, last, nprint)
            end do
        end do
    end subroutine solves

    subroutine solve(name, last, nprint)
        character(len=*), intent(in) :: name !! routine
        integer, intent(in) :: last          !! the evaluation that ends it
        integer, intent(in) :: nprint        !! iterations between reports

        real(wp), parameter :: tol = 1.0e-8_wp, zero = 0.0_wp, factor = 100.0_wp
        real(wp) :: x(n), fvec(m), fjac(m, n), diag(n), qtf(n), wa1(n), wa2(n), wa3(n), wa4(m)
        real(wp) :: wa(m*n + 5*n + m)
        integer :: info, nfev, njev, ipvt(n)

        calls = 0
        stop_at = last
        x = 1.0_wp
        fjac = 0.0_wp
        nfev = 0
        njev = 0
        select case (name)
        case ("lmdif")
            call lmdif(residual_of_bard, m, n, x, fvec, tol, tol, zero, 1000, zero, diag, 1, &
                       factor, nprint, info, nfev, fjac, m, ipvt, qtf, wa1, wa2, wa3, wa4)
        case ("lmder")
            call lmder(jacobian_of_bard, m, n, x, fvec, fjac, m, tol, tol, zero, 1000, diag, 1, &
                       factor, nprint, info, nfev, njev, ipvt, qtf, wa1, wa2, wa3, wa4)
        case ("lmdif1")
            call lmdif1(residual_of_bard, m, n, x, fvec, tol, info, ipvt, wa, size(wa))
        case ("lmder1")
            call lmder1(jacobian_of_bard, m, n, x, fvec, fjac, m, tol, info, ipvt, wa, 5*n + m)
        case default
            info = 1
            call fdjac2(residual_of_bard, m, n, x, y, fjac, m, info, zero, wa4)
            info = min(info, 0)
        end select
        print "(a, 4(a, i0))", trim(name), " stop_at ", last, " nprint ", nprint, " nfev ", nfev, &
            " njev ", njev
        call show("x", info, x)
        call show("fjac", calls, pack(fjac, .true.))
    end subroutine solve

end program native_api
