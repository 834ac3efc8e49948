#define LANES 2
#define GROUPS 4
#define VARIANT leastsq_kernels_baseline
#include "kernels_body.h"
