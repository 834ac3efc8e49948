"""A few seconds of soak.py: calls of every kind in four threads."""

from __future__ import annotations

import pytest
from reference import bundled
from soak import soak


@pytest.mark.skipif(not bundled(), reason="calls.py has calls that need the bundled core")
def test_soak() -> None:
    assert not soak(minutes=0.07, threads=4, with_numba=False)
