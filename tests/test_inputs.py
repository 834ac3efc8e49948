"""Validation by leastsq: order of checks, x0, args, improper values, diag, sizes."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import numpy as np
import pytest
from reference import assert_same
from support import (
    START,
    Array,
    Recorded,
    decay,
    decay_jacobian,
    raised,
    rosenbrock,
    run_python,
)

from leastsq import _minpack, leastsq

UNSAFE_CAST = "Cannot cast array data from {!r} to dtype('float64') according to the rule 'safe'"
IMPROPER = "Improper input parameters."


def test_signature_is_scipys_and_three_more() -> None:
    parameters = inspect.signature(leastsq).parameters.values()
    defaults = {p.name: p.default for p in parameters}
    assert list(defaults.items()) == [
        ("func", inspect.Parameter.empty),
        ("x0", inspect.Parameter.empty),
        ("args", ()),
        ("Dfun", None),
        ("full_output", False),
        ("col_deriv", False),
        ("ftol", 1.49012e-08),
        ("xtol", 1.49012e-08),
        ("gtol", 0.0),
        ("maxfev", 0),
        ("epsfcn", None),
        ("factor", 100),
        ("diag", None),
        ("callback", None),
        ("workers", None),
        ("vectorized", False),
    ]
    ours = {"callback", "workers", "vectorized"}
    for parameter in parameters:
        assert (parameter.kind is parameter.KEYWORD_ONLY) == (parameter.name in ours)


# Order of checks: each call is wrong in two ways, and the error must name the earlier one.


@pytest.mark.parametrize(
    ("options", "kind", "text"),
    [
        ({"ftol": "a", "x0": [1j]}, TypeError, "number"),
        ({"maxfev": 1.5, "x0": [1j]}, TypeError, "integer"),
        ({"epsfcn": "a", "diag": [1.0]}, TypeError, "number"),
        ({"factor": "a", "func": 3}, TypeError, "number"),
        ({"x0": [1j, 1.0], "diag": [1.0]}, TypeError, "complex128"),
        ({"x0": [1j], "func": 3}, TypeError, "complex128"),
        ({"diag": [1.0], "func": 3}, ValueError, "diag"),
    ],
)
def test_numbers_then_x0_then_diag_are_checked_before_anything_is_called(
    options: dict, kind: type[Exception], text: str
) -> None:
    func = Recorded(rosenbrock)
    jacobian = Recorded(decay_jacobian)
    call = {"func": func, "x0": [1.0, 1.0], "Dfun": jacobian} | options
    error = raised(**call)
    assert type(error) is kind
    assert text in str(error)
    assert (func.calls, jacobian.calls) == (0, 0)


def test_m_below_n_comes_before_dfun_and_before_ier_0() -> None:
    func = Recorded(lambda x: [1.0])
    jacobian = Recorded(decay_jacobian)
    error = raised(func, [1.0, 2.0], Dfun=jacobian, ftol=-1.0)
    assert type(error) is TypeError
    assert str(error) == (
        "Improper input: func input vector length N=2 must not exceed func output vector length M=1"
    )
    assert (func.calls, jacobian.calls) == (1, 0)


def test_residual_type_comes_before_dfun() -> None:
    jacobian = Recorded(decay_jacobian)
    error = raised(lambda x: decay(x) + 0j, START, Dfun=jacobian, ftol=-1.0)
    assert str(error) == "Result from function call is not a proper array of floats."
    assert jacobian.calls == 0


def test_shape_of_dfun_comes_before_ier_0() -> None:
    func = Recorded(decay)
    jacobian = Recorded(lambda x: decay_jacobian(x).T)
    error = raised(func, START, Dfun=jacobian, ftol=-1.0)
    assert "Shape should be (40, 3) but it is (3, 40)." in str(error)
    assert (func.calls, jacobian.calls) == (1, 1)


# x0


@pytest.mark.parametrize(
    "x0",
    [
        (1, 2, 4),
        np.array([1, 2, 4], np.int8),
        np.array([1, 2, 4], np.uint64),
        np.array([1, 2, 4], np.float16),
        np.array([1, 2, 4], np.float32),
        np.array([1, 2, 4], ">f8"),
        np.array([1.0, 0, 2, 0, 4])[::2],
        np.array([[1.0, 2.0, 4.0]]),
        np.ma.array([1.0, 2.0, 4.0], mask=[False, True, False]),
        np.array([[1.0, 2.0, 4.0]]).view(np.matrix),
    ],
    ids=lambda x0: f"{type(x0).__name__}-{getattr(x0, 'dtype', '')}-{np.shape(x0)}",
)
def test_x0_forms_give_the_same_bits_and_stay_as_they_were(x0: object) -> None:
    before = np.array(x0)
    result = leastsq(decay, x0, full_output=True)
    assert_same(result, leastsq(decay, np.array([1.0, 2.0, 4.0]), full_output=True))
    assert np.array(x0).tobytes() == before.tobytes()
    x = result[0]
    assert (type(x), x.dtype, x.shape) == (np.ndarray, np.float64, (3,))
    assert not np.shares_memory(x, np.asarray(x0))


def test_x0_is_flattened_in_c_order() -> None:
    target = np.array([1.0, 2.0, 3.0, 4.0])
    func = Recorded(lambda x: x - target)
    x, _ = leastsq(func, np.array([[1, 2], [3, 4]], order="F"))
    assert func.xs[0].tolist() == [1.0, 2.0, 3.0, 4.0]
    assert x.tolist() == [1.0, 2.0, 3.0, 4.0]


@pytest.mark.parametrize("x0", [2, 2.0, True, np.float32(2), np.array(2.0), np.array([[2]])])
def test_scalar_x0_comes_back_one_dimensional(x0: object) -> None:
    x, _ = leastsq(lambda x: x - 3.0, x0)
    assert (x.tolist(), x.shape) == ([3.0], (1,))


def test_read_only_x0() -> None:
    x0 = np.array(START)
    x0.flags.writeable = False
    assert leastsq(decay, x0)[0].flags.writeable


@pytest.mark.parametrize(
    "x0",
    [
        np.array([1.0 + 0j, 1.0]),
        np.array([1.0, 1.0], np.complex64),
        np.array([1.0, 1.0], object),
        ["1", "1"],
        np.array([1.0, 1.0], np.longdouble),
        np.array([1, 1], "M8[s]"),
        1j,
        np.longdouble(1),
        np.array(1.0, object),
        None,
    ],
    ids=repr,
)
def test_x0_that_does_not_cast_safely(x0: object) -> None:
    func = Recorded(rosenbrock)
    error = raised(func, x0)
    assert type(error) is TypeError
    assert str(error) == UNSAFE_CAST.format(np.asarray(x0).dtype)
    assert func.calls == 0


# args


@pytest.mark.parametrize(
    ("args", "seen"),
    [((), ()), (None, (None,)), ([], ([],)), (5, (5,)), ("ab", ("ab",)), ((1, "b"), (1, "b"))],
)
def test_args_that_is_no_tuple_is_one_argument(args: object, seen: tuple) -> None:
    func_args, jacobian_args = [], []

    def func(x: Array, *extra: object) -> Array:
        func_args.append(extra)
        return decay(x)

    def jacobian(x: Array, *extra: object) -> Array:
        jacobian_args.append(extra)
        return decay_jacobian(x)

    _, _, info, _, _ = leastsq(func, START, args, jacobian, full_output=True)
    assert func_args == [seen] * info["nfev"]
    assert jacobian_args == [seen] * info["njev"]


def test_an_array_as_args_is_handed_on_as_it_is() -> None:
    data = np.arange(40.0)
    seen = []
    leastsq(lambda x, extra: seen.append(extra) or decay(x), START, data)
    assert all(extra is data for extra in seen)


# ier 0


def difference_or_dfun(dfun: bool) -> dict[str, object]:
    return {"Dfun": Recorded(decay_jacobian)} if dfun else {}


@pytest.mark.parametrize("dfun", [False, True])
@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"ftol": -1.0}, "ftol=-1.0 must not be negative"),
        ({"xtol": -1e-300}, "xtol=-1e-300 must not be negative"),
        ({"gtol": -np.inf}, "gtol=-inf must not be negative"),
        ({"factor": 0}, "factor=0.0 must be positive"),
        ({"factor": -100}, "factor=-100.0 must be positive"),
        ({"diag": [1.0, 0.0, 1.0]}, "diag[1]=0.0 must be positive"),
        ({"diag": [1.0, 1.0, -1.0]}, "diag[2]=-1.0 must be positive"),
        ({"ftol": np.nan, "xtol": -1.0}, "xtol=-1.0 must not be negative"),
        ({"diag": [np.nan, -1.0, 1.0]}, "diag[1]=-1.0 must be positive"),
        (
            {"gtol": -2, "factor": -1},
            "gtol=-2.0 must not be negative; factor=-1.0 must be positive",
        ),
    ],
    ids=repr,
)
def test_improper_parameters(options: dict, fault: str, dfun: bool) -> None:
    func, jacobian = Recorded(decay), difference_or_dfun(dfun)
    error = raised(func, START, **jacobian, **options)
    improper = f"{IMPROPER} {fault}."
    assert (type(error), str(error)) == (TypeError, improper)
    assert func.calls == 1
    assert all(f.calls == 1 for f in jacobian.values())

    x, cov_x, info, message, ier = leastsq(decay, START, full_output=True, **jacobian, **options)
    assert (x.tolist(), x.dtype, cov_x, message, ier) == (START, np.float64, None, improper, 0)
    assert list(info) == ["fvec", "nfev", *["njev"] * dfun, "fjac", "ipvt", "qtf"]
    assert info["fvec"].tobytes() == decay(np.array(START)).tobytes()
    assert info["nfev"] == 0
    assert info.get("njev", 0) == 0
    assert_zeros(info, 3, 40)


def assert_zeros(info: dict, n: int, m: int) -> None:
    expected = {"fjac": ((n, m), np.float64), "ipvt": ((n,), np.int32), "qtf": ((n,), np.float64)}
    for name, (shape, dtype) in expected.items():
        assert (info[name].shape, info[name].dtype) == (shape, dtype)
        assert not info[name].any()


@pytest.mark.parametrize(("m", "dfun"), [(0, None), (3, None), (3, lambda x: np.zeros((3, 0)))])
def test_no_parameters_at_all(m: int, dfun: Callable | None) -> None:
    empty = f"{IMPROPER} x0 must not be empty."
    assert str(raised(lambda x: np.ones(m), [], Dfun=dfun)) == empty
    x, cov_x, info, message, ier = leastsq(lambda x: np.ones(m), [], Dfun=dfun, full_output=True)
    assert (x.shape, cov_x, message, ier, info["nfev"]) == ((0,), None, empty, 0, 0)
    assert_zeros(info, 0, m)


# diag


@pytest.mark.parametrize("diag", [(1, 2, 3), np.array([1, 2, 3], ">f4"), np.float64([1, 2, 3])])
def test_diag_forms(diag: object) -> None:
    result = leastsq(decay, START, diag=diag, full_output=True)
    assert_same(result, leastsq(decay, START, diag=[1.0, 2.0, 3.0], full_output=True))
    assert np.asarray(diag).tolist() == [1.0, 2.0, 3.0]


@pytest.mark.parametrize("length", [0, 1, 2, 4, 7])
def test_diag_of_another_length_names_both(length: int) -> None:
    func = Recorded(decay)
    error = raised(func, START, diag=[1.0] * length)
    assert type(error) is ValueError
    assert "3" in str(error)
    assert str(length) in str(error)
    assert func.calls == 0


@pytest.mark.parametrize("diag", [[1, 1j, 1], [1, "a", 1], [1, None, 1]], ids=repr)
def test_diag_must_be_real(diag: list) -> None:
    func = Recorded(decay)
    assert isinstance(raised(func, START, diag=diag), (TypeError, ValueError))
    assert func.calls == 0


# Sizes


def test_sizes_beyond_c_int_are_refused_without_touching_the_memory() -> None:
    run_python(
        """
        import resource
        import numpy as np
        from leastsq import leastsq

        # Far below the 16 GB that a copy would need: a copy is a MemoryError here.
        resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
        huge = np.broadcast_to(0.0, 2**31)
        calls = []

        def error(func, x0):
            try:
                leastsq(func, x0)
            except Exception as error:
                return type(error)

        assert error(lambda x: calls.append(x) or [0.0], huge) is OverflowError
        assert not calls
        assert error(lambda x: huge, [1.0]) is OverflowError
        assert error(lambda x: np.broadcast_to(np.int8(0), 2**31), [1.0]) is OverflowError

        # At later calls it is one more size that changes.
        results = iter([[1.0], huge])
        assert error(lambda x: next(results), [1.0]) is ValueError
        """
    )


@pytest.mark.parametrize(("method", "wanted"), [("solve", 12), ("covariance", 2)])
@pytest.mark.parametrize("more", [-1, 1])
def test_the_native_methods_count_their_arguments(method: str, wanted: int, more: int) -> None:
    with pytest.raises(TypeError, match=rf"{method}\(\) takes {wanted} arguments"):
        getattr(_minpack, method)(*[None] * (wanted + more))
