"""Calls of leastsq with usual and odd arguments, and the exception that the contract has for each.

For hypothesis: `calls()` is a strategy.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
from forms import FORMS, LAYOUTS, SCALARS
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from odd_functions import (
    RAISED,
    Function,
    Odd,
    Refused,
    as_floats,
    numbers_of,
    odd_jacobians,
    odd_residuals,
)
from reference import bundled
from support import Array, CustomError

__all__ = ["EXAMPLES", "FALSE", "TRUE", "Call", "Drawn", "Given", "calls", "properties"]

EXAMPLES = os.environ.get("LEASTSQ_EXAMPLES")

properties = settings(
    max_examples=int(EXAMPLES or 300),
    derandomize=EXAMPLES is None,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
"""The same few examples each time, or as many others as LEASTSQ_EXAMPLES says."""


class Given(NamedTuple):
    """An argument; what it leads to; whether it is out of range, MINPACK's info = 0."""

    value: Any
    refused: Refused | None = None
    improper: bool = False


class Index:
    """Something that has only __index__."""

    def __index__(self) -> int:
        return 7


class Broken:
    """Something whose __float__ raises."""

    def __float__(self) -> float:
        raise CustomError(1, 2)


NO_NUMBER = Refused(TypeError, "must be a number")
NUMBERS = [0, 1e-12, 1e-3, True, np.float32(1e-3), np.array(1e-6), Fraction(1, 1000), Index()]
if bundled():  # the system's MINPACK has its own rules for what is not finite
    NUMBERS += [np.inf, 1e300, np.nan]
NEGATIVE = [-1, -5e-324, -np.inf, np.float64(-1.0), np.array(-1e-3)]
NO_NUMBERS = [
    *[Given(bad, NO_NUMBER) for bad in ("1", None, 1j, [1.0], np.ones(1), np.ones((1, 1)))],
    Given(10**400, Refused(OverflowError, "too large")),
    Given(Broken(), Refused(CustomError, "1")),
]
# No huge maxfev: with factor=inf and x0=0 the radius is NaN, and no step is taken, or has failed.
MAXFEV = [0, -3, 1, 2, 5, 30, True, np.int64(4), np.array(6), Index(), 1000]
NO_MAXFEV = [
    *[Given(bad, Refused(TypeError, "must be an integer")) for bad in (1.0, None, "3", np.ones(2))],
    *[Given(bad, Refused(OverflowError, "C int")) for bad in (2**31, -(2**31) - 1, 10**30)],
]
STARTS = [
    *FORMS[:12], lambda r: r.reshape(1, -1), lambda r: np.asfortranarray([r]),
    lambda r: np.array([r]).view(np.matrix), lambda r: r.reshape(-1, 1).tolist(),
]  # fmt: skip
NO_STARTS = [
    lambda r: r + 0j, lambda r: r.astype(object), lambda r: r.astype(str),
    lambda r: r.astype(np.longdouble), lambda r: None, lambda r: np.zeros(r.size, "M8[s]"),
]  # fmt: skip
TRUE, FALSE = [True, 1, "yes", [0], np.True_], [False, 0, None, "", [], np.False_]


@dataclass
class Call:
    """A call of leastsq; `functions` makes its func and Dfun anew."""

    m: int
    n: int
    start: Array
    """x0 as floats."""
    functions: Callable[[], tuple[Any, Any]]
    arguments: dict[str, Any]
    args: tuple[Any, ...]
    """What the functions get."""
    refused: Refused | None
    """By what is checked before anything is called."""
    improper: bool


class Drawn:
    """Draws arguments; one in ten is odd."""

    def __init__(self, draw: Callable[..., Any]) -> None:
        self.draw = draw

    def chance(self, one_in: int) -> bool:
        return bool(self.draw(st.integers(0, one_in - 1)) == one_in - 1)

    def one(self, values: Any) -> Any:
        return self.draw(st.sampled_from(values))

    def tolerance(self, zero_is_improper: bool = False) -> Given:
        """Return one of ftol, xtol, gtol and, where zero is out of range, factor."""
        if self.chance(30):
            return self.one(NO_NUMBERS)
        if self.chance(30):
            return Given(self.one(NEGATIVE), improper=True)
        value = self.one(NUMBERS)
        return Given(value, improper=zero_is_improper and float(value) <= 0.0)

    def maxfev(self) -> Given:
        return self.one(NO_MAXFEV) if self.chance(20) else Given(self.one(MAXFEV))

    def epsfcn(self) -> Given:
        if self.chance(20):
            return self.one([bad for bad in NO_NUMBERS if bad.value is not None])
        return Given(self.one([None, *NUMBERS[1:4], *NUMBERS[-1:], *NEGATIVE]))

    def x0(self, n: int) -> tuple[Given, Array]:
        elements = st.floats(-100.0, 100.0, width=16)
        if self.chance(10) and bundled():
            elements = st.floats(width=64)
        numbers = np.array(self.draw(st.lists(elements, min_size=n, max_size=n)), float)
        with np.errstate(all="ignore"):
            if self.chance(20):
                value = self.one(NO_STARTS)(numbers)
                text = (
                    f"Cannot cast array data from {np.asarray(value).dtype!r} to dtype('float64')"
                )
                return Given(value, Refused(TypeError, text)), numbers
            value = float(numbers[0]) if n == 1 and self.chance(3) else self.one(STARTS)(numbers)
        return Given(value), as_floats(value).ravel()

    def diag(self, n: int) -> Given:
        numbers = self.draw(st.lists(st.floats(0.1, 1e3), min_size=n, max_size=n))
        wrong = Refused(ValueError, "diag must have one entry")
        if self.chance(20):
            return self.one([
                Given([*numbers, 1.0], wrong), Given(np.ones((1, n, 1)), wrong),
                Given(np.ones(n + 3), wrong), Given([1j] * n, n and Refused(TypeError, "cast")),
            ])  # fmt: skip
        if n and self.chance(20):
            numbers[-1] = self.one([0.0, -1.0, -np.inf])
            return Given(numbers, improper=True)
        return Given(self.one(FORMS[:9])(np.array(numbers)))

    def odd(self, m: int, n: int, values: Callable[[bool], list[Odd]]) -> Odd:
        """Return what a function does at some call; values: what it may return at the first."""
        at = self.one([1, 1, 2, 3, 4, 5, 8, 13])
        spoils = ["spoils"] * 2 if bundled() else []
        lot = self.one(["nothing"] * 5 + ["raises", "returns", "returns", *spoils])
        if lot == "nothing":
            return Odd()
        if lot == "raises":
            return Odd(at, self.one(RAISED)("mine"))
        if lot == "returns":
            return self.one(values(at == 1))._replace(at=at)
        return Odd(at, spoilt=self.one([np.nan, np.inf, -np.inf]))


@st.composite
def calls(draw: Callable[..., Any]) -> Call:
    """Draw a call."""
    drawn = Drawn(draw)
    n = draw(st.integers(1, 5)) if not drawn.chance(40) else 0
    m = n + draw(st.integers(0, 8))
    numbers = {name: drawn.tolerance() for name in ("ftol", "xtol", "gtol") if drawn.chance(3)}
    if drawn.chance(3):
        numbers["maxfev"] = drawn.maxfev()
    if drawn.chance(4):
        numbers["epsfcn"] = drawn.epsfcn()
    if drawn.chance(4):
        numbers["factor"] = drawn.tolerance(zero_is_improper=True)
    x0, start = drawn.x0(n)
    given = numbers | {"x0": x0}
    if drawn.chance(4):
        given["diag"] = drawn.diag(n)
    args = drawn.one([(), (), (1, "b"), None, [], 5, "ab", {"a": 1}])
    options = {name: one.value for name, one in given.items()}
    col_deriv = drawn.chance(3)
    options |= {"args": args, "col_deriv": drawn.one(TRUE if col_deriv else FALSE)}
    if bundled():
        options |= drawn.one([{}] * 4 + [{"callback": lambda x: None}, {"workers": map}])
    return Call(
        m, n, start, _functions(drawn, m, n, col_deriv), options,
        args if isinstance(args, tuple) else (args,),
        next((one.refused for one in given.values() if one.refused), None),
        any(one.improper for one in given.values()) or n == 0,
    )  # fmt: skip


def _functions(drawn: Drawn, m: int, n: int, transposed: bool) -> Callable[[], tuple[Any, Any]]:
    """Draw func and Dfun, some of which cannot be called."""
    func, dfun = numbers_of(drawn.draw(st.integers(0, 2**32 - 1)), m, n)
    form = drawn.one([np.array, *FORMS, *(SCALARS_OF_ROW if m == 1 else [])])
    odd = drawn.odd(m, n, lambda first: odd_residuals(m, n, first))
    if drawn.chance(40):
        return lambda: (3, None)

    def make() -> Function:
        return Function(func, form, odd)

    if drawn.chance(2) or n == 0:
        return lambda: (make(), None)
    if drawn.chance(40):
        return lambda: (make(), 3)
    layout, rows, columns = drawn.one(LAYOUTS), *((n, m) if transposed else (m, n))
    odd_dfun = drawn.odd(m, n, lambda first: odd_jacobians(rows, columns, n))
    oriented = (lambda x: dfun(x).T.copy()) if transposed else dfun
    return lambda: ((one := make()), Function(oriented, layout, odd_dfun, one))


SCALARS_OF_ROW = [lambda r, scalar=scalar: scalar(r[0]) for scalar in SCALARS]
