"""Engines for workers=: the maps of executors, pools and a cluster."""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import pytest
from reference import assert_same, missing
from support import MANY_ARRAYS

from leastsq import LeastsqManyResult

Map = Callable[..., Any]
GIL = getattr(sys, "_is_gil_enabled", lambda: True)()
processes_of_ours = pytest.mark.skipif(not GIL, reason="without the GIL they are threads")
SPAWN = multiprocessing.get_context("spawn")


def processes() -> list[Any]:
    """Return the child processes, except loky's, which persist for a while."""
    return [p for p in multiprocessing.active_children() if type(p).__name__ != "LokyProcess"]


def assert_equal(got: LeastsqManyResult, want: LeastsqManyResult) -> None:
    """Compare every bit of two results."""
    for name in MANY_ARRAYS:
        assert_same(getattr(got, name), getattr(want, name), name)
    assert_same(got.standard_errors(), want.standard_errors())
    assert sorted(got.errors) == sorted(want.errors)
    for place, error in want.errors.items():
        assert type(got.errors[place]) is type(error)
        assert str(got.errors[place]) == str(error)


@contextmanager
def loky() -> Iterator[Map]:
    if find_spec("joblib") is None:
        missing("joblib")
    from joblib.externals.loky import get_reusable_executor

    executor = get_reusable_executor(max_workers=2)
    yield executor.map
    executor.shutdown(kill_workers=True)


@contextmanager
def executor() -> Iterator[Map]:
    with ProcessPoolExecutor(2, SPAWN) as pool:
        yield pool.map


@contextmanager
def threads() -> Iterator[Map]:
    with ThreadPoolExecutor(3) as pool:
        yield pool.map


@contextmanager
def pool() -> Iterator[Map]:
    with SPAWN.Pool(2) as pool:
        yield pool.map


@contextmanager
def dask() -> Iterator[Map]:
    if find_spec("distributed") is None:
        missing("distributed")
    from distributed import Client, LocalCluster

    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None,
            silence_logs=40,
        ) as cluster,
        Client(cluster) as client,
    ):  # fmt: skip
        yield client.get_executor().map


ENGINES = [executor, threads, pool, loky, dask]
