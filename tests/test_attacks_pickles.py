"""Pickles that are cut off or altered anywhere: refused, or as good as any other."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from asking import asks, at, mended, restored
from decays import DATA, START, decay
from support import run_python

from leastsq import leastsq, leastsq_many

pytestmark = asks

CUT_OFF = (pickle.UnpicklingError, EOFError, ValueError, IndexError, KeyError, AttributeError)
"""What pickle raises."""


def pickles() -> dict[str, bytes]:
    """Return the pickles of everything of ours that can be pickled."""
    steps = []
    leastsq(
        lambda p: decay(p, DATA[0]), START,
        callback=lambda intermediate_result: steps.append(intermediate_result),
    )  # fmt: skip

    def fails(p: np.ndarray, y: np.ndarray, k: int) -> np.ndarray:
        return 1 / (k - 3) * decay(p, y)

    with pytest.warns(RuntimeWarning):
        result = leastsq_many(fails, START, data=(DATA[:5], np.arange(5)))
    things = {"solve": at("differences"), "result": result, "step": steps[0]}
    return {name: pickle.dumps(thing) for name, thing in things.items()}


def test_pickles_that_are_cut_off() -> None:
    for name, whole in pickles().items():
        pickle.loads(whole)  # noqa: S301  (our own)
        for length in range(0, len(whole), 1 if len(whole) < 3000 else 3):
            with pytest.raises(CUT_OFF):
                pickle.loads(whole[:length])  # noqa: S301
        assert len(whole) > 200, name


def test_every_byte_of_a_solve() -> None:
    for where in ("start", "differences", "jacobian", "trial", "end"):
        state = at(where).__getstate__()
        for name in ("block", "tolerances"):
            array = state[name].view(np.uint8)
            for byte in range(array.size):
                array[byte] ^= 0x40
                with pytest.raises(ValueError, match="damaged"):
                    restored(state)
                array[byte] ^= 0x40
        restored(state)


ALTERED = """
    import sys, warnings
    sys.path.insert(0, {tests!r})
    import numpy as np
    from asking import at, mended, restored
    warnings.simplefilter("ignore")

    def go_on(solve):
        repr(solve), solve.x, solve.fvec, solve.nfev, solve.ier
        if solve.nfev:
            solve.result()
        for step in range(4):
            if (points := solve.ask()) is None:
                break
            values = np.ones((40, 3) if solve.request == "jacobian" else (len(points), 40))
            solve.tell(points, values * np.arange(40 if values.ndim == 1 else values.shape[1]))

    rng = np.random.default_rng({seed})
    integers = np.array([-1, 0, 1, 2, 3, 2**31 - 1, -(2**31)])
    numbers = np.array([0.0, -0.0, np.nan, np.inf, -1.0, 1e308, 5e-324, 1e-300])
    taken = refused = 0
    for number in range({count}):
        where = ["start", "differences", "jacobian", "trial", "end"][number % 5]
        state = at(where).__getstate__()
        block = state["block"]
        for _ in range(rng.integers(1, 4)):
            kind = rng.integers(3)
            if kind == 0:
                block[rng.integers(block.size)] = rng.integers(256)
            elif kind == 1:
                block.view(np.int32)[rng.integers(40)] = rng.choice(integers)
            else:
                block.view(float)[rng.integers(block.size // 8)] = rng.choice(numbers)
        try:
            solve = restored(mended(state))
        except ValueError:
            refused += 1
        else:
            taken += 1
            go_on(solve)
    assert taken > {count} // 20, taken
    assert refused > {count} // 20, refused
"""


def test_states_that_are_altered_and_mended() -> None:
    """With the checksum of the altered state, it may be taken: whatever follows must not crash."""
    run_python(ALTERED.format(tests=str(Path(__file__).parent), seed=1, count=600))


def test_mended_states_of_other_sizes() -> None:
    state = at("trial").__getstate__()
    block = state["block"]
    for size in range(0, block.size, 8):
        with pytest.raises(ValueError, match="damaged"):
            restored(mended(state | {"block": block[:size].copy()}))
