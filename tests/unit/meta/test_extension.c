/* Proves how extension objects and codec lists are read (both forms, of both Zarr formats) and
 * written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/output.h"
#include "meta/extension.h"

static tsri_json *parsed(const char *text)
{
    tsri_json *value = NULL;
    assert_int_equal(tsr_json_parse(text, strlen(text), 0, 0, &value, NULL), 0);
    return value;
}

static void both_forms_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text, *name;
        bool configured, must_understand;
    } rows[] = {
        {"\"bytes\"", "bytes", false, true},
        {"{\"name\":\"bytes\"}", "bytes", false, true},
        {"{\"name\":\"numcodecs.zstd\",\"configuration\":{}}", "numcodecs.zstd", true, true},
        {"{\"name\":\"a-b_c.d9\",\"must_understand\":false}", "a-b_c.d9", false, false},
        {"{\"name\":\"r8\",\"must_understand\":true}", "r8", false, true},
        {"\"https://codecs.example.org/x?y=1\"", "https://codecs.example.org/x?y=1", false, true},
        {"{\"name\":\"gzip\",\"extra\":{\"must_understand\":false}}", "gzip", false, true},
    };
    for (size_t i = 0; i < TSRI_COUNT(rows); i++) {
        tsri_json *value = parsed(rows[i].text);
        tsri_extension extension = {0};
        tsr_error err = TSR_ERROR_INIT;
        if (tsri_extension_parse(value, "/x", &extension, &err) != 0)
            fail_msg("%s: %s", rows[i].text, err.message);
        assert_string_equal(extension.name, rows[i].name);
        assert_int_equal(extension.configuration != NULL, rows[i].configured);
        assert_int_equal(extension.must_understand, rows[i].must_understand);
        json_object_put(value);
    }
}

static void malformed_extensions_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } rows[] = {
        {"1", "/x: must be an object with a \"name\", or a name, not an integer"},
        {"null", "/x: must be an object with a \"name\", or a name, not null"},
        {"[\"bytes\"]", "/x: must be an object with a \"name\", or a name, not an array"},
        {"\"\"", "/x: \"\" is no name of an extension"},
        {"\"Bytes\"", "/x: \"Bytes\" is no name of an extension"},
        {"\"9bytes\"", "/x: \"9bytes\" is no name of an extension"},
        {"\"by tes\"", "/x: \"by tes\" is no name of an extension"},
        {"\"caf\xc3\xa9\"", "/x: \"caf\xc3\xa9\" is no name of an extension"},
        {"\":x\"", "/x: \":x\" is no name of an extension"},
        {"\"bytes\\u0000\"", "/x: this name holds U+0000"},
        {"{}", "/x/name: this required field is missing"},
        {"{\"name\":5}", "/x/name: must be a string, not an integer"},
        {"{\"name\":\"b\"}", "/x/name: \"b\" is no name of an extension"},
        {"{\"name\":\"bytes\",\"configuration\":null}",
         "/x/configuration: must be an object, not null"},
        {"{\"name\":\"bytes\",\"configuration\":[]}",
         "/x/configuration: must be an object, not an array"},
        {"{\"name\":\"bytes\",\"must_understand\":0}",
         "/x/must_understand: must be true or false, not an integer"},
        {"{\"name\":\"bytes\",\"config\":{}}",
         "/x/config: this field is not known, and readers must understand it"},
    };
    for (size_t i = 0; i < TSRI_COUNT(rows); i++) {
        tsri_json *value = parsed(rows[i].text);
        tsri_extension extension = {.name = "before"};
        tsr_error err = TSR_ERROR_INIT;
        assert_int_equal(tsri_extension_parse(value, "/x", &extension, &err), TSR_BAD_METADATA);
        if (strncmp(err.message, rows[i].message, strlen(rows[i].message)) != 0)
            fail_msg("%s: %s", rows[i].text, err.message);
        assert_string_equal(extension.name, "before");
        json_object_put(value);
    }
}

static void codec_lists_are_read_and_written_in_the_long_form(void **state)
{
    (void)state;
    tsri_json *list = parsed(
        "[\"crc32c\",{\"name\":\"transpose\",\"configuration\":{\"order\":[1,0],\"x\":1.50}},"
        "{\"name\":\"bytes\",\"configuration\":{}},"
        "{\"name\":\"https://e.org/\\\"q\",\"must_understand\":false}]");
    tsr_auto(tsri_arena) arena = TSRI_ARENA_INIT;
    const tsri_codec_spec *codecs = NULL;
    int count = 0;
    tsr_error err = TSR_ERROR_INIT;
    assert_int_equal(tsri_codec_specs_parse(list, "/codecs", &arena, &codecs, &count, &err), 0);
    json_object_put(list); /* what was read lives in the arena */
    assert_int_equal(count, 4);
    static const char *const names[] = {"crc32c", "transpose", "bytes", "https://e.org/\"q"};
    static const char *const configurations[] = {"{}", "{\"order\":[1,0],\"x\":1.50}", "{}", "{}"};
    for (int i = 0; i < count; i++) {
        assert_string_equal(codecs[i].name, names[i]);
        assert_string_equal(codecs[i].configuration, configurations[i]);
        assert_int_equal(codecs[i].zarr_format, 3);
    }
    tsr_auto(tsri_output) output = TSRI_OUTPUT_INIT(SIZE_MAX);
    assert_int_equal(tsri_codec_specs_write(codecs, count, &output, &err), 0);
    assert_int_equal(tsr_output_append(&output, "", 1, &err), 0);
    assert_string_equal(output.data,
                        "[{\"name\":\"crc32c\"},"
                        "{\"name\":\"transpose\",\"configuration\":{\"order\":[1,0],\"x\":1.50}},"
                        "{\"name\":\"bytes\"},{\"name\":\"https://e.org/\\\"q\"}]");
}

static void faults_in_codec_lists_name_the_entry(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } rows[] = {
        {"{}", "/c: must be an array of codecs, not an object"},
        {"null", "/c: must be an array of codecs, not null"},
        {"[\"bytes\",3]", "/c/1: must be an object with a \"name\""},
        {"[\"bytes\",{\"name\":\"gzip\",\"configuration\":3}]",
         "/c/1/configuration: must be an object"},
    };
    for (size_t i = 0; i < TSRI_COUNT(rows); i++) {
        tsri_json *list = parsed(rows[i].text);
        tsr_auto(tsri_arena) arena = TSRI_ARENA_INIT;
        const tsri_codec_spec *codecs = NULL;
        int count = 7;
        tsr_error err = TSR_ERROR_INIT;
        assert_int_equal(tsri_codec_specs_parse(list, "/c", &arena, &codecs, &count, &err),
                         TSR_BAD_METADATA);
        assert_true(strncmp(err.message, rows[i].message, strlen(rows[i].message)) == 0);
        assert_true(codecs == NULL && count == 7);
        json_object_put(list);
    }
}

static void v2_codecs_are_an_id_and_the_rest(void **state)
{
    (void)state;
    static const struct {
        const char *text, *id, *configuration;
    } rows[] = {
        {"{\"id\":\"zlib\",\"level\":1}", "zlib", "{\"level\":1}"},
        {"{\"id\":\"crc32c\"}", "crc32c", "{}"},
        {"{\"cname\":\"lz4\",\"clevel\":\"5\",\"id\":\"blosc\",\"shuffle\":-1,\"a\\\"b\":[1.0,{\"id\":2}]}",
         "blosc",
         "{\"cname\":\"lz4\",\"clevel\":\"5\",\"shuffle\":-1,\"a\\\"b\":[1.0,{\"id\":2}]}"},
    };
    for (size_t i = 0; i < TSRI_COUNT(rows); i++) {
        tsri_json *value = parsed(rows[i].text);
        tsr_auto(tsri_arena) arena = TSRI_ARENA_INIT;
        tsri_codec_spec codec = {0};
        tsr_error err = TSR_ERROR_INIT;
        assert_int_equal(tsri_codec_spec_parse_v2(value, "/compressor", &arena, &codec, &err), 0);
        json_object_put(value);
        assert_string_equal(codec.name, rows[i].id);
        assert_string_equal(codec.configuration, rows[i].configuration);
        assert_int_equal(codec.zarr_format, 2);
    }
    static const char *const refused[][2] = {
        {"{}", "/compressor/id: this required field is missing"},
        {"{\"id\":\"\"}", "/compressor/id: must not be empty"},
        {"{\"id\":null}", "/compressor/id: must be a string, not null"},
        {"\"zlib\"", "/compressor: must be an object, not a string"},
    };
    for (size_t i = 0; i < TSRI_COUNT(refused); i++) {
        tsri_json *value = parsed(refused[i][0]);
        tsr_auto(tsri_arena) arena = TSRI_ARENA_INIT;
        tsri_codec_spec codec = {0};
        tsr_error err = TSR_ERROR_INIT;
        assert_int_equal(tsri_codec_spec_parse_v2(value, "/compressor", &arena, &codec, &err),
                         TSR_BAD_METADATA);
        assert_string_equal(err.message, refused[i][1]);
        json_object_put(value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_forms_are_read),
        cmocka_unit_test(malformed_extensions_are_refused),
        cmocka_unit_test(codec_lists_are_read_and_written_in_the_long_form),
        cmocka_unit_test(faults_in_codec_lists_name_the_entry),
        cmocka_unit_test(v2_codecs_are_an_id_and_the_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
