!> Forward-difference Jacobian.
!>
!> MINPACK-1 User Guide, ANL-80-74, fdjac2. The step of x(j) is sqrt(eps)*|x(j)|, or sqrt(eps)
!> where x(j) is zero; eps is the relative error of the residual, at least machine epsilon.
module leastsq_fdjac2_module
    use, intrinsic :: iso_c_binding, only: c_int, c_ptr
    use leastsq_kinds, only: wp, machine_epsilon
    use leastsq_callbacks, only: residual_function
    use leastsq_kernels_module, only: index_kind, difference
    implicit none(type, external)
    private

    public :: fdjac2, relative_step, difference_step, difference_column

contains

    !> Approximates the Jacobian column by column; returns at once with a negative flag of fcn.
    !>
    !> x is then left stepped in one parameter, as in MINPACK.
    recursive function fdjac2(fcn, data, x, fvec, fjac, iflag, epsfcn, work) result(flag)
        procedure(residual_function) :: fcn                !! residual
        type(c_ptr), intent(in) :: data                    !! user data, passed through to fcn
        real(wp), intent(inout), contiguous :: x(:)        !! where to differentiate, restored; (n)
        real(wp), intent(in), contiguous :: fvec(:)        !! residual at x; (m)
        real(wp), intent(inout), contiguous :: fjac(:, :)  !! Jacobian; (ldfjac, n)
        integer(c_int), intent(in) :: iflag                !! passed through to fcn
        real(wp), intent(in) :: epsfcn                     !! relative error of the residual
        real(wp), intent(inout), contiguous :: work(:)     !! work array; (m)
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

    !> Relative step length sqrt(eps).
    pure function relative_step(epsfcn)
        real(wp), intent(in) :: epsfcn !! relative error of the residual
        real(wp) :: relative_step

        relative_step = sqrt(machine_epsilon)
        if (epsfcn > machine_epsilon) relative_step = sqrt(epsfcn)
    end function relative_step

    !> Step of a parameter.
    pure function difference_step(relative, x) result(step)
        real(wp), intent(in) :: relative !! relative step length
        real(wp), intent(in) :: x        !! the parameter
        real(wp) :: step

        step = relative*abs(x)
        if (step == 0.0_wp) step = relative
    end function difference_step

    !> Column of the Jacobian from the residual at the stepped point.
    pure subroutine difference_column(stepped, fvec, step, column)
        real(wp), intent(in), contiguous :: stepped(:)   !! residual at the stepped point; (m)
        real(wp), intent(in), contiguous :: fvec(:)      !! residual at x; (m)
        real(wp), intent(in) :: step                     !! step of the parameter
        real(wp), intent(inout), contiguous :: column(:) !! column of the Jacobian; (ldfjac)

        call difference(size(fvec, kind=index_kind), stepped, fvec, step, column)
    end subroutine difference_column

end module leastsq_fdjac2_module
