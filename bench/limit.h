/* The limit: each job as the barest C that can do it, so that `ours / limit` says how much is left.
 * No metadata, no checks of the format, no locks; the layout of the stores is known beforehand. */
#ifndef BENCH_LIMIT_H
#define BENCH_LIMIT_H

#include <libdeflate.h>
#include <zstd.h>

#include "bench_memory.h"
#include "bench_worker.h"

/* What one thread keeps from job to job: contexts of the codec and touched memory. */
typedef struct limit_scratch {
    ZSTD_DCtx *decoder;
    ZSTD_CCtx *encoder;
    struct libdeflate_decompressor *inflate;
    char *encoded;     /* limit_encoded_bytes(): a chunk or shard as it lies in the file */
    uint16_t *decoded; /* a whole decoded chunk */
    uint16_t *source;  /* a whole chunk that is stored anew, or NULL */
    bench_sum sum;
} limit_scratch;

typedef struct limit_state {
    int all_threads;
    int threads;    /* those that the present job uses */
    uint16_t *held; /* the big buffer, or NULL */
    struct {
        char *chunks; /* small ones, one after the other, or NULL */
        int64_t grid[3];
    } small;
    limit_scratch scratch[BENCH_THREADS_MAX];
} limit_state;

/* Offset and size of each inner chunk of a shard, as they lie at its end. */
enum { LIMIT_INNER_COUNT = 64, LIMIT_INDEX_BYTES = LIMIT_INNER_COUNT * 16 + 4 };
typedef struct limit_entry {
    uint64_t offset, size_bytes;
} limit_entry;

/* The 64 shards of store C, open, with their indexes. */
enum { LIMIT_SHARD_COUNT = 64, LIMIT_INNER_PER_AXIS = BENCH_SIDE / BENCH_INNER };
typedef struct limit_shards {
    int opened;
    struct {
        int descriptor;
        limit_entry entries[LIMIT_INNER_COUNT];
    } shards[LIMIT_SHARD_COUNT];
} limit_shards;

int limit_shards_open(limit_shards *self, const char *store, bench_outcome *outcome);
void limit_shards_close(limit_shards *self);

/* Inner chunks by their number in the grid of all of them. */
bench_block limit_inner_position(int32_t inner);

/* Decodes at least the first `wanted` bytes of an inner chunk to scratch->decoded. */
int limit_load_inner(const limit_shards *self, limit_scratch *scratch, int32_t inner, size_t wanted,
                     bench_outcome *outcome);

/* Enough for any chunk or shard of the three stores. */
size_t limit_encoded_bytes(void);

/* 'A', 'B', 'C', or 'L', 'K', 'G', from the last part of the store's path. */
char limit_store_kind(const char *store);

/* Encodes as Tessera does at level 3. Returns the size, or 0. */
size_t limit_compress(ZSTD_CCtx *encoder, char *to, size_t room, const void *bytes, size_t size,
                      bool short_integers);

/* Decodes what store kind B, L, K or G has in a file. Returns the size, or 0. */
size_t limit_decompress(limit_scratch *scratch, char kind, void *to, size_t room, const void *bytes,
                        size_t size);

int limit_open_chunk(const char *store, int64_t chunk, int flags, bench_outcome *outcome);
int limit_pread(int descriptor, void *buffer, size_t size_bytes, int64_t offset);

/* The position of inner chunk 0..63 of a shard, as a block of the whole array. */
bench_block limit_inner_block(int64_t shard, int64_t inner);

/* Copies a row of a multiple of 16 bytes to an aligned place past the caches. */
void limit_stream_row(uint16_t *to, const uint16_t *from, size_t size_bytes);
void limit_stream_end(void);

int limit_read(limit_state *state, const bench_job *job, bench_outcome *outcome);
int limit_chunks(limit_state *state, const bench_job *job, bench_outcome *outcome);
int limit_boxes(limit_state *state, const bench_job *job, bench_outcome *outcome);
int limit_write(limit_state *state, const bench_job *job, bench_outcome *outcome);
int limit_points(limit_state *state, const bench_job *job, bench_outcome *outcome);
int limit_plane(limit_state *state, const bench_job *job, bench_outcome *outcome);
int limit_open(limit_state *state, const bench_job *job, bench_outcome *outcome);
int limit_rows(limit_state *state, const bench_job *job, bench_outcome *outcome);
int limit_small(limit_state *state, const bench_job *job, bench_outcome *outcome);
int limit_reshard(limit_state *state, const bench_job *job, bench_outcome *outcome);
int limit_codec(limit_state *state, const bench_job *job, bench_outcome *outcome);
int limit_yardstick(const char *name, double *ret_gigabytes, bench_outcome *outcome);

/* Reads store A into memory; fills the big buffer. */
int limit_read_raw(limit_state *state, const char *store, uint16_t *memory, bench_outcome *outcome);

#endif
