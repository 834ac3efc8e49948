# cython: language_level=3
"""Decays behind an instrument's response: the residual of cython_residual.py."""

from libc.math cimport exp


# api puts it into __pyx_capi__, as a PyCapsule. p points to two arrays, the m measured
# values and the response; x is amplitude, lifetime in channels and background.
cdef api int residual(
    void *p, int m, int n, const double *x, double *fvec, int iflag
) noexcept nogil:
    cdef const double **arrays = <const double **>p
    cdef const double *measured = arrays[0]
    cdef const double *response = arrays[1]
    cdef double left = exp(-1.0 / x[1]), excited = 0.0
    cdef int i
    for i in range(m):  # the convolution, as a recurrence
        excited = left * excited + response[i]
        fvec[i] = x[0] * excited + x[2] - measured[i]
    return 0  # negative: stop


def called(size_t p, int m, int n, size_t x, size_t fvec):
    """Call the same function from Python, with addresses for pointers."""
    return residual(<void *>p, m, n, <const double *>x, <double *>fvec, 1)
