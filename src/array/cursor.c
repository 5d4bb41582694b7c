#include "array/cursor.h"

#include "base/checked.h"

/* The chunk of the element number `element` of an axis. */
static int64_t chunk_of(const tsri_cursor *cursor, int axis, int64_t element)
{
    const tsri_target_axis *self = &cursor->target.axes[axis];
    return tsri_grid_chunk_at(cursor->target.read->grid, axis, self->start + element * self->step);
}

/* Puts the axis on the first chunk that it touches. */
static void rewind_axis(tsri_cursor *cursor, int axis)
{
    cursor->chunk[axis] = chunk_of(cursor, axis, 0);
}

/* Moves the axis to the next chunk that holds an element of it, skipping chunks that large steps
 * jump over. */
static bool advance_axis(tsri_cursor *cursor, int axis)
{
    const tsri_target_axis *self = &cursor->target.axes[axis];

    if (cursor->chunk[axis] >= chunk_of(cursor, axis, self->count - 1))
        return false;
    /* Below the array's length, since a later chunk is touched. */
    int64_t end = tsri_grid_start(cursor->target.read->grid, axis, cursor->chunk[axis] + 1);
    cursor->chunk[axis] = chunk_of(cursor, axis, tsri_ceil_divide(end - self->start, self->step));
    return true;
}

static bool advance(tsri_cursor *cursor)
{
    const tsr_array *array = cursor->target.read->array;
    for (int axis = array->rank - 1; axis >= 0; axis--) {
        if (advance_axis(cursor, axis))
            return true;
        rewind_axis(cursor, axis);
    }
    return false;
}

static int compare(const tsri_cursor *a, const tsri_cursor *b)
{
    const tsr_array *array = a->target.read->array, *other = b->target.read->array;
    if (array != other)
        return array < other ? -1 : 1;
    for (int axis = 0; axis < array->rank; axis++)
        if (a->chunk[axis] != b->chunk[axis])
            return a->chunk[axis] < b->chunk[axis] ? -1 : 1;
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
    tsri_free(self->cursors);
    tsri_free(self->heap);
    *self = (tsri_cursors){0};
}

int tsri_cursors_init(tsri_cursors *self, const tsri_read *reads, size_t n, tsr_error *err)
{
    *self = (tsri_cursors){tsri_alloc_array(n, sizeof *self->cursors),
                           tsri_alloc_array(n, sizeof *self->heap), 0};
    if (!self->cursors || !self->heap) {
        tsri_cursors_clear(self);
        return tsri_error_no_memory(err, n * sizeof *self->cursors);
    }
    for (size_t i = 0; i < n; i++) {
        if (tsr_index_count(&reads[i].index) == 0)
            continue;
        tsri_cursor *cursor = &self->cursors[self->count];
        tsri_target_init(&cursor->target, &reads[i]);
        for (int axis = 0; axis < reads[i].index.rank; axis++)
            rewind_axis(cursor, axis);
        self->heap[self->count] = self->count;
        self->count++;
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
    *ret_chunk = cursor->chunk;
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

bool tsri_cursors_take(tsri_cursors *self, const tsr_array *array, const int64_t *chunk,
                       tsri_target *ret_target)
{
    if (self->count == 0)
        return false;
    tsri_cursor *cursor = &self->cursors[self->heap[0]];
    if (cursor->target.read->array != array)
        return false;
    int64_t start[TSR_RANK_MAX], shape[TSR_RANK_MAX];
    if (memcmp(cursor->chunk, chunk, (size_t)array->rank * sizeof *chunk) != 0)
        return false;
    tsri_grid_box(cursor->target.read->grid, chunk, start, shape);
    tsri_target_restrict(&cursor->target, start, shape, ret_target);
    if (!advance(cursor))
        self->heap[0] = self->heap[--self->count];
    sift_down(self, 0);
    return true;
}
