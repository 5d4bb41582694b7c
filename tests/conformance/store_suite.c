#include "conformance/store_suite.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "conformance/store_suite_help.h"

/* ---- Keys ---- */

static const char *const bad_keys[] = {
    "",
    "/",
    "/a",
    "a/",
    "a//b",
    ".",
    "..",
    "a/..",
    "a/../b",
    "../a",
    "a/.",
    "./a",
    "a/./b",
    "//",
    "\xff",
    "a/\xc3",
    "\xed\xa0\x80" /* a surrogate */,
    "\xf4\x90\x80\x80" /* > 10FFFF */,
    "\xc0\xaf" /* an overlong slash */,
    NULL,
};

static void bad_keys_are_refused_everywhere(void **state)
{
    suite *s = *state;
    for (size_t i = 0; i < sizeof bad_keys / sizeof *bad_keys; i++) {
        const char *key = bad_keys[i];
        tsr_error err = TSR_ERROR_INIT;
        tsr_blob *blob = NULL;
        assert_int_equal(tsr_store_get(s->store, key, whole, NULL, &blob, NULL, &err),
                         TSR_INVALID_ARGUMENT);
        assert_null(blob);
        assert_int_equal(err.status, TSR_INVALID_ARGUMENT);
        assert_true(err.message[0]);
        assert_int_equal(tsr_store_put(s->store, key, "x", 1, TSR_DURABILITY_NONE, NULL, &err),
                         TSR_INVALID_ARGUMENT);
        assert_int_equal(tsr_store_erase(s->store, key, NULL, &err), TSR_INVALID_ARGUMENT);
        /* A list of keys goes on behind one that is bad. */
        assert_int_equal(tsr_store_get(s->store, key, whole, NULL, &blob, NULL, NULL),
                         TSR_INVALID_ARGUMENT);
    }
    assert_listing(s, "", false, "");
}

static const char *const bad_prefixes[] = {"a",     "/",  "/a/",   "a//", "../",
                                           "a/../", "./", "\xff/", NULL};

static void bad_prefixes_are_refused(void **state)
{
    suite *s = *state;
    put_text(s, "a/b", "1");
    for (size_t i = 0; i < sizeof bad_prefixes / sizeof *bad_prefixes; i++) {
        tsr_error err = TSR_ERROR_INIT;
        assert_int_equal(tsr_store_erase_prefix(s->store, bad_prefixes[i], NULL, &err),
                         TSR_INVALID_ARGUMENT);
        assert_int_equal(
            tsr_store_list(s->store, bad_prefixes[i], false, never_called, NULL, NULL, &err),
            TSR_INVALID_ARGUMENT);
        assert_int_equal(err.status, TSR_INVALID_ARGUMENT);
    }
    assert_value(s, "a/b", "1");
}

static void odd_but_good_keys_work(void **state)
{
    suite *s = *state;
    static const char *const keys[] = {".zarray", "a b",       "...",
                                       "..a",     "a..",       "a/.b/c",
                                       "%2e%2e",  "c/0.1/2",   "\xc3\xa4\xf0\x9f\x8c\x8d",
                                       "-",       "~",         "a\\b",
                                       "a:b",     "zarr.json", "_",
                                       "a\nb"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        put_text(s, keys[i], keys[i]);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        assert_value(s, keys[i], keys[i]);
}

/* `size` bytes in parts of 50. */
static char *long_key(size_t size)
{
    char *key = malloc(size + 1);
    for (size_t i = 0; i < size; i++)
        key[i] = i % 51 == 50 && i + 1 < size ? '/' : 'k';
    key[size] = 0;
    return key;
}

static void keys_have_at_most_1024_bytes(void **state)
{
    suite *s = *state;
    char *longest = long_key(1024), *longer = long_key(1025);
    tsr_error err = TSR_ERROR_INIT;
    put_text(s, longest, "1");
    assert_value(s, longest, "1");
    assert_listing(s, "", false, longest);
    assert_int_equal(tsr_store_put(s->store, longer, "x", 1, TSR_DURABILITY_NONE, NULL, &err),
                     TSR_INVALID_ARGUMENT);
    free(longest);
    free(longer);
}

/* ---- Reading ---- */

static void what_was_put_is_got(void **state)
{
    suite *s = *state;
    put_text(s, "a/b/c", "one");
    assert_value(s, "a/b/c", "one");
    put_text(s, "a/b/c", "and now longer than before");
    assert_value(s, "a/b/c", "and now longer than before");
    put_text(s, "a/b/c", "");
    assert_value(s, "a/b/c", "");
}

static void an_absent_key_is_not_found(void **state)
{
    suite *s = *state;
    assert_absent(s, "a");
    assert_absent(s, "a/b");
    put_text(s, "a/b", "1");
    assert_absent(s, "a/c");
    assert_absent(s, "a/bb");
    assert_absent(s, "b/b");
}

static void ranges_are_cut_from_values(void **state)
{
    suite *s = *state;
    static const struct {
        const char *key;
        tsr_range range;
        int status;
        const char *expected;
        uint64_t offset;
    } rows[] = {
        {"ten", {TSR_RANGE_WHOLE, 0, 0}, 0, "0123456789", 0},
        {"ten", {TSR_RANGE_WHOLE, 5, 2}, 0, "0123456789", 0}, /* offset and size mean nothing */
        {"ten", {TSR_RANGE_PART, 0, 10}, 0, "0123456789", 0},
        {"ten", {TSR_RANGE_PART, 3, 4}, 0, "3456", 3},
        {"ten", {TSR_RANGE_PART, 9, 1}, 0, "9", 9},
        {"ten", {TSR_RANGE_PART, 0, 0}, 0, "", 0},
        {"ten", {TSR_RANGE_PART, 10, 0}, 0, "", 10},
        {"ten", {TSR_RANGE_PART, 9, 2}, TSR_OUT_OF_BOUNDS, NULL, 0},
        {"ten", {TSR_RANGE_PART, 10, 1}, TSR_OUT_OF_BOUNDS, NULL, 0},
        {"ten", {TSR_RANGE_PART, 11, 0}, TSR_OUT_OF_BOUNDS, NULL, 0},
        {"ten", {TSR_RANGE_PART, UINT64_MAX, 1}, TSR_OUT_OF_BOUNDS, NULL, 0},
        {"ten", {TSR_RANGE_PART, 1, UINT64_MAX}, TSR_OUT_OF_BOUNDS, NULL, 0},
        {"ten", {TSR_RANGE_PART, UINT64_MAX, UINT64_MAX}, TSR_OUT_OF_BOUNDS, NULL, 0},
        {"ten", {TSR_RANGE_PART, (uint64_t)1 << 63, 1}, TSR_OUT_OF_BOUNDS, NULL, 0},
        {"ten", {TSR_RANGE_SUFFIX, 0, 4}, 0, "6789", 6},
        {"ten", {TSR_RANGE_SUFFIX, 0, 10}, 0, "0123456789", 0},
        {"ten", {TSR_RANGE_SUFFIX, 0, 11}, 0, "0123456789", 0},
        {"ten", {TSR_RANGE_SUFFIX, 0, UINT64_MAX}, 0, "0123456789", 0},
        {"ten", {TSR_RANGE_SUFFIX, 0, 0}, 0, "", 10},
        {"none", {TSR_RANGE_WHOLE, 0, 0}, 0, "", 0},
        {"none", {TSR_RANGE_PART, 0, 0}, 0, "", 0},
        {"none", {TSR_RANGE_PART, 0, 1}, TSR_OUT_OF_BOUNDS, NULL, 0},
        {"none", {TSR_RANGE_SUFFIX, 0, 5}, 0, "", 0},
        {"ten", {(tsr_range_kind)7, 0, 0}, TSR_INVALID_ARGUMENT, NULL, 0},
    };
    put_text(s, "ten", "0123456789");
    put_text(s, "none", "");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tsr_error err = TSR_ERROR_INIT;
        tsr_get_request request = {.key = rows[i].key, .range = rows[i].range, .err = &err};
        get_and_wait(s, &request);
        assert_int_equal(request.status, rows[i].status);
        if (request.status < 0) {
            assert_null(request.blob);
            assert_int_equal(err.status, request.status);
            if (request.status == TSR_OUT_OF_BOUNDS)
                assert_non_null(
                    strstr(err.message, strcmp(rows[i].key, "ten") ? "0 bytes" : "10 bytes"));
            continue;
        }
        assert_int_equal(request.size_bytes, strlen(rows[i].expected));
        assert_int_equal(tsr_blob_size(request.blob), request.size_bytes);
        assert_memory_equal(tsr_blob_data(request.blob), rows[i].expected, request.size_bytes);
        assert_int_equal(request.offset, rows[i].offset);
        assert_int_equal(request.value_bytes, strcmp(rows[i].key, "ten") ? 0 : 10);
        tsr_blob_unref(request.blob);
    }
}

static void large_values_arrive_whole(void **state)
{
    suite *s = *state;
    size_t size = 5 * 1024 * 1024 + 3;
    unsigned char *bytes = malloc(size), *copy = malloc(size);
    fill_random(bytes, size, 1);
    tsr_error err = TSR_ERROR_INIT;
    assert_int_equal(tsr_store_put(s->store, "c/0", bytes, size, TSR_DURABILITY_NONE, NULL, &err),
                     0);
    tsr_get_request request = {
        .key = "c/0", .destination = copy, .destination_bytes = size, .err = &err};
    get_and_wait(s, &request);
    assert_int_equal(request.status, 0);
    assert_int_equal(request.size_bytes, size);
    if (request.blob)
        memcpy(copy, tsr_blob_data(request.blob), size);
    tsr_blob_unref(request.blob);
    assert_memory_equal(copy, bytes, size);
    request =
        (tsr_get_request){.key = "c/0", .range = {TSR_RANGE_PART, 1234567, 2345678}, .err = &err};
    get_and_wait(s, &request);
    assert_int_equal(request.status, 0);
    assert_memory_equal(tsr_blob_data(request.blob), bytes + 1234567, 2345678);
    tsr_blob_unref(request.blob);
    free(bytes);
    free(copy);
}

static void nothing_is_written_behind_a_destination_that_is_too_small(void **state)
{
    suite *s = *state;
    put_text(s, "a", "0123456789");
    char small[8] = "unused.";
    small[7] = '!';
    tsr_get_request request = {.key = "a", .destination = small, .destination_bytes = 7};
    get_and_wait(s, &request);
    assert_int_equal(request.status, 0);
    assert_non_null(request.blob);
    assert_memory_equal(tsr_blob_data(request.blob), "0123456789", 10);
    tsr_blob_unref(request.blob);
    assert_int_equal(small[7], '!');
}

static void answers_larger_than_the_limit_are_refused(void **state)
{
    suite *s = *state;
    put_text(s, "a", "0123456789");
    static const struct {
        tsr_range range;
        uint64_t limit;
        int status;
    } rows[] = {
        {{TSR_RANGE_WHOLE, 0, 0}, 9, TSR_LIMIT},  {{TSR_RANGE_WHOLE, 0, 0}, 10, 0},
        {{TSR_RANGE_PART, 2, 5}, 4, TSR_LIMIT},   {{TSR_RANGE_PART, 2, 5}, 5, 0},
        {{TSR_RANGE_SUFFIX, 0, 6}, 5, TSR_LIMIT}, {{TSR_RANGE_SUFFIX, 0, 99}, 10, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tsr_get_request request = {
            .key = "a", .range = rows[i].range, .limit_bytes = rows[i].limit};
        get_and_wait(s, &request);
        assert_int_equal(request.status, rows[i].status);
        tsr_blob_unref(request.blob);
    }
}

/* Each answer of a batch counts itself and spoils its key, which a store must not look at any more.
 */
typedef struct counted {
    int answers;
    char key[32];
} counted;

static void count_answer(tsr_get_request *request)
{
    counted *counter = request->user;
    __atomic_fetch_add(&counter->answers, 1, __ATOMIC_RELEASE);
    memset(counter->key, 0x7f, sizeof counter->key - 1);
}

static void every_request_of_a_batch_is_answered_once(void **state)
{
    suite *s = *state;
    put_text(s, "a/0", "0123456789");
    put_text(s, "a/1", "abc");
    static const struct {
        const char *key;
        tsr_range range;
        int status;
        const char *expected;
    } rows[] = {
        {"a/0", {TSR_RANGE_WHOLE, 0, 0}, 0, "0123456789"},
        {"a/0", {TSR_RANGE_PART, 2, 3}, 0, "234"},
        {"a/0", {TSR_RANGE_PART, 8, 3}, TSR_OUT_OF_BOUNDS, NULL},
        {"a/0", {TSR_RANGE_SUFFIX, 0, 1}, 0, "9"},
        {"absent", {TSR_RANGE_WHOLE, 0, 0}, TSR_NOT_FOUND, NULL},
        {"absent", {TSR_RANGE_SUFFIX, 0, 9}, TSR_NOT_FOUND, NULL},
        {"a/1", {TSR_RANGE_WHOLE, 0, 0}, 0, "abc"},
        {"../b", {TSR_RANGE_WHOLE, 0, 0}, TSR_INVALID_ARGUMENT, NULL},
        {"../b", {TSR_RANGE_WHOLE, 0, 0}, TSR_INVALID_ARGUMENT, NULL},
        {"a/0", {TSR_RANGE_PART, 0, 0}, 0, ""},
        {"a/1", {TSR_RANGE_SUFFIX, 0, 2}, 0, "bc"},
    };
    enum { COUNT = sizeof rows / sizeof *rows };
    tsr_get_request requests[COUNT];
    tsr_error errors[COUNT];
    counted counters[COUNT];
    memset(counters, 0, sizeof counters);
    memset(errors, 0, sizeof errors);
    for (int i = 0; i < COUNT; i++) {
        strcpy(counters[i].key, rows[i].key);
        requests[i] = (tsr_get_request){.key = counters[i].key,
                                        .range = rows[i].range,
                                        .done = count_answer,
                                        .user = &counters[i],
                                        .err = &errors[i]};
    }
    tsr_store_get_many(s->store, requests, COUNT, NULL);
    for (int i = 0; i < COUNT; i++) {
        wait_until_set(&counters[i].answers);
        assert_int_equal(requests[i].status, rows[i].status);
        if (requests[i].status < 0) {
            assert_int_equal(errors[i].status, rows[i].status);
            assert_null(requests[i].blob);
            continue;
        }
        assert_int_equal(tsr_blob_size(requests[i].blob), strlen(rows[i].expected));
        assert_memory_equal(tsr_blob_data(requests[i].blob), rows[i].expected,
                            strlen(rows[i].expected));
        tsr_blob_unref(requests[i].blob);
    }
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(counters[i].answers, 1);
}

static void a_blob_outlives_its_value_and_its_store(void **state)
{
    suite *s = *state;
    tsr_error err = TSR_ERROR_INIT;
    tsr_blob *blob = NULL;
    put_text(s, "a", "before");
    assert_int_equal(tsr_store_get(s->store, "a", whole, NULL, &blob, NULL, &err), 0);
    put_text(s, "a", "after!");
    assert_memory_equal(tsr_blob_data(blob), "before", 6);
    assert_int_equal(tsr_store_erase(s->store, "a", NULL, &err), 0);
    tsr_store_close(s->store);
    s->store = NULL;
    assert_memory_equal(tsr_blob_data(blob), "before", 6);
    tsr_blob_unref(blob);
}

static void an_empty_batch_is_nothing(void **state)
{
    suite *s = *state;
    tsr_store_get_many(s->store, NULL, 0, NULL);
    assert_int_equal(tsr_store_put_many(s->store, NULL, 0, NULL), 0);
}

/* ---- Writing ---- */

static void every_durability_makes_the_value_visible(void **state)
{
    suite *s = *state;
    tsr_error err = TSR_ERROR_INIT;
    static const tsr_durability all[] = {TSR_DURABILITY_NONE, TSR_DURABILITY_CHUNK,
                                         TSR_DURABILITY_FLUSH};
    for (size_t i = 0; i < 3; i++) {
        char key[16];
        snprintf(key, sizeof key, "d%zu/k", i);
        assert_int_equal(tsr_store_put(s->store, key, "v", 1, all[i], NULL, &err), 0);
        assert_value(s, key, "v");
    }
    assert_int_equal(tsr_store_put(s->store, "x", "v", 1, (tsr_durability)9, NULL, &err),
                     TSR_INVALID_ARGUMENT);
    assert_int_equal(tsr_store_flush(s->store, NULL, &err), 0);
}

static int put_if(suite *s, const char *key, const char *text, const tsr_generation *if_match,
                  bool if_absent, tsr_generation *ret_generation)
{
    tsr_error err = TSR_ERROR_INIT;
    tsr_segment segment = {.bytes = text, .size_bytes = strlen(text)};
    tsr_put_request request = {.key = key,
                               .segments = &segment,
                               .segment_count = 1,
                               .if_match = if_match,
                               .if_absent = if_absent,
                               .durability = TSR_DURABILITY_NONE,
                               .err = &err};
    int status = tsr_store_put_many(s->store, &request, 1, NULL);
    assert_int_equal(request.status, status);
    assert_int_equal(err.status, status);
    if (status == 0 && ret_generation)
        *ret_generation = request.generation;
    return status;
}

static tsr_generation generation_of(suite *s, const char *key)
{
    tsr_blob *blob = NULL;
    tsr_generation generation;
    assert_int_equal(tsr_store_get(s->store, key, whole, NULL, &blob, &generation, NULL), 0);
    tsr_blob_unref(blob);
    return generation;
}

static void puts_obey_their_conditions(void **state)
{
    suite *s = *state;
    tsr_generation first, second, third, unknown = {0};
    assert_int_equal(put_if(s, "k", "x", &unknown, false, NULL), TSR_CONFLICT);
    assert_absent(s, "k");
    assert_int_equal(put_if(s, "k", "1", NULL, true, &first), 0);
    assert_int_equal(put_if(s, "k", "x", NULL, true, NULL), TSR_CONFLICT);
    assert_value(s, "k", "1");
    tsr_generation seen = generation_of(s, "k");
    assert_true(tsr_generation_equal(&first, &seen));
    assert_int_equal(put_if(s, "k", "2", &first, false, &second), 0);
    assert_false(tsr_generation_equal(&first, &second));
    assert_int_equal(put_if(s, "k", "x", &first, false, NULL), TSR_CONFLICT);
    assert_int_equal(put_if(s, "k", "x", &unknown, false, NULL), TSR_CONFLICT);
    assert_value(s, "k", "2");
    assert_int_equal(put_if(s, "k", "3", NULL, false, &third), 0);
    assert_int_equal(put_if(s, "k", "x", &second, false, NULL), TSR_CONFLICT);
    assert_int_equal(put_if(s, "other", "x", &third, false, NULL), TSR_CONFLICT);
    assert_absent(s, "other");
    assert_int_equal(put_if(s, "k", "x", &third, true, NULL), TSR_INVALID_ARGUMENT);
    assert_value(s, "k", "3");
}

/* The clock of a store may stand still, and its identifiers may come back. */
static void generations_do_not_repeat(void **state)
{
    suite *s = *state;
    enum { COUNT = 200 };
    static tsr_generation seen[COUNT];
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(put_if(s, "k", i % 2 ? "odd" : "evn", NULL, false, &seen[i]), 0);
        for (int j = 0; j < i; j++)
            assert_false(tsr_generation_equal(&seen[i], &seen[j]));
    }
}

static void a_get_obeys_its_condition(void **state)
{
    suite *s = *state;
    tsr_generation first;
    assert_int_equal(put_if(s, "k", "1", NULL, false, &first), 0);
    tsr_get_request request = {.key = "k", .if_match = &first};
    get_and_wait(s, &request);
    assert_int_equal(request.status, 0);
    assert_true(tsr_generation_equal(&request.generation, &first));
    tsr_blob_unref(request.blob);
    put_text(s, "k", "2");
    request = (tsr_get_request){.key = "k", .if_match = &first};
    get_and_wait(s, &request);
    assert_int_equal(request.status, TSR_CONFLICT);
    assert_null(request.blob);
}

static void one_failed_put_of_a_batch_leaves_the_others(void **state)
{
    suite *s = *state;
    put_text(s, "there", "old");
    tsr_error errors[4];
    memset(errors, 0, sizeof errors);
    tsr_segment segment = {.bytes = "new", .size_bytes = 3};
    tsr_put_request requests[4] = {
        {.key = "a/0"}, {.key = "../b"}, {.key = "there", .if_absent = true}, {.key = "a/1"}};
    for (int i = 0; i < 4; i++) {
        requests[i].segments = &segment;
        requests[i].segment_count = 1;
        requests[i].err = &errors[i];
    }
    int status = tsr_store_put_many(s->store, requests, 4, NULL);
    assert_int_equal(status, TSR_INVALID_ARGUMENT);
    assert_int_equal(requests[0].status, 0);
    assert_int_equal(requests[1].status, TSR_INVALID_ARGUMENT);
    assert_int_equal(requests[2].status, TSR_CONFLICT);
    assert_int_equal(requests[3].status, 0);
    assert_int_equal(errors[2].status, TSR_CONFLICT);
    assert_value(s, "a/0", "new");
    assert_value(s, "there", "old");
    assert_value(s, "a/1", "new");
}

static void values_are_put_together_from_segments(void **state)
{
    suite *s = *state;
    tsr_generation generation;
    tsr_error err = TSR_ERROR_INIT;
    assert_int_equal(put_if(s, "k", "0123456789", NULL, false, &generation), 0);
    const tsr_segment segments[] = {
        {.bytes = "ab", .size_bytes = 2}, {.offset = 5, .size_bytes = 3},
        {.bytes = NULL, .size_bytes = 0}, {.offset = 0, .size_bytes = 10},
        {.bytes = "-", .size_bytes = 1},  {.bytes = "", .size_bytes = 0},
        {.bytes = "cd", .size_bytes = 2}, {.offset = 9, .size_bytes = 1},
        {.offset = 10, .size_bytes = 0},
    };
    tsr_put_request request = {.key = "k",
                               .segments = segments,
                               .segment_count = sizeof segments / sizeof *segments,
                               .if_match = &generation,
                               .err = &err};
    assert_int_equal(tsr_store_put_many(s->store, &request, 1, NULL), 0);
    assert_value(s, "k", "ab5670123456789-cd9");
    /* The generation is that of the new value. */
    generation = generation_of(s, "k");
    assert_true(tsr_generation_equal(&generation, &request.generation));
}

static int put_range_of_current(suite *s, const char *key, uint64_t offset, uint64_t size_bytes,
                                const tsr_generation *if_match)
{
    tsr_segment segment = {.offset = offset, .size_bytes = size_bytes};
    tsr_put_request request = {
        .key = key, .segments = &segment, .segment_count = 1, .if_match = if_match};
    return tsr_store_put_many(s->store, &request, 1, NULL);
}

static void segments_beyond_the_current_value_are_refused(void **state)
{
    suite *s = *state;
    tsr_generation generation;
    assert_int_equal(put_if(s, "k", "0123456789", NULL, false, &generation), 0);
    assert_int_equal(put_range_of_current(s, "k", 0, 11, &generation), TSR_OUT_OF_BOUNDS);
    assert_int_equal(put_range_of_current(s, "k", 11, 1, &generation), TSR_OUT_OF_BOUNDS);
    assert_int_equal(put_range_of_current(s, "k", UINT64_MAX, 1, &generation), TSR_LIMIT);
    assert_int_equal(put_range_of_current(s, "k", 1, UINT64_MAX, &generation), TSR_LIMIT);
    assert_int_equal(put_range_of_current(s, "k", 1, 2, NULL), TSR_INVALID_ARGUMENT);
    assert_int_equal(put_range_of_current(s, "absent", 0, 1, &generation), TSR_CONFLICT);
    assert_value(s, "k", "0123456789");
    assert_absent(s, "absent");
    const tsr_segment too_large[] = {{.bytes = "x", .size_bytes = INT64_MAX},
                                     {.bytes = "x", .size_bytes = 1}};
    tsr_put_request request = {.key = "k", .segments = too_large, .segment_count = 2};
    assert_int_equal(tsr_store_put_many(s->store, &request, 1, NULL), TSR_LIMIT);
}

static void hundreds_of_segments_are_one_value(void **state)
{
    suite *s = *state;
    enum { COUNT = 700 };
    static tsr_segment segments[COUNT];
    static char bytes[COUNT * 3], expected[COUNT * 3];
    size_t size = 0;
    for (int i = 0; i < COUNT * 3; i++)
        bytes[i] = (char)('a' + i % 26);
    for (int i = 0; i < COUNT; i++) {
        size_t length = (size_t)i % 4;
        segments[i] = (tsr_segment){.bytes = bytes + i, .size_bytes = length};
        memcpy(expected + size, bytes + i, length);
        size += length;
    }
    tsr_error err = TSR_ERROR_INIT;
    tsr_put_request request = {
        .key = "k", .segments = segments, .segment_count = COUNT, .err = &err};
    assert_int_equal(tsr_store_put_many(s->store, &request, 1, NULL), 0);
    tsr_blob *blob = NULL;
    assert_int_equal(tsr_store_get(s->store, "k", whole, NULL, &blob, NULL, &err), 0);
    assert_int_equal(tsr_blob_size(blob), size);
    assert_memory_equal(tsr_blob_data(blob), expected, size);
    tsr_blob_unref(blob);
}

/* ---- Erasing ---- */

static void erased_keys_are_gone(void **state)
{
    suite *s = *state;
    tsr_error err = TSR_ERROR_INIT;
    put_text(s, "a/b", "1");
    put_text(s, "a/c", "2");
    assert_int_equal(tsr_store_erase(s->store, "a/b", NULL, &err), 0);
    assert_absent(s, "a/b");
    assert_value(s, "a/c", "2");
    assert_int_equal(tsr_store_erase(s->store, "a/b", NULL, &err), 0);
    assert_int_equal(tsr_store_erase(s->store, "never/was", NULL, &err), 0);
    assert_listing(s, "", false, "a/c");
    put_text(s, "a/b", "again");
    assert_value(s, "a/b", "again");
}

/* A second key has the value for itself: what is put to either does not change the other. */
static void a_second_key_has_the_value(void **state)
{
    suite *s = *state;
    tsr_error err = TSR_ERROR_INIT;
    put_text(s, "a/b", "1");
    assert_int_equal(tsr_store_link(s->store, "a/b", "c/d", NULL, &err), 0);
    assert_value(s, "a/b", "1");
    assert_value(s, "c/d", "1");
    put_text(s, "a/b", "2");
    assert_value(s, "c/d", "1");
    assert_int_equal(tsr_store_link(s->store, "a/b", "c/d", NULL, &err), TSR_EXISTS);
    assert_value(s, "c/d", "1");
    assert_int_equal(tsr_store_erase(s->store, "a/b", NULL, &err), 0);
    assert_value(s, "c/d", "1");
    assert_int_equal(tsr_store_link(s->store, "a/b", "e", NULL, &err), TSR_NOT_FOUND);
    assert_int_equal(tsr_store_link(s->store, "c/d", "../e", NULL, &err), TSR_INVALID_ARGUMENT);
    assert_listing(s, "", false, "c/d");
}

static void erasing_obeys_its_condition(void **state)
{
    suite *s = *state;
    tsr_error err = TSR_ERROR_INIT;
    tsr_generation first, second;
    assert_int_equal(put_if(s, "k", "1", NULL, false, &first), 0);
    assert_int_equal(put_if(s, "k", "2", NULL, false, &second), 0);
    assert_int_equal(tsr_store_erase_if(s->store, "k", &first, NULL, NULL, &err), TSR_CONFLICT);
    assert_value(s, "k", "2");
    assert_int_equal(tsr_store_erase_if(s->store, "k", &second, NULL, NULL, &err), 0);
    assert_absent(s, "k");
    assert_int_equal(tsr_store_erase_if(s->store, "k", &second, NULL, NULL, &err), TSR_CONFLICT);
}

static void a_prefix_is_erased_and_its_neighbours_stay(void **state)
{
    suite *s = *state;
    tsr_error err = TSR_ERROR_INIT;
    static const char *const keys[] = {"foo/a", "foo/b/c", "foo/b/d", "foobar",
                                       "foo-",  "foo0",    "f0",      "a/foo/b"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        put_text(s, keys[i], keys[i]);
    if (!s->subject->has_folders)
        put_text(s, "foo", "a key and a prefix");
    assert_int_equal(tsr_store_erase_prefix(s->store, "absent/", NULL, &err), 0);
    assert_int_equal(tsr_store_erase_prefix(s->store, "foobar/", NULL, &err), 0);
    assert_int_equal(tsr_store_erase_prefix(s->store, "foo/", NULL, &err), 0);
    assert_listing(s, "", false,
                   s->subject->has_folders ? "a/foo/b f0 foo- foo0 foobar"
                                           : "a/foo/b f0 foo foo- foo0 foobar");
    put_text(s, "foo2/a", "1");
    assert_int_equal(tsr_store_erase_prefix(s->store, "", NULL, &err), 0);
    assert_listing(s, "", false, "");
    put_text(s, "foo2/a", "1");
    assert_value(s, "foo2/a", "1");
}

/* ---- Listing ---- */

static void listings_are_in_byte_order(void **state)
{
    suite *s = *state;
    static const char *const keys[] = {"b", "a/b/c", "a/b/d",    "a/c",  "a-",   "a0", "a.b",
                                       "A", "z/z",   "\xc3\xa4", "a/b-", "a/b0", "a/B"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        put_text(s, keys[i], keys[i]);
    assert_listing(s, "", false, "A a- a.b a/B a/b- a/b/c a/b/d a/b0 a/c a0 b z/z \xc3\xa4");
    assert_listing(s, "", true, "A a- a.b a/ a0 b z/ \xc3\xa4");
    assert_listing(s, "a/", false, "B b- b/c b/d b0 c");
    assert_listing(s, "a/", true, "B b- b/ b0 c");
    assert_listing(s, "a/b/", true, "c d");
    assert_listing(s, "absent/", false, "");
    assert_listing(s, "b/", false, "");
    assert_listing(s, "a/c/d/", true, "");
}

static int check_entry(void *user, const tsr_store_entry *entry)
{
    int *seen = user;
    ++*seen;
    if (entry->is_prefix) {
        assert_string_equal(entry->name, "b/");
        assert_int_equal(entry->size_bytes, -1);
    } else {
        assert_string_equal(entry->name, "k");
        /* A store that does not know the size says so. */
        assert_true(entry->size_bytes == 5 || entry->size_bytes == -1);
    }
    return 0;
}

static void listings_give_sizes(void **state)
{
    suite *s = *state;
    int seen = 0;
    tsr_error err = TSR_ERROR_INIT;
    put_text(s, "a/k", "12345");
    put_text(s, "a/b/c", "1");
    assert_int_equal(tsr_store_list(s->store, "a/", true, check_entry, &seen, NULL, &err), 0);
    assert_int_equal(seen, 2);
}

static int stop_at_third(void *user, const tsr_store_entry *entry)
{
    (void)entry;
    return ++*(int *)user == 3 ? -77 : 0;
}

static void a_listing_ends_when_told(void **state)
{
    suite *s = *state;
    int seen = 0;
    tsr_error err = TSR_ERROR_INIT;
    for (char key[] = "d/0"; key[2] < '9'; key[2]++)
        put_text(s, key, "");
    assert_int_equal(tsr_store_list(s->store, "", false, stop_at_third, &seen, NULL, &err), -77);
    assert_int_equal(seen, 3);
    assert_int_equal(err.status, 0);
}

static int erase_entry(void *user, const tsr_store_entry *entry)
{
    suite *s = user;
    tsr_error err = TSR_ERROR_INIT;
    assert_int_equal(tsr_store_erase(s->store, entry->name, NULL, &err), 0);
    return 0;
}

static void a_listing_may_use_the_store(void **state)
{
    suite *s = *state;
    tsr_error err = TSR_ERROR_INIT;
    for (int i = 0; i < 50; i++) {
        char key[16];
        snprintf(key, sizeof key, "d%d/%d", i % 5, i);
        put_text(s, key, "");
    }
    assert_int_equal(tsr_store_list(s->store, "", false, erase_entry, s, NULL, &err), 0);
    assert_listing(s, "", false, "");
}

/* ---- Deadline and cancel ---- */

static void nothing_happens_after_a_cancel(void **state)
{
    suite *s = *state;
    int flag = 0;
    tsr_call call = TSR_CALL_INIT;
    tsr_error err = TSR_ERROR_INIT;
    tsr_blob *blob = NULL;
    put_text(s, "a/b", "1");
    call.cancel = &flag;
    assert_int_equal(tsr_store_get(s->store, "a/b", whole, &call, &blob, NULL, &err), 0);
    tsr_blob_unref(blob);
    blob = NULL;
    tsr_cancel(&flag);
    assert_int_equal(tsr_store_get(s->store, "a/b", whole, &call, &blob, NULL, &err),
                     TSR_CANCELLED);
    assert_null(blob);
    assert_int_equal(tsr_store_put(s->store, "a/b", "2", 1, TSR_DURABILITY_FLUSH, &call, &err),
                     TSR_CANCELLED);
    assert_int_equal(tsr_store_put(s->store, "n", "2", 1, TSR_DURABILITY_FLUSH, &call, &err),
                     TSR_CANCELLED);
    assert_int_equal(tsr_store_erase(s->store, "a/b", &call, &err), TSR_CANCELLED);
    assert_int_equal(tsr_store_erase_prefix(s->store, "a/", &call, &err), TSR_CANCELLED);
    assert_int_equal(tsr_store_list(s->store, "", false, never_called, NULL, &call, &err),
                     TSR_CANCELLED);
    assert_value(s, "a/b", "1");
    assert_listing(s, "", false, "a/b");
}

static void waiting_for_a_lock_ends_in_time(void **state)
{
    suite *s = *state;
    tsr_error err = TSR_ERROR_INIT;
    tsr_lock *lock = NULL, *second = NULL;
    if (!s->store->ops->lock)
        skip();
    assert_int_equal(tsr_store_lock(s->store, "a/k", NULL, &lock, &err), 0);
    tsr_call call = TSR_CALL_INIT;
    call.deadline_ms = 30;
    assert_int_equal(tsr_store_lock(s->store, "a/k", &call, &second, &err), TSR_DEADLINE);
    assert_null(second);
    assert_int_equal(tsr_store_put(s->store, "a/k", "2", 1, TSR_DURABILITY_NONE, &call, &err),
                     TSR_DEADLINE);
    assert_non_null(strstr(err.where, "a/k"));
    /* Another key is not touched by it. */
    put_text(s, "a/l", "free");
    tsr_store_unlock(s->store, lock);
    put_text(s, "a/k", "free");
    assert_listing(s, "", false, "a/k a/l");
}

static int cancel_at_third_poll(void *user)
{
    return ++*(int *)user >= 3;
}

static void waiting_for_a_lock_polls(void **state)
{
    suite *s = *state;
    tsr_error err = TSR_ERROR_INIT;
    tsr_lock *lock = NULL, *second = NULL;
    int polls = 0;
    if (!s->store->ops->lock)
        skip();
    assert_int_equal(tsr_store_lock(s->store, "k", NULL, &lock, &err), 0);
    tsr_call call = TSR_CALL_INIT;
    call.poll = cancel_at_third_poll;
    call.user = &polls;
    assert_int_equal(tsr_store_lock(s->store, "k", &call, &second, &err), TSR_CANCELLED);
    assert_int_equal(polls, 3);
    tsr_store_unlock(s->store, lock);
    assert_absent(s, "k");
}

static void a_put_uses_up_the_lock_it_is_given(void **state)
{
    suite *s = *state;
    tsr_error err = TSR_ERROR_INIT;
    tsr_lock *lock = NULL;
    if (!s->store->ops->lock)
        skip();
    assert_int_equal(tsr_store_lock(s->store, "a/k", NULL, &lock, &err), 0);
    tsr_segment segment = {.bytes = "one", .size_bytes = 3};
    tsr_put_request request = {
        .key = "a/l", .segments = &segment, .segment_count = 1, .lock = lock, .err = &err};
    assert_int_equal(tsr_store_put_many(s->store, &request, 1, NULL), TSR_INVALID_ARGUMENT);
    request.key = "a/k";
    assert_int_equal(tsr_store_put_many(s->store, &request, 1, NULL), 0);
    assert_int_equal(tsr_store_put_many(s->store, &request, 1, NULL), TSR_INVALID_ARGUMENT);
    tsr_store_unlock(s->store, lock);
    assert_value(s, "a/k", "one");
    assert_int_equal(tsr_store_lock(s->store, "a/k", NULL, &lock, &err), 0);
    assert_int_equal(tsr_store_erase_if(s->store, "a/k", NULL, lock, NULL, &err), 0);
    tsr_store_unlock(s->store, lock);
    assert_listing(s, "", false, "");
    tsr_store_unlock(s->store, NULL);
}

/* A put that failed under a lock may be repeated under it. */
static void a_failed_put_leaves_the_lock(void **state)
{
    suite *s = *state;
    tsr_error err = TSR_ERROR_INIT;
    tsr_lock *lock = NULL;
    if (!s->store->ops->lock)
        skip();
    put_text(s, "k", "0123");
    assert_int_equal(tsr_store_lock(s->store, "k", NULL, &lock, &err), 0);
    tsr_segment segments[] = {
        {.bytes = "a long beginning that is left in the file", .size_bytes = 40},
        {.offset = 0, .size_bytes = 99}};
    tsr_put_request request = {
        .key = "k", .segments = segments, .segment_count = 2, .lock = lock, .err = &err};
    assert_int_equal(tsr_store_put_many(s->store, &request, 1, NULL), TSR_OUT_OF_BOUNDS);
    segments[0] = (tsr_segment){.bytes = "ab", .size_bytes = 2};
    segments[1].size_bytes = 2;
    assert_int_equal(tsr_store_put_many(s->store, &request, 1, NULL), 0);
    tsr_store_unlock(s->store, lock);
    assert_value(s, "k", "ab01");
}

#define CASE(function) \
    cmocka_unit_test_setup_teardown(function, store_suite_set_up, store_suite_tear_down)

static const struct CMUnitTest cases[] = {
    CASE(bad_keys_are_refused_everywhere),
    CASE(bad_prefixes_are_refused),
    CASE(odd_but_good_keys_work),
    CASE(keys_have_at_most_1024_bytes),
    CASE(what_was_put_is_got),
    CASE(an_absent_key_is_not_found),
    CASE(ranges_are_cut_from_values),
    CASE(large_values_arrive_whole),
    CASE(nothing_is_written_behind_a_destination_that_is_too_small),
    CASE(answers_larger_than_the_limit_are_refused),
    CASE(every_request_of_a_batch_is_answered_once),
    CASE(a_blob_outlives_its_value_and_its_store),
    CASE(an_empty_batch_is_nothing),
    CASE(every_durability_makes_the_value_visible),
    CASE(puts_obey_their_conditions),
    CASE(generations_do_not_repeat),
    CASE(a_get_obeys_its_condition),
    CASE(one_failed_put_of_a_batch_leaves_the_others),
    CASE(values_are_put_together_from_segments),
    CASE(segments_beyond_the_current_value_are_refused),
    CASE(hundreds_of_segments_are_one_value),
    CASE(erased_keys_are_gone),
    CASE(a_second_key_has_the_value),
    CASE(erasing_obeys_its_condition),
    CASE(a_prefix_is_erased_and_its_neighbours_stay),
    CASE(listings_are_in_byte_order),
    CASE(listings_give_sizes),
    CASE(a_listing_ends_when_told),
    CASE(a_listing_may_use_the_store),
    CASE(nothing_happens_after_a_cancel),
    CASE(waiting_for_a_lock_ends_in_time),
    CASE(waiting_for_a_lock_polls),
    CASE(a_put_uses_up_the_lock_it_is_given),
    CASE(a_failed_put_leaves_the_lock),
    CASE(store_suite_readers_never_see_torn_values),
    CASE(store_suite_no_update_is_lost),
    CASE(store_suite_one_creator_wins),
    CASE(store_suite_follows_the_model),
};

int store_suite_run(const store_suite_subject *subject)
{
    enum { COUNT = sizeof cases / sizeof *cases };
    struct CMUnitTest tests[COUNT];
    memcpy(tests, cases, sizeof cases);
    for (int i = 0; i < COUNT; i++)
        tests[i].initial_state = (void *)subject;
    return cmocka_run_group_tests_name(subject->name, tests, NULL, NULL);
}
