"""Results and arguments of func, and who owns their memory."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from forms import BAD, CHANGED_SIZE, FORMS, NOT_FLOATS, SCALARS, Described
from reference import assert_same
from support import START, Array, Recorded, Sequence, decay, decay_jacobian, raised

from leastsq import leastsq


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dfun", [None, decay_jacobian])
def test_forms_of_the_residual(form: Callable, dfun: Callable | None) -> None:
    def plain(x: Array) -> Array:
        formed = form(decay(x))
        if isinstance(formed, Described):
            formed = formed.values
        return np.array(np.ma.getdata(formed), np.float64)

    # The residual's type would set epsfcn; a step this large changes rounded values too.
    options = {"Dfun": dfun, "epsfcn": 1e-4, "full_output": True}
    assert_same(
        leastsq(lambda x: form(decay(x)), START, **options), leastsq(plain, START, **options)
    )


@pytest.mark.parametrize("scalar", SCALARS)
def test_a_scalar_is_one_residual(scalar: Callable) -> None:
    options = {"epsfcn": 1e-4, "full_output": True}
    x, cov_x, info, _, ier = leastsq(lambda x: scalar(x[0] - 1.5), 4.0, **options)
    as_array = leastsq(lambda x: [float(scalar(x[0] - 1.5))], 4.0, **options)
    assert_same((x, cov_x, info, ier), (*as_array[:3], as_array[4]))
    assert info["fvec"].shape == (1,)


def test_a_scalar_and_one_element_are_the_same_size() -> None:
    mixed = Sequence(
        lambda x: x[0] ** 2, lambda x: x**2, lambda x: [x[0] ** 2], lambda x: np.array(x[0] ** 2)
    )
    assert_same(
        leastsq(mixed, 4.0, full_output=True), leastsq(lambda x: x**2, 4.0, full_output=True)
    )


@pytest.mark.parametrize("bad", BAD, ids=repr)
@pytest.mark.parametrize("call", [1, 2, 5])
def test_a_bad_residual(bad: object, call: int, capfd: pytest.CaptureFixture[str]) -> None:
    rows = len(np.atleast_1d(np.asarray(bad)))
    good = [lambda x: np.ones(rows) * x[0] ** 2] * (call - 1)
    func = Sequence(*good, lambda x: bad)
    error = raised(func, [1.0])
    assert type(error) is TypeError
    assert str(error) == NOT_FLOATS
    assert isinstance(error.__cause__, (TypeError, ValueError))
    assert func.calls == call
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("n", [1, 2, 7])
@pytest.mark.parametrize("call", [1, 2, 5])
def test_none_asks_for_the_return(n: int, call: int, capfd: pytest.CaptureFixture[str]) -> None:
    func = Sequence(*[lambda x: x**2 + 1.0] * (call - 1), lambda x: None)
    error = raised(func, np.full(n, 9.0))
    assert type(error) is TypeError
    assert str(error) == f"{NOT_FLOATS} It is None: was a `return` forgotten?"
    assert isinstance(error.__cause__, TypeError)
    assert func.calls == call
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("bad", [np.ones((1, 5)), [1j], ["a"], np.ones((1, 2, 3))])
def test_m_below_n_is_told_before_the_residuals_type(bad: object) -> None:
    error = raised(lambda x: bad, [1.0, 2.0])
    assert type(error) is TypeError
    assert str(error) == (
        "Improper input: func input vector length N=2 must not exceed func output vector length M=1"
    )


@pytest.mark.parametrize(("m", "n"), [(0, 1), (1, 2), (2, 5)])
def test_m_below_n(m: int, n: int) -> None:
    error = raised(lambda x: np.ones(m), np.ones(n))
    assert str(error) == (
        f"Improper input: func input vector length N={n} must not exceed "
        f"func output vector length M={m}"
    )


@pytest.mark.parametrize("call", [2, 3, 4, 8])
@pytest.mark.parametrize("other", [np.ones(39), np.ones(41), [], 1.0, [1.0]], ids=np.size)
def test_the_size_may_not_change(call: int, other: object) -> None:
    func = Sequence(*[decay] * (call - 1), lambda x: other)
    error = raised(func, START)
    assert (type(error), str(error)) == (ValueError, CHANGED_SIZE)
    assert func.calls == call


def test_the_size_may_not_change_with_dfun() -> None:
    func = Sequence(decay, lambda x: np.ones(41))
    error = raised(func, START, Dfun=decay_jacobian)
    assert (type(error), str(error), func.calls) == (ValueError, CHANGED_SIZE, 2)


# Arguments of func and Dfun


@pytest.mark.parametrize("x0", [1, [1, 2, 3], np.ones((1, 3), ">f4"), np.ma.ones(3), np.float32(1)])
def test_every_x_is_a_plain_fresh_array(x0: object) -> None:
    kept: list[Array] = []

    def check(x: Array) -> None:
        assert type(x) is np.ndarray
        assert (x.dtype, x.dtype.isnative, x.shape) == (np.float64, True, (np.size(x0),))
        assert x.flags.writeable
        assert x.flags.c_contiguous
        assert x.flags.aligned
        assert not any(np.shares_memory(x, other) for other in kept)
        kept.append(x)

    def func(x: Array) -> Array:
        check(x)
        return x - 3.0

    def jacobian(x: Array) -> Array:
        check(x)
        return np.eye(x.size)

    found, _ = leastsq(func, x0)
    check(found)
    found, _ = leastsq(func, x0, Dfun=jacobian)
    check(found)
    assert not any(np.shares_memory(x, np.asarray(x0)) for x in kept)


@pytest.mark.parametrize("dfun", [None, decay_jacobian])
def test_a_residual_that_keeps_and_overwrites_its_x(dfun: Callable | None) -> None:
    kept: list[Array] = []

    def spoiling(function: Callable) -> Callable:
        def spoil(x: Array) -> Array:
            values = function(x)
            x[:] = np.nan
            kept.append(x)
            return values

        return spoil

    x0 = np.array(START)
    result = leastsq(spoiling(decay), x0, Dfun=dfun and spoiling(decay_jacobian), full_output=True)
    assert_same(result, leastsq(decay, START, Dfun=dfun, full_output=True))
    assert all(np.isnan(x).all() for x in kept)
    assert x0.tolist() == START


@pytest.mark.parametrize("dfun", [None, decay_jacobian])
def test_a_residual_that_returns_one_reused_buffer(dfun: Callable | None) -> None:
    residual, slopes = np.empty(40), np.empty((40, 3))

    def func(x: Array) -> Array:
        residual[:] = decay(x)
        return residual

    def jacobian(x: Array) -> Array:
        slopes[:] = decay_jacobian(x)
        return slopes

    result = leastsq(func, START, Dfun=dfun and jacobian, full_output=True)
    residual[:], slopes[:] = np.nan, np.nan
    assert_same(result, leastsq(decay, START, Dfun=dfun, full_output=True))


def test_the_first_residual_may_be_overwritten_before_it_is_used() -> None:
    # Dfun(x0) runs between func(x0), which serves as MINPACK's first evaluation, and its use.
    buffer = np.empty(40)

    def func(x: Array) -> Array:
        buffer[:] = decay(x)
        return buffer

    def jacobian(x: Array) -> Array:
        buffer[:] = 0.0
        return decay_jacobian(x)

    assert_same(
        leastsq(func, START, Dfun=jacobian, full_output=True),
        leastsq(decay, START, Dfun=decay_jacobian, full_output=True),
    )


@pytest.mark.parametrize("n", [1, 200])
def test_a_residual_that_gives_its_x_foreign_memory(n: int) -> None:
    """The next x is not written there: immutable bytes stay unchanged."""
    memory = np.ones(n).tobytes()

    def func(x: Array) -> Array:
        residual = x - 3.0
        x.__setstate__((1, (n,), np.dtype(np.float64), False, memory))
        return residual

    assert leastsq(func, np.zeros(n))[0].tolist() == [3.0] * n
    assert memory == np.ones(n).tobytes()


def test_a_residual_that_returns_its_own_x() -> None:
    func = Recorded(lambda x: x)
    x, _, info, _, ier = leastsq(func, [3.0, 4.0], full_output=True)
    assert (x.tolist(), info["fvec"].tolist(), ier) == ([0.0, 0.0], [0.0, 0.0], 4)
    assert not np.shares_memory(x, info["fvec"])
