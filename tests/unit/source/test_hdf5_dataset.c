/* Data sets as arrays: boxes, fill values, names of axes, filters, lengths of 0. */
#include "hdf5_testing.h"

/* 50 x 40 shorts in packed chunks of 7 x 9, growing along the first axis. */
static void write_table(hid_t file)
{
    int16_t values[50 * 40];
    hid_t space = need(H5Screate_simple(2, (hsize_t[]){50, 40}, (hsize_t[]){H5S_UNLIMITED, 40}));
    hid_t properties = need(H5Pcreate(H5P_DATASET_CREATE));

    for (int i = 0; i < 50 * 40; i++)
        values[i] = (int16_t)(i * 7 - 5000);
    need(H5Pset_chunk(properties, 2, (hsize_t[]){7, 9}));
    need(H5Pset_shuffle(properties));
    need(H5Pset_deflate(properties, 4));
    need(H5Pset_fill_value(properties, H5T_NATIVE_SHORT, (short[]){-9}));
    hid_t id =
        need(H5Dcreate2(file, "table", H5T_STD_I16BE, space, H5P_DEFAULT, properties, H5P_DEFAULT));
    need(H5Dwrite(id, H5T_NATIVE_SHORT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values));
    H5Dclose(id);
    H5Pclose(properties);
    H5Sclose(space);
}

static void test_boxes(void **state)
{
    fixture f;
    int16_t read[4 * 5];

    (void)state;
    fixture_open(&f, "a.h5");
    hid_t file = hdf5_create(&f);
    write_table(file);
    H5Fclose(file);
    tsr_array *array = fixture_array(&f, "table");
    assert_int_equal(tsr_array_shape(array)[0], 50);
    assert_memory_equal(tsr_array_fill_value(array), &(int16_t){-9}, 2);
    assert_null(tsr_array_dimension_name(array, 0));
    assert_int_equal(tsr_array_read(array, (int64_t[]){3, 11}, (int64_t[]){4, 5},
                                    (int64_t[]){13, 6}, read, sizeof read, NULL, &f.err),
                     0);
    for (int y = 0; y < 4; y++)
        for (int x = 0; x < 5; x++)
            assert_int_equal(read[y * 5 + x], ((3 + 13 * y) * 40 + 11 + 6 * x) * 7 - 5000);
    tsr_array_close(array);
    fixture_close(&f);
}

static void test_shapes(void **state)
{
    fixture f;

    (void)state;
    fixture_open(&f, "a.h5");
    hid_t file = hdf5_create(&f);
    hid_t scalar = need(H5Screate(H5S_SCALAR)), nothing = need(H5Screate(H5S_NULL));
    hid_t empty = need(H5Screate_simple(2, (hsize_t[]){0, 4}, NULL));
    hid_t id = need(
        H5Dcreate2(file, "scalar", H5T_STD_I32LE, scalar, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    need(H5Dwrite(id, H5T_NATIVE_INT, H5S_ALL, H5S_ALL, H5P_DEFAULT, hdf5_numbers));
    H5Dclose(id);
    H5Dclose(need(H5Dcreate2(file, "nothing", H5T_STD_I32LE, nothing, H5P_DEFAULT, H5P_DEFAULT,
                             H5P_DEFAULT)));
    H5Dclose(need(
        H5Dcreate2(file, "empty", H5T_STD_I32LE, empty, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT)));
    H5Sclose(scalar);
    H5Sclose(nothing);
    H5Sclose(empty);
    H5Fclose(file);
    fixture_expect_values(&f, "scalar", TSR_INT32, hdf5_numbers, 4);
    fixture_expect_values(&f, "empty", TSR_INT32, "", 0);
    fixture_expect_refused(&f, "nothing", TSR_UNSUPPORTED, "without elements or shape");
    fixture_close(&f);
}

/* As H5DSset_scale, H5DSattach_scale and H5DSset_label leave them behind. */
static void attach(hid_t data, hid_t scale)
{
    hid_t type = need(H5Tcopy(H5T_C_S1)), list = need(H5Tvlen_create(H5T_STD_REF_OBJ));
    hobj_ref_t reference;
    hvl_t lists[2] = {{0, NULL}, {1, &reference}};

    need(H5Tset_size(type, sizeof "DIMENSION_SCALE"));
    hdf5_attribute(scale, "CLASS", type, 0, NULL, "DIMENSION_SCALE");
    hdf5_attribute(scale, "NAME", type, 0, NULL, "lon\0\0\0\0\0\0\0\0\0\0\0\0");
    need(H5Rcreate(&reference, scale, ".", H5R_OBJECT, -1));
    hdf5_attribute(data, "DIMENSION_LIST", list, 1, (hsize_t[]){2}, lists);
    H5Tclose(type);
    H5Tclose(list);
}

static void test_names(void **state)
{
    const char *labels[] = {"height", ""};
    fixture f;

    (void)state;
    fixture_open(&f, "a.h5");
    hid_t file = hdf5_create(&f), any = need(H5Tcopy(H5T_C_S1));
    need(H5Tset_size(any, H5T_VARIABLE));
    write_table(file);
    hid_t scale = hdf5_put(file, "lon", H5T_STD_I32LE, H5T_NATIVE_INT, 3, hdf5_numbers);
    hid_t data = need(H5Dopen2(file, "table", H5P_DEFAULT));
    attach(data, scale);
    hdf5_attribute(data, "DIMENSION_LABELS", any, 1, (hsize_t[]){2}, labels);
    H5Tclose(any);
    H5Dclose(data);
    H5Dclose(scale);
    H5Fclose(file);
    tsr_array *array = fixture_array(&f, "table");
    assert_string_equal(tsr_array_dimension_name(array, 0), "height");
    assert_string_equal(tsr_array_dimension_name(array, 1), "lon");
    tsr_array_close(array);
    array = fixture_array(&f, "lon");
    assert_string_equal(tsr_array_dimension_name(array, 0), "lon");
    tsr_array_close(array);
    fixture_expect_attributes(&f, "lon", "{}");
    fixture_expect_attributes(&f, "table", "{}");
    fixture_close(&f);
}

static size_t pass_on(unsigned flags, size_t value_count, const unsigned values[], size_t size,
                      size_t *capacity, void **buffer)
{
    (void)flags, (void)value_count, (void)values, (void)capacity, (void)buffer;
    return size;
}

/* A filter that this HDF5 lacks is named when the array is opened, so that an import leaves out
 * just this array. */
static void test_missing_filter(void **state)
{
    const H5Z_class2_t filter = {H5Z_CLASS_T_VERS, 299, 1, 1, "rare-packer", NULL, NULL, pass_on};
    fixture f;

    (void)state;
    fixture_open(&f, "a.h5");
    need(H5Zregister(&filter));
    hid_t file = hdf5_create(&f), properties = need(H5Pcreate(H5P_DATASET_CREATE));
    hid_t space = need(H5Screate_simple(1, (hsize_t[]){3}, NULL));
    need(H5Pset_chunk(properties, 1, (hsize_t[]){3}));
    need(H5Pset_filter(properties, 299, H5Z_FLAG_MANDATORY, 0, NULL));
    hid_t id = need(
        H5Dcreate2(file, "packed", H5T_STD_I32LE, space, H5P_DEFAULT, properties, H5P_DEFAULT));
    need(H5Dwrite(id, H5T_NATIVE_INT, H5S_ALL, H5S_ALL, H5P_DEFAULT, hdf5_numbers));
    H5Dclose(id);
    H5Sclose(space);
    H5Pclose(properties);
    H5Fclose(file);
    need(H5Zunregister(299));
    fixture_expect_refused(&f, "packed", TSR_UNSUPPORTED, "rare-packer");
    fixture_close(&f);
}

/* Elements in a file of somebody else's are not fetched for whoever wrote this one. */
static void test_external_elements(void **state)
{
    fixture f;

    (void)state;
    fixture_open(&f, "a.h5");
    hid_t file = hdf5_create(&f), properties = need(H5Pcreate(H5P_DATASET_CREATE));
    hid_t space = need(H5Screate_simple(1, (hsize_t[]){16}, NULL));
    need(H5Pset_external(properties, "/etc/passwd", 0, 16));
    H5Dclose(
        need(H5Dcreate2(file, "taken", H5T_STD_U8LE, space, H5P_DEFAULT, properties, H5P_DEFAULT)));
    H5Sclose(space);
    H5Pclose(properties);
    H5Fclose(file);
    fixture_expect_refused(&f, "taken", TSR_UNSUPPORTED, "files outside of this one");
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_boxes),
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_missing_filter),
        cmocka_unit_test(test_external_elements),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
