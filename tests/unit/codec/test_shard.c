/* Proves of shard indexes: bytes by hand, every chain that an index may have, and what is wrong
 * with those that lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "unit/codec/chain_testing.h"

#define MISSING UINT64_MAX

static const int64_t four[] = {8};

/* Shards of 4 inner chunks of 2 int32. */
static tsri_prepared *shard_of_four(const char *list)
{
    return prepare_or_fail(list, TSR_INT32, 1, four);
}

static void the_index_is_written_byte_for_byte(void **state)
{
    (void)state;
    static const tsri_shard_entry entries[] = {{0, 8}, {MISSING, MISSING}, {300, 7}, {8, 1}};
    unsigned char expected[68];
    tsr_auto(tsri_output) output = TSRI_OUTPUT_INIT(SIZE_MAX);
    for (int i = 0; i < 4; i++) {
        store_u64(expected + 16 * i, entries[i].offset);
        store_u64(expected + 16 * i + 8, entries[i].size_bytes);
    }
    append_crc32c(expected, 64);
    tsri_prepared *prepared = shard_of_four("[" SHARD("2", LITTLE, LITTLE "," CRC) "]");
    assert_int_equal(tsri_shard_index_encode(prepared, scratch, entries, &output, &err), 0);
    assert_int_equal(output.size_bytes, 68);
    assert_memory_equal(output.data, expected, 68);
    tsri_prepared_unref(prepared);
}

/* Big-endian, turned, twice checked: any chain of a fixed size. The turned one of shape (4, 2) has
 * the offsets first, then the sizes. */
static void any_fixed_chain_makes_an_index(void **state)
{
    (void)state;
    static const tsri_shard_entry entries[] = {
        {1, 2}, {3, 4}, {MISSING, MISSING}, {0x1234567890, 5}};
    static const struct {
        const char *list;
        size_t size_bytes;
    } rows[] = {
        {"[" SHARD("2", LITTLE, LITTLE) "]", 64},
        {"[" SHARD("2", LITTLE, BIG) "]", 64},
        {"[" SHARD("2", LITTLE, BIG "," CRC "," CRC) "]", 72},
        {"[" SHARD("2", LITTLE, TURN("1,0") "," LITTLE) "]", 64},
        {"[" SHARD_AT_START("2", LITTLE, TURN("1,0") "," BIG "," CRC) "]", 68},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tsr_auto(tsri_output) output = TSRI_OUTPUT_INIT(SIZE_MAX);
        tsri_shard_entry back[4];
        tsri_prepared *prepared = shard_of_four(rows[i].list);
        assert_int_equal(prepared->index_bytes, rows[i].size_bytes);
        assert_int_equal(tsri_shard_index_encode(prepared, scratch, entries, &output, &err), 0);
        assert_int_equal(output.size_bytes, rows[i].size_bytes);
        const unsigned char *bytes = (const unsigned char *)output.data;
        if (i == 1)
            assert_int_equal(bytes[7], 1);
        if (i == 3) { /* offsets 1, 3, then the size 2 in the second row */
            assert_int_equal(bytes[8], 3);
            assert_int_equal(bytes[32], 2);
        }
        assert_int_equal(tsri_shard_index_decode(prepared, scratch, output.data, back, &err), 0);
        assert_memory_equal(back, entries, sizeof back);
        tsri_prepared_unref(prepared);
    }
}

static void a_flipped_bit_is_noticed(void **state)
{
    (void)state;
    static const tsri_shard_entry entries[] = {{0, 8}, {8, 8}, {16, 8}, {MISSING, MISSING}};
    tsr_auto(tsri_output) output = TSRI_OUTPUT_INIT(SIZE_MAX);
    tsri_shard_entry back[4];
    tsri_prepared *prepared = shard_of_four("[" SHARD("2", LITTLE, LITTLE "," CRC) "]");
    assert_int_equal(tsri_shard_index_encode(prepared, scratch, entries, &output, &err), 0);
    for (size_t bit = 0; bit < 68 * 8; bit++) {
        output.data[bit / 8] ^= (char)(1 << bit % 8);
        assert_int_equal(tsri_shard_index_decode(prepared, scratch, output.data, back, &err),
                         TSR_DAMAGED);
        assert_non_null(strstr(err.message, "shard index"));
        output.data[bit / 8] ^= (char)(1 << bit % 8);
    }
    tsri_prepared_unref(prepared);
}

static void the_index_lies_at_either_end(void **state)
{
    (void)state;
    uint64_t offset = 1;
    tsri_prepared *end = shard_of_four("[" SHARD("2", LITTLE, LITTLE "," CRC) "]");
    tsri_prepared *start = shard_of_four("[" SHARD_AT_START("2", LITTLE, LITTLE "," CRC) "]");
    assert_int_equal(tsri_shard_index_offset(end, 100, &offset, &err), 0);
    assert_int_equal(offset, 32);
    assert_int_equal(tsri_shard_index_offset(start, 100, &offset, &err), 0);
    assert_int_equal(offset, 0);
    assert_int_equal(tsri_shard_index_offset(end, 68, &offset, &err), 0);
    assert_int_equal(offset, 0);
    assert_int_equal(tsri_shard_index_offset(end, 67, &offset, &err), TSR_DAMAGED);
    assert_non_null(strstr(err.message, "67 bytes is shorter than its index of 68"));
    tsri_prepared_unref(end);
    tsri_prepared_unref(start);
}

/* In a shard of 100 bytes, 68 of them the index. */
static void entries_that_lie_are_refused(void **state)
{
    static const struct {
        bool at_start;
        tsri_shard_entry entry;
        const char *text; /* NULL: good */
    } rows[] = {
        {false, {0, 8}, NULL},
        {false, {24, 8}, NULL},
        {true, {68, 8}, NULL},
        {true, {92, 8}, NULL},
        {false, {MISSING, MISSING}, NULL},
        {false, {MISSING, 8}, "half missing"},
        {false, {8, MISSING}, "half missing"},
        {false, {8, 0}, "is empty"},
        {false, {UINT64_MAX - 3, 8}, "past the end"},
        {false, {93, 8}, "past the end"},
        {false, {25, 8}, "into the index"},
        {false, {40, 8}, "into the index"},
        {false, {92, 8}, "into the index"},
        {true, {67, 8}, "into the index"},
        {true, {0, 8}, "into the index"},
        {true, {93, 8}, "past the end"},
        {false, {0, 7}, "does not have the size"},
        {false, {0, 9}, "does not have the size"},
        {false, {0, 100}, "into the index"},
    };
    (void)state;
    tsri_prepared *shards[] = {shard_of_four("[" SHARD("2", LITTLE, LITTLE "," CRC) "]"),
                               shard_of_four("[" SHARD_AT_START("2", LITTLE, LITTLE "," CRC) "]")};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tsr_error_clear(&err);
        int status = tsri_shard_entry_check(shards[rows[i].at_start], 3, rows[i].entry, 100, &err);
        if (status != (rows[i].text ? TSR_DAMAGED : 0) ||
            (rows[i].text && !strstr(err.message, rows[i].text)))
            fail_msg("row %zu: %s, %s", i, tsr_status_name(status), err.message);
        assert_true(status == 0 || (strstr(err.message, "entry 3") && err.next_step[0]));
    }
    tsri_prepared_unref(shards[0]);
    tsri_prepared_unref(shards[1]);
}

/* An inner chunk of 8 bytes that claims gigabytes, as a sparse file can give them. */
static void an_entry_is_not_larger_than_its_chunk_can_be(void **state)
{
    (void)state;
    const uint64_t huge = UINT64_C(8) << 30;
    tsri_prepared *prepared = shard_of_four("[" SHARD("2", LITTLE "," GZIP, LITTLE) "]");
    tsri_shard_entry entry = {0, huge};
    assert_int_equal(tsri_shard_entry_check(prepared, 0, entry, huge + 64, &err), TSR_DAMAGED);
    assert_non_null(strstr(err.message, "larger than its chunk can be"));
    entry.size_bytes = 8000; /* loosely packed, but bearable */
    assert_int_equal(tsri_shard_entry_check(prepared, 0, entry, huge + 64, &err), 0);
    tsri_prepared_unref(prepared);
    /* A nested shard may have gaps, since only its parts are read. */
    prepared =
        prepare_or_fail("[" SHARD("4", SHARD("2", LITTLE, LITTLE), LITTLE) "]", TSR_INT32, 1, four);
    entry.size_bytes = huge;
    assert_int_equal(tsri_shard_entry_check(prepared, 0, entry, huge + 64, &err), 0);
    tsri_prepared_unref(prepared);
}

static void shared_bytes_have_a_bound(void **state)
{
    (void)state;
    const int64_t length = 20000;
    tsri_prepared *prepared =
        prepare_or_fail("[" SHARD("1", LITTLE "," GZIP, LITTLE) "]", TSR_INT32, 1, &length);
    tsri_shard_entry *entries = calloc((size_t)length, sizeof *entries);
    for (int64_t i = 0; i < length; i++)
        entries[i] = (tsri_shard_entry){0, 50};
    const uint64_t shard_bytes = 50 + 16 * (uint64_t)length;
    assert_int_equal(tsri_shard_index_check(prepared, entries, shard_bytes, &err), 0);
    for (int64_t i = 0; i < length; i++)
        entries[i] = (tsri_shard_entry){0, 1000000};
    assert_int_equal(
        tsri_shard_index_check(prepared, entries, 1000000 + 16 * (uint64_t)length, &err),
        TSR_DAMAGED);
    assert_non_null(strstr(err.message, "index entries refer to"));
    free(entries);
    tsri_prepared_unref(prepared);
}

static void configurations_are_read_strictly(void **state)
{
    static const struct {
        const char *configuration;
        const char *text;
    } rows[] = {
        {"{\"codecs\":[" LITTLE "],\"index_codecs\":[" LITTLE "]}", "chunk_shape"},
        {"{\"chunk_shape\":[2],\"index_codecs\":[" LITTLE "]}", "codecs"},
        {"{\"chunk_shape\":[2],\"codecs\":[" LITTLE "]}", "index_codecs"},
        {"{\"chunk_shape\":[2,2],\"codecs\":[" LITTLE "],\"index_codecs\":[" LITTLE "]}",
         "2 lengths for 1 axes"},
        {"{\"chunk_shape\":[0],\"codecs\":[" LITTLE "],\"index_codecs\":[" LITTLE "]}",
         "chunk_shape"},
        {"{\"chunk_shape\":[2],\"codecs\":[" LITTLE "],\"index_codecs\":[" LITTLE
         "],\"index_location\":\"middle\"}",
         "neither"},
        {"{\"chunk_shape\":[2],\"codecs\":[" LITTLE "],\"index_codecs\":[" LITTLE
         "],\"strategy\":1}",
         "strategy"},
    };
    (void)state;
    static const int32_t zero;
    const tsr_codec_type type = {TSR_INT32, 1, &zero};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tsri_shard *shard = NULL;
        tsr_error_clear(&err);
        assert_int_equal(tsri_shard_new(context, rows[i].configuration, &type, (tsri_inherited){0},
                                        &shard, &err),
                         TSR_BAD_METADATA);
        if (!strstr(err.message, rows[i].text))
            fail_msg("row %zu: %s", i, err.message);
        assert_null(shard);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_index_is_written_byte_for_byte),
        cmocka_unit_test(any_fixed_chain_makes_an_index),
        cmocka_unit_test(a_flipped_bit_is_noticed),
        cmocka_unit_test(the_index_lies_at_either_end),
        cmocka_unit_test(entries_that_lie_are_refused),
        cmocka_unit_test(an_entry_is_not_larger_than_its_chunk_can_be),
        cmocka_unit_test(shared_bytes_have_a_bound),
        cmocka_unit_test(configurations_are_read_strictly),
    };
    return CHAIN_TESTS_RUN(tests);
}
