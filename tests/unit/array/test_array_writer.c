/* Proves of buffered writers: each shard is put once however small the slices are, what is not
 * acknowledged is not seen, memory is kept to, a failure loses nothing that is held. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <tessera/writer.h>

#include "support/faulty_system.h"
#include "support/slow_store.h"
#include "support/temporary.h"
#include "unit/array/array_testing.h"

enum { WIDTH = 6, CHUNK = 2, SHARD = 8 };

/* Frames of 6 elements along the first axis; an inner chunk has two of them, a shard eight. */
static const array_row frames_row = {.name = "frames",
                                     .rank = 2,
                                     .shape = {0, WIDTH},
                                     .chunk = {CHUNK, WIDTH / 2},
                                     .shard = {SHARD, WIDTH},
                                     .codec = "zstd:1"};

static int32_t value_at(int64_t frame, int64_t x)
{
    return (int32_t)(frame * 1000 + x + 1);
}

static void fill_frames(int32_t *values, int64_t first, int64_t count)
{
    for (int64_t frame = 0; frame < count; frame++)
        for (int64_t x = 0; x < WIDTH; x++)
            values[frame * WIDTH + x] = value_at(first + frame, x);
}

static int append_frames(tsr_array_writer *writer, int64_t first, int64_t count, int64_t *ret_taken,
                         tsr_error *err)
{
    int32_t values[64 * WIDTH];
    tsr_view view;
    assert_true(count <= 64);
    fill_frames(values, first, count);
    assert_int_equal(tsr_view_init(&view, TSR_INT32, 2, (int64_t[]){count, WIDTH}, values, err), 0);
    return tsr_array_writer_append(writer, &view, TSR_CASTING_NO, NULL, ret_taken, err);
}

static void expect_frames(fixture *f, tsr_array *array, int64_t count)
{
    int32_t values[128 * WIDTH];
    assert_int_equal(tsr_array_shape(array)[0], count);
    if (count == 0)
        return;
    good(tsr_array_read(array, NULL, NULL, NULL, values, (size_t)(count * WIDTH) * sizeof *values,
                        NULL, &f->err),
         &f->err);
    for (int64_t frame = 0; frame < count; frame++)
        for (int64_t x = 0; x < WIDTH; x++)
            assert_int_equal(values[frame * WIDTH + x], value_at(frame, x));
}

/* Puts of chunks, not of metadata or of anything else. */
static void count_chunk_puts(void *user, slow_store *store, int64_t number, const char *key)
{
    (void)store;
    if (number == 0 && strstr(key, "/c/"))
        ++*(int *)user;
}

/* Appending wants a store that locks, or that no other process knows. */
static slow_store *new_counting_store(fixture *f)
{
    slow_store *slow = slow_store_open(f->context, &(slow_store_options){.at_once = true});
    slow->head.hints.in_process = true;
    return slow;
}

static void frames_one_by_one_put_each_shard_once(void **state)
{
    fixture *f = *state;
    slow_store *slow = new_counting_store(f);
    tsr_array *array = array_new(f, &slow->head, "a", &frames_row, TSR_INT32, NULL);
    tsr_array *reader = array_open(f, &slow->head, "a", false);
    tsr_array_writer *writer;
    int puts = 0;

    slow_store_before(slow, count_chunk_puts, &puts);
    good(tsr_array_writer_open(array, NULL, &writer, &f->err), &f->err);
    for (int64_t frame = 0; frame < 3 * SHARD + 5; frame++) {
        int64_t taken = -1, complete = (frame + 1) / SHARD * SHARD;
        good(append_frames(writer, frame, 1, &taken, &f->err), &f->err);
        assert_int_equal(taken, 1);
        assert_int_equal(puts, complete / SHARD);
        assert_int_equal(tsr_array_writer_written(writer), complete);
        assert_int_equal(tsr_array_writer_held(writer), frame + 1 - complete);
        good(tsr_array_refresh(reader, &f->err), &f->err);
        expect_frames(f, reader, complete);
    }
    /* A flush shows what is there; the rest of the shard is one more put. */
    good(tsr_array_writer_flush(writer, NULL, &f->err), &f->err);
    good(tsr_array_writer_flush(writer, NULL, &f->err), &f->err);
    assert_int_equal(puts, 4);
    good(tsr_array_refresh(reader, &f->err), &f->err);
    expect_frames(f, reader, 3 * SHARD + 5);
    good(append_frames(writer, 3 * SHARD + 5, 2, NULL, &f->err), &f->err);
    assert_int_equal(puts, 4);
    good(append_frames(writer, 3 * SHARD + 7, 2, NULL, &f->err), &f->err);
    assert_int_equal(puts, 5);
    assert_int_equal(tsr_array_writer_held(writer), 1);
    good(tsr_array_writer_close(writer, NULL, &f->err), &f->err);
    assert_int_equal(puts, 6);
    good(tsr_array_refresh(reader, &f->err), &f->err);
    expect_frames(f, reader, 4 * SHARD + 1);
    slow_store_before(slow, NULL, NULL);
    tsr_array_close(reader);
    tsr_array_close(array);
    tsr_store_close(&slow->head);
}

/* Whole shards of a long view need no buffer; its ends do. */
static void long_views_are_written_through(void **state)
{
    fixture *f = *state;
    slow_store *slow = new_counting_store(f);
    tsr_array *array = array_new(f, &slow->head, "a", &frames_row, TSR_INT32, NULL);
    tsr_array_writer *writer;
    int puts = 0;

    slow_store_before(slow, count_chunk_puts, &puts);
    good(tsr_array_writer_open(array, NULL, &writer, &f->err), &f->err);
    good(append_frames(writer, 0, 3, NULL, &f->err), &f->err);
    good(append_frames(writer, 3, 40, NULL, &f->err), &f->err);
    assert_int_equal(tsr_array_writer_written(writer), 40);
    assert_int_equal(tsr_array_writer_held(writer), 3);
    good(append_frames(writer, 43, 5, NULL, &f->err), &f->err);
    good(append_frames(writer, 48, 16, NULL, &f->err), &f->err);
    assert_int_equal(puts, 8);
    expect_frames(f, array, 64);
    good(tsr_array_writer_close(writer, NULL, &f->err), &f->err);
    assert_int_equal(puts, 8);
    slow_store_before(slow, NULL, NULL);
    tsr_array_close(array);
    tsr_store_close(&slow->head);
}

/* Where a shard does not fit, it is written in pieces of whole inner chunks. */
static void memory_is_kept_to(void **state)
{
    fixture *f = *state;
    enum { FRAME_BYTES = WIDTH * 4 };
    slow_store *slow = new_counting_store(f);
    tsr_array *array = array_new(f, &slow->head, "a", &frames_row, TSR_INT32, NULL);
    tsr_array_writer_options options;
    tsr_array_writer *writer = NULL;
    int puts = 0;

    tsr_array_writer_options_init(&options);
    options.memory_bytes = CHUNK * FRAME_BYTES - 1;
    assert_int_equal(tsr_array_writer_open(array, &options, &writer, &f->err), TSR_LIMIT);
    assert_non_null(strstr(f->err.message, "2 positions of axis 0 with 24 bytes each"));
    assert_null(writer);
    options.memory_bytes = 5 * FRAME_BYTES;
    slow_store_before(slow, count_chunk_puts, &puts);
    good(tsr_array_writer_open(array, &options, &writer, &f->err), &f->err);
    for (int64_t frame = 0; frame < 2 * SHARD; frame++) {
        good(append_frames(writer, frame, 1, NULL, &f->err), &f->err);
        assert_true(tsr_array_writer_held(writer) < 4);
    }
    assert_int_equal(puts, 4);
    good(tsr_array_writer_close(writer, NULL, &f->err), &f->err);
    expect_frames(f, array, 2 * SHARD);
    slow_store_before(slow, NULL, NULL);
    tsr_array_close(array);
    tsr_store_close(&slow->head);
}

/* Along the second axis, from int16 in column order, into an array that ends within a shard. */
static void other_axes_types_and_strides(void **state)
{
    fixture *f = *state;
    static const array_row row = {.name = "columns",
                                  .rank = 2,
                                  .shape = {3, 5},
                                  .chunk = {3, 2},
                                  .shard = {3, 4},
                                  .codec = "none"};
    tsr_array *array = array_new(f, f->store, "a", &row, TSR_INT32, NULL);
    tsr_array_writer_options options;
    tsr_array_writer *writer;
    tsr_view view;
    int16_t columns[7][3];
    int32_t values[3][12];

    for (int i = 0; i < 7; i++)
        for (int k = 0; k < 3; k++)
            columns[i][k] = (int16_t)(10 * i + k - 20);
    tsr_array_writer_options_init(&options);
    options.axis = 1;
    good(tsr_array_writer_open(array, &options, &writer, &f->err), &f->err);
    good(tsr_view_init(&view, TSR_INT16, 2, (int64_t[]){7, 3}, columns, &f->err), &f->err);
    good(tsr_view_transpose(&view, (int[]){1, 0}, &f->err), &f->err);
    assert_int_equal(tsr_array_writer_append(writer, &view, TSR_CASTING_NO, NULL, NULL, &f->err),
                     TSR_TYPE_MISMATCH);
    good(tsr_array_writer_append(writer, &view, TSR_CASTING_SAFE, NULL, NULL, &f->err), &f->err);
    assert_int_equal(tsr_array_writer_written(writer), 7);
    good(tsr_array_writer_close(writer, NULL, &f->err), &f->err);
    assert_int_equal(tsr_array_shape(array)[1], 12);
    good(tsr_array_read(array, NULL, NULL, NULL, values, sizeof values, NULL, &f->err), &f->err);
    for (int k = 0; k < 3; k++)
        for (int i = 0; i < 12; i++)
            assert_int_equal(values[k][i], i < 5 ? 0 : 10 * (i - 5) + k - 20);
    tsr_array_close(array);
}

static void wrong_views_are_refused(void **state)
{
    fixture *f = *state;
    tsr_array *array = array_new(f, f->store, "a", &frames_row, TSR_INT32, NULL);
    tsr_array_writer_options options;
    tsr_array_writer *writer = NULL;
    int32_t values[64] = {0};
    int64_t taken = 7;
    tsr_view view;

    tsr_array_writer_options_init(&options);
    options.axis = 2;
    assert_int_equal(tsr_array_writer_open(array, &options, &writer, &f->err),
                     TSR_INVALID_ARGUMENT);
    options.struct_size = 1;
    assert_int_equal(tsr_array_writer_open(array, &options, &writer, &f->err),
                     TSR_INVALID_ARGUMENT);
    tsr_array *reader = array_open(f, f->store, "a", false);
    assert_int_equal(tsr_array_writer_open(reader, NULL, &writer, &f->err), TSR_READ_ONLY);
    tsr_array_close(reader);
    good(tsr_array_writer_open(array, NULL, &writer, &f->err), &f->err);
    good(tsr_view_init(&view, TSR_INT32, 2, (int64_t[]){2, WIDTH - 1}, values, &f->err), &f->err);
    assert_int_equal(tsr_array_writer_append(writer, &view, TSR_CASTING_NO, NULL, &taken, &f->err),
                     TSR_INVALID_ARGUMENT);
    assert_int_equal(taken, 0);
    assert_non_null(strstr(f->err.message, "axis 1 is 6 long, and 5"));
    good(tsr_view_init(&view, TSR_INT32, 1, (int64_t[]){WIDTH}, values, &f->err), &f->err);
    assert_int_equal(tsr_array_writer_append(writer, &view, TSR_CASTING_NO, NULL, NULL, &f->err),
                     TSR_INVALID_ARGUMENT);
    tsr_array_writer_discard(writer);
    tsr_array_writer_discard(NULL);
    assert_int_equal(tsr_array_writer_close(NULL, NULL, &f->err), 0);
    tsr_array_close(array);
}

/* Every system call of writing a shard fails once: what is held stays, a second try writes it, and
 * the array never holds anything else than whole frames. */
static void a_failure_loses_nothing(void **state)
{
    char *folder = temporary_folder_new();
    bool fired = true;
    int conflicts = 0, finals = 0, tries = 0;

    (void)state;
    for (int64_t n = 1; fired; n++) {
        fixture fs;
        faulty_system faulty;
        tsr_context_options options;
        tsr_array_writer *writer;
        char path[32];
        int64_t taken = -1;

        memset(&fs, 0, sizeof fs);
        faulty_system_init(&faulty, NULL);
        tsr_context_options_init(&options);
        options.system = &faulty.system;
        assert_int_equal(tsr_context_new(&options, &fs.context, &fs.err), 0);
        assert_int_equal(tsr_store_open(fs.context, folder, &fs.store, &fs.err), 0);
        snprintf(path, sizeof path, "a%d", (int)n);
        tsr_array *array = array_new(&fs, fs.store, path, &frames_row, TSR_INT32, NULL);
        good(tsr_array_writer_open(array, NULL, &writer, &fs.err), &fs.err);
        good(append_frames(writer, 0, SHARD - 1, NULL, &fs.err), &fs.err);
        faulty_system_fail(&faulty, NULL, n, ENOSPC, false);
        int status = append_frames(writer, SHARD - 1, 1, &taken, &fs.err);
        fired = faulty_system_fired(&faulty);
        faulty_system_fail(&faulty, NULL, 0, 0, false);
        assert_int_equal(taken, 1);
        if (status < 0) {
            assert_int_equal(tsr_array_writer_held(writer), SHARD);
            assert_int_equal(tsr_array_writer_written(writer), 0);
        }
        /* A second try writes it, unless it is there already, or a folder could not be synced,
         * which is final. */
        status = tsr_array_writer_flush(writer, NULL, &fs.err);
        if (status == TSR_CONFLICT)
            assert_non_null(strstr(fs.err.message, "from 0 to 8 positions along axis 0"));
        else if (status < 0)
            assert_non_null(strstr(fs.err.message, "nothing more is written"));
        assert_int_equal(tsr_array_writer_held(writer), status < 0 ? SHARD : 0);
        conflicts += status == TSR_CONFLICT;
        finals += status < 0 && status != TSR_CONFLICT;
        expect_frames(&fs, array, status == 0 || status == TSR_CONFLICT ? SHARD : 0);
        tsr_array_writer_discard(writer);
        tsr_array_close(array);
        fixture_close(&fs);
        tries++;
    }
    assert_true(tries > 30);
    assert_in_range(conflicts, 1, tries / 4);
    assert_in_range(finals, 1, tries / 4);
    temporary_folder_remove(folder);
}

/* ---- what reaches the disk and when ---- */

static struct {
    int bytes, folders, disks; /* syncs of each */
    bool renamed_unsynced;     /* the document was renamed before its bytes were synced */
    bool synced;               /* the file that was synced last is not renamed yet */
} syncs;

static int note_bytes(const tsr_system *system, int descriptor)
{
    (void)system;
    (void)descriptor;
    syncs.bytes++;
    syncs.synced = true;
    return 0;
}

static int note_folder(const tsr_system *system, int descriptor)
{
    (void)system;
    (void)descriptor;
    syncs.folders++;
    return 0;
}

static int note_disk(const tsr_system *system, int descriptor)
{
    (void)system;
    (void)descriptor;
    syncs.disks++;
    return 0;
}

static int note_rename(const tsr_system *system, int from_directory, const char *from,
                       int to_directory, const char *to)
{
    (void)system;
    if (strcmp(to, "zarr.json") == 0 && !syncs.synced)
        syncs.renamed_unsynced = true;
    syncs.synced = false;
    return tsr_system_default()->renameat(tsr_system_default(), from_directory, from, to_directory,
                                          to);
}

/* One frame appended to an array in files, by a writer of this durability. */
static void append_one(tsr_durability durability, void (*then)(tsr_array *array))
{
    fixture f = {0};
    tsr_system system = *tsr_system_default();
    tsr_context_options options;
    tsr_array_writer_options with;
    tsr_array_writer *writer;
    char *folder = temporary_folder_new();

    system.fdatasync = note_bytes;
    system.fsync = note_folder;
    system.syncfs = note_disk;
    system.renameat = note_rename;
    tsr_context_options_init(&options);
    options.system = &system;
    good(tsr_context_new(&options, &f.context, &f.err), &f.err);
    good(tsr_store_open(f.context, folder, &f.store, &f.err), &f.err);
    tsr_array *array = array_new(&f, f.store, "a", &frames_row, TSR_INT32, NULL);
    memset(&syncs, 0, sizeof syncs);
    tsr_array_writer_options_init(&with);
    with.write.durability = durability;
    good(tsr_array_writer_open(array, &with, &writer, &f.err), &f.err);
    good(append_frames(writer, 0, 1, NULL, &f.err), &f.err);
    good(tsr_array_writer_close(writer, NULL, &f.err), &f.err);
    then(array);
    tsr_array_close(array);
    fixture_close(&f);
    temporary_folder_remove(folder);
}

/* The shard and its folders are left to the system, and so is the name of the document; a
 * checkpoint then finds something to sync. */
static void nothing_is_waited_for(tsr_array *array)
{
    assert_int_equal(syncs.bytes, 1);
    assert_int_equal(syncs.folders, 0);
    assert_int_equal(syncs.disks, 0);
    assert_false(syncs.renamed_unsynced);
    assert_int_equal(tsr_array_sync(array, NULL, NULL), 0);
    assert_int_equal(syncs.disks, 1);
}

static void all_is_waited_for(tsr_array *array)
{
    (void)array;
    assert_int_equal(syncs.bytes, 2);
    assert_true(syncs.folders >= 3); /* those of shard and document, and what was made for them */
    assert_false(syncs.renamed_unsynced);
}

static void a_length_is_as_durable_as_its_elements(void **state)
{
    (void)state;
    append_one(TSR_DURABILITY_NONE, nothing_is_waited_for);
    append_one(TSR_DURABILITY_FLUSH, all_is_waited_for);
    append_one(TSR_DURABILITY_CHUNK, all_is_waited_for);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(frames_one_by_one_put_each_shard_once),
        FIXTURE_TEST(long_views_are_written_through),
        FIXTURE_TEST(memory_is_kept_to),
        FIXTURE_TEST(other_axes_types_and_strides),
        FIXTURE_TEST(wrong_views_are_refused),
        cmocka_unit_test(a_failure_loses_nothing),
        cmocka_unit_test(a_length_is_as_durable_as_its_elements),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
