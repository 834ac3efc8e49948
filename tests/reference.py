"""The libraries that the tests compare, through ctypes: MINPACK's 1980 original and ours.

Every call works on fresh copies. Outputs start out filled with `FILL`, so that an element that
only one library writes is a difference.
"""

import ctypes
import itertools
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, NamedTuple, NoReturn

import numpy as np
import numpy.typing as npt
import pytest

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intc]

EPS_1980 = 2.22044604926e-16
"""The 1980 library's literal for the machine epsilon; exactly, it is 4e-12 less of itself."""
FILL = -7.25e77
FILL_INT = -77
FENCE = 4
_payloads = itertools.count(1)

Evaluate = Callable[[int, FloatArray, FloatArray | None, FloatArray | None], int]
"""evaluate(iflag, x, fvec, fjac) writes what iflag asks for; a negative result ends the fit.

iflag 1 asks for fvec (lmdif also with 2), lmder's 2 for fjac (m, n), 0 reports x and fvec.
"""


def missing(reason: str) -> NoReturn:
    """Skip for want of a reference library; in CI its absence is a failure."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason, allow_module_level=True)


@cache
def bundled() -> bool:
    """Whether the installed package has our core and not the distribution's MINPACK."""
    from leastsq import _minpack

    return bool(_minpack.build_config()["minpack"] == "bundled")


def bits(value: Any) -> tuple[Any, ...]:
    """Return dtype, shape and bytes, all NaNs made alike; of a container, those of its parts."""
    if isinstance(value, dict):
        return tuple((key, bits(item)) for key, item in value.items())
    if isinstance(value, (tuple, list)):
        return tuple(bits(item) for item in value)
    array = np.asarray(value)
    if array.dtype.kind == "f" and np.isnan(array).any():
        array = np.where(np.isnan(array), np.nan, array)
    return (array.dtype, array.shape, array.tobytes())


def assert_same(got: Any, want: Any, case: object = None) -> None:
    """Fail unless both have the same bits, -0 and 0 being different; show the case."""
    assert bits(got) == bits(want), f"case {case}:\ngot  {got}\nwant {want}"


class Factor(NamedTuple):
    """Outputs of qrfac."""

    a: FloatArray
    ipvt: IntArray
    rdiag: FloatArray
    acnorm: FloatArray


class Fit(NamedTuple):
    """Outputs of lmdif and lmder; njev is 0 from lmdif."""

    info: int
    nfev: int
    njev: int
    x: FloatArray
    fvec: FloatArray
    fjac: FloatArray
    ipvt: IntArray
    qtf: FloatArray
    diag: FloatArray


@dataclass(frozen=True)
class Settings:
    """Arguments of lmdif and lmder, by default those of the MINPACK test driver.

    maxfev None stands for 200 (n + 1) in lmdif and 100 (n + 1) in lmder; a diag means mode 2;
    ldfjac is m + padding.
    """

    ftol: float = EPS_1980**0.5
    xtol: float = EPS_1980**0.5
    gtol: float = 0.0
    maxfev: int | None = None
    epsfcn: float = EPS_1980
    diag: tuple[float, ...] | None = None
    factor: float = 100.0
    nprint: int = 0
    padding: int = 0

    replace = replace


def _view(address: int | None, size: int) -> FloatArray:
    """View native memory as an array."""
    return np.frombuffer((ctypes.c_double * size).from_address(address or 0))


class Fenced:
    """A copy of an array between NaNs (integers: FILL_INT), to detect access past its ends."""

    def __init__(self, array: npt.NDArray[Any]) -> None:
        self.array, self.flat = array, array.reshape(-1, order="F")
        self.memory = np.full(array.size + 2 * FENCE, FILL_INT, array.dtype)
        if array.dtype.kind == "f":
            self.memory.view(np.int64)[:] = 0x7FF8 << 48 | next(_payloads)  # a unique NaN
        self.fence = self.memory.tobytes()[: FENCE * array.itemsize]
        self.memory[FENCE:-FENCE] = self.flat
        self.address = self.memory.ctypes.data + FENCE * array.itemsize

    def copy_back(self) -> None:
        """Check that the fence is unchanged and copy the results back."""
        ends = self.memory[:FENCE], self.memory[-FENCE:]
        assert all(end.tobytes() == self.fence for end in ends), "access past an end"
        inside = self.memory[FENCE:-FENCE].reshape(self.array.shape, order="F")
        if bits(inside) != bits(self.array):
            self.array[...] = inside


class Library:
    """MINPACK's calling sequences in one shared library, each argument by reference."""

    _symbol = "{}_"

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library
        self._error: BaseException | None = None

    def _call(self, name: str, *args: Any, restype: Any = None) -> Any:
        routine = self._library[self._symbol.format(name)]
        routine.restype = restype
        fenced = [Fenced(value) if isinstance(value, np.ndarray) else value for value in args]
        result = self._run(routine, [self._argument(value) for value in fenced])
        for value in fenced:
            if isinstance(value, Fenced):
                value.copy_back()
        return result

    def _run(self, routine: Any, arguments: list[Any]) -> Any:
        return routine(*arguments)

    def _argument(self, value: Any) -> Any:
        if isinstance(value, Fenced):
            return ctypes.c_void_p(value.address)
        if isinstance(value, (bool, int)):
            return ctypes.byref(ctypes.c_int(value))
        if isinstance(value, float):
            return ctypes.byref(ctypes.c_double(value))
        return value

    def enorm(self, x: FloatArray) -> float:
        return float(self._call("enorm", x.size, x, restype=ctypes.c_double))

    def dpmpar(self, i: int) -> float:
        return float(self._call("dpmpar", i, restype=ctypes.c_double))

    def qrfac(self, a: FloatArray, pivot: bool = True, padding: int = 0) -> Factor:
        (m, n), work = a.shape, np.empty(a.shape[1])
        padded = np.full((m + padding, n), FILL, order="F")
        padded[:m] = a
        ipvt = np.full(n, FILL_INT, np.intc)
        rdiag, acnorm = np.full((2, n), FILL)
        size = n if pivot else 1
        self._call("qrfac", m, n, padded, m + padding, pivot, ipvt, size, rdiag, acnorm, work)
        return Factor(padded, ipvt, rdiag, acnorm)

    def qrsolv(
        self, r: FloatArray, ipvt: IntArray, diag: FloatArray, qtb: FloatArray
    ) -> tuple[FloatArray, ...]:
        """Return x, sdiag and r with S^T below its diagonal; r may have more than n rows."""
        n, r = r.shape[1], r.copy(order="F")
        (x, sdiag), work = np.full((2, n), FILL), np.empty(n)
        self._call("qrsolv", n, r, r.shape[0], ipvt, diag, qtb, x, sdiag, work)
        return x, sdiag, r

    def lmpar(
        self,
        r: FloatArray,
        ipvt: IntArray,
        diag: FloatArray,
        qtb: FloatArray,
        delta: float,
        par: float = 0.0,
    ) -> tuple[FloatArray, ...]:
        """Return par (as an array), x, sdiag and r as `qrsolv` leaves it."""
        n, r, lagrange = r.shape[1], r.copy(order="F"), np.array([par])
        (x, sdiag), work = np.full((2, n), FILL), np.empty((2, n))
        arrays = (r, r.shape[0], ipvt, diag, qtb)
        self._call("lmpar", n, *arrays, delta, lagrange, x, sdiag, work[0], work[1])
        return lagrange, x, sdiag, r

    def covar(self, r: FloatArray, ipvt: IntArray, tol: float) -> FloatArray:
        n, r = r.shape[1], r.copy(order="F")
        self._call("covar", n, r, r.shape[0], ipvt, tol, np.empty(n))
        return r

    def chkder1(self, x: FloatArray, m: int = 3) -> FloatArray:
        """Return the neighbour of x that mode 1 proposes."""
        unused, xp = np.empty((m, x.size + 3)), np.full(x.size, FILL)
        err = unused[:, 0].copy()
        self._call("chkder", m, x.size, x, err, unused, m, xp, err, 1, err)
        return xp

    def chkder2(
        self, x: FloatArray, fvec: FloatArray, fjac: FloatArray, fvecp: FloatArray
    ) -> FloatArray:
        """Return mode 2's verdicts on the m gradients in fjac (m, n); ldfjac is m + 2."""
        (m, n), err = fjac.shape, np.full(fjac.shape[0], FILL)
        padded = np.full((m + 2, n), np.nan, order="F")
        padded[:m] = fjac
        self._call("chkder", m, n, x, fvec, padded, m + 2, np.empty(n), fvecp, 2, err)
        return err

    def fdjac2(
        self,
        evaluate: Evaluate,
        x: FloatArray,
        fvec: FloatArray,
        epsfcn: float,
        padding: int = 0,
    ) -> tuple[Any, ...]:
        """Return iflag, x, fjac and the last residual, which is in the workspace of fdjac2."""
        m, n, x = fvec.size, x.size, x.copy()
        fjac, work = np.full((m + padding, n), FILL, order="F"), np.full(m, FILL)
        fcn = self._callback(evaluate, jacobian=False)
        iflag = self._fdjac2(fcn, m, n, x, fvec, fjac, epsfcn, work)
        self._reraise()
        return iflag, x, fjac, work

    def _fdjac2(self, fcn: Any, m: int, n: int, *arrays: Any) -> int:
        x, fvec, fjac, epsfcn, work = arrays
        iflag = np.array([2], np.intc)
        self._call("fdjac2", fcn, m, n, x, fvec, fjac, fjac.shape[0], iflag, epsfcn, work)
        return int(iflag[0])

    def lmdif(self, evaluate: Evaluate, x: FloatArray, m: int, use: Settings) -> Fit:
        return self._fit(evaluate, x, m, use, jacobian=False)

    def lmder(self, evaluate: Evaluate, x: FloatArray, m: int, use: Settings) -> Fit:
        return self._fit(evaluate, x, m, use, jacobian=True)

    def _fit(self, evaluate: Evaluate, x: FloatArray, m: int, use: Settings, jacobian: bool) -> Fit:
        n, x, ldfjac = x.size, x.copy(), m + use.padding
        qtf, work, wa4 = np.full(n, FILL), np.empty((3, n)), np.empty(m)
        fvec, fjac = np.full(m, FILL), np.full((ldfjac, n), FILL, order="F")
        ipvt = np.full(n, FILL_INT, np.intc)
        nfev, njev = np.zeros((2, 1), np.intc)
        scaling = (np.full(n, FILL), 1) if use.diag is None else (np.array(use.diag), 2)
        maxfev = use.maxfev
        if maxfev is None:
            maxfev = (100 if jacobian else 200) * (n + 1)
        tolerances = (use.ftol, use.xtol, use.gtol, maxfev)
        rest = (*scaling, use.factor, use.nprint)
        tail = (ipvt, qtf, *work, wa4)
        fcn = self._callback(evaluate, jacobian)
        if jacobian:
            arrays = (m, n, x, fvec, fjac, ldfjac, *tolerances, *rest)
            info = self._solve("lmder", fcn, arrays, (nfev, njev, *tail))
        else:
            controls = (*tolerances, use.epsfcn, *rest)
            outputs = (nfev, fjac, ldfjac, *tail)
            info = self._solve("lmdif", fcn, (m, n, x, fvec, *controls), outputs)
        self._reraise()
        return Fit(info, int(nfev[0]), int(njev[0]), x, fvec, fjac, ipvt, qtf, scaling[0])

    def lmdif1(
        self, evaluate: Evaluate, x: FloatArray, m: int, tol: float, lacking: int = 0
    ) -> tuple[Any, ...]:
        """Return info, x and fvec, with a workspace that is `lacking` elements too short."""
        n, x, fvec = x.size, x.copy(), np.full(m, FILL)
        size = m * n + 5 * n + m - lacking
        fcn, workspace = self._callback(evaluate, jacobian=False), (np.empty(n, np.intc),)
        head, tail = (m, n, x, fvec, tol), (*workspace, np.empty(size), size)
        info = self._solve("lmdif1", fcn, head, tail)
        self._reraise()
        return info, x, fvec

    def lmder1(
        self, evaluate: Evaluate, x: FloatArray, m: int, tol: float, lacking: int = 0
    ) -> tuple[Any, ...]:
        """Return info, x, fvec, fjac and ipvt; the workspace is `lacking` elements too short."""
        n, x, fvec, size = x.size, x.copy(), np.full(m, FILL), 5 * x.size + m - lacking
        fjac, ipvt = np.full((m + 1, n), FILL, order="F"), np.full(n, FILL_INT, np.intc)
        fcn = self._callback(evaluate, jacobian=True)
        head, tail = (m, n, x, fvec, fjac, m + 1, tol), (ipvt, np.empty(size), size)
        info = self._solve("lmder1", fcn, head, tail)
        self._reraise()
        return info, x, fvec, fjac, ipvt

    def _solve(self, name: str, fcn: Any, head: tuple[Any, ...], tail: tuple[Any, ...]) -> int:
        info = np.full(1, FILL_INT, np.intc)
        self._call(name, fcn, *head, info, *tail)
        return int(info[0])

    def _callback(self, evaluate: Evaluate, jacobian: bool) -> Any:
        """Make a native callback; an exception ends the solve and is raised again after it."""

        def native(m_at: int, n_at: int, x_at: int, fvec_at: int, *rest: int) -> None:
            m, n = (ctypes.c_int.from_address(at).value for at in (m_at, n_at))
            iflag = ctypes.c_int.from_address(rest[-1])
            fjac_at, ldfjac_at = rest[:2] if jacobian else (None, None)
            ldfjac = ctypes.c_int.from_address(ldfjac_at).value if ldfjac_at else 0
            memory = (m, n, x_at, fvec_at, fjac_at, ldfjac)
            status = self._guarded(evaluate, iflag.value, *memory)
            if status < 0:
                iflag.value = status

        return ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * (7 if jacobian else 5))(native)

    def _guarded(
        self, evaluate: Evaluate, iflag: int, m: int, n: int, x_at: int, fvec_at: int,
        fjac_at: int | None, ldfjac: int,
    ) -> int:  # fmt: skip
        fjac = None
        if fjac_at is not None:
            fjac = _view(fjac_at, ldfjac * n).reshape((ldfjac, n), order="F")[:m]
        try:
            return evaluate(iflag, _view(x_at, n), _view(fvec_at, m), fjac) or 0
        except BaseException as error:  # ctypes would print it and go on
            self._error = error
            return -99

    def _reraise(self) -> None:
        error, self._error = self._error, None
        if error is not None:
            raise error


class CLibrary(Library):
    """cminpack's calling sequences: scalars by value, a data pointer, info as the result."""

    def __init__(self, library: ctypes.CDLL, symbol: str) -> None:
        super().__init__(library)
        self._symbol = symbol

    def _argument(self, value: Any) -> Any:
        if isinstance(value, float):
            return ctypes.c_double(value)
        if isinstance(value, (bool, int)):
            return ctypes.c_int(value)
        return super()._argument(value)

    def _fdjac2(self, fcn: Any, m: int, n: int, *arrays: Any) -> int:
        x, fvec, fjac, epsfcn, work = arrays
        args = (fcn, None, m, n, x, fvec, fjac, fjac.shape[0], epsfcn, work)
        status = int(self._call("fdjac2", *args, restype=ctypes.c_int))
        return status if status else 2  # MINPACK leaves iflag at 2 where cminpack returns 0

    def _solve(self, name: str, fcn: Any, head: tuple[Any, ...], tail: tuple[Any, ...]) -> int:
        return int(self._call(name, fcn, None, *head, *tail, restype=ctypes.c_int))

    def _callback(self, evaluate: Evaluate, jacobian: bool) -> Any:
        def native(data: None, m: int, n: int, x_at: int, fvec_at: int, *rest: int) -> int:
            assert data is None
            fjac_at, ldfjac = rest[:2] if jacobian else (None, 0)
            return self._guarded(evaluate, rest[-1], m, n, x_at, fvec_at, fjac_at, ldfjac)

        pointer, integer = ctypes.c_void_p, ctypes.c_int
        matrix = [pointer, integer] if jacobian else []
        arguments = [pointer, integer, integer, pointer, pointer, *matrix, integer]
        return ctypes.CFUNCTYPE(integer, *arguments)(native)
