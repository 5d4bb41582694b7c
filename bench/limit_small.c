/* Chunks of 1 KiB: copied from where they lie in memory, or by openat, pread and close. */
#include "limit.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    EDGE = 8,
    COUNT_Z = 50,
    COUNT_Y = 50,
    COUNT_X = 40,
    COUNT = COUNT_Z * COUNT_Y * COUNT_X,
    CHUNK_BYTES = 2 * EDGE * EDGE * EDGE,
};

struct small {
    const bench_job *job;
    bench_outcome *outcome;
    int folder;
    uint16_t *values;
    const char *memory; /* of all chunks, 1 KiB each; NULL: in files */
};

static void scatter_small(const struct small *small, const char *chunk, int64_t number)
{
    int64_t z = number / (COUNT_Y * COUNT_X) * EDGE;
    int64_t y = number / COUNT_X % COUNT_Y * EDGE, x = number % COUNT_X * EDGE;

    for (int64_t row = 0; row < EDGE * EDGE; row++) {
        int64_t at = (z + row / EDGE) * COUNT_Y * EDGE + y + row % EDGE;
        memcpy(small->values + at * COUNT_X * EDGE + x, chunk + row * 2 * EDGE, 2 * EDGE);
    }
}

static int load_small(const struct small *small, char *chunk, int64_t number)
{
    char path[64];
    int descriptor, status;

    snprintf(path, sizeof path, "c/%" PRId64 "/%" PRId64 "/%" PRId64, number / (COUNT_Y * COUNT_X),
             number / COUNT_X % COUNT_Y, number % COUNT_X);
    descriptor = openat(small->folder, path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) {
        return bench_fail(small->outcome, "%s: %m", path);
    }
    status = limit_pread(descriptor, chunk, CHUNK_BYTES, 0);
    close(descriptor);
    return status ? bench_fail(small->outcome, "%s is too short", path) : 0;
}

/* A slice of 100 chunks: less is not worth an atomic step. */
enum { SLICE = 100 };

static int read_slice(void *user, int thread, int64_t slice)
{
    const struct small *small = user;
    char chunk[CHUNK_BYTES];

    (void)thread;
    for (int64_t number = slice * SLICE; number < (slice + 1) * SLICE; number++) {
        const char *from = small->memory ? small->memory + number * CHUNK_BYTES : chunk;

        if (!small->memory && load_small(small, chunk, number) != 0) {
            return -1;
        }
        scatter_small(small, from, number);
    }
    return 0;
}

/* All chunks as they lie in the files, kept from job to job. */
static char *load_all(const struct small *small)
{
    char *memory = bench_huge_new_touched((size_t)COUNT * CHUNK_BYTES);

    for (int64_t number = 0; memory && number < COUNT; number++) {
        if (load_small(small, memory + number * CHUNK_BYTES, number) != 0) {
            bench_huge_free(memory, (size_t)COUNT * CHUNK_BYTES);
            return NULL;
        }
    }
    return memory;
}

int limit_small(limit_state *state, const bench_job *job, bench_outcome *outcome)
{
    const bench_block all = bench_small_block();
    struct small small = {.job = job, .outcome = outcome};
    int status = -1;

    small.folder = open(job->store, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (small.folder < 0) {
        return bench_fail(outcome, "%s: %m", job->store);
    }
    if (strcmp(job->mode, "memory") == 0 && !state->small) {
        state->small = load_all(&small);
    }
    small.memory = strcmp(job->mode, "memory") == 0 ? state->small : NULL;
    small.values = bench_huge_new_touched(BENCH_SMALL_BYTES);
    if (small.values && (small.memory || strcmp(job->mode, "memory") != 0)) {
        const double started = bench_now();

        status = bench_parallel(state->threads, COUNT / SLICE, read_slice, &small);
        outcome->seconds = bench_now() - started;
        if (job->summed) {
            outcome->sum = (bench_sum){0};
            bench_sum_add(&outcome->sum, small.values, &all);
        }
    }
    bench_huge_free(small.values, BENCH_SMALL_BYTES);
    close(small.folder);
    return status == 0 || outcome->failure[0] ? status : bench_fail(outcome, "out of memory");
}
