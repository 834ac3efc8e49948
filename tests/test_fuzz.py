"""Random cases on extreme numbers: against the original, SciPy, and our other ways to solve."""

import pytest
from asking import asks
from fuzz import run_share
from fuzzing.cases import report

SEED = 0
COUNTS = {"solves": 1500, "blocks": 1500, "ways": 800}
LEAST_SHARE = 0.9
"""Of what is compared with a peer; less would be a test of its exclusions."""
LEAST_SHARE_BESIDE_NAN = 0.4
"""In solves, by the 1980 library: how often a NaN changes them is up to its compiler."""


@pytest.mark.parametrize("name", ["solves", "blocks", pytest.param("ways", marks=asks)])
def test_random_cases(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    tally, different = run_share(name, SEED, COUNTS[name], 0, 1)
    with capsys.disabled():
        print(f"\nRandom {name}:\n{report(tally)}", end="")
    assert not different, "\n".join(different[:5])
    for peer in {found.partition(":")[0] for found in tally}:
        total = sum(number for found, number in tally.items() if found.startswith(f"{peer}:"))
        least = LEAST_SHARE_BESIDE_NAN if peer == "original" else LEAST_SHARE
        assert tally[f"{peer}: the same bits"] >= least * total
