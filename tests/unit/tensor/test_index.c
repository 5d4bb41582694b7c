/* Proves boxes, whole selections, shapes and counts of results, and every refusal near 2^63. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <tessera/index.h>

static void test_all(void **state)
{
    static const int64_t shape[] = {2, 0, INT64_MAX};
    int64_t result[TSR_RANK_MAX];
    tsr_index index;
    (void)state;
    tsr_index_all(&index, 3, shape);
    assert_int_equal(index.rank, 3);
    for (int axis = 0; axis < 3; axis++) {
        assert_int_equal(index.axes[axis].kind, TSR_INDEX_RANGE);
        assert_true(index.axes[axis].start == 0 && index.axes[axis].step == 1 &&
                    index.axes[axis].count == shape[axis]);
    }
    assert_int_equal(tsr_index_shape(&index, result), 3);
    assert_memory_equal(result, shape, sizeof shape);
    assert_int_equal(tsr_index_count(&index), 0);
    tsr_index_all(&index, 0, NULL);
    assert_int_equal(tsr_index_shape(&index, result), 0);
    assert_int_equal(tsr_index_count(&index), 1);
}

static void test_count_saturates(void **state)
{
    static const int64_t shape[] = {INT64_C(1) << 32, INT64_C(1) << 31, 1},
                         fits[] = {INT64_C(1) << 32, (INT64_C(1) << 30) - 1, 1};
    tsr_index index;
    (void)state;
    tsr_index_all(&index, 3, shape);
    assert_true(tsr_index_count(&index) == INT64_MAX);
    tsr_index_all(&index, 3, fits);
    assert_true(tsr_index_count(&index) == fits[0] * fits[1]);
}

static void test_box(void **state)
{
    static const int64_t shape[] = {10, 20, 5}, start[] = {9, 0, 5}, count[] = {5, 10, 0},
                         step[] = {-2, 2, 7};
    int64_t result[TSR_RANK_MAX];
    tsr_index index;
    (void)state;
    assert_int_equal(tsr_index_box(&index, 3, shape, start, count, step, NULL), 0);
    assert_int_equal(tsr_index_shape(&index, result), 3);
    assert_memory_equal(result, count, sizeof count);
    assert_true(index.axes[0].start == 9 && index.axes[0].step == -2 && index.axes[1].step == 2);
    assert_int_equal(tsr_index_count(&index), 0);
    /* A single element keeps no step that somebody could add. */
    assert_int_equal(tsr_index_box(&index, 1, shape, start, (const int64_t[]){1},
                                   (const int64_t[]){INT64_MIN}, NULL),
                     0);
    assert_int_equal(index.axes[0].step, 1);
    assert_int_equal(tsr_index_box(&index, 1, (const int64_t[]){INT64_MAX},
                                   (const int64_t[]){INT64_MAX - 1}, (const int64_t[]){INT64_MAX},
                                   (const int64_t[]){-1}, NULL),
                     0);
    assert_true(tsr_index_count(&index) == INT64_MAX);
    assert_int_equal(tsr_index_box(&index, 0, NULL, NULL, NULL, NULL, NULL), 0);
}

static void test_box_refusals(void **state)
{
    static const struct {
        int64_t length, start, count, step;
        int status;
    } cases[] = {
        {10, 0, 1, 0, TSR_INVALID_ARGUMENT},
        {10, 0, -1, 1, TSR_INVALID_ARGUMENT},
        {10, 10, 1, 1, TSR_OUT_OF_BOUNDS},
        {10, -1, 1, 1, TSR_OUT_OF_BOUNDS},
        {10, -1, 0, 1, TSR_OUT_OF_BOUNDS},
        {10, 11, 0, 1, TSR_OUT_OF_BOUNDS},
        {10, 0, 11, 1, TSR_OUT_OF_BOUNDS},
        {10, 0, 6, 2, TSR_OUT_OF_BOUNDS},
        {10, 9, 11, -1, TSR_OUT_OF_BOUNDS},
        {10, 1, 2, INT64_MAX, TSR_OUT_OF_BOUNDS},
        {10, 5, 3, INT64_MAX / 2 + 3, TSR_OUT_OF_BOUNDS},
        {10, 5, 2, INT64_MIN, TSR_OUT_OF_BOUNDS},
        {10, 5, INT64_MAX, INT64_MIN, TSR_OUT_OF_BOUNDS},
        {INT64_MAX, INT64_MAX - 1, 2, 1, TSR_OUT_OF_BOUNDS},
        {0, 0, 1, 1, TSR_OUT_OF_BOUNDS},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tsr_index index, before;
        tsr_error err = TSR_ERROR_INIT;
        memset(&index, 0x5a, sizeof index);
        before = index;
        const int64_t shape[] = {4, cases[i].length}, start[] = {0, cases[i].start},
                      count[] = {4, cases[i].count}, step[] = {1, cases[i].step};
        assert_int_equal(tsr_index_box(&index, 2, shape, start, count, step, &err),
                         cases[i].status);
        assert_int_equal(err.status, cases[i].status);
        assert_memory_equal(err.message, "axis 1: ", 8);
        assert_memory_equal(&index, &before, sizeof index);
    }
    tsr_index index;
    assert_int_equal(tsr_index_box(&index, 33, NULL, NULL, NULL, NULL, NULL), TSR_INVALID_ARGUMENT);
    assert_int_equal(tsr_index_box(&index, -1, NULL, NULL, NULL, NULL, NULL), TSR_INVALID_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all),
        cmocka_unit_test(test_count_saturates),
        cmocka_unit_test(test_box),
        cmocka_unit_test(test_box_refusals),
    };
    return cmocka_run_group_tests_name("tensor.index", tests, NULL, NULL);
}
