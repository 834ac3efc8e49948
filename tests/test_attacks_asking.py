"""Random sequences of calls of `LevenbergMarquardt`, with `leastsq` as the model.

By hand, with other sequences and more of them:

    LEASTSQ_EXAMPLES=10000 pytest tests/test_attacks_asking.py --hypothesis-seed=7
"""

from __future__ import annotations

import copy
import pickle
import threading
import warnings
from typing import Any

import numpy as np
import pytest
from asking import asks, state
from programs import need_modules
from reference import assert_same
from support import Array

from leastsq import LevenbergMarquardt, leastsq

need_modules("hypothesis")
from hypothesis import settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from hypothesis.stateful import (  # noqa: E402
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
)
from odd_calls import EXAMPLES, properties  # noqa: E402

pytestmark = asks

M, N = 7, 3
T = np.linspace(0.0, 3.0, M)
Y = 2.5 * np.exp(-1.3 * T) + 0.5 + 0.05 * np.sin(17.0 * T)
PROBABILITY_OF_NAN = 0.1


class Asking(RuleBasedStateMachine):
    """A solve, and the answers that it has been given: leastsq must ask for the same."""

    def __init__(self) -> None:
        super().__init__()
        self.solve: Any = None
        self.told: dict[bytes, Array] = {}
        self.analytic = False

    def residual(self, p: Array) -> Array:
        """Return what was told at a point."""
        return self.told[p.tobytes()]

    def jacobian(self, p: Array) -> Array:
        """Return the Jacobian at a point."""
        e = np.exp(-p[1] * T)
        return np.stack([e, -p[0] * T * e, np.ones_like(e)], axis=1)

    def values(self, points: Array, lot: int) -> Array:
        """Return the answer to some points: now and then, away from x0, it is NaN."""
        if self.solve.request == "jacobian":
            return self.jacobian(points[0])
        rows = []
        for i, p in enumerate(points):
            row = p[0] * np.exp(-p[1] * T) + p[2] - Y
            is_trial = len(self.told) > 0 and len(self.solve.ask()) == 1
            if is_trial and (lot + i) % 1000 < 1000 * PROBABILITY_OF_NAN:
                row[lot % M] = np.nan
            rows.append(self.told.setdefault(p.tobytes(), row))
        return np.reshape(rows, (len(rows), M))

    def change(self, call: Any, *errors: type[Exception]) -> None:
        """Make a call that must fail and change nothing."""
        before = state(self.solve)
        with pytest.raises(errors):
            call()
        assert state(self.solve) == before

    @precondition(lambda self: self.solve is None)
    @rule(analytic=st.booleans(), start=st.sampled_from([0.5, 1.0, 2.0]))
    def begin(self, analytic: bool, start: float) -> None:
        self.analytic, self.x0 = analytic, np.full(N, start)
        self.solve = LevenbergMarquardt(self.x0, M, analytic=analytic)

    @precondition(lambda self: self.solve is not None and self.solve.request)
    @rule(lot=st.integers(0, 10**6), part=st.sets(st.integers(0, N - 1)))
    def tell(self, lot: int, part: set[int]) -> None:
        points = self.solve.ask()
        some = [i for i in sorted(part, key=lambda i: (i * lot) % 7) if i < len(points)]
        if self.solve.request == "jacobian" or (not some and len(points) == 1):
            some = [0]
        self.solve.tell(points[some], self.values(points[some], lot))

    @precondition(lambda self: self.solve is not None and self.solve.request)
    @rule(lot=st.integers(0, 10**6), repeats=st.integers(1, 25))
    def tell_on(self, lot: int, repeats: int) -> None:
        for step in range(repeats):
            if (points := self.solve.ask()) is None:
                return
            self.solve.tell(points, self.values(points, lot + step))

    @precondition(lambda self: self.solve is not None)
    @rule(data=st.data())
    def tell_what_is_wrong(self, data: st.DataObject) -> None:
        points = self.solve.ask()
        if points is None:
            self.change(lambda: self.solve.tell([self.solve.x], [np.zeros(M)]), ValueError)
            return
        shape = (M, N) if self.solve.request == "jacobian" else (len(points), M)
        good = np.zeros(shape)
        wrong = data.draw(st.sampled_from([
            (points + 1.0, good), (points[:, 1:], good), (points, good[:-1]), (points, good[:, 1:]),
            (points, good[None]), (points, None), (None, good), (points, good + 1j),
            (points, good.astype(object)), (np.vstack([points, points + 1.0]), good),
            (points * np.nan, good),
        ]))  # fmt: skip
        self.change(lambda: self.solve.tell(*wrong), ValueError, TypeError)

    @precondition(lambda self: self.solve is not None)
    @rule(how=st.sampled_from(["pickle", "copy", "deepcopy"]), leave=st.booleans())
    def go_on_with_a_copy(self, how: str, leave: bool) -> None:
        before = state(self.solve)
        other = {
            "pickle": lambda: pickle.loads(pickle.dumps(self.solve)),  # noqa: S301
            "copy": lambda: copy.copy(self.solve),
            "deepcopy": lambda: copy.deepcopy(self.solve),
        }[how]()
        assert state(other) == before
        if leave and (points := self.solve.ask()) is not None and self.solve.request != "jacobian":
            self.solve.tell(points, np.full((len(points), M), 1e3))  # of no consequence
        self.solve = other
        assert state(other) == before

    @precondition(lambda self: self.solve is not None)
    @rule()
    def restore_what_is_damaged(self) -> None:
        saved = self.solve.__getstate__()
        saved["block"][len(saved["block"]) // 2] ^= 1
        self.change(lambda: self.solve.__setstate__(saved), ValueError)
        self.change(lambda: self.solve.__setstate__({"version": 1}), ValueError)

    @precondition(lambda self: self.solve is not None and self.solve.request == "residual")
    @rule(lot=st.integers(0, 10**6))
    def tell_in_threads(self, lot: int) -> None:
        """Each of several threads tells all; one wins."""
        points = self.solve.ask()
        values, refused = self.values(points, lot), []

        def tell() -> None:
            try:
                self.solve.tell(points, values)
            except ValueError as error:
                refused.append(error)

        threads = [threading.Thread(target=tell) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(refused) <= 2

    @precondition(lambda self: self.solve is not None)
    @invariant()
    def what_it_shows_fits_together(self) -> None:
        solve = self.solve
        points = solve.ask()
        assert (points is None) == (solve.request is None) == (solve.ier is not None)
        assert (solve.fvec is None) == (solve.nfev == 0)
        if solve.nfev > 0:
            assert_same(solve.fvec, self.told[solve.x.tobytes()])
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                result = solve.result()
            assert_same(result[0], solve.x)
            assert result[4] == (solve.ier or -2)
        else:
            self.change(solve.result, RuntimeError)

    def teardown(self) -> None:
        """Go on to the end, and compare with leastsq."""
        if self.solve is None:
            return
        while (points := self.solve.ask()) is not None:
            self.solve.tell(points, self.values(points, 500))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            want = leastsq(
                self.residual, self.x0, Dfun=self.jacobian if self.analytic else None,
                full_output=True,
            )  # fmt: skip
            assert_same(self.solve.result(), want)


TestAsking = Asking.TestCase
TestAsking.settings = settings(
    properties, max_examples=int(EXAMPLES or 60), stateful_step_count=25
)
