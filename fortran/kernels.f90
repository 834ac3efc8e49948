!> Interfaces of the kernels: vectorised loops over columns, compiled once for each instruction set.
!>
!> simd/kernels.h documents what each computes; simd/dispatch.c chooses the instruction set.
module leastsq_kernels_module
    use, intrinsic :: iso_c_binding, only: c_double, c_int, c_null_ptr, c_ptr, c_ptrdiff_t
    implicit none(type, external)
    private

    public :: index_kind, reflect, finish_row, squares, square_after, difference, rotate
    public :: lane, limits, lane_columns, factor_lanes

    integer, parameter :: index_kind = c_ptrdiff_t
    integer, parameter :: lane_columns = 32 !! most columns of a matrix of factor_lanes

    !> One of several matrices that are factored together, a matrix in each lane of a vector.
    type, bind(c) :: lane
        type(c_ptr) :: a = c_null_ptr     !! matrix, then R in its upper triangle; (m, n)
        type(c_ptr) :: rhs = c_null_ptr   !! right-hand side; (m)
        type(c_ptr) :: norms = c_null_ptr !! column norms of the matrix; (n)
        type(c_ptr) :: qtf = c_null_ptr   !! first n elements of Q^T rhs; (n)
        type(c_ptr) :: ipvt = c_null_ptr  !! permutation, 1-based; (n)
        integer(c_int) :: factored = 0    !! 0: left unchanged, still to be factored
    end type lane

    !> Bounds outside which factor_lanes leaves a matrix to householder_qr.
    type, bind(c) :: limits
        real(c_double) :: small !! magnitude at or below which a sum of squares needs scaling
        real(c_double) :: large !! large/m: magnitude from which that of m components does
        real(c_double) :: trust !! a partial norm must be recomputed where
        real(c_double) :: least !! trust*(partial norm/exact norm)**2 <= least
    end type limits

    interface

        !> Applies reflector v to columns and computes their inner products with the next one, w, on
        !> rows j to m.
        pure subroutine reflect(j, m, n, apply, v, w, norm, a, lda, t, rhs_count, rhs) &
            bind(c, name="leastsq_reflect")
            import :: c_double, c_int, c_ptrdiff_t
            implicit none(type, external)
            integer(c_ptrdiff_t), value :: j           !! first row
            integer(c_ptrdiff_t), value :: m           !! last row
            integer(c_ptrdiff_t), value :: n           !! columns
            integer(c_int), value :: apply             !! 0: do not apply v
            real(c_double), intent(in) :: v(m)         !! reflector to apply
            real(c_double), intent(inout) :: w(m)      !! reflector of the inner products
            real(c_double), value :: norm              !! nonzero: divide w below row j by it
            integer(c_ptrdiff_t), value :: lda         !! leading dimension of a
            real(c_double), intent(inout) :: a(lda, n) !! columns to update
            real(c_double), intent(inout) :: t(*)      !! multipliers of v, then inner products
            integer(c_int), value :: rhs_count         !! 1: there is a right-hand side; 0: none
            real(c_double), intent(inout) :: rhs(*)    !! right-hand side; t(1) belongs to it
        end subroutine reflect

        !> Completes row j of R and downdates the partial column norms; one that must be recomputed
        !> becomes negative.
        pure subroutine finish_row(j, n, head, a, lda, t, pivot, norms, exact, trust, least) &
            bind(c, name="leastsq_finish_row")
            import :: c_double, c_int, c_ptrdiff_t
            implicit none(type, external)
            integer(c_ptrdiff_t), value :: j           !! row
            integer(c_ptrdiff_t), value :: n           !! columns
            real(c_double), value :: head              !! leading element of reflector j
            integer(c_ptrdiff_t), value :: lda         !! leading dimension of a
            real(c_double), intent(inout) :: a(lda, n) !! columns after j
            real(c_double), intent(in) :: t(n)         !! multipliers of reflector j
            integer(c_int), value :: pivot             !! 0: do not downdate norms
            real(c_double), intent(inout) :: norms(n)  !! partial column norms
            real(c_double), intent(in) :: exact(n)     !! exact column norms
            real(c_double), value :: trust             !! recompute norms(k) where
            real(c_double), value :: least             !! trust*(norms(k)/exact(k))**2 <= least
        end subroutine finish_row

        !> Sums of squares of columns; negative where the sum needs scaling.
        pure subroutine squares(m, n, a, lda, lower, upper, sums) bind(c, name="leastsq_squares")
            import :: c_double, c_ptrdiff_t
            implicit none(type, external)
            integer(c_ptrdiff_t), value :: m         !! rows
            integer(c_ptrdiff_t), value :: n         !! columns
            integer(c_ptrdiff_t), value :: lda       !! leading dimension of a
            real(c_double), intent(in) :: a(lda, n)  !! columns; m rows are used
            real(c_double), value :: lower           !! nonzero components up to it need scaling
            real(c_double), value :: upper           !! sums from upper**2 on need scaling
            real(c_double), intent(inout) :: sums(n) !! sums of squares
        end subroutine squares

        !> Replaces x by x - t*v and returns its sum of squares, negative where it needs scaling.
        pure subroutine square_after(m, v, t, x, lower, upper, total) &
            bind(c, name="leastsq_square_after")
            import :: c_double, c_ptrdiff_t
            implicit none(type, external)
            integer(c_ptrdiff_t), value :: m      !! length
            real(c_double), intent(in) :: v(m)    !! vector to subtract
            real(c_double), value :: t            !! multiplier of v
            real(c_double), intent(inout) :: x(m) !! column
            real(c_double), value :: lower        !! nonzero components up to it need scaling
            real(c_double), value :: upper        !! sums from upper**2 on need scaling
            real(c_double), intent(out) :: total  !! sum of squares
        end subroutine square_after

        !> Forward differences (plus - base)/step.
        pure subroutine difference(m, plus, base, step, quotient) &
            bind(c, name="leastsq_difference")
            import :: c_double, c_ptrdiff_t
            implicit none(type, external)
            integer(c_ptrdiff_t), value :: m             !! length
            real(c_double), intent(in) :: plus(m)        !! values at the stepped point
            real(c_double), intent(in) :: base(m)        !! values at the base point
            real(c_double), value :: step                !! step
            real(c_double), intent(inout) :: quotient(m) !! differences
        end subroutine difference

        !> Applies Givens rotations between column s of S^T and each of several rows, in order.
        pure subroutine rotate(n, count, cosine, sine, s, rows, ld) bind(c, name="leastsq_rotate")
            import :: c_double, c_ptrdiff_t
            implicit none(type, external)
            integer(c_ptrdiff_t), value :: n             !! length of the column
            integer(c_ptrdiff_t), value :: count         !! number of rows
            integer(c_ptrdiff_t), value :: ld            !! stride between the rows
            real(c_double), intent(in) :: cosine(count)  !! of each row's rotation
            real(c_double), intent(in) :: sine(count)    !! of each row's rotation
            real(c_double), intent(inout) :: s(n)        !! elements of the column
            real(c_double), intent(inout) :: rows(ld, *) !! elements of the rows, n each
        end subroutine rotate

        !> QR factorisation with column pivoting of several matrices of one size.
        pure subroutine factor_lanes(m, n, count, lanes, bounds, scratch) &
            bind(c, name="leastsq_factor_lanes")
            import :: c_double, c_ptrdiff_t, lane, limits
            implicit none(type, external)
            integer(c_ptrdiff_t), value :: m            !! rows
            integer(c_ptrdiff_t), value :: n            !! columns, <= lane_columns and m
            integer(c_ptrdiff_t), value :: count        !! number of matrices
            type(lane), intent(inout) :: lanes(count)   !! the matrices
            type(limits), intent(in) :: bounds          !! where a matrix is left unchanged
            real(c_double), intent(inout) :: scratch(*) !! work array; 8*(m*(n + 1) + 1)
        end subroutine factor_lanes

    end interface

end module leastsq_kernels_module
