#include "source/box.h"

#include "base/checked.h"

#define BOX_BYTES_AIM (INT64_C(4) << 20)

void tsri_box_choose(int rank, const int64_t *shape, const int64_t *stored, size_t element_bytes,
                     int64_t *ret_box)
{
    int64_t bytes = (int64_t)element_bytes;

    for (int axis = 0; axis < rank; axis++) {
        int64_t length = TSRI_MAX(shape[axis], INT64_C(1));
        ret_box[axis] = stored ? TSRI_MAX(TSRI_MIN(stored[axis], length), INT64_C(1)) : 1;
        if (!tsri_multiply_i64(bytes, ret_box[axis], &bytes))
            bytes = INT64_MAX;
    }
    for (int axis = rank - 1; axis >= 0; axis--) {
        int64_t length = TSRI_MAX(shape[axis], INT64_C(1));
        int64_t fit = BOX_BYTES_AIM / bytes, needed = tsri_ceil_divide(length, ret_box[axis]);
        if (fit <= 1 || needed == 1)
            continue;
        int64_t times = TSRI_MIN(fit, needed);
        bytes *= times;
        ret_box[axis] = times == needed ? length : ret_box[axis] * times;
        if (times < needed)
            return;
    }
}
