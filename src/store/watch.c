#include "store/watch.h"

#include <tessera/sys/system.h>

#include "base/context.h"

#define POLL_INTERVAL_NS (50 * INT64_C(1000000))

tsri_watch tsri_watch_start(tsr_context *context, const tsr_call *call)
{
    tsri_watch watch = {.system = context->system, .call = call};
    if (call && (call->deadline_ms > 0 || call->poll)) {
        int64_t now_ns = watch.system->monotonic_ns(watch.system);
        /* 292 years fit, so a deadline that does not is none. */
        if (call->deadline_ms > 0 && call->deadline_ms < (INT64_MAX - now_ns) / 1000000)
            watch.deadline_ns = now_ns + call->deadline_ms * 1000000;
        watch.next_poll_ns = now_ns + POLL_INTERVAL_NS;
    }
    return watch;
}

bool tsri_watch_is_patient(const tsri_watch *watch)
{
    return !watch->call || (!watch->call->cancel && !watch->call->poll && watch->deadline_ns == 0);
}

static int cancelled(tsr_error *err)
{
    return tsr_error_set(err, TSR_CANCELLED, "interrupted by the caller");
}

int tsri_watch_check_cancel(const tsri_watch *watch, tsr_error *err)
{
    const tsr_call *call = watch->call;
    if (call && call->cancel && __atomic_load_n(call->cancel, __ATOMIC_RELAXED))
        return cancelled(err);
    return 0;
}

int tsri_watch_check(const tsri_watch *watch, tsr_error *err)
{
    TSRI_TRY(tsri_watch_check_cancel(watch, err));
    if (watch->deadline_ns && watch->system->monotonic_ns(watch->system) >= watch->deadline_ns)
        return tsr_error_set(err, TSR_DEADLINE, "not done within %lld ms",
                             (long long)watch->call->deadline_ms);
    return 0;
}

int tsri_watch_poll(tsri_watch *watch, tsr_error *err)
{
    TSRI_TRY(tsri_watch_check(watch, err));
    if (!watch->call || !watch->call->poll)
        return 0;
    int64_t now_ns = watch->system->monotonic_ns(watch->system);
    if (now_ns < watch->next_poll_ns)
        return 0;
    watch->next_poll_ns = now_ns + POLL_INTERVAL_NS;
    return watch->call->poll(watch->call->user) ? cancelled(err) : 0;
}
