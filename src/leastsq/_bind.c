/* Binds a compiled residual to its arguments: writes the block of pointer-sized words that its
 * argument p points to.
 *
 * An adapter (_numba_adapters.py) reads a numba function's arguments from such words; a C function
 * gets addresses of arrays. */
#include "_compiled.h"
#include "_methods.h"

#include <string.h>

/* Places in an argument's type as _numba.py describes it: (type, dtype) for a number,
 * (type, dtype, ndim, flags) for an array, [type, ...] for a tuple. */
enum { TYPE, DTYPE, NDIM, FLAGS };
enum { NUMBER_LENGTH = 2 };

static int add_word(Compiled *compiled, npy_intp word)
{
    if (compiled->nwords == compiled->capacity) {
        Py_ssize_t capacity = 2 * compiled->capacity + 16;
        npy_intp *words = PyMem_Realloc(compiled->words, (size_t)capacity * sizeof(npy_intp));

        if (words == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        compiled->words = words;
        compiled->capacity = capacity;
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

/* Adds the words of an array that an adapter reads: the object, or NULL for a row of another array,
 * then data, shape and strides, from axis first on; 0, or -1. */
static int add_array(Compiled *compiled, PyArrayObject *itself, PyArrayObject *array, int first)
{
    const int count = PyArray_NDIM(array) - first;

    if (add_word(compiled, (npy_intp)itself) < 0 ||
        add_word(compiled, (npy_intp)PyArray_DATA(array)) < 0)
        return -1;
    if (count <= 0)
        return 0;
    if (add_words(compiled, PyArray_DIMS(array) + first, count) < 0)
        return -1;
    return add_words(compiled, PyArray_STRIDES(array) + first, count);
}

static int array_fits(PyObject *arg_type, PyArrayObject *array)
{
    PyArray_Descr *dtype = (PyArray_Descr *)PyTuple_GET_ITEM(arg_type, DTYPE);

    return PyArray_NDIM(array) == PyLong_AsLong(PyTuple_GET_ITEM(arg_type, NDIM)) &&
           (PyArray_FLAGS(array) & LEASTSQ_LAYOUT) ==
               PyLong_AsLong(PyTuple_GET_ITEM(arg_type, FLAGS)) &&
           (PyArray_DESCR(array) == dtype || PyArray_EquivTypes(PyArray_DESCR(array), dtype));
}

/* Adds the address of a copy of a number; 1, 0 if it is out of the dtype's range, -1 with an
 * exception. */
static int add_number(Compiled *compiled, PyObject *dtype, PyObject *number)
{
    PyObject *array = PyArray_FromAny(number, (PyArray_Descr *)Py_NewRef(dtype), 0, 0, 0, NULL);
    int status;

    if (array == NULL && PyErr_ExceptionMatches(PyExc_OverflowError)) {
        PyErr_Clear();
        return 0;
    }
    status = array == NULL ? -1 : PyList_Append(compiled->owners, array);
    if (status == 0)
        status = add_word(compiled, (npy_intp)PyArray_DATA((PyArrayObject *)array));
    Py_XDECREF(array);
    return status < 0 ? -1 : 1;
}

static int add_arguments(Compiled *compiled, PyObject *arg_types, Py_ssize_t first, PyObject *args);

/* Adds an argument; 1, 0 if it is not of that type, -1 with an exception. */
static int add_argument(Compiled *compiled, PyObject *arg_type, PyObject *arg)
{
    const int is_tuple = PyList_Check(arg_type);
    PyObject *type = is_tuple ? PyList_GET_ITEM(arg_type, TYPE) : PyTuple_GET_ITEM(arg_type, TYPE);

    if ((PyObject *)Py_TYPE(arg) != type)
        return 0;
    if (is_tuple)
        return add_arguments(compiled, arg_type, TYPE + 1, arg);
    if (PyTuple_GET_SIZE(arg_type) == NUMBER_LENGTH)
        return add_number(compiled, PyTuple_GET_ITEM(arg_type, DTYPE), arg);
    if (!array_fits(arg_type, (PyArrayObject *)arg))
        return 0;
    return add_array(compiled, (PyArrayObject *)arg, (PyArrayObject *)arg, 0) < 0 ? -1 : 1;
}

/* Adds a tuple of arguments, whose types are in a list from position first on. */
static int add_arguments(Compiled *compiled, PyObject *arg_types, Py_ssize_t first, PyObject *args)
{
    const Py_ssize_t count = PyTuple_GET_SIZE(args);
    int fits = PyList_GET_SIZE(arg_types) - first == count;

    for (Py_ssize_t i = 0; i < count && fits == 1; i++)
        fits = add_argument(compiled, PyList_GET_ITEM(arg_types, first + i),
                            PyTuple_GET_ITEM(args, i));
    return fits;
}

/* Adds the addresses of arrays, for a C function; 1, or -1. */
static int add_addresses(Compiled *compiled, PyObject *arrays)
{
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(arrays); i++) {
        PyArrayObject *array = (PyArrayObject *)PyTuple_GET_ITEM(arrays, i);

        if (add_word(compiled, (npy_intp)PyArray_DATA(array)) < 0)
            return -1;
    }
    return 1;
}

/* Adds arrays that have a row for each problem: a tuple of (array, stride in bytes, index, whether
 * the function gets an array, not an address); 0, or -1. */
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
        added->word = compiled->nwords + is_array;
        added->rows = PyArray_DATA(array);
        added->index = index == Py_None ? NULL : PyArray_DATA((PyArrayObject *)index);
        if ((is_array ? add_array(compiled, NULL, array, 1) : add_word(compiled, 0)) < 0)
            return -1;
    }
    return 0;
}

/* Adds the words of all functions. functions has a tuple for each: (address, rows, arg_types, owner
 * of the code) for a numba function; otherwise (0, rows, whether p is the only word itself, not a
 * pointer to it). 1, 0 if args are not of arg_types, -1 with an exception. */
static int add_functions(Compiled *compiled, PyObject *functions, PyObject *args)
{
    PyObject *address = PyTuple_GET_ITEM(PyTuple_GET_ITEM(functions, 0), 0);
    int fits = 1;

    compiled->by_adapter = PyLong_AsVoidPtr(address) != NULL;
    if (compiled->by_adapter && add_word(compiled, (npy_intp)compiled->point) < 0)
        return -1;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(functions) && fits == 1; i++) {
        PyObject *function = PyTuple_GET_ITEM(functions, i);

        address = PyTuple_GET_ITEM(function, 0);
        if (compiled->by_adapter &&
            add_word(compiled, (npy_intp)PyLong_AsVoidPtr(address)) < 0)
            return -1;
        if (add_rows(compiled, PyTuple_GET_ITEM(function, 1)) < 0)
            return -1;
        fits = compiled->by_adapter
                   ? add_arguments(compiled, PyTuple_GET_ITEM(function, 2), 0, args)
                   : add_addresses(compiled, args);
    }
    return fits;
}

/* Allocates the ProblemRows of all functions; 0, or -1. */
static int allocate_rows(Compiled *compiled, PyObject *functions)
{
    Py_ssize_t count = 0;

    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(functions); i++)
        count += PyTuple_GET_SIZE(PyTuple_GET_ITEM(PyTuple_GET_ITEM(functions, i), 1));
    compiled->rows = PyMem_New(ProblemRows, count);
    if (compiled->rows == NULL)
        PyErr_NoMemory();
    return compiled->rows == NULL ? -1 : 0;
}

/* The arguments of bind by position. */
enum { ADDRESS, JACOBIAN, P, M, FINDS_M, N, RELATIVE_ERROR, FUNCTIONS, ARGS, OWNER, NARGS };

/* Stores the function pointer and the scalar arguments; 0, or -1. */
static int store_function(Compiled *compiled, PyObject *const *args)
{
    /* ISO C has no cast between pointers to functions and to data. */
    union {
        void *pointer;
        leastsq_func_mn residual;
        leastsq_funcder_mn residual_or_jacobian;
    } as = {.pointer = PyLong_AsVoidPtr(args[ADDRESS])};

    if (args[JACOBIAN] == Py_True)
        compiled->residual_or_jacobian = as.residual_or_jacobian;
    else
        compiled->residual = as.residual;
    compiled->p = PyLong_AsVoidPtr(args[P]);
    compiled->n = PyLong_AsSsize_t(args[N]);
    compiled->finds_m = args[FINDS_M] == Py_True;
    compiled->relative_error = PyFloat_AsDouble(args[RELATIVE_ERROR]);
    return PyErr_Occurred() ? -1 : leastsq_compiled_size(compiled, PyLong_AsSsize_t(args[M]));
}

/* Sets p: the address of the words, if there are any, or the only word itself. */
static void point_to_words(Compiled *compiled, PyObject *functions)
{
    if (compiled->nwords == 0)
        return;
    compiled->p = compiled->words;
    if (compiled->by_adapter || PyTuple_GET_ITEM(PyTuple_GET_ITEM(functions, 0), 2) != Py_True)
        return;
    compiled->p = (void *)compiled->words[0];
    if (compiled->nrows == 1)
        compiled->rows->word = -1;
}

/* bind(address, jacobian, p, m, finds_m, n, relative_error, functions, args, owner)
 *     -> a capsule to pass as func, or None if args are not of the functions' arg_types
 * address: of a function, which writes Jacobians too if jacobian is true. p: its argument p if
 * there are no words. m: the number of residuals, or an estimate if finds_m is true (a call with
 * iflag 0 then returns the number). functions: see add_functions. owner: keeps address alive. */
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
    compiled->owners = Py_BuildValue("[OOO]", args[FUNCTIONS], args[ARGS], args[OWNER]);
    if (compiled->owners != NULL && store_function(compiled, args) == 0 &&
        allocate_rows(compiled, args[FUNCTIONS]) == 0)
        fits = add_functions(compiled, args[FUNCTIONS], args[ARGS]);
    if (fits == 1) {
        point_to_words(compiled, args[FUNCTIONS]);
        return capsule;
    }
    Py_DECREF(capsule);
    return fits == 0 ? Py_NewRef(Py_None) : NULL;
}
