/* Proves that a walk visits each touched cell once, in order, with the elements that lie there: by
 * comparison with where every single element lies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "array/target.h"
#include "support/random_index.h"
#include "unit/array/array_testing.h"

enum { CELLS = 8, RANK = 3 };

static const array_row row = {
    .name = "a", .rank = RANK, .shape = {13, 8, 21}, .chunk = {4, 3, 5}, .codec = "none"};

/* How many elements of the selection lie in each cell. */
static void count_by_cell(const tsr_index *index, int64_t counts[CELLS][CELLS][CELLS])
{
    int64_t shape[TSR_RANK_MAX], at[TSR_RANK_MAX] = {0}, element[RANK];
    int rank = tsr_index_shape(index, shape);
    memset(counts, 0, sizeof(int64_t[CELLS][CELLS][CELLS]));
    do {
        tsr_index_locate(index, at, element);
        counts[element[0] / 4][element[1] / 3][element[2] / 5]++;
    } while (tests_next_position(rank, shape, at));
}

/* Elements that differ in new axes alone are one element of the target. */
static int64_t count_repeats(const tsr_index *index)
{
    int64_t shape[TSR_RANK_MAX], repeats = 1;
    int rank = tsr_index_shape(index, shape);
    for (int axis = 0; axis < rank && index->layout; axis++) {
        bool listed = tsr_index_array_axis(index, axis) >= 0;
        for (int i = 0; i < index->layout->group_count; i++)
            for (int j = 0; j < index->layout->groups[i].result_count; j++)
                listed |= index->layout->groups[i].result_axes[j] == axis;
        repeats *= listed ? 1 : shape[axis];
    }
    return repeats;
}

static void check_walk(const tsri_target *whole, const tsri_grid *grid, const int64_t *lengths,
                       const tsr_index *index)
{
    int64_t counts[CELLS][CELLS][CELLS], before = -1, cells = 0, repeats = count_repeats(index);
    tsri_target_walk walk;
    tsri_target part, again;
    count_by_cell(index, counts);
    tsri_target_walk_init(&walk, whole, grid, lengths);
    do {
        int64_t number = (walk.cell[0] * CELLS + walk.cell[1]) * CELLS + walk.cell[2];
        const int64_t start[] = {walk.cell[0] * 4, walk.cell[1] * 3, walk.cell[2] * 5};
        int64_t *count = &counts[walk.cell[0]][walk.cell[1]][walk.cell[2]];
        assert_true(number > before);
        before = number;
        tsri_target_walk_take(&walk, &part);
        assert_int_equal(tsri_target_count(&part) * repeats, *count);
        assert_true(tsri_target_restrict(whole, start, row.chunk, &again));
        for (int i = 0; i < part.group_count; i++) {
            assert_int_equal(again.groups[i].from, part.groups[i].from);
            assert_int_equal(again.groups[i].count, part.groups[i].count);
        }
        for (int axis = 0; axis < RANK; axis++) {
            int64_t first, last;
            tsri_target_bounds(&part, axis, &first, &last);
            assert_true(first >= 0 && first <= last && last < row.chunk[axis]);
        }
        *count = 0;
        cells++;
    } while (tsri_target_walk_next(&walk));
    for (int i = 0; i < CELLS * CELLS * CELLS; i++)
        assert_int_equal(counts[i / 64][i / 8 % 8][i % 8], 0);
    if (lengths)
        assert_int_equal(tsri_target_walk_count(whole, lengths), cells);
}

static void every_touched_cell_comes_once(void **state)
{
    fixture *f = *state;
    tests_random random;
    tests_random_init(&random);
    tsr_array *array = array_new(f, f->store, "a", &row, TSR_UINT8, NULL);
    for (int round = 0; round < 600; round++) {
        tsri_read read = {.array = array, .grid = array->grid};
        tsri_target whole;
        tests_random_index(&random, RANK, row.shape, 6, 12, &read.index);
        if (tsr_index_count(&read.index) > 0) {
            good(tsri_points_new(array, array->grid, &read.index, NULL, &read.points, &f->err),
                 &f->err);
            tsri_target_init(&whole, &read);
            check_walk(&whole, array->grid, NULL, &read.index);
            check_walk(&whole, NULL, row.chunk, &read.index);
            tsri_points_free(read.points);
        }
        tsr_index_clear(&read.index);
    }
    tsr_array_close(array);
}

/* A list of one cell that reaches the end of the numbers. */
static void the_last_cell_may_end_behind_all_numbers(void **state)
{
    const array_row far = {.name = "far",
                           .rank = 1,
                           .shape = {INT64_MAX},
                           .chunk = {(INT64_C(1) << 62) + 1},
                           .codec = "none"};
    fixture *f = *state;
    tsri_target whole;
    tsri_target_walk walk;
    tsr_array *array = array_new(f, f->store, "a", &far, TSR_UINT8, NULL);
    tsri_read read = {.array = array, .grid = array->grid};
    good(tsr_index_parse(&read.index, "[-1, 0, -5, -5]", 1, far.shape, &f->err), &f->err);
    good(tsri_points_new(array, array->grid, &read.index, NULL, &read.points, &f->err), &f->err);
    tsri_target_init(&whole, &read);
    tsri_target_walk_init(&walk, &whole, array->grid, NULL);
    assert_true(walk.cell[0] == 0 && walk.high[0] == 1);
    assert_true(tsri_target_walk_next(&walk));
    assert_true(walk.cell[0] == 1 && walk.low[0] == 1 && walk.high[0] == 4);
    assert_false(tsri_target_walk_next(&walk));
    tsri_points_free(read.points);
    tsr_index_clear(&read.index);
    tsr_array_close(array);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(every_touched_cell_comes_once),
        FIXTURE_TEST(the_last_cell_may_end_behind_all_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
