/* Binds a compiled residual to its arguments: the block of words that its pointer p points to.
 *
 * An adapter of numba's (_numba_adapters.py) makes a function's arguments of such words; a function
 * of C's reads addresses there. */
#include "_compiled.h"
#include "_methods.h"

#include <string.h>

/* What an argument must be, as _numba.py says it, to fit what has been compiled. */
enum { ARRAY_DTYPE, ARRAY_NDIM, ARRAY_FLAGS, ARRAY_KIND };
enum { NUMBER_TYPE, NUMBER_DTYPE, NUMBER_KIND };

static int add_word(Compiled *compiled, npy_intp word)
{
    if (compiled->nwords == compiled->room) {
        Py_ssize_t room = 2 * compiled->room + 16;
        npy_intp *words = PyMem_Realloc(compiled->words, (size_t)room * sizeof(npy_intp));

        if (words == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        compiled->words = words;
        compiled->room = room;
    }
    compiled->words[compiled->nwords++] = word;
    return 0;
}

static int add_words(Compiled *compiled, const npy_intp *words, int count)
{
    for (int i = 0; i < count; i++)
        if (add_word(compiled, words[i]) < 0)
            return -1;
    return 0;
}

/* Adds where an array is, and its shape and strides from axis first on; 0, or -1. */
static int add_array(Compiled *compiled, PyArrayObject *array, int first)
{
    const int ndim = PyArray_NDIM(array);

    if (add_word(compiled, (npy_intp)PyArray_DATA(array)) < 0)
        return -1;
    if (first >= ndim)
        return 0;
    if (add_words(compiled, PyArray_DIMS(array) + first, ndim - first) < 0)
        return -1;
    return add_words(compiled, PyArray_STRIDES(array) + first, ndim - first);
}

static int array_fits(PyObject *kind, PyObject *arg)
{
    PyArray_Descr *dtype = (PyArray_Descr *)PyTuple_GET_ITEM(kind, ARRAY_DTYPE);
    PyArrayObject *array = (PyArrayObject *)arg;

    return PyArray_CheckExact(arg) &&
           PyArray_NDIM(array) == PyLong_AsLong(PyTuple_GET_ITEM(kind, ARRAY_NDIM)) &&
           (PyArray_FLAGS(array) & LEASTSQ_LAYOUT) ==
               PyLong_AsLong(PyTuple_GET_ITEM(kind, ARRAY_FLAGS)) &&
           (PyArray_DESCR(array) == dtype || PyArray_EquivTypes(PyArray_DESCR(array), dtype));
}

/* Adds where a number is, in memory of ours; 1, or -1. */
static int add_number(Compiled *compiled, PyObject *dtype, PyObject *number)
{
    PyObject *array = PyArray_FromAny(number, (PyArray_Descr *)Py_NewRef(dtype), 0, 0, 0, NULL);
    int status = array == NULL ? -1 : PyList_Append(compiled->keep, array);

    if (status == 0)
        status = add_word(compiled, (npy_intp)PyArray_DATA((PyArrayObject *)array));
    Py_XDECREF(array);
    return status < 0 ? -1 : 1;
}

static int add_arguments(Compiled *compiled, PyObject *kinds, PyObject *args);

/* Adds an argument; 1, 0 where it does not fit, -1 with an exception. */
static int add_argument(Compiled *compiled, PyObject *kind, PyObject *arg)
{
    if (kind == Py_None) /* an array of any kind: a pointer wants its address */
        return add_word(compiled, (npy_intp)PyArray_DATA((PyArrayObject *)arg)) < 0 ? -1 : 1;
    if (PyList_Check(kind))
        return PyTuple_CheckExact(arg) ? add_arguments(compiled, kind, arg) : 0;
    if (PyTuple_GET_SIZE(kind) == NUMBER_KIND) {
        if ((PyObject *)Py_TYPE(arg) != PyTuple_GET_ITEM(kind, NUMBER_TYPE))
            return 0;
        return add_number(compiled, PyTuple_GET_ITEM(kind, NUMBER_DTYPE), arg);
    }
    if (!array_fits(kind, arg))
        return 0;
    return add_array(compiled, (PyArrayObject *)arg, 0) < 0 ? -1 : 1;
}

/* Adds a tuple of arguments whose kinds are a list, or None where any will do. */
static int add_arguments(Compiled *compiled, PyObject *kinds, PyObject *args)
{
    const Py_ssize_t count = PyTuple_GET_SIZE(args);
    int fits = 1;

    if (kinds != Py_None && PyList_GET_SIZE(kinds) != count)
        return 0;
    for (Py_ssize_t i = 0; i < count && fits == 1; i++)
        fits = add_argument(compiled, kinds == Py_None ? Py_None : PyList_GET_ITEM(kinds, i),
                            PyTuple_GET_ITEM(args, i));
    return fits;
}

/* Adds rows of the problems' own: a tuple of (array, stride in bytes, index, whether the words of
 * an array follow its address); 1, or -1. */
static int add_rows(Compiled *compiled, PyObject *rows)
{
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(rows); i++) {
        ProblemRows *added = compiled->rows + compiled->nrows++;
        PyArrayObject *array;
        PyObject *index;
        int is_array;

        if (!PyArg_ParseTuple(PyTuple_GET_ITEM(rows, i), "OnOp", &array, &added->stride, &index,
                              &is_array))
            return -1;
        added->word = compiled->nwords;
        added->rows = PyArray_DATA(array);
        added->index = index == Py_None ? NULL : PyArray_DATA((PyArrayObject *)index);
        if (add_array(compiled, array, is_array ? 1 : PyArray_NDIM(array)) < 0)
            return -1;
    }
    return 1;
}

/* Adds the words of all functions: tuples of (address or 0, rows, kinds, what is kept). */
static int add_functions(Compiled *compiled, PyObject *functions, PyObject *args)
{
    int fits = 1;

    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(functions) && fits == 1; i++) {
        PyObject *function = PyTuple_GET_ITEM(functions, i);
        void *address = PyLong_AsVoidPtr(PyTuple_GET_ITEM(function, 0));

        if (address != NULL)
            fits = add_word(compiled, (npy_intp)address) < 0 ? -1 : 1;
        if (fits == 1)
            fits = add_rows(compiled, PyTuple_GET_ITEM(function, 1));
        if (fits == 1)
            fits = add_arguments(compiled, PyTuple_GET_ITEM(function, 2), args);
    }
    return fits;
}

/* Allocates places for the rows of all functions; 0, or -1. */
static int make_rows(Compiled *compiled, PyObject *functions)
{
    Py_ssize_t count = 0;

    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(functions); i++)
        count += PyTuple_GET_SIZE(PyTuple_GET_ITEM(PyTuple_GET_ITEM(functions, i), 1));
    compiled->rows = PyMem_New(ProblemRows, count);
    if (compiled->rows == NULL)
        PyErr_NoMemory();
    return compiled->rows == NULL ? -1 : 0;
}

/* The arguments of bind by their places. */
enum { ADDRESS, JACOBIAN, P, M, TELLS_M, N, RELATIVE_ERROR, FUNCTIONS, ARGS, KEEP, NARGS };

/* Takes what is called, and the numbers that go with it; 0, or -1. */
static int take_function(Compiled *compiled, PyObject *const *args)
{
    /* ISO C has no cast between pointers to functions and to data. */
    union {
        void *pointer;
        leastsq_func_mn residual;
        leastsq_funcder_mn both;
    } as = {.pointer = PyLong_AsVoidPtr(args[ADDRESS])};

    if (args[JACOBIAN] == Py_True)
        compiled->both = as.both;
    else
        compiled->residual = as.residual;
    compiled->p = PyLong_AsVoidPtr(args[P]);
    compiled->n = PyLong_AsSsize_t(args[N]);
    compiled->tells_m = args[TELLS_M] == Py_True;
    compiled->relative_error = PyFloat_AsDouble(args[RELATIVE_ERROR]);
    return PyErr_Occurred() ? -1 : leastsq_compiled_size(compiled, PyLong_AsSsize_t(args[M]));
}

/* Lets p point to the words, if there are any, or be the only one where a
 * function of C's has one. */
static void point_to_words(Compiled *compiled, PyObject *functions)
{
    PyObject *address = PyTuple_GET_ITEM(PyTuple_GET_ITEM(functions, 0), 0);

    if (compiled->nwords == 0)
        return;
    compiled->p = compiled->words;
    if (compiled->nwords > 1 || PyLong_AsVoidPtr(address) != NULL)
        return;
    compiled->p = (void *)compiled->words[0];
    if (compiled->nrows == 1)
        compiled->rows->word = -1;
}

/* bind(address, jacobian, p, m, tells_m, n, relative_error, functions, args, keep)
 *     -> what leastsq calls, or None where args are not of the functions' kinds
 * address: of what is called, which writes Jacobians too if jacobian. p: what it gets if the
 * functions and args have no words. m: the number of residuals; a guess if tells_m, which an
 * adapter does. functions: see add_functions. */
PyObject *leastsq_py_bind(PyObject *Py_UNUSED(self), PyObject *const *args, Py_ssize_t nargs)
{
    Compiled *compiled;
    PyObject *capsule;
    int fits;

    if (leastsq_check_nargs("bind", nargs, NARGS) < 0)
        return NULL;
    capsule = leastsq_new_compiled(&compiled);
    if (capsule == NULL)
        return NULL;
    fits = -1;
    compiled->keep = PyList_New(0);
    if (compiled->keep != NULL && PyList_Append(compiled->keep, args[FUNCTIONS]) == 0 &&
        PyList_Append(compiled->keep, args[ARGS]) == 0 &&
        PyList_Append(compiled->keep, args[KEEP]) == 0 && take_function(compiled, args) == 0 &&
        make_rows(compiled, args[FUNCTIONS]) == 0)
        fits = add_functions(compiled, args[FUNCTIONS], args[ARGS]);
    if (fits == 1) {
        point_to_words(compiled, args[FUNCTIONS]);
        return capsule;
    }
    Py_DECREF(capsule);
    return fits == 0 ? Py_NewRef(Py_None) : NULL;
}
