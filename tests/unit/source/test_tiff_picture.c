/* What is made of the fields of a directory: element types, blocks, reasons to refuse. */
#include "tiff_testing.h"

#include "source/tiff_picture.h"

/* Reads the picture of a directory with the changes that `change` makes to it. */
static int read_picture(void (*change)(tiff_writer *writer, int value), int value,
                        tsri_tiff_picture *ret_picture)
{
    tiff_writer *writer = malloc(sizeof *writer);
    tsri_tiff_layout layout;
    tsri_tiff_directory directory;
    tsri_input input;
    uint64_t first;
    fixture f;

    fixture_open(&f, "a.tif");
    tiff_begin(writer, false, false);
    tiff_picture(writer, 30, 20, 8, 1, 8, 600);
    change(writer, value);
    tiff_directory(writer, true);
    tiff_finish(writer, &f);
    free(writer);
    assert_int_equal(tsri_input_open(f.context, f.path, &input, &f.err), 0);
    assert_int_equal(tsri_tiff_layout_read(&input, &layout, &first, &f.err), 0);
    assert_int_equal(tsri_tiff_directory_read(&layout, first, &directory, &f.err), 0);
    int status = tsri_tiff_picture_read(&layout, &directory, ret_picture, &f.err);
    tsri_tiff_directory_clear(&directory);
    tsri_input_close(&input);
    fixture_close(&f);
    return status;
}

static void set(tiff_writer *writer, unsigned tag, unsigned value)
{
    for (size_t i = 0; i < writer->tag_count; i++)
        if (writer->tags[i].tag == tag) {
            memset(writer->tags[i].bytes, 0, sizeof writer->tags[i].bytes);
            memcpy(writer->tags[i].bytes, &value, 4);
            writer->tags[i].type = 4;
            writer->tags[i].size_bytes = 4;
            return;
        }
    tiff_long(writer, tag, value);
}

/* Value: bits, and a thousand times the sample format. */
static void change_type(tiff_writer *writer, int value)
{
    set(writer, 258, (unsigned)value % 1000);
    set(writer, 339, (unsigned)value / 1000);
}

static void test_types(void **state)
{
    const struct {
        int value;
        const tsr_dtype *dtype;
    } rows[] = {{1001, TSR_BOOL},      {1002, TSR_UINT8},      {1008, TSR_UINT8},
                {1009, TSR_UINT16},    {1016, TSR_UINT16},     {1017, TSR_UINT32},
                {1032, TSR_UINT32},    {1064, TSR_UINT64},     {2008, TSR_INT8},
                {2064, TSR_INT64},     {3016, TSR_FLOAT16},    {3064, TSR_FLOAT64},
                {6064, TSR_COMPLEX64}, {6128, TSR_COMPLEX128}, {4016, TSR_UINT16},
                {1000, NULL},          {1024, NULL},           {1033, NULL},
                {2012, NULL},          {3024, NULL},           {5032, NULL},
                {7008, NULL}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tsri_tiff_picture picture;
        assert_int_equal(read_picture(change_type, rows[i].value, &picture), 0);
        assert_ptr_equal(picture.dtype, rows[i].dtype);
        assert_int_equal(!*picture.refusal, rows[i].dtype != NULL);
    }
}

static void change_compression(tiff_writer *writer, int value)
{
    set(writer, 259, (unsigned)value);
}

static void change_samples(tiff_writer *writer, int value)
{
    const uint64_t bits[] = {8, 16};
    (void)value;
    for (size_t i = 0; i < writer->tag_count; i++)
        if (writer->tags[i].tag == 258)
            writer->tags[i].tag = 65258;
    tiff_numbers(writer, 258, 3, 2, 2, 2, bits);
    set(writer, 277, 2);
}

static void change_depth(tiff_writer *writer, int value)
{
    set(writer, 32997, (unsigned)value);
}

static void change_colours(tiff_writer *writer, int value)
{
    set(writer, 262, 6);
    set(writer, 277, 3);
    set(writer, 259, (unsigned)value);
}

static void change_tile(tiff_writer *writer, int value)
{
    set(writer, 322, 16);
    set(writer, 323, (unsigned)value);
}

static void test_refusals(void **state)
{
    const struct {
        void (*change)(tiff_writer *writer, int value);
        int value;
        const char *words;
    } rows[] = {{change_compression, 6, "old style"}, {change_compression, 99, "compression 99"},
                {change_compression, 65637, "65637"}, {change_samples, 0, "different types"},
                {change_depth, 3, "ImageDepth 3"},    {change_colours, 1, "fewer samples"},
                {change_colours, 5, "fewer samples"}, {change_tile, 16, "fewer strips or tiles"}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tsri_tiff_picture picture;
        assert_int_equal(read_picture(rows[i].change, rows[i].value, &picture), 0);
        if (!strstr(picture.refusal, rows[i].words))
            fail_msg("%s", picture.refusal);
        assert_null(picture.dtype);
    }
    tsri_tiff_picture picture;
    assert_int_equal(read_picture(change_colours, 7, &picture), 0);
    assert_ptr_equal(picture.dtype, TSR_UINT8);
    assert_int_equal(picture.photometric, 2); /* libtiff makes RGB of it */
}

static void change_height(tiff_writer *writer, int value)
{
    set(writer, 257, (unsigned)value);
}

static void test_lengths(void **state)
{
    tsri_tiff_picture picture;

    (void)state;
    assert_int_equal(read_picture(change_height, 0, &picture), TSR_DAMAGED);
    assert_int_equal(read_picture(change_height, INT32_MIN, &picture), TSR_DAMAGED);
    assert_int_equal(read_picture(change_tile, 0, &picture), TSR_DAMAGED);
    assert_int_equal(read_picture(change_tile, 48, &picture), 0);
    assert_true(picture.tiled && picture.block_width == 16 && picture.block_height == 48);
    assert_int_equal(read_picture(change_height, 10, &picture), 0);
    assert_true(!picture.tiled && picture.block_width == 20 && picture.block_height == 10);
}

static void test_matches(void **state)
{
    tsri_tiff_picture one, other;

    (void)state;
    assert_int_equal(read_picture(change_compression, 1, &one), 0);
    assert_int_equal(read_picture(change_compression, 8, &other), 0);
    assert_true(tsri_tiff_picture_matches(&one, &other));
    assert_true(tsri_tiff_picture_is_bare(&one) && !tsri_tiff_picture_is_bare(&other));
    assert_int_equal(read_picture(change_height, 29, &other), 0);
    assert_false(tsri_tiff_picture_matches(&one, &other));
    assert_int_equal(read_picture(change_type, 2008, &other), 0);
    assert_false(tsri_tiff_picture_matches(&one, &other));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_matches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
