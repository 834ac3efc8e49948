"""The C API for Cython and numba: the functions of ``cython_leastsq.pxd`` at run time.

Cython imports this module for ``from leastsq cimport cython_leastsq`` and takes the functions from
its ``__pyx_capi__``; so does `numba.extending.get_cython_function_address`.
"""

from leastsq._minpack import __pyx_capi__

__all__ = ["__pyx_capi__"]
