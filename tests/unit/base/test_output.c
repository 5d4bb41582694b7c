/* Proves growth, the maximum, and that a failure leaves what was written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/output.h"
#include "nth_malloc.h"

static void grows_to_its_maximum_and_no_further(void **state)
{
    (void)state;
    tsr_auto(tsri_output) output = TSRI_OUTPUT_INIT(10000);
    tsr_error err = TSR_ERROR_INIT;
    for (int i = 0; i < 10000; i++) {
        char byte = (char)i;
        assert_int_equal(tsr_output_append(&output, &byte, 1, &err), 0);
        assert_true(output.capacity_bytes <= 10000);
    }
    assert_int_equal(output.size_bytes, 10000);
    for (int i = 0; i < 10000; i++)
        assert_int_equal(output.data[i], (char)i);
    assert_int_equal(tsr_output_append(&output, "", 0, &err), 0);
    assert_int_equal(tsr_output_append(&output, "x", 1, &err), TSR_LIMIT);
    assert_int_equal(err.status, TSR_LIMIT);
    assert_int_equal(output.size_bytes, 10000);
}

static void reserving_says_where_to_write(void **state)
{
    (void)state;
    tsr_auto(tsri_output) output = TSRI_OUTPUT_INIT(SIZE_MAX);
    tsr_error err = TSR_ERROR_INIT;
    char *place = tsr_output_reserve(&output, 1000, &err);
    assert_non_null(place);
    assert_ptr_equal(place, output.data);
    assert_true(output.capacity_bytes >= 1000);
    memset(place, 'a', 1000);
    output.size_bytes += 1000;
    place = tsr_output_reserve(&output, 1 << 20, &err);
    assert_ptr_equal(place, output.data + 1000);
    memset(place, 'b', 1 << 20);
    output.size_bytes += 1 << 20;
    assert_int_equal(output.data[999], 'a');
    assert_int_equal(output.data[1000], 'b');
    assert_null(tsr_output_reserve(&output, SIZE_MAX, &err));
    assert_int_equal(err.status, TSR_LIMIT);
    assert_null(tsr_output_reserve(&output, SIZE_MAX / 2, &err));
    assert_int_equal(err.status, TSR_NO_MEMORY);
    assert_int_equal(output.size_bytes, 1000 + (1 << 20));
}

static void reserving_nothing_is_not_a_failure(void **state)
{
    (void)state;
    tsr_auto(tsri_output) open = TSRI_OUTPUT_INIT(SIZE_MAX), closed = TSRI_OUTPUT_INIT(0);
    assert_non_null(tsr_output_reserve(&open, 0, NULL));
    assert_non_null(tsr_output_reserve(&closed, 0, NULL));
    assert_int_equal(tsr_output_append(&closed, NULL, 0, NULL), 0);
    assert_null(tsr_output_reserve(&closed, 1, NULL));
    assert_int_equal(tsr_output_append(&closed, "x", 1, NULL), TSR_LIMIT);
}

static void prints_formatted_text_without_its_end(void **state)
{
    (void)state;
    tsr_auto(tsri_output) output = TSRI_OUTPUT_INIT(12);
    tsr_error err = TSR_ERROR_INIT;
    assert_int_equal(tsr_output_print(&output, &err, "%s-%d", "chunk", 12), 0);
    assert_int_equal(output.size_bytes, 8);
    assert_int_equal(tsr_output_print(&output, &err, "%d", 3456), 0);
    assert_int_equal(output.size_bytes, 12);
    assert_memory_equal(output.data, "chunk-123456", 12);
    assert_int_equal(tsr_output_print(&output, &err, "%d", 7), TSR_LIMIT);
    assert_int_equal(tsr_output_print(&output, &err, "%s", ""), 0);
    assert_int_equal(output.size_bytes, 12);
}

static void can_be_used_again_after_clearing(void **state)
{
    (void)state;
    tsr_output output = TSRI_OUTPUT_INIT(100);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(tsr_output_print(&output, NULL, "%d", i), 0);
        tsri_output_clear(&output);
        assert_null(output.data);
        assert_int_equal(output.size_bytes, 0);
        assert_int_equal(output.max_bytes, 100);
    }
    tsri_output_clear(&output);
}

static void running_out_of_memory_keeps_what_was_written(void **state)
{
    (void)state;
    tsr_auto(tsri_output) output = TSRI_OUTPUT_INIT(1 << 20);
    tsr_error err = TSR_ERROR_INIT;
    char *many = calloc(1, 100000);
    assert_int_equal(tsr_output_print(&output, &err, "kept"), 0);
    nth_malloc_arm(1, true);
    int appended = tsr_output_append(&output, many, 100000, &err);
    int printed = tsr_output_print(&output, NULL, "%d", 5);
    assert_true(nth_malloc_disarm());
    assert_int_equal(appended, TSR_NO_MEMORY);
    assert_int_equal(err.status, TSR_NO_MEMORY);
    assert_int_equal(printed, TSR_NO_MEMORY);
    assert_int_equal(output.size_bytes, 4);
    assert_memory_equal(output.data, "kept", 4);
    free(many);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grows_to_its_maximum_and_no_further),
        cmocka_unit_test(reserving_says_where_to_write),
        cmocka_unit_test(reserving_nothing_is_not_a_failure),
        cmocka_unit_test(prints_formatted_text_without_its_end),
        cmocka_unit_test(can_be_used_again_after_clearing),
        cmocka_unit_test(running_out_of_memory_keeps_what_was_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
