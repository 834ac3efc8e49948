"""Localisation microscopy
=======================

Single molecules that light up one at a time appear as spots, a few pixels wide. The centre of each
spot can be found to a small fraction of a pixel, and the image is made of the centres of many.
Two questions are asked of the fit: is it fast enough for all of the spots, and are the errors that
it reports those that the centres have?

A hundred thousand spots of 7 x 7 pixels are fitted twice: with all pixels alike, and with each
weighted by its noise. The residual is compiled by numba and computes in single precision.

Run it as ``python localisation.py [FOLDER]``; it needs numba and matplotlib, and draws to FOLDER.
"""

import sys
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib import pyplot as plt
from numba import njit

from leastsq import LeastsqManyResult, leastsq_many

Array = npt.NDArray[np.float64]
Pixels = npt.NDArray[np.float32]

# %%
# The spots
# ---------
# A spot has six parameters: the number of photons, the centre, the width along both axes, and the
# background in each pixel. The truth is drawn at random, and has the shape (100000, 6).
SPOTS, SIZE = 100_000, 7
NAMES = ("photons", "x", "y", "width x", "width y", "background")
RNG = np.random.default_rng(11)
TRUTH = RNG.uniform([1e3, 2.5, 2.5, 0.9, 0.9, 5], [5e3, 3.5, 3.5, 1.3, 1.3, 20], (SPOTS, 6))


def expected(p: Array) -> Array:
    """Return the images that spots of parameters p, shape (S, 6), have on average."""
    photons, x, y, sx, sy, background = p.T[..., None]
    across = np.exp(-0.5 * ((np.arange(SIZE) - x) / sx) ** 2) / (np.sqrt(2.0 * np.pi) * sx)
    down = np.exp(-0.5 * ((np.arange(SIZE) - y) / sy) ** 2) / (np.sqrt(2.0 * np.pi) * sy)
    peaks = photons[..., None] * down[:, :, None] * across[:, None, :]
    return peaks + background[..., None]


# %%
# The camera counts photons, so that the noise is that of the Poisson distribution: the variance of
# a pixel is its expected count. Pixels are kept in single precision, as cameras and files have
# them; nothing needs to be converted before the fit.
spots = RNG.poisson(expected(TRUTH)).astype(np.float32)


# %%
# The residual, with scratch arrays
# ---------------------------------
# A function that runs millions of times should not allocate memory at each call. This one takes
# seven arguments: the parameters, the pixels of one spot, and five that are the same for all spots,
# of which the last four are scratch arrays that it writes to. Arrays in ``args`` that can be
# written to are copied for each thread, so that threads do not disturb one another, and the
# caller's own stay as they are.
#
# The last of them holds the residuals. They are of single precision, which the solver notices: the
# steps of the difference Jacobian are then chosen for single precision too.
@njit
def residual(
    p: Array,
    spot: Pixels,
    grid: Pixels,
    across: Pixels,
    down: Pixels,
    model: Pixels,
    away: Pixels,
) -> Pixels:
    """Return how far the image of one spot is from its pixels."""
    for i in range(grid.size):
        across[i] = np.exp(-0.5 * ((grid[i] - p[1]) / p[3]) ** 2)
        across[i] /= np.sqrt(2.0 * np.pi) * p[3]
        down[i] = np.exp(-0.5 * ((grid[i] - p[2]) / p[4]) ** 2)
        down[i] /= np.sqrt(2.0 * np.pi) * p[4]
    for i in range(grid.size):
        for j in range(grid.size):
            model[i, j] = p[0] * down[i] * across[j] + p[5]
            away[i, j] = model[i, j] - spot[i, j]
    return away.ravel()


shapes = [SIZE, SIZE, (SIZE, SIZE), (SIZE, SIZE)]
scratch = [np.empty(shape, np.float32) for shape in shapes]
args = (np.arange(SIZE, dtype=np.float32), *scratch)

# %%
# Where to start
# --------------
# Each spot has its own start, shape (100000, 6). The darkest pixel is a guess of the background,
# and what is above it of the photons.
#
# Pixels are counted from the corner, so that the centre is near (3, 3). A centre near 0 would not
# do: the step of a difference is relative to its parameter, and where that is tiny, a change of the
# model by such a step is lost in the rounding of single precision.
start = np.tile([0.0, 3.0, 3.0, 1.0, 1.0, 0.0], (SPOTS, 1))
start[:, 5] = spots.min(axis=(1, 2))
start[:, 0] = spots.sum(axis=(1, 2)) - SIZE**2 * start[:, 5]


# %%
# The fits
# --------
# ``data`` has the shape (100000, 7, 7) and the batch is its first axis; the residual gets a spot of
# shape (7, 7). The tolerances are 1e-6, because the default, 1.5e-8, is below what single precision
# can tell, and the fits would go on without gain.
#
# Without weights the scale of the noise is estimated from the residuals of each spot. With weights
# that are 1/sigma it is known, as ``absolute_sigma`` tells ``standard_errors``.
def fit(
    what: str, x0: Array, weights: Array | None = None
) -> tuple[LeastsqManyResult, Array]:
    """Fit all spots; return the result, and its errors over the standard errors."""
    begin = time.perf_counter()
    tolerances = {"ftol": 1e-6, "xtol": 1e-6}
    result = leastsq_many(
        residual, x0, data=spots, args=args, weights=weights, workers=-1, **tolerances
    )
    rate = SPOTS / (time.perf_counter() - begin)
    errors = result.standard_errors(absolute_sigma=weights is not None)
    pulls: Array = (result.x - TRUTH) / errors
    print(f"{what}: {result}")
    print(f"{rate:,.0f} fits per second; off by, in standard errors:")
    for name, spread in zip(NAMES, pulls.std(axis=0), strict=True):
        print(f"  {name:10} {spread:.2f}")
    assert result.success.all()
    return result, pulls


# %%
# A fit of two spots compiles the residual, so that the next one measures the fits alone.
leastsq_many(residual, start[:2], data=spots[:2], args=args)
plain, plain_pulls = fit("unweighted", start)

# %%
# All spots are fitted, but the errors are not true: the centres are off by nearly two of their
# standard errors. A fit with all pixels alike assumes the same noise everywhere, and the bright
# pixels, which tell most of the centre, have more.
#
# With weights
# ------------
# The variance of a pixel is its expected count, and the first fit gives a good estimate of that. It
# is better than the counted number, which is low where the noise was low, and so would have too
# large a weight. The weights have the shape (100000, 49): one for each residual, in the order in
# which the function returns them. The second fit starts where the first one ended.
sigma = np.sqrt(np.maximum(expected(plain.x), 1.0)).reshape(SPOTS, SIZE**2)
weighted, pulls = fit("weighted", plain.x, 1.0 / sigma)

# %%
# Now the errors are right. This is close to the maximum likelihood for Poisson noise. The centres
# are better as well:
for what, result in (("unweighted", plain), ("weighted", weighted)):
    off = (result.x - TRUTH)[:, 1:3].std()
    print(f"centres are off by {off:.4f} pixels, {what}")

# %%
# Six of the spots, with the centres that were found, and the distribution of the error of x over
# its standard error. It should be the normal distribution of unit variance, drawn as a line.
figure, axes = plt.subplot_mosaic("012hhh;345hhh", figsize=(8, 3.4), layout="constrained")
for k in range(6):
    axes[str(k)].imshow(spots[k], cmap="gray")
    axes[str(k)].plot(*weighted.x[k, 1:3], "+", markersize=12, color="tab:orange")
    axes[str(k)].set_axis_off()
pull = np.linspace(-6.0, 6.0, 121)
for values, what in ((plain_pulls, "unweighted"), (pulls, "weighted")):
    axes["h"].hist(values[:, 1], pull, density=True, alpha=0.5, label=what)
normal = np.exp(-0.5 * pull**2) / np.sqrt(2.0 * np.pi)
axes["h"].plot(pull, normal, "k", label="unit normal")
axes["h"].set(xlabel="error of x, in standard errors", ylabel="density")
axes["h"].legend()
if len(sys.argv) > 1:
    figure.savefig(Path(sys.argv[1]) / "localisation.png")

assert np.allclose(pulls.std(axis=0), 1.0, atol=0.02)
