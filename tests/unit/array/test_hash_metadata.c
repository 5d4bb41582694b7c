/* Proves that the text of a node is the same in whatever order and format its metadata was written,
 * against texts written by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "array/hash_metadata.h"
#include "base/output.h"
#include "unit/array/array_testing.h"

static void assert_text(fixture *f, tsr_array *array, bool stored, const char *expected)
{
    tsr_auto(tsri_output) text = TSRI_OUTPUT_INIT(SIZE_MAX);

    good(tsri_hash_metadata_array(array, stored, &text, &f->err), &f->err);
    good(tsr_output_append(&text, "", 1, &f->err), &f->err);
    assert_string_equal(text.data, expected);
    tsr_array_close(array);
}

static void v2_and_v3_say_the_same(void **state)
{
    static const array_row rows[] = {
        {.name = "three", .rank = 2, .shape = {5, 6}, .chunk = {2, 3}, .codec = "none"},
        {.name = "two",
         .zarr_format = 2,
         .rank = 2,
         .shape = {5, 6},
         .chunk = {4, 6},
         .codec = "gzip:1"}};
    const float fill = -1.5f;
    fixture *f = *state;

    for (size_t i = 0; i < 2; i++) {
        tsr_array *array = array_new(f, f->store, rows[i].name, &rows[i], TSR_FLOAT32, &fill);
        good(tsr_array_set_attributes(array,
                                      i ? "{\"b\":[{\"y\":1.50,\"x\":null}],\"a\":\"\\u00e4\\n\"}"
                                        : "{ \"a\": \"ä\\n\", \"b\": [ {\"x\":null,\"y\":1.50} ] }",
                                      &f->err),
             &f->err);
        assert_text(
            f, array, false,
            "{\"attributes\":{\"a\":\"ä\\n\",\"b\":[{\"x\":null,\"y\":1.50}]},"
            "\"data_type\":\"float32\",\"dimension_names\":null,\"fill_value\":\"0000c0bf\","
            "\"shape\":[5,6]}");
    }
}

static void what_is_stored_says_how(void **state)
{
    static const char *const names[] = {"y", NULL};
    const array_row row = {.name = "a",
                           .rank = 2,
                           .shape = {5, 6},
                           .chunk = {2, 3},
                           .codec = "none",
                           .compressors = "[]"};
    fixture *f = *state;
    tsr_array_create_options options;
    tsr_array *array;

    row_options(&row, TSR_UINT16, NULL, &options);
    options.store = f->store;
    options.dimension_names = names;
    good(tsr_array_create(f->context, "a", &options, &array, &f->err), &f->err);
    assert_text(
        f, array, true,
        "{\"attributes\":{},\"chunks\":[2,3],\"codecs\":[{\"configuration\":{\"endian\":"
        "\"little\"},\"name\":\"bytes\"}],\"data_type\":\"uint16\",\"dimension_names\":[\"y\","
        "null],\"driver\":\"zarr3\",\"fill_value\":\"0000\",\"shape\":[5,6]}");
}

static void nothing_may_be_said_of_missing_elements(void **state)
{
    const array_row row = {.name = "a", .zarr_format = 2, .rank = 0, .codec = "none"};
    fixture *f = *state;
    tsr_array_create_options options;
    tsr_array *array;

    row_options(&row, TSR_UINT16, NULL, &options);
    options.store = f->store;
    options.fill_undefined = true;
    good(tsr_array_create(f->context, "a", &options, &array, &f->err), &f->err);
    assert_text(f, array, false,
                "{\"attributes\":{},\"data_type\":\"uint16\",\"dimension_names\":null,"
                "\"fill_value\":null,\"shape\":[]}");
}

static void groups_have_attributes(void **state)
{
    tsr_auto(tsri_output) text = TSRI_OUTPUT_INIT(SIZE_MAX);
    tsr_group_create_options options;
    fixture *f = *state;
    tsr_group *group;

    tsr_group_create_options_init(&options);
    options.store = f->store;
    options.attributes = "{\"z\":1,\"a\":{}}";
    good(tsr_group_create(f->context, "g", &options, &group, &f->err), &f->err);
    good(tsri_hash_metadata_group(group, false, &text, &f->err), &f->err);
    good(tsri_hash_metadata_group(group, true, &text, &f->err), &f->err);
    good(tsr_output_append(&text, "", 1, &f->err), &f->err);
    assert_string_equal(text.data, "{\"attributes\":{\"a\":{},\"z\":1}}"
                                   "{\"attributes\":{\"a\":{},\"z\":1},\"driver\":\"zarr3\"}");
    tsr_group_close(group);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(v2_and_v3_say_the_same),
        FIXTURE_TEST(what_is_stored_says_how),
        FIXTURE_TEST(nothing_may_be_said_of_missing_elements),
        FIXTURE_TEST(groups_have_attributes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
