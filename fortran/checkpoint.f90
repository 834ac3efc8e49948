!> Validation of a workspace block from a file: whether it holds a solve that can be resumed.
module leastsq_checkpoint
    use, intrinsic :: iso_c_binding, only: c_int, c_size_t
    use leastsq_kinds, only: wp
    use leastsq_status, only: gtol_too_small
    use leastsq_solve, only: solve_arrays, options_are_proper, not_finished, wants_nothing, &
                             wants_residual, wants_jacobian, wants_differences, &
                             wants_first_residual
    use leastsq_workspace, only: workspace_header, workspace_size, open_workspace, &
                                 layout_version, header_bytes
    implicit none(type, external)
    private

    public :: block_is_sound

    integer(c_int), parameter :: max_count = shiftr(huge(0_c_int), 1) !! far from overflow

contains

    !> Whether a block is one that a solve can have left. For the Python API, not part of leastsq.h.
    function block_is_sound(block, bytes) result(sound) bind(c, name="leastsq_block_is_sound")
        real(wp), intent(inout), target :: block(*) !! workspace of a solve
        integer(c_size_t), value :: bytes           !! size of the block
        integer(c_int) :: sound                     !! 1: yes, 0: no

        type(workspace_header), pointer :: header
        type(solve_arrays) :: arrays
        integer(c_int), pointer :: given(:)

        sound = 0
        if (bytes < header_bytes) return
        call open_workspace(block, header)
        if (header%version /= layout_version) return
        if (workspace_size(header%m, header%n) /= bytes) return
        call open_workspace(block, header, arrays, given)
        if (.not. options_are_proper(header%options, arrays)) return
        if (.not. header_is_sound(header)) return
        if (any(given /= 0 .and. given /= 1) .or. header%columns /= sum(given) &
            .or. header%columns >= header%n) return
        if (header%state%request == wants_residual .or. any(arrays%ipvt /= 0)) then
            if (.not. is_permutation(arrays%ipvt)) return
        end if
        sound = 1
    end function block_is_sound

    !> Whether the values in the header are possible ones of a solve.
    pure function header_is_sound(header) result(sound)
        type(workspace_header), intent(in) :: header !! header of a block of this layout
        logical :: sound

        associate (state => header%state, jacobian => header%options%jacobian_request)
            sound = (jacobian == wants_jacobian .or. jacobian == wants_differences) &
                    .and. any(state%request == [wants_nothing, wants_residual, jacobian, &
                                                wants_first_residual]) &
                    .and. (state%request == wants_nothing .neqv. state%info == not_finished) &
                    .and. state%info >= not_finished .and. state%info <= gtol_too_small &
                    .and. (state%request == wants_first_residual .eqv. state%nfev == 0) &
                    .and. state%nfev >= 0 .and. state%nfev <= max_count &
                    .and. state%njev >= 0 .and. state%njev <= max_count &
                    .and. state%iteration >= 1 .and. state%iteration <= max_count
            if (header%columns /= 0) sound = sound .and. state%request == wants_differences
        end associate
    end function header_is_sound

    !> Whether ipvt holds each of 1 to n.
    pure function is_permutation(ipvt)
        integer(c_int), intent(in), contiguous :: ipvt(:) !! candidate permutation; (n)
        logical :: is_permutation

        integer :: j

        is_permutation = .true.
        do j = 1, size(ipvt)
            is_permutation = is_permutation .and. any(ipvt == j)
        end do
    end function is_permutation

end module leastsq_checkpoint
