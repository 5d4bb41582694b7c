#include "tensor/copy.h"

#include <stdlib.h>

#include "tensor/byteswap.h"
#include "tensor/convert.h"
#include "tensor/dtype_struct.h"
#include "tensor/kernels.h"
#include "tensor/stream.h"
#include "tensor/variable.h"

/* The loop along which the source is read in order of address. Loops in which it stands still do
 * not count. */
static int find_fastest_source(const tsri_nest *nest)
{
    int fastest = nest->rank - 1;
    for (int axis = nest->rank - 2; axis >= 0; axis--) {
        int64_t step = llabs(nest->axes[axis].from);
        if (step != 0 && step < llabs(nest->axes[fastest].from))
            fastest = axis;
    }
    return fastest;
}

static bool source_is_transposed(const tsri_nest *nest)
{
    return nest->rank > 1 && find_fastest_source(nest) != nest->rank - 1;
}

/* Makes the source's fastest loop the second innermost, where the tile kernels expect it. */
static void bring_source_inwards(tsri_nest *nest)
{
    int fastest = find_fastest_source(nest);
    tsri_nest_axis axis = nest->axes[fastest];
    for (; fastest < nest->rank - 2; fastest++)
        nest->axes[fastest] = nest->axes[fastest + 1];
    nest->axes[nest->rank - 2] = axis;
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

/* Rows shorter than a line are never written past the cache: then there is nothing to wait for at
 * the end, which would cost more than such a copy. */
static tsri_nest_body *choose_kernel(tsri_nest *nest, tsri_copy_job *job)
{
    if (!source_is_transposed(nest)) {
        job->streamed = job->streamed && job->run_bytes >= TSRI_LINE_BYTES;
        return tsri_kernel_rows(job);
    }
    bring_source_inwards(nest);
    turn_source_forwards(nest);
    tsri_nest_body *transpose =
        tsri_kernel_transpose(job, &nest->axes[nest->rank - 2], &nest->axes[nest->rank - 1]);
    return transpose ? transpose : tsri_kernel_tiles(job);
}

/* Goes past the cache where it writes over `cached_bytes` or more. */
static void copy(const tsr_view *destination, const tsr_view *source, int64_t cached_bytes)
{
    tsri_nest nest TSRI_UNINITIALIZED;
    if (!tsri_nest_init(&nest, destination, source, 1))
        return;
    tsri_copy_job job = {.run_bytes = tsri_nest_fold(&nest, destination->dtype->size_bytes)};
    job.streamed = tsri_nest_span(&nest, job.run_bytes) >= cached_bytes;
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
    copy(destination, source, TSRI_STREAM_SPAN_BYTES);
}

void tsri_view_copy_streamed(const tsr_view *destination, const tsr_view *source)
{
    copy(destination, source, 0);
}

void tsri_view_copy_cached(const tsr_view *destination, const tsr_view *source)
{
    copy(destination, source, TSRI_STREAM_GATHER_BYTES);
}

/* ---- with swapped bytes ---- */

/* Swaps pieces of a dense row in the first-level cache and writes them past it. */
static void stream_swapped(char *to, const char *from, size_t count, size_t width_bytes)
{
    char piece[4096] __attribute__((aligned(TSRI_LINE_BYTES))) TSRI_UNINITIALIZED;
    size_t room = sizeof piece - (uintptr_t)to % TSRI_LINE_BYTES, left = count * width_bytes;
    while (left > 0) {
        size_t more = TSRI_MIN(room / width_bytes * width_bytes, left);
        tsri_swap_bytes(piece, from, more / width_bytes, width_bytes);
        tsri_stream_run(to, piece, more);
        to += more;
        from += more;
        left -= more;
        room = sizeof piece;
    }
}

/* The unit of the job is one component. */
static bool swap_rows(void *user, char *to, const char *from, const tsri_nest_axis *outer,
                      const tsri_nest_axis *inner)
{
    const tsri_copy_job *job = user;
    int64_t width = (int64_t)job->run_bytes;
    bool dense = inner->to == width && inner->from == width;
    bool streamed = dense && job->streamed && inner->count * width >= 4 * TSRI_LINE_BYTES;
    for (int64_t i = 0; i < outer->count; i++, to += outer->to, from += outer->from) {
        if (streamed)
            stream_swapped(to, from, (size_t)inner->count, job->run_bytes);
        else
            tsri_swap_bytes_strided(to, inner->to, from, inner->from, (size_t)inner->count,
                                    job->run_bytes);
    }
    return true;
}

/* How much is transposed before its bytes are swapped in place: it is still in the second-level
 * cache. */
#define SWAP_SLAB_BYTES (256 << 10)

/* Swaps the bytes of all components of `element_bytes` large elements where they are: at nest->to.
 */
static void swap_in_place(const tsri_nest *nest, const tsri_copy_job *components,
                          size_t element_bytes)
{
    tsri_nest place = *nest;
    int64_t width = (int64_t)components->run_bytes, parts = (int64_t)element_bytes / width;
    tsri_nest_axis *inner = &place.axes[place.rank - 1];
    if (inner->to == (int64_t)element_bytes)
        *inner = (tsri_nest_axis){inner->count * parts, width, width};
    else if (parts > 1)
        place.axes[place.rank++] = (tsri_nest_axis){parts, width, width};
    place.from = place.to;
    for (int axis = 0; axis < place.rank; axis++)
        place.axes[axis].from = place.axes[axis].to;
    tsri_nest_run(&place, swap_rows, (void *)components);
}

/* Copies elements into another order of axes, then swaps them in place, slab by slab along the
 * outermost loop. */
static void swap_transposed(const tsri_nest *nest, const tsri_copy_job *components,
                            size_t element_bytes)
{
    tsri_copy_job elements = {element_bytes, false};
    const tsri_nest_axis *outermost = &nest->axes[0];
    int64_t rest_bytes = (int64_t)element_bytes;
    for (int axis = 1; axis < nest->rank; axis++)
        rest_bytes *= nest->axes[axis].count;
    int64_t slab = TSRI_MAX(SWAP_SLAB_BYTES / rest_bytes, 1);
    for (int64_t start = 0; start < outermost->count; start += slab) {
        tsri_nest part = *nest;
        part.to += start * outermost->to;
        part.from += start * outermost->from;
        part.axes[0].count = TSRI_MIN(slab, outermost->count - start);
        tsri_nest ordered = part;
        tsri_nest_run(&ordered, choose_kernel(&ordered, &elements), &elements);
        swap_in_place(&part, components, element_bytes);
    }
}

void tsri_view_copy_swapped(const tsr_view *destination, const tsr_view *source)
{
    tsri_nest nest TSRI_UNINITIALIZED;
    size_t element_bytes = destination->dtype->size_bytes;
    tsri_copy_job components = {destination->dtype->component_bytes, false};
    if (components.run_bytes == 1) {
        if (destination->data != source->data)
            tsri_view_copy_same(destination, source);
        return;
    }
    if (destination->dtype->kind == TSR_KIND_STRUCT) {
        if (destination->data != source->data)
            tsri_view_copy_same(destination, source);
        tsri_view_swap_structs(destination);
        return;
    }
    if (!tsri_nest_init(&nest, destination, source, 1))
        return;
    if (source_is_transposed(&nest)) {
        swap_transposed(&nest, &components, element_bytes);
        return;
    }
    tsri_nest_init(&nest, destination, source, (int)(element_bytes / components.run_bytes));
    components.streamed = destination->data != source->data &&
                          tsri_nest_span(&nest, components.run_bytes) >= TSRI_STREAM_SPAN_BYTES;
    tsri_nest_run(&nest, swap_rows, &components);
    if (components.streamed)
        tsri_stream_end();
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
    if (tsr_dtype_is_variable(source->dtype))
        return tsri_view_copy_variable(destination, source, err);
    tsri_view_copy_same(destination, source);
    return 0;
}
