# cython: language_level=3
"""Fits exponential decays without the GIL."""

from libc.math cimport exp
from libc.stdlib cimport free, malloc

from leastsq cimport cython_leastsq as solver

cdef enum:
    POINTS = 50
    PARAMETERS = 2


cdef int residual(
    void *p, int m, int n, const double *x, double *fvec, int iflag
) noexcept nogil:
    cdef const double *y = <const double *>p
    cdef int i
    for i in range(m):
        fvec[i] = x[0] * exp(-x[1] * 0.1 * i) - y[i]
    return 0


def fit(double amplitude, double rate, int repetitions):
    """Return the parameters found from the curve of the given ones, many times over."""
    cdef double y[POINTS]
    cdef double x[PARAMETERS]
    cdef double fvec[POINTS]
    cdef double wa[POINTS * PARAMETERS + 5 * PARAMETERS + POINTS]
    cdef int iwa[PARAMETERS]
    cdef int i, k, info = 0
    with nogil:
        for i in range(POINTS):
            y[i] = amplitude * exp(-rate * 0.1 * i)
        for k in range(repetitions):
            x[0] = 1.0
            x[1] = 1.0
            info = solver.leastsq_lmdif1(
                residual, y, POINTS, PARAMETERS, x, fvec, 1e-10, iwa, wa,
                POINTS * PARAMETERS + 5 * PARAMETERS + POINTS)
    return info, x[0], x[1]


def ask(double amplitude, double rate):
    """The same fit by reverse communication."""
    cdef double[PARAMETERS] start = [1.0, 1.0]
    cdef double[PARAMETERS] point
    cdef double[POINTS] y
    cdef solver.leastsq_view view
    cdef int i, j
    cdef void *block = malloc(solver.leastsq_workspace_size(POINTS, PARAMETERS))
    if block == NULL:
        raise MemoryError
    for i in range(POINTS):
        y[i] = amplitude * exp(-rate * 0.1 * i)
    solver.leastsq_start(block, POINTS, PARAMETERS, start, 1e-10, 1e-10, 0.0,
                         200 * (PARAMETERS + 1), 0.0, NULL, 1, 100.0, 0)
    while solver.leastsq_inspect(block, &view) > 0:
        if view.request == 1:
            residual(y, POINTS, PARAMETERS, view.point, view.residual, 1)
        else:
            for j in range(PARAMETERS):
                solver.leastsq_difference_point(block, j, point)
                residual(y, POINTS, PARAMETERS, point, view.residual, 2)
                solver.leastsq_difference_column(block, j, view.residual)
        solver.leastsq_resume(block, 0)
    result = view.info, view.x[0], view.x[1]
    free(block)
    return result


def addresses():
    """Use every function, so that each type is compared when the module is loaded."""
    cdef void *functions[18]
    functions[0] = <void *>solver.leastsq_lmdif
    functions[1] = <void *>solver.leastsq_lmder
    functions[2] = <void *>solver.leastsq_lmdif1
    functions[3] = <void *>solver.leastsq_lmder1
    functions[4] = <void *>solver.leastsq_enorm
    functions[5] = <void *>solver.leastsq_qrfac
    functions[6] = <void *>solver.leastsq_qrsolv
    functions[7] = <void *>solver.leastsq_lmpar
    functions[8] = <void *>solver.leastsq_fdjac2
    functions[9] = <void *>solver.leastsq_covar
    functions[10] = <void *>solver.leastsq_chkder
    functions[11] = <void *>solver.leastsq_dpmpar
    functions[12] = <void *>solver.leastsq_workspace_size
    functions[13] = <void *>solver.leastsq_start
    functions[14] = <void *>solver.leastsq_resume
    functions[15] = <void *>solver.leastsq_inspect
    functions[16] = <void *>solver.leastsq_difference_point
    functions[17] = <void *>solver.leastsq_difference_column
    cdef int i
    return [<size_t>functions[i] for i in range(18)]
