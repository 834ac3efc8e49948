"""A residual in Fortran that writes its Jacobian too: five hundred resonators that ring down.

Run it as ``python fortran_residual.py``; it needs gfortran, and ringdown.f90, which stands beside
it.
"""

# %% The signals, 400 samples of each: amplitude, decay rate, angular frequency and phase.
import ctypes
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from leastsq import CompiledResidual, leastsq, leastsq_many

Array = npt.NDArray[np.float64]

T = np.linspace(0.0, 20.0, 400)
SIGMA = 0.1
NAMES = ("amplitude", "rate", "frequency", "phase")
RNG = np.random.default_rng(6)
TRUTH = RNG.uniform([1.0, 0.1, 5.0, -1.0], [2.0, 0.3, 9.0, 1.0], (500, 4))

amplitude, rate, frequency, phase = TRUTH.T[..., None]
signals = amplitude * np.exp(-rate * T) * np.cos(frequency * T + phase)
signals += SIGMA * RNG.standard_normal(signals.shape)

# %% The residual: compiled, loaded, and what it takes.
with tempfile.TemporaryDirectory() as folder:
    library = Path(folder) / "ringdown.so"
    source = Path(__file__).with_name("ringdown.f90")
    flags = ["-O2", "-shared", "-fPIC", "-J", folder]
    subprocess.run(["gfortran", *flags, "-o", library, source], check=True)
    function = ctypes.CDLL(str(library)).residual
integer, numbers = ctypes.c_int, ctypes.POINTER(ctypes.c_double)
function.restype = integer
function.argtypes = [ctypes.c_void_p, integer, integer, *[numbers] * 3, integer, integer]

# %% Where to start: the frequency, and with it amplitude and phase, from the highest line of the
# spectrum.
spectra = np.fft.rfft(signals)
lines = np.argmax(np.abs(spectra), axis=1)
highest = np.take_along_axis(spectra, lines[:, None], axis=1)[:, 0]
start = np.empty(TRUTH.shape)
start[:, 0] = np.abs(signals).max(axis=1)
start[:, 1] = 0.2
start[:, 2] = 2.0 * np.pi * lines / (T.size * T[1])
start[:, 3] = np.angle(highest)

# %% One fit. The function gets pointers to the arrays in data, in their order; jacobian=True says
# that it writes Jacobians.
compiled = CompiledResidual(function, T.size, data=(signals[0], T), jacobian=True)
x, cov_x, infodict, message, ier = leastsq(compiled, start[0], full_output=True)
assert ier in (1, 2, 3, 4)
assert cov_x is not None
print(f"{infodict['nfev']} residuals, {infodict['njev']} Jacobians")
for name, value, error in zip(NAMES, x, SIGMA * np.sqrt(np.diag(cov_x)), strict=True):
    print(f"{name:10} {value:.4f} +- {error:.4f}")


# %% The same function, called from Python: the same bits.
def call(x: Array, measured: Array, iflag: int) -> tuple[Array, Array]:
    """Return fvec and fjac, one of them written, as iflag asks."""
    x, fvec, fjac = x.copy(), np.empty(T.size), np.empty((x.size, T.size))
    arrays = np.array([measured.ctypes.data, T.ctypes.data], np.uintp)
    pointers = (array.ctypes.data_as(numbers) for array in (x, fvec, fjac))
    function(arrays.ctypes.data, T.size, x.size, *pointers, T.size, iflag)
    return fvec, fjac


called, _ = leastsq(
    lambda x, y: call(x, y, 1)[0], start[0], (signals[0],),
    Dfun=lambda x, y: call(x, y, 2)[1], col_deriv=True,
)  # fmt: skip
print("the bits of calls from Python:", x.tobytes() == called.tobytes())
assert x.tobytes() == called.tobytes()

# %% All signals, in threads: the first pointer is to a resonator's signal, the second to args.
result = leastsq_many(
    CompiledResidual(function, T.size, jacobian=True), start, data=signals, args=T,
    weights=np.full(T.size, 1.0 / SIGMA), workers=-1,
)  # fmt: skip
print(result)
pulls = (result.x - TRUTH) / result.standard_errors(absolute_sigma=True)
for name, pull in zip(NAMES, pulls.std(axis=0), strict=True):
    print(f"{name:10} off by {pull:.2f} standard errors")
assert result.success.all()
