/* Proves that a checkpoint of a context takes one sync of a file system for what all its stores
 * have left to the system there, also when they are closed; that none is taken where nothing was
 * left; that the folder which is held open for that is given back; and that a sync that fails is
 * final for the checkpoint and for every writer. */
#include "store_testing.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "store/unsynced.h"

typedef struct counting {
    tsr_system system;
    int syncs, sync_error;
    const char *unreadable; /* a name that may not be opened for reading */
} counting;

static int count_sync(const tsr_system *system, int descriptor)
{
    counting *self = (counting *)system;
    (void)descriptor;
    self->syncs++;
    errno = self->sync_error;
    return self->sync_error ? -1 : 0;
}

static int refuse_folder(const tsr_system *system, int directory, const char *path, int flags,
                         mode_t mode)
{
    const counting *self = (const counting *)system;
    if (self->unreadable && !(flags & O_PATH) && strcmp(path, self->unreadable) == 0) {
        errno = EACCES;
        return -1;
    }
    return tsr_system_default()->openat(system, directory, path, flags, mode);
}

static tsr_context *context_new(counting *self)
{
    tsr_context_options options;
    tsr_context *context;
    *self = (counting){.system = *quick_system()};
    self->system.syncfs = count_sync;
    self->system.openat = refuse_folder;
    tsr_context_options_init(&options);
    options.system = &self->system;
    assert_int_equal(tsr_context_new(&options, &context, NULL), 0);
    return context;
}

static tsr_store *store_in(tsr_context *context, const char *folder, const char *name)
{
    char path[600];
    tsr_store *store;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(tsr_store_open(context, path, &store, NULL), 0);
    return store;
}

static void put_value(tsr_store *store, tsr_durability durability)
{
    assert_int_equal(tsr_store_put(store, "a/k", "v", 1, durability, NULL, NULL), 0);
}

static int open_files(void)
{
    int n = 0;
    DIR *folder = opendir("/proc/self/fd");
    assert_non_null(folder);
    while (readdir(folder))
        n++;
    closedir(folder);
    return n;
}

static void one_sync_serves_all_stores(void **state)
{
    fixture *f = *state;
    counting self;
    tsr_context *context = context_new(&self);
    tsr_store *a = store_in(context, f->folder, "a"), *b = store_in(context, f->folder, "b");
    assert_int_equal(tsr_context_sync(context, NULL, NULL), 0);
    put_value(a, TSR_DURABILITY_CHUNK);
    assert_int_equal(tsr_context_sync(context, NULL, NULL), 0);
    assert_int_equal(self.syncs, 0);
    put_value(a, TSR_DURABILITY_NONE);
    put_value(b, TSR_DURABILITY_NONE);
    assert_int_equal(tsr_context_sync(context, NULL, NULL), 0);
    assert_int_equal(self.syncs, 1);
    assert_int_equal(tsr_context_sync(context, NULL, NULL), 0);
    assert_int_equal(self.syncs, 1);
    put_value(b, TSR_DURABILITY_NONE);
    assert_int_equal(tsr_context_sync(context, NULL, NULL), 0);
    assert_int_equal(self.syncs, 2);
    tsr_store_close(a);
    tsr_store_close(b);
    tsr_context_free(context);
}

static void closed_stores_are_synced_too(void **state)
{
    fixture *f = *state;
    counting self;
    tsr_context *context = context_new(&self);
    int before = open_files();
    for (int i = 0; i < 3; i++) {
        tsr_store *store = store_in(context, f->folder, "a");
        put_value(store, TSR_DURABILITY_NONE);
        tsr_store_close(store);
    }
    assert_int_equal(open_files(), before + 1);
    assert_int_equal(tsr_context_sync(context, NULL, NULL), 0);
    assert_int_equal(self.syncs, 1);
    assert_int_equal(open_files(), before);
    tsr_store *store = store_in(context, f->folder, "a");
    put_value(store, TSR_DURABILITY_NONE);
    tsr_store_close(store);
    tsr_context_free(context);
    assert_int_equal(open_files(), before);
}

static void a_folder_that_may_not_be_read_is_synced(void **state)
{
    fixture *f = *state;
    counting self;
    tsr_context *context = context_new(&self);
    tsr_store *store = store_in(context, f->folder, "a");
    self.unreadable = ".";
    put_value(store, TSR_DURABILITY_NONE);
    tsr_store_close(store);
    assert_int_equal(tsr_context_sync(context, NULL, NULL), 0);
    assert_int_equal(self.syncs, 1);
    tsr_context_free(context);
}

static void a_failed_sync_is_final(void **state)
{
    fixture *f = *state;
    counting self;
    tsr_error err = TSR_ERROR_INIT;
    tsr_context *context = context_new(&self);
    tsr_store *store = store_in(context, f->folder, "a");
    put_value(store, TSR_DURABILITY_NONE);
    self.sync_error = EIO;
    assert_int_equal(tsr_context_sync(context, NULL, &err), TSR_IO);
    self.sync_error = 0;
    tsr_error_clear(&err);
    assert_int_equal(tsr_context_sync(context, NULL, &err), TSR_IO);
    assert_non_null(strstr(err.message, "failed before"));
    assert_int_equal(self.syncs, 1);
    assert_int_equal(tsr_store_put(store, "b", "v", 1, TSR_DURABILITY_FLUSH, NULL, NULL), TSR_IO);
    tsr_store_close(store);
    tsr_context_free(context);
}

/* What is about to be left when a sync begins is not counted in by it. */
static void a_sync_counts_what_was_left_before(void **state)
{
    fixture *f = *state;
    counting self;
    tsri_unsynced *unsynced;
    tsri_unsynced_disk *disk;
    tsr_context *context = context_new(&self);
    tsri_watch watch = tsri_watch_start(context, NULL);
    int folder = open(f->folder, O_RDONLY | O_DIRECTORY), before = open_files();
    assert_int_equal(tsri_unsynced_get(context, &unsynced, NULL), 0);
    assert_int_equal(tsri_unsynced_hold(unsynced, 7, folder, "none", &disk), 0);
    assert_int_equal(tsri_unsynced_sync(unsynced, NULL, &watch, NULL), 0);
    assert_int_equal(self.syncs, 0);
    tsri_unsynced_let_go(unsynced, disk, true);
    assert_int_equal(tsri_unsynced_sync(unsynced, NULL, &watch, NULL), 0);
    assert_int_equal(self.syncs, 1);
    assert_int_equal(tsri_unsynced_hold(unsynced, 7, folder, "none", &disk), 0);
    assert_int_equal(open_files(), before + 1);
    tsri_unsynced_let_go(unsynced, disk, false);
    assert_int_equal(open_files(), before);
    assert_int_equal(tsri_unsynced_sync(unsynced, NULL, &watch, NULL), 0);
    assert_int_equal(self.syncs, 1);
    close(folder);
    tsr_context_free(context);
}

/* ---- folders on other disks ---- */

enum { DISKS_MAX = 12 };

static struct {
    dev_t synced[DISKS_MAX];
    int count;
    dev_t failing;
} disks;

static int note_disk(const tsr_system *system, int descriptor)
{
    struct stat status;
    (void)system;
    assert_int_equal(fstat(descriptor, &status), 0);
    assert_true(disks.count < DISKS_MAX);
    disks.synced[disks.count++] = status.st_dev;
    errno = EIO;
    return disks.failing == status.st_dev ? -1 : 0;
}

static dev_t device_of(const char *folder)
{
    struct stat status;
    assert_int_equal(stat(folder, &status), 0);
    return status.st_dev;
}

static bool was_synced(dev_t device)
{
    int times = 0;
    for (int i = 0; i < disks.count; i++)
        times += disks.synced[i] == device;
    assert_in_range(times, 0, 1);
    return times == 1;
}

static void leave(tsr_store *store, const char *key)
{
    assert_int_equal(tsr_store_put(store, key, "v", 1, TSR_DURABILITY_NONE, NULL, NULL), 0);
}

/* A folder of the store that is a link to another disk is synced with the checkpoint of the store,
 * each disk when something was left there; and its failure is final for the store. */
static void folders_on_other_disks_are_synced(void **state)
{
    fixture *f = *state;
    char elsewhere[] = "/dev/shm/tessera-unsynced-XXXXXX";
    char link_path[600];
    counting self;
    if (!mkdtemp(elsewhere))
        skip();
    if (device_of(elsewhere) == device_of(f->folder)) {
        rmdir(elsewhere);
        skip();
    }
    memset(&disks, 0, sizeof disks);
    tsr_context *context = context_new(&self);
    self.system.syncfs = note_disk;
    tsr_store *store = store_in(context, f->folder, "s");
    leave(store, "here");
    snprintf(link_path, sizeof link_path, "%s/s/there", f->folder);
    assert_int_equal(symlink(elsewhere, link_path), 0);
    leave(store, "there/a");
    assert_int_equal(tsr_store_sync(store, NULL, NULL), 0);
    assert_int_equal(disks.count, 2);
    assert_true(was_synced(device_of(f->folder)) && was_synced(device_of(elsewhere)));
    /* Now only there; and what the store has synced is nothing to the context. */
    memset(&disks, 0, sizeof disks);
    leave(store, "there/b");
    assert_int_equal(tsr_store_sync(store, NULL, NULL), 0);
    assert_int_equal(tsr_context_sync(context, NULL, NULL), 0);
    assert_int_equal(disks.count, 1);
    assert_true(was_synced(device_of(elsewhere)));
    disks.failing = device_of(elsewhere);
    leave(store, "there/b");
    assert_int_equal(tsr_store_sync(store, NULL, NULL), TSR_IO);
    disks.failing = 0;
    assert_int_equal(tsr_store_sync(store, NULL, NULL), TSR_IO);
    assert_int_equal(tsr_store_put(store, "here", "v", 1, TSR_DURABILITY_NONE, NULL, NULL), TSR_IO);
    tsr_store_close(store);
    tsr_context_free(context);
    assert_int_equal(unlink(link_path), 0);
    temporary_folder_remove(strdup(elsewhere));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(one_sync_serves_all_stores),
        FIXTURE_TEST(closed_stores_are_synced_too),
        FIXTURE_TEST(a_folder_that_may_not_be_read_is_synced),
        FIXTURE_TEST(a_failed_sync_is_final),
        FIXTURE_TEST(a_sync_counts_what_was_left_before),
        FIXTURE_TEST(folders_on_other_disks_are_synced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
