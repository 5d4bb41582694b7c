/* A damaged shard as it was, as far as its parity can tell: its covered bytes, which lie in the
 * store, moved or not, or were computed from parity. It is read like a value of a store, so that
 * what examines shards examines this one.
 *
 * Offsets count in the covered bytes: the shard without its parity section. Inner chunks lie at the
 * same offsets in both. */
#ifndef TESSERA_ARRAY_PATCHED_VALUE_H
#define TESSERA_ARRAY_PATCHED_VALUE_H

#include "array/shard_parity.h"

/* A block that was computed. */
typedef struct tsri_patch {
    uint64_t number;
    unsigned char *bytes; /* owned; a whole block */
} tsri_patch;

typedef struct tsri_patched_value {
    tsr_store head;    /* answers any key; only for gets, as long as this struct lives */
    tsr_extent extent; /* to examine it by */
    const tsri_shard_parity *parity;  /* borrowed; verified */
    const tsr_generation *generation; /* borrowed; of the value in the store */
    tsri_patch *patches;              /* by number; owned */
    size_t patch_count, patch_capacity;
    bool hides_patches; /* answer with what lies in the store; but for the index */
    bool refuses_lost;  /* DAMAGED for what is lost, instead of what lies in its place */
} tsri_patched_value;

/* Computes what is lost and can be computed. Memory is that of the lost blocks. `ret_value` stays
 * where it is. Owner: the caller, by tsri_patched_value_clear. Errors: those of the store,
 * CANCELLED, DEADLINE, NO_MEMORY. */
int tsri_patched_value_init(tsri_patched_value *ret_value, const tsri_shard_parity *parity,
                            tsri_examiner *examiner, const tsr_generation *generation,
                            tsr_error *err);
void tsri_patched_value_clear(tsri_patched_value *value);

/* Whether a patch would change an inner chunk that carries a checksum which holds: the parity is
 * then of other bytes than these. Errors: as _init. */
int tsri_patched_value_contradicts(tsri_patched_value *value, tsri_examiner *examiner,
                                   bool *ret_contradicts, tsr_error *err);

/* Writes segments whose ranges are of this value (and outside of its index) as segments whose
 * ranges are of the one in the store. Owner: the caller of the list, by tsri_free; what it points
 * to is the patches' and the segments'. Errors: DAMAGED (a range of what is gone), NO_MEMORY. */
int tsri_patched_value_translate(const tsri_patched_value *value, const tsr_segment *segments,
                                 size_t count, tsr_segment **ret_segments, size_t *ret_count,
                                 tsr_error *err);

#endif
