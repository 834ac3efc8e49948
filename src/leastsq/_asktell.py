"""The ask-and-tell interface: the solver hands out points and takes the residuals there."""

import warnings
import zlib
from typing import Any, Literal, SupportsFloat, SupportsIndex

import numpy as np
import numpy.typing as npt

from leastsq import _minpack
from leastsq._checks import (
    Matrix,
    Vector,
    as_c_int,
    require_bundled,
    require_enough_residuals,
    settings,
)
from leastsq._driver import Request
from leastsq._outcome import (
    MESSAGES,
    UNFINISHED,
    FullOutput,
    full_output,
    improper_message,
    not_finite_message,
)

__all__ = ["LevenbergMarquardt"]

VERSION = 1  # of the pickled state
REQUESTS: dict[int, Literal["residual", "jacobian"] | None] = {
    Request.NOTHING: None,
    Request.RESIDUAL: "residual",
    Request.JACOBIAN: "jacobian",
    Request.DIFFERENCES: "residual",
}
MAX_SHOWN = 20  # elements of an array in a message


class LevenbergMarquardt:
    """A fit in progress that asks for residuals instead of calling a function.

    The same iteration as `leastsq` and the same bits, for residuals that are computed elsewhere: by
    an instrument, a cluster, a coroutine. Between any two calls it can be pickled, and it goes on
    from there in another process, with the same bits.

    Parameters
    ----------
    x0 : array_like of N real numbers
        Where to start; flattened in C order.
    m : int
        Number of residuals, M >= N.
    analytic : bool, default False
        Whether Jacobians will be told. By default they are made of residuals at N points.
    ftol : float, default 1.49012e-08
        Relative reduction of the sum of squares, actual and predicted, at which to stop.
    xtol : float, default 1.49012e-08
        Relative error between two iterates at which to stop.
    gtol : float, default 0.0
        Cosine of the angle between the residual and the Jacobian's columns at which to stop.
    maxfev : int, default 0
        Number of residuals after which to stop; tested after each trial step. 0 or less stands
        for 200*(N + 1), with analytic for 100*(N + 1).
    epsfcn : float, optional
        Relative error of the residual, from which the difference step comes. By default, and at
        least, the machine epsilon (of float32 or float16 if the values first told are that).
    factor : float, default 100
        First bound on the norm of diag*step, over the norm of diag*x0; usually 0.1 to 100.
    diag : array_like of N positive numbers, optional
        Scale factors of the variables. By default they follow the Jacobian's column norms.

    Raises
    ------
    TypeError
        If an argument is out of range or no number, or M < N.
    ValueError
        If diag is not of length N.
    OverflowError
        If N, M or maxfev does not fit a C int.
    NotImplementedError
        If leastsq was built on the system's MINPACK.

    See Also
    --------
    leastsq : Calls a function; with a callback, in parallel or vectorized if told so.

    Notes
    -----
    Threads may share a solve: what is asked by one may be told by another. Two that tell at the
    same time: one of them gets a ValueError.

    References
    ----------
    Moré, The Levenberg-Marquardt algorithm: implementation and theory, LNM 630 (1978).

    Examples
    --------
    >>> import numpy as np
    >>> from leastsq import LevenbergMarquardt
    >>> t = np.array([0.0, 1.0, 2.0, 3.0])
    >>> y = 5.0 * np.exp(-0.5 * t)
    >>> solve = LevenbergMarquardt([1.0, 1.0], m=4)
    >>> while (points := solve.ask()) is not None:
    ...     solve.tell(points, [p[0] * np.exp(-p[1] * t) - y for p in points])
    >>> solve.x.round(6).tolist(), solve.ier in (1, 2, 3, 4)
    ([5.0, 0.5], True)

    A checkpoint, to be made after each tell: a new file takes the place of the old one as a whole,
    so that there is one to go on from whenever the machine goes down.

    >>> import os, pickle
    >>> def save(solve, path):
    ...     with open(path + ".new", "wb") as file:
    ...         pickle.dump(solve, file)
    ...         file.flush()
    ...         os.fsync(file.fileno())
    ...     os.replace(path + ".new", path)
    """

    def __init__(
        self,
        x0: npt.ArrayLike,
        m: SupportsIndex,
        *,
        analytic: object = False,
        ftol: SupportsFloat = 1.49012e-08,
        xtol: SupportsFloat = 1.49012e-08,
        gtol: SupportsFloat = 0.0,
        maxfev: SupportsIndex = 0,
        epsfcn: SupportsFloat | None = None,
        factor: SupportsFloat = 100,
        diag: npt.ArrayLike | None = None,
    ) -> None:
        require_bundled("LevenbergMarquardt")
        size = as_c_int("m", m)
        self._analytic = bool(analytic)
        x, ftol, xtol, gtol, limit, epsfcn, factor, scale, self._maxfev = settings(
            x0, ftol, xtol, gtol, maxfev, epsfcn, factor, diag, self._analytic
        )
        require_enough_residuals(size, x.size)
        fault = improper_message(x.size, scale, ftol=ftol, xtol=xtol, gtol=gtol, factor=factor)
        if fault:
            raise TypeError(fault)
        self._tolerances = ftol, xtol, gtol
        self._state = _minpack.begin(
            x, size, self._analytic, ftol, xtol, gtol, limit, factor, scale, epsfcn
        )

    def ask(self) -> Matrix | None:
        """Return the points at which values are wanted and were not told yet.

        Returns
        -------
        ndarray, shape (k, N), or None
            One point, or up to N for a difference Jacobian; None when the solve has ended. Until
            something is told they stay the same.
        """
        points = _minpack.points(self._state)
        return points if len(points) else None

    def tell(self, points: npt.ArrayLike, values: npt.ArrayLike) -> None:
        """Take the values at points that were asked; go on when all are there.

        Parameters
        ----------
        points : array_like, shape (k, N)
            Any of those that `ask` returns, in any order. A point may be told again while others
            of the same Jacobian are missing.
        values : array_like, shape (k, M), or (M, N) if `request` is "jacobian"
            The residuals at each, or the Jacobian at the only one. Real numbers; where a residual
            at a trial point is not finite, the step has failed, and a shorter one is tried. In
            the first residual or in a Jacobian such a value ends the solve with ier 4.

        Raises
        ------
        ValueError
            If a point was not asked, a shape is wrong, the solve has ended, or another call of
            tell has not returned yet. The solve is as it was.
        TypeError
            If points or values are not real numbers. The solve is as it was.
        """
        unasked = _minpack.tell(self._state, points, values)
        if unasked is None:
            return
        given = np.asarray(points, float)[unasked]
        raise ValueError(
            f"points[{unasked}] = {_shown(given)} was not asked; asked and not yet told: "
            f"{_shown(self.ask())}"
        )

    @property
    def request(self) -> Literal["residual", "jacobian"] | None:
        """What is wanted at the points: "residual", "jacobian", or None at the end."""
        request, _, _, _, _ = _minpack.status(self._state)
        return REQUESTS[request]

    @property
    def x(self) -> Vector:
        """The best point so far, shape (N,)."""
        x, _, _, _ = _minpack.current_point(self._state)
        return x

    @property
    def fvec(self) -> Vector | None:
        """The residual there, shape (M,); None before the first was told."""
        _, fvec, _, nfev = _minpack.current_point(self._state)
        return fvec if nfev else None

    @property
    def nfev(self) -> int:
        """Residuals so far, N for a whole difference Jacobian."""
        _, _, nfev, _, _ = _minpack.status(self._state)
        return nfev

    @property
    def njev(self) -> int:
        """Jacobians told so far."""
        _, _, _, njev, _ = _minpack.status(self._state)
        return njev

    @property
    def nit(self) -> int:
        """Steps taken so far."""
        _, _, _, _, iteration = _minpack.status(self._state)
        return iteration - 1

    @property
    def ier(self) -> int | None:
        """Why the solve ended, as `leastsq` numbers it; None until it has."""
        _, info, _, _, _ = _minpack.status(self._state)
        return info or None

    def result(self) -> FullOutput:
        """Return x, cov_x, infodict, mesg and ier, as `leastsq` does with full_output.

        Before the end ier is -2, and cov_x, fjac, ipvt and qtf are of the last Jacobian: None and
        zeros if there was none.

        Returns
        -------
        x, cov_x, infodict, mesg, ier
            As `leastsq` describes them.

        Raises
        ------
        RuntimeError
            If no residual was told yet.

        Warns
        -----
        RuntimeWarning
            If x, the norm of fvec, or an element or a column's norm of the Jacobian is not finite.
        """
        info, finite, nfev, njev, x, fvec, fjac, ipvt, qtf = _minpack.results(self._state)
        if nfev == 0:
            raise RuntimeError("there is no result before the first residual is told")
        ier, message = UNFINISHED, "not finished"
        if info > 0:
            ftol, xtol, gtol = self._tolerances  # no *, as in leastsq
            ier, message = info, MESSAGES[info].format(ftol, xtol, gtol, self._maxfev)
        if not finite:
            warnings.warn(not_finite_message(ier, x, fvec, fjac), RuntimeWarning, stacklevel=2)
        counted = njev if self._analytic else None
        return full_output(ier, message, finite, x, fvec, nfev, counted, fjac, ipvt, qtf)

    def __repr__(self) -> str:
        """Return the steps, the evaluations, and the request or ier."""
        request, info, nfev, _, iteration = _minpack.status(self._state)
        wanted = f"asks for a {REQUESTS[request]}" if request else f"ended with ier {info}"
        return f"<LevenbergMarquardt: {iteration - 1} steps, {nfev} evaluations, {wanted}>"

    def __getstate__(self) -> dict[str, object]:
        """Return the state as plain numbers and arrays, the solve's workspace among them."""
        block, factors = _minpack.save(self._state)
        state = {
            "version": VERSION,
            "block": block,
            "factors": factors,
            "tolerances": np.array(self._tolerances),
            "maxfev": self._maxfev,
            "analytic": self._analytic,
        }
        return state | {"checksum": _checksum(state)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore such a state; raise ValueError if it is of another version or damaged."""
        require_bundled("LevenbergMarquardt")
        try:
            version = state["version"]
            whole = version == VERSION and state["checksum"] == _checksum(state)
        except (KeyError, TypeError) as error:
            raise ValueError(f"this is no solve, or a damaged one: {error!r}") from error
        if version != VERSION:
            raise ValueError(f"this solve has version {version!r}; this leastsq knows {VERSION}")
        solve = _minpack.restore(state["block"], state["factors"]) if whole else None
        if solve is None:
            raise ValueError("this solve is damaged: it is not as it was saved")
        self._state, self._tolerances = solve, tuple(state["tolerances"].tolist())
        self._maxfev, self._analytic = state["maxfev"], state["analytic"]


def _checksum(state: dict[str, Any]) -> int:
    """Return the CRC-32 of a state's arrays and numbers."""
    if type(state["maxfev"]) is not int or type(state["analytic"]) is not bool:
        raise TypeError(f"maxfev is {state['maxfev']!r}, analytic is {state['analytic']!r}")
    if np.shape(state["tolerances"]) != (3,):
        raise TypeError(f"tolerances are {state['tolerances']!r}")
    checksum = zlib.crc32(repr((state["maxfev"], state["analytic"])).encode())
    for name, dtype in (("block", np.uint8), ("tolerances", np.float64), ("factors", np.float64)):
        array = state[name]
        if name == "factors" and array is None:
            continue
        if type(array) is not np.ndarray or array.dtype != dtype or not array.flags.c_contiguous:
            raise TypeError(f"{name} is {array!r}")
        checksum = zlib.crc32(array.tobytes(), checksum)
    return checksum


def _shown(points: npt.ArrayLike | None) -> str:
    return np.array2string(
        np.asarray(points), separator=", ", floatmode="unique", threshold=MAX_SHOWN
    )


LevenbergMarquardt.__module__ = "leastsq"  # by which it is found when it is unpickled
