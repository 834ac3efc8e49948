"""Random least-squares problems; together they reach every exit code."""

from typing import Any

import numpy as np
from reference import FloatArray, Settings

TOLERANCES = [
    Settings(),
    Settings(ftol=0.0, xtol=0.0),
    Settings(ftol=0.0, xtol=0.0, gtol=1e-4),
    Settings(ftol=1e-3, xtol=0.0),
    Settings(ftol=0.0, xtol=1e-2),
    Settings(ftol=1e-2, xtol=1e-1),
    Settings(ftol=1e-12, xtol=1e-12, gtol=1e-12),
]


class Problem:
    """Smooth residuals of badly scaled, sometimes redundant unknowns, and their Jacobian.

    As a native callback it records its calls and requests termination at a given one.
    """

    def __init__(self, seed: int, stop_at: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.n = int(rng.integers(1, 7))
        self.m = self.n + int(rng.integers(0, 9))
        self.kind = seed % 6
        self.weights, self.rates = rng.standard_normal((2, self.m, self.n))
        self.scale = 10 ** rng.uniform(-1, 1, self.n) ** rng.choice([1, 3])
        for matrix in (self.weights, self.rates) if rng.random() < 0.2 else ():
            matrix[:, -1] = rng.choice([0.0, 1.0]) * matrix[:, 0]
        self.data = np.zeros(self.m)
        hidden = self.scale * rng.standard_normal(self.n) * (self.kind != 4)
        noise = (self.kind != 4) * rng.choice([0.0, 1e-8, 1e-3, 1.0]) * rng.standard_normal(self.m)
        self.data = self.values(hidden)[0] + noise
        away = self.scale * rng.standard_normal(self.n) * 10 ** rng.uniform(-2, 1)
        self.x0 = (hidden + away) * (rng.random() < 0.9)
        if self.kind == 5:  # linear, and stationary at zero up to rounding
            data = rng.standard_normal(self.m)
            fitted = self.weights @ np.linalg.lstsq(self.weights, data)[0]
            self.data = 1e-30 * (data - fitted)
            self.x0 *= 0
        self.settings = self._settings(rng)
        self.stop_at, self.calls = stop_at, list[tuple[int, bytes, bytes]]()

    def _settings(self, rng: np.random.Generator) -> Settings:
        diag = None
        if rng.random() < 0.3:
            diag = tuple(float(value) for value in 10 ** rng.uniform(-2, 2, self.n))
        use = TOLERANCES[int(rng.integers(len(TOLERANCES)))].replace(
            factor=float(10 ** rng.uniform(-2, 2)), diag=diag, padding=int(rng.integers(0, 3))
        )
        if rng.random() < 0.3:
            use = use.replace(epsfcn=float(10 ** rng.uniform(-15, -6)))
        if rng.random() < 0.15:
            use = use.replace(maxfev=int(rng.integers(1, 12)))
        return use

    def values(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        u = x / self.scale
        if self.kind in {0, 5}:
            f, slope = self.weights * u, self.weights
        elif self.kind == 1:
            f = self.weights * u + self.rates * u * u
            slope = self.weights + 2 * self.rates * u
        elif self.kind == 2:
            e = np.exp(0.5 * self.rates * u)
            f, slope = self.weights * e, 0.5 * self.weights * self.rates * e
        elif self.kind == 3:
            f = self.weights * np.sin(self.rates * u)
            slope = self.weights * self.rates * np.cos(self.rates * u)
        else:  # singular at its root, like Powell's: one row is linear, the others are squares
            root = (self.weights * u).sum(axis=1, keepdims=True)
            root[0] = 0.5
            f, slope = self.weights * u * root, 2 * self.weights * root
            f[0] = self.weights[0] * u
        return f.sum(axis=1) - self.data, slope / self.scale

    def __call__(self, iflag: int, x: FloatArray, fvec: Any, fjac: Any) -> int:
        known = iflag == 0 or (iflag == 2 and fjac is not None)
        self.calls.append((iflag, x.tobytes(), fvec.tobytes() if known else b""))
        if iflag == 2 and fjac is not None:
            fjac[:] = self.values(x)[1]
        elif iflag != 0:
            fvec[:] = self.values(x)[0]
        return -self.stop_at - 10 if len(self.calls) == self.stop_at else 0
