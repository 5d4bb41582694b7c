/* Shards behind codecs that change values: what they hold is what a shard of the changed values
 * holds, byte for byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "chain_testing.h"

#define DELTA "{\"name\":\"numcodecs.delta\",\"configuration\":{\"dtype\":\"int32\"}}"
#define FLAT "{\"name\":\"reshape\",\"configuration\":{\"shape\":[-1]}}"
#define SCALE "{\"name\":\"scale_offset\",\"configuration\":{\"offset\":-5,\"scale\":3}}"
#define NARROW "{\"name\":\"cast_value\",\"configuration\":{\"data_type\":\"int16\"}}"

static const int64_t shape[2] = {6, 8};
enum { COUNT = 48 };

static tsri_prepared *prepare(const char *codecs, const tsr_dtype *dtype, int rank,
                              const int64_t *lengths, int32_t fill_value)
{
    tsr_auto(tsri_json) *list = NULL;
    tsr_auto(tsri_chain) *chain = NULL;
    tsri_prepared *prepared = NULL;
    int16_t narrow = (int16_t)fill_value;
    tsr_codec_type type = {dtype, rank,
                           dtype == TSR_INT16 ? (const void *)&narrow : (const void *)&fill_value};

    assert_return_code(tsr_json_parse(codecs, strlen(codecs), TSR_JSON_STRICT, 0, &list, &err), 0);
    if (tsri_chain_parse(context, list, "/codecs", &type, (tsri_inherited){0}, &chain, &err) < 0)
        fail_msg("%s: %s", codecs, err.message);
    if (tsri_prepared_new(chain, lengths, &prepared, &err) < 0)
        fail_msg("%s: %s", codecs, err.message);
    return prepared;
}

/* Values with a region of fill values in them. */
static void fill_values(int32_t values[COUNT])
{
    for (int i = 0; i < COUNT; i++)
        values[i] = i / 8 < 3 && i % 8 < 4 ? 7 : i * i - 100;
}

/* Encodes by the chain as one piece, as a shard of the changed values, and decodes. */
static void expect_whole(const char *codecs, const char *shard, const tsr_dtype *dtype, int rank,
                         const int64_t *lengths, const void *changed, int32_t changed_fill)
{
    tsr_auto(tsri_prepared) *ours = prepare(codecs, TSR_INT32, 2, shape, 7);
    tsr_auto(tsri_prepared) *plain = prepare(codecs, TSR_INT32, 2, shape, 7);
    tsr_auto(tsri_output) found = TSRI_OUTPUT_INIT(SIZE_MAX), expected = TSRI_OUTPUT_INIT(SIZE_MAX);
    char wrapped[1000];
    int32_t values[COUNT];
    tsr_view view, changed_view, again;
    bool swapped;

    fill_values(values);
    assert_false(tsri_prepared_is_shard(ours));
    assert_return_code(tsr_view_init(&view, TSR_INT32, 2, shape, values, NULL), 0);
    assert_return_code(tsri_chain_encode(ours, scratch, &view, &found, &err), 0);
    assert_true(ours->bound.size_class != TSR_SIZE_UNBOUNDED &&
                found.size_bytes <= ours->bound.size_bytes);
    tsri_prepared_unref(plain);
    /* The same shard behind a codec that leaves the values alone but is not element-wise. */
    snprintf(wrapped, sizeof wrapped, "[{\"name\":\"reshape\",\"configuration\":{\"shape\":%s}},%s",
             rank == 1 ? "[[0]]" : "[[0],[1]]", shard + 1);
    plain = prepare(wrapped, dtype, rank, lengths, changed_fill);
    assert_return_code(tsr_view_init(&changed_view, dtype, rank, lengths, (void *)changed, NULL),
                       0);
    assert_return_code(tsri_chain_encode(plain, scratch, &changed_view, &expected, &err), 0);
    assert_int_equal(found.size_bytes, expected.size_bytes);
    assert_memory_equal(found.data, expected.data, found.size_bytes);
    assert_return_code(tsri_chain_decode(ours, scratch, found.data, found.size_bytes, NULL, NULL,
                                         &again, &swapped, &err),
                       0);
    assert_false(swapped);
    assert_true(tsr_view_is_dense(&again));
    assert_memory_equal(again.data, values, sizeof values);
}

static void test_whole(void **state)
{
    static const int64_t flat[1] = {COUNT};
    int32_t values[COUNT], differences[COUNT];

    (void)state;
    fill_values(values);
    for (int i = 0; i < COUNT; i++)
        differences[i] = values[i] - (i ? values[i - 1] : 0);
    expect_whole("[" FLAT "," SHARD("8", LITTLE, LITTLE "," CRC) "]",
                 "[" SHARD("8", LITTLE, LITTLE "," CRC) "]", TSR_INT32, 1, flat, values, 7);
    expect_whole("[" DELTA "," SHARD_AT_START("3,4", BIG "," ZSTD, LITTLE) "]",
                 "[" SHARD_AT_START("3,4", BIG "," ZSTD, LITTLE) "]", TSR_INT32, 2, shape,
                 differences, 7);
    /* Shards in the shard, codecs behind either, axes moved inside. */
    expect_whole("[" DELTA "," SHARD("6,4", SHARD("3,2", LITTLE, LITTLE) "," GZIP, LITTLE) "," ZSTD
                                                                                           "]",
                 "[" SHARD("6,4", SHARD("3,2", LITTLE, LITTLE) "," GZIP, LITTLE) "," ZSTD "]",
                 TSR_INT32, 2, shape, differences, 7);
    expect_whole("[" DELTA
                 "," SHARD("6,4", TURN("1,0") "," SHARD("2,3", LITTLE, LITTLE), LITTLE) "]",
                 "[" SHARD("6,4", TURN("1,0") "," SHARD("2,3", LITTLE, LITTLE), LITTLE) "]",
                 TSR_INT32, 2, shape, differences, 7);
}

/* Element-wise codecs are handed on: the shard stays a shard, and each inner chunk alone is what a
 * chunk behind all these codecs would be. */
static void test_handed_on(void **state)
{
    static const char codecs[] =
        "[" SCALE "," TURN("1,0") "," NARROW "," SHARD("4,3", BIG "," CRC, LITTLE) "]";
    tsr_auto(tsri_prepared) *ours = prepare(codecs, TSR_INT32, 2, shape, 7);
    tsr_auto(tsri_prepared) *inner =
        prepare("[" SCALE "," NARROW "," BIG "," CRC "]", TSR_INT32, 2, (int64_t[]){4, 3}, 7);
    tsr_auto(tsri_output) text = TSRI_OUTPUT_INIT(SIZE_MAX), found = TSRI_OUTPUT_INIT(SIZE_MAX),
                          expected = TSRI_OUTPUT_INIT(SIZE_MAX);
    int32_t values[COUNT];
    tsr_view view;

    (void)state;
    assert_true(tsri_prepared_is_shard(ours) && ours->moves_only);
    assert_int_equal(ours->encoded_shape[0], 8);
    assert_int_equal(ours->inner->chain->inherited_count, 2);
    assert_ptr_equal(ours->inner->chain->type.dtype, TSR_INT32);
    assert_int_equal(*(const int32_t *)ours->inner->chain->type.fill_value, 7);
    assert_int_equal(ours->inner->bound.size_bytes, 4 * 3 * 2 + 4);
    fill_values(values);
    assert_return_code(tsr_view_init(&view, TSR_INT32, 2, (int64_t[]){4, 3}, values, NULL), 0);
    assert_return_code(tsri_chain_encode(ours->inner, scratch, &view, &found, &err), 0);
    assert_return_code(tsri_chain_encode(inner, scratch, &view, &expected, &err), 0);
    assert_memory_equal(found.data, expected.data, expected.size_bytes);
    /* Big-endian int16 of (7 + 5) * 3. */
    assert_memory_equal(found.data, "\x00\x24", 2);

    /* What is described is what was given. */
    tsr_auto(tsri_chain) *chain = NULL;
    tsr_auto(tsri_json) *list = NULL;
    tsr_codec_type type = {TSR_INT32, 2, &(int32_t){7}};
    assert_return_code(tsri_chain_describe(ours->chain, &text, &err), 0);
    assert_return_code(tsr_output_append(&text, "", 1, &err), 0);
    assert_non_null(strstr(text.data, "[{\"name\":\"scale_offset\""));
    assert_non_null(strstr(text.data, "\"codecs\":[{\"name\":\"bytes\""));
    assert_return_code(
        tsr_json_parse(text.data, strlen(text.data), TSR_JSON_STRICT, 0, &list, &err), 0);
    assert_return_code(
        tsri_chain_parse(context, list, "/codecs", &type, (tsri_inherited){0}, &chain, &err), 0);
}

/* Through two shards. */
static void test_handed_on_twice(void **state)
{
    static const char codecs[] =
        "[" NARROW "," SHARD("6,4", SCALE "," SHARD("3,4", LITTLE, LITTLE), LITTLE) "]";
    tsr_auto(tsri_prepared) *ours = prepare(codecs, TSR_INT32, 2, shape, 7);
    tsr_auto(tsri_output) text = TSRI_OUTPUT_INIT(SIZE_MAX);

    (void)state;
    assert_true(tsri_prepared_is_shard(ours) && tsri_prepared_is_shard(ours->inner));
    assert_int_equal(ours->inner->inner->chain->inherited_count, 2);
    assert_int_equal(ours->inner->inner->bound.size_bytes, 3 * 4 * 2);
    assert_return_code(tsri_chain_describe(ours->chain, &text, &err), 0);
    assert_return_code(tsr_output_append(&text, "", 1, &err), 0);
    const char *first = strstr(text.data, "cast_value"),
               *second = strstr(text.data, "scale_offset");
    assert_true(first && second && first < second);
    assert_null(strstr(first + 1, "cast_value"));
    assert_null(strstr(second + 1, "scale_offset"));
}

static void test_damage(void **state)
{
    tsr_auto(tsri_prepared) *ours =
        prepare("[" DELTA "," SHARD("3,4", LITTLE, LITTLE "," CRC) "]", TSR_INT32, 2, shape, 7);
    tsr_auto(tsri_output) encoded = TSRI_OUTPUT_INIT(SIZE_MAX);
    int32_t values[COUNT];
    tsr_view view, again;
    bool swapped;

    (void)state;
    fill_values(values);
    assert_return_code(tsr_view_init(&view, TSR_INT32, 2, shape, values, NULL), 0);
    assert_return_code(tsri_chain_encode(ours, scratch, &view, &encoded, &err), 0);
    for (size_t kept = 0; kept < encoded.size_bytes; kept++)
        assert_int_equal(tsri_chain_decode(ours, scratch, encoded.data, kept, NULL, NULL, &again,
                                           &swapped, &err),
                         TSR_DAMAGED);
    for (size_t i = encoded.size_bytes - 68; i < encoded.size_bytes; i++) {
        encoded.data[i] ^= 0x10;
        assert_int_equal(tsri_chain_decode(ours, scratch, encoded.data, encoded.size_bytes, NULL,
                                           NULL, &again, &swapped, &err),
                         TSR_DAMAGED);
        encoded.data[i] ^= 0x10;
    }
}

/* Told when the shape is known, before anything is written. */
static void test_shards_that_do_not_divide(void **state)
{
    tsri_prepared *ours = NULL;

    (void)state;
    assert_int_equal(
        try_prepare("[" DELTA "," SHARD("4,4", LITTLE, LITTLE) "]", TSR_INT32, 2, shape, &ours),
        TSR_BAD_METADATA);
    assert_non_null(strstr(err.message, "do not divide"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_handed_on),
        cmocka_unit_test(test_handed_on_twice),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_shards_that_do_not_divide),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
