!> Euclidean norm that neither overflows nor underflows on the way.
!>
!> MINPACK-1 User Guide, ANL-80-74, enorm: squares of small, intermediate and large components
!> are summed apart, the small and large ones relative to the largest of their kind.
!> The order of additions is part of the contract: first component to last, one sum a class.
module leastsq_enorm_module
    use leastsq_kinds, only: wp
    implicit none(type, external)
    private

    public :: enorm

    real(wp), parameter :: small_limit = 3.834e-20_wp  !! squares of larger numbers do not vanish
    real(wp), parameter :: large_limit = 1.304e19_wp   !! n squares of numbers below limit/n fit

    !> Sum of squares of the components of one class, in units of the largest of them.
    type :: scaled_sum
        real(wp) :: largest = 0.0_wp
        real(wp) :: total = 0.0_wp
    end type scaled_sum

contains

    !> Euclidean norm of a vector; zero for an empty one, NaN where a component is NaN.
    pure function enorm(x) result(norm)
        real(wp), intent(in), contiguous :: x(:)  !! vector, any length
        real(wp) :: norm

        type(scaled_sum) :: small, large
        real(wp) :: component, middle, limit
        integer :: i

        middle = 0.0_wp
        limit = large_limit/real(size(x), wp)
        do i = 1, size(x)
            component = abs(x(i))
            if (component > small_limit .and. component < limit) then
                middle = middle + component**2
            else if (component <= small_limit) then
                if (component /= 0.0_wp) call add_scaled(small, component)
            else
                call add_scaled(large, component)
            end if
        end do
        norm = combined(small, middle, large)
    end function enorm

    !> Adds the square of a positive component, rescaling when it is the largest so far.
    pure subroutine add_scaled(sum, component)
        type(scaled_sum), intent(inout) :: sum  !! the sum of its class
        real(wp), intent(in) :: component       !! absolute value, not zero

        if (component <= sum%largest) then
            sum%total = sum%total + (component/sum%largest)**2
        else
            sum%total = 1.0_wp + sum%total*(sum%largest/component)**2
            sum%largest = component
        end if
    end subroutine add_scaled

    !> Square root of the three sums together; what is negligible beside the rest is left out.
    pure function combined(small, middle, large) result(norm)
        type(scaled_sum), intent(in) :: small  !! squares of components up to small_limit
        real(wp), intent(in) :: middle         !! squares of intermediate components
        type(scaled_sum), intent(in) :: large  !! squares of components from large_limit/n up
        real(wp) :: norm

        if (large%total /= 0.0_wp) then
            norm = large%largest*sqrt(large%total + (middle/large%largest)/large%largest)
        else if (middle == 0.0_wp) then
            norm = small%largest*sqrt(small%total)
        else if (middle >= small%largest) then
            norm = sqrt(middle*(1.0_wp + (small%largest/middle)*(small%largest*small%total)))
        else
            norm = sqrt(small%largest*((middle/small%largest) + (small%largest*small%total)))
        end if
    end function combined

end module leastsq_enorm_module
