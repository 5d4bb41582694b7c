#include "conformance/key_suite.h"

#include <tessera/sys/array.h>

#include "array/chunk_key.h"
#include "base/output.h"
#include "unit/array/array_testing.h"

typedef struct subject {
    tsr_context *context;
    const tsri_key_encoding *encoding;
    int rank;
} subject;

static int try_open(const key_case *row, int rank, subject *ret_subject, tsr_error *err)
{
    char text[512];
    tsri_json *value = NULL;
    tsri_extension extension;

    *ret_subject = (subject){.rank = rank};
    assert_int_equal(tsr_context_new(NULL, &ret_subject->context, err), 0);
    if (row->ops)
        assert_int_equal(tsr_chunk_key_register(ret_subject->context, row->ops, err), 0);
    snprintf(text, sizeof text, "{\"name\":\"%s\",\"configuration\":%s}", row->name,
             row->configuration ? row->configuration : "{}");
    assert_int_equal(tsr_json_parse(text, strlen(text), TSR_JSON_STRICT, 0, &value, err), 0);
    assert_int_equal(tsri_extension_parse(value, "/keys", &extension, err), 0);
    int status = tsri_key_encoding_open(ret_subject->context, &extension, "/keys", rank,
                                        &ret_subject->encoding, err);
    json_object_put(value);
    return status;
}

static void subject_close(subject *self)
{
    tsri_key_encoding_unref(self->encoding);
    tsr_context_free(self->context);
}

static subject open_or_fail(const key_case *row, int rank)
{
    subject self;
    tsr_error err = TSR_ERROR_INIT;
    if (try_open(row, rank, &self, &err) < 0)
        fail_msg("%s: %s", row->name, err.message);
    return self;
}

static void format_or_fail(const subject *self, const int64_t *index, char *ret_text,
                           size_t capacity)
{
    tsri_chunk_key key;
    tsr_error err = TSR_ERROR_INIT;
    good(tsri_chunk_key_init(&key, "", self->encoding, self->rank, &err), &err);
    good(tsri_chunk_key_set(&key, index, &err), &err);
    assert_true(key.size_bytes < capacity && strlen(key.text) == key.size_bytes);
    memcpy(ret_text, key.text, (size_t)key.size_bytes + 1);
}

void key_of(const key_case *row, int rank, const int64_t *index, char *ret_text, size_t capacity)
{
    subject self = open_or_fail(row, rank);
    format_or_fail(&self, index, ret_text, capacity);
    subject_close(&self);
}

void key_expect_refusal(const key_case *row, int rank, int status, const char *text)
{
    subject self;
    tsr_error err = TSR_ERROR_INIT;
    int found = try_open(row, rank, &self, &err);
    if (found != status || !strstr(err.message, text))
        fail_msg("%s %s: status %d: %s", row->name, row->configuration, found, err.message);
    subject_close(&self);
}

/* Small and huge numbers, and those at the ends of bytes. */
static int64_t some_number(uint64_t *random)
{
    static const int64_t special[] = {0,   1,   2,     9,     10,         15,        16,       255,
                                      256, 257, 65535, 65536, 4294967295, INT64_MAX, 1LL << 62};
    *random = *random * 6364136223846793005u + 1442695040888963407u;
    uint64_t drawn = *random >> 33;
    return drawn % 3 == 0   ? special[drawn / 3 % TSRI_COUNT(special)]
           : drawn % 3 == 1 ? (int64_t)(drawn / 3 % 40)
                            : (int64_t)((drawn << 31 ^ *random >> 7) & INT64_MAX);
}

void key_suite_reads_keys_back(void **state)
{
    const key_case *row = *state;
    static const int ranks[] = {0, 1, 2, 3, 5, 8, 32};
    uint64_t random = 1;
    for (size_t r = 0; r < TSRI_COUNT(ranks); r++) {
        subject self = open_or_fail(row, ranks[r]);
        for (int step = 0; step < 500; step++) {
            int64_t index[TSR_RANK_MAX], found[TSR_RANK_MAX];
            char text[TSR_KEY_MAX];
            for (int axis = 0; axis < ranks[r]; axis++)
                index[axis] = some_number(&random);
            format_or_fail(&self, index, text, sizeof text);
            assert_int_equal(tsr_store_check_key(text, NULL), 0);
            assert_null(strstr(text, "__"));
            size_t size = strlen(text);
            char *exact = malloc(size); /* a byte too far is noticed */
            memcpy(exact, text, size);
            if (!tsri_chunk_key_parse(self.encoding, ranks[r], exact, size, found))
                fail_msg("%s is not read back", text);
            free(exact);
            assert_memory_equal(found, index, (size_t)ranks[r] * sizeof *index);
        }
        subject_close(&self);
    }
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* All chunks of a small grid, and some far away. */
void key_suite_tells_chunks_apart(void **state)
{
    const key_case *row = *state;
    enum { SIDE = 24, FAR = 200, COUNT = SIDE * SIDE + FAR };
    char(*keys)[128] = calloc(COUNT, sizeof *keys);
    subject self = open_or_fail(row, 2);
    uint64_t random = 3;
    for (int i = 0; i < COUNT; i++) {
        int64_t index[2] = {i / SIDE, i % SIDE};
        if (i >= SIDE * SIDE) {
            index[0] = 1000 + i;
            index[1] = some_number(&random);
        }
        format_or_fail(&self, index, keys[i], sizeof *keys);
    }
    qsort(keys, COUNT, sizeof *keys, compare_texts);
    for (int i = 0; i + 1 < COUNT; i++) {
        size_t length = strlen(keys[i]);
        if (strcmp(keys[i], keys[i + 1]) == 0)
            fail_msg("%s twice", keys[i]);
        /* What has another key as its folder comes somewhere behind it. */
        for (int j = i + 1; j < COUNT && strncmp(keys[j], keys[i], length) == 0; j++)
            if (keys[j][length] == '/')
                fail_msg("%s is a folder of %s", keys[i], keys[j]);
    }
    subject_close(&self);
    free(keys);
}

/* Texts that differ from a key in one place, or end early or late: whatever is taken is a key. */
void key_suite_refuses_other_texts(void **state)
{
    const key_case *row = *state;
    static const char others[] = "0123456789abcdefABCDEF./-+ cC_\x80";
    subject self = open_or_fail(row, 2);
    const int64_t index[2] = {37, 1005};
    char text[128], again[128];
    int64_t found[2];
    format_or_fail(&self, index, text, sizeof text);
    size_t size = strlen(text);
    for (size_t at = 0; at < size; at++)
        for (size_t k = 0; k + 1 < sizeof others; k++) {
            char changed[128];
            memcpy(changed, text, size + 1);
            changed[at] = others[k];
            if (!tsri_chunk_key_parse(self.encoding, 2, changed, size, found))
                continue;
            format_or_fail(&self, found, again, sizeof again);
            assert_string_equal(again, changed);
        }
    for (size_t length = 0; length < size; length++)
        if (tsri_chunk_key_parse(self.encoding, 2, text, length, found)) {
            format_or_fail(&self, found, again, sizeof again);
            assert_true(strlen(again) == length && memcmp(again, text, length) == 0);
        }
    strcat(text, "/");
    assert_false(tsri_chunk_key_parse(self.encoding, 2, text, size + 1, found));
    static const char *const never[] = {"zarr.json", "", "/", "c", "c/", "x", "__lock"};
    for (size_t i = 0; i < TSRI_COUNT(never); i++)
        assert_false(tsri_chunk_key_parse(self.encoding, 2, never[i], strlen(never[i]), found));
    subject_close(&self);
}

void key_suite_describes_itself(void **state)
{
    const key_case *row = *state;
    const int64_t index[3] = {7, 0, 123456};
    subject self = open_or_fail(row, 3);
    tsr_output output = TSRI_OUTPUT_INIT(SIZE_MAX);
    tsr_error err = TSR_ERROR_INIT;
    good(self.encoding->ops->describe(self.encoding->state, &output, &err), &err);
    good(tsr_output_append(&output, "", 1, &err), &err);
    const key_case again = {row->ops, row->name, output.data};
    subject other = open_or_fail(&again, 3);
    assert_true(tsri_key_encoding_agrees(self.encoding, other.encoding));
    assert_string_equal(self.encoding->json, other.encoding->json);
    char one[128], two[128];
    format_or_fail(&self, index, one, sizeof one);
    format_or_fail(&other, index, two, sizeof two);
    assert_string_equal(one, two);
    subject_close(&other);
    subject_close(&self);
    tsri_output_clear(&output);
}

/* Every capacity either takes the whole key or is refused, and nothing behind it is touched. */
void key_suite_keeps_to_its_room(void **state)
{
    const key_case *row = *state;
    const int64_t index[3] = {7, 99, 123456};
    char text[128];
    subject self = open_or_fail(row, 3);
    format_or_fail(&self, index, text, sizeof text);
    for (size_t capacity = 1; capacity < strlen(text) + 3; capacity++) {
        char *room = malloc(capacity);
        size_t length = 0;
        tsr_error err = TSR_ERROR_INIT;
        int status = self.encoding->ops->format(self.encoding->state, 3, index, room, capacity,
                                                &length, &err);
        assert_int_equal(status, capacity > strlen(text) ? 0 : TSR_LIMIT);
        if (status == 0)
            assert_string_equal(room, text);
        free(room);
    }
    subject_close(&self);
}

/* ---- an array ---- */

static int count_key(void *user, const char *key, int64_t size_bytes)
{
    (void)size_bytes;
    snprintf(user, 128, "%s", key);
    return 0;
}

static int count_chunk(void *user, const tsr_chunk_info *info)
{
    *(int *)user += info->state == TSR_CHUNK_STORED;
    return 0;
}

static int stored_chunks(fixture *f, tsr_array *array)
{
    tsr_chunk_walk_options options;
    int count = 0;
    tsr_chunk_walk_options_init(&options);
    options.stored_only = true; /* by listing, so through the inverse */
    good(tsr_array_walk_chunks(array, &options, count_chunk, &count, NULL, &f->err), &f->err);
    return count;
}

static int count_entry(void *user, const tsr_store_entry *entry)
{
    (void)entry;
    ++*(int *)user;
    return 0;
}

static tsr_array *create(fixture *f, const key_case *row)
{
    static const int64_t shape[2] = {9, 7}, chunk[2] = {2, 3};
    char keys[512];
    tsr_array_create_options options;
    tsr_array *array = NULL;
    snprintf(keys, sizeof keys, "{\"name\":\"%s\",\"configuration\":%s}", row->name,
             row->configuration ? row->configuration : "{}");
    tsr_array_create_options_init(&options);
    options.store = f->store;
    options.dtype = TSR_INT32;
    options.rank = 2;
    options.shape = shape;
    options.chunk_shape = chunk;
    options.chunk_keys = keys;
    good(tsr_array_create(f->context, "group/a", &options, &array, &f->err), &f->err);
    return array;
}

void key_suite_serves_an_array(void **state)
{
    const key_case *row = *state;
    fixture f;
    int32_t values[63], found[63];
    char orphan[128] = "";
    int entries = 0;

    fixture_open(&f, "memory:");
    if (row->ops)
        good(tsr_chunk_key_register(f.context, row->ops, &f.err), &f.err);
    for (int i = 0; i < 63; i++)
        values[i] = i + 1;
    tsr_array *array = create(&f, row);
    good(tsr_array_write(array, NULL, NULL, NULL, values, sizeof values, NULL, &f.err), &f.err);
    tsr_array_close(array);

    array = array_open(&f, f.store, "group/a", true);
    good(tsr_array_read(array, NULL, NULL, NULL, found, sizeof found, NULL, &f.err), &f.err);
    assert_memory_equal(found, values, sizeof values);
    assert_int_equal(stored_chunks(&f, array), 15);
    good(tsr_array_orphan_keys(array, count_key, orphan, NULL, &f.err), &f.err);
    assert_string_equal(orphan, "");

    const int64_t smaller[2] = {4, 7};
    good(tsr_array_resize(array, smaller, NULL, NULL, &f.err), &f.err);
    assert_int_equal(stored_chunks(&f, array), 6);
    good(tsr_store_list(f.store, "group/a/", false, count_entry, &entries, NULL, &f.err), &f.err);
    assert_int_equal(entries, 7); /* no chunk was left behind */
    put_bytes(&f, f.store, "group/a/foreign", "x", 1);
    good(tsr_array_orphan_keys(array, count_key, orphan, NULL, &f.err), &f.err);
    assert_string_equal(orphan, "foreign");
    tsr_array_close(array);
    fixture_close(&f);
}
