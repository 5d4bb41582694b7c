/* Proves of the ways to read: batches over several arrays, sinks, empty and endless arrays, and
 * what is refused before anything is fetched. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <pthread.h>

#include <cmocka.h>

#include "support/random_view.h"
#include "unit/array/array_testing.h"

static const array_row row = {
    .name = "plain", .rank = 2, .shape = {9, 11}, .chunk = {4, 3}, .codec = "zstd:1"};

static tsr_array *filled(fixture *f, const char *path, int add)
{
    int32_t values[99];
    tsr_array *array = array_new(f, f->store, path, &row, TSR_INT32, NULL);
    for (int i = 0; i < 99; i++)
        values[i] = i + add;
    good(tsr_array_write(array, NULL, NULL, NULL, values, sizeof values, NULL, &f->err), &f->err);
    return array;
}

/* Three arrays, views that run backwards, that are columns of something larger, of other types. */
static void a_batch_goes_to_many_views(void **state)
{
    fixture *f = *state;
    tsr_array *arrays[3];
    tsr_index indexes[3];
    tsr_view views[3];
    tsr_read_request requests[3];
    int32_t backwards[99], columns[9][4];
    double wide[99];
    static const int64_t nine = 9;
    for (int i = 0; i < 3; i++) {
        char path[] = {(char)('a' + i), 0};
        arrays[i] = filled(f, path, 1000 * i);
    }
    tsr_index_all(&indexes[0], 2, row.shape);
    good(tsr_view_init(&views[0], TSR_INT32, 2, row.shape, backwards, &f->err), &f->err);
    views[0].data = (char *)&backwards[98];
    views[0].strides[0] = -44;
    views[0].strides[1] = -4;
    good(tsr_index_parse(&indexes[1], ":, 7", 2, row.shape, &f->err), &f->err);
    good(tsr_view_init(&views[1], TSR_INT32, 1, &nine, &columns[0][2], &f->err), &f->err);
    views[1].strides[0] = 16;
    memset(columns, 0, sizeof columns);
    tsr_index_all(&indexes[2], 2, row.shape);
    good(tsr_view_init(&views[2], TSR_FLOAT64, 2, row.shape, wide, &f->err), &f->err);
    for (int i = 0; i < 3; i++)
        requests[i] = (tsr_read_request){arrays[i], &indexes[i], &views[i],
                                         i == 2 ? TSR_CASTING_SAFE : TSR_CASTING_NO};
    good(tsr_read_many(f->context, requests, 3, NULL, &f->err), &f->err);
    for (int i = 0; i < 99; i++) {
        assert_int_equal(backwards[98 - i], i);
        assert_true(wide[i] == 2000 + i);
    }
    for (int i = 0; i < 9; i++) {
        assert_int_equal(columns[i][2], 1000 + i * 11 + 7);
        assert_int_equal(columns[i][1], 0);
        assert_int_equal(columns[i][3], 0);
    }
    good(tsr_read_many(f->context, NULL, 0, NULL, &f->err), &f->err);
    for (int i = 0; i < 3; i++)
        tsr_array_close(arrays[i]);
}

/* A slice of the array is the slice of the whole. */
static void a_slice_is_the_slice_of_the_whole(void **state)
{
    fixture *f = *state;
    tests_random random;
    tests_random_init(&random);
    tsr_array *array = filled(f, "a", 0);
    for (int round = 0; round < 60; round++) {
        int64_t start[2], shape[2], step[2];
        int32_t values[99];
        for (int axis = 0; axis < 2; axis++) {
            step[axis] = 1 + tests_random_below(&random, 5);
            start[axis] = tests_random_below(&random, row.shape[axis]);
            shape[axis] = 1 + (row.shape[axis] - 1 - start[axis]) / step[axis];
            shape[axis] = tests_random_below(&random, shape[axis] + 1);
        }
        good(tsr_array_read(array, start, shape, step, values,
                            (size_t)(shape[0] * shape[1]) * sizeof *values, NULL, &f->err),
             &f->err);
        for (int64_t i = 0; i < shape[0] * shape[1]; i++)
            assert_int_equal(values[i], (start[0] + i / shape[1] * step[0]) * 11 + start[1] +
                                            i % shape[1] * step[1]);
    }
    tsr_array_close(array);
}

/* ---- sinks ---- */

typedef struct painted {
    pthread_mutex_t mutex;
    int count[9 * 11];
    int32_t values[9 * 11];
} painted;

static int paint(void *user, const tsr_view *piece, const int64_t *position, tsr_error *err)
{
    painted *self = user;
    (void)err;
    pthread_mutex_lock(&self->mutex);
    for (int64_t y = 0; y < piece->shape[0]; y++)
        for (int64_t x = 0; x < piece->shape[1]; x++) {
            int64_t at = (position[0] + y) * 11 + position[1] + x;
            memcpy(&self->values[at], piece->data + y * piece->strides[0] + x * piece->strides[1],
                   4);
            self->count[at]++;
        }
    pthread_mutex_unlock(&self->mutex);
    return 0;
}

static void a_sink_sees_every_element_once(void **state)
{
    fixture *f = *state;
    painted seen = {.mutex = PTHREAD_MUTEX_INITIALIZER};
    tsr_array *array = filled(f, "a", 0);
    good(tsr_store_erase(f->store, "a/c/1/1", NULL, &f->err),
         &f->err); /* rows 4..7, columns 3..5 */
    good(tsr_array_read_sink(array, NULL, paint, &seen, NULL, &f->err), &f->err);
    for (int i = 0; i < 99; i++) {
        int y = i / 11, x = i % 11;
        bool erased = y >= 4 && y < 8 && x >= 3 && x < 6;
        assert_int_equal(seen.count[i], 1);
        assert_int_equal(seen.values[i], erased ? 0 : i);
    }
    tsr_array_close(array);
}

/* ---- odd arrays ---- */

static void empty_axes_hold_nothing(void **state)
{
    fixture *f = *state;
    static const array_row empty = {.name = "empty",
                                    .rank = 3,
                                    .shape = {4, 0, INT64_MAX},
                                    .chunk = {2, 5, 1},
                                    .codec = "none"};
    tsr_array *array = array_new(f, f->store, "a", &empty, TSR_INT32, NULL);
    char nothing = 7;
    assert_int_equal(tsr_array_count(array), 0);
    assert_int_equal(tsr_array_size(array), 0);
    good(tsr_array_read(array, NULL, NULL, NULL, &nothing, 0, NULL, &f->err), &f->err);
    good(tsr_array_read(array, NULL, NULL, NULL, NULL, 0, NULL, &f->err), &f->err);
    good(tsr_array_write(array, NULL, NULL, NULL, NULL, 0, NULL, &f->err), &f->err);
    assert_int_equal(nothing, 7);
    assert_int_equal(tsr_array_read(array, NULL, NULL, NULL, &nothing, 1, NULL, &f->err),
                     TSR_INVALID_ARGUMENT);
    tsr_array_close(array);
}

/* The longest array there can be: its last corner is written and read, through shards too. */
static void the_longest_axes_have_corners(void **state)
{
    fixture *f = *state;
    static const array_row rows[] = {
        {.name = "chunks",
         .rank = 2,
         .shape = {INT64_MAX, INT64_MAX},
         .chunk = {1000, 1000},
         .codec = "zstd:1"},
        {.name = "shards",
         .rank = 2,
         .shape = {INT64_MAX, INT64_MAX},
         .chunk = {10, 10},
         .shard = {100, 100},
         .codec = "zstd:1"},
    };
    const int64_t start[] = {INT64_MAX - 3, INT64_MAX - 2}, shape[] = {3, 2}, step[] = {1, 1},
                  far_step[] = {INT64_MAX - 1, 1}, far_start[] = {0, INT64_MAX - 1},
                  far_shape[] = {2, 1};
    for (size_t i = 0; i < 2; i++) {
        int16_t values[6] = {1, 2, 3, 4, 5, 6}, back[6] = {0};
        tsr_array *array = array_new(f, f->store, i ? "b" : "a", &rows[i], TSR_INT16, NULL);
        assert_int_equal(tsr_array_count(array), INT64_MAX);
        assert_int_equal(tsr_array_size(array), INT64_MAX);
        good(tsr_array_write(array, start, shape, step, values, sizeof values, NULL, &f->err),
             &f->err);
        good(tsr_array_read(array, start, shape, step, back, sizeof back, NULL, &f->err), &f->err);
        assert_memory_equal(back, values, sizeof back);
        good(tsr_array_read(array, far_start, far_shape, far_step, back, 4, NULL, &f->err),
             &f->err);
        assert_int_equal(back[0], 0);
        assert_int_equal(back[1], 6);
        assert_int_equal(tsr_array_read(array, NULL, NULL, NULL, back, sizeof back, NULL, &f->err),
                         TSR_LIMIT);
        tsr_array_close(array);
    }
}

static void mistakes_are_refused(void **state)
{
    fixture *f = *state;
    int32_t values[99];
    int64_t shape[] = {9, 10};
    tsr_index index;
    tsr_view view;
    tsr_array *array = filled(f, "a", 0);
    tsr_index_all(&index, 2, row.shape);
    good(tsr_view_init(&view, TSR_INT32, 2, shape, values, &f->err), &f->err);
    tsr_read_request request = {array, &index, &view, TSR_CASTING_NO};
    assert_int_equal(tsr_read_many(f->context, &request, 1, NULL, &f->err), TSR_INVALID_ARGUMENT);
    assert_non_null(strstr(f->err.message, "shape of the selection"));
    good(tsr_view_init(&view, TSR_INT64, 2, row.shape, values, &f->err), &f->err);
    assert_int_equal(tsr_read_many(f->context, &request, 1, NULL, &f->err), TSR_TYPE_MISMATCH);
    assert_non_null(strstr(f->err.message, "int32 is not turned into int64"));
    good(tsr_view_init(&view, TSR_INT32, 2, row.shape, values, &f->err), &f->err);
    view.data = NULL;
    assert_int_equal(tsr_read_many(f->context, &request, 1, NULL, &f->err), TSR_INVALID_ARGUMENT);
    view.data = (char *)values;
    static const tsr_index_axis wrong[] = {
        {TSR_INDEX_RANGE, 1, 9, 1},  {TSR_INDEX_RANGE, 0, 9, 0},
        {TSR_INDEX_RANGE, 8, 9, -2}, {TSR_INDEX_RANGE, 0, 9, INT64_MAX},
        {TSR_INDEX_RANGE, 0, -1, 1}, {TSR_INDEX_RANGE, -1, 9, 1},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        index.axes[0] = wrong[i];
        int status = tsr_read_many(f->context, &request, 1, NULL, &f->err);
        assert_true(status == TSR_OUT_OF_BOUNDS || status == TSR_INVALID_ARGUMENT);
    }
    index.rank = 1;
    assert_int_equal(tsr_read_many(f->context, &request, 1, NULL, &f->err), TSR_INVALID_ARGUMENT);
    tsr_array_close(array);
}

/* Pieces of large views are written past the caches, with rows that begin anywhere in a line. */
static void large_views_are_read_right(void **state)
{
    fixture *f = *state;
    enum { EDGE = 2080 };
    static const array_row large = {
        .rank = 2, .shape = {EDGE, EDGE}, .chunk = {512, 48}, .codec = "zstd:1"};
    tsr_array *array = array_new(f, f->store, "large", &large, TSR_INT32, NULL);
    const size_t size_bytes = sizeof(int32_t) * EDGE * EDGE;
    int32_t *values = malloc(size_bytes), *seen = calloc(EDGE * EDGE + 1, sizeof *seen);
    for (int i = 0; i < EDGE * EDGE; i++)
        values[i] = i;
    good(tsr_array_write(array, NULL, NULL, NULL, values, size_bytes, NULL, &f->err), &f->err);
    for (int shift = 0; shift < 2; shift++) {
        good(tsr_array_read(array, NULL, NULL, NULL, seen + shift, size_bytes, NULL, &f->err),
             &f->err);
        assert_memory_equal(seen + shift, values, size_bytes);
    }
    free(seen);
    free(values);
    tsr_array_close(array);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(a_batch_goes_to_many_views),
        FIXTURE_TEST(a_slice_is_the_slice_of_the_whole),
        FIXTURE_TEST(a_sink_sees_every_element_once),
        FIXTURE_TEST(empty_axes_hold_nothing),
        FIXTURE_TEST(the_longest_axes_have_corners),
        FIXTURE_TEST(large_views_are_read_right),
        FIXTURE_TEST(mistakes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
