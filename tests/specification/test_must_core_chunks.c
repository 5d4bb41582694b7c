/* The Zarr core specification 3.1, a test for each of its demands on types, fill values, grids,
 * keys and lists of codecs. Bytes are written down by hand from the text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "specification/specification_testing.h"

/* ---- data types and fill values ---- */

/* Reads an array that has no chunks: the fill value alone decides. */
static void fill_is(fixture *f, const char *dtype, const char *fill, uint64_t bits)
{
    char type[64];
    uint64_t found = 0;
    snprintf(type, sizeof type, "\"%s\"", dtype);
    tsr_array *array = OPEN(f, {"data_type", type}, {"fill_value", fill}, {"shape", "[]"},
                            {"chunk_grid", GRID("")});
    good(tsr_array_read(array, NULL, NULL, NULL, &found, tsr_array_dtype(array)->size_bytes, NULL,
                        &f->err),
         &f->err);
    tsr_array_close(array);
    if (found != bits)
        fail_msg("%s %s: %#llx, not %#llx", dtype, fill, (unsigned long long)found,
                 (unsigned long long)bits);
}

static void fill_bad(fixture *f, const char *dtype, const char *fill)
{
    char type[64];
    snprintf(type, sizeof type, "\"%s\"", dtype);
    BAD(f, "/fill_value", {"data_type", type}, {"fill_value", fill});
}

static void must_have_raw_types_of_whole_bytes(void **state)
{
    fixture *f = *state;
    BAD(f, "/data_type", {"data_type", "\"r7\""});
    BAD(f, "/data_type", {"data_type", "\"r0\""});
    TAKES(f, {"data_type", "\"r8\""}, {"fill_value", "[1]"}, {"codecs", "[\"bytes\"]"});
}

static void must_have_a_boolean_as_fill_value_of_bool(void **state)
{
    fixture *f = *state;
    fill_is(f, "bool", "true", 1);
    fill_bad(f, "bool", "2");
    fill_bad(f, "bool", "\"true\"");
    fill_bad(f, "bool", "null");
}

static void must_have_integers_in_range_as_fill_values_of_integers(void **state)
{
    fixture *f = *state;
    fill_is(f, "int8", "-128", 0x80);
    fill_is(f, "uint64", "18446744073709551615", UINT64_MAX);
    fill_is(f, "int64", "-9223372036854775808", UINT64_C(1) << 63);
    fill_bad(f, "int8", "128");
    fill_bad(f, "uint8", "-1");
    fill_bad(f, "uint64", "18446744073709551616");
    fill_bad(f, "int16", "1.5");
    fill_bad(f, "int16", "\"1\"");
}

static void must_round_fill_values_of_floats_to_the_nearest(void **state)
{
    fixture *f = *state;
    fill_is(f, "float32", "0.1", 0x3dcccccd);
    fill_is(f, "float32", "16777217", 0x4b800000); /* 2^24 + 1: half way, to even */
    fill_is(f, "float16", "2049", 0x6800);         /* 2^11 + 1: half way, to even */
    fill_is(f, "float64", "0.1", UINT64_C(0x3fb999999999999a));
    fill_is(f, "float64", "-0.0", UINT64_C(1) << 63);
}

static void must_take_the_words_for_floats_that_are_no_numbers(void **state)
{
    fixture *f = *state;
    fill_is(f, "float32", "\"Infinity\"", 0x7f800000);
    fill_is(f, "float32", "\"-Infinity\"", 0xff800000);
    fill_is(f, "float16", "\"NaN\"", 0x7e00);
    fill_is(f, "float32", "\"NaN\"", 0x7fc00000);
    fill_is(f, "float64", "\"NaN\"", UINT64_C(0x7ff8000000000000));
    fill_bad(f, "float32", "\"nan\"");
    fill_bad(f, "float32", "\"inf\"");
}

static void must_take_the_bits_of_a_float(void **state)
{
    fixture *f = *state;
    fill_is(f, "float32", "\"0x7fc00000\"", 0x7fc00000);
    fill_is(f, "float32", "\"0x7fc00001\"", 0x7fc00001);
    fill_is(f, "float64", "\"0xfff0000000000001\"", UINT64_C(0xfff0000000000001));
    fill_bad(f, "float32", "\"0x7fc0000001\"");
    fill_bad(f, "float32", "\"0x\"");
}

static void must_write_other_nans_by_their_bits(void **state)
{
    fixture *f = *state;
    const array_row row = {.rank = 1, .shape = {2}, .chunk = {2}, .codec = "none"};
    static const struct {
        uint32_t bits;
        const char *wanted;
    } rows[] = {
        {0x7fc00000, "\"NaN\""}, {0x7fc00001, "\"0x7fc00001\""}, {0xffc00000, "\"0xffc00000\""}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        char path[8], key[32];
        snprintf(path, sizeof path, "%zu", i);
        snprintf(key, sizeof key, "%zu/zarr.json", i);
        tsr_array_close(array_new(f, f->store, path, &row, TSR_FLOAT32, &rows[i].bits));
        char *text = document_at(f, key);
        assert_has(text, rows[i].wanted);
        free(text);
    }
}

static void must_have_two_parts_in_fill_values_of_complex_numbers(void **state)
{
    fixture *f = *state;
    fill_is(f, "complex64", "[1, 2]", UINT64_C(0x400000003f800000));
    fill_is(f, "complex64", "[\"-Infinity\", \"NaN\"]", UINT64_C(0x7fc00000ff800000));
    fill_bad(f, "complex64", "1");
    fill_bad(f, "complex64", "[1]");
    fill_bad(f, "complex64", "[1,2,3]");
}

static void must_have_one_integer_per_byte_in_fill_values_of_raw_types(void **state)
{
    fixture *f = *state;
    fill_is(f, "r24", "[1,2,255]", 0xff0201);
    fill_bad(f, "r24", "[1,2]");
    fill_bad(f, "r24", "[1,2,256]");
    fill_bad(f, "r24", "[1,2,-1]");
}

/* ---- grids ---- */

static void must_cover_every_element_by_one_chunk(void **state)
{
    fixture *f = *state;
    int16_t values[5][7], found[5][7];
    for (int i = 0; i < 35; i++)
        values[i / 7][i % 7] = (int16_t)(100 + i);
    tsr_array *array = OPEN(f, {"shape", "[5,7]"});
    WRITE_ALL(f, array, values);
    READ_ALL(f, array, found);
    assert_memory_equal(found, values, sizeof values);
    tsr_array_close(array);
    int chunks = 0;
    for (int i = 0; i < 6; i++)
        for (int j = 0; j < 6; j++) {
            char key[32];
            snprintf(key, sizeof key, "a/c/%d/%d", i, j);
            chunks += is_stored(f, key);
        }
    assert_int_equal(chunks, 9);
}

static void must_store_chunks_at_the_edge_at_full_size(void **state)
{
    fixture *f = *state;
    int16_t values[1] = {7};
    tsr_array *array = OPEN(f, {"shape", "[1]"}, {"chunk_grid", GRID("3")});
    WRITE_ALL(f, array, values);
    tsr_array_close(array);
    STORED(f, "a/c/0", {7, 0, 0xff, 0xff, 0xff, 0xff});
}

static void must_read_the_fill_value_where_no_chunk_is(void **state)
{
    fixture *f = *state;
    int16_t found[4][6];
    tsr_array *array = OPEN(f, {"fill_value", "-77"});
    PUT(f, "a/c/1/1", {1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0});
    READ_ALL(f, array, found);
    tsr_array_close(array);
    for (int i = 0; i < 24; i++) {
        bool stored = i / 6 >= 2 && i % 6 >= 3;
        assert_int_equal(found[i / 6][i % 6], stored ? i / 6 * 3 - 6 + i % 6 - 2 : -77);
    }
}

/* ---- keys of chunks ---- */

static void chunk_lies_at(fixture *f, const char *encoding, const char *key)
{
    uint8_t one[1] = {1};
    const int64_t start[3] = {1, 23, 45}, shape[3] = {1, 1, 1};
    tsr_array *array =
        OPEN(f, {"chunk_key_encoding", encoding}, {"shape", "[2,24,46]"},
             {"data_type", "\"uint8\""}, {"fill_value", "0"}, {"chunk_grid", GRID("1,1,1")});
    good(tsr_array_write(array, start, shape, NULL, one, 1, NULL, &f->err), &f->err);
    tsr_array_close(array);
    STORED(f, key, {1});
}

#define KEYS(name, separator) \
    "{\"name\":\"" name "\",\"configuration\":{\"separator\":\"" separator "\"}}"

static void must_form_default_keys_from_c_and_indices(void **state)
{
    fixture *f = *state;
    chunk_lies_at(f, KEYS("default", "/"), "a/c/1/23/45");
    chunk_lies_at(f, KEYS("default", "."), "a/c.1.23.45");
    chunk_lies_at(f, "{\"name\":\"default\"}", "a/c/1/23/45");
}

static void must_form_v2_keys_from_indices_alone(void **state)
{
    fixture *f = *state;
    chunk_lies_at(f, KEYS("v2", "/"), "a/1/23/45");
    chunk_lies_at(f, KEYS("v2", "."), "a/1.23.45");
    chunk_lies_at(f, "\"v2\"", "a/1.23.45");
}

static void must_have_slash_or_dot_as_separator(void **state)
{
    fixture *f = *state;
    BAD(f, "separator", {"chunk_key_encoding", KEYS("default", "-")});
    BAD(f, "separator", {"chunk_key_encoding", KEYS("v2", "")});
    BAD(f, "separator",
        {"chunk_key_encoding", "{\"name\":\"v2\",\"configuration\":{\"separator\":1}}"});
}

static void must_key_the_chunk_of_a_scalar_by_c_or_0(void **state)
{
    fixture *f = *state;
    static const char *const encodings[][2] = {{KEYS("default", "/"), "a/c"},
                                               {KEYS("default", "."), "a/c"},
                                               {KEYS("v2", "."), "a/0"},
                                               {KEYS("v2", "/"), "a/0"}};
    for (size_t i = 0; i < COUNT(encodings); i++) {
        int16_t seven[1] = {7};
        tsr_array *array = OPEN(f, {"chunk_key_encoding", encodings[i][0]}, {"shape", "[]"},
                                {"chunk_grid", GRID("")});
        WRITE_ALL(f, array, seven);
        tsr_array_close(array);
        STORED(f, encodings[i][1], {7, 0});
        good(tsr_store_erase_prefix(f->store, "", NULL, &f->err), &f->err);
    }
}

/* ---- chains of codecs ---- */

static void must_apply_codecs_in_turn_and_undo_them_in_reverse(void **state)
{
    fixture *f = *state;
    int16_t values[1] = {0x0102}, found[1];
    tsr_array *array = OPEN(
        f, {"shape", "[1]"}, {"chunk_grid", GRID("1")},
        {"codecs", "[" BYTES ",{\"name\":\"numcodecs.adler32\",\"configuration\":{}}," CRC "]"});
    WRITE_ALL(f, array, values);
    /* Adler-32 of 02 01 is 0x00070004, in front; the CRC-32C of those six bytes is behind. */
    unsigned char wanted[10] = {0x04, 0x00, 0x07, 0x00, 0x02, 0x01};
    append_crc32c(wanted, 6);
    stored_at(f, "a/c/0", wanted, sizeof wanted, __LINE__);
    READ_ALL(f, array, found);
    assert_int_equal(found[0], 0x0102);
    tsr_array_close(array);
}

static void must_fail_where_a_codec_cannot_take_what_arrives(void **state)
{
    fixture *f = *state;
    BAD(f, "/codecs: codec \"transpose\"",
        {"codecs", "[{\"name\":\"transpose\",\"configuration\":{\"order\":[0,1,2]}}," BYTES "]"});
    BAD(f, "/codecs: ", {"codecs", "[" SHARD("2,2", BYTES, BYTES "," CRC) "]"});
    REFUSES(f, TSR_UNSUPPORTED, "/codecs: codec \"scale_offset\"", {"data_type", "\"bool\""},
            {"fill_value", "false"},
            {"codecs", "[{\"name\":\"scale_offset\",\"configuration\":{\"scale\":2}}," BYTES "]"});
}

static void must_fail_on_an_unknown_codec(void **state)
{
    fixture *f = *state;
    REFUSES(f, TSR_UNSUPPORTED, "unheard-of", {"codecs", "[" BYTES ",{\"name\":\"unheard-of\"}]"});
    /* To leave it out would give other elements, whatever the document says. */
    REFUSES(f, TSR_UNSUPPORTED, "unheard-of",
            {"codecs", "[" BYTES ",{\"name\":\"unheard-of\",\"must_understand\":false}]"});
}

/* ---- the table ---- */

/* clang-format off */
static const must rows[] = {
    MUST("Data types", "r* is limited to multiples of 8 bits", must_have_raw_types_of_whole_bytes),
    MUST("Fill values: bool", "a JSON boolean", must_have_a_boolean_as_fill_value_of_bool),
    MUST("Fill values: integers", "a number without fraction or exponent, in range", must_have_integers_in_range_as_fill_values_of_integers),
    MUST("Fill values: floats", "a number is rounded to the nearest representable value", must_round_fill_values_of_floats_to_the_nearest),
    MUST("Fill values: floats", "\"Infinity\", \"-Infinity\" and \"NaN\", which is one bit pattern", must_take_the_words_for_floats_that_are_no_numbers),
    MUST("Fill values: floats", "\"0x...\" is the representation as an unsigned integer", must_take_the_bits_of_a_float),
    MUST("Fill values: floats", "the bits are the only way to specify other NaNs", must_write_other_nans_by_their_bits),
    MUST("Fill values: complex", "a two-element array of the above", must_have_two_parts_in_fill_values_of_complex_numbers),
    MUST("Fill values: r*", "an array of integers in 0..255", must_have_one_integer_per_byte_in_fill_values_of_raw_types),
    MUST("Chunk grids", "every element is a member of one chunk, without gaps or overlaps", must_cover_every_element_by_one_chunk),
    MUST("Chunk grids: regular", "chunks at the edge are stored at full size", must_store_chunks_at_the_edge_at_full_size),
    MUST("Chunk grids: regular", "a chunk that is not stored is the fill value", must_read_the_fill_value_where_no_chunk_is),
    MUST("Chunk key encoding: default", "c, then separator and index for each dimension", must_form_default_keys_from_c_and_indices),
    MUST("Chunk key encoding: v2", "the indices joined by the separator", must_form_v2_keys_from_indices_alone),
    MUST("Chunk key encodings", "the separator is \"/\" or \".\"", must_have_slash_or_dot_as_separator),
    MUST("Chunk key encodings", "without dimensions the key is c, or 0 in v2", must_key_the_chunk_of_a_scalar_by_c_or_0),
    MUST("Codecs: encoding procedure", "the output of codec i is the input of codec i+1, and back in reverse", must_apply_codecs_in_turn_and_undo_them_in_reverse),
    MUST("Codecs: encoded representations", "an incompatible decoded representation is an error", must_fail_where_a_codec_cannot_take_what_arrives),
    MUST("Extension codecs", "a codec that is not known is an error", must_fail_on_an_unknown_codec),
};
/* clang-format on */

int main(void)
{
    return run_musts("core_chunks", rows, COUNT(rows));
}
