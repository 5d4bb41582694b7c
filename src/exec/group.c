#include <tessera/sys/system.h>

#include "base/checked.h"
#include "base/profile.h"
#include "exec/queue.h"

#define NS_PER_MS INT64_C(1000000)
/* The promise is 100 ms; a wake-up may come late. */
#define POLL_NS (50 * NS_PER_MS)
#define PROGRESS_NS (100 * NS_PER_MS)

static int64_t now_ns(const tsri_task_group *group)
{
    return group->context->system->monotonic_ns(group->context->system);
}

static int status_of(const tsri_task_group *group)
{
    return __atomic_load_n(&group->status, __ATOMIC_ACQUIRE);
}

/* The earlier of two deadlines, of which 0 is none. */
static int64_t earlier(int64_t a, int64_t b)
{
    return a == 0 ? b : b == 0 ? a : TSRI_MIN(a, b);
}

static int64_t absolute_deadline(int64_t now, int64_t deadline_ms)
{
    int64_t deadline;
    if (!tsri_multiply_i64(deadline_ms, NS_PER_MS, &deadline) ||
        !tsri_add_i64(now, deadline, &deadline))
        return INT64_MAX;
    return TSRI_MAX(deadline, 1);
}

static void watch_call(tsri_task_group *group, const tsr_call *call)
{
    group->call = call;
    group->watched = true;
    int64_t now = now_ns(group);
    group->next_poll_ns = call->poll ? now + POLL_NS : INT64_MAX;
    group->next_progress_ns = call->progress ? now + PROGRESS_NS : INT64_MAX;
    group->called_back |= call->poll || call->progress;
    if (call->deadline_ms > 0)
        group->deadline_ns = earlier(group->deadline_ns, absolute_deadline(now, call->deadline_ms));
}

int tsri_group_init(tsri_task_group *group, tsr_context *context, const tsr_call *call,
                    tsri_task_group *parent, tsr_error *err)
{
    tsri_pool *pool = NULL;
    TSRI_TRY(tsri_pool_get(context, &pool, err));
    /* Everything but the texts of the error, which nobody reads before they are written. */
    memset(group, 0, offsetof(tsri_task_group, error));
    group->error.status = 0;
    group->pool = pool;
    group->context = context;
    group->parent = parent;
    group->thread = pthread_self();
    group->age = __atomic_add_fetch(&pool->last_age, 1, __ATOMIC_RELAXED);
    group->generation = __atomic_load_n(&pool->generation, __ATOMIC_RELAXED);
    if (parent) {
        group->alone = parent->alone;
        group->deadline_ns = parent->deadline_ns;
        group->watched = true;
        group->called_back = parent->called_back && pthread_equal(parent->thread, group->thread);
    }
    bool watched_above = false;
    for (const tsri_task_group *above = parent; above; above = above->parent)
        watched_above |= above->call == call;
    if (call && !watched_above)
        watch_call(group, call);
    return 0;
}

/* ---- tasks ---- */

/* Whether the process was forked since the group was set up: then its tasks belong to the parent
 * process. */
static bool is_stale(const tsri_task_group *group)
{
    return group->generation != group->pool->generation;
}

static void spawn(tsri_task_group *group, tsri_task *task, void (*run)(tsri_task *task),
                  void (*put)(tsri_pool *pool, tsri_task *task))
{
    tsri_pool *pool = group->pool;
    task->run = run;
    task->group = group;
    pthread_mutex_lock(&pool->mutex);
    group->outstanding++;
    if (!is_stale(group))
        put(pool, task);
    pthread_mutex_unlock(&pool->mutex);
}

void tsri_group_spawn(tsri_task_group *group, tsri_task *task, void (*run)(tsri_task *task))
{
    spawn(group, task, run, tsri_queue_put);
}

void tsri_group_spawn_own(tsri_task_group *group, tsri_task *task, void (*run)(tsri_task *task))
{
    spawn(group, task, run, tsri_queue_put_own);
}

void tsri_group_hold(tsri_task_group *group)
{
    pthread_mutex_lock(&group->pool->mutex);
    group->outstanding++;
    pthread_mutex_unlock(&group->pool->mutex);
}

void tsri_group_release(tsri_task_group *group)
{
    /* The group may be gone as soon as its last hold is. */
    tsri_pool *pool = group->pool;
    pthread_mutex_lock(&pool->mutex);
    if (!is_stale(group))
        tsri_queue_finish(group);
    pthread_mutex_unlock(&pool->mutex);
}

/* ---- failing and stopping ---- */

void tsri_group_fail(tsri_task_group *group, int status, const tsr_error *error)
{
    if (status >= 0)
        status = TSR_INTERNAL;
    pthread_mutex_lock(&group->pool->mutex);
    if (group->status == 0) {
        if (error && error->status)
            group->error = *error;
        else
            tsr_error_set(&group->error, status, "%s", tsr_status_text(status));
        __atomic_store_n(&group->status, status, __ATOMIC_RELEASE);
    }
    pthread_mutex_unlock(&group->pool->mutex);
}

static void fail_cancelled(tsri_task_group *group)
{
    tsri_group_fail(group, TSR_CANCELLED, NULL);
}

static void fail_late(tsri_task_group *group)
{
    tsr_error error = TSR_ERROR_INIT;
    tsr_error_set(&error, TSR_DEADLINE, "the deadline has passed before the work was done");
    tsr_error_set_next_step(&error, "allow more time, or ask for less at once");
    tsri_group_fail(group, TSR_DEADLINE, &error);
}

/* Looks at everything that may stop the group from outside, and records it as the group's failure.
 */
static bool observe(tsri_task_group *group)
{
    for (tsri_task_group *above = group; above; above = above->parent) {
        int status = status_of(above);
        if (status && above != group)
            tsri_group_fail(group, status, &above->error);
        else if (above->call && above->call->cancel &&
                 __atomic_load_n(above->call->cancel, __ATOMIC_RELAXED))
            fail_cancelled(group);
    }
    if (group->deadline_ns && !status_of(group) && now_ns(group) >= group->deadline_ns)
        fail_late(group);
    return status_of(group) != 0;
}

/* ---- calling back ---- */

static void report_progress(tsri_task_group *group)
{
    tsr_progress progress;
    const tsr_progress *now = &group->progress;
    progress.chunks_done = __atomic_load_n(&now->chunks_done, __ATOMIC_RELAXED);
    progress.chunks_total = __atomic_load_n(&now->chunks_total, __ATOMIC_RELAXED);
    progress.bytes_done = __atomic_load_n(&now->bytes_done, __ATOMIC_RELAXED);
    progress.bytes_total = __atomic_load_n(&now->bytes_total, __ATOMIC_RELAXED);
    progress.stored_bytes = __atomic_load_n(&now->stored_bytes, __ATOMIC_RELAXED);
    progress.requests = __atomic_load_n(&now->requests, __ATOMIC_RELAXED);
    group->call->progress(group->call->user, &progress);
}

static void serve(tsri_task_group *group, int64_t now)
{
    if (now >= group->next_poll_ns) {
        group->next_poll_ns = now + POLL_NS;
        if (group->call->poll(group->call->user))
            fail_cancelled(group);
    }
    if (now >= group->next_progress_ns) {
        group->next_progress_ns = now + PROGRESS_NS;
        report_progress(group);
    }
}

/* Calls back, for the group and those above that belong to this thread, what is due. */
static void serve_due(tsri_task_group *group)
{
    if (!group->called_back || !pthread_equal(group->thread, pthread_self()))
        return;
    int64_t now = now_ns(group);
    for (; group && group->called_back && pthread_equal(group->thread, pthread_self());
         group = group->parent)
        if (group->call)
            serve(group, now);
}

bool tsri_group_stopped(tsri_task_group *group)
{
    if (status_of(group))
        return true;
    if (!group->watched)
        return false;
    serve_due(group);
    return observe(group);
}

static void add(int64_t *counter, int64_t amount)
{
    if (amount)
        __atomic_fetch_add(counter, amount, __ATOMIC_RELAXED);
}

void tsri_group_expect(tsri_task_group *group, int64_t chunks, int64_t bytes)
{
    for (; group; group = group->parent) {
        add(&group->progress.chunks_total, chunks);
        add(&group->progress.bytes_total, bytes);
    }
}

void tsri_group_progress(tsri_task_group *group, int64_t chunks, int64_t bytes,
                         int64_t stored_bytes, int64_t requests)
{
    for (; group; group = group->parent) {
        add(&group->progress.chunks_done, chunks);
        add(&group->progress.bytes_done, bytes);
        add(&group->progress.stored_bytes, stored_bytes);
        add(&group->progress.requests, requests);
    }
}

/* ---- waiting ---- */

static int forked_meanwhile(tsr_error *err)
{
    return tsr_error_set(err, TSR_INTERNAL,
                         "the process was forked in the middle of this operation");
}

/* How long the waiting thread may sleep before it looks at its call again; -1: for ever. */
static int64_t patience_ns(const tsri_task_group *group)
{
    if (!group->watched)
        return -1;
    if (!group->deadline_ns || status_of(group))
        return POLL_NS;
    return TSRI_MAX(TSRI_MIN(group->deadline_ns - now_ns(group), POLL_NS), NS_PER_MS);
}

/* Looks on for a moment the first time, then sleeps until there is something to do. */
static void rest(tsri_task_group *group, tsri_sleeper *sleeper, bool spun)
{
    tsri_phase before = tsri_phase_begin(group->context, TSRI_PHASE_WAIT);
    if (!spun)
        tsri_queue_spin(group->pool);
    else
        tsri_sleeper_sleep(group->pool, sleeper, patience_ns(group));
    tsri_phase_end(group->context, before);
}

/* Runs tasks, or sleeps when others have them all, until nothing is outstanding. With the lock. */
static void help(tsri_task_group *group, tsri_sleeper *sleeper)
{
    tsri_pool *pool = group->pool;
    bool spun = false;
    while (!is_stale(group) && group->outstanding > 0) {
        tsri_task *task = tsri_queue_take(pool, group);
        if (task)
            tsri_queue_run(pool, task);
        else
            rest(group, sleeper, spun);
        spun = !task && !spun;
        if (group->watched) {
            pthread_mutex_unlock(&pool->mutex);
            tsri_group_stopped(group);
            pthread_mutex_lock(&pool->mutex);
        }
    }
}

int tsri_group_wait(tsri_task_group *group, tsr_error *err)
{
    tsri_sleeper sleeper;
    tsri_sleeper_init(&sleeper, group);
    tsri_group_stopped(group);
    pthread_mutex_lock(&group->pool->mutex);
    help(group, &sleeper);
    bool stale = is_stale(group);
    if (sleeper.woken)
        tsri_queue_pass_on(group->pool);
    pthread_mutex_unlock(&group->pool->mutex);
    tsri_sleeper_clear(&sleeper);
    if (stale)
        return forked_meanwhile(err);
    if (group->call && group->call->progress)
        report_progress(group);
    if (status_of(group) && err)
        *err = group->error;
    return status_of(group);
}
