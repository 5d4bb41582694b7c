/* Proves of plans of new shards: which segments they have, joined where ranges lie side by side,
 * and what is reason enough to make a shard anew. What is published of them: test_maintenance.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "array/rebuild.h"
#include "unit/array/array_testing.h"

#define LITTLE "{\"name\":\"bytes\",\"configuration\":{\"endian\":\"little\"}}"
#define CRC "{\"name\":\"crc32c\"}"
#define SHARD(shape, codecs, location)                                          \
    "{\"name\":\"sharding_indexed\",\"configuration\":{\"chunk_shape\":[" shape \
    "],\"codecs\":[" codecs "],\"index_codecs\":[" LITTLE "," CRC               \
    "],\"index_location\":\"" location "\"}}"

enum { STORED = 6, INDEX = 68, GAP = 10, SHARD_BYTES = 3 * STORED + GAP + INDEX };

typedef struct subject {
    tsr_array *array;
    tsri_task_group watch;
    tsri_examiner examiner;
    tsr_extent extent;
    tsri_cell_place place;
    tsri_rebuild rebuild;
    bool changed;
    uint64_t size;
} subject;

/* Chunks 0 and 1 side by side, ten bytes of nobody, and chunk 2; chunk 3 is missing. The index
 * stands first, or last. */
static void hand_made_shard(unsigned char *bytes, bool at_start)
{
    uint64_t start = at_start ? INDEX : 0, none = UINT64_MAX;
    const uint64_t words[] = {
        start, STORED, start + STORED, STORED, start + 2 * STORED + GAP, STORED, none, none};
    memset(bytes, 0, SHARD_BYTES);
    for (size_t i = 0; i < 3; i++) {
        unsigned char *to = bytes + words[2 * i];
        to[0] = to[1] = (unsigned char)(i + 1);
        append_crc32c(to, 2);
    }
    hand_made_index(bytes + (at_start ? 0 : 3 * STORED + GAP), words, 4);
}

static void subject_open(fixture *f, subject *self, bool at_start, int hurt,
                         tsri_rebuild_purpose purpose)
{
    static const int64_t origin[TSR_RANK_MAX];
    const array_row row = {.rank = 1,
                           .shape = {8},
                           .chunk = {8},
                           .codecs = at_start ? "[" SHARD("2", LITTLE "," CRC, "start") "]"
                                              : "[" SHARD("2", LITTLE "," CRC, "end") "]"};
    unsigned char bytes[SHARD_BYTES];
    *self = (subject){.array = array_new(f, f->store, "a", &row, TSR_UINT8, NULL)};
    hand_made_shard(bytes, at_start);
    if (hurt >= 0)
        bytes[hurt] ^= 1;
    put_bytes(f, f->store, "a/c/0", bytes, sizeof bytes);
    good(tsri_group_init(&self->watch, f->context, NULL, NULL, &f->err), &f->err);
    tsri_examiner_init(&self->examiner, self->array, &self->watch);
    self->examiner.data = self->examiner.trusts_checksums = purpose == TSRI_REBUILD_REPAIR;
    good(tsri_array_locate(self->array, origin, &self->extent, &f->err), &f->err);
    tsri_cell_place_init(&self->place, self->array->grid, 1, origin);
    self->rebuild =
        (tsri_rebuild){.purpose = purpose, .examiner = &self->examiner, .extent = &self->extent};
}

static int plan(fixture *f, subject *self)
{
    return tsri_rebuild_plan(&self->rebuild, self->array->prepared, SHARD_BYTES, &self->place,
                             &self->changed, &self->size, &f->err);
}

static void subject_close(fixture *f, subject *self)
{
    tsri_rebuild_clear(&self->rebuild);
    good(tsri_group_wait(&self->watch, &f->err), &f->err);
    tsr_array_close(self->array);
    good(tsr_store_erase_prefix(f->store, "a/", NULL, &f->err), &f->err);
}

static void expect_range(const tsr_segment *segment, uint64_t offset, uint64_t size)
{
    assert_null(segment->bytes);
    assert_int_equal(segment->offset, offset);
    assert_int_equal(segment->size_bytes, size);
}

static void neighbours_are_moved_as_one(void **state)
{
    fixture *f = *state;
    for (int at_start = 0; at_start < 2; at_start++) {
        unsigned char index[INDEX];
        subject self;
        uint64_t start = at_start ? INDEX : 0, none = UINT64_MAX;
        subject_open(f, &self, at_start, -1, TSRI_REBUILD_COMPACT);
        good(plan(f, &self), &f->err);
        assert_true(self.changed);
        assert_int_equal(self.size, 3 * STORED + INDEX);
        assert_int_equal(self.rebuild.kept_chunks, 3);
        assert_int_equal(self.rebuild.segment_count, 3);
        const tsr_segment *chunks = self.rebuild.segments + at_start;
        expect_range(&chunks[0], start, 2 * STORED);
        expect_range(&chunks[1], start + 2 * STORED + GAP, STORED);
        const uint64_t words[] = {start, STORED, start + STORED, STORED, start + 2 * STORED, STORED,
                                  none,  none};
        const tsr_segment *found = &self.rebuild.segments[at_start ? 0 : 2];
        assert_int_equal(found->size_bytes, hand_made_index(index, words, 4));
        assert_memory_equal(found->bytes, index, INDEX);
        subject_close(f, &self);
    }
}

/* Bytes of parity are not dead, and a shard may be made anew for other reasons. */
static void what_is_reason_enough(void **state)
{
    static const struct {
        tsri_rebuild_purpose purpose;
        uint64_t parity_bytes;
        bool renews, changed;
    } rows[] = {
        {TSRI_REBUILD_COMPACT, 0, false, true},    {TSRI_REBUILD_COMPACT, GAP - 1, false, true},
        {TSRI_REBUILD_COMPACT, GAP, false, false}, {TSRI_REBUILD_COMPACT, GAP, true, true},
        {TSRI_REBUILD_REPAIR, 0, false, false}, /* dead bytes are no damage */
    };
    fixture *f = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        subject self;
        subject_open(f, &self, false, -1, rows[i].purpose);
        self.rebuild.parity_bytes = rows[i].parity_bytes;
        self.rebuild.renews = rows[i].renews;
        good(plan(f, &self), &f->err);
        assert_int_equal(self.changed, rows[i].changed);
        subject_close(f, &self);
    }
}

static int count_lost(void *user, const tsr_chunk_info *info)
{
    int *count = user;
    assert_int_equal(info->level, 1);
    assert_int_equal(info->index[0], 1);
    return ++*count > 1 ? 7 : 0;
}

static void damage_goes_and_is_told(void **state)
{
    fixture *f = *state;
    subject self;
    int count = 0;
    subject_open(f, &self, false, STORED, TSRI_REBUILD_REPAIR);
    self.rebuild.lost = count_lost;
    self.rebuild.user = &count;
    good(plan(f, &self), &f->err);
    assert_true(self.changed);
    assert_int_equal(self.size, 2 * STORED + INDEX);
    assert_int_equal(self.rebuild.lost_chunks, 1);
    assert_int_equal(self.rebuild.kept_chunks, 2);
    assert_int_equal(self.rebuild.segment_count, 3);
    expect_range(&self.rebuild.segments[0], 0, STORED);
    expect_range(&self.rebuild.segments[1], 2 * STORED + GAP, STORED);
    tsri_rebuild_clear(&self.rebuild);
    good(plan(f, &self), &f->err); /* whoever is told may end it */
    assert_int_equal(self.rebuild.stopped, 7);
    subject_close(f, &self);
    /* A compaction moves bytes without looking at them, and refuses entries that cannot be. */
    subject_open(f, &self, false, STORED, TSRI_REBUILD_COMPACT);
    good(plan(f, &self), &f->err);
    assert_int_equal(self.size, 3 * STORED + INDEX);
    subject_close(f, &self);
}

static void nothing_is_left_of_a_shard_without_an_index(void **state)
{
    fixture *f = *state;
    subject self;
    subject_open(f, &self, false, SHARD_BYTES - INDEX, TSRI_REBUILD_REPAIR);
    unsigned char bytes[SHARD_BYTES];
    hand_made_shard(bytes, false);
    memset(bytes + SHARD_BYTES - INDEX, 0x5a, 8);
    put_bytes(f, f->store, "a/c/0", bytes, sizeof bytes);
    good(plan(f, &self), &f->err);
    assert_true(self.changed);
    assert_int_equal(self.size, 0);
    assert_int_equal(self.rebuild.lost_chunks, 1);
    subject_close(f, &self);
    subject_open(f, &self, false, SHARD_BYTES - INDEX, TSRI_REBUILD_COMPACT);
    assert_int_equal(plan(f, &self), TSR_DAMAGED);
    tsr_error_clear(&f->err);
    subject_close(f, &self);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(neighbours_are_moved_as_one),
        FIXTURE_TEST(what_is_reason_enough),
        FIXTURE_TEST(damage_goes_and_is_told),
        FIXTURE_TEST(nothing_is_left_of_a_shard_without_an_index),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
