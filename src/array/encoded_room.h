/* Room for the encoded inner chunks of a shard, from when they are made until the shard is put.
 *
 * One piece of memory for all of them, which the scratch keeps for the next shard of the same
 * operation: with an allocation for each inner chunk the system took the pages back after every
 * shard, and their first touch cost a tenth of the time of storing an array anew. Several threads
 * may keep bytes at once. */
#ifndef TESSERA_ARRAY_ENCODED_ROOM_H
#define TESSERA_ARRAY_ENCODED_ROOM_H

#include "codec/chain.h"

/* More memory than this is not kept for the next shard. */
#define TSRI_ENCODED_KEPT_MAX ((size_t)80 << 20)

typedef struct tsri_encoded_room {
    char *memory; /* the scratch's; NULL: there is none */
    size_t capacity_bytes;
    size_t used_bytes; /* changed by atomic operations alone; may go beyond the capacity */
} tsri_encoded_room;

/* Makes room for `count` inner chunks of at most `bytes_max`, as far as it may be kept; what does
 * not fit gets memory of its own. Pages that no bytes reach are never touched. The scratch serves
 * no other room meanwhile. Never fails. */
void tsri_encoded_room_init(tsri_encoded_room *self, tsr_codec_scratch *scratch, int64_t count,
                            uint64_t bytes_max);

/* Copies bytes into the room; *ret_kept is valid until it is dropped. LOCKED. Errors: NO_MEMORY. */
int tsri_encoded_room_keep(tsri_encoded_room *self, const void *bytes, size_t size_bytes,
                           tsr_output *ret_kept, tsr_error *err);

/* Frees what lies outside of the room. `kept` may be any output. Never fails. */
void tsri_encoded_room_drop(const tsri_encoded_room *self, tsr_output *kept);

#endif
