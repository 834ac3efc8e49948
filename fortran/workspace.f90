!> The layout of a workspace block: a solve in one block of the caller's memory.
!>
!> The block is a header, then arrays of reals and of integers, whose lengths follow from m and n.
!> It holds no addresses, so that it can be copied and written to a file.
module leastsq_workspace
    use, intrinsic :: iso_c_binding, only: c_f_pointer, c_int, c_int64_t, c_loc, c_size_t
    use leastsq_kinds, only: wp
    use leastsq_solve, only: solve_options, solve_state, solve_arrays, associate_arrays
    implicit none(type, external)
    private

    public :: workspace_header, workspace_size, open_workspace, layout_version, header_bytes
    public :: index_of_x, index_of_trial_x, index_of_fvec, index_of_trial_fvec, index_of_fjac
    public :: index_of_qtf, index_of_column_norms, index_of_ipvt

    !> The first word of a block: the letters of leastsq and the layout's version, 1.
    integer(c_int64_t), parameter :: layout_version = int(z'017173747361656C', c_int64_t)

    !> The header, before the arrays.
    type, bind(c) :: workspace_header
        integer(c_int64_t) :: version = layout_version !! layout of the block
        integer(c_int) :: m = 0                        !! number of residuals
        integer(c_int) :: n = 0                        !! number of parameters
        integer(c_int) :: columns = 0                  !! difference columns supplied so far
        integer(c_int) :: unused = 0                   !! avoids padding: undefined bytes
        type(solve_options) :: options                 !! the user's options
        type(solve_state) :: state                     !! state of the solve
    end type workspace_header

    integer(c_int64_t), parameter :: real_bytes = storage_size(0.0_wp)/8
    integer(c_size_t), parameter :: header_bytes = storage_size(workspace_header())/8
    integer(c_int64_t), parameter :: header_reals = header_bytes/real_bytes

    integer(c_int64_t), parameter :: index_of_x = header_reals + 1 !! in the block as reals

contains

    !> Bytes of a block; 0 where m and n are out of range or the number overflows.
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

    !> Associates pointers with the parts of a block; with header alone, m and n need not be set.
    subroutine open_workspace(block, header, arrays, given)
        real(wp), intent(inout), target :: block(*)                  !! workspace of a solve
        type(workspace_header), intent(out), pointer :: header       !! its header
        type(solve_arrays), intent(out), optional :: arrays          !! pointers to its arrays
        integer(c_int), intent(out), optional, pointer :: given(:)   !! 1: column supplied; (n)

        integer(c_int), pointer, contiguous :: integers(:)
        integer(c_int64_t) :: fvec, fjac, n

        call c_f_pointer(c_loc(block), header)
        if (.not. present(arrays)) return
        n = header%n
        fvec = index_of_fvec(header)
        fjac = index_of_fjac(header)
        call c_f_pointer(c_loc(block(index_of_ipvt(header))), integers, [2*header%n])
        call associate_arrays(header%m, header%n, header%m, block(index_of_x), block(fvec), &
                              block(fjac), block(index_of_x + n), block(index_of_qtf(header)), &
                              integers, block(index_of_x + 3*n), block(index_of_trial_x(header)), &
                              block(index_of_x + 5*n), block(index_of_trial_fvec(header)), arrays)
        if (present(given)) given => integers(header%n + 1:)
    end subroutine open_workspace

    !> Index of the first element of qtf in the block as reals.
    pure function index_of_qtf(header) result(first)
        type(workspace_header), intent(in) :: header !! header of the block
        integer(c_int64_t) :: first

        first = index_of_x + 2*int(header%n, c_int64_t)
    end function index_of_qtf

    !> Index of the first element of wa2, as column norms of the Jacobian.
    pure function index_of_column_norms(header) result(first)
        type(workspace_header), intent(in) :: header !! header of the block
        integer(c_int64_t) :: first

        first = index_of_trial_x(header)
    end function index_of_column_norms

    !> Index of the first element of wa2, as trial point.
    pure function index_of_trial_x(header) result(first)
        type(workspace_header), intent(in) :: header !! header of the block
        integer(c_int64_t) :: first

        first = index_of_x + 4*int(header%n, c_int64_t)
    end function index_of_trial_x

    !> Index of the first element of fvec.
    pure function index_of_fvec(header) result(first)
        type(workspace_header), intent(in) :: header !! header of the block
        integer(c_int64_t) :: first

        first = index_of_x + 6*int(header%n, c_int64_t)
    end function index_of_fvec

    !> Index of the first element of wa4, as residual at the trial point.
    pure function index_of_trial_fvec(header) result(first)
        type(workspace_header), intent(in) :: header !! header of the block
        integer(c_int64_t) :: first

        first = index_of_fvec(header) + header%m
    end function index_of_trial_fvec

    !> Index of the first element of fjac.
    pure function index_of_fjac(header) result(first)
        type(workspace_header), intent(in) :: header !! header of the block
        integer(c_int64_t) :: first

        first = index_of_trial_fvec(header) + header%m
    end function index_of_fjac

    !> Index of the real that holds the first elements of ipvt, which are integers.
    pure function index_of_ipvt(header) result(first)
        type(workspace_header), intent(in) :: header !! header of the block
        integer(c_int64_t) :: first

        first = index_of_fjac(header) + header%m*int(header%n, c_int64_t)
    end function index_of_ipvt

end module leastsq_workspace
