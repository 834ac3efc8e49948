"""Curves of unequal length
========================

``leastsq_many`` takes the data of all fits as one array, so that each has the same number of
samples. Measured curves often have not: one was stopped early, another was sampled at other times.
How are they fitted in one call?

They are padded to the length of the longest, and what was added gets the weight 0, by which it is
left out. The weights serve a second purpose here: each curve has a noise of its own.

Run it as ``python unequal_lengths.py [FOLDER]``; it needs matplotlib, and draws to FOLDER.
"""

import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib import pyplot as plt

from leastsq import leastsq, leastsq_many

Array = npt.NDArray[np.float64]

# %%
# The curves
# ----------
# Three hundred decays of 12 to 59 samples, at times of their own. The standard deviation of the
# noise is known for each, and differs from curve to curve.
RNG = np.random.default_rng(3)
RATES = RNG.uniform(0.5, 2.0, 300)
SIGMA = RNG.uniform(0.02, 0.1, 300)
TIMES = [np.sort(RNG.uniform(0.0, 5.0, RNG.integers(12, 60))) for _ in RATES]
CURVES = [
    2.0 * np.exp(-rate * t) + sigma * RNG.standard_normal(t.size)
    for rate, sigma, t in zip(RATES, SIGMA, TIMES, strict=True)
]


# %%
# Padding
# -------
# The rows of ``TIMES`` and ``CURVES`` become arrays of shape (300, 59), with zeros after the end of
# each row. The weights are 1/sigma, and their padding is what matters: 0 leaves a sample out. What
# is in the padding of the others has no effect on the fit, NaN included.
def padded(rows: list[Array]) -> Array:
    """Return rows as one array, 0 after their ends."""
    array = np.zeros((len(rows), max(map(len, rows))))
    for place, row in zip(array, rows, strict=True):
        place[: row.size] = row
    return array


times, values = padded(TIMES), padded(CURVES)
inverses = [np.full(t.size, 1.0 / sigma) for t, sigma in zip(TIMES, SIGMA, strict=True)]
weights = padded(inverses)


# %%
# The fits
# --------
# ``data`` is a tuple of two arrays here, and each fit gets its row of both: the times are data too,
# as they differ from curve to curve. The residual is vectorized, as in :doc:`many_fits`: for S fits
# at once ``p`` has the shape (2, S, 1), and ``t`` and ``y`` have (S, 59). It knows nothing of the
# weights, which are applied to what it returns.
def residual(p: Array, t: Array, y: Array) -> Array:
    """Return how far decays are from y at times t."""
    away: Array = p[0] * np.exp(-p[1] * t) - y
    return away


result = leastsq_many(
    residual, [1.0, 1.0], data=(times, values), weights=weights, vectorized=True
)
print(result)
assert result.success.all()

# %%
# The samples that were left out do not count as degrees of freedom either. These are what a curve
# really has, samples less parameters:
assert np.array_equal(result.dof, [t.size - 2 for t in TIMES])

# %%
# The same as each curve alone
# ----------------------------
# A sample of weight 0 adds 0 to the sums that are minimised. So the result is that of ``leastsq``
# for the curve without its padding, its residuals multiplied by the same weights.
for k in (0, 100, 299):
    x, _ = leastsq(
        lambda p, k=k: residual(p, TIMES[k], CURVES[k]) * inverses[k], [1.0, 1.0]
    )
    print(k, x, result.x[k])
    assert np.allclose(x, result.x[k], rtol=1e-6)

# %%
# Errors
# ------
# The weights are 1/sigma as it is known, which ``absolute_sigma=True`` says. What was found less
# the truth, over the standard errors, then scatters with a standard deviation of 1. Whether sigma
# was known well can also be told without the truth: ``result.ssq`` is chi squared, which should be
# close to the degrees of freedom.
errors = result.standard_errors(absolute_sigma=True)
pulls = (result.x[:, 1] - RATES) / errors[:, 1]
print(f"rates are off by {pulls.std():.2f} standard errors")
print(f"chi squared over dof: {result.ssq.sum() / result.dof.sum():.2f}")

# %%
# A short curve, one of middle length and a long one, with their fits. The rate of the short one is
# known least.
figure, axes = plt.subplots(1, 3, sharey=True, figsize=(9, 3), layout="constrained")
by_length = np.argsort(result.dof)
for axis, k in zip(axes, by_length[[0, 150, -1]], strict=True):
    axis.errorbar(TIMES[k], CURVES[k], SIGMA[k], fmt=".")
    fine = np.linspace(0.0, 5.0, 100)
    axis.plot(fine, residual(result.x[k], fine, np.zeros(fine.size)))
    rate = f"rate {result.x[k, 1]:.2f} ± {errors[k, 1]:.2f}"
    axis.set(title=f"{TIMES[k].size} samples, {rate}", xlabel="time")
if len(sys.argv) > 1:
    figure.savefig(Path(sys.argv[1]) / "unequal_lengths.png")

assert abs(pulls.std() - 1.0) < 0.15
