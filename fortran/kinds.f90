!> The working precision and what is known of its arithmetic.
module leastsq_kinds
    use, intrinsic :: iso_c_binding, only: c_double
    implicit none(type, external)
    private

    public :: wp, machine_epsilon, smallest_normal, largest_finite, is_finite

    integer, parameter :: wp = c_double
    real(wp), parameter :: machine_epsilon = epsilon(1.0_wp)
    real(wp), parameter :: smallest_normal = tiny(1.0_wp)
    real(wp), parameter :: largest_finite = huge(1.0_wp)

contains

    !> Whether a number is neither NaN nor infinite (ieee_arithmetic would need a compiler runtime).
    elemental function is_finite(x)
        real(wp), intent(in) :: x  !! any number
        logical :: is_finite

        is_finite = abs(x) <= largest_finite
    end function is_finite

end module leastsq_kinds
