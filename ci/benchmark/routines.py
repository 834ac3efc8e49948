"""Rows for the QR factorisation: ours against MINPACK's, cminpack's and LAPACK's, through C."""

import ctypes
import ctypes.util
import functools
import os
import shlex
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.linalg import cython_lapack, lapack

import leastsq
from benchmark.timing import Effort, Group, Line, Row, Timer, compared, interleaved

__all__ = ["SIZES", "missing_peers", "rows", "shared_object"]

Matrix = npt.NDArray[np.float64]

SIZES = (
    (50, 5), (1000, 5), (1000, 50), (2000, 200), (10_000, 100), (2000, 500), (100_000, 20),
    (1_000_000, 20), (500, 500),
)  # fmt: skip
LARGE = ((2000, 200), (10_000, 100), (2000, 500), (500, 500))
VERSUS_ORIGINAL = dict.fromkeys(LARGE, 4.0) | {
    (1000, 50): 3.0, (100_000, 20): 2.5, (1_000_000, 20): 2.2, (1000, 5): 1.8, (50, 5): 1.5
}  # fmt: skip
BASELINE_VERSUS_ORIGINAL = 3.0
VERSUS_LAPACK = 1.0

BY_VALUE, BY_REFERENCE, LAPACK = range(3)  # enum convention in qr.c
PEERS = {"original": "minpack", "cminpack": "cminpack"}  # libraries
ENTRIES = {"original": ("qrfac_", BY_REFERENCE), "cminpack": ("qrfac", BY_VALUE)}
DEFAULT = ""  # the library chooses the instruction set itself


@dataclass(frozen=True)
class Routine:
    """A QR routine; the instruction set is that of ours."""

    convention: int
    address: ctypes.c_void_p
    simd: str = DEFAULT


class Workspace:
    """A matrix to be factored and the arrays for it, which all contenders use."""

    def __init__(self, m: int, n: int) -> None:
        self.a: Matrix = np.random.default_rng(m + n).standard_normal((n, m))
        self.qr = np.empty_like(self.a)
        self.ipvt = np.empty(n, np.intc)
        self.rdiag = np.empty(n)
        self.acnorm = np.empty(n)
        best = int(lapack.dgeqp3(self.a[:, :1].T, lwork=-1)[3][0])
        self.work = np.empty(max(m + n, best))

    def timer(self, routine: Routine) -> Timer:
        """Return the timer of a routine on fresh copies of the matrix."""
        n, m = self.a.shape
        arrays = (self.a, self.qr, self.ipvt, self.rdiag, self.acnorm, self.work)
        pointers = [ctypes.c_void_p(array.ctypes.data) for array in arrays]

        def timer(calls: int) -> float:
            library = _library()
            if library.leastsq_select_set(routine.simd.encode() or None) != 0:
                raise RuntimeError(f"this machine has no {routine.simd} kernels")
            seconds: float = library.time_qr(
                routine.address, routine.convention, m, n, *pointers, self.work.size, calls
            )
            return seconds

        return timer

    def factors(self, routine: Routine) -> tuple[bytes, bytes]:
        """Return the pivots and R's diagonal as bytes."""
        self.timer(routine)(1)
        return self.ipvt.tobytes(), self.rdiag.tobytes()


def rows() -> list[Row]:
    """Return the rows of this module."""
    found = []
    for m, n in SIZES:
        question = f"How fast is the pivoted QR of a {m} x {n} matrix?"
        run = functools.partial(_versus_peers, m, n)
        found.append(Row(f"qr {m}x{n}", question, Group.ROUTINES, run))
    for m, n in SIZES:
        question = f"How fast is that of {m} x {n} with the baseline's instruction set?"
        run = functools.partial(_baseline, m, n)
        found.append(Row(f"qr-baseline {m}x{n}", question, Group.ROUTINES, run))
    return found


def missing_peers() -> list[str]:
    """Return the libraries that rows would compare with if they were installed."""
    return [f"lib{name}" for name in PEERS.values() if ctypes.util.find_library(name) is None]


def _versus_peers(m: int, n: int, effort: Effort) -> list[Line]:
    target: dict[str, float | None] = {"original": VERSUS_ORIGINAL[m, n]}
    if (m, n) in LARGE:
        target["dgeqp3"] = VERSUS_LAPACK
    return _race(m, n, _ours(DEFAULT), _peers() | {"dgeqp3": _dgeqp3()}, target, effort)


def _baseline(m: int, n: int, effort: Effort) -> list[Line]:
    peers = {name: peer for name, peer in _peers().items() if name == "original"}
    target = {"original": BASELINE_VERSUS_ORIGINAL if (m, n) in LARGE else None}
    return _race(m, n, _ours("baseline"), peers, target, effort)


def _race(
    m: int,
    n: int,
    ours: Routine,
    peers: dict[str, Routine],
    targets: dict[str, float | None],
    effort: Effort,
) -> list[Line]:
    workspace = Workspace(m, n)
    if "original" in peers and workspace.factors(ours) != workspace.factors(peers["original"]):
        raise RuntimeError(f"the factors of a {m} x {n} matrix differ from the original's")
    contenders = {"": ours} | peers
    times = interleaved({k: workspace.timer(v) for k, v in contenders.items()}, effort)
    gigaflops = 2e-9 * n * n * (m - n / 3)
    lines = []
    for peer in peers:
        speeds = [gigaflops / float(np.median(times[name])) for name in ("", peer)]
        note = "{:.1f} and {:.1f} GFLOP/s".format(*speeds)
        lines.append(
            compared(Group.ROUTINES, peer, times[""], times[peer], targets.get(peer), note)
        )
    return lines


@functools.cache
def _ours(simd: str) -> Routine:
    return Routine(BY_VALUE, ctypes.c_void_p(None), simd)


@functools.cache
def _peers() -> dict[str, Routine]:
    found = {}
    for peer, name in PEERS.items():
        path = ctypes.util.find_library(name)
        if path is not None:
            library = ctypes.CDLL(path)
            symbol, convention = ENTRIES[peer]
            address = ctypes.cast(library[symbol], ctypes.c_void_p)
            found[peer] = Routine(convention, address)
    return found


def _dgeqp3() -> Routine:
    # The routine that SciPy's Cython API exports, called without a Python wrapper.
    capsule = cython_lapack.__pyx_capi__["dgeqp3"]
    name, pointer = ctypes.pythonapi.PyCapsule_GetName, ctypes.pythonapi.PyCapsule_GetPointer
    name.restype, name.argtypes = ctypes.c_char_p, [ctypes.py_object]
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    address = ctypes.c_void_p(pointer(capsule, name(capsule)))
    return Routine(LAPACK, address)


@functools.cache
def _library() -> ctypes.CDLL:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "qr.so")
        path.write_bytes(shared_object("qr.c"))
        library = ctypes.CDLL(str(path))
    library.time_qr.restype = ctypes.c_double
    library.leastsq_select_set.argtypes = [ctypes.c_char_p]
    return library


@functools.cache
def shared_object(name: str) -> bytes:
    """Compile a C file of this directory, and link it with the installed libleastsq.a."""
    source = Path(__file__).with_name(name)
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "linked.so")
        command = [
            *shlex.split(os.environ.get("CC", "cc")), "-O2", "-fPIC", "-shared",
            f"-I{leastsq.get_include()}", str(source), f"{leastsq.get_library_dir()}/libleastsq.a",
            "-o", str(target), "-lm",
        ]  # fmt: skip
        subprocess.run(command, check=True, stdout=sys.stderr)  # noqa: S603  (the user's compiler)
        return target.read_bytes()
