/* Headers of pictures, byte by byte, and what is refused of them. */
#include "source_testing.h"

#include "source/picture_header.h"
#include "tessera/build_config.h"

typedef struct file_bytes {
    unsigned char bytes[512];
    size_t size_bytes;
} file_bytes;

static void put(file_bytes *self, const char *bytes, size_t size_bytes)
{
    memcpy(self->bytes + self->size_bytes, bytes, size_bytes);
    self->size_bytes += size_bytes;
}

static int read_header(tsri_picture_format format, const file_bytes *file,
                       tsri_picture_header *ret_header, const char *words)
{
    tsri_input input;
    fixture f;

    fixture_open(&f, "a");
    temporary_file_write(f.path, file->bytes, file->size_bytes);
    assert_int_equal(tsri_input_open(f.context, f.path, &input, &f.err), 0);
    int status = tsri_picture_header_read(format, &input, ret_header, &f.err);
    assert_int_equal(status, f.err.status);
    if (status < 0 && !strstr(f.err.message, words))
        fail_msg("%s", f.err.message);
    tsri_input_close(&input);
    fixture_close(&f);
    return status;
}

static void expect(tsri_picture_format format, const file_bytes *file, tsri_picture_header wanted)
{
    tsri_picture_header found;
    assert_int_equal(read_header(format, file, &found, ""), 0);
    assert_int_equal(found.height, wanted.height);
    assert_int_equal(found.width, wanted.width);
    assert_int_equal(found.samples, wanted.samples);
    assert_ptr_equal(found.dtype, wanted.dtype);
    assert_true(tsri_picture_recognise(format, file->bytes, file->size_bytes));
}

static void expect_refused(tsri_picture_format format, const file_bytes *file, int status,
                           const char *words)
{
    tsri_picture_header found;
    assert_int_equal(read_header(format, file, &found, words), status);
}

/* A PNG of 2 x 3 pixels up to its chunks of pixels; `before`: a chunk in front of them. */
static file_bytes png(int bits, int colours, const char *before)
{
    file_bytes file = {.size_bytes = 0};

    put(&file, "\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\2\0\0\0\3", 24);
    file.bytes[file.size_bytes++] = (unsigned char)bits;
    file.bytes[file.size_bytes++] = (unsigned char)colours;
    put(&file, "\0\0\0....", 7);
    if (before) {
        put(&file, "\0\0\0\2", 4);
        put(&file, before, 4);
        put(&file, "12....", 6);
    }
    put(&file, "\0\0\0\0IDAT....", 12);
    return file;
}

static void test_png(void **state)
{
    static const struct {
        int bits, colours;
        const char *before;
        int samples;
    } rows[] = {{8, 0, NULL, 1},   {8, 2, NULL, 3},   {8, 3, NULL, 3},   {8, 4, NULL, 2},
                {8, 6, NULL, 4},   {1, 0, NULL, 1},   {4, 3, "tRNS", 4}, {8, 2, "tRNS", 4},
                {8, 0, "tRNS", 2}, {8, 6, "tRNS", 4}, {8, 3, "pHYs", 3}, {16, 2, "pHYs", 3}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        file_bytes file = png(rows[i].bits, rows[i].colours, rows[i].before);
        expect(TSRI_PICTURE_PNG, &file,
               (tsri_picture_header){3, 2, rows[i].samples,
                                     rows[i].bits == 16 ? TSR_UINT16 : TSR_UINT8});
    }
}

static void test_damaged_png(void **state)
{
    file_bytes file = png(8, 1, NULL);

    (void)state;
    expect_refused(TSRI_PICTURE_PNG, &file, TSR_DAMAGED, "no header of a PNG");
    file = png(8, 0, NULL);
    file.bytes[12] = 'X';
    expect_refused(TSRI_PICTURE_PNG, &file, TSR_DAMAGED, "no header of a PNG");
    file = png(8, 0, NULL);
    file.bytes[19] = 0;
    expect_refused(TSRI_PICTURE_PNG, &file, TSR_DAMAGED, "without rows or columns");
    /* Without its pixels, or with a chunk that is longer than the file. */
    for (size_t size_bytes = 8; size_bytes < 40; size_bytes++) {
        file = png(8, 0, NULL);
        file.size_bytes = size_bytes;
        expect_refused(TSRI_PICTURE_PNG, &file, TSR_DAMAGED, "ends inside its header");
    }
    file = png(8, 0, "pHYs");
    memset(file.bytes + 33, 0xff, 4);
    expect_refused(TSRI_PICTURE_PNG, &file, TSR_DAMAGED, "ends inside its header");
}

/* Padding, a restart marker and a comment in front of the frame. */
static file_bytes jpeg(unsigned marker, int bits, int components)
{
    file_bytes file = {.size_bytes = 0};

    put(&file, "\xff\xd8\xff\xff\xff\xfe\0\5abc\xff\xd0\xff", 14);
    file.bytes[file.size_bytes++] = (unsigned char)marker;
    put(&file, "\0\x0b", 2);
    file.bytes[file.size_bytes++] = (unsigned char)bits;
    put(&file, "\1\2\0\3", 4);
    file.bytes[file.size_bytes++] = (unsigned char)components;
    put(&file, "\1\x11\0", 3);
    return file;
}

static void test_jpeg(void **state)
{
    static const unsigned markers[] = {0xc0, 0xc1, 0xc2, 0xc9, 0xca};

    (void)state;
    for (size_t i = 0; i < sizeof markers / sizeof *markers; i++) {
        file_bytes file = jpeg(markers[i], 8, 3);
        expect(TSRI_PICTURE_JPEG, &file, (tsri_picture_header){258, 3, 3, TSR_UINT8});
    }
    const struct {
        unsigned marker;
        int bits, components, status;
        const char *words;
    } rows[] = {{0xc0, 12, 3, TSR_UNSUPPORTED, "a JPEG of 12 bits"},
                {0xc3, 8, 3, TSR_UNSUPPORTED, "lossless"},
                {0xc7, 8, 3, TSR_UNSUPPORTED, "lossless"},
                {0xc0, 8, 2, TSR_UNSUPPORTED, "2 components"},
                {0xda, 8, 3, TSR_DAMAGED, "without a frame"},
                {0xd9, 8, 3, TSR_DAMAGED, "without a frame"},
                {0xc4, 8, 3, TSR_DAMAGED, "header"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        file_bytes file = jpeg(rows[i].marker, rows[i].bits, rows[i].components);
        expect_refused(TSRI_PICTURE_JPEG, &file, rows[i].status, rows[i].words);
    }
    file_bytes file = jpeg(0xc0, 8, 3);
    file.bytes[2] = 'x';
    expect_refused(TSRI_PICTURE_JPEG, &file, TSR_DAMAGED, "no marker");
}

#if TESSERA_HAVE_IMAGE_WEBP
/* VP8L: a signature, then 14 bits of width - 1, 14 of height - 1, and one for transparency. */
static void test_webp(void **state)
{
    file_bytes file = {.size_bytes = 0};

    (void)state;
    put(&file, "RIFF\x1c\0\0\0WEBPVP8L\x10\0\0\0\x2f", 21);
    for (int alpha = 0; alpha < 2; alpha++) {
        uint32_t bits = (300 - 1) | (20 - 1) << 14 | (uint32_t)alpha << 28;
        memcpy(file.bytes + 21, &bits, 4);
        file.size_bytes = 40;
        expect(TSRI_PICTURE_WEBP, &file, (tsri_picture_header){20, 300, alpha ? 4 : 3, TSR_UINT8});
    }
    file.bytes[20] = 0;
    expect_refused(TSRI_PICTURE_WEBP, &file, TSR_DAMAGED, "no header of a WebP");
}
#endif

static void test_recognised(void **state)
{
    (void)state;
    assert_false(tsri_picture_recognise(TSRI_PICTURE_PNG, "\x89PNG\r\n\x1a", 7));
    assert_false(tsri_picture_recognise(TSRI_PICTURE_PNG, "\x89PNG\r\n\n\n\n", 9));
    assert_false(tsri_picture_recognise(TSRI_PICTURE_JPEG, "\xff\xd8\xff", 3));
    assert_false(tsri_picture_recognise(TSRI_PICTURE_JPEG, "\xff\xd9\xff\xe0", 4));
    assert_false(tsri_picture_recognise(TSRI_PICTURE_WEBP, "RIFF....WAVEfmt ", 16));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_png),
        cmocka_unit_test(test_damaged_png),
        cmocka_unit_test(test_jpeg),
        cmocka_unit_test(test_recognised),
#if TESSERA_HAVE_IMAGE_WEBP
        cmocka_unit_test(test_webp),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
