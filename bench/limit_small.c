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
    EDGE = BENCH_SMALL,
    CHUNK_BYTES = 2 * EDGE * EDGE * EDGE,
};

struct small {
    const bench_job *job;
    bench_outcome *outcome;
    int folder;
    int64_t grid[3]; /* how many chunks lie along each axis */
    uint16_t *values;
    const char *memory; /* of all chunks, 1 KiB each; NULL: in files */
};

static void scatter_small(const struct small *small, const char *chunk, int64_t number)
{
    const int64_t count_y = small->grid[1], count_x = small->grid[2];
    int64_t z = number / (count_y * count_x) * EDGE;
    int64_t y = number / count_x % count_y * EDGE, x = number % count_x * EDGE;

    for (int64_t row = 0; row < EDGE * EDGE; row++) {
        int64_t at = (z + row / EDGE) * count_y * EDGE + y + row % EDGE;
        memcpy(small->values + at * count_x * EDGE + x, chunk + row * 2 * EDGE, 2 * EDGE);
    }
}

/* The other way round: one chunk out of an array that is in memory. */
static void gather_small(const struct small *small, char *chunk, int64_t number)
{
    const int64_t count_y = small->grid[1], count_x = small->grid[2];
    int64_t z = number / (count_y * count_x) * EDGE;
    int64_t y = number / count_x % count_y * EDGE, x = number % count_x * EDGE;

    for (int64_t row = 0; row < EDGE * EDGE; row++) {
        int64_t at = (z + row / EDGE) * count_y * EDGE + y + row % EDGE;
        memcpy(chunk + row * 2 * EDGE, small->values + at * count_x * EDGE + x, 2 * EDGE);
    }
}

static int load_small(const struct small *small, char *chunk, int64_t number)
{
    char path[64];
    int descriptor, status;

    snprintf(path, sizeof path, "c/%" PRId64 "/%" PRId64 "/%" PRId64,
             number / (small->grid[1] * small->grid[2]), number / small->grid[2] % small->grid[1],
             number % small->grid[2]);
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

static int64_t count_of(const int64_t grid[3])
{
    return grid[0] * grid[1] * grid[2];
}

/* All chunks of the array that lies in `values`, kept from job to job. */
static int keep_all(limit_state *state, const struct small *small)
{
    const size_t size_bytes = (size_t)count_of(small->grid) * CHUNK_BYTES;

    if (state->small.chunks && memcmp(state->small.grid, small->grid, sizeof small->grid) == 0) {
        return 0;
    }
    bench_huge_free(state->small.chunks, (size_t)count_of(state->small.grid) * CHUNK_BYTES);
    memcpy(state->small.grid, small->grid, sizeof small->grid);
    state->small.chunks = bench_huge_new_touched(size_bytes);
    if (!state->small.chunks) {
        return bench_fail(small->outcome, "no memory for the small chunks");
    }
    for (int64_t number = 0; number < count_of(small->grid); number++) {
        gather_small(small, state->small.chunks + number * CHUNK_BYTES, number);
    }
    return 0;
}

static int read_small(limit_state *state, struct small *small, const bench_block *all)
{
    const double started = bench_now();
    int status = 0;

    for (int64_t i = 0; i < small->job->settings.repeat && status == 0; i++) {
        status = bench_parallel(state->threads, count_of(small->grid) / SLICE, read_slice, small);
    }
    small->outcome->seconds = bench_now() - started;
    if (small->job->summed) {
        small->outcome->sum = (bench_sum){0};
        bench_sum_add(&small->outcome->sum, small->values, all);
    }
    return status;
}

int limit_small(limit_state *state, const bench_job *job, bench_outcome *outcome)
{
    const bench_block all = bench_small_block(job->settings.grid);
    const size_t size_bytes = bench_block_bytes(&all);
    const bool in_memory = strcmp(job->mode, "memory") == 0;
    struct small small = {.job = job, .outcome = outcome, .folder = -1};
    int status = 0;

    for (int axis = 0; axis < 3; axis++) {
        small.grid[axis] = all.shape[axis] / EDGE;
    }
    small.values = bench_huge_new_touched(size_bytes);
    if (!small.values) {
        return bench_fail(outcome, "no memory for the small array");
    }
    if (in_memory) {
        bench_fill(small.values, &all);
        status = keep_all(state, &small);
        small.memory = state->small.chunks;
        memset(small.values, 0, size_bytes);
    } else {
        small.folder = open(job->store, O_PATH | O_DIRECTORY | O_CLOEXEC);
        status = small.folder < 0 ? bench_fail(outcome, "%s: %m", job->store) : 0;
    }
    if (status == 0) {
        status = read_small(state, &small, &all);
    }
    bench_huge_free(small.values, size_bytes);
    if (small.folder >= 0) {
        close(small.folder);
    }
    return status;
}
