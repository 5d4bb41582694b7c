/* Proves that a meter charges each moment to one phase, phases within phases included, that threads
 * add up, and that nothing is gathered unless it is asked for. The clock is one that the test moves
 * on, so every figure is exact. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/profile.h"

typedef struct hand_clock {
    tsr_system system; /* first */
    int64_t now_ns;
} hand_clock;

static int64_t read_hand_clock(const tsr_system *system)
{
    return ((const hand_clock *)system)->now_ns;
}

static void hand_clock_open(hand_clock *clock, bool profile, tsr_context **ret_context)
{
    tsr_context_options options;
    tsr_error err = TSR_ERROR_INIT;

    clock->system = *tsr_system_default();
    clock->system.monotonic_ns = read_hand_clock;
    clock->now_ns = 1000;
    tsr_context_options_init(&options);
    options.system = &clock->system;
    options.profile = profile;
    assert_int_equal(tsri_context_new(&options, ret_context, &err), 0);
}

static void phases_within_phases_are_charged_once(void **state)
{
    (void)state;
    hand_clock clock;
    tsr_auto(tsr_context) *context = NULL;
    tsr_profile found, expected = {.plan_ns = 3 + 7, .decode_ns = 20 + 5, .copy_ns = 100};
    hand_clock_open(&clock, true, &context);

    clock.now_ns += 50; /* outside of every phase */
    tsri_phase plan = tsri_phase_begin(context, TSRI_PHASE_PLAN);
    clock.now_ns += 3;
    tsri_phase decode = tsri_phase_begin(context, TSRI_PHASE_DECODE);
    clock.now_ns += 20;
    tsri_phase copy = tsri_phase_begin(context, TSRI_PHASE_COPY);
    clock.now_ns += 100;
    tsri_phase_end(context, copy);
    clock.now_ns += 5;
    tsri_phase_end(context, decode);
    clock.now_ns += 7;
    tsri_phase_end(context, plan);
    clock.now_ns += 1000;

    tsr_context_profile(context, &found);
    assert_memory_equal(&found, &expected, sizeof found);
}

static void every_phase_has_its_field(void **state)
{
    (void)state;
    hand_clock clock;
    tsr_auto(tsr_context) *context = NULL;
    tsr_profile found;
    hand_clock_open(&clock, true, &context);

    for (int phase = 0; phase < TSRI_PHASE_COUNT; phase++) {
        tsri_phase before = tsri_phase_begin(context, (tsri_phase)phase);
        clock.now_ns += 1 << phase;
        tsri_phase_end(context, before);
    }
    TSRI_PROFILE_ADD(context, kept_chunks, 41);
    TSRI_PROFILE_ADD(context, kept_chunks, 1);
    tsr_context_profile(context, &found);
    const tsr_profile expected = {
        .plan_ns = 1 << TSRI_PHASE_PLAN,
        .fetch_ns = 1 << TSRI_PHASE_FETCH,
        .wait_ns = 1 << TSRI_PHASE_WAIT,
        .decode_ns = 1 << TSRI_PHASE_DECODE,
        .copy_ns = 1 << TSRI_PHASE_COPY,
        .driver_ns = 1 << TSRI_PHASE_DRIVER,
        .caller_ns = 1 << TSRI_PHASE_CALLER,
        .encode_ns = 1 << TSRI_PHASE_ENCODE,
        .put_ns = 1 << TSRI_PHASE_PUT,
        .sync_ns = 1 << TSRI_PHASE_SYNC,
        .kept_chunks = 42,
    };
    assert_memory_equal(&found, &expected, sizeof found);
}

static void *count_to_a_thousand(void *context)
{
    for (int i = 0; i < 1000; i++) {
        tsri_phase before = tsri_phase_begin(context, TSRI_PHASE_PLAN);
        TSRI_PROFILE_ADD((tsr_context *)context, requests, 1);
        tsri_phase_end(context, before);
    }
    return NULL;
}

static void threads_add_up(void **state)
{
    (void)state;
    enum { THREADS = 100 }; /* more than buckets, so that some share one */
    hand_clock clock;
    tsr_auto(tsr_context) *context = NULL;
    pthread_t threads[THREADS];
    tsr_profile found;
    hand_clock_open(&clock, true, &context);

    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count_to_a_thousand, context), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    tsr_context_profile(context, &found);
    assert_int_equal(found.requests, THREADS * 1000);
}

static void nothing_is_gathered_unasked(void **state)
{
    (void)state;
    hand_clock clock;
    tsr_auto(tsr_context) *context = NULL;
    tsr_profile found;
    const tsr_profile nothing = {0};
    hand_clock_open(&clock, false, &context);

    assert_null(context->profile);
    tsri_phase before = tsri_phase_begin(context, TSRI_PHASE_PLAN);
    clock.now_ns += 5;
    tsri_phase_end(context, before);
    TSRI_PROFILE_ADD(context, requests, 1);
    memset(&found, 0x5a, sizeof found);
    tsr_context_profile(context, &found);
    assert_memory_equal(&found, &nothing, sizeof found);
}

#ifndef __SANITIZE_THREAD__
typedef struct parked_thread {
    tsr_context *context;
    pthread_barrier_t inside, leave;
} parked_thread;

static void *stay_in_a_phase(void *user)
{
    parked_thread *self = user;
    tsri_phase before = tsri_phase_begin(self->context, TSRI_PHASE_DECODE);
    pthread_barrier_wait(&self->inside);
    pthread_barrier_wait(&self->leave);
    tsri_phase_end(self->context, before);
    return NULL;
}

/* A thread of the parent was decoding: in the child nobody is, and what is started there under the
 * same id starts from rest. */
static void a_child_has_no_threads_in_a_phase(void **state)
{
    (void)state;
    hand_clock clock;
    tsr_auto(tsr_context) *context = NULL;
    parked_thread parked = {0};
    pthread_t thread;
    int status;
    hand_clock_open(&clock, true, &context);
    parked.context = context;
    pthread_barrier_init(&parked.inside, NULL, 2);
    pthread_barrier_init(&parked.leave, NULL, 2);
    assert_int_equal(pthread_create(&thread, NULL, stay_in_a_phase, &parked), 0);
    pthread_barrier_wait(&parked.inside);

    tsri_phase before = tsri_phase_begin(context, TSRI_PHASE_PLAN);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        tsr_profile found;
        clock.now_ns += 9;
        tsri_phase_end(context, before); /* the thread that forked goes on in its phase */
        tsri_profile_after_fork(context->profile);
        tsr_context_profile(context, &found);
        _exit(found.plan_ns == 9 && found.decode_ns == 0 ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    tsri_phase_end(context, before);
    clock.now_ns += 77;
    pthread_barrier_wait(&parked.leave);
    pthread_join(thread, NULL);
    tsr_profile found;
    tsr_context_profile(context, &found);
    assert_int_equal(found.decode_ns, 77);
    pthread_barrier_destroy(&parked.inside);
    pthread_barrier_destroy(&parked.leave);
}

#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(phases_within_phases_are_charged_once),
        cmocka_unit_test(every_phase_has_its_field),
        cmocka_unit_test(threads_add_up),
        cmocka_unit_test(nothing_is_gathered_unasked),
#ifndef __SANITIZE_THREAD__ /* which knows no threads in a child that was forked among threads */
        cmocka_unit_test(a_child_has_no_threads_in_a_phase),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
