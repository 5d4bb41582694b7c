/* The thread pool of a context, and groups of tasks on it.
 *
 * The caller takes part: a pool of n threads starts at most n - 1 workers, and whoever waits for a
 * group helps to run tasks: its own group's first, then those of younger groups, which may be what
 * its own tasks wait for. A waiter never takes a task of an older group, so its stack grows with
 * the nesting and not with the number of tasks. Nested groups cannot deadlock, and one thread is
 * enough for everything. Idle workers take the youngest group's oldest task: what was begun is
 * finished first, and the chunks of one operation are taken in the order in which they were
 * spawned.
 *
 * Tasks are intrusive: they cost no allocation. Workers start on first use and are started anew in
 * a forked child, where the operations that other threads of the parent had under way do not go on.
 *
 * Thread: LOCKED. */
#ifndef TESSERA_EXEC_POOL_H
#define TESSERA_EXEC_POOL_H

#include <pthread.h>
#include <tessera/call.h>
#include <tessera/context.h>

#include "base/base.h"

typedef struct tsri_pool tsri_pool;
typedef struct tsri_task tsri_task;
typedef struct tsri_task_group tsri_task_group;

/* A piece of work. The pool does not touch it after `run` began: `run` may free it or spawn it
 * again. */
struct tsri_task {
    void (*run)(tsri_task *task);
    tsri_task_group *group;
    tsri_task *next;
};

/* The pool of a context, made on first use. Owner: the context. Errors: NO_MEMORY. */
int tsri_pool_get(tsr_context *context, tsri_pool **ret_pool, tsr_error *err);

/* How many threads work at most, the waiting one included. */
int tsri_pool_threads(const tsri_pool *pool);

/* A set of tasks that one thread waits for, with the first failure and the watch over the caller's
 * wishes (deadline, cancel, poll, progress). `call` may be NULL and must outlive the group. Opaque
 * but embedded; a group that was set up and never used needs no end. */
struct tsri_task_group {
    tsri_pool *pool;
    tsr_context *context;
    const tsr_call *call;    /* NULL also where the parent watches over the same call */
    tsri_task_group *parent; /* stops this group when it stops; NULL */
    pthread_t thread;        /* that set the group up, waits for it, and is called back */
    uint64_t age;            /* older groups have smaller numbers */
    uint64_t generation;     /* of the pool: another one after a fork */
    int64_t deadline_ns;     /* absolute monotonic, not after the parent's; 0: none */
    int64_t next_poll_ns, next_progress_ns;
    bool alone; /* whoever waits runs tasks of this group only: set it where the thread holds what a
                   foreign task may wait for; groups below take it over */
    bool watched;     /* someone may want to stop the group from outside */
    bool called_back; /* poll or progress of this group or of one above run on `thread` */
    /* under the pool's lock */
    tsri_task *first, *last;
    int64_t outstanding; /* queued, running, or held */
    tsri_task_group *next_ready, *previous_ready;
    struct tsri_sleeper *sleeper; /* of the waiting thread while it sleeps */
    /* atomic */
    tsr_progress progress; /* updated with tsri_group_progress */
    int status;            /* the first failure */
    tsr_error error;       /* of the first failure; does not change once status is set */
};

/* Sets up a group. `parent` (NULL for none) passes its failure, cancellation and deadline down;
 * what is reported to tsri_group_progress goes up to it. Poll and progress callbacks of a call run
 * on the thread of the group that was given this call first, also while that thread works in groups
 * below. CONFINED to the thread that waits. Errors: NO_MEMORY (the pool). */
int tsri_group_init(tsri_task_group *group, tsr_context *context, const tsr_call *call,
                    tsri_task_group *parent, tsr_error *err);

/* Queues a task. When the pool has one thread, it runs inside tsri_group_wait. LOCKED. Never fails.
 */
void tsri_group_spawn(tsri_task_group *group, tsri_task *task, void (*run)(tsri_task *task));

/* The same for whoever goes on to wait for the group: nobody is woken for the task, since he runs
 * it himself. CONFINED to the thread that waits. Never fails. */
void tsri_group_spawn_own(tsri_task_group *group, tsri_task *task, void (*run)(tsri_task *task));

/* Counts something outside the pool that will still spawn a task (a request on the wire): wait does
 * not return before as many releases. LOCKED. Never fails. */
void tsri_group_hold(tsri_task_group *group);
void tsri_group_release(tsri_task_group *group);

/* Records a failure (negative); the first one wins. `error` may be NULL. Later tasks should look at
 * tsri_group_stopped and end early. LOCKED. */
void tsri_group_fail(tsri_task_group *group, int status, const tsr_error *error);

/* Whether the group (or one above) has failed, was cancelled or has passed its deadline. Cheap:
 * callable per chunk. On the thread that waits it also serves poll and progress when they are due,
 * so hold no lock. LOCKED. */
bool tsri_group_stopped(tsri_task_group *group);

/* Says what is still to be done: adds to the totals of the group and of those above. LOCKED. */
void tsri_group_expect(tsri_task_group *group, int64_t chunks, int64_t bytes);

/* Adds to the counters that progress reports show, of the group and of those above. LOCKED. */
void tsri_group_progress(tsri_task_group *group, int64_t chunks, int64_t bytes,
                         int64_t stored_bytes, int64_t requests);

/* Helps to run tasks until nothing is outstanding; on the way serves poll (at least every 100 ms
 * unless a task runs longer without asking tsri_group_stopped), progress (ten times a second, and
 * once at the end) and deadline. Returns 0 or the first failure, copied to err. Every task that was
 * spawned has run (tasks look at tsri_group_stopped themselves), so their memory may be freed. The
 * group may be used for another round. In a child that was forked while the group had tasks it
 * returns INTERNAL at once. */
int tsri_group_wait(tsri_task_group *group, tsr_error *err);

/* Runs body(user, i) for i in [0, count), on all threads, in about `grain` indices at a time (at
 * least 1). The first failure stops the rest. Runs inline when count <= grain or there is one
 * thread. Errors: those of body, CANCELLED, DEADLINE. */
int tsri_parallel_for(tsr_context *context, const tsr_call *call, tsri_task_group *parent,
                      int64_t count, int64_t grain,
                      int (*body)(void *user, int64_t i, tsr_error *err), void *user,
                      tsr_error *err);

/* A budget of bytes in flight, shared by the tasks of an operation. A taker that would exceed it
 * gets false and tries again when something was given back, except when nothing is taken: then it
 * gets it, so that one piece larger than the budget runs alone. Never waits. LOCKED. */
typedef struct tsri_budget {
    int64_t limit_bytes;
    int64_t taken_bytes; /* atomic */
    int64_t peak_bytes;  /* atomic: the most that was ever taken, for tests */
} tsri_budget;
bool tsri_budget_take(tsri_budget *budget, int64_t bytes);
void tsri_budget_give(tsri_budget *budget, int64_t bytes);

#endif
