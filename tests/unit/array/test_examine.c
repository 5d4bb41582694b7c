/* Proves of what walks, repairs and compactions stand on: which answers of a store are findings and
 * which are failures; sizes, entries and bytes of hand-made shards judged one by one; where an
 * inner chunk lies in the array; the rate of fetching. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "array/examine.h"
#include "support/faulty_system.h"
#include "unit/array/array_testing.h"

#define LITTLE "{\"name\":\"bytes\",\"configuration\":{\"endian\":\"little\"}}"
#define CRC "{\"name\":\"crc32c\"}"
#define SHARD(shape, codecs)                                                    \
    "{\"name\":\"sharding_indexed\",\"configuration\":{\"chunk_shape\":[" shape \
    "],\"codecs\":[" codecs "],\"index_codecs\":[" LITTLE "," CRC "]}}"

enum { STORED = 6, INDEX = 68, SHARD_BYTES = 3 * STORED + INDEX };

/* Four inner chunks of two bytes with a checksum. */
static const array_row four = {
    .rank = 1, .shape = {8}, .chunk = {8}, .codecs = "[" SHARD("2", LITTLE "," CRC) "]"};

typedef struct subject {
    tsr_array *array;
    tsri_task_group watch;
    tsri_examiner examiner;
    tsr_extent extent;
} subject;

static void subject_open(fixture *f, subject *self, const array_row *row)
{
    static const int64_t origin[TSR_RANK_MAX];
    self->array = array_new(f, f->store, "a", row, TSR_UINT8, NULL);
    good(tsri_group_init(&self->watch, f->context, NULL, NULL, &f->err), &f->err);
    tsri_examiner_init(&self->examiner, self->array, &self->watch);
    good(tsri_array_locate(self->array, origin, &self->extent, &f->err), &f->err);
}

static void subject_close(fixture *f, subject *self)
{
    good(tsri_group_wait(&self->watch, &f->err), &f->err);
    tsr_array_close(self->array);
}

static tsri_finding examine(fixture *f, subject *self)
{
    tsri_finding found = {0};
    good(tsri_examine_chunk(&self->examiner, self->array->prepared, &self->extent, &found, NULL,
                            &f->err),
         &f->err);
    return found;
}

static void some_answers_are_findings_and_others_failures(void **state)
{
    static const struct {
        int status;
        bool unreadable; /* asked for */
        int returned;
        tsr_chunk_state state;
    } rows[] = {
        {TSR_NOT_FOUND, false, 0, TSR_CHUNK_MISSING},
        {TSR_DAMAGED, false, 0, TSR_CHUNK_DAMAGED},
        {TSR_OUT_OF_BOUNDS, false, 0, TSR_CHUNK_DAMAGED},
        {TSR_IO, false, TSR_IO, TSR_CHUNK_STORED},
        {TSR_LIMIT, false, TSR_LIMIT, TSR_CHUNK_STORED},
        {TSR_PERMISSION, false, TSR_PERMISSION, TSR_CHUNK_STORED},
        {TSR_NOT_FOUND, true, 0, TSR_CHUNK_MISSING},
        {TSR_DAMAGED, true, 0, TSR_CHUNK_DAMAGED},
        {TSR_IO, true, 0, TSR_CHUNK_UNREADABLE},
        {TSR_PERMISSION, true, 0, TSR_CHUNK_UNREADABLE},
        {TSR_UNREACHABLE, true, TSR_UNREACHABLE, TSR_CHUNK_STORED},
        {TSR_NO_MEMORY, true, TSR_NO_MEMORY, TSR_CHUNK_STORED},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tsri_finding found = {.state = TSR_CHUNK_STORED};
        tsr_error err = TSR_ERROR_INIT;
        tsr_error_set(&err, rows[i].status, "what happened");
        tsri_examiner examiner = {.unreadable = rows[i].unreadable};
        assert_int_equal(tsri_finding_judge(&found, &examiner, rows[i].status, &err),
                         rows[i].returned);
        assert_int_equal(found.state, rows[i].state);
        assert_int_equal(err.status, rows[i].returned); /* a finding takes the error along */
        if (rows[i].state == TSR_CHUNK_DAMAGED || rows[i].state == TSR_CHUNK_UNREADABLE) {
            assert_int_equal(found.error->status,
                             rows[i].unreadable ? rows[i].status : TSR_DAMAGED);
            assert_string_equal(found.error->message, "what happened");
        } else {
            assert_null(found.error);
        }
        tsri_finding_clear(&found);
    }
}

static void sizes_are_judged_before_bytes_are_fetched(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *codecs;
        size_t size;
        tsr_chunk_state state;
    } rows[] = {
        {"[" LITTLE "," CRC "]", 12, TSR_CHUNK_STORED},
        {"[" LITTLE "," CRC "]", 11, TSR_CHUNK_DAMAGED},
        {"[" LITTLE "," CRC "]", 13, TSR_CHUNK_DAMAGED},
        {"[" LITTLE "]", 8, TSR_CHUNK_STORED},
        {"[" LITTLE "]", 1 << 20, TSR_CHUNK_DAMAGED},
        {"[" LITTLE ",{\"name\":\"zstd\",\"configuration\":{\"level\":1,\"checksum\":false}}]",
         1 << 20, TSR_CHUNK_STORED}, /* more than ours, and foreign encoders may be less tight */
        {"[" LITTLE ",{\"name\":\"zstd\",\"configuration\":{\"level\":1,\"checksum\":false}}]",
         3 << 20, TSR_CHUNK_DAMAGED},
    };
    unsigned char *bytes = calloc(1, 4 << 20);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const array_row row = {.rank = 1, .shape = {8}, .chunk = {8}, .codecs = rows[i].codecs};
        subject self;
        subject_open(f, &self, &row);
        assert_int_equal(examine(f, &self).state, TSR_CHUNK_MISSING);
        put_bytes(f, f->store, "a/c/0", bytes, rows[i].size);
        tsri_finding found = examine(f, &self);
        assert_int_equal(found.state, rows[i].state);
        assert_int_equal(found.size_bytes, rows[i].size);
        assert_int_equal(self.examiner.fetched_bytes, 0);
        tsri_finding_clear(&found);
        subject_close(f, &self);
        good(tsr_store_erase_prefix(f->store, "a/", NULL, &f->err), &f->err);
    }
    free(bytes);
}

/* Chunks 0, 1 and 3, of which 3 overlaps 1 by a byte; chunk 2 is missing. */
static void hand_made_shard(unsigned char *bytes)
{
    const uint64_t none = UINT64_MAX,
                   words[] = {0, STORED, STORED, STORED, none, none, 2 * STORED - 1, STORED};
    memset(bytes, 0, SHARD_BYTES);
    for (int i = 0; i < 2; i++) {
        bytes[STORED * i] = bytes[STORED * i + 1] = (unsigned char)(i + 1);
        append_crc32c(bytes + STORED * i, 2);
    }
    hand_made_index(bytes + 3 * STORED, words, 4);
}

static void expect_states(fixture *f, subject *self, bool data, bool trusts,
                          const tsr_chunk_state expected[4])
{
    tsri_shard_survey survey;
    self->examiner.data = data;
    self->examiner.trusts_checksums = trusts;
    good(tsri_shard_survey_init(&survey, &self->examiner, self->array->prepared, &self->extent, 0,
                                SHARD_BYTES, false, &f->err),
         &f->err);
    good(tsri_shard_survey_entries(&survey, &self->examiner, &f->err), &f->err);
    for (int i = 0; i < 4; i++)
        assert_int_equal(survey.findings[i].state, expected[i]);
    assert_int_equal(survey.layout.overlapping, 2);
    assert_int_equal(survey.layout.end_bytes, 3 * STORED - 1);
    assert_int_equal(survey.layout.dead_bytes, 1);
    tsri_shard_survey_clear(&survey);
}

static void entries_are_judged_by_place_and_by_bytes(void **state)
{
    fixture *f = *state;
    const tsr_chunk_state stored = TSR_CHUNK_STORED, missing = TSR_CHUNK_MISSING,
                          damaged = TSR_CHUNK_DAMAGED;
    const tsr_chunk_state by_place[] = {stored, damaged, missing, damaged};
    const tsr_chunk_state by_bytes[] = {stored, stored, missing, damaged};
    unsigned char bytes[SHARD_BYTES];
    subject self;
    subject_open(f, &self, &four);
    hand_made_shard(bytes);
    put_bytes(f, f->store, "a/c/0", bytes, sizeof bytes);
    expect_states(f, &self, false, false, by_place);
    expect_states(f, &self, true, false, by_place);
    expect_states(f, &self, true, true, by_bytes); /* the checksum tells which of two is right */
    subject_close(f, &self);
}

static void an_index_is_corrected_only_on_request(void **state)
{
    fixture *f = *state;
    unsigned char bytes[SHARD_BYTES];
    tsri_shard_survey survey;
    subject self;
    subject_open(f, &self, &four);
    hand_made_shard(bytes);
    bytes[3 * STORED + 17] ^= 4;
    put_bytes(f, f->store, "a/c/0", bytes, sizeof bytes);
    assert_int_equal(tsri_shard_survey_init(&survey, &self.examiner, self.array->prepared,
                                            &self.extent, 0, SHARD_BYTES, false, &f->err),
                     TSR_DAMAGED);
    tsr_error_clear(&f->err);
    good(tsri_shard_survey_init(&survey, &self.examiner, self.array->prepared, &self.extent, 0,
                                SHARD_BYTES, true, &f->err),
         &f->err);
    assert_true(survey.index_corrected);
    assert_int_equal(survey.entries[1].offset, STORED);
    tsri_shard_survey_clear(&survey);
    assert_int_equal(tsri_shard_survey_init(&survey, &self.examiner, self.array->prepared,
                                            &self.extent, 0, INDEX - 1, true, &f->err),
                     TSR_DAMAGED); /* shorter than its index */
    tsr_error_clear(&f->err);
    subject_close(f, &self);
}

/* Axes that the chain turns: inner chunk 1 of the encoded axes is the next one along axis 0. */
static void inner_chunks_have_their_place_in_the_array(void **state)
{
    fixture *f = *state;
    const array_row row = {
        .rank = 2,
        .shape = {12, 8},
        .chunk = {6, 4},
        .codecs = "[{\"name\":\"transpose\",\"configuration\":{\"order\":[1,0]}}," SHARD(
            "2,3", LITTLE) "]"};
    const int64_t chunk[] = {1, 1};
    tsri_cell_place shard, inner;
    subject self;
    subject_open(f, &self, &row);
    tsri_cell_place_init(&shard, self.array->grid, 2, chunk);
    assert_int_equal(shard.origin[0], 6);
    assert_int_equal(shard.origin[1], 4);
    tsri_cell_place_inner(&shard, self.array->prepared, 1, &inner);
    assert_int_equal(inner.origin[0], 9);
    assert_int_equal(inner.origin[1], 4);
    assert_int_equal(inner.index[0], 3);
    assert_int_equal(inner.index[1], 2);
    tsri_cell_place_inner(&shard, self.array->prepared, 2, &inner);
    assert_int_equal(inner.origin[0], 6);
    assert_int_equal(inner.origin[1], 6);
    subject_close(f, &self);
}

/* A second of the clock for each thousand bytes, of which none is waited for here. */
static void fetching_keeps_the_rate(void **state)
{
    (void)state;
    faulty_system faulty;
    tsr_context_options options;
    fixture f = {.err = TSR_ERROR_INIT};
    tsr_get_request request;
    subject self;
    faulty_system_init(&faulty, NULL);
    faulty.sleep_is_free = true;
    tsr_context_options_init(&options);
    options.system = &faulty.system;
    good(tsr_context_new(&options, &f.context, &f.err), &f.err);
    good(tsr_store_open(f.context, "memory:", &f.store, &f.err), &f.err);
    subject_open(&f, &self, &four);
    unsigned char bytes[5000] = {0};
    put_bytes(&f, f.store, "a/c/0", bytes, sizeof bytes);
    self.examiner.rate_bytes = 1000;
    int64_t start = faulty.system.monotonic_ns(&faulty.system);
    good(tsri_examine_fetch(&self.examiner, &self.extent, (tsr_range){TSR_RANGE_WHOLE, 0, 0},
                            &request, &f.err),
         &f.err);
    tsr_blob_unref(request.blob);
    int64_t passed_ms = (faulty.system.monotonic_ns(&faulty.system) - start) / 1000000;
    assert_true(passed_ms >= 4900);
    assert_int_equal(self.examiner.fetched_bytes, 5000);
    subject_close(&f, &self);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(some_answers_are_findings_and_others_failures),
        FIXTURE_TEST(sizes_are_judged_before_bytes_are_fetched),
        FIXTURE_TEST(entries_are_judged_by_place_and_by_bytes),
        FIXTURE_TEST(an_index_is_corrected_only_on_request),
        FIXTURE_TEST(inner_chunks_have_their_place_in_the_array),
        cmocka_unit_test(fetching_keeps_the_rate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
