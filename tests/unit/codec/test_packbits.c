/* packbits of the extension registry: bits counted by hand, and by the definition, bit by bit. */
#include <stdlib.h>
#include <string.h>

#include "base/output.h"
#include "conformance/codec_suite.h"

static codec_case row_of(const tsr_dtype *dtype, const char *configuration)
{
    return (codec_case){
        .name = "packbits", .configuration = configuration, .dtype = dtype, .rank = 1};
}

/* Packs `count` elements and compares; unpacks and compares with `again`. */
static void expect(codec_case row, const void *elements, int64_t count, const void *packed,
                   size_t packed_bytes, const void *again)
{
    codec_fixture fixture = codec_fixture_open(&row);
    size_t size_bytes = (size_t)count * row.dtype->size_bytes;
    char *back = malloc(size_bytes + 1);
    tsr_output output = {.max_bytes = 1000};
    tsr_view view;

    assert_return_code(tsr_view_init(&view, row.dtype, 1, &count, (void *)elements, NULL), 0);
    assert_return_code(fixture.ops->encode_array(fixture.codec, NULL, &view, &output, NULL), 0);
    assert_int_equal(output.size_bytes, packed_bytes);
    assert_memory_equal(output.data, packed, packed_bytes);
    view.data = back;
    assert_return_code(
        fixture.ops->decode_array(fixture.codec, NULL, packed, packed_bytes, &view, NULL), 0);
    assert_memory_equal(back, again, size_bytes);
    free(back);
    tsri_output_clear(&output);
    codec_fixture_close(&fixture);
}

static void test_bool(void **state)
{
    static const bool values[11] = {1, 0, 0, 1, 1, 0, 0, 0, 0, 1, 1};

    (void)state;
    expect(row_of(TSR_BOOL, "{}"), values, 11, "\x19\x06", 2, values);
    expect(row_of(TSR_BOOL, "{\"padding_encoding\":\"first_byte\"}"), values, 11, "\x05\x19\x06", 3,
           values);
    expect(row_of(TSR_BOOL, "{\"padding_encoding\":\"last_byte\"}"), values, 8, "\x19\x00", 2,
           values);
    /* zarrs' own value for [true, false, false]. */
    expect(row_of(TSR_BOOL, "{}"), values, 3, "\x01", 1, values);
}

static void test_first_and_last_bit(void **state)
{
    static const int16_t values[3] = {0x0123, -2, 0x7ff8};
    static const int16_t cut[3] = {0x0120, -16, -16}; /* bits 4 to 11, the highest is the sign */
    static const uint16_t unsigned_cut[3] = {0x0120, 0x0ff0, 0x0ff0};

    (void)state;
    expect(row_of(TSR_INT16, "{\"first_bit\":4,\"last_bit\":11}"), values, 3, "\x12\xff\xff", 3,
           cut);
    expect(row_of(TSR_UINT16, "{\"first_bit\":4,\"last_bit\":11}"), values, 3, "\x12\xff\xff", 3,
           unsigned_cut);
    /* Five bits each: 00011, 11110, 11000 from the lowest on. */
    static const uint8_t bytes[3] = {3, 30, 24};
    expect(row_of(TSR_UINT8, "{\"last_bit\":4,\"first_bit\":null}"), bytes, 3, "\xc3\x63", 2,
           bytes);
}

static void test_whole_types_are_little_endian(void **state)
{
    static const uint32_t values[2] = {0x01020304, 0xfffefdfc};

    (void)state;
    expect(row_of(TSR_UINT32, "{}"), values, 2, "\x04\x03\x02\x01\xfc\xfd\xfe\xff", 8, values);
    expect(row_of(TSR_UINT32, "{\"padding_encoding\":\"first_byte\"}"), values, 1,
           "\x00\x04\x03\x02\x01", 5, values);
    /* Real and imaginary part are cut separately: the upper halves of 1.5f and -2.0f. */
    static const float complex_value[2] = {1.5f, -2.0f};
    expect(row_of(TSR_COMPLEX64, "{\"first_bit\":16}"), complex_value, 1, "\xc0\x3f\x00\xc0", 4,
           complex_value);
}

/* Element after element, bit after bit. */
static void test_definition(void **state)
{
    uint64_t random = 3;

    (void)state;
    for (int round = 0; round < 300; round++) {
        int first = (int)(codec_random(&random) % 64);
        int last = first + (int)(codec_random(&random) % (64 - (unsigned)first));
        int kept = last - first + 1, count = (int)(codec_random(&random) % 9);
        uint64_t values[8] = {0}, again[8];
        unsigned char packed[80] = {0};
        char configuration[60];
        for (int i = 0; i < count; i++) {
            values[i] = codec_random(&random);
            again[i] = values[i] & (UINT64_MAX >> (63 - last)) & (UINT64_MAX << first);
            for (int bit = 0; bit < kept; bit++)
                if (values[i] >> (first + bit) & 1)
                    packed[(i * kept + bit) / 8] |= (unsigned char)(1 << (i * kept + bit) % 8);
        }
        snprintf(configuration, sizeof configuration, "{\"first_bit\":%d,\"last_bit\":%d}", first,
                 last);
        expect(row_of(TSR_UINT64, configuration), values, count, packed,
               (size_t)(count * kept + 7) / 8, again);
    }
}

static void test_damage(void **state)
{
    codec_case row = row_of(TSR_BOOL, "{\"padding_encoding\":\"last_byte\"}");
    codec_fixture fixture = codec_fixture_open(&row);
    tsr_error err = TSR_ERROR_INIT;
    bool values[3];
    tsr_view view;

    (void)state;
    assert_return_code(tsr_view_init(&view, TSR_BOOL, 1, (int64_t[]){3}, values, NULL), 0);
    assert_int_equal(fixture.ops->decode_array(fixture.codec, NULL, "\x01\x04", 2, &view, &err),
                     TSR_DAMAGED);
    assert_non_null(strstr(err.message, "4 bits of padding are claimed; the elements leave 5"));
    codec_fixture_close(&fixture);
}

static void test_refusals(void **state)
{
    codec_case row = row_of(TSR_UINT8, "{\"first_bit\":5,\"last_bit\":4}");

    (void)state;
    codec_expect_refusal(&row, TSR_BAD_METADATA, "4 is less than first_bit, 5");
    row = row_of(TSR_UINT8, "{\"last_bit\":8}");
    codec_expect_refusal(&row, TSR_BAD_METADATA, "/configuration/last_bit");
    row = row_of(TSR_UINT8, "{\"padding_encoding\":\"middle\"}");
    codec_expect_refusal(&row, TSR_BAD_METADATA, "\"middle\" is none of");
    row = row_of(TSR_UINT8, "{\"bits\":1}");
    codec_expect_refusal(&row, TSR_BAD_METADATA, "bits");
    const tsr_dtype *raw = NULL;
    assert_return_code(tsr_dtype_parse("r24", &raw, NULL), 0);
    row = row_of(raw, "{}");
    codec_expect_refusal(&row, TSR_UNSUPPORTED, "r24 cannot be packed");
    tsr_dtype_unref(raw);
}

static codec_case words = {.label = "uint16", .name = "packbits", .dtype = TSR_UINT16, .rank = 3};
static codec_case padded = {.label = "complex",
                            .name = "packbits",
                            .configuration = "{\"padding_encoding\":\"none\",\"first_bit\":0,"
                                             "\"last_bit\":63}",
                            .dtype = TSR_COMPLEX128,
                            .rank = 2};

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bool),
        cmocka_unit_test(test_first_and_last_bit),
        cmocka_unit_test(test_whole_types_are_little_endian),
        cmocka_unit_test(test_definition),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_refusals),
        CODEC_SUITE_ARRAY_TESTS(&words),
        CODEC_SUITE_ARRAY_TESTS(&padded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
