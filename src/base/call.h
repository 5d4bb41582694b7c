/* A call within a call. */
#ifndef TESSERA_BASE_CALL_H
#define TESSERA_BASE_CALL_H

#include <tessera/call.h>

/* What an operation is given that runs on a thread of the pool, as a part of an operation with
 * `call` (may be NULL): its cancel flag, deadline and budget, and no callbacks, which belong to the
 * thread that began. Never fails. */
tsr_call tsri_call_below(const tsr_call *call);

#endif
