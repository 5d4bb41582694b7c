/* categorize: numbers as numcodecs 0.16.6 makes them of strings and of texts of fixed length, and
 * back; labels that are there twice, too many, or none. */
#include "base/output.h"
#include "conformance/codec_suite.h"

#include <string.h>

static const codec_case objects = {
    .label = "objects",
    .zarr_format = 2,
    .name = "categorize",
    .configuration = "{\"labels\":[\"female\",\"male\",\"longer than twelve\"],\"dtype\":\"|O\","
                     "\"astype\":\"|u1\"}",
    .dtype = TSR_STRING,
    .rank = 1};

/* >>> numcodecs.Categorize(labels=..., dtype=object).encode(["male", "female", "other", ...]) */
static void test_strings(void **state)
{
    static const char *const texts[5] = {"male", "female", "other", "", "longer than twelve"};
    static const uint8_t numbers[5] = {2, 1, 0, 0, 3};
    const int64_t count = 5;
    codec_fixture fixture = codec_fixture_open(&objects);
    tsr_output described = codec_describe(&fixture, 2);
    tsr_slot slots[5];
    uint8_t encoded[5];
    tsr_view decoded_view, encoded_view;
    (void)state;
    assert_string_equal(described.data, objects.configuration);
    tsri_output_clear(&described);
    assert_ptr_equal(fixture.output.dtype, TSR_UINT8);
    for (int i = 0; i < 5; i++)
        assert_int_equal(tsr_slot_borrow(&slots[i], texts[i], strlen(texts[i]), NULL), 0);
    assert_int_equal(tsr_view_init(&decoded_view, TSR_STRING, 1, &count, slots, NULL), 0);
    assert_int_equal(tsr_view_init(&encoded_view, TSR_UINT8, 1, &count, encoded, NULL), 0);
    assert_int_equal(fixture.ops->encode_view(fixture.codec, fixture.scratch, &decoded_view,
                                              &encoded_view, NULL),
                     0);
    assert_memory_equal(encoded, numbers, 5);
    encoded[3] = 4; /* no label has this number */
    assert_int_equal(fixture.ops->decode_view(fixture.codec, fixture.scratch, &encoded_view,
                                              &decoded_view, NULL),
                     0);
    static const char *const back[5] = {"male", "female", "", "", "longer than twelve"};
    for (int i = 0; i < 5; i++) {
        assert_int_equal(slots[i].size_bytes, strlen(back[i]));
        assert_memory_equal(tsr_slot_bytes(&slots[i]), back[i], strlen(back[i]));
    }
    codec_fixture_close(&fixture);
}

static void test_fixed_texts(void **state)
{
    const tsr_dtype *dtype;
    const int64_t count = 3;
    uint32_t texts[3][2] = {{'a', 'b'}, {'a', 0}, {'b', 0}};
    uint16_t encoded[3];
    tsr_view decoded_view, encoded_view;
    (void)state;
    assert_int_equal(tsr_dtype_parse("U2", &dtype, NULL), 0);
    /* The label that is too long matches nothing; of equal ones the last counts. */
    codec_case row = {.label = "fixed",
                      .zarr_format = 2,
                      .name = "categorize",
                      .configuration = "{\"labels\":[\"a\",\"abc\",\"a\",\"ab\"],\"dtype\":\"<U2\","
                                       "\"astype\":\"<u2\"}",
                      .dtype = dtype,
                      .rank = 1};
    codec_fixture fixture = codec_fixture_open(&row);
    assert_int_equal(tsr_view_init(&decoded_view, dtype, 1, &count, texts, NULL), 0);
    assert_int_equal(tsr_view_init(&encoded_view, TSR_UINT16, 1, &count, encoded, NULL), 0);
    assert_int_equal(fixture.ops->encode_view(fixture.codec, fixture.scratch, &decoded_view,
                                              &encoded_view, NULL),
                     0);
    assert_int_equal(encoded[0], 4);
    assert_int_equal(encoded[1], 3);
    assert_int_equal(encoded[2], 0);
    memset(texts, 0xff, sizeof texts);
    assert_int_equal(fixture.ops->decode_view(fixture.codec, fixture.scratch, &encoded_view,
                                              &decoded_view, NULL),
                     0);
    assert_int_equal(texts[0][0], 'a');
    assert_int_equal(texts[0][1], 'b');
    assert_int_equal(texts[1][0], 'a');
    assert_int_equal(texts[1][1], 0);
    assert_int_equal(texts[2][0], 0);
    codec_fixture_close(&fixture);
    tsr_dtype_unref(dtype);
}

static void test_refused(void **state)
{
    static const struct {
        const char *configuration;
        int status;
        const char *words;
    } rows[] = {
        {"{\"dtype\":\"|O\"}", TSR_BAD_METADATA, "labels"},
        {"{\"labels\":[1],\"dtype\":\"|O\"}", TSR_BAD_METADATA, "/configuration/labels/0"},
        {"{\"labels\":[],\"dtype\":\"<U3\"}", TSR_UNSUPPORTED, "elements that arrive are string"},
        {"{\"labels\":[\"a\"],\"dtype\":\"|O\",\"astype\":\"<f4\"}", TSR_UNSUPPORTED, "astype"},
        {"{\"labels\":[\"a\",\"b\"],\"dtype\":\"|O\",\"astype\":\"|b1\"}", TSR_UNSUPPORTED,
         "astype"},
        {"{\"labels\":[\"a\"],\"dtype\":\"|O\",\"astype\":\"string\"}", TSR_UNSUPPORTED, "astype"},
    };
    codec_case row = objects;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        row.configuration = rows[i].configuration;
        codec_expect_refusal(&row, rows[i].status, rows[i].words);
    }
    char many[16 + 256 * 4 + 64] = "{\"labels\":[";
    for (int i = 0; i < 256; i++)
        strcat(many, i ? ",\"x\"" : "\"x\"");
    strcat(many, "],\"dtype\":\"|O\"}");
    row.configuration = many;
    codec_expect_refusal(&row, TSR_UNSUPPORTED, "uint8 does not count 256 labels");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_fixed_texts),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
