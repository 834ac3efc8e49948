"""The native APIs where there is nothing to do, and where an argument is out of range."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import pytest
from reference import Library, assert_same, bundled

INT_MAX, INT_MIN = 2**31 - 1, -(2**31)


def test_empty(native_api: Library, original: Library) -> None:
    none, no_order, r = np.empty(0), np.empty(0, np.intc), np.empty((0, 0), order="F")
    assert native_api.enorm(none) == 0.0
    for m, n in ((0, 0), (4, 0), (0, 3)):
        a = np.empty((m, n))
        assert_same(native_api.qrfac(a, True, 1), original.qrfac(a, True, 1))
    system = (r, no_order, none, none)
    assert_same(native_api.qrsolv(*system), original.qrsolv(*system))
    assert native_api.lmpar(*system, 1.0)[0] == 0.0
    assert native_api.chkder1(none).size == 0


REFUSED = {
    "m, n": [(5, 0), (5, -1), (5, INT_MIN), (2, 3), (0, 0), (-1, -2), (INT_MIN, INT_MAX)],
    "ldfjac": [4, 0, -1, INT_MIN],
    "ftol, xtol, gtol": [(-1.0, 0.0, 0.0), (0.0, -1e-300, 0.0), (0.0, 0.0, -np.inf)],
    "maxfev": [0, -1, INT_MIN],
    "factor": [0.0, -1.0, -np.inf],
    "diag": [(1.0, 0.0, 1.0), (1.0, 1.0, -1.0)],
}


@pytest.mark.parametrize("routine", ["lmdif", "lmder"])
@pytest.mark.parametrize("argument", REFUSED)
def test_refused(routine: str, argument: str, native_api: Library) -> None:
    """Nothing is evaluated and nothing is written."""
    for value in REFUSED[argument]:
        assert_refused(native_api, routine, {argument: value})


def assert_refused(library: Library, routine: str, given: dict[str, Any]) -> None:
    def never(*_: object) -> int:
        raise AssertionError("evaluated")

    m, n = given.get("m, n", (5, 3))
    x, fvec, fjac, diag = np.ones(3), np.ones(5), np.ones((5, 3)), np.ones(3)
    diag[:] = given.get("diag", (1.0, 1.0, 1.0))
    before = [array.copy() for array in (x, fvec, fjac, diag)]
    matrix = (fjac, given.get("ldfjac", max(m, 5)))
    options = (*given.get("ftol, xtol, gtol", (0.0, 0.0, 0.0)), given.get("maxfev", 100))
    rest = (diag, 2, given.get("factor", 1.0), 0)
    tail = (np.zeros(3, np.intc), *np.zeros((4, 3)), np.zeros(5))
    counts = np.zeros((2, 1), np.intc)
    fcn = library._callback(never, routine == "lmder")
    if routine == "lmdif":
        head = (m, n, x, fvec, *options, 0.0, *rest)
        info = library._solve(routine, fcn, head, (counts[0], *matrix, *tail))
    else:
        head = (m, n, x, fvec, *matrix, *options, *rest)
        info = library._solve(routine, fcn, head, (*counts, *tail))
    library._reraise()
    assert info == 0, given
    assert counts.sum() == 0
    assert_same([x, fvec, fjac, diag], before, given)


def test_workspaces_too_short(native_api: Library) -> None:
    """The sizes that are wanted do not overflow."""

    def never(*_: object) -> int:
        raise AssertionError("evaluated")

    x, work, ipvt = np.ones(3), np.ones(9), np.ones(3, np.intc)
    no_jacobian, jacobian = (native_api._callback(never, wanted) for wanted in (False, True))
    for m, n, size in ((46341, 46341, INT_MAX), (INT_MAX, 1, INT_MAX), (5, 3, 34), (5, 3, -1)):
        head, tail = (m, n, x, work, 1e-8), (ipvt, work, size)
        assert native_api._solve("lmdif1", no_jacobian, head, tail) == 0
    for m, n, size in ((430_000_000, 430_000_000, INT_MAX), (5, 3, 19), (5, 3, INT_MIN)):
        head, tail = (m, n, x, work, x, INT_MAX, 1e-8), (ipvt, work, size)
        assert native_api._solve("lmder1", jacobian, head, tail) == 0
    native_api._reraise()


@pytest.mark.skipif(not bundled(), reason="the system build has no reverse communication")
def test_block_sizes(native_library: ctypes.CDLL) -> None:
    """A size that does not fit is 0, and nothing is started then."""
    size = native_library.leastsq_workspace_size
    size.restype = ctypes.c_size_t
    for m, n in (
        (1, 1), (INT_MAX, 1), (INT_MAX, 3), (2**30, 2**29), (2**30, 2**30), (INT_MAX, INT_MAX),
        (0, 0), (1, 0), (1, 2), (-1, -1), (INT_MIN, INT_MIN), (2**30 - 8, 2**30 - 8),
    ):  # fmt: skip
        wanted = 8 * (m * n + 2 * m + 7 * n + 19) if 1 <= n <= m else 0
        assert size(m, n) == (wanted if wanted < 2**63 else 0), (m, n)
    start = native_library.leastsq_start
    real = [ctypes.c_double(0.0)] * 3
    for m, n in ((INT_MAX, INT_MAX), (1, 2), (0, 0)):
        assert start(None, m, n, None, *real, 1, real[0], None, 1, real[0], 0) == -1
