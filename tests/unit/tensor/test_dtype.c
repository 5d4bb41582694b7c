/* Proves what each type is, under which names it is found, which names are refused, and that types
 * made at run time are counted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <tessera/dtype.h>

static const struct {
    const tsr_dtype *dtype;
    const char *name, *short_name;
    tsr_kind kind;
    size_t size_bytes, component_bytes;
} types[] = {
    {TSR_BOOL, "bool", "b1", TSR_KIND_BOOL, 1, 1},
    {TSR_INT8, "int8", "i1", TSR_KIND_SIGNED, 1, 1},
    {TSR_INT16, "int16", "i2", TSR_KIND_SIGNED, 2, 2},
    {TSR_INT32, "int32", "i4", TSR_KIND_SIGNED, 4, 4},
    {TSR_INT64, "int64", "i8", TSR_KIND_SIGNED, 8, 8},
    {TSR_UINT8, "uint8", "u1", TSR_KIND_UNSIGNED, 1, 1},
    {TSR_UINT16, "uint16", "u2", TSR_KIND_UNSIGNED, 2, 2},
    {TSR_UINT32, "uint32", "u4", TSR_KIND_UNSIGNED, 4, 4},
    {TSR_UINT64, "uint64", "u8", TSR_KIND_UNSIGNED, 8, 8},
    {TSR_FLOAT16, "float16", "f2", TSR_KIND_FLOAT, 2, 2},
    {TSR_FLOAT32, "float32", "f4", TSR_KIND_FLOAT, 4, 4},
    {TSR_FLOAT64, "float64", "f8", TSR_KIND_FLOAT, 8, 8},
    {TSR_COMPLEX64, "complex64", "c8", TSR_KIND_COMPLEX, 8, 4},
    {TSR_COMPLEX128, "complex128", "c16", TSR_KIND_COMPLEX, 16, 8},
    {TSR_INT2, "int2", "", TSR_KIND_SIGNED, 1, 1},
    {TSR_INT4, "int4", "", TSR_KIND_SIGNED, 1, 1},
    {TSR_UINT2, "uint2", "", TSR_KIND_UNSIGNED, 1, 1},
    {TSR_UINT4, "uint4", "", TSR_KIND_UNSIGNED, 1, 1},
    {TSR_BFLOAT16, "bfloat16", "", TSR_KIND_FLOAT, 2, 2},
    {TSR_FLOAT4_E2M1FN, "float4_e2m1fn", "", TSR_KIND_FLOAT, 1, 1},
    {TSR_FLOAT6_E2M3FN, "float6_e2m3fn", "", TSR_KIND_FLOAT, 1, 1},
    {TSR_FLOAT6_E3M2FN, "float6_e3m2fn", "", TSR_KIND_FLOAT, 1, 1},
    {TSR_FLOAT8_E3M4, "float8_e3m4", "", TSR_KIND_FLOAT, 1, 1},
    {TSR_FLOAT8_E4M3, "float8_e4m3", "", TSR_KIND_FLOAT, 1, 1},
    {TSR_FLOAT8_E4M3FN, "float8_e4m3fn", "", TSR_KIND_FLOAT, 1, 1},
    {TSR_FLOAT8_E4M3B11FNUZ, "float8_e4m3b11fnuz", "", TSR_KIND_FLOAT, 1, 1},
    {TSR_FLOAT8_E4M3FNUZ, "float8_e4m3fnuz", "", TSR_KIND_FLOAT, 1, 1},
    {TSR_FLOAT8_E5M2, "float8_e5m2", "", TSR_KIND_FLOAT, 1, 1},
    {TSR_FLOAT8_E5M2FNUZ, "float8_e5m2fnuz", "", TSR_KIND_FLOAT, 1, 1},
    {TSR_FLOAT8_E8M0FNU, "float8_e8m0fnu", "", TSR_KIND_FLOAT, 1, 1},
    {&tsr_dtype_complex_bfloat16, "complex_bfloat16", "", TSR_KIND_COMPLEX, 4, 2},
    {&tsr_dtype_complex_float16, "complex_float16", "", TSR_KIND_COMPLEX, 4, 2},
    {&tsr_dtype_complex_float4_e2m1fn, "complex_float4_e2m1fn", "", TSR_KIND_COMPLEX, 2, 1},
    {&tsr_dtype_complex_float6_e2m3fn, "complex_float6_e2m3fn", "", TSR_KIND_COMPLEX, 2, 1},
    {&tsr_dtype_complex_float6_e3m2fn, "complex_float6_e3m2fn", "", TSR_KIND_COMPLEX, 2, 1},
    {&tsr_dtype_complex_float8_e3m4, "complex_float8_e3m4", "", TSR_KIND_COMPLEX, 2, 1},
    {&tsr_dtype_complex_float8_e4m3, "complex_float8_e4m3", "", TSR_KIND_COMPLEX, 2, 1},
    {&tsr_dtype_complex_float8_e4m3b11fnuz, "complex_float8_e4m3b11fnuz", "", TSR_KIND_COMPLEX, 2,
     1},
    {&tsr_dtype_complex_float8_e4m3fnuz, "complex_float8_e4m3fnuz", "", TSR_KIND_COMPLEX, 2, 1},
    {&tsr_dtype_complex_float8_e5m2, "complex_float8_e5m2", "", TSR_KIND_COMPLEX, 2, 1},
    {&tsr_dtype_complex_float8_e5m2fnuz, "complex_float8_e5m2fnuz", "", TSR_KIND_COMPLEX, 2, 1},
    {&tsr_dtype_complex_float8_e8m0fnu, "complex_float8_e8m0fnu", "", TSR_KIND_COMPLEX, 2, 1},
};
enum { TYPES = sizeof types / sizeof types[0] };

static void test_table(void **state)
{
    (void)state;
    for (int i = 0; i < TYPES; i++) {
        const tsr_dtype *dtype = types[i].dtype;
        assert_int_equal(dtype->struct_size, sizeof *dtype);
        assert_string_equal(dtype->name, types[i].name);
        assert_int_equal(dtype->kind, types[i].kind);
        assert_int_equal(dtype->size_bytes, types[i].size_bytes);
        assert_int_equal(dtype->component_bytes, types[i].component_bytes);
        assert_int_equal(dtype->alignment, types[i].component_bytes);
        assert_int_equal(dtype->v2_kind, types[i].short_name[0]);
        for (int k = 0; k < TYPES; k++)
            assert_int_equal(tsr_dtype_equal(dtype, types[k].dtype), i == k);
    }
}

static void test_names(void **state)
{
    static const char *const orders[] = {"", "<", ">", "|", "="};
    const tsr_dtype *found;
    (void)state;
    for (int i = 0; i < TYPES; i++) {
        assert_int_equal(tsr_dtype_parse(types[i].name, &found, NULL), 0);
        assert_ptr_equal(found, types[i].dtype);
        for (size_t k = 0; types[i].short_name[0] && k < sizeof orders / sizeof orders[0]; k++) {
            char name[16];
            snprintf(name, sizeof name, "%s%s", orders[k], types[i].short_name);
            assert_int_equal(tsr_dtype_parse(name, &found, NULL), 0);
            assert_ptr_equal(found, types[i].dtype);
        }
    }
}

static void test_aliases_and_components(void **state)
{
    const tsr_dtype *found;
    (void)state;
    assert_int_equal(tsr_dtype_parse("complex_float32", &found, NULL), 0);
    assert_ptr_equal(found, TSR_COMPLEX64);
    assert_int_equal(tsr_dtype_parse("complex_float64", &found, NULL), 0);
    assert_ptr_equal(found, TSR_COMPLEX128);
    assert_ptr_equal(tsr_dtype_component(TSR_COMPLEX64), TSR_FLOAT32);
    assert_ptr_equal(tsr_dtype_component(TSR_INT4), TSR_INT4);
    for (int i = 0; i < TYPES; i++)
        if (types[i].kind == TSR_KIND_COMPLEX && strncmp(types[i].name, "complex_", 8) == 0)
            assert_string_equal(tsr_dtype_component(types[i].dtype)->name, types[i].name + 8);
}

static void test_raw(void **state)
{
    static const struct {
        const char *name, *canonical;
        size_t size_bytes;
    } cases[] = {{"r8", "r8", 1},  {"r24", "r24", 3}, {"r8388608", "r8388608", 1 << 20},
                 {"V3", "r24", 3}, {"|V1", "r8", 1},  {"<V16", "r128", 16}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const tsr_dtype *dtype, *again;
        assert_int_equal(tsr_dtype_parse(cases[i].name, &dtype, NULL), 0);
        assert_string_equal(dtype->name, cases[i].canonical);
        assert_int_equal(dtype->kind, TSR_KIND_RAW);
        assert_int_equal(dtype->size_bytes, cases[i].size_bytes);
        assert_int_equal(dtype->component_bytes, 1);
        assert_int_equal(dtype->alignment, 1);
        assert_int_equal(dtype->v2_kind, 'V');
        assert_int_equal(tsr_dtype_raw(cases[i].size_bytes, &again, NULL), 0);
        assert_true(tsr_dtype_equal(dtype, again));
        assert_false(tsr_dtype_equal(dtype, TSR_UINT8));
        tsr_dtype_unref(again);
        tsr_dtype_unref(dtype);
    }
    const tsr_dtype *three, *four;
    assert_int_equal(tsr_dtype_raw(3, &three, NULL), 0);
    assert_int_equal(tsr_dtype_raw(4, &four, NULL), 0);
    assert_false(tsr_dtype_equal(three, four));
    tsr_dtype_unref(three);
    tsr_dtype_unref(four);
}

static void test_refused_names(void **state)
{
    static const struct {
        const char *name;
        int status;
    } cases[] = {
        {"", TSR_NOT_FOUND},
        {"float", TSR_NOT_FOUND},
        {"Float32", TSR_NOT_FOUND},
        {"float32 ", TSR_NOT_FOUND},
        {" float32", TSR_NOT_FOUND},
        {"f3", TSR_NOT_FOUND},
        {"f04", TSR_NOT_FOUND},
        {"i16", TSR_NOT_FOUND},
        {"b8", TSR_NOT_FOUND},
        {"<", TSR_NOT_FOUND},
        {"<f", TSR_NOT_FOUND},
        {"<>f4", TSR_NOT_FOUND},
        {"V", TSR_NOT_FOUND},
        {"V0", TSR_NOT_FOUND},
        {"V1048577", TSR_NOT_FOUND},
        {"U", TSR_NOT_FOUND},
        {"U0", TSR_NOT_FOUND},
        {"S4x", TSR_NOT_FOUND},
        {"U262145", TSR_INVALID_ARGUMENT},
        {"datetime64[]", TSR_INVALID_ARGUMENT},
        {"datetime64[0s]", TSR_INVALID_ARGUMENT},
        {"M8[2147483648s]", TSR_INVALID_ARGUMENT},
        {"M8[sec]", TSR_INVALID_ARGUMENT},
        {"m8[s]x", TSR_INVALID_ARGUMENT},
        {"r", TSR_NOT_FOUND},
        {"r0", TSR_INVALID_ARGUMENT},
        {"r12", TSR_INVALID_ARGUMENT},
        {"r08", TSR_INVALID_ARGUMENT},
        {"r8x", TSR_INVALID_ARGUMENT},
        {"r8388616", TSR_INVALID_ARGUMENT},
        {"r99999999999999999999999999", TSR_INVALID_ARGUMENT},
        {"f4f4", TSR_NOT_FOUND},
        {"int32\n", TSR_NOT_FOUND},
    };
    const tsr_dtype *dtype = TSR_BOOL;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tsr_error err = TSR_ERROR_INIT;
        assert_int_equal(tsr_dtype_parse(cases[i].name, &dtype, &err), cases[i].status);
        assert_int_equal(err.status, cases[i].status);
        assert_ptr_equal(dtype, TSR_BOOL);
        if (err.status == TSR_NOT_FOUND)
            assert_non_null(strstr(err.next_step, "known types: bool, int8, int16, "));
    }
    assert_int_equal(tsr_dtype_raw(0, &dtype, NULL), TSR_INVALID_ARGUMENT);
    assert_int_equal(tsr_dtype_raw((1 << 20) + 1, &dtype, NULL), TSR_INVALID_ARGUMENT);
    assert_int_equal(tsr_dtype_raw(SIZE_MAX, &dtype, NULL), TSR_INVALID_ARGUMENT);
}

/* The sanitizers see to it that nothing leaks and nothing is used after its end. */
static void test_references(void **state)
{
    const tsr_dtype *dtype;
    (void)state;
    assert_int_equal(tsr_dtype_raw(5, &dtype, NULL), 0);
    assert_ptr_equal(tsr_dtype_ref(dtype), dtype);
    tsr_dtype_unref(dtype);
    assert_string_equal(dtype->name, "r40");
    tsr_dtype_unref(dtype);
    assert_ptr_equal(tsr_dtype_ref(TSR_INT8), TSR_INT8);
    tsr_dtype_unref(TSR_INT8);
    tsr_dtype_unref(TSR_INT8);
    assert_null(tsr_dtype_ref(NULL));
    tsr_dtype_unref(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),      cmocka_unit_test(test_names),
        cmocka_unit_test(test_raw),        cmocka_unit_test(test_refused_names),
        cmocka_unit_test(test_references), cmocka_unit_test(test_aliases_and_components),
    };
    return cmocka_run_group_tests_name("tensor.dtype", tests, NULL, NULL);
}
