/* Proves what terms select: examples worked out by NumPy, and refusals. Random selections of every
 * kind are compared with NumPy in tests/interop/test_selections.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <tessera/index.h>

static const int64_t shape[] = {3, 4, 5};

/* Shapes and elements of numpy.arange(60).reshape(3, 4, 5)[text]. */
static const struct {
    tsr_index_mode mode;
    const char *text;
    int rank;
    int64_t result[5];
    int64_t count, elements[8]; /* the first ones */
} cases[] = {
    {TSR_INDEX_NUMPY, "[2, 0], [1, 1]", 2, {2, 5}, 10, {45, 46, 47, 48, 49, 5, 6, 7}},
    {TSR_INDEX_NUMPY, ":, [3, 0, 3], [0, 4, 1]", 2, {3, 3}, 9, {15, 4, 16, 35, 24, 36, 55, 44}},
    /* Neighbours, or not: where the axis of the lists stands. */
    {TSR_INDEX_NUMPY, "0, :, [1, 3, 4]", 2, {3, 4}, 12, {1, 6, 11, 16, 3, 8, 13, 18}},
    {TSR_INDEX_NUMPY, ":, 0, [1, 3, 4]", 2, {3, 3}, 9, {1, 3, 4, 21, 23, 24, 41, 43}},
    {TSR_INDEX_NUMPY, "[0, 2, 2], None, 1", 3, {3, 1, 5}, 15, {5, 6, 7, 8, 9, 45, 46, 47}},
    {TSR_INDEX_ORTHOGONAL, "0, :, [1, 3, 4]", 2, {4, 3}, 12, {1, 3, 4, 6, 8, 9, 11, 13}},
    {TSR_INDEX_ORTHOGONAL, "[2, 0], [1, 1, 0], 4", 2, {2, 3}, 6, {49, 49, 44, 9, 9, 4}},
    {TSR_INDEX_POINTWISE, ":, [3, 0, 3], [0, 4, 1]", 2, {3, 3}, 9, {15, 35, 55, 4, 24, 44, 16, 36}},
    {TSR_INDEX_NUMPY, "[True, False, True], 3, ::-2", 2, {2, 3}, 6, {19, 17, 15, 59, 57, 55}},
    {TSR_INDEX_NUMPY, "[], 0", 2, {0, 5}, 0, {0}},
    {TSR_INDEX_NUMPY, "..., None, [0, 0, 1]", 4, {3, 4, 1, 3}, 36, {0, 0, 1, 5, 5, 6, 10, 10}},
};

static void terms_select_what_numpy_selects(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tsr_index_parse_options options;
        tsr_index index;
        int64_t lengths[TSR_RANK_MAX], position[TSR_RANK_MAX] = {0}, element[3];
        tsr_index_parse_options_init(&options);
        options.mode = cases[i].mode;
        assert_int_equal(tsr_index_parse_with(&index, cases[i].text, 3, shape, &options, NULL), 0);
        assert_int_equal(tsr_index_shape(&index, lengths), cases[i].rank);
        assert_memory_equal(lengths, cases[i].result, (size_t)cases[i].rank * sizeof *lengths);
        assert_int_equal(tsr_index_count(&index), cases[i].count);
        for (int64_t at = 0; at < cases[i].count && at < 8; at++) {
            int64_t rest = at;
            for (int axis = cases[i].rank - 1; axis >= 0; axis--) {
                position[axis] = rest % lengths[axis];
                rest /= lengths[axis];
            }
            tsr_index_locate(&index, position, element);
            if (element[0] * 20 + element[1] * 5 + element[2] != cases[i].elements[at])
                fail_msg("%s: element %d", cases[i].text, (int)at);
        }
        tsr_index_clear(&index);
    }
}

static tsr_view int_list(const tsr_dtype *dtype, void *elements, int64_t count)
{
    tsr_view view;
    assert_int_equal(tsr_view_init(&view, dtype, 1, &count, elements, NULL), 0);
    return view;
}

/* Lists of any integer type, at any stride. */
static void lists_may_have_any_type(void **state)
{
    int8_t bytes[] = {-1, 9, 0, 9};
    uint64_t large[] = {2, UINT64_MAX};
    tsr_view strided = int_list(TSR_INT8, bytes, 2), wide = int_list(TSR_UINT64, large, 1);
    tsr_index_term terms[] = {{.kind = TSR_TERM_LIST, .list = &wide},
                              {.kind = TSR_TERM_LIST, .list = &strided}};
    tsr_error err = TSR_ERROR_INIT;
    tsr_index index;
    int64_t element[3];
    (void)state;
    strided.strides[0] = 2;
    assert_int_equal(tsr_index_select(&index, 3, shape, terms, 2, TSR_INDEX_NUMPY, &err), 0);
    tsr_index_locate(&index, (const int64_t[]){0, 4}, element);
    assert_true(element[0] == 2 && element[1] == 3 && element[2] == 4);
    tsr_index_locate(&index, (const int64_t[]){1, 0}, element);
    assert_true(element[0] == 2 && element[1] == 0 && element[2] == 0);
    tsr_index_clear(&index);
    wide.data += 8; /* does not fit an int64 */
    assert_int_equal(tsr_index_select(&index, 3, shape, terms, 2, TSR_INDEX_NUMPY, &err),
                     TSR_OUT_OF_BOUNDS);
    assert_non_null(strstr(err.message, "item 1"));
}

static void refusals_name_the_item(void **state)
{
    double reals[] = {0};
    bool truths[] = {true, false, true};
    int64_t numbers[] = {0, 3, 1};
    tsr_view real = int_list(TSR_FLOAT64, reals, 1), mask = int_list(TSR_BOOL, truths, 3);
    tsr_view list = int_list(TSR_INT64, numbers, 3), pair = int_list(TSR_INT64, numbers, 2);
    tsr_view scalar_mask = mask;
    scalar_mask.rank = 0;
    const struct {
        tsr_index_term terms[4];
        size_t count;
        int status;
        const char *words;
    } refused[] = {
        {{{.kind = TSR_TERM_LIST, .list = &real}},
         1,
         TSR_INVALID_ARGUMENT,
         "item 1: a list of float64"},
        {{{.kind = TSR_TERM_NEW_AXIS}, {.kind = TSR_TERM_LIST, .list = &list}},
         2,
         TSR_OUT_OF_BOUNDS,
         "item 2: position 3 is outside of axis 0, which has 3"},
        {{{.kind = TSR_TERM_POSITION}, {.kind = TSR_TERM_LIST, .list = &mask}},
         2,
         TSR_INVALID_ARGUMENT,
         "item 2: a mask of shape [3] for axes of shape [4]"},
        {{{.kind = TSR_TERM_LIST, .list = &scalar_mask}},
         1,
         TSR_INVALID_ARGUMENT,
         "item 1: a mask"},
        {{{.kind = TSR_TERM_LIST, .list = &pair}, {.kind = TSR_TERM_LIST, .list = &list}},
         2,
         TSR_OUT_OF_BOUNDS,
         "item 1: position 3"},
        {{{.kind = TSR_TERM_RANGE, .step = 0}}, 1, TSR_INVALID_ARGUMENT, "item 1: the step"},
        {{{.kind = TSR_TERM_ELLIPSIS}, {.kind = TSR_TERM_ELLIPSIS}},
         2,
         TSR_INVALID_ARGUMENT,
         "item 2"},
        {{{0},
          {.kind = TSR_TERM_POSITION},
          {.kind = TSR_TERM_POSITION},
          {.kind = TSR_TERM_POSITION}},
         4,
         TSR_INVALID_ARGUMENT,
         "item 4: more items"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        tsr_error err = TSR_ERROR_INIT;
        tsr_index index;
        int status = tsr_index_select(&index, 3, shape, refused[i].terms, refused[i].count,
                                      TSR_INDEX_NUMPY, &err);
        if (status != refused[i].status || !strstr(err.message, refused[i].words))
            fail_msg("%d: %d \"%s\"", (int)i, status, err.message);
        assert_int_equal(tsr_index_select(&index, 3, shape, refused[i].terms, refused[i].count,
                                          TSR_INDEX_NUMPY, NULL),
                         status);
    }
}

static void results_have_at_most_so_many_axes(void **state)
{
    tsr_index_term terms[TSR_RANK_MAX + 1];
    tsr_error err = TSR_ERROR_INIT;
    tsr_index index;
    (void)state;
    for (int i = 0; i <= TSR_RANK_MAX; i++)
        terms[i] = (tsr_index_term){.kind = TSR_TERM_NEW_AXIS};
    assert_int_equal(tsr_index_select(&index, 0, NULL, terms, 32, TSR_INDEX_NUMPY, &err), 0);
    tsr_index_clear(&index);
    assert_int_equal(tsr_index_select(&index, 0, NULL, terms, 33, TSR_INDEX_NUMPY, &err),
                     TSR_LIMIT);
    assert_int_equal(tsr_index_select(&index, 1, shape, terms, 32, TSR_INDEX_NUMPY, &err),
                     TSR_LIMIT);
}

static void points_are_rows(void **state)
{
    int32_t table[][2] = {{2, 3}, {0, -4}, {2, 3}};
    tsr_view points;
    tsr_index index;
    tsr_error err = TSR_ERROR_INIT;
    int64_t lengths[TSR_RANK_MAX], element[3];
    (void)state;
    assert_int_equal(tsr_view_init(&points, TSR_INT32, 2, (const int64_t[]){3, 2}, table, NULL), 0);
    assert_int_equal(tsr_index_points(&index, 3, shape, &points, &err), 0);
    assert_int_equal(tsr_index_shape(&index, lengths), 2);
    assert_true(lengths[0] == 3 && lengths[1] == 5);
    tsr_index_locate(&index, (const int64_t[]){1, 2}, element);
    assert_true(element[0] == 0 && element[1] == 0 && element[2] == 2);
    tsr_index_clear(&index);
    assert_int_equal(tsr_index_points(&index, 1, shape, &points, &err), TSR_INVALID_ARGUMENT);
    points.rank = 1;
    assert_int_equal(tsr_index_points(&index, 3, shape, &points, &err), TSR_INVALID_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(terms_select_what_numpy_selects),
        cmocka_unit_test(lists_may_have_any_type),
        cmocka_unit_test(refusals_name_the_item),
        cmocka_unit_test(results_have_at_most_so_many_axes),
        cmocka_unit_test(points_are_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
