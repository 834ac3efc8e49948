"""`leastsq_many`: invalid arguments, and data that are read in parts."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from asking import asks
from decays import DATA, START, K, T, both, check, decay, one, slopes
from reference import assert_same
from support import Array, run_python

from leastsq import leastsq, leastsq_many

pytestmark = asks


@pytest.mark.parametrize(
    ("x0", "options", "kind", "text"),
    [
        (START, {}, ValueError, r"x0 of shape \(3,\) is one problem"),
        (3.0, {}, ValueError, r"x0 of shape \(\) is one problem"),
        (np.ones((5, 3)), {"data": DATA}, ValueError,
         r"broadcast.*x0 \(5, 3\).*data\[0\] \(700, 30\)"),
        (np.ones((2, 2, 3)), {"data": (np.ones((2, 2, 4)), np.ones((2, 3, 4)))}, ValueError,
         r"x0 \(2, 2, 3\), data\[0\] \(2, 2, 4\), data\[1\] \(2, 3, 4\)"),
        (np.ones((2, 2, 3)), {"data": np.ones(4)}, ValueError, r"data\[0\] \(4,\)"),
        (START, {"data": DATA, "weights": np.ones((6, 30))}, ValueError, r"weights \(6, 30\)"),
        (START, {"data": DATA, "weights": np.ones((1, 1, 30))}, ValueError, "weights must have"),
        (START, {"data": DATA, "weights": np.ones(29)}, ValueError, "M=29 samples, but.* M=30"),
        (START, {"data": DATA, "weights": np.ones(30, complex)}, TypeError, "weights must be real"),
        (START, {"data": DATA, "weights": np.ma.ones(30)}, TypeError, "weights must not be a mask"),
        (START, {"data": DATA.tolist()}, TypeError, "array or a tuple of arrays, not list"),
        (START, {"data": [DATA, DATA]}, TypeError, "array or a tuple of arrays, not list"),
        (START, {"data": (y for y in DATA)}, TypeError, "tuple of arrays, not generator"),
        (START, {"data": (DATA, 5)}, TypeError, "tuple of arrays, not int"),
        (START, {"data": np.ma.masked_array(DATA)}, TypeError, "masked array: give weights"),
        ([[1j]], {}, TypeError, "complex128"),
        (START, {"data": DATA, "ftol": -1.0}, TypeError, r"Improper.* ftol=-1.0 must not be"),
        (START, {"data": DATA, "diag": [1.0]}, ValueError, "diag must have one entry"),
        (START, {"data": DATA, "nan_policy": "drop"}, ValueError, "must be one of.*'drop'"),
        (START, {"data": DATA, "workers": 1.5}, TypeError, "integer"),
        (START, {"data": DATA, "chunksize": 0}, ValueError, "chunksize must be positive, not 0"),
        (START, {"data": DATA, "progress": 5}, TypeError, "progress must be .*, not 5"),
        (START, {"data": DATA, "Dfun": 5}, TypeError, "Dfun must be callable, not 5"),
        (np.ones((2, 0)), {}, TypeError, "x0 must not be empty"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_calls_that_are_wrong(x0: object, options: dict, kind: type, text: str) -> None:
    calls = []

    def func(p: Array, *rows: Array) -> Array:
        calls.append(p)
        return decay(p, rows[0])

    with pytest.raises(kind, match=text):
        leastsq_many(func, x0, **options)
    assert len(calls) <= ("M=30" in text)


@both
def test_first_residuals_that_are_wrong(vectorized: bool) -> None:
    shape = (lambda p: (p.shape[1],)) if vectorized else (lambda p: ())
    for wrong, kind, text in (
        (lambda p: np.ones((*shape(p), 2)), TypeError, "N=3 must not exceed .* M=2"),
        (lambda p: np.ones((*shape(p), 30), complex), TypeError, "not a proper array of floats"),
        (lambda p: None, TypeError, "It is None"),
        (lambda p: np.ones((*shape(p), 30, 1)), (TypeError, ValueError), "array of floats|shape"),
    ):
        calls = []
        with pytest.raises(kind, match=text):
            leastsq_many(
                lambda p, y, w=wrong, c=calls: (c.append(1), w(p))[1],
                START, data=DATA, vectorized=vectorized,
            )  # fmt: skip
        assert len(calls) == 1


def test_a_wrong_shape_in_the_first_block_of_several() -> None:
    with pytest.raises(ValueError, match=r"should have the shape \(700, 30\) but it is \(30,\)"):
        leastsq_many(
            lambda p, y: decay(p, y) if p.shape[1] == 1 else decay(p, y)[0],
            START, data=DATA, vectorized=True,
        )  # fmt: skip


@both
def test_a_wrong_shape_of_one_among_the_first_is_that_fits_error(vectorized: bool) -> None:
    def func(p: Array, y: Array, k: Array) -> Array:
        return np.append(decay(p, y), 0.0) if 5 in np.ravel(k) else decay(p, y)

    with pytest.warns(RuntimeWarning, match="1 stopped by an exception"):
        result = leastsq_many(func, START, data=(DATA, np.arange(K)), vectorized=vectorized)
    assert list(result.errors) == [5]
    check(result, 6, one(6))


@both
def test_a_wrong_shape_later_is_that_fits_error(vectorized: bool) -> None:
    def func(p: Array, y: Array, k: Array) -> Array:
        values = decay(p, y)
        if 400 in np.ravel(k):
            return values[..., :-1]
        return values

    with pytest.warns(RuntimeWarning, match="1 stopped by an exception"):
        result = leastsq_many(func, START, data=(DATA, np.arange(K)), vectorized=vectorized)
    assert list(result.errors) == [400]
    assert type(result.errors[400]) is ValueError
    for k in (0, 399, 401, K - 1):
        check(result, k, one(k))


@both
def test_a_wrong_shape_of_dfun_is_each_fits_error(vectorized: bool) -> None:
    with pytest.warns(RuntimeWarning, match="20 stopped by an exception"):
        result = leastsq_many(
            decay, START, data=DATA[:20], Dfun=lambda p, y: np.ones((4, 4)), vectorized=vectorized
        )
    assert len(result.errors) == 20
    assert (result.njev == 1).all()


@pytest.mark.parametrize(
    "func",
    [
        lambda p, y: (m := p[0] * np.exp(-p[1] * T)) / m.sum() + p[2] - y,
        lambda p, y: decay(p, y) - decay(p, y).mean(),
    ],
)
def test_reductions_over_everything(func: Callable[..., Array]) -> None:
    with pytest.raises(ValueError, match="axis=-1"):
        leastsq_many(func, START, data=DATA, vectorized=True)


def test_the_check_of_single_precision_raises_no_warning_of_numpys() -> None:
    """Its tolerance, from the largest datum, is more than single precision can hold."""

    def func(p: Array, y: Array, big: Array) -> Array:
        return (decay(p, y) + 0.0 * big).astype(np.float32)

    data = DATA[:5], np.full((5, 1), 1e300)
    with np.errstate(all="raise"):
        result = leastsq_many(func, START, data=data, vectorized=True, workers=2, chunksize=3)
    assert result.success.all()


@pytest.mark.parametrize("spoil", ["mask", "raise", "nan"])
def test_reductions_are_found_late(spoil: str) -> None:
    """Where the first block has one problem, or raises, or is not finite, the next one shows it."""
    weights, data = np.ones(DATA.shape), DATA.copy()
    if spoil == "mask":
        weights[1:400] = 0.0
    if spoil == "nan":
        data[0, 0] = np.nan

    def func(p: Array, y: Array, k: Array) -> Array:
        if spoil == "raise" and 7 in k:
            raise ZeroDivisionError
        values = decay(p, y)
        return values + np.nanmean(values)

    with pytest.raises(ValueError, match="axis=-1"):
        leastsq_many(func, START, data=(data, np.arange(K)), weights=weights, vectorized=True)


def test_rounding_that_depends_on_the_block_is_none() -> None:
    """Starts at the solution, where a residual is all rounding of a larger model."""
    t = np.linspace(0.0, 1.0, 40)
    powers = np.vander(t, 4) * 1e6
    starts = np.random.default_rng(1).uniform(0.5, 2.0, (300, 4))
    data = starts @ powers.T
    result = leastsq_many(
        lambda p, y: (powers @ p[:, :, 0]).T - y, starts, data=data, vectorized=True
    )
    assert np.allclose(result.x, starts)


@both
def test_memory_in_flight(vectorized: bool) -> None:
    """As many workspaces as 64 MB hold, not 64 of 34 MB."""
    run_python(
        f"""
        import resource
        import numpy as np
        from leastsq import leastsq_many

        m, n = 400_000, 8
        a = np.random.default_rng(0).standard_normal((n, m))
        def func(p, v):
            return sum(a[i] * p[i] for i in range(n)) - v
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        leastsq_many(func, np.zeros(n), data=np.ones(20), cov=False, vectorized={vectorized})
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        assert grown < 300_000, grown
        """
    )


def test_a_start_that_is_changed_on_the_way() -> None:
    starts = np.tile(START, (K, 1))

    def func(p: Array, y: Array) -> Array:
        starts[:] = 50.0
        return decay(p, y)

    result = leastsq_many(func, starts, data=DATA)
    for k in (1, 100, K - 1):
        check(result, k, one(k))


def test_reductions_over_samples() -> None:
    def func(p: Array, y: Array) -> Array:
        m = p[0] * np.exp(-p[1] * T)
        return m / m.sum(axis=-1, keepdims=True) + p[2] - y

    assert leastsq_many(func, START, data=DATA[:50] / 10, vectorized=True).ier.min() > 0


@both
def test_data_that_are_not_finite(vectorized: bool) -> None:
    """One fit in a hundred is lost, and no bit of the others."""
    data = DATA.copy()
    lost = np.arange(3, K, 100)
    data[lost, lost % 30] = np.where(lost % 200 > 100, np.nan, np.inf)
    with pytest.warns(RuntimeWarning, match="7 not finite"):
        result = leastsq_many(decay, START, data=data, vectorized=vectorized)
    assert_same(np.flatnonzero(~result.success), lost)
    for k in sorted(set(range(0, K, 11)) - set(lost)):
        check(result, k, one(k))


@both
def test_ctrl_c(vectorized: bool) -> None:
    data = np.broadcast_to(DATA, (2000, *DATA.shape))
    main = threading.get_ident()
    timer = threading.Timer(0.3, lambda: signal.pthread_kill(main, signal.SIGINT))
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    timer.start()
    begin = time.monotonic()
    try:
        with pytest.raises(KeyboardInterrupt):
            leastsq_many(decay, [[START]], data=data, vectorized=vectorized)
    finally:
        timer.join()
        signal.signal(signal.SIGINT, before)
    assert time.monotonic() - begin < 5.0  # of what takes minutes, and on any machine
    assert leastsq_many(decay, START, data=DATA[:9], vectorized=vectorized).success.all()


# Data in parts


class Stored:
    """Data that can only be sliced, as a file's; records what was read."""

    def __init__(self, array: Array, chunks: tuple[int, ...] | None = None) -> None:
        self.array = array
        self.shape, self.dtype, self.chunks = array.shape, array.dtype, chunks
        self.read: list[tuple[slice, ...]] = []

    def __getitem__(self, part: tuple[slice, ...]) -> Array:
        assert all(type(edge) is slice for edge in part)
        self.read.append(part)
        return self.array[part]


@pytest.fixture
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    from leastsq import _problems

    monkeypatch.setattr(_problems, "TILE_BYTES", 40 * 30 * 8)


@both
@pytest.mark.usefixtures("small_tiles")
def test_parts_are_read_once_along_the_chunks(vectorized: bool) -> None:
    maps = DATA[: 20 * 12].reshape(20, 12, -1)
    want = leastsq_many(decay, [[START]], data=maps.copy(), vectorized=vectorized)
    for chunks in (None, (4, 4, 30), (1, 12, 30), (8, 5, 30), (20, 1, 30)):
        stored = Stored(maps, chunks)
        result = leastsq_many(decay, [[START]], data=stored, vectorized=vectorized)
        for name in ("x", "cov_x", "ssq", "ier", "nfev"):
            assert_same(getattr(result, name), getattr(want, name))
        seen = np.zeros((20, 12), int)
        for part in stored.read:
            seen[part[:2]] += 1
            if chunks is not None:
                for edge, chunk in zip(part, chunks[:2], strict=False):
                    assert edge.start % chunk == 0
        assert (seen == 1).all()
        assert len(stored.read) > 3


@pytest.mark.usefixtures("small_tiles")
@both
def test_tiles_with_everything(vectorized: bool) -> None:
    """Errors, weights and broadcasting refer to the right problems in every tile."""
    maps = DATA[: 9 * 15].reshape(9, 15, -1)
    weights = np.ones((9, 1, 30))
    weights[4] = 0.0
    scale = np.linspace(1.0, 2.0, 15).reshape(1, 15)

    def func(p: Array, y: Array, s: Array) -> Array:
        if np.any(np.asarray(y)[..., 0] == maps[7, 11, 0]):
            raise ValueError("that one")
        return s * decay(p, y)

    with pytest.warns(RuntimeWarning, match="1 stopped by an exception"):
        result = leastsq_many(
            func, [[START]], data=(Stored(maps, (3, 4, 30)), scale), weights=weights,
            vectorized=vectorized,
        )  # fmt: skip
    assert list(result.errors) == [(7, 11)]
    assert (result.ier[4] == 0).all()
    for at in ((0, 0), (8, 14), (7, 10), (3, 13)):
        want = leastsq(func, START, (maps[at], scale[0, at[1]]), full_output=True)
        check(result, 0, want, at)


@both
def test_memmap(vectorized: bool, tmp_path: Path) -> None:
    path = tmp_path / "data.npy"
    np.save(path, DATA)
    stored = np.load(path, mmap_mode="r")
    result = leastsq_many(decay, START, data=stored, vectorized=vectorized)
    assert_same(result.x, leastsq_many(decay, START, data=DATA, vectorized=vectorized).x)


SHOW = """
    import matplotlib
    matplotlib.use("agg")
    from matplotlib import pyplot

    pyplot.imshow({numbers})
    pyplot.colorbar(label="rate")
    pyplot.savefig({path!r})
"""


def test_an_image_cube(tmp_path: Path) -> None:
    """64 x 64 pixels of 100 samples, some masked, with a sigma each: maps of results."""
    rng = np.random.default_rng(64)
    t = np.linspace(0.0, 5.0, 100)
    y, x = np.mgrid[:64, :64] / 64.0
    truth = np.stack([2.0 + x, 0.5 + y, 0.2 * np.ones_like(x)], axis=-1)
    sigma = 0.02 * (1.0 + rng.random((64, 64, 1))) * np.ones(100)
    cube = truth[..., :1] * np.exp(-truth[..., 1:2] * t) + truth[..., 2:]
    cube += sigma * rng.standard_normal(cube.shape)
    mask = (x - 0.5) ** 2 + (y - 0.5) ** 2 > 0.2
    dead = rng.random(cube.shape) < 0.02
    cube[dead] = np.nan
    weights = np.where(mask[..., None] | dead, 0.0, 1.0 / sigma)

    def model(p: Array, values: Array) -> Array:
        return p[0] * np.exp(-p[1] * t) + p[2] - values

    result = leastsq_many(
        model, np.reshape([1.0, 1.0, 0.0], (1, 1, 3)), data=cube, weights=weights, vectorized=True
    )
    assert result.success[~mask].all()
    assert (result.ier[mask] == 0).all()
    errors = result.standard_errors(absolute_sigma=True)
    assert np.isnan(errors[mask]).all()
    pulls = ((result.x - truth) / errors)[~mask]
    assert abs(pulls.std() - 1.0) < 0.05
    chi = (result.ssq / result.dof)[~mask]
    assert abs(chi.mean() - 1.0) < 0.02
    if find_spec("matplotlib"):
        figure = tmp_path / "rate.png"
        program = SHOW.format(numbers=result.x[..., 1].tolist(), path=str(figure))
        run_python(program)
        assert figure.stat().st_size > 1000


def test_dfun_and_weights_and_maps_together() -> None:
    maps = DATA[:12].reshape(3, 4, -1)
    result = leastsq_many(decay, [[START]], data=maps, Dfun=slopes, vectorized=True)
    for at in np.ndindex(3, 4):
        check(result, 0, leastsq(decay, START, (maps[at],), slopes, full_output=True), at)
