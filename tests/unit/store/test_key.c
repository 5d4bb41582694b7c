/* Proves the grammar of keys and prefixes at its borders. The store suite proves that stores ask
 * it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store/key.h"
#include <tessera/sys/store.h>

static void a_refusal_names_the_place(void **state)
{
    (void)state;
    static const struct {
        const char *key, *message, *where;
    } rows[] = {
        {"a//b", "empty part", "byte 2 of the key"}, {"/a", "empty part", "byte 0 of the key"},
        {"a/b/", "empty part", "byte 4 of the key"}, {"a/../b", "\"..\"", "byte 2 of the key"},
        {"a/.", "\".\"", "byte 2 of the key"},       {"ab\xff", "not UTF-8", "byte 2 of the key"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tsr_error err = TSR_ERROR_INIT;
        assert_int_equal(tsr_store_check_key(rows[i].key, &err), TSR_INVALID_ARGUMENT);
        assert_non_null(strstr(err.message, rows[i].message));
        assert_string_equal(err.where, rows[i].where);
    }
    assert_int_equal(tsr_store_check_key(NULL, NULL), TSR_INVALID_ARGUMENT);
    assert_int_equal(tsr_store_check_key("", NULL), TSR_INVALID_ARGUMENT);
    assert_int_equal(tsr_store_check_prefix(NULL, NULL), TSR_INVALID_ARGUMENT);
}

static void the_longest_key_and_prefix(void **state)
{
    (void)state;
    char text[TSRI_KEY_BYTES_MAX + 3];
    memset(text, 'k', sizeof text);
    text[TSRI_KEY_BYTES_MAX] = 0;
    assert_int_equal(tsr_store_check_key(text, NULL), 0);
    text[TSRI_KEY_BYTES_MAX] = 'k';
    text[TSRI_KEY_BYTES_MAX + 1] = 0;
    assert_int_equal(tsr_store_check_key(text, NULL), TSR_INVALID_ARGUMENT);
    text[TSRI_KEY_BYTES_MAX] = '/';
    assert_int_equal(tsr_store_check_prefix(text, NULL), 0);
    text[TSRI_KEY_BYTES_MAX] = 'k';
    text[TSRI_KEY_BYTES_MAX + 1] = '/';
    text[TSRI_KEY_BYTES_MAX + 2] = 0;
    assert_int_equal(tsr_store_check_prefix(text, NULL), TSR_INVALID_ARGUMENT);
}

/* No text of up to five bytes from an alphabet of trouble is taken for a key when splitting it at
 * slashes shows a part that is empty, "." or "..". */
static void all_short_texts(void **state)
{
    (void)state;
    static const char alphabet[] = {0, '/', '.', 'a'};
    for (int n = 0; n < 4 * 4 * 4 * 4 * 4; n++) {
        char text[8] = "";
        for (int i = 0, left = n; i < 5; i++, left /= 4)
            text[i] = alphabet[left % 4];
        bool good = text[0] != 0;
        char framed[16] = "/";
        strcat(framed, text);
        strcat(framed, "/");
        if (strstr(framed, "//") || strstr(framed, "/./") || strstr(framed, "/../"))
            good = false;
        assert_int_equal(tsr_store_check_key(text, NULL) == 0, good);
        if (good) {
            strcat(text, "/");
            assert_int_equal(tsr_store_check_prefix(text, NULL), 0);
        }
    }
    assert_int_equal(tsr_store_check_prefix("", NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refusal_names_the_place),
        cmocka_unit_test(the_longest_key_and_prefix),
        cmocka_unit_test(all_short_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
