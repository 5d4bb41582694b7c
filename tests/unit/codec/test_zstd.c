/* zstd: vectors written by hand after RFC 8878, files of other programs, hostile frames. */
#include "base/output.h"
#include "conformance/codec_golden.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

static codec_case level_0 = {.label = "level 0", .name = "zstd", .configuration = "{\"level\":0}"};
static codec_case level_9 = {.label = "level 9, checksum",
                             .name = "zstd",
                             .configuration = "{\"level\":9,\"checksum\":true}"};
static codec_case level_fast = {
    .label = "level -50", .name = "zstd", .configuration = "{\"level\":-50,\"checksum\":false}"};
static codec_case v2 = {.label = "v2",
                        .zarr_format = 2,
                        .name = "zstd",
                        .configuration = "{\"level\":\"3\",\"checksum\":false}"};

#define HELLO "hello world!"
/* Magic number, no content size and no checksum, a window of 1 KiB; one raw block, the last, of 12
 * bytes. */
#define FRAME_HELLO "\x28\xb5\x2f\xfd\x00\x00\x61\x00\x00" HELLO
/* A skippable frame of 4 bytes. */
#define FRAME_SKIP "\x50\x2a\x4d\x18\x04\x00\x00\x00skip"
/* As FRAME_HELLO with one block that repeats 'x' 3 times (type 1). */
#define FRAME_XXX "\x28\xb5\x2f\xfd\x00\x00\x1b\x00\x00x"

static void test_frames_by_hand(void **state)
{
    codec_fixture fixture = codec_fixture_open(&level_0);
    static const char several[] =
        FRAME_SKIP FRAME_HELLO FRAME_SKIP FRAME_XXX FRAME_HELLO FRAME_SKIP;

    (void)state;
    codec_expect_decoded(&fixture, FRAME_HELLO, sizeof FRAME_HELLO - 1, HELLO, 12);
    codec_expect_decoded(&fixture, FRAME_XXX, sizeof FRAME_XXX - 1, "xxx", 3);
    codec_expect_decoded(&fixture, several, sizeof several - 1, HELLO "xxx" HELLO, 27);
    codec_expect_decoded(&fixture, FRAME_SKIP, sizeof FRAME_SKIP - 1, "", 0);
    codec_expect_damaged(&fixture, several, sizeof several - 1, 26, "more than the 26 bytes");
    codec_expect_damaged(&fixture, "", 0, 12, "cut off after 0 bytes");
    codec_expect_damaged(&fixture, FRAME_HELLO "garbage", sizeof FRAME_HELLO + 6, 12, "zstd: ");
    codec_fixture_close(&fixture);
}

static void test_golden(void **state)
{
    static const char *const files[] = {
        "zstd-0.small",      "zstd-22.small", "zstd--5.small",      "zstd-checksum.small",
        "zstd-frames.small", "zstd-0.large",  "zstd-unsized.large",
    };
    codec_fixture fixture = codec_fixture_open(&level_0);

    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        golden_expect(&fixture, files[i]);
    codec_fixture_close(&fixture);
}

static void test_checksum_is_verified(void **state)
{
    codec_fixture fixture = codec_fixture_open(&level_0);
    size_t size_bytes;
    char *bytes = golden_read("zstd-checksum.small", &size_bytes);

    (void)state;
    bytes[size_bytes - 1] ^= 1; /* the last byte is the checksum's */
    codec_expect_damaged(&fixture, bytes, size_bytes, 3000, "checksum");
    free(bytes);
    codec_fixture_close(&fixture);
}

/* The flag is bit 2 of the byte behind the magic number; 0 is the default. */
static void test_configuration_reaches_the_frame(void **state)
{
    codec_fixture with = codec_fixture_open(&level_9), without = codec_fixture_open(&level_0);
    char bytes[4000];
    tsr_output output;

    (void)state;
    codec_data_fill(DATA_SMOOTH, bytes, sizeof bytes);
    codec_encode(&with, bytes, sizeof bytes, &output);
    assert_int_equal(output.data[4] & 4, 4);
    tsri_output_clear(&output);
    codec_encode(&without, bytes, sizeof bytes, &output);
    assert_int_equal(output.data[4] & 4, 0);
    /* zstd itself, told the level in its own way. */
    char *reference = malloc(ZSTD_compressBound(sizeof bytes));
    size_t reference_bytes =
        ZSTD_compress(reference, ZSTD_compressBound(sizeof bytes), bytes, sizeof bytes, 3);
    assert_int_equal(output.size_bytes, reference_bytes);
    assert_memory_equal(output.data, reference, reference_bytes);
    free(reference);
    tsri_output_clear(&output);
    codec_fixture_close(&with);
    codec_fixture_close(&without);
}

/* The context is shared by the codecs of a thread: none may see another's parameters. */
static void test_codecs_share_a_scratch(void **state)
{
    codec_fixture with = codec_fixture_open(&level_9), without = codec_fixture_open(&level_0);
    tsr_output alone, after;

    (void)state;
    codec_encode(&without, HELLO, 12, &alone);
    tsr_codec_scratch *own = without.scratch;
    without.scratch = with.scratch;
    codec_encode(&with, HELLO, 12, &after);
    tsri_output_clear(&after);
    codec_encode(&without, HELLO, 12, &after);
    assert_int_equal(after.size_bytes, alone.size_bytes);
    assert_memory_equal(after.data, alone.data, alone.size_bytes);
    without.scratch = own;
    tsri_output_clear(&alone);
    tsri_output_clear(&after);
    codec_fixture_close(&with);
    codec_fixture_close(&without);
}

#define SHORTS_BYTES ((size_t)512 << 10)

/* A slow wave with four bits of noise: what a sensor or a satellite sends. */
static void fill_sensor(uint16_t *values, size_t count)
{
    uint64_t random = 88172645463325252u; /* xorshift64 of Marsaglia */
    for (size_t i = 0; i < count; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        values[i] = (uint16_t)(20000 + (i % 512) * (512 - i % 512) / 8 + (random >> 60));
    }
}

static size_t plain_frame(const void *bytes, size_t size_bytes, int level, void *frame)
{
    size_t frame_bytes =
        ZSTD_compress(frame, ZSTD_compressBound(size_bytes), bytes, size_bytes, level);
    assert_false(ZSTD_isError(frame_bytes));
    return frame_bytes;
}

static size_t encoded_size(const tsr_dtype *dtype, const char *configuration, const void *bytes,
                           size_t size_bytes, const void *expected, size_t expected_bytes)
{
    codec_case row = {.name = "zstd", .dtype = dtype, .configuration = configuration};
    codec_fixture fixture = codec_fixture_open(&row);
    char *decoded = malloc(size_bytes);
    tsr_output output;

    codec_encode(&fixture, bytes, size_bytes, &output);
    size_t encoded_bytes = output.size_bytes;
    assert_int_equal(ZSTD_decompress(decoded, size_bytes, output.data, encoded_bytes), size_bytes);
    assert_memory_equal(decoded, bytes, size_bytes);
    if (expected) {
        assert_int_equal(encoded_bytes, expected_bytes);
        assert_memory_equal(output.data, expected, expected_bytes);
    }
    tsri_output_clear(&output);
    codec_fixture_close(&fixture);
    free(decoded);
    return encoded_bytes;
}

/* Short integers are searched in another way at the usual level: any zstd decodes the frame, it is
 * no larger than the library's own, and it lies between the levels around it. Everything else is
 * the library's own frame. */
static void test_short_integers(void **state)
{
    uint16_t *values = malloc(SHORTS_BYTES);
    char *plain = malloc(ZSTD_compressBound(SHORTS_BYTES));

    (void)state;
    fill_sensor(values, SHORTS_BYTES / 2);
    size_t plain_bytes = plain_frame(values, SHORTS_BYTES, 3, plain);
    size_t usual = encoded_size(TSR_UINT16, "{\"level\":0}", values, SHORTS_BYTES, NULL, 0);
    assert_int_equal(usual,
                     encoded_size(TSR_INT16, "{\"level\":3}", values, SHORTS_BYTES, NULL, 0));
    assert_int_not_equal(usual, plain_bytes);
    assert_true(usual <= plain_bytes);
    assert_true(usual < plain_frame(values, SHORTS_BYTES, 1, plain));
    assert_true(usual > plain_frame(values, SHORTS_BYTES, 9, plain));

    const tsr_dtype *others[] = {TSR_UINT8, TSR_FLOAT16, TSR_INT32, TSR_FLOAT64, TSR_COMPLEX64};
    plain_bytes = plain_frame(values, SHORTS_BYTES, 3, plain);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        encoded_size(others[i], "{\"level\":3}", values, SHORTS_BYTES, plain, plain_bytes);
    plain_bytes = plain_frame(values, SHORTS_BYTES, 4, plain);
    encoded_size(TSR_UINT16, "{\"level\":4}", values, SHORTS_BYTES, plain, plain_bytes);
    plain_bytes = plain_frame(values, ((size_t)128 << 10) - 2, 3, plain);
    encoded_size(TSR_UINT16, "{\"level\":3}", values, ((size_t)128 << 10) - 2, plain, plain_bytes);
    free(plain);
    free(values);
}

/* 1 GiB of zeros in 33 KB, decoded to a chunk of 1 MiB. */
static void test_bomb(void **state)
{
    codec_fixture fixture = codec_fixture_open(&level_0);
    size_t step = (size_t)1 << 20, room = (size_t)1 << 20;
    char *zeros = calloc(1, step), *bomb = malloc(room);
    ZSTD_CCtx *compressor = ZSTD_createCCtx();
    ZSTD_outBuffer out = {bomb, room, 0};

    (void)state;
    for (int i = 0; i < 1024; i++) {
        ZSTD_inBuffer in = {zeros, step, 0};
        size_t left =
            ZSTD_compressStream2(compressor, &out, &in, i < 1023 ? ZSTD_e_continue : ZSTD_e_end);
        assert_false(ZSTD_isError(left));
        assert_int_equal(in.pos, step);
    }
    assert_in_range(out.pos, 1000, 50000);
    codec_expect_damaged(&fixture, bomb, out.pos, step, "more than the 1048576 bytes");
    ZSTD_freeCCtx(compressor);
    free(zeros);
    free(bomb);
    codec_fixture_close(&fixture);
}

/* By glibc's account; a sanitizer's allocator reports 0. */
static size_t bytes_in_use(void)
{
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

/* A frame may ask for a window of many GiB; a prefix must not make it so. */
static void test_prefix_of_a_huge_window(void **state)
{
    codec_fixture fixture = codec_fixture_open(&level_0);
    char frame[] = FRAME_HELLO;
    size_t room = (size_t)1 << 20, decoded_bytes = 0;
    char *decoded = malloc(room);
    tsr_error err = TSR_ERROR_INIT;
    size_t before = bytes_in_use();

    (void)state;
    for (int log = 10; log <= 31; log++) {
        frame[5] = (char)((log - 10) << 3); /* the exponent of the window descriptor */
        int status =
            fixture.ops->decode_prefix(fixture.codec, fixture.scratch, frame, sizeof frame - 1,
                                       decoded, room, 5, &decoded_bytes, &err);
        if (status < 0)
            fail_msg("window of 2^%d: %s", log, err.message);
        assert_in_range(decoded_bytes, 5, 12);
        assert_memory_equal(decoded, HELLO, decoded_bytes);
        /* The context keeps its window, so it would still be seen here. */
        assert_in_range(bytes_in_use() - before, 0, (size_t)4 << 20);
    }
    free(decoded);
    codec_fixture_close(&fixture);
}

/* Frames as encoders of streams make them too: any window, the size of the content told or not, a
 * checksum or none. The data repeats itself from as far back as the window reaches, so that matches
 * lie across the end of a ring. */
enum { REPEATED_BYTES = 1500000 };

static void fill_repeated(unsigned char *bytes, size_t window_bytes)
{
    uint64_t random = 99;

    for (size_t at = 0; at < REPEATED_BYTES;) {
        size_t run = 40 + codec_random(&random) % 3000, back = codec_random(&random) % window_bytes;
        bool fresh = at < window_bytes || codec_random(&random) % 8 == 0;
        run = run < REPEATED_BYTES - at ? run : REPEATED_BYTES - at;
        for (size_t i = 0; i < run; i++, at++)
            bytes[at] =
                fresh ? (unsigned char)codec_random(&random) : bytes[at - window_bytes + back / 64];
    }
}

static size_t frame_of(const void *bytes, int window_log, bool told, bool checksum, void *frame,
                       size_t room_bytes)
{
    ZSTD_CCtx *compressor = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(compressor, ZSTD_c_compressionLevel, 5);
    ZSTD_CCtx_setParameter(compressor, ZSTD_c_windowLog, window_log);
    ZSTD_CCtx_setParameter(compressor, ZSTD_c_contentSizeFlag, told);
    ZSTD_CCtx_setParameter(compressor, ZSTD_c_checksumFlag, checksum);
    size_t frame_bytes = ZSTD_compress2(compressor, frame, room_bytes, bytes, REPEATED_BYTES);
    assert_false(ZSTD_isError(frame_bytes));
    ZSTD_freeCCtx(compressor);
    return frame_bytes;
}

typedef struct pieces_seen {
    const unsigned char *expected;
    size_t bytes, largest;
    uintptr_t lowest, end; /* of the memory that pieces lay in */
} pieces_seen;

static int see_piece(void *user, size_t offset_bytes, const void *piece, size_t size_bytes,
                     tsr_error *err)
{
    pieces_seen *seen = user;
    uintptr_t at = (uintptr_t)piece;

    (void)err;
    assert_int_equal(offset_bytes, seen->bytes);
    assert_in_range(size_bytes, 1, REPEATED_BYTES - offset_bytes);
    assert_memory_equal(piece, seen->expected + offset_bytes, size_bytes);
    seen->bytes += size_bytes;
    seen->largest = size_bytes > seen->largest ? size_bytes : seen->largest;
    seen->lowest = at < seen->lowest ? at : seen->lowest;
    seen->end = at + size_bytes > seen->end ? at + size_bytes : seen->end;
    return 0;
}

static pieces_seen decode_pieces(const codec_fixture *fixture, const unsigned char *expected,
                                 const void *frame, size_t frame_bytes, size_t end_bytes,
                                 int expected_status)
{
    pieces_seen seen = {.expected = expected, .lowest = UINTPTR_MAX};
    const tsr_codec_pieces pieces = {0, end_bytes, see_piece, &seen};
    tsr_error err = TSR_ERROR_INIT;
    size_t decoded_bytes = 0;
    int status = fixture->ops->decode_pieces(fixture->codec, fixture->scratch, frame, frame_bytes,
                                             REPEATED_BYTES, &pieces, &decoded_bytes, &err);
    if (status != expected_status)
        fail_msg("status %d, \"%s\"", status, err.message);
    assert_int_equal(decoded_bytes, status == 0 ? REPEATED_BYTES : 0);
    return seen;
}

static void test_pieces_of_any_window(void **state)
{
    codec_fixture fixture = codec_fixture_open(&level_0);
    unsigned char *data = malloc(REPEATED_BYTES);
    size_t room_bytes = ZSTD_compressBound(REPEATED_BYTES);
    char *frame = malloc(room_bytes);

    (void)state;
    for (int log = 10; log <= 21; log++) {
        size_t window_bytes = (size_t)1 << log;
        size_t block_bytes = window_bytes < 131072 ? window_bytes : 131072;
        fill_repeated(data, log < 21 ? window_bytes : 1000000);
        for (int kind = 0; kind < 4; kind++) {
            bool checksum = kind >= 2;
            size_t frame_bytes = frame_of(data, log, kind % 2, checksum, frame, room_bytes);
            pieces_seen all = decode_pieces(&fixture, data, frame, frame_bytes, REPEATED_BYTES, 0);
            assert_int_equal(all.bytes, REPEATED_BYTES);
            assert_in_range(all.largest, 1, block_bytes);
            if (log < 20) /* a ring, not all of the content */
                assert_in_range(all.end - all.lowest, 1, window_bytes + 3 * 131072);
            /* No block beyond the last one that is wanted, except for the checksum's sake. */
            pieces_seen some = decode_pieces(&fixture, data, frame, frame_bytes, 300001, 0);
            if (checksum)
                assert_int_equal(some.bytes, REPEATED_BYTES);
            else
                assert_in_range(some.bytes, 300001, 300000 + block_bytes);
        }
    }
    free(frame);
    free(data);
    codec_fixture_close(&fixture);
}

/* Damage in what is decoded is found, behind it only where a checksum covers it all. */
static void test_damage_behind_a_prefix(void **state)
{
    codec_fixture fixture = codec_fixture_open(&level_0);
    unsigned char *data = malloc(REPEATED_BYTES), *decoded = malloc(REPEATED_BYTES);
    size_t room_bytes = ZSTD_compressBound(REPEATED_BYTES), decoded_bytes = 0;
    char *frame = malloc(room_bytes);
    tsr_error err = TSR_ERROR_INIT;

    (void)state;
    fill_repeated(data, 65536);
    for (int checksum = 0; checksum < 2; checksum++) {
        size_t frame_bytes = frame_of(data, 16, true, checksum, frame, room_bytes);
        int expected = checksum ? TSR_DAMAGED : 0;
        /* In the checksum, or else in the last block. */
        for (size_t i = 1; i <= (checksum ? 4 : 40); i++)
            frame[frame_bytes - i] = (char)~frame[frame_bytes - i];
        decode_pieces(&fixture, data, frame, frame_bytes, 100000, expected);
        assert_int_equal(fixture.ops->decode_prefix(fixture.codec, fixture.scratch, frame,
                                                    frame_bytes, decoded, REPEATED_BYTES, 100000,
                                                    &decoded_bytes, &err),
                         expected);
        if (!checksum)
            assert_in_range(decoded_bytes, 100000, 100000 + 131072);
        if (!checksum)
            assert_memory_equal(decoded, data, decoded_bytes);
        /* Content that the header does not tell, and that goes on behind the end of the chunk. */
        frame_bytes = frame_of(data, 16, false, checksum, frame, room_bytes);
        codec_expect_damaged(&fixture, frame, frame_bytes, REPEATED_BYTES - 1, "more than the");
        const tsr_codec_pieces pieces = {0, REPEATED_BYTES - 1, see_piece,
                                         &(pieces_seen){.expected = data, .lowest = UINTPTR_MAX}};
        assert_int_equal(fixture.ops->decode_pieces(fixture.codec, fixture.scratch, frame,
                                                    frame_bytes, REPEATED_BYTES - 1, &pieces,
                                                    &decoded_bytes, &err),
                         TSR_DAMAGED);
    }
    free(frame);
    free(decoded);
    free(data);
    codec_fixture_close(&fixture);
}

static void test_describe(void **state)
{
    static const struct {
        codec_case *row;
        int zarr_format;
        const char *text;
    } rows[] = {
        {&level_0, 3, "{\"level\":0}"},
        {&level_9, 3, "{\"level\":9,\"checksum\":true}"},
        {&level_fast, 3, "{\"level\":-50}"},
        {&v2, 2, "{\"level\":3}"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        codec_fixture fixture = codec_fixture_open(rows[i].row);
        tsr_output text = codec_describe(&fixture, rows[i].zarr_format);
        assert_string_equal(text.data, rows[i].text);
        tsri_output_clear(&text);
        codec_fixture_close(&fixture);
    }
}

static void expect_opens(const char *name, int zarr_format, const char *configuration)
{
    codec_case row = {.zarr_format = zarr_format, .name = name, .configuration = configuration};
    codec_fixture fixture = codec_fixture_open(&row);
    codec_fixture_close(&fixture);
}

static void test_configurations(void **state)
{
    codec_case row = {.name = "zstd"};

    (void)state;
    expect_opens("zstd", 3, "{}");
    expect_opens("zstd", 3, "{\"level\":-131072}");
    expect_opens("zstd", 3, "{\"level\":22,\"made_by\":\"somebody\"}");
    expect_opens("numcodecs.zstd", 3, "{\"level\":\"-3\",\"checksum\":null}");
    row.configuration = "{\"level\":23}";
    codec_expect_refusal(&row, TSR_BAD_METADATA, "/configuration/level");
    row.configuration = "{\"level\":-131073}";
    codec_expect_refusal(&row, TSR_BAD_METADATA, "-131073");
    row.configuration = "{\"level\":\"3\"}";
    codec_expect_refusal(&row, TSR_BAD_METADATA, "/configuration/level");
    row.configuration = "{\"level\":1.5}";
    codec_expect_refusal(&row, TSR_BAD_METADATA, "/configuration/level");
    row.configuration = "{\"checksum\":1}";
    codec_expect_refusal(&row, TSR_BAD_METADATA, "/configuration/checksum");
    row.configuration = "{\"level\":3";
    codec_expect_refusal(&row, TSR_BAD_METADATA, "zstd: configuration");
    row.configuration = "[3]";
    codec_expect_refusal(&row, TSR_BAD_METADATA, "must be a JSON object");
    row.name = "numcodecs.zstd";
    row.configuration = "{\"level\":\"3x\"}";
    codec_expect_refusal(&row, TSR_BAD_METADATA, "\"3x\" is not an integer from -131072 to 22");
    row.configuration = "{\"level\":\"99\"}";
    codec_expect_refusal(&row, TSR_BAD_METADATA, "\"99\" is not an integer");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frames_by_hand),
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_checksum_is_verified),
        cmocka_unit_test(test_configuration_reaches_the_frame),
        cmocka_unit_test(test_codecs_share_a_scratch),
        cmocka_unit_test(test_short_integers),
        cmocka_unit_test(test_bomb),
        cmocka_unit_test(test_prefix_of_a_huge_window),
        cmocka_unit_test(test_pieces_of_any_window),
        cmocka_unit_test(test_damage_behind_a_prefix),
        cmocka_unit_test(test_describe),
        cmocka_unit_test(test_configurations),
        CODEC_SUITE_TESTS(&level_0),
        CODEC_SUITE_TEST(codec_test_prefix_of_cut, &level_0),
        CODEC_SUITE_TESTS(&level_9),
        CODEC_SUITE_TESTS(&level_fast),
        CODEC_SUITE_TEST(codec_test_describe, &v2),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
