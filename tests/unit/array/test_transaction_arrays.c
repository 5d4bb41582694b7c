/* Proves that arrays and groups work in a transaction as anywhere, and that a reader who opens a
 * group and two arrays in it while transactions are committed never sees one old and one new. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tessera.h>

#include "support/temporary.h"

enum { COUNT = 64, CHUNK = 16, COMMITS = 25 };

static const int64_t start[] = {0}, shape[] = {COUNT}, chunk[] = {CHUNK};

typedef struct scene {
    char *around, *tree;
    tsr_context *context;
    tsr_error err;
    bool committed; /* atomic: all */
} scene;

static void good(scene *s, int status)
{
    if (status < 0)
        fail_msg("%s (%s)", s->err.message, s->err.where);
}

static void create_array(scene *s, const char *name)
{
    tsr_array_create_options options;
    tsr_array *array;
    char place[4200];
    tsr_array_create_options_init(&options);
    options.dtype = &tsr_dtype_int32;
    options.rank = 1;
    options.shape = shape;
    options.chunk_shape = chunk;
    snprintf(place, sizeof place, "%s/%s", s->tree, name);
    good(s, tsr_array_create(s->context, place, &options, &array, &s->err));
    tsr_array_close(array);
}

static int set_up(void **state)
{
    scene *s = calloc(1, sizeof *s);
    tsr_context_options options;
    s->around = temporary_folder_new();
    s->tree = temporary_path(s->around, "t.zarr");
    tsr_context_options_init(&options);
    options.threads = 2;
    good(s, tsr_context_new(&options, &s->context, &s->err));
    create_array(s, "x");
    create_array(s, "g/y");
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    scene *s = *state;
    tsr_context_free(s->context);
    temporary_folder_remove(s->around);
    free(s->tree);
    free(s);
    return 0;
}

static int fill(tsr_array *array, int value, tsr_error *err)
{
    int32_t elements[COUNT];
    for (int i = 0; i < COUNT; i++)
        elements[i] = value;
    return tsr_array_write(array, start, shape, NULL, elements, sizeof elements, NULL, err);
}

/* The one value of all elements; -1: there are several. */
static int value_of(tsr_array *array, int *ret_value, tsr_error *err)
{
    int32_t elements[COUNT];
    int status = tsr_array_read(array, start, shape, NULL, elements, sizeof elements, NULL, err);
    if (status < 0)
        return status;
    *ret_value = elements[0];
    for (int i = 1; i < COUNT; i++)
        if (elements[i] != elements[0])
            *ret_value = -1;
    return 0;
}

/* Both arrays and an attribute of the root get the value, in one transaction. */
static int commit_value(scene *s, int value, tsr_error *err)
{
    tsr_auto(tsr_transaction) *transaction = NULL;
    tsr_array_open_options options;
    char attributes[64];
    const char *const names[] = {"x", "g/y"};
    int status = tsr_transaction_begin(s->context, s->tree, NULL, &transaction, err);
    tsr_array_open_options_init(&options);
    options.writable = true;
    options.store = status < 0 ? NULL : tsr_transaction_store(transaction);
    for (int i = 0; i < 2 && status == 0; i++) {
        tsr_auto(tsr_array) *array = NULL;
        status = tsr_array_open(s->context, names[i], &options, &array, err);
        if (status == 0)
            status = fill(array, value, err);
    }
    tsr_auto(tsr_group) *root = NULL;
    if (status == 0)
        status = tsr_group_open(s->context, "", &options, &root, err);
    snprintf(attributes, sizeof attributes, "{\"value\":%d}", value);
    if (status == 0)
        status = tsr_group_set_attributes(root, attributes, err);
    return status == 0 ? tsr_transaction_commit(transaction, NULL, err) : status;
}

static void *commit_often(void *user)
{
    scene *s = user;
    tsr_error err = TSR_ERROR_INIT;
    for (int i = 1; i <= COMMITS; i++)
        if (commit_value(s, i, &err) < 0) {
            s->err = err;
            break;
        }
    __atomic_store_n(&s->committed, true, __ATOMIC_RELEASE);
    return NULL;
}

/* What one group tells: the value of both arrays and of the attribute, which must be one. */
static int value_of_group(scene *s, tsr_group *root)
{
    tsr_auto(tsr_array) *x = NULL;
    tsr_auto(tsr_array) *y = NULL;
    char expected[64], *attributes = NULL;
    int first = 0, second = 0;
    good(s, tsr_group_open_array(root, "x", &x, &s->err));
    good(s, value_of(x, &first, &s->err));
    good(s, tsr_group_open_array(root, "g/y", &y, &s->err));
    good(s, value_of(y, &second, &s->err));
    good(s, tsr_group_attributes(root, &attributes, &s->err));
    snprintf(expected, sizeof expected, first ? "{\"value\":%d}" : "{}", first);
    assert_int_equal(first, second);
    assert_string_equal(attributes, expected);
    tsr_free(attributes);
    return first;
}

static void a_reader_sees_one_version_by_one_group(void **state)
{
    scene *s = *state;
    pthread_t thread;
    int rounds = 0, seen = 0, last = -1;
    tsr_group *oldest = NULL;
    good(s, tsr_group_open(s->context, s->tree, NULL, &oldest, &s->err));
    assert_int_equal(value_of_group(s, oldest), 0);
    assert_int_equal(pthread_create(&thread, NULL, commit_often, s), 0);
    while (!__atomic_load_n(&s->committed, __ATOMIC_ACQUIRE)) {
        tsr_auto(tsr_group) *root = NULL;
        good(s, tsr_group_open(s->context, s->tree, NULL, &root, &s->err));
        int value = value_of_group(s, root);
        assert_true(value >= last);
        seen += value != last;
        last = value;
        rounds++;
    }
    pthread_join(thread, NULL);
    assert_int_equal(s->err.status, 0);
    print_message("%d rounds, %d versions seen\n", rounds, seen);
    assert_int_equal(value_of_group(s, oldest), 0);
    tsr_group_close(oldest);
}

static void arrays_that_were_opened_by_place_keep_their_version(void **state)
{
    scene *s = *state;
    tsr_array *old, *now;
    char place[4200];
    int value = 0;
    snprintf(place, sizeof place, "%s/g/y", s->tree);
    good(s, tsr_array_open(s->context, place, NULL, &old, &s->err));
    good(s, commit_value(s, 7, &s->err));
    good(s, value_of(old, &value, &s->err));
    assert_int_equal(value, 0);
    good(s, tsr_array_open(s->context, place, NULL, &now, &s->err));
    good(s, value_of(now, &value, &s->err));
    assert_int_equal(value, 7);
    /* A version that was collected is an error, and never fill values. */
    good(s, tsr_versions_collect(s->context, s->tree, NULL, NULL, NULL, NULL, &s->err));
    assert_int_equal(value_of(old, &value, &s->err), TSR_UNREACHABLE);
    good(s, value_of(now, &value, &s->err));
    assert_int_equal(value, 7);
    tsr_array_close(old);
    tsr_array_close(now);
}

static void writers_by_place_are_refused_after_a_commit(void **state)
{
    scene *s = *state;
    tsr_array *late;
    tsr_array_open_options options;
    char place[4200];
    tsr_array_open_options_init(&options);
    options.writable = true;
    snprintf(place, sizeof place, "%s/x", s->tree);
    good(s, tsr_array_open(s->context, place, &options, &late, &s->err));
    good(s, commit_value(s, 7, &s->err));
    assert_int_equal(fill(late, 8, &s->err), TSR_READ_ONLY);
    tsr_array_close(late);
    good(s, tsr_array_open(s->context, place, &options, &late, &s->err));
    good(s, fill(late, 8, &s->err));
    tsr_array_close(late);
}

static void nodes_come_and_go_in_a_transaction(void **state)
{
    scene *s = *state;
    tsr_transaction *transaction;
    tsr_group *group;
    tsr_node_kind kind;
    char place[4400];
    good(s, tsr_transaction_begin(s->context, s->tree, NULL, &transaction, &s->err));
    snprintf(place, sizeof place, "%s/x", tsr_transaction_folder(transaction));
    good(s, tsr_place_erase(s->context, place, NULL, &s->err));
    snprintf(place, sizeof place, "%s/new", tsr_transaction_folder(transaction));
    tsr_group_create_options options;
    tsr_group_create_options_init(&options);
    good(s, tsr_group_create(s->context, place, &options, &group, &s->err));
    tsr_group_close(group);
    good(s, tsr_transaction_commit(transaction, NULL, &s->err));
    tsr_transaction_close(transaction);
    snprintf(place, sizeof place, "%s/x", s->tree);
    good(s, tsr_place_probe(s->context, place, NULL, &kind, &s->err));
    assert_int_equal(kind, TSR_NODE_NONE);
    snprintf(place, sizeof place, "%s/new", s->tree);
    good(s, tsr_place_probe(s->context, place, NULL, &kind, &s->err));
    assert_int_equal(kind, TSR_NODE_GROUP);
}

#define SCENE_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(a_reader_sees_one_version_by_one_group),
        SCENE_TEST(arrays_that_were_opened_by_place_keep_their_version),
        SCENE_TEST(writers_by_place_are_refused_after_a_commit),
        SCENE_TEST(nodes_come_and_go_in_a_transaction),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
