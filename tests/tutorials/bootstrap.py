"""Bootstrap errors
================

A decay was measured once. The fit reports standard errors, but these come from a linear
approximation of the model at the solution. Are they right for this curve and this noise?

The bootstrap answers without that approximation. It makes many synthetic curves, by scattering the
residuals of the fit anew over the fitted model, and fits each of them. How much the parameters vary
from curve to curve is their error. It takes two thousand fits, and ``leastsq_many`` makes them all
in one call.

Run it as ``python bootstrap.py [FOLDER]``; it needs matplotlib, and draws to FOLDER.
"""

import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib import pyplot as plt

from leastsq import leastsq, leastsq_many

Array = npt.NDArray[np.float64]

# %%
# One fit, and what its covariance says
# -------------------------------------
# The measured curve has 80 samples, all with the same noise, and three parameters: an amplitude, a
# rate and what is left at the end.
T = np.linspace(0.0, 4.0, 80)
RNG = np.random.default_rng(7)
MEASURED = 3.0 * np.exp(-1.2 * T) + 0.5 + 0.1 * RNG.standard_normal(T.size)


# %%
# The residual is the model less the values. It is written so that it serves one fit and many. In
# one fit ``p`` has the shape (3,) and ``values`` (80,). In a vectorized call for S fits at once
# ``p`` has the shape (3, S, 1) and ``values`` (S, 80): each of ``p[0]``, ``p[1]`` and ``p[2]`` is
# then a column, which broadcasts against ``T`` to a row of residuals for each fit.
def residual(p: Array, values: Array) -> Array:
    """Return how far a decay is from values; p and values may be those of many fits."""
    away: Array = p[0] * np.exp(-p[1] * T) + p[2] - values
    return away


x, cov_x, infodict, _, ier = leastsq(
    residual, [1.0, 1.0, 0.0], args=(MEASURED,), full_output=True
)
assert ier in (1, 2, 3, 4)
assert cov_x is not None

# %%
# The standard errors of the linear approximation are those of :doc:`first_fit`: the variance of the
# noise is estimated from the residuals, ``infodict["fvec"]``, and scales ``cov_x``.
variance = infodict["fvec"] @ infodict["fvec"] / (T.size - x.size)
covariance = variance * cov_x
linear = np.sqrt(np.diag(covariance))

# %%
# Two thousand synthetic curves
# -----------------------------
# Residuals are drawn with replacement, 80 for each curve. The fit has used three degrees of freedom
# to make the residuals small, so that they scatter a little less than the noise: the square root of
# 80/77 makes up for it.
#
# The fitted model is recovered from the residuals, which are model less measurement. Drawing the
# residuals of any sample for any other is allowed because the noise of all samples is the same, and
# independent from sample to sample. Where
# they do not, divide the residuals by their standard deviations first, and multiply what is drawn
# by those of the samples that it goes to.
model = MEASURED + infodict["fvec"]
drawn = RNG.choice(infodict["fvec"], (2000, T.size)) * np.sqrt(T.size / (T.size - x.size))

# %%
# ``data`` has the shape (2000, 80): its first axis counts the fits, and each gets its row as the
# second argument of ``residual``. The start ``x``, of shape (3,), is for all fits. It is the
# solution of the measured curve, which is close to all the others, so that few iterations are
# needed. ``vectorized=True`` says that the residual takes many fits at once, and ``cov=False``
# leaves out the covariances, which the bootstrap does not use.
result = leastsq_many(residual, x, data=model - drawn, vectorized=True, cov=False)
print(result)

# %%
# One row of ``result.x`` is one fit. Look at ``result.success`` before using it: a fit that has not
# converged would widen the distribution.
assert result.success.all()
errors = result.x.std(axis=0, ddof=1)
for name, value, a, b in zip(("amplitude", "rate", "rest"), x, linear, errors, strict=True):
    print(f"{name:10} {value:.3f}  linearised {a:.3f}  bootstrap {b:.3f}")

# %%
# Both agree here: the noise is small enough for the model to be nearly linear over the range of the
# errors. Where they differ, the linear approximation is not good enough. Report the interval of the
# bootstrap then, because the distribution is often not symmetric.
low, high = np.percentile(result.x, [2.5, 97.5], axis=0)
print(f"95 % interval of the rate: {low[1]:.3f} to {high[1]:.3f}")

# %%
# The picture
# -----------
# At the left, the rates of all fits, with the normal distribution of the linear approximation. At
# the right, what a single standard error does not show: amplitude and rate are correlated. The
# ellipse holds 95 % of a normal distribution with the covariance of the fit.
figure, (rates, pairs) = plt.subplots(1, 2, layout="constrained", figsize=(8, 3.4))
rates.hist(result.x[:, 1], bins=40, density=True, alpha=0.5, label="bootstrap")
r = np.linspace(*rates.get_xlim(), 200)
normal = np.exp(-0.5 * ((r - x[1]) / linear[1]) ** 2) / (np.sqrt(2.0 * np.pi) * linear[1])
rates.plot(r, normal, label="linearised")
rates.set(xlabel="rate", ylabel="density")
rates.legend()
angle = np.linspace(0.0, 2.0 * np.pi, 100)
circle = np.sqrt(-2.0 * np.log(0.05)) * np.array([np.cos(angle), np.sin(angle)])
pairs.plot(*result.x[:, :2].T, ".", markersize=2, alpha=0.5)
pairs.plot(*(x[:2, None] + np.linalg.cholesky(covariance[:2, :2]) @ circle))
pairs.set(xlabel="amplitude", ylabel="rate")
if len(sys.argv) > 1:
    figure.savefig(Path(sys.argv[1]) / "bootstrap.png")

assert np.allclose(errors, linear, rtol=0.15)
