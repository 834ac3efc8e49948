"""``python -m leastsq``: the fit of real data that it prints, and its exit status."""

import dataclasses
import doctest
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from programs import need_modules

from leastsq import leastsq
from leastsq._nist import MISRA1A, THURBER, DataSet

# By this name: `leastsq.__main__` as an attribute needs the submodule to be imported first.
demo = import_module("leastsq.__main__")
plot = import_module("leastsq._nist_plot")

BOTH = pytest.mark.parametrize("data", [MISRA1A, THURBER], ids=lambda data: data.name)


def perturbed(data: DataSet, index: int, change: float) -> DataSet:
    """Return the data with one observation changed."""
    y = data.y.copy()
    y[index] += change
    return dataclasses.replace(data, y=y)


def exact_jacobian(data: DataSet, b: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Differentiate the model by complex steps, which lose no digits."""
    step = 1e-30
    columns = [data.model(b + 1j * step * unit, data.x).imag / step for unit in np.eye(b.size)]
    return np.column_stack(columns)


@BOTH
def test_the_data_are_nists(data: DataSet) -> None:
    """With an exact Jacobian the fit gives at least 8 of the certified 11 digits."""
    x, _, info, _, ier = leastsq(
        lambda b: data.model(b, data.x) - data.y,
        data.start,
        Dfun=lambda b: exact_jacobian(data, b),
        full_output=True,
        ftol=1e-15,
        xtol=1e-15,
    )
    assert ier in (1, 2, 3)
    assert demo.digits_of_agreement(x, data.certified).min() >= 8.0
    rss = info["fvec"] @ info["fvec"]
    assert demo.digits_of_agreement(np.array([rss]), np.array([data.certified_rss]))[0] >= 10.0


@BOTH
def test_fit_agrees_with_the_certificate(data: DataSet) -> None:
    """Parameters, standard errors and sum of squares, from differences."""
    found = demo.fit(data)
    assert found.digits.min() >= 7.0
    # The errors come from the Jacobian at the last accepted step, by forward differences.
    np.testing.assert_allclose(found.errors, data.certified_errors, rtol=2e-6)
    np.testing.assert_allclose(found.rss, data.certified_rss, rtol=1e-10)


def test_digits_of_agreement() -> None:
    """Capped at the certified 11 digits; NaN stays NaN."""
    found = np.array([1.0, 1.01, -1.0, np.nan, 11.0])
    digits = demo.digits_of_agreement(found, np.ones(5))
    np.testing.assert_allclose(digits, [11.0, 2.0, -np.log10(2.0), np.nan, -1.0])


def test_main_prints_what_it_fitted(capsys: pytest.CaptureFixture[str]) -> None:
    """The numbers on the page are those of a solve made here."""
    assert demo.compare() == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    table = [line.split() for line in lines]
    first = 0
    for data in (MISRA1A, THURBER):
        x, cov_x, info, message, ier = leastsq(
            lambda b, data=data: data.model(b, data.x) - data.y,
            data.start,
            full_output=True,
            ftol=1e-14,
            xtol=1e-14,
        )
        rss = info["fvec"] @ info["fvec"]
        assert cov_x is not None
        errors = np.sqrt(np.diagonal(cov_x) * rss / (data.x.size - x.size))
        first = next(i for i in range(first, len(lines)) if lines[i].startswith(data.name))
        rows = table[first + 4 : first + 4 + x.size]
        assert [row[0] for row in rows] == [f"b{i}" for i in range(1, x.size + 1)]
        assert [row[1] for row in rows] == [f"{value:.10e}" for value in x]
        assert [row[2] for row in rows] == [f"{value:.10e}" for value in data.certified]
        assert [row[4] for row in rows] == [f"{value:.6e}" for value in errors]
        rest = first + 4 + x.size
        assert table[rest] == ["rss", f"{rss:.10e}", f"{data.certified_rss:.10e}"]
        assert lines[rest + 1] == f"  {info['nfev']} evaluations, ier {ier}:"
        printed = " ".join(" ".join(lines[rest + 2 :]).split())
        assert "at most 0.000000" in message
        assert printed.startswith(" ".join(message.split()).replace("0.000000", "1e-14"))


@BOTH
def test_main_fails_on_a_changed_datum(data: DataSet, capsys: pytest.CaptureFixture[str]) -> None:
    """A change of a few parts in 10^4 of one observation is noticed."""
    assert demo.compare([perturbed(data, 3, 0.01)]) == 1
    assert "NOT every parameter agrees" in capsys.readouterr().out


def test_main_fails_if_any_set_does(capsys: pytest.CaptureFixture[str]) -> None:
    """A good last set does not hide a bad first one."""
    assert demo.compare([perturbed(MISRA1A, 0, 0.01), THURBER]) == 1
    assert demo.compare([MISRA1A]) == 0
    assert "NOT" in capsys.readouterr().out


def test_main_fails_on_nan(capsys: pytest.CaptureFixture[str]) -> None:
    """No number is not six digits."""
    data = dataclasses.replace(MISRA1A, certified=np.array([np.nan, 5.5015643181e-4]))
    assert demo.compare([data]) == 1
    assert "nan" in capsys.readouterr().out


def test_python_m_leastsq() -> None:
    """The command itself ends with status 0 and says nothing on stderr."""
    command = [sys.executable, "-W", "error", "-m", "leastsq"]
    done = subprocess.run(  # noqa: S603
        command, capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "every parameter agrees" in done.stdout
    assert "Misra1a" in done.stdout
    assert "Thurber" in done.stdout


def test_docstrings() -> None:
    """The examples in the demo's docstrings run."""
    results = doctest.testmod(demo)
    assert results.attempted >= 2
    assert results.failed == 0


def test_plot_shows_data_fits_and_residuals() -> None:
    """With the certified parameters, whose residuals give the certified sum of squares."""
    need_modules("matplotlib")
    sets = [MISRA1A, THURBER]
    figure = plot.drawn([(data, data.certified) for data in sets])
    axes = np.reshape(figure.axes, (2, 2))
    for data, (above, below) in zip(sets, axes.T, strict=True):
        curve, dots = above.lines
        np.testing.assert_array_equal(dots.get_xydata().T, [data.x, data.y])
        x = curve.get_xdata()
        assert x.min() < data.x.min() < data.x.max() < x.max()
        np.testing.assert_array_equal(curve.get_ydata(), data.model(data.certified, x))
        _, residuals = below.lines
        np.testing.assert_array_equal(residuals.get_xdata(), data.x)
        rss = residuals.get_ydata() @ residuals.get_ydata()
        np.testing.assert_allclose(rss, data.certified_rss, rtol=1e-9)
        assert data.name in above.get_title()


def test_plot_draws_what_was_fitted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The report stays the same, and the parameters drawn are those found."""
    need_modules("matplotlib")
    assert demo.main([]) == 0
    report = capsys.readouterr().out
    asked, drawn = [], plot.drawn
    monkeypatch.setattr(plot, "drawn", lambda fits: asked.extend(fits) or drawn(fits))
    picture = tmp_path / "fit.PNG"
    assert demo.main(["--plot", str(picture)]) == 0
    assert capsys.readouterr().out == f"{report}drawn to {picture}\n"
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert [data for data, _ in asked] == [MISRA1A, THURBER]
    for data, x in asked:
        np.testing.assert_array_equal(x, demo.fit(data).x)


@pytest.mark.parametrize(("name", "complaint"), [
    ("fit.xyz", "must end with one of .*[.]png"),
    ("fit", "must end with one of"),
    ("", "is a directory"),
    ("none/fit.png", "there is no directory none"),
    ("folder.png", "is a directory"),
])  # fmt: skip
def test_plot_is_refused_before_any_fit(
    name: str, complaint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    need_modules("matplotlib")
    monkeypatch.chdir(tmp_path)
    Path("folder.png").mkdir()
    with pytest.raises(SystemExit) as caught:
        demo.main(["--plot", name])
    output = capsys.readouterr()
    assert (caught.value.code, output.out) == (2, "")
    assert re.search(f"--plot {name or '[.]'}: .*{complaint}", output.err)


def test_plot_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As far as can be foreseen it is found before; this is found at the end."""
    need_modules("matplotlib")
    picture = tmp_path / "fit.png"
    picture.symlink_to(tmp_path / "none" / "fit.png")
    assert demo.main(["--plot", str(picture)]) == 2
    output = capsys.readouterr()
    assert "every parameter agrees" in output.out
    assert f"--plot {picture}: [Errno 2]" in output.err


def test_plot_without_matplotlib(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(SystemExit):
        demo.main(["--plot", "fit.png"])
    assert "needs matplotlib (pip install matplotlib)" in capsys.readouterr().err
