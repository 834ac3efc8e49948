"""A spectral line by astropy, with SciPy's solver and with ours: prints whether all is equal."""

import numpy as np
import scipy.optimize
from astropy.modeling import fitting, models

from leastsq import leastsq

x = np.linspace(-5.0, 5.0, 200)
y = 3.0 * np.exp(-0.5 * ((x - 1.3) / 0.8) ** 2) + 0.1 * np.sin(31.0 * x)


def fit() -> tuple[bytes, int]:
    """Return the parameters and the evaluations."""
    fitter = fitting.LevMarLSQFitter()
    line = fitter(models.Gaussian1D(amplitude=1.0, mean=0.0, stddev=1.0), x, y)
    assert abs(line.mean.value - 1.3) < 0.05
    return line.parameters.tobytes(), fitter.fit_info["nfev"]


theirs = fit()
scipy.optimize.leastsq = leastsq
print(fit() == theirs)
