/* Types that files define for themselves: compounds, enums, opaque bytes. */
#include "netcdf_testing.h"

#include <stddef.h>

/* A variable of two elements along "x". */
static int two_of(int id, const char *name, nc_type type, const void *values)
{
    int axis, v;

    if (nc_inq_dimid(id, "x", &axis) != NC_NOERR)
        need(nc_def_dim(id, "x", 2, &axis));
    need(nc_def_var(id, name, type, 1, &axis, &v));
    if (values)
        need(nc_put_var(id, v, values));
    return v;
}

static void expect(fixture *f, const char *inner, const char *dtype_name, const void *values,
                   size_t size_bytes)
{
    const tsr_dtype *dtype;
    assert_int_equal(tsr_dtype_parse(dtype_name, &dtype, &f->err), 0);
    fixture_expect_values(f, inner, dtype, values, size_bytes);
    tsr_dtype_unref(dtype);
}

static nc_type enum_of(int id, const char *name, nc_type base, const char *first,
                       const void *first_value, const char *second, const void *second_value)
{
    nc_type type;
    need(nc_def_enum(id, base, name, &type));
    need(nc_insert_enum(id, type, first, first_value));
    need(nc_insert_enum(id, type, second, second_value));
    return type;
}

/* Integers, whose names are an attribute; two names of one byte are a bool. */
static void test_enum(void **state)
{
    fixture f;

    (void)state;
    fixture_open(&f, "a.nc");
    int id = netcdf_create(&f, NC_NETCDF4);
    nc_type colour =
        enum_of(id, "colour_t", NC_SHORT, "red", (short[]){300}, "no\"ne", (short[]){-2});
    nc_type truth = enum_of(id, "bool", NC_BYTE, "FALSE", "\0", "TRUE", "\1");
    nc_type other = enum_of(id, "other_t", NC_BYTE, "FALSE", "\1", "TRUE", "\0");
    int v = two_of(id, "colours", colour, NULL);
    need(nc_def_var_fill(id, v, NC_FILL, (short[]){300}));
    need(nc_put_att_text(id, v, "note", 2, "hi"));
    need(nc_put_vara(id, v, (size_t[]){1}, (size_t[]){1}, (short[]){-2}));
    v = two_of(id, "taken", colour, NULL);
    need(nc_put_att_text(id, v, "enum", 4, "mine"));
    two_of(id, "truths", truth, "\1\0");
    two_of(id, "others", other, "\1\0");
    need(nc_close(id));
    expect(&f, "colours", "int16", (short[]){300, -2}, 4);
    fixture_expect_attributes(
        &f, "colours",
        "{\"_FillValue\":300,\"note\":\"hi\",\"enum\":{\"red\":300,\"no\\\"ne\":-2}}");
    fixture_expect_attributes(&f, "taken", "{\"enum\":\"mine\"}");
    expect(&f, "truths", "bool", "\1\0", 2);
    fixture_expect_attributes(&f, "truths", "{}");
    expect(&f, "others", "int8", "\1\0", 2);
    tsr_array *array = fixture_array(&f, "colours");
    assert_memory_equal(tsr_array_fill_value(array), &(int16_t){300}, 2);
    tsr_array_close(array);
    fixture_close(&f);
}

static void test_opaque(void **state)
{
    nc_type type;
    fixture f;

    (void)state;
    fixture_open(&f, "a.nc");
    int id = netcdf_create(&f, NC_NETCDF4);
    need(nc_def_opaque(id, 3, "three_t", &type));
    int v = two_of(id, "bytes", type, NULL);
    need(nc_def_var_fill(id, v, NC_FILL, "xyz"));
    need(nc_put_vara(id, v, (size_t[]){0}, (size_t[]){1}, "a\0c"));
    need(nc_close(id));
    expect(&f, "bytes", "r24", "a\0cxyz", 6);
    tsr_array *array = fixture_array(&f, "bytes");
    assert_memory_equal(tsr_array_fill_value(array), "xyz", 3);
    tsr_array_close(array);
    fixture_close(&f);
}

typedef struct inner {
    int8_t small;
    double large;
} inner;

typedef struct outer {
    int16_t x;
    inner pairs[2];
    char name[3];
    uint8_t table[2][2];
    char letter;
} outer;

static void write_structs(const fixture *f, const outer *values)
{
    nc_type inner_type, outer_type;
    int id = netcdf_create(f, NC_NETCDF4), group, v;

    need(nc_def_compound(id, sizeof(inner), "inner_t", &inner_type));
    need(nc_insert_compound(id, inner_type, "small", offsetof(inner, small), NC_BYTE));
    need(nc_insert_compound(id, inner_type, "large", offsetof(inner, large), NC_DOUBLE));
    need(nc_def_compound(id, sizeof(outer), "outer_t", &outer_type));
    need(nc_insert_compound(id, outer_type, "x", offsetof(outer, x), NC_SHORT));
    need(nc_insert_array_compound(id, outer_type, "pairs", offsetof(outer, pairs), inner_type, 1,
                                  (int[]){2}));
    need(nc_insert_array_compound(id, outer_type, "name", offsetof(outer, name), NC_CHAR, 1,
                                  (int[]){3}));
    need(nc_insert_array_compound(id, outer_type, "table", offsetof(outer, table), NC_UBYTE, 2,
                                  (int[]){2, 2}));
    need(nc_insert_compound(id, outer_type, "letter", offsetof(outer, letter), NC_CHAR));
    need(nc_def_grp(id, "g", &group));
    v = two_of(group, "things", outer_type, NULL);
    need(nc_def_var_fill(group, v, NC_FILL, &values[1]));
    need(nc_put_vara(group, v, (size_t[]){0}, (size_t[]){1}, values));
    need(nc_close(id));
}

/* The bytes that the struct has without padding, after what its fields are. */
static void pack(const outer *value, char *bytes)
{
    const void *const parts[] = {&value->x,
                                 &value->pairs[0].small,
                                 &value->pairs[0].large,
                                 &value->pairs[1].small,
                                 &value->pairs[1].large,
                                 value->name,
                                 value->table,
                                 &value->letter};
    static const size_t sizes[] = {2, 1, 8, 1, 8, 3, 4, 1};

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        memcpy(bytes, parts[i], sizes[i]);
        bytes += sizes[i];
    }
}

static const tsr_dtype *outer_dtype(fixture *f)
{
    const tsr_dtype *pair, *name, *letter, *whole;
    const tsr_field inside[] = {{.name = "small", .dtype = TSR_INT8},
                                {.name = "large", .dtype = TSR_FLOAT64}};

    assert_int_equal(tsr_dtype_struct(inside, 2, &pair, &f->err), 0);
    assert_int_equal(tsr_dtype_parse("S3", &name, &f->err), 0);
    assert_int_equal(tsr_dtype_parse("S1", &letter, &f->err), 0);
    const tsr_field fields[] = {{.name = "x", .dtype = TSR_INT16},
                                {.name = "pairs", .dtype = pair, .rank = 1, .shape = {2}},
                                {.name = "name", .dtype = name},
                                {.name = "table", .dtype = TSR_UINT8, .rank = 2, .shape = {2, 2}},
                                {.name = "letter", .dtype = letter}};
    assert_int_equal(tsr_dtype_struct(fields, 5, &whole, &f->err), 0);
    tsr_dtype_unref(pair);
    tsr_dtype_unref(name);
    tsr_dtype_unref(letter);
    return whole;
}

/* Compounds in compounds, with padding, arrays and text; the type lies in a group above. What was
 * never written is the fill value. */
static void test_compound(void **state)
{
    const outer values[] = {{-3, {{1, 0.5}, {-1, 1e300}}, "abc", {{1, 2}, {3, 4}}, 'q'},
                            {999, {{7, -0.0}, {8, 2}}, "z", {{9, 9}, {9, 255}}, 'r'}};
    char wanted[2 * 28];
    fixture f;

    (void)state;
    fixture_open(&f, "a.nc");
    write_structs(&f, values);
    pack(&values[0], wanted);
    pack(&values[1], wanted + 28);
    const tsr_dtype *dtype = outer_dtype(&f);
    fixture_expect_values(&f, "g/things", dtype, wanted, sizeof wanted);
    tsr_array *array = fixture_array(&f, "g/things");
    assert_memory_equal(tsr_array_fill_value(array), wanted + 28, 28);
    tsr_array_close(array);
    tsr_dtype_unref(dtype);
    fixture_close(&f);
}

static nc_type pair_of(int id, const char *name, const char *first, const char *second,
                       nc_type part, size_t part_bytes)
{
    nc_type type;
    need(nc_def_compound(id, 2 * part_bytes, name, &type));
    need(nc_insert_compound(id, type, first, 0, part));
    need(nc_insert_compound(id, type, second, part_bytes, part));
    return type;
}

static void test_complex(void **state)
{
    const float singles[] = {1, -2, 3, 4};
    const double doubles[] = {1, -2, 3, 4};
    const int integers[] = {1, -2, 3, 4};
    fixture f;

    (void)state;
    fixture_open(&f, "a.nc");
    int id = netcdf_create(&f, NC_NETCDF4);
    two_of(id, "c8", pair_of(id, "c8_t", "r", "i", NC_FLOAT, 4), singles);
    two_of(id, "c16", pair_of(id, "c16_t", "r", "i", NC_DOUBLE, 8), doubles);
    two_of(id, "integers", pair_of(id, "pair_t", "r", "i", NC_INT, 4), integers);
    two_of(id, "turned", pair_of(id, "turned_t", "i", "r", NC_FLOAT, 4), singles);
    need(nc_close(id));
    expect(&f, "c8", "complex64", singles, sizeof singles);
    expect(&f, "c16", "complex128", doubles, sizeof doubles);
    expect(&f, "integers", "struct{r:int32,i:int32}", integers, sizeof integers);
    expect(&f, "turned", "struct{i:float32,r:float32}", singles, sizeof singles);
    fixture_close(&f);
}

static void test_refused(void **state)
{
    nc_type list, words, nest;
    fixture f;

    (void)state;
    fixture_open(&f, "a.nc");
    int id = netcdf_create(&f, NC_NETCDF4);
    need(nc_def_vlen(id, "list_t", NC_INT, &list));
    need(nc_def_compound(id, 16, "words_t", &words));
    need(nc_insert_compound(id, words, "x", 0, NC_INT));
    need(nc_insert_compound(id, words, "text", 8, NC_STRING));
    need(nc_def_compound(id, sizeof(nc_vlen_t), "nest_t", &nest));
    need(nc_insert_compound(id, nest, "inside", 0, list));
    two_of(id, "lists", list, NULL);
    two_of(id, "words", words, NULL);
    two_of(id, "nests", nest, NULL);
    need(nc_close(id));
    fixture_expect_refused(&f, "lists", TSR_UNSUPPORTED, "\"list_t\", lists of any length");
    fixture_expect_refused(&f, "words", TSR_UNSUPPORTED,
                           "field \"text\": elements of the netCDF type \"string\", text of any");
    fixture_expect_refused(&f, "nests", TSR_UNSUPPORTED, "field \"inside\": elements of the");
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_enum),     cmocka_unit_test(test_opaque),
        cmocka_unit_test(test_compound), cmocka_unit_test(test_complex),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
