"""A batch of random problems for leastsq_many: how it is drawn, called, printed and cut."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, fields, replace
from typing import Any, NamedTuple, Self
from unittest import mock

import numpy as np
import numpy.typing as npt
from reference import FloatArray

from fuzzing.models import FORMULAS, NEVER, Model, Rowwise
from fuzzing.numbers import OPTIONS, problem, size, wild
from fuzzing.ways import pickling_map
from leastsq import LeastsqManyResult, _many_compiled, _many_kinds, _problems, leastsq_many

__all__ = ["MAPS", "Batch", "Functions", "Problem", "Way", "draw", "fit", "of_model"]

Array = npt.NDArray[Any]
BATCHED = ("x0", "a", "b", "kind", "weights")
MAPS: dict[str, Callable[..., Any]] = {"pickling map": pickling_map, "map": map}


class Problem(NamedTuple):
    """One problem of a batch."""

    x0: FloatArray
    rows: tuple[Any, ...]
    weights: FloatArray | None


@dataclass(frozen=True)
class Batch:
    """Problems with axes of a batch, of length 1 where one row is for all, before their own."""

    model: Model
    x0: Array
    a: Array
    b: Array
    kind: Array
    weights: Array | None = None
    nan_policy: str = "propagate"
    options: dict[str, Any] = field(default_factory=dict)
    analytic: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        shapes = [self.x0.shape[:-1], self.a.shape[:-2], self.b.shape[:-1], self.kind.shape]
        if self.weights is not None and self.weights.ndim > 1:
            shapes.append(self.weights.shape[:-1])
        return np.broadcast_shapes(*shapes)

    @property
    def m(self) -> int:
        return self.b.shape[-1]

    def problem(self, index: tuple[int, ...]) -> Problem:
        """Return a problem, its numbers in arrays of its own."""

        def row(array: Array) -> Any:
            batch = array.shape[: len(index)]
            found = array[tuple(i if n > 1 else 0 for i, n in zip(index, batch, strict=True))]
            native = found.astype(found.dtype.newbyteorder("="), order="C")
            return native if native.ndim else native[()]

        x0 = row(self.x0) if self.x0.ndim > 1 else self.x0.astype(float)
        weights = self.weights
        if weights is not None:
            weights = row(weights) if weights.ndim > 1 else weights
            weights = weights.astype(float)
        return Problem(x0, (row(self.a), row(self.b), row(self.kind)), weights)

    def part(self, axis: int, some: slice) -> Self:
        """Return the problems in a slice of one axis of the batch."""
        cut = {}
        for name in BATCHED:
            array = getattr(self, name)
            own = 1 if name in ("x0", "weights") else 0
            if array is not None and array.ndim > own and array.shape[axis] > 1:
                cut[name] = array[(slice(None),) * axis + (some,)]
        return replace(self, **cut)

    def text(self) -> str:
        """Return code that makes it."""
        shown = []
        for one in fields(self):
            value = getattr(self, one.name)
            code = repr(value)
            if isinstance(value, np.ndarray):
                code = f"np.array({value.tolist()}, {value.dtype.str!r})"
            shown.append(f"    {one.name}={code},\n")
        return f"nan, inf = np.nan, np.inf\nbatch = Batch(\n{''.join(shown)})\n"


class Functions(NamedTuple):
    """What leastsq calls, func(x, a, b, kind), and what leastsq_many calls in its place."""

    func: Any
    dfun: Any
    many_func: Any
    many_dfun: Any
    args: tuple[Any, ...] = ()
    packed: bool = False
    """Whether leastsq_many gets one row a problem, of all its numbers and args."""
    keeps_errors: bool = True


def of_model(batch: Batch) -> Functions:
    """Return the functions of a batch's model."""
    func, dfun = batch.model, batch.model.jacobian if batch.analytic else None
    return Functions(func, dfun, func, dfun)


class Way(NamedTuple):
    """How leastsq_many fits a batch."""

    vectorized: bool = False
    workers: int | str = 1
    """A number, or the name of one of MAPS."""
    chunksize: int | None = None
    cov: bool = True
    slots: int = 1024
    """At most; small ones are filled again when a fit ends."""
    elements: int = 65536
    """Of a vectorized call, at most."""
    tile: int = 16_000_000
    """Bytes of the problems that are read together."""


class _Sized:
    """Data that are read by slices only, in chunks."""

    def __init__(self, array: Array, chunks: tuple[int, ...]) -> None:
        self.array, self.chunks = array, chunks
        self.shape, self.dtype = array.shape, array.dtype

    def __getitem__(self, part: Any) -> Array:
        return self.array[part]


def fit(batch: Batch, way: Way, functions: Functions) -> LeastsqManyResult:
    """Fit a batch."""
    func, dfun, args = functions.many_func, functions.many_dfun, functions.args
    if way.vectorized:
        func = Rowwise(func)
        dfun = dfun and Rowwise(dfun, axis=1 if batch.model.transposed else 0)
    chunks = tuple(2 for _ in batch.shape) + batch.a.shape[len(batch.shape) :]
    data: Any = (_Sized(batch.a, chunks), batch.b, batch.kind)
    if functions.packed:
        data, args = _packed(batch, args), ()
    with _sizes(way):
        return leastsq_many(
            func, batch.x0, data=data, args=args, Dfun=dfun, weights=batch.weights,
            nan_policy=batch.nan_policy, vectorized=way.vectorized, cov=way.cov,
            workers=MAPS.get(way.workers, way.workers), chunksize=way.chunksize,
            col_deriv=batch.model.transposed, **batch.options,
        )  # fmt: skip


def _packed(batch: Batch, args: tuple[Any, ...]) -> FloatArray:
    """Return a row for each problem: args, kind, b, a."""
    axes = len(batch.shape)
    rows = [*args, batch.kind[..., None], batch.b, batch.a.reshape(*batch.a.shape[:axes], -1)]
    spread = [np.broadcast_to(row, (*batch.shape, row.shape[-1])) for row in rows]
    return np.concatenate(spread, axis=-1)


def _sizes(way: Way) -> ExitStack:
    """Return a context in which the sizes of slots, calls and tiles are those of a way."""
    stack = ExitStack()
    for module, name, value in (
        (_many_kinds, "MAX_SLOTS", way.slots),
        (_many_kinds, "ONE_BY_ONE_SLOTS", min(way.slots, 64)),
        (_many_compiled, "SLOTS", min(way.slots, 64)),
        (_many_kinds, "MAX_KEPT_ELEMENTS", way.elements),
        (_problems, "TILE_BYTES", way.tile),
    ):
        stack.enter_context(mock.patch.object(module, name, value))
    return stack


def draw(rng: np.random.Generator) -> Batch:
    """Return a random batch."""
    m, n = size(rng)
    shape = _shape(rng)
    count = int(np.prod(shape))
    numbers = [problem(rng, m, n) for _ in range(count)]
    a, b, x0 = (np.array(arrays).reshape(*shape, *arrays[0].shape)
                for arrays in zip(*numbers, strict=True))  # fmt: skip
    kind = rng.integers(len(FORMULAS), size=shape)
    options = {name: rng.choice(v).item() for name, v in OPTIONS.items() if rng.random() < 0.15}
    if rng.random() < 0.2:
        options["diag"] = (np.abs(wild(rng, n)) + 5e-324).tolist()
    model = Model(
        odds=int(rng.choice([NEVER, NEVER, 5, 17, 60])),
        bad=float(rng.choice([np.nan, np.inf, -np.inf])),
        breaks=int(rng.choice([NEVER, NEVER, 30, 300])), transposed=bool(rng.random() < 0.3),
        dtype=str(rng.choice(["f8", "f8", "f8", "f4", ">f8"])),
    )  # fmt: skip
    weights = _weights(rng, (*shape, m), n) if rng.random() < 0.6 else None
    if rng.random() < 0.3:
        b[rng.random(b.shape) < rng.choice([0.02, 0.3])] = rng.choice([np.nan, np.nan, np.inf])
    if weights is not None and weights.shape == b.shape and rng.random() < 0.5:
        b[weights == 0] = np.nan
    batch = Batch(
        model, x0, a, b, kind, weights, options=options, analytic=bool(rng.random() < 0.5),
        nan_policy=str(rng.choice(["propagate", "propagate", "omit", "omit", "raise"])),
    )  # fmt: skip
    return replace(batch, **dict(_rearranged(rng, batch)))


def _shape(rng: np.random.Generator) -> tuple[int, ...]:
    """Return the shape of a batch: up to 600 problems, mostly few."""
    count = int(rng.choice([1, 2, 3, 9, 17, 40, 100, 600], p=[0.1, 0.1, 0.2, 0.2, 0.2, 0.1, 0.09,
                                                            0.01]))  # fmt: skip
    count = int(rng.integers(count // 2 + 1, count + 1))
    axes = int(rng.choice([1, 1, 2, 3]))
    if axes == 1:
        return (count,)
    first = int(rng.integers(1, 4))
    rest = (first, max(1, count // first))
    return rest if axes == 2 else (int(rng.integers(1, 3)), *rest)


def _weights(rng: np.random.Generator, shape: tuple[int, ...], n: int) -> Array:
    """Return weights: zeros, numbers of any scale, and some that are refused."""
    weights: Array = np.abs(wild(rng, *shape)) if rng.random() < 0.3 else rng.uniform(0.5, 2, shape)
    weights[rng.random(shape) < rng.choice([0.0, 0.1, 0.6])] = 0.0
    if rng.random() < 0.3:
        refused = rng.random(shape) < 0.02
        weights[refused] = rng.choice([-1.0, np.nan, np.inf, -np.inf])
    if rng.random() < 0.2:
        weights[rng.random(shape[:-1]) < 0.2] = 0.0  # whole problems are left out
    if rng.random() < 0.2:
        return weights > 0.7
    if rng.random() < 0.2:
        return weights.reshape(-1, shape[-1])[0]  # for all
    return weights.astype(rng.choice(["f8", "f8", ">f8", "f4"]))


def _rearranged(rng: np.random.Generator, batch: Batch) -> Iterator[tuple[str, Array]]:
    """Yield arrays of the batch in other orders of memory, with axes of length 1."""
    axes = batch.kind.ndim
    for name in BATCHED:
        array = getattr(batch, name)
        if array is None or (name == "weights" and array.ndim == 1):
            continue
        for axis in range(axes):
            if rng.random() < 0.1:
                array = array[(slice(None),) * axis + (slice(1),)]
        lot = rng.integers(6)
        if lot == 0:
            array = np.asfortranarray(array)
        elif lot == 1 and array.dtype.itemsize > 1:
            array = array.astype(array.dtype.newbyteorder(">"))
        elif lot == 2:
            array = np.repeat(array, 2, axis=0)[::2]
        if name == "x0" and axes == 1 and len(array) == 1:
            array = array[0]
        yield name, array
