/* Listing, and removing trees. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "base/arena.h"
#include "store/store_fs.h"

/* Nobody nests this deep by hand; a tree that does is a trap. */
#define DEPTH_MAX 512

/* ---- The names of one folder ---- */

typedef struct entry_name {
    const char *text; /* of a folder in a sorted listing it ends in "/" */
    bool is_folder, is_link;
    int64_t size_bytes;
} entry_name;

typedef struct name_list {
    tsri_arena texts;
    entry_name *all;
    size_t count, capacity;
} name_list;

static void name_list_cleanup(name_list *names)
{
    tsri_arena_clear(&names->texts);
    tsri_free(names->all);
}

static bool add_name(name_list *names, const char *text, bool is_folder, bool is_link,
                     int64_t size_bytes)
{
    entry_name *all = tsri_grow_array(names->all, names->count, &names->capacity, sizeof *all);
    if (!all)
        return false;
    names->all = all;
    char *copy = tsri_arena_format(&names->texts, "%s%s", text, is_folder ? "/" : "");
    if (!copy)
        return false;
    names->all[names->count++] = (entry_name){
        .text = copy, .is_folder = is_folder, .is_link = is_link, .size_bytes = size_bytes};
    return true;
}

/* By bytes, folders with their slash: then depth first is the order of the keys. */
static int compare_names(const void *a, const void *b)
{
    return strcmp(((const entry_name *)a)->text, ((const entry_name *)b)->text);
}

/* Opens a stream of an open folder, which takes over the descriptor. */
static DIR *open_stream(const tsri_fs *fs, int directory)
{
    DIR *stream = fs->system->fdopendir(fs->system, directory);
    int error_number = errno;
    if (!stream)
        tsri_fs_close(fs, directory);
    errno = error_number;
    return stream;
}

/* The next entry besides "." and ".."; NULL at the end, with errno when it failed. */
static const struct dirent *next_entry(const tsri_fs *fs, DIR *stream)
{
    const struct dirent *entry;
    do {
        errno = 0;
        entry = fs->system->readdir(fs->system, stream);
    } while (entry && (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0));
    return entry;
}

/* ---- Listing ---- */

/* How many links to folders one listing follows. */
enum { LINKS_MAX = 4096 };

typedef struct level level;
struct level {
    dev_t device;
    ino_t inode;
    const level *above;
};

typedef struct listing {
    const tsri_fs *fs;
    size_t prefix_size;
    bool delimiter;
    bool left_over; /* what writers left, in place of keys */
    int (*each)(void *user, const tsr_store_entry *entry);
    void *user;
    tsri_watch watch;
    int links;                           /* that were followed to folders */
    char path[TSRI_KEY_BYTES_MAX + 2];   /* below the root, folders with their slash */
    char folder[TSRI_KEY_BYTES_MAX + 2]; /* the one that is being opened, without it */
} listing;

/* What an entry is that is no folder by its type: a file, a link to one or to a folder, or nothing
 * that can be read (a pipe, a device, a link that leads in a circle), which has a size of -1: who
 * lists keys to see which there are must not take it for absent. A link that leads nowhere is, and
 * so is what was removed meanwhile. Returns 0 or an errno. */
static int look_at(const tsri_fs *fs, int directory, const char *name, bool *ret_is_there,
                   bool *ret_is_folder, int64_t *ret_size_bytes)
{
    struct stat status = {0};
    if (fs->system->fstatat(fs->system, directory, name, &status,
                            fs->follow_symlinks ? 0 : AT_SYMLINK_NOFOLLOW) < 0 &&
        errno != ELOOP)
        return errno == ENOENT || errno == ENOTDIR ? 0 : errno;
    *ret_is_there = !S_ISLNK(status.st_mode);
    *ret_is_folder = S_ISDIR(status.st_mode);
    *ret_size_bytes = S_ISREG(status.st_mode) ? (int64_t)status.st_size : -1;
    return 0;
}

/* Adds an entry of a folder when it is wanted, or a folder of keys. Returns 0 or an errno. */
static int collect(const listing *lister, int directory, const struct dirent *entry,
                   name_list *names)
{
    const tsri_fs *fs = lister->fs;
    int64_t size_bytes = -1;
    bool own = tsri_fs_is_own_name(entry->d_name);
    if (own ? !lister->left_over : !tsri_fs_is_key_part(entry->d_name))
        return 0;
    bool is_folder = entry->d_type == DT_DIR, is_there = is_folder;
    if (!is_folder) {
        int failed = look_at(fs, directory, entry->d_name, &is_there, &is_folder, &size_bytes);
        if (failed || !is_there || (own && !is_folder && size_bytes < 0))
            return failed;
    }
    if (is_folder ? own : lister->left_over && !own)
        return 0;
    if (own) {
        int abandoned = tsri_fs_lock_is_abandoned(fs, directory, entry->d_name);
        if (abandoned <= 0)
            return abandoned < 0 ? errno : 0;
    }
    bool is_link = entry->d_type == DT_LNK;
    return add_name(names, entry->d_name, is_folder, is_link, size_bytes) ? 0 : ENOMEM;
}

static bool is_cycle(const level *here)
{
    for (const level *above = here->above; above; above = above->above)
        if (above->device == here->device && above->inode == here->inode)
            return true;
    return false;
}

/* Opens the folder at lister->path, of which `size` bytes count, and notes which one it is.
 * *ret_directory is -1 when it is absent. */
static int open_level(listing *lister, size_t size, level *here, int *ret_directory, tsr_error *err)
{
    const tsri_fs *fs = lister->fs;
    struct stat status;
    size_t folder_size = size ? size - 1 : 0;
    memcpy(lister->folder, lister->path, folder_size);
    lister->folder[folder_size] = 0;
    int directory = tsri_fs_open_directory(fs, lister->folder, O_RDONLY);
    *ret_directory = directory;
    if (directory < 0 && (errno == ENOENT || errno == ENOTDIR))
        return 0;
    if (directory < 0 || fs->system->fstat(fs->system, directory, &status) < 0) {
        int failed = tsri_fs_error(fs, err, errno, "open", lister->folder);
        tsri_fs_close(fs, directory);
        return failed;
    }
    here->device = status.st_dev;
    here->inode = status.st_ino;
    return 0;
}

/* Reads the folder at lister->path, of which `size` bytes count. An absent one is empty, and so is
 * one that a link led back to. */
static int read_folder(listing *lister, size_t size, level *here, name_list *names, tsr_error *err)
{
    const tsri_fs *fs = lister->fs;
    int directory;
    TSRI_TRY(open_level(lister, size, here, &directory, err));
    if (directory < 0)
        return 0;
    if (is_cycle(here)) {
        tsri_fs_close(fs, directory);
        return 0;
    }
    DIR *stream = open_stream(fs, directory);
    if (!stream)
        return tsri_fs_error(fs, err, errno, "list", lister->folder);
    const struct dirent *entry;
    int error_number = 0;
    while (error_number == 0 && (entry = next_entry(fs, stream)) != NULL)
        error_number = collect(lister, directory, entry, names);
    if (error_number == 0)
        error_number = errno;
    fs->system->closedir(fs->system, stream);
    if (error_number)
        return tsri_fs_error(fs, err, error_number, "list", lister->folder);
    return 0;
}

static int list_folder(listing *lister, size_t size, const level *above, tsr_error *err);

/* Links that branch on every level make a tree that is as good as endless, without any circle. */
static int count_link(listing *lister, tsr_error *err)
{
    if (++lister->links <= LINKS_MAX)
        return 0;
    tsr_error_set(err, TSR_LIMIT,
                  "%s/%s: it is one of more than %d folders that are symbolic links",
                  lister->fs->root, lister->path, LINKS_MAX);
    tsr_error_set_next_step(err, "links that lead to more links multiply: remove some of them");
    return TSR_LIMIT;
}

static int list_name(listing *lister, size_t size, const entry_name *name, const level *here,
                     tsr_error *err)
{
    size_t name_size = strlen(name->text);
    /* What is longer than a key can be has no key. */
    if (size + name_size > TSRI_KEY_BYTES_MAX)
        return 0;
    memcpy(lister->path + size, name->text, name_size + 1);
    if (name->is_folder && !lister->delimiter && name->is_link)
        TSRI_TRY(count_link(lister, err));
    if (name->is_folder && !lister->delimiter)
        return list_folder(lister, size + name_size, here, err);
    return lister->each(lister->user, &(tsr_store_entry){.name = lister->path + lister->prefix_size,
                                                         .is_prefix = name->is_folder,
                                                         .size_bytes = name->size_bytes});
}

/* Lists the folder at the first `size` bytes of lister->path. */
static int list_folder(listing *lister, size_t size, const level *above, tsr_error *err)
{
    level here = {.above = above};
    tsr_auto(name_list) names = {.texts = TSRI_ARENA_INIT};
    TSRI_TRY(tsri_watch_poll(&lister->watch, err));
    TSRI_TRY(read_folder(lister, size, &here, &names, err));
    if (names.count)
        qsort(names.all, names.count, sizeof *names.all, compare_names);
    for (size_t i = 0; i < names.count; i++) {
        int status = list_name(lister, size, &names.all[i], &here, err);
        if (status != 0)
            return status;
    }
    return 0;
}

/* The grammar of a prefix, and no name of ours in it. */
static int check_prefix(const char *prefix, char ret_folder[TSRI_KEY_BYTES_MAX + 2], tsr_error *err)
{
    TSRI_TRY(tsr_store_check_prefix(prefix, err));
    size_t size = strlen(prefix);
    memcpy(ret_folder, prefix, size + 1);
    if (size == 0)
        return 0;
    ret_folder[size - 1] = 0;
    return tsri_fs_check_key(ret_folder, err);
}

/* Lists the prefix, of which `size` bytes lead to the folder that is looked at now: each folder on
 * the way is noted, so that a link back to one of them is found by those who list a tree level by
 * level, too. (Without a delimiter the whole is listed from there, whatever led there.) */
static int list_through(listing *lister, size_t size, const level *above, tsr_error *err)
{
    level here = {.above = above};
    int directory;
    if (size == lister->prefix_size)
        return list_folder(lister, size, above, err);
    TSRI_TRY(open_level(lister, size, &here, &directory, err));
    if (directory < 0)
        return 0;
    tsri_fs_close(lister->fs, directory);
    size_t next = size + strcspn(lister->path + size, "/") + 1;
    return list_through(lister, next, &here, err);
}

static int list_below(listing *lister, const char *prefix, tsr_error *err)
{
    TSRI_TRY(check_prefix(prefix, lister->path, err));
    lister->prefix_size = strlen(prefix);
    strcpy(lister->path, prefix);
    return list_through(lister, lister->delimiter ? 0 : lister->prefix_size, NULL, err);
}

int tsri_fs_list(tsr_store *store, const char *prefix, bool delimiter,
                 int (*each)(void *user, const tsr_store_entry *entry), void *user,
                 const tsr_call *call, tsr_error *err)
{
    listing lister = {.fs = (const tsri_fs *)store,
                      .delimiter = delimiter,
                      .each = each,
                      .user = user,
                      .watch = tsri_watch_start(store->context, call)};
    return list_below(&lister, prefix, err);
}

int tsri_fs_list_left_over(tsr_store *store, const char *prefix,
                           int (*each)(void *user, const tsr_store_entry *entry), void *user,
                           const tsr_call *call, tsr_error *err)
{
    listing lister = {.fs = (const tsri_fs *)store,
                      .left_over = true,
                      .each = each,
                      .user = user,
                      .watch = tsri_watch_start(store->context, call)};
    return list_below(&lister, prefix, err);
}

/* ---- Removing ---- */

typedef struct removal {
    tsri_fs *fs;
    tsri_watch watch;
    bool is_unread; /* nobody finds it, so that no order need be kept on the disk */
    char path[TSRI_KEY_BYTES_MAX + 2]; /* what is at hand, below the root, for errors; of a path
                                          that is longer than any key, its beginning */
} removal;

static int remove_error(const removal *remover, const char *operation, tsr_error *err)
{
    return tsri_fs_error(remover->fs, err, errno, operation, remover->path);
}

static int empty_folder(removal *remover, int directory, int depth, tsr_error *err);

/* Removes a folder with all that is in it, not through a link. One that others fill again stays. */
static int remove_folder(removal *remover, int directory, const char *name, int depth,
                         tsr_error *err)
{
    const tsr_system *system = remover->fs->system;
    int child = tsri_fs_openat(remover->fs, directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (child < 0)
        return errno == ENOENT ? 0 : remove_error(remover, "open", err);
    TSRI_TRY(empty_folder(remover, child, depth + 1, err));
    if (system->unlinkat(system, directory, name, AT_REMOVEDIR) < 0 && errno != ENOENT &&
        errno != ENOTEMPTY && errno != EEXIST)
        return remove_error(remover, "remove", err);
    return 0;
}

static int remove_at_hand(removal *remover, int directory, const entry_name *name, int depth,
                          tsr_error *err)
{
    tsri_fs *fs = remover->fs;
    if (name->is_folder)
        return remove_folder(remover, directory, name->text, depth, err);
    int result = tsri_fs_is_own_name(name->text)
                     ? tsri_fs_lock_sweep(fs, directory, name->text)
                     : fs->system->unlinkat(fs->system, directory, name->text, 0);
    return result < 0 && errno != ENOENT ? remove_error(remover, "remove", err) : 0;
}

static int remove_name(removal *remover, int directory, const entry_name *name, int depth,
                       tsr_error *err)
{
    size_t above = strlen(remover->path);
    TSRI_TRY(tsri_watch_poll(&remover->watch, err));
    snprintf(remover->path + above, sizeof remover->path - above, "%s%s", above > 0 ? "/" : "",
             name->text);
    TSRI_TRY(remove_at_hand(remover, directory, name, depth, err));
    remover->path[above] = 0;
    return 0;
}

/* Whether an entry is a folder by itself, not through a link: 1, 0, or -1 with errno. */
static int is_real_folder(const tsri_fs *fs, int directory, const struct dirent *entry)
{
    struct stat status;
    if (entry->d_type != DT_UNKNOWN)
        return entry->d_type == DT_DIR;
    if (fs->system->fstatat(fs->system, directory, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : -1;
    return S_ISDIR(status.st_mode);
}

static int read_everything(removal *remover, DIR *stream, int directory, name_list *names,
                           tsr_error *err)
{
    const tsri_fs *fs = remover->fs;
    const struct dirent *entry;
    while ((entry = next_entry(fs, stream)) != NULL) {
        int is_folder = is_real_folder(fs, directory, entry);
        if (is_folder < 0)
            return remove_error(remover, "look into", err);
        if (!add_name(names, entry->d_name, false, false, -1))
            return tsri_error_no_memory(err, sizeof(entry_name));
        names->all[names->count - 1].is_folder = is_folder;
    }
    return errno ? remove_error(remover, "list", err) : 0;
}

/* Whether a file tells of what else is in its folder. */
static bool tells_of_others(const entry_name *name)
{
    return !name->is_folder && (name->text[0] == '.' || strcmp(name->text, "zarr.json") == 0);
}

/* Folders first, and at the end the files that tell of the others: they are there as long as
 * anything that they tell of, so that a removal that was interrupted can be repeated, and leaves
 * nothing behind for a successor of the same name. */
static int compare_for_removal(const void *a, const void *b)
{
    const entry_name *one = a, *other = b;
    if (one->is_folder != other->is_folder)
        return one->is_folder ? -1 : 1;
    bool tells = tells_of_others(one);
    if (tells != tells_of_others(other))
        return tells ? 1 : -1;
    return strcmp(one->text, other->text);
}

/* Removes what was found in a folder. On the disk, too, what tells of the others goes after them: a
 * power cut would otherwise leave chunks for the next array of that name to show as its own. */
static int remove_names(removal *remover, int directory, const name_list *names, int depth,
                        tsr_error *err)
{
    for (size_t i = 0; i < names->count; i++) {
        if (i > 0 && !remover->is_unread && tells_of_others(&names->all[i]) &&
            !tells_of_others(&names->all[i - 1]))
            TSRI_TRY(tsri_fs_sync_directory(remover->fs, directory, remover->path, err));
        TSRI_TRY(remove_name(remover, directory, &names->all[i], depth, err));
    }
    return 0;
}

/* Takes over the descriptor. */
static int empty_folder(removal *remover, int directory, int depth, tsr_error *err)
{
    const tsri_fs *fs = remover->fs;
    tsr_auto(name_list) names = {.texts = TSRI_ARENA_INIT};
    DIR *stream = open_stream(fs, directory);
    if (!stream)
        return remove_error(remover, "list", err);
    int status = 0;
    if (depth > DEPTH_MAX)
        status = tsr_error_set(err, TSR_LIMIT, "folders nested deeper than %d: %s/%s", DEPTH_MAX,
                               fs->root, remover->path);
    if (status == 0)
        status = read_everything(remover, stream, directory, &names, err);
    if (status == 0 && names.count > 1)
        qsort(names.all, names.count, sizeof *names.all, compare_for_removal);
    if (status == 0)
        status = remove_names(remover, directory, &names, depth, err);
    fs->system->closedir(fs->system, stream);
    return status;
}

/* Everything in the store, and the root itself when it is a folder of its own and nobody fills it
 * again. */
static int erase_all(removal *remover, tsr_error *err)
{
    tsri_fs *fs = remover->fs;
    int directory = tsri_fs_open_directory(fs, "", O_RDONLY);
    if (directory < 0)
        return errno == ENOENT || errno == ESTALE ? 0 : tsri_fs_error(fs, err, errno, "open", "");
    TSRI_TRY(empty_folder(remover, directory, 0, err));
    TSRI_TRY(tsri_fs_root_check(fs, &remover->watch, err));
    if (fs->system->unlinkat(fs->system, fs->base, fs->root, AT_REMOVEDIR) == 0) {
        tsri_fs_sync_note_root(fs);
        tsri_fs_root_forget(fs);
        return 0;
    }
    return tsri_fs_sync_entry(fs, "", TSR_DURABILITY_FLUSH, &remover->watch, err);
}

/* One folder of the store. A link in its place is removed, not what it leads to. */
static int erase_folder(removal *remover, const char *folder, tsr_error *err)
{
    tsri_fs *fs = remover->fs;
    tsri_fs_place place;
    struct stat status;
    int opening = tsri_fs_place_open(fs, folder, false, &place, err);
    if (opening == TSR_NOT_FOUND)
        return 0;
    TSRI_TRY(opening);
    int result =
        fs->system->fstatat(fs->system, place.directory, place.name, &status, AT_SYMLINK_NOFOLLOW);
    int failed = 0;
    if (result < 0)
        failed = errno == ENOENT ? 0 : tsri_fs_error(fs, err, errno, "look at", folder);
    else if (S_ISDIR(status.st_mode))
        failed = remove_folder(remover, place.directory, place.name, 0, err);
    else if (S_ISLNK(status.st_mode) &&
             fs->system->unlinkat(fs->system, place.directory, place.name, 0) < 0)
        failed = tsri_fs_error(fs, err, errno, "remove", folder);
    tsri_fs_place_close(fs, &place);
    if (failed < 0 || result < 0)
        return failed;
    return tsri_fs_sync_entry(fs, place.folder, TSR_DURABILITY_FLUSH, &remover->watch, err);
}

int tsri_fs_erase_prefix(tsr_store *store, const char *prefix, const tsr_call *call, tsr_error *err)
{
    tsri_fs *fs = (tsri_fs *)store;
    removal remover = {.fs = fs, .watch = tsri_watch_start(store->context, call)};
    char folder[TSRI_KEY_BYTES_MAX + 2];
    TSRI_TRY(tsri_fs_sync_check(fs, err));
    TSRI_TRY(tsri_watch_check(&remover.watch, err));
    TSRI_TRY(check_prefix(prefix, folder, err));
    tsri_fs_group_publish(fs->group);
    tsri_fs_sync_forget(fs, folder);
    tsri_fs_keep_forget_prefix(fs, prefix);
    strcpy(remover.path, folder);
    int status = folder[0] ? erase_folder(&remover, folder, err) : erase_all(&remover, err);
    tsri_fs_sync_forget(fs, folder);
    return status;
}

int tsri_fs_erase_unread(tsr_store *store, const tsr_call *call, tsr_error *err)
{
    tsri_fs *fs = (tsri_fs *)store;
    removal remover = {
        .fs = fs, .watch = tsri_watch_start(store->context, call), .is_unread = true};
    return erase_all(&remover, err);
}
