#include "tensor/copy.h"

#include <stdlib.h>

#include "tensor/byteswap.h"
#include "tensor/convert.h"
#include "tensor/kernels.h"

/* Looks for the loop along which the source is read in order of address. When it is not the
 * innermost one, it becomes the second innermost, where the tile kernels expect it, and true is
 * returned. */
static bool bring_source_inwards(tsri_nest *nest)
{
    int fastest = nest->rank - 1;
    for (int axis = nest->rank - 2; axis >= 0; axis--)
        if (llabs(nest->axes[axis].from) < llabs(nest->axes[fastest].from))
            fastest = axis;
    if (nest->rank < 2 || fastest == nest->rank - 1)
        return false;
    tsri_nest_axis axis = nest->axes[fastest];
    for (; fastest < nest->rank - 2; fastest++)
        nest->axes[fastest] = nest->axes[fastest + 1];
    nest->axes[nest->rank - 2] = axis;
    return true;
}

void tsri_view_copy_same(const tsr_view *destination, const tsr_view *source)
{
    tsri_nest nest;
    if (!tsri_nest_init(&nest, destination, source, 1))
        return;
    tsri_copy_job job = {tsri_nest_fold(&nest, destination->dtype->size_bytes)};
    if (nest.rank == 0) {
        memcpy(nest.to, nest.from, job.run_bytes);
        return;
    }
    bool transposed = bring_source_inwards(&nest);
    tsri_nest_run(&nest,
                  transposed ? tsri_kernel_tiles(job.run_bytes) : tsri_kernel_rows(job.run_bytes),
                  &job);
}

static bool swap_rows(void *user, char *to, const char *from, const tsri_nest_axis *outer,
                      const tsri_nest_axis *inner)
{
    const tsri_copy_job *job = user;
    for (int64_t i = 0; i < outer->count; i++, to += outer->to, from += outer->from)
        tsri_swap_bytes_strided(to, inner->to, from, inner->from, (size_t)inner->count,
                                job->run_bytes);
    return true;
}

void tsri_view_copy_swapped(const tsr_view *destination, const tsr_view *source)
{
    tsri_nest nest;
    tsri_copy_job job = {destination->dtype->component_bytes};
    int parts = (int)(destination->dtype->size_bytes / job.run_bytes);
    if (job.run_bytes == 1) {
        if (destination->data != source->data)
            tsri_view_copy_same(destination, source);
    } else if (tsri_nest_init(&nest, destination, source, parts)) {
        tsri_nest_run(&nest, swap_rows, &job);
    }
}

int tsr_view_copy(const tsr_view *destination, const tsr_view *source, tsr_casting casting,
                  tsr_error *err)
{
    char to[TSRI_SHAPE_TEXT_MAX], from[TSRI_SHAPE_TEXT_MAX];
    if (!tsri_view_same_shape(destination, source))
        return tsr_error_set(err, TSR_INVALID_ARGUMENT, "shape %s cannot be copied to shape %s",
                             tsri_shape_text(source->rank, source->shape, from),
                             tsri_shape_text(destination->rank, destination->shape, to));
    if (!tsr_dtype_equal(destination->dtype, source->dtype))
        return tsri_view_convert(destination, source, casting, err);
    tsri_view_copy_same(destination, source);
    return 0;
}
