"""Batches solved by leastsq_many in all its ways, compared with leastsq on each problem."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from reference import bits

from fuzzing.batch import MAPS, Batch, Functions, Way, draw, fit, of_model
from fuzzing.cases import Verdict
from fuzzing.endings import Ending, ending, found, problems_with_nan

__all__ = ["any_way", "check_batches", "check_processes", "differences", "endings_of", "verdict"]

Endings = dict[tuple[int, ...], Ending]
MAX_ERRORS = 100
TEXT = """\
from fuzzing.batch import Batch, Way  # in tests/
from fuzzing.batches import differences
from {module} import {name}
from fuzzing.models import Model
{batch}print(*differences(batch, {way}, {name}(batch)), sep="\\n")
"""


def check_batches(rng: np.random.Generator) -> Iterator[Verdict]:
    """Fit a batch of Python functions in three ways, vectorized and not."""
    batch = draw(rng)
    endings = endings_of(batch, of_model(batch))
    for vectorized in (False, True):
        yield verdict(batch, any_way(rng, vectorized, workers=1), of_model, endings)
    vectorized = bool(rng.integers(2))
    workers = [*MAPS, 2] if vectorized else [*MAPS]
    way = any_way(rng, vectorized, workers[rng.integers(len(workers))])
    yield verdict(batch, way, of_model, endings)


def check_processes(rng: np.random.Generator) -> Iterator[Verdict]:
    """Fit a batch in processes of ours."""
    batch = draw(rng)
    way = any_way(rng, vectorized=False, workers=2)
    yield verdict(batch, way, of_model, endings_of(batch, of_model(batch)))


def any_way(rng: np.random.Generator, vectorized: bool, workers: Any) -> Way:
    """Return a random way to fit, with the chunks, slots and tiles in which batches are cut."""
    return Way(
        vectorized, workers, None if rng.random() < 0.3 else int(rng.integers(1, 40)),
        bool(rng.random() < 0.8), int(rng.choice([1, 3, 10, 1024])),
        int(rng.choice([1, 300, 65536])), int(rng.choice([1000, 20_000, 16_000_000])),
    )  # fmt: skip


def endings_of(batch: Batch, functions: Functions) -> Endings | None:
    """Return the endings of all problems; None if a NaN is to be raised."""
    if batch.nan_policy == "raise" and next(problems_with_nan(batch, functions), None):
        return None
    return {index: ending(batch, index, functions) for index in np.ndindex(batch.shape)}


def verdict(
    batch: Batch, way: Way, make: Callable[[Batch], Functions], endings: Endings | None
) -> Verdict:
    """Compare a way to fit a batch by the functions that are made for it."""
    text, name = "", make.__name__
    different = _compare(batch, way, make(batch), endings)
    if different:  # the smallest part that differs is shown
        part = _smallest(batch, way, make)
        text = TEXT.format(batch=part.text(), way=way, module=make.__module__, name=name)
    if make is of_model:
        name = "vectorized" if way.vectorized else "one by one"
    count = int(np.prod(batch.shape))
    return Verdict(f"{name}, workers {way.workers}", not different, None, text, count)


def differences(batch: Batch, way: Way, functions: Functions) -> list[str]:
    """Return where the fits of a batch differ from those of leastsq."""
    return _compare(batch, way, functions, endings_of(batch, functions))


def _compare(batch: Batch, way: Way, functions: Functions, endings: Endings | None) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            with np.errstate(all="warn"):  # no such warning may escape
                result = fit(batch, way, functions)
                standard_errors = result.standard_errors()
        except ValueError as error:
            if endings is not None:
                return [f"it raised {error!r}"]
            return _about_nan(str(error), [*problems_with_nan(batch, functions)])
    if endings is None:
        return ["it did not raise"]
    assert result.ier.shape == batch.shape
    different = _errors(result.errors, endings) if functions.keeps_errors else []
    m_is_known = functions.packed or any(one.ier != -1 for one in endings.values())
    for index, want in endings.items():
        got = found(result, standard_errors, index)
        if not _agree(got, want, way.cov, m_is_known):
            different.append(f"problem {index}:\n  got  {got}\n  want {want}")
    return different + _warnings(batch, endings, [str(warning.message) for warning in caught])


def _about_nan(text: str, problems: list[tuple[int, ...]]) -> list[str]:
    """Refuse a message that is not about the first of these problems, or, in maps, about one.

    Which one is met first in maps is up to the tiles in which they are read.
    """
    texts = [
        f"the residual of problem {index if len(index) > 1 else index[0]} has a NaN at x0, "
        "and nan_policy is 'raise'"
        for index in problems
    ]
    accepted = texts if len(problems[0]) > 1 else texts[:1]
    return [] if text in accepted else [f"{text!r} is not in {accepted[:10]}"]


def _agree(got: Ending, want: Ending, cov: bool, m_is_known: bool) -> bool:
    """Whether all bits agree, but for what was not asked for."""
    if got.error is None:  # only a hundred are kept
        want = want._replace(error=None)
    if not cov:
        want = want._replace(cov_x=None)
    if not m_is_known:
        want = want._replace(dof=got.dof)
    return bits(got) == bits(want)


def _errors(errors: Any, endings: Endings) -> list[str]:
    """Compare how many exceptions are kept; which, if there are many, is not determined."""
    count = sum(one.error is not None for one in endings.values())
    if len(errors) == min(count, MAX_ERRORS):
        return []
    return [f"{len(errors)} exceptions are kept of {count}"]


def _warnings(batch: Batch, endings: Endings, texts: list[str]) -> list[str]:
    """Compare the warnings: one if there is a fit without success, unless its weights are 0."""
    missed = [
        index for index, one in endings.items()
        if not one.success and not _masked(batch.problem(index).weights, one)
    ]  # fmt: skip
    if len(texts) == bool(missed) and all(f"{len(endings)} fits" in text for text in texts):
        return []
    return [f"fits without success: {missed}; warnings: {texts}"]


def _masked(weights: Any, one: Ending) -> bool:
    return one.ier == 0 and weights is not None and not weights.any()


def _smallest(batch: Batch, way: Way, make: Callable[[Batch], Functions]) -> Batch:
    """Return the smallest part of a batch in which there is still a difference."""
    for axis, length in enumerate(batch.shape):
        half = length // 2
        for some in (slice(half), slice(half, None)) if half else ():
            part = batch.part(axis, some)
            if differences(part, way, make(part)):
                return _smallest(part, way, make)
    return batch
