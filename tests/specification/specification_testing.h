/* Tests named after the sentences of a specification.
 *
 * A row of a table is one sentence: where it stands, what it says in few words, and the test that
 * proves it, named must_... `tests/interop/conformance.py` reads these rows out of the sources into
 * docs/conformance.md, so that a row stays on the form MUST("section", "sentence", name).
 *
 * Included after cmocka.h. */
#ifndef TESTS_SPECIFICATION_TESTING_H
#define TESTS_SPECIFICATION_TESTING_H

#include <tessera/group.h>

#include "support/edited_document.h"
#include "unit/array/array_testing.h"

typedef struct must {
    const char *section, *sentence;
    struct CMUnitTest test;
} must;

#define MUST(section, sentence, function)         \
    {                                             \
        section, sentence, FIXTURE_TEST(function) \
    }
#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

/* Runs a table; the return value of main. */
static inline int run_musts(const char *name, const must *rows, size_t count)
{
    struct CMUnitTest *tests = calloc(count, sizeof *tests);
    for (size_t i = 0; i < count; i++)
        tests[i] = rows[i].test;
    int failed = _cmocka_run_group_tests(name, tests, count, NULL, NULL);
    free(tests);
    return failed;
}

/* ---- documents ---- */

#define BYTES "{\"name\":\"bytes\",\"configuration\":{\"endian\":\"little\"}}"
#define GRID(shape) "{\"name\":\"regular\",\"configuration\":{\"chunk_shape\":[" shape "]}}"
#define SHARD(shape, codecs, index)                                             \
    "{\"name\":\"sharding_indexed\",\"configuration\":{\"chunk_shape\":[" shape \
    "],\"codecs\":[" codecs "],\"index_codecs\":[" index "]}}"
#define CRC "{\"name\":\"crc32c\"}"

/* An array of 4 by 6 int16, in chunks of 2 by 3. */
static const char *const array_members[][2] = {
    {"zarr_format", "3"},
    {"node_type", "\"array\""},
    {"shape", "[4,6]"},
    {"data_type", "\"int16\""},
    {"chunk_grid", GRID("2,3")},
    {"chunk_key_encoding", "{\"name\":\"default\",\"configuration\":{\"separator\":\"/\"}}"},
    {"fill_value", "-1"},
    {"codecs", "[" BYTES "]"},
};

/* Puts the document of the array "a" with edits, and opens it for writing. */
static inline int try_document(fixture *f, const edit *edits, size_t count, tsr_array **ret_array)
{
    tsr_array_open_options options;
    char *text = edited_document(array_members, COUNT(array_members), edits, count);
    put_bytes(f, f->store, "a/zarr.json", text, strlen(text));
    free(text);
    tsr_array_open_options_init(&options);
    options.store = f->store;
    options.writable = true;
    tsr_error_clear(&f->err);
    return tsr_array_open(f->context, "a", &options, ret_array, &f->err);
}

static inline tsr_array *open_document(fixture *f, const edit *edits, size_t count, int line)
{
    tsr_array *array = NULL;
    int status = try_document(f, edits, count, &array);
    if (status < 0)
        fail_msg("line %d: refused: %s %s", line, f->err.message, f->err.where);
    return array;
}

static inline void refuse_document(fixture *f, const edit *edits, size_t count, int status,
                                   const char *text, int line)
{
    tsr_array *array = NULL;
    int found = try_document(f, edits, count, &array);
    if (found != status || !strstr(f->err.message, text))
        fail_msg("line %d: status %d: %s; expected %d with %s", line, found,
                 found < 0 ? f->err.message : "opened", status, text);
}

#define EDITS(...) (edit[]){__VA_ARGS__}, COUNT(((edit[]){__VA_ARGS__}))
#define OPEN(f, ...) open_document((f), EDITS(__VA_ARGS__), __LINE__)
#define TAKES(f, ...) tsr_array_close(OPEN(f, __VA_ARGS__))
/* The document is refused, and the message has `text` in it: a JSON pointer and the reason. */
#define REFUSES(f, status, text, ...) \
    refuse_document((f), EDITS(__VA_ARGS__), (status), (text), __LINE__)
#define BAD(f, text, ...) REFUSES(f, TSR_BAD_METADATA, text, __VA_ARGS__)

/* ---- values ---- */

#define READ_ALL(f, array, values)                                                             \
    good(tsr_array_read((array), NULL, NULL, NULL, (values), sizeof(values), NULL, &(f)->err), \
         &(f)->err)
#define WRITE_ALL(f, array, values)                                                             \
    good(tsr_array_write((array), NULL, NULL, NULL, (values), sizeof(values), NULL, &(f)->err), \
         &(f)->err)

/* The value under a key is exactly these bytes. */
static inline void stored_at(fixture *f, const char *key, const void *bytes, size_t size_bytes,
                             int line)
{
    size_t size = 0;
    unsigned char *found = get_bytes(f, f->store, key, &size);
    if (!found)
        fail_msg("line %d: nothing is stored under %s", line, key);
    if (size != size_bytes || memcmp(found, bytes, size) != 0) {
        for (size_t i = 0; i < size; i++)
            print_error("%02x ", found[i]);
        fail_msg("line %d: other bytes under %s", line, key);
    }
    free(found);
}
#define STORED(f, key, ...)                                   \
    stored_at((f), (key), (const unsigned char[])__VA_ARGS__, \
              sizeof((const unsigned char[])__VA_ARGS__), __LINE__)
#define PUT(f, key, ...)                                                  \
    put_bytes((f), (f)->store, (key), (const unsigned char[])__VA_ARGS__, \
              sizeof((const unsigned char[])__VA_ARGS__))

static inline bool is_stored(fixture *f, const char *key)
{
    size_t size;
    unsigned char *found = get_bytes(f, f->store, key, &size);
    free(found);
    return found != NULL;
}

/* The document of the array as it is written now. The caller frees it. */
static inline char *document_at(fixture *f, const char *key)
{
    size_t size = 0;
    char *text = (char *)get_bytes(f, f->store, key, &size);
    assert_non_null(text);
    text[size] = 0;
    return text;
}

static inline void assert_has(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("no %s in %s", part, text);
}

static inline void assert_has_not(const char *text, const char *part)
{
    if (strstr(text, part))
        fail_msg("%s in %s", part, text);
}

#endif
