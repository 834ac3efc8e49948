/* The C door for code that does not link it. */
#ifndef LEASTSQ_CAPSULES_H
#define LEASTSQ_CAPSULES_H

#include <Python.h>

/* Adds to the module __pyx_capi__, from which Cython and numba take the functions one by one, and
 * _C_API, the table of leastsq_capi.h; 0, or -1 with an exception. */
int leastsq_add_capsules(PyObject *module);

#endif
