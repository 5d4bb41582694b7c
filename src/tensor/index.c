#include <tessera/index.h>

#include "base/checked.h"
#include "tensor/copy.h"

void tsr_index_all(tsr_index *ret_index, int rank, const int64_t *shape)
{
    ret_index->rank = rank;
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
    if (!fits)
        return tsr_error_set(
            err, TSR_OUT_OF_BOUNDS,
            "axis %d: %lld elements from %lld in steps of %lld leave the length of %lld", axis,
            (long long)count, (long long)start, (long long)step, (long long)length);
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

int tsr_index_shape(const tsr_index *index, int64_t *ret_shape)
{
    int rank = 0;
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
