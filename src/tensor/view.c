#include <tessera/view.h>

#include "base/base.h"
#include "base/checked.h"
#include "tensor/copy.h"

const char *tsri_shape_text(int rank, const int64_t *shape, char text[TSRI_SHAPE_TEXT_MAX])
{
    static const char ending[] = "...]";
    size_t used = 1;
    text[0] = '[';
    for (int axis = 0; axis < rank; axis++) {
        char number[32];
        int length =
            snprintf(number, sizeof number, axis ? ", %lld" : "%lld", (long long)shape[axis]);
        if (used + (size_t)length + sizeof ending > TSRI_SHAPE_TEXT_MAX) {
            memcpy(text + used, ending, sizeof ending);
            return text;
        }
        memcpy(text + used, number, (size_t)length);
        used += (size_t)length;
    }
    memcpy(text + used, "]", 2);
    return text;
}

bool tsri_view_same_shape(const tsr_view *a, const tsr_view *b)
{
    return a->rank == b->rank &&
           memcmp(a->shape, b->shape, sizeof a->shape[0] * (size_t)a->rank) == 0;
}

static int check_rank(int rank, tsr_error *err)
{
    if (rank >= 0 && rank <= TSR_RANK_MAX)
        return 0;
    return tsr_error_set(err, TSR_INVALID_ARGUMENT, "rank %d is not between 0 and %d", rank,
                         TSR_RANK_MAX);
}

static int check_axis(const tsr_view *view, int axis, tsr_error *err)
{
    if (axis >= 0 && axis < view->rank)
        return 0;
    return tsr_error_set(err, TSR_INVALID_ARGUMENT, "axis %d does not exist in a view of rank %d",
                         axis, view->rank);
}

/* Checks a shape and computes its number of elements; their size in bytes fits int64 too. */
static int check_shape(int rank, const int64_t *shape, size_t element_bytes, int64_t *ret_count,
                       tsr_error *err)
{
    char text[TSRI_SHAPE_TEXT_MAX];
    int64_t size_bytes;
    TSRI_TRY(check_rank(rank, err));
    for (int axis = 0; axis < rank; axis++)
        if (shape[axis] < 0)
            return tsr_error_set(err, TSR_INVALID_ARGUMENT, "shape %s has a negative length",
                                 tsri_shape_text(rank, shape, text));
    if (!tsri_shape_count(rank, shape, ret_count) ||
        !tsri_multiply_i64(*ret_count, (int64_t)element_bytes, &size_bytes))
        return tsr_error_set(err, TSR_LIMIT, "shape %s of %zu-byte elements exceeds 2^63-1 bytes",
                             tsri_shape_text(rank, shape, text), element_bytes);
    return 0;
}

/* Strides of dense C order. Those of a view without elements are 0: no product of its other lengths
 * need fit. */
static void set_dense_strides(tsr_view *view, int64_t count)
{
    int64_t stride = count > 0 ? (int64_t)view->dtype->size_bytes : 0;
    for (int axis = view->rank - 1; axis >= 0; axis--) {
        view->strides[axis] = stride;
        stride *= count > 0 ? view->shape[axis] : 0;
    }
}

int tsr_view_init(tsr_view *ret_view, const tsr_dtype *dtype, int rank, const int64_t *shape,
                  void *data, tsr_error *err)
{
    int64_t count;
    TSRI_TRY(check_shape(rank, shape, dtype->size_bytes, &count, err));
    ret_view->dtype = dtype;
    ret_view->rank = rank;
    ret_view->data = data;
    ret_view->blob = NULL;
    ret_view->heap = NULL;
    for (int axis = 0; axis < rank; axis++)
        ret_view->shape[axis] = shape[axis];
    set_dense_strides(ret_view, count);
    return 0;
}

/* What a view of variable length owns: slots, and the heap that they point to. */
typedef struct variable_memory {
    void *slots;
    tsr_heap *heap;
} variable_memory;

static void release_variable(void *user)
{
    variable_memory *memory = user;
    tsr_heap_unref(memory->heap);
    tsri_free(memory->slots);
    tsri_free(memory);
}

static int make_variable(size_t size_bytes, variable_memory **ret_memory, tsr_error *err)
{
    variable_memory *memory = tsri_alloc_zero(sizeof *memory);
    if (!memory)
        return tsri_error_no_memory(err, sizeof *memory);
    memory->slots = tsri_alloc_zero(size_bytes);
    int status =
        memory->slots ? tsr_heap_new(&memory->heap, err) : tsri_error_no_memory(err, size_bytes);
    if (status < 0)
        release_variable(memory);
    else
        *ret_memory = memory;
    return status;
}

static int new_variable(tsr_view *ret_view, const tsr_dtype *dtype, int rank, const int64_t *shape,
                        tsr_error *err)
{
    int64_t count;
    variable_memory *memory;
    tsr_blob *blob;
    TSRI_TRY(check_shape(rank, shape, dtype->size_bytes, &count, err));
    size_t size_bytes = (size_t)count * dtype->size_bytes;
    TSRI_TRY(make_variable(size_bytes, &memory, err));
    int status = tsr_blob_wrap(memory->slots, size_bytes, release_variable, memory, &blob, err);
    if (status < 0) {
        release_variable(memory);
        return status;
    }
    TSRI_TRY(tsr_view_init(ret_view, dtype, rank, shape, memory->slots, err));
    ret_view->blob = blob;
    ret_view->heap = memory->heap;
    return 0;
}

int tsr_view_new(tsr_view *ret_view, const tsr_dtype *dtype, int rank, const int64_t *shape,
                 tsr_error *err)
{
    int64_t count;
    tsr_auto(tsr_blob) *blob = NULL;
    if (tsr_dtype_is_variable(dtype))
        return new_variable(ret_view, dtype, rank, shape, err);
    TSRI_TRY(check_shape(rank, shape, dtype->size_bytes, &count, err));
    TSRI_TRY(tsr_blob_new((size_t)count * dtype->size_bytes, &blob, err));
    TSRI_TRY(tsr_view_init(ret_view, dtype, rank, shape, tsr_blob_data_writable(blob), err));
    ret_view->blob = TSRI_TAKE(blob);
    return 0;
}

void tsr_view_clear(tsr_view *view)
{
    tsr_blob_unref(view->blob);
    *view = (tsr_view){0};
}

int64_t tsr_view_count(const tsr_view *view)
{
    int64_t count = 1;
    bool empty = false;
    for (int axis = 0; axis < view->rank; axis++)
        empty |= view->shape[axis] == 0;
    for (int axis = 0; axis < view->rank && !empty; axis++)
        count *= view->shape[axis];
    return empty ? 0 : count;
}

int64_t tsr_view_size(const tsr_view *view)
{
    return tsr_view_count(view) * (int64_t)view->dtype->size_bytes;
}

bool tsr_view_is_dense(const tsr_view *view)
{
    if (tsr_view_count(view) == 0)
        return true;
    int64_t stride = (int64_t)view->dtype->size_bytes;
    for (int axis = view->rank - 1; axis >= 0; axis--) {
        if (view->shape[axis] == 1)
            continue;
        if (view->strides[axis] != stride)
            return false;
        stride *= view->shape[axis];
    }
    return true;
}

/* Whether start, start + step, ... (count elements) all lie in 0 .. length - 1. */
static bool range_fits(int64_t start, int64_t count, int64_t step, int64_t length)
{
    int64_t last;
    if (count == 0)
        return start >= 0 && start <= length;
    return start >= 0 && start < length && tsri_multiply_i64(count - 1, step, &last) &&
           tsri_add_i64(last, start, &last) && last >= 0 && last < length;
}

int tsr_view_slice(tsr_view *view, int axis, int64_t start, int64_t count, int64_t step,
                   tsr_error *err)
{
    TSRI_TRY(check_axis(view, axis, err));
    if (count < 0 || step == 0)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT,
                             "axis %d: %lld elements in steps of %lld is not a range", axis,
                             (long long)count, (long long)step);
    if (!range_fits(start, count, step, view->shape[axis]))
        return tsr_error_set(
            err, TSR_OUT_OF_BOUNDS,
            "axis %d: %lld elements from %lld in steps of %lld leave the length of %lld", axis,
            (long long)count, (long long)start, (long long)step, (long long)view->shape[axis]);
    /* With at most one element the stride is never used, and step may be huge. */
    if (count > 0)
        view->data += start * view->strides[axis];
    if (count > 1)
        view->strides[axis] *= step;
    view->shape[axis] = count;
    return 0;
}

int tsr_view_select(tsr_view *view, int axis, int64_t position, tsr_error *err)
{
    TSRI_TRY(check_axis(view, axis, err));
    if (position < 0 || position >= view->shape[axis])
        return tsr_error_set(err, TSR_OUT_OF_BOUNDS, "axis %d: position %lld is not in 0..%lld",
                             axis, (long long)position, (long long)view->shape[axis] - 1);
    view->data += position * view->strides[axis];
    view->rank--;
    for (int i = axis; i < view->rank; i++) {
        view->shape[i] = view->shape[i + 1];
        view->strides[i] = view->strides[i + 1];
    }
    return 0;
}

int tsr_view_transpose(tsr_view *view, const int *order, tsr_error *err)
{
    uint64_t seen = 0;
    tsr_view old = *view;
    for (int axis = 0; axis < view->rank; axis++) {
        if (order[axis] < 0 || order[axis] >= view->rank || (seen >> order[axis] & 1))
            return tsr_error_set(err, TSR_INVALID_ARGUMENT,
                                 "the order of axes is not a permutation of 0..%d: entry %d is %d",
                                 view->rank - 1, axis, order[axis]);
        seen |= UINT64_C(1) << order[axis];
    }
    for (int axis = 0; axis < view->rank; axis++) {
        view->shape[axis] = old.shape[order[axis]];
        view->strides[axis] = old.strides[order[axis]];
    }
    return 0;
}

int tsr_view_broadcast(tsr_view *view, int rank, const int64_t *shape, tsr_error *err)
{
    int64_t count, strides[TSR_RANK_MAX];
    char old_text[TSRI_SHAPE_TEXT_MAX], new_text[TSRI_SHAPE_TEXT_MAX];
    TSRI_TRY(check_shape(rank, shape, view->dtype->size_bytes, &count, err));
    int leading = rank - view->rank;
    bool fits = leading >= 0;
    for (int axis = 0; axis < rank && fits; axis++) {
        int64_t length = axis < leading ? 1 : view->shape[axis - leading];
        bool repeated = axis < leading || (length == 1 && shape[axis] != 1);
        strides[axis] = repeated ? 0 : view->strides[axis - leading];
        fits = length == shape[axis] || length == 1;
    }
    if (!fits)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT, "shape %s cannot be repeated to shape %s",
                             tsri_shape_text(view->rank, view->shape, old_text),
                             tsri_shape_text(rank, shape, new_text));
    view->rank = rank;
    for (int axis = 0; axis < rank; axis++) {
        view->shape[axis] = shape[axis];
        view->strides[axis] = strides[axis];
    }
    return 0;
}
