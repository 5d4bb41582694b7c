/* The codec sharding_indexed 1.0, a test for each demand of its specification. Shards are made, and
 * looked into, by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "specification/specification_testing.h"

#define INDEX BYTES "," CRC
#define ZSTD "{\"name\":\"zstd\",\"configuration\":{\"level\":1,\"checksum\":false}}"
#define MISSING UINT64_MAX

/* One shard of 4 int16 in two inner chunks. */
#define ONE_SHARD(codecs)                        \
    {"shape", "[4]"}, {"chunk_grid", GRID("4")}, \
    {                                            \
        "codecs", codecs                         \
    }
#define BAD_SHARD(f, text, configuration) \
    BAD(f, text,                          \
        ONE_SHARD("[{\"name\":\"sharding_indexed\",\"configuration\":{" configuration "}}]"))

/* ---- configuration ---- */

static void must_have_an_inner_chunk_shape_that_divides_the_shard(void **state)
{
    fixture *f = *state;
    BAD(f, "/codecs", ONE_SHARD("[" SHARD("3", BYTES, INDEX) "]"));
    BAD(f, "/codecs", ONE_SHARD("[" SHARD("8", BYTES, INDEX) "]"));
    TAKES(f, ONE_SHARD("[" SHARD("1", BYTES, INDEX) "]"));
    TAKES(f, ONE_SHARD("[" SHARD("4", BYTES, INDEX) "]"));
}

static void must_have_an_inner_chunk_shape_of_the_same_rank(void **state)
{
    fixture *f = *state;
    BAD(f, "chunk_shape", ONE_SHARD("[" SHARD("2,1", BYTES, INDEX) "]"));
    BAD(f, "chunk_shape", ONE_SHARD("[" SHARD("", BYTES, INDEX) "]"));
    BAD(f, "chunk_shape", ONE_SHARD("[" SHARD("0", BYTES, INDEX) "]"));
    BAD_SHARD(f, "chunk_shape", "\"codecs\":[" BYTES "],\"index_codecs\":[" INDEX "]");
}

static void must_have_one_codec_to_bytes_for_inner_chunks(void **state)
{
    fixture *f = *state;
    BAD_SHARD(f, "/codecs", "\"chunk_shape\":[2],\"index_codecs\":[" INDEX "]");
    BAD(f, "codecs", ONE_SHARD("[" SHARD("2", "", INDEX) "]"));
    BAD(f, "codecs", ONE_SHARD("[" SHARD("2", CRC, INDEX) "]"));
    BAD(f, "codecs", ONE_SHARD("[" SHARD("2", BYTES "," BYTES, INDEX) "]"));
}

static void must_have_one_codec_to_bytes_for_the_index(void **state)
{
    fixture *f = *state;
    BAD_SHARD(f, "index_codecs", "\"chunk_shape\":[2],\"codecs\":[" BYTES "]");
    BAD(f, "index_codecs", ONE_SHARD("[" SHARD("2", BYTES, "") "]"));
    BAD(f, "index_codecs", ONE_SHARD("[" SHARD("2", BYTES, CRC) "]"));
    BAD(f, "index_codecs", ONE_SHARD("[" SHARD("2", BYTES, BYTES "," BYTES) "]"));
}

static void must_not_have_codecs_of_variable_size_for_the_index(void **state)
{
    fixture *f = *state;
    BAD(f, "index", ONE_SHARD("[" SHARD("2", BYTES, BYTES "," ZSTD) "]"));
    BAD(f, "index",
        ONE_SHARD("[" SHARD("2", BYTES,
                            BYTES ",{\"name\":\"gzip\",\"configuration\":{\"level\":1}}") "]"));
    BAD(f, "index", ONE_SHARD("[" SHARD("2", BYTES, SHARD("1,2", BYTES, INDEX)) "]"));
}

static void must_have_start_or_end_as_index_location(void **state)
{
    fixture *f = *state;
#define PLACED(where)                                                     \
    "\"chunk_shape\":[2],\"codecs\":[" BYTES "],\"index_codecs\":[" INDEX \
    "],\"index_location\":" where
    BAD_SHARD(f, "index_location", PLACED("\"middle\""));
    BAD_SHARD(f, "index_location", PLACED("0"));
    TAKES(f, ONE_SHARD(
                 "[{\"name\":\"sharding_indexed\",\"configuration\":{" PLACED("\"start\"") "}}]"));
}

static void must_not_record_how_a_shard_was_written(void **state)
{
    fixture *f = *state;
    BAD_SHARD(f, "order",
              "\"order\":\"morton\",\"chunk_shape\":[2],\"codecs\":[" BYTES
              "],\"index_codecs\":[" INDEX "]");
    tsr_array *array = OPEN(f, ONE_SHARD("[" SHARD("1", BYTES, INDEX) "]"));
    static const tsr_inner_order orders[] = {TSR_INNER_ORDER_COLEXICOGRAPHIC,
                                             TSR_INNER_ORDER_MORTON};
    char *before = document_at(f, "a/zarr.json");
    for (size_t i = 0; i < COUNT(orders); i++) {
        int16_t values[4] = {1, 2, 3, 4};
        const int64_t shape[1] = {4};
        tsr_write_options options;
        tsr_view view;
        tsr_index all;
        tsr_write_options_init(&options);
        options.inner_order = orders[i];
        good(tsr_view_init(&view, TSR_INT16, 1, shape, values, &f->err), &f->err);
        tsr_index_all(&all, 1, shape);
        good(tsr_array_write_index(array, &all, &view, TSR_CASTING_NO, &options, NULL, &f->err),
             &f->err);
    }
    char *after = document_at(f, "a/zarr.json");
    assert_string_equal(after, before);
    free(after);
    free(before);
    tsr_array_close(array);
}

/* ---- bytes ---- */

static void must_write_the_index_as_the_text_shows_it(void **state)
{
    fixture *f = *state;
    int16_t values[64][64];
    tsr_array *array = OPEN(f, {"shape", "[64,64]"}, {"chunk_grid", GRID("64,64")},
                            {"codecs", "[" SHARD("32,32", BYTES, INDEX) "]"});
    memset(values, 1, sizeof values);
    WRITE_ALL(f, array, values);
    tsr_array_close(array);
    size_t size = 0;
    unsigned char *shard = get_bytes(f, f->store, "a/c/0/0", &size);
    assert_int_equal(size, 64 * 64 * 2 + 68);
    unsigned char wanted[68];
    uint64_t words[8];
    for (uint64_t i = 0; i < 4; i++) {
        words[2 * i] = i * 2048;
        words[2 * i + 1] = 2048;
    }
    assert_int_equal(hand_made_index(wanted, words, 4), 68);
    assert_memory_equal(shard + size - 68, wanted, 68);
    free(shard);
}

/* Puts the shard "a/c/0": these bytes, with an index of words behind or in front. */
static void put_shard(fixture *f, const unsigned char *data, size_t data_bytes,
                      const uint64_t *words, size_t entries, bool at_start)
{
    unsigned char shard[512], index[256];
    size_t index_bytes = hand_made_index(index, words, entries);
    memcpy(shard + (at_start ? index_bytes : 0), data, data_bytes);
    memcpy(shard + (at_start ? 0 : data_bytes), index, index_bytes);
    put_bytes(f, f->store, "a/c/0", shard, data_bytes + index_bytes);
}

static void reads_four(fixture *f, tsr_array *array, int a, int b, int c, int d)
{
    int16_t found[4];
    READ_ALL(f, array, found);
    const int16_t wanted[4] = {(int16_t)a, (int16_t)b, (int16_t)c, (int16_t)d};
    assert_memory_equal(found, wanted, sizeof wanted);
}

static const unsigned char four[8] = {1, 0, 2, 0, 3, 0, 4, 0};

static void must_find_the_index_at_the_end_by_default(void **state)
{
    fixture *f = *state;
    tsr_array *array = OPEN(f, ONE_SHARD("[" SHARD("2", BYTES, INDEX) "]"));
    put_shard(f, four, 8, (const uint64_t[]){0, 4, 4, 4}, 2, false);
    reads_four(f, array, 1, 2, 3, 4);
    tsr_array_close(array);
}

static void must_find_the_index_at_the_start_where_it_is_said(void **state)
{
    fixture *f = *state;
    tsr_array *array = OPEN(
        f,
        ONE_SHARD("[{\"name\":\"sharding_indexed\",\"configuration\":{" PLACED("\"start\"") "}}]"));
    put_shard(f, four, 8, (const uint64_t[]){36, 4, 40, 4}, 2, true);
    reads_four(f, array, 1, 2, 3, 4);
    tsr_array_close(array);
}

static void must_take_empty_inner_chunks_for_the_fill_value(void **state)
{
    fixture *f = *state;
    tsr_array *array = OPEN(f, ONE_SHARD("[" SHARD("2", BYTES, INDEX) "]"), {"fill_value", "9"});
    put_shard(f, four + 4, 4, (const uint64_t[]){MISSING, MISSING, 0, 4}, 2, false);
    reads_four(f, array, 9, 9, 3, 4);
    tsr_array_close(array);
}

static void must_mark_empty_inner_chunks_by_two_words_of_ones(void **state)
{
    fixture *f = *state;
    const int64_t start[1] = {2}, shape[1] = {2};
    int16_t two[2] = {3, 4};
    tsr_array *array = OPEN(f, ONE_SHARD("[" SHARD("2", BYTES, INDEX) "]"));
    good(tsr_array_write(array, start, shape, NULL, two, sizeof two, NULL, &f->err), &f->err);
    tsr_array_close(array);
    unsigned char wanted[4 + 36] = {3, 0, 4, 0};
    hand_made_index(wanted + 4, (const uint64_t[]){MISSING, MISSING, 0, 4}, 2);
    stored_at(f, "a/c/0", wanted, sizeof wanted, __LINE__);
}

static void must_have_entries_for_inner_chunks_beyond_the_array(void **state)
{
    fixture *f = *state;
    int16_t two[2] = {1, 2};
    tsr_array *array = OPEN(f, {"shape", "[2]"}, ONE_SHARD("[" SHARD("1", BYTES, INDEX) "]"));
    WRITE_ALL(f, array, two);
    tsr_array_close(array);
    unsigned char wanted[4 + 68] = {1, 0, 2, 0};
    hand_made_index(wanted + 4, (const uint64_t[]){0, 2, 2, 2, MISSING, MISSING, MISSING, MISSING},
                    4);
    stored_at(f, "a/c/0", wanted, sizeof wanted, __LINE__);
}

static void must_read_inner_chunks_in_any_order(void **state)
{
    fixture *f = *state;
    tsr_array *array = OPEN(f, ONE_SHARD("[" SHARD("1", BYTES, INDEX) "]"));
    put_shard(f, four, 8, (const uint64_t[]){6, 2, 0, 2, 4, 2, 2, 2}, 4, false);
    reads_four(f, array, 4, 1, 3, 2);
    tsr_array_close(array);
}

static void must_allow_unused_space_between_inner_chunks(void **state)
{
    fixture *f = *state;
    static const unsigned char gaps[16] = {0xee, 0xee, 1, 0, 2, 0, 0xee,
                                           0xee, 0xee, 3, 0, 4, 0, 0xee};
    tsr_array *array = OPEN(f, ONE_SHARD("[" SHARD("2", BYTES, INDEX) "]"));
    put_shard(f, gaps, 16, (const uint64_t[]){2, 4, 9, 4}, 2, false);
    reads_four(f, array, 1, 2, 3, 4);
    tsr_array_close(array);
}

static void must_have_an_index_in_c_order_of_the_inner_chunks(void **state)
{
    fixture *f = *state;
    int16_t found[2][3];
    tsr_array *array = OPEN(f, {"shape", "[2,3]"}, {"chunk_grid", GRID("2,3")},
                            {"codecs", "[" SHARD("1,1", BYTES, INDEX) "]"});
    unsigned char shard[12 + 100] = {1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0};
    uint64_t words[12];
    for (uint64_t i = 0; i < 6; i++) {
        words[2 * i] = 2 * i;
        words[2 * i + 1] = 2;
    }
    hand_made_index(shard + 12, words, 6);
    put_bytes(f, f->store, "a/c/0/0", shard, sizeof shard);
    READ_ALL(f, array, found);
    for (int i = 0; i < 6; i++)
        assert_int_equal(found[i / 3][i % 3], i + 1);
    tsr_array_close(array);
}

static void must_size_the_index_by_its_codecs(void **state)
{
    fixture *f = *state;
    tsr_array *array = OPEN(f, ONE_SHARD("[" SHARD("2", BYTES, BYTES) "]"));
    unsigned char bare[8 + 32];
    memcpy(bare, four, 8);
    const uint64_t words[4] = {0, 4, 4, 4};
    for (size_t i = 0; i < 4; i++)
        store_u64(bare + 8 + 8 * i, words[i]);
    put_bytes(f, f->store, "a/c/0", bare, sizeof bare);
    reads_four(f, array, 1, 2, 3, 4);
    tsr_array_close(array);
    /* Two checksums: the second one is of the first one too. */
    array = OPEN(f, ONE_SHARD("[" SHARD("2", BYTES, INDEX "," CRC) "]"));
    unsigned char twice[8 + 40];
    memcpy(twice, bare, sizeof bare);
    append_crc32c(twice + 8, 32);
    append_crc32c(twice + 8, 36);
    put_bytes(f, f->store, "a/c/0", twice, sizeof twice);
    reads_four(f, array, 1, 2, 3, 4);
    tsr_array_close(array);
}

/* ---- the table ---- */

/* clang-format off */
static const must rows[] = {
    MUST("Configuration: chunk_shape", "it evenly divides the shard shape", must_have_an_inner_chunk_shape_that_divides_the_shard),
    MUST("Configuration: chunk_shape", "its length matches the number of dimensions", must_have_an_inner_chunk_shape_of_the_same_rank),
    MUST("Configuration: codecs", "required, with exactly one codec from array to bytes", must_have_one_codec_to_bytes_for_inner_chunks),
    MUST("Configuration: index_codecs", "required, with exactly one codec from array to bytes", must_have_one_codec_to_bytes_for_the_index),
    MUST("Configuration: index_codecs", "no codec that produces a variable size", must_not_have_codecs_of_variable_size_for_the_index),
    MUST("Configuration: index_location", "\"start\" or \"end\"", must_have_start_or_end_as_index_location),
    MUST("Configuration: index_location", "\"end\" where it is not present", must_find_the_index_at_the_end_by_default),
    MUST("Configuration: index_location", "at the beginning for \"start\", and offsets count it", must_find_the_index_at_the_start_where_it_is_said),
    MUST("Binary shard format", "offset and nbytes as uint64, 68 bytes for 4 chunks with crc32c", must_write_the_index_as_the_text_shows_it),
    MUST("Binary shard format", "empty inner chunks are filled with the fill value", must_take_empty_inner_chunks_for_the_fill_value),
    MUST("Binary shard format", "empty inner chunks have 2^64-1 as offset and as nbytes", must_mark_empty_inner_chunks_by_two_words_of_ones),
    MUST("Binary shard format", "the index covers inner chunks that extend beyond the array", must_have_entries_for_inner_chunks_beyond_the_array),
    MUST("Binary shard format", "the index has the shape of the chunks per shard", must_have_an_index_in_c_order_of_the_inner_chunks),
    MUST("Binary shard format", "the order of the chunk content is not fixed", must_read_inner_chunks_in_any_order),
    MUST("Binary shard format", "unused space between inner chunks is allowed", must_allow_unused_space_between_inner_chunks),
    MUST("Binary shard format", "the size of the index follows from its codecs", must_size_the_index_by_its_codecs),
    MUST("Write strategies", "none is part of the metadata document", must_not_record_how_a_shard_was_written),
};
/* clang-format on */

int main(void)
{
    return run_musts("sharding", rows, COUNT(rows));
}
