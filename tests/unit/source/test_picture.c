/* A picture as a tree of one array, and a file that is replaced between opening and reading. Pixels
 * are held against other readers in tests/interop/test_pictures.py. */
#include "source_testing.h"

/* Grey, two pixels in two rows: 0 and 255; written by hand, its deflate stream is a stored block.
 */
static const unsigned char small[] = {
    0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x48, 0x44,
    0x52, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x02, 0x08, 0x00, 0x00, 0x00, 0x00, 0xbc,
    0xea, 0xe9, 0xfb, 0x00, 0x00, 0x00, 0x0f, 0x49, 0x44, 0x41, 0x54, 0x78, 0x01, 0x01, 0x04,
    0x00, 0xfb, 0xff, 0x00, 0x00, 0x00, 0xff, 0x01, 0x03, 0x01, 0x00, 0x7c, 0xc2, 0x74, 0xdb,
    0x00, 0x00, 0x00, 0x00, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82};

static void test_tree(void **state)
{
    fixture f;

    (void)state;
    fixture_open(&f, "a.png");
    temporary_file_write(f.path, small, sizeof small);
    fixture_expect_values(&f, "", TSR_UINT8, "\0\xff", 2);
    fixture_expect_attributes(&f, "", "{}");
    fixture_expect_refused(&f, "x", TSR_NOT_FOUND, "one array");
    tsr_array *array = fixture_array(&f, "");
    assert_string_equal(tsr_array_driver(array), "png");
    assert_int_equal(tsr_array_rank(array), 2);
    tsr_array_close(array);
    fixture_close(&f);
}

static void test_replaced(void **state)
{
    unsigned char other[sizeof small];
    char pixels[2];
    fixture f;

    (void)state;
    fixture_open(&f, "a.png");
    temporary_file_write(f.path, small, sizeof small);
    tsr_array *array = fixture_array(&f, "");
    memcpy(other, small, sizeof small);
    other[19] = 2; /* wider */
    temporary_file_write(f.path, other, sizeof other);
    assert_int_equal(tsr_array_read(array, NULL, NULL, NULL, pixels, 2, NULL, &f.err),
                     TSR_CONFLICT);
    assert_non_null(strstr(f.err.message, "another picture"));
    tsr_array_close(array);
    fixture_close(&f);
}

static void test_damaged(void **state)
{
    unsigned char other[sizeof small];
    fixture f;

    (void)state;
    fixture_open(&f, "a.png");
    memcpy(other, small, sizeof small);
    other[51] ^= 1; /* a pixel: its checksum is wrong then */
    temporary_file_write(f.path, other, sizeof other);
    fixture_expect_unreadable(&f, "", TSR_DAMAGED, "imagecodecs_png");
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tree),
        cmocka_unit_test(test_replaced),
        cmocka_unit_test(test_damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
