"""dpmpar: the machine constants."""

import sys

import pytest
from reference import EPS_1980, Library, bundled

LITERAL_ERROR = 1e-11
"""The 1980 library writes its constants with 12 digits."""


@pytest.mark.parametrize(
    ("i", "exact"),
    [(1, sys.float_info.epsilon), (2, sys.float_info.min), (3, sys.float_info.max)],
)
def test_constants(native_api: Library, original: Library, i: int, exact: float) -> None:
    assert native_api.dpmpar(i) == (exact if bundled() else original.dpmpar(i))
    assert original.dpmpar(i) == pytest.approx(exact, rel=LITERAL_ERROR)


def test_name_of_the_literal(original: Library) -> None:
    assert original.dpmpar(1) == EPS_1980
