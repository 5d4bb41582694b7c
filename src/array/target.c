#include "array/target.h"

#include "base/checked.h"
#include "base/profile.h"
#include "tensor/copy.h"
#include "tensor/variable.h"

/* A range of the index, which goes along this axis of the result. */
static void set_range(tsri_target *target, int axis, const tsr_index_axis *from, int result_axis)
{
    tsri_target_axis *to = &target->axes[axis];
    const tsr_view *view = target->read->view;

    to->count = from->count;
    to->step = from->step;
    to->stride = view ? view->strides[result_axis] : 0;
    if (to->step < 0 && to->count > 0) {
        to->start += (to->count - 1) * to->step;
        to->step = -to->step;
        if (target->data)
            target->data += (to->count - 1) * to->stride;
        to->stride = -to->stride;
    }
}

static void set_groups(tsri_target *target)
{
    const tsri_points_set *set = target->read->points;

    target->group_count = set ? set->count : 0;
    for (int i = 0; i < target->group_count; i++) {
        const tsri_points *points = &set->points[i];
        target->groups[i] = (tsri_target_points){points, 0, points->count};
        for (int number = 0; number < points->group->axis_count; number++)
            target->axes[points->group->axes[number]] =
                (tsri_target_axis){.step = 1,
                                   .count = 1,
                                   .array_axis = points->group->axes[number],
                                   .group = i + 1,
                                   .coordinate = number};
    }
}

/* Whether nothing of the array runs along an axis of the result. */
static bool is_new_axis(const tsr_index *index, int result_axis)
{
    const tsr_index_layout *layout = index->layout;
    for (int axis = 0; axis < index->rank; axis++)
        if (index->axes[axis].kind == TSR_INDEX_RANGE && layout->result_axis[axis] == result_axis)
            return false;
    for (int i = 0; i < layout->group_count; i++)
        for (int number = 0; number < layout->groups[i].result_count; number++)
            if (layout->groups[i].result_axes[number] == result_axis)
                return false;
    return true;
}

/* Of elements that are given several times, along new axes, the last ones are written. */
static void go_to_last(tsri_target *target)
{
    const tsr_index *index = &target->read->index;
    for (int axis = 0; axis < index->layout->result_rank; axis++)
        if (index->layout->shape[axis] > 1 && is_new_axis(index, axis))
            target->data += (index->layout->shape[axis] - 1) * target->read->view->strides[axis];
}

void tsri_target_init(tsri_target *target, const tsri_read *read)
{
    const tsr_index *index = &read->index;
    int result_axis = 0;

    *target = (tsri_target){
        .read = read, .rank = index->rank, .data = read->view ? read->view->data : NULL};
    for (int axis = 0; axis < target->rank; axis++) {
        const tsr_index_axis *from = &index->axes[axis];
        target->axes[axis] =
            (tsri_target_axis){.start = from->start, .step = 1, .count = 1, .array_axis = axis};
        if (from->kind == TSR_INDEX_RANGE)
            set_range(target, axis, from,
                      index->layout ? index->layout->result_axis[axis] : result_axis++);
    }
    set_groups(target);
    if (index->layout && read->is_write && target->data)
        go_to_last(target);
}

void tsri_target_repeat(const tsri_read *read)
{
    const tsr_index_layout *layout = read->index.layout;

    for (int axis = 0; layout && read->view && axis < layout->result_rank; axis++) {
        tsr_view from = *read->view, to = from;
        if (layout->shape[axis] < 2 || !is_new_axis(&read->index, axis))
            continue;
        for (int later = axis + 1; later < layout->result_rank; later++)
            if (is_new_axis(&read->index, later))
                from.shape[later] = to.shape[later] = 1;
        from.strides[axis] = 0;
        from.shape[axis] = --to.shape[axis];
        to.data += to.strides[axis];
        tsri_view_copy_same(&to, &from);
    }
}

/* The first of the points from..to whose coordinate is not less than `least`, which is where a cell
 * begins. */
static int64_t find_point(const int64_t *coordinates, int64_t from, int64_t to, int64_t least)
{
    while (from < to) {
        int64_t middle = from + (to - from) / 2;
        if (coordinates[middle] < least)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

static bool restrict_points(tsri_target *target, int axis, int64_t from, int64_t length)
{
    tsri_target_axis *self = &target->axes[axis];
    tsri_target_points *group = &target->groups[self->group - 1];
    const int64_t *coordinates = group->points->coordinates[self->coordinate];
    int64_t end = group->from + group->count;

    self->origin += from;
    int64_t first = find_point(coordinates, group->from, end, self->origin);
    int64_t behind = length <= INT64_MAX - self->origin
                         ? find_point(coordinates, first, end, self->origin + length)
                         : end;
    group->from = first;
    group->count = behind - first;
    return behind > first;
}

/* How many steps it takes to go at least so far. Most steps are 1, and a division would be a good
 * part of what a small chunk costs. */
static int64_t steps_to(const tsri_target_axis *axis, int64_t distance)
{
    return axis->step == 1 ? distance : tsri_ceil_divide(distance, axis->step);
}

bool tsri_target_restrict_axis(tsri_target *target, int axis, int64_t from, int64_t length)
{
    tsri_target_axis *self = &target->axes[axis];
    if (self->group > 0)
        return restrict_points(target, axis, from, length);
    int64_t skip = from > self->start ? steps_to(self, from - self->start) : 0;

    if (skip >= self->count)
        return false;
    int64_t start = self->start + skip * self->step;
    int64_t room = length - (start - from); /* not from + length, which may pass 2^63-1 */
    if (room <= 0)
        return false;
    self->count = TSRI_MIN(self->count - skip, steps_to(self, room));
    self->start = start - from;
    self->first += skip;
    if (target->data)
        target->data += skip * self->stride;
    return true;
}

void tsri_target_copy(tsri_target *to, const tsri_target *from)
{
    to->read = from->read;
    to->data = from->data;
    to->rank = from->rank;
    to->group_count = from->group_count;
    memcpy(to->axes, from->axes, (size_t)from->rank * sizeof *from->axes);
    for (int i = 0; i < from->group_count; i++)
        to->groups[i] = from->groups[i];
}

bool tsri_target_restrict(const tsri_target *target, const int64_t *start, const int64_t *shape,
                          tsri_target *ret_target)
{
    tsri_target_copy(ret_target, target);
    for (int axis = 0; axis < target->rank; axis++)
        if (!tsri_target_restrict_axis(ret_target, axis, start[axis], shape[axis]))
            return false;
    return true;
}

void tsri_target_permute(tsri_target *target, const int *axis_of)
{
    tsri_target_axis axes[TSR_RANK_MAX] TSRI_UNINITIALIZED;
    int moved = 0;
    while (moved < target->rank && axis_of[moved] == moved)
        moved++;
    if (moved >= target->rank)
        return;
    memcpy(axes, target->axes, (size_t)target->rank * sizeof *axes);
    for (int axis = 0; axis < target->rank; axis++)
        target->axes[axis] = axes[axis_of[axis]];
}

void tsri_target_bounds(const tsri_target *target, int axis, int64_t *ret_first, int64_t *ret_last)
{
    const tsri_target_axis *self = &target->axes[axis];

    *ret_first = self->start;
    *ret_last = self->start + (self->count - 1) * self->step;
    if (self->group == 0)
        return;
    const tsri_target_points *group = &target->groups[self->group - 1];
    const int64_t *coordinates = group->points->coordinates[self->coordinate] + group->from;
    int64_t least = coordinates[0], most = coordinates[0];
    for (int64_t i = 1; i < group->count; i++) {
        least = TSRI_MIN(least, coordinates[i]);
        most = TSRI_MAX(most, coordinates[i]);
    }
    *ret_first = least - self->origin;
    *ret_last = most - self->origin;
}

int64_t tsri_target_count(const tsri_target *target)
{
    int64_t count = 1;
    for (int axis = 0; axis < target->rank; axis++)
        count *= target->axes[axis].count;
    for (int i = 0; i < target->group_count; i++)
        count *= target->groups[i].count;
    return count;
}

bool tsri_target_is_direct(const tsri_target *target, const int64_t *shape, const int64_t *strides)
{
    if (!target->data || target->read->view->dtype != target->read->array->dtype ||
        target->group_count > 0)
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

static void copy_elements(const tsr_view *destination, const tsr_view *source, bool swapped,
                          bool streamed)
{
    if (swapped)
        tsri_view_copy_swapped(destination, source);
    else if (streamed)
        tsri_view_copy_streamed(destination, source);
    else
        tsri_view_copy_same(destination, source);
}

int64_t tsri_target_bytes(const tsri_target *target)
{
    return tsri_target_count(target) * (int64_t)target->read->array->dtype->size_bytes;
}

void tsri_target_view_of_source(const tsri_target *target, const tsr_view *chunk,
                                tsr_view *ret_view)
{
    ret_view->dtype = chunk->dtype;
    ret_view->rank = target->rank;
    ret_view->data = chunk->data;
    ret_view->blob = NULL;
    ret_view->heap = chunk->heap;
    for (int axis = 0; axis < target->rank; axis++) {
        const tsri_target_axis *self = &target->axes[axis];
        ret_view->data += self->start * chunk->strides[axis];
        ret_view->shape[axis] = self->count;
        /* The step along an axis with one element may be as long as the array, and leads nowhere.
         */
        ret_view->strides[axis] = self->count > 1 ? self->step * chunk->strides[axis] : 0;
    }
}

void tsri_target_view_of_destination(const tsri_target *target, tsr_view *ret_view)
{
    ret_view->dtype = target->read->view->dtype;
    ret_view->rank = target->rank;
    ret_view->data = target->data;
    ret_view->blob = NULL;
    ret_view->heap = target->read->view->heap;
    for (int axis = 0; axis < target->rank; axis++) {
        ret_view->shape[axis] = target->axes[axis].count;
        ret_view->strides[axis] = target->axes[axis].stride;
    }
}

/* What a piece is and where its first element lies in the result. */
typedef struct piece {
    tsr_view view;
    int64_t position[TSR_RANK_MAX];
} piece;

/* Before anything is known of its axes: along those that nothing of the array runs along, the same
 * elements repeat, and the last ones are written. */
static void piece_init(piece *self, const tsri_read *read, const tsr_view *elements)
{
    int64_t shape[TSR_RANK_MAX];

    self->view =
        (tsr_view){.dtype = elements->dtype, .data = elements->data, .heap = elements->heap};
    self->view.rank = tsr_index_shape(&read->index, shape);
    for (int axis = 0; axis < self->view.rank; axis++) {
        self->view.shape[axis] = read->is_write ? 1 : shape[axis];
        self->view.strides[axis] = 0;
        self->position[axis] = read->is_write ? shape[axis] - 1 : 0;
    }
}

/* A range, along an axis of the result; a negative step is turned back. */
static void piece_set_range(piece *self, const tsr_index_axis *asked, const tsri_target_axis *range,
                            int64_t stride, int to)
{
    self->position[to] = range->first;
    self->view.shape[to] = range->count;
    self->view.strides[to] = stride;
    if (asked->step < 0) {
        self->view.data += (range->count - 1) * stride;
        self->view.strides[to] = -stride;
        self->position[to] = asked->count - range->first - range->count;
    }
}

/* Points whose numbers follow each other, along the last axis of the result that they have. */
static void piece_set_points(piece *self, const tsri_target_points *points, int64_t stride,
                             const int64_t *shape)
{
    const tsri_index_group *group = points->points->group;
    int64_t number = points->points->to[points->from];

    for (int i = group->result_count - 1; i >= 0; i--) {
        int axis = group->result_axes[i];
        self->position[axis] = number % shape[axis];
        self->view.shape[axis] = 1;
        number /= shape[axis];
    }
    int last = group->result_axes[group->result_count - 1];
    self->view.shape[last] = points->count;
    self->view.strides[last] = stride;
}

/* In the axes of the result: positions gone, the others where the index puts them. */
static void make_piece(const tsri_target *target, const tsr_view *elements,
                       const int64_t *point_strides, piece *ret_piece)
{
    const tsr_index *index = &target->read->index;
    int by_array_axis[TSR_RANK_MAX], result_axis = 0;

    piece_init(ret_piece, target->read, elements);
    for (int axis = 0; axis < target->rank; axis++)
        by_array_axis[target->axes[axis].array_axis] = axis;
    for (int array_axis = 0; array_axis < target->rank; array_axis++) {
        int axis = by_array_axis[array_axis];
        if (index->axes[array_axis].kind == TSR_INDEX_RANGE)
            piece_set_range(ret_piece, &index->axes[array_axis], &target->axes[axis],
                            elements->strides[axis],
                            index->layout ? index->layout->result_axis[array_axis] : result_axis++);
    }
    for (int i = 0; point_strides && i < target->group_count; i++)
        piece_set_points(ret_piece, &target->groups[i], point_strides[i], index->layout->shape);
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

int tsri_target_call(const tsri_target *target, const tsr_view *elements,
                     const int64_t *point_strides, tsr_error *err)
{
    const tsri_read *read = target->read;
    piece part;

    make_piece(target, elements, point_strides, &part);
    tsri_phase before = tsri_phase_begin(read->array->context, TSRI_PHASE_CALLER);
    int status = read->sink ? read->sink(read->user, &part.view, part.position, err)
                            : read->source(read->user, &part.view, part.position, err);
    tsri_phase_end(read->array->context, before);
    return ended_by_caller(target, status, err);
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
        return tsri_target_call(target, source, NULL, err);
    TSRI_TRY(tsr_view_init(&native, source->dtype, source->rank, source->shape, source->data, err));
    native.data = tsri_scratch_buffer(scratch, TSRI_BUFFER_CHUNK, (size_t)tsr_view_size(&native));
    if (!native.data)
        return tsri_error_no_memory(err, (size_t)tsr_view_size(&native));
    copy_elements(&native, source, swapped, false);
    return tsri_target_call(target, &native, NULL, err);
}

int tsri_target_deliver(const tsri_target *target, const tsr_view *chunk, bool swapped,
                        tsr_codec_scratch *scratch, tsr_error *err)
{
    tsr_view source TSRI_UNINITIALIZED, destination TSRI_UNINITIALIZED;
    tsr_view native TSRI_UNINITIALIZED;

    if (target->group_count > 0)
        return tsri_target_deliver_points(target, chunk, swapped, err);
    tsri_target_view_of_source(target, chunk, &source);
    if (!target->data)
        return deliver_to_sink(target, &source, swapped, scratch, err);
    tsri_target_view_of_destination(target, &destination);
    if ((destination.dtype == source.dtype || tsr_dtype_equal(destination.dtype, source.dtype)) &&
        !tsr_dtype_is_variable(source.dtype)) {
        copy_elements(&destination, &source, swapped, target->read->streamed);
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

static int deliver_fill(const tsri_target *target, tsr_error *err)
{
    const tsr_array *array = target->read->array;
    tsr_view source = {.dtype = array->dtype, .rank = target->rank, .data = array->fill_value};
    tsr_view destination;

    if (target->group_count > 0)
        return tsri_target_deliver_points(target, NULL, false, err);
    for (int axis = 0; axis < target->rank; axis++)
        source.shape[axis] = target->axes[axis].count;
    if (!target->data)
        return tsri_target_call(target, &source, NULL, err);
    tsri_target_view_of_destination(target, &destination);
    if (tsr_dtype_equal(destination.dtype, source.dtype))
        return tsri_view_fill_owned(&destination, array->fill_value, err);
    return tsr_view_copy(&destination, &source, target->read->casting, err);
}

int tsri_target_deliver_fill(const tsri_target *target, tsr_error *err)
{
    const tsr_context *context = target->read->array->context;
    tsri_phase before = tsri_phase_begin(context, TSRI_PHASE_COPY);
    int status = deliver_fill(target, err);
    tsri_phase_end(context, before);
    return status;
}

bool tsri_target_peek(const tsri_target *target, tsr_view *ret_view)
{
    if (!target->data || target->group_count > 0 ||
        !tsr_dtype_equal(target->read->view->dtype, target->read->array->dtype))
        return false;
    tsri_target_view_of_destination(target, ret_view);
    return true;
}

static int collect(const tsri_target *target, const tsr_view *chunk, tsr_error *err)
{
    tsr_view inside, elements;

    if (target->group_count > 0)
        return tsri_target_collect_points(target, chunk, err);
    tsri_target_view_of_source(target, chunk, &inside);
    if (!target->data)
        return tsri_target_call(target, &inside, NULL, err);
    tsri_target_view_of_destination(target, &elements);
    return tsr_view_copy(&inside, &elements, target->read->casting, err);
}

int tsri_target_collect(const tsri_target *target, const tsr_view *chunk, tsr_error *err)
{
    const tsr_context *context = target->read->array->context;
    tsri_phase before = tsri_phase_begin(context, TSRI_PHASE_COPY);
    int status = collect(target, chunk, err);
    tsri_phase_end(context, before);
    return status;
}
