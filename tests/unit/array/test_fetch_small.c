/* Proves what small chunks cost the fetch loop: no memory of their own, and of a file system one
 * open, one read, one look (two where it was written just now) and one close each; so that whatever
 * a read allocates or asks beyond that does not grow with the number of chunks. And that a read
 * which ends in the middle of chunks that a thread has taken together ends there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "exec/queue.h"
#include "fault/nth_malloc.h"
#include "support/faulty_system.h"
#include "support/temporary.h"
#include "unit/array/array_testing.h"

enum { EDGE = 8, CHUNK_BYTES = 2 * EDGE * EDGE };

/* One thread: which of several comes first would decide how many scratches there are. */
static void open_single(fixture *f, const char *url, const tsr_system *system)
{
    tsr_context_options options;
    memset(f, 0, sizeof *f);
    tsr_context_options_init(&options);
    options.threads = 1;
    options.system = system;
    options.kept_files = -1; /* what is kept takes memory of its own */
    good(tsr_context_new(&options, &f->context, &f->err), &f->err);
    good(tsr_store_open(f->context, url, &f->store, &f->err), &f->err);
}

static tsr_array *array_of(fixture *f, const char *path, int64_t chunks, const char *codec)
{
    array_row row = {.rank = 2, .shape = {EDGE, EDGE * chunks}, .chunk = {EDGE, EDGE}};
    row.codec = codec;
    tsr_array *array = array_new(f, f->store, path, &row, TSR_UINT16, NULL);
    size_t size_bytes = (size_t)chunks * CHUNK_BYTES;
    uint16_t *values = malloc(size_bytes);
    tsr_write_options options;
    tsr_index all;
    tsr_view view;
    for (size_t i = 0; i < size_bytes / 2; i++)
        values[i] = (uint16_t)(i * 40503 + 1);
    tsr_write_options_init(&options);
    options.durability = TSR_DURABILITY_NONE;
    tsr_index_all(&all, 2, row.shape);
    good(tsr_view_init(&view, TSR_UINT16, 2, row.shape, values, &f->err), &f->err);
    good(tsr_array_write_index(array, &all, &view, TSR_CASTING_NO, &options, NULL, &f->err),
         &f->err);
    free(values);
    return array;
}

/* How many allocations a read of the whole array takes, once everything that lasts is there. */
static int64_t allocations_of_read(fixture *f, const char *codec, int64_t chunks)
{
    char path[40];
    snprintf(path, sizeof path, "%s%lld", codec[0] == 'n' ? "raw" : "packed", (long long)chunks);
    tsr_array *array = array_of(f, path, chunks, codec);
    size_t size_bytes = (size_t)chunks * CHUNK_BYTES;
    void *values = malloc(size_bytes);
    for (int i = 0; i < 2; i++)
        good(tsr_array_read(array, NULL, NULL, NULL, values, size_bytes, NULL, &f->err), &f->err);
    nth_malloc_arm(0, false);
    int status = tsr_array_read(array, NULL, NULL, NULL, values, size_bytes, NULL, &f->err);
    int64_t count = nth_malloc_count();
    nth_malloc_disarm();
    good(status, &f->err);
    free(values);
    tsr_array_close(array);
    return count;
}

static void chunks_in_files_take_no_memory(void **state)
{
    (void)state;
    static const char *const codecs[] = {"none", "zstd:1"};
    char *folder = temporary_folder_new();
    fixture f;
    open_single(&f, folder, NULL);
    for (int i = 0; i < 2; i++) {
        int64_t few = allocations_of_read(&f, codecs[i], 50);
        int64_t many = allocations_of_read(&f, codecs[i], 150);
        assert_int_equal(many, few);
    }
    fixture_close(&f);
    temporary_folder_remove(folder);
}

/* The store lends its memory as a whole. */
static void chunks_in_memory_take_no_memory(void **state)
{
    (void)state;
    fixture f;
    open_single(&f, "memory:", NULL);
    int64_t few = allocations_of_read(&f, "none", 50), many = allocations_of_read(&f, "none", 150);
    assert_int_equal(many, few);
    fixture_close(&f);
}

static void assert_calls_per_chunk(fixture *f, const faulty_system *faulty, tsr_array *array,
                                   int64_t looks)
{
    enum { CALLS = 5, CHUNKS = 60 };
    static const char *const names[CALLS] = {"openat", "pread", "fstat", "close", "fstatat"};
    const int64_t expected[CALLS] = {1, 1, looks, 1, 0};
    static uint16_t values[CHUNKS * CHUNK_BYTES / 2];
    int64_t before[CALLS];
    for (int i = 0; i < CALLS; i++)
        before[i] = faulty_system_count(faulty, names[i]);
    good(tsr_array_read(array, NULL, NULL, NULL, values, sizeof values, NULL, &f->err), &f->err);
    for (int i = 0; i < CALLS; i++)
        assert_int_equal(faulty_system_count(faulty, names[i]) - before[i], expected[i] * CHUNKS);
}

static void chunks_in_files_take_four_or_five_calls(void **state)
{
    (void)state;
    static const char *const codecs[] = {"none", "zstd:1"};
    uint16_t first[EDGE * EDGE];
    char *folder = temporary_folder_new();
    faulty_system faulty;
    fixture f;
    faulty_system_init(&faulty, NULL);
    open_single(&f, folder, &faulty.system);
    for (int i = 0; i < 2; i++) {
        tsr_array *array = array_of(&f, codecs[i][0] == 'n' ? "raw" : "packed", 60, codecs[i]);
        /* The first one is found to be new; then nothing is tried with the others. */
        good(tsr_array_read(array, (int64_t[]){0, 0}, (int64_t[]){EDGE, EDGE}, NULL, first,
                            sizeof first, NULL, &f.err),
             &f.err);
        assert_calls_per_chunk(&f, &faulty, array, 2);
        faulty_system_advance_ns(&faulty, INT64_C(10000000000));
        assert_calls_per_chunk(&f, &faulty, array, 1);
        faulty_system_advance_ns(&faulty, -INT64_C(10000000000));
        tsr_array_close(array);
    }
    fixture_close(&f);
    temporary_folder_remove(folder);
}

typedef struct counted_pieces {
    int calls, last;
} counted_pieces;

static int end_at_last(void *user, const tsr_view *piece, const int64_t *position, tsr_error *err)
{
    counted_pieces *self = user;
    (void)piece;
    (void)position;
    (void)err;
    return ++self->calls == self->last ? 7 : 0;
}

static void a_sink_ends_among_chunks_taken_together(void **state)
{
    (void)state;
    static const char *const codecs[] = {"none", "zstd:1"};
    fixture f;
    open_single(&f, "memory:", NULL);
    for (int i = 0; i < 2; i++) {
        tsr_array *array = array_of(&f, codecs[i][0] == 'n' ? "raw" : "packed", 40, codecs[i]);
        for (int last = 1; last <= 20; last++) {
            counted_pieces pieces = {0, last};
            assert_int_equal(tsr_array_read_sink(array, NULL, end_at_last, &pieces, NULL, &f.err),
                             7);
            assert_int_equal(pieces.calls, last);
        }
        tsr_array_close(array);
    }
    fixture_close(&f);
}

/* Elements of an array of 5 x 9 x 61 say where they lie. */
static uint16_t element_at(int64_t z, int64_t y, int64_t x)
{
    return (uint16_t)((z * 9 + y) * 61 + x + 1);
}

typedef struct seen_pieces {
    const tsr_index *index;
    int64_t elements, wrong;
} seen_pieces;

static int look_at_piece(void *user, const tsr_view *piece, const int64_t *position, tsr_error *err)
{
    seen_pieces *self = user;
    const tsr_index_axis *axes = self->index->axes;
    (void)err;
    for (int64_t i = 0; i < piece->shape[0]; i++)
        for (int64_t j = 0; j < piece->shape[1]; j++)
            for (int64_t k = 0; k < piece->shape[2]; k++) {
                const char *at = piece->data + i * piece->strides[0] + j * piece->strides[1] +
                                 k * piece->strides[2];
                uint16_t expected = element_at(axes[0].start + (position[0] + i) * axes[0].step,
                                               axes[1].start + (position[1] + j) * axes[1].step,
                                               axes[2].start + (position[2] + k) * axes[2].step);
                self->wrong += memcmp(at, &expected, sizeof expected) != 0;
                self->elements++;
            }
    return 0;
}

static void check_selection(fixture *f, tsr_array *array, const tsr_index *index)
{
    seen_pieces pieces = {index, 0, 0};
    int64_t shape[TSR_RANK_MAX], count = tsr_index_count(index);
    uint16_t *values = calloc((size_t)count + 1, sizeof *values);
    tsr_view view;
    tsr_index_shape(index, shape);
    good(tsr_array_read_sink(array, index, look_at_piece, &pieces, NULL, &f->err), &f->err);
    assert_int_equal(pieces.elements, count);
    assert_int_equal(pieces.wrong, 0);
    good(tsr_view_init(&view, TSR_UINT16, 3, shape, values, &f->err), &f->err);
    tsr_read_request request = {.array = array, .index = index, .view = &view};
    good(tsr_read_many(f->context, &request, 1, NULL, &f->err), &f->err);
    pieces.wrong = 0;
    look_at_piece(&pieces, &view, (const int64_t[]){0, 0, 0}, NULL);
    assert_int_equal(pieces.wrong, 0);
    free(values);
}

/* Most chunks of a row are planned as the one before them, moved on; so rows that begin and end
 * within chunks, steps, other orders of axes and byte orders must make no difference. */
static void rows_of_chunks_have_their_own_elements(void **state)
{
    (void)state;
    static const char *const codecs[] = {
        "[{\"name\":\"bytes\",\"configuration\":{\"endian\":\"little\"}}]",
        "[{\"name\":\"transpose\",\"configuration\":{\"order\":[2,0,1]}},"
        "{\"name\":\"bytes\",\"configuration\":{\"endian\":\"big\"}}]",
        "[{\"name\":\"transpose\",\"configuration\":{\"order\":[1,2,0]}},"
        "{\"name\":\"bytes\",\"configuration\":{\"endian\":\"little\"}},{\"name\":\"crc32c\"}]"};
    static const char *const selections[] = {
        ":, :, :",         "1:4, 2:8, 5:58",    "2:3, 0:1, 3:51",  "::2, ::3, 1::2",
        ":, 4:5, ::-1",    "::-1, 1:, 60:6:-3", "0:2, ::-2, 7:57", ":, 3:6, 12:28",
        "4:5, 8:9, 56:61", ":, :, ::4",         "1:2, 2:3, 11:13", ":, :, ::17"};
    static uint16_t all[5 * 9 * 61];
    for (int64_t i = 0; i < 5 * 9 * 61; i++)
        all[i] = element_at(i / (9 * 61), i / 61 % 9, i % 61);
    for (size_t i = 0; i < TSRI_COUNT(codecs); i++) {
        fixture f;
        open_single(&f, "memory:", NULL);
        array_row row = {.rank = 3, .shape = {5, 9, 61}, .chunk = {2, 3, 4}, .codecs = codecs[i]};
        tsr_array *array = array_new(&f, f.store, "a", &row, TSR_UINT16, NULL);
        good(tsr_array_write(array, NULL, NULL, NULL, all, sizeof all, NULL, &f.err), &f.err);
        for (size_t k = 0; k < TSRI_COUNT(selections); k++) {
            tsr_index index;
            good(tsr_index_parse(&index, selections[k], 3, row.shape, &f.err), &f.err);
            check_selection(&f, array, &index);
        }
        tsr_array_close(array);
        fixture_close(&f);
    }
}

/* Nor does an inner chunk, before which the index of its shard comes. */
static void one_chunk_needs_no_other_thread(void **state)
{
    (void)state;
    static const int64_t start[] = {0, 0};
    uint16_t values[2 * EDGE * EDGE];
    for (int sharded = 0; sharded < 2; sharded++) {
        fixture f;
        fixture_open(&f, "memory:");
        array_row row = {.rank = 2, .shape = {EDGE, 4 * EDGE}, .chunk = {EDGE, EDGE}};
        row.shard[0] = sharded ? EDGE : 0;
        row.shard[1] = 4 * EDGE;
        row.codec = "zstd:1";
        tsr_array *written = array_new(&f, f.store, "a", &row, TSR_UINT16, NULL);
        uint16_t all[4 * EDGE * EDGE];
        for (int i = 0; i < 4 * EDGE * EDGE; i++)
            all[i] = (uint16_t)(i + 1);
        good(tsr_array_write(written, NULL, NULL, NULL, all, sizeof all, NULL, &f.err), &f.err);
        tsr_array_close(written);

        /* A context whose threads nobody has used yet. */
        tsr_context_options options;
        tsr_context *context = NULL;
        tsri_pool *pool = NULL;
        tsr_context_options_init(&options);
        options.threads = 4;
        good(tsr_context_new(&options, &context, &f.err), &f.err);
        tsr_array_open_options opening;
        tsr_array *array = NULL;
        tsr_array_open_options_init(&opening);
        opening.store = f.store;
        good(tsr_array_open(context, "a", &opening, &array, &f.err), &f.err);
        good(tsri_pool_get(context, &pool, &f.err), &f.err);
        good(tsr_array_read(array, start, (int64_t[]){EDGE, EDGE}, NULL, values,
                            EDGE * EDGE * sizeof *values, NULL, &f.err),
             &f.err);
        assert_int_equal(values[EDGE + 1], 4 * EDGE + 2);
        assert_int_equal(pool->started, 0);
        tsr_array_close(array);
        tsr_context_free(context);
        fixture_close(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chunks_in_files_take_no_memory),
        cmocka_unit_test(chunks_in_memory_take_no_memory),
        cmocka_unit_test(chunks_in_files_take_four_or_five_calls),
        cmocka_unit_test(rows_of_chunks_have_their_own_elements),
        cmocka_unit_test(one_chunk_needs_no_other_thread),
        cmocka_unit_test(a_sink_ends_among_chunks_taken_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
