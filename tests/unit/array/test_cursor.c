/* Proves of cursors: every chunk that any read touches comes once, in order, with all that touch
 * it; and arithmetic at the end of the numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "array/cursor.h"
#include "support/random_view.h"
#include "unit/array/array_testing.h"

#define READS 9

/* An array that is nothing but its shape; cursors look at no more. */
static tsr_array *bare_array(int rank, const int64_t *shape, const int64_t *chunk)
{
    tsr_array *array = calloc(1, sizeof *array);
    array->rank = rank;
    array->dtype = TSR_UINT8;
    memcpy(array->shape, shape, (size_t)rank * sizeof *shape);
    memcpy(array->chunk_shape, chunk, (size_t)rank * sizeof *chunk);
    assert_int_equal(tsri_grid_new_regular(rank, shape, chunk, &array->grid, NULL), 0);
    return array;
}

static void bare_free(tsr_array *array)
{
    tsri_grid_unref(array->grid);
    free(array);
}

static void random_selection(tests_random *random, const tsr_array *array, tsr_index *ret_index)
{
    ret_index->rank = array->rank;
    for (int axis = 0; axis < array->rank; axis++) {
        int64_t length = array->shape[axis], step = 1 + tests_random_below(random, 8);
        int64_t start = tests_random_below(random, length);
        int64_t count = tests_random_below(random, (length - start + step - 1) / step + 1);
        if (count > 0 && tests_random_below(random, 2)) {
            start += (count - 1) * step;
            step = -step;
        }
        ret_index->axes[axis] = (tsr_index_axis){TSR_INDEX_RANGE, start, count, step};
    }
}

/* How many elements of chunk (y, x) a read selects, by looking at all of them. */
static int64_t count_in_chunk(const tsr_index *index, const tsr_array *array, int64_t y, int64_t x)
{
    int64_t found = 0;
    for (int64_t i = 0; i < index->axes[0].count; i++)
        for (int64_t j = 0; j < index->axes[1].count; j++) {
            int64_t row = index->axes[0].start + i * index->axes[0].step;
            int64_t column = index->axes[1].start + j * index->axes[1].step;
            found += row / array->chunk_shape[0] == y && column / array->chunk_shape[1] == x;
        }
    return found;
}

static void every_chunk_comes_once_with_all_who_want_it(void **state)
{
    (void)state;
    tests_random random;
    tests_random_init(&random);
    tsr_array *array = bare_array(2, (const int64_t[]){23, 31}, (const int64_t[]){4, 7});
    for (int round = 0; round < 40; round++) {
        tsri_read reads[READS];
        tsri_cursors cursors;
        int64_t seen[6][5] = {{0}}, last = -1;
        memset(reads, 0, sizeof reads);
        for (int i = 0; i < READS; i++) {
            reads[i].array = array;
            reads[i].grid = array->grid;
            random_selection(&random, array, &reads[i].index);
        }
        assert_int_equal(tsri_cursors_init(&cursors, reads, READS, NULL), 0);
        tsr_array *of;
        const int64_t *at;
        while (tsri_cursors_peek(&cursors, &of, &at)) {
            int64_t chunk[] = {at[0], at[1]};
            size_t sharers = tsri_cursors_sharers(&cursors), taken = 0;
            tsri_target target;
            assert_ptr_equal(of, array);
            assert_true(chunk[0] * 5 + chunk[1] > last);
            last = chunk[0] * 5 + chunk[1];
            while (tsri_cursors_take(&cursors, array, chunk, &target)) {
                taken++;
                seen[chunk[0]][chunk[1]] += tsri_target_count(&target);
                for (int axis = 0; axis < 2; axis++)
                    assert_in_range(target.axes[axis].start, 0, array->chunk_shape[axis] - 1);
            }
            assert_int_equal(taken, sharers);
        }
        for (int64_t y = 0; y < 6; y++)
            for (int64_t x = 0; x < 5; x++) {
                int64_t expected = 0;
                for (int i = 0; i < READS; i++)
                    expected += count_in_chunk(&reads[i].index, array, y, x);
                assert_int_equal(seen[y][x], expected);
            }
        tsri_cursors_clear(&cursors);
    }
    bare_free(array);
}

/* Goes through the chunks of a run and adds up what is wanted of each. Returns the number of the
 * last chunk. */
static int64_t add_run(tsri_cursor_run *run, int64_t last, int64_t seen[6][5])
{
    assert_true(run->targets ? run->count == 1 && run->target_count > 1 : run->target_count == 0);
    for (int i = 0; i < run->count; i++, run->walk.cell[1]++) {
        int64_t y = run->walk.cell[0], x = run->walk.cell[1];
        tsri_target target;
        assert_true(y * 5 + x > last);
        last = y * 5 + x;
        tsri_target_walk_take(&run->walk, &target);
        if (!run->targets)
            seen[y][x] += tsri_target_count(&target);
        for (size_t k = 0; k < run->target_count; k++)
            seen[y][x] += tsri_target_count(&run->targets[k]);
    }
    return last;
}

/* What is taken at once is the same as what is taken one by one. */
static void runs_have_every_chunk_once(void **state)
{
    (void)state;
    tests_random random;
    tests_random_init(&random);
    int longest = 0;
    tsr_array *array = bare_array(2, (const int64_t[]){23, 31}, (const int64_t[]){4, 7});
    for (int round = 0; round < 60; round++) {
        int count = 1 + round % 3, most = 1 + (round + 5) % 6;
        tsri_read reads[3];
        tsri_cursors cursors;
        tsri_cursor_run run;
        int64_t seen[6][5] = {{0}}, last = -1;
        memset(reads, 0, sizeof reads);
        for (int i = 0; i < count; i++) {
            reads[i].array = array;
            reads[i].grid = array->grid;
            random_selection(&random, array, &reads[i].index);
            if (round % 2 == 0) /* rows without gaps */
                reads[i].index.axes[1] =
                    (tsr_index_axis){TSR_INDEX_RANGE, round / 2, 31 - round / 2, 1};
        }
        assert_int_equal(tsri_cursors_init(&cursors, reads, (size_t)count, NULL), 0);
        for (;;) {
            assert_int_equal(tsri_cursors_take_run(&cursors, most, &run, NULL), 0);
            if (run.count == 0)
                break;
            assert_ptr_equal(run.array, array);
            assert_ptr_equal(run.grid, array->grid);
            assert_in_range(run.count, 1, most);
            longest = TSRI_MAX(longest, run.count);
            last = add_run(&run, last, seen);
            tsri_free(run.targets);
        }
        for (int64_t y = 0; y < 6; y++)
            for (int64_t x = 0; x < 5; x++) {
                int64_t expected = 0;
                for (int i = 0; i < count; i++)
                    expected += count_in_chunk(&reads[i].index, array, y, x);
                assert_int_equal(seen[y][x], expected);
            }
        tsri_cursors_clear(&cursors);
    }
    assert_int_equal(longest, 5); /* a whole row of chunks */
    bare_free(array);
}

static void several_arrays_come_one_after_the_other(void **state)
{
    (void)state;
    tsr_array *arrays[] = {bare_array(1, (const int64_t[]){10}, (const int64_t[]){5}),
                           bare_array(1, (const int64_t[]){10}, (const int64_t[]){2})};
    tsri_read reads[4] = {{0}};
    tsri_cursors cursors;
    for (int i = 0; i < 4; i++) {
        reads[i].array = arrays[i % 2];
        reads[i].grid = arrays[i % 2]->grid;
        tsr_index_all(&reads[i].index, 1, arrays[i % 2]->shape);
    }
    assert_int_equal(tsri_cursors_init(&cursors, reads, 4, NULL), 0);
    tsr_array *of, *before = NULL;
    const int64_t *at;
    int changes = 0, chunks = 0;
    while (tsri_cursors_peek(&cursors, &of, &at)) {
        int64_t chunk = *at;
        tsri_target target;
        assert_int_equal(tsri_cursors_sharers(&cursors), 2);
        assert_false(
            tsri_cursors_take(&cursors, of == arrays[0] ? arrays[1] : arrays[0], &chunk, &target));
        changes += of != before;
        before = of;
        chunks++;
        while (tsri_cursors_take(&cursors, of, &chunk, &target))
            ;
    }
    assert_int_equal(changes, 2);
    assert_int_equal(chunks, 2 + 5);
    tsri_cursors_clear(&cursors);
    bare_free(arrays[0]);
    bare_free(arrays[1]);
}

/* The longest axis, the largest steps: nothing passes 2^63-1. (Run it under UBSan.) */
static void the_largest_numbers_are_walked(void **state)
{
    (void)state;
    static const struct {
        int64_t chunk, start, count, step;
        int64_t chunks[3];
        int count_of_chunks;
    } rows[] = {
        {INT64_C(1) << 62, 0, 2, INT64_MAX - 1, {0, 1}, 2},
        {1, 0, 2, INT64_MAX - 1, {0, INT64_MAX - 1}, 2},
        {3, INT64_MAX - 1, 1, 1, {(INT64_MAX - 1) / 3}, 1},
        {INT64_MAX, 0, 3, INT64_MAX / 3, {0}, 1},
        {INT64_C(1) << 61, INT64_MAX - 1, 2, -(INT64_MAX - 1), {0, 3}, 2},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const int64_t length = INT64_MAX;
        tsr_array *array = bare_array(1, &length, &rows[i].chunk);
        tsri_read read = {.array = array, .grid = array->grid};
        tsri_cursors cursors;
        int n = 0;
        read.index.rank = 1;
        read.index.axes[0] =
            (tsr_index_axis){TSR_INDEX_RANGE, rows[i].start, rows[i].count, rows[i].step};
        assert_int_equal(tsri_cursors_init(&cursors, &read, 1, NULL), 0);
        tsr_array *of;
        const int64_t *at;
        while (tsri_cursors_peek(&cursors, &of, &at)) {
            int64_t chunk = *at;
            tsri_target target;
            assert_true(n < rows[i].count_of_chunks);
            assert_int_equal(chunk, rows[i].chunks[n++]);
            assert_true(tsri_cursors_take(&cursors, array, &chunk, &target));
        }
        assert_int_equal(n, rows[i].count_of_chunks);
        tsri_cursors_clear(&cursors);
        bare_free(array);
    }
}

static void nothing_selected_is_nothing_to_do(void **state)
{
    (void)state;
    tsr_array *array = bare_array(1, (const int64_t[]){10}, (const int64_t[]){5});
    tsri_read read = {.array = array, .grid = array->grid};
    tsri_cursors cursors;
    tsr_array *of;
    const int64_t *at;
    read.index.rank = 1;
    read.index.axes[0] = (tsr_index_axis){TSR_INDEX_RANGE, 0, 0, 1};
    assert_int_equal(tsri_cursors_init(&cursors, &read, 1, NULL), 0);
    assert_false(tsri_cursors_peek(&cursors, &of, &at));
    tsri_cursors_clear(&cursors);
    bare_free(array);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_chunk_comes_once_with_all_who_want_it),
        cmocka_unit_test(runs_have_every_chunk_once),
        cmocka_unit_test(several_arrays_come_one_after_the_other),
        cmocka_unit_test(the_largest_numbers_are_walked),
        cmocka_unit_test(nothing_selected_is_nothing_to_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
