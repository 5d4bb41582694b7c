/* An .npy file inside another file: it is read where it lies, and must fit before what follows. */
#include "source_testing.h"

#include "source/npy_extent.h"

#define HEADER "\x93NUMPY\1\0\x3d\0{'descr': '<i2', 'fortran_order': False, 'shape': (3,), }   \n"
#define HEADER_BYTES (sizeof HEADER - 1)
#define BEFORE "before"
#define BEFORE_BYTES (sizeof BEFORE - 1)

static void write_file(const fixture *f)
{
    static const char file[] = BEFORE HEADER "\1\0\2\0\3\0behind";
    temporary_file_write(f->path, file, sizeof file - 1);
}

static int try(fixture *f, uint64_t end, tsri_npy_extent **ret_extent)
{
    tsri_input input;
    assert_int_equal(tsri_input_open(f->context, f->path, &input, &f->err), 0);
    tsr_error_clear(&f->err);
    int status = tsri_npy_extent_new(&input, BEFORE_BYTES, end, ret_extent, &f->err);
    tsri_input_close(&input);
    return status;
}

static void test_in_place(void **state)
{
    tsri_npy_extent *extent;
    tsr_array *array;
    int16_t read[3];
    fixture f;

    (void)state;
    fixture_open(&f, "file");
    write_file(&f);
    assert_int_equal(HEADER_BYTES, 71);
    assert_int_equal(try(&f, BEFORE_BYTES + HEADER_BYTES + 6, &extent), 0);
    assert_int_equal(tsri_npy_extent_array(extent, true, "any", "the place", &array, &f.err), 0);
    assert_string_equal(tsr_array_place(array), "the place");
    assert_string_equal(tsr_array_driver(array), "any");
    assert_int_equal(tsr_array_read(array, NULL, NULL, NULL, read, sizeof read, NULL, &f.err), 0);
    assert_memory_equal(read, ((int16_t[]){1, 2, 3}), sizeof read);
    tsr_array_close(array);
    fixture_close(&f);
}

static void test_borrowed(void **state)
{
    tsri_npy_extent *extent;
    tsr_array *arrays[2];
    int16_t read[3];
    fixture f;

    (void)state;
    fixture_open(&f, "file");
    write_file(&f);
    assert_int_equal(try(&f, UINT64_MAX, &extent), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(tsri_npy_extent_array(extent, false, "any", "p", &arrays[i], &f.err), 0);
    tsr_array_close(arrays[0]);
    assert_int_equal(tsr_array_read(arrays[1], NULL, NULL, NULL, read, 6, NULL, &f.err), 0);
    assert_int_equal(read[2], 3);
    tsr_array_close(arrays[1]);
    tsri_npy_extent_free(extent);
    fixture_close(&f);
}

static void test_no_room(void **state)
{
    tsri_npy_extent *extent = NULL;
    fixture f;

    (void)state;
    fixture_open(&f, "file");
    write_file(&f);
    assert_int_equal(try(&f, BEFORE_BYTES + HEADER_BYTES + 5, &extent), TSR_DAMAGED);
    assert_non_null(strstr(f.err.message, "tells of 6 bytes of elements, but there are 5"));
    assert_int_equal(try(&f, 3, &extent), TSR_DAMAGED);
    assert_non_null(strstr(f.err.message, "but there are 0"));
    fixture_cut(&f, BEFORE_BYTES + 20);
    assert_int_equal(try(&f, UINT64_MAX, &extent), TSR_DAMAGED);
    assert_null(extent);
    tsri_npy_extent_free(extent);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_in_place),
                                       cmocka_unit_test(test_borrowed),
                                       cmocka_unit_test(test_no_room)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
