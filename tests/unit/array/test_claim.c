/* Proves of claims: one holder a key and store, given back in any order, none held in a forked
 * child. */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <pthread.h>

#include "array/claim.h"
#include "unit/array/array_testing.h"

static bool take(tsri_claim *claim, const tsr_store *store, const char *key)
{
    bool busy = true;
    assert_int_equal(tsri_claim_take(claim, store, key, &busy, NULL), 0);
    return !busy;
}

static void a_key_has_one_holder(void **state)
{
    fixture *f = *state;
    tsr_store *other;
    tsri_claim a, b, c, d;
    good(tsr_store_open(f->context, "memory:", &other, &f->err), &f->err);
    assert_true(take(&a, f->store, "k"));
    assert_false(take(&b, f->store, "k"));
    assert_true(take(&b, f->store, "l"));
    assert_true(take(&c, other, "k"));
    assert_false(take(&d, other, "k"));
    tsri_claim_give(&a);
    assert_true(take(&a, f->store, "k"));
    tsri_claim_give(&c);
    tsri_claim_give(&b);
    tsri_claim_give(&a);
    assert_true(take(&a, other, "k"));
    tsri_claim_give(&a);
    tsr_store_close(other);
}

/* More claims than buckets, given back from the middle. */
static void many_keys_are_held_at_once(void **state)
{
    enum { KEYS = 500 };
    fixture *f = *state;
    static tsri_claim claims[KEYS], again;
    static char keys[KEYS][16];
    for (int i = 0; i < KEYS; i++) {
        snprintf(keys[i], sizeof keys[i], "c/%d", i);
        assert_true(take(&claims[i], f->store, keys[i]));
    }
    for (int i = 0; i < KEYS; i++)
        assert_false(take(&again, f->store, keys[i]));
    for (int step = 0; step < KEYS; step++) {
        int i = step * 7 % KEYS;
        tsri_claim_give(&claims[i]);
        assert_true(take(&again, f->store, keys[i]));
        tsri_claim_give(&again);
    }
}

typedef struct counter {
    const tsr_store *store;
    int inside, entered; /* not atomic: the claim protects them */
} counter;

static void *enter_often(void *user)
{
    counter *self = user;
    for (int i = 0; i < 200;) {
        tsri_claim claim;
        bool busy;
        if (tsri_claim_take(&claim, self->store, "k", &busy, NULL) < 0)
            return (void *)1;
        if (busy) {
            sched_yield();
            continue;
        }
        if (self->inside++ != 0)
            return (void *)2;
        self->entered++;
        self->inside--;
        tsri_claim_give(&claim);
        i++;
    }
    return NULL;
}

static void threads_exclude_each_other(void **state)
{
    fixture *f = *state;
    counter all = {.store = f->store};
    pthread_t threads[5];
    for (int i = 0; i < 5; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, enter_often, &all), 0);
    for (int i = 0; i < 5; i++) {
        void *result;
        pthread_join(threads[i], &result);
        assert_null(result);
    }
    assert_int_equal(all.entered, 1000);
}

static void a_child_holds_nothing(void **state)
{
    fixture *f = *state;
    tsri_claim claim, again;
    int status;
    assert_true(take(&claim, f->store, "k"));
    pid_t child = fork();
    if (child == 0) {
        bool free_there = take(&again, f->store, "k");
        tsri_claim_give(&claim); /* of nothing any more: harmless */
        tsri_claim other;
        bool still = !take(&other, f->store, "k");
        _exit(free_there && still ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_false(take(&again, f->store, "k"));
    tsri_claim_give(&claim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(a_key_has_one_holder),
        FIXTURE_TEST(many_keys_are_held_at_once),
        FIXTURE_TEST(threads_exclude_each_other),
        FIXTURE_TEST(a_child_holds_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
