/* Proves that numbers of 2, 4 and 6 bits have the values that ml_dtypes gives their patterns,
 * whatever stands in the upper bits of their bytes; that copies to memory and to storage give the
 * upper bits their form, through any strides; and that casts and texts keep to their ranges. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tensor/narrow.h"

static const struct {
    const char *name;
    int bits, minimum, maximum;
} integers[] = {{"int2", 2, -2, 1}, {"uint2", 2, 0, 3}, {"int4", 4, -8, 7}, {"uint4", 4, 0, 15}};

static double golden_value(const char *name, int pattern)
{
    char path[512];
    uint8_t bytes[8];
    uint64_t bits = 0;
    double value;
    snprintf(path, sizeof path, "%s/dtype/%s.table", TESSERA_TEST_DATA, name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, 8L * pattern, SEEK_SET), 0);
    assert_int_equal(fread(bytes, 1, 8, file), 8);
    fclose(file);
    for (int i = 7; i >= 0; i--)
        bits = bits << 8 | bytes[i];
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void test_values(void **state)
{
    (void)state;
    for (int which = 0; which < 4; which++) {
        const tsr_dtype *dtype;
        assert_int_equal(tsr_dtype_parse(integers[which].name, &dtype, NULL), 0);
        assert_int_equal(dtype->component_bits, integers[which].bits);
        for (int byte = 0; byte < 256; byte++) {
            uint8_t element = (uint8_t)byte, back;
            char text[40], expected[40];
            double value =
                golden_value(integers[which].name, byte & ((1 << integers[which].bits) - 1));
            assert_true(tsr_dtype_to_double(dtype, &element) == value);
            assert_true(tsr_dtype_format_element(dtype, &element, text, sizeof text) > 0);
            snprintf(expected, sizeof expected, "%d", (int)value);
            assert_string_equal(text, expected);
            assert_int_equal(tsr_dtype_parse_element(dtype, text, &back, NULL), 0);
            assert_int_equal(back, (uint8_t)(int)value);
        }
    }
}

static void test_ranges(void **state)
{
    (void)state;
    for (int which = 0; which < 4; which++) {
        const tsr_dtype *dtype;
        tsr_view from, to;
        double value;
        int8_t element = 77;
        int minimum = integers[which].minimum, maximum = integers[which].maximum;
        assert_int_equal(tsr_dtype_parse(integers[which].name, &dtype, NULL), 0);
        for (int whole = minimum - 20; whole <= maximum + 20; whole++) {
            char text[16];
            int64_t wide = whole;
            bool fits = whole >= minimum && whole <= maximum;
            snprintf(text, sizeof text, "%d", whole);
            assert_int_equal(tsr_dtype_parse_element(dtype, text, &element, NULL),
                             fits ? 0 : TSR_INVALID_ARGUMENT);
            assert_int_equal(tsr_view_init(&from, TSR_INT64, 0, NULL, &wide, NULL), 0);
            assert_int_equal(tsr_view_init(&to, dtype, 0, NULL, &element, NULL), 0);
            if (minimum < 0)
                assert_int_equal(tsr_view_copy(&to, &from, TSR_CASTING_SAME_KIND, NULL),
                                 fits ? 0 : TSR_OUT_OF_BOUNDS);
            else
                assert_int_equal(tsr_view_copy(&to, &from, TSR_CASTING_SAME_KIND, NULL),
                                 TSR_TYPE_MISMATCH);
            assert_int_equal(tsr_view_copy(&to, &from, TSR_CASTING_UNSAFE, NULL), 0);
            int wrapped = whole & ((1 << integers[which].bits) - 1);
            assert_int_equal(element,
                             wrapped > maximum ? wrapped - (1 << integers[which].bits) : wrapped);
        }
        static const double outside[] = {1e300, -1e300, INFINITY, -INFINITY};
        for (int i = 0; i < 4; i++) {
            value = outside[i];
            assert_int_equal(tsr_view_init(&from, TSR_FLOAT64, 0, NULL, &value, NULL), 0);
            assert_int_equal(tsr_view_copy(&to, &from, TSR_CASTING_UNSAFE, NULL), 0);
            assert_int_equal(element, value > 0 ? maximum : minimum);
        }
        value = (double)NAN;
        assert_int_equal(tsr_view_copy(&to, &from, TSR_CASTING_UNSAFE, NULL), 0);
        assert_int_equal(element, 0);
    }
}

/* Each byte, read backwards through strides: memory has the sign or nothing above, storage has
 * nothing. */
static void check_copy(const tsr_dtype *dtype, bool stored)
{
    uint8_t from_bytes[256], to_bytes[512];
    const int64_t shape[] = {256}, wide[] = {512};
    tsr_view from, to;
    size_t parts = dtype->size_bytes;
    int bits = dtype->component_bits;
    const int64_t count[] = {shape[0] / (int64_t)parts}, room[] = {wide[0] / (int64_t)parts};
    for (int i = 0; i < 256; i++)
        from_bytes[i] = (uint8_t)i;
    memset(to_bytes, 0x99, sizeof to_bytes);
    assert_int_equal(tsr_view_init(&from, dtype, 1, count, from_bytes, NULL), 0);
    assert_int_equal(tsr_view_init(&to, dtype, 1, room, to_bytes, NULL), 0);
    assert_int_equal(tsr_view_slice(&from, 0, count[0] - 1, count[0], -1, NULL), 0);
    assert_int_equal(tsr_view_slice(&to, 0, 0, count[0], 2, NULL), 0);
    tsri_view_copy_narrow(&to, &from, stored);
    for (size_t i = 0; i < (size_t)count[0]; i++)
        for (size_t part = 0; part < parts; part++) {
            int byte = from_bytes[((size_t)count[0] - 1 - i) * parts + part];
            int low = byte & ((1 << bits) - 1);
            bool negative = !stored && dtype->kind == TSR_KIND_SIGNED && low >> (bits - 1);
            assert_int_equal(to_bytes[2 * i * parts + part],
                             negative ? low | (0xff << bits & 0xff) : low);
            assert_int_equal(to_bytes[(2 * i + 1) * parts + part], 0x99);
        }
}

static void test_copies(void **state)
{
    static const tsr_dtype *const types[] = {TSR_INT2,
                                             TSR_UINT2,
                                             TSR_INT4,
                                             TSR_UINT4,
                                             TSR_FLOAT4_E2M1FN,
                                             TSR_FLOAT6_E3M2FN,
                                             &tsr_dtype_complex_float6_e2m3fn};
    (void)state;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        assert_true(tsri_dtype_is_narrow(types[i]));
        check_copy(types[i], false);
        check_copy(types[i], true);
    }
    assert_false(tsri_dtype_is_narrow(TSR_INT8));
    assert_false(tsri_dtype_is_narrow(TSR_FLOAT8_E5M2));
    assert_false(tsri_dtype_is_narrow(TSR_COMPLEX64));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_copies),
    };
    return cmocka_run_group_tests_name("tensor.narrow", tests, NULL, NULL);
}
