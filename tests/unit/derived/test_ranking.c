/* Proves of rankings: keys keep the order of numbers of every kind and come back as these; sorting
 * sorts; medians and modes are those of the definition. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <math.h>
#include <string.h>

#include <cmocka.h>

#include "derived/ranking.h"
#include "support/random_view.h"

static void keys_are_in_the_order_of_numbers(void **state)
{
    (void)state;
    static const int64_t whole[] = {INT64_MIN, -5, -1, 0, 1, 7, INT64_MAX};
    const double floats[] = {-INFINITY, -1e300, -1, -5e-324, 0, 5e-324, 1, 1e300, INFINITY, NAN};
    uint64_t keys[10];
    int64_t back[10];
    double again[10];
    memcpy(keys, whole, sizeof whole);
    tsri_ranking_keys(TSRI_WIDE_SIGNED, keys, 7);
    for (int i = 1; i < 7; i++)
        assert_true(keys[i - 1] < keys[i]);
    tsri_ranking_numbers(TSRI_WIDE_SIGNED, keys, 7);
    memcpy(back, keys, sizeof whole);
    assert_memory_equal(back, whole, sizeof whole);
    memcpy(keys, floats, sizeof floats);
    tsri_ranking_keys(TSRI_WIDE_FLOAT, keys, 10);
    for (int i = 1; i < 10; i++)
        assert_true(keys[i - 1] < keys[i]);
    tsri_ranking_numbers(TSRI_WIDE_FLOAT, keys, 10);
    memcpy(again, keys, sizeof again);
    assert_memory_equal(again, floats, 9 * sizeof *floats);
    assert_true(isnan(again[9]));
    const double zeros[] = {-0.0, 0.0};
    memcpy(keys, zeros, sizeof zeros);
    tsri_ranking_keys(TSRI_WIDE_FLOAT, keys, 2);
    assert_true(keys[0] == keys[1]);
    keys[0] = 5;
    tsri_ranking_keys(TSRI_WIDE_UNSIGNED, keys, 1);
    assert_int_equal(keys[0], 5);
}

static void sorting_sorts(void **state)
{
    (void)state;
    tests_random random;
    uint64_t keys[300];
    tests_random_init(&random);
    for (int64_t count = 1; count < 300; count += 1 + count / 9) {
        uint64_t sum = 0;
        for (int64_t i = 0; i < count; i++)
            sum += keys[i] = (uint64_t)tests_random_below(&random, count % 3 ? 1000 : 4);
        tsri_ranking_sort(keys, count);
        for (int64_t i = 0; i < count; i++)
            sum -= keys[i];
        assert_int_equal(sum, 0);
        for (int64_t i = 1; i < count; i++)
            assert_true(keys[i - 1] <= keys[i]);
    }
}

static void medians_and_modes_are_those_of_the_definition(void **state)
{
    (void)state;
    static const uint64_t even[] = {1, 2, 3, 4}, odd[] = {1, 5, 9}, ties[] = {3, 3, 5, 7, 7, 9},
                          last[] = {1, 2, 8, 8}, nan[] = {1, 2, UINT64_MAX};
    assert_int_equal(tsri_ranking_median(TSRI_WIDE_SIGNED, even, 4), 2);
    assert_int_equal(tsri_ranking_median(TSRI_WIDE_SIGNED, odd, 3), 5);
    assert_int_equal(tsri_ranking_median(TSRI_WIDE_SIGNED, odd, 1), 1);
    assert_true(tsri_ranking_median(TSRI_WIDE_FLOAT, nan, 3) == UINT64_MAX);
    assert_int_equal(tsri_ranking_median(TSRI_WIDE_UNSIGNED, nan, 3), 2);
    assert_int_equal(tsri_ranking_mode(ties, 6), 3);
    assert_int_equal(tsri_ranking_mode(last, 4), 8);
    assert_int_equal(tsri_ranking_mode(even, 4), 1);
}

static const char *mode_of(const tsr_dtype *dtype, const void *elements, int64_t count)
{
    const char *list[64];
    for (int64_t i = 0; i < count; i++)
        list[i] = (const char *)elements + (size_t)i * dtype->size_bytes;
    return tsri_ranking_mode_of_elements(dtype, list, count);
}

static void elements_without_an_order_have_modes_too(void **state)
{
    (void)state;
    static const float complex_numbers[][2] = {{2, 1}, {-1, 5}, {2, 1}, {-1, 4}, {-1, 4}, {-1, 5}};
    const tsr_dtype *raw = NULL;
    assert_memory_equal(mode_of(TSR_COMPLEX64, complex_numbers, 6), complex_numbers[3], 8);
    assert_memory_equal(mode_of(TSR_COMPLEX64, complex_numbers, 3), complex_numbers[0], 8);
    assert_int_equal(tsr_dtype_raw(3, &raw, NULL), 0);
    assert_memory_equal(mode_of(raw, "zzzabcabdabczzzabd", 6), "abc", 3);
    assert_memory_equal(mode_of(raw, "zzzabczzz", 3), "zzz", 3);
    tsr_dtype_unref(raw);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_in_the_order_of_numbers),
        cmocka_unit_test(sorting_sorts),
        cmocka_unit_test(medians_and_modes_are_those_of_the_definition),
        cmocka_unit_test(elements_without_an_order_have_modes_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
