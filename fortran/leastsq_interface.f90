!> Explicit interfaces of the Fortran door, MINPACK-1's own calling sequences, and the exit codes.
!>
!> Compile this file with your program (compiled modules are tied to one compiler) and link with
!> libleastsq.a. A program that declares MINPACK's routines external needs nothing of it.
module leastsq_interface
    use, intrinsic :: iso_c_binding, only: wp => c_double, c_int, c_ptr, c_size_t
    implicit none(type, external)
    private

    public :: residual, residual_and_jacobian
    public :: lmdif, lmdif1, lmder, lmder1, enorm, qrfac, qrsolv, lmpar, &
              fdjac2, covar, chkder, dpmpar
    public :: leastsq_view, leastsq_workspace_size, leastsq_start, leastsq_resume, &
              leastsq_inspect, leastsq_difference_point, leastsq_difference_column
    public :: leastsq_refused, leastsq_wants_nothing, leastsq_wants_residual, &
              leastsq_wants_jacobian, leastsq_wants_differences
    public :: improper_input, converged_reduction, converged_step, converged_both, &
              orthogonal_residual, too_many_evaluations, &
              ftol_too_small, xtol_too_small, gtol_too_small

    integer, parameter :: improper_input = 0        !! an argument is out of range
    integer, parameter :: converged_reduction = 1   !! actual and predicted reduction at most ftol
    integer, parameter :: converged_step = 2        !! relative error of x at most xtol
    integer, parameter :: converged_both = 3        !! both of the above
    integer, parameter :: orthogonal_residual = 4   !! cosine at most gtol, or not finite
    integer, parameter :: too_many_evaluations = 5  !! maxfev residual evaluations were made
    integer, parameter :: ftol_too_small = 6        !! no further reduction of the sum of squares
    integer, parameter :: xtol_too_small = 7        !! no further improvement of x
    integer, parameter :: gtol_too_small = 8        !! residual orthogonal to machine precision

    !> What a solve by reverse communication wants; leastsq.h tells of it.
    enum, bind(c)
        enumerator :: leastsq_refused = -1, leastsq_wants_nothing, leastsq_wants_residual, &
            leastsq_wants_jacobian, leastsq_wants_differences
    end enum

    !> What stands in a block; c_f_pointer makes arrays of the addresses.
    type, bind(c) :: leastsq_view
        integer(c_int) :: request   !! what is wanted
        integer(c_int) :: info      !! exit code, 0 before the end
        integer(c_int) :: nfev      !! residual evaluations
        integer(c_int) :: njev      !! Jacobians of the caller's
        integer(c_int) :: iteration !! one more than the accepted steps
        integer(c_int) :: missing   !! columns of a difference Jacobian
        integer(c_int) :: m         !! number of residuals
        integer(c_int) :: n         !! number of parameters
        type(c_ptr) :: point        !! where the residual or Jacobian is wanted; (n)
        type(c_ptr) :: residual     !! where the residual goes, if it is wanted; (m)
        type(c_ptr) :: jacobian     !! where the Jacobian goes, if it is wanted; (m, n)
        type(c_ptr) :: x            !! best point so far; (n)
        type(c_ptr) :: fvec         !! residual there; (m)
        type(c_ptr) :: fjac         !! factors of the last Jacobian; (m, n)
        type(c_ptr) :: diag         !! scaling; (n)
        type(c_ptr) :: qtf          !! first elements of Q^T fvec; (n)
        type(c_ptr) :: ipvt         !! permutation of the factors, from 1; (n)
        type(c_ptr) :: given        !! 1: the column of a difference Jacobian has been given; (n)
    end type leastsq_view

    abstract interface

        !> fcn of lmdif, lmdif1 and fdjac2: puts the residuals at x into fvec unless iflag is 0.
        subroutine residual(m, n, x, fvec, iflag)
            import :: wp
            implicit none(type, external)
            integer :: m        !! number of residuals
            integer :: n        !! number of parameters
            real(wp) :: x(n)    !! parameters
            real(wp) :: fvec(m) !! residuals
            integer :: iflag    !! purpose of the call; set it negative to stop
        end subroutine residual

        !> fcn of lmder and lmder1: fvec if iflag is 1, fjac if it is 2, neither if it is 0.
        subroutine residual_and_jacobian(m, n, x, fvec, fjac, ldfjac, iflag)
            import :: wp
            implicit none(type, external)
            integer :: m                !! number of residuals
            integer :: n                !! number of parameters
            integer :: ldfjac           !! leading dimension of fjac
            real(wp) :: x(n)            !! parameters
            real(wp) :: fvec(m)         !! residuals
            real(wp) :: fjac(ldfjac, n) !! Jacobian, d fvec(i) / d x(j)
            integer :: iflag            !! purpose of the call; set it negative to stop
        end subroutine residual_and_jacobian

    end interface

    interface

        !> MINPACK-1's lmdif: least squares, Jacobian by forward differences.
        recursive subroutine lmdif(fcn, m, n, x, fvec, ftol, xtol, gtol, maxfev, epsfcn, diag, &
                                   mode, factor, nprint, info, nfev, fjac, ldfjac, ipvt, qtf, &
                                   wa1, wa2, wa3, wa4)
            import :: wp, residual
            implicit none(type, external)
            procedure(residual) :: fcn                 !! the user's, as in MINPACK-1
            integer, intent(in) :: m                   !! number of residuals, >= n
            integer, intent(in) :: n                   !! number of parameters, > 0
            real(wp), intent(inout) :: x(n)            !! start, then solution
            real(wp), intent(inout) :: fvec(m)         !! residual at x
            real(wp), intent(in) :: ftol               !! reduction of the sum to stop at
            real(wp), intent(in) :: xtol               !! relative error of x to stop at
            real(wp), intent(in) :: gtol               !! cosine to stop at
            integer, intent(in) :: maxfev              !! evaluations to stop at, > 0
            real(wp), intent(in) :: epsfcn             !! relative error of the residual
            real(wp), intent(inout) :: diag(n)         !! scaling; the user's if mode is 2
            integer, intent(in) :: mode                !! 2: diag is given; 1: it is not
            real(wp), intent(in) :: factor             !! first step bound over ||D x||, > 0
            integer, intent(in) :: nprint              !! iterations between reports, or 0
            integer, intent(out) :: info               !! exit code
            integer, intent(out) :: nfev               !! residual evaluations
            integer, intent(in) :: ldfjac              !! leading dimension of fjac, >= m
            real(wp), intent(inout) :: fjac(ldfjac, n) !! factors of the last Jacobian
            integer, intent(inout) :: ipvt(n)          !! permutation, from 1
            real(wp), intent(inout) :: qtf(n)          !! first n elements of Q^T fvec
            real(wp), intent(inout) :: wa1(n)          !! scratch
            real(wp), intent(inout) :: wa2(n)          !! scratch
            real(wp), intent(inout) :: wa3(n)          !! scratch
            real(wp), intent(inout) :: wa4(m)          !! scratch
        end subroutine lmdif

        !> MINPACK-1's lmdif1: lmdif with defaults.
        recursive subroutine lmdif1(fcn, m, n, x, fvec, tol, info, iwa, wa, lwa)
            import :: wp, residual
            implicit none(type, external)
            procedure(residual) :: fcn         !! the user's, as in MINPACK-1
            integer, intent(in) :: m           !! number of residuals, >= n
            integer, intent(in) :: n           !! number of parameters, > 0
            real(wp), intent(inout) :: x(n)    !! start, then solution
            real(wp), intent(inout) :: fvec(m) !! residual at x
            real(wp), intent(in) :: tol        !! ftol and xtol of the solve, >= 0
            integer, intent(out) :: info       !! exit code
            integer, intent(inout) :: iwa(n)   !! scratch
            integer, intent(in) :: lwa         !! length of wa, >= m*n + 5*n + m
            real(wp), intent(inout) :: wa(lwa) !! scratch
        end subroutine lmdif1

        !> MINPACK-1's lmder: least squares, Jacobian by the user.
        recursive subroutine lmder(fcn, m, n, x, fvec, fjac, ldfjac, ftol, xtol, gtol, maxfev, &
                                   diag, mode, factor, nprint, info, nfev, njev, ipvt, qtf, wa1, &
                                   wa2, wa3, wa4)
            import :: wp, residual_and_jacobian
            implicit none(type, external)
            procedure(residual_and_jacobian) :: fcn    !! the user's, as in MINPACK-1
            integer, intent(in) :: m                   !! number of residuals, >= n
            integer, intent(in) :: n                   !! number of parameters, > 0
            real(wp), intent(inout) :: x(n)            !! start, then solution
            real(wp), intent(inout) :: fvec(m)         !! residual at x
            integer, intent(in) :: ldfjac              !! leading dimension of fjac, >= m
            real(wp), intent(inout) :: fjac(ldfjac, n) !! factors of the last Jacobian
            real(wp), intent(in) :: ftol               !! reduction of the sum to stop at
            real(wp), intent(in) :: xtol               !! relative error of x to stop at
            real(wp), intent(in) :: gtol               !! cosine to stop at
            integer, intent(in) :: maxfev              !! evaluations to stop at, > 0
            real(wp), intent(inout) :: diag(n)         !! scaling; the user's if mode is 2
            integer, intent(in) :: mode                !! 2: diag is given; 1: it is not
            real(wp), intent(in) :: factor             !! first step bound over ||D x||, > 0
            integer, intent(in) :: nprint              !! iterations between reports, or 0
            integer, intent(out) :: info               !! exit code
            integer, intent(out) :: nfev               !! residual evaluations
            integer, intent(out) :: njev               !! Jacobian evaluations
            integer, intent(inout) :: ipvt(n)          !! permutation, from 1
            real(wp), intent(inout) :: qtf(n)          !! first n elements of Q^T fvec
            real(wp), intent(inout) :: wa1(n)          !! scratch
            real(wp), intent(inout) :: wa2(n)          !! scratch
            real(wp), intent(inout) :: wa3(n)          !! scratch
            real(wp), intent(inout) :: wa4(m)          !! scratch
        end subroutine lmder

        !> MINPACK-1's lmder1: lmder with defaults.
        recursive subroutine lmder1(fcn, m, n, x, fvec, fjac, ldfjac, tol, info, ipvt, wa, lwa)
            import :: wp, residual_and_jacobian
            implicit none(type, external)
            procedure(residual_and_jacobian) :: fcn    !! the user's, as in MINPACK-1
            integer, intent(in) :: m                   !! number of residuals, >= n
            integer, intent(in) :: n                   !! number of parameters, > 0
            real(wp), intent(inout) :: x(n)            !! start, then solution
            real(wp), intent(inout) :: fvec(m)         !! residual at x
            integer, intent(in) :: ldfjac              !! leading dimension of fjac, >= m
            real(wp), intent(inout) :: fjac(ldfjac, n) !! factors of the last Jacobian
            real(wp), intent(in) :: tol                !! ftol and xtol of the solve, >= 0
            integer, intent(out) :: info               !! exit code
            integer, intent(inout) :: ipvt(n)          !! permutation, from 1
            integer, intent(in) :: lwa                 !! length of wa, >= 5*n + m
            real(wp), intent(inout) :: wa(lwa)         !! scratch
        end subroutine lmder1

        !> MINPACK-1's enorm: Euclidean norm.
        pure function enorm(n, x) result(norm)
            import :: wp
            implicit none(type, external)
            integer, intent(in) :: n     !! length
            real(wp), intent(in) :: x(n) !! vector
            real(wp) :: norm
        end function enorm

        !> MINPACK-1's qrfac: QR factorisation.
        pure subroutine qrfac(m, n, a, lda, pivot, ipvt, lipvt, rdiag, acnorm, wa)
            import :: wp
            implicit none(type, external)
            integer, intent(in) :: m              !! rows
            integer, intent(in) :: n              !! columns
            integer, intent(in) :: lda            !! leading dimension, >= m
            real(wp), intent(inout) :: a(lda, n)  !! matrix, then its factors
            logical, intent(in) :: pivot          !! whether to interchange columns
            integer, intent(in) :: lipvt          !! length of ipvt: n, or 1 without pivoting
            integer, intent(inout) :: ipvt(lipvt) !! permutation, from 1
            real(wp), intent(out) :: rdiag(n)     !! diagonal of R
            real(wp), intent(out) :: acnorm(n)    !! norms of the columns
            real(wp), intent(out) :: wa(n)        !! scratch
        end subroutine qrfac

        !> MINPACK-1's qrsolv: triangular least squares with a diagonal below.
        pure subroutine qrsolv(n, r, ldr, ipvt, diag, qtb, x, sdiag, wa)
            import :: wp
            implicit none(type, external)
            integer, intent(in) :: n             !! order
            integer, intent(in) :: ldr           !! leading dimension, >= n
            real(wp), intent(inout) :: r(ldr, n) !! R above, S^T below the diagonal
            integer, intent(in) :: ipvt(n)       !! permutation, from 1
            real(wp), intent(in) :: diag(n)      !! diagonal of D
            real(wp), intent(in) :: qtb(n)       !! first n elements of Q^T b
            real(wp), intent(out) :: x(n)        !! solution
            real(wp), intent(inout) :: sdiag(n)  !! diagonal of S
            real(wp), intent(out) :: wa(n)       !! scratch
        end subroutine qrsolv

        !> MINPACK-1's lmpar: Levenberg-Marquardt parameter.
        pure subroutine lmpar(n, r, ldr, ipvt, diag, qtb, delta, par, x, sdiag, wa1, wa2)
            import :: wp
            implicit none(type, external)
            integer, intent(in) :: n             !! order
            integer, intent(in) :: ldr           !! leading dimension, >= n
            real(wp), intent(inout) :: r(ldr, n) !! R above, S^T below the diagonal
            integer, intent(in) :: ipvt(n)       !! permutation, from 1
            real(wp), intent(in) :: diag(n)      !! diagonal of D
            real(wp), intent(in) :: qtb(n)       !! first n elements of Q^T b
            real(wp), intent(in) :: delta        !! step bound, > 0
            real(wp), intent(inout) :: par       !! guess >= 0, then the parameter
            real(wp), intent(out) :: x(n)        !! solution
            real(wp), intent(inout) :: sdiag(n)  !! diagonal of S
            real(wp), intent(out) :: wa1(n)      !! scratch
            real(wp), intent(out) :: wa2(n)      !! scratch
        end subroutine lmpar

        !> MINPACK-1's fdjac2: forward-difference Jacobian.
        recursive subroutine fdjac2(fcn, m, n, x, fvec, fjac, ldfjac, iflag, epsfcn, wa)
            import :: wp, residual
            implicit none(type, external)
            procedure(residual) :: fcn                 !! the user's, as in MINPACK-1
            integer, intent(in) :: m                   !! number of residuals, >= n
            integer, intent(in) :: n                   !! number of parameters, > 0
            real(wp), intent(inout) :: x(n)            !! point
            real(wp), intent(in) :: fvec(m)            !! residual at x
            integer, intent(in) :: ldfjac              !! leading dimension of fjac, >= m
            real(wp), intent(inout) :: fjac(ldfjac, n) !! Jacobian
            integer, intent(inout) :: iflag            !! handed to fcn; negative on return: stopped
            real(wp), intent(in) :: epsfcn             !! relative error of the residual
            real(wp), intent(inout) :: wa(m)           !! scratch
        end subroutine fdjac2

        !> MINPACK-1's covar: covariance matrix up to the residual variance.
        pure subroutine covar(n, r, ldr, ipvt, tol, wa)
            import :: wp
            implicit none(type, external)
            integer, intent(in) :: n             !! order
            integer, intent(in) :: ldr           !! leading dimension, >= n
            real(wp), intent(inout) :: r(ldr, n) !! R, then the covariance
            integer, intent(in) :: ipvt(n)       !! permutation, from 1
            real(wp), intent(in) :: tol          !! diagonal that counts as zero, over |r(1,1)|
            real(wp), intent(out) :: wa(n)       !! scratch
        end subroutine covar

        !> MINPACK-1's chkder: a point to compare with, then the comparison.
        pure subroutine chkder(m, n, x, fvec, fjac, ldfjac, xp, fvecp, mode, err)
            import :: wp
            implicit none(type, external)
            integer, intent(in) :: m                !! number of residuals
            integer, intent(in) :: n                !! number of parameters
            real(wp), intent(in) :: x(n)            !! point
            real(wp), intent(in) :: fvec(m)         !! mode 2: residual there
            integer, intent(in) :: ldfjac           !! leading dimension, >= m
            real(wp), intent(in) :: fjac(ldfjac, n) !! mode 2: Jacobian there
            real(wp), intent(inout) :: xp(n)        !! mode 1: neighbouring point
            real(wp), intent(in) :: fvecp(m)        !! mode 2: residual at xp
            integer, intent(in) :: mode             !! 1 or 2
            real(wp), intent(inout) :: err(m)       !! mode 2: 1 right, 0 wrong
        end subroutine chkder

        !> MINPACK-1's dpmpar: machine constants.
        pure function dpmpar(i) result(constant)
            import :: wp
            implicit none(type, external)
            integer, intent(in) :: i !! 1 epsilon, 2 smallest normal, 3 largest
            real(wp) :: constant
        end function dpmpar

    end interface

    interface

        !> Bytes of a block, or 0.
        pure function leastsq_workspace_size(m, n) result(bytes) bind(c)
            import :: c_int, c_size_t
            implicit none(type, external)
            integer(c_int), value :: m !! number of residuals, >= n
            integer(c_int), value :: n !! number of parameters, > 0
            integer(c_size_t) :: bytes
        end function leastsq_workspace_size

        !> Begins a solve in a block.
        function leastsq_start(block, m, n, x, ftol, xtol, gtol, maxfev, epsfcn, diag, mode, &
                               factor, analytic) result(request) bind(c)
            import :: c_int, wp
            implicit none(type, external)
            real(wp), intent(inout), target :: block(*) !! leastsq_workspace_size(m, n)/8
            integer(c_int), value :: m                  !! number of residuals, >= n
            integer(c_int), value :: n                  !! number of parameters, > 0
            real(wp), intent(in) :: x(n)                !! start
            real(wp), value :: ftol                     !! reduction of the sum to stop at
            real(wp), value :: xtol                     !! relative error of x to stop at
            real(wp), value :: gtol                     !! cosine to stop at
            integer(c_int), value :: maxfev             !! evaluations to stop at, > 0
            real(wp), value :: epsfcn                   !! relative error of the residual
            real(wp), intent(in), optional :: diag(n)   !! scaling if mode is 2
            integer(c_int), value :: mode               !! 2: diag is given; 1: it is not
            real(wp), value :: factor                   !! first step bound over ||D x||, > 0
            integer(c_int), value :: analytic           !! 0: Jacobians are made of differences
            integer(c_int) :: request
        end function leastsq_start

        !> Goes on with what was wanted, or, if flag is negative, without it.
        function leastsq_resume(block, flag) result(request) bind(c)
            import :: c_int, wp
            implicit none(type, external)
            real(wp), intent(inout), target :: block(*) !! a solve
            integer(c_int), value :: flag               !! negative: it is refused
            integer(c_int) :: request
        end function leastsq_resume

        !> Shows what is wanted, and all the rest.
        function leastsq_inspect(block, view) result(request) bind(c)
            import :: c_int, leastsq_view, wp
            implicit none(type, external)
            real(wp), intent(inout), target :: block(*) !! a solve
            type(leastsq_view), intent(inout) :: view   !! what stands in it
            integer(c_int) :: request
        end function leastsq_inspect

        !> Copies the point of a column of the difference Jacobian.
        function leastsq_difference_point(block, j, point) result(status) bind(c)
            import :: c_int, wp
            implicit none(type, external)
            real(wp), intent(inout), target :: block(*) !! a solve
            integer(c_int), value :: j                  !! the column, from 0
            real(wp), intent(inout) :: point(*)         !! the point; (n)
            integer(c_int) :: status
        end function leastsq_difference_point

        !> Makes a column of the difference Jacobian from the residual at its point.
        function leastsq_difference_column(block, j, residual) result(status) bind(c)
            import :: c_int, wp
            implicit none(type, external)
            real(wp), intent(inout), target :: block(*) !! a solve
            integer(c_int), value :: j                  !! the column, from 0
            real(wp), intent(in) :: residual(*)         !! residual at its point; (m)
            integer(c_int) :: status
        end function leastsq_difference_column

    end interface

end module leastsq_interface
