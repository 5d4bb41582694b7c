/* element_walk: C order through any strides, against an index that is counted by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "codec/element_walk.h"

/* The address of element `number` in C order. */
static char *element_at(const tsr_view *view, int64_t number)
{
    char *at = view->data;
    for (int axis = view->rank - 1; axis >= 0; axis--) {
        at += number % view->shape[axis] * view->strides[axis];
        number /= view->shape[axis];
    }
    return at;
}

static tsr_view strided(char *memory, int rank, const int64_t *shape, const int64_t *strides)
{
    tsr_view view;
    assert_return_code(tsr_view_init(&view, TSR_UINT16, rank, shape, memory, NULL), 0);
    for (int axis = 0; axis < rank; axis++)
        view.strides[axis] = strides[axis];
    return view;
}

static const struct {
    int rank;
    int64_t shape[4], strides[4];
    int runs; /* how many runs there must be */
} layouts[] = {
    {0, {0}, {0}, 1},
    {1, {7}, {2}, 1},
    {1, {7}, {-6}, 1},
    {3, {3, 4, 5}, {40, 10, 2}, 1},
    {3, {3, 4, 5}, {2, 6, 24}, 12},
    {3, {3, 1, 5}, {10, 999, 2}, 1},
    {3, {3, 4, 5}, {80, 20, 4}, 1},
    {2, {4, 5}, {12, 2}, 4},
    {2, {4, 5}, {0, 2}, 4},
    {4, {2, 3, 2, 3}, {96, 24, 6, 2}, 6},
    {2, {0, 5}, {10, 2}, 0},
    {4, {1, 1, 1, 1}, {5, 6, 7, 8}, 1},
};

static void test_positions(void **state)
{
    static char memory[4000];

    (void)state;
    for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++) {
        tsr_view view =
            strided(memory + 2000, layouts[i].rank, layouts[i].shape, layouts[i].strides);
        for (int64_t step = 1; step <= 3; step++) {
            tsri_element_walk walk;
            int64_t number = 0;
            int runs = 0;
            tsri_element_walk_init(&walk, &view);
            while (walk.left > 0) {
                bool whole = walk.run_left <= step || step == 3;
                int64_t count = step == 3 ? walk.run_left : TSRI_MIN(walk.run_left, step);
                for (int64_t j = 0; j < count; j++)
                    assert_ptr_equal(walk.at + j * walk.run_stride, element_at(&view, number + j));
                runs += whole;
                number += count;
                tsri_element_walk_advance(&walk, count);
            }
            assert_int_equal(number, tsr_view_count(&view));
            assert_int_equal(runs, layouts[i].runs);
        }
    }
}

static int double_it(void *user, const void *from, void *to, size_t count, tsr_error *err)
{
    const uint16_t *source = from;
    uint32_t *target = to;

    *(size_t *)user += count;
    assert_true((uintptr_t)from % 2 == 0 && (uintptr_t)to % 4 == 0);
    for (size_t i = 0; i < count; i++)
        target[i] = 2u * source[i];
    return count > 600 ? tsr_error_set(err, TSR_INTERNAL, "too many") : 0;
}

/* Types and shapes differ, nothing is aligned, and more elements than one strip. */
static void test_run(void **state)
{
    enum { COUNT = 6000 };
    char *source = malloc(4 * COUNT + 1), *target = malloc(8 * COUNT + 1);
    size_t seen = 0;

    (void)state;
    tsr_view from = strided(source + 1, 2, (int64_t[]){60, 100}, (int64_t[]){2, 120});
    tsr_view to;
    assert_return_code(tsr_view_init(&to, TSR_UINT32, 1, (int64_t[]){COUNT}, target + 1, NULL), 0);
    for (int64_t i = 0; i < COUNT; i++)
        memcpy(element_at(&from, i), &(uint16_t){(uint16_t)i}, 2);
    assert_return_code(tsri_elements_run(&to, &from, double_it, &seen, NULL), 0);
    assert_int_equal(seen, COUNT);
    for (int64_t i = 0; i < COUNT; i++)
        assert_memory_equal(element_at(&to, i), &(uint32_t){2 * (uint32_t)i}, 4);
    free(source);
    free(target);
}

static int refuse(void *user, const void *from, void *to, size_t count, tsr_error *err)
{
    (void)user;
    (void)from;
    (void)to;
    (void)count;
    return tsr_error_set(err, TSR_OUT_OF_BOUNDS, "no");
}

static void test_copy_and_failure(void **state)
{
    uint16_t from[12], to[12];
    tsr_error err = TSR_ERROR_INIT;

    (void)state;
    for (uint16_t i = 0; i < 12; i++)
        from[i] = i;
    tsr_view source = strided((char *)from, 2, (int64_t[]){4, 3}, (int64_t[]){2, 8});
    tsr_view target = strided((char *)to, 3, (int64_t[]){2, 3, 2}, (int64_t[]){12, 4, 2});
    tsri_elements_copy(&target, &source);
    for (int i = 0; i < 12; i++)
        assert_int_equal(to[i], i / 3 + i % 3 * 4);
    assert_int_equal(tsri_elements_run(&target, &source, refuse, NULL, &err), TSR_OUT_OF_BOUNDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_positions),
        cmocka_unit_test(test_run),
        cmocka_unit_test(test_copy_and_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
