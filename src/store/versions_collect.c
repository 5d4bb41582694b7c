/* Which versions of a tree are whose, and removing those that nobody needs. */
#include <tessera/transaction.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "base/arena.h"
#include "store/versions.h"

#define RECORD_BYTES_MAX 64
#define SECOND_NS INT64_C(1000000000)

typedef struct version {
    const char *name;
    tsr_version_kind kind;
    int64_t number, when_s;
} version;

typedef struct version_list {
    const tsri_versions *versions;
    tsri_arena names;
    version *all;
    size_t count, capacity;
} version_list;

static void version_list_cleanup(version_list *list)
{
    tsri_arena_clear(&list->names);
    tsri_free(list->all);
}

void tsr_versions_collect_options_init(tsr_versions_collect_options *options)
{
    *options = (tsr_versions_collect_options){.struct_size = sizeof *options};
}

/* ---- finding ---- */

static int add_version(void *user, const char *name)
{
    version_list *list = user;
    int64_t number = tsri_version_number(name);
    if (!number && strncmp(name, TSRI_DRAFT_PREFIX, strlen(TSRI_DRAFT_PREFIX)) != 0)
        return 0;
    version *all = tsri_grow_array(list->all, list->count, &list->capacity, sizeof *all);
    if (!all)
        return TSR_NO_MEMORY;
    list->all = all;
    const char *copy = tsri_arena_strdup(&list->names, name);
    if (!copy)
        return TSR_NO_MEMORY;
    list->all[list->count++] = (version){.name = copy, .number = number};
    return 0;
}

/* The inode of what a transaction has made, by its record; 0 when there is none. */
static uint64_t made_inode(const tsri_versions *versions, int record)
{
    char text[RECORD_BYTES_MAX + 1];
    const tsr_system *system = versions->fs->system;
    ssize_t size = system->pread(system, record, text, RECORD_BYTES_MAX, 0);
    if (size <= 0)
        return 0;
    text[size] = 0;
    return strncmp(text, "made ", 5) == 0 ? strtoull(text + 5, NULL, 10) : 0;
}

static int look_in(const tsri_versions *versions, const char *name, const char *beside,
                   struct stat *ret_status)
{
    char path[2 * TSRI_FS_NAME_MAX + 3];
    const tsr_system *system = versions->fs->system;
    snprintf(path, sizeof path, "%s/%s", name, beside);
    return system->fstatat(system, versions->container, path, ret_status, AT_SYMLINK_NOFOLLOW);
}

/* A draft is what its maker has left, or is still at, or what was in the place of the tree when he
 * died after the exchange: then it is not the folder that he has made. */
static int judge_draft(const tsri_versions *versions, version *self, tsr_error *err)
{
    char path[2 * TSRI_FS_NAME_MAX + 3];
    struct stat status;
    self->kind = TSR_VERSION_ABANDONED;
    snprintf(path, sizeof path, "%s/" TSRI_FS_RECORD_NAME, self->name);
    int record =
        tsri_fs_openat(versions->fs, versions->container, path, O_RDWR | O_NOFOLLOW | O_NONBLOCK);
    if (record < 0)
        return errno == ENOENT ? 0 : tsri_versions_error(versions, "open", path, errno, err);
    int held = tsri_versions_lock_file(versions, record, path, NULL, err);
    uint64_t made = made_inode(versions, record);
    tsri_fs_close(versions->fs, record);
    TSRI_TRY(held);
    if (held)
        self->kind = TSR_VERSION_UNDER_WAY;
    else if (made && look_in(versions, self->name, versions->name, &status) == 0 &&
             (uint64_t)status.st_ino != made)
        self->kind = TSR_VERSION_REPLACED;
    return 0;
}

/* The exchange was the last change of the folder that a version lies in. */
static int judge(const tsri_versions *versions, version *self, tsr_error *err)
{
    struct stat status;
    if (self->number == 0)
        TSRI_TRY(judge_draft(versions, self, err));
    if (look_in(versions, self->name, ".", &status) < 0)
        return errno == ENOENT ? 0
                               : tsri_versions_error(versions, "look at", self->name, errno, err);
    self->when_s = (int64_t)status.st_mtim.tv_sec;
    return 0;
}

/* Those that were replaced come in their order, after all others; a draft that was replaced is the
 * last, since its maker would have numbered it next. */
static int compare_versions(const void *a, const void *b)
{
    const version *one = a, *other = b;
    bool replaced = one->kind == TSR_VERSION_REPLACED;
    if (replaced != (other->kind == TSR_VERSION_REPLACED))
        return replaced ? 1 : -1;
    if (!replaced || (one->number == 0) != (other->number == 0))
        return one->number == other->number ? strcmp(one->name, other->name)
                                            : (one->number == 0 ? 1 : -1);
    return (one->number > other->number) - (one->number < other->number);
}

static int find_versions(version_list *list, tsr_error *err)
{
    if (tsri_versions_list(list->versions, add_version, list, err) == TSR_NO_MEMORY)
        return tsri_error_no_memory(err, sizeof(version));
    for (size_t i = 0; i < list->count; i++)
        TSRI_TRY(judge(list->versions, &list->all[i], err));
    if (list->count)
        qsort(list->all, list->count, sizeof *list->all, compare_versions);
    return 0;
}

/* ---- removing ---- */

typedef struct collection {
    tsri_versions versions;
    const tsr_versions_collect_options *options;
    int (*each)(void *user, const tsr_version_info *info);
    void *user;
    const tsr_call *call;
} collection;

/* `newer`: how many were replaced after this one. */
static bool is_due(const collection *self, const version *which, size_t newer)
{
    const tsr_system *system = self->versions.fs->system;
    int64_t age_s = system->realtime_ns(system) / SECOND_NS - which->when_s;
    if (which->kind == TSR_VERSION_UNDER_WAY ||
        (self->options->older_than_s > 0 && age_s < self->options->older_than_s))
        return false;
    return which->kind == TSR_VERSION_ABANDONED || (int64_t)newer >= self->options->keep;
}

/* A transaction that was killed may have left beside the tree the file that it told writers by. Of
 * a tree that is there nobody commits at the moment, since the lock of the versions is held. */
static void remove_announcement(const tsri_versions *versions, const struct stat *tree)
{
    char name[TSRI_FS_COMMIT_NAME_MAX];
    tsri_fs_commit_name(tree->st_ino, name);
    versions->fs->system->unlinkat(versions->fs->system, versions->folder, name, 0);
}

static void remove_announcements(const version_list *list)
{
    const tsri_versions *versions = list->versions;
    const tsr_system *system = versions->fs->system;
    struct stat status;
    if (system->fstatat(system, versions->folder, versions->name, &status, AT_SYMLINK_NOFOLLOW) ==
        0)
        remove_announcement(versions, &status);
    for (size_t i = 0; i < list->count; i++)
        if (look_in(versions, list->all[i].name, versions->name, &status) == 0)
            remove_announcement(versions, &status);
}

static int tell(const collection *self, const version *which, bool removed, tsr_error *err)
{
    if (!self->each)
        return 0;
    tsr_auto(tsri_text) *folder = tsri_versions_path(&self->versions, which->name, true);
    if (!folder)
        return tsri_error_no_memory(err, strlen(which->name));
    return self->each(self->user, &(tsr_version_info){.kind = which->kind,
                                                      .folder = folder,
                                                      .number = which->number,
                                                      .replaced_s = which->when_s,
                                                      .removed = removed});
}

static int collect(const collection *self, const version_list *list, tsr_error *err)
{
    for (size_t i = 0; i < list->count; i++) {
        const version *which = &list->all[i];
        bool due = is_due(self, which, list->count - 1 - i);
        int status = tell(self, which, due, err);
        if (status != 0)
            return status;
        if (due && !self->options->dry_run)
            TSRI_TRY(tsri_versions_remove(&self->versions, which->name, self->call, err));
    }
    return 0;
}

/* Under the lock of the versions: names of what a commit has left without a number. */
static int settle(collection *self, version_list *list, tsr_error *err)
{
    TSRI_TRY(find_versions(list, err));
    if (self->options->dry_run)
        return 0;
    remove_announcements(list);
    bool renamed = false;
    for (size_t i = 0; i < list->count; i++)
        if (list->all[i].kind == TSR_VERSION_REPLACED && list->all[i].number == 0) {
            TSRI_TRY(tsri_versions_number(&self->versions, list->all[i].name, err));
            renamed = true;
        }
    if (!renamed)
        return 0;
    list->count = 0;
    return find_versions(list, err);
}

static int collect_found(collection *self, tsr_error *err)
{
    tsr_auto(version_list) list = {.versions = &self->versions, .names = TSRI_ARENA_INIT};
    tsri_watch watch = tsri_watch_start(self->versions.fs->head.context, self->call);
    TSRI_TRY(tsri_versions_lock(&self->versions, &watch, err));
    int status = settle(self, &list, err);
    /* What is due stays so: nobody takes up an abandoned version. */
    tsri_versions_unlock(&self->versions);
    return status < 0 ? status : collect(self, &list, err);
}

int tsr_versions_collect(tsr_context *context, const char *place,
                         const tsr_versions_collect_options *options,
                         int (*each)(void *user, const tsr_version_info *info), void *user,
                         const tsr_call *call, tsr_error *err)
{
    tsr_versions_collect_options defaults;
    tsr_versions_collect_options_init(&defaults);
    collection self = {
        .options = options ? options : &defaults, .each = each, .user = user, .call = call};
    if (self.options->struct_size != sizeof *options || self.options->keep < 0 ||
        self.options->older_than_s < 0)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT,
                             "options that tsr_versions_collect_options_init has not set up, or "
                             "that are negative");
    TSRI_TRY(tsri_versions_open(context, place, &self.versions, err));
    int status = self.versions.container < 0 ? 0 : collect_found(&self, err);
    tsri_versions_close(&self.versions);
    return status;
}
