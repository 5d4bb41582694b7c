/* A new version of a shard, put together from ranges of the present one and new indexes. */
#ifndef TESSERA_ARRAY_REBUILD_H
#define TESSERA_ARRAY_REBUILD_H

#include "array/examine.h"

typedef enum tsri_rebuild_purpose {
    TSRI_REBUILD_REPAIR, /* decode everything, and leave out what is damaged */
    TSRI_REBUILD_COMPACT /* leave out bytes that nobody refers to; damage is a failure */
} tsri_rebuild_purpose;

typedef struct tsri_rebuild {
    tsri_rebuild_purpose purpose;
    tsri_examiner *examiner;
    const tsr_extent *extent;
    int (*lost)(void *user, const tsr_chunk_info *info); /* NULL: nobody asks */
    void *user;
    /* Of the outermost shard: so many of the bytes that no entry refers to are parity; and whether
     * it is made anew in any case. */
    uint64_t parity_bytes;
    bool renews;

    /* What is found. */
    int64_t kept_chunks, lost_chunks;
    bool index_corrected;
    int stopped; /* what `lost` returned to end it */

    /* The new version. */
    tsr_segment *segments; /* owned */
    size_t segment_count, segment_capacity;
    tsr_output *indexes; /* owned, each */
    size_t index_count, index_capacity;
} tsri_rebuild;

/* Plans the new version of a shard of `size_bytes`, the whole value of the extent's key.
 * *ret_changed: whether there is a reason for one. *ret_size_bytes: what it has; 0: nothing is
 * left. Errors: DAMAGED (compaction of a damaged shard), those of the store, CANCELLED, DEADLINE,
 * NO_MEMORY. */
int tsri_rebuild_plan(tsri_rebuild *self, const tsri_prepared *prepared, uint64_t size_bytes,
                      const tsri_cell_place *place, bool *ret_changed, uint64_t *ret_size_bytes,
                      tsr_error *err);

/* Tells of a chunk that is lost, and counts it. Returns what `lost` returned. */
int tsri_rebuild_tell_lost(tsri_rebuild *self, int level, const tsri_cell_place *place,
                           const tsri_finding *finding);

void tsri_rebuild_clear(tsri_rebuild *self);

#endif
