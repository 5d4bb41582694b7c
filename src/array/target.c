#include "array/target.h"

#include "base/checked.h"
#include "exec/pool.h"
#include "tensor/copy.h"

void tsri_target_init(tsri_target *target, const tsri_read *read)
{
    int result_axis = 0;

    *target = (tsri_target){
        .read = read, .rank = read->index.rank, .data = read->view ? read->view->data : NULL};
    for (int axis = 0; axis < target->rank; axis++) {
        const tsr_index_axis *from = &read->index.axes[axis];
        tsri_target_axis *to = &target->axes[axis];
        *to = (tsri_target_axis){.start = from->start, .step = 1, .count = 1, .array_axis = axis};
        if (from->kind == TSR_INDEX_POSITION)
            continue;
        to->count = from->count;
        to->step = from->step;
        to->stride = read->view ? read->view->strides[result_axis] : 0;
        result_axis++;
        if (to->step < 0 && to->count > 0) {
            to->start += (to->count - 1) * to->step;
            to->step = -to->step;
            if (target->data)
                target->data += (to->count - 1) * to->stride;
            to->stride = -to->stride;
        }
    }
}

bool tsri_target_restrict_axis(tsri_target *target, int axis, int64_t from, int64_t length)
{
    tsri_target_axis *self = &target->axes[axis];
    int64_t skip = from > self->start ? tsri_ceil_divide(from - self->start, self->step) : 0;

    if (skip >= self->count)
        return false;
    int64_t start = self->start + skip * self->step;
    int64_t room = length - (start - from); /* not from + length, which may pass 2^63-1 */
    if (room <= 0)
        return false;
    self->count = TSRI_MIN(self->count - skip, tsri_ceil_divide(room, self->step));
    self->start = start - from;
    self->first += skip;
    if (target->data)
        target->data += skip * self->stride;
    return true;
}

bool tsri_target_restrict(const tsri_target *target, const int64_t *start, const int64_t *shape,
                          tsri_target *ret_target)
{
    ret_target->read = target->read;
    ret_target->data = target->data;
    ret_target->rank = target->rank;
    memcpy(ret_target->axes, target->axes, (size_t)target->rank * sizeof *target->axes);
    for (int axis = 0; axis < target->rank; axis++)
        if (!tsri_target_restrict_axis(ret_target, axis, start[axis], shape[axis]))
            return false;
    return true;
}

void tsri_target_permute(tsri_target *target, const int *axis_of)
{
    tsri_target_axis axes[TSR_RANK_MAX];
    memcpy(axes, target->axes, (size_t)target->rank * sizeof *axes);
    for (int axis = 0; axis < target->rank; axis++)
        target->axes[axis] = axes[axis_of[axis]];
}

tsri_shard_box tsri_target_inner_box(const tsri_target *target, const tsri_prepared *prepared)
{
    tsri_shard_box box = {.total = 1};
    for (int axis = 0; axis < target->rank; axis++) {
        const tsri_target_axis *along = &target->axes[axis];
        int64_t length = prepared->chain->shard->chunk_shape[axis];
        box.first[axis] = along->start / length;
        box.count[axis] =
            (along->start + (along->count - 1) * along->step) / length - box.first[axis] + 1;
        box.total *= box.count[axis];
    }
    return box;
}

int64_t tsri_target_count(const tsri_target *target)
{
    int64_t count = 1;
    for (int axis = 0; axis < target->rank; axis++)
        count *= target->axes[axis].count;
    return count;
}

bool tsri_target_is_direct(const tsri_target *target, const int64_t *shape, const int64_t *strides)
{
    if (!target->data || target->read->view->dtype != target->read->array->dtype)
        return false;
    for (int axis = 0; axis < target->rank; axis++) {
        const tsri_target_axis *self = &target->axes[axis];
        if (self->start != 0 || self->step != 1 || self->count != shape[axis])
            return false;
        if (self->count > 1 && self->stride != strides[axis])
            return false;
    }
    return true;
}

static void copy_elements(const tsr_view *destination, const tsr_view *source, bool swapped)
{
    if (swapped)
        tsri_view_copy_swapped(destination, source);
    else
        tsri_view_copy_same(destination, source);
}

void tsri_target_account(const tsri_target *target)
{
    int64_t bytes = tsri_target_count(target) * (int64_t)target->read->array->dtype->size_bytes;
    tsri_group_progress(target->read->group, 0, bytes, 0, 0);
}

/* The elements of the target within a chunk, in the target's axes. */
static void view_of_source(const tsri_target *target, const tsr_view *chunk, tsr_view *ret_view)
{
    ret_view->dtype = chunk->dtype;
    ret_view->rank = target->rank;
    ret_view->data = chunk->data;
    ret_view->blob = NULL;
    for (int axis = 0; axis < target->rank; axis++) {
        const tsri_target_axis *self = &target->axes[axis];
        ret_view->data += self->start * chunk->strides[axis];
        ret_view->shape[axis] = self->count;
        /* The step along an axis with one element may be as long as the array, and leads nowhere.
         */
        ret_view->strides[axis] = self->count > 1 ? self->step * chunk->strides[axis] : 0;
    }
}

static void view_of_destination(const tsri_target *target, tsr_view *ret_view)
{
    ret_view->dtype = target->read->view->dtype;
    ret_view->rank = target->rank;
    ret_view->data = target->data;
    ret_view->blob = NULL;
    for (int axis = 0; axis < target->rank; axis++) {
        ret_view->shape[axis] = target->axes[axis].count;
        ret_view->strides[axis] = target->axes[axis].stride;
    }
}

/* The axes of the result: array order, negative steps turned back, positions gone; and where its
 * first element lies there. */
static void in_result_axes(const tsri_target *target, const tsr_view *elements, tsr_view *ret_piece,
                           int64_t *ret_position)
{
    int by_array_axis[TSR_RANK_MAX];

    *ret_piece = (tsr_view){.dtype = elements->dtype, .data = elements->data};
    for (int axis = 0; axis < target->rank; axis++)
        by_array_axis[target->axes[axis].array_axis] = axis;
    for (int array_axis = 0; array_axis < target->rank; array_axis++) {
        const tsr_index_axis *asked = &target->read->index.axes[array_axis];
        int axis = by_array_axis[array_axis], to = ret_piece->rank;
        const tsri_target_axis *self = &target->axes[axis];
        if (asked->kind == TSR_INDEX_POSITION)
            continue;
        ret_position[to] = self->first;
        ret_piece->shape[to] = self->count;
        ret_piece->strides[to] = elements->strides[axis];
        if (asked->step < 0) {
            ret_piece->data += (self->count - 1) * elements->strides[axis];
            ret_piece->strides[to] = -elements->strides[axis];
            ret_position[to] = asked->count - self->first - self->count;
        }
        ret_piece->rank++;
    }
}

/* Makes a failure of what a sink or source returned, with a text when it gave none. */
static int ended_by_caller(const tsri_target *target, int status, tsr_error *err)
{
    if (status == 0)
        return 0;
    if (status > 0 && target->read->ended)
        __atomic_store_n(target->read->ended, status, __ATOMIC_RELAXED);
    if (status > 0)
        status = TSR_CANCELLED;
    if (err && err->status != status)
        tsr_error_set(err, status, "ended by the caller's %s",
                      target->read->sink ? "sink" : "source");
    return status;
}

static int call_sink(const tsri_target *target, const tsr_view *elements, tsr_error *err)
{
    tsr_view piece;
    int64_t position[TSR_RANK_MAX];
    in_result_axes(target, elements, &piece, position);
    return ended_by_caller(target, target->read->sink(target->read->user, &piece, position, err),
                           err);
}

static bool is_aligned(const tsr_view *view)
{
    uintptr_t mask = (uintptr_t)view->data;
    for (int axis = 0; axis < view->rank; axis++)
        mask |= (uintptr_t)view->strides[axis];
    return mask % view->dtype->alignment == 0;
}

/* Sinks get elements that they can look at: native byte order, aligned. */
static int deliver_to_sink(const tsri_target *target, tsr_view *source, bool swapped,
                           tsr_codec_scratch *scratch, tsr_error *err)
{
    tsr_view native;

    if (!swapped && is_aligned(source))
        return call_sink(target, source, err);
    TSRI_TRY(tsr_view_init(&native, source->dtype, source->rank, source->shape, source->data, err));
    native.data = tsri_scratch_buffer(scratch, TSRI_BUFFER_CHUNK, (size_t)tsr_view_size(&native));
    if (!native.data)
        return tsri_error_no_memory(err, (size_t)tsr_view_size(&native));
    copy_elements(&native, source, swapped);
    return call_sink(target, &native, err);
}

int tsri_target_deliver(const tsri_target *target, const tsr_view *chunk, bool swapped,
                        tsr_codec_scratch *scratch, tsr_error *err)
{
    tsr_view source, destination, native;

    tsri_target_account(target);
    view_of_source(target, chunk, &source);
    if (!target->data)
        return deliver_to_sink(target, &source, swapped, scratch, err);
    view_of_destination(target, &destination);
    if (destination.dtype == source.dtype || tsr_dtype_equal(destination.dtype, source.dtype)) {
        copy_elements(&destination, &source, swapped);
        return 0;
    }
    if (!swapped)
        return tsr_view_copy(&destination, &source, target->read->casting, err);
    TSRI_TRY(tsr_view_init(&native, source.dtype, source.rank, source.shape, source.data, err));
    native.data = tsri_scratch_buffer(scratch, TSRI_BUFFER_CHUNK, (size_t)tsr_view_size(&native));
    if (!native.data)
        return tsri_error_no_memory(err, (size_t)tsr_view_size(&native));
    tsri_view_copy_swapped(&native, &source);
    return tsr_view_copy(&destination, &native, target->read->casting, err);
}

int tsri_target_deliver_fill(const tsri_target *target, tsr_error *err)
{
    const tsr_array *array = target->read->array;
    tsr_view source = {.dtype = array->dtype, .rank = target->rank, .data = array->fill_value};
    tsr_view destination;

    tsri_target_account(target);
    for (int axis = 0; axis < target->rank; axis++)
        source.shape[axis] = target->axes[axis].count;
    if (!target->data)
        return call_sink(target, &source, err);
    view_of_destination(target, &destination);
    if (tsr_dtype_equal(destination.dtype, source.dtype)) {
        tsr_view_fill(&destination, array->fill_value);
        return 0;
    }
    return tsr_view_copy(&destination, &source, target->read->casting, err);
}

bool tsri_target_peek(const tsri_target *target, tsr_view *ret_view)
{
    if (!target->data || !tsr_dtype_equal(target->read->view->dtype, target->read->array->dtype))
        return false;
    view_of_destination(target, ret_view);
    return true;
}

int tsri_target_collect(const tsri_target *target, const tsr_view *chunk, tsr_error *err)
{
    tsr_view inside, elements, piece;
    int64_t position[TSR_RANK_MAX];

    view_of_source(target, chunk, &inside);
    if (target->data) {
        view_of_destination(target, &elements);
        return tsr_view_copy(&inside, &elements, target->read->casting, err);
    }
    in_result_axes(target, &inside, &piece, position);
    return ended_by_caller(target, target->read->source(target->read->user, &piece, position, err),
                           err);
}
