"""A cube of spectra
=================

A spectrograph has taken a spectrum at each pixel of an image of a rotating disc. Where the gas
moves away from us its line is shifted to higher velocities. A fit to each spectrum makes maps of
the line's velocity and width, and of how well each is known.

The cube has what real ones have: noise that differs from place to place, a corner that was not
observed, and channels that show the sky instead of the object. The residual is compiled by numba,
so that thousands of fits run without Python, on all cores.

Run it as ``python spectral_cube.py [FOLDER]``; it needs numba and matplotlib, and draws to FOLDER.
"""

import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib import pyplot as plt
from numba import njit

from leastsq import leastsq_many

Array = npt.NDArray[np.float64]

# %%
# The cube
# --------
# There are 96 x 96 spectra of 120 channels, each a Gaussian line on a sloping continuum. The five
# true parameters vary over the image, so that ``TRUTH`` has the shape (96, 96, 5).
V = np.linspace(-300.0, 300.0, 120)  # velocity, km/s
ROWS, COLUMNS = np.mgrid[-1.0:1.0:96j, -1.0:1.0:96j]
NAMES = ("peak", "velocity", "width", "continuum", "slope")
TRUTH = np.stack(
    [
        3.0 * np.exp(-(ROWS**2) - COLUMNS**2),
        80.0 * COLUMNS / np.sqrt(COLUMNS**2 + ROWS**2 + 0.1),
        25.0 + 15.0 * np.exp(-4.0 * (ROWS**2 + COLUMNS**2)),
        1.0 + 0.5 * ROWS,
        0.3 * COLUMNS,
    ],
    axis=-1,
)

# %%
# The noise grows to the right. Its standard deviation is known, as it is where the pipeline of an
# instrument comes with a map of errors. The corner at the lower right is NaN, and channels 70 and
# 71 have a bright line of the sky.
NOISE = 0.05 + 0.02 * (1.0 + COLUMNS)

peak, velocity, width, continuum, slope = (TRUTH[..., k, None] for k in range(5))
cube = peak * np.exp(-0.5 * ((V - velocity) / width) ** 2) + continuum + slope * V / 300.0
cube += NOISE[..., None] * np.random.default_rng(2).standard_normal(cube.shape)
cube[ROWS + COLUMNS > 1.5] = np.nan
cube[..., 70:72] = 40.0


# %%
# The residual of one spectrum
# ----------------------------
# The function gets the parameters of one pixel, shape (5,), the pixel's spectrum, shape (120,), and
# what is the same for all pixels, here the velocities. It is written as for a single fit; that it
# is numba's is enough for ``leastsq_many`` to run it without Python. It is compiled at the first
# call, which takes some seconds, once for each combination of argument types.
@njit
def residual(p: Array, spectrum: Array, v: Array) -> Array:
    """Return how far a line on a slope is from a spectrum."""
    line = p[0] * np.exp(-0.5 * ((v - p[1]) / p[2]) ** 2)
    return line + p[3] + p[4] * v / 300.0 - spectrum


# %%
# The fit
# -------
# ``weights`` multiply the residuals, so that they are 1/sigma, not 1/sigma². Where a weight is 0
# the sample is left out, whatever stands there: this is how the NaNs and the two channels of the
# sky are excluded.
weights = np.where(np.isfinite(cube), 1.0 / NOISE[..., None], 0.0)
weights[..., 70:72] = 0.0

# %%
# The start has the shape (1, 1, 5): its axes of length 1 are broadcast, so that all pixels start
# alike. Starts of shape (96, 96, 5) would give each pixel its own. A line should overlap with the
# line of its start, or else its derivatives are nearly 0 and the fit does not move; the start is
# therefore a broad line in the middle.
#
# ``data`` has the shape (96, 96, 120). The last axis is that of the spectrum, those before it are
# the shape of the batch, which all results have. ``args`` is handed to every call, and
# ``workers=-1`` uses all cores: threads, as the residual is compiled.
start = np.reshape([1.0, 1.0, 50.0, 1.0, 0.0], (1, 1, 5))
result = leastsq_many(residual, start, data=cube, args=V, weights=weights, workers=-1)
print(result)

# %%
# The 300 spectra of the corner have no sample with a weight. They are not fitted, their ``ier`` is
# 0, and ``result.success``, a map of booleans, is false there.
seen = result.success
assert np.array_equal(seen, ROWS + COLUMNS <= 1.5)

# %%
# Maps and their errors
# ---------------------
# ``result.x`` has the shape (96, 96, 5). It has the start where nothing was fitted, which is
# replaced by NaN. The sign of the width is not determined, as only its square is in the model.
maps = np.where(seen[..., None], result.x, np.nan)
maps[..., 2] = np.abs(maps[..., 2])

# %%
# With weights that are 1/sigma, ``absolute_sigma=True`` takes them as they are. Without it their
# scale would be estimated from the residuals of each fit.
errors = result.standard_errors(absolute_sigma=True)

# %%
# As the truth is known here, the errors can be tested: what was found less the truth, over the
# standard error, should scatter with a standard deviation of 1. And ``result.ssq``, the sum of the
# squared weighted residuals, is chi squared, which should be close to the degrees of freedom,
# ``result.dof``. Only the second of these tests is to be had for real data.
pulls = ((maps - TRUTH) / errors)[seen]
typical = np.nanmedian(errors, axis=(0, 1))
for name, error, pull in zip(NAMES, typical, pulls.std(axis=0), strict=True):
    print(f"{name:10} error {error:.3f} (median); off by {pull:.2f} standard errors")
print(f"chi squared over dof: {result.ssq[seen].sum() / result.dof[seen].sum():.3f}")

# %%
# The error of the velocity is largest in the corners, where the line is faint, and more so in those
# at the right, where there is more noise.
figure, axes = plt.subplots(1, 3, figsize=(9, 2.7), layout="constrained")
shown = (maps[..., 1], maps[..., 2], errors[..., 1])
titles = ("velocity", "width", "error of velocity")
for axis, title, values in zip(axes, titles, shown, strict=True):
    figure.colorbar(axis.imshow(values), ax=axis, label="km/s", shrink=0.8)
    axis.set_title(title)
if len(sys.argv) > 1:
    figure.savefig(Path(sys.argv[1]) / "spectral_cube.png")

assert np.allclose(pulls.std(axis=0), 1.0, atol=0.05)
