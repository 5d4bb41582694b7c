/* Files that stay open between reads of parts of them: a random read of a shard is then one look at
 * its path and one read, instead of opening, looking, reading and closing.
 *
 * A kept file answers only while its key leads to it. That is certain, and not a guess by times: as
 * long as a file is open, its inode belongs to no other. What is changed in place shows by size and
 * time, like everywhere in this store.
 *
 * All stores of a context share the number of files that may be kept. A store that finds no room
 * gives up the file that it has not used for longest. */
#include <fcntl.h>
#include <sys/resource.h>

#include "store/store_fs.h"

#define BUCKETS 128 /* a power of 2 */
#define KEPT_MAX 256
#define KEPT_PART 4 /* of what the process may have open; as much again for roots */
#define ROOTS_MAX 65536

struct tsri_fs_kept {
    tsri_fs_version version;
    int readers;
    bool listed; /* can be found by its key; otherwise it ends with its last reader */
    uint32_t hash;
    tsri_fs_kept *next_in_bucket;
    tsri_fs_kept *newer, *older; /* of all, listed or not */
    char key[];
};

/* How many files the stores of a context keep. */
typedef struct allowance {
    int limit;
    int taken; /* atomic */
    int roots_limit;
    int roots; /* atomic: folders that stores hold */
} allowance;

struct tsri_fs_keeper {
    const tsri_fs *fs;
    allowance *allowance; /* borrowed from the context */
    tsri_fork_mutex mutex;
    int count; /* atomic, written under the mutex: listed files */
    /* Under the mutex. */
    tsri_fs_kept *buckets[BUCKETS];
    tsri_fs_kept *newest, *oldest;
};

/* ---- how many ---- */

static int automatic_limit(int most)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) < 0)
        return 0;
    return files.rlim_cur / KEPT_PART < (rlim_t)most ? (int)(files.rlim_cur / KEPT_PART) : most;
}

static int allowance_create(tsr_context *context, void **ret_part, tsr_error *err)
{
    int asked = context->options.kept_files;
    allowance *self = tsri_alloc_zero(sizeof *self);
    if (!self)
        return tsri_error_no_memory(err, sizeof *self);
    self->limit = asked == 0 ? automatic_limit(KEPT_MAX) : TSRI_MAX(asked, 0);
    self->roots_limit = automatic_limit(ROOTS_MAX);
    *ret_part = self;
    return 0;
}

static bool allowance_take(allowance *self)
{
    if (__atomic_add_fetch(&self->taken, 1, __ATOMIC_RELAXED) <= self->limit)
        return true;
    __atomic_sub_fetch(&self->taken, 1, __ATOMIC_RELAXED);
    return false;
}

static void allowance_give(allowance *self)
{
    __atomic_sub_fetch(&self->taken, 1, __ATOMIC_RELAXED);
}

bool tsri_fs_keep_root(const tsri_fs *fs)
{
    allowance *self = fs->keeper->allowance;
    if (__atomic_add_fetch(&self->roots, 1, __ATOMIC_RELAXED) <= self->roots_limit)
        return true;
    __atomic_sub_fetch(&self->roots, 1, __ATOMIC_RELAXED);
    return false;
}

void tsri_fs_keep_give_root(const tsri_fs *fs)
{
    __atomic_sub_fetch(&fs->keeper->allowance->roots, 1, __ATOMIC_RELAXED);
}

/* ---- the list, under the mutex ---- */

static uint32_t hash_of(const char *key)
{
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (; *key; key++)
        hash = (hash ^ (unsigned char)*key) * 16777619u;
    return hash;
}

static tsri_fs_kept *find(const tsri_fs_keeper *self, const char *key, uint32_t hash)
{
    tsri_fs_kept *file = self->buckets[hash % BUCKETS];
    while (file && (file->hash != hash || strcmp(file->key, key) != 0))
        file = file->next_in_bucket;
    return file;
}

static void link_newest(tsri_fs_keeper *self, tsri_fs_kept *file)
{
    file->newer = NULL;
    file->older = self->newest;
    *(self->newest ? &self->newest->newer : &self->oldest) = file;
    self->newest = file;
}

static void unlink_file(tsri_fs_keeper *self, tsri_fs_kept *file)
{
    *(file->newer ? &file->newer->older : &self->newest) = file->older;
    *(file->older ? &file->older->newer : &self->oldest) = file->newer;
}

static void list(tsri_fs_keeper *self, tsri_fs_kept *file)
{
    tsri_fs_kept **bucket = &self->buckets[file->hash % BUCKETS];
    file->next_in_bucket = *bucket;
    *bucket = file;
    file->listed = true;
    link_newest(self, file);
    __atomic_add_fetch(&self->count, 1, __ATOMIC_RELAXED);
}

/* Nobody finds the file any more. When nobody reads it either it is chained to *doomed, for the
 * caller to end without the mutex. */
static void delist(tsri_fs_keeper *self, tsri_fs_kept *file, tsri_fs_kept **doomed)
{
    tsri_fs_kept **at = &self->buckets[file->hash % BUCKETS];
    while (*at != file)
        at = &(*at)->next_in_bucket;
    *at = file->next_in_bucket;
    file->listed = false;
    __atomic_sub_fetch(&self->count, 1, __ATOMIC_RELAXED);
    if (file->readers > 0)
        return;
    unlink_file(self, file);
    file->next_in_bucket = *doomed;
    *doomed = file;
}

static void drop_reader(tsri_fs_keeper *self, tsri_fs_kept *file, tsri_fs_kept **doomed)
{
    if (--file->readers > 0 || file->listed)
        return;
    unlink_file(self, file);
    file->next_in_bucket = *doomed;
    *doomed = file;
}

/* ---- ending ---- */

static void end_files(const tsri_fs_keeper *self, tsri_fs_kept *doomed)
{
    while (doomed) {
        tsri_fs_kept *next = doomed->next_in_bucket;
        tsri_fs_close(self->fs, doomed->version.descriptor);
        allowance_give(self->allowance);
        tsri_free(doomed);
        doomed = next;
    }
}

/* In a forked child, where the threads that read are gone. */
static void abandon_readers(void *user)
{
    tsri_fs_keeper *self = user;
    tsri_fs_kept *doomed = NULL;
    for (tsri_fs_kept *file = self->newest, *older; file; file = older) {
        older = file->older;
        file->readers = 1;
        drop_reader(self, file, &doomed);
    }
    end_files(self, doomed);
}

int tsri_fs_keeper_new(const tsri_fs *fs, tsri_fs_keeper **ret_keeper, tsr_error *err)
{
    void *part;
    TSRI_TRY(tsri_context_slot(fs->head.context, TSRI_SLOT_FILES, allowance_create, tsri_free,
                               &part, err));
    tsri_fs_keeper *self = tsri_alloc_zero(sizeof *self);
    if (!self)
        return tsri_error_no_memory(err, sizeof *self);
    self->fs = fs;
    self->allowance = part;
    tsri_fork_mutex_init(&self->mutex, abandon_readers, self);
    *ret_keeper = self;
    return 0;
}

void tsri_fs_keeper_free(tsri_fs_keeper *keeper)
{
    tsri_fs_kept *doomed = NULL;
    while (keeper->newest)
        delist(keeper, keeper->newest, &doomed);
    end_files(keeper, doomed);
    tsri_fork_mutex_clear(&keeper->mutex);
    tsri_free(keeper);
}

/* ---- reading ---- */

/* Whether the path of a key leads to the very file that is kept, unchanged. Links are followed
 * however the file was opened: what matters is where they lead. */
static bool is_current(const tsri_fs *fs, const char *key, const tsri_fs_version *version)
{
    struct stat found;
    if (tsri_fs_root_stat(fs, key, &found, fs->follow_symlinks ? 0 : AT_SYMLINK_NOFOLLOW) < 0)
        return false;
    tsr_generation generation = tsri_fs_generation(&found);
    return tsr_generation_equal(&generation, &version->generation);
}

bool tsri_fs_keep_take(const tsri_fs *fs, const char *key, tsri_fs_version *ret_version)
{
    tsri_fs_keeper *self = fs->keeper;
    tsri_fs_kept *doomed = NULL;
    if (__atomic_load_n(&self->count, __ATOMIC_RELAXED) == 0)
        return false;
    uint32_t hash = hash_of(key);
    tsri_fork_mutex_lock(&self->mutex);
    tsri_fs_kept *file = find(self, key, hash);
    if (file) {
        file->readers++;
        unlink_file(self, file);
        link_newest(self, file);
    }
    tsri_fork_mutex_unlock(&self->mutex);
    if (!file)
        return false;
    if (is_current(fs, key, &file->version)) {
        *ret_version = file->version;
        return true;
    }
    tsri_fork_mutex_lock(&self->mutex);
    if (file->listed)
        delist(self, file, &doomed);
    drop_reader(self, file, &doomed);
    tsri_fork_mutex_unlock(&self->mutex);
    end_files(self, doomed);
    return false;
}

/* Makes an entry of an open file; NULL when there is no memory for it. */
static tsri_fs_kept *new_file(const char *key, const tsri_fs_version *version)
{
    size_t key_bytes = strlen(key) + 1;
    tsri_fs_kept *file = tsri_alloc(sizeof *file + key_bytes);
    if (!file)
        return NULL;
    *file = (tsri_fs_kept){.version = *version, .hash = hash_of(key)};
    file->version.kept = file;
    memcpy(file->key, key, key_bytes);
    return file;
}

/* Room for one more file: the context's, or that of the oldest file here that nobody reads. */
static bool find_room(tsri_fs_keeper *self, tsri_fs_kept **doomed)
{
    if (self->allowance->limit == 0)
        return false;
    if (allowance_take(self->allowance))
        return true;
    for (tsri_fs_kept *file = self->oldest; file; file = file->newer) {
        if (file->readers > 0 || !file->listed)
            continue;
        delist(self, file, doomed);
        /* Its room is given back when it ends, and taken here already. */
        __atomic_add_fetch(&self->allowance->taken, 1, __ATOMIC_RELAXED);
        return true;
    }
    return false;
}

static bool keep(tsri_fs_keeper *self, const char *key, const tsri_fs_version *version)
{
    tsri_fs_kept *doomed = NULL, *file = new_file(key, version);
    if (!file)
        return false;
    tsri_fork_mutex_lock(&self->mutex);
    /* The one opened last is likelier to be what is there now. */
    tsri_fs_kept *other = find(self, key, file->hash);
    if (other)
        delist(self, other, &doomed);
    bool room = find_room(self, &doomed);
    if (room)
        list(self, file);
    tsri_fork_mutex_unlock(&self->mutex);
    end_files(self, doomed);
    if (!room)
        tsri_free(file);
    return room;
}

void tsri_fs_keep_give(const tsri_fs *fs, const char *key, const tsri_fs_version *version,
                       bool worth_keeping)
{
    tsri_fs_keeper *self = fs->keeper;
    tsri_fs_kept *doomed = NULL;
    if (version->kept) {
        tsri_fork_mutex_lock(&self->mutex);
        drop_reader(self, version->kept, &doomed);
        tsri_fork_mutex_unlock(&self->mutex);
        end_files(self, doomed);
    } else if (!worth_keeping || self->allowance->limit == 0 || !keep(self, key, version)) {
        tsri_fs_close(fs, version->descriptor);
    }
}

/* ---- forgetting ---- */

static void forget(tsri_fs_keeper *self, bool (*is_meant)(const tsri_fs_kept *file, const void *of),
                   const void *of)
{
    tsri_fs_kept *doomed = NULL;
    if (__atomic_load_n(&self->count, __ATOMIC_RELAXED) == 0)
        return;
    tsri_fork_mutex_lock(&self->mutex);
    for (tsri_fs_kept *file = self->newest, *older; file; file = older) {
        older = file->older;
        if (file->listed && is_meant(file, of))
            delist(self, file, &doomed);
    }
    tsri_fork_mutex_unlock(&self->mutex);
    end_files(self, doomed);
}

void tsri_fs_keep_forget(const tsri_fs *fs, const char *key)
{
    tsri_fs_keeper *self = fs->keeper;
    tsri_fs_kept *doomed = NULL;
    if (__atomic_load_n(&self->count, __ATOMIC_RELAXED) == 0)
        return;
    tsri_fork_mutex_lock(&self->mutex);
    tsri_fs_kept *file = find(self, key, hash_of(key));
    if (file)
        delist(self, file, &doomed);
    tsri_fork_mutex_unlock(&self->mutex);
    end_files(self, doomed);
}

static bool starts_with(const tsri_fs_kept *file, const void *prefix)
{
    return strncmp(file->key, prefix, strlen(prefix)) == 0;
}

void tsri_fs_keep_forget_prefix(const tsri_fs *fs, const char *prefix)
{
    forget(fs->keeper, starts_with, prefix);
}

static bool is_idle(const tsri_fs_kept *file, const void *unused)
{
    (void)unused;
    return file->readers == 0;
}

bool tsri_fs_keep_make_room(const tsri_fs *fs)
{
    tsri_fs_keeper *self = fs->keeper;
    if (!self)
        return false;
    int before = __atomic_load_n(&self->count, __ATOMIC_RELAXED);
    forget(self, is_idle, NULL);
    return __atomic_load_n(&self->count, __ATOMIC_RELAXED) < before;
}
