/* Many arrays as one: one behind the other along an axis, or side by side along a new one. */
#include <inttypes.h>
#include <tessera/derived.h>

#include "array/lower.h"
#include "base/checked.h"
#include "tensor/index_map.h"

typedef struct concatenation {
    bool stacks; /* the axis is a new one: each array has one position of it */
    int axis;
    size_t count;
    int64_t *starts;     /* count + 1: where each array begins along the axis, and the end of all */
    tsr_array *arrays[]; /* held */
} concatenation;

static void concatenation_close(void *driver)
{
    concatenation *self = driver;
    for (size_t i = 0; i < self->count; i++)
        tsr_array_close(self->arrays[i]);
    tsri_free(self->starts);
    tsri_free(self);
}

/* ---- reading ---- */

/* The array that has a position of the axis. */
static size_t array_at(const concatenation *self, int64_t position)
{
    size_t low = 0, high = self->count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (self->starts[middle] <= position)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* How many of start, start + step, ... lie before `end`, where the steps go up. */
static int64_t count_before(int64_t start, int64_t step, int64_t count, int64_t end)
{
    return end > start ? TSRI_MIN(count, tsri_ceil_divide(end - start, step)) : 0;
}

/* Which elements of the range `map` lie in array `number`: from *ret_first on, as many as returned.
 */
static int64_t clip(const concatenation *self, size_t number, const tsri_index_map *map,
                    int64_t count, int64_t *ret_first)
{
    int64_t from = self->starts[number], to = self->starts[number + 1];

    if (map->step > 0) {
        *ret_first = count_before(map->start, map->step, count, from);
        return count_before(map->start, map->step, count, to) - *ret_first;
    }
    /* Seen in a mirror, the steps go up. */
    *ret_first = count_before(-map->start, -map->step, count, 1 - to);
    return count_before(-map->start, -map->step, count, 1 - from) - *ret_first;
}

/* Adds what array `number` has: `part->count` elements from `part->first` on of the result's axis
 * `part->axis`, or where that is -1, those at one position. */
static int add_array(const concatenation *self, const tsri_index_maps *maps, size_t number,
                     tsri_lowered_part *part, tsri_lowering *lowering, tsr_error *err)
{
    tsri_index_maps own = {.result_rank = maps->result_rank};

    memcpy(own.shape, maps->shape, sizeof own.shape);
    if (part->axis >= 0)
        own.shape[part->axis] = part->count;
    for (int axis = 0; axis < maps->rank; axis++) {
        tsri_index_map map = maps->maps[axis];
        if (axis == self->axis) {
            if (self->stacks)
                continue;
            if (part->axis >= 0 && part->count > 0)
                map.start += part->first * map.step;
            map.start -= self->starts[number];
        }
        own.maps[own.rank++] = map;
    }
    part->array = self->arrays[number];
    TSRI_TRY(tsri_index_from_maps(&own, &part->index, err));
    return tsri_lowering_add(lowering, part, err);
}

static int concatenation_lower(void *driver, const tsr_index *index, tsri_lowering *lowering,
                               tsr_error *err)
{
    const concatenation *self = driver;
    tsri_index_maps maps = {.rank = index->rank}; /* without tables, so nothing is owned */
    tsri_lowered_part part = {.axis = -1};

    if (tsr_index_count(index) == 0)
        return 0;
    for (int axis = 0; axis < index->rank; axis++)
        maps.maps[axis] = tsri_index_map_of(index, axis);
    maps.result_rank = tsr_index_shape(index, maps.shape);
    const tsri_index_map *along = &maps.maps[self->axis];
    if (along->kind == TSRI_MAP_CONSTANT)
        return add_array(self, &maps, array_at(self, along->start), &part, lowering, err);
    int64_t count = maps.shape[along->axis];
    int64_t last = count > 1 ? along->start + (count - 1) * along->step : along->start;
    size_t first = array_at(self, TSRI_MIN(along->start, last)),
           behind = array_at(self, TSRI_MAX(along->start, last)) + 1;
    for (size_t number = first; number < behind; number++) {
        part.axis = along->axis;
        part.count = clip(self, number, along, count, &part.first);
        if (part.count > 0)
            TSRI_TRY(add_array(self, &maps, number, &part, lowering, err));
    }
    return 0;
}

static const tsr_array_ops concatenation_ops = {.struct_size = sizeof concatenation_ops,
                                                .close = concatenation_close};

/* ---- the chunks of all ---- */

typedef struct edge_list {
    tsri_grid_edges *edges;
    size_t count, capacity;
} edge_list;

static int add_edges(edge_list *list, int64_t length, int64_t count, tsr_error *err)
{
    if (length == 0 || count == 0)
        return 0;
    if (list->count > 0 && list->edges[list->count - 1].length == length) {
        list->edges[list->count - 1].count += count;
        return 0;
    }
    tsri_grid_edges *edges =
        tsri_grow_array(list->edges, list->count, &list->capacity, sizeof *edges);
    if (!edges)
        return tsri_error_no_memory(err, list->count * sizeof *edges);
    list->edges = edges;
    list->edges[list->count++] = (tsri_grid_edges){length, count};
    return 0;
}

/* The chunks of one array along the axis, up to its end. */
static int add_edges_of(edge_list *list, const tsri_grid *grid, int axis, tsr_error *err)
{
    const tsri_grid_axis *self = &grid->axes[axis];
    const tsri_grid_run regular[] = {{0, 0, self->length}, {INT64_MAX, INT64_MAX, 0}};
    const tsri_grid_run *runs = self->length > 0 ? regular : self->runs;
    size_t run_count = self->length > 0 ? 1 : self->run_count;
    int64_t end = grid->shape[axis];

    for (size_t i = 0; i < run_count && runs[i].start < end; i++) {
        int64_t inside = TSRI_MIN(runs[i + 1].start, end) - runs[i].start;
        TSRI_TRY(add_edges(list, runs[i].length, inside / runs[i].length, err));
        TSRI_TRY(add_edges(list, inside % runs[i].length, 1, err));
    }
    return 0;
}

/* How an axis is cut like the axis of a grid. */
static void cut_like(const tsri_grid_axis *axis, int64_t length, edge_list *list,
                     tsri_grid_cut *ret_cut)
{
    const tsri_grid_edges *edges = list->edges;
    size_t count = list->count;

    if (axis && axis->length > 0)
        *ret_cut = (tsri_grid_cut){.length = axis->length};
    else if (length == 0)
        *ret_cut = (tsri_grid_cut){.length = 1};
    else if (count == 1 || (count == 2 && edges[1].count == 1 && edges[1].length < edges[0].length))
        *ret_cut = (tsri_grid_cut){.length = edges[0].length};
    else
        *ret_cut = (tsri_grid_cut){.edges = edges, .edge_count = count};
}

/* Along the axis: the chunks of all arrays; along the others, those of the first. */
static int make_cuts(const concatenation *self, int rank, const int64_t *shape, edge_list *lists,
                     tsri_grid_cut *cuts, tsr_error *err)
{
    tsr_auto(tsri_grid) *first = NULL;

    TSRI_TRY(tsri_array_decoded_grid(self->arrays[0], &first, err));
    for (int axis = 0; axis < rank; axis++) {
        int below = self->stacks && axis > self->axis ? axis - 1 : axis;
        if (axis == self->axis && self->stacks) {
            cuts[axis] = (tsri_grid_cut){.length = 1};
            continue;
        }
        for (size_t i = 0; i < self->count && axis == self->axis; i++) {
            tsr_auto(tsri_grid) *grid = NULL;
            TSRI_TRY(tsri_array_decoded_grid(self->arrays[i], &grid, err));
            TSRI_TRY(add_edges_of(&lists[axis], grid, axis, err));
        }
        if (axis != self->axis)
            TSRI_TRY(add_edges_of(&lists[axis], first, below, err));
        cut_like(axis == self->axis ? NULL : &first->axes[below], shape[axis], &lists[axis],
                 &cuts[axis]);
    }
    return 0;
}

static int make_grid(const concatenation *self, int rank, const int64_t *shape,
                     tsri_grid **ret_grid, tsr_error *err)
{
    edge_list lists[TSR_RANK_MAX] = {{0}};
    tsri_grid_cut cuts[TSR_RANK_MAX];

    int status = make_cuts(self, rank, shape, lists, cuts, err);
    if (status == 0)
        status = tsri_grid_new(rank, shape, cuts, ret_grid, err);
    for (int axis = 0; axis < rank; axis++)
        tsri_free(lists[axis].edges);
    return status;
}

/* ---- making ---- */

static int check_axis(const concatenation *self, int rank, tsr_error *err)
{
    if (self->axis < 0 || self->axis >= rank + self->stacks)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT, "%s: axis %d of arrays of %d axes",
                             self->arrays[0]->place, self->axis, rank);
    if (self->stacks && rank == TSR_RANK_MAX)
        return tsr_error_set(err, TSR_LIMIT, "%s: %d axes, and one more; at most %d",
                             self->arrays[0]->place, rank, TSR_RANK_MAX);
    return 0;
}

/* Whether an array goes together with the first. */
static int check_array(const concatenation *self, const int64_t *first_shape,
                       const tsr_array *array, const int64_t *shape, tsr_error *err)
{
    const tsr_array *first = self->arrays[0];

    if (!tsr_dtype_equal(array->dtype, first->dtype)) {
        tsr_error_set(err, TSR_TYPE_MISMATCH, "%s is of %s, %s of %s", first->place,
                      first->dtype->name, array->place, array->dtype->name);
        tsr_error_set_next_step(err, "make them of one type first, by tsr_array_cast");
        return TSR_TYPE_MISMATCH;
    }
    if (array->rank != first->rank)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT, "%s has %d axes, %s has %d", first->place,
                             first->rank, array->place, array->rank);
    for (int axis = 0; axis < array->rank; axis++)
        if (shape[axis] != first_shape[axis] && (self->stacks || axis != self->axis))
            return tsr_error_set(err, TSR_INVALID_ARGUMENT,
                                 "axis %d of %s is %" PRId64 " long, that of %s %" PRId64, axis,
                                 first->place, first_shape[axis], array->place, shape[axis]);
    return 0;
}

/* Finds where every array begins, and with that the shape of all. */
static int arrange(concatenation *self, int64_t *ret_shape, tsr_error *err)
{
    tsr_auto(tsri_grid) *first = tsri_array_grid(self->arrays[0]);
    int rank = first->rank;

    TSRI_TRY(check_axis(self, rank, err));
    for (size_t i = 0; i < self->count; i++) {
        tsr_auto(tsri_grid) *grid = tsri_array_grid(self->arrays[i]);
        TSRI_TRY(check_array(self, first->shape, self->arrays[i], grid->shape, err));
        int64_t length = self->stacks ? 1 : grid->shape[self->axis];
        if (!tsri_add_i64(self->starts[i], length, &self->starts[i + 1]))
            return tsr_error_set(err, TSR_LIMIT, "%s and those behind it are longer than 2^63-1",
                                 self->arrays[0]->place);
    }
    int next = 0;
    for (int axis = 0; axis < rank + self->stacks; axis++)
        ret_shape[axis] = self->stacks && axis == self->axis ? 0 : first->shape[next++];
    ret_shape[self->axis] = self->starts[self->count];
    return 0;
}

static int describe_and_make(concatenation *self, const char *new_name, tsr_array **ret_array,
                             tsr_error *err)
{
    const tsr_array *first = self->arrays[0];
    tsr_auto(tsri_grid) *grid = NULL;
    tsr_auto(tsri_text) *attributes = NULL, *place = NULL;
    int64_t shape[TSR_RANK_MAX];
    const char *names[TSR_RANK_MAX];
    const tsri_derivation derivation = {.ops = &concatenation_ops,
                                        .driver = self,
                                        .lower = concatenation_lower,
                                        .sources = self->arrays,
                                        .source_count = self->count};
    tsr_array_description description = {.driver = self->stacks ? "stack" : "concatenation",
                                         .dtype = first->dtype,
                                         .rank = first->rank + self->stacks,
                                         .shape = shape,
                                         .fill_value = first->fill_value,
                                         .dimension_names = names};

    TSRI_TRY(arrange(self, shape, err));
    TSRI_TRY(make_grid(self, description.rank, shape, &grid, err));
    int next = 0;
    for (int axis = 0; axis < description.rank; axis++)
        names[axis] =
            self->stacks && axis == self->axis ? new_name : tsr_array_dimension_name(first, next++);
    TSRI_TRY(tsr_array_attributes(self->arrays[0], &attributes, err));
    place = self->count > 1 ? tsri_format("%s and %zu more", first->place, self->count - 1)
                            : tsri_strdup(first->place);
    if (!place)
        return tsri_error_no_memory(err, strlen(first->place));
    description.place = place;
    description.attributes = attributes;
    return tsri_array_new_derived(first->context, &derivation, &description, grid, ret_array, err);
}

static int join(tsr_array *const *sources, size_t count, int axis, bool stacks,
                const char *new_name, tsr_array **ret_array, tsr_error *err)
{
    size_t size_bytes;

    if (count == 0)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT, "no arrays to put together");
    if (__builtin_mul_overflow(count, sizeof *sources, &size_bytes) ||
        __builtin_add_overflow(size_bytes, sizeof(concatenation), &size_bytes))
        return tsri_error_no_memory(err, SIZE_MAX);
    concatenation *self = tsri_alloc_zero(size_bytes);
    if (!self)
        return tsri_error_no_memory(err, size_bytes);
    self->stacks = stacks;
    self->axis = axis;
    self->count = count;
    for (size_t i = 0; i < count; i++)
        self->arrays[i] = tsr_array_ref(sources[i]);
    self->starts = tsri_alloc_array_zero(count + 1, sizeof *self->starts);
    int status = self->starts ? describe_and_make(self, new_name, ret_array, err)
                              : tsri_error_no_memory(err, (count + 1) * sizeof *self->starts);
    if (status < 0)
        concatenation_close(self);
    return status;
}

int tsr_array_concatenate(tsr_array *const *sources, size_t count, int axis, tsr_array **ret_array,
                          tsr_error *err)
{
    return join(sources, count, axis, false, NULL, ret_array, err);
}

int tsr_array_stack(tsr_array *const *sources, size_t count, int axis, const char *dimension_name,
                    tsr_array **ret_array, tsr_error *err)
{
    return join(sources, count, axis, true, dimension_name, ret_array, err);
}
