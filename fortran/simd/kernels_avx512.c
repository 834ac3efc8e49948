#if !defined(__AVX512F__) || !defined(__AVX512DQ__)
#error "compile this file with -mavx512f -mavx512dq"
#endif

#define LANES 8
#define GROUPS 1
#define VARIANT leastsq_kernels_avx512
#include "kernels_body.h"
