/* Each allocation of each codec fails once: in opening, encoding, decoding, in the libraries below.
 * Nothing crashes, nothing leaks, the error says so, and the next try succeeds. */
#include <stdlib.h>
#include <string.h>

#include "base/output.h"
#include "conformance/codec_suite.h"
#include "nth_malloc.h"

#define DATA_BYTES 200000

typedef struct memory_case {
    codec_case codec;
    /* Allocations that can fail without bringing the process down; 0: all. libblosc 1.21.3 does not
     * look at what its malloc returned, so there it ends with our own. */
    int encode_last, decode_last;
} memory_case;

/* One step of a codec's life, tried under a failing allocation. */
typedef struct trial {
    codec_fixture fixture;
    const codec_case *row;
    const char *bytes;
    tsr_output encoded;
    char *decoded;
    tsr_error err;
} trial;

static int step_open(trial *tried)
{
    const tsr_codec_ops *ops = NULL;
    void *codec = NULL;
    int status = codec_try_open(tried->fixture.context, tried->row, &ops, &codec, &tried->err);

    if (status == 0 && ops->close)
        ops->close(codec);
    return status;
}

/* With a scratch of its own, whose states are part of what is tried. */
static int with_scratch(trial *tried, int (*step)(trial *tried, tsr_codec_scratch *scratch))
{
    tsr_codec_scratch *scratch = NULL;
    int status = tsr_codec_scratch_new(&scratch, &tried->err);

    if (status == 0)
        status = step(tried, scratch);
    tsr_codec_scratch_free(scratch);
    return status;
}

static int encode_with(trial *tried, tsr_codec_scratch *scratch)
{
    tsr_output output = {.max_bytes = 2 * DATA_BYTES};
    int status = tried->fixture.ops->encode_bytes(tried->fixture.codec, scratch, tried->bytes,
                                                  DATA_BYTES, &output, &tried->err);
    if (status == 0 && (output.size_bytes != tried->encoded.size_bytes ||
                        memcmp(output.data, tried->encoded.data, output.size_bytes) != 0))
        status = TSR_INTERNAL;
    tsri_output_clear(&output);
    return status;
}

static int step_encode(trial *tried)
{
    return with_scratch(tried, encode_with);
}

static int decode_with(trial *tried, tsr_codec_scratch *scratch)
{
    size_t made = 0;
    int status = tried->fixture.ops->decode_bytes(tried->fixture.codec, scratch,
                                                  tried->encoded.data, tried->encoded.size_bytes,
                                                  tried->decoded, DATA_BYTES, &made, &tried->err);
    if (status == 0 && (made != DATA_BYTES || memcmp(tried->decoded, tried->bytes, made) != 0))
        status = TSR_INTERNAL;
    return status;
}

static int step_decode(trial *tried)
{
    return with_scratch(tried, decode_with);
}

static int prefix_with(trial *tried, tsr_codec_scratch *scratch)
{
    size_t made = 0, wanted = DATA_BYTES / 8;
    int status = tried->fixture.ops->decode_prefix(
        tried->fixture.codec, scratch, tried->encoded.data, tried->encoded.size_bytes,
        tried->decoded, DATA_BYTES, wanted, &made, &tried->err);
    if (status == 0 && (made < wanted || memcmp(tried->decoded, tried->bytes, made) != 0))
        status = TSR_INTERNAL;
    return status;
}

static int step_prefix(trial *tried)
{
    return with_scratch(tried, prefix_with);
}

/* Fails allocation 1, 2, 3... until the step gets through, or until `last`. */
static void sweep(trial *tried, const char *name, int (*step)(trial *tried), int last)
{
    for (int64_t n = 1; last == 0 || n <= last; n++) {
        tsr_error_clear(&tried->err);
        nth_malloc_arm(n, false);
        int status = step(tried);
        bool refused = nth_malloc_disarm();
        /* A library may do without what it did not get. */
        if (status != 0 && !(refused && status == TSR_NO_MEMORY &&
                             tried->err.status == TSR_NO_MEMORY && tried->err.message[0]))
            fail_msg("%s, allocation %d: %s, \"%s\"", name, (int)n, tsr_status_name(status),
                     tried->err.message);
        if (last && status == 0)
            fail_msg("%s, allocation %d: it does not count any more", name, (int)n);
        /* Every step allocates something. */
        assert_true(refused || n > 1);
        if (!refused)
            break;
    }
    tsr_error_clear(&tried->err);
    assert_int_equal(step(tried), 0);
}

static void test_each_allocation(void **state)
{
    const memory_case *row = *state;
    trial tried = {.fixture = codec_fixture_open(&row->codec), .row = &row->codec};
    char *bytes = malloc(DATA_BYTES);

    codec_data_fill(DATA_SMOOTH, bytes, DATA_BYTES);
    tried.bytes = bytes;
    tried.decoded = malloc(DATA_BYTES);
    sweep(&tried, "open", step_open, 0);
    if (tried.fixture.ops->kind == TSR_CODEC_BYTES_TO_BYTES) {
        codec_encode(&tried.fixture, bytes, DATA_BYTES, &tried.encoded);
        sweep(&tried, "encode", step_encode, row->encode_last);
        sweep(&tried, "decode", step_decode, row->decode_last);
        if (tried.fixture.ops->decode_prefix)
            sweep(&tried, "prefix", step_prefix, row->decode_last);
        tsri_output_clear(&tried.encoded);
    }
    free(bytes);
    free(tried.decoded);
    codec_fixture_close(&tried.fixture);
}

static memory_case cases[] = {
    {.codec = {.name = "zstd", .configuration = "{\"level\":3,\"checksum\":true}"}},
    {.codec = {.name = "gzip", .configuration = "{\"level\":6}"}},
    {.codec = {.name = "zlib", .zarr_format = 2}},
    {.codec = {.name = "lz4", .zarr_format = 2}},
    {.codec = {.name = "bz2", .zarr_format = 2}},
    {.codec = {.name = "crc32c"}},
    {.codec = {.name = "crc32", .zarr_format = 2}},
    {.codec = {.name = "adler32", .zarr_format = 2}},
    {.codec = {.name = "fletcher32", .zarr_format = 2}},
    {.codec = {.name = "jenkins_lookup3",
               .zarr_format = 2,
               .configuration = "{\"prefix\":[1,2,3]}"}},
    {.codec = {.name = "shuffle", .zarr_format = 2}},
    {.codec = {.name = "base64", .zarr_format = 2}},
    {.codec = {.name = "lzma", .zarr_format = 2, .configuration = "{\"preset\":0}"}},
    {.codec = {.name = "lzma",
               .zarr_format = 2,
               .configuration = "{\"format\":3,\"filters\":[{\"id\":33,\"preset\":0}]}"}},
    {.codec = {.name = "blosc",
               .configuration = "{\"cname\":\"lz4\",\"shuffle\":\"shuffle\",\"typesize\":2,"
                                "\"blocksize\":16384}"},
     .encode_last = 3,
     .decode_last = 2},
    {.codec = {.name = "delta", .zarr_format = 2, .configuration = "{\"dtype\":\"|u1\"}"}},
    {.codec = {.name = "astype", .zarr_format = 2, .configuration = "{\"encode_dtype\":\"<i4\"}"}},
    {.codec = {.name = "fixedscaleoffset",
               .zarr_format = 2,
               .configuration = "{\"scale\":2,\"offset\":1}"}},
    {.codec = {.name = "quantize",
               .zarr_format = 2,
               .configuration = "{\"digits\":2}",
               .dtype = TSR_FLOAT32}},
    {.codec = {.name = "bitround", .configuration = "{\"keepbits\":3}"}},
    {.codec = {.name = "packbits", .zarr_format = 2, .dtype = TSR_BOOL}},
    {.codec = {.name = "packbits", .dtype = TSR_BOOL}},
    {.codec = {.name = "reshape", .configuration = "{\"shape\":[-1]}", .rank = 2}},
    {.codec = {.name = "scale_offset", .configuration = "{\"scale\":2,\"offset\":0}"}},
    {.codec = {.name = "cast_value",
               .configuration = "{\"data_type\":\"int16\",\"scalar_map\":{\"encode\":[[1,2]],"
                                "\"decode\":[[2,1]]}}"}},
    {.codec = {.name = "transpose", .configuration = "{\"order\":[1,2,0]}", .rank = 3}},
    {.codec = {.name = "bytes", .configuration = "{\"endian\":\"big\"}", .rank = 1}},
};

int main(void)
{
    enum { COUNT = sizeof cases / sizeof *cases };
    struct CMUnitTest tests[COUNT];

    for (int i = 0; i < COUNT; i++)
        tests[i] =
            (struct CMUnitTest){cases[i].codec.name, test_each_allocation, NULL, NULL, &cases[i]};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
