/* Proves of nodes in a store: which document wins, what is made and in which order, what is erased.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "array/node.h"
#include "support/slow_store.h"
#include "unit/array/array_testing.h"

#define V2                                                                                   \
    "{\"zarr_format\":2,\"shape\":[4],\"chunks\":[2],\"dtype\":\"|u1\",\"compressor\":null," \
    "\"fill_value\":0,\"order\":\"C\",\"filters\":null}"
#define V3_GROUP "{\"zarr_format\":3,\"node_type\":\"group\"}"

static void put_text(fixture *f, const char *key, const char *text)
{
    put_bytes(f, f->store, key, text, strlen(text));
}

static void version_3_comes_first(void **state)
{
    fixture *f = *state;
    tsri_zarr_meta *meta = NULL;
    put_text(f, "a/.zarray", V2);
    put_text(f, "a/.zattrs", "{\"x\":1}");
    put_text(f, "a/zarr.json", V3_GROUP);
    good(tsri_node_read(f->store, "a", 0, &meta, &f->err), &f->err);
    assert_int_equal(meta->zarr_format, 3);
    tsri_zarr_meta_free(meta);
    good(tsri_node_read(f->store, "a", 2, &meta, &f->err), &f->err);
    assert_int_equal(meta->zarr_format, 2);
    assert_false(meta->is_group);
    assert_non_null(meta->attributes);
    tsri_zarr_meta_free(meta);
    good(tsr_store_erase(f->store, "a/zarr.json", NULL, &f->err), &f->err);
    assert_int_equal(tsri_node_read(f->store, "a", 3, &meta, &f->err), TSR_NOT_FOUND);
    assert_non_null(strstr(f->err.message, "memory:/a"));
    assert_true(f->err.next_step[0] != 0);
}

static void documents_have_a_limit(void **state)
{
    tsr_context_options options;
    tsri_zarr_meta *meta = NULL;
    fixture f = {0};
    (void)state;
    tsr_context_options_init(&options);
    options.largest_metadata_bytes = 100;
    good(tsr_context_new(&options, &f.context, &f.err), &f.err);
    good(tsr_store_open(f.context, "memory:", &f.store, &f.err), &f.err);
    put_text(&f, "zarr.json", V3_GROUP);
    good(tsri_node_read(f.store, "", 0, &meta, &f.err), &f.err);
    tsri_zarr_meta_free(meta);
    char large[200];
    snprintf(large, sizeof large, "%s%150s", V3_GROUP, "");
    put_text(&f, "zarr.json", large);
    assert_int_equal(tsri_node_read(f.store, "", 0, &meta, &f.err), TSR_LIMIT);
    assert_non_null(strstr(f.err.message, tsr_store_url(f.store))); /* which of many */
    assert_non_null(strstr(f.err.message, "more than the limit of 100"));
    assert_non_null(strstr(f.err.next_step, "largest_metadata_bytes"));
    fixture_close(&f);
}

/* A store that answers late: failures other than "not found" are told, whichever document they hit.
 */
static void failures_are_not_taken_for_absence(void **state)
{
    fixture *f = *state;
    slow_store *slow = slow_store_open(f->context, &(slow_store_options){.delay_us = 5000});
    tsr_node_kind kind;
    good(tsr_store_put(slow->below, "a/.zgroup", "{\"zarr_format\":2}", 17, TSR_DURABILITY_NONE,
                       NULL, &f->err),
         &f->err);
    int failed = 0;
    for (int64_t n = 1; n <= 4; n++) {
        slow_store_reset(slow);
        slow_store_fail(slow, n, TSR_UNREACHABLE);
        int status = tsri_node_kind(&slow->head, "a", 0, &kind, &f->err);
        assert_true(status == TSR_UNREACHABLE || (status == 0 && kind == TSR_NODE_GROUP));
        failed += status < 0;
    }
    assert_true(failed >= 2);
    slow_store_reset(slow);
    good(tsri_node_kind(&slow->head, "a", 0, &kind, &f->err), &f->err);
    assert_int_equal(kind, TSR_NODE_GROUP);
    assert_true(slow_store_stats(slow).most_in_flight >= 3); /* asked for as one batch */
    good(tsri_node_kind(&slow->head, "b", 0, &kind, &f->err), &f->err);
    assert_int_equal(kind, TSR_NODE_NONE);
    tsr_store_close(&slow->head);
}

static void modes_of_creating(void **state)
{
    fixture *f = *state;
    static const array_row row = {
        .name = "a", .rank = 1, .shape = {4}, .chunk = {2}, .codec = "none"};
    tsr_array_create_options options;
    tsr_array *array = array_new(f, f->store, "a", &row, TSR_UINT8, NULL);
    uint8_t values[4] = {1, 2, 3, 4};
    good(tsr_array_write(array, NULL, NULL, NULL, values, 4, NULL, &f->err), &f->err);
    tsr_array_close(array);
    row_options(&row, TSR_UINT8, NULL, &options);
    options.store = f->store;
    array = NULL;
    assert_int_equal(tsr_array_create(f->context, "a", &options, &array, &f->err), TSR_EXISTS);
    assert_true(f->err.next_step[0] != 0);
    options.mode = TSR_CREATE_OPEN;
    good(tsr_array_create(f->context, "a", &options, &array, &f->err), &f->err);
    memset(values, 0, 4);
    good(tsr_array_read(array, NULL, NULL, NULL, values, 4, NULL, &f->err), &f->err);
    assert_int_equal(values[3], 4);
    tsr_array_close(array);
    array = NULL;
    options.chunk_shape = (const int64_t[]){-1};
    assert_int_equal(tsr_array_create(f->context, "a", &options, &array, &f->err), TSR_EXISTS);
    options.chunk_shape = (const int64_t[]){2};
    options.dtype = TSR_INT8;
    assert_int_equal(tsr_array_create(f->context, "a", &options, &array, &f->err), TSR_EXISTS);
    options.mode = TSR_CREATE_OVERWRITE;
    good(tsr_array_create(f->context, "a", &options, &array, &f->err), &f->err);
    good(tsr_array_read(array, NULL, NULL, NULL, values, 4, NULL, &f->err), &f->err);
    assert_int_equal(values[3], 0);
    tsr_array_close(array);
    /* The whole axis is what it was made with. */
    options.chunk_shape = (const int64_t[]){-1};
    good(tsr_array_create(f->context, "b", &options, &array, &f->err), &f->err);
    tsr_array_close(array);
    options.mode = TSR_CREATE_OPEN;
    good(tsr_array_create(f->context, "b", &options, &array, &f->err), &f->err);
    tsr_array_close(array);
    /* What is somebody's is not written over. */
    put_text(f, "home/letter", "dear");
    options.mode = TSR_CREATE_OVERWRITE;
    assert_int_equal(tsr_array_create(f->context, "home", &options, &array, &f->err), TSR_EXISTS);
    assert_non_null(strstr(f->err.message, "not erased"));
}

static void erasing_needs_a_node(void **state)
{
    fixture *f = *state;
    size_t size;
    put_text(f, "home/letter", "dear");
    put_text(f, "a/zarr.json", V3_GROUP);
    put_text(f, "a/b/c", "x");
    put_text(f, "ab/c", "x");
    assert_int_equal(tsri_node_erase(f->store, "home", NULL, &f->err), TSR_NOT_FOUND);
    assert_int_equal(tsri_node_erase(f->store, "none", NULL, &f->err), TSR_NOT_FOUND);
    good(tsri_node_erase(f->store, "a", NULL, &f->err), &f->err);
    assert_null(get_bytes(f, f->store, "a/b/c", &size));
    unsigned char *kept = get_bytes(f, f->store, "ab/c", &size);
    assert_non_null(kept);
    free(kept);
}

static void paths_are_normalised(void **state)
{
    static const char *const rows[][2] = {{"", ""},           {"/", ""},           {"a", "a"},
                                          {"/a//b/", "a/b"},  {"///", ""},         {"a/", "a"},
                                          {"a/./b", "a/./b"}, {"a/../b", "a/../b"}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *path = tsri_path_normalise(rows[i][0]);
        assert_string_equal(path, rows[i][1]);
        tsri_free(path);
    }
    char *joined = tsri_path_join("", "b");
    assert_string_equal(joined, "b");
    tsri_free(joined);
    joined = tsri_path_join("a", "");
    assert_string_equal(joined, "a");
    tsri_free(joined);
    joined = tsri_path_join("a", "b");
    assert_string_equal(joined, "a/b");
    tsri_free(joined);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(version_3_comes_first),
        FIXTURE_TEST(documents_have_a_limit),
        FIXTURE_TEST(failures_are_not_taken_for_absence),
        FIXTURE_TEST(modes_of_creating),
        FIXTURE_TEST(erasing_needs_a_node),
        FIXTURE_TEST(paths_are_normalised),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
