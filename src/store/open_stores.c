#include "store/open_stores.h"

#include "base/base.h"
#include "base/context.h"
#include "store/fork_mutex.h"

struct tsri_open_stores {
    tsri_fork_mutex mutex;
    tsr_store *first; /* the one that was opened last */
};

static void stores_destroy(void *part)
{
    tsri_open_stores *self = part;
    tsri_fork_mutex_clear(&self->mutex);
    tsri_free(self);
}

static int stores_create(tsr_context *context, void **ret_part, tsr_error *err)
{
    (void)context;
    tsri_open_stores *self = tsri_alloc_zero(sizeof *self);
    if (!self)
        return tsri_error_no_memory(err, sizeof *self);
    tsri_fork_mutex_init(&self->mutex, NULL, NULL);
    *ret_part = self;
    return 0;
}

int tsri_open_stores_get(tsr_context *context, tsri_open_stores **ret_stores, tsr_error *err)
{
    void *part;
    TSRI_TRY(tsri_context_slot(context, TSRI_SLOT_OPEN_STORES, stores_create, stores_destroy, &part,
                               err));
    *ret_stores = part;
    return 0;
}

void tsri_open_stores_add(tsri_open_stores *self, tsr_store *store)
{
    tsri_fork_mutex_lock(&self->mutex);
    store->listed_in = self;
    store->next = self->first;
    store->link = &self->first;
    if (store->next)
        store->next->link = &store->next;
    self->first = store;
    tsri_fork_mutex_unlock(&self->mutex);
}

void tsri_open_stores_remove(tsr_store *store)
{
    tsri_open_stores *self = store->listed_in;
    if (!self)
        return;
    tsri_fork_mutex_lock(&self->mutex);
    *store->link = store->next;
    if (store->next)
        store->next->link = store->link;
    store->listed_in = NULL;
    tsri_fork_mutex_unlock(&self->mutex);
}

/* Takes a hold unless the last one was given up, since the store is being closed then. */
static bool hold(tsr_store *store)
{
    int references = __atomic_load_n(&store->references, __ATOMIC_RELAXED);
    while (references > 0 &&
           !__atomic_compare_exchange_n(&store->references, &references, references + 1, true,
                                        __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        ;
    return references > 0;
}

tsr_store *tsri_open_stores_next(tsri_open_stores *self, tsr_store *store)
{
    tsri_fork_mutex_lock(&self->mutex);
    tsr_store *next = store ? store->next : self->first;
    while (next && !hold(next))
        next = next->next;
    tsri_fork_mutex_unlock(&self->mutex);
    tsr_store_close(store);
    return next;
}
