/* HDF5 prints nothing from within the library, and goes on printing for the program around it. */
#include "source_testing.h"

#include <fcntl.h>
#include <hdf5.h>
#include <unistd.h>

#include "source/netcdf_lock.h"

static int printed;

static herr_t count_print(hid_t stack, void *user)
{
    (void)stack;
    (void)user;
    printed++;
    return 0;
}

static void test_silence(void **state)
{
    H5E_auto2_t print = NULL;
    void *user = NULL;

    (void)state;
    H5Eset_auto2(H5E_DEFAULT, count_print, NULL);
    tsri_hdf5_lock();
    assert_true(H5Fopen("/no/such/file", H5F_ACC_RDONLY, H5P_DEFAULT) < 0);
    assert_int_equal(printed, 0);
    tsri_hdf5_unlock();
    assert_int_equal(H5Eget_auto2(H5E_DEFAULT, &print, &user), 0);
    assert_ptr_equal(print, count_print);
    assert_true(H5Fopen("/no/such/file", H5F_ACC_RDONLY, H5P_DEFAULT) < 0);
    assert_int_equal(printed, 1);
}

/* A damaged file is an error and not a line on standard error. */
static void test_damaged_file(void **state)
{
    fixture f;
    size_t size_bytes;

    (void)state;
    fixture_open(&f, "bad.h5");
    temporary_file_write(f.path, "\x89HDF\r\n\x1a\nand nothing more", 24);
    char *seen = temporary_path(f.folder, "stderr");
    int kept = dup(2), file = open(seen, O_WRONLY | O_CREAT, 0600);
    dup2(file, 2);
    tsr_array *array = NULL;
    int status = fixture_try(&f, "x", &array);
    dup2(kept, 2);
    close(kept);
    close(file);
    assert_int_equal(status, TSR_DAMAGED);
    char *text = temporary_file_read(seen, &size_bytes);
    assert_string_equal(text, "");
    free(text);
    free(seen);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_damaged_file),
                                       cmocka_unit_test(test_silence)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
