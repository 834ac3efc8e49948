"""`LevenbergMarquardt`: invalid answers, several solves at once, and one shared by threads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from asking import Solve, asks, at, state
from reference import assert_same
from support import START, Array, decay

from leastsq import leastsq

pytestmark = asks


def refused(solve: Solve, points: object, values: object) -> str:
    """Tell what must raise a ValueError and change nothing; return its message."""
    before = state(solve)
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        solve.tell(points, values)
    assert state(solve) == before
    return str(caught.value)


@pytest.mark.parametrize("where", ["start", "differences", "jacobian", "trial"])
def test_shapes_that_are_wrong(where: str) -> None:
    solve = at(where)
    points = solve.ask()
    k = len(points)
    good = np.zeros((40, 3) if where == "jacobian" else (k, 40))
    for wrong in (good[0], good[:-1], good[:, 1:], good.T[:, :, None], good[None], 5.0, [], good.T):
        text = refused(solve, points, wrong)
        shape = np.shape(wrong)
        assert str(shape) in text, text
        assert "values should have the shape" in text
        assert str(good.shape) in text
    for wrong in (points[0], points[:, 1:], points[:, :, None], points[None], 3.0, []):
        text = refused(solve, wrong, good)
        assert "points should have the shape" in text
        assert str(np.shape(wrong)) in text
    solve.tell(points, good + 1.0)  # and it still works


@pytest.mark.parametrize("where", ["start", "differences", "jacobian", "trial"])
def test_points_that_were_not_asked(where: str) -> None:
    solve = at(where)
    points = solve.ask()
    good = np.zeros((40, 3) if where == "jacobian" else (len(points), 40))
    others = [np.nextafter(points, np.inf), points + np.array([0.0, 1e-3, 0.0]), points * np.nan]
    if where == "differences":
        mixed = points[[0, 1, 0]] + np.array([[0.0], [0.0], [1.0]])
        others += [solve.x + np.eye(3), np.tile(solve.x, (3, 1)), mixed]
    for wrong in others:
        text = refused(solve, wrong, good)
        assert "was not asked" in text
        first = int(text[len("points[") :].split("]")[0])
        assert repr(wrong[first].tolist()[1]).rstrip("0") in text
        assert repr(points[0].tolist()[1]).rstrip("0") in text


@pytest.mark.parametrize("where", ["start", "differences", "trial"])
def test_residuals_that_are_no_numbers(where: str) -> None:
    solve = at(where)
    points = solve.ask()
    before = state(solve)
    k = len(points)
    for wrong in (np.zeros((k, 40), complex), np.full((k, 40), "a"), np.zeros((k, 40), object),
                  np.zeros((k, 40), np.longdouble), None, [[1.0], [1.0, 2.0]]):  # fmt: skip
        with pytest.raises(TypeError, match=r"^values is not a proper array of floats"):
            solve.tell(points, wrong)
        assert state(solve) == before
    for wrong in (points.astype(complex), None, points.astype(object)):
        with pytest.raises(TypeError, match=r"^points is not a proper array of floats"):
            solve.tell(wrong, np.zeros((k, 40)))
        assert state(solve) == before


def test_points_are_shown_as_they_were_compared() -> None:
    solve = Solve([0.1, 0.2], 3)
    text = refused(solve, solve.ask().astype(np.float32), [[1.0, 2.0, 3.0]])
    assert "[0.10000000149011612, 0.20000000298023224] was not asked" in text


def test_after_the_end_nothing_is_taken() -> None:
    solve = at("end")
    assert solve.ask() is None
    assert solve.request is None
    assert "has ended" in refused(solve, [START], [decay(np.array(START))])


def test_no_points_at_all() -> None:
    solve = at("differences")
    before = state(solve)
    solve.tell(np.zeros((0, 3)), np.zeros((0, 40)))
    assert state(solve) == before


def test_values_of_other_kinds() -> None:
    solve, other = Solve(START, 40), Solve(START, 40)
    while (points := solve.ask()) is not None:
        values = np.array([np.round(decay(point), 1) for point in points])
        solve.tell(points.tolist(), values.tolist())
        strided = np.zeros((len(points), 80))
        strided[:, ::2] = values
        other.tell(np.asfortranarray(points), strided[:, ::2].astype(">f8"))
    assert_same(solve.result(), other.result())


@pytest.mark.parametrize(
    ("arguments", "options", "kind", "text"),
    [
        (([1.0, 2.0], 1), {}, TypeError, "N=2 must not exceed func output vector length M=1"),
        (([1.0], -3), {}, TypeError, "N=1 must not exceed func output vector length M=-3"),
        (([1.0], 2.0), {}, TypeError, r"^m must be an integer, not 2\.0$"),
        (([1.0], 2**31), {}, OverflowError, "m=2147483648"),
        (([1j], 2), {}, TypeError, "complex128"),
        (([], 2), {}, TypeError, r"^Improper input parameters. x0 must not be empty\.$"),
        (([], 0), {}, TypeError, "x0 must not be empty"),
        (([1.0], 2), {"ftol": -1.0}, TypeError, r"^Improper.* ftol=-1.0 must not be negative\.$"),
        (([1.0], 2), {"xtol": -1.0, "factor": 0}, TypeError, "xtol=-1.0 .* factor=0.0 must be pos"),
        (([1.0], 2), {"gtol": "a"}, TypeError, "gtol must be a number, not 'a'"),
        (([1.0], 2), {"diag": [0.0]}, TypeError, r"diag\[0\]=0.0 must be positive"),
        (([1.0], 2), {"diag": [1.0, 2.0]}, ValueError, "N=1 variables"),
        (([1.0], 2), {"maxfev": 1.5}, TypeError, "integer"),
        (([1.0], 2), {"maxfev": 2**31}, OverflowError, "maxfev=2147483648"),
        (([1.0], 2), {"epsfcn": [1.0]}, TypeError, "epsfcn must be a number"),
        (([1.0], 2, True), {}, TypeError, "positional"),
    ],
    ids=str,
)
def test_arguments_out_of_range(
    arguments: tuple, options: dict[str, object], kind: type, text: str
) -> None:
    with pytest.raises(kind, match=text):
        Solve(*arguments, **options)


def test_a_solve_beyond_memory() -> None:
    with pytest.raises(MemoryError):
        Solve(np.ones(2**20), 2**31 - 1)


def test_x0_is_copied() -> None:
    x0 = np.array(START)
    solve = Solve(x0, 40)
    x0[:] = 0.0
    assert_same(solve.ask(), np.array([START]))


# Several solves, several threads


def test_two_solves_interleaved() -> None:
    solves = [Solve(START, 40), Solve([3.0, 1.0, 1.0], 40)]
    while any(solve.request for solve in solves):
        for solve in solves:
            if (points := solve.ask()) is not None:
                solve.tell(points, [decay(point) for point in points])
    for solve, x0 in zip(solves, (START, [3.0, 1.0, 1.0]), strict=True):
        assert_same(solve.result(), leastsq(decay, x0, full_output=True))


def test_asked_in_one_thread_and_told_in_another() -> None:
    solve = Solve(START, 40)
    with ThreadPoolExecutor(1) as asker, ThreadPoolExecutor(2) as teller:
        while (points := asker.submit(solve.ask).result()) is not None:
            for point in points:
                values = teller.submit(decay, point).result()
                teller.submit(solve.tell, point[None], values[None]).result()
    assert_same(solve.result(), leastsq(decay, START, full_output=True))


class Meanwhile:
    """Values that run a function before they are read."""

    def __init__(self, values: Array, meanwhile: Callable[[], None]) -> None:
        self.values = values
        self.meanwhile = meanwhile

    def __array__(self, dtype: object = None, copy: object = None) -> Array:
        self.meanwhile()
        return self.values


def test_a_second_tell_during_the_first() -> None:
    solve = at("differences")
    points = solve.ask()
    values = np.array([decay(point) for point in points])
    refusals: list[str] = []

    def in_thread() -> None:
        thread = threading.Thread(target=lambda: refusals.append(refused(solve, points, values)))
        thread.start()
        thread.join()

    solve.tell(points, Meanwhile(values, in_thread))
    assert refusals == ["Another call of tell is under way for this solve."]
    points = solve.ask()
    assert len(points) == 1
    reentered = Meanwhile(
        decay(points[0])[None], lambda: refusals.append(refused(solve, points, values[:1]))
    )
    solve.tell(points, reentered)
    assert len(refusals) == 2


def test_a_tell_that_fails_lets_the_next_one_in() -> None:
    def fail() -> None:
        raise KeyError("from the values")

    solve = at("trial")
    points = solve.ask()
    before = state(solve)
    for _ in range(3):
        with pytest.raises(KeyError, match="from the values"):
            solve.tell(points, Meanwhile(np.zeros((1, 40)), fail))
    assert state(solve) == before
    solve.tell(points, decay(points[0])[None])


def test_arrays_that_change_while_the_others_are_read() -> None:
    solve = at("differences")
    points = solve.ask()
    told = points.copy()
    shrinks = Meanwhile(np.zeros((3, 40)), lambda: told.resize((1, 3), refcheck=False))
    assert "(1, 40)" in refused(solve, told, shrinks)
    assert_same(told, points[:1])


def test_threads_that_tell_at_once() -> None:
    """A refused thread tries again; the result is the same, to the last bit."""
    want = leastsq(decay, START, full_output=True)
    for _ in range(20):
        solve, refusals = Solve(START, 40), []
        gate = threading.Barrier(4)

        def help_out(
            solve: Solve = solve,
            gate: threading.Barrier = gate,
            refusals: list[str] = refusals,
        ) -> None:
            gate.wait()
            while (points := solve.ask()) is not None:
                for point in points:
                    try:
                        solve.tell(point[None], decay(point)[None])
                    except ValueError as error:  # told by another, or while another tells
                        refusals.append(str(error))

        threads = [threading.Thread(target=help_out) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert all("not asked" in r or "under way" in r or "ended" in r for r in refusals)
        assert_same(solve.result(), want)
