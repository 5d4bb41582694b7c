/* Proves that writes which queue up behind a shard are put together: how many puts there are, that
 * each writer's elements arrive, and that one writer's failure, cancelling or other wishes are not
 * those of the others. That updates are appended where files share blocks, within a bound. And that
 * elements that come slab by slab are all written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <time.h>

#include <cmocka.h>

#include <pthread.h>
#include <sys/vfs.h>

#include "array/claim.h"
#include "array/commit.h"
#include "exec/pool.h"
#include "support/slow_store.h"
#include "support/temporary.h"
#include "unit/array/array_testing.h"

enum { INNER = 8, CHUNKS = 16, COUNT = INNER * CHUNKS, WRITERS_MAX = 12 };

static const array_row one_shard = {.name = "one shard",
                                    .rank = 1,
                                    .shape = {COUNT},
                                    .chunk = {INNER},
                                    .shard = {COUNT},
                                    .codec = "zstd:1"};

/* Writes [start, start + count) as `value`. */
typedef struct writer {
    pthread_t thread;
    tsr_array *array;
    int64_t start, count;
    int value;
    bool from_source, source_fails, store_fill;
    const tsr_durability *durability; /* NULL: the default */
    int *cancel;
    int status;
    tsr_error err;
} writer;

static int give_elements(void *user, const tsr_view *piece, const int64_t *position, tsr_error *err)
{
    const writer *self = user;
    (void)position;
    if (self->source_fails)
        return tsr_error_set(err, TSR_PERMISSION, "the source of %d says no", self->value);
    tsr_view_fill(piece, &(int32_t){self->value});
    return 0;
}

static void *write_range(void *user)
{
    writer *self = user;
    int32_t values[COUNT];
    tsr_write_options options;
    tsr_call call = {.cancel = self->cancel};
    tsr_view view;
    tsr_index index = {.rank = 1, .axes = {{TSR_INDEX_RANGE, self->start, self->count, 1}}};

    tsr_write_options_init(&options);
    options.store_fill_chunks = self->store_fill;
    if (self->durability)
        options.durability = *self->durability;
    for (int64_t i = 0; i < self->count; i++)
        values[i] = self->value;
    if (self->from_source) {
        self->status = tsr_array_write_source(self->array, &index, give_elements, self, &options,
                                              &call, &self->err);
        return NULL;
    }
    self->status = tsr_view_init(&view, TSR_INT32, 1, &self->count, values, &self->err);
    if (self->status == 0)
        self->status = tsr_array_write_index(self->array, &index, &view, TSR_CASTING_NO, &options,
                                             &call, &self->err);
    return NULL;
}

/* The first put waits until the others have queued up; then a minute is over or all of them are
 * there. */
typedef struct gate {
    const tsr_store *store;
    int wanted, puts;
    int *cancel; /* set when all are there */
} gate;

static void hold_first_put(void *user, slow_store *store, int64_t number, const char *key)
{
    gate *self = user;
    (void)store;
    if (number > 0 || __atomic_fetch_add(&self->puts, 1, __ATOMIC_RELAXED) > 0)
        return;
    for (int i = 0; i < 60000 && tsri_orders_waiting(self->store, key) < self->wanted; i++)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    if (self->cancel)
        __atomic_store_n(self->cancel, 1, __ATOMIC_RELAXED);
}

/* Starts the first writer, and the others when its put is under way. Returns the number of puts;
 * what the store has counted goes to *ret_counts, unless that is NULL. */
static int run_counted(fixture *f, writer *writers, int count, int *cancel, int32_t *ret_values,
                       slow_store_counts *ret_counts)
{
    slow_store *slow = slow_store_open(f->context, &(slow_store_options){.at_once = true});
    tsr_array *array = array_new(f, &slow->head, "a", &one_shard, TSR_INT32, NULL);
    gate all = {.store = &slow->head, .wanted = count - 1, .cancel = cancel};

    slow_store_reset(slow);
    slow_store_before(slow, hold_first_put, &all);
    for (int i = 0; i < count; i++) {
        writers[i].array = array;
        assert_int_equal(pthread_create(&writers[i].thread, NULL, write_range, &writers[i]), 0);
        for (int wait = 0; i == 0 && wait < 60000 && !__atomic_load_n(&all.puts, __ATOMIC_RELAXED);
             wait++)
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    for (int i = 0; i < count; i++)
        pthread_join(writers[i].thread, NULL);
    slow_store_before(slow, NULL, NULL);
    if (ret_counts)
        *ret_counts = slow_store_stats(slow);
    good(tsr_array_read(array, NULL, NULL, NULL, ret_values, COUNT * sizeof *ret_values, NULL,
                        &f->err),
         &f->err);
    tsr_array_close(array);
    tsr_store_close(&slow->head);
    return all.puts;
}

static int run_queued(fixture *f, writer *writers, int count, int *cancel, int32_t *ret_values)
{
    return run_counted(f, writers, count, cancel, ret_values, NULL);
}

static void expect_values(const int32_t *values, const writer *writers, int count)
{
    for (int i = 0; i < count; i++)
        for (int64_t at = 0; at < writers[i].count; at++)
            assert_int_equal(values[writers[i].start + at], writers[i].value);
}

static void what_queues_up_is_put_together(void **state)
{
    writer writers[WRITERS_MAX] = {{0}};
    int32_t values[COUNT];

    for (int i = 0; i < WRITERS_MAX; i++)
        writers[i] = (writer){.start = i * INNER,
                              .count = INNER,
                              .value = 100 + i,
                              .from_source = i % 3 == 1,
                              .err = TSR_ERROR_INIT};
    assert_int_equal(run_queued(*state, writers, WRITERS_MAX, NULL, values), 2);
    for (int i = 0; i < WRITERS_MAX; i++)
        good(writers[i].status, &writers[i].err);
    expect_values(values, writers, WRITERS_MAX);
}

/* Halves of one inner chunk are put one after the other, and both are there. */
static void writers_of_one_inner_chunk_take_turns(void **state)
{
    writer writers[4] = {{0}};
    int32_t values[COUNT];

    for (int i = 0; i < 4; i++)
        writers[i] = (writer){
            .start = i * INNER / 2, .count = INNER / 2, .value = 7 + i, .err = TSR_ERROR_INIT};
    /* The first by itself; of {second half of 0, halves of 1} two together, and the last. */
    assert_int_equal(run_queued(*state, writers, 4, NULL, values), 3);
    for (int i = 0; i < 4; i++)
        good(writers[i].status, &writers[i].err);
    expect_values(values, writers, 4);
}

static void a_failure_is_of_one_writer(void **state)
{
    writer writers[6] = {{0}};
    int32_t values[COUNT];

    for (int i = 0; i < 6; i++)
        writers[i] = (writer){.start = i * INNER,
                              .count = INNER,
                              .value = 30 + i,
                              .from_source = true,
                              .source_fails = i == 3,
                              .err = TSR_ERROR_INIT};
    run_queued(*state, writers, 6, NULL, values);
    for (int i = 0; i < 6; i++) {
        if (i != 3) {
            good(writers[i].status, &writers[i].err);
            expect_values(values, &writers[i], 1);
            continue;
        }
        assert_int_equal(writers[i].status, TSR_PERMISSION);
        assert_non_null(strstr(writers[i].err.message, "the source of 33 says no"));
        assert_int_equal(values[3 * INNER], 0);
    }
}

/* Cancelled while they wait or while another writes for them: they end, the others are served. */
static void a_cancel_is_of_one_writer(void **state)
{
    writer writers[6] = {{0}};
    int32_t values[COUNT];
    int cancel = 0;

    for (int i = 0; i < 6; i++)
        writers[i] = (writer){.start = i * INNER,
                              .count = INNER,
                              .value = 50 + i,
                              .cancel = i % 2 ? &cancel : NULL,
                              .err = TSR_ERROR_INIT};
    run_queued(*state, writers, 6, &cancel, values);
    for (int i = 0; i < 6; i += 2) {
        good(writers[i].status, &writers[i].err);
        expect_values(values, &writers[i], 1);
    }
    for (int i = 1; i < 6; i += 2) {
        assert_true(writers[i].status == 0 || writers[i].status == TSR_CANCELLED);
        if (writers[i].status == 0)
            expect_values(values, &writers[i], 1);
    }
}

/* Zeros are the fill value: only who asked for it gets them stored. */
static void other_wishes_are_put_apart(void **state)
{
    writer writers[3] = {{0}};
    int32_t values[COUNT];

    for (int i = 0; i < 3; i++)
        writers[i] = (writer){.start = i * INNER,
                              .count = INNER,
                              .value = i == 0,
                              .store_fill = i == 2,
                              .err = TSR_ERROR_INIT};
    assert_int_equal(run_queued(*state, writers, 3, NULL, values), 3);
    for (int i = 0; i < 3; i++)
        good(writers[i].status, &writers[i].err);
    expect_values(values, writers, 3);
}

/* What one of those that are put together asked for, all get. */
static void the_strictest_durability_holds_for_all(void **state)
{
    static const tsr_durability none = TSR_DURABILITY_NONE,
                                wanted[] = {TSR_DURABILITY_FLUSH, TSR_DURABILITY_CHUNK};
    for (size_t row = 0; row < TSRI_COUNT(wanted); row++) {
        writer writers[4] = {{0}};
        slow_store_counts counts;
        int32_t values[COUNT];
        for (int i = 0; i < 4; i++)
            writers[i] = (writer){.start = i * INNER,
                                  .count = INNER,
                                  .value = 1 + i,
                                  .durability = i == 2 ? &wanted[row] : &none,
                                  .err = TSR_ERROR_INIT};
        assert_int_equal(run_counted(*state, writers, 4, NULL, values, &counts), 2);
        for (int i = 0; i < 4; i++)
            good(writers[i].status, &writers[i].err);
        expect_values(values, writers, 4);
        assert_int_equal(counts.puts_of[none], 1); /* the first, by itself */
        assert_int_equal(counts.puts_of[wanted[row]], 1);
    }
}

/* The same on files, where the lock of the shard is held, with many rounds and no gate. */
static void *write_rounds(void *user)
{
    writer *self = user;
    for (int round = 1; round <= 40 && self->status == 0; round++) {
        self->value = self->value / 1000 * 1000 + round;
        write_range(self);
    }
    return NULL;
}

static void writers_of_a_file_lose_nothing(void **state)
{
    writer writers[WRITERS_MAX] = {{0}};
    int32_t values[COUNT];
    char *folder = temporary_folder_new();
    fixture fs;

    (void)state;
    fixture_open(&fs, folder);
    tsr_array *array = array_new(&fs, fs.store, "a", &one_shard, TSR_INT32, NULL);
    for (int i = 0; i < WRITERS_MAX; i++) {
        writers[i] = (writer){.array = array,
                              .start = i * INNER + i % 2 * (INNER / 2),
                              .count = INNER / (1 + i % 2),
                              .value = 1000 * (i + 1),
                              .err = TSR_ERROR_INIT};
        assert_int_equal(pthread_create(&writers[i].thread, NULL, write_rounds, &writers[i]), 0);
    }
    for (int i = 0; i < WRITERS_MAX; i++) {
        pthread_join(writers[i].thread, NULL);
        good(writers[i].status, &writers[i].err);
        assert_int_equal(writers[i].value, 1000 * (i + 1) + 40);
    }
    good(tsr_array_read(array, NULL, NULL, NULL, values, sizeof values, NULL, &fs.err), &fs.err);
    expect_values(values, writers, WRITERS_MAX);
    tsr_array_close(array);
    fixture_close(&fs);
    temporary_folder_remove(folder);
}

/* ---- appending, where files share blocks ---- */

enum { PIECES = 32, PIECE = 16384, ENTRY = 16, PIECES_INDEX = PIECES * ENTRY + 4 };
#define XFS_MAGIC 0x58465342
#define EXT4_MAGIC 0xef53

static long pretended_type;

static int pretend_type(const tsr_system *system, int descriptor, struct statfs *ret_status)
{
    (void)system;
    (void)descriptor;
    *ret_status = (struct statfs){.f_type = pretended_type};
    return 0;
}

typedef struct appending {
    tsr_system system;
    tsr_context *context;
    tsr_error err;
    char *folder, *path;
    tsr_array *array;
    unsigned char latest[PIECES]; /* what each inner chunk holds */
} appending;

static void appending_open(appending *self, long type, bool index_at_start)
{
    tsr_context_options options;
    const array_row row = {.rank = 1,
                           .shape = {(int64_t)PIECES * PIECE},
                           .chunk = {PIECE},
                           .shard = {(int64_t)PIECES * PIECE},
                           .codec = "none",
                           .index_at_start = index_at_start};
    tsr_array_create_options create;

    *self = (appending){.system = *tsr_system_default(), .err = TSR_ERROR_INIT};
    pretended_type = type;
    self->system.fstatfs = pretend_type;
    tsr_context_options_init(&options);
    options.system = &self->system;
    good(tsr_context_new(&options, &self->context, &self->err), &self->err);
    self->folder = temporary_folder_new();
    self->path = temporary_path(self->folder, "a/c/0");
    char *place = temporary_path(self->folder, "a");
    row_options(&row, TSR_UINT8, NULL, &create);
    good(tsr_array_create(self->context, place, &create, &self->array, &self->err), &self->err);
    free(place);
}

static void appending_close(appending *self)
{
    tsr_array_close(self->array);
    tsr_context_free(self->context);
    free(self->path);
    temporary_folder_remove(self->folder);
}

static void write_pieces(appending *self, int first, int count, unsigned char value)
{
    const int64_t start[] = {(int64_t)first * PIECE}, shape[] = {(int64_t)count * PIECE};
    size_t size = (size_t)count * PIECE;
    unsigned char *bytes = malloc(size);
    memset(bytes, value, size);
    good(tsr_array_write(self->array, start, shape, NULL, bytes, size, NULL, &self->err),
         &self->err);
    memset(self->latest + first, value, (size_t)count);
    free(bytes);
}

/* What a new handle reads, so that nothing comes from a cache. */
static void expect_pieces(appending *self)
{
    const size_t size = (size_t)PIECES * PIECE;
    unsigned char *bytes = malloc(size);
    tsr_array *reader;
    char *place = temporary_path(self->folder, "a");
    good(tsr_array_open(self->context, place, NULL, &reader, &self->err), &self->err);
    good(tsr_array_read(reader, NULL, NULL, NULL, bytes, size, NULL, &self->err), &self->err);
    for (size_t i = 0; i < size; i++)
        if (bytes[i] != self->latest[i / PIECE])
            fail_msg("element %zu is %d in place of %d", i, bytes[i], self->latest[i / PIECE]);
    tsr_array_close(reader);
    free(place);
    free(bytes);
}

static void updates_go_behind_what_is_there(void **state)
{
    (void)state;
    appending self;
    size_t old_size, size;
    appending_open(&self, XFS_MAGIC, false);
    write_pieces(&self, 0, PIECES, 1);
    char *old = temporary_file_read(self.path, &old_size);
    write_pieces(&self, 3, 1, 2);
    write_pieces(&self, 9, 1, 3);
    write_pieces(&self, 3, 1, 4);
    write_pieces(&self, 5, 1, 0); /* nothing but fill value: its entry goes */
    char *now = temporary_file_read(self.path, &size);
    size_t stored = (old_size - PIECES_INDEX) / PIECES, index = old_size - PIECES_INDEX;
    assert_int_equal(old_size, PIECES * stored + PIECES_INDEX);
    assert_int_equal(size, old_size + 3 * stored);
    assert_memory_equal(now, old, index);
    for (int i = 0; i < 3; i++)
        assert_int_equal(now[index + (size_t)i * stored], i + 2);
    static const unsigned char missing[ENTRY] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                                 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    assert_memory_equal(now + size - PIECES_INDEX + 5 * ENTRY, missing, ENTRY);
    expect_pieces(&self);
    free(old);
    free(now);
    appending_close(&self);
}

/* Of a third of the file at most nobody knows any more, whatever is written. */
static void dead_bytes_have_a_bound(void **state)
{
    (void)state;
    appending self;
    uint32_t random = 1;
    int appended = 0;
    size_t size, before = 0;
    appending_open(&self, XFS_MAGIC, false);
    write_pieces(&self, 0, PIECES, 1);
    for (int i = 0; i < 120; i++) {
        random = random * 1664525 + 1013904223;
        int first = (int)(random >> 16) % PIECES, count = 1 + (int)(random >> 24) % 5;
        count = count > PIECES - first ? PIECES - first : count;
        write_pieces(&self, first, count, (unsigned char)(i % 250 + 1));
        free(temporary_file_read(self.path, &size));
        size_t alive = (size_t)PIECES * PIECE;
        assert_true(size - PIECES_INDEX <= alive + alive / 2);
        appended += size > before;
        before = size;
    }
    assert_true(appended > 60 && appended < 120);
    expect_pieces(&self);
    appending_close(&self);
}

/* Elsewhere as many bytes would be moved and some of them be dead: then nothing is appended. */
static void without_shared_blocks_shards_are_written_whole(void **state)
{
    (void)state;
    static const struct {
        long type;
        bool index_at_start;
    } rows[] = {{EXT4_MAGIC, false}, {XFS_MAGIC, true}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        appending self;
        size_t size;
        appending_open(&self, rows[i].type, rows[i].index_at_start);
        write_pieces(&self, 0, PIECES, 1);
        write_pieces(&self, 3, 2, 2);
        free(temporary_file_read(self.path, &size));
        assert_int_equal(size, PIECES * PIECE + PIECES_INDEX);
        expect_pieces(&self);
        appending_close(&self);
    }
}

/* ---- slabs ---- */

enum { SLAB = 3 * INNER, SLABS = (COUNT + SLAB - 1) / SLAB };

/* Fills the view with one slab after the other; fails at slab `failing`. */
typedef struct slab_loads {
    int32_t *memory;
    int64_t loaded, failing;
} slab_loads;

static int load_slab(void *user, int64_t slab, tsri_task_group *group, tsr_error *err)
{
    slab_loads *self = user;
    assert_non_null(group);
    assert_int_equal(slab, self->loaded++);
    if (slab == self->failing)
        return tsr_error_set(err, TSR_PERMISSION, "slab %d cannot be had", (int)slab);
    for (int64_t i = 0; i < SLAB; i++)
        self->memory[i] = (int32_t)(slab * SLAB + i + 1);
    return 0;
}

static int commit_slabs(fixture *f, tsr_array *array, slab_loads *loads)
{
    const tsri_slabs slabs = {SLAB, SLABS, load_slab, loads};
    const int64_t length = SLAB, start = 0, chunk = 0;
    tsr_auto(tsri_grid) *grid = tsri_array_grid(array);
    tsr_codec_scratch *scratch;
    tsr_write_options options;
    tsri_task_group group;
    tsri_turn turn;
    tsr_view view;
    tsri_target whole, target;
    tsri_read write = {.array = array, .grid = grid, .view = &view, .slabs = &slabs};

    tsr_write_options_init(&options);
    good(tsr_view_init(&view, TSR_INT32, 1, &length, loads->memory, &f->err), &f->err);
    tsr_index_all(&write.index, 1, one_shard.shape);
    tsri_target_init(&whole, &write);
    assert_true(tsri_target_restrict(&whole, &start, one_shard.shape, &target));
    good(tsri_group_init(&group, f->context, NULL, NULL, &f->err), &f->err);
    good(tsr_codec_scratch_new(&scratch, &f->err), &f->err);
    int status =
        tsri_commit(array, &chunk, &target, &options, scratch, &group, NULL, &turn, &f->err);
    tsr_codec_scratch_free(scratch);
    assert_true(status < 0 || turn == TSRI_TURN_DONE);
    return status;
}

/* Each slab is asked for once, in order, and encoded before the next one takes its place; the last
 * one is shorter. When one cannot be had nothing is put. */
static void slabs_are_encoded_one_after_the_other(void **state)
{
    fixture *f = *state;
    int32_t memory[SLAB], values[COUNT];
    tsr_array *array = array_new(f, f->store, "a", &one_shard, TSR_INT32, NULL);
    slab_loads loads = {.memory = memory, .failing = SLABS - 1};
    size_t size;

    assert_int_equal(commit_slabs(f, array, &loads), TSR_PERMISSION);
    assert_int_equal(loads.loaded, SLABS);
    assert_null(get_bytes(f, f->store, "a/c/0", &size));
    loads = (slab_loads){.memory = memory, .failing = -1};
    good(commit_slabs(f, array, &loads), &f->err);
    assert_int_equal(loads.loaded, SLABS);
    good(tsr_array_read(array, NULL, NULL, NULL, values, sizeof values, NULL, &f->err), &f->err);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(values[i], i + 1);
    tsr_array_close(array);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(what_queues_up_is_put_together),
        FIXTURE_TEST(writers_of_one_inner_chunk_take_turns),
        FIXTURE_TEST(a_failure_is_of_one_writer),
        FIXTURE_TEST(a_cancel_is_of_one_writer),
        FIXTURE_TEST(other_wishes_are_put_apart),
        FIXTURE_TEST(the_strictest_durability_holds_for_all),
        FIXTURE_TEST(writers_of_a_file_lose_nothing),
        FIXTURE_TEST(slabs_are_encoded_one_after_the_other),
        cmocka_unit_test(updates_go_behind_what_is_there),
        cmocka_unit_test(dead_bytes_have_a_bound),
        cmocka_unit_test(without_shared_blocks_shards_are_written_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
