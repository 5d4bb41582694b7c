/* From keys to open directories. A key cannot leave the root: its grammar has no "..", and where
 * links must not be followed every directory on the way is opened from the one above it. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>

#include "base/text.h"
#include "store/store_fs.h"

#define OWN_SUFFIX "__lock"

static bool is_own_part(const char *name, size_t size)
{
    const size_t suffix_size = strlen(OWN_SUFFIX);
    return size >= suffix_size && memcmp(name + size - suffix_size, OWN_SUFFIX, suffix_size) == 0;
}

bool tsri_fs_is_own_name(const char *name)
{
    return is_own_part(name, strlen(name));
}

bool tsri_fs_is_key_part(const char *name)
{
    return !tsri_fs_is_own_name(name) && tsr_store_check_key(name, NULL) == 0;
}

int tsri_fs_check_key(const char *key, tsr_error *err)
{
    TSRI_TRY(tsr_store_check_key(key, err));
    for (const char *part = key; part;) {
        const char *slash = strchr(part, '/');
        if (is_own_part(part, slash ? (size_t)(slash - part) : strlen(part))) {
            tsr_error_set(err, TSR_INVALID_ARGUMENT,
                          "key \"%s\": on a file system, names that end in \"" OWN_SUFFIX
                          "\" belong to lock files",
                          key);
            tsr_error_set_next_step(err, "choose another name");
            return TSR_INVALID_ARGUMENT;
        }
        part = slash ? slash + 1 : NULL;
    }
    return 0;
}

/* ---- Errors ---- */

bool tsri_fs_full_path(const tsri_fs *fs, const char *path, char *ret_full)
{
    size_t root_bytes = strlen(fs->root), path_bytes = strlen(path);
    if (root_bytes + path_bytes + 2 > PATH_MAX)
        return false;
    memcpy(ret_full, fs->root, root_bytes);
    if (path_bytes > 0)
        ret_full[root_bytes++] = '/';
    memcpy(ret_full + root_bytes, path, path_bytes + 1);
    return true;
}

/* The status of a name below the root, or of the root itself; the links in front of it are
 * followed. */
static bool path_stat(const tsri_fs *fs, const char *path, int flags, struct stat *ret_status)
{
    char full[PATH_MAX] TSRI_UNINITIALIZED;
    if (!tsri_fs_full_path(fs, path, full))
        return false;
    return fs->system->fstatat(fs->system, fs->base, full, ret_status, flags) == 0;
}

static int not_a_folder(const tsri_fs *fs, tsr_error *err, const char *operation, const char *path)
{
    struct stat status;
    if (path_stat(fs, "", 0, &status) && !S_ISDIR(status.st_mode)) {
        tsr_error_set(err, TSR_NOT_FOUND, "%s is a file, not a folder", fs->root);
        return TSR_NOT_FOUND;
    }
    tsr_error_set(err, TSR_IO, "%s %s/%s: there is a file where a folder should be", operation,
                  fs->root, path);
    tsr_error_set_next_step(err, "look at the names above it; a key and a key below it exclude "
                                 "each other on a file system");
    return TSR_IO;
}

static int refused_link(const tsri_fs *fs, tsr_error *err, const char *operation, const char *path)
{
    tsr_error_set(err, TSR_PERMISSION,
                  "%s %s/%s: it leads through a symbolic link, and this context follows none",
                  operation, fs->root, path);
    tsr_error_set_next_step(err, "allow links (follow_symlinks) if you trust this folder");
    return TSR_PERMISSION;
}

static int gone(const tsri_fs *fs, tsr_error *err, const char *operation, const char *path)
{
    tsr_error_set(err, TSR_UNREACHABLE,
                  "%s %s/%s: the folder %s was removed or replaced since it was opened", operation,
                  fs->root, path, fs->root);
    tsr_error_set_next_step(err, "open it again");
    return TSR_UNREACHABLE;
}

int tsri_fs_error(const tsri_fs *fs, tsr_error *err, int error_number, const char *operation,
                  const char *path)
{
    if (error_number == ENOTDIR)
        return not_a_folder(fs, err, operation, path);
    if (error_number == ELOOP && !fs->follow_symlinks)
        return refused_link(fs, err, operation, path);
    if (error_number == ESTALE)
        return gone(fs, err, operation, path);
    char full[TSR_ERROR_MESSAGE_MAX];
    tsri_text_print(full, sizeof full, "%s%s%s", fs->root, path[0] ? "/" : "", path);
    return tsri_error_errno(err, error_number, operation, full);
}

int tsri_fs_check_regular(const tsri_fs *fs, const struct stat *status, const char *key,
                          tsr_error *err)
{
    const char *kind = "a device";
    if (S_ISREG(status->st_mode))
        return 0;
    if (S_ISDIR(status->st_mode))
        kind = "a folder";
    else if (S_ISLNK(status->st_mode))
        return refused_link(fs, err, "open", key);
    else if (S_ISFIFO(status->st_mode))
        kind = "a pipe";
    else if (S_ISSOCK(status->st_mode))
        kind = "a socket";
    tsr_error_set(err, TSR_IO, "%s/%s is %s, not a file", fs->root, key, kind);
    tsr_error_set_next_step(err, "move it away if it does not belong there");
    return TSR_IO;
}

/* ---- Opening ---- */

void tsri_fs_close(const tsri_fs *fs, int descriptor)
{
    if (descriptor >= 0)
        fs->system->close(fs->system, descriptor);
}

/* Closes without losing errno. */
static int close_and_fail(const tsri_fs *fs, int descriptor, int error_number)
{
    tsri_fs_close(fs, descriptor);
    errno = error_number;
    return -1;
}

int tsri_fs_openat(const tsri_fs *fs, int directory, const char *path, int flags)
{
    int descriptor;
    do {
        descriptor = fs->system->openat(fs->system, directory, path, flags | O_CLOEXEC, 0666);
    } while (descriptor < 0 && (errno == EINTR || (errno == EMFILE && tsri_fs_keep_make_room(fs))));
    return descriptor;
}

/* Opens a path below the root as the kernel resolves it. */
static int open_following(const tsri_fs *fs, const char *path, int flags)
{
    int descriptor;
    do {
        descriptor = tsri_fs_root_openat(fs, path, flags | O_CLOEXEC);
    } while (descriptor < 0 && (errno == EINTR || (errno == EMFILE && tsri_fs_keep_make_room(fs))));
    return descriptor;
}

/* Opens the directory `name` in another one. */
static int open_part(const tsri_fs *fs, int directory, const char *name, int flags)
{
    if (fs->follow_symlinks)
        return tsri_fs_openat(fs, directory, name, flags | O_DIRECTORY);
    int descriptor = tsri_fs_openat(fs, directory, name, flags | O_DIRECTORY | O_NOFOLLOW);
    struct stat status;
    /* The kernel says ENOTDIR of a link, too. */
    if (descriptor < 0 && errno == ENOTDIR &&
        fs->system->fstatat(fs->system, directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0)
        errno = S_ISLNK(status.st_mode) ? ELOOP : ENOTDIR;
    return descriptor;
}

/* Makes the directory `name` in another one, unless somebody else does. `path` is its path below
 * the root. */
static int make_part(tsri_fs *fs, int directory, const char *name, const char *path)
{
    if (fs->system->mkdirat(fs->system, directory, name, 0777) < 0)
        return errno == EEXIST ? 0 : -1;
    if (tsri_fs_sync_note_made(fs, path))
        return 0;
    errno = ENOMEM;
    return -1;
}

/* Goes down from the root part by part. With `make` true parts that are not there are made. */
static int open_stepwise(tsri_fs *fs, const char *folder, int flags, bool make)
{
    int directory = open_following(fs, "", (folder[0] ? O_PATH : flags) | O_DIRECTORY);
    for (const char *part = folder; directory >= 0 && part[0];) {
        char path[TSRI_KEY_BYTES_MAX + 1];
        size_t size = strcspn(part, "/"), end = (size_t)(part - folder) + size;
        memcpy(path, folder, end);
        path[end] = 0;
        const char *name = path + (part - folder);
        int child_flags = folder[end] ? O_PATH : flags;
        int child = open_part(fs, directory, name, child_flags);
        if (child < 0 && errno == ENOENT && make) {
            if (make_part(fs, directory, name, path) < 0)
                return close_and_fail(fs, directory, errno);
            child = open_part(fs, directory, name, child_flags);
        }
        if (child < 0)
            return close_and_fail(fs, directory, errno);
        tsri_fs_close(fs, directory);
        directory = child;
        part += size + (folder[end] == '/');
    }
    return directory;
}

int tsri_fs_open_directory(const tsri_fs *fs, const char *folder, int flags)
{
    if (fs->follow_symlinks)
        return open_following(fs, folder, flags | O_DIRECTORY);
    return open_stepwise((tsri_fs *)fs, folder, flags, false);
}

/* Makes the root and what is missing above it. Returns 0, or -1 with errno. */
static int make_root(tsri_fs *fs)
{
    char path[PATH_MAX] TSRI_UNINITIALIZED;
    size_t size = strlen(fs->root);
    if (!tsri_fs_root_renew(fs))
        return -1;
    if (size >= sizeof path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(path, fs->root, size + 1);
    for (size_t i = 1; i <= size; i++) {
        if (path[i] != '/' && path[i] != 0)
            continue;
        path[i] = 0;
        if (fs->system->mkdirat(fs->system, fs->base, path, 0777) < 0 && errno != EEXIST)
            return -1;
        path[i] = i < size ? '/' : 0;
    }
    tsri_fs_sync_note_root(fs);
    return 0;
}

/* Opens a folder and makes what is missing on the way. */
static int make_directory(tsri_fs *fs, const char *folder, int flags)
{
    int descriptor = open_stepwise(fs, folder, flags, true);
    if (descriptor >= 0 || (errno != ENOENT && errno != ESTALE))
        return descriptor;
    return make_root(fs) < 0 ? -1 : open_stepwise(fs, folder, flags, true);
}

int tsri_fs_open_file(const tsri_fs *fs, const char *key)
{
    const int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY;
    if (fs->follow_symlinks)
        return open_following(fs, key, flags);
    char folder[TSRI_KEY_BYTES_MAX + 1] TSRI_UNINITIALIZED;
    const char *slash = strrchr(key, '/');
    size_t folder_bytes = slash ? (size_t)(slash - key) : 0;
    memcpy(folder, key, folder_bytes);
    folder[folder_bytes] = 0;
    int directory = tsri_fs_open_directory(fs, folder, O_PATH);
    if (directory < 0)
        return -1;
    int descriptor = tsri_fs_openat(fs, directory, slash ? slash + 1 : key, flags | O_NOFOLLOW);
    int error_number = errno;
    tsri_fs_close(fs, directory);
    errno = error_number;
    return descriptor;
}

int tsri_fs_place_open(tsri_fs *fs, const char *key, bool create, tsri_fs_place *ret_place,
                       tsr_error *err)
{
    tsri_fs_place place = {.directory = -1};
    const char *slash = strrchr(key, '/');
    const char *name = slash ? slash + 1 : key;
    size_t folder_size = slash ? (size_t)(slash - key) : 0;
    memcpy(place.folder, key, folder_size);
    if (strlen(name) + strlen(TSRI_FS_LOCK_SUFFIX) > TSRI_FS_NAME_MAX)
        return tsri_fs_error(fs, err, ENAMETOOLONG, "open", key);
    memcpy(place.name, name, strlen(name));
    place.directory = tsri_fs_open_directory(fs, place.folder, O_RDONLY);
    if (place.directory < 0 && (errno == ENOENT || errno == ESTALE) && create)
        place.directory = make_directory(fs, place.folder, O_RDONLY);
    if (place.directory < 0)
        return tsri_fs_error(fs, err, errno, "open", place.folder);
    *ret_place = place;
    return 0;
}

void tsri_fs_place_close(const tsri_fs *fs, tsri_fs_place *place)
{
    tsri_fs_close(fs, place->directory);
    place->directory = -1;
}

int tsri_fs_place_stat(const tsri_fs *fs, const tsri_fs_place *place, struct stat *ret_status)
{
    return fs->system->fstatat(fs->system, place->directory, place->name, ret_status,
                               fs->follow_symlinks ? 0 : AT_SYMLINK_NOFOLLOW);
}

/* ---- Files ---- */

tsr_generation tsri_fs_generation(const struct stat *status)
{
    return (tsr_generation){
        .words = {(uint64_t)status->st_dev, (uint64_t)status->st_ino,
                  (uint64_t)status->st_mtim.tv_sec * 1000000000 + (uint64_t)status->st_mtim.tv_nsec,
                  (uint64_t)status->st_size}};
}

/* Pieces in which long reads look at nothing else; the kernel moves at most 2 GiB a call anyway. */
#define READ_BYTES_MAX ((size_t)1 << 30)

bool tsri_fs_read(const tsri_fs *fs, int descriptor, void *bytes, size_t size_bytes, int64_t offset)
{
    for (size_t done = 0; done < size_bytes;) {
        size_t piece = TSRI_MIN(size_bytes - done, READ_BYTES_MAX);
        ssize_t got = fs->system->pread(fs->system, descriptor, (char *)bytes + done, piece,
                                        offset + (int64_t)done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            errno = got < 0 ? errno : 0;
            return false;
        }
        done += (size_t)got;
    }
    return true;
}
