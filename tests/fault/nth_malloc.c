/* See nth_malloc.h. As a preloaded library it reads
 *
 *     NTH_MALLOC=N             arm at the start of main (library constructors are not ours to
 * test); 0 only counts NTH_MALLOC_PERSISTENT=1  all allocations from the N-th on fail
 *     NTH_MALLOC_REPORT=PATH   when an allocation is refused, "fired" and the stack go to this
 * file; at the end "count N"
 *
 * The allocator behind it is whatever comes next in link order, glibc's or AddressSanitizer's. */
#include "nth_malloc.h"

#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct {
    void *(*malloc)(size_t size);
    void *(*calloc)(size_t count, size_t size);
    void *(*realloc)(void *block, size_t size);
    int (*posix_memalign)(void **ret_block, size_t alignment, size_t size);
    void *(*aligned_alloc)(size_t alignment, size_t size);
    void *(*memalign)(size_t alignment, size_t size);
    void (*free)(void *block);
} next;

static atomic_bool armed, persist, fired;
static atomic_int_fast64_t fail_at, count;
static int report = -1;

/* AddressSanitizer asks for the stack of each new thread, which allocates, and ends the program
 * when that fails: such requests are the checker's, not the program's. */
static __thread bool asked_by_checker;

/* dlsym may itself allocate while `next` is being filled: such requests are served from here. */
static _Alignas(max_align_t) char bootstrap[8192];
static atomic_size_t bootstrap_used;

static void *bootstrap_allocate(size_t size)
{
    size_t rounded = (size + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
    size_t at = atomic_fetch_add(&bootstrap_used, rounded);
    return at + rounded <= sizeof bootstrap ? bootstrap + at : NULL;
}

static bool from_bootstrap(const void *block)
{
    const char *byte = block;
    return byte >= bootstrap && byte < bootstrap + sizeof bootstrap;
}

static void *look_up(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}

static bool ready(void)
{
    static atomic_int state; /* 0 empty, 1 being filled, 2 filled */
    int expected = 0;

    if (atomic_load(&state) == 2)
        return true;
    if (!atomic_compare_exchange_strong(&state, &expected, 1))
        return expected == 2;
    next.malloc = look_up("malloc");
    next.calloc = look_up("calloc");
    next.realloc = look_up("realloc");
    next.posix_memalign = look_up("posix_memalign");
    next.aligned_alloc = look_up("aligned_alloc");
    next.memalign = look_up("memalign");
    next.free = look_up("free");
    atomic_store(&state, 2);
    return true;
}

static void report_stack(void)
{
    void *frames[32];
    int depth;

    if (report < 0)
        return;
    depth = backtrace(frames, 32);
    if (write(report, "fired\n", 6) == 6)
        backtrace_symbols_fd(frames, depth, report);
}

/* Counts one allocation and says whether it is to fail. */
static bool refuse(void)
{
    int_fast64_t now, at;

    if (!atomic_load_explicit(&armed, memory_order_relaxed) || asked_by_checker)
        return false;
    now = atomic_fetch_add(&count, 1) + 1;
    at = atomic_load(&fail_at);
    if (at == 0 || now < at || (now > at && !atomic_load(&persist)))
        return false;
    if (!atomic_exchange(&fired, true))
        report_stack();
    errno = ENOMEM;
    return true;
}

void nth_malloc_arm(int64_t n, bool persistent)
{
    atomic_store(&armed, false);
    atomic_store(&fail_at, n);
    atomic_store(&persist, persistent);
    atomic_store(&count, 0);
    atomic_store(&fired, false);
    atomic_store(&armed, true);
}

bool nth_malloc_disarm(void)
{
    atomic_store(&armed, false);
    return atomic_load(&fired);
}

bool nth_malloc_fired(void)
{
    return atomic_load(&fired);
}

int64_t nth_malloc_count(void)
{
    return atomic_load(&count);
}

#define EXPORTED __attribute__((visibility("default")))

EXPORTED void *malloc(size_t size)
{
    if (!ready())
        return bootstrap_allocate(size);
    return refuse() ? NULL : next.malloc(size);
}

EXPORTED void *calloc(size_t members, size_t size)
{
    if (!ready())
        return bootstrap_allocate(members * size); /* static memory: zero, never handed out twice */
    return refuse() ? NULL : next.calloc(members, size);
}

EXPORTED void *realloc(void *block, size_t size)
{
    if (from_bootstrap(block)) {
        size_t rest = (size_t)(bootstrap + sizeof bootstrap - (char *)block);
        void *moved = malloc(size);
        return moved ? memcpy(moved, block, size < rest ? size : rest) : NULL;
    }
    if (!ready())
        return bootstrap_allocate(size);
    /* Shrinking to nothing is a free, which cannot fail. */
    return (size > 0 || !block) && refuse() ? NULL : next.realloc(block, size);
}

EXPORTED void *reallocarray(void *block, size_t members, size_t size)
{
    size_t bytes;

    if (__builtin_mul_overflow(members, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    return realloc(block, bytes);
}

EXPORTED int posix_memalign(void **ret_block, size_t alignment, size_t size)
{
    return ready() && refuse() ? ENOMEM : next.posix_memalign(ret_block, alignment, size);
}

EXPORTED void *aligned_alloc(size_t alignment, size_t size)
{
    return ready() && refuse() ? NULL : next.aligned_alloc(alignment, size);
}

EXPORTED void *memalign(size_t alignment, size_t size)
{
    return ready() && refuse() ? NULL : next.memalign(alignment, size);
}

EXPORTED void free(void *block)
{
    if (!from_bootstrap(block) && ready())
        next.free(block);
}

EXPORTED int pthread_getattr_np(pthread_t thread, pthread_attr_t *attributes)
{
    int (*real)(pthread_t thread, pthread_attr_t * attributes);
    int result;

    asked_by_checker = true;
    real = (int (*)(pthread_t, pthread_attr_t *))look_up("pthread_getattr_np");
    result = real ? real(thread, attributes) : ENOSYS;
    asked_by_checker = false;
    return result;
}

#ifdef NTH_MALLOC_PRELOAD

typedef int main_function(int argc, char **argv, char **environment);

static main_function *real_main;

__attribute__((weak)) void __lsan_disable(void);
__attribute__((weak)) void __lsan_enable(void);

/* The first backtrace loads a library and so allocates, which must not happen inside a refusal;
 * what the loader keeps for itself is not a leak of the program. */
static void load_backtrace(void)
{
    void *frame;

    if (__lsan_disable)
        __lsan_disable();
    backtrace(&frame, 1);
    if (__lsan_enable)
        __lsan_enable();
}

static void arm_from_environment(void)
{
    const char *n = getenv("NTH_MALLOC"), *path = getenv("NTH_MALLOC_REPORT");

    if (!n)
        return;
    if (path)
        report = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    load_backtrace();
    nth_malloc_arm(strtoll(n, NULL, 10), getenv("NTH_MALLOC_PERSISTENT") != NULL);
}

static int counted_main(int argc, char **argv, char **environment)
{
    arm_from_environment();
    return real_main(argc, argv, environment);
}

__attribute__((destructor)) static void report_count(void)
{
    char line[64];
    int length = snprintf(line, sizeof line, "count %lld\n", (long long)atomic_load(&count));

    if (report >= 0 && write(report, line, (size_t)length) < 0)
        _exit(99);
}

/* glibc's start-up code calls this with the program's main. */
EXPORTED int __libc_start_main(main_function *main, int argc, char **argv, void (*init)(void),
                               void (*fini)(void), void (*rtld_fini)(void), void *stack_end);

int __libc_start_main(main_function *main, int argc, char **argv, void (*init)(void),
                      void (*fini)(void), void (*rtld_fini)(void), void *stack_end)
{
    int (*start)(main_function *, int, char **, void (*)(void), void (*)(void), void (*)(void),
                 void *) = look_up("__libc_start_main");

    real_main = main;
    return start(counted_main, argc, argv, init, fini, rtld_fini, stack_end);
}

#endif
