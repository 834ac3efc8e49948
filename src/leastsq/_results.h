/* What the user's functions return, or tell is given, turned into what the core wants. */
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

/* What the user's functions return, as an error calls it. */
extern const char leastsq_result[];

/* Any object as an array of its own type; NULL with an exception that says what is none. */
PyArrayObject *leastsq_as_array(PyObject *object, const char *what);

/* The relative error of numbers of an array's type, from which a difference step comes. */
double leastsq_relative_error(PyArrayObject *array);

/* Whether a residual's length is one that n parameters can have; 0 with an exception. */
int leastsq_length_fits(npy_intp m, npy_intp n);

/* The first residual, which tells m: a fresh fvec, and the relative error of its type; NULL with
 * an exception where it is none, or n parameters cannot have it. */
PyArrayObject *leastsq_as_residual(PyObject *result, npy_intp n, double *relative_error);

/* Any object as contiguous doubles of exactly that shape; NULL with an exception that says what is
 * none, or which array has another shape. */
PyArrayObject *leastsq_exact_doubles(PyObject *object, const char *what, int ndim,
                                     const npy_intp *shape, const char *which);

/* In such a shape: any length, shown as a letter. */
#define LEASTSQ_ANY(letter) (-(letter))

/* Copies a residual of m numbers to out; 0, or -1 with an exception. */
int leastsq_store_residual(PyObject *result, npy_intp m, double *out);

/* Copies a row-major m x n matrix as a column-major one, block by block. */
void leastsq_transpose(const double *rows, npy_intp m, npy_intp n, double *columns);

/* Copies a contiguous Jacobian, (m, n) or by columns (n, m), to out by columns. */
void leastsq_copy_jacobian(const double *jacobian, npy_intp m, npy_intp n, int by_columns,
                           double *out);

/* Copies a Jacobian, (m, n) or transposed (n, m), to out by columns; 0, or -1 with an exception
 * that names dfun. */
int leastsq_store_jacobian(PyObject *result, PyObject *dfun, npy_intp m, npy_intp n,
                           int transposed, double *out);

/* Of the core, fortran/covar.f90, but not part of leastsq.h. */
void leastsq_covariance(int n, double *r, const int *ipvt, double *work);

/* Copies R, (n, m) by columns, to the upper triangle of an n x n matrix; 0 where its diagonal has
 * an exact zero, and nothing of use was copied. */
int leastsq_copy_triangle(const double *fjac, npy_intp m, npy_intp n, double *r);

/* Whether x, R and the norm of fvec are finite. In R one sees every column norm of the Jacobian. */
int leastsq_is_finite(npy_intp m, npy_intp n, const double *x, const double *fvec,
                      const double *fjac);

#endif
