#include "store/versions.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#include "store/store_kinds.h"

#define WAIT_NS (1 * INT64_C(1000000))

int tsri_versions_error(const tsri_versions *versions, const char *operation, const char *name,
                        int error_number, tsr_error *err)
{
    char path[3 * TSRI_FS_NAME_MAX + 4];
    snprintf(path, sizeof path, "%s%s%s", versions->container_name, name[0] ? "/" : "", name);
    return tsri_fs_error(versions->fs, err, error_number, operation, path);
}

/* ---- finding ---- */

static int refuse_store(const char *place, tsr_error *err)
{
    tsr_error_set(
        err, TSR_UNSUPPORTED,
        "%s: a transaction exchanges two folders at once, which only a file system can do", place);
    tsr_error_set_next_step(err, "work on a copy in a file system, and copy it back");
    return TSR_UNSUPPORTED;
}

static int split_root(const char *root, char **ret_folder, tsri_versions *versions, tsr_error *err)
{
    const char *slash = strrchr(root, '/'), *name = slash ? slash + 1 : root;
    size_t size = slash ? TSRI_MAX((size_t)(slash - root), (size_t)1) : 0;
    if (!name[0] || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
        tsr_error_set(err, TSR_INVALID_ARGUMENT, "%s: a path that does not end in a name", root);
        tsr_error_set_next_step(err, "give the tree by the name that its folder has");
        return TSR_INVALID_ARGUMENT;
    }
    int length = snprintf(versions->container_name, sizeof versions->container_name,
                          TSRI_FS_VERSIONS_FORMAT, (int)TSRI_MIN(strlen(name), (size_t)1000), name);
    if (length > TSRI_FS_NAME_MAX)
        return tsri_error_errno(err, ENAMETOOLONG, "name the versions of", root);
    strcpy(versions->name, name);
    *ret_folder = size ? tsri_strndup(root, size) : tsri_strdup(".");
    return *ret_folder ? 0 : tsri_error_no_memory(err, size);
}

int tsri_versions_open(tsr_context *context, const char *place, tsri_versions *ret_versions,
                       tsr_error *err)
{
    tsr_auto(tsr_store) *tree = NULL;
    tsr_auto(tsri_text) *folder = NULL;
    tsri_versions versions = {.folder = -1, .container = -1, .lock = -1};

    TSRI_TRY(tsr_store_open(context, place, &tree, err));
    if (tree->ops != &tsri_store_fs_ops)
        return refuse_store(place, err);
    TSRI_TRY(split_root(((tsri_fs *)tree)->root, &folder, &versions, err));
    TSRI_TRY(tsr_store_open(context, folder, &versions.store, err));
    versions.fs = (tsri_fs *)versions.store;
    versions.folder = tsri_fs_open_directory(versions.fs, "", O_RDONLY);
    if (versions.folder >= 0) {
        versions.container = tsri_fs_openat(versions.fs, versions.folder, versions.container_name,
                                            O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
        if (versions.container >= 0 || errno == ENOENT) {
            *ret_versions = versions;
            return 0;
        }
    }
    int status = versions.folder < 0 ? tsri_fs_error(versions.fs, err, errno, "open", "")
                                     : tsri_versions_error(&versions, "open", "", errno, err);
    tsri_versions_close(&versions);
    return status;
}

void tsri_versions_close(tsri_versions *versions)
{
    if (!versions->store)
        return;
    tsri_versions_unlock(versions);
    tsri_fs_close(versions->fs, versions->container);
    tsri_fs_close(versions->fs, versions->folder);
    tsr_store_close(versions->store);
    *versions = (tsri_versions){.folder = -1, .container = -1, .lock = -1};
}

int tsri_versions_make(tsri_versions *versions, tsr_error *err)
{
    const tsr_system *system = versions->fs->system;
    if (versions->container >= 0)
        return 0;
    if (system->mkdirat(system, versions->folder, versions->container_name, 0777) < 0 &&
        errno != EEXIST)
        return tsri_versions_error(versions, "make", "", errno, err);
    versions->container = tsri_fs_openat(versions->fs, versions->folder, versions->container_name,
                                         O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    return versions->container < 0 ? tsri_versions_error(versions, "open", "", errno, err) : 0;
}

/* ---- locking ---- */

int tsri_versions_lock_file(const tsri_versions *versions, int file, const char *name,
                            const tsri_watch *given, tsr_error *err)
{
    const tsr_system *system = versions->fs->system;
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    while (system->lock(system, file, F_OFD_SETLK, &whole) < 0) {
        if (errno != EAGAIN && errno != EACCES && errno != EINTR) {
            bool none =
                errno == EINVAL || errno == ENOLCK || errno == ENOSYS || errno == EOPNOTSUPP;
            int status = tsri_versions_error(versions, "lock", name, errno, err);
            return none ? tsr_error_set(err, TSR_UNSUPPORTED, "%s: a file system without locks",
                                        versions->fs->root)
                        : status;
        }
        if (!given)
            return 1;
        tsri_watch watch = *given;
        int status = tsri_watch_poll(&watch, err);
        if (status < 0) {
            tsr_error_set_where(err, "waiting for another transaction of %s", versions->name);
            return status;
        }
        system->sleep_ns(system, WAIT_NS);
    }
    return 0;
}

int tsri_versions_lock(tsri_versions *versions, const tsri_watch *watch, tsr_error *err)
{
    int file = tsri_fs_openat(versions->fs, versions->container, TSRI_VERSIONS_LOCK_NAME,
                              O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK);
    if (file < 0)
        return tsri_versions_error(versions, "open", TSRI_VERSIONS_LOCK_NAME, errno, err);
    int status = tsri_versions_lock_file(versions, file, TSRI_VERSIONS_LOCK_NAME, watch, err);
    if (status < 0)
        tsri_fs_close(versions->fs, file);
    else
        versions->lock = file;
    return status;
}

void tsri_versions_unlock(tsri_versions *versions)
{
    tsri_fs_close(versions->fs, versions->lock);
    versions->lock = -1;
}

/* ---- names ---- */

char *tsri_versions_path(const tsri_versions *versions, const char *version, bool of_tree)
{
    const char *root = versions->fs->root;
    bool ends = root[strlen(root) - 1] == '/';
    return tsri_format("%s%s%s/%s%s%s", root, ends ? "" : "/", versions->container_name, version,
                       of_tree ? "/" : "", of_tree ? versions->name : "");
}

int64_t tsri_version_number(const char *name)
{
    char *end;
    if (name[0] < '0' || name[0] > '9')
        return 0;
    errno = 0;
    long long number = strtoll(name, &end, 10);
    return errno == 0 && *end == '.' && number > 0 ? (int64_t)number : 0;
}

int tsri_versions_list(const tsri_versions *versions, int (*each)(void *user, const char *name),
                       void *user, tsr_error *err)
{
    const tsr_system *system = versions->fs->system;
    int folder = tsri_fs_openat(versions->fs, versions->container, ".", O_RDONLY | O_DIRECTORY);
    DIR *stream = folder < 0 ? NULL : system->fdopendir(system, folder);
    if (!stream) {
        int error_number = errno;
        tsri_fs_close(versions->fs, folder);
        return tsri_versions_error(versions, "list", "", error_number, err);
    }
    const struct dirent *entry;
    int status = 0;
    for (errno = 0; status == 0 && (entry = system->readdir(system, stream)) != NULL; errno = 0)
        status = each(user, entry->d_name);
    int error_number = status == 0 ? errno : 0;
    system->closedir(system, stream);
    return error_number ? tsri_versions_error(versions, "list", "", error_number, err) : status;
}

static int find_last(void *user, const char *name)
{
    int64_t *last = user, number = tsri_version_number(name);
    *last = TSRI_MAX(*last, number);
    return 0;
}

int tsri_versions_number(const tsri_versions *versions, const char *draft, tsr_error *err)
{
    const tsr_system *system = versions->fs->system;
    char name[TSRI_FS_NAME_MAX + 1];
    time_t now_s = (time_t)(system->realtime_ns(system) / INT64_C(1000000000));
    int64_t last = 0;
    struct tm now;
    TSRI_TRY(tsri_versions_list(versions, find_last, &last, err));
    gmtime_r(&now_s, &now);
    snprintf(name, sizeof name, "%010" PRId64 ".%04d%02d%02dT%02d%02d%02dZ", last + 1,
             now.tm_year + 1900, now.tm_mon + 1, now.tm_mday, now.tm_hour, now.tm_min, now.tm_sec);
    if (system->renameat(system, versions->container, draft, versions->container, name) < 0)
        return tsri_versions_error(versions, "rename", draft, errno, err);
    return tsri_fs_sync_directory(versions->fs, versions->container, versions->container_name, err);
}

/* ---- removing ---- */

int tsri_versions_remove(const tsri_versions *versions, const char *version, const tsr_call *call,
                         tsr_error *err)
{
    char name[2 * TSRI_FS_NAME_MAX + 3];
    tsri_fs *fs = versions->fs;
    snprintf(name, sizeof name, "%s/" TSRI_FS_REMOVED_NAME, version);
    int told =
        tsri_fs_openat(fs, versions->container, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK);
    if (told < 0)
        return errno == ENOENT ? 0 : tsri_versions_error(versions, "make", name, errno, err);
    tsri_fs_close(fs, told);
    tsr_auto(tsri_text) *path = tsri_versions_path(versions, version, false);
    if (!path)
        return tsri_error_no_memory(err, strlen(version));
    tsr_auto(tsr_store) *store = NULL;
    TSRI_TRY(tsr_store_open(fs->head.context, path, &store, err));
    return tsri_fs_erase_unread(store, call, err);
}
