/* bytes: the bytes of both orders, written out by hand. */
#include "base/output.h"
#include "codec/codec.h"
#include "conformance/codec_suite.h"

#include <string.h>

#define LITTLE "{\"endian\":\"little\"}"
#define BIG "{\"endian\":\"big\"}"

static codec_case little = {.label = "little",
                            .name = "bytes",
                            .configuration = LITTLE,
                            .dtype = &tsr_dtype_float32,
                            .rank = 3};
static codec_case big = {
    .label = "big", .name = "bytes", .configuration = BIG, .dtype = &tsr_dtype_int64, .rank = 4};
static codec_case big_half = {.label = "big, two bytes",
                              .name = "bytes",
                              .configuration = BIG,
                              .dtype = &tsr_dtype_float16,
                              .rank = 1};
static codec_case big_complex = {.label = "big, complex",
                                 .name = "bytes",
                                 .configuration = BIG,
                                 .dtype = &tsr_dtype_complex128,
                                 .rank = 2};
static codec_case single = {.label = "one byte", .name = "bytes", .dtype = &tsr_dtype_bool};

/* Encodes `count` elements and compares; then decodes and compares. */
static void expect_bytes(const tsr_dtype *dtype, const char *configuration, const void *elements,
                         int64_t count, const char *expected)
{
    codec_case row = {.name = "bytes", .configuration = configuration, .dtype = dtype, .rank = 1};
    codec_fixture fixture = codec_fixture_open(&row);
    size_t size_bytes = (size_t)count * dtype->size_bytes;
    tsr_output output = {.max_bytes = size_bytes};
    char decoded[64] = {0};
    tsr_view view;
    tsr_error err = TSR_ERROR_INIT;

    assert_return_code(tsr_view_init(&view, dtype, 1, &count, (void *)elements, &err), 0);
    assert_return_code(
        fixture.ops->encode_array(fixture.codec, fixture.scratch, &view, &output, &err), 0);
    assert_int_equal(output.size_bytes, size_bytes);
    assert_memory_equal(output.data, expected, size_bytes);
    assert_return_code(tsr_view_init(&view, dtype, 1, &count, decoded, &err), 0);
    assert_return_code(fixture.ops->decode_array(fixture.codec, fixture.scratch, expected,
                                                 size_bytes, &view, &err),
                       0);
    assert_memory_equal(decoded, elements, size_bytes);
    tsri_output_clear(&output);
    codec_fixture_close(&fixture);
}

static void test_both_orders(void **state)
{
    const uint16_t shorts[] = {1, 0x0203};
    const float singles[] = {1.0f, -2.0f};
    const uint64_t longs[] = {UINT64_C(0x0102030405060708)};
    const float complex_64[] = {1.0f, 2.0f};

    (void)state;
    expect_bytes(TSR_UINT16, LITTLE, shorts, 2, "\x01\x00\x03\x02");
    expect_bytes(TSR_UINT16, BIG, shorts, 2, "\x00\x01\x02\x03");
    expect_bytes(TSR_FLOAT32, LITTLE, singles, 2, "\x00\x00\x80\x3f\x00\x00\x00\xc0");
    expect_bytes(TSR_FLOAT32, BIG, singles, 2, "\x3f\x80\x00\x00\xc0\x00\x00\x00");
    expect_bytes(TSR_UINT64, LITTLE, longs, 1, "\x08\x07\x06\x05\x04\x03\x02\x01");
    expect_bytes(TSR_UINT64, BIG, longs, 1, "\x01\x02\x03\x04\x05\x06\x07\x08");
    /* Each part of a complex number is swapped by itself: the real part stays in front. */
    expect_bytes(TSR_COMPLEX64, LITTLE, complex_64, 1, "\x00\x00\x80\x3f\x00\x00\x00\x40");
    expect_bytes(TSR_COMPLEX64, BIG, complex_64, 1, "\x3f\x80\x00\x00\x40\x00\x00\x00");
}

/* What fills a byte is written; what does not leaves 0 above it, and whatever stands there is
 * ignored on reading, with the sign carried up in memory. */
static void test_narrow_numbers(void **state)
{
    const int8_t fours[] = {-1, 7, -8, 0}, twos[] = {-2, 1, -1, 0};
    const uint8_t sixes[] = {0x3f, 0x20, 0, 1};
    const unsigned char dirty[] = {0x3f, 0xf7, 0x48, 0x90};
    int8_t decoded[4];
    codec_case row = {.name = "bytes", .configuration = "{}", .dtype = TSR_INT4, .rank = 1};
    codec_fixture fixture = codec_fixture_open(&row);
    tsr_view view;
    bool swapped;

    (void)state;
    expect_bytes(TSR_INT4, "{}", fours, 4, "\x0f\x07\x08\x00");
    expect_bytes(TSR_INT2, LITTLE, twos, 4, "\x02\x01\x03\x00");
    expect_bytes(TSR_FLOAT6_E3M2FN, BIG, sixes, 4, "\x3f\x20\x00\x01");
    assert_int_equal(tsr_view_init(&view, TSR_INT4, 1, &(int64_t){4}, decoded, NULL), 0);
    assert_int_equal(
        fixture.ops->decode_array(fixture.codec, fixture.scratch, dirty, 4, &view, NULL), 0);
    assert_memory_equal(decoded, fours, 4);
    assert_false(fixture.ops->elements_in_place(fixture.codec, &swapped));
    codec_fixture_close(&fixture);
}

static void test_without_order(void **state)
{
    const tsr_dtype *r24 = NULL;
    tsr_error err = TSR_ERROR_INIT;

    (void)state;
    assert_return_code(tsr_dtype_raw(3, &r24, &err), 0);
    expect_bytes(TSR_INT8, "{}", "\x01\xff", 2, "\x01\xff");
    expect_bytes(TSR_BOOL, BIG, "\x01\x00\x01", 3, "\x01\x00\x01");
    expect_bytes(r24, "{}", "abcdef", 2, "abcdef");
    expect_bytes(r24, BIG, "abcdef", 2, "abcdef");
    tsr_dtype_unref(r24);
}

/* A struct of v2: a little, then big, then one byte, then a list of structs of both orders. */
static const tsr_dtype *mixed_struct(void)
{
    const tsr_dtype *dtype;
    tsr_error err = TSR_ERROR_INIT;

    if (tsr_dtype_parse("struct{a:int16,b:int32(2),c:uint8,d:struct{e:complex64,f:int16}(2)}",
                        &dtype, &err) < 0)
        fail_msg("%s", err.message);
    return dtype;
}

#define MIXED "{\"endian\":[\"little\",\"big\",null,\"big\",\"little\"]}"

/* Not through a list of codecs, which cannot name it. */
static void *open_mixed(const tsr_dtype *dtype, const char *configuration, int zarr_format,
                        int status, const char *text)
{
    static const char zeros[64];
    tsr_codec_setup setup = {.name = "bytes",
                             .configuration = configuration,
                             .zarr_format = zarr_format,
                             .input = {dtype, 1, zeros}};
    tsr_codec_type output = setup.input;
    tsr_error err = TSR_ERROR_INIT;
    void *codec = NULL;

    assert_int_equal(tsri_codec_bytes.open(&setup, &codec, &output, &err), status);
    assert_true(status == 0 || strstr(err.message, text));
    return codec;
}

static void test_both_orders_in_one_struct(void **state)
{
    /* Numbers of ascending bytes, least significant first, and what storage has of them. */
    static const char memory[] = "\x01\x02\x11\x12\x13\x14\x21\x22\x23\x24\x31"
                                 "\x41\x42\x43\x44\x45\x46\x47\x48\x51\x52"
                                 "\x61\x62\x63\x64\x65\x66\x67\x68\x71\x72",
                      stored[] = "\x01\x02\x14\x13\x12\x11\x24\x23\x22\x21\x31"
                                 "\x44\x43\x42\x41\x48\x47\x46\x45\x51\x52"
                                 "\x64\x63\x62\x61\x68\x67\x66\x65\x71\x72";
    const tsr_dtype *dtype = mixed_struct();
    tsr_output output = {.max_bytes = SIZE_MAX}, text = {.max_bytes = SIZE_MAX};
    void *codec = open_mixed(dtype, MIXED, 2, 0, "");
    const tsr_codec_ops *ops = &tsri_codec_bytes;

    (void)state;
    const int64_t shape[1] = {2};
    char twice[2 * (sizeof memory - 1)], found[sizeof twice];
    bool swapped;
    tsr_view view;

    assert_int_equal(dtype->size_bytes, sizeof memory - 1);
    assert_return_code(ops->describe(codec, 2, &text, NULL), 0);
    assert_return_code(tsr_output_append(&text, "", 1, NULL), 0);
    assert_string_equal(text.data, MIXED);
    assert_false(ops->elements_in_place(codec, &swapped));
    memcpy(twice, memory, sizeof memory - 1);
    memcpy(twice + sizeof memory - 1, memory, sizeof memory - 1);
    assert_return_code(tsr_view_init(&view, dtype, 1, shape, twice, NULL), 0);
    assert_return_code(ops->encode_array(codec, NULL, &view, &output, NULL), 0);
    assert_int_equal(output.size_bytes, sizeof twice);
    for (int i = 0; i < 2; i++)
        assert_memory_equal(output.data + i * (sizeof memory - 1), stored, sizeof stored - 1);
    view.data = found;
    assert_return_code(ops->decode_array(codec, NULL, output.data, output.size_bytes, &view, NULL),
                       0);
    assert_memory_equal(found, twice, sizeof twice);
    tsri_output_clear(&output);
    tsri_output_clear(&text);
    ops->close(codec);
    /* One order for each leaf, and for v2 alone. */
    open_mixed(dtype, "{\"endian\":[\"little\",\"big\",null,\"big\"]}", 2, TSR_BAD_METADATA,
               "each of the 5 fields");
    open_mixed(dtype, "{\"endian\":[\"little\",\"big\",null,\"big\",1]}", 2, TSR_BAD_METADATA,
               "each of the 5 fields");
    open_mixed(dtype, MIXED, 3, TSR_BAD_METADATA, "/configuration/endian");
    tsr_dtype_unref(dtype);
}

static void test_describe(void **state)
{
    static const struct {
        codec_case *row;
        const char *text;
    } rows[] = {{&little, LITTLE}, {&big, BIG}, {&single, "{}"}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        codec_fixture fixture = codec_fixture_open(rows[i].row);
        tsr_output text = codec_describe(&fixture, 3);
        assert_string_equal(text.data, rows[i].text);
        tsri_output_clear(&text);
        codec_fixture_close(&fixture);
    }
}

static void test_refusals(void **state)
{
    codec_case row = little;

    (void)state;
    row.configuration = "{}";
    codec_expect_refusal(&row, TSR_BAD_METADATA, "/configuration/endian is missing");
    row.configuration = "{\"endian\":\"Big\"}";
    codec_expect_refusal(&row, TSR_BAD_METADATA, "\"Big\" is none of \"little\", \"big\"");
    row.configuration = "{\"endian\":null}";
    codec_expect_refusal(&row, TSR_BAD_METADATA, "/configuration/endian");
    row.configuration = "{\"endian\":\"big\",\"order\":\"C\"}";
    codec_expect_refusal(&row, TSR_BAD_METADATA, "order");
}

/* A bound that cannot be counted is no bound. */
static void test_bound_overflow(void **state)
{
    codec_fixture fixture = codec_fixture_open(&big);
    const int64_t huge[] = {INT64_MAX, 2}, fits[] = {INT64_MAX / 8, 1}, empty[] = {INT64_MAX, 0};

    (void)state;
    assert_int_equal(fixture.ops->array_bound(fixture.codec, TSR_INT64, 2, huge).size_class,
                     TSR_SIZE_UNBOUNDED);
    tsr_size_bound bound = fixture.ops->array_bound(fixture.codec, TSR_INT64, 2, fits);
    assert_int_equal(bound.size_class, TSR_SIZE_FIXED);
    assert_int_equal(bound.size_bytes, (uint64_t)(INT64_MAX / 8) * 8);
    bound = fixture.ops->array_bound(fixture.codec, TSR_INT64, 2, empty);
    assert_int_equal(bound.size_class, TSR_SIZE_FIXED);
    assert_int_equal(bound.size_bytes, 0);
    codec_fixture_close(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_orders_in_one_struct),
        cmocka_unit_test(test_both_orders),
        cmocka_unit_test(test_without_order),
        cmocka_unit_test(test_narrow_numbers),
        cmocka_unit_test(test_describe),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_bound_overflow),
        CODEC_SUITE_ARRAY_TESTS(&little),
        CODEC_SUITE_ARRAY_TESTS(&big),
        CODEC_SUITE_ARRAY_TESTS(&big_half),
        CODEC_SUITE_ARRAY_TESTS(&big_complex),
        CODEC_SUITE_ARRAY_TESTS(&single),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
