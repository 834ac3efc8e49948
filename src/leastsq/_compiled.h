/* A compiled residual as a solve calls it: without Python and without the GIL.
 *
 * Its argument p points to data, or to a block of pointer-sized words, some of which are the
 * addresses of a problem's rows. Every 20 ms the GIL is acquired to check for an interrupt. */
#ifndef LEASTSQ_COMPILED_H
#define LEASTSQ_COMPILED_H

#include "_results.h"
#include "leastsq.h"

/* An array that has a row for each problem. */
typedef struct {
    Py_ssize_t word;        /* index of the word that has the row's address; -1: p has it */
    char *rows;
    npy_intp stride;        /* in bytes; 0 if all problems share one row */
    const npy_int64 *index; /* of each problem's row, or NULL: problem k has row k */
} ProblemRows;

typedef struct {
    leastsq_func_mn residual;
    leastsq_funcder_mn residual_or_jacobian; /* called in place of residual, or NULL */
    void *p;
    npy_intp m, n;
    int finds_m;           /* m is an estimate: a call with iflag 0 returns the number */
    double relative_error; /* the machine epsilon of the dtype of residuals */
    int by_adapter;        /* the function is an adapter for numba functions */
    npy_intp *words;       /* the block; its first word is point if by_adapter */
    Py_ssize_t nwords, capacity;
    ProblemRows *rows;
    Py_ssize_t nrows;
    PyArrayObject *point;       /* in which the function gets a copy of x */
    const PyArray_Descr *descr; /* dtype of point when it was created; only compared */
    double *x;                  /* data of point */
    double *failed_at;          /* x of the call that has failed */
    double *scratch;            /* for residual_or_jacobian: fvec, m, and fjac, m*n elements */
    int value;                  /* the negative value that was returned, or 0 */
    int interrupted;            /* an exception is set */
    int report_due;             /* the caller should return to Python to report progress */
    double last_check;          /* time of the last check for an interrupt, in seconds */
    PyThreadState *thread;
    PyObject *owners;           /* a list that keeps all memory alive */
} Compiled;

/* The flags of an array on which compiled code depends. */
enum {
    LEASTSQ_LAYOUT = NPY_ARRAY_C_CONTIGUOUS | NPY_ARRAY_F_CONTIGUOUS | NPY_ARRAY_ALIGNED |
                     NPY_ARRAY_WRITEABLE
};

/* A capsule with an empty Compiled; NULL with an exception. */
PyObject *leastsq_new_compiled(Compiled **compiled);

/* Sets m and allocates memory for m residuals of n parameters; 0, or -1 with an exception. */
int leastsq_compiled_size(Compiled *compiled, npy_intp m);

/* The Compiled of a capsule; NULL, without an exception, if function is another object. */
Compiled *leastsq_compiled_of(PyObject *function);

/* Stores the addresses of a problem's rows in p or in the words. */
void leastsq_compiled_problem(Compiled *compiled, npy_int64 problem);

/* Around any number of calls: releases the GIL and clears the outcome of earlier calls; acquires
 * the GIL. */
void leastsq_compiled_release_gil(Compiled *compiled);
void leastsq_compiled_acquire_gil(Compiled *compiled);

/* The first evaluation, which determines m: returns a new fvec, zeros if the function has failed,
 * or if it is a C function and n is 0; NULL with an exception. */
PyArrayObject *leastsq_compiled_first(Compiled *compiled, const double *x);

/* The residual at x; the Jacobian at x, where the residual is fvec. 0, or -1: value is negative or
 * interrupted is true. */
int leastsq_compiled_residual(Compiled *compiled, int m, int n, const double *x, double *fvec);
int leastsq_compiled_jacobian(Compiled *compiled, int m, int n, const double *x,
                              const double *fvec, double *fjac);

#endif
