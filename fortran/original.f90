!> The C API of leastsq.h over the system's MINPACK library. leastsq.h documents the arguments.
!>
!> MINPACK passes its argument m, by reference, unchanged to fcn. Here m is the first component of
!> a context that also holds the C function and its user data, and fcn finds the context at the
!> address of m. This depends on how compilers pass arguments, not on the standard; fcn checks a
!> magic number in the second component.
module leastsq_original
    use, intrinsic :: iso_c_binding, only: c_f_pointer, c_f_procpointer, c_funloc, c_funptr
    use, intrinsic :: iso_c_binding, only: c_int, c_int64_t, c_loc, c_ptr
    use leastsq_kinds, only: wp
    use leastsq_callbacks, only: residual_function, jacobian_function, for_jacobian
    use leastsq_covar_module, only: covar
    use leastsq_status, only: improper_input
    implicit none(type, external)
    private

    public :: leastsq_lmdif, leastsq_lmder, leastsq_lmdif1, leastsq_lmder1, leastsq_enorm, &
              leastsq_qrfac, leastsq_qrsolv, leastsq_lmpar, leastsq_fdjac2, leastsq_covar, &
              leastsq_chkder, leastsq_dpmpar

    external :: lmdif, lmder, lmdif1, lmder1, qrfac, qrsolv, lmpar, fdjac2, chkder
    real(wp), external :: enorm, dpmpar

    integer(c_int), parameter :: magic_number = 1978             !! marks a user_context
    integer(c_int), parameter :: broken_context = -huge(1_c_int) !! info where it is missing

    !> What fcn needs of a call; m must come first.
    type, bind(c) :: user_context
        integer(c_int) :: m     !! number of residuals
        integer(c_int) :: magic !! magic_number
        type(c_funptr) :: fcn   !! the C function
        type(c_ptr) :: data     !! user data, passed through to fcn
    end type user_context

contains

    !> The residual as MINPACK calls it. MINPACK uses iflag again: it is set only to terminate.
    recursive subroutine forward_residual(m, n, x, fvec, iflag)
        integer(c_int), intent(in), target :: m !! first component of the context
        integer(c_int), intent(in) :: n         !! number of parameters
        real(wp), intent(in) :: x(n)            !! parameters
        real(wp), intent(inout) :: fvec(m)      !! residuals
        integer(c_int), intent(inout) :: iflag  !! purpose of the call; negative: terminate

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
        integer(c_int), intent(inout) :: iflag     !! purpose of the call; negative: terminate

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

    !> Minimises a sum of squares; Jacobian by forward differences.
    recursive function leastsq_lmdif(fcn, p, m, n, x, fvec, ftol, xtol, gtol, maxfev, epsfcn, &
                                     diag, mode, factor, nprint, nfev, fjac, ldfjac, ipvt, qtf, &
                                     wa1, wa2, wa3, wa4) result(info) bind(c)
        procedure(residual_function) :: fcn        !! residual
        type(c_ptr), value :: p                    !! user data, passed through to fcn
        integer(c_int), value :: m                 !! number of residuals, >= n
        integer(c_int), value :: n                 !! number of parameters, > 0
        real(wp), intent(inout) :: x(n)            !! initial estimate, then solution
        real(wp), intent(inout) :: fvec(m)         !! residual at x
        real(wp), value :: ftol                    !! relative tolerance for sum of squares
        real(wp), value :: xtol                    !! relative tolerance for x
        real(wp), value :: gtol                    !! orthogonality tolerance (cosine)
        integer(c_int), value :: maxfev            !! limit on residual evaluations, > 0
        real(wp), value :: epsfcn                  !! relative error of the residual
        real(wp), intent(inout) :: diag(n)         !! scale factors; input if mode is 2
        integer(c_int), value :: mode              !! 1: internal scaling; 2: by diag
        real(wp), value :: factor                  !! initial step bound over ||D x||, > 0
        integer(c_int), value :: nprint            !! iterations between reports; 0: none
        integer(c_int), intent(out) :: nfev        !! residual evaluations
        integer(c_int), value :: ldfjac            !! leading dimension of fjac, >= m
        real(wp), intent(inout) :: fjac(ldfjac, n) !! QR factors of the last Jacobian
        integer(c_int), intent(inout) :: ipvt(n)   !! permutation, 1-based
        real(wp), intent(inout) :: qtf(n)          !! first n elements of Q^T fvec
        real(wp), intent(inout) :: wa1(n)          !! work array
        real(wp), intent(inout) :: wa2(n)          !! work array
        real(wp), intent(inout) :: wa3(n)          !! work array
        real(wp), intent(inout) :: wa4(m)          !! work array
        integer(c_int) :: info

        type(user_context), target :: context

        context = user_context(m, magic_number, c_funloc(fcn), p)
        call lmdif(forward_residual, context%m, n, x, fvec, ftol, xtol, gtol, maxfev, epsfcn, &
                   diag, mode, factor, nprint, info, nfev, fjac, ldfjac, ipvt, qtf, wa1, wa2, &
                   wa3, wa4)
    end function leastsq_lmdif

    !> Minimises a sum of squares; Jacobian supplied by the user.
    recursive function leastsq_lmder(fcn, p, m, n, x, fvec, fjac, ldfjac, ftol, xtol, gtol, &
                                     maxfev, diag, mode, factor, nprint, nfev, njev, ipvt, qtf, &
                                     wa1, wa2, wa3, wa4) result(info) bind(c)
        procedure(jacobian_function) :: fcn        !! residual and Jacobian
        type(c_ptr), value :: p                    !! user data, passed through to fcn
        integer(c_int), value :: m                 !! number of residuals, >= n
        integer(c_int), value :: n                 !! number of parameters, > 0
        real(wp), intent(inout) :: x(n)            !! initial estimate, then solution
        real(wp), intent(inout) :: fvec(m)         !! residual at x
        integer(c_int), value :: ldfjac            !! leading dimension of fjac, >= m
        real(wp), intent(inout) :: fjac(ldfjac, n) !! QR factors of the last Jacobian
        real(wp), value :: ftol                    !! relative tolerance for sum of squares
        real(wp), value :: xtol                    !! relative tolerance for x
        real(wp), value :: gtol                    !! orthogonality tolerance (cosine)
        integer(c_int), value :: maxfev            !! limit on residual evaluations, > 0
        real(wp), intent(inout) :: diag(n)         !! scale factors; input if mode is 2
        integer(c_int), value :: mode              !! 1: internal scaling; 2: by diag
        real(wp), value :: factor                  !! initial step bound over ||D x||, > 0
        integer(c_int), value :: nprint            !! iterations between reports; 0: none
        integer(c_int), intent(out) :: nfev        !! residual evaluations
        integer(c_int), intent(out) :: njev        !! Jacobian evaluations
        integer(c_int), intent(inout) :: ipvt(n)   !! permutation, 1-based
        real(wp), intent(inout) :: qtf(n)          !! first n elements of Q^T fvec
        real(wp), intent(inout) :: wa1(n)          !! work array
        real(wp), intent(inout) :: wa2(n)          !! work array
        real(wp), intent(inout) :: wa3(n)          !! work array
        real(wp), intent(inout) :: wa4(m)          !! work array
        integer(c_int) :: info

        type(user_context), target :: context

        context = user_context(m, magic_number, c_funloc(fcn), p)
        call lmder(forward_jacobian, context%m, n, x, fvec, fjac, ldfjac, ftol, xtol, gtol, &
                   maxfev, diag, mode, factor, nprint, info, nfev, njev, ipvt, qtf, wa1, wa2, &
                   wa3, wa4)
    end function leastsq_lmder

    !> leastsq_lmdif with default options; wa holds its work arrays.
    recursive function leastsq_lmdif1(fcn, p, m, n, x, fvec, tol, iwa, wa, lwa) &
        result(info) bind(c)
        procedure(residual_function) :: fcn     !! residual
        type(c_ptr), value :: p                 !! user data, passed through to fcn
        integer(c_int), value :: m              !! number of residuals, >= n
        integer(c_int), value :: n              !! number of parameters, > 0
        real(wp), intent(inout) :: x(n)         !! initial estimate, then solution
        real(wp), intent(inout) :: fvec(m)      !! residual at x
        real(wp), value :: tol                  !! ftol and xtol of the solve, >= 0
        integer(c_int), intent(inout) :: iwa(n) !! permutation, 1-based
        integer(c_int), value :: lwa            !! length of wa, >= m*n + 5*n + m
        real(wp), intent(inout) :: wa(lwa)      !! diag, qtf, work arrays, Jacobian
        integer(c_int) :: info

        type(user_context), target :: context

        info = improper_input  ! MINPACK's own product overflows
        if (lwa < int(m, c_int64_t)*n + 5*int(n, c_int64_t) + m) return
        context = user_context(m, magic_number, c_funloc(fcn), p)
        call lmdif1(forward_residual, context%m, n, x, fvec, tol, info, iwa, wa, lwa)
    end function leastsq_lmdif1

    !> leastsq_lmder with default options; wa holds its work arrays.
    recursive function leastsq_lmder1(fcn, p, m, n, x, fvec, fjac, ldfjac, tol, ipvt, wa, lwa) &
        result(info) bind(c)
        procedure(jacobian_function) :: fcn        !! residual and Jacobian
        type(c_ptr), value :: p                    !! user data, passed through to fcn
        integer(c_int), value :: m                 !! number of residuals, >= n
        integer(c_int), value :: n                 !! number of parameters, > 0
        real(wp), intent(inout) :: x(n)            !! initial estimate, then solution
        real(wp), intent(inout) :: fvec(m)         !! residual at x
        integer(c_int), value :: ldfjac            !! leading dimension of fjac, >= m
        real(wp), intent(inout) :: fjac(ldfjac, n) !! QR factors of the last Jacobian
        real(wp), value :: tol                     !! ftol and xtol of the solve, >= 0
        integer(c_int), intent(inout) :: ipvt(n)   !! permutation, 1-based
        integer(c_int), value :: lwa               !! length of wa, >= 5*n + m
        real(wp), intent(inout) :: wa(lwa)         !! diag, qtf, work arrays
        integer(c_int) :: info

        type(user_context), target :: context

        info = improper_input  ! MINPACK's own sum overflows
        if (lwa < 5*int(n, c_int64_t) + m) return
        context = user_context(m, magic_number, c_funloc(fcn), p)
        call lmder1(forward_jacobian, context%m, n, x, fvec, fjac, ldfjac, tol, info, ipvt, wa, &
                    lwa)
    end function leastsq_lmder1

    !> Euclidean norm.
    function leastsq_enorm(n, x) result(norm) bind(c)
        integer(c_int), value :: n   !! length
        real(wp), intent(in) :: x(n) !! vector
        real(wp) :: norm

        norm = enorm(n, x)
    end function leastsq_enorm

    !> QR factorisation, optionally with column pivoting.
    subroutine leastsq_qrfac(m, n, a, lda, pivot, ipvt, lipvt, rdiag, acnorm, wa) bind(c)
        integer(c_int), value :: m                   !! rows
        integer(c_int), value :: n                   !! columns
        integer(c_int), value :: lda                 !! leading dimension, >= m
        real(wp), intent(inout) :: a(lda, n)         !! matrix, then its QR factors
        integer(c_int), value :: pivot               !! nonzero: column pivoting
        integer(c_int), value :: lipvt               !! length of ipvt: n, or 1 without pivoting
        integer(c_int), intent(inout) :: ipvt(lipvt) !! permutation, 1-based
        real(wp), intent(out) :: rdiag(n)            !! diagonal of R
        real(wp), intent(out) :: acnorm(n)           !! column norms of the matrix
        real(wp), intent(out) :: wa(n)               !! work array

        logical :: interchange

        interchange = pivot /= 0
        call qrfac(m, n, a, lda, interchange, ipvt, lipvt, rdiag, acnorm, wa)
    end subroutine leastsq_qrfac

    !> Least-squares solution of A x = b, D x = 0 from the QR factors of A.
    subroutine leastsq_qrsolv(n, r, ldr, ipvt, diag, qtb, x, sdiag, wa) bind(c)
        integer(c_int), value :: n            !! order of R
        integer(c_int), value :: ldr          !! leading dimension, >= n
        real(wp), intent(inout) :: r(ldr, n)  !! R in upper triangle, S^T below
        integer(c_int), intent(in) :: ipvt(n) !! permutation, 1-based
        real(wp), intent(in) :: diag(n)       !! diagonal of D
        real(wp), intent(in) :: qtb(n)        !! first n elements of Q^T b
        real(wp), intent(out) :: x(n)         !! solution
        real(wp), intent(inout) :: sdiag(n)   !! diagonal of S
        real(wp), intent(out) :: wa(n)        !! work array

        call qrsolv(n, r, ldr, ipvt, diag, qtb, x, sdiag, wa)
    end subroutine leastsq_qrsolv

    !> Levenberg-Marquardt parameter and the step it gives.
    subroutine leastsq_lmpar(n, r, ldr, ipvt, diag, qtb, delta, par, x, sdiag, wa1, wa2) &
        bind(c)
        integer(c_int), value :: n            !! order of R
        integer(c_int), value :: ldr          !! leading dimension, >= n
        real(wp), intent(inout) :: r(ldr, n)  !! R in upper triangle, S^T below
        integer(c_int), intent(in) :: ipvt(n) !! permutation, 1-based
        real(wp), intent(in) :: diag(n)       !! diagonal of D
        real(wp), intent(in) :: qtb(n)        !! first n elements of Q^T b
        real(wp), value :: delta              !! step bound, > 0
        real(wp), intent(inout) :: par        !! estimate >= 0, then the parameter
        real(wp), intent(out) :: x(n)         !! solution
        real(wp), intent(inout) :: sdiag(n)   !! diagonal of S
        real(wp), intent(out) :: wa1(n)       !! work array
        real(wp), intent(out) :: wa2(n)       !! work array

        call lmpar(n, r, ldr, ipvt, diag, qtb, delta, par, x, sdiag, wa1, wa2)
    end subroutine leastsq_lmpar

    !> Forward-difference Jacobian.
    recursive function leastsq_fdjac2(fcn, p, m, n, x, fvec, fjac, ldfjac, epsfcn, wa) &
        result(flag) bind(c)
        procedure(residual_function) :: fcn        !! residual
        type(c_ptr), value :: p                    !! user data, passed through to fcn
        integer(c_int), value :: m                 !! number of residuals
        integer(c_int), value :: n                 !! number of parameters
        integer(c_int), value :: ldfjac            !! leading dimension of fjac, >= m
        real(wp), intent(inout) :: x(n)            !! where to differentiate, restored
        real(wp), intent(in) :: fvec(m)            !! residual at x
        real(wp), intent(inout) :: fjac(ldfjac, n) !! Jacobian
        real(wp), value :: epsfcn                  !! relative error of the residual
        real(wp), intent(inout) :: wa(m)           !! work array
        integer(c_int) :: flag

        type(user_context), target :: context

        context = user_context(m, magic_number, c_funloc(fcn), p)
        flag = for_jacobian
        call fdjac2(forward_residual, context%m, n, x, fvec, fjac, ldfjac, flag, epsfcn, wa)
    end function leastsq_fdjac2

    !> Covariance matrix (J^T J)^-1, without the factor of the residual variance.
    pure subroutine leastsq_covar(n, r, ldr, ipvt, tol, wa) bind(c)
        integer(c_int), value :: n            !! order of R
        integer(c_int), value :: ldr          !! leading dimension, >= n
        real(wp), intent(inout) :: r(ldr, n)  !! R, then the covariance matrix
        integer(c_int), intent(in) :: ipvt(n) !! permutation, 1-based
        real(wp), value :: tol                !! rank ends at |r(k,k)| <= tol*|r(1,1)|
        real(wp), intent(out) :: wa(n)        !! work array

        call covar(r, ipvt, tol, wa)
    end subroutine leastsq_covar

    !> Checks a Jacobian: mode 1 chooses a neighbouring point xp, mode 2 compares.
    subroutine leastsq_chkder(m, n, x, fvec, fjac, ldfjac, xp, fvecp, mode, err) bind(c)
        integer(c_int), value :: m              !! number of residuals
        integer(c_int), value :: n              !! number of parameters
        integer(c_int), value :: ldfjac         !! leading dimension of fjac, >= m
        real(wp), intent(in) :: x(n)            !! where to check
        real(wp), intent(in) :: fvec(m)         !! mode 2: residual at x
        real(wp), intent(in) :: fjac(ldfjac, n) !! mode 2: Jacobian at x
        real(wp), intent(inout) :: xp(n)        !! mode 1: neighbouring point
        real(wp), intent(in) :: fvecp(m)        !! mode 2: residual at xp
        integer(c_int), value :: mode           !! 1 or 2
        real(wp), intent(inout) :: err(m)       !! mode 2: 1 consistent, 0 inconsistent

        call chkder(m, n, x, fvec, fjac, ldfjac, xp, fvecp, mode, err)
    end subroutine leastsq_chkder

    !> Machine constants: 1 epsilon, 2 smallest normal number, 3 largest number.
    function leastsq_dpmpar(i) result(constant) bind(c)
        integer(c_int), value :: i !! 1, 2 or 3
        real(wp) :: constant

        constant = dpmpar(i)
    end function leastsq_dpmpar

end module leastsq_original
