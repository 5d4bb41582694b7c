#include "codec/element_walk.h"

#include "tensor/kernels.h"

/* Elements that are handled at once: two buffers of them fit the first-level cache. */
#define STRIP 512

/* Merges axes that continue each other, leaving out those of length 1. */
static void normalise(tsri_element_walk *walk, const tsr_view *view)
{
    walk->rank = 0;
    for (int axis = 0; axis < view->rank; axis++) {
        int last = walk->rank - 1;
        if (view->shape[axis] == 1)
            continue;
        if (last >= 0 && walk->strides[last] == view->strides[axis] * view->shape[axis]) {
            walk->shape[last] *= view->shape[axis];
            walk->strides[last] = view->strides[axis];
            continue;
        }
        walk->shape[walk->rank] = view->shape[axis];
        walk->strides[walk->rank] = view->strides[axis];
        walk->index[walk->rank++] = 0;
    }
}

void tsri_element_walk_init(tsri_element_walk *walk, const tsr_view *view)
{
    normalise(walk, view);
    walk->at = view->data;
    walk->left = tsr_view_count(view);
    walk->run_left = walk->rank > 0 ? walk->shape[walk->rank - 1] : 1;
    walk->run_stride =
        walk->rank > 0 ? walk->strides[walk->rank - 1] : (int64_t)view->dtype->size_bytes;
    if (walk->left == 0)
        walk->run_left = 0;
}

/* Goes to the start of the next run. */
static void next_run(tsri_element_walk *walk)
{
    int axis = walk->rank - 1;

    walk->at -= walk->shape[axis] * walk->strides[axis];
    for (axis--; axis >= 0; axis--) {
        walk->at += walk->strides[axis];
        if (++walk->index[axis] < walk->shape[axis])
            break;
        walk->at -= walk->shape[axis] * walk->strides[axis];
        walk->index[axis] = 0;
    }
    walk->run_left = walk->shape[walk->rank - 1];
}

void tsri_element_walk_advance(tsri_element_walk *walk, int64_t count)
{
    walk->at += count * walk->run_stride;
    walk->run_left -= count;
    walk->left -= count;
    if (walk->run_left == 0 && walk->left > 0)
        next_run(walk);
}

void tsri_elements_copy(const tsr_view *to, const tsr_view *from)
{
    size_t element_bytes = from->dtype->size_bytes;
    tsri_element_walk target, source;

    tsri_element_walk_init(&target, to);
    tsri_element_walk_init(&source, from);
    while (source.left > 0) {
        int64_t count = TSRI_MIN(source.run_left, target.run_left);
        tsri_move_strided(target.at, target.run_stride, source.at, source.run_stride, (size_t)count,
                          element_bytes);
        tsri_element_walk_advance(&target, count);
        tsri_element_walk_advance(&source, count);
    }
}

/* Whether the next elements can be used where they are. */
static bool is_plain(const tsri_element_walk *walk, size_t element_bytes)
{
    return walk->run_stride == (int64_t)element_bytes &&
           (uintptr_t)walk->at % TSRI_ELEMENT_BYTES_MAX % element_bytes == 0;
}

int tsri_elements_run(const tsr_view *to, const tsr_view *from, tsri_elements_step *step,
                      void *user, tsr_error *err)
{
    char in[STRIP * TSRI_ELEMENT_BYTES_MAX] TSRI_UNINITIALIZED __attribute__((aligned(64)));
    char out[STRIP * TSRI_ELEMENT_BYTES_MAX] TSRI_UNINITIALIZED __attribute__((aligned(64)));
    size_t in_bytes = from->dtype->size_bytes, out_bytes = to->dtype->size_bytes;
    tsri_element_walk target, source;

    tsri_element_walk_init(&target, to);
    tsri_element_walk_init(&source, from);
    while (source.left > 0) {
        int64_t most = TSRI_MIN(source.run_left, target.run_left);
        size_t count = (size_t)TSRI_MIN(most, INT64_C(1) * STRIP);
        bool gather = !is_plain(&source, in_bytes), scatter = !is_plain(&target, out_bytes);
        if (gather)
            tsri_move_strided(in, (int64_t)in_bytes, source.at, source.run_stride, count, in_bytes);
        TSRI_TRY(step(user, gather ? in : source.at, scatter ? out : target.at, count, err));
        if (scatter)
            tsri_move_strided(target.at, target.run_stride, out, (int64_t)out_bytes, count,
                              out_bytes);
        tsri_element_walk_advance(&target, (int64_t)count);
        tsri_element_walk_advance(&source, (int64_t)count);
    }
    return 0;
}
