/* Proves that inner chunks lie in a shard as the writer wants, also when only some of them are
 * written anew and in shards in shards; and that readers do not care. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/base.h"
#include "unit/array/array_testing.h"

#define LITTLE "{\"name\":\"bytes\",\"configuration\":{\"endian\":\"little\"}}"
#define INDEX "\"index_codecs\":[" LITTLE ",{\"name\":\"crc32c\"}]"

enum { COUNT = 4 * 2 * 3 };

/* One shard of 4 x 2 x 3 inner chunks of one element each, whose value is its number + 1. */
static const array_row flat = {.name = "flat",
                               .rank = 3,
                               .shape = {4, 2, 3},
                               .chunk = {1, 1, 1},
                               .shard = {4, 2, 3},
                               .codec = "none"};
static const array_row at_start = {.name = "at start",
                                   .rank = 3,
                                   .shape = {4, 2, 3},
                                   .chunk = {1, 1, 1},
                                   .shard = {4, 2, 3},
                                   .codec = "none",
                                   .index_at_start = true};
/* The same inside of one shard more, which is put together in memory. */
static const array_row nested = {
    .name = "nested",
    .rank = 3,
    .shape = {4, 2, 3},
    .chunk = {4, 2, 3},
    .codecs =
        "[{\"name\":\"sharding_indexed\",\"configuration\":{\"chunk_shape\":[4,2,3],\"codecs\":"
        "[{\"name\":\"sharding_indexed\",\"configuration\":{\"chunk_shape\":[1,1,1],\"codecs\":"
        "[{\"name\":\"bytes\"}]," INDEX "}}]," INDEX "}}]"};

static void backwards(void *user, int rank, const int64_t *grid, int64_t *numbers)
{
    (void)user;
    assert_int_equal(rank, 3);
    int64_t count = grid[0] * grid[1] * grid[2]; /* 1 in the shard around the shard */
    for (int64_t i = 0; i < count; i++)
        numbers[i] = count - 1 - i;
}

/* What zarr-python 3.1 calls Morton order begins 000 100 010 110 001 101 011 111 200 300 210 310
 * 201 (measured); the rest follows by the same rule. */
static const struct order_case {
    tsr_inner_order order;
    uint8_t numbers[COUNT];
} cases[] = {
    {TSR_INNER_ORDER_LEXICOGRAPHIC,
     {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23}},
    {TSR_INNER_ORDER_COLEXICOGRAPHIC,
     {0, 6, 12, 18, 3, 9, 15, 21, 1, 7, 13, 19, 4, 10, 16, 22, 2, 8, 14, 20, 5, 11, 17, 23}},
    {TSR_INNER_ORDER_MORTON,
     {0, 6, 3, 9, 1, 7, 4, 10, 12, 18, 15, 21, 13, 19, 16, 22, 2, 8, 5, 11, 14, 20, 17, 23}},
    {TSR_INNER_ORDER_FUNCTION,
     {23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0}},
};

static void write_box(fixture *f, tsr_array *array, const struct order_case *by,
                      const int64_t *start, const int64_t *count, const uint8_t *values)
{
    tsr_write_options options;
    tsr_index index;
    tsr_view view;
    tsr_write_options_init(&options);
    options.inner_order = by->order;
    options.order_inner_chunks = backwards;
    good(tsr_index_box(&index, 3, tsr_array_shape(array), start, count, NULL, &f->err), &f->err);
    good(tsr_view_init(&view, TSR_UINT8, 3, count, (void *)values, &f->err), &f->err);
    good(tsr_array_write_index(array, &index, &view, TSR_CASTING_NO, &options, NULL, &f->err),
         &f->err);
}

static void inner_chunks_lie_as_they_should(void **state)
{
    fixture *f = *state;
    const array_row *const rows[] = {&flat, &at_start, &nested};
    const int64_t none[3] = {0, 0, 0}, all[3] = {4, 2, 3}, half[3] = {4, 2, 1};
    uint8_t values[COUNT], read[COUNT];
    for (int i = 0; i < COUNT; i++)
        values[i] = (uint8_t)(i + 1);
    for (size_t i = 0; i < TSRI_COUNT(rows) * TSRI_COUNT(cases); i++) {
        const array_row *row = rows[i / TSRI_COUNT(cases)];
        const struct order_case *by = &cases[i % TSRI_COUNT(cases)];
        char path[16], key[32];
        size_t size = 0;
        snprintf(path, sizeof path, "a%zu", i);
        snprintf(key, sizeof key, "%s/c/0/0/0", path);
        tsr_array *array = array_new(f, f->store, path, row, TSR_UINT8, NULL);
        /* A part of it first, in the usual order: what is kept moves to its place, too. */
        write_box(f, array, &cases[0], none, half, values);
        write_box(f, array, by, none, all, values);
        unsigned char *stored = get_bytes(f, f->store, key, &size);
        assert_non_null(stored);
        const unsigned char *data = stored + (row->index_at_start ? 16 * COUNT + 4 : 0);
        for (int at = 0; at < COUNT; at++)
            assert_int_equal(data[at], by->numbers[at] + 1);
        free(stored);
        good(tsr_array_read(array, NULL, NULL, NULL, read, sizeof read, NULL, &f->err), &f->err);
        assert_memory_equal(read, values, sizeof read);
        tsr_array_close(array);
    }
}

/* Chunks that are not written anew keep their bytes and get the place that the order gives them. */
static void kept_chunks_are_put_in_order_too(void **state)
{
    fixture *f = *state;
    const int64_t none[3] = {0, 0, 0}, all[3] = {4, 2, 3}, one[3] = {1, 1, 1};
    uint8_t values[COUNT];
    size_t size = 0;
    for (int i = 0; i < COUNT; i++)
        values[i] = (uint8_t)(i + 1);
    tsr_array *array = array_new(f, f->store, "a", &flat, TSR_UINT8, NULL);
    write_box(f, array, &cases[0], none, all, values);
    write_box(f, array, &cases[2], none, one, (const uint8_t[]){200});
    unsigned char *stored = get_bytes(f, f->store, "a/c/0/0/0", &size);
    assert_non_null(stored);
    for (int at = 0; at < COUNT; at++)
        assert_int_equal(stored[at], at == 0 ? 200 : cases[2].numbers[at] + 1);
    free(stored);
    tsr_array_close(array);
}

static void bad_order(void *user, int rank, const int64_t *grid, int64_t *numbers)
{
    backwards(NULL, rank, grid, numbers);
    if (grid[0] == 4)
        numbers[5] = *(int64_t *)user;
}

static void orders_that_lose_a_chunk_are_refused(void **state)
{
    fixture *f = *state;
    const int64_t bad[] = {-1, 3, COUNT};
    const array_row *const rows[] = {&flat, &nested};
    uint8_t values[COUNT] = {1}, read[COUNT];
    for (size_t i = 0; i < TSRI_COUNT(bad) * TSRI_COUNT(rows); i++) {
        char path[16];
        tsr_write_options options;
        tsr_index index;
        tsr_view view;
        snprintf(path, sizeof path, "a%zu", i);
        tsr_array *array = array_new(f, f->store, path, rows[i % 2], TSR_UINT8, NULL);
        tsr_index_all(&index, 3, flat.shape);
        good(tsr_view_init(&view, TSR_UINT8, 3, flat.shape, values, &f->err), &f->err);
        tsr_write_options_init(&options);
        options.inner_order = TSR_INNER_ORDER_FUNCTION;
#define WRITE() tsr_array_write_index(array, &index, &view, TSR_CASTING_NO, &options, NULL, &f->err)
        assert_int_equal(WRITE(), TSR_INVALID_ARGUMENT); /* no function */
        options.order_inner_chunks = bad_order;
        options.order_user = (void *)&bad[i / 2];
        assert_int_equal(WRITE(), TSR_INVALID_ARGUMENT);
        assert_non_null(strstr(f->err.message, "in place "));
        good(tsr_array_read(array, NULL, NULL, NULL, read, sizeof read, NULL, &f->err), &f->err);
        assert_int_equal(read[0], 0);
        tsr_array_close(array);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(inner_chunks_lie_as_they_should),
        FIXTURE_TEST(kept_chunks_are_put_in_order_too),
        FIXTURE_TEST(orders_that_lose_a_chunk_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
