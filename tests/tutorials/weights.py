"""Weights, masks and NaN
======================

A plate reader measures how fast an enzyme works at twenty concentrations of its substrate. Not
all rates are equally well known, one is wrong and one is missing.

Run it as ``python weights.py [FOLDER]``; it needs matplotlib, and draws to FOLDER.
"""

import sys
import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib import pyplot as plt

from leastsq import curve_fit, leastsq, leastsq_many

Array = npt.NDArray[np.float64]

# %%
# The data
# --------
# The rates follow Michaelis and Menten, with a limit of 80 µM per minute that is half reached at
# 0.6 mM. From repeated wells we know the standard deviation of each: a tenth of the rate, and at
# least 0.2. One well had a bubble in it, and another was out of the reader's range: a NaN.
TRUTH = np.array([80.0, 0.6])
START = [50.0, 1.0]
s = np.geomspace(0.01, 20.0, 20)  # mM


def menten(s: Array, limit: float, half: float) -> Array:
    """Return the rates at concentrations s; half is where they reach half their limit."""
    values: Array = limit * s / (half + s)
    return values


sigma = np.hypot(0.2, 0.1 * menten(s, *TRUTH))
rate = menten(s, *TRUTH) + sigma * np.random.default_rng(22).standard_normal(s.size)
rate[5] *= 4.0
rate[12] = np.nan
bubble = np.arange(s.size) == 5


# %%
# Weights
# -------
# ``leastsq`` minimises the sum of the squares of what the function returns. Residuals divided by
# their standard deviations make it chi-squared, in which each sample counts for what it is worth:
# the weights are 1/sigma, since they are squared with the residuals.
#
# In a single fit, samples that are not to count are best left out of the arrays, by a mask.
def residual(p: Array, s: Array, rate: Array, sigma: Array) -> Array:
    """Return the residuals in units of their standard deviations."""
    values: Array = (menten(s, *p) - rate) / sigma
    return values


good = np.isfinite(rate) & ~bubble
samples = (s[good], rate[good], sigma[good])
x, cov_x, infodict, _, ier = leastsq(residual, START, args=samples, full_output=True)
assert ier in (1, 2, 3, 4)
assert cov_x is not None

# %%
# ``cov_x`` is now the covariance of the parameters, with no factor. Chi-squared over the degrees
# of freedom, samples that count less parameters, should be near 1. If it is far above, the model
# is wrong or the sigmas are too small. If it is far below, they are too large.
errors = np.sqrt(np.diag(cov_x))
dof = good.sum() - x.size
reduced = infodict["fvec"] @ infodict["fvec"] / dof
spread = np.sqrt(2.0 / dof)
print(f"chi-squared over degrees of freedom: {reduced:.2f}, expected 1 +- {spread:.2f}")

# %%
# If only the ratios of the sigmas are known, multiply ``cov_x`` by that quotient.
#
# Without weights the fast rates decide almost alone, because their errors are the largest. The
# usual standard errors of such a fit are wrong too: they rest on one standard deviation for all
# samples.
plain = (s[good], rate[good], np.ones(good.sum()))
x_plain, _ = leastsq(residual, START, args=plain)
for name, a, b, c in zip(("limit", "half at"), x, errors, x_plain, strict=True):
    print(f"{name:8} {a:6.3f} +- {b:.3f}, without weights {c:6.3f}")

# %%
# What a NaN does
# ---------------
# If the NaN is left in, the sum of squares is NaN everywhere. The solve ends where it began, with
# exit code 4, as MINPACK has it, which otherwise means success. ``leastsq`` therefore warns, and
# returns None for ``cov_x``.
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    x_nan, cov_nan, _, _, ier_nan = leastsq(
        residual, START, args=(s, rate, sigma), full_output=True
    )
print(x_nan, ier_nan, cov_nan)
print(*str(caught[0].message).split("; "), sep="\n")

# %%
# So ``ier`` alone is not enough, and neither is a finite x, which is the start here. In a program,
# ask for ``full_output`` and test both: ``ier`` is 1 to 4, and ``cov_x`` is not None. (It is None
# too where a parameter has no effect, see :doc:`failing_fits`.) Do not rely on seeing the
# warning: by default Python shows it only the first time for each line of a program.
solved = ier_nan in (1, 2, 3, 4) and cov_nan is not None
print("solved:", solved)

# %%
# A NaN that appears only at a trial step does no harm: a shorter step is tried. A weight of 0
# does not remove a NaN from a residual of your own, since 0 times NaN is NaN.
#
# ``curve_fit``
# -------------
# ``curve_fit`` takes the model and divides by ``sigma`` itself. A NaN in the data is a
# ``ValueError``, unless ``nan_policy="omit"`` leaves the sample out. With
# ``absolute_sigma=True`` the covariance is ``cov_x``. By default only the ratios of sigma count,
# and the covariance is multiplied by chi-squared over the degrees of freedom. A solve that ends
# at a NaN of the model returns p0, an infinite ``pcov`` and warnings. So test that all of
# ``np.isfinite(pcov)`` is true.
popt, pcov = curve_fit(
    menten,
    s[~bubble],
    rate[~bubble],
    p0=START,
    sigma=sigma[~bubble],
    absolute_sigma=True,
    nan_policy="omit",
)
print(popt.round(3), np.sqrt(np.diag(pcov)).round(3))

# %%
# Many fits
# ---------
# Other rows of the plate have other bad wells, but ``leastsq_many`` wants as many samples for
# each fit. It has ``weights``, 1/sigma again, and where one is 0 the sample is left out, whatever
# the function returns there. With ``nan_policy="omit"`` samples whose residual is NaN at the
# start are left out as well. The function returns residuals in the data's units; they are
# multiplied by the weights afterwards.
#
# Here are six rows: the one from above, and five with two missing wells each.
rng = np.random.default_rng(9)
plate = menten(s, *TRUTH) + sigma * rng.standard_normal((6, s.size))
for row in plate[1:]:
    row[rng.choice(s.size, 2, replace=False)] = np.nan
plate[0] = rate
weights = np.tile(1.0 / sigma, (6, 1))
weights[0, bubble] = 0.0


def difference(p: Array, rate: Array) -> Array:
    """Return how far the model is from one row of the plate."""
    return menten(s, *p) - rate


result = leastsq_many(difference, START, data=plate, weights=weights, nan_policy="omit")
print(result)
print("degrees of freedom", result.dof)
many_errors = result.standard_errors(absolute_sigma=True)
for (a, b), (c, d) in zip(result.x, many_errors, strict=True):
    print(f"limit {a:.2f} +- {c:.2f}, half at {b:.3f} +- {d:.3f}")

# %%
# ``success`` tells which of the fits have converged. It knows about NaN: a fit that ended at one
# has ``ier`` 4, but no success. Where a parameter has no effect it is true; the standard error is
# NaN then.
#
# The picture
# -----------
# The logarithmic axes show what the fit without weights does to the slow rates.
figure, axis = plt.subplots(layout="constrained", figsize=(6, 4))
axis.errorbar(s[good], rate[good], sigma[good], fmt=".", label="measured")
axis.plot(s[bubble], rate[bubble], "x", color="tab:red", label="left out (bubble)")
fine = np.geomspace(s[0], s[-1], 200)
axis.plot(fine, menten(fine, *x), label="weighted fit")
axis.plot(fine, menten(fine, *x_plain), "--", label="fit without weights")
axis.set(xscale="log", xlabel="substrate (mM)")
axis.set(yscale="log", ylabel="rate (µM per minute)")
axis.legend()
if len(sys.argv) > 1:
    figure.savefig(Path(sys.argv[1]) / "weights.png")

assert np.all(np.abs(x - TRUTH) < 3.0 * errors)
assert np.abs(x_plain - TRUTH)[1] > 3.0 * errors[1]
assert ier_nan == 4
assert np.array_equal(x_nan, START)
assert len(caught) == 1
assert not solved
assert np.allclose(popt, x)
assert np.allclose(pcov, cov_x)
assert result.success.all()
assert np.array_equal(result.dof, [dof] * 6)
assert np.allclose(result.x[0], x)
assert np.allclose(many_errors[0], errors)
