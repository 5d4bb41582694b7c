/* What reads take of an array that is laid out in some way, worked out from the shapes alone, and
 * the layout that takes least. */
#ifndef TESSERA_CLI_READ_MODEL_H
#define TESSERA_CLI_READ_MODEL_H

#include "past_reads.h"

typedef struct cli_layout {
    bool sharded;
    int64_t chunks[TSR_RANK_MAX], shards[TSR_RANK_MAX]; /* without shards both are the same */
} cli_layout;

/* What things cost, in nanoseconds on one thread. */
typedef struct cli_read_prices {
    double object_ns;       /* a chunk or shard of the store: finding and opening it */
    double request_ns;      /* a range of it */
    double chunk_ns;        /* a chunk (inner chunk): beside its bytes */
    double fetched_byte_ns; /* an encoded byte, from the store */
    double decoded_byte_ns; /* a decoded one */
    double stored_ratio;    /* encoded bytes per decoded one */
} cli_read_prices;

/* Sums over reads. */
typedef struct cli_read_sums {
    double objects, requests, chunks, fetched_bytes, decoded_bytes, ns;
} cli_read_sums;

typedef struct cli_read_model {
    int rank;
    int64_t shape[TSR_RANK_MAX], element_bytes;
    const cli_past_reads *reads;
    cli_read_prices prices;
} cli_read_model;

/* What all reads take together, each by itself and with nothing kept from one to the next. */
void read_model_sum(const cli_read_model *model, const cli_layout *layout, cli_read_sums *ret_sums);

/* Chunks between these sizes are looked at: smaller ones hardly compress, larger ones take much
 * memory on each thread. An array that is smaller may be one chunk. */
#define READ_MODEL_CHUNK_BYTES_MIN ((int64_t)16 << 10)
#define READ_MODEL_CHUNK_BYTES_MAX ((int64_t)16 << 20)
#define READ_MODEL_SHARD_BYTES_MAX ((int64_t)64 << 20)
/* More chunks than this are put into shards, where the format has them. */
#define READ_MODEL_OBJECTS_MAX 1000

/* The cheapest layout of those whose chunk lengths are powers of two, the present ones, or whole
 * axes: all of these are tried where that takes no more than a moment, else those on the ways
 * downhill from several of them. `may_shard` says whether shards are possible; `must_shard` that
 * they are wanted whatever the number of chunks. */
void read_model_search(const cli_read_model *model, const cli_layout *present, bool may_shard,
                       bool must_shard, cli_layout *ret_best);

#endif
