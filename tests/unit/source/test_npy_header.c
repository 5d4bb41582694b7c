/* Headers of .npy files: what NumPy writes, what it wrote once, and what nobody should have. */
#include "source_testing.h"

#include "source/npy_header.h"
#include "support/byte_reader.h"

static int parse_version(int version, const char *dictionary, tsri_npy_header *header,
                         tsr_error *err)
{
    char text[2048];
    size_t length = strlen(dictionary), prefix = version == 1 ? 10 : 12;
    const char lengths[4] = {(char)length, (char)(length >> 8), 0, 0};

    memcpy(text, "\x93NUMPY", 6);
    text[6] = (char)version;
    text[7] = 0;
    memcpy(text + 8, lengths, prefix - 8);
    memcpy(text + prefix, dictionary, length);
    byte_reader from = {text, prefix + length, 0};
    tsr_error_clear(err);
    return tsri_npy_header_read(read_next, &from, header, err);
}

static void test_types(void **state)
{
    static const struct {
        const char *descr;
        const tsr_dtype *dtype;
        bool big_endian;
    } rows[] = {
        {"|b1", TSR_BOOL, false},     {"|i1", TSR_INT8, false},       {"|u1", TSR_UINT8, false},
        {"<i2", TSR_INT16, false},    {">i2", TSR_INT16, true},       {"<u2", TSR_UINT16, false},
        {">u4", TSR_UINT32, true},    {"<i4", TSR_INT32, false},      {">i8", TSR_INT64, true},
        {"<u8", TSR_UINT64, false},   {"<f2", TSR_FLOAT16, false},    {">f4", TSR_FLOAT32, true},
        {"<f8", TSR_FLOAT64, false},  {"=f8", TSR_FLOAT64, false},    {"f8", TSR_FLOAT64, false},
        {">c8", TSR_COMPLEX64, true}, {"<c16", TSR_COMPLEX128, false}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tsri_npy_header header;
        tsr_error err = TSR_ERROR_INIT;
        char text[128];
        snprintf(text, sizeof text,
                 "{'descr': '%s', 'fortran_order': False, 'shape': (3, 4), }    \n", rows[i].descr);
        assert_int_equal(parse_version(1 + (int)(i % 3), text, &header, &err), 0);
        assert_ptr_equal(header.dtype, rows[i].dtype);
        assert_int_equal(header.big_endian, rows[i].big_endian);
        assert_int_equal(header.rank, 2);
        assert_int_equal(header.shape[1], 4);
        assert_int_equal(header.data_bytes, 12 * rows[i].dtype->size_bytes);
        assert_int_equal(header.data_offset, strlen(text) + (i % 3 == 0 ? 10 : 12));
        tsri_npy_header_clear(&header);
    }
}

static void expect(const char *dictionary, int rank, int64_t data_bytes, bool fortran_order)
{
    tsri_npy_header header;
    tsr_error err = TSR_ERROR_INIT;
    if (parse_version(1, dictionary, &header, &err) < 0)
        fail_msg("%s: %s", dictionary, err.message);
    assert_int_equal(header.rank, rank);
    assert_int_equal(header.data_bytes, data_bytes);
    assert_int_equal(header.fortran_order, fortran_order);
    tsri_npy_header_clear(&header);
}

static void test_forms(void **state)
{
    (void)state;
    expect("{'descr': '<f8', 'fortran_order': True, 'shape': ()}", 0, 8, true);
    expect("{'shape': (5,), 'fortran_order': False, 'descr': '<f8'}", 1, 40, false);
    expect("{\"descr\":\"|V3\",\"fortran_order\":False,\"shape\":(2,2)}", 2, 12, false);
    expect("{'descr': '<i4', 'fortran_order': False, 'shape': (10L, 2L)}", 2, 80, false);
    /* Nothing in it, however long the other axes. */
    expect("{'descr': '<f8', 'fortran_order': False, 'shape': (9223372036854775807, 9, 0)}", 3, 0,
           false);
}

static void test_refused_types(void **state)
{
    static const char *const rows[][2] = {
        {"'|O'", "Python objects (|O)"},
        {"'<U0'", "strings of this length (<U0)"},
        {"'|S9999999'", "strings of this length (|S9999999)"},
        {"'<M8[xs]'", "of a type that is not known here (<M8[xs])"},
        {"'<m9'", "of a type that is not known here (<m9)"},
        {"'<f16'", "floating-point numbers of another size"},
        {"'<c32'", "floating-point numbers of another size"},
        {"'<i16'", "of a type that is not known here (<i16)"},
        {"'|V0'", "of a type that is not known here (|V0)"},
        {"'<'", "of a type that is not known here"},
        {"'float32'", "floating-point"},
        {"'r24'", "not known"},
        {"[('x', '<f4'), ('y', '<i4')]", "structures"},
        {"('<f4', (2,))", "arrays themselves"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tsri_npy_header header;
        tsr_error err = TSR_ERROR_INIT;
        char text[160];
        snprintf(text, sizeof text, "{'descr': %s, 'fortran_order': False, 'shape': (3,), }",
                 rows[i][0]);
        assert_int_equal(parse_version(1, text, &header, &err), TSR_UNSUPPORTED);
        if (!strstr(err.message, rows[i][1]))
            fail_msg("%s: %s", rows[i][0], err.message);
        assert_true(err.next_step[0]);
    }
}

static void test_hostile(void **state)
{
    static const struct {
        const char *text;
        int status;
    } rows[] = {
        {"", TSR_BAD_METADATA},
        {"{}", TSR_BAD_METADATA},
        {"{'descr': '<f8', 'fortran_order': False}", TSR_BAD_METADATA},
        {"{'descr': '<f8', 'descr': '<f8', 'shape': ()}", TSR_BAD_METADATA},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (), 'more': 1}", TSR_BAD_METADATA},
        {"{'descr': '<f8', 'fortran_order': 0, 'shape': ()}", TSR_BAD_METADATA},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}", TSR_BAD_METADATA},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (1.5,)}", TSR_BAD_METADATA},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (1,,)}", TSR_BAD_METADATA},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (,)}", TSR_BAD_METADATA},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (1", TSR_BAD_METADATA},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': 3}", TSR_BAD_METADATA},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (9223372036854775808,)}",
         TSR_BAD_METADATA},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (1,)} and more", TSR_BAD_METADATA},
        {"{'descr': '<f8\\'', 'fortran_order': False, 'shape': (1,)}", TSR_BAD_METADATA},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (9223372036854775807,)}", TSR_LIMIT},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (4294967296, 4294967296)}", TSR_LIMIT},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,"
         "1,1,1,1,1,1,1,1,1,1,1,1,1,1)}",
         TSR_LIMIT},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tsri_npy_header header;
        tsr_error err = TSR_ERROR_INIT;
        int status = parse_version(1 + (int)(i % 3), rows[i].text, &header, &err);
        if (status != rows[i].status)
            fail_msg("%s: %d, %s", rows[i].text, status, err.message);
    }
}

/* Cut off anywhere it is damage; other versions and sizes are refused by their number. */
static void test_prefix(void **state)
{
    static const char whole[] = "\x93NUMPY\2\0\x38\0\0\0"
                                "{'descr':'<f8','fortran_order':False,'shape':(3,),}    \n";
    tsri_npy_header header;
    tsr_error err = TSR_ERROR_INIT;

    (void)state;
    for (size_t size_bytes = 0; size_bytes < 12 + 0x38; size_bytes++) {
        byte_reader from = {whole, size_bytes, 0};
        assert_int_equal(tsri_npy_header_read(read_next, &from, &header, &err), TSR_DAMAGED);
    }
    byte_reader from = {whole, 12 + 0x38, 0};
    assert_int_equal(tsri_npy_header_read(read_next, &from, &header, &err), 0);
    from = (byte_reader){"\x93NUMPY\4\0\1\0 ", 11, 0};
    assert_int_equal(tsri_npy_header_read(read_next, &from, &header, &err), TSR_UNSUPPORTED);
    assert_non_null(strstr(err.message, "version 4.0"));
    from = (byte_reader){"\x93NUMPX\1\0\1\0 ", 11, 0};
    assert_int_equal(tsri_npy_header_read(read_next, &from, &header, &err), TSR_UNSUPPORTED);
    from = (byte_reader){"\x93NUMPY\2\0\xff\xff\xff\xff", 12, 0};
    assert_int_equal(tsri_npy_header_read(read_next, &from, &header, &err), TSR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types),         cmocka_unit_test(test_forms),
        cmocka_unit_test(test_refused_types), cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_prefix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
