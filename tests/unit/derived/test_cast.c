/* Proves of casts: every selection of every kind of source, read in every way, has the elements
 * that the rules say; what a rule forbids is refused when the cast is made or when it is met. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <math.h>

#include <cmocka.h>

#include "unit/derived/derived_testing.h"

static const array_row rows[] = {
    {.name = "raw", .rank = 2, .shape = {13, 7}, .chunk = {4, 5}, .codec = "none"},
    {.name = "shards", .rank = 2, .shape = {13, 7}, .chunk = {2, 3}, .shard = {6, 6}},
    {.name = "line", .rank = 1, .shape = {40}, .chunk = {7}},
    {.name = "scalar", .rank = 0},
};

static void a_cast_is_the_source_in_another_type(void **state)
{
    fixture *f = *state;
    tests_random random;
    const tsr_dtype *const to[] = {TSR_INT16, TSR_FLOAT32, TSR_UINT8, TSR_COMPLEX64};
    tests_random_init(&random);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        expected values;
        tsr_array *source = random_array(f, rows[i].name, &rows[i], TSR_INT32, &random, &values);
        for (size_t k = 0; k < sizeof to / sizeof *to; k++) {
            tsr_array *array = NULL;
            good(tsr_array_cast(source, to[k], TSR_CASTING_UNSAFE, &array, &f->err), &f->err);
            assert_ptr_equal(tsr_array_dtype(array), to[k]);
            assert_string_equal(tsr_array_driver(array), "cast");
            assert_false(tsr_array_is_writable(array));
            check_array(f, array, &values, &random, 8);
            tsr_array_close(array);
        }
        tsr_array_close(source);
        free(values.values);
    }
}

/* numpy: np.array([300, -1, 65536.75, nan], 'f8').astype('u1'), then to f4, is that of the narrow
 * type, not of the source, whichever way it is read. */
static void what_the_narrow_type_loses_is_lost(void **state)
{
    fixture *f = *state;
    static const array_row row = {.name = "wide", .rank = 1, .shape = {3}, .chunk = {2}};
    static const double values[] = {300.75, 2.5, -7};
    tsr_array *narrow = NULL, *again = NULL, *source;
    float floats[3];
    uint8_t bytes[3];
    source = array_new(f, f->store, row.name, &row, TSR_FLOAT64, NULL);
    good(tsr_array_write(source, NULL, NULL, NULL, values, sizeof values, NULL, &f->err), &f->err);
    good(tsr_array_cast(source, TSR_UINT8, TSR_CASTING_UNSAFE, &narrow, &f->err), &f->err);
    good(tsr_array_read(narrow, NULL, NULL, NULL, bytes, sizeof bytes, NULL, &f->err), &f->err);
    assert_int_equal(bytes[0], 255); /* floats saturate: see tessera/view.h */
    assert_int_equal(bytes[1], 2);
    assert_int_equal(bytes[2], 0);
    good(tsr_array_cast(narrow, TSR_FLOAT32, TSR_CASTING_SAFE, &again, &f->err), &f->err);
    good(tsr_array_read(again, NULL, NULL, NULL, floats, sizeof floats, NULL, &f->err), &f->err);
    for (int i = 0; i < 3; i++)
        assert_true(floats[i] == (float)bytes[i]);
    tsr_index all;
    tsr_view view;
    tsr_index_all(&all, 1, row.shape);
    good(tsr_view_init(&view, TSR_FLOAT32, 1, row.shape, floats, &f->err), &f->err);
    const tsr_read_request request = {narrow, &all, &view, TSR_CASTING_SAFE};
    good(tsr_read_many(f->context, &request, 1, NULL, &f->err), &f->err);
    for (int i = 0; i < 3; i++)
        assert_true(floats[i] == (float)bytes[i]);
    tsr_array_close(again);
    tsr_array_close(narrow);
    tsr_array_close(source);
}

static void rules_are_kept(void **state)
{
    fixture *f = *state;
    static const array_row row = {.name = "n", .rank = 1, .shape = {3}, .chunk = {2}};
    static const int32_t values[] = {1, 70000, 3};
    static const float fill = 2.75f;
    tsr_array *source = array_new(f, f->store, row.name, &row, TSR_INT32, NULL), *array = NULL;
    int16_t narrow[3];
    good(tsr_array_write(source, NULL, NULL, NULL, values, sizeof values, NULL, &f->err), &f->err);
    assert_int_equal(tsr_array_cast(source, TSR_INT16, TSR_CASTING_SAFE, &array, &f->err),
                     TSR_TYPE_MISMATCH);
    assert_non_null(strstr(f->err.message, "int32 is not turned into int16"));
    assert_null(array);
    good(tsr_array_cast(source, TSR_INT16, TSR_CASTING_SAME_KIND, &array, &f->err), &f->err);
    assert_int_equal(tsr_array_read(array, NULL, NULL, NULL, narrow, sizeof narrow, NULL, &f->err),
                     TSR_OUT_OF_BOUNDS);
    assert_non_null(strstr(f->err.message, "70000"));
    assert_int_equal(tsr_array_write(array, NULL, NULL, NULL, narrow, sizeof narrow, NULL, &f->err),
                     TSR_READ_ONLY);
    tsr_array_close(array);
    tsr_array_close(source);
    source = array_new(f, f->store, "filled", &row, TSR_FLOAT32, &fill);
    good(tsr_array_cast(source, TSR_INT8, TSR_CASTING_UNSAFE, &array, &f->err), &f->err);
    assert_int_equal(*(const int8_t *)tsr_array_fill_value(array), 2);
    good(tsr_array_read(array, NULL, NULL, NULL, narrow, 3, NULL, &f->err), &f->err);
    assert_int_equal(((int8_t *)narrow)[1], 2);
    tsr_array_close(array);
    tsr_array_close(source);
}

static void names_attributes_and_chunks_are_those_of_the_source(void **state)
{
    fixture *f = *state;
    static const char *const names[] = {"y", NULL};
    tsr_array_create_options options;
    tsr_array *source = NULL, *array = NULL;
    char *attributes = NULL;
    row_options(&rows[1], TSR_INT32, NULL, &options);
    options.store = f->store;
    options.dimension_names = names;
    options.attributes = "{\"unit\":\"m\"}";
    good(tsr_array_create(f->context, "a", &options, &source, &f->err), &f->err);
    good(tsr_array_cast(source, TSR_FLOAT64, TSR_CASTING_SAFE, &array, &f->err), &f->err);
    assert_string_equal(tsr_array_dimension_name(array, 0), "y");
    assert_null(tsr_array_dimension_name(array, 1));
    assert_int_equal(tsr_array_chunk_shape(array)[0], 2);
    assert_int_equal(tsr_array_chunk_shape(array)[1], 3);
    good(tsr_array_attributes(array, &attributes, &f->err), &f->err);
    assert_string_equal(attributes, "{\"unit\":\"m\"}");
    assert_int_equal(tsr_array_size(array), 13 * 7 * 8);
    tsr_free(attributes);
    tsr_array_close(source); /* the cast holds it */
    double values[13 * 7];
    good(tsr_array_read(array, NULL, NULL, NULL, values, sizeof values, NULL, &f->err), &f->err);
    assert_true(values[90] == 0);
    tsr_array_close(array);
}

/* A chain of casts takes a part of the stack for each. */
static void there_is_an_end_to_making_arrays_of_each_other(void **state)
{
    fixture *f = *state;
    tsr_array *array = array_new(f, f->store, "a", &rows[2], TSR_INT32, NULL), *next = NULL;
    int32_t values[40];
    for (int i = 0; i < 64; i++) {
        good(tsr_array_cast(array, i % 2 ? TSR_INT32 : TSR_INT64, TSR_CASTING_UNSAFE, &next,
                            &f->err),
             &f->err);
        tsr_array_close(array);
        array = next;
    }
    good(tsr_array_read(array, NULL, NULL, NULL, values, sizeof values, NULL, &f->err), &f->err);
    assert_int_equal(tsr_array_cast(array, TSR_INT8, TSR_CASTING_UNSAFE, &next, &f->err),
                     TSR_LIMIT);
    tsr_array_close(array);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(a_cast_is_the_source_in_another_type),
        FIXTURE_TEST(what_the_narrow_type_loses_is_lost),
        FIXTURE_TEST(rules_are_kept),
        FIXTURE_TEST(names_attributes_and_chunks_are_those_of_the_source),
        FIXTURE_TEST(there_is_an_end_to_making_arrays_of_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
