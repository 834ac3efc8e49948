"""Reverse communication in a block of memory: the bits of lmdif and lmder, and its errors."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import pytest
from mgh import RUNS
from random_problems import Problem
from reference import CLibrary, FloatArray, Settings, assert_same, bits, bundled
from reverse import DIFFERENCES, JACOBIAN, NOTHING, REFUSED, RESIDUAL, InOrder, Reverse, Solve, View

from leastsq import _minpack

asks = pytest.mark.skipif(not bundled(), reason="the system build has no solve that asks")
each_routine = pytest.mark.parametrize("routine", ["lmdif", "lmder"])

USE = Settings(maxfev=200)


@pytest.fixture(scope="module")
def callbacks(native_library: ctypes.CDLL) -> CLibrary:
    """Open the C API, whose lmdif and lmder call the residual."""
    return CLibrary(native_library, "leastsq_{}")


@asks
@each_routine
@np.errstate(all="ignore")
def test_all_mgh_runs(native_library: ctypes.CDLL, callbacks: CLibrary, routine: str) -> None:
    """The block is moved at every request, and columns are given in random order."""
    asking, same = Reverse(native_library), 0
    for run in RUNS:
        got, want = (
            getattr(library, routine)(run.evaluate, run.x0, run.m, Settings())
            for library in (asking, callbacks)
        )
        assert_same(got, want, run.name)
        same += 1
    assert same == 53


@asks
@each_routine
@pytest.mark.parametrize("nprint", [0, 1, 2])
@np.errstate(all="ignore")
def test_refusals_and_reports(
    native_library: ctypes.CDLL, callbacks: CLibrary, routine: str, nprint: int
) -> None:
    """Whatever is refused, results, counts and all points are those of the callback drivers.

    Only x differs: theirs keeps the step of the column at which the difference Jacobian stopped.
    """
    for seed in (1, 2, 3, 5, 6):
        total = 0
        for stop_at in range(61):
            ours, theirs = Problem(seed, stop_at), Problem(seed, stop_at)
            use = ours.settings.replace(nprint=nprint)
            got = getattr(InOrder(native_library), routine)(ours, ours.x0, ours.m, use)
            want = getattr(callbacks, routine)(theirs, theirs.x0, theirs.m, use)
            shown = -1 if nprint and got.info < 0 else None  # x at the end
            assert ours.calls[:shown] == theirs.calls[:shown]
            assert len(ours.calls) == len(theirs.calls)
            changed = sum(a != b for a, b in zip(got.x.tolist(), want.x.tolist(), strict=True))
            assert changed <= (routine == "lmdif" and got.info < 0)
            assert_same(got._replace(x=want.x), want, (routine, seed, stop_at))
            if stop_at == 0:
                total = len(ours.calls)
            if stop_at == total:
                break


@asks
@np.errstate(all="ignore")
def test_every_checkpoint_leads_to_the_same_end(native_library: ctypes.CDLL) -> None:
    run = next(run for run in RUNS if run.number == 8)

    def step(solve: Solve) -> None:
        view = solve.view()
        if view.request == RESIDUAL:
            view.vector("residual", run.m)[:] = run.residual(view.vector("point", run.n).copy())
        for j in range(run.n) if view.request == DIFFERENCES else ():
            point = solve.difference_point(j, run.n)
            assert solve.give_column(j, run.residual(point)) == 0
        solve.resume()

    solve, checkpoints = Solve(native_library, run.m, run.n), []
    solve.start(run.x0, run.m, USE, analytic=False)
    while solve.view().request != NOTHING:
        checkpoints.append(solve.block.tobytes())
        step(solve)
    assert len(checkpoints) > 10
    for checkpoint in checkpoints:
        again = Solve(native_library, run.m, run.n)
        again.block = np.frombuffer(checkpoint).copy()
        while again.view().request != NOTHING:
            step(again)
        assert again.block.tobytes() == solve.block.tobytes()


def line(x: FloatArray) -> FloatArray:
    """Residuals of a straight line through three points."""
    return np.array([x[0] - 1.0, x[0] + x[1] - 2.5, x[0] + 2.0 * x[1] - 3.0])


def at_differences(native_library: ctypes.CDLL) -> Solve:
    """Return a solve that requests its first difference Jacobian."""
    solve = Solve(native_library, 3, 2)
    assert solve.start(np.zeros(2), 3, USE, analytic=False) == RESIDUAL
    assert solve.view().missing == 0
    solve.view().vector("residual", 3)[:] = line(np.zeros(2))
    assert solve.resume() == DIFFERENCES
    return solve


@asks
def test_columns_are_counted_once(native_library: ctypes.CDLL) -> None:
    solve = at_differences(native_library)
    wrong, right = np.full(3, 7.0), line(solve.difference_point(1, 2))
    for values, missing in ((wrong, 1), (wrong, 1), (right, 1)):
        assert solve.give_column(1, values) == 0
        assert solve.view().missing == missing
        given = (ctypes.c_int * 2).from_address(solve.view().given)
        assert list(given) == [0, 1]
        before = solve.block.tobytes()
        assert solve.resume() == DIFFERENCES
        assert solve.block.tobytes() == before
    assert solve.give_column(0, line(solve.difference_point(0, 2))) == 0
    assert solve.view().missing == 0
    np.testing.assert_allclose(solve.view().matrix(), [[1, 0], [1, 1], [1, 2]], atol=1e-7)
    assert list(given) == [1, 1]
    assert solve.resume() == RESIDUAL
    assert list(given) == [0, 0]
    assert solve.view().nfev == 3


@asks
@pytest.mark.parametrize("j", [-1, 2, 2**31 - 1, -(2**31)])
def test_columns_that_there_are_not(native_library: ctypes.CDLL, j: int) -> None:
    solve = at_differences(native_library)
    before = solve.block.tobytes()
    point = np.full(2, 5.0)
    address = ctypes.c_void_p(point.ctypes.data)
    assert native_library.leastsq_difference_point(solve.address, j, address) == REFUSED
    assert solve.give_column(j, np.zeros(3)) == REFUSED
    assert solve.block.tobytes() == before
    assert point.tolist() == [5.0, 5.0]


@asks
def test_columns_that_are_not_wanted(native_library: ctypes.CDLL) -> None:
    solve = Solve(native_library, 3, 2)
    assert solve.start(np.zeros(2), 3, USE, analytic=True) == RESIDUAL
    assert solve.give_column(0, np.zeros(3)) == REFUSED
    solve.view().vector("residual", 3)[:] = line(np.zeros(2))
    assert solve.resume() == JACOBIAN
    assert solve.give_column(0, np.zeros(3)) == REFUSED
    assert solve.resume(-7) == NOTHING
    assert solve.give_column(0, np.zeros(3)) == REFUSED
    assert (solve.view().info, solve.view().nfev, solve.view().njev) == (-7, 1, 1)


@asks
def test_diag_is_read_in_mode_2_alone(native_library: ctypes.CDLL) -> None:
    diag, start = np.array([np.nan, -3.0]), np.zeros(2)
    scalars = [ctypes.c_double(value) for value in (1e-8, 1e-8, 0.0)]
    addresses = [ctypes.c_void_p(array.ctypes.data) for array in (start, diag)]
    solve = Solve(native_library, 3, 2)
    for mode, request in ((1, RESIDUAL), (2, NOTHING), (0, RESIDUAL)):
        started = native_library.leastsq_start(
            solve.address, 3, 2, addresses[0], *scalars, 200, ctypes.c_double(0.0), addresses[1],
            mode, ctypes.c_double(100.0), 1,
        )  # fmt: skip
        assert started == request
        shown = solve.view().vector("diag", 2).tolist()
        assert_same(shown, diag.tolist() if mode == 2 else [0.0, 0.0])
    assert_same(diag, np.array([np.nan, -3.0]))


@asks
def test_a_block_has_no_undefined_bytes(native_library: ctypes.CDLL) -> None:
    blocks = []
    for stale in (7.0, -1e300):
        solve = Solve(native_library, 4, 3)
        solve.block[:] = stale
        solve.start(np.ones(3), 4, USE, analytic=False)
        blocks.append(solve.block.tobytes())
    assert blocks[0] == blocks[1]


@asks
def test_after_the_end_nothing_changes(native_library: ctypes.CDLL) -> None:
    solve = at_differences(native_library)
    assert solve.resume(-3) == NOTHING
    before = solve.block.tobytes()
    assert [solve.resume(flag) for flag in (0, -1)] == [NOTHING, NOTHING]
    assert solve.block.tobytes() == before
    assert (solve.view().info, solve.view().nfev) == (-3, 3)


@asks
@pytest.mark.parametrize(
    "change",
    [{"ftol": -1.0}, {"xtol": -1.0}, {"gtol": -1.0}, {"maxfev": 0}, {"factor": 0.0},
     {"diag": (1.0, 0.0)}],
    ids=str,
)  # fmt: skip
def test_arguments_out_of_range(native_library: ctypes.CDLL, change: dict[str, Any]) -> None:
    solve = Solve(native_library, 3, 2)
    assert solve.start(np.zeros(2), 3, USE.replace(**change), analytic=True) == NOTHING
    assert (solve.view().info, solve.view().nfev) == (0, 0)


@asks
def test_sizes(native_library: ctypes.CDLL) -> None:
    largest = 2**31 - 1
    for m, n in ((0, 0), (2, 0), (-1, -1), (1, 2), (largest, largest), (largest, 2**30)):
        assert Solve(native_library, m, n).size == 0
        block = Solve(native_library, 3, 2)
        before = block.block.tobytes()
        if n <= 2:
            assert block.start(np.zeros(max(n, 0)), m, USE, analytic=False) == REFUSED
        assert block.block.tobytes() == before
    for m, n in ((1, 1), (7, 3), (1000, 40), (largest, 20)):
        native_library.leastsq_workspace_size.restype = ctypes.c_size_t
        assert native_library.leastsq_workspace_size(m, n) == 8 * (m * n + 2 * m + 7 * n + 19)


@asks
def test_what_is_no_block_is_refused(native_library: ctypes.CDLL) -> None:
    solve = at_differences(native_library)
    solve.block[0] = np.nextafter(solve.block[0], 1.0)  # another version
    for block in (solve.block, np.zeros_like(solve.block)):
        solve.block, view = block, View(request=99)
        before = block.tobytes()
        assert solve.resume() == REFUSED
        assert native_library.leastsq_inspect(solve.address, ctypes.byref(view)) == REFUSED
        assert native_library.leastsq_difference_point(solve.address, 0, solve.address) == REFUSED
        assert solve.give_column(0, np.zeros(3)) == REFUSED
        assert (view.request, block.tobytes()) == (99, before)


@asks
def test_two_solves_side_by_side(native_library: ctypes.CDLL) -> None:
    ends = []
    for together in (1, 2):
        solves = [at_differences(native_library) for _ in range(together)]
        for solve in solves:
            for j in (1, 0):
                solve.give_column(j, line(solve.difference_point(j, 2)))
        for solve in solves:
            solve.resume()
        ends += [bits(solve.block) for solve in solves]
    assert len(set(ends)) == 1


def test_function_table() -> None:
    """Members are only appended; those of reverse communication are NULL in the system build."""
    get = ctypes.pythonapi.PyCapsule_GetPointer
    get.restype, get.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    address = get(_minpack._C_API, b"leastsq._minpack._C_API")  # type: ignore[attr-defined]
    table = (ctypes.c_void_p * 19).from_address(address)
    assert ctypes.c_int.from_address(address).value == 2
    assert all(table[1:13])
    assert [bool(member) for member in table[13:]] == [bundled()] * 6
