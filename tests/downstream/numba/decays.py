"""Fits many decays in one compiled loop: numba calls the solver, the solver calls numba."""

import ctypes

import numpy as np
from numba import carray, cfunc, njit, types
from numba.extending import get_cython_function_address

address = get_cython_function_address("leastsq.cython_leastsq", "leastsq_lmdif")
pointer, integer, real = ctypes.c_void_p, ctypes.c_int, ctypes.c_double
lmdif = ctypes.CFUNCTYPE(
    integer, *[pointer] * 2, *[integer] * 2, *[pointer] * 2, *[real] * 3, integer, real, pointer,
    integer, real, integer, *[pointer] * 2, integer, *[pointer] * 6,
)(address)  # fmt: skip

doubles = types.CPointer(types.double)


@cfunc(types.intc(doubles, types.intc, types.intc, doubles, doubles, types.intc))
def residual(data, m, n, x, fvec, iflag):
    p, y, f = carray(x, (n,)), carray(data, (m,)), carray(fvec, (m,))
    for i in range(m):
        f[i] = p[0] * np.exp(-p[1] * 0.1 * i) - y[i]
    return 0


@njit
def fit_all(function, curves):
    m, n = curves.shape[1], 2
    solutions = np.ones((curves.shape[0], n))
    fvec, fjac, qtf, diag = np.empty(m), np.empty((n, m)), np.empty(n), np.empty(n)
    work, wa4 = np.empty((3, n)), np.empty(m)
    ipvt, nfev = np.empty(n, np.intc), np.empty(1, np.intc)
    for k in range(curves.shape[0]):
        info = lmdif(
            function, curves[k].ctypes, m, n, solutions[k].ctypes, fvec.ctypes, 1e-10, 1e-10, 0.0,
            1000, 0.0, diag.ctypes, 1, 100.0, 0, nfev.ctypes, fjac.ctypes, m, ipvt.ctypes,
            qtf.ctypes, work[0].ctypes, work[1].ctypes, work[2].ctypes, wa4.ctypes,
        )  # fmt: skip
        if info < 1 or info > 4:
            raise RuntimeError("no convergence")
    return solutions


truth = np.stack([np.linspace(1.0, 3.0, 100), np.linspace(0.5, 2.5, 100)], axis=1)
curves = truth[:, :1] * np.exp(-truth[:, 1:] * 0.1 * np.arange(50))
print(np.abs(fit_all(residual.address, curves) - truth).max() < 1e-8)
