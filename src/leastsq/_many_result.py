"""What leastsq_many returns."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from leastsq._checks import Vector

__all__ = ["ENDINGS", "LeastsqManyResult", "summary"]

ENDINGS = {
    -2: "not run or not finished",
    -1: "stopped by an exception",
    0: "not evaluated: too few samples, or invalid weights",
    5: "reached maxfev",
    6: "ftol too small",
    7: "xtol too small",
    8: "gtol too small",
}
"""What to call the endings that are no success."""


@dataclass(frozen=True, eq=False, repr=False)
class LeastsqManyResult:
    """What `leastsq_many` returns: arrays of the shape of the batch, B.

    Printed, it counts the fits and how they ended.

    Attributes
    ----------
    x : ndarray, shape B + (N,)
        Solutions, or the last points reached; where nothing was run, x0.
    cov_x : ndarray, shape B + (N, N), or None
        Inverse of J^T J; NaN where it is not defined; None with cov=False.
    ssq : ndarray, shape B
        Sums of squares of the weighted residuals at x; NaN where none was evaluated.
    dof : ndarray of int64, shape B
        Degrees of freedom: samples whose weight is not 0, less N.
    ier : ndarray of int32, shape B
        Why each fit ended: 0 to 8 as `leastsq` numbers it, -1 an exception, -2 not run or not
        finished.
    nfev : ndarray of int32, shape B
        Residuals evaluated.
    njev : ndarray of int32, shape B
        Jacobians evaluated by Dfun.
    success : ndarray of bool, shape B
        Whether ier is 1 to 4 and x, the residual's norm and R are finite. It does not imply a
        cov_x: that is NaN where R is singular.
    errors : mapping
        The first hundred exceptions by the fit's place in the batch: an int if it has one axis,
        else a tuple.

    See Also
    --------
    leastsq_many : Returns it.

    Examples
    --------
    >>> import numpy as np
    >>> from leastsq import leastsq_many
    >>> t = np.array([0.0, 1.0, 2.0, 3.0])
    >>> y = np.array([[5.1, 2.9, 1.9, 1.1], [5.0, 3.8, 2.9, 2.1]])
    >>> result = leastsq_many(lambda p, y: p[0] * np.exp(-p[1] * t) - y, [1.0, 1.0], data=y)
    >>> result
    2 fits: 2 converged
    >>> print(result.x.round(2))
    [[5.06 0.51]
     [5.02 0.28]]
    >>> print(result.standard_errors().round(2))
    [[0.11 0.02]
     [0.05 0.01]]
    """

    x: Vector
    cov_x: Vector | None
    ssq: Vector
    dof: npt.NDArray[np.int64]
    ier: npt.NDArray[np.int32]
    nfev: npt.NDArray[np.int32]
    njev: npt.NDArray[np.int32]
    success: npt.NDArray[np.bool_]
    errors: Mapping[int | tuple[int, ...], Exception]
    _variance: Vector = field(kw_only=True)

    def standard_errors(self, absolute_sigma: bool = False) -> Vector:
        """Return the standard errors of x.

        Parameters
        ----------
        absolute_sigma : bool, default False
            Whether weights are 1/sigma as they are. By default their scale is estimated from the
            residuals, as in `scipy.optimize.curve_fit`: the covariance is cov_x * ssq / dof.

        Returns
        -------
        ndarray, shape B + (N,)
            Of the parameters; NaN where dof is not positive or cov_x is not defined.
        """
        known = self.dof > 0
        scale = np.where(known, 1.0, np.nan)
        with np.errstate(all="ignore"):  # a variance or ssq may have overflowed
            if not absolute_sigma:
                np.divide(self.ssq, self.dof, out=scale, where=known)
            errors: Vector = np.sqrt(self._variance * scale[..., None])
        return errors

    def __repr__(self) -> str:
        """Count the endings."""
        return summary(self.ier, self.success)


def summary(ier: npt.NDArray[np.int32], success: npt.NDArray[np.bool_]) -> str:
    """Return how many fits ended in which way."""
    parts = [f"{np.count_nonzero(success)} converged"]
    lost = np.count_nonzero((ier >= 1) & (ier <= 4) & ~success)
    parts += [f"{lost} not finite"] if lost else []
    counts = {code: np.count_nonzero(ier == code) for code in ENDINGS}
    parts += [f"{count} {ENDINGS[code]}" for code, count in counts.items() if count]
    return f"{ier.size} fits: {', '.join(parts)}"
