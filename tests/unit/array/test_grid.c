/* Proves that a grid maps chunks to positions and back as counting chunk by chunk does, for random
 * lengths; that runs of any number cost nothing; that the forms of the metadata are read to the
 * letter, and what other shapes make of a grid. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "array/grid.h"
#include "array/grid_meta.h"
#include "base/output.h"

/* A fixed sequence, the same on every machine. */
static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

enum { EDGES_MAX = 40 };

/* One axis of a few runs, and the same written out. */
typedef struct axis_case {
    tsri_grid_edges edges[EDGES_MAX];
    size_t edge_count;
    int64_t lengths[10 * EDGES_MAX], chunk_count;
    int64_t end; /* of all chunks */
} axis_case;

static void make_case(axis_case *self, uint32_t *seed)
{
    *self = (axis_case){.edge_count = 1 + next_random(seed) % EDGES_MAX};
    for (size_t i = 0; i < self->edge_count; i++) {
        tsri_grid_edges edges = {1 + next_random(seed) % 7, 1 + next_random(seed) % 9};
        self->edges[i] = edges;
        for (int64_t n = 0; n < edges.count; n++)
            self->lengths[self->chunk_count++] = edges.length;
        self->end += edges.length * edges.count;
    }
}

static void check_case(const axis_case *self, int64_t length)
{
    tsri_grid_cut cut = {0, self->edges, self->edge_count};
    tsri_grid *grid = NULL;
    int64_t start = 0, chunk = 0;

    assert_int_equal(tsri_grid_new(1, &length, &cut, &grid, NULL), 0);
    assert_false(grid->is_regular);
    for (; start < length; chunk++) {
        assert_int_equal(tsri_grid_start(grid, 0, chunk), start);
        assert_int_equal(tsri_grid_length(grid, 0, chunk), self->lengths[chunk]);
        for (int64_t at = start; at < start + self->lengths[chunk] && at < length; at++)
            assert_int_equal(tsri_grid_chunk_at(grid, 0, at), chunk);
        start += self->lengths[chunk];
    }
    assert_int_equal(grid->axes[0].count, chunk);
    tsri_grid_unref(grid);
}

static void positions_and_chunks_agree_with_counting(void **state)
{
    (void)state;
    uint32_t seed = 11;
    for (int round = 0; round < 200; round++) {
        axis_case one;
        make_case(&one, &seed);
        check_case(&one, one.end);
        check_case(&one, next_random(&seed) % (uint32_t)one.end);
    }
}

/* 2^60 chunks of one length and one behind them: two runs. */
static void long_runs_cost_nothing(void **state)
{
    (void)state;
    const tsri_grid_edges edges[] = {{4, INT64_C(1) << 59}, {4, INT64_C(1) << 59}, {100, 1}};
    const tsri_grid_cut cut = {0, edges, 3};
    const int64_t length = (INT64_C(1) << 62) + 50;
    tsri_grid *grid = NULL;

    assert_int_equal(tsri_grid_new(1, &length, &cut, &grid, NULL), 0);
    assert_int_equal(grid->axes[0].run_count, 2);
    assert_int_equal(grid->axes[0].count, (INT64_C(1) << 60) + 1);
    assert_int_equal(tsri_grid_chunk_at(grid, 0, length - 1), INT64_C(1) << 60);
    assert_int_equal(tsri_grid_start(grid, 0, INT64_C(1) << 60), INT64_C(1) << 62);
    assert_int_equal(tsri_grid_chunk_at(grid, 0, (INT64_C(1) << 62) - 1), (INT64_C(1) << 60) - 1);
    int64_t inside;
    tsri_grid_inside(grid, (const int64_t[]){INT64_C(1) << 60}, &inside);
    assert_int_equal(inside, 50);
    tsri_grid_unref(grid);
}

static void chunks_that_pass_the_range_of_numbers_are_refused(void **state)
{
    (void)state;
    const tsri_grid_edges rows[][2] = {{{INT64_MAX, 2}, {1, 1}}, {{INT64_MAX, 1}, {1, 1}}};
    for (size_t i = 0; i < TSRI_COUNT(rows); i++) {
        const tsri_grid_cut cut = {0, rows[i], 2};
        tsri_grid *grid = NULL;
        tsr_error err = TSR_ERROR_INIT;
        assert_int_equal(tsri_grid_new(1, (const int64_t[]){5}, &cut, &grid, &err), TSR_LIMIT);
        assert_null(grid);
    }
}

static int parse(const char *axes, int rank, const int64_t *shape, tsri_grid **ret_grid,
                 tsr_error *err)
{
    tsri_json *list = NULL;
    assert_int_equal(tsr_json_parse(axes, strlen(axes), TSR_JSON_STRICT, 0, &list, NULL), 0);
    int status = tsri_grid_parse_axes(list, "/e", rank, shape, ret_grid, err);
    json_object_put(list);
    return status;
}

static void assert_printed(const tsri_grid *grid, const char *expected)
{
    tsr_auto(tsri_output) text = TSRI_OUTPUT_INIT(SIZE_MAX);
    assert_int_equal(tsri_grid_print_axes(grid, &text, NULL), 0);
    assert_int_equal(tsr_output_append(&text, "", 1, NULL), 0);
    assert_string_equal(text.data, expected);
}

/* The five ways of the registry's text to cut an axis of 6, and what comes back. */
static void the_forms_of_the_registry_are_read(void **state)
{
    (void)state;
    const int64_t shape[] = {6, 6, 6, 6, 6, 6};
    tsri_grid *grid = NULL;

    assert_int_equal(parse("[[[2,3]],[[1,6]],[1,[2,1],3],[[1,3],3],[6],4]", 6, shape, &grid, NULL),
                     0);
    const int64_t counts[] = {3, 6, 3, 4, 1, 2};
    for (int axis = 0; axis < 6; axis++)
        assert_int_equal(grid->axes[axis].count, counts[axis]);
    assert_int_equal(tsri_grid_start(grid, 2, 2), 3);
    assert_int_equal(tsri_grid_start(grid, 3, 3), 3);
    assert_printed(grid, "[[[2,3]],[[1,6]],[1,2,3],[[1,3],3],[6],4]");
    int64_t largest[6];
    tsri_grid_largest(grid, largest);
    const int64_t longest[] = {2, 1, 3, 3, 6, 4};
    for (int axis = 0; axis < 6; axis++)
        assert_int_equal(largest[axis], longest[axis]);
    tsri_grid_unref(grid);
}

static void what_is_no_grid_is_refused_by_pointer(void **state)
{
    (void)state;
    static const struct {
        const char *axes;
        int status;
        const char *message;
    } rows[] = {
        {"{}", TSR_BAD_METADATA, "/e: must be an array"},
        {"[]", TSR_BAD_METADATA, "/e: 0 entries for the 1 axes"},
        {"[[6],[6]]", TSR_BAD_METADATA, "/e: 2 entries for the 1 axes"},
        {"[0]", TSR_BAD_METADATA, "/e/0: must be an integer from 1"},
        {"[-3]", TSR_BAD_METADATA, "/e/0: must be an integer from 1"},
        {"[\"6\"]", TSR_BAD_METADATA, "/e/0: must be a length or a list"},
        {"[[]]", TSR_BAD_METADATA, "/e: the chunks of axis 0 end at 0, the array at 6"},
        {"[[5]]", TSR_BAD_METADATA, "/e: the chunks of axis 0 end at 5, the array at 6"},
        {"[[0,6]]", TSR_BAD_METADATA, "/e/0/0: must be an integer from 1"},
        {"[[6,2.5]]", TSR_BAD_METADATA, "/e/0/1: must be a length or a run"},
        {"[[[2]]]", TSR_BAD_METADATA, "/e/0/0: a run is [length, count]"},
        {"[[[2,3,1]]]", TSR_BAD_METADATA, "/e/0/0: a run is [length, count]"},
        {"[[[2,0]]]", TSR_BAD_METADATA, "/e/0/0/1: must be an integer from 1"},
        {"[[[2,[3]]]]", TSR_BAD_METADATA, "/e/0/0/1: must be an integer from 1"},
        {"[[[2,9223372036854775807]]]", TSR_LIMIT, "/e: the chunks of axis 0 end beyond 2^63-1"},
        {"[18446744073709551615]", TSR_BAD_METADATA, "/e/0: must be an integer from 1"},
    };
    for (size_t i = 0; i < TSRI_COUNT(rows); i++) {
        tsri_grid *grid = NULL;
        tsr_error err = TSR_ERROR_INIT;
        assert_int_equal(parse(rows[i].axes, 1, (const int64_t[]){6}, &grid, &err), rows[i].status);
        assert_null(grid);
        if (strncmp(err.message, rows[i].message, strlen(rows[i].message)) != 0)
            fail_msg("%s: \"%s\" does not begin with \"%s\"", rows[i].axes, err.message,
                     rows[i].message);
    }
}

/* Lengths may go on behind the end of the array; an array may be empty. */
static void lengths_behind_the_end_are_kept(void **state)
{
    (void)state;
    tsri_grid *grid = NULL;
    assert_int_equal(parse("[[4,4,[8,3]]]", 1, (const int64_t[]){5}, &grid, NULL), 0);
    assert_int_equal(grid->axes[0].count, 2);
    assert_int_equal(grid->axes[0].longest, 8);
    assert_printed(grid, "[[[4,2],[8,3]]]");
    tsri_grid_unref(grid);
    grid = NULL;
    assert_int_equal(parse("[[]]", 1, (const int64_t[]){0}, &grid, NULL), 0);
    assert_int_equal(grid->axes[0].count, 0);
    assert_printed(grid, "[[]]");
    tsri_grid_unref(grid);
}

static void other_shapes_add_chunks_and_drop_none(void **state)
{
    (void)state;
    static const struct {
        const char *before;
        int64_t from, to, multiple;
        const char *after;
    } rows[] = {
        {"[[4,8]]", 12, 3, 1, "[[4,8]]"},          {"[[4,8]]", 10, 12, 1, "[[4,8]]"},
        {"[[4,8]]", 12, 13, 1, "[[4,8,1]]"},       {"[[4,8]]", 12, 20, 1, "[[4,[8,2]]]"},
        {"[[4,8]]", 12, 100, 1, "[[4,[8,12]]]"},   {"[[4,8]]", 12, 33, 4, "[[4,[8,3],8]]"},
        {"[[8,4]]", 12, 33, 4, "[[8,4,[8,2],8]]"}, {"[5]", 12, 33, 1, "[5]"},
    };
    for (size_t i = 0; i < TSRI_COUNT(rows); i++) {
        tsri_grid *grid = NULL, *other = NULL;
        assert_int_equal(parse(rows[i].before, 1, &rows[i].from, &grid, NULL), 0);
        assert_int_equal(tsri_grid_reshaped(grid, &rows[i].to, &rows[i].multiple, &other, NULL), 0);
        assert_int_equal(other->shape[0], rows[i].to);
        assert_true(tsri_grid_agrees(grid, other));
        tsr_auto(tsri_output) text = TSRI_OUTPUT_INIT(SIZE_MAX);
        assert_int_equal(tsri_grid_print_axes(other, &text, NULL), 0);
        tsri_grid_unref(grid);
        tsri_grid_unref(other);
        /* Read once more, so that runs that touch are written as one. */
        tsri_grid *expected = NULL;
        assert_int_equal(parse(rows[i].after, 1, &rows[i].to, &expected, NULL), 0);
        assert_int_equal(tsr_output_append(&text, "", 1, NULL), 0);
        assert_printed(expected, text.data);
        tsri_grid_unref(expected);
    }
}

static void grids_are_compared_by_where_chunks_lie(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        int64_t a_length, b_length;
        bool agree;
    } rows[] = {
        {"[4]", "[[4,4,4]]", 12, 12, true},           {"[4]", "[[4,4,5]]", 12, 12, false},
        {"[[4,4,5]]", "[[4,[4,1],5]]", 12, 12, true}, {"[4]", "[[4,4,5]]", 12, 8, true},
        {"[[3,3]]", "[[3,3,9]]", 6, 15, true},        {"[[6]]", "[[3,3]]", 6, 6, false},
    };
    for (size_t i = 0; i < TSRI_COUNT(rows); i++) {
        tsri_grid *a = NULL, *b = NULL;
        assert_int_equal(parse(rows[i].a, 1, &rows[i].a_length, &a, NULL), 0);
        assert_int_equal(parse(rows[i].b, 1, &rows[i].b_length, &b, NULL), 0);
        assert_int_equal(tsri_grid_agrees(a, b), rows[i].agree);
        assert_int_equal(tsri_grid_equal(a, b),
                         rows[i].agree && rows[i].a_length == rows[i].b_length);
        tsri_grid_unref(a);
        tsri_grid_unref(b);
    }
}

/* [10] and [[2,3,4]] over 25 x 7: chunks of 10 x 2, 10 x 3 and 10 x 4, the last ones cut. */
static void boxes_are_walked_in_c_order_to_the_end(void **state)
{
    static const int64_t array_shape[2] = {25, 7};
    static const int64_t starts[2][3] = {{0, 10, 20}, {0, 2, 5}};
    static const int64_t lengths[2][3] = {{10, 10, 10}, {2, 3, 4}};
    static const int64_t inside[2][3] = {{10, 10, 5}, {2, 3, 2}};
    int64_t chunk[2] = {0, 0}, start[2], shape[2];
    tsri_grid *grid = NULL;
    (void)state;
    assert_int_equal(parse("[10,[2,3,4]]", 2, array_shape, &grid, NULL), 0);
    for (int64_t i = 0; i < 9; i++) {
        assert_int_equal(chunk[0], i / 3);
        assert_int_equal(chunk[1], i % 3);
        assert_true(tsri_grid_has(grid, chunk));
        tsri_grid_box(grid, chunk, start, shape);
        for (int axis = 0; axis < 2; axis++) {
            assert_int_equal(start[axis], starts[axis][chunk[axis]]);
            assert_int_equal(shape[axis], lengths[axis][chunk[axis]]);
        }
        tsri_grid_inside(grid, chunk, shape);
        for (int axis = 0; axis < 2; axis++)
            assert_int_equal(shape[axis], inside[axis][chunk[axis]]);
        assert_int_equal(tsri_grid_next(grid, chunk), i < 8);
    }
    assert_int_equal(chunk[0], 0);
    assert_int_equal(chunk[1], 0);
    tsri_grid_largest(grid, shape);
    assert_int_equal(shape[0], 10);
    assert_int_equal(shape[1], 4);
    static const int64_t others[][2] = {{-1, 0}, {0, -1}, {3, 0}, {0, 3}};
    for (size_t i = 0; i < TSRI_COUNT(others); i++)
        assert_false(tsri_grid_has(grid, others[i]));
    tsri_grid_unref(grid);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(positions_and_chunks_agree_with_counting),
        cmocka_unit_test(long_runs_cost_nothing),
        cmocka_unit_test(chunks_that_pass_the_range_of_numbers_are_refused),
        cmocka_unit_test(the_forms_of_the_registry_are_read),
        cmocka_unit_test(what_is_no_grid_is_refused_by_pointer),
        cmocka_unit_test(lengths_behind_the_end_are_kept),
        cmocka_unit_test(other_shapes_add_chunks_and_drop_none),
        cmocka_unit_test(grids_are_compared_by_where_chunks_lie),
        cmocka_unit_test(boxes_are_walked_in_c_order_to_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
