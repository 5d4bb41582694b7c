/* Proves the checks of requests that no store can show from outside: what stays untouched on
 * failure, and conditions on a generation that is unknown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store/store_request.h"

static void a_refused_range_leaves_the_answer_alone(void **state)
{
    (void)state;
    tsr_error err = TSR_ERROR_INIT;
    tsr_get_request request = {.key = "k",
                               .range = {TSR_RANGE_PART, 5, 6},
                               .offset = 77,
                               .size_bytes = 78,
                               .value_bytes = 79,
                               .err = &err};
    assert_int_equal(tsri_get_place(&request, 10), TSR_OUT_OF_BOUNDS);
    assert_int_equal(request.offset, 77);
    assert_int_equal(request.size_bytes, 78);
    assert_int_equal(request.value_bytes, 79);
    assert_non_null(strstr(err.message, "only 10 bytes, not 6 from byte 5"));
    assert_int_equal(tsri_get_place(&request, 11), 0);
    assert_int_equal(request.offset, 5);
}

static void values_beyond_memory_are_refused(void **state)
{
    (void)state;
    tsr_get_request request = {.key = "k", .range = {TSR_RANGE_WHOLE, 0, 0}};
    assert_int_equal(tsri_get_place(&request, (uint64_t)INT64_MAX + 1), TSR_LIMIT);
    request.range = (tsr_range){TSR_RANGE_SUFFIX, 0, 5};
    assert_int_equal(tsri_get_place(&request, UINT64_MAX), 0);
    assert_int_equal(request.offset, UINT64_MAX - 5);
}

static void an_unknown_generation_matches_nothing(void **state)
{
    (void)state;
    tsr_error err = TSR_ERROR_INIT;
    tsr_generation unknown = {{0}}, known = {{1}};
    assert_int_equal(tsri_check_match("k", NULL, NULL, &err), 0);
    assert_int_equal(tsri_check_match("k", &known, &known, &err), 0);
    assert_int_equal(tsri_check_match("k", &unknown, &unknown, &err), TSR_CONFLICT);
    assert_int_equal(tsri_check_match("k", &known, &unknown, &err), TSR_CONFLICT);
    assert_non_null(strstr(err.message, "changed"));
    assert_int_equal(tsri_check_match("k", &known, NULL, &err), TSR_CONFLICT);
    assert_non_null(strstr(err.message, "removed"));
    assert_true(err.next_step[0]);
}

static void segments_are_added_up(void **state)
{
    (void)state;
    tsr_generation known = {{1}};
    const tsr_segment segments[] = {{.bytes = "x", .size_bytes = 3},
                                    {.offset = 9, .size_bytes = 4},
                                    {.offset = UINT64_MAX, .size_bytes = 0}};
    tsri_segments sum = {0};
    tsr_put_request request = {
        .key = "k", .segments = segments, .segment_count = 3, .if_match = &known};
    assert_int_equal(tsri_put_check(&request, &sum), 0);
    assert_int_equal(sum.total_bytes, 7);
    assert_true(sum.of_current);
    request.if_match = NULL;
    assert_int_equal(tsri_put_check(&request, &sum), TSR_INVALID_ARGUMENT);
    request.lock = (tsr_lock *)&sum;
    assert_int_equal(tsri_put_check(&request, &sum), 0);
    request.key = "a//b";
    assert_int_equal(tsri_put_check(&request, &sum), TSR_INVALID_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refused_range_leaves_the_answer_alone),
        cmocka_unit_test(values_beyond_memory_are_refused),
        cmocka_unit_test(an_unknown_generation_matches_nothing),
        cmocka_unit_test(segments_are_added_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
