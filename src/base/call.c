#include "base/call.h"

#include <stddef.h>

void tsr_cancel(int *flag)
{
    __atomic_store_n(flag, 1, __ATOMIC_RELAXED);
}

tsr_call tsri_call_below(const tsr_call *call)
{
    tsr_call below = TSR_CALL_INIT;
    if (call)
        below = *call;
    below.poll = NULL;
    below.progress = NULL;
    return below;
}
