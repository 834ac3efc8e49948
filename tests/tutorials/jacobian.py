"""A Jacobian, and how to check it
===============================

A drug is swallowed, absorbed into the blood and eliminated from it. The concentration over a day
depends on three parameters, and its derivatives can be written down.

Run it as ``python jacobian.py [FOLDER]``; it needs matplotlib, and draws to FOLDER.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib import pyplot as plt

from leastsq import leastsq
from leastsq.minpack import chkder

Array = npt.NDArray[np.float64]

# %%
# The data
# --------
# A dose of 100 mg, and thirty concentrations, each known to a standard deviation of 0.05 mg per
# litre. The parameters are the volume of distribution and the rate constants of absorption and
# elimination.
NAMES = ("volume (l)", "absorption (1/h)", "elimination (1/h)")
TRUTH = np.array([30.0, 1.2, 0.15])
START = np.array([20.0, 2.0, 0.3])
DOSE, SIGMA = 100.0, 0.05
t = np.geomspace(0.25, 24.0, 30)  # hours


def concentration(p: Array, t: Array) -> Array:
    """Return the concentrations at times t, in the precision of p and t."""
    volume, absorbed, eliminated = p
    scale = DOSE / volume * absorbed / (absorbed - eliminated)
    values: Array = scale * (np.exp(-eliminated * t) - np.exp(-absorbed * t))
    return values


noise = SIGMA * np.random.default_rng(4).standard_normal(t.size)
measured = concentration(TRUTH, t) + noise


def residual(p: Array) -> Array:
    """Return the residuals in units of their standard deviations."""
    return (concentration(p, t) - measured) / SIGMA


# %%
# Dfun
# ----
# ``Dfun`` gets the arguments of the residual, and returns the derivatives of what the residual
# returns: those of the model, divided by sigma as well. Its shape is (samples, parameters), or
# the transpose with ``col_deriv=True``, which is easier to write and copied faster.
def jacobian(p: Array) -> Array:
    """Return the derivatives of residual(), one row for each parameter."""
    volume, absorbed, eliminated = p
    rising, falling = np.exp(-absorbed * t), np.exp(-eliminated * t)
    scale = DOSE / volume * absorbed / (absorbed - eliminated)
    c = scale * (falling - rising)
    by_volume = -c / volume
    by_absorbed = c * (1.0 / absorbed - 1.0 / (absorbed - eliminated)) + scale * t * rising
    by_eliminated = c / (absorbed - eliminated) - scale * t * falling
    return np.stack([by_volume, by_absorbed, by_eliminated]) / SIGMA


# %%
# Is it right?
# ------------
# ``chkder`` compares it with the residuals at two neighbouring points. For each sample it returns
# 1 where the derivatives are right, 0 where they are wrong, and numbers between where it cannot
# be sure. Take a point without zeros that is not the solution, such as the start.
def check(dfun: Callable[[Array], Array]) -> Array:
    """Return chkder's verdict on each sample, with all parameters moved."""
    neighbour = chkder(START)
    return chkder(START, residual(START), dfun(START).T, residual(neighbour))


print("the worst of", t.size, "samples:", check(jacobian).min().round(2))


# %%
# Two mistakes are put in: a wrong sign in one derivative, and one sample with twice its
# derivatives, as if its sigma had been forgotten. In the second case the index tells which.
def wrong_sign(p: Array) -> Array:
    """Return jacobian() with the last term of by_eliminated added instead of subtracted."""
    derivatives = jacobian(p)
    scale = DOSE / p[0] * p[1] / (p[1] - p[2])
    derivatives[2] += 2.0 * scale * t * np.exp(-p[2] * t) / SIGMA
    return derivatives


def wrong_sample(p: Array) -> Array:
    """Return jacobian() with an error in sample 10."""
    derivatives = jacobian(p)
    derivatives[:, 10] *= 2.0
    return derivatives


print("wrong sign, the best of them:", check(wrong_sign).max().round(2))
print("wrong sample:", np.flatnonzero(check(wrong_sample) < 0.5))


# %%
# A mistake in one parameter's derivative spoils all samples in which that derivative matters. To
# find out which parameter it is, move one after the other. Where a derivative is near zero
# ``chkder`` says 0 too, so look at the median.
def check_each(dfun: Callable[[Array], Array]) -> Array:
    """Return the median of chkder's verdicts for each parameter, the others being held."""
    medians = np.empty(START.size)
    for j in range(START.size):
        neighbour = START.copy()
        neighbour[[j]] = chkder(START[[j]])
        verdicts = chkder(
            START[[j]], residual(START), dfun(START)[[j]].T, residual(neighbour)
        )
        medians[j] = np.median(verdicts)
    return medians


for name, a, b in zip(NAMES, check_each(jacobian), check_each(wrong_sign), strict=True):
    print(f"{name:16}  right {a:.2f}  wrong sign {b:.2f}")

# %%
# What it saves
# -------------
# Without ``Dfun`` each Jacobian costs as many calls of the residual as there are parameters. With
# it one call of ``Dfun`` does.
x, cov_x, infodict, _, ier = leastsq(residual, START, full_output=True)
x_exact, cov_exact, counts, _, _ = leastsq(
    residual, START, Dfun=jacobian, col_deriv=True, full_output=True
)
print(f"differences: {infodict['nfev']} residuals")
print(f"with Dfun: {counts['nfev']} residuals and {counts['njev']} Jacobians")

# %%
# That pays with many parameters, or where the derivatives share most of their work with a slow
# model. With few parameters and a fast model it hardly does. Nor is the result better: for a
# smooth function forward differences give the same x to a thousandth of a standard error.
assert cov_x is not None
assert cov_exact is not None
errors = np.sqrt(np.diag(cov_exact))
for name, value, error, other, same in zip(
    NAMES, x_exact, errors, x, np.sqrt(np.diag(cov_x)), strict=True
):
    print(f"{name:16} {value:.5f} +- {error:.5f}, differences {other:.5f} +- {same:.5f}")

# %%
# What a wrong one does
# ---------------------
# **A wrong Dfun does not raise an error.** The fit ends early or badly, with an exit code that
# means success and a covariance. Here chi-squared shows it. With a smaller mistake the fit may
# find the right x, but with wrong standard errors. Check every Jacobian.
x_wrong, cov_wrong, info_wrong, _, ier_wrong = leastsq(
    residual, START, Dfun=wrong_sign, col_deriv=True, full_output=True
)
for title, p, info in (("right", x_exact, counts), ("wrong sign", x_wrong, info_wrong)):
    print(f"{title:10} {p.round(3)} chi-squared {info['fvec'] @ info['fvec']:.1f}")
print("exit code with the wrong sign:", ier_wrong)


# %%
# Differences of a noisy function
# -------------------------------
# The difference step suits residuals that are exact to double precision: it is the square root of
# 2.2e-16, relative to the parameter. If a model computes in single precision, such a step changes
# nothing, or only the rounding. A residual that returns float32 is recognised. One that returns
# float64 after all is not, and ``epsfcn`` must tell the relative error of the function. If fits
# of a numerical integration stop too early, try the integration's relative tolerance there.
def single(p: Array) -> Array:
    """Return the residuals of a model that is computed in single precision."""
    model = concentration(p.astype(np.float32), t.astype(np.float32))
    return (model.astype(np.float64) - measured) / SIGMA


x_stuck, cov_stuck, _, _, ier_stuck = leastsq(single, START, full_output=True)
x_single, _, _, _, ier_single = leastsq(single, START, full_output=True, epsfcn=1.2e-7)
print("by default:", x_stuck, "ier", ier_stuck, "cov_x", cov_stuck)
print("epsfcn=1.2e-7:", x_single.round(3), "ier", ier_single)

# %%
# By default all differences were zero, and the solve ended at the start, with no warning.
# ``cov_x`` shows it, which is None.
#
# The picture
# -----------
figure, axis = plt.subplots(layout="constrained", figsize=(6, 3.6))
axis.errorbar(t, measured, SIGMA, fmt=".", label="measured")
axis.plot(t, concentration(x_exact, t), label="fit")
axis.plot(t, concentration(x_wrong, t), "--", label="fit with the wrong sign")
axis.set(xlabel="time (hours)", ylabel="concentration (mg per litre)")
axis.legend()
if len(sys.argv) > 1:
    figure.savefig(Path(sys.argv[1]) / "jacobian.png")

assert check(jacobian).min() > 0.8
assert check(wrong_sign).max() < 0.5
assert np.flatnonzero(check(wrong_sample) < 0.5).tolist() == [10]
assert check_each(jacobian).min() > 0.9
assert np.flatnonzero(check_each(wrong_sign) < 0.5).tolist() == [2]
assert ier in (1, 2, 3, 4)
assert counts["nfev"] + counts["njev"] < infodict["nfev"]
assert np.all(np.abs(x - x_exact) < 1e-3 * errors)
assert np.allclose(cov_x, cov_exact, rtol=1e-3)
assert np.all(np.abs(x_exact - TRUTH) < 3.0 * errors)
assert ier_wrong in (1, 2, 3, 4)
assert cov_wrong is not None
assert info_wrong["fvec"] @ info_wrong["fvec"] > 10.0 * counts["fvec"] @ counts["fvec"]
assert np.array_equal(x_stuck, START)
assert cov_stuck is None
assert np.all(np.abs(x_single - x_exact) < 0.1 * errors)
