#include "tensor/index_map.h"

#include "base/checked.h"

void tsri_index_maps_clear(tsri_index_maps *maps)
{
    for (int axis = 0; axis < maps->rank; axis++)
        if (maps->maps[axis].kind == TSRI_MAP_TABLE)
            tsri_free(maps->maps[axis].table);
    maps->rank = 0;
}

/* Which group holds the list of an axis, and as which of its coordinates. */
static const tsri_index_group *find_group(const tsr_index_layout *layout, int axis, int *ret_number)
{
    for (int i = 0; i < layout->group_count; i++)
        for (int number = 0; number < layout->groups[i].axis_count; number++)
            if (layout->groups[i].axes[number] == axis) {
                *ret_number = number;
                return &layout->groups[i];
            }
    return NULL;
}

tsri_index_map tsri_index_map_of(const tsr_index *index, int axis)
{
    const tsr_index_axis *self = &index->axes[axis];
    tsri_index_map map = {TSRI_MAP_CONSTANT, self->start, self->step, 0, 0, NULL};
    int number = 0;

    if (self->kind == TSR_INDEX_RANGE) {
        map.kind = TSRI_MAP_AFFINE;
        for (int before = 0; !index->layout && before < axis; before++)
            map.axis += index->axes[before].kind == TSR_INDEX_RANGE;
        if (index->layout)
            map.axis = index->layout->result_axis[axis];
    } else if (self->kind == TSR_INDEX_LIST) {
        const tsri_index_group *group = find_group(index->layout, axis, &number);
        map.kind = TSRI_MAP_TABLE;
        map.table = group->coordinates[number];
        for (int i = 0; i < group->result_count; i++)
            map.axes |= UINT32_C(1) << group->result_axes[i];
    }
    return map;
}

bool tsri_index_table_count(const int64_t *shape, uint32_t axes, int64_t *ret_count)
{
    int64_t lengths[TSR_RANK_MAX];
    int rank = 0;
    for (; axes != 0; axes &= axes - 1)
        lengths[rank++] = shape[__builtin_ctz(axes)];
    return tsri_shape_count(rank, lengths, ret_count);
}

/* ---- adding maps to tables ---- */

/* A loop over the axes of a table, outermost first, with the step of the map along each. */
typedef struct table_walk {
    int rank;
    int64_t length[TSR_RANK_MAX], step[TSR_RANK_MAX], at[TSR_RANK_MAX];
} table_walk;

static void table_walk_init(table_walk *walk, const int64_t *shape, uint32_t axes,
                            const tsri_index_map *map)
{
    int64_t stride = 1;

    walk->rank = __builtin_popcount(axes);
    for (int i = walk->rank - 1; i >= 0; i--) {
        int axis = 31 - __builtin_clz(axes);
        axes &= ~(UINT32_C(1) << axis);
        walk->length[i] = shape[axis];
        walk->step[i] = walk->at[i] = 0;
        if (map->kind == TSRI_MAP_AFFINE && map->axis == axis)
            walk->step[i] = map->step;
        if (map->kind == TSRI_MAP_TABLE && (map->axes >> axis & 1) != 0) {
            walk->step[i] = stride;
            stride *= shape[axis];
        }
    }
}

/* Goes to the next position of all axes but the innermost one; false at the end. */
static bool table_walk_next(table_walk *walk, int64_t *place)
{
    for (int i = walk->rank - 2; i >= 0; i--) {
        *place += walk->step[i];
        if (++walk->at[i] < walk->length[i])
            return true;
        *place -= walk->step[i] * walk->length[i];
        walk->at[i] = 0;
    }
    return false;
}

void tsri_index_accumulate(int64_t *table, const int64_t *shape, uint32_t axes,
                           const tsri_index_map *map, int64_t factor)
{
    table_walk walk;
    int64_t count, place = map->kind == TSRI_MAP_TABLE ? 0 : map->start;

    if (!tsri_index_table_count(shape, axes, &count) || count == 0)
        return;
    table_walk_init(&walk, shape, axes, map);
    int64_t length = walk.rank > 0 ? walk.length[walk.rank - 1] : 1;
    int64_t step = walk.rank > 0 ? walk.step[walk.rank - 1] : 0;
    do {
        if (map->kind == TSRI_MAP_TABLE)
            for (int64_t i = 0; i < length; i++)
                table[i] += factor * map->table[place + i * step];
        else
            for (int64_t i = 0; i < length; i++)
                table[i] += factor * (place + i * step);
        table += length;
    } while (table_walk_next(&walk, &place));
}

/* ---- the normal form ---- */

static uint32_t axes_of(const tsri_index_map *map)
{
    return map->kind == TSRI_MAP_TABLE    ? map->axes
           : map->kind == TSRI_MAP_AFFINE ? UINT32_C(1) << map->axis
                                          : 0;
}

static bool depends_alone(const tsri_index_maps *maps, int axis)
{
    uint32_t own = axes_of(&maps->maps[axis]);
    for (int other = 0; other < maps->rank; other++)
        if (other != axis && (axes_of(&maps->maps[other]) & own) != 0)
            return false;
    return true;
}

static bool rises_evenly(const int64_t *table, int64_t count)
{
    if (count == 0 || table[0] == table[1])
        return false;
    for (int64_t i = 2; i < count; i++)
        if (table[i] - table[i - 1] != table[1] - table[0])
            return false;
    return true;
}

static void take_table(tsri_index_map *map, tsri_map_kind kind, int64_t step, int axis)
{
    int64_t start = map->table[0];
    tsri_free(map->table);
    *map = (tsri_index_map){kind, start, step, axis, 0, NULL};
}

/* A table that is not needed becomes a position or a range. */
static void simplify(tsri_index_maps *maps, int axis)
{
    tsri_index_map *map = &maps->maps[axis];

    if (map->kind != TSRI_MAP_TABLE)
        return;
    if (__builtin_popcount(map->axes) == 1 && depends_alone(maps, axis)) {
        int along = __builtin_ctz(map->axes);
        int64_t length = maps->shape[along];
        if (length == 1 || rises_evenly(map->table, length)) {
            take_table(map, TSRI_MAP_AFFINE, length > 1 ? map->table[1] - map->table[0] : 1, along);
            return;
        }
    }
    for (uint32_t left = map->axes; left != 0; left &= left - 1)
        if (maps->shape[__builtin_ctz(left)] == 1)
            map->axes &= ~(left & -left);
    if (map->axes == 0)
        take_table(map, TSRI_MAP_CONSTANT, 0, 0);
}

/* Spells a map out over more axes than it depends on. */
static int expand(tsri_index_maps *maps, int axis, uint32_t axes, tsr_error *err)
{
    tsri_index_map *map = &maps->maps[axis];
    int64_t count = 0, *table = NULL;

    if (map->kind == TSRI_MAP_TABLE && map->axes == axes)
        return 0;
    if (tsri_index_table_count(maps->shape, axes, &count))
        table = tsri_alloc_array((size_t)count, sizeof *table);
    if (!table)
        return tsri_error_no_memory(err, (size_t)count * sizeof *table);
    memset(table, 0, (size_t)count * sizeof *table);
    tsri_index_accumulate(table, maps->shape, axes, map, 1);
    if (map->kind == TSRI_MAP_TABLE)
        tsri_free(map->table);
    *map = (tsri_index_map){TSRI_MAP_TABLE, 0, 0, 0, axes, table};
    return 0;
}

/* All axes of the result that hang together with those of a table. */
static uint32_t connected(const tsri_index_maps *maps, uint32_t axes)
{
    for (uint32_t before = 0; before != axes;) {
        before = axes;
        for (int axis = 0; axis < maps->rank; axis++) {
            uint32_t own = axes_of(&maps->maps[axis]);
            if ((own & axes) != 0)
                axes |= own;
        }
    }
    return axes;
}

static int expand_all(tsri_index_maps *maps, tsr_error *err)
{
    for (int axis = 0; axis < maps->rank; axis++) {
        if (maps->maps[axis].kind != TSRI_MAP_TABLE)
            continue;
        uint32_t axes = connected(maps, maps->maps[axis].axes);
        for (int other = 0; other < maps->rank; other++)
            if ((axes_of(&maps->maps[other]) & axes) != 0)
                TSRI_TRY(expand(maps, other, axes, err));
    }
    return 0;
}

static tsr_index_axis axis_of_map(const tsri_index_maps *maps, const tsri_index_map *map)
{
    int64_t count = 0, least = INT64_MAX, most = INT64_MIN;

    if (map->kind == TSRI_MAP_CONSTANT)
        return (tsr_index_axis){TSR_INDEX_POSITION, map->start, 1, 1};
    if (map->kind == TSRI_MAP_AFFINE) {
        count = maps->shape[map->axis];
        return (tsr_index_axis){TSR_INDEX_RANGE, map->start, count, count > 1 ? map->step : 1};
    }
    tsri_index_table_count(maps->shape, map->axes, &count);
    if (count == 0 || !map->table)
        return (tsr_index_axis){TSR_INDEX_LIST, 0, 0, 1};
    for (int64_t i = 0; i < count; i++) {
        least = TSRI_MIN(least, map->table[i]);
        most = TSRI_MAX(most, map->table[i]);
    }
    return (tsr_index_axis){TSR_INDEX_LIST, least, most - least + 1, 1};
}

/* Whether the axes of the result are the ranges, in order. */
static bool needs_no_layout(const tsri_index_maps *maps)
{
    int next = 0;
    for (int axis = 0; axis < maps->rank; axis++) {
        const tsri_index_map *map = &maps->maps[axis];
        if (map->kind == TSRI_MAP_TABLE || (map->kind == TSRI_MAP_AFFINE && map->axis != next++))
            return false;
    }
    return next == maps->result_rank;
}

/* Adds the table of an axis to the group with the same axes of the result, or to a new one. */
static void add_to_group(tsr_index_layout *layout, tsri_index_maps *maps, int axis, uint32_t *seen)
{
    tsri_index_map *map = &maps->maps[axis];
    int number = 0;

    while (number < layout->group_count && seen[number] != map->axes)
        number++;
    tsri_index_group *group = &layout->groups[number];
    if (number == layout->group_count) {
        seen[layout->group_count++] = map->axes;
        tsri_index_table_count(maps->shape, map->axes, &group->count);
        for (uint32_t left = map->axes; left != 0; left &= left - 1)
            group->result_axes[group->result_count++] = __builtin_ctz(left);
    }
    group->coordinates[group->axis_count] = TSRI_TAKE(map->table);
    group->axes[group->axis_count++] = axis;
    map->kind = TSRI_MAP_CONSTANT;
}

static int make_layout(tsri_index_maps *maps, tsr_index_layout **ret_layout, tsr_error *err)
{
    uint32_t seen[TSR_RANK_MAX];
    size_t tables = 0;

    for (int axis = 0; axis < maps->rank; axis++)
        tables += maps->maps[axis].kind == TSRI_MAP_TABLE;
    size_t size_bytes = sizeof(tsr_index_layout) + tables * sizeof(tsri_index_group);
    tsr_index_layout *layout = tsri_alloc_zero(size_bytes);
    if (!layout)
        return tsri_error_no_memory(err, size_bytes);
    layout->references = 1;
    layout->result_rank = maps->result_rank;
    memcpy(layout->shape, maps->shape, (size_t)maps->result_rank * sizeof *layout->shape);
    for (int axis = 0; axis < maps->rank; axis++) {
        if (maps->maps[axis].kind == TSRI_MAP_TABLE)
            add_to_group(layout, maps, axis, seen);
        else
            layout->result_axis[axis] = maps->maps[axis].axis;
    }
    *ret_layout = layout;
    return 0;
}

int tsri_index_from_maps(tsri_index_maps *maps, tsr_index *ret_index, tsr_error *err)
{
    tsr_index index = {.rank = maps->rank};
    int status;

    for (int axis = 0; axis < maps->rank; axis++)
        simplify(maps, axis);
    status = expand_all(maps, err);
    for (int axis = 0; axis < maps->rank; axis++)
        index.axes[axis] = axis_of_map(maps, &maps->maps[axis]);
    if (status == 0 && !needs_no_layout(maps))
        status = make_layout(maps, &index.layout, err);
    tsri_index_maps_clear(maps);
    if (status == 0)
        *ret_index = index;
    return status;
}
