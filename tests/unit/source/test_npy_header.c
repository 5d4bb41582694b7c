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

/* Structures as NumPy writes them. */
static void test_structures(void **state)
{
    static const struct {
        int version;
        const char *descr, *name, *orders;
        bool big_endian;
    } rows[] = {
        {1, "[('x', '<f4'), ('y', '|u1')]", "struct{x:float32,y:uint8}", NULL, false},
        {1, "[('x', '>f4'), ('y', '>i2', (2, 3))]", "struct{x:float32,y:int16(2,3)}", NULL, true},
        {2, "[('x', '<f4'), ('in', [('c', '>c8'), ('s', '|S3')], (2,))]",
         "struct{x:float32,in:struct{c:complex64,s:S3}(2)}", "<>|", false},
        {1, "[(('title', 'x'), '<M8[ns]'), ('it\\'s', '|b1',), ]",
         "struct{x:datetime64[ns],\"it's\":bool}", NULL, false},
        /* Version 3 has UTF-8, those before ISO 8859-1. */
        {3, "[('\xc3\xa9', '<i4')]", "struct{\"\xc3\xa9\":int32}", NULL, false},
        {1, "[('\xe9', '<i4')]", "struct{\"\xc3\xa9\":int32}", NULL, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tsri_npy_header header;
        tsr_error err = TSR_ERROR_INIT;
        char text[256];
        snprintf(text, sizeof text, "{'descr': %s, 'fortran_order': False, 'shape': (3,), }",
                 rows[i].descr);
        if (parse_version(rows[i].version, text, &header, &err) < 0)
            fail_msg("%s: %s", rows[i].descr, err.message);
        assert_string_equal(header.dtype->name, rows[i].name);
        assert_int_equal(header.big_endian, rows[i].big_endian);
        assert_int_equal(header.data_bytes, 3 * header.dtype->size_bytes);
        if (rows[i].orders)
            assert_string_equal(header.orders, rows[i].orders);
        else
            assert_null(header.orders);
        tsri_npy_header_clear(&header);
    }
}

static void test_text_that_is_not_utf8(void **state)
{
    tsri_npy_header header;
    tsr_error err = TSR_ERROR_INIT;

    (void)state;
    assert_int_equal(
        parse_version(3, "{'descr': [('\xe4', '<f8')], 'fortran_order': False, 'shape': (1,)}",
                      &header, &err),
        TSR_BAD_METADATA);
    assert_non_null(strstr(err.message, "not UTF-8"));
}

static void test_nesting(void **state)
{
    tsri_npy_header header;
    tsr_error err = TSR_ERROR_INIT;
    char text[1600] = "{'fortran_order': False, 'shape': (), 'descr': ";

    (void)state;
    for (int i = 0; i < 65; i++)
        strcat(text, "[('x',");
    strcat(text, "'<f8'");
    for (int i = 0; i < 65; i++)
        strcat(text, ")]");
    strcat(text, "}");
    assert_int_equal(parse_version(1, text, &header, &err), TSR_LIMIT);
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
        {"[('x', '<f4'), ('', '|V4'), ('y', '<i4')]", "structures with gaps"},
        {"[('x', '|O')]", "\"|O\" is not supported"},
        {"[('x', [('y', '<f16')])]", "/0/1/0/1: the data type \"<f16\""},
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
        {"{'descr': [('x', '<f8', 'fortran_order': False, 'shape': (1,)}", TSR_BAD_METADATA},
        {"{'descr': [('x', '<f8')", TSR_BAD_METADATA},
        {"{'descr': [], 'fortran_order': False, 'shape': (1,)}", TSR_BAD_METADATA},
        {"{'descr': [('x',)], 'fortran_order': False, 'shape': (1,)}", TSR_BAD_METADATA},
        {"{'descr': [('x', 'f8')], 'fortran_order': False, 'shape': (1,)}", TSR_BAD_METADATA},
        {"{'descr': [('x', '<f8', 2)], 'fortran_order': False, 'shape': (1,)}", TSR_BAD_METADATA},
        {"{'descr': [('x', '<f8', (0,))], 'fortran_order': False, 'shape': (1,)}",
         TSR_BAD_METADATA},
        {"{'descr': [('x', '<f8', (2,,))], 'fortran_order': False, 'shape': (1,)}",
         TSR_BAD_METADATA},
        {"{'descr': [('x', '<f8'), ('x', '<f8')], 'fortran_order': False, 'shape': (1,)}",
         TSR_BAD_METADATA},
        {"{'descr': [('a\\n', '<f8')], 'fortran_order': False, 'shape': (1,)}", TSR_BAD_METADATA},
        {"{'descr': [(('t' 'n'), '<f8')], 'fortran_order': False, 'shape': (1,)}",
         TSR_BAD_METADATA},
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
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_structures),
        cmocka_unit_test(test_nesting),
        cmocka_unit_test(test_text_that_is_not_utf8),
        cmocka_unit_test(test_refused_types),
        cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_prefix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
