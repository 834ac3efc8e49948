"""Residuals that are compiled: pointers to functions with cminpack's argument lists."""

import ctypes
import re
import sys
from collections.abc import Callable
from typing import Any, NoReturn, SupportsIndex

import numpy as np
import numpy.typing as npt

from leastsq import _minpack
from leastsq._checks import Vector, as_c_int, require_as_many, require_bundled
from leastsq._problems import Rows

__all__ = ["CompiledResidual", "is_numba", "refuse_beside_compiled"]

RESIDUAL = "int (void *, int, int, const double *, double *, int)"
BOTH = "int (void *, int, int, const double *, double *, double *, int, int)"
SIZE_CHANGED = "The array returned by a function changed size between calls"
KINDS = (
    "a numba function, a numba cfunc, a function pointer of ctypes or cffi, a PyCapsule or a "
    "scipy.LowLevelCallable"
)

Array = npt.NDArray[Any]
Pointer = tuple[int, str | None, int]
"""Address of a function, its signature as far as it is known, and the pointer that goes with it."""


class CompiledResidual:
    """A residual that needs no Python, for `leastsq` and `leastsq_many` in func's place.

    The whole solve runs without the GIL; an interrupt still ends it. The bits are those of the same
    function called from Python.

    Parameters
    ----------
    function : numba function or cfunc, ctypes or cffi pointer, PyCapsule, scipy.LowLevelCallable
        A numba function is called like a Python one, ``function(x, *args)``, as is a Dfun of
        numba's; they are compiled once for each types of args. A pointer is of a function
        ``int f(void *p, int m, int n, const double *x, double *fvec, int iflag)``, which writes
        the m residuals at x, shape (n,), to fvec. A negative value that it returns stops the solve
        with ier -1; callbacks for `scipy.ndimage` return 0 where they fail, which goes on here.
    m : int
        The number of residuals; needed for a pointer alone.
    data : array or tuple of arrays, optional
        What p points to: one C-contiguous array of any dtype, which is used as it stands; of
        several, and with args, p is an array of pointers to them, the args' last. In `leastsq_many`
        data are given there: p is then a problem's row of them, float64. Without any, p is NULL, or
        what a LowLevelCallable has as user_data.
    jacobian : bool, default False
        Whether function writes Jacobians too: ``int f(void *p, int m, int n, const double *x,
        double *fvec, double *fjac, int ldfjac, int iflag)``, where iflag is 1 for fvec and 2 for
        fjac[i + j*ldfjac], d fvec[i] / d x[j].

    Raises
    ------
    TypeError
        If function is of another kind or is known to have another signature, m is missing or no
        integer, or data are no arrays.
    ValueError
        If the pointer is NULL, m is not positive, an array is not C-contiguous, or data are given
        beside a user_data.
    NotImplementedError
        If leastsq was built on the system's MINPACK.

    Notes
    -----
    Pointers cannot be sent to other processes: workers are threads. Those share data; of args each
    has copies. Whatever the pointer is of is kept alive; what it says of its signature is checked,
    what it does not say is trusted.

    Examples
    --------
    >>> from numba import cfunc, types  # doctest: +SKIP
    >>> i, numbers = types.intc, types.CPointer(types.float64)  # doctest: +SKIP
    >>> @cfunc(i(types.voidptr, i, i, numbers, numbers, i))  # doctest: +SKIP
    ... def rosenbrock(p, m, n, x, fvec, iflag):
    ...     fvec[0] = 10.0 * (x[1] - x[0] * x[0])
    ...     fvec[1] = 1.0 - x[0]
    ...     return 0
    >>> leastsq(CompiledResidual(rosenbrock, 2), [-1.2, 1.0])  # doctest: +SKIP
    (array([1., 1.]), 2)
    """

    def __init__(
        self,
        function: object,
        m: SupportsIndex | None = None,
        *,
        data: object = None,
        jacobian: object = False,
    ) -> None:
        require_bundled("CompiledResidual")
        self.function: Any = function
        self.jacobian = bool(jacobian)
        self.data = _arrays("data", () if data is None else data)
        self.m = 0 if m is None else as_c_int("m", m)
        if self.m < 1 and m is not None:
            raise ValueError(f"m must be positive, not {m!r}")
        self.numba = is_numba(function)
        self.plans: dict[Any, Any] = {}
        if self.numba:
            if self.data or self.jacobian:
                raise ValueError(
                    "data and jacobian are for pointers: a numba function has args and Dfun"
                )
            return
        self.address, signature, self.user_data = _pointer(function)
        wanted = BOTH if self.jacobian else RESIDUAL
        if signature is not None and not _agree(_types(signature), _types(wanted)):
            raise TypeError(
                f"function must be {wanted}, not {signature} (jacobian={self.jacobian})"
            )
        if self.address == 0:
            raise ValueError(f"function must not be a null pointer: {function!r}")
        if m is None:
            raise TypeError("m, the number of residuals, must be given: a pointer does not tell it")
        if self.data and self.user_data:
            raise ValueError("data cannot go with a user_data, which is what p points to already")

    def __repr__(self) -> str:
        """Return what was given."""
        return f"CompiledResidual({self.function!r}, m={self.m or None}, jacobian={self.jacobian})"

    def __reduce__(self) -> tuple[Any, ...]:
        """Send a numba function; refuse a pointer."""
        if self.numba:
            return CompiledResidual, (self.function, self.m or None)
        raise TypeError("a pointer cannot cross processes; a numba function can")

    def ready(self, args: tuple[Any, ...], dfun: object, transposed: bool) -> tuple[Any, ...]:
        """Compile what there is to compile; return arguments with which Python may call."""
        if not self.numba:
            return args
        from leastsq import _numba

        plan = _numba.planned(self.plans, self.function, dfun, not transposed, args)
        return _numba.writable(plan, args)

    def first(self, x: Vector, args: tuple[Any, ...]) -> tuple[int, float]:
        """Return the number of residuals and their relative error."""
        if not self.numba:
            return self.m, 0.0
        fvec, relative_error = _minpack.first_residual(self.function, x, args, False)
        self.require_m(fvec.size)
        return fvec.size, relative_error

    def require_m(self, m: int) -> None:
        """Refuse another number of residuals than the user has said."""
        if self.m not in (0, m):
            raise ValueError(f"func returns {m} residuals, not m={self.m}")

    def bind(
        self,
        m: int,
        n: int,
        args: tuple[Any, ...],
        dfun: object,
        transposed: bool,
        rows: tuple[Rows, ...] = (),
    ) -> object:
        """Return what the core calls, with its arrays; rows are those of many problems."""
        require_as_many(m, n)
        if not self.numba:
            return self._bind_pointer(n, args, rows)
        from leastsq import _numba

        address, block = _numba.bind(self.plans, self.function, dfun, not transposed, rows, args)
        return _minpack.compiled(
            address, dfun is not None, m, n, 0, block.array(), tuple(block.rows), block.keep
        )

    def _bind_pointer(self, n: int, args: tuple[Any, ...], rows: tuple[Rows, ...]) -> object:
        shared = (*self.data, *_arrays("args", args))
        if (shared or rows) and self.user_data:
            raise ValueError("data and args cannot go with a user_data")
        if self.data and rows:
            raise ValueError("data must be given to leastsq_many or to CompiledResidual, not both")
        own = [np.ascontiguousarray(row.array, np.float64) for row in rows]
        addresses = [array.ctypes.data for array in (*own, *shared)]
        alone = len(addresses) == 1
        places = tuple(
            (
                -1 if alone else word, addresses[word],
                0 if row.shared else array.strides[0], row.index,
            )
            for word, (array, row) in enumerate(zip(own, rows, strict=True))
        )  # fmt: skip
        return _minpack.compiled(
            self.address, self.jacobian, self.m, n, addresses[0] if alone else self.user_data,
            np.array(addresses, np.uintp) if len(addresses) > 1 else None, places,
            (own, shared, self),
        )  # fmt: skip

    def raise_again(
        self, x: Vector, args: tuple[Any, ...], m: int, dfun: Callable[..., Any] | None
    ) -> NoReturn:
        """Raise what a numba function raised at x, by calling it from Python."""
        size = np.size(self.function(x.copy(), *args))
        if size != m:
            raise ValueError(SIZE_CHANGED)
        shape = None if dfun is None else np.shape(dfun(x.copy(), *args))
        raise RuntimeError(
            "func or Dfun has raised in a compiled solve, or its result had a wrong shape, but not "
            f"when called from Python at that x={x.tolist()}: {size} residuals, Jacobian {shape}"
        )


def is_numba(function: object) -> bool:
    """Return whether a function is numba's, which is not imported for that."""
    dispatcher = sys.modules.get("numba.core.dispatcher")
    return dispatcher is not None and isinstance(function, dispatcher.Dispatcher)


def refuse_beside_compiled(
    func: CompiledResidual, dfun: object, vectorized: object, workers: object = None
) -> None:
    """Refuse what needs Python."""
    if func.numba and dfun is not None:
        if not is_numba(dfun):
            raise TypeError(f"Dfun must be a numba function too, not {dfun!r}")
    elif dfun is not None:
        raise ValueError(
            "Dfun cannot go with a CompiledResidual: its function writes the Jacobian, "
            f"which is what jacobian=True says (here {func.jacobian})"
        )
    if vectorized:
        raise ValueError("vectorized=True cannot go with a CompiledResidual, which has one point")
    if workers is not None:
        raise TypeError("workers cannot go with a CompiledResidual: it cannot cross processes")


def _arrays(name: str, given: object) -> tuple[Array, ...]:
    """Return arrays whose addresses are of use."""
    arrays = given if isinstance(given, tuple) else (given,)
    whose = f"{name} of a compiled residual must be"
    for array in arrays:
        if not isinstance(array, np.ndarray) or array.dtype.hasobject:
            raise TypeError(f"{whose} arrays of numbers, not {array!r}")
        if not array.flags.c_contiguous:
            raise ValueError(f"{whose} C-contiguous, not of strides {array.strides}")
    return arrays


def _pointer(function: object) -> Pointer:
    """Read a pointer of any kind."""
    if isinstance(function, ctypes._CFuncPtr):  # type: ignore[attr-defined]
        return _ctypes_pointer(function)
    for module, name, read in READERS:
        for base in type(function).__mro__:
            if base.__name__ == name and base.__module__.partition(".")[0] == module:
                return read(function)
    raise TypeError(f"function must be {KINDS}, not {function!r}")


def _ctypes_pointer(function: Any) -> Pointer:  # noqa: ANN401
    address = ctypes.cast(function, ctypes.c_void_p).value or 0
    if function.argtypes is None:
        return address, None, 0
    arguments = ", ".join(map(_ctypes_name, function.argtypes))
    return address, f"{_ctypes_name(function.restype)} ({arguments})", 0


def _ctypes_name(kind: Any) -> str:  # noqa: ANN401
    """Return a type as C spells it."""
    if kind is None:
        return "void"
    if hasattr(kind, "_dtype_"):  # numpy.ctypeslib.ndpointer
        return "void *" if kind._dtype_ in (None, np.float64) else f"{kind._dtype_} *"
    if issubclass(kind, ctypes._Pointer):
        return f"{_ctypes_name(kind._type_)} *"
    if issubclass(kind, ctypes.c_void_p):
        return "void *"
    return str(kind.__name__).removeprefix("c_")


def _cffi_pointer(function: object) -> Pointer:
    backend = sys.modules["_cffi_backend"]
    signature = backend.typeof(function).cname
    if "(*)" not in signature:
        raise TypeError(f"function must be {KINDS}, not {function!r}")
    address = int(backend.cast(backend.new_primitive_type("uintptr_t"), function))
    return address, signature.replace("(*)", " ", 1), 0


def _numba_pointer(function: Any) -> Pointer:  # noqa: ANN401
    names = {"int32": "int", "float64*": "double *", "voidptr": "void *", "none*": "void *"}
    signature = function._sig
    arguments = ", ".join(names.get(str(kind), str(kind)) for kind in signature.args)
    result = names.get(str(signature.return_type), str(signature.return_type))
    return function.address, f"{result} ({arguments})", 0


def _capsule_pointer(function: object) -> Pointer:
    return _minpack.capsule(function)


def _low_level_callable_pointer(function: tuple[object, ...]) -> Pointer:
    return _capsule_pointer(tuple.__getitem__(function, 0))


READERS: list[tuple[str, str, Callable[[Any], Pointer]]] = [
    ("_cffi_backend", "_CDataBase", _cffi_pointer),
    ("numba", "CFunc", _numba_pointer),
    ("builtins", "PyCapsule", _capsule_pointer),
    ("scipy", "LowLevelCallable", _low_level_callable_pointer),
]
"""The package of a type, its name, and how it is read: none of them is imported here."""


def _types(signature: str) -> list[str]:
    """Return the types of a signature, the result's first."""
    result, _, arguments = re.sub(r"\bconst\b|\s", "", signature).partition("(")
    return [result, *arguments.rstrip(")").split(",")]


def _agree(found: list[str], wanted: list[str]) -> bool:
    """Return whether types are those wanted; what p points to is free, and so is void *."""
    return len(found) == len(wanted) and all(
        one == other or (one.endswith("*") and other.endswith("*") and "void*" in (one, other))
        for one, other in zip(found, wanted, strict=True)
    )


CompiledResidual.__module__ = "leastsq"
