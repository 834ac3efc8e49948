"""Forms that numbers may have where a user gives them, and some that they may not have."""

from __future__ import annotations

import numpy as np
from support import Array

NOT_FLOATS = "Result from function call is not a proper array of floats."
CHANGED_SIZE = "The array returned by a function changed size between calls"


def spread(r: Array) -> Array:
    """Return the values as every other element of a larger array."""
    wide = np.zeros(2 * r.size)
    wide[::2] = r
    return wide[::2]


def read_only(r: Array) -> Array:
    r.flags.writeable = False
    return r


class Described:
    """Something that is an array only through __array__."""

    def __init__(self, values: Array) -> None:
        self.values = values

    def __array__(self, dtype: object = None, copy: bool | None = None) -> Array:
        return self.values


FORMS = [
    np.ndarray.tolist,
    tuple,
    list,
    spread,
    read_only,
    Described,
    lambda r: r[::-1].copy()[::-1],
    lambda r: r.astype(">f8"),
    lambda r: r.astype(np.float32),
    lambda r: r.astype(np.float16),
    lambda r: np.ma.array(r, mask=r > 0),
    lambda r: np.round(100 * r).astype(np.int64),
    lambda r: np.round(100 * r).astype(">i2"),
    lambda r: np.round(100 * r).astype(int).tolist(),
    lambda r: r > 0,
    lambda r: (r > 0).tolist(),
    lambda r: np.rec.fromarrays([r], names="f").f,
]
"""Of M residuals."""

SCALARS = [float, np.float32, np.float64, np.array, np.float16, int, np.int8, bool, np.bool_]
"""Of one residual."""

BAD = [
    np.ones((3, 1)),
    np.ones((3, 3)),
    np.ones((1, 3)),
    np.ones((2, 2, 2)),
    np.ones((1, 2)).view(np.matrix),
    [[1.0], [2.0]],
    np.ones(3, np.complex128),
    np.ones(3, np.complex64),
    [1.0, 2j],
    1j,
    np.ones(3, np.longdouble),
    np.longdouble(1),
    np.ones(3, object),
    ["a", "b"],
    np.array(["1", "2"]),
    "1.5",
    b"1.5",
    [None, None],
    {1: 2},
    object(),
    np.array([1, 2], "M8[s]"),
]
"""Values that are not 1-D arrays of real numbers. Each has at least as many rows as N = 1."""


def broadcast(a: Array) -> Array:
    """Return the transpose of a transposed copy, as a read-only view."""
    return np.broadcast_to(a.T.copy(), a.T.shape).T


def strided(a: Array) -> Array:
    wide = np.full((2 * a.shape[0], 3 * a.shape[1]), np.nan)
    wide[::2, ::3] = a
    return wide[::2, ::3]


LAYOUTS = [
    np.ascontiguousarray,
    np.asfortranarray,
    broadcast,
    strided,
    np.ndarray.tolist,
    lambda a: list(map(tuple, a)),
    lambda a: list(a),
    lambda a: a[::-1, ::-1].copy()[::-1, ::-1],
    lambda a: a.view(np.matrix),
    lambda a: np.ma.array(a, mask=a > 0),
    lambda a: a.astype(">f8"),
    lambda a: a.astype(">f8", order="F"),
    lambda a: a.astype(np.float32),
    lambda a: a.astype(np.float16, order="F"),
    lambda a: a.astype(int),
    lambda a: a.astype(np.int8).tolist(),
]
"""Of a Jacobian."""
