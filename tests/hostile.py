"""What a hostile residual does at one of its calls: raise, return something else, or misbehave.

An act of RAISING gives an exception, one of RETURNING changes what is returned so that it is
refused, and one of HARMLESS does what must not change a bit of the result.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import os
import pickle
import signal
import sys
import threading
import time
import warnings
import weakref
from collections.abc import Callable
from concurrent.futures import CancelledError
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import numpy as np
from support import Array, CustomError

from leastsq import LevenbergMarquardt, _minpack, leastsq, leastsq_many

HOSTILE_CALL_LIMIT = 10_000
"""More calls than any fit makes: a residual that is called for ever ends the program."""


class StuckError(Exception):
    """An exception that cannot be pickled."""

    def __reduce__(self) -> str:
        raise TypeError("it stays here")


class SilentError(Exception):
    """An exception whose text raises."""

    def __str__(self) -> str:
        raise CustomError(1, 2)


class SloppyError(Exception):
    """An exception that becomes another one when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return KeyError, ("another",)


class NotedError(Exception):
    """An exception whose notes are no list."""

    __notes__ = ("a", 3)


def raised_by(call: Callable[[], object]) -> BaseException | None:
    """Return what a call raises."""
    try:
        call()
    except BaseException as error:
        return error.with_traceback(None)
    return None


def recurse() -> None:
    """Raise a RecursionError where Python has no more room."""
    recurse()


def interrupt() -> None:
    """Have a real SIGINT raise KeyboardInterrupt here, or in the main thread."""
    os.kill(os.getpid(), signal.SIGINT)
    end = time.monotonic() + 0.2
    while time.monotonic() < end and threading.current_thread() is threading.main_thread():
        pass


RAISING: dict[str, Callable[[], BaseException]] = {
    kind.__name__: kind
    for kind in (
        ValueError, StopIteration, StopAsyncIteration, MemoryError, TimeoutError, UserWarning,
        AssertionError, StuckError, SilentError, SloppyError, NotedError, CancelledError,
        BrokenProcessPool, GeneratorExit, KeyboardInterrupt, SystemExit,
    )
} | {
    "CustomError": lambda: CustomError(1, 2),
    "UnicodeDecodeError": lambda: UnicodeDecodeError("utf-8", b"\xff", 0, 1, "no text"),
    "ExceptionGroup": lambda: ExceptionGroup("two", [ValueError(1), KeyError(2)]),
    "asyncio's CancelledError": asyncio.CancelledError,
    "RecursionError": lambda: raised_by(recurse),
    "a real interrupt": lambda: raised_by(interrupt) or KeyboardInterrupt(),
}  # fmt: skip
"""Functions that return what is to be raised."""


class Unreadable:
    """A result that raises when it is read."""

    def __array__(self, *given: object, **named: object) -> Array:
        raise ZeroDivisionError("not to be read")


class Nested:
    """A sequence that has itself as its only item."""

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> Nested:
        if index > 0:
            raise IndexError
        return self


RETURNING: dict[str, Callable[[Array], object]] = {
    "one number less": lambda values: values[..., :-1],
    "one number more": lambda values: np.append(values, values[..., :1], axis=-1),
    "nothing of it": lambda values: values[..., :0],
    "one more axis": lambda values: values[..., None],
    "None": lambda values: None,
    "complex": lambda values: values + 0j,
    "longdouble": lambda values: values.astype(np.longdouble),
    "objects": lambda values: values.astype(object),
    "texts": lambda values: values.astype(str),
    "dates": lambda values: values.astype("M8[s]"),
    "records": lambda values: np.zeros(values.shape, [("a", float)]),
    "ragged": lambda values: [[1.0], [1.0, 2.0]],
    "a generator": lambda values: (value for value in values),
    "a dict": lambda values: {0: values},
    "unreadable": lambda values: Unreadable(),
    "nested": lambda values: Nested(),
    "huge": lambda values: np.broadcast_to(1.0, (*values.shape[:-1], 2**40)),
    "a function": lambda values: recurse,
}
"""Functions of the right result that return a wrong one."""


def keep(hostile: Any, x: Array, rows: tuple[Any, ...]) -> None:
    hostile.kept.append(x)


def write(hostile: Any, x: Array, rows: tuple[Any, ...]) -> None:
    x[...] = np.nan


def resize(hostile: Any, x: Array, rows: tuple[Any, ...]) -> None:
    x.resize(1000 if hostile.calls % 2 else 0, refcheck=False)


def lock(hostile: Any, x: Array, rows: tuple[Any, ...]) -> None:
    x.setflags(write=False)


def reshape(hostile: Any, x: Array, rows: tuple[Any, ...]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        x.shape = x.shape[::-1]
        x.dtype = np.int64


def point_to(hostile: Any, x: Array, rows: tuple[Any, ...]) -> None:
    hostile.kept += [memoryview(x), weakref.ref(x), x.ctypes.data_as(ctypes.c_void_p), x[:1]]


def look_at_rows(hostile: Any, x: Array, rows: tuple[Any, ...]) -> None:
    for row in rows:
        if hostile.many and isinstance(row, np.ndarray):
            assert not row.flags.writeable


def collect(hostile: Any, x: Array, rows: tuple[Any, ...]) -> None:
    gc.collect()


def line(p: Array, *_: object) -> Array:
    """Residuals of a straight line, for the fits inside."""
    return p[0] + p[1] * np.arange(4.0) - 1.0


def fit_inside(hostile: Any, x: Array, rows: tuple[Any, ...]) -> None:
    assert leastsq(line, [1.0, 1.0])[1] in (1, 2, 3, 4)
    vectorized = hostile.calls % 2 == 0
    assert leastsq_many(line, np.ones((9, 2)), vectorized=vectorized).success.all()
    solve = LevenbergMarquardt([1.0, 1.0], 4)
    while (points := solve.ask()) is not None:
        solve.tell(points, [line(point) for point in points])


def fit_the_same_inside(hostile: Any, x: Array, rows: tuple[Any, ...]) -> None:
    """Run the whole case inside itself, without this act; not again and again."""
    if hostile.rerun is not None:
        rerun, hostile.rerun = hostile.rerun, None
        rerun(hostile.function)


def fail_inside(hostile: Any, x: Array, rows: tuple[Any, ...]) -> None:
    def fails(p: Array, *_: object) -> Array:
        raise StopIteration

    assert type(raised_by(lambda: leastsq(fails, [1.0]))) is StopIteration
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert (leastsq_many(fails, np.ones((3, 1))).ier == -1).all()


def start_a_thread(hostile: Any, x: Array, rows: tuple[Any, ...]) -> None:
    thread = threading.Thread(target=fit_inside, args=(hostile, x, rows))
    thread.start()
    thread.join()


def fork(hostile: Any, x: Array, rows: tuple[Any, ...]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of a process with threads
        pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


def change_errstate(hostile: Any, x: Array, rows: tuple[Any, ...]) -> None:
    np.seterr(all=("raise", "ignore", "call")[hostile.calls % 3])


def change_instruction_set(hostile: Any, x: Array, rows: tuple[Any, ...]) -> None:
    sets = ["baseline", "avx2", "avx512", None]
    raised_by(lambda: _minpack.select_simd(sets[hostile.calls % 4]))


def trace(hostile: Any, x: Array, rows: tuple[Any, ...]) -> None:
    sys.setprofile(lambda *_: None)
    sys.settrace(lambda *_: None)
    sys.settrace(None)
    sys.setprofile(None)


def change_limits(hostile: Any, x: Array, rows: tuple[Any, ...]) -> None:
    sys.setrecursionlimit(900 + hostile.calls)
    sys.setswitchinterval(1e-6 if hostile.calls % 2 else 0.005)


def get_a_signal(hostile: Any, x: Array, rows: tuple[Any, ...]) -> None:
    """Have a handler run fits in the midst of this one."""
    if threading.current_thread() is threading.main_thread():
        before = signal.signal(signal.SIGALRM, lambda *_: fit_inside(hostile, x, rows))
        signal.raise_signal(signal.SIGALRM)
        signal.signal(signal.SIGALRM, before)


def pickle_all(hostile: Any, x: Array, rows: tuple[Any, ...]) -> None:
    pickle.loads(pickle.dumps((x, rows)))  # noqa: S301  (pickled here)


HARMLESS: dict[str, Callable[[Any, Array, tuple[Any, ...]], None]] = {
    act.__name__.replace("_", " "): act
    for act in (
        keep, write, resize, lock, reshape, point_to, look_at_rows, collect, fit_inside,
        fit_the_same_inside, fail_inside, start_a_thread, fork, change_errstate,
        change_instruction_set, trace, change_limits, get_a_signal, pickle_all,
    )
}  # fmt: skip
"""Functions that are called with the residual, x and the rows, when the right result is known."""


class Hostile:
    """A residual or Jacobian that acts from one of the calls for one problem on."""

    def __init__(
        self,
        function: Callable[..., Array],
        name: str,
        target: int,
        at: int,
        rerun: Callable[[Callable[..., Array]], object] | None = None,
    ) -> None:
        self.function = function
        self.name = name
        self.target = target
        self.at = at
        self.rerun = rerun
        self.many = True
        """Whether rows are leastsq_many's, not args."""
        self.calls = 0
        """Those for the target."""
        self.raised: list[BaseException] = []
        self.kept: list[Any] = []

    @property
    def acted(self) -> bool:
        """Whether it has done what it should."""
        return self.calls >= self.at

    def __call__(self, x: Array, *rows: Any) -> Any:
        for array in self.kept:
            if isinstance(array, np.ndarray):
                array[...] = 1e300
        if self.target not in np.ravel(rows[1]):
            return self.function(x, *rows)
        self.calls += 1
        assert self.calls < HOSTILE_CALL_LIMIT
        if self.acted and self.name in RAISING:
            self.raised.append(RAISING[self.name]())
            raise self.raised[-1]
        values = self.function(x, *rows)
        if self.acted and self.name in RETURNING:
            return RETURNING[self.name](values)
        if self.acted:
            HARMLESS[self.name](self, x, rows)
        return values
