"""The floating-point environment: rounding modes, denormals as zeros, flags of exceptions."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from reference import Evaluate, FloatArray, Library

INVALID, DIVISION_BY_ZERO = 1, 2
SOURCE = Path(__file__).parent / "native_api" / "environment.c"


class Mode(NamedTuple):
    """A rounding mode, by its number in environment.c, and whether denormals become zeros."""

    name: str
    rounding: int
    flush: bool = False


NEAREST, DOWN, UP, TO_ZERO, FLUSH = MODES = [
    Mode("nearest", 0),
    Mode("down", 1),
    Mode("up", 2),
    Mode("to zero", 3),
    Mode("denormals are zeros", 0, flush=True),
]


class Environment:
    """The environment of the calling thread."""

    def __init__(self, library: ctypes.CDLL, monkeypatch: pytest.MonkeyPatch) -> None:
        self._library, self._monkeypatch = library, monkeypatch

    @contextmanager
    def of(self, mode: Mode) -> Iterator[None]:
        """Set a mode, and check at the end that it is still that one."""
        library = self._library
        before = library.control()
        if library.set_flush(mode.flush) != 0:
            pytest.skip("denormals cannot be made zeros on this processor")
        assert library.set_rounding(mode.rounding) == 0
        chosen = library.control()
        assert (chosen == before) == (mode == NEAREST)
        try:
            yield
            after = library.control()
        finally:
            library.set_rounding(NEAREST.rounding)
            library.set_flush(NEAREST.flush)
        assert after == chosen, "the environment was changed"
        assert library.control() == before

    def set_in(self, library: Library, mode: Mode) -> list[int]:
        """Let a library run in a mode; the flags that each of its calls raises go to a list."""
        raised: list[int] = []
        run = type(library)._run

        def run_there(routine: Any, arguments: list[Any]) -> Any:
            with self.of(mode):
                self._library.clear_flags()
                result = run(library, routine, arguments)
                raised.append(self._library.flags())
            return result

        self._monkeypatch.setattr(library, "_run", run_there)
        return raised

    def unnoticed(self, evaluate: Evaluate) -> Evaluate:
        """Let a callback leave the flags as they are."""

        def evaluate_unnoticed(iflag: int, x: FloatArray, fvec: Any, fjac: Any) -> int:
            before = self._library.flags()
            status = evaluate(iflag, x, fvec, fjac)
            self._library.clear_flags()
            self._library.raise_flags(before)
            return status

        return evaluate_unnoticed
