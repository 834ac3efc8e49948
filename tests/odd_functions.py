"""Functions for leastsq that do something odd at one call, and what the contract has for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from forms import BAD, CHANGED_SIZE, NOT_FLOATS
from support import Array

__all__ = [
    "RAISED", "Function", "Odd", "Refused", "as_floats", "numbers_of", "odd_jacobians",
    "odd_residuals",
]  # fmt: skip

RAISED = [ValueError, KeyboardInterrupt, StopIteration, SystemExit, MemoryError, RuntimeWarning]


class Refused(NamedTuple):
    """The exception that an argument, or a result of a function, leads to."""

    kind: type[BaseException]
    text: str


def as_floats(value: Any) -> Array:
    """Return the numbers of an array-like of any form, a mask ignored."""
    return np.array(np.ma.getdata(np.asarray(value)), np.float64)


class Odd(NamedTuple):
    """What a function does at one call: raise, return something else, or spoil a number."""

    at: int = 0
    """Number of the call, from 1; 0: none."""
    raised: BaseException | None = None
    value: Any = None
    refused: Refused | None = None
    """By what the value is refused."""
    spoilt: float = 0.0
    """The last number instead, if it is not 0."""

    @property
    def ends(self) -> bool:
        """Whether the call ends the solve by an exception."""
        return self.at > 0 and self.spoilt == 0.0


class Function:
    """A function that records its calls, writes to x, and does something odd at one call."""

    def __init__(
        self,
        function: Callable[[Array], Array],
        form: Callable[..., Any],
        odd: Odd,
        func: Function | None = None,
    ) -> None:
        self.function, self.form, self.odd, self.func = function, form, odd, func
        self.func_calls: list[int] = []
        """How often func was called before each call of this Dfun."""
        self.xs: list[Array] = []
        self.values: list[Array] = []
        self.args: list[tuple[Any, ...]] = []
        self.returned: list[Any] = []

    @property
    def calls(self) -> int:
        return len(self.xs)

    def __call__(self, x: Array, *args: Any) -> Any:
        assert type(x) is np.ndarray
        assert (x.dtype, x.ndim) == (np.float64, 1)
        assert x.flags.owndata
        assert x.flags.carray
        if self.func is not None:
            self.func_calls.append(self.func.calls)
        self.xs.append(x.copy())
        self.args.append(args)
        with np.errstate(all="ignore"):
            values = self.function(x)
            x[...] = np.nan  # it is ours
            if self.calls == self.odd.at:
                if self.odd.raised is not None:
                    raise self.odd.raised
                if self.odd.ends:
                    return self.odd.value
                values.flat[-1:] = self.odd.spoilt
            formed = self.form(values)
            self.values.append(as_floats(formed))
        self.returned.append(formed)
        return formed


def numbers_of(seed: int, m: int, n: int) -> tuple[Callable[[Array], Array], ...]:
    """Return a residual of moderate numbers and its Jacobian."""
    rng = np.random.default_rng(seed)
    a, b = rng.standard_normal((m, n)), rng.standard_normal(m)
    bend = rng.choice([0.0, 1.0]) * rng.standard_normal(m)
    if n > 1 and rng.random() < 0.1:  # two columns that are equal, or nothing
        a[:, -1] = rng.choice([0.0, 1.0]) * a[:, 0]

    def func(x: Array) -> Array:
        u = (a * x).sum(axis=1)
        return u + bend * np.tanh(u) - b

    def dfun(x: Array) -> Array:
        slope = 1.0 + bend / np.cosh((a * x).sum(axis=1)) ** 2
        return slope[:, None] * a

    return func, dfun


def odd_residuals(m: int, n: int, first: bool) -> list[Odd]:
    """Return residuals that are refused."""
    found = []
    for value in [*BAD, None]:
        array = np.asarray(value)
        rows = array.shape[0] if array.ndim else 1
        refused = Refused(TypeError, NOT_FLOATS)
        if value is not None and first and rows < n:
            refused = Refused(
                TypeError, f"N={n} must not exceed func output vector length M={rows}"
            )
        elif array.ndim <= 1 and array.dtype != object and array.size != m and not first:
            refused = Refused(ValueError, CHANGED_SIZE)
        found.append(Odd(value=value, refused=refused))
    if not first:
        changed = Refused(ValueError, CHANGED_SIZE)
        found += [
            Odd(value=np.ones(m + 1), refused=changed),
            Odd(value=[1.0] * (m - 1), refused=changed),
        ]
    elif n > 0:
        few = Refused(TypeError, f"N={n} must not exceed func output vector length M={n - 1}")
        found.append(Odd(value=np.ones(n - 1), refused=few))
    return found


def odd_jacobians(rows: int, columns: int, n: int) -> list[Odd]:
    """Return Jacobians that are refused."""
    shapes = [(rows + 1, columns), (rows, columns + 1), (), (0,), (1, rows, columns)]
    shapes += [(columns, rows)] * (n > 1 and rows != columns)
    text = f"Shape should be ({rows}, {columns}) but it is {{}}."
    found = [Odd(value=np.zeros(shape), refused=Refused(TypeError, text.format(shape)))
             for shape in shapes]  # fmt: skip
    for dtype in (complex, np.longdouble, object, str):
        value = np.ones((rows, columns)).astype(dtype)
        found.append(Odd(value=value, refused=Refused(TypeError, NOT_FLOATS)))
    return found
