/* Proves that arrays whose chunks have several lengths are written, read, walked, copied and told
 * of as a plain array in memory would be, with more shapes than the stock keeps, and with shards.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "array/array.h"
#include "unit/array/array_testing.h"

enum { ROWS = 97, COLUMNS = 60 };

/* 20 x 7 lengths: more shapes than the stock holds. */
#define EDGES                                          \
    "[[1,2,3,4,5,6,7,8,9,1,2,3,4,5,6,7,8,9,[1,3],10]," \
    "[12,5,[1,4],11,13,15,30]]"
#define SHARD_EDGES "[[8,4,[12,5],28],[6,[18,3]]]"

typedef struct model {
    fixture *f;
    tsr_array *array;
    int32_t values[ROWS][COLUMNS];
    uint32_t seed;
} model;

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static tsr_array *create(fixture *f, const char *path, const char *edges, const int64_t *chunk,
                         const int64_t *shape)
{
    static const int32_t fill = -7;
    tsr_array_create_options options;
    tsr_array *array = NULL;

    tsr_array_create_options_init(&options);
    options.store = f->store;
    options.dtype = TSR_INT32;
    options.rank = 2;
    options.shape = shape;
    options.chunk_edges = edges;
    options.chunk_shape = chunk;
    options.fill_value = &fill;
    good(tsr_array_create(f->context, path, &options, &array, &f->err), &f->err);
    return array;
}

static const int64_t whole[2] = {ROWS, COLUMNS};

static void write_random_box(model *self)
{
    int64_t start[2], shape[2], step[2];
    static int32_t box[ROWS * COLUMNS];
    size_t count = 0;

    for (int axis = 0; axis < 2; axis++) {
        start[axis] = next_random(&self->seed) % (uint32_t)whole[axis];
        step[axis] = 1 + next_random(&self->seed) % 3;
        int64_t room = (whole[axis] - 1 - start[axis]) / step[axis] + 1;
        shape[axis] = 1 + next_random(&self->seed) % (uint32_t)room;
    }
    for (int64_t y = 0; y < shape[0]; y++)
        for (int64_t x = 0; x < shape[1]; x++) {
            int32_t value = (int32_t)next_random(&self->seed);
            box[count++] = value;
            self->values[start[0] + y * step[0]][start[1] + x * step[1]] = value;
        }
    good(tsr_array_write(self->array, start, shape, step, box, count * sizeof *box, NULL,
                         &self->f->err),
         &self->f->err);
}

static void assert_content(model *self, tsr_array *array)
{
    static int32_t values[ROWS][COLUMNS];
    memset(values, 0, sizeof values);
    good(tsr_array_read(array, NULL, NULL, NULL, values, sizeof values, NULL, &self->f->err),
         &self->f->err);
    assert_memory_equal(values, self->values, sizeof values);
}

static void read_random_box(model *self)
{
    int64_t start[2], shape[2];
    static int32_t box[ROWS * COLUMNS];

    for (int axis = 0; axis < 2; axis++) {
        start[axis] = next_random(&self->seed) % (uint32_t)whole[axis];
        shape[axis] = 1 + next_random(&self->seed) % (uint32_t)(whole[axis] - start[axis]);
    }
    size_t size = (size_t)(shape[0] * shape[1]) * sizeof *box;
    good(tsr_array_read(self->array, start, shape, NULL, box, size, NULL, &self->f->err),
         &self->f->err);
    for (int64_t y = 0; y < shape[0]; y++)
        assert_memory_equal(&box[y * shape[1]], &self->values[start[0] + y][start[1]],
                            (size_t)shape[1] * sizeof *box);
}

static model *model_new(fixture *f, tsr_array *array)
{
    model *self = calloc(1, sizeof *self);
    self->f = f;
    self->array = array;
    self->seed = 5;
    for (int y = 0; y < ROWS; y++)
        for (int x = 0; x < COLUMNS; x++)
            self->values[y][x] = -7;
    return self;
}

static void exercise(model *self, const char *path)
{
    for (int round = 0; round < 25; round++) {
        write_random_box(self);
        read_random_box(self);
    }
    assert_content(self, self->array);
    /* Another handle, which reads what the first one's metadata says. */
    tsr_array *again = array_open(self->f, self->f->store, path, false);
    assert_content(self, again);
    tsr_array_close(again);
}

static void boxes_are_written_and_read(void **state)
{
    fixture *f = *state;
    model *self = model_new(f, create(f, "a", EDGES, NULL, whole));
    assert_false(tsr_array_is_regular(self->array));
    exercise(self, "a");
    tsr_array_close(self->array);
    free(self);
}

static void shards_of_several_lengths_too(void **state)
{
    fixture *f = *state;
    model *self = model_new(f, create(f, "a", SHARD_EDGES, (const int64_t[]){4, 6}, whole));
    assert_int_equal(tsr_array_shard_levels(self->array), 1);
    exercise(self, "a");
    tsr_array_close(self->array);
    free(self);
}

/* From these lengths to those, to a regular grid, and back; equal grids move bytes as they are. */
static void copies_go_both_ways(void **state)
{
    fixture *f = *state;
    model *self = model_new(f, create(f, "a", EDGES, NULL, whole));
    static const char *const grids[] = {SHARD_EDGES, "[10,7]", EDGES};
    tsr_array *from = tsr_array_ref(self->array);

    exercise(self, "a");
    for (size_t i = 0; i < TSRI_COUNT(grids); i++) {
        char path[8];
        snprintf(path, sizeof path, "copy%zu", i);
        tsr_array *to = create(f, path, grids[i], i == 0 ? (const int64_t[]){4, 6} : NULL, whole);
        good(tsr_array_copy(from, to, NULL, NULL, &f->err), &f->err);
        assert_content(self, to);
        tsr_array_close(from);
        from = to;
    }
    tsr_array *same = create(f, "same", EDGES, NULL, whole);
    good(tsr_array_copy(from, same, NULL, NULL, &f->err), &f->err);
    assert_content(self, same);
    tsr_array_close(same);
    tsr_array_close(from);
    tsr_array_close(self->array);
    free(self);
}

typedef struct seen {
    int64_t chunks, inner;
    const tsr_array *array;
} seen;

static int see(void *user, const tsr_chunk_info *info)
{
    seen *self = user;
    assert_int_equal(info->state, TSR_CHUNK_STORED);
    if (info->level == 0)
        self->chunks++;
    else
        self->inner++;
    return 0;
}

/* 2 + 5 + 1 rows of shards by 1 + 3 columns; their inner chunks of 4 x 6 cover 25 x 10. */
static void walks_visit_every_chunk(void **state)
{
    fixture *f = *state;
    model *self = model_new(f, create(f, "a", SHARD_EDGES, (const int64_t[]){4, 6}, whole));
    tsr_chunk_walk_options options;
    seen told = {0, 0, self->array};

    for (int y = 0; y < ROWS; y++)
        for (int x = 0; x < COLUMNS; x++)
            self->values[y][x] = y * COLUMNS + x + 1;
    good(tsr_array_write(self->array, NULL, NULL, NULL, self->values, sizeof self->values, NULL,
                         &f->err),
         &f->err);
    tsr_chunk_walk_options_init(&options);
    options.inner = options.data = true;
    good(tsr_array_walk_chunks(self->array, &options, see, &told, NULL, &f->err), &f->err);
    assert_int_equal(told.chunks, 8 * 4);
    assert_int_equal(told.inner, 25 * 10);
    tsr_array_close(self->array);
    free(self);
}

static void queries_tell_where_chunks_lie(void **state)
{
    fixture *f = *state;
    tsr_array *array = create(f, "a", EDGES, NULL, whole);
    int64_t start, length;
    char *edges;

    assert_int_equal(tsr_array_chunk_count(array, 0), 22);
    assert_int_equal(tsr_array_chunk_count(array, 1), 9);
    assert_int_equal(tsr_array_chunk_at(array, 1, 16), 1);
    assert_int_equal(tsr_array_chunk_at(array, 1, 17), 2);
    assert_int_equal(tsr_array_chunk_at(array, 1, COLUMNS), -1);
    assert_int_equal(tsr_array_chunk_at(array, 2, 0), -1);
    good(tsr_array_chunk_extent(array, 1, 7, &start, &length, &f->err), &f->err);
    assert_int_equal(start, 32);
    assert_int_equal(length, 13);
    assert_int_equal(tsr_array_chunk_extent(array, 1, 9, &start, &length, NULL), TSR_OUT_OF_BOUNDS);
    assert_int_equal(tsr_array_chunk_shape(array)[1], 30);
    good(tsr_array_chunk_edges(array, &edges, &f->err), &f->err);
    assert_string_equal(edges, "[[1,2,3,4,5,6,7,8,9,1,2,3,4,5,6,7,8,9,[1,3],10],"
                               "[12,5,[1,4],11,13,15,30]]");
    tsr_free(edges);
    tsr_array_close(array);
}

static void orders_that_contradict_are_refused(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *edges;
        int64_t chunk[2], shard;
        int zarr_format;
        int status;
    } rows[] = {
        {"[[50,47],60]", {0}, 10, 3, TSR_INVALID_ARGUMENT},
        {"[[50,47],60]", {0}, 0, 2, TSR_INVALID_ARGUMENT},
        {"[[50,46],60]", {0}, 0, 3, TSR_INVALID_ARGUMENT},
        {"[[50,47],60]", {10, 60}, 0, 3, TSR_INVALID_ARGUMENT}, /* no whole inner chunks */
        {"[[50,47]]", {0}, 0, 3, TSR_INVALID_ARGUMENT},
        {"[[50,47],60", {0}, 0, 3, TSR_INVALID_ARGUMENT},
    };
    for (size_t i = 0; i < TSRI_COUNT(rows); i++) {
        tsr_array_create_options options;
        tsr_array *array = NULL;
        const int64_t shard[2] = {rows[i].shard, rows[i].shard};
        tsr_array_create_options_init(&options);
        options.store = f->store;
        options.dtype = TSR_INT32;
        options.rank = 2;
        options.shape = whole;
        options.zarr_format = rows[i].zarr_format;
        options.chunk_edges = rows[i].edges;
        options.chunk_shape = rows[i].chunk[0] ? rows[i].chunk : NULL;
        options.shard_shape = rows[i].shard ? shard : NULL;
        if (tsr_array_create(f->context, "bad", &options, &array, &f->err) != rows[i].status)
            fail_msg("row %zu: %s", i, f->err.message);
        assert_null(array);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(boxes_are_written_and_read),
        FIXTURE_TEST(shards_of_several_lengths_too),
        FIXTURE_TEST(copies_go_both_ways),
        FIXTURE_TEST(walks_visit_every_chunk),
        FIXTURE_TEST(queries_tell_where_chunks_lie),
        FIXTURE_TEST(orders_that_contradict_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
