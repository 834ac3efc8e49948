!> Many solves in step: what a batch does with a block of workspace, without looking at it twice.
!>
!> The blocks are those of the reverse-communication API; whoever drives a batch knows what each of
!> them wants. For the Python API, not part of leastsq.h.
module leastsq_batch
    use, intrinsic :: iso_c_binding, only: c_int, c_int64_t
    use leastsq_kinds, only: wp
    use leastsq_fdjac2_module, only: relative_step, difference_step, difference_column
    use leastsq_levenberg_marquardt, only: resume
    use leastsq_solve, only: solve_arrays, wants_residual, wants_differences
    use leastsq_workspace, only: workspace_header, open_workspace, place_of_x, place_of_trial_x, &
                                 place_of_fvec, place_of_trial_fvec, place_of_fjac
    implicit none(type, external)
    private

    public :: batch_points, batch_put, batch_column, batch_resume

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

    !> Goes on with what has been put there, all that was wanted, or ends with a negative flag.
    function batch_resume(block, flag) result(request) bind(c, name="leastsq_batch_resume")
        real(wp), intent(inout), target :: block(*) !! the block
        integer(c_int), value :: flag               !! negative: there is no answer
        integer(c_int) :: request                   !! as leastsq.h numbers it

        type(workspace_header), pointer :: header
        type(solve_arrays) :: arrays

        call open_workspace(block, header, arrays)
        call resume(header%options, flag, arrays, header%state)
        request = header%state%request
    end function batch_resume

end module leastsq_batch
