/* The one loop that fetches: from reads to chunks, to byte ranges, to elements in the caller's
 * memory.
 *
 * A *unit* is one chunk (or shard, or nested shard) with the targets that want something of it. It
 * hands out *portions*: one byte range each, with what is to be done with its bytes. Runners on the
 * task pool take portions until there are none: a store that answers at once is read by the runner
 * itself, which decodes on the spot; from other stores up to hints.requests_in_flight portions are
 * on the wire, each decoded by a task of its own as it arrives. Chunks are admitted one by one as
 * runners get free, so memory is a portion a thread (or a portion a request), whatever the size of
 * the read. */
#ifndef TESSERA_ARRAY_FETCH_H
#define TESSERA_ARRAY_FETCH_H

#include "array/target.h"
#include "exec/pool.h"

/* Does n reads, each chunk once. `parent` may be NULL. Errors: as tsr_read_many. */
int tsri_fetch(tsr_context *context, tsri_read *reads, size_t n, const tsr_call *call,
               tsri_task_group *parent, tsr_error *err);

#endif
