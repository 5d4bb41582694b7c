/* Proves of copying: values arrive whatever the chunks, types and formats; encoded bytes are moved
 * only where they mean the same; memory keeps to its limit, and large shards take few of their
 * elements at a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "support/slow_store.h"
#include "unit/array/array_testing.h"

enum { COUNT = 10 * 12 };

static const array_row rows[] = {
    {.name = "raw", .rank = 2, .shape = {10, 12}, .chunk = {4, 5}, .codec = "none"},
    {.name = "shards", .rank = 2, .shape = {10, 12}, .chunk = {2, 3}, .shard = {4, 6}},
    {.name = "v2",
     .zarr_format = 2,
     .rank = 2,
     .shape = {10, 12},
     .chunk = {4, 5},
     .codec = "zlib"},
    {.name = "v2, big-endian",
     .zarr_format = 2,
     .rank = 2,
     .shape = {10, 12},
     .chunk = {4, 5},
     .codec = "zlib",
     .serializer = "\"big\""},
    {.name = "v2, columns first",
     .zarr_format = 2,
     .rank = 2,
     .shape = {10, 12},
     .chunk = {4, 5},
     .codec = "zlib",
     .order = 'F'},
    {.name = "big-endian",
     .rank = 2,
     .shape = {10, 12},
     .chunk = {4, 5},
     .serializer = "{\"name\":\"bytes\",\"configuration\":{\"endian\":\"big\"}}",
     .codec = "none"},
};

static tsr_array *filled(fixture *f, const char *path, const array_row *row, const tsr_dtype *dtype)
{
    int32_t values[COUNT];
    tsr_index all;
    tsr_view view;
    tsr_array *array = array_new(f, f->store, path, row, dtype, NULL);
    for (int i = 0; i < COUNT; i++)
        values[i] = i % 12 < 5 ? 0 : i; /* the first column of chunks is missing */
    tsr_index_all(&all, 2, row->shape);
    good(tsr_view_init(&view, TSR_INT32, 2, row->shape, values, &f->err), &f->err);
    good(tsr_array_write_index(array, &all, &view, TSR_CASTING_UNSAFE, NULL, NULL, &f->err),
         &f->err);
    return array;
}

static void check_copied(fixture *f, tsr_array *array)
{
    int32_t values[COUNT];
    tsr_index all;
    tsr_view view;
    tsr_index_all(&all, 2, rows[0].shape);
    good(tsr_view_init(&view, TSR_INT32, 2, rows[0].shape, values, &f->err), &f->err);
    const tsr_read_request request = {array, &all, &view, TSR_CASTING_UNSAFE};
    good(tsr_read_many(f->context, &request, 1, NULL, &f->err), &f->err);
    for (int i = 0; i < COUNT; i++)
        if (values[i] != (i % 12 < 5 ? 0 : i))
            fail_msg("%s: element %d is %d", tsr_array_place(array), i, values[i]);
}

/* Every kind into every kind; what was in the destination before is gone, also where the source has
 * nothing. */
static void every_kind_is_copied_into_every_kind(void **state)
{
    enum { ROWS = sizeof rows / sizeof *rows };
    fixture *f = *state;
    for (size_t from = 0; from < ROWS; from++)
        for (size_t to = 0; to < ROWS; to++) {
            tsr_array *source = filled(f, "a", &rows[from], TSR_INT32);
            tsr_array *destination = array_new(f, f->store, "b", &rows[to], TSR_INT32, NULL);
            int32_t before[COUNT];
            memset(before, 0x11, sizeof before);
            good(tsr_array_write(destination, NULL, NULL, NULL, before, sizeof before, NULL,
                                 &f->err),
                 &f->err);
            good(tsr_array_copy(source, destination, NULL, NULL, &f->err), &f->err);
            check_copied(f, destination);
            tsr_array_close(source);
            tsr_array_close(destination);
            good(tsr_store_erase_prefix(f->store, "", NULL, &f->err), &f->err);
        }
}

/* Equal chunks are moved as they lie, byte for byte, even with gaps that our writer would not make.
 */
static void equal_chunks_are_moved_as_they_lie(void **state)
{
    fixture *f = *state;
    static const array_row shard = {
        .name = "shard", .rank = 1, .shape = {4}, .chunk = {2}, .shard = {4}, .codec = "none"};
    unsigned char bytes[64], *copied;
    size_t size = 0;
    memset(bytes, 7, sizeof bytes);
    const uint64_t words[] = {5, 2, 0, 2};
    size_t made = 9 + hand_made_index(bytes + 9, words, 2);
    tsr_array *source = array_new(f, f->store, "a", &shard, TSR_UINT8, NULL);
    tsr_array *destination = array_new(f, f->store, "b", &shard, TSR_UINT8, NULL);
    put_bytes(f, f->store, "a/c/0", bytes, made);
    good(tsr_array_copy(source, destination, NULL, NULL, &f->err), &f->err);
    copied = get_bytes(f, f->store, "b/c/0", &size);
    assert_int_equal(size, made);
    assert_memory_equal(copied, bytes, made);
    free(copied);
    tsr_array_close(source);
    tsr_array_close(destination);
}

static void types_are_cast_when_permitted(void **state)
{
    fixture *f = *state;
    tsr_copy_options options;
    tsr_copy_options_init(&options);
    tsr_array *source = filled(f, "a", &rows[1], TSR_FLOAT64);
    tsr_array *destination = array_new(f, f->store, "b", &rows[0], TSR_INT16, NULL);
    assert_int_equal(tsr_array_copy(source, destination, &options, NULL, &f->err),
                     TSR_TYPE_MISMATCH);
    options.casting = TSR_CASTING_UNSAFE;
    good(tsr_array_copy(source, destination, &options, NULL, &f->err), &f->err);
    check_copied(f, destination);
    tsr_array_close(source);
    tsr_array_close(destination);
}

/* ---- taken up again ---- */

typedef struct checkpoints {
    int64_t last, stop_at;
    bool went_back;
} checkpoints;

/* Ends the copy, as if it were killed, at the first checkpoint from `stop_at` on. On any thread. */
static int note_checkpoint(void *user, int64_t done_chunks, tsr_error *err)
{
    checkpoints *self = user;
    self->went_back |= done_chunks < self->last;
    self->last = done_chunks;
    return done_chunks < self->stop_at ? 0 : tsr_error_set(err, TSR_CANCELLED, "as far as it goes");
}

static bool is_stored(fixture *f, const char *key)
{
    tsr_auto(tsr_blob) *blob = NULL;
    tsr_range whole = {TSR_RANGE_WHOLE, 0, 0};
    return tsr_store_get(f->store, key, whole, NULL, &blob, NULL, NULL) == 0;
}

/* The destination has 3 x 3 chunks of 4 x 5, of which the first column is all fill. */
static void a_copy_goes_on_where_it_was_killed(void **state)
{
    fixture *f = *state;
    for (int64_t stop_at = 1; stop_at <= 9; stop_at++) {
        tsr_array *source = filled(f, "from", &rows[1], TSR_INT32);
        tsr_array *to = array_new(f, f->store, "to", &rows[0], TSR_INT32, NULL);
        checkpoints notes = {.stop_at = stop_at};
        tsr_copy_options options;
        tsr_copy_options_init(&options);
        options.checkpoint = note_checkpoint;
        options.checkpoint_user = &notes;
        options.checkpoint_ms = 0;
        assert_int_equal(tsr_array_copy(source, to, &options, NULL, &f->err), TSR_CANCELLED);
        tsr_error_clear(&f->err);
        assert_true(notes.last >= stop_at && notes.last <= 9);
        assert_false(notes.went_back);

        /* What is done is not done again: it is spoilt here, and stays so. Chunk 1 lies in the
         * first row; chunk 3 is all fill and was never stored. */
        bool spoilt = notes.last > 1;
        if (spoilt)
            good(tsr_store_erase(f->store, "to/c/0/1", NULL, &f->err), &f->err);
        options.done_chunks = notes.last;
        options.keep_stored = true;
        notes.stop_at = INT64_MAX;
        good(tsr_array_copy(source, to, &options, NULL, &f->err), &f->err);
        assert_int_equal(is_stored(f, "to/c/0/1"), !spoilt);
        assert_false(is_stored(f, "to/c/1/0"));
        assert_false(notes.went_back);
        assert_int_equal(notes.last, 9);
        options.done_chunks = 0;
        options.checkpoint = NULL;
        good(tsr_array_copy(source, to, &options, NULL, &f->err), &f->err);
        check_copied(f, to);
        tsr_array_close(source);
        tsr_array_close(to);
        good(tsr_store_erase_prefix(f->store, "to/", NULL, &f->err), &f->err);
        good(tsr_store_erase_prefix(f->store, "from/", NULL, &f->err), &f->err);
    }
}

/* Other chunks that are stored already are whole, and are left as they are. */
static void stored_chunks_are_kept_when_asked(void **state)
{
    fixture *f = *state;
    tsr_array *source = filled(f, "from", &rows[1], TSR_INT32);
    tsr_array *to = array_new(f, f->store, "to", &rows[0], TSR_INT32, NULL);
    const int32_t mine[4 * 5] = {[0] = 77, [19] = 78};
    const int64_t start[] = {4, 5}, shape[] = {4, 5};
    int32_t back[4 * 5];
    tsr_copy_options options;
    tsr_copy_options_init(&options);
    options.keep_stored = true;
    good(tsr_array_write(to, start, shape, NULL, mine, sizeof mine, NULL, &f->err), &f->err);
    good(tsr_array_copy(source, to, &options, NULL, &f->err), &f->err);
    good(tsr_array_read(to, start, shape, NULL, back, sizeof back, NULL, &f->err), &f->err);
    assert_memory_equal(back, mine, sizeof mine);
    options.keep_stored = false;
    good(tsr_array_copy(source, to, &options, NULL, &f->err), &f->err);
    check_copied(f, to);
    tsr_array_close(source);
    tsr_array_close(to);
}

static void what_cannot_be_copied_is_refused(void **state)
{
    fixture *f = *state;
    static const array_row other = {
        .name = "other", .rank = 2, .shape = {10, 13}, .chunk = {4, 5}, .codec = "none"};
    tsr_copy_options options;
    tsr_copy_options_init(&options);
    tsr_array *source = filled(f, "a", &rows[1], TSR_INT32);
    tsr_array *wrong = array_new(f, f->store, "b", &other, TSR_INT32, NULL);
    assert_int_equal(tsr_array_copy(source, wrong, NULL, NULL, &f->err), TSR_INVALID_ARGUMENT);
    tsr_array_close(wrong);
    tsr_array *destination = array_new(f, f->store, "c", &rows[0], TSR_INT32, NULL);
    tsr_array *reader = array_open(f, f->store, "c", false);
    assert_int_equal(tsr_array_copy(source, reader, NULL, NULL, &f->err), TSR_READ_ONLY);
    tsr_array_close(reader);
    /* 4 x 5 elements of 4 bytes, decoded and encoded, and a decoded inner chunk of the source. */
    options.memory_bytes = 2 * 80 + 23;
    assert_int_equal(tsr_array_copy(source, destination, &options, NULL, &f->err), TSR_LIMIT);
    assert_non_null(strstr(f->err.message, "the limit is 183"));
    options.memory_bytes = 1000;
    good(tsr_array_copy(source, destination, &options, NULL, &f->err), &f->err);
    check_copied(f, destination);
    /* Moving encoded bytes takes memory too. */
    tsr_array *same = array_new(f, f->store, "d", &rows[0], TSR_INT32, NULL);
    options.memory_bytes = 79;
    assert_int_equal(tsr_array_copy(destination, same, &options, NULL, &f->err), TSR_LIMIT);
    options.memory_bytes = 80;
    good(tsr_array_copy(destination, same, &options, NULL, &f->err), &f->err);
    check_copied(f, same);
    tsr_array_close(same);
    tsr_array_close(source);
    tsr_array_close(destination);
}

static int64_t needed_bytes(fixture *f, tsr_array *source, tsr_array *destination)
{
    tsr_copy_options options;
    tsr_copy_options_init(&options);
    options.memory_bytes = 1;
    assert_int_equal(tsr_array_copy(source, destination, &options, NULL, &f->err), TSR_LIMIT);
    const char *number = strstr(f->err.message, "needs ");
    assert_non_null(number);
    tsr_error_clear(&f->err);
    return strtoll(number + strlen("needs "), NULL, 10);
}

/* A shard of 64 x 64 bytes takes 4,164 with its index of 68, which are 9 blocks of 512 bytes; with
 * 2 data rows that are 5 columns, so 10 parity blocks, and a directory of 1 page, twice: 6,144
 * bytes. Making them takes the directory once more, without the 64 bytes that head its page. */
static void parity_counts_as_memory(void **state)
{
    fixture *f = *state;
    static const array_row chunk = {
        .rank = 2, .shape = {64, 64}, .chunk = {64, 64}, .codec = "none"};
    static const array_row shard = {
        .rank = 2, .shape = {64, 64}, .chunk = {32, 32}, .shard = {64, 64}, .codec = "none"};
    tsr_array_create_options options;
    tsr_array *source = array_new(f, f->store, "a", &chunk, TSR_UINT8, NULL);
    tsr_array *bare = array_new(f, f->store, "b", &shard, TSR_UINT8, NULL);
    tsr_array *with[2];
    row_options(&shard, TSR_UINT8, NULL, &options);
    options.store = f->store;
    options.parity = "2+2";
    for (int i = 0; i < 2; i++)
        good(tsr_array_create(f->context, i ? "d" : "c", &options, &with[i], &f->err), &f->err);
    assert_int_equal(needed_bytes(f, source, with[0]) - needed_bytes(f, source, bare), 6144 + 448);
    assert_int_equal(needed_bytes(f, with[0], with[1]), 4164 + 6144); /* moved as it lies */
    tsr_array_close(source);
    tsr_array_close(bare);
    tsr_array_close(with[0]);
    tsr_array_close(with[1]);
}

/* A shard without axes has nothing along which it could be cut. */
static void a_shard_of_one_element_is_copied(void **state)
{
    fixture *f = *state;
    static const array_row raw = {.codec = "none"};
    static const array_row shard = {
        .codecs =
            "[{\"name\":\"sharding_indexed\",\"configuration\":{\"chunk_shape\":[],\"codecs\":"
            "[{\"name\":\"bytes\"}],\"index_codecs\":[{\"name\":\"bytes\","
            "\"configuration\":{\"endian\":\"little\"}}]}}]"};
    const unsigned char value = 7;
    unsigned char copied = 0;
    tsr_array *source = array_new(f, f->store, "a", &raw, TSR_UINT8, NULL);
    tsr_array *destination = array_new(f, f->store, "b", &shard, TSR_UINT8, NULL);
    good(tsr_array_write(source, NULL, NULL, NULL, &value, 1, NULL, &f->err), &f->err);
    good(tsr_array_copy(source, destination, NULL, NULL, &f->err), &f->err);
    good(tsr_array_read(destination, NULL, NULL, NULL, &copied, 1, NULL, &f->err), &f->err);
    assert_int_equal(copied, value);
    tsr_array_close(source);
    tsr_array_close(destination);
}

/* ---- large shards, which are copied slab by slab ---- */

/* Two shards along the first axis, the second of which the array ends in. */
static const array_row slabs[] = {
    {.name = "layers first",
     .rank = 3,
     .shape = {72, 64, 8192},
     .chunk = {3, 32, 512},
     .shard = {48, 64, 8192},
     .codec = "lz4"},
    {.name = "layers last",
     .rank = 3,
     .shape = {72, 64, 8192},
     .codecs =
         "[{\"name\":\"transpose\",\"configuration\":{\"order\":[2,0,1]}},"
         "{\"name\":\"sharding_indexed\",\"configuration\":{\"chunk_shape\":[512,16,16],\"codecs\":["
         "{\"name\":\"bytes\"}],\"index_codecs\":[{\"name\":\"bytes\",\"configuration\":{\"endian\":"
         "\"little\"}}]}}]",
     .chunk = {48, 64, 8192}},
};
static const array_row slab_sources[] = {
    {.name = "raw", .rank = 3, .shape = {72, 64, 8192}, .chunk = {40, 64, 8192}, .codec = "none"},
    {.name = "raw, cut along the last axis",
     .rank = 3,
     .shape = {72, 64, 8192},
     .chunk = {72, 64, 1024},
     .codec = "none"},
    {.name = "shards that slabs do not cut",
     .rank = 3,
     .shape = {72, 64, 8192},
     .chunk = {6, 64, 1024},
     .shard = {24, 64, 8192},
     .codec = "lz4"},
    {.name = "chunks that slabs would cut",
     .rank = 3,
     .shape = {72, 64, 8192},
     .chunk = {48, 64, 8192},
     .codec = "lz4"},
};

/* Values that no two positions near each other share. */
static unsigned char slab_value(int64_t i)
{
    return (unsigned char)((uint64_t)i * 0x9e3779b97f4a7c15 >> 56);
}

static void large_shards_are_copied_right(void **state)
{
    enum { SIZE = 72 * 64 * 8192 };
    fixture *f = *state;
    unsigned char *values = malloc(SIZE), *copied = malloc(SIZE);
    assert_true(values && copied);
    for (int64_t i = 0; i < SIZE; i++)
        values[i] = slab_value(i);
    for (size_t from = 0; from < sizeof slab_sources / sizeof *slab_sources; from++) {
        tsr_array *source = array_new(f, f->store, "a", &slab_sources[from], TSR_UINT8, NULL);
        good(tsr_array_write(source, NULL, NULL, NULL, values, SIZE, NULL, &f->err), &f->err);
        for (size_t to = 0; to < sizeof slabs / sizeof *slabs; to++) {
            tsr_array *destination = array_new(f, f->store, "b", &slabs[to], TSR_UINT8, NULL);
            memset(copied, 0, SIZE);
            good(tsr_array_copy(source, destination, NULL, NULL, &f->err), &f->err);
            good(tsr_array_read(destination, NULL, NULL, NULL, copied, SIZE, NULL, &f->err),
                 &f->err);
            if (memcmp(copied, values, SIZE) != 0)
                fail_msg("%s to %s", slab_sources[from].name, slabs[to].name);
            tsr_array_close(destination);
            good(tsr_store_erase_prefix(f->store, "b/", NULL, &f->err), &f->err);
        }
        tsr_array_close(source);
        good(tsr_store_erase_prefix(f->store, "a/", NULL, &f->err), &f->err);
    }
    free(values);
    free(copied);
}

/* The same of a large shard, whose commit is under way when its source turns out to be damaged. */
static void damage_below_a_slab_is_named(void **state)
{
    fixture *f = *state;
    tsr_array *source = array_new(f, f->store, "a", &slab_sources[2], TSR_UINT8, NULL);
    tsr_array *destination = array_new(f, f->store, "b", &slabs[0], TSR_UINT8, NULL);
    size_t size;
    put_bytes(f, f->store, "a/c/1/0/0", "short", 5);
    assert_int_equal(tsr_array_copy(source, destination, NULL, NULL, &f->err), TSR_DAMAGED);
    assert_non_null(strstr(f->err.message, "memory:/a: "));
    assert_null(strstr(f->err.message, "memory:/b"));
    assert_non_null(strstr(f->err.next_step, "memory:/a "));
    assert_null(get_bytes(f, f->store, "b/c/0/0/0", &size));
    tsr_array_close(source);
    tsr_array_close(destination);
}

static int64_t peak_bytes(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (int64_t)usage.ru_maxrss * 1024;
}

/* A shard of 512 MiB is copied with a few slabs of 8 MiB at most. Nothing of it is stored. */
static void large_shards_take_little_memory(void **state)
{
    fixture *f = *state;
    static const array_row chunk = {
        .rank = 3, .shape = {512, 1024, 1024}, .chunk = {512, 1024, 1024}, .codec = "none"};
    static const array_row shard = {.rank = 3,
                                    .shape = {512, 1024, 1024},
                                    .chunk = {4, 256, 256},
                                    .shard = {512, 1024, 1024},
                                    .codec = "none"};
    tsr_array *source = array_new(f, f->store, "a", &chunk, TSR_UINT8, NULL);
    tsr_array *destination = array_new(f, f->store, "b", &shard, TSR_UINT8, NULL);
    int64_t before = peak_bytes();
    good(tsr_array_copy(source, destination, NULL, NULL, &f->err), &f->err);
    if (CAN_MEASURE_MEMORY)
        assert_true(peak_bytes() - before < 64 << 20);
    tsr_array_close(source);
    tsr_array_close(destination);
}

/* A damaged source ends the copy with its name; the destination is not blamed. */
static void damage_of_the_source_is_named(void **state)
{
    fixture *f = *state;
    tsr_array *source = filled(f, "a", &rows[1], TSR_INT32);
    tsr_array *destination = array_new(f, f->store, "b", &rows[0], TSR_INT32, NULL);
    put_bytes(f, f->store, "a/c/1/1", "short", 5);
    assert_int_equal(tsr_array_copy(source, destination, NULL, NULL, &f->err), TSR_DAMAGED);
    assert_non_null(strstr(f->err.message, "memory:/a"));
    assert_non_null(strstr(f->err.message, "c/1/1"));
    tsr_array_close(source);
    tsr_array_close(destination);
}

static void a_slow_source_is_copied(void **state)
{
    fixture *f = *state;
    slow_store *slow = slow_store_open(f->context, &(slow_store_options){.delay_us = 100});
    tsr_store *memory = f->store;
    f->store = slow->below;
    tsr_array_close(filled(f, "a", &rows[1], TSR_INT32));
    f->store = memory;
    tsr_array *source = array_open(f, &slow->head, "a", false);
    tsr_array *destination = array_new(f, f->store, "b", &rows[2], TSR_INT32, NULL);
    good(tsr_array_copy(source, destination, NULL, NULL, &f->err), &f->err);
    check_copied(f, destination);
    for (int64_t n = 1; n < 5; n++) {
        slow_store_fail(slow, n, TSR_UNREACHABLE);
        assert_int_equal(tsr_array_copy(source, destination, NULL, NULL, &f->err), TSR_UNREACHABLE);
    }
    slow_store_fail(slow, 0, 0);
    assert_int_equal(
        tsr_array_copy(source, destination, NULL, &(tsr_call){.cancel = &(int){1}}, &f->err),
        TSR_CANCELLED);
    tsr_array_close(source);
    tsr_array_close(destination);
    tsr_store_close(&slow->head);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(large_shards_take_little_memory), /* before anything that takes more */
        FIXTURE_TEST(every_kind_is_copied_into_every_kind),
        FIXTURE_TEST(equal_chunks_are_moved_as_they_lie),
        FIXTURE_TEST(types_are_cast_when_permitted),
        FIXTURE_TEST(a_copy_goes_on_where_it_was_killed),
        FIXTURE_TEST(stored_chunks_are_kept_when_asked),
        FIXTURE_TEST(what_cannot_be_copied_is_refused),
        FIXTURE_TEST(parity_counts_as_memory),
        FIXTURE_TEST(a_shard_of_one_element_is_copied),
        FIXTURE_TEST(large_shards_are_copied_right),
        FIXTURE_TEST(damage_below_a_slab_is_named),
        FIXTURE_TEST(damage_of_the_source_is_named),
        FIXTURE_TEST(a_slow_source_is_copied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
