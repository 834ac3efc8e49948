"""A first fit, and its errors
===========================

A hot casting cools in the air: how fast, and how well do we know that?

Run it as ``python first_fit.py [FOLDER]``; it needs matplotlib, and draws to FOLDER.
"""

import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib import pyplot as plt

from leastsq import leastsq

Array = npt.NDArray[np.float64]

# %%
# The data
# --------
# Forty temperatures, each with a standard deviation of 3 K. They are made up, so that we know the
# truth: 100 K above the air at first, a rate of 0.4 per hour, and air of 12 degrees Celsius.
TRUTH = np.array([100.0, 0.4, 12.0])
SIGMA = 3.0
t = np.linspace(0.0, 10.0, 40)  # hours


def decay(p: Array, t: Array) -> Array:
    """Return temperatures that start p[0] above p[2], and decay to it at the rate p[1]."""
    values: Array = p[0] * np.exp(-p[1] * t) + p[2]
    return values


measured = decay(TRUTH, t) + SIGMA * np.random.default_rng(1).standard_normal(t.size)


# %%
# The fit
# -------
# ``leastsq`` wants a function that returns the residuals, one for each sample; their squares are
# summed inside. What comes after the parameters is handed through by ``args``. A rough start is
# enough, but it matters that it is of the right order of magnitude.
def residual(p: Array, t: Array, measured: Array) -> Array:
    """Return how far the model is from what was measured."""
    return decay(p, t) - measured


x, ier = leastsq(residual, [50.0, 1.0, 0.0], args=(t, measured))
print(x.round(3))

# %%
# Did it work? ``full_output`` returns what is needed to tell. An exit code of 1, 2, 3 or 4 says
# that the solve has converged. ``cov_x`` is None where it met a NaN, or where a parameter has no
# effect (see :doc:`failing_fits`).
x, cov_x, infodict, message, ier = leastsq(
    residual, [50.0, 1.0, 0.0], args=(t, measured), full_output=True
)
print(message)
assert ier in (1, 2, 3, 4)
assert cov_x is not None

# %%
# Standard errors
# ---------------
# ``cov_x`` is the inverse of J\ :sup:`T`\ J, where J is the Jacobian of the residuals. What it says
# depends on what is known about the noise.
#
# If each residual is divided by its standard deviation, ``cov_x`` is the covariance of the
# parameters. Here all deviations are alike, so that multiplying it afterwards does the same.
known = SIGMA * np.sqrt(np.diag(cov_x))

# %%
# If the noise is not known, the residuals tell it: the sum of their squares over the degrees of
# freedom, which are samples less parameters, estimates the variance.
variance = infodict["fvec"] @ infodict["fvec"] / (t.size - x.size)
estimated = np.sqrt(variance * np.diag(cov_x))
print(f"standard deviation of the noise: {np.sqrt(variance):.2f}, made with {SIGMA}")
names = ("excess", "rate", "air")
for name, value, a, b in zip(names, x, known, estimated, strict=True):
    print(f"{name:6} {value:8.3f}  +- {a:.3f} (noise known)  +- {b:.3f} (estimated)")

# %%
# A 95 % interval is 1.96 standard errors to both sides if the noise is known. If it is estimated,
# take ``scipy.stats.t.ppf(0.975, m - n)`` in place of 1.96. Where the model is far from linear
# within the errors, see :doc:`bootstrap`.
#
# ``curve_fit`` does the same with a model in place of a residual, and returns the covariance ready
# for use; ``absolute_sigma`` chooses between the two.
#
# The picture
# -----------
# Residuals that scatter about zero without a trend give no reason to doubt the model.
figure, (above, below) = plt.subplots(
    2, sharex=True, height_ratios=[3, 1], layout="constrained", figsize=(6, 4.5)
)
above.errorbar(t, measured, SIGMA, fmt=".", label="measured")
above.plot(t, decay(x, t), label="fit")
above.set_ylabel("temperature (°C)")
above.legend()
below.errorbar(t, -infodict["fvec"], SIGMA, fmt=".")
below.axhline(0.0, color="gray", linewidth=1)
below.set(xlabel="time (hours)", ylabel="data - fit")
if len(sys.argv) > 1:
    figure.savefig(Path(sys.argv[1]) / "first_fit.png")

assert np.all(np.abs(x - TRUTH) < 3.0 * known)
