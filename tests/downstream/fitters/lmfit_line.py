"""A spectral line by lmfit, with SciPy's solver and with ours: prints whether all is equal."""

import lmfit
import lmfit.minimizer
import numpy as np

from leastsq import leastsq

x = np.linspace(-5.0, 5.0, 200)
y = 3.0 * np.exp(-0.5 * ((x - 1.3) / 0.8) ** 2) + 0.1 * np.sin(31.0 * x)


def fit() -> dict[str, float]:
    """Return the parameters."""
    model = lmfit.models.GaussianModel() + lmfit.models.ConstantModel()
    result = model.fit(y, x=x, amplitude=5.0, center=0.5, sigma=1.0, c=0.0)
    assert abs(result.params["center"].value - 1.3) < 0.05
    return dict(result.params.valuesdict())


theirs = fit()
lmfit.minimizer.scipy_leastsq = leastsq
print(fit() == theirs)
