/* Proves that whoever waits for a value sees every way in which it can change, whether the system
 * gives notice or not, that deadline and cancel end the wait, and that with notices the path is
 * looked at when something happened and not all the time. */
#include "store_testing.h"

#include <errno.h>
#include <pthread.h>
#include <unistd.h>

static tsr_generation generation_now(fixture *f, const char *key)
{
    tsr_generation generation = {{0}};
    tsr_blob *blob = NULL;
    if (tsr_store_get(f->store, key, (tsr_range){TSR_RANGE_WHOLE, 0, 0}, NULL, &blob, &generation,
                      &f->err) == 0)
        tsr_blob_unref(blob);
    return generation;
}

/* What another thread does while this one waits. */
typedef struct change {
    fixture *f;
    const char *what;
} change;

static void *make_change(void *user)
{
    const change *self = user;
    fixture *f = self->f;
    tsr_error err = TSR_ERROR_INIT;
    usleep(20000); /* so that the other one is likely to wait already; right either way */
    if (strcmp(self->what, "put") == 0)
        assert_int_equal(tsr_store_put(f->store, "a/k", "new", 3, TSR_DURABILITY_NONE, NULL, &err),
                         0);
    else if (strcmp(self->what, "erase") == 0)
        assert_int_equal(tsr_store_erase(f->store, "a/k", NULL, &err), 0);
    else
        assert_int_equal(tsr_store_erase_prefix(f->store, "a/", NULL, &err), 0);
    return NULL;
}

static void wait_for_change(fixture *f, const char *what)
{
    pthread_t thread;
    change wanted = {f, what};
    const tsr_call patience = {.deadline_ms = 60000};
    tsr_generation known = generation_now(f, "a/k");
    assert_int_equal(pthread_create(&thread, NULL, make_change, &wanted), 0);
    int status = tsr_store_wait(f->store, "a/k", &known, &patience, &f->err);
    pthread_join(thread, NULL);
    assert_int_equal(status, 0);
    tsr_generation now = generation_now(f, "a/k");
    assert_memory_not_equal(&now, &known, sizeof now);
}

static void see_all_changes(fixture *f)
{
    put(f, "a/k", "old", TSR_DURABILITY_NONE);
    wait_for_change(f, "put");
    wait_for_change(f, "erase");
    wait_for_change(f, "put");
    wait_for_change(f, "erase everything");
    wait_for_change(f, "put"); /* in a folder that is not there yet */
}

static void changes_are_noticed(void **state)
{
    fixture *f = *state;
    see_all_changes(f);
    assert_true(faulty_system_count(&f->faulty, "inotify_add_watch") > 0);
    assert_true(faulty_system_count(&f->faulty, "poll") > 0);
}

static void changes_are_seen_where_nobody_gives_notice(void **state)
{
    static const char *const calls[] = {"inotify_init1", "inotify_add_watch", "fstatfs"};
    fixture *f = *state;
    for (size_t i = 0; i < 3; i++) {
        faulty_system_fail(&f->faulty, calls[i], 1, EMFILE, true);
        see_all_changes(f);
        assert_true(faulty_system_fired(&f->faulty));
    }
}

/* While nothing happens one wait of some seconds looks a few times, and not a hundred times. */
static void waiting_costs_little(void **state)
{
    fixture *f = *state;
    const tsr_call patience = {.deadline_ms = 300};
    put(f, "a/k", "old", TSR_DURABILITY_NONE);
    tsr_generation known = generation_now(f, "a/k");
    int64_t before = faulty_system_count(&f->faulty, "fstatat");
    assert_int_equal(tsr_store_wait(f->store, "a/k", &known, &patience, &f->err), TSR_DEADLINE);
    assert_in_range(faulty_system_count(&f->faulty, "fstatat") - before, 1, 2);
}

static void what_has_changed_already_is_no_wait(void **state)
{
    fixture *f = *state;
    const tsr_generation none = {{0}}, other = {{1, 2, 3, 4}};
    put(f, "k", "v", TSR_DURABILITY_NONE);
    assert_int_equal(tsr_store_wait(f->store, "k", &none, NULL, &f->err), 0);
    assert_int_equal(tsr_store_wait(f->store, "k", &other, NULL, &f->err), 0);
    assert_int_equal(tsr_store_wait(f->store, "absent", &other, NULL, &f->err), 0);
}

static int count_polls(void *user)
{
    return ++*(int *)user == 3;
}

static void a_wait_can_be_ended(void **state)
{
    fixture *f = *state;
    const tsr_generation none = {{0}};
    int cancel = 1, polls = 0;
    const tsr_call cancelled = {.cancel = &cancel}, polled = {.poll = count_polls, .user = &polls},
                   short_one = {.deadline_ms = 30};
    assert_int_equal(tsr_store_wait(f->store, "a/k", &none, &cancelled, &f->err), TSR_CANCELLED);
    assert_int_equal(tsr_store_wait(f->store, "a/k", &none, &polled, &f->err), TSR_CANCELLED);
    assert_int_equal(polls, 3);
    assert_int_equal(tsr_store_wait(f->store, "a/k", &none, &short_one, &f->err), TSR_DEADLINE);
    assert_int_equal(tsr_store_wait(f->store, "a//k", &none, NULL, &f->err), TSR_INVALID_ARGUMENT);
}

static void failures_are_told(void **state)
{
    fixture *f = *state;
    const tsr_generation none = {{0}};
    faulty_system_fail(&f->faulty, "fstatat", 1, EACCES, true);
    assert_int_equal(tsr_store_wait(f->store, "k", &none, NULL, &f->err), TSR_PERMISSION);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(changes_are_noticed),
        FIXTURE_TEST(changes_are_seen_where_nobody_gives_notice),
        FIXTURE_TEST(waiting_costs_little),
        FIXTURE_TEST(what_has_changed_already_is_no_wait),
        FIXTURE_TEST(a_wait_can_be_ended),
        FIXTURE_TEST(failures_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
