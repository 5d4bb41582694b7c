/* Proves what a group promises about failures, holds, cancelling, deadlines, poll and progress. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "exec/queue.h"
#include "support/faulty_system.h"

#define MS INT64_C(1000000)

static tsr_context *new_context(int threads, const tsr_system *system)
{
    tsr_context *context = NULL;
    tsr_context_options options;
    tsr_context_options_init(&options);
    options.threads = threads;
    options.system = system;
    assert_int_equal(tsr_context_new(&options, &context, NULL), 0);
    return context;
}

static int64_t now_ns(void)
{
    return tsr_system_default()->monotonic_ns(tsr_system_default());
}

static void sleep_ms(int64_t duration_ms)
{
    tsr_system_default()->sleep_ns(tsr_system_default(), duration_ms * MS);
}

typedef struct unit {
    tsri_task task;
    int number;
    int *runs;
} unit;

static void count_run(tsri_task *task)
{
    __atomic_fetch_add(((unit *)task)->runs, 1, __ATOMIC_RELAXED);
}

static void every_task_runs_once(void **state)
{
    (void)state;
    static const int thread_counts[] = {1, 2, 4};
    for (size_t t = 0; t < TSRI_COUNT(thread_counts); t++) {
        tsr_auto(tsr_context) *context = new_context(thread_counts[t], NULL);
        tsri_task_group group;
        unit units[1000];
        int runs[1000] = {0};
        assert_int_equal(tsri_group_init(&group, context, NULL, NULL, NULL), 0);
        for (int round = 1; round <= 3; round++) {
            for (int i = 0; i < 1000; i++) {
                units[i].runs = &runs[i];
                tsri_group_spawn(&group, &units[i].task, count_run);
            }
            assert_int_equal(tsri_group_wait(&group, NULL), 0);
            for (int i = 0; i < 1000; i++)
                assert_int_equal(runs[i], round);
        }
    }
}

typedef struct chain_link {
    tsri_task task;
    pthread_t ran_on;
    struct chain_link *next; /* queued for anybody */
} chain_link;

static void run_link(tsri_task *task)
{
    chain_link *self = (chain_link *)task;
    self->ran_on = pthread_self();
    if (self->next)
        tsri_group_spawn(task->group, &self->next->task, run_link);
}

/* What is spawned by whoever waits, for himself, starts no thread, and can spawn for others. */
static void a_task_of_ones_own_needs_no_other_thread(void **state)
{
    (void)state;
    tsr_auto(tsr_context) *context = new_context(4, NULL);
    tsri_task_group group;
    chain_link first = {.next = NULL}, second = {.next = NULL};
    for (int more = 0; more < 2; more++) {
        assert_int_equal(tsri_group_init(&group, context, NULL, NULL, NULL), 0);
        first.next = more ? &second : NULL;
        tsri_group_spawn_own(&group, &first.task, run_link);
        assert_int_equal(tsri_group_wait(&group, NULL), 0);
        if (!more)
            assert_true(pthread_equal(first.ran_on, pthread_self()));
        assert_int_equal(group.pool->started, more);
    }
}

static void waiting_for_nothing_returns(void **state)
{
    (void)state;
    tsr_auto(tsr_context) *context = new_context(2, NULL);
    tsri_task_group group;
    assert_int_equal(tsri_group_init(&group, context, NULL, NULL, NULL), 0);
    assert_int_equal(tsri_group_wait(&group, NULL), 0);
}

/* ---- failing ---- */

static void fail_one(tsri_task *task)
{
    unit *self = (unit *)task;
    tsr_error error = TSR_ERROR_INIT;
    if (tsri_group_stopped(task->group))
        return;
    __atomic_fetch_add(self->runs, 1, __ATOMIC_RELAXED);
    if (self->number == 5)
        tsri_group_fail(task->group, tsr_error_set(&error, TSR_DAMAGED, "unit %d", self->number),
                        &error);
}

static void the_first_failure_is_returned_with_its_text(void **state)
{
    (void)state;
    static const int thread_counts[] = {1, 3};
    for (size_t t = 0; t < TSRI_COUNT(thread_counts); t++) {
        tsr_auto(tsr_context) *context = new_context(thread_counts[t], NULL);
        tsri_task_group group;
        tsr_error err = TSR_ERROR_INIT;
        unit units[200];
        int runs = 0;
        assert_int_equal(tsri_group_init(&group, context, NULL, NULL, &err), 0);
        for (int i = 0; i < 200; i++) {
            units[i].number = i;
            units[i].runs = &runs;
            tsri_group_spawn(&group, &units[i].task, fail_one);
        }
        assert_int_equal(tsri_group_wait(&group, &err), TSR_DAMAGED);
        assert_int_equal(err.status, TSR_DAMAGED);
        assert_string_equal(err.message, "unit 5");
        if (thread_counts[t] == 1)
            assert_int_equal(runs, 6);
        assert_true(tsri_group_stopped(&group));
    }
}

static void later_failures_and_missing_texts(void **state)
{
    (void)state;
    tsr_auto(tsr_context) *context = new_context(1, NULL);
    tsri_task_group group;
    tsr_error err = TSR_ERROR_INIT;
    assert_int_equal(tsri_group_init(&group, context, NULL, NULL, &err), 0);
    assert_false(tsri_group_stopped(&group));
    tsri_group_fail(&group, TSR_NO_SPACE, NULL);
    tsri_group_fail(&group, TSR_IO, NULL);
    assert_int_equal(tsri_group_wait(&group, &err), TSR_NO_SPACE);
    assert_string_equal(err.message, "no space left");
}

static void failing_goes_down_but_not_up(void **state)
{
    (void)state;
    tsr_auto(tsr_context) *context = new_context(2, NULL);
    tsri_task_group above, group, below;
    tsr_error err = TSR_ERROR_INIT, error = TSR_ERROR_INIT;
    assert_int_equal(tsri_group_init(&above, context, NULL, NULL, &err), 0);
    assert_int_equal(tsri_group_init(&group, context, NULL, &above, &err), 0);
    assert_int_equal(tsri_group_init(&below, context, NULL, &group, &err), 0);
    tsri_group_fail(&group, tsr_error_set(&error, TSR_CONFLICT, "middle"), &error);
    assert_true(tsri_group_stopped(&below));
    assert_false(tsri_group_stopped(&above));
    assert_int_equal(tsri_group_wait(&below, &err), TSR_CONFLICT);
    assert_string_equal(err.message, "middle");
    assert_int_equal(tsri_group_wait(&above, &err), 0);
}

/* ---- holding ---- */

typedef struct request {
    unit unit;
    tsri_task_group *group;
    int delay_ms;
} request;

/* A transport's thread: the answer arrives, a task is spawned for it, the hold is given back. */
static void *answer(void *user)
{
    request *asked = user;
    sleep_ms(asked->delay_ms);
    tsri_group_spawn(asked->group, &asked->unit.task, count_run);
    tsri_group_release(asked->group);
    return NULL;
}

static void a_hold_is_completed_by_a_foreign_thread(void **state)
{
    (void)state;
    static const int thread_counts[] = {1, 2, 4};
    for (size_t t = 0; t < TSRI_COUNT(thread_counts); t++) {
        tsr_auto(tsr_context) *context = new_context(thread_counts[t], NULL);
        tsri_task_group group;
        request requests[8];
        pthread_t transports[8];
        int runs = 0;
        assert_int_equal(tsri_group_init(&group, context, NULL, NULL, NULL), 0);
        for (int i = 0; i < 8; i++) {
            requests[i] = (request){.unit.runs = &runs, .group = &group, .delay_ms = 5 * (i % 3)};
            tsri_group_hold(&group);
            assert_int_equal(pthread_create(&transports[i], NULL, answer, &requests[i]), 0);
        }
        assert_int_equal(tsri_group_wait(&group, NULL), 0);
        assert_int_equal(runs, 8);
        for (int i = 0; i < 8; i++)
            pthread_join(transports[i], NULL);
    }
}

/* A hold may be all there is: no task ever comes. */
static void *release_later(void *user)
{
    sleep_ms(20);
    tsri_group_release(user);
    return NULL;
}

static void a_hold_without_task_is_waited_for(void **state)
{
    (void)state;
    tsr_auto(tsr_context) *context = new_context(1, NULL);
    tsri_task_group group;
    pthread_t thread;
    assert_int_equal(tsri_group_init(&group, context, NULL, NULL, NULL), 0);
    tsri_group_hold(&group);
    int64_t begin = now_ns();
    assert_int_equal(pthread_create(&thread, NULL, release_later, &group), 0);
    assert_int_equal(tsri_group_wait(&group, NULL), 0);
    assert_true(now_ns() - begin >= 15 * MS);
    pthread_join(thread, NULL);
}

/* ---- being stopped from outside ---- */

static int interrupted;

static void on_alarm(int signal_number)
{
    (void)signal_number;
    tsr_cancel(&interrupted);
}

/* Runs until somebody stops the group, but not for ever. */
static void run_until_stopped(tsri_task *task)
{
    int64_t end = now_ns() + 20000 * MS;
    while (!tsri_group_stopped(task->group) && now_ns() < end)
        sleep_ms(1);
}

static void a_signal_handler_cancels(void **state)
{
    (void)state;
    static const int thread_counts[] = {1, 2};
    for (size_t t = 0; t < TSRI_COUNT(thread_counts); t++) {
        tsr_auto(tsr_context) *context = new_context(thread_counts[t], NULL);
        tsr_call call = TSR_CALL_INIT;
        tsri_task_group group;
        tsr_error err = TSR_ERROR_INIT;
        unit units[3];
        interrupted = 0;
        call.cancel = &interrupted;
        struct sigaction action = {.sa_handler = on_alarm}, previous;
        sigaction(SIGALRM, &action, &previous);
        struct itimerval timer = {.it_value.tv_usec = 30000};
        int64_t begin = now_ns();
        setitimer(ITIMER_REAL, &timer, NULL);
        assert_int_equal(tsri_group_init(&group, context, &call, NULL, &err), 0);
        for (int i = 0; i < 3; i++)
            tsri_group_spawn(&group, &units[i].task, run_until_stopped);
        assert_int_equal(tsri_group_wait(&group, &err), TSR_CANCELLED);
        assert_true(now_ns() - begin < 5000 * MS);
        assert_string_equal(err.message, "interrupted");
        sigaction(SIGALRM, &previous, NULL);
    }
}

/* Workers must leave signals to the program's own threads. */
static volatile pthread_t signalled_thread;

static void note_thread(int signal_number)
{
    (void)signal_number;
    signalled_thread = pthread_self();
}

static void signals_arrive_on_the_programs_threads(void **state)
{
    (void)state;
    tsr_auto(tsr_context) *context = new_context(4, NULL);
    tsri_task_group group;
    unit units[16];
    int runs = 0;
    assert_int_equal(tsri_group_init(&group, context, NULL, NULL, NULL), 0);
    for (int i = 0; i < 16; i++) {
        units[i].runs = &runs;
        tsri_group_spawn(&group, &units[i].task, count_run);
    }
    assert_int_equal(tsri_group_wait(&group, NULL), 0);
    struct sigaction action = {.sa_handler = note_thread}, previous;
    sigset_t blocked, pending;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR1);
    sigaction(SIGUSR1, &action, &previous);
    /* The only thread of the program does not want it now: it waits, instead of going to a worker.
     */
    pthread_sigmask(SIG_BLOCK, &blocked, NULL);
    kill(getpid(), SIGUSR1);
    sleep_ms(20);
    sigpending(&pending);
    assert_true(sigismember(&pending, SIGUSR1));
    assert_int_equal(signalled_thread, 0);
    pthread_sigmask(SIG_UNBLOCK, &blocked, NULL);
    assert_true(pthread_equal(signalled_thread, pthread_self()));
    sigaction(SIGUSR1, &previous, NULL);
}

static void a_flag_set_before_the_start_cancels(void **state)
{
    (void)state;
    tsr_auto(tsr_context) *context = new_context(2, NULL);
    tsr_call call = TSR_CALL_INIT;
    tsri_task_group group;
    int cancel = 1;
    call.cancel = &cancel;
    assert_int_equal(tsri_group_init(&group, context, &call, NULL, NULL), 0);
    assert_int_equal(tsri_group_wait(&group, NULL), TSR_CANCELLED);
}

static void a_deadline_ends_the_work(void **state)
{
    (void)state;
    tsr_auto(tsr_context) *context = new_context(2, NULL);
    tsr_call call = TSR_CALL_INIT;
    tsri_task_group group, below;
    tsr_error err = TSR_ERROR_INIT;
    unit units[3];
    call.deadline_ms = 30;
    int64_t begin = now_ns();
    assert_int_equal(tsri_group_init(&group, context, &call, NULL, &err), 0);
    assert_int_equal(tsri_group_init(&below, context, NULL, &group, &err), 0);
    for (int i = 0; i < 3; i++)
        tsri_group_spawn(&below, &units[i].task, run_until_stopped);
    assert_int_equal(tsri_group_wait(&below, &err), TSR_DEADLINE);
    int64_t duration = now_ns() - begin;
    assert_in_range(duration, 30 * MS, 5000 * MS);
    assert_int_equal(tsri_group_wait(&group, &err), TSR_DEADLINE);
    assert_true(err.next_step[0] != 0);
}

/* The table's clock decides, so that a test can let years pass. */
static void the_deadline_follows_the_contexts_clock(void **state)
{
    (void)state;
    faulty_system faulty;
    faulty_system_init(&faulty, NULL);
    tsr_auto(tsr_context) *context = new_context(1, &faulty.system);
    tsr_call call = TSR_CALL_INIT;
    tsri_task_group group, patient;
    call.deadline_ms = 3600 * 1000;
    assert_int_equal(tsri_group_init(&group, context, &call, NULL, NULL), 0);
    assert_false(tsri_group_stopped(&group));
    faulty_system_advance_ns(&faulty, 3599 * 1000 * MS);
    assert_false(tsri_group_stopped(&group));
    faulty_system_advance_ns(&faulty, 1001 * MS);
    assert_true(tsri_group_stopped(&group));
    call.deadline_ms = INT64_MAX;
    assert_int_equal(tsri_group_init(&patient, context, &call, NULL, NULL), 0);
    assert_false(tsri_group_stopped(&patient));
}

static void a_shorter_deadline_above_holds_below(void **state)
{
    (void)state;
    faulty_system faulty;
    faulty_system_init(&faulty, NULL);
    tsr_auto(tsr_context) *context = new_context(1, &faulty.system);
    tsr_call soon = TSR_CALL_INIT, late = TSR_CALL_INIT;
    tsri_task_group above, below;
    soon.deadline_ms = 1000000;
    late.deadline_ms = 2000000;
    assert_int_equal(tsri_group_init(&above, context, &soon, NULL, NULL), 0);
    assert_int_equal(tsri_group_init(&below, context, &late, &above, NULL), 0);
    faulty_system_advance_ns(&faulty, 1000001 * MS);
    assert_true(tsri_group_stopped(&below));
    assert_int_equal(tsri_group_wait(&below, NULL), TSR_DEADLINE);
}

/* ---- calling back ---- */

typedef struct callbacks {
    pthread_t thread;
    int polls, reports, stop_at_poll;
    bool wrong_thread;
    int64_t first_ns, last_ns, longest_ns, shortest_report_ns, last_report_ns;
    tsr_progress last;
} callbacks;

static int on_poll(void *user)
{
    callbacks *seen = user;
    int64_t now = now_ns(), gap = now - seen->last_ns;
    seen->wrong_thread |= !pthread_equal(seen->thread, pthread_self());
    seen->longest_ns = TSRI_MAX(seen->longest_ns, gap);
    seen->last_ns = now;
    return ++seen->polls == seen->stop_at_poll;
}

static void on_progress(void *user, const tsr_progress *progress)
{
    callbacks *seen = user;
    int64_t now = now_ns();
    seen->wrong_thread |= !pthread_equal(seen->thread, pthread_self());
    if (seen->reports > 0)
        seen->shortest_report_ns = TSRI_MIN(seen->shortest_report_ns, now - seen->last_report_ns);
    seen->last_report_ns = now;
    seen->reports++;
    seen->last = *progress;
}

static tsr_call watching_call(callbacks *seen)
{
    *seen =
        (callbacks){.thread = pthread_self(), .last_ns = now_ns(), .shortest_report_ns = INT64_MAX};
    return (tsr_call){.poll = on_poll, .progress = on_progress, .user = seen};
}

static void *release_after_half_a_second(void *user)
{
    tsri_task_group *group = user;
    for (int i = 0; i < 50; i++) {
        sleep_ms(10);
        tsri_group_progress(group, 1, 100, 10, 2);
    }
    tsri_group_release(group);
    return NULL;
}

static void poll_and_progress_come_on_time_on_the_callers_thread(void **state)
{
    (void)state;
    tsr_auto(tsr_context) *context = new_context(2, NULL);
    callbacks seen;
    tsr_call call = watching_call(&seen);
    tsri_task_group group;
    pthread_t thread;
    assert_int_equal(tsri_group_init(&group, context, &call, NULL, NULL), 0);
    tsri_group_expect(&group, 50, 5000);
    tsri_group_hold(&group);
    int64_t begin = now_ns();
    assert_int_equal(pthread_create(&thread, NULL, release_after_half_a_second, &group), 0);
    assert_int_equal(tsri_group_wait(&group, NULL), 0);
    int64_t duration = now_ns() - begin;
    pthread_join(thread, NULL);
    assert_false(seen.wrong_thread);
    assert_true(seen.polls >= 3);
    assert_true(seen.polls <= duration / (50 * MS) + 1);
    /* One report each 100 ms at most, and one at the end. */
    assert_true(seen.reports >= 2);
    assert_true(seen.reports <= duration / (100 * MS) + 1);
    assert_int_equal(seen.last.chunks_done, 50);
    assert_int_equal(seen.last.chunks_total, 50);
    assert_int_equal(seen.last.bytes_done, 5000);
    assert_int_equal(seen.last.bytes_total, 5000);
    assert_int_equal(seen.last.stored_bytes, 500);
    assert_int_equal(seen.last.requests, 100);
}

static void a_short_operation_reports_once(void **state)
{
    (void)state;
    tsr_auto(tsr_context) *context = new_context(2, NULL);
    callbacks seen;
    tsr_call call = watching_call(&seen);
    tsri_task_group group;
    assert_int_equal(tsri_group_init(&group, context, &call, NULL, NULL), 0);
    tsri_group_progress(&group, 1, 2, 3, 4);
    assert_int_equal(tsri_group_wait(&group, NULL), 0);
    assert_int_equal(seen.reports, 1);
    assert_int_equal(seen.last.bytes_done, 2);
}

static void a_nonzero_poll_cancels(void **state)
{
    (void)state;
    static const int thread_counts[] = {1, 2};
    for (size_t t = 0; t < TSRI_COUNT(thread_counts); t++) {
        tsr_auto(tsr_context) *context = new_context(thread_counts[t], NULL);
        callbacks seen;
        tsr_call call = watching_call(&seen);
        tsri_task_group group;
        unit units[3];
        seen.stop_at_poll = 2;
        assert_int_equal(tsri_group_init(&group, context, &call, NULL, NULL), 0);
        for (int i = 0; i < 3; i++)
            tsri_group_spawn(&group, &units[i].task, run_until_stopped);
        assert_int_equal(tsri_group_wait(&group, NULL), TSR_CANCELLED);
        assert_int_equal(seen.polls, 2);
        assert_false(seen.wrong_thread);
    }
}

/* The caller is deep inside a nested group: its poll is still served, the nested group has the same
 * call and does not report a second time, and its counters reach the report above. */
static void nested_groups_serve_the_call_above(void **state)
{
    (void)state;
    tsr_auto(tsr_context) *context = new_context(1, NULL);
    callbacks seen;
    tsr_call call = watching_call(&seen);
    tsri_task_group above, below;
    unit task;
    seen.stop_at_poll = 2;
    assert_int_equal(tsri_group_init(&above, context, &call, NULL, NULL), 0);
    assert_int_equal(tsri_group_init(&below, context, &call, &above, NULL), 0);
    tsri_group_progress(&below, 1, 1000, 0, 0);
    tsri_group_spawn(&below, &task.task, run_until_stopped);
    assert_int_equal(tsri_group_wait(&below, NULL), TSR_CANCELLED);
    assert_int_equal(seen.polls, 2);
    int reports = seen.reports;
    assert_true(reports <= 1);
    assert_int_equal(tsri_group_wait(&above, NULL), TSR_CANCELLED);
    assert_int_equal(seen.reports, reports + 1);
    assert_int_equal(seen.last.bytes_done, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_task_runs_once),
        cmocka_unit_test(a_task_of_ones_own_needs_no_other_thread),
        cmocka_unit_test(waiting_for_nothing_returns),
        cmocka_unit_test(the_first_failure_is_returned_with_its_text),
        cmocka_unit_test(later_failures_and_missing_texts),
        cmocka_unit_test(failing_goes_down_but_not_up),
        cmocka_unit_test(a_hold_is_completed_by_a_foreign_thread),
        cmocka_unit_test(a_hold_without_task_is_waited_for),
        cmocka_unit_test(a_signal_handler_cancels),
        cmocka_unit_test(signals_arrive_on_the_programs_threads),
        cmocka_unit_test(a_flag_set_before_the_start_cancels),
        cmocka_unit_test(a_deadline_ends_the_work),
        cmocka_unit_test(the_deadline_follows_the_contexts_clock),
        cmocka_unit_test(a_shorter_deadline_above_holds_below),
        cmocka_unit_test(poll_and_progress_come_on_time_on_the_callers_thread),
        cmocka_unit_test(a_short_operation_reports_once),
        cmocka_unit_test(a_nonzero_poll_cancels),
        cmocka_unit_test(nested_groups_serve_the_call_above),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
