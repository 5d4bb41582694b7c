/* Proves half precision both ways: all 65536 patterns against the formula of IEEE 754, and rounding
 * against midpoints, ties and limits. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/random_view.h"

/* The value of a finite pattern by the definition: mantissa x 2^exponent. */
static double value_of(unsigned bits)
{
    int exponent = (int)(bits >> 10 & 31);
    double magnitude =
        exponent ? ldexp(1024 + (bits & 1023), exponent - 25) : ldexp(bits & 1023, -24);
    return bits & 0x8000 ? -magnitude : magnitude;
}

static uint64_t bits_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static void test_every_pattern(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits < 0x10000; bits++) {
        double value = tsr_half_to_double((uint16_t)bits);
        if ((bits & 0x7c00) != 0x7c00) {
            assert_true(bits_of(value) == bits_of(value_of(bits)));
        } else if ((bits & 0x3ff) == 0) {
            assert_true(isinf(value) && signbit(value) == (bits & 0x8000 ? signbit(-1.0) : 0));
        } else {
            assert_true(isnan(value));
        }
    }
}

static void test_every_pattern_returns(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits < 0x10000; bits++) {
        uint16_t back = tsr_half_from_double(tsr_half_to_double((uint16_t)bits));
        bool nan = (bits & 0x7fff) > 0x7c00;
        /* A signalling NaN comes back quiet, with the rest of its payload. */
        assert_int_equal(back, nan ? bits | 0x200 : bits);
    }
}

/* Between each two neighbours: just below the middle, the middle, just above. */
static void test_every_midpoint(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits < 0x7c00; bits++) {
        double low = value_of(bits), high = bits == 0x7bff ? 65536.0 : value_of(bits + 1);
        double middle = (low + high) / 2;
        uint16_t even = (uint16_t)(bits + (bits & 1));
        assert_int_equal(tsr_half_from_double(middle), even);
        assert_int_equal(tsr_half_from_double(-middle), even | 0x8000);
        assert_int_equal(tsr_half_from_double(nextafter(middle, 0)), bits);
        assert_int_equal(tsr_half_from_double(nextafter(middle, INFINITY)), bits + 1);
        assert_int_equal(tsr_half_from_double(nextafter(high, 0)), bits + 1);
        assert_int_equal(tsr_half_from_double(nextafter(low, INFINITY)), bits);
    }
}

static void test_limits(void **state)
{
    static const struct {
        double value;
        uint16_t bits;
    } cases[] = {
        {0.0, 0},          {-0.0, 0x8000},      {1.0, 0x3c00},         {-2.0, 0xc000},
        {65504.0, 0x7bff}, {65519.99, 0x7bff},  {65520.0, 0x7c00},     {-65520.0, 0xfc00},
        {1e300, 0x7c00},   {INFINITY, 0x7c00},  {-INFINITY, 0xfc00},   {0x1p-24, 0x0001},
        {0x1p-25, 0},      {-0x1p-25, 0x8000},  {0x1.000001p-25, 1},   {0x1.8p-24, 2},
        {0x1p-26, 0},      {5e-324, 0},         {-5e-324, 0x8000},     {0x1p-14, 0x0400},
        {0.1, 0x2e66},     {1.0 / 3.0, 0x3555}, {0x1.ff8p-15, 0x03ff}, {0x1.ffcp-15, 0x0400},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(tsr_half_from_double(cases[i].value), cases[i].bits);
    uint16_t nan = tsr_half_from_double((double)NAN);
    assert_int_equal(nan & 0x7e00, 0x7e00);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_pattern),
        cmocka_unit_test(test_every_pattern_returns),
        cmocka_unit_test(test_every_midpoint),
        cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests_name("tensor.half", tests, NULL, NULL);
}
