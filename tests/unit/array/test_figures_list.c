/* Proves that kept statistics follow what is written: random writes, whole and in part, to chunks,
 * shards, nested shards, shards behind codecs, lossy codecs and chunks of several lengths, by one
 * handle, by two, by threads, by appending and resizing; afterwards each row that is believed is
 * what the elements say when they are read, and the rows that should be known are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <pthread.h>
#include <tessera/statistics.h>

#include "unit/array/array_testing.h"

#define LITTLE "{\"name\":\"bytes\",\"configuration\":{\"endian\":\"little\"}}"
#define INDEX "\"index_codecs\":[" LITTLE ",{\"name\":\"crc32c\"}]"
#define SHARD(shape, codecs)                                                    \
    "{\"name\":\"sharding_indexed\",\"configuration\":{\"chunk_shape\":[" shape \
    "],\"codecs\":[" codecs "]," INDEX "}}"
#define ROUND "{\"name\":\"bitround\",\"configuration\":{\"keepbits\":3}}"
#define TURN "{\"name\":\"transpose\",\"configuration\":{\"order\":[1,0]}}"
#define GZIP "{\"name\":\"gzip\",\"configuration\":{\"level\":1}}"

enum { ROWS = 22, COLUMNS = 19 };

static const array_row layouts[] = {
    {.name = "chunks", .rank = 2, .shape = {ROWS, COLUMNS}, .chunk = {5, 4}},
    {.name = "v2", .zarr_format = 2, .rank = 2, .shape = {ROWS, COLUMNS}, .chunk = {7, 19}},
    {.name = "shards", .rank = 2, .shape = {ROWS, COLUMNS}, .chunk = {3, 2}, .shard = {9, 8}},
    {.name = "one shard", .rank = 2, .shape = {ROWS, COLUMNS}, .chunk = {2, 5}, .shard = {24, 20}},
    {.name = "nested",
     .rank = 2,
     .shape = {ROWS, COLUMNS},
     .chunk = {12, 12},
     .codecs = "[" SHARD("6,4", SHARD("3,2", LITTLE)) "]"},
    {.name = "turned",
     .rank = 2,
     .shape = {ROWS, COLUMNS},
     .chunk = {12, 6},
     .codecs = "[" TURN "," SHARD("2,6", SHARD("1,3", TURN "," LITTLE)) "]"},
    {.name = "packed",
     .rank = 2,
     .shape = {ROWS, COLUMNS},
     .chunk = {8, 8},
     .codecs = "[" SHARD("4,2", LITTLE) "," GZIP "]"},
    {.name = "lossy",
     .rank = 2,
     .shape = {ROWS, COLUMNS},
     .chunk = {8, 8},
     .codecs = "[" ROUND "," SHARD("4,2", LITTLE) "]"},
    {.name = "lossy chunks",
     .rank = 2,
     .shape = {ROWS, COLUMNS},
     .chunk = {8, 8},
     .codecs = "[" ROUND "," LITTLE "," GZIP "]"},
};
enum { LAYOUTS = sizeof layouts / sizeof *layouts };

static const float fill = -1;

static uint64_t random_bits(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static tsr_array *make(fixture *f, const char *path, const array_row *row)
{
    tsr_array_create_options options;
    tsr_array *array;
    row_options(row, TSR_FLOAT32, &fill, &options);
    options.store = f->store;
    options.statistics = true;
    good(tsr_array_create(f->context, path, &options, &array, &f->err), &f->err);
    return array;
}

/* ---- what is believed ---- */

typedef struct judge {
    fixture *f;
    tsr_array *array;
    int64_t chunks, known;
} judge;

/* Reads the chunk and counts by hand. */
static int check_chunk(void *user, const tsr_chunk_statistics *chunk)
{
    judge *self = user;
    int64_t n = chunk->shape[0] * chunk->shape[1], fills = 0, nan = 0;
    float elements[ROWS * 3 * COLUMNS], least = INFINITY, greatest = -INFINITY;
    double sum = 0;

    self->chunks++;
    if (!chunk->known)
        return 0;
    self->known++;
    good(tsr_array_read(self->array, chunk->start, chunk->shape, NULL, elements,
                        (size_t)n * sizeof *elements, NULL, &self->f->err),
         &self->f->err);
    for (int64_t i = 0; i < n; i++) {
        fills += elements[i] == fill;
        nan += isnan(elements[i]) != 0;
        if (elements[i] == fill || isnan(elements[i]))
            continue;
        least = fminf(least, elements[i]);
        greatest = fmaxf(greatest, elements[i]);
        sum += elements[i];
    }
    assert_int_equal(chunk->statistics.count, n);
    assert_int_equal(chunk->statistics.fill_count, fills);
    assert_int_equal(chunk->statistics.nan_count, nan);
    assert_int_equal(chunk->statistics.valid_count, n - fills - nan);
    if (n == fills + nan)
        return 0;
    assert_true(chunk->statistics.least.as_double == least);
    assert_true(chunk->statistics.greatest.as_double == greatest);
    assert_true(fabs(chunk->statistics.sum - sum) <= 1e-9 * fabs(sum));
    return 0;
}

static judge check_all(fixture *f, tsr_array *array)
{
    judge self = {.f = f, .array = array};
    good(tsr_array_walk_statistics(array, NULL, NULL, check_chunk, &self, NULL, &f->err), &f->err);
    return self;
}

/* ---- random writes ---- */

static void write_random(fixture *f, tsr_array *array, uint64_t *seed)
{
    const int64_t *shape = tsr_array_shape(array);
    int64_t start[2], count[2];
    float elements[ROWS * 3 * COLUMNS];
    uint64_t kind = random_bits(seed) % 4;

    for (int axis = 0; axis < 2; axis++) {
        start[axis] = (int64_t)(random_bits(seed) % (uint64_t)shape[axis]);
        count[axis] = 1 + (int64_t)(random_bits(seed) % (uint64_t)(shape[axis] - start[axis]));
    }
    for (int64_t i = 0; i < count[0] * count[1]; i++) {
        uint64_t bits = random_bits(seed);
        elements[i] = kind == 0       ? fill
                      : bits % 5 == 0 ? fill
                      : bits % 5 == 1 ? NAN
                                      : (float)(bits % 1000) / 7;
    }
    good(tsr_array_write(array, start, count, NULL, elements,
                         (size_t)(count[0] * count[1]) * sizeof *elements, NULL, &f->err),
         &f->err);
}

static void rows_follow_writes(fixture *f, const char *tree)
{
    char path[64];
    uint64_t seed = 4711;

    for (int i = 0; i < LAYOUTS; i++) {
        snprintf(path, sizeof path, "%s%d", tree, i);
        tsr_array *array = make(f, path, &layouts[i]);
        for (int turn = 0; turn < 25; turn++) {
            write_random(f, array, &seed);
            judge found = check_all(f, array);
            if (found.known != found.chunks)
                fail_msg("%s, write %d: %lld of %lld chunks are known", layouts[i].name, turn,
                         (long long)found.known, (long long)found.chunks);
        }
        tsr_array_close(array);
        /* Another handle finds the same. */
        array = array_open(f, f->store, path, false);
        judge found = check_all(f, array);
        assert_int_equal(found.known, found.chunks);
        tsr_array_close(array);
    }
}

static void rows_follow_writes_in_memory(void **state)
{
    rows_follow_writes(*state, "a");
}

/* A file system on which times have nanoseconds; otherwise there are no rows, and none is wrong. */
static void rows_follow_writes_on_disk(void **state)
{
    fixture f;
    char folder[] = "/tmp/tessera_figures_XXXXXX", command[80];

    (void)state;
    assert_non_null(mkdtemp(folder));
    fixture_open(&f, folder);
    rows_follow_writes(&f, "t.zarr/a");
    fixture_close(&f);
    snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
}

/* Whoever writes without keeping rows makes them unknown, never wrong. */
static void other_writers(void **state)
{
    fixture *f = *state;
    uint64_t seed = 99;

    for (int i = 0; i < LAYOUTS; i++) {
        char path[16];
        snprintf(path, sizeof path, "b%d", i);
        tsr_array *plain = array_new(f, f->store, path, &layouts[i], TSR_FLOAT32, &fill);
        write_random(f, plain, &seed); /* it knows from here on that there are none */
        tsr_array *array = array_open(f, f->store, path, true);
        good(tsr_array_keep_statistics(array, NULL, &f->err), &f->err);
        int64_t unknown = 0;
        for (int turn = 0; turn < 20; turn++) {
            write_random(f, turn % 3 == 0 ? plain : array, &seed);
            judge found = check_all(f, array);
            unknown += found.chunks - found.known;
        }
        assert_true(unknown > 0);
        int64_t updated;
        good(tsr_array_update_statistics(array, NULL, &updated, &f->err), &f->err);
        judge found = check_all(f, array);
        assert_int_equal(found.known, found.chunks);
        tsr_array_close(plain);
        tsr_array_close(array);
    }
}

typedef struct thread_job {
    fixture f;
    tsr_array *array;
    uint64_t seed;
} thread_job;

static void *write_many(void *user)
{
    thread_job *job = user;
    for (int turn = 0; turn < 30; turn++)
        write_random(&job->f, job->array, &job->seed);
    return NULL;
}

/* Threads through one handle, and through handles of their own. */
static void threads(void **state)
{
    fixture *f = *state;

    for (int i = 0; i < 2 * LAYOUTS; i++) {
        char path[16];
        pthread_t ids[4];
        thread_job jobs[4];
        snprintf(path, sizeof path, "c%d", i);
        tsr_array *array = make(f, path, &layouts[i % LAYOUTS]);
        for (int n = 0; n < 4; n++) {
            jobs[n].f = *f;
            jobs[n].array =
                i < LAYOUTS ? tsr_array_ref(array) : array_open(f, f->store, path, true);
            jobs[n].seed = (uint64_t)(i * 7 + n + 1);
            assert_int_equal(pthread_create(&ids[n], NULL, write_many, &jobs[n]), 0);
        }
        for (int n = 0; n < 4; n++) {
            assert_int_equal(pthread_join(ids[n], NULL), 0);
            tsr_array_close(jobs[n].array);
        }
        check_all(f, array);
        tsr_array_close(array);
    }
}

/* ---- other shapes ---- */

static void appending_and_resizing(void **state)
{
    fixture *f = *state;
    uint64_t seed = 5;

    for (int i = 0; i < LAYOUTS; i++) {
        char path[16];
        snprintf(path, sizeof path, "d%d", i);
        tsr_array *array = make(f, path, &layouts[i]);
        float more[3 * COLUMNS];
        const int64_t three[] = {3, COLUMNS};
        tsr_view view;
        for (int64_t n = 0; n < 3 * COLUMNS; n++)
            more[n] = (float)n;
        good(tsr_view_init(&view, TSR_FLOAT32, 2, three, more, &f->err), &f->err);
        write_random(f, array, &seed);
        for (int turn = 0; turn < 4; turn++) {
            good(tsr_array_append(array, 0, &view, TSR_CASTING_NO, NULL, NULL, NULL, &f->err),
                 &f->err);
            judge found = check_all(f, array);
            assert_int_equal(found.known, found.chunks);
        }
        static const int64_t shapes[][2] = {{9, 19}, {22, 8}, {8, 22}, {22, 19}, {40, 19}};
        for (int turn = 0; turn < 10; turn++) {
            tsr_resize_options options;
            tsr_resize_options_init(&options);
            options.keep_chunks = turn >= 5;
            good(tsr_array_resize(array, shapes[turn % 5], &options, NULL, &f->err), &f->err);
            check_all(f, array);
            write_random(f, array, &seed);
            check_all(f, array);
        }
        tsr_array_close(array);
    }
}

/* Lengths that differ along the axes, and an array of one element. */
static void other_grids(void **state)
{
    fixture *f = *state;
    tsr_array_create_options options;
    const int64_t shape[] = {ROWS, COLUMNS}, inner[] = {2, 19};
    tsr_array *array;
    uint64_t seed = 17;

    for (int sharded = 0; sharded < 2; sharded++) {
        tsr_array_create_options_init(&options);
        options.store = f->store;
        options.dtype = TSR_FLOAT32;
        options.rank = 2;
        options.shape = shape;
        options.fill_value = &fill;
        options.statistics = true;
        options.chunk_edges = sharded ? "[[4,8,10],19]" : "[[4,8,10],[[9,2],1]]";
        options.chunk_shape = sharded ? inner : NULL;
        good(tsr_array_create(f->context, sharded ? "e1" : "e0", &options, &array, &f->err),
             &f->err);
        for (int turn = 0; turn < 20; turn++) {
            write_random(f, array, &seed);
            judge found = check_all(f, array);
            assert_int_equal(found.known, found.chunks);
        }
        tsr_array_close(array);
    }
}

static int take_scalar(void *user, const tsr_chunk_statistics *chunk)
{
    *(tsr_statistics *)user = chunk->statistics;
    assert_true(chunk->known);
    return 0;
}

static void scalar(void **state)
{
    fixture *f = *state;
    const array_row row = {.rank = 0};
    tsr_array *array = make(f, "s", &row);
    const float seven = 7;
    tsr_statistics found = {0};

    good(tsr_array_walk_statistics(array, NULL, NULL, take_scalar, &found, NULL, &f->err), &f->err);
    assert_int_equal(found.fill_count, 1);
    good(tsr_array_write(array, NULL, NULL, NULL, &seven, sizeof seven, NULL, &f->err), &f->err);
    good(tsr_array_walk_statistics(array, NULL, NULL, take_scalar, &found, NULL, &f->err), &f->err);
    assert_int_equal(found.valid_count, 1);
    assert_true(found.greatest.as_double == 7);
    tsr_array_close(array);
}

/* ---- copies and chunks that come encoded ---- */

/* Copies know what their source knows of chunks that are moved as they are, and everything of those
 * that are decoded on the way; a chunk that is put as it is, is unknown. */
static void copies_and_encoded_chunks(void **state)
{
    fixture *f = *state;
    uint64_t seed = 3;
    tsr_array *from = array_new(f, f->store, "g0", &layouts[2], TSR_FLOAT32, &fill);
    tsr_array *to = make(f, "g1", &layouts[2]), *second = make(f, "g2", &layouts[2]);
    tsr_blob *blob;
    const int64_t origin[] = {0, 0};

    write_random(f, to, &seed);
    for (int i = 0; i < 5; i++)
        write_random(f, from, &seed);
    good(tsr_array_copy(from, to, NULL, NULL, &f->err), &f->err);
    judge found = check_all(f, to);
    assert_int_equal(found.known, found.chunks);
    good(tsr_array_copy(to, second, NULL, NULL, &f->err), &f->err);
    found = check_all(f, second);
    assert_int_equal(found.known, found.chunks);
    good(tsr_array_get_encoded_chunk(from, origin, NULL, &blob, &f->err), &f->err);
    write_random(f, from, &seed);
    good(tsr_array_put_encoded_chunk(to, origin, tsr_blob_data(blob), tsr_blob_size(blob), NULL,
                                     NULL, &f->err),
         &f->err);
    tsr_blob_unref(blob);
    found = check_all(f, to);
    assert_true(found.known < found.chunks);
    /* What is unknown in the source stays so in its copy. */
    good(tsr_array_copy(to, second, NULL, NULL, &f->err), &f->err);
    judge copied = check_all(f, second);
    assert_int_equal(copied.known, found.known);
    tsr_array_close(from);
    tsr_array_close(to);
    tsr_array_close(second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(rows_follow_writes_in_memory),
        cmocka_unit_test(rows_follow_writes_on_disk),
        FIXTURE_TEST(other_writers),
        FIXTURE_TEST(threads),
        FIXTURE_TEST(appending_and_resizing),
        FIXTURE_TEST(other_grids),
        FIXTURE_TEST(scalar),
        FIXTURE_TEST(copies_and_encoded_chunks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
