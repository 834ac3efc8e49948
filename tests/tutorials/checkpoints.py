"""Ask and tell: an instrument, and checkpoints
============================================

Sometimes residuals cannot be had by calling a function: an instrument measures them, and takes its
time. Then the solve asks for the points that it wants, and is told the values whenever they are
there. In between it can be written to a file, from which it goes on after its process has died.

Run it as ``python checkpoints.py``; it needs a system with signals (not Windows).
"""

import os
import pickle
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import numpy as np
import numpy.typing as npt

from leastsq import LevenbergMarquardt, leastsq

Array = npt.NDArray[np.float64]

# %%
# An instrument
# -------------
# A laser beam goes through three lenses, whose powers can be set. Four cameras behind each lens
# measure the radius of the beam. We look for the powers at which the twelve radii come closest to
# those that we want. The instrument is simulated, and rounds its readings as a real one does.
WAVELENGTH = 1.064e-6  # m
CAMERAS = np.array([0.1, 0.2, 0.3, 0.4])  # m behind each lens; the next lens is at 0.5
RESOLUTION = 0.01  # um


def radii(powers: Array) -> Array:
    """Return the radii in um of a Gaussian beam at the cameras; powers are in dioptres."""
    q = 1j * np.pi * 0.5e-3**2 / WAVELENGTH  # a beam of 0.5 mm, parallel
    found = []
    for power in powers:
        q = 1.0 / (1.0 / q - power)
        found.append(np.sqrt(-WAVELENGTH / np.pi / (1.0 / (q + CAMERAS)).imag))
        q += 0.5
    return 1e6 * np.concatenate(found)


def measure(powers: Array) -> Array:
    """Set the lenses, and return what the cameras read."""
    return RESOLUTION * np.round(radii(powers) / RESOLUTION)


TRUTH = np.array([1.5, -2.0, 1.8])
WANTED = np.round(radii(TRUTH))  # to whole um, so that it cannot be met exactly
START = [1.0, -1.0, 1.0]

# %%
# Derivatives are found from differences. The default step is 1.5e-8 of each parameter, which
# changes nothing that the cameras could resolve. All derivatives would be zero, and the fit would
# end where it starts, with ier 4: the gradient is zero.
x, ier = leastsq(lambda p: measure(p) - WANTED, START)
print(x, "ier", ier)
assert x.tolist() == START

# %%
# ``epsfcn`` is the relative error of what is measured; its square root is the step, relative to the
# parameter. The tolerances should not ask for more digits than there are, either.
OPTIONS = {"epsfcn": 1e-5, "ftol": 1e-6, "xtol": 1e-6}

# %%
# Ask and tell
# ------------
# ``ask`` returns the points at which residuals are wanted, an array with a row for each. ``tell``
# takes these points and the residuals there. When the solve has ended, ``ask`` returns None.
solve = LevenbergMarquardt(START, m=WANTED.size, **OPTIONS)
while (points := solve.ask()) is not None:
    print("steps taken:", solve.nit, " points wanted:", len(points))
    solve.tell(points, [measure(point) - WANTED for point in points])
x, cov_x, infodict, message, ier = solve.result()
print(x.round(4), "after", infodict["nfev"], "measurements")
print(message)
assert np.allclose(x, TRUTH, atol=0.02)

# %%
# A single point is the start or a trial step. Three points, one for each parameter, are for the
# derivatives.
#
# In any order
# ------------
# With two such instruments, two of the three points are measured at once. Each reading is told as
# soon as it is there, and as long as others are missing, ``ask`` returns their points. The order
# does not change the result, not even in the last bit.
with ThreadPoolExecutor(2) as instruments:
    shared = LevenbergMarquardt(START, m=WANTED.size, **OPTIONS)
    while (points := shared.ask()) is not None:
        readings = {instruments.submit(measure, point): point for point in points}
        for reading in as_completed(readings):
            shared.tell([readings[reading]], [reading.result() - WANTED])
print("the same bits:", shared.x.tobytes() == x.tobytes())
assert shared.x.tobytes() == x.tobytes()


# %%
# Derivatives that are measured
# -----------------------------
# If an instrument measures derivatives, for instance by modulating the power of one lens after the
# other, say ``analytic=True``. Then ``request`` tells what is wanted at the point: the residuals,
# or a Jacobian of shape (M, N).
def modulate(powers: Array) -> Array:
    """Return the derivatives of the radii, by a modulation of 0.001 dioptres."""
    steps = 0.001 * np.eye(powers.size)
    columns = [(radii(powers + step) - radii(powers - step)) / 0.002 for step in steps]
    return np.stack(columns, axis=-1)


modulated = LevenbergMarquardt(START, m=WANTED.size, analytic=True, ftol=1e-6, xtol=1e-6)
while (points := modulated.ask()) is not None:
    if modulated.request == "jacobian":
        modulated.tell(points, modulate(points[0]))
    else:
        modulated.tell(points, [measure(points[0]) - WANTED])
print(modulated.x.round(4), modulated.nfev, "radii,", modulated.njev, "Jacobians")
assert np.allclose(modulated.x, x, atol=1e-3)


# %%
# Checkpoints
# -----------
# A solve can be pickled at any time, also when some of the values that it asked for are missing. We
# do so after each tell. The new file takes the place of the old one as a whole: if the machine
# stops while it writes, the old one is still there.
def save(solve: LevenbergMarquardt, file: Path) -> None:
    """Write the solve into the file, all or nothing."""
    new = file.with_suffix(".new")
    with new.open("wb") as stream:
        pickle.dump(solve, stream)
        stream.flush()
        os.fsync(stream.fileno())
    new.replace(file)


def go_on(file: Path, die_at: int = 0) -> tuple[LevenbergMarquardt, int]:
    """Finish the solve in the file, or a new one; return it and the measurements it took.

    The process kills itself during measurement number die_at.
    """
    if file.exists():
        solve = pickle.loads(file.read_bytes())
    else:
        solve = LevenbergMarquardt(START, m=WANTED.size, **OPTIONS)
    count = 0
    while (points := solve.ask()) is not None:
        for point in points:
            count += 1
            if count == die_at:
                os.kill(os.getpid(), signal.SIGKILL)
            solve.tell([point], [measure(point) - WANTED])
            save(solve, file)
    return solve, count


# %%
# Load such a file only if you have written it yourself, as a pickle can run any code. If it is
# damaged, an exception says so.
#
# A process that is killed
# ------------------------
# This script starts itself as another process, which measures, and is killed at the eighth
# measurement. SIGKILL leaves a process no time to clean up.
if sys.argv[1:2] == ["--measure"]:  # this is that other process
    go_on(Path(sys.argv[2]), die_at=8)
    sys.exit("it was not killed")

with tempfile.TemporaryDirectory() as folder:
    file = Path(folder) / "beam.pickle"
    command = [sys.executable, sys.argv[0], "--measure", str(file)]
    killed = subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
    print("ended by signal", -killed.returncode)
    found = pickle.loads(file.read_bytes())
    print("steps taken:", found.nit, " points still wanted:", len(found.ask()))
    resumed, count = go_on(file)
assert killed.returncode == -signal.SIGKILL
assert (found.ier, len(found.ask())) == (None, 1)

# %%
# Only the eighth measurement was lost, whose reading had not been told. It is made again, the first
# seven are not, and the result has the bits of ``leastsq`` without interruption.
whole, _, whole_info, _, _ = leastsq(
    lambda p: measure(p) - WANTED, START, full_output=True, **OPTIONS
)
print(f"7 + {count} measurements, without interruption {whole_info['nfev']}")
print(resumed.x, "the same bits:", resumed.x.tobytes() == whole.tobytes())
assert 7 + count == whole_info["nfev"] == resumed.nfev
assert resumed.x.tobytes() == whole.tobytes() == x.tobytes()
assert resumed.result()[2]["fjac"].tobytes() == whole_info["fjac"].tobytes()

# %%
# A cluster is asked in the same way in :doc:`cluster`, and :doc:`native_programs` has a checkpoint
# in C. If there is a function to be called, but for many points at once, give ``leastsq`` the
# argument ``vectorized`` or ``workers``.
