"""Random batches on extreme numbers: leastsq_many in all its ways against leastsq."""

import pytest
from asking import asks
from fuzz import run_share
from fuzzing.cases import report
from programs import need_modules

pytestmark = asks

SEED = 0
COUNTS = {"batches": 1500, "pointers": 1000, "numba": 500, "processes": 1}
"""Fits, about; at least a case of each, and one of processes starts some."""


@pytest.mark.parametrize("name", COUNTS)
def test_random_batches(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    if name == "numba":
        need_modules("numba")
    tally, different = run_share(name, SEED, COUNTS[name], 0, 1)
    with capsys.disabled():
        print(f"\nRandom {name}:\n{report(tally)}", end="")
    assert not different, "\n".join(different[:5])
    assert sum(tally.values()) >= COUNTS[name] // 2
