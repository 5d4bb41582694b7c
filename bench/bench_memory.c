#include "bench_memory.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

void *bench_huge_new(size_t size_bytes)
{
    void *memory =
        mmap(NULL, size_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED) {
        return NULL;
    }
    /* Advice may be refused; the figures then show it. */
    (void)madvise(memory, size_bytes, MADV_HUGEPAGE);
    return memory;
}

void bench_populate(void *start, size_t size_bytes)
{
#ifdef MADV_POPULATE_WRITE
    if (madvise(start, size_bytes, MADV_POPULATE_WRITE) == 0) {
        return;
    }
#endif
    memset(start, 0, size_bytes);
}

void *bench_huge_new_touched(size_t size_bytes)
{
    void *memory = bench_huge_new(size_bytes);

    if (memory) {
        bench_populate(memory, size_bytes);
    }
    return memory;
}

void bench_huge_free(void *memory, size_t size_bytes)
{
    if (memory) {
        munmap(memory, size_bytes);
    }
}

int bench_threads(void)
{
    cpu_set_t set;
    int count;

    if (sched_getaffinity(0, sizeof set, &set) != 0) {
        return 1;
    }
    count = CPU_COUNT(&set);
    return count < BENCH_THREADS_MAX ? count : BENCH_THREADS_MAX;
}

struct shared_work {
    int (*run)(void *user, int thread, int64_t item);
    void *user;
    int64_t count;
    atomic_llong next;
    atomic_int failure;
};

struct one_thread {
    struct shared_work *work;
    int number;
};

static void *take_items(void *arg)
{
    const struct one_thread *self = arg;
    struct shared_work *work = self->work;

    while (!atomic_load(&work->failure)) {
        long long item = atomic_fetch_add(&work->next, 1);
        int status;

        if (item >= work->count) {
            break;
        }
        status = work->run(work->user, self->number, item);
        if (status != 0) {
            int none = 0;

            atomic_compare_exchange_strong(&work->failure, &none, status);
        }
    }
    return NULL;
}

int bench_parallel(int threads, int64_t count, int (*run)(void *user, int thread, int64_t item),
                   void *user)
{
    struct shared_work work = {.run = run, .user = user, .count = count};
    struct one_thread selves[BENCH_THREADS_MAX];
    pthread_t handles[BENCH_THREADS_MAX];
    int started = 1;

    for (int i = 0; i < threads; i++) {
        selves[i] = (struct one_thread){.work = &work, .number = i};
    }
    while (started < threads &&
           pthread_create(&handles[started], NULL, take_items, &selves[started]) == 0) {
        started++;
    }
    take_items(&selves[0]);
    for (int i = 1; i < started; i++) {
        pthread_join(handles[i], NULL);
    }
    return atomic_load(&work.failure);
}

struct whole_sum {
    const uint16_t *values;
    bench_sum sums[BENCH_THREADS_MAX];
};

static int sum_plane(void *user, int thread, int64_t z)
{
    struct whole_sum *whole = user;
    const bench_block plane = {.start = {z, 0, 0}, .shape = {1, BENCH_SIDE, BENCH_SIDE}};

    bench_sum_add(&whole->sums[thread], whole->values + z * BENCH_SIDE * BENCH_SIDE, &plane);
    return 0;
}

bench_sum bench_sum_planes(const uint16_t *values, int64_t planes)
{
    struct whole_sum whole = {.values = values};
    bench_sum sum = {0};

    bench_parallel(bench_threads(), planes, sum_plane, &whole);
    for (int i = 0; i < BENCH_THREADS_MAX; i++) {
        bench_sum_merge(&sum, &whole.sums[i]);
    }
    return sum;
}
