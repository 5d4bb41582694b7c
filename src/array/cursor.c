#include "array/cursor.h"

static int compare(const tsri_cursor *a, const tsri_cursor *b)
{
    const tsr_array *array = a->target.read->array, *other = b->target.read->array;
    if (array != other)
        return array < other ? -1 : 1;
    for (int axis = 0; axis < array->rank; axis++)
        if (a->walk.cell[axis] != b->walk.cell[axis])
            return a->walk.cell[axis] < b->walk.cell[axis] ? -1 : 1;
    return 0;
}

static bool is_less(const tsri_cursors *self, size_t a, size_t b)
{
    return compare(&self->cursors[self->heap[a]], &self->cursors[self->heap[b]]) < 0;
}

static void swap(tsri_cursors *self, size_t a, size_t b)
{
    size_t held = self->heap[a];
    self->heap[a] = self->heap[b];
    self->heap[b] = held;
}

static void sift_down(tsri_cursors *self, size_t at)
{
    for (;;) {
        size_t least = at, left = 2 * at + 1, right = left + 1;
        if (left < self->count && is_less(self, left, least))
            least = left;
        if (right < self->count && is_less(self, right, least))
            least = right;
        if (least == at)
            return;
        swap(self, at, least);
        at = least;
    }
}

void tsri_cursors_clear(tsri_cursors *self)
{
    for (size_t i = 0; i < self->read_count; i++) {
        tsri_points_free(self->reads[i].points);
        self->reads[i].points = NULL;
    }
    tsri_free(self->cursors);
    tsri_free(self->heap);
    *self = (tsri_cursors){0};
}

static int add_cursor(tsri_cursors *self, tsri_read *read, tsr_error *err)
{
    tsri_cursor *cursor = &self->cursors[self->count];

    read->points = NULL;
    if (tsr_index_count(&read->index) == 0)
        return 0;
    TSRI_TRY(
        tsri_points_new(read->array, read->grid, &read->index, read->view, &read->points, err));
    tsri_target_init(&cursor->target, read);
    tsri_target_walk_init(&cursor->walk, &cursor->target, read->grid, NULL);
    self->heap[self->count] = self->count;
    self->count++;
    return 0;
}

int tsri_cursors_init(tsri_cursors *self, tsri_read *reads, size_t n, tsr_error *err)
{
    *self = (tsri_cursors){.cursors = tsri_alloc_array(n, sizeof *self->cursors),
                           .heap = tsri_alloc_array(n, sizeof *self->heap),
                           .reads = reads};
    int status =
        self->cursors && self->heap ? 0 : tsri_error_no_memory(err, n * sizeof *self->cursors);
    for (; self->read_count < n && status == 0; self->read_count++)
        status = add_cursor(self, &reads[self->read_count], err);
    if (status < 0) {
        tsri_cursors_clear(self);
        return status;
    }
    for (size_t i = self->count / 2; i-- > 0;)
        sift_down(self, i);
    return 0;
}

const tsri_grid *tsri_cursors_grid(const tsri_cursors *self)
{
    return self->cursors[self->heap[0]].target.read->grid;
}

bool tsri_cursors_peek(const tsri_cursors *self, tsr_array **ret_array, const int64_t **ret_chunk)
{
    if (self->count == 0)
        return false;
    const tsri_cursor *cursor = &self->cursors[self->heap[0]];
    *ret_array = cursor->target.read->array;
    *ret_chunk = cursor->walk.cell;
    return true;
}

/* Counts the part of the heap below `at` that stands on the same chunk as the root. */
static size_t count_equal(const tsri_cursors *self, size_t at)
{
    if (at >= self->count ||
        compare(&self->cursors[self->heap[at]], &self->cursors[self->heap[0]]) != 0)
        return 0;
    return 1 + count_equal(self, 2 * at + 1) + count_equal(self, 2 * at + 2);
}

size_t tsri_cursors_sharers(const tsri_cursors *self)
{
    return count_equal(self, 0);
}

/* Moves the read that comes next on to its next chunk. */
static void go_on(tsri_cursors *self)
{
    if (!tsri_target_walk_next(&self->cursors[self->heap[0]].walk))
        self->heap[0] = self->heap[--self->count];
    sift_down(self, 0);
}

bool tsri_cursors_take(tsri_cursors *self, const tsr_array *array, const int64_t *chunk,
                       tsri_target *ret_target)
{
    if (self->count == 0)
        return false;
    tsri_cursor *cursor = &self->cursors[self->heap[0]];
    if (cursor->target.read->array != array)
        return false;
    if (memcmp(cursor->walk.cell, chunk, (size_t)array->rank * sizeof *chunk) != 0)
        return false;
    tsri_target_walk_take(&cursor->walk, ret_target);
    go_on(self);
    return true;
}

static int take_shared(tsri_cursors *self, size_t sharers, tsri_cursor_run *run, tsr_error *err)
{
    run->targets = tsri_alloc_array(sharers, sizeof *run->targets);
    if (!run->targets)
        return tsri_error_no_memory(err, sharers * sizeof *run->targets);
    while (run->target_count < sharers &&
           tsri_cursors_take(self, run->array, run->walk.cell, &run->targets[run->target_count]))
        run->target_count++;
    run->count = 1;
    return 0;
}

int tsri_cursors_take_run(tsri_cursors *self, int most, tsri_cursor_run *ret_run, tsr_error *err)
{
    ret_run->count = 0;
    ret_run->targets = NULL;
    ret_run->target_count = 0;
    if (self->count == 0)
        return 0;
    tsri_cursor *cursor = &self->cursors[self->heap[0]];
    ret_run->array = cursor->target.read->array;
    ret_run->grid = cursor->target.read->grid;
    tsri_target_walk_copy(&ret_run->walk, &cursor->walk);
    size_t sharers = self->count > 1 ? tsri_cursors_sharers(self) : 1;
    if (sharers > 1)
        return take_shared(self, sharers, ret_run, err);
    /* What lies behind the next chunk may be wanted by another read, too. */
    ret_run->count = tsri_target_walk_along(&cursor->walk, self->count > 1 ? 1 : most);
    go_on(self);
    return 0;
}
