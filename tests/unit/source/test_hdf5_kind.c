/* libnetcdf gets what it reads whole, and nothing else. */
#include "hdf5_testing.h"

#include <netcdf.h>

static const char *driver_of(fixture *f)
{
    tsr_group *group = NULL;
    if (tsr_group_open(f->context, f->path, NULL, &group, &f->err) < 0)
        fail_msg("%s", f->err.message);
    const char *driver = tsr_group_driver(group); /* static */
    tsr_group_close(group);
    return driver;
}

static void write_netcdf(const fixture *f)
{
    int id, axis, variable, type;

    need(nc_create(f->path, NC_NETCDF4 | NC_CLOBBER, &id) == NC_NOERR ? 0 : -1);
    nc_def_dim(id, "x", 3, &axis);
    nc_def_enum(id, NC_BYTE, "flag_t", &type);
    nc_insert_enum(id, type, "NO", (signed char[]){0});
    nc_def_var(id, "flag", type, 1, &axis, &variable);
    nc_def_var(id, "v", NC_FLOAT, 1, &axis, &variable);
    nc_put_att_text(id, variable, "units", 1, "m");
    need(nc_close(id) == NC_NOERR ? 0 : -1);
}

static void test_netcdf(void **state)
{
    fixture f;

    (void)state;
    fixture_open(&f, "a.nc");
    write_netcdf(&f);
    assert_string_equal(driver_of(&f), "netcdf");
    fixture_close(&f);
}

static void test_plain(void **state)
{
    fixture f;

    (void)state;
    fixture_open(&f, "a.h5");
    hid_t file = hdf5_create(&f);
    H5Dclose(hdf5_put(file, "d", H5T_STD_I32LE, H5T_NATIVE_INT, 3, hdf5_numbers));
    H5Fclose(file);
    assert_string_equal(driver_of(&f), "hdf5");
    fixture_close(&f);
}

typedef void (*adder)(hid_t file);

static void add_complex(hid_t file)
{
    const double values[2] = {1, 2};
    hid_t type = need(H5Tcreate(H5T_COMPOUND, 16));
    need(H5Tinsert(type, "r", 0, H5T_NATIVE_DOUBLE));
    need(H5Tinsert(type, "i", 8, H5T_NATIVE_DOUBLE));
    H5Dclose(hdf5_put(file, "added", type, type, 1, values));
    H5Tclose(type);
}

static void add_half(hid_t file)
{
    hid_t type = need(H5Tcopy(H5T_IEEE_F32LE));
    need(H5Tset_fields(type, 15, 10, 5, 0, 10));
    need(H5Tset_size(type, 2));
    need(H5Tset_ebias(type, 15));
    H5Dclose(hdf5_put(file, "added", type, type, 1, "\0\x3c"));
    H5Tclose(type);
}

static void add_soft_link(hid_t file)
{
    need(H5Lcreate_soft("/v", file, "added", H5P_DEFAULT, H5P_DEFAULT));
}

static void add_circle(hid_t file)
{
    hid_t group = need(H5Gcreate2(file, "added", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    need(H5Lcreate_hard(file, "added", group, "self", H5P_DEFAULT, H5P_DEFAULT));
    H5Gclose(group);
}

static void add_square_attribute(hid_t file)
{
    hdf5_attribute(file, "added", H5T_NATIVE_INT, 2, (hsize_t[]){1, 3}, hdf5_numbers);
}

static void test_more_than_netcdf(void **state)
{
    static const adder adders[] = {add_complex, add_half, add_soft_link, add_circle,
                                   add_square_attribute};

    (void)state;
    for (size_t i = 0; i < sizeof adders / sizeof *adders; i++) {
        fixture f;
        fixture_open(&f, "a.nc");
        write_netcdf(&f);
        hid_t file = need(H5Fopen(f.path, H5F_ACC_RDWR, H5P_DEFAULT));
        adders[i](file);
        H5Fclose(file);
        assert_string_equal(driver_of(&f), "hdf5");
        fixture_close(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_netcdf), cmocka_unit_test(test_plain),
                                       cmocka_unit_test(test_more_than_netcdf)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
