/* malloc and its relatives, counted, and failing on demand.
 *
 * Preloaded into Python (allocations.py) or linked into a program (no_allocations.c) they take the
 * place of the C library's. Those of glibc do the work. */
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *block);

static atomic_long live;           /* blocks allocated and not freed */
static atomic_long requests;       /* allocations asked for during a call of call_failing */
static long first_failing, last_failing;
static atomic_int counting;
int in_scope = 1; /* allocations made while this is 0 are neither counted nor failing */

long live_blocks(void)
{
    return live;
}

long allocation_requests(void)
{
    return requests;
}

/* Counts allocations from now on; those from first to last, counted from 1, fail. */
void count_allocations(long first, long last)
{
    requests = 0;
    first_failing = first;
    last_failing = last;
    counting = 1;
}

void stop_counting(void)
{
    counting = 0;
}

/* Calls function(argument) while allocations from first to last fail. */
void *call_failing(void *(*function)(void *), void *argument, long first, long last)
{
    void *result;

    count_allocations(first, last);
    result = function(argument);
    stop_counting();
    return result;
}

static int fails(void)
{
    long request;

    if (!counting || !in_scope)
        return 0;
    request = ++requests;
    if (request < first_failing || request > last_failing)
        return 0;
    errno = ENOMEM;
    return 1;
}

static void *counted(void *block)
{
    live += block != NULL;
    return block;
}

void *malloc(size_t size)
{
    return fails() ? NULL : counted(__libc_malloc(size));
}

void *calloc(size_t count, size_t size)
{
    return fails() ? NULL : counted(__libc_calloc(count, size));
}

void *memalign(size_t alignment, size_t size)
{
    return fails() ? NULL : counted(__libc_memalign(alignment, size));
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return memalign(alignment, size);
}

int posix_memalign(void **block, size_t alignment, size_t size)
{
    void *found = memalign(alignment, size);

    if (found == NULL)
        return ENOMEM;
    *block = found;
    return 0;
}

void free(void *block)
{
    live -= block != NULL;
    __libc_free(block);
}

void *realloc(void *block, size_t size)
{
    if (block == NULL)
        return malloc(size);
    if (size == 0) {
        free(block);
        return NULL;
    }
    return fails() ? NULL : __libc_realloc(block, size);
}
