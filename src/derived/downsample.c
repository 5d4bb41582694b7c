/* An array in blocks, each of which is one element. */
#include <inttypes.h>
#include <tessera/derived.h>

#include "array/lower.h"
#include "base/call.h"
#include "base/checked.h"
#include "derived/cell.h"
#include "derived/reduce.h"
#include "tensor/index_map.h"

/* A read works out its elements in pieces for which so much of the source is read, and the cells of
 * the grid are about so large. */
#define PIECE_BYTES (INT64_C(16) << 20)
#define CELL_BYTES (INT64_C(4) << 20)
#define BLOCK_ELEMENTS_MAX INT32_MAX

static const char *const method_names[] = {
    [TSR_DOWNSAMPLE_STRIDE] = "stride", [TSR_DOWNSAMPLE_MEAN] = "mean",
    [TSR_DOWNSAMPLE_MEDIAN] = "median", [TSR_DOWNSAMPLE_MODE] = "mode",
    [TSR_DOWNSAMPLE_MIN] = "min",       [TSR_DOWNSAMPLE_MAX] = "max"};

typedef struct downsampling {
    tsr_array *source; /* held */
    tsri_reducer reducer;
    int rank;
    int64_t piece_bytes;
    int64_t lengths[TSR_RANK_MAX]; /* of the source, as it was */
    int64_t factors[TSR_RANK_MAX];
} downsampling;

static void downsampling_close(void *driver)
{
    downsampling *self = driver;
    tsr_array_close(self->source);
    tsri_free(self);
}

/* ---- stride: a selection of the source ---- */

static int stride_lower(void *driver, const tsr_index *index, tsri_lowering *lowering,
                        tsr_error *err)
{
    const downsampling *self = driver;
    tsri_index_maps maps = {.rank = index->rank};
    tsri_lowered_part part = {.array = self->source, .axis = -1};

    if (tsr_index_count(index) == 0)
        return 0;
    maps.result_rank = tsr_index_shape(index, maps.shape);
    for (int axis = 0; axis < index->rank; axis++) {
        tsri_index_map *map = &maps.maps[axis];
        *map = tsri_index_map_of(index, axis);
        map->start *= self->factors[axis];
        /* The step along an axis with one element leads nowhere. */
        if (map->kind == TSRI_MAP_AFFINE)
            map->step = maps.shape[map->axis] > 1 ? map->step * self->factors[axis] : 1;
    }
    TSRI_TRY(tsri_index_from_maps(&maps, &part.index, err));
    return tsri_lowering_add(lowering, &part, err);
}

static const tsr_array_ops stride_ops = {.struct_size = sizeof stride_ops,
                                         .close = downsampling_close};

/* ---- all others: a box at a time ---- */

/* The elements of the source that a box is made of. */
static int64_t region_of(const downsampling *self, const int64_t *start, const int64_t *shape,
                         int64_t *ret_start, int64_t *ret_shape)
{
    int64_t bytes = (int64_t)self->source->dtype->size_bytes;
    for (int axis = 0; axis < self->rank; axis++) {
        ret_start[axis] = start[axis] * self->factors[axis];
        int64_t room = self->lengths[axis] - ret_start[axis];
        if (!tsri_multiply_i64(shape[axis], self->factors[axis], &ret_shape[axis]) ||
            ret_shape[axis] > room)
            ret_shape[axis] = room;
        if (!tsri_multiply_i64(bytes, ret_shape[axis], &bytes))
            bytes = INT64_MAX;
    }
    return bytes;
}

static int read_region(const downsampling *self, const int64_t *start, const tsr_view *region,
                       const tsr_call *call, tsr_error *err)
{
    const tsr_call below = tsri_call_below(call);
    tsr_index index = {.rank = self->rank};
    const tsr_read_request request = {self->source, &index, region, TSR_CASTING_NO};

    for (int axis = 0; axis < self->rank; axis++)
        index.axes[axis] = (tsr_index_axis){TSR_INDEX_RANGE, start[axis], region->shape[axis], 1};
    return tsr_read_many(self->source->context, &request, 1, &below, err);
}

static int reduce_piece(const downsampling *self, const int64_t *start, const int64_t *shape,
                        const tsr_view *view, const tsr_call *call, tsr_error *err)
{
    tsr_auto(tsr_view) region = {0}, dense = {0};

    TSRI_TRY(tsr_view_new(&region, view->dtype, self->rank, shape, err));
    TSRI_TRY(read_region(self, start, &region, call, err));
    if (tsr_view_is_dense(view))
        return tsri_reduce(&self->reducer, self->rank, shape, self->factors, region.data,
                           view->data, err);
    TSRI_TRY(tsr_view_new(&dense, view->dtype, self->rank, view->shape, err));
    TSRI_TRY(tsri_reduce(&self->reducer, self->rank, shape, self->factors, region.data, dense.data,
                         err));
    return tsr_view_copy(view, &dense, TSR_CASTING_NO, err);
}

/* Halves a box, along its first axis that can be, until its region is small enough. */
static int reduce_box(const downsampling *self, const int64_t *start, const tsr_view *view,
                      const tsr_call *call, tsr_error *err)
{
    int64_t from[TSR_RANK_MAX], shape[TSR_RANK_MAX];
    int axis = 0;

    if (call && call->cancel && __atomic_load_n(call->cancel, __ATOMIC_RELAXED))
        return tsr_error_set(err, TSR_CANCELLED, "cancelled");
    int64_t bytes = region_of(self, start, view->shape, from, shape);
    while (axis < self->rank && view->shape[axis] == 1)
        axis++;
    if (bytes <= self->piece_bytes || axis == self->rank)
        return reduce_piece(self, from, shape, view, call, err);
    tsr_view half = *view;
    memcpy(from, start, (size_t)self->rank * sizeof *from);
    int64_t middle = view->shape[axis] / 2;
    TSRI_TRY(tsr_view_slice(&half, axis, 0, middle, 1, err));
    TSRI_TRY(reduce_box(self, start, &half, call, err));
    half = *view;
    from[axis] += middle;
    TSRI_TRY(tsr_view_slice(&half, axis, middle, view->shape[axis] - middle, 1, err));
    return reduce_box(self, from, &half, call, err);
}

static int reduce_read_box(void *driver, const int64_t *start, const tsr_view *view,
                           const tsr_call *call, tsr_error *err)
{
    return reduce_box(driver, start, view, call, err);
}

static const tsr_array_ops reduce_ops = {
    .struct_size = sizeof reduce_ops, .close = downsampling_close, .read_box = reduce_read_box};

/* ---- making ---- */

int tsr_downsample_method_parse(const char *name, tsr_downsample_method *ret_method, tsr_error *err)
{
    for (size_t i = 0; i < TSRI_COUNT(method_names); i++)
        if (strcmp(method_names[i], name) == 0) {
            *ret_method = (tsr_downsample_method)i;
            return 0;
        }
    tsr_error_set(err, TSR_NOT_FOUND, "no method of downsampling is called \"%s\"", name);
    tsr_error_set_next_step(err, "stride, mean, median, mode, min or max");
    return TSR_NOT_FOUND;
}

static int check_factors(const tsr_array *source, const tsri_grid *grid, const int64_t *factors,
                         tsr_error *err)
{
    for (int axis = 0; axis < grid->rank; axis++)
        if (factors[axis] < 1)
            return tsr_error_set(err, TSR_INVALID_ARGUMENT,
                                 "%s: a factor of %" PRId64 " along axis %d", source->place,
                                 factors[axis], axis);
    return 0;
}

/* How large one block is. */
static int check_block(const downsampling *self, int64_t *ret_elements, tsr_error *err)
{
    const tsr_array *source = self->source;
    int64_t elements = 1, bytes;

    for (int axis = 0; axis < self->rank; axis++)
        if (!tsri_multiply_i64(elements, TSRI_MIN(self->factors[axis], self->lengths[axis]),
                               &elements))
            elements = INT64_MAX;
    if (!tsri_multiply_i64(elements, (int64_t)source->dtype->size_bytes, &bytes) ||
        bytes > source->context->options.largest_chunk_bytes || elements > BLOCK_ELEMENTS_MAX)
        return tsr_error_set(err, TSR_LIMIT,
                             "%s: blocks of %" PRId64 " elements become one at a time; at most %d, "
                             "and %" PRId64 " bytes",
                             source->place, elements, BLOCK_ELEMENTS_MAX,
                             source->context->options.largest_chunk_bytes);
    *ret_elements = elements;
    return 0;
}

/* Cells that are made of whole chunks of the source, as far as the factors let them. */
static int make_grid(downsampling *self, const tsri_grid *below, bool strides, tsri_grid **ret_grid,
                     tsr_error *err)
{
    int64_t shape[TSR_RANK_MAX], cell[TSR_RANK_MAX], origin[TSR_RANK_MAX] = {0};
    int64_t weight = (int64_t)self->source->dtype->size_bytes;

    tsri_grid_largest(below, cell);
    for (int axis = 0; axis < self->rank; axis++) {
        int64_t factor = self->factors[axis];
        shape[axis] = tsri_ceil_divide(self->lengths[axis], factor);
        cell[axis] = TSRI_MAX(TSRI_MIN(cell[axis], self->lengths[axis]) / factor, INT64_C(1));
        if (!tsri_multiply_i64(weight, factor, &weight))
            weight = INT64_MAX;
    }
    if (!strides)
        tsri_cell_grow(self->rank, shape, weight, CELL_BYTES, cell);
    int64_t scratch[TSR_RANK_MAX];
    self->piece_bytes =
        TSRI_MAX(region_of(self, origin, cell, scratch, scratch), (int64_t)PIECE_BYTES);
    return tsri_grid_new_regular(self->rank, shape, cell, ret_grid, err);
}

static char *make_place(const downsampling *self, tsr_downsample_method method)
{
    char factors[TSR_RANK_MAX * 21 + 1] = "";
    size_t used = 0;
    for (int axis = 0; axis < self->rank; axis++)
        used += (size_t)snprintf(factors + used, sizeof factors - used, "%s%" PRId64,
                                 axis > 0 ? "," : "", self->factors[axis]);
    return tsri_format("%s downsampled by %s (%s)", self->source->place, factors,
                       method_names[method]);
}

static int describe_and_make(downsampling *self, tsr_downsample_method method,
                             const tsri_grid *below, tsr_array **ret_array, tsr_error *err)
{
    tsr_array *source = self->source;
    bool strides = method == TSR_DOWNSAMPLE_STRIDE;
    tsr_auto(tsri_grid) *grid = NULL;
    int64_t elements = 1, box_bytes = 0;

    if (!strides) {
        TSRI_TRY_IN(err, tsri_reducer_init(&self->reducer, method, source->dtype, err), "%s: %s",
                    source->place, method_names[method]);
        TSRI_TRY(check_block(self, &elements, err));
    }
    TSRI_TRY(make_grid(self, below, strides, &grid, err));
    tsr_auto(tsri_text) *attributes = NULL;
    TSRI_TRY(tsr_array_attributes(source, &attributes, err));
    tsr_auto(tsri_text) *place = make_place(self, method);
    if (!place)
        return tsri_error_no_memory(err, strlen(source->place));
    if (!strides &&
        !tsri_add_i64(self->piece_bytes, tsri_reducer_bytes(&self->reducer, elements), &box_bytes))
        box_bytes = INT64_MAX;
    const tsri_derivation derivation = {.ops = strides ? &stride_ops : &reduce_ops,
                                        .driver = self,
                                        .lower = strides ? stride_lower : NULL,
                                        .sources = &source,
                                        .source_count = 1,
                                        .box_bytes = box_bytes};
    const tsr_array_description description = {.driver = "downsample",
                                               .place = place,
                                               .dtype = source->dtype,
                                               .rank = self->rank,
                                               .shape = grid->shape,
                                               .fill_value = source->fill_value,
                                               .dimension_names =
                                                   (const char *const *)source->dimension_names,
                                               .attributes = attributes};
    return tsri_array_new_derived(source->context, &derivation, &description, grid, ret_array, err);
}

int tsr_array_downsample(tsr_array *source, const int64_t *factors, tsr_downsample_method method,
                         tsr_array **ret_array, tsr_error *err)
{
    tsr_auto(tsri_grid) *below = NULL;

    TSRI_TRY(tsri_array_decoded_grid(source, &below, err));
    TSRI_TRY(check_factors(source, below, factors, err));
    if ((unsigned)method >= TSRI_COUNT(method_names))
        return tsr_error_set(err, TSR_INVALID_ARGUMENT, "%s: no method of downsampling",
                             source->place);
    downsampling *self = tsri_alloc_zero(sizeof *self);
    if (!self)
        return tsri_error_no_memory(err, sizeof *self);
    self->source = source;
    self->rank = below->rank;
    for (int axis = 0; axis < self->rank; axis++) {
        self->lengths[axis] = below->shape[axis];
        self->factors[axis] = factors[axis];
    }
    int status = describe_and_make(self, method, below, ret_array, err);
    if (status == 0)
        tsr_array_ref(source);
    else
        tsri_free(self);
    return status;
}
