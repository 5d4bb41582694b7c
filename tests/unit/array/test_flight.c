/* Proves of what an array keeps between reads (shard indexes, decoded chunks) that it saves
 * requests for bytes, and that no read ever shows what was there before: over stores that answer at
 * once and late, for plain, sharded, nested and packed arrays, into views and sinks, while another
 * handle writes, erases and replaces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "support/random_view.h"
#include "support/slow_store.h"
#include "unit/array/array_testing.h"

#define ZSTD "{\"name\":\"zstd\",\"configuration\":{\"level\":1,\"checksum\":false}}"
#define BYTES "{\"name\":\"bytes\",\"configuration\":{\"endian\":\"little\"}}"
#define BIG_BYTES "{\"name\":\"bytes\",\"configuration\":{\"endian\":\"big\"}}"
#define INDEX "\"index_codecs\":[" BYTES ",{\"name\":\"crc32c\"}]"

enum { EDGE = 16, COUNT = EDGE * EDGE };

#define ROW(...) .rank = 2, .shape = {EDGE, EDGE}, __VA_ARGS__

static const array_row rows[] = {
    {.name = "plain", ROW(.chunk = {8, 4}, .codec = "zstd:1")},
    {.name = "raw", ROW(.chunk = {8, 4}, .codec = "none")},
    {.name = "swapped", ROW(.chunk = {8, 4}, .codecs = "[" BIG_BYTES "," ZSTD "]")},
    {.name = "shards", ROW(.chunk = {2, 4}, .shard = {8, 8}, .codec = "zstd:1")},
    {.name = "turned",
     ROW(.chunk = {8, 8},
         .codecs = "[{\"name\":\"sharding_indexed\",\"configuration\":{\"chunk_shape\":[2,4],"
                   "\"codecs\":[{\"name\":\"transpose\",\"configuration\":{\"order\":[1,0]}}," BYTES
                   "," ZSTD "]," INDEX "}}]")},
    {.name = "nested",
     ROW(.chunk = {8, 8},
         .codecs =
             "[{\"name\":\"sharding_indexed\",\"configuration\":{\"chunk_shape\":[4,8],\"codecs\":"
             "[{\"name\":\"sharding_indexed\",\"configuration\":{\"chunk_shape\":[2,4],\"codecs\":"
             "[" BYTES "," ZSTD "]," INDEX "}}]," INDEX "}}]")},
    {.name = "packed",
     ROW(.chunk = {8, 8},
         .codecs = "[{\"name\":\"sharding_indexed\",\"configuration\":{\"chunk_shape\":[2,4],"
                   "\"codecs\":[" BYTES "]," INDEX "}}," ZSTD "]")},
};

typedef struct subject {
    slow_store *slow;
    tsr_array *writer, *reader;
    int32_t model[COUNT];
} subject;

static void subject_begin(subject *self, fixture *f, const array_row *row, bool at_once,
                          int64_t index_bytes, int64_t chunk_bytes)
{
    tsr_array_open_options options;
    const int32_t zero = 0;
    memset(self, 0, sizeof *self);
    self->slow =
        slow_store_open(f->context, &(slow_store_options){.delay_us = 50, .at_once = at_once});
    self->writer = array_new(f, self->slow->below, "a", row, TSR_INT32, &zero);
    tsr_array_open_options_init(&options);
    options.store = &self->slow->head;
    options.index_cache_bytes = index_bytes;
    options.chunk_cache_bytes = chunk_bytes;
    good(tsr_array_open(f->context, "a", &options, &self->reader, &f->err), &f->err);
}

static void subject_end(subject *self)
{
    tsr_array_close(self->writer);
    tsr_array_close(self->reader);
    tsr_store_close(&self->slow->head);
}

static void write_box(subject *self, fixture *f, const int64_t *start, const int64_t *shape,
                      int32_t value)
{
    int32_t values[COUNT];
    for (int64_t i = 0; i < shape[0] * shape[1]; i++) {
        values[i] = value;
        self->model[(start[0] + i / shape[1]) * EDGE + start[1] + i % shape[1]] = value;
    }
    good(tsr_array_write(self->writer, start, shape, NULL, values,
                         (size_t)(shape[0] * shape[1]) * sizeof *values, NULL, &f->err),
         &f->err);
}

static void fill_in(subject *self, fixture *f)
{
    for (int i = 0; i < COUNT; i++)
        self->model[i] = i + 1;
    good(tsr_array_write(self->writer, NULL, NULL, NULL, self->model, sizeof self->model, NULL,
                         &f->err),
         &f->err);
}

static void check_box(const subject *self, const int64_t *start, const int64_t *shape,
                      const int32_t *values)
{
    for (int64_t i = 0; i < shape[0] * shape[1]; i++)
        assert_int_equal(values[i],
                         self->model[(start[0] + i / shape[1]) * EDGE + start[1] + i % shape[1]]);
}

static void read_box(subject *self, fixture *f, const int64_t *start, const int64_t *shape)
{
    int32_t values[COUNT];
    good(tsr_array_read(self->reader, start, shape, NULL, values,
                        (size_t)(shape[0] * shape[1]) * sizeof *values, NULL, &f->err),
         &f->err);
    check_box(self, start, shape, values);
}

typedef struct gathered {
    int32_t values[COUNT];
    int64_t width;
} gathered;

static int gather(void *user, const tsr_view *piece, const int64_t *position, tsr_error *err)
{
    gathered *to = user;
    (void)err;
    for (int64_t i = 0; i < piece->shape[0]; i++)
        for (int64_t k = 0; k < piece->shape[1]; k++)
            to->values[(position[0] + i) * to->width + position[1] + k] =
                *(const int32_t *)(const void *)(piece->data + i * piece->strides[0] +
                                                 k * piece->strides[1]);
    return 0;
}

static void sink_box(subject *self, fixture *f, const int64_t *start, const int64_t *shape)
{
    gathered to = {.width = shape[1]};
    tsr_index index;
    good(tsr_index_box(&index, 2, tsr_array_shape(self->reader), start, shape, NULL, &f->err),
         &f->err);
    good(tsr_array_read_sink(self->reader, &index, gather, &to, NULL, &f->err), &f->err);
    check_box(self, start, shape, to.values);
}

static const array_row *row_of(const char *name)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    fail_msg("no row %s", name);
    return NULL;
}

static slow_store_counts counts_of_read(subject *self, fixture *f, const int64_t *start,
                                        const int64_t *shape)
{
    slow_store_reset(self->slow);
    read_box(self, f, start, shape);
    return slow_store_stats(self->slow);
}

static const int64_t corner[2] = {0, 0}, inner_chunk[2] = {2, 4}, whole_shard[2] = {8, 8};

static void indexes_are_fetched_once(void **state)
{
    fixture *f = *state;
    const int64_t index_bytes = 8 * 16 + 4;
    for (int at_once = 0; at_once < 2; at_once++) {
        subject s;
        subject_begin(&s, f, row_of("shards"), at_once, 1 << 20, 0);
        fill_in(&s, f);
        slow_store_counts first = counts_of_read(&s, f, corner, inner_chunk);
        slow_store_counts second = counts_of_read(&s, f, corner, inner_chunk);
        assert_int_equal(first.requests, 2);
        assert_int_equal(second.requests, 2); /* a question, and the inner chunk */
        assert_int_equal(first.answered_bytes - second.answered_bytes, index_bytes);
        subject_end(&s);
    }
}

/* The second level is of the version that the first one was checked for: no question. */
static void nested_indexes_are_fetched_once(void **state)
{
    fixture *f = *state;
    const int64_t outer_bytes = 2 * 16 + 4, inner_bytes = 4 * 16 + 4;
    subject s;
    subject_begin(&s, f, row_of("nested"), true, 1 << 20, 0);
    fill_in(&s, f);
    slow_store_counts first = counts_of_read(&s, f, corner, inner_chunk);
    slow_store_counts second = counts_of_read(&s, f, corner, inner_chunk);
    assert_int_equal(first.requests, 3);
    assert_int_equal(second.requests, 2);
    assert_int_equal(first.answered_bytes - second.answered_bytes, outer_bytes + inner_bytes);
    subject_end(&s);
}

static void decoded_chunks_are_fetched_once(void **state)
{
    fixture *f = *state;
    static const char *const names[] = {"plain", "swapped", "shards", "turned", "nested"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        subject s;
        subject_begin(&s, f, row_of(names[i]), i % 2 == 0, 1 << 20, 1 << 20);
        fill_in(&s, f);
        slow_store_counts first = counts_of_read(&s, f, corner, whole_shard);
        slow_store_counts second = counts_of_read(&s, f, corner, whole_shard);
        assert_true(first.answered_bytes > 0);
        assert_int_equal(second.answered_bytes, 0);
        sink_box(&s, f, corner, whole_shard);
        subject_end(&s);
    }
}

static void nothing_is_kept_unasked(void **state)
{
    fixture *f = *state;
    subject s;
    subject_begin(&s, f, row_of("shards"), true, 0, 0);
    fill_in(&s, f);
    slow_store_counts first = counts_of_read(&s, f, corner, inner_chunk);
    slow_store_counts second = counts_of_read(&s, f, corner, inner_chunk);
    assert_int_equal(first.answered_bytes, second.answered_bytes);
    subject_end(&s);
}

/* A sink cannot take elements back, so it must not be given old ones first. */
static void what_is_replaced_between_reads_is_seen(void **state)
{
    fixture *f = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        subject s;
        subject_begin(&s, f, &rows[i], i % 2 == 0, 1 << 20, 1 << 20);
        fill_in(&s, f);
        read_box(&s, f, corner, whole_shard);
        write_box(&s, f, corner, inner_chunk, 77);
        sink_box(&s, f, corner, whole_shard);
        write_box(&s, f, corner, whole_shard, 0); /* the shard is erased */
        sink_box(&s, f, corner, whole_shard);
        read_box(&s, f, corner, whole_shard);
        fill_in(&s, f);
        read_box(&s, f, corner, whole_shard);
        subject_end(&s);
    }
}

static void random_box(tests_random *random, int64_t *start, int64_t *shape)
{
    for (int axis = 0; axis < 2; axis++) {
        start[axis] = tests_random_below(random, EDGE);
        shape[axis] = 1 + tests_random_below(random, EDGE - start[axis]);
    }
}

/* Small caches, so that things come and go. */
static void reads_and_writes_in_any_order(void **state)
{
    fixture *f = *state;
    tests_random random;
    tests_random_init(&random);
    for (size_t i = 0; i < 2 * sizeof rows / sizeof *rows; i++) {
        subject s;
        subject_begin(&s, f, &rows[i / 2], i % 2, 2000, 2000);
        for (int step = 0; step < 120; step++) {
            int64_t start[2], shape[2];
            random_box(&random, start, shape);
            int64_t what = tests_random_below(&random, 4);
            if (what == 0)
                write_box(&s, f, start, shape, (int32_t)tests_random_below(&random, 3));
            else if (what == 1)
                sink_box(&s, f, start, shape);
            else
                read_box(&s, f, start, shape);
        }
        subject_end(&s);
    }
}

static void a_failed_question_is_a_failed_read(void **state)
{
    fixture *f = *state;
    int32_t values[8];
    subject s;
    subject_begin(&s, f, row_of("shards"), true, 1 << 20, 0);
    fill_in(&s, f);
    read_box(&s, f, corner, inner_chunk);
    slow_store_fail(s.slow, 1, TSR_IO);
    assert_int_equal(
        tsr_array_read(s.reader, corner, inner_chunk, NULL, values, sizeof values, NULL, &f->err),
        TSR_IO);
    read_box(&s, f, corner, inner_chunk);
    subject_end(&s);
}

static void negative_sizes_are_refused(void **state)
{
    fixture *f = *state;
    tsr_array_open_options options;
    tsr_array *array;
    tsr_array_open_options_init(&options);
    options.store = f->store;
    options.chunk_cache_bytes = -1;
    assert_int_equal(tsr_array_open(f->context, "a", &options, &array, &f->err),
                     TSR_INVALID_ARGUMENT);
}

static int note_state(void *user, const tsr_chunk_info *info)
{
    if (info->level == 0 && info->index[0] == 0 && info->index[1] == 0)
        *(tsr_chunk_state *)user = info->state;
    return 0;
}

/* A value that no chunk of its kind takes is damage for a read, whole or in part, as for a check,
 * and not a limit of this machine. Shards may have gaps of any size. */
static void values_that_are_far_too_long_are_damage(void **state)
{
    fixture *f = *state;
    enum { LONG_BYTES = 3 << 20 };
    char *bytes = calloc(1, LONG_BYTES);
    for (size_t i = 0; i < 3; i++) { /* plain, raw, swapped */
        tsr_array *array = array_new(f, f->store, "a", &rows[i], TSR_INT32, NULL);
        put_bytes(f, f->store, "a/c/0/0", bytes, LONG_BYTES);
        const int64_t parts[][2] = {{8, 4}, {1, 2}};
        for (size_t part = 0; part < 2; part++) {
            const int64_t start[] = {0, 0};
            int32_t values[32];
            size_t size = (size_t)(parts[part][0] * parts[part][1]) * sizeof *values;
            int status =
                tsr_array_read(array, start, parts[part], NULL, values, size, NULL, &f->err);
            if (status != TSR_DAMAGED || !strstr(f->err.message, "3145728 bytes are stored where"))
                fail_msg("%s: %d, %s", rows[i].name, status, f->err.message);
            tsr_error_clear(&f->err);
        }
        for (int data = 0; data < 2; data++) {
            tsr_chunk_walk_options options;
            tsr_chunk_state found = TSR_CHUNK_STORED;
            tsr_chunk_walk_options_init(&options);
            options.data = data;
            good(tsr_array_walk_chunks(array, &options, note_state, &found, NULL, &f->err),
                 &f->err);
            assert_int_equal(found, TSR_CHUNK_DAMAGED);
        }
        tsr_array_close(array);
        good(tsr_store_erase_prefix(f->store, "a/", NULL, &f->err), &f->err);
    }
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(indexes_are_fetched_once),
        FIXTURE_TEST(nested_indexes_are_fetched_once),
        FIXTURE_TEST(decoded_chunks_are_fetched_once),
        FIXTURE_TEST(nothing_is_kept_unasked),
        FIXTURE_TEST(what_is_replaced_between_reads_is_seen),
        FIXTURE_TEST(reads_and_writes_in_any_order),
        FIXTURE_TEST(a_failed_question_is_a_failed_read),
        FIXTURE_TEST(negative_sizes_are_refused),
        FIXTURE_TEST(values_that_are_far_too_long_are_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
