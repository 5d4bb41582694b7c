/* The lock file of a key: see the head of store_fs.h. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

#include "store/store_fs.h"

/* More rounds than any crowd of writers causes: then files change their identity by themselves. */
#define ROUNDS_MAX 100000

#define WAIT_NS_MIN (50 * INT64_C(1000))
#define WAIT_NS_MAX (5 * INT64_C(1000000))

/* What became of one round. */
enum { AGAIN, TAKEN, FOLDER_GONE, NO_LOCKS };

static int lock_error(const tsri_fs *fs, const tsri_fs_lock *lock, const char *operation,
                      int error_number, tsr_error *err)
{
    char path[2 * TSRI_KEY_BYTES_MAX];
    snprintf(path, sizeof path, "%s%s%s", lock->place.folder, lock->place.folder[0] ? "/" : "",
             lock->file_name);
    return tsri_fs_error(fs, err, error_number, operation, path);
}

/* What fcntl says on file systems without locks. */
static bool means_no_locks(int error_number)
{
    return error_number == EINVAL || error_number == ENOLCK || error_number == ENOSYS ||
           error_number == EOPNOTSUPP;
}

static int set_lock(const tsri_fs *fs, int descriptor, int command, int type)
{
    struct flock whole = {.l_type = (short)type, .l_whence = SEEK_SET};
    return fs->system->lock(fs->system, descriptor, command, &whole);
}

static int open_lock_file(const tsri_fs *fs, int directory, const char *name, int flags)
{
    return tsri_fs_openat(fs, directory, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | flags);
}

/* ---- The list of what is open, for a forked child ---- */

static void hold(tsri_fs *fs, tsri_fs_lock *lock, int descriptor)
{
    tsri_fork_mutex_lock(&fs->mutex);
    lock->descriptor = descriptor;
    lock->previous = NULL;
    lock->next = fs->locks;
    if (fs->locks)
        fs->locks->previous = lock;
    fs->locks = lock;
    tsri_fork_mutex_unlock(&fs->mutex);
}

/* Returns the descriptor, which is now the caller's. */
static int let_go(tsri_fs *fs, tsri_fs_lock *lock)
{
    tsri_fork_mutex_lock(&fs->mutex);
    int descriptor = lock->descriptor;
    if (descriptor >= 0) {
        *(lock->previous ? &lock->previous->next : &fs->locks) = lock->next;
        if (lock->next)
            lock->next->previous = lock->previous;
    }
    lock->descriptor = -1;
    tsri_fork_mutex_unlock(&fs->mutex);
    return descriptor;
}

/* An unlock here would be one of the parent's lock, since both share the open file. */
void tsri_fs_lock_abandon_all(tsri_fs *fs)
{
    for (tsri_fs_lock *lock = fs->locks, *next; lock; lock = next) {
        next = lock->next;
        fs->system->close(fs->system, lock->descriptor);
        lock->descriptor = -1;
        tsri_fs_group_abandon(fs, lock);
    }
    fs->locks = NULL;
}

/* ---- Taking ---- */

int tsri_fs_lock_verify(const tsri_fs *fs, const tsri_fs_lock *lock)
{
    struct stat status;
    if (fs->system->fstatat(fs->system, lock->place.directory, lock->file_name, &status,
                            AT_SYMLINK_NOFOLLOW) < 0)
        return errno;
    return status.st_dev == lock->device && status.st_ino == lock->inode ? 0 : ENOENT;
}

/* Asks for the lock of the open file. TAKEN, NO_LOCKS, AGAIN, or a failure. */
static int ask_for_lock(const tsri_fs *fs, const tsri_fs_lock *lock, int command, tsr_error *err)
{
    if (set_lock(fs, lock->descriptor, command, F_WRLCK) == 0)
        return TAKEN;
    if (means_no_locks(errno))
        return NO_LOCKS;
    return errno == EINTR || errno == EAGAIN || errno == EACCES
               ? AGAIN
               : lock_error(fs, lock, "lock", errno, err);
}

/* Waits for the lock of another: in the kernel when nothing can end the wait early, else by asking
 * again and again. */
static int wait_for_lock(const tsri_fs *fs, tsri_watch *watch, const tsri_fs_lock *lock,
                         tsr_error *err)
{
    int command = tsri_watch_is_patient(watch) ? F_OFD_SETLKW : F_OFD_SETLK;
    for (int64_t pause_ns = WAIT_NS_MIN;; pause_ns = TSRI_MIN(pause_ns * 2, WAIT_NS_MAX)) {
        int result = ask_for_lock(fs, lock, command, err), error_number = errno;
        if (result != AGAIN)
            return result;
        int status = tsri_watch_poll(watch, err);
        if (status < 0) {
            tsr_error_set_where(err, "waiting for the lock of key \"%s\"", lock->key);
            return status;
        }
        if (error_number != EINTR)
            fs->system->sleep_ns(fs->system, pause_ns);
    }
}

/* TAKEN, NO_LOCKS, or a failure. Nobody waits with values of his own that are not published. */
static int take_lock(const tsri_fs *fs, tsri_watch *watch, const tsri_fs_lock *lock, tsr_error *err)
{
    int result = ask_for_lock(fs, lock, F_OFD_SETLK, err);
    if (result != AGAIN)
        return result;
    tsri_fs_group_wait_begin(fs->group);
    result = wait_for_lock(fs, watch, lock, err);
    tsri_fs_group_wait_end(fs->group);
    return result;
}

/* Opens the lock file, made anew or found. AGAIN when it vanished in between. */
static int open_round(tsri_fs *fs, tsri_fs_lock *lock, bool *ret_made, tsr_error *err)
{
    int directory = lock->place.directory;
    int descriptor = open_lock_file(fs, directory, lock->file_name, O_CREAT | O_EXCL);
    *ret_made = descriptor >= 0;
    if (descriptor < 0 && errno == ENOENT)
        return FOLDER_GONE;
    if (descriptor < 0 && errno == EEXIST) {
        descriptor = open_lock_file(fs, directory, lock->file_name, 0);
        if (descriptor < 0 && errno == ENOENT)
            return AGAIN;
    }
    if (descriptor < 0)
        return lock_error(fs, lock, "open", errno, err);
    hold(fs, lock, descriptor);
    return TAKEN;
}

/* What the open file is; a pipe or a device is no lock file. */
static int identify(tsri_fs *fs, tsri_fs_lock *lock, tsr_error *err)
{
    struct stat status;
    if (fs->system->fstat(fs->system, lock->descriptor, &status) < 0)
        return lock_error(fs, lock, "look at", errno, err);
    TSRI_TRY(tsri_fs_check_regular(fs, &status, lock->file_name, err));
    lock->device = status.st_dev;
    lock->inode = status.st_ino;
    lock->mode = status.st_mode & 07777;
    lock->owner = status.st_uid;
    lock->group = status.st_gid;
    return 0;
}

/* Unlocks in words before the close, since a forked child may hold a copy of the descriptor. */
static int close_lock(tsri_fs *fs, tsri_fs_lock *lock)
{
    if (lock->descriptor >= 0 && lock->excludes)
        set_lock(fs, lock->descriptor, F_OFD_SETLK, F_UNLCK);
    int descriptor = let_go(fs, lock);
    return descriptor < 0 ? 0 : fs->system->close(fs->system, descriptor);
}

/* Removes the file when it is still ours. */
static int remove_file(const tsri_fs *fs, tsri_fs_lock *lock)
{
    if (tsri_fs_lock_verify(fs, lock) != 0)
        return 0;
    int result = fs->system->unlinkat(fs->system, lock->place.directory, lock->file_name, 0);
    return result < 0 && errno != ENOENT ? -1 : 0;
}

/* A round that failed leaves no file that it made, unless another writer has its lock by now. */
static void clean_up(tsri_fs *fs, tsri_fs_lock *lock, bool made)
{
    if (lock->descriptor >= 0 && made && identify(fs, lock, NULL) == 0 &&
        (set_lock(fs, lock->descriptor, F_OFD_SETLK, F_WRLCK) == 0 || means_no_locks(errno)))
        remove_file(fs, lock);
    close_lock(fs, lock);
}

/* The file is open: takes its lock, and makes sure that its path still leads to it. */
static int lock_round(tsri_fs *fs, tsri_watch *watch, tsri_fs_lock *lock, bool made, tsr_error *err)
{
    TSRI_TRY(identify(fs, lock, err));
    int result = take_lock(fs, watch, lock, err);
    if (result != TAKEN)
        return result;
    lock->excludes = true;
    int error_number = tsri_fs_lock_verify(fs, lock);
    if (error_number == ENOENT)
        return AGAIN;
    if (error_number)
        return lock_error(fs, lock, "look at", error_number, err);
    if (made)
        return TAKEN;
    /* Somebody died here, or was about to lock what he had just made. Its content, mode and owner
     * are nobody's, and it may even be a link to a file that is something else: it is never written
     * to. */
    if (remove_file(fs, lock) < 0)
        return lock_error(fs, lock, "remove", errno, err);
    return AGAIN;
}

static int take_round(tsri_fs *fs, tsri_watch *watch, tsri_fs_lock *lock, tsr_error *err)
{
    bool made;
    lock->excludes = false;
    int result = open_round(fs, lock, &made, err);
    if (result != TAKEN)
        return result;
    result = lock_round(fs, watch, lock, made, err);
    if (result == AGAIN)
        close_lock(fs, lock);
    else if (result != TAKEN)
        clean_up(fs, lock, made);
    return result;
}

/* A file system without locks: values still appear whole, but writers do not exclude each other. */
static int make_temporary(tsri_fs *fs, tsri_fs_lock *lock, tsr_error *err)
{
    uint64_t number;
    if (fs->system->getrandom(fs->system, &number, sizeof number) != (ssize_t)sizeof number)
        number = (uint64_t)fs->system->realtime_ns(fs->system);
    snprintf(lock->file_name, sizeof lock->file_name, "__tmp_%016" PRIx64 TSRI_FS_LOCK_SUFFIX,
             number);
    int descriptor = open_lock_file(fs, lock->place.directory, lock->file_name, O_CREAT | O_EXCL);
    if (descriptor < 0)
        return errno == ENOENT ? FOLDER_GONE : lock_error(fs, lock, "make", errno, err);
    hold(fs, lock, descriptor);
    int status = identify(fs, lock, err);
    if (status == 0)
        return TAKEN;
    fs->system->unlinkat(fs->system, lock->place.directory, lock->file_name, 0);
    close_lock(fs, lock);
    return status;
}

static int no_locks(const tsri_fs *fs, const tsri_fs_lock *lock, tsr_error *err)
{
    tsr_error_set(err, TSR_UNSUPPORTED,
                  "%s lies on a file system without locks, so that changing a part of key \"%s\" "
                  "could lose what others write",
                  fs->root, lock->key);
    tsr_error_set_next_step(err, "write whole chunks, or use a file system with locks (mount "
                                 "options of Lustre: flock; of NFS: without nolock)");
    return TSR_UNSUPPORTED;
}

static int take_in_folder(tsri_fs *fs, bool needed, tsri_watch *watch, tsri_fs_lock *lock,
                          tsr_error *err)
{
    int result = AGAIN;
    for (int round = 0; round < ROUNDS_MAX && result == AGAIN; round++) {
        TSRI_TRY(tsri_watch_check(watch, err));
        result = take_round(fs, watch, lock, err);
    }
    if (result == AGAIN)
        return tsr_error_set(err, TSR_IO,
                             "the lock file of %s/%s changes its identity all the time", fs->root,
                             lock->key);
    if (result == NO_LOCKS)
        return needed ? no_locks(fs, lock, err) : make_temporary(fs, lock, err);
    return result;
}

int tsri_fs_lock_take(tsri_fs *fs, const char *key, bool needed, tsri_watch *watch,
                      tsri_fs_lock *lock, tsr_error *err)
{
    *lock = (tsri_fs_lock){.descriptor = -1, .place = {.directory = -1}};
    strcpy(lock->key, key);
    for (int attempt = 0; attempt < TSRI_FS_ATTEMPTS; attempt++) {
        TSRI_TRY(tsri_fs_place_open(fs, key, true, &lock->place, err));
        snprintf(lock->file_name, sizeof lock->file_name, "%s" TSRI_FS_LOCK_SUFFIX,
                 lock->place.name);
        int result = take_in_folder(fs, needed, watch, lock, err);
        if (result == TAKEN)
            return 0;
        tsri_fs_place_close(fs, &lock->place);
        if (result < 0)
            return result;
    }
    return lock_error(fs, lock, "make", ENOENT, err);
}

/* Renames the lock file to the key; errno. */
static int rename_to_key(const tsri_fs *fs, const tsri_fs_lock *lock, bool if_absent)
{
    const tsr_system *system = fs->system;
    int directory = lock->place.directory;
    if (if_absent) {
        if (system->renameat2(system, directory, lock->file_name, directory, lock->place.name,
                              RENAME_NOREPLACE) == 0)
            return 0;
        /* Not every file system has it; then the lock and the look before must do. */
        if (errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP)
            return errno;
    }
    return system->renameat(system, directory, lock->file_name, directory, lock->place.name) < 0
               ? errno
               : 0;
}

int tsri_fs_lock_publish(const tsri_fs *fs, tsri_fs_lock *lock, bool if_absent)
{
    int error_number = tsri_fs_lock_verify(fs, lock);
    if (error_number == 0)
        error_number = rename_to_key(fs, lock, if_absent);
    if (error_number == 0) {
        lock->used = true;
        tsri_fs_keep_forget(fs, lock->key);
    }
    return error_number;
}

int tsri_fs_lock_gone(const tsri_fs *fs, const char *key, tsr_error *err)
{
    tsr_error_set(err, TSR_CONFLICT,
                  "the lock file of %s/%s was removed by another program while it was written",
                  fs->root, key);
    tsr_error_set_next_step(err, "do not delete files of an array that is being written");
    return TSR_CONFLICT;
}

int tsri_fs_lock_release(tsri_fs *fs, tsri_fs_lock *lock, tsr_error *err)
{
    if (lock->descriptor >= 0 && !lock->used)
        remove_file(fs, lock);
    int result = close_lock(fs, lock), error_number = errno;
    tsri_fs_place_close(fs, &lock->place);
    if (result < 0 && lock->used && error_number != EINTR)
        return tsri_fs_error(fs, err, error_number, "close", lock->key);
    return 0;
}

int tsri_fs_lock_sweep(tsri_fs *fs, int directory, const char *name)
{
    tsri_fs_lock lock = {.place = {.directory = directory}};
    snprintf(lock.file_name, sizeof lock.file_name, "%s", name);
    int descriptor = open_lock_file(fs, directory, name, 0);
    if (descriptor < 0 && (errno == ELOOP || errno == ENXIO))
        return fs->system->unlinkat(fs->system, directory, name, 0);
    if (descriptor < 0)
        return errno == ENOENT ? 0 : -1;
    hold(fs, &lock, descriptor);
    int result = set_lock(fs, descriptor, F_OFD_SETLK, F_WRLCK), error_number = errno;
    lock.excludes = result == 0;
    if (result < 0 && (error_number == EAGAIN || error_number == EACCES))
        result = 0;
    else if (lock.excludes || means_no_locks(error_number))
        result = identify(fs, &lock, NULL) < 0 ? 0 : remove_file(fs, &lock);
    error_number = errno;
    close_lock(fs, &lock);
    errno = error_number;
    return result;
}

int tsri_fs_lock_is_abandoned(const tsri_fs *fs, int directory, const char *name)
{
    struct flock whole = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
    int descriptor =
        tsri_fs_openat(fs, directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (descriptor < 0)
        return errno == ENOENT ? 0 : errno == EACCES || errno == EPERM || errno == ELOOP ? 1 : -1;
    int result = fs->system->lock(fs->system, descriptor, F_OFD_GETLK, &whole);
    tsri_fs_close(fs, descriptor);
    return result < 0 || whole.l_type == F_UNLCK;
}

/* ---- The ops ---- */

int tsri_fs_lock_op(tsr_store *store, const char *key, const tsr_call *call, tsr_lock **ret_lock,
                    tsr_error *err)
{
    tsri_fs *fs = (tsri_fs *)store;
    tsri_watch watch = tsri_watch_start(store->context, call);
    TSRI_TRY(tsri_fs_check_key(key, err));
    tsri_fs_learn_kind(fs);
    tsri_fs_lock *lock = tsri_alloc(sizeof *lock);
    if (!lock)
        return tsri_error_no_memory(err, sizeof *lock);
    int status = tsri_fs_lock_take(fs, key, true, &watch, lock, err);
    if (status < 0) {
        tsri_free(lock);
        return status;
    }
    *ret_lock = (tsr_lock *)lock;
    return 0;
}

void tsri_fs_unlock_op(tsr_store *store, tsr_lock *lock)
{
    if (tsri_fs_group_keeps(((tsri_fs *)store)->group, (tsri_fs_lock *)lock))
        return;
    tsri_fs_lock_release((tsri_fs *)store, (tsri_fs_lock *)lock, NULL);
    tsri_free(lock);
}
