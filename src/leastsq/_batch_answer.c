/* The points that the slots of a batch request, and the answers, by vectorized functions or by
 * functions of one point. */
#include "_batch.h"
#include "_ask.h"
#include "_methods.h"
#include "_trampoline.h"

#include <math.h>
#include <string.h>

npy_intp leastsq_count_samples(const double *weights, int m, int *proper)
{
    npy_intp count = 0;

    *proper = 1;
    for (int i = 0; i < m; i++) {
        *proper = *proper && weights[i] >= 0.0 && !isinf(weights[i]);
        count += weights[i] != 0.0;
    }
    return count;
}

/* Copies the points of k slots to points, (n, k), and each parameter plus its step to stepped. */
static void copy_points(const Batch *batch, const npy_int32 *slot, npy_intp k, double *points,
                        double *stepped)
{
    double *point = batch->scratch, *with_step = batch->scratch + batch->n;

    for (npy_intp i = 0; i < k; i++) {
        leastsq_batch_points(block_of(batch, slot[i]), point, with_step);
        for (int j = 0; j < batch->n; j++) {
            points[j * k + i] = point[j];
            stepped[j * k + i] = with_step[j];
        }
    }
}

/* batch_points(batch, slots) -> p, shape (n, k, 1), and stepped, shape (n, k)
 * p: the points of these slots. stepped: each parameter plus its difference step; undefined unless
 * a difference Jacobian is requested. */
PyObject *leastsq_py_batch_points(PyObject *Py_UNUSED(self), PyObject *const *args,
                                  Py_ssize_t nargs)
{
    Batch *batch = leastsq_batch_of("batch_points", args, nargs, 2);
    const npy_int32 *slot;
    npy_intp shape[3] = {0, 0, 1};
    PyObject *points, *stepped;

    if (batch == NULL)
        return NULL;
    slot = array_data(args[1]);
    shape[0] = batch->n;
    shape[1] = PyArray_SIZE((PyArrayObject *)args[1]);
    points = PyArray_SimpleNew(3, shape, NPY_DOUBLE);
    stepped = PyArray_SimpleNew(2, shape, NPY_DOUBLE);
    if (points != NULL && stepped != NULL) {
        Py_BEGIN_ALLOW_THREADS
        copy_points(batch, slot, shape[1], array_data(points), array_data(stepped));
        Py_END_ALLOW_THREADS
    }
    return Py_BuildValue("NN", points, stepped);
}

/* Multiplies columns by weights; a weight of zero makes any value zero, NaN too. */
static void apply_weights(const double *weights, int m, int columns, double *values)
{
    for (int j = 0; weights != NULL && j < columns; j++, values += m)
        for (int i = 0; i < m; i++)
            values[i] = weights[i] == 0.0 ? 0.0 : weights[i] * values[i];
}

/* Applies nan_policy to the residual at x0; returns the state of the slot's request. */
static int apply_nan_policy(Batch *batch, int slot, const double *fvec)
{
    double *weights = weights_of(batch, slot);
    npy_intp samples;
    int proper;

    if (batch->nan_policy == PROPAGATE)
        return ANSWERED;
    for (int i = 0; i < batch->m; i++)
        if (isnan(fvec[i]) && (weights == NULL || weights[i] != 0.0)) {
            if (batch->nan_policy == RAISE)
                return HAS_NAN;
            weights[i] = 0.0;
        }
    if (batch->nan_policy == RAISE)
        return ANSWERED;
    samples = leastsq_count_samples(weights, batch->m, &proper);
    batch->results.dof[batch->problem[slot]] = samples - batch->n;
    return samples < batch->n ? TOO_FEW_SAMPLES : ANSWERED;
}

/* Stores a residual at the requested point (column is -1), or at the point of a column of a
 * difference Jacobian. norm is that of the residual, or NULL if it is not known. */
static void store_residual(Batch *batch, int slot, int column, const double *residual,
                          const double *norm)
{
    const double *weights = weights_of(batch, slot);
    double *weighted = batch->scratch + (size_t)batch->n * (size_t)(batch->n + 1);

    if (batch->request[slot] == WANTS_FIRST_RESIDUAL)
        batch->answer[slot] = apply_nan_policy(batch, slot, residual);
    else if (column < 0 || column == batch->n - 1)
        batch->answer[slot] = ANSWERED;
    if (weights != NULL) {
        memcpy(weighted, residual, (size_t)batch->m * sizeof(double));
        apply_weights(weights, batch->m, 1, weighted);
        residual = weighted;
        norm = NULL;
    }
    if (column < 0) {
        batch->norm[slot] = norm == NULL ? leastsq_enorm(batch->m, residual) : *norm;
        leastsq_batch_put(block_of(batch, slot), residual);
    } else
        leastsq_batch_column(block_of(batch, slot), column, residual);
}

/* The same for count slots, whose residuals are the rows of an array. */
static void store_residuals(Batch *batch, npy_intp count, const npy_int32 *slot, int column,
                           const double *rows)
{
    double norms[MAX_GROUP];

    for (npy_intp k = 0; k < count; k++, rows += batch->m) {
        const int index = (int)(k % MAX_GROUP);
        const npy_intp left = count - k;

        if (index == 0 && column < 0 && batch->weights == NULL)
            leastsq_batch_norms(batch->m, left < MAX_GROUP ? (int)left : MAX_GROUP, rows, norms);
        store_residual(batch, slot[k], column, rows, norms + index);
    }
}

npy_int64 leastsq_first_nan_problem(const Batch *batch)
{
    npy_int64 first = -1;

    for (int slot = 0; slot < batch->active; slot++)
        if (batch->answer[slot] == HAS_NAN && (first < 0 || batch->problem[slot] < first))
            first = batch->problem[slot];
    return first;
}

/* batch_put(batch, slots, column, result) -> the first problem that has a NaN to be raised, or -1
 * result: what a vectorized func returned for these slots at their points. column: of a difference
 * Jacobian, or -1. */
PyObject *leastsq_py_batch_put(PyObject *Py_UNUSED(self), PyObject *const *args, Py_ssize_t nargs)
{
    Batch *batch = leastsq_batch_of("batch_put", args, nargs, 4);
    npy_intp shape[2];
    PyArrayObject *rows;
    int column;

    if (batch == NULL)
        return NULL;
    shape[0] = PyArray_SIZE((PyArrayObject *)args[1]);
    shape[1] = batch->m;
    rows = leastsq_exact_doubles(args[3], leastsq_result, 2, shape, LEASTSQ_FUNC_VECTORIZED);
    if (rows == NULL)
        return NULL;
    column = (int)PyLong_AsLong(args[2]);
    Py_BEGIN_ALLOW_THREADS
    store_residuals(batch, shape[0], array_data(args[1]), column, PyArray_DATA(rows));
    Py_END_ALLOW_THREADS
    Py_DECREF(rows);
    return PyLong_FromLongLong(leastsq_first_nan_problem(batch));
}

/* Stores the Jacobians of k slots, (k, m, n) or by_columns (n, k, m). */
static void store_jacobians(Batch *batch, npy_intp k, const npy_int32 *slot, const double *all,
                           int by_columns)
{
    const size_t m = (size_t)batch->m, n = (size_t)batch->n;

    for (npy_intp i = 0; i < k; i++) {
        leastsq_view view;

        leastsq_inspect(block_of(batch, slot[i]), &view);
        if (by_columns)
            for (size_t j = 0; j < n; j++)
                memcpy(view.jacobian + j * m, all + (j * (size_t)k + (size_t)i) * m,
                       m * sizeof(double));
        else
            leastsq_transpose(all + (size_t)i * m * n, batch->m, batch->n, view.jacobian);
        apply_weights(weights_of(batch, slot[i]), batch->m, batch->n, view.jacobian);
        batch->answer[slot[i]] = ANSWERED;
    }
}

/* batch_put_jacobian(batch, slots, result, transposed)
 * result: what a vectorized Dfun returned for these slots. */
PyObject *leastsq_py_batch_put_jacobian(PyObject *Py_UNUSED(self), PyObject *const *args,
                                        Py_ssize_t nargs)
{
    Batch *batch = leastsq_batch_of("batch_put_jacobian", args, nargs, 4);
    const npy_int32 *slot;
    npy_intp k, by_rows[3], by_columns[3];
    PyArrayObject *jacobians;

    if (batch == NULL)
        return NULL;
    slot = array_data(args[1]);
    k = by_rows[0] = by_columns[1] = PyArray_SIZE((PyArrayObject *)args[1]);
    by_rows[1] = by_columns[2] = batch->m;
    by_rows[2] = by_columns[0] = batch->n;
    jacobians = leastsq_exact_doubles(args[2], leastsq_result, 3,
                                      args[3] == Py_True ? by_columns : by_rows,
                                      LEASTSQ_DFUN_VECTORIZED);
    if (jacobians == NULL)
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    store_jacobians(batch, k, slot, PyArray_DATA(jacobians), args[3] == Py_True);
    Py_END_ALLOW_THREADS
    Py_DECREF(jacobians);
    Py_RETURN_NONE;
}

/* batch_fail(batch, slot): the slot's request cannot be answered; the next batch_advance ends it */
PyObject *leastsq_py_batch_fail(PyObject *Py_UNUSED(self), PyObject *const *args, Py_ssize_t nargs)
{
    Batch *batch = leastsq_batch_of("batch_fail", args, nargs, 2);

    if (batch == NULL)
        return NULL;
    batch->answer[PyLong_AsLong(args[1])] = FAILED;
    Py_RETURN_NONE;
}

static int answer_jacobian(UserFunctions *user, Batch *batch, int slot)
{
    leastsq_view view;

    leastsq_inspect(block_of(batch, slot), &view);
    if (leastsq_jacobian(user, view.point, view.fvec, batch->m, batch->n, view.jacobian) < 0)
        return -1;
    apply_weights(weights_of(batch, slot), batch->m, batch->n, view.jacobian);
    batch->answer[slot] = ANSWERED;
    return 0;
}

/* The MAX_GROUP residuals in scratch. */
static double *group_residuals(const Batch *batch)
{
    return batch->scratch + (size_t)batch->n * (size_t)(batch->n + 1) + batch->m;
}

int leastsq_slot_evaluate(UserFunctions *user, Batch *batch, int slot, npy_intp k)
{
    double *point = batch->scratch, *stepped = point + batch->n;

    leastsq_batch_points(block_of(batch, slot), point, stepped);
    return leastsq_residual(user, batch->m, batch->n, point,
                            group_residuals(batch) + (size_t)k * (size_t)batch->m, 0);
}

void leastsq_slots_store(Batch *batch, npy_intp count, const npy_int32 *slots)
{
    store_residuals(batch, count, slots, -1, group_residuals(batch));
}

/* Answers a slot's request for a difference Jacobian. The last residual in scratch is used: the
 * other slots of a group may have stored MAX_GROUP - 1 already. */
static int answer_differences(UserFunctions *user, Batch *batch, int slot)
{
    double *point = batch->scratch, *stepped = point + batch->n;
    double *residual = group_residuals(batch) + (size_t)(MAX_GROUP - 1) * (size_t)batch->m;

    leastsq_batch_points(block_of(batch, slot), point, stepped);
    for (int j = 0; j < batch->n; j++) {
        const double x = point[j];

        point[j] = stepped[j];
        if (leastsq_residual(user, batch->m, batch->n, point, residual, 0) < 0)
            return -1;
        point[j] = x;
        store_residual(batch, slot, j, residual, NULL);
    }
    return 0;
}

int leastsq_slot_answer(UserFunctions *user, Batch *batch, int slot)
{
    const npy_int32 slots[1] = {slot};

    if (batch->request[slot] == LEASTSQ_WANTS_JACOBIAN)
        return answer_jacobian(user, batch, slot);
    if (batch->request[slot] == LEASTSQ_WANTS_DIFFERENCES)
        return answer_differences(user, batch, slot);
    if (leastsq_slot_evaluate(user, batch, slot, 0) < 0)
        return -1;
    leastsq_slots_store(batch, 1, slots);
    return 0;
}

/* batch_finish(batch, slot, func, args, dfun, transposed, vectorized)
 *     -> the first problem that has a NaN to be raised, or -1
 * Answers and resumes one slot until its solve ends. */
PyObject *leastsq_py_batch_finish(PyObject *Py_UNUSED(self), PyObject *const *args,
                                  Py_ssize_t nargs)
{
    Batch *batch = leastsq_batch_of("batch_finish", args, nargs, 7);
    UserFunctions user;
    int slot, status;

    if (batch == NULL ||
        leastsq_prepare(&user, args[2], args[4] == Py_None ? NULL : args[4], args[3]) < 0)
        return NULL;
    user.transposed = args[5] == Py_True;
    user.vectorized = args[6] == Py_True;
    slot = (int)PyLong_AsLong(args[1]);
    do {
        status = leastsq_slot_answer(&user, batch, slot);
        if (status < 0 || batch->answer[slot] != ANSWERED)
            break;
        batch->request[slot] = leastsq_batch_resume(block_of(batch, slot), 0, batch->norm[slot], 0);
        batch->answer[slot] = UNANSWERED;
    } while (batch->request[slot] != LEASTSQ_WANTS_NOTHING);
    if (batch->request[slot] == LEASTSQ_WANTS_NOTHING)
        batch->answer[slot] = ANSWERED;
    leastsq_release(&user);
    return status < 0 ? NULL : PyLong_FromLongLong(leastsq_first_nan_problem(batch));
}
