/* Proves deadline, cancel and poll, with a clock that the test moves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/context.h"
#include "store/watch.h"
#include "support/faulty_system.h"

#define MS INT64_C(1000000)

typedef struct fixture {
    faulty_system faulty;
    tsr_context *context;
} fixture;

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    tsr_context_options options;
    faulty_system_init(&f->faulty, NULL);
    tsr_context_options_init(&options);
    options.system = &f->faulty.system;
    *state = f;
    return tsr_context_new(&options, &f->context, NULL);
}

static int tear_down(void **state)
{
    fixture *f = *state;
    tsr_context_free(f->context);
    free(f);
    return 0;
}

static void no_call_means_no_end(void **state)
{
    fixture *f = *state;
    tsr_call empty = TSR_CALL_INIT;
    const tsr_call *const calls[] = {NULL, &empty};
    for (int i = 0; i < 2; i++) {
        tsri_watch watch = tsri_watch_start(f->context, calls[i]);
        assert_true(tsri_watch_is_patient(&watch));
        faulty_system_advance_ns(&f->faulty, 1000000 * MS);
        assert_int_equal(tsri_watch_poll(&watch, NULL), 0);
    }
    assert_int_equal(faulty_system_count(&f->faulty, "monotonic_ns"), 0);
}

static void a_deadline_counts_from_the_start(void **state)
{
    fixture *f = *state;
    tsr_error err = TSR_ERROR_INIT;
    tsr_call call = TSR_CALL_INIT;
    call.deadline_ms = 5000;
    tsri_watch watch = tsri_watch_start(f->context, &call);
    assert_false(tsri_watch_is_patient(&watch));
    assert_int_equal(tsri_watch_check(&watch, &err), 0);
    faulty_system_advance_ns(&f->faulty, 4000 * MS);
    assert_int_equal(tsri_watch_check(&watch, &err), 0);
    faulty_system_advance_ns(&f->faulty, 1000 * MS);
    assert_int_equal(tsri_watch_check(&watch, &err), TSR_DEADLINE);
    assert_non_null(strstr(err.message, "5000 ms"));
    assert_int_equal(tsri_watch_poll(&watch, &err), TSR_DEADLINE);
}

/* A deadline in the year 300,000,000 does not overflow into the past. */
static void a_huge_deadline_is_none(void **state)
{
    fixture *f = *state;
    tsr_call call = TSR_CALL_INIT;
    call.deadline_ms = INT64_MAX;
    tsri_watch watch = tsri_watch_start(f->context, &call);
    assert_int_equal(tsri_watch_check(&watch, NULL), 0);
}

static void a_cancel_is_seen_at_once(void **state)
{
    fixture *f = *state;
    int flag = 0;
    tsr_call call = TSR_CALL_INIT;
    call.cancel = &flag;
    tsri_watch watch = tsri_watch_start(f->context, &call);
    assert_false(tsri_watch_is_patient(&watch));
    assert_int_equal(tsri_watch_check(&watch, NULL), 0);
    tsr_cancel(&flag);
    assert_int_equal(tsri_watch_check_cancel(&watch, NULL), TSR_CANCELLED);
    assert_int_equal(tsri_watch_check(&watch, NULL), TSR_CANCELLED);
    assert_int_equal(tsri_watch_poll(&watch, NULL), TSR_CANCELLED);
}

static int count_polls(void *user)
{
    return ++*(int *)user == 3;
}

static void poll_runs_often_enough_and_not_more(void **state)
{
    fixture *f = *state;
    int polls = 0;
    tsr_call call = TSR_CALL_INIT;
    call.poll = count_polls;
    call.user = &polls;
    tsri_watch watch = tsri_watch_start(f->context, &call);
    assert_false(tsri_watch_is_patient(&watch));
    for (int i = 0; i < 10; i++)
        assert_int_equal(tsri_watch_check(&watch, NULL), 0);
    assert_int_equal(polls, 0);
    for (int i = 0; i < 2; i++) {
        faulty_system_advance_ns(&f->faulty, 100 * MS);
        assert_int_equal(tsri_watch_poll(&watch, NULL), 0);
        assert_int_equal(tsri_watch_poll(&watch, NULL), 0);
        assert_int_equal(polls, i + 1);
    }
    faulty_system_advance_ns(&f->faulty, 100 * MS);
    assert_int_equal(tsri_watch_poll(&watch, NULL), TSR_CANCELLED);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(no_call_means_no_end),
        TEST(a_deadline_counts_from_the_start),
        TEST(a_huge_deadline_is_none),
        TEST(a_cancel_is_seen_at_once),
        TEST(poll_runs_often_enough_and_not_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
