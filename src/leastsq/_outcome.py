"""How a solve ended: exit codes, messages, warnings, and what full_output has."""

import sys
from typing import TypedDict

import numpy as np

from leastsq import _minpack
from leastsq._checks import Matrix, Permutation, Vector

__all__ = [
    "IMPROPER_INPUT", "MESSAGES", "STOPPED", "UNFINISHED", "USABLE", "FullOutput", "InfoDict",
    "caller_stacklevel", "full_output", "improper_message", "not_finite_message",
]  # fmt: skip

UNFINISHED, STOPPED, IMPROPER_INPUT = -2, -1, 0
SUCCESS = range(1, 5)
USABLE = {*SUCCESS, UNFINISHED}
"""Values of ier that need no warning, and with which cov_x is defined."""

REDUCTION = (
    "Both actual and predicted relative reductions in the sum of squares\n  are at most {0:f}"
)
MESSAGES = {
    UNFINISHED: "`callback` raised `StopIteration`.",
    STOPPED: "The compiled residual returned {4:d}.",
    IMPROPER_INPUT: "Improper input parameters.",
    1: REDUCTION,
    2: "The relative error between two consecutive iterates is at most {1:f}",
    3: REDUCTION
    + " and the relative error between two consecutive iterates is at \n  most {1:f}",
    4: "The cosine of the angle between func(x) and any column of the\n"
    "  Jacobian is at most {2:f} in absolute value",
    5: "Number of calls to function has reached maxfev = {3:d}.",
    6: "ftol={0:f} is too small, no further reduction in the sum of squares\n  is possible.",
    7: "xtol={1:f} is too small, no further improvement in the approximate\n"
    "  solution is possible.",
    8: "gtol={2:f} is too small, func(x) is orthogonal to the columns of\n"
    "  the Jacobian to machine precision.",
}
"""Messages by ier, to be formatted with ftol, xtol, gtol, maxfev, a compiled residual's value."""


class InfoDict(TypedDict, total=False):
    """The type of the dict that `leastsq` returns with full_output, for annotations.

    Attributes
    ----------
    fvec : ndarray, shape (M,)
        The residual at x.
    nfev, njev : int
        Points at which func and Dfun were evaluated; njev is missing without Dfun.
    fjac : ndarray, shape (N, M)
        The transpose has R of the last Jacobian's factors J P = Q R in its upper triangle.
    ipvt : ndarray of int32, shape (N,)
        Column j of J P is column ipvt[j] of J, counted from 0.
    qtf : ndarray, shape (N,)
        The first elements of Q^T func(x).

    See Also
    --------
    leastsq : Returns it with full_output.

    Examples
    --------
    >>> from leastsq import InfoDict, leastsq
    >>> x, cov_x, info, mesg, ier = leastsq(lambda p: [p[0] - 1.0], [0.0], full_output=True)
    >>> sorted(info)
    ['fjac', 'fvec', 'ipvt', 'nfev', 'qtf']
    """

    fvec: Vector
    nfev: int
    njev: int
    fjac: Matrix
    ipvt: Permutation
    qtf: Vector


FullOutput = tuple[Vector, Matrix | None, InfoDict, str, int]


def full_output(
    ier: int,
    message: str,
    finite: bool,
    x: Vector,
    fvec: Vector,
    nfev: int,
    njev: int | None,
    fjac: Matrix,
    ipvt: Permutation,
    qtf: Vector,
) -> FullOutput:
    """Return what leastsq returns with full_output; njev is None without Dfun."""
    cov_x = _minpack.covariance(fjac, ipvt) if finite and ier in USABLE else None
    infodict: InfoDict = {"fvec": fvec, "nfev": nfev}
    if njev is not None:
        infodict["njev"] = njev
    infodict |= {"fjac": fjac, "ipvt": ipvt, "qtf": qtf}
    return x, cov_x, infodict, message, ier


def improper_message(
    n: int, scale: Vector | None, *, ftol: float, xtol: float, gtol: float, factor: float
) -> str:
    """Return the message for arguments out of range (MINPACK's info = 0); empty if none is."""
    factors = [] if scale is None else scale.tolist()
    bad = [(j, value) for j, value in enumerate(factors) if value <= 0.0][:1]
    tolerances = {"ftol": ftol, "xtol": xtol, "gtol": gtol}
    negative = [(name, value) for name, value in tolerances.items() if value < 0.0]
    # Where memory runs out CPython before 3.13 leaks a list that it cannot extend by +=, and 3.11
    # the arguments of a call whose closure or dict of keywords it cannot make.
    faults = (
        ["x0 must not be empty"] * (n == 0)
        + [f"{name}={value!r} must not be negative" for name, value in negative]
        + [f"factor={factor!r} must be positive"] * (factor <= 0.0)
        + [f"diag[{j}]={value!r} must be positive" for j, value in bad]
    )
    return f"{MESSAGES[IMPROPER_INPUT]} {'; '.join(faults)}." if faults else ""


def not_finite_message(ier: int, x: Vector, fvec: Vector, fjac: Matrix) -> str:
    """Return the text of the warning about what is not finite at the end of a solve."""
    culprits = []
    if not np.isfinite(x).all():
        culprits.append("x")
    if not np.isfinite(fvec).all():
        culprits.append("func(x)")
    elif not np.isfinite(_minpack.enorm(fvec)):
        culprits.append("the norm of func(x)")
    if not np.isfinite(np.triu(fjac.T[: x.size])).all():
        culprits.append("the Jacobian (an element, or the norm of a column)")
    return f"ier is {ier}, but x is no solution; not finite: {', '.join(culprits)}."


def caller_stacklevel() -> int:
    """Return the stacklevel of the first frame outside leastsq's private modules, for a warning."""
    level, frame = 1, sys._getframe(1)
    while frame.f_globals.get("__name__", "").startswith("leastsq._") and frame.f_back:
        level, frame = level + 1, frame.f_back
    return level
