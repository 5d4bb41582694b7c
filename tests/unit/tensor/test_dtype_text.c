/* Proves that texts and bytes of fixed length go through JSON as the registry says, with every
 * escape and without what does not fit, and that casts between lengths fill up, refuse or cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <tessera/view.h>

static const tsr_dtype *type(const char *name)
{
    const tsr_dtype *dtype;
    assert_int_equal(tsr_dtype_parse(name, &dtype, NULL), 0);
    return dtype;
}

static void test_names(void **state)
{
    const tsr_dtype *text = type("<U3"), *bytes = type("|S12");
    (void)state;
    assert_string_equal(text->name, "U3");
    assert_int_equal(text->kind, TSR_KIND_TEXT);
    assert_int_equal(text->size_bytes, 12);
    assert_int_equal(text->component_bytes, 4);
    assert_string_equal(bytes->name, "S12");
    assert_int_equal(bytes->kind, TSR_KIND_BYTES);
    assert_int_equal(bytes->size_bytes, 12);
    assert_int_equal(bytes->component_bytes, 1);
    assert_false(tsr_dtype_equal(text, bytes));
    tsr_dtype_unref(text);
    text = type("U4");
    const tsr_dtype *again = type("U4");
    assert_true(tsr_dtype_equal(text, again));
    tsr_dtype_unref(text);
    tsr_dtype_unref(again);
    tsr_dtype_unref(bytes);
    assert_int_equal(tsr_dtype_fixed_text(TSR_KIND_TEXT, 0, &text, NULL), TSR_INVALID_ARGUMENT);
    assert_int_equal(tsr_dtype_fixed_text(TSR_KIND_TEXT, 262145, &text, NULL),
                     TSR_INVALID_ARGUMENT);
    assert_int_equal(tsr_dtype_fixed_text(TSR_KIND_BYTES, 1048577, &text, NULL),
                     TSR_INVALID_ARGUMENT);
    assert_int_equal(tsr_dtype_fixed_text(TSR_KIND_RAW, 4, &text, NULL), TSR_INVALID_ARGUMENT);
}

static void test_text(void **state)
{
    static const struct {
        const char *read, *written;
        uint32_t value[4];
    } cases[] = {
        {"\"Hi\"", "\"Hi\"", {'H', 'i'}},
        {"\"\"", "\"\"", {0}},
        {"\"abcd\"", "\"abcd\"", {'a', 'b', 'c', 'd'}},
        {"\"\\u00e9\\u20AC\"", "\"\xc3\xa9\xe2\x82\xac\"", {0xe9, 0x20ac}},
        {"\"\\ud83d\\ude00x\"", "\"\xf0\x9f\x98\x80x\"", {0x1f600, 'x'}},
        {"\"\\\"\\\\\\/\\n\"", "\"\\\"\\\\/\\n\"", {'"', '\\', '/', '\n'}},
        {"\"\\b\\f\\r\\t\"", "\"\\b\\f\\r\\t\"", {8, 12, 13, 9}},
        {"\"\\u0001\\u007f\"", "\"\\u0001\x7f\"", {1, 0x7f}},
        {"\"a\\u0000b\\u0000\"", "\"a\\u0000b\"", {'a', 0, 'b', 0}},
    };
    static const char *const refused[] = {
        "\"abcde\"",          "abc",       "\"abc",     "\"\\ud83d\"",     "\"\\ude00\"",
        "\"\\ud83d\\u0041\"", "\"\\x41\"", "\"\\u12\"", "\"\xff\"",        "\"\xc3\"",
        "\"a\nb\"",           "12",        "\"ab\"x",   "\"\xed\xa0\x80\""};
    const tsr_dtype *dtype = type("U4");
    uint32_t element[4];
    char text[128];
    (void)state;
    assert_true(tsr_dtype_text_max(dtype) <= sizeof text);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        memset(element, 0x55, sizeof element);
        assert_int_equal(tsr_dtype_parse_element(dtype, cases[i].read, element, NULL), 0);
        assert_memory_equal(element, cases[i].value, sizeof element);
        assert_int_equal(tsr_dtype_format_element(dtype, element, text, sizeof text),
                         strlen(cases[i].written));
        assert_string_equal(text, cases[i].written);
    }
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        if (tsr_dtype_parse_element(dtype, refused[i], element, NULL) != TSR_INVALID_ARGUMENT)
            fail_msg("%s is taken", refused[i]);
    /* What is no character has no JSON. */
    const uint32_t broken[4] = {0xd800, 0x110000, 'a', 0xffffffff};
    tsr_dtype_format_element(dtype, broken, text, sizeof text);
    assert_string_equal(text, "\"\xef\xbf\xbd\xef\xbf\xbd"
                              "a\xef\xbf\xbd\"");
    tsr_dtype_unref(dtype);
}

static void test_bytes(void **state)
{
    const tsr_dtype *dtype = type("S5");
    char element[5], text[128];
    (void)state;
    assert_int_equal(tsr_dtype_parse_element(dtype, "\"YWI=\"", element, NULL), 0);
    assert_memory_equal(element, "ab\0\0\0", 5);
    tsr_dtype_format_element(dtype, element, text, sizeof text);
    assert_string_equal(text, "\"YWI=\"");
    assert_int_equal(tsr_dtype_parse_element(dtype, "\"AP8BAgM=\"", element, NULL), 0);
    assert_memory_equal(element, "\0\xff\1\2\3", 5);
    tsr_dtype_format_element(dtype, element, text, sizeof text);
    assert_string_equal(text, "\"AP8BAgM=\"");
    assert_int_equal(tsr_dtype_parse_element(dtype, "\"\"", element, NULL), 0);
    assert_memory_equal(element, "\0\0\0\0\0", 5);
    static const char *const refused[] = {"\"AP8BAgME\"", "\"YWI\"", "\"YW=\"", "\"Y?I=\"", "ab"};
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        assert_int_equal(tsr_dtype_parse_element(dtype, refused[i], element, NULL),
                         TSR_INVALID_ARGUMENT);
    tsr_dtype_unref(dtype);
}

static void test_casts(void **state)
{
    const tsr_dtype *longer = type("S4"), *shorter = type("S2"), *text = type("U2");
    static const int64_t shape[] = {3};
    const char from[] = "ab\0\0c\0\0\0\0\0\0\0";
    char to[6], back[12];
    tsr_view a, b;
    tsr_error err = TSR_ERROR_INIT;
    (void)state;
    assert_int_equal(tsr_view_init(&b, longer, 1, shape, (void *)from, NULL), 0);
    assert_int_equal(tsr_view_init(&a, shorter, 1, shape, to, NULL), 0);
    assert_int_equal(tsr_view_copy(&a, &b, TSR_CASTING_SAFE, NULL), TSR_TYPE_MISMATCH);
    assert_int_equal(tsr_view_copy(&a, &b, TSR_CASTING_SAME_KIND, NULL), 0);
    assert_memory_equal(to, "abc\0\0\0", 6);
    assert_int_equal(tsr_view_init(&b, longer, 1, shape, back, NULL), 0);
    assert_int_equal(tsr_view_copy(&b, &a, TSR_CASTING_SAFE, NULL), 0);
    assert_memory_equal(back, from, 12);
    memcpy(back + 4, "xyz", 3);
    assert_int_equal(tsr_view_copy(&a, &b, TSR_CASTING_SAME_KIND, &err), TSR_OUT_OF_BOUNDS);
    assert_string_equal(err.message, "the S4 \"eHl6\" at [1] does not fit into S2");
    assert_int_equal(tsr_view_copy(&a, &b, TSR_CASTING_UNSAFE, NULL), 0);
    assert_memory_equal(to + 2, "xy", 2);
    assert_false(tsr_dtype_can_cast(text, TSR_INT8, TSR_CASTING_UNSAFE));
    assert_false(tsr_dtype_can_cast(TSR_INT8, text, TSR_CASTING_UNSAFE));
    tsr_dtype_unref(longer);
    tsr_dtype_unref(shorter);
    tsr_dtype_unref(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_casts),
    };
    return cmocka_run_group_tests_name("tensor.dtype_text", tests, NULL, NULL);
}
