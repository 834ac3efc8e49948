"""Pickled solves: at every request, restored in other processes, refused if damaged."""

from __future__ import annotations

import copy
import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from asking import (
    answer,
    asked,
    asks,
    at,
    each_kind,
    mended,
    quiet_result,
    restored,
    state,
    wanted,
)
from mgh import RUNS
from reference import assert_same
from support import decay, run_python

from leastsq import LevenbergMarquardt

pytestmark = asks

@each_kind
@np.errstate(all="ignore")
def test_at_every_request(analytic: bool) -> None:
    """Ten runs, restored and continued at each request, and from each request to the end."""
    for run in RUNS[::5][:10]:
        solve, checkpoints = LevenbergMarquardt(run.x0, run.m, analytic=analytic), []
        while solve.request is not None:
            checkpoints.append(pickle.dumps(solve))
            answer(solve, run)
            restored = pickle.loads(pickle.dumps(solve))  # noqa: S301  (our own)
            assert state(restored) == state(solve)
            solve = restored
        want = wanted(run, analytic)
        assert_same(quiet_result(solve), want, run.name)
        for checkpoint in checkpoints[:: max(1, len(checkpoints) // 8)]:
            again = pickle.loads(checkpoint)  # noqa: S301
            while again.request is not None:
                answer(again, run)
            assert_same(quiet_result(again), want, run.name)


PROCESS = """
    import os, pickle, sys
    sys.path.insert(0, {tests!r})
    from mgh import RUNS
    run = RUNS[{index}]
    with open({path!r}, "rb") as file:
        solve = pickle.load(file)
    points = solve.ask()
    if solve.request == "jacobian":
        solve.tell(points, run.jacobian(points[0]))
    else:  # one point alone, the last one
        solve.tell(points[-1:], [run.residual(points[-1])])
    with open({path!r} + ".new", "wb") as file:
        pickle.dump(solve, file)
    os.replace({path!r} + ".new", {path!r})
    print(solve.request)
"""


@each_kind
def test_in_another_process_each_time(analytic: bool, tmp_path: Path) -> None:
    """Pass a solve from process to process, in a file that is replaced atomically."""
    index, path = 18, tmp_path / "solve.pickle"
    run = RUNS[index]
    path.write_bytes(pickle.dumps(LevenbergMarquardt(run.x0, run.m, analytic=analytic)))
    program = PROCESS.format(tests=str(Path(__file__).parent), index=index, path=str(path))
    processes = 1
    while "None" not in run_python(program).stdout:
        processes += 1
    solve = pickle.loads(path.read_bytes())  # noqa: S301
    assert processes == solve.nfev + solve.njev
    assert_same(solve.result(), wanted(run, analytic))


@pytest.mark.parametrize("where", ["start", "differences", "jacobian", "trial", "end"])
def test_copies_are_independent(where: str) -> None:
    solve = at(where)
    before = state(solve)
    for again in (copy.copy(solve), copy.deepcopy(solve)):
        assert state(again) == before
        if where != "end":
            again.tell(again.ask(), again.ask() @ np.ones((3, 40)) if where != "jacobian"
                       else np.ones((40, 3)))  # fmt: skip
            assert state(again) != before
        assert state(solve) == before


def test_told_in_part() -> None:
    """The columns given so far and the factors of the previous Jacobian are included."""
    for solve, _ in asked():
        points = solve.ask()
        if points is None or len(points) == 1:
            continue
        solve.tell(points[1:2], [decay(points[1])])
        again = pickle.loads(pickle.dumps(solve))  # noqa: S301
        assert_same(again.ask(), points[[0, 2]])
        assert_same(again.result(), solve.result())


def test_a_pickle_is_plain() -> None:
    """It names this class, NumPy's arrays and nothing else; the name is the public one."""
    names = set()

    class Unpickler(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            names.add(f"{module}.{name}")
            return super().find_class(module, name)

    solve = at("differences")
    solve.tell(solve.ask()[:1], np.ones((1, 40)))
    assert state(Unpickler(io.BytesIO(pickle.dumps(solve))).load()) == state(solve)
    assert "leastsq.LevenbergMarquardt" in names
    modules = {name.partition(".")[0] for name in names}
    assert modules <= {"leastsq", "numpy", "copyreg", "_codecs"}


# Damaged states. Every part of the state is changed, with the old checksum and with a correct one.


def in_parts() -> LevenbergMarquardt:
    """Return a solve that uses every part of the state."""
    solve = at("trial")
    while solve.ask() is None or len(solve.ask()) == 1:
        solve.tell(solve.ask(), [decay(solve.ask()[0])])
    solve.tell(solve.ask()[:1], [decay(solve.ask()[0])])
    return solve


def test_a_mended_state_is_taken() -> None:
    solve = in_parts()
    assert state(restored(mended(solve.__getstate__()))) == state(solve)


@pytest.mark.parametrize("version", [0, 2, None, "1", 1.5])
def test_another_version(version: object) -> None:
    with pytest.raises(ValueError, match=f"version {version!r}; this leastsq knows 1"):
        restored(in_parts().__getstate__() | {"version": version})


@pytest.mark.parametrize("wrong", [None, 5, [], {}, "text", (1, 2), {"version": 1}], ids=repr)
def test_what_is_no_state(wrong: object) -> None:
    with pytest.raises(ValueError, match="no solve, or a damaged one"):
        restored(wrong)


def test_a_state_with_a_part_missing_or_of_another_kind() -> None:
    whole = in_parts().__getstate__()
    for name in whole:
        with pytest.raises(ValueError, match="no solve"):
            restored({key: value for key, value in whole.items() if key != name})
    for name in ("block", "factors", "tolerances"):
        array = whole[name]
        others = [7, array.tobytes(), array.tolist(), array.astype(complex), array[:-1],
                  array[..., None].astype(object), np.flip(array)]  # fmt: skip
        for other in others:
            with pytest.raises(ValueError, match=r"no solve|damaged"):
                restored(whole | {name: other})
    block, factors = whole["block"], whole["factors"]
    one = whole["tolerances"][:1].copy()
    for change in ({"maxfev": "x"}, {"analytic": 1}, {"tolerances": one}):
        with pytest.raises(ValueError, match="no solve"):
            restored(mended(whole | change))
    changes = [
        {"block": block[:-1]}, {"block": block[:100]}, {"block": block[:0]}, {"block": block[::-1]},
        {"block": np.append(block, block)}, {"factors": None}, {"factors": factors[:-1]},
        {"factors": factors.T}, {"factors": factors[0]},
    ]  # fmt: skip
    for change in changes:
        contiguous = {k: v if v is None else v.copy() for k, v in change.items()}
        with pytest.raises(ValueError, match="damaged"):
            restored(mended(whole | contiguous))


def test_a_bit_that_has_flipped() -> None:
    whole = in_parts().__getstate__()
    for byte in range(0, whole["block"].size, 7):
        block = whole["block"].copy()
        block[byte] ^= 1 << (byte % 8)
        with pytest.raises(ValueError, match="damaged"):
            restored(whole | {"block": block})


HEADER = 38
"""Places of four bytes before the arrays of a block; the permutation is near its end."""
VERSION, M, N, COLUMNS, FTOL, FACTOR, MAXFEV = 0, 2, 3, 4, 7, 15, 16
KIND, REQUEST, INFO, NFEV, NJEV, ITERATION = 18, 20, 21, 22, 23, 24
IPVT, GIVEN = -6, -3


def spoilt(solve: LevenbergMarquardt, place: int, value: int) -> dict[str, Any]:
    """Return the state with four bytes changed, and its checksum recomputed."""
    whole = solve.__getstate__()
    ints = whole["block"].view(np.int32).copy()
    assert ints[place] != value
    ints[place] = value
    return mended(whole | {"block": ints.view(np.uint8)})


@pytest.mark.parametrize(
    ("where", "place", "value"),
    [
        *[("trial", place, value) for place, value in [
            (VERSION, 1), (M, 39), (N, 2), (COLUMNS, 1), (FTOL, -(2**31)), (FACTOR, 0), (MAXFEV, 0),
            (KIND, 1), (KIND, 0), (REQUEST, 2), (REQUEST, 5), (REQUEST, -1), (REQUEST, 0),
            (INFO, 1), (NFEV, -1), (NFEV, 0), (NFEV, 2**31 - 1), (NJEV, -1), (NJEV, 2**31 - 1),
            (ITERATION, 0), (ITERATION, 2**31 - 1), (IPVT, 0), (IPVT, 4), (IPVT, -1),
            (GIVEN, 1),
        ]],
        ("start", IPVT, 1), ("start", IPVT, 7), ("start", INFO, 1),
        ("differences", COLUMNS, 1), ("differences", GIVEN, 1), ("differences", GIVEN, 2),
        ("jacobian", REQUEST, 3), ("jacobian", COLUMNS, 1),
        ("end", REQUEST, 1), ("end", INFO, 0), ("end", INFO, 9), ("end", INFO, -1),
        ("end", COLUMNS, 3), ("start", NFEV, 1),
        ("in parts", COLUMNS, 0), ("in parts", COLUMNS, 2), ("in parts", GIVEN, 0),
        ("in parts", GIVEN + 1, 1), ("in parts", REQUEST, 4),
    ],
)  # fmt: skip
def test_a_block_that_no_solve_has_left(where: str, place: int, value: int) -> None:
    solve = in_parts() if where == "in parts" else at(where)
    with pytest.raises(ValueError, match="damaged"):
        restored(spoilt(solve, place, value))


@pytest.mark.parametrize("where", ["start", "trial", "differences", "jacobian", "end", "in parts"])
def test_whatever_is_taken_can_be_gone_on_with(where: str) -> None:
    solve = in_parts() if where == "in parts" else at(where)
    size = solve.__getstate__()["block"].size // 4
    taken = 0
    for place in (*range(HEADER), *range(size - 6, size)):
        for value in (-(2**31), -1, 0, 1, 2, 3, 4, 5, 40, 41, 2**31 - 1):
            try:
                other = restored(spoilt(solve, place, value))
            except (AssertionError, ValueError):
                continue
            taken += 1
            with np.errstate(all="ignore"):
                for _ in range(3):
                    repr(other), other.x, other.fvec
                    if (points := other.ask()) is None:
                        break
                    ones = np.ones((40, 3) if other.request == "jacobian" else (len(points), 40))
                    other.tell(points, ones)
    assert taken > 100
