/* Maintenance: repairing and compacting what lies in a store. What is to be repaired or compacted
 * tsr_array_walk_chunks finds (tessera/array.h).
 *
 * Both work on one chunk (shard) of the store at a time, hold its lock, so that writers in this and
 * in other processes wait or are waited for, and publish the new version as a whole: a reader sees
 * the old one or the new one, and a process that is killed leaves one of them. */
#ifndef TESSERA_MAINTENANCE_H
#define TESSERA_MAINTENANCE_H

#include <tessera/array.h>

TSR_BEGIN_DECLS

/* How the names begin under which damaged values are kept beside the repaired ones: what was at
 * `c/0/1` is then at `c/0/__damaged-1.1`, at `c/0/__damaged-2.1` the next time. No reader of Zarr
 * takes such a name for a chunk. */
#define TSR_DAMAGED_NAME_PREFIX "__damaged-"

typedef enum tsr_repair_outcome {
    TSR_REPAIR_NOTHING, /* it is missing, or sound: nothing was done */
    TSR_REPAIR_REBUILT, /* a shard: a new one holds what was sound */
    TSR_REPAIR_REMOVED  /* nothing of it was sound: it is missing now, and reads as fill value */
} tsr_repair_outcome;

typedef struct tsr_repair_result {
    tsr_repair_outcome outcome;
    int64_t kept_chunks;  /* inner chunks of the new shard */
    int64_t lost_chunks;  /* how often `lost` was called */
    bool index_corrected; /* the index was damaged, and was put right: by its CRC-32C when a single
                             bit was wrong, or from the shard's parity */
    char kept_as[1024]; /* the key of the damaged value, relative to the array; "" when nothing was
                           done */
    int64_t rebuilt_blocks; /* of the shard that were computed from its parity */
} tsr_repair_result;

typedef struct tsr_repair_options {
    size_t struct_size;
    bool dry_run; /* find out and tell, and change nothing */
} tsr_repair_options;

/* Fills in the defaults. Thread: CONFINED. Never fails. */
TSR_API void tsr_repair_options_init(tsr_repair_options *options);

/* Repairs the chunk (shard) of the store at grid coordinates `index`. Everything in it is decoded.
 * Of a shard with damage a new one is made of all inner chunks that are sound, by their own bytes
 * as they are; the damaged value stays under another key (TSR_DAMAGED_NAME_PREFIX). An inner chunk
 * that may be an older version, or another one's, is never taken: of an index whose checksum fails,
 * and not by a single bit, nothing is believed.
 *
 * A shard with parity (tsr_array_create_options.parity) is first computed back to what it was, as
 * far as its parity allows; damage that goes further is left to the above.
 *
 * `lost` (may be NULL) is called on the calling thread for each chunk that will be gone, before
 * anything is changed; a nonzero return ends the repair and is returned. options NULL: the
 * defaults. What was done is on disk when it returns. Thread: LOCKED. Errors: READ_ONLY,
 * OUT_OF_BOUNDS, UNSUPPORTED (no chunks in a store), CONFLICT (somebody wrote meanwhile, on a store
 * without locks), and those of reading and writing. */
TSR_API int tsr_array_repair_chunk(tsr_array *array, const int64_t *index,
                                   const tsr_repair_options *options,
                                   int (*lost)(void *user, const tsr_chunk_info *info), void *user,
                                   tsr_repair_result *ret_result, const tsr_call *call,
                                   tsr_error *err);

/* Makes the shard at grid coordinates `index` anew without the bytes that no entry of its index
 * refers to (tsr_chunk_info.dead_bytes). Encoded inner chunks are moved as they are, in the order
 * in which they lie. Parity is made anew, also where the array wants it and the shard has none that
 * is of any use. *ret_won_bytes: by how much it is smaller, or, less than 0, larger; 0: nothing was
 * done. With `dry_run` nothing is changed. What was done is on disk when it returns. Thread:
 * LOCKED. Errors: DAMAGED (its index is: repair it first), and as tsr_array_repair_chunk. */
TSR_API int tsr_array_compact_chunk(tsr_array *array, const int64_t *index, bool dry_run,
                                    int64_t *ret_won_bytes, const tsr_call *call, tsr_error *err);

TSR_END_DECLS

#endif
