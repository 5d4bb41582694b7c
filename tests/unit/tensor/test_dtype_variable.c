/* Proves that strings and bytes of any length have the names and the JSON of the registry, with
 * every escape, and that no struct has them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <tessera/view.h>

static void test_names(void **state)
{
    static const struct {
        const char *name;
        const tsr_dtype *dtype;
    } rows[] = {{"string", TSR_STRING},
                {"bytes", TSR_VARIABLE_BYTES},
                {"variable_length_bytes", TSR_VARIABLE_BYTES},
                {"binary", TSR_VARIABLE_BYTES}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const tsr_dtype *dtype;
        assert_int_equal(tsr_dtype_parse(rows[i].name, &dtype, NULL), 0);
        assert_ptr_equal(dtype, rows[i].dtype);
    }
    assert_int_equal(TSR_STRING->size_bytes, 16);
    assert_true(tsr_dtype_is_variable(TSR_STRING));
    assert_false(tsr_dtype_is_variable(TSR_INT8));
    assert_false(tsr_dtype_equal(TSR_STRING, TSR_VARIABLE_BYTES));
}

static void expect(const tsr_dtype *dtype, const char *read, const char *bytes, size_t size_bytes,
                   const char *written)
{
    tsr_heap *heap;
    tsr_slot slot;
    char text[256];
    assert_int_equal(tsr_heap_new(&heap, NULL), 0);
    assert_int_equal(tsr_dtype_parse_element_into(dtype, read, heap, &slot, NULL), 0);
    assert_int_equal(slot.size_bytes, size_bytes);
    assert_memory_equal(tsr_slot_bytes(&slot), bytes, size_bytes);
    assert_true(tsr_dtype_element_text_max(dtype, &slot) > strlen(written));
    assert_true(tsr_dtype_element_text_max(dtype, &slot) <= sizeof text);
    assert_int_equal(tsr_dtype_format_element(dtype, &slot, text, sizeof text), strlen(written));
    assert_string_equal(text, written);
    assert_int_equal(tsr_dtype_format_element(dtype, &slot, text, strlen(written)), TSR_LIMIT);
    tsr_heap_unref(heap);
}

static void test_strings(void **state)
{
    static const char *const refused[] = {
        "abc",  "\"abc",    "\"\\ud83d\"", "\"\xff\"", "\"a\" \"b\"", "[\"a\"]", "12",
        "null", "\"a\nb\"", "\"\\x41\"",   ""};
    tsr_error err = TSR_ERROR_INIT;
    tsr_slot slot = {.size_bytes = 77};
    (void)state;
    expect(TSR_STRING, "\"\"", "", 0, "\"\"");
    expect(TSR_STRING, " \"twelve bytes\" ", "twelve bytes", 12, "\"twelve bytes\"");
    expect(TSR_STRING, "\"thirteen byte\"", "thirteen byte", 13, "\"thirteen byte\"");
    expect(TSR_STRING, "\"a\\u0000b\\n\\ud83d\\ude00\"", "a\0b\n\xf0\x9f\x98\x80", 8,
           "\"a\\u0000b\\n\xf0\x9f\x98\x80\"");
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        assert_int_equal(tsr_dtype_parse_element_into(TSR_STRING, refused[i], NULL, &slot, &err),
                         TSR_INVALID_ARGUMENT);
    assert_int_equal(slot.size_bytes, 77);
    assert_non_null(strstr(err.message, "a string in quotes"));
    assert_int_equal(tsr_dtype_parse_element(TSR_STRING, "\"a\"", &slot, &err),
                     TSR_INVALID_ARGUMENT);
    /* What no codec would store is shown all the same. */
    char text[64];
    assert_int_equal(tsr_slot_borrow(&slot, "a\xff\xc3", 3, NULL), 0);
    assert_int_equal(tsr_dtype_format_element(TSR_STRING, &slot, text, sizeof text), 15);
    assert_string_equal(text, "\"a\\ufffd\\ufffd\"");
}

static void test_bytes(void **state)
{
    static const char *const refused[] = {"\"YQ=\"", "[256]",    "[-1]", "[1,]", "[1",
                                          "[,1]",    "\"a b=\"", "abc",  "[1.5]"};
    tsr_slot slot = {.size_bytes = 77};
    (void)state;
    expect(TSR_VARIABLE_BYTES, "\"\"", "", 0, "\"\"");
    expect(TSR_VARIABLE_BYTES, "\"AP8=\"", "\0\xff", 2, "\"AP8=\"");
    expect(TSR_VARIABLE_BYTES, "[0, 255]", "\0\xff", 2, "\"AP8=\"");
    expect(TSR_VARIABLE_BYTES, "[]", "", 0, "\"\"");
    expect(TSR_VARIABLE_BYTES, "\"AAECAwQFBgcICQoLDA0=\"", "\0\1\2\3\4\5\6\7\10\11\12\13\14\15", 14,
           "\"AAECAwQFBgcICQoLDA0=\"");
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        assert_int_equal(
            tsr_dtype_parse_element_into(TSR_VARIABLE_BYTES, refused[i], NULL, &slot, NULL),
            TSR_INVALID_ARGUMENT);
}

static void test_no_struct_has_them(void **state)
{
    const tsr_dtype *dtype;
    tsr_error err = TSR_ERROR_INIT;
    (void)state;
    assert_int_equal(tsr_dtype_parse("struct{a:int8,b:string}", &dtype, &err),
                     TSR_INVALID_ARGUMENT);
    assert_non_null(strstr(err.message, "variable length"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_no_struct_has_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
