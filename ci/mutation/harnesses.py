"""Faults of the kinds that the harnesses are there to find: lost memory, lost errors, lost bits."""

__all__ = ["CHANGES"]

PYTHON = "src/leastsq/{}.py"
NATIVE = "src/leastsq/{}.c"

CHANGES = {
    ("honesty", PYTHON.format("_outcome")): """
        a covariance at maxfev        | SUCCESS = range(1, {5 -> 6})
        one where nothing is finite   | if {finite -> True} and ier in USABLE
        """,
    ("honesty", PYTHON.format("_many")): """
        masked fits make a warning    | if not (result.success | {masked -> False}).all()
        """,
    ("honesty", PYTHON.format("_many_result")): """
        NumPy's warnings escape       | np.errstate(all="{ignore -> warn}")
        """,
    ("honesty", NATIVE.format("_batch_advance")): """
        success at an infinite x      | converged = {finite -> 1} && view.info
        ier 5 is a success            | view.info <= {LEASTSQ_ORTHOGONAL_RESIDUAL -> 5};
        """,
}
