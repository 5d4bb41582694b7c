/* Proves how options are taken over and refused, how registries answer, and when parts are made and
 * destroyed. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/context.h"

static void defaults_are_as_documented(void **state)
{
    (void)state;
    tsr_context_options options;
    memset(&options, 0x5a, sizeof options);
    tsr_context_options_init(&options);
    assert_int_equal(options.struct_size, sizeof options);
    assert_int_equal(options.threads, 0);
    assert_int_equal(options.bytes_in_flight, 256 << 20);
    assert_int_equal(options.largest_chunk_bytes, 4LL << 30);
    assert_int_equal(options.largest_metadata_bytes, 64 << 20);
    assert_true(options.follow_symlinks);
    assert_null(options.system);
    assert_null(options.log);
}

static void null_options_mean_the_defaults(void **state)
{
    (void)state;
    tsr_auto(tsr_context) *context = NULL;
    tsr_error err = TSR_ERROR_INIT;
    assert_int_equal(tsri_context_new(NULL, &context, &err), 0);
    assert_int_equal(context->options.bytes_in_flight, 256 << 20);
    assert_ptr_equal(context->system, tsr_system_default());
    assert_in_range(tsr_context_threads(context), 1, 1024);
}

static void options_are_copied(void **state)
{
    (void)state;
    tsr_auto(tsr_context) *context = NULL;
    tsr_error err = TSR_ERROR_INIT;
    tsr_system system = *tsr_system_default();
    tsr_context_options options;
    tsr_context_options_init(&options);
    options.threads = 7;
    options.largest_chunk_bytes = 1000;
    options.system = &system;
    assert_int_equal(tsri_context_new(&options, &context, &err), 0);
    memset(&options, 0x5a, sizeof options);
    assert_int_equal(tsr_context_threads(context), 7);
    assert_int_equal(context->options.largest_chunk_bytes, 1000);
    assert_ptr_equal(context->system, &system);
}

/* Changes one byte range of good options and expects a refusal that leaves the output alone. */
static void assert_refused(size_t offset, int64_t value, size_t size, const char *phrase)
{
    tsr_context *context = (tsr_context *)&context;
    tsr_error err = TSR_ERROR_INIT;
    tsr_context_options options;
    tsr_context_options_init(&options);
    memcpy((char *)&options + offset, &value, size);
    assert_int_equal(tsri_context_new(&options, &context, &err), TSR_INVALID_ARGUMENT);
    assert_int_equal(err.status, TSR_INVALID_ARGUMENT);
    assert_non_null(strstr(err.message, phrase));
    assert_ptr_equal(context, &context);
}

static void senseless_options_are_refused(void **state)
{
    (void)state;
    assert_refused(offsetof(tsr_context_options, threads), -1, sizeof(int), "threads is -1");
    assert_refused(offsetof(tsr_context_options, threads), 1025, sizeof(int), "threads is 1025");
    assert_refused(offsetof(tsr_context_options, bytes_in_flight), 0, 8, "bytes_in_flight is 0");
    assert_refused(offsetof(tsr_context_options, largest_chunk_bytes), -4, 8,
                   "largest_chunk_bytes is -4");
    assert_refused(offsetof(tsr_context_options, largest_metadata_bytes), 0, 8,
                   "largest_metadata_bytes is 0");
    assert_refused(offsetof(tsr_context_options, struct_size), 0, sizeof(size_t), "unknown size");
    tsr_system system = {.struct_size = 16};
    const tsr_system *pointer = &system;
    int64_t bits = 0;
    memcpy(&bits, &pointer, sizeof pointer);
    assert_refused(offsetof(tsr_context_options, system), bits, sizeof pointer,
                   "table of system calls");
}

/* A program that was built with a newer header passes a longer struct: accepted as long as it uses
 * nothing new. */
static void longer_options_are_accepted_when_the_rest_is_zero(void **state)
{
    (void)state;
    struct {
        tsr_context_options options;
        char more[16];
    } newer;
    memset(&newer, 0, sizeof newer);
    tsr_error err = TSR_ERROR_INIT;
    tsr_context *context = NULL;
    tsr_context_options_init(&newer.options);
    newer.options.struct_size = sizeof newer;
    newer.options.threads = 3;
    assert_int_equal(tsri_context_new(&newer.options, &context, &err), 0);
    assert_int_equal(tsr_context_threads(context), 3);
    assert_int_equal(context->options.struct_size, sizeof newer.options);
    tsr_context_free(context);
    newer.more[15] = 1;
    assert_int_equal(tsri_context_new(&newer.options, &context, &err), TSR_INVALID_ARGUMENT);
}

static tsr_context *new_context(void)
{
    tsr_context *context = NULL;
    tsr_context_options options;
    tsr_context_options_init(&options);
    options.threads = 2;
    assert_int_equal(tsri_context_new(&options, &context, NULL), 0);
    return context;
}

static void the_latest_registration_comes_first(void **state)
{
    (void)state;
    tsr_auto(tsr_context) *context = new_context();
    static const char ops[100];
    assert_null(tsri_context_registered(context, TSRI_REGISTRY_CODEC, 0));
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(tsri_context_register(context, TSRI_REGISTRY_CODEC, ops + i, NULL), 0);
    assert_int_equal(tsri_context_register(context, TSRI_REGISTRY_STORE, ops, NULL), 0);
    for (size_t i = 0; i < 100; i++)
        assert_ptr_equal(tsri_context_registered(context, TSRI_REGISTRY_CODEC, i), ops + 99 - i);
    assert_null(tsri_context_registered(context, TSRI_REGISTRY_CODEC, 100));
    assert_ptr_equal(tsri_context_registered(context, TSRI_REGISTRY_STORE, 0), ops);
    /* A list has what is built in first, and the others as they came. */
    static const char one, other;
    const void *const built_in[] = {&one, &other};
    assert_ptr_equal(tsri_context_listed(context, TSRI_REGISTRY_CODEC, built_in, 2, 0), &one);
    assert_ptr_equal(tsri_context_listed(context, TSRI_REGISTRY_CODEC, built_in, 2, 1), &other);
    for (size_t i = 0; i < 100; i++)
        assert_ptr_equal(tsri_context_listed(context, TSRI_REGISTRY_CODEC, built_in, 2, 2 + i),
                         ops + i);
    assert_null(tsri_context_listed(context, TSRI_REGISTRY_CODEC, built_in, 2, 102));
    assert_null(tsri_context_listed(context, TSRI_REGISTRY_DRIVER, NULL, 0, 0));
    assert_null(tsri_context_registered(context, TSRI_REGISTRY_DRIVER, 0));
}

static int parts_made, parts_destroyed, order_of_destruction[4];

static int make_part(tsr_context *context, void **ret_part, tsr_error *err)
{
    (void)err;
    assert_non_null(context);
    int *part = malloc(sizeof *part);
    *part = __atomic_fetch_add(&parts_made, 1, __ATOMIC_RELAXED);
    *ret_part = part;
    return 0;
}

static void destroy_part(void *part)
{
    int position = __atomic_fetch_add(&parts_destroyed, 1, __ATOMIC_RELAXED);
    if (position < 4)
        order_of_destruction[position] = *(int *)part;
    free(part);
}

static int refuse_part(tsr_context *context, void **ret_part, tsr_error *err)
{
    (void)context, (void)ret_part;
    return tsr_error_set(err, TSR_NO_MEMORY, "no part");
}

static void parts_are_made_once_and_destroyed_in_reverse(void **state)
{
    (void)state;
    parts_made = parts_destroyed = 0;
    tsr_context *context = new_context();
    void *pool = NULL, *scratch = NULL, *again = NULL;
    tsr_error err = TSR_ERROR_INIT;
    assert_int_equal(
        tsri_context_slot(context, TSRI_SLOT_POOL, refuse_part, destroy_part, &pool, &err),
        TSR_NO_MEMORY);
    assert_null(pool);
    assert_int_equal(
        tsri_context_slot(context, TSRI_SLOT_POOL, make_part, destroy_part, &pool, &err), 0);
    assert_int_equal(
        tsri_context_slot(context, TSRI_SLOT_SCRATCH, make_part, destroy_part, &scratch, &err), 0);
    assert_int_equal(
        tsri_context_slot(context, TSRI_SLOT_POOL, make_part, destroy_part, &again, &err), 0);
    assert_ptr_equal(again, pool);
    assert_ptr_not_equal(scratch, pool);
    assert_int_equal(parts_made, 2);
    tsri_context_ref(context);
    tsr_context_free(context);
    assert_int_equal(parts_destroyed, 0);
    tsri_context_unref(context);
    assert_int_equal(parts_destroyed, 2);
    assert_int_equal(order_of_destruction[0], 1);
    assert_int_equal(order_of_destruction[1], 0);
}

typedef struct race {
    tsr_context *context;
    pthread_barrier_t *start;
    void *part;
} race;

/* Takes long enough for the others to come before it is done. */
static int make_part_slowly(tsr_context *context, void **ret_part, tsr_error *err)
{
    usleep(2000);
    return make_part(context, ret_part, err);
}

static void *take_part(void *user)
{
    race *racer = user;
    pthread_barrier_wait(racer->start);
    tsri_context_slot(racer->context, TSRI_SLOT_POOL, make_part_slowly, destroy_part, &racer->part,
                      NULL);
    return NULL;
}

static void racing_threads_get_the_same_part(void **state)
{
    (void)state;
    int most_made = 0;
    for (int round = 0; round < 20; round++) {
        parts_made = parts_destroyed = 0;
        tsr_context *context = new_context();
        pthread_barrier_t start;
        pthread_t threads[4];
        race racers[4];
        pthread_barrier_init(&start, NULL, 4);
        for (int i = 0; i < 4; i++) {
            racers[i] = (race){context, &start, NULL};
            assert_int_equal(pthread_create(&threads[i], NULL, take_part, &racers[i]), 0);
        }
        for (int i = 0; i < 4; i++)
            pthread_join(threads[i], NULL);
        for (int i = 0; i < 4; i++)
            assert_ptr_equal(racers[i].part, racers[0].part);
        assert_true(parts_made >= 1);
        assert_int_equal(parts_made, parts_destroyed + 1);
        most_made = TSRI_MAX(most_made, parts_made);
        tsr_context_free(context);
        assert_int_equal(parts_made, parts_destroyed);
        pthread_barrier_destroy(&start);
    }
    /* Otherwise there was no race to be proved. */
    assert_true(most_made > 1);
}

static void freeing_nothing_is_allowed(void **state)
{
    (void)state;
    tsr_context_free(NULL);
    tsri_context_unref(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_as_documented),
        cmocka_unit_test(null_options_mean_the_defaults),
        cmocka_unit_test(options_are_copied),
        cmocka_unit_test(senseless_options_are_refused),
        cmocka_unit_test(longer_options_are_accepted_when_the_rest_is_zero),
        cmocka_unit_test(the_latest_registration_comes_first),
        cmocka_unit_test(parts_are_made_once_and_destroyed_in_reverse),
        cmocka_unit_test(racing_threads_get_the_same_part),
        cmocka_unit_test(freeing_nothing_is_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
