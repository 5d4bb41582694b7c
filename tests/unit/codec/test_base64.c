/* base64: the vectors of RFC 4648 section 10, files that numcodecs made. */
#include "base/output.h"
#include "conformance/codec_golden.h"

#include <string.h>

static codec_case v2 = {.label = "v2", .zarr_format = 2, .name = "base64"};

static void test_golden(void **state)
{
    codec_fixture fixture = codec_fixture_open(&v2);

    (void)state;
    golden_expect(&fixture, "base64.hello");
    golden_expect(&fixture, "base64.small");
    codec_fixture_close(&fixture);
}

static void test_rfc4648(void **state)
{
    static const char *const vectors[][2] = {{"", ""},
                                             {"f", "Zg=="},
                                             {"f"
                                              "o",
                                              "Zm8="},
                                             {"foo", "Zm9v"},
                                             {"foob", "Zm9vYg=="},
                                             {"fooba", "Zm9vYmE="},
                                             {"foobar", "Zm9vYmFy"}};
    codec_fixture fixture = codec_fixture_open(&v2);

    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        const char *data = vectors[i][0], *letters = vectors[i][1];
        tsr_output output;
        codec_encode(&fixture, data, strlen(data), &output);
        assert_int_equal(output.size_bytes, strlen(letters));
        assert_memory_equal(output.data ? output.data : "", letters, strlen(letters));
        codec_expect_decoded(&fixture, letters, strlen(letters), data, strlen(data));
        tsri_output_clear(&output);
    }
    codec_expect_decoded(&fixture, "+/+/", 4, "\xfb\xff\xbf", 3);
    codec_fixture_close(&fixture);
}

static void test_damage(void **state)
{
    codec_fixture fixture = codec_fixture_open(&v2);

    (void)state;
    codec_expect_damaged(&fixture, "Zm9", 3, 10, "3 letters are not groups of four");
    codec_expect_damaged(&fixture, "Zm9vY!==", 8, 10, "letters 4 to 7");
    codec_expect_damaged(&fixture, "Zg==Zg==", 8, 10, "letters 0 to 3");
    codec_expect_damaged(&fixture, "====", 4, 10, "letters 0 to 3");
    codec_expect_damaged(&fixture, "Zm 9", 4, 10, "letters 0 to 3");
    codec_expect_damaged(&fixture, "Zm9v", 4, 2, "more than the 2 bytes");
    codec_fixture_close(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_rfc4648),
        cmocka_unit_test(test_damage),
        CODEC_SUITE_TESTS(&v2),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
