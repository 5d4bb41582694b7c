/* Proves of the loop over the chunks of a write: each touched chunk comes once with exactly its
 * part of the selection, on no more threads than asked for; one that is in other hands comes again;
 * a failure and a cancel end it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

#include "array/chunk_loop.h"
#include "support/random_view.h"
#include "unit/array/array_testing.h"

#define ROWS 23
#define COLUMNS 31

/* What the bodies saw; all of it atomic. */
typedef struct log {
    int calls[6][5]; /* chunks of 4 x 7 */
    int elements[ROWS][COLUMNS];
    int active, most_active, calls_in_all;
    int busy_tries;  /* how often each chunk is busy at first */
    int fails_after; /* the call with this number fails; 0: none */
    int *cancel;     /* set by the first call; NULL: not */
} log;

static tsr_array *new_array(fixture *f)
{
    static const array_row row = {.rank = 2, .shape = {ROWS, COLUMNS}, .chunk = {4, 7}};
    return array_new(f, f->store, "a", &row, TSR_UINT8, NULL);
}

static void enter(log *self)
{
    int active = __atomic_add_fetch(&self->active, 1, __ATOMIC_ACQ_REL);
    int most = __atomic_load_n(&self->most_active, __ATOMIC_RELAXED);
    while (active > most && !__atomic_compare_exchange_n(&self->most_active, &most, active, false,
                                                         __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        ;
}

static void count_elements(log *self, const int64_t *chunk, const tsri_target *target)
{
    const tsri_target_axis *y = &target->axes[0], *x = &target->axes[1];
    for (int64_t i = 0; i < y->count; i++)
        for (int64_t j = 0; j < x->count; j++) {
            int64_t row = chunk[0] * 4 + y->start + i * y->step;
            int64_t column = chunk[1] * 7 + x->start + j * x->step;
            __atomic_add_fetch(&self->elements[row][column], 1, __ATOMIC_RELAXED);
        }
}

static int body(void *user, const int64_t *chunk, const tsri_target *target,
                tsr_codec_scratch *scratch, tsri_task_group *group, tsri_order *order,
                tsri_turn *ret_turn, tsr_error *err)
{
    log *self = user;
    int status = 0;

    (void)group;
    enter(self);
    int calls = __atomic_add_fetch(&self->calls[chunk[0]][chunk[1]], 1, __ATOMIC_RELAXED);
    int number = __atomic_add_fetch(&self->calls_in_all, 1, __ATOMIC_RELAXED);
    if (!scratch || !order || *ret_turn != TSRI_TURN_DONE)
        status = tsr_error_set(err, TSR_INTERNAL, "no scratch, no order, or busy before");
    else if (number == self->fails_after)
        status = tsr_error_set(err, TSR_NO_SPACE, "call %d fails", number);
    else if (calls <= self->busy_tries)
        *ret_turn = TSRI_TURN_BUSY;
    else
        count_elements(self, chunk, target);
    if (self->cancel)
        tsr_cancel(self->cancel);
    usleep(200); /* so that threads meet */
    __atomic_sub_fetch(&self->active, 1, __ATOMIC_ACQ_REL);
    return status;
}

static int run(log *self, tsr_array *array, const tsr_index *index, int runners,
               const tsr_call *call, tsr_error *err)
{
    tsri_grid *grid = tsri_array_grid(array);
    tsri_read selection = {.array = array, .grid = grid, .index = *index};
    int status = tsri_chunk_loop(&selection, runners, 0, call, body, self, err);
    tsri_grid_unref(grid);
    assert_int_equal(self->active, 0);
    return status;
}

static tsr_index everything(const tsr_array *array)
{
    tsr_index index;
    tsr_index_all(&index, tsr_array_rank(array), tsr_array_shape(array));
    return index;
}

static void random_axis(tests_random *random, int64_t length, tsr_index_axis *ret_axis)
{
    int64_t step = 1 + tests_random_below(random, 8), start = tests_random_below(random, length);
    int64_t count = tests_random_below(random, (length - start + step - 1) / step + 1);
    *ret_axis = (tsr_index_axis){TSR_INDEX_RANGE, start, count, step};
}

static bool selects(const tsr_index_axis *axis, int64_t position)
{
    int64_t from = position - axis->start;
    return from >= 0 && from % axis->step == 0 && from / axis->step < axis->count;
}

/* By looking at all elements: those selected were handed over once, the others never; and no chunk
 * came twice. */
static void check_log(const log *self, const tsr_index *index)
{
    for (int row = 0; row < ROWS; row++)
        for (int column = 0; column < COLUMNS; column++) {
            bool wanted = selects(&index->axes[0], row) && selects(&index->axes[1], column);
            if (self->elements[row][column] != wanted)
                fail_msg("element (%d, %d) came %d times", row, column,
                         self->elements[row][column]);
        }
    for (int y = 0; y < 6; y++)
        for (int x = 0; x < 5; x++)
            assert_in_range(self->calls[y][x], 0, 1 + self->busy_tries);
}

static void every_touched_chunk_comes_once_with_its_part(void **state)
{
    fixture *f = *state;
    tsr_array *array = new_array(f);
    tests_random random;

    tests_random_init(&random);
    for (int round = 0; round < 30; round++) {
        log seen = {.busy_tries = round % 3};
        tsr_index index = everything(array);
        for (int axis = 0; axis < 2 && round > 0; axis++)
            random_axis(&random, tsr_array_shape(array)[axis], &index.axes[axis]);
        good(run(&seen, array, &index, 0, NULL, &f->err), &f->err);
        check_log(&seen, &index);
    }
    tsr_array_close(array);
}

/* Without steps, a chunk comes exactly when an element of it is selected. */
static void no_other_chunk_comes(void **state)
{
    fixture *f = *state;
    tsr_array *array = new_array(f);
    tsr_index index = everything(array);
    log seen = {0};

    index.axes[0] = (tsr_index_axis){TSR_INDEX_RANGE, 3, 2, 1};
    index.axes[1] = (tsr_index_axis){TSR_INDEX_RANGE, 7, 7, 1};
    good(run(&seen, array, &index, 0, NULL, &f->err), &f->err);
    assert_int_equal(seen.calls_in_all, 2);
    assert_true(seen.calls[0][1] == 1 && seen.calls[1][1] == 1);
    index.axes[1].count = 0;
    seen = (log){0};
    good(run(&seen, array, &index, 0, NULL, &f->err), &f->err);
    assert_int_equal(seen.calls_in_all, 0);
    tsr_array_close(array);
}

static void no_more_threads_than_asked_for(void **state)
{
    fixture *f = *state; /* of four threads */
    tsr_array *array = new_array(f);
    tsr_index index = everything(array);

    for (int runners = 0; runners <= 9; runners += 3) {
        log seen = {0};
        good(run(&seen, array, &index, runners, NULL, &f->err), &f->err);
        assert_int_equal(seen.calls_in_all, 30);
        assert_in_range(seen.most_active, 1, runners == 3 ? 3 : 4);
    }
    log seen = {0};
    good(run(&seen, array, &index, 1, NULL, &f->err), &f->err);
    assert_int_equal(seen.most_active, 1);
    tsr_array_close(array);
}

static void the_first_failure_ends_it(void **state)
{
    fixture *f = *state;
    tsr_array *array = new_array(f);
    tsr_index index = everything(array);

    for (int call = 1; call <= 30; call += 7) {
        for (int runners = 0; runners < 2; runners++) {
            log seen = {.fails_after = call};
            tsr_error_clear(&f->err);
            assert_int_equal(run(&seen, array, &index, runners, NULL, &f->err), TSR_NO_SPACE);
            assert_non_null(strstr(f->err.message, "fails"));
            assert_in_range(seen.calls_in_all, call, runners == 1 ? call : 30);
        }
    }
    tsr_array_close(array);
}

/* Also while every chunk stays in other hands for ever. */
static void a_cancel_ends_it(void **state)
{
    fixture *f = *state;
    tsr_array *array = new_array(f);
    tsr_index index = everything(array);

    for (int busy = 0; busy < 2; busy++) {
        int cancel = 0;
        const tsr_call call = {.cancel = &cancel};
        log seen = {.busy_tries = busy ? INT32_MAX : 0, .cancel = &cancel};
        tsr_error_clear(&f->err);
        assert_int_equal(run(&seen, array, &index, 0, &call, &f->err), TSR_CANCELLED);
        assert_in_range(seen.calls_in_all, 1, 29);
    }
    tsr_array_close(array);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(every_touched_chunk_comes_once_with_its_part),
        FIXTURE_TEST(no_other_chunk_comes),
        FIXTURE_TEST(no_more_threads_than_asked_for),
        FIXTURE_TEST(the_first_failure_ends_it),
        FIXTURE_TEST(a_cancel_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
