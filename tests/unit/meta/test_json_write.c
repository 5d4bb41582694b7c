/* Proves the text that the writer makes: pretty and compact form, escapes, exact numbers, and that
 * the parser reads it back as the same value. */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <tessera/array.h>

#include "base/output.h"
#include "meta/json.h"

static void assert_written(tsri_json *value, int indent, const char *expected)
{
    tsr_auto(tsri_output) output = TSRI_OUTPUT_INIT(SIZE_MAX);
    tsr_error err = TSR_ERROR_INIT;
    if (tsr_json_write(value, indent, &output, &err) != 0)
        fail_msg("%s", err.message);
    assert_int_equal(tsr_output_append(&output, "", 1, &err), 0);
    assert_string_equal(output.data, expected);
}

static tsri_json *parsed(const char *text)
{
    tsr_error err = TSR_ERROR_INIT;
    tsri_json *value = NULL;
    if (tsr_json_parse(text, strlen(text), TSR_JSON_ALLOW_NAN, 0, &value, &err) != 0)
        fail_msg("%s", err.message);
    return value;
}

static void pretty_form(void **state)
{
    (void)state;
    tsri_json *value =
        parsed("{\"shape\":[10,20],\"codecs\":[{\"name\":\"bytes\",\"configuration\":{\"endian\":"
               "\"little\"}},[1,[2]]],\"attributes\":{},\"names\":[],\"fill\":null,\"ok\":true}");
    assert_written(value, 2,
                   "{\n"
                   "  \"shape\": [10, 20],\n"
                   "  \"codecs\": [\n"
                   "    {\n"
                   "      \"name\": \"bytes\",\n"
                   "      \"configuration\": {\n"
                   "        \"endian\": \"little\"\n"
                   "      }\n"
                   "    },\n"
                   "    [\n"
                   "      1,\n"
                   "      [2]\n"
                   "    ]\n"
                   "  ],\n"
                   "  \"attributes\": {},\n"
                   "  \"names\": [],\n"
                   "  \"fill\": null,\n"
                   "  \"ok\": true\n"
                   "}");
    json_object_put(value);
}

static void compact_form_keeps_numbers_as_they_were(void **state)
{
    (void)state;
    static const char text[] =
        "{\"a\":[1.0,1e5,1E+05,0.10,-0,-0.0,1e400,18446744073709551615,9223372036854775807,"
        "9223372036854775808,-9223372036854775808,NaN,Infinity,-Infinity],\"b\":[{}],\"c\":[]}";
    tsri_json *value = parsed(text);
    assert_written(value, 0, text);
    json_object_put(value);
}

static void new_doubles_get_the_shortest_decimals(void **state)
{
    (void)state;
    static const struct {
        double number;
        const char *text;
    } rows[] = {{0.1, "0.1"},
                {1.0 / 3, "0.3333333333333333"},
                {5e-324, "4.94065645841247e-324"},
                {1.7976931348623157e308, "1.7976931348623157e+308"},
                {2.0, "2.0"},
                {-0.0, "-0.0"},
                {1e22, "1e+22"},
                {123456789012345678.0, "1.2345678901234568e+17"}};
    setlocale(LC_ALL, "de_DE.UTF-8");
    for (size_t i = 0; i < TSRI_COUNT(rows); i++) {
        tsri_json *value = json_object_new_double(rows[i].number);
        assert_written(value, 0, rows[i].text);
        json_object_put(value);
    }
    setlocale(LC_ALL, "C");
}

static void strings_are_escaped_minimally(void **state)
{
    (void)state;
    static const char text[] = "a\"\\/\b\f\n\r\t\x01\x1f\x7f\0\xc3\xa9\xf0\x9f\x98\x80";
    tsri_json *value = json_object_new_string_len(text, sizeof text - 1);
    assert_written(
        value, 0, "\"a\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\\u0000\xc3\xa9\xf0\x9f\x98\x80\"");
    json_object_put(value);
    tsri_json *object = json_object_new_object();
    json_object_object_add(object, "q\"\n", json_object_new_int(1));
    assert_written(object, 0, "{\"q\\\"\\n\":1}");
    json_object_put(object);
}

static void what_is_not_utf8_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"caf\xe9", "\xff", "\xed\xa0", "\xed\xa0x", "\xc3"};
    for (size_t i = 0; i < TSRI_COUNT(texts); i++) {
        tsr_auto(tsri_output) output = TSRI_OUTPUT_INIT(SIZE_MAX);
        tsr_error err = TSR_ERROR_INIT;
        assert_int_equal(tsr_json_quote(texts[i], &output, &err), TSR_INVALID_ARGUMENT);
        assert_non_null(strstr(err.message, "not valid UTF-8"));
    }
}

static void output_limits_are_obeyed(void **state)
{
    (void)state;
    static const char text[] = "[1,2,3,{\"a\":\"b\\n\"},1.5,null]";
    tsri_json *value = parsed(text);
    for (size_t limit = 0; limit < strlen(text); limit++) {
        tsr_auto(tsri_output) output = TSRI_OUTPUT_INIT(limit);
        assert_int_equal(tsr_json_write(value, 0, &output, NULL), TSR_LIMIT);
    }
    tsr_auto(tsri_output) output = TSRI_OUTPUT_INIT(strlen(text));
    assert_int_equal(tsr_json_write(value, 0, &output, NULL), 0);
    json_object_put(value);
}

static void endless_depth_is_refused(void **state)
{
    (void)state;
    tsri_json *root = json_object_new_array(), *innermost = root;
    for (int depth = 0; depth < 1000; depth++) {
        tsri_json *next = json_object_new_array();
        json_object_array_add(innermost, next);
        innermost = next;
    }
    tsr_auto(tsri_output) output = TSRI_OUTPUT_INIT(SIZE_MAX);
    assert_int_equal(tsr_json_write(root, 2, &output, NULL), TSR_LIMIT);
    json_object_put(root);
}

static void text_of_its_own(void **state)
{
    (void)state;
    static const char text[] = "{\"a\":[1,2.50],\"b\":\"\\u0000x\"}";
    tsri_json *value = parsed(text);
    char *written = NULL;
    assert_int_equal(tsr_json_text(value, 0, &written, NULL), 0);
    assert_string_equal(written, text);
    tsr_free(written);
    json_object_put(value);

    value = json_object_new_string("\xff");
    written = NULL;
    assert_int_equal(tsr_json_text(value, 0, &written, NULL), TSR_INVALID_ARGUMENT);
    assert_null(written);
    json_object_put(value);
    assert_int_equal(tsr_json_text(NULL, 2, &written, NULL), 0);
    assert_string_equal(written, "null");
    tsr_free(written);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pretty_form),
        cmocka_unit_test(compact_form_keeps_numbers_as_they_were),
        cmocka_unit_test(new_doubles_get_the_shortest_decimals),
        cmocka_unit_test(strings_are_escaped_minimally),
        cmocka_unit_test(what_is_not_utf8_is_refused),
        cmocka_unit_test(output_limits_are_obeyed),
        cmocka_unit_test(endless_depth_is_refused),
        cmocka_unit_test(text_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
