#include "exec/pool.h"

#include <sched.h>
#include <signal.h>
#include <time.h>

#include "base/profile.h"
#include "exec/queue.h"

#define NS_PER_SECOND INT64_C(1000000000)

/* ---- sleepers ---- */

void tsri_sleeper_init(tsri_sleeper *sleeper, tsri_task_group *group)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    *sleeper = (tsri_sleeper){.group = group};
    pthread_cond_init(&sleeper->wake, &attributes);
    pthread_condattr_destroy(&attributes);
}

void tsri_sleeper_clear(tsri_sleeper *sleeper)
{
    pthread_cond_destroy(&sleeper->wake);
}

static void leave_sleepers(tsri_pool *pool, tsri_sleeper *sleeper)
{
    *(sleeper->previous ? &sleeper->previous->next : &pool->sleepers) = sleeper->next;
    if (sleeper->next)
        sleeper->next->previous = sleeper->previous;
    if (sleeper->group)
        sleeper->group->sleeper = NULL;
}

static void wake(tsri_pool *pool, tsri_sleeper *sleeper)
{
    leave_sleepers(pool, sleeper);
    sleeper->woken = true;
    pthread_cond_signal(&sleeper->wake);
}

/* A moment on the real monotonic clock, which the condition follows; that of the context may be a
 * test's. */
static struct timespec moment_after(int64_t duration_ns)
{
    const tsr_system *system = tsr_system_default();
    int64_t moment = system->monotonic_ns(system) + duration_ns;
    return (struct timespec){.tv_sec = moment / NS_PER_SECOND, .tv_nsec = moment % NS_PER_SECOND};
}

void tsri_sleeper_sleep(tsri_pool *pool, tsri_sleeper *sleeper, int64_t duration_ns)
{
    struct timespec end = duration_ns < 0 ? (struct timespec){0} : moment_after(duration_ns);
    sleeper->woken = false;
    sleeper->previous = NULL;
    sleeper->next = pool->sleepers;
    if (sleeper->next)
        sleeper->next->previous = sleeper;
    pool->sleepers = sleeper;
    if (sleeper->group)
        sleeper->group->sleeper = sleeper;
    int late = 0;
    while (!sleeper->woken && !late) {
        if (duration_ns < 0)
            pthread_cond_wait(&sleeper->wake, &pool->mutex);
        else
            late = pthread_cond_timedwait(&sleeper->wake, &pool->mutex, &end);
    }
    if (!sleeper->woken)
        leave_sleepers(pool, sleeper);
}

/* ---- spinning ---- */

/* Measured: waking another processor takes 30 to 50 us, so this much watching saves most of the
 * wake-ups between the tasks of small operations. Yielding in between keeps it harmless where there
 * are more threads than processors. */
#define SPIN_NS 20000

void tsri_queue_spin(tsri_pool *pool)
{
    const tsr_system *system = tsr_system_default();
    uint64_t events = pool->events;
    pthread_mutex_unlock(&pool->mutex);
    int64_t end = system->monotonic_ns(system) + SPIN_NS;
    do
        sched_yield();
    while (__atomic_load_n(&pool->events, __ATOMIC_RELAXED) == events &&
           system->monotonic_ns(system) < end);
    pthread_mutex_lock(&pool->mutex);
}

static void note_event(tsri_pool *pool)
{
    __atomic_store_n(&pool->events, pool->events + 1, __ATOMIC_RELAXED);
}

/* A worker that spins takes what is queued meanwhile, so nobody else need be woken for it. */
static void spin_as_worker(tsri_pool *pool)
{
    pool->spinners++;
    tsri_queue_spin(pool);
    if (pool->expected > 0)
        pool->expected--;
    else
        pool->spinners--;
}

/* ---- workers ---- */

static void *work(void *user)
{
    tsri_pool *pool = user;
    tsri_sleeper sleeper;
    bool spun = true;
    tsri_sleeper_init(&sleeper, NULL);
    pthread_mutex_lock(&pool->mutex);
    /* A task may fork and return in the child, where this thread is no worker. */
    uint64_t generation = pool->generation;
    while (!pool->closing && pool->generation == generation) {
        tsri_task *task = tsri_queue_take(pool, NULL);
        if (task)
            tsri_queue_run(pool, task);
        else if (!spun)
            spin_as_worker(pool);
        else
            tsri_sleeper_sleep(pool, &sleeper, -1);
        spun = !task && !spun;
    }
    pthread_mutex_unlock(&pool->mutex);
    tsri_sleeper_clear(&sleeper);
    return NULL;
}

/* Signals are for the program's own threads, except those that a thread causes itself. */
static void block_signals(sigset_t *ret_previous)
{
    static const int own[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT};
    sigset_t blocked;
    sigfillset(&blocked);
    for (size_t i = 0; i < TSRI_COUNT(own); i++)
        sigdelset(&blocked, own[i]);
    pthread_sigmask(SIG_SETMASK, &blocked, ret_previous);
}

/* When the system has no thread left, those that wait do the work. */
static void start_worker(tsri_pool *pool)
{
    sigset_t previous;
    block_signals(&previous);
    if (pthread_create(&pool->workers[pool->started], NULL, work, pool) == 0)
        pool->started++;
    pthread_sigmask(SIG_SETMASK, &previous, NULL);
}

/* ---- the queue ---- */

/* Groups stand in the order of their age, which is nearly the order in which they become ready. */
static void enter_ready(tsri_pool *pool, tsri_task_group *group)
{
    tsri_task_group *younger = NULL, *older = pool->youngest;
    while (older && older->age > group->age) {
        younger = older;
        older = older->next_ready;
    }
    group->previous_ready = younger;
    group->next_ready = older;
    *(younger ? &younger->next_ready : &pool->youngest) = group;
    if (older)
        older->previous_ready = group;
}

static void leave_ready(tsri_pool *pool, tsri_task_group *group)
{
    *(group->previous_ready ? &group->previous_ready->next_ready : &pool->youngest) =
        group->next_ready;
    if (group->next_ready)
        group->next_ready->previous_ready = group->previous_ready;
}

tsri_task *tsri_queue_take(tsri_pool *pool, tsri_task_group *group)
{
    tsri_task_group *source = pool->youngest;
    if (group && group->first)
        source = group;
    else if (!source || (group && (group->alone || source->age < group->age)))
        return NULL;
    tsri_task *task = source->first;
    source->first = task->next;
    if (!source->first) {
        source->last = NULL;
        leave_ready(pool, source);
    }
    return task;
}

/* Whoever waits for this group, or a worker, or somebody who waits for an older group. */
static tsri_sleeper *find_sleeper(tsri_pool *pool, const tsri_task_group *group)
{
    if (group->sleeper)
        return group->sleeper;
    tsri_sleeper *sleeper = pool->sleepers;
    while (sleeper && sleeper->group && sleeper->group->age > group->age)
        sleeper = sleeper->next;
    return sleeper;
}

void tsri_queue_put_own(tsri_pool *pool, tsri_task *task)
{
    tsri_task_group *group = task->group;
    task->next = NULL;
    if (group->first)
        group->last->next = task;
    else
        group->first = task;
    group->last = task;
    if (group->first == task)
        enter_ready(pool, group);
}

void tsri_queue_put(tsri_pool *pool, tsri_task *task)
{
    tsri_queue_put_own(pool, task);
    note_event(pool);
    if (pool->spinners > 0) {
        pool->spinners--;
        pool->expected++;
        return;
    }
    tsri_sleeper *sleeper = find_sleeper(pool, task->group);
    if (sleeper)
        wake(pool, sleeper);
    else if (pool->started < pool->threads - 1)
        start_worker(pool);
}

void tsri_queue_pass_on(tsri_pool *pool)
{
    tsri_sleeper *sleeper = pool->youngest ? find_sleeper(pool, pool->youngest) : NULL;
    if (sleeper)
        wake(pool, sleeper);
}

void tsri_queue_finish(tsri_task_group *group)
{
    if (--group->outstanding > 0)
        return;
    note_event(group->pool);
    if (group->sleeper)
        wake(group->pool, group->sleeper);
}

void tsri_queue_run(tsri_pool *pool, tsri_task *task)
{
    tsri_task_group *group = task->group;
    pthread_mutex_unlock(&pool->mutex);
    const tsr_context *context = group->context;
    tsri_phase before = tsri_phase_begin(context, TSRI_PHASE_PLAN);
    task->run(task);
    tsri_phase_end(context, before);
    pthread_mutex_lock(&pool->mutex);
    if (group->generation == pool->generation)
        tsri_queue_finish(group);
}

/* ---- the pool ---- */

static void lock_for_fork(void *user)
{
    pthread_mutex_lock(&((tsri_pool *)user)->mutex);
}

static void unlock_in_parent(void *user)
{
    pthread_mutex_unlock(&((tsri_pool *)user)->mutex);
}

/* The other threads do not exist here: neither workers nor those that sleep, and nobody waits for
 * queued tasks. */
static void begin_anew_in_child(void *user)
{
    tsri_pool *pool = user;
    pool->generation++;
    pool->youngest = NULL;
    pool->sleepers = NULL;
    pool->started = 0;
    pool->spinners = 0;
    pool->expected = 0;
    pthread_mutex_unlock(&pool->mutex);
}

static int create_pool(tsr_context *context, void **ret_pool, tsr_error *err)
{
    int workers = tsr_context_threads(context) - 1;
    size_t size = sizeof(tsri_pool) + (size_t)workers * sizeof(pthread_t);
    tsri_pool *pool = tsri_alloc_zero(size);
    if (!pool)
        return tsri_error_no_memory(err, size);
    pool->threads = workers + 1;
    pthread_mutex_init(&pool->mutex, NULL);
    pool->fork_handler = (tsri_fork_handler){.prepare = lock_for_fork,
                                             .parent = unlock_in_parent,
                                             .child = begin_anew_in_child,
                                             .user = pool};
    tsri_fork_register(&pool->fork_handler);
    *ret_pool = pool;
    return 0;
}

static void destroy_pool(void *part)
{
    tsri_pool *pool = part;
    pthread_mutex_lock(&pool->mutex);
    pool->closing = true;
    while (pool->sleepers)
        wake(pool, pool->sleepers);
    int started = pool->started;
    pthread_mutex_unlock(&pool->mutex);
    for (int i = 0; i < started; i++)
        pthread_join(pool->workers[i], NULL);
    tsri_fork_unregister(&pool->fork_handler);
    pthread_mutex_destroy(&pool->mutex);
    tsri_free(pool);
}

int tsri_pool_get(tsr_context *context, tsri_pool **ret_pool, tsr_error *err)
{
    void *pool = NULL;
    TSRI_TRY(tsri_context_slot(context, TSRI_SLOT_POOL, create_pool, destroy_pool, &pool, err));
    *ret_pool = pool;
    return 0;
}

int tsri_pool_threads(const tsri_pool *pool)
{
    return pool->threads;
}
