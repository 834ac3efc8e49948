/* Answers the requests of a solve by calling the user's functions, vectorized or not. */
#include "_ask.h"
#include "_methods.h"
#include "_trampoline.h"

#include <string.h>

/* The methods below are for a solve of leastsq(), which no other thread sees: there are no critical
 * sections. */

/* put(solve, j, result) -> the next request
 * result: what func returned at the j-th point of a difference Jacobian; if only one point is
 * requested j is ignored. */
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

/* Creates the argument of a vectorized func, the points of a difference Jacobian: parameter i of
 * point j is p[i, j]. */
static int new_difference_points(UserFunctions *user, const Solve *solve, const leastsq_view *view)
{
    const npy_intp k = view->n;
    double *rows, *p = leastsq_new_points(user, view->n, k);

    if (p == NULL)
        return -1;
    rows = PyMem_New(double, k * view->n);
    if (rows == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    leastsq_copy_points(solve, view, rows);
    leastsq_transpose(rows, k, view->n, p);
    PyMem_Free(rows);
    return 0;
}

/* Gives all columns of a difference Jacobian by one call of func. */
static int answer_differences(UserFunctions *user, Solve *solve, const leastsq_view *view)
{
    const npy_intp shape[2] = {view->n, view->m};
    PyArrayObject *array;
    const double *rows;

    if (new_difference_points(user, solve, view) < 0)
        return -1;
    array = leastsq_call_vectorized(user, user->func, 2, shape, LEASTSQ_FUNC_VECTORIZED);
    if (array == NULL)
        return -1;
    rows = PyArray_DATA(array);
    for (int j = 0; j < view->n; j++)
        leastsq_difference_column(solve->block, j, rows + (size_t)j * (size_t)view->m);
    Py_DECREF(array);
    return 0;
}

/* The same by one call for each column. */
static int answer_columns(UserFunctions *user, Solve *solve, const leastsq_view *view,
                          double *point)
{
    int status = 0;

    for (int j = 0; j < view->n && status == 0; j++) {
        leastsq_difference_point(solve->block, j, point);
        status = leastsq_residual(user, view->m, view->n, point, view->residual, 0);
        if (status == 0)
            leastsq_difference_column(solve->block, j, view->residual);
    }
    return status;
}

/* Answers a request; point is scratch. */
static int answer(UserFunctions *user, Solve *solve, const leastsq_view *view, double *point)
{
    if (view->request == LEASTSQ_WANTS_RESIDUAL)
        return leastsq_residual(user, view->m, view->n, view->point, view->residual, 0);
    if (view->request == LEASTSQ_WANTS_JACOBIAN)
        return leastsq_jacobian(user, view->point, view->fvec, view->m, view->n, view->jacobian);
    return user->vectorized ? answer_differences(user, solve, view)
                            : answer_columns(user, solve, view, point);
}

/* Answers one request, or all up to the end of the solve; returns the next request, or -1 with an
 * exception. */
static int answer_requests(UserFunctions *user, Solve *solve, int to_the_end, double *point)
{
    leastsq_view view;
    int request;

    do {
        int flag = 0;

        leastsq_inspect(solve->block, &view);
        if (answer(user, solve, &view, point) < 0) {
            if (user->compiled == NULL || user->compiled->interrupted)
                return -1;
            flag = -1;
        }
        request = leastsq_resume(solve->block, flag);
    } while (to_the_end && request != LEASTSQ_WANTS_NOTHING);
    return request;
}

/* answer(solve, func, args, dfun, transposed, vectorized, to_the_end) -> the next request */
PyObject *leastsq_py_answer(PyObject *Py_UNUSED(self), PyObject *const *args, Py_ssize_t nargs)
{
    Solve *solve = leastsq_solve_of("answer", args, nargs, 7);
    UserFunctions user;
    leastsq_view view;
    double *point;
    int request;

    if (solve == NULL ||
        leastsq_prepare(&user, args[1], args[3] == Py_None ? NULL : args[3], args[2]) < 0)
        return NULL;
    user.transposed = args[4] == Py_True;
    user.vectorized = args[5] == Py_True;
    leastsq_inspect(solve->block, &view);
    point = PyMem_New(double, view.n);
    if (point == NULL) {
        leastsq_release(&user);
        return PyErr_NoMemory();
    }
    if (user.compiled != NULL)
        leastsq_compiled_release_gil(user.compiled);
    request = answer_requests(&user, solve, args[6] == Py_True, point);
    if (user.compiled != NULL)
        leastsq_compiled_acquire_gil(user.compiled);
    PyMem_Free(point);
    leastsq_release(&user);
    return PyErr_Occurred() ? NULL : PyLong_FromLong(request);
}

/* leastsq_first_residual for a vectorized func, which returns (1, m). */
static PyArrayObject *first_row(UserFunctions *user, const double *x, npy_intp n,
                                double *relative_error)
{
    const npy_intp shape[2] = {1, LEASTSQ_ANY_LENGTH('M')};
    PyObject *result, *row = NULL;
    PyArrayObject *array, *rows, *fvec;

    if (leastsq_new_point(user, x, n) < 0)
        return NULL;
    result = leastsq_call(user, user->func);
    array = result == NULL ? NULL : leastsq_as_array(result, leastsq_result);
    Py_XDECREF(result);
    if (array == NULL)
        return NULL;
    rows = leastsq_exact_doubles((PyObject *)array, leastsq_result, 2, shape,
                                 LEASTSQ_FUNC_VECTORIZED);
    if (rows != NULL)
        row = PyArray_Ravel(rows, NPY_CORDER);
    fvec = row == NULL ? NULL : leastsq_as_residual(row, n, relative_error);
    *relative_error = leastsq_relative_error(array); /* that of func's dtype, not of doubles */
    Py_DECREF(array);
    Py_XDECREF(rows);
    Py_XDECREF(row);
    return fvec;
}

/* first_residual(func, x, args, vectorized) -> fvec, the machine epsilon of func's dtype
 * If a compiled residual has failed: zeros and None. */
PyObject *leastsq_py_first_residual(PyObject *Py_UNUSED(self), PyObject *const *args,
                                    Py_ssize_t nargs)
{
    double relative_error = 0.0;
    PyArrayObject *fvec;
    UserFunctions user;
    const double *x;
    npy_intp n;

    if (leastsq_check_nargs("first_residual", nargs, 4) < 0)
        return NULL;
    x = PyArray_DATA((PyArrayObject *)args[1]);
    n = PyArray_SIZE((PyArrayObject *)args[1]);
    if (leastsq_prepare(&user, args[0], NULL, args[2]) < 0)
        return NULL;
    fvec = args[3] == Py_True ? first_row(&user, x, n, &relative_error)
                              : leastsq_first_residual(&user, x, n, &relative_error);
    leastsq_release(&user);
    if (fvec == NULL)
        return NULL;
    return leastsq_has_failed(&user) ? Py_BuildValue("NO", fvec, Py_None)
                                     : Py_BuildValue("Nd", fvec, relative_error);
}
