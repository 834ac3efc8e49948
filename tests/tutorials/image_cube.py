"""An image cube over a cluster
============================

A series of images, taken one after the other, holds a decay for each pixel. The question is a map
of the rate of decay and of its error. The pixels do not depend on one another, so that a cluster
can share them, and the series may be larger than the memory of one machine.

There are two ways, with the same results to the last bit. Dask cuts the cube into blocks, and each
is given to ``leastsq_many`` where it is: this is the one for a cube that does not fit in memory. Or
``leastsq_many`` cuts it, and sends its tasks to the cluster: this returns all that a fit has.

Run it as ``python image_cube.py [FOLDER]``; it needs dask, distributed and matplotlib, and draws to
FOLDER.
"""

import sys
from pathlib import Path

import dask.array as da
import numpy as np
import numpy.typing as npt
from distributed import Client, LocalCluster
from matplotlib import pyplot as plt

from leastsq import LeastsqManyResult, leastsq_many

Array = npt.NDArray[np.float64]

# %%
# The cube
# --------
# It has the shape (48, 64, 60): images of 48 x 64 pixels at 60 times, with the time along the last
# axis, because the samples of a fit have to be there. Pixels outside of a circle were not measured,
# and are NaN. The start has two axes of length 1, which are broadcast: it is for all pixels.
T = np.linspace(0.0, 5.0, 60)
SIGMA = 0.05
START = np.reshape([1.0, 1.0, 0.0], (1, 1, 3))


def cube_and_truth() -> tuple[Array, Array]:
    """Return a noisy cube, NaN where nothing was measured, and the true rates."""
    y, x = np.mgrid[:48, :64] / 64.0
    rates = 0.5 + x + 0.5 * y
    cube = (2.0 + y)[..., None] * np.exp(-rates[..., None] * T) + 0.2
    cube += SIGMA * np.random.default_rng(1).standard_normal(cube.shape)
    cube[(x - 0.5) ** 2 + (y - 0.4) ** 2 > 0.3] = np.nan
    return cube, rates


# %%
# The residual is vectorized, as in :doc:`many_fits`. For S pixels at once ``pixels`` has the shape
# (S, 60), and ``p`` has (3, S, 1), so that ``p[0]``, ``p[1]`` and ``p[2]`` broadcast against it.
def residual(p: Array, pixels: Array) -> Array:
    """Return how far decays of amplitude, rate and background p are from the pixels."""
    values: Array = p[0] * np.exp(-p[1] * T) + p[2] - pixels
    return values


def weights_of(pixels: Array) -> Array:
    """Return 1/sigma, and 0 where nothing was measured: such a sample is left out."""
    return np.where(np.isfinite(pixels), 1.0 / SIGMA, 0.0)


# %%
# Dask cuts the cube
# ------------------
# This function is given a block of the cube, and returns the block of the two maps that belongs to
# it, of shape (rows, columns, 2). A pixel without any sample is not fitted, and its ``success`` is
# false; it stays NaN in the maps.
def rates_and_errors(block: Array) -> Array:
    """Return a block's maps of rates and of their standard errors, on the last axis."""
    result = leastsq_many(
        residual, START, data=block, weights=weights_of(block), vectorized=True
    )
    errors = result.standard_errors(absolute_sigma=True)
    seen = result.success
    both = (result.x, errors)
    maps: Array = np.stack([np.where(seen, a[..., 1], np.nan) for a in both], axis=-1)
    return maps


# %%
# ``map_blocks`` calls it for each block, on the cluster. The blocks are 24 x 32 pixels with all of
# their samples, which must not be cut: -1 stands for the whole axis. What comes out has blocks of
# another shape, so that Dask has to be told: its last axis has the length 2. A cube on disk is
# opened with ``da.from_zarr`` or the like in place of ``da.from_array``, and then no process ever
# holds all of it.
def by_blocks(cube: Array) -> Array:
    """Return maps of rates and errors, made by the cluster block by block."""
    lazy = da.from_array(cube, chunks=(24, 32, -1))
    maps = lazy.map_blocks(rates_and_errors, chunks=(24, 32, (2,)), dtype=float)
    computed: Array = maps.compute()
    return computed


# %%
# leastsq_many cuts the cube
# --------------------------
# ``workers`` takes the map of any executor, and Dask's client has one. Otherwise the call is that
# for one machine. It returns the whole result: parameters, covariances, exit codes and, if some
# pixel's residual raised an exception, that exception.
def by_workers(cube: Array, client: Client) -> LeastsqManyResult:
    """Return the fits of all pixels, which the cluster's processes make."""
    return leastsq_many(
        residual, START, data=cube, weights=weights_of(cube), vectorized=True,
        workers=client.get_executor().map,
    )  # fmt: skip


# %%
# Both ways
# ---------
# The cluster is made of two processes of this machine; for a real one ``Client`` gets the address
# of its scheduler. The rates are compared with each other, and with the truth: what was found less
# the truth, over the standard error, should scatter with a standard deviation of 1.
def main(folder: Path | None) -> None:
    """Fit the cube twice, and draw the maps."""
    cube, rates = cube_and_truth()
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        maps = by_blocks(cube)
        result = by_workers(cube, client)
    print(result)
    seen = result.success
    assert np.array_equal(maps[seen][:, 0], result.x[seen][:, 1])
    pulls = (maps[..., 0] - rates)[seen] / maps[..., 1][seen]
    print(f"rates are off by {pulls.std():.2f} standard errors")
    assert abs(pulls.std() - 1.0) < 0.1
    draw(maps, folder)


def draw(maps: Array, folder: Path | None) -> None:
    """Draw the two maps."""
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
    for axis, values, title in zip(
        axes, np.moveaxis(maps, -1, 0), ("rate", "standard error of the rate"), strict=True
    ):
        figure.colorbar(axis.imshow(values), ax=axis)
        axis.set_title(title)
    if folder is not None:
        figure.savefig(folder / "image_cube.png")


# %%
# Each process of the cluster reads this file, and must not start the fits again. So the call is
# made only where the file is run as the program.
if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
