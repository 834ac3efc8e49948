"""Random solves and building blocks on extreme numbers against SciPy and the 1980 library."""

import pytest
from fuzz import Check, check_blocks, check_solve, report, run

SEED, COUNT = 0, 1500
LEAST_SHARE = 0.9
"""Of what is compared with a peer; less would be a test of its exclusions."""
LEAST_SHARE_BESIDE_NAN = 0.4
"""In solves, by the 1980 library: how often a NaN changes them is up to its compiler."""


@pytest.mark.parametrize("check", [check_solve, check_blocks])
def test_random_cases(check: Check, capsys: pytest.CaptureFixture[str]) -> None:
    tally, different = run(check, SEED, COUNT)
    with capsys.disabled():
        print(f"\n{COUNT} random cases:\n{report(tally)}", end="")
    assert not different, "\n".join(different[:5])
    for peer in {found.partition(":")[0] for found in tally}:
        total = sum(number for found, number in tally.items() if found.startswith(f"{peer}:"))
        least = LEAST_SHARE_BESIDE_NAN if peer == "original" else LEAST_SHARE
        assert tally[f"{peer}: the same bits"] >= least * total
