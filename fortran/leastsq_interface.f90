!> The Fortran API: explicit interfaces of MINPACK-1's procedures and of the reverse-communication
!> functions of leastsq.h, and the exit codes.
!>
!> Compile this file with your program, since module files are specific to a compiler, and link
!> with libleastsq.a. A program that declares MINPACK's procedures external does not need it.
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
    integer, parameter :: orthogonal_residual = 4   !! cosine <= gtol, or fvec or fjac not finite
    integer, parameter :: too_many_evaluations = 5  !! maxfev residual evaluations were made
    integer, parameter :: ftol_too_small = 6        !! no further reduction of the sum of squares
    integer, parameter :: xtol_too_small = 7        !! no further improvement of x
    integer, parameter :: gtol_too_small = 8        !! residual orthogonal to machine precision

    !> Requests of a solve by reverse communication, see leastsq.h.
    enum, bind(c)
        enumerator :: leastsq_refused = -1, leastsq_wants_nothing, leastsq_wants_residual, &
            leastsq_wants_jacobian, leastsq_wants_differences
    end enum

    !> Contents of a workspace block; c_f_pointer turns the addresses into arrays.
    type, bind(c) :: leastsq_view
        integer(c_int) :: request   !! what is requested
        integer(c_int) :: info      !! exit code, 0 until terminated
        integer(c_int) :: nfev      !! residual evaluations
        integer(c_int) :: njev      !! Jacobian evaluations
        integer(c_int) :: iteration !! accepted steps + 1
        integer(c_int) :: missing   !! difference columns not yet supplied
        integer(c_int) :: m         !! number of residuals
        integer(c_int) :: n         !! number of parameters
        type(c_ptr) :: point        !! where to evaluate; (n)
        type(c_ptr) :: residual     !! residual to fill in, if requested; (m)
        type(c_ptr) :: jacobian     !! Jacobian to fill in, if requested; (m, n)
        type(c_ptr) :: x            !! current iterate; (n)
        type(c_ptr) :: fvec         !! residual at x; (m)
        type(c_ptr) :: fjac         !! QR factors of the last Jacobian; (m, n)
        type(c_ptr) :: diag         !! scale factors; (n)
        type(c_ptr) :: qtf          !! first n elements of Q^T fvec; (n)
        type(c_ptr) :: ipvt         !! permutation, 1-based; (n)
        type(c_ptr) :: given        !! 1: the difference column has been supplied; (n)
    end type leastsq_view

    abstract interface

        !> fcn of lmdif, lmdif1 and fdjac2: computes fvec at x, unless iflag is 0 (report).
        subroutine residual(m, n, x, fvec, iflag)
            import :: wp
            implicit none(type, external)
            integer :: m        !! number of residuals
            integer :: n        !! number of parameters
            real(wp) :: x(n)    !! parameters
            real(wp) :: fvec(m) !! residuals
            integer :: iflag    !! purpose of the call; set it negative to terminate
        end subroutine residual

        !> fcn of lmder and lmder1: computes fvec if iflag is 1, fjac if 2, neither if 0 (report).
        subroutine residual_and_jacobian(m, n, x, fvec, fjac, ldfjac, iflag)
            import :: wp
            implicit none(type, external)
            integer :: m                !! number of residuals
            integer :: n                !! number of parameters
            integer :: ldfjac           !! leading dimension of fjac
            real(wp) :: x(n)            !! parameters
            real(wp) :: fvec(m)         !! residuals
            real(wp) :: fjac(ldfjac, n) !! Jacobian, d fvec(i) / d x(j)
            integer :: iflag            !! purpose of the call; set it negative to terminate
        end subroutine residual_and_jacobian

    end interface

    interface

        !> MINPACK-1's lmdif: least squares; Jacobian by forward differences.
        recursive subroutine lmdif(fcn, m, n, x, fvec, ftol, xtol, gtol, maxfev, epsfcn, diag, &
                                   mode, factor, nprint, info, nfev, fjac, ldfjac, ipvt, qtf, &
                                   wa1, wa2, wa3, wa4)
            import :: wp, residual
            implicit none(type, external)
            procedure(residual) :: fcn                 !! user-supplied, as in MINPACK-1
            integer, intent(in) :: m                   !! number of residuals, >= n
            integer, intent(in) :: n                   !! number of parameters, > 0
            real(wp), intent(inout) :: x(n)            !! initial estimate, then solution
            real(wp), intent(inout) :: fvec(m)         !! residual at x
            real(wp), intent(in) :: ftol               !! relative tolerance for sum of squares
            real(wp), intent(in) :: xtol               !! relative tolerance for x
            real(wp), intent(in) :: gtol               !! orthogonality tolerance (cosine)
            integer, intent(in) :: maxfev              !! limit on residual evaluations, > 0
            real(wp), intent(in) :: epsfcn             !! relative error of the residual
            real(wp), intent(inout) :: diag(n)         !! scale factors; input if mode is 2
            integer, intent(in) :: mode                !! 1: internal scaling; 2: by diag
            real(wp), intent(in) :: factor             !! initial step bound over ||D x||, > 0
            integer, intent(in) :: nprint              !! iterations between reports; 0: none
            integer, intent(out) :: info               !! exit code
            integer, intent(out) :: nfev               !! residual evaluations
            integer, intent(in) :: ldfjac              !! leading dimension of fjac, >= m
            real(wp), intent(inout) :: fjac(ldfjac, n) !! QR factors of the last Jacobian
            integer, intent(inout) :: ipvt(n)          !! permutation, 1-based
            real(wp), intent(inout) :: qtf(n)          !! first n elements of Q^T fvec
            real(wp), intent(inout) :: wa1(n)          !! work array
            real(wp), intent(inout) :: wa2(n)          !! work array
            real(wp), intent(inout) :: wa3(n)          !! work array
            real(wp), intent(inout) :: wa4(m)          !! work array
        end subroutine lmdif

        !> MINPACK-1's lmdif1: lmdif with default options.
        recursive subroutine lmdif1(fcn, m, n, x, fvec, tol, info, iwa, wa, lwa)
            import :: wp, residual
            implicit none(type, external)
            procedure(residual) :: fcn         !! user-supplied, as in MINPACK-1
            integer, intent(in) :: m           !! number of residuals, >= n
            integer, intent(in) :: n           !! number of parameters, > 0
            real(wp), intent(inout) :: x(n)    !! initial estimate, then solution
            real(wp), intent(inout) :: fvec(m) !! residual at x
            real(wp), intent(in) :: tol        !! ftol and xtol of the solve, >= 0
            integer, intent(out) :: info       !! exit code
            integer, intent(inout) :: iwa(n)   !! work array
            integer, intent(in) :: lwa         !! length of wa, >= m*n + 5*n + m
            real(wp), intent(inout) :: wa(lwa) !! work array
        end subroutine lmdif1

        !> MINPACK-1's lmder: least squares; Jacobian supplied by the user.
        recursive subroutine lmder(fcn, m, n, x, fvec, fjac, ldfjac, ftol, xtol, gtol, maxfev, &
                                   diag, mode, factor, nprint, info, nfev, njev, ipvt, qtf, wa1, &
                                   wa2, wa3, wa4)
            import :: wp, residual_and_jacobian
            implicit none(type, external)
            procedure(residual_and_jacobian) :: fcn    !! user-supplied, as in MINPACK-1
            integer, intent(in) :: m                   !! number of residuals, >= n
            integer, intent(in) :: n                   !! number of parameters, > 0
            real(wp), intent(inout) :: x(n)            !! initial estimate, then solution
            real(wp), intent(inout) :: fvec(m)         !! residual at x
            integer, intent(in) :: ldfjac              !! leading dimension of fjac, >= m
            real(wp), intent(inout) :: fjac(ldfjac, n) !! QR factors of the last Jacobian
            real(wp), intent(in) :: ftol               !! relative tolerance for sum of squares
            real(wp), intent(in) :: xtol               !! relative tolerance for x
            real(wp), intent(in) :: gtol               !! orthogonality tolerance (cosine)
            integer, intent(in) :: maxfev              !! limit on residual evaluations, > 0
            real(wp), intent(inout) :: diag(n)         !! scale factors; input if mode is 2
            integer, intent(in) :: mode                !! 1: internal scaling; 2: by diag
            real(wp), intent(in) :: factor             !! initial step bound over ||D x||, > 0
            integer, intent(in) :: nprint              !! iterations between reports; 0: none
            integer, intent(out) :: info               !! exit code
            integer, intent(out) :: nfev               !! residual evaluations
            integer, intent(out) :: njev               !! Jacobian evaluations
            integer, intent(inout) :: ipvt(n)          !! permutation, 1-based
            real(wp), intent(inout) :: qtf(n)          !! first n elements of Q^T fvec
            real(wp), intent(inout) :: wa1(n)          !! work array
            real(wp), intent(inout) :: wa2(n)          !! work array
            real(wp), intent(inout) :: wa3(n)          !! work array
            real(wp), intent(inout) :: wa4(m)          !! work array
        end subroutine lmder

        !> MINPACK-1's lmder1: lmder with default options.
        recursive subroutine lmder1(fcn, m, n, x, fvec, fjac, ldfjac, tol, info, ipvt, wa, lwa)
            import :: wp, residual_and_jacobian
            implicit none(type, external)
            procedure(residual_and_jacobian) :: fcn    !! user-supplied, as in MINPACK-1
            integer, intent(in) :: m                   !! number of residuals, >= n
            integer, intent(in) :: n                   !! number of parameters, > 0
            real(wp), intent(inout) :: x(n)            !! initial estimate, then solution
            real(wp), intent(inout) :: fvec(m)         !! residual at x
            integer, intent(in) :: ldfjac              !! leading dimension of fjac, >= m
            real(wp), intent(inout) :: fjac(ldfjac, n) !! QR factors of the last Jacobian
            real(wp), intent(in) :: tol                !! ftol and xtol of the solve, >= 0
            integer, intent(out) :: info               !! exit code
            integer, intent(inout) :: ipvt(n)          !! permutation, 1-based
            integer, intent(in) :: lwa                 !! length of wa, >= 5*n + m
            real(wp), intent(inout) :: wa(lwa)         !! work array
        end subroutine lmder1

        !> MINPACK-1's enorm: Euclidean norm.
        pure function enorm(n, x) result(norm)
            import :: wp
            implicit none(type, external)
            integer, intent(in) :: n     !! length
            real(wp), intent(in) :: x(n) !! vector
            real(wp) :: norm
        end function enorm

        !> MINPACK-1's qrfac: QR factorisation, optionally with column pivoting.
        pure subroutine qrfac(m, n, a, lda, pivot, ipvt, lipvt, rdiag, acnorm, wa)
            import :: wp
            implicit none(type, external)
            integer, intent(in) :: m              !! rows
            integer, intent(in) :: n              !! columns
            integer, intent(in) :: lda            !! leading dimension, >= m
            real(wp), intent(inout) :: a(lda, n)  !! matrix, then its QR factors
            logical, intent(in) :: pivot          !! whether to pivot columns
            integer, intent(in) :: lipvt          !! length of ipvt: n, or 1 without pivoting
            integer, intent(inout) :: ipvt(lipvt) !! permutation, 1-based
            real(wp), intent(out) :: rdiag(n)     !! diagonal of R
            real(wp), intent(out) :: acnorm(n)    !! column norms of the matrix
            real(wp), intent(out) :: wa(n)        !! work array
        end subroutine qrfac

        !> MINPACK-1's qrsolv: least-squares solution of A x = b, D x = 0 from A's QR factors.
        pure subroutine qrsolv(n, r, ldr, ipvt, diag, qtb, x, sdiag, wa)
            import :: wp
            implicit none(type, external)
            integer, intent(in) :: n             !! order of R
            integer, intent(in) :: ldr           !! leading dimension, >= n
            real(wp), intent(inout) :: r(ldr, n) !! R in upper triangle, S^T below
            integer, intent(in) :: ipvt(n)       !! permutation, 1-based
            real(wp), intent(in) :: diag(n)      !! diagonal of D
            real(wp), intent(in) :: qtb(n)       !! first n elements of Q^T b
            real(wp), intent(out) :: x(n)        !! solution
            real(wp), intent(inout) :: sdiag(n)  !! diagonal of S
            real(wp), intent(out) :: wa(n)       !! work array
        end subroutine qrsolv

        !> MINPACK-1's lmpar: Levenberg-Marquardt parameter.
        pure subroutine lmpar(n, r, ldr, ipvt, diag, qtb, delta, par, x, sdiag, wa1, wa2)
            import :: wp
            implicit none(type, external)
            integer, intent(in) :: n             !! order of R
            integer, intent(in) :: ldr           !! leading dimension, >= n
            real(wp), intent(inout) :: r(ldr, n) !! R in upper triangle, S^T below
            integer, intent(in) :: ipvt(n)       !! permutation, 1-based
            real(wp), intent(in) :: diag(n)      !! diagonal of D
            real(wp), intent(in) :: qtb(n)       !! first n elements of Q^T b
            real(wp), intent(in) :: delta        !! step bound, > 0
            real(wp), intent(inout) :: par       !! estimate >= 0, then the parameter
            real(wp), intent(out) :: x(n)        !! solution
            real(wp), intent(inout) :: sdiag(n)  !! diagonal of S
            real(wp), intent(out) :: wa1(n)      !! work array
            real(wp), intent(out) :: wa2(n)      !! work array
        end subroutine lmpar

        !> MINPACK-1's fdjac2: forward-difference Jacobian.
        recursive subroutine fdjac2(fcn, m, n, x, fvec, fjac, ldfjac, iflag, epsfcn, wa)
            import :: wp, residual
            implicit none(type, external)
            procedure(residual) :: fcn                 !! user-supplied, as in MINPACK-1
            integer, intent(in) :: m                   !! number of residuals, >= n
            integer, intent(in) :: n                   !! number of parameters, > 0
            real(wp), intent(inout) :: x(n)            !! where to differentiate, restored
            real(wp), intent(in) :: fvec(m)            !! residual at x
            integer, intent(in) :: ldfjac              !! leading dimension of fjac, >= m
            real(wp), intent(inout) :: fjac(ldfjac, n) !! Jacobian
            integer, intent(inout) :: iflag            !! passed to fcn; negative: terminated
            real(wp), intent(in) :: epsfcn             !! relative error of the residual
            real(wp), intent(inout) :: wa(m)           !! work array
        end subroutine fdjac2

        !> MINPACK-1's covar: (J^T J)^-1, the covariance matrix without the residual variance.
        pure subroutine covar(n, r, ldr, ipvt, tol, wa)
            import :: wp
            implicit none(type, external)
            integer, intent(in) :: n             !! order of R
            integer, intent(in) :: ldr           !! leading dimension, >= n
            real(wp), intent(inout) :: r(ldr, n) !! R, then the covariance matrix
            integer, intent(in) :: ipvt(n)       !! permutation, 1-based
            real(wp), intent(in) :: tol          !! rank ends at |r(k,k)| <= tol*|r(1,1)|
            real(wp), intent(out) :: wa(n)       !! work array
        end subroutine covar

        !> MINPACK-1's chkder: chooses a neighbouring point xp (mode 1), then compares (mode 2).
        pure subroutine chkder(m, n, x, fvec, fjac, ldfjac, xp, fvecp, mode, err)
            import :: wp
            implicit none(type, external)
            integer, intent(in) :: m                !! number of residuals
            integer, intent(in) :: n                !! number of parameters
            real(wp), intent(in) :: x(n)            !! where to check
            real(wp), intent(in) :: fvec(m)         !! mode 2: residual at x
            integer, intent(in) :: ldfjac           !! leading dimension, >= m
            real(wp), intent(in) :: fjac(ldfjac, n) !! mode 2: Jacobian at x
            real(wp), intent(inout) :: xp(n)        !! mode 1: neighbouring point
            real(wp), intent(in) :: fvecp(m)        !! mode 2: residual at xp
            integer, intent(in) :: mode             !! 1 or 2
            real(wp), intent(inout) :: err(m)       !! mode 2: 1 consistent, 0 inconsistent
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

        !> Bytes of a workspace block; 0 where m and n are out of range or it is too large.
        pure function leastsq_workspace_size(m, n) result(bytes) bind(c)
            import :: c_int, c_size_t
            implicit none(type, external)
            integer(c_int), value :: m !! number of residuals, >= n
            integer(c_int), value :: n !! number of parameters, > 0
            integer(c_size_t) :: bytes
        end function leastsq_workspace_size

        !> Starts a solve in a workspace block; returns the first request.
        function leastsq_start(block, m, n, x, ftol, xtol, gtol, maxfev, epsfcn, diag, mode, &
                               factor, analytic) result(request) bind(c)
            import :: c_int, wp
            implicit none(type, external)
            real(wp), intent(inout), target :: block(*) !! workspace; leastsq_workspace_size(m, n)/8
            integer(c_int), value :: m                  !! number of residuals, >= n
            integer(c_int), value :: n                  !! number of parameters, > 0
            real(wp), intent(in) :: x(n)                !! initial estimate
            real(wp), value :: ftol                     !! relative tolerance for sum of squares
            real(wp), value :: xtol                     !! relative tolerance for x
            real(wp), value :: gtol                     !! orthogonality tolerance (cosine)
            integer(c_int), value :: maxfev             !! limit on residual evaluations, > 0
            real(wp), value :: epsfcn                   !! relative error of the residual
            real(wp), intent(in), optional :: diag(n)   !! scale factors if mode is 2
            integer(c_int), value :: mode               !! 1: internal scaling; 2: by diag
            real(wp), value :: factor                   !! initial step bound over ||D x||, > 0
            integer(c_int), value :: analytic           !! 0: difference Jacobian; else supplied
            integer(c_int) :: request
        end function leastsq_start

        !> Resumes a solve once the request is met; a negative flag requests termination.
        function leastsq_resume(block, flag) result(request) bind(c)
            import :: c_int, wp
            implicit none(type, external)
            real(wp), intent(inout), target :: block(*) !! workspace of a solve
            integer(c_int), value :: flag               !! negative: terminate, with this info
            integer(c_int) :: request
        end function leastsq_resume

        !> Shows the request, the state and the arrays of a solve.
        function leastsq_inspect(block, view) result(request) bind(c)
            import :: c_int, leastsq_view, wp
            implicit none(type, external)
            real(wp), intent(inout), target :: block(*) !! workspace of a solve
            type(leastsq_view), intent(inout) :: view   !! filled in
            integer(c_int) :: request
        end function leastsq_inspect

        !> Copies x with the difference step of parameter j.
        function leastsq_difference_point(block, j, point) result(status) bind(c)
            import :: c_int, wp
            implicit none(type, external)
            real(wp), intent(inout), target :: block(*) !! workspace of a solve
            integer(c_int), value :: j                  !! column of the Jacobian, 0-based
            real(wp), intent(inout) :: point(*)         !! x with x(j + 1) stepped; (n)
            integer(c_int) :: status
        end function leastsq_difference_point

        !> Computes a column of the difference Jacobian from the residual at its point.
        function leastsq_difference_column(block, j, residual) result(status) bind(c)
            import :: c_int, wp
            implicit none(type, external)
            real(wp), intent(inout), target :: block(*) !! workspace of a solve
            integer(c_int), value :: j                  !! column of the Jacobian, 0-based
            real(wp), intent(in) :: residual(*)         !! at the column's point; (m)
            integer(c_int) :: status
        end function leastsq_difference_column

    end interface

end module leastsq_interface
