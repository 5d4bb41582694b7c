/* The thread pool of a context, and groups of tasks on it.
 *
 * The caller takes part: a pool of n threads starts n - 1 workers, and whoever waits for a group helps to run its
 * tasks (its own group's first, then others'), so nested groups cannot deadlock and one thread is enough for
 * everything. Tasks are intrusive: they cost no allocation. Workers start on first use and are started anew in a forked
 * child.
 *
 * Thread: LOCKED. */
#ifndef TESSERA_EXEC_POOL_H
#define TESSERA_EXEC_POOL_H

#include <tessera/call.h>
#include <tessera/context.h>

#include "base/base.h"

typedef struct tsri_pool tsri_pool;
typedef struct tsri_task tsri_task;
typedef struct tsri_task_group tsri_task_group;

struct tsri_task {
    void (*run)(tsri_task *task);
    tsri_task_group *group;
    tsri_task *next;
};

/* The pool of a context, made on first use. Owner: the context. Errors: NO_MEMORY. */
int tsri_pool_get(tsr_context *context, tsri_pool **ret_pool, tsr_error *err);

/* How many threads work at most, the waiting one included. */
int tsri_pool_threads(const tsri_pool *pool);

/* A set of tasks that one thread waits for, with the first failure and the watch over the caller's wishes (deadline,
 * cancel, poll, progress). `call` may be NULL and must outlive the group. Opaque but embedded. */
struct tsri_task_group {
    tsri_pool *pool;
    const tsr_call *call;
    tsr_context *context;
    int64_t deadline_ns;            /* absolute monotonic; 0: none */
    int64_t next_progress_ns;
    tsri_task_group *parent;        /* cancelled with it; NULL */
    /* under the pool's lock */
    tsri_task *first, *last;
    int64_t outstanding;            /* queued, running, or held */
    tsri_task_group *next_ready, *previous_ready;
    /* atomic */
    int status;                     /* the first failure */
    tsr_progress progress;          /* updated with tsri_group_progress */
    tsr_error error;                /* of the first failure */
};

/* Sets up a group. `parent` (NULL for none) passes its failure and cancellation down. CONFINED to the thread that waits.
 * Errors: NO_MEMORY (the pool). */
int tsri_group_init(tsri_task_group *group, tsr_context *context, const tsr_call *call, tsri_task_group *parent, tsr_error *err);

/* Queues a task. When the pool has one thread, it runs inside tsri_group_wait. LOCKED. Never fails. */
void tsri_group_spawn(tsri_task_group *group, tsri_task *task, void (*run)(tsri_task *task));

/* Counts something outside the pool that will still spawn a task (a request on the wire): wait does not return before
 * as many releases. LOCKED. Never fails. */
void tsri_group_hold(tsri_task_group *group);
void tsri_group_release(tsri_task_group *group);

/* Records a failure; the first one wins. Later tasks should look at tsri_group_stopped and end early. LOCKED. */
void tsri_group_fail(tsri_task_group *group, int status, const tsr_error *error);

/* Whether the group (or its parent) has failed, was cancelled or has passed its deadline. Cheap: callable per chunk. LOCKED. */
bool tsri_group_stopped(tsri_task_group *group);

/* Adds to the counters that progress reports show. LOCKED. */
void tsri_group_progress(tsri_task_group *group, int64_t chunks, int64_t bytes, int64_t stored_bytes, int64_t requests);

/* Helps to run tasks until nothing is outstanding; on the way serves poll (every 100 ms), progress (ten times a second, once at
 * the end) and deadline. Returns 0 or the first failure, copied to err. Every task that was spawned has run (tasks look at
 * tsri_group_stopped themselves), so their memory may be freed. */
int tsri_group_wait(tsri_task_group *group, tsr_error *err);

/* Runs body(user, i) for i in [0, count), on all threads, in about `grain` indices at a time (at least 1). The first failure
 * stops the rest. Runs inline when count <= grain or there is one thread. Errors: those of body, CANCELLED, DEADLINE. */
int tsri_parallel_for(tsr_context *context, const tsr_call *call, tsri_task_group *parent, int64_t count, int64_t grain,
                      int (*body)(void *user, int64_t i, tsr_error *err), void *user, tsr_error *err);

/* A budget of bytes in flight, shared by the tasks of an operation. A taker that would exceed the budget gets false and tries again when something
 * was given back, except when nothing is taken: then it gets it, so that one piece larger than the budget runs alone. Never waits. LOCKED. */
typedef struct tsri_budget {
    int64_t limit_bytes;
    int64_t taken_bytes;            /* atomic */
    int64_t peak_bytes;             /* atomic: the most that was ever taken, for tests */
} tsri_budget;
bool tsri_budget_take(tsri_budget *budget, int64_t bytes);
void tsri_budget_give(tsri_budget *budget, int64_t bytes);

#endif
