/* Proves the arithmetic of views: strides, slices, selections, permutations, repetitions as NumPy
 * has them, every limit, and that a refused change leaves a view as it was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tensor/copy.h"

static int32_t numbers[24];

/* numpy.arange(24, dtype="i4").reshape(2, 3, 4) */
static tsr_view arange(void)
{
    static const int64_t shape[] = {2, 3, 4};
    tsr_view view;
    for (int i = 0; i < 24; i++)
        numbers[i] = i;
    assert_int_equal(tsr_view_init(&view, TSR_INT32, 3, shape, numbers, NULL), 0);
    return view;
}

static void assert_elements(const tsr_view *view, int rank, const int64_t *shape,
                            const int32_t *expected)
{
    int32_t dense[64];
    tsr_view copy;
    assert_int_equal(view->rank, rank);
    assert_memory_equal(view->shape, shape, sizeof shape[0] * (size_t)rank);
    assert_int_equal(tsr_view_init(&copy, TSR_INT32, rank, shape, dense, NULL), 0);
    assert_int_equal(tsr_view_copy(&copy, view, TSR_CASTING_NO, NULL), 0);
    assert_memory_equal(dense, expected, sizeof dense[0] * (size_t)tsr_view_count(view));
}
#define SHAPE(...)                                            \
    (sizeof((int64_t[]){__VA_ARGS__}) / 8), (const int64_t[]) \
    {                                                         \
        __VA_ARGS__                                           \
    }
#define VALUES(...) ((const int32_t[]){__VA_ARGS__})

static void test_init(void **state)
{
    tsr_view view = arange();
    (void)state;
    assert_int_equal(view.strides[0], 48);
    assert_int_equal(view.strides[1], 16);
    assert_int_equal(view.strides[2], 4);
    assert_int_equal(tsr_view_count(&view), 24);
    assert_int_equal(tsr_view_size(&view), 96);
    assert_true(tsr_view_is_dense(&view));
    assert_int_equal(tsr_view_init(&view, TSR_INT32, 0, NULL, numbers, NULL), 0);
    assert_int_equal(tsr_view_count(&view), 1);
    assert_true(tsr_view_is_dense(&view));
}

static void test_limits(void **state)
{
    static const int64_t negative[] = {3, -1}, bytes[] = {INT64_MAX},
                         halves[] = {INT64_MAX / 2 + 1},
                         product[] = {INT64_C(1) << 32, INT64_C(1) << 31},
                         empty[] = {INT64_MAX, 0, INT64_MAX};
    int64_t many[TSR_RANK_MAX + 1];
    tsr_error err = TSR_ERROR_INIT;
    tsr_view view = arange(), before = view;
    (void)state;
    for (int axis = 0; axis <= TSR_RANK_MAX; axis++)
        many[axis] = 1;
    assert_int_equal(tsr_view_init(&view, TSR_INT32, TSR_RANK_MAX + 1, many, NULL, &err),
                     TSR_INVALID_ARGUMENT);
    assert_int_equal(tsr_view_init(&view, TSR_INT32, -1, many, NULL, NULL), TSR_INVALID_ARGUMENT);
    assert_int_equal(tsr_view_init(&view, TSR_INT32, 2, negative, NULL, &err),
                     TSR_INVALID_ARGUMENT);
    assert_string_equal(err.message, "shape [3, -1] has a negative length");
    assert_int_equal(tsr_view_init(&view, TSR_UINT8, 2, product, NULL, &err), TSR_LIMIT);
    assert_int_equal(tsr_view_init(&view, TSR_INT16, 1, halves, NULL, &err), TSR_LIMIT);
    assert_int_equal(tsr_view_new(&view, TSR_INT16, 1, halves, &err), TSR_LIMIT);
    assert_memory_equal(&view, &before, sizeof view);
    /* What just fits. */
    assert_int_equal(tsr_view_init(&view, TSR_UINT8, 1, bytes, NULL, NULL), 0);
    assert_true(tsr_view_count(&view) == INT64_MAX && tsr_view_size(&view) == INT64_MAX);
    assert_true(tsr_view_is_dense(&view));
    assert_int_equal(tsr_view_init(&view, TSR_FLOAT64, 3, empty, NULL, NULL), 0);
    assert_int_equal(tsr_view_count(&view), 0);
    assert_int_equal(tsr_view_size(&view), 0);
    assert_true(tsr_view_is_dense(&view));
    assert_int_equal(tsr_view_init(&view, TSR_INT32, TSR_RANK_MAX, many, numbers, NULL), 0);
    assert_int_equal(tsr_view_count(&view), 1);
}

static void test_slice(void **state)
{
    tsr_view view = arange();
    (void)state;
    /* a[:, 1:3, ::-2] */
    assert_int_equal(tsr_view_slice(&view, 1, 1, 2, 1, NULL), 0);
    assert_int_equal(tsr_view_slice(&view, 2, 3, 2, -2, NULL), 0);
    assert_elements(&view, SHAPE(2, 2, 2), VALUES(7, 5, 11, 9, 19, 17, 23, 21));
    assert_false(tsr_view_is_dense(&view));
    /* and of that [::-1, 0:0, :] */
    assert_int_equal(tsr_view_slice(&view, 0, 1, 2, -1, NULL), 0);
    assert_elements(&view, SHAPE(2, 2, 2), VALUES(19, 17, 23, 21, 7, 5, 11, 9));
    assert_int_equal(tsr_view_slice(&view, 1, 2, 0, 1, NULL), 0);
    assert_int_equal(tsr_view_count(&view), 0);
    /* A single element takes no step, however long. */
    view = arange();
    assert_int_equal(tsr_view_slice(&view, 0, 1, 1, INT64_MAX, NULL), 0);
    assert_int_equal(tsr_view_slice(&view, 1, 2, 1, INT64_MIN, NULL), 0);
    assert_true(view.strides[0] == 48 && view.strides[1] == 16);
    assert_elements(&view, SHAPE(1, 1, 4), VALUES(20, 21, 22, 23));
}

static void test_slice_refusals(void **state)
{
    static const struct {
        int axis;
        int64_t start, count, step;
        int status;
    } cases[] = {
        {3, 0, 1, 1, TSR_INVALID_ARGUMENT},
        {-1, 0, 1, 1, TSR_INVALID_ARGUMENT},
        {0, 0, 1, 0, TSR_INVALID_ARGUMENT},
        {0, 0, -1, 1, TSR_INVALID_ARGUMENT},
        {2, 4, 1, 1, TSR_OUT_OF_BOUNDS},
        {2, -1, 1, 1, TSR_OUT_OF_BOUNDS},
        {2, -1, 0, 1, TSR_OUT_OF_BOUNDS},
        {2, 5, 0, 1, TSR_OUT_OF_BOUNDS},
        {2, 0, 5, 1, TSR_OUT_OF_BOUNDS},
        {2, 1, 2, 3, TSR_OUT_OF_BOUNDS},
        {2, 3, 5, -1, TSR_OUT_OF_BOUNDS},
        {2, 3, 2, -4, TSR_OUT_OF_BOUNDS},
        {2, 1, INT64_MAX, INT64_MAX, TSR_OUT_OF_BOUNDS},
        {2, 1, 3, INT64_MAX / 2 + 1, TSR_OUT_OF_BOUNDS},
        {2, 3, 2, INT64_MIN, TSR_OUT_OF_BOUNDS},
        {2, INT64_MAX, 2, 1, TSR_OUT_OF_BOUNDS},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tsr_view view = arange(), before = view;
        tsr_error err = TSR_ERROR_INIT;
        assert_int_equal(tsr_view_slice(&view, cases[i].axis, cases[i].start, cases[i].count,
                                        cases[i].step, &err),
                         cases[i].status);
        assert_int_equal(err.status, cases[i].status);
        assert_memory_equal(&view, &before, sizeof view);
    }
}

static void test_select(void **state)
{
    tsr_view view = arange();
    (void)state;
    assert_int_equal(tsr_view_select(&view, 1, 2, NULL), 0);
    assert_elements(&view, SHAPE(2, 4), VALUES(8, 9, 10, 11, 20, 21, 22, 23));
    assert_int_equal(tsr_view_select(&view, 1, 4, NULL), TSR_OUT_OF_BOUNDS);
    assert_int_equal(tsr_view_select(&view, 1, -1, NULL), TSR_OUT_OF_BOUNDS);
    assert_int_equal(tsr_view_select(&view, 2, 0, NULL), TSR_INVALID_ARGUMENT);
    assert_int_equal(tsr_view_select(&view, 0, 1, NULL), 0);
    assert_int_equal(tsr_view_select(&view, 0, 3, NULL), 0);
    assert_int_equal(view.rank, 0);
    assert_int_equal(*(int32_t *)view.data, 23);
    assert_int_equal(tsr_view_select(&view, 0, 0, NULL), TSR_INVALID_ARGUMENT);
}

static void test_transpose(void **state)
{
    static const int cycle[] = {2, 0, 1}, twice[] = {0, 1, 1}, high[] = {0, 1, 3},
                     low[] = {0, -1, 1};
    tsr_view view = arange(), before;
    (void)state;
    assert_int_equal(tsr_view_transpose(&view, cycle, NULL), 0);
    /* numpy.arange(24).reshape(2, 3, 4).transpose(2, 0, 1) */
    assert_elements(&view, SHAPE(4, 2, 3),
                    VALUES(0, 4, 8, 12, 16, 20, 1, 5, 9, 13, 17, 21, //
                           2, 6, 10, 14, 18, 22, 3, 7, 11, 15, 19, 23));
    before = view;
    assert_int_equal(tsr_view_transpose(&view, twice, NULL), TSR_INVALID_ARGUMENT);
    assert_int_equal(tsr_view_transpose(&view, high, NULL), TSR_INVALID_ARGUMENT);
    assert_int_equal(tsr_view_transpose(&view, low, NULL), TSR_INVALID_ARGUMENT);
    assert_memory_equal(&view, &before, sizeof view);
}

static void test_broadcast(void **state)
{
    static const int64_t row[] = {1, 3}, to[] = {2, 2, 3}, wrong[] = {2, 4}, fewer[] = {3},
                         huge[] = {INT64_C(1) << 40, INT64_C(1) << 40, 3}, none[] = {0, 3};
    int32_t values[] = {1, 2, 3};
    tsr_view view, before;
    tsr_error err = TSR_ERROR_INIT;
    (void)state;
    assert_int_equal(tsr_view_init(&view, TSR_INT32, 2, row, values, NULL), 0);
    before = view;
    assert_int_equal(tsr_view_broadcast(&view, 2, wrong, &err), TSR_INVALID_ARGUMENT);
    assert_string_equal(err.message, "shape [1, 3] cannot be repeated to shape [2, 4]");
    assert_int_equal(tsr_view_broadcast(&view, 1, fewer, NULL), TSR_INVALID_ARGUMENT);
    assert_int_equal(tsr_view_broadcast(&view, 3, huge, NULL), TSR_LIMIT);
    assert_memory_equal(&view, &before, sizeof view);
    assert_int_equal(tsr_view_broadcast(&view, 3, to, NULL), 0);
    assert_elements(&view, SHAPE(2, 2, 3), VALUES(1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3));
    view = before;
    assert_int_equal(tsr_view_broadcast(&view, 2, none, NULL), 0);
    assert_int_equal(tsr_view_count(&view), 0);
}

static void test_new_owns_memory(void **state)
{
    static const int64_t shape[] = {100, 30};
    tsr_auto(tsr_view) view = {0};
    (void)state;
    assert_int_equal(tsr_view_new(&view, TSR_FLOAT64, 2, shape, NULL), 0);
    assert_non_null(view.blob);
    assert_int_equal(tsr_blob_size(view.blob), 24000);
    const double fill = 2.5;
    tsr_view_fill(&view, &fill);
    tsr_view_clear(&view);
    assert_null(view.data);
    assert_int_equal(view.rank, 0);
    tsr_view_clear(&view);
}

static void test_shape_text(void **state)
{
    char text[TSRI_SHAPE_TEXT_MAX];
    int64_t many[TSR_RANK_MAX];
    (void)state;
    assert_string_equal(tsri_shape_text(0, NULL, text), "[]");
    assert_string_equal(tsri_shape_text(2, (const int64_t[]){3, -7}, text), "[3, -7]");
    for (int axis = 0; axis < TSR_RANK_MAX; axis++)
        many[axis] = INT64_MIN;
    assert_int_equal(
        strncmp(tsri_shape_text(TSR_RANK_MAX, many, text), "[-9223372036854775808, -922", 27), 0);
    assert_true(strlen(text) < sizeof text);
    assert_string_equal(text + strlen(text) - 4, "...]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_init),       cmocka_unit_test(test_limits),
        cmocka_unit_test(test_slice),      cmocka_unit_test(test_slice_refusals),
        cmocka_unit_test(test_select),     cmocka_unit_test(test_transpose),
        cmocka_unit_test(test_broadcast),  cmocka_unit_test(test_new_owns_memory),
        cmocka_unit_test(test_shape_text),
    };
    return cmocka_run_group_tests_name("tensor.view", tests, NULL, NULL);
}
