"""MINPACK's building blocks, compared with the 1980 library's."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from reference import FILL, FILL_INT, IntArray, bits

from fuzzing import peers
from fuzzing.cases import Verdict
from fuzzing.numbers import wild
from leastsq import minpack

__all__ = ["check_blocks", "from_one"]

IMPORTS = "from fuzzing import blocks, peers  # in tests/\n"


def check_blocks(rng: np.random.Generator) -> Iterator[Verdict]:
    """Compare each building block with the original library's."""
    m, n = int(rng.integers(1, 20)), int(rng.integers(1, 8))
    a, r, order = wild(rng, m, n), np.triu(wild(rng, n, n)), rng.permutation(n)
    qtb, diag, positive = wild(rng, n), wild(rng, n), np.abs(wild(rng, n)) + 5e-324
    delta, par = (np.abs(wild(rng, 2)) + 5e-324) * [1.0, rng.integers(2)]
    names = {"a": a, "r": r, "order": order, "qtb": qtb, "diag": diag, "positive": positive}
    text = "".join(f"{name} = np.array({value.tolist()})\n" for name, value in names.items())
    within: dict[str, Any] = {"minpack": minpack, "np": np, "peers": peers}
    within["blocks"] = sys.modules[__name__]
    exec(text, within)  # noqa: S102  (our own text)
    for ours, theirs in {
        "enorm(a[:, 0])": "enorm(a[:, 0].copy())",
        "qrfac(a)": "qrfac(a)",
        "qrfac(a, pivot=False)": "qrfac(a, pivot=False)",
        "qrsolv(r, order, diag, qtb)": "qrsolv(r, blocks.from_one(order), diag, qtb)",
        f"lmpar(r, order, positive, qtb, {delta}, {par})":
            f"lmpar(r, blocks.from_one(order), positive, qtb, {delta}, {par})",
    }.items():  # fmt: skip
        calls = f"minpack.{ours}", f"peers.original().{theirs}"
        got, want = (_plain(eval(call, within)) for call in calls)  # noqa: S307  (our own text)
        reason = peers.NO_NUMBER if peers.original().no_number else None
        shown = f"{IMPORTS}{text}print({calls[0]}, {calls[1]}, sep='\\n')\n"
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
