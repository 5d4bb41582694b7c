/* Proves of the loops of statistics: every kernel gives the bits of the one in plain C, at every
 * length around the lanes, and that one what long doubles and casts of the compiler give. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>

#include "array/figures_kernel.h"

enum { LENGTH_MAX = 70 };

static uint64_t random_state = UINT64_C(88172645463325252);

static uint64_t random_bits(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static double random_value(void)
{
    return (double)(int64_t)(random_bits() >> 20) / 1024 - 1e9;
}

/* The last one stands behind all others. */
static const tsri_figures_kernel *plain_kernel(void)
{
    size_t n = 0;
    while (tsri_figures_kernel_at(n + 1))
        n++;
    return tsri_figures_kernel_at(n);
}

static void assert_same_bits(const char *name, const void *a, const void *b, size_t size_bytes)
{
    if (memcmp(a, b, size_bytes) != 0)
        fail_msg("%s: not the bits of plain C", name);
}

static void there_is_a_plain_one(void **state)
{
    (void)state;
    assert_non_null(tsri_figures_kernel_at(0));
    assert_string_equal(plain_kernel()->name, "plain");
}

static void all_give_the_same_bits(void **state)
{
    const tsri_figures_kernel *plain = plain_kernel(), *kernel;
    double values[LENGTH_MAX];
    (void)state;

    for (int round = 0; round < 20; round++)
        for (int64_t n = 1; n <= LENGTH_MAX; n++) {
            for (int64_t i = 0; i < n; i++)
                values[i] = round < 18 ? random_value() : random_bits() & 1 ? 0.0 : -0.0;
            if (round == 17)
                values[random_bits() % (uint64_t)n] = INFINITY;
            for (size_t k = 0; (kernel = tsri_figures_kernel_at(k)); k++) {
                tsri_figures_sums expected, found;
                plain->sum(values, n, &expected);
                kernel->sum(values, n, &found);
                assert_same_bits(kernel->name, &found.least, &expected.least, sizeof(double));
                assert_same_bits(kernel->name, &found.greatest, &expected.greatest, sizeof(double));
                if (round == 17) { /* what is left out of an infinite sum is any NaN */
                    assert_true(isinf(found.sum) || isnan(found.sum));
                    continue;
                }
                assert_same_bits(kernel->name, &found, &expected, sizeof found);
                double mean = found.sum / (double)n, a = plain->squares(values, n, mean),
                       b = kernel->squares(values, n, mean);
                assert_same_bits(kernel->name, &a, &b, sizeof a);
            }
        }
}

/* Values of 44 bits: sums of long doubles are exact. */
static void sums_are_right(void **state)
{
    double values[LENGTH_MAX];
    (void)state;

    for (int64_t n = 1; n <= LENGTH_MAX; n++) {
        long double sum = 0, squares = 0;
        double least = INFINITY, greatest = -INFINITY;
        tsri_figures_sums found;
        for (int64_t i = 0; i < n; i++) {
            values[i] = random_value();
            sum += values[i];
            least = fmin(least, values[i]);
            greatest = fmax(greatest, values[i]);
        }
        for (int64_t i = 0; i < n; i++)
            squares += (values[i] - sum / n) * (values[i] - sum / n);
        tsri_figures_kernel_at(0)->sum(values, n, &found);
        assert_true(found.least == least && found.greatest == greatest);
        assert_true((long double)found.sum + found.rest == sum);
        double got = tsri_figures_kernel_at(0)->squares(values, n, (double)(sum / n));
        assert_true(fabsl(got - squares) <= 1e-13L * squares);
    }
}

static void one_large_value_hides_no_small_ones(void **state)
{
    const tsri_figures_kernel *kernel;
    double values[LENGTH_MAX];
    (void)state;

    for (int i = 0; i < LENGTH_MAX; i++)
        values[i] = 0.25;
    values[0] = 1e18;
    for (size_t k = 0; (kernel = tsri_figures_kernel_at(k)); k++) {
        tsri_figures_sums found;
        kernel->sum(values, LENGTH_MAX, &found);
        assert_true((long double)found.sum + found.rest == 1e18L + 0.25L * (LENGTH_MAX - 1));
    }
}

static void what_is_not_plain_is_seen_anywhere(void **state)
{
    const double odd[] = {NAN, 7.0, -NAN}, fills[] = {7.0, 7.0, NAN};
    const tsri_figures_kernel *kernel;
    double values[LENGTH_MAX];
    (void)state;

    for (size_t k = 0; (kernel = tsri_figures_kernel_at(k)); k++)
        for (int64_t n = 1; n < 20; n++)
            for (int64_t at = -1; at < n; at++)
                for (int what = 0; what < 3; what++) {
                    for (int64_t i = 0; i < n; i++)
                        values[i] = i == at ? odd[what] : (double)(10 + i);
                    assert_int_equal(kernel->is_plain(values, n, fills[what]), at < 0);
                }
    values[0] = -0.0; /* equal, though not the same bits: somebody has to look */
    assert_false(tsri_figures_kernel_at(0)->is_plain(values, 1, 0.0));
}

static void integers_become_doubles(void **state)
{
    static const int64_t ends[] = {0, 1, -1, (INT64_C(1) << 51) - 1, 1 - (INT64_C(1) << 51)};
    const tsri_figures_kernel *kernel;
    int64_t integers[LENGTH_MAX], bits[LENGTH_MAX];
    (void)state;

    for (size_t k = 0; (kernel = tsri_figures_kernel_at(k)); k++)
        for (int64_t n = 0; n <= LENGTH_MAX; n++) {
            for (int64_t i = 0; i < n; i++)
                integers[i] = i < 5 ? ends[i] : (int64_t)random_bits() >> (13 + i % 40);
            memcpy(bits, integers, sizeof bits);
            kernel->to_doubles(bits, n);
            for (int64_t i = 0; i < n; i++) {
                double value;
                memcpy(&value, &bits[i], sizeof value);
                assert_true(value == (double)integers[i]);
            }
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_is_a_plain_one),
        cmocka_unit_test(all_give_the_same_bits),
        cmocka_unit_test(sums_are_right),
        cmocka_unit_test(one_large_value_hides_no_small_ones),
        cmocka_unit_test(what_is_not_plain_is_seen_anywhere),
        cmocka_unit_test(integers_become_doubles),
    };
    return cmocka_run_group_tests_name("array.figures_kernel", tests, NULL, NULL);
}
