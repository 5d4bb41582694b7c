/* fletcher32: files that numcodecs made, and the sums by their definition. */
#include "base/output.h"
#include "conformance/codec_golden.h"

#include <stdlib.h>
#include <string.h>

static codec_case v2 = {.label = "v2", .zarr_format = 2, .name = "fletcher32"};
static codec_case v3 = {.label = "v3", .name = "numcodecs.fletcher32"};

static void test_golden(void **state)
{
    codec_fixture fixture = codec_fixture_open(&v2);

    (void)state;
    golden_expect(&fixture, "fletcher32.hello");
    golden_expect(&fixture, "fletcher32.small");
    /* An odd length, also by numcodecs. */
    codec_expect_decoded(&fixture, "hello world\xce\x91'\xfc", 15, "hello world", 11);
    codec_fixture_close(&fixture);
}

/* The definition, word by word with 64-bit sums. Sums that are multiples of 65535 have two forms;
 * HDF5 keeps 65535 unless everything was 0. */
static uint32_t by_definition(const unsigned char *bytes, size_t size_bytes)
{
    uint64_t low = 0, high = 0;

    for (size_t i = 0; i < size_bytes; i += 2) {
        low += (uint64_t)bytes[i] << 8 | (i + 1 < size_bytes ? bytes[i + 1] : 0);
        high += low;
    }
    uint64_t low_rest = low % 65535, high_rest = high % 65535;
    if (low && !low_rest)
        low_rest = 65535;
    if (high && !high_rest)
        high_rest = 65535;
    return (uint32_t)(high_rest << 16 | low_rest);
}

static void test_definition(void **state)
{
    codec_fixture fixture = codec_fixture_open(&v3);
    static unsigned char bytes[3000];

    (void)state;
    for (int round = 0; round < 200; round++) {
        size_t size = (size_t)round * 13;
        tsr_output output;
        if (round % 2)
            memset(bytes, 0xff, sizeof bytes); /* the largest sums before they are folded */
        else
            codec_data_fill(DATA_NOISE, bytes, sizeof bytes);
        codec_encode(&fixture, bytes, size, &output);
        uint32_t expected = by_definition(bytes, size);
        for (int i = 0; i < 4; i++)
            assert_int_equal((unsigned char)output.data[size + (size_t)i],
                             expected >> (8 * i) & 0xff);
        tsri_output_clear(&output);
    }
    codec_fixture_close(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_definition),
        CODEC_SUITE_TESTS(&v2),
        CODEC_SUITE_TEST(codec_test_describe, &v3),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
