"""Problems, recorders and comparisons that several test files use."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from reference import EPS_1980, bundled, missing

from leastsq import leastsq

Array = npt.NDArray[np.float64]

MACHINE_EPS = float(np.finfo(np.float64).eps) if bundled() else EPS_1980

# Passed to both functions where our bits are compared with SciPy's.
SAME_STEP: dict[str, float] = {} if bundled() else {"epsfcn": EPS_1980}

own_nonfinite = pytest.mark.skipif(
    not bundled(), reason="MINPACK's own treatment of non-finite values"
)

# For thousands of cases of a building block: both native APIs hand on to the same procedure.
through_c = pytest.mark.parametrize("native_api", ["c"], indirect=True)

MANY_ARRAYS = ("x", "cov_x", "ssq", "dof", "ier", "nfev", "njev", "success")
"""Those of a LeastsqManyResult."""

START = [1.0, 1.0, 1.0]
TIMES = np.linspace(0.0, 4.0, 40)
DATA = 2.5 * np.exp(-1.3 * TIMES) + 0.5 + 0.05 * np.sin(17.0 * TIMES)


def decay(p: Array) -> Array:
    """Residuals of a*exp(-b*t) + c on 40 noisy points; ends with ier 1."""
    return p[0] * np.exp(-p[1] * TIMES) + p[2] - DATA


def decay_jacobian(p: Array) -> Array:
    """Jacobian of `decay`, (40, 3)."""
    e = np.exp(-p[1] * TIMES)
    return np.stack([e, -p[0] * TIMES * e, np.ones_like(e)], axis=1)


def rosenbrock(p: Array) -> list[float]:
    """Zero residual, slow enough from (-1.2, 1) for some steps to fail."""
    return [10.0 * (p[1] - p[0] ** 2), 1.0 - p[0]]


def rosenbrock_jacobian(p: Array) -> list[list[float]]:
    """Jacobian of `rosenbrock`, (2, 2)."""
    return [[-20.0 * p[0], 10.0], [-1.0, 0.0]]


class CustomError(Exception):
    """An exception with an attribute."""

    def __init__(self, first: int, second: int) -> None:
        super().__init__(first)
        self.second = second


class Recorded:
    """A callable that counts its calls and keeps a copy of each x it was given."""

    def __init__(self, function: Callable[..., object]) -> None:
        self.function = function
        self.xs: list[Array] = []

    def __call__(self, x: Array, *args: object) -> object:
        self.xs.append(np.array(x))
        return self.function(x, *args)

    @property
    def calls(self) -> int:
        return len(self.xs)


class Sequence:
    """A callable whose k-th call uses the k-th function, and the last one from then on."""

    def __init__(self, *functions: Callable[..., object]) -> None:
        self.functions = functions
        self.calls = 0

    def __call__(self, x: Array) -> object:
        function = self.functions[min(self.calls, len(self.functions) - 1)]
        self.calls += 1
        return function(x)


class RaisesAt:
    """A callable that raises one given exception at one given call (counted from 1)."""

    def __init__(
        self, function: Callable[..., object], call: int, exception: BaseException
    ) -> None:
        self.function = function
        self.call = call
        self.exception = exception
        self.calls = 0

    def __call__(self, x: Array) -> object:
        self.calls += 1
        if self.calls == self.call:
            raise self.exception
        return self.function(x)


def interrupt(run: Callable[[], object], after: float, within: float) -> None:
    """Send SIGINT to a run after so many seconds; it must end within so many more."""
    sent: list[float] = []

    def send() -> None:
        sent.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    timer = threading.Timer(after, send)
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        run()
    timer.cancel()
    assert time.monotonic() - sent[0] < within


def raised(*args: object, **options: object) -> Exception:
    """Return the exception of a call that must fail, for its type and text to be compared."""
    with pytest.raises(Exception) as caught:  # noqa: PT011
        leastsq(*args, **options)
    return caught.value


def but_cov(result: tuple) -> tuple:
    """Leave cov_x, whose bits are not SciPy's, out of a full output."""
    return (result[0], *result[2:])


@cache
def scipy_leastsq() -> Callable[..., tuple]:
    """SciPy's function, from a version that pivots as MINPACK does."""
    if sys.version_info < (3, 12):
        pytest.skip("SciPy >= 1.18 needs Python 3.12")
    try:
        import scipy.optimize
    except ImportError as error:
        missing(f"SciPy >= 1.18: {error}")
    if [int(part) for part in scipy.__version__.split(".")[:2]] < [1, 18]:
        missing(f"SciPy >= 1.18: this is {scipy.__version__}")
    return scipy.optimize.leastsq


def run_python(
    code: str, *options: str, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a program in a fresh interpreter, which must succeed."""
    done = subprocess.run(  # noqa: S603
        [sys.executable, *options, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done
