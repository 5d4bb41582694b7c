/* Proves of what a shard's entries say together: gaps, shared and overlapping bytes counted as by
 * hand; every single flipped bit of an index put right; what a checksum covers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "codec/shard_layout.h"
#include "unit/codec/chain_testing.h"

#define MISSING UINT64_MAX
#define VARIABLE "{\"name\":\"zstd\",\"configuration\":{\"level\":1,\"checksum\":false}}"

static const int64_t eight[] = {8};

static tsri_prepared *four_entries(const char *list)
{
    return prepare_or_fail(list, TSR_INT32, 1, eight);
}

typedef struct layout_row {
    const char *what;
    tsri_shard_entry entries[4];
    bool at_start;
    uint64_t shard_bytes;
    tsri_entry_state states[4];
    uint64_t dead_bytes;
    int64_t gaps, unsound, overlapping;
} layout_row;

#define M TSRI_ENTRY_MISSING
#define S TSRI_ENTRY_SOUND
#define D TSRI_ENTRY_SHARES
#define O TSRI_ENTRY_OVERLAPS
#define U TSRI_ENTRY_UNSOUND
#define NONE             \
    {                    \
        MISSING, MISSING \
    }

/* An index of four entries takes 68 bytes. */
static const layout_row layout_rows[] = {
    {"side by side", {{0, 9}, {9, 9}, {18, 9}, {27, 9}}, false, 36 + 68, {S, S, S, S}, 0, 0, 0, 0},
    {"in any order", {{27, 9}, {0, 9}, {18, 9}, {9, 9}}, false, 36 + 68, {S, S, S, S}, 0, 0, 0, 0},
    {"behind the index", {{68, 9}, {77, 1}, NONE, NONE}, true, 78, {S, S, M, M}, 0, 0, 0, 0},
    {"all missing", {NONE, NONE, NONE, NONE}, false, 68, {M, M, M, M}, 0, 0, 0, 0},
    {"all missing, and bytes", {NONE, NONE, NONE, NONE}, false, 168, {M, M, M, M}, 100, 1, 0, 0},
    {"gaps at every place",
     {{5, 5}, {20, 5}, NONE, NONE},
     false,
     30 + 68,
     {S, S, M, M},
     5 + 10 + 5,
     3,
     0,
     0},
    {"a gap at the end", {{68, 9}, NONE, NONE, NONE}, true, 100, {S, M, M, M}, 23, 1, 0, 0},
    {"shared", {{0, 9}, {0, 9}, {9, 9}, {0, 9}}, false, 18 + 68, {D, D, S, D}, 0, 0, 0, 0},
    {"one inside another",
     {{0, 30}, {5, 5}, {30, 5}, NONE},
     false,
     35 + 68,
     {O, O, S, M},
     0,
     0,
     0,
     2},
    {"a chain of overlaps",
     {{0, 10}, {5, 10}, {14, 10}, NONE},
     false,
     24 + 68,
     {O, O, O, M},
     0,
     0,
     0,
     3},
    {"same start", {{0, 10}, {0, 12}, NONE, NONE}, false, 12 + 68, {O, O, M, M}, 0, 0, 0, 2},
    {"one past the end",
     {{0, 10}, {10, 200}, NONE, NONE},
     false,
     20 + 68,
     {S, U, M, M},
     10,
     1,
     1,
     0},
    {"one half missing",
     {{0, 10}, {MISSING, 3}, NONE, NONE},
     false,
     10 + 68,
     {S, U, M, M},
     0,
     0,
     1,
     0},
};

static void layouts_are_measured(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof layout_rows / sizeof *layout_rows; i++) {
        const layout_row *row = &layout_rows[i];
        tsri_shard_layout layout;
        tsri_prepared *prepared = four_entries(
            row->at_start ? "[" SHARD_AT_START("2", LITTLE "," VARIABLE, LITTLE "," CRC) "]"
                          : "[" SHARD("2", LITTLE "," VARIABLE, LITTLE "," CRC) "]");
        assert_int_equal(
            tsri_shard_layout_init(&layout, prepared, row->entries, row->shard_bytes, &err), 0);
        bool good = layout.dead_bytes == row->dead_bytes && layout.gaps == row->gaps &&
                    layout.unsound == row->unsound && layout.overlapping == row->overlapping;
        for (int entry = 0; entry < 4; entry++)
            good &= layout.states[entry] == row->states[entry];
        if (!good)
            fail_msg("%s: %d dead in %d gaps, %d unsound, %d overlapping; states %d %d %d %d",
                     row->what, (int)layout.dead_bytes, (int)layout.gaps, (int)layout.unsound,
                     (int)layout.overlapping, layout.states[0], layout.states[1], layout.states[2],
                     layout.states[3]);
        tsri_shard_layout_clear(&layout);
        tsri_prepared_unref(prepared);
    }
}

static const tsri_shard_entry some[] = {{0, 8}, {8, 300}, NONE, {0x123456789a, 17}};

static void recover(const tsri_prepared *prepared, const void *bytes, int status, bool corrected)
{
    tsri_shard_entry back[4];
    bool found = !corrected;
    assert_int_equal(tsri_shard_index_recover(prepared, scratch, bytes, back, &found, &err),
                     status);
    tsr_error_clear(&err);
    if (status < 0)
        return;
    assert_int_equal(found, corrected);
    assert_memory_equal(back, some, sizeof some);
}

static void each_flipped_bit_of_an_index_is_put_right(void **state)
{
    (void)state;
    static const char *const lists[] = {
        "[" SHARD("2", LITTLE "," VARIABLE, LITTLE "," CRC) "]",
        "[" SHARD_AT_START("2", LITTLE "," VARIABLE, TURN("1,0") "," BIG "," CRC) "]"};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        tsr_auto(tsri_output) index = TSRI_OUTPUT_INIT(SIZE_MAX);
        tsri_prepared *prepared = four_entries(lists[i]);
        assert_int_equal(tsri_shard_index_encode(prepared, scratch, some, &index, &err), 0);
        recover(prepared, index.data, 0, false);
        for (size_t bit = 0; bit < index.size_bytes * 8; bit++) {
            index.data[bit / 8] ^= (char)(1 << bit % 8);
            recover(prepared, index.data, 0, true);
            index.data[bit / 8] ^= (char)(1 << bit % 8);
        }
        tsri_prepared_unref(prepared);
    }
}

/* Two bits and three can never look like one: the code has distance 4 at this length. */
static void more_flipped_bits_are_never_put_wrong(void **state)
{
    (void)state;
    tsr_auto(tsri_output) index = TSRI_OUTPUT_INIT(SIZE_MAX);
    tsri_prepared *prepared = four_entries("[" SHARD("2", LITTLE "," VARIABLE, LITTLE "," CRC) "]");
    assert_int_equal(tsri_shard_index_encode(prepared, scratch, some, &index, &err), 0);
    size_t bits = index.size_bytes * 8;
    for (size_t bit = 0; bit < bits; bit++) {
        size_t other = (bit * 31 + 7) % bits;
        if (other == bit)
            continue;
        index.data[bit / 8] ^= (char)(1 << bit % 8);
        index.data[other / 8] ^= (char)(1 << other % 8);
        recover(prepared, index.data, TSR_DAMAGED, false);
        index.data[bit / 8] ^= (char)(1 << bit % 8);
        index.data[other / 8] ^= (char)(1 << other % 8);
    }
    tsri_prepared_unref(prepared);
}

/* Without a CRC-32C at its end an index is what it says, or nothing. */
static void other_indexes_are_not_put_right(void **state)
{
    (void)state;
    static const char *const lists[] = {
        "[" SHARD("2", LITTLE "," VARIABLE, LITTLE ",{\"name\":\"numcodecs.adler32\"}") "]",
        "[" SHARD("2", LITTLE "," VARIABLE,
                  LITTLE "," CRC ",{\"name\":\"numcodecs.adler32\"}") "]"};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        tsr_auto(tsri_output) index = TSRI_OUTPUT_INIT(SIZE_MAX);
        tsri_prepared *prepared = four_entries(lists[i]);
        assert_int_equal(tsri_shard_index_encode(prepared, scratch, some, &index, &err), 0);
        recover(prepared, index.data, 0, false);
        index.data[9] ^= 2;
        recover(prepared, index.data, TSR_DAMAGED, false);
        tsri_prepared_unref(prepared);
    }
}

static void chains_know_whether_they_are_checked(void **state)
{
    (void)state;
    static const struct {
        const char *list;
        bool checked;
    } rows[] = {
        {"[" LITTLE "]", false},
        {"[" LITTLE "," ZSTD "]", false},
        {"[" LITTLE "," CRC "]", true},
        {"[" LITTLE "," CRC "," ZSTD "]", true},
        {"[" LITTLE "," GZIP "]", true},
        {"[" SHARD("2", LITTLE, LITTLE "," CRC) "]", false},
        {"[" SHARD("2", LITTLE "," CRC, LITTLE) "]", false},
        {"[" SHARD("2", LITTLE "," CRC, LITTLE "," CRC) "]", true},
        {"[" SHARD("2", LITTLE, LITTLE) "," CRC "]", true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tsri_prepared *prepared = four_entries(rows[i].list);
        assert_int_equal(tsri_prepared_is_checked(prepared), rows[i].checked);
        tsri_prepared_unref(prepared);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layouts_are_measured),
        cmocka_unit_test(each_flipped_bit_of_an_index_is_put_right),
        cmocka_unit_test(more_flipped_bits_are_never_put_wrong),
        cmocka_unit_test(other_indexes_are_not_put_right),
        cmocka_unit_test(chains_know_whether_they_are_checked),
    };
    return CHAIN_TESTS_RUN(tests);
}
