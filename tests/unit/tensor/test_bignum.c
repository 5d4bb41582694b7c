/* Proves the arithmetic of big numbers against 128-bit arithmetic, against powers whose decimal
 * digits are known, and by undoing each operation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/random_view.h"
#include "tensor/bignum.h"

typedef unsigned __int128 wide;

static wide value_of(const tsri_big *number)
{
    assert_true(number->count <= 2);
    return (number->count > 0 ? number->words[0] : 0) |
           (wide)(number->count > 1 ? number->words[1] : 0) << 64;
}

static tsri_big from_wide(wide value)
{
    tsri_big number;
    tsri_big_set(&number, (uint64_t)(value >> 64));
    tsri_big_shift_left(&number, 64);
    tsri_big low;
    tsri_big_set(&low, (uint64_t)value);
    tsri_big_add(&number, &low);
    return number;
}

static wide random_wide(tests_random *random)
{
    wide value = (wide)tests_random_next(random) << 64 | tests_random_next(random);
    return value >> tests_random_below(random, 128);
}

static void test_small_numbers(void **state)
{
    tests_random random;
    (void)state;
    tests_random_init(&random);
    for (int round = 0; round < 20000; round++) {
        wide a = random_wide(&random), b = random_wide(&random);
        tsri_big x = from_wide(a), y = from_wide(b);
        assert_true(value_of(&x) == a);
        assert_int_equal(tsri_big_compare(&x, &y), a < b ? -1 : a > b);
        int64_t bits = 0;
        while (bits < 128 && a >> bits)
            bits++;
        assert_int_equal(tsri_big_bits(&x), bits);
        if (a >= b) {
            tsri_big_subtract(&x, &y);
            assert_true(value_of(&x) == a - b);
            tsri_big_add(&x, &y);
            assert_true(value_of(&x) == a);
        }
        uint64_t factor = tests_random_next(&random) >> tests_random_below(&random, 64);
        tsri_big small = from_wide(a >> 64);
        tsri_big_multiply_add(&small, factor, (uint64_t)b);
        if ((wide)(uint64_t)(a >> 64) * factor <= (wide)-1 - (uint64_t)b)
            assert_true(value_of(&small) == (a >> 64) * factor + (uint64_t)b);
        if (a > 0) {
            wide rest = b % a, multiple = (b / a % 10) * a;
            if (multiple / a == b / a % 10 && multiple + rest >= rest) {
                y = from_wide(multiple + rest);
                x = from_wide(a);
                assert_int_equal(tsri_big_divide_digit(&y, &x), b / a % 10);
                assert_true(value_of(&y) == rest);
            }
        }
    }
}

static void test_known_digits(void **state)
{
    static const struct {
        int shift, power;
        const char *digits;
    } cases[] = {
        {128, 38, "340282366920938463463374607431768211456"},
        {200, 60, "1606938044258990275541962092341162602522202993782792835301376"},
        {521, 156,
         "6864797660130609714981900799081393217269435300143305409394463459185543183397656052122559640661454554977296"
         "311391480858037121987999716643812574028291115057152"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tsri_big number, scale;
        tsri_big_set(&number, 1);
        tsri_big_shift_left(&number, cases[i].shift);
        tsri_big_set(&scale, 1);
        tsri_big_multiply_power_of_ten(&scale, cases[i].power);
        for (const char *digit = cases[i].digits; *digit; digit++) {
            assert_int_equal(tsri_big_divide_digit(&number, &scale), *digit - '0');
            tsri_big_multiply_add(&number, 10, 0);
        }
        assert_int_equal(number.count, 0);
    }
}

/* The largest number that decimal.c makes fits. */
static void test_largest(void **state)
{
    tsri_big number, one;
    (void)state;
    tsri_big_set(&number, 1);
    tsri_big_multiply_power_of_ten(&number, 1110);
    assert_int_equal(tsri_big_bits(&number), 3688);
    tsri_big_shift_left(&number, 66);
    assert_int_equal(tsri_big_bits(&number), 3754);
    assert_true(number.count <= TSRI_BIG_WORDS);
    /* A carry and a borrow through all words. */
    tsri_big_set(&one, 1);
    tsri_big before = number;
    tsri_big_subtract(&number, &one);
    assert_int_equal(tsri_big_compare(&number, &before), -1);
    tsri_big_add(&number, &one);
    assert_int_equal(tsri_big_compare(&number, &before), 0);
    tsri_big_subtract(&number, &before);
    assert_int_equal(number.count, 0);
    assert_int_equal(tsri_big_bits(&number), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small_numbers),
        cmocka_unit_test(test_known_digits),
        cmocka_unit_test(test_largest),
    };
    return cmocka_run_group_tests_name("tensor.bignum", tests, NULL, NULL);
}
