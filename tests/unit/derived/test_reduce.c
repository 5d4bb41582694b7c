/* Proves of the arithmetic: every method on blocks of every form equals its definition, carried out
 * one element after the other; rounding and overflow are those of exact numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "derived/reduce.h"
#include "support/random_view.h"

enum { RANK_MAX = 4, COUNT_MAX = 4000 };

static int compare_doubles(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return left < right ? -1 : left > right;
}

/* By the words of tessera/derived.h. Means of small integers are exact as doubles. */
static double by_definition(tsr_downsample_method method, double *values, int count, bool is_whole)
{
    double sum = 0, mode = 0;
    int most = 0;
    qsort(values, (size_t)count, sizeof *values, compare_doubles);
    for (int i = 0; i < count; i++) {
        int same = 0;
        for (int k = 0; k < count; k++)
            same += values[k] == values[i];
        if (same > most) {
            most = same;
            mode = values[i];
        }
        sum += values[i];
    }
    switch (method) {
    case TSR_DOWNSAMPLE_MEAN:
        return is_whole ? nearbyint(sum / count) : sum / count;
    case TSR_DOWNSAMPLE_MEDIAN:
        return values[(count - 1) / 2];
    case TSR_DOWNSAMPLE_MODE:
        return mode;
    case TSR_DOWNSAMPLE_MIN:
        return values[0];
    default:
        return values[count - 1];
    }
}

typedef struct blocks {
    int rank;
    int64_t shape[RANK_MAX], factors[RANK_MAX], results[RANK_MAX];
    double values[COUNT_MAX], block[COUNT_MAX];
} blocks;

/* The elements of the block at `result` into self->block. */
static int gather(blocks *self, const int64_t *result)
{
    int64_t first[RANK_MAX], count[RANK_MAX], at[RANK_MAX] = {0};
    int found = 0;
    for (int axis = 0; axis < self->rank; axis++) {
        first[axis] = result[axis] * self->factors[axis];
        count[axis] = self->shape[axis] - first[axis];
        if (count[axis] > self->factors[axis])
            count[axis] = self->factors[axis];
    }
    do {
        int64_t number = 0;
        for (int axis = 0; axis < self->rank; axis++)
            number = number * self->shape[axis] + first[axis] + at[axis];
        self->block[found++] = self->values[number];
    } while (tests_next_position(self->rank, count, at));
    return found;
}

static void check_blocks(blocks *self, const tsr_dtype *dtype, tests_random *random)
{
    static char elements[COUNT_MAX * 8], results[COUNT_MAX * 8];
    bool is_whole = dtype->kind != TSR_KIND_FLOAT;
    int64_t total = 1;
    tsr_view wide, view;
    for (int axis = 0; axis < self->rank; axis++)
        total *= self->shape[axis];
    for (int64_t i = 0; i < total; i++)
        self->values[i] = dtype->kind == TSR_KIND_BOOL
                              ? (double)tests_random_below(random, 2)
                              : (double)tests_random_below(random, 100) -
                                    (dtype->kind == TSR_KIND_SIGNED ? 50 : 0);
    tsr_view_init(&wide, TSR_FLOAT64, self->rank, self->shape, self->values, NULL);
    tsr_view_init(&view, dtype, self->rank, self->shape, elements, NULL);
    assert_int_equal(tsr_view_copy(&view, &wide, TSR_CASTING_UNSAFE, NULL), 0);
    for (int method = TSR_DOWNSAMPLE_MEAN; method <= TSR_DOWNSAMPLE_MAX; method++) {
        tsri_reducer reducer;
        int64_t position[RANK_MAX] = {0};
        const char *at = results;
        assert_int_equal(tsri_reducer_init(&reducer, method, dtype, NULL), 0);
        assert_int_equal(
            tsri_reduce(&reducer, self->rank, self->shape, self->factors, elements, results, NULL),
            0);
        do {
            int count = gather(self, position);
            double be = by_definition(method, self->block, count, is_whole);
            double is = tsr_dtype_to_double(dtype, at);
            if (dtype == TSR_FLOAT32)
                be = (double)(float)be;
            if (is != be)
                tests_random_fail(random, "%s, method %d: %g, not %g", dtype->name, method, is, be);
            at += dtype->size_bytes;
        } while (tests_next_position(self->rank, self->results, position));
    }
}

static void every_method_is_its_definition(void **state)
{
    (void)state;
    static blocks self;
    const tsr_dtype *const types[] = {TSR_UINT8, TSR_INT16,   TSR_FLOAT32, TSR_INT64,
                                      TSR_BOOL,  TSR_FLOAT64, TSR_UINT64,  TSR_INT32};
    tests_random random;
    tests_random_init(&random);
    for (int round = 0; round < 160; round++) {
        self.rank = tests_random_shape(&random, RANK_MAX, COUNT_MAX, false, self.shape);
        for (int axis = 0; axis < self.rank; axis++) {
            self.factors[axis] =
                1 + tests_random_below(&random, 4) * tests_random_below(&random, 2);
            if (tests_random_below(&random, 9) == 0)
                self.factors[axis] = INT64_MAX; /* all of it */
            self.results[axis] = (self.shape[axis] - 1) / self.factors[axis] + 1;
        }
        check_blocks(&self, types[round % 8], &random);
    }
}

/* Rows that are longer than a strip, and much that lies together behind the axis. */
static void long_rows_are_cut(void **state)
{
    (void)state;
    static const struct {
        int64_t shape[2], factors[2];
    } forms[] = {{{1, 4000}, {1, 3}}, {{2, 2000}, {2, 7}},  {{3, 1300}, {2, 1}},
                 {{40, 100}, {3, 1}}, {{60, 63}, {7, 1}},   {{1, 4000}, {1, 3000}},
                 {{800, 5}, {5, 5}},  {{4000, 1}, {64, 1}}, {{50, 80}, {50, 80}}};
    static blocks self;
    tests_random random;
    tests_random_init(&random);
    self.rank = 2;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        for (int axis = 0; axis < 2; axis++) {
            self.shape[axis] = forms[i].shape[axis];
            self.factors[axis] = forms[i].factors[axis];
            self.results[axis] = (self.shape[axis] - 1) / self.factors[axis] + 1;
        }
        check_blocks(&self, TSR_INT16, &random);
        check_blocks(&self, TSR_UINT64, &random);
        check_blocks(&self, TSR_FLOAT64, &random);
    }
}

static void mean(const tsr_dtype *dtype, int64_t count, const void *elements, void *ret_mean)
{
    tsri_reducer reducer;
    assert_int_equal(tsri_reducer_init(&reducer, TSR_DOWNSAMPLE_MEAN, dtype, NULL), 0);
    assert_int_equal(tsri_reduce(&reducer, 1, &count, &count, elements, ret_mean, NULL), 0);
}

static void means_of_integers_are_exact(void **state)
{
    (void)state;
    static const int64_t most[] = {INT64_MAX, INT64_MAX, INT64_MAX - 3},
                         least[] = {INT64_MIN, INT64_MIN, INT64_MIN + 1},
                         both[] = {INT64_MIN, INT64_MAX};
    static const uint64_t large[] = {UINT64_MAX, UINT64_MAX - 2};
    int64_t whole;
    uint64_t natural;
    mean(TSR_INT64, 3, most, &whole);
    assert_true(whole == INT64_MAX - 1);
    mean(TSR_INT64, 3, least, &whole);
    assert_true(whole == INT64_MIN);
    mean(TSR_INT64, 2, both, &whole); /* -0.5 */
    assert_true(whole == 0);
    mean(TSR_UINT64, 2, large, &natural);
    assert_true(natural == UINT64_MAX - 1);
    /* Halves go to even, below 0 too; numpy.rint says the same. */
    static const int8_t halves[][2] = {{0, 1}, {1, 2}, {2, 3}, {-1, 0}, {-2, -1}, {-3, -2}};
    static const int8_t even[] = {0, 2, 2, 0, -2, -2};
    for (int i = 0; i < 6; i++) {
        int8_t is;
        mean(TSR_INT8, 2, halves[i], &is);
        assert_int_equal(is, even[i]);
    }
    static const int8_t sixths[] = {-1, -1, -1, 0, 0, 0}, thirds[] = {-1, -1, 0};
    int8_t is;
    mean(TSR_INT8, 6, sixths, &is);
    assert_int_equal(is, 0);
    mean(TSR_INT8, 3, thirds, &is);
    assert_int_equal(is, -1);
    static const uint8_t ones[] = {255, 255, 255, 254, 255, 255, 255};
    uint8_t byte;
    mean(TSR_UINT8, 7, ones, &byte);
    assert_int_equal(byte, 255);
}

static void nan_is_not_lost(void **state)
{
    (void)state;
    const float values[] = {1, NAN, 3, 3, 2, 3};
    static const int64_t count = 6, factor = 2;
    for (int method = TSR_DOWNSAMPLE_MEAN; method <= TSR_DOWNSAMPLE_MAX; method++) {
        tsri_reducer reducer;
        float results[3];
        assert_int_equal(tsri_reducer_init(&reducer, method, TSR_FLOAT32, NULL), 0);
        assert_int_equal(tsri_reduce(&reducer, 1, &count, &factor, values, results, NULL), 0);
        assert_true(method == TSR_DOWNSAMPLE_MODE ? results[0] == 1 : isnan(results[0]));
        assert_true(results[1] == 3);
    }
    const float mostly[] = {NAN, -NAN, 5};
    tsri_reducer reducer;
    float result;
    assert_int_equal(tsri_reducer_init(&reducer, TSR_DOWNSAMPLE_MODE, TSR_FLOAT32, NULL), 0);
    assert_int_equal(tsri_reduce(&reducer, 1, &(int64_t){3}, &(int64_t){3}, mostly, &result, NULL),
                     0);
    assert_true(isnan(result));
}

static void complex_numbers_and_bytes(void **state)
{
    (void)state;
    static const float numbers[][2] = {{1, 2}, {3, -2}, {5, 5}, {5, 5}, {0, 1}, {2, 2}};
    static const int64_t shape[] = {2, 3}, factors[] = {2, 2};
    float means[2][2];
    tsri_reducer reducer;
    const tsr_dtype *raw = NULL;
    char result[3];
    assert_int_equal(tsri_reducer_init(&reducer, TSR_DOWNSAMPLE_MEAN, TSR_COMPLEX64, NULL), 0);
    assert_int_equal(tsri_reduce(&reducer, 2, shape, factors, numbers, means, NULL), 0);
    assert_true(means[0][0] == 2.25f && means[0][1] == 1.5f);
    assert_true(means[1][0] == 3.5f && means[1][1] == 3.5f);
    assert_int_equal(tsri_reducer_init(&reducer, TSR_DOWNSAMPLE_MODE, TSR_COMPLEX64, NULL), 0);
    assert_int_equal(tsri_reduce(&reducer, 2, shape, factors, numbers, means, NULL), 0);
    assert_true(means[0][0] == 0 && means[0][1] == 1);
    assert_int_equal(tsr_dtype_raw(1, &raw, NULL), 0);
    assert_int_equal(tsri_reducer_init(&reducer, TSR_DOWNSAMPLE_MODE, raw, NULL), 0);
    assert_int_equal(
        tsri_reduce(&reducer, 1, &(int64_t){8}, &(int64_t){3}, "abbcacyx", result, NULL), 0);
    assert_memory_equal(result, "bcx", 3);
    tsr_error err = TSR_ERROR_INIT;
    static const tsr_downsample_method ordered[] = {TSR_DOWNSAMPLE_MEDIAN, TSR_DOWNSAMPLE_MIN,
                                                    TSR_DOWNSAMPLE_MAX};
    for (int i = 0; i < 3; i++)
        assert_int_equal(tsri_reducer_init(&reducer, ordered[i], TSR_COMPLEX64, &err),
                         TSR_TYPE_MISMATCH);
    assert_int_equal(tsri_reducer_init(&reducer, TSR_DOWNSAMPLE_MEAN, raw, &err),
                     TSR_TYPE_MISMATCH);
    assert_int_equal(tsri_reducer_init(&reducer, TSR_DOWNSAMPLE_MODE, TSR_STRING, &err),
                     TSR_TYPE_MISMATCH);
    tsr_dtype_unref(raw);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_method_is_its_definition), cmocka_unit_test(long_rows_are_cut),
        cmocka_unit_test(means_of_integers_are_exact),    cmocka_unit_test(nan_is_not_lost),
        cmocka_unit_test(complex_numbers_and_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
