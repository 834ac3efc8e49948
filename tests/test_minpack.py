"""leastsq.minpack: arguments, shapes and types; the numbers are compared routine by routine."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from reference import assert_same
from support import run_python

from leastsq import minpack

R = np.array([[3.0, 1.0, -2.0], [0.0, 2.0, 0.5], [0.0, 0.0, 1.0]])
IPVT = np.array([2, 0, 1])
ONES = np.ones(3)
JACOBIAN = np.arange(6.0).reshape(3, 2) ** 2

CALLS: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "enorm": (minpack.enorm, (ONES,)),
    "qrfac": (minpack.qrfac, (JACOBIAN,)),
    "qrsolv": (minpack.qrsolv, (R, IPVT, ONES, ONES)),
    "lmpar": (minpack.lmpar, (R, IPVT, ONES, ONES, 0.1)),
    "covar": (minpack.covar, (R, IPVT)),
    "chkder1": (minpack.chkder, (ONES,)),
    "chkder2": (minpack.chkder, (ONES[:2], ONES, JACOBIAN, ONES * 1.001)),
}

each_call = pytest.mark.parametrize(("function", "args"), CALLS.values(), ids=CALLS.keys())


def _with(args: tuple[Any, ...], position: int, value: Any) -> tuple[Any, ...]:
    return (*args[:position], value, *args[position + 1 :])


def _arrays(value: Any) -> list[Any]:
    parts = value if isinstance(value, tuple) else (value,)
    return [part for part in parts if isinstance(part, np.ndarray)]


def test_public_names() -> None:
    assert minpack.__all__ == ["chkder", "covar", "enorm", "lmpar", "qrfac", "qrsolv"]


@each_call
def test_arguments_stay_and_results_are_fresh(
    function: Callable[..., Any], args: tuple[Any, ...]
) -> None:
    """Fortran order too, in which a wrapper could write into the caller's array."""
    for order in ("C", "F"):
        copies = tuple(np.array(arg, order=order) for arg in args)
        results = _arrays(function(*copies))
        assert_same(copies, tuple(map(np.asarray, args)))
        for index, result in enumerate(results):
            assert result.flags.writeable
            others = (*copies, *results[:index])
            assert not any(np.shares_memory(result, other) for other in others)


@each_call
def test_memory_layout_and_safe_types_do_not_matter(
    function: Callable[..., Any], args: tuple[Any, ...]
) -> None:
    want = function(*args)
    for change in (
        np.asfortranarray,
        np.ndarray.tolist,
        lambda a: np.repeat(a, 2, axis=0)[::2],
        lambda a: a.astype(a.dtype.newbyteorder()),
        lambda a: _read_only(a),
        lambda a: a.astype(np.float32) if (a.astype(np.float32) == a).all() else a,
        lambda a: a.astype(np.int32) if (a.astype(np.int32) == a).all() else a,
    ):
        changed = [
            change(arg) if isinstance(arg, np.ndarray) and not _is_index(arg) else arg
            for arg in args
        ]
        assert_same(function(*changed), want)


def _is_index(array: Any) -> bool:
    return bool(array.dtype.kind == "i")


def _read_only(array: Any) -> Any:
    array = array.copy()
    array.flags.writeable = False
    return array


@each_call
@pytest.mark.parametrize("dtype", ["complex128", "longdouble", "object", "U3"])
def test_unsafe_types(function: Callable[..., Any], args: tuple[Any, ...], dtype: str) -> None:
    for position, arg in enumerate(args):
        if isinstance(arg, np.ndarray) and not _is_index(arg):
            with pytest.raises(TypeError, match="according to the rule 'safe'"):
                function(*_with(args, position, arg.astype(dtype)))


@each_call
def test_unsuitable_shapes(function: Callable[..., Any], args: tuple[Any, ...]) -> None:
    """A dimension more; and, where sizes must fit, an element or a row more."""
    for position, arg in enumerate(args):
        if not isinstance(arg, np.ndarray):
            continue
        with pytest.raises(ValueError, match=r"\(|permutation"):
            function(*_with(args, position, arg[None]))
        if len(args) > 1:
            with pytest.raises(ValueError, match=r"\(\d+,|permutation"):
                function(*_with(args, position, np.concatenate([arg, arg[:1]])))


@pytest.mark.parametrize("name", ["qrsolv", "lmpar", "covar"])
@pytest.mark.parametrize(
    "ipvt",
    [[0, 1, 3], [1, 2, 3], [0, 0, 1], [-1, 0, 1], [0, 1], [0, 1, 2, 3], [[0, 1, 2]], 2**40 * IPVT],
    ids=str,
)
def test_ipvt_must_be_a_permutation(name: str, ipvt: Any) -> None:
    function, args = CALLS[name]
    with pytest.raises(ValueError, match="permutation"):
        function(*_with(args, 1, ipvt))


@pytest.mark.parametrize("name", ["qrsolv", "lmpar", "covar"])
def test_types_of_ipvt(name: str) -> None:
    function, args = CALLS[name]
    want = function(*args)
    for dtype in (np.int8, np.uint8, np.int32, np.int64, np.uint32):
        assert_same(function(*_with(args, 1, IPVT.astype(dtype))), want)
    assert_same(function(*_with(args, 1, IPVT.tolist())), want)
    with pytest.raises(TypeError, match="safe"):
        function(*_with(args, 1, IPVT.astype(float)))


def test_qrfac_outputs() -> None:
    for shape in ((4, 3), (3, 3), (2, 5)):
        a = np.random.default_rng(1).standard_normal(shape)
        for pivot in (True, False):
            qr, ipvt, rdiag, acnorm = minpack.qrfac(a, pivot)
            assert (qr.shape, qr.flags.f_contiguous) == (shape, True)
            assert ipvt.dtype == np.int32
            assert ipvt.shape == shape[1:]
            assert sorted(ipvt) == [*range(shape[1])]
            assert (rdiag.shape, acnorm.shape) == (shape[1:], shape[1:])
            assert pivot or (ipvt == np.arange(shape[1])).all()
            np.testing.assert_allclose(acnorm, np.linalg.norm(a, axis=0), rtol=1e-15)
            k = min(shape)
            r = np.triu(qr, 1)[:k]
            r[np.arange(k), np.arange(k)] = rdiag[:k]
            gram = a[:, ipvt].T @ a[:, ipvt]
            np.testing.assert_allclose(r.T @ r, gram, rtol=0, atol=1e-13)


def test_outputs_of_the_solvers() -> None:
    x, sdiag, s = minpack.qrsolv(R, IPVT, ONES, ONES)
    assert (x.shape, sdiag.shape, s.shape) == ((3,), (3,), (3, 3))
    par, x, sdiag, s = minpack.lmpar(R, IPVT, ONES, ONES, 0.1)
    assert (type(par), x.shape, sdiag.shape, s.shape) == (float, (3,), (3,), (3, 3))
    assert par > 0
    assert 0.09 <= minpack.enorm(x) <= 0.11
    assert minpack.lmpar(R, IPVT, ONES, ONES, 100.0, par=5.0)[0] == 0.0


def test_covar_is_the_inverse_of_the_normal_matrix() -> None:
    permuted = np.linalg.inv(R.T @ R)
    want = np.empty((3, 3))
    want[np.ix_(IPVT, IPVT)] = permuted
    covariance = minpack.covar(R, IPVT)
    assert_same(covariance, covariance.T.copy())
    np.testing.assert_allclose(covariance, want, rtol=1e-13)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"delta": 0.0}, "delta"),
        ({"delta": np.nan}, "delta"),
        ({"par": -1.0}, "par"),
        ({"diag": [1.0, 0.0, 1.0]}, "diag"),
    ],
    ids=str,
)
def test_lmpar_ranges(change: dict[str, Any], message: str) -> None:
    arguments = {"r": R, "ipvt": IPVT, "diag": ONES, "qtb": ONES, "delta": 1.0}
    with pytest.raises(ValueError, match=message):
        minpack.lmpar(**{**arguments, **change})


@pytest.mark.parametrize("pivot", [True, 1, 0.5, "no", 2**40, np.float64(0.9), False, 0, None, ""])
def test_pivot_is_any_truth_value(pivot: Any) -> None:
    assert minpack.qrfac([[1.0, 5.0]], pivot)[1].tolist() == ([1, 0] if pivot else [0, 1])


def test_chkder_needs_all_of_mode_2() -> None:
    with pytest.raises(TypeError, match="together"):
        minpack.chkder(ONES, ONES)  # type: ignore[call-overload]


def test_empty_arrays() -> None:
    none, square = np.empty(0), np.empty((0, 0))
    assert minpack.enorm(none) == 0.0
    assert [part.shape for part in minpack.qrfac(np.empty((0, 2)))] == [(0, 2), (2,), (2,), (2,)]
    assert [part.shape for part in minpack.qrfac(np.empty((2, 0)))] == [(2, 0), (0,), (0,), (0,)]
    assert [part.size for part in minpack.qrsolv(square, [], none, none)] == [0, 0, 0]
    assert minpack.lmpar(square, [], none, none, 1.0)[0] == 0.0
    assert minpack.covar(square, []).shape == (0, 0)
    assert minpack.chkder(none).shape == (0,)


@pytest.mark.parametrize("name", ["qrfac", "qrsolv", "lmpar", "covar", "chkder"])
def test_nothing_leaks_where_memory_is_refused(name: str) -> None:
    """Each allocation fails in turn; earlier ones are freed."""
    run_python(
        f"""
        import tracemalloc
        import numpy as np
        from leastsq import minpack

        try:
            from _testcapi import remove_mem_hooks, set_nomemory
        except ImportError:
            raise SystemExit  # an interpreter without its own tests
        n = 200
        r, order, ones = np.triu(np.ones((n, n))), np.arange(n), np.ones(n)
        arguments = {{
            "qrfac": (r,),
            "qrsolv": (r, order, ones, ones),
            "lmpar": (r, order, ones, ones, 1e-3),
            "covar": (r, order),
            "chkder": (ones, ones, r, ones),
        }}["{name}"]
        function, refused = minpack.{name}, 0
        function(*arguments)
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        for allocation in range(1000):
            set_nomemory(allocation, allocation + 1)
            try:
                function(*arguments)
            except (MemoryError, SystemError):  # the latter from NumPy itself, of Python 3.11
                refused += 1
            finally:
                remove_mem_hooks()
        assert refused > 5, refused
        leaked = tracemalloc.get_traced_memory()[0] - before
        assert leaked < 8 * n * n, leaked
        """
    )
