"""Scaling, exit codes, and what to do when a fit fails
====================================================

A planet makes its star approach us and recede. The period is not known beforehand, and the fit of
a sine wave to the star's velocity can fail in several ways.

Run it as ``python failing_fits.py [FOLDER]``; it needs matplotlib, and draws to FOLDER.
"""

import sys
import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib import pyplot as plt

from leastsq import leastsq, leastsq_many

Array = npt.NDArray[np.float64]

# %%
# The data
# --------
# Forty velocities of the star in metres per second, each known to 6 m/s, at irregular times in 60
# days. The parameters are amplitude, frequency, phase and the mean velocity; with times in
# seconds their sizes go from 1e-6 to 1e4.
DAY = 86400.0  # seconds
SIGMA = 6.0
TRUTH = np.array([56.0, 0.2364 / DAY, 0.7, -33251.0])
START = np.array([50.0, 0.24 / DAY, 0.0, -33000.0])
rng = np.random.default_rng(5)
t = np.sort(rng.uniform(0.0, 60.0, 40)) * DAY


def velocity(p: Array, t: Array) -> Array:
    """Return a sine wave of amplitude p[0], frequency p[1] and phase p[2], about p[3]."""
    values: Array = p[0] * np.sin(2.0 * np.pi * p[1] * t + p[2]) + p[3]
    return values


measured = velocity(TRUTH, t) + SIGMA * rng.standard_normal(t.size)


def residual(p: Array) -> Array:
    """Return the residuals in units of their standard deviation."""
    return (velocity(p, t) - measured) / SIGMA


# %%
# Exit codes
# ----------
# ``ier`` says why the solve ended; the message of ``full_output`` says it in words.
#
# .. list-table::
#    :header-rows: 1
#    :widths: 8 46 46
#
#    * - ier
#      - meaning
#      - what to do
#    * - 1, 2, 3
#      - The relative change of the sum of squares (1), of x (2) or of both (3) is at most ``ftol``
#        and ``xtol``.
#      - Look whether chi-squared is as expected: the minimum may be a local one.
#    * - 4
#      - The residuals are orthogonal to the columns of the Jacobian, to within ``gtol``.
#      - With a warning, or where ``cov_x`` is None, this is no success. Look for NaN, and for
#        parameters without effect.
#    * - 5
#      - ``maxfev`` evaluations were not enough.
#      - Improve the start, look for parameters that are not determined, raise ``maxfev``.
#    * - 6, 7, 8
#      - ``ftol``, ``xtol`` or ``gtol`` is smaller than rounding allows.
#      - x is as good as it can be, but ``cov_x`` is None. Use the default tolerances.
#    * - 0
#      - An argument is out of range, such as a negative ``ftol``. Without ``full_output`` it is a
#        ``TypeError``.
#      - The message names the argument.
#    * - -1
#      - A compiled residual returned a negative value, or in ``leastsq_many`` the function raised.
#      - ``errors`` of the result holds the exceptions.
#    * - -2
#      - A callback stopped the solve.
#      - x is that of the last step.
#
# A program should test two things: that ``ier`` is 1 to 4, and that ``cov_x``, which comes with
# ``full_output``, is not None. It is None where a parameter has no effect, and where something is
# not finite.
#
# Here is a good fit and three bad ones. The second may take five evaluations only. The third
# starts at zeros, where only the mean has an effect; it finds the best mean. The last
# one has a NaN in its start, of which a warning tells.
outcomes = {}
for title, start, maxfev in (
    ("good", START, 0),
    ("maxfev", START, 5),
    ("zeros", np.zeros(4), 0),
    ("NaN", START * [1.0, np.nan, 1.0, 1.0], 0),
):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        _, cov_x, _, _, ier = leastsq(residual, start, maxfev=maxfev, full_output=True)
    solved = ier in (1, 2, 3, 4) and cov_x is not None
    outcomes[title] = (ier, solved, len(caught))
    print(f"{title:6} ier {ier}, solved: {solved}")
print(*str(caught[0].message).split("; "), sep="\n")

# %%
# Without ``full_output`` there is a ``RuntimeWarning`` for codes 5 to 8 too. Where a failure should
# stop the program, make warnings errors. Then NumPy's are errors as well, even in a trial step that
# would be taken back; ``np.errstate`` in the residual silences them.
with warnings.catch_warnings():
    warnings.simplefilter("error")
    try:
        leastsq(residual, START, maxfev=5)
    except RuntimeWarning as warning:
        stopped = str(warning)
print("stopped:", stopped)

# %%
# Parameters of different size
# ----------------------------
# Units do not matter: each parameter is scaled by the norm of its column of the Jacobian.
# ``diag`` puts other scales in their place, which is rarely better. With ones a step of 1 Hz is as
# long as one of 1 m/s. ``factor`` bounds the first step; 0.1 may help where that goes too far.
#
# Here the mean starts at 0, which is a bad start, and the frequency at eighty values.
near = np.tile(START, (80, 1))
near[:, 1] = np.linspace(0.2, 0.28, 80) / DAY
near[:, 3] = 0.0
default = leastsq_many(residual, near)
cautious = leastsq_many(residual, near, factor=0.1)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # some reach maxfev
    unscaled = leastsq_many(residual, near, diag=np.ones(4))
found = [int(np.sum(many.ssq < 2.0 * many.dof)) for many in (default, cautious, unscaled)]
print("of 80 fits found the minimum: default {}, factor=0.1 {}, diag=1 {}".format(*found))

# %%
# There is one case where units matter. Where a parameter is exactly 0, the step for its difference
# is 1.5e-8 in its units, while otherwise it is 1.5e-8 of its value. If that is too large, start
# from a small number.
#
# Local minima
# ------------
# All eighty default fits report success, and most are in another minimum: chi-squared over
# the degrees of freedom is far above 1. The remedy is a better start, or many of them, of which the
# one with the smallest sum of squares is taken.
starts = np.tile(START, (100, 1))
starts[:, 1] = np.linspace(0.05, 0.5, 100) / DAY
scan = leastsq_many(residual, starts)
best = int(np.nanargmin(scan.ssq))
print(scan)
reduced = scan.ssq / scan.dof
x, errors = scan.x[best], scan.standard_errors(absolute_sigma=True)[best]
period = 1.0 / (abs(x[1]) * DAY)
print(f"chi-squared over dof: best {reduced[best]:.2f}, median {np.median(reduced):.2f}")
print(f"period {period:.4f} +- {period * errors[1] / abs(x[1]):.4f} days")


# %%
# Parameters that are not determined
# ----------------------------------
# A second spectrograph has a zero point of its own. If it has measured nothing, that parameter has
# no effect, and ``cov_x`` is None. If it has measured everything, only the sum of mean and zero
# point is determined. Then the Jacobian is singular but for rounding, and ``cov_x`` is usually not
# None. The condition number of the correlation matrix tells. Leave one of the two parameters out.
def with_zero_point(p: Array, second: npt.NDArray[np.bool_]) -> Array:
    """Return the residuals with p[4] as the zero point of the second spectrograph."""
    return residual(p[:4]) + np.where(second, p[4], 0.0) / SIGMA


def condition(second: npt.NDArray[np.bool_]) -> float:
    """Return the condition number of the correlation matrix, infinite if there is none."""
    start = np.append(START, 0.0)
    _, cov_x, _, _, _ = leastsq(with_zero_point, start, second, full_output=True)
    if cov_x is None:
        return np.inf
    errors = np.sqrt(np.diag(cov_x))
    return float(np.linalg.cond(cov_x / np.outer(errors, errors)))


no, all_, half = (condition(second) for second in (t < 0.0, t > 0.0, t > t.mean()))
print(f"condition number with no sample {no}, all {all_:.0e}, the later half {half:.0f}")


# %%
# Bounds
# ------
# ``leastsq`` has none; ``scipy.optimize.least_squares`` and SciPy's ``curve_fit`` have. A rate or
# amplitude that must be positive can be written as an exponential, so that its logarithm is
# fitted. Here a negative frequency, with other signs of amplitude and phase, fits as well.
def positive(q: Array) -> Array:
    """Return the residuals for logarithms of amplitude and frequency."""
    return residual(np.concatenate([np.exp(q[:2]), q[2:]]))


x_negative, _ = leastsq(residual, START * [1.0, -1.0, 1.0, 1.0])
log_start = np.concatenate([np.log(START[:2]), START[2:]])
q, cov_q, _, _, ier = leastsq(positive, log_start, full_output=True)
assert ier in (1, 2, 3, 4)
assert cov_q is not None
frequency = np.exp(q[1])
error = frequency * np.sqrt(cov_q[1, 1])  # the error of a logarithm is relative
print(f"per day: {x_negative[1] * DAY:.5f}, or {frequency * DAY:.5f} +- {error * DAY:.5f}")

# %%
# The picture
# -----------
# On the left is what each of the hundred starts has led to, on the right the best of them.
figure, (left, right) = plt.subplots(1, 2, layout="constrained", figsize=(8, 3.6))
left.semilogy(starts[:, 1] * DAY, reduced, ".")
left.axhline(1.0, color="gray", linewidth=1)
left.set(xlabel="frequency at the start (per day)")
left.set(ylabel="chi-squared over degrees of freedom")
turn = np.linspace(0.0, 1.0, 100)
right.errorbar(x[1] * t % 1.0, measured - x[3], SIGMA, fmt=".", label="measured")
right.plot(turn, velocity(x, turn / x[1]) - x[3], label="best fit")
right.set(xlabel="orbital phase", ylabel="velocity about the mean (m/s)")
right.legend()
if len(sys.argv) > 1:
    figure.savefig(Path(sys.argv[1]) / "failing_fits.png")

assert outcomes["good"][1:] == (True, 0)
assert outcomes["maxfev"] == (5, False, 0)
assert outcomes["zeros"][0] in (1, 2, 3, 4)
assert outcomes["zeros"][1:] == (False, 0)
assert outcomes["NaN"] == (4, False, 1)
assert "maxfev = 5" in stopped
assert default.success.all()
assert 80 > found[1] > found[0] > found[2]
assert scan.success.all()
assert reduced[best] < 2.0 < np.median(reduced)
assert abs(abs(x[1]) - TRUTH[1]) < 3.0 * errors[1]
assert no == np.inf
assert all_ > 1e10
assert half < 100.0
assert np.isclose(frequency, -x_negative[1])
assert abs(frequency - TRUTH[1]) < 3.0 * error
