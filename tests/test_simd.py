"""The kernels of every instruction set: their bits, and the registers that they use."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from programs import build, config
from programs import run as run_program
from reference import bundled, missing

from leastsq import _minpack, get_library_dir, leastsq, leastsq_many, minpack

pytestmark = pytest.mark.skipif(not bundled(), reason="the system build has no kernels of ours")


def digest() -> str:
    """Hash results of all kernels, on sizes around those of their vectors and blocks."""
    digest = hashlib.sha256()

    def add(*results: object) -> None:
        for result in results:
            digest.update(np.ascontiguousarray(result).tobytes())

    rng = np.random.default_rng(1978)
    for m in [*range(1, 40), 63, 64, 65, 1023, 1024, 1025, 2100]:
        for n in (1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 33, 63, 64, 65, 66, 130):
            if m * n > 40_000 and n not in (3, 17):
                continue
            a = rng.standard_normal((m, n)) * 10.0 ** rng.integers(-3, 3, n)
            if n > 2:
                a[:, 1] = a[:, 0]
                a[rng.random((m, n)) < 0.1] = 0.0
            add(*minpack.qrfac(a), np.float64(minpack.enorm(a[:, 0])))
    for n in (2, 15, 16, 17, 18, 31, 40, 65):
        r = np.triu(rng.standard_normal((n, n)))
        order = rng.permutation(n)
        diag = rng.standard_normal(n) * (rng.random(n) < 0.8)
        add(*minpack.qrsolv(r, order, diag, np.ones(n)))
    t = np.linspace(0.0, 1.0, 1500)
    basis = np.polynomial.chebyshev.chebvander(t, 10)
    x, cov_x, info, _, _ = leastsq(
        lambda p: (basis @ p) ** 2 - np.exp(t), np.ones(11), full_output=True
    )
    add(x, cov_x, info["fjac"], info["qtf"], info["fvec"])
    a = rng.standard_normal((37, 20, 4))
    fits = leastsq_many(
        lambda p, a, y: sum(a[:, :, j] * p[j] ** 3 for j in range(4)) - y,
        np.ones(4),
        data=(a, rng.standard_normal((37, 20))),
        vectorized=True,
    )
    add(fits.x, fits.cov_x, fits.nfev)
    return digest.hexdigest()


# What the hot loops must hold, and must not, by instruction set.
REGISTERS = {
    "baseline": (r"%xmm", r"%[yz]mm"),
    "avx2": (r"%ymm", r"%zmm"),
    "avx512": (r"%zmm", None),
}


@cache
def available() -> list[str]:
    """Names of this machine's instruction sets, from the error message for an unknown one."""
    done = run("import leastsq", "no-such-set")
    assert done.returncode != 0
    return done.stderr.rpartition("which has:")[2].split()


def run(code: str, simd: str | None) -> subprocess.CompletedProcess[str]:
    """Run Python code with LEASTSQ_SIMD set."""
    environment = {key: value for key, value in os.environ.items() if key != "LEASTSQ_SIMD"}
    if simd is not None:
        environment["LEASTSQ_SIMD"] = simd
    command = [sys.executable, "-c", code]
    return subprocess.run(  # noqa: S603  (our own interpreter)
        command, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture
def restored() -> Iterator[None]:
    """Return to the instruction set of the process after a test."""
    yield
    _minpack.select_simd(None)


@pytest.mark.usefixtures("restored")
def test_all_give_the_same_bits() -> None:
    digests = {}
    for name in available():
        _minpack.select_simd(name)
        assert _minpack.instruction_set() == name
        digests[name] = digest()
    assert len(set(digests.values())) == 1, digests


def test_all_give_the_same_bits_in_c(tmp_path: Path) -> None:
    """The program that ci/processors.sh runs on other processors."""
    sources = sorted(Path(__file__).with_name("bits").glob("*.c"))
    program = build(tmp_path, *sources, "-std=c99", "-O2", *config("--cflags", "--libs"))
    hashes = {
        name: run_program(program, environment={"LEASTSQ_SIMD": name}) for name in available()
    }
    assert hashes[available()[0]].count("numbers") > 30
    assert len(set(hashes.values())) == 1, hashes


@pytest.mark.usefixtures("restored")
def test_selecting_needs_a_name_of_this_machine() -> None:
    _minpack.select_simd("baseline")
    with pytest.raises(ValueError, match="'sse' is no instruction set of this machine"):
        _minpack.select_simd("sse")
    with pytest.raises(TypeError):
        _minpack.select_simd(2)
    assert _minpack.instruction_set() == "baseline"
    _minpack.select_simd(None)
    assert _minpack.instruction_set() == (os.environ.get("LEASTSQ_SIMD") or available()[0])


IN_USE = "from leastsq import _minpack; print(_minpack.instruction_set())"


def test_the_best_is_the_default() -> None:
    for simd in (None, ""):
        assert run(IN_USE, simd).stdout.strip() == available()[0]


def test_the_environment_chooses() -> None:
    for simd in available():
        assert run(IN_USE, simd).stdout.strip() == simd


@pytest.mark.parametrize("forced", [False, True])
def test_show_config_tells_it(forced: bool) -> None:
    name = available()[-1 if forced else 0]
    done = run("import leastsq; leastsq.show_config()", name if forced else None)
    assert re.search(rf"^Instruction set: +{name}$", done.stdout, re.MULTILINE)


@pytest.mark.parametrize("name", ["no-such-set", "AVX2", "sse"])
def test_an_unknown_name_is_an_error(name: str) -> None:
    done = run("import leastsq", name)
    assert f"ValueError: LEASTSQ_SIMD={name} is no instruction set of this machine" in done.stderr


UNKNOWN_NAME = """
#include <leastsq.h>
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    double x[64] = {3.0, 4.0};

    printf("%g ", leastsq_enorm(64, x)); /* long enough to need a kernel */
    printf("%s ", leastsq_simd() == NULL ? "NULL" : leastsq_simd());
    putenv("LEASTSQ_SIMD=");
    puts(leastsq_simd());
    return 0;
}
"""


def test_an_unknown_name_in_a_c_program(tmp_path: Path) -> None:
    """The baseline is used from then on, and the program can find out."""
    source = tmp_path / "unknown.c"
    source.write_text(UNKNOWN_NAME)
    program = build(tmp_path, source, *config("--cflags", "--libs"))
    environment = {"LEASTSQ_SIMD": "no-such-set"}
    assert run_program(program, environment=environment) == "5 NULL baseline\n"
    environment = {"LEASTSQ_SIMD": available()[0]}
    assert run_program(program, environment=environment) == f"5 {available()[0]} {available()[0]}\n"


@pytest.mark.parametrize("name", REGISTERS)
def test_the_code_uses_the_registers_it_claims(name: str) -> None:
    if name not in available():
        pytest.skip(f"{name}: not on this machine")
    objdump = shutil.which("objdump") or missing("objdump is not installed")
    archive = Path(get_library_dir(), "libleastsq.a")
    text = subprocess.run(  # noqa: S603  (our own archive)
        [objdump, "-d", archive], capture_output=True, text=True, check=True
    ).stdout
    members = re.split(r"^(\S+\.o): +file format.*$", text, flags=re.MULTILINE)[1:]
    code = next(
        body
        for member, body in zip(members[::2], members[1::2], strict=True)
        if f"kernels_{name}" in member
    )
    used, unused = REGISTERS[name]
    assert len(re.findall(used, code)) > 100
    assert re.search(rf"v?mulpd.*{used}", code)
    assert re.search(rf"v?addpd.*{used}", code)
    assert unused is None or not re.search(unused, code)
    assert not re.search(r"\bvfn?m(add|sub)", code), "a fused product would change bits"
