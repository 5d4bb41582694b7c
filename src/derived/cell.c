#include "derived/cell.h"

#include "base/checked.h"

void tsri_cell_grow(int rank, const int64_t *shape, int64_t weight_bytes, int64_t aim_bytes,
                    int64_t *cell)
{
    int64_t bytes = weight_bytes;

    for (int axis = 0; axis < rank; axis++)
        if (!tsri_multiply_i64(bytes, cell[axis], &bytes))
            return;
    for (int axis = rank - 1; axis >= 0; axis--) {
        int64_t fit = bytes > 0 ? aim_bytes / bytes : 0;
        int64_t needed = tsri_ceil_divide(TSRI_MAX(shape[axis], INT64_C(1)), cell[axis]);
        if (fit <= 1)
            return;
        int64_t times = TSRI_MIN(fit, needed);
        cell[axis] *= times;
        bytes *= times;
        if (times < needed)
            return;
    }
}
