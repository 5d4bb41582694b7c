/* What pool.c and group.c share: the queue of tasks and those who sleep until there are some. */
#ifndef TESSERA_EXEC_QUEUE_H
#define TESSERA_EXEC_QUEUE_H

#include <pthread.h>

#include "base/context.h"
#include "exec/pool.h"

/* A thread that waits for something to do: a worker, or one that waits for a group. It lies on that
 * thread's stack. */
typedef struct tsri_sleeper {
    pthread_cond_t wake;
    tsri_task_group *group; /* NULL: a worker */
    bool woken;
    struct tsri_sleeper *next, *previous; /* while it sleeps */
} tsri_sleeper;

struct tsri_pool {
    int threads;
    uint64_t last_age; /* atomic */
    uint64_t events; /* atomic, written under the mutex: tasks queued and groups completed so far */
    pthread_mutex_t mutex; /* a leaf: under it nothing else is locked and nobody is called */
    tsri_fork_handler fork_handler;
    /* under the mutex */
    uint64_t generation;       /* how many forks lie behind this process */
    tsri_task_group *youngest; /* of the groups that have queued tasks; linked to older ones */
    tsri_sleeper *sleepers;    /* the last one to fall asleep first: its cache is the warmest */
    int spinners,
        expected; /* workers about to look again; and those that a queued task counts on */
    bool closing;
    int started;
    pthread_t workers[]; /* threads - 1 */
};

/* The functions below expect the pool's lock to be held. */

/* Takes a task for someone who waits for `group`, or for a worker (NULL); NULL when there is
 * nothing to do. */
tsri_task *tsri_queue_take(tsri_pool *pool, tsri_task_group *group);

/* Appends a task to its group and finds someone to run it: a sleeper, or a new worker. */
void tsri_queue_put(tsri_pool *pool, tsri_task *task);
/* Queues a task for the thread that is about to wait for its group, and wakes nobody. */
void tsri_queue_put_own(tsri_pool *pool, tsri_task *task);

/* Wakes somebody for a task that is still queued, on behalf of one who was woken and has no time
 * for it. */
void tsri_queue_pass_on(tsri_pool *pool);

/* Forgets something outstanding of a group; whoever waits for the last wakes up. */
void tsri_queue_finish(tsri_task_group *group);

/* Runs a task without the lock and takes it again. */
void tsri_queue_run(tsri_pool *pool, tsri_task *task);

/* Sleeps, giving up the lock meanwhile, until somebody finds this sleeper or `duration_ns` (-1: for
 * ever) is over. */
void tsri_sleeper_sleep(tsri_pool *pool, tsri_sleeper *sleeper, int64_t duration_ns);

/* Gives up the lock and looks on for a moment, since waking a sleeper takes longer than most gaps
 * between tasks. */
void tsri_queue_spin(tsri_pool *pool);

void tsri_sleeper_init(tsri_sleeper *sleeper, tsri_task_group *group);
void tsri_sleeper_clear(tsri_sleeper *sleeper);

#endif
