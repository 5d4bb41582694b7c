/* Which trees come of which files: pages, series, levels, SubIFDs; and files that are none. */
#include "tiff_testing.h"

static void add(tiff_writer *writer, unsigned height, unsigned width, unsigned kind)
{
    unsigned char pixels[256];

    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (unsigned char)(i + writer->size_bytes);
    uint64_t strip = tiff_data(writer, pixels, (size_t)height * width);
    tiff_long(writer, 254, kind);
    tiff_picture(writer, height, width, 8, 1, strip, (uint64_t)height * width);
}

static void expect_shape(fixture *f, const char *inner, int rank, const int64_t *shape)
{
    tsr_array *array = fixture_array(f, inner);
    assert_int_equal(tsr_array_rank(array), rank);
    assert_memory_equal(tsr_array_shape(array), shape, (size_t)rank * sizeof *shape);
    tsr_array_close(array);
}

static void test_one_array(void **state)
{
    tiff_writer *writer = malloc(sizeof *writer);
    fixture f;

    (void)state;
    fixture_open(&f, "a.tif");
    tiff_begin(writer, false, false);
    add(writer, 3, 4, 0);
    tiff_directory(writer, true);
    tiff_finish(writer, &f);
    expect_shape(&f, "", 2, (int64_t[]){3, 4});
    fixture_expect_refused(&f, "0", TSR_NOT_FOUND, "nothing named \"0\"");
    add(writer, 3, 4, 2);
    tiff_directory(writer, true);
    tiff_finish(writer, &f);
    expect_shape(&f, "", 3, (int64_t[]){2, 3, 4});
    free(writer);
    fixture_close(&f);
}

/* Two kinds of pages, the first of which have smaller forms behind them, and one that is refused.
 */
static void test_series(void **state)
{
    tiff_writer *writer = malloc(sizeof *writer);
    fixture f;

    (void)state;
    fixture_open(&f, "a.tif");
    tiff_begin(writer, true, false);
    for (int page = 0; page < 2; page++) {
        add(writer, 8, 4, 0);
        tiff_directory(writer, true);
        add(writer, 4, 2, 1);
        tiff_directory(writer, true);
        add(writer, 8, 5, 0);
        tiff_directory(writer, true);
    }
    add(writer, 8, 4, 0);
    tiff_numbers(writer, 259, 3, 1, 1, 2, (uint64_t[]){99});
    writer->tags[4] = writer->tags[--writer->tag_count];
    tiff_directory(writer, true);
    tiff_finish(writer, &f);
    free(writer);
    fixture_expect_children(&f, "", "0/ 1 2!");
    fixture_expect_children(&f, "0", "0 1");
    expect_shape(&f, "0/0", 3, (int64_t[]){2, 8, 4});
    expect_shape(&f, "0/1", 3, (int64_t[]){2, 4, 2});
    expect_shape(&f, "1", 3, (int64_t[]){2, 8, 5});
    fixture_expect_refused(&f, "", TSR_TYPE_MISMATCH, "a group");
    fixture_expect_refused(&f, "2", TSR_UNSUPPORTED, "compression 99");
    const char *const nowhere[] = {
        "3", "00", "01", "0/2", "1/0", "0/0/0", "a", "-1", "18446744073709551616"};
    for (size_t i = 0; i < sizeof nowhere / sizeof *nowhere; i++)
        fixture_expect_refused(&f, nowhere[i], TSR_NOT_FOUND, "nothing named");
    fixture_close(&f);
}

static void test_sub_directories(void **state)
{
    tiff_writer *writer = malloc(sizeof *writer);
    uint64_t below[2];
    fixture f;

    (void)state;
    fixture_open(&f, "a.tif");
    tiff_begin(writer, false, true);
    add(writer, 4, 4, 1);
    below[0] = tiff_directory(writer, false);
    add(writer, 2, 2, 1);
    below[1] = tiff_directory(writer, false);
    add(writer, 8, 8, 0);
    tiff_numbers(writer, 330, 18, 2, 2, 8, below);
    tiff_directory(writer, true);
    tiff_finish(writer, &f);
    fixture_expect_children(&f, "", "0 1 2");
    expect_shape(&f, "2", 2, (int64_t[]){2, 2});
    /* More of them than any picture has. */
    add(writer, 8, 8, 0);
    tiff_numbers(writer, 330, 18, 2000, 2, 8, below);
    tiff_directory(writer, true);
    tiff_finish(writer, &f);
    fixture_expect_refused(&f, "", TSR_LIMIT, "SubIFDs");
    free(writer);
    fixture_close(&f);
}

static void test_no_pictures(void **state)
{
    tiff_writer *writer = malloc(sizeof *writer);
    fixture f;

    (void)state;
    fixture_open(&f, "a.tif");
    tiff_begin(writer, false, false);
    tiff_finish(writer, &f);
    fixture_expect_refused(&f, "", TSR_DAMAGED, "without pictures");
    tiff_long(writer, 256, 3);
    tiff_directory(writer, true);
    tiff_finish(writer, &f);
    fixture_expect_refused(&f, "", TSR_DAMAGED, "3 x 0 pixels");
    free(writer);
    fixture_close(&f);
}

/* Chains of any length that end in a circle of any length. */
static void test_circles(void **state)
{
    (void)state;
    for (int length = 1; length < 9; length++)
        for (int back = 0; back < length; back++) {
            tiff_writer *writer = malloc(sizeof *writer);
            uint64_t offsets[9];
            fixture f;
            fixture_open(&f, "a.tif");
            tiff_begin(writer, false, false);
            for (int i = 0; i < length; i++) {
                add(writer, 2, 2, 0);
                offsets[i] = tiff_directory(writer, true);
            }
            tiff_put_at(writer, writer->bytes + writer->link, offsets[back], 4);
            tiff_finish(writer, &f);
            fixture_expect_refused(&f, "", TSR_DAMAGED, "circle");
            free(writer);
            fixture_close(&f);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_array),       cmocka_unit_test(test_series),
        cmocka_unit_test(test_sub_directories), cmocka_unit_test(test_no_pictures),
        cmocka_unit_test(test_circles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
