!> Exit codes (info) of a solve. A negative info is the flag with which fcn requested termination.
!>
!> MINPACK-1 User Guide, ANL-80-74, sec. 2.3. leastsq.h lists the same values for C.
module leastsq_status
    implicit none(type, external)
    private

    public :: improper_input, converged_reduction, converged_step, converged_both, &
              orthogonal_residual, too_many_evaluations, &
              ftol_too_small, xtol_too_small, gtol_too_small

    enum, bind(c)
        enumerator :: improper_input = 0        !! an argument is out of range
        enumerator :: converged_reduction = 1   !! actual and predicted reduction at most ftol
        enumerator :: converged_step = 2        !! relative error between iterates at most xtol
        enumerator :: converged_both = 3        !! both of the above
        enumerator :: orthogonal_residual = 4   !! cosine <= gtol, or fvec or fjac not finite
        enumerator :: too_many_evaluations = 5  !! maxfev residual evaluations were made
        enumerator :: ftol_too_small = 6        !! no further reduction of the sum of squares
        enumerator :: xtol_too_small = 7        !! no further improvement of x
        enumerator :: gtol_too_small = 8        !! residual orthogonal to machine precision
    end enum

end module leastsq_status
