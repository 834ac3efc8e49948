"""numba functions: what is compiled, what cannot be, and what calls Python."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from asking import asks
from decays import DATA, START, T
from engines import assert_equal
from programs import need_modules
from reference import assert_same

from leastsq import CompiledResidual, leastsq, leastsq_many

pytestmark = asks

need_modules("numba")

from decays_numba import both, decay, decay_at, slopes  # noqa: E402
from numba import jit, njit, objmode  # noqa: E402


def test_signatures_that_are_given() -> None:
    explicit = njit("f8[:](f8[:], f8[:], f8[:])")(decay_at.py_func)
    data = DATA[:40].copy()
    got = leastsq_many(explicit, START, data=data, args=T)
    assert_equal(got, leastsq_many(decay_at, START, data=data, args=T))
    assert_same(data, DATA[:40])


def test_another_function_of_the_same_types_costs_nothing() -> None:
    from leastsq import _numba_adapters

    leastsq_many(decay, START, data=DATA[:5])
    known = _numba_adapters.adapter.cache_info().currsize

    @njit
    def other(p, y):
        return decay(p, y) * 2.0

    leastsq_many(other, START, data=DATA[:5])
    assert _numba_adapters.adapter.cache_info().currsize == known


@njit
def yields(p, y):
    yield p[0]


@njit
def complex_one(p, y):
    return y + 1j * p[0]


@njit
def unsupported(p, y):
    return y.no_such_thing


@jit(forceobj=True)
def in_objects(p, y):
    return y - p[0]


@njit(parallel=True)
def in_parallel(p, y):
    return y - p[0]


@njit
def of_text(p, y, text):
    return y - p[0] + len(text)


def test_what_cannot_be_compiled() -> None:
    for func, text in (
        (complex_one, "real numbers"), (in_objects, "forceobj"), (in_parallel, "parallel"),
    ):  # fmt: skip
        with pytest.raises(TypeError, match=text):
            leastsq(CompiledResidual(func), START, (DATA[0],))
    with pytest.raises(TypeError, match="arrays, numbers and tuples"):
        leastsq(CompiledResidual(of_text), START, (DATA[0], "text"))
    with pytest.raises(TypeError, match="no_such_thing"):
        leastsq_many(unsupported, START, data=DATA[:5])
    with pytest.raises(TypeError, match="no_such_thing"):
        leastsq(CompiledResidual(unsupported), START, (DATA[0],))
    with pytest.raises((TypeError, ValueError)):
        leastsq(CompiledResidual(yields), START, (DATA[0],))
    with pytest.raises(TypeError, match="numba function too"):
        leastsq(CompiledResidual(decay_at), START, (DATA[0], T), Dfun=lambda *a: slopes(*a))
    with pytest.raises(ValueError, match="args and Dfun"):
        CompiledResidual(decay, jacobian=True)
    with pytest.raises(ValueError, match="not m=7"):
        leastsq(CompiledResidual(decay, 7), START, (DATA[0],))
    with pytest.raises(TypeError, match=r"N=3 .* M=2"):
        leastsq(CompiledResidual(decay), START, (DATA[0][:2],))


def test_vectorized_is_called_from_python() -> None:
    @njit
    def broadcasting(p, y):
        return p[0] * np.exp(-p[1] * T) + p[2] - y

    got = leastsq_many(broadcasting, START, data=DATA[:40], vectorized=True)
    assert got.success.all()


@njit
def by_python(p, y):
    with objmode(extra="float64"):
        extra = one_if_near(p[1])
    return decay(p, y) * extra


def one_if_near(rate: float) -> float:
    if rate > 1e3:
        raise KeyError("far")
    return 1.0


def test_parts_in_object_mode() -> None:
    both(by_python, data=DATA[:20])


def test_it_says_nothing_and_leaves_nothing(tmp_path: Path) -> None:
    program = """
import sys
import numpy as np
import leastsq
assert "numba" not in sys.modules
from numba import njit
@njit
def f(p, y):
    return p[0] * np.exp(-p[1] * np.arange(y.size)) - y
leastsq.leastsq_many(f, [1.0, 1.0], data=np.random.default_rng(0).random((30, 9)), workers=2)
"""
    (tmp_path / "program.py").write_text(program)
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONWARNINGS": "error"}
    done = subprocess.run(
        [sys.executable, "program.py"], cwd=tmp_path, env=environment, capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    assert done.stdout == done.stderr == ""
    assert os.listdir(tmp_path) == ["program.py"]


def test_no_python_runs() -> None:
    def frames(count: int) -> int:
        seen: list[str] = []
        leastsq_many(decay, START, data=DATA[:count])
        sys.setprofile(lambda frame, event, _: seen.append(frame.f_code.co_name))
        try:
            leastsq_many(decay, START, data=DATA[:count])
        finally:
            sys.setprofile(None)
        return len(seen)

    few, many = frames(2), frames(200)
    assert many < few + 30
