/* Helpers of all methods; cov_x; the configuration. */
#include "_methods.h"
#include "_results.h"
#include "leastsq.h"
#include "leastsq_build.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

int leastsq_check_nargs(const char *method, Py_ssize_t nargs, Py_ssize_t wanted)
{
    if (nargs == wanted)
        return 0;
    PyErr_Format(PyExc_TypeError, "%s() takes %zd arguments, not %zd", method, wanted, nargs);
    return -1;
}

PyObject *leastsq_new_capsule(void *memory, const char *name, PyCapsule_Destructor destructor)
{
    PyObject *capsule;

    if (memory == NULL)
        return PyErr_NoMemory();
    capsule = PyCapsule_New(memory, name, destructor);
    if (capsule == NULL)
        PyMem_Free(memory);
    return capsule;
}

PyObject *leastsq_take_exception(void)
{
#if PY_VERSION_HEX >= 0x030C0000
    return PyErr_GetRaisedException();
#else
    PyObject *type, *error, *traceback;

    PyErr_Fetch(&type, &error, &traceback);
    PyErr_NormalizeException(&type, &error, &traceback);
    if (traceback != NULL)
        PyException_SetTraceback(error, traceback);
    Py_XDECREF(type);
    Py_XDECREF(traceback);
    return error;
#endif
}

void leastsq_set_exception(PyObject *error)
{
#if PY_VERSION_HEX >= 0x030C0000
    PyErr_SetRaisedException(error);
#else
    PyErr_Restore(Py_NewRef(Py_TYPE(error)), error, PyException_GetTraceback(error));
#endif
}

/* fresh_vector(value) -> new one-dimensional float64 array, by safe casts; value is flattened */
PyObject *leastsq_py_fresh_vector(PyObject *Py_UNUSED(self), PyObject *value)
{
    PyObject *array, *row, *vector;
    PyArrayObject *doubles;
    npy_intp size;

    array = PyArray_FromAny(value, NULL, 0, 0, NPY_ARRAY_ENSUREARRAY, NULL);
    if (array == NULL)
        return NULL;
    size = PyArray_SIZE((PyArrayObject *)array);
    if (size > INT_MAX) {
        PyErr_Format(PyExc_OverflowError, "an array of %zd elements is more than a C int can count",
                     (Py_ssize_t)size);
        Py_DECREF(array);
        return NULL;
    }
    row = size == 1 ? PyArray_Ravel((PyArrayObject *)array, NPY_CORDER) : Py_NewRef(array);
    Py_DECREF(array);
    if (row == NULL)
        return NULL;
    doubles = (PyArrayObject *)PyArray_FromAny(row, PyArray_DescrFromType(NPY_DOUBLE), 0, 0,
                                               NPY_ARRAY_CARRAY_RO, NULL);
    Py_DECREF(row);
    if (doubles == NULL)
        return NULL;
    vector = PyArray_SimpleNew(1, &size, NPY_DOUBLE);
    if (vector != NULL)
        memcpy(PyArray_DATA((PyArrayObject *)vector), PyArray_DATA(doubles),
               (size_t)size * sizeof(double));
    Py_DECREF(doubles);
    return vector;
}

/* covariance(fjac, ipvt) -> (J^T J)^-1, shape (n, n), or None where R is singular */
PyObject *leastsq_py_covariance(PyObject *Py_UNUSED(self), PyObject *const *args, Py_ssize_t nargs)
{
    PyArrayObject *fjac;
    const int *ipvt;
    npy_intp m, n, shape[2];
    PyObject *cov;
    double *work;
    int *from_one;

    if (leastsq_check_nargs("covariance", nargs, 2) < 0)
        return NULL;
    fjac = (PyArrayObject *)args[0];
    ipvt = PyArray_DATA((PyArrayObject *)args[1]);
    n = shape[0] = shape[1] = PyArray_DIM(fjac, 0);
    m = PyArray_DIM(fjac, 1);
    cov = PyArray_SimpleNew(2, shape, NPY_DOUBLE);
    work = PyMem_New(double, n);
    from_one = PyMem_New(int, n);
    if (cov == NULL || work == NULL || from_one == NULL) {
        Py_CLEAR(cov);
        PyErr_NoMemory();
    } else if (leastsq_copy_triangle(PyArray_DATA(fjac), m, n,
                                     PyArray_DATA((PyArrayObject *)cov))) {
        for (npy_intp j = 0; j < n; j++)
            from_one[j] = ipvt[j] + 1;
        leastsq_covariance((int)n, PyArray_DATA((PyArrayObject *)cov), from_one, work);
    } else
        Py_SETREF(cov, Py_NewRef(Py_None));
    PyMem_Free(work);
    PyMem_Free(from_one);
    return cov;
}

/* build_config() -> dict of strings: what this module was built from */
PyObject *leastsq_py_build_config(PyObject *Py_UNUSED(self), PyObject *Py_UNUSED(none))
{
    return Py_BuildValue("{ssssssssssss}", "version", LEASTSQ_BUILD_VERSION, "numpy",
                         LEASTSQ_BUILD_NUMPY, "c_compiler", LEASTSQ_BUILD_C_COMPILER,
                         "fortran_compiler", LEASTSQ_BUILD_FORTRAN_COMPILER, "fortran_flags",
                         LEASTSQ_BUILD_FORTRAN_FLAGS, "minpack", LEASTSQ_BUILD_MINPACK);
}

#ifdef LEASTSQ_BUNDLED

/* Sets a ValueError: LEASTSQ_SIMD names no instruction set that can be used here. */
static void set_simd_error(void)
{
    PyObject *names = PyUnicode_FromString("");

    for (int i = 0; names != NULL && leastsq_simd_available(i) != NULL; i++)
        Py_SETREF(names, PyUnicode_FromFormat("%U %s", names, leastsq_simd_available(i)));
    if (names != NULL)
        PyErr_Format(PyExc_ValueError,
                     "LEASTSQ_SIMD=%s is no instruction set of this machine, which has:%U",
                     getenv("LEASTSQ_SIMD"), names);
    Py_XDECREF(names);
}

/* instruction_set() -> the name of the one that the kernels use in this process */
PyObject *leastsq_py_instruction_set(PyObject *Py_UNUSED(self), PyObject *Py_UNUSED(none))
{
    const char *name = leastsq_simd();

    if (name == NULL) {
        set_simd_error();
        return NULL;
    }
    return PyUnicode_FromString(name);
}

#else

PyObject *leastsq_py_instruction_set(PyObject *Py_UNUSED(self), PyObject *Py_UNUSED(none))
{
    return PyUnicode_FromString("none (system MINPACK)");
}

#endif
