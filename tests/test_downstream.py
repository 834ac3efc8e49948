"""Programs and packages that use the installed package, built and run the usual way."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
import sysconfig
import textwrap
import venv
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest
from programs import SYSTEM_PATH, build, config, need, need_modules, run
from reference import bundled, missing

import leastsq

HERE = Path(__file__).parent / "downstream"
CHECKOUT = HERE.parents[1]
CMINPACK = Path("/usr/include/cminpack-1")

PEAK = "2.000000 0.500000 0.750000\n"

fortran_api = pytest.mark.skipif(
    not bundled(), reason="the system build leaves MINPACK's symbols to the system's library"
)


class Place(NamedTuple):
    """Where the package is installed: its Python, and what that needs in the environment."""

    python: Path
    environment: dict[str, str]

    def config(self, *options: str) -> str:
        return run(
            self.python, "-m", "leastsq.config", *options, environment=self.environment
        ).strip()


def editable_install(directory: Path) -> Place:
    """Install a copy of the checkout, in an environment that sees this one's packages."""
    need("gfortran", "ninja")
    need_modules("mesonpy")
    if not (CHECKOUT / "meson.build").is_file():
        pytest.skip("the tests run without the checkout")
    source, environment = directory / "a checkout", directory / "an environment"
    unwanted = shutil.ignore_patterns(".*", "build", "dist", "__pycache__")
    shutil.copytree(CHECKOUT, source, ignore=unwanted)
    venv.create(environment, symlinks=True)
    python = environment / "bin" / "python"
    version = "python{}.{}".format(*sys.version_info)
    packages = environment / "lib" / version / "site-packages"
    (packages / "others.pth").write_text(sysconfig.get_path("purelib"))
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "-q"]
    run(*pip, "--no-deps", "--no-build-isolation", "--editable", source)
    return Place(python, {})


@pytest.fixture(scope="module", params=["installed", "installed under spaces", "editable"])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Place:
    directory = tmp_path_factory.mktemp("a place")
    if request.param == "editable":
        return editable_install(directory)
    environment = {}
    if request.param == "installed under spaces":
        environment["PYTHONPATH"] = str(directory / "a b")
        shutil.copytree(Path(leastsq.__file__).parent, directory / "a b" / "leastsq")
    return Place(Path(sys.executable), environment)


@pytest.mark.parametrize("way", ["leastsq-config", "pkg-config"])
def test_c(place: Place, way: str, tmp_path: Path) -> None:
    flags = place.config("--cflags", "--libs")
    if way == "pkg-config":
        need("pkg-config")
        system = shutil.which("pkg-config", path=SYSTEM_PATH) or "pkg-config"
        path = {"PKG_CONFIG_PATH": place.config("--pkgconfigdir")}
        flags = run(system, "--cflags", "--libs", "leastsq", environment=path)
    words = shlex.split(flags)
    library = next(Path(word[2:]).resolve() for word in words if word.startswith("-L"))
    assert library == Path(place.config("--libdir")).resolve()
    assert run(build(tmp_path, HERE / "c" / "peak.c", *words)) == PEAK


@fortran_api
def test_reverse_communication(tmp_path: Path) -> None:
    """The examples of reverse communication, which the system build lacks."""
    program = build(tmp_path, HERE / "c" / "ask.c", *config("--cflags", "--libs"))
    assert run(program, cwd=tmp_path) == PEAK
    words = [*config("--fortran-interface"), str(HERE / "reverse" / "ask.f90"), *config("--libs")]
    assert run(build(tmp_path, *words)) == "x 1.000000 1.000000, info 4, last request 0\n"


def test_cpp(tmp_path: Path) -> None:
    source = HERE / "cpp" / "decay.cpp"
    program = build(tmp_path, source, "-std=c++17", *config("--cflags", "--libs"))
    assert run(program) == "2.500000 1.300000 0.500000\n"


@fortran_api
@pytest.mark.usefixtures("original")
def test_minpack_program(tmp_path: Path) -> None:
    """The same bits from the program, whichever library is linked."""
    source = HERE / "minpack" / "bard.f90"
    ours = run(build(tmp_path, source, *config("--libs")))
    assert ours == run(build(tmp_path, source, "-lminpack"))
    # The user guide prints norm 0.9063596D-01 at 0.8241058D-01 0.1133037D+01 0.2343695D+01.
    assert "lmdif1 1   9.063596E-02   8.241058E-02   1.133037E+00   2.343695E+00" in ours
    verdicts = ours.splitlines()[0].split()[1:]
    assert [row for row, verdict in enumerate(verdicts, 1) if float(verdict) < 0.5] == [7]


@fortran_api
def test_own_enorm(tmp_path: Path) -> None:
    source = HERE / "own_enorm" / "own_enorm.f90"
    words = [*config("--fortran-interface"), str(source), *config("--libs")]
    assert run(build(tmp_path, *words)) == " 1.000000 1.000000 2001.0\n"


def test_cminpack_program(tmp_path: Path) -> None:
    """The same bits from a program once its include and its prefix are changed."""
    if not (CMINPACK / "cminpack.h").is_file():
        missing("no cminpack.h (Debian: libcminpack-dev)")
    source = HERE / "cminpack" / "port.c"
    theirs = run(build(tmp_path, source, f"-I{CMINPACK}", "-lcminpack"))
    ported = tmp_path / "ported.c"
    text = source.read_text().replace("<cminpack.h>", "<leastsq.h>")
    ported.write_text(re.sub(r"\b(lmdif|lmder|covar|enorm)\(", r"leastsq_\1(", text))
    assert run(build(tmp_path, ported, *config("--cflags", "--libs"))) == theirs


def test_cmake(tmp_path: Path) -> None:
    need("cmake", "ninja", "pkg-config", "cc")
    path = {"PKG_CONFIG_PATH": config("--pkgconfigdir")[0]}
    run("cmake", "-G", "Ninja", "-S", HERE / "cmake", "-B", tmp_path, environment=path)
    run("cmake", "--build", tmp_path)
    assert run(tmp_path / "peak") == PEAK


def install(name: str, directory: Path, **files: str) -> None:
    """Build one of the Python packages with pkgconf's entry points, and install it there.

    Keywords replace the text of some of its files.
    """
    need("cc", "ninja", "pkgconf-pypi")
    need_modules("mesonpy")
    source = directory / "source"
    shutil.copytree(HERE / name, source)
    for file, text in files.items():
        (source / file).write_text(text)
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation"]
    with_entry_points = {"PKG_CONFIG": "pkgconf-pypi"}
    run(*pip, "--target", directory / "target", source, environment=with_entry_points)


def test_meson_python(tmp_path: Path) -> None:
    install("meson_python", tmp_path)
    code = "import straightline; print(straightline.fit([1.0, 3.0, 5.0, 7.0]))"
    path = {"PYTHONPATH": str(tmp_path / "target")}
    assert run(sys.executable, "-c", code, environment=path) == "(1.0, 2.0)\n"


def test_extension_newer_than_the_package(tmp_path: Path) -> None:
    """It is not loaded, and the error gives the reason."""
    header = Path(leastsq.get_include(), "leastsq_capi.h").read_text("utf-8")
    version = "#define LEASTSQ_CAPI_VERSION "
    assert f"{version}2\n" in header
    (tmp_path / "newer.h").write_text(header.replace(f"{version}2\n", f"{version}99\n"))
    code = (HERE / "meson_python" / "straightline.c").read_text("utf-8")
    source = tmp_path / "straightline.c"
    source.write_text(code.replace("<leastsq_capi.h>", '"newer.h"'))
    python = ["-isystem", sysconfig.get_path("include")]
    module = build(tmp_path, source, "-shared", "-fPIC", *python, *config("--cflags"))
    module.rename(tmp_path / "straightline.so")
    code = """
        import pytest

        with pytest.raises(ImportError, match="needs version 99 .* has version 2; please upgrade"):
            import straightline
        """
    run(sys.executable, "-c", textwrap.dedent(code), cwd=tmp_path)


def test_cython_in_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    need("cython")
    install("cython", tmp_path)
    monkeypatch.syspath_prepend(tmp_path / "target")
    import decays  # type: ignore[import-not-found]

    assert len(set(decays.addresses())) == 18
    curves = [(2.0, 1.5), (3.0, 0.5)]
    expected = [decays.fit(*curve, 1) for curve in curves]
    assert [result[1:] for result in expected] == [pytest.approx(curve) for curve in curves]
    assert [decays.ask(*curve) for curve in curves] == expected
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(lambda curve: decays.fit(*curve, 2000), curves)) == expected


def test_numba() -> None:
    need_modules("numba")
    assert run(sys.executable, HERE / "numba" / "decays.py") == "True\n"


@pytest.mark.parametrize("package", ["astropy", "hyperspy", "lmfit"])
def test_fitters(package: str, tmp_path: Path) -> None:
    """Their fits with our leastsq in SciPy's place end at the same bits."""
    need_modules(package)
    program = HERE / "fitters" / f"{package}_line.py"
    assert run(sys.executable, program, cwd=tmp_path).endswith("True\n")


# The programs of the page about linking


@pytest.fixture(scope="module")
def snippets() -> dict[str, str]:
    """Return the programs by language."""
    page = CHECKOUT / "docs" / "linking.md"
    if not page.is_file():
        pytest.skip("the tests run without the docs")
    return dict(re.findall(r"^```(\w+)\n(.*?)^```", page.read_text("utf-8"), re.M | re.S))


@pytest.mark.parametrize("language", ["c", "fortran", "cython", "python"])
def test_linking(language: str, snippets: dict[str, str], tmp_path: Path) -> None:
    if language == "fortran" and not bundled():
        pytest.skip("the system build leaves MINPACK's symbols to the system's library")
    code, environment = snippets[language], {}
    if language == "python":
        need_modules("numba")
    if language == "cython":
        install("cython", tmp_path, **{"decays.pyx": code})
        code = "import decays; print(decays.fit())"
        environment = {"PYTHONPATH": str(tmp_path / "target")}
    if language in {"c", "fortran"}:
        source = tmp_path / {"c": "line.c", "fortran": "line.f90"}[language]
        source.write_text(code)
        unused = {"c": "-Wno-unused-parameter", "fortran": "-Wno-unused-dummy-argument"}
        words = [unused[language], *config("--cflags", "--libs")]
        output = run(build(tmp_path, source, *words))
    else:
        output = run(sys.executable, "-c", code, environment=environment)
    assert output == "1.030 1.980\n"
