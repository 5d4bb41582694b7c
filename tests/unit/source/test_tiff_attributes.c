/* Tags as attributes: their names, their numbers, and those that say how pixels lie left out. */
#include "tiff_testing.h"

static void test_attributes(void **state)
{
    tiff_writer *writer = malloc(sizeof *writer);
    fixture f;

    (void)state;
    fixture_open(&f, "a.tif");
    for (int manner = 0; manner < 4; manner++) {
        tiff_begin(writer, manner & 1, manner & 2);
        uint64_t strip = tiff_data(writer, "\1\2\3\4", 4);
        tiff_picture(writer, 2, 2, 8, 1, strip, 4);
        tiff_text(writer, 270, "Z\xfcrich"); /* Latin-1 */
        tiff_numbers(writer, 282, 5, 1, 2, 4, (uint64_t[]){145, 2});
        tiff_numbers(writer, 283, 10, 1, 2, 4, (uint64_t[]){(uint32_t)-3, 4});
        tiff_numbers(writer, 286, 5, 2, 4, 4, (uint64_t[]){0, 0, 1, 0});
        tiff_numbers(writer, 33550, 12, 2, 2, 8,
                     (uint64_t[]){UINT64_C(0x3fe0000000000000), UINT64_C(0xc000000000000000)});
        tiff_numbers(writer, 65000, 8, 1, 1, 2, (uint64_t[]){(uint16_t)-2});
        tiff_numbers(writer, 65001, 3, 0, 0, 2, NULL);
        tiff_numbers(writer, 65002, 11, 1, 1, 4, (uint64_t[]){0x3dcccccd});
        tiff_numbers(writer, 65003, 99, 1, 1, 4, (uint64_t[]){1}); /* no type of TIFF's */
        tiff_short(writer, 65000, 7);                              /* a second time */
        tiff_directory(writer, true);
        tiff_finish(writer, &f);
        fixture_expect_attributes(
            &f, "",
            "{\"PhotometricInterpretation\":1,\"ImageDescription\":\"Zürich\",\"XResolution\":72.5,"
            "\"YResolution\":-0.75,\"XPosition\":[\"NaN\",\"Infinity\"],"
            "\"ModelPixelScaleTag\":[0.5,-2.0],"
            "\"Tag65000\":-2,\"Tag65001\":[],\"Tag65002\":0.10000000149011612}");
    }
    free(writer);
    fixture_close(&f);
}

/* A tag that says it is larger than the file is damage; one of more than 1 MiB is left out. */
static void test_large(void **state)
{
    tiff_writer *writer = malloc(sizeof *writer);
    fixture f;

    (void)state;
    fixture_open(&f, "a.tif");
    for (int large = 0; large < 2; large++) {
        tiff_begin(writer, false, false);
        uint64_t strip = tiff_data(writer, "\1\2\3\4", 4);
        tiff_picture(writer, 2, 2, 8, 1, strip, 4);
        tiff_numbers(writer, 34675, 7, large ? UINT32_MAX : 100000, 1, 4, (uint64_t[]){8});
        tiff_directory(writer, true);
        tiff_finish(writer, &f);
        if (large)
            fixture_expect_attributes(&f, "", "{\"PhotometricInterpretation\":1}");
        else
            fixture_expect_refused(&f, "", TSR_DAMAGED, "tag 34675");
    }
    free(writer);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_attributes),
        cmocka_unit_test(test_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
