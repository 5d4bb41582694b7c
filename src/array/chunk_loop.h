/* A loop over the chunks that a write touches, on all threads: what writing and copying share. */
#ifndef TESSERA_ARRAY_CHUNK_LOOP_H
#define TESSERA_ARRAY_CHUNK_LOOP_H

#include "array/claim.h"

/* Does what is to be done with the chunk at `chunk`; `target` is in its coordinates, `scratch`
 * belongs to the calling thread. `order` is for those that can wait for their turn: chunk and
 * target stay as they are until then. *ret_turn (DONE before): what became of it (see claim.h). */
typedef int (*tsri_chunk_body)(void *user, const int64_t *chunk, const tsri_target *target,
                               tsr_codec_scratch *scratch, tsri_task_group *group,
                               tsri_order *order, tsri_turn *ret_turn, tsr_error *err);

/* Calls `body` for every chunk of the array of `selection` that it touches, each once, on at most
 * `runners` threads (0: as many as there are). The first failure ends the loop. `bytes_total` is
 * what progress counts up to. Errors: those of body, CANCELLED, DEADLINE, NO_MEMORY. */
int tsri_chunk_loop(tsri_read *selection, int runners, int64_t bytes_total, const tsr_call *call,
                    tsri_chunk_body body, void *user, tsr_error *err);

#endif
