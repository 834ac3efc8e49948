"""What leastsq_many fits: x0, data and weights of a batch of problems, tile by tile.

A tile is a box of problems whose data are read together; its edges are multiples of the data's
chunks.
"""

import functools
import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from leastsq import _minpack
from leastsq._checks import Vector

__all__ = ["Index", "Problems", "Rows", "Tile"]

Index = npt.NDArray[np.int64]
TILE_BYTES = 16_000_000


@dataclass(frozen=True)
class Rows:
    """One array's rows for the problems of a tile; broadcast rows are not repeated."""

    array: npt.NDArray[Any]
    """The rows, contiguous, of any shape."""
    index: Index | None
    """Of each problem's row; None if problem k has row k, or all share one row."""
    shared: bool
    """Whether all problems share one row."""

    def one(self, problem: int) -> Any:  # noqa: ANN401  (an array or a number)
        """Return the row of a problem."""
        if self.shared:
            return self.array[0]
        return self.array[problem if self.index is None else int(self.index[problem])]

    def many(self, problems: Index) -> npt.NDArray[Any]:
        """Return the rows of several problems, read-only, or the one that all of them share."""
        # A view of a shared row: func may give what it gets another shape.
        rows = self.array[:] if self.shared else self.array.take(self._indices(problems), axis=0)
        if rows.ndim == 1:  # one number for each problem
            rows = rows[:, None]
        rows.flags.writeable = False
        return rows

    def all_of(self, problems: Index) -> Vector:
        """Return the rows of several problems as float64; a shared one is repeated."""
        if self.shared:
            return np.repeat(self.array, len(problems), axis=0).astype(np.float64)
        return self.array.take(self._indices(problems), axis=0).astype(np.float64)

    def any_nonzero(self) -> npt.NDArray[np.bool_]:
        """Return which problems have a row that is not all zeros; one element if it is shared."""
        rows: npt.NDArray[np.bool_] = (self.array != 0).any(axis=-1)
        return rows if self.index is None else rows[self.index]

    def part(self, first: int, last: int) -> "Rows":
        """Return the rows of the problems from first to last - 1, without other rows."""
        if self.shared:
            return self
        if self.index is None:
            return Rows(self.array[first:last], None, shared=False)
        used, index = np.unique(self.index[first:last], return_inverse=True)
        rows = self.array[used]
        rows.flags.writeable = False
        return Rows(rows, index, shared=False)

    def _indices(self, problems: Index) -> Index:
        return problems if self.index is None else self.index[problems]


@dataclass(frozen=True)
class Tile:
    """Problems that are read together."""

    flat: Index
    """Their flat indices in the whole batch, in C order."""
    weights: Rows | None
    data: tuple[Rows, ...]

    def part(self, first: int, last: int) -> "Tile":
        """Return its problems from first to last - 1."""
        if last - first == len(self.flat):
            return self
        return Tile(
            self.flat[first:last],
            None if self.weights is None else self.weights.part(first, last),
            tuple(rows.part(first, last) for rows in self.data),
        )

    def set_read_only(self) -> None:
        """Make the rows read-only: unpickled arrays are writable."""
        for rows in (*self.data, *(() if self.weights is None else (self.weights,))):
            rows.array.flags.writeable = False


class Problems:
    """The arguments x0, data and weights of the whole batch, checked."""

    def __init__(self, x0: npt.ArrayLike, data: object, weights: npt.ArrayLike | None) -> None:
        starts = np.asarray(x0)
        self.n = starts.shape[-1] if starts.ndim else 1
        axes = max(1, starts.ndim - 1)
        if starts.dtype != np.float64:
            starts = _minpack.fresh_vector(starts).reshape(starts.shape)
        self.starts = starts if starts.ndim > 1 else starts.reshape(1, self.n)
        self.data = _as_tuple(data)
        self.weights = None if weights is None else _as_weights(weights, axes)
        if starts.ndim < 2 and not self.data:
            raise ValueError(
                f"x0 of shape {starts.shape} is one problem: give it a batch axis, or data with one"
            )
        self.shapes = {f"data[{i}]": tuple(datum.shape) for i, datum in enumerate(self.data)}
        """Those of data, and of weights with batch axes, from now on."""
        if self.weights is not None and len(self.weights.shape) > 1:
            self.shapes["weights"] = tuple(self.weights.shape)
        self.shape = self._broadcast(axes)
        self.count = math.prod(self.shape)
        self.bytes_each, self.bytes_shared = self._bytes(axes)

    def _broadcast(self, axes: int) -> tuple[int, ...]:
        """Return the shape of the batch."""
        shapes = [("x0", self.starts.shape), *self.shapes.items()]
        try:
            if any(len(shape) < axes for _, shape in shapes):
                raise ValueError
            return np.broadcast_shapes(*(shape[:axes] for _, shape in shapes))
        except ValueError:
            listed = ", ".join(f"{name} {shape}" for name, shape in shapes)
            raise ValueError(
                f"the first {axes} axes do not broadcast to one batch of problems: {listed}"
            ) from None

    def _bytes(self, axes: int) -> tuple[int, int]:
        """Return the bytes of each problem's data and results, and of rows that all share."""
        each, shared = 8 * (self.n * self.n + 3 * self.n + 8), 0  # the results
        for array in self._sliced():
            row = math.prod(array.shape[axes:]) * array.dtype.itemsize
            if tuple(array.shape[:axes]) == (1,) * axes:
                shared += row
            else:
                each += row
        return each, shared

    def _sliced(self) -> tuple[Any, ...]:
        """Return the arrays that have rows for problems: data, and weights with batch axes."""
        weights = self.weights
        return self.data if weights is None or len(weights.shape) == 1 else (*self.data, weights)

    def tiles(self) -> Iterator[Tile]:
        """Yield the tiles of the batch."""
        sizes = self._tile_sizes()
        counts = [range(0, length, size) for length, size in zip(self.shape, sizes, strict=True)]
        strides = [math.prod(self.shape[axis + 1 :]) for axis in range(len(self.shape))]
        for corner in itertools.product(*counts):
            box = [
                (first, min(first + size, length))
                for first, size, length in zip(corner, sizes, self.shape, strict=True)
            ]
            offsets = [np.arange(*edge) * stride for edge, stride in zip(box, strides, strict=True)]
            flat = functools.reduce(np.add.outer, offsets)
            weights = self.weights
            if weights is not None and len(weights.shape) == 1:
                weights = weights.reshape((1,) * len(box) + weights.shape)
            yield Tile(
                flat.ravel(),
                None if weights is None else self._rows("weights", weights, box),
                tuple(self._rows(f"data[{i}]", datum, box) for i, datum in enumerate(self.data)),
            )

    def _tile_sizes(self) -> list[int]:
        """Return the edges of a tile: multiples of the data's chunks, about 16 MB in all."""
        axes = len(self.shape)
        chunks = [1] * axes
        for array in self._sliced():
            lengths = getattr(array, "chunks", None) or (1,) * axes
            if all(isinstance(length, int) for length in lengths[:axes]):
                chunks = [max(pair) for pair in zip(chunks, lengths[:axes], strict=True)]
        most = max(1, TILE_BYTES // self.bytes_each)
        sizes = [min(pair) for pair in zip(chunks, self.shape, strict=True)]
        for axis in reversed(range(axes)):
            grown = sizes[axis] * max(1, most // math.prod(sizes))
            sizes[axis] = max(1, min(self.shape[axis], grown))
        return sizes

    def _rows(self, name: str, array: Any, box: list[tuple[int, int]]) -> Rows:  # noqa: ANN401
        """Read an array's part of a tile."""
        axes = len(box)
        shape = self.shapes.get(name, array.shape)
        part = tuple(
            slice(0, 1) if length == 1 else slice(*edge)
            for length, edge in zip(shape[:axes], box, strict=True)
        )
        values = np.asarray(array[part])
        wanted = *(edge.stop - edge.start for edge in part), *shape[axes:]
        if values.shape != wanted:  # compiled code would read past its end
            raise ValueError(
                f"{name} has the shape {shape}, but a part of it has {values.shape}, not {wanted}"
            )
        native = values.dtype if values.dtype.isnative else values.dtype.newbyteorder("=")
        values = np.ascontiguousarray(values, native)
        batch = values.shape[:axes]
        rows = values.reshape((math.prod(batch), *values.shape[axes:])).view()
        rows.flags.writeable = False
        sizes = tuple(last - first for first, last in box)
        shared = len(rows) == 1
        if shared or batch == sizes:
            return Rows(rows, None, shared)
        index = np.broadcast_to(np.arange(len(rows)).reshape(batch), sizes).ravel()
        return Rows(rows, index, shared=False)


def _as_tuple(data: object) -> tuple[Any, ...]:
    """Return the data as a tuple of arrays, or of objects that can be sliced like arrays."""
    arrays = data if isinstance(data, tuple) else (data,)
    for datum in arrays:
        if isinstance(datum, np.ma.MaskedArray):
            raise TypeError("data must not be a masked array: give weights that are 0 instead")
        if not _can_be_sliced(datum):
            raise TypeError(
                f"data must be an array or a tuple of arrays, not {type(datum).__name__}"
            )
    return arrays


def _can_be_sliced(array: object) -> bool:
    return all(hasattr(array, name) for name in ("shape", "dtype", "__getitem__"))


def _as_weights(weights: Any, axes: int) -> Any:  # noqa: ANN401  (whatever can be sliced)
    if isinstance(weights, np.ma.MaskedArray):
        raise TypeError("weights must not be a masked array: a sample left out has a weight of 0")
    array: Any = weights if _can_be_sliced(weights) else np.asarray(weights)
    ndim = len(array.shape)
    if ndim == 1:
        array = np.asarray(array)
    if ndim not in (1, axes + 1):
        raise ValueError(
            f"weights must have the shape (M,) or that of the batch and (M,), not {array.shape}"
        )
    if not np.can_cast(array.dtype, np.float64, "safe"):
        raise TypeError(f"weights must be real numbers, not {array.dtype!r}")
    return array
