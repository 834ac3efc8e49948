!> The reverse-communication API: a solve in a workspace block of the caller's memory.
!>
!> leastsq.h documents the functions.
module leastsq_reverse
    use, intrinsic :: iso_c_binding, only: c_int, c_loc, c_null_ptr, c_ptr, c_size_t
    use leastsq_kinds, only: wp
    use leastsq_fdjac2_module, only: relative_step, difference_step, difference_column
    use leastsq_levenberg_marquardt, only: start, resume
    use leastsq_solve, only: solve_options, solve_arrays, wants_residual, wants_jacobian, &
                             wants_differences, wants_first_residual
    use leastsq_workspace, only: workspace_header, workspace_size, open_workspace, layout_version
    implicit none(type, external)
    private

    public :: leastsq_workspace_size, leastsq_start, leastsq_resume, leastsq_inspect, &
              leastsq_difference_point, leastsq_difference_column
    public :: default_epsfcn

    integer(c_int), parameter :: refused = -1 !! not a block of this layout, or not requested

    !> Result of leastsq_inspect, struct leastsq_view of leastsq.h.
    type, bind(c) :: solve_view
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
    end type solve_view

contains

    !> Bytes of a workspace block, or 0.
    pure function leastsq_workspace_size(m, n) result(bytes) bind(c)
        integer(c_int), value :: m !! number of residuals
        integer(c_int), value :: n !! number of parameters
        integer(c_size_t) :: bytes

        bytes = workspace_size(m, n)
    end function leastsq_workspace_size

    !> Starts a solve; returns the first request.
    function leastsq_start(block, m, n, x, ftol, xtol, gtol, maxfev, epsfcn, diag, mode, factor, &
                           analytic) result(request) bind(c)
        real(wp), intent(inout), target :: block(*) !! workspace of a solve
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

        type(workspace_header), pointer :: header
        type(solve_arrays) :: arrays
        integer(c_size_t) :: bytes

        request = refused
        bytes = workspace_size(m, n)
        if (bytes == 0) return
        block(:bytes*8/storage_size(0.0_wp)) = 0.0_wp  ! leaves no undefined bytes
        call open_workspace(block, header)
        header = workspace_header(m=m, n=n)
        header%options = solve_options(ftol, xtol, gtol, epsfcn, factor, maxfev, mode, &
                                       merge(wants_jacobian, wants_differences, analytic /= 0))
        call open_workspace(block, header, arrays)
        arrays%x = x
        if (mode == 2 .and. present(diag)) arrays%diag = diag
        call start(header%options, arrays, header%state)
        request = public_request(header)
    end function leastsq_start

    !> Resumes a solve once the request is met; a negative flag requests termination.
    function leastsq_resume(block, flag) result(request) bind(c)
        real(wp), intent(inout), target :: block(*) !! workspace of a solve
        integer(c_int), value :: flag               !! negative: terminate with this info
        integer(c_int) :: request

        type(workspace_header), pointer :: header
        type(solve_arrays) :: arrays
        integer(c_int), pointer :: given(:)

        call open_workspace(block, header)
        request = public_request(header)
        if (request <= 0) return
        if (flag >= 0 .and. columns_missing(header) > 0) return
        call open_workspace(block, header, arrays, given)
        call resume(header%options, flag, arrays, header%state)
        header%columns = 0
        given = 0
        request = public_request(header)
    end function leastsq_resume

    !> Shows the request, the state and the arrays of a solve.
    function leastsq_inspect(block, view) result(request) bind(c)
        real(wp), intent(inout), target :: block(*) !! workspace of a solve
        type(solve_view), intent(inout) :: view     !! filled in; unchanged if refused
        integer(c_int) :: request

        type(workspace_header), pointer :: header
        type(solve_arrays) :: arrays
        integer(c_int), pointer :: given(:)

        call open_workspace(block, header)
        request = public_request(header)
        if (request < 0) return
        call open_workspace(block, header, arrays, given)
        view%request = request
        view%info = header%state%info
        view%nfev = header%state%nfev
        view%njev = header%state%njev
        view%iteration = header%state%iteration
        view%missing = columns_missing(header)
        view%m = header%m
        view%n = header%n
        view%x = c_loc(arrays%x(1))
        view%fvec = c_loc(arrays%fvec(1))
        view%diag = c_loc(arrays%diag(1))
        view%qtf = c_loc(arrays%qtf(1))
        view%ipvt = c_loc(arrays%ipvt(1))
        view%fjac = c_loc(arrays%fjac(1, 1))
        view%given = c_loc(given(1))
        view%point = view%x
        view%jacobian = c_null_ptr
        select case (header%state%request)
        case (wants_first_residual)
            view%residual = view%fvec
        case (wants_residual)
            view%point = c_loc(arrays%trial_x(1))
            view%residual = c_loc(arrays%trial_fvec(1))
        case (wants_differences)
            view%residual = c_loc(arrays%stepped_fvec(1))
        case default
            view%residual = c_null_ptr
            if (request == wants_jacobian) view%jacobian = view%fjac
        end select
    end function leastsq_inspect

    !> Copies x with the difference step of parameter j.
    function leastsq_difference_point(block, j, point) result(status) bind(c)
        real(wp), intent(inout), target :: block(*) !! workspace of a solve
        integer(c_int), value :: j                  !! column of the Jacobian, 0-based
        real(wp), intent(inout) :: point(*)         !! x with x(j + 1) stepped; (n)
        integer(c_int) :: status

        type(workspace_header), pointer :: header
        type(solve_arrays) :: arrays

        call open_workspace(block, header)
        status = refused
        if (.not. column_is_requested(header, j)) return
        call open_workspace(block, header, arrays)
        point(:header%n) = arrays%x
        point(j + 1) = arrays%x(j + 1) + step_for(header, arrays%x(j + 1))
        status = 0
    end function leastsq_difference_point

    !> Computes a column of the difference Jacobian from the residual at its point.
    function leastsq_difference_column(block, j, residual) result(status) bind(c)
        real(wp), intent(inout), target :: block(*) !! workspace of a solve
        integer(c_int), value :: j                  !! column of the Jacobian, 0-based
        real(wp), intent(in) :: residual(*)         !! at the column's point; (m)
        integer(c_int) :: status

        type(workspace_header), pointer :: header
        type(solve_arrays) :: arrays
        integer(c_int), pointer :: given(:)

        call open_workspace(block, header)
        status = refused
        if (.not. column_is_requested(header, j)) return
        call open_workspace(block, header, arrays, given)
        call difference_column(residual(:header%m), arrays%fvec, &
                               step_for(header, arrays%x(j + 1)), arrays%fjac(:, j + 1))
        if (given(j + 1) == 0) header%columns = header%columns + 1
        given(j + 1) = 1
        status = 0
    end function leastsq_difference_column

    !> Sets epsfcn if it is NaN, which means that it depends on the first residual. For the Python
    !> API, not part of leastsq.h.
    subroutine default_epsfcn(block, epsfcn) bind(c, name="leastsq_default_epsfcn")
        real(wp), intent(inout), target :: block(*) !! workspace of a solve
        real(wp), value :: epsfcn                   !! relative error of the residual

        type(workspace_header), pointer :: header

        call open_workspace(block, header)
        if (header%options%epsfcn /= header%options%epsfcn) header%options%epsfcn = epsfcn
    end subroutine default_epsfcn

    !> The request, as numbered in leastsq.h, or refused.
    pure function public_request(header) result(request)
        type(workspace_header), intent(in) :: header !! header of a block of any layout
        integer(c_int) :: request

        request = refused
        if (header%version /= layout_version) return
        request = header%state%request
        if (request == wants_first_residual) request = wants_residual
    end function public_request

    !> Number of columns of the difference Jacobian not yet supplied.
    pure function columns_missing(header) result(missing)
        type(workspace_header), intent(in) :: header !! header of a block of this layout
        integer(c_int) :: missing

        missing = 0
        if (header%state%request == wants_differences) missing = header%n - header%columns
    end function columns_missing

    !> Whether a difference Jacobian is requested and has column j.
    pure function column_is_requested(header, j) result(wanted)
        type(workspace_header), intent(in) :: header !! header of a block of any layout
        integer(c_int), intent(in) :: j              !! column of the Jacobian, 0-based
        logical :: wanted

        wanted = public_request(header) == wants_differences .and. j >= 0 .and. j < header%n
    end function column_is_requested

    !> Difference step of a parameter.
    pure function step_for(header, x) result(step)
        type(workspace_header), intent(in) :: header !! header of a block of this layout
        real(wp), intent(in) :: x                    !! value of the parameter
        real(wp) :: step

        step = difference_step(relative_step(header%options%epsfcn), x)
    end function step_for

end module leastsq_reverse
