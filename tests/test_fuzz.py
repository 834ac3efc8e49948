"""Random cases on extreme numbers: against the original, SciPy, and our other ways to solve."""

import pytest
from fuzz import CHECKS, OWN, run_share
from fuzzing.cases import report
from programs import need_modules
from reference import bundled

SEED = 0
COUNTS = {
    "solves": 1500, "blocks": 1500, "ways": 1000, "batches": 2000, "pointers": 1500, "numba": 700,
    "processes": 0,
}  # fmt: skip
"""0 stands for one case, as a case of processes starts some."""
LEAST_SHARE = 0.9
"""Of what is compared with a peer; less would be a test of its exclusions."""
LEAST_SHARE_BESIDE_NAN = 0.4
"""In solves, by the 1980 library: how often a NaN changes them is up to its compiler."""


@pytest.mark.parametrize("name", CHECKS)
def test_random_cases(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    if name in OWN and not bundled():
        pytest.skip("the system build has one way to solve")
    if name == "numba":
        need_modules("numba")
    tally, different = run_share(name, SEED, COUNTS[name], 0, 1)
    with capsys.disabled():
        print(f"\nRandom {name}:\n{report(tally)}", end="")
    assert not different, "\n".join(different[:5])
    for peer in {found.partition(":")[0] for found in tally}:
        total = sum(number for found, number in tally.items() if found.startswith(f"{peer}:"))
        least = LEAST_SHARE_BESIDE_NAN if peer == "original" else LEAST_SHARE
        assert tally[f"{peer}: the same bits"] >= least * total
