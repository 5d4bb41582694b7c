/* Puts that are published together.
 *
 * A file that is synced by itself costs a barrier of the disk each time, and another for its entry
 * in the journal. So a put that may wait for the flush leaves its new value in the lock file,
 * locked and on its way to the disk, and the flush (or the put that fills the group) brings all of
 * them to the disk first and renames them then: the first sync commits what the others need of the
 * journal.
 *
 * Meanwhile everybody sees the old value, this process too. What changes a key in another way has
 * it published first.
 *
 * All stores of a context have one group. That is what keeps two processes from waiting for each
 * other, each with values that are not published: nobody waits for a lock before the group of its
 * context is published, and while somebody waits nothing stays in it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>

#include "store/store_fs.h"

/* From here on a larger group costs less by nothing that can be measured. Each put has two
 * descriptors, and locks that others may wait for. */
#define PUTS_MAX 64
#define DESCRIPTORS_PART 16
#define BYTES_MAX (UINT64_C(256) << 20)
#define AGE_NS_MAX INT64_C(1000000000)

typedef struct tsri_fs_delayed {
    struct tsri_fs_delayed *next;
    tsri_fs *fs;
    tsri_fs_lock *lock; /* owned by whoever is last: this, or the caller that has taken it */
    bool caller_holds;  /* under the mutex of the group; all else is the publisher's */
    tsr_generation current;
    bool if_absent;
    bool exists, is_merged; /* the new value was made of the one that is there, `current` */
    int status;
} delayed;

struct tsri_fs_group {
    tsri_fork_mutex mutex;
    pthread_cond_t published;
    const tsr_system *system;
    int puts_max;
    /* Under the mutex. */
    delayed *first, **end;
    int count;
    uint64_t size_bytes;
    int64_t begun_ns; /* when the first one of them was put */
    bool publishing;  /* by one thread at a time */
    int waiting;      /* threads that wait for a lock */
};

/* ---- of the context ---- */

static void start_over(tsri_fs_group *self)
{
    self->first = NULL;
    self->end = &self->first;
    self->count = 0;
    self->size_bytes = 0;
}

/* The parent publishes; the threads that were at it or waited are the parent's, too. What the
 * stores hold of it is let go of by tsri_fs_lock_abandon_all. */
static void after_fork_in_child(void *user)
{
    tsri_fs_group *self = user;
    pthread_cond_init(&self->published, NULL);
    start_over(self);
    self->publishing = false;
    self->waiting = 0;
}

static void group_destroy(void *part)
{
    tsri_fs_group *self = part;
    tsri_fork_mutex_clear(&self->mutex);
    pthread_cond_destroy(&self->published);
    tsri_free(self);
}

static int group_create(tsr_context *context, void **ret_part, tsr_error *err)
{
    struct rlimit files;
    tsri_fs_group *self = tsri_alloc_zero(sizeof *self);
    if (!self)
        return tsri_error_no_memory(err, sizeof *self);
    self->system = context->system;
    self->puts_max = PUTS_MAX;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur / DESCRIPTORS_PART < PUTS_MAX)
        self->puts_max = (int)(files.rlim_cur / DESCRIPTORS_PART);
    start_over(self);
    pthread_cond_init(&self->published, NULL);
    tsri_fork_mutex_init(&self->mutex, after_fork_in_child, self);
    *ret_part = self;
    return 0;
}

int tsri_fs_group_get(tsr_context *context, tsri_fs_group **ret_group, tsr_error *err)
{
    void *part;
    TSRI_TRY(
        tsri_context_slot(context, TSRI_SLOT_FS_GROUP, group_create, group_destroy, &part, err));
    *ret_group = part;
    return 0;
}

/* ---- publishing ---- */

static int changed_meanwhile(const delayed *put, tsr_error *err)
{
    tsr_error_set(err, TSR_CONFLICT,
                  "%s/%s was changed by a program that takes no locks, while its new value was "
                  "written",
                  put->fs->root, put->lock->key);
    tsr_error_set_next_step(err, "write again");
    return TSR_CONFLICT;
}

/* What the new value was made of must be there still. */
static int check_merged(const delayed *put, tsr_error *err)
{
    struct stat status;
    int result = tsri_fs_place_stat(put->fs, &put->lock->place, &status);
    if (result < 0 && errno != ENOENT)
        return tsri_fs_error(put->fs, err, errno, "look at", put->lock->key);
    if ((result == 0) != put->exists)
        return changed_meanwhile(put, err);
    tsr_generation now = result == 0 ? tsri_fs_generation(&status) : put->current;
    return put->exists && !tsr_generation_equal(&now, &put->current) ? changed_meanwhile(put, err)
                                                                     : 0;
}

static int show(const delayed *put, tsr_error *err)
{
    tsri_fs *fs = put->fs;
    const tsri_watch patience = tsri_watch_start(fs->head.context, NULL);
    if (put->is_merged || put->if_absent)
        TSRI_TRY(check_merged(put, err));
    int error_number = tsri_fs_lock_publish(fs, put->lock, put->if_absent);
    if (error_number == EEXIST && put->if_absent)
        return changed_meanwhile(put, err);
    if (error_number == ENOENT)
        return tsri_fs_lock_gone(fs, put->lock->key, err);
    if (error_number)
        return tsri_fs_error(fs, err, error_number, "rename the new value to", put->lock->key);
    return tsri_fs_sync_entry(fs, put->lock->place.folder, TSR_DURABILITY_FLUSH, &patience, err);
}

/* Keeps the failure for the operation that the put belongs to. */
static int note(const delayed *put, int status, const tsr_error *failure)
{
    if (status < 0) {
        tsri_fork_mutex_lock(&put->fs->mutex);
        put->fs->late_failure = *failure;
        tsri_fork_mutex_unlock(&put->fs->mutex);
        __atomic_add_fetch(&put->fs->head.late_failures, 1, __ATOMIC_RELEASE);
    }
    return status;
}

static void sync_one(delayed *put)
{
    tsr_error failure = TSR_ERROR_INIT;
    int status = tsri_fs_sync_check(put->fs, &failure);
    if (status == 0)
        status = tsri_fs_sync_file(put->fs, put->lock->descriptor, put->lock->key, &failure);
    put->status = note(put, status, &failure);
}

/* Renames the file of a put that is on disk, and lets go of its lock in any case. */
static void show_one(delayed *put)
{
    tsr_error failure = TSR_ERROR_INIT;
    if (put->status == 0)
        put->status = note(put, show(put, &failure), &failure);
    int status = tsri_fs_lock_release(put->fs, put->lock, &failure);
    if (put->status == 0)
        note(put, status, &failure);
}

static void finish(tsri_fs_group *self, delayed *put)
{
    tsri_fork_mutex_lock(&self->mutex);
    put->lock->delayed = NULL;
    bool free_lock = !put->caller_holds;
    tsri_fork_mutex_unlock(&self->mutex);
    if (free_lock)
        tsri_free(put->lock);
    tsri_free(put);
}

bool tsri_fs_group_publish(tsri_fs_group *self)
{
    tsri_fork_mutex_lock(&self->mutex);
    bool waited = self->publishing;
    while (self->publishing)
        pthread_cond_wait(&self->published, &self->mutex.mutex);
    delayed *puts = self->first;
    start_over(self);
    self->publishing = puts != NULL;
    tsri_fork_mutex_unlock(&self->mutex);
    if (!puts)
        return waited;
    for (delayed *put = puts; put; put = put->next)
        sync_one(put);
    for (delayed *put = puts; put; put = put->next)
        show_one(put);
    while (puts) {
        delayed *put = puts;
        puts = put->next;
        finish(self, put);
    }
    tsri_fork_mutex_lock(&self->mutex);
    self->publishing = false;
    pthread_cond_broadcast(&self->published);
    tsri_fork_mutex_unlock(&self->mutex);
    return true;
}

void tsri_fs_group_publish_key(tsri_fs *fs, const char *key)
{
    tsri_fs_group *self = fs->group;
    tsri_fork_mutex_lock(&self->mutex);
    bool waits = self->publishing;
    for (const delayed *put = self->first; put && !waits; put = put->next)
        waits = put->fs == fs && strcmp(put->lock->key, key) == 0;
    tsri_fork_mutex_unlock(&self->mutex);
    if (waits)
        tsri_fs_group_publish(self);
}

/* ---- what is put and waits ---- */

bool tsri_fs_group_add(tsri_fs *fs, tsri_fs_lock *lock, const tsri_fs_late_put *late)
{
    tsri_fs_group *self = fs->group;
    delayed *put = tsri_alloc(sizeof *put);
    if (!put)
        return false;
    *put = (delayed){.fs = fs,
                     .lock = lock,
                     .caller_holds = late->caller_holds,
                     .if_absent = late->if_absent,
                     .exists = late->exists,
                     .is_merged = late->is_merged,
                     .current = late->current};
    self->system->sync_file_range(self->system, lock->descriptor, 0, 0, SYNC_FILE_RANGE_WRITE);
    int64_t now_ns = self->system->monotonic_ns(self->system);
    tsri_fork_mutex_lock(&self->mutex);
    lock->delayed = put;
    *self->end = put;
    self->end = &put->next;
    if (self->count++ == 0)
        self->begun_ns = now_ns;
    self->size_bytes += late->size_bytes;
    bool is_full = self->waiting > 0 || self->count >= self->puts_max ||
                   self->size_bytes >= BYTES_MAX || now_ns - self->begun_ns >= AGE_NS_MAX;
    tsri_fork_mutex_unlock(&self->mutex);
    if (is_full)
        tsri_fs_group_publish(self);
    return true;
}

bool tsri_fs_group_keeps(tsri_fs_group *self, tsri_fs_lock *lock)
{
    tsri_fork_mutex_lock(&self->mutex);
    bool keeps = lock->delayed != NULL;
    if (keeps)
        lock->delayed->caller_holds = false;
    tsri_fork_mutex_unlock(&self->mutex);
    return keeps;
}

void tsri_fs_group_wait_begin(tsri_fs_group *self)
{
    tsri_fork_mutex_lock(&self->mutex);
    self->waiting++;
    tsri_fork_mutex_unlock(&self->mutex);
    tsri_fs_group_publish(self);
}

void tsri_fs_group_wait_end(tsri_fs_group *self)
{
    tsri_fork_mutex_lock(&self->mutex);
    self->waiting -= self->waiting > 0; /* a fork may have forgotten it */
    tsri_fork_mutex_unlock(&self->mutex);
}

void tsri_fs_group_abandon(tsri_fs *fs, tsri_fs_lock *lock)
{
    delayed *put = lock->delayed;
    lock->delayed = NULL;
    if (!put)
        return;
    if (!put->caller_holds) {
        tsri_fs_place_close(fs, &lock->place);
        tsri_free(lock);
    }
    tsri_free(put);
}

int tsri_fs_late_failure(tsr_store *store, tsr_error *err)
{
    tsri_fs *fs = (tsri_fs *)store;
    tsri_fork_mutex_lock(&fs->mutex);
    int status = fs->late_failure.status;
    if (err)
        *err = fs->late_failure;
    tsri_fork_mutex_unlock(&fs->mutex);
    return status;
}
