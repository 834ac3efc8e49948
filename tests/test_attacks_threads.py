"""Runs of leastsq_many while another thread writes to everything that they were given."""

from __future__ import annotations

import ctypes
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from asking import asks
from decays import DATA, START, T, decay, slopes
from reference import assert_same
from support import Array

from leastsq import CompiledResidual, leastsq_many

pytestmark = asks

RUNS = 5
BAD = np.array([np.nan, np.inf, -1.0, 0.0, 1e308, 5e-324])


@contextmanager
def written_to(*arrays: Array) -> Iterator[None]:
    """Write to arrays in another thread, all the time; then put back what they had."""
    before, ends = [array.copy() for array in arrays], threading.Event()

    def write() -> None:
        rng = np.random.default_rng(0)
        while not ends.is_set():
            for array, old in zip(arrays, before, strict=True):
                array[...] = old
                array.flat[rng.integers(array.size, size=array.size // 50 + 1)] = rng.choice(BAD)
                array[...] = old * rng.uniform(0.5, 2.0)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        ends.set()
        thread.join()
        for array, old in zip(arrays, before, strict=True):
            array[...] = old


MODES: dict[str, dict[str, Any]] = {
    "one by one": {},
    "Dfun": {"Dfun": slopes},
    "vectorized": {"vectorized": True},
    "vectorized, Dfun": {"vectorized": True, "Dfun": slopes},
    "vectorized, threads": {"vectorized": True, "workers": 2},
    "pointer": {},
    "pointer, threads": {"workers": 2},
}


@pytest.mark.parametrize("nan_policy", ["propagate", "omit"])
@pytest.mark.parametrize("mode", MODES)
def test_arrays_that_change(mode: str, nan_policy: str, c: ctypes.CDLL) -> None:
    """Every fit ends in one of the documented ways, and the next run is as if nothing had been."""
    func: Any = CompiledResidual(c.decay, T.size) if "pointer" in mode else decay
    count = 40 if "threads" not in mode and "vectorized" not in mode else 300
    data, starts = DATA[:count].copy(), np.tile(START, (count, 1))
    weights = np.ones_like(data)
    options = {"data": data, "weights": weights, "nan_policy": nan_policy, **MODES[mode]}
    want = leastsq_many(func, starts, **options)
    for _ in range(RUNS):
        with written_to(data, weights, starts), warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            try:
                got = leastsq_many(func, starts, **options)
            except ValueError as error:  # its data changed between two calls of a vectorized func
                if not options.get("vectorized") or "axis=-1" not in str(error):
                    raise
                continue
        assert not got.errors
        assert set(got.ier.tolist()) <= set(range(9))
        assert (np.isfinite(got.x).all(axis=1) | ~got.success).all()
    again = leastsq_many(func, starts, **options)
    assert_same((again.x, again.nfev, again.ssq), (want.x, want.nfev, want.ssq))
