/* lzma: files that numcodecs made in all three formats, liblzma as the reader of ours, hostile
 * ones.
 */
#include "base/output.h"
#include "conformance/codec_golden.h"

#include <lzma.h>
#include <stdlib.h>
#include <string.h>

#define FILTERS "[{\"id\":3,\"dist\":2},{\"id\":33,\"preset\":1,\"dict_size\":65536,\"lc\":1}]"

static codec_case xz = {.label = "xz",
                        .zarr_format = 2,
                        .name = "lzma",
                        .configuration = "{\"preset\":0}",
                        .slow = true};
static codec_case filters = {.label = "filters",
                             .name = "numcodecs.lzma",
                             .configuration = "{\"format\":1,\"check\":0,\"preset\":null,"
                                              "\"filters\":" FILTERS "}",
                             .slow = true};
static codec_case alone = {.label = "lzma",
                           .name = "numcodecs.lzma",
                           .configuration = "{\"format\":2,\"preset\":0}",
                           .slow = true};
static codec_case raw = {.label = "raw",
                         .name = "numcodecs.lzma",
                         .configuration = "{\"format\":3,\"filters\":" FILTERS "}",
                         .slow = true};

static void test_golden(void **state)
{
    static const struct {
        codec_case *row;
        const char *file;
    } files[] = {{&xz, "lzma.small"},         {&xz, "lzma-9.large"},
                 {&xz, "lzma-streams.small"}, {&xz, "lzma-filters.small"},
                 {&filters, "lzma.small"},    {&alone, "lzma-alone.small"},
                 {&raw, "lzma-raw.small"}};

    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        codec_fixture fixture = codec_fixture_open(files[i].row);
        golden_expect(&fixture, files[i].file);
        codec_fixture_close(&fixture);
    }
}

static void test_liblzma_reads_it(void **state)
{
    codec_case *rows[] = {&xz, &filters};
    static uint8_t data[100000], decoded[100000];

    (void)state;
    codec_data_fill(DATA_SMOOTH, data, sizeof data);
    for (int i = 0; i < 2; i++) {
        codec_fixture fixture = codec_fixture_open(rows[i]);
        tsr_output encoded;
        size_t from = 0, to = 0;
        uint64_t limit = UINT64_MAX;
        codec_encode(&fixture, data, sizeof data, &encoded);
        assert_int_equal(lzma_stream_buffer_decode(&limit, 0, NULL, (uint8_t *)encoded.data, &from,
                                                   encoded.size_bytes, decoded, &to,
                                                   sizeof decoded),
                         LZMA_OK);
        assert_int_equal(to, sizeof data);
        assert_memory_equal(decoded, data, sizeof data);
        /* Byte 7 of the header is the check: CRC-64 where nothing is said. */
        assert_int_equal(encoded.data[7], i == 0 ? LZMA_CHECK_CRC64 : LZMA_CHECK_NONE);
        tsri_output_clear(&encoded);
        codec_fixture_close(&fixture);
    }
}

/* 32 MiB of zeros for a chunk of 1,000 bytes. */
static void test_bomb(void **state)
{
    codec_fixture fixture = codec_fixture_open(&xz);
    size_t large = (size_t)32 << 20;
    char *zeros = calloc(1, large);
    tsr_output encoded;

    (void)state;
    codec_encode(&fixture, zeros, large, &encoded);
    assert_in_range(encoded.size_bytes, 10, 20000);
    codec_expect_damaged(&fixture, encoded.data, encoded.size_bytes, 1000, "more than the 1000");
    tsri_output_clear(&encoded);
    free(zeros);
    codec_fixture_close(&fixture);
}

/* Damage behind a prefix: nothing of .xz is believed whose checksum was not looked at. */
static void test_checksum_of_a_prefix(void **state)
{
    codec_fixture fixture = codec_fixture_open(&xz);
    unsigned char data[20000], decoded[20000];
    tsr_error err = TSR_ERROR_INIT;
    size_t decoded_bytes = 0;
    tsr_output encoded;

    (void)state;
    codec_data_fill(DATA_NOISE, data, sizeof data);
    codec_encode(&fixture, data, sizeof data, &encoded);
    for (int broken = 0; broken < 2; broken++) {
        assert_int_equal(fixture.ops->decode_prefix(fixture.codec, fixture.scratch, encoded.data,
                                                    encoded.size_bytes, decoded, sizeof decoded,
                                                    100, &decoded_bytes, &err),
                         broken ? TSR_DAMAGED : 0);
        assert_int_equal(decoded_bytes, sizeof decoded);
        encoded.data[encoded.size_bytes / 2] ^= 1;
    }
    tsri_output_clear(&encoded);
    codec_fixture_close(&fixture);
}

/* The header of a .lzma file may claim a dictionary of 4 GiB. */
static void test_dictionary_of_4_gib(void **state)
{
    codec_fixture fixture = codec_fixture_open(&alone);
    tsr_output encoded;
    tsr_error err = TSR_ERROR_INIT;
    char decoded[100];
    size_t decoded_bytes;

    (void)state;
    codec_encode(&fixture, "hello world!", 12, &encoded);
    memset(encoded.data + 1, 0xff, 4);
    assert_int_equal(fixture.ops->decode_bytes(fixture.codec, fixture.scratch, encoded.data,
                                               encoded.size_bytes, decoded, sizeof decoded,
                                               &decoded_bytes, &err),
                     TSR_UNSUPPORTED);
    assert_non_null(strstr(err.message, "dictionary"));
    tsri_output_clear(&encoded);
    codec_fixture_close(&fixture);
}

static void test_configurations(void **state)
{
    static const struct {
        const char *configuration;
        int status;
        const char *text;
    } refused[] = {
        {"{\"format\":4}", TSR_BAD_METADATA, "/configuration/format"},
        {"{\"format\":0}", TSR_BAD_METADATA, "/configuration/format"},
        {"{\"preset\":10}", TSR_BAD_METADATA, "there is no preset 10"},
        {"{\"check\":2}", TSR_BAD_METADATA, "/configuration/check"},
        {"{\"format\":3}", TSR_BAD_METADATA, "/configuration/filters is missing"},
        {"{\"filters\":[]}", TSR_BAD_METADATA, "1 to 4 filters"},
        {"{\"filters\":[{}]}", TSR_BAD_METADATA, "/configuration/filters/0/id"},
        {"{\"filters\":[{\"id\":77}]}", TSR_UNSUPPORTED, "no filter 77"},
        {"{\"filters\":[{\"id\":33,\"preset\":99}]}", TSR_BAD_METADATA, "filters/0/preset"},
        {"{\"filters\":[{\"id\":33,\"lc\":-1}]}", TSR_BAD_METADATA, "filters/0/lc"},
        {"{\"filters\":[{\"id\":33}],\"preset\":1}", TSR_BAD_METADATA, "not together"},
        {"{\"format\":2,\"filters\":[{\"id\":33}]}", TSR_BAD_METADATA, "LZMA1"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        codec_case row = {
            .zarr_format = 2, .name = "lzma", .configuration = refused[i].configuration};
        codec_expect_refusal(&row, refused[i].status, refused[i].text);
    }
    codec_fixture fixture = codec_fixture_open(&filters);
    tsr_output text = codec_describe(&fixture, 3);
    assert_string_equal(text.data, filters.configuration);
    tsri_output_clear(&text);
    codec_fixture_close(&fixture);
}

/* A chain that can be read but not used: LZMA2 must be the last filter. */
static void test_impossible_chain(void **state)
{
    codec_case row = {.name = "numcodecs.lzma",
                      .configuration = "{\"filters\":[{\"id\":33},{\"id\":3}]}"};
    codec_fixture fixture = codec_fixture_open(&row);
    tsr_output output = {.max_bytes = 10000};
    tsr_error err = TSR_ERROR_INIT;

    (void)state;
    assert_int_equal(
        fixture.ops->encode_bytes(fixture.codec, fixture.scratch, "abc", 3, &output, &err),
        TSR_UNSUPPORTED);
    assert_non_null(strstr(err.message, "chain of filters"));
    tsri_output_clear(&output);
    codec_fixture_close(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_liblzma_reads_it),
        cmocka_unit_test(test_bomb),
        cmocka_unit_test(test_dictionary_of_4_gib),
        cmocka_unit_test(test_configurations),
        cmocka_unit_test(test_checksum_of_a_prefix),
        cmocka_unit_test(test_impossible_chain),
        CODEC_SUITE_TESTS(&xz),
        CODEC_SUITE_TEST(codec_test_round_trip, &filters),
        CODEC_SUITE_TEST(codec_test_round_trip, &alone),
        CODEC_SUITE_TEST(codec_test_truncated, &alone),
        CODEC_SUITE_TEST(codec_test_flipped, &alone),
        CODEC_SUITE_TEST(codec_test_round_trip, &raw),
        CODEC_SUITE_TEST(codec_test_flipped, &raw),
        CODEC_SUITE_TEST(codec_test_describe, &filters),
        CODEC_SUITE_TEST(codec_test_describe, &raw),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
