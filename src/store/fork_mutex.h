/* A short mutex, for which threads look on for a moment before they sleep, and which a fork cannot
 * catch in a locked state: before a fork it is taken, afterwards it is given back on both sides.
 * Never held over I/O or callbacks. LOCKED. */
#ifndef TESSERA_STORE_FORK_MUTEX_H
#define TESSERA_STORE_FORK_MUTEX_H

#include <pthread.h>

#include "base/base.h"
#include "base/context.h"

typedef struct tsri_fork_mutex {
    pthread_mutex_t mutex;
    tsri_fork_handler handler;
    void (*child)(
        void *user); /* runs in a forked child, alone and with the mutex free; NULL: nothing */
    void *user;
} tsri_fork_mutex;

/* Must not move in memory until tsri_fork_mutex_clear. Never fails. */
void tsri_fork_mutex_init(tsri_fork_mutex *mutex, void (*child)(void *user), void *user);
void tsri_fork_mutex_clear(tsri_fork_mutex *mutex);

static inline void tsri_fork_mutex_lock(tsri_fork_mutex *mutex)
{
    pthread_mutex_lock(&mutex->mutex);
}

static inline void tsri_fork_mutex_unlock(tsri_fork_mutex *mutex)
{
    pthread_mutex_unlock(&mutex->mutex);
}

#endif
