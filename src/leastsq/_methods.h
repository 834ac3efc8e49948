/* The f2py module's methods that are written in C. */
#ifndef LEASTSQ_METHODS_H
#define LEASTSQ_METHODS_H

#include <Python.h>

PyObject *leastsq_py_solve(PyObject *self, PyObject *const *args, Py_ssize_t nargs);
PyObject *leastsq_py_covariance(PyObject *self, PyObject *const *args, Py_ssize_t nargs);
PyObject *leastsq_py_fresh_vector(PyObject *self, PyObject *value);
PyObject *leastsq_py_model_residual(PyObject *self, PyObject *const *args, Py_ssize_t nargs);
PyObject *leastsq_py_whiten(PyObject *self, PyObject *const *args, Py_ssize_t nargs);
PyObject *leastsq_py_build_config(PyObject *self, PyObject *none);
PyObject *leastsq_py_instruction_set(PyObject *self, PyObject *none);
PyObject *leastsq_py_select_simd(PyObject *self, PyObject *value);
PyObject *leastsq_py_first_residual(PyObject *self, PyObject *const *args, Py_ssize_t nargs);
PyObject *leastsq_py_begin(PyObject *self, PyObject *const *args, Py_ssize_t nargs);
PyObject *leastsq_py_status(PyObject *self, PyObject *solve);
PyObject *leastsq_py_points(PyObject *self, PyObject *solve);
PyObject *leastsq_py_put(PyObject *self, PyObject *const *args, Py_ssize_t nargs);
PyObject *leastsq_py_answer(PyObject *self, PyObject *const *args, Py_ssize_t nargs);
PyObject *leastsq_py_tell(PyObject *self, PyObject *const *args, Py_ssize_t nargs);
PyObject *leastsq_py_current_point(PyObject *self, PyObject *solve);
PyObject *leastsq_py_results(PyObject *self, PyObject *solve);
PyObject *leastsq_py_save(PyObject *self, PyObject *solve);
PyObject *leastsq_py_restore(PyObject *self, PyObject *const *args, Py_ssize_t nargs);

PyObject *leastsq_py_bind(PyObject *self, PyObject *const *args, Py_ssize_t nargs);
PyObject *leastsq_py_failure(PyObject *self, PyObject *compiled);
PyObject *leastsq_py_read_capsule(PyObject *self, PyObject *object);

PyObject *leastsq_py_batch(PyObject *self, PyObject *const *args, Py_ssize_t nargs);
PyObject *leastsq_py_batch_fill(PyObject *self, PyObject *const *args, Py_ssize_t nargs);
PyObject *leastsq_py_batch_requests(PyObject *self, PyObject *capsule);
PyObject *leastsq_py_batch_points(PyObject *self, PyObject *const *args, Py_ssize_t nargs);
PyObject *leastsq_py_batch_put(PyObject *self, PyObject *const *args, Py_ssize_t nargs);
PyObject *leastsq_py_batch_put_jacobian(PyObject *self, PyObject *const *args, Py_ssize_t nargs);
PyObject *leastsq_py_batch_fail(PyObject *self, PyObject *const *args, Py_ssize_t nargs);
PyObject *leastsq_py_batch_finish(PyObject *self, PyObject *const *args, Py_ssize_t nargs);
PyObject *leastsq_py_batch_run(PyObject *self, PyObject *const *args, Py_ssize_t nargs);
PyObject *leastsq_py_batch_advance(PyObject *self, PyObject *batch);
PyObject *leastsq_py_batch_stop(PyObject *self, PyObject *batch);

/* A capsule that owns memory. If memory is NULL, or the capsule cannot be created: NULL with a
 * MemoryError; memory is freed. */
PyObject *leastsq_new_capsule(void *memory, const char *name, PyCapsule_Destructor destructor);

/* PyErr_GetRaisedException and PyErr_SetRaisedException, which Python has from 3.12 on. */
PyObject *leastsq_take_exception(void);
void leastsq_set_exception(PyObject *error);

/* 0, or -1 with a TypeError if the number of arguments is not the one wanted. */
int leastsq_check_nargs(const char *method, Py_ssize_t nargs, Py_ssize_t wanted);

#define LEASTSQ_FASTCALL(name) \
    {#name, (PyCFunction)(void (*)(void))leastsq_py_##name, METH_FASTCALL, NULL}

#define LEASTSQ_O(name) {#name, leastsq_py_##name, METH_O, NULL}

#define LEASTSQ_NOARGS(name) {#name, leastsq_py_##name, METH_NOARGS, NULL}

/* Reverse communication, batches and compiled residuals need the bundled core. */
#ifdef LEASTSQ_BUNDLED
#define LEASTSQ_BUNDLED_METHODS \
    LEASTSQ_FASTCALL(first_residual), LEASTSQ_FASTCALL(begin), LEASTSQ_O(status), \
    LEASTSQ_O(points), LEASTSQ_FASTCALL(put), LEASTSQ_FASTCALL(answer), LEASTSQ_FASTCALL(tell), \
    LEASTSQ_O(current_point), LEASTSQ_O(results), LEASTSQ_O(save), LEASTSQ_FASTCALL(restore), \
    LEASTSQ_FASTCALL(batch), LEASTSQ_FASTCALL(batch_fill), LEASTSQ_O(batch_requests), \
    LEASTSQ_FASTCALL(batch_points), LEASTSQ_FASTCALL(batch_put), \
    LEASTSQ_FASTCALL(batch_put_jacobian), LEASTSQ_FASTCALL(batch_fail), \
    LEASTSQ_FASTCALL(bind), LEASTSQ_O(failure), LEASTSQ_O(read_capsule), \
    LEASTSQ_FASTCALL(batch_run), LEASTSQ_FASTCALL(batch_finish), LEASTSQ_O(batch_advance), \
    LEASTSQ_O(batch_stop),
#else
#define LEASTSQ_BUNDLED_METHODS
#endif

#define LEASTSQ_METHODS \
    LEASTSQ_FASTCALL(solve), \
    LEASTSQ_FASTCALL(covariance), \
    LEASTSQ_FASTCALL(model_residual), \
    LEASTSQ_FASTCALL(whiten), \
    LEASTSQ_O(fresh_vector), \
    LEASTSQ_O(select_simd), \
    LEASTSQ_NOARGS(build_config), \
    LEASTSQ_NOARGS(instruction_set), \
    LEASTSQ_BUNDLED_METHODS

#endif
