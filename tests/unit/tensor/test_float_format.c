/* Proves that every bit pattern of every small float has the value that ml_dtypes gives it, that
 * numbers at, just below and just above each middle between two of them are rounded as ml_dtypes
 * rounds them, that what a format lacks is told, that decimals are shortest and read back, and that
 * integers are rounded once. The tables are made by tests/golden/dtype/generate.py. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <tessera/view.h>

#include "tensor/decimal.h"

static const struct {
    const char *name;
    const tsri_float_format *format;
    int bits;
} formats[] = {
    {"float4_e2m1fn", &tsri_format_float4_e2m1fn, 4},
    {"float6_e2m3fn", &tsri_format_float6_e2m3fn, 6},
    {"float6_e3m2fn", &tsri_format_float6_e3m2fn, 6},
    {"float8_e3m4", &tsri_format_float8_e3m4, 8},
    {"float8_e4m3", &tsri_format_float8_e4m3, 8},
    {"float8_e4m3fn", &tsri_format_float8_e4m3fn, 8},
    {"float8_e4m3b11fnuz", &tsri_format_float8_e4m3b11fnuz, 8},
    {"float8_e4m3fnuz", &tsri_format_float8_e4m3fnuz, 8},
    {"float8_e5m2", &tsri_format_float8_e5m2, 8},
    {"float8_e5m2fnuz", &tsri_format_float8_e5m2fnuz, 8},
    {"float8_e8m0fnu", &tsri_format_float8_e8m0fnu, 8},
};
enum { FORMATS = sizeof formats / sizeof formats[0], PATTERNS = 256 };

/* A golden table in memory. */
typedef struct golden {
    int count;               /* of patterns */
    double values[PATTERNS]; /* of each pattern */
    uint8_t rounded[8 * PATTERNS];
    size_t rounded_count;
} golden;

static double little_double(const uint8_t *bytes)
{
    uint64_t bits = 0;
    double value;
    for (int i = 7; i >= 0; i--)
        bits = bits << 8 | bytes[i];
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void load_golden(int which, golden *ret_golden)
{
    char path[512];
    uint8_t bytes[8 * PATTERNS];
    snprintf(path, sizeof path, "%s/dtype/%s.table", TESSERA_TEST_DATA, formats[which].name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    ret_golden->count = 1 << formats[which].bits;
    assert_int_equal(fread(bytes, 8, (size_t)ret_golden->count, file), ret_golden->count);
    for (int i = 0; i < ret_golden->count; i++)
        ret_golden->values[i] = little_double(bytes + (size_t)i * 8);
    ret_golden->rounded_count = fread(ret_golden->rounded, 1, sizeof ret_golden->rounded, file);
    fclose(file);
}

static void assert_same_double(double a, double b)
{
    if (isnan(a) || isnan(b))
        assert_true(isnan(a) && isnan(b));
    else
        assert_memory_equal(&a, &b, sizeof a);
}

static void test_every_value(void **state)
{
    golden table;
    (void)state;
    for (int which = 0; which < FORMATS; which++) {
        const tsri_float_format *format = formats[which].format;
        load_golden(which, &table);
        for (int bits = 0; bits < table.count; bits++) {
            double value = tsri_float_to_double(format, (uint64_t)bits);
            assert_same_double(value, table.values[bits]);
            assert_int_equal(tsri_float_is_nan(format, (uint64_t)bits), isnan(value));
            bool misfit = true;
            uint64_t back = tsri_float_from_double(format, table.values[bits], &misfit);
            assert_false(misfit);
            if (!isnan(value))
                assert_int_equal(back, bits);
        }
    }
}

/* Whether a double is one that the format stands for by itself, told by the table: finite ones up
 * to half a step beyond the largest, and what is in the table. */
static bool has_value(const golden *table, double value)
{
    for (int bits = 0; bits < table->count; bits++)
        if (table->values[bits] == value || (isnan(value) && isnan(table->values[bits])))
            return true;
    return false;
}

static void check_rounding(int which, const golden *table, double value, uint8_t expected)
{
    bool misfit;
    uint64_t bits = tsri_float_from_double(formats[which].format, value, &misfit);
    double result = table->values[bits];
    if (bits != expected)
        fail_msg("%s: %a (%g) became 0x%02x, not 0x%02x", formats[which].name, value, value,
                 (unsigned)bits, expected);
    if (isnan(value) || isinf(value))
        assert_int_equal(misfit, !has_value(table, value));
    else if (!isfinite(result))
        assert_true(misfit);
}

static void test_rounding(void **state)
{
    static const double special[] = {0.0,   -0.0,   INFINITY, -INFINITY, (double)NAN,
                                     1e300, -1e300, 1e-300,   -1e-300,   5e-324,
                                     1.0,   -1.0,   465.0,    1e5,       -1e5};
    golden table;
    (void)state;
    for (int which = 0; which < FORMATS; which++) {
        size_t done = 0;
        load_golden(which, &table);
        for (int bits = 0; bits + 1 < table.count; bits++) {
            double low = table.values[bits], high = table.values[bits + 1];
            if (!isfinite(low) || !isfinite(high) || high <= low || (low != 0 && low < 0x1p-126))
                continue;
            float middle = (float)(low / 2 + high / 2);
            float three[] = {middle, nextafterf(middle, -INFINITY), nextafterf(middle, INFINITY)};
            for (int i = 0; i < 6; i++)
                check_rounding(which, &table, (double)(i < 3 ? three[i] : -three[i - 3]),
                               table.rounded[done + (size_t)i]);
            /* Nearer still; the table's rows below and above the middle say what it is. */
            check_rounding(which, &table, nextafter((double)middle, -INFINITY),
                           table.rounded[done + 1]);
            check_rounding(which, &table, nextafter((double)middle, INFINITY),
                           table.rounded[done + 2]);
            done += 6;
        }
        for (size_t i = 0; i < sizeof special / sizeof special[0]; i++)
            check_rounding(which, &table, special[i], table.rounded[done++]);
        assert_int_equal(done, table.rounded_count);
    }
}

/* bfloat16 is the upper half of a float: its values by memory, its rounding by the usual trick on
 * the bits of a float, and doubles that a float would round to a middle first. */
static void test_bfloat16(void **state)
{
    (void)state;
    for (uint32_t bits = 0; bits < 0x10000; bits++) {
        uint32_t word = bits << 16;
        float value;
        bool misfit;
        memcpy(&value, &word, sizeof value);
        assert_same_double(tsri_float_to_double(&tsri_format_bfloat16, bits), (double)value);
        if ((bits & 0x7fff) >= 0x7f7f)
            continue;
        for (uint32_t part = 0x7fff; part <= 0x8001; part++) {
            uint32_t near = word | part, rounded = (near + 0x7fff + (near >> 16 & 1)) >> 16;
            memcpy(&value, &near, sizeof value);
            assert_int_equal(tsri_float_from_double(&tsri_format_bfloat16, (double)value, &misfit),
                             rounded);
            assert_false(misfit);
        }
        uint32_t middle = word | 0x8000;
        memcpy(&value, &middle, sizeof value);
        double outwards = nextafter((double)value, value < 0 ? -INFINITY : INFINITY);
        double inwards = nextafter((double)value, 0);
        assert_int_equal(tsri_float_from_double(&tsri_format_bfloat16, outwards, &misfit),
                         bits + 1);
        assert_int_equal(tsri_float_from_double(&tsri_format_bfloat16, inwards, &misfit), bits);
    }
}

/* Integers that a double could not hold are rounded once: 2^62 + 2^54 is a middle of bfloat16. */
static void test_integers_round_once(void **state)
{
    bool misfit;
    const int64_t middle = (INT64_C(1) << 62) + (INT64_C(1) << 54);
    (void)state;
    assert_int_equal(tsri_float_from_signed(&tsri_format_bfloat16, middle, &misfit), 0x5e80);
    assert_int_equal(tsri_float_from_signed(&tsri_format_bfloat16, middle + 1, &misfit), 0x5e81);
    assert_int_equal(tsri_float_from_signed(&tsri_format_bfloat16, -middle - 1, &misfit), 0xde81);
    assert_int_equal(tsri_float_from_unsigned(&tsri_format_bfloat16, UINT64_MAX, &misfit), 0x5f80);
    assert_int_equal(tsri_float_from_signed(&tsri_format_bfloat16, INT64_MIN, &misfit), 0xdf00);
    assert_false(misfit);
    assert_int_equal(tsri_float_from_unsigned(&tsri_format_float8_e4m3fn, 464, &misfit), 0x7e);
    assert_false(misfit);
    assert_int_equal(tsri_float_from_unsigned(&tsri_format_float8_e4m3fn, 465, &misfit), 0x7f);
    assert_true(misfit);
    assert_int_equal(tsri_float_from_signed(&tsri_format_float4_e2m1fn, -7, &misfit), 0x0f);
    assert_true(misfit);
    assert_int_equal(tsri_float_from_unsigned(&tsri_format_float8_e8m0fnu, 0, &misfit), 0xff);
    assert_true(misfit);
    assert_int_equal(tsri_float_from_signed(&tsri_format_float8_e8m0fnu, -4, &misfit), 0xff);
    assert_true(misfit);
}

/* The pattern whose value is nearest to a decimal, when there is only one such and the decimal is
 * not half a step or more beyond the largest. */
static int nearest(const golden *table, double value)
{
    int best = -1;
    bool tie = false;
    double largest = 0, second = 0;
    for (int bits = 0; bits < table->count; bits++)
        if (isfinite(table->values[bits]) && table->values[bits] > largest) {
            second = largest;
            largest = table->values[bits];
        }
    if (fabs(value) - largest >= (largest - second) / 2)
        return -1;
    for (int bits = 0; bits < table->count; bits++) {
        if (!isfinite(table->values[bits]))
            continue;
        double distance = fabs(table->values[bits] - value);
        double least = best < 0 ? INFINITY : fabs(table->values[best] - value);
        tie = distance == least || (tie && distance > least);
        if (distance < least)
            best = bits;
    }
    return tie ? -1 : best;
}

static int digits_of(const char *text)
{
    int digits = 0, zeros = 0;
    for (; *text && *text != 'e'; text++) {
        if (*text == '0')
            zeros += digits > 0;
        else if (*text >= '1' && *text <= '9') {
            digits += zeros + 1;
            zeros = 0;
        }
    }
    return digits;
}

/* The text reads back as the same bits, and no decimal with fewer digits is nearest to them. */
static void test_shortest_text(void **state)
{
    golden table;
    char text[64], library[64] = "";
    (void)state;
    for (int which = 0; which < FORMATS; which++) {
        const tsri_float_format *format = formats[which].format;
        load_golden(which, &table);
        for (int bits = 0; bits < table.count; bits++) {
            tsri_decimal decimal;
            bool misfit;
            if (!isfinite(table.values[bits]) || table.values[bits] == 0)
                continue;
            tsri_float_format_text(format, (uint64_t)bits, text);
            assert_ptr_equal(tsri_decimal_scan(text, &decimal), text + strlen(text));
            uint64_t back = tsri_decimal_to_float(&decimal, format, &misfit);
            assert_false(misfit);
            assert_true(!decimal.negative || tsri_float_negate(format, &back));
            assert_int_equal(back, bits);
            int wanted = 0;
            do
                snprintf(library, sizeof library, "%.*e", wanted++, table.values[bits]);
            while (nearest(&table, strtod(library, NULL)) != bits);
            if (digits_of(text) > wanted)
                fail_msg("%s 0x%02x: %s is longer than %s", formats[which].name, (unsigned)bits,
                         text, library);
        }
    }
}

/* SAFE is exactly what the tables say: each value of one type is one of the other. */
static void test_what_is_within(void **state)
{
    static golden tables[FORMATS];
    (void)state;
    for (int which = 0; which < FORMATS; which++)
        load_golden(which, &tables[which]);
    for (int from = 0; from < FORMATS; from++)
        for (int to = 0; to < FORMATS; to++) {
            bool within = true;
            for (int bits = 0; bits < tables[from].count; bits++) {
                double value = tables[from].values[bits];
                bool found = false;
                for (int other = 0; other < tables[to].count; other++)
                    found |= (isnan(value) && isnan(tables[to].values[other])) ||
                             (value == tables[to].values[other] &&
                              !signbit(value) == !signbit(tables[to].values[other]));
                within &= found;
            }
            if (tsri_float_is_within(formats[from].format, formats[to].format) != within)
                fail_msg("%s within %s: %d expected", formats[from].name, formats[to].name, within);
        }
    const tsri_float_format *wide[] = {&tsri_format_float16, &tsri_format_bfloat16,
                                       &tsri_format_float32, &tsri_format_float64};
    /* e8m0fnu reaches beyond float16; the others do not. */
    for (int from = 0; from < FORMATS; from++)
        for (int to = 0; to < 4; to++)
            assert_int_equal(tsri_float_is_within(formats[from].format, wide[to]),
                             to > 0 || from != FORMATS - 1);
    static const bool among[4][4] = {{1, 0, 1, 1}, {0, 1, 1, 1}, {0, 0, 1, 1}, {0, 0, 0, 1}};
    for (int from = 0; from < 4; from++)
        for (int to = 0; to < 4; to++)
            assert_int_equal(tsri_float_is_within(wide[from], wide[to]), among[from][to]);
}

/* The same through the public functions: elements as text, and casts of views. */
static void test_types_use_their_formats(void **state)
{
    golden table;
    (void)state;
    for (int which = 0; which < FORMATS; which++) {
        const tsr_dtype *dtype;
        tsr_view from, to;
        uint8_t patterns[PATTERNS], back[PATTERNS];
        double doubles[PATTERNS];
        load_golden(which, &table);
        const int64_t shape[] = {table.count};
        assert_int_equal(tsr_dtype_parse(formats[which].name, &dtype, NULL), 0);
        assert_int_equal(dtype->component_bits, formats[which].bits);
        for (int bits = 0; bits < table.count; bits++) {
            char text[64];
            uint8_t element;
            patterns[bits] = (uint8_t)bits;
            assert_true(tsr_dtype_format_element(dtype, &patterns[bits], text, sizeof text) > 0);
            assert_int_equal(tsr_dtype_parse_element(dtype, text, &element, NULL), 0);
            assert_int_equal(element, bits);
            assert_same_double(tsr_dtype_to_double(dtype, &element), table.values[bits]);
        }
        assert_int_equal(tsr_view_init(&from, dtype, 1, shape, patterns, NULL), 0);
        assert_int_equal(tsr_view_init(&to, TSR_FLOAT64, 1, shape, doubles, NULL), 0);
        assert_int_equal(tsr_view_copy(&to, &from, TSR_CASTING_SAFE, NULL), 0);
        for (int bits = 0; bits < table.count; bits++)
            assert_same_double(doubles[bits], table.values[bits]);
        from.data = (char *)back;
        assert_int_equal(tsr_view_copy(&from, &to, TSR_CASTING_SAME_KIND, NULL), 0);
        for (int bits = 0; bits < table.count; bits++)
            if (!isnan(table.values[bits]))
                assert_int_equal(back[bits], bits);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_value),
        cmocka_unit_test(test_rounding),
        cmocka_unit_test(test_bfloat16),
        cmocka_unit_test(test_integers_round_once),
        cmocka_unit_test(test_shortest_text),
        cmocka_unit_test(test_what_is_within),
        cmocka_unit_test(test_types_use_their_formats),
    };
    return cmocka_run_group_tests_name("tensor.float_format", tests, NULL, NULL);
}
