/* Memory of the stated output policies, and threads that share out numbered items. */
#ifndef BENCH_MEMORY_H
#define BENCH_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include "bench_headline.h"

/* A new mapping on huge pages where the system grants them; nothing is touched yet. NULL on
 * failure. */
void *bench_huge_new(size_t size_bytes);

/* The same with every page present. */
void *bench_huge_new_touched(size_t size_bytes);

void bench_huge_free(void *memory, size_t size_bytes);

/* Makes the pages of a part of such a mapping present; the fastest way that the kernel has. */
void bench_populate(void *start, size_t size_bytes);

/* How many threads a job uses: the processors that this process may run on, at most
 * BENCH_THREADS_MAX. */
enum { BENCH_THREADS_MAX = 64 };
int bench_threads(void);

/* Calls run(user, thread, item) for each item 0..count-1; each thread takes the next item when it
 * is done with one. The caller is thread 0. Returns the first failure, after which no new item is
 * started. */
int bench_parallel(int threads, int64_t count, int (*run)(void *user, int thread, int64_t item),
                   void *user);

/* Sums the first planes of the array in parallel. */
bench_sum bench_sum_planes(const uint16_t *values, int64_t planes);

#endif
