/* Proves that a cancel flag can be set from a signal handler. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <tessera/call.h>

static int flag;

static void on_signal(int number)
{
    (void)number;
    tsr_cancel(&flag);
}

static void a_handler_sets_the_flag(void **state)
{
    (void)state;
    struct sigaction action = {.sa_handler = on_signal}, previous;
    sigaction(SIGUSR1, &action, &previous);
    assert_int_equal(flag, 0);
    raise(SIGUSR1);
    assert_int_not_equal(__atomic_load_n(&flag, __ATOMIC_RELAXED), 0);
    sigaction(SIGUSR1, &previous, NULL);
}

static void an_initialised_call_wishes_nothing(void **state)
{
    (void)state;
    tsr_call call = TSR_CALL_INIT;
    assert_int_equal(call.deadline_ms, 0);
    assert_null(call.cancel);
    assert_int_equal(call.byte_budget, 0);
    assert_null(call.poll);
    assert_null(call.progress);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_handler_sets_the_flag),
        cmocka_unit_test(an_initialised_call_wishes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
