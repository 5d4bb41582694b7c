/* Proves that casts are permitted as NumPy permits them and give the values that C and IEEE 754
 * give, for every pair of types, over edges and random bits, through strided views; and that a
 * value that does not fit is reported with its place. Expected values come from long double and
 * __int128 arithmetic. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/random_view.h"
#include "tensor/convert.h"

static const tsr_dtype *const types[] = {
    TSR_BOOL,   TSR_INT8,   TSR_INT16,   TSR_INT32,   TSR_INT64,   TSR_UINT8,     TSR_UINT16,
    TSR_UINT32, TSR_UINT64, TSR_FLOAT16, TSR_FLOAT32, TSR_FLOAT64, TSR_COMPLEX64, TSR_COMPLEX128};
enum { TYPES = sizeof types / sizeof types[0] };

/* numpy.can_cast(row, column, "safe"), in the order of `types`. */
static const char *const safe[] = {
    "11111111111111", "01111000011111", "00111000001111", "00011000000101", "00001000000101",
    "00111111111111", "00011011101111", "00001001100101", "00000000100101", "00000000011111",
    "00000000001111", "00000000000101", "00000000000011", "00000000000001",
};

/* numpy.can_cast(row, column, "same_kind") */
static const char *const same_kind[] = {
    "11111111111111", "01111000011111", "01111000011111", "01111000011111", "01111000011111",
    "01111111111111", "01111111111111", "01111111111111", "01111111111111", "00000000011111",
    "00000000011111", "00000000011111", "00000000000011", "00000000000011",
};

static void test_rules(void **state)
{
    const tsr_dtype *raw, *other_raw;
    (void)state;
    for (int i = 0; i < TYPES; i++)
        for (int k = 0; k < TYPES; k++) {
            assert_int_equal(tsr_dtype_can_cast(types[i], types[k], TSR_CASTING_NO), i == k);
            assert_int_equal(tsr_dtype_can_cast(types[i], types[k], TSR_CASTING_SAFE),
                             safe[i][k] == '1');
            assert_int_equal(tsr_dtype_can_cast(types[i], types[k], TSR_CASTING_SAME_KIND),
                             same_kind[i][k] == '1');
            assert_true(tsr_dtype_can_cast(types[i], types[k], TSR_CASTING_UNSAFE));
        }
    assert_int_equal(tsr_dtype_raw(4, &raw, NULL), 0);
    assert_int_equal(tsr_dtype_raw(8, &other_raw, NULL), 0);
    for (int i = 0; i < TYPES; i++) {
        assert_false(tsr_dtype_can_cast(raw, types[i], TSR_CASTING_UNSAFE));
        assert_false(tsr_dtype_can_cast(types[i], raw, TSR_CASTING_UNSAFE));
    }
    assert_true(tsr_dtype_can_cast(raw, raw, TSR_CASTING_NO));
    assert_false(tsr_dtype_can_cast(raw, other_raw, TSR_CASTING_UNSAFE));
    assert_false(tsr_dtype_can_cast(TSR_INT8, TSR_INT16, (tsr_casting)9));
    tsr_dtype_unref(raw);
    tsr_dtype_unref(other_raw);
}

/* The exact value of a component: long double holds all 64-bit integers and doubles. */
static long double value_of(const tsr_dtype *dtype, const char *component)
{
    union {
        int8_t i1;
        int16_t i2;
        int32_t i4;
        int64_t i8;
        uint8_t u1;
        uint16_t u2;
        uint32_t u4;
        uint64_t u8;
        float f4;
        double f8;
    } x;
    memcpy(&x, component, dtype->component_bytes);
    bool is_float = dtype->kind == TSR_KIND_FLOAT || dtype->kind == TSR_KIND_COMPLEX;
    bool is_signed = dtype->kind == TSR_KIND_SIGNED;
    if (dtype->kind == TSR_KIND_BOOL)
        return x.u1 != 0;
    switch (dtype->component_bytes) {
    case 1:
        return is_signed ? x.i1 : x.u1;
    case 2:
        return is_float ? tsr_half_to_double(x.u2) : is_signed ? x.i2 : x.u2;
    case 4:
        return is_float ? x.f4 : is_signed ? (long double)x.i4 : x.u4;
    default:
        return is_float ? x.f8 : is_signed ? (long double)x.i8 : (long double)x.u8;
    }
}

static uint64_t expected_integer(const tsr_dtype *dtype, long double value, bool from_float)
{
    int bits = 8 * (int)dtype->size_bytes;
    bool is_signed = dtype->kind == TSR_KIND_SIGNED;
    long double limit = ldexpl(1, bits - is_signed), lowest = is_signed ? -limit : 0;
    if (isnan(value))
        return 0;
    if (from_float && value >= limit)
        return is_signed ? (UINT64_C(1) << (bits - 1)) - 1 : UINT64_MAX >> (64 - bits);
    if (from_float && value <= lowest)
        return is_signed ? UINT64_C(1) << (bits - 1) : 0;
    return (uint64_t)(__int128)value & UINT64_MAX >> (64 - bits);
}

/* Writes what a real value is in a type. */
static void expected_component(const tsr_dtype *dtype, long double value, bool from_float,
                               char *component)
{
    uint64_t integer;
    uint16_t half;
    float single = (float)value;
    double wide = (double)value;
    switch (dtype->kind) {
    case TSR_KIND_BOOL:
        *component = value != 0;
        return;
    case TSR_KIND_SIGNED:
    case TSR_KIND_UNSIGNED:
        integer = expected_integer(dtype, value, from_float);
        for (size_t i = 0; i < dtype->size_bytes; i++)
            component[__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? i : dtype->size_bytes - 1 - i] =
                (char)(integer >> 8 * i);
        return;
    default:
        half = tsr_half_from_double(wide);
        memcpy(component,
               dtype->component_bytes == 2   ? (void *)&half
               : dtype->component_bytes == 4 ? (void *)&single
                                             : (void *)&wide,
               dtype->component_bytes);
    }
}

static void expected_element(const tsr_dtype *to, const tsr_dtype *from, const char *element,
                             char *result)
{
    bool from_complex = from->kind == TSR_KIND_COMPLEX, to_complex = to->kind == TSR_KIND_COMPLEX;
    bool from_float = from_complex || from->kind == TSR_KIND_FLOAT;
    long double real = value_of(from, element);
    long double imaginary = from_complex ? value_of(from, element + from->component_bytes) : 0;
    if (to->kind == TSR_KIND_BOOL) {
        *result = real != 0 || imaginary != 0;
        return;
    }
    expected_component(to, real, from_float, result);
    if (to_complex)
        expected_component(to, imaginary, from_float, result + to->component_bytes);
}

/* Equal bits; of NaNs only that they are one. */
static bool same_element(const tsr_dtype *dtype, const char *a, const char *b)
{
    for (size_t i = 0; i < dtype->size_bytes; i += dtype->component_bytes) {
        bool is_float = dtype->kind == TSR_KIND_FLOAT || dtype->kind == TSR_KIND_COMPLEX;
        if (is_float && isnan(value_of(dtype, a + i)) && isnan(value_of(dtype, b + i)))
            continue;
        if (memcmp(a + i, b + i, dtype->component_bytes) != 0)
            return false;
    }
    return true;
}

/* Puts a number that matters somewhere into an element: limits of the integer types and their
 * neighbours, halves, infinities. */
static void interesting_element(tests_random *random, const tsr_dtype *dtype, char *element)
{
    static const double edges[] = {
        0.0,      -0.0,   0.5,     -0.5,   1.5,      -1.0,      127.5,       128.0,
        -128.5,   -129.0, 255.9,   256.0,  32767.5,  65519.9,   65520.0,     65536.0,
        -65520.0, 0x1p31, -0x1p31, 0x1p32, 0x1p53,   0x1p63,    -0x1p63,     -0x1.0000000000001p63,
        0x1p64,   1e30,   3.5e38,  -1e300, INFINITY, -INFINITY, (double)NAN, 5e-324};
    double edge = edges[tests_random_below(random, sizeof edges / sizeof edges[0])];
    float single = (float)edge;
    uint16_t half = tsr_half_from_double(edge);
    uint64_t whole =
        (UINT64_C(1) << tests_random_below(random, 64)) - (uint64_t)tests_random_below(random, 3);
    bool is_float = dtype->kind == TSR_KIND_FLOAT || dtype->kind == TSR_KIND_COMPLEX;
    for (size_t i = 0; i < dtype->size_bytes; i += dtype->component_bytes) {
        if (tests_random_below(random, 2) == 0)
            continue; /* stays random */
        const void *value = !is_float                     ? (void *)&whole
                            : dtype->component_bytes == 2 ? (void *)&half
                            : dtype->component_bytes == 4 ? (void *)&single
                                                          : (void *)&edge;
        memcpy(element + i, value, dtype->component_bytes);
    }
}

static void convert_random_view(tests_random *random, const tsr_dtype *to, const tsr_dtype *from)
{
    int64_t shape[TSR_RANK_MAX], position[TSR_RANK_MAX] = {0};
    tests_memory target, source;
    int rank =
        tests_random_shape(random, 3, tests_random_below(random, 10) ? 60 : 3000, false, shape);
    tsr_view a = tests_random_view(random, to, rank, shape, &target);
    tsr_view b = tests_random_view(random, from, rank, shape, &source);
    do
        interesting_element(random, from, tests_view_at(&b, position));
    while (tests_next_position(rank, shape, position));
    if (tsr_view_copy(&a, &b, TSR_CASTING_UNSAFE, NULL) < 0)
        tests_random_fail(random, "%s to %s is refused", from->name, to->name);
    do {
        char expected[16], text[64];
        const char *element = tests_view_at(&b, position), *result = tests_view_at(&a, position);
        expected_element(to, from, element, expected);
        if (!same_element(to, expected, result)) {
            tsr_dtype_format_element(from, element, text, sizeof text);
            tests_random_fail(random, "%s %s to %s went wrong", from->name, text, to->name);
        }
    } while (tests_next_position(rank, shape, position));
    free(target.bytes);
    free(source.bytes);
}

static void test_every_pair(void **state)
{
    tests_random random;
    (void)state;
    tests_random_init(&random);
    for (int i = 0; i < TYPES; i++)
        for (int k = 0; k < TYPES; k++)
            for (int round = 0; i != k && round < 12; round++)
                convert_random_view(&random, types[i], types[k]);
}

/* Nothing is written beside the elements, and views without any are no trouble. */
static void test_gaps_stay(void **state)
{
    static const int64_t shape[] = {3}, none[] = {0, 4};
    const int16_t source[3] = {1, 2, 3};
    float target[6] = {9, 9, 9, 9, 9, 9};
    tsr_view from, to;
    (void)state;
    assert_int_equal(tsr_view_init(&from, TSR_INT16, 1, shape, (void *)source, NULL), 0);
    assert_int_equal(tsr_view_init(&to, TSR_FLOAT32, 1, (const int64_t[]){6}, target, NULL), 0);
    assert_int_equal(tsr_view_slice(&to, 0, 5, 3, -2, NULL), 0);
    assert_int_equal(tsr_view_copy(&to, &from, TSR_CASTING_SAFE, NULL), 0);
    static const float expected[6] = {9, 3, 9, 2, 9, 1};
    assert_memory_equal(target, expected, sizeof expected);
    assert_int_equal(tsr_view_init(&from, TSR_INT16, 2, none, NULL, NULL), 0);
    assert_int_equal(tsr_view_init(&to, TSR_INT8, 2, none, NULL, NULL), 0);
    assert_int_equal(tsr_view_copy(&to, &from, TSR_CASTING_SAME_KIND, NULL), 0);
}

/* One source element under SAME_KIND: fits, or is refused with the message. */
static void test_same_kind_checks_values(void **state)
{
    static const struct {
        const char *from, *value, *to;
        bool fits;
    } cases[] = {
        {"int64", "127", "int8", true},
        {"int64", "128", "int8", false},
        {"int64", "-128", "int8", true},
        {"int64", "-129", "int8", false},
        {"uint8", "127", "int8", true},
        {"uint8", "128", "int8", false},
        {"uint64", "9223372036854775807", "int64", true},
        {"uint64", "9223372036854775808", "int64", false},
        {"uint64", "18446744073709551615", "uint32", false},
        {"uint64", "4294967295", "uint32", true},
        {"uint64", "18446744073709551615", "float32", true},
        {"int32", "65519", "float16", true},
        {"int32", "65520", "float16", false},
        {"int32", "-65520", "float16", false},
        {"uint32", "65520", "float16", false},
        {"float64", "1e39", "float32", false},
        {"float64", "-1e39", "float32", false},
        {"float64", "3.4028235677973366e+38", "float32", false},
        {"float64", "3.4028235677973362e+38", "float32", true},
        {"float64", "1e-320", "float32", true},
        {"float64", "\"Infinity\"", "float16", true},
        {"float64", "\"NaN\"", "float16", true},
        {"float32", "65519.996", "float16", true},
        {"float32", "65520.0", "float16", false},
        {"complex128", "[1.0, 2.0]", "complex64", true},
        {"complex128", "[1.0, 1e+300]", "complex64", false},
        {"float64", "1e300", "complex64", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const tsr_dtype *from, *to;
        char element[16], result[16], expected[128];
        tsr_view a, b;
        tsr_error err = TSR_ERROR_INIT;
        assert_int_equal(tsr_dtype_parse(cases[i].from, &from, NULL), 0);
        assert_int_equal(tsr_dtype_parse(cases[i].to, &to, NULL), 0);
        assert_int_equal(tsr_dtype_parse_element(from, cases[i].value, element, NULL), 0);
        assert_int_equal(tsr_view_init(&a, to, 0, NULL, result, NULL), 0);
        assert_int_equal(tsr_view_init(&b, from, 0, NULL, element, NULL), 0);
        int status = tsr_view_copy(&a, &b, TSR_CASTING_SAME_KIND, &err);
        if (status != (cases[i].fits ? 0 : TSR_OUT_OF_BOUNDS))
            fail_msg("%s %s to %s: status %d", cases[i].from, cases[i].value, cases[i].to, status);
        snprintf(expected, sizeof expected, "the %s ", cases[i].from);
        if (!cases[i].fits)
            assert_memory_equal(err.message, expected, strlen(expected));
        /* The same without the check never fails. */
        assert_int_equal(tsr_view_copy(&a, &b, TSR_CASTING_UNSAFE, NULL), 0);
    }
}

static void test_misfit_is_located(void **state)
{
    static const int64_t shape[] = {3, 700};
    static int32_t source[3 * 700];
    static int8_t target[3 * 700];
    tsr_error err = TSR_ERROR_INIT;
    tsr_view from, to;
    (void)state;
    source[1 * 700 + 600] = 300;
    source[2 * 700 + 5] = -129;
    assert_int_equal(tsr_view_init(&from, TSR_INT32, 2, shape, source, NULL), 0);
    assert_int_equal(tsr_view_init(&to, TSR_INT8, 2, shape, target, NULL), 0);
    assert_int_equal(tsr_view_copy(&to, &from, TSR_CASTING_SAME_KIND, &err), TSR_OUT_OF_BOUNDS);
    assert_string_equal(err.message, "the int32 300 at [1, 600] does not fit into int8");
    /* Backwards, the other one comes first. */
    assert_int_equal(tsr_view_slice(&from, 0, 2, 3, -1, NULL), 0);
    assert_int_equal(tsr_view_copy(&to, &from, TSR_CASTING_SAME_KIND, &err), TSR_OUT_OF_BOUNDS);
    assert_string_equal(err.message, "the int32 -129 at [0, 5] does not fit into int8");
}

static void test_refusals(void **state)
{
    const double source = 1.5;
    float target = 7;
    tsr_error err = TSR_ERROR_INIT;
    tsr_view from, to;
    (void)state;
    assert_int_equal(tsr_view_init(&from, TSR_FLOAT64, 0, NULL, (void *)&source, NULL), 0);
    assert_int_equal(tsr_view_init(&to, TSR_FLOAT32, 0, NULL, &target, NULL), 0);
    assert_int_equal(tsr_view_copy(&to, &from, TSR_CASTING_SAFE, &err), TSR_TYPE_MISMATCH);
    assert_string_equal(err.message, "float64 cannot be stored as float32 under casting rule safe");
    assert_int_equal(tsr_view_copy(&to, &from, TSR_CASTING_NO, NULL), TSR_TYPE_MISMATCH);
    assert_int_equal(tsr_view_copy(&to, &from, (tsr_casting)17, NULL), TSR_TYPE_MISMATCH);
    assert_true(target == 7);
    to.dtype = TSR_COMPLEX128;
    assert_int_equal(tsr_view_copy(&from, &to, TSR_CASTING_SAME_KIND, NULL), TSR_TYPE_MISMATCH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_every_pair),
        cmocka_unit_test(test_gaps_stay),
        cmocka_unit_test(test_same_kind_checks_values),
        cmocka_unit_test(test_misfit_is_located),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests_name("tensor.convert", tests, NULL, NULL);
}
