/* Proves the order in which bytes and names reach the disk, by a record of the system calls: bytes
 * before the name, the name's folder and every new folder above it before the acknowledgement, each
 * folder once in a flush. And that a failed sync is final. */
#include "store_testing.h"

#include <errno.h>
#include <unistd.h>

/* ---- The record ---- */

enum { EVENTS_MAX = 400 };

/* Lines such as "fdatasync /a/k.__lock" or "rename /a/k", paths below the temporary folder. */
typedef struct recorder {
    tsr_system system;
    const char *folder;
    char events[EVENTS_MAX][160];
    int count;
    const char *fail; /* the event that fails with EIO; NULL: none */
    int error_number;
} recorder;

static const char *path_of_descriptor(const recorder *r, int descriptor, char path[4200])
{
    char link_path[64];
    snprintf(link_path, sizeof link_path, "/proc/self/fd/%d", descriptor);
    ssize_t size = readlink(link_path, path, 4199);
    path[size < 0 ? 0 : size] = 0;
    size_t folder_size = strlen(r->folder);
    return strncmp(path, r->folder, folder_size) == 0 ? path + folder_size : "(above)";
}

static bool record(recorder *r, const char *what, int descriptor, const char *name)
{
    char path[4200];
    char *event = r->events[r->count++];
    assert_true(r->count < EVENTS_MAX);
    snprintf(event, sizeof *r->events, "%s %.100s%s%s", what,
             path_of_descriptor(r, descriptor, path), name ? "/" : "", name ? name : "");
    errno = r->error_number;
    return r->fail && strcmp(event, r->fail) == 0;
}

static int record_fsync(const tsr_system *system, int descriptor)
{
    return record((recorder *)system, "fsync", descriptor, NULL) ? -1 : 0;
}

static int record_fdatasync(const tsr_system *system, int descriptor)
{
    return record((recorder *)system, "fdatasync", descriptor, NULL) ? -1 : 0;
}

static int record_renameat(const tsr_system *system, int from_directory, const char *from,
                           int to_directory, const char *to)
{
    record((recorder *)system, "rename", to_directory, to);
    const tsr_system *below = tsr_system_default();
    return below->renameat(below, from_directory, from, to_directory, to);
}

static int record_mkdirat(const tsr_system *system, int directory, const char *path, mode_t mode)
{
    const tsr_system *below = tsr_system_default();
    int result = below->mkdirat(below, directory, path, mode);
    if (result == 0 && path[0] != '/')
        record((recorder *)system, "mkdir", directory, path);
    return result;
}

static int record_unlinkat(const tsr_system *system, int directory, const char *path, int flags)
{
    const tsr_system *below = tsr_system_default();
    if (!strstr(path, "__lock"))
        record((recorder *)system, "unlink", directory, path);
    return below->unlinkat(below, directory, path, flags);
}

typedef struct recording {
    fixture *f;
    recorder recorder;
    tsr_context *context;
    tsr_store *store;
    tsr_error err;
} recording;

static recording *recording_new(fixture *f, const char *root)
{
    recording *r = calloc(1, sizeof *r);
    tsr_context_options options;
    char path[4200];
    r->f = f;
    r->recorder.system = *tsr_system_default();
    r->recorder.folder = f->folder;
    r->recorder.error_number = EIO;
    r->recorder.system.fsync = record_fsync;
    r->recorder.system.fdatasync = record_fdatasync;
    r->recorder.system.renameat = record_renameat;
    r->recorder.system.mkdirat = record_mkdirat;
    r->recorder.system.unlinkat = record_unlinkat;
    tsr_context_options_init(&options);
    options.system = &r->recorder.system;
    assert_int_equal(tsr_context_new(&options, &r->context, NULL), 0);
    assert_int_equal(tsr_store_open(r->context, path_of(f, root, path), &r->store, NULL), 0);
    return r;
}

static void recording_free(recording *r)
{
    tsr_store_close(r->store);
    tsr_context_free(r->context);
    free(r);
}

static int put_one(recording *r, const char *key, tsr_durability durability)
{
    tsr_segment segment = {.bytes = "v", .size_bytes = 1};
    tsr_put_request request = {.key = key,
                               .segments = &segment,
                               .segment_count = 1,
                               .durability = durability,
                               .err = &r->err};
    return tsr_store_put_many(r->store, &request, 1, NULL);
}

/* The position of the n-th such event, counted from 0; -1: there is none. */
static int find_event(const recording *r, const char *event, int n)
{
    for (int i = 0; i < r->recorder.count; i++)
        if (strcmp(r->recorder.events[i], event) == 0 && n-- == 0)
            return i;
    return -1;
}

static int position(const recording *r, const char *event)
{
    int found = find_event(r, event, 0);
    if (found < 0) {
        for (int i = 0; i < r->recorder.count; i++)
            print_message("%s\n", r->recorder.events[i]);
        fail_msg("there was no %s", event);
    }
    return found;
}

/* ---- Order ---- */

static void chunk_means_on_disk_with_all_folders(void **state)
{
    recording *r = recording_new(*state, "root");
    assert_int_equal(put_one(r, "a/b/k", TSR_DURABILITY_CHUNK), 0);
    int bytes = position(r, "fdatasync /root/a/b/k.__lock");
    int name = position(r, "rename /root/a/b/k");
    assert_true(bytes < name);
    assert_true(name < position(r, "fsync /root/a/b"));
    assert_true(position(r, "mkdir /root/a/b") < position(r, "fsync /root/a"));
    assert_true(position(r, "mkdir /root/a") < position(r, "fsync /root"));
    /* The root was made here as well. */
    assert_true(position(r, "fsync ") >= 0);
    /* What is on disk is not synced again. */
    int before = r->recorder.count;
    assert_int_equal(put_one(r, "a/b/l", TSR_DURABILITY_CHUNK), 0);
    assert_int_equal(r->recorder.count, before + 3);
    assert_string_equal(r->recorder.events[before + 2], "fsync /root/a/b");
    recording_free(r);
}

/* Another process may have made the folders a moment ago, and not have synced them yet. */
static void folders_met_for_the_first_time_are_not_trusted(void **state)
{
    fixture *f = *state;
    put_good(f, "root/a/b/k", "made by another");
    recording *r = recording_new(f, "root");
    assert_int_equal(put_one(r, "a/b/l", TSR_DURABILITY_CHUNK), 0);
    position(r, "fsync /root/a/b");
    position(r, "fsync /root/a");
    position(r, "fsync /root");
    position(r, "fsync ");
    recording_free(r);
}

/* Another process may also remove what this one has made, so that it is made again. */
static void a_folder_that_is_made_again_is_synced_again(void **state)
{
    fixture *f = *state;
    recording *r = recording_new(f, "root");
    assert_int_equal(put_one(r, "a/b/k", TSR_DURABILITY_CHUNK), 0);
    assert_int_equal(find_event(r, "fsync /root/a", 1), -1);
    assert_int_equal(tsr_store_erase_prefix(f->store, "root/a/b/", NULL, &f->err), 0);
    assert_int_equal(put_one(r, "a/b/k", TSR_DURABILITY_CHUNK), 0);
    int made = find_event(r, "mkdir /root/a/b", 1);
    assert_true(made > 0);
    assert_true(find_event(r, "fsync /root/a", 1) > made);
    recording_free(r);
}

static void none_syncs_nothing(void **state)
{
    recording *r = recording_new(*state, "root");
    assert_int_equal(put_one(r, "a/k", TSR_DURABILITY_NONE), 0);
    assert_int_equal(find_event(r, "fdatasync /root/a/k.__lock", 0), -1);
    assert_int_equal(find_event(r, "fsync /root/a", 0), -1);
    recording_free(r);
}

static void flush_syncs_each_folder_once(void **state)
{
    recording *r = recording_new(*state, "root");
    for (int i = 0; i < 12; i++) {
        char key[32];
        snprintf(key, sizeof key, "c/%d/%d", i % 3, i);
        assert_int_equal(put_one(r, key, TSR_DURABILITY_FLUSH), 0);
        /* The bytes are on disk before the name, so that a cut never shows an empty file. */
        char event[64];
        snprintf(event, sizeof event, "fdatasync /root/%s.__lock", key);
        int bytes = position(r, event);
        snprintf(event, sizeof event, "rename /root/%s", key);
        assert_true(bytes < position(r, event));
    }
    int before = r->recorder.count;
    assert_int_equal(find_event(r, "fsync /root/c/0", 0), -1);
    assert_int_equal(tsr_store_flush(r->store, NULL, &r->err), 0);
    static const char *const folders[] = {"fsync /root/c/0", "fsync /root/c/1", "fsync /root/c/2",
                                          "fsync /root/c",   "fsync /root",     "fsync "};
    for (size_t i = 0; i < 6; i++) {
        assert_true(position(r, folders[i]) >= before);
        assert_int_equal(find_event(r, folders[i], 1), -1);
    }
    before = r->recorder.count;
    assert_int_equal(tsr_store_flush(r->store, NULL, &r->err), 0);
    assert_int_equal(r->recorder.count, before);
    assert_int_equal(put_one(r, "c/1/99", TSR_DURABILITY_FLUSH), 0);
    assert_int_equal(tsr_store_flush(r->store, NULL, &r->err), 0);
    assert_true(find_event(r, "fsync /root/c/1", 1) > before);
    assert_int_equal(find_event(r, "fsync /root/c", 1), -1);
    recording_free(r);
}

static void the_public_put_flushes(void **state)
{
    recording *r = recording_new(*state, "root");
    assert_int_equal(tsr_store_put(r->store, "a/k", "v", 1, TSR_DURABILITY_FLUSH, NULL, &r->err),
                     0);
    assert_true(position(r, "rename /root/a/k") < position(r, "fsync /root/a"));
    recording_free(r);
}

static void removals_reach_the_disk_with_the_flush(void **state)
{
    recording *r = recording_new(*state, "root");
    assert_int_equal(put_one(r, "a/b/k", TSR_DURABILITY_CHUNK), 0);
    assert_int_equal(put_one(r, "a/c/k", TSR_DURABILITY_CHUNK), 0);
    int before = r->recorder.count;
    assert_int_equal(tsr_store_erase(r->store, "a/b/k", NULL, &r->err), 0);
    assert_true(find_event(r, "fsync /root/a/b", 1) > before);
    assert_int_equal(tsr_store_erase_prefix(r->store, "a/c/", NULL, &r->err), 0);
    int removed = position(r, "unlink /root/a/c");
    assert_true(find_event(r, "fsync /root/a", 2) > removed);
    /* A folder that comes back is a new one. */
    before = r->recorder.count;
    assert_int_equal(put_one(r, "a/c/k", TSR_DURABILITY_CHUNK), 0);
    assert_true(find_event(r, "mkdir /root/a/c", 1) >= before);
    assert_true(find_event(r, "fsync /root/a", 3) > before);
    recording_free(r);
}

/* More folders than the store remembers are synced before the flush, and none is forgotten. */
static void many_folders_are_bounded(void **state)
{
    fixture *f = *state;
    enum { FOLDERS = 1100 };
    int64_t before = faulty_system_count(&f->faulty, "fsync");
    for (int i = 0; i < FOLDERS; i++) {
        char key[24];
        snprintf(key, sizeof key, "c/%d/k", i);
        tsr_put_request request = {.key = key, .durability = TSR_DURABILITY_FLUSH, .err = &f->err};
        assert_int_equal(tsr_store_put_many(f->store, &request, 1, NULL), 0);
    }
    int64_t early = faulty_system_count(&f->faulty, "fsync") - before;
    assert_in_range(early, 1000, FOLDERS);
    assert_int_equal(tsr_store_flush(f->store, NULL, &f->err), 0);
    assert_true(faulty_system_count(&f->faulty, "fsync") - before >= FOLDERS);
}

/* ---- Failures ---- */

static void assert_nothing_more_is_written(recording *r, const char *named)
{
    tsr_blob *blob = NULL;
    r->recorder.fail = NULL;
    assert_int_equal(put_one(r, "other/k", TSR_DURABILITY_NONE), TSR_IO);
    assert_non_null(strstr(r->err.message, named));
    assert_true(r->err.next_step[0]);
    assert_int_equal(tsr_store_erase(r->store, "before", NULL, &r->err), TSR_IO);
    assert_int_equal(tsr_store_erase_prefix(r->store, "", NULL, &r->err), TSR_IO);
    assert_int_equal(tsr_store_flush(r->store, NULL, &r->err), TSR_IO);
    assert_int_equal(tsr_store_get(r->store, "before", (tsr_range){0}, NULL, &blob, NULL, &r->err),
                     0);
    tsr_blob_unref(blob);
}

static void after_a_failed_sync_of_bytes_nothing_is_written(void **state)
{
    recording *r = recording_new(*state, "root");
    assert_int_equal(put_one(r, "before", TSR_DURABILITY_NONE), 0);
    r->recorder.fail = "fdatasync /root/a/k.__lock";
    assert_int_equal(put_one(r, "a/k", TSR_DURABILITY_FLUSH), TSR_IO);
    assert_non_null(strstr(r->err.message, "a/k"));
    assert_int_equal(find_event(r, "rename /root/a/k", 0), -1);
    assert_nothing_more_is_written(r, "a/k");
    recording_free(r);
}

static void after_a_failed_sync_of_a_folder_nothing_is_written(void **state)
{
    recording *r = recording_new(*state, "root");
    assert_int_equal(put_one(r, "before", TSR_DURABILITY_NONE), 0);
    assert_int_equal(put_one(r, "a/k", TSR_DURABILITY_FLUSH), 0);
    r->recorder.fail = "fsync /root/a";
    assert_int_equal(tsr_store_flush(r->store, NULL, &r->err), TSR_IO);
    assert_nothing_more_is_written(r, "root/a failed");
    recording_free(r);
    /* A program that is started anew has a clean slate; the disk decides. */
    r = recording_new(*state, "root");
    r->recorder.fail = "fsync /root/b";
    assert_int_equal(put_one(r, "b/k", TSR_DURABILITY_CHUNK), TSR_IO);
    assert_nothing_more_is_written(r, "root/b failed");
    recording_free(r);
}

/* Stores come and go with the arrays on them; the disk is the same. */
static void a_failed_sync_is_known_to_other_stores(void **state)
{
    recording *r = recording_new(*state, "root");
    tsr_store *before, *after;
    char path[4200];
    assert_int_equal(tsr_store_open(r->context, path_of(r->f, "other", path), &before, NULL), 0);
    assert_int_equal(tsr_store_put(before, "k", "v", 1, TSR_DURABILITY_FLUSH, NULL, &r->err), 0);
    r->recorder.fail = "fdatasync /root/a.__lock";
    assert_int_equal(put_one(r, "a", TSR_DURABILITY_CHUNK), TSR_IO);
    r->recorder.fail = NULL;
    assert_int_equal(tsr_store_open(r->context, path_of(r->f, "new", path), &after, NULL), 0);
    tsr_store *stores[] = {before, after};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(tsr_store_put(stores[i], "l", "v", 1, TSR_DURABILITY_NONE, NULL, &r->err),
                         TSR_IO);
        assert_non_null(strstr(r->err.message, "root/a failed"));
        tsr_store_close(stores[i]);
    }
    /* What lies in memory has no disk. */
    assert_int_equal(tsr_store_open(r->context, "memory:", &after, NULL), 0);
    assert_int_equal(tsr_store_put(after, "l", "v", 1, TSR_DURABILITY_CHUNK, NULL, &r->err), 0);
    tsr_store_close(after);
    recording_free(r);
}

/* The value that did not fit is lost and was not acknowledged; all others are where they were. */
static void a_full_disk_is_not_final(void **state)
{
    recording *r = recording_new(*state, "root");
    r->recorder.fail = "fdatasync /root/k.__lock";
    r->recorder.error_number = ENOSPC;
    assert_int_equal(put_one(r, "k", TSR_DURABILITY_CHUNK), TSR_NO_SPACE);
    r->recorder.fail = NULL;
    assert_int_equal(put_one(r, "k", TSR_DURABILITY_CHUNK), 0);
    recording_free(r);
}

static void folders_without_a_sync_are_taken_as_they_are(void **state)
{
    recording *r = recording_new(*state, "root");
    r->recorder.fail = "fsync /root/a";
    r->recorder.error_number = EINVAL;
    assert_int_equal(put_one(r, "a/k", TSR_DURABILITY_CHUNK), 0);
    recording_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(chunk_means_on_disk_with_all_folders),
        FIXTURE_TEST(folders_met_for_the_first_time_are_not_trusted),
        FIXTURE_TEST(a_folder_that_is_made_again_is_synced_again),
        FIXTURE_TEST(none_syncs_nothing),
        FIXTURE_TEST(flush_syncs_each_folder_once),
        FIXTURE_TEST(the_public_put_flushes),
        FIXTURE_TEST(removals_reach_the_disk_with_the_flush),
        FIXTURE_TEST(many_folders_are_bounded),
        FIXTURE_TEST(after_a_failed_sync_of_bytes_nothing_is_written),
        FIXTURE_TEST(after_a_failed_sync_of_a_folder_nothing_is_written),
        FIXTURE_TEST(a_failed_sync_is_known_to_other_stores),
        FIXTURE_TEST(a_full_disk_is_not_final),
        FIXTURE_TEST(folders_without_a_sync_are_taken_as_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
