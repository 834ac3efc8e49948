"""Batches of compiled residuals: pointers to C functions, and numba functions."""

from __future__ import annotations

import ctypes
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from pointers import BOTH, INT, NUMBERS, POINTER
from programs import build_library
from reference import FloatArray, bits

from fuzzing.batch import Batch, Functions, draw
from fuzzing.batches import any_way, endings_of, verdict
from fuzzing.cases import Verdict
from fuzzing.models import BrokenError
from fuzzing.ways import outcome
from leastsq import CompiledResidual, leastsq

__all__ = ["alone", "check_numba", "check_pointers", "of_numba", "of_pointers", "of_rows"]

ALONE = """\
from fuzzing.batch import Batch  # in tests/
from fuzzing.compiled import alone
from fuzzing.models import Model
{batch}print(alone(batch, {index}).same)
"""
SOURCE = Path(__file__).with_name("models.c")


@cache
def library() -> ctypes.CDLL:
    """Compile the residuals of models.c."""
    with tempfile.TemporaryDirectory() as directory:
        return ctypes.CDLL(str(build_library(Path(directory), SOURCE)))


class Called:
    """The residual of models.c, called from Python; its failure is an exception."""

    def __init__(self, spec: FloatArray) -> None:
        self.spec = spec
        self.function = ctypes.CFUNCTYPE(INT, *BOTH)(("both", library()))

    def __call__(self, x: FloatArray, a: FloatArray, b: FloatArray, kind: int) -> FloatArray:
        fvec = np.empty(b.size)
        self._call(x, (a, b, np.array([float(kind)]), self.spec), fvec, None, 1)
        return fvec

    def jacobian(self, x: FloatArray, a: FloatArray, b: FloatArray, kind: int) -> FloatArray:
        fjac = np.empty((x.size, b.size))
        arrays = a, b, np.array([float(kind)]), self.spec
        self._call(x, arrays, np.empty(b.size), fjac.ctypes.data_as(NUMBERS), 2)
        return fjac.T

    def _call(self, x: FloatArray, arrays: Any, fvec: FloatArray, fjac: Any, iflag: int) -> None:
        p = np.array([array.ctypes.data for array in arrays], np.uintp)
        status = self.function(
            POINTER(p.ctypes.data), fvec.size, x.size, x.ctypes.data_as(NUMBERS),
            fvec.ctypes.data_as(NUMBERS), fjac, fvec.size, iflag,
        )  # fmt: skip
        if status < 0:
            raise BrokenError(x.tolist())


def _spec(batch: Batch) -> FloatArray:
    """Return when a batch's residuals are spoiled and when they fail, as models.c takes it."""
    return np.array([batch.model.odds, batch.model.bad, batch.model.breaks], float)


def of_pointers(batch: Batch) -> Functions:
    """Return functions of models.c, by pointers to a problem's rows."""
    spec = _spec(batch)
    called, name = Called(spec), "both" if batch.analytic else "residual"
    compiled = CompiledResidual(library()[name], batch.m, jacobian=batch.analytic)
    dfun = called.jacobian if batch.analytic else None
    return Functions(called, dfun, compiled, None, (spec,), keeps_errors=False)


def of_rows(batch: Batch) -> Functions:
    """Return the function of models.c that gets one row a problem."""
    spec = _spec(batch)
    compiled = CompiledResidual(library().residual_of_row, batch.m)
    return Functions(Called(spec), None, compiled, None, (spec,), packed=True, keeps_errors=False)


def of_numba(batch: Batch) -> Functions:
    """Return numba functions."""
    from fuzzing.with_numba import jacobian, jacobian_by_columns, residual

    spec = _spec(batch)
    dfun = jacobian_by_columns if batch.model.transposed else jacobian
    func, called = (lambda *args, one=one: one(*args, spec) for one in (residual, dfun))
    if not batch.analytic:
        return Functions(func, None, residual, None, (spec,))
    return Functions(func, called, residual, dfun, (spec,))


def check_pointers(rng: np.random.Generator) -> Iterator[Verdict]:
    """Fit a batch by pointers, and one of its problems alone."""
    batch = draw(rng)
    batch = replace(batch, model=replace(batch.model, dtype="f8", transposed=False))
    make = (of_pointers, of_rows)[rng.integers(2)]
    batch = replace(batch, analytic=batch.analytic and make is of_pointers)
    yield from _check(rng, batch, make)
    index = tuple(int(rng.integers(length)) for length in batch.shape)
    yield alone(replace(batch, weights=None, nan_policy="propagate"), index)


def check_numba(rng: np.random.Generator) -> Iterator[Verdict]:
    """Fit a batch by numba functions."""
    batch = draw(rng)
    if find_spec("numba") is not None:
        yield from _check(rng, replace(batch, model=replace(batch.model, dtype="f8")), of_numba)


def _check(rng: np.random.Generator, batch: Batch, make: Any) -> Iterator[Verdict]:
    endings = endings_of(batch, make(batch))
    for workers in (1, 2):
        way = any_way(rng, vectorized=False, workers=workers)
        yield verdict(batch, way, make, endings)


def alone(batch: Batch, index: tuple[int, ...]) -> Verdict:
    """Solve one problem by leastsq, by a pointer and from Python."""
    functions, one = of_pointers(batch), batch.problem(index)
    a, b, kind = one.rows
    compiled = CompiledResidual(
        functions.many_func.function, batch.m, data=(a, b, np.array([float(kind)])),
        jacobian=batch.analytic,
    )  # fmt: skip
    options = batch.options | {"full_output": True}
    got, texts = outcome(lambda: leastsq(compiled, one.x0, functions.args, **options))
    want = outcome(lambda: leastsq(functions.func, one.x0, one.rows, functions.dfun, **options))
    if want[0] == BrokenError.__name__:
        same = got[-1] == -1 and "returned -3" in got[3]
    else:
        same = bits((got, texts)) == bits(want)
    text = ALONE.format(batch=batch.text(), index=index)
    return Verdict("of_pointers, one fit", same, None, text)
