/* HDF5 files as trees: links of every kind, circles, user blocks, damage. */
#include "hdf5_testing.h"

static void write_links(const fixture *f)
{
    hid_t file = hdf5_create(f);
    hid_t group = need(H5Gcreate2(file, "g", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));

    H5Dclose(hdf5_put(file, "data", H5T_STD_I32BE, H5T_NATIVE_INT, 3, hdf5_numbers));
    need(H5Lcreate_hard(file, "data", file, "again", H5P_DEFAULT, H5P_DEFAULT));
    need(H5Lcreate_soft("/data", file, "soft", H5P_DEFAULT, H5P_DEFAULT));
    need(H5Lcreate_soft("/nowhere", file, "dangling", H5P_DEFAULT, H5P_DEFAULT));
    need(H5Lcreate_external("other.h5", "/x", file, "external", H5P_DEFAULT, H5P_DEFAULT));
    need(H5Lcreate_soft("/external", file, "detour", H5P_DEFAULT, H5P_DEFAULT));
    need(H5Lcreate_soft("/", group, "up", H5P_DEFAULT, H5P_DEFAULT));
    need(H5Lcreate_hard(file, "g", group, "self", H5P_DEFAULT, H5P_DEFAULT));
    H5Dclose(hdf5_put(group, "inner", H5T_STD_I32LE, H5T_NATIVE_INT, 3, hdf5_numbers));
    hid_t type = need(H5Tcopy(H5T_NATIVE_INT));
    need(H5Tcommit2(file, "a type", type, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Tclose(type);
    H5Gclose(group);
    H5Fclose(file);
}

static void test_links(void **state)
{
    fixture f;

    (void)state;
    fixture_open(&f, "links.h5");
    write_links(&f);
    fixture_expect_children(&f, "", "again dangling! data detour! external! g/ soft");
    fixture_expect_children(&f, "g", "inner self! up!");
    fixture_expect_values(&f, "again", TSR_INT32, hdf5_numbers, sizeof hdf5_numbers);
    fixture_expect_values(&f, "soft", TSR_INT32, hdf5_numbers, sizeof hdf5_numbers);
    fixture_expect_values(&f, "g/inner", TSR_INT32, hdf5_numbers, sizeof hdf5_numbers);
    fixture_expect_refused(&f, "dangling", TSR_NOT_FOUND, "a link to \"/nowhere\"");
    fixture_expect_refused(&f, "external", TSR_UNSUPPORTED, "a link into another file");
    fixture_expect_refused(&f, "g/up/data", TSR_UNSUPPORTED, "a link to a group above it");
    fixture_expect_refused(&f, "g/self/inner", TSR_UNSUPPORTED, "a link to a group above it");
    fixture_expect_refused(&f, "data/below", TSR_NOT_FOUND, "no data set");
    fixture_expect_refused(&f, "g", TSR_TYPE_MISMATCH, "a group, not an array");
    fixture_close(&f);
}

static void test_user_block(void **state)
{
    fixture f;

    (void)state;
    for (hsize_t size_bytes = 512; size_bytes <= 4096; size_bytes *= 2) {
        fixture_open(&f, "user.mat");
        hid_t properties = need(H5Pcreate(H5P_FILE_CREATE));
        need(H5Pset_userblock(properties, size_bytes));
        hid_t file = need(H5Fcreate(f.path, H5F_ACC_TRUNC, properties, H5P_DEFAULT));
        H5Dclose(hdf5_put(file, "d", H5T_STD_I32LE, H5T_NATIVE_INT, 3, hdf5_numbers));
        H5Fclose(file);
        H5Pclose(properties);
        fixture_expect_values(&f, "d", TSR_INT32, hdf5_numbers, sizeof hdf5_numbers);
        fixture_close(&f);
    }
}

static void test_damage(void **state)
{
    fixture f;
    size_t size_bytes;

    (void)state;
    fixture_open(&f, "links.h5");
    write_links(&f);
    free(temporary_file_read(f.path, &size_bytes));
    fixture_cut(&f, size_bytes - 1);
    fixture_expect_refused(&f, "data", TSR_DAMAGED, "truncated file");
    fixture_cut(&f, 100);
    fixture_expect_refused(&f, "data", TSR_DAMAGED, "HDF5: ");
    fixture_cut(&f, 8);
    fixture_expect_refused(&f, "data", TSR_DAMAGED, "HDF5: ");
    fixture_close(&f);
}

/* Names that mean something elsewhere. */
static void test_odd_names(void **state)
{
    static const char *const names[] = {"zarr.json", "__x", "a b", "..", "c#d?e", "caf\xe9"};
    fixture f;

    (void)state;
    fixture_open(&f, "odd.h5");
    hid_t file = hdf5_create(&f);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        H5Dclose(hdf5_put(file, names[i], H5T_STD_I32LE, H5T_NATIVE_INT, 3, hdf5_numbers));
    H5Fclose(file);
    fixture_expect_children(&f, "", ".. __x a b c#d?e caf\xe9 zarr.json");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        fixture_expect_values(&f, names[i], TSR_INT32, hdf5_numbers, sizeof hdf5_numbers);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_links),
        cmocka_unit_test(test_user_block),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_odd_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
