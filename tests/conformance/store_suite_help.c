#include "conformance/store_suite_help.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

const tsr_range whole = {TSR_RANGE_WHOLE, 0, 0};

int store_suite_set_up(void **state)
{
    suite *s = calloc(1, sizeof *s);
    tsr_error err = TSR_ERROR_INIT;
    s->subject = *state;
    *state = s;
    if (tsr_context_new(s->subject->options, &s->context, &err) < 0 ||
        s->subject->open(s->subject->user, s->context, &s->store, &err) < 0)
        return tsr_error_report(&err, stderr);
    return 0;
}

int store_suite_tear_down(void **state)
{
    suite *s = *state;
    tsr_store_close(s->store);
    tsr_context_free(s->context);
    if (s->subject->end)
        s->subject->end(s->subject->user);
    free(s);
    return 0;
}

static void assert_success(int status, const tsr_error *err, const char *key)
{
    if (status < 0)
        fail_msg("%s: %s", key, err->message);
}

void put_text(suite *s, const char *key, const char *text)
{
    tsr_error err = TSR_ERROR_INIT;
    assert_success(
        tsr_store_put(s->store, key, text, strlen(text), TSR_DURABILITY_NONE, NULL, &err), &err,
        key);
}

void assert_value(suite *s, const char *key, const char *expected)
{
    tsr_error err = TSR_ERROR_INIT;
    tsr_blob *blob = NULL;
    assert_success(tsr_store_get(s->store, key, whole, NULL, &blob, NULL, &err), &err, key);
    assert_int_equal(tsr_blob_size(blob), strlen(expected));
    assert_memory_equal(tsr_blob_data(blob), expected, strlen(expected));
    tsr_blob_unref(blob);
}

void assert_absent(suite *s, const char *key)
{
    tsr_error err = TSR_ERROR_INIT;
    tsr_blob *blob = NULL;
    assert_int_equal(tsr_store_get(s->store, key, whole, NULL, &blob, NULL, &err), TSR_NOT_FOUND);
    assert_null(blob);
    assert_int_equal(err.status, TSR_NOT_FOUND);
}

typedef struct joined {
    char *text;
    size_t size;
    bool delimiter;
} joined;

static int join(void *user, const tsr_store_entry *entry)
{
    joined *names = user;
    size_t size = strlen(entry->name);
    assert_true(size > 0);
    assert_int_equal(entry->is_prefix, entry->name[size - 1] == '/');
    assert_true(names->delimiter || !entry->is_prefix);
    names->text = realloc(names->text, names->size + size + 2);
    if (names->size)
        names->text[names->size++] = ' ';
    memcpy(names->text + names->size, entry->name, size + 1);
    names->size += size;
    return 0;
}

void assert_listing(suite *s, const char *prefix, bool delimiter, const char *expected)
{
    tsr_error err = TSR_ERROR_INIT;
    joined names = {.delimiter = delimiter};
    assert_success(tsr_store_list(s->store, prefix, delimiter, join, &names, NULL, &err), &err,
                   prefix);
    assert_string_equal(names.text ? names.text : "", expected);
    free(names.text);
}

int never_called(void *user, const tsr_store_entry *entry)
{
    (void)user;
    fail_msg("listed %s", entry->name);
    return 0;
}

static void set_flag(tsr_get_request *request)
{
    __atomic_store_n((int *)request->user, 1, __ATOMIC_RELEASE);
}

void wait_until_set(const int *value)
{
    while (!__atomic_load_n(value, __ATOMIC_ACQUIRE))
        sched_yield();
}

void get_and_wait(suite *s, tsr_get_request *request)
{
    int answered = 0;
    request->done = set_flag;
    request->user = &answered;
    tsr_store_get_many(s->store, request, 1, NULL);
    wait_until_set(&answered);
}

uint64_t random_next(uint64_t *random)
{
    uint64_t z = (*random += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

void fill_random(unsigned char *bytes, size_t size, uint64_t seed)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = (unsigned char)(random_next(&seed) >> 17);
}
