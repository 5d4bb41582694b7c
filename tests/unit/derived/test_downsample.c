/* Proves of downsampling: every selection has the elements of its blocks, whatever the chunks; no
 * more of the source is read than is needed; what is not defined is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <math.h>

#include <cmocka.h>

#include "unit/derived/derived_testing.h"

static const array_row rows[] = {
    {.name = "raw", .rank = 2, .shape = {13, 37}, .chunk = {4, 5}, .codec = "none"},
    {.name = "zstd", .rank = 3, .shape = {7, 9, 10}, .chunk = {3, 4, 4}},
    {.name = "shards", .rank = 2, .shape = {30, 31}, .chunk = {4, 4}, .shard = {16, 8}},
    {.name = "line", .rank = 1, .shape = {100}, .chunk = {7}},
    {.name = "scalar", .rank = 0},
};

/* One block, one element after the other: means of integers, and what the others take. */
static double reduce(tsr_downsample_method method, const expected *source, const int64_t *factors,
                     const int64_t *result)
{
    int64_t count[TSR_RANK_MAX], at[TSR_RANK_MAX] = {0}, element[TSR_RANK_MAX];
    double sum = 0, least = INFINITY, most = -INFINITY, first = 0;
    int64_t total = 0;
    for (int axis = 0; axis < source->rank; axis++) {
        int64_t room = source->shape[axis] - result[axis] * factors[axis];
        count[axis] = room < factors[axis] ? room : factors[axis];
    }
    do {
        for (int axis = 0; axis < source->rank; axis++)
            element[axis] = result[axis] * factors[axis] + at[axis];
        double value = *expected_at(source, element);
        if (total++ == 0)
            first = value;
        sum += value;
        least = value < least ? value : least;
        most = value > most ? value : most;
    } while (tests_next_position(source->rank, count, at));
    return method == TSR_DOWNSAMPLE_STRIDE ? first
           : method == TSR_DOWNSAMPLE_MEAN ? nearbyint(sum / (double)total)
           : method == TSR_DOWNSAMPLE_MIN  ? least
                                           : most;
}

static void every_selection_has_the_elements_of_its_blocks(void **state)
{
    fixture *f = *state;
    static const tsr_downsample_method methods[] = {TSR_DOWNSAMPLE_STRIDE, TSR_DOWNSAMPLE_MEAN,
                                                    TSR_DOWNSAMPLE_MIN, TSR_DOWNSAMPLE_MAX};
    tests_random random;
    tests_random_init(&random);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        expected values;
        tsr_array *source = random_array(f, rows[i].name, &rows[i], TSR_UINT8, &random, &values);
        for (int method = 0; method < 4; method++) {
            int64_t factors[4], shape[4], at[4] = {0};
            tsr_array *array = NULL;
            for (int axis = 0; axis < rows[i].rank; axis++) {
                factors[axis] = 1 + tests_random_below(&random, 4);
                shape[axis] = (rows[i].shape[axis] - 1) / factors[axis] + 1;
            }
            expected whole = expected_new(rows[i].rank, shape);
            do
                *expected_at(&whole, at) = reduce(methods[method], &values, factors, at);
            while (tests_next_position(rows[i].rank, shape, at));
            good(tsr_array_downsample(source, factors, methods[method], &array, &f->err), &f->err);
            assert_string_equal(tsr_array_driver(array), "downsample");
            check_array(f, array, &whole, &random, 12);
            tsr_array_close(array);
            free(whole.values);
        }
        tsr_array_close(source);
        free(values.values);
    }
}

/* A source that says what is read of it. */
typedef struct counted {
    int64_t elements, boxes; /* atomic */
} counted;

static int count_box(void *user, const int64_t *start, const tsr_view *box, const tsr_call *call,
                     tsr_error *err)
{
    counted *self = user;
    (void)call;
    (void)err;
    __atomic_add_fetch(&self->elements, tsr_view_count(box), __ATOMIC_RELAXED);
    __atomic_add_fetch(&self->boxes, 1, __ATOMIC_RELAXED);
    for (int64_t y = 0; y < box->shape[0]; y++)
        for (int64_t x = 0; x < box->shape[1]; x++) {
            float value = (float)((start[0] + y) + (start[1] + x));
            memcpy(box->data + y * box->strides[0] + x * box->strides[1], &value, sizeof value);
        }
    return 0;
}

/* 2^60 elements: only what is asked for is worked out, and in bounded pieces. */
static void no_more_is_read_than_is_needed(void **state)
{
    fixture *f = *state;
    static const int64_t shape[] = {INT64_C(1) << 30, INT64_C(1) << 30}, chunk[] = {64, 64},
                         factors[] = {8, 4}, start[] = {1000, 2000}, count[] = {3, 5},
                         many[] = {2048, 2048};
    counted counts = {0, 0};
    tsr_virtual_options options;
    tsr_array *source = NULL, *array = NULL;
    float values[15];
    tsr_virtual_options_init(&options);
    options.dtype = TSR_FLOAT32;
    options.rank = 2;
    options.shape = shape;
    options.chunk_shape = chunk;
    options.fill = count_box;
    options.user = &counts;
    good(tsr_array_new_virtual(f->context, &options, &source, &f->err), &f->err);
    good(tsr_array_downsample(source, factors, TSR_DOWNSAMPLE_MEAN, &array, &f->err), &f->err);
    assert_int_equal(tsr_array_shape(array)[0], shape[0] / 8);
    assert_int_equal(tsr_array_shape(array)[1], shape[1] / 4);
    good(tsr_array_read(array, start, count, NULL, values, sizeof values, NULL, &f->err), &f->err);
    for (int i = 0; i < 15; i++)
        assert_true(values[i] == (float)(8 * (1000 + i / 5) + 4 * (2000 + i % 5)) + 5);
    assert_int_equal(counts.elements, 3 * 8 * 5 * 4);
    /* 512 MiB of the source. */
    float *large = malloc(sizeof(float) * 2048 * 2048);
    counts.elements = counts.boxes = 0;
    good(
        tsr_array_read(array, start, many, NULL, large, sizeof(float) * 2048 * 2048, NULL, &f->err),
        &f->err);
    assert_int_equal(counts.elements, INT64_C(2048) * 2048 * 32);
    assert_true(large[2048 * 2048 - 1] == (float)(8 * (1000 + 2047) + 4 * (2000 + 2047)) + 5);
    /* 32 MiB of it for a single row, which cannot be cut along its first axis. */
    static const int64_t row[] = {1, 1 << 18};
    counts.elements = 0;
    good(tsr_array_read(array, start, row, NULL, large, sizeof(float) << 18, NULL, &f->err),
         &f->err);
    assert_int_equal(counts.elements, INT64_C(32) << 18);
    for (int i = 0; i < 1 << 18; i++)
        assert_true(large[i] == (float)(8 * 1000 + 4 * (2000 + i)) + 5);
    free(large);
    tsr_array_close(array);
    tsr_array_close(source);
}

/* A strided sample is a selection: it costs what the selection costs. */
static void a_stride_reads_like_a_selection(void **state)
{
    fixture *f = *state;
    static const int64_t factors[] = {16, 1};
    tests_random random;
    expected values;
    tsr_array *array = NULL;
    tsr_read_cost cost;
    tests_random_init(&random);
    tsr_array *source = random_array(f, "a", &rows[2], TSR_INT32, &random, &values);
    good(tsr_array_downsample(source, factors, TSR_DOWNSAMPLE_STRIDE, &array, &f->err), &f->err);
    good(tsr_array_explain(array, NULL, NULL, &cost, &f->err), &f->err);
    assert_true(cost.chunks > 0 && cost.chunks <= 2 * 8);
    tsr_array_close(array);
    good(tsr_array_downsample(source, factors, TSR_DOWNSAMPLE_MAX, &array, &f->err), &f->err);
    assert_int_equal(tsr_array_explain(array, NULL, NULL, &cost, &f->err), TSR_UNSUPPORTED);
    assert_non_null(strstr(f->err.message, "downsampled by 16,1 (max)"));
    tsr_array_close(array);
    tsr_array_close(source);
    free(values.values);
}

/* Level upon level, and across the parts of a concatenation. */
static void it_stands_on_other_derived_arrays(void **state)
{
    fixture *f = *state;
    static const int64_t twice[] = {2}, shape[] = {200}, quarter[] = {50};
    tests_random random;
    expected values, both = expected_new(1, shape), least = expected_new(1, quarter);
    tsr_array *array = NULL, *half = NULL, *pair = NULL;
    tests_random_init(&random);
    tsr_array *source = random_array(f, "a", &rows[3], TSR_INT16, &random, &values);
    for (int i = 0; i < 200; i++)
        both.values[i] = values.values[i % 100];
    for (int64_t i = 0; i < 50; i++)
        least.values[i] = reduce(TSR_DOWNSAMPLE_MIN, &both, &(int64_t){4}, &i);
    good(tsr_array_concatenate((tsr_array *[]){source, source}, 2, 0, &pair, &f->err), &f->err);
    good(tsr_array_downsample(pair, twice, TSR_DOWNSAMPLE_MIN, &half, &f->err), &f->err);
    good(tsr_array_downsample(half, twice, TSR_DOWNSAMPLE_MIN, &array, &f->err), &f->err);
    check_array(f, array, &least, &random, 20);
    tsr_array_close(array);
    tsr_array_close(half);
    tsr_array_close(pair);
    tsr_array_close(source);
    free(values.values);
    free(both.values);
    free(least.values);
}

static void what_is_not_defined_is_refused(void **state)
{
    fixture *f = *state;
    static const int64_t none[] = {0, 1}, all[] = {INT64_MAX, INT64_MAX}, twice[] = {2, 2};
    tsr_downsample_method method = TSR_DOWNSAMPLE_MAX;
    tsr_array *array = NULL, *source = array_new(f, f->store, "a", &rows[0], TSR_COMPLEX64, NULL);
    assert_int_equal(tsr_array_downsample(source, none, TSR_DOWNSAMPLE_MEAN, &array, &f->err),
                     TSR_INVALID_ARGUMENT);
    assert_non_null(strstr(f->err.message, "axis 0"));
    assert_int_equal(tsr_array_downsample(source, twice, TSR_DOWNSAMPLE_MIN, &array, &f->err),
                     TSR_TYPE_MISMATCH);
    assert_non_null(strstr(f->err.message, "a: min: "));
    assert_int_equal(tsr_array_downsample(source, twice, 17, &array, &f->err),
                     TSR_INVALID_ARGUMENT);
    assert_null(array);
    good(tsr_array_downsample(source, all, TSR_DOWNSAMPLE_MEAN, &array, &f->err), &f->err);
    assert_int_equal(tsr_array_count(array), 1);
    tsr_array_close(array);
    tsr_array_close(source);
    /* One block of 2^40 elements. */
    const array_row huge = {.rank = 1, .shape = {INT64_C(1) << 40}, .chunk = {100}};
    source = array_new(f, f->store, "huge", &huge, TSR_INT8, NULL);
    array = NULL;
    assert_int_equal(tsr_array_downsample(source, all, TSR_DOWNSAMPLE_MEAN, &array, &f->err),
                     TSR_LIMIT);
    good(tsr_array_downsample(source, all, TSR_DOWNSAMPLE_STRIDE, &array, &f->err), &f->err);
    tsr_array_close(array);
    tsr_array_close(source);
    good(tsr_downsample_method_parse("median", &method, &f->err), &f->err);
    assert_int_equal(method, TSR_DOWNSAMPLE_MEDIAN);
    assert_int_equal(tsr_downsample_method_parse("average", &method, &f->err), TSR_NOT_FOUND);
    assert_non_null(strstr(f->err.next_step, "mean"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(every_selection_has_the_elements_of_its_blocks),
        FIXTURE_TEST(no_more_is_read_than_is_needed),
        FIXTURE_TEST(a_stride_reads_like_a_selection),
        FIXTURE_TEST(it_stands_on_other_derived_arrays),
        FIXTURE_TEST(what_is_not_defined_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
