/* Proves which bytes count as UTF-8, and that nothing hostile reaches a terminal.
 * Expected values: RFC 3629 and the table of well-formed sequences of the Unicode standard (table
 * 3-7). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"

static void characters_at_the_edges(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t length;
        uint32_t code_point;
    } rows[] = {
        {"\x01", 1, 0x01},
        {"\x7f", 1, 0x7f},
        {"\xc2\x80", 2, 0x80},
        {"\xdf\xbf", 2, 0x7ff},
        {"\xe0\xa0\x80", 3, 0x800},
        {"\xed\x9f\xbf", 3, 0xd7ff},
        {"\xee\x80\x80", 3, 0xe000},
        {"\xef\xbf\xbf", 3, 0xffff},
        {"\xf0\x90\x80\x80", 4, 0x10000},
        {"\xf4\x8f\xbf\xbf", 4, 0x10ffff},
        /* Overlong, surrogates, too large, lone continuation, cut off. */
        {"\xc0\x80", 0, 0},
        {"\xc1\xbf", 0, 0},
        {"\xe0\x9f\xbf", 0, 0},
        {"\xf0\x8f\xbf\xbf", 0, 0},
        {"\xed\xa0\x80", 0, 0},
        {"\xed\xbf\xbf", 0, 0},
        {"\xf4\x90\x80\x80", 0, 0},
        {"\xf5\x80\x80\x80", 0, 0},
        {"\xff", 0, 0},
        {"\x80", 0, 0},
        {"\xe2\x82", 0, 0},
        {"\xe2\x28\xa1", 0, 0},
        {"\xf0\x9f\x8c", 0, 0},
    };
    for (size_t i = 0; i < TSRI_COUNT(rows); i++) {
        uint32_t code_point = 0;
        assert_int_equal(tsri_text_character(rows[i].bytes, strlen(rows[i].bytes), &code_point),
                         rows[i].length);
        assert_int_equal(code_point, rows[i].code_point);
    }
}

static void a_zero_byte_is_a_character(void **state)
{
    (void)state;
    uint32_t code_point = 9;
    assert_int_equal(tsri_text_character("\0", 1, &code_point), 1);
    assert_int_equal(code_point, 0);
}

/* Encodes and decodes every code point. */
static void every_code_point_is_read_back(void **state)
{
    (void)state;
    for (uint32_t c = 1; c <= 0x10ffff; c++) {
        char bytes[4];
        size_t size = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
        static const unsigned char first[] = {0, 0, 0xc0, 0xe0, 0xf0};
        uint32_t rest = c;
        for (size_t i = size - 1; i > 0; i--, rest >>= 6)
            bytes[i] = (char)(0x80 | (rest & 0x3f));
        bytes[0] = (char)(first[size] | rest);
        uint32_t code_point = 0;
        bool surrogate = c >= 0xd800 && c <= 0xdfff;
        size_t length = tsri_text_character(bytes, size, &code_point);
        if (length != (surrogate ? 0 : size) || code_point != (surrogate ? 0 : c))
            fail_msg("code point %x: length %zu, read %x", c, length, code_point);
        if (size > 1 && tsri_text_character(bytes, size - 1, &code_point) != 0)
            fail_msg("code point %x is accepted when cut", c);
        if (tsri_text_surrogate(bytes, size, &code_point) != surrogate ||
            (surrogate && code_point != c))
            fail_msg("code point %x is %s surrogate", c, surrogate ? "no" : "a");
        if (tsri_text_surrogate(bytes, size - 1, &code_point))
            fail_msg("code point %x is a surrogate when cut", c);
    }
}

static void assert_escaped(const char *text, const char *expected)
{
    char shown[200];
    tsri_text_escape(shown, sizeof shown, text);
    assert_string_equal(shown, expected);
}

static void hostile_characters_are_shown(void **state)
{
    (void)state;
    assert_escaped("", "");
    assert_escaped("plain /path [3, 7] \\ `quoted`", "plain /path [3, 7] \\ `quoted`");
    assert_escaped("\xc3\xa9\xe2\x82\xac\xf0\x9f\x8c\x8d", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x8c\x8d");
    assert_escaped("\x01\x1b]0;title\x07", "\\x01\\x1b]0;title\\x07");
    assert_escaped("\t\n\r\x7f", "\\t\\n\\r\\x7f");
    assert_escaped("\xc2\x80\xc2\x9f\xc2\xa0", "\\u0080\\u009f\xc2\xa0");
    assert_escaped("\xe2\x80\xa8\xe2\x80\xa9", "\\u2028\\u2029");
    assert_escaped("\xe2\x80\xaa\xe2\x80\xae\xe2\x81\xa6\xe2\x81\xa9",
                   "\\u202a\\u202e\\u2066\\u2069");
    assert_escaped("\xef\xbb\xbfx", "\\ufeffx");
    assert_escaped("\xff\xe2\x82\xe2", "\\xff\\xe2\\x82\\xe2");
}

/* Whatever the room, the result is as many whole characters and escapes as fit, with "..." when
 * some do not. */
static void escaping_into_little_room(void **state)
{
    (void)state;
    static const char text[] = "ab\x1b\xc3\xa9\n\xf0\x9f\x8c\x8d|\xff\xff end of it";
    static const char *const pieces[] = {
        "a", "b",     "\\x1b", "\xc3\xa9", "\\n", "\xf0\x9f\x8c\x8d",
        "|", "\\xff", "\\xff", " ",        "e",   "n",
        "d", " ",     "o",     "f",        " ",   "i",
        "t"};
    for (size_t room = 16; room < 60; room++) {
        char shown[64], expected[64] = "", whole[64] = "";
        for (size_t i = 0; i < TSRI_COUNT(pieces); i++) {
            strcat(whole, pieces[i]);
            if (strlen(whole) + 4 <= room)
                strcpy(expected, whole);
        }
        strcat(expected, "...");
        memset(shown, '#', sizeof shown);
        tsri_text_escape(shown, room, text);
        assert_string_equal(shown, strlen(whole) < room ? whole : expected);
        assert_int_equal(shown[room], '#');
    }
}

static void formatting_into_little_room(void **state)
{
    (void)state;
    char buffer[8];
    tsri_text_print(buffer, sizeof buffer, "%d", 1234567);
    assert_string_equal(buffer, "1234567");
    tsri_text_print(buffer, sizeof buffer, "%d", 12345678);
    assert_string_equal(buffer, "1234...");
    tsri_text_print(buffer, sizeof buffer, "%s", "abc\xc3\xa9\xc3\xa9\xc3\xa9");
    assert_string_equal(buffer, "abc...");
    tsri_text_print(buffer, 4, "%s", "abcd");
    assert_string_equal(buffer, "...");
    tsri_text_print(buffer, 4, "%s", "abc");
    assert_string_equal(buffer, "abc");
    tsri_text_print(buffer, 5, "%s", "\xf0\x9f\x8c\x8d\xf0\x9f\x8c\x8d");
    assert_string_equal(buffer, "...");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(characters_at_the_edges),
        cmocka_unit_test(a_zero_byte_is_a_character),
        cmocka_unit_test(every_code_point_is_read_back),
        cmocka_unit_test(hostile_characters_are_shown),
        cmocka_unit_test(escaping_into_little_room),
        cmocka_unit_test(formatting_into_little_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
