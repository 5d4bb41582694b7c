/* The parity section of a shard as it lies in a store: found although parts of it are damaged, and
 * which of the shard's blocks are what they were. Nothing is changed here.
 *
 * Format: docs/format/parity.md. */
#ifndef TESSERA_ARRAY_SHARD_PARITY_H
#define TESSERA_ARRAY_SHARD_PARITY_H

#include "array/examine.h"
#include "codec/parity.h"

typedef enum tsri_block_state {
    TSRI_BLOCK_LOST,
    TSRI_BLOCK_HOLDS, /* at its place */
    TSRI_BLOCK_MOVED  /* `shift` bytes from it */
} tsri_block_state;

typedef struct tsri_shard_parity {
    tsri_parity_shape shape;
    const tsri_prepared *prepared; /* borrowed; of the shard */
    const tsr_extent *extent;      /* borrowed; the key whose value the shard is */
    uint64_t value_bytes;
    int64_t shift;            /* how much longer the value is than it was; where it is not 0, the
                                 bytes up to its end are looked for there too */
    unsigned char *directory; /* owned; NULL: there is no section */
    uint64_t damaged_pages;   /* of both copies */
    bool is_stale;            /* it belongs to another version of the shard */
    bool index_holds;         /* the index is what it was */
    /* After tsri_shard_parity_verify. */
    unsigned char *blocks; /* their states; owned */
    uint64_t lost_blocks;
    uint64_t hopeless_blocks; /* of these: in columns of which more than the parity is lost */
} tsri_shard_parity;

/* Looks for the section of a shard that is the whole value of a key, of `value_bytes`: where it
 * ends, and with `search` at every place where a page of it may lie. Without one, `directory` is
 * NULL afterwards. Owner: the caller, by tsri_shard_parity_clear. Errors: those of the store,
 * CANCELLED, DEADLINE, NO_MEMORY. */
int tsri_shard_parity_find(tsri_shard_parity *ret_parity, tsri_examiner *examiner,
                           const tsri_prepared *prepared, const tsr_extent *extent,
                           uint64_t value_bytes, bool search, tsr_error *err);
void tsri_shard_parity_clear(tsri_shard_parity *parity);

/* Reads all blocks, a piece at a time, and sets their states. Errors: as _find. */
int tsri_shard_parity_verify(tsri_shard_parity *parity, tsri_examiner *examiner, tsr_error *err);

/* Whether anything is not as it was written, as far as it has been looked at. */
bool tsri_shard_parity_is_damaged(const tsri_shard_parity *parity);

/* How many bytes of a shard the section takes, with those that fill up the end of the inner chunks
 * (which is at `end_bytes`). 0 where there is none, or a stale one. */
uint64_t tsri_shard_parity_bytes(const tsri_shard_parity *parity, uint64_t end_bytes);

/* Where a block lies in the value now: false when that is not within it. */
bool tsri_shard_parity_place(const tsri_shard_parity *parity, uint64_t number, bool moved,
                             uint64_t *ret_offset, uint64_t *ret_size_bytes);

#endif
