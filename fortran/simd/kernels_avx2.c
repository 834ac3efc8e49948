#ifndef __AVX2__
#error "compile this file with -mavx2"
#endif

#define LANES 4
#define GROUPS 2
#define VARIANT leastsq_kernels_avx2
#include "kernels_body.h"
