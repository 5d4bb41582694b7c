#include "array/claim.h"

#include "base/context.h"

/* Few chunks are written at a time, by different threads: short lists. */
#define BUCKETS 64

typedef struct claims {
    pthread_mutex_t mutex;
    tsri_fork_handler fork;
    tsri_claim *buckets[BUCKETS];
} claims;

static void claims_prepare(void *user)
{
    pthread_mutex_lock(&((claims *)user)->mutex);
}

static void claims_parent(void *user)
{
    pthread_mutex_unlock(&((claims *)user)->mutex);
}

/* The claims are those of tasks that do not go on in the child. */
static void claims_child(void *user)
{
    claims *self = user;
    for (size_t i = 0; i < BUCKETS; i++) {
        for (tsri_claim *claim = self->buckets[i]; claim; claim = claim->next) {
            claim->previous = NULL;
            claim->first_waiting = NULL;
        }
        self->buckets[i] = NULL;
    }
    pthread_mutex_unlock(&self->mutex);
}

static void claims_destroy(void *part)
{
    claims *self = part;
    tsri_fork_unregister(&self->fork);
    pthread_mutex_destroy(&self->mutex);
    tsri_free(self);
}

static int claims_create(tsr_context *context, void **ret_part, tsr_error *err)
{
    (void)context;
    claims *self = tsri_alloc_zero(sizeof *self);
    if (!self)
        return tsri_error_no_memory(err, sizeof *self);
    pthread_mutex_init(&self->mutex, NULL);
    self->fork = (tsri_fork_handler){
        .prepare = claims_prepare, .parent = claims_parent, .child = claims_child, .user = self};
    tsri_fork_register(&self->fork);
    *ret_part = self;
    return 0;
}

static int claims_get(const tsr_store *store, claims **ret_claims, tsr_error *err)
{
    void *part;
    TSRI_TRY(tsri_context_slot(store->context, TSRI_SLOT_CLAIMS, claims_create, claims_destroy,
                               &part, err));
    *ret_claims = part;
    return 0;
}

static tsri_claim **bucket_of(claims *self, const char *key)
{
    uint32_t hash = 2166136261u;
    for (; *key; key++)
        hash = (hash ^ (unsigned char)*key) * 16777619u;
    return &self->buckets[hash % BUCKETS];
}

static tsri_claim *find(tsri_claim **bucket, const tsr_store *store, const char *key)
{
    tsri_claim *claim = *bucket;
    while (claim && (claim->store != store || strcmp(claim->key, key) != 0))
        claim = claim->next;
    return claim;
}

static void insert(tsri_claim **bucket, tsri_claim *claim, const tsr_store *store, const char *key)
{
    *claim = (tsri_claim){.store = store, .key = key, .next = *bucket, .previous = bucket};
    claim->last_waiting = &claim->first_waiting;
    if (*bucket)
        (*bucket)->previous = &claim->next;
    *bucket = claim;
}

static void append(tsri_claim *claim, tsri_order *order)
{
    order->next = NULL;
    *claim->last_waiting = order;
    claim->last_waiting = &order->next;
}

int tsri_claim_take(tsri_claim *claim, const tsr_store *store, const char *key, bool *ret_busy,
                    tsr_error *err)
{
    claims *self;

    TSRI_TRY(claims_get(store, &self, err));
    tsri_claim **bucket = bucket_of(self, key);
    pthread_mutex_lock(&self->mutex);
    *ret_busy = find(bucket, store, key) != NULL;
    if (!*ret_busy)
        insert(bucket, claim, store, key);
    pthread_mutex_unlock(&self->mutex);
    return 0;
}

/* Passes a claim on to the first order that waits for it; NULL when nobody does. */
static tsri_order *pass_on(tsri_claim *claim)
{
    tsri_order *heir = claim->first_waiting;
    if (!heir)
        return NULL;
    heir->claim = *claim;
    heir->claim.key = heir->key;
    heir->claim.first_waiting = heir->next;
    if (!heir->next)
        heir->claim.last_waiting = &heir->claim.first_waiting;
    *heir->claim.previous = &heir->claim;
    if (heir->claim.next)
        heir->claim.next->previous = &heir->claim.next;
    heir->has_claim = true;
    return heir;
}

/* The task may run and the order be gone as soon as it is spawned; its group is held until then. */
static void wake(tsri_order *order)
{
    tsri_task_group *group = order->group;
    tsri_group_spawn(group, order->task, order->run);
    tsri_group_release(group);
}

void tsri_claim_give(tsri_claim *claim)
{
    claims *self;
    tsri_order *heir = NULL;

    if (claims_get(claim->store, &self, NULL) < 0)
        return;
    pthread_mutex_lock(&self->mutex);
    if (claim->previous) {
        heir = pass_on(claim);
        if (!heir) {
            *claim->previous = claim->next;
            if (claim->next)
                claim->next->previous = claim->previous;
        }
    }
    pthread_mutex_unlock(&self->mutex);
    if (heir)
        wake(heir);
}

/* ---- orders ---- */

int tsri_order_take(tsri_order *order, const tsr_store *store, bool *ret_queued, tsr_error *err)
{
    claims *self;

    *ret_queued = false;
    if (order->has_claim) {
        order->has_claim = false;
        return 0;
    }
    TSRI_TRY(claims_get(store, &self, err));
    tsri_claim **bucket = bucket_of(self, order->key);
    tsri_group_hold(order->group);
    pthread_mutex_lock(&self->mutex);
    tsri_claim *other = find(bucket, store, order->key);
    *ret_queued = other != NULL;
    if (other)
        append(other, order);
    else
        insert(bucket, &order->claim, store, order->key);
    pthread_mutex_unlock(&self->mutex);
    if (!other)
        tsri_group_release(order->group);
    return 0;
}

static bool fits(const tsri_order *order, const tsri_order *other)
{
    return !other->single && other->array == order->array &&
           other->target->read->grid == order->target->read->grid &&
           other->options->store_fill_chunks == order->options->store_fill_chunks;
}

tsri_order *tsri_order_collect(tsri_order *order, int most)
{
    claims *self;
    tsri_order *list = NULL, **end = &list;

    if (order->single || claims_get(order->claim.store, &self, NULL) < 0)
        return NULL;
    pthread_mutex_lock(&self->mutex);
    tsri_order **link = &order->claim.first_waiting;
    while (*link) {
        tsri_order *other = *link;
        if (most == 0 || !fits(order, other)) {
            link = &other->next;
            continue;
        }
        *link = other->next;
        other->next = NULL;
        *end = other;
        end = &other->next;
        most--;
    }
    order->claim.last_waiting = link;
    pthread_mutex_unlock(&self->mutex);
    return list;
}

void tsri_order_return(tsri_order *order, tsri_order *list)
{
    claims *self;

    if (!list || claims_get(order->claim.store, &self, NULL) < 0)
        return;
    tsri_order **end = &list;
    while (*end)
        end = &(*end)->next;
    pthread_mutex_lock(&self->mutex);
    if (!order->claim.first_waiting)
        order->claim.last_waiting = end;
    *end = order->claim.first_waiting;
    order->claim.first_waiting = list;
    pthread_mutex_unlock(&self->mutex);
}

int tsri_orders_waiting(const tsr_store *store, const char *key)
{
    claims *self;
    int count = 0;

    if (claims_get(store, &self, NULL) < 0)
        return 0;
    pthread_mutex_lock(&self->mutex);
    const tsri_claim *claim = find(bucket_of(self, key), store, key);
    for (const tsri_order *order = claim ? claim->first_waiting : NULL; order; order = order->next)
        count++;
    pthread_mutex_unlock(&self->mutex);
    return count;
}

void tsri_order_finish(tsri_order *collected, bool done)
{
    collected->done = done;
    collected->single = !done;
    wake(collected);
}
