"""Exceptions and signals from the user's functions."""

from __future__ import annotations

import contextlib
import os
import signal
import time
import traceback
from collections.abc import Callable, Iterator

import pytest
from reference import assert_same
from support import (
    START,
    Array,
    CustomError,
    RaisesAt,
    decay,
    decay_jacobian,
    raised,
)

from leastsq import leastsq


def counts() -> tuple[int, int, int]:
    """Return nfev by differences, and nfev and njev with Dfun, of a fit without exceptions."""
    plain = leastsq(decay, START, full_output=True)[2]
    both = leastsq(decay, START, Dfun=decay_jacobian, full_output=True)[2]
    return plain["nfev"], both["nfev"], both["njev"]


NFEV, NFEV_WITH_DFUN, NJEV = counts()

# Which function raises, whether there is a Dfun, and at which call.
PLACES = [
    *[("func", False, call) for call in (1, 2, 3, 5, NFEV)],
    *[("func", True, call) for call in (1, 2, NFEV_WITH_DFUN)],
    *[("dfun", True, call) for call in (1, 2, NJEV)],
]


def failing(place: tuple[str, bool, int], error: BaseException) -> tuple[RaisesAt, dict]:
    """Return the function that raises, and the arguments of the fit it is part of."""
    who, dfun, call = place
    thrower = RaisesAt(decay if who == "func" else decay_jacobian, call, error)
    options = {"func": decay, "x0": START, "Dfun": decay_jacobian if dfun else None}
    options["func" if who == "func" else "Dfun"] = thrower
    return thrower, options


@pytest.mark.parametrize("place", PLACES, ids=str)
@pytest.mark.parametrize(
    "error",
    [
        ValueError("some text"),
        CustomError(1, 2),
        KeyboardInterrupt(),
        SystemExit(3),
        GeneratorExit(),
        StopIteration(4),
        MemoryError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_exception_reaches_the_caller_as_the_same_object(
    error: BaseException, place: tuple, capfd: pytest.CaptureFixture[str]
) -> None:
    thrower, options = failing(place, error)
    error.__traceback__ = None
    with pytest.raises(BaseException) as caught:  # noqa: PT011 (compared as an object)
        leastsq(**options)
    assert caught.value is error
    assert error.__cause__ is None
    assert error.__context__ is None
    frames = [(frame.filename, frame.name) for frame in traceback.extract_tb(caught.tb)]
    here = (__file__, "test_an_exception_reaches_the_caller_as_the_same_object")
    user = (RaisesAt.__call__.__code__.co_filename, "__call__")
    assert frames[0] == here
    assert frames[1][1] == "leastsq"
    assert frames[-1] == user
    assert frames.count(user) == 1
    assert thrower.calls == place[2]
    assert capfd.readouterr() == ("", "")
    error.__traceback__ = None
    assert leastsq(decay, START, full_output=True)[2]["nfev"] == NFEV


def test_an_exception_keeps_its_cause_and_context() -> None:
    cause = KeyError("cause")

    def func(x: Array) -> Array:
        try:
            raise IndexError("context")
        except IndexError:
            raise ValueError("effect") from cause

    error = raised(func, START)
    assert error.__cause__ is cause
    assert type(error.__context__) is IndexError


def test_an_exception_handled_in_func_does_not_disturb() -> None:
    def func(x: Array) -> Array:
        with contextlib.suppress(CustomError):
            leastsq(RaisesAt(decay, 4, CustomError(1, 2)), START)
        return decay(x)

    expected = leastsq(decay, START, full_output=True)
    assert_same(leastsq(func, START, full_output=True), expected)


@pytest.mark.parametrize("bad", [3, None, "func", [decay]], ids=repr)
def test_not_callable(bad: object) -> None:
    text = f"'{type(bad).__name__}' object is not callable"
    error = raised(bad, START)
    assert (type(error), str(error)) == (TypeError, text)
    if bad is not None:
        error = raised(decay, START, Dfun=bad)
        assert (type(error), str(error)) == (TypeError, text)


@pytest.mark.parametrize("dfun", [0, False, "", []], ids=repr)
def test_only_none_stands_for_differences(dfun: object) -> None:
    error = raised(decay, START, Dfun=dfun)
    assert str(error) == f"'{type(dfun).__name__}' object is not callable"


# Signals


@pytest.fixture
def interrupts() -> Iterator[None]:
    """Let SIGINT and SIGALRM raise KeyboardInterrupt."""
    numbers = (signal.SIGINT, signal.SIGALRM)
    before = [signal.signal(number, signal.default_int_handler) for number in numbers]
    yield
    signal.setitimer(signal.ITIMER_REAL, 0.0)
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


def kill() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def alarm() -> None:
    signal.setitimer(signal.ITIMER_REAL, 0.001)


@pytest.mark.usefixtures("interrupts")
@pytest.mark.parametrize("send", [kill, alarm])
@pytest.mark.parametrize("where", ["func", "dfun"])
@pytest.mark.parametrize("call", [1, 2, 4])
def test_a_real_signal(
    send: Callable[[], None], where: str, call: int, capfd: pytest.CaptureFixture[str]
) -> None:
    def interrupted(function: Callable, name: str) -> Callable:
        made = 0

        def run(x: Array) -> Array:
            nonlocal made
            made += 1
            if name == where and made == call:
                send()
                # Not signal.pause(), which would miss a signal that came before it.
                for _ in range(6000):
                    time.sleep(0.01)
            return function(x)

        return run

    with pytest.raises(KeyboardInterrupt) as caught:
        leastsq(interrupted(decay, "func"), START, Dfun=interrupted(decay_jacobian, "dfun"))
    assert "run" in [frame.name for frame in traceback.extract_tb(caught.tb)]
    assert capfd.readouterr() == ("", "")
    assert leastsq(decay, START, full_output=True)[2]["nfev"] == NFEV
