/* Proves of the registry of chunk key encodings: names are found, the last registration wins, what
 * is incomplete or unknown is refused; and that a careless plug-in does no harm. */
#include "conformance/key_suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array/chunk_key.h"

/* "test.ending": default with an ending; its parse looks at the numbers alone, as a careless one
 * would. */
static int ending_open(const tsr_chunk_key_setup *setup, void **ret_encoding, tsr_error *err)
{
    static const char *const known[] = {"version", NULL};
    int64_t version = 1;
    int status = tsr_chunk_key_setup_only(setup, known, err);
    if (status == 0)
        status = tsr_chunk_key_setup_int(setup, "version", 1, 9, &version, err);
    if (status < 0)
        return status;
    *ret_encoding = malloc(sizeof(int64_t));
    assert_non_null(*ret_encoding);
    **(int64_t **)ret_encoding = version;
    return 0;
}

static int ending_describe(const void *encoding, tsr_output *output, tsr_error *err)
{
    return tsr_output_print(output, err, "{\"version\":%d}", (int)*(const int64_t *)encoding);
}

static int ending_format(const void *encoding, int rank, const int64_t *index, char *ret_text,
                         size_t capacity_bytes, size_t *ret_size_bytes, tsr_error *err)
{
    int used = snprintf(ret_text, capacity_bytes, "c");
    for (int axis = 0; axis < rank && (size_t)used < capacity_bytes; axis++)
        used += snprintf(ret_text + used, capacity_bytes - (size_t)used, "_%lld",
                         (long long)index[axis]);
    if ((size_t)used < capacity_bytes)
        used += snprintf(ret_text + used, capacity_bytes - (size_t)used, ".v%d",
                         (int)*(const int64_t *)encoding);
    if ((size_t)used >= capacity_bytes)
        return tsr_error_set(err, TSR_LIMIT, "no room");
    *ret_size_bytes = (size_t)used;
    return 0;
}

static bool ending_parse(const void *encoding, int rank, const char *text, size_t size_bytes,
                         int64_t *ret_index)
{
    char copy[TSR_KEY_MAX], *at = copy;
    (void)encoding;
    if (size_bytes >= sizeof copy)
        return false;
    memcpy(copy, text, size_bytes);
    copy[size_bytes] = 0;
    for (int axis = 0; axis < rank; axis++) {
        at = strchr(at, '_');
        if (!at)
            return false;
        ret_index[axis] = strtoll(++at, NULL, 10);
    }
    return true;
}

static const tsr_chunk_key_ops ending_ops = {
    .struct_size = sizeof ending_ops,
    .name = "test.ending",
    .open = ending_open,
    .close = free,
    .describe = ending_describe,
    .format = ending_format,
    .parse = ending_parse,
};
static const key_case ending = {&ending_ops, "test.ending", "{\"version\":3}"};

static void a_plug_in_is_found_by_its_name(void **state)
{
    (void)state;
    char text[64];
    key_of(&ending, 2, (const int64_t[]){4, 5}, text, sizeof text);
    assert_string_equal(text, "c_4_5.v3");
    key_expect_refusal(&(key_case){&ending_ops, "test.ending", "{\"version\":10}"}, 2,
                       TSR_BAD_METADATA, "/keys/configuration/version: 10 is not in 1 .. 9");
}

static int join_name(void *user, const tsr_chunk_key_ops *ops)
{
    strcat(strcat(user, ops->name), " ");
    return 0;
}

static int stop_at_once(void *user, const tsr_chunk_key_ops *ops)
{
    (void)ops;
    return ++*(int *)user;
}

static void all_are_listed_and_the_last_wins(void **state)
{
    (void)state;
    tsr_context *context;
    const tsr_chunk_key_ops *found;
    tsr_error err = TSR_ERROR_INIT;
    char names[200] = "";
    int calls = 0;
    tsr_chunk_key_ops other = ending_ops, own_default = ending_ops;
    own_default.name = "default";
    assert_int_equal(tsr_context_new(NULL, &context, &err), 0);
    assert_int_equal(tsr_chunk_key_register(context, &ending_ops, &err), 0);
    assert_int_equal(tsr_chunk_key_register(context, &other, &err), 0);
    assert_int_equal(tsr_chunk_key_find(context, "test.ending", &found, &err), 0);
    assert_ptr_equal(found, &other);
    assert_int_equal(tsr_chunk_key_list(context, join_name, names), 0);
    assert_string_equal(names, "default v2 tessera.hashed tessera.morton test.ending test.ending ");
    assert_int_equal(tsr_chunk_key_list(context, stop_at_once, &calls), 1);
    assert_int_equal(calls, 1);
    assert_int_equal(tsr_chunk_key_register(context, &own_default, &err), 0);
    assert_int_equal(tsr_chunk_key_find(context, "default", &found, &err), 0);
    assert_ptr_equal(found, &own_default);
    tsr_context_free(context);
}

static void what_is_unknown_or_incomplete_is_refused(void **state)
{
    (void)state;
    tsr_context *context;
    const tsr_chunk_key_ops *found;
    tsr_error err = TSR_ERROR_INIT;
    assert_int_equal(tsr_context_new(NULL, &context, &err), 0);
    assert_int_equal(tsr_chunk_key_find(context, "suffix", &found, &err), TSR_UNSUPPORTED);
    assert_non_null(strstr(err.message, "\"suffix\""));
    assert_non_null(strstr(err.next_step, "\"default\", \"v2\", \"tessera.hashed\""));
    static const char *const lacks[] = {"open", "describe", "format", "parse"};
    for (int i = 0; i < 4; i++) {
        tsr_chunk_key_ops ops = ending_ops;
        *(i == 0   ? (void **)&ops.open
          : i == 1 ? (void **)&ops.describe
          : i == 2 ? (void **)&ops.format
                   : (void **)&ops.parse) = NULL;
        tsr_error_clear(&err);
        assert_int_equal(tsr_chunk_key_register(context, &ops, &err), TSR_INVALID_ARGUMENT);
        assert_non_null(strstr(err.message, lacks[i]));
    }
    tsr_chunk_key_ops old = ending_ops, nameless = ending_ops;
    old.struct_size -= sizeof(void *);
    nameless.name = "";
    assert_int_equal(tsr_chunk_key_register(context, &old, &err), TSR_INVALID_ARGUMENT);
    assert_int_equal(tsr_chunk_key_register(context, &nameless, &err), TSR_INVALID_ARGUMENT);
    tsr_context_free(context);
}

/* ---- plug-ins that break the rules ---- */

static const char *answer; /* what the next one makes of every chunk */

static int wrong_format(const void *encoding, int rank, const int64_t *index, char *ret_text,
                        size_t capacity_bytes, size_t *ret_size_bytes, tsr_error *err)
{
    (void)encoding;
    (void)rank;
    (void)index;
    (void)err;
    *ret_size_bytes = (size_t)snprintf(ret_text, capacity_bytes, "%s", answer);
    return 0;
}

static void keys_that_are_none_are_not_used(void **state)
{
    (void)state;
    static const char *const wrong[] = {"", "zarr.json", "__x"};
    tsri_key_encoding encoding = {
        .ops = &(tsr_chunk_key_ops){.name = "test.wrong", .format = wrong_format}};
    for (size_t i = 0; i < TSRI_COUNT(wrong); i++) {
        tsri_chunk_key key;
        tsr_error err = TSR_ERROR_INIT;
        answer = wrong[i];
        assert_int_equal(tsri_chunk_key_init(&key, "a", &encoding, 1, &err), 0);
        assert_int_equal(tsri_chunk_key_set(&key, (const int64_t[]){1}, &err), TSR_INTERNAL);
        assert_non_null(strstr(err.message, "test.wrong"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KEY_SUITE_TESTS(&ending),
        cmocka_unit_test(a_plug_in_is_found_by_its_name),
        cmocka_unit_test(all_are_listed_and_the_last_wins),
        cmocka_unit_test(what_is_unknown_or_incomplete_is_refused),
        cmocka_unit_test(keys_that_are_none_are_not_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
