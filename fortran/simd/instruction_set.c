/* Chooses the instruction set. LEASTSQ_SIMD in the environment may name it: baseline, avx2 or
 * avx512. With a name that this machine does not have, the baseline is used. */
#include "instruction_set.h"
#include "leastsq.h"

#include <stdlib.h>
#include <string.h>

enum { SETS = LEASTSQ_AVX512 + 1 };

static const char *const names[SETS] = {"baseline", "avx2", "avx512"};

_Atomic int leastsq_chosen_set = -1;

/* Lists the instruction sets of this machine, the best first, and returns their number. */
static int available(int list[SETS])
{
    int count = 0;

#ifdef LEASTSQ_HAVE_AVX
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq"))
        list[count++] = LEASTSQ_AVX512;
    if (__builtin_cpu_supports("avx2"))
        list[count++] = LEASTSQ_AVX2;
#endif
    list[count++] = LEASTSQ_BASELINE;
    return count;
}

/* The instruction set of this name; negative if this machine has none. */
static int find(const char *name)
{
    int list[SETS], count = available(list);

    for (int i = 0; i < count; i++)
        if (strcmp(names[list[i]], name) == 0)
            return list[i];
    return -1;
}

/* The instruction set that LEASTSQ_SIMD names, without it the best; negative as above. */
static int requested(void)
{
    const char *name = getenv("LEASTSQ_SIMD");
    int list[SETS];

    if (name != NULL && *name != '\0')
        return find(name);
    available(list);
    return list[0];
}

int leastsq_choose_set(void)
{
    const int set = requested(), chosen = set < 0 ? LEASTSQ_BASELINE : set;

    atomic_store_explicit(&leastsq_chosen_set, chosen, memory_order_relaxed);
    return chosen;
}

int leastsq_select_set(const char *name)
{
    const int set = name == NULL ? -1 : find(name);

    if (name != NULL && set < 0)
        return -1;
    atomic_store_explicit(&leastsq_chosen_set, set, memory_order_relaxed);
    return 0;
}

const char *leastsq_simd(void)
{
    return requested() < 0 ? NULL : names[leastsq_set_in_use()];
}

const char *leastsq_simd_available(int i)
{
    int list[SETS];

    return i >= 0 && i < available(list) ? names[list[i]] : NULL;
}
