/* Claims: within a process one task at a time writes a chunk.
 *
 * A task must not wait for another one's claim or lock: whoever waits for a group runs other tasks
 * meanwhile, so the holder may stand further down on the very stack that would wait for it. So a
 * claim is had at once or not at all, and a task that does not get it ends and is spawned again. */
#ifndef TESSERA_ARRAY_CLAIM_H
#define TESSERA_ARRAY_CLAIM_H

#include <tessera/sys/store.h>

#include "base/base.h"

/* For how long whoever found a chunk busy waits before it tries again. */
#define TSRI_BUSY_PAUSE_NS INT64_C(300000)

/* Lies on the stack of its holder. */
typedef struct tsri_claim {
    const tsr_store *store;
    const char *key;
    struct tsri_claim *next, **previous;
} tsri_claim;

/* Claims a key of a store; `key` must stay as it is until the claim is given back. *ret_busy:
 * somebody else has it. LOCKED. Errors: NO_MEMORY. */
int tsri_claim_take(tsri_claim *claim, const tsr_store *store, const char *key, bool *ret_busy,
                    tsr_error *err);
void tsri_claim_give(tsri_claim *claim);

#endif
