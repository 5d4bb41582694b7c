/* Proves the front of stores: URLs find their store, later registrations win, a store that lacks an
 * operation says so, and answers may come later and from elsewhere. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <tessera/sys/store.h>

/* ---- A store that answers from a thread, some time later, the last request first ---- */

typedef struct slow_store {
    tsr_store head;
    char address[64];
} slow_store;

typedef struct batch {
    tsr_get_request *requests;
    size_t count;
} batch;

static void *answer_later(void *user)
{
    batch *todo = user;
    usleep(2000);
    for (size_t i = todo->count; i-- > 0;) {
        tsr_get_request *request = &todo->requests[i];
        request->blob = NULL;
        request->status = tsr_store_check_key(request->key, request->err);
        if (request->status == 0)
            request->status = tsr_blob_new(1, &request->blob, request->err);
        if (request->status == 0)
            *(char *)tsr_blob_data_writable(request->blob) = request->key[0];
        request->size_bytes = 1;
        request->done(request);
    }
    free(todo);
    return NULL;
}

static void slow_get(tsr_store *store, tsr_get_request *requests, size_t n, const tsr_call *call)
{
    (void)store;
    (void)call;
    pthread_t thread;
    batch *todo = malloc(sizeof *todo);
    *todo = (batch){requests, n};
    assert_int_equal(pthread_create(&thread, NULL, answer_later, todo), 0);
    pthread_detach(thread);
}

static int closed;

static void slow_close(tsr_store *store)
{
    closed++;
    tsr_store_clear(store);
    free(store);
}

static const tsr_store_ops slow_ops;

static int slow_open(tsr_context *context, const char *scheme, const char *address,
                     tsr_store **ret_store, tsr_error *err)
{
    slow_store *store = calloc(1, sizeof *store);
    strcpy(store->address, address);
    assert_int_equal(tsr_store_init(&store->head, &slow_ops, context, scheme, err), 0);
    *ret_store = &store->head;
    return 0;
}

static const char *const slow_schemes[] = {"slow", "s+1.x-y", NULL};
static const tsr_store_ops slow_ops = {.struct_size = sizeof(tsr_store_ops),
                                       .schemes = slow_schemes,
                                       .open = slow_open,
                                       .close = slow_close,
                                       .get = slow_get};

static int set_up(void **state)
{
    tsr_context *context = NULL;
    closed = 0;
    *state = NULL;
    if (tsr_context_new(NULL, &context, NULL) < 0)
        return -1;
    *state = context;
    return 0;
}

static int tear_down(void **state)
{
    tsr_context_free(*state);
    return 0;
}

/* ---- URLs ---- */

static void schemes_find_their_store(void **state)
{
    static const struct {
        const char *url, *scheme, *address;
    } rows[] = {{"slow:here", "slow", "here"},
                {"SLOW://a/b", "slow", "//a/b"},
                {"s+1.x-y:", "s+1.x-y", ""},
                {"slow:a:b", "slow", "a:b"}};
    assert_int_equal(tsr_store_register(*state, &slow_ops, NULL), 0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tsr_store *store = NULL;
        assert_int_equal(tsr_store_open(*state, rows[i].url, &store, NULL), 0);
        assert_ptr_equal(store->ops, &slow_ops);
        assert_string_equal(tsr_store_url(store), rows[i].scheme);
        assert_string_equal(((slow_store *)store)->address, rows[i].address);
        tsr_store_close(store);
    }
    assert_int_equal(closed, 4);
}

/* A path may contain colons. */
static void what_is_no_url_is_a_path(void **state)
{
    static const char *const paths[] = {"slow", "data:2020/x", "1a://x", "a b:/c",
                                        ":x",   "./slow:x",    "a_b://c"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        tsr_store *store = NULL;
        assert_int_equal(tsr_store_open(*state, paths[i], &store, NULL), 0);
        assert_string_equal(store->ops->schemes[0], "file");
        assert_string_equal(tsr_store_url(store), paths[i]);
        tsr_store_close(store);
    }
}

static void unknown_schemes_are_refused_with_the_known_ones(void **state)
{
    tsr_error err = TSR_ERROR_INIT;
    tsr_store *store = NULL;
    assert_int_equal(tsr_store_register(*state, &slow_ops, NULL), 0);
    assert_int_equal(tsr_store_open(*state, "gopher://x/y", &store, &err), TSR_UNSUPPORTED);
    assert_null(store);
    assert_non_null(strstr(err.message, "gopher:"));
    assert_non_null(strstr(err.next_step, "slow, s+1.x-y, file, memory"));
    assert_int_equal(tsr_store_open(*state, "", &store, &err), TSR_INVALID_ARGUMENT);
    assert_int_equal(tsr_store_open(*state, NULL, &store, &err), TSR_INVALID_ARGUMENT);
}

static void later_registrations_win(void **state)
{
    static const char *const taken[] = {"memory", NULL};
    tsr_store_ops ops = slow_ops;
    tsr_store *store = NULL;
    ops.schemes = taken;
    assert_int_equal(tsr_store_register(*state, &ops, NULL), 0);
    assert_int_equal(tsr_store_open(*state, "memory:", &store, NULL), 0);
    assert_ptr_equal(store->ops, &slow_ops);
    tsr_store_close(store);
}

static void tables_of_another_make_are_refused(void **state)
{
    tsr_error err = TSR_ERROR_INIT;
    tsr_store_ops ops = slow_ops;
    ops.struct_size--;
    assert_int_equal(tsr_store_register(*state, &ops, &err), TSR_INVALID_ARGUMENT);
    assert_int_equal(tsr_store_register(*state, NULL, &err), TSR_INVALID_ARGUMENT);
    ops = slow_ops;
    ops.get = NULL;
    assert_int_equal(tsr_store_register(*state, &ops, &err), TSR_INVALID_ARGUMENT);
}

/* ---- Operations ---- */

static void answers_may_come_later(void **state)
{
    tsr_auto(tsr_store) *store = NULL;
    tsr_auto(tsr_blob) *blob = NULL;
    tsr_error err = TSR_ERROR_INIT;
    assert_int_equal(tsr_store_register(*state, &slow_ops, NULL), 0);
    assert_int_equal(tsr_store_open(*state, "slow:", &store, NULL), 0);
    assert_int_equal(tsr_store_get(store, "xyz", (tsr_range){0}, NULL, &blob, NULL, &err), 0);
    assert_int_equal(*(const char *)tsr_blob_data(blob), 'x');
    tsr_blob *none = NULL;
    assert_int_equal(tsr_store_get(store, "/", (tsr_range){0}, NULL, &none, NULL, &err),
                     TSR_INVALID_ARGUMENT);
    assert_null(none);
}

static int never_called(void *user, const tsr_store_entry *entry)
{
    (void)user;
    (void)entry;
    fail();
    return 0;
}

static void missing_operations_are_said_so(void **state)
{
    tsr_auto(tsr_store) *store = NULL;
    tsr_error err = TSR_ERROR_INIT, put_err = TSR_ERROR_INIT;
    tsr_lock *lock = (tsr_lock *)&err;
    assert_int_equal(tsr_store_register(*state, &slow_ops, NULL), 0);
    assert_int_equal(tsr_store_open(*state, "slow:", &store, NULL), 0);
    assert_int_equal(tsr_store_put(store, "k", "v", 1, TSR_DURABILITY_NONE, NULL, &err),
                     TSR_READ_ONLY);
    tsr_put_request requests[2] = {{.key = "a", .err = &put_err}, {.key = "b"}};
    assert_int_equal(tsr_store_put_many(store, requests, 2, NULL), TSR_READ_ONLY);
    assert_int_equal(requests[0].status, TSR_READ_ONLY);
    assert_int_equal(requests[1].status, TSR_READ_ONLY);
    assert_int_equal(put_err.status, TSR_READ_ONLY);
    assert_int_equal(tsr_store_erase(store, "k", NULL, &err), TSR_READ_ONLY);
    assert_int_equal(tsr_store_erase_prefix(store, "", NULL, &err), TSR_READ_ONLY);
    assert_int_equal(tsr_store_list(store, "", false, never_called, NULL, NULL, &err),
                     TSR_UNSUPPORTED);
    assert_int_equal(tsr_store_lock(store, "k", NULL, &lock, &err), 0);
    assert_null(lock);
    assert_int_equal(tsr_store_flush(store, NULL, &err), 0);
}

static void generations_are_equal_when_known_and_the_same(void **state)
{
    (void)state;
    tsr_generation a = {{0}}, b = {{0}};
    assert_false(tsr_generation_equal(&a, &b));
    a.words[7] = b.words[7] = 1;
    assert_true(tsr_generation_equal(&a, &b));
    b.words[0] = 1;
    assert_false(tsr_generation_equal(&a, &b));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(schemes_find_their_store),
        TEST(what_is_no_url_is_a_path),
        TEST(unknown_schemes_are_refused_with_the_known_ones),
        TEST(later_registrations_win),
        TEST(tables_of_another_make_are_refused),
        TEST(answers_may_come_later),
        TEST(missing_operations_are_said_so),
        TEST(generations_are_equal_when_known_and_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
