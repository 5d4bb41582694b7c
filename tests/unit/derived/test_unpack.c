/* Proves of unpacking: every selection has the numbers that CF's conventions say, missing ones are
 * NaN whatever form they are named in, and what is no packing is left or refused. Expected numbers
 * are worked out here from the conventions (section 8.1), not by the code under test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <math.h>

#include <cmocka.h>

#include "unit/derived/derived_testing.h"

static const array_row rows[] = {
    {.name = "plain", .rank = 2, .shape = {13, 7}, .chunk = {4, 5}},
    {.name = "shards", .rank = 2, .shape = {13, 7}, .chunk = {2, 3}, .shard = {6, 6}},
    {.name = "line", .rank = 1, .shape = {3000}, .chunk = {2500}},
    {.name = "scalar", .rank = 0},
};

static tsr_array *unpacked(fixture *f, tsr_array *source, const char *attributes)
{
    tsr_array *array = NULL;
    good(tsr_array_set_attributes(source, attributes, &f->err), &f->err);
    good(tsr_array_unpack(source, &array, &f->err), &f->err);
    return array;
}

static void every_selection_is_unpacked(void **state)
{
    fixture *f = *state;
    tests_random random;

    tests_random_init(&random);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        expected values;
        tsr_array *source = random_array(f, rows[i].name, &rows[i], TSR_INT16, &random, &values);
        tsr_array *array =
            unpacked(f, source,
                     "{\"scale_factor\":0.5,\"add_offset\":-3,\"missing_value\":[7,9.0],\"a\":1}");
        for (int64_t k = 0; k < expected_count(&values); k++) {
            bool missing = values.values[k] == 7 || values.values[k] == 9;
            values.values[k] = missing ? NAN : values.values[k] * 0.5 - 3;
        }
        assert_ptr_equal(tsr_array_dtype(array), TSR_FLOAT32);
        assert_string_equal(tsr_array_driver(array), "unpack");
        check_array(f, array, &values, &random, 8);
        char *attributes = NULL;
        good(tsr_array_attributes(array, &attributes, &f->err), &f->err);
        assert_string_equal(attributes, "{\"a\":1}");
        tsr_free(attributes);
        tsr_array_close(array);
        tsr_array_close(source);
        free(values.values);
    }
}

static const array_row four = {.name = "four", .rank = 1, .shape = {4}, .chunk = {4}};

/* Four elements of a type under attributes become these numbers of that type. */
static void expect(fixture *f, const tsr_dtype *dtype, const void *elements, const char *attributes,
                   const tsr_dtype *wanted, const double *numbers)
{
    size_t size_bytes = 4 * dtype->size_bytes;
    double found[4];
    tsr_store *store = NULL;
    tsr_view view;
    tsr_index all;
    int64_t shape[] = {4};

    good(tsr_store_open(f->context, "memory:", &store, &f->err), &f->err);
    tsr_array *source = array_new(f, store, four.name, &four, dtype, NULL);
    good(tsr_array_write(source, NULL, NULL, NULL, elements, size_bytes, NULL, &f->err), &f->err);
    tsr_array *array = unpacked(f, source, attributes);
    assert_ptr_equal(tsr_array_dtype(array), wanted);
    tsr_index_all(&all, 1, shape);
    good(tsr_view_init(&view, TSR_FLOAT64, 1, shape, found, &f->err), &f->err);
    const tsr_read_request request = {array, &all, &view, TSR_CASTING_SAFE};
    good(tsr_read_many(f->context, &request, 1, NULL, &f->err), &f->err);
    for (int i = 0; i < 4; i++)
        if (found[i] != numbers[i] && !(isnan(found[i]) && isnan(numbers[i])))
            fail_msg("%s: element %d is %.17g", attributes, i, found[i]);
    tsr_array_close(array);
    tsr_array_close(source);
    tsr_store_close(store);
}

static void the_type_follows_packed_type_and_attributes(void **state)
{
    fixture *f = *state;
    const int16_t shorts[4] = {0, 1, -2, 300};
    const int32_t integers[4] = {0, 1, -2, 16777217};
    const float floats[4] = {0, 0.5F, -2, NAN};

    expect(f, TSR_INT16, shorts, "{\"scale_factor\":0.25}", TSR_FLOAT32,
           (double[]){0, 0.25, -0.5, 75});
    /* 0.01 is no float32, so that the file had a float64. */
    expect(f, TSR_INT16, shorts, "{\"scale_factor\":0.01}", TSR_FLOAT64,
           (double[]){0, 0.01, -0.02, 3});
    expect(f, TSR_INT16, shorts, "{\"add_offset\":0.1}", TSR_FLOAT64,
           (double[]){0.1, 1.1, -1.9, 300.1});
    /* A float32 of 0.01, with the digits of the double that it is. */
    expect(
        f, TSR_INT16, shorts, "{\"scale_factor\":0.009999999776482582}", TSR_FLOAT32,
        (double[]){0, (double)0.01F, (double)-0.02F, (double)(float)(300 * 0.009999999776482582)});
    expect(f, TSR_INT32, integers, "{\"scale_factor\":2}", TSR_FLOAT64,
           (double[]){0, 2, -4, 33554434});
    expect(f, TSR_FLOAT32, floats, "{\"scale_factor\":[2]}", TSR_FLOAT32,
           (double[]){0, 1, -4, NAN});
}

static void missing_is_named_in_any_form(void **state)
{
    fixture *f = *state;
    const int8_t bytes[4] = {0, -1, -128, 127};
    const int64_t large[4] = {0, INT64_MAX, INT64_MAX - 1, 5};
    const float floats[4] = {0, 1e20F, -1, 2};

    expect(f, TSR_INT8, bytes, "{\"scale_factor\":1,\"_FillValue\":-128}", TSR_FLOAT32,
           (double[]){0, -1, NAN, 127});
    expect(f, TSR_INT8, bytes, "{\"scale_factor\":1,\"_FillValue\":-128.0,\"missing_value\":[-1]}",
           TSR_FLOAT32, (double[]){0, NAN, NAN, 127});
    /* What no element can be stands for none. */
    expect(f, TSR_INT8, bytes, "{\"scale_factor\":1,\"_FillValue\":1e20,\"missing_value\":0.5}",
           TSR_FLOAT32, (double[]){0, -1, -128, 127});
    /* Two large integers that are one float64. */
    expect(f, TSR_INT64, large, "{\"scale_factor\":1,\"_FillValue\":9223372036854775807}",
           TSR_FLOAT64, (double[]){0, NAN, 9223372036854775807.0, 5});
    /* A float32 as the double that it is. */
    expect(f, TSR_FLOAT32, floats, "{\"add_offset\":1,\"_FillValue\":100000002004087734272.0}",
           TSR_FLOAT32, (double[]){1, NAN, 0, 3});
    /* xarray's text: the fill value of the array, which is 0 here. */
    expect(f, TSR_FLOAT32, floats, "{\"add_offset\":1,\"_FillValue\":\"AAAAAAAAAAA=\"}",
           TSR_FLOAT32, (double[]){NAN, (double)(1e20F), 0, 3});
}

static void unsigned_says_how_integers_are_meant(void **state)
{
    fixture *f = *state;
    const int8_t bytes[4] = {0, -1, -128, 127};
    const uint16_t words[4] = {0, 65535, 32768, 5};

    expect(f, TSR_INT8, bytes, "{\"scale_factor\":2,\"_Unsigned\":\"true\",\"_FillValue\":-1}",
           TSR_FLOAT32, (double[]){0, NAN, 256, 254});
    expect(f, TSR_INT8, bytes, "{\"scale_factor\":2,\"_Unsigned\":\"true\",\"_FillValue\":255}",
           TSR_FLOAT32, (double[]){0, NAN, 256, 254});
    expect(f, TSR_UINT16, words, "{\"scale_factor\":2,\"_Unsigned\":\"false\"}", TSR_FLOAT32,
           (double[]){0, -2, -65536, 10});
}

static void what_is_not_packed_is_the_source(void **state)
{
    fixture *f = *state;
    tsr_array *source = array_new(f, f->store, four.name, &four, TSR_INT16, NULL);
    tsr_array *array = unpacked(f, source, "{\"_FillValue\":3,\"units\":\"m\"}");

    assert_ptr_equal(array, source);
    tsr_array_close(array);
    tsr_array_close(source);
}

static void fill_value_is_that_of_the_numbers(void **state)
{
    fixture *f = *state;
    const int16_t fill = 4;
    tsr_array *source = array_new(f, f->store, four.name, &four, TSR_INT16, &fill);
    tsr_array *array = unpacked(f, source, "{\"scale_factor\":0.5,\"_FillValue\":7}");
    float number;

    memcpy(&number, tsr_array_fill_value(array), sizeof number);
    assert_true(isnan(number));
    tsr_array_close(array);
    array = unpacked(f, source, "{\"scale_factor\":0.5,\"add_offset\":1}");
    memcpy(&number, tsr_array_fill_value(array), sizeof number);
    assert_true(number == 3);
    tsr_array_close(array);
    tsr_array_close(source);
}

static void refused(fixture *f, const tsr_dtype *dtype, const char *attributes, int status,
                    const char *words)
{
    tsr_store *store = NULL;
    tsr_array *array = NULL;

    good(tsr_store_open(f->context, "memory:", &store, &f->err), &f->err);
    tsr_array *source = array_new(f, store, four.name, &four, dtype, NULL);
    good(tsr_array_set_attributes(source, attributes, &f->err), &f->err);
    assert_int_equal(tsr_array_unpack(source, &array, &f->err), status);
    assert_null(array);
    if (!strstr(f->err.message, words))
        fail_msg("%s", f->err.message);
    tsr_error_clear(&f->err);
    tsr_array_close(source);
    tsr_store_close(store);
}

static void other_attributes_are_refused(void **state)
{
    fixture *f = *state;

    refused(f, TSR_INT16, "{\"scale_factor\":\"0.5\"}", TSR_BAD_METADATA, "scale_factor");
    refused(f, TSR_INT16, "{\"add_offset\":[1,2]}", TSR_BAD_METADATA, "add_offset");
    refused(f, TSR_INT16, "{\"add_offset\":null}", TSR_BAD_METADATA, "add_offset");
    refused(f, TSR_COMPLEX64, "{\"add_offset\":1}", TSR_TYPE_MISMATCH, "complex64");
    refused(f, TSR_STRING, "{\"scale_factor\":1}", TSR_TYPE_MISMATCH, "string");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(every_selection_is_unpacked),
        FIXTURE_TEST(the_type_follows_packed_type_and_attributes),
        FIXTURE_TEST(missing_is_named_in_any_form),
        FIXTURE_TEST(unsigned_says_how_integers_are_meant),
        FIXTURE_TEST(what_is_not_packed_is_the_source),
        FIXTURE_TEST(fill_value_is_that_of_the_numbers),
        FIXTURE_TEST(other_attributes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
