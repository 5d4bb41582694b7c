/* Proves that failed devices are remembered, the first failure of each, and that more devices than
 * there is room for are no way out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "store/sync_failures.h"

static void failures_are_of_devices(void **state)
{
    tsr_context *context;
    tsri_sync_failures *failures, *again;
    char text[TSRI_SYNC_FAILURE_TEXT_MAX] = "untouched";

    (void)state;
    assert_int_equal(tsr_context_new(NULL, &context, NULL), 0);
    assert_int_equal(tsri_sync_failures_get(context, &failures, NULL), 0);
    assert_false(tsri_sync_failures_any(failures));
    assert_false(tsri_sync_failures_find(failures, 7, text));
    tsri_sync_failures_add(failures, 7, "first of 7");
    tsri_sync_failures_add(failures, 7, "second of 7");
    tsri_sync_failures_add(failures, 0, "of 0");
    assert_int_equal(tsri_sync_failures_get(context, &again, NULL), 0);
    assert_ptr_equal(again, failures);
    assert_true(tsri_sync_failures_any(failures));
    assert_false(tsri_sync_failures_find(failures, 8, text));
    assert_string_equal(text, "untouched");
    assert_true(tsri_sync_failures_find(failures, 7, text));
    assert_string_equal(text, "first of 7");
    assert_true(tsri_sync_failures_find(failures, 0, text));
    assert_string_equal(text, "of 0");
    tsr_context_free(context);
}

static void too_many_devices_are_all_devices(void **state)
{
    tsr_context *context;
    tsri_sync_failures *failures;
    char text[TSRI_SYNC_FAILURE_TEXT_MAX], expected[16];

    (void)state;
    assert_int_equal(tsr_context_new(NULL, &context, NULL), 0);
    assert_int_equal(tsri_sync_failures_get(context, &failures, NULL), 0);
    for (int device = 1; device <= 16; device++) {
        snprintf(text, sizeof text, "of %d", device);
        tsri_sync_failures_add(failures, (dev_t)device, text);
    }
    assert_false(tsri_sync_failures_find(failures, 17, text));
    tsri_sync_failures_add(failures, 17, "of 17");
    for (int device = 1; device <= 40; device++) {
        assert_true(tsri_sync_failures_find(failures, (dev_t)device, text));
        snprintf(expected, sizeof expected, "of %d", device <= 16 ? device : 1);
        assert_string_equal(text, expected);
    }
    tsr_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(failures_are_of_devices),
        cmocka_unit_test(too_many_devices_are_all_devices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
