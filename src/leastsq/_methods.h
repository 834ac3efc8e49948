/* The f2py module's methods that are written in C, in _solve.c and _module.c. */
#ifndef LEASTSQ_METHODS_H
#define LEASTSQ_METHODS_H

#include <Python.h>

PyObject *leastsq_py_solve(PyObject *self, PyObject *const *args, Py_ssize_t nargs);
PyObject *leastsq_py_covariance(PyObject *self, PyObject *const *args, Py_ssize_t nargs);
PyObject *leastsq_py_fresh_vector(PyObject *self, PyObject *value);
PyObject *leastsq_py_build_config(PyObject *self, PyObject *none);

/* 0, or -1 with a TypeError where a method has got another number of arguments. */
int leastsq_check_nargs(const char *method, Py_ssize_t nargs, Py_ssize_t wanted);

#define LEASTSQ_FASTCALL(name) \
    {#name, (PyCFunction)(void (*)(void))leastsq_py_##name, METH_FASTCALL, NULL}

#define LEASTSQ_METHODS \
    LEASTSQ_FASTCALL(solve), \
    LEASTSQ_FASTCALL(covariance), \
    {"fresh_vector", leastsq_py_fresh_vector, METH_O, NULL}, \
    {"build_config", leastsq_py_build_config, METH_NOARGS, NULL},

#endif
