/* LevenbergMarquardt.tell: gives a solve the values that it has requested, in any order and from
 * any thread. */
#include "_ask.h"
#include "_methods.h"

#include <math.h>
#include <string.h>

/* Whether two numbers are equal or both NaN. */
static int is_same(double a, double b)
{
    return a == b || (a != a && b != b);
}

enum { NOT_REQUESTED = -1 };

/* Whether the difference step does not change x[j], which is not finite then. The point of every
 * such column is x itself. */
static int step_has_no_effect(const Solve *solve, const leastsq_view *view, int j, double *scratch)
{
    if (isfinite(view->x[j]))
        return 0;
    leastsq_difference_point(solve->block, j, scratch);
    return is_same(scratch[j], view->x[j]);
}

/* The column of a difference Jacobian to which a point belongs, or NOT_REQUESTED. If it is x itself
 * it belongs to several, which are returned one after the other: the search begins at from. */
static int column_of(const Solve *solve, const leastsq_view *view, const double *point, int *from,
                     double *scratch)
{
    int column = NOT_REQUESTED;

    for (int i = 0; i < view->n; i++)
        if (!is_same(point[i], view->x[i])) {
            if (column != NOT_REQUESTED)
                return NOT_REQUESTED;
            column = i;
        }
    if (column != NOT_REQUESTED) {
        leastsq_difference_point(solve->block, column, scratch);
        return is_same(point[column], scratch[column]) ? column : NOT_REQUESTED;
    }
    for (int j = 0; j < view->n; j++)
        if (step_has_no_effect(solve, view, j, scratch)) {
            column = j; /* given already, unless the search goes on to another */
            if (j >= *from && !view->given[j]) {
                *from = j + 1;
                break;
            }
        }
    return column;
}

/* The arguments of tell, and which of the requested points its points are. */
typedef struct {
    PyArrayObject *points, *values;
    npy_intp count;
    double relative_error; /* the machine epsilon of the values' dtype */
    int *columns;          /* column_of each point of a difference Jacobian */
    npy_intp unrequested;  /* the index of the first point that was not requested, or -1 */
} Told;

static int find_points(Told *told, const Solve *solve, const leastsq_view *view)
{
    const double *point = PyArray_DATA(told->points);
    double *scratch = PyMem_New(double, view->n);
    int from = 0;

    told->columns = PyMem_New(int, told->count);
    if (scratch == NULL || told->columns == NULL) {
        PyMem_Free(scratch);
        PyErr_NoMemory();
        return -1;
    }
    for (npy_intp i = 0; i < told->count && told->unrequested < 0; i++, point += view->n) {
        int column = 0;

        if (view->request == LEASTSQ_WANTS_DIFFERENCES)
            column = column_of(solve, view, point, &from, scratch);
        else
            for (int j = 0; j < view->n; j++)
                if (!is_same(point[j], view->point[j]))
                    column = NOT_REQUESTED;
        told->columns[i] = column;
        if (column == NOT_REQUESTED)
            told->unrequested = i;
    }
    PyMem_Free(scratch);
    return 0;
}

/* Converts points and values to doubles of the right shapes. Both become arrays before the shape of
 * either is checked, since converting an object runs its code. */
static int read_told(Told *told, const leastsq_view *view, PyObject *points, PyObject *values)
{
    const int jacobian = view->request == LEASTSQ_WANTS_JACOBIAN;
    const int differences = view->request == LEASTSQ_WANTS_DIFFERENCES;
    npy_intp shape[2] = {differences ? LEASTSQ_ANY_LENGTH('k') : 1, view->n};
    PyArrayObject *points_array = leastsq_as_array(points, "points"), *values_array = NULL;

    if (points_array != NULL)
        values_array = leastsq_as_array(values, "values");
    if (values_array != NULL)
        told->points =
            leastsq_exact_doubles((PyObject *)points_array, "points", 2, shape, "points");
    if (told->points != NULL) {
        told->relative_error = leastsq_relative_error(values_array);
        told->count = PyArray_DIM(told->points, 0);
        shape[0] = jacobian ? view->m : told->count;
        shape[1] = jacobian ? view->n : view->m;
        told->values =
            leastsq_exact_doubles((PyObject *)values_array, "values", 2, shape, "values");
    }
    Py_XDECREF(points_array);
    Py_XDECREF(values_array);
    return told->values == NULL ? -1 : 0;
}

/* Whether all columns are given, from the first to the last. */
static int is_in_order(const Told *told, int n)
{
    for (npy_intp i = 0; i < told->count; i++)
        if (told->columns[i] != i)
            return 0;
    return told->count == n;
}

static int store_columns(Solve *solve, const leastsq_view *view, const Told *told)
{
    const double *values = PyArray_DATA(told->values);

    if (!leastsq_is_partly_given(view) && !is_in_order(told, view->n) &&
        leastsq_save_factors(solve, view->fjac, view->m, view->n) < 0)
        return -1;
    for (npy_intp i = 0; i < told->count; i++, values += view->m)
        leastsq_difference_column(solve->block, told->columns[i], values);
    return 0;
}

static int store(Solve *solve, leastsq_view *view, const Told *told)
{
    if (told->count == 0)
        return 0;
    leastsq_default_epsfcn(solve->block, told->relative_error);
    if (view->request == LEASTSQ_WANTS_JACOBIAN)
        leastsq_copy_jacobian(PyArray_DATA(told->values), view->m, view->n, 0, view->jacobian);
    else if (view->request == LEASTSQ_WANTS_RESIDUAL)
        memcpy(view->residual, PyArray_DATA(told->values), (size_t)view->m * sizeof(double));
    else if (store_columns(solve, view, told) < 0)
        return -1;
    leastsq_resume(solve->block, 0);
    leastsq_inspect(solve->block, view);
    if (!leastsq_is_partly_given(view)) {
        PyMem_Free(solve->factors);
        solve->factors = NULL;
    }
    return 0;
}

/* The body of tell, which one thread at a time may run. */
static int tell(PyObject *capsule, Solve *solve, PyObject *points, PyObject *values, Told *told)
{
    leastsq_view view;
    int status;

    leastsq_inspect(solve->block, &view);
    if (view.request == LEASTSQ_WANTS_NOTHING) {
        PyErr_SetString(PyExc_ValueError, "The solve has ended: no point is asked.");
        return -1;
    }
    if (read_told(told, &view, points, values) < 0 || find_points(told, solve, &view) < 0)
        return -1;
    if (told->unrequested >= 0)
        return 0;
    LEASTSQ_BEGIN_CRITICAL(capsule);
    status = store(solve, &view, told);
    LEASTSQ_END_CRITICAL();
    return status;
}

/* tell(solve, points, values) -> the index of the first point that was not requested, or None
 * If there is one, or an exception, the solve is not changed. */
PyObject *leastsq_py_tell(PyObject *Py_UNUSED(self), PyObject *const *args, Py_ssize_t nargs)
{
    Solve *solve = leastsq_solve_of("tell", args, nargs, 3);
    Told told = {.unrequested = -1};
    int busy, status = -1;

    if (solve == NULL)
        return NULL;
    LEASTSQ_BEGIN_CRITICAL(args[0]);
    busy = solve->telling;
    solve->telling = 1;
    LEASTSQ_END_CRITICAL();
    if (busy) {
        PyErr_SetString(PyExc_ValueError, "Another call of tell is under way for this solve.");
        return NULL;
    }
    status = tell(args[0], solve, args[1], args[2], &told);
    LEASTSQ_BEGIN_CRITICAL(args[0]);
    solve->telling = 0;
    LEASTSQ_END_CRITICAL();
    Py_XDECREF(told.points);
    Py_XDECREF(told.values);
    PyMem_Free(told.columns);
    if (status < 0)
        return NULL;
    return told.unrequested < 0 ? Py_NewRef(Py_None) : PyLong_FromSsize_t(told.unrequested);
}
