"""A residual in C: an enzyme's progress curves, which are solutions of a differential equation.

Run it as ``python c_residual.py``; it needs a C compiler, and kinetics.c, which stands beside it.
"""

# %% A plate of 16 x 24 wells: the substrate that is left at 60 times, less enzyme from well to
# well. It obeys dS/dt = -vmax S / (km + S): S has no simple formula, but t has one in S.
import ctypes
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from leastsq import CompiledResidual, leastsq, leastsq_many

Array = npt.NDArray[np.float64]

T = np.linspace(0.0, 30.0, 60)
SIGMA = 0.02
KM, S0 = 1.5, 5.0
NAMES = ("vmax", "km", "S0")
START = [1.0, 1.0, 4.0]

vmax = np.linspace(0.6, 0.2, 16 * 24)
left = S0 * np.geomspace(1.0, 1e-8, 10_000)
times = S0 - left + KM * np.log(S0 / left)
plate = np.array([np.interp(T, times / v, left) for v in vmax]).reshape(16, 24, T.size)
plate += SIGMA * np.random.default_rng(4).standard_normal(plate.shape)

# %% The residual, which integrates the equation: compiled, loaded, and what it takes.
with tempfile.TemporaryDirectory() as folder:
    library = Path(folder) / "kinetics.so"
    source = Path(__file__).with_name("kinetics.c")
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", library, source], check=True)
    function = ctypes.CDLL(str(library)).residual
integer, numbers = ctypes.c_int, ctypes.POINTER(ctypes.c_double)
function.restype = integer
function.argtypes = [ctypes.c_void_p, integer, integer, numbers, numbers, integer]

# %% One fit. The function gets pointers to the arrays in data, in their order.
compiled = CompiledResidual(function, T.size, data=(plate[0, 0], T))
x, cov_x, infodict, message, ier = leastsq(compiled, START, full_output=True)
assert ier in (1, 2, 3, 4)
assert cov_x is not None
for name, value, error in zip(NAMES, x, SIGMA * np.sqrt(np.diag(cov_x)), strict=True):
    print(f"{name:5} {value:.3f} +- {error:.3f}")


# %% The same function, called from Python: the same bits.
def residual(x: Array, measured: Array) -> Array:
    """Return how far a progress curve is from what was measured."""
    fvec, x = np.empty(T.size), x.copy()
    arrays = np.array([measured.ctypes.data, T.ctypes.data], np.uintp)
    pointers = (array.ctypes.data_as(numbers) for array in (x, fvec))
    function(arrays.ctypes.data, T.size, x.size, *pointers, 1)
    return fvec


called, _ = leastsq(residual, START, (plate[0, 0],))
print("the bits of calls from Python:", x.tobytes() == called.tobytes())
assert x.tobytes() == called.tobytes()

# %% All wells, in threads: the first pointer is to a well's curve, the second to args.
result = leastsq_many(
    CompiledResidual(function, T.size), np.reshape(START, (1, 1, 3)), data=plate, args=T,
    weights=np.full(T.size, 1.0 / SIGMA), workers=-1,
)  # fmt: skip
print(result)
truth = np.stack(np.broadcast_arrays(vmax.reshape(16, 24), KM, S0), axis=-1)
pulls = (result.x - truth) / result.standard_errors(absolute_sigma=True)
for name, pull in zip(NAMES, pulls.std(axis=(0, 1)), strict=True):
    print(f"{name:5} off by {pull:.2f} standard errors")
assert result.success.all()
