"""The solvers that ours is compared with: the 1980 library and SciPy's.

The 1980 library runs with the machine constants that its literals stand for, put in their place in
a copy of it; the system build is compared with the library as it is.
"""

from __future__ import annotations

import ctypes
import struct
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from reference import EPS_1980, Fit, FloatArray, Library, Settings, bundled, missing
from support import scipy_leastsq

__all__ = ["NO_NUMBER", "original", "scipys", "solve_original"]

CONSTANTS = {EPS_1980: 2.0**-52, 2.22507385852e-308: 2.0**-1022}
FE_INVALID = 1
NO_NUMBER = "an operation in the original library has no number as its result"


class Original(Library):
    """The 1980 library; reports whether its own arithmetic produced or compared a NaN."""

    no_number = False
    _flags = ctypes.CDLL(None)

    def _run(self, routine: Any, arguments: list[Any]) -> Any:
        self.no_number = False
        self._flags.feclearexcept(FE_INVALID)
        result = super()._run(routine, arguments)
        self._look()
        return result

    def _guarded(self, *arguments: Any) -> int:
        self._look()
        status = super()._guarded(*arguments)
        self._flags.feclearexcept(FE_INVALID)  # not the operations of the user's function
        return status

    def _look(self) -> None:
        self.no_number |= bool(self._flags.fetestexcept(FE_INVALID))


@cache
def original() -> Original:
    """Load the library; for our own core, with other machine constants."""
    try:
        library = ctypes.CDLL("libminpack.so.1")
    except OSError as error:
        missing(f"libminpack.so.1 (Debian: libminpack1): {error}")
    if not bundled():
        return Original(library)
    mapped = Path("/proc/self/maps").read_text("utf-8").split()
    code = Path(next(word for word in mapped if "/libminpack.so.1" in word)).read_bytes()
    for literal, constant in CONSTANTS.items():
        assert struct.pack("d", literal) in code
        code = code.replace(struct.pack("d", literal), struct.pack("d", constant))
    with tempfile.NamedTemporaryFile(suffix=".so") as file:
        file.write(code)
        file.flush()
        return Original(ctypes.CDLL(file.name))


@cache
def scipys() -> Callable[..., Any] | None:
    """Return SciPy's function if our own core is to be compared with it."""
    try:
        return scipy_leastsq() if bundled() else None
    except pytest.skip.Exception:
        return None


def solve_original(library: Original, case: dict[str, Any]) -> Fit:
    """Run the library on func, dfun, x0, b and options."""
    options = dict(case["options"])
    dfun, transposed = options.pop("Dfun", None), options.pop("col_deriv", False)
    settings = Settings(ftol=1.49012e-8, xtol=1.49012e-8, epsfcn=0.0).replace(**options)

    def evaluate(iflag: int, x: FloatArray, fvec: FloatArray, fjac: FloatArray | None) -> int:
        if iflag == 1 or fjac is None:
            fvec[:] = case["func"](x.copy())
        else:
            fjac[:] = dfun(x.copy()).T if transposed else dfun(x.copy())
        return 0

    routine = library.lmder if dfun else library.lmdif
    fit = routine(evaluate, case["x0"], case["b"].size, settings)
    return fit._replace(diag=fit.x)  # which `leastsq` does not show
