/* Proves the form of pointers (RFC 6901, section 5), that they are cut within their buffer, and
 * that no control character gets through. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "meta/json_pointer.h"

static void pointers_follow_the_rfc(void **state)
{
    (void)state;
    static const char *const rows[][2] = {{"foo", "/foo"},
                                          {"", "/"},
                                          {"a/b", "/a~1b"},
                                          {"c%d", "/c%d"},
                                          {"m~n", "/m~0n"},
                                          {" ", "/ "},
                                          {"~1", "/~01"},
                                          {"caf\xc3\xa9", "/caf\xc3\xa9"},
                                          {"\x1b[31m\x7f\n", "/\\u001b[31m\\u007f\\u000a"}};
    for (size_t i = 0; i < TSRI_COUNT(rows); i++) {
        tsri_json_pointer pointer;
        tsri_json_pointer_init(&pointer, "");
        assert_string_equal(tsri_json_pointer_text(&pointer), "/");
        tsri_json_pointer_name(&pointer, rows[i][0]);
        assert_string_equal(tsri_json_pointer_text(&pointer), rows[i][1]);
    }
    tsri_json_pointer pointer;
    tsri_json_pointer_init(&pointer, "/codecs");
    tsri_json_pointer_index(&pointer, 12);
    tsri_json_pointer_name(&pointer, "name");
    assert_string_equal(pointer.text, "/codecs/12/name");
}

static void long_pointers_end_in_dots(void **state)
{
    (void)state;
    for (size_t length = 200; length < 300; length++) {
        char name[301];
        memset(name, 'n', length);
        name[length] = 0;
        tsri_json_pointer pointer;
        tsri_json_pointer_init(&pointer, "");
        tsri_json_pointer_name(&pointer, name);
        for (size_t i = 0; i < 50; i++)
            tsri_json_pointer_index(&pointer, SIZE_MAX);
        assert_true(strlen(pointer.text) == pointer.size_bytes &&
                    pointer.size_bytes < sizeof pointer.text);
        assert_string_equal(pointer.text + pointer.size_bytes - 3, "...");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pointers_follow_the_rfc),
        cmocka_unit_test(long_pointers_end_in_dots),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
