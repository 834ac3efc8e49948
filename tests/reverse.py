"""The reverse-communication API through ctypes, and lmdif and lmder built on it.

Every request is answered in a copy of the block: the previous one is filled with FILL and freed.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
from reference import FILL, FILL_INT, Evaluate, Fit, FloatArray, Settings

NOTHING, RESIDUAL, JACOBIAN, DIFFERENCES = range(4)
REFUSED = -1

COUNTS = ("request", "info", "nfev", "njev", "iteration", "missing", "m", "n")
ARRAYS = ("point", "residual", "jacobian", "x", "fvec", "fjac", "diag", "qtf", "ipvt", "given")


class View(ctypes.Structure):
    """struct leastsq_view of leastsq.h."""

    _fields_ = [
        *((name, ctypes.c_int) for name in COUNTS),
        *((name, ctypes.c_void_p) for name in ARRAYS),
    ]

    def vector(self, name: str, size: int) -> FloatArray:
        """View one of the arrays in the block."""
        return np.frombuffer((ctypes.c_double * size).from_address(getattr(self, name)))

    def matrix(self, name: str = "fjac") -> FloatArray:
        """View the Jacobian or its factors."""
        return self.vector(name, self.m * self.n).reshape((self.m, self.n), order="F")


class Solve:
    """One solve in a block."""

    def __init__(self, library: ctypes.CDLL, m: int, n: int) -> None:
        self.library = library
        library.leastsq_workspace_size.restype = ctypes.c_size_t
        self.size = library.leastsq_workspace_size(m, n)
        self.block = np.full(self.size // 8, FILL)

    def start(self, x: FloatArray, m: int, use: Settings, analytic: bool) -> int:
        """Begin at x."""
        diag = None if use.diag is None else np.array(use.diag)
        real = ctypes.c_double
        return int(
            self.library.leastsq_start(
                self.address, m, x.size, _pointer(x), real(use.ftol), real(use.xtol),
                real(use.gtol), use.maxfev, real(use.epsfcn),
                None if diag is None else _pointer(diag), 1 if diag is None else 2,
                real(use.factor), int(analytic),
            )
        )  # fmt: skip

    @property
    def address(self) -> ctypes.c_void_p:
        return _pointer(self.block)

    def move(self) -> None:
        """Move the block to other memory and overwrite the old one."""
        before, self.block = self.block, self.block.copy()
        before[:] = FILL

    def view(self) -> View:
        view = View()
        assert self.library.leastsq_inspect(self.address, ctypes.byref(view)) == view.request
        return view

    def resume(self, flag: int = 0) -> int:
        return int(self.library.leastsq_resume(self.address, flag))

    def difference_point(self, j: int, n: int) -> FloatArray:
        point = np.full(n, FILL)
        assert self.library.leastsq_difference_point(self.address, j, _pointer(point)) == 0
        return point

    def give_column(self, j: int, residual: FloatArray) -> int:
        values = residual.copy()
        return int(
            self.library.leastsq_difference_column(self.address, j, _pointer(values))
        )


def _pointer(array: FloatArray) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


class Reverse:
    """lmdif and lmder by reverse communication, with reports as MINPACK has them."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self.library = library
        self.rng = np.random.default_rng(8)

    def lmdif(self, evaluate: Evaluate, x: FloatArray, m: int, use: Settings) -> Fit:
        return self._fit(evaluate, x, m, use, analytic=False)

    def lmder(self, evaluate: Evaluate, x: FloatArray, m: int, use: Settings) -> Fit:
        return self._fit(evaluate, x, m, use, analytic=True)

    def _fit(self, evaluate: Evaluate, x: FloatArray, m: int, use: Settings, analytic: bool) -> Fit:
        n = x.size
        if use.maxfev is None:
            use = use.replace(maxfev=(100 if analytic else 200) * (n + 1))
        solve = Solve(self.library, m, n)
        solve.start(x, m, use, analytic)
        _leave_traces(solve.view(), use)
        while solve.view().request != NOTHING:
            solve.move()
            flag = self._answer(evaluate, solve)
            view = solve.view()
            shows = use.nprint > 0 and (view.iteration - 1) % use.nprint == 0
            if flag >= 0 and view.request != RESIDUAL and shows:
                flag = _show(evaluate, view, analytic)
            solve.move()
            solve.resume(flag)
        view = solve.view()
        assert (view.residual, view.jacobian) == (None, None)
        if use.nprint > 0:
            _show(evaluate, view, analytic)
        fjac = np.full((m + use.padding, n), FILL, order="F")
        fjac[:m] = view.matrix()
        ipvt = np.frombuffer((ctypes.c_int * n).from_address(view.ipvt), np.intc).copy()
        x, qtf, diag = (view.vector(name, n).copy() for name in ("x", "qtf", "diag"))
        fvec = view.vector("fvec", m).copy()
        return Fit(view.info, view.nfev, view.njev, x, fvec, fjac, ipvt, qtf, diag)

    def _answer(self, evaluate: Evaluate, solve: Solve) -> int:
        view = solve.view()
        m, n = view.m, view.n
        point = view.vector("point", n).copy()
        assert (view.residual is None) == (view.request == JACOBIAN)
        assert (view.jacobian is None) == (view.request != JACOBIAN)
        if view.request == RESIDUAL:
            return evaluate(1, point, view.vector("residual", m), None) or 0
        if view.request == JACOBIAN:
            return evaluate(2, point, view.vector("fvec", m), view.matrix("jacobian")) or 0
        for j in self._order(n):
            assert solve.resume() == DIFFERENCES  # while a column is missing
            values = np.full(m, FILL)
            flag = evaluate(2, solve.difference_point(j, n), values, None) or 0
            if flag < 0:
                return flag
            solve.move()
            assert solve.give_column(j, values) == 0
        assert solve.view().missing == 0
        return 0

    def _order(self, n: int) -> Any:
        return self.rng.permutation(n).tolist()


class InOrder(Reverse):
    """The same, with the columns in MINPACK's order, the first to the last."""

    def _order(self, n: int) -> Any:
        return range(n)


def _leave_traces(view: View, use: Settings) -> None:
    """Fill what is not set yet as the callers of a driver's peer have it."""
    (ctypes.c_int * view.n).from_address(view.ipvt)[:] = [FILL_INT] * view.n
    for name in ("qtf",) if use.diag else ("qtf", "diag"):
        view.vector(name, view.n)[:] = FILL
    view.matrix()[:] = FILL


def _show(evaluate: Evaluate, view: View, analytic: bool) -> int:
    fjac = view.matrix() if analytic else None
    x, fvec = view.vector("x", view.n).copy(), view.vector("fvec", view.m).copy()
    return evaluate(0, x, fvec, fjac) or 0
