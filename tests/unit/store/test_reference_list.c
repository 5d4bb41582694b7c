/* Proves of reference files: both versions are read as their specification has them, and what is
 * malformed is refused by its name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "fault/nth_malloc.h"
#include "store/reference_list.h"

static int parse(const char *text, tsri_reference_list *ret_list, tsr_error *err)
{
    return tsri_reference_list_parse(text, strlen(text), ret_list, err);
}

static void assert_inline(const tsri_reference_list *list, const char *key, const void *bytes,
                          size_t size_bytes)
{
    const tsri_reference *found = tsri_reference_list_find(list, key);
    assert_non_null(found);
    assert_non_null(found->blob);
    assert_int_equal(tsr_blob_size(found->blob), size_bytes);
    assert_memory_equal(tsr_blob_data(found->blob), bytes, size_bytes);
}

static void assert_range(const tsri_reference_list *list, const char *key, const char *url,
                         uint64_t offset, uint64_t size_bytes)
{
    const tsri_reference *found = tsri_reference_list_find(list, key);
    assert_non_null(found);
    assert_null(found->blob);
    assert_string_equal(found->url, url);
    assert_false(found->is_whole);
    assert_int_equal(found->offset, offset);
    assert_int_equal(found->size_bytes, size_bytes);
}

/* The example of version 0, and values of every kind. */
static void version_0_is_read(void **state)
{
    (void)state;
    tsri_reference_list list;
    assert_int_equal(parse("{\"key0\": \"data\", \"key1\": [\"a/b.nc\", 10000, 100], \"key2\": "
                           "[\"c.nc\"], \"nul\": \"a\\u0000b\", \"b64\": \"base64:AAECA/8=\", "
                           "\"object\": {\"b\": [NaN, 2.50]}, \"empty\": \"\"}",
                           &list, NULL),
                     0);
    assert_int_equal(list.count, 7);
    assert_inline(&list, "key0", "data", 4);
    assert_inline(&list, "nul", "a\0b", 3);
    assert_inline(&list, "b64", "\0\1\2\3\xff", 5);
    assert_inline(&list, "object", "{\"b\":[NaN,2.50]}", 16);
    assert_inline(&list, "empty", "", 0);
    assert_range(&list, "key1", "a/b.nc", 10000, 100);
    assert_true(tsri_reference_list_find(&list, "key2")->is_whole);
    assert_null(tsri_reference_list_find(&list, "key"));
    assert_null(tsri_reference_list_find(&list, "zzz"));
    for (size_t i = 1; i < list.count; i++)
        assert_true(strcmp(list.all[i - 1].key, list.all[i].key) < 0);
    tsri_reference_list_clear(&list);
}

/* The example of version 1, without what is generated. */
static void templates_of_version_1_are_filled_in(void **state)
{
    (void)state;
    tsri_reference_list list;
    assert_int_equal(
        parse("{\"version\": 1, \"templates\": {\"u\": \"server.domain/path\", \"f\": \"{{c}}\"}, "
              "\"refs\": {\"key0\": \"data\", \"key1\": [\"http://target_url\", 10000, 100], "
              "\"key2\": [\"http://{{u}}/x{{u}}\", 10000, 100], \"key3\": [\"{{u}}\", 0, 0]}}",
              &list, NULL),
        0);
    assert_int_equal(list.count, 4);
    assert_range(&list, "key1", "http://target_url", 10000, 100);
    assert_range(&list, "key2", "http://server.domain/path/xserver.domain/path", 10000, 100);
    assert_range(&list, "key3", "server.domain/path", 0, 0);
    tsri_reference_list_clear(&list);
}

/* Nobody can ask for them, and they must not end the rest. */
static void keys_that_no_store_has_are_left_out(void **state)
{
    (void)state;
    tsri_reference_list list;
    assert_int_equal(
        parse("{\"a//b\": \"1\", \"../x\": \"2\", \"good\": \"3\", \"\": \"4\"}", &list, NULL), 0);
    assert_int_equal(list.count, 1);
    assert_inline(&list, "good", "3", 1);
    tsri_reference_list_clear(&list);
}

static void what_is_malformed_is_named(void **state)
{
    static const struct {
        const char *text;
        int status;
        const char *says;
    } rows[] = {
        {"[]", TSR_BAD_METADATA, "where an object should be"},
        {"{\"k\": 1}", TSR_BAD_METADATA, "key \"k\": an integer"},
        {"{\"k\": null}", TSR_BAD_METADATA, "key \"k\""},
        {"{\"k\": []}", TSR_BAD_METADATA, "[URL, offset, length]"},
        {"{\"k\": [\"u\", 1]}", TSR_BAD_METADATA, "[URL, offset, length]"},
        {"{\"k\": [\"u\", -1, 1]}", TSR_BAD_METADATA, "[URL, offset, length]"},
        {"{\"k\": [\"u\", 1.5, 1]}", TSR_BAD_METADATA, "[URL, offset, length]"},
        {"{\"k\": [\"u\", 9223372036854775807, 1]}", TSR_BAD_METADATA, "[URL, offset, length]"},
        {"{\"k\": [\"u\", 18446744073709551615, 1]}", TSR_BAD_METADATA, "[URL, offset, length]"},
        {"{\"k\": [\"u\", 1, 2, 3]}", TSR_BAD_METADATA, "[URL, offset, length]"},
        {"{\"k\": [[\"u\"], 1, 2]}", TSR_BAD_METADATA, "[URL, offset, length]"},
        {"{\"k\": \"base64:A\"}", TSR_BAD_METADATA, "base64"},
        {"{\"k\": \"base64:AA\"}", TSR_BAD_METADATA, "base64"},
        {"{\"k\": \"base64:AA==AA==\"}", TSR_BAD_METADATA, "base64"},
        {"{\"k\": \"base64:AA\\\"\"}", TSR_BAD_METADATA, "base64"},
        {"{\"refs\": 1}", TSR_BAD_METADATA, "/refs"},
        {"{\"refs\": {}, \"version\": 2}", TSR_UNSUPPORTED, "version"},
        {"{\"refs\": {}, \"version\": \"1\"}", TSR_UNSUPPORTED, "version"},
        {"{\"refs\": {}, \"gen\": [{}]}", TSR_UNSUPPORTED, "gen"},
        {"{\"refs\": {\"k\": [\"{{u}}\"]}}", TSR_UNSUPPORTED, "templates"},
        {"{\"refs\": {\"k\": [\"{{u\"]}, \"templates\": {\"u\": \"x\"}}", TSR_UNSUPPORTED,
         "templates"},
        {"{\"refs\": {\"k\": [\"{{u}}\"]}, \"templates\": {\"u\": \"{{c}}\"}}", TSR_UNSUPPORTED,
         "templates"},
        {"{\"k\": \"a\", \"k\": \"b\"}", TSR_BAD_METADATA, "k"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        tsri_reference_list list;
        tsr_error err = TSR_ERROR_INIT;
        int status = parse(rows[i].text, &list, &err);
        if (status != rows[i].status || !strstr(err.message, rows[i].says))
            fail_msg("%s: %d, %s", rows[i].text, status, err.message);
    }
}

/* Every allocation is refused once; nothing is left behind (the sanitizer looks). */
static void memory_may_be_refused(void **state)
{
    static const char text[] = "{\"version\": 1, \"templates\": {\"u\": \"x\"}, \"refs\": {\"a\": "
                               "[\"{{u}}/y\", 1, 2], \"b\": \"base64:AAEC\", \"c\": {\"d\": 1}}}";
    (void)state;
    for (int64_t n = 1;; n++) {
        tsri_reference_list list;
        tsr_error err = TSR_ERROR_INIT;
        nth_malloc_arm(n, false);
        int status = parse(text, &list, &err);
        bool failed = nth_malloc_disarm();
        if (status == 0) {
            assert_int_equal(list.count, 3);
            tsri_reference_list_clear(&list);
        }
        if (!failed) {
            assert_int_equal(status, 0);
            break;
        }
        assert_true(status == 0 || status == TSR_NO_MEMORY);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version_0_is_read),
        cmocka_unit_test(templates_of_version_1_are_filled_in),
        cmocka_unit_test(keys_that_no_store_has_are_left_out),
        cmocka_unit_test(what_is_malformed_is_named),
        cmocka_unit_test(memory_may_be_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
