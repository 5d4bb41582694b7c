/* Proves that a tree of which only the copies of its metadata are there is read from them at every
 * place in it, in any store, that it is never written to, and that no folder with a document of its
 * own is taken for one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <unistd.h>

#include "support/temporary.h"
#include "unit/array/array_testing.h"

#define ARRAY(length)                                                             \
    "{\"zarr_format\":2,\"shape\":[" length "],\"chunks\":[2],\"dtype\":\"|u1\"," \
    "\"compressor\":null,\"fill_value\":7,\"order\":\"C\",\"filters\":null}"
#define GROUP "{\"zarr_format\":2}"

static const char copies[] =
    "{\"zarr_consolidated_format\":1,\"metadata\":{\".zgroup\":" GROUP
    ",\".zattrs\":{\"title\":\"t\"},\"a/.zarray\":" ARRAY("4") ",\"a/.zattrs\":{\"u\":\"m\"},"
                                                               "\"g/.zgroup\":" GROUP
                                                               ",\"g/b/.zarray\":" ARRAY("3") "}}";

static const uint8_t chunk[] = {1, 2};

/* The tree below a folder of a store ("" or with a slash behind it): copies, and one chunk. */
static void put_tree(fixture *f, tsr_store *store, const char *folder)
{
    char key[64];
    snprintf(key, sizeof key, "%s.zmetadata", folder);
    put_bytes(f, store, key, copies, strlen(copies));
    snprintf(key, sizeof key, "%sa/1", folder);
    put_bytes(f, store, key, chunk, sizeof chunk);
}

static tsr_array_open_options options_of(tsr_store *store)
{
    tsr_array_open_options options;
    tsr_array_open_options_init(&options);
    options.store = store;
    return options;
}

/* The elements of the array at a place, one digit each. */
static void expect_values(fixture *f, tsr_store *store, const char *place, const char *digits)
{
    tsr_array_open_options options = options_of(store);
    tsr_array *array = NULL;
    uint8_t values[4] = {0};
    char found[5] = "";

    good(tsr_array_open(f->context, place, &options, &array, &f->err), &f->err);
    assert_int_equal(tsr_array_shape(array)[0], strlen(digits));
    good(tsr_array_read(array, NULL, NULL, NULL, values, strlen(digits), NULL, &f->err), &f->err);
    for (size_t i = 0; i < strlen(digits); i++)
        found[i] = (char)('0' + values[i]);
    assert_string_equal(found, digits);
    tsr_array_close(array);
}

static void expect_kind(fixture *f, tsr_store *store, const char *place, tsr_node_kind expected)
{
    tsr_array_open_options options = options_of(store);
    tsr_node_kind kind;
    good(tsr_place_probe(f->context, place, &options, &kind, &f->err), &f->err);
    assert_int_equal(kind, expected);
}

static int add_name(void *user, const char *name, tsr_node_kind kind, const tsr_error *error)
{
    assert_null(error);
    strcat(strcat(user, name), kind == TSR_NODE_GROUP ? "/ " : " ");
    return 0;
}

static void expect_children(fixture *f, tsr_store *store, const char *place, bool ignore,
                            const char *expected)
{
    tsr_array_open_options options = options_of(store);
    tsr_group *group = NULL;
    char names[64] = "";

    options.ignore_consolidated = ignore;
    good(tsr_group_open(f->context, place, &options, &group, &f->err), &f->err);
    good(tsr_group_children(group, add_name, names, &f->err), &f->err);
    assert_string_equal(names, expected);
    tsr_group_close(group);
}

static void expect_status(fixture *f, tsr_store *store, const char *place, bool writable,
                          int zarr_format, int expected)
{
    tsr_array_open_options options = options_of(store);
    tsr_array *array = NULL;
    tsr_group *group = NULL;

    options.writable = writable;
    options.zarr_format = zarr_format;
    assert_int_equal(tsr_array_open(f->context, place, &options, &array, &f->err), expected);
    assert_true(expected != TSR_READ_ONLY || strstr(f->err.next_step, "tessera cp"));
    assert_true(strstr(f->err.message, place));
    assert_int_equal(tsr_group_open(f->context, place, &options, &group, &f->err), expected);
    assert_true(strstr(f->err.message, place));
    assert_null(array);
    assert_null(group);
}

static void every_place_of_a_store(void **state)
{
    fixture *f = *state;
    put_tree(f, f->store, "deep/mirror/");

    expect_values(f, f->store, "deep/mirror/a", "7712");
    expect_values(f, f->store, "deep/mirror/g/b", "777");
    expect_kind(f, f->store, "deep/mirror", TSR_NODE_GROUP);
    expect_kind(f, f->store, "deep/mirror/g", TSR_NODE_GROUP);
    expect_kind(f, f->store, "deep/mirror/a", TSR_NODE_ARRAY);
    expect_kind(f, f->store, "deep/mirror/c", TSR_NODE_NONE);
    expect_kind(f, f->store, "deep", TSR_NODE_NONE);
    /* They are all that there is, so that nothing else can be asked. */
    expect_children(f, f->store, "deep/mirror", false, "a g/ ");
    expect_children(f, f->store, "deep/mirror", true, "a g/ ");
    expect_children(f, f->store, "deep/mirror/g", false, "b ");
}

static void groups_and_what_they_open(void **state)
{
    fixture *f = *state;
    tsr_array_open_options options = options_of(f->store);
    tsr_consolidate_options consolidate;
    tsr_consolidate_result result;
    tsr_group *root = NULL, *inner = NULL;
    tsr_array *array = NULL;
    char *attributes = NULL;

    put_tree(f, f->store, "");
    good(tsr_group_open(f->context, "", &options, &root, &f->err), &f->err);
    good(tsr_group_attributes(root, &attributes, &f->err), &f->err);
    assert_string_equal(attributes, "{\"title\":\"t\"}");
    tsr_free(attributes);
    good(tsr_group_open_array(root, "a", &array, &f->err), &f->err);
    tsr_array_close(array);
    good(tsr_group_open_group(root, "g", &inner, &f->err), &f->err);

    tsr_consolidate_options_init(&consolidate);
    consolidate.dry_run = true;
    good(tsr_group_consolidate(root, &consolidate, &result, &f->err), &f->err);
    assert_int_equal(result.nodes, 3);
    assert_true(result.had_copies && !result.was_stale);
    good(tsr_group_consolidate(inner, &consolidate, &result, &f->err), &f->err);
    assert_false(result.had_copies || result.was_stale);
    consolidate.dry_run = false;
    assert_int_equal(tsr_group_consolidate(root, &consolidate, NULL, &f->err), TSR_READ_ONLY);
    tsr_group_close(inner);
    tsr_group_close(root);
}

static void nothing_is_written(void **state)
{
    fixture *f = *state;
    put_tree(f, f->store, "");
    expect_status(f, f->store, "a", true, 0, TSR_READ_ONLY);
    expect_status(f, f->store, "g", true, 0, TSR_READ_ONLY);
    expect_status(f, f->store, "c", true, 0, TSR_NOT_FOUND);
    expect_status(f, f->store, "c", false, 0, TSR_NOT_FOUND);
    /* There are no copies of this kind in v3. */
    expect_status(f, f->store, "a", false, 3, TSR_NOT_FOUND);
}

/* Copies beside a document may name what was erased long ago. */
static void a_folder_with_a_document_is_none(void **state)
{
    static const char *const names[] = {".zgroup", ".zarray", "zarr.json"};
    static const char *const texts[] = {GROUP, ARRAY("4"),
                                        "{\"zarr_format\":3,\"node_type\":\"group\"}"};
    fixture *f = *state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        put_tree(f, f->store, "");
        expect_values(f, f->store, "a", "7712");
        put_bytes(f, f->store, names[i], texts[i], strlen(texts[i]));
        expect_status(f, f->store, "a", false, 0, TSR_NOT_FOUND);
        good(tsr_store_erase(f->store, names[i], NULL, &f->err), &f->err);
    }
}

static void copies_that_are_not_valid_are_refused(void **state)
{
    fixture *f = *state;
    tsr_array_open_options options = options_of(f->store);
    tsr_array *array = NULL;

    put_bytes(f, f->store, ".zmetadata", "{\"metadata\":{}}", 15);
    assert_int_equal(tsr_array_open(f->context, "a", &options, &array, &f->err), TSR_BAD_METADATA);
    assert_non_null(strstr(f->err.message, ".zmetadata: /zarr_consolidated_format"));
    put_bytes(f, f->store, ".zmetadata", "{\"zarr_consolidated_format\":1,\"metadata\":{}}", 44);
    expect_status(f, f->store, "a", false, 0, TSR_NOT_FOUND);
}

/* Places are paths then, and the tree lies somewhere above them. */
static void every_place_of_a_file_system(void **state)
{
    fixture *f = *state;
    char *folder = temporary_folder_new(), *root = temporary_path(folder, "m"), place[256];
    tsr_store *store = NULL;

    good(tsr_store_open(f->context, root, &store, &f->err), &f->err);
    put_tree(f, store, "");
    tsr_store_close(store);
    expect_kind(f, NULL, root, TSR_NODE_GROUP);
    snprintf(place, sizeof place, "%s/a", root);
    expect_values(f, NULL, place, "7712");
    snprintf(place, sizeof place, "%s//a//", root);
    expect_values(f, NULL, place, "7712");
    /* There is no such folder, since no chunk lies in it. */
    snprintf(place, sizeof place, "%s/g/b", root);
    expect_values(f, NULL, place, "777");
    expect_status(f, NULL, place, true, 0, TSR_READ_ONLY);
    snprintf(place, sizeof place, "%s/g/c", root);
    expect_status(f, NULL, place, false, 0, TSR_NOT_FOUND);
    assert_int_equal(chdir(root), 0);
    expect_values(f, NULL, "g/b", "777");
    expect_values(f, NULL, "a", "7712");
    expect_kind(f, NULL, ".", TSR_NODE_GROUP);
    /* A store that is given ends at its own root. */
    snprintf(place, sizeof place, "%s/a", root);
    good(tsr_store_open(f->context, place, &store, &f->err), &f->err);
    expect_kind(f, store, "", TSR_NODE_NONE);
    tsr_store_close(store);
    assert_int_equal(chdir("/"), 0);
    free(root);
    temporary_folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(every_place_of_a_store),
        FIXTURE_TEST(groups_and_what_they_open),
        FIXTURE_TEST(nothing_is_written),
        FIXTURE_TEST(a_folder_with_a_document_is_none),
        FIXTURE_TEST(copies_that_are_not_valid_are_refused),
        FIXTURE_TEST(every_place_of_a_file_system),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
