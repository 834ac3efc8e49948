!> What the iteration asks of a least-squares problem, and what it keeps while it runs.
module leastsq_problem
    use, intrinsic :: iso_c_binding, only: c_int
    use leastsq_kinds, only: wp
    implicit none(type, external)
    private

    public :: problem, controls, fit, controls_are_proper

    !> A residual with a way to its Jacobian. Negative flags are the user's wish to stop.
    type, abstract :: problem
        integer(c_int) :: m         !! number of residuals
        integer(c_int) :: n         !! number of parameters
        integer(c_int) :: nfev = 0  !! residual evaluations as MINPACK counts them
        integer(c_int) :: njev = 0  !! Jacobian evaluations
    contains
        procedure(evaluate), deferred :: residual
        procedure(differentiate), deferred :: jacobian
        procedure(show), deferred :: report
    end type problem

    !> What the user chose; names as in the calling sequences.
    type :: controls
        real(wp) :: ftol     !! relative reduction of the sum of squares that ends the solve
        real(wp) :: xtol     !! relative size of the step bound that ends the solve
        real(wp) :: gtol     !! cosine between residual and Jacobian that ends the solve
        integer(c_int) :: maxfev  !! residual evaluations that end the solve
        integer(c_int) :: mode    !! 2: diag is the user's; otherwise chosen here
        real(wp) :: factor   !! initial step bound over ||D x||
        integer(c_int) :: nprint  !! iterations between reports, none unless positive
    end type controls

    !> The caller's arrays under the names of their roles, and the state of the trust region.
    type :: fit
        real(wp), pointer, contiguous :: x(:)          !! best point so far; (n)
        real(wp), pointer, contiguous :: fvec(:)       !! residual there; (m)
        real(wp), pointer, contiguous :: fjac(:, :)    !! Jacobian, then its factors; (ldfjac, n)
        real(wp), pointer, contiguous :: diag(:)       !! scaling D; (n)
        real(wp), pointer, contiguous :: qtf(:)        !! first n elements of Q^T fvec; (n)
        integer(c_int), pointer, contiguous :: ipvt(:) !! permutation of the factors; (n)
        real(wp), pointer, contiguous :: step(:)       !! R's diagonal, then the step p; (n)
        real(wp), pointer, contiguous :: trial_x(:)    !! column norms, then x + p; (n)
        real(wp), pointer, contiguous :: scaled(:)     !! scratch, D p and the like; (n)
        real(wp), pointer, contiguous :: trial_fvec(:) !! scratch, then residual at x + p; (m)
        real(wp) :: fnorm = 0.0_wp  !! ||fvec||
        real(wp) :: xnorm = 0.0_wp  !! ||D x||
        real(wp) :: gnorm = 0.0_wp  !! largest cosine between fvec and a column of the Jacobian
        real(wp) :: delta = 0.0_wp  !! step bound: radius of the trust region
        real(wp) :: par = 0.0_wp    !! Levenberg-Marquardt parameter
        integer :: iteration = 1    !! one more than the accepted steps
    end type fit

    abstract interface

        !> Puts the residual at x into fvec and counts the evaluation.
        recursive function evaluate(self, x, fvec) result(flag)
            import :: c_int, problem, wp
            implicit none(type, external)
            class(problem), intent(inout) :: self           !! the problem
            real(wp), intent(in), contiguous :: x(:)        !! parameters; (n)
            real(wp), intent(inout), contiguous :: fvec(:)  !! residuals; (m)
            integer(c_int) :: flag
        end function evaluate

        !> Puts the Jacobian at state%x into state%fjac and counts its cost.
        recursive function differentiate(self, state) result(flag)
            import :: c_int, problem, fit
            implicit none(type, external)
            class(problem), intent(inout) :: self  !! the problem
            type(fit), intent(inout) :: state      !! the solve so far
            integer(c_int) :: flag
        end function differentiate

        !> Shows the iterate to the user.
        recursive function show(self, state) result(flag)
            import :: c_int, problem, fit
            implicit none(type, external)
            class(problem), intent(inout) :: self  !! the problem
            type(fit), intent(inout) :: state      !! the solve so far
            integer(c_int) :: flag
        end function show

    end interface

contains

    !> Whether every argument is in MINPACK's range.
    pure function controls_are_proper(settings, m, n, ldfjac, diag) result(proper)
        type(controls), intent(in) :: settings       !! what the user chose
        integer, intent(in) :: m                     !! number of residuals, at least n
        integer, intent(in) :: n                     !! number of parameters, at least one
        integer, intent(in) :: ldfjac                !! leading dimension, at least m
        real(wp), intent(in), contiguous :: diag(:)  !! scaling, positive where it is the user's
        logical :: proper

        proper = n > 0 .and. m >= n .and. ldfjac >= m .and. settings%maxfev > 0 &
                 .and. .not. (settings%ftol < 0.0_wp .or. settings%xtol < 0.0_wp &
                              .or. settings%gtol < 0.0_wp .or. settings%factor <= 0.0_wp)
        if (proper .and. settings%mode == 2) proper = .not. any(diag <= 0.0_wp)
    end function controls_are_proper

end module leastsq_problem
