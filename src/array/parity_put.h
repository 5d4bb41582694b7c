/* Adding parity to a shard that is laid out and about to be put. */
#ifndef TESSERA_ARRAY_PARITY_PUT_H
#define TESSERA_ARRAY_PARITY_PUT_H

#include <tessera/sys/store.h>

#include "codec/parity.h"

/* So many segments are added at most. */
#define TSRI_PARITY_SEGMENTS 2

/* The present value, from which some segments are taken. */
typedef struct tsri_parity_source {
    tsr_store *store;
    const char *key;
    const tsr_generation *generation; /* NULL: any */
} tsri_parity_source;

/* Adds a parity section to the segments of a shard, its index being the first or the last of them;
 * there is room for TSRI_PARITY_SEGMENTS more. `shape` is that of a section which the very bytes
 * had before; NULL: chosen. Ranges of the present value are read, a piece at a time, so that memory
 * is that of the section. `ret_encoder` holds what the segments point to, for the caller to clear
 * when they are put. Thread: LOCKED. Errors: NO_MEMORY, LIMIT, those of reading. */
int tsri_parity_put(tsri_parity_strength strength, const tsri_parity_shape *shape,
                    const tsri_parity_source *source, bool index_at_start, tsr_segment *segments,
                    size_t *count, tsri_parity_encoder *ret_encoder, tsr_error *err);

#endif
