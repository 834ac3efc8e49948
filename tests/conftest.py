"""Fixtures that several files share: libraries, ours and those that it is compared with."""

import ctypes
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from programs import build_library
from reference import CLibrary, Library, bundled, missing

import leastsq


def _load(name: str) -> ctypes.CDLL:
    """Load a reference library of the system."""
    try:
        return ctypes.CDLL(name)
    except OSError as error:
        missing(f"{name} (Debian: libminpack1, libcminpack1): {error}")


@pytest.fixture(scope="session")
def original() -> Library:
    """Load the 1980 Fortran library."""
    return Library(_load("libminpack.so.1"))


@pytest.fixture(scope="session")
def cminpack() -> CLibrary:
    """Load cminpack, the reference for covar, which Debian's MINPACK lacks."""
    return CLibrary(_load("libcminpack.so.1"), "{}")


@pytest.fixture(scope="session")
def native_library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """Load libleastsq.a, made into a shared library."""
    archive = Path(leastsq.get_library_dir()) / "libleastsq.a"
    library = tmp_path_factory.mktemp("native") / "libleastsq.so"
    whole = ["-Wl,--whole-archive", str(archive), "-Wl,--no-whole-archive"]
    system = [] if bundled() else ["-lminpack"]
    compiler = os.environ.get("CC", "cc").split()
    command = [*compiler, "-shared", "-o", str(library), *whole, *system, "-lm"]
    subprocess.run(command, check=True)  # noqa: S603  (the compiler of whoever runs the tests)
    return ctypes.CDLL(str(library))


@pytest.fixture(scope="session")
def decay_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compile decay.c."""
    return build_library(tmp_path_factory.mktemp("decay"), Path(__file__).with_name("decay.c"))


@pytest.fixture(scope="session")
def c(decay_library: Path) -> ctypes.CDLL:
    """Load the functions of decay.c."""
    return ctypes.CDLL(str(decay_library))


@pytest.fixture
def instruction_sets(native_library: ctypes.CDLL) -> Iterator[Iterator[str]]:
    """Yield the names of this machine's instruction sets; each is then the one in use."""
    name = native_library.leastsq_simd_available
    name.restype = ctypes.c_char_p
    names = [name(i) for i in range(3) if name(i) is not None]

    def choose() -> Iterator[str]:
        for chosen in names:
            assert native_library.leastsq_select_set(chosen) == 0
            yield chosen.decode()

    yield choose()
    native_library.leastsq_select_set(None)


@pytest.fixture(scope="session", params=["c", "fortran"] if bundled() else ["c"])
def native_api(request: pytest.FixtureRequest, native_library: ctypes.CDLL) -> Library:
    """Open each of our native native_library; the system build leaves Fortran's to the system."""
    return (
        CLibrary(native_library, "leastsq_{}") if request.param == "c" else Library(native_library)
    )
