/* Directories in both byte orders and both sizes of offsets, and what is no directory. */
#include "tiff_testing.h"

#include "source/tiff_directory.h"

static void test_recognised(void **state)
{
    (void)state;
    assert_true(tsri_tiff_recognise("II*\0\10\0\0\0", 8));
    assert_true(tsri_tiff_recognise("MM\0*\0\0\0\10", 8));
    assert_true(tsri_tiff_recognise("II+\0\10\0\0\0", 8));
    assert_true(tsri_tiff_recognise("MM\0+\0\10\0\0", 8));
    assert_false(tsri_tiff_recognise("II*\0\10\0\0", 7));
    assert_false(tsri_tiff_recognise("II\0*\10\0\0\0", 8));
    assert_false(tsri_tiff_recognise("MM*\0\10\0\0\0", 8));
}

static void write_values(tiff_writer *writer)
{
    const uint64_t shorts[] = {1, 2, 65535}, rational[] = {1, 3},
                   large = UINT64_C(0x1122334455667788);

    tiff_numbers(writer, 300, 3, 3, 3, 2, shorts);
    tiff_numbers(writer, 301, 5, 1, 2, 4, rational);
    tiff_numbers(writer, 302, 16, 1, 1, 8, &large);
    tiff_long(writer, 303, 0xfffffffe);
    tiff_text(writer, 304, "words of more than eight bytes");
    tiff_numbers(writer, 305, 1, 2, 2, 1, shorts);
    tiff_directory(writer, true);
}

static void expect_values(const tsri_tiff_layout *layout, const tsri_tiff_directory *directory)
{
    uint16_t shorts[2];
    uint32_t rational[2];
    uint64_t value;
    char text[31];
    tsr_error err = TSR_ERROR_INIT;

    assert_int_equal(tsri_tiff_values(layout, tsri_tiff_find(directory, 300), 1, 2, shorts, &err),
                     0);
    assert_int_equal(shorts[0], 2);
    assert_int_equal(shorts[1], 65535);
    assert_int_equal(tsri_tiff_values(layout, tsri_tiff_find(directory, 301), 0, 1, rational, &err),
                     0);
    assert_true(rational[0] == 1 && rational[1] == 3);
    assert_int_equal(tsri_tiff_unsigned(layout, tsri_tiff_find(directory, 302), 0, &value, &err),
                     0);
    assert_true(value == UINT64_C(0x1122334455667788));
    assert_int_equal(tsri_tiff_unsigned(layout, tsri_tiff_find(directory, 303), 0, &value, &err),
                     0);
    assert_int_equal(value, 0xfffffffe);
    assert_int_equal(tsri_tiff_values(layout, tsri_tiff_find(directory, 304), 0, 31, text, &err),
                     0);
    assert_string_equal(text, "words of more than eight bytes");
    assert_int_equal(tsri_tiff_unsigned(layout, tsri_tiff_find(directory, 305), 1, &value, &err),
                     0);
    assert_int_equal(value, 2);
    assert_null(tsri_tiff_find(directory, 306));
    /* No such value; no unsigned integer. */
    assert_int_equal(tsri_tiff_unsigned(layout, tsri_tiff_find(directory, 305), 2, &value, &err),
                     TSR_DAMAGED);
    assert_int_equal(tsri_tiff_unsigned(layout, tsri_tiff_find(directory, 304), 0, &value, &err),
                     TSR_DAMAGED);
    assert_int_equal(tsri_tiff_values(layout, tsri_tiff_find(directory, 300), 2, 2, shorts, &err),
                     TSR_DAMAGED);
}

static void test_values(void **state)
{
    (void)state;
    for (int manner = 0; manner < 4; manner++) {
        tiff_writer *writer = malloc(sizeof *writer);
        tsri_tiff_layout layout;
        tsri_tiff_directory directory;
        tsri_input input;
        uint64_t first;
        fixture f;
        fixture_open(&f, "a.tif");
        tiff_begin(writer, manner & 1, manner & 2);
        write_values(writer);
        tiff_finish(writer, &f);
        free(writer);
        assert_int_equal(tsri_input_open(f.context, f.path, &input, &f.err), 0);
        assert_int_equal(tsri_tiff_layout_read(&input, &layout, &first, &f.err), 0);
        assert_true(layout.big_endian == (manner & 1) && layout.big == (manner >> 1));
        assert_int_equal(tsri_tiff_directory_read(&layout, first, &directory, &f.err), 0);
        assert_int_equal(directory.count, 6);
        assert_int_equal(directory.next, 0);
        expect_values(&layout, &directory);
        tsri_tiff_directory_clear(&directory);
        tsri_input_close(&input);
        fixture_close(&f);
    }
}

/* However short the file, and wherever a directory is said to be. */
static void test_beyond_the_end(void **state)
{
    tiff_writer *writer = malloc(sizeof *writer);
    tsri_tiff_layout layout;
    tsri_tiff_directory directory;
    tsri_input input;
    uint64_t first;
    fixture f;

    (void)state;
    fixture_open(&f, "a.tif");
    tiff_begin(writer, false, true);
    write_values(writer);
    tiff_finish(writer, &f);
    assert_int_equal(tsri_input_open(f.context, f.path, &input, &f.err), 0);
    assert_int_equal(tsri_tiff_layout_read(&input, &layout, &first, &f.err), 0);
    const uint64_t offsets[] = {writer->size_bytes, writer->size_bytes - 4, INT64_MAX, UINT64_MAX};
    for (size_t i = 0; i < sizeof offsets / sizeof *offsets; i++)
        assert_int_equal(tsri_tiff_directory_read(&layout, offsets[i], &directory, &f.err),
                         TSR_DAMAGED);
    /* The text in the middle of the file tells of more entries than a directory has. */
    assert_int_equal(tsri_tiff_directory_read(&layout, first - 20, &directory, &f.err),
                     TSR_DAMAGED);
    tsri_input_close(&input);
    for (size_t size_bytes = 0; size_bytes < 16; size_bytes++) {
        tiff_finish(writer, &f);
        fixture_cut(&f, size_bytes);
        assert_int_equal(tsri_input_open(f.context, f.path, &input, &f.err), 0);
        assert_int_equal(tsri_tiff_layout_read(&input, &layout, &first, &f.err), TSR_DAMAGED);
        tsri_input_close(&input);
    }
    free(writer);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recognised),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_beyond_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
