/* Proves of targets: which elements go where, restricted, turned and run backwards; what sinks are
 * given. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "array/target.h"
#include "exec/pool.h"
#include "unit/array/array_testing.h"

static const int64_t shape[] = {6, 10};

typedef struct bench {
    fixture f;
    tsr_array *array;
    tsri_read read;
} bench;

static int bench_set_up(void **state)
{
    static const array_row row = {
        .name = "plain", .rank = 2, .shape = {6, 10}, .chunk = {6, 10}, .codec = "none"};
    static const int16_t nothing = -9;
    bench *self = calloc(1, sizeof *self);
    fixture_open(&self->f, "memory:");
    self->array = array_new(&self->f, self->f.store, "a", &row, TSR_INT16, &nothing);
    self->read = (tsri_read){.array = self->array};
    *state = self;
    return 0;
}

static int bench_tear_down(void **state)
{
    bench *self = *state;
    tsr_array_close(self->array);
    fixture_close(&self->f);
    free(self);
    return 0;
}

/* A chunk of the whole array, whose element (y, x) is 100 y + x. */
static void make_chunk(int16_t *values, tsr_view *ret_chunk)
{
    for (int i = 0; i < 60; i++)
        values[i] = (int16_t)(i / 10 * 100 + i % 10);
    assert_int_equal(tsr_view_init(ret_chunk, TSR_INT16, 2, shape, values, NULL), 0);
}

static void backwards_is_a_negative_stride(void **state)
{
    bench *self = *state;
    int16_t values[60], out[12];
    tsr_view chunk, view;
    tsri_target target;
    const int64_t out_shape[] = {3, 4};
    make_chunk(values, &chunk);
    assert_int_equal(tsr_index_parse(&self->read.index, "5::-2, 8:0:-2", 2, shape, NULL), 0);
    assert_int_equal(tsr_view_init(&view, TSR_INT16, 2, out_shape, out, NULL), 0);
    self->read.view = &view;
    tsri_target_init(&target, &self->read);
    assert_int_equal(target.axes[0].start, 1);
    assert_int_equal(target.axes[0].step, 2);
    assert_int_equal(target.axes[0].stride, -8);
    assert_int_equal(target.axes[1].start, 2);
    assert_ptr_equal(target.data, &out[11]);
    assert_int_equal(tsri_target_deliver(&target, &chunk, false, NULL, NULL), 0);
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 4; j++)
            assert_int_equal(out[i * 4 + j], (5 - 2 * i) * 100 + 8 - 2 * j);
    assert_int_equal(tsri_target_bytes(&target), 24);
}

static void restricting_counts_from_the_box(void **state)
{
    bench *self = *state;
    int16_t out[20] = {0};
    tsr_view view;
    tsri_target whole, part;
    const int64_t out_shape[] = {4, 5};
    assert_int_equal(tsr_index_parse(&self->read.index, "1:5, ::2", 2, shape, NULL), 0);
    assert_int_equal(tsr_view_init(&view, TSR_INT16, 2, out_shape, out, NULL), 0);
    self->read.view = &view;
    tsri_target_init(&whole, &self->read);
    /* Rows 2..3, columns 3..7, of which 4 and 6 are wanted. */
    assert_true(
        tsri_target_restrict(&whole, (const int64_t[]){2, 3}, (const int64_t[]){2, 5}, &part));
    assert_int_equal(part.axes[0].start, 0);
    assert_int_equal(part.axes[0].count, 2);
    assert_int_equal(part.axes[0].first, 1);
    assert_int_equal(part.axes[1].start, 1);
    assert_int_equal(part.axes[1].count, 2);
    assert_int_equal(part.axes[1].first, 2);
    assert_ptr_equal(part.data, &out[1 * 5 + 2]);
    assert_int_equal(tsri_target_count(&part), 4);
    /* Between two steps, before and behind there is nothing. */
    assert_false(
        tsri_target_restrict(&whole, (const int64_t[]){2, 3}, (const int64_t[]){2, 1}, &part));
    assert_false(
        tsri_target_restrict(&whole, (const int64_t[]){0, 0}, (const int64_t[]){1, 10}, &part));
    assert_false(
        tsri_target_restrict(&whole, (const int64_t[]){5, 0}, (const int64_t[]){1, 10}, &part));
}

static void permuting_renames_axes(void **state)
{
    bench *self = *state;
    tsr_view view;
    int16_t out[60];
    tsri_target target;
    tsr_index_all(&self->read.index, 2, shape);
    assert_int_equal(tsr_view_init(&view, TSR_INT16, 2, shape, out, NULL), 0);
    self->read.view = &view;
    tsri_target_init(&target, &self->read);
    const int64_t strides[] = {20, 2}, turned_strides[] = {2, 20}, turned[] = {10, 6};
    assert_true(tsri_target_is_direct(&target, shape, strides));
    tsri_target_permute(&target, (const int[]){1, 0});
    assert_int_equal(target.axes[0].count, 10);
    assert_int_equal(target.axes[0].array_axis, 1);
    assert_true(tsri_target_is_direct(&target, turned, turned_strides));
    assert_false(tsri_target_is_direct(&target, turned, strides));
}

static void swapped_and_other_types_are_converted(void **state)
{
    bench *self = *state;
    int16_t values[60];
    double out[60];
    tsr_view chunk, view;
    tsri_target target;
    tsr_codec_scratch *scratch;
    assert_int_equal(tsr_codec_scratch_new(&scratch, NULL), 0);
    make_chunk(values, &chunk);
    for (int i = 0; i < 60; i++)
        values[i] = (int16_t)__builtin_bswap16((uint16_t)values[i]);
    tsr_index_all(&self->read.index, 2, shape);
    assert_int_equal(tsr_view_init(&view, TSR_FLOAT64, 2, shape, out, NULL), 0);
    self->read.view = &view;
    self->read.casting = TSR_CASTING_SAFE;
    tsri_target_init(&target, &self->read);
    assert_int_equal(tsri_target_deliver(&target, &chunk, true, scratch, NULL), 0);
    for (int i = 0; i < 60; i++)
        assert_true(out[i] == i / 10 * 100 + i % 10);
    assert_int_equal(tsri_target_deliver_fill(&target, NULL), 0);
    assert_true(out[0] == -9 && out[59] == -9);
    tsr_codec_scratch_free(scratch);
}

/* ---- sinks and sources ---- */

typedef struct caught {
    tsr_view piece;
    int64_t position[TSR_RANK_MAX];
    int16_t first, last;
    int result;
} caught;

static int catch_piece(void *user, const tsr_view *piece, const int64_t *position, tsr_error *err)
{
    caught *self = user;
    (void)err;
    self->piece = *piece;
    const char *last = piece->data;
    for (int axis = 0; axis < piece->rank; axis++) {
        self->position[axis] = position[axis];
        last += (piece->shape[axis] - 1) * piece->strides[axis];
    }
    memcpy(&self->first, piece->data, 2);
    memcpy(&self->last, last, 2);
    return self->result;
}

/* Result coordinates: steps back turned round, positions gone, wherever in the chunk it lies. */
static void sinks_see_the_axes_of_the_result(void **state)
{
    bench *self = *state;
    int16_t values[60];
    caught seen = {.result = 0};
    tsr_view chunk;
    tsri_target whole, part;
    make_chunk(values, &chunk);
    self->read.sink = catch_piece;
    self->read.user = &seen;
    assert_int_equal(tsr_index_parse(&self->read.index, "4, ::-3", 2, shape, NULL),
                     0); /* 9 6 3 0 */
    tsri_target_init(&whole, &self->read);
    assert_true(
        tsri_target_restrict(&whole, (const int64_t[]){0, 0}, (const int64_t[]){6, 5}, &part));
    assert_int_equal(tsri_target_deliver(&part, &chunk, false, NULL, NULL), 0);
    assert_int_equal(seen.piece.rank, 1);
    assert_int_equal(seen.piece.shape[0], 2);
    assert_int_equal(seen.position[0], 2);
    assert_int_equal(seen.first, 403);
    assert_int_equal(seen.last, 400);
    assert_int_equal(tsri_target_deliver_fill(&part, NULL), 0);
    assert_int_equal(seen.piece.strides[0], 0);
    assert_int_equal(seen.first, -9);
}

static void statuses_of_sinks_become_failures(void **state)
{
    bench *self = *state;
    int16_t values[60];
    int ended = 0;
    tsr_error err = TSR_ERROR_INIT;
    caught seen = {.result = TSR_NO_SPACE};
    tsr_view chunk;
    tsri_target whole;
    make_chunk(values, &chunk);
    self->read.sink = catch_piece;
    self->read.user = &seen;
    self->read.ended = &ended;
    tsr_index_all(&self->read.index, 2, shape);
    tsri_target_init(&whole, &self->read);
    assert_int_equal(tsri_target_deliver(&whole, &chunk, false, NULL, &err), TSR_NO_SPACE);
    assert_int_equal(err.status, TSR_NO_SPACE);
    assert_int_equal(ended, 0);
    seen.result = 12;
    assert_int_equal(tsri_target_deliver(&whole, &chunk, false, NULL, &err), TSR_CANCELLED);
    assert_int_equal(ended, 12);
}

/* A sink may look at what it gets: native and aligned, even when the bytes are not. */
static void sinks_get_native_aligned_elements(void **state)
{
    bench *self = *state;
    int16_t values[60];
    char bytes[121];
    caught seen = {.result = 0};
    tsr_view chunk;
    tsri_target whole;
    tsr_codec_scratch *scratch;
    assert_int_equal(tsr_codec_scratch_new(&scratch, NULL), 0);
    make_chunk(values, &chunk);
    memcpy(bytes + 1, values, 120);
    chunk.data = bytes + 1;
    self->read.sink = catch_piece;
    self->read.user = &seen;
    tsr_index_all(&self->read.index, 2, shape);
    tsri_target_init(&whole, &self->read);
    assert_int_equal(tsri_target_deliver(&whole, &chunk, false, scratch, NULL), 0);
    assert_int_equal((uintptr_t)seen.piece.data % 2, 0);
    assert_int_equal(seen.last, 509);
    tsr_codec_scratch_free(scratch);
}

static int give_position(void *user, const tsr_view *piece, const int64_t *position, tsr_error *err)
{
    (void)user;
    (void)err;
    for (int64_t i = 0; i < piece->shape[0]; i++) {
        int16_t value = (int16_t)(position[0] + i);
        memcpy(piece->data + i * piece->strides[0], &value, 2);
    }
    return 0;
}

static void sources_and_views_fill_chunks(void **state)
{
    bench *self = *state;
    int16_t values[60];
    tsr_view chunk, view, peeked;
    tsri_target target;
    make_chunk(values, &chunk);
    self->read.source = give_position;
    assert_int_equal(tsr_index_parse(&self->read.index, "2, 7:2:-2", 2, shape, NULL),
                     0); /* 7 5 3 */
    tsri_target_init(&target, &self->read);
    assert_int_equal(tsri_target_collect(&target, &chunk, NULL), 0);
    assert_int_equal(values[27], 0);
    assert_int_equal(values[25], 1);
    assert_int_equal(values[23], 2);
    assert_int_equal(values[24], 204);
    assert_false(tsri_target_peek(&target, &peeked));

    int16_t source[3] = {11, 12, 13};
    int64_t three = 3;
    assert_int_equal(tsr_view_init(&view, TSR_INT16, 1, &three, source, NULL), 0);
    self->read.view = &view;
    tsri_target_init(&target, &self->read);
    assert_true(tsri_target_peek(&target, &peeked));
    assert_int_equal(peeked.shape[1], 3);
    assert_int_equal(tsri_target_collect(&target, &chunk, NULL), 0);
    assert_int_equal(values[27], 11);
    assert_int_equal(values[23], 13);
}

#define BENCH_TEST(function) \
    cmocka_unit_test_setup_teardown(function, bench_set_up, bench_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BENCH_TEST(backwards_is_a_negative_stride),
        BENCH_TEST(restricting_counts_from_the_box),
        BENCH_TEST(permuting_renames_axes),
        BENCH_TEST(swapped_and_other_types_are_converted),
        BENCH_TEST(sinks_see_the_axes_of_the_result),
        BENCH_TEST(statuses_of_sinks_become_failures),
        BENCH_TEST(sinks_get_native_aligned_elements),
        BENCH_TEST(sources_and_views_fill_chunks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
