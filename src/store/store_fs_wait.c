/* Waiting for a change of one value. inotify only says when to look again: what counts is what the
 * path leads to, so nothing is missed when notices are, and where a file system is shared with
 * other machines, or its folder is replaced by another, looking from time to time is all there is.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/inotify.h>

#include "store/store_fs.h"

/* Between two looks where nobody gives notice, and where notices come. */
#define PAUSE_NS_MIN (5 * INT64_C(1000000))
#define PAUSE_NS_MAX (200 * INT64_C(1000000))
#define NOTICED_PAUSE_NS (INT64_C(1000) * 1000000)
#define NS_PER_MS 1000000

/* The generation of what a key leads to; all 0 when that is nothing. */
static int look(const tsri_fs *fs, const char *key, tsr_generation *ret_now, tsr_error *err)
{
    struct stat found;
    if (tsri_fs_root_stat(fs, key, &found, fs->follow_symlinks ? 0 : AT_SYMLINK_NOFOLLOW) == 0) {
        *ret_now = tsri_fs_generation(&found);
        return 0;
    }
    if (errno != ENOENT)
        return tsri_fs_error(fs, err, errno, "look at", key);
    *ret_now = (tsr_generation){{0}};
    return 0;
}

/* A descriptor that becomes readable when a name in the folder of the key changes; -1: none. */
static int open_notices(const tsri_fs *fs, const char *key)
{
    char folder[TSRI_KEY_BYTES_MAX + 1] = "", path[64];
    const char *slash = strrchr(key, '/');
    if (slash)
        snprintf(folder, sizeof folder, "%.*s", (int)(slash - key), key);
    int directory = tsri_fs_open_directory(fs, folder, O_RDONLY);
    if (directory < 0)
        return -1;
    int notices = tsri_fs_is_shared(fs, directory)
                      ? -1
                      : fs->system->inotify_init1(fs->system, IN_NONBLOCK | IN_CLOEXEC);
    snprintf(path, sizeof path, "/proc/self/fd/%d", directory);
    if (notices >= 0 &&
        fs->system->inotify_add_watch(fs->system, notices, path,
                                      IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE |
                                          IN_CLOSE_WRITE | IN_DELETE_SELF | IN_MOVE_SELF) < 0) {
        tsri_fs_close(fs, notices);
        notices = -1;
    }
    tsri_fs_close(fs, directory);
    return notices;
}

/* Takes in all notices that have come, without looking at them. */
static void drain(const tsri_fs *fs, int notices)
{
    char events[4096];
    while (fs->system->read(fs->system, notices, events, sizeof events) > 0)
        ;
}

/* Sleeps for a while, less when a notice comes. */
static int pause_or_notice(const tsri_fs *fs, int notices, int64_t pause_ns, tsri_watch *watch,
                           tsr_error *err)
{
    const tsr_system *system = fs->system;
    int64_t until_ns = system->monotonic_ns(system) + pause_ns, left_ns;
    while ((left_ns = until_ns - system->monotonic_ns(system)) > 0) {
        struct pollfd ready = {.fd = notices, .events = POLLIN};
        int64_t slice_ns = TSRI_MIN(left_ns, TSRI_WATCH_SLICE_NS);
        TSRI_TRY(tsri_watch_poll(watch, err));
        int result = notices < 0 ? 0
                                 : system->poll(system, &ready, 1,
                                                (int)((slice_ns + NS_PER_MS - 1) / NS_PER_MS));
        if (result > 0) {
            drain(fs, notices);
            return 0;
        }
        if (notices < 0 || result < 0)
            system->sleep_ns(system, slice_ns);
    }
    return 0;
}

/* A version that was replaced changes no more, so that waiting for it would have no end. */
static int check_version(const tsri_fs *fs, tsr_error *err)
{
    if (!tsri_fs_root_is_replaced(fs))
        return 0;
    tsr_error_set(err, TSR_UNREACHABLE,
                  "%s: a transaction has replaced this version of the tree, which changes no more",
                  fs->root);
    tsr_error_set_next_step(err, "open it again");
    return TSR_UNREACHABLE;
}

int tsri_fs_wait(tsr_store *store, const char *key, const tsr_generation *known,
                 const tsr_call *call, tsr_error *err)
{
    const tsri_fs *fs = (const tsri_fs *)store;
    tsri_watch watch = tsri_watch_start(store->context, call);
    tsr_generation now;
    int status;
    TSRI_TRY(tsri_fs_check_key(key, err));
    int notices = open_notices(fs, key); /* before the first look, so that none is missed */
    int64_t pause_ns = notices < 0 ? PAUSE_NS_MIN : NOTICED_PAUSE_NS;
    while ((status = look(fs, key, &now, err)) == 0 && memcmp(&now, known, sizeof now) == 0 &&
           (status = check_version(fs, err)) == 0 &&
           (status = pause_or_notice(fs, notices, pause_ns, &watch, err)) == 0)
        if (notices < 0)
            pause_ns = TSRI_MIN(2 * pause_ns, PAUSE_NS_MAX);
    tsri_fs_close(fs, notices);
    return status;
}
