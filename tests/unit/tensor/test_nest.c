/* Proves the normal form of loops: what is merged, turned and sorted, that the same elements are
 * visited, and that a body can stop the run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/random_view.h"
#include "tensor/nest.h"

static char target[4096], source[4096];

static tsr_view dense(const tsr_dtype *dtype, int rank, const int64_t *shape, char *data)
{
    tsr_view view;
    assert_int_equal(tsr_view_init(&view, dtype, rank, shape, data, NULL), 0);
    return view;
}

static void assert_axis(const tsri_nest *nest, int axis, int64_t count, int64_t to, int64_t from)
{
    assert_int_equal(nest->axes[axis].count, count);
    assert_int_equal(nest->axes[axis].to, to);
    assert_int_equal(nest->axes[axis].from, from);
}

static void test_dense_is_one_loop(void **state)
{
    static const int64_t shape[] = {2, 1, 3, 4, 5};
    tsr_view to = dense(TSR_INT16, 5, shape, target), from = dense(TSR_INT16, 5, shape, source);
    tsri_nest nest;
    (void)state;
    assert_true(tsri_nest_init(&nest, &to, &from, 1));
    assert_int_equal(nest.rank, 1);
    assert_axis(&nest, 0, 120, 2, 2);
    assert_int_equal(tsri_nest_span(&nest, 2), 240);
    assert_int_equal(tsri_nest_fold(&nest, 2), 240);
    assert_int_equal(nest.rank, 0);
    assert_int_equal(tsri_nest_span(&nest, 240), 240);
    /* The same with both turned around an axis and both transposed. */
    static const int order[] = {4, 0, 2, 1, 3};
    assert_int_equal(tsr_view_slice(&to, 2, 2, 3, -1, NULL), 0);
    assert_int_equal(tsr_view_slice(&from, 2, 2, 3, -1, NULL), 0);
    assert_int_equal(tsr_view_transpose(&to, order, NULL), 0);
    assert_int_equal(tsr_view_transpose(&from, order, NULL), 0);
    assert_true(tsri_nest_init(&nest, &to, &from, 1));
    assert_int_equal(nest.rank, 1);
    assert_axis(&nest, 0, 120, 2, 2);
    assert_ptr_equal(nest.to, target);
    assert_ptr_equal(nest.from, source);
}

static void test_box_of_an_array(void **state)
{
    static const int64_t array[] = {8, 9, 10}, box[] = {3, 9, 4};
    tsr_view to = dense(TSR_INT32, 3, array, target), from = dense(TSR_INT32, 3, box, source);
    tsri_nest nest;
    (void)state;
    assert_int_equal(tsr_view_slice(&to, 0, 1, 3, 1, NULL), 0);
    assert_int_equal(tsr_view_slice(&to, 2, 2, 4, 1, NULL), 0);
    assert_true(tsri_nest_init(&nest, &to, &from, 1));
    /* The first two axes continue each other in both memories. */
    assert_int_equal(nest.rank, 2);
    assert_axis(&nest, 0, 27, 40, 16);
    assert_axis(&nest, 1, 4, 4, 4);
    assert_int_equal(tsri_nest_fold(&nest, 4), 16);
    assert_int_equal(nest.rank, 1);
    assert_int_equal(tsri_nest_span(&nest, 16), 26 * 40 + 16);
}

static void test_directions(void **state)
{
    static const int64_t shape[] = {6};
    tsr_view to = dense(TSR_UINT8, 1, shape, target), from = dense(TSR_UINT8, 1, shape, source);
    tsri_nest nest;
    (void)state;
    assert_int_equal(tsr_view_slice(&to, 0, 5, 6, -1, NULL), 0);
    assert_true(tsri_nest_init(&nest, &to, &from, 1));
    assert_axis(&nest, 0, 6, 1, -1);
    assert_ptr_equal(nest.to, target);
    assert_ptr_equal(nest.from, source + 5);
    assert_int_equal(tsri_nest_fold(&nest, 1), 1);
    assert_int_equal(nest.rank, 1);
}

static void test_parts_and_repeats(void **state)
{
    static const int64_t shape[] = {3, 4}, row[] = {1, 4};
    tsr_view to = dense(TSR_COMPLEX64, 2, shape, target),
             from = dense(TSR_COMPLEX64, 2, row, source);
    tsri_nest nest;
    (void)state;
    assert_int_equal(tsr_view_broadcast(&from, 2, shape, NULL), 0);
    assert_true(tsri_nest_init(&nest, &to, &from, 2));
    assert_int_equal(nest.rank, 2);
    assert_axis(&nest, 0, 3, 32, 0);
    assert_axis(&nest, 1, 8, 4, 4);
}

static void test_no_elements(void **state)
{
    static const int64_t shape[] = {3, 0, 5};
    tsr_view view = dense(TSR_INT8, 3, shape, target);
    tsri_nest nest;
    (void)state;
    assert_false(tsri_nest_init(&nest, &view, &view, 1));
    assert_true(
        tsri_nest_init(&nest, &(tsr_view){.dtype = TSR_INT8}, &(tsr_view){.dtype = TSR_INT8}, 1));
    assert_int_equal(nest.rank, 0);
}

/* Counts the visits of each byte of the destination; stops after `left` calls. */
typedef struct visits {
    const char *base;
    unsigned char counts[40000];
    int64_t left;
} visits;

static bool visit(void *user, char *to, const char *from, const tsri_nest_axis *outer,
                  const tsri_nest_axis *inner)
{
    visits *v = user;
    (void)from;
    if (v->left-- == 0)
        return false;
    for (int64_t i = 0; i < outer->count; i++)
        for (int64_t k = 0; k < inner->count; k++)
            v->counts[to + i * outer->to + k * inner->to - v->base]++;
    return true;
}

static void test_every_element_once(void **state)
{
    static visits v;
    tests_random random;
    (void)state;
    tests_random_init(&random);
    for (int round = 0; round < 500; round++) {
        int64_t shape[TSR_RANK_MAX], position[TSR_RANK_MAX] = {0};
        tests_memory to_memory, from_memory;
        tsri_nest nest;
        int rank = tests_random_shape(&random, 7, 300, false, shape);
        tsr_view to = tests_random_view(&random, TSR_UINT8, rank, shape, &to_memory);
        tsr_view from = tests_random_view(&random, TSR_UINT8, rank, shape, &from_memory);
        assert_true(to_memory.size_bytes <= sizeof v.counts);
        memset(&v, 0, sizeof v);
        v.base = to_memory.bytes;
        v.left = INT64_MAX;
        assert_true(tsri_nest_init(&nest, &to, &from, 1));
        for (int axis = 1; axis < nest.rank; axis++)
            assert_true(nest.axes[axis - 1].to >= nest.axes[axis].to && nest.axes[axis].to > 0);
        assert_true(tsri_nest_run(&nest, visit, &v));
        int64_t visited = 0, count = 0;
        for (size_t i = 0; i < to_memory.size_bytes; i++)
            visited += v.counts[i];
        do
            count += v.counts[tests_view_at(&to, position) - v.base];
        while (tests_next_position(rank, shape, position));
        if (visited != count || count != tsr_view_count(&to))
            tests_random_fail(&random, "%lld elements were visited", (long long)visited);
        free(to_memory.bytes);
        free(from_memory.bytes);
    }
}

static void test_stop(void **state)
{
    static visits v;
    static const int64_t shape[] = {3, 4, 5, 2}, gaps[] = {400, 80, 10, 2};
    tsr_view view = {.dtype = TSR_UINT8, .rank = 4, .data = target};
    tsri_nest nest;
    (void)state;
    for (int axis = 0; axis < 4; axis++) {
        view.shape[axis] = shape[axis];
        view.strides[axis] = gaps[axis];
    }
    assert_true(tsri_nest_init(&nest, &view, &view, 1));
    assert_int_equal(nest.rank, 4);
    v.base = target;
    v.left = 12;
    assert_true(tsri_nest_run(&nest, visit, &v));
    assert_int_equal(v.left, 0);
    v.left = 5;
    assert_false(tsri_nest_run(&nest, visit, &v));
    assert_int_equal(v.left, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dense_is_one_loop),
        cmocka_unit_test(test_box_of_an_array),
        cmocka_unit_test(test_directions),
        cmocka_unit_test(test_parts_and_repeats),
        cmocka_unit_test(test_no_elements),
        cmocka_unit_test(test_every_element_once),
        cmocka_unit_test(test_stop),
    };
    return cmocka_run_group_tests_name("tensor.nest", tests, NULL, NULL);
}
