/* What a store looks at while it waits or does much: deadline, cancel flag, poll of a tsr_call.
 * CONFINED. */
#ifndef TESSERA_STORE_WATCH_H
#define TESSERA_STORE_WATCH_H

#include <tessera/call.h>
#include <tessera/context.h>

#include "base/base.h"

/* Whoever waits looks at the watch at least this often. */
#define TSRI_WATCH_SLICE_NS (20 * INT64_C(1000000))

typedef struct tsri_watch {
    const struct tsr_system *system;
    const tsr_call *call; /* may be NULL */
    int64_t deadline_ns;  /* absolute; 0: none */
    int64_t next_poll_ns;
} tsri_watch;

/* Starts the clock of an operation. `call` may be NULL and must outlive the watch. Never fails. */
tsri_watch tsri_watch_start(tsr_context *context, const tsr_call *call);

/* Whether nothing can end the operation early, so that it may block in the kernel. Never fails. */
bool tsri_watch_is_patient(const tsri_watch *watch);

/* Between pieces of work: looks at cancel flag and deadline. Errors: CANCELLED, DEADLINE. */
int tsri_watch_check(const tsri_watch *watch, tsr_error *err);

/* The part of tsri_watch_check that looks at the cancel flag only: free enough for every request.
 */
int tsri_watch_check_cancel(const tsri_watch *watch, tsr_error *err);

/* While waiting, every few milliseconds: tsri_watch_check, and the poll function when it is time.
 */
int tsri_watch_poll(tsri_watch *watch, tsr_error *err);

#endif
