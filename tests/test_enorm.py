"""enorm against the 1980 library, to the last bit, over the whole range of double precision."""

import itertools

import numpy as np
import pytest
from reference import FloatArray, Library, assert_same, bundled
from support import through_c

DWARF, GIANT = 3.834e-20, 1.304e19
"""MINPACK's borders between small, intermediate and large; the upper one is divided by n."""


def _around(border: float, rng: np.random.Generator) -> FloatArray:
    """Return a limit with close and far neighbours, of random signs."""
    ulps = border * (1 + np.arange(-4, 5) * 2.0**-52)
    wider = border * (1 + rng.uniform(-4e-3, 4e-3, 6))
    far = border * 10 ** rng.uniform(-3, 3, 4)
    return np.concatenate([ulps, wider, far]) * rng.choice([-1.0, 1.0], 19)


@pytest.mark.parametrize("decades", [0, 1, 3, 20, 45, 300])
def test_random_magnitudes(native_api: Library, original: Library, decades: int) -> None:
    rng = np.random.default_rng(decades)
    for case in range(1500):
        x = rng.standard_normal(rng.integers(1, 40))
        x *= 10 ** rng.uniform(-decades, min(decades, 290), x.size)
        x[rng.random(x.size) < rng.choice([0, 0.3])] = 0.0
        assert_same(native_api.enorm(x), original.enorm(x), (case, x))


@pytest.mark.parametrize("exponent", [-323, -310, -200, -40, -20, 18, 19, 30, 150, 290])
def test_one_magnitude(native_api: Library, original: Library, exponent: int) -> None:
    rng = np.random.default_rng(exponent + 1000)
    for case in range(500):
        x = rng.uniform(-9, 9, rng.integers(1, 30)) * 10.0**exponent
        assert_same(native_api.enorm(x), original.enorm(x), (case, x))


@through_c
@pytest.mark.parametrize("border", ["lower", "upper"])
def test_elements_at_a_border_fall_on_the_original_side(
    native_api: Library, original: Library, border: str
) -> None:
    rng = np.random.default_rng(7)
    for case in range(4000):
        n = int(rng.integers(1, 12))
        x = rng.choice(_around(DWARF if border == "lower" else GIANT / n, rng), n)
        assert_same(native_api.enorm(x), original.enorm(x), (case, x))


@through_c
def test_neighbours_of_a_border_beside_small_and_large_ones(
    native_api: Library, original: Library
) -> None:
    rng = np.random.default_rng(8)
    for case in range(4000):
        n = int(rng.integers(2, 9))
        x = rng.choice(_around(DWARF, rng), n)
        x[rng.integers(n)] = rng.choice([1e-21, 1e-20, 1e-19, 1e-10, 1.0, GIANT / n])
        assert_same(native_api.enorm(x), original.enorm(x), (case, x))
        x = rng.choice(_around(GIANT / n, rng), n)
        x[rng.integers(n)] = rng.choice([1e17, 1e16, 1e10, 1.0, DWARF])
        assert_same(native_api.enorm(x), original.enorm(x), (case, x))


@through_c
@pytest.mark.parametrize("n", [31, 32, 33, 34, 47, 1025, 2051])
def test_one_element_beyond_a_border_anywhere(
    native_api: Library, original: Library, n: int
) -> None:
    """It must be found at any index, in full vectors and in the scalar remainder."""
    rng = np.random.default_rng(n)
    positions = {*range(32), *range(n - 5, n), *rng.integers(0, n, 9).tolist()} & {*range(n)}
    for border, others in ((DWARF, 1.02), (GIANT / n, 0.98)):
        elements = (*_around(border, rng), *[border] * 9, 0.0)
        for position, element in itertools.product(positions, elements):
            x = others * border * rng.uniform(0.99, 1.01, n)
            x[position] = element
            assert_same(native_api.enorm(x), original.enorm(x), (n, position, element))


@through_c
def test_intermediate_sum_near_the_largest_small_element(
    native_api: Library, original: Library
) -> None:
    """Where the sum of squares is about x3max = 3e-20 the closing formula changes."""
    rng = np.random.default_rng(9)
    for case in range(4000):
        small = rng.uniform(0.3, 1, rng.integers(1, 6)) * DWARF
        intermediate = np.sqrt(small.max()) * rng.uniform(0.5, 1.5, rng.integers(1, 4))
        x = rng.permutation(np.concatenate([small, intermediate]))
        assert_same(native_api.enorm(x), original.enorm(x), (case, x))


def test_many_small_elements_beside_an_intermediate_one(
    native_api: Library, original: Library
) -> None:
    """Thousands of them are needed to change the last digits."""
    rng = np.random.default_rng(12)
    for factor in np.linspace(1, 1.5, 50):
        x = rng.uniform(0.9, 1, 20_000) * DWARF
        x[0] = np.sqrt(factor * DWARF)
        norm = native_api.enorm(x)
        assert_same(norm, original.enorm(x), factor)
        assert norm > x[0]


def test_order_of_the_elements_is_the_order_of_the_sum(
    native_api: Library, original: Library
) -> None:
    rng = np.random.default_rng(10)
    for scale in (1e-30, 1.0, 1e30):
        values, results = rng.uniform(1, 10, 30) * scale, set()
        for _ in range(300):
            x = rng.permutation(values)
            results.add(native_api.enorm(x))
            assert_same(native_api.enorm(x), original.enorm(x), x)
        assert len(results) > 1


@pytest.mark.parametrize(
    "x",
    [
        [],
        [0.0],
        [-0.0, -0.0],
        [0.0, 5e-324],
        [5e-324] * 7,
        [-3.0, 4.0],
        [1e300, 1e300],
        [-1.7976931348623157e308],
        [np.inf, 1.0],
        [1.0, -np.inf],
        [np.inf, np.inf],
        [np.inf, -np.inf, 1e-300],
    ],
)
def test_special_values(native_api: Library, original: Library, x: list[float]) -> None:
    assert_same(native_api.enorm(np.array(x)), original.enorm(np.array(x)), x)


def test_nan_in_nan_out(native_api: Library) -> None:
    if not bundled():
        pytest.skip("the system library's answer to NaN is its compiler's choice")
    for position, others in itertools.product(range(4), (0.0, 1.0, 1e-30, 1e30, np.inf)):
        x = np.full(4, others)
        x[position] = np.nan
        assert np.isnan(native_api.enorm(x)), x


def test_python_wrapper(original: Library) -> None:
    from leastsq import minpack

    rng = np.random.default_rng(11)
    for case in range(500):
        x = rng.standard_normal(rng.integers(1, 40)) * 10 ** rng.uniform(-25, 25)
        assert_same(minpack.enorm(x), original.enorm(x), (case, x))
