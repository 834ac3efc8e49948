"""`leastsq_many` on data outside memory: files, chunks, arrays that are computed lazily."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from asking import asks
from decays import DATA, START, T, both, decay
from engines import assert_equal
from reference import assert_same, missing
from support import Array

from leastsq import leastsq_many

pytestmark = asks

CUBE = DATA[:600].reshape(20, 30, -1)
X0 = np.reshape(START, (1, 1, 3))
WITH_WHEELS = sys.version_info < (3, 14)
"""Whether h5py, zarr and xarray can be had without building them."""


def require(name: str) -> None:
    """Skip if a package is not available; fail in CI if it should be."""
    if find_spec(name) is None:
        if not WITH_WHEELS:
            pytest.skip(f"{name}: not here")
        missing(name)


@pytest.fixture
def stored(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Any]:
    """Return the cube as something on disk."""
    if request.param == "memmap":
        CUBE.tofile(tmp_path / "cube")
        yield np.memmap(tmp_path / "cube", np.float64, "r", shape=CUBE.shape)
        return
    require(request.param)
    if request.param == "h5py":
        import h5py

        with h5py.File(tmp_path / "cube.h5", "w") as file:
            yield file.create_dataset("cube", data=CUBE, chunks=(7, 11, 30))
        return
    import zarr

    yield zarr.create_array(str(tmp_path / "cube"), data=CUBE, chunks=(7, 11, 30))


@pytest.mark.parametrize("stored", ["memmap", "h5py", "zarr"], indirect=True)
@both
def test_arrays_on_disk(stored: Any, vectorized: bool) -> None:
    want = leastsq_many(decay, X0, data=CUBE, vectorized=vectorized)
    for workers in (1, map, 2):
        got = leastsq_many(decay, X0, data=stored, vectorized=vectorized, workers=workers)
        assert_equal(got, want)


def fit_block(block: Array) -> Array:
    """Return maps of parameters of a block, which may be empty."""
    return leastsq_many(decay, X0, data=block, vectorized=True).x


def test_map_blocks_of_dask() -> None:
    require("dask")
    import dask.array as da

    lazy = da.from_array(CUBE, chunks=(8, 10, -1))
    maps = lazy.map_blocks(fit_block, dtype=np.float64, chunks=(*lazy.chunks[:2], (3,)))
    inferred = lazy.map_blocks(fit_block, chunks=(*lazy.chunks[:2], (3,)))
    assert inferred.dtype == np.float64
    want = fit_block(CUBE)
    assert_same(maps.compute(scheduler="threads"), want)
    assert_same(inferred.compute(scheduler="synchronous"), want)
    assert_same(leastsq_many(decay, X0, data=lazy, vectorized=True).x, want)


@pytest.mark.parametrize("dask", ["forbidden", "parallelized"])
def test_apply_ufunc_of_xarray(dask: str) -> None:
    require("xarray")
    import xarray

    cube = xarray.DataArray(CUBE, dims=("y", "x", "t"), coords={"t": T})
    result = xarray.apply_ufunc(
        fit_block, cube.chunk(y=10) if dask == "parallelized" else cube,
        input_core_dims=[["t"]], output_core_dims=[["parameter"]], dask=dask,
        output_dtypes=[np.float64], dask_gufunc_kwargs={"output_sizes": {"parameter": 3}},
    )  # fmt: skip
    assert result.dims == ("y", "x", "parameter")
    assert_same(result.to_numpy(), fit_block(CUBE))


MEMORY = """
import sys, threading
import numpy as np
from pathlib import Path
from decays import START, T, decay
from leastsq import leastsq_many

def anonymous():
    status = Path("/proc/self/status").read_text().split("RssAnon:")[1]
    return int(status.split()[0]) * 1024

data = np.memmap(sys.argv[1], np.float64, "r").reshape(-1, T.size)
workers = eval(sys.argv[2])
leastsq_many(decay, START, data=data[:1000], vectorized=True, workers=workers)
before, peak, ended = anonymous(), 0, threading.Event()

def watch():
    global peak
    while not ended.wait(0.002):
        peak = max(peak, anonymous())

watcher = threading.Thread(target=watch)
watcher.start()
result = leastsq_many(decay, START, data=data, vectorized=True, workers=workers)
ended.set()
watcher.join()
outputs = sum(a.nbytes for a in vars(result).values() if isinstance(a, np.ndarray))
print((peak - before - outputs) / 1e6)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="RssAnon is Linux's")
@pytest.mark.parametrize("workers", ["1", "2", "map"])
def test_memory_above_the_outputs(tmp_path: Path, workers: str) -> None:
    with (tmp_path / "decays").open("wb") as out:
        for _ in range(400):
            DATA.tofile(out)
    path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", MEMORY, tmp_path / "decays", workers], capture_output=True,
        env=os.environ | {"PYTHONPATH": path}, text=True, check=True,
    )  # fmt: skip
    assert float(done.stdout) < 64.0 + 16.0  # in flight, and a tile being read
