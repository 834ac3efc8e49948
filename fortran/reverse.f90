!> The reverse-communication API: a solve that asks, in a block of the caller's memory.
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

    integer(c_int), parameter :: refused = -1  !! not a block of this layout, or not wanted

    !> What leastsq_inspect shows, struct leastsq_view of leastsq.h.
    type, bind(c) :: solve_view
        integer(c_int) :: request   !! what is wanted
        integer(c_int) :: info      !! exit code
        integer(c_int) :: nfev      !! residual evaluations
        integer(c_int) :: njev      !! Jacobians of the user's
        integer(c_int) :: iteration !! one more than the accepted steps
        integer(c_int) :: missing   !! columns of a difference Jacobian
        integer(c_int) :: m         !! number of residuals
        integer(c_int) :: n         !! number of parameters
        type(c_ptr) :: point        !! where the residual or Jacobian is wanted
        type(c_ptr) :: residual     !! where the residual goes, if one is wanted
        type(c_ptr) :: jacobian     !! where the Jacobian goes, if one is wanted
        type(c_ptr) :: x            !! best point so far
        type(c_ptr) :: fvec         !! residual there
        type(c_ptr) :: fjac         !! factors of the last Jacobian
        type(c_ptr) :: diag         !! scaling
        type(c_ptr) :: qtf          !! rotated residual
        type(c_ptr) :: ipvt         !! permutation
        type(c_ptr) :: given        !! columns of a difference Jacobian that have been given are 1
    end type solve_view

contains

    !> Bytes of a block.
    pure function leastsq_workspace_size(m, n) result(bytes) bind(c)
        integer(c_int), value :: m  !! number of residuals
        integer(c_int), value :: n  !! number of parameters
        integer(c_size_t) :: bytes

        bytes = workspace_size(m, n)
    end function leastsq_workspace_size

    !> Begins a solve.
    function leastsq_start(block, m, n, x, ftol, xtol, gtol, maxfev, epsfcn, diag, mode, factor, &
                           analytic) result(request) bind(c)
        real(wp), intent(inout), target :: block(*)    !! the block
        integer(c_int), value :: m                     !! number of residuals, >= n
        integer(c_int), value :: n                     !! number of parameters, > 0
        real(wp), intent(in) :: x(n)                   !! start
        real(wp), value :: ftol                        !! reduction of the sum to stop at
        real(wp), value :: xtol                        !! relative error of x to stop at
        real(wp), value :: gtol                        !! cosine to stop at
        integer(c_int), value :: maxfev                !! evaluations to stop at, > 0
        real(wp), value :: epsfcn                      !! relative error of the residual
        real(wp), intent(in), optional :: diag(n)      !! scaling if mode is 2
        integer(c_int), value :: mode                  !! 2: diag is given; 1: it is not
        real(wp), value :: factor                      !! first step bound over ||D x||, > 0
        integer(c_int), value :: analytic              !! nonzero: Jacobians are given, not columns
        integer(c_int) :: request

        type(workspace_header), pointer :: header
        type(solve_arrays) :: arrays
        integer(c_size_t) :: bytes

        request = refused
        bytes = workspace_size(m, n)
        if (bytes == 0) return
        block(:bytes*8/storage_size(0.0_wp)) = 0.0_wp  ! no undefined bytes on file
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

    !> Goes on with the answer that stands in the block, or without one.
    function leastsq_resume(block, flag) result(request) bind(c)
        real(wp), intent(inout), target :: block(*) !! the block
        integer(c_int), value :: flag               !! negative: there is no answer
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

    !> Shows what is wanted, and all the rest.
    function leastsq_inspect(block, view) result(request) bind(c)
        real(wp), intent(inout), target :: block(*) !! the block
        type(solve_view), intent(inout) :: view     !! what is in it; unchanged if refused
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

    !> Copies the point of a column of the difference Jacobian.
    function leastsq_difference_point(block, j, point) result(status) bind(c)
        real(wp), intent(inout), target :: block(*) !! the block
        integer(c_int), value :: j                  !! the column, from 0
        real(wp), intent(inout) :: point(*)         !! x but for parameter j, (n)
        integer(c_int) :: status

        type(workspace_header), pointer :: header
        type(solve_arrays) :: arrays

        call open_workspace(block, header)
        status = refused
        if (.not. column_is_wanted(header, j)) return
        call open_workspace(block, header, arrays)
        point(:header%n) = arrays%x
        point(j + 1) = arrays%x(j + 1) + step_of(header, arrays%x(j + 1))
        status = 0
    end function leastsq_difference_point

    !> Makes a column of the difference Jacobian from the residual at its point.
    function leastsq_difference_column(block, j, residual) result(status) bind(c)
        real(wp), intent(inout), target :: block(*) !! the block
        integer(c_int), value :: j                  !! the column, from 0
        real(wp), intent(in) :: residual(*)         !! at the column's point, (m)
        integer(c_int) :: status

        type(workspace_header), pointer :: header
        type(solve_arrays) :: arrays
        integer(c_int), pointer :: given(:)

        call open_workspace(block, header)
        status = refused
        if (.not. column_is_wanted(header, j)) return
        call open_workspace(block, header, arrays, given)
        call difference_column(residual(:header%m), arrays%fvec, &
                               step_of(header, arrays%x(j + 1)), arrays%fjac(:, j + 1))
        if (given(j + 1) == 0) header%columns = header%columns + 1
        given(j + 1) = 1
        status = 0
    end function leastsq_difference_column

    !> Sets epsfcn where it is still NaN, which stands for one that the first residual will tell.
    !> For the Python API, not part of leastsq.h.
    subroutine default_epsfcn(block, epsfcn) bind(c, name="leastsq_default_epsfcn")
        real(wp), intent(inout), target :: block(*) !! the block
        real(wp), value :: epsfcn                   !! relative error of the residual

        type(workspace_header), pointer :: header

        call open_workspace(block, header)
        if (header%options%epsfcn /= header%options%epsfcn) header%options%epsfcn = epsfcn
    end subroutine default_epsfcn

    !> What is wanted, as leastsq.h numbers it, or a refusal of the block.
    pure function public_request(header) result(request)
        type(workspace_header), intent(in) :: header !! of a block of any kind
        integer(c_int) :: request

        request = refused
        if (header%version /= layout_version) return
        request = header%state%request
        if (request == wants_first_residual) request = wants_residual
    end function public_request

    !> Columns of the difference Jacobian that are still to be given.
    pure function columns_missing(header) result(missing)
        type(workspace_header), intent(in) :: header !! of a block
        integer(c_int) :: missing

        missing = 0
        if (header%state%request == wants_differences) missing = header%n - header%columns
    end function columns_missing

    !> Whether a difference Jacobian is wanted and has that column.
    pure function column_is_wanted(header, j) result(wanted)
        type(workspace_header), intent(in) :: header !! of a block of any kind
        integer(c_int), intent(in) :: j              !! the column, from 0
        logical :: wanted

        wanted = public_request(header) == wants_differences .and. j >= 0 .and. j < header%n
    end function column_is_wanted

    !> Length of a parameter's difference step.
    pure function step_of(header, x) result(step)
        type(workspace_header), intent(in) :: header !! of a block
        real(wp), intent(in) :: x                    !! the parameter
        real(wp) :: step

        step = difference_step(relative_step(header%options%epsfcn), x)
    end function step_of

end module leastsq_reverse
