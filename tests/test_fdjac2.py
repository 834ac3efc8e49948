"""fdjac2 against the 1980 library, to the last bit."""

from typing import Any

import numpy as np
import pytest
from reference import EPS_1980, FILL, Evaluate, FloatArray, Library, assert_same


class Recorder:
    """A smooth residual that records its calls and requests termination at a given one."""

    def __init__(self, m: int, n: int, seed: int, stop_at: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.weights, self.rates = rng.standard_normal((2, m, n))
        self.stop_at, self.calls = stop_at, list[tuple[int, bytes]]()

    def residual(self, x: FloatArray) -> FloatArray:
        values: FloatArray = (self.weights * np.sin(self.rates * x)).sum(axis=1)
        return values

    def __call__(self, iflag: int, x: FloatArray, fvec: FloatArray | None, fjac: Any) -> int:
        assert fvec is not None
        self.calls.append((iflag, x.tobytes()))
        fvec[:] = self.residual(x)
        return -self.stop_at - 4 if len(self.calls) == self.stop_at else 0


def _compare(
    native_api: Library, original: Library, x: FloatArray, epsfcn: float, recorder: dict[str, int]
) -> tuple[Any, ...]:
    """Run both and compare results, x and the workspace afterwards, and calls."""
    runs = []
    for library in (native_api, original):
        evaluate = Recorder(**recorder)
        fvec = evaluate.residual(x)
        results = library.fdjac2(evaluate, x, fvec, epsfcn, padding=2)
        runs.append((results, tuple(evaluate.calls)))
    (results, calls), want = runs
    assert_same(results, want[0], (x, recorder))
    assert calls == want[1]
    return results


@pytest.mark.parametrize("epsfcn", [EPS_1980, 2.3e-16, 1e-12, 1e-6, 0.3])
def test_random_points(native_api: Library, original: Library, epsfcn: float) -> None:
    rng = np.random.default_rng(50)
    for seed in range(120):
        m, n = (int(size) for size in rng.integers(1, 9, 2))
        x = rng.standard_normal(n) * 10 ** rng.uniform(-9, 9, n)
        x[rng.random(n) < 0.3] = rng.choice([0.0, -0.0])
        iflag, after, fjac, _ = _compare(
            native_api, original, x, epsfcn, {"m": m, "n": n, "seed": seed}
        )
        assert iflag >= 0
        assert_same(after, x)
        assert (fjac[m:] == FILL).all()


def test_user_stops_at_each_call(native_api: Library, original: Library) -> None:
    """The point keeps the increment of the column at which the user stopped."""
    x = np.array([1.0, 0.0, -3e5, 1e-9, 1 / 3])
    for stop_at in range(1, 7):
        case = {"m": 3, "n": 5, "seed": 1, "stop_at": stop_at}
        iflag, after, fjac, _ = _compare(native_api, original, x, 1e-8, case)
        if stop_at == 6:
            assert iflag >= 0
            break
        assert iflag == -stop_at - 4
        assert np.flatnonzero(after != x).tolist() == [stop_at - 1]
        assert (fjac[:, stop_at - 1 :] == FILL).all()


@pytest.mark.parametrize("epsfcn", [0.0, -1.0, 1e-20])
def test_step_is_at_least_the_root_of_the_machine_epsilon(
    native_api: Library, epsfcn: float
) -> None:
    """The 1980 library's epsilon is a literal, so both formula and bits use the library's own."""
    x = np.array([2.0, 0.0, -5.0])
    root = np.sqrt(native_api.dpmpar(1))
    want = np.tile(x, (3, 1)) + np.diag([root * 2, root, root * 5])
    seen: list[FloatArray] = []

    def evaluate(iflag: int, x: FloatArray, fvec: FloatArray | None, fjac: Any) -> int:
        seen.append(x.copy())
        return 0

    native_api.fdjac2(evaluate, x, np.zeros(2), epsfcn)
    assert_same(np.array(seen), want)


def test_quotients(native_api: Library) -> None:
    """Column j is (f(x + h e_j) - f(x)) / h with h = sqrt(epsfcn) |x_j|, or sqrt(epsfcn) at 0."""
    x = np.array([3.0, 0.0, -0.7])
    square: Evaluate = _write_squares
    fvec = x * x
    _, _, fjac, _ = native_api.fdjac2(square, x, fvec, 1e-6)
    h = np.sqrt(1e-6) * np.abs(x)
    h[1] = np.sqrt(1e-6)
    assert_same(fjac, np.diag(((x + h) ** 2 - fvec) / h))


def _write_squares(iflag: int, x: FloatArray, fvec: FloatArray | None, fjac: Any) -> int:
    assert fvec is not None
    fvec[:] = x * x
    return 0
