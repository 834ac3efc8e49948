!> Euclidean norm that neither overflows nor underflows on the way.
!>
!> MINPACK-1 User Guide, ANL-80-74, enorm: squares of small, intermediate and large components
!> are summed apart, the small and large ones relative to the largest of their kind.
!> The order of additions is part of the contract: first component to last, one sum a class.
module leastsq_enorm_module
    use leastsq_kinds, only: wp
    use leastsq_kernels_module, only: index_kind, squares, square_after
    implicit none(type, external)
    private

    public :: enorm, enorm_of_difference, subtract_and_measure, column_norms
    public :: small_limit, large_limit

    real(wp), parameter :: small_limit = 3.834e-20_wp  !! squares of larger numbers do not vanish
    real(wp), parameter :: large_limit = 1.304e19_wp   !! n squares of numbers below limit/n fit

    integer, parameter :: short = 32  !! vectors for which a call of a kernel does not pay

    !> Sum of squares of the components of one class, in units of the largest of them.
    type :: scaled_sum
        real(wp) :: largest = 0.0_wp
        real(wp) :: total = 0.0_wp
    end type scaled_sum

    !> The three sums of a vector.
    type :: class_sums
        real(wp) :: limit            !! large components begin here
        real(wp) :: middle = 0.0_wp  !! squares of intermediate components
        type(scaled_sum) :: small
        type(scaled_sum) :: large
    end type class_sums

contains

    !> Euclidean norm of a vector; zero for an empty one, NaN where a component is NaN.
    pure function enorm(x) result(norm)
        real(wp), intent(in), contiguous :: x(:)  !! vector, any length
        real(wp) :: norm

        type(class_sums) :: sums
        integer :: i

        norm = plain_sum(x)
        if (norm >= 0.0_wp) then
            norm = sqrt(norm)
            return
        end if
        sums%limit = large_from(size(x))
        do i = 1, size(x)
            call add(sums, abs(x(i)))
        end do
        norm = combined(sums)
    end function enorm

    !> Subtracts multiplier*v from x and returns the Euclidean norm of what is left.
    pure subroutine subtract_and_measure(multiplier, v, x, norm)
        real(wp), intent(in) :: multiplier           !! of v
        real(wp), intent(in), contiguous :: v(:)     !! vector, any length
        real(wp), intent(inout), contiguous :: x(:)  !! vector of the same length
        real(wp), intent(out) :: norm                !! of the new x

        call square_after(size(x, kind=index_kind), v, multiplier, x, small_limit, &
                          large_from(size(x)), norm)
        if (norm >= 0.0_wp) then
            norm = sqrt(norm)
        else
            norm = enorm(x)
        end if
    end subroutine subtract_and_measure

    !> Euclidean norm of x - multiplier*v, which need not be stored for that.
    pure function enorm_of_difference(x, multiplier, v) result(norm)
        real(wp), intent(in), contiguous :: x(:)  !! vector, any length
        real(wp), intent(in) :: multiplier        !! of v
        real(wp), intent(in), contiguous :: v(:)  !! vector of the same length
        real(wp) :: norm

        type(class_sums) :: sums
        integer :: i

        sums%limit = large_from(size(x))
        do i = 1, size(x)
            call add(sums, abs(x(i) - multiplier*v(i)))
        end do
        norm = combined(sums)
    end function enorm_of_difference

    !> Euclidean norms of the columns of a matrix.
    pure subroutine column_norms(m, a, norms)
        integer, intent(in) :: m                      !! rows of the matrix, <= size(a, 1)
        real(wp), intent(in), contiguous :: a(:, :)   !! matrix; (lda, n)
        real(wp), intent(out), contiguous :: norms(:) !! norms; (n)

        integer :: j

        call squares(int(m, index_kind), size(a, 2, index_kind), a, size(a, 1, index_kind), &
                     small_limit, large_from(m), norms)
        do j = 1, size(a, 2)
            if (norms(j) >= 0.0_wp) then
                norms(j) = sqrt(norms(j))
            else
                norms(j) = enorm(a(:m, j))
            end if
        end do
    end subroutine column_norms

    !> Where large components begin in a vector of n.
    pure function large_from(n) result(limit)
        integer, intent(in) :: n  !! length
        real(wp) :: limit

        limit = large_limit/real(n, wp)
    end function large_from

    !> Sum of squares of a vector, negative unless all components are intermediate or zero.
    pure function plain_sum(x) result(total)
        real(wp), intent(in), contiguous :: x(:)  !! vector, any length
        real(wp) :: total

        real(wp) :: component, sum(1), smallest
        integer :: i

        if (size(x) >= short) then
            call squares(size(x, kind=index_kind), 1_index_kind, x, size(x, kind=index_kind), &
                         small_limit, large_from(size(x)), sum)
            total = sum(1)
            return
        end if
        total = 0.0_wp
        smallest = large_limit
        do i = 1, size(x)
            component = abs(x(i))
            total = total + component**2
            if (component == 0.0_wp) component = large_limit
            if (component < smallest) smallest = component
        end do
        if (smallest <= small_limit .or. .not. total < large_from(size(x))**2) total = -1.0_wp
    end function plain_sum

    !> Adds the square of a component to the sum of its class.
    pure subroutine add(sums, component)
        type(class_sums), intent(inout) :: sums !! of the components so far
        real(wp), intent(in) :: component       !! absolute value

        if (component > small_limit .and. component < sums%limit) then
            sums%middle = sums%middle + component**2
        else if (component <= small_limit) then
            if (component /= 0.0_wp) call add_scaled(sums%small, component)
        else
            call add_scaled(sums%large, component)
        end if
    end subroutine add

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
    pure function combined(sums) result(norm)
        type(class_sums), intent(in) :: sums  !! of all components
        real(wp) :: norm

        associate (small => sums%small, middle => sums%middle, large => sums%large)
            if (large%total /= 0.0_wp) then
                norm = large%largest*sqrt(large%total + (middle/large%largest)/large%largest)
            else if (middle == 0.0_wp) then
                norm = small%largest*sqrt(small%total)
            else if (middle >= small%largest) then
                norm = sqrt(middle*(1.0_wp + (small%largest/middle)*(small%largest*small%total)))
            else
                norm = sqrt(small%largest*((middle/small%largest) + (small%largest*small%total)))
            end if
        end associate
    end function combined

end module leastsq_enorm_module
