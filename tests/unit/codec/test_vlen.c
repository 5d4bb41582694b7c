/* vlen-utf8 and vlen-bytes: bytes that numcodecs 0.16.6 made, what hostile bytes are told, and that
 * codecs that would store addresses are not let in. */
#include "base/output.h"
#include "conformance/codec_suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/chain.h"
#include "meta/json.h"

static const codec_case
    utf8 = {.label = "utf8", .name = "vlen-utf8", .dtype = TSR_STRING, .rank = 1},
    bytes = {.label = "bytes", .name = "vlen-bytes", .dtype = TSR_VARIABLE_BYTES, .rank = 1};

/* numcodecs.VLenUTF8().encode(np.array(["a", "bé", "", "dreizehn Byte"], dtype=object)) */
static const char four[] = "\4\0\0\0\1\0\0\0a\3\0\0\0b\303\251\0\0\0\0\15\0\0\0dreizehn Byte";
static const char *const texts[] = {"a", "b\303\251", "", "dreizehn Byte"};

/* A copy of exactly so many bytes, so that valgrind and the sanitizers see one too far. */
static void *exact(const void *data, size_t size_bytes)
{
    void *copy = malloc(size_bytes ? size_bytes : 1);
    assert_non_null(copy);
    memcpy(copy, data, size_bytes);
    return copy;
}

static int decode(const codec_case *row, const char *data, size_t size_bytes, int64_t count,
                  tsr_slot *ret_slots, tsr_error *err)
{
    codec_fixture fixture = codec_fixture_open(row);
    tsr_view view;
    assert_int_equal(tsr_view_init(&view, row->dtype, 1, &count, ret_slots, NULL), 0);
    int status =
        fixture.ops->decode_array(fixture.codec, fixture.scratch, data, size_bytes, &view, err);
    codec_fixture_close(&fixture);
    return status;
}

static void test_encoded(void **state)
{
    const int64_t count = 4, two[2] = {2, 2};
    static const int order[2] = {1, 0};
    codec_fixture fixture = codec_fixture_open(&utf8);
    tsr_output output = TSRI_OUTPUT_INIT(SIZE_MAX);
    tsr_slot slots[4];
    tsr_view view;
    (void)state;
    for (int i = 0; i < 4; i++)
        assert_int_equal(tsr_slot_borrow(&slots[i], texts[i], strlen(texts[i]), NULL), 0);
    assert_int_equal(tsr_view_init(&view, TSR_STRING, 1, &count, slots, NULL), 0);
    assert_int_equal(
        fixture.ops->encode_array(fixture.codec, fixture.scratch, &view, &output, NULL), 0);
    assert_int_equal(output.size_bytes, sizeof four - 1);
    assert_memory_equal(output.data, four, sizeof four - 1);
    output.size_bytes = 0;
    /* Strides are followed in C order. */
    assert_int_equal(tsr_view_init(&view, TSR_STRING, 2, two, slots, NULL), 0);
    assert_int_equal(tsr_view_transpose(&view, order, NULL), 0);
    assert_int_equal(
        fixture.ops->encode_array(fixture.codec, fixture.scratch, &view, &output, NULL), 0);
    assert_memory_equal(output.data, "\4\0\0\0\1\0\0\0a\0\0\0\0\3\0\0\0b", 18);
    tsri_output_clear(&output);
    codec_fixture_close(&fixture);
}

static void test_decoded(void **state)
{
    void *data = exact(four, sizeof four - 1);
    tsr_slot slots[4];
    (void)state;
    assert_int_equal(decode(&utf8, data, sizeof four - 1, 4, slots, NULL), 0);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(slots[i].size_bytes, strlen(texts[i]));
        assert_memory_equal(tsr_slot_bytes(&slots[i]), texts[i], strlen(texts[i]));
    }
    free(data);
}

static void expect_damage(const codec_case *row, const char *data, size_t size_bytes, int64_t count,
                          int status, const char *words)
{
    tsr_slot slots[8];
    tsr_error err = TSR_ERROR_INIT;
    void *copy = exact(data, size_bytes);
    assert_int_equal(decode(row, copy, size_bytes, count, slots, &err), status);
    if (!strstr(err.message, words))
        fail_msg("\"%s\" is not in \"%s\"", words, err.message);
    free(copy);
}

static void test_damage(void **state)
{
    (void)state;
    expect_damage(&utf8, "\2\0\0\0\0\0\0\0", 8, 3, TSR_DAMAGED, "2 elements, the chunk has 3");
    expect_damage(&utf8, "\2\0\0\0\0\0\0\0", 8, 2, TSR_DAMAGED,
                  "cut off after 8 bytes, at element 1");
    expect_damage(&utf8, "\1\0\0\0\5\0\0\0abcd", 12, 1, TSR_DAMAGED,
                  "bytes 4..8 say that element 0 has 5 bytes; 4 are left");
    expect_damage(&bytes, "\1\0\0\0\377\377\377\377abcd", 12, 1, TSR_DAMAGED,
                  "element 0 has 4294967295 bytes; 4 are left");
    expect_damage(&bytes, "\1\0\0\0\1\0\0\0ab", 10, 1, TSR_DAMAGED,
                  "bytes 9..10 follow the last element");
    expect_damage(&utf8, "\1\0\0\0\2\0\0\0a\377", 10, 1, TSR_DAMAGED,
                  "bytes 8..10, element 0, are not UTF-8");
    expect_damage(&utf8, "\1\0\0", 3, 1, TSR_DAMAGED, "cut off after 3 bytes");
    expect_damage(&utf8, "", 0, 0, TSR_DAMAGED, "cut off after 0 bytes");
}

/* numcodecs.VLenArray(dtype="<i4").encode of [[1, 2], [], [3]]. */
static void test_lists(void **state)
{
    static const char lists[] = "\3\0\0\0\10\0\0\0\1\0\0\0\2\0\0\0\0\0\0\0\4\0\0\0\3\0\0\0";
    codec_case row = {.label = "lists",
                      .zarr_format = 2,
                      .name = "vlen-array",
                      .configuration = "{\"dtype\":\"<i4\"}",
                      .dtype = TSR_VARIABLE_BYTES,
                      .rank = 1};
    codec_fixture fixture = codec_fixture_open(&row);
    tsr_output output = TSRI_OUTPUT_INIT(SIZE_MAX), described = codec_describe(&fixture, 2);
    const int64_t count = 3;
    tsr_slot slots[3];
    tsr_view view;
    tsr_error err = TSR_ERROR_INIT;
    (void)state;
    assert_string_equal(described.data, "{\"dtype\":\"<i4\"}");
    tsri_output_clear(&described);
    assert_int_equal(decode(&row, lists, sizeof lists - 1, 3, slots, NULL), 0);
    assert_int_equal(slots[0].size_bytes, 8);
    assert_memory_equal(tsr_slot_bytes(&slots[0]), "\1\0\0\0\2\0\0\0", 8);
    assert_int_equal(slots[1].size_bytes, 0);
    assert_int_equal(slots[2].size_bytes, 4);
    assert_int_equal(tsr_view_init(&view, TSR_VARIABLE_BYTES, 1, &count, slots, NULL), 0);
    assert_int_equal(
        fixture.ops->encode_array(fixture.codec, fixture.scratch, &view, &output, NULL), 0);
    assert_int_equal(output.size_bytes, sizeof lists - 1);
    assert_memory_equal(output.data, lists, sizeof lists - 1);
    tsri_output_clear(&output);
    assert_int_equal(tsr_slot_borrow(&slots[1], "abcde", 5, NULL), 0);
    assert_int_equal(
        fixture.ops->encode_array(fixture.codec, fixture.scratch, &view, &output, &err),
        TSR_INVALID_ARGUMENT);
    assert_non_null(strstr(err.message, "element 1 has 5 bytes, which are no list of <i4"));
    codec_fixture_close(&fixture);
    expect_damage(&row, "\1\0\0\0\3\0\0\0abc", 11, 1, TSR_DAMAGED,
                  "bytes 8..11, element 0, are no list of <i4");
    row.configuration = "{}";
    codec_expect_refusal(&row, TSR_BAD_METADATA, "dtype");
    row.configuration = "{\"dtype\":\"string\"}";
    codec_expect_refusal(&row, TSR_UNSUPPORTED, "string");
}

/* Cut off anywhere, and each bit turned: an error or elements inside of the data. */
static void test_hostile(void **state)
{
    size_t size_bytes = sizeof four - 1;
    tsr_slot slots[4];
    (void)state;
    for (size_t cut = 0; cut < size_bytes; cut++) {
        void *copy = exact(four, cut);
        assert_int_equal(decode(&bytes, copy, cut, 4, slots, NULL), TSR_DAMAGED);
        free(copy);
    }
    for (size_t bit = 0; bit < 8 * size_bytes; bit++) {
        char *copy = exact(four, size_bytes);
        copy[bit / 8] ^= (char)(1 << bit % 8);
        int status = decode(&bytes, copy, size_bytes, 4, slots, NULL);
        assert_true(status == 0 || status == TSR_DAMAGED);
        for (int i = 0; status == 0 && i < 4; i++)
            if (slots[i].size_bytes > TSR_SLOT_INLINE_MAX)
                assert_true(slots[i].rest.bytes >= copy &&
                            slots[i].rest.bytes + slots[i].size_bytes <= copy + size_bytes);
        free(copy);
    }
}

static void test_no_text(void **state)
{
    codec_fixture fixture = codec_fixture_open(&utf8);
    tsr_output output = TSRI_OUTPUT_INIT(SIZE_MAX);
    const int64_t count = 2;
    tsr_slot slots[2] = {{.size_bytes = 0}};
    tsr_view view;
    tsr_error err = TSR_ERROR_INIT;
    (void)state;
    assert_int_equal(tsr_slot_borrow(&slots[1], "\303", 1, NULL), 0);
    assert_int_equal(tsr_view_init(&view, TSR_STRING, 1, &count, slots, NULL), 0);
    assert_int_equal(
        fixture.ops->encode_array(fixture.codec, fixture.scratch, &view, &output, &err),
        TSR_INVALID_ARGUMENT);
    assert_non_null(strstr(err.message, "element 1 is not UTF-8"));
    assert_int_equal(output.size_bytes, 0);
    tsri_output_clear(&output);
    codec_fixture_close(&fixture);
}

static void test_types(void **state)
{
    codec_case row = utf8;
    (void)state;
    row.dtype = TSR_VARIABLE_BYTES;
    codec_expect_refusal(&row, TSR_BAD_METADATA, "elements of type string, not bytes");
    row.dtype = TSR_INT32;
    codec_expect_refusal(&row, TSR_BAD_METADATA, "not int32");
    row = bytes;
    row.configuration = "{\"level\":1}";
    codec_expect_refusal(&row, TSR_BAD_METADATA, "level");
}

static void expect_chain(const char *list, int status, const char *words)
{
    tsr_context *context;
    tsr_auto(tsri_json) *value = NULL;
    tsr_slot fill = {.size_bytes = 0};
    tsr_codec_type type = {TSR_STRING, 1, &fill};
    tsri_chain *chain = NULL;
    tsr_error err = TSR_ERROR_INIT;
    assert_int_equal(tsr_context_new(NULL, &context, NULL), 0);
    assert_int_equal(tsr_json_parse(list, strlen(list), TSR_JSON_STRICT, 0, &value, NULL), 0);
    int got = tsri_chain_parse(context, value, "/codecs", &type, (tsri_inherited){0}, &chain, &err);
    if (got != status || (words && !strstr(err.message, words)))
        fail_msg("%s: %s: %s", list, tsr_status_name(got), err.message);
    tsri_chain_unref(chain);
    tsr_context_free(context);
}

/* Each codec that takes elements is either made for these or refuses them. */
static int try_codec(void *user, const tsr_codec_ops *ops)
{
    char list[160];
    (void)user;
    if (ops->kind == TSR_CODEC_BYTES_TO_BYTES || ops->rearrange || ops->variable_length)
        return 0;
    snprintf(list, sizeof list, "[{\"name\":\"%s\"},\"bytes\"]", ops->name);
    expect_chain(list, TSR_BAD_METADATA, "does not take elements of type string");
    return 0;
}

static void test_no_addresses_are_stored(void **state)
{
    tsr_context *context;
    (void)state;
    assert_int_equal(tsr_context_new(NULL, &context, NULL), 0);
    tsr_codec_list(context, try_codec, NULL);
    tsr_context_free(context);
    expect_chain("[{\"name\":\"reshape\",\"configuration\":{\"shape\":[[0],1]}},\"vlen-utf8\"]", 0,
                 NULL);
    expect_chain("[{\"name\":\"transpose\",\"configuration\":{\"order\":[0]}},\"vlen-utf8\","
                 "{\"name\":\"blosc\",\"configuration\":{\"cname\":\"lz4\",\"clevel\":1,"
                 "\"shuffle\":\"noshuffle\",\"blocksize\":0}}]",
                 0, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_encoded), cmocka_unit_test(test_decoded),
        cmocka_unit_test(test_damage),  cmocka_unit_test(test_lists),
        cmocka_unit_test(test_hostile), cmocka_unit_test(test_no_text),
        cmocka_unit_test(test_types),   cmocka_unit_test(test_no_addresses_are_stored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
