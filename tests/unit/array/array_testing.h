/* What the tests of arrays share: a context with a store in memory, arrays made from a few words,
 * and values to compare with. Included after cmocka.h. */
#ifndef TESTS_UNIT_ARRAY_ARRAY_TESTING_H
#define TESTS_UNIT_ARRAY_ARRAY_TESTING_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/hand_made.h"
#include <tessera/sys/array.h>

/* ThreadSanitizer knows no threads in a child that was forked among threads, and sanitizers take
 * memory of their own. */
#if defined(__SANITIZE_THREAD__)
#define CAN_FORK 0
#else
#define CAN_FORK 1
#endif
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define CAN_MEASURE_MEMORY 0
#else
#define CAN_MEASURE_MEMORY 1
#endif

/* A context of four threads, whatever the machine has, so that threads meet; and a store. */
typedef struct fixture {
    tsr_context *context;
    tsr_store *store; /* in memory */
    tsr_error err;
} fixture;

static inline void fixture_open(fixture *f, const char *url)
{
    tsr_context_options options;
    memset(f, 0, sizeof *f);
    tsr_context_options_init(&options);
    options.threads = 4;
    assert_int_equal(tsr_context_new(&options, &f->context, &f->err), 0);
    assert_int_equal(tsr_store_open(f->context, url, &f->store, &f->err), 0);
}

static inline void fixture_close(fixture *f)
{
    tsr_store_close(f->store);
    tsr_context_free(f->context);
}

static inline int fixture_set_up(void **state)
{
    *state = calloc(1, sizeof(fixture));
    fixture_open(*state, "memory:");
    return 0;
}

static inline int fixture_tear_down(void **state)
{
    fixture_close(*state);
    free(*state);
    return 0;
}

#define FIXTURE_TEST(function) \
    cmocka_unit_test_setup_teardown(function, fixture_set_up, fixture_tear_down)

/* Fails the test with the message of the error when a call failed. */
static inline void good_at(int status, const tsr_error *err, const char *file, int line)
{
    if (status < 0) {
        print_error("%s: %s [%s] (%s)\n", tsr_status_name(status), err->message, err->where,
                    err->next_step);
        _fail(file, line);
    }
}
#define good(call, err) good_at((call), (err), __FILE__, __LINE__)

/* How a test asks for an array. Lengths end with the rank. */
typedef struct array_row {
    const char *name;
    int zarr_format; /* 0: 3 */
    int rank;
    int64_t shape[TSR_RANK_MAX], chunk[TSR_RANK_MAX], shard[TSR_RANK_MAX]; /* shard[0] 0: none */
    const char *codec, *codecs, *filters, *serializer, *compressors, *index_codecs;
    bool index_at_start;
    char order;
} array_row;

static inline void row_options(const array_row *row, const tsr_dtype *dtype, const void *fill_value,
                               tsr_array_create_options *ret_options)
{
    tsr_array_create_options_init(ret_options);
    if (row->zarr_format)
        ret_options->zarr_format = row->zarr_format;
    ret_options->dtype = dtype;
    ret_options->rank = row->rank;
    ret_options->shape = row->shape;
    ret_options->chunk_shape = row->chunk;
    ret_options->shard_shape = row->rank > 0 && row->shard[0] ? row->shard : NULL;
    ret_options->fill_value = fill_value;
    ret_options->codec = row->codec;
    ret_options->codecs = row->codecs;
    ret_options->filters = row->filters;
    ret_options->serializer = row->serializer;
    ret_options->compressors = row->compressors;
    ret_options->index_codecs = row->index_codecs;
    ret_options->index_at_start = row->index_at_start;
    if (row->order)
        ret_options->order = row->order;
}

static inline tsr_array *array_new(fixture *f, tsr_store *store, const char *path,
                                   const array_row *row, const tsr_dtype *dtype,
                                   const void *fill_value)
{
    tsr_array_create_options options;
    tsr_array *array = NULL;
    row_options(row, dtype, fill_value, &options);
    options.store = store;
    good(tsr_array_create(f->context, path, &options, &array, &f->err), &f->err);
    return array;
}

static inline tsr_array *array_open(fixture *f, tsr_store *store, const char *path, bool writable)
{
    tsr_array_open_options options;
    tsr_array *array = NULL;
    tsr_array_open_options_init(&options);
    options.store = store;
    options.writable = writable;
    good(tsr_array_open(f->context, path, &options, &array, &f->err), &f->err);
    return array;
}

static inline void put_bytes(fixture *f, tsr_store *store, const char *key, const void *bytes,
                             size_t size_bytes)
{
    good(tsr_store_put(store, key, bytes, size_bytes, TSR_DURABILITY_NONE, NULL, &f->err), &f->err);
}

/* The bytes under a key, in memory that the caller frees; NULL when there are none. */
static inline unsigned char *get_bytes(fixture *f, tsr_store *store, const char *key,
                                       size_t *ret_size)
{
    tsr_blob *blob;
    int status =
        tsr_store_get(store, key, (tsr_range){TSR_RANGE_WHOLE, 0, 0}, NULL, &blob, NULL, &f->err);
    if (status == TSR_NOT_FOUND) {
        tsr_error_clear(&f->err);
        return NULL;
    }
    good(status, &f->err);
    *ret_size = tsr_blob_size(blob);
    unsigned char *copy = malloc(*ret_size + 1);
    memcpy(copy, tsr_blob_data(blob), *ret_size);
    tsr_blob_unref(blob);
    return copy;
}

/* ---- bytes made by hand ---- */

/* Writes the index of a shard with its checksum at `to`; words are offset, size, offset, size.
 * Returns its size. */
static inline size_t hand_made_index(unsigned char *to, const uint64_t *words, size_t entries)
{
    for (size_t i = 0; i < 2 * entries; i++)
        store_u64(to + 8 * i, words[i]);
    append_crc32c(to, 16 * entries);
    return 16 * entries + 4;
}

#endif
