!> Euclidean norm without destructive underflow or overflow.
!>
!> MINPACK-1 User Guide, ANL-80-74, enorm: small, intermediate and large components have a sum of
!> squares each; those of the small and large ones are scaled by the largest component in them.
!> Where all components are intermediate or zero, one unscaled sum gives the same bits.
!> The order of additions is part of the contract: first component to last in each sum.
module leastsq_enorm_module
    use leastsq_kinds, only: wp
    use leastsq_kernels_module, only: index_kind, squares, square_after
    implicit none(type, external)
    private

    public :: enorm, enorm_of_difference, subtract_with_norm, column_norms
    public :: small_limit, large_limit

    !> MINPACK's rdwarf: the square of a number above it cannot underflow.
    real(wp), parameter :: small_limit = 3.834e-20_wp
    !> MINPACK's rgiant: the sum of n squares of numbers below rgiant/n cannot overflow.
    real(wp), parameter :: large_limit = 1.304e19_wp

    integer, parameter :: min_kernel_length = 32  !! for shorter vectors an inline loop is faster

    !> Scaled sum of squares of the small or of the large components: largest**2 * total.
    type :: scaled_sum
        real(wp) :: largest = 0.0_wp !! scale: the largest component so far
        real(wp) :: total = 0.0_wp   !! sum of (component/largest)**2
    end type scaled_sum

    !> The three sums of squares of a vector.
    type :: class_sums
        real(wp) :: limit            !! components from here on are large
        real(wp) :: middle = 0.0_wp  !! sum of squares of intermediate components
        type(scaled_sum) :: small    !! components up to small_limit
        type(scaled_sum) :: large    !! components from limit on
    end type class_sums

contains

    !> Euclidean norm of a vector; zero for an empty one, NaN where a component is NaN.
    pure function enorm(x) result(norm)
        real(wp), intent(in), contiguous :: x(:)  !! vector, any length
        real(wp) :: norm

        type(class_sums) :: sums
        integer :: i

        norm = unscaled_sum(x)
        if (norm >= 0.0_wp) then
            norm = sqrt(norm)
            return
        end if
        sums%limit = large_threshold(size(x))
        do i = 1, size(x)
            call add_square(sums, abs(x(i)))
        end do
        norm = combined_norm(sums)
    end function enorm

    !> Replaces x by x - multiplier*v and returns its Euclidean norm.
    pure subroutine subtract_with_norm(multiplier, v, x, norm)
        real(wp), intent(in) :: multiplier           !! multiplier of v
        real(wp), intent(in), contiguous :: v(:)     !! vector, any length
        real(wp), intent(inout), contiguous :: x(:)  !! vector of the same length
        real(wp), intent(out) :: norm                !! of the new x

        call square_after(size(x, kind=index_kind), v, multiplier, x, small_limit, &
                          large_threshold(size(x)), norm)
        if (norm >= 0.0_wp) then
            norm = sqrt(norm)
        else
            norm = enorm(x)
        end if
    end subroutine subtract_with_norm

    !> Euclidean norm of x - multiplier*v, without storing that vector.
    pure function enorm_of_difference(x, multiplier, v) result(norm)
        real(wp), intent(in), contiguous :: x(:)  !! vector, any length
        real(wp), intent(in) :: multiplier        !! multiplier of v
        real(wp), intent(in), contiguous :: v(:)  !! vector of the same length
        real(wp) :: norm

        type(class_sums) :: sums
        integer :: i

        sums%limit = large_threshold(size(x))
        do i = 1, size(x)
            call add_square(sums, abs(x(i) - multiplier*v(i)))
        end do
        norm = combined_norm(sums)
    end function enorm_of_difference

    !> Euclidean norms of the columns of a matrix.
    pure subroutine column_norms(m, a, norms)
        integer, intent(in) :: m                      !! rows of the matrix, <= size(a, 1)
        real(wp), intent(in), contiguous :: a(:, :)   !! matrix; (lda, n)
        real(wp), intent(out), contiguous :: norms(:) !! norms; (n)

        integer :: j

        call squares(int(m, index_kind), size(a, 2, index_kind), a, size(a, 1, index_kind), &
                     small_limit, large_threshold(m), norms)
        do j = 1, size(a, 2)
            if (norms(j) >= 0.0_wp) then
                norms(j) = sqrt(norms(j))
            else
                norms(j) = enorm(a(:m, j))
            end if
        end do
    end subroutine column_norms

    !> Magnitude from which a component of a vector of length n is large.
    pure function large_threshold(n) result(limit)
        integer, intent(in) :: n  !! length
        real(wp) :: limit

        limit = large_limit/real(max(n, 1), wp)  ! below the last row a column is empty
    end function large_threshold

    !> Sum of squares of a vector; -1 if it needs scaling, which it does unless all components are
    !> intermediate or zero.
    pure function unscaled_sum(x) result(total)
        real(wp), intent(in), contiguous :: x(:)  !! vector, any length
        real(wp) :: total

        real(wp) :: component, sum(1), smallest
        integer :: i

        if (size(x) >= min_kernel_length) then
            call squares(size(x, kind=index_kind), 1_index_kind, x, size(x, kind=index_kind), &
                         small_limit, large_threshold(size(x)), sum)
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
        if (smallest <= small_limit .or. .not. total < large_threshold(size(x))**2) total = -1.0_wp
    end function unscaled_sum

    !> Adds the square of a component to the sum of its class: small, intermediate or large.
    pure subroutine add_square(sums, component)
        type(class_sums), intent(inout) :: sums !! sums over the components so far
        real(wp), intent(in) :: component       !! absolute value

        if (component > small_limit .and. component < sums%limit) then
            sums%middle = sums%middle + component**2
        else if (component <= small_limit) then
            if (component /= 0.0_wp) call add_scaled_square(sums%small, component)
        else
            call add_scaled_square(sums%large, component)
        end if
    end subroutine add_square

    !> Adds the square of a component; rescales the sum when the component is the largest so far.
    pure subroutine add_scaled_square(sum, component)
        type(scaled_sum), intent(inout) :: sum  !! sum to add to
        real(wp), intent(in) :: component       !! absolute value, not zero

        if (component <= sum%largest) then
            sum%total = sum%total + (component/sum%largest)**2
        else
            sum%total = 1.0_wp + sum%total*(sum%largest/component)**2
            sum%largest = component
        end if
    end subroutine add_scaled_square

    !> Square root of the sum of all three. Beside large components, small ones are negligible.
    pure function combined_norm(sums) result(norm)
        type(class_sums), intent(in) :: sums  !! sums over all components
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
    end function combined_norm

end module leastsq_enorm_module
