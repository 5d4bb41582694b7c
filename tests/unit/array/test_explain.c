/* Proves of what tsr_array_explain says that it is what a read then does: the same requests and
 * bytes as a store counts them, the same chunks as the read reports, for random selections of
 * plain, raw, sharded, nested and packed arrays with missing chunks, over stores that answer at
 * once and late. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "support/random_view.h"
#include "support/slow_store.h"
#include "unit/array/array_testing.h"

#define ZSTD "{\"name\":\"zstd\",\"configuration\":{\"level\":1,\"checksum\":false}}"
#define BYTES "{\"name\":\"bytes\",\"configuration\":{\"endian\":\"little\"}}"
#define INDEX "\"index_codecs\":[" BYTES ",{\"name\":\"crc32c\"}]"

enum { HEIGHT = 24, WIDTH = 30, COUNT = HEIGHT * WIDTH };

#define ROW(...) .rank = 2, .shape = {HEIGHT, WIDTH}, __VA_ARGS__

static const array_row rows[] = {
    {.name = "plain", ROW(.chunk = {8, 5}, .codec = "zstd:1")},
    {.name = "raw", ROW(.chunk = {8, 10}, .codec = "none")},
    {.name = "shards", ROW(.chunk = {2, 5}, .shard = {8, 10}, .codec = "zstd:1")},
    {.name = "nested",
     ROW(.chunk = {8, 10},
         .codecs =
             "[{\"name\":\"sharding_indexed\",\"configuration\":{\"chunk_shape\":[4,10],\"codecs\":"
             "[{\"name\":\"sharding_indexed\",\"configuration\":{\"chunk_shape\":[2,5],\"codecs\":"
             "[" BYTES "," ZSTD "]," INDEX "}}]," INDEX "}}]")},
};

typedef struct subject {
    slow_store *slow;
    tsr_array *array;
} subject;

/* A new handle, which has kept nothing; two of the chunks are not there. */
static void subject_begin(subject *self, fixture *f, const array_row *row, bool at_once)
{
    const int32_t zero = 0;
    int32_t values[COUNT];
    self->slow = slow_store_open(
        f->context,
        &(slow_store_options){.delay_us = 30, .at_once = at_once, .coalesce_gap_bytes = 40});
    tsr_array *writer = array_new(f, self->slow->below, "a", row, TSR_INT32, &zero);
    for (int i = 0; i < COUNT; i++)
        values[i] = i / WIDTH < 8 && i % WIDTH < 20 ? 0 : i + 1;
    good(tsr_array_write(writer, NULL, NULL, NULL, values, sizeof values, NULL, &f->err), &f->err);
    tsr_array_close(writer);
    self->array = NULL;
}

static void reopen(subject *self, fixture *f)
{
    tsr_array_close(self->array);
    self->array = array_open(f, &self->slow->head, "a", false);
    slow_store_reset(self->slow);
}

static void random_index(tests_random *random, tsr_index *ret_index)
{
    static const int64_t shape[2] = {HEIGHT, WIDTH};
    ret_index->rank = 2;
    tsr_index_all(ret_index, 2, shape);
    for (int axis = 0; axis < 2; axis++) {
        int64_t step = 1 + tests_random_below(random, 3) * tests_random_below(random, 4);
        int64_t start = tests_random_below(random, shape[axis]);
        ret_index->axes[axis].start = start;
        ret_index->axes[axis].step = step;
        ret_index->axes[axis].count =
            1 + tests_random_below(random, (shape[axis] - start + step - 1) / step);
    }
}

static void note_progress(void *user, const tsr_progress *progress)
{
    *(tsr_progress *)user = *progress;
}

static void a_read_does_what_was_explained(void **state)
{
    fixture *f = *state;
    tests_random random;
    tests_random_init(&random);
    for (size_t i = 0; i < 2 * sizeof rows / sizeof *rows; i++) {
        const array_row *row = &rows[i / 2];
        subject s;
        subject_begin(&s, f, row, i % 2);
        for (int round = 0; round < 40; round++) {
            static int32_t values[COUNT];
            tsr_read_cost cost;
            tsr_progress progress = {0};
            tsr_call call = {.progress = note_progress, .user = &progress};
            tsr_index index;
            tsr_view view;
            int64_t shape[2];
            random_index(&random, &index);
            reopen(&s, f);
            good(tsr_array_explain(s.array, &index, NULL, &cost, &f->err), &f->err);
            reopen(&s, f);
            tsr_index_shape(&index, shape);
            good(tsr_view_init(&view, TSR_INT32, 2, shape, values, &f->err), &f->err);
            const tsr_read_request request = {s.array, &index, &view, TSR_CASTING_NO};
            good(tsr_read_many(f->context, &request, 1, &call, &f->err), &f->err);
            slow_store_counts counts = slow_store_stats(s.slow);
            if (cost.requests != counts.requests || cost.fetched_bytes != counts.answered_bytes)
                tests_random_fail(&random, "%s: %lld requests, %lld bytes; explained: %lld, %lld",
                                  row->name, (long long)counts.requests,
                                  (long long)counts.answered_bytes, (long long)cost.requests,
                                  (long long)cost.fetched_bytes);
            assert_int_equal(cost.wanted_bytes, tsr_view_size(&view));
            assert_true(cost.used_bytes + cost.index_bytes <= cost.fetched_bytes);
            if (strcmp(row->name, "shards") == 0 || strcmp(row->name, "nested") == 0)
                assert_int_equal(cost.chunks, progress.chunks_done);
        }
        tsr_array_close(s.array);
        tsr_store_close(&s.slow->head);
    }
}

/* By hand: one shard of 16 inner chunks of 40 bytes each, its index, and a shard that is missing.
 */
static void counts_of_known_arrays(void **state)
{
    fixture *f = *state;
    static const array_row row = {
        .rank = 1, .shape = {320}, .chunk = {10}, .shard = {160}, .codec = "none"};
    const int32_t zero = 0;
    int32_t values[160];
    tsr_read_cost cost;
    tsr_array *array = array_new(f, f->store, "b", &row, TSR_INT32, &zero);
    const int64_t start = 0, half = 160, all = 320, touched = 15, from = 5;
    for (int i = 0; i < 160; i++)
        values[i] = i + 1;
    good(tsr_array_write(array, &start, &half, NULL, values, sizeof values, NULL, &f->err),
         &f->err);
    tsr_index index;
    good(tsr_index_box(&index, 1, &all, &from, &touched, NULL, &f->err), &f->err);
    good(tsr_array_explain(array, &index, NULL, &cost, &f->err), &f->err);
    assert_int_equal(cost.objects, 1);
    assert_int_equal(cost.index_bytes, 16 * 16 + 4);
    assert_int_equal(cost.chunks, 2);
    assert_int_equal(cost.used_bytes, 2 * 40);
    assert_int_equal(cost.decoded_bytes, 80);
    assert_int_equal(cost.wanted_bytes, 60);
    good(tsr_array_explain(array, NULL, NULL, &cost, &f->err), &f->err);
    assert_int_equal(cost.objects, 2);
    assert_int_equal(cost.missing_objects, 1);
    assert_int_equal(cost.chunks, 16);
    assert_int_equal(cost.wanted_bytes, 1280);
    tsr_array_close(array);
}

static void what_cannot_be_asked_is_a_failure(void **state)
{
    fixture *f = *state;
    subject s;
    tsr_read_cost cost = {.requests = -7};
    subject_begin(&s, f, &rows[0], true);
    reopen(&s, f);
    slow_store_fail(s.slow, 3, TSR_PERMISSION);
    assert_int_equal(tsr_array_explain(s.array, NULL, NULL, &cost, &f->err), TSR_PERMISSION);
    assert_int_equal(cost.requests, -7);
    assert_non_null(strstr(f->err.message, "slow:/a"));
    tsr_array_close(s.array);
    tsr_store_close(&s.slow->head);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(a_read_does_what_was_explained),
        FIXTURE_TEST(counts_of_known_arrays),
        FIXTURE_TEST(what_cannot_be_asked_is_a_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
