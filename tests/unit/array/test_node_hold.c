/* Proves that changes of a node meet nobody half-way: whoever changes one attribute keeps those of
 * others, in threads, in processes, and against a writer that takes no lock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "array/node_hold.h"
#include "support/temporary.h"
#include "unit/array/array_testing.h"

enum { WRITERS = 3, ROUNDS = 15 };

static const array_row line = {.name = "a", .rank = 1, .shape = {4}, .chunk = {2}, .codec = "none"};

/* Sets WRITERS x ROUNDS attributes, one after the other. */
static int set_many(tsr_array *array, int number)
{
    int status = 0;
    for (int i = 0; i < ROUNDS && status == 0; i++) {
        char json[64];
        snprintf(json, sizeof json, "{\"w%d_%d\":%d}", number, i, i);
        status = tsr_array_update_attributes(array, json, NULL, NULL);
    }
    return status;
}

static void assert_all(fixture *f, tsr_array *array)
{
    char *json;
    good(tsr_array_refresh(array, &f->err), &f->err);
    good(tsr_array_attributes(array, &json, &f->err), &f->err);
    for (int number = 0; number < WRITERS; number++)
        for (int i = 0; i < ROUNDS; i++) {
            char member[64];
            snprintf(member, sizeof member, "\"w%d_%d\":%d", number, i, i);
            assert_non_null(strstr(json, member));
        }
    tsr_free(json);
}

typedef struct writer {
    tsr_array *array;
    int number, status;
} writer;

static void *write_thread(void *user)
{
    writer *self = user;
    self->status = set_many(self->array, self->number);
    return NULL;
}

static void threads_keep_each_others_attributes(void **state)
{
    fixture *f = *state;
    for (int zarr_format = 2; zarr_format <= 3; zarr_format++) {
        array_row row = line;
        char path[2] = {(char)('0' + zarr_format), 0};
        writer all[WRITERS];
        pthread_t threads[WRITERS];
        row.zarr_format = zarr_format;
        tsr_array *array = array_new(f, f->store, path, &row, TSR_UINT8, NULL);
        for (int i = 0; i < WRITERS; i++) {
            all[i] = (writer){array, i, 0};
            assert_int_equal(pthread_create(&threads[i], NULL, write_thread, &all[i]), 0);
        }
        for (int i = 0; i < WRITERS; i++) {
            pthread_join(threads[i], NULL);
            assert_int_equal(all[i].status, 0);
        }
        assert_all(f, array);
        tsr_array_close(array);
    }
}

static int write_in_child(const char *folder, int number)
{
    fixture f;
    fixture_open(&f, folder);
    tsr_array *array = array_open(&f, f.store, "a", true);
    int status = set_many(array, number);
    tsr_array_close(array);
    fixture_close(&f);
    return status == 0 ? 0 : 1;
}

static void processes_keep_each_others_attributes(void **state)
{
    (void)state;
    if (!CAN_FORK)
        skip();
    for (int zarr_format = 2; zarr_format <= 3; zarr_format++) {
        char *folder = temporary_folder_new();
        fixture f;
        pid_t children[WRITERS];
        array_row row = line;
        fixture_open(&f, folder);
        row.zarr_format = zarr_format;
        tsr_array *array = array_new(&f, f.store, "a", &row, TSR_UINT8, NULL);
        for (int i = 0; i < WRITERS; i++) {
            children[i] = fork();
            assert_true(children[i] >= 0);
            if (children[i] == 0)
                _exit(write_in_child(folder, i));
        }
        for (int i = 0; i < WRITERS; i++) {
            int outcome;
            assert_int_equal(waitpid(children[i], &outcome, 0), children[i]);
            assert_true(WIFEXITED(outcome) && WEXITSTATUS(outcome) == 0);
        }
        assert_all(&f, array);
        tsr_array_close(array);
        fixture_close(&f);
        temporary_folder_remove(folder);
    }
}

static void assert_attributes(fixture *f, tsr_array *array, const char *expected)
{
    char *json;
    good(tsr_array_attributes(array, &json, &f->err), &f->err);
    assert_string_equal(json, expected);
    tsr_free(json);
    tsr_array *again = array_open(f, f->store, tsr_array_place(array) + strlen("memory:/"), false);
    good(tsr_array_attributes(again, &json, &f->err), &f->err);
    assert_string_equal(json, expected);
    tsr_free(json);
    tsr_array_close(again);
}

static void members_are_set_replaced_and_removed(void **state)
{
    fixture *f = *state;
    for (int zarr_format = 2; zarr_format <= 3; zarr_format++) {
        array_row row = line;
        char path[2] = {(char)('0' + zarr_format), 0};
        static const char *const b[] = {"b", "nobody", NULL};
        row.zarr_format = zarr_format;
        tsr_array *array = array_new(f, f->store, path, &row, TSR_UINT8, NULL);
        good(tsr_array_update_attributes(array, "{\"a\":1,\"b\":[2],\"c\":null}", NULL, &f->err),
             &f->err);
        assert_attributes(f, array, "{\"a\":1,\"b\":[2],\"c\":null}");
        good(tsr_array_update_attributes(array, "{\"c\":{\"d\":1.50},\"e\":\"x\"}", b, &f->err),
             &f->err);
        assert_attributes(f, array, "{\"a\":1,\"c\":{\"d\":1.50},\"e\":\"x\"}");
        good(tsr_array_update_attributes(array, NULL, (const char *const[]){"a", "c", NULL},
                                         &f->err),
             &f->err);
        assert_attributes(f, array, "{\"e\":\"x\"}");
        assert_int_equal(tsr_array_update_attributes(array, "[1]", NULL, &f->err),
                         TSR_INVALID_ARGUMENT);
        assert_attributes(f, array, "{\"e\":\"x\"}");
        good(tsr_array_set_attributes(array, "{\"only\":1}", &f->err), &f->err);
        assert_attributes(f, array, "{\"only\":1}");
        tsr_array_close(array);
    }
}

/* A program that takes no lock changes the document between reading and putting. */
static void others_without_locks_are_noticed(void **state)
{
    fixture *f = *state;
    tsri_node_hold hold;
    tsri_zarr_meta *changed = NULL;
    tsr_array *array = array_new(f, f->store, "a", &line, TSR_UINT8, NULL);
    good(tsri_node_hold_take(&hold, f->store, "a", 3, false, NULL, &f->err), &f->err);
    good(tsri_zarr_meta_with_attributes(f->context, hold.meta, "{\"x\":1}", &changed, &f->err),
         &f->err);
    size_t size = 0;
    unsigned char *text = get_bytes(f, f->store, "a/zarr.json", &size);
    put_bytes(f, f->store, "a/zarr.json", text, size);
    assert_int_equal(tsri_node_hold_put_document(&hold, changed, TSR_DURABILITY_FLUSH, &f->err),
                     TSR_CONFLICT);
    tsri_node_hold_give(&hold);
    /* Given back, it can be taken again; a node of another kind cannot. */
    good(tsri_node_hold_take(&hold, f->store, "a", 3, false, NULL, &f->err), &f->err);
    tsri_node_hold_give(&hold);
    assert_int_equal(tsri_node_hold_take(&hold, f->store, "a", 3, true, NULL, &f->err),
                     TSR_CONFLICT);
    assert_int_equal(tsri_node_hold_take(&hold, f->store, "b", 3, true, NULL, &f->err),
                     TSR_NOT_FOUND);
    tsri_zarr_meta_free(changed);
    free(text);
    tsr_array_close(array);
}

/* Whoever waits for a hold gives up when the caller wants that. */
static void waiting_ends_with_the_deadline(void **state)
{
    fixture *f = *state;
    tsri_node_hold hold, second;
    tsr_call call = TSR_CALL_INIT;
    tsr_array_close(array_new(f, f->store, "a", &line, TSR_UINT8, NULL));
    call.deadline_ms = 20;
    good(tsri_node_hold_take(&hold, f->store, "a", 3, false, NULL, &f->err), &f->err);
    assert_int_equal(tsri_node_hold_take(&second, f->store, "a", 3, false, &call, &f->err),
                     TSR_DEADLINE);
    tsri_node_hold_give(&hold);
}

/* Who only looks waits for nobody, and leaves no lock file behind. */
static void looking_takes_no_lock(void **state)
{
    char *folder = temporary_folder_new(), *lock = temporary_path(folder, "a/zarr.json.__lock");
    const tsr_call soon = {.deadline_ms = 50};
    tsri_node_hold hold = {0}, look = {0};
    fixture f;

    (void)state;
    fixture_open(&f, folder);
    tsr_array_close(array_new(&f, f.store, "a", &line, TSR_UINT8, NULL));
    good(tsri_node_hold_look(&look, f.store, "a", 3, false, &f.err), &f.err);
    assert_int_equal(access(lock, F_OK), -1);
    tsri_node_hold_give(&look);
    good(tsri_node_hold_take(&hold, f.store, "a", 3, false, NULL, &f.err), &f.err);
    assert_int_equal(tsri_node_hold_take(&look, f.store, "a", 3, false, &soon, &f.err),
                     TSR_DEADLINE);
    good(tsri_node_hold_look(&look, f.store, "a", 3, false, &f.err), &f.err);
    assert_int_equal(look.meta->rank, 1);
    tsri_node_hold_give(&look);
    tsri_node_hold_give(&hold);
    assert_int_equal(tsri_node_hold_look(&look, f.store, "a", 3, true, &f.err), TSR_CONFLICT);
    fixture_close(&f);
    free(lock);
    temporary_folder_remove(folder);
}

static void groups_likewise(void **state)
{
    fixture *f = *state;
    for (int zarr_format = 2; zarr_format <= 3; zarr_format++) {
        tsr_group_create_options options;
        tsr_group *group;
        char *json, path[2] = {(char)('0' + zarr_format), 0};
        tsr_group_create_options_init(&options);
        options.store = f->store;
        options.zarr_format = zarr_format;
        options.attributes = "{\"a\":1}";
        good(tsr_group_create(f->context, path, &options, &group, &f->err), &f->err);
        good(tsr_group_update_attributes(group, "{\"b\":2}", NULL, &f->err), &f->err);
        good(tsr_group_attributes(group, &json, &f->err), &f->err);
        assert_string_equal(json, "{\"a\":1,\"b\":2}");
        tsr_free(json);
        tsr_group_close(group);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(threads_keep_each_others_attributes),
        cmocka_unit_test(processes_keep_each_others_attributes),
        FIXTURE_TEST(members_are_set_replaced_and_removed),
        FIXTURE_TEST(others_without_locks_are_noticed),
        FIXTURE_TEST(waiting_ends_with_the_deadline),
        cmocka_unit_test(looking_takes_no_lock),
        FIXTURE_TEST(groups_likewise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
