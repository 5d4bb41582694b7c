/* netCDF files as trees: groups, names, kinds, what is refused. */
#include "netcdf_testing.h"

#include <unistd.h>

static void write_tree(const fixture *f)
{
    int id = netcdf_create(f, NC_NETCDF4), group, deeper, variable, list, axis;

    need(nc_def_dim(id, "x", 3, &axis));
    need(nc_def_grp(id, "g", &group));
    need(nc_def_grp(group, "deeper", &deeper));
    need(nc_def_var(id, "b", NC_INT, 1, &axis, &variable));
    need(nc_def_var(id, "a", NC_INT, 0, NULL, &variable));
    need(nc_put_var_int(id, variable, (int[]){7}));
    need(nc_def_var(group, "b", NC_SHORT, 1, &axis, &variable));
    need(nc_def_var(deeper, "a name with spaces", NC_FLOAT, 1, &axis, &variable));
    need(nc_def_var(deeper,
                    "gr\xc3\xbc\xc3\x9f"
                    "e",
                    NC_FLOAT, 1, &axis, &variable));
    need(nc_def_vlen(id, "list_t", NC_INT, &list));
    need(nc_def_var(id, "odd", list, 1, &axis, &variable));
    need(nc_def_var(id, "words", NC_STRING, 1, &axis, &variable));
    need(nc_put_att_text(group, NC_GLOBAL, "note", 2, "hi"));
    need(nc_close(id));
}

static void test_tree(void **state)
{
    fixture f;
    tsr_node_kind kind;

    (void)state;
    fixture_open(&f, "tree.nc");
    write_tree(&f);
    fixture_expect_children(&f, "", "a b g/ odd words");
    fixture_expect_children(&f, "g", "b deeper/");
    fixture_expect_children(&f, "g/deeper",
                            "a name with spaces gr\xc3\xbc\xc3\x9f"
                            "e");
    fixture_expect_values(&f, "a", TSR_INT32, &(int32_t){7}, 4);

    char *place = fixture_place(&f, "g//b/");
    assert_int_equal(tsr_place_probe(f.context, place, NULL, &kind, &f.err), 0);
    assert_int_equal(kind, TSR_NODE_ARRAY);
    free(place);
    place = fixture_place(&f, "g/b/below");
    assert_int_equal(tsr_place_probe(f.context, place, NULL, &kind, &f.err), 0);
    assert_int_equal(kind, TSR_NODE_NONE);
    free(place);
    fixture_close(&f);
}

/* What cannot be read says why, and keeps nothing else from being read. */
static void test_refusals(void **state)
{
    fixture f;
    tsr_group *group = NULL;

    (void)state;
    fixture_open(&f, "tree.nc");
    write_tree(&f);
    fixture_expect_refused(&f, "odd", TSR_UNSUPPORTED, "\"list_t\"");
    tsr_array *array = fixture_array(&f, "words");
    assert_ptr_equal(tsr_array_dtype(array), TSR_STRING);
    tsr_array_close(array);
    fixture_expect_refused(&f, "nothing", TSR_NOT_FOUND, "no variable \"nothing\"");
    fixture_expect_refused(&f, "g", TSR_TYPE_MISMATCH, "a group, not an array");
    fixture_expect_refused(&f, "", TSR_TYPE_MISMATCH, "a group, not an array");
    char *place = fixture_place(&f, "b");
    assert_int_equal(tsr_group_open(f.context, place, NULL, &group, &f.err), TSR_TYPE_MISMATCH);
    free(place);
    fixture_close(&f);
}

static void test_group_attributes(void **state)
{
    fixture f;
    tsr_group *group;
    char *json = NULL, *place;

    (void)state;
    fixture_open(&f, "tree.nc");
    write_tree(&f);
    place = fixture_place(&f, "g");
    assert_int_equal(tsr_group_open(f.context, place, NULL, &group, &f.err), 0);
    assert_int_equal(tsr_group_attributes(group, &json, &f.err), 0);
    assert_string_equal(json, "{\"note\":\"hi\"}");
    assert_string_equal(tsr_group_driver(group), "netcdf");
    tsr_free(json);
    tsr_group_close(group);
    free(place);
    fixture_close(&f);
}

/* Names that libnetcdf takes for something else: fragments, brackets, backslashes, schemes. */
static void test_odd_file_names(void **state)
{
    static const char *const names[] = {"a#mode=zarr.nc", "b[x].nc", "c\\d.nc", "e f?.nc",
                                        "http:g.nc"};
    fixture plain;
    size_t size_bytes;

    (void)state;
    fixture_open(&plain, "plain.nc");
    write_tree(&plain);
    char *bytes = temporary_file_read(plain.path, &size_bytes);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        fixture f;
        fixture_open(&f, names[i]);
        temporary_file_write(f.path, bytes, size_bytes);
        fixture_expect_values(&f, "a", TSR_INT32, &(int32_t){7}, 4);
        fixture_close(&f);
    }
    free(bytes);
    fixture_close(&plain);
}

/* An open array goes on when its file is removed or replaced. */
static void test_removed(void **state)
{
    static const int formats[] = {0, NC_NETCDF4};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        fixture f;
        int32_t value = 0;
        int variable;
        fixture_open(&f, "gone.nc");
        int id = netcdf_create(&f, formats[i]);
        need(nc_def_var(id, "v", NC_INT, 0, NULL, &variable));
        need(nc_enddef(id));
        need(nc_put_var_int(id, variable, (int[]){42}));
        need(nc_close(id));
        tsr_array *array = fixture_array(&f, "v");
        assert_int_equal(unlink(f.path), 0);
        temporary_file_write(f.path, "CDF\1 other", 10);
        assert_int_equal(tsr_array_read(array, NULL, NULL, NULL, &value, 4, NULL, &f.err), 0);
        assert_int_equal(value, 42);
        tsr_array_close(array);
        fixture_close(&f);
    }
}

static void test_empty(void **state)
{
    fixture f;

    (void)state;
    fixture_open(&f, "empty.nc");
    need(nc_close(netcdf_create(&f, 0)));
    fixture_expect_children(&f, "", "");
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tree),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_group_attributes),
        cmocka_unit_test(test_odd_file_names),
        cmocka_unit_test(test_removed),
        cmocka_unit_test(test_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
