/* The clock of a profile. Each thread has a meter, found by its id, that is in one phase at a time;
 * to begin a phase charges what went by to the phase before. Phases nest by putting back the one
 * that was there: whatever a sink, a driver or a wait calls is charged where it belongs, and once.
 *
 * A meter is written by its thread alone, so nothing is locked. */
#ifndef TESSERA_BASE_PROFILE_H
#define TESSERA_BASE_PROFILE_H

#include <tessera/profile.h>

#include "base/context.h"

/* In the order of the fields of tsr_profile. */
typedef enum tsri_phase {
    TSRI_PHASE_PLAN,
    TSRI_PHASE_FETCH,
    TSRI_PHASE_WAIT,
    TSRI_PHASE_DECODE,
    TSRI_PHASE_COPY,
    TSRI_PHASE_DRIVER,
    TSRI_PHASE_CALLER,
    TSRI_PHASE_ENCODE,
    TSRI_PHASE_PUT,
    TSRI_PHASE_SYNC,
    TSRI_PHASE_COUNT,
    TSRI_PHASE_OUTSIDE = TSRI_PHASE_COUNT /* of every operation: not counted */
} tsri_phase;

typedef struct tsri_profile tsri_profile;

/* Errors: NO_MEMORY. */
int tsri_profile_new(const tsr_system *system, tsri_profile **ret_profile, tsr_error *err);

/* NULL is left alone. No thread may be in a phase. */
void tsri_profile_free(tsri_profile *profile);

/* In a child after a fork: threads that are not here any more are in no phase. */
void tsri_profile_after_fork(tsri_profile *profile);

/* Begins a phase of the calling thread and returns the one before. A thread for which there is no
 * memory is not measured. LOCKED. Never fails. */
tsri_phase tsri_profile_switch(tsri_profile *profile, tsri_phase phase);

/* Adds to a counter of the calling thread, named by its offset in tsr_profile. LOCKED. Never fails.
 */
void tsri_profile_add(tsri_profile *profile, size_t offset, int64_t amount);

/* What stands around a phase; costs a look at a pointer when nothing is measured. */
static inline tsri_phase tsri_phase_begin(const tsr_context *context, tsri_phase phase)
{
    return context->profile ? tsri_profile_switch(context->profile, phase) : TSRI_PHASE_OUTSIDE;
}

static inline void tsri_phase_end(const tsr_context *context, tsri_phase before)
{
    if (context->profile)
        tsri_profile_switch(context->profile, before);
}

#define TSRI_PROFILE_ADD(context, field, amount)                                                   \
    do {                                                                                           \
        if ((context)->profile)                                                                    \
            tsri_profile_add((context)->profile, offsetof(tsr_profile, field), (int64_t)(amount)); \
    } while (0)

#endif
