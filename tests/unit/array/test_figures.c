/* Proves of statistics in memory: counts, extremes, sums and spread against sums of long doubles
 * and of wide integers over every layout of a view, for every type of number; NaN, infinities, fill
 * values and the ends of 64-bit integers; that merging parts is the whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <tessera/statistics.h>

#include "unit/array/array_testing.h"

static uint64_t random_state = 88172645463325252u;

static uint64_t random_bits(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static tsr_statistics measured(const tsr_view *view, const void *fill)
{
    tsr_error err = TSR_ERROR_INIT;
    tsr_statistics found;
    good(tsr_statistics_of_view(view, fill, &found, &err), &err);
    return found;
}

static tsr_statistics measured_dense(const tsr_dtype *dtype, const void *elements, int64_t n,
                                     const void *fill)
{
    tsr_error err = TSR_ERROR_INIT;
    tsr_view view;
    good(tsr_view_init(&view, dtype, 1, &n, (void *)elements, &err), &err);
    return measured(&view, fill);
}

static void near(double found, long double expected, double tolerance)
{
    if (fabsl((long double)found - expected) > tolerance * (fabsl(expected) + 1e-300L))
        fail_msg("%.17g instead of %.17Lg", found, expected);
}

/* The figures by a loop of long doubles: exact for what the tests put in. */
static void check_doubles(const tsr_statistics *found, const double *values, int64_t n, double fill)
{
    long double sum = 0, squares = 0, distances = 0; /* from the first value: exact */
    double least = INFINITY, greatest = -INFINITY;
    int64_t nan = 0, fills = 0, valid = 0;
    double first = 0;

    for (int64_t i = n - 1; i >= 0; i--)
        first = isnan(values[i]) ? first : values[i];
    for (int64_t i = 0; i < n; i++) {
        bool is_fill = memcmp(&values[i], &fill, sizeof fill) == 0;
        nan += isnan(values[i]) != 0;
        fills += is_fill;
        if (is_fill || isnan(values[i]))
            continue;
        valid++;
        sum += values[i];
        long double distance = (long double)values[i] - first;
        distances += distance;
        squares += distance * distance;
        least = fmin(least, values[i]);
        greatest = fmax(greatest, values[i]);
    }
    assert_int_equal(found->count, n);
    assert_int_equal(found->nan_count, nan);
    assert_int_equal(found->fill_count, fills);
    assert_int_equal(found->valid_count, valid);
    if (valid == 0)
        return;
    assert_true(found->least.as_double == least && found->greatest.as_double == greatest);
    near(found->sum, sum, 1e-15);
    near(found->squares, squares - distances * distances / valid, 1e-12);
}

static void statistics_of_doubles(void **state)
{
    static const int64_t lengths[] = {1, 2, 3, 5, 1023, 1024, 1025, 5000};
    static double values[5000];
    const double fills[] = {0.0, 3.0, NAN, -0.0};

    (void)state;
    for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++) {
        for (size_t f = 0; f < sizeof fills / sizeof *fills; f++) {
            for (int64_t i = 0; i < lengths[l]; i++) {
                uint64_t bits = random_bits();
                values[i] = bits % 7 == 0   ? (double)NAN
                            : bits % 7 == 1 ? 3.0
                            : bits % 7 == 2 ? -0.0
                            : bits % 7 == 3 ? 0.0
                                            : 1e9 + (double)(bits >> 40) / 1024;
            }
            tsr_statistics found = measured_dense(TSR_FLOAT64, values, lengths[l], &fills[f]);
            check_doubles(&found, values, lengths[l], fills[f]);
        }
    }
}

/* One large value hides many small ones from a sum of one double. */
static void sum_keeps_small_values(void **state)
{
    static double values[4099];
    const double zero = 0;

    (void)state;
    values[0] = 1e18;
    for (int i = 1; i < 4098; i++)
        values[i] = 0.25;
    values[4098] = -1e18;
    tsr_statistics found = measured_dense(TSR_FLOAT64, values, 4099, &zero);
    assert_true(found.sum + found.sum_rest == 4097 * 0.25);
}

static void infinities(void **state)
{
    const double up[] = {1, INFINITY, 2}, both[] = {-INFINITY, 5, INFINITY}, zero = 0;

    (void)state;
    tsr_statistics found = measured_dense(TSR_FLOAT64, up, 3, &zero);
    assert_true(isinf(found.sum) && found.sum > 0 && found.sum_rest == 0);
    assert_true(found.least.as_double == 1 && isinf(found.greatest.as_double));
    assert_true(isnan(found.squares));
    found = measured_dense(TSR_FLOAT64, both, 3, &zero);
    assert_true(isnan(found.sum) && found.sum_rest == 0);
    assert_true(found.least.as_double == -(double)INFINITY);
}

/* What doubles cannot tell apart: extremes and sums are those of the integers themselves. */
static void ends_of_integers(void **state)
{
    const uint64_t naturals[] = {UINT64_MAX, UINT64_MAX - 1, UINT64_MAX - 2}, none = 0;
    const int64_t integers[] = {INT64_MIN, INT64_MIN + 1, INT64_MAX}, minus = -1;

    (void)state;
    tsr_statistics found = measured_dense(TSR_UINT64, naturals, 3, &none);
    assert_true(found.least.as_unsigned == UINT64_MAX - 2);
    assert_true(found.greatest.as_unsigned == UINT64_MAX);
    assert_true((long double)found.sum + found.sum_rest == 3 * 18446744073709551614.0L);
    assert_true(found.squares == 2);
    found = measured_dense(TSR_INT64, integers, 3, &minus);
    assert_true(found.least.as_signed == INT64_MIN && found.greatest.as_signed == INT64_MAX);
    assert_true((long double)found.sum + found.sum_rest == -9223372036854775808.0L);
}

static void times(void **state)
{
    const int64_t moments[] = {INT64_MIN, 7, INT64_MIN, 9}, nat = INT64_MIN, zero = 0;
    const tsr_dtype *dtype;
    tsr_error err = TSR_ERROR_INIT;

    (void)state;
    good(tsr_dtype_parse("datetime64[s]", &dtype, &err), &err);
    assert_true(tsr_statistics_support(dtype));
    tsr_statistics found = measured_dense(dtype, moments, 4, &zero);
    assert_int_equal(found.nan_count, 2);
    assert_int_equal(found.valid_count, 2);
    assert_int_equal(found.fill_count, 0);
    assert_true(found.least.as_signed == 7 && found.greatest.as_signed == 9 && found.sum == 16);
    found = measured_dense(dtype, moments, 4, &nat);
    assert_int_equal(found.nan_count, 2);
    assert_int_equal(found.fill_count, 2);
    assert_int_equal(found.valid_count, 2);
    tsr_dtype_unref(dtype);
}

/* Every type of number: elements 0..3 (0 and 1 of bool), which all of them hold or round the same
 * way. */
static void every_type(void **state)
{
    static const char *const names[] = {
        "bool",        "int2",          "int4",         "int8",    "int16",    "int32",
        "int64",       "uint2",         "uint4",        "uint8",   "uint16",   "uint32",
        "uint64",      "float16",       "float32",      "float64", "bfloat16", "float8_e4m3",
        "float8_e5m2", "float6_e2m3fn", "float4_e2m1fn"};
    const double numbers[] = {0, 1, 1, 0, 1};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const tsr_dtype *dtype;
        tsr_error err = TSR_ERROR_INIT;
        tsr_view from, to;
        int64_t n = 5;
        char elements[5 * 8], fill[8] = {0};
        good(tsr_dtype_parse(names[i], &dtype, &err), &err);
        good(tsr_view_init(&from, TSR_FLOAT64, 1, &n, (void *)numbers, &err), &err);
        good(tsr_view_init(&to, dtype, 1, &n, elements, &err), &err);
        good(tsr_view_copy(&to, &from, TSR_CASTING_UNSAFE, &err), &err);
        tsr_statistics found = measured(&to, fill);
        tsr_statistics_include_fill(&found, dtype, fill);
        assert_int_equal(found.count, 5);
        assert_int_equal(found.fill_count, 2);
        assert_int_equal(found.valid_count, 5);
        bool is_float = dtype->kind == TSR_KIND_FLOAT;
        /* int2 ends at 1, so that 1 is the greatest of all of them. */
        assert_true(is_float ? found.least.as_double == 0 : found.least.as_signed == 0);
        assert_true(is_float ? found.greatest.as_double == 1 : found.greatest.as_signed == 1);
        assert_true(found.sum == 3);
        near(found.squares, 1.2L, 1e-15);
        tsr_dtype_unref(dtype);
    }
    assert_false(tsr_statistics_support(TSR_COMPLEX64));
    assert_false(tsr_statistics_support(TSR_STRING));
}

/* Rows, gaps, steps backwards and broadcasts give what the dense elements give. */
static void any_strides(void **state)
{
    static float elements[40 * 70], dense[40 * 70];
    const int64_t shape[] = {40, 70};
    const float fill = 2;
    tsr_error err = TSR_ERROR_INIT;

    (void)state;
    for (int i = 0; i < 40 * 70; i++)
        elements[i] = (float)(random_bits() % 100);
    for (int turn = 0; turn < 4; turn++) {
        tsr_view view, flat;
        good(tsr_view_init(&view, TSR_FLOAT32, 2, shape, elements, &err), &err);
        if (turn == 1)
            good(tsr_view_slice(&view, 1, 69, 35, -2, &err), &err);
        if (turn == 2)
            good(tsr_view_slice(&view, 0, 3, 12, 3, &err), &err);
        if (turn == 3)
            view.strides[0] = 0;
        good(tsr_view_init(&flat, TSR_FLOAT32, 2, view.shape, dense, &err), &err);
        good(tsr_view_copy(&flat, &view, TSR_CASTING_NO, &err), &err);
        tsr_statistics a = measured(&view, &fill), b = measured(&flat, &fill);
        assert_int_equal(a.count, b.count);
        assert_int_equal(a.fill_count, b.fill_count);
        assert_true(a.least.as_double == b.least.as_double);
        assert_true(a.greatest.as_double == b.greatest.as_double);
        assert_true(a.sum == b.sum); /* of whole numbers: exact */
        near(a.squares, b.squares, 1e-13);
    }
}

static void merged_parts_are_the_whole(void **state)
{
    static double values[3000];
    const double fill = 1e15 + 5;

    (void)state;
    for (int i = 0; i < 3000; i++)
        values[i] = 1e15 + (double)(random_bits() % 10); /* a spread of the last digits */
    tsr_statistics total = {0};
    for (int from = 0, n; from < 3000; from += n) {
        n = (int)(random_bits() % 500) + 1;
        n = n < 3000 - from ? n : 3000 - from;
        tsr_statistics part = measured_dense(TSR_FLOAT64, values + from, n, &fill);
        tsr_statistics_merge(&total, &part, TSR_FLOAT64);
    }
    check_doubles(&total, values, 3000, fill);
    tsr_statistics_include_fill(&total, TSR_FLOAT64, &fill);
    int64_t fills = total.fill_count;
    total.fill_count = 0;
    check_doubles(&total, values, 3000, 0.5);
    assert_true(fills > 100);
}

static void counts_saturate(void **state)
{
    const int8_t fill = 3;
    tsr_statistics total = {.count = INT64_MAX - 1, .fill_count = 1};
    tsr_statistics more = {.count = 2, .fill_count = INT64_MAX};

    (void)state;
    tsr_statistics_merge(&total, &more, TSR_INT8);
    assert_true(total.count == INT64_MAX && total.fill_count == INT64_MAX);
    tsr_statistics_include_fill(&total, TSR_INT8, &fill);
    assert_true(total.sum == 3 * 9223372036854775807.0);
}

static void other_types_are_refused(void **state)
{
    tsr_error err = TSR_ERROR_INIT;
    float complex_one[2] = {1, 2};
    tsr_statistics found;
    tsr_view view;

    (void)state;
    good(tsr_view_init(&view, TSR_COMPLEX64, 0, NULL, complex_one, &err), &err);
    assert_int_equal(tsr_statistics_of_view(&view, complex_one, &found, &err), TSR_UNSUPPORTED);
    assert_non_null(strstr(err.message, "complex64"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statistics_of_doubles),
        cmocka_unit_test(sum_keeps_small_values),
        cmocka_unit_test(infinities),
        cmocka_unit_test(ends_of_integers),
        cmocka_unit_test(times),
        cmocka_unit_test(every_type),
        cmocka_unit_test(any_strides),
        cmocka_unit_test(merged_parts_are_the_whole),
        cmocka_unit_test(counts_saturate),
        cmocka_unit_test(other_types_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
