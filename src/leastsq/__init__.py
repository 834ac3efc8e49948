"""Nonlinear least squares by Levenberg-Marquardt, with the bits of MINPACK.

`leastsq` has the signature and the results of `scipy.optimize.leastsq`. The module `minpack`
offers its building blocks on NumPy arrays; `get_include` and `get_library_dir` tell other packages
where the C and Fortran library is.
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
