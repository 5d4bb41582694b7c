/* Writing: gather a chunk (an inner chunk) from the source, encode it by libzstd into a recycled
 * buffer, one write per file. Metadata is left out; bench/run adds it before it checks what was
 * written. */
#include "limit.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct writing {
    limit_state *state;
    const bench_job *job;
    bench_outcome *outcome;
};

static void gather(const uint16_t *source, const bench_block *block, uint16_t *dense)
{
    for (int64_t z = 0; z < block->shape[0]; z++) {
        for (int64_t y = 0; y < block->shape[1]; y++) {
            int64_t row = ((block->start[0] + z) * BENCH_SIDE + block->start[1] + y) * BENCH_SIDE;

            memcpy(dense, source + row + block->start[2], (size_t)block->shape[2] * sizeof *dense);
            dense += block->shape[2];
        }
    }
}

static int write_all(int descriptor, const void *bytes, size_t size_bytes, int64_t offset)
{
    const char *from = bytes;

    while (size_bytes > 0) {
        ssize_t put = pwrite(descriptor, from, size_bytes, offset);

        if (put <= 0) {
            return -1;
        }
        from += put;
        offset += put;
        size_bytes -= (size_t)put;
    }
    return 0;
}

/* A raw chunk goes through a tile that stays in cache. */
static int write_raw(const struct writing *writing, limit_scratch *scratch,
                     const bench_block *chunk, int descriptor)
{
    enum { PLANES = 4 };
    bench_block tile = *chunk;
    size_t size = (size_t)PLANES * BENCH_CHUNK * BENCH_CHUNK * sizeof(uint16_t);

    tile.shape[0] = PLANES;
    for (int64_t plane = 0; plane < BENCH_CHUNK; plane += PLANES) {
        tile.start[0] = chunk->start[0] + plane;
        gather(writing->state->held, &tile, scratch->decoded);
        if (write_all(descriptor, scratch->decoded, size, plane / PLANES * (int64_t)size) != 0) {
            return -1;
        }
    }
    return 0;
}

/* The frame that Tessera makes of uint16 at level 0 (src/codec/zstd.c says why). */
static size_t compress(ZSTD_CCtx *encoder, char *to, const void *bytes, size_t size)
{
    ZSTD_CCtx_reset(encoder, ZSTD_reset_session_and_parameters);
    ZSTD_CCtx_setParameter(encoder, ZSTD_c_strategy, ZSTD_fast);
    ZSTD_CCtx_setParameter(encoder, ZSTD_c_hashLog, 17);
    ZSTD_CCtx_setParameter(encoder, ZSTD_c_minMatch, 5);
    return ZSTD_compress2(encoder, to, ZSTD_compressBound(size), bytes, size);
}

/* Returns the encoded size, or 0. */
static size_t encode(const struct writing *writing, limit_scratch *scratch,
                     const bench_block *block, char *to)
{
    size_t size = (size_t)(block->shape[0] * block->shape[1] * block->shape[2]) * sizeof(uint16_t);
    size_t got;

    gather(writing->state->held, block, scratch->decoded);
    got = compress(scratch->encoder, to, scratch->decoded, size);
    return ZSTD_isError(got) ? 0 : got;
}

/* The checksum of a shard index; a bit at a time is fast enough for one kilobyte. */
static uint32_t crc32c(const void *bytes, size_t size_bytes)
{
    const unsigned char *from = bytes;
    uint32_t crc = UINT32_MAX;

    for (size_t i = 0; i < size_bytes; i++) {
        crc ^= from[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = crc & 1 ? crc >> 1 ^ UINT32_C(0x82f63b78) : crc >> 1;
        }
    }
    return ~crc;
}

static size_t encode_shard(const struct writing *writing, limit_scratch *scratch, int64_t shard)
{
    limit_entry entries[LIMIT_INNER_COUNT];
    size_t end = 0;
    uint32_t crc;

    for (int inner = 0; inner < LIMIT_INNER_COUNT; inner++) {
        const bench_block block = limit_inner_block(shard, inner);
        size_t size = encode(writing, scratch, &block, scratch->encoded + end);

        if (size == 0) {
            return 0;
        }
        entries[inner] = (limit_entry){.offset = end, .size_bytes = size};
        end += size;
    }
    crc = crc32c(entries, sizeof entries);
    memcpy(scratch->encoded + end, entries, sizeof entries);
    memcpy(scratch->encoded + end + sizeof entries, &crc, sizeof crc);
    return end + LIMIT_INDEX_BYTES;
}

static int write_chunk(void *user, int thread, int64_t number)
{
    struct writing *writing = user;
    limit_scratch *scratch = &writing->state->scratch[thread];
    const bench_block block = bench_chunk_block(number);
    char kind = limit_store_kind(writing->job->store);
    size_t size = BENCH_CHUNK_BYTES;
    int descriptor, status;

    if (kind != 'A') {
        size = kind == 'C' ? encode_shard(writing, scratch, number)
                           : encode(writing, scratch, &block, scratch->encoded);
        if (size == 0) {
            return bench_fail(writing->outcome, "a chunk does not encode");
        }
    }
    descriptor =
        limit_open_chunk(writing->job->extra, number, O_WRONLY | O_CREAT, writing->outcome);
    if (descriptor < 0) {
        return -1;
    }
    status = kind == 'A' ? write_raw(writing, scratch, &block, descriptor)
                         : write_all(descriptor, scratch->encoded, size, 0);
    if (status == 0) {
        status = ftruncate(descriptor, (off_t)size);
    }
    close(descriptor);
    return status ? bench_fail(writing->outcome, "chunk %d: %m", (int)number) : 0;
}

static int make_folder(const char *store, const char *rest, bench_outcome *outcome)
{
    char path[PATH_MAX];

    snprintf(path, sizeof path, "%s%s", store, rest);
    if (mkdir(path, 0777) != 0 && errno != EEXIST) {
        return bench_fail(outcome, "%s: %m", path);
    }
    return 0;
}

static int make_folders(const char *store, bench_outcome *outcome)
{
    enum { COUNT = BENCH_SIDE / BENCH_CHUNK };
    char rest[32];

    if (make_folder(store, "", outcome) != 0 || make_folder(store, "/c", outcome) != 0) {
        return -1;
    }
    for (int z = 0; z < COUNT; z++) {
        snprintf(rest, sizeof rest, "/c/%d", z);
        if (make_folder(store, rest, outcome) != 0) {
            return -1;
        }
        for (int y = 0; y < COUNT; y++) {
            snprintf(rest, sizeof rest, "/c/%d/%d", z, y);
            if (make_folder(store, rest, outcome) != 0) {
                return -1;
            }
        }
    }
    return 0;
}

int limit_write(limit_state *state, const bench_job *job, bench_outcome *outcome)
{
    enum { CHUNK_COUNT = 64 };
    struct writing writing = {.state = state, .job = job, .outcome = outcome};
    double started = bench_now();
    int status;

    if (!state->held) {
        return bench_fail(outcome, "nothing is held to write");
    }
    status = make_folders(job->extra, outcome);
    if (status == 0) {
        status = bench_parallel(state->threads, CHUNK_COUNT, write_chunk, &writing);
    }
    outcome->seconds = bench_now() - started;
    return status;
}
