#include "tensor/copy.h"

#include <stdlib.h>

#include "tensor/byteswap.h"
#include "tensor/convert.h"
#include "tensor/kernels.h"
#include "tensor/stream.h"

/* Looks for the loop along which the source is read in order of address. When it is not the
 * innermost one, it becomes the second innermost, where the tile kernels expect it, and true is
 * returned. */
static bool bring_source_inwards(tsri_nest *nest)
{
    int fastest = nest->rank - 1;
    for (int axis = nest->rank - 2; axis >= 0; axis--)
        if (llabs(nest->axes[axis].from) < llabs(nest->axes[fastest].from))
            fastest = axis;
    if (fastest == nest->rank - 1)
        return false;
    tsri_nest_axis axis = nest->axes[fastest];
    for (; fastest < nest->rank - 2; fastest++)
        nest->axes[fastest] = nest->axes[fastest + 1];
    nest->axes[nest->rank - 2] = axis;
    return true;
}

/* Makes the second innermost loop run forwards in the source: its direction in the destination is
 * of no importance any more. */
static void turn_source_forwards(tsri_nest *nest)
{
    tsri_nest_axis *outer = &nest->axes[nest->rank - 2];
    if (outer->from >= 0)
        return;
    nest->to += outer->to * (outer->count - 1);
    nest->from += outer->from * (outer->count - 1);
    outer->to = -outer->to;
    outer->from = -outer->from;
}

static tsri_nest_body *choose_kernel(tsri_nest *nest, const tsri_copy_job *job)
{
    if (!bring_source_inwards(nest))
        return tsri_kernel_rows(job);
    turn_source_forwards(nest);
    tsri_nest_body *transpose =
        tsri_kernel_transpose(job, &nest->axes[nest->rank - 2], &nest->axes[nest->rank - 1]);
    return transpose ? transpose : tsri_kernel_tiles(job);
}

/* How many bytes lie between the first and the last byte that are written. */
static int64_t destination_span(const tsri_nest *nest, size_t run_bytes)
{
    int64_t span = (int64_t)run_bytes;
    for (int axis = 0; axis < nest->rank; axis++)
        span += nest->axes[axis].to * (nest->axes[axis].count - 1);
    return span;
}

static void copy(const tsr_view *destination, const tsr_view *source, bool streamed)
{
    tsri_nest nest TSRI_UNINITIALIZED;
    if (!tsri_nest_init(&nest, destination, source, 1))
        return;
    tsri_copy_job job = {tsri_nest_fold(&nest, destination->dtype->size_bytes), streamed};
    job.streamed |= destination_span(&nest, job.run_bytes) >= TSRI_STREAM_SPAN_BYTES;
    if (nest.rank > 0)
        tsri_nest_run(&nest, choose_kernel(&nest, &job), &job);
    else if (job.streamed)
        tsri_stream_run(nest.to, nest.from, job.run_bytes);
    else
        memcpy(nest.to, nest.from, job.run_bytes);
    if (job.streamed)
        tsri_stream_end();
}

void tsri_view_copy_same(const tsr_view *destination, const tsr_view *source)
{
    copy(destination, source, false);
}

void tsri_view_copy_streamed(const tsr_view *destination, const tsr_view *source)
{
    copy(destination, source, true);
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
    tsri_nest nest TSRI_UNINITIALIZED;
    tsri_copy_job job = {destination->dtype->component_bytes, false};
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
