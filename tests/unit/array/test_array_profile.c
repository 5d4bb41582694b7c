/* Proves that the phases of one thread add up to exactly the time of its operations, whatever calls
 * whatever, and that the counters say what was moved: against what is known of the arrays, and
 * against a store that counts. The clock goes on by one with each look at it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "support/slow_store.h"
#include "unit/array/array_testing.h"
#include <tessera/profile.h>
#include <tessera/sys/system.h>

enum { HEIGHT = 24, WIDTH = 30, COUNT = HEIGHT * WIDTH };

#define ROW(...) .rank = 2, .shape = {HEIGHT, WIDTH}, __VA_ARGS__

static const array_row rows[] = {
    {.name = "plain", ROW(.chunk = {8, 10}, .codec = "zstd:1")},
    {.name = "raw", ROW(.chunk = {8, 10}, .codec = "none")},
    {.name = "shards", ROW(.chunk = {4, 5}, .shard = {8, 10}, .codec = "zstd:1")},
};

typedef struct stepping_clock {
    tsr_system system; /* first */
    int64_t *now_ns;
} stepping_clock;

static int64_t step(const tsr_system *system)
{
    return __atomic_add_fetch(((const stepping_clock *)system)->now_ns, 1, __ATOMIC_RELAXED);
}

typedef struct subject {
    fixture f;
    stepping_clock clock;
    int64_t now_ns;
    slow_store *slow;
    tsr_array *array;
    int32_t values[COUNT];
} subject;

static void subject_open(subject *self, const array_row *row, int threads, bool at_once)
{
    const int32_t zero = 0;
    tsr_context_options options;

    memset(self, 0, sizeof *self);
    self->clock.system = *tsr_system_default();
    self->clock.system.monotonic_ns = step;
    self->clock.now_ns = &self->now_ns;
    tsr_context_options_init(&options);
    options.threads = threads;
    options.profile = true;
    options.system = &self->clock.system;
    good(tsr_context_new(&options, &self->f.context, &self->f.err), &self->f.err);
    self->slow =
        slow_store_open(self->f.context, &(slow_store_options){.delay_us = 30, .at_once = at_once});
    self->array = array_new(&self->f, &self->slow->head, "a", row, TSR_INT32, &zero);
    for (int i = 0; i < COUNT; i++)
        self->values[i] = i + 1;
}

static void subject_close(subject *self)
{
    tsr_array_close(self->array);
    tsr_store_close(&self->slow->head);
    tsr_context_free(self->f.context);
}

static void write_all(subject *self)
{
    good(tsr_array_write(self->array, NULL, NULL, NULL, self->values, sizeof self->values, NULL,
                         &self->f.err),
         &self->f.err);
}

static int64_t sum_of_phases(const tsr_profile *profile)
{
    return profile->plan_ns + profile->fetch_ns + profile->wait_ns + profile->decode_ns +
           profile->copy_ns + profile->driver_ns + profile->caller_ns + profile->encode_ns +
           profile->put_ns + profile->sync_ns;
}

/* Reads what lies under the piece once more, from within the sink. */
static int read_again(void *user, const tsr_view *piece, const int64_t *position, tsr_error *err)
{
    subject *self = user;
    int32_t element;
    const int64_t one[] = {1, 1};
    (void)piece;
    self->now_ns += 1000;
    return tsr_array_read(self->array, position, one, NULL, &element, sizeof element, NULL, err);
}

/* With one thread nothing runs beside the operation: between the first look at the clock and the
 * last each tick is in one phase. */
static void phases_of_one_thread_add_up(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        subject self;
        tsr_profile before, after;
        int32_t found[COUNT];
        subject_open(&self, &rows[i], 1, true);

        tsr_context_profile(self.f.context, &before);
        int64_t start_ns = self.now_ns;
        write_all(&self);
        tsr_context_profile(self.f.context, &after);
        /* A flush of this store is none: the chunk loop is the whole operation. */
        assert_int_equal(sum_of_phases(&after) - sum_of_phases(&before),
                         self.now_ns - start_ns - 1);
        assert_true(after.put_ns > before.put_ns);

        start_ns = self.now_ns;
        before = after;
        good(tsr_array_read(self.array, NULL, NULL, NULL, found, sizeof found, NULL, &self.f.err),
             &self.f.err);
        tsr_context_profile(self.f.context, &after);
        assert_memory_equal(found, self.values, sizeof found);
        assert_true(after.fetch_ns > before.fetch_ns && after.copy_ns > before.copy_ns);
        assert_true((after.decode_ns > before.decode_ns) == (strcmp(rows[i].name, "raw") != 0));
        assert_int_equal(sum_of_phases(&after) - sum_of_phases(&before),
                         self.now_ns - start_ns - 1);
        subject_close(&self);
    }
}

static void a_sink_is_charged_with_its_own_time_alone(void **state)
{
    (void)state;
    subject self;
    tsr_profile before, after;
    subject_open(&self, &rows[0], 1, true);
    write_all(&self);

    tsr_context_profile(self.f.context, &before);
    int64_t start_ns = self.now_ns;
    good(tsr_array_read_sink(self.array, NULL, read_again, &self, NULL, &self.f.err), &self.f.err);
    tsr_context_profile(self.f.context, &after);
    assert_int_equal(after.reads - before.reads, 1 + 9);
    assert_int_equal(sum_of_phases(&after) - sum_of_phases(&before), self.now_ns - start_ns - 1);
    /* Nine pieces of 1000 each, a tick for entering and one for leaving the read within, and one
     * for the end: what that read takes is charged elsewhere. */
    assert_in_range(after.caller_ns - before.caller_ns, 9000, 9000 + 9 * 4);
    subject_close(&self);
}

static void counters_say_what_was_moved(void **state)
{
    (void)state;
    /* Chunks (inner chunks) of the whole array, and whether they are decoded at all. */
    static const struct {
        int64_t chunks, chunk_bytes;
        bool decoded;
    } known[] = {{9, 320, true}, {9, 320, false}, {36, 80, true}};

    for (int at_once = 0; at_once < 2; at_once++) {
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            subject self;
            tsr_profile before, after;
            int32_t found[COUNT];
            subject_open(&self, &rows[i], 3, at_once);
            tsr_context_profile(self.f.context, &before);
            write_all(&self);
            tsr_context_profile(self.f.context, &after);
            assert_int_equal(after.writes - before.writes, 1);
            assert_int_equal(after.written_bytes - before.written_bytes, sizeof self.values);
            /* The store in memory below this one belongs to the same context, and counts, too. */
            assert_int_equal(after.puts - before.puts, 2 * 9);
            assert_int_equal(after.encoded_chunks - before.encoded_chunks, known[i].chunks);
            assert_int_equal(after.encoded_bytes - before.encoded_bytes,
                             known[i].chunks * known[i].chunk_bytes);

            slow_store_reset(self.slow);
            before = after;
            good(tsr_array_read(self.array, NULL, NULL, NULL, found, sizeof found, NULL,
                                &self.f.err),
                 &self.f.err);
            tsr_context_profile(self.f.context, &after);
            slow_store_counts counts = slow_store_stats(self.slow);
            assert_int_equal(after.reads - before.reads, 1);
            assert_int_equal(after.read_bytes - before.read_bytes, sizeof found);
            assert_int_equal(after.fetched_bytes - before.fetched_bytes, counts.answered_bytes);
            assert_int_equal(after.requests - before.requests, 2 * counts.requests);
            assert_int_equal(after.decoded_chunks - before.decoded_chunks,
                             known[i].decoded ? known[i].chunks : 0);
            assert_int_equal(after.decoded_bytes - before.decoded_bytes,
                             known[i].decoded ? known[i].chunks * known[i].chunk_bytes : 0);
            subject_close(&self);
        }
    }
}

static void a_failed_read_is_left_in_no_phase(void **state)
{
    (void)state;
    subject self;
    tsr_profile before, after;
    int32_t found[COUNT];
    subject_open(&self, &rows[2], 1, true);
    write_all(&self);
    put_bytes(&self.f, self.slow->below, "a/c/1/1", "short", 5);
    assert_int_equal(
        tsr_array_read(self.array, NULL, NULL, NULL, found, sizeof found, NULL, &self.f.err),
        TSR_DAMAGED);
    tsr_context_profile(self.f.context, &before);
    self.now_ns += 100000; /* between operations */
    assert_int_equal(
        tsr_array_read(self.array, NULL, NULL, NULL, found, sizeof found, NULL, &self.f.err),
        TSR_DAMAGED);
    tsr_context_profile(self.f.context, &after);
    assert_in_range(sum_of_phases(&after) - sum_of_phases(&before), 1, 99999);
    subject_close(&self);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(phases_of_one_thread_add_up),
        cmocka_unit_test(a_sink_is_charged_with_its_own_time_alone),
        cmocka_unit_test(counters_say_what_was_moved),
        cmocka_unit_test(a_failed_read_is_left_in_no_phase),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
