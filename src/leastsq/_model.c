/* The residual of curve_fit: (model - data) / sigma.
 *
 * Contiguous arrays of doubles are subtracted and multiplied here, to NumPy's bits. NumPy does the
 * rest, and what it would warn of. */
#include "_methods.h"
#include "_results.h"

#include <fenv.h>
#include <math.h>
#include <string.h>

/* LAPACK's dtrtrs: solves a triangular system for nrhs right-hand sides. */
typedef void Dtrtrs(const char *uplo, const char *trans, const char *diag, const int *n,
                    const int *nrhs, const double *a, const int *lda, double *b, const int *ldb,
                    int *info);

/* The beginning of the capsule's name in SciPy's cython_lapack, which is the function's
 * signature. */
static const char DTRTRS[] = "void (char *, char *, char *, int *, int *, ";

/* dtrtrs for a row-major lower triangle, which is the only case that occurs without SciPy; to
 * LAPACK it is the transpose of an upper one. */
static void forward_substitution(const char *Py_UNUSED(uplo), const char *Py_UNUSED(trans),
                       const char *Py_UNUSED(diag), const int *n, const int *nrhs,
                       const double *a, const int *Py_UNUSED(lda), double *b, const int *ldb,
                       int *Py_UNUSED(info))
{
    for (int k = 0; k < *nrhs; k++, b += *ldb) {
        const double *row = a;

        for (int i = 0; i < *n; i++, row += *n) {
            double sum = b[i];

            for (int j = 0; j < i; j++)
                sum -= row[j] * b[j];
            b[i] = sum / row[i];
        }
    }
}

/* SciPy's dtrtrs, so that the bits are those of its solve_triangular; without SciPy our substitute;
 * NULL with an exception. */
static Dtrtrs *find_dtrtrs(void)
{
    /* ISO C has no cast between pointers to functions and to data. */
    union {
        void *pointer;
        Dtrtrs *function;
    } as = {.function = forward_substitution};
    PyObject *module = PyImport_ImportModule("scipy.linalg.cython_lapack");
    PyObject *table = module == NULL ? NULL : PyObject_GetAttrString(module, "__pyx_capi__");
    PyObject *capsule = table == NULL ? NULL : PyMapping_GetItemString(table, "dtrtrs");
    const char *name = capsule == NULL ? NULL : PyCapsule_GetName(capsule);

    if (name != NULL && strncmp(name, DTRTRS, sizeof DTRTRS - 1) == 0)
        as.pointer = PyCapsule_GetPointer(capsule, name);
    Py_XDECREF(capsule);
    Py_XDECREF(table);
    Py_XDECREF(module);
    if (PyErr_Occurred() && !PyErr_ExceptionMatches(PyExc_ImportError) &&
        !PyErr_ExceptionMatches(PyExc_KeyError))
        return NULL;
    PyErr_Clear();
    return as.function;
}

/* Solves for count right-hand sides, the rows of rhs, nrhs at a time; 0, or -1 with an
 * exception. */
static int solve_in_place(PyArrayObject *triangle, double *rhs, npy_intp count, int nrhs)
{
    static Dtrtrs *dtrtrs;
    const int m = (int)PyArray_DIM(triangle, 0), by_rows = PyArray_IS_C_CONTIGUOUS(triangle);
    int info;

    if (dtrtrs == NULL) {
        Dtrtrs *found = find_dtrtrs();

        if (found == NULL)
            return -1;
        dtrtrs = found;
    }
    for (npy_intp k = 0; k < count; k += nrhs)
        dtrtrs(by_rows ? "U" : "L", by_rows ? "T" : "N", "N", &m, &nrhs,
               PyArray_DATA(triangle), &m, rhs + k * m, &m, &info);
    return 0;
}

/* Whether rows are finite right-hand sides, a multiple of nrhs; 0 with an exception. */
static int rows_fit(PyArrayObject *rows, npy_intp m, npy_intp nrhs)
{
    const double *elements = PyArray_DATA(rows);

    if (PyArray_DIM(rows, PyArray_NDIM(rows) - 1) != m || nrhs < 1 ||
        PyArray_SIZE(rows) % (m * nrhs) != 0) {
        PyObject *shape = PyObject_GetAttrString((PyObject *)rows, "shape");

        if (shape != NULL) /* SciPy's message */
            PyErr_Format(PyExc_ValueError, "shapes of a (%zd, %zd) and b %R are incompatible",
                         (Py_ssize_t)m, (Py_ssize_t)m, shape);
        Py_XDECREF(shape);
        return 0;
    }
    for (npy_intp i = 0; i < PyArray_SIZE(rows); i++)
        if (!isfinite(elements[i])) {
            PyErr_SetString(PyExc_ValueError, "array must not contain infs or NaNs");
            return 0;
        }
    return 1;
}

/* whiten(triangle, rows, nrhs) -> the solutions for the rows of rows, (..., m)
 * triangle: lower, in C or Fortran order; without SciPy in C order. nrhs: how many rows are passed
 * to LAPACK at a time. */
PyObject *leastsq_py_whiten(PyObject *Py_UNUSED(self), PyObject *const *args, Py_ssize_t nargs)
{
    PyArrayObject *triangle, *rows;
    npy_intp m, nrhs;

    if (leastsq_check_nargs("whiten", nargs, 3) < 0)
        return NULL;
    triangle = (PyArrayObject *)args[0];
    m = PyArray_DIM(triangle, 0);
    nrhs = PyLong_AsSsize_t(args[2]);
    rows = (PyArrayObject *)PyArray_FromAny(args[1], PyArray_DescrFromType(NPY_DOUBLE), 1, 0,
                                            NPY_ARRAY_CARRAY | NPY_ARRAY_ENSURECOPY |
                                                NPY_ARRAY_ENSUREARRAY | NPY_ARRAY_FORCECAST,
                                            NULL);
    if (rows != NULL &&
        (!rows_fit(rows, m, nrhs) ||
         solve_in_place(triangle, PyArray_DATA(rows), PyArray_SIZE(rows) / m, (int)nrhs) < 0))
        Py_CLEAR(rows);
    return (PyObject *)rows;
}

/* f(xdata, *p) */
static PyObject *call_model(PyObject *f, PyObject *xdata, PyObject *p)
{
    const Py_ssize_t n = PySequence_Size(p);
    PyObject **stack = n < 0 ? NULL : PyMem_New(PyObject *, n + 2), *result = NULL;
    Py_ssize_t made = 0;

    if (stack == NULL)
        return n < 0 ? NULL : PyErr_NoMemory();
    stack[1] = xdata;
    for (; made < n; made++) {
        stack[made + 2] = PySequence_GetItem(p, made);
        if (stack[made + 2] == NULL)
            break;
    }
    if (made == n)
        result = PyObject_Vectorcall(f, stack + 1, (size_t)(n + 1) | PY_VECTORCALL_ARGUMENTS_OFFSET,
                                     NULL);
    while (made-- > 0)
        Py_DECREF(stack[made + 2]);
    PyMem_Free(stack);
    return result;
}

/* The data of a contiguous array of doubles whose rows have m elements; NULL for other objects. */
static const double *doubles_of(PyObject *object, npy_intp m)
{
    PyArrayObject *array = (PyArrayObject *)object;

    if (!PyArray_CheckExact(object) || PyArray_TYPE(array) != NPY_DOUBLE ||
        !PyArray_ISCARRAY_RO(array) || PyArray_NDIM(array) == 0 ||
        PyArray_DIM(array, PyArray_NDIM(array) - 1) != m)
        return NULL;
    return PyArray_DATA(array);
}

/* transform * (model - ydata) of doubles; NULL without an exception if NumPy would warn or there is
 * no memory. */
static PyObject *subtract(PyArrayObject *model, const double *ydata, const double *transform,
                          npy_intp m)
{
    const double *value = PyArray_DATA(model);
    npy_intp rows = m == 0 ? 0 : PyArray_SIZE(model) / m;
    PyObject *difference = PyArray_NewLikeArray(model, NPY_CORDER, NULL, 0);
    double *out;

    if (difference == NULL) {
        PyErr_Clear();
        return NULL;
    }
    out = PyArray_DATA((PyArrayObject *)difference);
    feclearexcept(FE_ALL_EXCEPT);
    for (; rows > 0; rows--, value += m, out += m) {
        for (npy_intp i = 0; i < m; i++)
            out[i] = value[i] - ydata[i];
        for (npy_intp i = 0; i < m && transform != NULL; i++)
            out[i] *= transform[i];
    }
    if (fetestexcept(FE_INVALID | FE_OVERFLOW | FE_UNDERFLOW | FE_DIVBYZERO))
        Py_CLEAR(difference);
    return difference;
}

/* model_residual(f, xdata, ydata, transform, p) -> transform * (f(xdata, *p) - ydata)
 * transform: None or an array. If f is vectorized p is (n, s, 1), and f returns (s, m). */
PyObject *leastsq_py_model_residual(PyObject *Py_UNUSED(self), PyObject *const *args,
                                    Py_ssize_t nargs)
{
    PyObject *model, *difference = NULL;
    npy_intp m;

    if (leastsq_check_nargs("model_residual", nargs, 5) < 0)
        return NULL;
    model = call_model(args[0], args[1], args[4]);
    if (model == NULL)
        return NULL;
    m = PyArray_SIZE((PyArrayObject *)args[2]);
    if (doubles_of(model, m) != NULL && doubles_of(args[2], m) != NULL &&
        PyArray_NDIM((PyArrayObject *)args[2]) == 1 &&
        (args[3] == Py_None || (doubles_of(args[3], m) != NULL &&
                                PyArray_NDIM((PyArrayObject *)args[3]) == 1)))
        difference = subtract((PyArrayObject *)model, PyArray_DATA((PyArrayObject *)args[2]),
                              args[3] == Py_None ? NULL : PyArray_DATA((PyArrayObject *)args[3]),
                              m);
    if (difference == NULL) {
        difference = PyNumber_Subtract(model, args[2]);
        if (difference != NULL && args[3] != Py_None)
            Py_SETREF(difference, PyNumber_Multiply(args[3], difference));
    }
    Py_DECREF(model);
    return difference;
}
