#include "_results.h"
#include "_methods.h"
#include "leastsq.h"

#include <float.h>
#include <limits.h>
#include <math.h>
#include <string.h>

/* Edge of the blocks in subject a matrix is transposed: both sides of a block fit the L1 cache. */
enum { BLOCK = 32 };

const char leastsq_result[] = "Result from function call"; /* SciPy's words */

#define HALF_EPSILON 0x1p-10 /* of IEEE half precision, NumPy's float16 */

/* Replaces NumPy's TypeError or ValueError by ours, with NumPy's as its cause; other exceptions,
 * such as KeyboardInterrupt, stay. */
static void explain_not_floats(const char *name, int is_none)
{
    PyObject *cause, *error;

    if (!PyErr_ExceptionMatches(PyExc_TypeError) && !PyErr_ExceptionMatches(PyExc_ValueError))
        return;
    cause = leastsq_take_exception();
    PyErr_Format(PyExc_TypeError, "%s is not a proper array of floats.%s", name,
                 !is_none                 ? ""
                 : name == leastsq_result ? " It is None: was a `return` forgotten?"
                                          : " It is None.");
    error = leastsq_take_exception();
    PyException_SetCause(error, cause);
    leastsq_set_exception(error);
}

static int is_plain_doubles(PyObject *object, int ndim)
{
    return PyArray_CheckExact(object) && PyArray_TYPE((PyArrayObject *)object) == NPY_DOUBLE &&
           PyArray_NDIM((PyArrayObject *)object) == ndim &&
           PyArray_ISCARRAY_RO((PyArrayObject *)object);
}

PyArrayObject *leastsq_as_array(PyObject *object, const char *name)
{
    PyObject *array = PyArray_FromAny(object, NULL, 0, 0, NPY_ARRAY_ENSUREARRAY, NULL);

    if (array == NULL)
        explain_not_floats(name, 0);
    return (PyArrayObject *)array;
}

static int is_none(PyArrayObject *array)
{
    return PyArray_NDIM(array) == 0 && PyArray_TYPE(array) == NPY_OBJECT &&
           *(PyObject **)PyArray_DATA(array) == Py_None;
}

/* The array as native contiguous doubles of at most max_ndim dimensions, by a safe cast. */
static PyArrayObject *as_doubles(PyArrayObject *array, int max_ndim, const char *name)
{
    PyObject *doubles = PyArray_FromAny((PyObject *)array, PyArray_DescrFromType(NPY_DOUBLE), 0,
                                        max_ndim, NPY_ARRAY_CARRAY_RO, NULL);

    if (doubles == NULL)
        explain_not_floats(name, is_none(array));
    return (PyArrayObject *)doubles;
}

static int same_size(PyArrayObject *array, npy_intp m)
{
    if (PyArray_SIZE(array) == m)
        return 1;
    PyErr_SetString(PyExc_ValueError,
                    "The array returned by a function changed size between calls");
    return 0;
}

/* The size is compared before anything is copied: a wrong one may exceed memory. */
static int convert_residual(PyArrayObject *array, npy_intp m, double *out)
{
    PyArrayObject *doubles;

    if (PyArray_NDIM(array) <= 1 && PyArray_TYPE(array) != NPY_OBJECT && !same_size(array, m))
        return -1;
    doubles = as_doubles(array, 1, leastsq_result);
    if (doubles == NULL)
        return -1;
    memcpy(out, PyArray_DATA(doubles), (size_t)m * sizeof(double));
    Py_DECREF(doubles);
    return 0;
}

int leastsq_store_residual(PyObject *result, npy_intp m, double *out)
{
    PyArrayObject *array;
    int status;

    if (is_plain_doubles(result, 1)) {
        if (!same_size((PyArrayObject *)result, m))
            return -1;
        memcpy(out, PyArray_DATA((PyArrayObject *)result), (size_t)m * sizeof(double));
        return 0;
    }
    array = leastsq_as_array(result, leastsq_result);
    if (array == NULL)
        return -1;
    status = convert_residual(array, m, out);
    Py_DECREF(array);
    return status;
}

double leastsq_relative_error(PyArrayObject *array)
{
    switch (PyArray_TYPE(array)) {
    case NPY_HALF:
        return HALF_EPSILON;
    case NPY_FLOAT:
        return FLT_EPSILON;
    default:
        return DBL_EPSILON;
    }
}

int leastsq_length_fits(npy_intp m, npy_intp n)
{
    if (m > INT_MAX)
        PyErr_Format(PyExc_OverflowError,
                     "func output vector length M=%zd is more than a C int can hold",
                     (Py_ssize_t)m);
    else if (m < n)
        PyErr_Format(PyExc_TypeError,
                     "Improper input: func input vector length N=%zd must not exceed func output "
                     "vector length M=%zd",
                     (Py_ssize_t)n, (Py_ssize_t)m);
    else
        return 1;
    return 0;
}

PyArrayObject *leastsq_as_residual(PyObject *result, npy_intp n, double *relative_error)
{
    PyArrayObject *array = leastsq_as_array(result, leastsq_result);
    PyObject *fvec = NULL;
    npy_intp m;

    if (array == NULL)
        return NULL;
    m = PyArray_NDIM(array) == 0 ? 1 : PyArray_DIM(array, 0);
    *relative_error = leastsq_relative_error(array);
    if (is_none(array) || leastsq_length_fits(m, n))
        fvec = PyArray_SimpleNew(1, &m, NPY_DOUBLE);
    if (fvec != NULL && convert_residual(array, m, PyArray_DATA((PyArrayObject *)fvec)) < 0)
        Py_CLEAR(fvec);
    Py_DECREF(array);
    return (PyArrayObject *)fvec;
}

/* A shape as Python writes it; the negative of a letter is that letter. */
static PyObject *shape_text(int ndim, const npy_intp *shape)
{
    PyObject *text = PyUnicode_FromString("(");

    for (int i = 0; text != NULL && i < ndim; i++) {
        const char *after = i + 1 < ndim ? ", " : ndim == 1 ? "," : "";

        Py_SETREF(text, shape[i] < 0
                            ? PyUnicode_FromFormat("%U%c%s", text, (int)-shape[i], after)
                            : PyUnicode_FromFormat("%U%zd%s", text, (Py_ssize_t)shape[i], after));
    }
    if (text != NULL)
        Py_SETREF(text, PyUnicode_FromFormat("%U)", text));
    return text;
}

static int has_shape(PyArrayObject *array, int ndim, const npy_intp *shape)
{
    if (PyArray_NDIM(array) != ndim)
        return 0;
    for (int i = 0; i < ndim; i++)
        if (shape[i] >= 0 && PyArray_DIM(array, i) != shape[i])
            return 0;
    return 1;
}

PyArrayObject *leastsq_exact_doubles(PyObject *object, const char *name, int ndim,
                                     const npy_intp *shape, const char *subject)
{
    PyArrayObject *array, *doubles = NULL;
    PyObject *wanted, *given;

    if (is_plain_doubles(object, ndim) && has_shape((PyArrayObject *)object, ndim, shape))
        return (PyArrayObject *)Py_NewRef(object);
    array = leastsq_as_array(object, name);
    if (array == NULL)
        return NULL;
    if (is_none(array) || has_shape(array, ndim, shape))
        doubles = as_doubles(array, ndim, name);
    else {
        wanted = shape_text(ndim, shape);
        given = shape_text(PyArray_NDIM(array), PyArray_DIMS(array));
        if (wanted != NULL && given != NULL)
            PyErr_Format(PyExc_ValueError, "%s should have the shape %U but it is %U.", subject,
                         wanted, given);
        Py_XDECREF(wanted);
        Py_XDECREF(given);
    }
    Py_DECREF(array);
    return doubles;
}

static int refuse_shape(PyArrayObject *array, PyObject *dfun, npy_intp rows, npy_intp columns)
{
    PyObject *name = PyObject_GetAttrString(dfun, "__name__");
    PyObject *label = NULL, *shape = NULL;

    if (name == NULL) {
        if (!PyErr_ExceptionMatches(PyExc_AttributeError))
            return -1;
        PyErr_Clear();
    }
    label = name == NULL ? PyUnicode_FromString("") : PyUnicode_FromFormat(" '%S'", name);
    Py_XDECREF(name);
    shape = PyArray_IntTupleFromIntp(PyArray_NDIM(array), PyArray_DIMS(array));
    if (label != NULL && shape != NULL)
        PyErr_Format(PyExc_TypeError,
                     "leastsq: there is a mismatch between the input and output shape of the "
                     "'Dfun' argument%U. Shape should be (%zd, %zd) but it is %R.",
                     label, (Py_ssize_t)rows, (Py_ssize_t)columns, shape);
    Py_XDECREF(label);
    Py_XDECREF(shape);
    return -1;
}

static int shape_fits(PyArrayObject *array, npy_intp rows, npy_intp columns, npy_intp n)
{
    if (n == 1)
        return PyArray_NDIM(array) >= 1 && PyArray_NDIM(array) <= 2 &&
               PyArray_SIZE(array) == rows * columns;
    return PyArray_NDIM(array) == 2 && PyArray_DIM(array, 0) == rows &&
           PyArray_DIM(array, 1) == columns;
}

void leastsq_transpose(const double *rows, npy_intp m, npy_intp n, double *columns)
{
    for (npy_intp i0 = 0; i0 < m; i0 += BLOCK)
        for (npy_intp j0 = 0; j0 < n; j0 += BLOCK) {
            npy_intp i1 = i0 + BLOCK < m ? i0 + BLOCK : m;
            npy_intp j1 = j0 + BLOCK < n ? j0 + BLOCK : n;

            for (npy_intp j = j0; j < j1; j++)
                for (npy_intp i = i0; i < i1; i++)
                    columns[j * m + i] = rows[i * n + j];
        }
}

/* Casts and copies any real array into out, through a view of out that has the array's shape: there
 * is no temporary of that size. */
static int cast_into(PyArrayObject *array, int transposed, double *out)
{
    PyArray_Descr *type = PyArray_DescrFromType(NPY_DOUBLE);
    PyObject *view;
    int status, flags = NPY_ARRAY_WRITEABLE | NPY_ARRAY_ALIGNED;

    flags |= transposed ? NPY_ARRAY_C_CONTIGUOUS : NPY_ARRAY_F_CONTIGUOUS;
    if (!PyArray_CanCastArrayTo(array, type, NPY_SAFE_CASTING)) {
        Py_DECREF(type);
        Py_XDECREF(as_doubles(array, 2, leastsq_result)); /* which sets the exception */
        return -1;
    }
    view = PyArray_NewFromDescr(&PyArray_Type, type, PyArray_NDIM(array), PyArray_DIMS(array),
                                NULL, out, flags, NULL);
    if (view == NULL)
        return -1;
    status = PyArray_CopyInto((PyArrayObject *)view, array);
    Py_DECREF(view);
    return status;
}

void leastsq_copy_jacobian(const double *jacobian, npy_intp m, npy_intp n, int by_columns,
                           double *out)
{
    if (by_columns || n == 1)
        memcpy(out, jacobian, (size_t)m * (size_t)n * sizeof(double));
    else
        leastsq_transpose(jacobian, m, n, out);
}

int leastsq_store_jacobian(PyObject *result, PyObject *dfun, npy_intp m, npy_intp n,
                           int transposed, double *out)
{
    npy_intp rows = transposed ? n : m, columns = transposed ? m : n;
    int status = 0;
    PyArrayObject *array = leastsq_as_array(result, leastsq_result);

    if (array == NULL)
        return -1;
    if (!shape_fits(array, rows, columns, n))
        status = refuse_shape(array, dfun, rows, columns);
    else if (!is_plain_doubles((PyObject *)array, PyArray_NDIM(array)))
        status = cast_into(array, transposed || n == 1, out);
    else
        leastsq_copy_jacobian(PyArray_DATA(array), m, n, transposed, out);
    Py_DECREF(array);
    return status;
}

int leastsq_is_finite(npy_intp m, npy_intp n, const double *x, const double *fvec,
                      const double *fjac)
{
    for (npy_intp j = 0; j < n; j++) {
        if (!isfinite(x[j]))
            return 0;
        for (npy_intp i = 0; i <= j; i++)
            if (!isfinite(fjac[j * m + i]))
                return 0;
    }
    return isfinite(leastsq_enorm((int)m, fvec));
}

int leastsq_copy_triangle(const double *fjac, npy_intp m, npy_intp n, double *r)
{
    for (npy_intp j = 0; j < n; j++) {
        if (fjac[j * m + j] == 0.0)
            return 0;
        memcpy(r + j * n, fjac + j * m, (size_t)(j + 1) * sizeof(double));
    }
    return 1;
}
