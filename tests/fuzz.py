"""Random solves and building blocks on extreme numbers, compared with SciPy and MINPACK.

    python tests/fuzz.py --seed 7 --count 100000

Every bit is compared. A case is a piece of Python text made from two numbers, the seed and its own;
one that differs is printed as that text, and every difference that is excluded is counted under its
reason. For that comparison the 1980 library runs with the machine constants that its literals stand
for, put in their place in a copy of it; the system build is compared with the library as it is.
"""

from __future__ import annotations

import argparse
import ctypes
import struct
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pytest
from reference import (
    EPS_1980,
    FILL,
    FILL_INT,
    Fit,
    FloatArray,
    IntArray,
    Library,
    Settings,
    bits,
    bundled,
    missing,
)
from support import Recorded, scipy_leastsq

from leastsq import leastsq, minpack

CONSTANTS = {EPS_1980: 2.0**-52, 2.22507385852e-308: 2.0**-1022}
FE_INVALID = 1

NOT_FINITE = "our solve ends where the Jacobian is not finite, SciPy's goes on"
SCIPY_ALONE = "SciPy leaves MINPACK, the original library has our bits there"
NO_NUMBER = "an operation in the original library has no number as its result"

HEAD = "import numpy as np\nfrom leastsq import leastsq, minpack\n"
SOLVE = """\
from zlib import crc32
a, b, x0 = np.array({a}), np.array({b}), np.array({x0})
t = np.arange(1, b.size + 1)[:, None]

def spoil(values, x, turn):
    lot = crc32(x.tobytes())
    if lot % {odds} == turn:
        values[lot // 64 % len(values)] = {bad}
    return values

def func(x):
    return spoil({func}, x, 0)

def dfun(x):
    return spoil({dfun}, x, 1)

options = dict({options})
"""
SHOW = """\
import fuzz  # in tests/
from scipy.optimize import leastsq as scipys
for function in (leastsq, scipys):
    print(function(func, x0, full_output=True, **options))
print(fuzz.solve_original(fuzz.original(), globals()))
"""
MODELS = {
    "(a * x).sum(axis=1) - b": "a + 0.0 * x",
    "(a * x).sum(axis=1) ** 2 - b": "2.0 * (a * x).sum(axis=1)[:, None] * a",
    "(a * np.exp(-t * x)).sum(axis=1) - b": "-a * t * np.exp(-t * x)",
    "np.tanh(a * x).sum(axis=1) - b": "a / np.cosh(a * x) ** 2",
}
OPTIONS = {
    "ftol": [0.0, 1e-12, 1e-3],
    "xtol": [0.0, 1e-12, 1e-3],
    "gtol": [1e-12, 1e-3, 0.1],
    "factor": [1e-300, 1e-8, 0.1, 1.0, 1e8, 1e300],
    "epsfcn": [1e-18, 1e-12, 1e-6],
    "maxfev": [1, 7, 30],
}


class Verdict(NamedTuple):
    """How a case compares with a peer; reason says why a difference would be excluded."""

    peer: str
    same: bool
    reason: str | None
    text: str


Check = Callable[[np.random.Generator], Iterator[Verdict]]


class Original(Library):
    """The 1980 library; reports whether its own arithmetic produced or compared a NaN."""

    no_number = False
    _flags = ctypes.CDLL(None)

    def _run(self, routine: Any, arguments: list[Any]) -> Any:
        self.no_number = False
        self._flags.feclearexcept(FE_INVALID)
        result = super()._run(routine, arguments)
        self._look()
        return result

    def _guarded(self, *arguments: Any) -> int:
        self._look()
        status = super()._guarded(*arguments)
        self._flags.feclearexcept(FE_INVALID)  # not the operations of the user's function
        return status

    def _look(self) -> None:
        self.no_number |= bool(self._flags.fetestexcept(FE_INVALID))


@cache
def original() -> Original:
    """Load the library; for our own core, with other machine constants."""
    try:
        library = ctypes.CDLL("libminpack.so.1")
    except OSError as error:
        missing(f"libminpack.so.1 (Debian: libminpack1): {error}")
    if not bundled():
        return Original(library)
    mapped = Path("/proc/self/maps").read_text("utf-8").split()
    code = Path(next(word for word in mapped if "/libminpack.so.1" in word)).read_bytes()
    for literal, constant in CONSTANTS.items():
        assert struct.pack("d", literal) in code
        code = code.replace(struct.pack("d", literal), struct.pack("d", constant))
    with tempfile.NamedTemporaryFile(suffix=".so") as file:
        file.write(code)
        file.flush()
        return Original(ctypes.CDLL(file.name))


@cache
def scipys() -> Callable[..., Any] | None:
    """Return SciPy's function if our own core is to be compared with it."""
    try:
        return scipy_leastsq() if bundled() else None
    except pytest.skip.Exception:
        return None


def wild(rng: np.random.Generator, *shape: int) -> FloatArray:
    """Return normal numbers of one of many distributions of scale, denormals and 1e308 included."""
    span = rng.choice([3.0, 3.0, 160.0, 300.0])
    exponents = rng.uniform(-span, span, shape)
    if rng.random() < 0.7:  # one scale for all, or one for each column
        exponents = exponents.flat[0] + rng.choice([0.0, 3.0, span]) * rng.random(shape[-1])
    if rng.random() < 0.1:  # limits of enorm's classes and of double precision
        border = rng.choice([-307.5, -19.5, 18.0, 19.0, 153.5, 307.5])
        exponents = border + rng.uniform(-1.0, 1.0, shape)
    values: FloatArray = rng.standard_normal(shape) * 10.0 ** np.clip(exponents, -308.0, 307.6)
    if rng.random() < 0.1:
        values[rng.random(shape) < 0.3] = 0.0
    if rng.random() < 0.05:
        values[rng.random(shape) < 0.2] = 5e-324 * rng.integers(1, 1000)
    if len(shape) == 2 and rng.random() < 0.1:  # a zero column, or two equal ones
        values[:, -1] = values[:, 0] * rng.choice([0.0, 1.0])
    return values


# Solves


def check_solve(rng: np.random.Generator) -> Iterator[Verdict]:
    """Compare one solve with the original library's and with SciPy's."""
    text = _solve_text(rng)
    case: dict[str, Any] = {}
    exec(HEAD + text, case)  # noqa: S102  (our own text)
    func, ours = _solve(leastsq, case)
    first = solve_original(original(), case)
    reason = NO_NUMBER if original().no_number else None
    yield Verdict("original", bits(ours) == bits(first), reason, text + SHOW)
    peer = scipys()
    if peer is None:
        return
    their_func, theirs = _solve(peer, case)
    answers = zip(ours, first, theirs, strict=True)
    scipy_alone = all(bits(our) in (bits(one), bits(their)) for our, one, their in answers)
    reason = SCIPY_ALONE if scipy_alone else None
    if ours.info == 4 and not np.isfinite(_last_jacobian(func, case, ours)).all():
        # SciPy has called func twice more at x0; it must have come this way.
        if bits(their_func.xs[2:][: func.calls]) == bits(func.xs):
            reason = NOT_FINITE
    yield Verdict("SciPy", bits(ours) == bits(theirs), reason, text + SHOW)


def _solve_text(rng: np.random.Generator) -> str:
    n = int(rng.integers(1, 7))
    m = n + int(rng.integers(0, 13))
    options = [f"{k}={rng.choice(v)}" for k, v in OPTIONS.items() if rng.random() < 0.2]
    if rng.random() < 0.2:
        options.append(f"diag={(np.abs(wild(rng, n)) + 5e-324).tolist()}")
    a, b, x0 = wild(rng, m, n), wild(rng, m), wild(rng, n)
    if rng.random() < 0.7:  # of matching scales: a solve that goes on for some iterations
        largest = np.abs(a).max(axis=0)
        x0 = rng.standard_normal(n) / np.where(largest > 1e-300, largest, 1.0)
        b = rng.standard_normal(m) + rng.choice([0.0, 1.0]) * (a * x0[::-1]).sum(axis=1)
    func = str(rng.choice(list(MODELS)))
    dfun, kind = MODELS[func], rng.integers(3)
    if kind:
        options.append("Dfun=dfun")
    if kind == 2:
        options.append("col_deriv=True")
        dfun = f"({dfun}).T.copy()"
    return SOLVE.format(
        a=a.tolist(), b=np.nan_to_num(b).tolist(), x0=x0.tolist(), func=func, dfun=dfun,
        options=", ".join(options), odds=rng.choice([2**40, 2**40, 5, 17]),
        bad=rng.choice(["np.nan", "np.inf", "-np.inf"]),
    )  # fmt: skip


def _solve(function: Callable[..., Any], case: dict[str, Any]) -> tuple[Recorded, Fit]:
    """Run one of the Python functions; ours must warn just where the result is not finite."""
    func, options = Recorded(case["func"]), case["options"]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        x, _, info, _, ier = function(func, case["x0"], full_output=True, **options)
    if function is leastsq:
        r, norm = np.triu(info["fjac"].T[: x.size]), minpack.enorm(info["fvec"])
        finite = np.isfinite(norm) and np.isfinite(r).all() and np.isfinite(x).all()
        assert any("finite" in str(w.message) for w in caught) is not bool(finite)
    njev, fjac, ipvt = info.get("njev", 0), info["fjac"].T, info["ipvt"] + np.intc(1)
    fit = Fit(ier, info["nfev"], njev, x, info["fvec"], fjac, ipvt, info["qtf"], x)
    return func, fit


def solve_original(library: Original, case: dict[str, Any]) -> Fit:
    """Run the library on func, dfun, x0, b and options."""
    options = dict(case["options"])
    dfun, transposed = options.pop("Dfun", None), options.pop("col_deriv", False)
    settings = Settings(ftol=1.49012e-8, xtol=1.49012e-8, epsfcn=0.0).replace(**options)

    def evaluate(iflag: int, x: FloatArray, fvec: FloatArray, fjac: FloatArray | None) -> int:
        if iflag == 1 or fjac is None:
            fvec[:] = case["func"](x.copy())
        else:
            fjac[:] = dfun(x.copy()).T if transposed else dfun(x.copy())
        return 0

    routine = library.lmder if dfun else library.lmdif
    fit = routine(evaluate, case["x0"], case["b"].size, settings)
    return fit._replace(diag=fit.x)  # which `leastsq` does not show


def _last_jacobian(func: Recorded, case: dict[str, Any], ours: Fit) -> FloatArray:
    """Return the Jacobian with which our solve ended, if it ended with one."""
    jacobian: FloatArray
    if "Dfun" in case["options"]:
        jacobian = case["dfun"](ours.x)
    else:
        points = func.xs[-ours.x.size :]
        steps = np.diag(np.array(points) - ours.x)
        jacobian = (np.array([case["func"](x) for x in points]).T - ours.fvec[:, None]) / steps
    return jacobian


# Building blocks


def check_blocks(rng: np.random.Generator) -> Iterator[Verdict]:
    """Compare each building block with the original library's."""
    m, n = int(rng.integers(1, 20)), int(rng.integers(1, 8))
    a, r, order = wild(rng, m, n), np.triu(wild(rng, n, n)), rng.permutation(n)
    qtb, diag, positive = wild(rng, n), wild(rng, n), np.abs(wild(rng, n)) + 5e-324
    delta, par = (np.abs(wild(rng, 2)) + 5e-324) * [1.0, rng.integers(2)]
    names = {"a": a, "r": r, "order": order, "qtb": qtb, "diag": diag, "positive": positive}
    text = "".join(f"{name} = np.array({value.tolist()})\n" for name, value in names.items())
    within: dict[str, Any] = {"minpack": minpack, "fuzz": sys.modules[__name__], "np": np}
    exec(text, within)  # noqa: S102  (our own text)
    for ours, theirs in {
        "enorm(a[:, 0])": "enorm(a[:, 0].copy())",
        "qrfac(a)": "qrfac(a)",
        "qrfac(a, pivot=False)": "qrfac(a, pivot=False)",
        "qrsolv(r, order, diag, qtb)": "qrsolv(r, fuzz.from_one(order), diag, qtb)",
        f"lmpar(r, order, positive, qtb, {delta}, {par})":
            f"lmpar(r, fuzz.from_one(order), positive, qtb, {delta}, {par})",
    }.items():  # fmt: skip
        calls = f"minpack.{ours}", f"fuzz.original().{theirs}"
        got, want = (_plain(eval(call, within)) for call in calls)  # noqa: S307  (our own text)
        reason = NO_NUMBER if original().no_number else None
        shown = f"import fuzz  # in tests/\n{text}print({calls[0]}, {calls[1]}, sep='\\n')\n"
        yield Verdict(ours.partition("(")[0], got == want, reason, shown)


def from_one(order: npt.NDArray[np.int64]) -> IntArray:
    """Return a permutation that counts from 1, as in MINPACK."""
    return (order + 1).astype(np.intc)


def _plain(result: Any) -> tuple[Any, ...]:
    """Return the bits of results, permutations from 0, zeros for what was not written."""
    parts = []
    for part in result if isinstance(result, tuple) else [result]:
        array = np.atleast_1d(part)
        if array.dtype.kind == "i":  # not written by the original without pivoting
            array = np.arange(array.size) if (array == FILL_INT).all() else array - array.min()
        parts.append(np.where(array == FILL, 0.0, array))
    return bits(parts)


# Many of them


def run(check: Check, seed: int, count: int) -> tuple[Counter[str], list[str]]:
    """Return counts of the findings, and the texts of the cases that differ."""
    tally: Counter[str] = Counter()
    different = []
    with np.errstate(all="ignore"):
        for case in range(count):
            for verdict in check(np.random.default_rng([seed, case])):
                found = "the same bits" if verdict.same else verdict.reason or "DIFFERENT"
                tally[f"{verdict.peer}: {found}"] += 1
                if found == "DIFFERENT":
                    title = f"# {verdict.peer}, seed {seed}, case {case}\n"
                    different.append(title + HEAD + verdict.text)
    return tally, different


def report(tally: Counter[str]) -> str:
    """Return a line for each kind of finding."""
    return "".join(f"{count:8} {found}\n" for found, count in sorted(tally.items()))


def main() -> int:
    """Print what differs and how much was excluded; return 1 if anything differs."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seed", type=int, default=0, help="0 is the one that the suite takes")
    parser.add_argument("--count", type=int, default=10_000, help="solves, and as many blocks")
    options = parser.parse_args()
    status = 0
    for check in (check_solve, check_blocks):
        tally, different = run(check, options.seed, options.count)
        print(*different[:20], report(tally), sep="\n")
        status |= bool(different)
    return status


if __name__ == "__main__":
    sys.exit(main())
