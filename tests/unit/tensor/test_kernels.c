/* Proves the kernels one by one, whatever the choice in copy.c: rows and tiles of every size,
 * streamed and not, and transposes around the edges of their blocks, against a loop over single
 * bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/random_view.h"
#include "tensor/kernels.h"

enum { MEMORY_BYTES = 1 << 17 };
static char source[MEMORY_BYTES], target[MEMORY_BYTES] __attribute__((aligned(64))),
    expected[MEMORY_BYTES];

static void run_and_compare(tests_random *random, tsri_nest_body *body, tsri_copy_job *job,
                            int64_t to_start, int64_t from_start, const tsri_nest_axis *outer,
                            const tsri_nest_axis *inner)
{
    memset(target, 0x11, sizeof target);
    memset(expected, 0x11, sizeof expected);
    for (int64_t i = 0; i < outer->count; i++)
        for (int64_t k = 0; k < inner->count; k++)
            memcpy(expected + to_start + i * outer->to + k * inner->to,
                   source + from_start + i * outer->from + k * inner->from, job->run_bytes);
    assert_true(body(job, target + to_start, source + from_start, outer, inner));
    if (memcmp(target, expected, sizeof target) != 0)
        tests_random_fail(random, "%lld x %lld runs of %zu bytes, streamed %d",
                          (long long)outer->count, (long long)inner->count, job->run_bytes,
                          job->streamed);
}

static void test_rows_and_tiles(void **state)
{
    static const size_t sizes[] = {1,  2,  3,  4,   7,   8,   16,  24,  32,
                                   63, 64, 65, 100, 128, 129, 192, 500, 1000};
    tests_random random;
    (void)state;
    tests_random_init(&random);
    tests_random_bytes(&random, source, sizeof source);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        for (int round = 0; round < 12; round++) {
            tsri_copy_job job = {sizes[i], round & 1};
            int64_t size = (int64_t)sizes[i], most = 60000 / (size + 128);
            tsri_nest_axis inner = {1 + tests_random_below(&random, most < 70 ? most : 70), 0, 0},
                           outer;
            inner.to = size + tests_random_below(&random, 60);
            inner.from = size + tests_random_below(&random, 60);
            outer.count =
                1 + tests_random_below(&random, most / inner.count < 1 ? 1 : most / inner.count);
            outer.to = inner.to * inner.count + tests_random_below(&random, 30);
            outer.from = inner.from * inner.count + tests_random_below(&random, 30);
            int64_t offset = tests_random_below(&random, 64);
            if (round % 3 == 0) { /* rows that begin on cache lines */
                inner.to = (inner.to + 63) / 64 * 64;
                outer.to = inner.to * inner.count;
                offset = 0;
            }
            run_and_compare(&random, tsri_kernel_rows(&job), &job, offset, 64, &outer, &inner);
            run_and_compare(&random, tsri_kernel_tiles(&job), &job, offset, 64, &outer, &inner);
        }
}

static void transpose(tests_random *random, int64_t size, int64_t rows, int64_t columns,
                      bool streamed)
{
    tsri_copy_job job = {(size_t)size, streamed};
    /* Rows of the destination begin at the same place of a line, or at any. */
    int64_t padding = tests_random_below(random, 2) ? 64 - columns * size % 64
                                                    : size * tests_random_below(random, 9);
    const tsri_nest_axis outer = {rows, columns * size + padding, size};
    const tsri_nest_axis inner = {columns, size, rows * size + tests_random_below(random, 20)};
    tsri_nest_body *body = tsri_kernel_transpose(&job, &outer, &inner);
    assert_non_null(body);
    run_and_compare(random, body, &job, 64 + size * tests_random_below(random, 64 / size), 5,
                    &outer, &inner);
}

static void test_transposes(void **state)
{
    tests_random random;
    (void)state;
    tests_random_init(&random);
    tests_random_bytes(&random, source, sizeof source);
    for (int64_t size = 1; size <= 16; size *= 2) {
        int64_t edge = 64 / size;
        const int64_t lengths[] = {1, edge - 1, edge, edge + 1, 2 * edge, 3 * edge - 1};
        for (int i = 0; i < 36; i++)
            if (lengths[i / 6] > 0 && lengths[i % 6] > 0)
                for (int streamed = 0; streamed < 2; streamed++)
                    transpose(&random, size, lengths[i / 6], lengths[i % 6], streamed);
        /* Longer than what is handled along the destination at once. */
        transpose(&random, size, edge, 20 * edge + 3, false);
        transpose(&random, size, edge, 20 * edge + 3, true);
    }
}

/* Destinations that do not stand at multiples of the element's size, and rows that run backwards.
 */
static void test_odd_transposes(void **state)
{
    tests_random random;
    (void)state;
    tests_random_init(&random);
    tests_random_bytes(&random, source, sizeof source);
    for (int64_t size = 2; size <= 16; size *= 2)
        for (int streamed = 0; streamed < 2; streamed++) {
            tsri_copy_job job = {(size_t)size, streamed};
            const tsri_nest_axis outer = {70, -64 * size, size}, inner = {60, size, 75 * size};
            run_and_compare(&random, tsri_kernel_transpose(&job, &outer, &inner), &job,
                            69 * 64 * size + 1, 3, &outer, &inner);
        }
}

static void test_transposes_that_do_not_apply(void **state)
{
    static const tsri_nest_axis outer = {64, 256, 4}, inner = {64, 4, 256};
    const tsri_nest_axis wide_outer = {64, 256, 8}, wide_inner = {64, 8, 256};
    tsri_copy_job job = {4, false}, odd = {3, false}, large = {32, false};
    const tsri_nest_axis odd_outer = {64, 256, 3}, odd_inner = {64, 3, 256};
    const tsri_nest_axis large_outer = {64, 2048, 32}, large_inner = {64, 32, 2048};
    (void)state;
    assert_non_null(tsri_kernel_transpose(&job, &outer, &inner));
    assert_null(tsri_kernel_transpose(&job, &wide_outer, &inner));
    assert_null(tsri_kernel_transpose(&job, &outer, &wide_inner));
    assert_null(tsri_kernel_transpose(&odd, &odd_outer, &odd_inner));
    assert_null(tsri_kernel_transpose(&large, &large_outer, &large_inner));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_and_tiles),
        cmocka_unit_test(test_transposes),
        cmocka_unit_test(test_odd_transposes),
        cmocka_unit_test(test_transposes_that_do_not_apply),
    };
    return cmocka_run_group_tests_name("tensor.kernels", tests, NULL, NULL);
}
