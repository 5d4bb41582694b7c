/* Proves that a selection of a selection names the elements that the two name one after the other,
 * that plain ones need no memory, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/random_index.h"

static void composed_is_one_after_the_other(void **state)
{
    tests_random random;
    (void)state;
    tests_random_init(&random);
    for (int round = 0; round < 3000; round++) {
        int64_t shape[TSR_RANK_MAX], middle[TSR_RANK_MAX], result[TSR_RANK_MAX];
        int64_t at[TSR_RANK_MAX] = {0}, between[TSR_RANK_MAX], once[TSR_RANK_MAX],
                twice[TSR_RANK_MAX];
        int rank = tests_random_shape(&random, 3, 300, true, shape);
        tsr_index first, second, both;
        tests_random_index(&random, rank, shape, 5, 4, &first);
        int middle_rank = tsr_index_shape(&first, middle);
        tests_random_index(&random, middle_rank, middle, 7, 4, &second);
        assert_int_equal(tsr_index_compose(&both, &first, &second, NULL), 0);
        int result_rank = tsr_index_shape(&both, result);
        assert_int_equal(result_rank, tsr_index_shape(&second, twice));
        assert_memory_equal(result, twice, (size_t)result_rank * sizeof *result);
        bool more = tsr_index_count(&both) > 0;
        for (; more; more = tests_next_position(result_rank, result, at)) {
            tsr_index_locate(&both, at, once);
            tsr_index_locate(&second, at, between);
            tsr_index_locate(&first, between, twice);
            if (memcmp(once, twice, (size_t)rank * sizeof *once) != 0)
                tests_random_fail(&random, "round %d", round);
        }
        tsr_index_clear(&first);
        tsr_index_clear(&second);
        tsr_index_clear(&both);
    }
}

static void transposing_moves_axes(void **state)
{
    static const int64_t shape[] = {4, 5, 6};
    tsr_index index, turned, back;
    int64_t lengths[TSR_RANK_MAX], element[3];
    tsr_error err = TSR_ERROR_INIT;
    (void)state;
    assert_int_equal(tsr_index_parse(&index, "::-1, [4, 0, 4], None", 3, shape, NULL), 0);
    assert_int_equal(tsr_index_transpose(&turned, &index, (const int[]){3, 1, 2, 0}, NULL), 0);
    assert_int_equal(tsr_index_shape(&turned, lengths), 4);
    assert_true(lengths[0] == 6 && lengths[1] == 3 && lengths[2] == 1 && lengths[3] == 4);
    tsr_index_locate(&turned, (const int64_t[]){5, 1, 0, 1}, element);
    assert_true(element[0] == 2 && element[1] == 0 && element[2] == 5);
    assert_int_equal(tsr_index_array_axis(&turned, 0), 2);
    assert_int_equal(tsr_index_array_axis(&turned, 1), -1);
    assert_int_equal(tsr_index_array_axis(&turned, 2), -1);
    assert_int_equal(tsr_index_array_axis(&turned, 3), 0);
    assert_int_equal(tsr_index_transpose(&back, &turned, (const int[]){3, 1, 1, 0}, &err),
                     TSR_INVALID_ARGUMENT);
    assert_int_equal(tsr_index_transpose(&back, &turned, (const int[]){3, 1, 4, 0}, &err),
                     TSR_INVALID_ARGUMENT);
    tsr_index_clear(&index);
    tsr_index_clear(&turned);
}

/* The order of axes comes back, and with it the plain form. */
static void plain_ones_own_nothing(void **state)
{
    static const int64_t shape[] = {4, 5, 6};
    tsr_index index, turned, back, part;
    (void)state;
    assert_int_equal(tsr_index_parse(&index, "1:, 3, ::-2", 3, shape, NULL), 0);
    assert_null(index.layout);
    assert_int_equal(tsr_index_transpose(&turned, &index, (const int[]){1, 0}, NULL), 0);
    assert_non_null(turned.layout);
    assert_int_equal(tsr_index_transpose(&back, &turned, (const int[]){1, 0}, NULL), 0);
    assert_null(back.layout);
    assert_int_equal(back.axes[2].step, -2);
    tsr_index_clear(&turned);
    assert_int_equal(tsr_index_parse(&part, "1, 1:", 2, (const int64_t[]){3, 3}, NULL), 0);
    assert_int_equal(tsr_index_compose(&turned, &index, &part, NULL), 0);
    assert_null(turned.layout);
    assert_true(turned.axes[0].kind == TSR_INDEX_POSITION && turned.axes[0].start == 2);
    assert_true(turned.axes[2].start == 3 && turned.axes[2].count == 2 &&
                turned.axes[2].step == -2);
}

static void what_leaves_the_result_is_refused(void **state)
{
    static const int64_t shape[] = {4, 5, 6}, larger[] = {7, 5};
    tsr_index first, second, both;
    tsr_error err = TSR_ERROR_INIT;
    (void)state;
    assert_int_equal(tsr_index_parse(&first, "[0, 3, 1, 1, 2], :, 0", 3, shape, NULL), 0);
    tsr_index_all(&second, 1, larger);
    assert_int_equal(tsr_index_compose(&both, &first, &second, &err), TSR_INVALID_ARGUMENT);
    tsr_index_all(&second, 2, larger);
    assert_int_equal(tsr_index_compose(&both, &first, &second, &err), TSR_OUT_OF_BOUNDS);
    assert_int_equal(tsr_index_parse(&second, "[6, 0]", 2, larger, NULL), 0);
    assert_int_equal(tsr_index_compose(&both, &first, &second, &err), TSR_OUT_OF_BOUNDS);
    tsr_index_clear(&first);
    tsr_index_clear(&second);
}

/* Steps near 2^63: a range of one element or none has no step that could overflow. */
static void long_steps_do_not_overflow(void **state)
{
    static const int64_t shape[] = {INT64_MAX};
    tsr_index first, second, both;
    (void)state;
    assert_int_equal(tsr_index_parse(&first, "::9223372036854775806", 1, shape, NULL), 0);
    for (int i = 0; i < 3; i++) {
        static const char *const parts[] = {"1", "2:", "1::9223372036854775807"};
        static const int64_t two[] = {2};
        assert_int_equal(tsr_index_parse(&second, parts[i], 1, two, NULL), 0);
        assert_int_equal(tsr_index_compose(&both, &first, &second, NULL), 0);
        assert_true(i == 1 ? tsr_index_count(&both) == 0 : both.axes[0].start == INT64_MAX - 1);
    }
}

static void references_are_counted(void **state)
{
    static const int64_t shape[] = {4};
    tsr_index index, copy;
    int64_t element;
    (void)state;
    assert_int_equal(tsr_index_parse(&index, "[3, 0, 0]", 1, shape, NULL), 0);
    tsr_index_copy(&copy, &index);
    tsr_index_clear(&index);
    assert_int_equal(tsr_index_count(&index), 1);
    tsr_index_locate(&copy, (const int64_t[]){0}, &element);
    assert_int_equal(element, 3);
    tsr_index_clear(&copy);
    tsr_index_clear(&copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(composed_is_one_after_the_other),
        cmocka_unit_test(transposing_moves_axes),
        cmocka_unit_test(plain_ones_own_nothing),
        cmocka_unit_test(what_leaves_the_result_is_refused),
        cmocka_unit_test(long_steps_do_not_overflow),
        cmocka_unit_test(references_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
