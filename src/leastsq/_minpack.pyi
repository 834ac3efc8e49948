from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

_Doubles = npt.NDArray[np.float64]
_Ints = npt.NDArray[np.int32]
_Int64s = npt.NDArray[np.int64]

__pyx_capi__: dict[str, object]

def fresh_vector(value: npt.ArrayLike, /) -> _Doubles: ...
def solve(
    func: Callable[..., Any],
    x: _Doubles,
    args: tuple[Any, ...],
    dfun: Callable[..., Any] | None,
    transposed: bool,
    ftol: float,
    xtol: float,
    gtol: float,
    maxfev: int,
    factor: float,
    diag: _Doubles | None,
    epsfcn: float | None,
    /,
) -> tuple[int, bool, int, int, _Doubles, _Doubles, _Ints, _Doubles]: ...
def first_residual(
    func: object, x: _Doubles, args: tuple[Any, ...], vectorized: bool, /
) -> tuple[_Doubles, float | None]: ...
def begin(
    x: _Doubles,
    m: int,
    analytic: bool,
    ftol: float,
    xtol: float,
    gtol: float,
    maxfev: int,
    factor: float,
    diag: _Doubles | None,
    epsfcn: float | None,
    /,
) -> object: ...
def status(solve: object, /) -> tuple[int, int, int, int, int]: ...
def points(solve: object, /) -> _Doubles: ...
def put(solve: object, j: int, result: object, /) -> int: ...
def answer(
    solve: object,
    func: object,
    args: tuple[Any, ...],
    dfun: Callable[..., Any] | None,
    transposed: bool,
    vectorized: bool,
    to_the_end: bool,
    /,
) -> int: ...
def tell(solve: object, points: object, values: object, /) -> int | None: ...
def current_point(solve: object, /) -> tuple[_Doubles, _Doubles, int, int]: ...
def results(
    solve: object, /
) -> tuple[int, bool, int, int, _Doubles, _Doubles, _Doubles, _Ints, _Doubles]: ...
def save(solve: object, /) -> tuple[npt.NDArray[np.uint8], _Doubles | None]: ...
def restore(block: npt.NDArray[np.uint8], factors: _Doubles | None, /) -> object | None: ...
def bind(
    address: int,
    jacobian: bool,
    p: int,
    m: int,
    finds_m: bool,
    n: int,
    relative_error: float,
    functions: tuple[tuple[Any, ...], ...],
    args: tuple[Any, ...],
    owner: object,
    /,
) -> object | None: ...
def failure(compiled: object, /) -> tuple[int, _Doubles]: ...
def read_capsule(capsule: object, /) -> tuple[int, str | None, int]: ...
def batch(
    slots: int,
    m: int,
    n: int,
    analytic: bool,
    weighted: bool,
    nan_policy: int,
    settings: tuple[float, float, float, int, float, _Doubles | None, float],
    results: tuple[npt.NDArray[Any] | None, ...],
    /,
) -> object: ...
def batch_fill(
    batch: object, problems: _Int64s, x: _Doubles, weights: _Doubles | None, /
) -> int: ...
def batch_requests(batch: object, /) -> list[tuple[int, _Ints, _Int64s]]: ...
def batch_points(batch: object, slots: _Ints, /) -> tuple[_Doubles, _Doubles]: ...
def batch_put(batch: object, slots: _Ints, column: int, result: object, /) -> int: ...
def batch_put_jacobian(
    batch: object, slots: _Ints, result: object, transposed: bool, /
) -> None: ...
def batch_fail(batch: object, slot: int, /) -> None: ...
def batch_finish(
    batch: object,
    slot: int,
    func: Callable[..., Any],
    args: tuple[Any, ...],
    dfun: Callable[..., Any] | None,
    transposed: bool,
    vectorized: bool,
    /,
) -> int: ...
def batch_run(
    batch: object,
    compiled: object,
    next: int,
    end: int,
    first: int,
    weights: _Doubles | None,
    /,
) -> tuple[int, int, int, int]: ...
def batch_advance(batch: object, /) -> int: ...
def batch_stop(batch: object, /) -> None: ...
def covariance(fjac: _Doubles, ipvt: _Ints, /) -> _Doubles | None: ...
def model_residual(
    f: Callable[..., Any],
    xdata: object,
    ydata: npt.NDArray[Any],
    transform: npt.NDArray[Any] | None,
    p: npt.NDArray[Any],
    /,
) -> object: ...
def whiten(triangle: _Doubles, rows: object, nrhs: int, /) -> _Doubles: ...
def build_config() -> dict[str, str]: ...
def instruction_set() -> str: ...
def select_simd(name: str | None, /) -> None: ...
def enorm(x: _Doubles) -> float: ...
def qrfac(
    a: _Doubles, pivot: int, ipvt: _Ints, rdiag: _Doubles, acnorm: _Doubles, wa: _Doubles
) -> None: ...
def qrsolv(
    r: _Doubles,
    ipvt: _Ints,
    diag: _Doubles,
    qtb: _Doubles,
    x: _Doubles,
    sdiag: _Doubles,
    wa: _Doubles,
) -> None: ...
def lmpar(
    r: _Doubles,
    ipvt: _Ints,
    diag: _Doubles,
    qtb: _Doubles,
    delta: float,
    par: float,
    x: _Doubles,
    sdiag: _Doubles,
    wa1: _Doubles,
    wa2: _Doubles,
) -> float: ...
def covar(r: _Doubles, ipvt: _Ints, tol: float, wa: _Doubles) -> None: ...
def chkder(
    x: _Doubles,
    fvec: _Doubles,
    fjac: _Doubles,
    xp: _Doubles,
    fvecp: _Doubles,
    mode: int,
    err: _Doubles,
) -> None: ...
