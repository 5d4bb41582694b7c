/* Proves of repair and compaction: what is sound is moved as it is, in its order, shared bytes
 * once, at every level of nesting; what is damaged is told and gone; the damaged value stays beside
 * it; nothing is done where there is no reason, or no right. Random damage: test_damage.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <tessera/maintenance.h>

#include "unit/array/array_testing.h"

#define LITTLE "{\"name\":\"bytes\",\"configuration\":{\"endian\":\"little\"}}"
#define CRC "{\"name\":\"crc32c\"}"
#define INDEX "\"index_codecs\":[" LITTLE "," CRC "]"
#define SHARD(shape, codecs)                                                    \
    "{\"name\":\"sharding_indexed\",\"configuration\":{\"chunk_shape\":[" shape \
    "],\"codecs\":[" codecs "]," INDEX "}}"

/* Four inner chunks of two bytes, each with a checksum: six bytes stored, and an index of 68. */
static const array_row four = {
    .rank = 1, .shape = {8}, .chunk = {8}, .codecs = "[" SHARD("2", LITTLE "," CRC) "]"};
enum { STORED = 6, FOUR_INDEX = 68 };
static const int64_t origin[] = {0};

typedef struct lost_list {
    tsr_chunk_info infos[16];
    int count, stop_with;
} lost_list;

static int note_lost(void *user, const tsr_chunk_info *info)
{
    lost_list *list = user;
    assert_true(list->count < 16);
    list->infos[list->count++] = *info;
    return list->stop_with;
}

static void put_bytes_at(fixture *f, const char *key, const void *bytes, size_t size_bytes)
{
    good(tsr_store_put(f->store, key, bytes, size_bytes, TSR_DURABILITY_NONE, NULL, &f->err),
         &f->err);
}

static void inner_chunk(unsigned char *to, unsigned char value)
{
    to[0] = to[1] = value;
    append_crc32c(to, 2);
}

/* An array of one shard whose bytes are given from outside. */
static tsr_array *array_of(fixture *f, const array_row *row, const void *bytes, size_t size_bytes)
{
    tsr_array *array = array_new(f, f->store, "a", row, TSR_UINT8, NULL);
    put_bytes_at(f, "a/c/0", bytes, size_bytes);
    return array;
}

static void expect_elements(fixture *f, tsr_array *array, const char *expected)
{
    unsigned char found[16];
    size_t size = (size_t)tsr_array_size(array);
    good(tsr_array_read(array, NULL, NULL, NULL, found, size, NULL, &f->err), &f->err);
    for (size_t i = 0; i < size; i++)
        if (found[i] != (unsigned char)(expected[i] - '0'))
            fail_msg("element %zu is %d", i, found[i]);
}

static void repair(fixture *f, tsr_array *array, bool dry_run, lost_list *lost,
                   tsr_repair_result *ret_result)
{
    tsr_repair_options options;
    tsr_repair_options_init(&options);
    options.dry_run = dry_run;
    lost->count = 0;
    good(
        tsr_array_repair_chunk(array, origin, &options, note_lost, lost, ret_result, NULL, &f->err),
        &f->err);
}

/* Chunks 3, 0, 2 in that order, behind four bytes of nobody; chunk 1 shares the bytes of chunk 0.
 */
static size_t hand_made_shard(unsigned char bytes[256])
{
    memset(bytes, 0xee, 4);
    inner_chunk(bytes + 4, 4);
    inner_chunk(bytes + 4 + STORED, 1);
    inner_chunk(bytes + 4 + 2 * STORED, 3);
    const uint64_t words[] = {4 + STORED,     STORED, 4 + STORED, STORED,
                              4 + 2 * STORED, STORED, 4,          STORED};
    return 4 + 3 * STORED + hand_made_index(bytes + 4 + 3 * STORED, words, 4);
}

static void a_damaged_inner_chunk_goes_and_all_else_stays(void **state)
{
    fixture *f = *state;
    unsigned char bytes[256], expected[256];
    lost_list lost = {0};
    tsr_repair_result result;
    size_t size = hand_made_shard(bytes), found_size;
    bytes[4 + 2 * STORED] ^= 1; /* of chunk 2 */
    tsr_array *array = array_of(f, &four, bytes, size);

    repair(f, array, true, &lost, &result);
    assert_int_equal(result.outcome, TSR_REPAIR_REBUILT);
    assert_string_equal(result.kept_as, "");
    unsigned char *found = get_bytes(f, f->store, "a/c/0", &found_size);
    assert_int_equal(found_size, size);
    assert_memory_equal(found, bytes, size);
    free(found);

    repair(f, array, false, &lost, &result);
    assert_int_equal(result.outcome, TSR_REPAIR_REBUILT);
    assert_int_equal(result.lost_chunks, 1);
    assert_int_equal(lost.count, 1);
    assert_int_equal(lost.infos[0].level, 1);
    assert_int_equal(lost.infos[0].index[0], 2);
    assert_int_equal(lost.infos[0].offset, 4 + 2 * STORED);
    assert_int_equal(lost.infos[0].size_bytes, STORED);
    assert_string_equal(lost.infos[0].key, "c/0");
    assert_non_null(strstr(lost.infos[0].error.message, "checksum"));
    assert_string_equal(result.kept_as, "c/__damaged-1.0");

    /* Byte for byte: chunk 3, then the bytes that chunks 0 and 1 share. */
    const uint64_t none = UINT64_MAX,
                   words[] = {STORED, STORED, STORED, STORED, none, none, 0, STORED};
    inner_chunk(expected, 4);
    inner_chunk(expected + STORED, 1);
    size_t expected_size = 2 * STORED + hand_made_index(expected + 2 * STORED, words, 4);
    found = get_bytes(f, f->store, "a/c/0", &found_size);
    assert_int_equal(found_size, expected_size);
    assert_memory_equal(found, expected, expected_size);
    free(found);
    found = get_bytes(f, f->store, "a/c/__damaged-1.0", &found_size);
    assert_int_equal(found_size, size);
    assert_memory_equal(found, bytes, size);
    free(found);
    expect_elements(f, array, "11110044");

    /* Again: nothing is to be done. Damaged again: kept under the next name. */
    repair(f, array, false, &lost, &result);
    assert_int_equal(result.outcome, TSR_REPAIR_NOTHING);
    assert_string_equal(result.kept_as, "");
    expected[0] ^= 1;
    put_bytes_at(f, "a/c/0", expected, expected_size);
    repair(f, array, false, &lost, &result);
    assert_string_equal(result.kept_as, "c/__damaged-2.0");
    expect_elements(f, array, "11110000");
    tsr_array_close(array);
}

static void entries_that_lie_are_lost_alone(void **state)
{
    fixture *f = *state;
    unsigned char bytes[256];
    lost_list lost = {0};
    tsr_repair_result result;
    inner_chunk(bytes, 1);
    inner_chunk(bytes + STORED, 2);
    inner_chunk(bytes + 2 * STORED, 3);
    /* Chunk 1 past the end, chunk 2 half missing, chunk 3 across two others, whose checksums hold.
     */
    const uint64_t words[] = {0, STORED, 1000, STORED, 12, UINT64_MAX, 3, STORED};
    size_t size = 3 * STORED + hand_made_index(bytes + 3 * STORED, words, 4);
    tsr_array *array = array_of(f, &four, bytes, size);
    repair(f, array, false, &lost, &result);
    assert_int_equal(result.outcome, TSR_REPAIR_REBUILT);
    assert_int_equal(result.kept_chunks, 1);
    assert_int_equal(lost.count, 3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(lost.infos[i].index[0], i + 1);
    expect_elements(f, array, "11000000");
    tsr_array_close(array);
}

static void one_wrong_bit_of_an_index_is_put_right(void **state)
{
    fixture *f = *state;
    unsigned char bytes[256];
    lost_list lost = {0};
    tsr_repair_result result;
    size_t size = hand_made_shard(bytes);
    bytes[size - FOUR_INDEX + 40] ^= 0x20;
    tsr_array *array = array_of(f, &four, bytes, size);
    repair(f, array, false, &lost, &result);
    assert_int_equal(result.outcome, TSR_REPAIR_REBUILT);
    assert_true(result.index_corrected);
    assert_int_equal(lost.count, 0);
    assert_string_equal(result.kept_as, "c/__damaged-1.0");
    expect_elements(f, array, "11113344");
    tsr_array_close(array);
}

/* An index that is torn may lead to older versions whose checksums hold. */
static void a_damaged_index_is_not_believed(void **state)
{
    fixture *f = *state;
    unsigned char bytes[256];
    lost_list lost = {0};
    tsr_repair_result result;
    size_t size = hand_made_shard(bytes), kept_size;
    memset(bytes + size - FOUR_INDEX + 30, 0, 20);
    tsr_array *array = array_of(f, &four, bytes, size);
    repair(f, array, false, &lost, &result);
    assert_int_equal(result.outcome, TSR_REPAIR_REMOVED);
    assert_int_equal(lost.count, 1);
    assert_int_equal(lost.infos[0].level, 0);
    expect_elements(f, array, "00000000");
    assert_null(get_bytes(f, f->store, "a/c/0", &kept_size));
    free(get_bytes(f, f->store, "a/c/__damaged-1.0", &kept_size));
    assert_int_equal(kept_size, size);
    tsr_array_close(array);
}

static void torn_shards_and_plain_chunks_are_put_aside(void **state)
{
    fixture *f = *state;
    static const array_row plain = {
        .rank = 1, .shape = {8}, .chunk = {8}, .codecs = "[" LITTLE "," CRC "]"};
    const array_row *rows[] = {&four, &plain};
    for (size_t i = 0; i < 2; i++) {
        lost_list lost = {0};
        tsr_repair_result result;
        tsr_array *array = array_of(f, rows[i], "short", 5);
        repair(f, array, false, &lost, &result);
        assert_int_equal(result.outcome, TSR_REPAIR_REMOVED);
        assert_int_equal(result.lost_chunks, 1);
        assert_string_equal(lost.infos[0].key, "c/0");
        expect_elements(f, array, "00000000");
        /* What is missing is sound. */
        repair(f, array, false, &lost, &result);
        assert_int_equal(result.outcome, TSR_REPAIR_NOTHING);
        tsr_array_close(array);
        good(tsr_store_erase_prefix(f->store, "a/", NULL, &f->err), &f->err);
    }
}

static void whoever_asks_may_end_it(void **state)
{
    fixture *f = *state;
    unsigned char bytes[256];
    lost_list lost = {.stop_with = 7};
    tsr_repair_result result;
    size_t size = hand_made_shard(bytes), found_size;
    bytes[5] ^= 1;
    bytes[4 + STORED] ^= 1;
    tsr_array *array = array_of(f, &four, bytes, size);
    assert_int_equal(
        tsr_array_repair_chunk(array, origin, NULL, note_lost, &lost, &result, NULL, &f->err), 7);
    assert_int_equal(lost.count, 1);
    unsigned char *found = get_bytes(f, f->store, "a/c/0", &found_size);
    assert_memory_equal(found, bytes, size);
    free(found);
    tsr_array_close(array);
}

static void what_may_not_be_written_is_not(void **state)
{
    fixture *f = *state;
    unsigned char bytes[256];
    tsr_repair_result result;
    tsr_array_open_options options;
    tsr_array *reader;
    const int64_t outside[] = {1};
    int64_t won;
    size_t size = hand_made_shard(bytes);
    tsr_array *array = array_of(f, &four, bytes, size);
    tsr_array_open_options_init(&options);
    options.store = f->store;
    good(tsr_array_open(f->context, "a", &options, &reader, &f->err), &f->err);
    assert_int_equal(
        tsr_array_repair_chunk(reader, origin, NULL, NULL, NULL, &result, NULL, &f->err),
        TSR_READ_ONLY);
    assert_int_equal(tsr_array_compact_chunk(reader, origin, false, &won, NULL, &f->err),
                     TSR_READ_ONLY);
    good(tsr_array_compact_chunk(reader, origin, true, &won, NULL, &f->err), &f->err);
    assert_int_equal(won, 4);
    assert_int_equal(
        tsr_array_repair_chunk(array, outside, NULL, NULL, NULL, &result, NULL, &f->err),
        TSR_OUT_OF_BOUNDS);
    const tsr_repair_options bare = {0};
    assert_int_equal(
        tsr_array_repair_chunk(array, origin, &bare, NULL, NULL, &result, NULL, &f->err),
        TSR_INVALID_ARGUMENT);
    tsr_array_close(reader);
    tsr_array_close(array);
}

static void compaction_drops_what_nobody_refers_to(void **state)
{
    fixture *f = *state;
    unsigned char bytes[256], expected[256];
    size_t size = hand_made_shard(bytes), found_size;
    int64_t won = -1;
    tsr_array *array = array_of(f, &four, bytes, size);
    good(tsr_array_compact_chunk(array, origin, false, &won, NULL, &f->err), &f->err);
    assert_int_equal(won, 4);
    memcpy(expected, bytes + 4, 3 * STORED);
    const uint64_t words[] = {STORED, STORED, STORED, STORED, 2 * STORED, STORED, 0, STORED};
    size_t expected_size = 3 * STORED + hand_made_index(expected + 3 * STORED, words, 4);
    unsigned char *found = get_bytes(f, f->store, "a/c/0", &found_size);
    assert_int_equal(found_size, expected_size);
    assert_memory_equal(found, expected, expected_size);
    free(found);
    good(tsr_array_compact_chunk(array, origin, false, &won, NULL, &f->err), &f->err);
    assert_int_equal(won, 0);
    /* Damage is a matter for a repair. */
    expected[expected_size - 60] ^= 1;
    put_bytes_at(f, "a/c/0", expected, expected_size);
    assert_int_equal(tsr_array_compact_chunk(array, origin, false, &won, NULL, &f->err),
                     TSR_DAMAGED);
    tsr_error_clear(&f->err);
    tsr_array_close(array);
}

/* A shard of two shards of two inner chunks; bytes of nobody at both levels. */
static size_t nested_shard(unsigned char bytes[512])
{
    const uint64_t inner[] = {3, STORED, 3 + STORED, STORED};
    size_t at = 5, inner_size = 0;
    memset(bytes, 0xee, 512);
    for (int i = 0; i < 2; i++) {
        inner_chunk(bytes + at + 3, (unsigned char)(2 * i + 1));
        inner_chunk(bytes + at + 3 + STORED, (unsigned char)(2 * i + 2));
        inner_size = 3 + 2 * STORED + hand_made_index(bytes + at + 3 + 2 * STORED, inner, 2);
        at += inner_size;
    }
    const uint64_t outer[] = {5, inner_size, 5 + inner_size, inner_size};
    return at + hand_made_index(bytes + at, outer, 2);
}

static void shards_inside_shards_are_made_anew_too(void **state)
{
    fixture *f = *state;
    static const array_row nested = {.rank = 1,
                                     .shape = {8},
                                     .chunk = {8},
                                     .codecs = "[" SHARD("4", SHARD("2", LITTLE "," CRC)) "]"};
    unsigned char bytes[512];
    lost_list lost = {0};
    tsr_repair_result result;
    int64_t won;
    size_t size = nested_shard(bytes);
    tsr_array *array = array_of(f, &nested, bytes, size);
    good(tsr_array_compact_chunk(array, origin, false, &won, NULL, &f->err), &f->err);
    assert_int_equal(won, 5 + 3 + 3);
    expect_elements(f, array, "11223344");

    /* Damage in one of them leaves the other one as it is, byte for byte. */
    bytes[5 + 3] ^= 1;
    put_bytes_at(f, "a/c/0", bytes, size);
    repair(f, array, false, &lost, &result);
    assert_int_equal(lost.count, 1);
    assert_int_equal(lost.infos[0].level, 2);
    assert_int_equal(lost.infos[0].index[0], 0);
    assert_int_equal(result.kept_chunks, 3);
    expect_elements(f, array, "00223344");
    size_t found_size = 0;
    unsigned char *found = get_bytes(f, f->store, "a/c/0", &found_size);
    const size_t inner_size = 3 + 2 * STORED + 36;
    assert_non_null(memmem(found, found_size, bytes + 5 + inner_size, inner_size));
    free(found);

    /* The index of one of them lost beyond repair: all of it is, and told once. */
    nested_shard(bytes);
    memset(bytes + 5 + 3 + 2 * STORED, 0, 30);
    put_bytes_at(f, "a/c/0", bytes, size);
    repair(f, array, false, &lost, &result);
    assert_int_equal(lost.count, 1);
    assert_int_equal(lost.infos[0].level, 1);
    expect_elements(f, array, "00003344");
    tsr_array_close(array);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(a_damaged_inner_chunk_goes_and_all_else_stays),
        FIXTURE_TEST(entries_that_lie_are_lost_alone),
        FIXTURE_TEST(one_wrong_bit_of_an_index_is_put_right),
        FIXTURE_TEST(a_damaged_index_is_not_believed),
        FIXTURE_TEST(torn_shards_and_plain_chunks_are_put_aside),
        FIXTURE_TEST(whoever_asks_may_end_it),
        FIXTURE_TEST(what_may_not_be_written_is_not),
        FIXTURE_TEST(compaction_drops_what_nobody_refers_to),
        FIXTURE_TEST(shards_inside_shards_are_made_anew_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
