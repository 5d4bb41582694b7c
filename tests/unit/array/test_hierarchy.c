/* Proves of groups: made with their ancestors, listed, opened through paths that cannot leave,
 * erased. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "unit/array/array_testing.h"

static tsr_group *group_new(fixture *f, const char *path, int zarr_format)
{
    tsr_group_create_options options;
    tsr_group *group = NULL;
    tsr_group_create_options_init(&options);
    options.store = f->store;
    options.zarr_format = zarr_format;
    good(tsr_group_create(f->context, path, &options, &group, &f->err), &f->err);
    return group;
}

static const array_row row = {
    .name = "plain", .rank = 1, .shape = {4}, .chunk = {2}, .codec = "none"};

static void expect_key(fixture *f, const char *key, const char *part)
{
    size_t size = 0;
    unsigned char *text = get_bytes(f, f->store, key, &size);
    if (!text)
        fail_msg("no %s", key);
    text[size] = 0;
    if (!strstr((char *)text, part))
        fail_msg("%s: %s", key, (char *)text);
    free(text);
}

static void ancestors_are_explicit_groups(void **state)
{
    fixture *f = *state;
    tsr_array_close(array_new(f, f->store, "a/b/c", &row, TSR_UINT8, NULL));
    expect_key(f, "zarr.json", "\"group\"");
    expect_key(f, "a/zarr.json", "\"group\"");
    expect_key(f, "a/b/zarr.json", "\"group\"");
    expect_key(f, "a/b/c/zarr.json", "\"array\"");
    array_row old = row;
    old.zarr_format = 2;
    good(tsr_store_erase_prefix(f->store, "", NULL, &f->err), &f->err);
    tsr_array_close(array_new(f, f->store, "x/y", &old, TSR_UINT8, NULL));
    expect_key(f, ".zgroup", "2");
    expect_key(f, "x/.zgroup", "2");
    expect_key(f, "x/y/.zarray", "\"chunks\"");
}

typedef struct list {
    char text[512];
    int stop_at;
} list;

static int join(void *user, const char *name, tsr_node_kind kind, const tsr_error *error)
{
    list *self = user;
    snprintf(self->text + strlen(self->text), sizeof self->text - strlen(self->text), "%s:%s ",
             name,
             error                    ? tsr_status_name(error->status)
             : kind == TSR_NODE_ARRAY ? "array"
                                      : "group");
    return self->stop_at && --self->stop_at == 0 ? 9 : 0;
}

static void children_come_in_order_bad_ones_too(void **state)
{
    fixture *f = *state;
    list seen = {.text = ""};
    tsr_group *root = group_new(f, "", 3);
    tsr_group_close(group_new(f, "zz", 3));
    tsr_array_close(array_new(f, f->store, "m", &row, TSR_UINT8, NULL));
    tsr_group_close(group_new(f, "b/deep", 3));
    put_bytes(f, f->store, "bad/zarr.json", "{", 1);
    put_bytes(f, f->store, "folder/of/somebody", "x", 1);
    put_bytes(f, f->store, "__hidden/zarr.json", "{}", 2);
    put_bytes(f, f->store, "file", "x", 1);
    good(tsr_group_children(root, join, &seen, &f->err), &f->err);
    assert_string_equal(seen.text, "b:group bad:BAD_METADATA m:array zz:group ");
    seen = (list){.stop_at = 2};
    assert_int_equal(tsr_group_children(root, join, &seen, &f->err), 9);
    assert_string_equal(seen.text, "b:group bad:BAD_METADATA ");
    tsr_group_close(root);
}

static void children_are_opened_and_made(void **state)
{
    fixture *f = *state;
    tsr_group *root = group_new(f, "top", 3), *inner = NULL;
    tsr_array *array = NULL;
    tsr_array_create_options options;
    tsr_group_create_options group_options;
    row_options(&row, TSR_UINT8, NULL, &options);
    tsr_group_create_options_init(&group_options);
    good(tsr_group_create_array(root, "x/data", &options, &array, &f->err), &f->err);
    assert_string_equal(tsr_array_place(array), "memory:/top/x/data");
    tsr_array_close(array);
    array = NULL;
    good(tsr_group_open_array(root, "/x//data/", &array, &f->err), &f->err);
    assert_true(tsr_array_is_writable(array));
    tsr_array_close(array);
    good(tsr_group_open_group(root, "x", &inner, &f->err), &f->err);
    assert_string_equal(tsr_group_driver(inner), "zarr3");
    assert_string_equal(tsr_group_place(inner), "memory:/top/x");
    tsr_group_close(inner);
    assert_int_equal(tsr_group_open_group(root, "x/data", &inner, &f->err), TSR_TYPE_MISMATCH);
    assert_int_equal(tsr_group_open_array(root, "x", &array, &f->err), TSR_TYPE_MISMATCH);
    assert_int_equal(tsr_group_open_array(root, "y", &array, &f->err), TSR_NOT_FOUND);
    assert_int_equal(tsr_group_create_group(root, "x", &group_options, &inner, &f->err),
                     TSR_EXISTS);
    group_options.mode = TSR_CREATE_OPEN;
    good(tsr_group_create_group(root, "x", &group_options, &inner, &f->err), &f->err);
    tsr_group_close(inner);
    /* Inside an array nothing is made. */
    assert_int_equal(tsr_group_create_group(root, "x/data/more", &group_options, &inner, &f->err),
                     TSR_EXISTS);
    tsr_group_close(root);
}

static void names_cannot_leave_their_group(void **state)
{
    fixture *f = *state;
    static const char *const names[] = {"..",    "../top",    "a/../..",     ".",   "a/./b", "__x",
                                        "a/__x", "zarr.json", "a/zarr.json", "...", "\xff"};
    tsr_group *root = group_new(f, "top", 3);
    tsr_array_create_options options;
    row_options(&row, TSR_UINT8, NULL, &options);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        tsr_array *array = NULL;
        tsr_group *group = NULL;
        assert_int_equal(tsr_group_open_array(root, names[i], &array, &f->err),
                         TSR_INVALID_ARGUMENT);
        assert_int_equal(tsr_group_open_group(root, names[i], &group, &f->err),
                         TSR_INVALID_ARGUMENT);
        assert_int_equal(tsr_group_create_array(root, names[i], &options, &array, &f->err),
                         TSR_INVALID_ARGUMENT);
        assert_true(f->err.message[0] != 0);
    }
    tsr_group_close(root);
}

static void options_must_be_set_up(void **state)
{
    fixture *f = *state;
    tsr_group *root = group_new(f, "", 3), *group = NULL;
    tsr_array *array = NULL;
    tsr_array_create_options options = {0};
    tsr_group_create_options group_options = {0};
    assert_int_equal(tsr_group_create_array(root, "a", &options, &array, &f->err),
                     TSR_INVALID_ARGUMENT);
    assert_int_equal(tsr_group_create_array(root, "a", NULL, &array, &f->err),
                     TSR_INVALID_ARGUMENT);
    assert_int_equal(tsr_group_create_group(root, "a", &group_options, &group, &f->err),
                     TSR_INVALID_ARGUMENT);
    assert_int_equal(tsr_group_create_group(root, "a", NULL, &group, &f->err),
                     TSR_INVALID_ARGUMENT);
    tsr_group_close(root);
}

static void attributes_are_replaced(void **state)
{
    fixture *f = *state;
    for (int format = 2; format <= 3; format++) {
        char path[] = {(char)('0' + format), 0}, *json = NULL;
        tsr_group *group = group_new(f, path, format), *again = NULL;
        tsr_array_open_options options;
        good(tsr_group_attributes(group, &json, &f->err), &f->err);
        assert_string_equal(json, "{}");
        tsr_free(json);
        good(tsr_group_set_attributes(group, "{\"a\":[1,2]}", &f->err), &f->err);
        assert_int_equal(tsr_group_set_attributes(group, "[1]", &f->err), TSR_INVALID_ARGUMENT);
        assert_int_equal(tsr_group_set_attributes(group, "{\"a\":", &f->err), TSR_INVALID_ARGUMENT);
        tsr_array_open_options_init(&options);
        options.store = f->store;
        good(tsr_group_open(f->context, path, &options, &again, &f->err), &f->err);
        good(tsr_group_attributes(again, &json, &f->err), &f->err);
        assert_string_equal(json, "{\"a\":[1,2]}");
        tsr_free(json);
        assert_int_equal(tsr_group_set_attributes(again, "{}", &f->err), TSR_READ_ONLY);
        tsr_group *held = tsr_group_ref(again);
        tsr_group_close(again);
        assert_string_equal(tsr_group_driver(held), format == 2 ? "zarr2" : "zarr3");
        tsr_group_close(held);
        tsr_group_close(group);
    }
}

static void places_are_probed(void **state)
{
    fixture *f = *state;
    tsr_array_open_options options;
    tsr_node_kind kind;
    tsr_array_open_options_init(&options);
    options.store = f->store;
    tsr_array_close(array_new(f, f->store, "g/a", &row, TSR_UINT8, NULL));
    put_bytes(f, f->store, "bad/zarr.json", "{\"zarr_format\":3,\"node_type\":\"table\"}", 37);
    good(tsr_place_probe(f->context, "g", &options, &kind, &f->err), &f->err);
    assert_int_equal(kind, TSR_NODE_GROUP);
    good(tsr_place_probe(f->context, "g/a", &options, &kind, &f->err), &f->err);
    assert_int_equal(kind, TSR_NODE_ARRAY);
    good(tsr_place_probe(f->context, "g/b", &options, &kind, &f->err), &f->err);
    assert_int_equal(kind, TSR_NODE_NONE);
    assert_int_equal(tsr_place_probe(f->context, "bad", &options, &kind, &f->err),
                     TSR_BAD_METADATA);
}

static void a_folder_without_metadata_may_be_a_group(void **state)
{
    fixture *f = *state;
    tsr_array_open_options options;
    tsr_auto(tsr_group) *group = NULL;
    tsr_auto(tsr_array) *array = NULL;
    list found = {"", -1};

    tsr_array_open_options_init(&options);
    options.store = f->store;
    tsr_array_close(array_new(f, f->store, "bare/a", &row, TSR_UINT8, NULL));
    put_bytes(f, f->store, "bare/bad/zarr.json", "{}", 2);
    good(tsr_store_erase(f->store, "bare/zarr.json", NULL, &f->err), &f->err);
    put_bytes(f, f->store, "empty/file", "", 0);
    assert_int_equal(tsr_group_open(f->context, "bare", &options, &group, &f->err), TSR_NOT_FOUND);
    options.bare_folders = true;
    assert_int_equal(tsr_group_open(f->context, "empty", &options, &group, &f->err), TSR_NOT_FOUND);
    options.writable = true;
    assert_int_equal(tsr_group_open(f->context, "bare", &options, &group, &f->err), TSR_NOT_FOUND);
    options.writable = false;
    tsr_error_clear(&f->err);
    good(tsr_group_open(f->context, "bare", &options, &group, &f->err), &f->err);
    assert_int_equal(f->err.status, 0);
    assert_string_equal(tsr_group_driver(group), "folder");
    good(tsr_group_children(group, join, &found, &f->err), &f->err);
    assert_string_equal(found.text, "a:array bad:BAD_METADATA ");
    good(tsr_group_open_array(group, "a", &array, &f->err), &f->err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(ancestors_are_explicit_groups),
        FIXTURE_TEST(children_come_in_order_bad_ones_too),
        FIXTURE_TEST(children_are_opened_and_made),
        FIXTURE_TEST(names_cannot_leave_their_group),
        FIXTURE_TEST(options_must_be_set_up),
        FIXTURE_TEST(attributes_are_replaced),
        FIXTURE_TEST(places_are_probed),
        FIXTURE_TEST(a_folder_without_metadata_may_be_a_group),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
