/* gzip and zlib: streams written by hand after RFC 1950-1952, files of other programs, hostile
 * ones. */
#include "base/output.h"
#include "conformance/codec_golden.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static codec_case gzip_5 = {.label = "gzip 5", .name = "gzip", .configuration = "{\"level\":5}"};
static codec_case gzip_0 = {.label = "gzip 0", .name = "gzip", .configuration = "{\"level\":0}"};
static codec_case gzip_9 = {.label = "gzip 9", .name = "gzip", .configuration = "{\"level\":9}"};
static codec_case v2_gzip = {
    .label = "v2", .zarr_format = 2, .name = "gzip", .configuration = "{\"level\":-1}"};
static codec_case zlib_1 = {
    .label = "zlib 1", .zarr_format = 2, .name = "zlib", .configuration = "{\"level\":\"1\"}"};
static codec_case zlib_automatic = {
    .label = "zlib -1", .name = "numcodecs.zlib", .configuration = "{\"level\":-1}"};

#define HELLO "hello world!"
/* One stored block; CRC-32 and length of "hello world!". */
#define STORED_HELLO "\x01\x0c\x00\xf3\xff" HELLO
#define TRAILER_HELLO "\x6d\xc2\xb4\x03\x0c\x00\x00\x00"
#define MEMBER_HELLO "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff" STORED_HELLO TRAILER_HELLO
/* The same with every optional field: header CRC (unchecked by most programs), extra, name and
 * comment. */
#define MEMBER_FIELDS                                  \
    "\x1f\x8b\x08\x1e\x01\x02\x03\x04\x00\x03\x05\x00" \
    "extra"                                            \
    "name\0"                                           \
    "comment\0\xab\xcd" STORED_HELLO TRAILER_HELLO
/* The same data as zlib, with Adler-32. */
#define ZLIB_HELLO "\x78\x01" STORED_HELLO "\x1e\x89\x04\x7e"
#define SIZE(text) (sizeof(text) - 1)

static void test_by_hand(void **state)
{
    codec_fixture gzip = codec_fixture_open(&gzip_5), zlib = codec_fixture_open(&zlib_1);
    static const char several[] = MEMBER_HELLO MEMBER_FIELDS MEMBER_HELLO;

    (void)state;
    codec_expect_decoded(&gzip, MEMBER_HELLO, SIZE(MEMBER_HELLO), HELLO, 12);
    codec_expect_decoded(&gzip, several, SIZE(several), HELLO HELLO HELLO, 36);
    codec_expect_decoded(&gzip, several, SIZE(MEMBER_HELLO MEMBER_FIELDS), HELLO HELLO, 24);
    codec_expect_decoded(&gzip, MEMBER_HELLO "\0\0\0", SIZE(MEMBER_HELLO) + 3, HELLO, 12);
    codec_expect_damaged(&gzip, several, SIZE(several), 35, "more than the 35 bytes");
    codec_expect_damaged(&gzip, MEMBER_HELLO "x", SIZE(MEMBER_HELLO) + 1, 12, "byte 35 of 36");
    codec_expect_damaged(&gzip, MEMBER_HELLO "\0x", SIZE(MEMBER_HELLO) + 2, 12, "byte 35 of 37");
    codec_expect_damaged(&gzip, "", 0, 12, "damaged or cut off");
    codec_expect_damaged(&gzip, ZLIB_HELLO, SIZE(ZLIB_HELLO), 12, "damaged");
    codec_expect_decoded(&zlib, ZLIB_HELLO, SIZE(ZLIB_HELLO), HELLO, 12);
    codec_expect_damaged(&zlib, ZLIB_HELLO "\0", SIZE(ZLIB_HELLO) + 1, 12, "damaged");
    codec_expect_damaged(&zlib, MEMBER_HELLO, SIZE(MEMBER_HELLO), 12, "damaged");
    codec_fixture_close(&gzip);
    codec_fixture_close(&zlib);
}

static void test_golden(void **state)
{
    static const char *const gzip_files[] = {"gzip-1.small", "gzip-9.small", "gzip-members.small",
                                             "gzip-name.small", "gzip-5.large"};
    static const char *const zlib_files[] = {"zlib-1.small", "zlib-9.small"};
    codec_fixture gzip = codec_fixture_open(&gzip_5), zlib = codec_fixture_open(&zlib_1);

    (void)state;
    for (size_t i = 0; i < sizeof gzip_files / sizeof *gzip_files; i++)
        golden_expect(&gzip, gzip_files[i]);
    for (size_t i = 0; i < sizeof zlib_files / sizeof *zlib_files; i++)
        golden_expect(&zlib, zlib_files[i]);
    codec_fixture_close(&gzip);
    codec_fixture_close(&zlib);
}

static void test_checksums_are_verified(void **state)
{
    codec_fixture gzip = codec_fixture_open(&gzip_5), zlib = codec_fixture_open(&zlib_1);
    char member[] = MEMBER_HELLO, stream[] = ZLIB_HELLO;

    (void)state;
    member[SIZE(MEMBER_HELLO) - 5] ^= 1; /* CRC */
    codec_expect_damaged(&gzip, member, SIZE(MEMBER_HELLO), 12, "damaged");
    member[SIZE(MEMBER_HELLO) - 5] ^= 1;
    member[SIZE(MEMBER_HELLO) - 1] ^= 1; /* length */
    codec_expect_damaged(&gzip, member, SIZE(MEMBER_HELLO), 12, "damaged");
    stream[SIZE(ZLIB_HELLO) - 1] ^= 1;
    codec_expect_damaged(&zlib, stream, SIZE(ZLIB_HELLO), 12, "damaged");
    codec_fixture_close(&gzip);
    codec_fixture_close(&zlib);
}

/* zlib as an independent reader of what we write. */
static void expect_zlib_reads(const tsr_output *encoded, int window_bits, const char *expected,
                              size_t expected_bytes)
{
    char *decoded = malloc(expected_bytes + 1);
    z_stream stream = {.next_in = (unsigned char *)encoded->data,
                       .avail_in = (unsigned)encoded->size_bytes,
                       .next_out = (unsigned char *)decoded,
                       .avail_out = (unsigned)expected_bytes + 1};

    assert_int_equal(inflateInit2(&stream, window_bits), Z_OK);
    assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
    assert_int_equal(stream.avail_in, 0);
    assert_int_equal(stream.total_out, expected_bytes);
    assert_memory_equal(decoded, expected, expected_bytes);
    inflateEnd(&stream);
    free(decoded);
}

static void test_zlib_reads_it(void **state)
{
    static codec_case *const rows[] = {&gzip_0,  &gzip_5, &gzip_9,
                                       &v2_gzip, &zlib_1, &zlib_automatic};
    static char data[100000];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        codec_fixture fixture = codec_fixture_open(rows[i]);
        bool is_gzip = strcmp(fixture.ops->name, "gzip") == 0;
        for (data_kind kind = 0; kind < DATA_KINDS; kind++) {
            tsr_output encoded;
            codec_data_fill(kind, data, sizeof data);
            codec_encode(&fixture, data, sizeof data, &encoded);
            expect_zlib_reads(&encoded, is_gzip ? 31 : 15, data, sizeof data);
            tsri_output_clear(&encoded);
        }
        codec_fixture_close(&fixture);
    }
}

/* No time and no name: equal data have equal bytes. */
static void test_header_is_deterministic(void **state)
{
    codec_fixture fixture = codec_fixture_open(&gzip_5);
    tsr_output encoded;

    (void)state;
    codec_encode(&fixture, HELLO, 12, &encoded);
    assert_memory_equal(encoded.data, "\x1f\x8b\x08\x00\x00\x00\x00\x00", 8);
    tsri_output_clear(&encoded);
    codec_fixture_close(&fixture);
}

/* Noise at every level around the sizes where stored blocks begin anew. codec_encode fails where
 * the bound does not hold. */
static void test_bound(void **state)
{
    static const size_t sizes[] = {0,     1,     9,     100,    9999,   10001, 32768,
                                   65534, 65535, 65536, 131070, 131071, 200000};
    char *data = malloc(200000);
    char configuration[32];
    codec_case row = {.name = "gzip", .configuration = configuration};

    (void)state;
    codec_data_fill(DATA_NOISE, data, 200000);
    for (int level = 0; level <= 9; level++) {
        snprintf(configuration, sizeof configuration, "{\"level\":%d}", level);
        codec_fixture fixture = codec_fixture_open(&row);
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            tsr_output encoded;
            codec_encode(&fixture, data, sizes[i], &encoded);
            codec_expect_decoded(&fixture, encoded.data, encoded.size_bytes, data, sizes[i]);
            tsri_output_clear(&encoded);
        }
        codec_fixture_close(&fixture);
    }
    free(data);
}

/* Levels share a scratch, whose compressor is made for one level. */
static void test_levels_share_a_scratch(void **state)
{
    codec_fixture nine = codec_fixture_open(&gzip_9), none = codec_fixture_open(&gzip_0);
    char data[3000];
    tsr_output first, second;

    (void)state;
    codec_data_fill(DATA_SMOOTH, data, sizeof data);
    codec_encode(&nine, data, sizeof data, &first);
    tsr_codec_scratch *own = none.scratch;
    none.scratch = nine.scratch;
    codec_encode(&none, data, sizeof data, &second);
    assert_true(second.size_bytes > sizeof data);
    tsri_output_clear(&second);
    codec_encode(&nine, data, sizeof data, &second);
    assert_int_equal(second.size_bytes, first.size_bytes);
    assert_memory_equal(second.data, first.data, first.size_bytes);
    none.scratch = own;
    tsri_output_clear(&first);
    tsri_output_clear(&second);
    codec_fixture_close(&nine);
    codec_fixture_close(&none);
}

/* 64 MiB of zeros for a chunk of 64 KiB. */
static void test_bomb(void **state)
{
    codec_fixture fixture = codec_fixture_open(&gzip_9);
    size_t large = (size_t)64 << 20;
    char *zeros = calloc(1, large);
    tsr_output encoded;

    (void)state;
    codec_encode(&fixture, zeros, large, &encoded);
    assert_in_range(encoded.size_bytes, 1000, 200000);
    codec_expect_damaged(&fixture, encoded.data, encoded.size_bytes, 65536, "more than the 65536");
    tsri_output_clear(&encoded);
    free(zeros);
    codec_fixture_close(&fixture);
}

static void expect_described(const codec_case *row, int zarr_format, const char *expected)
{
    codec_fixture fixture = codec_fixture_open(row);
    tsr_output text = codec_describe(&fixture, zarr_format);

    assert_string_equal(text.data, expected);
    tsri_output_clear(&text);
    codec_fixture_close(&fixture);
}

static void test_configurations(void **state)
{
    codec_case row = {.name = "gzip", .configuration = "{}"};

    (void)state;
    expect_described(&gzip_5, 3, "{\"level\":5}");
    expect_described(&zlib_1, 2, "{\"level\":1}");
    expect_described(&zlib_automatic, 3, "{\"level\":-1}");
    expect_described(&v2_gzip, 2, "{\"level\":-1}");
    expect_described(&v2_gzip, 3, "{\"level\":6}");
    /* The defaults of zarr-python and of numcodecs. */
    expect_described(&row, 3, "{\"level\":5}");
    row.zarr_format = 2;
    expect_described(&row, 2, "{\"level\":1}");
    row = (codec_case){.name = "gzip", .configuration = "{\"level\":10}"};
    codec_expect_refusal(&row, TSR_BAD_METADATA, "10");
    row.configuration = "{\"level\":-1}";
    codec_expect_refusal(&row, TSR_BAD_METADATA, "/configuration/level");
    row.configuration = "{\"level\":\"5\"}";
    codec_expect_refusal(&row, TSR_BAD_METADATA, "/configuration/level");
    row = (codec_case){.zarr_format = 2, .name = "zlib", .configuration = "{\"level\":-2}"};
    codec_expect_refusal(&row, TSR_BAD_METADATA, "-2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_checksums_are_verified),
        cmocka_unit_test(test_zlib_reads_it),
        cmocka_unit_test(test_header_is_deterministic),
        cmocka_unit_test(test_bound),
        cmocka_unit_test(test_levels_share_a_scratch),
        cmocka_unit_test(test_bomb),
        cmocka_unit_test(test_configurations),
        CODEC_SUITE_TESTS(&gzip_5),
        CODEC_SUITE_TESTS(&gzip_0),
        CODEC_SUITE_TESTS(&zlib_1),
        CODEC_SUITE_TEST(codec_test_describe, &v2_gzip),
        CODEC_SUITE_TEST(codec_test_describe, &zlib_automatic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
