/* Proves of the encodings "default" and "v2" what every encoding promises, and their examples in
 * the specification; test_chunk_key.c has the walk that forms them axis by axis. */
#include "conformance/key_suite.h"

#include "base/base.h"

static const key_case cases[] = {
    {.name = "default"},
    {.name = "default", .configuration = "{\"separator\":\".\"}"},
    {.name = "v2"},
    {.name = "v2", .configuration = "{\"separator\":\"/\"}"},
};

static void keys_are_those_of_the_specification(void **state)
{
    (void)state;
    static const char *const wanted[4][2] = {
        {"c/1/23/45", "c"}, {"c.1.23.45", "c"}, {"1.23.45", "0"}, {"1/23/45", "0"}};
    for (int i = 0; i < 4; i++) {
        char text[64];
        key_of(&cases[i], 3, (const int64_t[]){1, 23, 45}, text, sizeof text);
        assert_string_equal(text, wanted[i][0]);
        key_of(&cases[i], 0, NULL, text, sizeof text);
        assert_string_equal(text, wanted[i][1]);
    }
}

static void other_configurations_are_refused(void **state)
{
    (void)state;
    key_expect_refusal(&(key_case){.name = "v2", .configuration = "{\"separator\":\"-\"}"}, 1,
                       TSR_BAD_METADATA, "/keys/configuration/separator");
    key_expect_refusal(&(key_case){.name = "default", .configuration = "{\"prefix\":\"c\"}"}, 1,
                       TSR_BAD_METADATA, "/keys/configuration/prefix");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KEY_SUITE_TESTS(&cases[0]),
        KEY_SUITE_TESTS(&cases[1]),
        KEY_SUITE_TESTS(&cases[2]),
        KEY_SUITE_TESTS(&cases[3]),
        cmocka_unit_test(keys_are_those_of_the_specification),
        cmocka_unit_test(other_configurations_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
