/* Which chunks and inner chunks of an array are stored, and how large they are. */
#ifndef TESSERA_CLI_CENSUS_H
#define TESSERA_CLI_CENSUS_H

#include <tessera.h>

#include "progress.h"

/* One level of the grid: 0 is what lies under the keys of the store. */
typedef struct cli_census_level {
    int64_t grid[TSR_RANK_MAX]; /* chunks along each axis */
    int64_t total;              /* of them; saturates at INT64_MAX */
    int64_t stored, damaged;
    int64_t stored_bytes;
    int64_t smallest_bytes, largest_bytes; /* of one; 0 when none is stored */
} cli_census_level;

/* The innermost chunks projected on two axes. */
typedef struct cli_census_cell {
    int64_t stored, damaged, bytes;
} cli_census_cell;

typedef struct cli_census {
    int rank, levels; /* of sharding */
    cli_census_level level[8];
    int64_t dead_bytes;        /* of shards, that no index entry refers to */
    int row_axis, column_axis; /* -1: the picture has no such axis */
    int rows, columns;         /* cells of the picture */
    cli_census_cell *cells;
} cli_census;

/* Gets every chunk as the walk meets it, before it is counted. */
typedef int (*cli_census_each)(void *user, const tsr_chunk_info *info);

/* Prepares the grids and a picture of at most max_rows x max_columns cells. Errors: NO_MEMORY,
 * LIMIT. */
int census_init(cli_census *ret_census, const tsr_array *array, int max_rows, int max_columns,
                tsr_error *err);

/* Walks over the array; `each` may be NULL. Errors: those of tsr_array_walk_chunks and of `each`.
 */
int census_take(cli_census *census, tsr_array *array, cli_census_each each, void *user,
                cli_progress *progress, tsr_error *err);

/* How many of the innermost chunks one cell of the picture stands for; saturates. */
int64_t census_cell_total(const cli_census *census, int row, int column);

/* Releases the picture. */
void census_clear(cli_census *census);

#endif
