/* Proves of opening by hand-made metadata: what must be understood, what is too large, attributes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "unit/array/array_testing.h"

/* A v3 array of two bytes with further members, and a chain of codecs. */
#define ARRAY(shape, chunk, codecs, more)                                                         \
    "{\"zarr_format\":3,\"node_type\":\"array\",\"shape\":[" shape "],\"data_type\":\"uint8\","   \
    "\"chunk_grid\":{\"name\":\"regular\",\"configuration\":{\"chunk_shape\":[" chunk "]}},"      \
    "\"chunk_key_encoding\":{\"name\":\"default\"},\"fill_value\":3,\"codecs\":[" codecs "]" more \
    "}"

static int open_text(fixture *f, const char *text, tsr_array **ret_array)
{
    tsr_array_open_options options;
    tsr_array_open_options_init(&options);
    options.store = f->store;
    put_bytes(f, f->store, "a/zarr.json", text, strlen(text));
    tsr_error_clear(&f->err);
    *ret_array = NULL;
    return tsr_array_open(f->context, "a", &options, ret_array, &f->err);
}

static void what_must_be_understood_is_refused(void **state)
{
    static const struct {
        const char *text;
        int status;
        const char *part; /* of the message */
    } rows[] = {
        {ARRAY("2", "2", "\"bytes\"", ""), 0, ""},
        {ARRAY("2", "2", "\"bytes\"", ",\"extra\":1"), TSR_UNSUPPORTED, "extra"},
        {ARRAY("2", "2", "\"bytes\"", ",\"extra\":{\"must_understand\":true}"), TSR_UNSUPPORTED,
         "extra"},
        {ARRAY("2", "2", "\"bytes\"", ",\"extra\":{\"must_understand\":false}"), 0, ""},
        {ARRAY("2", "2", "\"bytes\",{\"name\":\"x.y\",\"must_understand\":false}", ""),
         TSR_UNSUPPORTED, "x.y"},
        {ARRAY("2", "2", "\"bytes\"", ",\"storage_transformers\":[{\"name\":\"x.y\"}]"),
         TSR_UNSUPPORTED, "storage_transformers"},
        {ARRAY("2", "2", "", ""), TSR_BAD_METADATA, "codecs"},
        {ARRAY("2", "0", "\"bytes\"", ""), TSR_BAD_METADATA, "chunk_shape"},
        {ARRAY("2", "2,2", "\"bytes\"", ""), TSR_BAD_METADATA, "chunk_shape"},
        {ARRAY("-1", "2", "\"bytes\"", ""), TSR_BAD_METADATA, "shape"},
        {ARRAY("9223372036854775808", "2", "\"bytes\"", ""), TSR_BAD_METADATA, "shape"},
        {ARRAY("9223372036854775807", "9223372036854775807", "\"bytes\",\"crc32c\"", ""), TSR_LIMIT,
         "limit"},
        {ARRAY("4294967296,4294967296", "4294967296,4294967296", "\"bytes\"", ""), TSR_LIMIT,
         "2^63-1"},
        {"{\"zarr_format\":3,\"node_type\":\"group\"}", TSR_TYPE_MISMATCH, "a group"},
        {"", TSR_BAD_METADATA, "zarr.json"},
        {"{\"zarr_format\":4}", TSR_UNSUPPORTED, "zarr_format"},
    };
    fixture *f = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tsr_array *array;
        int status = open_text(f, rows[i].text, &array);
        bool same = status == rows[i].status ||
                    /* a number that JSON cannot hold is an error of either kind */
                    (status < 0 && rows[i].status < 0 &&
                     (status == TSR_BAD_METADATA || status == TSR_UNSUPPORTED) &&
                     rows[i].status != TSR_LIMIT && rows[i].status != TSR_TYPE_MISMATCH);
        if (!same || (status < 0 && !strstr(f->err.message, rows[i].part) &&
                      !strstr(f->err.where, rows[i].part)))
            fail_msg("row %zu: %s, %s [%s]", i, tsr_status_name(status), f->err.message,
                     f->err.where);
        tsr_array_close(array);
    }
}

/* Metadata alone never makes memory: a shard of 2^27 inner chunks is opened, read and refused. */
static void promises_of_metadata_cost_nothing(void **state)
{
    fixture *f = *state;
    tsr_array *array;
    uint8_t values[4];
    const int64_t start = 1000, shape = 4;
    good(open_text(f,
                   ARRAY("134217728", "134217728",
                         "{\"name\":\"sharding_indexed\",\"configuration\":{\"chunk_shape\":[1],"
                         "\"codecs\":[\"bytes\"],\"index_codecs\":[{\"name\":\"bytes\","
                         "\"configuration\":{\"endian\":\"little\"}},\"crc32c\"]}}",
                         ""),
                   &array),
         &f->err);
    good(tsr_array_read(array, &start, &shape, NULL, values, 4, NULL, &f->err), &f->err);
    assert_int_equal(values[0], 3);
    put_bytes(f, f->store, "a/c/0", "tiny", 4);
    assert_int_equal(tsr_array_read(array, &start, &shape, NULL, values, 4, NULL, &f->err),
                     TSR_DAMAGED);
    tsr_array_close(array);
}

static void attributes_are_replaced(void **state)
{
    fixture *f = *state;
    static const array_row row = {
        .name = "a", .rank = 1, .shape = {4}, .chunk = {2}, .codec = "none"};
    for (int format = 2; format <= 3; format++) {
        array_row own = row;
        own.zarr_format = format;
        char path[] = {(char)('0' + format), 0}, *json = NULL;
        tsr_array *array = array_new(f, f->store, path, &own, TSR_UINT8, NULL);
        good(tsr_array_attributes(array, &json, &f->err), &f->err);
        assert_string_equal(json, "{}");
        tsr_free(json);
        good(tsr_array_set_attributes(array, "{\"b\":{\"c\":null},\"a\":1.50}", &f->err), &f->err);
        assert_int_equal(tsr_array_set_attributes(array, "7", &f->err), TSR_INVALID_ARGUMENT);
        assert_int_equal(tsr_array_set_attributes(array, "{\"a\":1,\"a\":2}", &f->err),
                         TSR_INVALID_ARGUMENT);
        tsr_array *again = array_open(f, f->store, path, false);
        good(tsr_array_attributes(again, &json, &f->err), &f->err);
        assert_string_equal(json, "{\"b\":{\"c\":null},\"a\":1.50}");
        tsr_free(json);
        assert_int_equal(tsr_array_set_attributes(again, "{}", &f->err), TSR_READ_ONLY);
        tsr_array_close(again);
        tsr_array_close(array);
    }
}

static void options_must_be_set_up(void **state)
{
    fixture *f = *state;
    tsr_array_open_options options;
    tsr_array_create_options create = {0};
    tsr_array *array = NULL;
    memset(&options, 0, sizeof options);
    assert_int_equal(tsr_array_open(f->context, "a", &options, &array, &f->err),
                     TSR_INVALID_ARGUMENT);
    tsr_array_open_options_init(&options);
    options.store = f->store;
    options.zarr_format = 5;
    assert_int_equal(tsr_array_open(f->context, "a", &options, &array, &f->err),
                     TSR_INVALID_ARGUMENT);
    assert_int_equal(tsr_array_create(f->context, "a", &create, &array, &f->err),
                     TSR_INVALID_ARGUMENT);
    assert_int_equal(tsr_array_create(f->context, "a", NULL, &array, &f->err),
                     TSR_INVALID_ARGUMENT);
    assert_null(array);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(what_must_be_understood_is_refused),
        FIXTURE_TEST(promises_of_metadata_cost_nothing),
        FIXTURE_TEST(attributes_are_replaced),
        FIXTURE_TEST(options_must_be_set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
