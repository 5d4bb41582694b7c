/* What must reach the disk and when.
 *
 * The bytes of a value are synced before its name shows up. Its entry in the folder, and the
 * entries of folders that were made, follow when a put asks for TSR_DURABILITY_CHUNK or at the
 * flush, each folder once. A folder that this store meets for the first time may have been made by
 * anybody a moment ago, so the folder above it counts as changed, too, up to the top of the file
 * system.
 *
 * After a failed sync the kernel has dropped the pages and calls them clean, so trying again would
 * succeed and mean nothing: no store of the context acknowledges anything more on that file system
 * (sync_failures.h). */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>

#include "store/store_fs.h"

struct tsri_fs_folder {
    tsri_fs_folder *next;
    uint64_t changed; /* sequence of the last change; 0: on disk */
    char path[];
};

/* Beyond this many folders what is known of clean ones is forgotten, which costs a sync later, and
 * changed ones are synced before the flush. */
#define FOLDERS_MAX 1024

/* ---- Failures ---- */

static int acknowledge_nothing(tsri_fs *fs, tsr_error *err)
{
    tsri_fork_mutex_lock(&fs->mutex);
    tsr_error_set(err, TSR_IO, "%s: nothing more is written here, since %s", fs->root,
                  fs->sync_failure);
    tsri_fork_mutex_unlock(&fs->mutex);
    tsr_error_set_next_step(err, "look at the system's log and at the disk, check what was "
                                 "written last, then start the program again");
    return TSR_IO;
}

/* The device of the root, or of the folder that it will be made in. False when it cannot be told.
 */
static bool find_device(const tsri_fs *fs, dev_t *ret_device)
{
    char path[PATH_MAX];
    struct stat status;
    size_t size = strlen(fs->root);
    if (size >= sizeof path)
        return false;
    memcpy(path, fs->root, size + 1);
    while (fs->system->fstatat(fs->system, fs->base, path, &status, 0) < 0) {
        char *slash = strrchr(path, '/');
        if (strcmp(path, "/") == 0 || strcmp(path, ".") == 0)
            return false;
        if (slash && slash > path)
            *slash = 0;
        else
            strcpy(path, slash ? "/" : ".");
    }
    *ret_device = status.st_dev;
    return true;
}

/* Takes over the failure; the first one stays. */
static void remember_failure(tsri_fs *fs, const char *text)
{
    tsri_fork_mutex_lock(&fs->mutex);
    if (!fs->sync_failed)
        snprintf(fs->sync_failure, sizeof fs->sync_failure, "%s", text);
    __atomic_store_n(&fs->sync_failed, true, __ATOMIC_RELEASE);
    tsri_fork_mutex_unlock(&fs->mutex);
}

int tsri_fs_sync_check(tsri_fs *fs, tsr_error *err)
{
    char text[TSRI_SYNC_FAILURE_TEXT_MAX];
    dev_t device;
    if (!__atomic_load_n(&fs->sync_failed, __ATOMIC_ACQUIRE)) {
        if (!tsri_sync_failures_any(fs->failures) || !find_device(fs, &device) ||
            !tsri_sync_failures_find(fs->failures, device, text))
            return 0;
        remember_failure(fs, text);
    }
    return acknowledge_nothing(fs, err);
}

/* Remembers the first failure for all that come later, here and in other stores. */
static int sync_failed(tsri_fs *fs, const char *path, int error_number, tsr_error *err)
{
    char text[TSRI_SYNC_FAILURE_TEXT_MAX];
    dev_t device;
    snprintf(text, sizeof text, "the sync of %.200s%s%.200s failed before (%s)", fs->root,
             *path ? "/" : "", path, strerror(error_number));
    remember_failure(fs, text);
    if (find_device(fs, &device))
        tsri_sync_failures_add(fs->failures, device, text);
    int status = tsri_fs_error(fs, err, error_number, "sync", path);
    tsr_error_set_next_step(err,
                            "nothing more is written to this file system: look at the disk, then "
                            "start the program again");
    return status;
}

static int sync_again(const tsri_fs *fs, int descriptor,
                      int (*bring_to_disk)(const tsr_system *system, int descriptor))
{
    int result;
    do {
        result = bring_to_disk(fs->system, descriptor);
    } while (result < 0 && errno == EINTR);
    return result;
}

int tsri_fs_sync_file(tsri_fs *fs, int descriptor, const char *key, tsr_error *err)
{
    if (sync_again(fs, descriptor, fs->system->fdatasync) == 0)
        return 0;
    /* A full disk loses only this value, which is not acknowledged. */
    if (errno == ENOSPC || errno == EDQUOT)
        return tsri_fs_error(fs, err, errno, "sync", key);
    return sync_failed(fs, key, errno, err);
}

/* Some file systems have no sync of folders, and then none is needed or possible. */
int tsri_fs_sync_directory(tsri_fs *fs, int directory, const char *path, tsr_error *err)
{
    if (sync_again(fs, directory, fs->system->fsync) == 0 || errno == EINVAL || errno == ENOTSUP ||
        errno == EROFS)
        return 0;
    return sync_failed(fs, path, errno, err);
}

static int sync_descriptor(tsri_fs *fs, int descriptor, const char *path, tsr_error *err)
{
    int status = tsri_fs_sync_directory(fs, descriptor, path, err);
    tsri_fs_close(fs, descriptor);
    return status;
}

static int sync_folder(tsri_fs *fs, const char *folder, tsr_error *err)
{
    int descriptor = tsri_fs_open_directory(fs, folder, O_RDONLY);
    if (descriptor >= 0)
        return sync_descriptor(fs, descriptor, folder, err);
    /* What was removed meanwhile is a change of the folder above. */
    if (errno == ENOENT || errno == ENOTDIR)
        return 0;
    return tsri_fs_error(fs, err, errno, "open", folder);
}

/* ---- Which folders have changed; under the mutex ---- */

static size_t bucket_of(const char *path, size_t size)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ (unsigned char)path[i]) * UINT64_C(0x100000001b3);
    return (hash ^ hash >> 32) % TSRI_FS_FOLDER_BUCKETS;
}

static tsri_fs_folder *find_folder(const tsri_fs *fs, const char *path, size_t size)
{
    tsri_fs_folder *folder = fs->folders[bucket_of(path, size)];
    while (folder && (strncmp(folder->path, path, size) != 0 || folder->path[size]))
        folder = folder->next;
    return folder;
}

static void drop_folders(tsri_fs *fs, bool (*drop)(const tsri_fs_folder *folder, const char *path),
                         const char *path)
{
    for (size_t bucket = 0; bucket < TSRI_FS_FOLDER_BUCKETS; bucket++) {
        for (tsri_fs_folder **link = &fs->folders[bucket]; *link;) {
            tsri_fs_folder *folder = *link;
            if (!drop(folder, path)) {
                link = &folder->next;
                continue;
            }
            *link = folder->next;
            tsri_free(folder);
            fs->folder_count--;
        }
    }
}

static bool is_clean(const tsri_fs_folder *folder, const char *path)
{
    (void)path;
    return folder->changed == 0;
}

static bool is_below(const tsri_fs_folder *folder, const char *path)
{
    size_t size = strlen(path);
    return size == 0 || (strncmp(folder->path, path, size) == 0 &&
                         (folder->path[size] == 0 || folder->path[size] == '/'));
}

static bool is_any(const tsri_fs_folder *folder, const char *path)
{
    (void)folder;
    (void)path;
    return true;
}

static tsri_fs_folder *add_folder(tsri_fs *fs, const char *path, size_t size)
{
    if (fs->folder_count >= FOLDERS_MAX)
        drop_folders(fs, is_clean, NULL);
    tsri_fs_folder *folder = tsri_alloc_zero(sizeof *folder + size + 1);
    if (!folder)
        return NULL;
    memcpy(folder->path, path, size);
    tsri_fs_folder **bucket = &fs->folders[bucket_of(path, size)];
    folder->next = *bucket;
    *bucket = folder;
    fs->folder_count++;
    return folder;
}

/* The length of the path of the folder above; the root has the length 0. */
static size_t above(const char *path, size_t size)
{
    while (size > 0 && path[--size] != '/')
        ;
    return size;
}

static bool note(tsri_fs *fs, const char *path, size_t size)
{
    for (;; size = above(path, size)) {
        tsri_fs_folder *folder = find_folder(fs, path, size);
        bool known = folder != NULL;
        if (!known && !(folder = add_folder(fs, path, size)))
            return false;
        folder->changed = ++fs->sequence;
        if (known)
            return true;
        if (size == 0) {
            fs->root_changed = ++fs->sequence;
            return true;
        }
    }
}

bool tsri_fs_sync_note_made(tsri_fs *fs, const char *folder)
{
    tsri_fork_mutex_lock(&fs->mutex);
    bool noted = note(fs, folder, above(folder, strlen(folder)));
    tsri_fork_mutex_unlock(&fs->mutex);
    return noted;
}

void tsri_fs_sync_note_root(tsri_fs *fs)
{
    tsri_fork_mutex_lock(&fs->mutex);
    fs->root_changed = ++fs->sequence;
    tsri_fork_mutex_unlock(&fs->mutex);
}

void tsri_fs_sync_forget(tsri_fs *fs, const char *folder)
{
    tsri_fork_mutex_lock(&fs->mutex);
    drop_folders(fs, is_below, folder);
    tsri_fork_mutex_unlock(&fs->mutex);
}

void tsri_fs_sync_clear(tsri_fs *fs)
{
    drop_folders(fs, is_any, NULL);
}

/* ---- Syncing ---- */

/* Opens the folder that holds the root, which may be gone. -1 with errno. */
static int open_parent(const tsri_fs *fs)
{
    char path[PATH_MAX];
    size_t size = strlen(fs->root);
    const char *last = strrchr(fs->root, '/');
    last = last ? last + 1 : fs->root;
    bool is_named = last[0] && strcmp(last, ".") != 0 && strcmp(last, "..") != 0;
    if (size + sizeof "/.." > sizeof path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    if (is_named)
        snprintf(path, sizeof path, "%.*s.", (int)(last - fs->root), fs->root);
    else
        snprintf(path, sizeof path, "%s/..", fs->root);
    return tsri_fs_openat(fs, fs->base, path, O_PATH | O_DIRECTORY);
}

/* Syncs an open folder. One that may not be read was made by another user, who answers for it. */
static int sync_opened(tsri_fs *fs, int folder, tsr_error *err)
{
    int descriptor = tsri_fs_openat(fs, folder, ".", O_RDONLY | O_DIRECTORY);
    if (descriptor >= 0)
        return sync_descriptor(fs, descriptor, "..", err);
    return errno == EMFILE || errno == ENFILE
               ? tsri_fs_error(fs, err, errno, "open a folder above", "")
               : 0;
}

/* Takes the step to the folder above. False at the top of the file system. */
static bool climb(const tsri_fs *fs, int *folder)
{
    struct stat here, above;
    const tsr_system *system = fs->system;
    int next = tsri_fs_openat(fs, *folder, "..", O_PATH | O_DIRECTORY);
    if (next < 0)
        return false;
    bool is_higher = system->fstat(system, *folder, &here) == 0 &&
                     system->fstat(system, next, &above) == 0 && here.st_dev == above.st_dev &&
                     here.st_ino != above.st_ino;
    tsri_fs_close(fs, *folder);
    *folder = next;
    return is_higher;
}

/* The folders on the way to the root, once: whoever has made them, it may have been a moment ago,
 * and nobody else vouches for their entries. */
static int sync_above_root(tsri_fs *fs, tsr_error *err)
{
    tsri_fork_mutex_lock(&fs->mutex);
    uint64_t changed = fs->root_changed;
    tsri_fork_mutex_unlock(&fs->mutex);
    if (!changed)
        return 0;
    int folder = open_parent(fs), status = 0;
    if (folder < 0 && (errno == EMFILE || errno == ENFILE))
        return tsri_fs_error(fs, err, errno, "open the folder of", "");
    if (folder >= 0) {
        do {
            status = sync_opened(fs, folder, err);
        } while (status == 0 && climb(fs, &folder));
        tsri_fs_close(fs, folder);
    }
    TSRI_TRY(status);
    tsri_fork_mutex_lock(&fs->mutex);
    if (fs->root_changed == changed)
        fs->root_changed = 0;
    tsri_fork_mutex_unlock(&fs->mutex);
    return 0;
}

/* Syncs one folder unless it is on disk, and says so unless it changed meanwhile. */
static int sync_changed(tsri_fs *fs, const char *path, tsr_error *err)
{
    size_t size = strlen(path);
    tsri_fork_mutex_lock(&fs->mutex);
    const tsri_fs_folder *before = find_folder(fs, path, size);
    bool known = before != NULL;
    uint64_t changed = before ? before->changed : 0;
    tsri_fork_mutex_unlock(&fs->mutex);
    if (known && changed == 0)
        return 0;
    TSRI_TRY(sync_folder(fs, path, err));
    tsri_fork_mutex_lock(&fs->mutex);
    tsri_fs_folder *after = find_folder(fs, path, size);
    if (after && after->changed == changed)
        after->changed = 0;
    tsri_fork_mutex_unlock(&fs->mutex);
    return 0;
}

/* Syncs a folder and those above it, as far as they have changed. */
static int sync_chain(tsri_fs *fs, const char *folder, tsr_error *err)
{
    char path[TSRI_KEY_BYTES_MAX + 1];
    size_t size = strlen(folder);
    memcpy(path, folder, size + 1);
    for (;;) {
        TSRI_TRY(sync_changed(fs, path, err));
        if (size == 0)
            return sync_above_root(fs, err);
        size = above(path, size);
        path[size] = 0;
    }
}

/* Finds a folder of a bucket that had changed by the time of the flush. */
static bool next_changed(tsri_fs *fs, size_t bucket, uint64_t until,
                         char ret_path[TSRI_KEY_BYTES_MAX + 1])
{
    tsri_fork_mutex_lock(&fs->mutex);
    const tsri_fs_folder *folder = fs->folders[bucket];
    while (folder && (folder->changed == 0 || folder->changed > until))
        folder = folder->next;
    if (folder)
        strcpy(ret_path, folder->path);
    tsri_fork_mutex_unlock(&fs->mutex);
    return folder != NULL;
}

static int sync_all(tsri_fs *fs, const tsri_watch *watch, tsr_error *err)
{
    tsri_fork_mutex_lock(&fs->mutex);
    uint64_t until = fs->sequence;
    tsri_fork_mutex_unlock(&fs->mutex);
    for (size_t bucket = 0; bucket < TSRI_FS_FOLDER_BUCKETS; bucket++) {
        char path[TSRI_KEY_BYTES_MAX + 1];
        while (next_changed(fs, bucket, until, path)) {
            TSRI_TRY(tsri_watch_check(watch, err));
            TSRI_TRY(sync_changed(fs, path, err));
        }
    }
    TSRI_TRY(sync_above_root(fs, err));
    return tsri_fs_sync_check(fs, err);
}

int tsri_fs_sync_entry(tsri_fs *fs, const char *folder, tsr_durability durability,
                       const tsri_watch *watch, tsr_error *err)
{
    TSRI_TRY(tsri_fs_root_check(fs, watch, err));
    if (durability == TSR_DURABILITY_NONE)
        return 0;
    tsri_fork_mutex_lock(&fs->mutex);
    bool noted = note(fs, folder, strlen(folder));
    bool crowded = fs->folder_count > FOLDERS_MAX;
    tsri_fork_mutex_unlock(&fs->mutex);
    if (!noted || durability == TSR_DURABILITY_CHUNK)
        return sync_chain(fs, folder, err);
    return crowded ? sync_all(fs, watch, err) : 0;
}

int tsri_fs_sync_whole(tsri_fs *fs, int folder, tsr_error *err)
{
    return sync_again(fs, folder, fs->system->syncfs) == 0 ? 0 : sync_failed(fs, "", errno, err);
}

/* ---- What was left to the system ---- */

void tsri_fs_sync_note_left(tsri_fs *fs, dev_t device)
{
    int i = 0;
    tsri_fork_mutex_lock(&fs->mutex);
    while (i < fs->left_disks && i < TSRI_FS_LEFT_DISKS_MAX && fs->left_on[i] != device)
        i++;
    if (i < TSRI_FS_LEFT_DISKS_MAX)
        fs->left_on[i] = device;
    fs->left_disks = TSRI_MAX(fs->left_disks, i + 1);
    tsri_fork_mutex_unlock(&fs->mutex);
    __atomic_add_fetch(&fs->left, 1, __ATOMIC_RELEASE);
}

/* A sync that fails is final for this store, also where it was not that of the root's disk. */
static int sync_disk(tsri_fs *fs, const dev_t *device, const tsri_watch *watch, tsr_error *err)
{
    char text[TSRI_SYNC_FAILURE_TEXT_MAX];
    int status = tsri_unsynced_sync(fs->unsynced, device, watch, err);
    if (status == TSR_IO && device && tsri_sync_failures_find(fs->failures, *device, text))
        remember_failure(fs, text);
    return status;
}

static int sync_left(tsri_fs *fs, const tsri_watch *watch, tsr_error *err)
{
    dev_t devices[TSRI_FS_LEFT_DISKS_MAX];
    tsri_fork_mutex_lock(&fs->mutex);
    int count = fs->left_disks;
    memcpy(devices, fs->left_on, sizeof devices);
    tsri_fork_mutex_unlock(&fs->mutex);
    for (int i = 0; i < TSRI_MIN(count, TSRI_FS_LEFT_DISKS_MAX); i++)
        TSRI_TRY(sync_disk(fs, &devices[i], watch, err));
    return count > TSRI_FS_LEFT_DISKS_MAX ? sync_disk(fs, NULL, watch, err) : 0;
}

int tsri_fs_sync(tsr_store *store, const tsr_call *call, tsr_error *err)
{
    tsri_fs *fs = (tsri_fs *)store;
    tsri_watch watch = tsri_watch_start(store->context, call);
    TSRI_TRY(tsri_fs_sync_check(fs, err));
    /* Whoever comes while another one syncs does so, too: his acknowledgement cannot wait for that
     * of somebody else. */
    uint64_t left = __atomic_load_n(&fs->left, __ATOMIC_ACQUIRE);
    uint64_t synced = __atomic_load_n(&fs->left_synced, __ATOMIC_ACQUIRE);
    if (synced < left) {
        TSRI_TRY(sync_left(fs, &watch, err));
        while (synced < left && !__atomic_compare_exchange_n(&fs->left_synced, &synced, left, true,
                                                             __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
            ;
    }
    return tsri_fs_flush(store, call, err);
}

int tsri_fs_flush(tsr_store *store, const tsr_call *call, tsr_error *err)
{
    tsri_fs *fs = (tsri_fs *)store;
    tsri_watch watch = tsri_watch_start(store->context, call);
    tsri_fs_group_publish(fs->group);
    TSRI_TRY(tsri_fs_sync_check(fs, err));
    return sync_all(fs, &watch, err);
}
