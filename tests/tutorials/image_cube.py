"""An image cube over a cluster: every pixel's decay, maps of rates and of their errors.

Run it as ``python image_cube.py [FOLDER]``; it needs dask and distributed. Pictures go
to FOLDER, by matplotlib.

Two ways, the same bits: Dask cuts the cube and calls leastsq_many for each block (map_blocks), or
leastsq_many cuts it and sends its tasks through Dask's map (workers). The first leaves the cube
where it is, which may be more than memory holds; the second gives all of leastsq_many's results.
"""

# %% A cube of 48 x 64 pixels, each a decay of 60 samples; some pixels see nothing.
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt

from leastsq import leastsq_many

Array = npt.NDArray[np.float64]

T = np.linspace(0.0, 5.0, 60)
SIGMA = 0.05
START = np.reshape([1.0, 1.0, 0.0], (1, 1, 3))


def cube_and_truth() -> tuple[Array, Array]:
    """Return a noisy cube, NaN where nothing was measured, and the rates it was made with."""
    y, x = np.mgrid[:48, :64] / 64.0
    rates = 0.5 + x + 0.5 * y
    cube = (2.0 + y)[..., None] * np.exp(-rates[..., None] * T) + 0.2
    cube += SIGMA * np.random.default_rng(1).standard_normal(cube.shape)
    cube[(x - 0.5) ** 2 + (y - 0.4) ** 2 > 0.3] = np.nan
    return cube, rates


# %% The residual, of many pixels at once: p[0], p[1], ... broadcast against the rows of the cube.
def residual(p: Array, pixels: Array) -> Array:
    """Return how far decays of amplitude, rate and background p are from the pixels."""
    values: Array = p[0] * np.exp(-p[1] * T) + p[2] - pixels
    return values


# %% One block. A pixel without a number gets no sample: it is not evaluated, and its ier is 0.
def rates_and_errors(block: Array) -> Array:
    """Return a block's maps of rates and of their standard errors, on the last axis."""
    weights = np.where(np.isfinite(block), 1.0 / SIGMA, 0.0)
    result = leastsq_many(residual, START, data=block, weights=weights, vectorized=True)
    errors = result.standard_errors(absolute_sigma=True)
    seen = result.success
    maps: Array = np.stack([np.where(seen, a[..., 1], np.nan) for a in (result.x, errors)], -1)
    return maps


# %% Both ways.
def main(folder: Path | None) -> None:
    """Fit the cube twice."""
    import dask.array as da
    from distributed import Client, LocalCluster

    cube, rates = cube_and_truth()
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        lazy = da.from_array(cube, chunks=(24, 32, -1))
        maps = lazy.map_blocks(rates_and_errors, chunks=(24, 32, (2,)), dtype=float).compute()
        result = leastsq_many(
            residual, START, data=cube, weights=np.where(np.isfinite(cube), 1.0 / SIGMA, 0.0),
            vectorized=True, workers=client.get_executor().map,
        )  # fmt: skip
    print(result)
    seen = result.success
    assert np.array_equal(maps[seen][:, 0], result.x[seen][:, 1])
    pulls = (maps[..., 0] - rates)[seen] / maps[..., 1][seen]
    print(f"rates are off by {pulls.std():.2f} standard errors")
    assert abs(pulls.std() - 1.0) < 0.1
    if folder is not None:
        draw(maps, folder / "image_cube.png")


def draw(maps: Array, file: Path) -> None:
    """Draw the two maps."""
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
    for axis, values, title in zip(axes, np.moveaxis(maps, -1, 0), ("rate", "error"), strict=True):
        figure.colorbar(axis.imshow(values), ax=axis)
        axis.set_title(title)
    figure.savefig(file)


if __name__ == "__main__":  # each process of the cluster reads this file
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
