"""A residual in Fortran, with its Jacobian
========================================

A resonator is struck and rings down: a damped oscillation. Its frequency and its rate of decay are
wanted, for five hundred resonators, from 400 samples of each. The derivatives of the model have
simple formulas, and its code exists in Fortran.

Shown is how a function of Fortran that writes both the residuals and their Jacobian is compiled,
loaded, tested, and given to one fit and to all; and how a start is found from the spectrum, which
an oscillation needs.

Run it as ``python fortran_residual.py [FOLDER]``; it needs gfortran, ringdown.f90, which is beside
it, and matplotlib, and draws to FOLDER.
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
# The signals
# -----------
# Each has an amplitude, a rate of decay, an angular frequency and a phase of its own. ``TRUTH`` has
# the shape (500, 4), and ``signals`` (500, 400).
T = np.linspace(0.0, 20.0, 400)  # ms
SIGMA = 0.1
NAMES = ("amplitude", "rate", "frequency", "phase")
RNG = np.random.default_rng(6)
TRUTH = RNG.uniform([1.0, 0.1, 5.0, -1.0], [2.0, 0.3, 9.0, 1.0], (500, 4))

amplitude, rate, frequency, phase = TRUTH.T[..., None]
signals = amplitude * np.exp(-rate * T) * np.cos(frequency * T + phase)
signals += SIGMA * RNG.standard_normal(signals.shape)

# %%
# The function in Fortran
# -----------------------
# It has the arguments of cminpack's residuals with a Jacobian. ``iflag`` says what is asked for: 1
# for the residuals ``fvec``, 2 for the Jacobian ``fjac``, whose column j holds the derivatives with
# respect to parameter j. ``bind(c)`` and the kinds of ``iso_c_binding`` make it a function that C
# can call, and ``value`` stands for an argument that C passes by value. ``p`` points to the
# addresses of two arrays, the measured values and their times.
#
# .. literalinclude:: ringdown.f90
#    :language: fortran
#
# ctypes loads it from a shared library, and is told its arguments.
with tempfile.TemporaryDirectory() as folder:
    library = Path(folder) / "ringdown.so"
    source = Path(sys.argv[0]).with_name("ringdown.f90")
    flags = ["-O2", "-shared", "-fPIC", "-J", folder]
    subprocess.run(["gfortran", *flags, "-o", library, source], check=True)
    function = ctypes.CDLL(str(library)).residual
integer, numbers = ctypes.c_int, ctypes.POINTER(ctypes.c_double)
function.restype = integer
function.argtypes = [ctypes.c_void_p, integer, integer, *[numbers] * 3, integer, integer]

# %%
# Where to start
# --------------
# The sum of squares of an oscillation has many minima as a function of the frequency. A fit that
# starts far from the right one takes many steps, and may end in a wrong one and report success, as
# it is a minimum too. The highest line of the spectrum is near enough, and its argument is a guess
# of the phase. Each signal has its own start, shape (500, 4).
spectra = np.fft.rfft(signals)
lines = np.argmax(np.abs(spectra), axis=1)
highest = np.take_along_axis(spectra, lines[:, None], axis=1)[:, 0]
start = np.empty(TRUTH.shape)
start[:, 0] = np.abs(signals).max(axis=1)
start[:, 1] = 0.2
start[:, 2] = 2.0 * np.pi * lines / (T.size * T[1])
start[:, 3] = np.angle(highest)

# %%
# One fit
# -------
# ``T.size`` is the number of residuals, which a pointer does not tell. ``data`` are the arrays that
# the function gets the addresses of, in their order, and ``jacobian=True`` says that it writes
# Jacobians. Without it they would be made of differences, with four more residuals each.
compiled = CompiledResidual(function, T.size, data=(signals[0], T), jacobian=True)
x, cov_x, infodict, message, ier = leastsq(compiled, start[0], full_output=True)
assert ier in (1, 2, 3, 4)
assert cov_x is not None
print(f"{infodict['nfev']} residuals, {infodict['njev']} Jacobians")
for name, value, error in zip(NAMES, x, SIGMA * np.sqrt(np.diag(cov_x)), strict=True):
    print(f"{name:10} {value:.4f} +- {error:.4f}")


# %%
# The same function, called from Python
# -------------------------------------
# A mistake in a compiled function may crash the program, or give a wrong Jacobian, with which a fit
# fails or takes very many steps. So call it from Python first, and compare the Jacobian with
# differences; ``leastsq.minpack.chkder`` does so, see :doc:`jacobian`.
#
# Fortran stores arrays column by column, so that the NumPy array of the Jacobian has its axes the
# other way round: it is the transpose, of shape (4, 400), as ``col_deriv=True`` says.
def call(x: Array, measured: Array, iflag: int) -> tuple[Array, Array]:
    """Return fvec and fjac, one of them written, as iflag asks."""
    x, fvec, fjac = x.copy(), np.empty(T.size), np.empty((x.size, T.size))
    arrays = np.array([measured.ctypes.data, T.ctypes.data], np.uintp)
    pointers = (array.ctypes.data_as(numbers) for array in (x, fvec, fjac))
    function(arrays.ctypes.data, T.size, x.size, *pointers, T.size, iflag)
    return fvec, fjac


called, _ = leastsq(
    lambda x, y: call(x, y, 1)[0], start[0], args=(signals[0],),
    Dfun=lambda x, y: call(x, y, 2)[1], col_deriv=True,
)  # fmt: skip
print("the same bits:", x.tobytes() == called.tobytes())
assert x.tobytes() == called.tobytes()

# %%
# All signals
# -----------
# ``leastsq_many`` takes the arrays itself: the first address is that of the row of ``data`` that
# belongs to the fit, the second that of ``args``. The Fortran code does not change. The weights,
# 1/sigma, are applied to residuals and Jacobians alike. ``workers=-1`` fits on all cores, in
# threads.
result = leastsq_many(
    CompiledResidual(function, T.size, jacobian=True), start, data=signals, args=T,
    weights=np.full(T.size, 1.0 / SIGMA), workers=-1,
)  # fmt: skip
print(result)

# %%
# A wrong minimum would show in ``result.ssq``, which is chi squared: over the degrees of freedom it
# is near 1 for a good fit, and several times as large for a wrong frequency.
print(f"chi squared over dof: at most {(result.ssq / result.dof).max():.2f}")

# %%
# What was found less the truth, over the standard errors, should scatter with a standard deviation
# of 1.
pulls = (result.x - TRUTH) / result.standard_errors(absolute_sigma=True)
for name, pull in zip(NAMES, pulls.std(axis=0), strict=True):
    print(f"{name:10} off by {pull:.2f} standard errors")

# %%
# The first signal, with the start and the fit.
figure, axes = plt.subplots(2, sharex=True, figsize=(8, 4), layout="constrained")
for axis, p, what in zip(axes, (start[0], result.x[0]), ("start", "fit"), strict=True):
    axis.plot(T, signals[0], ".", markersize=4, color="gray", label="measured")
    axis.plot(T, call(p, signals[0], 1)[0] + signals[0], color="tab:orange", label=what)
    axis.legend(loc="upper right")
    axis.set(ylabel="signal")
axes[1].set(xlabel="time (ms)")
if len(sys.argv) > 1:
    figure.savefig(Path(sys.argv[1]) / "fortran_residual.png")

assert result.success.all()
