/* Proves the normal form: lists that need none become ranges and positions, which cost nothing;
 * those that share an axis of the result are one group, and no axis belongs to two. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/random_index.h"
#include "tensor/index_map.h"

static const int64_t shape[] = {10, 20, 30};

static tsr_index parsed(const char *text, tsr_index_mode mode)
{
    tsr_index_parse_options options;
    tsr_index index;
    tsr_error err = TSR_ERROR_INIT;
    tsr_index_parse_options_init(&options);
    options.mode = mode;
    if (tsr_index_parse_with(&index, text, 3, shape, &options, &err) < 0)
        fail_msg("%s: %s", text, err.message);
    return index;
}

static void lists_that_rise_evenly_are_ranges(void **state)
{
    static const struct {
        const char *text;
        int64_t start, count, step;
    } cases[] = {{"[3, 5, 7]", 3, 3, 2},
                 {"[9, 6, 3, 0]", 9, 4, -3},
                 {"[4]", 4, 1, 1},
                 {"[-1, 0]", 9, 2, -9},
                 {"[False,True,True,True,False,False,False,False,False,False]", 1, 3, 1}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tsr_index index = parsed(cases[i].text, TSR_INDEX_NUMPY);
        assert_null(index.layout);
        assert_int_equal(index.axes[0].kind, TSR_INDEX_RANGE);
        assert_int_equal(index.axes[0].start, cases[i].start);
        assert_int_equal(index.axes[0].count, cases[i].count);
        assert_int_equal(index.axes[0].step, cases[i].step);
        tsr_index_clear(&index);
    }
}

static void lists_that_stay_have_their_bounds(void **state)
{
    (void)state;
    tsr_index index = parsed("[7, 2, 2], :, [1, 29, 4]", TSR_INDEX_NUMPY);
    assert_non_null(index.layout);
    assert_int_equal(index.layout->group_count, 1);
    assert_int_equal(index.layout->groups[0].axis_count, 2);
    assert_int_equal(index.layout->groups[0].axes[1], 2);
    assert_int_equal(index.layout->groups[0].count, 3);
    assert_int_equal(index.axes[0].kind, TSR_INDEX_LIST);
    assert_true(index.axes[0].start == 2 && index.axes[0].count == 6);
    assert_true(index.axes[2].start == 1 && index.axes[2].count == 29);
    tsr_index_clear(&index);
    index = parsed("[7, 2, 2], :, [1, 29, 4, 4]", TSR_INDEX_ORTHOGONAL);
    assert_int_equal(index.layout->group_count, 2);
    tsr_index_clear(&index);
    assert_null(index.layout);
}

/* Pointwise lists that are one long are a position and a range of one. */
static void single_points_are_boxes(void **state)
{
    int64_t lengths[TSR_RANK_MAX];
    (void)state;
    tsr_index index = parsed("[7], [3]", TSR_INDEX_NUMPY);
    assert_null(index.layout);
    assert_true(index.axes[0].kind == TSR_INDEX_POSITION && index.axes[0].start == 7);
    assert_true(index.axes[1].kind == TSR_INDEX_RANGE && index.axes[1].start == 3);
    assert_int_equal(tsr_index_shape(&index, lengths), 2);
    assert_true(lengths[0] == 1 && lengths[1] == 30);
    tsr_index_clear(&index);
}

/* Whatever is selected: groups have axes of their own, of the array and of the result. */
static void axes_belong_to_one(void **state)
{
    tests_random random;
    (void)state;
    tests_random_init(&random);
    for (int round = 0; round < 2000; round++) {
        uint64_t taken = 0, taken_results = 0;
        tsr_index index;
        tests_random_index(&random, 3, shape, 6, 4, &index);
        const tsr_index_layout *layout = index.layout;
        for (int axis = 0; layout && axis < 3; axis++)
            if (index.axes[axis].kind == TSR_INDEX_RANGE) {
                assert_false(taken_results >> layout->result_axis[axis] & 1);
                taken_results |= UINT64_C(1) << layout->result_axis[axis];
                taken |= UINT64_C(1) << axis;
            }
        for (int i = 0; layout && i < layout->group_count; i++) {
            const tsri_index_group *group = &layout->groups[i];
            int64_t count = 1;
            for (int j = 0; j < group->result_count; j++) {
                assert_false(taken_results >> group->result_axes[j] & 1);
                taken_results |= UINT64_C(1) << group->result_axes[j];
                count *= layout->shape[group->result_axes[j]];
            }
            assert_int_equal(count, group->count);
            for (int j = 0; j < group->axis_count; j++) {
                assert_false(taken >> group->axes[j] & 1);
                assert_int_equal(index.axes[group->axes[j]].kind, TSR_INDEX_LIST);
                taken |= UINT64_C(1) << group->axes[j];
            }
        }
        tsr_index_clear(&index);
    }
}

static void tables_add_up(void **state)
{
    static const int64_t lengths[] = {2, 5, 3};
    int64_t own[] = {10, 20, 30}, table[6] = {0};
    const tsri_index_map list = {.kind = TSRI_MAP_TABLE, .axes = 4, .table = own};
    const tsri_index_map range = {.kind = TSRI_MAP_AFFINE, .start = 1, .step = -1, .axis = 0};
    const tsri_index_map constant = {.kind = TSRI_MAP_CONSTANT, .start = 100};
    (void)state;
    tsri_index_accumulate(table, lengths, 5, &list, 1);
    tsri_index_accumulate(table, lengths, 5, &range, 2);
    tsri_index_accumulate(table, lengths, 5, &constant, 1);
    const int64_t expected[] = {112, 122, 132, 110, 120, 130};
    assert_memory_equal(table, expected, sizeof expected);
    assert_true(tsri_index_table_count(lengths, 7, &own[0]) && own[0] == 30);
    assert_true(tsri_index_table_count(lengths, 0, &own[0]) && own[0] == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_that_rise_evenly_are_ranges),
        cmocka_unit_test(lists_that_stay_have_their_bounds),
        cmocka_unit_test(single_points_are_boxes),
        cmocka_unit_test(axes_belong_to_one),
        cmocka_unit_test(tables_add_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
