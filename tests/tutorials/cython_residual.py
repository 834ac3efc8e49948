"""A residual in Cython
====================

A laser pulse excites a fluorescent dye, and a fast detector records how its light decays. The
lifetime of the dye tells about its surroundings, so that a map of it is wanted. But the detector
blurs each decay: what is measured is the decay convolved with the instrument's response. The model
has to do the same.

The convolution with an exponential is a short loop in which each channel follows from the one
before. NumPy has no operation for this recurrence, and a loop in Python is slow; in Cython it is
compiled. Shown is how such a function is built, tested, and given to one fit and to those of all
pixels.

Run it as ``python cython_residual.py [FOLDER]``; it needs Cython, a C compiler, lifetimes.pyx,
which is beside it, and matplotlib, and draws to FOLDER.
"""

import importlib
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib import pyplot as plt

from leastsq import CompiledResidual, leastsq, leastsq_many

Array = npt.NDArray[np.float64]

# %%
# The image
# ---------
# It has 48 x 64 pixels, each a decay in 200 channels of 0.05 ns. Lifetimes grow from left to right,
# from 1 to 3 ns; they are in channels here, as the loop counts those. The response of the
# instrument is a pulse about channel 20, and it is known: one measures it with scattered light.
CHANNEL = 0.05  # ns
CHANNELS = 200
SIGMA = 0.03
NAMES = ("amplitude", "lifetime", "background")
START = [1.0, 20.0, 0.0]

response = np.exp(-0.5 * ((np.arange(CHANNELS) - 20.0) / 3.0) ** 2)
response /= response.sum()
y, x = np.mgrid[:48, :64] / 64.0
truth = np.stack([1.0 + y, (1.0 + 2.0 * x) / CHANNEL, 0.1 + 0.1 * y * x], axis=-1)

# %%
# The data are made in another way than the model, by Fourier transforms. They are padded with
# zeros, so that the end of the decay does not come back at the beginning.
decays = np.exp(-np.arange(CHANNELS) / truth[..., 1, None])
padded = 2 * CHANNELS, -1
spectra = np.fft.rfft(decays, *padded) * np.fft.rfft(response, *padded)
convolved = np.fft.irfft(spectra, *padded)[..., :CHANNELS]
image = truth[..., :1] * convolved + truth[..., 2:]
image += SIGMA * np.random.default_rng(8).standard_normal(image.shape)

# %%
# The function in Cython
# ----------------------
# It has the arguments of cminpack's residuals: ``x`` is read, and ``fvec`` written. ``p`` points to
# the addresses of two arrays, the measured decay and the response. ``noexcept nogil`` says that it
# needs no Python, and ``cdef api`` puts it into ``__pyx_capi__``, a dictionary of the module in
# which other packages find it. The second function is for calls from Python.
#
# .. literalinclude:: lifetimes.pyx
#    :language: cython
#
# Here it is translated, compiled and imported by hand; in a package of your own the build system
# does so.
with tempfile.TemporaryDirectory() as folder:
    code, module = Path(folder) / "lifetimes.c", Path(folder) / "lifetimes.so"
    source = Path(sys.argv[0]).with_name("lifetimes.pyx")
    subprocess.run([sys.executable, "-m", "cython", "-o", code, source], check=True)
    flags = ["-O2", "-shared", "-fPIC", f"-I{sysconfig.get_path('include')}"]
    subprocess.run(["cc", *flags, "-o", module, code], check=True)
    sys.path.insert(0, folder)
    lifetimes = importlib.import_module("lifetimes")

# %%
# One fit
# -------
# What stands in ``__pyx_capi__`` is a capsule: a pointer that knows the signature of its function,
# which is checked. It does not know the number of residuals, which is given. ``args`` holds the
# arrays that ``p`` is to point to, in their order.
compiled = CompiledResidual(lifetimes.__pyx_capi__["residual"], CHANNELS)
one = image[20, 30]
found, ier = leastsq(compiled, START, args=(one, response))
assert ier in (1, 2, 3, 4)
for name, value in zip(NAMES, found, strict=True):
    print(f"{name:10} {value:.2f}")


# %%
# The same function, called from Python
# -------------------------------------
# A mistake in a compiled residual may crash the program, and no exception tells why. It is worth
# calling the function once from Python before it is fitted. Cython's second function takes numbers,
# which are the addresses of arrays.
def residual(p: Array, *arrays: Array) -> Array:
    """Return how far one decay is from what was measured."""
    fvec, p = np.empty(CHANNELS), p.copy()
    pointers = np.array([array.ctypes.data for array in arrays], np.uintp)
    addresses = (array.ctypes.data for array in (p, fvec))
    lifetimes.called(pointers.ctypes.data, CHANNELS, p.size, *addresses)
    return fvec


called, _ = leastsq(residual, START, args=(one, response))
print("the same bits:", found.tobytes() == called.tobytes())
assert found.tobytes() == called.tobytes()

# %%
# The map of lifetimes
# --------------------
# In ``leastsq_many`` the first address is that of the row of ``data`` that belongs to the pixel,
# the second that of ``args``, which is the same for all. ``image`` has the shape (48, 64, 200), so
# that the results are maps; the start of shape (1, 1, 3) is for all pixels. The weights are
# 1/sigma, and ``workers=-1`` fits on all cores, in threads.
result = leastsq_many(
    compiled, np.reshape(START, (1, 1, 3)), data=image, args=response,
    weights=np.full(CHANNELS, 1.0 / SIGMA), workers=-1,
)  # fmt: skip
print(result)

# %%
# What was found less the truth, over the standard errors, should scatter with a standard deviation
# of 1.
errors = result.standard_errors(absolute_sigma=True)
pulls = (result.x - truth) / errors
for name, pull in zip(NAMES, pulls.std(axis=(0, 1)), strict=True):
    print(f"{name:10} off by {pull:.2f} standard errors")

# %%
# In nanoseconds:
lifetime, error = CHANNEL * result.x[..., 1], CHANNEL * errors[..., 1]
print(f"lifetimes from {lifetime.min():.2f} to {lifetime.max():.2f} ns", end="")
print(f", with an error of {np.median(error):.2f} ns (median)")

# %%
# At the left, one pixel's decay with its fit, and the response, which is scaled to a height of 1.
# At the right, the map.
figure, (pixel, pixels) = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
t = CHANNEL * np.arange(CHANNELS)
pixel.plot(t, one, ".", markersize=4, color="gray", label="measured")
pixel.plot(t, one + residual(found, one, response), color="tab:orange", label="fit")
pixel.plot(t, response / response.max(), color="tab:blue", label="response")
pixel.set(xlabel="delay (ns)", ylabel="signal")
pixel.legend()
figure.colorbar(pixels.imshow(lifetime), ax=pixels, label="lifetime (ns)")
if len(sys.argv) > 1:
    figure.savefig(Path(sys.argv[1]) / "cython_residual.png")

assert result.success.all()
