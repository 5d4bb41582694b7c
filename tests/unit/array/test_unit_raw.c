/* Proves of raw chunks: the ranges that are asked for, whatever the gaps; wrong sizes; big chunks
 * of which only corners are touched. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "support/slow_store.h"
#include "unit/array/array_testing.h"

static const array_row plane = {
    .name = "plane", .rank = 2, .shape = {64, 64}, .chunk = {64, 64}, .codec = "none"};

typedef struct subject {
    slow_store *slow;
    tsr_array *array;
} subject;

static subject subject_new(fixture *f, uint64_t gap, uint64_t largest)
{
    unsigned char values[4096];
    for (int i = 0; i < 4096; i++)
        values[i] = (unsigned char)(i * 7 + i / 256);
    subject self = {
        slow_store_open(f->context, &(slow_store_options){.coalesce_gap_bytes = gap,
                                                          .largest_range_bytes = largest,
                                                          .at_once = true}),
        NULL};
    tsr_array *writer = array_new(f, self.slow->below, "a", &plane, TSR_UINT8, NULL);
    good(tsr_array_write(writer, NULL, NULL, NULL, values, 4096, NULL, &f->err), &f->err);
    tsr_array_close(writer);
    self.array = array_open(f, &self.slow->head, "a", false);
    slow_store_reset(self.slow);
    return self;
}

static void read_and_check(fixture *f, subject *self, const int64_t *start, const int64_t *shape,
                           const int64_t *step)
{
    unsigned char values[4096];
    good(tsr_array_read(self->array, start, shape, step, values, (size_t)(shape[0] * shape[1]),
                        NULL, &f->err),
         &f->err);
    for (int64_t y = 0; y < shape[0]; y++)
        for (int64_t x = 0; x < shape[1]; x++) {
            int64_t at = (start[0] + y * step[0]) * 64 + start[1] + x * step[1];
            assert_int_equal(values[y * shape[1] + x], (unsigned char)(at * 7 + at / 256));
        }
    assert_int_equal(slow_store_bytes_twice(self->slow, NULL), 0);
}

/* Boxes and how many requests and bytes they take, counted by hand. */
static void only_what_is_needed_is_fetched(void **state)
{
    fixture *f = *state;
    static const struct {
        uint64_t gap;
        int64_t start[2], shape[2], step[2];
        int64_t requests, bytes;
    } rows[] = {
        {0, {0, 0}, {64, 64}, {1, 1}, 1, 4096},
        {0, {3, 0}, {2, 64}, {1, 1}, 1, 128},  /* whole rows lie side by side */
        {0, {3, 5}, {4, 10}, {1, 1}, 4, 40},   /* a row each */
        {54, {3, 5}, {4, 10}, {1, 1}, 1, 202}, /* 3 x 64 + 10: the gaps are worth it */
        {53, {3, 5}, {4, 10}, {1, 1}, 4, 40},
        {0, {0, 63}, {64, 1}, {1, 1}, 64, 64}, /* a column */
        {64, {0, 63}, {64, 1}, {1, 1}, 1, 63 * 64 + 1},
        {0, {10, 10}, {1, 5}, {1, 2}, 5, 5},
        {1, {10, 10}, {1, 5}, {1, 2}, 1, 9},
        {0, {0, 0}, {4, 64}, {16, 1}, 4, 256},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        subject self = subject_new(f, rows[i].gap, 0);
        read_and_check(f, &self, rows[i].start, rows[i].shape, rows[i].step);
        slow_store_counts counts = slow_store_stats(self.slow);
        if (counts.requests != rows[i].requests || counts.answered_bytes != rows[i].bytes)
            fail_msg("row %zu: %lld requests, %lld bytes", i, (long long)counts.requests,
                     (long long)counts.answered_bytes);
        tsr_array_close(self.array);
        tsr_store_close(&self.slow->head);
    }
}

/* Foreign hints may be any numbers. */
static void extreme_hints_are_borne(void **state)
{
    fixture *f = *state;
    static const uint64_t extremes[] = {1, 100, INT64_MAX, UINT64_MAX};
    for (int i = 0; i < 16; i++) {
        subject self = subject_new(f, extremes[i % 4], extremes[i / 4]);
        self.slow->head.hints.answers_at_once = false;
        read_and_check(f, &self, (const int64_t[]){1, 2}, (const int64_t[]){9, 11},
                       (const int64_t[]){5, 3});
        tsr_array_close(self.array);
        tsr_store_close(&self.slow->head);
    }
}

static void a_chunk_has_one_size(void **state)
{
    fixture *f = *state;
    static const size_t sizes[] = {0, 1, 4095, 4097, 8192};
    unsigned char values[64], *bytes = calloc(1, 8192);
    const int64_t start[] = {0, 0}, shape[] = {1, 1};
    tsr_array *array = array_new(f, f->store, "a", &plane, TSR_UINT8, NULL);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        put_bytes(f, f->store, "a/c/0/0", bytes, sizes[i]);
        assert_int_equal(tsr_array_read(array, start, shape, NULL, values, 1, NULL, &f->err),
                         TSR_DAMAGED);
        assert_non_null(strstr(f->err.message, "c/0/0"));
        assert_non_null(strstr(f->err.message, "bytes are stored where"));
        assert_true(f->err.where[0] && f->err.next_step[0]);
    }
    free(bytes);
    tsr_array_close(array);
}

/* One chunk of 4 EiB that is not there; it is never held in memory. */
static void corners_of_giants_are_read(void **state)
{
    fixture *f = *state;
    static const array_row giant = {.name = "giant",
                                    .rank = 2,
                                    .shape = {INT64_C(1) << 31, INT64_C(1) << 31},
                                    .chunk = {INT64_C(1) << 31, INT64_C(1) << 31},
                                    .codec = "none"};
    static const uint8_t nothing = 17;
    const int64_t start[] = {(INT64_C(1) << 31) - 2, (INT64_C(1) << 31) - 3}, shape[] = {2, 3};
    uint8_t values[6] = {0};
    tsr_array *array = array_new(f, f->store, "a", &giant, TSR_UINT8, &nothing);
    good(tsr_array_read(array, start, shape, NULL, values, 6, NULL, &f->err), &f->err);
    for (int i = 0; i < 6; i++)
        assert_int_equal(values[i], 17);
    /* To write a part it would have to be put together. */
    assert_int_equal(tsr_array_write(array, start, shape, NULL, values, 6, NULL, &f->err),
                     TSR_LIMIT);
    assert_non_null(strstr(f->err.next_step, "whole chunks"));
    tsr_array_close(array);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(only_what_is_needed_is_fetched),
        FIXTURE_TEST(extreme_hints_are_borne),
        FIXTURE_TEST(a_chunk_has_one_size),
        FIXTURE_TEST(corners_of_giants_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
