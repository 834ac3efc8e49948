"""The C and Fortran APIs, called by compiled programs."""

from __future__ import annotations

import re
import sysconfig
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from programs import build, config, run
from reference import bundled

import leastsq
from leastsq._outcome import MESSAGES

PROGRAMS = Path(__file__).parent / "native_api"
STATUS = Path(__file__).parents[1] / "fortran" / "status.f90"


class Solve(NamedTuple):
    """A solve of the programs that is terminated at an evaluation, or never (0)."""

    routine: str
    stop_at: int
    nprint: int
    info: int


@pytest.fixture(scope="module")
def c_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    flags = config("--cflags", "--libs")
    return build(tmp_path_factory.mktemp("c"), PROGRAMS / "native_api.c", "-std=c99", *flags)


@pytest.fixture(scope="module")
def c_output(c_program: Path) -> str:
    return run(c_program)


@pytest.fixture(scope="module")
def solves(c_output: str) -> list[Solve]:
    """Return how the C program called each solve, and its info."""
    pattern = r"^(\w+) stop_at (\d+) nprint (\d+) .*\nx (-?\d+)$"
    return [
        Solve(match[1], int(match[2]), int(match[3]), int(match[4]))
        for match in re.finditer(pattern, c_output, re.M)
    ]


@pytest.mark.skipif(not bundled(), reason="the system build has no Fortran API of its own")
def test_both_apis_give_the_same_bits(c_output: str, tmp_path: Path) -> None:
    words = [*config("--fortran-interface"), str(PROGRAMS / "native_api.f90"), *config("--libs")]
    assert run(build(tmp_path, *words)) == c_output


def test_every_evaluation_can_end_a_solve(solves: list[Solve]) -> None:
    """Info is the callback's value; only the report before the return comes too late."""
    converged = {"lmdif": 1, "lmder": 1, "lmdif1": 1, "lmder1": 1, "fdjac2": 0}
    assert {solve.routine for solve in solves} == set(converged)
    for solve, following in pairwise([*solves, Solve("none", 0, 0, 0)]):
        last_report = solve.nprint > 0 and following.stop_at == 0
        ended = solve.stop_at > 0 and not last_report
        assert solve.info == (-100 - solve.stop_at if ended else converged[solve.routine])


def test_python_gives_the_same_bits(c_output: str) -> None:
    u = np.arange(1.0, 16.0)
    v, w = 16.0 - u, np.minimum(u, 16.0 - u)
    y = np.array([14, 18, 22, 25, 29, 32, 35, 39, 37, 58, 73, 96, 134, 210, 439]) / 100.0
    x, _, info, _, ier = leastsq.leastsq(
        lambda x: y - (x[0] + u / (v * x[1] + w * x[2])),
        np.ones(3),
        full_output=True,
        ftol=1e-8,
        xtol=1e-8,
    )
    lines = [f" {bits:016X}\n" for bits in x.view(np.uint64)]
    if bundled():  # the step of epsfcn = 0 is that of the library's own epsilon
        head = f"lmdif stop_at 0 nprint 0 nfev {info['nfev']} njev 0\nx {ier}\n"
        assert head + "".join(lines) in c_output


# Version, status codes and headers


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
    assert list(codes.values()) == [code for code in MESSAGES if code >= 0]
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
