/* Answers a solve that asks with the user's functions: of one point, or of several at once. */
#include "_ask.h"
#include "_methods.h"
#include "_trampoline.h"

#include <string.h>

#define FUNC_VECTORIZED "What func returns with vectorized=True"
#define DFUN_VECTORIZED "What Dfun returns with vectorized=True"

/* put(solve, j, result) -> what is wanted next
 * result: func's at the j-th point of a difference Jacobian, or at the one that is wanted. */
PyObject *leastsq_py_put(PyObject *Py_UNUSED(self), PyObject *const *args, Py_ssize_t nargs)
{
    Solve *solve = leastsq_solve_of("put", args, nargs, 3);
    leastsq_view view;

    if (solve == NULL)
        return NULL;
    leastsq_inspect(solve->block, &view);
    if (leastsq_store_residual(args[2], view.m, view.residual) < 0)
        return NULL;
    if (view.request == LEASTSQ_WANTS_DIFFERENCES)
        leastsq_difference_column(solve->block, (int)PyLong_AsLong(args[1]), view.residual);
    return PyLong_FromLong(leastsq_resume(solve->block, 0));
}

/* Puts a fresh p of shape (n, k, 1) where a call takes it from; its numbers, or NULL with an
 * exception. */
static double *new_points(Callback *callback, npy_intp n, npy_intp k)
{
    const npy_intp shape[3] = {n, k, 1};

    Py_XSETREF(callback->stack[1], PyArray_SimpleNew(3, shape, NPY_DOUBLE));
    if (callback->stack[1] == NULL)
        return NULL;
    return PyArray_DATA((PyArrayObject *)callback->stack[1]);
}

/* What func or dfun returns for them, as contiguous doubles of exactly that shape. */
static PyArrayObject *call_vectorized(Callback *callback, PyObject *function, const char *what,
                                      int ndim, const npy_intp *shape)
{
    PyObject *result = leastsq_call(callback, function);
    PyArrayObject *numbers;

    if (result == NULL)
        return NULL;
    numbers = leastsq_exact_doubles(result, ndim, shape, what);
    Py_DECREF(result);
    return numbers;
}

/* Hands out all points that are wanted, k of them; p[i, j] is parameter i of point j. */
static int hand_out_points(Callback *callback, const Solve *solve, const leastsq_view *view,
                           npy_intp k)
{
    double *rows, *p = new_points(callback, view->n, k);

    if (p == NULL)
        return -1;
    if (k == 1) {
        leastsq_copy_points(solve, view, p);
        return 0;
    }
    rows = PyMem_New(double, k * view->n);
    if (rows == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    leastsq_copy_points(solve, view, rows);
    leastsq_copy_jacobian(rows, k, view->n, 0, p);
    PyMem_Free(rows);
    return 0;
}

static int answer_vectorized(Callback *callback, Solve *solve, const leastsq_view *view)
{
    const npy_intp k = leastsq_count_points(view), shape[2] = {k, view->m};
    PyArrayObject *array;
    const double *rows;

    if (hand_out_points(callback, solve, view, k) < 0)
        return -1;
    array = call_vectorized(callback, callback->func, FUNC_VECTORIZED, 2, shape);
    if (array == NULL)
        return -1;
    rows = PyArray_DATA(array);
    if (view->request == LEASTSQ_WANTS_DIFFERENCES)
        for (int j = 0; j < view->n; j++)
            leastsq_difference_column(solve->block, j, rows + (size_t)j * (size_t)view->m);
    else
        memcpy(view->residual, rows, (size_t)view->m * sizeof(double));
    Py_DECREF(array);
    return 0;
}

static int answer_jacobian_vectorized(Callback *callback, const Solve *solve,
                                      const leastsq_view *view)
{
    const npy_intp rows[3] = {1, view->m, view->n}, columns[3] = {view->n, 1, view->m};
    PyArrayObject *jacobian;

    if (hand_out_points(callback, solve, view, 1) < 0)
        return -1;
    jacobian = call_vectorized(callback, callback->dfun, DFUN_VECTORIZED, 3,
                               callback->transposed ? columns : rows);
    if (jacobian == NULL)
        return -1;
    leastsq_copy_jacobian(PyArray_DATA(jacobian), view->m, view->n, callback->transposed,
                          view->jacobian);
    Py_DECREF(jacobian);
    return 0;
}

static int answer_one_by_one(Callback *callback, Solve *solve, const leastsq_view *view)
{
    double *point;
    int status = 0;

    if (view->request == LEASTSQ_WANTS_RESIDUAL)
        return leastsq_residual(callback, view->m, view->n, view->point, view->residual, 0);
    point = PyMem_New(double, view->n);
    if (point == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (int j = 0; j < view->n && status == 0; j++) {
        leastsq_difference_point(solve->block, j, point);
        status = leastsq_residual(callback, view->m, view->n, point, view->residual, 0);
        if (status == 0)
            leastsq_difference_column(solve->block, j, view->residual);
    }
    PyMem_Free(point);
    return status;
}

static int answer(Callback *callback, Solve *solve, const leastsq_view *view, int vectorized)
{
    if (view->request != LEASTSQ_WANTS_JACOBIAN)
        return vectorized ? answer_vectorized(callback, solve, view)
                          : answer_one_by_one(callback, solve, view);
    if (vectorized)
        return answer_jacobian_vectorized(callback, solve, view);
    return leastsq_jacobian(callback, view->point, view->m, view->n, view->jacobian);
}

/* answer(solve, func, args, dfun, transposed, vectorized, to_the_end) -> what is wanted next
 * Answers one request, or all that come. */
PyObject *leastsq_py_answer(PyObject *Py_UNUSED(self), PyObject *const *args, Py_ssize_t nargs)
{
    Solve *solve = leastsq_solve_of("answer", args, nargs, 7);
    Callback callback;
    leastsq_view view;
    int status, request;

    if (solve == NULL ||
        leastsq_prepare(&callback, args[1], args[3] == Py_None ? NULL : args[3], args[2]) < 0)
        return NULL;
    callback.transposed = args[4] == Py_True;
    do {
        leastsq_inspect(solve->block, &view);
        status = answer(&callback, solve, &view, args[5] == Py_True);
        if (status < 0)
            break;
        request = leastsq_resume(solve->block, 0);
    } while (args[6] == Py_True && request != LEASTSQ_WANTS_NOTHING);
    leastsq_release(&callback);
    return status < 0 ? NULL : PyLong_FromLong(request);
}

/* The first residual of a vectorized func, (1, m): as leastsq_first_residual. */
static PyArrayObject *first_row(Callback *callback, const double *x, npy_intp n,
                                double *relative_error)
{
    const npy_intp shape[2] = {1, -'M'};
    double *p = new_points(callback, n, 1), of_row;
    PyArrayObject *array, *rows;
    PyObject *result, *row;

    if (p == NULL)
        return NULL;
    memcpy(p, x, (size_t)n * sizeof(double));
    result = leastsq_call(callback, callback->func);
    array = result == NULL ? NULL : leastsq_as_array(result);
    Py_XDECREF(result);
    if (array == NULL)
        return NULL;
    *relative_error = leastsq_relative_error(array);
    rows = leastsq_exact_doubles((PyObject *)array, 2, shape, FUNC_VECTORIZED);
    Py_DECREF(array);
    row = rows == NULL ? NULL : PyArray_Ravel(rows, NPY_CORDER);
    Py_XDECREF(rows);
    array = row == NULL ? NULL : leastsq_as_residual(row, n, &of_row);
    Py_XDECREF(row);
    return array;
}

/* first_residual(func, x, args, vectorized) -> fvec, the relative error of what func returns */
PyObject *leastsq_py_first_residual(PyObject *Py_UNUSED(self), PyObject *const *args,
                                    Py_ssize_t nargs)
{
    double relative_error = 0.0;
    PyArrayObject *fvec;
    Callback callback;
    const double *x;
    npy_intp n;

    if (leastsq_check_nargs("first_residual", nargs, 4) < 0)
        return NULL;
    x = PyArray_DATA((PyArrayObject *)args[1]);
    n = PyArray_SIZE((PyArrayObject *)args[1]);
    if (leastsq_prepare(&callback, args[0], NULL, args[2]) < 0)
        return NULL;
    fvec = args[3] == Py_True ? first_row(&callback, x, n, &relative_error)
                              : leastsq_first_residual(&callback, x, n, &relative_error);
    leastsq_release(&callback);
    return fvec == NULL ? NULL : Py_BuildValue("Nd", fvec, relative_error);
}
