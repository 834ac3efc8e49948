from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

_Array = npt.NDArray[np.float64]
_Index = npt.NDArray[np.int32]
_Problems = npt.NDArray[np.int64]

__pyx_capi__: dict[str, object]

def fresh_vector(value: npt.ArrayLike, /) -> _Array: ...
def solve(
    func: Callable[..., Any],
    x: _Array,
    args: tuple[Any, ...],
    dfun: Callable[..., Any] | None,
    transposed: bool,
    ftol: float,
    xtol: float,
    gtol: float,
    maxfev: int,
    factor: float,
    diag: _Array | None,
    epsfcn: float | None,
    /,
) -> tuple[int, bool, int, int, _Array, _Array, _Index, _Array]: ...
def first_residual(
    func: object, x: _Array, args: tuple[Any, ...], vectorized: bool, /
) -> tuple[_Array, float | None]: ...
def begin(
    x: _Array,
    m: int,
    analytic: bool,
    ftol: float,
    xtol: float,
    gtol: float,
    maxfev: int,
    factor: float,
    diag: _Array | None,
    epsfcn: float | None,
    /,
) -> object: ...
def status(solve: object, /) -> tuple[int, int, int, int, int]: ...
def points(solve: object, /) -> _Array: ...
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
def current_point(solve: object, /) -> tuple[_Array, _Array, int, int]: ...
def results(
    solve: object, /
) -> tuple[int, bool, int, int, _Array, _Array, _Array, _Index, _Array]: ...
def save(solve: object, /) -> tuple[npt.NDArray[np.uint8], _Array | None]: ...
def restore(block: npt.NDArray[np.uint8], factors: _Array | None, /) -> object | None: ...
def bind(
    address: int,
    jacobian: bool,
    p: int,
    m: int,
    tells_m: bool,
    n: int,
    relative_error: float,
    functions: tuple[tuple[Any, ...], ...],
    args: tuple[Any, ...],
    keep: object,
    /,
) -> object | None: ...
def failure(compiled: object, /) -> tuple[int, _Array]: ...
def capsule(capsule: object, /) -> tuple[int, str | None, int]: ...
def batch(
    slots: int,
    m: int,
    n: int,
    analytic: bool,
    weighted: bool,
    nan_policy: int,
    settings: tuple[float, float, float, int, float, _Array | None, float],
    results: tuple[npt.NDArray[Any] | None, ...],
    /,
) -> object: ...
def batch_fill(
    batch: object, problems: _Problems, x: _Array, weights: _Array | None, /
) -> int: ...
def batch_wanting(batch: object, /) -> list[tuple[int, _Index, _Problems]]: ...
def batch_points(batch: object, slots: _Index, /) -> tuple[_Array, _Array]: ...
def batch_put(batch: object, slots: _Index, column: int, result: object, /) -> int: ...
def batch_put_jacobian(
    batch: object, slots: _Index, result: object, transposed: bool, /
) -> None: ...
def batch_fail(batch: object, slot: int, /) -> None: ...
def batch_call(
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
    weights: _Array | None,
    /,
) -> tuple[int, int, int, int]: ...
def batch_advance(batch: object, /) -> int: ...
def batch_stop(batch: object, /) -> None: ...
def covariance(fjac: _Array, ipvt: _Index, /) -> _Array | None: ...
def model_residual(
    f: Callable[..., Any],
    xdata: object,
    ydata: npt.NDArray[Any],
    transform: npt.NDArray[Any] | None,
    p: npt.NDArray[Any],
    /,
) -> object: ...
def whiten(triangle: _Array, rows: object, together: int, /) -> _Array: ...
def build_config() -> dict[str, str]: ...
def select_simd(name: str | None, /) -> None: ...
def enorm(x: _Array) -> float: ...
def qrfac(a: _Array, pivot: int, ipvt: _Index, rdiag: _Array, acnorm: _Array) -> None: ...
def qrsolv(
    r: _Array, ipvt: _Index, diag: _Array, qtb: _Array, x: _Array, sdiag: _Array
) -> None: ...
def lmpar(
    r: _Array,
    ipvt: _Index,
    diag: _Array,
    qtb: _Array,
    delta: float,
    par: float,
    x: _Array,
    sdiag: _Array,
) -> float: ...
def covar(r: _Array, ipvt: _Index, tol: float) -> None: ...
def chkder(
    x: _Array,
    fvec: _Array,
    fjac: _Array,
    xp: _Array,
    fvecp: _Array,
    mode: int,
    err: _Array,
) -> None: ...
