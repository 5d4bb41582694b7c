/* json2: texts that numcodecs 0.16.6 made, null as the empty string, and what is no list of
 * strings.
 */
#include "base/output.h"
#include "conformance/codec_suite.h"

#include <string.h>

static const codec_case json2 = {.label = "json2",
                                 .zarr_format = 2,
                                 .name = "json2",
                                 .configuration = "{\"encoding\":\"utf-8\",\"indent\":null}",
                                 .dtype = TSR_STRING,
                                 .rank = 1};

static int decode(codec_fixture *fixture, const char *text, int64_t count, tsr_slot *ret_slots,
                  tsr_error *err)
{
    tsr_view view;
    assert_int_equal(tsr_view_init(&view, TSR_STRING, 1, &count, ret_slots, NULL), 0);
    return fixture->ops->decode_array(fixture->codec, fixture->scratch, text, strlen(text), &view,
                                      err);
}

static void expect_text(const tsr_slot *slot, const char *text)
{
    assert_int_equal(slot->size_bytes, strlen(text));
    assert_memory_equal(tsr_slot_bytes(slot), text, strlen(text));
}

static void test_decoded(void **state)
{
    codec_fixture fixture = codec_fixture_open(&json2);
    tsr_slot slots[4];
    (void)state;
    assert_int_equal(decode(&fixture,
                            "[\"foo\",\"b\\u00e9\",null,\"longer than twelve\",\"|O\",[4]]", 4,
                            slots, NULL),
                     0);
    expect_text(&slots[0], "foo");
    expect_text(&slots[1], "b\303\251");
    expect_text(&slots[2], "");
    expect_text(&slots[3], "longer than twelve");
    /* As Python writes it with an indent. */
    assert_int_equal(decode(&fixture, "[\n  \"a\",\n  \"<U1\",\n  [1]\n]", 1, slots, NULL), 0);
    expect_text(&slots[0], "a");
    codec_fixture_close(&fixture);
}

static void test_encoded(void **state)
{
    const int64_t shape[2] = {1, 2};
    codec_fixture fixture = codec_fixture_open(&json2);
    tsr_output output = TSRI_OUTPUT_INIT(SIZE_MAX), described = codec_describe(&fixture, 2);
    tsr_slot slots[2];
    tsr_view view;
    (void)state;
    assert_string_equal(described.data, json2.configuration);
    tsri_output_clear(&described);
    assert_int_equal(tsr_slot_borrow(&slots[0], "a\"\n", 3, NULL), 0);
    assert_int_equal(tsr_slot_borrow(&slots[1], "longer than twelve", 18, NULL), 0);
    assert_int_equal(tsr_view_init(&view, TSR_STRING, 2, shape, slots, NULL), 0);
    assert_int_equal(
        fixture.ops->encode_array(fixture.codec, fixture.scratch, &view, &output, NULL), 0);
    static const char expected[] = "[[\"a\\\"\\n\",\"longer than twelve\"],\"|O\",[1,2]]";
    assert_int_equal(output.size_bytes, sizeof expected - 1);
    assert_memory_equal(output.data, expected, sizeof expected - 1);
    tsri_output_clear(&output);
    codec_fixture_close(&fixture);
}

/* What numcodecs.JSON().encode makes of an array without axes, and back. */
static void test_scalar(void **state)
{
    static const char expected[] = "[\"x\",\"|O\",[]]";
    codec_case row = json2;
    row.rank = 0;
    codec_fixture fixture = codec_fixture_open(&row);
    tsr_output output = TSRI_OUTPUT_INIT(SIZE_MAX);
    tsr_slot slot, back;
    tsr_view view;
    (void)state;
    assert_int_equal(tsr_slot_borrow(&slot, "x", 1, NULL), 0);
    assert_int_equal(tsr_view_init(&view, TSR_STRING, 0, NULL, &slot, NULL), 0);
    assert_int_equal(
        fixture.ops->encode_array(fixture.codec, fixture.scratch, &view, &output, NULL), 0);
    assert_int_equal(output.size_bytes, sizeof expected - 1);
    assert_memory_equal(output.data, expected, sizeof expected - 1);
    tsri_output_clear(&output);
    assert_int_equal(tsr_view_init(&view, TSR_STRING, 0, NULL, &back, NULL), 0);
    assert_int_equal(fixture.ops->decode_array(fixture.codec, fixture.scratch, expected,
                                               sizeof expected - 1, &view, NULL),
                     0);
    expect_text(&back, "x");
    codec_fixture_close(&fixture);
}

static void test_refused(void **state)
{
    static const struct {
        const char *text;
        int64_t count;
        int status;
        const char *words;
    } rows[] = {
        {"[1,\"|O\",[1]]", 1, TSR_UNSUPPORTED, "an element is"},
        {"[\"a\",\"|O\",[1]]", 2, TSR_DAMAGED, "no lists of the shape [2]"},
        {"{\"a\":1}", 1, TSR_DAMAGED, "no lists"},
        {"[]", 0, TSR_DAMAGED, "no lists"},
        {"[\"a\"", 1, TSR_DAMAGED, "the document ends"},
        {"", 1, TSR_DAMAGED, "document"},
        {"[\"a\",\"|O\",[1]]x", 1, TSR_DAMAGED, "'x'"},
    };
    codec_fixture fixture = codec_fixture_open(&json2);
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        tsr_slot slots[4];
        tsr_error err = TSR_ERROR_INIT;
        assert_int_equal(decode(&fixture, rows[i].text, rows[i].count, slots, &err),
                         rows[i].status);
        assert_int_equal(err.status, rows[i].status);
        if (!strstr(err.message, rows[i].words))
            fail_msg("%s: \"%s\" is not in \"%s\"", rows[i].text, rows[i].words, err.message);
    }
    codec_fixture_close(&fixture);
    codec_case row = json2;
    row.configuration = "{\"encoding\":\"utf-16\"}";
    codec_expect_refusal(&row, TSR_UNSUPPORTED, "utf-16");
    row = json2;
    row.dtype = TSR_VARIABLE_BYTES;
    codec_expect_refusal(&row, TSR_UNSUPPORTED, "not bytes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decoded),
        cmocka_unit_test(test_encoded),
        cmocka_unit_test(test_scalar),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
