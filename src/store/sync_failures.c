#include "store/sync_failures.h"

#include <stdio.h>
#include <string.h>

#include "store/fork_mutex.h"

/* More disks than this do not fail in one program. */
#define DEVICES_MAX 16

struct tsri_sync_failures {
    tsri_fork_mutex mutex;
    int count;    /* atomic for readers without the mutex */
    bool crowded; /* there was no room for one more: all count as failed */
    struct {
        dev_t device;
        char text[TSRI_SYNC_FAILURE_TEXT_MAX];
    } entries[DEVICES_MAX];
};

static void failures_destroy(void *part)
{
    tsri_sync_failures *self = part;
    tsri_fork_mutex_clear(&self->mutex);
    tsri_free(self);
}

static int failures_create(tsr_context *context, void **ret_part, tsr_error *err)
{
    (void)context;
    tsri_sync_failures *self = tsri_alloc_zero(sizeof *self);
    if (!self)
        return tsri_error_no_memory(err, sizeof *self);
    tsri_fork_mutex_init(&self->mutex, NULL, NULL);
    *ret_part = self;
    return 0;
}

int tsri_sync_failures_get(tsr_context *context, tsri_sync_failures **ret_failures, tsr_error *err)
{
    void *part;
    TSRI_TRY(tsri_context_slot(context, TSRI_SLOT_SYNC_FAILURES, failures_create, failures_destroy,
                               &part, err));
    *ret_failures = part;
    return 0;
}

/* The position of a device; -1: it has not failed. With the mutex. */
static int position(const tsri_sync_failures *self, dev_t device)
{
    for (int i = 0; i < self->count; i++)
        if (self->entries[i].device == device)
            return i;
    return self->crowded ? 0 : -1;
}

void tsri_sync_failures_add(tsri_sync_failures *self, dev_t device, const char *text)
{
    tsri_fork_mutex_lock(&self->mutex);
    if (position(self, device) < 0 && self->count == DEVICES_MAX) {
        self->crowded = true;
    } else if (position(self, device) < 0) {
        self->entries[self->count].device = device;
        snprintf(self->entries[self->count].text, TSRI_SYNC_FAILURE_TEXT_MAX, "%s", text);
        __atomic_store_n(&self->count, self->count + 1, __ATOMIC_RELEASE);
    }
    tsri_fork_mutex_unlock(&self->mutex);
}

bool tsri_sync_failures_any(const tsri_sync_failures *self)
{
    return __atomic_load_n(&self->count, __ATOMIC_ACQUIRE) > 0;
}

bool tsri_sync_failures_find(tsri_sync_failures *self, dev_t device,
                             char ret_text[TSRI_SYNC_FAILURE_TEXT_MAX])
{
    tsri_fork_mutex_lock(&self->mutex);
    int found = position(self, device);
    if (found >= 0)
        memcpy(ret_text, self->entries[found].text, TSRI_SYNC_FAILURE_TEXT_MAX);
    tsri_fork_mutex_unlock(&self->mutex);
    return found >= 0;
}
