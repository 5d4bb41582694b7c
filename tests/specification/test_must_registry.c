/* The registry of extensions: codecs, grids and data types that are not in the core, a test for
 * each demand of their texts. Codecs whose texts give numbers are held to those numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "specification/specification_testing.h"

/* An array of `count` elements in one chunk. */
#define LINE(count, type, fill, codecs)                                         \
    {"shape", "[" count "]"}, {"chunk_grid", GRID(count)}, {"data_type", type}, \
        {"fill_value", fill},                                                   \
    {                                                                           \
        "codecs", "[" codecs "]"                                                \
    }
#define CODEC(name, members) "{\"name\":\"" name "\",\"configuration\":{" members "}}"
#define CAST(members) CODEC("cast_value", members)

/* Writes values through codecs and expects these bytes in the store. */
#define WRITES_AS(f, array, values, ...) \
    do {                                 \
        tsr_array *subject = (array);    \
        WRITE_ALL(f, subject, values);   \
        tsr_array_close(subject);        \
        STORED(f, "a/c/0", __VA_ARGS__); \
    } while (0)

static void write_fails(fixture *f, tsr_array *array, const void *values, size_t size_bytes,
                        const char *text)
{
    tsr_error_clear(&f->err);
    int status = tsr_array_write(array, NULL, NULL, NULL, values, size_bytes, NULL, &f->err);
    if (status >= 0 || !strstr(f->err.message, text))
        fail_msg("status %d: %s", status, f->err.message);
    tsr_array_close(array);
    assert_false(is_stored(f, "a/c/0"));
}

/* ---- cast_value ---- */

static void must_have_the_type_to_cast_to(void **state)
{
    fixture *f = *state;
    BAD(f, "data_type",
        LINE("2", "\"float32\"", "0", CAST("\"rounding\":\"nearest-even\"") "," BYTES));
    REFUSES(f, TSR_UNSUPPORTED, "data_type",
            LINE("2", "\"float32\"", "0", CAST("\"data_type\":\"int3\"") "," BYTES));
}

static void must_refuse_more_members_of_cast_value(void **state)
{
    fixture *f = *state;
    BAD(f, "surprise",
        LINE("2", "\"float32\"", "0", CAST("\"data_type\":\"int8\",\"surprise\":1") ",\"bytes\""));
    BAD(f, "rounding",
        LINE("2", "\"float32\"", "0",
             CAST("\"data_type\":\"int8\",\"rounding\":\"up\"") ",\"bytes\""));
    BAD(f, "out_of_range",
        LINE("2", "\"float32\"", "0",
             CAST("\"data_type\":\"int8\",\"out_of_range\":\"maybe\"") ",\"bytes\""));
}

static void must_round_as_rounding_says(void **state)
{
    fixture *f = *state;
    static const float values[8] = {-2.5f, -1.5f, -1.2f, -0.5f, 0.5f, 1.2f, 1.5f, 2.5f};
    static const struct {
        const char *rounding;
        int8_t wanted[8];
    } rows[] = {{"nearest-even", {-2, -2, -1, 0, 0, 1, 2, 2}},
                {"towards-zero", {-2, -1, -1, 0, 0, 1, 1, 2}},
                {"towards-positive", {-2, -1, -1, 0, 1, 2, 2, 3}},
                {"towards-negative", {-3, -2, -2, -1, 0, 1, 1, 2}},
                {"nearest-away", {-3, -2, -1, -1, 1, 1, 2, 3}}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        char codecs[200];
        snprintf(codecs, sizeof codecs,
                 "[{\"name\":\"cast_value\",\"configuration\":{\"data_type\":\"int8\","
                 "\"rounding\":\"%s\"}},\"bytes\"]",
                 rows[i].rounding);
        tsr_array *array = OPEN(f, {"codecs", codecs}, LINE("8", "\"float32\"", "99", ""));
        WRITE_ALL(f, array, values);
        tsr_array_close(array);
        stored_at(f, "a/c/0", rows[i].wanted, 8, __LINE__);
    }
}

static void must_round_to_nearest_even_by_default(void **state)
{
    fixture *f = *state;
    static const float values[4] = {0.5f, 1.5f, 2.5f, -0.5f};
    WRITES_AS(f,
              OPEN(f, LINE("4", "\"float32\"", "9", CAST("\"data_type\":\"int8\"") ",\"bytes\"")),
              values, {0, 2, 2, 0});
}

static void must_fail_out_of_range_by_default(void **state)
{
    fixture *f = *state;
    static const int16_t values[2] = {1, 128};
    write_fails(f,
                OPEN(f, LINE("2", "\"int16\"", "0", CAST("\"data_type\":\"int8\"") ",\"bytes\"")),
                values, sizeof values, "cast_value");
}

static void must_clamp_where_out_of_range_says_so(void **state)
{
    fixture *f = *state;
    static const float values[4] = {-300, 300, 5, 0};
    tsr_array *array =
        OPEN(f, LINE("4", "\"float32\"", "1",
                     CAST("\"data_type\":\"int8\",\"out_of_range\":\"clamp\"") ",\"bytes\""));
    WRITES_AS(f, array, values, {0x80, 0x7f, 5, 0});
}

static void must_wrap_by_modular_arithmetic(void **state)
{
    fixture *f = *state;
    static const int16_t values[4] = {128, 256, 300, -129};
    tsr_array *array =
        OPEN(f, LINE("4", "\"int16\"", "1",
                     CAST("\"data_type\":\"int8\",\"out_of_range\":\"wrap\"") ",\"bytes\""));
    WRITES_AS(f, array, values, {0x80, 0, 44, 127});
}

static void must_fail_on_nan_whatever_out_of_range_says(void **state)
{
    fixture *f = *state;
    static const uint32_t values[2] = {0, 0x7fc00000};
    write_fails(
        f,
        OPEN(f, LINE("2", "\"float32\"", "1",
                     CAST("\"data_type\":\"int8\",\"out_of_range\":\"clamp\"") ",\"bytes\"")),
        values, sizeof values, "cast_value");
}

static void must_map_scalars_before_all_else(void **state)
{
    fixture *f = *state;
    static const uint32_t values[3] = {0x7fc00000, 0x3f800000, 0x40000000}; /* NaN, 1, 2 */
    uint32_t found[3];
    tsr_array *array = OPEN(
        f, LINE("3", "\"float32\"", "1",
                CAST("\"data_type\":\"uint8\",\"scalar_map\":{\"encode\":[[\"NaN\",255],[2,7]],"
                     "\"decode\":[[255,\"NaN\"],[7,2]]}") ",\"bytes\""));
    WRITE_ALL(f, array, values);
    STORED(f, "a/c/0", {255, 1, 7});
    READ_ALL(f, array, found);
    assert_memory_equal(found, values, sizeof values);
    tsr_array_close(array);
}

static void must_have_a_fill_value_that_can_be_cast(void **state)
{
    fixture *f = *state;
    BAD(f, "fill", LINE("2", "\"float32\"", "300", CAST("\"data_type\":\"int8\"") ",\"bytes\""));
    BAD(f, "fill",
        LINE("2", "\"float32\"", "\"NaN\"", CAST("\"data_type\":\"int8\"") ",\"bytes\""));
}

/* ---- scale_offset ---- */

static void must_scale_by_multiplying_on_encode(void **state)
{
    fixture *f = *state;
    static const int16_t values[2] = {5, 8};
    int16_t found[2];
    tsr_array *array = OPEN(f, LINE("2", "\"int16\"", "5",
                                    CODEC("scale_offset", "\"offset\":5,\"scale\":10") "," BYTES));
    WRITE_ALL(f, array, values);
    STORED(f, "a/c/0", {0, 0, 30, 0});
    READ_ALL(f, array, found);
    assert_memory_equal(found, values, sizeof values);
    tsr_array_close(array);
}

static void must_have_scalars_of_the_input_type(void **state)
{
    fixture *f = *state;
    BAD(f, "scale", LINE("2", "\"int16\"", "5", CODEC("scale_offset", "\"scale\":0.5") "," BYTES));
    BAD(f, "offset",
        LINE("2", "\"int16\"", "5", CODEC("scale_offset", "\"offset\":70000") "," BYTES));
    BAD(f, "scale", LINE("2", "\"int16\"", "5", CODEC("scale_offset", "\"scale\":0") "," BYTES));
    BAD(f, "surprise",
        LINE("2", "\"int16\"", "5", CODEC("scale_offset", "\"surprise\":1") "," BYTES));
}

static void must_fail_where_a_scaled_value_cannot_be_represented(void **state)
{
    fixture *f = *state;
    static const int16_t values[2] = {0, 30000};
    write_fails(
        f, OPEN(f, LINE("2", "\"int16\"", "0", CODEC("scale_offset", "\"scale\":2") "," BYTES)),
        values, sizeof values, "scale_offset");
}

/* ---- packbits ---- */

static void must_pack_the_least_significant_bit_first(void **state)
{
    fixture *f = *state;
    static const bool values[10] = {true,  false, true,  true, false,
                                    false, false, false, true, true};
    WRITES_AS(f, OPEN(f, LINE("10", "\"bool\"", "false", CODEC("packbits", ""))), values,
              {0x0d, 0x03});
}

static void must_say_the_padding_where_it_is_asked_for(void **state)
{
    fixture *f = *state;
    static const bool values[3] = {true, false, false};
#define PADDED(where) CODEC("packbits", "\"padding_encoding\":\"" where "\"")
    WRITES_AS(f, OPEN(f, LINE("3", "\"bool\"", "false", PADDED("first_byte"))), values, {5, 1});
    WRITES_AS(f, OPEN(f, LINE("3", "\"bool\"", "false", PADDED("last_byte"))), values, {1, 5});
    WRITES_AS(f, OPEN(f, LINE("3", "\"bool\"", "false", PADDED("none"))), values, {1});
    BAD(f, "padding_encoding", LINE("3", "\"bool\"", "false", PADDED("middle")));
}

static void must_keep_the_bits_from_first_to_last(void **state)
{
    fixture *f = *state;
    static const int16_t values[2] = {0x0120, -0x0020};
    int16_t found[2];
    tsr_array *array =
        OPEN(f, LINE("2", "\"int16\"", "0", CODEC("packbits", "\"first_bit\":4,\"last_bit\":11")));
    WRITE_ALL(f, array, values);
    STORED(f, "a/c/0", {0x12, 0xfe});
    READ_ALL(f, array, found); /* sign-extended from bit 11 on */
    assert_memory_equal(found, values, sizeof values);
    tsr_array_close(array);
    BAD(f, "last_bit",
        LINE("2", "\"int16\"", "0", CODEC("packbits", "\"first_bit\":4,\"last_bit\":3")));
    BAD(f, "last_bit", LINE("2", "\"int16\"", "0", CODEC("packbits", "\"last_bit\":16")));
}

static void must_pack_small_types_at_their_width(void **state)
{
    fixture *f = *state;
    static const int8_t values[4] = {-1, 1, -2, 0};
    WRITES_AS(f, OPEN(f, LINE("4", "\"int2\"", "0", CODEC("packbits", ""))), values, {0x27});
}

/* ---- bitround ---- */

static void must_round_mantissas_half_to_even(void **state)
{
    fixture *f = *state;
    /* 1 + 1/8, kept 2 bits: half way between 1 and 1.25, to the even one; 1 + 3/8: to 1.5. */
    static const uint32_t values[2] = {0x3f900000, 0x3fb00000};
    WRITES_AS(f,
              OPEN(f, LINE("2", "\"float32\"", "0", CODEC("bitround", "\"keepbits\":2") "," BYTES)),
              values, {0, 0, 0x80, 0x3f, 0, 0, 0xc0, 0x3f});
    BAD(f, "keepbits",
        LINE("2", "\"float32\"", "0", CODEC("bitround", "\"keepbits\":0") "," BYTES));
    BAD(f, "keepbits",
        LINE("2", "\"float32\"", "0", CODEC("bitround", "\"keepbits\":24") "," BYTES));
}

static void must_round_integers_from_their_highest_bit(void **state)
{
    fixture *f = *state;
    static const uint8_t values[3] = {15, 54, 255};
    WRITES_AS(
        f, OPEN(f, LINE("3", "\"uint8\"", "0", CODEC("bitround", "\"keepbits\":3") ",\"bytes\"")),
        values, {16, 56, 224});
}

/* ---- reshape ---- */

static void must_keep_the_order_of_elements_in_another_shape(void **state)
{
    fixture *f = *state;
    static const uint8_t values[6] = {1, 2, 3, 4, 5, 6};
    tsr_array *array = OPEN(f, {"shape", "[2,3]"}, {"data_type", "\"uint8\""}, {"fill_value", "0"},
                            {"codecs", "[" CODEC("reshape", "\"shape\":[[0,1]]") ",\"bytes\"]"});
    WRITE_ALL(f, array, values);
    tsr_array_close(array);
    STORED(f, "a/c/0/0", {1, 2, 3, 4, 5, 6});
}

static void must_fail_where_a_shape_does_not_fit(void **state)
{
    fixture *f = *state;
    static const char *const wrong[] = {"[5]",       "[4,-1]", "[-1,-1]",   "[[1],[0]]", "[[1,0]]",
                                        "[[0],[0]]", "[0,6]",  "[[0],[2]]", "[[0,1],2]", "[\"6\"]"};
    for (size_t i = 0; i < COUNT(wrong); i++) {
        char codecs[200];
        snprintf(codecs, sizeof codecs,
                 "[{\"name\":\"reshape\",\"configuration\":{\"shape\":%s}}," BYTES "]", wrong[i]);
        BAD(f, "reshape", {"codecs", codecs});
    }
    TAKES(f, {"codecs", "[" CODEC("reshape", "\"shape\":[-1,3]") "," BYTES "]"});
    TAKES(f, {"codecs", "[" CODEC("reshape", "\"shape\":[[0],[1]]") "," BYTES "]"});
}

/* ---- n5_default ---- */

#define N5(codecs) CODEC("n5_default", "\"codecs\":[" codecs "]")
#define TURN "{\"name\":\"transpose\",\"configuration\":{\"order\":[1,0]}}"
#define BIG "{\"name\":\"bytes\",\"configuration\":{\"endian\":\"big\"}}"

static void must_turn_all_axes_and_write_big_endian(void **state)
{
    fixture *f = *state;
    BAD(f, "transpose", {"codecs", "[" N5(BIG) "]"});
    BAD(f, "bytes", {"codecs", "[" N5(TURN) "]"});
    BAD(f, "endian", {"codecs", "[" N5(TURN "," BYTES) "]"});
    BAD(f, "compressor", {"codecs", "[" N5(TURN "," BIG "," CRC "," CRC) "]"});
    TAKES(f, {"codecs", "[" N5(TURN "," BIG "," CRC) "]"});
}

static void must_write_a_header_with_mode_rank_and_lengths(void **state)
{
    fixture *f = *state;
    static const int16_t values[2][3] = {{1, 2, 3}, {4, 5, 6}};
    tsr_array *array = OPEN(f, {"shape", "[2,3]"}, {"codecs", "[" N5(TURN "," BIG) "]"});
    WRITE_ALL(f, array, values);
    tsr_array_close(array);
    STORED(f, "a/c/0/0", {0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 3, 0, 1, 0, 4, 0, 2, 0, 5, 0, 3, 0, 6});
}

static void must_read_blocks_that_are_cut_off_or_padded(void **state)
{
    fixture *f = *state;
    int16_t values[4][5];
    tsr_array *array = OPEN(f, {"shape", "[4,5]"}, {"codecs", "[" N5(TURN "," BIG) "]"});
    PUT(f, "a/c/0/1", {0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 2, 0, 1, 0, 2, 0, 3, 0, 4});
    READ_ALL(f, array, values);
    tsr_array_close(array);
    assert_int_equal(values[0][3], 1);
    assert_int_equal(values[1][3], 2);
    assert_int_equal(values[0][4], 3);
    assert_int_equal(values[1][4], 4);
    assert_int_equal(values[2][4], -1);
}

/* ---- conditional ---- */

#define ZSTD "{\"name\":\"zstd\",\"configuration\":{\"level\":1,\"checksum\":false}}"

static void must_have_a_mask_of_whole_bytes_that_holds_all_codecs(void **state)
{
    fixture *f = *state;
    BAD(f, "header_bits",
        {"codecs",
         "[" BYTES "," CODEC("conditional", "\"codecs\":[" CRC "],\"header_bits\":4") "]"});
    BAD(f, "header_bits",
        {"codecs",
         "[" BYTES "," CODEC("conditional", "\"codecs\":[" CRC "],\"header_bits\":0") "]"});
    BAD(f, "bytes into bytes",
        {"codecs", "[" BYTES "," CODEC("conditional", "\"codecs\":[" BYTES "]") "]"});
}

static void must_put_the_mask_in_front_and_leave_reserved_bits_0(void **state)
{
    fixture *f = *state;
    static const uint8_t values[3] = {1, 2, 3}; /* nothing that a compressor makes smaller */
    WRITES_AS(f,
              OPEN(f, LINE("3", "\"uint8\"", "0",
                           "\"bytes\"," CODEC("conditional", "\"codecs\":[" ZSTD "]"))),
              values, {0, 1, 2, 3});
    WRITES_AS(f,
              OPEN(f, LINE("3", "\"uint8\"", "0",
                           "\"bytes\"," CODEC("conditional",
                                              "\"codecs\":[" ZSTD "],\"header_bits\":16"))),
              values, {0, 0, 1, 2, 3});
}

static void must_undo_the_codecs_whose_bits_are_set(void **state)
{
    fixture *f = *state;
    uint8_t found[4];
    tsr_array *array =
        OPEN(f, LINE("4", "\"uint8\"", "0",
                     "\"bytes\"," CODEC("conditional", "\"codecs\":[" ZSTD "," CRC "]")));
    PUT(f, "a/c/0", {2, 1, 2, 3, 4, 0xf4, 0x8c, 0x30, 0x29}); /* the second one alone */
    READ_ALL(f, array, found);
    tsr_array_close(array);
    assert_memory_equal(found, "\1\2\3\4", 4);
}

/* ---- rectilinear grids ---- */

#define RECTILINEAR(shapes) \
    "{\"name\":\"rectilinear\",\"configuration\":{\"kind\":\"inline\",\"chunk_shapes\":" shapes "}}"

static void must_have_one_list_of_edges_per_axis(void **state)
{
    fixture *f = *state;
    BAD(f, "chunk_shapes", {"chunk_grid", RECTILINEAR("[[4]]")});
    BAD(f, "chunk_shapes", {"chunk_grid", RECTILINEAR("[[4],[6],[1]]")});
    REFUSES(f, TSR_UNSUPPORTED, "kind",
            {"chunk_grid", "{\"name\":\"rectilinear\",\"configuration\":{\"kind\":\"file\","
                           "\"chunk_shapes\":[[4],[6]]}}"});
    BAD(f, "chunk_shapes", {"chunk_grid", RECTILINEAR("[[4],[6,0]]")});
}

static void must_have_edges_that_reach_the_end_of_the_axis(void **state)
{
    fixture *f = *state;
    BAD(f, "chunk_shapes: the chunks of axis 0 end at 3", {"chunk_grid", RECTILINEAR("[[3],[6]]")});
    TAKES(f, {"chunk_grid", RECTILINEAR("[[1,3],[[2,3]]]")});
}

static void must_expand_runs_of_edges(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *edges;
        int chunks;
        int64_t lengths[6];
    } rows[] = {{"[[2,3]]", 3, {2, 2, 2}},
                {"[[1,6]]", 6, {1, 1, 1, 1, 1, 1}},
                {"[1,[2,1],3]", 3, {1, 2, 3}},
                {"[[1,3],3]", 4, {1, 1, 1, 3}},
                {"[6]", 1, {6}}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        char grid[200];
        snprintf(grid, sizeof grid, RECTILINEAR("[%s]"), rows[i].edges);
        tsr_array *array = OPEN(f, {"shape", "[6]"}, {"chunk_grid", grid});
        assert_int_equal(tsr_array_chunk_count(array, 0), rows[i].chunks);
        for (int chunk = 0; chunk < rows[i].chunks; chunk++) {
            int64_t start, length;
            good(tsr_array_chunk_extent(array, 0, chunk, &start, &length, &f->err), &f->err);
            assert_int_equal(length, rows[i].lengths[chunk]);
        }
        tsr_array_close(array);
    }
}

/* ---- data types ---- */

#define STRUCT(fields) "{\"name\":\"struct\",\"configuration\":{\"fields\":[" fields "]}}"
#define FIELD(name, type) "{\"name\":\"" name "\",\"data_type\":\"" type "\"}"

static void must_have_fields_with_names_of_their_own(void **state)
{
    fixture *f = *state;
    BAD(f, "/data_type", LINE("1", STRUCT(""), "{}", BYTES));
    BAD(f, "/data_type",
        LINE("1", STRUCT(FIELD("x", "int8") "," FIELD("x", "int16")), "{\"x\":0}", BYTES));
    BAD(f, "/data_type", LINE("1", STRUCT(FIELD("", "int8")), "{\"\":0}", BYTES));
    BAD(f, "/data_type", LINE("1", STRUCT("[\"x\",\"int8\"]"), "{\"x\":0}", BYTES));
}

static void must_pack_fields_in_the_order_of_their_declaration(void **state)
{
    fixture *f = *state;
    const tsr_dtype *dtype;
    static const unsigned char packed[13] = {4, 3, 2, 1, 9, 0, 0, 0, 0, 0, 0, 0xf8, 0x3f};
    unsigned char found[13];
    tsr_array *array = OPEN(
        f,
        LINE("1",
             STRUCT(FIELD("id", "int32") "," FIELD("flags", "uint8") "," FIELD("value", "float64")),
             "{\"id\":0,\"flags\":0,\"value\":0}",
             "{\"name\":\"bytes\",\"configuration\":{\"endian\":\"big\"}}"));
    PUT(f, "a/c/0", {1, 2, 3, 4, 9, 0x3f, 0xf8, 0, 0, 0, 0, 0, 0});
    dtype = tsr_array_dtype(array);
    assert_int_equal(dtype->size_bytes, 13);
    READ_ALL(f, array, found);
    assert_memory_equal(found, packed, 13);
    tsr_array_close(array);
}

static void must_write_an_endian_for_fields_of_several_bytes(void **state)
{
    fixture *f = *state;
    const array_row row = {.rank = 1, .shape = {1}, .chunk = {1}, .codec = "none"};
    const tsr_dtype *dtype;
    good(tsr_dtype_from_json(STRUCT(FIELD("x", "int16")), &dtype, &f->err), &f->err);
    tsr_array_close(array_new(f, f->store, "b", &row, dtype, NULL));
    tsr_dtype_unref(dtype);
    char *text = document_at(f, "b/zarr.json");
    assert_has(text, "\"endian\": \"little\"");
    free(text);
    /* zarr-python leaves it out and means little. */
    int16_t found[1];
    tsr_array *array = OPEN(f, LINE("1", STRUCT(FIELD("x", "int16")), "{\"x\":0}", "\"bytes\""));
    PUT(f, "a/c/0", {1, 2});
    READ_ALL(f, array, found);
    assert_int_equal(found[0], 0x0201);
    tsr_array_close(array);
    TAKES(f, LINE("1", STRUCT(FIELD("x", "int8")), "{\"x\":0}", "\"bytes\""));
}

static void must_have_every_field_in_the_fill_value(void **state)
{
    fixture *f = *state;
#define TWO STRUCT(FIELD("x", "int8") "," FIELD("y", "int8"))
    BAD(f, "/fill_value", LINE("1", TWO, "{\"x\":1}", "\"bytes\""));
    BAD(f, "/fill_value", LINE("1", TWO, "{\"x\":1,\"y\":200}", "\"bytes\""));
    BAD(f, "/fill_value", LINE("1", TWO, "0", "\"bytes\""));
    TAKES(f, LINE("1", TWO, "{\"y\":2,\"x\":1}", "\"bytes\""));
}

static void must_read_the_legacy_name_of_struct_and_not_write_it(void **state)
{
    fixture *f = *state;
    const char *legacy =
        "{\"name\":\"structured\",\"configuration\":{\"fields\":[[\"x\",\"uint8\"],"
        "[\"y\",\"int16\"]]}}";
    tsr_array *array = OPEN(f, {"data_type", legacy}, LINE("1", "", "\"AQIA\"", "\"bytes\""));
    const tsr_dtype *dtype = tsr_dtype_ref(tsr_array_dtype(array));
    tsr_array_close(array);
    const array_row row = {.rank = 1, .shape = {1}, .chunk = {1}, .codec = "none"};
    tsr_array_close(array_new(f, f->store, "b", &row, dtype, NULL));
    tsr_dtype_unref(dtype);
    char *text = document_at(f, "b/zarr.json");
    assert_has(text, "\"struct\"");
    assert_has_not(text, "\"structured\"");
    free(text);
}

#define TIME(members) "{\"name\":\"numpy.datetime64\",\"configuration\":{" members "}}"

static void must_have_unit_and_scale_of_times(void **state)
{
    fixture *f = *state;
    BAD(f, "/data_type", LINE("1", TIME("\"unit\":\"s\""), "0", BYTES));
    BAD(f, "/data_type", LINE("1", TIME("\"scale_factor\":1"), "0", BYTES));
    BAD(f, "/data_type", LINE("1", TIME("\"unit\":\"fortnight\",\"scale_factor\":1"), "0", BYTES));
    BAD(f, "/data_type", LINE("1", TIME("\"unit\":\"s\",\"scale_factor\":0"), "0", BYTES));
    BAD(f, "/data_type", LINE("1", TIME("\"unit\":\"s\",\"scale_factor\":2147483648"), "0", BYTES));
    TAKES(f, LINE("1", TIME("\"unit\":\"us\",\"scale_factor\":10"), "0", BYTES));
}

static void must_take_nat_for_the_least_integer(void **state)
{
    fixture *f = *state;
    int64_t found[1];
    tsr_array *array =
        OPEN(f, LINE("1", TIME("\"unit\":\"s\",\"scale_factor\":1"), "\"NaT\"", BYTES));
    READ_ALL(f, array, found);
    assert_true(found[0] == INT64_MIN);
    tsr_array_close(array);
}

#define TEXT(bytes) \
    "{\"name\":\"fixed_length_utf32\",\"configuration\":{\"length_bytes\":" bytes "}}"

static void must_have_whole_code_points_in_texts_of_fixed_length(void **state)
{
    fixture *f = *state;
    BAD(f, "/data_type", LINE("1", TEXT("6"), "\"\"", BYTES));
    BAD(f, "/data_type", LINE("1", TEXT("0"), "\"\"", BYTES));
    BAD(f, "/fill_value", LINE("1", TEXT("8"), "\"abc\"", BYTES));
    TAKES(f, LINE("1", TEXT("8"), "\"ab\"", BYTES));
}

static void must_ignore_the_upper_bits_of_small_types(void **state)
{
    fixture *f = *state;
    int8_t found[2];
    tsr_array *array = OPEN(f, LINE("2", "\"int4\"", "0", "\"bytes\""));
    PUT(f, "a/c/0", {0xf7, 0x0f});
    READ_ALL(f, array, found);
    assert_int_equal(found[0], 7);
    assert_int_equal(found[1], -1);
    tsr_array_close(array);
}

/* ---- the table ---- */

/* clang-format off */
static const must rows[] = {
    MUST("codec cast_value: data_type", "required", must_have_the_type_to_cast_to),
    MUST("codec cast_value: configuration", "metadata with additional keys is invalid", must_refuse_more_members_of_cast_value),
    MUST("codec cast_value: rounding", "five ways to round", must_round_as_rounding_says),
    MUST("codec cast_value: rounding", "nearest-even where it is not present", must_round_to_nearest_even_by_default),
    MUST("codec cast_value: out_of_range", "an error where it is not present", must_fail_out_of_range_by_default),
    MUST("codec cast_value: out_of_range", "clamp: to the least or greatest value", must_clamp_where_out_of_range_says_so),
    MUST("codec cast_value: out_of_range", "wrap: modulo the number of values", must_wrap_by_modular_arithmetic),
    MUST("codec cast_value: out_of_range", "NaN into a type without it is an error in any case", must_fail_on_nan_whatever_out_of_range_says),
    MUST("codec cast_value: scalar_map", "looked into before anything else", must_map_scalars_before_all_else),
    MUST("codec cast_value", "the fill value survives the cast", must_have_a_fill_value_that_can_be_cast),
    MUST("codec scale_offset", "out = (in - offset) * scale", must_scale_by_multiplying_on_encode),
    MUST("codec scale_offset: offset, scale", "fill values of the input type; no other keys", must_have_scalars_of_the_input_type),
    MUST("codec scale_offset", "what cannot be represented is an error", must_fail_where_a_scaled_value_cannot_be_represented),
    MUST("codec packbits", "least significant bit first, padded by 0", must_pack_the_least_significant_bit_first),
    MUST("codec packbits: padding_encoding", "none, first_byte or last_byte", must_say_the_padding_where_it_is_asked_for),
    MUST("codec packbits: first_bit, last_bit", "these bits are kept, and signs extended", must_keep_the_bits_from_first_to_last),
    MUST("codec packbits", "int2 has 2 bits", must_pack_small_types_at_their_width),
    MUST("codec bitround: keepbits", "mantissas are rounded half to even", must_round_mantissas_half_to_even),
    MUST("codec bitround: keepbits", "integers keep bits from the most significant set one", must_round_integers_from_their_highest_bit),
    MUST("codec reshape", "ravel(B) = ravel(A)", must_keep_the_order_of_elements_in_another_shape),
    MUST("codec reshape: shape", "an error where product, order or groups do not fit", must_fail_where_a_shape_does_not_fit),
    MUST("codec n5_default: codecs", "a full transpose, bytes in big endian, at most one codec of bytes", must_turn_all_axes_and_write_big_endian),
    MUST("codec n5_default", "mode, rank and lengths in front, big-endian", must_write_a_header_with_mode_rank_and_lengths),
    MUST("codec n5_default", "blocks are padded or cut off to the chunk", must_read_blocks_that_are_cut_off_or_padded),
    MUST("codec conditional: header_bits", "a multiple of 8, at least as many as codecs", must_have_a_mask_of_whole_bytes_that_holds_all_codecs),
    MUST("codec conditional", "the mask stands in front, its reserved bits are 0", must_put_the_mask_in_front_and_leave_reserved_bits_0),
    MUST("codec conditional", "codecs whose bits are set are undone, in reverse", must_undo_the_codecs_whose_bits_are_set),
    MUST("grid rectilinear: chunk_shapes", "as many lists as dimensions, of positive lengths", must_have_one_list_of_edges_per_axis),
    MUST("grid rectilinear: chunk_shapes", "the edges reach the length of the axis", must_have_edges_that_reach_the_end_of_the_axis),
    MUST("grid rectilinear: chunk_shapes", "[V, N] is N times V", must_expand_runs_of_edges),
    MUST("type struct: fields", "at least one, objects, of unique non-empty names", must_have_fields_with_names_of_their_own),
    MUST("type struct", "packed in the order of declaration, in one byte order", must_pack_fields_in_the_order_of_their_declaration),
    MUST("type struct", "endian is written for multi-byte fields; without it, as zarr-python has it, little is read", must_write_an_endian_for_fields_of_several_bytes),
    MUST("type struct: fill_value", "an object with every field", must_have_every_field_in_the_fill_value),
    MUST("type structured", "read, not written", must_read_the_legacy_name_of_struct_and_not_write_it),
    MUST("type numpy.datetime64", "unit and scale_factor, 1..2^31-1, are required", must_have_unit_and_scale_of_times),
    MUST("type numpy.datetime64: fill_value", "\"NaT\" is -2^63", must_take_nat_for_the_least_integer),
    MUST("type fixed_length_utf32", "length_bytes is a positive multiple of 4, no fill value is longer", must_have_whole_code_points_in_texts_of_fixed_length),
    MUST("types int2, int4, float4, float6", "the upper bits are ignored", must_ignore_the_upper_bits_of_small_types),
};
/* clang-format on */

int main(void)
{
    return run_musts("registry", rows, COUNT(rows));
}
