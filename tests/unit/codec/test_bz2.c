/* bz2: files of other programs, several streams, hostile ones. */
#include "base/output.h"
#include "conformance/codec_golden.h"

#include <bzlib.h>
#include <stdlib.h>
#include <string.h>

static codec_case level_1 = {.label = "v2 level 1",
                             .zarr_format = 2,
                             .name = "bz2",
                             .configuration = "{\"level\":1}",
                             .slow = true};
static codec_case level_9 = {
    .label = "level 9", .name = "numcodecs.bz2", .configuration = "{\"level\":\"9\"}"};

/* What bzip2 makes of nothing: header, end mark, checksum 0. */
#define EMPTY "BZh9\x17\x72\x45\x38\x50\x90\x00\x00\x00\x00"

static void test_golden(void **state)
{
    static const char *const files[] = {"bz2-1.small", "bz2-9.small", "bz2-streams.small",
                                        "bz2-1.large"};
    codec_fixture fixture = codec_fixture_open(&level_1);

    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        golden_expect(&fixture, files[i]);
    codec_fixture_close(&fixture);
}

static void test_streams(void **state)
{
    codec_fixture fixture = codec_fixture_open(&level_1);
    size_t size_bytes;
    char *bytes = golden_read("bz2-streams.small", &size_bytes);
    size_t expected_bytes;
    char *expected = golden_data("bz2-streams.small", &expected_bytes);
    char *with_empty = malloc(size_bytes + 2 * 14 + 1);

    (void)state;
    codec_expect_decoded(&fixture, EMPTY, 14, "", 0);
    codec_expect_decoded(&fixture, EMPTY EMPTY, 28, "", 0);
    memcpy(with_empty, EMPTY, 14);
    memcpy(with_empty + 14, bytes, size_bytes);
    memcpy(with_empty + 14 + size_bytes, EMPTY "B", 15);
    codec_expect_decoded(&fixture, with_empty, size_bytes + 28, expected, expected_bytes);
    /* A stream that has only begun, and something that is no stream. */
    codec_expect_damaged(&fixture, with_empty, size_bytes + 29, expected_bytes, "cut off");
    with_empty[size_bytes + 28] = 'x';
    codec_expect_damaged(&fixture, with_empty, size_bytes + 29, expected_bytes, "damaged");
    codec_expect_damaged(&fixture, bytes, size_bytes, expected_bytes - 1, "more than the 2999");
    codec_expect_damaged(&fixture, "", 0, 100, "cut off");
    free(bytes);
    free(expected);
    free(with_empty);
    codec_fixture_close(&fixture);
}

/* bzip2 itself as the reader of what we write, and the level in the header. */
static void test_bzip2_reads_it(void **state)
{
    codec_fixture fixture = codec_fixture_open(&level_9);
    static char data[250000], decoded[250001];
    unsigned decoded_bytes = sizeof decoded;
    tsr_output encoded;

    (void)state;
    codec_data_fill(DATA_SMOOTH, data, sizeof data);
    codec_encode(&fixture, data, sizeof data, &encoded);
    assert_memory_equal(encoded.data, "BZh9", 4);
    assert_int_equal(BZ2_bzBuffToBuffDecompress(decoded, &decoded_bytes, encoded.data,
                                                (unsigned)encoded.size_bytes, 0, 0),
                     BZ_OK);
    assert_int_equal(decoded_bytes, sizeof data);
    assert_memory_equal(decoded, data, sizeof data);
    tsri_output_clear(&encoded);
    codec_fixture_close(&fixture);
}

/* 32 MiB of zeros for a chunk of 1,000 bytes. */
static void test_bomb(void **state)
{
    codec_fixture fixture = codec_fixture_open(&level_9);
    size_t large = (size_t)32 << 20;
    char *zeros = calloc(1, large);
    tsr_output encoded;

    (void)state;
    codec_encode(&fixture, zeros, large, &encoded);
    assert_in_range(encoded.size_bytes, 10, 5000);
    codec_expect_damaged(&fixture, encoded.data, encoded.size_bytes, 1000, "more than the 1000");
    tsri_output_clear(&encoded);
    free(zeros);
    codec_fixture_close(&fixture);
}

static void test_configurations(void **state)
{
    codec_case row = {.zarr_format = 2, .name = "bz2", .configuration = "{}"};
    codec_fixture fixture = codec_fixture_open(&row);
    tsr_output text = codec_describe(&fixture, 2);

    (void)state;
    assert_string_equal(text.data, "{\"level\":1}");
    tsri_output_clear(&text);
    codec_fixture_close(&fixture);
    row.configuration = "{\"level\":0}";
    codec_expect_refusal(&row, TSR_BAD_METADATA, "/configuration/level");
    row.configuration = "{\"level\":\"10\"}";
    codec_expect_refusal(&row, TSR_BAD_METADATA, "\"10\" is not an integer from 1 to 9");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_streams),
        cmocka_unit_test(test_bzip2_reads_it),
        cmocka_unit_test(test_bomb),
        cmocka_unit_test(test_configurations),
        CODEC_SUITE_TESTS(&level_1),
        CODEC_SUITE_TEST(codec_test_describe, &level_9),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
