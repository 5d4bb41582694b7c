#include "store/tree_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>

#include "exec/pool.h"

/* Times of files come in ticks: what was changed a moment ago may be changed again at the same
 * time. Kernels tick at least a hundred times a second; file systems of whole seconds show by times
 * without a fraction. */
#define TICK_NS (20 * INT64_C(1000000))
#define SECOND_NS INT64_C(1000000000)
#define ATTEMPTS_MAX 1000

#define FOLDER_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW)

void tsri_tree_copy_init(tsri_tree_copy *copy, tsri_fs *fs, const char *name)
{
    *copy =
        (tsri_tree_copy){.fs = fs, .from = -1, .to = -1, .name = name, .names = TSRI_ARENA_INIT};
    pthread_mutex_init(&copy->mutex, NULL);
}

void tsri_tree_copy_clear(tsri_tree_copy *copy)
{
    pthread_mutex_destroy(&copy->mutex);
    tsri_arena_clear(&copy->names);
    tsri_free(copy->folders);
}

/* ---- the list of folders ---- */

static int add_folder(tsri_tree_copy *copy, int64_t above, const char *name, tsr_error *err)
{
    int status = 0;
    pthread_mutex_lock(&copy->mutex);
    if (copy->count == copy->capacity) {
        int64_t capacity = copy->capacity ? 2 * copy->capacity : 64;
        tsri_tree_folder *folders =
            tsri_realloc_array(copy->folders, (size_t)capacity, sizeof *folders);
        if (folders) {
            copy->folders = folders;
            copy->capacity = capacity;
        }
    }
    const char *text = tsri_arena_strdup(&copy->names, name);
    if (copy->count < copy->capacity && text)
        copy->folders[copy->count++] = (tsri_tree_folder){.above = above, .name = text};
    else
        status = TSR_NO_MEMORY;
    pthread_mutex_unlock(&copy->mutex);
    return status < 0 ? tsri_error_no_memory(err, sizeof *copy->folders) : 0;
}

/* The path of a folder below the tree, "." for the tree itself. */
static int path_of(tsri_tree_copy *copy, int64_t number, char ret_path[PATH_MAX], tsr_error *err)
{
    char text[PATH_MAX];
    size_t start = sizeof text - 1;
    text[start] = 0;
    pthread_mutex_lock(&copy->mutex);
    for (; number > 0 && start > 0; number = copy->folders[number].above) {
        const char *name = copy->folders[number].name;
        size_t size = strlen(name) + 1;
        if (size > start)
            break;
        start -= size;
        memcpy(text + start, name, size - 1);
        text[start + size - 1] = '/';
    }
    pthread_mutex_unlock(&copy->mutex);
    if (number > 0)
        return tsri_fs_error(copy->fs, err, ENAMETOOLONG, "open a folder below", copy->name);
    if (text[start])
        text[sizeof text - 2] = 0; /* the last slash */
    memcpy(ret_path, text + start, sizeof text - start);
    if (!ret_path[0])
        strcpy(ret_path, ".");
    return 0;
}

/* The path of a name in a folder as errors show it. */
static void text_of(const tsri_tree_copy *copy, const char *folder, const char *name,
                    char ret_text[PATH_MAX])
{
    bool is_top = strcmp(folder, ".") == 0;
    snprintf(ret_text, PATH_MAX, "%.255s%s%.3000s%s%.255s", copy->name, is_top ? "" : "/",
             is_top ? "" : folder, name[0] ? "/" : "", name);
}

static int copy_error(const tsri_tree_copy *copy, const char *operation, const char *folder,
                      const char *name, int error_number, tsr_error *err)
{
    char text[PATH_MAX];
    text_of(copy, folder, name, text);
    return tsri_fs_error(copy->fs, err, error_number, operation, text);
}

/* The next name in a folder that is a part of a key; NULL at the end, with errno when it failed. */
static const struct dirent *next_name(const tsri_tree_copy *copy, DIR *stream)
{
    const tsr_system *system = copy->fs->system;
    const struct dirent *entry;
    do {
        errno = 0;
        entry = system->readdir(system, stream);
    } while (entry && (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
                       tsri_fs_is_own_name(entry->d_name)));
    return entry;
}

/* ---- linking ---- */

/* One folder of both trees, open. */
typedef struct pair {
    tsri_tree_copy *copy;
    int64_t number;
    char path[PATH_MAX];
    int from, to;
    DIR *stream; /* of `from`, whose descriptor it owns */
} pair;

static void close_pair(pair *self)
{
    const tsr_system *system = self->copy->fs->system;
    if (self->stream)
        system->closedir(system, self->stream);
    else
        tsri_fs_close(self->copy->fs, self->from);
    tsri_fs_close(self->copy->fs, self->to);
}

static int64_t nanoseconds_of(struct timespec time)
{
    return (int64_t)time.tv_sec * SECOND_NS + time.tv_nsec;
}

/* Notes when the folder was changed last, at a moment when every later change will show. */
static int note_time(const pair *self, tsr_error *err)
{
    const tsr_system *system = self->copy->fs->system;
    struct stat status;
    for (int attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
        if (system->fstat(system, self->from, &status) < 0)
            return copy_error(self->copy, "look at", self->path, "", errno, err);
        int64_t tick_ns = status.st_ctim.tv_nsec == 0 ? SECOND_NS + TICK_NS : TICK_NS;
        int64_t age_ns = system->realtime_ns(system) - nanoseconds_of(status.st_ctim);
        if (age_ns >= tick_ns || age_ns < -SECOND_NS) {
            pthread_mutex_lock(&self->copy->mutex);
            self->copy->folders[self->number].changed = status.st_ctim;
            pthread_mutex_unlock(&self->copy->mutex);
            return 0;
        }
        system->sleep_ns(system, tick_ns - age_ns);
    }
    return tsr_error_set(err, TSR_CONFLICT, "%s/%s/%s is written to all the time",
                         self->copy->fs->root, self->copy->name, self->path);
}

static int cannot_link(const pair *self, const char *name, int error_number, tsr_error *err)
{
    char text[PATH_MAX];
    text_of(self->copy, self->path, name, text);
    if (error_number == EMLINK) {
        tsr_error_set(err, TSR_UNSUPPORTED, "%s/%s has as many links as the file system allows",
                      self->copy->fs->root, text);
        tsr_error_set_next_step(err, "remove old versions (tessera gc)");
        return TSR_UNSUPPORTED;
    }
    if (error_number == EXDEV)
        return tsr_error_set(err, TSR_UNSUPPORTED,
                             "%s/%s lies on another file system than the tree, and a transaction "
                             "works in one",
                             self->copy->fs->root, text);
    if (error_number == EPERM || error_number == EOPNOTSUPP || error_number == ENOSYS) {
        tsr_error_set(err, TSR_UNSUPPORTED,
                      "%s/%s cannot be linked: the file system has no hard links, or the file "
                      "belongs to somebody else",
                      self->copy->fs->root, text);
        tsr_error_set_next_step(err, "copy the tree to a file system with hard links (ext4, XFS, "
                                     "Btrfs, tmpfs), as its owner");
        return TSR_UNSUPPORTED;
    }
    return copy_error(self->copy, "link", self->path, name, error_number, err);
}

/* What is written through a link to a folder would be seen in both versions. */
static int refuse_folder_link(const pair *self, const char *name, tsr_error *err)
{
    char text[PATH_MAX];
    text_of(self->copy, self->path, name, text);
    tsr_error_set(
        err, TSR_UNSUPPORTED,
        "%s/%s is a symbolic link to a folder, which all versions of the tree would share",
        self->copy->fs->root, text);
    tsr_error_set_next_step(err, "put the folder itself in its place");
    return TSR_UNSUPPORTED;
}

static int link_entry(const pair *self, const struct dirent *entry, tsr_error *err)
{
    const tsr_system *system = self->copy->fs->system;
    struct stat status;
    unsigned char type = entry->d_type;
    if (type == DT_UNKNOWN) {
        if (system->fstatat(system, self->from, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) < 0)
            return errno == ENOENT
                       ? 0
                       : copy_error(self->copy, "look at", self->path, entry->d_name, errno, err);
        type = S_ISDIR(status.st_mode) ? DT_DIR : S_ISLNK(status.st_mode) ? DT_LNK : DT_REG;
    }
    if (type == DT_LNK && system->fstatat(system, self->from, entry->d_name, &status, 0) == 0 &&
        S_ISDIR(status.st_mode))
        return refuse_folder_link(self, entry->d_name, err);
    if (type == DT_DIR) {
        if (system->mkdirat(system, self->to, entry->d_name, 0777) < 0)
            return copy_error(self->copy, "make a new version of", self->path, entry->d_name, errno,
                              err);
        return add_folder(self->copy, self->number, entry->d_name, err);
    }
    /* What vanishes meanwhile was removed before the transaction began. */
    if (system->linkat(system, self->from, entry->d_name, self->to, entry->d_name, 0) < 0 &&
        errno != ENOENT)
        return cannot_link(self, entry->d_name, errno, err);
    return 0;
}

/* The new folder gets mode and owner of the old one, as far as the user may give them. */
static int keep_attributes(const pair *self, tsr_error *err)
{
    const tsr_system *system = self->copy->fs->system;
    struct stat from, to;
    if (system->fstat(system, self->from, &from) < 0 || system->fstat(system, self->to, &to) < 0)
        return copy_error(self->copy, "look at", self->path, "", errno, err);
    if ((from.st_uid != to.st_uid || from.st_gid != to.st_gid) &&
        system->fchown(system, self->to, from.st_uid, from.st_gid) < 0 && errno != EPERM &&
        errno != EINVAL)
        return copy_error(self->copy, "set the owner of", self->path, "", errno, err);
    if ((from.st_mode & 07777) != (to.st_mode & 07777) &&
        system->fchmod(system, self->to, from.st_mode & 07777) < 0 && errno != EPERM)
        return copy_error(self->copy, "set the mode of", self->path, "", errno, err);
    return 0;
}

static int link_names(pair *self, tsr_error *err)
{
    const tsr_system *system = self->copy->fs->system;
    TSRI_TRY(note_time(self, err));
    self->stream = system->fdopendir(system, self->from);
    if (!self->stream)
        return copy_error(self->copy, "list", self->path, "", errno, err);
    const struct dirent *entry;
    while ((entry = next_name(self->copy, self->stream)) != NULL)
        TSRI_TRY(link_entry(self, entry, err));
    if (errno)
        return copy_error(self->copy, "list", self->path, "", errno, err);
    return keep_attributes(self, err);
}

static int open_pair(pair *self, tsr_error *err)
{
    tsri_tree_copy *copy = self->copy;
    TSRI_TRY(path_of(copy, self->number, self->path, err));
    self->from = tsri_fs_openat(copy->fs, copy->from, self->path, FOLDER_FLAGS);
    if (self->from < 0)
        return errno == ENOENT ? 0 : copy_error(copy, "open", self->path, "", errno, err);
    self->to = tsri_fs_openat(copy->fs, copy->to, self->path, FOLDER_FLAGS);
    return self->to >= 0 || errno == ENOENT ? 0
                                            : copy_error(copy, "open", self->path, "", errno, err);
}

/* A round of folders that lie at one depth. */
typedef struct round {
    tsri_tree_copy *copy;
    int64_t first;
} round;

static int link_folder(void *user, int64_t i, tsr_error *err)
{
    const round *self = user;
    pair folder = {.copy = self->copy, .number = self->first + i, .from = -1, .to = -1};
    int status = open_pair(&folder, err);
    /* A folder that is gone is empty in the new version, which the check will find. */
    if (status == 0 && folder.from >= 0 && folder.to >= 0)
        status = link_names(&folder, err);
    close_pair(&folder);
    return status;
}

int tsri_tree_copy_make(tsri_tree_copy *copy, const tsr_call *call, tsr_error *err)
{
    TSRI_TRY(add_folder(copy, -1, "", err));
    for (int64_t first = 0, end = 1; first < end;) {
        round self = {.copy = copy, .first = first};
        TSRI_TRY(tsri_parallel_for(copy->fs->head.context, call, NULL, end - first, 1, link_folder,
                                   &self, err));
        first = end;
        end = copy->count;
    }
    return 0;
}

/* ---- checking ---- */

static int conflict(const pair *self, const char *name, const char *what, tsr_error *err)
{
    char text[PATH_MAX];
    text_of(self->copy, self->path, name, text);
    tsr_error_set(err, TSR_CONFLICT,
                  "%s/%s %s since the transaction began, so nothing was published",
                  self->copy->fs->root, text, what);
    tsr_error_set_next_step(err, "begin a new transaction, which works on what is there now");
    return TSR_CONFLICT;
}

/* Whether a folder in a folder was there when the copy was made. */
static bool was_there(tsri_tree_copy *copy, int64_t above, const char *name)
{
    for (int64_t i = above + 1; i < copy->count; i++)
        if (copy->folders[i].above == above && strcmp(copy->folders[i].name, name) == 0)
            return true;
    return false;
}

/* A name that the old folder has must lead to the same in the new one. */
static int check_old_name(const pair *self, const char *name, tsr_error *err)
{
    const tsr_system *system = self->copy->fs->system;
    struct stat from, to;
    if (system->fstatat(system, self->from, name, &from, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? conflict(self, name, "was changed", err)
                               : copy_error(self->copy, "look at", self->path, name, errno, err);
    if (system->fstatat(system, self->to, name, &to, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? conflict(self, name, "was added or changed", err)
                               : copy_error(self->copy, "look at", self->path, name, errno, err);
    bool same = S_ISDIR(from.st_mode)
                    ? S_ISDIR(to.st_mode) && was_there(self->copy, self->number, name)
                    : from.st_dev == to.st_dev && from.st_ino == to.st_ino;
    return same ? 0 : conflict(self, name, "was changed", err);
}

static int check_new_name(const pair *self, const char *name, tsr_error *err)
{
    const tsr_system *system = self->copy->fs->system;
    struct stat status;
    if (system->fstatat(system, self->from, name, &status, AT_SYMLINK_NOFOLLOW) == 0)
        return 0;
    return errno == ENOENT ? conflict(self, name, "was removed, or its folder changed", err)
                           : copy_error(self->copy, "look at", self->path, name, errno, err);
}

/* Goes through the names of one of the two folders. */
static int check_names(const pair *self, int which,
                       int (*check)(const pair *self, const char *name, tsr_error *err),
                       tsr_error *err)
{
    const tsr_system *system = self->copy->fs->system;
    int folder = tsri_fs_openat(self->copy->fs, which, ".", FOLDER_FLAGS), status = 0;
    DIR *stream = folder < 0 ? NULL : system->fdopendir(system, folder);
    if (!stream) {
        int error_number = errno;
        tsri_fs_close(self->copy->fs, folder);
        return copy_error(self->copy, "list", self->path, "", error_number, err);
    }
    const struct dirent *entry;
    while (status == 0 && (entry = next_name(self->copy, stream)) != NULL)
        status = check(self, entry->d_name, err);
    int error_number = status == 0 ? errno : 0;
    system->closedir(system, stream);
    return error_number ? copy_error(self->copy, "list", self->path, "", error_number, err)
                        : status;
}

static int compare_folder(pair *self, tsr_error *err)
{
    TSRI_TRY(open_pair(self, err));
    if (self->from < 0) {
        /* Gone from both, or gone from the old tree alone. */
        struct stat status;
        const tsr_system *system = self->copy->fs->system;
        bool is_there =
            system->fstatat(system, self->copy->to, self->path, &status, AT_SYMLINK_NOFOLLOW) == 0;
        return is_there ? conflict(self, "", "was removed", err) : 0;
    }
    if (self->to < 0)
        return conflict(self, "", "was changed", err);
    TSRI_TRY(check_names(self, self->from, check_old_name, err));
    return check_names(self, self->to, check_new_name, err);
}

static int check_folder(void *user, int64_t i, tsr_error *err)
{
    const round *self = user;
    const tsr_system *system = self->copy->fs->system;
    pair folder = {.copy = self->copy, .number = i, .from = -1, .to = -1};
    struct stat status;
    TSRI_TRY(path_of(self->copy, i, folder.path, err));
    const struct timespec *then = &self->copy->folders[i].changed;
    if (system->fstatat(system, self->copy->from, folder.path, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
        status.st_ctim.tv_sec == then->tv_sec && status.st_ctim.tv_nsec == then->tv_nsec)
        return 0;
    int compared = compare_folder(&folder, err);
    close_pair(&folder);
    return compared;
}

int tsri_tree_copy_check(tsri_tree_copy *copy, const tsr_call *call, tsr_error *err)
{
    round self = {.copy = copy};
    return tsri_parallel_for(copy->fs->head.context, call, NULL, copy->count, 64, check_folder,
                             &self, err);
}
