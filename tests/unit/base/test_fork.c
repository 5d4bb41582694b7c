/* Proves the order of the handlers around a fork, and that no short lock is held in the child,
 * whoever held it. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/context.h"
#include "support/child.h"

static char order[64];

static void note(const char *what, const void *user)
{
    size_t length = strlen(order);
    if (length + 3 < sizeof order)
        memcpy(order + length, (char[]){what[0], *(const char *)user, 0}, 3);
}

static void note_prepare(void *user)
{
    note("p", user);
}

static void note_parent(void *user)
{
    note("P", user);
}

static void note_child(void *user)
{
    note("C", user);
}

static tsri_fork_handler handler_of(const char *name)
{
    return (tsri_fork_handler){
        .prepare = note_prepare, .parent = note_parent, .child = note_child, .user = (void *)name};
}

/* Forks; the child exits with whether it saw `in_child`, and the parent asserts that it saw
 * `in_parent`. */
static void assert_order(const char *in_parent, const char *in_child)
{
    order[0] = 0;
    pid_t child = fork();
    if (child == 0)
        _exit(strcmp(order, in_child) != 0);
    assert_string_equal(order, in_parent);
    assert_int_equal(exit_status_of(child), 0);
}

static void handlers_run_in_order_and_back(void **state)
{
    (void)state;
    tsri_fork_handler a = handler_of("a"), b = handler_of("b"), c = handler_of("c"), silent = {0};
    assert_order("", "");
    tsri_fork_register(&a);
    assert_order("paPa", "paCa");
    tsri_fork_register(&b);
    tsri_fork_register(&silent);
    tsri_fork_register(&c);
    assert_order("papbpcPcPbPa", "papbpcCcCbCa");
    tsri_fork_unregister(&b);
    assert_order("papcPcPa", "papcCcCa");
    tsri_fork_unregister(&a);
    tsri_fork_unregister(&c);
    assert_order("", "");
    tsri_fork_register(&b);
    assert_order("pbPb", "pbCb");
    tsri_fork_unregister(&silent);
    tsri_fork_unregister(&b);
    assert_order("", "");
}

typedef struct busy {
    tsr_context *context;
    int stop; /* atomic */
} busy;

static int make_nothing(tsr_context *context, void **ret_part, tsr_error *err)
{
    (void)context, (void)err;
    *ret_part = NULL;
    return 0;
}

static void destroy_nothing(void *part)
{
    (void)part;
}

/* Takes and gives back all the locks of the layer without pause. */
static void *lock_all_the_time(void *user)
{
    busy *self = user;
    while (!__atomic_load_n(&self->stop, __ATOMIC_RELAXED)) {
        void *part;
        tsr_context *context = NULL;
        tsri_context_registered(self->context, TSRI_REGISTRY_CODEC, 0);
        tsri_context_slot(self->context, TSRI_SLOT_SCRATCH, make_nothing, destroy_nothing, &part,
                          NULL);
        tsr_context_options options;
        tsr_context_options_init(&options);
        options.threads = 1;
        if (tsr_context_new(&options, &context, NULL) == 0)
            tsr_context_free(context);
    }
    return NULL;
}

static bool context_works(tsr_context *context)
{
    tsr_context *another = NULL;
    bool good = tsri_context_register(context, TSRI_REGISTRY_CODEC, context, NULL) == 0 &&
                tsri_context_registered(context, TSRI_REGISTRY_CODEC, 0) == context &&
                tsr_context_new(NULL, &another, NULL) == 0;
    tsr_context_free(another);
    return good;
}

static void a_child_finds_every_lock_free(void **state)
{
    (void)state;
    busy self = {0};
    pthread_t threads[2];
    assert_int_equal(tsr_context_new(NULL, &self.context, NULL), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, lock_all_the_time, &self), 0);
    int failures = 0;
    for (int i = 0; i < 40; i++) {
        pid_t child = fork();
        if (child == 0)
            _exit(context_works(self.context) ? 0 : 1);
        failures += exit_status_of(child) != 0;
    }
    __atomic_store_n(&self.stop, 1, __ATOMIC_RELAXED);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(failures, 0);
    assert_true(context_works(self.context));
    tsr_context_free(self.context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(handlers_run_in_order_and_back),
        cmocka_unit_test(a_child_finds_every_lock_free),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
