/* Proves that the stores of a context are met while they are open, each once and held, and not
 * those that are closed, also when they are opened and closed meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <pthread.h>

#include "store/open_stores.h"

static tsr_context *context;
static tsri_open_stores *stores;

static tsr_store *open_one(void)
{
    tsr_store *store;
    assert_int_equal(tsr_store_open(context, "memory:", &store, NULL), 0);
    return store;
}

static int set_up(void **state)
{
    (void)state;
    assert_int_equal(tsr_context_new(NULL, &context, NULL), 0);
    return tsri_open_stores_get(context, &stores, NULL);
}

static int tear_down(void **state)
{
    (void)state;
    tsr_context_free(context);
    return 0;
}

static void open_stores_are_met_once(void **state)
{
    (void)state;
    tsr_store *a = open_one(), *b = open_one(), *c = open_one();
    tsr_store_close(b);
    tsr_store *met = tsri_open_stores_next(stores, NULL);
    assert_ptr_equal(met, c);
    met = tsri_open_stores_next(stores, met);
    assert_ptr_equal(met, a);
    assert_null(tsri_open_stores_next(stores, met));
    tsr_store_close(a);
    tsr_store_close(c);
    assert_null(tsri_open_stores_next(stores, NULL));
}

/* The walker has the last hold then. */
static void what_is_met_stays_open(void **state)
{
    (void)state;
    tsr_store *a = open_one(), *b = open_one();
    tsr_store *met = tsri_open_stores_next(stores, NULL);
    assert_ptr_equal(met, b);
    tsr_store_close(b);
    tsr_store *late = open_one();
    assert_int_equal(tsr_store_put(met, "k", "v", 1, TSR_DURABILITY_FLUSH, NULL, NULL), 0);
    met = tsri_open_stores_next(stores, met);
    assert_ptr_equal(met, a);
    assert_null(tsri_open_stores_next(stores, met));
    met = tsri_open_stores_next(stores, NULL);
    assert_ptr_equal(met, late); /* b is gone */
    tsr_store_close(late);
    met = tsri_open_stores_next(stores, met);
    assert_ptr_equal(met, a);
    tsr_store_close(met);
    tsr_store_close(a);
}

static void *open_and_close(void *unused)
{
    for (int i = 0; i < 2000; i++)
        tsr_store_close(open_one());
    return unused;
}

static void stores_come_and_go_meanwhile(void **state)
{
    (void)state;
    pthread_t threads[3];
    tsr_store *stays = open_one();
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, open_and_close, NULL), 0);
    for (int i = 0; i < 2000; i++) {
        int met = 0;
        for (tsr_store *at = NULL; (at = tsri_open_stores_next(stores, at)) != NULL;)
            met += at == stays;
        assert_int_equal(met, 1);
    }
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    assert_ptr_equal(tsri_open_stores_next(stores, NULL), stays);
    assert_null(tsri_open_stores_next(stores, stays)); /* gives up the walker's hold */
    tsr_store_close(stays);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(open_stores_are_met_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_met_stays_open, set_up, tear_down),
        cmocka_unit_test_setup_teardown(stores_come_and_go_meanwhile, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
