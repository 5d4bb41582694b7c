/* The folder that a store stays with.
 *
 * A transaction (transaction.h) exchanges the folder of a tree for another one, at any moment. A
 * store that looked its root up by name each time would then read metadata of one version and
 * chunks of the next. So the root is found once, and held by a descriptor: all that is opened below
 * it lies in one version, wherever that version is moved to.
 *
 * Descriptors are few: a context holds a quarter of what the process may have. Stores beyond that
 * look the name up each time and make sure that it leads to the same folder still. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>

#include "store/store_fs.h"

/* Trees nest less deep than this; a root deeper inside of one is not told of its transactions. */
#define LEVELS_MAX 32

/* Of a path from a root to a file beside its tree. */
#define BESIDE_BYTES_MAX (3 * LEVELS_MAX + 4)
#define BESIDE_PATH_MAX (BESIDE_BYTES_MAX + TSRI_FS_COMMIT_NAME_MAX)

#define WAIT_NS (1 * INT64_C(1000000))

struct tsri_fs_root {
    tsri_fs_root *before; /* that was found before this one */
    int descriptor;       /* -1: there is none, and the name is looked up each time */
    dev_t device;
    ino_t inode;
    bool counts_links;            /* some file systems that programs make say 0 of every folder */
    bool is_version;              /* it lay among the versions of a tree when it was found */
    int levels;                   /* of folders above it that belong to the same tree */
    char above[BESIDE_BYTES_MAX]; /* "../../": from here to the folder that holds the tree */
    char committing[BESIDE_PATH_MAX];
};

/* ---- finding ---- */

/* Descriptor and path by which something below a root is to be reached. */
typedef struct reach {
    int directory;
    const char *path;
    char full[PATH_MAX];
} reach;

static bool reach_from(const tsri_fs *fs, const tsri_fs_root *root, const char *path, reach *ret)
{
    if (root->descriptor >= 0) {
        ret->directory = root->descriptor;
        ret->path = path[0] ? path : ".";
        return true;
    }
    ret->directory = fs->base;
    ret->path = ret->full;
    if (tsri_fs_full_path(fs, path, ret->full))
        return true;
    errno = ENAMETOOLONG;
    return false;
}

static bool exists_at(const tsri_fs *fs, const tsri_fs_root *root, const char *path)
{
    reach to TSRI_UNINITIALIZED;
    struct stat status;
    return reach_from(fs, root, path, &to) &&
           fs->system->fstatat(fs->system, to.directory, to.path, &status, AT_SYMLINK_NOFOLLOW) ==
               0;
}

/* Whether a file lies beside the tree. */
static bool exists_beside(const tsri_fs *fs, const tsri_fs_root *root, const char *name)
{
    char path[BESIDE_PATH_MAX];
    snprintf(path, sizeof path, "%s%s", root->above, name);
    return exists_at(fs, root, path);
}

static bool above_holds_node(const tsri_fs *fs, const tsri_fs_root *root)
{
    return exists_beside(fs, root, "zarr.json") || exists_beside(fs, root, ".zgroup");
}

/* Climbs to the top of the tree, which is what transactions exchange. False with errno. */
static bool find_tree(const tsri_fs *fs, tsri_fs_root *root)
{
    reach to TSRI_UNINITIALIZED;
    struct stat status;
    strcpy(root->above, "../");
    while (root->levels < LEVELS_MAX && above_holds_node(fs, root)) {
        strcat(root->above, "../");
        root->levels++;
    }
    char tree[BESIDE_BYTES_MAX + 1];
    snprintf(tree, sizeof tree, "%.*s.", 3 * root->levels, root->above);
    if (!reach_from(fs, root, tree, &to) ||
        fs->system->fstatat(fs->system, to.directory, to.path, &status, 0) < 0)
        return false;
    char name[TSRI_FS_COMMIT_NAME_MAX];
    tsri_fs_commit_name(status.st_ino, name);
    snprintf(root->committing, sizeof root->committing, "%s%s", root->above, name);
    root->is_version = exists_beside(fs, root, TSRI_FS_RECORD_NAME);
    return true;
}

/* Opens the folder, as far as descriptors last. False with errno. */
static bool open_root(const tsri_fs *fs, tsri_fs_root *root)
{
    const tsr_system *system = fs->system;
    struct stat status;
    root->descriptor = -1;
    if (tsri_fs_keep_root(fs)) {
        root->descriptor = tsri_fs_openat(fs, fs->base, fs->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
        int error_number = errno;
        if (root->descriptor < 0)
            tsri_fs_keep_give_root(fs);
        errno = error_number;
        if (root->descriptor < 0 && errno != EMFILE && errno != ENFILE)
            return false;
    }
    int result = root->descriptor < 0 ? system->fstatat(system, fs->base, fs->root, &status, 0)
                                      : system->fstat(system, root->descriptor, &status);
    if (result == 0 && !S_ISDIR(status.st_mode)) {
        errno = ENOTDIR;
        result = -1;
    }
    root->device = result < 0 ? 0 : status.st_dev;
    root->inode = result < 0 ? 0 : status.st_ino;
    root->counts_links = result == 0 && status.st_nlink > 0;
    return result == 0;
}

static void close_root(const tsri_fs *fs, const tsri_fs_root *root)
{
    if (root->descriptor < 0)
        return;
    tsri_fs_close(fs, root->descriptor);
    tsri_fs_keep_give_root(fs);
}

/* A store has one descriptor for its root, whatever becomes of that: other threads may be using its
 * number. Under the mutex; false with errno. */
static bool take_over_descriptor(tsri_fs *fs, tsri_fs_root *root)
{
    int held = -1;
    for (const tsri_fs_root *earlier = fs->roots; earlier && held < 0; earlier = earlier->before)
        held = earlier->descriptor;
    if (held < 0 || root->descriptor < 0)
        return true;
    if (fs->system->dup3(fs->system, root->descriptor, held, O_CLOEXEC) < 0)
        return false;
    close_root(fs, root);
    root->descriptor = held;
    return true;
}

/* Makes a root known, unless another thread has found one meanwhile. NULL with errno. */
static tsri_fs_root *publish(tsri_fs *fs, tsri_fs_root *root)
{
    tsri_fork_mutex_lock(&fs->mutex);
    tsri_fs_root *known = __atomic_load_n(&fs->found, __ATOMIC_ACQUIRE);
    bool is_ours = !known && take_over_descriptor(fs, root);
    int error_number = errno;
    if (is_ours) {
        root->before = fs->roots;
        fs->roots = root;
        __atomic_store_n(&fs->found, root, __ATOMIC_RELEASE);
    }
    tsri_fork_mutex_unlock(&fs->mutex);
    if (is_ours)
        return root;
    close_root(fs, root);
    tsri_free(root);
    errno = error_number;
    return known;
}

/* The root's folder; NULL with errno where there is none. */
static tsri_fs_root *find_root(const tsri_fs *fs)
{
    tsri_fs_root *root = __atomic_load_n(&fs->found, __ATOMIC_ACQUIRE);
    if (root)
        return root;
    root = tsri_alloc_zero(sizeof *root);
    if (!root) {
        errno = ENOMEM;
        return NULL;
    }
    if (!open_root(fs, root) || !find_tree(fs, root)) {
        int error_number = errno;
        close_root(fs, root);
        tsri_free(root);
        errno = error_number;
        return NULL;
    }
    return publish((tsri_fs *)fs, root);
}

/* ---- what became of it ---- */

/* Whether the name of the root leads to the folder that it was found to be. */
static bool is_same(const tsri_fs *fs, const tsri_fs_root *root)
{
    struct stat status;
    return fs->system->fstatat(fs->system, fs->base, fs->root, &status, 0) == 0 &&
           status.st_dev == root->device && status.st_ino == root->inode;
}

/* Whether the folder that is held was removed; it can be opened by its descriptor still. */
static bool is_removed(const tsri_fs *fs, const tsri_fs_root *root)
{
    struct stat status;
    return root->counts_links && fs->system->fstat(fs->system, root->descriptor, &status) == 0 &&
           status.st_nlink == 0;
}

/* Something below the root is not there: whether that is so because all of it is going. Whoever
 * collects a version says so beside it before he removes anything, and unsays it when the folder is
 * gone. */
static bool is_gone(const tsri_fs *fs, const tsri_fs_root *root)
{
    if (root->descriptor < 0)
        return !is_same(fs, root);
    return exists_beside(fs, root, TSRI_FS_REMOVED_NAME) || is_removed(fs, root);
}

/* Whether transactions keep versions of the tree beside it. Of a tree that is not named by its path
 * (".") nobody knows. */
static bool has_versions(const tsri_fs *fs, const tsri_fs_root *root)
{
    char path[PATH_MAX];
    struct stat status;
    size_t size = strlen(fs->root);
    for (int level = 0; level < root->levels; level++) {
        while (size > 0 && fs->root[size - 1] != '/')
            size--;
        while (size > 0 && fs->root[size - 1] == '/')
            size--;
    }
    size_t start = size;
    while (start > 0 && fs->root[start - 1] != '/')
        start--;
    int length = snprintf(path, sizeof path, "%.*s" TSRI_FS_VERSIONS_FORMAT, (int)start, fs->root,
                          (int)(size - start), fs->root + start);
    return length < PATH_MAX &&
           fs->system->fstatat(fs->system, fs->base, path, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

void tsri_fs_root_forget(tsri_fs *fs)
{
    __atomic_store_n(&fs->found, NULL, __ATOMIC_RELEASE);
}

bool tsri_fs_root_renew(tsri_fs *fs)
{
    const tsri_fs_root *root = __atomic_load_n(&fs->found, __ATOMIC_ACQUIRE);
    if (!root)
        return true;
    if (root->is_version || has_versions(fs, root)) {
        errno = ESTALE;
        return false;
    }
    tsri_fs_root_forget(fs);
    return true;
}

/* ---- opening and looking ---- */

/* Decides about a call that has ended: 0: its result counts, 1: do it again, -1 with errno. */
static int judge(const tsri_fs *fs, const tsri_fs_root *root, bool found, bool is_root)
{
    int error_number = errno;
    bool lost = false;
    if (found && root->descriptor < 0)
        lost = !is_same(fs, root);
    else if (found && is_root)
        lost = is_removed(fs, root);
    else if (!found && error_number == ENOENT)
        lost = is_gone(fs, root);
    errno = error_number;
    if (!lost)
        return 0;
    return tsri_fs_root_renew((tsri_fs *)fs) ? 1 : -1;
}

int tsri_fs_root_openat(const tsri_fs *fs, const char *path, int flags)
{
    for (int attempt = 0; attempt < TSRI_FS_ATTEMPTS; attempt++) {
        reach to TSRI_UNINITIALIZED;
        const tsri_fs_root *root = find_root(fs);
        if (!root || !reach_from(fs, root, path, &to))
            return -1;
        int descriptor = fs->system->openat(fs->system, to.directory, to.path, flags, 0666);
        int verdict = judge(fs, root, descriptor >= 0, !path[0]);
        if (verdict == 0)
            return descriptor;
        int error_number = errno;
        tsri_fs_close(fs, descriptor);
        errno = error_number;
        if (verdict < 0)
            return -1;
    }
    errno = ESTALE;
    return -1;
}

int tsri_fs_root_stat(const tsri_fs *fs, const char *path, struct stat *ret_status, int flags)
{
    for (int attempt = 0; attempt < TSRI_FS_ATTEMPTS; attempt++) {
        reach to TSRI_UNINITIALIZED;
        const tsri_fs_root *root = find_root(fs);
        if (!root || !reach_from(fs, root, path, &to))
            return -1;
        int result = fs->system->fstatat(fs->system, to.directory, to.path, ret_status, flags);
        int verdict = judge(fs, root, result == 0, !path[0]);
        if (verdict <= 0)
            return verdict < 0 ? -1 : result;
    }
    errno = ESTALE;
    return -1;
}

/* ---- after a change ---- */

/* Waits until nobody holds the lock of the file by which a transaction tells that it is about to
 * replace the tree. */
static int wait_for_commit(const tsri_fs *fs, const tsri_fs_root *root, const tsri_watch *given,
                           tsr_error *err)
{
    reach to TSRI_UNINITIALIZED;
    tsri_watch watch = *given;
    struct flock whole = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
    int status = 0, file = -1;
    if (reach_from(fs, root, root->committing, &to))
        file = tsri_fs_openat(fs, to.directory, to.path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (file < 0)
        return errno == ENOENT ? 0 : tsri_fs_error(fs, err, errno, "open", root->committing);
    while (status == 0 && fs->system->lock(fs->system, file, F_OFD_SETLK, &whole) < 0 &&
           (errno == EAGAIN || errno == EACCES || errno == EINTR)) {
        fs->system->sleep_ns(fs->system, WAIT_NS);
        status = tsri_watch_poll(&watch, err);
    }
    tsri_fs_close(fs, file);
    if (status < 0)
        tsr_error_set_where(err, "waiting for a transaction of the tree of %s", fs->root);
    return status;
}

/* Beside a version that was replaced lie both the file that told of the commit, which lies beside
 * the tree before the exchange, and its record. */
static bool is_replaced(const tsri_fs *fs, const tsri_fs_root *root)
{
    return exists_at(fs, root, root->committing) && exists_beside(fs, root, TSRI_FS_RECORD_NAME);
}

bool tsri_fs_root_is_replaced(const tsri_fs *fs)
{
    const tsri_fs_root *root = __atomic_load_n(&fs->found, __ATOMIC_ACQUIRE);
    return root && is_replaced(fs, root);
}

int tsri_fs_root_check(tsri_fs *fs, const tsri_watch *watch, tsr_error *err)
{
    const tsri_fs_root *root = __atomic_load_n(&fs->found, __ATOMIC_ACQUIRE);
    if (!root || !exists_at(fs, root, root->committing))
        return 0;
    TSRI_TRY(wait_for_commit(fs, root, watch, err));
    /* Either it was given up, and what was changed stays, or the transaction has died. */
    if (!is_replaced(fs, root))
        return 0;
    tsr_error_set(err, TSR_READ_ONLY,
                  "%s: a transaction has replaced this version of the tree, and what was written "
                  "since is not in the new one",
                  fs->root);
    tsr_error_set_next_step(err, "open it again and write once more");
    return TSR_READ_ONLY;
}

void tsri_fs_root_clear(tsri_fs *fs)
{
    int held = -1;
    while (fs->roots) {
        tsri_fs_root *root = fs->roots;
        fs->roots = root->before;
        if (root->descriptor >= 0)
            held = root->descriptor;
        tsri_free(root);
    }
    if (held >= 0) {
        tsri_fs_close(fs, held);
        tsri_fs_keep_give_root(fs);
    }
}
