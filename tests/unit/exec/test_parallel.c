/* Proves that a parallel loop runs every index once, in pieces of the grain, stops at the first
 * failure and nests. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "exec/pool.h"

static tsr_context *new_context(int threads)
{
    tsr_context *context = NULL;
    tsr_context_options options;
    tsr_context_options_init(&options);
    options.threads = threads;
    assert_int_equal(tsr_context_new(&options, &context, NULL), 0);
    return context;
}

static int count_index(void *user, int64_t i, tsr_error *err)
{
    (void)err;
    __atomic_fetch_add((int *)user + i, 1, __ATOMIC_RELAXED);
    return 0;
}

static void every_index_runs_once(void **state)
{
    (void)state;
    static const int64_t counts[] = {0, 1, 2, 7, 100, 1001}, grains[] = {-3, 0, 1, 2, 10, 5000};
    static const int threads[] = {1, 2, 5, 100};
    for (size_t t = 0; t < TSRI_COUNT(threads); t++) {
        tsr_auto(tsr_context) *context = new_context(threads[t]);
        for (size_t c = 0; c < TSRI_COUNT(counts); c++) {
            for (size_t g = 0; g < TSRI_COUNT(grains); g++) {
                int runs[1001] = {0};
                assert_int_equal(tsri_parallel_for(context, NULL, NULL, counts[c], grains[g],
                                                   count_index, runs, NULL),
                                 0);
                for (int64_t i = 0; i < 1001; i++)
                    assert_int_equal(runs[i], i < counts[c]);
            }
        }
    }
}

static int note_thread(void *user, int64_t i, tsr_error *err)
{
    (void)err;
    ((pthread_t *)user)[i] = pthread_self();
    return 0;
}

static void small_loops_run_inline(void **state)
{
    (void)state;
    pthread_t threads[64];
    tsr_auto(tsr_context) *many = new_context(4), *one = new_context(1);
    assert_int_equal(tsri_parallel_for(many, NULL, NULL, 64, 64, note_thread, threads, NULL), 0);
    for (int i = 0; i < 64; i++)
        assert_true(pthread_equal(threads[i], pthread_self()));
    assert_int_equal(tsri_parallel_for(one, NULL, NULL, 64, 1, note_thread, threads, NULL), 0);
    for (int i = 0; i < 64; i++)
        assert_true(pthread_equal(threads[i], pthread_self()));
}

/* Two bodies that wait for each other can only end when two threads run them at the same time. */
static int meet(void *user, int64_t i, tsr_error *err)
{
    (void)i, (void)err;
    pthread_barrier_wait(user);
    return 0;
}

static void all_threads_take_part(void **state)
{
    (void)state;
    for (int threads = 2; threads <= 6; threads++) {
        tsr_auto(tsr_context) *context = new_context(threads);
        pthread_barrier_t barrier;
        pthread_barrier_init(&barrier, NULL, (unsigned)threads);
        assert_int_equal(tsri_parallel_for(context, NULL, NULL, threads, 1, meet, &barrier, NULL),
                         0);
        pthread_barrier_destroy(&barrier);
    }
}

typedef struct failing {
    int64_t at, runs;
} failing;

static int fail_at(void *user, int64_t i, tsr_error *err)
{
    failing *where = user;
    __atomic_fetch_add(&where->runs, 1, __ATOMIC_RELAXED);
    return i == where->at ? tsr_error_set(err, TSR_DAMAGED, "index %lld", (long long)i) : 0;
}

static void the_first_failure_stops_the_rest(void **state)
{
    (void)state;
    for (int threads = 1; threads <= 3; threads++) {
        tsr_auto(tsr_context) *context = new_context(threads);
        failing where = {.at = 10};
        tsr_error err = TSR_ERROR_INIT;
        assert_int_equal(
            tsri_parallel_for(context, NULL, NULL, INT64_C(1) << 40, 4, fail_at, &where, &err),
            TSR_DAMAGED);
        assert_string_equal(err.message, "index 10");
        if (threads == 1)
            assert_int_equal(where.runs, 11);
    }
}

static int fail_silently(void *user, int64_t i, tsr_error *err)
{
    (void)user, (void)i, (void)err;
    return TSR_NO_SPACE;
}

static void a_failure_without_text_gets_one(void **state)
{
    (void)state;
    tsr_auto(tsr_context) *context = new_context(2);
    tsr_error err = TSR_ERROR_INIT;
    assert_int_equal(tsri_parallel_for(context, NULL, NULL, 9, 1, fail_silently, NULL, &err),
                     TSR_NO_SPACE);
    assert_int_equal(err.status, TSR_NO_SPACE);
    assert_string_equal(err.message, "no space left");
}

static void the_last_index_of_the_largest_loop(void **state)
{
    (void)state;
    tsr_auto(tsr_context) *context = new_context(2);
    failing where = {.at = 0};
    assert_int_equal(
        tsri_parallel_for(context, NULL, NULL, INT64_MAX, INT64_MAX, fail_at, &where, NULL),
        TSR_DAMAGED);
    where = (failing){.at = INT64_MAX / 2 + 1};
    tsr_error err = TSR_ERROR_INIT;
    int cancel = 1;
    tsr_call call = {.cancel = &cancel};
    assert_int_equal(tsri_parallel_for(context, &call, NULL, INT64_MAX, 1, fail_at, &where, &err),
                     TSR_CANCELLED);
    assert_int_equal(where.runs, 0);
}

static int cancel_at_half(void *user, int64_t i, tsr_error *err)
{
    (void)err;
    if (i == 500)
        tsr_cancel(user);
    return 0;
}

static void cancelling_stops_the_loop(void **state)
{
    (void)state;
    tsr_auto(tsr_context) *context = new_context(2);
    int cancel = 0;
    tsr_call call = {.cancel = &cancel};
    assert_int_equal(
        tsri_parallel_for(context, &call, NULL, INT64_C(1) << 50, 1, cancel_at_half, &cancel, NULL),
        TSR_CANCELLED);
}

typedef struct nest {
    tsr_context *context;
    int depth;
    int64_t *leaves;
} nest;

static int descend(void *user, int64_t i, tsr_error *err)
{
    (void)i;
    nest *here = user;
    if (here->depth == 0) {
        __atomic_fetch_add(here->leaves, 1, __ATOMIC_RELAXED);
        return 0;
    }
    nest below = {here->context, here->depth - 1, here->leaves};
    return tsri_parallel_for(here->context, NULL, NULL, 3, 1, descend, &below, err);
}

static void loops_nest_six_deep_on_any_number_of_threads(void **state)
{
    (void)state;
    static const int threads[] = {1, 2, 4};
    for (size_t t = 0; t < TSRI_COUNT(threads); t++) {
        tsr_auto(tsr_context) *context = new_context(threads[t]);
        int64_t leaves = 0;
        nest top = {context, 6, &leaves};
        assert_int_equal(descend(&top, 0, NULL), 0);
        assert_int_equal(leaves, 729);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_index_runs_once),
        cmocka_unit_test(small_loops_run_inline),
        cmocka_unit_test(all_threads_take_part),
        cmocka_unit_test(the_first_failure_stops_the_rest),
        cmocka_unit_test(a_failure_without_text_gets_one),
        cmocka_unit_test(the_last_index_of_the_largest_loop),
        cmocka_unit_test(cancelling_stops_the_loop),
        cmocka_unit_test(loops_nest_six_deep_on_any_number_of_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
