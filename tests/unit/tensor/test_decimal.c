/* Proves that decimals are read with one correct rounding. The judge is the C library, which is
 * exact for float and double in the "C" locale; midpoints, where a second rounding would show, are
 * made exactly and a hair beside. */
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

static void compare_with_library(tests_random *random, const char *text)
{
    if (read_as(&tsri_format_float64, text, NULL) != bits_of_double(strtod(text, NULL)))
        tests_random_fail(random, "%s is not read as the double %a", text, strtod(text, NULL));
    if (read_as(&tsri_format_float32, text, NULL) != bits_of_float(strtof(text, NULL)))
        tests_random_fail(random, "%s is not read as the float %a", text,
                          (double)strtof(text, NULL));
}

static void test_random_texts(void **state)
{
    tests_random random;
    char text[900];
    (void)state;
    tests_random_init(&random);
    for (int round = 0; round < 8000; round++) {
        static const int most_digits[] = {3, 8, 17, 19, 20, 40, 800};
        char *p = text;
        int digits =
            1 + (int)tests_random_below(&random, most_digits[tests_random_below(&random, 7)]);
        int point = (int)tests_random_below(&random, digits + 1);
        if (tests_random_below(&random, 2))
            *p++ = '-';
        if (point == 0)
            *p++ = '0';
        for (int i = 0; i < digits; i++) {
            if (i == point)
                *p++ = '.';
            *p++ = (char)('0' + (i == 0 && point > 0 ? 1 + tests_random_below(&random, 9)
                                                     : tests_random_below(&random, 10)));
        }
        if (tests_random_below(&random, 2))
            p += sprintf(p, "e%d", (int)tests_random_below(&random, 700) - 350 - point);
        else if (tests_random_below(&random, 2))
            p += sprintf(p, "E%+d", (int)tests_random_below(&random, 90) - 45);
        *p = '\0';
        compare_with_library(&random, text);
    }
}

static void test_edges(void **state)
{
    static const char *const texts[] = {
        "0",
        "-0",
        "0.0",
        "-0e5",
        "0e999999999999999999999",
        "1",
        "-1",
        "1e0",
        "1E+2",
        "1e-2",
        "2.2250738585072011e-308",
        "2.2250738585072014e-308",
        "4.9406564584124654e-324",
        "2.4703282292062327e-324",
        "2.4703282292062328e-324",
        "2.470328229206232e-324",
        "1e-400",
        "1.7976931348623157e308",
        "1.7976931348623158e308",
        "9007199254740993",
        "9007199254740992.5",
        "9007199254740993.00000000000000000000000000000000000000000000000000000001",
        "1.40129846432481707e-45",
        "7.006492321624085e-46",
        "7.0064923216240853e-46",
        "7.0064923216240854e-46",
        "3.4028234663852886e38",
        "16777217",
        "16777217.0000000000000000001",
        "0.1",
        "0.3",
        "1e22",
        "1e23",
        "8.5e22",
        "123456789012345678901234567890",
        "6.8564426500000000000000000001e-8",
        "1e-323",
        "99999999999999999999999999999999999999e-38",
    };
    tests_random random;
    (void)state;
    tests_random_init(&random);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        compare_with_library(&random, texts[i]);
}

/* Subtracts one unit of the last place from the digits of "d.ddd...e+XX". */
static void one_less(char *text)
{
    for (char *digit = strchr(text, 'e') - 1;; digit--) {
        if (*digit == '.')
            continue;
        if (*digit > '0') {
            --*digit;
            return;
        }
        *digit = '9';
    }
}

/* Reads the midpoint between two neighbours, and numbers that differ from it only in a place that
 * no intermediate format holds. */
static void check_midpoint(const tsri_float_format *format, double middle, uint64_t below)
{
    char exact[200];
    uint64_t even = below + (below & 1);
    snprintf(exact, sizeof exact, "%.120e", middle);
    assert_int_equal(read_as(format, exact, NULL), even);
    char *last = strchr(exact, 'e') - 1;
    *last = '1';
    assert_int_equal(read_as(format, exact, NULL), below + 1);
    *last = '0';
    one_less(exact);
    assert_int_equal(read_as(format, exact, NULL), below);
}

static double half_value(unsigned bits)
{
    int exponent = (int)(bits >> 10);
    return exponent ? ldexp(1024 + (bits & 1023), exponent - 25) : ldexp(bits & 1023, -24);
}

static void test_every_midpoint_of_halves(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits < 0x7bff; bits++)
        check_midpoint(&tsri_format_float16, (half_value(bits) + half_value(bits + 1)) / 2, bits);
}

static void test_midpoints_of_floats(void **state)
{
    tests_random random;
    (void)state;
    tests_random_init(&random);
    for (int round = 0; round < 20000; round++) {
        uint32_t bits = (uint32_t)tests_random_below(&random, 0x7f7fffff);
        if (round < 100)
            bits = (uint32_t)round; /* subnormal ones */
        double low = (double)float_of_bits(bits), high = (double)float_of_bits(bits + 1);
        if (low > 1e-30)
            check_midpoint(&tsri_format_float32, low + (high - low) / 2, bits);
    }
}

/* Decimals of 19 digits beside the midpoints of doubles: as near as so many digits come, so that
 * the digits of the quotient often do not decide, but only what is left of the division. */
static void test_near_midpoints(void **state)
{
    tests_random random;
    char text[64];
    (void)state;
    if (sizeof(long double) == sizeof(double))
        skip();
    tests_random_init(&random);
    for (int round = 0; round < 20000; round++) {
        uint64_t odd = (tests_random_next(&random) >> 11) * 2 + 1;
        int exponent = -(int)tests_random_below(&random, 80);
        snprintf(text, sizeof text, "%.18Le", ldexpl((long double)odd, exponent));
        compare_with_library(&random, text);
    }
}

/* The longest midpoints have 767 digits: all of them, and one far behind the digits that are kept,
 * decide. Between the largest subnormal doubles, with the even neighbour below and above. */
static void test_longest_midpoints(void **state)
{
    char text[1200];
    (void)state;
    if (sizeof(long double) == sizeof(double))
        skip();
    for (uint64_t below = 0xffffffffffffe; below <= 0xfffffffffffff; below++) {
        long double middle = ldexpl((long double)below + 0.5L, -1074);
        snprintf(text, sizeof text, "%.900Le", middle);
        char *last = strchr(text, 'e') - 1;
        assert_int_equal(read_as(&tsri_format_float64, text, NULL), below + (below & 1));
        *last = '1';
        assert_int_equal(read_as(&tsri_format_float64, text, NULL), below + 1);
        *last = '0';
        one_less(text);
        assert_int_equal(read_as(&tsri_format_float64, text, NULL), below);
    }
}

static void test_overflow(void **state)
{
    static const struct {
        const tsri_float_format *format;
        const char *text;
        bool overflow;
        uint64_t bits;
    } cases[] = {
        {&tsri_format_float16, "65504", false, 0x7bff},
        {&tsri_format_float16, "65519.9999999999999999999999", false, 0x7bff},
        {&tsri_format_float16, "65520", true, 0x7c00},
        {&tsri_format_float16, "1e300", true, 0x7c00},
        {&tsri_format_float32, "3.4028235677973367e38", true, 0x7f800000},
        {&tsri_format_float32, "3.4028235677973366e38", false, 0x7f7fffff},
        {&tsri_format_float64, "1.797693134862315808e308", true, UINT64_C(0x7ff0000000000000)},
        {&tsri_format_float64, "1.797693134862315807e308", false, UINT64_C(0x7fefffffffffffff)},
        {&tsri_format_float64, "1e99999999999999999999999999999", true,
         UINT64_C(0x7ff0000000000000)},
        {&tsri_format_float64, "1e-99999999999999999999999999999", false, 0},
        {&tsri_format_float16, "2.98023223876953125e-8", false, 0},
        {&tsri_format_float16, "2.98023223876953125000000001e-8", false, 1},
        {&tsri_format_float16, "6.097555160522461e-05", false, 0x3ff},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bool overflow;
        assert_int_equal(read_as(cases[i].format, cases[i].text, &overflow), cases[i].bits);
        assert_int_equal(overflow, cases[i].overflow);
    }
}

static void test_grammar(void **state)
{
    static const char *const refused[] = {"",   "-",  "+1",  ".5",   "1.",  "01",  "-01",
                                          "e5", "1e", "1e+", "1.e5", "NaN", "--1", "1.-"};
    static const struct {
        const char *text;
        size_t length;
    } prefixes[] = {{"1,2", 1}, {"0x10", 1}, {"1.5.2", 3}, {"12]", 2}, {"1e5e5", 3}, {"0 ", 1}};
    tsri_decimal decimal;
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        assert_null(tsri_decimal_scan(refused[i], &decimal));
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++)
        assert_ptr_equal(tsri_decimal_scan(prefixes[i].text, &decimal),
                         prefixes[i].text + prefixes[i].length);
}

static void test_whole_numbers(void **state)
{
    static const struct {
        const char *text;
        tsri_whole whole;
        uint64_t magnitude;
    } cases[] = {
        {"0", TSRI_WHOLE_FITS, 0},
        {"-0.000e5", TSRI_WHOLE_FITS, 0},
        {"18446744073709551615", TSRI_WHOLE_FITS, UINT64_MAX},
        {"18446744073709551615.000", TSRI_WHOLE_FITS, UINT64_MAX},
        {"18446744073709551616", TSRI_WHOLE_TOO_LARGE, 0},
        {"-9223372036854775808", TSRI_WHOLE_FITS, UINT64_C(1) << 63},
        {"100000000000000000000", TSRI_WHOLE_TOO_LARGE, 0},
        {"1e19", TSRI_WHOLE_FITS, UINT64_C(10000000000000000000)},
        {"1e20", TSRI_WHOLE_TOO_LARGE, 0},
        {"1e999999999999", TSRI_WHOLE_TOO_LARGE, 0},
        {"1.5e1", TSRI_WHOLE_FITS, 15},
        {"1500e-2", TSRI_WHOLE_FITS, 15},
        {"1.5", TSRI_WHOLE_FRACTION, 0},
        {"1e-1", TSRI_WHOLE_FRACTION, 0},
        {"0.0000000000000000000000000000000001", TSRI_WHOLE_FRACTION, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tsri_decimal decimal;
        uint64_t magnitude = 0;
        assert_non_null(tsri_decimal_scan(cases[i].text, &decimal));
        assert_int_equal(tsri_decimal_to_whole(&decimal, &magnitude), cases[i].whole);
        if (cases[i].whole == TSRI_WHOLE_FITS)
            assert_int_equal(magnitude, cases[i].magnitude);
    }
}

/* A process that computes with another rounding mode still reads the same. */
static void test_rounding_mode_does_not_matter(void **state)
{
    (void)state;
    fesetround(FE_UPWARD);
    uint64_t bits = read_as(&tsri_format_float64, "0.1", NULL);
    uint64_t long_bits = read_as(&tsri_format_float64, "1234567890123456789012345e-40", NULL);
    fesetround(FE_TONEAREST);
    assert_int_equal(bits, bits_of_double(0.1));
    assert_int_equal(long_bits, bits_of_double(1234567890123456789012345e-40));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_texts),
        cmocka_unit_test(test_edges),
        cmocka_unit_test(test_every_midpoint_of_halves),
        cmocka_unit_test(test_midpoints_of_floats),
        cmocka_unit_test(test_near_midpoints),
        cmocka_unit_test(test_longest_midpoints),
        cmocka_unit_test(test_overflow),
        cmocka_unit_test(test_grammar),
        cmocka_unit_test(test_whole_numbers),
        cmocka_unit_test(test_rounding_mode_does_not_matter),
    };
    return cmocka_run_group_tests_name("tensor.decimal", tests, NULL, NULL);
}
