/* crc32c: the checksum against the vectors of RFC 3720 B.4 and against its definition, and the
 * codec. */
#include "base/output.h"
#include "codec/codec.h"
#include "conformance/codec_golden.h"
#include "support/hand_made.h"

#include <stdlib.h>
#include <string.h>

static codec_case v3 = {.label = "v3", .name = "crc32c"};
static codec_case v2 = {.label = "v2", .zarr_format = 2, .name = "crc32c"};
static codec_case at_start = {.label = "in front",
                              .zarr_format = 2,
                              .name = "crc32c",
                              .configuration = "{\"location\":\"start\"}"};

static codec_case at_start_in_v3 = {.label = "in front, v3",
                                    .name = "numcodecs.crc32c",
                                    .configuration = "{\"location\":\"start\"}"};
static codec_case at_end_in_v3 = {
    .label = "behind, v3", .name = "numcodecs.crc32c", .configuration = "{\"location\":\"end\"}"};

static void test_rfc3720(void **state)
{
    static const unsigned char read_command[48] = {
        0x01, 0xc0, 0, 0,    0, 0, 0, 0,    0,    0, 0, 0, 0, 0, 0, 0, 0x14, 0, 0, 0, 0, 0, 4, 0,
        0,    0,    0, 0x14, 0, 0, 0, 0x18, 0x28, 0, 0, 0, 0, 0, 0, 0, 2,    0, 0, 0, 0, 0, 0, 0};
    unsigned char zeros[32] = {0}, ones[32], up[32], down[32];

    (void)state;
    for (unsigned i = 0; i < 32; i++) {
        ones[i] = 0xff;
        up[i] = (unsigned char)i;
        down[i] = (unsigned char)(31 - i);
    }
    assert_int_equal(tsri_crc32c(0, zeros, 32), 0x8a9136aa);
    assert_int_equal(tsri_crc32c(0, ones, 32), 0x62a8ab43);
    assert_int_equal(tsri_crc32c(0, up, 32), 0x46dd794e);
    assert_int_equal(tsri_crc32c(0, down, 32), 0x113fdb5c);
    assert_int_equal(tsri_crc32c(0, read_command, 48), 0xd9963a56);
    assert_int_equal(tsri_crc32c(0, "123456789", 9), 0xe3069283);
    assert_int_equal(tsri_crc32c(0, "", 0), 0);
}

static void test_fast_equals_table_equals_definition(void **state)
{
    unsigned char bytes[700];

    (void)state;
    codec_data_fill(DATA_NOISE, bytes, sizeof bytes);
    for (size_t start = 0; start < 9; start++) {
        for (size_t size = 0; size < sizeof bytes - start; size++) {
            uint32_t expected = hand_made_crc32c(bytes + start, size);
            assert_int_equal(tsri_crc32c(0, bytes + start, size), expected);
            assert_int_equal(tsri_crc32c_portable(0, bytes + start, size), expected);
        }
    }
}

static void test_goes_on(void **state)
{
    size_t size = (size_t)3 << 20;
    char *bytes = malloc(size);
    uint64_t random = 1;

    (void)state;
    codec_data_fill(DATA_NOISE, bytes, size);
    uint32_t whole = tsri_crc32c(0, bytes, size);
    assert_int_equal(tsri_crc32c_portable(0, bytes, size), whole);
    for (int round = 0; round < 50; round++) {
        size_t cut = codec_random(&random) % size;
        assert_int_equal(tsri_crc32c(tsri_crc32c(0, bytes, cut), bytes + cut, size - cut), whole);
    }
    free(bytes);
}

/* Made by numcodecs. */
static void test_golden(void **state)
{
    codec_fixture end = codec_fixture_open(&v3), start = codec_fixture_open(&at_start);

    (void)state;
    golden_expect(&end, "crc32c.hello");
    golden_expect(&start, "crc32c-start.hello");
    codec_fixture_close(&end);
    codec_fixture_close(&start);
}

static void expect_encoded(const codec_case *row, const char *expected)
{
    codec_fixture fixture = codec_fixture_open(row);
    tsr_output output;

    codec_encode(&fixture, "hello world!", 12, &output);
    assert_int_equal(output.size_bytes, 16);
    assert_memory_equal(output.data, expected, 16);
    tsri_output_clear(&output);
    codec_fixture_close(&fixture);
}

static void test_bytes(void **state)
{
    (void)state;
    expect_encoded(&v3, "hello world!\x77\x57\xcb\x49");
    expect_encoded(&v2, "hello world!\x77\x57\xcb\x49");
    expect_encoded(&at_start, "\x77\x57\xcb\x49hello world!");
}

static void test_mismatch_says_both_values(void **state)
{
    codec_fixture fixture = codec_fixture_open(&v3);

    (void)state;
    codec_expect_damaged(&fixture, "hello world!\x77\x57\xcb\x48", 16, 12,
                         "checksum mismatch (stored 48cb5777, computed 49cb5777)");
    codec_expect_damaged(&fixture, "\x77\x57\xcb", 3, 12, "3 bytes cannot hold a checksum");
    /* Nothing at all has the checksum 0. */
    codec_expect_decoded(&fixture, "\0\0\0\0", 4, "", 0);
    codec_fixture_close(&fixture);
}

/* A flipped bit anywhere is noticed. */
static void test_each_bit_counts(void **state)
{
    codec_fixture fixture = codec_fixture_open(&v3);
    char bytes[100];
    tsr_output output;

    (void)state;
    codec_data_fill(DATA_SMOOTH, bytes, sizeof bytes);
    codec_encode(&fixture, bytes, sizeof bytes, &output);
    for (size_t bit = 0; bit < output.size_bytes * 8; bit++) {
        output.data[bit / 8] ^= (char)(1 << bit % 8);
        codec_expect_damaged(&fixture, output.data, output.size_bytes, 200, "checksum mismatch");
        output.data[bit / 8] ^= (char)(1 << bit % 8);
    }
    tsri_output_clear(&output);
    codec_fixture_close(&fixture);
}

/* What the registered codec cannot say, that of numcodecs says in v3 too. */
static void test_names(void **state)
{
    static const struct {
        const codec_case *row;
        const char *name, *configuration;
    } rows[] = {{&v3, "crc32c", "{}"},
                {&v2, "crc32c", "{}"},
                {&at_start, "numcodecs.crc32c", "{\"location\":\"start\"}"},
                {&at_start_in_v3, "numcodecs.crc32c", "{\"location\":\"start\"}"},
                {&at_end_in_v3, "crc32c", "{}"}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        codec_fixture fixture = codec_fixture_open(rows[i].row);
        assert_string_equal(tsri_codec_v3_name(fixture.ops, fixture.codec), rows[i].name);
        tsr_output text = codec_describe(&fixture, 3);
        assert_string_equal(text.data, rows[i].configuration);
        tsri_output_clear(&text);
        codec_fixture_close(&fixture);
    }
}

static void test_refusals(void **state)
{
    (void)state;
    codec_case row = {.name = "crc32c", .configuration = "{\"location\":\"start\"}"};
    codec_expect_refusal(&row, TSR_BAD_METADATA, "location");
    row = (codec_case){
        .zarr_format = 2, .name = "crc32c", .configuration = "{\"location\":\"middle\"}"};
    codec_expect_refusal(&row, TSR_BAD_METADATA, "\"middle\" is none of \"end\", \"start\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rfc3720),
        cmocka_unit_test(test_fast_equals_table_equals_definition),
        cmocka_unit_test(test_goes_on),
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_mismatch_says_both_values),
        cmocka_unit_test(test_each_bit_counts),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_refusals),
        CODEC_SUITE_TESTS(&v3),
        CODEC_SUITE_TEST(codec_test_round_trip, &at_start),
        CODEC_SUITE_TEST(codec_test_capacity, &at_start),
        CODEC_SUITE_TEST(codec_test_truncated, &at_start),
        CODEC_SUITE_TEST(codec_test_describe, &v2),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
