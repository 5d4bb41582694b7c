/* Attributes of every type as JSON. */
#include "netcdf_testing.h"

#include <math.h>

static int variable_with(const fixture *f, int format, int *ret_variable)
{
    int id = netcdf_create(f, format);
    need(nc_def_var(id, "v", NC_INT, 0, NULL, ret_variable));
    return id;
}

static void test_numbers(void **state)
{
    fixture f;
    int v;

    (void)state;
    fixture_open(&f, "a.nc");
    int id = variable_with(&f, NC_NETCDF4, &v);
    need(nc_put_att_schar(id, v, "i1", NC_BYTE, 1, (signed char[]){-5}));
    need(nc_put_att_ulonglong(id, v, "u8", NC_UINT64, 2, (unsigned long long[]){0, UINT64_MAX}));
    need(nc_put_att_longlong(id, v, "i8", NC_INT64, 1, (long long[]){INT64_MIN}));
    need(nc_put_att_float(id, v, "f4", NC_FLOAT, 3, (float[]){0.1f, NAN, -INFINITY}));
    need(nc_put_att_double(id, v, "f8", NC_DOUBLE, 1, (double[]){1e300}));
    need(nc_put_att_int(id, v, "none", NC_INT, 0, (int[]){0}));
    need(nc_close(id));
    fixture_expect_attributes(
        &f, "v",
        "{\"i1\":-5,\"u8\":[0,18446744073709551615],"
        "\"i8\":-9223372036854775808,\"f4\":[0.10000000149011612,\"NaN\",\"-Infinity\"],"
        "\"f8\":1e+300,\"none\":[]}");
    fixture_close(&f);
}

static void test_texts(void **state)
{
    static const char *words[] = {"one", "t\xc3\xb6", ""};
    fixture f;
    int v;

    (void)state;
    fixture_open(&f, "a.nc");
    int id = variable_with(&f, NC_NETCDF4, &v);
    need(nc_put_att_text(id, v, "text", 5, "K m\0\0"));
    need(nc_put_att_text(id, v, "latin", 4,
                         "20\xb0"
                         "C"));
    need(nc_put_att_text(id, v, "empty", 0, ""));
    need(nc_put_att_string(id, v, "words", 3, words));
    need(nc_put_att_string(id, v, "word", 1, words));
    need(nc_close(id));
    fixture_expect_attributes(&f, "v",
                              "{\"text\":\"K m\",\"latin\":\"20\xc2\xb0"
                              "C\",\"empty\":\"\","
                              "\"words\":[\"one\",\"t\xc3\xb6\",\"\"],\"word\":\"one\"}");
    fixture_close(&f);
}

static char logged[256];

static void log_line(void *user, tsr_log_level level, const char *subsystem, const char *message)
{
    (void)user;
    assert_int_equal(level, TSR_LOG_WARNING);
    snprintf(logged, sizeof logged, "%s: %s", subsystem, message);
}

typedef struct pair {
    signed char small;
    double large;
} pair;

/* Enums stand for numbers, structs for their fields; what JSON has no form for is left out, and the
 * log says so. */
static void test_own_types(void **state)
{
    fixture f;
    int v, enumeration, list, compound, opaque;
    const pair pairs[] = {{1, 2.5}, {-3, NAN}};
    const nc_vlen_t value = {2, (int[]){1, 2}};
    tsr_context_options options;

    (void)state;
    fixture_open(&f, "a.nc");
    tsr_context_free(f.context);
    tsr_context_options_init(&options);
    options.log = log_line;
    assert_int_equal(tsr_context_new(&options, &f.context, &f.err), 0);
    int id = variable_with(&f, NC_NETCDF4, &v);
    need(nc_def_enum(id, NC_SHORT, "colour_t", &enumeration));
    need(nc_insert_enum(id, enumeration, "red", (short[]){300}));
    need(nc_def_vlen(id, "list_t", NC_INT, &list));
    need(nc_put_att(id, v, "colour", enumeration, 1, (short[]){300}));
    need(nc_put_att(id, v, "list", list, 1, &value));
    need(nc_def_compound(id, sizeof(pair), "pair_t", &compound));
    need(nc_insert_compound(id, compound, "small", offsetof(pair, small), NC_BYTE));
    need(nc_insert_compound(id, compound, "large", offsetof(pair, large), NC_DOUBLE));
    need(nc_put_att(id, v, "pair", compound, 1, pairs));
    need(nc_put_att(id, v, "pairs", compound, 2, pairs));
    need(nc_def_opaque(id, 2, "raw_t", &opaque));
    need(nc_put_att(id, v, "raw", opaque, 1, "\1\377"));
    need(nc_put_att_text(id, v, "last", 1, "z"));
    need(nc_close(id));
    fixture_expect_attributes(&f, "v",
                              "{\"colour\":300,\"pair\":{\"small\": 1, \"large\": 2.5},"
                              "\"pairs\":[{\"small\": 1, \"large\": 2.5},"
                              "{\"small\": -3, \"large\": \"NaN\"}],"
                              "\"raw\":[1,255],\"last\":\"z\"}");
    assert_string_equal(
        logged, "netcdf: attribute \"list\" of \"v\" is left out: values of the type \"list_t\"");
    fixture_close(&f);
}

/* What HDF5 and netCDF-4 keep for themselves is none of the user's. */
static void test_internal(void **state)
{
    fixture f;
    int v, axis, id;

    (void)state;
    fixture_open(&f, "a.nc");
    id = netcdf_create(&f, NC_NETCDF4);
    need(nc_def_dim(id, "x", 2, &axis));
    need(nc_def_var(id, "x", NC_FLOAT, 1, &axis, &v));
    need(nc_def_var(id, "v", NC_FLOAT, 1, &axis, &v));
    need(nc_close(id));
    fixture_expect_attributes(&f, "x", "{}");
    fixture_expect_attributes(&f, "v", "{}");
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_numbers), cmocka_unit_test(test_texts),
                                       cmocka_unit_test(test_own_types),
                                       cmocka_unit_test(test_internal)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
