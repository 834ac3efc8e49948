/* The instruction set in use. It is chosen once, when it is first needed: the best of the machine,
 * or the one that LEASTSQ_SIMD names. Results do not depend on it, only speed does. */
#ifndef LEASTSQ_INSTRUCTION_SET_H
#define LEASTSQ_INSTRUCTION_SET_H

#include <stdatomic.h>

enum leastsq_instruction_set { LEASTSQ_BASELINE, LEASTSQ_AVX2, LEASTSQ_AVX512 };

extern _Atomic int leastsq_chosen_set; /* negative: not chosen yet */

/* Chooses the instruction set by machine and environment, and returns it. */
int leastsq_choose_set(void);

/* The instruction set in use, of enum leastsq_instruction_set. */
static inline int leastsq_set_in_use(void)
{
    const int chosen = atomic_load_explicit(&leastsq_chosen_set, memory_order_relaxed);

    return chosen >= 0 ? chosen : leastsq_choose_set();
}

/* Selects an instruction set by name, at any time, so that tests can compare them in one process;
 * NULL: leastsq_choose_set() will choose anew. Returns 0; or -1, with nothing changed, if this
 * machine has no instruction set of that name. */
int leastsq_select_set(const char *name);

#endif
