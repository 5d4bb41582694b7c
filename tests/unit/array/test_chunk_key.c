/* Proves the keys of both encodings by the examples of the specification, that rewriting from the
 * first change gives what formatting anew gives, that parsing accepts exactly what formatting
 * makes, and the rules for names of nodes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "array/chunk_key.h"

#define slashed tsri_key_encoding_joined(true, '/')
#define dotted tsri_key_encoding_joined(true, '.')
#define v2_dotted tsri_key_encoding_joined(false, '.')
#define v2_slashed tsri_key_encoding_joined(false, '/')

static void keys_are_those_of_the_specification(void **state)
{
    (void)state;
    const struct {
        const tsri_key_encoding *encoding;
        int rank;
        int64_t index[3];
        const char *path, *text;
    } rows[] = {
        {slashed, 3, {1, 23, 45}, "", "c/1/23/45"},
        {dotted, 3, {1, 23, 45}, "", "c.1.23.45"},
        {slashed, 0, {0}, "", "c"},
        {dotted, 0, {0}, "", "c"},
        {v2_dotted, 3, {1, 23, 45}, "", "1.23.45"},
        {v2_slashed, 3, {1, 23, 45}, "", "1/23/45"},
        {v2_dotted, 0, {0}, "", "0"},
        {v2_slashed, 0, {0}, "", "0"},
        {slashed, 1, {INT64_MAX}, "", "c/9223372036854775807"},
        {v2_dotted, 1, {0}, "", "0"},
        {slashed, 2, {0, 10}, "a/b", "a/b/c/0/10"},
        {v2_dotted, 2, {0, 10}, "a/b", "a/b/0.10"},
        {slashed, 0, {0}, "a", "a/c"},
        {v2_slashed, 0, {0}, "a", "a/0"},
    };
    for (size_t i = 0; i < TSRI_COUNT(rows); i++) {
        tsri_chunk_key key;
        tsr_error err = TSR_ERROR_INIT;
        assert_int_equal(
            tsri_chunk_key_init(&key, rows[i].path, rows[i].encoding, rows[i].rank, &err), 0);
        assert_int_equal(tsri_chunk_key_set(&key, rows[i].index, &err), 0);
        assert_string_equal(key.text, rows[i].text);
        assert_int_equal(key.size_bytes, strlen(rows[i].text));
    }
}

/* The key, written without any of the code under test. */
static void plain_key(const tsri_key_encoding *encoding, int rank, const int64_t *index, char *text)
{
    text += sprintf(text, "group/x/%s", encoding->has_lead ? "c" : "");
    for (int axis = 0; axis < rank; axis++) {
        if (axis > 0 || encoding->has_lead)
            *text++ = encoding->separator;
        text += sprintf(text, "%lld", (long long)index[axis]);
    }
}

static void any_order_of_indexes_gives_the_right_keys(void **state)
{
    (void)state;
    const tsri_key_encoding *const encodings[] = {slashed, dotted, v2_dotted, v2_slashed};
    srand(7);
    for (size_t i = 0; i < TSRI_COUNT(encodings); i++) {
        tsri_chunk_key key;
        assert_int_equal(tsri_chunk_key_init(&key, "group/x", encodings[i], 4, NULL), 0);
        int64_t index[4] = {0};
        for (int step = 0; step < 20000; step++) {
            for (int changes = rand() % 3; changes >= 0; changes--)
                index[rand() % 4] = rand() % 4 == 0 ? (int64_t)rand() << 32 | rand() : rand() % 12;
            char expected[200];
            int64_t parsed[4];
            plain_key(encodings[i], 4, index, expected);
            assert_int_equal(tsri_chunk_key_set(&key, index, NULL), 0);
            assert_string_equal(key.text, expected);
            assert_true(
                tsri_chunk_key_parse(encodings[i], 4, expected + 8, strlen(expected + 8), parsed));
            assert_memory_equal(parsed, index, sizeof index);
        }
    }
}

/* Where the last number gets a digit more nothing is promised, so that the text as a whole keeps
 * its length. */
static void the_next_key_is_that_of_the_next_index(void **state)
{
    (void)state;
    const tsri_key_encoding *const encodings[] = {slashed, dotted, v2_dotted, v2_slashed};
    for (size_t i = 0; i < TSRI_COUNT(encodings); i++) {
        for (int rank = 1; rank <= 3; rank++) {
            char before[200], expected[200], next[TSR_KEY_MAX];
            for (int64_t index[3] = {9, 99, 0}; index[rank - 1] < 1105;) {
                plain_key(encodings[i], rank, index, before);
                int64_t number = ++index[rank - 1];
                plain_key(encodings[i], rank, index, expected);
                bool longer = number == 10 || number == 100 || number == 1000;
                assert_int_equal(tsri_chunk_key_next(encodings[i], before, next), !longer);
                if (!longer)
                    assert_string_equal(next, expected);
            }
        }
    }
    char next[TSR_KEY_MAX];
    assert_false(tsri_chunk_key_next(v2_dotted, "9", next)); /* with nothing before it */
    tsri_key_encoding whole = *v2_dotted;
    whole.separator = 0;
    assert_false(tsri_chunk_key_next(&whole, "0.0", next));
}

static void what_is_no_key_of_a_chunk_is_told_apart(void **state)
{
    (void)state;
    const struct {
        const tsri_key_encoding *encoding;
        int rank;
        const char *text;
    } rows[] = {
        {slashed, 2, ""},
        {slashed, 2, "c"},
        {slashed, 2, "c/"},
        {slashed, 2, "c/1"},
        {slashed, 2, "c/1/"},
        {slashed, 2, "c/1/2/"},
        {slashed, 2, "c/1/2/3"},
        {slashed, 2, "c/01/2"},
        {slashed, 2, "c/1/00"},
        {slashed, 2, "c/-1/2"},
        {slashed, 2, "c/+1/2"},
        {slashed, 2, "c/ 1/2"},
        {slashed, 2, "c/1/2 "},
        {slashed, 2, "c//2"},
        {slashed, 2, "c/1.2"},
        {slashed, 2, "c.1.2"},
        {slashed, 2, "C/1/2"},
        {slashed, 2, "1/2"},
        {slashed, 2, "/c/1/2"},
        {slashed, 2, "c/1/2.__lock"},
        {slashed, 2, "c/0x1/2"},
        {slashed, 2, "zarr.json"},
        {slashed, 1, "c/9223372036854775808"},
        {slashed, 1, "c/99999999999999999999999"},
        {slashed, 0, ""},
        {slashed, 0, "c/"},
        {slashed, 0, "c/0"},
        {slashed, 0, "0"},
        {v2_dotted, 0, ""},
        {v2_dotted, 0, "c"},
        {v2_dotted, 0, "00"},
        {v2_dotted, 0, "1"},
        {v2_dotted, 2, "1"},
        {v2_dotted, 2, "1."},
        {v2_dotted, 2, ".1"},
        {v2_dotted, 2, "1.2.3"},
        {v2_dotted, 2, "1/2"},
        {v2_dotted, 2, "c.1.2"},
        {v2_dotted, 2, ".zarray"},
    };
    int64_t index[2] = {-7, -7};
    for (size_t i = 0; i < TSRI_COUNT(rows); i++)
        if (tsri_chunk_key_parse(rows[i].encoding, rows[i].rank, rows[i].text, strlen(rows[i].text),
                                 index))
            fail_msg("%s was taken for a key of rank %d", rows[i].text, rows[i].rank);
    assert_true(index[0] == -7 && index[1] == -7);
    assert_true(tsri_chunk_key_parse(slashed, 0, "c", 1, index));
    assert_true(tsri_chunk_key_parse(v2_slashed, 0, "0", 1, index));
    assert_true(tsri_chunk_key_parse(slashed, 1, "c/9223372036854775807", 21, index));
    assert_true(index[0] == INT64_MAX);
    assert_true(
        tsri_chunk_key_parse(slashed, 1, "c/12345", 4, index)); /* only the bytes that are given */
    assert_int_equal(index[0], 12);
}

static void keys_that_are_too_long_are_refused(void **state)
{
    (void)state;
    char path[TSR_KEY_MAX + 1];
    tsri_chunk_key key;
    tsr_error err = TSR_ERROR_INIT;
    int64_t index[TSR_RANK_MAX];
    for (int axis = 0; axis < TSR_RANK_MAX; axis++)
        index[axis] = INT64_MAX;
    memset(path, 'p', sizeof path);
    path[TSR_KEY_MAX - 2] = 0;
    assert_int_equal(tsri_chunk_key_init(&key, path, slashed, 2, &err), TSR_LIMIT);
    path[TSR_KEY_MAX - 7] = 0; /* room for "/c/1/2" */
    assert_int_equal(tsri_chunk_key_init(&key, path, slashed, 2, &err), 0);
    assert_int_equal(tsri_chunk_key_set(&key, (int64_t[]){1, 2}, &err), 0);
    assert_int_equal(key.size_bytes, TSR_KEY_MAX - 1);
    assert_int_equal(tsri_chunk_key_set(&key, (int64_t[]){1, 10}, &err), TSR_LIMIT);
    assert_int_equal(tsri_chunk_key_set(&key, (int64_t[]){10, 1}, &err), TSR_LIMIT);
    assert_int_equal(tsri_chunk_key_set(&key, (int64_t[]){3, 4}, &err),
                     0); /* a refusal does no harm */
    assert_string_equal(key.text + TSR_KEY_MAX - 7, "/c/3/4");
    /* The longest key of the largest rank fits beside a usual path. */
    assert_int_equal(tsri_chunk_key_init(&key, "some/path", slashed, TSR_RANK_MAX, &err), 0);
    assert_int_equal(tsri_chunk_key_set(&key, index, &err), 0);
    assert_int_equal(key.size_bytes, 9 + 2 + TSR_RANK_MAX * 20);
}

static void names_of_nodes_follow_the_rules(void **state)
{
    (void)state;
    static const char *const good[] = {
        "a",        "foo",         "Foo.bar",     ".hidden",          "..x", "_a", "a__b", " ",
        "zarr.jso", "zarr.json.x", "caf\xc3\xa9", "\xf0\x9f\x98\x80", "c",   "0"};
    static const struct {
        const char *name, *reason;
    } bad[] = {{"", "it is empty"},
               {".", "it consists of dots"},
               {"..", "it consists of dots"},
               {"......", "it consists of dots"},
               {"a/b", "it holds '/'"},
               {"/", "it holds '/'"},
               {"__", "reserved"},
               {"__a", "reserved"},
               {"zarr.json", "metadata"},
               {".zarray", "metadata"},
               {".zgroup", "metadata"},
               {".zattrs", "metadata"},
               {".zmetadata", "metadata"},
               {"\xff", "UTF-8"},
               {"caf\xe9", "UTF-8"},
               {"\xed\xa0\x80", "UTF-8"}};
    for (size_t i = 0; i < TSRI_COUNT(good); i++)
        assert_int_equal(tsri_node_name_check(good[i], strlen(good[i]), NULL), 0);
    for (size_t i = 0; i < TSRI_COUNT(bad); i++) {
        tsr_error err = TSR_ERROR_INIT;
        assert_int_equal(tsri_node_name_check(bad[i].name, strlen(bad[i].name), &err),
                         TSR_INVALID_ARGUMENT);
        assert_non_null(strstr(err.message, bad[i].reason));
    }
    assert_int_equal(tsri_node_name_check("a\0b", 3, NULL), TSR_INVALID_ARGUMENT);
    static const char *const paths[] = {"/",      "a/",    "/a",      "a//b",
                                        "a/../b", "a/./b", "a/__b/c", "a/b/zarr.json"};
    for (size_t i = 0; i < TSRI_COUNT(paths); i++)
        assert_int_equal(tsri_node_path_check(paths[i], NULL), TSR_INVALID_ARGUMENT);
    assert_int_equal(tsri_node_path_check("", NULL), 0);
    assert_int_equal(tsri_node_path_check("a/b/c", NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_those_of_the_specification),
        cmocka_unit_test(any_order_of_indexes_gives_the_right_keys),
        cmocka_unit_test(the_next_key_is_that_of_the_next_index),
        cmocka_unit_test(what_is_no_key_of_a_chunk_is_told_apart),
        cmocka_unit_test(keys_that_are_too_long_are_refused),
        cmocka_unit_test(names_of_nodes_follow_the_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
