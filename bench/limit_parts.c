/* Points, planes, opening, rows: what holds an element that is wanted is read and decoded once, and
 * the elements are picked out of it while they are in cache. */
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "limit.h"

/* ---- points ---- */

enum { INNER_TOTAL = LIMIT_INNER_PER_AXIS * LIMIT_INNER_PER_AXIS * LIMIT_INNER_PER_AXIS };

/* Points by the cube of `edge` that they lie in: raw chunks of A, or inner chunks of C. */
struct picking {
    limit_state *state;
    const bench_job *job;
    bench_outcome *outcome;
    bench_points points;
    uint16_t *values;
    int64_t edge;
    int32_t *ordered;               /* numbers of points, cube by cube */
    int32_t start[INNER_TOTAL + 1]; /* of the points of a cube in that list */
    limit_shards shards;
};

static int64_t cube_of(const struct picking *picking, const int64_t *at)
{
    const int64_t count = BENCH_SIDE / picking->edge;

    return (at[0] / picking->edge * count + at[1] / picking->edge) * count + at[2] / picking->edge;
}

/* A sort by counting. */
static void order_points(struct picking *picking)
{
    const int64_t *at = picking->points.positions;

    for (int64_t i = 0; i < picking->points.count; i++) {
        picking->start[cube_of(picking, at + 3 * i) + 1]++;
    }
    for (int i = 0; i < INNER_TOTAL; i++) {
        picking->start[i + 1] += picking->start[i];
    }
    for (int64_t i = picking->points.count - 1; i >= 0; i--) {
        /* Each list is filled from its end, so that afterwards the next start is its own. */
        picking->ordered[--picking->start[cube_of(picking, at + 3 * i) + 1]] = (int32_t)i;
    }
    memmove(picking->start, picking->start + 1, INNER_TOTAL * sizeof *picking->start);
    picking->start[INNER_TOTAL] = (int32_t)picking->points.count;
}

static int load_cube(struct picking *picking, limit_scratch *scratch, int64_t cube)
{
    if (limit_store_kind(picking->job->store) == 'C') {
        return limit_load_inner(&picking->shards, scratch, (int32_t)cube, BENCH_INNER_BYTES,
                                picking->outcome);
    }
    int descriptor = limit_open_chunk(picking->job->store, cube, O_RDONLY, picking->outcome);

    if (descriptor < 0) {
        return -1;
    }
    int status = limit_pread(descriptor, scratch->decoded, BENCH_CHUNK_BYTES, 0);

    close(descriptor);
    return status ? bench_fail(picking->outcome, "chunk %d cannot be read", (int)cube) : 0;
}

static int pick_cube(void *user, int thread, int64_t cube)
{
    struct picking *picking = user;
    limit_scratch *scratch = &picking->state->scratch[thread];
    const int64_t edge = picking->edge;

    if (picking->start[cube] == picking->start[cube + 1]) {
        return 0;
    }
    if (load_cube(picking, scratch, cube) != 0) {
        return -1;
    }
    for (int32_t i = picking->start[cube]; i < picking->start[cube + 1]; i++) {
        int32_t point = picking->ordered[i];
        const int64_t *at = picking->points.positions + (int64_t)3 * point;

        picking->values[point] =
            scratch->decoded[(at[0] % edge * edge + at[1] % edge) * edge + at[2] % edge];
    }
    return 0;
}

static int pick(struct picking *picking)
{
    const double started = bench_now();
    const int64_t count = BENCH_SIDE / picking->edge;
    int status = 0;

    order_points(picking);
    if (limit_store_kind(picking->job->store) == 'C') {
        status = limit_shards_open(&picking->shards, picking->job->store, picking->outcome);
    }
    if (status == 0) {
        status = bench_parallel(picking->state->threads, count * count * count, pick_cube, picking);
    }
    limit_shards_close(&picking->shards);
    picking->outcome->seconds = bench_now() - started;
    if (status == 0 && picking->job->summed) {
        bench_sum_points(&picking->outcome->sum, picking->values, &picking->points);
    }
    return status;
}

int limit_points(limit_state *state, const bench_job *job, bench_outcome *outcome)
{
    struct picking *picking = calloc(1, sizeof *picking);
    int status = picking ? bench_points_load(job->extra, &picking->points) : -1;

    if (status != 0) {
        free(picking);
        return bench_fail(outcome, "%s is no list of points", job->extra);
    }
    picking->state = state;
    picking->job = job;
    picking->outcome = outcome;
    picking->edge = limit_store_kind(job->store) == 'C' ? BENCH_INNER : BENCH_CHUNK;
    picking->values = malloc((size_t)picking->points.count * sizeof *picking->values);
    picking->ordered = malloc((size_t)picking->points.count * sizeof *picking->ordered);
    status = picking->values && picking->ordered ? pick(picking)
                                                 : bench_fail(outcome, "no memory for the points");
    free(picking->points.positions);
    free(picking->values);
    free(picking->ordered);
    free(picking);
    return status;
}

/* ---- planes ---- */

struct cutting {
    limit_state *state;
    bench_outcome *outcome;
    bench_block plane;
    bool is_first; /* one z: the first plane of its inner chunks; otherwise one x */
    uint16_t *values;
    limit_shards shards;
};

/* The inner chunks that a plane touches are numbered row by row. */
static int cut_inner(void *user, int thread, int64_t item)
{
    struct cutting *cutting = user;
    limit_scratch *scratch = &cutting->state->scratch[thread];
    enum { COUNT = LIMIT_INNER_PER_AXIS, ROW_BYTES = BENCH_INNER * sizeof(uint16_t) };
    int32_t middle = COUNT / 2;
    int32_t inner = (int32_t)(cutting->is_first ? (int64_t)middle * COUNT * COUNT + item
                                                : item * COUNT + middle);
    int64_t row = item / COUNT * BENCH_INNER, column = item % COUNT * BENCH_INNER;
    size_t wanted = cutting->is_first ? (size_t)BENCH_INNER * ROW_BYTES : BENCH_INNER_BYTES;

    if (limit_load_inner(&cutting->shards, scratch, inner, wanted, cutting->outcome) != 0) {
        return -1;
    }
    for (int64_t i = 0; i < BENCH_INNER; i++) {
        uint16_t *to = cutting->values + (row + i) * BENCH_SIDE + column;

        if (cutting->is_first) {
            memcpy(to, scratch->decoded + i * BENCH_INNER, ROW_BYTES);
            continue;
        }
        for (int64_t k = 0; k < BENCH_INNER; k++) {
            to[k] = scratch->decoded[(i * BENCH_INNER + k) * BENCH_INNER];
        }
    }
    return 0;
}

int limit_plane(limit_state *state, const bench_job *job, bench_outcome *outcome)
{
    struct cutting cutting = {.state = state,
                              .outcome = outcome,
                              .plane = bench_plane(job->mode[0] - 'x'),
                              .is_first = job->mode[0] == 'z',
                              .values = malloc(BENCH_PLANE_BYTES)};
    const double started = bench_now();
    int status = cutting.values ? limit_shards_open(&cutting.shards, job->store, outcome)
                                : bench_fail(outcome, "no memory for a plane");

    if (status == 0) {
        status = bench_parallel(state->threads, LIMIT_INNER_PER_AXIS * LIMIT_INNER_PER_AXIS,
                                cut_inner, &cutting);
    }
    limit_shards_close(&cutting.shards);
    outcome->seconds = bench_now() - started;
    if (status == 0 && job->summed) {
        bench_sum_add(&outcome->sum, cutting.values, &cutting.plane);
    }
    free(cutting.values);
    return status;
}

/* ---- open ---- */

/* The metadata is read and believed. */
static int read_metadata(const char *store, bench_outcome *outcome)
{
    char path[PATH_MAX], text[4096];
    int descriptor;

    snprintf(path, sizeof path, "%s/zarr.json", store);
    descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) {
        return bench_fail(outcome, "%s: %m", path);
    }
    ssize_t got = read(descriptor, text, sizeof text);

    close(descriptor);
    return got > 0 ? 0 : bench_fail(outcome, "%s is empty", path);
}

/* The first inner chunk by the index of its shard, the file closed again. */
static int read_first(const char *store, limit_scratch *scratch, bench_outcome *outcome)
{
    int descriptor = limit_open_chunk(store, 0, O_RDONLY, outcome);
    limit_entry entries[LIMIT_INNER_COUNT];
    struct stat info;
    int status = -1;

    if (descriptor < 0) {
        return -1;
    }
    if (fstat(descriptor, &info) == 0 &&
        limit_pread(descriptor, entries, sizeof entries, info.st_size - LIMIT_INDEX_BYTES) == 0) {
        status = limit_pread(descriptor, scratch->encoded, entries[0].size_bytes,
                             (int64_t)entries[0].offset);
    }
    close(descriptor);
    if (status == 0 &&
        ZSTD_decompressDCtx(scratch->decoder, scratch->decoded, BENCH_INNER_BYTES, scratch->encoded,
                            entries[0].size_bytes) != BENCH_INNER_BYTES) {
        status = -1;
    }
    return status ? bench_fail(outcome, "%s: the first inner chunk does not decode", store) : 0;
}

int limit_open(limit_state *state, const bench_job *job, bench_outcome *outcome)
{
    const bench_block first = bench_cube(0, 0, 0, BENCH_INNER);
    const double started = bench_now();
    int status = 0;

    for (int i = 0; i < BENCH_OPENS && status == 0; i++) {
        status = read_metadata(job->store, outcome);
        if (status == 0) {
            status = read_first(job->store, &state->scratch[0], outcome);
        }
    }
    outcome->seconds = bench_now() - started;
    if (status == 0 && job->summed) {
        bench_sum_add(&outcome->sum, state->scratch[0].decoded, &first);
    }
    return status;
}

/* ---- rows ---- */

enum { ROWS_OF_CHUNK = 128 };

static int load_rows(const char *store, limit_scratch *scratch, int64_t chunk,
                     bench_outcome *outcome)
{
    enum { COUNT = BENCH_SIDE / ROWS_OF_CHUNK };
    const size_t chunk_bytes = (size_t)ROWS_OF_CHUNK * BENCH_SIDE * sizeof(uint16_t);
    char path[PATH_MAX];
    size_t got = 0;

    snprintf(path, sizeof path, "%s/c/%" PRId64 "/%" PRId64 "/0", store, chunk / COUNT,
             chunk % COUNT);
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);

    if (descriptor < 0) {
        return bench_fail(outcome, "%s: %m", path);
    }
    ssize_t size = read(descriptor, scratch->encoded, limit_encoded_bytes());

    close(descriptor);
    if (size <= 0 ||
        libdeflate_gzip_decompress(scratch->inflate, scratch->encoded, (size_t)size,
                                   scratch->decoded, chunk_bytes, &got) != 0 ||
        got != chunk_bytes) {
        return bench_fail(outcome, "%s does not decode", path);
    }
    return 0;
}

/* Each chunk once; its rows are copied one after the other. */
int limit_rows(limit_state *state, const bench_job *job, bench_outcome *outcome)
{
    limit_scratch *scratch = &state->scratch[0];
    uint16_t row[BENCH_SIDE];
    const double started = bench_now();
    int status = 0;

    for (int64_t i = 0; i < (int64_t)BENCH_ROWS * BENCH_SIDE && status == 0; i++) {
        if (i % ROWS_OF_CHUNK == 0) {
            status = load_rows(job->store, scratch, i / ROWS_OF_CHUNK, outcome);
        }
        memcpy(row, scratch->decoded + i % ROWS_OF_CHUNK * BENCH_SIDE, sizeof row);
        if (status == 0 && job->summed) {
            const bench_block block = {{i / BENCH_SIDE, i % BENCH_SIDE, 0}, {1, 1, BENCH_SIDE}};

            bench_sum_add(&outcome->sum, row, &block);
        }
    }
    outcome->seconds = bench_now() - started;
    return status;
}
