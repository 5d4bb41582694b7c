/* Reading whole and chunk by chunk: pread and streaming stores for raw chunks; pread and libzstd
 * into a recycled buffer, without any scatter, for compressed ones. Where the output is fresh, its
 * pages are made present too, since no reader can avoid that. */
#include "limit.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A tile that stays in the second-level cache between pread and the streaming stores. */
enum { TILE_PLANES = 2 };
#define TILE_ELEMENTS ((size_t)TILE_PLANES * BENCH_CHUNK * BENCH_CHUNK)

struct reading {
    limit_state *state;
    const bench_job *job;
    bench_outcome *outcome;
    char *output;  /* fresh or reused memory of the whole array; NULL where nothing is scattered */
    bool populate; /* the pages of the output have to be made present */
    int pieces;    /* a raw chunk read on its own is cut in so many */
};

static void scatter_tile(uint16_t *memory, const uint16_t *tile, const bench_block *chunk,
                         int64_t first_plane)
{
    for (int64_t row = 0; row < TILE_PLANES * BENCH_CHUNK; row++) {
        int64_t z = chunk->start[0] + first_plane + row / BENCH_CHUNK;
        int64_t y = chunk->start[1] + row % BENCH_CHUNK;

        limit_stream_row(memory + (z * BENCH_SIDE + y) * BENCH_SIDE + chunk->start[2],
                         tile + row * BENCH_CHUNK, BENCH_CHUNK * sizeof *tile);
    }
}

static int read_raw_chunk(void *user, int thread, int64_t number)
{
    struct reading *reading = user;
    uint16_t *tile = reading->state->scratch[thread].decoded;
    const bench_block chunk = bench_chunk_block(number);
    int descriptor = limit_open_chunk(reading->job->store, number, O_RDONLY, reading->outcome);
    int status = 0;

    if (descriptor < 0) {
        return -1;
    }
    for (int64_t plane = 0; plane < BENCH_CHUNK && status == 0; plane += TILE_PLANES) {
        status = limit_pread(descriptor, tile, TILE_ELEMENTS * sizeof *tile,
                             plane * BENCH_CHUNK * BENCH_CHUNK * (int64_t)sizeof *tile);
        if (status == 0) {
            scatter_tile((uint16_t *)(void *)reading->output, tile, &chunk, plane);
        }
    }
    limit_stream_end();
    close(descriptor);
    return status ? bench_fail(reading->outcome, "chunk %d is too short", (int)number) : 0;
}

static int64_t load_chunk(struct reading *reading, limit_scratch *scratch, int64_t number)
{
    int descriptor = limit_open_chunk(reading->job->store, number, O_RDONLY, reading->outcome);
    int64_t size = -1;
    struct stat info;

    if (descriptor < 0) {
        return -1;
    }
    if (fstat(descriptor, &info) == 0 && (size_t)info.st_size <= limit_encoded_bytes() &&
        limit_pread(descriptor, scratch->encoded, (size_t)info.st_size, 0) == 0) {
        size = info.st_size;
    } else {
        bench_fail(reading->outcome, "chunk %d cannot be read", (int)number);
    }
    close(descriptor);
    return size;
}

static int decode(struct reading *reading, limit_scratch *scratch, const char *from, size_t size,
                  const bench_block *block)
{
    size_t wanted = bench_block_bytes(block);
    size_t got = limit_decompress(scratch, limit_store_kind(reading->job->store), scratch->decoded,
                                  wanted, from, size);

    if (got != wanted) {
        return bench_fail(reading->outcome, "a chunk does not decode");
    }
    if (reading->job->summed) {
        bench_sum_add(&scratch->sum, scratch->decoded, block);
    }
    return 0;
}

static int decode_shard(struct reading *reading, limit_scratch *scratch, int64_t number,
                        int64_t size)
{
    limit_entry entries[LIMIT_INNER_COUNT];

    memcpy(entries, scratch->encoded + size - LIMIT_INDEX_BYTES, sizeof entries);
    for (int inner = 0; inner < LIMIT_INNER_COUNT; inner++) {
        const bench_block block = limit_inner_block(number, inner);

        if (decode(reading, scratch, scratch->encoded + entries[inner].offset,
                   entries[inner].size_bytes, &block) != 0) {
            return -1;
        }
    }
    return 0;
}

static int read_coded_chunk(void *user, int thread, int64_t number)
{
    struct reading *reading = user;
    limit_scratch *scratch = &reading->state->scratch[thread];
    const bench_block block = bench_chunk_block(number);
    int64_t size = load_chunk(reading, scratch, number);

    if (size < 0) {
        return -1;
    }
    if (reading->populate) {
        bench_populate(reading->output + (size_t)number * BENCH_CHUNK_BYTES, BENCH_CHUNK_BYTES);
    }
    return limit_store_kind(reading->job->store) == 'C'
               ? decode_shard(reading, scratch, number, size)
               : decode(reading, scratch, scratch->encoded, (size_t)size, &block);
}

static int populate_part(void *user, int thread, int64_t part)
{
    struct reading *reading = user;

    (void)thread;
    bench_populate(reading->output + (size_t)part * BENCH_CHUNK_BYTES, BENCH_CHUNK_BYTES);
    return 0;
}

enum { CHUNK_COUNT = 64 };

static int64_t chunk_count(const bench_job *job)
{
    return CHUNK_COUNT * job->settings.planes / BENCH_SIDE;
}

static int read_array(struct reading *reading)
{
    const int64_t chunks = chunk_count(reading->job);
    int threads = reading->state->threads;

    if (limit_store_kind(reading->job->store) != 'A') {
        return bench_parallel(threads, chunks, read_coded_chunk, reading);
    }
    if (reading->populate) {
        bench_parallel(threads, chunks, populate_part, reading);
    }
    return bench_parallel(threads, chunks, read_raw_chunk, reading);
}

int limit_read_raw(limit_state *state, const char *store, uint16_t *memory, bench_outcome *outcome)
{
    const bench_job job = {.work = "read", .mode = "reused", .store = store};
    struct reading reading = {
        .state = state, .job = &job, .outcome = outcome, .output = (char *)memory};

    return bench_parallel(state->threads, CHUNK_COUNT, read_raw_chunk, &reading);
}

static bench_sum scratch_sum(const limit_state *state)
{
    bench_sum sum = {0};

    for (int i = 0; i < state->threads; i++) {
        bench_sum_merge(&sum, &state->scratch[i].sum);
    }
    return sum;
}

int limit_read(limit_state *state, const bench_job *job, bench_outcome *outcome)
{
    bool reused = strcmp(job->mode, "reused") == 0;
    bool raw = limit_store_kind(job->store) == 'A';
    size_t size = (size_t)job->settings.planes * BENCH_PLANE_BYTES;
    struct reading reading = {.state = state, .job = job, .outcome = outcome};
    double started = bench_now();
    int status;

    reading.output = reused ? (char *)state->held : bench_huge_new(size);
    reading.populate = !reused && (!raw || strcmp(job->way, "populate") == 0);
    if (!reading.output) {
        return bench_fail(outcome, "no memory for the output");
    }
    status = read_array(&reading);
    outcome->seconds = bench_now() - started;
    if (status == 0 && job->summed) {
        outcome->sum = raw ? bench_sum_planes((const uint16_t *)(const void *)reading.output,
                                              job->settings.planes)
                           : scratch_sum(state);
    }
    if (!reused) {
        bench_huge_free(reading.output, size);
    }
    return status;
}

/* Part of a raw chunk into a buffer of the thread's own. */
static int read_raw_piece(void *user, int thread, int64_t item)
{
    struct reading *reading = user;
    limit_scratch *scratch = &reading->state->scratch[thread];
    int64_t number = item / reading->pieces, piece = item % reading->pieces;
    bench_block block = bench_chunk_block(number);
    size_t size = BENCH_CHUNK_BYTES / (size_t)reading->pieces;
    int descriptor = limit_open_chunk(reading->job->store, number, O_RDONLY, reading->outcome);
    int status;

    if (descriptor < 0) {
        return -1;
    }
    status = limit_pread(descriptor, scratch->decoded, size, piece * (int64_t)size);
    close(descriptor);
    if (status != 0) {
        return bench_fail(reading->outcome, "chunk %d is too short", (int)number);
    }
    if (reading->job->summed) {
        block.shape[0] /= reading->pieces;
        block.start[0] += piece * block.shape[0];
        bench_sum_add(&scratch->sum, scratch->decoded, &block);
    }
    return 0;
}

/* With one chunk in flight, a raw chunk can be cut in pieces and a shard into its inner chunks, so
 * all threads work; a single frame of zstd cannot. */
int limit_chunks(limit_state *state, const bench_job *job, bench_outcome *outcome)
{
    struct reading reading = {.state = state, .job = job, .outcome = outcome};
    const int64_t chunks = chunk_count(job);
    bool alone = strcmp(job->mode, "1") == 0;
    double started = bench_now();
    int status;

    if (limit_store_kind(job->store) == 'A') {
        reading.pieces = alone ? 2 : 1;
        status = bench_parallel(state->threads, chunks * reading.pieces, read_raw_piece, &reading);
    } else {
        bool one_thread = alone && limit_store_kind(job->store) == 'B';

        status =
            bench_parallel(one_thread ? 1 : state->threads, chunks, read_coded_chunk, &reading);
    }
    outcome->seconds = bench_now() - started;
    outcome->sum = scratch_sum(state);
    return status;
}
