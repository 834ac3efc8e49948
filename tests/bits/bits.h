/* What the files of this program share: a hash of numbers, random numbers, and the problems. */
#ifndef BITS_H
#define BITS_H

#include <stdint.h>

enum { MOST_RESIDUALS = 80, MOST_VARIABLES = 80 };

/* Begins a section; the previous one, if any, is printed with the hash of its numbers. */
void section(const char *name);

/* Adds numbers to the section, by their values: the hash does not depend on the byte order. All
 * NaNs are alike, since sign and payload of a new one differ between processors. */
void add_reals(int count, const double *values);
void add_integers(int count, const int *values);

/* Random numbers, the same everywhere. */
uint64_t random_bits(void);
int random_integer(int least, int most);
double random_real(void);                               /* in [-1, 1) */
double random_scaled(int least, int most);              /* times a power of two of that range */
double power_of_two(int exponent);
void fill_random(int count, double *x, int least, int most);

/* A matrix of m rows and n columns: any columns, equal ones, columns and elements that are zero, or
 * columns or elements of 2^-scale to 2^scale. */
void fill_matrix(int m, int n, double *a, int scale);

/* A problem of Moré, Garbow and Hillstrom whose residuals need no function of libm but sqrt. */
typedef void values_function(int m, int n, const double *x, double *f, double *jacobian);

struct problem {
    const char *name;
    values_function *values; /* f[m] and jacobian[m*n], column-major */
    int n, m;
    int starts; /* start times 1, and then times 10 and 100 */
    int even;   /* the start is start[0] in all variables */
    double start[4];
};

extern const struct problem problems[];
extern const int problem_count;

/* The start of a run, start times 10^power; zero becomes that power itself. */
void start_of(const struct problem *problem, int power, double *x);

/* Callbacks of the solves; p is a struct problem. */
int residual_of(void *p, int m, int n, const double *x, double *fvec, int iflag);
int jacobian_of(void *p, int m, int n, const double *x, double *fvec, double *fjac, int ldfjac,
                int iflag);

/* The building blocks on random input, with numbers of 2^-scale to 2^scale, and norms of numbers of
 * 2^least to 2^most. */
void add_norms(int cases, int least, int most);
void add_factors(int cases, int scale);
void add_least_squares(int cases, int scale);
void add_parameters(int cases, int scale);

/* The sections. */
void add_building_blocks(void);
void add_solves(void);
void add_own(void); /* what the 1980 library lacks, or does otherwise */

#endif
