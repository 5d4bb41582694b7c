/* Proves of merging in memory: bytes of shards by hand, kept and replaced inner chunks, what
 * becomes empty, damaged old bytes; at every level of nesting. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "array/merge.h"
#include "base/output.h"
#include "unit/array/array_testing.h"

#define MISSING UINT64_MAX
#define LITTLE "{\"name\":\"bytes\",\"configuration\":{\"endian\":\"little\"}}"
#define CRC "{\"name\":\"crc32c\"}"

/* Merges values [start, start + count) of one chunk of 8 bytes. */
static int merge(fixture *f, tsr_array *array, int64_t start, int64_t count, const uint8_t *values,
                 const void *old, size_t old_bytes, bool store_fill, tsr_output *output,
                 bool *ret_empty)
{
    tsr_codec_scratch *scratch;
    tsr_view view;
    tsri_read read = {.array = array, .grid = array->grid, .view = &view};
    tsri_target target;
    tsri_extent_inside inside = {{8}};
    good(tsr_codec_scratch_new(&scratch, &f->err), &f->err);
    good(tsr_view_init(&view, TSR_UINT8, 1, &count, (void *)values, &f->err), &f->err);
    read.index.rank = 1;
    read.index.axes[0] = (tsr_index_axis){TSR_INDEX_RANGE, start, count, 1};
    tsri_target_init(&target, &read);
    tsr_write_options options;
    tsr_write_options_init(&options);
    tsri_merge self = {
        .array = array, .scratch = scratch, .options = &options, .store_fill_chunks = store_fill};
    int status = tsri_merge_chunk(&self, array->prepared, &target, &inside, old, old_bytes, output,
                                  ret_empty, &f->err);
    tsr_codec_scratch_free(scratch);
    return status;
}

static const array_row leaf = {
    .name = "leaf", .rank = 1, .shape = {8}, .chunk = {8}, .codec = "none"};
static const array_row shard = {
    .name = "shard", .rank = 1, .shape = {8}, .chunk = {2}, .shard = {8}, .codec = "none"};

static void a_leaf_keeps_what_is_not_written(void **state)
{
    fixture *f = *state;
    static const uint8_t nothing = 9, values[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    tsr_auto(tsri_output) fresh = TSRI_OUTPUT_INIT(SIZE_MAX), over = TSRI_OUTPUT_INIT(SIZE_MAX);
    bool empty = true;
    tsr_array *array = array_new(f, f->store, "a", &leaf, TSR_UINT8, &nothing);
    good(merge(f, array, 2, 3, values, NULL, 0, false, &fresh, &empty), &f->err);
    assert_false(empty);
    assert_int_equal(fresh.size_bytes, 8);
    assert_memory_equal(fresh.data, "\11\11\1\2\3\11\11\11", 8);
    good(merge(f, array, 4, 2, values + 6, fresh.data, 8, false, &over, &empty), &f->err);
    assert_memory_equal(over.data, "\11\11\1\2\7\10\11\11", 8);
    assert_int_equal(merge(f, array, 4, 2, values, fresh.data, 7, false, &over, &empty),
                     TSR_DAMAGED);
    tsr_array_close(array);
}

static void what_is_all_fill_is_empty(void **state)
{
    fixture *f = *state;
    static const uint8_t zeros[8], ones[8] = {1, 1, 1, 1, 1, 1, 1, 1};
    tsr_array *array = array_new(f, f->store, "a", &leaf, TSR_UINT8, NULL);
    for (int keep = 0; keep < 2; keep++) {
        tsr_auto(tsri_output) output = TSRI_OUTPUT_INIT(SIZE_MAX);
        bool empty = false;
        good(merge(f, array, 0, 8, zeros, ones, 8, keep, &output, &empty), &f->err);
        assert_int_equal(empty, !keep);
        assert_int_equal(output.size_bytes, keep ? 8 : 0);
    }
    /* A zero that is not the fill value: -0.0, bit by bit. */
    static const array_row reals = {
        .name = "reals", .rank = 1, .shape = {1}, .chunk = {1}, .codec = "none"};
    double minus_zero = -0.0;
    size_t size = 0;
    tsr_array *real = array_new(f, f->store, "b", &reals, TSR_FLOAT64, NULL);
    good(tsr_array_write(real, NULL, NULL, NULL, &minus_zero, 8, NULL, &f->err), &f->err);
    unsigned char *bytes = get_bytes(f, f->store, "b/c/0", &size);
    assert_non_null(bytes);
    assert_int_equal(bytes[7], 0x80);
    free(bytes);
    tsr_array_close(real);
    tsr_array_close(array);
}

/* A shard in memory, behind something else in the output: its offsets are its own. */
static void shards_are_merged_in_memory(void **state)
{
    fixture *f = *state;
    static const uint8_t values[8] = {1, 2, 3, 4, 5, 6, 7, 8}, zeros[8];
    for (int at_start = 0; at_start < 2; at_start++) {
        tsr_auto(tsri_output) first = TSRI_OUTPUT_INIT(SIZE_MAX),
                              second = TSRI_OUTPUT_INIT(SIZE_MAX);
        unsigned char expected[128] = "";
        array_row row = shard;
        bool empty = true;
        row.index_at_start = at_start;
        const uint64_t base = at_start ? 68 : 0;
        tsr_array *array = array_new(f, f->store, at_start ? "s" : "e", &row, TSR_UINT8, NULL);
        good(tsr_output_append(&first, "head", 4, &f->err), &f->err);
        good(merge(f, array, 1, 4, values, NULL, 0, false, &first, &empty), &f->err);
        /* Inner chunks 0: 0 1, 1: 2 3, 2: 4 0. */
        const uint64_t words[] = {base, 2, base + 2, 2, base + 4, 2, MISSING, MISSING};
        memcpy(expected + (at_start ? 68 : 0), "\0\1\2\3\4\0", 6);
        hand_made_index(expected + (at_start ? 0 : 6), words, 4);
        assert_int_equal(first.size_bytes, 4 + 74);
        assert_memory_equal(first.data + 4, expected, 74);
        /* Inner chunk 1 goes, 0 is kept as it lies, 3 comes. */
        good(merge(f, array, 2, 2, zeros, first.data + 4, 74, false, &second, &empty), &f->err);
        const uint64_t fewer[] = {base, 2, MISSING, MISSING, base + 2, 2, MISSING, MISSING};
        memset(expected, 0, sizeof expected);
        memcpy(expected + (at_start ? 68 : 0), "\0\1\4\0", 4);
        hand_made_index(expected + (at_start ? 0 : 4), fewer, 4);
        assert_int_equal(second.size_bytes, 72);
        assert_memory_equal(second.data, expected, 72);
        /* And when nothing is left, nothing is written. */
        size_t before = second.size_bytes;
        good(merge(f, array, 0, 8, zeros, expected, 72, false, &second, &empty), &f->err);
        assert_true(empty);
        assert_int_equal(second.size_bytes, before);
        tsr_array_close(array);
    }
}

static void damaged_old_bytes_are_refused(void **state)
{
    fixture *f = *state;
    static const uint8_t values[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    static const char *const chains[] = {
        "[{\"name\":\"sharding_indexed\",\"configuration\":{\"chunk_shape\":[4],\"codecs\":["
        "{\"name\":\"sharding_indexed\",\"configuration\":{\"chunk_shape\":[2],\"codecs\":[" LITTLE
        "," CRC "],\"index_codecs\":[" LITTLE "," CRC "]}}],\"index_codecs\":[" LITTLE "," CRC
        "]}}]",
        "[{\"name\":\"sharding_indexed\",\"configuration\":{\"chunk_shape\":[4],\"codecs\":[" LITTLE
        "," CRC "],\"index_codecs\":[" LITTLE "," CRC "]}}," CRC "]"};
    for (size_t i = 0; i < 2; i++) {
        array_row row = {.name = "deep", .rank = 1, .shape = {8}, .chunk = {8}};
        tsr_auto(tsri_output) whole = TSRI_OUTPUT_INIT(SIZE_MAX);
        bool empty;
        row.codecs = chains[i];
        tsr_array *array = array_new(f, f->store, i ? "p" : "n", &row, TSR_UINT8, NULL);
        good(merge(f, array, 0, 8, values, NULL, 0, false, &whole, &empty), &f->err);
        for (size_t size = 0; size < whole.size_bytes; size += 3) {
            tsr_auto(tsri_output) output = TSRI_OUTPUT_INIT(SIZE_MAX);
            char *cut = malloc(size + 1); /* so that AddressSanitizer sees where it ends */
            memcpy(cut, whole.data, size);
            assert_int_equal(merge(f, array, 1, 2, values, cut, size, false, &output, &empty),
                             TSR_DAMAGED);
            free(cut);
        }
        /* Element 0 is read, since only a part of its inner chunk is written. */
        tsr_auto(tsri_output) output = TSRI_OUTPUT_INIT(SIZE_MAX);
        whole.data[0] ^= 1;
        assert_int_equal(
            merge(f, array, 1, 2, values, whole.data, whole.size_bytes, false, &output, &empty),
            TSR_DAMAGED);
        /* A write of everything asks for nothing that was there. */
        good(merge(f, array, 0, 8, values, whole.data, whole.size_bytes, false, &output, &empty),
             &f->err);
        tsr_array_close(array);
    }
}

static void covering_is_up_to_the_edge(void **state)
{
    (void)state;
    tsri_target target = {.rank = 2};
    const tsri_extent_inside inside = {{3, 5}};
    target.axes[0] = (tsri_target_axis){.start = 0, .step = 1, .count = 3};
    target.axes[1] = (tsri_target_axis){.start = 0, .step = 1, .count = 5};
    assert_true(tsri_merge_covers(&target, &inside));
    target.axes[1].count = 4;
    assert_false(tsri_merge_covers(&target, &inside));
    target.axes[1] = (tsri_target_axis){.start = 0, .step = 2, .count = 5};
    assert_false(tsri_merge_covers(&target, &inside));
    target.axes[1] = (tsri_target_axis){.start = 1, .step = 1, .count = 5};
    assert_false(tsri_merge_covers(&target, &inside));
    target.axes[1] = (tsri_target_axis){.start = 0, .step = 7, .count = 1};
    assert_true(tsri_merge_covers(&target, &(tsri_extent_inside){{3, 1}}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(a_leaf_keeps_what_is_not_written), FIXTURE_TEST(what_is_all_fill_is_empty),
        FIXTURE_TEST(shards_are_merged_in_memory),      FIXTURE_TEST(damaged_old_bytes_are_refused),
        FIXTURE_TEST(covering_is_up_to_the_edge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
