!> The data of a solve: the user's options, the scalar state, and pointers to the arrays.
!>
!> Options and state hold no pointers, so that a solve can be copied, written to a file and resumed.
!> A driver associates the pointers once, and again if the arrays have moved.
module leastsq_solve
    use, intrinsic :: iso_c_binding, only: c_int
    use leastsq_kinds, only: wp
    implicit none(type, external)
    private

    public :: solve_options, solve_state, solve_arrays, trial_step
    public :: options_are_proper, associate_arrays, report_is_due
    public :: not_finished
    public :: wants_nothing, wants_residual, wants_jacobian, wants_differences, wants_first_residual

    !> Requests of a solve to its driver; the driver may terminate it by a negative flag instead.
    enum, bind(c)
        enumerator :: wants_nothing = 0        !! the solve has terminated, see info
        enumerator :: wants_residual = 1       !! trial_fvec at trial_x
        enumerator :: wants_jacobian = 2       !! fjac at x
        enumerator :: wants_differences = 3    !! fjac at x, by differences of residuals
        enumerator :: wants_first_residual = 4 !! fvec at x
    end enum

    integer(c_int), parameter :: not_finished = 0 !! info until the solve has terminated

    !> The user's options, named as in MINPACK's calling sequences.
    type, bind(c) :: solve_options
        real(wp) :: ftol = 0.0_wp    !! relative tolerance for the sum of squares
        real(wp) :: xtol = 0.0_wp    !! relative tolerance for x
        real(wp) :: gtol = 0.0_wp    !! orthogonality tolerance (cosine)
        real(wp) :: epsfcn = 0.0_wp  !! relative error of the residual
        real(wp) :: factor = 0.0_wp  !! initial step bound / ||D x||
        integer(c_int) :: maxfev = 0 !! limit on residual evaluations
        integer(c_int) :: mode = 0   !! 2: diag is input; otherwise set internally
        integer(c_int) :: jacobian_request = wants_nothing !! wants_jacobian or wants_differences
        integer(c_int) :: unused = 0 !! avoids padding: undefined bytes
    end type solve_options

    !> The scalar state of a solve.
    type, bind(c) :: solve_state
        integer(c_int) :: request = wants_nothing !! what the driver is to supply
        integer(c_int) :: info = not_finished     !! exit code, or not_finished
        integer(c_int) :: nfev = 0                !! residual evaluations as MINPACK counts them
        integer(c_int) :: njev = 0                !! evaluations of a user-supplied Jacobian
        integer(c_int) :: iteration = 1           !! accepted steps + 1
        integer(c_int) :: unused = 0              !! avoids padding
        real(wp) :: fnorm = 0.0_wp                !! ||fvec||
        real(wp) :: xnorm = 0.0_wp                !! ||D x||
        real(wp) :: gnorm = 0.0_wp                !! largest cosine of fvec and a column of fjac
        real(wp) :: delta = 0.0_wp                !! step bound, the radius of the trust region
        real(wp) :: par = 0.0_wp                  !! Levenberg-Marquardt parameter
        real(wp) :: step_length = 0.0_wp          !! ||D p|| of the trial step
    end type solve_state

    !> A trial step p: its reductions and their ratio.
    type :: trial_step
        real(wp) :: length    !! ||D p||
        real(wp) :: fnorm     !! ||f(x + p)||
        real(wp) :: actual    !! relative reduction of the sum of squares
        real(wp) :: predicted !! relative reduction predicted by the linear model
        real(wp) :: slope     !! directional derivative along p, scaled
        real(wp) :: ratio     !! gain ratio, actual / predicted
    end type trial_step

    !> Pointers to the caller's arrays: the arguments under their names, the work arrays under
    !> a name for each role. The roles of a work array are never in use at the same time.
    type :: solve_arrays
        real(wp), pointer, contiguous :: x(:)          !! current iterate; (n)
        real(wp), pointer, contiguous :: fvec(:)       !! residual at x; (m)
        real(wp), pointer, contiguous :: fjac(:, :)    !! Jacobian, then QR factors; (ldfjac, n)
        real(wp), pointer, contiguous :: diag(:)       !! scaling D; (n)
        real(wp), pointer, contiguous :: qtf(:)        !! first n elements of Q^T fvec; (n)
        integer(c_int), pointer, contiguous :: ipvt(:) !! permutation of the QR factors; (n)
        ! roles of qtf before it is set
        real(wp), pointer, contiguous :: multipliers(:) !! work array of householder_qr; (n)
        ! roles of wa1
        real(wp), pointer, contiguous :: rdiag(:) !! diagonal of R; (n)
        real(wp), pointer, contiguous :: step(:)  !! the trial step p; (n)
        ! roles of wa2
        real(wp), pointer, contiguous :: column_norms(:) !! column norms of the Jacobian; (n)
        real(wp), pointer, contiguous :: sdiag(:)        !! diagonal of S, see qrsolv; (n)
        real(wp), pointer, contiguous :: trial_x(:)      !! x + p; (n)
        ! roles of wa3
        real(wp), pointer, contiguous :: scratch(:)      !! of householder_qr and lmpar; (n)
        real(wp), pointer, contiguous :: scaled_x(:)     !! D x; (n)
        real(wp), pointer, contiguous :: scaled_step(:)  !! D p; (n)
        real(wp), pointer, contiguous :: model_change(:) !! R P^T p, that is, Q^T J p; (n)
        ! roles of wa4
        real(wp), pointer, contiguous :: stepped_fvec(:)  !! residual at a difference point; (m)
        real(wp), pointer, contiguous :: rotated_fvec(:)  !! Q^T fvec; (m)
        real(wp), pointer, contiguous :: lmpar_scratch(:) !! work array of lmpar, D x; (n)
        real(wp), pointer, contiguous :: trial_fvec(:)    !! residual at x + p; (m)
    end type solve_arrays

contains

    !> Associates the pointers with the arrays of MINPACK's calling sequence.
    pure subroutine associate_arrays(m, n, ldfjac, x, fvec, fjac, diag, qtf, ipvt, wa1, wa2, wa3, &
                                     wa4, arrays)
        integer, intent(in) :: m                           !! number of residuals
        integer, intent(in) :: n                           !! number of parameters
        integer, intent(in) :: ldfjac                      !! leading dimension of fjac
        real(wp), intent(inout), target :: x(n)            !! current iterate; see solve_arrays
        real(wp), intent(inout), target :: fvec(m)         !! residual
        real(wp), intent(inout), target :: fjac(ldfjac, n) !! Jacobian and its QR factors
        real(wp), intent(inout), target :: diag(n)         !! scaling D
        real(wp), intent(inout), target :: qtf(n)          !! first n elements of Q^T fvec
        integer(c_int), intent(inout), target :: ipvt(n)   !! permutation P
        real(wp), intent(inout), target :: wa1(n)          !! work array
        real(wp), intent(inout), target :: wa2(n)          !! work array
        real(wp), intent(inout), target :: wa3(n)          !! work array
        real(wp), intent(inout), target :: wa4(m)          !! work array
        type(solve_arrays), intent(out) :: arrays          !! the pointers

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
        arrays%lmpar_scratch => wa4(:min(m, n))  ! m < n: see options_are_proper
        arrays%trial_fvec => wa4
    end subroutine associate_arrays

    !> Whether all arguments are proper input in MINPACK's sense.
    pure function options_are_proper(options, arrays) result(proper)
        type(solve_options), intent(in) :: options !! the user's options
        type(solve_arrays), intent(in) :: arrays   !! proper if m >= n > 0, ldfjac >= m
        logical :: proper

        proper = size(arrays%x) > 0 .and. size(arrays%fvec) >= size(arrays%x) &
                 .and. size(arrays%fjac, 1) >= size(arrays%fvec) .and. options%maxfev > 0 &
                 .and. .not. (options%ftol < 0.0_wp .or. options%xtol < 0.0_wp &
                              .or. options%gtol < 0.0_wp .or. options%factor <= 0.0_wp)
        if (proper .and. options%mode == 2) proper = .not. any(arrays%diag <= 0.0_wp)
    end function options_are_proper

    !> Whether to call fcn with iflag = 0: in the first iteration and every nprint iterations after.
    pure function report_is_due(nprint, state)
        integer(c_int), intent(in) :: nprint   !! iterations between reports; <= 0: none
        type(solve_state), intent(in) :: state !! of a solve with a new Jacobian
        logical :: report_is_due

        report_is_due = nprint > 0
        if (report_is_due) report_is_due = mod(state%iteration - 1, nprint) == 0
    end function report_is_due

end module leastsq_solve
