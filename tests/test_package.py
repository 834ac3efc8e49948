"""The installed package: version, configuration, types, dependencies, examples."""

from __future__ import annotations

import doctest
import importlib
import importlib.metadata
import importlib.resources
import inspect
import pkgutil
import pydoc
import re
import subprocess
import sys
import textwrap
from importlib.util import find_spec
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from programs import need_modules
from reference import bundled
from support import START, Recorded, decay, decay_jacobian, run_python

import leastsq
from leastsq import LevenbergMarquardt, _minpack, leastsq_many

# The demo's examples are tested with the demo.
MODULES = sorted(
    {"__init__", *(m.name for m in pkgutil.iter_modules(leastsq.__path__))} - {"__main__"}
)

A_FIT = """
import numpy as np
from leastsq import leastsq

t = np.linspace(0.0, 3.0, 20)
x, cov_x, *_ = leastsq(lambda p: p[0] * np.exp(-p[1] * t) - 2.0 * np.exp(-t), [1, 2], full_output=1)
assert abs(x[0] - 2.0) < 1e-6
assert cov_x is not None
"""


def test_version() -> None:
    assert leastsq.__version__ == importlib.metadata.version("leastsq")
    assert _minpack.build_config()["version"] == leastsq.__version__


def test_numpy_is_the_only_dependency() -> None:
    required = [
        requirement
        for requirement in importlib.metadata.requires("leastsq") or []
        if "extra ==" not in requirement
    ]
    assert required == ["numpy>=2.0"]


def test_public_names() -> None:
    public = ["__version__", "get_include", "get_library_dir", "leastsq", "minpack", "show_config"]
    assert all(hasattr(leastsq, name) for name in public)
    assert set(leastsq.__all__) >= set(public) - {"__version__"}
    assert all(hasattr(leastsq, name) for name in leastsq.__all__)


def test_show_config(capsys: pytest.CaptureFixture[str]) -> None:
    leastsq.show_config()
    printed = capsys.readouterr().out
    config = _minpack.build_config()
    assert {"version", "numpy", "c_compiler", "fortran_compiler", "minpack"} <= set(config)
    assert config["minpack"] in {"bundled", "system"}
    assert config["fortran_flags"]
    for value in config.values():
        assert value in printed


def test_native_files_are_installed() -> None:
    include, library = Path(leastsq.get_include()), Path(leastsq.get_library_dir())
    names = [include / "leastsq.h", include / "leastsq_interface.f90"]
    names += [library / "libleastsq.a", library / "pkgconfig" / "leastsq.pc"]
    assert [path for path in names if not path.is_file()] == []


# Types

TYPED = """
    from concurrent.futures import ThreadPoolExecutor

    import numpy as np
    import numpy.typing as npt

    import leastsq as package
    from leastsq import leastsq

    Array = npt.NDArray[np.float64]

    def func(x: Array, shift: float = 0.0) -> Array:
        return x - shift

    def listed(x: Array) -> list[float]:
        return [float(x[0]), 1.0]

    def jacobian(x: Array, shift: float = 0.0) -> Array:
        return np.eye(x.size)

    x, ier = leastsq(func, [1.0, 2.0])
    array: Array = x
    number: int = ier
    x, ier = leastsq(listed, 1.0, full_output=False, ftol=1, maxfev=10, diag=[1.0])
    x, cov_x, info, message, ier = leastsq(func, np.ones(2), (3.0,), jacobian, True)
    x, cov_x, info, message, ier = leastsq(func, (1, 2), full_output=True, col_deriv=True)
    covariance: Array | None = cov_x
    text: str = message
    evaluations: int = info["nfev"]
    residual: Array = info["fvec"]
    norm: float = package.minpack.enorm(x)
    version: str = package.__version__
    directory: str = package.get_include()

    def either(flag: bool) -> None:
        result = leastsq(func, [1.0], full_output=flag)
        array: Array = result[0]

    def look(intermediate_result: package.IntermediateResult) -> None:
        cost: float = intermediate_result.cost
        array: Array = intermediate_result.fun

    x, ier = leastsq(func, [1.0], callback=look)
    x, ier = leastsq(func, [1.0], callback=print, vectorized=True)
    with ThreadPoolExecutor() as pool:
        x, ier = leastsq(func, [1.0], workers=pool.map)
        x, cov_x, info, message, ier = leastsq(func, [1.0], workers=map, full_output=True)

    solve = package.LevenbergMarquardt([1.0], 2, analytic=True, ftol=1e-3)
    while (points := solve.ask()) is not None:
        solve.tell(points, [func(point) for point in points])
    last: int | None = solve.ier
    x, cov_x, info, message, ier = solve.result()

    solve.ier = 3  # wrong: it cannot be set
    leastsq(func, [1.0], workers=2)  # wrong: no callable
    leastsq(func, [1.0], 1, None, False, False, 0.0, 0.0, 0.0, 0, None, 1, None, print)  # wrong
    wrong = len(cov_x)  # wrong: it may be None
    x, cov_x, info, message, ier = leastsq(func, [1.0])  # wrong: two values
    x, ier = leastsq(func, [1.0], full_output=True)  # wrong: five values
    leastsq(3, [1.0])  # wrong: no function
    leastsq(func, [1.0], ftol="a")  # wrong: no number
"""


def test_types(tmp_path: Path) -> None:
    if find_spec("mypy") is None:
        pytest.skip("mypy is not installed")
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent(TYPED))
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", program.name]
    done = subprocess.run(  # noqa: S603  (our own interpreter)
        command, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    lines = program.read_text().splitlines()
    wrong = {number for number, line in enumerate(lines, 1) if "# wrong" in line}
    found = {int(number) for number in re.findall(r"^program\.py:(\d+): error", done.stdout, re.M)}
    assert found == wrong, done.stdout + done.stderr


def test_py_typed() -> None:
    assert importlib.resources.files("leastsq").joinpath("py.typed").is_file()


# Dependencies at run time


@pytest.mark.skipif(not bundled(), reason="the system's MINPACK brings its own libgfortran")
@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="no /proc/self/maps")
def test_no_fortran_runtime_is_loaded() -> None:
    # NumPy may bring one for its BLAS.
    done = run_python(
        """
        import numpy.linalg

        def runtimes():
            with open("/proc/self/maps") as file:
                return {word for word in file.read().split() if "gfortran" in word}

        numpys_own = runtimes()
        """
        + textwrap.indent(A_FIT, " " * 8)
        + """
        assert runtimes() <= numpys_own
        print(open("/proc/self/maps").read())
        """
    )
    assert "leastsq/_minpack" in done.stdout


def test_numpy_alone_is_enough() -> None:
    run_python(
        """
        import sys

        class OnlyNumPy:
            def find_spec(self, name, path=None, target=None):
                top = name.partition(".")[0]
                if top not in {"numpy", "leastsq", *sys.stdlib_module_names}:
                    raise ModuleNotFoundError(name, name=name)

        sys.meta_path.insert(0, OnlyNumPy())
        """
        + textwrap.indent(A_FIT, " " * 8)
        + """
        import leastsq as package

        package.show_config()
        assert package.minpack.enorm([3.0, 4.0]) == 5.0
        """
    )


@pytest.mark.skipif(bundled(), reason="the system build alone has none of it")
def test_system_build_says_what_it_has_not() -> None:
    func = Recorded(decay)
    for name, option in (("callback", print), ("workers", map), ("vectorized", True)):
        with pytest.raises(NotImplementedError, match=f"^{name} needs the bundled core"):
            leastsq.leastsq(func, START, **{name: option})
    with pytest.raises(NotImplementedError, match=r"^LevenbergMarquardt needs the bundled core"):
        LevenbergMarquardt(START, 40)
    with pytest.raises(NotImplementedError, match=r"^LevenbergMarquardt needs the bundled core"):
        object.__new__(LevenbergMarquardt).__setstate__({"version": 1})
    with pytest.raises(NotImplementedError, match=r"^leastsq_many needs the bundled core"):
        leastsq_many(func, [START])
    assert func.calls == 0
    without = {"callback": None, "workers": None, "vectorized": 0}
    assert leastsq.leastsq(func, START, **without)[1] == 1


# Help


PUBLIC = [vars(leastsq)[name] for name in leastsq.__all__ if name != "__version__"]
RETURNED = [leastsq.IntermediateResult, leastsq.LeastsqManyResult]
"""What is not made by users."""
NAMED = [item for item in PUBLIC if item is not leastsq.minpack]
METHODS = [LevenbergMarquardt.ask, LevenbergMarquardt.tell, LevenbergMarquardt.result,
           leastsq.LeastsqManyResult.standard_errors]  # fmt: skip
BLOCKS = [getattr(leastsq.minpack, name) for name in leastsq.minpack.__all__]


def joined(text: str) -> str:
    """Return help's text as one word: newer Pythons break long signatures into lines."""
    return re.sub(r"[\s|]+", "", text).replace(",)", ")")


@pytest.mark.parametrize("item", PUBLIC + METHODS + BLOCKS, ids=lambda item: item.__name__)
def test_help_opens_with_what_it_does(item: Any) -> None:
    """The signature has names and defaults; types stay for type checkers."""
    summary = (inspect.getdoc(item) or "").partition("\n")[0]
    assert re.match("[A-Z].*[.:]$", summary)
    if item in (leastsq.minpack, leastsq.InfoDict, leastsq.OptimizeWarning):
        return
    signature = str(inspect.signature(item))
    assert "->" not in signature
    assert ": " not in signature
    shown = joined(pydoc.plaintext.document(item))
    assert joined(f"{item.__name__}{signature}") in shown
    if inspect.isfunction(item):
        assert shown.startswith(joined(f"{item.__name__}{signature}{summary}"))
        assert get_type_hints(item)["return"]


def test_the_module_is_a_map() -> None:
    """The package's docstring mentions each public name."""
    told = inspect.getdoc(leastsq) or ""
    assert [name for name in leastsq.__all__ if f"`{name}`" not in told] == ["__version__"]


# Examples


@pytest.mark.parametrize("name", MODULES)
def test_docstrings(name: str) -> None:
    if name in ("__init__", "_many", "_many_result") and not bundled():
        pytest.skip("the system build has no LevenbergMarquardt and no leastsq_many")
    if name.startswith("_numba"):
        need_modules("numba")
    module = importlib.import_module("leastsq" if name == "__init__" else f"leastsq.{name}")
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize("item", NAMED + BLOCKS, ids=lambda item: item.__name__)
def test_public_names_have_examples_and_relatives(item: Any) -> None:
    """Examples can be pasted: what they use, they import."""
    text = inspect.getdoc(item) or ""
    assert re.search(r"^See Also\n-+\n", text, re.M)
    (example,) = doctest.DocTestFinder(recurse=False).find(item, item.__name__)
    code = "".join(part.source for part in example.examples)
    assert re.search(rf"^from leastsq[.\w]* import .*\b{item.__name__}\b", code, re.M) or (
        item in RETURNED and "from leastsq import" in code
    )


def test_leastsq_shows_what_is_asked_most() -> None:
    """Standard errors, a Jacobian by columns, extra arguments, and each key of infodict."""
    text = inspect.getdoc(leastsq.leastsq) or ""
    examples = text.partition("Examples\n")[2]
    for part in ("full_output=True", "np.diag(cov_x)", "Dfun=", "col_deriv=True", "args="):
        assert part in examples
    _, _, info, _, _ = leastsq.leastsq(decay, START, Dfun=decay_jacobian, full_output=True)
    assert re.findall(r"^ +- ``(\w+)``", text, re.M) == list(info)
