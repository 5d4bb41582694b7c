/* Proves the reversal of bytes for every width, count, alignment and stride, forwards, backwards
 * and in place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/random_view.h"
#include "tensor/byteswap.h"

static void swap_naively(char *to, const char *from, size_t width)
{
    char copy[8];
    memcpy(copy, from, width);
    for (size_t i = 0; i < width; i++)
        to[i] = copy[width - 1 - i];
}

static void test_dense(void **state)
{
    static const size_t widths[] = {1, 2, 4, 8};
    char source[2100], target[2100], expected[2100];
    tests_random random;
    (void)state;
    tests_random_init(&random);
    tests_random_bytes(&random, source, sizeof source);
    for (size_t w = 0; w < 4; w++)
        for (size_t count = 0; count <= 256; count += count < 70 ? 1 : 31) {
            size_t width = widths[w], offset = (size_t)tests_random_below(&random, 40);
            memset(expected, 0x77, sizeof expected);
            memset(target, 0x77, sizeof target);
            for (size_t i = 0; i < count; i++)
                swap_naively(expected + offset + i * width, source + 3 + i * width, width);
            tsri_swap_bytes(target + offset, source + 3, count, width);
            assert_memory_equal(target, expected, sizeof target);
            /* In place, back to where it was. */
            tsri_swap_bytes(target + offset, target + offset, count, width);
            assert_memory_equal(target + offset, source + 3, count * width);
        }
}

static void test_strided(void **state)
{
    static const int64_t widths[] = {1, 2, 4, 8}, gaps[] = {0, 1, 5, 8};
    char source[1000], target[1000], expected[1000];
    tests_random random;
    (void)state;
    tests_random_init(&random);
    tests_random_bytes(&random, source, sizeof source);
    for (int w = 0; w < 4; w++)
        for (int a = 0; a < 4; a++)
            for (int b = 0; b < 4; b++)
                for (int signs = 0; signs < 4; signs++) {
                    int64_t width = widths[w], to_stride = width + gaps[a],
                            from_stride = width + gaps[b];
                    if (signs & 1)
                        to_stride = -to_stride;
                    if (signs & 2)
                        from_stride = -from_stride;
                    memset(expected, 0x77, sizeof expected);
                    memset(target, 0x77, sizeof target);
                    for (int64_t i = 0; i < 25; i++)
                        swap_naively(expected + 500 + i * to_stride, source + 500 + i * from_stride,
                                     (size_t)width);
                    tsri_swap_bytes_strided(target + 500, to_stride, source + 500, from_stride, 25,
                                            (size_t)width);
                    assert_memory_equal(target, expected, sizeof target);
                }
    /* One number for all. */
    tsri_swap_bytes_strided(target, 4, source, 0, 3, 4);
    assert_memory_equal(target, target + 8, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dense),
        cmocka_unit_test(test_strided),
    };
    return cmocka_run_group_tests_name("tensor.byteswap", tests, NULL, NULL);
}
