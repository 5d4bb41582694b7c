/* Proves the lexer alone: kinds and offsets of tokens, exact numbers at the edges of their types,
 * and that it never reads behind its text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "meta/json_scan.h"

#include <tessera/sys/json.h>

static void tokens_have_kind_and_offset(void **state)
{
    (void)state;
    static const char text[] =
        " {\"a\\n\": [1,\t18446744073709551615, -0, 2.5e-1,true,false,\r\nnull]} ";
    static const struct {
        tsri_json_token_kind kind;
        size_t start;
        char punctuation;
    } expected[] = {
        {TSRI_JSON_TOKEN_PUNCTUATION, 1, '{'},  {TSRI_JSON_TOKEN_STRING, 2, 0},
        {TSRI_JSON_TOKEN_PUNCTUATION, 7, ':'},  {TSRI_JSON_TOKEN_PUNCTUATION, 9, '['},
        {TSRI_JSON_TOKEN_INTEGER, 10, 0},       {TSRI_JSON_TOKEN_PUNCTUATION, 11, ','},
        {TSRI_JSON_TOKEN_UNSIGNED, 13, 0},      {TSRI_JSON_TOKEN_PUNCTUATION, 33, ','},
        {TSRI_JSON_TOKEN_DOUBLE, 35, 0},        {TSRI_JSON_TOKEN_PUNCTUATION, 37, ','},
        {TSRI_JSON_TOKEN_DOUBLE, 39, 0},        {TSRI_JSON_TOKEN_PUNCTUATION, 45, ','},
        {TSRI_JSON_TOKEN_TRUE, 46, 0},          {TSRI_JSON_TOKEN_PUNCTUATION, 50, ','},
        {TSRI_JSON_TOKEN_FALSE, 51, 0},         {TSRI_JSON_TOKEN_PUNCTUATION, 56, ','},
        {TSRI_JSON_TOKEN_NULL, 59, 0},          {TSRI_JSON_TOKEN_PUNCTUATION, 63, ']'},
        {TSRI_JSON_TOKEN_PUNCTUATION, 64, '}'}, {TSRI_JSON_TOKEN_END, 66, 0},
        {TSRI_JSON_TOKEN_END, 66, 0},
    };
    tsri_json_scan scan;
    assert_int_equal(tsri_json_scan_init(&scan, text, sizeof text - 1, TSR_JSON_STRICT, NULL), 0);
    for (size_t i = 0; i < TSRI_COUNT(expected); i++) {
        tsri_json_token token;
        assert_int_equal(tsri_json_scan_next(&scan, &token, NULL), 0);
        assert_int_equal(token.kind, expected[i].kind);
        assert_int_equal(token.start, expected[i].start);
        assert_int_equal(token.punctuation, expected[i].punctuation);
    }
    tsri_json_scan_clear(&scan);
}

/* The only token of a text, whose memory is exactly as long, so that a sanitizer sees a read behind
 * it. */
static int scan_one(const char *text, tsri_json_token *ret_token, char *ret_bytes)
{
    size_t size = strlen(text);
    char *copy = malloc(size > 0 ? size : 1);
    memcpy(copy, text, size);
    tsri_json_scan scan;
    assert_int_equal(tsri_json_scan_init(&scan, copy, size, TSR_JSON_ALLOW_NAN, NULL), 0);
    int status = tsri_json_scan_next(&scan, ret_token, NULL);
    if (status == 0 && scan.bytes != NULL)
        memcpy(ret_bytes, scan.bytes, scan.bytes_size + 1);
    tsri_json_scan_clear(&scan);
    free(copy);
    return status;
}

static void doubles_are_exact(void **state)
{
    (void)state;
    /* Bits from the definition of binary64; the hard cases round half to even or sit at the edge of
     * the subnormals. */
    static const struct {
        const char *text;
        uint64_t bits;
    } rows[] = {
        {"0.0", 0},
        {"-0", UINT64_C(1) << 63},
        {"-0.0e5", UINT64_C(1) << 63},
        {"0.1", 0x3fb999999999999a},
        {"1e23", 0x44b52d02c7e14af6},
        {"9007199254740993.0", 0x4340000000000000},
        {"9007199254740995.0", 0x4340000000000002},
        {"2.2250738585072011e-308", 0x000fffffffffffff},
        {"5e-324", 1},
        {"2e-324", 0},
        {"1.7976931348623157e308", 0x7fefffffffffffff},
        {"1e309", 0x7ff0000000000000},
        {"Infinity", 0x7ff0000000000000},
        {"-Infinity", 0xfff0000000000000},
        {"NaN", 0x7ff8000000000000},
    };
    for (size_t i = 0; i < TSRI_COUNT(rows); i++) {
        tsri_json_token token;
        char bytes[64];
        uint64_t bits = 0;
        assert_int_equal(scan_one(rows[i].text, &token, bytes), 0);
        assert_int_equal(token.kind, TSRI_JSON_TOKEN_DOUBLE);
        assert_string_equal(bytes, rows[i].text);
        memcpy(&bits, &token.number, sizeof bits);
        if (bits != rows[i].bits)
            fail_msg("%s gave %llx", rows[i].text, (unsigned long long)bits);
    }
}

static void integers_are_exact(void **state)
{
    (void)state;
    tsri_json_token token;
    char bytes[64];
    static const struct {
        const char *text;
        int64_t value;
    } rows[] = {{"0", 0},
                {"-1", -1},
                {"9223372036854775807", INT64_MAX},
                {"-9223372036854775808", INT64_MIN}};
    for (size_t i = 0; i < TSRI_COUNT(rows); i++) {
        assert_int_equal(scan_one(rows[i].text, &token, bytes), 0);
        assert_int_equal(token.kind, TSRI_JSON_TOKEN_INTEGER);
        assert_true(token.integer == rows[i].value);
    }
    assert_int_equal(scan_one("9223372036854775808", &token, bytes), 0);
    assert_true(token.kind == TSRI_JSON_TOKEN_UNSIGNED && token.unsigned_integer == UINT64_C(1)
                                                                                        << 63);
    static const char *const too_long[] = {"18446744073709551616", "-9223372036854775809"};
    for (size_t i = 0; i < TSRI_COUNT(too_long); i++) {
        assert_int_equal(scan_one(too_long[i], &token, bytes), 0);
        assert_int_equal(token.kind, TSRI_JSON_TOKEN_DOUBLE);
        assert_string_equal(bytes, too_long[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_have_kind_and_offset),
        cmocka_unit_test(doubles_are_exact),
        cmocka_unit_test(integers_are_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
