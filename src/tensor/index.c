#include <tessera/index.h>

#include "base/checked.h"
#include "tensor/index_map.h"

void tsr_index_all(tsr_index *ret_index, int rank, const int64_t *shape)
{
    ret_index->rank = rank;
    ret_index->layout = NULL;
    for (int axis = 0; axis < rank; axis++)
        ret_index->axes[axis] = (tsr_index_axis){TSR_INDEX_RANGE, 0, shape[axis], 1};
}

/* Checks one axis of a box and sets it. A single element never takes a step: its step is 1, so that
 * nobody adds a huge one. */
static int set_box_axis(tsr_index_axis *ret_axis, int axis, int64_t length, int64_t start,
                        int64_t count, int64_t step, tsr_error *err)
{
    int64_t last = 0;
    if (step == 0 || count < 0)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT,
                             "axis %d: %lld elements in steps of %lld is not a range", axis,
                             (long long)count, (long long)step);
    bool fits = count == 0
                    ? start >= 0 && start <= length
                    : start >= 0 && start < length && tsri_multiply_i64(count - 1, step, &last) &&
                          tsri_add_i64(last, start, &last) && last >= 0 && last < length;
    if (!fits) {
        tsr_error_set(err, TSR_OUT_OF_BOUNDS,
                      "axis %d: %lld elements from %lld in steps of %lld leave the length of %lld",
                      axis, (long long)count, (long long)start, (long long)step, (long long)length);
        tsr_error_set_next_step(err, "choose positions from 0 on and below %lld",
                                (long long)length);
        return TSR_OUT_OF_BOUNDS;
    }
    *ret_axis = (tsr_index_axis){TSR_INDEX_RANGE, start, count, count > 1 ? step : 1};
    return 0;
}

int tsr_index_box(tsr_index *ret_index, int rank, const int64_t *shape, const int64_t *start,
                  const int64_t *count, const int64_t *step, tsr_error *err)
{
    tsr_index index = {.rank = rank};
    if (rank < 0 || rank > TSR_RANK_MAX)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT, "rank %d is not between 0 and %d", rank,
                             TSR_RANK_MAX);
    for (int axis = 0; axis < rank; axis++)
        TSRI_TRY(set_box_axis(&index.axes[axis], axis, shape[axis], start[axis], count[axis],
                              step ? step[axis] : 1, err));
    *ret_index = index;
    return 0;
}

void tsr_index_copy(tsr_index *ret_index, const tsr_index *index)
{
    *ret_index = *index;
    if (index->layout)
        __atomic_add_fetch(&index->layout->references, 1, __ATOMIC_RELAXED);
}

static void free_layout(tsr_index_layout *layout)
{
    for (int i = 0; i < layout->group_count; i++)
        for (int number = 0; number < layout->groups[i].axis_count; number++)
            tsri_free(layout->groups[i].coordinates[number]);
    tsri_free(layout);
}

void tsr_index_clear(tsr_index *index)
{
    tsr_index_layout *layout = index->layout;
    index->layout = NULL;
    index->rank = 0;
    if (layout && __atomic_sub_fetch(&layout->references, 1, __ATOMIC_ACQ_REL) == 0)
        free_layout(layout);
}

int tsr_index_shape(const tsr_index *index, int64_t *ret_shape)
{
    int rank = 0;
    if (index->layout) {
        rank = index->layout->result_rank;
        memcpy(ret_shape, index->layout->shape, (size_t)rank * sizeof *ret_shape);
        return rank;
    }
    for (int axis = 0; axis < index->rank; axis++)
        if (index->axes[axis].kind == TSR_INDEX_RANGE)
            ret_shape[rank++] = index->axes[axis].count;
    return rank;
}

int64_t tsr_index_count(const tsr_index *index)
{
    int64_t shape[TSR_RANK_MAX], count;
    int rank = tsr_index_shape(index, shape);
    return tsri_shape_count(rank, shape, &count) ? count : INT64_MAX;
}

int tsr_index_array_axis(const tsr_index *index, int result_axis)
{
    for (int axis = 0; axis < index->rank; axis++) {
        tsri_index_map map = tsri_index_map_of(index, axis);
        if (map.kind == TSRI_MAP_AFFINE && map.axis == result_axis)
            return axis;
    }
    return -1;
}

void tsr_index_locate(const tsr_index *index, const int64_t *position, int64_t *ret_element)
{
    int64_t shape[TSR_RANK_MAX];

    tsr_index_shape(index, shape);
    for (int axis = 0; axis < index->rank; axis++) {
        tsri_index_map map = tsri_index_map_of(index, axis);
        int64_t number = 0;
        for (uint32_t left = map.axes; left != 0; left &= left - 1) {
            int along = __builtin_ctz(left);
            number = number * shape[along] + position[along];
        }
        ret_element[axis] = map.kind == TSRI_MAP_TABLE ? map.table[number]
                            : map.kind == TSRI_MAP_AFFINE
                                ? map.start + map.step * position[map.axis]
                                : map.start;
    }
}

int tsri_index_check(const tsr_index *index, int rank, const int64_t *shape, tsr_error *err)
{
    if (index->rank != rank)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT, "a selection of %d axes from %d",
                             index->rank, rank);
    for (int axis = 0; axis < rank; axis++) {
        const tsr_index_axis *self = &index->axes[axis];
        int64_t last = self->start, length = shape[axis], way;
        if (self->count < 0 || (self->step == 0 && self->kind != TSR_INDEX_POSITION))
            return tsr_error_set(err, TSR_INVALID_ARGUMENT,
                                 "axis %d: %lld elements by steps of %lld", axis,
                                 (long long)self->count, (long long)self->step);
        if (self->kind != TSR_INDEX_POSITION && self->count == 0)
            continue;
        bool fits = self->kind == TSR_INDEX_POSITION ||
                    (tsri_multiply_i64(self->count - 1, self->step, &way) &&
                     tsri_add_i64(self->start, way, &last));
        if (!fits || self->start < 0 || self->start >= length || last < 0 || last >= length) {
            tsr_error_set(err, TSR_OUT_OF_BOUNDS,
                          "axis %d: elements from %lld lie outside its length of %lld", axis,
                          (long long)self->start, (long long)length);
            tsr_error_set_next_step(err, "choose positions from 0 on and below %lld",
                                    (long long)length);
            return TSR_OUT_OF_BOUNDS;
        }
    }
    return 0;
}
