"""Localisation microscopy: a hundred thousand spots of 7 x 7 pixels, and errors that are true.

Run it as ``python localisation.py``; it needs numba.
"""

# %% Spots as a camera counts them: photons, x, y, widths along both and background, in float32.
import time

import numpy as np
import numpy.typing as npt
from numba import njit

from leastsq import LeastsqManyResult, leastsq_many

Array = npt.NDArray[np.float64]
Pixels = npt.NDArray[np.float32]

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


spots = RNG.poisson(expected(TRUTH)).astype(np.float32)


# %% The residual: seven arguments, of which the last four are scratch that it writes to. Each
# thread gets its own; ours stay as they are.
@njit
def residual(
    p: Array, spot: Pixels, grid: Pixels, across: Pixels, down: Pixels, model: Pixels, away: Pixels
) -> Pixels:
    """Return how far the image of one spot is from its pixels."""
    for i in range(grid.size):
        across[i] = np.exp(-0.5 * ((grid[i] - p[1]) / p[3]) ** 2) / (np.sqrt(2.0 * np.pi) * p[3])
        down[i] = np.exp(-0.5 * ((grid[i] - p[2]) / p[4]) ** 2) / (np.sqrt(2.0 * np.pi) * p[4])
    for i in range(grid.size):
        for j in range(grid.size):
            model[i, j] = p[0] * down[i] * across[j] + p[5]
            away[i, j] = model[i, j] - spot[i, j]
    return away.ravel()


scratch = [np.empty(shape, np.float32) for shape in (SIZE, SIZE, (SIZE, SIZE), (SIZE, SIZE))]
args = (np.arange(SIZE, dtype=np.float32), *scratch)

# %% Where to start. Pixels count from the corner, so that no spot is near 0: a difference step is
# relative to its parameter, and float32 sees nothing of one that is too small.
start = np.tile([0.0, 3.0, 3.0, 1.0, 1.0, 0.0], (SPOTS, 1))
start[:, 5] = spots.min(axis=(1, 2))
start[:, 0] = spots.sum(axis=(1, 2)) - SIZE**2 * start[:, 5]


# %% The fits, all pixels alike at first; then each by the noise that the first fits tell. By
# default they would go on for changes of 1e-8, which are below what float32 can tell.
def fit(
    what: str, x0: Array, weights: Array | None = None
) -> tuple[LeastsqManyResult, Array]:
    """Fit all spots; tell how fast and how well; return the errors over the standard errors too."""
    begin = time.perf_counter()
    result = leastsq_many(
        residual, x0, data=spots, args=args, weights=weights, ftol=1e-6, xtol=1e-6, workers=-1
    )
    rate = SPOTS / (time.perf_counter() - begin)
    errors = result.standard_errors(absolute_sigma=weights is not None)
    spread: Array = ((result.x - TRUTH) / errors).std(axis=0)
    print(f"{what}: {result}, {rate:,.0f} fits per second")
    print("  errors over standard errors:", end="")
    print(*(f"  {name} {value:.2f}" for name, value in zip(NAMES, spread, strict=True)))
    assert result.success.all()
    return result, spread


leastsq_many(residual, start[:2], data=spots[:2], args=args)  # compiles
plain, _ = fit("unweighted", start)
sigma = np.sqrt(np.maximum(expected(plain.x), 1.0)).reshape(SPOTS, SIZE**2)
_, spread = fit("weighted", plain.x, 1.0 / sigma)
assert np.allclose(spread, 1.0, atol=0.02)
