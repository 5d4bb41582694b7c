#include "store/unsynced.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "store/fork_mutex.h"
#include "store/sync_failures.h"

/* Under the mutex; stays as long as the context. */
struct tsri_unsynced_disk {
    tsri_unsynced_disk *next;
    dev_t device;
    int descriptor;        /* of a folder or file; -1: nothing is unsynced */
    int users;             /* that may be about to leave something, or sync */
    uint64_t left, synced; /* counts what was left; how much of it is on disk */
};

struct tsri_unsynced {
    tsri_fork_mutex mutex;
    const tsr_system *system;
    tsri_sync_failures *failures;
    tsri_unsynced_disk *first;
};

static void unsynced_destroy(void *part)
{
    tsri_unsynced *self = part;
    for (tsri_unsynced_disk *disk = self->first, *next; disk; disk = next) {
        next = disk->next;
        if (disk->descriptor >= 0)
            self->system->close(self->system, disk->descriptor);
        tsri_free(disk);
    }
    tsri_fork_mutex_clear(&self->mutex);
    tsri_free(self);
}

static int unsynced_create(tsr_context *context, void **ret_part, tsr_error *err)
{
    tsri_sync_failures *failures;
    TSRI_TRY(tsri_sync_failures_get(context, &failures, err));
    tsri_unsynced *self = tsri_alloc_zero(sizeof *self);
    if (!self)
        return tsri_error_no_memory(err, sizeof *self);
    self->system = context->system;
    self->failures = failures;
    tsri_fork_mutex_init(&self->mutex, NULL, NULL);
    *ret_part = self;
    return 0;
}

int tsri_unsynced_get(tsr_context *context, tsri_unsynced **ret_unsynced, tsr_error *err)
{
    void *part;
    TSRI_TRY(tsri_context_slot(context, TSRI_SLOT_UNSYNCED, unsynced_create, unsynced_destroy,
                               &part, err));
    *ret_unsynced = part;
    return 0;
}

/* ---- Holding; with the mutex ---- */

static tsri_unsynced_disk *find_or_add(tsri_unsynced *self, dev_t device)
{
    tsri_unsynced_disk *disk = self->first;
    while (disk && disk->device != device)
        disk = disk->next;
    if (disk || !(disk = tsri_alloc_zero(sizeof *disk)))
        return disk;
    disk->device = device;
    disk->descriptor = -1;
    disk->next = self->first;
    self->first = disk;
    return disk;
}

/* Gives up one use. Returns a descriptor that is to be closed, or -1. */
static int end_use(tsri_unsynced_disk *disk)
{
    int descriptor = disk->descriptor;
    if (--disk->users > 0 || disk->left != disk->synced)
        return -1;
    disk->descriptor = -1;
    return descriptor;
}

/* ---- */

static void close_folder(const tsri_unsynced *self, int descriptor)
{
    if (descriptor >= 0)
        self->system->close(self->system, descriptor);
}

static int open_at(const tsri_unsynced *self, int folder, const char *name, int flags)
{
    int opened;
    do {
        opened = self->system->openat(self->system, folder, name, O_RDONLY | O_CLOEXEC | flags, 0);
    } while (opened < 0 && errno == EINTR);
    return opened;
}

static int open_any(const tsri_unsynced *self, int folder, const char *name)
{
    int opened = open_at(self, folder, ".", O_DIRECTORY);
    return opened < 0 && errno == EACCES ? open_at(self, folder, name, O_NOFOLLOW) : opened;
}

int tsri_unsynced_hold(tsri_unsynced *self, dev_t device, int folder, const char *name,
                       tsri_unsynced_disk **ret_disk)
{
    tsri_fork_mutex_lock(&self->mutex);
    tsri_unsynced_disk *disk = find_or_add(self, device);
    bool is_open = disk && disk->descriptor >= 0;
    if (disk)
        disk->users++;
    tsri_fork_mutex_unlock(&self->mutex);
    if (!disk)
        return ENOMEM;
    *ret_disk = disk;
    if (is_open)
        return 0;
    int opened = open_any(self, folder, name);
    int error_number = opened < 0 ? errno : 0;
    tsri_fork_mutex_lock(&self->mutex);
    if (disk->descriptor < 0) {
        disk->descriptor = opened;
        opened = -1;
    }
    bool has_folder = disk->descriptor >= 0;
    if (!has_folder)
        disk->users--;
    tsri_fork_mutex_unlock(&self->mutex);
    close_folder(self, opened);
    return has_folder ? 0 : error_number;
}

void tsri_unsynced_let_go(tsri_unsynced *self, tsri_unsynced_disk *disk, bool was_left)
{
    tsri_fork_mutex_lock(&self->mutex);
    disk->left += was_left;
    int descriptor = end_use(disk);
    tsri_fork_mutex_unlock(&self->mutex);
    close_folder(self, descriptor);
}

/* ---- Syncing ---- */

static int sync_failed(tsri_unsynced *self, dev_t device, int error_number, tsr_error *err)
{
    char text[TSRI_SYNC_FAILURE_TEXT_MAX];
    snprintf(text, sizeof text, "the sync of the file system on device %llu failed before (%s)",
             (unsigned long long)device, strerror(error_number));
    tsri_sync_failures_add(self->failures, device, text);
    int status = tsri_error_errno(err, error_number, "sync", "the file system that was written to");
    tsr_error_set_next_step(err, "nothing more is written to this file system: look at the disk, "
                                 "then start the program again");
    return status;
}

static int sync_disk(tsri_unsynced *self, const tsri_unsynced_disk *disk, tsr_error *err)
{
    char text[TSRI_SYNC_FAILURE_TEXT_MAX];
    int result;
    if (tsri_sync_failures_find(self->failures, disk->device, text))
        return tsr_error_set(err, TSR_IO, "nothing more is acknowledged, since %s", text);
    do {
        result = self->system->syncfs(self->system, disk->descriptor);
    } while (result < 0 && errno == EINTR);
    return result == 0 ? 0 : sync_failed(self, disk->device, errno, err);
}

/* Takes hold of the next disk after `disk` (NULL: of the first one) of which anything is unsynced.
 */
static tsri_unsynced_disk *next_unsynced(tsri_unsynced *self, tsri_unsynced_disk *disk,
                                         const dev_t *only, uint64_t *ret_until)
{
    tsri_fork_mutex_lock(&self->mutex);
    disk = disk ? disk->next : self->first;
    while (disk && (disk->left == disk->synced || (only && disk->device != *only)))
        disk = disk->next;
    if (disk) {
        disk->users++;
        *ret_until = disk->left;
    }
    tsri_fork_mutex_unlock(&self->mutex);
    return disk;
}

static void end_sync(tsri_unsynced *self, tsri_unsynced_disk *disk, uint64_t synced)
{
    tsri_fork_mutex_lock(&self->mutex);
    if (disk->synced < synced)
        disk->synced = synced;
    int descriptor = end_use(disk);
    tsri_fork_mutex_unlock(&self->mutex);
    close_folder(self, descriptor);
}

int tsri_unsynced_sync(tsri_unsynced *self, const dev_t *only, const tsri_watch *watch,
                       tsr_error *err)
{
    uint64_t until;
    int result = 0;
    tsri_unsynced_disk *disk = next_unsynced(self, NULL, only, &until);
    for (; disk; disk = next_unsynced(self, disk, only, &until)) {
        tsr_error *first_err = result == 0 ? err : NULL;
        int status = tsri_watch_check(watch, first_err);
        if (status == 0)
            status = sync_disk(self, disk, first_err);
        end_sync(self, disk, status == 0 ? until : 0);
        if (result == 0)
            result = status;
    }
    return result;
}
