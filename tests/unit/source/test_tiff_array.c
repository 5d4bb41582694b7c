/* Elements of bare strips, in both byte orders; blocks that are missing; boxes. What libtiff
 * decodes is held against tifffile in tests/interop/test_tiff.py. */
#include "tiff_testing.h"

static void test_byte_orders(void **state)
{
    const uint16_t expected[6] = {1, 2, 0x1234, 0xfffe, 5, 6};
    tiff_writer *writer = malloc(sizeof *writer);
    fixture f;

    (void)state;
    fixture_open(&f, "a.tif");
    for (int manner = 0; manner < 4; manner++) {
        tiff_begin(writer, manner & 1, manner & 2);
        uint64_t strip = writer->size_bytes;
        for (int i = 0; i < 6; i++)
            tiff_put(writer, expected[i], 2);
        tiff_picture(writer, 2, 3, 16, 1, strip, 12);
        tiff_directory(writer, true);
        tiff_finish(writer, &f);
        fixture_expect_values(&f, "", TSR_UINT16, expected, sizeof expected);
    }
    free(writer);
    fixture_close(&f);
}

/* Twelve bits: two samples in three bytes, each row from a byte on. */
static void test_packed(void **state)
{
    static const unsigned char rows[] = {0x12, 0x3a, 0xbc, 0xff, 0xf0,
                                         0x00, 0x10, 0x02, 0x00, 0x30};
    const uint16_t expected[6] = {0x123, 0xabc, 0xfff, 0x001, 0x002, 0x003};
    tiff_writer *writer = malloc(sizeof *writer);
    fixture f;

    (void)state;
    fixture_open(&f, "a.tif");
    for (int big_endian = 0; big_endian < 2; big_endian++) {
        tiff_begin(writer, big_endian, false);
        uint64_t strip = tiff_data(writer, rows, sizeof rows);
        tiff_picture(writer, 2, 3, 12, 1, strip, sizeof rows);
        tiff_directory(writer, true);
        tiff_finish(writer, &f);
        fixture_expect_values(&f, "", TSR_UINT16, expected, sizeof expected);
    }
    free(writer);
    fixture_close(&f);
}

/* Any box of a picture of three samples on two pages. */
static void test_boxes(void **state)
{
    enum {
        PAGES = 2,
        HEIGHT = 4,
        WIDTH = 5,
        SAMPLES = 3,
        COUNT = PAGES * HEIGHT * WIDTH * SAMPLES
    };
    tiff_writer *writer = malloc(sizeof *writer);
    unsigned char expected[COUNT];
    fixture f;

    (void)state;
    fixture_open(&f, "a.tif");
    tiff_begin(writer, false, false);
    for (int i = 0; i < COUNT; i++)
        expected[i] = (unsigned char)(i + 1);
    for (int page = 0; page < PAGES; page++) {
        uint64_t strip = tiff_data(writer, expected + page * COUNT / PAGES, COUNT / PAGES);
        tiff_picture(writer, HEIGHT, WIDTH, 8, SAMPLES, strip, COUNT / PAGES);
        tiff_directory(writer, true);
    }
    tiff_finish(writer, &f);
    free(writer);
    fixture_expect_values(&f, "", TSR_UINT8, expected, COUNT);
    tsr_array *array = fixture_array(&f, "");
    for (int64_t y = 0; y < HEIGHT; y++)
        for (int64_t x = 0; x < WIDTH; x++) {
            const int64_t start[] = {1, y, x, 1}, shape[] = {1, HEIGHT - y, WIDTH - x, 2};
            unsigned char found[COUNT];
            size_t size_bytes = (size_t)(shape[1] * shape[2] * 2);
            assert_int_equal(
                tsr_array_read(array, start, shape, NULL, found, size_bytes, NULL, &f.err), 0);
            for (int64_t i = 0; i < (int64_t)size_bytes; i++) {
                int64_t row = y + i / 2 / shape[2], column = x + i / 2 % shape[2];
                assert_int_equal(found[i],
                                 expected[((HEIGHT + row) * WIDTH + column) * SAMPLES + 1 + i % 2]);
            }
        }
    tsr_array_close(array);
    fixture_close(&f);
}

static void test_missing_strip(void **state)
{
    const float expected[4] = {-1.5F, -1.5F, -1.5F, -1.5F};
    tiff_writer *writer = malloc(sizeof *writer);
    fixture f;

    (void)state;
    fixture_open(&f, "a.tif");
    tiff_begin(writer, false, false);
    tiff_picture(writer, 2, 2, 32, 1, 0, 0);
    tiff_short(writer, 339, 3);
    tiff_text(writer, 42113, "-1.5");
    tiff_directory(writer, true);
    tiff_finish(writer, &f);
    free(writer);
    fixture_expect_values(&f, "", TSR_FLOAT32, expected, sizeof expected);
    fixture_close(&f);
}

static void test_damaged(void **state)
{
    tiff_writer *writer = malloc(sizeof *writer);
    fixture f;

    (void)state;
    fixture_open(&f, "a.tif");
    /* A strip behind the end. */
    tiff_begin(writer, false, false);
    tiff_picture(writer, 2, 2, 8, 1, 60000, 4);
    tiff_directory(writer, true);
    tiff_finish(writer, &f);
    fixture_expect_unreadable(&f, "", TSR_DAMAGED, "ends inside its pixels");
    /* Fewer strips than rows need. */
    tiff_begin(writer, false, false);
    uint64_t strip = tiff_data(writer, "\1\2\3\4", 4);
    tiff_picture(writer, 2, 2, 8, 1, strip, 4);
    writer->tags[7].bytes[0] = 1; /* rows of a strip */
    tiff_directory(writer, true);
    tiff_finish(writer, &f);
    fixture_expect_refused(&f, "", TSR_UNSUPPORTED, "fewer strips");
    /* Bytes that are no deflate stream. */
    tiff_begin(writer, false, false);
    strip = tiff_data(writer, "\1\2\3\4", 4);
    tiff_picture(writer, 2, 2, 8, 1, strip, 4);
    writer->tags[3].bytes[0] = 8;
    tiff_directory(writer, true);
    tiff_finish(writer, &f);
    fixture_expect_unreadable(&f, "", TSR_DAMAGED, "decoding a strip");
    free(writer);
    fixture_close(&f);
}

/* A strip that decodes to more than a chunk may have. */
static void test_limit(void **state)
{
    tiff_writer *writer = malloc(sizeof *writer);
    tsr_context_options options;
    fixture f;

    (void)state;
    fixture_open(&f, "a.tif");
    tsr_context_free(f.context);
    tsr_context_options_init(&options);
    options.largest_chunk_bytes = 1000;
    assert_int_equal(tsr_context_new(&options, &f.context, &f.err), 0);
    tiff_begin(writer, false, false);
    uint64_t strip = tiff_data(writer, "\1\2\3\4", 4);
    tiff_picture(writer, 200, 10, 8, 1, strip, 4);
    writer->tags[3].bytes[0] = 8;
    tiff_directory(writer, true);
    tiff_finish(writer, &f);
    free(writer);
    fixture_expect_unreadable(&f, "", TSR_LIMIT, "decoded chunk may have");
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_byte_orders), cmocka_unit_test(test_packed),
        cmocka_unit_test(test_boxes),       cmocka_unit_test(test_missing_strip),
        cmocka_unit_test(test_damaged),     cmocka_unit_test(test_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
