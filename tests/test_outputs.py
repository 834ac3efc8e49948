"""Results of leastsq: the tuple, infodict, cov_x, messages, counts and warnings."""

from __future__ import annotations

import inspect
import itertools
import warnings
from collections.abc import Callable

import numpy as np
import pytest
from reference import assert_same, bits
from support import (
    START,
    Array,
    Recorded,
    decay,
    decay_jacobian,
    rosenbrock,
    rosenbrock_jacobian,
    run_python,
)

from leastsq import leastsq

EPS = np.finfo(np.float64).eps

# A sum of m products carries a relative error of about m eps; ten of them is ample.
ROUNDING = 400 * EPS

DFUNS = pytest.mark.parametrize("dfun", [None, decay_jacobian], ids=["differences", "dfun"])


@DFUNS
def test_types_and_order(dfun: Callable | None) -> None:
    short = leastsq(decay, START, Dfun=dfun)
    long = leastsq(decay, START, Dfun=dfun, full_output=True)
    assert (type(short), type(long), len(short), len(long)) == (tuple, tuple, 2, 5)
    x, cov_x, info, message, ier = long
    assert (type(info), type(message), type(ier), type(short[1])) == (dict, str, int, int)
    assert_same(short, (x, ier))

    names = ["fvec", "nfev", *["njev"] * (dfun is not None), "fjac", "ipvt", "qtf"]
    assert list(info) == names
    assert all(type(info[name]) is int for name in names if name in {"nfev", "njev"})
    arrays = {"x": x, "cov_x": cov_x, **info}
    shapes = {"x": (3,), "cov_x": (3, 3), "fvec": (40,), "fjac": (3, 40), "ipvt": (3,), "qtf": (3,)}
    for name, shape in shapes.items():
        array = arrays[name]
        assert (type(array), array.shape) == (np.ndarray, shape)
        assert array.dtype == (np.int32 if name == "ipvt" else np.float64)
        assert array.flags.c_contiguous
        assert array.flags.writeable


@DFUNS
def test_every_array_is_fresh(dfun: Callable | None) -> None:
    x0, diag, given = np.array(START), np.ones(3), []

    def kept(function: Callable) -> Callable:
        def keep(x: Array) -> Array:
            values = function(x)
            given.extend((x, values))
            return values

        return keep

    def arrays(result: tuple) -> list[Array]:
        return [a for a in (*result, *result[2].values()) if isinstance(a, np.ndarray)]

    def solve() -> tuple:
        options = {"Dfun": dfun and kept(dfun), "diag": diag, "full_output": True}
        return leastsq(kept(decay), x0, **options)

    first, second = solve(), solve()
    before = bits(second)
    returned = arrays(first) + arrays(second)
    assert len(returned) == 12
    for a, b in itertools.combinations(returned, 2):
        assert not np.shares_memory(a, b)
    for a, b in itertools.product(returned, [x0, diag, *given]):
        assert not np.shares_memory(a, b)
    for array in [*arrays(first), *given]:
        array[...] = 77
    assert bits(second) == before
    assert_same(solve(), second)


def q_from_reflectors(fjac: Array) -> Array:
    """Rebuild Q from the reflectors below the diagonal.

    The solver puts R's diagonal where a reflector's leading element u was; since |u|^2 = 2 u[0] and
    1 <= u[0] <= 2, that element is recovered from the rest.
    """
    n, m = fjac.shape
    q = np.eye(m)
    for j in range(n):
        u = np.zeros(m)
        u[j + 1 :] = fjac[j, j + 1 :]
        u[j] = 1.0 + np.sqrt(1.0 - u @ u)
        q -= np.outer(q @ u, u / u[j])
    return q


@DFUNS
@pytest.mark.parametrize("start", [START, [2.0, 9.0, 0.3]])
def test_the_factorization_is_that_of_the_last_jacobian(
    dfun: Callable | None, start: list[float]
) -> None:
    jacobian, func = Recorded(decay_jacobian), Recorded(decay)
    x, cov_x, info, _, _ = leastsq(func, start, Dfun=dfun and jacobian, full_output=True)
    ipvt, fjac = info["ipvt"], info["fjac"]
    r = np.triu(fjac.T[:3])
    assert sorted(ipvt.tolist()) == [0, 1, 2]

    if dfun:
        point = jacobian.xs[-1]
        slopes, rounding = decay_jacobian(point), ROUNDING
    else:
        # The last trial step is the only one after the three columns of the last Jacobian.
        before = func.xs[-4:-1]
        point = np.array([before[1][0], before[0][1], before[0][2]])
        steps = [b[i] - point[i] for i, b in enumerate(before)]
        columns = [(decay(b) - decay(point)) / h for b, h in zip(before, steps, strict=True)]
        slopes = np.stack(columns, axis=1)
        # The solver divides by the step it added, not by the step that the sum has kept.
        rounding = ROUNDING + 10 * np.sqrt(EPS)
    assert point.tolist() != x.tolist()
    gram = slopes.T @ slopes
    scale = np.sqrt(np.outer(gram.diagonal(), gram.diagonal()))[np.ix_(ipvt, ipvt)]
    assert (np.abs(r.T @ r - gram[np.ix_(ipvt, ipvt)]) <= rounding * scale).all()

    q = q_from_reflectors(fjac)
    np.testing.assert_allclose(q @ q.T, np.eye(40), atol=ROUNDING)
    np.testing.assert_allclose(q[:, :3] @ r, slopes[:, ipvt], atol=rounding * 10)
    np.testing.assert_allclose(info["qtf"], (q.T @ decay(point))[:3], atol=ROUNDING)

    unpivoted = r[:, np.argsort(ipvt)]
    np.testing.assert_allclose(
        cov_x, np.linalg.inv(unpivoted.T @ unpivoted), rtol=ROUNDING * np.linalg.cond(r) ** 2
    )


def test_pivoting_puts_the_largest_column_first() -> None:
    a = np.diag([1.0, 100.0, 10.0])
    info = leastsq(lambda x: a @ x - 1.0, [0.0, 0.0, 0.0], Dfun=lambda x: a, full_output=True)[2]
    assert info["ipvt"].tolist() == [1, 2, 0]
    assert np.abs(np.diag(info["fjac"])).tolist() == [100.0, 10.0, 1.0]


@pytest.mark.parametrize("dfun", [None, rosenbrock_jacobian])
@pytest.mark.parametrize("maxfev", [1, 3, 6, 8, 13, 20])
def test_fvec_belongs_to_x_after_a_rejected_trial(dfun: Callable | None, maxfev: int) -> None:
    func = Recorded(rosenbrock)
    x, _, info, _, ier = leastsq(func, [-1.2, 1.0], Dfun=dfun, maxfev=maxfev, full_output=True)
    assert ier == 5
    assert info["fvec"].tolist() == rosenbrock(x)
    if dfun is None:
        assert func.xs[-1].tolist() != x.tolist()


def test_maxfev_is_overshot_by_up_to_n_plus_1() -> None:
    info = leastsq(decay, START, maxfev=1, full_output=True)[2]
    assert info["nfev"] == 1 + 3 + 1
    for maxfev in range(1, 30):
        info = leastsq(decay, START, maxfev=maxfev, full_output=True)[2]
        assert info["nfev"] <= maxfev + 4


# cov_x


@pytest.mark.parametrize("seed", range(20))
def test_cov_x_is_exactly_symmetric(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(12, 5)) * 10.0 ** rng.integers(-3, 4, 5), rng.normal(size=12)
    _, cov_x, info, _, ier = leastsq(
        lambda x: a @ x - b, np.zeros(5), Dfun=lambda x: a, full_output=True
    )
    assert ier in {1, 2, 3, 4}
    assert_same(cov_x, cov_x.T.copy())
    exact = np.linalg.inv(a.T @ a)
    scale = np.sqrt(np.outer(exact.diagonal(), exact.diagonal()))
    bound = 100 * 5 * EPS * np.linalg.cond(np.triu(info["fjac"].T[:5])) ** 2
    assert (np.abs(cov_x - exact) <= bound * scale).all()


@pytest.mark.parametrize(
    "a",
    [
        np.array([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]]),
        np.array([[0.0, 0.0], [0.0, 0.0]]),
        np.array([[2.0, 0.0], [0.0, 0.0]]),
    ],
)
@pytest.mark.parametrize("dfun", [False, True])
def test_cov_x_is_none_where_r_has_a_zero_on_its_diagonal(a: Array, dfun: bool) -> None:
    jacobian = (lambda x: a) if dfun else None
    _, cov_x, info, _, ier = leastsq(
        lambda x: a @ x - 1.0, [3.0, 2.0], Dfun=jacobian, full_output=True
    )
    assert (np.diag(info["fjac"]) == 0.0).any()
    assert ier in {1, 2, 3, 4}
    assert cov_x is None


@pytest.mark.parametrize("size", [1e-5, 1e-100, 1e-160, 1e-200, 1e-300, 1e150, 1e200])
def test_no_warning_escapes_from_computing_cov_x(size: float) -> None:
    a = np.array([[1.0, 1.0], [0.0, size], [0.0, 0.0]])
    with warnings.catch_warnings(), np.errstate(all="raise"):
        warnings.simplefilter("error")
        _, cov_x, _, _, ier = leastsq(
            lambda x: np.zeros(3), [0.0, 0.0], Dfun=lambda x: a, full_output=True
        )
    assert ier == 4
    assert cov_x is None or cov_x.shape == (2, 2)


@pytest.mark.parametrize(("large", "small"), [(1e200, 1e-150), (1e120, 1e-120), (1e-80, 1e-150)])
def test_cov_x_overflows_only_where_it_must(large: float, small: float) -> None:
    """A quotient of R's elements overflows, or its square; the covariance does not."""
    a = np.array([[large, large], [0.0, small], [0.0, 0.0]])
    _, cov_x, *_ = leastsq(
        lambda x: a @ x - [large, small, 0.0], [0.5, 1.5], Dfun=lambda x: a, full_output=True
    )
    variance = small**-2.0
    assert cov_x is not None
    np.testing.assert_allclose(cov_x, [[variance, -variance], [-variance, variance]], rtol=1e-14)


# Endings


def linear(x: Array) -> Array:
    return x - np.arange(3.0)


def touching(x: Array) -> list[float]:
    return [x[0] ** 2 + 1.0, x[0] - 3.0]


EXACT = {"ftol": 0.0, "xtol": 0.0}

# For every ier: a problem that ends so, and the message. Tolerances are printed with {:f}.
ENDINGS = [
    (
        1,
        (decay, START, {}),
        "Both actual and predicted relative reductions in the sum of squares\n"
        "  are at most 0.000000",
    ),
    (
        1,
        (decay, START, {"ftol": 0.01, "xtol": 0.001}),
        "Both actual and predicted relative reductions in the sum of squares\n"
        "  are at most 0.010000",
    ),
    (
        2,
        (decay, START, {"ftol": 0.1, "xtol": 0.1}),
        "The relative error between two consecutive iterates is at most 0.100000",
    ),
    (
        3,
        (decay, START, {"ftol": 0.1, "xtol": 0.01}),
        "Both actual and predicted relative reductions in the sum of squares\n"
        "  are at most 0.100000 and the relative error between two consecutive iterates is at \n"
        "  most 0.010000",
    ),
    (
        4,
        (decay, START, {"gtol": 1e-3, **EXACT}),
        "The cosine of the angle between func(x) and any column of the\n"
        "  Jacobian is at most 0.001000 in absolute value",
    ),
    (
        4,
        (linear, [0.0, 1.0, 2.0], {}),
        "The cosine of the angle between func(x) and any column of the\n"
        "  Jacobian is at most 0.000000 in absolute value",
    ),
    (5, (decay, START, {"maxfev": 7}), "Number of calls to function has reached maxfev = 7."),
    (
        5,
        (lambda x: x**2, [1e60], {}),
        "Number of calls to function has reached maxfev = 400.",
    ),
    (
        6,
        (touching, [1.0], EXACT),
        "ftol=0.000000 is too small, no further reduction in the sum of squares\n  is possible.",
    ),
    (
        7,
        (lambda x: [x[0] - 3.0], [1.0], {"Dfun": lambda x: [[-1.0]], **EXACT}),
        "xtol=0.000000 is too small, no further improvement in the approximate\n"
        "  solution is possible.",
    ),
    (
        8,
        (lambda x: [x[0], 1.0], [1e-17], EXACT),
        "gtol=0.000000 is too small, func(x) is orthogonal to the columns of\n"
        "  the Jacobian to machine precision.",
    ),
]


@pytest.mark.parametrize(("expected", "problem", "text"), ENDINGS)
def test_messages(expected: int, problem: tuple, text: str) -> None:
    func, x0, options = problem
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _, cov_x, _, message, ier = leastsq(func, x0, full_output=True, **options)
    assert (ier, message) == (expected, text)
    assert (cov_x is None) == (ier > 4)


@pytest.mark.parametrize(("expected", "problem", "text"), ENDINGS)
def test_a_warning_at_the_callers_line(expected: int, problem: tuple, text: str) -> None:
    func, x0, options = problem
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        line = inspect.currentframe().f_lineno + 1
        result = leastsq(func, x0, **options)
    assert result[1] == expected
    if expected <= 4:
        assert caught == []
    else:
        assert [(w.category, str(w.message), w.filename, w.lineno) for w in caught] == [
            (RuntimeWarning, text, __file__, line)
        ]


def test_tolerances_in_messages_are_printed_as_floats() -> None:
    message = leastsq(decay, START, ftol=1, xtol=np.array(0), full_output=True)[3]
    assert message.endswith("at most 1.000000")


def test_a_warning_that_is_an_error_is_raised() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(RuntimeWarning, match=r"has reached maxfev = 1\."):
            leastsq(decay, START, maxfev=1)


def test_a_clean_fit_raises_nothing_under_w_error() -> None:
    done = run_python(
        """
        import numpy as np
        from leastsq import leastsq

        t = np.linspace(0, 3, 20)
        y = 2 * np.exp(-t)
        func = lambda p: p[0] * np.exp(-p[1] * t) - y
        dfun = lambda p: np.stack([np.exp(-p[1] * t), -p[0] * t * np.exp(-p[1] * t)], axis=1)
        for options in ({}, {"Dfun": dfun}, {"full_output": True}, {"maxfev": 2, "full_output": 1}):
            leastsq(func, [1, 2], **options)
        """,
        "-W",
        "error",
    )
    assert (done.stdout, done.stderr) == ("", "")
