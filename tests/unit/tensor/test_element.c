/* Proves that elements of every type go through fill-value JSON without losing a bit, that the text
 * is what the Zarr specification says, and what is refused. */
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/random_view.h"

static void round_trip(tests_random *random, const tsr_dtype *dtype, const void *element)
{
    char text[128], back[17];
    /* The capacity that the header promises to suffice. */
    size_t capacity = 24 * (dtype->size_bytes / dtype->component_bytes) + 8;
    int length = tsr_dtype_format_element(dtype, element, text, capacity);
    if (length < 0 || (size_t)length != strlen(text))
        tests_random_fail(random, "a %s cannot be written", dtype->name);
    memset(back, 0x55, sizeof back);
    if (tsr_dtype_parse_element(dtype, text, back, NULL) < 0 ||
        memcmp(back, element, dtype->size_bytes) != 0)
        tests_random_fail(random, "%s %s does not read back as it was", dtype->name, text);
    assert_int_equal(back[dtype->size_bytes], 0x55);
}

static void test_random_bits_of_every_type(void **state)
{
    static const tsr_dtype *const types[] = {
        TSR_INT8,   TSR_INT16,   TSR_INT32,   TSR_INT64,   TSR_UINT8,     TSR_UINT16,    TSR_UINT32,
        TSR_UINT64, TSR_FLOAT16, TSR_FLOAT32, TSR_FLOAT64, TSR_COMPLEX64, TSR_COMPLEX128};
    tests_random random;
    char element[16];
    (void)state;
    tests_random_init(&random);
    for (int round = 0; round < 3000; round++)
        for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
            tests_random_bytes(&random, element, sizeof element);
            /* Now and then all bits of the exponent: infinities and NaNs of every payload. */
            if (round % 8 == 0 && types[i]->component_bytes >= 2)
                memset(element + types[i]->component_bytes - 2, 0xff, 2);
            round_trip(&random, types[i], element);
        }
}

static void test_every_small_value(void **state)
{
    tests_random random;
    (void)state;
    tests_random_init(&random);
    for (unsigned bits = 0; bits < 0x10000; bits++) {
        uint16_t element = (uint16_t)bits;
        uint8_t byte = (uint8_t)bits;
        round_trip(&random, TSR_FLOAT16, &element);
        round_trip(&random, TSR_INT8, &byte);
        round_trip(&random, TSR_UINT8, &byte);
    }
}

typedef struct value_case {
    const tsr_dtype *dtype;
    const char *text;        /* as it is written */
    unsigned char bytes[16]; /* little-endian */
} value_case;

/* The element of a case in the order of this machine. */
static void to_machine_order(const value_case *value, char *element)
{
    size_t unit = value->dtype->component_bytes;
    for (size_t i = 0; i < value->dtype->size_bytes; i++)
        element[i] = (char)value->bytes[__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
                                            ? i
                                            : i / unit * unit + unit - 1 - i % unit];
}

static const value_case written[] = {
    {TSR_BOOL, "false", {0}},
    {TSR_BOOL, "true", {1}},
    {TSR_INT8, "-128", {0x80}},
    {TSR_INT16, "-1", {0xff, 0xff}},
    {TSR_INT32, "2147483647", {0xff, 0xff, 0xff, 0x7f}},
    {TSR_INT64, "-9223372036854775808", {0, 0, 0, 0, 0, 0, 0, 0x80}},
    {TSR_UINT8, "255", {0xff}},
    {TSR_UINT64, "18446744073709551615", {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}},
    {TSR_FLOAT16, "\"NaN\"", {0x00, 0x7e}},
    {TSR_FLOAT16, "\"0x7e01\"", {0x01, 0x7e}},
    {TSR_FLOAT16, "\"0xfe00\"", {0x00, 0xfe}},
    {TSR_FLOAT16, "\"-Infinity\"", {0x00, 0xfc}},
    {TSR_FLOAT32, "\"NaN\"", {0x00, 0x00, 0xc0, 0x7f}},
    {TSR_FLOAT32, "\"0x7fc00001\"", {0x01, 0x00, 0xc0, 0x7f}},
    {TSR_FLOAT32, "\"0x7f800001\"", {0x01, 0x00, 0x80, 0x7f}},
    {TSR_FLOAT32, "\"0xffc00000\"", {0x00, 0x00, 0xc0, 0xff}},
    {TSR_FLOAT32, "\"Infinity\"", {0x00, 0x00, 0x80, 0x7f}},
    {TSR_FLOAT32, "-0.0", {0x00, 0x00, 0x00, 0x80}},
    {TSR_FLOAT32, "0.1", {0xcd, 0xcc, 0xcc, 0x3d}},
    {TSR_FLOAT32, "9.96921e+36", {0x00, 0x00, 0xf0, 0x7c}},
    {TSR_FLOAT64, "\"NaN\"", {0, 0, 0, 0, 0, 0, 0xf8, 0x7f}},
    {TSR_FLOAT64, "\"0x7ff8000000000001\"", {1, 0, 0, 0, 0, 0, 0xf8, 0x7f}},
    {TSR_FLOAT64, "3.141592653589793", {0x18, 0x2d, 0x44, 0x54, 0xfb, 0x21, 0x09, 0x40}},
    {TSR_COMPLEX64, "[1.0, \"NaN\"]", {0, 0, 0x80, 0x3f, 0, 0, 0xc0, 0x7f}},
    {TSR_COMPLEX128,
     "[-0.0, \"-Infinity\"]",
     {0, 0, 0, 0, 0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0xf0, 0xff}},
    {TSR_COMPLEX64, "[\"0x7fc00002\", \"Infinity\"]", {2, 0, 0xc0, 0x7f, 0, 0, 0x80, 0x7f}},
};

/* Texts that are understood but never written. */
static const value_case understood[] = {
    {TSR_BOOL, "1", {1}},
    {TSR_BOOL, "0", {0}},
    {TSR_BOOL, "0.0", {0}},
    {TSR_INT8, " 7 ", {7}},
    {TSR_INT16, "1.0", {1, 0}},
    {TSR_INT16, "-1e2", {0x9c, 0xff}},
    {TSR_UINT8, "-0", {0}},
    {TSR_UINT64, "1.8446744073709551615e19", {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}},
    {TSR_FLOAT32, "\"+Infinity\"", {0x00, 0x00, 0x80, 0x7f}},
    {TSR_FLOAT32, "NaN", {0x00, 0x00, 0xc0, 0x7f}},
    {TSR_FLOAT32, "-Infinity", {0x00, 0x00, 0x80, 0xff}},
    {TSR_FLOAT32, "\"0x3F800000\"", {0x00, 0x00, 0x80, 0x3f}},
    {TSR_FLOAT32, "\"0x1\"", {0x01, 0x00, 0x00, 0x00}},
    {TSR_FLOAT32, "\"\\u004eaN\"", {0x00, 0x00, 0xc0, 0x7f}},
    {TSR_FLOAT32, "7", {0x00, 0x00, 0xe0, 0x40}},
    {TSR_FLOAT32, "1e-400", {0}},
    {TSR_FLOAT64, "-0", {0, 0, 0, 0, 0, 0, 0, 0x80}},
    {TSR_COMPLEX64, "[ 1 , 2 ]", {0, 0, 0x80, 0x3f, 0, 0, 0, 0x40}},
};

static void test_values(void **state)
{
    char element[16], read[16], text[64];
    (void)state;
    for (size_t i = 0; i < sizeof written / sizeof written[0]; i++) {
        to_machine_order(&written[i], element);
        assert_int_equal(tsr_dtype_format_element(written[i].dtype, element, text, sizeof text),
                         strlen(written[i].text));
        assert_string_equal(text, written[i].text);
        assert_int_equal(tsr_dtype_parse_element(written[i].dtype, text, read, NULL), 0);
        assert_memory_equal(read, element, written[i].dtype->size_bytes);
    }
    for (size_t i = 0; i < sizeof understood / sizeof understood[0]; i++) {
        to_machine_order(&understood[i], element);
        assert_int_equal(
            tsr_dtype_parse_element(understood[i].dtype, understood[i].text, read, NULL), 0);
        assert_memory_equal(read, element, understood[i].dtype->size_bytes);
    }
    /* Any byte but 0 is true. */
    element[0] = 2;
    assert_int_equal(tsr_dtype_format_element(TSR_BOOL, element, text, sizeof text), 4);
}

static const tsr_dtype *raw_type(size_t size_bytes)
{
    const tsr_dtype *dtype = NULL;
    assert_int_equal(tsr_dtype_raw(size_bytes, &dtype, NULL), 0);
    return dtype;
}

static void test_raw(void **state)
{
    static const struct {
        size_t size_bytes;
        const char *text, *bytes;
    } cases[] = {
        {1, "[0]", "\0"},
        {3, "[0,255,16]", "\0\xff\x10"},
        {3, " [ 0 , 255,\n16 ] ", "\0\xff\x10"},
        {3, "\"AP8Q\"", "\0\xff\x10"},
        {1, "\"/w==\"", "\xff"},
        {1, "\"\\/w==\"", "\xff"},
        {2, "\"//8=\"", "\xff\xff"},
        {4, "\"++//AA==\"", "\xfb\xef\xff\0"},
        {20, "\"MDEyMzQ1Njc4OWFiY2RlZmdoaWo=\"", "0123456789abcdefghij"},
    };
    char element[20], text[128];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const tsr_dtype *dtype = raw_type(cases[i].size_bytes);
        assert_int_equal(tsr_dtype_parse_element(dtype, cases[i].text, element, NULL), 0);
        assert_memory_equal(element, cases[i].bytes, cases[i].size_bytes);
        memset(element, 0xff, sizeof element);
        /* The longest text has the length that the header promises to suffice. */
        assert_true(tsr_dtype_format_element(dtype, element, text, 4 * cases[i].size_bytes + 8) >
                    0);
        memset(element, 0, sizeof element);
        assert_int_equal(tsr_dtype_parse_element(dtype, text, element, NULL), 0);
        assert_int_equal((unsigned char)element[cases[i].size_bytes - 1], 0xff);
        tsr_dtype_unref(dtype);
    }
}

static void test_refused(void **state)
{
    static const struct {
        const char *type, *text;
    } cases[] = {
        {"bool", "2"},
        {"bool", "-1"},
        {"bool", "\"true\""},
        {"bool", "True"},
        {"bool", "truefalse"},
        {"bool", ""},
        {"bool", "null"},
        {"bool", "0.5"},
        {"int8", "128"},
        {"int8", "-129"},
        {"int8", "1.5"},
        {"int8", "\"1\""},
        {"int8", "1,2"},
        {"int8", "true"},
        {"int8", "0x10"},
        {"int8", "01"},
        {"int8", "+1"},
        {"int8", "1e99999999999"},
        {"int8", "NaN"},
        {"uint8", "256"},
        {"uint8", "-1"},
        {"uint16", "65536"},
        {"uint32", "4294967296"},
        {"int16", "32768"},
        {"int32", "-2147483649"},
        {"int64", "9223372036854775808"},
        {"int64", "-9223372036854775809"},
        {"uint64", "18446744073709551616"},
        {"uint64", "-1"},
        {"uint64", "1e20"},
        {"uint64", "[1]"},
        {"float32", "1e39"},
        {"float16", "65520"},
        {"float64", "1e400"},
        {"float32", "\"nan\""},
        {"float32", "\"\""},
        {"float32", "\"0x\""},
        {"float32", "\"0x100000000\""},
        {"float32", "\"0xg\""},
        {"float32", "\"0x 1\""},
        {"float32", "\"1.5\""},
        {"float32", "\"NaN"},
        {"float32", "\"NaN\"\""},
        {"float32", "-NaN"},
        {"float32", "+NaN"},
        {"float32", "Infinity1"},
        {"float32", "1.5f"},
        {"float32", "0x7fc00000"},
        {"float32", "null"},
        {"float16", "\"0x10000\""},
        {"float32", "[1]"},
        {"float32", "\"NaN\\\""},
        {"float32", "\"\\u00\""},
        {"float32", "\"\\x4eaN\""},
        {"float32", "\"NaN\\u0000\""},
        {"float32", "\"\\u0010x7fc00000\""},
        {"float32", "\"0x00000000000000000000000000000000000000000000000\""},
        {"complex64", "1"},
        {"complex64", "[1]"},
        {"complex64", "[1, 2, 3]"},
        {"complex64", "[1 2]"},
        {"complex64", "[1, ]"},
        {"complex64", "[, 1]"},
        {"complex64", "[1, 1e39]"},
        {"complex64", "[1, 2"},
        {"complex64", "\"NaN\""},
        {"complex64", "[[1, 2]]"},
        {"r16", "[1]"},
        {"r16", "[1, 2, 3]"},
        {"r16", "[1, 256]"},
        {"r16", "[1, -1]"},
        {"r16", "[]"},
        {"r16", "7"},
        {"r16", "\"AA==\""},
        {"r16", "\"AAAA\""},
        {"r16", "\"AAA\""},
        {"r16", "\"AA=\""},
        {"r16", "\"AAA==\""},
        {"r16", "\"AAA=\"x"},
        {"r16", "\"AAA= \""},
        {"r16", "\"A*A=\""},
        {"r16", "\"AAA=A\""},
        {"r16", "\"AAA="},
        {"r24", "\"AAA=\""},
        {"r24", "\"AAAAA===\""},
        {"r24", "\"AAAA====\""},
        {"r8", "\"====\""},
        {"r8", "\"\""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const tsr_dtype *dtype;
        char element[16], before[16];
        tsr_error err = TSR_ERROR_INIT;
        memset(before, 0x5a, sizeof before);
        memcpy(element, before, sizeof element);
        assert_int_equal(tsr_dtype_parse(cases[i].type, &dtype, NULL), 0);
        if (tsr_dtype_parse_element(dtype, cases[i].text, element, &err) != TSR_INVALID_ARGUMENT)
            fail_msg("%s was taken for a %s", cases[i].text, cases[i].type);
        assert_memory_equal(element, before, sizeof element);
        assert_non_null(strstr(err.message, cases[i].type));
        tsr_dtype_unref(dtype);
    }
}

static void test_capacity(void **state)
{
    char text[8] = "unset";
    const uint16_t value = 1234;
    (void)state;
    assert_int_equal(tsr_dtype_format_element(TSR_UINT16, &value, text, 4), TSR_LIMIT);
    assert_int_equal(tsr_dtype_format_element(TSR_UINT16, &value, text, 0), TSR_LIMIT);
    assert_int_equal(tsr_dtype_format_element(TSR_UINT16, &value, text, 5), 4);
    assert_string_equal(text, "1234");
}

static void test_locale_does_not_matter(void **state)
{
    static const char *const names[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "ru_RU.UTF-8"};
    char text[32];
    const double half = 0.5;
    double read = 0;
    (void)state;
    bool found = false;
    for (size_t i = 0; i < sizeof names / sizeof names[0] && !found; i++)
        found = setlocale(LC_ALL, names[i]) != NULL;
    if (!found)
        skip(); /* no locale with a decimal comma is installed */
    char comma[8];
    snprintf(comma, sizeof comma, "%.1f", half);
    assert_string_equal(comma, "0,5");
    assert_int_equal(tsr_dtype_format_element(TSR_FLOAT64, &half, text, sizeof text), 3);
    assert_string_equal(text, "0.5");
    assert_int_equal(tsr_dtype_parse_element(TSR_FLOAT64, "0.5", &read, NULL), 0);
    assert_true(read == half);
    setlocale(LC_ALL, "C");
}

static void test_unaligned_elements(void **state)
{
    char memory[32], text[64];
    const double parts[2] = {1.5, -2.5};
    (void)state;
    memcpy(memory + 1, parts, sizeof parts);
    assert_int_equal(tsr_dtype_format_element(TSR_COMPLEX128, memory + 1, text, sizeof text), 11);
    assert_string_equal(text, "[1.5, -2.5]");
    assert_int_equal(tsr_dtype_parse_element(TSR_COMPLEX128, "[3, 4]", memory + 3, NULL), 0);
    assert_true(tsr_dtype_to_double(TSR_COMPLEX128, memory + 3) == 3);
}

static void test_to_double(void **state)
{
    const int8_t negative = -5;
    const uint64_t large = UINT64_MAX;
    const int64_t small = INT64_MIN;
    const uint16_t half = 0xc100;
    const float third = 1.0F / 3.0F;
    const uint8_t truth = 7;
    const float complex[2] = {2.5F, 9.0F};
    const tsr_dtype *raw = raw_type(1);
    (void)state;
    assert_true(tsr_dtype_to_double(TSR_INT8, &negative) == -5);
    assert_true(tsr_dtype_to_double(TSR_UINT64, &large) == 0x1p64);
    assert_true(tsr_dtype_to_double(TSR_INT64, &small) == -0x1p63);
    assert_true(tsr_dtype_to_double(TSR_FLOAT16, &half) == -2.5);
    assert_true(tsr_dtype_to_double(TSR_FLOAT32, &third) == (double)third);
    assert_true(tsr_dtype_to_double(TSR_BOOL, &truth) == 1);
    assert_true(tsr_dtype_to_double(TSR_COMPLEX64, complex) == 2.5);
    assert_true(isnan(tsr_dtype_to_double(raw, &truth)));
    tsr_dtype_unref(raw);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_bits_of_every_type),
        cmocka_unit_test(test_every_small_value),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_raw),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_capacity),
        cmocka_unit_test(test_locale_does_not_matter),
        cmocka_unit_test(test_unaligned_elements),
        cmocka_unit_test(test_to_double),
    };
    return cmocka_run_group_tests_name("tensor.element", tests, NULL, NULL);
}
