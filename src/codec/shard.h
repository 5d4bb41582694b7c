/* sharding_indexed: a chunk that is a grid of inner chunks with an index.
 *
 * Format: Zarr v3 "sharding_indexed" codec, version 1.0. An index of (offset, nbytes) pairs of
 * uint64 per inner chunk in C order of the grid, encoded by a chain of its own with a fixed size,
 * at the start or the end of the shard; both words 2^64-1 mean a missing inner chunk. Offsets count
 * from the start of the shard. */
#ifndef TESSERA_CODEC_SHARD_H
#define TESSERA_CODEC_SHARD_H

#include "codec/chain.h"

#define TSRI_SHARD_MISSING UINT64_MAX
#define TSRI_SHARD_ENTRIES_MAX (INT64_C(1) << 30)

struct tsri_shard {
    int rank;
    int64_t chunk_shape[TSR_RANK_MAX]; /* of the inner chunks, in encoded axes */
    tsri_chain *inner;
    tsri_chain *index;
    bool index_at_start;
};

typedef struct tsri_shard_entry {
    uint64_t offset, size_bytes;
} tsri_shard_entry;

static inline bool tsri_shard_entry_is_missing(tsri_shard_entry entry)
{
    return entry.offset == TSRI_SHARD_MISSING && entry.size_bytes == TSRI_SHARD_MISSING;
}

/* Binds a configuration (a JSON object as text). The inner chunks get the `inherited` codecs in
 * front of their own. Errors: BAD_METADATA, UNSUPPORTED, NO_MEMORY. */
int tsri_shard_new(tsr_context *context, const char *configuration, const tsr_codec_type *type,
                   tsri_inherited inherited, tsri_shard **ret_shard, tsr_error *err);
void tsri_shard_free(tsri_shard *shard);

/* Appends the configuration as JSON. Errors: NO_MEMORY, LIMIT. */
int tsri_shard_describe(const tsri_shard *shard, tsr_output *output, tsr_error *err);

/* The shard as an array-to-bytes codec like any other, which holds everything in memory: for places
 * where its inner chunks cannot be had one by one (shard_whole.c). */
extern const tsr_codec_ops tsri_codec_whole_shard;

/* Whether this codec, opened, can have shards of this shape. Errors: as tsri_prepared_new. */
int tsri_whole_shard_check(const void *codec, const int64_t *shape, tsr_error *err);

/* Fills in the shard part of a prepared chain, whose encoded shape is known. Errors: BAD_METADATA
 * (chunks do not divide the shard, an index codec of variable size), LIMIT (too many entries),
 * NO_MEMORY. */
int tsri_shard_prepare(tsri_prepared *prepared, tsr_error *err);

/* Where the index starts within a shard of `shard_bytes`. Errors: DAMAGED (shorter than its index).
 */
int tsri_shard_index_offset(const tsri_prepared *prepared, uint64_t shard_bytes,
                            uint64_t *ret_offset, tsr_error *err);

/* Decodes the index: `bytes` are its index_bytes, `entries` has room for entry_count. Errors:
 * DAMAGED, NO_MEMORY. */
int tsri_shard_index_decode(const tsri_prepared *prepared, tsr_codec_scratch *scratch,
                            const void *bytes, tsri_shard_entry *entries, tsr_error *err);

/* Checks one entry against the shard's size: half missing, empty, overflow, past the end, into the
 * index, more than its chunk can need. Errors: DAMAGED (names entry and values). */
int tsri_shard_entry_check(const tsri_prepared *prepared, int64_t number, tsri_shard_entry entry,
                           uint64_t shard_bytes, tsr_error *err);

/* Checks all entries, and that they do not refer to more bytes in all than shared entries explain.
 * Errors: DAMAGED. */
int tsri_shard_index_check(const tsri_prepared *prepared, const tsri_shard_entry *entries,
                           uint64_t shard_bytes, tsr_error *err);

/* Encodes the index, appending exactly index_bytes. Errors: NO_MEMORY. */
int tsri_shard_index_encode(const tsri_prepared *prepared, tsr_codec_scratch *scratch,
                            const tsri_shard_entry *entries, tsr_output *output, tsr_error *err);

/* The first element of inner chunk `number`, in the encoded axes of the shard. */
void tsri_shard_inner_start(const tsri_prepared *prepared, int64_t number, int64_t *ret_start);

#endif
