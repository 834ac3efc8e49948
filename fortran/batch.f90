!> Many solves in step: what a batch does with a block of workspace, without looking at it twice.
!>
!> The blocks are those of the reverse-communication API; whoever drives a batch knows what each of
!> them wants. For the Python API, not part of leastsq.h.
module leastsq_batch
    use, intrinsic :: iso_c_binding, only: c_f_pointer, c_int, c_int64_t, c_loc, c_ptr
    use leastsq_kernels_module, only: lane
    use leastsq_kinds, only: wp, is_finite
    use leastsq_enorm_module, only: column_norms
    use leastsq_fdjac2_module, only: relative_step, difference_step, difference_column
    use leastsq_levenberg_marquardt, only: resume, resume_with_norm, resume_with_factors
    use leastsq_qrfac_module, only: most_lanes, lanes_scratch, factor_together
    use leastsq_solve, only: solve_arrays, wants_residual, wants_differences, wants_first_residual
    use leastsq_workspace, only: workspace_header, open_workspace, place_of_x, place_of_trial_x, &
                                 place_of_fvec, place_of_trial_fvec, place_of_fjac, place_of_qtf, &
                                 place_of_column_norms, place_of_ipvt
    implicit none(type, external)
    private

    public :: batch_points, batch_put, batch_column, batch_norms, batch_scratch, &
              batch_factor, batch_resume

contains

    !> Copies the point that is wanted, and the stepped parameter of each difference column.
    subroutine batch_points(block, point, stepped) bind(c, name="leastsq_batch_points")
        real(wp), intent(inout), target :: block(*) !! the block
        real(wp), intent(inout) :: point(*)         !! where a residual or Jacobian is wanted; (n)
        real(wp), intent(inout) :: stepped(*)       !! x(j) with its step; (n)

        type(workspace_header), pointer :: header
        real(wp) :: relative
        integer(c_int64_t) :: place, j

        call open_workspace(block, header)
        place = place_of_x
        if (header%state%request == wants_residual) place = place_of_trial_x(header)
        point(:header%n) = block(place:place + header%n - 1)
        if (header%state%request /= wants_differences) return
        relative = relative_step(header%options%epsfcn)
        do j = 1, header%n
            stepped(j) = point(j) + difference_step(relative, point(j))
        end do
    end subroutine batch_points

    !> Takes the residual that is wanted.
    subroutine batch_put(block, residual) bind(c, name="leastsq_batch_put")
        real(wp), intent(inout), target :: block(*) !! the block
        real(wp), intent(in) :: residual(*)         !! at the point that is wanted; (m)

        type(workspace_header), pointer :: header
        integer(c_int64_t) :: place

        call open_workspace(block, header)
        place = place_of_fvec(header)
        if (header%state%request == wants_residual) place = place_of_trial_fvec(header)
        block(place:place + header%m - 1) = residual(:header%m)
    end subroutine batch_put

    !> Makes a column of a difference Jacobian from the residual at its point.
    subroutine batch_column(block, j, residual) bind(c, name="leastsq_batch_column")
        real(wp), intent(inout), target :: block(*) !! the block
        integer(c_int), value :: j                  !! the column, from 0
        real(wp), intent(in) :: residual(*)         !! at the column's point; (m)

        type(workspace_header), pointer :: header
        real(wp) :: step
        integer(c_int64_t) :: fvec, fjac, m

        call open_workspace(block, header)
        m = header%m
        fvec = place_of_fvec(header)
        fjac = place_of_fjac(header) + j*m
        step = difference_step(relative_step(header%options%epsfcn), block(place_of_x + j))
        call difference_column(residual(:m), block(fvec:fvec + m - 1), step, &
                               block(fjac:fjac + m - 1))
    end subroutine batch_column

    !> Norms of residuals that stand one after the other.
    subroutine batch_norms(m, count, residuals, norms) bind(c, name="leastsq_batch_norms")
        integer(c_int), value :: m                  !! number of residuals
        integer(c_int), value :: count              !! number of vectors
        real(wp), intent(in) :: residuals(m, count) !! the vectors
        real(wp), intent(out) :: norms(count)       !! norm of each

        call column_norms(m, residuals, norms)
    end subroutine batch_norms

    !> Reals of scratch for batch_factor; 0 where it does not pay.
    function batch_scratch(m, n) result(reals) bind(c, name="leastsq_batch_scratch")
        integer(c_int), value :: m !! number of residuals
        integer(c_int), value :: n !! number of parameters
        integer(c_int) :: reals

        reals = lanes_scratch(m, n)
    end function batch_scratch

    !> Factors the Jacobians of several blocks together; some may be left as they are.
    subroutine batch_factor(count, blocks, scratch, factored) bind(c, name="leastsq_batch_factor")
        integer(c_int), value :: count                   !! number of blocks, <= most_lanes
        type(c_ptr), intent(in) :: blocks(count)         !! the blocks, of one size
        real(wp), intent(inout) :: scratch(*)            !! as long as batch_scratch says
        integer(c_int), intent(out) :: factored(count)   !! 1 where it was done

        type(lane) :: lanes(most_lanes)
        type(workspace_header), pointer :: header
        integer :: place(most_lanes), i, taken

        taken = 0
        do i = 1, count
            factored(i) = 0
            call c_f_pointer(blocks(i), header)
            if (.not. is_finite(header%state%fnorm)) cycle
            taken = taken + 1
            place(taken) = i
            lanes(taken) = lane_of(header, blocks(i))
        end do
        if (taken == 0) return
        call c_f_pointer(blocks(1), header)
        call factor_together(header%m, header%n, lanes(:taken), &
                             scratch(:lanes_scratch(header%m, header%n)))
        do i = 1, taken
            factored(place(i)) = lanes(i)%factored
        end do
    end subroutine batch_factor

    !> The parts of a block that belong to its factorisation.
    function lane_of(header, address)
        type(workspace_header), intent(in) :: header !! of the block
        type(c_ptr), value :: address                !! of the block
        type(lane) :: lane_of                        !! addresses of the parts

        real(wp), pointer, contiguous :: block(:)

        call c_f_pointer(address, block, [place_of_ipvt(header)])
        lane_of%a = c_loc(block(place_of_fjac(header)))
        lane_of%rhs = c_loc(block(place_of_fvec(header)))
        lane_of%norms = c_loc(block(place_of_column_norms(header)))
        lane_of%qtf = c_loc(block(place_of_qtf(header)))
        lane_of%ipvt = c_loc(block(place_of_ipvt(header)))
    end function lane_of

    !> Goes on with what has been put there, all that was wanted, or ends with a negative flag.
    function batch_resume(block, flag, norm, factored) result(request) &
        bind(c, name="leastsq_batch_resume")
        real(wp), intent(inout), target :: block(*) !! the block
        integer(c_int), value :: flag               !! negative: there is no answer
        real(wp), value :: norm                     !! of the residual, if that was wanted
        integer(c_int), value :: factored           !! the Jacobian, if that was wanted: 1, it is
        integer(c_int) :: request                   !! as leastsq.h numbers it

        type(workspace_header), pointer :: header
        type(solve_arrays) :: arrays
        logical :: residual

        call open_workspace(block, header, arrays)
        residual = header%state%request == wants_residual .or. &
                   header%state%request == wants_first_residual
        if (flag >= 0 .and. residual) then
            call resume_with_norm(header%options, norm, arrays, header%state)
        else if (flag >= 0 .and. factored == 1) then
            call resume_with_factors(header%options, arrays, header%state)
        else
            call resume(header%options, flag, arrays, header%state)
        end if
        request = header%state%request
    end function batch_resume

end module leastsq_batch
