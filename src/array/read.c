/* The public ways to read: a dense box, many views, a sink. */
#include <inttypes.h>

#include "array/fetch.h"
#include "array/read.h"
#include "array/trace.h"
#include "base/checked.h"
#include "base/context.h"
#include "tensor/heap_reserve.h"

static int blocks_of_axis(const tsri_grid *grid, int axis, int64_t first, int64_t count,
                          tsr_index_axis *ret_axis, tsr_error *err)
{
    int64_t chunks = grid->axes[axis].count;

    *ret_axis = (tsr_index_axis){TSR_INDEX_RANGE, 0, 0, 1};
    if (first < 0 || count < 0 || first > chunks || count > chunks - first) {
        tsr_error_set(err, TSR_OUT_OF_BOUNDS,
                      "axis %d: %" PRId64 " chunks from %" PRId64 " on, where there are %" PRId64,
                      axis, count, first, chunks);
        tsr_error_set_next_step(err,
                                "chunks are counted from 0 on, whole shards where there are any");
        return TSR_OUT_OF_BOUNDS;
    }
    if (count == 0)
        return 0;
    ret_axis->start = tsri_grid_start(grid, axis, first);
    int64_t end =
        first + count < chunks ? tsri_grid_start(grid, axis, first + count) : grid->shape[axis];
    ret_axis->count = end - ret_axis->start;
    return 0;
}

int tsr_array_select_blocks(const tsr_array *array, const int64_t *first, const int64_t *count,
                            tsr_index *ret_index, tsr_error *err)
{
    tsr_auto(tsri_grid) *grid = tsri_array_grid(array);
    tsr_index index = {.rank = array->rank};

    for (int axis = 0; axis < array->rank; axis++)
        TSRI_TRY_IN(err,
                    blocks_of_axis(grid, axis, first[axis], count[axis], &index.axes[axis], err),
                    "%s", array->place);
    *ret_index = index;
    return 0;
}

/* Slots have addresses in them: they lie where an address may, and what they point to lies in a
 * heap that outlives the read. */
static int check_variable(const tsri_read *read, tsr_error *err)
{
    const tsr_view *view = read->view;
    uintptr_t mask = (uintptr_t)view->data;
    for (int axis = 0; axis < view->rank; axis++)
        mask |= (uintptr_t)view->strides[axis];
    if (mask % view->dtype->alignment != 0)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT,
                             "%s: elements of type %s have to lie at multiples of %zu bytes",
                             read->array->place, view->dtype->name, view->dtype->alignment);
    return read->is_write || view->heap ? 0 : tsri_heap_missing(err);
}

int tsri_read_check(const tsri_read *read, tsr_error *err)
{
    int64_t shape[TSR_RANK_MAX];

    TSRI_TRY_IN(err, tsri_index_check(&read->index, read->array->rank, read->grid->shape, err),
                "%s", read->array->place);
    if (!read->view)
        return 0;
    if (!read->view->data && tsr_index_count(&read->index) > 0)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT, "%s: the view has no memory",
                             read->array->place);
    int rank = tsr_index_shape(&read->index, shape);
    bool same = rank == read->view->rank;
    for (int axis = 0; same && axis < rank; axis++)
        same = shape[axis] == read->view->shape[axis];
    if (!same)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT,
                             "%s: the view does not have the shape of the selection",
                             read->array->place);
    return tsr_dtype_is_variable(read->view->dtype) ? check_variable(read, err) : 0;
}

static int check_cast(const tsr_dtype *from, const tsr_dtype *to, tsr_casting casting,
                      const tsr_array *array, tsr_error *err)
{
    if (tsr_dtype_can_cast(from, to, casting))
        return 0;
    tsr_error_set(err, TSR_TYPE_MISMATCH, "%s: %s is not turned into %s", array->place, from->name,
                  to->name);
    tsr_error_set_next_step(
        err, "allow it by a wider casting rule, or use a view of the array's own type");
    return TSR_TYPE_MISMATCH;
}

static int fetch_traced(tsr_context *context, tsri_read *reads, size_t n, const tsr_call *call,
                        tsr_error *err)
{
    const tsri_trace trace = tsri_trace_begin(context);
    int status = tsri_fetch(context, reads, n, call, NULL, err);
    tsri_trace_end(&trace, reads, n, status);
    return status;
}

int tsr_read_many(tsr_context *context, const tsr_read_request *requests, size_t n,
                  const tsr_call *call, tsr_error *err)
{
    if (n == 0)
        return 0;
    tsri_read *reads = tsri_alloc_array_zero(n, sizeof *reads);
    if (!reads)
        return tsri_error_no_memory(err, n * sizeof *reads);
    int status = 0;
    for (size_t i = 0; i < n && status == 0; i++) {
        const tsr_read_request *from = &requests[i];
        reads[i] = (tsri_read){.array = from->array,
                               .grid = tsri_array_grid(from->array),
                               .index = *from->index,
                               .casting = from->casting,
                               .view = from->view};
        status = tsri_read_check(&reads[i], err);
        if (status == 0)
            status =
                check_cast(from->array->dtype, from->view->dtype, from->casting, from->array, err);
    }
    if (status == 0)
        status = fetch_traced(context, reads, n, call, err);
    for (size_t i = 0; i < n; i++)
        tsri_grid_unref((tsri_grid *)reads[i].grid);
    tsri_free(reads);
    return status;
}

int tsri_box_view(const tsr_array *array, const tsri_grid *grid, const int64_t *start,
                  const int64_t *shape, const int64_t *step, const void *buffer, size_t size_bytes,
                  tsr_index *ret_index, tsr_view *ret_view, tsr_error *err)
{
    static const int64_t origin[TSR_RANK_MAX];
    int64_t needed[TSR_RANK_MAX];

    TSRI_TRY_IN(err,
                tsr_index_box(ret_index, array->rank, grid->shape, start ? start : origin,
                              shape ? shape : grid->shape, step, err),
                "%s", array->place);
    int rank = tsr_index_shape(ret_index, needed);
    TSRI_TRY_IN(err, tsr_view_init(ret_view, array->dtype, rank, needed, (void *)buffer, err), "%s",
                array->place);
    if (!buffer && size_bytes > 0)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT, "%s: no buffer", array->place);
    if ((uint64_t)tsr_view_size(ret_view) != size_bytes)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT,
                             "%s: the box needs %" PRId64 " bytes, the buffer has %zu",
                             array->place, tsr_view_size(ret_view), size_bytes);
    return 0;
}

int tsr_array_read(tsr_array *array, const int64_t *start, const int64_t *shape,
                   const int64_t *step, void *buffer, size_t size_bytes, const tsr_call *call,
                   tsr_error *err)
{
    tsr_auto(tsri_grid) *grid = tsri_array_grid(array);
    tsri_read read = {.array = array, .grid = grid};
    tsr_view view;

    TSRI_TRY(tsri_box_view(array, grid, start, shape, step, buffer, size_bytes, &read.index, &view,
                           err));
    if (tsr_dtype_is_variable(array->dtype))
        return tsri_heap_missing(err);
    read.view = &view;
    return fetch_traced(array->context, &read, 1, call, err);
}

int tsr_array_read_sink(tsr_array *array, const tsr_index *index, tsr_sink sink, void *user,
                        const tsr_call *call, tsr_error *err)
{
    int ended = 0;
    tsr_auto(tsri_grid) *grid = tsri_array_grid(array);
    tsri_read read = {.array = array, .grid = grid, .sink = sink, .user = user, .ended = &ended};

    if (index)
        read.index = *index;
    else
        tsr_index_all(&read.index, array->rank, grid->shape);
    TSRI_TRY(tsri_read_check(&read, err));
    int status = fetch_traced(array->context, &read, 1, call, err);
    return status < 0 && ended > 0 ? ended : status;
}
