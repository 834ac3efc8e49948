"""chkder in both modes.

Each formula depends on the machine epsilon, for which the 1980 library has a literal. The formulas
of the user guide are written here with the epsilon as an argument: the library confirms them with
its literal, and our APIs must agree with them at their own epsilon, to the last bit.
"""

import math

import numpy as np
import pytest
from reference import FloatArray, Library, assert_same

SIGNIFICANT = 100.0
"""A change of fvec below this many epsilons of it counts as none, which is a wrong gradient."""


def neighbour(x: FloatArray, epsilon: float) -> FloatArray:
    step = np.sqrt(epsilon)
    xp: FloatArray = x + np.where(x == 0, step, step * np.abs(x))
    return xp


def verdicts(
    epsilon: float, x: FloatArray, fvec: FloatArray, fjac: FloatArray, fvecp: FloatArray
) -> FloatArray:
    """1 for a consistent gradient, 0 for an inconsistent one, between them by agreeing digits."""
    step = np.sqrt(epsilon)
    predicted = np.zeros(fvec.size)
    for column, value in zip(fjac.T, x, strict=True):
        predicted += (abs(value) if value != 0 else 1.0) * column
    err = np.zeros(fvec.size)
    for i, (f, fp) in enumerate(zip(fvec, fvecp, strict=True)):
        if f == 0 or fp == 0 or abs(fp - f) < SIGNIFICANT * epsilon * abs(f):
            continue
        difference = step * abs((fp - f) / step - predicted[i]) / (abs(f) + abs(fp))
        if difference <= epsilon:
            err[i] = 1.0
        elif difference < step:
            err[i] = (math.log10(difference) - math.log10(step)) / math.log10(step)
    return err


def _points(rng: np.random.Generator) -> FloatArray:
    x = rng.standard_normal(rng.integers(1, 9)) * 10 ** rng.uniform(-9, 9)
    x[rng.random(x.size) < 0.2] = rng.choice([0.0, -0.0])
    return x


def test_mode_1(native_api: Library, original: Library) -> None:
    rng = np.random.default_rng(70)
    for library in (original, native_api):
        for _ in range(1500):
            x = _points(rng)
            assert_same(library.chkder1(x), neighbour(x, library.dpmpar(1)), x)


def test_mode_2_on_random_gradients(native_api: Library, original: Library) -> None:
    """Gradients wrong by errors of all sizes, at a neighbour as mode 1 gives it."""
    rng = np.random.default_rng(71)
    kinds = set()
    for library in (original, native_api):
        epsilon = library.dpmpar(1)
        for case in range(1500):
            x, m = _points(rng), int(rng.integers(1, 9))
            fjac = rng.standard_normal((m, x.size)) * 10 ** rng.uniform(-3, 3)
            fvec = rng.standard_normal(m) * 10 ** rng.uniform(-3, 3, m)
            fvecp = fvec + (fjac * (neighbour(x, epsilon) - x)).sum(axis=1)
            fjac *= 1 + 10 ** rng.uniform(-16, 1, (m, 1)) * rng.standard_normal((m, 1))
            want = verdicts(epsilon, x, fvec, fjac, fvecp)
            assert_same(library.chkder2(x, fvec, fjac, fvecp), want, (case, x, fvec))
            kinds |= set(np.ceil(want) + np.floor(want))
    assert kinds == {0.0, 1.0, 2.0}


def test_mode_2_special_residuals(native_api: Library, original: Library) -> None:
    """The right gradient of a residual that is zero at a point, or does not change, is wrong."""
    x, fvec, fvecp = np.ones(1), np.array([0.0, 1.0, 1.0, -0.0, 1.0]), np.array([1.0, 0, 1, 1, 2])
    for library in (original, native_api):
        fjac = ((fvecp - fvec) / np.sqrt(library.dpmpar(1))).reshape(5, 1)
        assert_same(library.chkder2(x, fvec, fjac, fvecp), np.array([0.0, 0, 0, 0, 1]))


@pytest.mark.parametrize("ulps", range(90, 111))
def test_mode_2_smallest_significant_change(
    native_api: Library, original: Library, ulps: int
) -> None:
    """From 100 epsilons on a change counts; the gradient here is right."""
    x, fvec = np.ones(1), np.ones(1)
    fvecp = fvec + ulps * 2.0**-52
    for library in (original, native_api):
        epsilon = library.dpmpar(1)
        fjac = ((fvecp - fvec) / np.sqrt(epsilon)).reshape(1, 1)
        counts = fvecp[0] - 1 >= SIGNIFICANT * epsilon
        assert_same(library.chkder2(x, fvec, fjac, fvecp), np.array([float(counts)]))


@pytest.mark.parametrize("border", ["epsilon", "step"])
def test_mode_2_borders_of_the_logarithm(
    native_api: Library, original: Library, border: str
) -> None:
    """Differences from just below to just above the epsilon and its root."""
    rng = np.random.default_rng(72)
    kinds = set()
    for library in (original, native_api):
        epsilon = library.dpmpar(1)
        step = math.sqrt(epsilon)
        size = 1.0 if border == "step" else step
        for _ in range(500):
            x, fvec, fvecp = np.ones(1), np.ones(1), np.array([1 + rng.uniform(1e-9, 1e-3)])
            wrong = size * (1 + rng.uniform(-1e-2, 1e-2)) * (fvec + fvecp)
            fjac = ((fvecp - fvec) / step + wrong).reshape(1, 1)
            want = verdicts(epsilon, x, fvec, fjac, fvecp)
            assert_same(library.chkder2(x, fvec, fjac, fvecp), want)
            kinds.add(0.0 < want[0] < 1.0)
    assert kinds == {False, True}


@pytest.mark.parametrize("power", [0, 1])
def test_mode_2_differences_equal_to_a_border(
    native_api: Library, original: Library, power: int
) -> None:
    """With the exact epsilon, a power of two, the difference is its root or the epsilon itself."""
    x, fvec, fvecp = np.ones(1), np.ones(1), np.full(1, 3.0)
    for library in (original, native_api):
        epsilon = library.dpmpar(1)
        step = math.sqrt(epsilon)
        fjac = np.full((1, 1), 2 / step - 4 * step**power)
        want = verdicts(epsilon, x, fvec, fjac, fvecp)
        assert_same(library.chkder2(x, fvec, fjac, fvecp), want)


def test_python_wrapper(native_api: Library) -> None:
    from leastsq import minpack

    rng = np.random.default_rng(73)
    for case in range(200):
        x, m = _points(rng), int(rng.integers(1, 9))
        fvec, fvecp = rng.standard_normal((2, m))
        fjac = rng.standard_normal((m, x.size)) * 1e7
        assert_same(minpack.chkder(x), native_api.chkder1(x), case)
        want = native_api.chkder2(x, fvec, fjac, fvecp)
        assert_same(minpack.chkder(x, fvec, fjac, fvecp), want, case)
