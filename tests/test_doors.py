"""The C and Fortran doors, called by compiled programs."""

from __future__ import annotations

import re
import struct
import sysconfig
from pathlib import Path

import numpy as np
import pytest
from programs import build, config, run
from reference import bundled
from support import Array

import leastsq
from leastsq._leastsq import MESSAGES

DOORS = Path(__file__).parent / "doors"
STATUS = Path(__file__).parents[1] / "fortran" / "status.f90"


@pytest.fixture(scope="module")
def c_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    flags = config("--cflags", "--libs")
    return build(tmp_path_factory.mktemp("c"), DOORS / "doors.c", "-std=c99", *flags)


@pytest.fixture(scope="module")
def c_output(c_program: Path) -> str:
    return run(c_program)


@pytest.fixture(scope="module")
def solves(c_output: str) -> list[dict[str, int]]:
    """The solves of the C program: what was asked for, counts and info."""
    pattern = r"^(\w+) stop_at (\d+) nprint (\d+) nfev (\d+) njev (\d+)\nx (-?\d+)\n"
    keys = ("stop_at", "nprint", "nfev", "njev", "info")
    return [
        {"routine": match[0], **dict(zip(keys, map(int, match[1:]), strict=True))}
        for match in re.findall(pattern, c_output, re.M)
    ]


@pytest.mark.skipif(not bundled(), reason="the system build has no Fortran door of its own")
def test_both_doors_give_the_same_bits(c_output: str, tmp_path: Path) -> None:
    words = [*config("--fortran-interface"), DOORS / "doors.f90", "-Wno-compare-reals"]
    program = build(tmp_path, *words, *config("--libs"))
    assert run(program) == c_output


def test_every_evaluation_can_end_a_solve(solves: list[dict[str, int]]) -> None:
    """Info is the callback's number; only the show before the return comes too late."""
    ends = 0
    for solve, following in zip(solves, [*solves[1:], None], strict=True):
        last = following is None or following["stop_at"] == 0
        if solve["stop_at"] == 0:
            assert solve["info"] == (0 if solve["routine"] == "fdjac2" else 1)
        elif solve["nprint"] == 0 or not last:
            assert solve["info"] == -100 - solve["stop_at"]
            ends += 1
        else:
            assert solve["info"] == 1
    assert ends > 100


def test_python_gives_the_same_bits(c_output: str) -> None:
    u = np.arange(1.0, 16.0)
    v = 16.0 - u
    w = np.minimum(u, v)
    y = np.array(
        [0.14, 0.18, 0.22, 0.25, 0.29, 0.32, 0.35, 0.39, 0.37, 0.58, 0.73, 0.96, 1.34, 2.1, 4.39]
    )

    def bard(x: Array) -> Array:
        return y - (x[0] + u / (v * x[1] + w * x[2]))

    options = {"ftol": 1e-8, "xtol": 1e-8, "epsfcn": 0.0}
    x, _, info, _, ier = leastsq.leastsq(bard, np.ones(3), full_output=True, **options)
    bits = [f" {struct.unpack('Q', value)[0]:016X}\n" for value in x]
    head = f"lmdif stop_at 0 nprint 0 nfev {info['nfev']} njev 0\nx {ier}\n"
    assert head + "".join(bits) in c_output


# What the doors say of themselves


def test_version(tmp_path: Path) -> None:
    source = tmp_path / "version.c"
    source.write_text(
        "#include <stdio.h>\n#include <leastsq.h>\nint main(void) { puts(LEASTSQ_VERSION); }\n"
    )
    program = build(tmp_path, source, *config("--cflags"))
    assert run(program).strip() == leastsq.__version__


def named_codes(text: str, pattern: str) -> dict[str, int]:
    return {name.lower(): int(value) for name, value in re.findall(pattern, text)}


def test_status_codes_are_the_same_everywhere(c_output: str) -> None:
    header = Path(leastsq.get_include(), "leastsq.h").read_text("utf-8")
    interface = Path(leastsq.get_include(), "leastsq_interface.f90").read_text("utf-8")
    codes = named_codes(header, r"LEASTSQ_(\w+) = (\d)")
    assert codes == named_codes(interface, r"integer, parameter :: (\w+) = (\d)")
    if STATUS.is_file():
        assert codes == named_codes(STATUS.read_text("utf-8"), r"enumerator :: (\w+) = (\d)")
    assert list(codes.values()) == list(range(len(MESSAGES)))
    assert c_output.startswith("status 0 1 2 3 4 5 6 7 8\n")
    words = {
        "improper_input": "Improper input",
        "converged_step": "The relative error",
        "orthogonal_residual": "The cosine",
        "too_many_evaluations": "Number of calls",
        "ftol_too_small": "ftol=",
        "xtol_too_small": "xtol=",
        "gtol_too_small": "gtol=",
    }
    for name, beginning in words.items():
        assert MESSAGES[codes[name]].startswith(beginning)


@pytest.mark.parametrize("header", ["leastsq.h", "leastsq_capi.h"])
@pytest.mark.parametrize(("suffix", "standard"), [(".c", "c99"), (".cpp", "c++17")])
def test_headers_compile_alone(header: str, suffix: str, standard: str, tmp_path: Path) -> None:
    source = tmp_path / f"alone{suffix}"
    source.write_text(f"#include <{header}>\n")
    python = ["-isystem", sysconfig.get_path("include")]
    build(tmp_path, source, f"-std={standard}", "-c", *python, *config("--cflags"))
