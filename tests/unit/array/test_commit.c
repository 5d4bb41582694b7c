/* Proves of committing chunks and shards: the bytes of a shard, byte for byte; writers of one chunk
 * exclude each other, threads of one handle, of several handles and of several processes; a lost
 * race is tried again; what is damaged is not overwritten. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/slow_store.h"
#include "support/temporary.h"
#include "unit/array/array_testing.h"

#define MISSING UINT64_MAX

static void expect_bytes(fixture *f, const char *key, const unsigned char *expected, size_t size)
{
    size_t stored = 0;
    unsigned char *bytes = get_bytes(f, f->store, key, &stored);
    assert_non_null(bytes);
    assert_int_equal(stored, size);
    assert_memory_equal(bytes, expected, size);
    free(bytes);
}

static void write_u8(fixture *f, tsr_array *array, int64_t start, int64_t count, int value)
{
    unsigned char values[64];
    memset(values, value, sizeof values);
    good(tsr_array_write(array, &start, &count, NULL, values, (size_t)count, NULL, &f->err),
         &f->err);
}

static const array_row four_raw = {
    .name = "four", .rank = 1, .shape = {12}, .chunk = {3}, .shard = {12}, .codec = "none"};

/* Inner chunks in grid order, the index of 16 x 4 + 4 bytes behind them, missing ones as 2^64-1. */
static void a_shard_is_written_byte_for_byte(void **state)
{
    fixture *f = *state;
    unsigned char expected[12 + 68] = "\1\1\1\2\2\2";
    tsr_array *array = array_new(f, f->store, "a", &four_raw, TSR_UINT8, NULL);
    write_u8(f, array, 0, 3, 1);
    write_u8(f, array, 9, 3, 2);
    const uint64_t words[] = {0, 3, MISSING, MISSING, MISSING, MISSING, 3, 3};
    assert_int_equal(hand_made_index(expected + 6, words, 4), 68);
    expect_bytes(f, "a/c/0", expected, 6 + 68);
    /* An inner chunk in between moves the last one; a part of a new one is padded with the fill. */
    write_u8(f, array, 4, 1, 7);
    memcpy(expected, "\1\1\1\0\7\0\2\2\2", 9);
    const uint64_t more[] = {0, 3, 3, 3, MISSING, MISSING, 6, 3};
    hand_made_index(expected + 9, more, 4);
    expect_bytes(f, "a/c/0", expected, 9 + 68);
    /* What is all fill again is left out, and at last the shard too. */
    write_u8(f, array, 0, 3, 0);
    write_u8(f, array, 9, 3, 0);
    memcpy(expected, "\0\7\0", 3);
    const uint64_t one[] = {MISSING, MISSING, 0, 3, MISSING, MISSING, MISSING, MISSING};
    hand_made_index(expected + 3, one, 4);
    expect_bytes(f, "a/c/0", expected, 3 + 68);
    write_u8(f, array, 4, 1, 0);
    size_t size;
    assert_null(get_bytes(f, f->store, "a/c/0", &size));
    tsr_array_close(array);
}

static void an_index_at_the_start_shifts_the_offsets(void **state)
{
    fixture *f = *state;
    array_row row = four_raw;
    unsigned char expected[68 + 12];
    row.index_at_start = true;
    tsr_array *array = array_new(f, f->store, "a", &row, TSR_UINT8, NULL);
    write_u8(f, array, 6, 6, 9);
    const uint64_t words[] = {MISSING, MISSING, MISSING, MISSING, 68, 3, 71, 3};
    hand_made_index(expected, words, 4);
    memset(expected + 68, 9, 6);
    expect_bytes(f, "a/c/0", expected, 68 + 6);
    write_u8(f, array, 0, 1, 5);
    const uint64_t more[] = {68, 3, MISSING, MISSING, 71, 3, 74, 3};
    hand_made_index(expected, more, 4);
    memcpy(expected + 68, "\5\0\0\11\11\11\11\11\11", 9);
    expect_bytes(f, "a/c/0", expected, 68 + 9);
    tsr_array_close(array);
}

/* 24 bytes: the element, its entry (0, 4), the checksum. */
static void a_shard_of_a_scalar_has_24_bytes(void **state)
{
    fixture *f = *state;
    static const array_row row = {
        .name = "scalar",
        .codecs = "[{\"name\":\"sharding_indexed\",\"configuration\":{\"chunk_shape\":[],"
                  "\"codecs\":[{\"name\":\"bytes\",\"configuration\":{\"endian\":\"little\"}}],"
                  "\"index_codecs\":[{\"name\":\"bytes\",\"configuration\":{\"endian\":\"little\"}}"
                  ",{\"name\":\"crc32c\"}]}}]"};
    unsigned char expected[24] = {0, 0, 0x80, 0x3f};
    const uint64_t words[] = {0, 4};
    float value = 1, back = 0;
    tsr_array *array = array_new(f, f->store, "a", &row, TSR_FLOAT32, NULL);
    good(tsr_array_write(array, NULL, NULL, NULL, &value, 4, NULL, &f->err), &f->err);
    assert_int_equal(hand_made_index(expected + 4, words, 1), 20);
    expect_bytes(f, "a/c", expected, 24);
    good(tsr_array_read(array, NULL, NULL, NULL, &back, 4, NULL, &f->err), &f->err);
    assert_true(back == 1);
    tsr_array_close(array);
}

static void fill_chunks_are_stored_when_asked(void **state)
{
    fixture *f = *state;
    unsigned char expected[12 + 68] = {0}, zeros[12] = {0};
    tsr_write_options options;
    tsr_index all;
    tsr_view view;
    tsr_array *array = array_new(f, f->store, "a", &four_raw, TSR_UINT8, NULL);
    tsr_write_options_init(&options);
    options.store_fill_chunks = true;
    tsr_index_all(&all, 1, four_raw.shape);
    good(tsr_view_init(&view, TSR_UINT8, 1, four_raw.shape, zeros, &f->err), &f->err);
    good(tsr_array_write_index(array, &all, &view, TSR_CASTING_NO, &options, NULL, &f->err),
         &f->err);
    const uint64_t words[] = {0, 3, 3, 3, 6, 3, 9, 3};
    hand_made_index(expected + 12, words, 4);
    expect_bytes(f, "a/c/0", expected, sizeof expected);
    tsr_array_close(array);
}

/* What cannot be read is not written over by a part; a write of the whole shard heals it. */
static void a_damaged_shard_is_left_alone(void **state)
{
    fixture *f = *state;
    for (int at_start = 0; at_start < 2; at_start++) {
        array_row row = four_raw;
        row.index_at_start = at_start;
        const char *path = at_start ? "s" : "e", *key = at_start ? "s/c/0" : "e/c/0";
        tsr_array *array = array_new(f, f->store, path, &row, TSR_UINT8, NULL);
        unsigned char broken[80] = {1, 2, 3}, value = 5;
        int64_t start = 0, count = 1;
        static const size_t sizes[] = {0, 3, 67, 80};
        for (size_t i = 0; i < 4; i++) {
            put_bytes(f, f->store, key, broken, sizes[i]);
            assert_int_equal(tsr_array_write(array, &start, &count, NULL, &value, 1, NULL, &f->err),
                             TSR_DAMAGED);
            assert_non_null(strstr(f->err.message, key));
            assert_true(f->err.next_step[0] != 0);
            expect_bytes(f, key, broken, sizes[i]);
        }
        write_u8(f, array, 0, 12, 8);
        assert_int_equal(tsr_array_read(array, NULL, NULL, NULL, broken, 12, NULL, &f->err), 0);
        assert_int_equal(broken[11], 8);
        tsr_array_close(array);
    }
}

/* ---- many writers ---- */

typedef struct writers {
    fixture *f;
    tsr_array *array;
    int64_t first, step, count; /* elements of its own, one write each */
    int64_t width;
    int status;
    tsr_error err;
} writers;

static void *write_own_elements(void *user)
{
    writers *self = user;
    for (int64_t i = self->first; i < self->count && self->status == 0; i += self->step) {
        int32_t values[64];
        int64_t start = i * self->width;
        for (int64_t j = 0; j < self->width; j++)
            values[j] = (int32_t)(start + j + 1);
        self->status = tsr_array_write(self->array, &start, &self->width, NULL, values,
                                       (size_t)self->width * sizeof *values, NULL, &self->err);
    }
    return NULL;
}

static void check_all_written(fixture *f, tsr_array *array, int64_t count)
{
    int32_t *values = calloc((size_t)count, sizeof *values);
    good(tsr_array_read(array, NULL, NULL, NULL, values, (size_t)count * sizeof *values, NULL,
                        &f->err),
         &f->err);
    for (int64_t i = 0; i < count; i++)
        if (values[i] != i + 1)
            fail_msg("element %lld is %d", (long long)i, values[i]);
    free(values);
}

#define THREADS 8

/* Every thread writes pieces of its own, which lie in the same chunks and shards as those of the
 * others and cross inner chunks. */
static void write_from_threads(fixture *f, tsr_array *const *arrays, int64_t count, int64_t width)
{
    writers all[THREADS];
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        all[i] = (writers){f, arrays[i], i, THREADS, count / width, width, 0, TSR_ERROR_INIT};
        assert_int_equal(pthread_create(&threads[i], NULL, write_own_elements, &all[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < THREADS; i++)
        good(all[i].status, &all[i].err);
}

static const array_row shared_rows[] = {
    {.name = "shards", .rank = 1, .shape = {1536}, .chunk = {4}, .shard = {32}, .codec = "zstd:1"},
    {.name = "chunks", .rank = 1, .shape = {1536}, .chunk = {512}, .codec = "none"},
};

static void nothing_is_lost_between_threads(void **state)
{
    fixture *f = *state;
    for (size_t row = 0; row < 2; row++)
        for (int handles = 0; handles < 2; handles++) {
            tsr_array *arrays[THREADS];
            char path[16];
            snprintf(path, sizeof path, "a%zu%d", row, handles);
            arrays[0] = array_new(f, f->store, path, &shared_rows[row], TSR_INT32, NULL);
            for (int i = 1; i < THREADS; i++)
                arrays[i] =
                    handles ? array_open(f, f->store, path, true) : tsr_array_ref(arrays[0]);
            write_from_threads(f, arrays, 1536, 24);
            check_all_written(f, arrays[0], 1536);
            write_from_threads(f, arrays, 1536, 48);
            check_all_written(f, arrays[0], 1536);
            for (int i = 0; i < THREADS; i++)
                tsr_array_close(arrays[i]);
        }
}

/* The same on a file system, whose locks wait: whoever waits for one must not stand in the way of
 * the one who has it. */
static void nothing_is_lost_on_a_file_system(void **state)
{
    fixture fs;
    char *folder = temporary_folder_new();
    (void)state;
    fixture_open(&fs, folder);
    for (size_t row = 0; row < 2; row++) {
        tsr_array *arrays[THREADS];
        const char *path = row ? "b" : "a";
        arrays[0] = array_new(&fs, fs.store, path, &shared_rows[row], TSR_INT32, NULL);
        for (int i = 1; i < THREADS; i++)
            arrays[i] = i % 2 ? array_open(&fs, fs.store, path, true) : tsr_array_ref(arrays[0]);
        for (int64_t width = 8; width <= 48; width *= 2)
            write_from_threads(&fs, arrays, 1536, width);
        check_all_written(&fs, arrays[0], 1536);
        for (int i = 0; i < THREADS; i++)
            tsr_array_close(arrays[i]);
    }
    fixture_close(&fs);
    temporary_folder_remove(folder);
}

/* Processes that come from a fork of one that has used everything before. */
static void nothing_is_lost_between_processes(void **state)
{
#ifdef __SANITIZE_THREAD__
    skip(); /* ThreadSanitizer ends a child that starts threads after a fork. */
#endif
    enum { PROCESSES = 4 };
    fixture fs;
    pid_t children[PROCESSES];
    (void)state;
    if (!CAN_FORK)
        skip();
    char *folder = temporary_folder_new();
    fixture_open(&fs, folder);
    tsr_array *array = array_new(&fs, fs.store, "a", &shared_rows[0], TSR_INT32, NULL);
    int64_t start = 0, count = 24;
    int32_t first[24];
    for (int i = 0; i < 24; i++)
        first[i] = i + 1;
    good(tsr_array_write(array, &start, &count, NULL, first, sizeof first, NULL, &fs.err), &fs.err);
    for (int i = 0; i < PROCESSES; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            writers own = {&fs, array, i, PROCESSES, 1536 / 24, 24, 0, TSR_ERROR_INIT};
            write_own_elements(&own);
            _exit(own.status == 0 ? 0 : 1);
        }
    }
    for (int i = 0; i < PROCESSES; i++) {
        int status;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    check_all_written(&fs, array, 1536);
    tsr_array_close(array);
    fixture_close(&fs);
    temporary_folder_remove(folder);
}

/* ---- races on stores that only know conditions ---- */

typedef struct racer {
    fixture *f;
    int64_t times;
    int64_t element;
} racer;

/* Somebody else writes between the read and the put of a commit. */
static void write_meanwhile(void *user, slow_store *store, int64_t number, const char *key)
{
    racer *self = user;
    if (number > 0 || !strstr(key, "/c/") || self->times == 0)
        return;
    self->times--;
    tsr_array *array = array_open(self->f, store->below, "a", true);
    int64_t start = self->element++, count = 1;
    int32_t value = (int32_t)start + 1;
    good(tsr_array_write(array, &start, &count, NULL, &value, sizeof value, NULL, &self->f->err),
         &self->f->err);
    tsr_array_close(array);
}

static void a_lost_race_is_tried_again(void **state)
{
    fixture *f = *state;
    static const array_row race_rows[] = {
        {.name = "chunk", .rank = 1, .shape = {64}, .chunk = {64}, .codec = "none"},
        {.name = "shard", .rank = 1, .shape = {64}, .chunk = {8}, .shard = {64}, .codec = "none"},
    };
    for (size_t row = 0; row < 2; row++) {
        slow_store *slow = slow_store_open(f->context, &(slow_store_options){.delay_us = 30});
        tsr_array_close(array_new(f, slow->below, "a", &race_rows[row], TSR_INT32, NULL));
        tsr_array *array = array_open(f, &slow->head, "a", true);
        racer other = {f, 31, 0};
        slow_store_before(slow, write_meanwhile, &other);
        int64_t start = 31, count = 33;
        int32_t values[64];
        for (int i = 0; i < 33; i++)
            values[i] = 32 + i;
        good(tsr_array_write(array, &start, &count, NULL, values, 33 * sizeof *values, NULL,
                             &f->err),
             &f->err);
        assert_int_equal(other.times, 0);
        slow_store_before(slow, NULL, NULL);
        check_all_written(f, array, 64);
        tsr_array_close(array);
        tsr_store_close(&slow->head);
    }
}

/* A store whose erase knows no condition: a chunk that becomes all fill is written as such, since
 * an erase could take away what somebody else has put there meanwhile. */
static void without_conditional_erase_the_fill_chunk_is_written(void **state)
{
    fixture *f = *state;
    static const array_row race_rows[] = {
        {.name = "chunk", .rank = 1, .shape = {64}, .chunk = {64}, .codec = "none"},
        {.name = "shard", .rank = 1, .shape = {64}, .chunk = {8}, .shard = {64}, .codec = "none"},
    };
    for (size_t row = 0; row < 2; row++) {
        slow_store *slow = slow_store_open(
            f->context, &(slow_store_options){.delay_us = 30, .no_conditional_erase = true});
        tsr_array *first = array_new(f, slow->below, "a", &race_rows[row], TSR_INT32, NULL);
        int64_t start = 40, count = 1;
        int32_t value = 1, zero = 0, values[64];
        good(tsr_array_write(first, &start, &count, NULL, &value, 4, NULL, &f->err), &f->err);
        tsr_array_close(first);
        tsr_array *array = array_open(f, &slow->head, "a", true);
        racer other = {f, 1, 5};
        slow_store_before(slow, write_meanwhile, &other);
        good(tsr_array_write(array, &start, &count, NULL, &zero, 4, NULL, &f->err), &f->err);
        slow_store_before(slow, NULL, NULL);
        good(tsr_array_read(array, NULL, NULL, NULL, values, sizeof values, NULL, &f->err),
             &f->err);
        assert_int_equal(values[5], 6);
        assert_int_equal(values[40], 0);
        start = 5;
        good(tsr_array_write(array, &start, &count, NULL, &zero, 4, NULL, &f->err), &f->err);
        size_t size = 0;
        unsigned char *bytes = get_bytes(f, slow->below, "a/c/0", &size);
        assert_non_null(bytes); /* a chunk of fill values */
        free(bytes);
        assert_int_equal(slow_store_stats(slow).erases, 0);
        tsr_array_close(array);
        tsr_store_close(&slow->head);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(a_shard_is_written_byte_for_byte),
        FIXTURE_TEST(an_index_at_the_start_shifts_the_offsets),
        FIXTURE_TEST(a_shard_of_a_scalar_has_24_bytes),
        FIXTURE_TEST(fill_chunks_are_stored_when_asked),
        FIXTURE_TEST(a_damaged_shard_is_left_alone),
        FIXTURE_TEST(nothing_is_lost_between_threads),
        FIXTURE_TEST(nothing_is_lost_on_a_file_system),
        FIXTURE_TEST(nothing_is_lost_between_processes),
        FIXTURE_TEST(a_lost_race_is_tried_again),
        FIXTURE_TEST(without_conditional_erase_the_fill_chunk_is_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
