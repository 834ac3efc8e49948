"""Bootstrap errors of one fit: the fit again, on two thousand samples of its own residuals.

Run it as ``python bootstrap.py [FOLDER]``; a picture goes to FOLDER, by matplotlib.
"""

# %% One fit, and what its covariance says.
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt

from leastsq import leastsq, leastsq_many

Array = npt.NDArray[np.float64]

T = np.linspace(0.0, 4.0, 80)
RNG = np.random.default_rng(7)
MEASURED = 3.0 * np.exp(-1.2 * T) + 0.5 + 0.1 * RNG.standard_normal(T.size)


def residual(p: Array, values: Array) -> Array:
    """Return how far a decay is from values; p and values may be those of many fits."""
    away: Array = p[0] * np.exp(-p[1] * T) + p[2] - values
    return away


x, cov_x, infodict, _, ier = leastsq(residual, [1.0, 1.0, 0.0], (MEASURED,), full_output=True)
assert ier in (1, 2, 3, 4)
assert cov_x is not None
variance = infodict["fvec"] @ infodict["fvec"] / (T.size - x.size)
linear = np.sqrt(np.diag(cov_x) * variance)

# %% The bootstrap: residuals drawn with replacement on the curve that was found. Every fit starts
# where the first one ended.
model = MEASURED + infodict["fvec"]
drawn = RNG.choice(infodict["fvec"], (2000, T.size)) * np.sqrt(T.size / (T.size - x.size))
result = leastsq_many(residual, x, data=model - drawn, vectorized=True, cov=False)
print(result)
errors = result.x.std(axis=0, ddof=1)
for name, value, a, b in zip(("amplitude", "rate", "rest"), x, linear, errors, strict=True):
    print(f"{name:10} {value:.3f}  linearised {a:.3f}  bootstrap {b:.3f}")
assert result.success.all()
assert np.allclose(errors, linear, rtol=0.15)

# %% What a standard error does not say: amplitude and rate go together.
if len(sys.argv) > 1:
    from matplotlib import pyplot as plt

    figure, axis = plt.subplots(figsize=(4.5, 3.6), layout="constrained")
    axis.plot(*result.x[:, :2].T, ".", markersize=2)
    axis.set(xlabel="amplitude", ylabel="rate")
    figure.savefig(Path(sys.argv[1]) / "bootstrap.png")
