/* What the entries of a shard's index say together: which entries lie in each other's way, and
 * which bytes nobody refers to. And an index of which a bit was flipped.
 *
 * Thread: CONFINED. */
#ifndef TESSERA_CODEC_SHARD_LAYOUT_H
#define TESSERA_CODEC_SHARD_LAYOUT_H

#include "codec/shard.h"

typedef enum tsri_entry_state {
    TSRI_ENTRY_MISSING,
    TSRI_ENTRY_SOUND,
    TSRI_ENTRY_SHARES,   /* sound; another entry has the very same bytes */
    TSRI_ENTRY_OVERLAPS, /* some of its bytes, but not the same ones, are another entry's too */
    TSRI_ENTRY_UNSOUND   /* refused by tsri_shard_entry_check */
} tsri_entry_state;

typedef struct tsri_shard_layout {
    unsigned char *states; /* of the entries, by number; owned */
    int64_t *order;        /* the entries that are not missing or unsound, by offset; owned */
    int64_t count;         /* of `order` */
    int64_t unsound, overlapping;
    uint64_t dead_bytes; /* that are neither of the index nor of a sound entry */
    int64_t gaps;        /* in so many pieces */
    uint64_t end_bytes;  /* where the last sound entry ends, or the index that stands first */
} tsri_shard_layout;

/* Surveys the entries of a shard of `shard_bytes`, which is not shorter than its index. Owner: the
 * caller, by tsri_shard_layout_clear. Errors: NO_MEMORY. */
int tsri_shard_layout_init(tsri_shard_layout *ret_layout, const tsri_prepared *prepared,
                           const tsri_shard_entry *entries, uint64_t shard_bytes, tsr_error *err);
void tsri_shard_layout_clear(tsri_shard_layout *layout);

/* Decodes an index as tsri_shard_index_decode does, also one of which a single bit was flipped,
 * which its CRC-32C tells: *ret_corrected. Nothing else of an index whose checksum fails is
 * believed: its entries may be those of other inner chunks, or of older versions, whose own
 * checksums hold. Errors: DAMAGED, NO_MEMORY. */
int tsri_shard_index_recover(const tsri_prepared *prepared, tsr_codec_scratch *scratch,
                             const void *bytes, tsri_shard_entry *entries, bool *ret_corrected,
                             tsr_error *err);

/* Whether encoded chunks of a chain carry a checksum, so that bytes which decode are known to be
 * those that were written; of a shard, whether its index and its inner chunks do. IMMUTABLE. Never
 * fails. */
bool tsri_prepared_is_checked(const tsri_prepared *prepared);

#endif
