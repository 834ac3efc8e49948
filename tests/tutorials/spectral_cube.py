"""A cube of spectra: maps of a line's velocity and width and of their errors, by numba.

Run it as ``python spectral_cube.py [FOLDER]``; it needs numba. A picture goes to FOLDER, by
matplotlib.
"""

# %% A rotating disc: 96 x 96 spectra of 120 channels, each a Gaussian line on a slope. The noise
# grows towards the right; a corner was not observed, and two channels see nothing but the sky.
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
from numba import njit

from leastsq import leastsq_many

Array = npt.NDArray[np.float64]

V = np.linspace(-300.0, 300.0, 120)  # km/s
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
NOISE = 0.05 + 0.02 * (1.0 + COLUMNS)

peak, velocity, width, continuum, slope = (TRUTH[..., k, None] for k in range(5))
cube = peak * np.exp(-0.5 * ((V - velocity) / width) ** 2) + continuum + slope * V / 300.0
cube += NOISE[..., None] * np.random.default_rng(2).standard_normal(cube.shape)
cube[ROWS + COLUMNS > 1.5] = np.nan
cube[..., 70:72] = 40.0


# %% The residual of one spectrum.
@njit
def residual(p: Array, spectrum: Array, v: Array) -> Array:
    """Return how far a line on a slope is from a spectrum."""
    line = p[0] * np.exp(-0.5 * ((v - p[1]) / p[2]) ** 2)
    return line + p[3] + p[4] * v / 300.0 - spectrum


# %% The fit. Weights are 1/sigma, and 0 where a sample does not count; a spectrum without any is
# not fitted, and its ier is 0. All start alike: an axis of length 1 is for all.
weights = np.where(np.isfinite(cube), 1.0 / NOISE[..., None], 0.0)
weights[..., 70:72] = 0.0
start = np.reshape([1.0, 1.0, 50.0, 1.0, 0.0], (1, 1, 5))
result = leastsq_many(residual, start, data=cube, args=V, weights=weights, workers=-1)
print(result)

# %% Maps, NaN where there is no spectrum, and how good they are.
seen = result.success
assert np.array_equal(seen, ROWS + COLUMNS <= 1.5)
maps = np.where(seen[..., None], result.x, np.nan)
maps[..., 2] = np.abs(maps[..., 2])  # only its square is in the residual
errors = result.standard_errors(absolute_sigma=True)
pulls = ((maps - TRUTH) / errors)[seen]
for name, error, pull in zip(NAMES, np.nanmedian(errors, (0, 1)), pulls.std(0), strict=True):
    print(f"{name:10} error {error:.3f} (median); off by {pull:.2f} standard errors")
print(f"chi squared over dof: {result.ssq[seen].sum() / result.dof[seen].sum():.3f}")
assert np.allclose(pulls.std(0), 1.0, atol=0.05)

if len(sys.argv) > 1:
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 3, figsize=(12, 3.2), layout="constrained")
    shown = {"velocity": maps[..., 1], "width": maps[..., 2], "error of velocity": errors[..., 1]}
    for axis, (title, values) in zip(axes, shown.items(), strict=True):
        figure.colorbar(axis.imshow(values), ax=axis, label="km/s")
        axis.set_title(title)
    figure.savefig(Path(sys.argv[1]) / "spectral_cube.png")
