"""The options of leastsq: flags, tolerances, maxfev and the difference step."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from reference import assert_same
from support import MACHINE_EPS, START, Array, Recorded, decay, decay_jacobian, raised, rosenbrock

from leastsq import leastsq

BEYOND_C_INT = 2**31


class Index:
    """An integer by __index__ alone."""

    def __init__(self, value: int) -> None:
        self.value = value

    def __index__(self) -> int:
        return self.value


@pytest.mark.parametrize("flag", [True, 1, 2, "yes", np.True_, [0], object()])
def test_any_truth_value_is_a_flag(flag: object) -> None:
    def across(x: Array) -> Array:
        return decay_jacobian(x).T

    result = leastsq(decay, START, Dfun=across, full_output=flag, col_deriv=flag)
    assert len(result) == 5


@pytest.mark.parametrize("flag", [False, 0, "", None, np.False_, []])
def test_any_false_value_is_no_flag(flag: object) -> None:
    result = leastsq(decay, START, Dfun=decay_jacobian, full_output=flag, col_deriv=flag)
    assert len(result) == 2


@pytest.mark.parametrize("name", ["full_output", "col_deriv"])
def test_a_flag_without_a_truth_value(name: str) -> None:
    error = raised(decay, START, Dfun=decay_jacobian, **{name: np.ones(2)})
    assert type(error) is ValueError
    assert "truth value" in str(error)


@pytest.mark.parametrize("name", ["ftol", "xtol", "gtol", "factor", "epsfcn"])
@pytest.mark.parametrize(
    "value", [1, True, Fraction(1, 2), Decimal("0.5"), np.float32(0.5), np.array(0.5)], ids=repr
)
def test_a_number_is_what_has_float(name: str, value: object) -> None:
    ours = leastsq(decay, START, full_output=True, **{name: value})
    assert_same(ours, leastsq(decay, START, full_output=True, **{name: float(value)}))


@pytest.mark.parametrize("name", ["ftol", "xtol", "gtol", "factor", "epsfcn"])
@pytest.mark.parametrize("value", ["1e-8", b"1", 1j, [1e-8], np.array([1e-8])], ids=repr)
def test_what_is_no_number_is_refused(name: str, value: object) -> None:
    func = Recorded(decay)
    assert type(raised(func, START, **{name: value})) is TypeError
    assert func.calls == 0


@pytest.mark.parametrize("name", ["ftol", "xtol", "gtol", "factor"])
def test_none_is_no_number(name: str) -> None:
    assert type(raised(decay, START, **{name: None})) is TypeError


@pytest.mark.parametrize("value", [1.5, 100.0, None, "3", np.float64(3), [3], np.array([3, 3])])
def test_maxfev_must_be_an_integer(value: object) -> None:
    func = Recorded(decay)
    assert type(raised(func, START, maxfev=value)) is TypeError
    assert func.calls == 0


@pytest.mark.parametrize("value", [BEYOND_C_INT, 2**70, -BEYOND_C_INT - 1, -(2**70)])
def test_maxfev_beyond_c_int(value: int) -> None:
    func = Recorded(decay)
    assert type(raised(func, START, maxfev=value)) is OverflowError
    assert func.calls == 0


@pytest.mark.parametrize("value", [BEYOND_C_INT - 1, -BEYOND_C_INT])
def test_maxfev_at_the_ends_of_c_int(value: int) -> None:
    assert leastsq(decay, START, maxfev=value)[1] == 1


@pytest.mark.parametrize("value", [3, np.int64(3), np.array(3), Index(3)], ids=repr)
def test_maxfev_by_index(value: object) -> None:
    _, _, info, message, ier = leastsq(rosenbrock, [-1.2, 1.0], maxfev=value, full_output=True)
    # Tested after a trial step: the difference Jacobian (2) and that step come on top.
    assert (ier, info["nfev"]) == (5, 4)
    assert message == "Number of calls to function has reached maxfev = 3."


@pytest.mark.parametrize("maxfev", [0, -1, -7])
@pytest.mark.parametrize(("dfun", "default"), [(None, 400), (lambda x: 2.0 * x, 200)])
def test_default_maxfev(maxfev: int, dfun: Callable | None, default: int) -> None:
    # A double root halves x at every iteration, so that only maxfev ends the run.
    func = Recorded(lambda x: x**2)
    _, _, info, message, ier = leastsq(func, [1e60], Dfun=dfun, maxfev=maxfev, full_output=True)
    assert ier == 5
    assert default <= info["nfev"] <= default + 2
    assert func.calls == info["nfev"]
    told = default if maxfev == 0 else maxfev
    assert message == f"Number of calls to function has reached maxfev = {told}."


# epsfcn decides the difference step; the first step is what the second call sees.


def first_step(dtype: type, x0: object = 3.0, **options: object) -> float:
    func = Recorded(lambda x: np.array([x[0] ** 2, 1.0]).astype(dtype))
    leastsq(func, x0, maxfev=1, **options)
    return float(func.xs[1][0])


def step_of(epsfcn: float) -> float:
    return 3.0 + np.sqrt(max(epsfcn, MACHINE_EPS)) * 3.0


@pytest.mark.filterwarnings("ignore:Number of calls")
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, np.int64, np.bool_])
def test_epsfcn_none_takes_the_epsilon_of_the_residuals_type(dtype: type) -> None:
    own = float(np.finfo(dtype).eps) if np.issubdtype(dtype, np.floating) else 0.0
    assert first_step(dtype) == step_of(own)


@pytest.mark.filterwarnings("ignore:Number of calls")
def test_a_float32_x0_does_not_enlarge_the_step() -> None:
    func = Recorded(lambda x: x**2 + 1)
    leastsq(func, np.array([3], np.float32), maxfev=1)
    assert func.xs[1][0] == step_of(0.0)


@pytest.mark.filterwarnings("ignore:Number of calls")
@pytest.mark.parametrize("epsfcn", [1e-4, 1e-15, 1e-17, 0, -1.0, float("nan"), -np.inf])
def test_epsfcn_below_the_machine_epsilon_is_the_machine_epsilon(epsfcn: float) -> None:
    assert first_step(np.float64, epsfcn=epsfcn) == step_of(0.0 if epsfcn != epsfcn else epsfcn)


def test_epsfcn_is_not_used_with_dfun() -> None:
    ours = leastsq(decay, START, Dfun=decay_jacobian, epsfcn=0.5, full_output=True)
    assert_same(ours, leastsq(decay, START, Dfun=decay_jacobian, full_output=True))
