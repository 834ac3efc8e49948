"""Rounding modes, denormals as zeros and trapped exceptions of the caller's: nothing breaks.

MINPACK's bits are defined in the default mode. In others they are the original's too, with one
exception, which `test_solves_rounded_up_or_down` describes.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from pathlib import Path

import mgh
import numpy as np
import pytest
from environment import (
    DIVISION_BY_ZERO,
    DOWN,
    FLUSH,
    INVALID,
    MODES,
    NEAREST,
    SOURCE,
    TO_ZERO,
    UP,
    Environment,
    Mode,
)
from fuzzing.blocks import from_one
from fuzzing.numbers import wild
from fuzzing.peers import original
from programs import build, build_library, config, run
from random_problems import Problem
from reference import (
    CLibrary,
    Evaluate,
    Fit,
    FloatArray,
    Library,
    Settings,
    assert_same,
    bits,
    bundled,
)
from support import DATA, START, TIMES, decay

from leastsq import leastsq, leastsq_many

pytestmark = [
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),
    pytest.mark.skipif(not bundled(), reason="the system build is the original"),
]

SPURIOUS = INVALID | DIVISION_BY_ZERO
RUNS = [run for run in mgh.RUNS if run.start == 1 and run.n < 30]
TESTS = Path(__file__).parent


@pytest.fixture(scope="module")
def environment_library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    return ctypes.CDLL(str(build_library(tmp_path_factory.mktemp("environment"), SOURCE)))


@pytest.fixture
def environment(
    environment_library: ctypes.CDLL, monkeypatch: pytest.MonkeyPatch
) -> Environment:
    return Environment(environment_library, monkeypatch)


@pytest.fixture
def c_api(native_library: ctypes.CDLL) -> Library:
    return CLibrary(native_library, "leastsq_{}")


def small_blocks(rng: np.random.Generator) -> Iterator[Callable[[Library], object]]:
    """Yield calls of each building block on wild numbers."""
    m, n = (int(size) for size in rng.integers(1, 20, 2))
    a, r, order = wild(rng, m, n), np.triu(wild(rng, n, n)), from_one(rng.permutation(n))
    qtb, diag, positive = wild(rng, n), wild(rng, n), np.abs(wild(rng, n)) + 1e-300
    delta = float(np.abs(rng.standard_normal()))
    yield lambda library: np.array(library.enorm(a[:, 0].copy()))
    yield lambda library: library.qrfac(a)
    yield lambda library: library.qrfac(a, pivot=False)
    yield lambda library: library.qrsolv(r, order, diag, qtb)
    yield lambda library: library.lmpar(r, order, positive, qtb, delta)


def large_blocks(rng: np.random.Generator) -> Iterator[Callable[[Library], object]]:
    """Yield calls that go through the kernels, with zero columns and rows of D."""
    a, r = rng.standard_normal((90, 50)), np.triu(rng.standard_normal((40, 40)))
    a[:, rng.random(50) < 0.2] = 0.0
    order, qtb, diag = from_one(rng.permutation(40)), *rng.standard_normal((2, 40))
    zeros = diag * (rng.random(40) < 0.7)
    yield lambda library: np.array(library.enorm(a[:, 1].copy()))
    yield lambda library: library.qrfac(a)
    yield lambda library: library.qrsolv(r, order, zeros, qtb)
    yield lambda library: library.lmpar(r, order, np.abs(diag), qtb, 0.01)


@pytest.mark.parametrize("mode", MODES)
def test_building_blocks(
    mode: Mode, native_api: Library, instruction_sets: Iterator[str], environment: Environment
) -> None:
    """The original's bits, and none of the worse exceptions that it does not raise."""
    raised, theirs = (environment.set_in(library, mode) for library in (native_api, original()))
    for name in instruction_sets:
        rng, compared = np.random.default_rng(1985), 0
        for make in [small_blocks] * 40 + [large_blocks] * 2:
            for call in make(rng):
                got, want = call(native_api), call(original())
                assert not raised[-1] & ~theirs[-1] & SPURIOUS, (name, got)
                if not theirs[-1] & INVALID:  # NaNs go another way there
                    assert_same(got, want, name)
                    compared += 1
        assert compared > 130


def solves(
    library: Library, environment: Environment, settings: Settings
) -> Iterator[tuple[str, Fit]]:
    """Run problems of the test driver and random ones; yield their names and the fits."""

    def run_both(name: str, evaluate: Evaluate, x0: FloatArray, m: int) -> Iterator[Fit]:
        callback = environment.unnoticed(evaluate)
        for routine in (library.lmdif, library.lmder):
            yield routine(callback, x0, m, settings)

    with np.errstate(all="ignore"):
        for problem in RUNS:
            for fit in run_both(problem.name, problem.evaluate, problem.x0, problem.m):
                yield problem.name, fit
        for seed in range(20):
            case = Problem(seed)
            for fit in run_both(str(seed), case, case.x0, case.m):
                yield f"random {seed}", fit


@pytest.mark.parametrize("mode", [NEAREST, TO_ZERO, FLUSH])
def test_solves(
    mode: Mode, c_api: Library, instruction_sets: Iterator[str], environment: Environment
) -> None:
    raised, theirs = (environment.set_in(library, mode) for library in (c_api, original()))
    wanted = list(solves(original(), environment, Settings(maxfev=100)))
    for name in instruction_sets:
        raised.clear()
        fits = solves(c_api, environment, Settings(maxfev=100))
        for (case, fit), (_, want) in zip(fits, wanted, strict=True):
            assert_same(fit, want, (name, case))
        assert not any(mine & ~their & SPURIOUS for mine, their in zip(raised, theirs, strict=True))


@pytest.mark.parametrize("mode", [DOWN, UP])
def test_solves_rounded_up_or_down(
    mode: Mode, c_api: Library, instruction_sets: Iterator[str], environment: Environment
) -> None:
    """The same for all instruction sets; R of the first Jacobian is the original's.

    Q^T fvec is not: to fvec the original adds the reflector times -t, from a column it subtracts
    the reflector times t, and these round to different sides. We subtract from both.
    """
    for library in (c_api, original()):
        environment.set_in(library, mode)
    wanted = list(solves(original(), environment, Settings(maxfev=1)))
    results = set()
    for name in instruction_sets:
        fits = solves(c_api, environment, Settings(maxfev=1))
        for (case, fit), (_, want) in zip(fits, wanted, strict=True):
            r, ipvt = np.triu(fit.fjac[: fit.x.size]), fit.ipvt
            assert_same((r, ipvt), (np.triu(want.fjac[: fit.x.size]), want.ipvt), (name, case))
        all_fits = [fit for _, fit in solves(c_api, environment, Settings(maxfev=60))]
        assert all(0 < fit.info <= 8 for fit in all_fits)
        results.add(bits(all_fits))
    assert len(results) == 1


@pytest.mark.parametrize("mode", MODES)
def test_python(mode: Mode, environment: Environment) -> None:
    """The bits of the core in each mode, and in leastsq_many those of leastsq."""
    library = original()

    def evaluate(iflag: int, x: FloatArray, fvec: FloatArray, fjac: None) -> int:
        fvec[:] = decay(x)
        return 0

    environment.set_in(library, mode)
    settings = Settings(ftol=1.49012e-8, xtol=1.49012e-8, epsfcn=0.0)
    want = library.lmdif(evaluate, np.array(START), DATA.size, settings)
    starts = np.array(START) * np.linspace(0.8, 1.1, 11)[:, None]
    with environment.of(mode):
        x, _, info, _, ier = leastsq(decay, START, full_output=True)
        data = DATA + np.zeros((11, 1))
        many = leastsq_many(
            rowwise_decay, starts, data=data, vectorized=True, workers=2, chunksize=4
        )
        each = [leastsq(rowwise_decay, x0, (DATA,), vectorized=True)[0] for x0 in starts]
    assert ier in {1, 2, 3}
    if mode not in (DOWN, UP):
        assert_same((x, info["fvec"], info["nfev"]), (want.x, want.fvec, want.nfev))
    assert_same(many.x, np.array(each))


def rowwise_decay(p: FloatArray, y: FloatArray) -> FloatArray:
    """Residuals of `decay` for several problems at once."""
    residuals: FloatArray = p[0] * np.exp(-p[1] * TIMES) + p[2] - y
    return residuals


def test_trapped_exceptions(native_library: ctypes.CDLL, tmp_path: Path) -> None:
    """A program that traps invalid operations and divisions by zero meets none of ours."""
    sources = [*sorted((TESTS / "bits").glob("*.c")), TESTS / "native_api" / "trap.c"]
    program = build(tmp_path, *sources, "-O2", "-DFINITE", *config("--cflags", "--libs"))
    for name in ("", "baseline"):
        assert "matrices in lanes" in run(program, environment={"LEASTSQ_SIMD": name})
