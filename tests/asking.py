"""Drivers of reverse-communication solves for the tests."""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from mgh import Run
from reference import bits, bundled
from support import START, decay, decay_jacobian

from leastsq import LevenbergMarquardt, leastsq

asks = pytest.mark.skipif(not bundled(), reason="the system build has no solve that asks")

Solve = LevenbergMarquardt
each_kind = pytest.mark.parametrize("analytic", [False, True], ids=["differences", "analytic"])


def answer(solve: Solve, run: Run) -> None:
    """Answer everything that a solve requests now."""
    points = solve.ask()
    assert points is not None
    if solve.request == "jacobian":
        solve.tell(points, run.jacobian(points[0]))
    else:
        solve.tell(points, [run.residual(point) for point in points])


def quiet_result(solve: Solve) -> tuple:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return solve.result()


def wanted(run: Run, analytic: bool, **options: object) -> tuple:
    """Return leastsq's result for a run."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return leastsq(
            run.residual, run.x0, Dfun=run.jacobian if analytic else None, full_output=True,
            **options,
        )  # fmt: skip


def asked(analytic: bool = False) -> Iterator[tuple[Solve, str | None]]:
    """Step through a solve of the decay, request by request."""
    solve = Solve(START, 40, analytic=analytic)
    while (points := solve.ask()) is not None:
        yield solve, solve.request
        if solve.request == "jacobian":
            solve.tell(points, decay_jacobian(points[0]))
        else:
            solve.tell(points, [decay(point) for point in points])
    yield solve, None


def at(request: str) -> Solve:
    """Return a solve of the decay, at "start", "differences", "jacobian", "trial" or "end"."""
    for solve, _ in asked(analytic=request == "jacobian"):
        points = solve.ask()
        now = (
            "end" if points is None
            else "start" if solve.nfev == 0
            else "jacobian" if solve.request == "jacobian"
            else "differences" if len(points) == 3
            else "trial"
        )  # fmt: skip
        if now == request:
            return solve
    raise AssertionError(request)


def state(solve: Solve) -> tuple:
    """Return every attribute of a solve."""
    shown = (solve.ask(), solve.request, solve.x, solve.fvec, solve.nfev, solve.njev, solve.nit)
    return (*bits([item if item is not None else np.nan for item in shown]), solve.ier)


def restored(damaged: object) -> LevenbergMarquardt:
    solve = object.__new__(LevenbergMarquardt)
    solve.__setstate__(damaged)
    return solve


def mended(damaged: dict[str, Any]) -> dict[str, Any]:
    """Return the state with its checksum recomputed."""
    checksum = zlib.crc32(repr((damaged["maxfev"], damaged["analytic"])).encode())
    for name in ("block", "tolerances", "factors"):
        if damaged[name] is not None:
            checksum = zlib.crc32(damaged[name].tobytes(), checksum)
    return damaged | {"checksum": checksum}
