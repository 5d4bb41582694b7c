/* Mistakes that other implementations of Zarr have made and that are easily made again: a test for
 * each, named after what must hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "specification/specification_testing.h"

#define INDEX BYTES "," CRC
#define TURN(order) "{\"name\":\"transpose\",\"configuration\":{\"order\":[" order "]}}"
#define CODEC(name, members) "{\"name\":\"" name "\",\"configuration\":{" members "}}"
#define GZIP CODEC("gzip", "\"level\":1")
#define SHARD_AT_START(shape, codecs, index)                                    \
    "{\"name\":\"sharding_indexed\",\"configuration\":{\"chunk_shape\":[" shape \
    "],\"codecs\":[" codecs "],\"index_codecs\":[" index "],\"index_location\":\"start\"}}"
#define MISSING UINT64_MAX

/* Four int16 in one chunk. */
#define FOUR(codecs)                             \
    {"shape", "[4]"}, {"chunk_grid", GRID("4")}, \
    {                                            \
        "codecs", "[" codecs "]"                 \
    }
/* 2 x 3 x 4 int16 in one chunk. */
#define BOX(codecs)                                      \
    {"shape", "[2,3,4]"}, {"chunk_grid", GRID("2,3,4")}, \
    {                                                    \
        "codecs", "[" codecs "]"                         \
    }

/* Numbers all elements of a box, writes them, reads them back whole and one by one. */
static void box_survives(fixture *f, tsr_array *array)
{
    int16_t values[24], found[24];
    const int64_t one[3] = {1, 1, 1};
    for (int i = 0; i < 24; i++)
        values[i] = (int16_t)(1000 + i);
    WRITE_ALL(f, array, values);
    READ_ALL(f, array, found);
    assert_memory_equal(found, values, sizeof values);
    for (int i = 0; i < 24; i++) {
        const int64_t start[3] = {i / 12, i / 4 % 3, i % 4};
        good(tsr_array_read(array, start, one, NULL, found, 2, NULL, &f->err), &f->err);
        assert_int_equal(found[0], values[i]);
    }
    tsr_array_close(array);
}

static void reads_four(fixture *f, tsr_array *array, int a, int b, int c, int d)
{
    int16_t found[4];
    READ_ALL(f, array, found);
    const int16_t wanted[4] = {(int16_t)a, (int16_t)b, (int16_t)c, (int16_t)d};
    assert_memory_equal(found, wanted, sizeof wanted);
    tsr_array_close(array);
}

static void read_is_damage(fixture *f, tsr_array *array)
{
    int16_t found[4];
    tsr_error_clear(&f->err);
    int status = tsr_array_read(array, NULL, NULL, NULL, found, sizeof found, NULL, &f->err);
    tsr_array_close(array);
    if (status != TSR_DAMAGED)
        fail_msg("status %d: %s", status, f->err.message);
    assert_has(f->err.message, "c/0"); /* the key is named */
}

static void put_shard(fixture *f, const unsigned char *data, size_t data_bytes,
                      const uint64_t *words, size_t entries)
{
    unsigned char shard[512];
    memcpy(shard, data, data_bytes);
    size_t index_bytes = hand_made_index(shard + data_bytes, words, entries);
    put_bytes(f, f->store, "a/c/0", shard, data_bytes + index_bytes);
}

static const unsigned char four[8] = {1, 0, 2, 0, 3, 0, 4, 0};
#define PAIRS(f) OPEN(f, FOUR(SHARD("2", BYTES, INDEX)))

/* ---- shards ---- */

static void must_not_assume_that_an_index_ends_in_a_checksum(void **state)
{
    fixture *f = *state;
    unsigned char shard[8 + 32];
    const uint64_t words[4] = {0, 4, 4, 4};
    memcpy(shard, four, 8);
    for (size_t i = 0; i < 4; i++)
        store_u64(shard + 8 + 8 * i, words[i]);
    tsr_array *array = OPEN(f, FOUR(SHARD("2", BYTES, BYTES)));
    put_bytes(f, f->store, "a/c/0", shard, sizeof shard);
    reads_four(f, array, 1, 2, 3, 4);
}

static void must_refuse_index_codecs_of_variable_size(void **state)
{
    fixture *f = *state;
    BAD(f, "index", FOUR(SHARD("2", BYTES, BYTES "," GZIP)));
}

static void must_read_the_nested_shards_that_it_writes(void **state)
{
    fixture *f = *state;
    box_survives(f, OPEN(f, BOX(SHARD("2,3,2", SHARD("1,3,1", BYTES "," GZIP, INDEX), INDEX))));
    box_survives(f, OPEN(f, BOX(SHARD_AT_START("1,3,4", SHARD("1,1,2", BYTES, INDEX), INDEX))));
}

static void must_read_shards_behind_a_transpose(void **state)
{
    fixture *f = *state;
    /* The inner grid lies in the permuted space: (3, 4, 2), which (3, 2, 1) divides. */
    box_survives(f, OPEN(f, BOX(TURN("1,2,0") "," SHARD("3,2,1", BYTES, INDEX))));
    BAD(f, "/codecs", BOX(TURN("1,2,0") "," SHARD("2,3,4", BYTES, INDEX)));
}

static void must_transpose_by_the_permutation_and_not_its_inverse(void **state)
{
    fixture *f = *state;
    uint8_t values[24], turned[24], *at = turned;
    for (int i = 0; i < 24; i++)
        values[i] = (uint8_t)i;
    tsr_array *array =
        OPEN(f, {"data_type", "\"uint8\""}, {"fill_value", "255"}, BOX(TURN("2,0,1") ",\"bytes\""));
    WRITE_ALL(f, array, values);
    tsr_array_close(array);
    for (int k = 0; k < 4; k++)
        for (int i = 0; i < 2; i++)
            for (int j = 0; j < 3; j++)
                *at++ = values[12 * i + 4 * j + k];
    stored_at(f, "a/c/0/0/0", turned, sizeof turned, __LINE__);
}

static void must_not_skip_codecs_around_a_shard(void **state)
{
    fixture *f = *state;
    box_survives(f, OPEN(f, BOX(SHARD("1,3,2", BYTES, INDEX) "," GZIP "," CRC)));
    box_survives(
        f, OPEN(f, BOX(CODEC("scale_offset", "\"offset\":7") "," SHARD("1,3,2", BYTES, INDEX))));
    size_t size = 0;
    unsigned char *shard = get_bytes(f, f->store, "a/c/0/0/0", &size);
    assert_int_equal(shard[0] | shard[1] << 8, 1000 - 7);
    free(shard);
}

static void must_read_lists_of_positions_in_their_order(void **state)
{
    fixture *f = *state;
    tsr_array *array = OPEN(f, {"shape", "[4,6]"}, {"chunk_grid", GRID("4,6")},
                            {"codecs", "[" SHARD("2,3", BYTES, INDEX) "]"});
    int16_t values[24], found[6];
    for (int i = 0; i < 24; i++)
        values[i] = (int16_t)i;
    WRITE_ALL(f, array, values);
    const int64_t shape[2] = {4, 6}, result[2] = {2, 3};
    tsr_index index;
    tsr_view view;
    tsr_index_parse_options options;
    tsr_index_parse_options_init(&options);
    options.mode = TSR_INDEX_ORTHOGONAL;
    good(tsr_index_parse_with(&index, "[3,0],[5,0,4]", 2, shape, &options, &f->err), &f->err);
    good(tsr_view_init(&view, TSR_INT16, 2, result, found, &f->err), &f->err);
    const tsr_read_request request = {array, &index, &view, TSR_CASTING_NO};
    good(tsr_read_many(f->context, &request, 1, NULL, &f->err), &f->err);
    static const int16_t wanted[6] = {23, 18, 22, 5, 0, 4};
    assert_memory_equal(found, wanted, sizeof wanted);
    tsr_index_clear(&index);
    tsr_array_close(array);
}

static void must_shard_arrays_without_dimensions(void **state)
{
    fixture *f = *state;
    const float one[1] = {1};
    float found[1] = {0};
    tsr_array *array =
        OPEN(f, {"shape", "[]"}, {"chunk_grid", GRID("")}, {"fill_value", "0"},
             {"data_type", "\"float32\""}, {"codecs", "[" SHARD("", BYTES, INDEX) "]"});
    WRITE_ALL(f, array, one);
    unsigned char wanted[4 + 20] = {0, 0, 0x80, 0x3f};
    assert_int_equal(hand_made_index(wanted + 4, (const uint64_t[]){0, 4}, 1), 20);
    stored_at(f, "a/c", wanted, sizeof wanted, __LINE__);
    READ_ALL(f, array, found);
    assert_true(found[0] == 1);
    tsr_array_close(array);
}

static void must_write_all_of_an_array_that_shards_do_not_divide(void **state)
{
    fixture *f = *state;
    int16_t values[7][5], found[7][5];
    for (int i = 0; i < 35; i++)
        values[i / 5][i % 5] = (int16_t)(i + 1);
    tsr_array *array = OPEN(f, {"shape", "[7,5]"}, {"chunk_grid", GRID("4,6")},
                            {"codecs", "[" SHARD("2,3", BYTES, INDEX) "]"});
    WRITE_ALL(f, array, values);
    READ_ALL(f, array, found);
    assert_memory_equal(found, values, sizeof values);
    tsr_array_close(array);
}

static void must_keep_both_of_two_writers_of_one_shard(void **state)
{
    fixture *f = *state;
    const int64_t first[1] = {0}, second[1] = {2}, shape[1] = {2};
    const int16_t left[2] = {1, 2}, right[2] = {3, 4};
    tsr_array *one = PAIRS(f), *other = array_open(f, f->store, "a", true);
    good(tsr_array_write(one, first, shape, NULL, left, 4, NULL, &f->err), &f->err);
    good(tsr_array_write(other, second, shape, NULL, right, 4, NULL, &f->err), &f->err);
    tsr_array_close(other);
    reads_four(f, one, 1, 2, 3, 4);
}

static void must_flush_a_partial_shard_with_a_whole_index(void **state)
{
    fixture *f = *state;
    const int64_t start[1] = {0}, shape[1] = {2};
    const int16_t left[2] = {1, 2};
    tsr_array *array = PAIRS(f);
    good(tsr_array_write(array, start, shape, NULL, left, 4, NULL, &f->err), &f->err);
    unsigned char wanted[4 + 36] = {1, 0, 2, 0};
    hand_made_index(wanted + 4, (const uint64_t[]){0, 4, MISSING, MISSING}, 2);
    stored_at(f, "a/c/0", wanted, sizeof wanted, __LINE__);
    reads_four(f, array, 1, 2, -1, -1);
}

static void must_hold_the_worst_case_of_a_compressor_in_a_shard(void **state)
{
    fixture *f = *state;
    enum { COUNT_OF = 40000 };
    unsigned char *values = malloc(COUNT_OF), *found = malloc(COUNT_OF);
    uint64_t noise = 88172645463325252u;
    for (int i = 0; i < COUNT_OF; i++) { /* xorshift: nothing to compress */
        noise ^= noise << 13;
        noise ^= noise >> 7;
        noise ^= noise << 17;
        values[i] = (unsigned char)noise;
    }
    tsr_array *array =
        OPEN(f, {"shape", "[40000]"}, {"chunk_grid", GRID("40000")}, {"data_type", "\"uint8\""},
             {"fill_value", "0"}, {"codecs", "[" SHARD("20000", "\"bytes\"," GZIP, INDEX) "]"});
    good(tsr_array_write(array, NULL, NULL, NULL, values, COUNT_OF, NULL, &f->err), &f->err);
    good(tsr_array_read(array, NULL, NULL, NULL, found, COUNT_OF, NULL, &f->err), &f->err);
    assert_memory_equal(found, values, COUNT_OF);
    tsr_array_close(array);
    free(values);
    free(found);
}

/* ---- damaged and hostile shards ---- */

static void must_not_read_past_the_end_of_a_shard(void **state)
{
    fixture *f = *state;
    tsr_array *array = PAIRS(f);
    put_shard(f, four, 8, (const uint64_t[]){0, 4, 100, 4}, 2);
    read_is_damage(f, array);
}

static void must_not_read_an_index_as_data(void **state)
{
    fixture *f = *state;
    tsr_array *array = PAIRS(f);
    put_shard(f, four, 8, (const uint64_t[]){0, 4, 6, 4}, 2);
    read_is_damage(f, array);
}

static void must_not_add_up_beyond_64_bits(void **state)
{
    fixture *f = *state;
    tsr_array *array = PAIRS(f);
    put_shard(f, four, 8, (const uint64_t[]){0, 4, UINT64_MAX - 1, 4}, 2);
    read_is_damage(f, array);
}

static void must_not_take_half_an_empty_entry(void **state)
{
    fixture *f = *state;
    static const uint64_t halves[2][4] = {{0, 4, MISSING, 4}, {0, 4, 4, MISSING}};
    for (int i = 0; i < 2; i++) {
        tsr_array *array = PAIRS(f);
        put_shard(f, four, 8, halves[i], 2);
        read_is_damage(f, array);
    }
}

static void must_not_take_an_entry_of_no_bytes(void **state)
{
    fixture *f = *state;
    tsr_array *array = PAIRS(f);
    put_shard(f, four, 8, (const uint64_t[]){0, 4, 4, 0}, 2);
    read_is_damage(f, array);
}

static void must_notice_a_flipped_bit_in_an_index(void **state)
{
    fixture *f = *state;
    unsigned char shard[8 + 36];
    memcpy(shard, four, 8);
    hand_made_index(shard + 8, (const uint64_t[]){0, 4, 4, 4}, 2);
    shard[8] ^= 4;
    tsr_array *array = PAIRS(f);
    put_bytes(f, f->store, "a/c/0", shard, sizeof shard);
    read_is_damage(f, array);
}

static void must_notice_a_shard_that_is_cut_off_or_empty(void **state)
{
    fixture *f = *state;
    for (size_t size = 0; size < 44; size += 11) {
        unsigned char shard[44];
        memcpy(shard, four, 8);
        hand_made_index(shard + 8, (const uint64_t[]){0, 4, 4, 4}, 2);
        tsr_array *array = PAIRS(f);
        put_bytes(f, f->store, "a/c/0", shard, size);
        read_is_damage(f, array);
    }
}

static void must_notice_a_chunk_of_another_size(void **state)
{
    fixture *f = *state;
    tsr_array *array = OPEN(f, FOUR(BYTES));
    put_bytes(f, f->store, "a/c/0", four, 6);
    read_is_damage(f, array);
}

static void must_read_entries_that_share_bytes(void **state)
{
    fixture *f = *state;
    tsr_array *array = PAIRS(f);
    put_shard(f, four, 4, (const uint64_t[]){0, 4, 0, 4}, 2);
    reads_four(f, array, 1, 2, 1, 2);
}

static void must_read_an_index_in_big_endian(void **state)
{
    fixture *f = *state;
    unsigned char shard[8 + 36];
    static const unsigned char words[32] = {[15] = 4, [23] = 4, [31] = 4};
    memcpy(shard, four, 8);
    memcpy(shard + 8, words, 32);
    append_crc32c(shard + 8, 32);
    tsr_array *array =
        OPEN(f, FOUR(SHARD("2", BYTES, CODEC("bytes", "\"endian\":\"big\"") "," CRC)));
    put_bytes(f, f->store, "a/c/0", shard, sizeof shard);
    reads_four(f, array, 1, 2, 3, 4);
}

static void must_read_an_index_that_is_transposed(void **state)
{
    fixture *f = *state;
    unsigned char shard[8 + 36];
    const uint64_t words[4] = {0, 4, 4, 4}; /* offsets 0 and 4, then sizes 4 and 4 */
    memcpy(shard, four, 8);
    hand_made_index(shard + 8, words, 2);
    tsr_array *array = OPEN(f, FOUR(SHARD("2", BYTES, TURN("1,0") "," INDEX)));
    put_bytes(f, f->store, "a/c/0", shard, sizeof shard);
    reads_four(f, array, 1, 2, 3, 4);
}

static void must_read_a_missing_shard_as_fill(void **state)
{
    fixture *f = *state;
    reads_four(f, PAIRS(f), -1, -1, -1, -1);
}

/* ---- chains ---- */

static void must_tell_later_codecs_of_a_changed_type(void **state)
{
    fixture *f = *state;
    static const double values[4] = {1, 2, 3, 300};
    double found[4];
    tsr_array *array = OPEN(f, {"data_type", "\"float64\""}, {"fill_value", "2"},
                            FOUR(CODEC("cast_value", "\"data_type\":\"int16\"") "," CODEC(
                                "packbits", "\"last_bit\":9")));
    WRITE_ALL(f, array, values);
    /* 10 bits each: 1, 2, 3, 300 from the least significant bit on. */
    STORED(f, "a/c/0", {0x01, 0x08, 0x30, 0x00, 0x4b});
    READ_ALL(f, array, found);
    assert_memory_equal(found, values, sizeof values);
    tsr_array_close(array);
}

static void must_change_the_fill_value_along_the_chain(void **state)
{
    fixture *f = *state;
    /* The inner chunk that is missing was all fill when it was scaled. */
    tsr_array *array =
        OPEN(f, {"fill_value", "5"},
             FOUR(CODEC("scale_offset", "\"offset\":5,\"scale\":2") "," SHARD("2", BYTES, INDEX)));
    static const unsigned char scaled[4] = {2, 0, 4, 0};
    put_shard(f, scaled, 4, (const uint64_t[]){0, 4, MISSING, MISSING}, 2);
    reads_four(f, array, 6, 7, 5, 5);
}

static void must_keep_the_byte_order_of_structs(void **state)
{
    fixture *f = *state;
    unsigned char found[3];
    tsr_array *array =
        OPEN(f,
             {"data_type", "{\"name\":\"struct\",\"configuration\":{\"fields\":[{\"name\":\"a\","
                           "\"data_type\":\"uint8\"},{\"name\":\"b\",\"data_type\":\"uint16\"}]}}"},
             {"fill_value", "{\"a\":0,\"b\":0}"}, {"shape", "[1]"}, {"chunk_grid", GRID("1")},
             {"codecs", "[" CODEC("bytes", "\"endian\":\"big\"") "]"});
    PUT(f, "a/c/0", {7, 1, 2});
    READ_ALL(f, array, found);
    tsr_array_close(array);
    assert_int_equal(found[0], 7);
    assert_int_equal(found[1] | found[2] << 8, 0x0102);
}

static void must_take_columns_through_filters_in_the_order_of_the_array(void **state)
{
    fixture *f = *state;
    /* Memory in Fortran order, an array in C order, and a filter that depends on the order. */
    static const int16_t columns[6] = {1, 4, 2, 5, 3, 6}; /* [[1,2,3],[4,5,6]] */
    const int64_t shape[2] = {2, 3};
    tsr_view view;
    tsr_index all;
    tsr_array *array =
        OPEN(f, {"shape", "[2,3]"},
             {"codecs", "[" CODEC("numcodecs.delta", "\"dtype\":\"<i2\"") "," BYTES "]"});
    good(tsr_view_init(&view, TSR_INT16, 2, shape, (void *)(uintptr_t)columns, &f->err), &f->err);
    view.strides[0] = 2;
    view.strides[1] = 4;
    tsr_index_all(&all, 2, shape);
    good(tsr_array_write_index(array, &all, &view, TSR_CASTING_NO, NULL, NULL, &f->err), &f->err);
    tsr_array_close(array);
    STORED(f, "a/c/0/0", {1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0});
}

static void must_compute_crc32c_and_not_crc32(void **state)
{
    fixture *f = *state;
    static const unsigned char digits[9] = "123456789";
    tsr_array *array =
        OPEN(f, {"shape", "[9]"}, {"chunk_grid", GRID("9")}, {"data_type", "\"uint8\""},
             {"fill_value", "0"}, {"codecs", "[\"bytes\"," CRC "]"});
    WRITE_ALL(f, array, digits);
    tsr_array_close(array);
    STORED(f, "a/c/0", {'1', '2', '3', '4', '5', '6', '7', '8', '9', 0x83, 0x92, 0x06, 0xe3});
}

static void must_pack_bits_that_do_not_begin_at_0(void **state)
{
    fixture *f = *state;
    static const uint8_t values[4] = {0x00, 0x04, 0x08, 0x0c};
    uint8_t found[4];
    tsr_array *array = OPEN(f, {"data_type", "\"uint8\""}, {"fill_value", "0"},
                            FOUR(CODEC("packbits", "\"first_bit\":2,\"last_bit\":3")));
    WRITE_ALL(f, array, values);
    STORED(f, "a/c/0", {0xe4});
    READ_ALL(f, array, found);
    assert_memory_equal(found, values, 4);
    tsr_array_close(array);
}

/* ---- metadata ---- */

static void must_write_codecs_as_objects(void **state)
{
    fixture *f = *state;
    const array_row row = {
        .rank = 1, .shape = {4}, .chunk = {4}, .codecs = "[\"bytes\",\"crc32c\"]"};
    tsr_array_close(array_new(f, f->store, "a", &row, TSR_UINT8, NULL));
    char *text = document_at(f, "a/zarr.json");
    assert_has(text, "\"name\": \"bytes\"");
    assert_has(text, "\"name\": \"crc32c\"");
    free(text);
}

static void must_write_the_registered_names_of_types(void **state)
{
    fixture *f = *state;
    const array_row row = {.rank = 1, .shape = {1}, .chunk = {1}, .codec = "none"};
    const tsr_dtype *dtype;
    good(tsr_dtype_raw(3, &dtype, &f->err), &f->err);
    tsr_array_close(array_new(f, f->store, "a", &row, dtype, NULL));
    tsr_dtype_unref(dtype);
    char *text = document_at(f, "a/zarr.json");
    assert_has(text, "\"data_type\": \"r24\"");
    free(text);
}

static void must_not_cut_texts(void **state)
{
    fixture *f = *state;
    const array_row row = {.rank = 1, .shape = {1}, .chunk = {1}, .codec = "none"};
    enum { LENGTH = 1000 };
    uint32_t text[1][LENGTH], found[1][LENGTH];
    const tsr_dtype *dtype;
    for (int i = 0; i < LENGTH; i++)
        text[0][i] = (uint32_t)('a' + i % 26);
    good(tsr_dtype_fixed_text(TSR_KIND_TEXT, LENGTH, &dtype, &f->err), &f->err);
    tsr_array *array = array_new(f, f->store, "a", &row, dtype, NULL);
    WRITE_ALL(f, array, text);
    READ_ALL(f, array, found);
    assert_memory_equal(found, text, sizeof text);
    tsr_array_close(array);
    tsr_dtype_unref(dtype);
}

static void must_write_endian_and_typesize(void **state)
{
    fixture *f = *state;
    const array_row row = {
        .rank = 1, .shape = {4}, .chunk = {4}, .codec = "blosc:lz4:5:bitshuffle"};
    tsr_array_close(array_new(f, f->store, "a", &row, TSR_INT32, NULL));
    char *text = document_at(f, "a/zarr.json");
    assert_has(text, "\"endian\": \"little\"");
    assert_has(text, "\"typesize\": 4");
    free(text);
}

static void must_refuse_null_as_a_fill_value(void **state)
{
    fixture *f = *state;
    BAD(f, "/fill_value", {"fill_value", "null"});
}

static void must_refuse_members_that_must_be_understood(void **state)
{
    fixture *f = *state;
    BAD(f, "/surprise", {"surprise", "{\"name\":\"example\"}"});
}

/* ---- elements ---- */

static void must_keep_chunks_of_negative_zeros(void **state)
{
    fixture *f = *state;
    static const uint32_t values[4] = {0x80000000, 0x80000000, 0x80000000, 0x80000000};
    uint32_t found[4];
    tsr_array *array = OPEN(f, {"data_type", "\"float32\""}, {"fill_value", "0"}, FOUR(BYTES));
    WRITE_ALL(f, array, values);
    assert_true(is_stored(f, "a/c/0"));
    READ_ALL(f, array, found);
    assert_memory_equal(found, values, sizeof values);
    tsr_array_close(array);
}

static void must_tell_nans_apart_by_their_bits(void **state)
{
    fixture *f = *state;
    static const uint32_t same[4] = {0x7fc00001, 0x7fc00001, 0x7fc00001, 0x7fc00001};
    static const uint32_t other[4] = {0x7fc00001, 0x7fc00001, 0x7fc00001, 0x7fc00000};
    uint32_t found[4];
    tsr_array *array =
        OPEN(f, {"data_type", "\"float32\""}, {"fill_value", "\"0x7fc00001\""}, FOUR(BYTES));
    WRITE_ALL(f, array, same);
    assert_false(is_stored(f, "a/c/0"));
    WRITE_ALL(f, array, other);
    assert_true(is_stored(f, "a/c/0"));
    READ_ALL(f, array, found);
    assert_memory_equal(found, other, sizeof other);
    tsr_array_close(array);
}

static void must_keep_all_64_bits_of_a_fill_value(void **state)
{
    fixture *f = *state;
    uint64_t found[4];
    tsr_array *array =
        OPEN(f, {"data_type", "\"uint64\""}, {"fill_value", "18446744073709551615"}, FOUR(BYTES));
    READ_ALL(f, array, found);
    assert_true(found[0] == UINT64_MAX && found[3] == UINT64_MAX);
    tsr_array_close(array);
}

static void must_take_axes_of_no_length(void **state)
{
    fixture *f = *state;
    tsr_array *array = OPEN(f, {"shape", "[0,6]"});
    good(tsr_array_read(array, NULL, NULL, NULL, NULL, 0, NULL, &f->err), &f->err);
    good(tsr_array_write(array, NULL, NULL, NULL, NULL, 0, NULL, &f->err), &f->err);
    assert_false(is_stored(f, "a/c/0/0"));
    tsr_array_close(array);
}

static void must_take_chunks_larger_than_the_array(void **state)
{
    fixture *f = *state;
    int16_t values[4][6], found[4][6];
    memset(values, 3, sizeof values);
    tsr_array *array = OPEN(f, {"chunk_grid", GRID("100,100")});
    WRITE_ALL(f, array, values);
    READ_ALL(f, array, found);
    assert_memory_equal(found, values, sizeof values);
    tsr_array_close(array);
    size_t size = 0;
    free(get_bytes(f, f->store, "a/c/0/0", &size));
    assert_int_equal(size, 100 * 100 * 2);
}

/* ---- the table ---- */

/* clang-format off */
static const must rows[] = {
    MUST("shards", "an index has the size that its codecs give it (zarrita.js#424)", must_not_assume_that_an_index_ends_in_a_checksum),
    MUST("shards", "index codecs of variable size are refused (zarr-python#2030)", must_refuse_index_codecs_of_variable_size),
    MUST("shards", "nested shards are read back (zarr-python#3652)", must_read_the_nested_shards_that_it_writes),
    MUST("shards", "transpose in front of a shard (tensorstore 0ad6ce118, zarrita.js#427)", must_read_shards_behind_a_transpose),
    MUST("shards", "codecs around a shard are applied on every path (zarr-python#4202, #4203)", must_not_skip_codecs_around_a_shard),
    MUST("shards", "lists of positions on sharded arrays (zarr-python#2816, #4203)", must_read_lists_of_positions_in_their_order),
    MUST("shards", "arrays without dimensions (zarr-specs#282, zarr-python#3966, #3469)", must_shard_arrays_without_dimensions),
    MUST("shards", "array, shard and chunk that are not aligned (icechunk#1019, zarr-python#3479, #3024)", must_write_all_of_an_array_that_shards_do_not_divide),
    MUST("shards", "two writers of one shard (zarr-python#3682)", must_keep_both_of_two_writers_of_one_shard),
    MUST("shards", "the index of a shard that is written in part (acquire-zarr#158)", must_flush_a_partial_shard_with_a_whole_index),
    MUST("shards", "the worst case of gzip (zarrs#444)", must_hold_the_worst_case_of_a_compressor_in_a_shard),
    MUST("shards", "two entries share bytes", must_read_entries_that_share_bytes),
    MUST("shards", "an index in big endian", must_read_an_index_in_big_endian),
    MUST("shards", "an index that is transposed", must_read_an_index_that_is_transposed),
    MUST("shards", "a missing shard", must_read_a_missing_shard_as_fill),
    MUST("damage", "an entry past the end (zarrita: returned as data)", must_not_read_past_the_end_of_a_shard),
    MUST("damage", "an entry into the index (zarr-python, tensorstore, zarrs: returned as data)", must_not_read_an_index_as_data),
    MUST("damage", "offset + nbytes beyond 2^64 (zarrs: panics)", must_not_add_up_beyond_64_bits),
    MUST("damage", "half an empty entry (zarrs: panics)", must_not_take_half_an_empty_entry),
    MUST("damage", "an entry of no bytes", must_not_take_an_entry_of_no_bytes),
    MUST("damage", "one flipped bit in an index (zarrita: not checked)", must_notice_a_flipped_bit_in_an_index),
    MUST("damage", "a shard that is cut off, or has no bytes (iohub#442, zarrs-python#185)", must_notice_a_shard_that_is_cut_off_or_empty),
    MUST("damage", "a chunk of another size", must_notice_a_chunk_of_another_size),
    MUST("chains", "encode uses the permutation, decode its inverse (zarrita.js#444)", must_transpose_by_the_permutation_and_not_its_inverse),
    MUST("chains", "later codecs see the type that earlier ones made (zarr-python#3941, #3885)", must_tell_later_codecs_of_a_changed_type),
    MUST("chains", "so do inner chunks see the fill value", must_change_the_fill_value_along_the_chain),
    MUST("chains", "byte order of structs (zarr-python#4141)", must_keep_the_byte_order_of_structs),
    MUST("chains", "input in Fortran order through filters (zarr-python#4116)", must_take_columns_through_filters_in_the_order_of_the_array),
    MUST("chains", "CRC-32C, not CRC-32 (zarrs before 0.11.5)", must_compute_crc32c_and_not_crc32),
    MUST("chains", "packbits with first_bit > 0 (zarrs 0.20)", must_pack_bits_that_do_not_begin_at_0),
    MUST("metadata", "codecs are written as objects (zarrs 0.11.2)", must_write_codecs_as_objects),
    MUST("metadata", "registered names are written (zarr-python: raw_bytes)", must_write_the_registered_names_of_types),
    MUST("metadata", "endian and typesize are written (Rarr#125, pydantic-zarr#178)", must_write_endian_and_typesize),
    MUST("metadata", "null is no fill value (zarrita: taken)", must_refuse_null_as_a_fill_value),
    MUST("metadata", "unknown members that must be understood (zarrita: taken)", must_refuse_members_that_must_be_understood),
    MUST("elements", "texts are not cut (gdal#14072)", must_not_cut_texts),
    MUST("elements", "-0.0 is not the fill value 0.0", must_keep_chunks_of_negative_zeros),
    MUST("elements", "a fill value that is a NaN with a payload", must_tell_nans_apart_by_their_bits),
    MUST("elements", "a fill value of 2^64-1", must_keep_all_64_bits_of_a_fill_value),
    MUST("elements", "an axis of length 0", must_take_axes_of_no_length),
    MUST("elements", "chunks larger than the array", must_take_chunks_larger_than_the_array),
};
/* clang-format on */

int main(void)
{
    return run_musts("mistakes", rows, COUNT(rows));
}
