/* Every type that is read, in both byte orders, and the names of those that are not. */
#include "hdf5_testing.h"

static void test_numbers(void **state)
{
    const struct {
        const tsr_dtype *dtype;
        hid_t little, big, native;
    } rows[] = {
        {TSR_INT8, H5T_STD_I8LE, H5T_STD_I8BE, H5T_NATIVE_INT8},
        {TSR_UINT8, H5T_STD_U8LE, H5T_STD_U8BE, H5T_NATIVE_UINT8},
        {TSR_INT16, H5T_STD_I16LE, H5T_STD_I16BE, H5T_NATIVE_INT16},
        {TSR_UINT16, H5T_STD_U16LE, H5T_STD_U16BE, H5T_NATIVE_UINT16},
        {TSR_INT32, H5T_STD_I32LE, H5T_STD_I32BE, H5T_NATIVE_INT32},
        {TSR_UINT32, H5T_STD_U32LE, H5T_STD_U32BE, H5T_NATIVE_UINT32},
        {TSR_INT64, H5T_STD_I64LE, H5T_STD_I64BE, H5T_NATIVE_INT64},
        {TSR_UINT64, H5T_STD_U64LE, H5T_STD_U64BE, H5T_NATIVE_UINT64},
        {TSR_FLOAT32, H5T_IEEE_F32LE, H5T_IEEE_F32BE, H5T_NATIVE_FLOAT},
        {TSR_FLOAT64, H5T_IEEE_F64LE, H5T_IEEE_F64BE, H5T_NATIVE_DOUBLE},
    };
    static const char bytes[] = "0123456789abcdefABCDEFGH";
    fixture f;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t size_bytes = 3 * rows[i].dtype->size_bytes;
        fixture_open(&f, "a.h5");
        hid_t file = hdf5_create(&f);
        H5Dclose(hdf5_put(file, "little", rows[i].little, rows[i].native, 3, bytes));
        H5Dclose(hdf5_put(file, "big", rows[i].big, rows[i].native, 3, bytes));
        H5Fclose(file);
        fixture_expect_values(&f, "little", rows[i].dtype, bytes, size_bytes);
        fixture_expect_values(&f, "big", rows[i].dtype, bytes, size_bytes);
        fixture_close(&f);
    }
}

static hid_t half_type(H5T_order_t order)
{
    hid_t type = need(H5Tcopy(H5T_IEEE_F32LE));
    need(H5Tset_fields(type, 15, 10, 5, 0, 10));
    need(H5Tset_size(type, 2));
    need(H5Tset_ebias(type, 15));
    need(H5Tset_order(type, order));
    return type;
}

static void test_half(void **state)
{
    fixture f;

    (void)state;
    fixture_open(&f, "a.h5");
    hid_t file = hdf5_create(&f), little = half_type(H5T_ORDER_LE), big = half_type(H5T_ORDER_BE);
    H5Dclose(hdf5_put(file, "little", little, little, 2, "\0\x3c\0\xc0"));
    H5Dclose(hdf5_put(file, "big", big, big, 2, "\x3c\0\xc0\0"));
    H5Tclose(little);
    H5Tclose(big);
    H5Fclose(file);
    fixture_expect_values(&f, "little", TSR_FLOAT16, "\0\x3c\0\xc0", 4);
    fixture_expect_values(&f, "big", TSR_FLOAT16, "\0\x3c\0\xc0", 4);
    fixture_close(&f);
}

static hid_t bool_type(const char *no, const char *yes)
{
    hid_t type = need(H5Tenum_create(H5T_NATIVE_INT8));
    need(H5Tenum_insert(type, no, (signed char[]){0}));
    need(H5Tenum_insert(type, yes, (signed char[]){1}));
    return type;
}

static hid_t complex_type(hid_t part, size_t part_bytes)
{
    hid_t type = need(H5Tcreate(H5T_COMPOUND, 2 * part_bytes));
    need(H5Tinsert(type, "r", 0, part));
    need(H5Tinsert(type, "i", part_bytes, part));
    return type;
}

static void test_of_h5py(void **state)
{
    const double doubles[] = {1, -2, 3, 4};
    const float floats[] = {1, -2, 3, 4};
    fixture f;

    (void)state;
    fixture_open(&f, "a.h5");
    hid_t file = hdf5_create(&f), flags = bool_type("FALSE", "TRUE");
    hid_t big = complex_type(H5T_IEEE_F32BE, 4), little = complex_type(H5T_IEEE_F64LE, 8);
    hid_t memory = complex_type(H5T_NATIVE_FLOAT, 4);
    H5Dclose(hdf5_put(file, "flags", flags, flags, 2, "\0\1"));
    H5Dclose(hdf5_put(file, "c8", big, memory, 2, floats));
    H5Dclose(hdf5_put(file, "c16", little, little, 2, doubles));
    H5Fclose(file);
    H5Tclose(flags);
    H5Tclose(big);
    H5Tclose(little);
    H5Tclose(memory);
    fixture_expect_values(&f, "flags", TSR_BOOL, "\0\1", 2);
    fixture_expect_values(&f, "c8", TSR_COMPLEX64, floats, sizeof floats);
    fixture_expect_values(&f, "c16", TSR_COMPLEX128, doubles, sizeof doubles);
    fixture_close(&f);
}

/* Texts of a fixed length, whatever fills them up in the file, are filled up with 0. */
static void test_fixed_text(void **state)
{
    static const struct {
        H5T_str_t padding;
        const char *stored;
    } rows[] = {{H5T_STR_NULLTERM, "ab\0\0abcd\0\0\0"},
                {H5T_STR_NULLPAD, "ab\0\0abcd\0\0\0"},
                {H5T_STR_SPACEPAD, "ab  abcd    "}};
    const tsr_dtype *wanted;
    fixture f;

    (void)state;
    fixture_open(&f, "a.h5");
    assert_int_equal(tsr_dtype_fixed_text(TSR_KIND_BYTES, 4, &wanted, &f.err), 0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        hid_t file = hdf5_create(&f), type = need(H5Tcopy(H5T_C_S1));
        need(H5Tset_size(type, 4));
        need(H5Tset_strpad(type, rows[i].padding));
        H5Dclose(hdf5_put(file, "text", type, type, 3, rows[i].stored));
        H5Tclose(type);
        H5Fclose(file);
        fixture_expect_values(&f, "text", wanted, "ab\0\0abcd\0\0\0\0", 12);
    }
    tsr_dtype_unref(wanted);
    fixture_close(&f);
}

/* Numbers with names, in the order of the other kind of machine too. */
static void test_enum(void **state)
{
    const int16_t numbers[] = {300, -2, 7};
    fixture f;

    (void)state;
    fixture_open(&f, "a.h5");
    hid_t file = hdf5_create(&f), type = need(H5Tenum_create(H5T_STD_I16BE));
    const int16_t red = 300, green = -2;
    int16_t member = red;
    need(H5Tconvert(H5T_NATIVE_SHORT, H5T_STD_I16BE, 1, &member, NULL, H5P_DEFAULT));
    need(H5Tenum_insert(type, "RED", &member));
    member = green;
    need(H5Tconvert(H5T_NATIVE_SHORT, H5T_STD_I16BE, 1, &member, NULL, H5P_DEFAULT));
    need(H5Tenum_insert(type, "GREEN", &member));
    H5Dclose(hdf5_put(file, "colours", type, type, 3,
                      (unsigned char[]){0x01, 0x2c, 0xff, 0xfe, 0x00, 0x07}));
    H5Tclose(type);
    H5Fclose(file);
    fixture_expect_values(&f, "colours", TSR_INT16, numbers, sizeof numbers);
    fixture_expect_attributes(&f, "colours", "{\"enum\":{\"RED\":300,\"GREEN\":-2}}");
    fixture_close(&f);
}

static void test_opaque(void **state)
{
    const tsr_dtype *wanted;
    fixture f;

    (void)state;
    fixture_open(&f, "a.h5");
    assert_int_equal(tsr_dtype_parse("r24", &wanted, &f.err), 0);
    hid_t file = hdf5_create(&f), type = need(H5Tcreate(H5T_OPAQUE, 3));
    H5Dclose(hdf5_put(file, "bytes", type, type, 2, "abc\0\1\2"));
    H5Tclose(type);
    H5Fclose(file);
    fixture_expect_values(&f, "bytes", wanted, "abc\0\1\2", 6);
    tsr_dtype_unref(wanted);
    fixture_close(&f);
}

/* Fields lie with gaps and in big-endian order in the file; one is a struct, one an array. */
static void test_struct(void **state)
{
    const struct {
        int16_t x;
        float inner;
        uint8_t list[2];
    } first = {-3, 1.5F, {7, 8}};
    unsigned char stored[24] = {0}, wanted_bytes[8];
    const tsr_dtype *inner_dtype, *wanted;
    fixture f;

    (void)state;
    fixture_open(&f, "a.h5");
    const tsr_field inner_field = {.name = "y", .dtype = TSR_FLOAT32};
    assert_int_equal(tsr_dtype_struct(&inner_field, 1, &inner_dtype, &f.err), 0);
    const tsr_field fields[] = {{.name = "x", .dtype = TSR_INT16},
                                {.name = "inner", .dtype = inner_dtype},
                                {.name = "list", .dtype = TSR_UINT8, .rank = 1, .shape = {2}}};
    assert_int_equal(tsr_dtype_struct(fields, 3, &wanted, &f.err), 0);
    hid_t file = hdf5_create(&f), type = need(H5Tcreate(H5T_COMPOUND, 24));
    hid_t inner = need(H5Tcreate(H5T_COMPOUND, 8)),
          list = need(H5Tarray_create2(H5T_NATIVE_UCHAR, 1, (hsize_t[]){2}));
    need(H5Tinsert(inner, "y", 4, H5T_IEEE_F32BE));
    need(H5Tinsert(type, "x", 4, H5T_STD_I16BE));
    need(H5Tinsert(type, "inner", 8, inner));
    need(H5Tinsert(type, "list", 20, list));
    memcpy(stored + 4, "\xff\xfd", 2);
    memcpy(stored + 12, "\x3f\xc0\0\0", 4);
    memcpy(stored + 20, first.list, 2);
    H5Dclose(hdf5_put(file, "points", type, type, 1, stored));
    H5Tclose(list);
    H5Tclose(inner);
    H5Tclose(type);
    H5Fclose(file);
    memcpy(wanted_bytes, &first.x, 2);
    memcpy(wanted_bytes + 2, &first.inner, 4);
    memcpy(wanted_bytes + 6, first.list, 2);
    fixture_expect_values(&f, "points", wanted, wanted_bytes, sizeof wanted_bytes);
    tsr_dtype_unref(wanted);
    tsr_dtype_unref(inner_dtype);
    fixture_close(&f);
}

static void put_refused(hid_t file, const char *name, hid_t type)
{
    hid_t space = need(H5Screate(H5S_SCALAR));
    H5Dclose(need(H5Dcreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT)));
    H5Sclose(space);
    if (H5Tcommitted(type) == 0)
        H5Tclose(type);
}

static void test_refused(void **state)
{
    static const struct {
        const char *name, *words;
    } rows[] = {{"compound", "field \"words\": text of any length"},
                {"list", "\"list of any length\""},
                {"reference", "\"reference\""},
                {"array", "\"array\""},
                {"bits", "\"bit field\""},
                {"brain", "not of IEEE 754"},
                {"wide", "\"integer\" (16 bytes)"}};
    fixture f;

    (void)state;
    fixture_open(&f, "a.h5");
    hid_t file = hdf5_create(&f), words = need(H5Tcopy(H5T_C_S1));
    need(H5Tset_size(words, H5T_VARIABLE));
    hid_t compound = need(H5Tcreate(H5T_COMPOUND, 4 + sizeof(char *)));
    need(H5Tinsert(compound, "x", 0, H5T_NATIVE_INT));
    need(H5Tinsert(compound, "words", 4, words));
    put_refused(file, "compound", compound);
    put_refused(file, "words", words);
    put_refused(file, "list", need(H5Tvlen_create(H5T_NATIVE_INT)));
    put_refused(file, "reference", need(H5Tcopy(H5T_STD_REF_OBJ)));
    put_refused(file, "array", need(H5Tarray_create2(H5T_NATIVE_INT, 1, (hsize_t[]){3})));
    put_refused(file, "bits", need(H5Tcopy(H5T_STD_B8LE)));
    hid_t brain = need(H5Tcopy(H5T_IEEE_F32LE));
    need(H5Tset_fields(brain, 15, 7, 8, 0, 7));
    need(H5Tset_size(brain, 2));
    put_refused(file, "brain", brain);
    hid_t wide = need(H5Tcopy(H5T_STD_I64LE));
    need(H5Tset_size(wide, 16));
    put_refused(file, "wide", wide);
    H5Dclose(hdf5_put(file, "numbers", H5T_STD_I32LE, H5T_NATIVE_INT, 3, hdf5_numbers));
    H5Fclose(file);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        fixture_expect_refused(&f, rows[i].name, TSR_UNSUPPORTED, rows[i].words);
    fixture_expect_values(&f, "numbers", TSR_INT32, hdf5_numbers, sizeof hdf5_numbers);
    tsr_array *array = fixture_array(&f, "words");
    assert_ptr_equal(tsr_array_dtype(array), TSR_STRING);
    tsr_array_close(array);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers), cmocka_unit_test(test_half),
        cmocka_unit_test(test_of_h5py), cmocka_unit_test(test_fixed_text),
        cmocka_unit_test(test_enum),    cmocka_unit_test(test_opaque),
        cmocka_unit_test(test_struct),  cmocka_unit_test(test_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
