"""Many fits: maps from an image cube
===================================

An image cube has two axes of pixels, and one of the samples that were taken in each. We fit all
pixels in one call, and get maps of the parameters, of their errors, and of what went wrong.

Run it as ``python many_fits.py [FOLDER]``; it needs matplotlib, and draws to FOLDER.
"""

import sys
import tempfile
import textwrap
import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib import pyplot as plt

from leastsq import leastsq, leastsq_many

Array = npt.NDArray[np.float64]

# %%
# The cube
# --------
# In diffusion imaging by magnetic resonance the signal falls with the weighting b. The faster the
# water moves, the faster it falls. The parameters are the signal S0 at b = 0, the diffusivity D,
# and the kurtosis K, a number that is 0 for free diffusion:
#
# .. code-block:: text
#
#     S(b) = S0 exp(-b D + b² D² K / 6)
#
# The cube has 64 x 64 pixels with 40 samples each, and noise of a known standard deviation. It is
# made up, so that we know the truth; in one image the patient has moved.
b = np.linspace(0.0, 2.5, 40)  # ms/um^2
SIGMA = 0.01  # the signal has no unit
MOVED = 17
y, x = np.mgrid[-1.0:1.0:64j, -1.0:1.0:64j]
radius = np.hypot(x, y)
spot = np.exp(-8.0 * (x * x + (y - 0.2) ** 2))
TRUTH = np.stack([1.0 - 0.3 * radius, 0.7 + 0.5 * spot, 1.0 - 0.5 * spot], axis=-1)


def signal(p: Array) -> Array:
    """Return the signal of S0 p[0], diffusivity p[1] and kurtosis p[2]."""
    values: Array = p[0] * np.exp(-b * p[1] + b * b * (p[1] * p[1] * p[2] / 6.0))
    return values


inside = radius < 0.95
cube = np.where(inside[..., None], signal(np.moveaxis(TRUTH, -1, 0)[..., None]), 0.0)
cube += SIGMA * np.random.default_rng(3).standard_normal(cube.shape)
cube[..., MOVED] += 0.3
cube[40, 35] *= -1.0  # two pixels that make no sense: negative,
cube[20, 30] = cube[20, 30, ::-1]  # and in the wrong order


# %%
# The residual, of many pixels at once
# ------------------------------------
# ``leastsq_many`` can call a function for one pixel at a time. With ``vectorized=True`` it calls
# the function for hundreds of pixels, which is several times as fast. If these are S pixels of M
# samples, and there are N parameters, then
#
# - ``p`` has the shape (N, S, 1), so that ``p[0]`` is a column of S numbers, one for each pixel;
# - the second argument has the shape (S, M): the samples of the same pixels;
# - ``p[0]`` broadcasts against ``b``, of shape (M,), and the result has the shape (S, M).
#
# A formula in ``p[0]``, ``p[1]``, ... that is written for one pixel serves for many. This function
# also refuses signals that are negative.
def residual(p: Array, samples: Array) -> Array:
    """Return how far the signals of p are from the samples."""
    if np.any(p[0] < 0.0):
        raise ValueError("S0 is negative")
    return signal(p) - samples


print(residual(np.ones((3, 5, 1)), cube[32, 30:35]).shape)  # a try with five pixels

# %%
# Weights and start
# -----------------
# Weights are 1/sigma, as they multiply the residuals. A weight of 0 leaves a sample out, whatever
# the residual is there: we leave out the spoilt image, and all samples outside the object.
weights = np.where(inside[..., None], np.full(b.size, 1.0 / SIGMA), 0.0)
weights[..., MOVED] = 0.0

# %%
# The first axes of ``x0`` are those of the image, and an axis of length 1 is broadcast. Thus all
# pixels start alike; with an ``x0`` of shape (64, 64, N) each would have its own start. An ``x0``
# of shape (N,) is for a batch of a single axis, not for an image.
start = np.reshape([1.0, 1.0, 1.0], (1, 1, 3))

# %%
# The fit
# -------
# Where fits fail, a single warning at the end counts them, in the words that ``print(result)`` has.
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    result = leastsq_many(residual, start, data=cube, weights=weights, vectorized=True)
print(*(warning.category.__name__ for warning in caught))
print(textwrap.fill(str(result), 72))
assert [str(warning.message) for warning in caught] == [str(result)]

# %%
# Maps
# ----
# The arrays in the result have the axes of the image first: ``result.x`` has the shape
# (64, 64, N), ``result.cov_x`` (64, 64, N, N), and ``result.success`` (64, 64). As the weights are
# known to be 1/sigma, we ask for standard errors with ``absolute_sigma=True``.
success = result.success
errors = result.standard_errors(absolute_sigma=True)
diffusivity = np.where(success, result.x[..., 1], np.nan)
diffusivity_error = np.where(success, errors[..., 1], np.nan)
here = 32, 32
print(f"D in the middle: {diffusivity[here]:.3f} +- {diffusivity_error[here]:.3f} um^2/ms")

# %%
# We know the truth, and can check the errors: deviations from it, divided by the standard errors,
# have a standard deviation of 1. Chi squared over the degrees of freedom is 1, too.
pulls = ((result.x - TRUTH) / errors)[success].std(axis=0)
reduced = result.ssq[success].sum() / result.dof[success].sum()
print("S0, D, K are off by", pulls.round(2), "standard errors")
print(f"chi squared over degrees of freedom: {reduced:.3f}")
assert np.allclose(pulls, 1.0, atol=0.05)
assert abs(reduced - 1.0) < 0.02

# %%
# What went wrong
# ---------------
# ``result.ier`` is 1 to 4 for success, as in ``leastsq`` (see :doc:`failing_fits`). It is 0 for a
# pixel without samples, which keeps the start as its ``x``; it is 5 where the evaluations were used
# up, as no diffusion looks like samples in the wrong order.
for pixel in ((0, 0), (20, 30)):
    print(pixel, "ier", result.ier[pixel], "nfev", result.nfev[pixel], "x", result.x[pixel])
assert np.array_equal(result.ier == 0, ~inside)
assert result.ier[20, 30] == 5

# %%
# It is -1 where the residual raised an exception, which is kept in ``result.errors``. In a call for
# many pixels nobody knows whose exception it is. They are therefore evaluated again one by one, and
# only those that raise alone are stopped.
print(result.errors)
assert list(result.errors) == [(40, 35)]
assert np.argwhere(inside & ~success).tolist() == [[20, 30], [40, 35]]

# %%
# One pixel again
# ---------------
# To look closer at a pixel, give it to ``leastsq``. The function is the same, with ``p`` of shape
# (N,), and so are the bits of the result.
one, ier = leastsq(lambda p: weights[here] * residual(p, cube[here]), [1.0, 1.0, 1.0])
print(one, "the same bits:", one.tobytes() == result.x[here].tobytes())
assert one.tobytes() == result.x[here].tobytes()

# %%
# For this the residual must have the same bits for one pixel and for many. NumPy rounds some powers
# of a single number, like ``p[1]**2`` for one pixel, otherwise than those of an array. That is why
# the model has ``p[1] * p[1]``: products are the same.
numbers = np.random.default_rng(0).uniform(0.5, 1.5, 10_000)
powers = np.array([number**2 for number in numbers])
products = np.array([number * number for number in numbers])
print("powers that differ:", np.count_nonzero(powers != numbers**2), "of", numbers.size)
print("products that differ:", np.count_nonzero(products != numbers * numbers))
assert np.array_equal(products, numbers * numbers)


# %%
# On all cores, and stopped early
# -------------------------------
# ``workers=-1`` fits on all cores: in threads if the function is vectorized, otherwise in
# processes. ``progress=True`` shows a bar, if tqdm is installed. Instead of True there may be a
# function; if it raises ``StopIteration``, the run ends, and pixels that are not finished have
# ier -2.
def until_half(done: int, total: int) -> None:
    """End the run when half of the pixels are done."""
    if 2 * done >= total:
        raise StopIteration


with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # that some are not finished
    half = leastsq_many(
        residual, start, data=cube, weights=weights, vectorized=True,
        workers=-1, progress=until_half,
    )  # fmt: skip
print(textwrap.fill(str(half), 72))
assert np.count_nonzero(half.ier != -2) >= success.size // 2
assert half.x[half.success].tobytes() == result.x[half.success].tobytes()

# %%
# A cube larger than memory
# -------------------------
# ``data`` may be a memmap, or an array of h5py or zarr; it is read in parts. Of the results the
# covariances are the largest, N*N numbers for each pixel. ``cov=False`` leaves them out, and the
# standard errors are there all the same. To save what is done, call it for parts of the cube, and
# save each result.
with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
    warnings.simplefilter("ignore")  # as above
    np.save(Path(folder) / "cube.npy", cube)
    on_disk = np.load(Path(folder) / "cube.npy", mmap_mode="r")
    small = leastsq_many(
        residual, start, data=on_disk, weights=weights, vectorized=True, cov=False,
    )  # fmt: skip
print(type(on_disk).__name__, "covariances:", small.cov_x)

# %%
# On several machines :doc:`image_cube` goes on, with functions that need no Python
# :doc:`spectral_cube`, and where curves differ in length :doc:`unequal_lengths`.
#
# The picture
# -----------
# The diffusivity is less certain where less signal is left: in the spot, where it falls fast, and
# at the rim, where it is weak from the start.
figure, axes = plt.subplots(1, 3, figsize=(10, 3.0), layout="constrained")
maps = {"diffusivity": diffusivity, "its standard error": diffusivity_error}
for axis, (title, values) in zip(axes[:2], maps.items(), strict=True):
    figure.colorbar(axis.imshow(values), ax=axis, label="µm²/ms")
    axis.set_title(title)
axes[2].imshow(success, cmap="gray", vmin=-2.0, vmax=1.2)
for code, marker in ((-1, "rx"), (5, "r+")):
    rows, columns = np.nonzero(result.ier == code)
    axes[2].plot(columns, rows, marker, markersize=10, label=f"ier {code}")
axes[2].set_title("success")
axes[2].legend()
if len(sys.argv) > 1:
    figure.savefig(Path(sys.argv[1]) / "many_fits.png")

assert small.x.tobytes() == result.x.tobytes()
assert np.array_equal(small.standard_errors(absolute_sigma=True), errors, equal_nan=True)
