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
        for (tsri_claim *claim = self->buckets[i]; claim; claim = claim->next)
            claim->previous = NULL;
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

int tsri_claim_take(tsri_claim *claim, const tsr_store *store, const char *key, bool *ret_busy,
                    tsr_error *err)
{
    claims *self;

    TSRI_TRY(claims_get(store, &self, err));
    tsri_claim **bucket = bucket_of(self, key);
    *ret_busy = false;
    pthread_mutex_lock(&self->mutex);
    for (tsri_claim *other = *bucket; other && !*ret_busy; other = other->next)
        *ret_busy = other->store == store && strcmp(other->key, key) == 0;
    if (!*ret_busy) {
        *claim = (tsri_claim){store, key, *bucket, bucket};
        if (*bucket)
            (*bucket)->previous = &claim->next;
        *bucket = claim;
    }
    pthread_mutex_unlock(&self->mutex);
    return 0;
}

void tsri_claim_give(tsri_claim *claim)
{
    claims *self;

    if (claims_get(claim->store, &self, NULL) < 0)
        return;
    pthread_mutex_lock(&self->mutex);
    if (claim->previous) {
        *claim->previous = claim->next;
        if (claim->next)
            claim->next->previous = claim->previous;
    }
    pthread_mutex_unlock(&self->mutex);
}
