/* Prints a hash of the results of each part of the library: the same on every processor, and for
 * every instruction set. Built with -DORIGINAL, for the API over the system's MINPACK, it leaves
 * out what that lacks. With an argument it prints the name of the instruction set instead. */
#include "bits.h"

#include <inttypes.h>
#include <leastsq.h>
#include <stdio.h>
#include <string.h>

static const char *current;
static uint64_t hash;
static long count;

void section(const char *name)
{
    if (current != NULL)
        printf("%-28s %9ld numbers  %016" PRIx64 "\n", current, count, hash);
    current = name;
    hash = 1978;
    count = 0;
}

static void add_word(uint64_t word)
{
    hash = (hash ^ word) * UINT64_C(0x9E3779B97F4A7C15);
    hash ^= hash >> 29;
    count++;
}

void add_reals(int length, const double *values)
{
    for (int i = 0; i < length; i++) {
        uint64_t bits = UINT64_C(0x7FF8000000000000);

        if (values[i] == values[i])
            memcpy(&bits, values + i, sizeof bits);
        add_word(bits);
    }
}

void add_integers(int length, const int *values)
{
    for (int i = 0; i < length; i++)
        add_word((uint64_t)(int64_t)values[i]);
}

/* Steele, Lea and Flood's SplitMix64. */
uint64_t random_bits(void)
{
    static uint64_t state = 1963;
    uint64_t z = state += UINT64_C(0x9E3779B97F4A7C15);

    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

int random_integer(int least, int most)
{
    return least + (int)(random_bits() % (uint64_t)(most - least + 1));
}

double random_real(void)
{
    return (double)(random_bits() >> 11) / 4503599627370496.0 - 1.0;
}

double power_of_two(int exponent)
{
    double power = 1.0;

    for (; exponent > 0; exponent--)
        power *= 2.0;
    for (; exponent < 0; exponent++)
        power *= 0.5;
    return power;
}

double random_scaled(int least, int most)
{
    double factor = random_real();

    return factor * power_of_two(random_integer(least, most));
}

void fill_random(int length, double *x, int least, int most)
{
    for (int i = 0; i < length; i++)
        x[i] = random_scaled(least, most);
}

int main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1) {
        const char *name = leastsq_simd();

        puts(name == NULL ? "none" : name);
        return 0;
    }
    add_building_blocks();
    add_solves();
    add_own();
    section(NULL);
    return 0;
}
