/* Selections of selections. */
#include "base/checked.h"
#include "tensor/index_map.h"

static int new_table(const int64_t *shape, uint32_t axes, int64_t *ret_count, int64_t **ret_table,
                     tsr_error *err)
{
    *ret_count = 0;
    *ret_table = tsri_index_table_count(shape, axes, ret_count)
                     ? tsri_alloc_array((size_t)*ret_count, sizeof **ret_table)
                     : NULL;
    if (!*ret_table)
        return tsri_error_no_memory(err, (size_t)*ret_count * sizeof **ret_table);
    memset(*ret_table, 0, (size_t)*ret_count * sizeof **ret_table);
    return 0;
}

/* start + step * what `map` says. */
static int compose_affine(const tsri_index_map *first, const tsri_index_map *map,
                          const int64_t *shape, tsri_index_map *ret_map, tsr_error *err)
{
    int64_t count;

    *ret_map = *map;
    if (map->kind != TSRI_MAP_TABLE) {
        bool empty = map->kind == TSRI_MAP_AFFINE && shape[map->axis] == 0;
        /* A range of no element has any start, one of less than two any step: the products may not
         * fit. */
        ret_map->start = empty ? 0 : first->start + first->step * map->start;
        ret_map->step = 1;
        if (map->kind == TSRI_MAP_AFFINE && shape[map->axis] > 1)
            ret_map->step = first->step * map->step;
        return 0;
    }
    TSRI_TRY(new_table(shape, map->axes, &count, &ret_map->table, err));
    for (int64_t i = 0; i < count; i++)
        ret_map->table[i] = first->start + first->step * map->table[i];
    return 0;
}

/* Looks up in a table of the first selection at the positions that the second says. */
static int compose_table(const tsri_index_map *first, const int64_t *first_shape,
                         const tsri_index_maps *second, tsri_index_map *ret_map, tsr_error *err)
{
    tsri_index_map map = {.kind = TSRI_MAP_TABLE};
    int64_t stride = 1, count;

    for (uint32_t left = first->axes; left != 0; left &= left - 1) {
        const tsri_index_map *along = &second->maps[__builtin_ctz(left)];
        map.axes |= along->kind == TSRI_MAP_TABLE    ? along->axes
                    : along->kind == TSRI_MAP_AFFINE ? UINT32_C(1) << along->axis
                                                     : 0;
    }
    TSRI_TRY(new_table(second->shape, map.axes, &count, &map.table, err));
    for (uint32_t left = first->axes; left != 0;) {
        int axis = 31 - __builtin_clz(left);
        left &= ~(UINT32_C(1) << axis);
        tsri_index_accumulate(map.table, second->shape, map.axes, &second->maps[axis], stride);
        stride *= first_shape[axis];
    }
    for (int64_t i = 0; i < count; i++)
        map.table[i] = first->table[map.table[i]];
    *ret_map = map;
    return 0;
}

static int compose_axis(const tsri_index_map *first, const int64_t *first_shape,
                        const tsri_index_maps *second, tsri_index_map *ret_map, tsr_error *err)
{
    switch (first->kind) {
    case TSRI_MAP_AFFINE:
        return compose_affine(first, &second->maps[first->axis], second->shape, ret_map, err);
    case TSRI_MAP_TABLE:
        return compose_table(first, first_shape, second, ret_map, err);
    default:
        *ret_map = *first;
        return 0;
    }
}

int tsr_index_compose(tsr_index *ret_index, const tsr_index *first, const tsr_index *second,
                      tsr_error *err)
{
    tsr_auto(tsri_index_maps) maps = {.rank = 0};
    tsri_index_maps by; /* borrows the tables of `second` */
    int64_t shape[TSR_RANK_MAX];
    int rank = tsr_index_shape(first, shape);

    TSRI_TRY(tsri_index_check(second, rank, shape, err));
    by.rank = rank;
    for (int axis = 0; axis < rank; axis++)
        by.maps[axis] = tsri_index_map_of(second, axis);
    by.result_rank = tsr_index_shape(second, by.shape);
    maps.result_rank = by.result_rank;
    memcpy(maps.shape, by.shape, (size_t)by.result_rank * sizeof *maps.shape);
    for (; maps.rank < first->rank; maps.rank++) {
        tsri_index_map map = tsri_index_map_of(first, maps.rank);
        TSRI_TRY(compose_axis(&map, shape, &by, &maps.maps[maps.rank], err));
    }
    return tsri_index_from_maps(&maps, ret_index, err);
}

int tsr_index_transpose(tsr_index *ret_index, const tsr_index *index, const int *order,
                        tsr_error *err)
{
    int64_t shape[TSR_RANK_MAX];
    int rank = tsr_index_shape(index, shape);
    tsri_index_maps maps = {.rank = rank, .result_rank = rank};
    tsr_index permutation;
    uint32_t seen = 0;

    for (int axis = 0; axis < rank; axis++) {
        if (order[axis] < 0 || order[axis] >= rank || (seen >> order[axis] & 1) != 0)
            return tsr_error_set(err, TSR_INVALID_ARGUMENT,
                                 "axis %d stands at place %d of an order of %d axes, or twice",
                                 order[axis], axis, rank);
        seen |= UINT32_C(1) << order[axis];
        maps.shape[axis] = shape[order[axis]];
        maps.maps[order[axis]] = (tsri_index_map){.kind = TSRI_MAP_AFFINE, .step = 1, .axis = axis};
    }
    TSRI_TRY(tsri_index_from_maps(&maps, &permutation, err));
    int status = tsr_index_compose(ret_index, index, &permutation, err);
    tsr_index_clear(&permutation);
    return status;
}
