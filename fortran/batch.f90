!> Operations on the workspace blocks of many solves that are driven together.
!>
!> The blocks are those of the reverse-communication API, here without its checks: the caller knows
!> what each has requested. For the Python API, not part of leastsq.h.
module leastsq_batch
    use, intrinsic :: iso_c_binding, only: c_f_pointer, c_int, c_int64_t, c_loc, c_ptr
    use leastsq_kernels_module, only: lane
    use leastsq_kinds, only: wp, is_finite
    use leastsq_enorm_module, only: column_norms
    use leastsq_fdjac2_module, only: relative_step, difference_step, difference_column
    use leastsq_levenberg_marquardt, only: resume, resume_with_norm, resume_with_factors
    use leastsq_qrfac_module, only: max_lanes, lanes_work_size, householder_qr_in_lanes
    use leastsq_solve, only: solve_arrays, wants_residual, wants_differences, wants_first_residual
    use leastsq_workspace, only: workspace_header, open_workspace, index_of_x, index_of_trial_x, &
                                 index_of_fvec, index_of_trial_fvec, index_of_fjac, index_of_qtf, &
                                 index_of_column_norms, index_of_ipvt
    implicit none(type, external)
    private

    public :: batch_points, batch_put, batch_column, batch_norms, batch_scratch, &
              batch_factor, batch_resume

contains

    !> Copies the point of the request and, for differences, the stepped value of each parameter.
    subroutine batch_points(block, point, stepped) bind(c, name="leastsq_batch_points")
        real(wp), intent(inout), target :: block(*) !! workspace of a solve
        real(wp), intent(inout) :: point(*)         !! where to evaluate; (n)
        real(wp), intent(inout) :: stepped(*)       !! x(j) with its step; (n)

        type(workspace_header), pointer :: header
        real(wp) :: relative
        integer(c_int64_t) :: first, j

        call open_workspace(block, header)
        first = index_of_x
        if (header%state%request == wants_residual) first = index_of_trial_x(header)
        point(:header%n) = block(first:first + header%n - 1)
        if (header%state%request /= wants_differences) return
        relative = relative_step(header%options%epsfcn)
        do j = 1, header%n
            stepped(j) = point(j) + difference_step(relative, point(j))
        end do
    end subroutine batch_points

    !> Stores the requested residual.
    subroutine batch_put(block, residual) bind(c, name="leastsq_batch_put")
        real(wp), intent(inout), target :: block(*) !! workspace of a solve
        real(wp), intent(in) :: residual(*)         !! residual at the point of the request; (m)

        type(workspace_header), pointer :: header
        integer(c_int64_t) :: first

        call open_workspace(block, header)
        first = index_of_fvec(header)
        if (header%state%request == wants_residual) first = index_of_trial_fvec(header)
        block(first:first + header%m - 1) = residual(:header%m)
    end subroutine batch_put

    !> Computes a column of a difference Jacobian from the residual at its point.
    subroutine batch_column(block, j, residual) bind(c, name="leastsq_batch_column")
        real(wp), intent(inout), target :: block(*) !! workspace of a solve
        integer(c_int), value :: j                  !! column of the Jacobian, 0-based
        real(wp), intent(in) :: residual(*)         !! at the column's point; (m)

        type(workspace_header), pointer :: header
        real(wp) :: step
        integer(c_int64_t) :: fvec, fjac, m

        call open_workspace(block, header)
        m = header%m
        fvec = index_of_fvec(header)
        fjac = index_of_fjac(header) + j*m
        step = difference_step(relative_step(header%options%epsfcn), block(index_of_x + j))
        call difference_column(residual(:m), block(fvec:fvec + m - 1), step, &
                               block(fjac:fjac + m - 1))
    end subroutine batch_column

    !> Norms of several residuals.
    subroutine batch_norms(m, count, residuals, norms) bind(c, name="leastsq_batch_norms")
        integer(c_int), value :: m                  !! number of residuals
        integer(c_int), value :: count              !! number of residual vectors
        real(wp), intent(in) :: residuals(m, count) !! residual vectors
        real(wp), intent(out) :: norms(count)       !! their norms

        call column_norms(m, residuals, norms)
    end subroutine batch_norms

    !> Size of the work array of batch_factor, in reals; 0 where it would not be faster.
    function batch_scratch(m, n) result(reals) bind(c, name="leastsq_batch_scratch")
        integer(c_int), value :: m !! number of residuals
        integer(c_int), value :: n !! number of parameters
        integer(c_int) :: reals

        reals = lanes_work_size(m, n)
    end function batch_scratch

    !> QR factorisation of the Jacobians of several blocks together; some may be left unchanged.
    subroutine batch_factor(count, blocks, scratch, factored) bind(c, name="leastsq_batch_factor")
        integer(c_int), value :: count                 !! number of blocks, <= max_lanes
        type(c_ptr), intent(in) :: blocks(count)       !! workspace blocks of one size
        real(wp), intent(inout) :: scratch(*)          !! work array; (batch_scratch(m, n))
        integer(c_int), intent(out) :: factored(count) !! 1: factored, 0: unchanged

        type(lane) :: lanes(max_lanes)
        type(workspace_header), pointer :: header
        integer :: block_of_lane(max_lanes), i, lane_count

        lane_count = 0
        do i = 1, count
            factored(i) = 0
            call c_f_pointer(blocks(i), header)
            if (.not. is_finite(header%state%fnorm)) cycle
            lane_count = lane_count + 1
            block_of_lane(lane_count) = i
            lanes(lane_count) = lane_of(header, blocks(i))
        end do
        if (lane_count == 0) return
        call c_f_pointer(blocks(1), header)
        call householder_qr_in_lanes(header%m, header%n, lanes(:lane_count), &
                                     scratch(:lanes_work_size(header%m, header%n)))
        do i = 1, lane_count
            factored(block_of_lane(i)) = lanes(i)%factored
        end do
    end subroutine batch_factor

    !> Addresses of the arrays in a block that its factorisation uses.
    function lane_of(header, address)
        type(workspace_header), intent(in) :: header !! header of the block
        type(c_ptr), value :: address                !! address of the block
        type(lane) :: lane_of                        !! addresses of the arrays

        real(wp), pointer, contiguous :: block(:)

        call c_f_pointer(address, block, [index_of_ipvt(header)])
        lane_of%a = c_loc(block(index_of_fjac(header)))
        lane_of%rhs = c_loc(block(index_of_fvec(header)))
        lane_of%norms = c_loc(block(index_of_column_norms(header)))
        lane_of%qtf = c_loc(block(index_of_qtf(header)))
        lane_of%ipvt = c_loc(block(index_of_ipvt(header)))
    end function lane_of

    !> Resumes a solve once the request is met; a negative flag requests termination.
    function batch_resume(block, flag, norm, factored) result(request) &
        bind(c, name="leastsq_batch_resume")
        real(wp), intent(inout), target :: block(*) !! workspace of a solve
        integer(c_int), value :: flag               !! negative: terminate with this info
        real(wp), value :: norm                     !! norm of the residual, if one was requested
        integer(c_int), value :: factored           !! 1: the Jacobian has been factored
        integer(c_int) :: request                   !! request, as numbered in leastsq.h

        type(workspace_header), pointer :: header
        type(solve_arrays) :: arrays
        logical :: residual_requested

        call open_workspace(block, header, arrays)
        residual_requested = header%state%request == wants_residual .or. &
                             header%state%request == wants_first_residual
        if (flag >= 0 .and. residual_requested) then
            call resume_with_norm(header%options, norm, arrays, header%state)
        else if (flag >= 0 .and. factored == 1) then
            call resume_with_factors(header%options, arrays, header%state)
        else
            call resume(header%options, flag, arrays, header%state)
        end if
        request = header%state%request
    end function batch_resume

end module leastsq_batch
