!> Forward-difference Jacobian: n points beside x, and a column from the residual at each.
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

    public :: fdjac2, relative_step, difference_step, difference_column

contains

    !> Approximates the Jacobian column by column; a negative flag of fcn ends it at once.
    !>
    !> The parameter being stepped keeps its step then, as with MINPACK.
    recursive function fdjac2(fcn, data, x, fvec, fjac, iflag, epsfcn, work) result(flag)
        procedure(residual_function) :: fcn                !! residual
        type(c_ptr), intent(in) :: data                    !! passed through to fcn
        real(wp), intent(inout), contiguous :: x(:)        !! point, stepped and restored; (n)
        real(wp), intent(in), contiguous :: fvec(:)        !! residual at x; (m)
        real(wp), intent(inout), contiguous :: fjac(:, :)  !! Jacobian; (ldfjac, n)
        integer(c_int), intent(in) :: iflag                !! passed through to fcn
        real(wp), intent(in) :: epsfcn                     !! relative error of the residual
        real(wp), intent(inout), contiguous :: work(:)     !! scratch; (m)
        integer(c_int) :: flag

        real(wp) :: relative, step, origin
        integer :: j

        flag = iflag
        relative = relative_step(epsfcn)
        do j = 1, size(x)
            origin = x(j)
            step = difference_step(relative, origin)
            x(j) = origin + step
            flag = fcn(data, size(fvec), size(x), x, work, iflag)
            if (flag < 0) return
            x(j) = origin
            call difference_column(work, fvec, step, fjac(:, j))
        end do
    end function fdjac2

    !> Length of a step over the size of the parameter.
    pure function relative_step(epsfcn)
        real(wp), intent(in) :: epsfcn !! relative error of the residual
        real(wp) :: relative_step

        relative_step = sqrt(machine_epsilon)
        if (epsfcn > machine_epsilon) relative_step = sqrt(epsfcn)
    end function relative_step

    !> Length of the step of a parameter.
    pure function difference_step(relative, x) result(step)
        real(wp), intent(in) :: relative !! length over the size of the parameter
        real(wp), intent(in) :: x        !! the parameter
        real(wp) :: step

        step = relative*abs(x)
        if (step == 0.0_wp) step = relative
    end function difference_step

    !> The column of the Jacobian from the residual at a step.
    pure subroutine difference_column(stepped, fvec, step, column)
        real(wp), intent(in), contiguous :: stepped(:)   !! residual at the step; (m)
        real(wp), intent(in), contiguous :: fvec(:)      !! residual without it; (m)
        real(wp), intent(in) :: step                     !! length of the step
        real(wp), intent(inout), contiguous :: column(:) !! column of the Jacobian; (ldfjac)

        call difference(size(fvec, kind=index_kind), stepped, fvec, step, column)
    end subroutine difference_column

end module leastsq_fdjac2_module
