"""Whole solves, compared with SciPy's and the 1980 library's."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from reference import Fit, FloatArray, bits
from support import Recorded

from fuzzing.cases import HEAD, MODEL, Verdict
from fuzzing.models import FORMULAS, NEVER
from fuzzing.numbers import OPTIONS, problem, size, wild
from fuzzing.peers import NO_NUMBER, original, scipys, solve_original
from leastsq import leastsq, minpack

__all__ = ["case_of", "check_solve", "solve_text"]

NOT_FINITE = "our solve ends where the Jacobian is not finite, SciPy's goes on"
SCIPY_ALONE = "SciPy leaves MINPACK, the original library has our bits there"

SOLVE = """\
a, b, x0 = np.array({a}), np.array({b}), np.array({x0})
model = Model({model})
func = partial(model, a=a, b=b, kind={kind})
dfun = partial(model.jacobian, a=a, b=b, kind={kind})
options = dict({options})
"""
SHOW = """\
from fuzzing import peers
from scipy.optimize import leastsq as scipys
for function in (leastsq, scipys):
    print(function(func, x0, full_output=True, **options))
print(peers.solve_original(peers.original(), globals()))
"""


def check_solve(rng: np.random.Generator) -> Iterator[Verdict]:
    """Compare one solve with the original library's and with SciPy's."""
    text = solve_text(rng)
    case = case_of(text)
    func, ours = _solve(leastsq, case)
    first = solve_original(original(), case)
    reason = NO_NUMBER if original().no_number else None
    yield Verdict("original", bits(ours) == bits(first), reason, text + SHOW)
    peer = scipys()
    if peer is None:
        return
    their_func, theirs = _solve(peer, case)
    answers = zip(ours, first, theirs, strict=True)
    scipy_alone = all(bits(our) in (bits(one), bits(their)) for our, one, their in answers)
    reason = SCIPY_ALONE if scipy_alone else None
    if ours.info == 4 and not np.isfinite(_last_jacobian(func, case, ours)).all():
        # SciPy has called func twice more at x0; it must have come this way.
        if bits(their_func.xs[2:][: func.calls]) == bits(func.xs):
            reason = NOT_FINITE
    yield Verdict("SciPy", bits(ours) == bits(theirs), reason, text + SHOW)


def solve_text(rng: np.random.Generator, **model: Any) -> str:
    """Return a problem as code that makes a, b, x0, func, dfun and options."""
    m, n = size(rng)
    options = [f"{k}={rng.choice(v)}" for k, v in OPTIONS.items() if rng.random() < 0.2]
    if rng.random() < 0.2:
        options.append(f"diag={(np.abs(wild(rng, n)) + 5e-324).tolist()}")
    a, b, x0 = problem(rng, m, n)
    kind, derivatives = rng.integers(len(FORMULAS)), rng.integers(3)
    if derivatives:
        options.append("Dfun=dfun")
    if derivatives == 2:
        options.append("col_deriv=True")
        model["transposed"] = True
    model["odds"] = rng.choice([NEVER, NEVER, 5, 17])
    model["bad"] = rng.choice(["np.nan", "np.inf", "-np.inf"])
    return MODEL + SOLVE.format(
        a=a.tolist(), b=b.tolist(), x0=x0.tolist(), kind=kind, options=", ".join(options),
        model=", ".join(f"{name}={value}" for name, value in model.items()),
    )  # fmt: skip


def case_of(text: str) -> dict[str, Any]:
    """Return what a case's text makes."""
    case: dict[str, Any] = {}
    exec(HEAD + text, case)  # noqa: S102  (our own text)
    return case


def _solve(function: Callable[..., Any], case: dict[str, Any]) -> tuple[Recorded, Fit]:
    """Run one of the Python functions; ours must warn just where the result is not finite."""
    func, options = Recorded(case["func"]), case["options"]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        x, _, info, _, ier = function(func, case["x0"], full_output=True, **options)
    if function is leastsq:
        r, norm = np.triu(info["fjac"].T[: x.size]), minpack.enorm(info["fvec"])
        finite = np.isfinite(norm) and np.isfinite(r).all() and np.isfinite(x).all()
        assert any("finite" in str(w.message) for w in caught) is not bool(finite)
    njev, fjac, ipvt = info.get("njev", 0), info["fjac"].T, info["ipvt"] + np.intc(1)
    fit = Fit(ier, info["nfev"], njev, x, info["fvec"], fjac, ipvt, info["qtf"], x)
    return func, fit


def _last_jacobian(func: Recorded, case: dict[str, Any], ours: Fit) -> FloatArray:
    """Return the Jacobian with which our solve ended, if it ended with one."""
    jacobian: FloatArray
    if "Dfun" in case["options"]:
        jacobian = case["dfun"](ours.x)
    else:
        points = func.xs[-ours.x.size :]
        steps = np.diag(np.array(points) - ours.x)
        jacobian = (np.array([case["func"](x) for x in points]).T - ours.fvec[:, None]) / steps
    return jacobian
