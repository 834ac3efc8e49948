!> The C API of leastsq.h over the bundled core. leastsq.h documents the arguments.
module leastsq_capi
    use, intrinsic :: iso_c_binding, only: c_int, c_int64_t, c_ptr
    use leastsq_kinds, only: wp, machine_epsilon, smallest_normal, largest_finite
    use leastsq_status, only: improper_input, orthogonal_residual, gtol_too_small
    use leastsq_callbacks, only: residual_function, jacobian_function, for_jacobian
    use leastsq_solve, only: solve_options, solve_state, solve_arrays, associate_arrays, &
                             wants_jacobian, wants_differences
    use leastsq_lmdif_module, only: lmdif
    use leastsq_lmder_module, only: lmder
    use leastsq_enorm_module, only: enorm
    use leastsq_qrfac_module, only: qrfac
    use leastsq_qrsolv_module, only: qrsolv
    use leastsq_lmpar_module, only: lmpar
    use leastsq_fdjac2_module, only: fdjac2
    use leastsq_covar_module, only: covar
    use leastsq_chkder_module, only: neighbouring_point, measure_consistency
    implicit none(type, external)
    private

    public :: leastsq_lmdif, leastsq_lmder, leastsq_lmdif1, leastsq_lmder1, leastsq_enorm, &
              leastsq_qrfac, leastsq_qrsolv, leastsq_lmpar, leastsq_fdjac2, leastsq_covar, &
              leastsq_chkder, leastsq_dpmpar

    real(wp), parameter :: default_factor = 100.0_wp
    integer(c_int), parameter :: default_mode = 1

contains

    !> Minimises a sum of squares; Jacobian by forward differences.
    recursive function leastsq_lmdif(fcn, p, m, n, x, fvec, ftol, xtol, gtol, maxfev, epsfcn, &
                                     diag, mode, factor, nprint, nfev, fjac, ldfjac, ipvt, qtf, &
                                     wa1, wa2, wa3, wa4) result(info) bind(c)
        procedure(residual_function) :: fcn                !! residual
        type(c_ptr), value :: p                            !! user data, passed through to fcn
        integer(c_int), value :: m                         !! number of residuals, >= n
        integer(c_int), value :: n                         !! number of parameters, > 0
        real(wp), intent(inout), target :: x(n)            !! initial estimate, then solution
        real(wp), intent(inout), target :: fvec(m)         !! residual at x
        real(wp), value :: ftol                            !! relative tolerance for sum of squares
        real(wp), value :: xtol                            !! relative tolerance for x
        real(wp), value :: gtol                            !! orthogonality tolerance (cosine)
        integer(c_int), value :: maxfev                    !! limit on residual evaluations, > 0
        real(wp), value :: epsfcn                          !! relative error of the residual
        real(wp), intent(inout), target :: diag(n)         !! scale factors; input if mode is 2
        integer(c_int), value :: mode                      !! 1: internal scaling; 2: by diag
        real(wp), value :: factor                          !! initial step bound over ||D x||, > 0
        integer(c_int), value :: nprint                    !! iterations between reports; 0: none
        integer(c_int), intent(out) :: nfev                !! residual evaluations
        integer(c_int), value :: ldfjac                    !! leading dimension of fjac, >= m
        real(wp), intent(inout), target :: fjac(ldfjac, n) !! QR factors of the last Jacobian
        integer(c_int), intent(inout), target :: ipvt(n)   !! permutation, 1-based
        real(wp), intent(inout), target :: qtf(n)          !! first n elements of Q^T fvec
        real(wp), intent(inout), target :: wa1(n)          !! work array
        real(wp), intent(inout), target :: wa2(n)          !! work array
        real(wp), intent(inout), target :: wa3(n)          !! work array
        real(wp), intent(inout), target :: wa4(m)          !! work array
        integer(c_int) :: info

        type(solve_arrays) :: arrays
        type(solve_state) :: state

        call associate_arrays(m, n, ldfjac, x, fvec, fjac, diag, qtf, ipvt, wa1, wa2, wa3, wa4, &
                              arrays)
        call lmdif(fcn, p, solve_options(ftol, xtol, gtol, epsfcn, factor, maxfev, mode, &
                                         wants_differences), nprint, arrays, state)
        info = state%info
        nfev = state%nfev
    end function leastsq_lmdif

    !> Minimises a sum of squares; Jacobian supplied by the user.
    recursive function leastsq_lmder(fcn, p, m, n, x, fvec, fjac, ldfjac, ftol, xtol, gtol, &
                                     maxfev, diag, mode, factor, nprint, nfev, njev, ipvt, qtf, &
                                     wa1, wa2, wa3, wa4) result(info) bind(c)
        procedure(jacobian_function) :: fcn                !! residual and Jacobian
        type(c_ptr), value :: p                            !! user data, passed through to fcn
        integer(c_int), value :: m                         !! number of residuals, >= n
        integer(c_int), value :: n                         !! number of parameters, > 0
        real(wp), intent(inout), target :: x(n)            !! initial estimate, then solution
        real(wp), intent(inout), target :: fvec(m)         !! residual at x
        integer(c_int), value :: ldfjac                    !! leading dimension of fjac, >= m
        real(wp), intent(inout), target :: fjac(ldfjac, n) !! QR factors of the last Jacobian
        real(wp), value :: ftol                            !! relative tolerance for sum of squares
        real(wp), value :: xtol                            !! relative tolerance for x
        real(wp), value :: gtol                            !! orthogonality tolerance (cosine)
        integer(c_int), value :: maxfev                    !! limit on residual evaluations, > 0
        real(wp), intent(inout), target :: diag(n)         !! scale factors; input if mode is 2
        integer(c_int), value :: mode                      !! 1: internal scaling; 2: by diag
        real(wp), value :: factor                          !! initial step bound over ||D x||, > 0
        integer(c_int), value :: nprint                    !! iterations between reports; 0: none
        integer(c_int), intent(out) :: nfev                !! residual evaluations
        integer(c_int), intent(out) :: njev                !! Jacobian evaluations
        integer(c_int), intent(inout), target :: ipvt(n)   !! permutation, 1-based
        real(wp), intent(inout), target :: qtf(n)          !! first n elements of Q^T fvec
        real(wp), intent(inout), target :: wa1(n)          !! work array
        real(wp), intent(inout), target :: wa2(n)          !! work array
        real(wp), intent(inout), target :: wa3(n)          !! work array
        real(wp), intent(inout), target :: wa4(m)          !! work array
        integer(c_int) :: info

        type(solve_arrays) :: arrays
        type(solve_state) :: state

        call associate_arrays(m, n, ldfjac, x, fvec, fjac, diag, qtf, ipvt, wa1, wa2, wa3, wa4, &
                              arrays)
        call lmder(fcn, p, solve_options(ftol, xtol, gtol, 0.0_wp, factor, maxfev, mode, &
                                         wants_jacobian), nprint, arrays, state)
        info = state%info
        nfev = state%nfev
        njev = state%njev
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

        integer(c_int) :: nfev, fjac_start

        info = improper_input
        if (n <= 0 .or. m < n .or. tol < 0.0_wp) return
        if (lwa < int(m, c_int64_t)*n + 5*int(n, c_int64_t) + m) return
        fjac_start = 5*n + m + 1
        info = leastsq_lmdif(fcn, p, m, n, x, fvec, tol, tol, 0.0_wp, 200*(n + 1), 0.0_wp, &
                             wa(1), default_mode, default_factor, 0, nfev, wa(fjac_start), m, iwa, &
                             wa(n + 1), wa(2*n + 1), wa(3*n + 1), wa(4*n + 1), wa(5*n + 1))
        if (info == gtol_too_small) info = orthogonal_residual
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

        integer(c_int) :: nfev, njev

        info = improper_input
        if (n <= 0 .or. m < n .or. ldfjac < m .or. tol < 0.0_wp) return
        if (lwa < 5*int(n, c_int64_t) + m) return
        info = leastsq_lmder(fcn, p, m, n, x, fvec, fjac, ldfjac, tol, tol, 0.0_wp, 100*(n + 1), &
                             wa(1), default_mode, default_factor, 0, nfev, njev, ipvt, &
                             wa(n + 1), wa(2*n + 1), wa(3*n + 1), wa(4*n + 1), wa(5*n + 1))
        if (info == gtol_too_small) info = orthogonal_residual
    end function leastsq_lmder1

    !> Euclidean norm.
    pure function leastsq_enorm(n, x) result(norm) bind(c)
        integer(c_int), value :: n   !! length
        real(wp), intent(in) :: x(n) !! vector
        real(wp) :: norm

        norm = enorm(x)
    end function leastsq_enorm

    !> QR factorisation, optionally with column pivoting.
    pure subroutine leastsq_qrfac(m, n, a, lda, pivot, ipvt, lipvt, rdiag, acnorm, wa) bind(c)
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

        call qrfac(m, a, pivot /= 0, ipvt, rdiag, acnorm, wa)
    end subroutine leastsq_qrfac

    !> Least-squares solution of A x = b, D x = 0 from the QR factors of A.
    pure subroutine leastsq_qrsolv(n, r, ldr, ipvt, diag, qtb, x, sdiag, wa) bind(c)
        integer(c_int), value :: n            !! order of R
        integer(c_int), value :: ldr          !! leading dimension, >= n
        real(wp), intent(inout) :: r(ldr, n)  !! R in upper triangle, S^T below
        integer(c_int), intent(in) :: ipvt(n) !! permutation, 1-based
        real(wp), intent(in) :: diag(n)       !! diagonal of D
        real(wp), intent(in) :: qtb(n)        !! first n elements of Q^T b
        real(wp), intent(out) :: x(n)         !! solution
        real(wp), intent(inout) :: sdiag(n)   !! diagonal of S
        real(wp), intent(out) :: wa(n)        !! work array

        call qrsolv(r, ipvt, diag, qtb, x, sdiag, wa)
    end subroutine leastsq_qrsolv

    !> Levenberg-Marquardt parameter and the step it gives.
    pure subroutine leastsq_lmpar(n, r, ldr, ipvt, diag, qtb, delta, par, x, sdiag, wa1, wa2) &
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

        call lmpar(r, ipvt, diag, qtb, delta, par, x, sdiag, wa1, wa2)
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

        flag = fdjac2(fcn, p, x, fvec, fjac, for_jacobian, epsfcn, wa)
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
    pure subroutine leastsq_chkder(m, n, x, fvec, fjac, ldfjac, xp, fvecp, mode, err) bind(c)
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

        if (mode == 1) then
            call neighbouring_point(x, xp)
        else
            call measure_consistency(x, fvec, fjac, fvecp, err)
        end if
    end subroutine leastsq_chkder

    !> Machine constants: 1 epsilon, 2 smallest normal number, 3 largest number.
    pure function leastsq_dpmpar(i) result(constant) bind(c)
        integer(c_int), value :: i !! 1, 2 or 3
        real(wp) :: constant

        select case (i)
        case (1)
            constant = machine_epsilon
        case (2)
            constant = smallest_normal
        case default
            constant = largest_finite
        end select
    end function leastsq_dpmpar

end module leastsq_capi
