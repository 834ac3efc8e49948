/* The instruction set, selected while a process runs. Tests compare the results of all of them. */
#include "_methods.h"
#include "simd/instruction_set.h"

/* select_simd(name): uses an instruction set from now on; None: the choice of a new process */
PyObject *leastsq_py_select_simd(PyObject *Py_UNUSED(self), PyObject *value)
{
    const char *name = value == Py_None ? NULL : PyUnicode_AsUTF8(value);

    if (name == NULL && value != Py_None)
        return NULL;
    if (leastsq_select_set(name) < 0)
        return PyErr_Format(PyExc_ValueError, "%R is no instruction set of this machine", value);
    Py_RETURN_NONE;
}
