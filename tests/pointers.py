"""Pointers to the functions of decay.c, and Python functions that call them."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from decays import T
from reference import missing
from support import Array

INT, POINTER = ctypes.c_int, ctypes.c_void_p
NUMBERS = ctypes.POINTER(ctypes.c_double)
RESIDUAL = [POINTER, INT, INT, NUMBERS, NUMBERS, INT]
BOTH = [POINTER, INT, INT, NUMBERS, NUMBERS, NUMBERS, INT, INT]


def called_from_python(function: Any, m: int = T.size) -> Callable[..., Array]:
    """Return a Python function that calls one of C, given pointers to its data."""

    def residual(x: Array, *arrays: Array) -> Array:
        fvec, x = np.empty(m), x.copy()
        p = np.array([array.ctypes.data for array in arrays], np.uintp)
        data = arrays[0] if function.__name__ in ("decay", "counted") else p
        function(
            POINTER(data.ctypes.data), m, x.size, x.ctypes.data_as(NUMBERS),
            fvec.ctypes.data_as(NUMBERS), 1,
        )  # fmt: skip
        return fvec

    return residual


def kinds(c: ctypes.CDLL, library: Path) -> dict[str, Any]:
    """Return a pointer to `decay` of every kind that is accepted."""
    typed = ctypes.CFUNCTYPE(INT, *RESIDUAL)(("decay", c))
    address = ctypes.cast(c.decay, POINTER).value
    new = ctypes.pythonapi.PyCapsule_New
    new.restype, new.argtypes = ctypes.py_object, [POINTER, ctypes.c_char_p, POINTER]
    found = {
        "of a library": c.decay,
        "of ctypes, typed": typed,
        "capsule": new(address, b"int (void *, int, int, double const *, double *, int)", None),
        "capsule without a name": new(address, None, None),
    }
    if find_spec("cffi") is None:
        missing("cffi")
    import cffi

    ffi = cffi.FFI()
    ffi.cdef("int decay(void *, int, int, const double *, double *, int);")
    found["cffi"] = ffi.addressof(ffi.dlopen(str(library)), "decay")
    from scipy import LowLevelCallable

    found["LowLevelCallable"] = LowLevelCallable(
        typed, signature="int (void *, int, int, double *, double *, int)"
    )
    if find_spec("numba") is not None:
        found["numba"] = numba_decay()
    return found


def numba_decay() -> object:
    from numba import carray, cfunc, types

    i, numbers = types.intc, types.CPointer(types.float64)

    @cfunc(i(types.voidptr, i, i, numbers, numbers, i))
    def decay(p, m, n, x, fvec, iflag):
        y = carray(p, (m,), np.float64)
        for k in range(m):
            fvec[k] = x[0] * np.exp(-x[1] * (4.0 * k / (m - 1))) + x[2] - y[k]
        return 0

    return decay
