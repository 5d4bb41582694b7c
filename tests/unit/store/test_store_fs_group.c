/* Proves what is promised of puts that may wait for the flush: nobody sees them before, all of them
 * are on their way to the disk before the first is renamed, their locks hold until then, no failure
 * of theirs is lost, and processes that wait for each other's locks go on. */
#include "store_testing.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- help ---- */

static int put_late(tsr_store *store, const char *key, const char *text, tsr_lock *lock,
                    const tsr_generation *if_match, tsr_error *err)
{
    tsr_segment segment = {.bytes = text, .size_bytes = strlen(text)};
    tsr_put_request request = {.key = key,
                               .segments = &segment,
                               .segment_count = 1,
                               .if_match = if_match,
                               .lock = lock,
                               .durability = TSR_DURABILITY_FLUSH,
                               .until_flush = true,
                               .err = err};
    return tsr_store_put_many(store, &request, 1, NULL);
}

static void put_late_good(fixture *f, const char *key, const char *text)
{
    if (put_late(f->store, key, text, NULL, NULL, &f->err) < 0)
        fail_msg("put %s: %s", key, f->err.message);
}

static int count_name(void *user, const tsr_store_entry *entry)
{
    (void)entry;
    ++*(int *)user;
    return 0;
}

/* Values, and lock files of whatever kind. */
static int count_values(fixture *f)
{
    int count = 0;
    assert_int_equal(tsr_store_list(f->store, "", false, count_name, &count, NULL, &f->err), 0);
    return count;
}

static bool has_lock_file(const fixture *f, const char *key)
{
    char name[100], path[4200];
    snprintf(name, sizeof name, "%s.__lock", key);
    return access(path_of(f, name, path), F_OK) == 0;
}

/* Another program: a store of a context of its own. */
typedef struct stranger {
    tsr_context *context;
    tsr_store *store;
} stranger;

static stranger stranger_open(const fixture *f)
{
    stranger other;
    tsr_context_options options;
    tsr_context_options_init(&options);
    options.system = quick_system();
    assert_int_equal(tsr_context_new(&options, &other.context, NULL), 0);
    assert_int_equal(tsr_store_open(other.context, f->folder, &other.store, NULL), 0);
    return other;
}

static void stranger_close(stranger *other)
{
    tsr_store_close(other->store);
    tsr_context_free(other->context);
}

/* Whether another program gets the lock of a key within a moment. */
static bool is_free(const fixture *f, const char *key)
{
    stranger other = stranger_open(f);
    tsr_lock *lock = NULL;
    tsr_error err = TSR_ERROR_INIT;
    const tsr_call moment = {.deadline_ms = 20};
    int status = tsr_store_lock(other.store, key, &moment, &lock, &err);
    assert_true(status == 0 || status == TSR_DEADLINE);
    tsr_store_unlock(other.store, lock);
    stranger_close(&other);
    return status == 0;
}

/* ---- what is promised ---- */

static void nobody_sees_it_before_the_flush(void **state)
{
    fixture *f = *state;
    put_good(f, "a", "old");
    uint64_t begun = tsr_store_flush_begin(f->store);
    put_late_good(f, "a", "new");
    put_late_good(f, "b", "first");
    assert_text(f, "a", "old");
    assert_int_equal(get(f, "b", NULL, 0), TSR_NOT_FOUND);
    assert_int_equal(tsr_store_flush_since(f->store, begun, NULL, &f->err), 0);
    assert_text(f, "a", "new");
    assert_text(f, "b", "first");
    assert_false(has_lock_file(f, "a") || has_lock_file(f, "b"));
}

/* Counts of the syncs when the first file was renamed, and at the end. */
static struct {
    faulty_system *faulty;
    int64_t started, synced;
} at_first_rename;

static int note_rename(const tsr_system *system, int from_directory, const char *from,
                       int to_directory, const char *to)
{
    const tsr_system *below = tsr_system_default();
    (void)system;
    if (at_first_rename.synced < 0) {
        at_first_rename.started = faulty_system_count(at_first_rename.faulty, "sync_file_range");
        at_first_rename.synced = faulty_system_count(at_first_rename.faulty, "fdatasync");
    }
    return below->renameat(below, from_directory, from, to_directory, to);
}

static void all_are_synced_before_the_first_is_renamed(void **state)
{
    fixture *f = *state;
    enum { PUTS = 20 };
    tsr_system below = *quick_system();
    below.renameat = note_rename;
    f->faulty.below = &below;
    at_first_rename.faulty = &f->faulty;
    at_first_rename.synced = -1;
    for (int i = 0; i < PUTS; i++) {
        char key[20];
        snprintf(key, sizeof key, "c/%d", i);
        put_late_good(f, key, key);
    }
    assert_int_equal(faulty_system_count(&f->faulty, "sync_file_range"), PUTS);
    assert_int_equal(faulty_system_count(&f->faulty, "fdatasync"), 0);
    assert_int_equal(count_values(f), 0);
    assert_int_equal(tsr_store_flush(f->store, NULL, &f->err), 0);
    assert_int_equal(at_first_rename.started, PUTS);
    assert_int_equal(at_first_rename.synced, PUTS);
    assert_int_equal(faulty_system_count(&f->faulty, "renameat"), PUTS);
    assert_int_equal(count_values(f), PUTS);
    f->faulty.below = quick_system();
}

static void a_group_is_bounded(void **state)
{
    fixture *f = *state;
    int most = 0;
    for (int i = 1; i <= 300; i++) {
        char key[20];
        snprintf(key, sizeof key, "%d", i);
        put_late_good(f, key, "v");
        int waiting = i - count_values(f);
        most = waiting > most ? waiting : most;
    }
    assert_in_range(most, 2, 64);
    assert_int_equal(tsr_store_flush(f->store, NULL, &f->err), 0);
    assert_int_equal(count_values(f), 300);
}

static void old_age_publishes(void **state)
{
    fixture *f = *state;
    put_late_good(f, "a", "1");
    faulty_system_advance_ns(&f->faulty, INT64_C(2000000000));
    assert_int_equal(count_values(f), 0);
    put_late_good(f, "b", "2");
    assert_int_equal(count_values(f), 2);
}

static void other_durabilities_are_published_at_once(void **state)
{
    fixture *f = *state;
    tsr_segment segment = {.bytes = "v", .size_bytes = 1};
    tsr_put_request request = {.key = "k",
                               .segments = &segment,
                               .segment_count = 1,
                               .durability = TSR_DURABILITY_CHUNK,
                               .until_flush = true};
    assert_int_equal(tsr_store_put_many(f->store, &request, 1, NULL), 0);
    assert_text(f, "k", "v");
    request.key = "l";
    request.durability = TSR_DURABILITY_NONE;
    assert_int_equal(tsr_store_put_many(f->store, &request, 1, NULL), 0);
    assert_text(f, "l", "v");
}

/* ---- locks ---- */

static void locks_hold_until_then(void **state)
{
    fixture *f = *state;
    tsr_lock *lock = NULL;
    tsr_generation before;
    tsr_blob *blob = NULL;
    put_good(f, "k", "old");
    assert_int_equal(tsr_store_lock(f->store, "k", NULL, &lock, &f->err), 0);
    assert_int_equal(tsr_store_get(f->store, "k", (tsr_range){TSR_RANGE_WHOLE, 0, 0}, NULL, &blob,
                                   &before, &f->err),
                     0);
    tsr_blob_unref(blob);
    assert_int_equal(put_late(f->store, "k", "merged", lock, &before, &f->err), 0);
    /* A lock is good for one put, wherever its value is. */
    assert_int_equal(put_late(f->store, "k", "again", lock, NULL, &f->err), TSR_INVALID_ARGUMENT);
    assert_int_equal(tsr_store_erase_if(f->store, "k", NULL, lock, NULL, &f->err),
                     TSR_INVALID_ARGUMENT);
    assert_false(is_free(f, "k"));
    tsr_store_unlock(f->store, lock);
    assert_false(is_free(f, "k"));
    put_late_good(f, "whole", "value");
    assert_false(is_free(f, "whole"));
    assert_int_equal(tsr_store_flush(f->store, NULL, &f->err), 0);
    assert_true(is_free(f, "k") && is_free(f, "whole"));
    assert_text(f, "k", "merged");
}

/* The lock may be given back after the group is through with it, too. */
static void a_lock_given_back_late(void **state)
{
    fixture *f = *state;
    tsr_lock *lock = NULL;
    assert_int_equal(tsr_store_lock(f->store, "k", NULL, &lock, &f->err), 0);
    assert_int_equal(put_late(f->store, "k", "v", lock, NULL, &f->err), 0);
    assert_int_equal(tsr_store_flush(f->store, NULL, &f->err), 0);
    assert_true(is_free(f, "k"));
    assert_int_equal(put_late(f->store, "k", "again", lock, NULL, &f->err), TSR_INVALID_ARGUMENT);
    tsr_store_unlock(f->store, lock);
    assert_text(f, "k", "v");
}

/* Whoever changes the key through the same store finds the new value. */
static void later_changes_come_later(void **state)
{
    fixture *f = *state;
    put_late_good(f, "twice", "one");
    put_late_good(f, "twice", "two");
    put_late_good(f, "erased", "v");
    assert_int_equal(tsr_store_erase_if(f->store, "erased", NULL, NULL, NULL, &f->err), 0);
    put_late_good(f, "d/below", "v");
    assert_int_equal(tsr_store_erase_prefix(f->store, "d/", NULL, &f->err), 0);
    put_late_good(f, "linked", "v");
    assert_int_equal(tsr_store_link(f->store, "linked", "second", NULL, &f->err), 0);
    put_late_good(f, "absent", "v");
    tsr_segment segment = {.bytes = "w", .size_bytes = 1};
    tsr_put_request request = {
        .key = "absent", .segments = &segment, .segment_count = 1, .if_absent = true};
    assert_int_equal(tsr_store_put_many(f->store, &request, 1, NULL), TSR_CONFLICT);
    assert_int_equal(tsr_store_flush(f->store, NULL, &f->err), 0);
    assert_text(f, "twice", "two");
    assert_text(f, "second", "v");
    assert_names(f, "", false, "absent linked second twice");
}

/* Each of two programs has values that are not published, and wants the keys of the other. */
typedef struct crossing {
    tsr_store *store;
    int number;
    tsr_error err;
} crossing;

enum { CROSSINGS = 40, CROSSING_KEYS = 5 };

static void *cross(void *user)
{
    crossing *self = user;
    for (int i = 0; i < CROSSINGS * CROSSING_KEYS; i++) {
        char key[20];
        int at = i % CROSSING_KEYS;
        snprintf(key, sizeof key, "%d", self->number ? at : CROSSING_KEYS - 1 - at);
        if (put_late(self->store, key, self->number ? "one" : "other", NULL, NULL, &self->err) < 0)
            return self;
    }
    return tsr_store_flush(self->store, NULL, &self->err) < 0 ? self : NULL;
}

static void two_that_wait_for_each_other_go_on(void **state)
{
    fixture *f = *state;
    stranger other = stranger_open(f);
    /* Two threads each, so that one of a context puts while the other waits. */
    crossing ways[4] = {{.store = f->store, .number = 0},
                        {.store = other.store, .number = 1},
                        {.store = f->store, .number = 1},
                        {.store = other.store, .number = 0}};
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, cross, &ways[i]), 0);
    for (int i = 0; i < 4; i++) {
        void *failed;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        if (failed)
            fail_msg("%s", ways[i].err.message);
    }
    assert_int_equal(count_values(f), CROSSING_KEYS);
    stranger_close(&other);
}

/* ---- failures ---- */

static void no_failure_is_lost(void **state)
{
    fixture *f = *state;
    uint64_t begun = tsr_store_flush_begin(f->store);
    put_good(f, "a", "old");
    put_late_good(f, "a", "1");
    put_late_good(f, "b", "2");
    faulty_system_fail(&f->faulty, "fdatasync", 1, ENOSPC, false);
    /* Somebody else's flush meets it; the operation that it belongs to is told all the same. */
    assert_int_equal(tsr_store_flush(f->store, NULL, &f->err), 0);
    assert_true(faulty_system_fired(&f->faulty));
    assert_int_equal(tsr_store_flush_since(f->store, begun, NULL, &f->err), TSR_NO_SPACE);
    assert_non_null(strstr(f->err.message, "/a"));
    assert_text(f, "a", "old");
    assert_text(f, "b", "2");
    assert_false(has_lock_file(f, "a"));
    begun = tsr_store_flush_begin(f->store);
    assert_int_equal(tsr_store_flush_since(f->store, begun, NULL, &f->err), 0);
}

/* What waits stands beside what it replaces: on a full disk it goes first. */
static void a_full_disk_publishes_what_waits(void **state)
{
    fixture *f = *state;
    put_good(f, "a", "old");
    put_late_good(f, "a", "new");
    faulty_system_fail(&f->faulty, "pwritev", 1, ENOSPC, false);
    put_late_good(f, "b", "1");
    assert_true(faulty_system_fired(&f->faulty));
    assert_text(f, "a", "new");
    assert_int_equal(get(f, "b", NULL, 0), TSR_NOT_FOUND);
    assert_int_equal(tsr_store_flush(f->store, NULL, &f->err), 0);
    assert_text(f, "b", "1");
    faulty_system_fail(&f->faulty, "pwritev", 1, ENOSPC, false);
    assert_int_equal(put_late(f->store, "b", "2", NULL, NULL, &f->err), TSR_NO_SPACE);
    assert_text(f, "b", "1");
}

static void a_failed_sync_is_final(void **state)
{
    fixture *f = *state;
    uint64_t begun = tsr_store_flush_begin(f->store);
    put_late_good(f, "a", "1");
    put_late_good(f, "b", "2");
    faulty_system_fail(&f->faulty, "fdatasync", 1, EIO, false);
    assert_int_equal(tsr_store_flush_since(f->store, begun, NULL, &f->err), TSR_IO);
    assert_int_equal(count_values(f), 0);
    assert_false(has_lock_file(f, "a") || has_lock_file(f, "b"));
    assert_int_equal(put_late(f->store, "c", "3", NULL, NULL, &f->err), TSR_IO);
}

static void a_refused_rename_is_told(void **state)
{
    fixture *f = *state;
    uint64_t begun = tsr_store_flush_begin(f->store);
    put_late_good(f, "a", "1");
    faulty_system_fail(&f->faulty, "renameat", 1, EACCES, false);
    assert_int_equal(tsr_store_flush_since(f->store, begun, NULL, &f->err), TSR_PERMISSION);
    assert_int_equal(count_values(f), 0);
    assert_false(has_lock_file(f, "a"));
}

/* Programs that know no locks: what they have put is not overwritten by what was merged before. */
static void a_stranger_between_is_noticed(void **state)
{
    fixture *f = *state;
    char from[4200], to[4200];
    tsr_generation generation;
    tsr_blob *blob = NULL;
    put_good(f, "k", "old");
    assert_int_equal(tsr_store_get(f->store, "k", (tsr_range){TSR_RANGE_WHOLE, 0, 0}, NULL, &blob,
                                   &generation, &f->err),
                     0);
    tsr_blob_unref(blob);
    uint64_t begun = tsr_store_flush_begin(f->store);
    assert_int_equal(put_late(f->store, "k", "merged", NULL, &generation, &f->err), 0);
    put_good(f, "from", "stranger's");
    assert_int_equal(rename(path_of(f, "from", from), path_of(f, "k", to)), 0);
    assert_int_equal(tsr_store_flush_since(f->store, begun, NULL, &f->err), TSR_CONFLICT);
    assert_text(f, "k", "stranger's");
    assert_false(has_lock_file(f, "k"));

    begun = tsr_store_flush_begin(f->store);
    put_late_good(f, "l", "v");
    assert_int_equal(unlink(path_of(f, "l.__lock", from)), 0);
    assert_int_equal(tsr_store_flush_since(f->store, begun, NULL, &f->err), TSR_CONFLICT);
    assert_int_equal(get(f, "l", NULL, 0), TSR_NOT_FOUND);
}

static void closing_publishes(void **state)
{
    fixture *f = *state;
    put_late_good(f, "k", "v");
    fixture_close(f);
    fixture_open(f, true);
    assert_text(f, "k", "v");
}

/* What waits to be published in the parent is no business of a child. */
static void a_forked_child_leaves_it_alone(void **state)
{
    fixture *f = *state;
    tsr_lock *lock = NULL;
    put_late_good(f, "k", "v");
    assert_int_equal(tsr_store_lock(f->store, "held", NULL, &lock, &f->err), 0);
    assert_int_equal(put_late(f->store, "held", "v", lock, NULL, &f->err), 0);
    pid_t child = fork();
    if (child == 0) {
        bool good = tsr_store_flush(f->store, NULL, NULL) == 0 && count_values(f) == 0;
        tsr_store_unlock(f->store, lock);
        good = good && put_late(f->store, "child's", "v", NULL, NULL, NULL) == 0 &&
               tsr_store_flush(f->store, NULL, NULL) == 0 && count_values(f) == 1;
        fixture_close(f);
        _exit(good ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_false(is_free(f, "k") || is_free(f, "held"));
    tsr_store_unlock(f->store, lock);
    assert_int_equal(tsr_store_flush(f->store, NULL, &f->err), 0);
    assert_names(f, "", false, "child's held k");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(nobody_sees_it_before_the_flush),
        FIXTURE_TEST(all_are_synced_before_the_first_is_renamed),
        FIXTURE_TEST(a_group_is_bounded),
        FIXTURE_TEST(old_age_publishes),
        FIXTURE_TEST(other_durabilities_are_published_at_once),
        FIXTURE_TEST(locks_hold_until_then),
        FIXTURE_TEST(a_lock_given_back_late),
        FIXTURE_TEST(later_changes_come_later),
        FIXTURE_TEST(two_that_wait_for_each_other_go_on),
        FIXTURE_TEST(no_failure_is_lost),
        FIXTURE_TEST(a_full_disk_publishes_what_waits),
        FIXTURE_TEST(a_failed_sync_is_final),
        FIXTURE_TEST(a_refused_rename_is_told),
        FIXTURE_TEST(a_stranger_between_is_noticed),
        FIXTURE_TEST(closing_publishes),
        FIXTURE_TEST(a_forked_child_leaves_it_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
