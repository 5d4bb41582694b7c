/* crc32 and adler32: files that numcodecs made, published check values, where the checksum stands.
 */
#include "base/output.h"
#include "conformance/codec_golden.h"

#include <string.h>

static codec_case crc32_v2 = {.label = "crc32 v2", .zarr_format = 2, .name = "crc32"};
static codec_case crc32_end = {.label = "crc32 behind the data",
                               .name = "numcodecs.crc32",
                               .configuration = "{\"location\":\"end\"}"};
static codec_case adler32_v3 = {.label = "adler32 v3", .name = "numcodecs.adler32"};
static codec_case adler32_end = {.label = "adler32 behind the data",
                                 .zarr_format = 2,
                                 .name = "adler32",
                                 .configuration = "{\"location\":\"end\"}"};

static void expect_files(const codec_case *row, const char *const *files)
{
    codec_fixture fixture = codec_fixture_open(row);
    for (; *files; files++)
        golden_expect(&fixture, *files);
    codec_fixture_close(&fixture);
}

static void test_golden(void **state)
{
    (void)state;
    expect_files(&crc32_v2, (const char *const[]){"crc32.hello", "crc32.small", NULL});
    expect_files(&crc32_end, (const char *const[]){"crc32-end.hello", NULL});
    expect_files(&adler32_v3, (const char *const[]){"adler32.hello", "adler32.small", NULL});
    expect_files(&adler32_end, (const char *const[]){"adler32-end.hello", NULL});
}

static void expect_encoded(const codec_case *row, const char *data, const char *expected)
{
    codec_fixture fixture = codec_fixture_open(row);
    tsr_output output;
    size_t size_bytes = strlen(data) + 4;

    codec_encode(&fixture, data, strlen(data), &output);
    assert_int_equal(output.size_bytes, size_bytes);
    assert_memory_equal(output.data, expected, size_bytes);
    tsri_output_clear(&output);
    codec_fixture_close(&fixture);
}

/* CRC-32/ISO-HDLC has the check value cbf43926; RFC 1950's Adler-32 of the same digits is 091e01de.
 */
static void test_bytes(void **state)
{
    (void)state;
    expect_encoded(&crc32_v2, "123456789",
                   "\x26\x39\xf4\xcb"
                   "123456789");
    expect_encoded(&crc32_end, "123456789", "123456789\x26\x39\xf4\xcb");
    expect_encoded(&adler32_v3, "123456789",
                   "\xde\x01\x1e\x09"
                   "123456789");
    expect_encoded(&adler32_end, "", "\x01\x00\x00\x00");
}

static void test_damage(void **state)
{
    codec_fixture fixture = codec_fixture_open(&adler32_end);

    (void)state;
    codec_expect_damaged(&fixture, "a\x62\x00\x62\x01", 5, 5,
                         "checksum mismatch (stored 01620062, computed 00620062)");
    codec_expect_damaged(&fixture, "abc", 3, 3, "adler32: 3 bytes cannot hold a checksum");
    codec_fixture_close(&fixture);
}

static void test_describe(void **state)
{
    codec_fixture usual = codec_fixture_open(&crc32_v2), end = codec_fixture_open(&crc32_end);
    tsr_output text = codec_describe(&usual, 2), other = codec_describe(&end, 3);

    (void)state;
    assert_string_equal(text.data, "{}");
    assert_string_equal(other.data, "{\"location\":\"end\"}");
    tsri_output_clear(&text);
    tsri_output_clear(&other);
    codec_fixture_close(&usual);
    codec_fixture_close(&end);
    codec_case row = {
        .zarr_format = 2, .name = "crc32", .configuration = "{\"location\":\"middle\"}"};
    codec_expect_refusal(&row, TSR_BAD_METADATA, "\"middle\" is none of \"end\", \"start\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_describe),
        CODEC_SUITE_TESTS(&crc32_v2),
        CODEC_SUITE_TESTS(&adler32_v3),
        CODEC_SUITE_TEST(codec_test_round_trip, &crc32_end),
        CODEC_SUITE_TEST(codec_test_describe, &crc32_end),
        CODEC_SUITE_TEST(codec_test_round_trip, &adler32_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
