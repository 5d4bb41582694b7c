/* blosc: files of numcodecs with every compressor and shuffle, what the header says, hostile
 * headers. */
#include "base/output.h"
#include "conformance/codec_golden.h"

#include <blosc.h>
#include <stdlib.h>
#include <string.h>

static codec_case lz4 = {
    .label = "lz4, shuffle",
    .name = "blosc",
    .configuration =
        "{\"cname\":\"lz4\",\"clevel\":5,\"shuffle\":\"shuffle\",\"typesize\":4,\"blocksize\":0}",
    .dtype = &tsr_dtype_float32};
static codec_case zstd_bits = {
    .label = "zstd, bitshuffle",
    .name = "blosc",
    .configuration = "{\"cname\":\"zstd\",\"clevel\":1,\"shuffle\":\"bitshuffle\",\"typesize\":2,"
                     "\"blocksize\":16384}",
    .dtype = &tsr_dtype_uint16};
static codec_case blosclz_plain = {
    .label = "blosclz, noshuffle",
    .name = "blosc",
    .configuration =
        "{\"cname\":\"blosclz\",\"clevel\":9,\"shuffle\":\"noshuffle\",\"blocksize\":0}",
    .dtype = &tsr_dtype_int8};
static codec_case blosclz_bits = {
    .label = "blosclz, bitshuffle",
    .name = "blosc",
    .configuration =
        "{\"cname\":\"blosclz\",\"clevel\":9,\"shuffle\":\"bitshuffle\",\"typesize\":8,"
        "\"blocksize\":4096}",
    .dtype = &tsr_dtype_float64};
static codec_case zlib_shuffle = {
    .label = "zlib, shuffle, odd type size",
    .name = "blosc",
    .configuration = "{\"cname\":\"zlib\",\"clevel\":3,\"shuffle\":\"shuffle\",\"typesize\":3,"
                     "\"blocksize\":0}"};
static codec_case lz4hc_stored = {
    .label = "lz4hc, level 0",
    .name = "blosc",
    .configuration = "{\"cname\":\"lz4hc\",\"clevel\":0,\"shuffle\":\"shuffle\",\"typesize\":2,"
                     "\"blocksize\":0}"};
static codec_case snappy = {
    .label = "snappy",
    .name = "blosc",
    .configuration = "{\"cname\":\"snappy\",\"clevel\":5,\"shuffle\":\"shuffle\",\"typesize\":2,"
                     "\"blocksize\":0}"};
static codec_case v2 = {.label = "v2",
                        .zarr_format = 2,
                        .name = "blosc",
                        .configuration = "{\"cname\":\"lz4\",\"clevel\":\"5\",\"shuffle\":-1,"
                                         "\"blocksize\":0,\"typesize\":null}",
                        .dtype = &tsr_dtype_int64};

static void test_golden(void **state)
{
    static const char *const compressors[] = {"blosclz", "lz4", "lz4hc", "zstd", "zlib"};
    codec_fixture fixture = codec_fixture_open(&lz4);
    char name[64];

    (void)state;
    for (int i = 0; i < 5; i++) {
        for (int shuffle = 0; shuffle <= 2; shuffle++) {
            snprintf(name, sizeof name, "blosc-%s-%d.small", compressors[i], shuffle);
            golden_expect(&fixture, name);
        }
        snprintf(name, sizeof name, "blosc-%s.large", compressors[i]);
        golden_expect(&fixture, name);
    }
    golden_expect(&fixture, "blosc-stored.small");
    codec_fixture_close(&fixture);
}

/* The same library, called directly, is what numcodecs calls. */
static void test_encoded_as_by_the_library(void **state)
{
    codec_fixture fixture = codec_fixture_open(&zstd_bits);
    static char data[100000], reference[100016];
    tsr_output encoded;

    (void)state;
    codec_data_fill(DATA_SMOOTH, data, sizeof data);
    codec_encode(&fixture, data, sizeof data, &encoded);
    int reference_bytes = blosc_compress_ctx(1, BLOSC_BITSHUFFLE, 2, sizeof data, data, reference,
                                             sizeof reference, "zstd", 16384, 1);
    assert_int_equal(encoded.size_bytes, reference_bytes);
    assert_memory_equal(encoded.data, reference, encoded.size_bytes);
    tsri_output_clear(&encoded);
    codec_fixture_close(&fixture);
}

/* Encodes and returns flags (byte 2), type size (byte 3) and block size (bytes 8-11) of the header.
 */
static void expect_header(const codec_case *row, int flags, int typesize, uint32_t block_bytes)
{
    codec_fixture fixture = codec_fixture_open(row);
    static char data[65536];
    tsr_output encoded;
    uint32_t found;

    codec_data_fill(DATA_SMOOTH, data, sizeof data);
    codec_encode(&fixture, data, sizeof data, &encoded);
    assert_int_equal(encoded.data[2] & 7, flags);
    assert_int_equal((unsigned char)encoded.data[3], typesize);
    memcpy(&found, encoded.data + 8, sizeof found);
    if (block_bytes)
        assert_int_equal(found, block_bytes);
    tsri_output_clear(&encoded);
    codec_fixture_close(&fixture);
}

static void test_configuration_reaches_the_header(void **state)
{
    codec_case row = v2;

    (void)state;
    expect_header(&lz4, 1, 4, 0);
    expect_header(&zstd_bits, 4, 2, 16384);
    expect_header(&blosclz_plain, 0, 1, 0);
    expect_header(&lz4hc_stored, 1 + 2, 2, 0);
    /* v2 takes the type size from the data; automatic shuffle moves bits of single bytes, else
     * bytes. */
    expect_header(&row, 1, 8, 0);
    row.dtype = TSR_UINT8;
    expect_header(&row, 4, 1, 0);
    /* A type size that does not fit into a byte is 1, as c-blosc itself has it. */
    row = lz4;
    row.configuration = "{\"cname\":\"lz4\",\"clevel\":5,\"shuffle\":\"shuffle\",\"typesize\":256}";
    expect_header(&row, 1, 1, 0);
}

static void expect_described(const codec_case *row, int zarr_format, const char *expected)
{
    codec_fixture fixture = codec_fixture_open(row);
    tsr_output text = codec_describe(&fixture, zarr_format);

    assert_string_equal(text.data, expected);
    tsri_output_clear(&text);
    codec_fixture_close(&fixture);
}

static void test_describe(void **state)
{
    codec_case row = {.name = "blosc", .configuration = "{}", .dtype = TSR_INT16};

    (void)state;
    expect_described(&lz4, 3,
                     "{\"cname\":\"lz4\",\"clevel\":5,\"shuffle\":\"shuffle\",\"typesize\":4,"
                     "\"blocksize\":0}");
    expect_described(&lz4, 2, "{\"cname\":\"lz4\",\"clevel\":5,\"shuffle\":1,\"blocksize\":0}");
    expect_described(
        &zlib_shuffle, 2,
        "{\"cname\":\"zlib\",\"clevel\":3,\"shuffle\":1,\"typesize\":3,\"blocksize\":0}");
    expect_described(
        &blosclz_plain, 3,
        "{\"cname\":\"blosclz\",\"clevel\":9,\"shuffle\":\"noshuffle\",\"blocksize\":0}");
    expect_described(&v2, 2, "{\"cname\":\"lz4\",\"clevel\":5,\"shuffle\":-1,\"blocksize\":0}");
    expect_described(&v2, 3,
                     "{\"cname\":\"lz4\",\"clevel\":5,\"shuffle\":\"shuffle\",\"typesize\":8,"
                     "\"blocksize\":0}");
    /* What is absent: the defaults of zarr-python's v3 codec, and of numcodecs. */
    expect_described(&row, 3,
                     "{\"cname\":\"zstd\",\"clevel\":5,\"shuffle\":\"shuffle\",\"typesize\":2,"
                     "\"blocksize\":0}");
    row.name = "numcodecs.blosc";
    expect_described(&row, 2, "{\"cname\":\"lz4\",\"clevel\":5,\"shuffle\":1,\"blocksize\":0}");
    row.configuration = "{\"shuffle\":\"bitshuffle\"}";
    expect_described(&row, 2, "{\"cname\":\"lz4\",\"clevel\":5,\"shuffle\":2,\"blocksize\":0}");
    row.configuration = "{\"shuffle\":\"2\"}";
    expect_described(&row, 2, "{\"cname\":\"lz4\",\"clevel\":5,\"shuffle\":2,\"blocksize\":0}");
}

static void test_refusals(void **state)
{
    static const struct {
        const char *name, *configuration, *text;
    } rows[] = {
        {"blosc", "{\"cname\":\"lz5\"}", "\"lz5\" is none of \"blosclz\""},
        {"blosc", "{\"clevel\":10}", "/configuration/clevel"},
        {"blosc", "{\"clevel\":\"5\"}", "/configuration/clevel"},
        {"blosc", "{\"shuffle\":1}", "/configuration/shuffle"},
        {"blosc", "{\"shuffle\":-1}", "/configuration/shuffle"},
        {"blosc", "{\"shuffle\":\"auto\"}", "\"auto\" is none of \"noshuffle\""},
        {"blosc", "{\"typesize\":0}", "/configuration/typesize"},
        {"blosc", "{\"typesize\":null}", "/configuration/typesize"},
        {"blosc", "{\"blocksize\":-1}", "/configuration/blocksize"},
        {"blosc", "{\"blocksize\":2147483647}", "2147483647"},
        {"numcodecs.blosc", "{\"shuffle\":3}", "/configuration/shuffle"},
        {"numcodecs.blosc", "{\"shuffle\":\"3\"}", "\"3\" is not an integer from -1 to 2"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        codec_case row = {.name = rows[i].name, .configuration = rows[i].configuration};
        codec_expect_refusal(&row, TSR_BAD_METADATA, rows[i].text);
    }
}

static void test_too_large(void **state)
{
    codec_fixture fixture = codec_fixture_open(&lz4);
    tsr_output output = {.max_bytes = 100};
    tsr_error err = TSR_ERROR_INIT;

    (void)state;
    assert_int_equal(fixture.ops->encode_bytes(fixture.codec, fixture.scratch, "",
                                               (size_t)BLOSC_MAX_BUFFERSIZE + 1, &output, &err),
                     TSR_LIMIT);
    assert_non_null(strstr(err.message, "2147483632 bytes in one chunk"));
    assert_non_null(strstr(err.next_step, "smaller chunks"));
    codec_fixture_close(&fixture);
}

/* Writes over a number of the header and expects a refusal. */
static void expect_bad_header(const codec_fixture *fixture, const char *bytes, size_t size_bytes,
                              size_t position, uint32_t number, const char *text)
{
    char *changed = malloc(size_bytes);

    memcpy(changed, bytes, size_bytes);
    if (position < 4)
        changed[position] = (char)number;
    else
        memcpy(changed + position, &number, sizeof number);
    codec_expect_damaged(fixture, changed, size_bytes, 3000, text);
    free(changed);
}

static void test_hostile_headers(void **state)
{
    codec_fixture fixture = codec_fixture_open(&lz4);
    size_t size_bytes;
    char *bytes = golden_read("blosc-lz4-1.small", &size_bytes);

    (void)state;
    expect_bad_header(&fixture, bytes, size_bytes, 0, 1, "version 1");
    expect_bad_header(&fixture, bytes, size_bytes, 0, 5, "version 5");
    expect_bad_header(&fixture, bytes, size_bytes, 2, 0xf1, "blosc: ");
    expect_bad_header(&fixture, bytes, size_bytes, 4, 3001, "more than the 3000 bytes");
    expect_bad_header(&fixture, bytes, size_bytes, 4, UINT32_MAX, "more than the 3000 bytes");
    expect_bad_header(&fixture, bytes, size_bytes, 4, 2999, "blosc: ");
    expect_bad_header(&fixture, bytes, size_bytes, 8, 0, "blosc: ");
    expect_bad_header(&fixture, bytes, size_bytes, 8, 1, "blosc: ");
    expect_bad_header(&fixture, bytes, size_bytes, 8, UINT32_MAX, "blosc: ");
    expect_bad_header(&fixture, bytes, size_bytes, 8, INT32_MAX, "blosc: ");
    expect_bad_header(&fixture, bytes, size_bytes, 12, 0, "claims 0 encoded bytes");
    expect_bad_header(&fixture, bytes, size_bytes, 12, UINT32_MAX, "claims 4294967295");
    /* Where the only block starts. */
    expect_bad_header(&fixture, bytes, size_bytes, 16, 0, "blosc: ");
    expect_bad_header(&fixture, bytes, size_bytes, 16, (uint32_t)size_bytes, "blosc: ");
    expect_bad_header(&fixture, bytes, size_bytes, 16, UINT32_MAX, "blosc: ");
    expect_bad_header(&fixture, bytes, size_bytes, 16, INT32_MAX, "blosc: ");
    codec_expect_damaged(&fixture, bytes, 15, 3000, "cut off after 15 bytes");
    codec_expect_damaged(&fixture, "", 0, 3000, "cut off after 0 bytes");
    free(bytes);
    codec_fixture_close(&fixture);
}

/* Debian's libblosc has snappy, others may not: either it works or opening says what is missing. */
static void test_snappy(void **state)
{
    static char data[10000];
    tsr_output encoded;

    (void)state;
    if (blosc_compname_to_compcode("snappy") < 0) {
        codec_expect_refusal(&snappy, TSR_UNSUPPORTED, "was built without \"snappy\"");
        return;
    }
    codec_fixture fixture = codec_fixture_open(&snappy);
    codec_data_fill(DATA_EQUAL, data, sizeof data);
    codec_encode(&fixture, data, sizeof data, &encoded);
    assert_true(encoded.size_bytes < sizeof data / 10);
    assert_int_equal((unsigned char)encoded.data[2] >> 5, BLOSC_SNAPPY_FORMAT);
    codec_expect_decoded(&fixture, encoded.data, encoded.size_bytes, data, sizeof data);
    tsri_output_clear(&encoded);
    codec_fixture_close(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_encoded_as_by_the_library),
        cmocka_unit_test(test_configuration_reaches_the_header),
        cmocka_unit_test(test_describe),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_hostile_headers),
        cmocka_unit_test(test_snappy),
        CODEC_SUITE_TESTS(&lz4),
        CODEC_SUITE_TESTS(&zstd_bits),
        CODEC_SUITE_TESTS(&blosclz_plain),
        CODEC_SUITE_TESTS(&blosclz_bits),
        CODEC_SUITE_TESTS(&zlib_shuffle),
        CODEC_SUITE_TESTS(&lz4hc_stored),
        CODEC_SUITE_TEST(codec_test_describe, &v2),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
