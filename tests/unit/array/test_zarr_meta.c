/* Proves that metadata which is made or changed says what was asked for and nothing else: the
 * documents are compared with texts written by hand, read back, and keep what they held before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "unit/array/zarr_meta_testing.h"

static const tsri_codec_spec little_bytes[] = {{"bytes", "{\"endian\":\"little\"}", 3}};

static tsri_zarr_meta *built(const tsri_zarr_meta_options *options)
{
    tsri_zarr_meta *meta = NULL;
    tsr_error err = TSR_ERROR_INIT;
    if (tsri_zarr_meta_build(context, options, &meta, &err) != 0)
        fail_msg("refused: %s", err.message);
    return meta;
}

/* Options of a small v3 array. */
static tsri_zarr_meta_options small_array(void)
{
    static const int64_t shape[] = {10, 20}, chunks[] = {4, 20};
    tsri_zarr_meta_options options = TSRI_ZARR_META_OPTIONS_INIT;
    options.rank = 2;
    options.shape = shape;
    options.chunk_shape = chunks;
    options.dtype = TSR_INT16;
    options.codecs = little_bytes;
    options.codec_count = 1;
    return options;
}

static void assert_document(const tsri_zarr_meta *meta, const char *expected)
{
    char *text = written(meta);
    assert_same_json(text, expected);
    free(text);
}

static void new_v3_arrays_are_written_in_the_long_form(void **state)
{
    (void)state;
    tsri_zarr_meta_options options = small_array();
    static const tsri_codec_spec codecs[] = {{"transpose", "{\"order\":[1,0]}", 3},
                                             {"bytes", "{}", 3},
                                             {"zstd", "{ \"level\": 3 }", 3},
                                             {"crc32c", " { } ", 3}};
    options.codecs = codecs;
    options.codec_count = TSRI_COUNT(codecs);
    options.attributes = "{ \"units\" : \"m\", \"scale\": 0.10 }";
    options.dimension_names = (const char *const[]){"y\"\n", NULL};
    options.fill_value = &(int16_t){-7};
    tsri_zarr_meta *meta = built(&options);
    assert_document(
        meta,
        "{\"zarr_format\":3,\"node_type\":\"array\",\"shape\":[10,20],\"data_type\":\"int16\","
        "\"chunk_grid\":{\"name\":\"regular\",\"configuration\":{\"chunk_shape\":[4,20]}},"
        "\"chunk_key_encoding\":{\"name\":\"default\",\"configuration\":{\"separator\":\"/\"}},"
        "\"fill_value\":-7,\"codecs\":[{\"name\":\"transpose\",\"configuration\":{\"order\":[1,0]}},"
        "{\"name\":\"bytes\"},{\"name\":\"zstd\",\"configuration\":{\"level\":3}},"
        "{\"name\":\"crc32c\"}],\"dimension_names\":[\"y\\\"\\n\",null],"
        "\"attributes\":{\"units\":\"m\",\"scale\":0.10}}");
    assert_string_equal(tsri_zarr_meta_file_name(meta), "zarr.json");
    assert_fill(meta, &(int16_t){-7});
    assert_names(meta, "y\"\n,-");
    tsri_zarr_meta_free(meta);
}

static void documents_are_pretty(void **state)
{
    (void)state;
    tsri_zarr_meta_options options = TSRI_ZARR_META_OPTIONS_INIT;
    options.is_group = true;
    options.attributes = "{\"a\":[1,2]}";
    tsri_zarr_meta *meta = built(&options);
    char *text = written(meta);
    assert_string_equal(
        text, "{\n  \"zarr_format\": 3,\n  \"node_type\": \"group\",\n  \"attributes\": {\n"
              "    \"a\": [1, 2]\n  }\n}\n");
    free(text);
    tsri_zarr_meta_free(meta);
}

static void new_v2_arrays_are_written(void **state)
{
    (void)state;
    static const tsri_codec_spec filters[] = {{"shuffle", "{\"elementsize\":8}", 2},
                                              {"crc32c", "{}", 2}};
    static const tsri_codec_spec compressor = {"zlib", "{\"level\":1}", 2};
    tsri_zarr_meta_options options = small_array();
    options.zarr_format = 2;
    options.dtype = TSR_FLOAT64;
    options.fill_value = &(double){-__builtin_inf()};
    options.codecs = filters;
    options.codec_count = 2;
    options.compressor = &compressor;
    options.order = 'F';
    options.big_endian = true;
    options.separator = '/';
    options.attributes = "{\"a\":1}";
    options.dimension_names = (const char *const[]){"y", "x"};
    tsri_zarr_meta *meta = built(&options);
    assert_document(
        meta,
        "{\"zarr_format\":2,\"shape\":[10,20],\"chunks\":[4,20],\"dtype\":\">f8\",\"fill_value\":"
        "\"-Infinity\",\"order\":\"F\",\"dimension_separator\":\"/\",\"compressor\":{\"id\":\"zlib\","
        "\"level\":1},\"filters\":[{\"id\":\"shuffle\",\"elementsize\":8},{\"id\":\"crc32c\"}]}");
    assert_chain(
        meta,
        "transpose {\"order\":[1,0]}; bytes {\"endian\":\"big\"}; shuffle(2) {\"elementsize\":8}; "
        "crc32c(2) {}; zlib(2) {\"level\":1}");
    assert_names(meta, "y,x");
    assert_string_equal(tsri_zarr_meta_file_name(meta), ".zarray");
    tsr_auto(tsri_output) output = TSRI_OUTPUT_INIT(SIZE_MAX);
    assert_int_equal(tsri_zarr_meta_write_attributes(meta, &output, NULL), 0);
    assert_int_equal(tsr_output_append(&output, "", 1, NULL), 0);
    assert_same_json(output.data, "{\"a\":1,\"_ARRAY_DIMENSIONS\":[\"y\",\"x\"]}");
    tsri_zarr_meta_free(meta);
}

static void new_v2_nodes_without_anything(void **state)
{
    (void)state;
    tsri_zarr_meta_options options = TSRI_ZARR_META_OPTIONS_INIT;
    options.zarr_format = 2;
    options.is_group = true;
    tsri_zarr_meta *meta = built(&options);
    assert_document(meta, "{\"zarr_format\":2}");
    assert_null(meta->attributes);
    tsr_auto(tsri_output) output = TSRI_OUTPUT_INIT(SIZE_MAX);
    assert_int_equal(tsri_zarr_meta_write_attributes(meta, &output, NULL), 0);
    assert_memory_equal(output.data, "{}\n", 3);
    tsri_zarr_meta_free(meta);
    options.is_group = false;
    options.dtype = TSR_BOOL;
    options.dimension_names = (const char *const[]){NULL}; /* of rank 0 */
    meta = built(&options);
    assert_document(
        meta,
        "{\"zarr_format\":2,\"shape\":[],\"chunks\":[],\"dtype\":\"|b1\",\"fill_value\":false,"
        "\"order\":\"C\",\"dimension_separator\":\".\",\"compressor\":null,\"filters\":null}");
    assert_true(meta->dimension_names != NULL);
    tsri_zarr_meta_free(meta);
}

typedef struct fill_row {
    const tsr_dtype *dtype;
    uint64_t bits;
    const char *v3, *v2;
} fill_row;

static void fill_values_are_written_so_that_they_read_back(void **state)
{
    (void)state;
    const tsr_dtype *r24 = NULL, *r32 = NULL;
    assert_int_equal(tsr_dtype_raw(3, &r24, NULL), 0);
    assert_int_equal(tsr_dtype_raw(4, &r32, NULL), 0);
    const fill_row rows[] = {
        {TSR_BOOL, 1, "true", "true"},
        {TSR_UINT64, UINT64_MAX, "18446744073709551615", "18446744073709551615"},
        {TSR_INT64, UINT64_C(1) << 63, "-9223372036854775808", "-9223372036854775808"},
        {TSR_FLOAT16, 0x7e01, "\"0x7e01\"", NULL},
        {TSR_FLOAT32, 0x3dcccccd, "0.1", "0.1"},
        {TSR_FLOAT32, 0x7fc00000, "\"NaN\"", "\"NaN\""},
        {TSR_FLOAT32, 0xffc00001, "\"0xffc00001\"", NULL},
        {TSR_FLOAT32, 0x80000000, "-0.0", "-0.0"},
        {TSR_FLOAT64, 0xfff0000000000000, "\"-Infinity\"", "\"-Infinity\""},
        {TSR_COMPLEX64, 0x7f8000003f800000, "[1.0,\"Infinity\"]", "[1.0,\"Infinity\"]"},
        {TSR_COMPLEX64, 0xffc0000100000000, "[0.0,\"0xffc00001\"]", NULL},
        {r24, 0xff0201, "[1,2,255]", "\"AQL/\""},
        {r32, 0x04030201, "[1,2,3,4]", "\"AQIDBA==\""},
    };
    for (size_t i = 0; i < TSRI_COUNT(rows); i++)
        for (int format = 2; format <= 3; format++) {
            tsri_zarr_meta_options options = small_array();
            options.zarr_format = format;
            options.codec_count = format == 3;
            options.dtype = rows[i].dtype;
            options.fill_value = &rows[i].bits;
            tsri_zarr_meta *meta = built(&options);
            tsri_json *value = NULL;
            assert_true(json_object_object_get_ex(meta->document, "fill_value", &value));
            tsr_auto(tsri_output) output = TSRI_OUTPUT_INIT(SIZE_MAX);
            assert_int_equal(tsr_json_write(value, 0, &output, NULL), 0);
            assert_int_equal(tsr_output_append(&output, "", 1, NULL), 0);
            const char *expected = format == 3 ? rows[i].v3 : rows[i].v2;
            if (expected != NULL) {
                assert_string_equal(output.data, expected);
                assert_fill(meta, &rows[i].bits);
            } else {
                /* v2 knows one NaN; what it writes is what it then means. */
                assert_non_null(strstr(output.data, "\"NaN\""));
                assert_null(strstr(output.data, "0x"));
                assert_memory_not_equal(meta->fill_value, &rows[i].bits, rows[i].dtype->size_bytes);
            }
            tsri_zarr_meta_free(meta);
        }
    tsr_dtype_unref(r24);
    tsr_dtype_unref(r32);
}

static void no_fill_value_means_zero(void **state)
{
    (void)state;
    const tsr_dtype *const types[] = {TSR_BOOL, TSR_INT16, TSR_FLOAT32, TSR_COMPLEX128};
    static const char *const texts[] = {"false", "0", "0.0", "[0.0,0.0]"};
    for (size_t i = 0; i < TSRI_COUNT(types); i++) {
        tsri_zarr_meta_options options = small_array();
        options.dtype = types[i];
        tsri_zarr_meta *meta = built(&options);
        tsri_json *value = NULL;
        assert_true(json_object_object_get_ex(meta->document, "fill_value", &value));
        tsr_auto(tsri_output) output = TSRI_OUTPUT_INIT(SIZE_MAX);
        assert_int_equal(tsr_json_write(value, 0, &output, NULL), 0);
        assert_int_equal(tsr_output_append(&output, "", 1, NULL), 0);
        assert_string_equal(output.data, texts[i]);
        tsri_zarr_meta_free(meta);
    }
}

static void refused(const tsri_zarr_meta_options *options, int status, const char *message)
{
    tsri_zarr_meta *meta = NULL;
    tsr_error err = TSR_ERROR_INIT;
    int found = tsri_zarr_meta_build(context, options, &meta, &err);
    if (found != status || err.status != status || meta != NULL ||
        strstr(err.message, message) == NULL)
        fail_msg("status %d, %s; expected %d, %s", found, err.message, status, message);
}

static void wrong_options_are_refused(void **state)
{
    (void)state;
    tsri_zarr_meta_options options = small_array();
    options.zarr_format = 4;
    refused(&options, TSR_INVALID_ARGUMENT, "there is no Zarr format 4");
    options = small_array();
    options.rank = 33;
    refused(&options, TSR_INVALID_ARGUMENT, "rank 33 is not in 0 .. 32");
    options.rank = -1;
    refused(&options, TSR_INVALID_ARGUMENT, "rank -1 is not in 0 .. 32");
    options = small_array();
    options.dtype = NULL;
    refused(&options, TSR_INVALID_ARGUMENT, "an array needs a data type");
    options = small_array();
    options.shape = (const int64_t[]){10, -20};
    refused(&options, TSR_INVALID_ARGUMENT, "/shape/1: -20 is not in 0");
    options = small_array();
    options.chunk_shape = (const int64_t[]){0, 20};
    refused(&options, TSR_INVALID_ARGUMENT, "/chunk_shape/0: 0 is not in 1");
    options.chunk_shape = (const int64_t[]){INT64_MAX, INT64_MAX};
    refused(&options, TSR_LIMIT, "a chunk of more than 2^63-1 bytes");
    options = small_array();
    options.codec_count = 0;
    refused(&options, TSR_INVALID_ARGUMENT, "/codecs: must not be empty");
    options = small_array();
    options.codecs = &(tsri_codec_spec){"bytes", "[]", 3};
    refused(&options, TSR_INVALID_ARGUMENT, "/codecs/0/configuration: must be an object");
    options = small_array();
    options.chunk_keys = "{\"name\":\"v2\",\"configuration\":{\"separator\":\"-\"}}";
    refused(&options, TSR_INVALID_ARGUMENT, "/chunk_key_encoding/configuration/separator");
    options = small_array();
    options.dimension_names = (const char *const[]){"caf\xe9", NULL};
    refused(&options, TSR_INVALID_ARGUMENT, "not valid UTF-8");
    /* Attributes cannot smuggle in other fields. */
    static const char *const attributes[] = {
        "[]",   "null", "", "{", "{}}", "{},\"shape\":[1]", "{\"a\":NaN}", "{\"a\":1,\"a\":2}",
        "{} {}"};
    for (size_t i = 0; i < TSRI_COUNT(attributes); i++) {
        options = small_array();
        options.attributes = attributes[i];
        refused(&options, TSR_INVALID_ARGUMENT, "attributes: /");
    }
}

static void wrong_options_of_v2_are_refused(void **state)
{
    (void)state;
    tsri_zarr_meta_options options = small_array();
    options.zarr_format = 2;
    options.codec_count = 0;
    options.order = 'A';
    refused(&options, TSR_INVALID_ARGUMENT, "/order: \"A\" is neither");
    options.order = 'C';
    options.separator = '-';
    refused(&options, TSR_INVALID_ARGUMENT, "/dimension_separator: \"-\" is neither");
    options.separator = '.';
    options.dimension_names = (const char *const[]){"y", NULL};
    refused(&options, TSR_INVALID_ARGUMENT, "axis 1 has no name");
    options.dimension_names = NULL;
    options.compressor = &(tsri_codec_spec){"zlib", "5", 2};
    refused(&options, TSR_INVALID_ARGUMENT,
            "the configuration of codec \"zlib\" is no JSON object");
    options.compressor = NULL;
    options.shape = (const int64_t[]){10, -1};
    refused(&options, TSR_INVALID_ARGUMENT, "/shape/1: -1 is not in 0");
}

/* ---- changes ---- */

static const char v3_with_extras[] =
    "{\"node_type\":\"array\",\"shape\":[10],\"data_type\":\"float32\",\"ext\":{\"must_understand\":false,\"v\":1.50},"
    "\"chunk_grid\":{\"name\":\"regular\",\"configuration\":{\"chunk_shape\":[4]}},\"chunk_key_encoding\":\"default\","
    "\"fill_value\":\"0x7fc00001\",\"codecs\":[\"bytes\"],\"zarr_format\":3,\"storage_transformers\":[]%s}";

static tsri_zarr_meta *parsed_v3(const char *tail)
{
    char text[1000];
    snprintf(text, sizeof text, v3_with_extras, tail);
    tsri_zarr_document document = document_of("zarr.json", text);
    tsri_zarr_meta *meta = NULL;
    tsr_error err = TSR_ERROR_INIT;
    if (tsri_zarr3_meta_parse(context, &document, &meta, &err) != 0)
        fail_msg("%s", err.message);
    return meta;
}

static void assert_v3(const tsri_zarr_meta *meta, const char *tail)
{
    char text[1000];
    snprintf(text, sizeof text, v3_with_extras, tail);
    assert_document(meta, text);
}

static void changing_attributes_keeps_everything_else(void **state)
{
    (void)state;
    tsri_zarr_meta *meta = parsed_v3(",\"attributes\":{\"old\":1}"), *changed = NULL;
    assert_int_equal(
        tsri_zarr_meta_with_attributes(context, meta, "{\"new\": [1.0]}", &changed, NULL), 0);
    assert_v3(changed, ",\"attributes\":{\"new\":[1.0]}");
    assert_v3(meta, ",\"attributes\":{\"old\":1}"); /* the first one is as it was */
    tsri_zarr_meta_free(meta);
    meta = changed;
    assert_int_equal(tsri_zarr_meta_with_attributes(context, meta, NULL, &changed, NULL), 0);
    assert_v3(changed, "");
    assert_null(changed->attributes);
    tsri_zarr_meta_free(meta);
    meta = changed;
    assert_int_equal(tsri_zarr_meta_with_attributes(context, meta, "{}", &changed, NULL), 0);
    assert_v3(changed, ",\"attributes\":{}");
    tsri_zarr_meta_free(changed);
    static const char *const bad[] = {"[]", "{", "{\"a\":NaN}", "{},\"x\":1"};
    for (size_t i = 0; i < TSRI_COUNT(bad); i++) {
        tsr_error err = TSR_ERROR_INIT;
        changed = NULL;
        assert_int_equal(tsri_zarr_meta_with_attributes(context, meta, bad[i], &changed, &err),
                         TSR_INVALID_ARGUMENT);
        assert_true(strncmp(err.message, "attributes: /", 13) == 0 && changed == NULL);
    }
    tsri_zarr_meta_free(meta);
}

static void changing_the_shape_keeps_everything_else(void **state)
{
    (void)state;
    tsri_zarr_meta *meta = parsed_v3(",\"attributes\":{\"old\":1}"), *changed = NULL;
    assert_int_equal(
        tsri_zarr_meta_with_shape(context, meta, (int64_t[]){INT64_MAX}, NULL, &changed, NULL), 0);
    assert_true(changed->shape[0] == INT64_MAX && meta->shape[0] == 10);
    assert_lengths(changed->chunk_shape, meta->chunk_shape, 1);
    assert_fill(changed, &(uint32_t){0x7fc00001});
    tsri_zarr_meta *back = NULL;
    assert_int_equal(
        tsri_zarr_meta_with_shape(context, changed, (int64_t[]){10}, NULL, &back, NULL), 0);
    assert_v3(back, ",\"attributes\":{\"old\":1}");
    tsri_zarr_meta_free(back);
    tsri_zarr_meta_free(changed);
    tsr_error err = TSR_ERROR_INIT;
    assert_int_equal(
        tsri_zarr_meta_with_shape(context, meta, (int64_t[]){-1}, NULL, &changed, &err),
        TSR_INVALID_ARGUMENT);
    assert_non_null(strstr(err.message, "/shape/0: -1 is not in 0"));
    tsri_zarr_meta_free(meta);
}

static void changes_of_groups_and_of_v2(void **state)
{
    (void)state;
    tsri_zarr_meta_options options = TSRI_ZARR_META_OPTIONS_INIT;
    options.is_group = true;
    tsri_zarr_meta *meta = built(&options), *changed = NULL;
    tsr_error err = TSR_ERROR_INIT;
    assert_int_equal(tsri_zarr_meta_with_shape(context, meta, NULL, NULL, &changed, &err),
                     TSR_INVALID_ARGUMENT);
    assert_string_equal(err.message, "a group has no shape");
    assert_int_equal(tsri_zarr_meta_with_attributes(context, meta, "{\"a\":1}", &changed, &err), 0);
    assert_document(changed,
                    "{\"zarr_format\":3,\"node_type\":\"group\",\"attributes\":{\"a\":1}}");
    tsri_zarr_meta_free(changed);
    tsri_zarr_meta_free(meta);

    options = small_array();
    options.zarr_format = 2;
    options.codec_count = 0;
    options.attributes = "{\"a\":NaN}"; /* what v2 reads it also writes */
    meta = built(&options);
    assert_int_equal(
        tsri_zarr_meta_with_shape(context, meta, (int64_t[]){1, 2}, NULL, &changed, &err), 0);
    assert_true(json_object_object_get_ex(changed->attributes, "a", NULL));
    assert_true(changed->shape[1] == 2);
    tsri_zarr_meta_free(changed);
    assert_int_equal(tsri_zarr_meta_with_attributes(
                         context, meta, "{\"_ARRAY_DIMENSIONS\":[\"p\",\"q\"]}", &changed, &err),
                     0);
    assert_names(changed, "p,q");
    assert_lengths(changed->shape, meta->shape, 2);
    tsri_zarr_meta_free(changed);
    assert_int_equal(tsri_zarr_meta_with_attributes(context, meta, NULL, &changed, &err), 0);
    assert_null(changed->attributes);
    tsri_zarr_meta_free(changed);
    tsri_zarr_meta_free(meta);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_v3_arrays_are_written_in_the_long_form),
        cmocka_unit_test(documents_are_pretty),
        cmocka_unit_test(new_v2_arrays_are_written),
        cmocka_unit_test(new_v2_nodes_without_anything),
        cmocka_unit_test(fill_values_are_written_so_that_they_read_back),
        cmocka_unit_test(no_fill_value_means_zero),
        cmocka_unit_test(wrong_options_are_refused),
        cmocka_unit_test(wrong_options_of_v2_are_refused),
        cmocka_unit_test(changing_attributes_keeps_everything_else),
        cmocka_unit_test(changing_the_shape_keeps_everything_else),
        cmocka_unit_test(changes_of_groups_and_of_v2),
    };
    return cmocka_run_group_tests(tests, make_context, free_context);
}
