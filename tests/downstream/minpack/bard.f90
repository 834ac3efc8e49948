!> A program for MINPACK as its user guide describes it: external routines, no interfaces.
!>
!> Bard's problem, 15 residuals of 3 parameters. It prints bits, but only digits where the library's
!> own machine epsilon is in the result: chkder's verdicts, and lmdif1's as the guide prints them.
program bard
    implicit none
    integer, parameter :: wp = kind(1.0d0), m = 15, n = 3, lwa = m*n + 5*n + m
    real(wp), parameter :: epsilon_1980 = 2.22044604926e-16_wp
    integer :: info, nfev, njev, ipvt(n)
    real(wp) :: x(n), fvec(m), fjac(m, n), diag(n), qtf(n), wa1(n), wa2(n), wa3(n), wa4(m)
    real(wp) :: wa(lwa), xp(n), fvecp(m), err(m), tol
    real(wp), external :: dpmpar, enorm
    external :: chkder, lmder, lmder1, lmdif, lmdif1, jacobian, residual

    tol = sqrt(dpmpar(1))

    x = [0.92_wp, 1.3_wp, 0.54_wp]
    call chkder(m, n, x, fvec, fjac, m, xp, fvecp, 1, err)
    call jacobian(m, n, x, fvec, fjac, m, 1)
    call jacobian(m, n, x, fvec, fjac, m, 2)
    call jacobian(m, n, xp, fvecp, fjac, m, 1)
    fjac(7, 2) = -fjac(7, 2)
    call chkder(m, n, x, fvec, fjac, m, xp, fvecp, 2, err)
    print "(a, *(f5.2))", "chkder", err

    x = 1.0_wp
    call lmder1(jacobian, m, n, x, fvec, fjac, m, tol, info, ipvt, wa, lwa)
    call show("lmder1", [info, ipvt], [x, fvec, fjac, enorm(m, fvec)])

    x = 1.0_wp
    call lmder(jacobian, m, n, x, fvec, fjac, m, tol, tol, 0.0_wp, 400, diag, 1, 100.0_wp, 0, &
               info, nfev, njev, ipvt, qtf, wa1, wa2, wa3, wa4)
    call show("lmder", [info, nfev, njev, ipvt], [x, fvec, fjac, diag, qtf])

    x = 1.0_wp
    call lmdif(residual, m, n, x, fvec, tol, tol, 0.0_wp, 1600, epsilon_1980, diag, 1, 100.0_wp, &
               0, info, nfev, fjac, m, ipvt, qtf, wa1, wa2, wa3, wa4)
    call show("lmdif", [info, nfev, ipvt], [x, fvec, fjac, diag, qtf])

    x = 1.0_wp
    call lmdif1(residual, m, n, x, fvec, tol, info, ipvt, wa, lwa)
    print "(a, i2, 4es15.6)", "lmdif1", info, enorm(m, fvec), x

contains

    subroutine show(name, integers, reals)
        character(len=*), intent(in) :: name
        integer, intent(in) :: integers(:)
        real(wp), intent(in) :: reals(:)

        print "(a, *(1x, i0))", name, integers
        print "(4(1x, z16.16))", reals
    end subroutine show

end program bard

subroutine residual(m, n, x, fvec, iflag)
    implicit none
    integer, parameter :: wp = kind(1.0d0)
    integer :: m, n, iflag
    real(wp) :: x(n), fvec(m)
    real(wp), parameter :: y(15) = &
                           [14, 18, 22, 25, 29, 32, 35, 39, 37, 58, 73, 96, 134, 210, 439]/100.0_wp
    integer :: i

    if (iflag == 0) return
    do i = 1, m
        fvec(i) = y(i) - (x(1) + i/(x(2)*(16 - i) + x(3)*min(i, 16 - i)))
    end do
end subroutine residual

subroutine jacobian(m, n, x, fvec, fjac, ldfjac, iflag)
    implicit none
    integer, parameter :: wp = kind(1.0d0)
    integer :: m, n, ldfjac, iflag
    real(wp) :: x(n), fvec(m), fjac(ldfjac, n)
    external :: residual
    real(wp) :: slope
    integer :: i

    if (iflag == 1) call residual(m, n, x, fvec, iflag)
    if (iflag /= 2) return
    do i = 1, m
        slope = i/(x(2)*(16 - i) + x(3)*min(i, 16 - i))**2
        fjac(i, 1) = -1.0_wp
        fjac(i, 2) = (16 - i)*slope
        fjac(i, 3) = min(i, 16 - i)*slope
    end do
end subroutine jacobian
