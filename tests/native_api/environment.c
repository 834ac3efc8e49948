/* The floating-point environment of the calling thread, for tests that call through ctypes. */
#include <fenv.h>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

static const int roundings[] = {FE_TONEAREST, FE_DOWNWARD, FE_UPWARD, FE_TOWARDZERO};

/* Sets the rounding mode by its place in the list above; returns nonzero if that fails. */
int set_rounding(int mode)
{
    return fesetround(roundings[mode]);
}

/* Denormal numbers become zero, as results and as operands, or do not. Returns 0, or -1 where the
 * processor has no such mode. */
int set_flush(int on)
{
#if defined(__SSE2__)
    unsigned modes = _MM_FLUSH_ZERO_MASK | 0x0040; /* and denormals are zero */

    _mm_setcsr((_mm_getcsr() & ~modes) | (on ? modes : 0));
    return 0;
#else
    return on ? -1 : 0;
#endif
}

/* The control bits, without the flags of exceptions. */
unsigned control(void)
{
#if defined(__SSE2__)
    return _mm_getcsr() & ~0x3Fu;
#else
    return (unsigned)fegetround();
#endif
}

void clear_flags(void)
{
    feclearexcept(FE_ALL_EXCEPT);
}

/* 1: invalid, 2: division by zero, 4: overflow, 8: underflow. */
int flags(void)
{
    int raised = fetestexcept(FE_ALL_EXCEPT);

    return (raised & FE_INVALID ? 1 : 0) | (raised & FE_DIVBYZERO ? 2 : 0) |
           (raised & FE_OVERFLOW ? 4 : 0) | (raised & FE_UNDERFLOW ? 8 : 0);
}

/* Raises again what flags() returned. */
void raise_flags(int raised)
{
    feraiseexcept((raised & 1 ? FE_INVALID : 0) | (raised & 2 ? FE_DIVBYZERO : 0) |
                  (raised & 4 ? FE_OVERFLOW : 0) | (raised & 8 ? FE_UNDERFLOW : 0));
}
