"""Fixed and shared parameters, images, complex data
=================================================

``leastsq`` minimises over all parameters of a function that returns a vector of real residuals.
Many problems that do not look like that can be put so in a line or two.

Run it as ``python forms.py [FOLDER]``; it needs matplotlib, and draws to FOLDER.
"""

import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib import pyplot as plt

from leastsq import leastsq

Array = npt.NDArray[np.float64]
RNG = np.random.default_rng(10)

# %%
# A parameter that is fixed
# -------------------------
# The voltage of a capacitor decays to an offset, which was measured beforehand: 0.5 V. A parameter
# that is known is no parameter of the fit. Leave it out of the start, and put it back in a function
# around the residual.
t = np.linspace(0.0, 4.0, 50)  # s
SIGMA = 0.05  # V


def decay(amplitude: float, rate: float, offset: float) -> Array:
    """Return an exponential decay to an offset."""
    values: Array = amplitude * np.exp(-rate * t) + offset
    return values


voltage = decay(2.5, 1.3, 0.5) + SIGMA * RNG.standard_normal(t.size)
free, cov_free, _, _, _ = leastsq(
    lambda p: (decay(*p) - voltage) / SIGMA, [1.0, 1.0, 0.0], full_output=True
)
fixed, cov_fixed, _, _, _ = leastsq(
    lambda q: (decay(*q, 0.5) - voltage) / SIGMA, [1.0, 1.0], full_output=True
)
assert cov_free is not None
assert cov_fixed is not None
print(f"offset free:  rate {free[1]:.3f} +- {np.sqrt(cov_free[1, 1]):.3f}")
print(f"offset fixed: rate {fixed[1]:.3f} +- {np.sqrt(cov_fixed[1, 1]):.3f}")

# %%
# What is known shows in the error of the rate, which is smaller.
#
# Parameters that are shared
# --------------------------
# A second capacitor has another amplitude, but the same resistor and capacitance, and so the same
# rate. The two data sets are one problem, whose residuals follow one another in one vector. Each is
# divided by the standard deviation of its own noise.
other = decay(2.0, 1.3, 0.5) + 0.07 * RNG.standard_normal(t.size)


def both(p: Array) -> Array:
    """Return the residuals of both; p holds two amplitudes, and the rate that they share."""
    first = (decay(p[0], p[2], 0.5) - voltage) / SIGMA
    second = (decay(p[1], p[2], 0.5) - other) / 0.07
    return np.concatenate([first, second])


shared, cov_shared, _, _, ier = leastsq(both, [1.0, 1.0, 1.0], full_output=True)
assert ier in (1, 2, 3, 4)
assert cov_shared is not None
print(f"both:         rate {shared[2]:.3f} +- {np.sqrt(cov_shared[2, 2]):.3f}")

# %%
# An image
# --------
# Two-dimensional residuals are laid out in one dimension by ``ravel()``. The order does not matter,
# as long as it is the same in each call.
rows, columns = np.mgrid[:20, :20]


def spot(p: Array) -> Array:
    """Return an image of a Gaussian of height p[0], centre p[1], p[2] and width p[3]."""
    away = (columns - p[1]) ** 2 + (rows - p[2]) ** 2
    image: Array = p[0] * np.exp(-0.5 * away / p[3] ** 2)
    return image


image = spot(np.array([5.0, 11.2, 7.6, 2.5])) + 0.3 * RNG.standard_normal(rows.shape)
found, _ = leastsq(lambda p: (spot(p) - image).ravel(), [4.0, 10.0, 10.0, 2.0])
print("height, x, y and width:", found.round(2))

# %%
# Complex data
# ------------
# The sum of the squares of real and imaginary parts is that of the moduli. ``view(float)`` shows a
# complex vector as one of twice the length, real and imaginary parts in turn. (The vector must be
# contiguous, as the result of arithmetic is.) Here the response of a resonator was measured in both
# quadratures.
f = np.linspace(0.9, 1.1, 200)  # GHz


def response(p: Array) -> npt.NDArray[np.complex128]:
    """Return the response of a resonance at p[0], of quality p[1] and height p[2]."""
    values: npt.NDArray[np.complex128] = p[2] / (1.0 + 2j * p[1] * (f / p[0] - 1.0))
    return values


noise = 0.02 * (RNG.standard_normal(f.size) + 1j * RNG.standard_normal(f.size))
quadratures = response(np.array([1.01, 40.0, 1.5])) + noise
resonance, _ = leastsq(
    lambda p: (response(p) - quadratures).view(float), [1.0, 50.0, 1.0]
)
print("frequency, quality and height:", resonance.round(3))

# %%
# The picture
# -----------
figure, (left, middle, right) = plt.subplots(1, 3, figsize=(9, 3), layout="constrained")
for values, amplitude in ((voltage, shared[0]), (other, shared[1])):
    left.plot(t, values, ".")
    left.plot(t, decay(amplitude, shared[2], 0.5), color="black", linewidth=1)
left.set(xlabel="time (s)", ylabel="voltage (V)", title="a shared rate")
middle.imshow(image, cmap="gray")
middle.plot(*found[1:3], "+", markersize=12, color="tab:orange")
middle.set_title("an image")
right.plot(quadratures.real, quadratures.imag, ".")
right.plot(response(resonance).real, response(resonance).imag, color="black", linewidth=1)
right.set(xlabel="real part", ylabel="imaginary part", title="complex data", aspect="equal")
if len(sys.argv) > 1:
    figure.savefig(Path(sys.argv[1]) / "forms.png")

assert cov_shared[2, 2] < cov_fixed[1, 1] < cov_free[1, 1]
assert abs(shared[2] - 1.3) < 3.0 * np.sqrt(cov_shared[2, 2])
assert np.allclose(found, [5.0, 11.2, 7.6, 2.5], atol=0.3)
assert np.allclose(resonance, [1.01, 40.0, 1.5], rtol=0.02)
