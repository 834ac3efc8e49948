"""Random sequences of fits by one CompiledResidual whose arguments change between them."""

from __future__ import annotations

import ctypes
import gc
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from asking import asks
from decays import DATA, START, T
from pointers import called_from_python
from reference import assert_same
from support import Array

from leastsq import CompiledResidual, leastsq, leastsq_many

pytestmark = asks

M = T.size
STEPS = 150


class Sequence:
    """A function of two arrays, y and t, and the same called from Python."""

    def __init__(self, c: ctypes.CDLL, rng: np.random.Generator) -> None:
        self.rng = rng
        self.compiled = CompiledResidual(c.decay_at, M)
        self.python = called_from_python(c.decay_at)
        self.with_data = CompiledResidual(c.decay, M, data=(row := DATA[0].copy()))
        self.kept, self.of_data = row, called_from_python(c.decay)

    def fit(self) -> None:
        """Fit with arrays that are freed at once."""
        k = self.rng.integers(len(DATA))
        got = leastsq(self.compiled, START, (DATA[k].copy(), T.copy()), full_output=True)
        assert_same(got, leastsq(self.python, START, (DATA[k], T), full_output=True))

    def change_data(self) -> None:
        """Change the values of the data, which are not copied; their memory stays."""
        self.kept[:] = DATA[self.rng.integers(len(DATA))]
        with pytest.raises(ValueError, match="resize"):
            self.kept.resize(2 * M)
        want = leastsq(self.of_data, START, (self.kept,))
        assert_same(leastsq(self.with_data, START), want)

    def grow_args(self) -> None:
        """Give the same array at another address."""
        y = DATA[3].copy()
        for length in (100_000, M):
            y.resize(length, refcheck=False)
            assert_same(
                leastsq(self.compiled, START, (y, T)), leastsq(self.python, START, (y, T))
            )

    def many(self) -> None:
        """Fit many, with rows of several types and layouts."""
        some = DATA[self.rng.integers(len(DATA), size=5)]
        data = [some, some.astype(np.float32), np.asfortranarray(some), some[::-1]][
            self.rng.integers(4)
        ]
        workers = int(self.rng.integers(1, 3))
        got = leastsq_many(self.compiled, START, data=data, args=T, workers=workers, chunksize=2)
        want = leastsq_many(self.python, START, data=data.astype(float), args=T)
        assert_same((got.x, got.nfev, got.cov_x), (want.x, want.nfev, want.cov_x))

    def in_threads(self) -> None:
        """Fit in several threads at once, each with arguments of its own."""
        ks = self.rng.integers(len(DATA), size=6).tolist()

        def fit(k: int) -> Any:
            return leastsq(self.compiled, START, (DATA[k].copy(), T), full_output=True)

        with ThreadPoolExecutor(3) as pool:
            for k, got in zip(ks, pool.map(fit, ks), strict=True):
                assert_same(got, leastsq(self.python, START, (DATA[k], T), full_output=True))

    def inside(self) -> None:
        """Fit with it from a callback of a fit with it."""
        def again(x: Array) -> None:
            leastsq(self.compiled, START, (DATA[1], T))

        got = leastsq(self.compiled, START, (DATA[2], T), full_output=True, callback=again)
        assert_same(got, leastsq(self.python, START, (DATA[2], T), full_output=True))

    def wrong(self) -> None:
        """Make a call that is refused."""
        calls = [
            ((START, (DATA[0].tolist(), T)), {}, TypeError),
            ((START, (DATA[0, ::2], T)), {}, ValueError),
            ((START, (None, T)), {}, TypeError),
            ((np.ones(M + 1), (DATA[0], T)), {}, TypeError),
            ((START, (DATA[0], T)), {"Dfun": self.python}, ValueError),
            ((START, (DATA[0], T)), {"vectorized": True}, ValueError),
            ((START, (DATA[0], T)), {"workers": map}, TypeError),
        ]  # fmt: skip
        args, options, kind = calls[self.rng.integers(len(calls))]
        with pytest.raises(kind):
            leastsq(self.compiled, *args, **options)


def test_random_sequences(c: ctypes.CDLL) -> None:
    rng = np.random.default_rng(0)
    sequence = Sequence(c, rng)
    names = [name for name in vars(Sequence) if not name.startswith("_")]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        for _ in range(STEPS):
            getattr(sequence, names[rng.integers(len(names))])()


def test_arguments_are_released(c: ctypes.CDLL) -> None:
    sequence = Sequence(c, np.random.default_rng(1))
    y, t = DATA[0].copy(), T.copy()
    before = sys.getrefcount(y), sys.getrefcount(t)
    for _ in range(20):
        leastsq(sequence.compiled, START, (y, t))
        leastsq_many(sequence.compiled, START, data=DATA[:3], args=t)
        with pytest.raises(TypeError):
            leastsq(sequence.compiled, START, (y, t, None))
    gc.collect()
    assert (sys.getrefcount(y), sys.getrefcount(t)) == before
