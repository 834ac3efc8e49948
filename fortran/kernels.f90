!> Interfaces of the passes over many columns, which exist once for every instruction set.
!>
!> simd/kernels.h says what each computes, simd/dispatch.c which of them runs.
module leastsq_kernels_module
    use, intrinsic :: iso_c_binding, only: c_double, c_int, c_null_ptr, c_ptr, c_ptrdiff_t
    implicit none(type, external)
    private

    public :: index_kind, reflect, finish_row, squares, square_after, difference, rotate
    public :: lane, limits, lane_columns, factor_lanes

    integer, parameter :: index_kind = c_ptrdiff_t
    integer, parameter :: lane_columns = 32  !! columns that factor_lanes takes

    !> One of several matrices that are factored together.
    type, bind(c) :: lane
        type(c_ptr) :: a = c_null_ptr     !! matrix, then R in its upper triangle; (m, n)
        type(c_ptr) :: rhs = c_null_ptr   !! right-hand side; (m)
        type(c_ptr) :: norms = c_null_ptr !! norms of the matrix's columns; (n)
        type(c_ptr) :: qtf = c_null_ptr   !! first elements of Q^T rhs; (n)
        type(c_ptr) :: ipvt = c_null_ptr  !! permutation; (n)
        integer(c_int) :: factored = 0    !! 0: it is as it was, to be factored otherwise
    end type lane

    !> What is too small, too large and too inexact for the common path of a factorisation.
    type, bind(c) :: limits
        real(c_double) :: small !! components are zero or larger
        real(c_double) :: large !! components of a vector of m are smaller than this over m
        real(c_double) :: trust !! a norm is recomputed where this times the square of what is left
        real(c_double) :: least !! of it is within this
    end type limits

    interface

        !> Applies reflector v to some columns and sums them for the next one, w, from row j on.
        pure subroutine reflect(j, m, n, apply, v, w, norm, a, lda, t, extras, extra) &
            bind(c, name="leastsq_reflect")
            import :: c_double, c_int, c_ptrdiff_t
            implicit none(type, external)
            integer(c_ptrdiff_t), value :: j           !! first row
            integer(c_ptrdiff_t), value :: m           !! last row
            integer(c_ptrdiff_t), value :: n           !! columns
            integer(c_int), value :: apply             !! 0: there is no reflector to apply
            real(c_double), intent(in) :: v(m)         !! reflector to apply
            real(c_double), intent(inout) :: w(m)      !! reflector to sum for
            real(c_double), value :: norm              !! divides w below row j, unless it is 0
            integer(c_ptrdiff_t), value :: lda         !! leading dimension of a
            real(c_double), intent(inout) :: a(lda, n) !! columns
            real(c_double), intent(inout) :: t(*)      !! multipliers, then inner products
            integer(c_int), value :: extras            !! 1: there is one more column
            real(c_double), intent(inout) :: extra(*)  !! that column; its multiplier comes first
        end subroutine reflect

        !> Completes row j and takes it out of the norms; norms that are lost become negative.
        pure subroutine finish_row(j, n, head, a, lda, t, pivot, norms, reference, trust, &
                                   least) &
            bind(c, name="leastsq_finish_row")
            import :: c_double, c_int, c_ptrdiff_t
            implicit none(type, external)
            integer(c_ptrdiff_t), value :: j           !! row
            integer(c_ptrdiff_t), value :: n           !! columns
            real(c_double), value :: head              !! leading element of reflector j
            integer(c_ptrdiff_t), value :: lda         !! leading dimension of a
            real(c_double), intent(inout) :: a(lda, n) !! columns after j
            real(c_double), intent(in) :: t(n)         !! multipliers of reflector j
            integer(c_int), value :: pivot             !! 0: leave the norms alone
            real(c_double), intent(inout) :: norms(n)  !! norms left
            real(c_double), intent(in) :: reference(n) !! norms last computed afresh
            real(c_double), value :: trust             !! a norm is lost where this times the
            real(c_double), value :: least             !! square of what is left is within that
        end subroutine finish_row

        !> Sums of squares of columns; negative where a component is not within the limits.
        pure subroutine squares(m, n, a, lda, lower, upper, sums) bind(c, name="leastsq_squares")
            import :: c_double, c_ptrdiff_t
            implicit none(type, external)
            integer(c_ptrdiff_t), value :: m           !! rows
            integer(c_ptrdiff_t), value :: n           !! columns
            integer(c_ptrdiff_t), value :: lda         !! leading dimension of a
            real(c_double), intent(in) :: a(lda, n)    !! columns; m rows are used
            real(c_double), value :: lower             !! components are zero or larger
            real(c_double), value :: upper             !! components are smaller
            real(c_double), intent(inout) :: sums(n)   !! sums of squares
        end subroutine squares

        !> Subtracts t v from x and returns its sum of squares, negative as above.
        pure subroutine square_after(m, v, t, x, lower, upper, total) &
            bind(c, name="leastsq_square_after")
            import :: c_double, c_ptrdiff_t
            implicit none(type, external)
            integer(c_ptrdiff_t), value :: m       !! length
            real(c_double), intent(in) :: v(m)     !! reflector to apply
            real(c_double), value :: t             !! its multiplier
            real(c_double), intent(inout) :: x(m)  !! column
            real(c_double), value :: lower         !! components are zero or larger
            real(c_double), value :: upper         !! components are smaller
            real(c_double), intent(out) :: total   !! sum of squares
        end subroutine square_after

        !> Forward differences (plus - base)/step.
        pure subroutine difference(m, plus, base, step, quotient) &
            bind(c, name="leastsq_difference")
            import :: c_double, c_ptrdiff_t
            implicit none(type, external)
            integer(c_ptrdiff_t), value :: m             !! length
            real(c_double), intent(in) :: plus(m)        !! values at the step
            real(c_double), intent(in) :: base(m)        !! values before it
            real(c_double), value :: step                !! length of the step
            real(c_double), intent(inout) :: quotient(m) !! differences
        end subroutine difference

        !> Turns a column against several rows, one after the other.
        pure subroutine rotate(n, count, cosine, sine, s, rows, ld) bind(c, name="leastsq_rotate")
            import :: c_double, c_ptrdiff_t
            implicit none(type, external)
            integer(c_ptrdiff_t), value :: n               !! length of the column
            integer(c_ptrdiff_t), value :: count           !! number of rows
            integer(c_ptrdiff_t), value :: ld              !! distance of the rows
            real(c_double), intent(in) :: cosine(count)    !! rotations
            real(c_double), intent(in) :: sine(count)      !! rotations
            real(c_double), intent(inout) :: s(n)          !! column
            real(c_double), intent(inout) :: rows(ld, *)   !! rows, n of each
        end subroutine rotate

        !> Factors matrices of one size, with column pivoting, several at once.
        pure subroutine factor_lanes(m, n, count, lanes, bounds, scratch) &
            bind(c, name="leastsq_factor_lanes")
            import :: c_double, c_ptrdiff_t, lane, limits
            implicit none(type, external)
            integer(c_ptrdiff_t), value :: m              !! rows
            integer(c_ptrdiff_t), value :: n              !! columns, <= lane_columns and m
            integer(c_ptrdiff_t), value :: count          !! matrices
            type(lane), intent(inout) :: lanes(count)     !! the matrices
            type(limits), intent(in) :: bounds            !! of the common path
            real(c_double), intent(inout) :: scratch(*)   !! 8 (m (n + 1) + 1)
        end subroutine factor_lanes

    end interface

end module leastsq_kernels_module
