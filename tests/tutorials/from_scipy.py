"""From SciPy, lmfit and curve_fit
===============================

A laser scans an absorption line of rubidium, and a program that was written for SciPy fits it.
What has to be changed, and what does not?

Run it as ``python from_scipy.py``; it needs scipy and lmfit.
"""

from unittest.mock import patch

import lmfit.minimizer
import numpy as np
import numpy.typing as npt
import scipy.optimize

from leastsq import curve_fit, leastsq

Array = npt.NDArray[np.float64]

# %%
# The data
# --------
# Two hundred transmitted intensities, against the frequency of the laser.
START = [0.5, 10.0, 10.0, 1.0]
f = np.linspace(-60.0, 60.0, 200)  # MHz from where the line should be


def line(f: Array, depth: float, centre: float, width: float, level: float) -> Array:
    """Return a Lorentzian dip in a level; width is half the full width at half depth."""
    values: Array = level - depth / (1.0 + ((f - centre) / width) ** 2)
    return values


noise = 0.02 * np.random.default_rng(6).standard_normal(f.size)
intensity = line(f, 0.6, 3.0, 6.5, 1.1) + noise


def residual(p: Array) -> Array:
    """Return how far the model is from the measured intensities."""
    return line(f, *p) - intensity


# %%
# One import
# ----------
# ``from scipy.optimize import leastsq`` becomes ``from leastsq import leastsq``. Arguments,
# defaults, results and exit codes are the same, and the numbers are equal to the last bit. Only
# ``cov_x`` agrees to rounding. (The exceptions are in ``docs/bits.md``: where rounding errors
# decide, as between the pivots of a rank-deficient Jacobian.)
theirs = scipy.optimize.leastsq(residual, START, full_output=True)
ours = leastsq(residual, START, full_output=True)
print("SciPy  ", theirs[0], "ier", theirs[4])
print("leastsq", ours[0], "ier", ours[4])
assert ours[0].tobytes() == theirs[0].tobytes()
assert ours[2]["fvec"].tobytes() == theirs[2]["fvec"].tobytes()
assert ours[2]["nfev"] == theirs[2]["nfev"]
assert ours[3:] == theirs[3:]
assert np.allclose(ours[1], theirs[1], rtol=1e-9)

# %%
# What differs
# ------------
# The function is called exactly ``nfev`` times, and a ``Dfun`` ``njev`` times. SciPy makes two
# more calls of the function and one more of ``Dfun``. That matters where the function is slow,
# counts its calls or keeps a record.
#
# Each call gets a copy of the parameters that it may keep. From SciPy it gets views of the
# solver's memory, which change afterwards.
kept: list[Array] = []


def recording(p: Array) -> Array:
    """Return the residuals, and keep the parameters."""
    kept.append(p)
    return residual(p)


for name, solver in (("SciPy", scipy.optimize.leastsq), ("leastsq", leastsq)):
    kept.clear()
    solver(recording, START)
    different = len({p.tobytes() for p in kept})
    print(f"{name:7} nfev {ours[2]['nfev']}: {len(kept)} calls, {different} points kept")
assert len(kept) == different == ours[2]["nfev"]

# %%
# Most other differences concern what goes wrong. A function that returns None is a ``TypeError``
# that says so. A solve that ends at a NaN gives a ``RuntimeWarning`` and no ``cov_x`` (see
# :doc:`weights`). The table in the README, under "What is identical to SciPy, and what differs",
# has all of them.
#
# ``curve_fit``
# -------------
# ``from scipy.optimize import curve_fit`` becomes ``from leastsq import curve_fit``.
popt, pcov = curve_fit(line, f, intensity, START)
popt_scipy, pcov_scipy = scipy.optimize.curve_fit(line, f, intensity, START)
print("curve_fit:", popt)
assert popt.tobytes() == popt_scipy.tobytes()
assert np.allclose(pcov, pcov_scipy, rtol=1e-9)

# %%
# It has one method, ``'lm'``. Bounds, the methods ``'trf'`` and ``'dogbox'``, and the loss
# functions of ``least_squares`` remain SciPy's; a program can use both.
try:
    curve_fit(line, f, intensity, START, bounds=(0.0, np.inf))
except ValueError as error:
    refused = str(error)
print(refused.replace(": ", ":\n"))
bounded, _ = scipy.optimize.curve_fit(line, f, intensity, START, bounds=(0.0, np.inf))
robust = scipy.optimize.least_squares(residual, START, loss="soft_l1", f_scale=0.05)
assert np.allclose(bounded, popt, rtol=1e-3)
assert np.allclose(robust.x, popt, rtol=0.05)

# %%
# lmfit
# -----
# Other packages find SciPy's function under a name in some module, and use what stands there
# when they fit. In lmfit it is ``lmfit.minimizer.scipy_leastsq``. For a whole program, assign
# ours to it once. ``patch.object`` of the standard library puts the original back at the
# end of the block, after an error too.
#
# The result is the same. That it was our solver is seen from ``nfev``, in which lmfit counts calls
# in its own way: there are two fewer.
model = lmfit.Model(line)
guess = {"depth": 0.5, "centre": 10.0, "width": 10.0, "level": 1.0}
before = model.fit(intensity, f=f, **guess)
with patch.object(lmfit.minimizer, "scipy_leastsq", leastsq):
    after = model.fit(intensity, f=f, **guess)
print("lmfit:", {name: round(value, 3) for name, value in after.best_values.items()})
print(f"calls, as lmfit counts them: {before.nfev} by SciPy, {after.nfev} by leastsq")
assert after.best_values == before.best_values
assert after.nfev < before.nfev
assert lmfit.minimizer.scipy_leastsq is scipy.optimize.leastsq


# %%
# astropy, HyperSpy and others
# ----------------------------
# They take ``scipy.optimize.leastsq``. Here a function stands for such a package; without
# ``patch.object`` it is done and undone like this:
def fit_elsewhere() -> Array:
    """Fit as a package does that looks into scipy.optimize."""
    x: Array = scipy.optimize.leastsq(recording, START)[0]
    return x


original = scipy.optimize.leastsq
scipy.optimize.leastsq = leastsq
try:
    kept.clear()
    x = fit_elsewhere()
finally:
    scipy.optimize.leastsq = original
print("elsewhere:", x, "by", len(kept), "calls")
assert x.tobytes() == ours[0].tobytes()
assert len(kept) == ours[2]["nfev"]  # it was ours

# %%
# A package that has imported the name itself, by ``from scipy.optimize import leastsq``, keeps
# what it has; look for the name in the module that uses it, as with lmfit. SciPy's own
# ``curve_fit`` does not look into ``scipy.optimize`` either, and stays as it is.
