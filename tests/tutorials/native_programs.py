"""C, C++, Fortran and Cython: linking the library
================================================

The package contains its solver as a static library, for programs that run without Python. The
library has the functions of cminpack and the subroutines of MINPACK-1, with the same arguments. It
is compiled already, and to use it from C, C++ or Cython no Fortran compiler is needed.

Run it as ``python native_programs.py``; it needs a C and a C++ compiler, gfortran, Cython, and the
programs in ``tests/downstream``, which this page compiles.
"""

import importlib
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from leastsq import leastsq

Array = npt.NDArray[np.float64]

PROGRAMS = Path(sys.argv[0]).resolve().parents[1] / "downstream"
SOURCES = [
    "c/peak.c", "c/ask.c", "cpp/decay.cpp", "minpack/bard.f90", "reverse/ask.f90",
    "cython/decays.pyx",
]  # fmt: skip
FOLDER = tempfile.TemporaryDirectory()
for name in SOURCES:
    shutil.copy(PROGRAMS / name, FOLDER.name)


# %%
# Flags for the compiler
# ----------------------
# The command ``leastsq-config`` prints what a compiler needs to be told: where the header is, and
# what to link. Where the command is not on the PATH, ``python -m leastsq.config`` is the same.
def run(command: list[str]) -> str:
    """Run a command in the folder, and return what it prints."""
    return subprocess.check_output(command, cwd=FOLDER.name, text=True).strip()


def config(options: str) -> str:
    """Return what leastsq-config prints."""
    return run([sys.executable, "-m", "leastsq.config", *options.split()])


print(config("--cflags --libs"))
assert "gfortran" not in config("--libs")


# %%
# In a shell, ``$( )`` puts the output of a command into another. This function does so here, so
# that we see commands as one would type them. (If there are spaces in the paths, a shell wants
# ``eval "cc ... $(leastsq-config ...)"``.)
def build(command: str) -> None:
    """Print a command, and run it as a shell does."""
    print(command)
    whole = re.sub(r"\$\(leastsq-config (.*?)\)", lambda found: config(found[1]), command)
    run(shlex.split(whole))


def output(program: str) -> str:
    """Return what a program prints that was built."""
    return run([str(Path(FOLDER.name) / program)])


# %%
# C
# -
# ``peak.c`` fits a Gaussian peak with ``leastsq_lmdif1``, which finds derivatives from differences
# and has a single tolerance. The functions are those of cminpack, with the prefix ``leastsq_``: a
# pointer to whatever the residual needs is handed through.
#
# .. code-block:: c
#
#     #include <leastsq.h>
#
#     static int residual(void *pointer, int m, int n, const double *p, double *fvec, int iflag)
#     {
#         const struct data *data = pointer;
#
#         for (int i = 0; i < m; i++)
#             fvec[i] = peak(p, data->t[i]) - data->y[i];
#         return 0; /* negative: stop */
#     }
#
#     info = leastsq_lmdif1(residual, &data, m, n, p, fvec, 1e-10, iwa, wa, lwa);
#
# The same fit by ``leastsq`` finds the same.
build("cc -o peak peak.c $(leastsq-config --cflags --libs)")
printed = output("peak")
print(printed)

t = -2.0 + 0.1 * np.arange(41)


def peak(p: Array) -> Array:
    """Return a peak of height p[0], place p[1] and width p[2]."""
    values: Array = p[0] * np.exp(-0.5 * ((t - p[1]) / p[2]) ** 2)
    return values


y = peak(np.array([2.0, 0.5, 0.75]))
x, ier = leastsq(lambda p: peak(p) - y, [1.0, 0.0, 1.0], ftol=1e-10, xtol=1e-10)
assert printed.split() == [f"{value:.6f}" for value in x]

# %%
# C++
# ---
# ``decay.cpp`` fits a decay with ``leastsq_lmder1``, whose callback returns residuals if iflag is
# 1, and the Jacobian if it is 2, column after column:
#
# .. code-block:: cpp
#
#     if (iflag == 1) {
#         fvec[i] = p[0] * e + p[2] - data.y[i];
#     } else if (iflag == 2) {
#         fjac[i] = e;
#         fjac[i + ldfjac] = -p[0] * data.t[i] * e;
#         fjac[i + 2 * ldfjac] = 1.0;
#     }
#
# An exception must not leave the callback; return a negative number instead.
build("c++ -std=c++17 -o decay decay.cpp $(leastsq-config --cflags --libs)")
print(output("decay"))
assert output("decay") == "2.500000 1.300000 0.500000"  # what the data are made with

# %%
# Fortran
# -------
# A program for MINPACK stays as it is. Where it was linked by ``-lminpack``, link it by
# ``leastsq-config --libs``. ``bard.f90`` solves a problem of the MINPACK user guide with several
# subroutines, among them ``lmdif``:
#
# .. code-block:: fortran
#
#     call lmdif(residual, m, n, x, fvec, tol, tol, 0.0_wp, 1600, epsilon_1980, diag, 1, 100.0_wp, &
#                0, info, nfev, fjac, m, ipvt, qtf, wa1, wa2, wa3, wa4)
#
# It prints the numbers as bits. The option keeps the compiler from fusing multiplications and
# additions in the residual, which then has the same bits on all machines.
build("gfortran -ffp-contract=off -o bard bard.f90 $(leastsq-config --libs)")
printed = output("bard").partition("lmdif ")[2].splitlines()
bits = np.array([int(word, 16) for word in printed[1].split()[:3]], np.uint64)
print("x by lmdif:", bits.view(float))

# %%
# ``leastsq`` finds the same bits.
v = np.arange(1.0, 16.0)
w = np.minimum(v, 16.0 - v)
y = np.array([14, 18, 22, 25, 29, 32, 35, 39, 37, 58, 73, 96, 134, 210, 439]) / 100.0
tol = float(np.sqrt(np.finfo(float).eps))
x, ier = leastsq(
    lambda x: y - (x[0] + v / (x[1] * (16.0 - v) + x[2] * w)),
    [1.0, 1.0, 1.0], ftol=tol, xtol=tol, epsfcn=2.22044604926e-16,
)  # fmt: skip
print("x by leastsq:", x, "the same bits:", x.tobytes() == bits.tobytes())
assert x.tobytes() == bits.tobytes()

# %%
# To have arguments checked by the compiler, add the module ``leastsq_interface``. It comes as a
# source file, because compiled modules of one compiler are of no use to another. ``ask.f90`` uses
# it, in a way that is explained next.
build(
    'gfortran -o asks "$(leastsq-config --fortran-interface)" ask.f90 '
    "$(leastsq-config --libs)"
)  # fmt: skip
print(output("asks"))
assert output("asks").startswith("x 1.000000 1.000000, info 4")

# %%
# Programs that are asked
# -----------------------
# As in :doc:`checkpoints`, the solve can ask for residuals instead of calling a function. All that
# it knows is in one block of memory, which may be copied, or written to a file and read by another
# process. ``ask.c`` does so after every answer:
#
# .. code-block:: c
#
#     leastsq_start(workspace, M, N, start, 1e-10, 1e-10, 0.0, 800, 0.0, NULL, 1, 100.0, 0);
#     while (leastsq_inspect(workspace, &view) > LEASTSQ_WANTS_NOTHING) {
#         if (view.request == LEASTSQ_WANTS_RESIDUAL)
#             residual(view.point, view.residual);
#         else
#             differences(workspace);
#         leastsq_resume(workspace, 0);
#         if (!save_and_load("checkpoint", workspace, size))
#             return 1;
#     }
#
# It fits the same peak as ``peak.c``, and prints the same.
build("cc -o ask ask.c $(leastsq-config --cflags --libs)")
print(output("ask"))
assert output("ask") == output("peak")

# %%
# Cython
# ------
# An extension module is not linked to the library: ``cimport`` finds the functions in the installed
# package at run time. ``decays.pyx`` fits without the GIL.
#
# .. code-block:: cython
#
#     from leastsq cimport cython_leastsq as solver
#
#     cdef int residual(
#         void *p, int m, int n, const double *x, double *fvec, int iflag
#     ) noexcept nogil:
#         cdef const double *y = <const double *>p
#         cdef int i
#         for i in range(m):
#             fvec[i] = x[0] * exp(-x[1] * 0.1 * i) - y[i]
#         return 0
#
#     info = solver.leastsq_lmdif1(residual, y, m, n, x, fvec, 1e-10, iwa, wa, lwa)
python, include = shlex.quote(sys.executable), shlex.quote(sysconfig.get_path("include"))
build(f"{python} -m cython decays.pyx")
build(f"cc -shared -fPIC -I{include} -o decays.so decays.c")
sys.path.insert(0, FOLDER.name)
decays = importlib.import_module("decays")
print(decays.fit(2.0, 1.5, 1))

# %%
# The numbers are the ending, and the amplitude and rate that the data are made with. The module's
# other function, ``ask``, has ``leastsq_start``, ``leastsq_inspect`` and ``leastsq_resume`` in the
# place of ``leastsq_lmdif1``. The bits are the same.
info, *found = decays.fit(2.0, 1.5, 1)
print(decays.ask(2.0, 1.5))
FOLDER.cleanup()
assert info in (1, 2, 3, 4)
assert np.allclose(found, [2.0, 1.5], rtol=1e-9)
assert decays.ask(2.0, 1.5) == (info, *found)

# %%
# pkg-config, CMake and Meson
# ---------------------------
# They find the library by pkg-config, if ``PKG_CONFIG_PATH`` is what
# ``leastsq-config --pkgconfigdir`` prints. (With ``PKG_CONFIG=pkgconf-pypi``, which pip installs,
# no path is needed.) A project for CMake is in ``tests/downstream/cmake``:
#
# .. code-block:: cmake
#
#     find_package(PkgConfig REQUIRED)
#     pkg_check_modules(leastsq REQUIRED IMPORTED_TARGET leastsq)
#     add_executable(peak peak.c)
#     target_link_libraries(peak PRIVATE PkgConfig::leastsq)
#
# In Meson it is ``dependency('leastsq')``. A Python package with an extension in C is in
# ``tests/downstream/meson_python``. It includes ``leastsq_capi.h``, and takes the functions from
# the installed package as Cython does, so that it needs the headers alone:
#
# .. code-block:: meson
#
#     leastsq = dependency('leastsq').partial_dependency(compile_args: true, includes: true)
#     py.extension_module('straightline', 'straightline.c', dependencies: leastsq, install: true)
