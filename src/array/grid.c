#include "array/grid.h"

#include <inttypes.h>

#include "base/checked.h"

static void grid_free(tsri_grid *grid)
{
    for (int axis = 0; axis < grid->rank; axis++)
        tsri_free(grid->axes[axis].runs);
    tsri_free(grid->shape);
    tsri_free(grid);
}

tsri_grid *tsri_grid_ref(tsri_grid *grid)
{
    __atomic_fetch_add(&grid->references, 1, __ATOMIC_RELAXED);
    return grid;
}

void tsri_grid_unref(tsri_grid *grid)
{
    if (grid && __atomic_sub_fetch(&grid->references, 1, __ATOMIC_ACQ_REL) == 0)
        grid_free(grid);
}

/* ---- making ---- */

static int alloc_grid(int rank, const int64_t *shape, tsri_grid **ret_grid, tsr_error *err)
{
    size_t size = sizeof(tsri_grid) + (size_t)rank * sizeof(tsri_grid_axis);
    tsri_grid *grid = tsri_alloc_zero(size);
    if (!grid)
        return tsri_error_no_memory(err, size);
    grid->references = 1;
    grid->is_regular = true;
    grid->shape = tsri_alloc_array_zero((size_t)rank + 1, sizeof *shape);
    if (!grid->shape) {
        tsri_free(grid);
        return tsri_error_no_memory(err, (size_t)rank * sizeof *shape);
    }
    grid->rank = rank;
    for (int axis = 0; axis < rank; axis++)
        grid->shape[axis] = shape[axis];
    *ret_grid = grid;
    return 0;
}

static int too_long(int axis, tsr_error *err)
{
    return tsr_error_set(err, TSR_LIMIT, "the chunks of axis %d end beyond 2^63-1", axis);
}

/* Adds chunks at the end of the axis, which the last run stands for. */
static bool add_edges(tsri_grid_axis *self, tsri_grid_edges edges)
{
    tsri_grid_run *end = &self->runs[self->run_count];
    tsri_grid_run next = *end;
    int64_t span;

    if (!tsri_multiply_i64(edges.length, edges.count, &span) ||
        !tsri_add_i64(next.start, span, &next.start) ||
        !tsri_add_i64(next.first, edges.count, &next.first))
        return false;
    if (self->run_count == 0 || end[-1].length != edges.length) {
        end->length = edges.length;
        self->run_count++;
    }
    next.length = 0;
    self->runs[self->run_count] = next;
    self->longest = TSRI_MAX(self->longest, edges.length);
    return true;
}

static int make_runs(tsri_grid *grid, int axis, const tsri_grid_cut *cut, tsr_error *err)
{
    tsri_grid_axis *self = &grid->axes[axis];
    int64_t length = grid->shape[axis];

    grid->is_regular = false;
    self->longest = 1;
    self->runs = tsri_alloc_array_zero(cut->edge_count + 1, sizeof *self->runs);
    if (!self->runs)
        return tsri_error_no_memory(err, (cut->edge_count + 1) * sizeof *self->runs);
    for (size_t i = 0; i < cut->edge_count; i++)
        if (!add_edges(self, cut->edges[i]))
            return too_long(axis, err);
    int64_t end = self->runs[self->run_count].start;
    if (end < length)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT,
                             "the chunks of axis %d end at %" PRId64 ", the array at %" PRId64,
                             axis, end, length);
    self->count = length > 0 ? tsri_grid_chunk_at(grid, axis, length - 1) + 1 : 0;
    return 0;
}

int tsri_grid_new(int rank, const int64_t *shape, const tsri_grid_cut *cuts, tsri_grid **ret_grid,
                  tsr_error *err)
{
    tsr_auto(tsri_grid) *grid = NULL;

    TSRI_TRY(alloc_grid(rank, shape, &grid, err));
    for (int axis = 0; axis < rank; axis++) {
        tsri_grid_axis *self = &grid->axes[axis];
        if (cuts[axis].length == 0) {
            TSRI_TRY(make_runs(grid, axis, &cuts[axis], err));
            continue;
        }
        self->length = self->longest = cuts[axis].length;
        self->count = tsri_ceil_divide(shape[axis], self->length);
    }
    *ret_grid = TSRI_TAKE(grid);
    return 0;
}

int tsri_grid_new_regular(int rank, const int64_t *shape, const int64_t *chunk_shape,
                          tsri_grid **ret_grid, tsr_error *err)
{
    tsri_grid_cut cuts[TSR_RANK_MAX];
    for (int axis = 0; axis < rank; axis++)
        cuts[axis] = (tsri_grid_cut){.length = chunk_shape[axis]};
    return tsri_grid_new(rank, shape, cuts, ret_grid, err);
}

/* ---- comparing ---- */

/* Whether the first `count` chunks of an axis lie at the same places in both. */
static bool same_chunks(const tsri_grid *a, const tsri_grid *b, int axis, int64_t count)
{
    for (int64_t chunk = 0; chunk < count;) {
        int64_t length = tsri_grid_length(a, axis, chunk), next = count;
        if (length != tsri_grid_length(b, axis, chunk))
            return false;
        if (a->axes[axis].length == 0)
            next = TSRI_MIN(next, tsri_grid_run_of_chunk(&a->axes[axis], chunk)[1].first);
        if (b->axes[axis].length == 0)
            next = TSRI_MIN(next, tsri_grid_run_of_chunk(&b->axes[axis], chunk)[1].first);
        chunk = next;
    }
    return true;
}

bool tsri_grid_agrees(const tsri_grid *a, const tsri_grid *b)
{
    if (a->rank != b->rank)
        return false;
    for (int axis = 0; axis < a->rank; axis++)
        if (!same_chunks(a, b, axis, TSRI_MIN(a->axes[axis].count, b->axes[axis].count)))
            return false;
    return true;
}

bool tsri_grid_equal(const tsri_grid *a, const tsri_grid *b)
{
    if (a->rank != b->rank)
        return false;
    for (int axis = 0; axis < a->rank; axis++)
        if (a->shape[axis] != b->shape[axis])
            return false;
    return tsri_grid_agrees(a, b);
}

/* ---- looking up ---- */

const tsri_grid_run *tsri_grid_run_of_chunk(const tsri_grid_axis *axis, int64_t chunk)
{
    size_t low = 0, high = axis->run_count; /* runs[low].first <= chunk < runs[high].first */
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (axis->runs[middle].first <= chunk)
            low = middle;
        else
            high = middle;
    }
    return &axis->runs[low];
}

const tsri_grid_run *tsri_grid_run_of_position(const tsri_grid_axis *axis, int64_t position)
{
    size_t low = 0, high = axis->run_count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (axis->runs[middle].start <= position)
            low = middle;
        else
            high = middle;
    }
    return &axis->runs[low];
}

void tsri_grid_box(const tsri_grid *grid, const int64_t *chunk, int64_t *ret_start,
                   int64_t *ret_shape)
{
    for (int axis = 0; axis < grid->rank; axis++) {
        ret_start[axis] = tsri_grid_start(grid, axis, chunk[axis]);
        ret_shape[axis] = tsri_grid_length(grid, axis, chunk[axis]);
    }
}

void tsri_grid_inside(const tsri_grid *grid, const int64_t *chunk, int64_t *ret_shape)
{
    for (int axis = 0; axis < grid->rank; axis++) {
        int64_t left = grid->shape[axis] - tsri_grid_start(grid, axis, chunk[axis]);
        ret_shape[axis] = TSRI_MIN(left, tsri_grid_length(grid, axis, chunk[axis]));
    }
}

bool tsri_grid_has(const tsri_grid *grid, const int64_t *chunk)
{
    for (int axis = 0; axis < grid->rank; axis++)
        if (chunk[axis] < 0 || chunk[axis] >= grid->axes[axis].count)
            return false;
    return true;
}

bool tsri_grid_next(const tsri_grid *grid, int64_t *chunk)
{
    for (int axis = grid->rank - 1; axis >= 0; axis--) {
        if (++chunk[axis] < grid->axes[axis].count)
            return true;
        chunk[axis] = 0;
    }
    return false;
}

void tsri_grid_largest(const tsri_grid *grid, int64_t *ret_shape)
{
    for (int axis = 0; axis < grid->rank; axis++)
        ret_shape[axis] = grid->axes[axis].longest;
}

/* 10, or [2,[3,4]]. */
static int print_axis(const tsri_grid_axis *self, tsr_output *output, tsr_error *err)
{
    if (self->length > 0)
        return tsr_output_print(output, err, "%" PRId64, self->length);
    TSRI_TRY(tsr_output_append(output, "[", 1, err));
    for (size_t i = 0; i < self->run_count; i++) {
        int64_t count = self->runs[i + 1].first - self->runs[i].first;
        const char *comma = i > 0 ? "," : "";
        if (count == 1)
            TSRI_TRY(tsr_output_print(output, err, "%s%" PRId64, comma, self->runs[i].length));
        else
            TSRI_TRY(tsr_output_print(output, err, "%s[%" PRId64 ",%" PRId64 "]", comma,
                                      self->runs[i].length, count));
    }
    return tsr_output_append(output, "]", 1, err);
}

int tsri_grid_print_axes(const tsri_grid *grid, tsr_output *output, tsr_error *err)
{
    TSRI_TRY(tsr_output_append(output, "[", 1, err));
    for (int axis = 0; axis < grid->rank; axis++) {
        if (axis > 0)
            TSRI_TRY(tsr_output_append(output, ",", 1, err));
        TSRI_TRY(print_axis(&grid->axes[axis], output, err));
    }
    return tsr_output_append(output, "]", 1, err);
}
