/* Proves that numbers are written in the shortest decimal that reads back, laid out as Python's
 * repr does. The judge is the C library, which reads and prints doubles and floats exactly in the
 * "C" locale. */
#include <fenv.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "float_bits.h"
#include "support/random_view.h"

static double half_value(unsigned bits)
{
    int exponent = (int)(bits >> 10);
    return exponent ? ldexp(1024 + (bits & 1023), exponent - 25) : ldexp(bits & 1023, -24);
}

/* What Python's repr prints for these doubles. */
static void test_layout(void **state)
{
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {0.0, "0.0"},
        {-0.0, "-0.0"},
        {1.0, "1.0"},
        {-1.5, "-1.5"},
        {0.1, "0.1"},
        {0.1 + 0.2, "0.30000000000000004"},
        {1e15, "1000000000000000.0"},
        {9999999999999998.0, "9999999999999998.0"},
        {1e16, "1e+16"},
        {12345678901234567.0, "1.2345678901234568e+16"},
        {1e22, "1e+22"},
        {1e23, "1e+23"},
        {0.0001, "0.0001"},
        {0.00012345678901234567, "0.00012345678901234567"},
        {0.00001, "1e-05"},
        {1.5e-7, "1.5e-07"},
        {-1.25e-100, "-1.25e-100"},
        {5e-324, "5e-324"},
        {1.7976931348623157e308, "1.7976931348623157e+308"},
        {2.2250738585072014e-308, "2.2250738585072014e-308"},
        {9007199254740992.0, "9007199254740992.0"},
        {123456789.125, "123456789.125"},
        {100.0, "100.0"},
        /* A power of two, whose lower neighbour is nearer: the shortest text is not the nearest
           one. */
        {0x1p-44, "5.684341886080802e-14"},
        {9.5367431640625e-07, "9.5367431640625e-07"},
        /* Equally far from ...62 and ...63, and so on: the even digit, also for big numbers. */
        {126430982921026.625, "126430982921026.62"},
        {0x1p-25, "2.9802322387695312e-08"},
        {562949953421312.25, "562949953421312.2"},
        {1164253980718049.75, "1164253980718049.8"},
    };
    char text[32];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int length =
            tsri_float_format_text(&tsri_format_float64, bits_of_double(cases[i].value), text);
        assert_string_equal(text, cases[i].text);
        assert_int_equal(length, strlen(text));
    }
    tsri_float_format_text(&tsri_format_float32, bits_of_float(0.1F), text);
    assert_string_equal(text, "0.1");
    tsri_float_format_text(&tsri_format_float32, bits_of_float(16777216.0F), text);
    assert_string_equal(text, "16777216.0");
    tsri_float_format_text(&tsri_format_float32, 1, text);
    assert_string_equal(text, "1e-45");
    tsri_float_format_text(&tsri_format_float32, 0x7f7fffff, text);
    assert_string_equal(text, "3.4028235e+38");
    tsri_float_format_text(&tsri_format_float16, 0x2e66, text);
    assert_string_equal(text, "0.1");
    tsri_float_format_text(&tsri_format_float16, 0x7bff, text);
    assert_string_equal(text, "65500.0");
    tsri_float_format_text(&tsri_format_float16, 1, text);
    assert_string_equal(text, "6e-08");
}

static int count_digits(const char *text)
{
    int count = 0, zeros = 0;
    for (; *text && *text != 'e'; text++)
        if (*text >= '0' && *text <= '9' && (count > 0 || *text != '0')) {
            count++;
            zeros = *text == '0' ? zeros + 1 : 0;
        }
    return count - zeros;
}

/* Reads back through the C library, and is as short as the shortest of its precisions that does. */
static void check_shortest(tests_random *random, double value, bool is_float)
{
    char text[32], library[64];
    uint64_t bits = is_float ? bits_of_float((float)value) : bits_of_double(value);
    int precision = 0;
    tsri_float_format_text(is_float ? &tsri_format_float32 : &tsri_format_float64, bits, text);
    double back = is_float ? (double)strtof(text, NULL) : strtod(text, NULL);
    if (bits_of_double(back) != bits_of_double(value))
        tests_random_fail(random, "%a is written as %s, which is %a", value, text, back);
    do
        snprintf(library, sizeof library, "%.*e", precision++, value);
    while ((is_float ? (double)strtof(library, NULL) : strtod(library, NULL)) != value);
    if (count_digits(text) > precision)
        tests_random_fail(random, "%a is written as %s, longer than %s", value, text, library);
}

static void test_random_numbers_are_shortest(void **state)
{
    tests_random random;
    (void)state;
    tests_random_init(&random);
    for (int round = 0; round < 10000; round++) {
        uint64_t bits = tests_random_next(&random);
        double wide = double_of_bits(bits), narrow = (double)float_of_bits((uint32_t)(bits >> 17));
        if (isfinite(wide))
            check_shortest(&random, wide, false);
        if (isfinite(narrow))
            check_shortest(&random, narrow, true);
        check_shortest(&random, (double)tests_random_below(&random, 1000000) / 1000.0, false);
        check_shortest(&random,
                       (double)(float)((double)tests_random_below(&random, 100000) / 100.0), true);
        check_shortest(&random, (double)(bits >> (11 + bits % 50)), false);
    }
    for (int exponent = -1074; exponent < 1024; exponent++) {
        check_shortest(&random, ldexp(1.0, exponent), false);
        if (exponent >= -149 && exponent < 128)
            check_shortest(&random, ldexp(1.0, exponent), true);
    }
}

static void test_every_half_is_shortest(void **state)
{
    (void)state;
    for (unsigned bits = 1; bits < 0x7c00; bits++) {
        char text[32], library[32];
        int precision = 0;
        tsri_float_format_text(&tsri_format_float16, bits, text);
        assert_int_equal(read_as(&tsri_format_float16, text, NULL), bits);
        do
            snprintf(library, sizeof library, "%.*e", precision++, half_value(bits));
        while (read_as(&tsri_format_float16, library, NULL) != bits);
        assert_true(count_digits(text) <= precision);
    }
}

/* A process that computes with another rounding mode still reads and writes the same. */
static void test_rounding_mode_does_not_matter(void **state)
{
    char text[32];
    (void)state;
    fesetround(FE_UPWARD);
    tsri_float_format_text(&tsri_format_float64, bits_of_double(0.1), text);
    uint64_t bits = read_as(&tsri_format_float64, "0.1", NULL);
    fesetround(FE_TONEAREST);
    assert_string_equal(text, "0.1");
    assert_int_equal(bits, bits_of_double(0.1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layout),
        cmocka_unit_test(test_random_numbers_are_shortest),
        cmocka_unit_test(test_every_half_is_shortest),
        cmocka_unit_test(test_rounding_mode_does_not_matter),
    };
    return cmocka_run_group_tests_name("tensor.shortest", tests, NULL, NULL);
}
