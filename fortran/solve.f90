!> What makes a solve: the user's options, a scalar state, and views of the arrays.
!>
!> Options and state are plain numbers without pointers, so that a solve can be copied, written to a
!> file and resumed; whoever drives one builds the views once, and again where memory has moved.
module leastsq_solve
    use, intrinsic :: iso_c_binding, only: c_int
    use leastsq_kinds, only: wp
    use leastsq_status, only: improper_input
    implicit none(type, external)
    private

    public :: solve_options, solve_state, solve_arrays
    public :: options_are_proper, associate_arrays, report_is_due
    public :: not_finished
    public :: wants_nothing, wants_residual, wants_jacobian, wants_differences, wants_first_residual

    !> What a solve can want. A refusal is a negative flag of resume, not one of these.
    enum, bind(c)
        enumerator :: wants_nothing = 0         !! it has ended, info tells how
        enumerator :: wants_residual = 1        !! trial_fvec at trial_x
        enumerator :: wants_jacobian = 2        !! fjac at x
        enumerator :: wants_differences = 3     !! fjac at x, from residuals at n points beside it
        enumerator :: wants_first_residual = 4  !! fvec at x
    end enum

    integer(c_int), parameter :: not_finished = improper_input  !! info of a solve that goes on

    !> What the user chose; names as in the calling sequences.
    type, bind(c) :: solve_options
        real(wp) :: ftol = 0.0_wp    !! relative reduction of the sum of squares that ends the solve
        real(wp) :: xtol = 0.0_wp    !! relative size of the step bound that ends the solve
        real(wp) :: gtol = 0.0_wp    !! cosine between residual and Jacobian that ends the solve
        real(wp) :: epsfcn = 0.0_wp  !! relative error of the residual
        real(wp) :: factor = 0.0_wp  !! initial step bound over ||D x||
        integer(c_int) :: maxfev = 0 !! residual evaluations that end the solve
        integer(c_int) :: mode = 0   !! 2: diag is the user's; otherwise chosen here
        integer(c_int) :: jacobian_request = wants_nothing !! wants_jacobian or wants_differences
        integer(c_int) :: unused = 0 !! no padding, whose bytes would be undefined
    end type solve_options

    !> Where a solve stands.
    type, bind(c) :: solve_state
        integer(c_int) :: request = wants_nothing  !! what is wanted now
        integer(c_int) :: info = not_finished      !! exit code once nothing is wanted
        integer(c_int) :: nfev = 0       !! residual evaluations as MINPACK counts them
        integer(c_int) :: njev = 0       !! Jacobians of the user's, answered or refused
        integer(c_int) :: iteration = 1  !! one more than the accepted steps
        integer(c_int) :: unused = 0     !! no padding
        real(wp) :: fnorm = 0.0_wp       !! ||fvec||
        real(wp) :: xnorm = 0.0_wp       !! ||D x||
        real(wp) :: gnorm = 0.0_wp       !! largest cosine between fvec and a column of the Jacobian
        real(wp) :: delta = 0.0_wp       !! step bound: radius of the trust region
        real(wp) :: par = 0.0_wp         !! Levenberg-Marquardt parameter
        real(wp) :: step_length = 0.0_wp !! ||D p|| of the trial step
    end type solve_state

    !> Views of the caller's arrays: the arguments by their names, the scratch by its roles. Roles
    !> of the same array are never alive together.
    type :: solve_arrays
        real(wp), pointer, contiguous :: x(:)            !! best point so far; (n)
        real(wp), pointer, contiguous :: fvec(:)         !! residual there; (m)
        real(wp), pointer, contiguous :: fjac(:, :)      !! Jacobian, then its factors; (ldfjac, n)
        real(wp), pointer, contiguous :: diag(:)         !! scaling D; (n)
        real(wp), pointer, contiguous :: qtf(:)          !! first n elements of Q^T fvec; (n)
        integer(c_int), pointer, contiguous :: ipvt(:)   !! permutation of the factors; (n)
        ! qtf before it is set
        real(wp), pointer, contiguous :: multipliers(:)  !! of the factorisation; (n)
        ! wa1
        real(wp), pointer, contiguous :: rdiag(:)        !! diagonal of R; (n)
        real(wp), pointer, contiguous :: step(:)         !! the trial step p; (n)
        ! wa2
        real(wp), pointer, contiguous :: column_norms(:) !! of the Jacobian; (n)
        real(wp), pointer, contiguous :: sdiag(:)        !! diagonal of S, see qrsolv; (n)
        real(wp), pointer, contiguous :: trial_x(:)      !! x + p; (n)
        ! wa3
        real(wp), pointer, contiguous :: scratch(:)      !! of the factorisation and of lmpar; (n)
        real(wp), pointer, contiguous :: scaled_x(:)     !! D x; (n)
        real(wp), pointer, contiguous :: scaled_step(:)  !! D p; (n)
        real(wp), pointer, contiguous :: model_change(:) !! J p, up to Q; (n)
        ! wa4
        real(wp), pointer, contiguous :: stepped_fvec(:) !! residual at a difference step; (m)
        real(wp), pointer, contiguous :: rotated_fvec(:) !! Q^T fvec; (m)
        real(wp), pointer, contiguous :: lmpar_scratch(:) !! D x of lmpar; (n)
        real(wp), pointer, contiguous :: trial_fvec(:)   !! residual at x + p; (m)
    end type solve_arrays

contains

    !> Points the views at the arrays of MINPACK's calling sequence.
    pure subroutine associate_arrays(m, n, ldfjac, x, fvec, fjac, diag, qtf, ipvt, wa1, wa2, wa3, &
                                     wa4, arrays)
        integer, intent(in) :: m                           !! number of residuals
        integer, intent(in) :: n                           !! number of parameters
        integer, intent(in) :: ldfjac                      !! leading dimension of fjac
        real(wp), intent(inout), target :: x(n)            !! see solve_arrays for all of these
        real(wp), intent(inout), target :: fvec(m)         !! residual
        real(wp), intent(inout), target :: fjac(ldfjac, n) !! Jacobian and factors
        real(wp), intent(inout), target :: diag(n)         !! scaling
        real(wp), intent(inout), target :: qtf(n)          !! rotated residual
        integer(c_int), intent(inout), target :: ipvt(n)   !! permutation
        real(wp), intent(inout), target :: wa1(n)          !! scratch
        real(wp), intent(inout), target :: wa2(n)          !! scratch
        real(wp), intent(inout), target :: wa3(n)          !! scratch
        real(wp), intent(inout), target :: wa4(m)          !! scratch
        type(solve_arrays), intent(out) :: arrays          !! the views

        arrays%x => x
        arrays%fvec => fvec
        arrays%fjac => fjac
        arrays%diag => diag
        arrays%qtf => qtf
        arrays%ipvt => ipvt
        arrays%multipliers => qtf
        arrays%rdiag => wa1
        arrays%step => wa1
        arrays%column_norms => wa2
        arrays%sdiag => wa2
        arrays%trial_x => wa2
        arrays%scratch => wa3
        arrays%scaled_x => wa3
        arrays%scaled_step => wa3
        arrays%model_change => wa3
        arrays%stepped_fvec => wa4
        arrays%rotated_fvec => wa4
        arrays%lmpar_scratch => wa4(:min(m, n))  ! m < n is refused later
        arrays%trial_fvec => wa4
    end subroutine associate_arrays

    !> Whether every argument is in MINPACK's range.
    pure function options_are_proper(options, arrays) result(proper)
        type(solve_options), intent(in) :: options !! what the user chose
        type(solve_arrays), intent(in) :: arrays   !! m >= n > 0, ldfjac >= m
        logical :: proper

        proper = size(arrays%x) > 0 .and. size(arrays%fvec) >= size(arrays%x) &
                 .and. size(arrays%fjac, 1) >= size(arrays%fvec) .and. options%maxfev > 0 &
                 .and. .not. (options%ftol < 0.0_wp .or. options%xtol < 0.0_wp &
                              .or. options%gtol < 0.0_wp .or. options%factor <= 0.0_wp)
        if (proper .and. options%mode == 2) proper = .not. any(arrays%diag <= 0.0_wp)
    end function options_are_proper

    !> Whether a driver shows the iterate: in the first iteration and every nprint after it.
    pure function report_is_due(nprint, state)
        integer(c_int), intent(in) :: nprint   !! iterations between reports, none unless positive
        type(solve_state), intent(in) :: state !! a Jacobian has been given for it
        logical :: report_is_due

        report_is_due = nprint > 0
        if (report_is_due) report_is_due = mod(state%iteration - 1, nprint) == 0
    end function report_is_due

end module leastsq_solve
