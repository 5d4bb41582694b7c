/* Proves that the parser takes exactly the JSON of RFC 8259 with its stated limits, keeps the
 * values exactly, says where a document is wrong, and survives hostile input in linear time. The
 * tables follow the cases of Nicolas Seriot's JSONTestSuite. */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "meta/json.h"

/* A document that may hold 0 bytes. */
typedef struct sample {
    const char *text;
    size_t size_bytes;
} sample;
#define SAMPLE(literal)              \
    {                                \
        literal, sizeof(literal) - 1 \
    }

static const sample accepted[] = {
    SAMPLE("[]"),
    SAMPLE("{}"),
    SAMPLE("[[]   ]"),
    SAMPLE("[\"\"]"),
    SAMPLE("[null, 1, \"1\", {}]"),
    SAMPLE(" [1]"),
    SAMPLE("[1\n]"),
    SAMPLE("[2] "),
    SAMPLE("\t[\r\n1\t]\r\n"),
    SAMPLE("false"),
    SAMPLE("true"),
    SAMPLE("null"),
    SAMPLE("42"),
    SAMPLE("-0.1"),
    SAMPLE("\"asd\""),
    SAMPLE("\"\""),
    SAMPLE("[123e65]"),
    SAMPLE("[0e+1]"),
    SAMPLE("[0e1]"),
    SAMPLE("[ 4]"),
    SAMPLE("[-0.000000000000000000000000000000000000000000000000000000000000000000000000000001]"),
    SAMPLE("[20e1]"),
    SAMPLE("[-0]"),
    SAMPLE("[-123]"),
    SAMPLE("[-1]"),
    SAMPLE("[1E22]"),
    SAMPLE("[1E-2]"),
    SAMPLE("[1E+2]"),
    SAMPLE("[123e45]"),
    SAMPLE("[123.456e78]"),
    SAMPLE("[1e-2]"),
    SAMPLE("[1e+2]"),
    SAMPLE("[123.456789]"),
    SAMPLE("[1e400]"),
    SAMPLE("[-1e-400]"),
    SAMPLE("[18446744073709551615]"),
    SAMPLE("[-9223372036854775808]"),
    SAMPLE("{\"asd\":\"sdf\", \"dfg\":\"fgh\"}"),
    SAMPLE("{\"\":0}"),
    SAMPLE("{\"a\":[]}"),
    SAMPLE("{\"a\":{\"a\":{\"a\":1}}}"),
    SAMPLE("{\"title\":\"\\u041f\\u043e\\u043b\\u0442\\u043e\\u0440\\u0430\"}"),
    SAMPLE("[\"\\u0060\\u012a\\u12AB\"]"),
    SAMPLE("[\"\\uD801\\udc37\"]"),
    SAMPLE("[\"\\ud83d\\ude39\\ud83d\\udc8d\"]"),
    SAMPLE("[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]"),
    SAMPLE("[\"\\\\u0000\"]"),
    SAMPLE("[\"\\\"\"]"),
    SAMPLE("[\"a/*b*/c/*d//e\"]"),
    SAMPLE("[\"\\\\a\"]"),
    SAMPLE("[\"\\u0012\"]"),
    SAMPLE("[\"\\uFFFF\"]"),
    SAMPLE("[\"\\uDBFF\\uDFFF\"]"),
    SAMPLE("[\"new\\u00A0line\"]"),
    SAMPLE("[\"\\u0000\"]"),
    SAMPLE("[\"\\u002c\"]"),
    SAMPLE("[\"\\uD834\\uDd1e\"]"),
    SAMPLE("[\"\xc2\x80 \xdf\xbf \xe0\xa0\x80 \xef\xbf\xbf \xf0\x90\x80\x80 \xf4\x8f\xbf\xbf\"]"),
    SAMPLE("[\"\xe2\x80\xa8\xe2\x80\xa9\"]"),
    SAMPLE("[\"\x7f\"]"),
    SAMPLE("[\"\xed\x9f\xbf\xee\x80\x80\"]"),
};

static void every_valid_document_is_accepted(void **state)
{
    (void)state;
    for (size_t i = 0; i < TSRI_COUNT(accepted); i++) {
        tsr_error err = TSR_ERROR_INIT;
        tsri_json *value = NULL;
        int status = tsr_json_parse(accepted[i].text, accepted[i].size_bytes, 0, 0, &value, &err);
        if (status != 0)
            fail_msg("refused %s: %s", accepted[i].text, err.message);
        json_object_put(value);
    }
}

typedef struct refused_sample {
    sample sample;
    int line;
    size_t offset;
    const char *message; /* its start: the JSON pointer and the reason */
} refused_sample;
#define REFUSED(literal, offset, message)   \
    {                                       \
        SAMPLE(literal), 1, offset, message \
    }

static const refused_sample refused[] = {
    /* structure */
    REFUSED("", 0, "/: the document ends where a value should be"),
    REFUSED(" ", 1, "/: the document ends where a value should be"),
    REFUSED("[", 1, "/0: the document ends where a value should be"),
    REFUSED("[1", 2, "/1: the document ends where ',' or ']' should be"),
    REFUSED("[1,", 3, "/1: the document ends where a value should be"),
    REFUSED("[1,]", 3, "/1: ']' where a value should be"),
    REFUSED("[,1]", 1, "/0: ',' where a value should be"),
    REFUSED("[1,,2]", 3, "/1: ',' where a value should be"),
    REFUSED("[1 true]", 3, "/1: a value where ',' or ']' should be"),
    REFUSED("[\"a\",\n4\n,1,", 11, "/3: the document ends where a value should be"),
    REFUSED("[1:2]", 2, "/1: ':' where ',' or ']' should be"),
    REFUSED("[1}", 2, "/1: '}' where ',' or ']' should be"),
    REFUSED("]", 0, "/: ']' where a value should be"),
    REFUSED("[1]]", 3, "/: ']' where the end of the document should be"),
    REFUSED("[1]x", 3, "/: 'x' where a value should be"),
    REFUSED("{}{}", 2, "/: '{' where the end of the document should be"),
    REFUSED("{} // more", 3, "/: '/' where a value should be"),
    REFUSED("[/**/]", 1, "/0: '/' where a value should be"),
    REFUSED("{\"a\":1", 6, "/: the document ends where ',' or '}' should be"),
    REFUSED("{\"a\":1,}", 7, "/: '}' where a member's name in quotes should be"),
    REFUSED("{\"a\":1,,\"b\":2}", 7, "/: ',' where a member's name in quotes should be"),
    REFUSED("{\"a\"", 4, "/a: the document ends where ':' should be"),
    REFUSED("{\"a\",1}", 4, "/a: ',' where ':' should be"),
    REFUSED("{\"a\" \"b\"}", 5, "/a: a value where ':' should be"),
    REFUSED("{\"a\"::1}", 5, "/a: ':' where a value should be"),
    REFUSED("{\"a\":}", 5, "/a: '}' where a value should be"),
    REFUSED("{1:1}", 1, "/: a value where a member's name in quotes should be"),
    REFUSED("{a:1}", 1, "/: 'a' where a value should be"),
    REFUSED("{'a':1}", 1, "/: ''' where a value should be"),
    REFUSED("{null:1}", 1, "/: a value where a member's name in quotes should be"),
    REFUSED("{[:1}", 1, "/: '[' where a member's name in quotes should be"),
    REFUSED("{\"a\":[{\"b\":[1,{\"c\":x}]}]}", 19, "/a/0/b/1/c: 'x' where a value should be"),
    REFUSED("\xef\xbb\xbf{}", 0, "/: the document starts with a byte order mark"),
    REFUSED("\xef\xbb", 0, "/: byte 0xef where a value should be"),
    REFUSED("[\x0c]", 1, "/0: byte 0x0c where a value should be"),
    REFUSED("[\xe2\x81\xa0]", 1, "/0: byte 0xe2 where a value should be"),
    REFUSED("\0", 0, "/: byte 0x00 where a value should be"),
    REFUSED("[1]\0", 3, "/: byte 0x00 where a value should be"),
    REFUSED("\xff\xfe[\0", 0, "/: byte 0xff where a value should be"),
    /* words */
    REFUSED("[True]", 1, "/0: 'T' where a value should be"),
    REFUSED("[nul]", 1, "/0: 'n' where a value should be"),
    REFUSED("[fals]", 1, "/0: 'f' where a value should be"),
    REFUSED("[truee]", 5, "/1: 'e' where a value should be"),
    REFUSED("[NaN]", 1, "/0: a bare NaN"),
    REFUSED("[nan]", 1, "/0: 'n' where a value should be"),
    REFUSED("[Infinity]", 1, "/0: a bare Infinity"),
    REFUSED("[-Infinity]", 1, "/0: a bare -Infinity"),
    REFUSED("[+Infinity]", 1, "/0: '+' where a value should be"),
    REFUSED("[Inf]", 1, "/0: 'I' where a value should be"),
    REFUSED("[-NaN]", 2, "/0: 'N' where a digit should be"),
    /* numbers */
    REFUSED("[+1]", 1, "/0: '+' where a value should be"),
    REFUSED("[-]", 2, "/0: ']' where a digit should be"),
    REFUSED("[--1]", 2, "/0: '-' where a digit should be"),
    REFUSED("[- 1]", 2, "/0: byte 0x20 where a digit should be"),
    REFUSED("[01]", 1, "/0: a number with a leading zero"),
    REFUSED("[-012]", 1, "/0: a number with a leading zero"),
    REFUSED("[00.5]", 1, "/0: a number with a leading zero"),
    REFUSED("[.5]", 1, "/0: '.' where a value should be"),
    REFUSED("[-.5]", 2, "/0: '.' where a digit should be"),
    REFUSED("[1.]", 3, "/0: ']' where a digit should be"),
    REFUSED("[1.e5]", 3, "/0: 'e' where a digit should be"),
    REFUSED("[1e]", 3, "/0: ']' where a digit should be"),
    REFUSED("[1e+]", 4, "/0: ']' where a digit should be"),
    REFUSED("[1eE2]", 3, "/0: 'E' where a digit should be"),
    REFUSED("[1.0e+", 6, "/0: the document ends where a digit should be"),
    REFUSED("[0x42]", 2, "/1: 'x' where a value should be"),
    REFUSED("[1_000]", 2, "/1: '_' where a value should be"),
    REFUSED("[1 000.0]", 3, "/1: a number with a leading zero"),
    REFUSED("[1.5.5]", 4, "/1: '.' where a value should be"),
    REFUSED("[1+2]", 2, "/1: '+' where a value should be"),
    REFUSED("[\xef\xbc\x91]", 1, "/0: byte 0xef where a value should be"),
    /* strings */
    REFUSED("[\"a]", 1, "/0: a string is not closed"),
    REFUSED("[\"", 1, "/0: a string is not closed"),
    REFUSED("[\"\\", 3, "/0: the document ends where the letter of an escape"),
    REFUSED("[\"\\x00\"]", 3, "/0: 'x' where the letter of an escape"),
    REFUSED("[\"\\\0\"]", 3, "/0: byte 0x00 where the letter of an escape"),
    REFUSED("[\"\\'\"]", 3, "/0: ''' where the letter of an escape"),
    REFUSED("[\"\\U0041\"]", 3, "/0: 'U' where the letter of an escape"),
    REFUSED("[\"\\u00A\"]", 7, "/0: '\"' where a hexadecimal digit"),
    REFUSED("[\"\\u00g0\"]", 6, "/0: 'g' where a hexadecimal digit"),
    REFUSED("[\"\\u12", 6, "/0: the document ends where a hexadecimal digit"),
    REFUSED("[\"\\ud800\"]", 2, "/0: a lone surrogate \\ud800"),
    REFUSED("[\"\\ud800abc\"]", 2, "/0: a lone surrogate \\ud800"),
    REFUSED("[\"\\ud800\\n\"]", 2, "/0: a lone surrogate \\ud800"),
    REFUSED("[\"\\ud800\\ud800\\udc00\"]", 2, "/0: a lone surrogate \\ud800"),
    REFUSED("[\"\\ud800\\u0041\"]", 2, "/0: a lone surrogate \\ud800"),
    REFUSED("[\"\\udc00\"]", 2, "/0: a lone surrogate \\udc00"),
    REFUSED("[\"\\udbff\\u", 10, "/0: the document ends where a hexadecimal digit"),
    REFUSED("[\"\\udbff\\", 2, "/0: a lone surrogate \\udbff"),
    REFUSED("[\"a\nb\"]", 3, "/0: an unescaped control character 0x0a"),
    REFUSED("[\"\t\"]", 2, "/0: an unescaped control character 0x09"),
    REFUSED("[\"\0\"]", 2, "/0: an unescaped control character 0x00"),
    REFUSED("[\"\x1f\"]", 2, "/0: an unescaped control character 0x1f"),
    REFUSED("[\"\xff\"]", 2, "/0: byte 0xff in a string is not valid UTF-8"),
    REFUSED("[\"\x80\"]", 2, "/0: byte 0x80 in a string is not valid UTF-8"),
    REFUSED("[\"\xc3\"]", 2, "/0: byte 0xc3 in a string is not valid UTF-8"),
    REFUSED("[\"\xc0\xaf\"]", 2, "/0: byte 0xc0 in a string is not valid UTF-8"),
    REFUSED("[\"\xc1\xbf\"]", 2, "/0: byte 0xc1 in a string is not valid UTF-8"),
    REFUSED("[\"\xe0\x80\xaf\"]", 2, "/0: byte 0xe0 in a string is not valid UTF-8"),
    REFUSED("[\"\xe0\xff\"]", 2, "/0: byte 0xe0 in a string is not valid UTF-8"),
    REFUSED("[\"\xed\xa0\x80\"]", 2, "/0: byte 0xed in a string is not valid UTF-8"),
    REFUSED("[\"\xf0\x80\x80\x80\"]", 2, "/0: byte 0xf0 in a string is not valid UTF-8"),
    REFUSED("[\"\xf4\x90\x80\x80\"]", 2, "/0: byte 0xf4 in a string is not valid UTF-8"),
    REFUSED("[\"\xf5\x80\x80\x80\"]", 2, "/0: byte 0xf5 in a string is not valid UTF-8"),
    REFUSED("[\"\xfc\x83\xbf\xbf\xbf\xbf\"]", 2, "/0: byte 0xfc in a string is not valid UTF-8"),
    REFUSED("[\"\xf0\x9f\x98", 2, "/0: byte 0xf0 in a string is not valid UTF-8"),
    REFUSED("['a']", 1, "/0: ''' where a value should be"),
    /* names */
    REFUSED("{\"a\":1,\"a\":1}", 7, "/a: the name of this member occurs twice"),
    REFUSED("{\"a\":1,\"\\u0061\":2}", 7, "/a: the name of this member occurs twice"),
    REFUSED("{\"\\ud83d\\ude00\":1,\"\xf0\x9f\x98\x80\":2}", 18,
            "/\xf0\x9f\x98\x80: the name of this member occurs twice"),
    REFUSED("{\"x\":[{\"\":0,\"\":0}]}", 12, "/x/0/: the name of this member occurs twice"),
    REFUSED("{\"a\\u0000b\":1}", 1, "/a: the name of a member holds U+0000"),
    REFUSED("{\"a/b~c\\n\":x}", 11, "/a~1b~0c\\u000a: 'x' where a value should be"),
};

static void every_invalid_document_is_refused_where_it_is_wrong(void **state)
{
    (void)state;
    for (size_t i = 0; i < TSRI_COUNT(refused); i++) {
        const refused_sample *row = &refused[i];
        tsr_error err = TSR_ERROR_INIT;
        tsri_json *value = (tsri_json *)&err; /* must stay untouched */
        char byte[64];
        int status = tsr_json_parse(row->sample.text, row->sample.size_bytes, 0, 0, &value, &err);
        snprintf(byte, sizeof byte, "byte %zu, ", row->offset);
        if (status != TSR_BAD_METADATA || err.status != status || value != (tsri_json *)&err ||
            strncmp(err.message, row->message, strlen(row->message)) != 0 ||
            strncmp(err.where, byte, strlen(byte)) != 0 || err.next_step[0] == 0)
            fail_msg("row %zu, %s: status %d, \"%s\" at \"%s\", next \"%s\"", i, row->sample.text,
                     status, err.message, err.where, err.next_step);
    }
}

static void every_prefix_of_a_document_is_refused(void **state)
{
    (void)state;
    static const char text[] =
        "{\"a\":[1,-2.5e+3,\"x\\u00e9\\ud83d\\ude00\xc3\xa9\",true,null],\"b\":{\"c\":{}}}";
    for (size_t size = 0; size < sizeof text - 1; size++) {
        tsri_json *value = NULL;
        char *copy = malloc(
            size > 0 ? size : 1); /* exactly as long, so that a sanitizer sees a read behind it */
        memcpy(copy, text, size);
        assert_int_equal(tsr_json_parse(copy, size, 0, 0, &value, NULL), TSR_BAD_METADATA);
        assert_null(value);
        free(copy);
    }
}

static void the_line_of_a_fault_is_told(void **state)
{
    (void)state;
    tsr_error err = TSR_ERROR_INIT;
    tsri_json *value = NULL;
    const char *text = "{\n  \"a\": 1,\n  \"b\": 01\n}";
    assert_int_equal(tsr_json_parse(text, strlen(text), 0, 0, &value, &err), TSR_BAD_METADATA);
    assert_string_equal(err.message, "/b: a number with a leading zero");
    assert_string_equal(err.where, "byte 19, line 3");
}

static tsri_json *parsed(const char *text, size_t size_bytes, int flags)
{
    tsr_error err = TSR_ERROR_INIT;
    tsri_json *value = NULL;
    if (tsr_json_parse(text, size_bytes, flags, 0, &value, &err) != 0)
        fail_msg("%s", err.message);
    return value;
}

static void strings_are_decoded(void **state)
{
    (void)state;
    static const char text[] =
        "\"\\u0000\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\u20AC\\ud83d\\ude00\xc3\xa9\"";
    static const char expected[] = "\0\"\\/\b\f\n\r\t\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xc3\xa9";
    tsri_json *value = parsed(text, sizeof text - 1, 0);
    assert_int_equal(json_object_get_string_len(value), sizeof expected - 1);
    assert_memory_equal(json_object_get_string(value), expected, sizeof expected - 1);
    json_object_put(value);
}

static void numbers_keep_their_value(void **state)
{
    (void)state;
    static const char text[] = "[0,-1,9223372036854775807,9223372036854775808,18446744073709551615,"
                               "-9223372036854775808,-0,0.1,1e3,1.0]";
    tsri_json *list = parsed(text, sizeof text - 1, 0);
    static const int64_t small[] = {0, -1, INT64_MAX};
    int64_t number = 0;
    uint64_t large = 0;
    for (size_t i = 0; i < 3; i++) {
        assert_true(tsri_json_get_int64(json_object_array_get_idx(list, i), false, &number));
        assert_int_equal(number, small[i]);
    }
    assert_false(tsri_json_get_int64(json_object_array_get_idx(list, 3), true, &number));
    assert_true(tsri_json_get_uint64(json_object_array_get_idx(list, 3), &large));
    assert_true(large == (uint64_t)INT64_MAX + 1);
    assert_true(tsri_json_get_uint64(json_object_array_get_idx(list, 4), &large));
    assert_true(large == UINT64_MAX);
    assert_true(tsri_json_get_int64(json_object_array_get_idx(list, 5), false, &number));
    assert_true(number == INT64_MIN);
    /* -0 is a double with a sign, and counts as an integer where one is asked for. */
    const tsri_json *zero = json_object_array_get_idx(list, 6);
    assert_true(json_object_is_type(zero, json_type_double) &&
                __builtin_signbit(json_object_get_double(zero)));
    assert_true(tsri_json_get_int64(zero, false, &number) && number == 0);
    assert_string_equal(tsri_json_source(json_object_array_get_idx(list, 7)), "0.1");
    assert_true(json_object_get_double(json_object_array_get_idx(list, 7)) == 0.1);
    assert_false(tsri_json_get_int64(json_object_array_get_idx(list, 8), false, &number));
    assert_true(tsri_json_get_int64(json_object_array_get_idx(list, 8), true, &number) &&
                number == 1000);
    assert_true(tsri_json_get_int64(json_object_array_get_idx(list, 9), true, &number) &&
                number == 1);
    json_object_put(list);
}

/* JavaScript writes 1e20 as an integer, and numbers up to 1e21 so: they are doubles that keep their
 * text, and no integers where one is asked for. */
static void integers_beyond_64_bits_are_doubles(void **state)
{
    (void)state;
    static const char text[] =
        "[100000000000000000000,-9223372036854775809,18446744073709551616,-18446744073709551616]";
    static const double numbers[] = {1e20, -0x1p63, 0x1p64, -0x1p64};
    tsri_json *list = parsed(text, sizeof text - 1, 0);
    for (size_t i = 0; i < TSRI_COUNT(numbers); i++) {
        const tsri_json *value = json_object_array_get_idx(list, i);
        int64_t number = 0;
        uint64_t large = 0;
        assert_true(json_object_get_double(value) == numbers[i]);
        assert_false(tsri_json_get_int64(value, true, &number));
        assert_false(tsri_json_get_uint64(value, &large));
        assert_string_equal(tsri_json_kind(value), "an integer of more than 64 bits");
    }
    char *again = NULL;
    assert_int_equal(tsr_json_text(list, 0, &again, NULL), 0);
    assert_string_equal(again, text);
    tsri_free(again);
    json_object_put(list);
}

static void bare_nan_is_read_only_when_allowed(void **state)
{
    (void)state;
    static const char text[] = "{\"a\":NaN,\"b\":[Infinity,-Infinity]}";
    tsri_json *value = parsed(text, sizeof text - 1, TSR_JSON_ALLOW_NAN), *list = NULL, *nan = NULL;
    assert_true(json_object_object_get_ex(value, "a", &nan) &&
                json_object_object_get_ex(value, "b", &list));
    assert_true(__builtin_isnan(json_object_get_double(nan)));
    assert_true(json_object_get_double(json_object_array_get_idx(list, 0)) == __builtin_inf());
    assert_true(json_object_get_double(json_object_array_get_idx(list, 1)) == -__builtin_inf());
    json_object_put(value);
    /* Other spellings stay refused. */
    static const char *const others[] = {"nan",       "NAN",      "inf",    "-NaN",
                                         "+Infinity", "infinity", "Infinit"};
    for (size_t i = 0; i < TSRI_COUNT(others); i++)
        assert_int_equal(
            tsr_json_parse(others[i], strlen(others[i]), TSR_JSON_ALLOW_NAN, 0, &value, NULL),
            TSR_BAD_METADATA);
}

/* What Python writes for a text that is none, and reads back. */
static void lone_surrogates_are_kept_when_asked(void **state)
{
    static const struct {
        const char *text, *bytes;
        const char *written; /* NULL: as it was */
    } rows[] = {
        {"\"\\ud800\"", "\xed\xa0\x80", NULL},
        {"\"\\udfff\"", "\xed\xbf\xbf", NULL},
        {"\"a\\udc00b\"",
         "a\xed\xb0\x80"
         "b",
         NULL},
        {"\"\\udc00\\ud800\"", "\xed\xb0\x80\xed\xa0\x80", NULL},
        {"\"\\uDBFF\\n\"", "\xed\xaf\xbf\n", "\"\\udbff\\n\""},
        /* A pair is one character, wherever another surrogate stands. */
        {"\"\\ud800\\ud800\\udc00\"", "\xed\xa0\x80\xf0\x90\x80\x80",
         "\"\\ud800\xf0\x90\x80\x80\""},
        {"\"\\ud83d\\ude00\"", "\xf0\x9f\x98\x80", "\"\xf0\x9f\x98\x80\""},
    };
    (void)state;
    for (size_t i = 0; i < TSRI_COUNT(rows); i++) {
        tsr_auto(tsri_json) *value = NULL;
        char *written = NULL;
        assert_int_equal(tsr_json_parse(rows[i].text, strlen(rows[i].text),
                                        TSR_JSON_LONE_SURROGATES, 0, &value, NULL),
                         0);
        assert_string_equal(json_object_get_string(value), rows[i].bytes);
        assert_int_equal(tsr_json_text(value, 0, &written, NULL), 0);
        assert_string_equal(written, rows[i].written ? rows[i].written : rows[i].text);
        tsri_free(written);
    }
    /* Names too; and nothing else of what is no UTF-8. */
    tsr_auto(tsri_json) *object = NULL;
    static const char named[] = "{\"\\ud800\":1}", raw[] = "\"\xed\xa0\x80\"";
    char *written = NULL;
    assert_int_equal(
        tsr_json_parse(named, strlen(named), TSR_JSON_LONE_SURROGATES, 0, &object, NULL), 0);
    assert_int_equal(tsr_json_text(object, 0, &written, NULL), 0);
    assert_string_equal(written, named);
    tsri_free(written);
    assert_int_equal(tsr_json_parse(raw, strlen(raw), TSR_JSON_LONE_SURROGATES, 0, &object, NULL),
                     TSR_BAD_METADATA);
}

static void bare_nan_becomes_text_when_asked(void **state)
{
    (void)state;
    static const char text[] = "[NaN,Infinity,-Infinity,1e999,-1.5,\"NaN\"]";
    static const char *const names[] = {"NaN", "Infinity", "-Infinity"};
    tsri_json *list = parsed(text, sizeof text - 1, TSR_JSON_NAN_AS_TEXT);
    for (size_t i = 0; i < TSRI_COUNT(names); i++) {
        tsri_json *word = json_object_array_get_idx(list, i);
        assert_true(json_object_is_type(word, json_type_string));
        assert_string_equal(json_object_get_string(word), names[i]);
    }
    /* What has digits stays a number, be it too large for a double. */
    for (size_t i = 3; i < 5; i++)
        assert_true(json_object_is_type(json_object_array_get_idx(list, i), json_type_double));
    json_object_put(list);
}

/* ---- hostile input ---- */

/* `count` times `piece`; the caller frees it. */
static char *repeated(const char *piece, size_t count, size_t *ret_size_bytes)
{
    size_t length = strlen(piece);
    char *text = malloc(length * count + 1);
    for (size_t i = 0; i < count; i++)
        memcpy(text + i * length, piece, length);
    text[length * count] = 0;
    *ret_size_bytes = length * count;
    return text;
}

static int status_of(const char *text, size_t size_bytes, size_t max_bytes, tsr_error *err)
{
    tsri_json *value = NULL;
    int status = tsr_json_parse(text, size_bytes, 0, max_bytes, &value, err);
    json_object_put(value);
    return status;
}

static void depth_is_limited_to_64(void **state)
{
    (void)state;
    char text[200];
    for (int depth = 64; depth <= 65; depth++) {
        memset(text, '[', (size_t)depth);
        memset(text + depth, ']', (size_t)depth);
        assert_int_equal(status_of(text, 2 * (size_t)depth, 0, NULL),
                         depth == 64 ? TSR_OK : TSR_LIMIT);
    }
    static const char *const bombs[] = {"[", "{\"a\":", "[{\"\":"};
    for (size_t i = 0; i < TSRI_COUNT(bombs); i++) {
        size_t size = 0;
        char *bomb = repeated(bombs[i], 1000000, &size);
        tsr_error err = TSR_ERROR_INIT;
        assert_int_equal(status_of(bomb, size, 0, &err), TSR_LIMIT);
        assert_non_null(strstr(err.message, "nested deeper than 64 levels"));
        free(bomb);
    }
}

static void a_million_members_are_read_in_linear_time(void **state)
{
    (void)state;
    enum { COUNT = 1000000, MEMBER = 13 };
    char *text = malloc((size_t)COUNT * MEMBER + 2);
    size_t size = 0;
    for (int i = 0; i < COUNT; i++)
        size += (size_t)sprintf(text + size, "%c\"n%07d\":1", i > 0 ? ',' : '{', i);
    text[size++] = '}';
    struct timespec start, end;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
    assert_int_equal(status_of(text, size, 0, NULL), TSR_OK);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
    /* Quadratic time would be hours; the bound holds under sanitizers too. */
    assert_true(end.tv_sec - start.tv_sec < 30);
    /* The very last name repeats the first one. */
    memcpy(text + size - 13, "\"n0000000\":1}", 13);
    tsr_error err = TSR_ERROR_INIT;
    assert_int_equal(status_of(text, size, 0, &err), TSR_BAD_METADATA);
    assert_string_equal(err.message, "/n0000000: the name of this member occurs twice");
    free(text);
}

static void sizes_are_limited(void **state)
{
    (void)state;
    size_t size = 0;
    char *text = repeated(" ", 1000, &size);
    tsr_error err = TSR_ERROR_INIT;
    assert_int_equal(status_of(text, size, 999, &err), TSR_LIMIT);
    assert_string_equal(err.message, "a JSON document of 1000 bytes; at most 999 are read");
    assert_int_equal(status_of(text, size, 1000, NULL), TSR_BAD_METADATA);
    free(text);
    /* Empty objects take 250 times their text in memory. */
    text = repeated("{},", 100000, &size);
    memcpy(text, "[1,", 3);
    assert_int_equal(status_of(text, size, 1 << 20, &err), TSR_LIMIT);
    assert_non_null(strstr(err.message, "need more than 8388608 bytes of memory"));
    free(text);
}

static void huge_numbers_and_strings_are_read(void **state)
{
    (void)state;
    size_t size = 0;
    char *text = repeated("1", 1000000, &size);
    tsri_json *value = parsed(text, size, 0); /* an integer beyond 64 bits, and any double */
    assert_true(json_object_get_double(value) == __builtin_inf());
    assert_int_equal(strlen(tsri_json_source(value)), size);
    json_object_put(value);
    text[1] = '.';
    value = parsed(text, size, 0);
    assert_true(json_object_get_double(value) == 10.0 / 9);
    assert_int_equal(strlen(tsri_json_source(value)), size);
    json_object_put(value);
    text[size - 7] = 'e'; /* 1.11e111111 */
    value = parsed(text, size, 0);
    assert_true(json_object_get_double(value) == __builtin_inf());
    json_object_put(value);
    memset(text, 'a', size);
    text[0] = text[size - 1] = '"';
    value = parsed(text, size, 0);
    assert_int_equal(json_object_get_string_len(value), size - 2);
    json_object_put(value);
    free(text);
}

static void long_pointers_are_cut(void **state)
{
    (void)state;
    char text[2000] = "{\"";
    memset(text + 2, 'n', 1000);
    strcpy(text + 1002, "\":[x]}");
    tsr_error err = TSR_ERROR_INIT;
    assert_int_equal(status_of(text, strlen(text), 0, &err), TSR_BAD_METADATA);
    assert_non_null(strstr(err.message, "nnn...: 'x' where a value should be"));
}

static void the_locale_does_not_matter(void **state)
{
    (void)state;
    /* Any locale with a decimal comma; where the system has none the test still proves the plain
     * case. */
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "de_DE"};
    for (size_t i = 0; i < TSRI_COUNT(names) && setlocale(LC_ALL, names[i]) == NULL; i++)
        ;
    tsri_json *value = parsed("1.5", 3, 0);
    assert_true(json_object_get_double(value) == 1.5);
    json_object_put(value);
    setlocale(LC_ALL, "C");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_valid_document_is_accepted),
        cmocka_unit_test(every_invalid_document_is_refused_where_it_is_wrong),
        cmocka_unit_test(every_prefix_of_a_document_is_refused),
        cmocka_unit_test(the_line_of_a_fault_is_told),
        cmocka_unit_test(strings_are_decoded),
        cmocka_unit_test(numbers_keep_their_value),
        cmocka_unit_test(integers_beyond_64_bits_are_doubles),
        cmocka_unit_test(bare_nan_is_read_only_when_allowed),
        cmocka_unit_test(bare_nan_becomes_text_when_asked),
        cmocka_unit_test(lone_surrogates_are_kept_when_asked),
        cmocka_unit_test(depth_is_limited_to_64),
        cmocka_unit_test(a_million_members_are_read_in_linear_time),
        cmocka_unit_test(sizes_are_limited),
        cmocka_unit_test(huge_numbers_and_strings_are_read),
        cmocka_unit_test(long_pointers_are_cut),
        cmocka_unit_test(the_locale_does_not_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
