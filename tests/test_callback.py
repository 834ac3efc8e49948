"""callback=: calls after accepted steps, SciPy's two conventions, and termination."""

from __future__ import annotations

import gc
import inspect
import sys
import weakref

import numpy as np
import pytest
from asking import asks, each_kind
from mgh import RUNS, Run
from reference import assert_same
from support import (
    START,
    Array,
    CustomError,
    Recorded,
    decay,
    decay_jacobian,
    scipy_leastsq,
)

from leastsq import IntermediateResult, LevenbergMarquardt, leastsq

STOPPED = "`callback` raised `StopIteration`."


class Steps:
    """A callback that records its arguments, and may raise at a step, counted from 1."""

    def __init__(self, raise_at: int = 0, error: BaseException | None = None) -> None:
        self.seen: list[IntermediateResult] = []
        self.raise_at = raise_at
        self.error = error

    def __call__(self, intermediate_result: IntermediateResult) -> None:
        self.seen.append(intermediate_result)
        if self.error is not None and len(self.seen) == self.raise_at:
            raise self.error


def steps_of(run: Run, analytic: bool) -> list[tuple[Array, Array | None, int]]:
    """Return x, fvec and nfev after each step, by reverse communication."""
    solve, steps = LevenbergMarquardt(run.x0, run.m, analytic=analytic), []
    while (points := solve.ask()) is not None:
        nit = solve.nit
        if solve.request == "jacobian":
            solve.tell(points, run.jacobian(points[0]))
        else:
            solve.tell(points, [run.residual(point) for point in points])
        if solve.nit > nit:
            steps.append((solve.x, solve.fvec, solve.nfev))
    return steps


@asks
@each_kind
@np.errstate(all="ignore")
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_every_step_of_all_mgh_runs(analytic: bool) -> None:
    total = 0
    for run in RUNS:
        options = {"Dfun": run.jacobian if analytic else None, "full_output": True}
        callback = Steps()
        got = leastsq(run.residual, run.x0, callback=callback, **options)
        assert_same(got, leastsq(run.residual, run.x0, **options), run.name)
        shown = [(step.x, step.fun, step.nfev) for step in callback.seen]
        assert_same(shown, steps_of(run, analytic), run.name)
        assert [step.nit for step in callback.seen] == list(range(1, len(shown) + 1))
        total += len(shown)
    assert total > 500


@asks
def test_steps_are_where_jacobians_are_made() -> None:
    """The steps lead to the points at which Dfun is called, and to the solution."""
    jacobian, callback = Recorded(decay_jacobian), Steps()
    x, _ = leastsq(decay, START, Dfun=jacobian, callback=callback)
    assert_same([step.x for step in callback.seen], [*jacobian.xs[1:], x])
    for step in callback.seen:
        residual = decay(step.x)
        assert_same(step.fun, residual)
        assert step.cost == pytest.approx(0.5 * (residual @ residual), rel=1e-15)


@asks
def test_nfev_is_the_calls_so_far() -> None:
    func, seen = Recorded(decay), []

    def look(intermediate_result: IntermediateResult) -> None:
        seen.append((intermediate_result.nfev, func.calls))

    leastsq(func, START, callback=look)
    assert len(seen) > 3
    assert all(nfev == calls for nfev, calls in seen)


@asks
def test_scipys_points() -> None:
    """The steps are SciPy's, inferred from the points at which it evaluates."""
    func, callback = Recorded(decay), Steps()
    scipy_leastsq()(func, START)
    leastsq(decay, START, callback=callback)
    assert len(callback.seen) > 3
    evaluated = {x.tobytes() for x in func.xs}
    assert all(step.x.tobytes() in evaluated for step in callback.seen)


# Which of the conventions


@asks
def test_the_object_goes_to_a_sole_parameter_of_that_name() -> None:
    got: list[object] = []

    def plain(intermediate_result):  # noqa: ANN001, ANN202
        got.append(intermediate_result)

    def positional(intermediate_result, /):  # noqa: ANN001, ANN202
        got.append(intermediate_result)

    def keyword(*, intermediate_result):  # noqa: ANN001, ANN202
        got.append(intermediate_result)

    class Method:
        def report(self, intermediate_result):  # noqa: ANN001, ANN202
            got.append(intermediate_result)

    lambdas = lambda intermediate_result: got.append(intermediate_result)  # noqa: E731
    for callback in (plain, positional, keyword, Method().report, lambdas, Steps()):
        got.clear()
        leastsq(decay, START, callback=callback)
        got += getattr(callback, "seen", [])
        assert got
        assert all(type(item) is IntermediateResult for item in got)


@asks
def test_everything_else_gets_x_alone() -> None:
    got: list[object] = []

    def named(x):  # noqa: ANN001, ANN202
        got.append(x)

    def with_more(intermediate_result, other=None):  # noqa: ANN001, ANN202
        assert other is None
        got.append(intermediate_result)

    def many(*intermediate_result):  # noqa: ANN002, ANN202
        got.append(*intermediate_result)

    for callback in (named, with_more, many, got.append, lambda x, y=1: got.append(x)):
        got.clear()
        x, _ = leastsq(decay, START, callback=callback)
        assert all(type(item) is np.ndarray and item.shape == (3,) for item in got)
        assert_same(got[-1], x)


@asks
def test_a_callable_without_a_signature() -> None:
    with pytest.raises(ValueError, match="no signature"):
        inspect.signature(max)
    want = leastsq(decay, START, full_output=True)
    assert_same(leastsq(decay, START, callback=max, full_output=True), want)


@asks
def test_a_signature_that_cannot_be_read_is_no_error() -> None:
    class Strange:
        __signature__ = property(lambda self: {}["nothing"])

        def __call__(self, *given: object) -> None:
            assert len(given) == 1

    leastsq(decay, START, callback=Strange())


@asks
def test_annotations_that_only_a_type_checker_knows() -> None:
    seen: list[object] = []
    names = {"seen": seen}
    unknown = "OptimizeResult" if sys.version_info >= (3, 14) else "'OptimizeResult'"
    look = f"def look(intermediate_result: {unknown}): seen.append(intermediate_result)"
    exec(look, names)  # noqa: S102
    leastsq(decay, START, callback=names["look"])
    assert all(type(item) is IntermediateResult for item in seen)
    assert seen


@asks
def test_what_is_shown_is_the_callbacks_own() -> None:
    def spoil(intermediate_result: IntermediateResult) -> None:
        for array in (intermediate_result.x, intermediate_result.fun):
            assert array.flags.owndata
            assert array.flags.writeable
            array[:] = np.nan

    def spoil_x(x: Array) -> None:
        x[:] = np.nan

    want = leastsq(decay, START, full_output=True)
    for callback in (spoil, spoil_x):
        assert_same(leastsq(decay, START, callback=callback, full_output=True), want)


# The end


@asks
@each_kind
@pytest.mark.parametrize("which", ["first", "second", "last"])
def test_stop_iteration(which: str, analytic: bool) -> None:
    func, jacobian = Recorded(decay), Recorded(decay_jacobian)
    dfun = jacobian if analytic else None
    everything = Steps()
    leastsq(decay, START, Dfun=decay_jacobian if analytic else None, callback=everything)
    last = len(everything.seen)
    at = {"first": 1, "second": 2, "last": last}[which]
    callback = Steps(at, StopIteration("enough"))
    x, cov_x, infodict, message, ier = leastsq(
        func, START, Dfun=dfun, full_output=True, callback=callback
    )
    assert (ier, message) == (-2, STOPPED)
    step = everything.seen[at - 1]
    assert_same((x, infodict["fvec"], infodict["nfev"]), (step.x, step.fun, step.nfev))
    assert infodict["nfev"] == func.calls
    assert infodict.get("njev", 0) == jacobian.calls
    # R, and the covariance with it, are of the last Jacobian, which is that of the step before.
    before = np.array(START) if at == 1 else everything.seen[at - 2].x
    r = np.triu(infodict["fjac"].T[:3])
    j = decay_jacobian(before)[:, infodict["ipvt"]]
    np.testing.assert_allclose(r.T @ r, j.T @ j, rtol=1e-6)
    j = decay_jacobian(before)
    np.testing.assert_allclose(cov_x, np.linalg.inv(j.T @ j), rtol=1e-5)
    assert leastsq(decay, START, Dfun=dfun, callback=Steps(at, StopIteration()))[1] == -2


@asks
def test_stop_iteration_before_any_stop_test() -> None:
    """The step that would have converged is reported; the callback's termination prevails."""
    for options in ({"maxfev": 5}, {"ftol": 0.9, "xtol": 0.9}):
        callback = Steps(1, StopIteration())
        assert leastsq(decay, START, callback=callback, **options)[1] == -2
    assert leastsq(decay, START, callback=Steps(), ftol=0.9, xtol=0.9)[1] == 2


@asks
@each_kind
@pytest.mark.parametrize("error", [CustomError(1, 2), KeyboardInterrupt(), SystemExit(3)], ids=repr)
def test_other_exceptions_reach_the_caller(error: BaseException, analytic: bool) -> None:
    for at in (1, 2):
        with pytest.raises(type(error)) as caught:
            leastsq(decay, START, Dfun=decay_jacobian if analytic else None,
                    callback=Steps(at, error))  # fmt: skip
        assert caught.value is error
    assert leastsq(decay, START)[1] == 1


@asks
def test_stop_iteration_of_func_is_not_the_callbacks() -> None:
    calls = 0

    def func(p: Array) -> Array:
        nonlocal calls
        calls += 1
        if calls == 9:
            raise StopIteration
        return decay(p)

    with pytest.raises(StopIteration):
        leastsq(func, START, callback=Steps())


@asks
def test_a_solve_within_a_callback() -> None:
    inner: list[tuple] = []

    def nested(x: Array) -> None:
        inner.append(leastsq(decay, x, callback=lambda _: None, full_output=True))

    got = leastsq(decay, START, callback=nested, full_output=True)
    assert_same(got, leastsq(decay, START, full_output=True))
    assert len(inner) == len(set(id(item) for item in inner)) > 3


@asks
def test_no_step_no_call() -> None:
    callback = Steps()
    leastsq(decay, leastsq(decay, START)[0], callback=callback, gtol=0.9)
    leastsq(lambda p: p * 0.0, START, callback=callback)
    x, cov_x, infodict, message, ier = leastsq(
        decay, START, ftol=-1.0, callback=callback, full_output=True
    )
    assert (ier, message[:26], cov_x) == (0, "Improper input parameters.", None)
    assert_same(
        (x, *(value for key, value in infodict.items())),
        (np.array(START), decay(np.array(START)), 0, np.zeros((3, 40)), np.zeros(3, np.int32),
         np.zeros(3)),
    )  # fmt: skip
    with pytest.raises(TypeError, match=r"Improper.* x0 must not be empty"):
        leastsq(lambda p: np.ones(2), [], callback=callback)
    assert callback.seen == []


@asks
@pytest.mark.parametrize("wrong", [5, "print", [print], True])
def test_not_callable(wrong: object) -> None:
    func = Recorded(decay)
    with pytest.raises(TypeError) as caught:
        leastsq(func, START, callback=wrong)
    assert str(caught.value) == f"callback must be callable, not {wrong!r}"
    assert func.calls == 0


@asks
def test_warnings_point_at_the_caller() -> None:
    with pytest.warns(RuntimeWarning, match="maxfev = 4") as caught:
        leastsq(decay, START, maxfev=4, callback=lambda x: None)
    assert caught[0].filename == __file__


@asks
def test_nothing_is_kept() -> None:
    class Probe:
        def __call__(self, intermediate_result: IntermediateResult) -> None:
            pass

    probe = Probe()
    gone = weakref.ref(probe)
    leastsq(decay, START, callback=probe)
    del probe
    gc.collect()
    assert gone() is None


@asks
def test_a_signature_for_which_there_is_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not taken for one that cannot be known: the callback would get x."""

    def fails(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(inspect, "signature", fails)
    with pytest.raises(MemoryError):
        leastsq(decay, START, callback=lambda intermediate_result: None)
