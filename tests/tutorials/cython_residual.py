"""A residual in Cython: an image of fluorescence lifetimes, behind the response of a detector.

Run it as ``python cython_residual.py``; it needs Cython, a C compiler, and lifetimes.pyx, which
stands beside it.
"""

# %% 48 x 64 pixels, each a decay of 200 channels, convolved with what the detector makes of a
# short pulse.
import importlib
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from leastsq import CompiledResidual, leastsq, leastsq_many

Array = npt.NDArray[np.float64]

CHANNEL = 0.05  # ns
CHANNELS = 200
SIGMA = 0.03
NAMES = ("amplitude", "lifetime", "background")
START = [1.0, 20.0, 0.0]

response = np.exp(-0.5 * ((np.arange(CHANNELS) - 20.0) / 3.0) ** 2)
response /= response.sum()
y, x = np.mgrid[:48, :64] / 64.0
truth = np.stack([1.0 + y, (1.0 + 2.0 * x) / CHANNEL, 0.1 + 0.1 * y * x], axis=-1)
decays = np.exp(-np.arange(CHANNELS) / truth[..., 1, None])
padded = 2 * CHANNELS, -1
convolved = np.fft.irfft(np.fft.rfft(decays, *padded) * np.fft.rfft(response, *padded), *padded)
image = truth[..., :1] * convolved[..., :CHANNELS] + truth[..., 2:]
image += SIGMA * np.random.default_rng(8).standard_normal(image.shape)

# %% The residual: compiled, and imported for the capsule that other packages take it by.
with tempfile.TemporaryDirectory() as folder:
    code, module = Path(folder) / "lifetimes.c", Path(folder) / "lifetimes.so"
    source = Path(__file__).with_name("lifetimes.pyx")
    subprocess.run([sys.executable, "-m", "cython", "-o", code, source], check=True)
    include = f"-I{sysconfig.get_path('include')}"
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", include, "-o", module, code], check=True)
    sys.path.insert(0, folder)
    lifetimes = importlib.import_module("lifetimes")
compiled = CompiledResidual(lifetimes.__pyx_capi__["residual"], CHANNELS)

# %% One fit. The function gets pointers to the arrays in args, in their order.
one = image[20, 30]
found, ier = leastsq(compiled, START, (one, response))
assert ier in (1, 2, 3, 4)
print("one pixel:", *(f"{name} {value:.2f}" for name, value in zip(NAMES, found, strict=True)))


# %% The same function, called from Python: the same bits.
def residual(p: Array, *arrays: Array) -> Array:
    """Return how far one decay is from what was measured."""
    fvec, p = np.empty(CHANNELS), p.copy()
    pointers = np.array([array.ctypes.data for array in arrays], np.uintp)
    lifetimes.called(pointers.ctypes.data, CHANNELS, p.size, p.ctypes.data, fvec.ctypes.data)
    return fvec


called, _ = leastsq(residual, START, (one, response))
print("the bits of calls from Python:", found.tobytes() == called.tobytes())
assert found.tobytes() == called.tobytes()

# %% The image, in threads: the first pointer is to a pixel's decay, the second to args.
result = leastsq_many(
    compiled, np.reshape(START, (1, 1, 3)), data=image, args=response,
    weights=np.full(CHANNELS, 1.0 / SIGMA), workers=-1,
)  # fmt: skip
print(result)
errors = result.standard_errors(absolute_sigma=True)
pulls = (result.x - truth) / errors
for name, pull in zip(NAMES, pulls.std(axis=(0, 1)), strict=True):
    print(f"{name:10} off by {pull:.2f} standard errors")
low, high = CHANNEL * result.x[..., 1].min(), CHANNEL * result.x[..., 1].max()
print(f"lifetimes from {low:.2f} to {high:.2f} ns, +- {CHANNEL * np.median(errors[..., 1]):.2f}")
assert result.success.all()
