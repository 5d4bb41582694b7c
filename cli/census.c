#include "census.h"

#include <string.h>

#include "memory.h"
#include "sparse.h"

static int64_t chunk_count(int64_t length, int64_t chunk)
{
    return length / chunk + (length % chunk != 0);
}

static void init_level(cli_census_level *level, const tsr_array *array, int number)
{
    const int64_t *shape = tsr_array_shape(array);
    const int64_t *chunk = tsr_array_inner_chunk_shape(array, number);

    level->total = 1;
    for (int i = 0; i < tsr_array_rank(array); i++) {
        level->grid[i] =
            number == 0 ? tsr_array_chunk_count(array, i) : chunk_count(shape[i], chunk[i]);
        if (level->total == INT64_MAX ||
            __builtin_mul_overflow(level->total, level->grid[i], &level->total))
            level->total = level->grid[i] == 0 ? 0 : INT64_MAX;
    }
}

/* The last two axes along which there is more than one chunk, else the last two. */
static void choose_axes(cli_census *census)
{
    const int64_t *grid = census->level[census->levels].grid;

    census->row_axis = census->column_axis = -1;
    for (int i = census->rank; i-- > 0 && census->row_axis < 0;) {
        if (grid[i] <= 1)
            continue;
        if (census->column_axis < 0)
            census->column_axis = i;
        else
            census->row_axis = i;
    }
}

static int cells_along(const cli_census *census, int axis, int most)
{
    int64_t count = axis < 0 ? 1 : census->level[census->levels].grid[axis];

    return count < most ? (int)count : most;
}

int census_init(cli_census *ret_census, const tsr_array *array, int max_rows, int max_columns,
                tsr_error *err)
{
    cli_census census = {.rank = tsr_array_rank(array), .levels = tsr_array_shard_levels(array)};

    if (census.levels >= (int)(sizeof census.level / sizeof census.level[0]))
        return tsr_error_set(err, TSR_LIMIT,
                             "%s: shards are nested %d deep, which is more than %zu",
                             tsr_array_place(array), census.levels,
                             sizeof census.level / sizeof census.level[0] - 1);
    for (int level = 0; level <= census.levels; level++)
        init_level(&census.level[level], array, level);
    choose_axes(&census);
    census.rows = cells_along(&census, census.row_axis, max_rows);
    census.columns = cells_along(&census, census.column_axis, max_columns);
    *ret_census = census;
    ret_census->cells =
        memory_zeroed((size_t)census.rows * (size_t)census.columns + 1, sizeof *census.cells);
    return ret_census->cells ? 0 : tsr_error_set(err, TSR_NO_MEMORY, "out of memory");
}

void census_clear(cli_census *census)
{
    memory_free(census->cells);
    census->cells = NULL;
}

/* ---- counting ---- */

static int64_t cell_edge(const cli_census *census, int axis, int cells, int cell)
{
    int64_t count = axis < 0 ? 1 : census->level[census->levels].grid[axis];

    return (int64_t)(((__int128)cell * count + cells - 1) / cells);
}

int64_t census_cell_total(const cli_census *census, int row, int column)
{
    const cli_census_level *level = &census->level[census->levels];
    int64_t total = cell_edge(census, census->row_axis, census->rows, row + 1) -
                    cell_edge(census, census->row_axis, census->rows, row);
    int64_t wide = cell_edge(census, census->column_axis, census->columns, column + 1) -
                   cell_edge(census, census->column_axis, census->columns, column);

    if (__builtin_mul_overflow(total, wide, &total))
        return INT64_MAX;
    for (int i = 0; i < census->rank; i++)
        if (i != census->row_axis && i != census->column_axis &&
            __builtin_mul_overflow(total, level->grid[i], &total))
            return INT64_MAX;
    return total;
}

static int cell_of(const cli_census *census, int axis, int cells, const int64_t *index)
{
    return axis < 0
               ? 0
               : (int)((__int128)index[axis] * cells / census->level[census->levels].grid[axis]);
}

typedef struct cli_counting {
    cli_census *census;
    cli_census_each each;
    void *user;
} cli_counting;

static void count_cell(cli_census *census, const tsr_chunk_info *info)
{
    int row = cell_of(census, census->row_axis, census->rows, info->index);
    int column = cell_of(census, census->column_axis, census->columns, info->index);
    cli_census_cell *cell;

    if (row >= census->rows || column >= census->columns)
        return;
    cell = &census->cells[(size_t)row * (size_t)census->columns + (size_t)column];
    cell->stored += info->state == TSR_CHUNK_STORED;
    cell->damaged += info->state == TSR_CHUNK_DAMAGED;
    cell->bytes += (int64_t)info->size_bytes;
}

static int count_chunk(void *user, const tsr_chunk_info *info)
{
    cli_counting *counting = user;
    cli_census *census = counting->census;
    cli_census_level *level = &census->level[info->level];
    int64_t size = (int64_t)info->size_bytes;

    if (info->state == TSR_CHUNK_STORED) {
        if (level->stored == 0 || size < level->smallest_bytes)
            level->smallest_bytes = size;
        if (size > level->largest_bytes)
            level->largest_bytes = size;
        level->stored++;
        level->stored_bytes += size;
    }
    census->dead_bytes += (int64_t)info->dead_bytes;
    level->damaged += info->state == TSR_CHUNK_DAMAGED;
    if (info->level == census->levels)
        count_cell(census, info);
    return counting->each ? counting->each(counting->user, info) : 0;
}

int census_take(cli_census *census, tsr_array *array, cli_census_each each, void *user,
                cli_progress *progress, tsr_error *err)
{
    cli_counting counting = {census, each, user};
    tsr_chunk_walk_options options;
    tsr_call call;

    progress_call(progress, &call);
    tsr_chunk_walk_options_init(&options);
    options.inner = census->levels > 0;
    options.stored_only = sparse_is_huge(array);
    return tsr_array_walk_chunks(array, &options, count_chunk, &counting, &call, err);
}
