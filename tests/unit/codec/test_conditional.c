/* conditional: what every codec promises, chunks written down by hand from the registry's text,
 * that a chunk is never larger than its elements and the mask, and masks that lie. */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/output.h"
#include "conformance/codec_suite.h"

#define SHUFFLE "{\"name\":\"numcodecs.shuffle\",\"configuration\":{\"elementsize\":2}}"
#define ZSTD "{\"name\":\"zstd\",\"configuration\":{\"level\":3,\"checksum\":false}}"
#define CRC "{\"name\":\"crc32c\"}"

static codec_case zstd = {
    .label = "zstd", .name = "conditional", .configuration = "{\"codecs\":[" ZSTD "]}"};
static codec_case two = {.label = "shuffle and zstd",
                         .name = "conditional",
                         .configuration = "{\"codecs\":[" SHUFFLE "," ZSTD "]}",
                         .dtype = TSR_UINT16,
                         .unit_bytes = 2};
static codec_case wide = {.label = "a mask of 3 bytes",
                          .name = "conditional",
                          .configuration = "{\"codecs\":[" ZSTD "," CRC "],\"header_bits\":24}"};
static codec_case none = {
    .label = "no codecs", .name = "conditional", .configuration = "{\"codecs\":[]}"};

static int decode(const codec_fixture *fixture, const void *bytes, size_t size_bytes, void *room,
                  size_t capacity, size_t *ret_size, tsr_error *err)
{
    return fixture->ops->decode_bytes(fixture->codec, fixture->scratch, bytes, size_bytes, room,
                                      capacity, ret_size, err);
}

/* Mask 2 of [shuffle, crc32c]: the second codec alone. Mask 3: planes of bytes, and their sum. */
static void masks_say_which_codecs_are_undone(void **state)
{
    (void)state;
    static const unsigned char plain[] = {0, 1, 2, 3, 4};
    static const unsigned char planes[] = {1, 1, 3, 2, 4};
    /* 1 2 3 4 behind their CRC-32C 29308cf4, bit by bit by RFC 3720. */
    static const unsigned char summed[] = {2, 1, 2, 3, 4, 0xf4, 0x8c, 0x30, 0x29};
    const codec_case row = {.name = "conditional",
                            .configuration = "{\"codecs\":[" SHUFFLE "," CRC "]}"};
    codec_fixture fixture = codec_fixture_open(&row);
    unsigned char found[4];
    size_t size;
    tsr_error err = TSR_ERROR_INIT;
    const struct {
        const unsigned char *bytes;
        size_t size;
    } rows[] = {{plain, sizeof plain}, {planes, sizeof planes}, {summed, sizeof summed}};
    for (size_t i = 0; i < TSRI_COUNT(rows); i++) {
        if (decode(&fixture, rows[i].bytes, rows[i].size, found, 4, &size, &err) < 0)
            fail_msg("%zu: %s", i, err.message);
        assert_int_equal(size, 4);
        assert_memory_equal(found, "\1\2\3\4", 4);
    }
    codec_fixture_close(&fixture);
}

static unsigned char mask_of(const codec_case *row, const void *bytes, size_t size_bytes,
                             size_t *ret_encoded)
{
    codec_fixture fixture = codec_fixture_open(row);
    tsr_output output = TSRI_OUTPUT_INIT(SIZE_MAX);
    codec_encode(&fixture, bytes, size_bytes, &output);
    unsigned char mask = (unsigned char)output.data[0];
    *ret_encoded = output.size_bytes;
    tsri_output_clear(&output);
    codec_fixture_close(&fixture);
    return mask;
}

static void codecs_are_applied_where_they_help(void **state)
{
    (void)state;
    enum { SIZE = 4096 };
    unsigned char zeros[SIZE] = {0}, noise[SIZE];
    uint16_t slow[SIZE / 2];
    size_t encoded;
    codec_data_fill(DATA_NOISE, noise, SIZE);
    for (int i = 0; i < SIZE / 2; i++)
        slow[i] = (uint16_t)(i * 3);
    assert_int_equal(mask_of(&zstd, zeros, SIZE, &encoded), 1);
    assert_true(encoded < 64);
    assert_int_equal(mask_of(&zstd, noise, SIZE, &encoded), 0);
    assert_int_equal(encoded, SIZE + 1);
    assert_int_equal(mask_of(&two, slow, SIZE, &encoded), 3);
    assert_int_equal(mask_of(&wide, noise, SIZE, &encoded), 0);
    assert_int_equal(encoded, SIZE + 3);
}

static void lies_are_refused(void **state)
{
    (void)state;
    codec_fixture fixture = codec_fixture_open(&wide);
    unsigned char room[8];
    size_t size;
    tsr_error err = TSR_ERROR_INIT;
    static const struct {
        unsigned char bytes[8];
        size_t size;
        const char *text;
    } rows[] = {{{0, 0}, 2, "cut off"},
                {{4, 0, 0, 1}, 4, "codec 3 of 2"},
                {{0, 0, 128, 1}, 4, "codec 24 of 2"},
                {{2, 0, 0, 1, 2}, 5, "crc32c"}};
    for (size_t i = 0; i < TSRI_COUNT(rows); i++) {
        tsr_error_clear(&err);
        assert_int_equal(
            decode(&fixture, rows[i].bytes, rows[i].size, room, sizeof room, &size, &err),
            TSR_DAMAGED);
        if (!strstr(err.message, rows[i].text))
            fail_msg("%s", err.message);
    }
    codec_fixture_close(&fixture);
}

static void other_configurations_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *configuration;
        int status;
        const char *text;
    } rows[] = {
        {"{}", TSR_BAD_METADATA, "codecs"},
        {"{\"codecs\":1}", TSR_BAD_METADATA, "/configuration/codecs"},
        {"{\"codecs\":[{\"name\":\"bytes\"}]}", TSR_BAD_METADATA, "\"bytes\" does not turn"},
        {"{\"codecs\":[{\"name\":\"unheard-of\"}]}", TSR_UNSUPPORTED, "unheard-of"},
        {"{\"codecs\":[{\"name\":\"gzip\",\"configuration\":{\"level\":11}}]}", TSR_BAD_METADATA,
         "level"},
        {"{\"codecs\":[],\"header_bits\":12}", TSR_BAD_METADATA, "12 is no multiple of 8"},
        {"{\"codecs\":[" CRC "],\"header_bits\":0}", TSR_BAD_METADATA, "header_bits"},
        {"{\"codecs\":[],\"surprise\":1}", TSR_BAD_METADATA, "surprise"},
    };
    for (size_t i = 0; i < TSRI_COUNT(rows); i++) {
        const codec_case row = {.name = "conditional", .configuration = rows[i].configuration};
        codec_expect_refusal(&row, rows[i].status, rows[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CODEC_SUITE_TESTS(&zstd),
        CODEC_SUITE_TESTS(&two),
        CODEC_SUITE_TESTS(&wide),
        CODEC_SUITE_TESTS(&none),
        cmocka_unit_test(masks_say_which_codecs_are_undone),
        cmocka_unit_test(codecs_are_applied_where_they_help),
        cmocka_unit_test(lies_are_refused),
        cmocka_unit_test(other_configurations_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
