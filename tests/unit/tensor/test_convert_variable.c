/* Proves which casts exist between texts and bytes of fixed and of variable length, under which
 * rule, that nothing is lost without being asked for, and that cuts fall between characters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
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

static void test_rules(void **state)
{
    enum { NEVER = TSR_CASTING_UNSAFE + 1 };
    static const struct {
        const char *from, *to;
        int least;
    } rows[] = {{"U4", "string", TSR_CASTING_SAFE},
                {"string", "U4", TSR_CASTING_SAME_KIND},
                {"S4", "bytes", TSR_CASTING_SAFE},
                {"bytes", "S4", TSR_CASTING_SAME_KIND},
                {"string", "bytes", TSR_CASTING_SAFE},
                {"bytes", "string", TSR_CASTING_SAME_KIND},
                {"string", "S4", TSR_CASTING_SAME_KIND},
                {"S4", "string", TSR_CASTING_SAME_KIND},
                {"U4", "bytes", TSR_CASTING_SAFE},
                {"bytes", "U4", TSR_CASTING_SAME_KIND},
                {"U4", "S16", TSR_CASTING_SAME_KIND},
                {"S4", "U4", TSR_CASTING_SAME_KIND},
                {"U4", "r32", NEVER},
                {"S4", "r32", NEVER},
                {"U4", "int8", NEVER},
                {"M8[s]", "S4", NEVER},
                {"string", "int8", NEVER},
                {"float32", "string", NEVER},
                {"r8", "bytes", NEVER},
                {"bytes", "M8[s]", NEVER}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const tsr_dtype *from = type(rows[i].from), *to = type(rows[i].to);
        for (int rule = TSR_CASTING_NO; rule <= TSR_CASTING_UNSAFE; rule++)
            assert_int_equal(tsr_dtype_can_cast(from, to, (tsr_casting)rule),
                             rule >= rows[i].least);
        tsr_dtype_unref(from);
        tsr_dtype_unref(to);
    }
}

/* Both are given as fill-value JSON; `want` NULL: refused. */
static void cast(const char *from_name, const char *value, const char *to_name, tsr_casting casting,
                 const char *want)
{
    const tsr_dtype *from_type = type(from_name), *to_type = type(to_name);
    tsr_view from, to;
    char text[256];
    tsr_error err = TSR_ERROR_INIT;
    tsr_heap *heap;
    assert_int_equal(tsr_heap_new(&heap, NULL), 0);
    assert_int_equal(tsr_view_new(&from, from_type, 0, NULL, NULL), 0);
    assert_int_equal(tsr_view_new(&to, to_type, 0, NULL, NULL), 0);
    assert_int_equal(tsr_dtype_parse_element_into(from_type, value, heap, from.data, &err), 0);
    int status = tsr_view_copy(&to, &from, casting, &err);
    if (want) {
        assert_int_equal(status, 0);
        assert_true(tsr_dtype_format_element(to_type, to.data, text, sizeof text) > 0);
        assert_string_equal(text, want);
    } else {
        assert_int_equal(status, TSR_OUT_OF_BOUNDS);
        assert_non_null(strstr(err.message, "does not fit into"));
    }
    tsr_view_clear(&from);
    tsr_view_clear(&to);
    tsr_heap_unref(heap);
    tsr_dtype_unref(from_type);
    tsr_dtype_unref(to_type);
}

static void test_values(void **state)
{
    const tsr_casting safe = TSR_CASTING_SAFE, same = TSR_CASTING_SAME_KIND,
                      any = TSR_CASTING_UNSAFE;
    (void)state;
    cast("U20", "\"Zw\xc3\xb6lf Boxk\xc3\xa4mpfer\"", "string", safe,
         "\"Zw\xc3\xb6lf Boxk\xc3\xa4mpfer\"");
    cast("U4", "\"\\ud83d\\ude00\"", "string", safe, "\"\xf0\x9f\x98\x80\"");
    cast("U4", "\"\"", "string", safe, "\"\"");
    cast("string", "\"Zw\xc3\xb6lf\"", "U5", same, "\"Zw\xc3\xb6lf\"");
    cast("string", "\"Zw\xc3\xb6lf\"", "U4", same, NULL);
    cast("string", "\"Zw\xc3\xb6lf\"", "U4", any, "\"Zw\xc3\xb6l\"");
    cast("string", "\"a\\u0000\"", "U4", same, NULL);
    cast("string", "\"a\\u0000b\"", "U4", same, "\"a\\u0000b\"");
    cast("string", "\"a\\u0000\"", "U4", any, "\"a\"");
    cast("string", "\"a long string of text\"", "bytes", safe, "\"YSBsb25nIHN0cmluZyBvZiB0ZXh0\"");
    cast("bytes", "\"YSBsb25nIHN0cmluZyBvZiB0ZXh0\"", "string", same, "\"a long string of text\"");
    cast("bytes", "\"/w==\"", "string", same, NULL);
    cast("bytes", "\"/w==\"", "string", any, NULL);
    cast("bytes", "\"/w==\"", "U4", any, NULL);
    /* Both of fixed length; the base64 is that of "Zwö", of "Zw", of 0xff and of two zeros. */
    cast("U3", "\"Zw\xc3\xb6\"", "S4", same, "\"WnfDtg==\"");
    cast("U3", "\"Zw\xc3\xb6\"", "S3", same, NULL);
    cast("U3", "\"Zw\xc3\xb6\"", "S3", any, "\"Wnc=\"");
    cast("S4", "\"WnfDtg==\"", "U3", same, "\"Zw\xc3\xb6\"");
    cast("S4", "\"WnfDtg==\"", "U2", same, NULL);
    cast("S4", "\"WnfDtg==\"", "U2", any, "\"Zw\"");
    cast("S1", "\"/w==\"", "U4", any, NULL);
    cast("S2", "\"AAA=\"", "U4", same, "\"\"");
    cast("bytes", "\"AAH/\"", "S3", same, "\"AAH/\"");
    cast("bytes", "\"AAH/\"", "S2", same, NULL);
    cast("bytes", "\"AAH/\"", "S2", any, "\"AAE=\"");
    cast("bytes", "\"AQA=\"", "S2", same, NULL);
    cast("S3", "\"AAH/\"", "bytes", safe, "\"AAH/\"");
    cast("S3", "\"/w==\"", "string", same, NULL);
    cast("S3", "\"YWI=\"", "string", same, "\"ab\"");
    /* "a" and half of an umlaut would not be text. */
    cast("string", "\"a\xc3\xb6\"", "S2", any, "\"YQ==\"");
    cast("string", "\"a\xc3\xb6\"", "S3", same, "\"YcO2\"");
}

/* A code point that is none of Unicode is no text under any rule. */
static void test_no_character(void **state)
{
    const tsr_dtype *text = type("U1");
    uint32_t surrogate = 0xd800;
    tsr_view from, to;
    (void)state;
    assert_int_equal(tsr_view_init(&from, text, 0, NULL, &surrogate, NULL), 0);
    assert_int_equal(tsr_view_new(&to, TSR_STRING, 0, NULL, NULL), 0);
    assert_int_equal(tsr_view_copy(&to, &from, TSR_CASTING_UNSAFE, NULL), TSR_OUT_OF_BOUNDS);
    tsr_view_clear(&to);
    tsr_dtype_unref(text);
}

static void test_without_a_heap(void **state)
{
    const tsr_dtype *text = type("S13");
    tsr_slot slot = {.size_bytes = 0};
    char element[] = "thirteen byte";
    tsr_view from, to;
    tsr_error err = TSR_ERROR_INIT;
    (void)state;
    assert_int_equal(tsr_view_init(&from, text, 0, NULL, element, NULL), 0);
    assert_int_equal(tsr_view_init(&to, TSR_VARIABLE_BYTES, 0, NULL, &slot, NULL), 0);
    assert_int_equal(tsr_view_copy(&to, &from, TSR_CASTING_SAFE, &err), TSR_INVALID_ARGUMENT);
    assert_non_null(strstr(err.message, "no heap"));
    tsr_dtype_unref(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_no_character),
        cmocka_unit_test(test_without_a_heap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
