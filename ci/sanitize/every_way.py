"""Small problems by every way into the core; the results must not depend on the instruction set.

    python ci/sanitize/every_way.py LIBRARY

LIBRARY is tests/decay.c, compiled. ci/sanitize.sh runs this under valgrind, for which the tests are
too long. Every byte of every result goes through a checksum: to valgrind one that was never set is
an uninitialised value in an index.
"""

from __future__ import annotations

import ctypes
import pickle
import sys
import warnings
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from leastsq import (
    CompiledResidual,
    LevenbergMarquardt,
    _minpack,
    curve_fit,
    leastsq,
    leastsq_many,
    minpack,
)

Array = npt.NDArray[np.float64]

T = np.linspace(0.0, 4.0, 11)
START = [1.0, 1.0, 0.0]
SHAPES = [(1, 1), (2, 2), (5, 3), (8, 8), (9, 4), (17, 16), (20, 19), (33, 17), (66, 66), (130, 2),
          (260, 9)]  # fmt: skip


def decay(p: Array, y: Array) -> Array:
    """Residuals of a decay, for one problem or several."""
    residuals: Array = p[0] * np.exp(-p[1] * T) + p[2] - y
    return residuals


def slopes(p: Array, y: Array) -> Array:
    """Jacobian of `decay`, (..., M, N)."""
    e = np.exp(-p[1] * T)
    return np.stack(np.broadcast_arrays(e, -p[0] * T * e, np.ones_like(e)), axis=-1)


def columns(p: Array, y: Array) -> Array:
    """Return the Jacobian by columns, (N, M)."""
    return slopes(p, y).T.copy()


def model(t: Array, *p: float) -> Array:
    """Return the decay of curve_fit."""
    values: Array = p[0] * np.exp(-p[1] * t) + p[2]
    return values


def building_blocks(rng: np.random.Generator) -> Iterator[Any]:
    """Yield QR factors, solutions and covariances of sizes around those of vectors."""
    for m, n in SHAPES:
        a = rng.standard_normal((m, n)) * 10.0 ** rng.integers(-3, 3, n)
        a[:, -1] = a[:, 0]
        a[rng.random((m, n)) < 0.1] = 0.0
        yield minpack.enorm(a[:, 0])
        yield minpack.qrfac(a, pivot=False)
        factors = minpack.qrfac(a)
        yield factors
        r, order, diag = np.triu(a[:n]), rng.permutation(n), rng.random(n)
        yield minpack.qrsolv(r, order, diag * (rng.random(n) < 0.8), np.ones(n))
        yield minpack.lmpar(r, order, diag + 0.1, np.ones(n), 0.1, 0.0)
        yield minpack.covar(r, order, 1e-10)


def solves(data: Array) -> Iterator[Any]:
    """Yield a fit in every mode of `leastsq`, `curve_fit` and `LevenbergMarquardt`."""
    y = data[0]
    for options in (
        {}, {"Dfun": slopes}, {"Dfun": columns, "col_deriv": True}, {"diag": [1.0, 2.0, 3.0]},
        {"vectorized": True}, {"vectorized": True, "Dfun": slopes}, {"workers": map},
        {"callback": lambda x: None}, {"maxfev": 3}, {"factor": 1e-3},
    ):  # fmt: skip
        yield leastsq(decay, START, (y,), full_output=True, **options)
    for sigma in (None, np.full(T.size, 0.1), np.eye(T.size) + 0.1):
        yield curve_fit(model, T, y, START, sigma=sigma)
    for analytic in (False, True):
        solve = LevenbergMarquardt(START, T.size, analytic=analytic)
        while (points := solve.ask()) is not None:
            if solve.request == "jacobian":
                solve.tell(points, slopes(points[0], y))
            else:
                for point in points[::-1]:
                    solve.tell([point], [decay(point, y)])
                    solve = pickle.loads(pickle.dumps(solve))  # noqa: S301  (our own)
            yield solve.x, solve.result() if solve.nfev > 0 else None


def batches(data: Array, library: ctypes.CDLL, rng: np.random.Generator) -> Iterator[Any]:
    """Yield fits by Python, vectorized and compiled functions, with lanes full and not."""
    weights = rng.integers(0, 3, data.shape).astype(float)
    spoiled = np.where(rng.random(data.shape) < 0.02, np.nan, data)
    compiled = CompiledResidual(library.decay, T.size)
    both = CompiledResidual(library.decay_and_slopes, T.size, jacobian=True)
    kinds: list[dict[str, Any]] = [
        {}, {"weights": weights}, {"Dfun": slopes}, {"cov": False, "maxfev": 9},
        {"data": spoiled, "nan_policy": "omit"}, {"data": spoiled},
    ]  # fmt: skip
    for kind in kinds:
        options = {"data": data} | kind
        yield leastsq_many(decay, START, **options)
        yield leastsq_many(decay, START, vectorized=True, **options)
        if "Dfun" not in options:
            yield leastsq_many(compiled, START, **options)
            yield leastsq_many(both, START, args=T, **options)
    for m, n in SHAPES[:-2]:
        a, y = rng.standard_normal((9, m, n)), rng.standard_normal((9, m))

        def linear(p: Array, a: Array, y: Array) -> Array:
            residuals: Array = sum(a[..., j] * p[j] for j in range(len(p))) - y
            return residuals

        yield leastsq_many(linear, np.ones(n), data=(a, y), vectorized=True, maxfev=2 * n + 4)


def checksum(value: Any) -> int:  # noqa: ANN401  (anything that a function returns)
    """Return a checksum of all the bytes of all arrays."""
    if isinstance(value, dict):
        return checksum(list(value.values()))
    if isinstance(value, (tuple, list)):
        return zlib.crc32(repr([checksum(part) for part in value]).encode())
    if hasattr(value, "cov_x"):
        return checksum([value.x, value.cov_x, value.ssq, value.ier, value.nfev, value.success])
    if value is None or isinstance(value, str):
        return 0
    return zlib.crc32(np.ascontiguousarray(value).tobytes())


def checksums(library: ctypes.CDLL) -> list[int]:
    """Return the checksums of all results."""
    rng = np.random.default_rng(1978)
    data = np.array([model(T, *p) for p in rng.uniform(0.5, 3.0, (21, 3))])
    data += 0.05 * rng.standard_normal(data.shape)
    ways = building_blocks(rng), solves(data), batches(data, library, rng)
    return [checksum(result) for way in ways for result in way]


def main() -> int:
    """Return 1 unless all instruction sets give the same bits."""
    warnings.simplefilter("ignore", RuntimeWarning)
    library, found = ctypes.CDLL(sys.argv[1]), {}
    for name in ("baseline", "avx2", "avx512"):
        try:
            _minpack.select_simd(name)
        except ValueError:
            continue
        with np.errstate(all="ignore"):
            found[name] = checksums(library)
        print(f"{name}: {len(found[name])} results")
    return len({tuple(sums) for sums in found.values()}) != 1


if __name__ == "__main__":
    sys.exit(main())
