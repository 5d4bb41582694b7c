/* Proves of binding chains: the order of kinds, what is said about mistakes, the description that
 * binds to the same chain again, types and fill values of their own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "unit/codec/chain_testing.h"

static void kinds_come_in_order(void **state)
{
    (void)state;
    tsri_chain *chain = NULL;
    assert_int_equal(
        try_chain("[" TURN("1,2,0") "," LITTLE "," GZIP "," CRC "]", TSR_UINT16, 3, &chain), 0);
    assert_int_equal(chain->array_count, 1);
    assert_int_equal(chain->bytes_first, 2);
    assert_int_equal(chain->stage_count, 4);
    assert_null(chain->shard);
    tsri_chain *again = tsri_chain_ref(chain);
    assert_ptr_equal(again, chain);
    tsri_chain_unref(chain);
    assert_string_equal(again->stages[3].ops->name, "crc32c");
    tsri_chain_unref(again);
}

static void shards_are_the_serializer(void **state)
{
    (void)state;
    tsri_chain *chain = NULL;
    assert_int_equal(
        try_chain("[" TURN("1,0") "," SHARD("2,3", LITTLE "," ZSTD, LITTLE "," CRC) "," GZIP "]",
                  TSR_FLOAT64, 2, &chain),
        0);
    assert_non_null(chain->shard);
    assert_int_equal(chain->array_count, 1);
    assert_int_equal(chain->bytes_first, 1);
    assert_int_equal(chain->stage_count, 2);
    assert_false(chain->shard->index_at_start);
    assert_int_equal(chain->shard->chunk_shape[1], 3);
    assert_ptr_equal(chain->shard->index->type.dtype, TSR_UINT64);
    assert_int_equal(chain->shard->index->type.rank, 3);
    tsri_chain_unref(chain);
}

static void mistakes_are_named(void **state)
{
    static const struct {
        const char *list;
        int status;
        const char *text;
    } rows[] = {
        {"[]", TSR_BAD_METADATA, "no array-to-bytes codec"},
        {"[" GZIP "]", TSR_BAD_METADATA, "\"gzip\" (bytes to bytes) stands in front of"},
        {"[" LITTLE "," LITTLE "]", TSR_BAD_METADATA, "\"bytes\" (array to bytes) stands behind"},
        {"[" LITTLE "," TURN("0") "]", TSR_BAD_METADATA, "\"transpose\" (array to array)"},
        {"[" TURN("0") "]", TSR_BAD_METADATA, "no array-to-bytes codec"},
        {"[{\"name\":\"no.such.codec\"}]", TSR_UNSUPPORTED, "no.such.codec"},
        {"[{\"name\":\"no.such.codec\",\"must_understand\":false}," LITTLE "]", TSR_UNSUPPORTED,
         "no.such.codec"},
        {"[{\"name\":\"bytes\",\"configuration\":{\"endian\":\"middle\"}}]", TSR_BAD_METADATA,
         "/configuration/endian"},
        {"[" SHARD("2", LITTLE, LITTLE) "," LITTLE "]", TSR_BAD_METADATA, "stands behind"},
        {"[" LITTLE "," SHARD("2", LITTLE, LITTLE) "]", TSR_BAD_METADATA, "stands behind"},
        {"[" SHARD("2", GZIP, LITTLE) "]", TSR_BAD_METADATA, "/configuration/codecs"},
        {"[" SHARD("2", LITTLE, GZIP) "]", TSR_BAD_METADATA, "/configuration/index_codecs"},
        {"{}", TSR_BAD_METADATA, "/codecs"},
        {"[{\"name\":\"sharding_indexed\"}]", TSR_BAD_METADATA, "chunk_shape"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tsri_chain *const untouched = (tsri_chain *)&err;
        tsri_chain *chain = untouched;
        int status = try_chain(rows[i].list, TSR_INT32, 1, &chain);
        if (status != rows[i].status || !strstr(err.message, rows[i].text))
            fail_msg("%s: %s, %s", rows[i].list, tsr_status_name(status), err.message);
        assert_ptr_equal(chain, untouched);
    }
}

static void a_chain_has_an_end(void **state)
{
    (void)state;
    char list[8192] = "[" LITTLE;
    tsri_chain *chain = NULL;
    for (int i = 0; i < 64; i++)
        strcat(list, "," CRC);
    strcat(list, "]");
    assert_int_equal(try_chain(list, TSR_INT32, 1, &chain), TSR_LIMIT);
}

/* What a chain says of itself binds to a chain that says the same. */
static void the_description_binds_again(void **state)
{
    static const char *const lists[] = {
        "[\"bytes\"]",
        "[" LITTLE "]",
        "[" TURN("2,0,1") "," PLUS("7") "," BIG "," GZIP "," CRC "]",
        "[" SHARD_AT_START("1,2,3", TURN("1,2,0") "," LITTLE "," ZSTD, BIG) "," GZIP "]",
        "[" SHARD("4,4,4", SHARD("2,2,2", LITTLE, LITTLE "," CRC), LITTLE "," CRC) "]",
    };
    (void)state;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        tsr_auto(tsri_output) first = TSRI_OUTPUT_INIT(SIZE_MAX),
                              second = TSRI_OUTPUT_INIT(SIZE_MAX);
        tsri_chain *chain = NULL;
        const tsr_dtype *dtype = i == 0 ? TSR_UINT8 : TSR_INT32;
        if (try_chain(lists[i], dtype, 3, &chain) < 0)
            fail_msg("%s", err.message);
        assert_int_equal(tsri_chain_describe(chain, &first, &err), 0);
        assert_int_equal(tsr_output_append(&first, "", 1, &err), 0);
        tsri_chain_unref(chain);
        assert_int_equal(try_chain(first.data, dtype, 3, &chain), 0);
        assert_int_equal(tsri_chain_describe(chain, &second, &err), 0);
        assert_int_equal(tsr_output_append(&second, "", 1, &err), 0);
        assert_string_equal(first.data, second.data);
        assert_null(strstr(first.data, "[\"")); /* never short-hand */
        tsri_chain_unref(chain);
    }
}

/* Whatever was written can be read: wherever in a chain a level stands that the encoder does not
 * have, the chain is bound, tells of it to whoever makes a new array, and describes itself with one
 * that exists. */
static void what_encoders_do_not_take_is_kept(void **state)
{
#define LEVEL "{\"name\":\"gzip\",\"configuration\":{\"level\":77}}"
#define CONFIGURED(name, members) "{\"name\":\"" name "\",\"configuration\":{" members "}}"
    static const char *const lists[] = {
        "[" LITTLE "," LEVEL "]",
        "[" LITTLE "," CRC "," LEVEL "]",
        "[" SHARD("2", LITTLE "," LEVEL, LITTLE) "]",
        "[" SHARD("4", SHARD("2", LITTLE "," LEVEL, LITTLE), LITTLE) "]",
        "[" SHARD("2", LITTLE, LITTLE) "," LEVEL "]",
        "[" CONFIGURED("numcodecs.delta", "\"dtype\":\"<i4\"") "," SHARD("2", LITTLE "," LEVEL,
                                                                         LITTLE) "]",
        "[" LITTLE "," CONFIGURED("conditional", "\"codecs\":[" CRC "," LEVEL "]") "]",
        "[" CONFIGURED("n5_default", "\"codecs\":[" TURN("0") "," BIG "," LEVEL "]") "]",
    };
    (void)state;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        tsr_auto(tsri_output) text = TSRI_OUTPUT_INIT(SIZE_MAX);
        tsri_chain *chain = NULL;
        if (try_chain(lists[i], TSR_INT32, 1, &chain) < 0)
            fail_msg("%s: %s", lists[i], err.message);
        assert_int_equal(tsri_chain_check_encoders(chain, NULL), TSR_BAD_METADATA);
        assert_int_equal(tsri_chain_check_encoders(chain, &err), TSR_BAD_METADATA);
        if (!strstr(err.message, "gzip: /configuration/level: 77 is not in 0 .. 9"))
            fail_msg("%s: %s", lists[i], err.message);
        assert_int_equal(tsri_chain_describe(chain, &text, &err), 0);
        assert_int_equal(tsr_output_append(&text, "", 1, &err), 0);
        assert_non_null(strstr(text.data, "{\"level\":9}"));
        assert_null(strstr(text.data, "77"));
        tsri_chain_unref(chain);
        assert_int_equal(try_chain(text.data, TSR_INT32, 1, &chain), 0);
        assert_int_equal(tsri_chain_check_encoders(chain, &err), 0);
        tsri_chain_unref(chain);
    }
#undef LEVEL
#undef CONFIGURED
}

/* The caller's fill value and type may go. */
static void the_fill_value_is_copied(void **state)
{
    (void)state;
    int32_t fill_value = 77;
    const tsri_codec_spec spec = {"bytes", "{\"endian\":\"big\"}", 3};
    const tsr_codec_type type = {TSR_INT32, 2, &fill_value};
    tsri_chain *chain = NULL;
    assert_int_equal(tsri_chain_new(context, &spec, 1, &type, &chain, &err), 0);
    fill_value = 0;
    assert_int_equal(*(const int32_t *)chain->type.fill_value, 77);
    tsri_chain_unref(chain);
    tsri_chain_unref(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_come_in_order),
        cmocka_unit_test(shards_are_the_serializer),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(a_chain_has_an_end),
        cmocka_unit_test(the_description_binds_again),
        cmocka_unit_test(the_fill_value_is_copied),
        cmocka_unit_test(what_encoders_do_not_take_is_kept),
    };
    return CHAIN_TESTS_RUN(tests);
}
