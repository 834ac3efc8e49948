"""Two data sets of NIST's Statistical Reference Datasets, with their certified results."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["MISRA1A", "THURBER", "DataSet"]

Vector: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class DataSet:
    """A nonlinear regression problem with a certified answer.

    Attributes
    ----------
    name : str
        NIST's name of the data set.
    about : str
        What was measured.
    x_label, y_label : str
        What predictor and observations are.
    formula : str
        The model as NIST writes it.
    model : callable
        ``model(b, x)`` gives the predicted observations.
    x, y : ndarray, shape (m,)
        Predictor and observations.
    start : ndarray, shape (n,)
        NIST's start 1, the one that is farther from the solution.
    certified : ndarray, shape (n,)
        Certified parameters, to 11 digits.
    certified_errors : ndarray, shape (n,)
        Certified standard deviations of the parameters.
    certified_rss : float
        Certified residual sum of squares.

    References
    ----------
    National Institute of Standards and Technology, Statistical Reference Datasets,
    Nonlinear Regression, https://www.itl.nist.gov/div898/strd/nls/nls_main.shtml
    """

    name: str
    about: str
    x_label: str
    y_label: str
    formula: str
    model: Callable[[Vector, Vector], Vector]
    x: Vector
    y: Vector
    start: Vector
    certified: Vector
    certified_errors: Vector
    certified_rss: float


def _saturation(b: Vector, x: Vector) -> Vector:
    """Return an exponential approach to b1, of rate b2."""
    predicted: Vector = b[0] * -np.expm1(-b[1] * x)
    return predicted


def _rational_cubic(b: Vector, x: Vector) -> Vector:
    """Return the quotient of two cubics; the denominator's constant term is 1."""
    numerator = b[0] + x * (b[1] + x * (b[2] + x * b[3]))
    denominator = 1.0 + x * (b[4] + x * (b[5] + x * b[6]))
    predicted: Vector = numerator / denominator
    return predicted


MISRA1A = DataSet(
    name="Misra1a",
    about="dental research: adsorbed volume against pressure (Misra, 1978)",
    x_label="pressure",
    y_label="adsorbed volume",
    formula="y = b1 (1 - exp(-b2 x))",
    model=_saturation,
    x=np.array([
        77.6, 114.9, 141.1, 190.8, 239.9, 289.0, 332.8,
        378.4, 434.8, 477.3, 536.8, 593.1, 689.1, 760.0,
    ]),
    y=np.array([
        10.07, 14.73, 17.94, 23.93, 29.61, 35.18, 40.02,
        44.82, 50.76, 55.05, 61.01, 66.40, 75.47, 81.78,
    ]),
    start=np.array([500.0, 1e-4]),
    certified=np.array([2.3894212918e2, 5.5015643181e-4]),
    certified_errors=np.array([2.7070075241, 7.2668688436e-6]),
    certified_rss=1.2455138894e-1,
)

THURBER = DataSet(
    name="Thurber",
    about="semiconductor electron mobility against the logarithm of density (Thurber, 1979)",
    x_label="logarithm of density",
    y_label="electron mobility",
    formula="y = (b1 + b2 x + b3 x^2 + b4 x^3) / (1 + b5 x + b6 x^2 + b7 x^3)",
    model=_rational_cubic,
    x=np.array([
        -3.067, -2.981, -2.921, -2.912, -2.840, -2.797, -2.702, -2.699, -2.633, -2.481,
        -2.363, -2.322, -1.501, -1.460, -1.274, -1.212, -1.100, -1.046, -0.915, -0.714,
        -0.566, -0.545, -0.400, -0.309, -0.109, -0.103, 0.010, 0.119, 0.377, 0.790,
        0.963, 1.006, 1.115, 1.572, 1.841, 2.047, 2.200,
    ]),
    y=np.array([
        80.574, 84.248, 87.264, 87.195, 89.076, 89.608, 89.868, 90.101, 92.405, 95.854,
        100.696, 101.060, 401.672, 390.724, 567.534, 635.316, 733.054, 759.087, 894.206, 990.785,
        1090.109, 1080.914, 1122.643, 1178.351, 1260.531, 1273.514, 1288.339, 1327.543, 1353.863,
        1414.509, 1425.208, 1421.384, 1442.962, 1464.350, 1468.705, 1447.894, 1457.628,
    ]),
    start=np.array([1000.0, 1000.0, 400.0, 40.0, 0.7, 0.3, 0.03]),
    certified=np.array([
        1.2881396800e3, 1.4910792535e3, 5.8323836877e2, 7.5416644291e1,
        9.6629502864e-1, 3.9797285797e-1, 4.9727297349e-2,
    ]),
    certified_errors=np.array([
        4.6647963344, 3.9571156086e1, 2.8698696102e1, 5.5675370270,
        3.1333340687e-2, 1.4984928198e-2, 6.5842344623e-3,
    ]),
    certified_rss=5.6427082397e3,
)
