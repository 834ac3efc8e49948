!> Faults in Fortran that ci/sanitize.sh must see reported; see faults.c.
module faults
    use, intrinsic :: iso_c_binding, only: c_double, c_int
    implicit none(type, external)
    private

    public :: past_the_end, not_set

contains

    !> Writes one element too far into an array.
    subroutine past_the_end(last) bind(c)
        integer(c_int), value :: last !! 8: the array has that many elements
        real(c_double) :: x(8)

        call fill(x, last + 1)
    end subroutine past_the_end

    !> Sets the elements of an array up to the last.
    subroutine fill(x, last)
        real(c_double), intent(inout) :: x(8) !! array to fill
        integer(c_int), intent(in) :: last    !! index of the last element to set
        integer :: i

        do i = 1, last
            x(i) = real(i, c_double)
        end do
    end subroutine fill

    !> The sum of an array, of which all elements are set up to the last.
    real(c_double) function not_set(last) bind(c)
        integer(c_int), value :: last !! 7: one less than there are
        real(c_double) :: x(8)

        call fill(x, last)
        not_set = sum(x)
    end function not_set

end module faults
