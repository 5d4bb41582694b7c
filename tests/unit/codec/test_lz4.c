/* lz4 in numcodecs' frame. */
#include "base/output.h"
#include "conformance/codec_golden.h"

#include <string.h>

static codec_case v2 = {.label = "v2", .zarr_format = 2, .name = "lz4"};
static codec_case fast = {
    .label = "fast", .name = "numcodecs.lz4", .configuration = "{\"acceleration\":\"50\"}"};

static void test_golden(void **state)
{
    static const char *const files[] = {"lz4.hello", "lz4.small", "lz4.large", "lz4-fast.small"};
    codec_fixture fixture = codec_fixture_open(&v2);

    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        golden_expect(&fixture, files[i]);
    codec_fixture_close(&fixture);
}

static void test_encoded_bytes(void **state)
{
    codec_fixture fixture = codec_fixture_open(&v2);
    tsr_output encoded;

    (void)state;
    codec_encode(&fixture, "hello world!", 12, &encoded);
    assert_int_equal(encoded.size_bytes, 17);
    assert_memory_equal(encoded.data, "\x0c\0\0\0\xc0hello world!", 17);
    tsri_output_clear(&encoded);
    codec_encode(&fixture, "", 0, &encoded);
    assert_int_equal(encoded.size_bytes, 5);
    assert_memory_equal(encoded.data, "\0\0\0\0\0", 5);
    tsri_output_clear(&encoded);
    codec_fixture_close(&fixture);
}

/* The size in front is an int32 that others have trusted (CVE-2021-3520). */
static void test_hostile_sizes(void **state)
{
    codec_fixture fixture = codec_fixture_open(&v2);
    static const struct {
        const char *bytes;
        size_t size_bytes;
        const char *text;
    } rows[] = {
        {"\xff\xff\xff\xff\xc0hello world!", 17, "claims a size of -1 bytes"},
        {"\x00\x00\x00\x80\xc0hello world!", 17, "claims a size of -2147483648 bytes"},
        {"\xff\xff\xff\x7f\xc0hello world!", 17, "more than the 100 bytes"},
        {"\x65\x00\x00\x00\xc0hello world!", 17, "more than the 100 bytes"},
        {"\x0d\x00\x00\x00\xc0hello world!", 17, "does not decode to the 13 bytes"},
        {"\x0b\x00\x00\x00\xc0hello world!", 17, "does not decode to the 11 bytes"},
        {"\x0c\x00\x00\x00\xf0hello world!", 17, "does not decode to the 12 bytes"},
        /* A match at offset 0, and one before the start. */
        {"\x20\x00\x00\x00\x10h\x00\x00\x00", 9, "does not decode"},
        {"\x20\x00\x00\x00\x10h\x05\x00\x00", 9, "does not decode"},
        {"\x0c\x00\x00\x00", 4, "cut off after 4 bytes"},
        {"\x0c", 1, "cut off after 1 bytes"},
        {"", 0, "cut off after 0 bytes"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        codec_expect_damaged(&fixture, rows[i].bytes, rows[i].size_bytes, 100, rows[i].text);
    codec_fixture_close(&fixture);
}

static void test_too_large(void **state)
{
    codec_fixture fixture = codec_fixture_open(&v2);
    tsr_output output = {.max_bytes = 100};
    tsr_error err = TSR_ERROR_INIT;
    size_t size_bytes = (size_t)0x7e000001;

    (void)state;
    assert_int_equal(fixture.ops->bytes_bound(fixture.codec, size_bytes).size_class,
                     TSR_SIZE_UNBOUNDED);
    assert_int_equal(
        fixture.ops->encode_bytes(fixture.codec, fixture.scratch, "", size_bytes, &output, &err),
        TSR_LIMIT);
    assert_non_null(strstr(err.next_step, "smaller chunks"));
    codec_fixture_close(&fixture);
}

static void test_configurations(void **state)
{
    codec_fixture fixture = codec_fixture_open(&fast);
    tsr_output text = codec_describe(&fixture, 3);
    codec_case row = {.zarr_format = 2, .name = "lz4", .configuration = "{\"acceleration\":1.5}"};

    (void)state;
    assert_string_equal(text.data, "{\"acceleration\":50}");
    tsri_output_clear(&text);
    codec_fixture_close(&fixture);
    codec_expect_refusal(&row, TSR_BAD_METADATA, "/configuration/acceleration");
    row.configuration = "{\"acceleration\":3000000000}";
    codec_expect_refusal(&row, TSR_BAD_METADATA, "3000000000");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_encoded_bytes),
        cmocka_unit_test(test_hostile_sizes),
        cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_configurations),
        CODEC_SUITE_TESTS(&v2),
        CODEC_SUITE_TESTS(&fast),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
