/* Proves of reading and writing against an array in plain memory: random boxes, steps, types and
 * sources, over every kind of chunk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <sys/stat.h>

#include "support/random_view.h"
#include "support/temporary.h"
#include "unit/array/array_testing.h"
#include <tessera/sys/system.h>

#define BYTES "{\"name\":\"bytes\",\"configuration\":{\"endian\":\"little\"}}"
#define ZSTD "{\"name\":\"zstd\",\"configuration\":{\"level\":1,\"checksum\":false}}"
#define INDEX "\"index_codecs\":[" BYTES ",{\"name\":\"crc32c\"}]"

enum { A = 11, B = 9, C = 14, COUNT = A * B * C };

#define SHAPE .rank = 3, .shape = {A, B, C}

static const array_row rows[] = {
    {.name = "raw", SHAPE, .chunk = {4, 9, 5}, .codec = "none"},
    {.name = "raw, big-endian",
     SHAPE,
     .chunk = {4, 2, 5},
     .serializer = "{\"name\":\"bytes\",\"configuration\":{\"endian\":\"big\"}}",
     .codec = "none"},
    {.name = "larger than the array", SHAPE, .chunk = {16, 16, 16}, .codec = "zstd:1"},
    {.name = "single elements", SHAPE, .chunk = {1, 1, 3}, .codec = "none"},
    {.name = "shards", SHAPE, .chunk = {2, 3, 4}, .shard = {4, 9, 8}, .codec = "zstd:1"},
    {.name = "shards, index at the start",
     SHAPE,
     .chunk = {2, 3, 4},
     .shard = {6, 3, 16},
     .codec = "none",
     .index_at_start = true},
    {.name = "turned shards",
     SHAPE,
     .chunk = {8, 6, 4},
     .codecs = "[{\"name\":\"transpose\",\"configuration\":{\"order\":[1,2,0]}},"
               "{\"name\":\"sharding_indexed\",\"configuration\":{\"chunk_shape\":[3,2,4],"
               "\"codecs\":[{\"name\":\"transpose\",\"configuration\":{\"order\":[2,0,1]}}," BYTES
               "," ZSTD "]," INDEX "}}]"},
    {.name = "nested shards",
     SHAPE,
     .chunk = {8, 8, 8},
     .codecs =
         "[{\"name\":\"sharding_indexed\",\"configuration\":{\"chunk_shape\":[4,4,8],\"codecs\":"
         "[{\"name\":\"sharding_indexed\",\"configuration\":{\"chunk_shape\":[2,1,4],\"codecs\":"
         "[" BYTES "," ZSTD "]," INDEX ",\"index_location\":\"start\"}}]," INDEX "}}]"},
    {.name = "packed shards",
     SHAPE,
     .chunk = {8, 8, 8},
     .codecs = "[{\"name\":\"sharding_indexed\",\"configuration\":{\"chunk_shape\":[4,4,4],"
               "\"codecs\":[" BYTES "]," INDEX "}}," ZSTD ",{\"name\":\"crc32c\"}]"},
    {.name = "v2, columns first",
     .zarr_format = 2,
     SHAPE,
     .chunk = {3, 4, 5},
     .codec = "zlib:1",
     .order = 'F'},
    {.name = "v2, big-endian",
     .zarr_format = 2,
     SHAPE,
     .chunk = {3, 4, 5},
     .serializer = "\"big\""},
};

static void random_box(tests_random *random, int64_t *start, int64_t *shape, int64_t *step)
{
    static const int64_t lengths[] = {A, B, C};
    for (int axis = 0; axis < 3; axis++) {
        step[axis] = tests_random_below(random, 3) == 0 ? 1 + tests_random_below(random, 6) : 1;
        start[axis] = tests_random_below(random, lengths[axis]);
        int64_t most = (lengths[axis] - start[axis] + step[axis] - 1) / step[axis];
        shape[axis] = tests_random_below(random, most + 1);
        if (tests_random_below(random, 4) == 0) {
            start[axis] = 0;
            step[axis] = 1;
            shape[axis] = lengths[axis];
        }
    }
}

/* Calls for each element of a box: where it lies in the model and in the box. */
#define FOR_BOX(start, shape, step, at, i)                                                     \
    for (int64_t x_ = 0, i = 0; x_ < (shape)[0]; x_++)                                         \
        for (int64_t y_ = 0; y_ < (shape)[1]; y_++)                                            \
            for (int64_t z_ = 0, at = 0;                                                       \
                 z_ < (shape)[2] &&                                                            \
                 (at = (((start)[0] + x_ * (step)[0]) * B + (start)[1] + y_ * (step)[1]) * C + \
                       (start)[2] + z_ * (step)[2],                                            \
                 true);                                                                        \
                 z_++, i++)

static void check_box(fixture *f, tsr_array *array, const char *name, const int32_t *model,
                      const int64_t *start, const int64_t *shape, const int64_t *step)
{
    size_t count = (size_t)(shape[0] * shape[1] * shape[2]);
    int32_t *values = malloc(count * sizeof *values + 1);
    good(tsr_array_read(array, start, shape, step, values, count * sizeof *values, NULL, &f->err),
         &f->err);
    FOR_BOX(start, shape, step, at, i)
    {
        if (values[i] != model[at])
            fail_msg("%s: element %lld of the array is %d where %d was written", name,
                     (long long)at, values[i], model[at]);
    }
    free(values);
}

static void boxes_are_written_and_read(void **state)
{
    fixture *f = *state;
    static const int32_t nothing = -5;
    static const int64_t origin[3], ones[] = {1, 1, 1}, whole[] = {A, B, C};
    tests_random random;
    tests_random_init(&random);
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        char path[16];
        int32_t model[COUNT], values[COUNT];
        snprintf(path, sizeof path, "a%zu", r);
        tsr_array *array = array_new(f, f->store, path, &rows[r], TSR_INT32, &nothing);
        for (int i = 0; i < COUNT; i++)
            model[i] = nothing;
        for (int round = 0; round < 40; round++) {
            int64_t start[3], shape[3], step[3];
            random_box(&random, start, shape, step);
            bool fill = tests_random_below(&random, 4) == 0; /* so that chunks become empty again */
            FOR_BOX(start, shape, step, at, i)
            {
                values[i] = fill ? nothing : (int32_t)tests_random_next(&random);
                model[at] = values[i];
            }
            size_t size = (size_t)(shape[0] * shape[1] * shape[2]) * sizeof *values;
            good(tsr_array_write(array, start, shape, step, values, size, NULL, &f->err), &f->err);
            random_box(&random, start, shape, step);
            check_box(f, array, rows[r].name, model, start, shape, step);
        }
        check_box(f, array, rows[r].name, model, origin, whole, ones);
        tsr_array_close(array);
        array = array_open(f, f->store, path, false); /* metadata says all of it again */
        check_box(f, array, rows[r].name, model, origin, whole, ones);
        tsr_array_close(array);
    }
}

/* ---- sources ---- */

static int give_numbers(void *user, const tsr_view *piece, const int64_t *position, tsr_error *err)
{
    int64_t at[3] = {0};
    (void)err;
    if (tsr_view_count(piece) == 0)
        return 0;
    __atomic_fetch_add((int64_t *)user, tsr_view_count(piece), __ATOMIC_RELAXED);
    do {
        int32_t value = 0;
        for (int axis = 0; axis < piece->rank; axis++)
            value = value * 100 + (int32_t)(position[axis] + at[axis]);
        memcpy(tests_view_at(piece, at), &value, sizeof value);
    } while (tests_next_position(piece->rank, piece->shape, at));
    return 0;
}

static void a_source_fills_every_element_once(void **state)
{
    fixture *f = *state;
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        char path[16];
        int32_t values[COUNT];
        int64_t given = 0;
        snprintf(path, sizeof path, "a%zu", r);
        tsr_array *array = array_new(f, f->store, path, &rows[r], TSR_INT32, NULL);
        good(tsr_array_write_source(array, NULL, give_numbers, &given, NULL, NULL, &f->err),
             &f->err);
        assert_int_equal(given, COUNT);
        good(tsr_array_read(array, NULL, NULL, NULL, values, sizeof values, NULL, &f->err),
             &f->err);
        for (int i = 0; i < COUNT; i++)
            assert_int_equal(values[i], i / C / B * 10000 + i / C % B * 100 + i % C);
        /* Backwards, with a position: positions count in the result. */
        tsr_index index;
        good(tsr_index_parse(&index, "3, ::-2, 1:13:5", 3, rows[r].shape, &f->err), &f->err);
        good(tsr_array_write_source(array, &index, give_numbers, &given, NULL, NULL, &f->err),
             &f->err);
        good(tsr_array_read(array, NULL, NULL, NULL, values, sizeof values, NULL, &f->err),
             &f->err);
        for (int j = 0; j < 5; j++)
            for (int k = 0; k < 3; k++)
                assert_int_equal(values[(3 * B + (8 - 2 * j)) * C + 1 + 5 * k], 100 * j + k);
        assert_int_equal(values[(3 * B + 8) * C + 2], 30802);
        tsr_array_close(array);
    }
}

static int fail_source(void *user, const tsr_view *piece, const int64_t *position, tsr_error *err)
{
    (void)piece;
    (void)position;
    return *(int *)user == TSR_IO ? tsr_error_set(err, TSR_IO, "the tape is torn") : *(int *)user;
}

static void a_source_ends_the_write(void **state)
{
    fixture *f = *state;
    int io = TSR_IO, no_space = TSR_NO_SPACE, own = 5;
    tsr_array *array = array_new(f, f->store, "a", &rows[4], TSR_INT32, NULL);
    assert_int_equal(tsr_array_write_source(array, NULL, fail_source, &io, NULL, NULL, &f->err),
                     TSR_IO);
    assert_non_null(strstr(f->err.message, "the tape is torn"));
    assert_int_equal(
        tsr_array_write_source(array, NULL, fail_source, &no_space, NULL, NULL, &f->err),
        TSR_NO_SPACE);
    assert_int_equal(tsr_array_write_source(array, NULL, fail_source, &own, NULL, NULL, &f->err),
                     5);
    tsr_array_close(array);
}

/* ---- types, views and mistakes ---- */

static void types_are_converted_when_permitted(void **state)
{
    fixture *f = *state;
    static const array_row small = {
        .name = "small", .rank = 1, .shape = {6}, .chunk = {4}, .codec = "zstd:1"};
    double values[6] = {1, 2, 3, 4, 5, 6}, back[6];
    int64_t six = 6;
    tsr_index all;
    tsr_view view;
    tsr_array *array = array_new(f, f->store, "a", &small, TSR_INT16, NULL);
    tsr_index_all(&all, 1, small.shape);
    good(tsr_view_init(&view, TSR_FLOAT64, 1, &six, values, &f->err), &f->err);
    assert_int_equal(
        tsr_array_write_index(array, &all, &view, TSR_CASTING_SAME_KIND, NULL, NULL, &f->err),
        TSR_TYPE_MISMATCH);
    good(tsr_array_write_index(array, &all, &view, TSR_CASTING_UNSAFE, NULL, NULL, &f->err),
         &f->err);
    good(tsr_view_init(&view, TSR_FLOAT64, 1, &six, back, &f->err), &f->err);
    const tsr_read_request request = {array, &all, &view, TSR_CASTING_SAFE};
    good(tsr_read_many(f->context, &request, 1, NULL, &f->err), &f->err);
    assert_memory_equal(back, values, sizeof back);
    tsr_array_close(array);
}

static void mistakes_change_nothing(void **state)
{
    fixture *f = *state;
    static const array_row small = {
        .name = "small", .rank = 1, .shape = {6}, .chunk = {4}, .codec = "none"};
    uint8_t values[8] = {1, 1, 1, 1, 1, 1, 1, 1};
    tsr_array *array = array_new(f, f->store, "a", &small, TSR_UINT8, NULL);
    int64_t start = 0, shape = 6;
    static const struct {
        int64_t start, shape, step;
        size_t size;
        int status;
    } mistakes[] = {
        {0, 6, 1, 5, TSR_INVALID_ARGUMENT},      {0, 6, 1, 7, TSR_INVALID_ARGUMENT},
        {0, 7, 1, 7, TSR_OUT_OF_BOUNDS},         {6, 1, 1, 1, TSR_OUT_OF_BOUNDS},
        {-1, 2, 1, 2, TSR_OUT_OF_BOUNDS},        {0, -1, 1, 1, TSR_INVALID_ARGUMENT},
        {0, 4, 2, 4, TSR_OUT_OF_BOUNDS},         {0, 2, 0, 2, TSR_INVALID_ARGUMENT},
        {0, 2, INT64_MAX, 2, TSR_OUT_OF_BOUNDS}, {INT64_MAX, 2, 1, 2, TSR_OUT_OF_BOUNDS},
    };
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        int written = tsr_array_write(array, &mistakes[i].start, &mistakes[i].shape,
                                      &mistakes[i].step, values, mistakes[i].size, NULL, &f->err);
        int read = tsr_array_read(array, &mistakes[i].start, &mistakes[i].shape, &mistakes[i].step,
                                  values, mistakes[i].size, NULL, &f->err);
        if (written != mistakes[i].status || read != mistakes[i].status)
            fail_msg("mistake %zu: %s, %s: %s", i, tsr_status_name(written), tsr_status_name(read),
                     f->err.message);
        assert_non_null(strstr(f->err.message, "memory:/a"));
    }
    assert_int_equal(tsr_array_write(array, &start, &shape, NULL, NULL, 6, NULL, &f->err),
                     TSR_INVALID_ARGUMENT);
    size_t size;
    assert_null(get_bytes(f, f->store, "a/c/0", &size));
    tsr_array *reader = array_open(f, f->store, "a", false);
    assert_int_equal(tsr_array_write(reader, &start, &shape, NULL, values, 6, NULL, &f->err),
                     TSR_READ_ONLY);
    assert_true(f->err.next_step[0] != 0);
    tsr_write_options unset;
    memset(&unset, 0, sizeof unset);
    assert_int_equal(tsr_array_write_source(array, NULL, give_numbers, NULL, &unset, NULL, &f->err),
                     TSR_INVALID_ARGUMENT);
    tsr_array_close(reader);
    tsr_array_close(array);
}

typedef struct watcher {
    int calls;
    tsr_progress last;
} watcher;

static void note_progress(void *user, const tsr_progress *progress)
{
    watcher *self = user;
    assert_true(progress->bytes_done >= self->last.bytes_done);
    self->last = *progress;
    self->calls++;
}

static void progress_ends_at_the_total(void **state)
{
    fixture *f = *state;
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        char path[16];
        int32_t values[COUNT];
        memset(values, 3, sizeof values);
        snprintf(path, sizeof path, "a%zu", r);
        tsr_array *array = array_new(f, f->store, path, &rows[r], TSR_INT32, NULL);
        watcher written = {0}, read = {0};
        const tsr_call writing = {.progress = note_progress, .user = &written};
        const tsr_call reading = {.progress = note_progress, .user = &read};
        good(tsr_array_write(array, NULL, NULL, NULL, values, sizeof values, &writing, &f->err),
             &f->err);
        good(tsr_array_read(array, NULL, NULL, NULL, values, sizeof values, &reading, &f->err),
             &f->err);
        assert_int_equal(written.last.bytes_total, sizeof values);
        assert_int_equal(written.last.bytes_done, sizeof values);
        assert_int_equal(read.last.bytes_total, sizeof values);
        assert_int_equal(read.last.bytes_done, sizeof values);
        assert_true(read.last.stored_bytes > 0 && read.last.requests > 0);
        assert_true(written.last.stored_bytes > 0 && written.last.requests > 0);
        tsr_array_close(array);
    }
}

/* ---- chunks that are published together ---- */

/* Counts what reaches the disk before the first chunk can be seen; and, when it is told to,
 * replaces a chunk as a program does that takes no locks. */
static struct {
    const char *folder;
    int synced, synced_at_first_rename, renamed;
    bool replaces;
} files;

static int note_sync(const tsr_system *system, int descriptor)
{
    (void)system;
    (void)descriptor;
    if (__atomic_fetch_add(&files.synced, 1, __ATOMIC_RELAXED) == 0 && files.replaces) {
        const int32_t strangers[4] = {70, 71, 72, 73};
        char *from = temporary_path(files.folder, "stranger"),
             *to = temporary_path(files.folder, "a/c/0");
        temporary_file_write(from, strangers, sizeof strangers);
        assert_int_equal(rename(from, to), 0);
        free(from);
        free(to);
    }
    return 0;
}

static int note_rename(const tsr_system *system, int from_directory, const char *from,
                       int to_directory, const char *to)
{
    (void)system;
    if (__atomic_fetch_add(&files.renamed, 1, __ATOMIC_RELAXED) == 0)
        files.synced_at_first_rename = files.synced;
    return tsr_system_default()->renameat(tsr_system_default(), from_directory, from, to_directory,
                                          to);
}

/* Six chunks of four elements in a folder, the first of which holds 1s. */
static tsr_array *array_in_files(fixture *f, tsr_system *system)
{
    const array_row row = {
        .rank = 1, .shape = {24}, .chunk = {4}, .codec = "none", .compressors = "[]"};
    const int64_t start[] = {0}, shape[] = {4};
    const int32_t ones[4] = {1, 1, 1, 1};
    tsr_context_options options;
    memset(&files, 0, sizeof files);
    files.folder = temporary_folder_new();
    *system = *tsr_system_default();
    system->fdatasync = note_sync;
    system->renameat = note_rename;
    memset(f, 0, sizeof *f);
    tsr_context_options_init(&options);
    options.system = system;
    options.threads = 2;
    good(tsr_context_new(&options, &f->context, &f->err), &f->err);
    good(tsr_store_open(f->context, files.folder, &f->store, &f->err), &f->err);
    tsr_array *array = array_new(f, f->store, "a", &row, TSR_INT32, NULL);
    good(tsr_array_write(array, start, shape, NULL, ones, sizeof ones, NULL, &f->err), &f->err);
    files.synced = files.renamed = 0;
    return array;
}

static void files_free(fixture *f, tsr_array *array)
{
    tsr_array_close(array);
    fixture_close(f);
    temporary_folder_remove((char *)files.folder);
}

static void chunks_are_synced_before_the_first_is_seen(void **state)
{
    (void)state;
    fixture f;
    tsr_system system;
    int32_t values[24];
    tsr_array *array = array_in_files(&f, &system);
    for (int i = 0; i < 24; i++)
        values[i] = 100 + i;
    good(tsr_array_write(array, NULL, NULL, NULL, values, sizeof values, NULL, &f.err), &f.err);
    assert_int_equal(files.synced, 6);
    assert_int_equal(files.renamed, 6);
    assert_int_equal(files.synced_at_first_rename, 6);
    files_free(&f, array);
}

/* The write merges 2 elements into chunk 0, a stranger replaces the chunk before that is published:
 * what the stranger has written beside them stays, and the write is there. */
static void what_a_stranger_writes_between_is_merged_again(void **state)
{
    (void)state;
    fixture f;
    tsr_system system;
    const int64_t start[] = {2}, shape[] = {6};
    const int32_t values[6] = {50, 51, 52, 53, 54, 55},
                  expected[8] = {70, 71, 50, 51, 52, 53, 54, 55};
    int32_t found[24];
    tsr_array *array = array_in_files(&f, &system);
    files.replaces = true;
    good(tsr_array_write(array, start, shape, NULL, values, sizeof values, NULL, &f.err), &f.err);
    good(tsr_array_read(array, NULL, NULL, NULL, found, sizeof found, NULL, &f.err), &f.err);
    assert_memory_equal(found, expected, sizeof expected);
    assert_true(files.synced > 2);
    files_free(&f, array);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(boxes_are_written_and_read),
        FIXTURE_TEST(a_source_fills_every_element_once),
        FIXTURE_TEST(a_source_ends_the_write),
        FIXTURE_TEST(types_are_converted_when_permitted),
        FIXTURE_TEST(mistakes_change_nothing),
        FIXTURE_TEST(progress_ends_at_the_total),
        cmocka_unit_test(chunks_are_synced_before_the_first_is_seen),
        cmocka_unit_test(what_a_stranger_writes_between_is_merged_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
