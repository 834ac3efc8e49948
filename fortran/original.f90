!> The C door over the distribution's original MINPACK. leastsq.h documents the arguments.
!>
!> MINPACK hands its argument m by reference straight through to the user's function. So m is
!> made the first component of a context that holds the C function and its pointer, and the
!> context is found again at the address of m. That leans on how Fortran passes arguments, not on
!> the standard: a second component holds a magic number, which is checked.
module leastsq_original
    use, intrinsic :: iso_c_binding, only: c_f_pointer, c_f_procpointer, c_funloc, c_funptr
    use, intrinsic :: iso_c_binding, only: c_int, c_loc, c_ptr
    use leastsq_kinds, only: wp
    use leastsq_callbacks, only: residual_function, jacobian_function, for_jacobian
    use leastsq_covar_module, only: covar
    implicit none(type, external)
    private

    public :: leastsq_lmdif, leastsq_lmder, leastsq_lmdif1, leastsq_lmder1, leastsq_enorm, &
              leastsq_qrfac, leastsq_qrsolv, leastsq_lmpar, leastsq_fdjac2, leastsq_covar, &
              leastsq_chkder, leastsq_dpmpar

    external :: lmdif, lmder, lmdif1, lmder1, qrfac, qrsolv, lmpar, fdjac2, chkder
    real(wp), external :: enorm, dpmpar

    integer(c_int), parameter :: magic_number = 1978
    integer(c_int), parameter :: broken_context = -huge(1_c_int)

    type, bind(c) :: user_context
        integer(c_int) :: m
        integer(c_int) :: magic
        type(c_funptr) :: fcn
        type(c_ptr) :: data
    end type user_context

contains

    !> The residual as MINPACK calls it; iflag is set only to stop, since MINPACK reuses it.
    recursive subroutine forward_residual(m, n, x, fvec, iflag)
        integer(c_int), intent(in), target :: m  !! first component of the context
        integer(c_int), intent(in) :: n          !! number of parameters
        real(wp), intent(in) :: x(n)             !! parameters
        real(wp), intent(inout) :: fvec(m)       !! residuals
        integer(c_int), intent(inout) :: iflag   !! purpose of the call; negative: stop

        type(user_context), pointer :: context
        procedure(residual_function), pointer :: fcn
        integer(c_int) :: flag

        call c_f_pointer(c_loc(m), context)
        flag = broken_context
        if (context%magic == magic_number) then
            call c_f_procpointer(context%fcn, fcn)
            flag = fcn(context%data, m, n, x, fvec, iflag)
        end if
        if (flag < 0) iflag = flag
    end subroutine forward_residual

    !> Residual and Jacobian as MINPACK calls them; iflag as above.
    recursive subroutine forward_jacobian(m, n, x, fvec, fjac, ldfjac, iflag)
        integer(c_int), intent(in), target :: m    !! first component of the context
        integer(c_int), intent(in) :: n            !! number of parameters
        real(wp), intent(in) :: x(n)               !! parameters
        real(wp), intent(inout) :: fvec(m)         !! residuals
        integer(c_int), intent(in) :: ldfjac       !! leading dimension of fjac
        real(wp), intent(inout) :: fjac(ldfjac, n) !! Jacobian
        integer(c_int), intent(inout) :: iflag     !! purpose of the call; negative: stop

        type(user_context), pointer :: context
        procedure(jacobian_function), pointer :: fcn
        integer(c_int) :: flag

        call c_f_pointer(c_loc(m), context)
        flag = broken_context
        if (context%magic == magic_number) then
            call c_f_procpointer(context%fcn, fcn)
            flag = fcn(context%data, m, n, x, fvec, fjac, ldfjac, iflag)
        end if
        if (flag < 0) iflag = flag
    end subroutine forward_jacobian

    !> Minimises a sum of squares, Jacobian by forward differences.
    recursive function leastsq_lmdif(fcn, p, m, n, x, fvec, ftol, xtol, gtol, maxfev, epsfcn, &
                                     diag, mode, factor, nprint, nfev, fjac, ldfjac, ipvt, qtf, &
                                     wa1, wa2, wa3, wa4) result(info) bind(c)
        procedure(residual_function) :: fcn        !! residual
        type(c_ptr), value :: p                    !! the user's own, handed to fcn unread
        integer(c_int), value :: m                 !! number of residuals, >= n
        integer(c_int), value :: n                 !! number of parameters, > 0
        real(wp), intent(inout) :: x(n)            !! start, then solution
        real(wp), intent(inout) :: fvec(m)         !! residual at x
        real(wp), value :: ftol                    !! reduction of the sum to stop at
        real(wp), value :: xtol                    !! relative error of x to stop at
        real(wp), value :: gtol                    !! cosine to stop at
        integer(c_int), value :: maxfev            !! evaluations to stop at, > 0
        real(wp), value :: epsfcn                  !! relative error of the residual
        real(wp), intent(inout) :: diag(n)         !! scaling; the user's if mode is 2
        integer(c_int), value :: mode              !! 2: diag is given; 1: it is not
        real(wp), value :: factor                  !! first step bound over ||D x||, > 0
        integer(c_int), value :: nprint            !! iterations between reports, or 0
        integer(c_int), intent(out) :: nfev        !! residual evaluations
        integer(c_int), value :: ldfjac            !! leading dimension of fjac, >= m
        real(wp), intent(inout) :: fjac(ldfjac, n) !! factors of the last Jacobian
        integer(c_int), intent(inout) :: ipvt(n)   !! permutation, from 1
        real(wp), intent(inout) :: qtf(n)          !! first n elements of Q^T fvec
        real(wp), intent(inout) :: wa1(n)          !! scratch
        real(wp), intent(inout) :: wa2(n)          !! scratch
        real(wp), intent(inout) :: wa3(n)          !! scratch
        real(wp), intent(inout) :: wa4(m)          !! scratch
        integer(c_int) :: info

        type(user_context), target :: context

        context = user_context(m, magic_number, c_funloc(fcn), p)
        call lmdif(forward_residual, context%m, n, x, fvec, ftol, xtol, gtol, maxfev, epsfcn, &
                   diag, mode, factor, nprint, info, nfev, fjac, ldfjac, ipvt, qtf, wa1, wa2, &
                   wa3, wa4)
    end function leastsq_lmdif

    !> Minimises a sum of squares, Jacobian by the user.
    recursive function leastsq_lmder(fcn, p, m, n, x, fvec, fjac, ldfjac, ftol, xtol, gtol, &
                                     maxfev, diag, mode, factor, nprint, nfev, njev, ipvt, qtf, &
                                     wa1, wa2, wa3, wa4) result(info) bind(c)
        procedure(jacobian_function) :: fcn        !! residual and Jacobian
        type(c_ptr), value :: p                    !! the user's own, handed to fcn unread
        integer(c_int), value :: m                 !! number of residuals, >= n
        integer(c_int), value :: n                 !! number of parameters, > 0
        real(wp), intent(inout) :: x(n)            !! start, then solution
        real(wp), intent(inout) :: fvec(m)         !! residual at x
        integer(c_int), value :: ldfjac            !! leading dimension of fjac, >= m
        real(wp), intent(inout) :: fjac(ldfjac, n) !! factors of the last Jacobian
        real(wp), value :: ftol                    !! reduction of the sum to stop at
        real(wp), value :: xtol                    !! relative error of x to stop at
        real(wp), value :: gtol                    !! cosine to stop at
        integer(c_int), value :: maxfev            !! evaluations to stop at, > 0
        real(wp), intent(inout) :: diag(n)         !! scaling; the user's if mode is 2
        integer(c_int), value :: mode              !! 2: diag is given; 1: it is not
        real(wp), value :: factor                  !! first step bound over ||D x||, > 0
        integer(c_int), value :: nprint            !! iterations between reports, or 0
        integer(c_int), intent(out) :: nfev        !! residual evaluations
        integer(c_int), intent(out) :: njev        !! Jacobian evaluations
        integer(c_int), intent(inout) :: ipvt(n)   !! permutation, from 1
        real(wp), intent(inout) :: qtf(n)          !! first n elements of Q^T fvec
        real(wp), intent(inout) :: wa1(n)          !! scratch
        real(wp), intent(inout) :: wa2(n)          !! scratch
        real(wp), intent(inout) :: wa3(n)          !! scratch
        real(wp), intent(inout) :: wa4(m)          !! scratch
        integer(c_int) :: info

        type(user_context), target :: context

        context = user_context(m, magic_number, c_funloc(fcn), p)
        call lmder(forward_jacobian, context%m, n, x, fvec, fjac, ldfjac, ftol, xtol, gtol, &
                   maxfev, diag, mode, factor, nprint, info, nfev, njev, ipvt, qtf, wa1, wa2, &
                   wa3, wa4)
    end function leastsq_lmder

    !> leastsq_lmdif with defaults, its arrays cut from wa.
    recursive function leastsq_lmdif1(fcn, p, m, n, x, fvec, tol, iwa, wa, lwa) &
        result(info) bind(c)
        procedure(residual_function) :: fcn     !! residual
        type(c_ptr), value :: p                 !! the user's own, handed to fcn unread
        integer(c_int), value :: m              !! number of residuals, >= n
        integer(c_int), value :: n              !! number of parameters, > 0
        real(wp), intent(inout) :: x(n)         !! start, then solution
        real(wp), intent(inout) :: fvec(m)      !! residual at x
        real(wp), value :: tol                  !! ftol and xtol of the solve, >= 0
        integer(c_int), intent(inout) :: iwa(n) !! permutation of the factors
        integer(c_int), value :: lwa            !! length of wa, >= m*n + 5*n + m
        real(wp), intent(inout) :: wa(lwa)      !! diag, qtf, scratch, factors
        integer(c_int) :: info

        type(user_context), target :: context

        context = user_context(m, magic_number, c_funloc(fcn), p)
        call lmdif1(forward_residual, context%m, n, x, fvec, tol, info, iwa, wa, lwa)
    end function leastsq_lmdif1

    !> leastsq_lmder with defaults, its vectors cut from wa.
    recursive function leastsq_lmder1(fcn, p, m, n, x, fvec, fjac, ldfjac, tol, ipvt, wa, lwa) &
        result(info) bind(c)
        procedure(jacobian_function) :: fcn        !! residual and Jacobian
        type(c_ptr), value :: p                    !! the user's own, handed to fcn unread
        integer(c_int), value :: m                 !! number of residuals, >= n
        integer(c_int), value :: n                 !! number of parameters, > 0
        real(wp), intent(inout) :: x(n)            !! start, then solution
        real(wp), intent(inout) :: fvec(m)         !! residual at x
        integer(c_int), value :: ldfjac            !! leading dimension of fjac, >= m
        real(wp), intent(inout) :: fjac(ldfjac, n) !! factors of the last Jacobian
        real(wp), value :: tol                     !! ftol and xtol of the solve, >= 0
        integer(c_int), intent(inout) :: ipvt(n)   !! permutation, from 1
        integer(c_int), value :: lwa               !! length of wa, >= 5*n + m
        real(wp), intent(inout) :: wa(lwa)         !! diag, qtf, scratch
        integer(c_int) :: info

        type(user_context), target :: context

        context = user_context(m, magic_number, c_funloc(fcn), p)
        call lmder1(forward_jacobian, context%m, n, x, fvec, fjac, ldfjac, tol, info, ipvt, wa, &
                    lwa)
    end function leastsq_lmder1

    !> Euclidean norm.
    function leastsq_enorm(n, x) result(norm) bind(c)
        integer(c_int), value :: n     !! length
        real(wp), intent(in) :: x(n)   !! vector
        real(wp) :: norm

        norm = enorm(n, x)
    end function leastsq_enorm

    !> QR factorisation.
    subroutine leastsq_qrfac(m, n, a, lda, pivot, ipvt, lipvt, rdiag, acnorm, wa) bind(c)
        integer(c_int), value :: m                   !! rows
        integer(c_int), value :: n                   !! columns
        integer(c_int), value :: lda                 !! leading dimension, >= m
        real(wp), intent(inout) :: a(lda, n)         !! matrix, then its factors
        integer(c_int), value :: pivot               !! nonzero: interchange columns
        integer(c_int), value :: lipvt               !! length of ipvt: n, or 1 without pivoting
        integer(c_int), intent(inout) :: ipvt(lipvt) !! permutation, from 1
        real(wp), intent(out) :: rdiag(n)            !! diagonal of R
        real(wp), intent(out) :: acnorm(n)           !! norms of the columns
        real(wp), intent(out) :: wa(n)               !! scratch

        logical :: interchange

        interchange = pivot /= 0
        call qrfac(m, n, a, lda, interchange, ipvt, lipvt, rdiag, acnorm, wa)
    end subroutine leastsq_qrfac

    !> Triangular least-squares problem with a diagonal below.
    subroutine leastsq_qrsolv(n, r, ldr, ipvt, diag, qtb, x, sdiag, wa) bind(c)
        integer(c_int), value :: n            !! order
        integer(c_int), value :: ldr          !! leading dimension, >= n
        real(wp), intent(inout) :: r(ldr, n)  !! R above, S^T below the diagonal
        integer(c_int), intent(in) :: ipvt(n) !! permutation, from 1
        real(wp), intent(in) :: diag(n)       !! diagonal of D
        real(wp), intent(in) :: qtb(n)        !! first n elements of Q^T b
        real(wp), intent(out) :: x(n)         !! solution
        real(wp), intent(inout) :: sdiag(n)   !! diagonal of S
        real(wp), intent(out) :: wa(n)        !! scratch

        call qrsolv(n, r, ldr, ipvt, diag, qtb, x, sdiag, wa)
    end subroutine leastsq_qrsolv

    !> Levenberg-Marquardt parameter.
    subroutine leastsq_lmpar(n, r, ldr, ipvt, diag, qtb, delta, par, x, sdiag, wa1, wa2) &
        bind(c)
        integer(c_int), value :: n            !! order
        integer(c_int), value :: ldr          !! leading dimension, >= n
        real(wp), intent(inout) :: r(ldr, n)  !! R above, S^T below the diagonal
        integer(c_int), intent(in) :: ipvt(n) !! permutation, from 1
        real(wp), intent(in) :: diag(n)       !! diagonal of D
        real(wp), intent(in) :: qtb(n)        !! first n elements of Q^T b
        real(wp), value :: delta              !! step bound, > 0
        real(wp), intent(inout) :: par        !! guess >= 0, then the parameter
        real(wp), intent(out) :: x(n)         !! solution
        real(wp), intent(inout) :: sdiag(n)   !! diagonal of S
        real(wp), intent(out) :: wa1(n)       !! scratch
        real(wp), intent(out) :: wa2(n)       !! scratch

        call lmpar(n, r, ldr, ipvt, diag, qtb, delta, par, x, sdiag, wa1, wa2)
    end subroutine leastsq_lmpar

    !> Forward-difference Jacobian.
    recursive function leastsq_fdjac2(fcn, p, m, n, x, fvec, fjac, ldfjac, epsfcn, wa) &
        result(flag) bind(c)
        procedure(residual_function) :: fcn        !! residual
        type(c_ptr), value :: p                    !! the user's own, handed to fcn unread
        integer(c_int), value :: m                 !! number of residuals
        integer(c_int), value :: n                 !! number of parameters
        integer(c_int), value :: ldfjac            !! leading dimension of fjac, >= m
        real(wp), intent(inout) :: x(n)            !! point
        real(wp), intent(in) :: fvec(m)            !! residual there
        real(wp), intent(inout) :: fjac(ldfjac, n) !! Jacobian
        real(wp), value :: epsfcn                  !! relative error of the residual
        real(wp), intent(inout) :: wa(m)           !! scratch
        integer(c_int) :: flag

        type(user_context), target :: context

        context = user_context(m, magic_number, c_funloc(fcn), p)
        flag = for_jacobian
        call fdjac2(forward_residual, context%m, n, x, fvec, fjac, ldfjac, flag, epsfcn, wa)
    end function leastsq_fdjac2

    !> Covariance matrix up to the residual variance.
    pure subroutine leastsq_covar(n, r, ldr, ipvt, tol, wa) bind(c)
        integer(c_int), value :: n            !! order
        integer(c_int), value :: ldr          !! leading dimension, >= n
        real(wp), intent(inout) :: r(ldr, n)  !! R, then the covariance
        integer(c_int), intent(in) :: ipvt(n) !! permutation, from 1
        real(wp), value :: tol                !! diagonal that counts as zero, over |r(1,1)|
        real(wp), intent(out) :: wa(n)        !! scratch

        call covar(r, ipvt, tol, wa)
    end subroutine leastsq_covar

    !> Check of a Jacobian: the point to compare with (mode 1), the comparison (mode 2).
    subroutine leastsq_chkder(m, n, x, fvec, fjac, ldfjac, xp, fvecp, mode, err) bind(c)
        integer(c_int), value :: m              !! number of residuals
        integer(c_int), value :: n              !! number of parameters
        integer(c_int), value :: ldfjac         !! leading dimension of fjac, >= m
        real(wp), intent(in) :: x(n)            !! point
        real(wp), intent(in) :: fvec(m)         !! mode 2: residual there
        real(wp), intent(in) :: fjac(ldfjac, n) !! mode 2: Jacobian there
        real(wp), intent(inout) :: xp(n)        !! mode 1: neighbouring point
        real(wp), intent(in) :: fvecp(m)        !! mode 2: residual at xp
        integer(c_int), value :: mode           !! 1 or 2
        real(wp), intent(inout) :: err(m)       !! mode 2: 1 right, 0 wrong

        call chkder(m, n, x, fvec, fjac, ldfjac, xp, fvecp, mode, err)
    end subroutine leastsq_chkder

    !> Machine constants: 1 epsilon, 2 smallest normal number, 3 largest number.
    function leastsq_dpmpar(i) result(constant) bind(c)
        integer(c_int), value :: i !! which one
        real(wp) :: constant

        constant = dpmpar(i)
    end function leastsq_dpmpar

end module leastsq_original
