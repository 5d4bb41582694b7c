/* Writing: gather a chunk (an inner chunk) from the source, encode it by libzstd into a recycled
 * buffer, one write per file. Metadata is left out; bench/run adds it before it checks what was
 * written. */
#include "limit.h"

#include <blosc.h>
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
    char kind; /* of the store that is written */
};

/* What is written: the whole array, or a chunk of it. */
struct source {
    const uint16_t *values;
    bench_block block;
};

/* A block of the source, one row after the other. */
static void gather(const struct source *source, const bench_block *block, uint16_t *dense)
{
    const bench_block *all = &source->block;

    for (int64_t z = block->start[0]; z < block->start[0] + block->shape[0]; z++) {
        for (int64_t y = block->start[1]; y < block->start[1] + block->shape[1]; y++) {
            int64_t row = ((z - all->start[0]) * all->shape[1] + y - all->start[1]) * all->shape[2];

            memcpy(dense, source->values + row + block->start[2] - all->start[2],
                   (size_t)block->shape[2] * sizeof *dense);
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
static int write_raw(const struct source *source, limit_scratch *scratch, const bench_block *chunk,
                     int descriptor)
{
    enum { PLANES = 4 };
    bench_block tile = *chunk;
    size_t size = (size_t)PLANES * BENCH_CHUNK * BENCH_CHUNK * sizeof(uint16_t);

    tile.shape[0] = PLANES;
    for (int64_t plane = 0; plane < BENCH_CHUNK; plane += PLANES) {
        tile.start[0] = chunk->start[0] + plane;
        gather(source, &tile, scratch->decoded);
        if (write_all(descriptor, scratch->decoded, size, plane / PLANES * (int64_t)size) != 0) {
            return -1;
        }
    }
    return 0;
}

/* Of integers of two bytes this is the frame that Tessera makes (src/codec/zstd.c says why). */
size_t limit_compress(ZSTD_CCtx *encoder, char *to, size_t room, const void *bytes, size_t size,
                      bool short_integers)
{
    size_t made;

    ZSTD_CCtx_reset(encoder, ZSTD_reset_session_and_parameters);
    if (short_integers) {
        ZSTD_CCtx_setParameter(encoder, ZSTD_c_strategy, ZSTD_fast);
        ZSTD_CCtx_setParameter(encoder, ZSTD_c_hashLog, 17);
        ZSTD_CCtx_setParameter(encoder, ZSTD_c_minMatch, 5);
    }
    made = ZSTD_compress2(encoder, to, room, bytes, size);
    return ZSTD_isError(made) ? 0 : made;
}

/* Returns the encoded size, or 0. */
static size_t encode(const struct source *source, limit_scratch *scratch, char kind,
                     const bench_block *block, char *to)
{
    size_t size = bench_block_bytes(block);
    int made;

    gather(source, block, scratch->decoded);
    if (kind == 'L') {
        made = blosc_compress_ctx(5, BLOSC_SHUFFLE, sizeof(uint16_t), size, scratch->decoded, to,
                                  size + BLOSC_MAX_OVERHEAD, "lz4", 0, 1);
        return made > 0 ? (size_t)made : 0;
    }
    return limit_compress(scratch->encoder, to, ZSTD_compressBound(size), scratch->decoded, size,
                          true);
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

static size_t encode_shard(const struct source *source, limit_scratch *scratch, int64_t shard)
{
    limit_entry entries[LIMIT_INNER_COUNT];
    size_t end = 0;
    uint32_t crc;

    for (int inner = 0; inner < LIMIT_INNER_COUNT; inner++) {
        const bench_block block = limit_inner_block(shard, inner);
        size_t size = encode(source, scratch, 'C', &block, scratch->encoded + end);

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

static int put_chunk(struct writing *writing, limit_scratch *scratch, const struct source *source,
                     int64_t number)
{
    const bench_block block = bench_chunk_block(number);
    const char kind = writing->kind;
    size_t size = BENCH_CHUNK_BYTES;
    int descriptor, status;

    if (kind != 'A') {
        size = kind == 'C' ? encode_shard(source, scratch, number)
                           : encode(source, scratch, kind, &block, scratch->encoded);
        if (size == 0) {
            return bench_fail(writing->outcome, "a chunk does not encode");
        }
    }
    descriptor =
        limit_open_chunk(writing->job->extra, number, O_WRONLY | O_CREAT, writing->outcome);
    if (descriptor < 0) {
        return -1;
    }
    status = kind == 'A' ? write_raw(source, scratch, &block, descriptor)
                         : write_all(descriptor, scratch->encoded, size, 0);
    if (status == 0) {
        status = ftruncate(descriptor, (off_t)size);
    }
    if (status == 0 && writing->job->settings.synced) {
        status = fsync(descriptor);
    }
    close(descriptor);
    return status ? bench_fail(writing->outcome, "chunk %d: %m", (int)number) : 0;
}

static int write_chunk(void *user, int thread, int64_t number)
{
    struct writing *writing = user;
    const struct source source = {.values = writing->state->held,
                                  .block = {{0, 0, 0}, {BENCH_SIDE, BENCH_SIDE, BENCH_SIDE}}};

    return put_chunk(writing, &writing->state->scratch[thread], &source, number);
}

/* A raw chunk of one store to a chunk or shard of another that covers the same. */
static int reshard_chunk(void *user, int thread, int64_t number)
{
    struct writing *writing = user;
    limit_scratch *scratch = &writing->state->scratch[thread];
    struct source source = {.block = bench_chunk_block(number)};
    int descriptor = limit_open_chunk(writing->job->store, number, O_RDONLY, writing->outcome);
    int status;

    if (descriptor < 0) {
        return -1;
    }
    if (!scratch->source) {
        scratch->source = bench_huge_new_touched(BENCH_CHUNK_BYTES);
    }
    source.values = scratch->source;
    status = scratch->source ? limit_pread(descriptor, scratch->source, BENCH_CHUNK_BYTES, 0) : -1;
    close(descriptor);
    return status ? bench_fail(writing->outcome, "chunk %d cannot be read", (int)number)
                  : put_chunk(writing, scratch, &source, number);
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

static int write_store(limit_state *state, const bench_job *job,
                       int (*write)(void *user, int thread, int64_t number), bench_outcome *outcome)
{
    enum { CHUNK_COUNT = 64 };
    struct writing writing = {
        .state = state, .job = job, .outcome = outcome, .kind = limit_store_kind(job->extra)};
    const double started = bench_now();
    int status = make_folders(job->extra, outcome);

    if (status == 0) {
        status = bench_parallel(state->threads, CHUNK_COUNT * job->settings.planes / BENCH_SIDE,
                                write, &writing);
    }
    outcome->seconds = bench_now() - started;
    return status;
}

int limit_write(limit_state *state, const bench_job *job, bench_outcome *outcome)
{
    if (!state->held) {
        return bench_fail(outcome, "nothing is held to write");
    }
    return write_store(state, job, write_chunk, outcome);
}

int limit_reshard(limit_state *state, const bench_job *job, bench_outcome *outcome)
{
    return write_store(state, job, reshard_chunk, outcome);
}
