"""The Jacobian function: shapes, layouts, col_deriv, and the check at every call."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import pytest
from forms import LAYOUTS
from reference import assert_same
from support import START, Array, Recorded, Sequence, decay, decay_jacobian, raised

from leastsq import leastsq

# A linear problem whose Jacobian consists of small integers, exact in every type.
SLOPES = np.random.default_rng(5).integers(-9, 10, (12, 3)).astype(np.float64)
RIGHT = np.linspace(-1.0, 2.0, 12)


def line(x: Array) -> Array:
    return SLOPES @ x - RIGHT


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("col_deriv", [False, True])
def test_layouts_give_the_same_bits(layout: Callable, col_deriv: bool) -> None:
    jacobian = layout(SLOPES.T if col_deriv else SLOPES)
    options = {"Dfun": lambda x: jacobian, "col_deriv": col_deriv, "full_output": True}
    expected = leastsq(line, START, Dfun=lambda x: SLOPES.copy(), full_output=True)
    assert_same(leastsq(line, START, **options), expected)
    assert_same(np.array(jacobian, np.float64), SLOPES.T if col_deriv else SLOPES)


@pytest.mark.parametrize(("m", "n"), [(31, 31), (32, 32), (33, 33), (64, 32), (70, 40), (200, 65)])
def test_large_jacobians(m: int, n: int) -> None:
    """Sizes around those of the blocks in which a matrix is transposed."""
    a = np.random.default_rng(m).normal(size=(m, n))
    options = {"x0": np.zeros(n), "full_output": True}
    expected = leastsq(lambda x: a @ x - 1.0, Dfun=lambda x: a.T, col_deriv=True, **options)
    assert_same(leastsq(lambda x: a @ x - 1.0, Dfun=lambda x: a, **options), expected)
    scale = np.abs(a.T @ a).max()
    r = np.triu(expected[2]["fjac"].T[:n])[:, np.argsort(expected[2]["ipvt"])]
    # A sum of m products carries a relative error of about m eps.
    assert np.abs(r.T @ r - a.T @ a).max() <= 10 * m * np.finfo(float).eps * scale


@pytest.mark.parametrize("dtype", [bool, np.bool_])
def test_a_boolean_jacobian(dtype: type) -> None:
    target = np.arange(3.0)
    _, ier = leastsq(lambda x: x - target, START, Dfun=lambda x: np.eye(3).astype(dtype))
    assert ier == 4


@pytest.mark.parametrize("col_deriv", [False, True])
def test_col_deriv_is_the_transpose(col_deriv: bool) -> None:
    def jacobian(x: Array) -> Array:
        return decay_jacobian(x).T if col_deriv else decay_jacobian(x)

    result = leastsq(decay, START, Dfun=jacobian, col_deriv=col_deriv, full_output=True)
    expected = leastsq(decay, START, Dfun=decay_jacobian, full_output=True)
    assert_same(result, expected)


def test_a_square_jacobian_is_read_as_col_deriv_says() -> None:
    a = np.array([[1.0, 2.0], [3.0, 5.0]])
    target = a @ [7.0, -2.0]

    def fit(**options: object) -> tuple:
        return leastsq(lambda x: a @ x - target, [1.0, 1.0], **options)

    # One Newton step is exact with the right matrix, up to rounding.
    np.testing.assert_allclose(fit(Dfun=lambda x: a)[0], [7.0, -2.0], rtol=1e-12)
    across = fit(Dfun=lambda x: a.T, col_deriv=True)[0]
    np.testing.assert_allclose(across, [7.0, -2.0], rtol=1e-12)


# Shapes


def wrong_shape(name: str, wanted: tuple, got: tuple) -> str:
    return (
        "leastsq: there is a mismatch between the input and output shape of the 'Dfun' argument"
        f"{name}. Shape should be {wanted} but it is {got}."
    )


def across(x: Array) -> Array:
    return decay_jacobian(x).T


class Nameless:
    """A callable without __name__."""

    def __call__(self, x: Array) -> Array:
        return across(x)

    def method(self, x: Array) -> Array:
        return across(x)


@pytest.mark.parametrize(
    ("dfun", "name"),
    [
        (across, " 'across'"),
        (lambda x: across(x), " '<lambda>'"),
        (Nameless().method, " 'method'"),
        (Nameless(), ""),
        (functools.partial(across), ""),
    ],
)
def test_the_message_names_dfun(dfun: Callable, name: str) -> None:
    error = raised(decay, START, Dfun=dfun)
    assert type(error) is TypeError
    assert str(error) == wrong_shape(name, (40, 3), (3, 40))


SHAPES = [(3, 40), (40,), (120,), (40, 2), (40, 4), (39, 3), (1, 40, 3), (40, 3, 1), (0,), (0, 3)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("call", [1, 2, 4])
@pytest.mark.parametrize("col_deriv", [False, True])
def test_the_shape_is_checked_at_every_call(shape: tuple, call: int, col_deriv: bool) -> None:
    good, wanted = (across, (3, 40)) if col_deriv else (decay_jacobian, (40, 3))
    bad = shape[::-1] if col_deriv else shape
    dfun = Sequence(*[good] * (call - 1), lambda x: np.zeros(bad))
    error = raised(decay, START, Dfun=dfun, col_deriv=col_deriv)
    assert type(error) is TypeError
    assert str(error) == wrong_shape("", wanted, bad)
    assert dfun.calls == call


def slope(x: Array) -> Array:
    """Differentiate the one-parameter residual below; (12,)."""
    return -RIGHT * np.exp(-x[0] * RIGHT)


def one_parameter(x: Array) -> Array:
    return np.exp(-x[0] * RIGHT) - 1.7


@pytest.mark.parametrize("shape", [(12,), (12, 1), (1, 12), (3, 4), (6, 2)])
@pytest.mark.parametrize("col_deriv", [False, True])
def test_one_parameter_takes_any_shape_of_m_elements(shape: tuple, col_deriv: bool) -> None:
    result = leastsq(
        one_parameter,
        0.5,
        Dfun=lambda x: slope(x).reshape(shape),
        col_deriv=col_deriv,
        full_output=True,
    )
    expected = leastsq(one_parameter, 0.5, Dfun=lambda x: slope(x)[:, None], full_output=True)
    assert_same(result, expected)
    assert result[2]["fjac"].shape == (1, 12)


@pytest.mark.parametrize("shape", [(11,), (13,), (12, 2), (2, 12), (11, 1), (1, 1, 12)])
@pytest.mark.parametrize("call", [1, 2])
def test_one_parameter_with_another_number_of_elements(shape: tuple, call: int) -> None:
    dfun = Sequence(*[slope] * (call - 1), lambda x: np.zeros(shape))
    error = raised(one_parameter, 0.5, Dfun=dfun)
    assert (type(error), str(error)) == (TypeError, wrong_shape("", (12, 1), shape))
    assert dfun.calls == call


@pytest.mark.parametrize("form", [float, np.array])
def test_a_scalar_is_no_jacobian(form: Callable) -> None:
    error = raised(lambda x: x[0] ** 2 - 4.0, 3.0, Dfun=lambda x: form(2.0 * x[0]))
    assert str(error).endswith("Shape should be (1, 1) but it is ().")


@pytest.mark.parametrize("form", [lambda d: [d], lambda d: [[d]]])
def test_one_residual_and_one_parameter(form: Callable) -> None:
    x, ier = leastsq(lambda x: x[0] ** 2 - 4.0, 3.0, Dfun=lambda x: form(2.0 * x[0]))
    # The last step of a quadratically convergent solve is far below ftol's square root.
    np.testing.assert_allclose(x, [2.0], rtol=1e-8)
    assert ier in {1, 2, 3, 4}


@pytest.mark.parametrize("shape", [(40, 3, 0), (40,)])
@pytest.mark.parametrize("dtype", [np.complex128, object])
def test_a_wrong_shape_and_type_is_refused(shape: tuple, dtype: type) -> None:
    assert type(raised(decay, START, Dfun=lambda x: np.zeros(shape, dtype))) is TypeError


@pytest.mark.parametrize("dtype", [np.complex128, np.complex64, np.longdouble, object, "U3"])
@pytest.mark.parametrize("call", [1, 2])
@pytest.mark.parametrize("col_deriv", [False, True])
def test_a_jacobian_that_is_not_real(
    dtype: type, call: int, col_deriv: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    good = across if col_deriv else decay_jacobian
    dfun = Sequence(*[good] * (call - 1), lambda x: good(x).astype(dtype))
    error = raised(decay, START, Dfun=dfun, col_deriv=col_deriv)
    assert type(error) is TypeError
    assert str(error) == "Result from function call is not a proper array of floats."
    assert isinstance(error.__cause__, (TypeError, ValueError))
    assert dfun.calls == call
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("bad", [None, "abc", {}, [[1.0], [1.0, 2.0]]], ids=repr)
@pytest.mark.parametrize("call", [1, 2])
def test_a_jacobian_that_is_no_array(bad: object, call: int) -> None:
    dfun = Sequence(*[decay_jacobian] * (call - 1), lambda x: bad)
    # NumPy's own ValueError for a ragged list may come through, as from SciPy.
    assert isinstance(raised(decay, START, Dfun=dfun), (TypeError, ValueError))
    assert dfun.calls == call


# Counts


@pytest.mark.parametrize("maxfev", [1, 2, 3, 5, 8, 0])
@pytest.mark.parametrize("start", [START, [3.0, 0.1, 0.0], [0.5, 9.0, 2.0]])
def test_real_calls_are_those_that_are_counted(maxfev: int, start: list[float]) -> None:
    for jacobian in (None, Recorded(decay_jacobian)):
        func = Recorded(decay)
        result = leastsq(func, start, Dfun=jacobian, maxfev=maxfev, full_output=True)
        info = result[2]
        assert func.calls == info["nfev"]
        if jacobian is not None:
            assert jacobian.calls == info["njev"]
            assert func.xs[0].tolist() == jacobian.xs[0].tolist() == start


def test_dfun_is_given_the_accepted_points() -> None:
    func, jacobian = Recorded(decay), Recorded(decay_jacobian)
    leastsq(func, START, Dfun=jacobian)
    points = [x.tolist() for x in func.xs]
    assert all(x.tolist() in points for x in jacobian.xs)
