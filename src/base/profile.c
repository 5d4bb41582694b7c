#include "base/profile.h"

/* A power of two; threads of a process rarely are more. */
#define BUCKETS 64

typedef struct meter {
    struct meter *next;
    pthread_t thread;
    tsri_phase phase;
    int64_t since_ns;
    tsr_profile sums; /* read by others: every word is atomic */
} meter;

struct tsri_profile {
    const tsr_system *system;
    meter *buckets[BUCKETS]; /* atomic; meters are put in front and stay. The id of a thread that
                                has ended comes back, and its meter is used again */
};

_Static_assert(offsetof(tsr_profile, sync_ns) == TSRI_PHASE_SYNC * sizeof(int64_t),
               "phases are the first fields of tsr_profile, in order");
_Static_assert(sizeof(tsr_profile) % sizeof(int64_t) == 0, "a profile is words of 64 bits");

int tsri_profile_new(const tsr_system *system, tsri_profile **ret_profile, tsr_error *err)
{
    tsri_profile *profile = tsri_alloc_zero(sizeof *profile);
    if (!profile)
        return tsri_error_no_memory(err, sizeof *profile);
    profile->system = system;
    *ret_profile = profile;
    return 0;
}

void tsri_profile_free(tsri_profile *profile)
{
    for (size_t i = 0; profile && i < BUCKETS; i++) {
        for (meter *at = profile->buckets[i], *next; at; at = next) {
            next = at->next;
            tsri_free(at);
        }
    }
    tsri_free(profile);
}

/* Ids are addresses of the threads' descriptors, which lie at the ends of large mappings. */
static meter **bucket_of(tsri_profile *profile, pthread_t thread)
{
    uint64_t id = 0;
    memcpy(&id, &thread, TSRI_MIN(sizeof id, sizeof thread));
    return &profile->buckets[(id * UINT64_C(0x9e3779b97f4a7c15)) >> 58];
}

static meter *add_meter(meter **bucket, pthread_t thread)
{
    meter *made = tsri_alloc_zero(sizeof *made);
    if (!made)
        return NULL;
    made->thread = thread;
    made->phase = TSRI_PHASE_OUTSIDE;
    made->next = __atomic_load_n(bucket, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(bucket, &made->next, made, true, __ATOMIC_RELEASE,
                                        __ATOMIC_RELAXED))
        ;
    return made;
}

/* The meter of the calling thread, made at first use; NULL when there is no memory. */
static meter *own_meter(tsri_profile *profile)
{
    pthread_t thread = pthread_self();
    meter **bucket = bucket_of(profile, thread);
    meter *at = __atomic_load_n(bucket, __ATOMIC_ACQUIRE);
    while (at && !pthread_equal(at->thread, thread))
        at = at->next;
    return at ? at : add_meter(bucket, thread);
}

static int64_t *word_at(tsr_profile *sums, size_t offset)
{
    return (int64_t *)((char *)sums + offset);
}

/* For one writer and any readers. */
static void add(int64_t *word, int64_t amount)
{
    __atomic_store_n(word, *word + amount, __ATOMIC_RELAXED);
}

tsri_phase tsri_profile_switch(tsri_profile *profile, tsri_phase phase)
{
    meter *self = own_meter(profile);
    if (!self)
        return TSRI_PHASE_OUTSIDE;
    tsri_phase before = self->phase;
    if (phase == before)
        return before;
    int64_t now_ns = profile->system->monotonic_ns(profile->system);
    if (before != TSRI_PHASE_OUTSIDE)
        add(word_at(&self->sums, before * sizeof(int64_t)), now_ns - self->since_ns);
    self->phase = phase;
    self->since_ns = now_ns;
    return before;
}

void tsri_profile_add(tsri_profile *profile, size_t offset, int64_t amount)
{
    meter *self = own_meter(profile);
    if (self)
        add(word_at(&self->sums, offset), amount);
}

void tsri_profile_after_fork(tsri_profile *profile)
{
    pthread_t thread = pthread_self();
    for (size_t i = 0; i < BUCKETS; i++)
        for (meter *at = profile->buckets[i]; at; at = at->next)
            if (!pthread_equal(at->thread, thread))
                at->phase = TSRI_PHASE_OUTSIDE;
}

void tsr_context_profile(const tsr_context *context, tsr_profile *ret_profile)
{
    *ret_profile = (tsr_profile){0};
    for (size_t i = 0; context->profile && i < BUCKETS; i++) {
        meter *at = __atomic_load_n(&context->profile->buckets[i], __ATOMIC_ACQUIRE);
        for (; at; at = at->next)
            for (size_t offset = 0; offset < sizeof at->sums; offset += sizeof(int64_t))
                *word_at(ret_profile, offset) +=
                    __atomic_load_n(word_at(&at->sums, offset), __ATOMIC_RELAXED);
    }
}
