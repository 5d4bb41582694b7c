/* What every long operation is given: deadline, cancel flag, poll, byte budget and progress.
 *
 * A NULL tsr_call means: no deadline, no cancel, no progress, the context's byte budget.
 *
 * Thread: CONFINED. One call value serves one operation at a time; only the cancel flag may be set
 * from elsewhere meanwhile. */
#ifndef TESSERA_CALL_H
#define TESSERA_CALL_H

#include <stdint.h>

#include <tessera/export.h>

TSR_BEGIN_DECLS

/* How far an operation has come. Totals are 0 while unknown. */
typedef struct tsr_progress {
    int64_t chunks_done, chunks_total; /* chunks, or inner chunks where the array has shards */
    int64_t bytes_done, bytes_total;   /* of decoded elements */
    int64_t stored_bytes;              /* fetched from or sent to the store so far */
    int64_t requests;                  /* requests to the store so far */
} tsr_progress;

typedef struct tsr_call {
    int64_t deadline_ms; /* from the start of the operation; 0: none */
    const int *cancel; /* the operation ends with TSR_CANCELLED soon after *cancel becomes nonzero;
                          set it by tsr_cancel, also from a signal handler; NULL: none */
    int64_t byte_budget; /* most bytes in flight for this call; 0: the context's limit */

    /* Runs on the calling thread at least every 100 ms; a nonzero return cancels. NULL: none. */
    int (*poll)(void *user);
    /* Runs on the calling thread at most ten times a second and once at the end. NULL: none. */
    void (*progress)(void *user, const tsr_progress *progress);
    void *user;
} tsr_call;

/* clang-format off */
#ifdef __cplusplus
#define TSR_CALL_INIT {}
#else
#define TSR_CALL_INIT {0, NULL, 0, NULL, NULL, NULL}
#endif
/* clang-format on */

/* Sets a cancel flag. Safe in signal handlers and from any thread. Thread: LOCKED. Never fails. */
TSR_API void tsr_cancel(int *flag);

TSR_END_DECLS

#endif
