/* The C API for extension modules, Cython and numba, which do not link libleastsq. */
#ifndef LEASTSQ_CAPSULES_H
#define LEASTSQ_CAPSULES_H

#include <Python.h>

/* Adds to the module __pyx_capi__, from which Cython and numba take single functions, and _C_API,
 * the table of leastsq_capi.h. Returns 0, or -1 with an exception. */
int leastsq_add_capsules(PyObject *module);

#endif
