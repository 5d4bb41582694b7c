/* Proves that texts of a library become elements of their own: missing ones empty, Latin-1 as
 * UTF-8. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "source/text_elements.h"

static void test_texts(void **state)
{
    char utf8[] = "zw\xc3\xb6lf Boxk\xc3\xa4mpfer", latin[] = "zw\xf6lf", empty[] = "";
    char *texts[4] = {utf8, latin, NULL, empty};
    static const char *const wanted[4] = {"zw\xc3\xb6lf Boxk\xc3\xa4mpfer", "zw\xc3\xb6lf", "", ""};
    const int64_t count = 4;
    tsr_view view;

    (void)state;
    assert_int_equal(tsr_view_new(&view, TSR_STRING, 1, &count, NULL), 0);
    assert_int_equal(tsri_take_texts(&view, texts, NULL), 0);
    memset(utf8, '!', sizeof utf8);
    for (int i = 0; i < 4; i++) {
        const tsr_slot *slot = (const tsr_slot *)(const void *)view.data + i;
        assert_int_equal(slot->size_bytes, strlen(wanted[i]));
        assert_memory_equal(tsr_slot_bytes(slot), wanted[i], strlen(wanted[i]));
    }
    tsr_view_clear(&view);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_texts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
