"""``leastsq-config``: its output and its errors."""

import shlex
import sys
from pathlib import Path

import pytest
from programs import run
from reference import bundled

import leastsq
from leastsq.config import main

SYSTEM = [] if bundled() else ["-lminpack"]


def answer(*options: str, capsys: pytest.CaptureFixture[str]) -> str:
    main(options)
    return capsys.readouterr().out.removesuffix("\n")


def test_paths_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    include, library = Path(leastsq.get_include()), Path(leastsq.get_library_dir())
    expected = {
        "--includedir": include,
        "--libdir": library,
        "--pkgconfigdir": library / "pkgconfig",
        "--fortran-interface": include / "leastsq_interface.f90",
        "--version": leastsq.__version__,
    }
    for option, value in expected.items():
        assert answer(option, capsys=capsys) == str(value)


def test_flags_are_one_line_for_a_shell(capsys: pytest.CaptureFixture[str]) -> None:
    words = shlex.split(answer("--cflags", "--libs", capsys=capsys))
    library = ["-L" + leastsq.get_library_dir(), "-lleastsq", *SYSTEM, "-lm"]
    assert words == ["-I" + leastsq.get_include(), *library]


@pytest.mark.parametrize("options", [[], ["--nonsense"]])
def test_refusals(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(options)
    assert caught.value.code == 2
    assert "leastsq-config: error:" in capsys.readouterr().err


def test_script_and_module() -> None:
    version = leastsq.__version__ + "\n"
    assert run("leastsq-config", "--version") == version
    assert run(sys.executable, "-W", "error", "-m", "leastsq.config", "--version") == version
