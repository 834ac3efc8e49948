"""Decay curves of unequal length: padded to the longest, the padding with weight 0.

Run it as ``python unequal_lengths.py``.
"""

# %% Three hundred curves; each instrument stopped when it liked, and has a noise of its own.
import numpy as np
import numpy.typing as npt

from leastsq import leastsq, leastsq_many

Array = npt.NDArray[np.float64]

RNG = np.random.default_rng(3)
RATES = RNG.uniform(0.5, 2.0, 300)
SIGMA = RNG.uniform(0.02, 0.1, 300)
TIMES = [np.sort(RNG.uniform(0.0, 5.0, RNG.integers(12, 60))) for _ in RATES]
CURVES = [
    2.0 * np.exp(-rate * t) + sigma * RNG.standard_normal(t.size)
    for rate, sigma, t in zip(RATES, SIGMA, TIMES, strict=True)
]


# %% Padding. What stands there does not matter, for its weight is 0; elsewhere it is 1/sigma.
def padded(rows: list[Array]) -> Array:
    """Return rows as one array, 0 after their ends."""
    array = np.zeros((len(rows), max(map(len, rows))))
    for place, row in zip(array, rows, strict=True):
        place[: row.size] = row
    return array


times, values = padded(TIMES), padded(CURVES)
weights = padded([np.full(t.size, 1.0 / sigma) for t, sigma in zip(TIMES, SIGMA, strict=True)])


def residual(p: Array, t: Array, y: Array) -> Array:
    """Return how far decays are from y at times t."""
    away: Array = p[0] * np.exp(-p[1] * t) - y
    return away


result = leastsq_many(
    residual, [1.0, 1.0], data=(times, values), weights=weights, vectorized=True
)
print(result)
assert result.success.all()
assert np.array_equal(result.dof, [t.size - 2 for t in TIMES])

# %% The same as each curve alone, to rounding: the sums have zeros in them, and are the same sums.
for k in (0, 100, 299):
    x, _ = leastsq(lambda p, k=k: residual(p, TIMES[k], CURVES[k]) / SIGMA[k], [1.0, 1.0])
    assert np.allclose(x, result.x[k], rtol=1e-6)

# %% Errors, with sigma known, and how well the noise was known: chi squared is near dof.
pulls = (result.x[:, 1] - RATES) / result.standard_errors(absolute_sigma=True)[:, 1]
print(f"rates are off by {pulls.std():.2f} standard errors; ", end="")
print(f"chi squared over dof: {result.ssq.sum() / result.dof.sum():.2f}")
assert abs(pulls.std() - 1.0) < 0.15
