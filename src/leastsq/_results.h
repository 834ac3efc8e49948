/* Converts what the user's functions return, or tell is given, to the core's arrays. */
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

/* The name of a function's result in errors. */
extern const char leastsq_result[];

/* Any object as an array of its own dtype; NULL with an exception that has its name. */
PyArrayObject *leastsq_as_array(PyObject *object, const char *name);

/* The machine epsilon of an array's dtype: the default of epsfcn. */
double leastsq_relative_error(PyArrayObject *array);

/* Whether n <= m, and m fits a C int; 0 with an exception. */
int leastsq_length_fits(npy_intp m, npy_intp n);

/* The first residual, which determines m: a new fvec, and the machine epsilon of the residual's
 * dtype; NULL with an exception if it is no residual of n parameters. */
PyArrayObject *leastsq_as_residual(PyObject *result, npy_intp n, double *relative_error);

/* Any object as contiguous doubles of exactly that shape; NULL with an exception: name is used if
 * there are no doubles in it, subject begins the sentence if the shape is another. */
PyArrayObject *leastsq_exact_doubles(PyObject *object, const char *name, int ndim,
                                     const npy_intp *shape, const char *subject);

/* In the shape above: any length; errors show it as a letter. */
#define LEASTSQ_ANY_LENGTH(letter) (-(letter))

/* Copies a residual of m numbers to out; 0, or -1 with an exception. */
int leastsq_store_residual(PyObject *result, npy_intp m, double *out);

/* Copies a row-major m x n matrix as a column-major one, block by block. */
void leastsq_transpose(const double *rows, npy_intp m, npy_intp n, double *columns);

/* Copies a contiguous Jacobian, (m, n) or by columns (n, m), to the column-major out. */
void leastsq_copy_jacobian(const double *jacobian, npy_intp m, npy_intp n, int by_columns,
                           double *out);

/* Copies a Jacobian, (m, n) or transposed (n, m), to the column-major out; 0, or -1 with an
 * exception that has dfun's name. */
int leastsq_store_jacobian(PyObject *result, PyObject *dfun, npy_intp m, npy_intp n,
                           int transposed, double *out);

/* Defined in fortran/covar.f90; not part of leastsq.h. */
void leastsq_covariance(int n, double *r, const int *ipvt, double *work);

/* Copies R from the upper triangle of fjac, m x n and column-major, to that of r, n x n; returns 0
 * if R has an exact zero on its diagonal, r being undefined then. */
int leastsq_copy_triangle(const double *fjac, npy_intp m, npy_intp n, double *r);

/* Whether x, R and the norm of fvec are finite. A column norm of the Jacobian that is not finite
 * leaves an element of R that is not. */
int leastsq_is_finite(npy_intp m, npy_intp n, const double *x, const double *fvec,
                      const double *fjac);

#endif
