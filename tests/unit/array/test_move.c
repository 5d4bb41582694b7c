/* Proves that a node moves whole, in one file system, under groups that are made for it, and
 * that nothing that is in the way is lost; and that a sync which failed is known to whoever writes
 * there afterwards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>

#include "support/faulty_system.h"
#include "support/temporary.h"
#include "unit/array/array_testing.h"

static const array_row small = {
    .name = "small", .rank = 1, .shape = {4}, .chunk = {2}, .codec = "none"};

static tsr_node_kind kind_of(fixture *f, const char *place)
{
    tsr_node_kind kind = TSR_NODE_NONE;
    good(tsr_place_probe(f->context, place, NULL, &kind, &f->err), &f->err);
    return kind;
}

static void nodes_move_with_what_is_in_them(void **state)
{
    (void)state;
    fixture f;
    char *folder = temporary_folder_new(), *root = temporary_path(folder, "t.zarr");
    char from[512], to[512];
    const uint8_t values[4] = {1, 2, 3, 4};
    uint8_t read[4] = {0};

    fixture_open(&f, root);
    tsr_array *array = array_new(&f, f.store, "a/x", &small, TSR_UINT8, NULL);
    good(tsr_array_write(array, NULL, NULL, NULL, values, 4, NULL, &f.err), &f.err);
    tsr_array_close(array);
    snprintf(from, sizeof from, "%s/a", root);
    snprintf(to, sizeof to, "file://%s/b/c", root);
    good(tsr_place_move(f.context, from, to, &f.err), &f.err);
    assert_int_equal(kind_of(&f, from), TSR_NODE_NONE);
    array = array_open(&f, f.store, "b/c/x", false);
    good(tsr_array_read(array, NULL, NULL, NULL, read, 4, NULL, &f.err), &f.err);
    assert_memory_equal(read, values, 4);
    tsr_array_close(array);
    snprintf(from, sizeof from, "%s/b", root);
    assert_int_equal(kind_of(&f, from), TSR_NODE_GROUP);
    /* A whole tree. */
    snprintf(to, sizeof to, "%s/other.zarr", folder);
    good(tsr_place_move(f.context, root, to, &f.err), &f.err);
    assert_int_equal(kind_of(&f, to), TSR_NODE_GROUP);
    fixture_close(&f);
    free(root);
    temporary_folder_remove(folder);
}

static void what_is_in_the_way_stays(void **state)
{
    (void)state;
    fixture f;
    char *folder = temporary_folder_new(), *root = temporary_path(folder, "t.zarr");
    char from[512], to[512];

    fixture_open(&f, root);
    tsr_array_close(array_new(&f, f.store, "a", &small, TSR_UINT8, NULL));
    put_bytes(&f, f.store, "folder/somebody's", "x", 1);
    snprintf(from, sizeof from, "%s/a", root);
    snprintf(to, sizeof to, "%s/folder", root);
    assert_int_equal(tsr_place_move(f.context, from, to, &f.err), TSR_EXISTS);
    snprintf(to, sizeof to, "%s/a/b", root);
    assert_int_equal(tsr_place_move(f.context, from, to, &f.err), TSR_INVALID_ARGUMENT);
    assert_int_equal(tsr_place_move(f.context, from, "memory:", &f.err), TSR_UNSUPPORTED);
    assert_int_equal(tsr_place_move(f.context, to, from, &f.err), TSR_NOT_FOUND);
    assert_int_equal(kind_of(&f, from), TSR_NODE_ARRAY);
    fixture_close(&f);
    free(root);
    temporary_folder_remove(folder);
}

/* Each of the two syncs of folders fails once: the store of another handle acknowledges nothing. */
static void a_failed_sync_is_not_forgotten(void **state)
{
    (void)state;
    for (int n = 1; n <= 2; n++) {
        faulty_system faulty;
        tsr_context_options options;
        fixture f = {.err = TSR_ERROR_INIT};
        char *folder = temporary_folder_new(), from[512], to[512];

        snprintf(from, sizeof from, "%s/one.zarr", folder);
        snprintf(to, sizeof to, "%s/two.zarr", folder);
        faulty_system_init(&faulty, NULL);
        tsr_context_options_init(&options);
        options.system = &faulty.system;
        good(tsr_context_new(&options, &f.context, &f.err), &f.err);
        good(tsr_store_open(f.context, from, &f.store, &f.err), &f.err);
        tsr_array_close(array_new(&f, f.store, "a", &small, TSR_UINT8, NULL));
        good(tsr_store_flush(f.store, NULL, &f.err), &f.err);
        tsr_store_close(f.store);
        faulty_system_fail(&faulty, "fsync", n, EIO, false);
        assert_int_equal(tsr_place_move(f.context, from, to, &f.err), TSR_IO);
        assert_true(faulty_system_fired(&faulty));
        tsr_error_clear(&f.err);
        good(tsr_store_open(f.context, to, &f.store, &f.err), &f.err);
        assert_int_equal(tsr_store_put(f.store, "x", "y", 1, TSR_DURABILITY_CHUNK, NULL, &f.err),
                         TSR_IO);
        assert_non_null(strstr(f.err.message, "failed before"));
        fixture_close(&f);
        temporary_folder_remove(folder);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_move_with_what_is_in_them),
        cmocka_unit_test(what_is_in_the_way_stays),
        cmocka_unit_test(a_failed_sync_is_not_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
