"""Nonlinear least squares by Levenberg-Marquardt, with the bits of MINPACK.

One fit:

- `leastsq` takes a function of residuals; it is `scipy.optimize.leastsq`, faster.
- `curve_fit` takes a model and data; it is `scipy.optimize.curve_fit` for method 'lm'.
- `LevenbergMarquardt` asks for residuals, which are computed elsewhere, and can be pickled.

Many fits:

- `leastsq_many` fits every pixel, spectrum or spot; it returns a `LeastsqManyResult`.

Residuals without Python:

- `CompiledResidual` is one of C, Fortran, Cython or numba, for `leastsq` and `leastsq_many`.

For methods and programs of your own:

- `minpack` has the building blocks (enorm, qrfac, qrsolv, lmpar, covar, chkder) on NumPy arrays.
- `get_include` and `get_library_dir`, and the command ``leastsq-config``, tell compilers where the
  C and Fortran library is; `cython_leastsq` is for ``cimport``.
- `show_config` prints versions and how the package was built.

Types of what these return, pass to callbacks and warn with: `InfoDict`, `IntermediateResult`,
`OptimizeWarning`.
"""

from leastsq import minpack
from leastsq._asktell import LevenbergMarquardt
from leastsq._compiled import CompiledResidual
from leastsq._config import __version__, get_include, get_library_dir, show_config
from leastsq._curve_fit import OptimizeWarning, curve_fit
from leastsq._driver import IntermediateResult
from leastsq._leastsq import leastsq
from leastsq._many import leastsq_many
from leastsq._many_result import LeastsqManyResult
from leastsq._outcome import InfoDict
from leastsq._signatures import hide_types

__all__ = [
    "CompiledResidual",
    "InfoDict",
    "IntermediateResult",
    "LeastsqManyResult",
    "LevenbergMarquardt",
    "OptimizeWarning",
    "__version__",
    "curve_fit",
    "get_include",
    "get_library_dir",
    "leastsq",
    "leastsq_many",
    "minpack",
    "show_config",
]

hide_types(globals()[name] for name in __all__)
hide_types(getattr(minpack, name) for name in minpack.__all__)
