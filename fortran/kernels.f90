!> Interfaces of the passes over many columns, which exist once for every instruction set.
!>
!> simd/kernels.h says what each computes, simd/dispatch.c which of them runs.
module leastsq_kernels_module
    use, intrinsic :: iso_c_binding, only: c_double, c_ptrdiff_t
    implicit none(type, external)
    private

    public :: index_kind, reflect, squares, rotate

    integer, parameter :: index_kind = c_ptrdiff_t

    interface

        !> Subtracts t(k) v from each column and puts its inner product with w into t(k).
        pure subroutine reflect(m, n, v, w, a, lda, t, extra, t_extra) &
            bind(c, name="leastsq_reflect")
            import :: c_double, c_ptrdiff_t
            implicit none(type, external)
            integer(c_ptrdiff_t), value :: m            !! rows
            integer(c_ptrdiff_t), value :: n            !! columns
            real(c_double), intent(in), optional :: v(m) !! reflector to apply
            real(c_double), intent(in) :: w(m)          !! reflector to sum for
            integer(c_ptrdiff_t), value :: lda          !! leading dimension of a
            real(c_double), intent(inout) :: a(lda, n)  !! columns; m rows are used
            real(c_double), intent(inout) :: t(n)       !! multipliers, then inner products
            real(c_double), intent(inout), optional :: extra(m) !! one more column
            real(c_double), intent(inout) :: t_extra    !! its multiplier, then inner product
        end subroutine reflect

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
            real(c_double), intent(inout) :: rows(ld, count) !! rows, n of each
        end subroutine rotate

    end interface

end module leastsq_kernels_module
