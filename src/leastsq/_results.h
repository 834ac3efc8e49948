/* What the user's functions return, turned into the numbers that the core wants. */
#ifndef LEASTSQ_RESULTS_H
#define LEASTSQ_RESULTS_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* The C API table that the f2py module imports. */
#define NPY_NO_DEPRECATED_API NPY_2_0_API_VERSION
#define NPY_TARGET_VERSION NPY_2_0_API_VERSION
#define NO_IMPORT_ARRAY
#define PY_ARRAY_UNIQUE_SYMBOL _npy_f2py_ARRAY_API
#include <numpy/arrayobject.h>

/* Any object as an array of its own type; an exception stands where NULL is returned. */
PyArrayObject *leastsq_as_array(PyObject *result);

/* Whether an array is what leastsq_as_array makes of None: a residual that cannot be stored. */
int leastsq_is_none(PyArrayObject *array);

/* Copies a residual of m numbers to out; 0, or -1 with an exception. */
int leastsq_store_residual(PyObject *result, npy_intp m, double *out);

/* Copies a Jacobian, (m, n) or transposed (n, m), to out by columns; 0, or -1 with an exception
 * that names dfun. */
int leastsq_store_jacobian(PyObject *result, PyObject *dfun, npy_intp m, npy_intp n,
                           int transposed, double *out);

#endif
