/* Attributes of HDF5 objects as JSON. */
#include "hdf5_testing.h"

static void put_texts(hid_t object)
{
    const char *words[] = {"one", "t\xc3\xb6"};
    hid_t fixed = need(H5Tcopy(H5T_C_S1)), any = need(H5Tcopy(H5T_C_S1));
    hid_t fortran = need(H5Tcopy(H5T_FORTRAN_S1));

    need(H5Tset_size(fixed, 4));
    need(H5Tset_size(any, H5T_VARIABLE));
    need(H5Tset_size(fortran, 4));
    hdf5_attribute(object, "t_any", any, 0, NULL, words);
    hdf5_attribute(object, "t_any_list", any, 1, (hsize_t[]){2}, words);
    hdf5_attribute(object, "t_fixed", fixed, 0, NULL, "a\xb0\0\0");
    hdf5_attribute(object, "t_fixed_list", fixed, 1, (hsize_t[]){2}, "ab\0\0cdef");
    hdf5_attribute(object, "t_fortran", fortran, 0, NULL, "ab  ");
    H5Tclose(fixed);
    H5Tclose(any);
    H5Tclose(fortran);
}

static void test_all(void **state)
{
    fixture f;

    (void)state;
    fixture_open(&f, "a.h5");
    hid_t file = hdf5_create(&f);
    hid_t id = hdf5_put(file, "d", H5T_STD_I32LE, H5T_NATIVE_INT, 3, hdf5_numbers);
    hdf5_attribute(id, "a_scalar", H5T_NATIVE_INT, 0, NULL, hdf5_numbers);
    hdf5_attribute(id, "b_one", H5T_NATIVE_INT, 1, (hsize_t[]){1}, hdf5_numbers);
    hdf5_attribute(id, "c_list", H5T_NATIVE_INT, 1, (hsize_t[]){3}, hdf5_numbers);
    hdf5_attribute(id, "d_square", H5T_STD_I16BE, 2, (hsize_t[]){2, 2}, "\0\1\0\2\0\3\0\4");
    put_texts(id);
    hid_t space = need(H5Screate(H5S_NULL));
    H5Aclose(need(H5Acreate2(id, "z_nothing", H5T_NATIVE_INT, space, H5P_DEFAULT, H5P_DEFAULT)));
    H5Sclose(space);
    H5Dclose(id);
    H5Fclose(file);
    fixture_expect_attributes(
        &f, "d",
        "{\"a_scalar\":10,\"b_one\":10,\"c_list\":[10,20,30],\"d_square\":[[1,2],[3,4]],"
        "\"t_any\":\"one\",\"t_any_list\":[\"one\",\"t\xc3\xb6\"],\"t_fixed\":\"a\xc2\xb0\","
        "\"t_fixed_list\":[\"ab\",\"cdef\"],\"t_fortran\":\"ab\",\"z_nothing\":null}");
    fixture_close(&f);
}

static char logged[256];

static void log_line(void *user, tsr_log_level level, const char *subsystem, const char *message)
{
    (void)user;
    (void)level;
    snprintf(logged, sizeof logged, "%s: %s", subsystem, message);
}

static void test_own_types(void **state)
{
    fixture f;
    tsr_context_options options;

    (void)state;
    fixture_open(&f, "a.h5");
    tsr_context_free(f.context);
    tsr_context_options_init(&options);
    options.log = log_line;
    assert_int_equal(tsr_context_new(&options, &f.context, &f.err), 0);
    hid_t file = hdf5_create(&f);
    hid_t id = hdf5_put(file, "d", H5T_STD_I32LE, H5T_NATIVE_INT, 3, hdf5_numbers);
    hid_t colour = need(H5Tenum_create(H5T_STD_I16LE));
    need(H5Tenum_insert(colour, "RED", (short[]){300}));
    hid_t opaque = need(H5Tcreate(H5T_OPAQUE, 2));
    hdf5_attribute(id, "colour", colour, 0, NULL, (short[]){300});
    hdf5_attribute(id, "lump", opaque, 0, NULL, "ab");
    H5Tclose(colour);
    H5Tclose(opaque);
    H5Dclose(id);
    H5Fclose(file);
    fixture_expect_attributes(&f, "d", "{\"colour\":300}");
    assert_non_null(strstr(logged, "hdf5: attribute \"lump\" of \"/d\" is left out: "));
    assert_non_null(strstr(logged, "\"opaque\""));
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_all),
                                       cmocka_unit_test(test_own_types)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
