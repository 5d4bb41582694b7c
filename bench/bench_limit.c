/* bench_limit: serves the jobs of the benchmark with the barest code that can do them. */
#include "limit.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

size_t limit_encoded_bytes(void)
{
    /* Larger than the most that blosc and libdeflate make too. */
    size_t whole = ZSTD_compressBound(BENCH_CHUNK_BYTES);
    size_t shard = LIMIT_INNER_COUNT * ZSTD_compressBound(BENCH_INNER_BYTES) + LIMIT_INDEX_BYTES;

    return whole > shard ? whole : shard;
}

char limit_store_kind(const char *store)
{
    const char *slash = strrchr(store, '/');

    return slash ? slash[1] : store[0];
}

int limit_open_chunk(const char *store, int64_t chunk, int flags, bench_outcome *outcome)
{
    enum { COUNT = BENCH_SIDE / BENCH_CHUNK };
    char path[PATH_MAX];
    int descriptor;

    snprintf(path, sizeof path, "%s/c/%" PRId64 "/%" PRId64 "/%" PRId64, store,
             chunk / (COUNT * COUNT), chunk / COUNT % COUNT, chunk % COUNT);
    descriptor = open(path, flags | O_CLOEXEC, 0666);
    if (descriptor < 0) {
        return bench_fail(outcome, "%s: %m", path);
    }
    return descriptor;
}

int limit_pread(int descriptor, void *buffer, size_t size_bytes, int64_t offset)
{
    char *to = buffer;

    while (size_bytes > 0) {
        ssize_t got = pread(descriptor, to, size_bytes, offset);

        if (got <= 0) {
            return -1;
        }
        to += got;
        offset += got;
        size_bytes -= (size_t)got;
    }
    return 0;
}

bench_block limit_inner_block(int64_t shard, int64_t inner)
{
    enum { COUNT = BENCH_CHUNK / BENCH_INNER };
    bench_block block = bench_chunk_block(shard);

    return bench_cube(block.start[0] + inner / (COUNT * COUNT) * BENCH_INNER,
                      block.start[1] + inner / COUNT % COUNT * BENCH_INNER,
                      block.start[2] + inner % COUNT * BENCH_INNER, BENCH_INNER);
}

void limit_stream_row(uint16_t *to, const uint16_t *from, size_t size_bytes)
{
#ifdef __SSE2__
    __m128i *to16 = (__m128i *)(void *)to;
    const __m128i *from16 = (const __m128i *)(const void *)from;

    for (size_t i = 0; i < size_bytes / sizeof *to16; i++) {
        _mm_stream_si128(to16 + i, _mm_loadu_si128(from16 + i));
    }
#else
    memcpy(to, from, size_bytes);
#endif
}

void limit_stream_end(void)
{
#ifdef __SSE2__
    _mm_sfence();
#endif
}

static const char *const *limit_ways(const bench_job *job)
{
    static const char *const bare[] = {"bare", NULL};
    static const char *const fresh[] = {"faults", "populate", NULL};
    static const char *const works[] = {"read",  "chunks",  "boxes", "inner",   "points",
                                        "plane", "open",    "write", "rewrite", "rows",
                                        "small", "reshard", "codec"};

    if (strcmp(job->work, "read") == 0 && strcmp(job->mode, "reused") != 0) {
        return limit_store_kind(job->store) == 'A' ? fresh : bare;
    }
    for (size_t i = 0; i < sizeof works / sizeof works[0]; i++) {
        if (strcmp(job->work, works[i]) == 0) {
            return bare;
        }
    }
    return NULL;
}

static int limit_run(void *self, const bench_job *job, bench_outcome *outcome)
{
    limit_state *state = self;

    state->threads = job->settings.threads ? job->settings.threads : state->all_threads;
    for (int i = 0; i < state->all_threads; i++) {
        state->scratch[i].sum = (bench_sum){0};
    }
    static const struct {
        const char *name;
        int (*run)(limit_state *state, const bench_job *job, bench_outcome *outcome);
    } works[] = {
        {"read", limit_read},     {"chunks", limit_chunks}, {"boxes", limit_boxes},
        {"inner", limit_boxes},   {"small", limit_small},   {"write", limit_write},
        {"rewrite", limit_write}, {"codec", limit_codec},   {"reshard", limit_reshard},
        {"points", limit_points}, {"plane", limit_plane},   {"open", limit_open},
        {"rows", limit_rows},
    };

    for (size_t i = 0; i < sizeof works / sizeof works[0]; i++) {
        if (strcmp(works[i].name, job->work) == 0) {
            return works[i].run(state, job, outcome);
        }
    }
    return bench_fail(outcome, "unknown job %s", job->work);
}

static void limit_drop(void *self)
{
    limit_state *state = self;

    bench_huge_free(state->held, BENCH_BYTES);
    state->held = NULL;
}

static int limit_hold(void *self, const char *store, bench_outcome *outcome)
{
    limit_state *state = self;

    limit_drop(state);
    state->held = bench_huge_new_touched(BENCH_BYTES);
    if (!state->held) {
        return bench_fail(outcome, "no memory for the big buffer");
    }
    state->threads = state->all_threads;
    return limit_read_raw(state, store, state->held, outcome);
}

static int set_up(limit_state *state)
{
    state->all_threads = bench_threads();
    for (int i = 0; i < state->all_threads; i++) {
        limit_scratch *scratch = &state->scratch[i];

        scratch->decoder = ZSTD_createDCtx();
        scratch->encoder = ZSTD_createCCtx();
        scratch->inflate = libdeflate_alloc_decompressor();
        scratch->encoded = bench_huge_new_touched(limit_encoded_bytes());
        scratch->decoded = bench_huge_new_touched(BENCH_CHUNK_BYTES);
        if (!scratch->decoder || !scratch->encoder || !scratch->inflate || !scratch->encoded ||
            !scratch->decoded) {
            return -1;
        }
    }
    return 0;
}

static void tear_down(limit_state *state)
{
    limit_drop(state);
    for (int i = 0; i < state->all_threads; i++) {
        limit_scratch *scratch = &state->scratch[i];

        ZSTD_freeDCtx(scratch->decoder);
        ZSTD_freeCCtx(scratch->encoder);
        libdeflate_free_decompressor(scratch->inflate);
        bench_huge_free(scratch->encoded, limit_encoded_bytes());
        bench_huge_free(scratch->decoded, BENCH_CHUNK_BYTES);
        bench_huge_free(scratch->source, BENCH_CHUNK_BYTES);
    }
    free(state);
}

int main(void)
{
    const bench_side side = {
        .name = "limit",
        .version = ZSTD_VERSION_STRING,
        .ways = limit_ways,
        .run = limit_run,
        .hold = limit_hold,
        .drop = limit_drop,
        .yardstick = limit_yardstick,
    };
    limit_state *state = calloc(1, sizeof *state);
    int status = 1;

    if (!state) {
        return 1;
    }
    if (set_up(state) == 0) {
        status = bench_serve(&side, state);
    } else {
        fputs("bench_limit: no memory for its scratch\n", stderr);
    }
    tear_down(state);
    return status;
}
