/* The limit: each job as the barest C that can do it, so that `ours / limit` says how much is left.
 * No metadata, no checks of the format, no locks; the layout of the stores is known beforehand. */
#ifndef BENCH_LIMIT_H
#define BENCH_LIMIT_H

#include <zstd.h>

#include "bench_memory.h"
#include "bench_worker.h"

/* What one thread keeps from job to job: contexts of the codec and touched memory. */
typedef struct limit_scratch {
    ZSTD_DCtx *decoder;
    ZSTD_CCtx *encoder;
    char *encoded;     /* limit_encoded_bytes(): a chunk or shard as it lies in the file */
    uint16_t *decoded; /* a whole decoded chunk */
    bench_sum sum;
} limit_scratch;

typedef struct limit_state {
    int threads;
    uint16_t *held; /* the big buffer, or NULL */
    char *small;    /* the chunks of store S, or NULL */
    limit_scratch scratch[BENCH_THREADS_MAX];
} limit_state;

/* Offset and size of each inner chunk of a shard, as they lie at its end. */
enum { LIMIT_INNER_COUNT = 64, LIMIT_INDEX_BYTES = LIMIT_INNER_COUNT * 16 + 4 };
typedef struct limit_entry {
    uint64_t offset, size_bytes;
} limit_entry;

/* Enough for any chunk or shard of the three stores. */
size_t limit_encoded_bytes(void);

/* 'A', 'B' or 'C', from the last part of the store's path. */
char limit_store_kind(const char *store);

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
int limit_small(limit_state *state, const bench_job *job, bench_outcome *outcome);
int limit_yardstick(const char *name, double *ret_gigabytes, bench_outcome *outcome);

/* Reads store A into memory; fills the big buffer. */
int limit_read_raw(limit_state *state, const char *store, uint16_t *memory, bench_outcome *outcome);

#endif
