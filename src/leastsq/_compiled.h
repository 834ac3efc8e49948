/* A compiled residual as a solve calls it: neither Python nor the GIL is needed.
 *
 * It gets a pointer p: to data, or to a block of words, some of which are pointers to the rows of
 * one problem of many. From time to time the GIL is taken to look for an interrupt. */
#ifndef LEASTSQ_COMPILED_H
#define LEASTSQ_COMPILED_H

#include "_results.h"
#include "leastsq.h"

/* An array with a row a problem. */
typedef struct {
    Py_ssize_t word;        /* of the block that points to the row; -1: p does */
    char *rows;
    npy_intp stride;        /* in bytes; 0 where all problems share one row */
    const npy_int64 *index; /* which row is a problem's, or NULL: one each, in order */
} ProblemRows;

typedef struct {
    leastsq_func_mn residual;
    leastsq_funcder_mn both; /* residual and Jacobian, instead */
    void *p;
    npy_intp m, n;
    int tells_m;             /* m is a guess: with iflag 0 the right one is returned */
    double relative_error;   /* of the numbers that become residuals */
    int by_adapter;          /* what is called is one of numba's */
    npy_intp *words;         /* to which p points; an adapter finds point in the first */
    Py_ssize_t nwords, room;
    ProblemRows *rows;
    Py_ssize_t nrows;
    PyArrayObject *point;    /* in which functions get x, a copy of the solver's */
    const PyArray_Descr *descr; /* of point as it was made; only compared */
    double *x;               /* its numbers */
    double *failed_at;       /* x of the call that has failed */
    double *spare;           /* m and m*n numbers that go with what is not wanted, if both */
    int value;               /* the negative one that it has returned, or 0 */
    int interrupted;         /* an exception is set */
    int late;                /* it is time to return to Python, which reports */
    double taken;            /* when the GIL was, in seconds */
    PyThreadState *thread;
    PyObject *keep;          /* what owns the memory, a list */
} Compiled;

/* The flags of an array that compiled code depends on. */
enum {
    LEASTSQ_LAYOUT = NPY_ARRAY_C_CONTIGUOUS | NPY_ARRAY_F_CONTIGUOUS | NPY_ARRAY_ALIGNED |
                     NPY_ARRAY_WRITEABLE
};

/* A capsule with an empty one; NULL with an exception. */
PyObject *leastsq_new_compiled(Compiled **compiled);

/* Allocates what m residuals need; 0, or -1 with an exception. n is known. */
int leastsq_compiled_size(Compiled *compiled, npy_intp m);

/* What a capsule holds, or NULL without an exception if it is none of these. */
Compiled *leastsq_compiled_of(PyObject *function);

/* Points p, or the words, to the rows of a problem. */
void leastsq_compiled_problem(Compiled *compiled, npy_int64 problem);

/* Gives up the GIL, for any number of calls, and takes it again. */
void leastsq_compiled_enter(Compiled *compiled);
void leastsq_compiled_leave(Compiled *compiled);

/* The first evaluation, which finds m: a fresh fvec, zeros where the function has failed, or is C's
 * and n = 0; NULL with an exception. */
PyArrayObject *leastsq_compiled_first(Compiled *compiled, const double *x);

/* The residual or the Jacobian at x, where the residual is fvec; 0, or -1: value or interrupted
 * says why. */
int leastsq_compiled_residual(Compiled *compiled, int m, int n, const double *x, double *fvec);
int leastsq_compiled_jacobian(Compiled *compiled, int m, int n, const double *x,
                              const double *fvec, double *fjac);

#endif
