/* Chunks that a driver fills in itself, or that are read from other arrays. */
#include "array/fetch.h"
#include "array/flight.h"
#include "base/call.h"
#include "base/context.h"
#include "base/profile.h"

/* A box of an array that is made of others is a read of its own. The group of the outer one counts
 * what is delivered, and calls back. */
static int read_derived_box(tsri_fetcher *self, tsr_array *array, const int64_t *start,
                            const tsr_view *view, tsr_error *err)
{
    const tsr_call below = tsri_call_below(self->call);
    tsr_auto(tsri_grid) *grid = tsri_array_grid(array);
    tsri_read read = {.array = array, .grid = grid, .index.rank = view->rank, .view = view};

    for (int axis = 0; axis < view->rank; axis++)
        read.index.axes[axis] =
            (tsr_index_axis){TSR_INDEX_RANGE, start[axis], view->shape[axis], 1};
    return tsri_fetch(self->context, &read, 1, &below, NULL, err);
}

static int call_read_box(tsri_fetcher *self, tsr_array *array, const int64_t *start,
                         const tsr_view *view, tsr_error *err)
{
    if (array->lower)
        return read_derived_box(self, array, start, view, err);
    tsri_phase before = tsri_phase_begin(self->context, TSRI_PHASE_DRIVER);
    if (array->ops->serial)
        pthread_mutex_lock(&array->serial);
    int status = array->ops->read_box(array->driver, start, view, self->call, err);
    if (array->ops->serial)
        pthread_mutex_unlock(&array->serial);
    tsri_phase_end(self->context, before);
    if (status < 0)
        tsr_error_prepend(err, "%s", array->place);
    return status;
}

/* Drivers may write elements, where others write bytes. */
static bool is_aligned(const tsr_view *box)
{
    return box->dtype->component_bytes == 0 ||
           (uintptr_t)box->data % box->dtype->component_bytes == 0;
}

/* The box from the first to the last element that a target wants, read into scratch and picked from
 * there. */
static int read_box(tsri_fetcher *self, tsri_unit *unit, const tsri_target *target,
                    tsr_codec_scratch *scratch, tsr_error *err)
{
    static const char nothing = 0;
    int64_t start[TSR_RANK_MAX], shape[TSR_RANK_MAX];
    tsri_target inside = *target;
    tsr_view box;

    for (int axis = 0; axis < target->rank; axis++) {
        int64_t first, last;
        tsri_target_bounds(target, axis, &first, &last);
        start[axis] = unit->origin[axis] + first;
        shape[axis] = last - first + 1;
        inside.axes[axis].start = 0;
        inside.axes[axis].origin += first;
    }
    TSRI_TRY(tsr_view_init(&box, unit->array->dtype, target->rank, shape, (void *)&nothing, err));
    box.data = target->data;
    if (tsri_target_is_direct(&inside, box.shape, box.strides) && is_aligned(&box)) {
        box.heap = target->read->view->heap;
        TSRI_TRY(call_read_box(self, unit->array, start, &box, err));
        return 0;
    }
    box.data = tsri_scratch_buffer(scratch, TSRI_BUFFER_CHUNK, (size_t)tsr_view_size(&box));
    if (tsr_dtype_is_variable(box.dtype))
        box.heap = tsri_scratch_heap(scratch);
    if (!box.data || (tsr_dtype_is_variable(box.dtype) && !box.heap))
        return tsri_error_no_memory(err, (size_t)tsr_view_size(&box));
    TSRI_TRY(call_read_box(self, unit->array, start, &box, err));
    tsri_phase before = tsri_phase_begin(self->context, TSRI_PHASE_COPY);
    int status = tsri_target_deliver(&inside, &box, false, scratch, err);
    tsri_phase_end(self->context, before);
    return status;
}

void tsri_flight_fill_boxes(tsri_fetcher *self, tsri_flight *from, tsr_codec_scratch *scratch)
{
    tsri_unit *unit = from->portion.unit;
    int status = self->cost ? tsri_explain_refuse(unit->array, &from->error) : 0;
    for (size_t i = 0; i < unit->target_count && status == 0; i++)
        status = read_box(self, unit, &unit->targets[i], scratch, &from->error);
    from->by->done.chunks_done++;
    if (status == 0)
        from->by->done.bytes_done += tsri_unit_bytes(unit);
    tsri_flight_finish(self, from, status, &from->error);
}
