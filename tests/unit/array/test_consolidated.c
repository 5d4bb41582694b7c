/* Proves that a tree whose root carries copies is opened by one read, whatever its size; that
 * copies that are not valid are refused by pointer; and which handles use them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "array/consolidated.h"
#include "support/slow_store.h"
#include "unit/array/array_testing.h"

enum { ARRAYS = 1000 };

static const array_row small = {
    .name = "small", .rank = 1, .shape = {4}, .chunk = {2}, .codec = "none"};

static int count_child(void *user, const char *name, tsr_node_kind kind, const tsr_error *error)
{
    (void)name;
    assert_null(error);
    assert_int_equal(kind, TSR_NODE_ARRAY);
    ++*(int *)user;
    return 0;
}

static tsr_group *open_group(fixture *f, tsr_store *store, const char *path, bool writable,
                             bool ignore)
{
    tsr_array_open_options options;
    tsr_group *group = NULL;
    tsr_array_open_options_init(&options);
    options.store = store;
    options.writable = writable;
    options.ignore_consolidated = ignore;
    good(tsr_group_open(f->context, path, &options, &group, &f->err), &f->err);
    return group;
}

static void consolidate(fixture *f, tsr_store *store, const char *path)
{
    tsr_group *group = open_group(f, store, path, true, false);
    assert_false(tsr_group_is_consolidated(group));
    good(tsr_group_consolidate(group, NULL, NULL, &f->err), &f->err);
    tsr_group_close(group);
}

/* Opens everything and returns how many requests that took. */
static int64_t open_all(fixture *f, slow_store *slow, bool ignore)
{
    int children = 0;
    slow_store_reset(slow);
    tsr_group *group = open_group(f, &slow->head, "", false, ignore);
    good(tsr_group_children(group, count_child, &children, &f->err), &f->err);
    assert_int_equal(children, ARRAYS);
    for (int i = 0; i < ARRAYS; i++) {
        tsr_array *array = NULL;
        char name[16];
        snprintf(name, sizeof name, "a%d", i);
        good(tsr_group_open_array(group, name, &array, &f->err), &f->err);
        assert_int_equal(tsr_array_shape(array)[0], 4);
        tsr_array_close(array);
    }
    tsr_group_close(group);
    return slow_store_stats(slow).requests;
}

static void a_thousand_arrays_cost_one_read(void **state)
{
    fixture *f = *state;
    slow_store *slow = slow_store_open(f->context, &(slow_store_options){0});
    for (int i = 0; i < ARRAYS; i++) {
        char name[16];
        snprintf(name, sizeof name, "a%d", i);
        tsr_array_close(array_new(f, slow->below, name, &small, TSR_UINT8, NULL));
    }
    consolidate(f, slow->below, "");
    assert_int_equal(open_all(f, slow, false), 1);
    assert_true(open_all(f, slow, true) > ARRAYS);
    tsr_store_close(&slow->head);
}

/* A node that was made after the copies is found by its name; handles for writing see what is. */
static void what_has_no_copy_is_looked_for(void **state)
{
    fixture *f = *state;
    tsr_array *array = NULL;
    tsr_group *inner = NULL;
    int children = 0;
    tsr_array_close(array_new(f, f->store, "g/old", &small, TSR_UINT8, NULL));
    consolidate(f, f->store, "");
    tsr_array_close(array_new(f, f->store, "g/new", &small, TSR_UINT8, NULL));
    tsr_group *group = open_group(f, f->store, "", false, false);
    assert_true(tsr_group_is_consolidated(group));
    good(tsr_group_open_array(group, "g/new", &array, &f->err), &f->err);
    tsr_array_close(array);
    good(tsr_group_open_group(group, "g", &inner, &f->err), &f->err);
    good(tsr_group_children(inner, count_child, &children, &f->err), &f->err);
    assert_int_equal(children, 1);
    assert_int_equal(tsr_group_open_array(group, "g", &array, &f->err), TSR_TYPE_MISMATCH);
    assert_int_equal(tsr_group_open_array(group, "g/none", &array, &f->err), TSR_NOT_FOUND);
    tsr_group_close(inner);
    tsr_group_close(group);
    group = open_group(f, f->store, "", true, false);
    assert_false(tsr_group_is_consolidated(group));
    children = 0;
    good(tsr_group_open_group(group, "g", &inner, &f->err), &f->err);
    good(tsr_group_children(inner, count_child, &children, &f->err), &f->err);
    assert_int_equal(children, 2);
    tsr_group_close(inner);
    tsr_group_close(group);
}

/* Groups below may carry copies of their own; who wants none of them gets none. */
static void ignoring_goes_for_groups_below_too(void **state)
{
    fixture *f = *state;

    tsr_array_close(array_new(f, f->store, "g/a", &small, TSR_UINT8, NULL));
    consolidate(f, f->store, "g");
    for (int ignore = 0; ignore < 2; ignore++) {
        tsr_group *group = open_group(f, f->store, "", false, ignore), *inner = NULL;
        assert_false(tsr_group_is_consolidated(group));
        good(tsr_group_open_group(group, "g", &inner, &f->err), &f->err);
        assert_int_equal(tsr_group_is_consolidated(inner), !ignore);
        tsr_group_close(inner);
        tsr_group_close(group);
    }
}

/* Copies of zarr-python have members that say nothing, and members in another order; what they say
 * is what counts. NaN, which no number equals, is the same as NaN. */
static void stale_is_what_says_something_else(void **state)
{
    static const char *const copies[] = {
        "{\"node_type\":\"group\",\"zarr_format\":3,\"attributes\":{\"x\":[1,NaN]}}",
        "{\"zarr_format\":3,\"node_type\":\"group\",\"attributes\":{\"x\":[1,NaN]},\"more\":[],"
        "\"consolidated_metadata\":{\"kind\":\"inline\",\"metadata\":{}}}",
        "{\"zarr_format\":3,\"node_type\":\"group\",\"attributes\":{\"x\":[NaN,1]}}",
        "{\"zarr_format\":3,\"node_type\":\"group\",\"attributes\":{\"x\":[1,NaN],\"y\":0}}",
        "{\"zarr_format\":3,\"node_type\":\"group\"}",
    };
    fixture *f = *state;
    tsr_consolidate_options options;
    tsr_consolidate_result result;

    tsr_consolidate_options_init(&options);
    options.dry_run = true;
    put_bytes(f, f->store, "g/zarr.json", copies[0], strlen(copies[0]));
    for (size_t i = 0; i < TSRI_COUNT(copies); i++) {
        char text[1024];
        snprintf(text, sizeof text,
                 "{\"zarr_format\":3,\"node_type\":\"group\",\"consolidated_metadata\":{\"kind\":"
                 "\"inline\",\"must_understand\":false,\"metadata\":{\"g\":%s}}}",
                 copies[i]);
        put_bytes(f, f->store, "zarr.json", text, strlen(text));
        tsr_group *group = open_group(f, f->store, "", false, true);
        good(tsr_group_consolidate(group, &options, &result, &f->err), &f->err);
        assert_true(result.had_copies);
        assert_int_equal(result.was_stale, i >= 2);
        tsr_group_close(group);
    }
}

/* Groups inside a tree of zarr-python carry an empty map, which says nothing. */
static void an_empty_map_is_none(void **state)
{
    fixture *f = *state;
    static const char *const documents[] = {
        "{\"zarr_format\":3,\"node_type\":\"group\",\"consolidated_metadata\":{\"kind\":\"inline\","
        "\"must_understand\":false,\"metadata\":{}}}",
        "{\"zarr_format\":3,\"node_type\":\"group\",\"consolidated_metadata\":null}",
        "{\"zarr_format\":3,\"node_type\":\"group\",\"consolidated_metadata\":{\"kind\":\"far\","
        "\"must_understand\":false}}",
    };
    for (size_t i = 0; i < TSRI_COUNT(documents); i++) {
        put_bytes(f, f->store, "zarr.json", documents[i], strlen(documents[i]));
        tsr_group *group = open_group(f, f->store, "", false, false);
        assert_false(tsr_group_is_consolidated(group));
        tsr_group_close(group);
    }
}

static void copies_that_are_none_are_refused(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *key, *text, *says;
    } rows[] = {
        {"zarr.json",
         "{\"zarr_format\":3,\"node_type\":\"group\",\"consolidated_metadata\":{\"kind\":\"inline\","
         "\"must_understand\":false}}",
         "/consolidated_metadata/metadata"},
        {"zarr.json",
         "{\"zarr_format\":3,\"node_type\":\"group\",\"consolidated_metadata\":{\"kind\":\"inline\","
         "\"must_understand\":false,\"metadata\":[1]}}",
         "/consolidated_metadata/metadata"},
        {"zarr.json",
         "{\"zarr_format\":3,\"node_type\":\"group\",\"consolidated_metadata\":{\"kind\":3}}",
         "/consolidated_metadata/kind"},
        {".zmetadata", "{\"metadata\":{}}", "/zarr_consolidated_format"},
        {".zmetadata", "{\"zarr_consolidated_format\":2,\"metadata\":{}}",
         "/zarr_consolidated_format"},
        {".zmetadata", "{\"zarr_consolidated_format\":1,\"metadata\":[]}", "/metadata"},
        {".zmetadata", "{\"zarr_consolidated_format\":1,", ".zmetadata"},
    };
    for (size_t i = 0; i < TSRI_COUNT(rows); i++) {
        tsr_array_open_options options;
        tsr_group *group = NULL;
        good(tsr_store_erase_prefix(f->store, "", NULL, &f->err), &f->err);
        put_bytes(f, f->store, ".zgroup", "{\"zarr_format\":2}", 17);
        put_bytes(f, f->store, rows[i].key, rows[i].text, strlen(rows[i].text));
        tsr_array_open_options_init(&options);
        options.store = f->store;
        assert_int_equal(tsr_group_open(f->context, "", &options, &group, &f->err),
                         TSR_BAD_METADATA);
        assert_non_null(strstr(f->err.message, rows[i].says));
        /* Without them the group is as good as any. */
        options.ignore_consolidated = true;
        good(tsr_group_open(f->context, "", &options, &group, &f->err), &f->err);
        tsr_group_close(group);
    }
}

/* One bad copy hides no other node. */
static int see_child(void *user, const char *name, tsr_node_kind kind, const tsr_error *error)
{
    int *seen = user;
    if (strcmp(name, "bad") == 0) {
        assert_int_equal(kind, TSR_NODE_NONE);
        assert_int_equal(error->status, TSR_BAD_METADATA);
        assert_non_null(strstr(error->message, "copy of bad"));
        seen[0]++;
    } else {
        assert_int_equal(kind, TSR_NODE_GROUP);
        seen[1]++;
    }
    return 0;
}

static void one_bad_copy_hides_no_other(void **state)
{
    fixture *f = *state;
    static const char text[] =
        "{\"zarr_format\":3,\"node_type\":\"group\",\"consolidated_metadata\":{\"kind\":\"inline\","
        "\"must_understand\":false,\"metadata\":{\"bad\":{\"zarr_format\":7},\"good\":"
        "{\"zarr_format\":3,\"node_type\":\"group\"},\"../x\":{},\"\":{},\"good/\":{}}}}";
    int seen[2] = {0};
    put_bytes(f, f->store, "zarr.json", text, sizeof text - 1);
    tsr_group *group = open_group(f, f->store, "", false, false);
    good(tsr_group_children(group, see_child, seen, &f->err), &f->err);
    assert_int_equal(seen[0], 1);
    assert_int_equal(seen[1], 1);
    tsr_group_close(group);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(a_thousand_arrays_cost_one_read),
        FIXTURE_TEST(what_has_no_copy_is_looked_for),
        FIXTURE_TEST(ignoring_goes_for_groups_below_too),
        FIXTURE_TEST(stale_is_what_says_something_else),
        FIXTURE_TEST(an_empty_map_is_none),
        FIXTURE_TEST(copies_that_are_none_are_refused),
        FIXTURE_TEST(one_bad_copy_hides_no_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
