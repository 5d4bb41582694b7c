/* Proves the arithmetic of the byte budget, alone and under threads. */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "exec/pool.h"

static void takes_until_the_limit(void **state)
{
    (void)state;
    tsri_budget budget = {.limit_bytes = 100};
    assert_true(tsri_budget_take(&budget, 60));
    assert_true(tsri_budget_take(&budget, 40));
    assert_false(tsri_budget_take(&budget, 1));
    assert_true(tsri_budget_take(&budget, 0));
    tsri_budget_give(&budget, 60);
    assert_false(tsri_budget_take(&budget, 61));
    assert_true(tsri_budget_take(&budget, 60));
    assert_int_equal(budget.taken_bytes, 100);
    assert_int_equal(budget.peak_bytes, 100);
}

static void a_piece_larger_than_the_budget_runs_alone(void **state)
{
    (void)state;
    tsri_budget budget = {.limit_bytes = 100};
    assert_true(tsri_budget_take(&budget, 1));
    assert_false(tsri_budget_take(&budget, INT64_MAX));
    tsri_budget_give(&budget, 1);
    assert_true(tsri_budget_take(&budget, INT64_MAX));
    assert_false(tsri_budget_take(&budget, 1));
    assert_false(tsri_budget_take(&budget, INT64_MAX));
    tsri_budget_give(&budget, INT64_MAX);
    assert_int_equal(budget.taken_bytes, 0);
    assert_int_equal(budget.peak_bytes, INT64_MAX);
}

static void *take_and_give(void *user)
{
    tsri_budget *budget = user;
    for (int i = 0; i < 20000; i++) {
        int64_t bytes = 1 + i % 50;
        while (!tsri_budget_take(budget, bytes))
            sched_yield();
        tsri_budget_give(budget, bytes);
    }
    return NULL;
}

static void threads_never_exceed_it(void **state)
{
    (void)state;
    tsri_budget budget = {.limit_bytes = 100};
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_and_give, &budget), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(budget.taken_bytes, 0);
    assert_in_range(budget.peak_bytes, 50, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_until_the_limit),
        cmocka_unit_test(a_piece_larger_than_the_budget_runs_alone),
        cmocka_unit_test(threads_never_exceed_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
