/* Proves of the fetch loop, over a store that answers late and in random order: every selection
 * reads right, within the requests and bytes in flight that are allowed; no byte is fetched twice;
 * chunks are decoded once; failures, cancel and deadline end a read at once; a value that is
 * replaced in between is read again. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <time.h>

#include <cmocka.h>
#include <tessera/sys/codec.h>

#include "support/random_index.h"
#include "support/random_view.h"
#include "support/slow_store.h"
#include "unit/array/array_testing.h"

#define RANK_MAX 3
#define NOTHING (-1)

/* What stands at a place, from its position alone. Every seventh plane of the first axis is left
 * out, so that chunks are missing too. */
static int32_t value_at(const array_row *row, const int64_t *position)
{
    int64_t number = 0;
    for (int axis = 0; axis < row->rank; axis++)
        number = number * 1009 + position[axis];
    return row->rank > 0 && position[0] % 7 == 6 ? NOTHING : (int32_t)(number & 0x3fffffff);
}

#define ZSTD "{\"name\":\"zstd\",\"configuration\":{\"level\":1,\"checksum\":false}}"
#define BYTES "{\"name\":\"bytes\",\"configuration\":{\"endian\":\"little\"}}"
#define INDEX "\"index_codecs\":[" BYTES ",{\"name\":\"crc32c\"}]"

static const array_row rows[] = {
    {.name = "raw", .rank = 3, .shape = {20, 17, 23}, .chunk = {8, 5, 23}, .codec = "none"},
    {.name = "zstd", .rank = 3, .shape = {20, 17, 23}, .chunk = {4, 17, 6}, .codec = "zstd:1"},
    {.name = "shards",
     .rank = 3,
     .shape = {20, 17, 23},
     .chunk = {2, 3, 4},
     .shard = {8, 9, 12},
     .codec = "zstd:1"},
    {.name = "start",
     .rank = 3,
     .shape = {20, 17, 23},
     .chunk = {1, 4, 6},
     .shard = {7, 8, 24},
     .codec = "none",
     .index_at_start = true},
    {.name = "turned",
     .rank = 3,
     .shape = {20, 17, 23},
     .chunk = {8, 6, 4},
     .codecs = "[{\"name\":\"transpose\",\"configuration\":{\"order\":[1,2,0]}},"
               "{\"name\":\"sharding_indexed\",\"configuration\":{\"chunk_shape\":[3,2,4],"
               "\"codecs\":[{\"name\":\"transpose\",\"configuration\":{\"order\":[2,0,1]}}," BYTES
               "," ZSTD "]," INDEX "}}]"},
    {.name = "nested",
     .rank = 3,
     .shape = {20, 17, 23},
     .chunk = {8, 8, 24},
     .codecs =
         "[{\"name\":\"sharding_indexed\",\"configuration\":{\"chunk_shape\":[4,4,12],\"codecs\":"
         "[{\"name\":\"sharding_indexed\",\"configuration\":{\"chunk_shape\":[2,1,6],\"codecs\":"
         "[" BYTES "," ZSTD "]," INDEX ",\"index_location\":\"start\"}}]," INDEX "}}]"},
    {.name = "packed",
     .rank = 3,
     .shape = {20, 17, 23},
     .chunk = {8, 8, 24},
     .codecs = "[{\"name\":\"sharding_indexed\",\"configuration\":{\"chunk_shape\":[4,4,12],"
               "\"codecs\":[" BYTES "]," INDEX "}}," ZSTD ",{\"name\":\"crc32c\"}]"},
    {.name = "scalar", .rank = 0, .codec = "zstd:1"},
};

/* Slow stores with one array each, written through the store below. */
typedef struct subject {
    const array_row *row;
    slow_store *slow;
    tsr_array *array;
} subject;

static void write_all(fixture *f, tsr_array *array, const array_row *row)
{
    int64_t position[RANK_MAX] = {0}, count = tsr_array_count(array), i = 0;
    int32_t *values = malloc((size_t)count * sizeof *values);
    do
        values[i++] = value_at(row, position);
    while (tests_next_position(row->rank, row->shape, position));
    assert_int_equal(i, count);
    good(tsr_array_write(array, NULL, NULL, NULL, values, (size_t)count * sizeof *values, NULL,
                         &f->err),
         &f->err);
    free(values);
}

static subject subject_new(fixture *f, const array_row *row, const slow_store_options *options)
{
    static const int32_t nothing = NOTHING;
    subject self = {row, slow_store_open(f->context, options), NULL};
    tsr_array *array = array_new(f, self.slow->below, "a", row, TSR_INT32, &nothing);
    write_all(f, array, row);
    tsr_array_close(array);
    self.array = array_open(f, &self.slow->head, "a", true);
    slow_store_reset(self.slow);
    return self;
}

static void subject_end(subject *self)
{
    tsr_array_close(self->array);
    tsr_store_close(&self->slow->head);
}

/* A random selection: ranges with steps of both signs, now and then a position. */
static void random_index(tests_random *random, const array_row *row, tsr_index *ret_index)
{
    ret_index->rank = row->rank;
    ret_index->layout = NULL;
    for (int axis = 0; axis < row->rank; axis++) {
        int64_t length = row->shape[axis];
        int64_t step = tests_random_below(random, 4) == 0 ? 1 + tests_random_below(random, 9) : 1;
        int64_t start = tests_random_below(random, length);
        int64_t count = 1 + tests_random_below(random, (length - start + step - 1) / step);
        if (tests_random_below(random, 3) == 0) {
            start += (count - 1) * step;
            step = -step;
        }
        bool single = tests_random_below(random, 6) == 0;
        ret_index->axes[axis] = (tsr_index_axis){single ? TSR_INDEX_POSITION : TSR_INDEX_RANGE,
                                                 start, single ? 1 : count, single ? 1 : step};
    }
}

/* Compares what was read with what each position says. */
static void check_values(const array_row *row, const tsr_index *index, const int32_t *values)
{
    int64_t at[TSR_RANK_MAX] = {0}, counts[TSR_RANK_MAX], position[RANK_MAX], i = 0;
    int rank = tsr_index_shape(index, counts);
    if (tsr_index_count(index) == 0)
        return;
    do {
        tsr_index_locate(index, at, position);
        int32_t expected = row->rank == 0 ? 0 : value_at(row, position);
        if (values[i] != expected)
            fail_msg("%s: element %lld is %d where %d stands", row->name, (long long)i, values[i],
                     expected);
        i++;
    } while (tests_next_position(rank, counts, at));
}

static int read_index(subject *self, const tsr_index *index, int32_t *values, const tsr_call *call,
                      tsr_error *err)
{
    int64_t shape[TSR_RANK_MAX];
    tsr_view view;
    int rank = tsr_index_shape(index, shape);
    assert_int_equal(tsr_view_init(&view, TSR_INT32, rank, shape, values, err), 0);
    tsr_read_request request = {self->array, index, &view, TSR_CASTING_NO};
    return tsr_read_many(self->slow->head.context, &request, 1, call, err);
}

static void every_selection_reads_right_within_the_limits(void **state)
{
    fixture *f = *state;
    tests_random random;
    tests_random_init(&random);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const slow_store_options options = {.requests_in_flight = i % 2 ? 3 : 8,
                                            .delay_us = 60,
                                            .coalesce_gap_bytes = i % 3 ? 64 : 0,
                                            .largest_range_bytes = i % 2 ? 512 : 0};
        subject self = subject_new(f, &rows[i], &options);
        for (int round = 0; round < 12; round++) {
            tsr_index index;
            random_index(&random, &rows[i], &index);
            int32_t *values = malloc((size_t)tsr_index_count(&index) * sizeof *values);
            good(read_index(&self, &index, values, NULL, &f->err), &f->err);
            check_values(&rows[i], &index, values);
            assert_int_equal(slow_store_bytes_twice(self.slow, NULL), 0);
            assert_true(slow_store_stats(self.slow).most_in_flight <= options.requests_in_flight);
            slow_store_reset(self.slow);
            free(values);
        }
        subject_end(&self);
    }
}

static void every_list_reads_right_within_the_limits(void **state)
{
    fixture *f = *state;
    tests_random random;
    tests_random_init(&random);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const slow_store_options options = {.requests_in_flight = i % 2 ? 3 : 8,
                                            .delay_us = 60,
                                            .coalesce_gap_bytes = i % 3 ? 64 : 0,
                                            .largest_range_bytes = i % 2 ? 512 : 0};
        subject self = subject_new(f, &rows[i], &options);
        for (int round = 0; round < 20; round++) {
            tsr_index index;
            tests_random_index(&random, rows[i].rank, rows[i].shape, 7, 9, &index);
            int32_t *values = malloc((size_t)tsr_index_count(&index) * sizeof *values + 1);
            good(read_index(&self, &index, values, NULL, &f->err), &f->err);
            check_values(&rows[i], &index, values);
            assert_true(slow_store_stats(self.slow).most_in_flight <= options.requests_in_flight);
            slow_store_reset(self.slow);
            free(values);
            tsr_index_clear(&index);
        }
        subject_end(&self);
    }
}

static void many_requests_are_on_the_wire(void **state)
{
    fixture *f = *state;
    subject self = subject_new(f, &rows[1], &(slow_store_options){.delay_us = 20000});
    int32_t *values = malloc((size_t)tsr_array_size(self.array));
    tsr_index all;
    tsr_index_all(&all, 3, rows[1].shape);
    good(read_index(&self, &all, values, NULL, &f->err), &f->err);
    check_values(&rows[1], &all, values);
    assert_int_equal(slow_store_stats(self.slow).requests, 20);  /* 5 x 1 x 4 chunks */
    assert_true(slow_store_stats(self.slow).most_in_flight > 4); /* more than there are threads */
    free(values);
    subject_end(&self);
}

static void bytes_in_flight_keep_to_the_budget(void **state)
{
    fixture *f = *state;
    static const array_row big = {.name = "big",
                                  .rank = 1,
                                  .shape = {200000},
                                  .chunk = {1000},
                                  .shard = {20000},
                                  .codec = "none"};
    const slow_store_options options = {.requests_in_flight = 16, .largest_range_bytes = 8192};
    const tsr_call call = {.byte_budget = 20000};
    subject self = subject_new(f, &big, &options);
    int32_t *values = malloc((size_t)tsr_array_size(self.array));
    tsr_index all;
    tsr_index_all(&all, 1, big.shape);
    good(read_index(&self, &all, values, &call, &f->err), &f->err);
    check_values(&big, &all, values);
    slow_store_counts counts = slow_store_stats(self.slow);
    assert_true(counts.most_bytes_in_flight <= call.byte_budget);
    assert_true(counts.most_in_flight > 1);
    /* A request that is larger than the budget runs alone. */
    slow_store_reset(self.slow);
    good(read_index(&self, &all, values, &(tsr_call){.byte_budget = 100}, &f->err), &f->err);
    check_values(&big, &all, values);
    assert_int_equal(slow_store_stats(self.slow).most_in_flight, 1);
    free(values);
    subject_end(&self);
}

/* Wakings are lost, if at all, in moments: so many of them are tried. */
static void no_waking_is_lost(void **state)
{
    fixture *f = *state;
    const slow_store_options options = {.requests_in_flight = 2, .delay_us = 30};
    subject self = subject_new(f, &rows[5], &options);
    int32_t *values = malloc((size_t)tsr_array_size(self.array));
    tsr_index all;
    tsr_index_all(&all, 3, rows[5].shape);
    const tsr_call call = {.byte_budget = 300};
    for (int round = 0; round < 12; round++) {
        memset(values, 0x55, (size_t)tsr_array_size(self.array));
        good(read_index(&self, &all, values, round % 2 ? &call : NULL, &f->err), &f->err);
        check_values(&rows[5], &all, values);
    }
    free(values);
    subject_end(&self);
}

/* ---- decoding once: a codec that counts ---- */

static int64_t decodes; /* atomic */

static int counting_open(const tsr_codec_setup *setup, void **ret_codec, tsr_codec_type *ret_output,
                         tsr_error *err)
{
    (void)setup;
    (void)ret_output;
    (void)err;
    *ret_codec = NULL;
    return 0;
}

static int counting_describe(const void *codec, int zarr_format, tsr_output *output, tsr_error *err)
{
    (void)codec;
    (void)zarr_format;
    return tsr_output_append(output, "{}", 2, err);
}

static tsr_size_bound counting_bound(const void *codec, uint64_t size_bytes)
{
    (void)codec;
    return (tsr_size_bound){TSR_SIZE_FIXED, size_bytes};
}

static int counting_encode(const void *codec, tsr_codec_scratch *scratch, const void *bytes,
                           size_t size_bytes, tsr_output *output, tsr_error *err)
{
    (void)codec;
    (void)scratch;
    return tsr_output_append(output, bytes, size_bytes, err);
}

static int counting_decode(const void *codec, tsr_codec_scratch *scratch, const void *bytes,
                           size_t size_bytes, void *output, size_t capacity_bytes,
                           size_t *ret_size_bytes, tsr_error *err)
{
    (void)codec;
    (void)scratch;
    if (size_bytes > capacity_bytes)
        return tsr_error_set(err, TSR_DAMAGED, "too many bytes");
    memcpy(output, bytes, size_bytes);
    *ret_size_bytes = size_bytes;
    __atomic_fetch_add(&decodes, 1, __ATOMIC_RELAXED);
    return 0;
}

static const tsr_codec_ops counting_codec = {
    .struct_size = sizeof counting_codec,
    .name = "test.counting",
    .kind = TSR_CODEC_BYTES_TO_BYTES,
    .open = counting_open,
    .describe = counting_describe,
    .bytes_bound = counting_bound,
    .encode_bytes = counting_encode,
    .decode_bytes = counting_decode,
};

static void a_batch_decodes_each_chunk_once(void **state)
{
    enum { BOXES = 60, SIDE = 7 };
    static const array_row row = {.name = "counted",
                                  .rank = 2,
                                  .shape = {64, 64},
                                  .chunk = {4, 8},
                                  .shard = {16, 32},
                                  .compressors = "[{\"name\":\"test.counting\"}]"};
    fixture *f = *state;
    tests_random random;
    tsr_index indexes[BOXES];
    tsr_view views[BOXES];
    tsr_read_request requests[BOXES];
    int32_t values[BOXES][SIDE * SIDE];
    bool touched[16][8] = {{false}};
    int64_t expected = 0;

    tests_random_init(&random);
    assert_int_equal(tsr_codec_register(f->context, &counting_codec, &f->err), 0);
    subject self = subject_new(f, &row, &(slow_store_options){.delay_us = 50});
    for (int i = 0; i < BOXES; i++) {
        int64_t start[] = {tests_random_below(&random, 64 - SIDE),
                           tests_random_below(&random, 64 - SIDE)};
        const int64_t count[] = {SIDE, SIDE};
        good(tsr_index_box(&indexes[i], 2, row.shape, start, count, NULL, &f->err), &f->err);
        good(tsr_view_init(&views[i], TSR_INT32, 2, count, values[i], &f->err), &f->err);
        requests[i] = (tsr_read_request){self.array, &indexes[i], &views[i], TSR_CASTING_NO};
        for (int64_t y = start[0]; y < start[0] + SIDE; y++)
            for (int64_t x = start[1]; x < start[1] + SIDE; x++)
                touched[y / 4][x / 8] = true;
    }
    for (int i = 0; i < 16 * 8; i++)
        expected += touched[i / 8][i % 8];
    decodes = 0;
    good(tsr_read_many(f->context, requests, BOXES, NULL, &f->err), &f->err);
    for (int i = 0; i < BOXES; i++)
        check_values(&row, &indexes[i], values[i]);
    assert_int_equal(decodes, expected);
    assert_int_equal(slow_store_bytes_twice(self.slow, NULL), 0);
    subject_end(&self);
}

/* Points all over a sharded array, each inner chunk's many times: as many decodes as there are
 * inner chunks with points. */
static void points_decode_each_inner_chunk_once(void **state)
{
    enum { POINTS = 1000000, SIDE = 96, SHARD = 48, INNER = 16, CELLS = SIDE / INNER };
    static const array_row row = {.name = "dotted",
                                  .rank = 3,
                                  .shape = {SIDE, SIDE, SIDE},
                                  .chunk = {INNER, INNER, INNER},
                                  .shard = {SHARD, SHARD, SHARD},
                                  .compressors = "[{\"name\":\"test.counting\"}]"};
    fixture *f = *state;
    tests_random random;
    tsr_view table, view;
    tsr_index index;
    bool touched[CELLS][CELLS][CELLS] = {{{false}}};
    int64_t expected = 0, (*points)[3] = malloc(POINTS * sizeof *points);
    int32_t *values = malloc(POINTS * sizeof *values);

    tests_random_init(&random);
    assert_int_equal(tsr_codec_register(f->context, &counting_codec, &f->err), 0);
    subject self = subject_new(f, &row, &(slow_store_options){.delay_us = 50});
    for (int i = 0; i < POINTS; i++) {
        int64_t *at = points[i]; /* two thirds of the array */
        for (int axis = 0; axis < 3; axis++)
            at[axis] = tests_random_below(&random, axis == 1 ? SIDE * 2 / 3 : SIDE);
        touched[at[0] / INNER][at[1] / INNER][at[2] / INNER] = true;
    }
    for (int i = 0; i < CELLS * CELLS * CELLS; i++)
        expected += touched[i / CELLS / CELLS][i / CELLS % CELLS][i % CELLS];
    good(tsr_view_init(&table, TSR_INT64, 2, (const int64_t[]){POINTS, 3}, points, &f->err),
         &f->err);
    good(tsr_index_points(&index, 3, row.shape, &table, &f->err), &f->err);
    good(tsr_view_init(&view, TSR_INT32, 1, table.shape, values, &f->err), &f->err);
    tsr_read_request request = {self.array, &index, &view, TSR_CASTING_NO};
    decodes = 0;
    good(tsr_read_many(f->context, &request, 1, NULL, &f->err), &f->err);
    assert_int_equal(expected, CELLS * CELLS * CELLS * 2 / 3);
    assert_int_equal(decodes, expected);
    assert_int_equal(slow_store_bytes_twice(self.slow, NULL), 0);
    for (int i = 0; i < POINTS; i++)
        assert_true(values[i] == value_at(&row, points[i]));
    tsr_index_clear(&index);
    subject_end(&self);
    free(points);
    free(values);
}

/* ---- failures ---- */

/* The error of the failed request is that of the read, wherever it strikes; and then all is well
 * again. */
static void one_failing_request_ends_the_read(void **state)
{
    fixture *f = *state;
    static const int kinds[] = {TSR_IO, TSR_UNREACHABLE, TSR_PERMISSION, TSR_NO_MEMORY};
    for (size_t i = 0; i + 1 < sizeof rows / sizeof *rows; i++) {
        subject self = subject_new(f, &rows[i], &(slow_store_options){.delay_us = 40});
        int32_t *values = malloc((size_t)tsr_array_size(self.array));
        tsr_index all;
        tsr_index_all(&all, rows[i].rank, rows[i].shape);
        good(read_index(&self, &all, values, NULL, &f->err), &f->err);
        slow_store_reset(self.slow); /* indexes are known from here on */
        good(read_index(&self, &all, values, NULL, &f->err), &f->err);
        int64_t requests = slow_store_stats(self.slow).requests;
        for (int64_t n = 1; n <= requests; n += 1 + requests / 9) {
            int kind = kinds[n % 4];
            tsr_error err = TSR_ERROR_INIT;
            slow_store_reset(self.slow);
            slow_store_fail(self.slow, n, kind);
            assert_int_equal(read_index(&self, &all, values, NULL, &err), kind);
            assert_int_equal(err.status, kind);
            assert_non_null(strstr(err.message, "injected"));
            assert_non_null(strstr(err.message, "slow:/a: ")); /* the array, and its chunk */
            assert_non_null(strstr(err.where, "slow:/a/c"));
        }
        slow_store_reset(self.slow);
        good(read_index(&self, &all, values, NULL, &f->err), &f->err);
        check_values(&rows[i], &all, values);
        free(values);
        subject_end(&self);
    }
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int cancel_soon(void *user)
{
    return ++*(int *)user >= 2;
}

/* 100 chunks one after the other would take a second; all that is under way takes 20 ms. */
static void cancel_and_deadline_end_a_read_soon(void **state)
{
    fixture *f = *state;
    static const array_row row = {
        .name = "long", .rank = 1, .shape = {10000}, .chunk = {10}, .codec = "none"};
    const slow_store_options options = {.requests_in_flight = 2, .delay_us = 20000};
    subject self = subject_new(f, &row, &options);
    int32_t *values = malloc(sizeof *values * 10000);
    tsr_index all;
    int polls = 0, cancel = 1;
    const tsr_call deadline = {.deadline_ms = 60}, cancelled = {.cancel = &cancel},
                   poll = {.poll = cancel_soon, .user = &polls},
                   parked = {.deadline_ms = 60, .byte_budget = 40};

    tsr_index_all(&all, 1, row.shape);
    int64_t start = now_ms();
    assert_int_equal(read_index(&self, &all, values, &deadline, &f->err), TSR_DEADLINE);
    assert_true(now_ms() - start >= 60 && now_ms() - start < 600);
    start = now_ms();
    assert_int_equal(read_index(&self, &all, values, &parked, &f->err), TSR_DEADLINE);
    assert_true(now_ms() - start < 600);
    start = now_ms();
    assert_int_equal(read_index(&self, &all, values, &poll, &f->err), TSR_CANCELLED);
    assert_int_equal(polls, 2);
    assert_true(now_ms() - start < 600);
    slow_store_reset(self.slow);
    assert_int_equal(read_index(&self, &all, values, &cancelled, &f->err), TSR_CANCELLED);
    assert_int_equal(slow_store_stats(self.slow).requests, 0);
    free(values);
    subject_end(&self);
}

/* ---- values that are replaced while they are read ---- */

typedef struct replacement {
    fixture *f;
    const array_row *row;
    int32_t version;   /* all elements have this value */
    int64_t at, times; /* the request before which it happens first, and how often */
} replacement;

static void write_version(fixture *f, tsr_store *store, int32_t version)
{
    tsr_array *array = array_open(f, store, "a", true);
    int64_t count = tsr_array_count(array);
    int32_t *values = malloc((size_t)count * sizeof *values);
    for (int64_t i = 0; i < count; i++)
        values[i] = version;
    good(tsr_array_write(array, NULL, NULL, NULL, values, (size_t)count * sizeof *values, NULL,
                         &f->err),
         &f->err);
    free(values);
    tsr_array_close(array);
}

/* Comes from each thread of the store. */
static void replace(void *user, slow_store *store, int64_t number, const char *key)
{
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    replacement *self = user;
    if (number == 0 || number < self->at || !strstr(key, "/c"))
        return;
    pthread_mutex_lock(&mutex);
    if (self->times > 0) {
        self->times--;
        write_version(self->f, store->below, ++self->version);
    }
    pthread_mutex_unlock(&mutex);
}

/* The one chunk of the array must be of one version, which may not be older than the read. */
static void check_one_version(const int32_t *values, int64_t count, int32_t least, int32_t most)
{
    assert_true(values[0] >= least && values[0] <= most);
    for (int64_t i = 1; i < count; i++)
        if (values[i] != values[0])
            fail_msg("element %lld is of version %d, element 0 of %d", (long long)i, values[i],
                     values[0]);
}

#define SHARD_OF(inner)                                                                           \
    "[{\"name\":\"sharding_indexed\",\"configuration\":{\"chunk_shape\":[500],\"codecs\":[" inner \
    "]," INDEX "}}]"
#define INNER_SHARD                                                                              \
    "{\"name\":\"sharding_indexed\",\"configuration\":{\"chunk_shape\":[100],\"codecs\":[" BYTES \
    "]," INDEX "}}"

static const array_row one_chunk[] = {
    {.name = "raw", .rank = 1, .shape = {2000}, .chunk = {2000}, .codec = "none"},
    {.name = "shard", .rank = 1, .shape = {2000}, .chunk = {2000}, .codecs = SHARD_OF(BYTES)},
    {.name = "nested",
     .rank = 1,
     .shape = {2000},
     .chunk = {2000},
     .codecs = SHARD_OF(INNER_SHARD)},
};

static void replaced_values_are_read_again(void **state)
{
    enum { COUNT = 2000 };
    fixture *f = *state;
    static const int32_t nothing = NOTHING;
    int32_t *values = malloc(COUNT * sizeof *values);
    for (size_t i = 0; i < sizeof one_chunk / sizeof *one_chunk; i++)
        for (int at_once = 0; at_once < 2; at_once++)
            for (int64_t at = 1; at < 8; at++) {
                const slow_store_options options = {
                    .delay_us = 40, .largest_range_bytes = 1000, .at_once = at_once};
                subject self = {&one_chunk[i], slow_store_open(f->context, &options), NULL};
                tsr_array_close(array_new(f, self.slow->below, "a", self.row, TSR_INT32, &nothing));
                write_version(f, self.slow->below, 1);
                self.array = array_open(f, &self.slow->head, "a", false);
                slow_store_reset(self.slow);
                replacement change = {f, self.row, 1, at, at % 2 ? 1 : 3};
                slow_store_before(self.slow, replace, &change);
                good(tsr_array_read(self.array, NULL, NULL, NULL, values, COUNT * sizeof *values,
                                    NULL, &f->err),
                     &f->err);
                check_one_version(values, COUNT, 1, change.version);
                slow_store_before(self.slow, NULL, NULL);
                subject_end(&self);
            }
    free(values);
}

/* A writer that never rests does not keep a reader out. */
static void a_value_that_keeps_changing_is_read_nevertheless(void **state)
{
    enum { COUNT = 2000 };
    fixture *f = *state;
    static const int32_t nothing = NOTHING;
    int32_t *values = malloc(COUNT * sizeof *values);
    for (size_t i = 0; i < sizeof one_chunk / sizeof *one_chunk; i++) {
        const slow_store_options options = {.delay_us = 40, .largest_range_bytes = 1000};
        subject self = {&one_chunk[i], slow_store_open(f->context, &options), NULL};
        tsr_array_close(array_new(f, self.slow->below, "a", self.row, TSR_INT32, &nothing));
        write_version(f, self.slow->below, 1);
        self.array = array_open(f, &self.slow->head, "a", false);
        slow_store_reset(self.slow);
        replacement change = {f, self.row, 1, 1, INT64_MAX};
        slow_store_before(self.slow, replace, &change);
        good(tsr_array_read(self.array, NULL, NULL, NULL, values, COUNT * sizeof *values, NULL,
                            &f->err),
             &f->err);
        check_one_version(values, COUNT, 1, change.version);
        slow_store_before(self.slow, NULL, NULL);
        subject_end(&self);
    }
    free(values);
}

static int ignore_piece(void *user, const tsr_view *piece, const int64_t *position, tsr_error *err)
{
    (void)position;
    (void)err;
    __atomic_fetch_add((int64_t *)user, tsr_view_count(piece), __ATOMIC_RELAXED);
    return 0;
}

/* What a sink was given cannot be taken back, so a change is an error that says so. */
static void a_sink_is_told_of_a_change(void **state)
{
    fixture *f = *state;
    static const int32_t nothing = NOTHING;
    const slow_store_options options = {
        .delay_us = 40, .largest_range_bytes = 1000, .requests_in_flight = 1};
    subject self = {&one_chunk[1], slow_store_open(f->context, &options), NULL};
    int64_t seen = 0;
    tsr_array_close(array_new(f, self.slow->below, "a", self.row, TSR_INT32, &nothing));
    write_version(f, self.slow->below, 1);
    self.array = array_open(f, &self.slow->head, "a", false);
    slow_store_reset(self.slow);
    replacement change = {f, self.row, 1, 3, 1};
    slow_store_before(self.slow, replace, &change);
    assert_int_equal(tsr_array_read_sink(self.array, NULL, ignore_piece, &seen, NULL, &f->err),
                     TSR_CONFLICT);
    assert_non_null(strstr(f->err.message, "changed while it was read"));
    assert_true(seen < 2000);
    slow_store_before(self.slow, NULL, NULL);
    seen = 0;
    good(tsr_array_read_sink(self.array, NULL, ignore_piece, &seen, NULL, &f->err), &f->err);
    assert_int_equal(seen, 2000);
    subject_end(&self);
}

/* ---- sinks that end a read ---- */

static int end_with(void *user, const tsr_view *piece, const int64_t *position, tsr_error *err)
{
    (void)piece;
    (void)position;
    (void)err;
    return *(int *)user;
}

static void a_sink_ends_the_read_with_its_own_status(void **state)
{
    fixture *f = *state;
    static const int statuses[] = {TSR_NO_SPACE, TSR_CANCELLED, 1, 77};
    for (size_t i = 0; i < 4; i++)
        for (size_t row = 0; row < 3; row++) {
            subject self = subject_new(f, &rows[row], NULL);
            int status = statuses[i];
            assert_int_equal(
                tsr_array_read_sink(self.array, NULL, end_with, &status, NULL, &f->err), status);
            subject_end(&self);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(every_selection_reads_right_within_the_limits),
        FIXTURE_TEST(every_list_reads_right_within_the_limits),
        FIXTURE_TEST(many_requests_are_on_the_wire),
        FIXTURE_TEST(bytes_in_flight_keep_to_the_budget),
        FIXTURE_TEST(no_waking_is_lost),
        FIXTURE_TEST(a_batch_decodes_each_chunk_once),
        FIXTURE_TEST(points_decode_each_inner_chunk_once),
        FIXTURE_TEST(one_failing_request_ends_the_read),
        FIXTURE_TEST(cancel_and_deadline_end_a_read_soon),
        FIXTURE_TEST(replaced_values_are_read_again),
        FIXTURE_TEST(a_value_that_keeps_changing_is_read_nevertheless),
        FIXTURE_TEST(a_sink_is_told_of_a_change),
        FIXTURE_TEST(a_sink_ends_the_read_with_its_own_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
