/* Proves the arithmetic that guards every size from outside, at the edges of its types. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/base.h"
#include "base/checked.h"

static void signed_sums_and_products(void **state)
{
    (void)state;
    int64_t result = 42;
    assert_true(tsri_add_i64(INT64_MAX - 1, 1, &result));
    assert_true(result == INT64_MAX);
    assert_false(tsri_add_i64(INT64_MAX, 1, &result));
    assert_false(tsri_add_i64(INT64_MIN, -1, &result));
    assert_true(result == INT64_MAX);
    assert_true(tsri_multiply_i64(INT64_C(1) << 31, INT64_C(1) << 31, &result));
    assert_true(result == INT64_C(1) << 62);
    assert_false(tsri_multiply_i64(INT64_C(1) << 32, INT64_C(1) << 31, &result));
    assert_false(tsri_multiply_i64(INT64_MIN, -1, &result));
    assert_true(tsri_multiply_i64(INT64_MIN, 1, &result));
    assert_true(result == INT64_MIN);
}

static void unsigned_sums_and_products(void **state)
{
    (void)state;
    uint64_t result = 42;
    assert_true(tsri_add_u64(UINT64_MAX, 0, &result));
    assert_true(result == UINT64_MAX);
    assert_false(tsri_add_u64(UINT64_MAX, 1, &result));
    assert_false(tsri_multiply_u64(UINT64_C(1) << 32, UINT64_C(1) << 32, &result));
    assert_true(tsri_multiply_u64(UINT32_MAX, UINT32_MAX, &result));
    assert_true(result == UINT64_C(0xfffffffe00000001));
    size_t size = 7;
    assert_false(tsri_add_size(SIZE_MAX, 1, &size));
    assert_false(tsri_multiply_size(SIZE_MAX, 2, &size));
    assert_true(size == 7);
    assert_true(tsri_multiply_size(SIZE_MAX, 1, &size));
    assert_true(size == SIZE_MAX);
}

static void the_result_may_be_an_operand(void **state)
{
    (void)state;
    int64_t value = 5;
    assert_true(tsri_add_i64(value, value, &value));
    assert_true(tsri_multiply_i64(value, value, &value));
    assert_int_equal(value, 100);
}

static void counts_of_shapes(void **state)
{
    (void)state;
    int64_t count = -1;
    assert_true(tsri_shape_count(0, NULL, &count));
    assert_int_equal(count, 1);
    assert_true(tsri_shape_count(3, (int64_t[]){2, 3, 4}, &count));
    assert_int_equal(count, 24);
    assert_true(tsri_shape_count(2, (int64_t[]){INT64_MAX, 1}, &count));
    assert_true(count == INT64_MAX);
    count = -1;
    assert_false(tsri_shape_count(2, (int64_t[]){INT64_MAX, 2}, &count));
    assert_false(tsri_shape_count(2, (int64_t[]){-1, 0}, &count));
    assert_false(tsri_shape_count(2, (int64_t[]){0, -1}, &count));
    assert_int_equal(count, -1);
    /* An empty axis makes the array empty wherever it stands. */
    assert_true(tsri_shape_count(3, (int64_t[]){INT64_MAX, INT64_MAX, 0}, &count));
    assert_int_equal(count, 0);
    count = -1;
    assert_true(tsri_shape_count(3, (int64_t[]){0, INT64_MAX, INT64_MAX}, &count));
    assert_int_equal(count, 0);
}

static void division_rounds_up_without_overflow(void **state)
{
    (void)state;
    assert_int_equal(tsri_ceil_divide(0, 5), 0);
    assert_int_equal(tsri_ceil_divide(1, 5), 1);
    assert_int_equal(tsri_ceil_divide(5, 5), 1);
    assert_int_equal(tsri_ceil_divide(6, 5), 2);
    assert_true(tsri_ceil_divide(INT64_MAX, 1) == INT64_MAX);
    assert_true(tsri_ceil_divide(INT64_MAX, 2) == (INT64_C(1) << 62));
    assert_true(tsri_ceil_divide(INT64_MAX, INT64_MAX) == 1);
}

static int next(int *counter)
{
    return ++*counter;
}

static void minimum_and_maximum_evaluate_once(void **state)
{
    (void)state;
    int a = 0, b = 10;
    assert_int_equal(TSRI_MIN(next(&a), next(&b)), 1);
    assert_int_equal(TSRI_MAX(next(&a), next(&b)), 12);
    assert_int_equal(TSRI_MAX(TSRI_MIN(next(&a), 100), TSRI_MIN(next(&b), TSRI_MIN(5, 6))), 5);
    assert_int_equal(a, 3);
    assert_int_equal(b, 13);
    assert_true(TSRI_MIN(INT64_C(1) << 40, 7) == 7);
    assert_true(TSRI_MAX(INT64_C(1) << 40, 7) == INT64_C(1) << 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signed_sums_and_products),
        cmocka_unit_test(unsigned_sums_and_products),
        cmocka_unit_test(the_result_may_be_an_operand),
        cmocka_unit_test(minimum_and_maximum_evaluate_once),
        cmocka_unit_test(counts_of_shapes),
        cmocka_unit_test(division_rounds_up_without_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
