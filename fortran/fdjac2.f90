!> Forward-difference Jacobian.
!>
!> MINPACK-1 User Guide, ANL-80-74, fdjac2. A parameter's step is the square root of the
!> residual's relative error times its size, or that root itself where it is zero.
module leastsq_fdjac2_module
    use, intrinsic :: iso_c_binding, only: c_int, c_ptr
    use leastsq_kinds, only: wp, machine_epsilon
    use leastsq_callbacks, only: residual_function
    use leastsq_kernels_module, only: index_kind, difference
    implicit none(type, external)
    private

    public :: fdjac2

contains

    !> Approximates the Jacobian column by column; a negative flag of fcn ends it at once.
    !>
    !> The parameter being stepped keeps its step then, as with MINPACK.
    recursive function fdjac2(fcn, data, x, fvec, fjac, iflag, epsfcn, work) result(flag)
        procedure(residual_function) :: fcn                !! residual
        type(c_ptr), intent(in) :: data                    !! handed to fcn
        real(wp), intent(inout), contiguous :: x(:)        !! point, stepped and restored; (n)
        real(wp), intent(in), contiguous :: fvec(:)        !! residual at x; (m)
        real(wp), intent(inout), contiguous :: fjac(:, :)  !! Jacobian; (ldfjac, n)
        integer(c_int), intent(in) :: iflag                !! handed to fcn
        real(wp), intent(in) :: epsfcn                     !! relative error of the residual
        real(wp), intent(inout), contiguous :: work(:)     !! scratch; (m)
        integer(c_int) :: flag

        real(wp) :: relative_step, step, origin
        integer :: j

        flag = iflag
        relative_step = sqrt(machine_epsilon)
        if (epsfcn > machine_epsilon) relative_step = sqrt(epsfcn)
        do j = 1, size(x)
            origin = x(j)
            step = relative_step*abs(origin)
            if (step == 0.0_wp) step = relative_step
            x(j) = origin + step
            flag = fcn(data, size(fvec), size(x), x, work, iflag)
            if (flag < 0) return
            x(j) = origin
            call difference(size(fvec, kind=index_kind), work, fvec, step, fjac(:, j))
        end do
    end function fdjac2

end module leastsq_fdjac2_module
