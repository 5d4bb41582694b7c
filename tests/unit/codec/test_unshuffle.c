/* Proves every kernel of the Blosc shuffles that this processor can run against what the format
 * says bit by bit and byte by byte, for all kinds of widths and counts, in memory of which not one
 * byte more is touched. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "codec/kernels/unshuffle.h"

enum { BYTES = 70000, GUARD = 64 };

static const size_t widths[] = {1, 2, 3, 4, 5, 7, 8, 12, 16, 17, 31, 64, 100, 255};

/* Element e, bit b of a block of n: bit e % 8 of byte e / 8 of plane b. */
static void expected_bits(uint8_t *to, const uint8_t *from, size_t width, size_t size_bytes)
{
    size_t count = size_bytes / width;
    memcpy(to, from, size_bytes);
    if (count % 8 != 0)
        return;
    memset(to, 0, count * width);
    for (size_t element = 0; element < count; element++)
        for (size_t bit = 0; bit < 8 * width; bit++) {
            int value = from[bit * (count / 8) + element / 8] >> element % 8 & 1;
            to[element * width + bit / 8] |= (uint8_t)(value << bit % 8);
        }
}

/* Byte b of element e of n: byte e of stream b. */
static void expected_bytes(uint8_t *to, const uint8_t *from, size_t width, size_t size_bytes)
{
    size_t count = size_bytes / width;
    memcpy(to, from, size_bytes);
    for (size_t element = 0; element < count; element++)
        for (size_t byte = 0; byte < width; byte++)
            to[element * width + byte] = from[byte * count + element];
}

typedef void a_way(const tsri_unshuffle *kernel, void *to, const void *from, size_t width,
                   size_t size_bytes);
typedef void a_rule(uint8_t *to, const uint8_t *from, size_t width, size_t size_bytes);

static void check_size(const tsri_unshuffle *kernel, a_way *way, a_rule *rule, size_t width,
                       size_t size_bytes)
{
    static uint8_t from[BYTES], expected[BYTES], found[BYTES + 2 * GUARD];
    static uint8_t guard[GUARD];
    uint32_t random = (uint32_t)(width * 7919 + size_bytes);
    for (size_t i = 0; i < size_bytes; i++) {
        random = random * 1664525 + 1013904223;
        from[i] = (uint8_t)(random >> 24);
    }
    memset(guard, 0x5c, sizeof guard);
    memset(found, 0x5c, sizeof found);
    rule(expected, from, width, size_bytes);
    way(kernel, found + GUARD, from, width, size_bytes);
    if (memcmp(found + GUARD, expected, size_bytes) != 0)
        fail_msg("kernel %s, width %zu, %zu bytes", kernel->name, width, size_bytes);
    assert_memory_equal(found, guard, GUARD);
    assert_memory_equal(found + GUARD + size_bytes, guard, GUARD);
}

static void check_all(a_way *way, a_rule *rule)
{
    const tsri_unshuffle *kernel;
    for (size_t n = 0; (kernel = tsri_unshuffle_kernel(n)) != NULL; n++)
        for (size_t i = 0; i < TSRI_COUNT(widths); i++) {
            size_t width = widths[i];
            for (size_t count = 0; count <= 72; count++)
                check_size(kernel, way, rule, width, count * width);
            for (size_t count = 80; count * width + width < BYTES; count = count * 3 / 2) {
                check_size(kernel, way, rule, width, count / 8 * 8 * width);
                check_size(kernel, way, rule, width, count / 8 * 8 * width + width - 1);
            }
        }
}

static void bits_follow_the_format(void **state)
{
    (void)state;
    check_all(tsri_unshuffle_bits, expected_bits);
}

static void bytes_follow_the_format(void **state)
{
    (void)state;
    check_all(tsri_unshuffle_bytes, expected_bytes);
}

/* The plain kernel is there whatever the processor, and is the last resort. */
static void the_table_ends_in_plain_c(void **state)
{
    const tsri_unshuffle *last = NULL, *kernel;
    (void)state;
    for (size_t n = 0; (kernel = tsri_unshuffle_kernel(n)) != NULL; n++)
        last = kernel;
    assert_non_null(last);
    assert_string_equal(last->name, "plain");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bits_follow_the_format),
        cmocka_unit_test(bytes_follow_the_format),
        cmocka_unit_test(the_table_ends_in_plain_c),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
