/* put and erase of one key, under its lock; a second key for a value. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>

#include "store/store_fs.h"
#include "store/store_request.h"

#define PARTS_MAX 64
/* Between calls of this size a cancel is seen. */
#define WRITE_BYTES_MAX ((size_t)16 << 20)
#define COPY_BUFFER_BYTES ((size_t)1 << 20)
/* From here on space is reserved first, so that a full disk is found before the bytes are written.
 */
#define RESERVE_BYTES_MIN ((uint64_t)1 << 20)

/* A put under way. */
typedef struct put_draft {
    tsri_fs *fs;
    tsri_fs_lock *lock;
    tsr_put_request *request;
    const tsri_segments *segments;
    const tsri_watch *watch;
    bool may_wait; /* it need not be seen before the flush, and its lock is in memory of its own */
    bool exists;   /* there is a value now */
    struct stat current; /* its status */
    int current_file;    /* open when a segment refers to it; -1 */
    int64_t offset;      /* where the next byte is written */
} put_draft;

static int draft_error(const put_draft *draft, const char *operation)
{
    return tsri_fs_error(draft->fs, draft->request->err, errno, operation, draft->request->key);
}

/* ---- The value that is there ---- */

/* Whether there is a value of the key; errors when something else has its name. */
static int look(const tsri_fs *fs, const tsri_fs_place *place, const char *key, bool *ret_exists,
                struct stat *ret_status, tsr_error *err)
{
    int result = tsri_fs_place_stat(fs, place, ret_status);
    if (result < 0 && errno != ENOENT)
        return tsri_fs_error(fs, err, errno, "look at", key);
    *ret_exists = result == 0;
    return result == 0 ? tsri_fs_check_regular(fs, ret_status, key, err) : 0;
}

static int open_current(put_draft *draft)
{
    tsri_fs *fs = draft->fs;
    int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | (fs->follow_symlinks ? 0 : O_NOFOLLOW);
    draft->current_file =
        tsri_fs_openat(fs, draft->lock->place.directory, draft->lock->place.name, flags);
    if (draft->current_file < 0)
        return draft_error(draft, "open");
    if (fs->system->fstat(fs->system, draft->current_file, &draft->current) < 0)
        return draft_error(draft, "look at");
    return tsri_fs_check_regular(fs, &draft->current, draft->request->key, draft->request->err);
}

static int check_current(put_draft *draft)
{
    const tsr_put_request *request = draft->request;
    TSRI_TRY(look(draft->fs, &draft->lock->place, request->key, &draft->exists, &draft->current,
                  request->err));
    if (draft->segments->of_current && draft->exists)
        TSRI_TRY(open_current(draft));
    tsr_generation generation = tsri_fs_generation(&draft->current);
    TSRI_TRY(tsri_check_put_match(request, draft->exists ? &generation : NULL));
    if (draft->segments->of_current && !draft->exists)
        return tsr_error_set(request->err, TSR_NOT_FOUND, "%s/%s does not exist", draft->fs->root,
                             request->key);
    return 0;
}

/* ---- Bytes ---- */

/* Writes all of a list of parts, which it uses up. */
static int write_parts(put_draft *draft, struct iovec *parts, int count)
{
    const tsr_system *system = draft->fs->system;
    while (count > 0) {
        ssize_t written =
            system->pwritev(system, draft->lock->descriptor, parts, count, draft->offset);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0) {
            errno = written < 0 ? errno : ENOSPC;
            return draft_error(draft, "write");
        }
        draft->offset += written;
        for (size_t left = (size_t)written; left > 0;) {
            size_t step = TSRI_MIN(left, parts->iov_len);
            parts->iov_base = (char *)parts->iov_base + step;
            parts->iov_len -= step;
            left -= step;
            if (parts->iov_len == 0) {
                parts++;
                count--;
            }
        }
    }
    return 0;
}

/* Where in the list of segments the writing stands. */
typedef struct cursor {
    size_t segment;
    uint64_t offset; /* in the segment */
} cursor;

/* Writes bytes up to the next segment that refers to the current value, in pieces. */
static int write_bytes(put_draft *draft, cursor *at)
{
    const tsr_put_request *request = draft->request;
    for (;;) {
        struct iovec parts[PARTS_MAX];
        int count = 0;
        size_t room = WRITE_BYTES_MAX;
        while (at->segment < request->segment_count && count < PARTS_MAX && room > 0) {
            const tsr_segment *segment = &request->segments[at->segment];
            size_t size = (size_t)TSRI_MIN(segment->size_bytes - at->offset, (uint64_t)room);
            if (size > 0 && !segment->bytes)
                break;
            if (size > 0)
                parts[count++] = (struct iovec){.iov_base = (char *)segment->bytes + at->offset,
                                                .iov_len = size};
            room -= size;
            at->offset += size;
            if (at->offset == segment->size_bytes)
                *at = (cursor){.segment = at->segment + 1};
        }
        if (count == 0)
            return 0;
        TSRI_TRY(tsri_watch_check(draft->watch, request->err));
        TSRI_TRY(write_parts(draft, parts, count));
    }
}

static int current_too_short(const put_draft *draft)
{
    return tsr_error_set(draft->request->err, TSR_OUT_OF_BOUNDS,
                         "%s/%s has only %" PRId64 " bytes, fewer than a piece of its new value "
                         "refers to",
                         draft->fs->root, draft->request->key, (int64_t)draft->current.st_size);
}

/* Copies through memory, for file systems that cannot do it by themselves. */
static int copy_through(put_draft *draft, uint64_t from, uint64_t size_bytes)
{
    size_t buffer_bytes = (size_t)TSRI_MIN(size_bytes, (uint64_t)COPY_BUFFER_BYTES);
    char *buffer = tsri_alloc(buffer_bytes);
    if (!buffer)
        return tsri_error_no_memory(draft->request->err, buffer_bytes);
    int status = 0;
    for (uint64_t done = 0; status == 0 && done < size_bytes;) {
        size_t step = (size_t)TSRI_MIN(size_bytes - done, (uint64_t)buffer_bytes);
        status = tsri_watch_check(draft->watch, draft->request->err);
        if (status == 0 &&
            !tsri_fs_read(draft->fs, draft->current_file, buffer, step, (int64_t)(from + done)))
            status = errno ? draft_error(draft, "read") : current_too_short(draft);
        if (status == 0)
            status = write_parts(draft, &(struct iovec){.iov_base = buffer, .iov_len = step}, 1);
        done += step;
    }
    tsri_free(buffer);
    return status;
}

/* Copies a range of the current value; on file systems that can, the new file shares its blocks. */
static int copy_current(put_draft *draft, uint64_t from, uint64_t size_bytes)
{
    const tsr_system *system = draft->fs->system;
    uint64_t end = (uint64_t)draft->current.st_size;
    if (from > end || size_bytes > end - from)
        return current_too_short(draft);
    for (uint64_t done = 0; done < size_bytes;) {
        TSRI_TRY(tsri_watch_check(draft->watch, draft->request->err));
        size_t step = (size_t)TSRI_MIN(size_bytes - done, (uint64_t)1 << 30);
        ssize_t copied =
            system->copy_file_range(system, draft->current_file, (int64_t)(from + done),
                                    draft->lock->descriptor, draft->offset, step);
        if (copied < 0 && errno == EINTR)
            continue;
        if (copied < 0 && (errno == ENOSPC || errno == EDQUOT || errno == EIO))
            return draft_error(draft, "copy");
        /* What else it says is about the way, not about the bytes; 0 may be a file system that
         * cannot tell sizes. */
        if (copied <= 0)
            return copy_through(draft, from + done, size_bytes - done);
        draft->offset += copied;
        done += (uint64_t)copied;
    }
    return 0;
}

/* Makes sure of the space. What a file system says beyond that, the writing will say better. */
static int reserve(put_draft *draft)
{
    const tsr_system *system = draft->fs->system;
    uint64_t size = draft->segments->total_bytes;
    if (draft->segments->of_current || size < RESERVE_BYTES_MIN)
        return 0;
    if (system->fallocate(system, draft->lock->descriptor, 0, 0, (int64_t)size) < 0 &&
        (errno == ENOSPC || errno == EDQUOT || errno == EFBIG))
        return draft_error(draft, "reserve space for");
    return 0;
}

static int write_content(put_draft *draft)
{
    const tsr_system *system = draft->fs->system;
    const tsr_put_request *request = draft->request;
    if (draft->lock->written && system->ftruncate(system, draft->lock->descriptor, 0) < 0)
        return draft_error(draft, "truncate the lock file of");
    draft->lock->written = true;
    draft->offset = 0;
    TSRI_TRY(reserve(draft));
    for (cursor at = {0}; at.segment < request->segment_count; at.segment++) {
        TSRI_TRY(write_bytes(draft, &at));
        if (at.segment == request->segment_count)
            return 0;
        const tsr_segment *segment = &request->segments[at.segment];
        TSRI_TRY(copy_current(draft, segment->offset, segment->size_bytes));
    }
    return 0;
}

/* Values that wait for the flush stand beside those that they replace, which may be all the room
 * that is missing. */
static int write_with_room(put_draft *draft)
{
    int status = write_content(draft);
    if (status != TSR_NO_SPACE || !tsri_fs_group_publish(draft->fs->group))
        return status;
    tsr_error_clear(draft->request->err);
    return write_content(draft);
}

/* ---- Mode, owner, time ---- */

/* Says no, but not for a reason that makes the value wrong. */
static bool is_refused(int error_number)
{
    return error_number == EPERM || error_number == EOPNOTSUPP || error_number == ENOSYS ||
           error_number == EINVAL;
}

/* A replaced file keeps mode and owner as far as the user may give them. */
static int keep_attributes(const put_draft *draft)
{
    const tsr_system *system = draft->fs->system;
    const tsri_fs_lock *lock = draft->lock;
    const struct stat *current = &draft->current;
    mode_t mode = current->st_mode & 07777;
    if (lock->owner != current->st_uid || lock->group != current->st_gid) {
        int result = system->fchown(system, lock->descriptor, current->st_uid, current->st_gid);
        if (result < 0 && is_refused(errno)) {
            mode &= 01777; /* set-user-id for another user would be a gift */
            result = system->fchown(system, lock->descriptor, (uid_t)-1, current->st_gid);
        }
        if (result < 0 && !is_refused(errno))
            return draft_error(draft, "set the owner of");
    }
    if (mode != lock->mode && system->fchmod(system, lock->descriptor, mode) < 0 &&
        !is_refused(errno))
        return draft_error(draft, "set the mode of");
    return 0;
}

#define NS_PER_SECOND INT64_C(1000000000)

static int64_t nanoseconds_between(const struct timespec *from, const struct timespec *to)
{
    int64_t seconds = (int64_t)to->tv_sec - (int64_t)from->tv_sec;
    if (seconds > 2 || seconds < -2)
        return seconds * NS_PER_SECOND / 2;
    return seconds * NS_PER_SECOND + ((int64_t)to->tv_nsec - (int64_t)from->tv_nsec);
}

/* The clock of a file system stands still for some milliseconds, and the inode of a value that was
 * replaced may come back: two quick changes could end in the generation of the start. So the time
 * of a key only grows.
 *
 * That is among those who keep to the protocol. Others get the time of the clock, so a value whose
 * generation is to be unique gets one between two ticks, which no later change has by itself: ticks
 * are at least a millisecond apart, and a finer clock has gone on meanwhile. Not where times are
 * kept less finely than they are set. */
static int finish_time(const put_draft *draft, struct stat *ret_status)
{
    const tsr_system *system = draft->fs->system;
    tsr_put_request *request = draft->request;
    struct stat status;
    if (system->fstat(system, draft->lock->descriptor, &status) < 0)
        return draft_error(draft, "look at");
    int64_t older_ns = nanoseconds_between(&status.st_mtim, &draft->current.st_mtim);
    bool follows = draft->exists && older_ns >= 0 && older_ns < NS_PER_SECOND;
    request->is_unique = false;
    if (follows || request->wants_unique) {
        struct timespec times[2] = {{.tv_nsec = UTIME_OMIT},
                                    follows ? draft->current.st_mtim : status.st_mtim};
        times[1].tv_nsec += request->wants_unique ? 1 + system->monotonic_ns(system) % 997 : 1;
        if (times[1].tv_nsec >= NS_PER_SECOND) {
            times[1].tv_sec++;
            times[1].tv_nsec -= NS_PER_SECOND;
        }
        if (system->futimens(system, draft->lock->descriptor, times) < 0 && follows)
            return draft_error(draft, "set the time of");
        if (system->fstat(system, draft->lock->descriptor, &status) < 0)
            return draft_error(draft, "look at");
        request->is_unique = request->wants_unique && status.st_mtim.tv_sec == times[1].tv_sec &&
                             status.st_mtim.tv_nsec == times[1].tv_nsec;
    }
    *ret_status = status;
    return 0;
}

/* ---- Publishing ---- */

/* 1: the lock file is gone, by the hand of somebody who does not know the protocol. 2: the value is
 * published later, and the lock is the group's. */
enum { VANISHED = 1, DELAYED };

/* Leaves the value to be published with others, where the caller waits for the flush anyway. */
static bool is_left_to_flush(const put_draft *draft)
{
    const tsr_put_request *request = draft->request;
    if (!draft->may_wait)
        return false;
    return tsri_fs_group_add(draft->fs, draft->lock,
                             &(tsri_fs_late_put){.caller_holds = request->lock != NULL,
                                                 .if_absent = request->if_absent,
                                                 .exists = draft->exists,
                                                 .is_merged = request->if_match != NULL,
                                                 .current = tsri_fs_generation(&draft->current),
                                                 .size_bytes = draft->segments->total_bytes});
}

/* Renames the new value to its key, and counts it where it is left to the system: after that, so
 * that no sync that began before counts it in. 0, or an errno as of tsri_fs_lock_publish. */
static int rename_draft(put_draft *draft)
{
    tsri_fs *fs = draft->fs;
    bool if_absent = draft->request->if_absent;
    tsri_unsynced_disk *disk;
    if (draft->request->durability != TSR_DURABILITY_NONE)
        return tsri_fs_lock_publish(fs, draft->lock, if_absent);
    int error_number =
        tsri_unsynced_hold(fs->unsynced, draft->lock->device, draft->lock->place.directory,
                           draft->lock->file_name, &disk);
    if (error_number)
        return error_number;
    error_number = tsri_fs_lock_publish(fs, draft->lock, if_absent);
    if (error_number == 0)
        tsri_fs_sync_note_left(fs, draft->lock->device);
    tsri_unsynced_let_go(fs->unsynced, disk, error_number == 0);
    return error_number;
}

static int publish(put_draft *draft)
{
    tsr_put_request *request = draft->request;
    struct stat status;
    if (draft->exists)
        TSRI_TRY(keep_attributes(draft));
    TSRI_TRY(finish_time(draft, &status));
    TSRI_TRY(tsri_watch_check(draft->watch, request->err));
    request->generation = tsri_fs_generation(&status);
    if (is_left_to_flush(draft))
        return DELAYED;
    if (request->durability != TSR_DURABILITY_NONE || request->bytes_first)
        TSRI_TRY(tsri_fs_sync_file(draft->fs, draft->lock->descriptor, request->key, request->err));
    errno = rename_draft(draft);
    if (errno == ENOENT)
        return VANISHED;
    if (errno == EEXIST && request->if_absent)
        return tsri_check_put_match(request, &(tsr_generation){.words = {1}});
    if (errno)
        return draft_error(draft, "rename the new value to");
    return tsri_fs_sync_entry(draft->fs, draft->lock->place.folder, request->durability,
                              draft->watch, request->err);
}

static int put_under_lock(tsri_fs *fs, tsri_fs_lock *lock, tsr_put_request *request,
                          const tsri_segments *segments, const tsri_watch *watch, bool may_wait)
{
    put_draft draft = {.fs = fs,
                       .lock = lock,
                       .request = request,
                       .segments = segments,
                       .watch = watch,
                       .may_wait = may_wait,
                       .current_file = -1};
    int status = check_current(&draft);
    if (status == 0)
        status = write_with_room(&draft);
    if (status == 0)
        status = publish(&draft);
    tsri_fs_close(fs, draft.current_file);
    return status;
}

/* ---- put ---- */

/* A lock that the caller holds must be of this key and not used yet. */
static int check_lock(const tsri_fs_lock *lock, const char *key, tsr_error *err)
{
    if (strcmp(lock->key, key) != 0)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT, "the lock is of key \"%s\", not of \"%s\"",
                             lock->key, key);
    if (lock->used || lock->spent)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT,
                             "the lock of key \"%s\" was used up by an earlier put", key);
    if (lock->descriptor < 0)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT,
                             "the lock of key \"%s\" belongs to the parent of this process", key);
    return 0;
}

static int put_with_lock(tsri_fs *fs, tsri_fs_lock *lock, tsr_put_request *request,
                         const tsri_segments *segments, const tsri_watch *watch, bool may_wait)
{
    TSRI_TRY(check_lock(lock, request->key, request->err));
    int status = put_under_lock(fs, lock, request, segments, watch, may_wait);
    lock->spent = status == DELAYED;
    if (status == VANISHED)
        return tsri_fs_lock_gone(fs, request->key, request->err);
    return status < 0 ? status : 0;
}

/* A put that takes and releases the lock `own`, or hands it to the group. May be VANISHED. */
static int put_alone(tsri_fs *fs, tsri_fs_lock *own, tsr_put_request *request,
                     const tsri_segments *segments, tsri_watch *watch, bool may_wait)
{
    bool condition = request->if_match || request->if_absent;
    TSRI_TRY(tsri_fs_lock_take(fs, request->key, condition, watch, own, request->err));
    int status = put_under_lock(fs, own, request, segments, watch, may_wait);
    if (status == DELAYED)
        return DELAYED;
    int closing = tsri_fs_lock_release(fs, own, status < 0 ? NULL : request->err);
    return status == 0 ? closing : status;
}

static int put_until_done(tsri_fs *fs, tsr_put_request *request, const tsri_segments *segments,
                          tsri_watch *watch, bool may_wait)
{
    tsri_fs_lock here;
    for (int attempt = 0; attempt < TSRI_FS_ATTEMPTS; attempt++) {
        tsri_fs_lock *kept = may_wait ? tsri_alloc(sizeof *kept) : NULL;
        int status = put_alone(fs, kept ? kept : &here, request, segments, watch, kept != NULL);
        if (status == DELAYED)
            return 0;
        tsri_free(kept);
        if (status != VANISHED)
            return status;
    }
    return tsri_fs_lock_gone(fs, request->key, request->err);
}

static int put_one(tsri_fs *fs, tsr_put_request *request, tsri_watch *watch)
{
    tsri_segments segments;
    TSRI_TRY(tsri_fs_sync_check(fs, request->err));
    TSRI_TRY(tsri_watch_check(watch, request->err));
    TSRI_TRY(tsri_put_check(request, &segments));
    TSRI_TRY(tsri_fs_check_key(request->key, request->err));
    tsri_fs_learn_kind(fs);
    bool may_wait = request->until_flush && request->durability == TSR_DURABILITY_FLUSH;
    return request->lock ? put_with_lock(fs, (tsri_fs_lock *)request->lock, request, &segments,
                                         watch, may_wait)
                         : put_until_done(fs, request, &segments, watch, may_wait);
}

int tsri_fs_put(tsr_store *store, tsr_put_request *requests, size_t n, const tsr_call *call)
{
    tsri_watch watch = tsri_watch_start(store->context, call);
    int status = 0;
    for (size_t i = 0; i < n; i++) {
        requests[i].status = put_one((tsri_fs *)store, &requests[i], &watch);
        if (status == 0)
            status = requests[i].status;
    }
    return status;
}

/* ---- erase ---- */

static int erase_under_lock(tsri_fs *fs, const tsri_fs_lock *lock, const char *key,
                            const tsr_generation *if_match, const tsri_watch *watch, tsr_error *err)
{
    struct stat current;
    bool exists;
    TSRI_TRY(look(fs, &lock->place, key, &exists, &current, err));
    tsr_generation generation = tsri_fs_generation(&current);
    TSRI_TRY(tsri_check_match(key, if_match, exists ? &generation : NULL, err));
    if (!exists)
        return 0;
    if (fs->system->unlinkat(fs->system, lock->place.directory, lock->place.name, 0) < 0 &&
        errno != ENOENT)
        return tsri_fs_error(fs, err, errno, "remove", key);
    tsri_fs_keep_forget(fs, key);
    return tsri_fs_sync_entry(fs, lock->place.folder, TSR_DURABILITY_FLUSH, watch, err);
}

/* Looks without a lock, so that erasing what is not there makes no folders and no lock file. */
static int is_there(tsri_fs *fs, const char *key, bool *ret_exists, tsr_error *err)
{
    tsr_error failure = TSR_ERROR_INIT;
    tsri_fs_place place;
    struct stat current;
    int status = tsri_fs_place_open(fs, key, false, &place, &failure);
    if (status == 0) {
        status = look(fs, &place, key, ret_exists, &current, &failure);
        tsri_fs_place_close(fs, &place);
    } else if (status == TSR_NOT_FOUND) {
        *ret_exists = false;
        return 0;
    }
    if (status < 0 && err)
        *err = failure;
    return status;
}

int tsri_fs_erase(tsr_store *store, const char *key, const tsr_generation *if_match, tsr_lock *lock,
                  const tsr_call *call, tsr_error *err)
{
    tsri_fs *fs = (tsri_fs *)store;
    tsri_watch watch = tsri_watch_start(store->context, call);
    bool exists;
    TSRI_TRY(tsri_fs_sync_check(fs, err));
    TSRI_TRY(tsri_watch_check(&watch, err));
    TSRI_TRY(tsri_fs_check_key(key, err));
    if (lock) {
        TSRI_TRY(check_lock((tsri_fs_lock *)lock, key, err));
        return erase_under_lock(fs, (tsri_fs_lock *)lock, key, if_match, &watch, err);
    }
    tsri_fs_group_publish_key(fs, key);
    TSRI_TRY(is_there(fs, key, &exists, err));
    if (!exists)
        return tsri_check_match(key, if_match, NULL, err);
    tsri_fs_lock own;
    TSRI_TRY(tsri_fs_lock_take(fs, key, if_match != NULL, &watch, &own, err));
    int status = erase_under_lock(fs, &own, key, if_match, &watch, err);
    tsri_fs_lock_release(fs, &own, NULL);
    return status;
}

/* ---- link ---- */

/* What a file system says that has no hard links, or no more of this file. */
static bool means_no_link(int error_number)
{
    return is_refused(error_number) || error_number == EMLINK || error_number == EXDEV;
}

/* The bytes, which may have been put without durability. */
static int sync_value(tsri_fs *fs, const tsri_fs_place *place, const char *key, tsr_error *err)
{
    int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | (fs->follow_symlinks ? 0 : O_NOFOLLOW);
    int file = tsri_fs_openat(fs, place->directory, place->name, flags);
    if (file < 0)
        return tsri_fs_error(fs, err, errno, "open", key);
    int status = tsri_fs_sync_file(fs, file, key, err);
    tsri_fs_close(fs, file);
    return status;
}

static int make_link(tsri_fs *fs, const tsri_fs_place *from, const tsri_fs_place *to,
                     const char *key, const char *second_key, const tsri_watch *watch,
                     tsr_error *err)
{
    struct stat status;
    bool exists = false;

    TSRI_TRY(look(fs, from, key, &exists, &status, err));
    if (!exists)
        return tsr_error_set(err, TSR_NOT_FOUND, "%s/%s does not exist", fs->root, key);
    if (fs->system->linkat(fs->system, from->directory, from->name, to->directory, to->name, 0) <
        0) {
        if (errno == EEXIST)
            return tsr_error_set(err, TSR_EXISTS, "%s/%s exists already", fs->root, second_key);
        if (means_no_link(errno))
            return tsr_error_set(err, TSR_UNSUPPORTED, "%s: no hard links", fs->root);
        return tsri_fs_error(fs, err, errno, "link", key);
    }
    TSRI_TRY(sync_value(fs, to, second_key, err));
    return tsri_fs_sync_entry(fs, to->folder, TSR_DURABILITY_CHUNK, watch, err);
}

int tsri_fs_link(tsr_store *store, const char *key, const char *second_key, const tsr_call *call,
                 tsr_error *err)
{
    tsri_fs *fs = (tsri_fs *)store;
    tsri_watch watch = tsri_watch_start(store->context, call);
    tsri_fs_place from, to;

    TSRI_TRY(tsri_fs_sync_check(fs, err));
    TSRI_TRY(tsri_watch_check(&watch, err));
    TSRI_TRY(tsri_fs_check_key(key, err));
    TSRI_TRY(tsri_fs_check_key(second_key, err));
    tsri_fs_group_publish(fs->group);
    TSRI_TRY(tsri_fs_place_open(fs, key, false, &from, err));
    int status = tsri_fs_place_open(fs, second_key, true, &to, err);
    if (status == 0) {
        status = make_link(fs, &from, &to, key, second_key, &watch, err);
        tsri_fs_place_close(fs, &to);
    }
    tsri_fs_place_close(fs, &from);
    return status;
}
