/* Proves of preparing chains for a shape: layouts and sizes, by hand-counted numbers; limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "unit/codec/chain_testing.h"

static void bare_elements_lie_in_c_order(void **state)
{
    (void)state;
    const int64_t shape[] = {3, 4, 5};
    tsri_prepared *prepared = prepare_or_fail("[" LITTLE "]", TSR_INT16, 3, shape);
    assert_true(tsri_prepared_is_raw(prepared));
    assert_false(prepared->swapped);
    assert_int_equal(prepared->decoded_bytes, 120);
    assert_int_equal(prepared->bound.size_class, TSR_SIZE_FIXED);
    assert_int_equal(prepared->bound.size_bytes, 120);
    assert_int_equal(prepared->strides[0], 40);
    assert_int_equal(prepared->strides[1], 10);
    assert_int_equal(prepared->strides[2], 2);
    tsri_prepared *again = tsri_prepared_ref(prepared);
    tsri_prepared_unref(prepared);
    assert_int_equal(again->shape[2], 5);
    tsri_prepared_unref(again);
}

/* numpy.transpose(A, (1, 2, 0)) of shape (3, 4, 5) has the shape (4, 5, 3): the encoded axes are
 * the decoded ones 1, 2, 0, so that along decoded axis 0 elements are neighbours. */
static void a_three_cycle_is_not_its_inverse(void **state)
{
    (void)state;
    const int64_t shape[] = {3, 4, 5};
    tsri_prepared *prepared = prepare_or_fail("[" TURN("1,2,0") "," BIG "]", TSR_INT16, 3, shape);
    assert_true(prepared->moves_only && prepared->in_place && prepared->swapped);
    assert_int_equal(prepared->encoded_shape[0], 4);
    assert_int_equal(prepared->encoded_shape[1], 5);
    assert_int_equal(prepared->encoded_shape[2], 3);
    assert_int_equal(prepared->strides[0], 2);
    assert_int_equal(prepared->strides[1], 30);
    assert_int_equal(prepared->strides[2], 6);
    tsri_prepared_unref(prepared);
    /* Twice the same cycle is the third one: (2, 0, 1). */
    prepared =
        prepare_or_fail("[" TURN("1,2,0") "," TURN("1,2,0") "," LITTLE "]", TSR_INT16, 3, shape);
    assert_int_equal(prepared->encoded_shape[0], 5);
    assert_int_equal(prepared->axis_of[0], 2);
    assert_int_equal(prepared->axis_of[1], 0);
    assert_int_equal(prepared->axis_of[2], 1);
    tsri_prepared_unref(prepared);
}

static void codecs_that_change_values_have_no_layout(void **state)
{
    (void)state;
    const int64_t shape[] = {3, 4};
    tsri_prepared *prepared =
        prepare_or_fail("[" TURN("1,0") "," PLUS("1") "," LITTLE "]", TSR_INT32, 2, shape);
    assert_false(prepared->moves_only);
    assert_false(prepared->in_place);
    assert_false(tsri_prepared_is_raw(prepared));
    assert_int_equal(prepared->bound.size_bytes, 48);
    tsri_prepared_unref(prepared);
}

static void single_bytes_are_never_swapped(void **state)
{
    (void)state;
    const int64_t shape[] = {3};
    tsri_prepared *prepared = prepare_or_fail("[" BIG "]", TSR_UINT8, 1, shape);
    assert_false(prepared->swapped);
    tsri_prepared_unref(prepared);
}

static void sizes_run_through_the_chain(void **state)
{
    (void)state;
    const int64_t shape[] = {100};
    tsri_prepared *prepared = prepare_or_fail("[" LITTLE "," CRC "," CRC "]", TSR_INT32, 1, shape);
    assert_int_equal(prepared->bounds[0].size_bytes, 400);
    assert_int_equal(prepared->bounds[1].size_bytes, 404);
    assert_int_equal(prepared->bound.size_bytes, 408);
    assert_int_equal(prepared->bound.size_class, TSR_SIZE_FIXED);
    assert_true(tsri_prepared_is_packed(prepared));
    tsri_prepared_unref(prepared);
    prepared = prepare_or_fail("[" LITTLE "," GZIP "," CRC "]", TSR_INT32, 1, shape);
    assert_int_equal(prepared->bound.size_class, TSR_SIZE_BOUNDED);
    assert_true(prepared->bound.size_bytes > 404);
    tsri_prepared_unref(prepared);
}

/* 4 inner chunks of 8 bytes; an index of 4 x 16 bytes, 4 more with its checksum. */
static void shards_are_their_index_and_all_inner_chunks(void **state)
{
    (void)state;
    const int64_t shape[] = {8};
    tsri_prepared *prepared =
        prepare_or_fail("[" SHARD("2", LITTLE, LITTLE "," CRC) "]", TSR_INT32, 1, shape);
    assert_true(tsri_prepared_is_shard(prepared));
    assert_int_equal(prepared->entry_count, 4);
    assert_int_equal(prepared->grid[0], 4);
    assert_int_equal(prepared->index_bytes, 68);
    assert_int_equal(prepared->bound.size_class, TSR_SIZE_BOUNDED);
    assert_int_equal(prepared->bound.size_bytes, 68 + 32);
    assert_int_equal(prepared->inner->decoded_bytes, 8);
    tsri_prepared_unref(prepared);
    prepared = prepare_or_fail("[" SHARD("2", LITTLE, LITTLE) "]", TSR_INT32, 1, shape);
    assert_int_equal(prepared->index_bytes, 64);
    tsri_prepared_unref(prepared);
}

/* The inner grid lies in the turned axes: (4, 6) turned is (6, 4), which chunks of (3, 2) divide.
 */
static void the_grid_lies_in_the_turned_axes(void **state)
{
    (void)state;
    const int64_t shape[] = {4, 6};
    tsri_prepared *prepared =
        prepare_or_fail("[" TURN("1,0") "," SHARD("3,2", LITTLE, LITTLE) "]", TSR_INT32, 2, shape);
    assert_int_equal(prepared->grid[0], 2);
    assert_int_equal(prepared->grid[1], 2);
    tsri_prepared_unref(prepared);
    tsri_prepared *none = NULL;
    assert_int_equal(try_prepare("[" TURN("1,0") "," SHARD("2,3", LITTLE, LITTLE) "]", TSR_INT32, 2,
                                 shape, &none),
                     TSR_BAD_METADATA);
    assert_non_null(strstr(err.message, "do not divide"));
}

static void what_does_not_fit_is_refused(void **state)
{
    static const struct {
        const char *list;
        int64_t length;
        int status;
        const char *text;
    } rows[] = {
        {"[" LITTLE "," GZIP "]", 262145, TSR_LIMIT, "the limit is 1048576"},
        {"[" LITTLE "," CRC "]", 262145, TSR_LIMIT, "the limit is 1048576"},
        {"[" LITTLE "]", INT64_MAX / 2, TSR_LIMIT, "2^63-1 bytes"},
        {"[" SHARD("262145", LITTLE "," GZIP, LITTLE) "]", 524290, TSR_LIMIT, "inner chunks"},
        {"[" SHARD("2", LITTLE, LITTLE) "," GZIP "]", 262146, TSR_LIMIT, "the limit is"},
        {"[" SHARD("1", LITTLE, LITTLE) "]", INT64_C(1) << 31, TSR_LIMIT, "2^30 inner chunks"},
        {"[" SHARD("1", LITTLE, LITTLE) "]", 65537, TSR_LIMIT, "index of a shard"},
        {"[" SHARD("1", LITTLE, LITTLE "," CRC) "]", 65537, TSR_LIMIT, "shard index"},
        {"[" SHARD("3", LITTLE, LITTLE) "]", 8, TSR_BAD_METADATA, "do not divide"},
        {"[" SHARD("2", LITTLE, LITTLE "," GZIP) "]", 8, TSR_BAD_METADATA, "fixed size"},
        {"[" SHARD("2", LITTLE, SHARD("1,2", LITTLE, LITTLE)) "]", 8, TSR_BAD_METADATA,
         "fixed size"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tsri_prepared *const untouched = (tsri_prepared *)&err;
        tsri_prepared *prepared = untouched;
        int status = try_prepare(rows[i].list, TSR_INT32, 1, &rows[i].length, &prepared);
        if (status != rows[i].status || !strstr(err.message, rows[i].text))
            fail_msg("row %zu: %s, %s", i, tsr_status_name(status), err.message);
        assert_ptr_equal(prepared, untouched);
    }
}

/* Raw chunks are read piece by piece, and shards by their inner chunks, so their size is free. */
static void large_raw_chunks_and_shards_are_allowed(void **state)
{
    (void)state;
    const int64_t large = INT64_C(1) << 50;
    tsri_prepared_unref(prepare_or_fail("[" LITTLE "]", TSR_INT32, 1, &large));
    const int64_t many = 262144 * INT64_C(60000);
    tsri_prepared *prepared =
        prepare_or_fail("[" SHARD("262144", LITTLE, LITTLE) "]", TSR_INT32, 1, &many);
    assert_int_equal(prepared->entry_count, 60000);
    tsri_prepared_unref(prepared);
}

static void rank_0_has_one_element(void **state)
{
    (void)state;
    tsri_prepared *prepared = prepare_or_fail("[" SHARD("", LITTLE, LITTLE "," CRC) "]",
                                              TSR_FLOAT32, 0, (const int64_t[]){0});
    assert_int_equal(prepared->entry_count, 1);
    assert_int_equal(prepared->bound.size_bytes, 24);
    tsri_prepared_unref(prepared);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bare_elements_lie_in_c_order),
        cmocka_unit_test(a_three_cycle_is_not_its_inverse),
        cmocka_unit_test(codecs_that_change_values_have_no_layout),
        cmocka_unit_test(single_bytes_are_never_swapped),
        cmocka_unit_test(sizes_run_through_the_chain),
        cmocka_unit_test(shards_are_their_index_and_all_inner_chunks),
        cmocka_unit_test(the_grid_lies_in_the_turned_axes),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(large_raw_chunks_and_shards_are_allowed),
        cmocka_unit_test(rank_0_has_one_element),
    };
    return CHAIN_TESTS_RUN(tests);
}
