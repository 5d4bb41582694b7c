/* Proves of the store behind a reference file: ranges of values are ranges of other files, listing
 * is that of any store, and what lies outside of the folder, is gone or is cut off is never taken
 * for a value that is not there. */
#include "store_testing.h"

#include <unistd.h>

static void write_file(const fixture *f, const char *name, const char *text)
{
    char *path = temporary_path(f->folder, name);
    temporary_file_write(path, text, strlen(text));
    free(path);
}

/* The store of r.json in the folder of the fixture. */
static tsr_store *open_references(fixture *f, const char *references)
{
    char url[512];
    tsr_store *store = NULL;
    write_file(f, "data", "0123456789");
    write_file(f, "r.json", references);
    snprintf(url, sizeof url, "reference:%s/r.json", f->folder);
    int status = tsr_store_open(f->context, url, &store, &f->err);
    if (status < 0)
        fail_msg("%s", f->err.message);
    assert_string_equal(tsr_store_url(store), url);
    return store;
}

static void assert_value(fixture *f, tsr_store *store, const char *key, tsr_range range,
                         const char *text)
{
    tsr_auto(tsr_blob) *blob = NULL;
    int status = tsr_store_get(store, key, range, NULL, &blob, NULL, &f->err);
    if (status < 0)
        fail_msg("%s: %s", key, f->err.message);
    assert_int_equal(tsr_blob_size(blob), strlen(text));
    assert_memory_equal(tsr_blob_data(blob), text, strlen(text));
}

static const tsr_range whole = {TSR_RANGE_WHOLE, 0, 0};

static void values_are_ranges_of_files(void **state)
{
    fixture *f = *state;
    tsr_auto(tsr_store) *store = open_references(
        f, "{\"all\": [\"data\"], \"part\": [\"./data\", 2, 5], \"in\": \"abcdef\", "
           "\"none\": [\"data\", 10, 0]}");
    assert_value(f, store, "all", whole, "0123456789");
    assert_value(f, store, "part", whole, "23456");
    assert_value(f, store, "in", whole, "abcdef");
    assert_value(f, store, "none", whole, "");
    assert_value(f, store, "part", (tsr_range){TSR_RANGE_PART, 1, 2}, "34");
    assert_value(f, store, "part", (tsr_range){TSR_RANGE_SUFFIX, 0, 3}, "456");
    assert_value(f, store, "part", (tsr_range){TSR_RANGE_SUFFIX, 0, 30}, "23456");
    assert_value(f, store, "all", (tsr_range){TSR_RANGE_SUFFIX, 0, 3}, "789");
    assert_value(f, store, "in", (tsr_range){TSR_RANGE_PART, 1, 2}, "bc");
    /* Beyond a value are the bytes of another one. */
    tsr_blob *blob = NULL;
    static const char *const keys[] = {"part", "in", "all"};
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(tsr_store_get(store, keys[i], (tsr_range){TSR_RANGE_PART, 4, 7}, NULL,
                                       &blob, NULL, &f->err),
                         TSR_OUT_OF_BOUNDS);
    assert_int_equal(tsr_store_get(store, "absent", whole, NULL, &blob, NULL, &f->err),
                     TSR_NOT_FOUND);
    assert_null(blob);
}

typedef struct answer {
    int calls;
} answer;

static void count_call(tsr_get_request *request)
{
    ((answer *)request->user)->calls++;
}

/* What is asked for with a destination, a limit and a condition goes through to the file. */
static void requests_are_answered_once_with_sizes_and_generations(void **state)
{
    fixture *f = *state;
    tsr_auto(tsr_store) *store = open_references(f, "{\"p\": [\"data\", 2, 5], \"i\": \"abc\"}");
    answer seen = {0};
    char room[5];
    tsr_get_request requests[] = {
        {.key = "p",
         .range = whole,
         .destination = room,
         .destination_bytes = sizeof room,
         .done = count_call,
         .user = &seen},
        {.key = "i", .range = {TSR_RANGE_PART, 1, 1}, .done = count_call, .user = &seen},
        {.key = "p", .range = whole, .limit_bytes = 4, .done = count_call, .user = &seen},
        {.key = "q", .range = whole, .done = count_call, .user = &seen},
    };
    tsr_store_get_many(store, requests, 4, NULL);
    assert_int_equal(seen.calls, 4);
    assert_int_equal(requests[0].status, 0);
    assert_memory_equal(requests[0].blob ? tsr_blob_data(requests[0].blob) : room, "23456", 5);
    assert_int_equal(requests[0].offset, 0);
    assert_int_equal(requests[0].value_bytes, 5);
    assert_int_equal(requests[1].status, 0);
    assert_int_equal(requests[1].value_bytes, 3);
    assert_int_equal(requests[1].offset, 1);
    assert_int_equal(requests[2].status, TSR_LIMIT);
    assert_int_equal(requests[3].status, TSR_NOT_FOUND);
    tsr_blob_unref(requests[0].blob);
    tsr_blob_unref(requests[1].blob);
    /* The file is replaced: another generation. */
    tsr_get_request again = {.key = "p",
                             .range = whole,
                             .if_match = &requests[0].generation,
                             .done = count_call,
                             .user = &seen};
    char *path = temporary_path(f->folder, "data");
    assert_int_equal(unlink(path), 0);
    free(path);
    write_file(f, "data", "abcdefghijkl");
    tsr_store_get_many(store, &again, 1, NULL);
    assert_int_equal(again.status, TSR_CONFLICT);
}

static void assert_refused(fixture *f, const char *references, int status, const char *says)
{
    tsr_auto(tsr_store) *store = open_references(f, references);
    tsr_blob *blob = NULL;
    tsr_error_clear(&f->err);
    int got = tsr_store_get(store, "k", whole, NULL, &blob, NULL, &f->err);
    if (got != status || !strstr(f->err.message, says) || !f->err.next_step[0])
        fail_msg("%s: %d, %s", references, got, f->err.message);
}

static void what_leads_elsewhere_is_refused(void **state)
{
    fixture *f = *state;
    char text[600];
    assert_refused(f, "{\"k\": [\"/etc/hostname\"]}", TSR_PERMISSION, "not below");
    assert_refused(f, "{\"k\": [\"file:///etc/hostname\", 0, 1]}", TSR_PERMISSION, "not below");
    assert_refused(f, "{\"k\": [\"../data\", 0, 1]}", TSR_PERMISSION, "not below");
    assert_refused(f, "{\"k\": [\"a/../../data\", 0, 1]}", TSR_PERMISSION, "not below");
    assert_refused(f, "{\"k\": [\"\", 0, 1]}", TSR_PERMISSION, "not below");
    assert_refused(f, "{\"k\": [\".\", 0, 1]}", TSR_PERMISSION, "not below");
    snprintf(text, sizeof text, "{\"k\": [\"%s/../data\", 0, 1]}", f->folder);
    assert_refused(f, text, TSR_PERMISSION, "not below");
    assert_refused(f, "{\"k\": [\"s3://bucket/data\", 0, 1]}", TSR_UNSUPPORTED, "this machine");
    assert_refused(f, "{\"k\": [\"gone\", 0, 1]}", TSR_UNREACHABLE, "not there");
    assert_refused(f, "{\"k\": [\"gone\"]}", TSR_UNREACHABLE, "not there");
    assert_refused(f, "{\"k\": [\"data\", 8, 3]}", TSR_DAMAGED, "ends before");
}

static void absolute_paths_in_the_folder_are_followed(void **state)
{
    fixture *f = *state;
    char text[600];
    snprintf(text, sizeof text,
             "{\"a\": [\"%s/data\", 1, 2], \"b\": [\"file://%s//./data\", 1, 2]}", f->folder,
             f->folder);
    tsr_auto(tsr_store) *store = open_references(f, text);
    assert_value(f, store, "a", whole, "12");
    assert_value(f, store, "b", whole, "12");
}

typedef struct listed {
    char text[256];
} listed;

static int append(void *user, const tsr_store_entry *entry)
{
    listed *all = user;
    size_t used = strlen(all->text);
    snprintf(all->text + used, sizeof all->text - used, "%s%s:%d ", entry->name,
             entry->is_prefix ? "*" : "", (int)entry->size_bytes);
    return 0;
}

static void listing_is_that_of_a_store(void **state)
{
    fixture *f = *state;
    tsr_auto(tsr_store) *store =
        open_references(f, "{\"a/x\": \"1\", \"a/b/c\": [\"data\", 0, 7], \"a-b\": \"22\", \"a0\": "
                           "[\"data\"], \"z\": \"\"}");
    static const struct {
        const char *prefix;
        bool delimiter;
        const char *expected;
    } rows[] = {
        {"", false, "a-b:2 a/b/c:7 a/x:1 a0:-1 z:0 "},
        {"", true, "a-b:2 a/*:-1 a0:-1 z:0 "},
        {"a/", false, "b/c:7 x:1 "},
        {"a/", true, "b/*:-1 x:1 "},
        {"q/", true, ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        listed all = {""};
        assert_int_equal(
            tsr_store_list(store, rows[i].prefix, rows[i].delimiter, append, &all, NULL, &f->err),
            0);
        assert_string_equal(all.text, rows[i].expected);
    }
}

static void nothing_is_written(void **state)
{
    fixture *f = *state;
    tsr_auto(tsr_store) *store = open_references(f, "{\"a\": \"1\"}");
    assert_true(store->hints.read_only);
    assert_int_equal(tsr_store_put(store, "b", "x", 1, TSR_DURABILITY_NONE, NULL, &f->err),
                     TSR_READ_ONLY);
    assert_int_equal(tsr_store_erase(store, "a", NULL, &f->err), TSR_READ_ONLY);
    assert_value(f, store, "a", whole, "1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(values_are_ranges_of_files),
        FIXTURE_TEST(requests_are_answered_once_with_sizes_and_generations),
        FIXTURE_TEST(what_leads_elsewhere_is_refused),
        FIXTURE_TEST(absolute_paths_in_the_folder_are_followed),
        FIXTURE_TEST(listing_is_that_of_a_store),
        FIXTURE_TEST(nothing_is_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
