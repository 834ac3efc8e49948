#define LANES 2
#define GROUPS 4
#define VARIANT leastsq_kernels_baseline
#define VARIANT_NAME "baseline"
#include "kernels_body.h"
