/* The points of selections by lists, in the order in which chunks are visited.
 *
 * Each group of lists of an index (see tensor/index_map.h) becomes a list of points that is sorted
 * by chunk, within a chunk by inner chunk, and so on down to the last level; and within chunks of
 * bare elements by where these lie. At each level the order is that of a walk over the cells there,
 * so the points of a chunk, or of an inner chunk, follow each other, and a target holds no more of
 * them than where they begin and how many they are. Points of one cell keep the order of the
 * selection, so that of two with the same coordinates the later one is written last.
 *
 * Sorting costs O(points), by radix over the numbers of the cells; memory is that of the points.
 *
 * Thread: IMMUTABLE once made. */
#ifndef TESSERA_ARRAY_POINTS_H
#define TESSERA_ARRAY_POINTS_H

#include "array/array.h"
#include "tensor/index_map.h"

typedef struct tsri_points {
    const tsri_index_group *group; /* borrowed from the index */
    int64_t count;
    int64_t *coordinates[TSR_RANK_MAX]; /* for each of group->axes: positions in the array */
    int64_t *to;   /* with a view: bytes from its first element; else the number of the point in the
                      group */
    bool borrowed; /* the coordinates are those of the index, which has them in order already */
} tsri_points;

typedef struct tsri_points_set {
    int count;
    tsri_points points[]; /* one for each group of the index */
} tsri_points_set;

/* Sorts the lists of an index for reads and writes of an array as `grid` cuts it; `view` may be
 * NULL. *ret_set is NULL where the index has no lists. Owner: the caller, by tsri_points_free.
 * Errors: NO_MEMORY. */
int tsri_points_new(const tsr_array *array, const tsri_grid *grid, const tsr_index *index,
                    const tsr_view *view, tsri_points_set **ret_set, tsr_error *err);
void tsri_points_free(tsri_points_set *set);

#endif
