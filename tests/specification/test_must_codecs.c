/* The codecs of the Zarr specification (bytes, transpose, gzip, zstd, blosc, crc32c), a test for
 * each demand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "specification/specification_testing.h"

/* One chunk of 2 elements of a type, through these codecs. */
#define PAIR(type, fill, codecs)                                                \
    {"shape", "[2]"}, {"chunk_grid", GRID("2")}, {"data_type", "\"" type "\""}, \
        {"fill_value", fill},                                                   \
    {                                                                           \
        "codecs", "[" codecs "]"                                                \
    }
#define ENDIAN(order) "{\"name\":\"bytes\",\"configuration\":{\"endian\":\"" order "\"}}"
#define TURN(order) "{\"name\":\"transpose\",\"configuration\":{\"order\":" order "}}"
#define BLOSC(members) "{\"name\":\"blosc\",\"configuration\":{" members "}}"

/* ---- bytes ---- */

static void must_have_an_endian_for_types_of_several_bytes(void **state)
{
    fixture *f = *state;
    BAD(f, "endian", PAIR("int16", "0", "{\"name\":\"bytes\"}"));
    BAD(f, "endian", PAIR("complex64", "[0,0]", "{\"name\":\"bytes\",\"configuration\":{}}"));
    TAKES(f, PAIR("uint8", "0", "{\"name\":\"bytes\"}"));
    TAKES(f, PAIR("bool", "false", "\"bytes\""));
    TAKES(f, PAIR("uint8", "0", ENDIAN("little")));
}

static void must_have_big_or_little_as_endian(void **state)
{
    fixture *f = *state;
    BAD(f, "endian", PAIR("int16", "0", ENDIAN("middle")));
    BAD(f, "endian", PAIR("int16", "0", ENDIAN("Little")));
    BAD(f, "endian",
        PAIR("int16", "0", "{\"name\":\"bytes\",\"configuration\":{\"endian\":true}}"));
}

static void must_order_the_bytes_of_elements_as_endian_says(void **state)
{
    fixture *f = *state;
    const int32_t values[2] = {0x01020304, -2};
    tsr_array *array = OPEN(f, PAIR("int32", "0", ENDIAN("big")));
    WRITE_ALL(f, array, values);
    tsr_array_close(array);
    STORED(f, "a/c/0", {1, 2, 3, 4, 0xff, 0xff, 0xff, 0xfe});
    array = OPEN(f, PAIR("int32", "0", ENDIAN("little")));
    WRITE_ALL(f, array, values);
    tsr_array_close(array);
    STORED(f, "a/c/0", {4, 3, 2, 1, 0xfe, 0xff, 0xff, 0xff});
}

static void must_encode_bool_as_0_and_1(void **state)
{
    fixture *f = *state;
    const bool values[2] = {true, false};
    tsr_array *array = OPEN(f, PAIR("bool", "true", ENDIAN("big")));
    WRITE_ALL(f, array, values);
    tsr_array_close(array);
    STORED(f, "a/c/0", {1, 0});
}

static void must_encode_complex_numbers_part_by_part(void **state)
{
    fixture *f = *state;
    const float values[4] = {1, 2, -1, 0.5f};
    tsr_array *array = OPEN(f, PAIR("complex64", "[0,0]", ENDIAN("big")));
    WRITE_ALL(f, array, values);
    tsr_array_close(array);
    STORED(f, "a/c/0", {0x3f, 0x80, 0, 0, 0x40, 0, 0, 0, 0xbf, 0x80, 0, 0, 0x3f, 0, 0, 0});
}

static void must_encode_floats_as_ieee_754(void **state)
{
    fixture *f = *state;
    const double values[2] = {1.5, -0.0};
    const uint16_t halves[2] = {0x3e00, 0x8000};
    tsr_array *array = OPEN(f, PAIR("float64", "0", ENDIAN("big")));
    WRITE_ALL(f, array, values);
    tsr_array_close(array);
    STORED(f, "a/c/0", {0x3f, 0xf8, 0, 0, 0, 0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0});
    array = OPEN(f, PAIR("float16", "0", ENDIAN("little")));
    WRITE_ALL(f, array, halves);
    tsr_array_close(array);
    STORED(f, "a/c/0", {0, 0x3e, 0, 0x80});
}

static void must_encode_raw_bytes_as_they_are(void **state)
{
    fixture *f = *state;
    const unsigned char values[6] = {1, 2, 3, 4, 5, 6};
    tsr_array *array = OPEN(f, PAIR("r24", "[0,0,0]", ENDIAN("big")));
    WRITE_ALL(f, array, values);
    tsr_array_close(array);
    STORED(f, "a/c/0", {1, 2, 3, 4, 5, 6});
}

static void must_encode_elements_in_lexicographical_order(void **state)
{
    fixture *f = *state;
    const uint8_t values[6] = {1, 2, 3, 4, 5, 6};
    tsr_array *array = OPEN(f, {"shape", "[2,3]"}, {"data_type", "\"uint8\""}, {"fill_value", "0"});
    WRITE_ALL(f, array, values);
    tsr_array_close(array);
    STORED(f, "a/c/0/0", {1, 2, 3, 4, 5, 6});
}

/* ---- transpose ---- */

static void must_have_a_permutation_as_order(void **state)
{
    fixture *f = *state;
    static const char *const wrong[] = {"[0]",   "[0,0]", "[0,2]",   "[0,1,2]", "[1,-1]",
                                        "\"C\"", "\"F\"", "[0,1.5]", "[]",      "null"};
    for (size_t i = 0; i < COUNT(wrong); i++) {
        char codecs[200];
        snprintf(codecs, sizeof codecs,
                 "[{\"name\":\"transpose\",\"configuration\":{\"order\":%s}}," BYTES "]", wrong[i]);
        BAD(f, "order", {"codecs", codecs});
    }
    BAD(f, "order", {"codecs", "[{\"name\":\"transpose\",\"configuration\":{}}," BYTES "]"});
    TAKES(f, {"codecs", "[" TURN("[0,1]") "," BYTES "]"});
}

static void must_place_axis_order_i_at_i(void **state)
{
    fixture *f = *state;
    uint8_t values[2][3][4], found[2][3][4];
    for (int i = 0; i < 24; i++)
        values[i / 12][i / 4 % 3][i % 4] = (uint8_t)(i + 1);
    tsr_array *array =
        OPEN(f, {"shape", "[2,3,4]"}, {"chunk_grid", GRID("2,3,4")}, {"data_type", "\"uint8\""},
             {"fill_value", "0"}, {"codecs", "[" TURN("[1,2,0]") ",\"bytes\"]"});
    WRITE_ALL(f, array, values);
    unsigned char wanted[24], *at = wanted;
    for (int j = 0; j < 3; j++)
        for (int k = 0; k < 4; k++)
            for (int i = 0; i < 2; i++)
                *at++ = values[i][j][k];
    stored_at(f, "a/c/0/0/0", wanted, sizeof wanted, __LINE__);
    READ_ALL(f, array, found);
    assert_memory_equal(found, values, sizeof values);
    tsr_array_close(array);
}

/* ---- compressors ---- */

/* A new array is refused these codecs, for the member that they have no encoder for. Documents that
 * others wrote with them are read all the same, since decoding does not need it. */
static void refuse_new(fixture *f, const char *codecs, const char *member, int line)
{
    static const int64_t shape[] = {2};
    tsr_array_create_options options;
    tsr_array *array = NULL;

    tsr_array_create_options_init(&options);
    options.store = f->store;
    options.dtype = TSR_UINT8;
    options.rank = 1;
    options.shape = options.chunk_shape = shape;
    options.codecs = codecs;
    tsr_error_clear(&f->err);
    int status = tsr_array_create(f->context, "new", &options, &array, &f->err);
    if (status != TSR_INVALID_ARGUMENT || !strstr(f->err.message, member))
        fail_msg("line %d: status %d: %s", line, status, status < 0 ? f->err.message : "made");
}
#define NEVER_NEW(f, member, codecs)                     \
    refuse_new((f), "[" codecs "]", (member), __LINE__); \
    TAKES(f, PAIR("uint8", "0", codecs))

static void must_have_a_gzip_level_from_0_to_9(void **state)
{
    fixture *f = *state;
#define GZIP(level) "{\"name\":\"gzip\",\"configuration\":{\"level\":" level "}}"
    NEVER_NEW(f, "level", "\"bytes\"," GZIP("10"));
    NEVER_NEW(f, "level", "\"bytes\"," GZIP("-1"));
    NEVER_NEW(f, "level", "\"bytes\"," GZIP("\"5\""));
    NEVER_NEW(f, "level", "\"bytes\"," GZIP("5.5"));
    TAKES(f, PAIR("uint8", "0", "\"bytes\"," GZIP("0")));
    TAKES(f, PAIR("uint8", "0", "\"bytes\"," GZIP("9")));
}

static void must_read_gzip_members_of_rfc_1952(void **state)
{
    fixture *f = *state;
    uint8_t found[2];
    tsr_array *array = OPEN(f, PAIR("uint8", "0", "\"bytes\"," GZIP("5")));
    /* One stored block with the bytes 07 2a: header, 01 len ~len data, CRC-32 and length. */
    PUT(f, "a/c/0", {0x1f, 0x8b, 8,    0,    0,    0,    0,    0,    0, 0xff, 1, 2, 0,
                     0xfd, 0xff, 0x07, 0x2a, 0xee, 0x4d, 0x23, 0xd5, 2, 0,    0, 0});
    READ_ALL(f, array, found);
    assert_int_equal(found[0], 0x07);
    assert_int_equal(found[1], 0x2a);
    tsr_array_close(array);
}

static void must_have_a_zstd_level_that_zstd_has(void **state)
{
    fixture *f = *state;
#define ZSTD(members) "{\"name\":\"zstd\",\"configuration\":{" members "}}"
    NEVER_NEW(f, "level", "\"bytes\"," ZSTD("\"level\":23,\"checksum\":false"));
    NEVER_NEW(f, "level", "\"bytes\"," ZSTD("\"level\":-131073,\"checksum\":false"));
    BAD(f, "checksum", PAIR("uint8", "0", "\"bytes\"," ZSTD("\"level\":1,\"checksum\":1")));
    TAKES(f, PAIR("uint8", "0", "\"bytes\"," ZSTD("\"level\":-131072,\"checksum\":true")));
}

static void must_read_zstd_frames_of_rfc_8878(void **state)
{
    fixture *f = *state;
    uint8_t found[2];
    tsr_array *array = OPEN(f, PAIR("uint8", "0", "\"bytes\"," ZSTD("\"level\":0")));
    /* Magic; a single segment of 2 bytes; the last block, raw, 2 bytes long: 11 00 00. */
    PUT(f, "a/c/0", {0x28, 0xb5, 0x2f, 0xfd, 0x20, 2, 0x11, 0, 0, 0x07, 0x2a});
    READ_ALL(f, array, found);
    assert_int_equal(found[0], 0x07);
    assert_int_equal(found[1], 0x2a);
    tsr_array_close(array);
}

static void must_have_a_shuffle_that_blosc_has(void **state)
{
    fixture *f = *state;
#define SHUFFLED(shuffle)                                                               \
    "\"bytes\"," BLOSC("\"cname\":\"lz4\",\"clevel\":1,\"typesize\":1,\"blocksize\":0," \
                       "\"shuffle\":" shuffle)
    TAKES(f, PAIR("uint8", "0", SHUFFLED("\"noshuffle\"")));
    TAKES(f, PAIR("uint8", "0", SHUFFLED("\"shuffle\"")));
    TAKES(f, PAIR("uint8", "0", SHUFFLED("\"bitshuffle\"")));
    BAD(f, "shuffle", PAIR("uint8", "0", SHUFFLED("\"auto\"")));
    BAD(f, "shuffle", PAIR("uint8", "0", SHUFFLED("-1")));
    BAD(f, "shuffle", PAIR("uint8", "0", SHUFFLED("1")));
}

static void must_have_a_blosc_level_from_0_to_9(void **state)
{
    fixture *f = *state;
    NEVER_NEW(f, "clevel", "\"bytes\"," BLOSC("\"cname\":\"lz4\",\"clevel\":10"));
    NEVER_NEW(f, "clevel", "\"bytes\"," BLOSC("\"cname\":\"lz4\",\"clevel\":-1"));
    BAD(f, "cname", PAIR("uint8", "0", "\"bytes\"," BLOSC("\"cname\":\"lzx\",\"clevel\":1")));
}

static void must_have_a_positive_typesize(void **state)
{
    fixture *f = *state;
    NEVER_NEW(f, "typesize",
              "\"bytes\"," BLOSC("\"cname\":\"lz4\",\"clevel\":1,"
                                 "\"shuffle\":\"shuffle\",\"typesize\":0"));
    NEVER_NEW(f, "typesize",
              "\"bytes\"," BLOSC("\"cname\":\"lz4\",\"clevel\":1,"
                                 "\"shuffle\":\"shuffle\",\"typesize\":-4"));
}

static void must_record_the_typesize_and_shuffle_that_were_chosen(void **state)
{
    fixture *f = *state;
    const array_row row = {.rank = 1, .shape = {2}, .chunk = {2}, .codec = "blosc:zstd"};
    tsr_array_close(array_new(f, f->store, "a", &row, TSR_FLOAT64, NULL));
    char *text = document_at(f, "a/zarr.json");
    assert_has(text, "\"typesize\": 8");
    assert_has(text, "\"shuffle\": \"shuffle\"");
    free(text);
}

/* ---- crc32c ---- */

static void must_append_the_checksum_in_little_endian(void **state)
{
    fixture *f = *state;
    /* RFC 3720, B.4: 32 bytes of ones have the CRC-32C 43 ab a8 62 as they lie in memory. */
    uint8_t values[32];
    memset(values, 0xff, sizeof values);
    tsr_array *array =
        OPEN(f, {"shape", "[32]"}, {"chunk_grid", GRID("32")}, {"data_type", "\"uint8\""},
             {"fill_value", "0"}, {"codecs", "[\"bytes\"," CRC "]"});
    WRITE_ALL(f, array, values);
    tsr_array_close(array);
    unsigned char wanted[36];
    memset(wanted, 0xff, 32);
    memcpy(wanted + 32, "\x43\xab\xa8\x62", 4);
    stored_at(f, "a/c/0", wanted, sizeof wanted, __LINE__);
}

static void must_fail_where_the_checksum_does_not_hold(void **state)
{
    fixture *f = *state;
    uint8_t found[2];
    tsr_array *array = OPEN(f, PAIR("uint8", "0", "\"bytes\"," CRC));
    PUT(f, "a/c/0", {1, 2, 3, 4, 5, 6});
    tsr_error_clear(&f->err);
    assert_int_equal(tsr_array_read(array, NULL, NULL, NULL, found, 2, NULL, &f->err), TSR_DAMAGED);
    assert_has(f->err.message, "crc32c");
    tsr_array_close(array);
}

/* ---- the table ---- */

/* clang-format off */
static const must rows[] = {
    MUST("bytes: endian", "required for multi-byte data types", must_have_an_endian_for_types_of_several_bytes),
    MUST("bytes: endian", "\"big\" or \"little\"", must_have_big_or_little_as_endian),
    MUST("bytes", "each element in the byte order that endian says", must_order_the_bytes_of_elements_as_endian_says),
    MUST("bytes", "false is 00 and true is 01, whatever endian says", must_encode_bool_as_0_and_1),
    MUST("bytes", "complex numbers are two consecutive values, real part first", must_encode_complex_numbers_part_by_part),
    MUST("bytes", "floats are IEEE 754 binary16, 32 and 64", must_encode_floats_as_ieee_754),
    MUST("bytes", "r* are bytes, which have no order", must_encode_raw_bytes_as_they_are),
    MUST("bytes", "elements in lexicographical order", must_encode_elements_in_lexicographical_order),
    MUST("transpose: order", "required, a permutation of 0..n-1; the constants C and F are gone", must_have_a_permutation_as_order),
    MUST("transpose", "B_shape[i] = A_shape[order[i]], shown by a cycle of three axes", must_place_axis_order_i_at_i),
    MUST("gzip: level", "an integer from 0 to 9, in what we make", must_have_a_gzip_level_from_0_to_9),
    MUST("gzip", "the format of RFC 1952", must_read_gzip_members_of_rfc_1952),
    MUST("zstd: level, checksum", "an integer from -131072 to 22, in what we make; a boolean", must_have_a_zstd_level_that_zstd_has),
    MUST("zstd", "the format of RFC 8878", must_read_zstd_frames_of_rfc_8878),
    MUST("blosc: shuffle", "noshuffle, shuffle or bitshuffle", must_have_a_shuffle_that_blosc_has),
    MUST("blosc: cname, clevel", "a compressor that blosc has; an integer from 0 to 9, in what we make", must_have_a_blosc_level_from_0_to_9),
    MUST("blosc: typesize", "a positive integer, in what we make", must_have_a_positive_typesize),
    MUST("blosc: typesize, shuffle", "what was chosen is recorded", must_record_the_typesize_and_shuffle_that_were_chosen),
    MUST("crc32c", "the CRC-32C of RFC 3720 behind the data, in little endian", must_append_the_checksum_in_little_endian),
    MUST("crc32c", "decoding fails where it does not hold", must_fail_where_the_checksum_does_not_hold),
};
/* clang-format on */

int main(void)
{
    return run_musts("codecs", rows, COUNT(rows));
}
