/* A new version of a tree, made of links, and the exchange that publishes it. The order of things
 * is explained in docs/format/transactions.md. */
#include <tessera/transaction.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>

#include "store/tree_copy.h"
#include "store/versions.h"

#define RECORD_BYTES_MAX 64

struct tsr_transaction {
    tsri_versions versions;
    tsri_tree_copy copy;
    tsr_store *store; /* of the new version */
    char *folder;     /* its path, owned */
    int tree;         /* the tree as it was at the beginning, open; -1 */
    int made;         /* the new version, open; -1 */
    int draft;        /* the folder that it lies in, open; -1 */
    int record;       /* its record, locked; -1 */
    ino_t inode;      /* of the tree */
    dev_t device;
    bool is_new;  /* there was no tree when it began */
    bool drafted; /* there is a folder to be thrown away */
    bool published;
    char draft_name[sizeof TSRI_DRAFT_PREFIX + 16];
};

static int draft_error(const tsr_transaction *self, const char *operation, const char *name,
                       tsr_error *err)
{
    return tsri_versions_error(&self->versions, operation, name, errno, err);
}

/* ---- the tree ---- */

static bool holds_node(const tsri_fs *fs, int folder)
{
    static const char *const names[] = {"zarr.json", ".zgroup", ".zarray"};
    struct stat status;
    for (size_t i = 0; i < TSRI_COUNT(names); i++)
        if (fs->system->fstatat(fs->system, folder, names[i], &status, 0) == 0)
            return true;
    return false;
}

static int no_tree(const tsri_versions *versions, const struct stat *status, tsr_error *err)
{
    if (S_ISLNK(status->st_mode)) {
        tsr_error_set(err, TSR_INVALID_ARGUMENT,
                      "%s/%s is a symbolic link, which would be exchanged itself",
                      versions->fs->root, versions->name);
        tsr_error_set_next_step(err, "give the folder that it leads to");
        return TSR_INVALID_ARGUMENT;
    }
    return tsr_error_set(err, TSR_UNSUPPORTED,
                         "%s/%s is a file, and a transaction works on folders", versions->fs->root,
                         versions->name);
}

static int refuse_part(const tsri_versions *versions, tsr_error *err)
{
    tsr_error_set(err, TSR_INVALID_ARGUMENT,
                  "%s/%s is a part of the tree %s, and a transaction works on a whole one",
                  versions->fs->root, versions->name, versions->fs->root);
    tsr_error_set_next_step(err, "begin the transaction at %s or above", versions->fs->root);
    return TSR_INVALID_ARGUMENT;
}

/* Makes sure that there is nothing in the place of the tree, and no larger tree around it. */
static int check_absent(const tsr_transaction *self, tsr_error *err)
{
    const tsri_versions *versions = &self->versions;
    const tsri_fs *fs = versions->fs;
    struct stat status;
    if (fs->system->fstatat(fs->system, versions->folder, versions->name, &status,
                            AT_SYMLINK_NOFOLLOW) == 0) {
        tsr_error_set(err, TSR_EXISTS, "%s/%s is there already", fs->root, versions->name);
        tsr_error_set_next_step(err, "begin a transaction of what is there, or take another name");
        return TSR_EXISTS;
    }
    if (errno != ENOENT)
        return tsri_fs_error(fs, err, errno, "look at", versions->name);
    return holds_node(fs, versions->folder) ? refuse_part(versions, err) : 0;
}

/* Opens the tree and makes sure that it is a whole one. */
static int open_tree(tsr_transaction *self, tsr_error *err)
{
    const tsri_versions *versions = &self->versions;
    tsri_fs *fs = versions->fs;
    struct stat status;
    if (fs->system->fstatat(fs->system, versions->folder, versions->name, &status,
                            AT_SYMLINK_NOFOLLOW) < 0)
        return tsri_fs_error(fs, err, errno, "open", versions->name);
    if (!S_ISDIR(status.st_mode))
        return no_tree(versions, &status, err);
    self->tree =
        tsri_fs_openat(fs, versions->folder, versions->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (self->tree < 0 || fs->system->fstat(fs->system, self->tree, &status) < 0)
        return tsri_fs_error(fs, err, errno, "open", versions->name);
    self->inode = status.st_ino;
    self->device = status.st_dev;
    if (!holds_node(fs, self->tree)) {
        tsr_error_set(err, TSR_NOT_FOUND, "%s/%s: there is no array or group", fs->root,
                      versions->name);
        tsr_error_set_next_step(err,
                                "a transaction works on Zarr trees; `tessera create` makes one");
        return TSR_NOT_FOUND;
    }
    return holds_node(fs, versions->folder) ? refuse_part(versions, err) : 0;
}

/* ---- the draft ---- */

static void name_draft(tsr_transaction *self)
{
    const tsr_system *system = self->versions.fs->system;
    uint64_t number;
    if (system->getrandom(system, &number, sizeof number) != (ssize_t)sizeof number)
        number = (uint64_t)system->realtime_ns(system);
    snprintf(self->draft_name, sizeof self->draft_name, TSRI_DRAFT_PREFIX "%016" PRIx64, number);
}

/* Finds out now, and not at the end, whether the file system exchanges folders: two that are
 * nobody's, so that no disk ever shows another folder in the place of the new version. */
static int try_exchange(tsr_transaction *self, tsr_error *err)
{
    const tsr_system *system = self->versions.fs->system;
    static const char one[] = "one", other[] = "other";
    if (system->mkdirat(system, self->draft, one, 0777) < 0 ||
        system->mkdirat(system, self->draft, other, 0777) < 0)
        return draft_error(self, "make a folder in", self->draft_name, err);
    int result = system->renameat2(system, self->draft, one, self->draft, other, RENAME_EXCHANGE);
    int error_number = errno;
    system->unlinkat(system, self->draft, one, AT_REMOVEDIR);
    system->unlinkat(system, self->draft, other, AT_REMOVEDIR);
    if (result == 0)
        return 0;
    if (error_number != EINVAL && error_number != ENOSYS && error_number != EOPNOTSUPP)
        return tsri_versions_error(&self->versions, "exchange folders in", self->draft_name,
                                   error_number, err);
    tsr_error_set(err, TSR_UNSUPPORTED,
                  "%s lies on a file system that cannot exchange two folders at once",
                  self->versions.fs->root);
    tsr_error_set_next_step(err, "use ext4, XFS, Btrfs or tmpfs with Linux 3.15 or later");
    return TSR_UNSUPPORTED;
}

/* The record tells whether a version was published, however suddenly its maker ends: by then
 * another folder has taken the place of the one that was made. */
static int write_record(tsr_transaction *self, tsr_error *err)
{
    const tsr_system *system = self->versions.fs->system;
    char text[RECORD_BYTES_MAX];
    struct stat status;
    if (system->fstat(system, self->made, &status) < 0)
        return draft_error(self, "look at", self->draft_name, err);
    int size = snprintf(text, sizeof text, "made %llu\n", (unsigned long long)status.st_ino);
    struct iovec part = {.iov_base = text, .iov_len = (size_t)size};
    ssize_t written = system->pwritev(system, self->record, &part, 1, 0);
    if (written == size)
        return 0;
    errno = written < 0 ? errno : ENOSPC;
    return draft_error(self, "write the record of", self->draft_name, err);
}

/* Makes the folder of the new version, empty, with its record. Under the lock of the versions, so
 * that nobody takes it for one that was left. */
static int make_draft(tsr_transaction *self, tsr_error *err)
{
    tsri_fs *fs = self->versions.fs;
    const tsr_system *system = fs->system;
    name_draft(self);
    if (system->mkdirat(system, self->versions.container, self->draft_name, 0777) < 0)
        return draft_error(self, "make", self->draft_name, err);
    self->drafted = true;
    self->draft = tsri_fs_openat(fs, self->versions.container, self->draft_name,
                                 O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (self->draft < 0)
        return draft_error(self, "open", self->draft_name, err);
    self->record = tsri_fs_openat(fs, self->draft, TSRI_FS_RECORD_NAME, O_RDWR | O_CREAT | O_EXCL);
    if (self->record < 0)
        return draft_error(self, "make the record of", self->draft_name, err);
    TSRI_TRY(tsri_versions_lock_file(&self->versions, self->record, self->draft_name, NULL, err));
    TSRI_TRY(try_exchange(self, err));
    if (system->mkdirat(system, self->draft, self->versions.name, 0777) < 0)
        return draft_error(self, "make the new version in", self->draft_name, err);
    self->made =
        tsri_fs_openat(fs, self->draft, self->versions.name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (self->made < 0)
        return draft_error(self, "open the new version in", self->draft_name, err);
    return write_record(self, err);
}

static int copy_tree(tsr_transaction *self, const tsr_call *call, tsr_error *err)
{
    tsri_tree_copy *copy = &self->copy;
    if (self->is_new)
        return 0;
    copy->fs = self->versions.fs;
    copy->name = self->versions.name;
    copy->from = self->tree;
    copy->to = self->made;
    return tsri_tree_copy_make(copy, call, err);
}

static int make_version(tsr_transaction *self, const tsr_call *call, tsr_error *err)
{
    tsri_fs *fs = self->versions.fs;
    tsri_watch watch = tsri_watch_start(fs->head.context, call);
    TSRI_TRY(tsri_fs_sync_check(fs, err));
    TSRI_TRY(self->is_new ? check_absent(self, err) : open_tree(self, err));
    tsri_fs_learn_kind(fs);
    TSRI_TRY(tsri_versions_make(&self->versions, err));
    TSRI_TRY(tsri_versions_lock(&self->versions, &watch, err));
    int status = make_draft(self, err);
    tsri_versions_unlock(&self->versions);
    TSRI_TRY(status);
    TSRI_TRY(copy_tree(self, call, err));
    self->folder = tsri_versions_path(&self->versions, self->draft_name, true);
    if (!self->folder)
        return tsri_error_no_memory(err, sizeof self->draft_name);
    return tsr_store_open(fs->head.context, self->folder, &self->store, err);
}

static int begin(tsr_context *context, const char *place, bool is_new, const tsr_call *call,
                 tsr_transaction **ret_transaction, tsr_error *err)
{
    tsr_transaction *self = tsri_alloc_zero(sizeof *self);
    if (!self)
        return tsri_error_no_memory(err, sizeof *self);
    self->is_new = is_new;
    self->tree = self->made = self->draft = self->record = -1;
    int status = tsri_versions_open(context, place, &self->versions, err);
    if (status < 0) {
        tsri_free(self);
        return status;
    }
    tsri_tree_copy_init(&self->copy, self->versions.fs, self->versions.name);
    status = make_version(self, call, err);
    if (status < 0) {
        tsr_transaction_close(self);
        return status;
    }
    *ret_transaction = self;
    return 0;
}

int tsr_transaction_begin(tsr_context *context, const char *place, const tsr_call *call,
                          tsr_transaction **ret_transaction, tsr_error *err)
{
    return begin(context, place, false, call, ret_transaction, err);
}

int tsr_transaction_begin_new(tsr_context *context, const char *place, const tsr_call *call,
                              tsr_transaction **ret_transaction, tsr_error *err)
{
    return begin(context, place, true, call, ret_transaction, err);
}

tsr_store *tsr_transaction_store(const tsr_transaction *transaction)
{
    return transaction->store;
}

const char *tsr_transaction_folder(const tsr_transaction *transaction)
{
    return transaction->folder;
}

/* ---- the commit ---- */

/* Finds the folder that is to be published. A program may have put another one in the place of what
 * was made, as zarr-python does with mode "w"; the record then names that one. */
static int find_made(tsr_transaction *self, tsr_error *err)
{
    tsri_fs *fs = self->versions.fs;
    struct stat before, now;
    int folder =
        tsri_fs_openat(fs, self->draft, self->versions.name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (folder < 0)
        return draft_error(self, "open the new version in", self->draft_name, err);
    if (fs->system->fstat(fs->system, self->made, &before) < 0 ||
        fs->system->fstat(fs->system, folder, &now) < 0) {
        int status = draft_error(self, "look at the new version in", self->draft_name, err);
        tsri_fs_close(fs, folder);
        return status;
    }
    if (now.st_ino == before.st_ino) {
        tsri_fs_close(fs, folder);
        return 0;
    }
    tsri_fs_close(fs, self->made);
    self->made = self->copy.to = folder;
    return write_record(self, err);
}

/* What nobody could open as a tree is not published as one. */
static int check_made(const tsr_transaction *self, tsr_error *err)
{
    const tsri_versions *versions = &self->versions;
    if (!self->is_new || holds_node(versions->fs, self->made))
        return 0;
    tsr_error_set(err, TSR_INVALID_ARGUMENT,
                  "%s/%s would have no array or group at its top, so nothing was published",
                  versions->fs->root, versions->name);
    tsr_error_set_next_step(err, "make a group there; `tessera create` does");
    return TSR_INVALID_ARGUMENT;
}

static int tree_was_changed(const tsr_transaction *self, tsr_error *err)
{
    const tsri_versions *versions = &self->versions;
    tsr_error_set(err, TSR_CONFLICT,
                  "%s/%s was %s since the transaction began, so nothing was published",
                  versions->fs->root, versions->name,
                  self->is_new ? "made by others" : "replaced or removed");
    tsr_error_set_next_step(err, "begin a new transaction, which works on what is there now");
    return TSR_CONFLICT;
}

/* Whether the tree is the very folder that the transaction has begun with, or still none. */
static int check_tree(const tsr_transaction *self, tsr_error *err)
{
    const tsri_versions *versions = &self->versions;
    const tsr_system *system = versions->fs->system;
    struct stat status;
    int result =
        system->fstatat(system, versions->folder, versions->name, &status, AT_SYMLINK_NOFOLLOW);
    if (result < 0 && errno != ENOENT)
        return tsri_fs_error(versions->fs, err, errno, "look at", versions->name);
    if (self->is_new ? result < 0
                     : result == 0 && status.st_ino == self->inode && status.st_dev == self->device)
        return 0;
    return tree_was_changed(self, err);
}

/* The file by which writers are told, while its lock is held: first beside the tree, and with the
 * tree's folder as it will lie, too. */
typedef struct announcement {
    char name[TSRI_FS_COMMIT_NAME_MAX];
    int file;
} announcement;

static int announce(const tsr_transaction *self, announcement *ret, const tsri_watch *watch,
                    tsr_error *err)
{
    const tsri_versions *versions = &self->versions;
    const tsr_system *system = versions->fs->system;
    tsri_fs_commit_name(self->inode, ret->name);
    ret->file = tsri_fs_openat(versions->fs, versions->folder, ret->name,
                               O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK);
    if (ret->file < 0)
        return tsri_fs_error(versions->fs, err, errno, "make", ret->name);
    TSRI_TRY(tsri_versions_lock_file(versions, ret->file, ret->name, watch, err));
    if (system->linkat(system, versions->folder, ret->name, self->draft, ret->name, 0) < 0 &&
        errno != EEXIST)
        return tsri_fs_error(versions->fs, err, errno, "link", ret->name);
    return 0;
}

/* Beside the version that was replaced the file stays. */
static void withdraw(const tsr_transaction *self, const announcement *told)
{
    const tsr_system *system = self->versions.fs->system;
    if (told->file < 0)
        return;
    if (!self->published)
        system->unlinkat(system, self->draft, told->name, 0);
    system->unlinkat(system, self->versions.folder, told->name, 0);
    tsri_fs_close(self->versions.fs, told->file);
}

static int exchange(tsr_transaction *self, tsr_error *err)
{
    const tsri_versions *versions = &self->versions;
    const tsr_system *system = versions->fs->system;
    if (system->renameat2(system, self->draft, versions->name, versions->folder, versions->name,
                          self->is_new ? RENAME_NOREPLACE : RENAME_EXCHANGE) < 0)
        return self->is_new && errno == EEXIST
                   ? tree_was_changed(self, err)
                   : tsri_fs_error(versions->fs, err, errno, "exchange the versions of",
                                   versions->name);
    self->published = true;
    return 0;
}

static int sync_exchange(const tsr_transaction *self, tsr_error *err)
{
    tsri_fs *fs = self->versions.fs;
    int status = tsri_fs_sync_directory(fs, self->draft, self->versions.container_name, err);
    if (status == 0)
        status = tsri_fs_sync_directory(fs, self->versions.folder, "", err);
    if (status < 0)
        tsr_error_prepend(err, "after the exchange, so that the new version is visible");
    return status;
}

/* Under the lock of the versions. */
static int publish(tsr_transaction *self, const tsr_call *call, const tsri_watch *watch,
                   tsr_error *err)
{
    announcement told = {.file = -1};
    int status = check_tree(self, err);
    if (status == 0 && !self->is_new)
        status = announce(self, &told, watch, err);
    if (status == 0 && !self->is_new)
        status = tsri_tree_copy_check(&self->copy, call, err);
    if (status == 0)
        status = tsri_watch_check(watch, err);
    if (status == 0)
        status = exchange(self, err);
    if (status == 0)
        status = sync_exchange(self, err);
    withdraw(self, &told);
    return status;
}

int tsr_transaction_commit(tsr_transaction *transaction, const tsr_call *call, tsr_error *err)
{
    tsr_transaction *self = transaction;
    tsri_versions *versions = &self->versions;
    tsri_watch watch = tsri_watch_start(versions->fs->head.context, call);
    if (self->published)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT, "this transaction is committed already");
    TSRI_TRY(tsr_store_flush(self->store, call, err)); /* what is held back for a group */
    TSRI_TRY(find_made(self, err));
    TSRI_TRY(check_made(self, err));
    /* Before writers have to wait. What is made from here on tells only those of them who live. */
    TSRI_TRY(tsri_fs_sync_whole(versions->fs, self->made, err));
    TSRI_TRY(tsri_versions_lock(versions, &watch, err));
    int status = publish(self, call, &watch, err);
    /* A version that keeps the name of its draft is numbered by whoever collects. */
    if (self->published && !self->is_new &&
        tsri_versions_number(versions, self->draft_name, NULL) < 0)
        tsri_log(versions->fs->head.context, TSR_LOG_INFO, "store",
                 "the replaced version of %s is called %s until versions are collected",
                 versions->name, self->draft_name);
    tsri_versions_unlock(versions);
    return status;
}

void tsr_transaction_close(tsr_transaction *transaction)
{
    tsr_transaction *self = transaction;
    if (!self)
        return;
    tsri_fs *fs = self->versions.fs;
    tsr_store_close(self->store);
    tsri_fs_close(fs, self->tree);
    tsri_fs_close(fs, self->made);
    tsri_fs_close(fs, self->draft);
    tsri_fs_close(fs, self->record);
    if (self->drafted && (self->is_new || !self->published))
        tsri_versions_remove(&self->versions, self->draft_name, NULL, NULL);
    tsri_tree_copy_clear(&self->copy);
    tsri_versions_close(&self->versions);
    tsri_free(self->folder);
    tsri_free(self);
}
