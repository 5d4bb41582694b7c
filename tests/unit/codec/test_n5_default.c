/* n5_default: what every codec of arrays promises, blocks written down by hand from the N5
 * specification, blocks that are cut off or padded at the end of an array, and headers that lie. */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/output.h"
#include "conformance/codec_suite.h"

#define TURN2 "{\"name\":\"transpose\",\"configuration\":{\"order\":[1,0]}}"
#define TURN3 "{\"name\":\"transpose\",\"configuration\":{\"order\":[2,1,0]}}"
#define BIG "{\"name\":\"bytes\",\"configuration\":{\"endian\":\"big\"}}"
#define GZIP "{\"name\":\"gzip\",\"configuration\":{\"level\":5}}"

static codec_case raw = {.label = "raw",
                         .name = "n5_default",
                         .configuration = "{\"codecs\":[" TURN3 "," BIG "]}",
                         .dtype = TSR_INT16,
                         .rank = 3};
static codec_case packed = {.label = "gzip",
                            .name = "n5_default",
                            .configuration = "{\"codecs\":[" TURN2 "," BIG "," GZIP "]}",
                            .dtype = TSR_FLOAT64,
                            .rank = 2};

static const int16_t fill_value = -9;
static const codec_case plane = {.name = "n5_default",
                                 .configuration = "{\"codecs\":[" TURN2 "," BIG "]}",
                                 .dtype = TSR_INT16,
                                 .rank = 2,
                                 .fill_value = &fill_value};

/* [[1, 2, 3], [4, 5, 6]], the first axis fastest. */
static const unsigned char block[12 + 12] = {0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 3,
                                             0, 1, 0, 4, 0, 2, 0, 5, 0, 3, 0, 6};

static int decode(const void *bytes, size_t size_bytes, const int64_t *shape, int16_t *room,
                  tsr_error *err)
{
    codec_fixture fixture = codec_fixture_open(&plane);
    tsr_view view;
    assert_int_equal(tsr_view_init(&view, TSR_INT16, 2, shape, room, err), 0);
    int status =
        fixture.ops->decode_array(fixture.codec, fixture.scratch, bytes, size_bytes, &view, err);
    codec_fixture_close(&fixture);
    return status;
}

static void blocks_are_those_of_n5(void **state)
{
    (void)state;
    static const int64_t shape[2] = {2, 3};
    int16_t values[6] = {1, 2, 3, 4, 5, 6}, found[6];
    codec_fixture fixture = codec_fixture_open(&plane);
    tsr_output output = TSRI_OUTPUT_INIT(SIZE_MAX);
    tsr_error err = TSR_ERROR_INIT;
    tsr_view view;
    assert_int_equal(tsr_view_init(&view, TSR_INT16, 2, shape, values, &err), 0);
    assert_int_equal(
        fixture.ops->encode_array(fixture.codec, fixture.scratch, &view, &output, &err), 0);
    assert_int_equal(output.size_bytes, sizeof block);
    assert_memory_equal(output.data, block, sizeof block);
    tsri_output_clear(&output);
    codec_fixture_close(&fixture);
    assert_int_equal(decode(block, sizeof block, shape, found, &err), 0);
    assert_memory_equal(found, values, sizeof values);
}

static void blocks_of_other_shapes_are_padded_and_cut(void **state)
{
    (void)state;
    tsr_error err = TSR_ERROR_INIT;
    static const int16_t larger[12] = {1, 2, 3, -9, 4, 5, 6, -9, -9, -9, -9, -9};
    static const int16_t smaller[2] = {1, 2}, mixed[3] = {1, 4, -9};
    int16_t found[12];
    assert_int_equal(decode(block, sizeof block, (const int64_t[]){3, 4}, found, &err), 0);
    assert_memory_equal(found, larger, sizeof larger);
    assert_int_equal(decode(block, sizeof block, (const int64_t[]){1, 2}, found, &err), 0);
    assert_memory_equal(found, smaller, sizeof smaller);
    assert_int_equal(decode(block, sizeof block, (const int64_t[]){3, 1}, found, &err), 0);
    assert_memory_equal(found, mixed, sizeof mixed);
}

static void headers_that_lie_are_refused(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        unsigned char value;
        const char *text;
    } rows[] = {
        {1, 1, "mode 1"}, {0, 1, "mode 256"}, {3, 3, "with 3 axes"}, {7, 0, "length 0"},
        {7, 3, ""},       {4, 255, ""},       {8, 255, ""},
    };
    tsr_error err = TSR_ERROR_INIT;
    int16_t found[6];
    for (size_t i = 0; i < TSRI_COUNT(rows); i++) {
        unsigned char changed[sizeof block];
        memcpy(changed, block, sizeof block);
        changed[rows[i].at] = rows[i].value;
        tsr_error_clear(&err);
        int status = decode(changed, sizeof changed, (const int64_t[]){2, 3}, found, &err);
        if (status != TSR_DAMAGED || !strstr(err.message, rows[i].text))
            fail_msg("byte %zu: status %d: %s", rows[i].at, status, err.message);
    }
    for (size_t size = 0; size < sizeof block; size++)
        assert_int_equal(decode(block, size, (const int64_t[]){2, 3}, found, &err), TSR_DAMAGED);
}

static void other_configurations_are_refused(void **state)
{
    (void)state;
    static const struct {
        const tsr_dtype *dtype;
        int rank, status;
        const char *configuration, *text;
    } rows[] = {
        {TSR_INT16, 2, TSR_BAD_METADATA, "{}", "codecs"},
        {TSR_INT16, 2, TSR_BAD_METADATA, "{\"codecs\":[]}", "codecs/0: must be \"transpose\""},
        {TSR_INT16, 2, TSR_BAD_METADATA, "{\"codecs\":[" BIG "]}", "must be \"transpose\""},
        {TSR_INT16, 2, TSR_BAD_METADATA, "{\"codecs\":[" TURN2 "]}", "codecs/1: must be \"bytes\""},
        {TSR_INT16, 2, TSR_BAD_METADATA,
         "{\"codecs\":[{\"name\":\"transpose\",\"configuration\":{\"order\":[0,1]}}," BIG "]}",
         "from the last to the first"},
        {TSR_INT16, 2, TSR_BAD_METADATA,
         "{\"codecs\":[" TURN2 ",{\"name\":\"bytes\",\"configuration\":{\"endian\":\"little\"}}]}",
         "must be \"big\""},
        {TSR_INT16, 2, TSR_BAD_METADATA, "{\"codecs\":[" TURN2 ",\"bytes\"]}", "must be \"big\""},
        {TSR_INT16, 2, TSR_BAD_METADATA, "{\"codecs\":[" TURN2 "," BIG "," GZIP "," GZIP "]}",
         "one compressor"},
        {TSR_INT16, 2, TSR_BAD_METADATA, "{\"codecs\":[" TURN2 "," BIG "],\"mode\":1}", "mode"},
        {TSR_BOOL, 2, TSR_UNSUPPORTED, "{\"codecs\":[" TURN2 "," BIG "]}", "bool"},
        {TSR_COMPLEX64, 2, TSR_UNSUPPORTED, "{\"codecs\":[" TURN2 "," BIG "]}", "complex64"},
        {TSR_INT16, 0, TSR_UNSUPPORTED, "{\"codecs\":[" TURN2 "," BIG "]}", "without dimensions"},
    };
    for (size_t i = 0; i < TSRI_COUNT(rows); i++) {
        const codec_case row = {.name = "n5_default",
                                .configuration = rows[i].configuration,
                                .dtype = rows[i].dtype,
                                .rank = rows[i].rank};
        codec_expect_refusal(&row, rows[i].status, rows[i].text);
    }
    const codec_case bytes = {.name = "n5_default",
                              .configuration = "{\"codecs\":[" TURN2 ",\"bytes\"]}",
                              .dtype = TSR_UINT8,
                              .rank = 2};
    codec_fixture fixture = codec_fixture_open(&bytes);
    codec_fixture_close(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CODEC_SUITE_ARRAY_TESTS(&raw),
        CODEC_SUITE_ARRAY_TESTS(&packed),
        cmocka_unit_test(blocks_are_those_of_n5),
        cmocka_unit_test(blocks_of_other_shapes_are_padded_and_cut),
        cmocka_unit_test(headers_that_lie_are_refused),
        cmocka_unit_test(other_configurations_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
