#include "store/fork_mutex.h"

static void before_fork(void *user)
{
    tsri_fork_mutex_lock(user);
}

static void after_fork_in_parent(void *user)
{
    tsri_fork_mutex_unlock(user);
}

static void after_fork_in_child(void *user)
{
    tsri_fork_mutex *mutex = user;
    tsri_fork_mutex_unlock(mutex);
    if (mutex->child)
        mutex->child(mutex->user);
}

void tsri_fork_mutex_init(tsri_fork_mutex *mutex, void (*child)(void *user), void *user)
{
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
#ifdef __GLIBC__
    /* It is held for about as long as it takes to look on, and to sleep takes much longer. */
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ADAPTIVE_NP);
#endif
    pthread_mutex_init(&mutex->mutex, &attributes);
    pthread_mutexattr_destroy(&attributes);
    mutex->child = child;
    mutex->user = user;
    mutex->handler = (tsri_fork_handler){.prepare = before_fork,
                                         .parent = after_fork_in_parent,
                                         .child = after_fork_in_child,
                                         .user = mutex};
    tsri_fork_register(&mutex->handler);
}

void tsri_fork_mutex_clear(tsri_fork_mutex *mutex)
{
    tsri_fork_unregister(&mutex->handler);
    pthread_mutex_destroy(&mutex->mutex);
}
