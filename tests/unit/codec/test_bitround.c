/* bitround: what the extension registry says, and what may not happen to NaN and to the ends of the
 * range. (Floats are compared with numcodecs in test_filters.c.) */
#include <stdlib.h>
#include <string.h>

#include "conformance/codec_suite.h"

static codec_case row_of(const tsr_dtype *dtype, const char *configuration)
{
    return (codec_case){
        .name = "bitround", .configuration = configuration, .dtype = dtype, .rank = 1};
}

static void round_elements(codec_case row, const void *from, void *to, int64_t count)
{
    codec_fixture fixture = codec_fixture_open(&row);
    tsr_view decoded, encoded, again;
    size_t size_bytes = (size_t)count * row.dtype->size_bytes;
    void *back = malloc(size_bytes);

    assert_return_code(tsr_view_init(&decoded, row.dtype, 1, &count, (void *)from, NULL), 0);
    assert_return_code(tsr_view_init(&encoded, row.dtype, 1, &count, to, NULL), 0);
    assert_return_code(tsr_view_init(&again, row.dtype, 1, &count, back, NULL), 0);
    assert_return_code(fixture.ops->encode_view(fixture.codec, NULL, &decoded, &encoded, NULL), 0);
    assert_return_code(fixture.ops->decode_view(fixture.codec, NULL, &encoded, &again, NULL), 0);
    assert_memory_equal(back, to, size_bytes);
    free(back);
    codec_fixture_close(&fixture);
}

/* The tables of zarrs' own tests, an independent implementation. */
static void test_unsigned(void **state)
{
    static const uint8_t bytes[9] = {0, 3, 7, 15, 17, 54, 89, 128, 255};
    static const uint8_t rounded_bytes[9] = {0, 3, 7, 16, 16, 56, 96, 128, 224};
    static const uint32_t words[7] = {0, 1024, 1280, 1664, 1685, 123145182, 4294967295};
    static const uint32_t rounded_words[7] = {0, 1024, 1280, 1536, 1792, 117440512, 3758096384};
    uint8_t small[9];
    uint32_t large[7];

    (void)state;
    round_elements(row_of(TSR_UINT8, "{\"keepbits\":3}"), bytes, small, 9);
    assert_memory_equal(small, rounded_bytes, 9);
    round_elements(row_of(TSR_UINT32, "{\"keepbits\":3}"), words, large, 7);
    assert_memory_equal(large, rounded_words, sizeof large);
}

/* By magnitude, and never out of the range. */
static void test_signed(void **state)
{
    static const int8_t bytes[12] = {0, -1, -3, -15, -17, 54, -54, 127, -127, -128, 100, -100};
    static const int8_t rounded[12] = {0, -1, -3, -16, -16, 56, -56, 112, -128, -128, 96, -96};
    static const int64_t ends[2] = {INT64_MAX, INT64_MIN};
    int8_t small[12];
    int64_t large[2];

    (void)state;
    round_elements(row_of(TSR_INT8, "{\"keepbits\":3}"), bytes, small, 12);
    assert_memory_equal(small, rounded, 12);
    round_elements(row_of(TSR_INT64, "{\"keepbits\":1}"), ends, large, 2);
    assert_true(large[0] == INT64_C(1) << 62 && large[1] == INT64_MIN);
}

static void test_floats(void **state)
{
    static const float values[4] = {0.0f, 1.23456789f, -8.3587192834f, 98765.43210f};
    static const float rounded[4] = {0.0f, 1.25f, -8.0f, 98304.0f};
    static const uint32_t odd[5] = {0x7fffffff, 0xffffffff, 0x7f800000, 0x7f7fffff, 0x7fc00001};
    static const uint32_t expected[5] = {0x7fffffff, 0xffffffff, 0x7f800000, 0x7f800000,
                                         0x7fc00001};
    float found[4];
    uint32_t bits[5];
    double complex_value[2] = {1.23456789, -8.3587192834}, complex_found[2];

    (void)state;
    round_elements(row_of(TSR_FLOAT32, "{\"keepbits\":3}"), values, found, 4);
    assert_memory_equal(found, rounded, sizeof found);
    round_elements(row_of(TSR_FLOAT32, "{\"keepbits\":3}"), odd, bits, 5);
    assert_memory_equal(bits, expected, sizeof bits);
    round_elements(row_of(TSR_COMPLEX128, "{\"keepbits\":3}"), complex_value, complex_found, 1);
    assert_true(complex_found[0] == 1.25 && complex_found[1] == -8.0);
}

static void test_refusals(void **state)
{
    codec_case row = row_of(TSR_FLOAT32, "{\"keepbits\":0}");

    (void)state;
    codec_expect_refusal(&row, TSR_BAD_METADATA, "/configuration/keepbits");
    row = row_of(TSR_FLOAT16, "{\"keepbits\":11}");
    codec_expect_refusal(&row, TSR_BAD_METADATA, "the mantissa of float16 has 10");
    row = row_of(TSR_BOOL, "{\"keepbits\":1}");
    codec_expect_refusal(&row, TSR_UNSUPPORTED, "bool");
    row = row_of(TSR_FLOAT32, "{\"keepbits\":3,\"more\":1}");
    codec_expect_refusal(&row, TSR_BAD_METADATA, "more");
}

static codec_case lossless = {.label = "all bits",
                              .name = "bitround",
                              .configuration = "{\"keepbits\":64}",
                              .dtype = TSR_UINT64,
                              .rank = 3};

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unsigned),    cmocka_unit_test(test_signed),
        cmocka_unit_test(test_floats),      cmocka_unit_test(test_refusals),
        CODEC_SUITE_ARRAY_TESTS(&lossless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
