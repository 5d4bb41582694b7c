/* Proves of parity that is added to a shard about to be put: it covers the very bytes that will lie
 * in the shard, wherever they come from, it lies where docs/format/parity.md says, and a present
 * value that changed meanwhile is noticed. The bytes of a section: test_parity.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "array/parity_put.h"
#include "unit/array/array_testing.h"

enum { BLOCK = 512, INDEX = 68, FRESH = 700, RANGE = (1 << 20) + 333, PRESENT = RANGE + 4000 };
static const tsri_parity_strength strength = {4, 2};

typedef struct subject {
    fixture f;
    unsigned char *present, fresh[FRESH], index[INDEX];
    tsr_generation generation;
    tsr_segment segments[3 + TSRI_PARITY_SEGMENTS];
    size_t count;
} subject;

static void put_present(subject *self)
{
    tsr_put_request request = {.key = "s",
                               .segments =
                                   &(tsr_segment){.bytes = self->present, .size_bytes = PRESENT},
                               .segment_count = 1,
                               .durability = TSR_DURABILITY_NONE,
                               .err = &self->f.err};
    good(tsr_store_put_many(self->f.store, &request, 1, NULL), &self->f.err);
    self->generation = request.generation;
}

/* New bytes, a range of the present value that takes more than one piece, and the index. */
static void subject_begin(subject *self, bool index_at_start)
{
    memset(self, 0, sizeof *self);
    fixture_open(&self->f, "memory:");
    self->present = malloc(PRESENT);
    for (int i = 0; i < PRESENT; i++)
        self->present[i] = (unsigned char)(i * 7 + i / 251);
    for (int i = 0; i < FRESH; i++)
        self->fresh[i] = (unsigned char)(i * 3 + 1);
    memset(self->index, 0xee, sizeof self->index);
    put_present(self);
    tsr_segment *to = self->segments;
    if (index_at_start)
        *to++ = (tsr_segment){.bytes = self->index, .size_bytes = INDEX};
    *to++ = (tsr_segment){.bytes = self->fresh, .size_bytes = FRESH};
    *to++ = (tsr_segment){.offset = 1000, .size_bytes = RANGE};
    if (!index_at_start)
        *to++ = (tsr_segment){.bytes = self->index, .size_bytes = INDEX};
    self->count = (size_t)(to - self->segments);
}

static void subject_end(subject *self)
{
    free(self->present);
    fixture_close(&self->f);
}

/* What a store makes of the segments. */
static unsigned char *assemble(const subject *self, size_t *ret_size)
{
    unsigned char *shard = malloc(2 * PRESENT);
    size_t size = 0;
    for (size_t i = 0; i < self->count; i++) {
        const tsr_segment *segment = &self->segments[i];
        const unsigned char *from =
            segment->bytes ? segment->bytes : self->present + segment->offset;
        assert_true(size + segment->size_bytes <= 2 * PRESENT);
        memcpy(shard + size, from, (size_t)segment->size_bytes);
        size += (size_t)segment->size_bytes;
    }
    *ret_size = size;
    return shard;
}

/* The section of the assembled shard, made of its covered bytes in one piece. */
static void expect_section(const unsigned char *shard, size_t size, const unsigned char *index,
                           size_t before, size_t after)
{
    tsri_parity_shape shape;
    tsri_parity_encoder encoder;
    assert_int_equal(tsri_parity_shape_init(&shape, strength, before, INDEX, after == 0, NULL), 0);
    assert_int_equal(shape.before_bytes, before);
    assert_int_equal(shape.shard_bytes, size);
    assert_int_equal(tsri_parity_encoder_init(&encoder, &shape, NULL), 0);
    tsri_parity_encoder_feed(&encoder, shard, before);
    tsri_parity_encoder_feed(&encoder, shard + size - after, after);
    tsri_parity_encoder_finish(&encoder, index);
    assert_memory_equal(shard + before, encoder.section, (size_t)shape.section_bytes);
    tsri_parity_encoder_clear(&encoder);
}

static void what_is_covered_is_what_is_put(void **state)
{
    (void)state;
    for (int at_start = 0; at_start < 2; at_start++) {
        subject self;
        tsri_parity_encoder encoder;
        size_t size, end = FRESH + RANGE + (at_start ? INDEX : 0);
        subject_begin(&self, at_start);
        const tsri_parity_source source = {self.f.store, "s", &self.generation};
        size_t given = self.count;
        good(tsri_parity_put(strength, NULL, &source, at_start, self.segments, &self.count,
                             &encoder, &self.f.err),
             &self.f.err);
        assert_true(self.count <= given + TSRI_PARITY_SEGMENTS);
        unsigned char *shard = assemble(&self, &size);
        size_t before = (end + 4095) / 4096 * 4096; /* blocks of 4096 from 1 MiB on */
        for (size_t i = end; i < before; i++)
            assert_int_equal(shard[i], 0);
        assert_memory_equal(shard + before, "TSRparit", 8);
        if (!at_start)
            assert_memory_equal(shard + size - INDEX, self.index, INDEX);
        expect_section(shard, size, self.index, before, at_start ? 0 : INDEX);
        free(shard);
        tsri_parity_encoder_clear(&encoder);
        subject_end(&self);
    }
}

/* Inner chunks that end with a block need no padding. */
static void full_blocks_are_not_filled_up(void **state)
{
    (void)state;
    subject self;
    tsri_parity_encoder encoder;
    size_t size;
    subject_begin(&self, false);
    self.segments[0].size_bytes = 100;
    self.segments[1].size_bytes = 2 * BLOCK - 100;
    const tsri_parity_source source = {self.f.store, "s", NULL};
    good(tsri_parity_put(strength, NULL, &source, false, self.segments, &self.count, &encoder,
                         &self.f.err),
         &self.f.err);
    assert_int_equal(self.count, 4);
    unsigned char *shard = assemble(&self, &size);
    expect_section(shard, size, self.index, 2 * BLOCK, INDEX);
    free(shard);
    tsri_parity_encoder_clear(&encoder);
    subject_end(&self);
}

static void a_value_that_changed_is_noticed(void **state)
{
    (void)state;
    subject self;
    tsri_parity_encoder encoder;
    subject_begin(&self, false);
    const tsr_generation before = self.generation;
    const tsri_parity_source source = {self.f.store, "s", &before};
    self.present[0]++;
    put_present(&self);
    size_t count = self.count;
    assert_int_equal(tsri_parity_put(strength, NULL, &source, false, self.segments, &count,
                                     &encoder, &self.f.err),
                     TSR_CONFLICT);
    assert_int_equal(count, self.count);
    self.segments[1].offset = PRESENT;
    const tsri_parity_source any = {self.f.store, "s", NULL};
    assert_int_equal(
        tsri_parity_put(strength, NULL, &any, false, self.segments, &count, &encoder, &self.f.err),
        TSR_OUT_OF_BOUNDS);
    subject_end(&self);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_covered_is_what_is_put),
        cmocka_unit_test(full_blocks_are_not_filled_up),
        cmocka_unit_test(a_value_that_changed_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
