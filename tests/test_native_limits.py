"""The native APIs at their limits: stack, leading dimensions, alignment, sizes."""

from __future__ import annotations

import ctypes
import mmap
import platform
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import reference
from programs import build, config, run
from random_problems import Problem
from reference import (
    FENCE,
    FILL,
    CLibrary,
    Fenced,
    FloatArray,
    IntArray,
    Library,
    Settings,
    assert_same,
    bundled,
)

import leastsq

own = pytest.mark.skipif(not bundled(), reason="the system build's core is the system's library")

INT_MAX = 2**31 - 1
STACK = Path(__file__).parent / "native_api" / "stack.c"


# Stack


@own
@pytest.mark.parametrize("simd", ["", "baseline"])
def test_stack_is_as_documented(simd: str, tmp_path: Path) -> None:
    header = Path(leastsq.get_include(), "leastsq.h").read_text("utf-8")
    documented = re.search(r"at most (\d+) kB\s*\*?\s*from the stack", header)
    assert documented is not None
    flags = ["-std=c99", "-Wl,-z,now", *config("--cflags", "--libs"), "-lpthread"]
    output = run(build(tmp_path, STACK, *flags), environment={"LEASTSQ_SIMD": simd})
    used = {line.rpartition(" ")[0]: int(line.split()[-1]) for line in output.splitlines()}
    deepest = max(used, key=lambda name: used[name])
    assert used[deepest] <= 1000 * int(documented[1]), deepest
    assert used["qrsolv 17 17"] > 8 * 3840  # what it is known to take: the measure works
    assert used["enorm 1 1"] < 2000


# Leading dimensions


class Matrix(NamedTuple):
    """A matrix in memory that a library is given the address of."""

    array: FloatArray
    address: ctypes.c_void_p
    ld: int


def dense(values: FloatArray) -> Matrix:
    array = np.array(values, order="F")
    return Matrix(array, ctypes.c_void_p(array.ctypes.data), array.shape[0])


def stretched(values: FloatArray) -> Matrix:
    """Put columns 16 GB apart; only the pages that are touched take memory."""
    m, n = values.shape
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | getattr(mmap, "MAP_NORESERVE", 0x4000)
    try:
        memory = mmap.mmap(-1, 8 * (INT_MAX * (n - 1) + m), flags=flags)
    except OSError as error:
        pytest.skip(f"no address space: {error}")
    array: FloatArray = np.ndarray((m, n), np.float64, memory, strides=(8, 8 * INT_MAX))
    array[:] = values
    return Matrix(array, ctypes.c_void_p(array.ctypes.data), INT_MAX)


def blocks(library: Library, make: Any) -> Iterator[tuple[Any, ...]]:
    """Yield what the routines with one matrix write, the matrix being made by a function."""
    rng = np.random.default_rng(2147)
    m, n = 5, 3
    ipvt, work = np.zeros(n, np.intc), np.zeros((4, n))
    values, (qtb, diag) = rng.standard_normal((m, n)), rng.standard_normal((2, n))
    a = make(values)
    library._call("qrfac", m, n, a.address, a.ld, True, ipvt, n, *work[:3])
    yield a.array.copy(), ipvt.copy(), work[:2].copy()
    triangle = np.triu(values[:n]) + 0.0
    for name in ("qrsolv", "lmpar", "covar"):
        r, par = make(triangle), np.zeros(1)
        if name == "qrsolv":
            library._call(name, n, r.address, r.ld, ipvt, diag, qtb, *work[:3])
        elif name == "lmpar":
            arrays = (r.address, r.ld, ipvt, abs(diag), qtb, 1e-2, par)
            library._call(name, n, *arrays, *work)
        elif bundled() or isinstance(library, CLibrary):
            library._call(name, n, r.address, r.ld, ipvt, 0.0, work[0])
        yield name, r.array.copy(), work[:2].copy(), par
    err, fjac = np.zeros(m), make(values)
    arrays = (qtb, values[:, 0].copy(), fjac.address, fjac.ld, work[0], values[:, 1].copy())
    library._call("chkder", m, n, *arrays, 2, err)
    yield "chkder", err


def solve(library: Library, routine: str, make: Any) -> tuple[Any, ...]:
    """Return the outputs of a solve, or of fdjac2, with a Jacobian made by a function."""
    case = Problem(1)
    m, n, x, fvec = case.m, case.n, case.x0.copy(), np.full(case.m, FILL)
    fjac, ipvt = make(np.full((m, n), FILL)), np.zeros(n, np.intc)
    nfev, njev = np.zeros((2, 1), np.intc)
    diag, qtf, *work = np.zeros((5, n))
    fcn = library._callback(case, routine.startswith("lmder"))
    matrix, tail = (fjac.address, fjac.ld), (ipvt, qtf, *work, np.zeros(m))
    options = (1e-8, 1e-8, 0.0, 100)
    if routine == "lmdif":
        head = (m, n, x, fvec, *options, 1e-12, diag, 1, 100.0, 0)
        info = library._solve(routine, fcn, head, (nfev, *matrix, *tail))
    elif routine == "lmder":
        head = (m, n, x, fvec, *matrix, *options, diag, 1, 100.0, 0)
        info = library._solve(routine, fcn, head, (nfev, njev, *tail))
    else:
        head, size = (m, n, x, fvec, *matrix, 1e-8), 5 * n + m
        info = library._solve(routine, fcn, head, (ipvt, np.zeros(size), size))
    library._reraise()
    return info, nfev, njev, x, fvec, fjac.array.copy(), ipvt, qtf


def test_leading_dimension_of_int_max(native_api: Library) -> None:
    for near, far in zip(blocks(native_api, dense), blocks(native_api, stretched), strict=True):
        assert_same(far, near)
    for routine in ("lmdif", "lmder", "lmder1"):
        assert_same(solve(native_api, routine, stretched), solve(native_api, routine, dense))


# Alignment


class Misaligned(Fenced):
    """Reals at addresses that are no multiple of eight."""

    shift = 0

    def __init__(self, array: Any) -> None:
        super().__init__(array)
        size, shift = self.memory.nbytes, self.shift if array.dtype.kind == "f" else 0
        self.bytes = np.zeros(size + 8, np.uint8)[shift : shift + size]
        self.bytes[:] = self.memory.view(np.uint8)
        self.address = self.bytes.ctypes.data + FENCE * array.itemsize

    def copy_back(self) -> None:
        self.memory.view(np.uint8)[:] = self.bytes
        super().copy_back()


def some_results(library: Library) -> list[Any]:
    """Return results of building blocks of many sizes, and of solves."""
    rng = np.random.default_rng(8)
    results: list[Any] = []
    for m, n in ((1, 1), (3, 2), (7, 5), (20, 9), (33, 17), (70, 40), (1030, 3)):
        a, r = rng.standard_normal((m, n)), np.triu(rng.standard_normal((n, n)))
        order, (diag, qtb) = (rng.permutation(n) + 1).astype(np.intc), rng.standard_normal((2, n))
        results += library.qrfac(a), library.enorm(a[:, 0]), library.qrsolv(r, order, diag, qtb)
        results += library.lmpar(r, order, abs(diag), qtb, 0.1), library.chkder1(qtb)
    for seed in range(20):
        case = Problem(seed)
        for routine in (library.lmdif, library.lmder):
            results.append(routine(case, case.x0, case.m, case.settings))
    return results


@own
@pytest.mark.skipif(platform.machine() != "x86_64", reason="others may refuse such addresses")
def test_misaligned_arrays(
    native_api: Library, instruction_sets: Iterator[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    want = some_results(native_api)
    monkeypatch.setattr(reference, "Fenced", Misaligned)
    for name in instruction_sets:
        for shift in (1, 4):
            monkeypatch.setattr(Misaligned, "shift", shift)
            assert_same(some_results(native_api), want, (name, shift))


# Large orders: 480 is the last that qrsolv takes eight rows of D at a time for, 3840 the last for
# which qrfac overlaps its passes, and for which qrsolv has a row of D on the stack.


def bordered(n: int, rng: np.random.Generator) -> tuple[FloatArray, IntArray]:
    """Return a permutation, and R that is diagonal but for its last columns."""
    r = np.zeros((n, n), order="F")
    r[np.arange(n), np.arange(n)] = 1.0 + rng.random(n)
    for j in range(max(n - 8, 0), n):
        r[:j, j] = rng.standard_normal(j)
    return r, (rng.permutation(n) + 1).astype(np.intc)


@pytest.mark.parametrize("n", [480, 481, 513, 3840, 3841, 4097])
def test_qrfac_of_many_columns(n: int, native_api: Library, original: Library) -> None:
    a = np.random.default_rng(n).standard_normal((6, n))
    a[:, :: n // 5] = 0.0
    for pivot in (False, True):
        assert_same(native_api.qrfac(a, pivot, 1), original.qrfac(a, pivot, 1))


@pytest.mark.parametrize("n", [480, 481, 513])
def test_large_orders(n: int, native_api: Library, original: Library, cminpack: CLibrary) -> None:
    rng = np.random.default_rng(n)
    r, order = bordered(n, rng)
    r[:, n // 2] = np.triu(rng.standard_normal((n, n)))[:, n // 2]
    diag, qtb = rng.standard_normal((2, n))
    for arguments in ((diag * (rng.random(n) < 0.5), qtb), (diag, qtb)):
        assert_same(native_api.qrsolv(r, order, *arguments), original.qrsolv(r, order, *arguments))
    arguments = (r, order, abs(diag) + 0.01, qtb, 0.1)
    assert_same(native_api.lmpar(*arguments), original.lmpar(*arguments))
    if bundled() or isinstance(native_api, CLibrary):
        assert_same(native_api.covar(r, order, 0.0), cminpack.covar(r, order, 0.0))


def test_qrsolv_beyond_the_stack(native_library: ctypes.CDLL, original: Library) -> None:
    """A row of D has no place on the stack."""
    n, rng = 4097, np.random.default_rng(4097)
    r, order = bordered(n, rng)
    diag, qtb = rng.standard_normal((2, n))
    diag[rng.random(n) < 0.9] = 0.0
    results = []
    for library in (CLibrary(native_library, "leastsq_{}"), original):
        s, work = dense(r), np.zeros((3, n))
        library._call("qrsolv", n, s.address, n, order, diag, qtb, *work)
        results.append((s.array, work[:2]))
    assert_same(results[0][1], results[1][1])
    assert np.array_equal(results[0][0], results[1][0])


def tridiagonal(x: FloatArray) -> FloatArray:
    """Broyden's tridiagonal function."""
    f: FloatArray = (3.0 - 2.0 * x) * x + 1.0
    f[1:] -= x[:-1]
    f[:-1] -= 2.0 * x[1:]
    return f


def test_solve_of_many_variables(native_api: Library, original: Library) -> None:
    n = 513
    x0, use = np.full(n, -1.0), Settings(maxfev=2 * n + 4)

    def evaluate(iflag: int, x: FloatArray, fvec: FloatArray, fjac: None) -> int:
        fvec[:] = tridiagonal(x)
        return 0

    want = original.lmdif(evaluate, x0, n, use)
    assert want.nfev > n + 1
    assert_same(native_api.lmdif(evaluate, x0, n, use), want)
    options = {"ftol": use.ftol, "xtol": use.xtol, "epsfcn": use.epsfcn, "maxfev": use.maxfev}
    x, _, info, _, ier = leastsq.leastsq(tridiagonal, x0, full_output=True, **options)
    assert_same((ier, info["nfev"], x, info["qtf"]), (want.info, want.nfev, want.x, want.qtf))
