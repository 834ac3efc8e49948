"""Hostile residuals: random cases of attacks.py, leaks, and what they have found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attacks
import numpy as np
import pytest
from asking import asks
from decays import DATA, START, T, both, decay, one
from elsewhere import unloadable_decay
from engines import processes_of_ours
from reference import assert_same
from support import Array

from leastsq import leastsq_many

pytestmark = asks

SEED, COUNT = 0, 400
LEAKS = [
    ("one by one", "CustomError"), ("one by one", "StuckError"), ("one by one", "objects"),
    ("one by one, Dfun", "longdouble"), ("one by one, map", "ragged"),
    ("vectorized", "one number less"), ("vectorized", "GeneratorExit"),
    ("vectorized, Dfun", "complex"), ("leastsq", "None"), ("leastsq, Dfun", "one number less"),
    ("leastsq, workers", "complex"), ("leastsq, vectorized, Dfun", "one more axis"),
]  # fmt: skip


def test_random_cases() -> None:
    tally, wrong = attacks.run(SEED, COUNT)
    assert not wrong, "\n".join(wrong[:5])
    assert min(tally.values()) > COUNT // 20
    assert set(tally) == {"the same bits", "in errors", "the same exception", "refused"}


@pytest.mark.parametrize("in_dfun", [False, True])
def test_leaks(in_dfun: bool) -> None:
    for mode, act in LEAKS:
        if not in_dfun or "Dfun" in mode:
            attacks.check_leaks(attacks.Case(mode, act, in_dfun=in_dfun), repeats=60)


@both
@pytest.mark.parametrize("count", [1, 20])
def test_weights_that_the_first_call_makes_invalid(vectorized: bool, count: int) -> None:
    """The residual of that call belongs to its problem, not to the next."""
    weights = np.ones((20, 30))

    def func(p: Array, y: Array) -> Array:
        weights[:count] = 0.0
        return decay(p, y)

    with pytest.warns(RuntimeWarning, match=f"{count} not evaluated"):
        result = leastsq_many(func, START, data=DATA[:20], weights=weights, vectorized=vectorized)
    assert (result.ier[:count] == 0).all()
    for k in range(count, 20):
        want = one(k)
        assert_same(result.x[k], leastsq_many(decay, START, data=DATA[k : k + 1]).x[0])
        assert result.nfev[k] == want[2]["nfev"]


class Misread:
    """Data of which every part has another shape than it should."""

    def __init__(self, array: Array, cut: Callable[[Array], Array]) -> None:
        self.array, self.cut = array, cut
        self.shape, self.dtype = array.shape, array.dtype

    def __getitem__(self, part: tuple[slice, ...]) -> Array:
        return self.cut(self.array[part])


@both
@pytest.mark.parametrize("name", ["data", "weights"])
def test_parts_of_another_shape(vectorized: bool, name: str) -> None:
    """Weights that are too short were read past their end."""
    for cut in (lambda a: a[:3], lambda a: a[:, :5], lambda a: a[0], lambda a: a[:1]):
        options: dict[str, Any] = {"data": DATA[:20]} | {name: Misread(DATA[:20], cut)}
        with pytest.raises(ValueError, match=rf"{name}.* has the shape \(20, 30\), but a part"):
            leastsq_many(decay, START, vectorized=vectorized, **options)


class Agreeable:
    """An object that has whatever it is asked for."""

    def __getattr__(self, name: str) -> int:
        if name.startswith("__array"):
            raise AttributeError(name)
        return 42


class Touchy:
    """An object that raises ValueError where it is asked for what it has not."""

    def __getattr__(self, name: str) -> None:
        raise AttributeError(name) if name.startswith("__") else ValueError(name)


class AgreeableDecay(Agreeable):
    """A callable that has whatever it is asked for."""

    def __call__(self, p: Array, y: Array, *_: object) -> Array:
        return decay(p, y)


def test_objects_with_attributes_of_any_name_or_none() -> None:
    want = leastsq_many(decay, START, data=DATA, vectorized=True)
    options = {"data": DATA, "args": (Agreeable(), (Agreeable(),), Touchy()), "vectorized": True}
    for workers in (2, map):
        got = leastsq_many(AgreeableDecay(), START, **options, workers=workers)
        assert_same(got.x, want.x)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of NumPy >= 2.5
def test_a_shared_row_that_is_reshaped() -> None:
    def func(p: Array, y: Array, t: Array) -> Array:
        assert t.shape == (1, 5, 6)
        values = p[0] * np.exp(-p[1] * t.ravel()) + p[2] - y
        if p.shape[1] > 1:
            t.shape = (30,)
        return values

    data = (DATA[:40], T.reshape(1, 5, 6))
    assert leastsq_many(func, START, data=data, vectorized=True).success.all()


@processes_of_ours
def test_exceptions_that_only_their_own_process_can_load() -> None:
    with pytest.warns(RuntimeWarning, match="2 stopped by an exception"):
        result = leastsq_many(
            unloadable_decay, START, data=(DATA[:60], np.arange(60)), workers=2, chunksize=5
        )
    assert [str(result.errors[k]) for k in (7, 57)] == ["elsewhere.UnloadableError: 7",
                                                      "elsewhere.UnloadableError: 57"]
    assert type(result.errors[7]) is RuntimeError
    assert "raise UnloadableError" in result.errors[7].__notes__[0]


def test_a_wrong_shape_where_a_problem_is_called_alone() -> None:
    """The call that compares a problem among others with the same alone is not the fit's own."""
    calls = 0

    def func(p: Array, y: Array, k: Array) -> Array:
        nonlocal calls
        calls += 3 in k
        values = decay(p, y)
        return values[..., None] if 3 in k and calls > 1 else values

    data = (DATA[:9], np.arange(9))
    with pytest.warns(RuntimeWarning, match="1 stopped by an exception"):
        result = leastsq_many(func, START, data=data, vectorized=True, workers=map, chunksize=3)
    assert list(result.errors) == [3]
