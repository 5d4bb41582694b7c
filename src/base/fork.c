/* One of the library's globals: the list of those that must take part in a fork. */
#include <pthread.h>

#include "base/context.h"

static pthread_mutex_t list_mutex = PTHREAD_MUTEX_INITIALIZER;
static tsri_fork_handler *first, *last;
static pthread_once_t installed = PTHREAD_ONCE_INIT;

static void before_fork(void)
{
    pthread_mutex_lock(&list_mutex);
    for (tsri_fork_handler *handler = first; handler; handler = handler->next)
        if (handler->prepare)
            handler->prepare(handler->user);
}

/* Locks are given back in the reverse order. The child runs in a copy of the thread that took them,
 * so it may. */
static void after_fork_in_parent(void)
{
    for (tsri_fork_handler *handler = last; handler; handler = handler->previous)
        if (handler->parent)
            handler->parent(handler->user);
    pthread_mutex_unlock(&list_mutex);
}

static void after_fork_in_child(void)
{
    for (tsri_fork_handler *handler = last; handler; handler = handler->previous)
        if (handler->child)
            handler->child(handler->user);
    pthread_mutex_unlock(&list_mutex);
}

static void install(void)
{
    /* When this fails for lack of memory, only programs that fork while other threads work would
     * notice. */
    pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

void tsri_fork_register(tsri_fork_handler *handler)
{
    pthread_once(&installed, install);
    pthread_mutex_lock(&list_mutex);
    handler->next = NULL;
    handler->previous = last;
    *(last ? &last->next : &first) = handler;
    last = handler;
    pthread_mutex_unlock(&list_mutex);
}

void tsri_fork_unregister(tsri_fork_handler *handler)
{
    pthread_mutex_lock(&list_mutex);
    *(handler->previous ? &handler->previous->next : &first) = handler->next;
    *(handler->next ? &handler->next->previous : &last) = handler->previous;
    pthread_mutex_unlock(&list_mutex);
}
