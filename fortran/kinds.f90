!> The working precision, its machine constants, and comparisons that are safe with NaN.
module leastsq_kinds
    use, intrinsic :: iso_c_binding, only: c_double
    implicit none(type, external)
    private

    public :: wp, machine_epsilon, smallest_normal, largest_finite, stack_capacity, &
              is_finite, larger, smaller

    integer, parameter :: wp = c_double
    real(wp), parameter :: machine_epsilon = epsilon(1.0_wp)
    real(wp), parameter :: smallest_normal = tiny(1.0_wp)
    real(wp), parameter :: largest_finite = huge(1.0_wp)
    integer, parameter :: stack_capacity = 3840  !! size of a work array on the stack, in reals

contains

    !> Whether a number is neither NaN nor infinite (ieee_arithmetic needs libgfortran).
    elemental function is_finite(x)
        real(wp), intent(in) :: x  !! any number
        logical :: is_finite

        is_finite = abs(x) <= largest_finite
    end function is_finite

    !> The larger of two numbers; if one is NaN, the other, as C's fmax (max leaves this open).
    elemental function larger(a, b)
        real(wp), intent(in) :: a  !! any number
        real(wp), intent(in) :: b  !! any number
        real(wp) :: larger

        larger = merge(a, b, a > b)  ! compiles to one instruction, without a branch
        larger = merge(a, larger, b /= b)
    end function larger

    !> The smaller of two numbers; if one is NaN, the other, as C's fmin (min leaves this open).
    elemental function smaller(a, b)
        real(wp), intent(in) :: a  !! any number
        real(wp), intent(in) :: b  !! any number
        real(wp) :: smaller

        smaller = merge(a, b, a < b)
        smaller = merge(a, smaller, b /= b)
    end function smaller

end module leastsq_kinds
