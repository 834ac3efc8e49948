"""A residual in C
===============

An enzyme turns a substrate over, and the substrate that is left is measured again and again. From
such a progress curve one learns how fast the enzyme works and how tightly it binds. The curve is
the solution of a differential equation, so that each residual is an integration: slow in Python,
and quick in C.

Shown is how a function of C becomes a residual: compiled, loaded by ctypes, tested, and given to
one fit and to the fits of all wells of a plate.

Run it as ``python c_residual.py [FOLDER]``; it needs a C compiler, kinetics.c, which is beside it,
and matplotlib, and draws to FOLDER.
"""

import ctypes
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib import pyplot as plt

from leastsq import CompiledResidual, leastsq, leastsq_many

Array = npt.NDArray[np.float64]

# %%
# The plate
# ---------
# It has 16 x 24 wells, and the substrate in each was measured at 60 times. There is less enzyme
# from well to well, and the maximal rate vmax goes with it. The concentration S obeys Michaelis and
# Menten's equation, dS/dt = -vmax S / (km + S).
#
# S has no simple formula in t, but t has one in S, by which the data are made. The fit does without
# it, as it would have to for an equation that has no solution in closed form.
T = np.linspace(0.0, 30.0, 60)  # minutes
SIGMA = 0.02
KM, S0 = 1.5, 5.0  # mmol/l
NAMES = ("vmax", "km", "S0")
START = [1.0, 1.0, 4.0]

vmax = np.linspace(0.6, 0.2, 16 * 24)
left = S0 * np.geomspace(1.0, 1e-8, 10_000)
times = S0 - left + KM * np.log(S0 / left)
plate = np.array([np.interp(T, times / v, left) for v in vmax]).reshape(16, 24, T.size)
plate += SIGMA * np.random.default_rng(4).standard_normal(plate.shape)

# %%
# The function in C
# -----------------
# It has the arguments of cminpack's residuals. ``m`` is the number of residuals, ``n`` that of
# parameters; ``x`` is read, and ``fvec`` written. ``p`` is what the caller wants the function to
# have besides: here pointers to two arrays, the measured values and their times. It keeps nothing
# between calls, so that many threads may call it at once.
#
# .. literalinclude:: kinetics.c
#    :language: c
#
# It is compiled to a shared library, which ctypes loads. ``restype`` and ``argtypes`` declare what
# the function takes, and ``CompiledResidual`` refuses a declaration of anything else. Whether the
# declaration is true of the C code, it cannot know.
with tempfile.TemporaryDirectory() as folder:
    library = Path(folder) / "kinetics.so"
    source = Path(sys.argv[0]).with_name("kinetics.c")
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", library, source], check=True)
    function = ctypes.CDLL(str(library)).residual
integer, numbers = ctypes.c_int, ctypes.POINTER(ctypes.c_double)
function.restype = integer
function.argtypes = [ctypes.c_void_p, integer, integer, numbers, numbers, integer]

# %%
# One fit
# -------
# A pointer does not tell how many residuals there are, so that ``m`` has to be given: it is
# ``T.size``. ``data`` are the arrays that ``p`` points to, in their order. They must be contiguous
# and of the type that the C code reads; here both are of doubles.
#
# The parameters' errors are as in :doc:`first_fit`. The noise is known, and the same for all
# samples, so that it multiplies the errors afterwards.
compiled = CompiledResidual(function, T.size, data=(plate[0, 0], T))
x, cov_x, infodict, message, ier = leastsq(compiled, START, full_output=True)
assert ier in (1, 2, 3, 4)
assert cov_x is not None
for name, value, error in zip(NAMES, x, SIGMA * np.sqrt(np.diag(cov_x)), strict=True):
    print(f"{name:5} {value:.3f} +- {error:.3f}")


# %%
# The same function, called from Python
# -------------------------------------
# A mistake in a compiled residual may crash the program, and no exception tells why. It is worth
# calling the function once from Python before it is fitted, and comparing what it returns. This
# wrapper makes it a residual like any other: it builds the array of pointers, and copies ``x``,
# because the function gets its address.
def residual(x: Array, measured: Array) -> Array:
    """Return how far a progress curve is from what was measured."""
    fvec, x = np.empty(T.size), x.copy()
    arrays = np.array([measured.ctypes.data, T.ctypes.data], np.uintp)
    pointers = (array.ctypes.data_as(numbers) for array in (x, fvec))
    function(arrays.ctypes.data, T.size, x.size, *pointers, 1)
    return fvec


called, _ = leastsq(residual, START, args=(plate[0, 0],))
print("the same bits:", x.tobytes() == called.tobytes())
assert x.tobytes() == called.tobytes()

# %%
# All wells
# ---------
# ``leastsq_many`` takes the arrays itself: ``p`` points first to the row of ``data`` that belongs
# to the well, which is its curve, and then to the arrays of ``args``, which are the same for all.
# The C code does not change. ``data`` has the shape (16, 24, 60), so that the results are maps of
# the plate, and the start of shape (1, 1, 3) is for all wells.
#
# The weights are 1/sigma, one for each sample. ``workers=-1`` uses all cores, in threads.
result = leastsq_many(
    CompiledResidual(function, T.size), np.reshape(START, (1, 1, 3)), data=plate, args=T,
    weights=np.full(T.size, 1.0 / SIGMA), workers=-1,
)  # fmt: skip
print(result)

# %%
# How good are the errors? What was found less the truth, over the standard errors, should scatter
# with a standard deviation of 1.
truth = np.stack(np.broadcast_arrays(vmax.reshape(16, 24), KM, S0), axis=-1)
pulls = (result.x - truth) / result.standard_errors(absolute_sigma=True)
for name, pull in zip(NAMES, pulls.std(axis=(0, 1)), strict=True):
    print(f"{name:5} off by {pull:.2f} standard errors")

# %%
# At the left, the first and the last well, and one in the middle. The function itself gives the
# fitted curve, as the residual is that less the measurement. At the right, a map of vmax.
figure, (curves, wells) = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
for row, column in ((0, 0), (8, 0), (15, 23)):
    measured = plate[row, column]
    (line,) = curves.plot(T, measured + residual(result.x[row, column], measured))
    label = f"row {row}, column {column}"
    curves.plot(T, measured, ".", color=line.get_color(), label=label)
curves.set(xlabel="time (minutes)", ylabel="substrate (mmol/l)")
curves.legend()
picture = wells.imshow(result.x[..., 0])
wells.set(xlabel="column", ylabel="row")
figure.colorbar(picture, ax=wells, label="vmax (mmol/l per minute)")
if len(sys.argv) > 1:
    figure.savefig(Path(sys.argv[1]) / "c_residual.png")

assert result.success.all()
