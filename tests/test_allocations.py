"""Every function with an allocation that fails, and solves by the C API, which make none.

Every allocation of every call fails in `python tests/allocations.py`; here it is a part of them.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Iterator
from pathlib import Path

import allocations
import pytest
from engines import GIL
from programs import build, config, need, run
from reference import bundled

PROGRAMS = Path(__file__).parent / "native_api"
FAILING_MALLOC = Path(__file__).with_name("failing_malloc.c")
GROUPS = {"leastsq": 23, "curve_fit": 37, "minpack": 11, "asktell": 1, "many": 31, "pointer": 11}
"""Every so many-th allocation fails; numba's functions take too long to compile here."""

pytestmark = pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="failing_malloc.c takes the place of glibc's malloc"
)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    need("cc")
    return allocations.build(tmp_path_factory.mktemp("failing"))


@pytest.mark.skipif(not GIL, reason="free-threaded Python has an allocator of its own")
@pytest.mark.skipif(not bundled(), reason="calls.py has calls that need the bundled core")
@pytest.mark.parametrize("group", GROUPS)
def test_memory_errors(group: str, library: Path) -> None:
    output = allocations.run(group, library, every=GROUPS[group])
    assert "FAULT" not in output, output
    assert output.count("MemoryError") > 5, output


@pytest.mark.skipif(not bundled(), reason="the core is MINPACK's own")
def test_the_c_api_allocates_nothing(tmp_path: Path) -> None:
    flags = [*config("--cflags", "--libs"), "-std=c17", "-Wno-builtin-declaration-mismatch"]
    output = run(build(tmp_path, PROGRAMS / "no_allocations.c", FAILING_MALLOC, *flags))
    assert output.startswith("control: 1, 1\ncontrol: 2 allocations\n"), output
    solves = re.findall(r"driver \d: (\d+) allocations, info (\d)", output)
    assert len(solves) == 8
    assert {int(count) for count, _ in solves} == {0}, output
    assert {info for _, info in solves} <= {"1", "2", "3"}, output
