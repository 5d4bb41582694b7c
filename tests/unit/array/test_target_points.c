/* Proves where listed elements go: into strided memory, casts, sinks in pieces that are boxes, and
 * from sources and views, the last of several winning; and that memory stays small however many
 * points there are. Random selections are in tests/interop/test_selections.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "array/target.h"
#include "exec/pool.h"
#include "unit/array/array_testing.h"

static const array_row row = {
    .name = "plain", .rank = 2, .shape = {6, 10}, .chunk = {6, 10}, .codec = "zstd"};

typedef struct bench {
    fixture f;
    tsr_array *array;
    tsri_read read;
    tsri_target target;
    int16_t values[60]; /* element (y, x) is 100 y + x */
    tsr_view chunk;
} bench;

static int bench_set_up(void **state)
{
    static const int16_t nothing = -9;
    bench *self = calloc(1, sizeof *self);
    fixture_open(&self->f, "memory:");
    self->array = array_new(&self->f, self->f.store, "a", &row, TSR_INT16, &nothing);
    self->read = (tsri_read){.array = self->array, .grid = self->array->grid};
    for (int i = 0; i < 60; i++)
        self->values[i] = (int16_t)(i / 10 * 100 + i % 10);
    assert_int_equal(tsr_view_init(&self->chunk, TSR_INT16, 2, row.shape, self->values, NULL), 0);
    *state = self;
    return 0;
}

static int bench_tear_down(void **state)
{
    bench *self = *state;
    tsri_points_free(self->read.points);
    tsr_index_clear(&self->read.index);
    tsr_array_close(self->array);
    fixture_close(&self->f);
    free(self);
    return 0;
}

/* Sets up the target of a selection, lists each for themselves, into or from `view` (NULL: a sink
 * or source). */
static void aim(bench *self, const char *text, const tsr_view *view)
{
    fixture *f = &self->f;
    tsr_index_parse_options options;
    tsr_index_parse_options_init(&options);
    options.mode = TSR_INDEX_ORTHOGONAL;
    good(tsr_index_parse_with(&self->read.index, text, 2, row.shape, &options, &f->err), &f->err);
    self->read.view = view;
    good(tsri_points_new(self->array, self->array->grid, &self->read.index, view,
                         &self->read.points, &f->err),
         &f->err);
    tsri_target_init(&self->target, &self->read);
}

static void elements_go_into_strided_memory(void **state)
{
    bench *self = *state;
    int16_t out[24] = {0};
    tsr_view view;
    const int64_t shape[] = {3, 4};
    assert_int_equal(tsr_view_init(&view, TSR_INT16, 2, shape, out + 23, NULL), 0);
    view.strides[0] = -16; /* backwards, every second one */
    view.strides[1] = -4;
    aim(self, "[5, 0, 5], 2:6", &view);
    good(tsri_target_deliver(&self->target, &self->chunk, false, NULL, &self->f.err), &self->f.err);
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 4; j++)
            assert_int_equal(out[23 - 8 * i - 2 * j], (i == 1 ? 0 : 500) + 2 + j);
    assert_int_equal(out[22], 0);
    assert_int_equal(tsri_target_bytes(&self->target), 24);
}

static void elements_are_swapped_and_cast(void **state)
{
    bench *self = *state;
    double out[3][2];
    int8_t small[3][2];
    tsr_view view;
    const int64_t shape[] = {3, 2};
    for (int i = 0; i < 60; i++)
        self->values[i] = (int16_t)__builtin_bswap16((uint16_t)self->values[i]);
    assert_int_equal(tsr_view_init(&view, TSR_FLOAT64, 2, shape, out, NULL), 0);
    self->read.casting = TSR_CASTING_SAFE;
    aim(self, "[3, 0, 1], [7, 7]", &view);
    good(tsri_target_deliver(&self->target, &self->chunk, true, NULL, &self->f.err), &self->f.err);
    assert_true(out[0][0] == 307 && out[0][1] == 307 && out[1][0] == 7 && out[2][1] == 107);
    good(tsri_target_deliver_fill(&self->target, &self->f.err), &self->f.err);
    for (int i = 0; i < 6; i++)
        assert_true(out[i / 2][i % 2] == -9);
    assert_int_equal(tsr_view_init(&view, TSR_INT8, 2, shape, small, NULL), 0);
    self->read.casting = TSR_CASTING_SAME_KIND;
    tsri_points_free(self->read.points);
    tsr_index_clear(&self->read.index);
    aim(self, "[3, 0, 1], [7, 7]", &view);
    assert_int_equal(tsri_target_deliver(&self->target, &self->chunk, true, NULL, &self->f.err),
                     TSR_OUT_OF_BOUNDS); /* 307 */
}

/* What a sink was given: elements by their place in the result, and how many calls it took. */
typedef struct listener {
    int16_t result[64];
    int64_t columns;
    int calls;
} listener;

static int listen(void *user, const tsr_view *piece, const int64_t *position, tsr_error *err)
{
    listener *self = user;
    int64_t at[TSR_RANK_MAX] = {0};
    (void)err;
    assert_int_equal(piece->rank, 2);
    do {
        int16_t *place = &self->result[(position[0] + at[0]) * self->columns + position[1] + at[1]];
        assert_int_equal(*place, -1);
        *place = *(int16_t *)(piece->data + at[0] * piece->strides[0] + at[1] * piece->strides[1]);
        at[1]++;
        if (at[1] == piece->shape[1])
            at[0]++, at[1] = 0;
    } while (at[0] < piece->shape[0]);
    self->calls++;
    return 0;
}

static void sinks_are_given_runs(void **state)
{
    bench *self = *state;
    listener heard = {.columns = 4};
    memset(heard.result, -1, sizeof heard.result);
    self->read.sink = listen;
    self->read.user = &heard;
    aim(self, "[0, 3, 4, 4, 1], 1:9:2", NULL);
    good(tsri_target_deliver(&self->target, &self->chunk, false, NULL, &self->f.err), &self->f.err);
    static const int rows[] = {0, 3, 4, 4, 1};
    for (int i = 0; i < 20; i++)
        assert_int_equal(heard.result[i], rows[i / 4] * 100 + 1 + i % 4 * 2);
    assert_int_equal(heard.calls, 1); /* one cell: all numbers follow each other */
    memset(heard.result, -1, sizeof heard.result);
    good(tsri_target_deliver_fill(&self->target, &self->f.err), &self->f.err);
    assert_int_equal(heard.result[19], -9);
}

/* A source that gives 1, 2, 3 ... in the order of the result. */
static int number(void *user, const tsr_view *piece, const int64_t *position, tsr_error *err)
{
    (void)user;
    (void)err;
    for (int64_t i = 0; i < piece->shape[0]; i++)
        *(int16_t *)(piece->data + i * piece->strides[0]) = (int16_t)(position[0] + i + 1);
    return 0;
}

static void the_last_one_is_written(void **state)
{
    bench *self = *state;
    const int64_t shape[] = {2, 3};
    double numbers[] = {1, 2, 3, 4, 5, 6};
    int16_t same[] = {1, 2, 3, 4, 5, 6};
    tsr_view view;
    self->read.is_write = true;
    self->read.source = number;
    aim(self, "[1, 2, 1, 2, 1], 9", NULL);
    good(tsri_target_collect(&self->target, &self->chunk, &self->f.err), &self->f.err);
    assert_int_equal(self->values[19], 5);
    assert_int_equal(self->values[29], 4);
    assert_int_equal(self->values[39], 309);
    self->read.source = NULL;
    for (int i = 0; i < 2; i++) {
        tsri_points_free(self->read.points);
        tsr_index_clear(&self->read.index);
        good(tsr_view_init(&view, i ? TSR_INT16 : TSR_FLOAT64, 2, shape,
                           i ? (void *)same : (void *)numbers, &self->f.err),
             &self->f.err);
        memset(self->values, 0, sizeof self->values);
        self->read.casting = TSR_CASTING_UNSAFE;
        aim(self, "[4, 4], [0, 7, 0]", &view);
        good(tsri_target_collect(&self->target, &self->chunk, &self->f.err), &self->f.err);
        assert_int_equal(self->values[40], 6);
        assert_int_equal(self->values[47], 5);
        assert_int_equal(self->values[41], 0);
    }
}

/* Far more points than a part has, each of a whole row, on the way to another type. */
static void many_points_are_handled_in_parts(void **state)
{
    enum { POINTS = 70000 };
    bench *self = *state;
    int64_t *rows = malloc(POINTS * sizeof *rows);
    float(*out)[10] = malloc(POINTS * sizeof *out);
    tsr_view list, view;
    fixture *f = &self->f;
    const int64_t points = POINTS, shape[] = {POINTS, 10};
    for (int i = 0; i < POINTS; i++)
        rows[i] = i * 7 % 6;
    good(tsr_view_init(&list, TSR_INT64, 1, &points, rows, &f->err), &f->err);
    good(tsr_view_init(&view, TSR_FLOAT32, 2, shape, out, &f->err), &f->err);
    const tsr_index_term term = {.kind = TSR_TERM_LIST, .list = &list};
    good(tsr_index_select(&self->read.index, 2, row.shape, &term, 1, TSR_INDEX_NUMPY, &f->err),
         &f->err);
    self->read.view = &view;
    self->read.casting = TSR_CASTING_SAFE;
    good(tsri_points_new(self->array, self->array->grid, &self->read.index, &view,
                         &self->read.points, &f->err),
         &f->err);
    tsri_target_init(&self->target, &self->read);
    good(tsri_target_deliver(&self->target, &self->chunk, false, NULL, &f->err), &f->err);
    for (int i = 0; i < POINTS; i++)
        for (int j = 0; j < 10; j++)
            assert_true(out[i][j] == (float)(rows[i] * 100 + j));
    free(rows);
    free(out);
}

int main(void)
{
#define BENCH_TEST(function) \
    cmocka_unit_test_setup_teardown(function, bench_set_up, bench_tear_down)
    const struct CMUnitTest tests[] = {
        BENCH_TEST(elements_go_into_strided_memory),
        BENCH_TEST(elements_are_swapped_and_cast),
        BENCH_TEST(sinks_are_given_runs),
        BENCH_TEST(the_last_one_is_written),
        BENCH_TEST(many_points_are_handled_in_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
