/* A solve that asks, as Python holds it: leastsq.h's block of memory in a capsule. */
#ifndef LEASTSQ_ASK_H
#define LEASTSQ_ASK_H

#include "_results.h"
#include "leastsq.h"

/* Of the core, reverse.f90 and checkpoint.f90, but not part of leastsq.h. */
void leastsq_default_epsfcn(void *workspace, double epsfcn);
int leastsq_block_is_sound(void *workspace, size_t size);

typedef struct {
    int telling;     /* a call of tell is under way */
    size_t size;     /* of the block in bytes */
    double *factors; /* those of the last Jacobian while the next is told in parts, else NULL */
    double block[];
} Solve;

/* Around what other threads may see as a whole only. With the GIL that needs nothing: no Python
 * code runs between a look into a block and the copying that follows it. */
#ifdef Py_GIL_DISABLED
#define LEASTSQ_BEGIN_CRITICAL(capsule) Py_BEGIN_CRITICAL_SECTION(capsule)
#define LEASTSQ_END_CRITICAL() Py_END_CRITICAL_SECTION()
#else
#define LEASTSQ_BEGIN_CRITICAL(capsule) { (void)(capsule);
#define LEASTSQ_END_CRITICAL() }
#endif

/* The solve in a capsule, a method's first argument; NULL with an exception where it is none, or
 * where there are not as many arguments as are wanted. */
Solve *leastsq_solve_of(const char *method, PyObject *const *args, Py_ssize_t nargs,
                        Py_ssize_t wanted);

/* How many points are wanted and not given yet; copies them, a row each. */
npy_intp leastsq_count_points(const leastsq_view *view);
void leastsq_copy_points(const Solve *solve, const leastsq_view *view, double *row);

/* Whether columns of a difference Jacobian have been given, and others not. */
int leastsq_is_given_in_parts(const leastsq_view *view);

/* Keeps factors where columns of the next Jacobian do not overwrite them; 0, or -1 with an
 * exception. */
int leastsq_keep_factors(Solve *solve, const double *factors, int m, int n);

#endif
