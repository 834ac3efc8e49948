"""Spectra by HyperSpy, with SciPy's solver and with ours: prints whether all is equal."""

import hyperspy.api as hs
import numpy as np
import scipy.optimize

from leastsq import leastsq

x = np.arange(200.0)
peaks = np.array([80.0, 100.0, 120.0])[:, None]
y = 30.0 * np.exp(-0.5 * ((x - peaks) / 12.0) ** 2) + np.sin(31.0 * x)


def fit() -> tuple[bytes, bytes]:
    """Return centres and widths."""
    model = hs.signals.Signal1D(y).create_model()
    line = hs.model.components1D.Gaussian(A=700.0, sigma=10.0, centre=100.0)
    model.append(line)
    model.multifit(optimizer="lm", show_progressbar=False)
    centres = line.centre.map["values"]
    assert np.allclose(centres, peaks[:, 0], atol=1.0)
    return centres.tobytes(), line.sigma.map["values"].tobytes()


theirs = fit()
scipy.optimize.leastsq = leastsq
print(fit() == theirs)
