"""Curves for curve_fit, and comparison of its outcomes with SciPy's."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from reference import assert_same
from support import SAME_STEP, Array, scipy_leastsq

from leastsq import curve_fit

T = np.linspace(0.1, 4.0, 40)
COV_ERROR = 1e-13
"""Of pcov, relative to its largest element and times the condition number of J^T J: rounding."""


def decay(t: Array, a: Array, k: Array, c: Array) -> Array:
    return a * np.exp(-k * t) + c


def decay_slopes(t: Array, a: Array, k: Array, c: Array) -> Array:
    """Return the Jacobian of `decay`, (M, 3), of several points (S, M, 3)."""
    e = np.exp(-k * t)
    return np.stack([e, -a * t * e, np.ones_like(e) + 0.0 * c], axis=-1)


def line(t: Array, a: Array, b: Array) -> Array:
    return a + b * t


def line_slopes(t: Array, a: Array, b: Array) -> Array:
    return np.stack([np.ones_like(t) + 0.0 * a, t + 0.0 * b], axis=-1)


Y = decay(T, 2.5, 1.3, 0.5) + 0.05 * np.sin(17.0 * T)


SIGMAS = [
    None, 0.3, np.random.default_rng(1).uniform(0.5, 2.0, T.size),
    np.diag(np.linspace(0.5, 2.0, T.size)) + 0.01,
]  # fmt: skip


def theirs(*args: Any, **options: Any) -> Any:
    """Call SciPy's, with the difference step of the build that is tested."""
    scipy_leastsq()
    import scipy.optimize

    step = {} if callable(options.get("jac")) else SAME_STEP
    return scipy.optimize.curve_fit(*args, **step, **options)


def ours(*args: Any, **options: Any) -> Any:
    step = {} if callable(options.get("jac")) else SAME_STEP
    return curve_fit(*args, **step, **options)


def outcome(function: Callable[..., Any], *args: Any, **options: Any) -> tuple[Any, list[Any]]:
    """Return the result, or type and text of the exception; and the warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = function(*args, **options)
        except Exception as error:
            result = type(error).__name__, str(error)
    return result, [(one.category.__name__, str(one.message), one.filename) for one in caught]


def assert_equal(args: tuple[Any, ...], options: dict[str, Any], case: object) -> None:
    got, warned = outcome(ours, *args, **options)
    want, expected = outcome(theirs, *args, **options)
    assert warned == expected, case
    if isinstance(want[0], str):
        if want[0] == "error":  # minpack's own, a TypeError here
            want = "TypeError", want[1]
        assert got == want, case
        return
    popt, pcov, *rest = got
    assert_same((popt, *rest), (want[0], *want[2:]), case)
    assert np.isfinite(pcov).tolist() == np.isfinite(want[1]).tolist(), case
    if np.isfinite(pcov).all():
        largest = np.abs(want[1]).max()
        tolerance = COV_ERROR * np.linalg.cond(want[1]) * largest if largest > 0.0 else 0.0
        np.testing.assert_allclose(pcov, want[1], rtol=0.0, atol=tolerance, err_msg=str(case))
