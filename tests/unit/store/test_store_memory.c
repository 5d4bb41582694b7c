/* Proves that the store in memory is a store, and what it promises beyond that: each open is a new
 * one, values are lent without a copy. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "conformance/store_suite.h"

static int open_memory(void *user, tsr_context *context, tsr_store **ret_store, tsr_error *err)
{
    (void)user;
    return tsr_store_open(context, "memory:", ret_store, err);
}

static void each_open_is_a_new_store(void **state)
{
    (void)state;
    tsr_auto(tsr_context) *context = NULL;
    tsr_auto(tsr_store) *a = NULL, *b = NULL;
    tsr_blob *blob = NULL;
    assert_int_equal(tsr_context_new(NULL, &context, NULL), 0);
    assert_int_equal(tsr_store_open(context, "memory:", &a, NULL), 0);
    assert_int_equal(tsr_store_open(context, "memory://", &b, NULL), 0);
    assert_int_equal(tsr_store_put(a, "k", "v", 1, TSR_DURABILITY_NONE, NULL, NULL), 0);
    assert_int_equal(tsr_store_get(b, "k", (tsr_range){0}, NULL, &blob, NULL, NULL), TSR_NOT_FOUND);
    assert_string_equal(tsr_store_url(a), "memory:");
    assert_true(a->hints.answers_at_once && a->hints.conditional && a->hints.can_list);
    tsr_store *refused = NULL;
    tsr_error err = TSR_ERROR_INIT;
    assert_int_equal(tsr_store_open(context, "memory:name", &refused, &err), TSR_INVALID_ARGUMENT);
    assert_null(refused);
}

static void values_are_lent(void **state)
{
    (void)state;
    tsr_auto(tsr_context) *context = NULL;
    tsr_auto(tsr_store) *store = NULL;
    tsr_auto(tsr_blob) *all = NULL, *part = NULL;
    assert_int_equal(tsr_context_new(NULL, &context, NULL), 0);
    assert_int_equal(tsr_store_open(context, "memory:", &store, NULL), 0);
    assert_int_equal(tsr_store_put(store, "k", "0123456789", 10, TSR_DURABILITY_NONE, NULL, NULL),
                     0);
    assert_int_equal(tsr_store_get(store, "k", (tsr_range){0}, NULL, &all, NULL, NULL), 0);
    assert_int_equal(
        tsr_store_get(store, "k", (tsr_range){TSR_RANGE_PART, 4, 2}, NULL, &part, NULL, NULL), 0);
    assert_ptr_equal(tsr_blob_data(part), (const char *)tsr_blob_data(all) + 4);
}

/* A handle that was taken keeps the store. */
static void count_answer(tsr_get_request *request)
{
    int *answers = request->user;
    ++*answers;
}

/* More requests than are looked for at once, among them keys that are not there, that are none, and
 * conditions that do not hold: each has its own answer. */
static void many_are_answered_each_for_itself(void **state)
{
    enum { COUNT = 27 };
    (void)state;
    tsr_auto(tsr_context) *context = NULL;
    tsr_auto(tsr_store) *store = NULL;
    tsr_get_request requests[COUNT];
    tsr_error errors[COUNT];
    char keys[COUNT][20], value[COUNT + 1];
    const tsr_generation other = {{UINT64_MAX}};
    int answers = 0;

    memset(value, 'v', sizeof value);
    assert_int_equal(tsr_context_new(NULL, &context, NULL), 0);
    assert_int_equal(tsr_store_open(context, "memory:", &store, NULL), 0);
    for (int i = 0; i < COUNT; i++) {
        snprintf(keys[i], sizeof keys[i], i % 9 == 4 ? "c//%d" : "c/%d", i);
        if (i % 9 != 4 && i % 5 != 0)
            assert_int_equal(
                tsr_store_put(store, keys[i], value, (size_t)i, TSR_DURABILITY_NONE, NULL, NULL),
                0);
        errors[i] = (tsr_error)TSR_ERROR_INIT;
        requests[i] = (tsr_get_request){.key = keys[i],
                                        .range = {TSR_RANGE_WHOLE, 0, 0},
                                        .if_match = i % 7 == 3 ? &other : NULL,
                                        .done = count_answer,
                                        .user = &answers,
                                        .err = &errors[i]};
    }
    tsr_store_get_many(store, requests, COUNT, NULL);
    assert_int_equal(answers, COUNT);
    for (int i = 0; i < COUNT; i++) {
        int expected = i % 9 == 4   ? TSR_INVALID_ARGUMENT
                       : i % 5 == 0 ? TSR_NOT_FOUND
                       : i % 7 == 3 ? TSR_CONFLICT
                                    : 0;
        assert_int_equal(requests[i].status, expected);
        assert_int_equal(errors[i].status, expected);
        assert_int_equal(requests[i].blob != NULL, expected == 0);
        if (expected == 0)
            assert_int_equal(tsr_blob_size(requests[i].blob), i);
        tsr_blob_unref(requests[i].blob);
    }
}

static void a_reference_keeps_the_store(void **state)
{
    (void)state;
    tsr_context *context = NULL;
    tsr_store *store = NULL;
    tsr_blob *blob = NULL;
    assert_int_equal(tsr_context_new(NULL, &context, NULL), 0);
    assert_int_equal(tsr_store_open(context, "memory:", &store, NULL), 0);
    tsr_store *second = tsr_store_ref(store);
    assert_int_equal(tsr_store_put(store, "k", "v", 1, TSR_DURABILITY_NONE, NULL, NULL), 0);
    tsr_store_close(store);
    tsr_context_free(context);
    assert_int_equal(tsr_store_get(second, "k", (tsr_range){0}, NULL, &blob, NULL, NULL), 0);
    tsr_blob_unref(blob);
    tsr_store_close(second);
    tsr_store_close(NULL);
}

int main(void)
{
    static const store_suite_subject subject = {.name = "memory", .open = open_memory};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_open_is_a_new_store),
        cmocka_unit_test(values_are_lent),
        cmocka_unit_test(many_are_answered_each_for_itself),
        cmocka_unit_test(a_reference_keeps_the_store),
    };
    return store_suite_run(&subject) + cmocka_run_group_tests(tests, NULL, NULL);
}
