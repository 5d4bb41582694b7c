/* Index maps: the form in which selections are put together, and what lies behind
 * tsr_index.layout.
 *
 * A map says, for one axis of the array, which position an element of the result has there: always
 * the same; start + step * its position along one axis of the result; or what a table says, which
 * depends on some of the axes of the result. Every way to select makes maps; tsri_index_from_maps
 * brings them into the normal form that readers and writers rely on:
 *
 *  - a table that rises or falls evenly along an axis of its own is a range, one that depends on
 *    nothing is a position, so lists that need none cost nothing;
 *  - tables that share an axis of the result are one group, spelt out over all its axes: the
 *    group is a list of points, in C order of the axes of the result that it has, and no axis of
 *    the result belongs to two groups, or to a group and a range. */
#ifndef TESSERA_TENSOR_INDEX_MAP_H
#define TESSERA_TENSOR_INDEX_MAP_H

#include <tessera/index.h>

#include "base/base.h"

typedef enum tsri_map_kind { TSRI_MAP_CONSTANT, TSRI_MAP_AFFINE, TSRI_MAP_TABLE } tsri_map_kind;

typedef struct tsri_index_map {
    tsri_map_kind kind;
    int64_t start;  /* CONSTANT, AFFINE */
    int64_t step;   /* AFFINE */
    int axis;       /* AFFINE: of the result */
    uint32_t axes;  /* TABLE: the axes of the result that it depends on, one bit each */
    int64_t *table; /* TABLE: in C order of these; owned, except where a function says otherwise */
} tsri_index_map;

typedef struct tsri_index_maps {
    int rank; /* of the array */
    tsri_index_map maps[TSR_RANK_MAX];
    int result_rank;
    int64_t shape[TSR_RANK_MAX]; /* of the result */
} tsri_index_maps;

/* Lists that belong together: one list of points. */
typedef struct tsri_index_group {
    int axis_count;
    int axes[TSR_RANK_MAX]; /* of the array, rising */
    int result_count;
    int result_axes[TSR_RANK_MAX];      /* rising */
    int64_t count;                      /* points */
    int64_t *coordinates[TSR_RANK_MAX]; /* for each of `axes`: `count` positions; owned */
} tsri_index_group;

struct tsr_index_layout {
    int references; /* atomic */
    int result_rank;
    int64_t shape[TSR_RANK_MAX];
    int result_axis[TSR_RANK_MAX]; /* of each axis of the array that is a range */
    int group_count;
    tsri_index_group groups[];
};

/* Frees tables; the maps are empty then. */
void tsri_index_maps_clear(tsri_index_maps *maps);
static inline void tsri_index_maps_cleanup(tsri_index_maps *maps)
{
    tsri_index_maps_clear(maps);
}

/* The map of one axis of an index; tables are borrowed. */
tsri_index_map tsri_index_map_of(const tsr_index *index, int axis);

/* The index that the maps stand for; takes their tables, also on failure. Errors: NO_MEMORY. */
int tsri_index_from_maps(tsri_index_maps *maps, tsr_index *ret_index, tsr_error *err);

/* The number of elements of a table over these axes of the result; false when it does not fit. */
bool tsri_index_table_count(const int64_t *shape, uint32_t axes, int64_t *ret_count);

/* Adds factor * what `map` says to each element of `table`, which is a table over `axes`, among
 * which are all that the map depends on. */
void tsri_index_accumulate(int64_t *table, const int64_t *shape, uint32_t axes,
                           const tsri_index_map *map, int64_t factor);

/* Selects by terms. On failure *ret_term is the term that was to blame. Errors: as
 * tsr_index_select. */
int tsri_index_select(tsr_index *ret_index, int rank, const int64_t *shape,
                      const tsr_index_term *terms, size_t term_count, tsr_index_mode mode,
                      size_t *ret_term, tsr_error *err);

/* Whether everything that is selected lies inside a shape of `rank` axes. O(rank). Errors:
 * INVALID_ARGUMENT (rank, a step of 0), OUT_OF_BOUNDS. */
int tsri_index_check(const tsr_index *index, int rank, const int64_t *shape, tsr_error *err);

#endif
