!> A solve in one block of the caller's memory: what is where in it.
!>
!> The block is a header followed by reals and integers, m and n of which tell how many. Nothing in
!> it is an address, so that it can be copied and written to a file as it is.
module leastsq_workspace
    use, intrinsic :: iso_c_binding, only: c_f_pointer, c_int, c_int64_t, c_loc, c_size_t
    use leastsq_kinds, only: wp
    use leastsq_solve, only: solve_options, solve_state, solve_arrays, associate_arrays
    implicit none(type, external)
    private

    public :: workspace_header, workspace_size, open_workspace, layout_version, header_bytes
    public :: place_of_x, place_of_trial_x, place_of_fvec, place_of_trial_fvec, place_of_fjac
    public :: place_of_qtf, place_of_column_norms, place_of_ipvt

    !> The first word of a block: the letters of leastsq and the version of its layout, 1.
    integer(c_int64_t), parameter :: layout_version = int(z'017173747361656C', c_int64_t)

    !> What stands before the arrays.
    type, bind(c) :: workspace_header
        integer(c_int64_t) :: version = layout_version !! of the block
        integer(c_int) :: m = 0        !! number of residuals
        integer(c_int) :: n = 0        !! number of parameters
        integer(c_int) :: columns = 0  !! of the difference Jacobian that have been given
        integer(c_int) :: unused = 0   !! no padding, whose bytes would be undefined
        type(solve_options) :: options !! what the user chose
        type(solve_state) :: state     !! where the solve stands
    end type workspace_header

    integer(c_int64_t), parameter :: real_bytes = storage_size(0.0_wp)/8
    integer(c_size_t), parameter :: header_bytes = storage_size(workspace_header())/8
    integer(c_int64_t), parameter :: header_reals = header_bytes/real_bytes

    integer(c_int64_t), parameter :: place_of_x = header_reals + 1  !! in a block as reals

contains

    !> Bytes of a block; zero where they cannot be counted, or where there is no such solve.
    pure function workspace_size(m, n) result(bytes)
        integer(c_int), intent(in) :: m !! number of residuals
        integer(c_int), intent(in) :: n !! number of parameters
        integer(c_size_t) :: bytes

        integer(c_int64_t) :: reals

        bytes = 0
        if (n < 1 .or. m < n) return
        reals = header_reals + 7*int(n, c_int64_t) + 2*int(m, c_int64_t) + int(m, c_int64_t)*n
        if (reals > (huge(bytes) - real_bytes + 1)/real_bytes) return
        bytes = int(reals*real_bytes, c_size_t)
    end function workspace_size

    !> Finds the parts of a block whose header knows m and n.
    subroutine open_workspace(block, header, arrays, given)
        real(wp), intent(inout), target :: block(*)                  !! the block
        type(workspace_header), intent(out), pointer :: header       !! its header
        type(solve_arrays), intent(out), optional :: arrays          !! views of its arrays
        integer(c_int), intent(out), optional, pointer :: given(:)   !! columns given are 1; (n)

        integer(c_int), pointer, contiguous :: integers(:)
        integer(c_int64_t) :: fvec, fjac, n

        call c_f_pointer(c_loc(block), header)
        if (.not. present(arrays)) return
        n = header%n
        fvec = place_of_fvec(header)
        fjac = place_of_fjac(header)
        call c_f_pointer(c_loc(block(place_of_ipvt(header))), integers, [2*header%n])
        call associate_arrays(header%m, header%n, header%m, block(place_of_x), block(fvec), &
                              block(fjac), block(place_of_x + n), block(place_of_qtf(header)), &
                              integers, block(place_of_x + 3*n), block(place_of_trial_x(header)), &
                              block(place_of_x + 5*n), block(place_of_trial_fvec(header)), arrays)
        if (present(given)) given => integers(header%n + 1:)
    end subroutine open_workspace

    !> Where qtf begins in a block of reals.
    pure function place_of_qtf(header) result(place)
        type(workspace_header), intent(in) :: header !! of the block
        integer(c_int64_t) :: place

        place = place_of_x + 2*int(header%n, c_int64_t)
    end function place_of_qtf

    !> Where wa2, the Jacobian's column norms, begins in a block of reals.
    pure function place_of_column_norms(header) result(place)
        type(workspace_header), intent(in) :: header !! of the block
        integer(c_int64_t) :: place

        place = place_of_trial_x(header)
    end function place_of_column_norms

    !> Where wa2, the trial point, begins in a block of reals.
    pure function place_of_trial_x(header) result(place)
        type(workspace_header), intent(in) :: header !! of the block
        integer(c_int64_t) :: place

        place = place_of_x + 4*int(header%n, c_int64_t)
    end function place_of_trial_x

    !> Where fvec begins in a block of reals.
    pure function place_of_fvec(header) result(place)
        type(workspace_header), intent(in) :: header !! of the block
        integer(c_int64_t) :: place

        place = place_of_x + 6*int(header%n, c_int64_t)
    end function place_of_fvec

    !> Where wa4, the residual at the trial point, begins in a block of reals.
    pure function place_of_trial_fvec(header) result(place)
        type(workspace_header), intent(in) :: header !! of the block
        integer(c_int64_t) :: place

        place = place_of_fvec(header) + header%m
    end function place_of_trial_fvec

    !> Where fjac begins in a block of reals.
    pure function place_of_fjac(header) result(place)
        type(workspace_header), intent(in) :: header !! of the block
        integer(c_int64_t) :: place

        place = place_of_trial_fvec(header) + header%m
    end function place_of_fjac

    !> Where ipvt, integers, begins in a block of reals.
    pure function place_of_ipvt(header) result(place)
        type(workspace_header), intent(in) :: header !! of the block
        integer(c_int64_t) :: place

        place = place_of_fjac(header) + header%m*int(header%n, c_int64_t)
    end function place_of_ipvt

end module leastsq_workspace
