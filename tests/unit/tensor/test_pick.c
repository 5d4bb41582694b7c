/* Proves that picked runs of every length arrive, in order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/random_view.h"
#include "tensor/pick.h"

enum { PLACES = 40, RUN_MAX = 33 };

static void runs_arrive_in_order(void **state)
{
    tests_random random;
    (void)state;
    tests_random_init(&random);
    for (int run = 1; run <= RUN_MAX; run++) {
        char from[PLACES * RUN_MAX], to[PLACES * RUN_MAX] = {0}, expected[PLACES * RUN_MAX] = {0};
        int64_t from_offsets[PLACES], to_offsets[PLACES];
        tests_random_bytes(&random, from, sizeof from);
        for (int i = 0; i < PLACES; i++) {
            from_offsets[i] = tests_random_below(&random, (int64_t)sizeof from - run + 1);
            to_offsets[i] = tests_random_below(&random, (int64_t)sizeof to - run + 1);
            for (int j = 0; j < run; j++)
                expected[to_offsets[i] + j] = from[from_offsets[i] + j];
        }
        tsri_pick(to, to_offsets, from, from_offsets, PLACES, (size_t)run);
        assert_memory_equal(to, expected, sizeof to);
        tsri_pick(to, NULL, from, NULL, 0, (size_t)run);
        assert_memory_equal(to, expected, sizeof to);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(runs_arrive_in_order)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
