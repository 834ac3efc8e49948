#define LANES 8
#define GROUPS 1
#define VARIANT leastsq_kernels_avx512
#define VARIANT_NAME "avx512"
#include "kernels_body.h"
