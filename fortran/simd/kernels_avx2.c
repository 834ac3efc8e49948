#define LANES 4
#define GROUPS 2
#define VARIANT leastsq_kernels_avx2
#define VARIANT_NAME "avx2"
#include "kernels_body.h"
