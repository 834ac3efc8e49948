"""Calls of leastsq_many with usual and odd arguments, for hypothesis, as odd_calls has them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from forms import BAD
from hypothesis import strategies as st
from odd_calls import FALSE, TRUE, Drawn, Given
from odd_functions import Refused, as_floats
from support import Array

__all__ = ["NAN", "RAISES", "BatchCall", "batch_calls"]

RAISES, NAN = 1, 2
"""Kinds of problems; the others are sound."""
INTEGER, POSITIVE = Refused(TypeError, "integer"), Refused(ValueError, "must be positive")
BEYOND = Refused(OverflowError, "C int")
WORKERS = [1, 1, True, np.int64(1), map]
NO_WORKERS = [*[Given(bad, INTEGER) for bad in (1.5, "2", None)], Given(2**31, BEYOND),
              *[Given(bad, POSITIVE) for bad in (0, -2)]]  # fmt: skip
CHUNKSIZES = [None, 1, 3, np.int64(2), True]
NO_CHUNKSIZES = [*[Given(bad, INTEGER) for bad in (1.5, "2")], Given(2**40, BEYOND),
                 *[Given(bad, POSITIVE) for bad in (0, -1)]]  # fmt: skip
NO_PROGRESS = [Given(bad, Refused(TypeError, "progress must be")) for bad in (5, "yes", 1)]


class Model:
    """A residual of one problem or of several: of data a (M, N), b (M), and a problem's kind."""

    def __init__(self, bad: Any = None) -> None:
        self.bad = bad
        """What is returned instead of numbers, if it is not None."""
        self.points = 0

    def __call__(self, p: Array, a: Array, b: Array, kind: Array) -> Any:
        assert type(p) is np.ndarray
        assert p.flags.carray
        self.points += 1 if p.ndim == 1 else p.shape[1]
        assert not any(row.flags.writeable for row in (a, b, kind))
        if self.bad is not None:
            return self.bad
        if np.any(kind == RAISES):
            raise ZeroDivisionError
        with np.errstate(all="ignore"):
            values = sum((p[j] * a[..., j] for j in range(len(p))), -b)
            values = np.where(kind == NAN, np.nan, values + 0.1 * np.tanh(values))
        p[...] = np.nan
        return values

    def jacobian(self, p: Array, a: Array, b: Array, kind: Array) -> Array:
        """Return the Jacobian, (..., M, N)."""
        with np.errstate(all="ignore"):
            values = sum((p[j] * a[..., j] for j in range(len(p))), -b)
            slope = 1.0 + 0.1 / np.cosh(values) ** 2
        return slope[..., None] * a


@dataclass
class BatchCall:
    """A call of leastsq_many."""

    count: int
    m: int
    n: int
    arguments: dict[str, Any]
    model: Model
    kinds: Array
    start: Array
    """x0 of all problems, (K, N)."""
    weights: Array
    """Of all problems, (K, M)."""
    refused: Refused | None
    """By what is checked before anything is called."""


def _x0(drawn: Drawn, count: int, n: int) -> Given:
    start = np.array(drawn.draw(st.lists(st.floats(-3.0, 3.0), min_size=n, max_size=n)))
    if drawn.chance(25):
        bad = drawn.one([start + 0j, start.astype(str), start.astype(object),
                         start.astype(np.longdouble)])  # fmt: skip
        return Given(np.array([bad]), Refused(TypeError, "Cannot cast array data"))
    every = np.tile(start, (count, 1))
    if drawn.chance(25) and count > 1:
        return Given(np.tile(start, (count + 1, 1)), Refused(ValueError, "broadcast"))
    return Given(drawn.one([
        start, start.tolist(), start[None], every, np.asfortranarray(every), every.tolist(),
        every.astype(">f8"), every.astype(np.float32), every.round().astype(np.int8),
    ]) if count else start)  # fmt: skip


def _data(drawn: Drawn, arrays: tuple[Array, ...]) -> Given:
    a, b, kind = arrays
    if drawn.chance(15):
        no_arrays, masked = (Refused(TypeError, text) for text in ("tuple of arrays", "masked"))
        return drawn.one([
            Given([a, b, kind], no_arrays), Given((a, b.tolist(), kind), no_arrays),
            Given(None, no_arrays), Given((row for row in a), no_arrays),
            Given((np.ma.array(a), b, kind), masked), Given((a, b, 5), no_arrays),
            Given((a, np.ones((len(b) + 2, 1)), kind), Refused(ValueError, "broadcast")),
        ]) if len(b) > 1 else Given(None, no_arrays)  # fmt: skip
    a, b = drawn.one([
        (a, b), (np.asfortranarray(a), b[:, ::-1].copy()[:, ::-1]), (a, b.astype(np.float32)),
        (a.astype(">f8"), b.repeat(2, axis=0)[::2]),
    ])  # fmt: skip
    return Given((a, b, kind))


def _weights(drawn: Drawn, rng: np.random.Generator, count: int, m: int) -> tuple[Given, Array]:
    every = rng.uniform(0.5, 2.0, (count, m))
    every[rng.random(every.shape) < rng.choice([0.0, 0.2, 0.7])] = 0.0
    refused = rng.random(every.shape) < rng.choice([0.0, 0.05])
    every[refused] = rng.choice([-1.0, np.nan, np.inf])
    ones = np.ones((count, m))
    if drawn.chance(20):
        real, shape = Refused(TypeError, "weights must be real"), Refused(ValueError, "shape (M,)")
        return drawn.one([
            Given(np.ma.array(every), Refused(TypeError, "masked")), Given(every + 0j, real),
            Given([["1"] * m] * count or [["1"]], real), Given(np.ones((1, 1, m)), shape),
            Given(2.0, shape),
        ]), ones  # fmt: skip
    given = drawn.one([None, None, every, every > 1.0, every.astype(np.float32), every[:1]])
    if given is None or (count == 0 and len(given) == 0):
        return Given(None), ones
    return Given(given[0] if len(given) == 1 and drawn.chance(2) else given), (
        np.broadcast_to(as_floats(given), (count, m))
    )  # fmt: skip


def _checked_first(drawn: Drawn, arrays: tuple[Array, ...], weights: Given) -> dict[str, Given]:
    """Draw x0 and data; what does not broadcast is noticed when all of them are there."""
    x0, data = _x0(drawn, *arrays[0].shape[::2]), _data(drawn, arrays)
    given = {"x0": x0, "data": data, "weights": weights}
    late = [name for name, one in given.items() if "broadcast" in str(one.refused)]
    return {name: one for name, one in given.items() if name not in late} | {
        name: given[name] for name in late
    }


def _numbers(drawn: Drawn, n: int) -> dict[str, Given]:
    """Draw the arguments of each solve, and that they are out of range."""
    given = {name: drawn.tolerance() for name in ("ftol", "xtol", "gtol") if drawn.chance(4)}
    if drawn.chance(4):
        given |= {"maxfev": drawn.maxfev(), "epsfcn": drawn.epsfcn()}
    if drawn.chance(4):
        given |= {"factor": drawn.tolerance(zero_is_improper=True), "diag": drawn.diag(n)}
    improper = any(one.improper for one in given.values())
    return given | {"": Given(None, Refused(TypeError, "Improper input") if improper else None)}


def _others(drawn: Drawn, model: Model) -> dict[str, Given]:
    """Draw the arguments that are checked last."""
    usual = [False, None, np.False_, lambda done, total: None]
    choices: dict[str, tuple[list[Any], list[Given]]] = {
        "func": ([model], [Given(5, Refused(TypeError, "func must be callable"))]),
        "Dfun": ([None, model.jacobian], [Given(5, Refused(TypeError, "Dfun must be callable"))]),
        "nan_policy": (
            ["propagate", "omit", "raise"],
            [Given(bad, Refused(ValueError, "nan_policy must be one of")) for bad in ("no", None)],
        ),
        "workers": (WORKERS, NO_WORKERS),
        "chunksize": (CHUNKSIZES, NO_CHUNKSIZES),
        "progress": (usual, NO_PROGRESS),
    }
    return {
        name: drawn.one(odd) if drawn.chance(40) else Given(drawn.one(values))
        for name, (values, odd) in choices.items()
    }


@st.composite
def batch_calls(draw: Callable[..., Any]) -> BatchCall:
    """Draw a call."""
    drawn = Drawn(draw)
    count, n = draw(st.integers(0, 7)), draw(st.integers(1, 4))
    m = n + draw(st.integers(0, 5))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    kinds = rng.choice([0, 0, 0, 0, RAISES, NAN], count) * rng.integers(2)
    arrays = rng.standard_normal((count, m, n)), rng.standard_normal((count, m)), kinds
    weights, every = _weights(drawn, rng, count, m)
    # Of two axes, a vectorized function may have returned it for one problem.
    bad = [value for value in BAD if np.ndim(np.asarray(value)) != 2]
    model = Model(drawn.one(bad) if drawn.chance(20) else None)
    # In the order in which they are checked.
    given = _checked_first(drawn, arrays, weights) | _numbers(drawn, n) | _others(drawn, model)
    refused = next((one.refused for one in given.values() if one.refused), None)
    arguments = {name: one.value for name, one in given.items() if name}
    arguments |= {"vectorized": drawn.one([*TRUE, *FALSE]), "cov": drawn.one([*TRUE, *FALSE])}
    start = np.zeros((count, n))
    if refused is None:
        start[...] = as_floats(arguments["x0"])
    return BatchCall(count, m, n, arguments, model, kinds, start, every, refused)
