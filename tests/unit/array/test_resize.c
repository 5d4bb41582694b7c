/* Proves that arrays change their shape as an array in memory would that is filled where it grows;
 * that appenders in several threads and processes all win, and readers never see a length without
 * its elements; that a handle with an old shape harms nobody. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "array/array.h"
#include "support/temporary.h"
#include "unit/array/array_testing.h"

enum { MOST = 40, FILL = 7 };

typedef struct shape_row {
    array_row row;
    const char *edges;
} shape_row;

static const shape_row rows[] = {
    {{.name = "plain", .rank = 2, .shape = {9, 13}, .chunk = {4, 5}, .codec = "none"}, NULL},
    {{.name = "shards",
      .rank = 2,
      .shape = {9, 13},
      .chunk = {2, 3},
      .shard = {8, 6},
      .codec = "zstd:1"},
     NULL},
    {{.name = "transposed",
      .rank = 2,
      .shape = {9, 13},
      .chunk = {4, 5},
      .filters = "[{\"name\":\"transpose\",\"configuration\":{\"order\":[1,0]}}]"},
     NULL},
    {{.name = "v2",
      .zarr_format = 2,
      .rank = 2,
      .shape = {9, 13},
      .chunk = {4, 5},
      .codec = "zlib",
      .order = 'F'},
     NULL},
    {{.name = "several lengths", .rank = 2, .shape = {9, 13}, .codec = "none"},
     "[[1,2,3,3],[5,4,[2,3]]]"},
    {{.name = "shards of several lengths", .rank = 2, .shape = {9, 13}, .chunk = {2, 3}},
     "[[4,6],[3,[6,2]]]"},
};

static tsr_array *create(fixture *f, const shape_row *self)
{
    static const int32_t fill = FILL;
    tsr_array_create_options options;
    tsr_array *array = NULL;
    row_options(&self->row, TSR_INT32, &fill, &options);
    options.store = f->store;
    options.chunk_edges = self->edges;
    if (self->row.chunk[0] == 0)
        options.chunk_shape = NULL;
    good(tsr_array_create(f->context, "a", &options, &array, &f->err), &f->err);
    return array;
}

/* The array as NumPy would have it. */
typedef struct model {
    int64_t shape[2];
    int32_t values[MOST][MOST];
    unsigned random;
} model;

static int64_t below(model *self, int64_t limit)
{
    self->random = self->random * 1103515245u + 12345u;
    return (int64_t)(self->random >> 8) % limit;
}

static void fill_outside(model *self)
{
    for (int64_t y = 0; y < MOST; y++)
        for (int64_t x = 0; x < MOST; x++)
            if (y >= self->shape[0] || x >= self->shape[1])
                self->values[y][x] = FILL;
}

static void assert_same(fixture *f, tsr_array *array, const model *self)
{
    static int32_t values[MOST * MOST];
    size_t size = (size_t)(self->shape[0] * self->shape[1]) * sizeof *values;
    assert_int_equal(tsr_array_shape(array)[0], self->shape[0]);
    assert_int_equal(tsr_array_shape(array)[1], self->shape[1]);
    good(tsr_array_read(array, NULL, NULL, NULL, values, size, NULL, &f->err), &f->err);
    for (int64_t y = 0; y < self->shape[0]; y++)
        assert_memory_equal(values + y * self->shape[1], self->values[y],
                            (size_t)self->shape[1] * sizeof *values);
}

static void write_somewhere(fixture *f, tsr_array *array, model *self)
{
    int64_t start[2], shape[2], count = 0;
    static int32_t values[MOST * MOST];
    if (self->shape[0] == 0 || self->shape[1] == 0)
        return;
    for (int axis = 0; axis < 2; axis++) {
        start[axis] = below(self, self->shape[axis]);
        shape[axis] = 1 + below(self, self->shape[axis] - start[axis]);
    }
    for (int64_t y = 0; y < shape[0]; y++)
        for (int64_t x = 0; x < shape[1]; x++)
            self->values[start[0] + y][start[1] + x] = values[count++] =
                (int32_t)below(self, 1000000) + 10;
    good(tsr_array_write(array, start, shape, NULL, values, (size_t)count * sizeof *values, NULL,
                         &f->err),
         &f->err);
}

static void append_something(fixture *f, tsr_array *array, model *self)
{
    int axis = (int)below(self, 2);
    int64_t room = MOST - self->shape[axis], start = -1;
    static int32_t values[MOST * MOST];
    tsr_view view;
    int64_t shape[2] = {self->shape[0], self->shape[1]}, count = 0;
    shape[axis] = room > 5 ? below(self, 6) : room;
    for (int64_t y = 0; y < shape[0]; y++)
        for (int64_t x = 0; x < shape[1]; x++)
            self->values[axis == 0 ? self->shape[0] + y : y][axis == 1 ? self->shape[1] + x : x] =
                values[count++] = (int32_t)below(self, 1000000) + 10;
    good(tsr_view_init(&view, TSR_INT32, 2, shape, values, &f->err), &f->err);
    good(tsr_array_append(array, axis, &view, TSR_CASTING_NO, NULL, NULL, &start, &f->err),
         &f->err);
    assert_int_equal(start, self->shape[axis]);
    self->shape[axis] += shape[axis];
}

static void shapes_change_as_in_memory(void **state)
{
    (void)state;
    for (size_t i = 0; i < TSRI_COUNT(rows); i++) {
        fixture f;
        fixture_open(&f, "memory:");
        tsr_array *array = create(&f, &rows[i]);
        model *self = calloc(1, sizeof *self);
        self->shape[0] = 9;
        self->shape[1] = 13;
        self->random = 77;
        for (int y = 0; y < MOST; y++)
            for (int x = 0; x < MOST; x++)
                self->values[y][x] = FILL;
        for (int round = 0; round < 60; round++) {
            write_somewhere(&f, array, self);
            if (below(self, 2)) {
                append_something(&f, array, self);
            } else {
                self->shape[0] = below(self, MOST);
                self->shape[1] = below(self, MOST);
                good(tsr_array_resize(array, self->shape, NULL, NULL, &f.err), &f.err);
                fill_outside(self);
            }
            assert_same(&f, array, self);
        }
        tsr_array *again = array_open(&f, f.store, "a", false);
        assert_same(&f, again, self);
        tsr_array_close(again);
        tsr_array_close(array);
        free(self);
        fixture_close(&f);
    }
}

static void put_numbers(fixture *f, tsr_array *array, int64_t start, int64_t count)
{
    uint8_t values[64];
    for (int64_t i = 0; i < count; i++)
        values[i] = (uint8_t)(start + i + 1);
    good(tsr_array_write(array, &start, &count, NULL, values, (size_t)count, NULL, &f->err),
         &f->err);
}

static const array_row line = {
    .name = "a", .rank = 1, .shape = {20}, .chunk = {8}, .codec = "none"};

static void resize_to(fixture *f, tsr_array *array, int64_t length, bool keep)
{
    tsr_resize_options options;
    tsr_resize_options_init(&options);
    options.keep_chunks = keep;
    good(tsr_array_resize(array, &length, &options, NULL, &f->err), &f->err);
}

static int count_key(void *user, const tsr_store_entry *entry)
{
    (void)entry;
    ++*(int *)user;
    return 0;
}

/* What another program leaves behind the end (here: keep_chunks) is not seen when the array grows,
 * unless that is asked for. */
static void leftovers_of_others_are_not_seen(void **state)
{
    fixture *f = *state;
    tsr_array *array = array_new(f, f->store, "a", &line, TSR_UINT8, NULL);
    uint8_t values[20];
    int keys = 0;
    put_numbers(f, array, 0, 20);
    resize_to(f, array, 5, true);
    resize_to(f, array, 20, true);
    good(tsr_array_read(array, NULL, NULL, NULL, values, 20, NULL, &f->err), &f->err);
    for (int i = 0; i < 20; i++)
        assert_int_equal(values[i], i + 1);
    resize_to(f, array, 5, true);
    resize_to(f, array, 20, false);
    good(tsr_array_read(array, NULL, NULL, NULL, values, 20, NULL, &f->err), &f->err);
    for (int i = 0; i < 20; i++)
        assert_int_equal(values[i], i < 5 ? i + 1 : 0);
    resize_to(f, array, 0, false);
    good(tsr_store_list(f->store, "a/c/", false, count_key, &keys, NULL, &f->err), &f->err);
    assert_int_equal(keys, 0);
    tsr_array_close(array);
}

/* Handle A does not know that B made the array longer, and writes the old end anew. */
static void an_old_handle_keeps_what_was_appended(void **state)
{
    fixture *f = *state;
    tsr_array *a = array_new(f, f->store, "a", &line, TSR_UINT8, NULL);
    tsr_array *b = array_open(f, f->store, "a", true);
    uint8_t more[3] = {201, 202, 203}, values[23];
    tsr_view view;
    put_numbers(f, a, 0, 20);
    good(tsr_view_init(&view, TSR_UINT8, 1, (const int64_t[]){3}, more, &f->err), &f->err);
    good(tsr_array_append(b, 0, &view, TSR_CASTING_NO, NULL, NULL, NULL, &f->err), &f->err);
    put_numbers(f, a, 16, 4); /* everything that A knows of the last chunk */
    assert_int_equal(tsr_array_shape(a)[0], 20);
    good(tsr_array_refresh(a, &f->err), &f->err);
    assert_int_equal(tsr_array_shape(a)[0], 23);
    good(tsr_array_read(a, NULL, NULL, NULL, values, 23, NULL, &f->err), &f->err);
    for (int i = 0; i < 23; i++)
        assert_int_equal(values[i], i < 20 ? i + 1 : 181 + i);
    tsr_array_close(a);
    tsr_array_close(b);
}

/* A damaged chunk at the end of the array is replaced by whoever writes all of it that counts. */
static void a_damaged_last_chunk_is_replaced(void **state)
{
    fixture *f = *state;
    array_row row = line;
    row.codec = "zstd:1";
    tsr_array *array = array_new(f, f->store, "a", &row, TSR_UINT8, NULL);
    uint8_t values[4];
    int64_t start = 16, count = 4;
    put_numbers(f, array, 0, 20);
    put_bytes(f, f->store, "a/c/2", "damage", 6);
    assert_int_equal(tsr_array_read(array, &start, &count, NULL, values, 4, NULL, &f->err),
                     TSR_DAMAGED);
    int64_t one = 1;
    assert_int_equal(tsr_array_write(array, &start, &one, NULL, values, 1, NULL, &f->err),
                     TSR_DAMAGED);
    put_numbers(f, array, 16, 4);
    good(tsr_array_read(array, &start, &count, NULL, values, 4, NULL, &f->err), &f->err);
    assert_int_equal(values[3], 20);
    tsr_array_close(array);
}

static void what_cannot_be_is_refused(void **state)
{
    fixture *f = *state;
    tsr_array *array = array_new(f, f->store, "a", &line, TSR_UINT8, NULL);
    tsr_array *reader = array_open(f, f->store, "a", false);
    uint8_t values[8] = {0};
    tsr_view view, wide;
    good(tsr_view_init(&view, TSR_UINT8, 1, (const int64_t[]){4}, values, &f->err), &f->err);
    good(tsr_view_init(&wide, TSR_UINT8, 2, (const int64_t[]){2, 2}, values, &f->err), &f->err);
    const int64_t negative = -1;
#define APPEND(to, axis, what) \
    tsr_array_append(to, axis, what, TSR_CASTING_NO, NULL, NULL, NULL, &f->err)
    assert_int_equal(tsr_array_resize(array, &negative, NULL, NULL, &f->err), TSR_INVALID_ARGUMENT);
    assert_int_equal(tsr_array_resize(reader, &line.shape[0], NULL, NULL, &f->err), TSR_READ_ONLY);
    assert_int_equal(APPEND(reader, 0, &view), TSR_READ_ONLY);
    assert_int_equal(APPEND(array, 1, &view), TSR_INVALID_ARGUMENT);
    assert_int_equal(APPEND(array, -1, &view), TSR_INVALID_ARGUMENT);
    assert_int_equal(APPEND(array, 0, &wide), TSR_INVALID_ARGUMENT);
    good(tsr_view_init(&view, TSR_FLOAT32, 1, (const int64_t[]){2}, values, &f->err), &f->err);
    assert_int_equal(APPEND(array, 0, &view), TSR_TYPE_MISMATCH);
    good(tsr_view_init(&view, TSR_UINT8, 1, (const int64_t[]){2}, values, &f->err), &f->err);
    f->store->hints.in_process = false; /* as a store that others see, and that has no locks */
    assert_int_equal(APPEND(array, 0, &view), TSR_UNSUPPORTED);
    assert_true(f->err.next_step[0] != 0);
    f->store->hints.in_process = true;
    /* Somebody makes another array in its place. */
    array_row row = line;
    row.chunk[0] = 4;
    good(tsr_store_erase_prefix(f->store, "a/", NULL, &f->err), &f->err);
    tsr_array_close(array_new(f, f->store, "a", &row, TSR_UINT8, NULL));
    assert_int_equal(tsr_array_refresh(array, &f->err), TSR_CONFLICT);
    assert_int_equal(tsr_array_resize(array, &row.shape[0], NULL, NULL, &f->err), TSR_CONFLICT);
    assert_int_equal(APPEND(array, 0, &view), TSR_CONFLICT);
    tsr_array_close(array);
    tsr_array_close(reader);
}

/* ---- several at once ---- */

enum { APPENDERS = 3, APPENDS = 12, BLOCK = 5 };

/* Appends blocks of its number. */
static int append_blocks(tsr_array *array, int number)
{
    uint8_t values[BLOCK];
    tsr_view view;
    memset(values, number, sizeof values);
    int status = tsr_view_init(&view, TSR_UINT8, 1, (const int64_t[]){BLOCK}, values, NULL);
    for (int i = 0; i < APPENDS && status == 0; i++)
        status = tsr_array_append(array, 0, &view, TSR_CASTING_NO, NULL, NULL, NULL, NULL);
    return status;
}

/* Every block is of one number, and each number came as often as it was appended. */
static void assert_blocks(fixture *f, tsr_array *array, int64_t expected)
{
    static uint8_t values[APPENDERS * APPENDS * BLOCK];
    int counts[APPENDERS + 1] = {0};
    good(tsr_array_refresh(array, &f->err), &f->err);
    int64_t length = tsr_array_shape(array)[0];
    assert_int_equal(length % BLOCK, 0);
    if (expected >= 0)
        assert_int_equal(length, expected);
    good(tsr_array_read(array, NULL, NULL, NULL, values, (size_t)length, NULL, &f->err), &f->err);
    for (int64_t i = 0; i < length; i += BLOCK) {
        assert_in_range(values[i], 1, APPENDERS);
        for (int64_t j = 1; j < BLOCK; j++)
            assert_int_equal(values[i + j], values[i]);
        counts[values[i]]++;
    }
    for (int n = 1; expected >= 0 && n <= APPENDERS; n++)
        assert_int_equal(counts[n], APPENDS);
}

static const array_row empty = {
    .name = "a", .rank = 1, .shape = {0}, .chunk = {2}, .shard = {8}, .codec = "none"};

typedef struct appender {
    tsr_array *array;
    int number, status;
} appender;

static void *append_thread(void *user)
{
    appender *self = user;
    self->status = append_blocks(self->array, self->number);
    return NULL;
}

static void threads_append_to_one_array(void **state)
{
    fixture *f = *state;
    tsr_array *array = array_new(f, f->store, "a", &empty, TSR_UINT8, NULL);
    tsr_array *other = array_open(f, f->store, "a", true);
    appender all[APPENDERS];
    pthread_t threads[APPENDERS];
    for (int i = 0; i < APPENDERS; i++) {
        all[i] = (appender){i == 0 ? other : array, i + 1, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, append_thread, &all[i]), 0);
    }
    for (int i = 0; i < APPENDERS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(all[i].status, 0);
    }
    assert_blocks(f, array, APPENDERS * APPENDS * BLOCK);
    tsr_array_close(array);
    tsr_array_close(other);
}

static int append_in_child(const char *folder, int number)
{
    fixture f;
    fixture_open(&f, folder);
    tsr_array *array = array_open(&f, f.store, "a", true);
    int status = append_blocks(array, number);
    tsr_array_close(array);
    fixture_close(&f);
    return status == 0 ? 0 : 1;
}

static void processes_append_while_another_reads(void **state)
{
    (void)state;
    if (!CAN_FORK)
        skip();
    char *folder = temporary_folder_new();
    fixture f;
    pid_t children[APPENDERS];
    fixture_open(&f, folder);
    tsr_array *array = array_new(&f, f.store, "a", &empty, TSR_UINT8, NULL);
    for (int i = 0; i < APPENDERS; i++) {
        children[i] = fork();
        assert_true(children[i] >= 0);
        if (children[i] == 0)
            _exit(append_in_child(folder, i + 1));
    }
    int alive = APPENDERS;
    while (alive > 0) {
        int outcome;
        assert_blocks(&f, array, -1);
        if (waitpid(-1, &outcome, WNOHANG) > 0) {
            assert_true(WIFEXITED(outcome) && WEXITSTATUS(outcome) == 0);
            alive--;
        }
    }
    assert_blocks(&f, array, APPENDERS * APPENDS * BLOCK);
    tsr_array_close(array);
    fixture_close(&f);
    temporary_folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes_change_as_in_memory),
        FIXTURE_TEST(leftovers_of_others_are_not_seen),
        FIXTURE_TEST(an_old_handle_keeps_what_was_appended),
        FIXTURE_TEST(a_damaged_last_chunk_is_replaced),
        FIXTURE_TEST(what_cannot_be_is_refused),
        FIXTURE_TEST(threads_append_to_one_array),
        cmocka_unit_test(processes_append_while_another_reads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
