/* A solve by reverse communication: leastsq.h's workspace in a capsule. */
#ifndef LEASTSQ_ASK_H
#define LEASTSQ_ASK_H

#include "_results.h"
#include "leastsq.h"

/* Defined in fortran/reverse.f90 and fortran/checkpoint.f90; not part of leastsq.h. */
void leastsq_default_epsfcn(void *workspace, double epsfcn);
int leastsq_block_is_sound(void *workspace, size_t size);

typedef struct {
    int telling;     /* a call of tell has not returned yet */
    size_t size;     /* of the block in bytes */
    double *factors; /* those of the last Jacobian while the next is partly given, else NULL */
    double block[];  /* the workspace */
} Solve;

/* Around an access that other threads must not interrupt. With the GIL nothing is needed: no Python
 * code runs between reading a block's state and the copying that follows. */
#ifdef Py_GIL_DISABLED
#define LEASTSQ_BEGIN_CRITICAL(capsule) Py_BEGIN_CRITICAL_SECTION(capsule)
#define LEASTSQ_END_CRITICAL() Py_END_CRITICAL_SECTION()
#else
#define LEASTSQ_BEGIN_CRITICAL(capsule) { (void)(capsule);
#define LEASTSQ_END_CRITICAL() }
#endif

/* The solve in a method's first argument, a capsule; NULL with an exception if it is no solve, or
 * if the number of arguments is not the one wanted. */
Solve *leastsq_solve_of(const char *method, PyObject *const *args, Py_ssize_t nargs,
                        Py_ssize_t wanted);

/* The number of points whose values are requested and not given yet; and copies them to rows. */
npy_intp leastsq_count_points(const leastsq_view *view);
void leastsq_copy_points(const Solve *solve, const leastsq_view *view, double *row);

/* Whether some columns of a difference Jacobian have been given, but not all. */
int leastsq_is_partly_given(const leastsq_view *view);

/* Saves the factors of the last Jacobian before columns of the next overwrite them; 0, or -1 with
 * an exception. */
int leastsq_save_factors(Solve *solve, const double *factors, int m, int n);

#endif
