"""Random solves and building blocks on wild numbers against SciPy and the 1980 library."""

import pytest
from fuzz import Check, check_blocks, check_solve, report, run

SEED = 0
MOST_EXCLUDED = 0.1


@pytest.mark.parametrize(("check", "count"), [(check_solve, 1500), (check_blocks, 1500)])
def test_random_cases(check: Check, count: int, capsys: pytest.CaptureFixture[str]) -> None:
    tally, different = run(check, SEED, count)
    with capsys.disabled():
        print(f"\n{count} random cases:\n{report(tally)}", end="")
    assert not different, "\n".join(different[:5])
    same = sum(number for found, number in tally.items() if found.endswith("the same bits"))
    assert same >= (1.0 - MOST_EXCLUDED) * tally.total()
