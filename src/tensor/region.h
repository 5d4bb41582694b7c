/* Boxes on regular grids: which chunks a selection touches, and in which order a grid is visited.
 *
 * Nothing is materialised: a walk holds one position per axis, so a grid of 2^60 chunks costs no
 * more than one of four. CONFINED. */
#ifndef TESSERA_TENSOR_REGION_H
#define TESSERA_TENSOR_REGION_H

#include <tessera/index.h>

#include "base/base.h"

/* The part of one axis of a selection that lies in one chunk. */
typedef struct tsri_axis_piece {
    int64_t chunk;    /* index of the chunk along the axis */
    int64_t start;    /* of the first element, counted from the start of the chunk */
    int64_t step;     /* from one element to the next; the selection's */
    int64_t count;    /* elements, at least 1 */
    int64_t position; /* of the first element within the selection */
} tsri_axis_piece;

/* The piece of `axis` that begins with its element number `position` (0 <= position < axis->count),
 * on a grid of chunks that are `chunk_length` (> 0) long. The next piece begins at position +
 * count. Never fails. */
void tsri_axis_piece_at(const tsr_index_axis *axis, int64_t chunk_length, int64_t position,
                        tsri_axis_piece *ret_piece);

/* The number of pieces of an axis: chunks that it touches. Never fails. */
int64_t tsri_axis_piece_count(const tsr_index_axis *axis, int64_t chunk_length);

/* All chunks of a regular grid that a selection touches, in C order of the selection (the last axis
 * moves fastest, backwards where its step is negative). Each is visited once. Use:
 *
 *     tsri_grid_walk walk;
 *     for (bool more = tsri_grid_walk_init(&walk, index, chunk_shape); more;
 *          more = tsri_grid_walk_next(&walk))
 *         ... walk.pieces[axis] ...
 *
 * An axis with a single position has one piece of count 1 and is, as in the selection, absent from
 * the shape of the result. A rank of 0 has one chunk. */
typedef struct tsri_grid_walk {
    const tsr_index *index;               /* borrowed */
    const int64_t *chunk_shape;           /* borrowed; index->rank lengths > 0 */
    tsri_axis_piece pieces[TSR_RANK_MAX]; /* the present chunk */
} tsri_grid_walk;

/* Goes to the first chunk; false when the selection is empty. */
bool tsri_grid_walk_init(tsri_grid_walk *walk, const tsr_index *index, const int64_t *chunk_shape);

/* Goes to the next chunk; false when there is none. */
bool tsri_grid_walk_next(tsri_grid_walk *walk);

/* The number of chunks that a walk visits; saturates at INT64_MAX. */
int64_t tsri_grid_walk_count(const tsr_index *index, const int64_t *chunk_shape);

/* Orders in which the cells of a grid are visited, and inner chunks are laid into a shard. */
typedef enum tsri_grid_order {
    TSRI_ORDER_MORTON,         /* zarr-python's "compressed Morton", see below */
    TSRI_ORDER_LEXICOGRAPHIC,  /* C order: the last axis moves fastest */
    TSRI_ORDER_COLEXICOGRAPHIC /* the first axis moves fastest */
} tsri_grid_order;

/* All cells of a grid in an order. Compressed Morton: the bits of the coordinates are interleaved
 * level by level, lowest first, within a level axis 0 first (least significant); an axis takes part
 * as long as its length needs bits; codes outside the grid are skipped (at no cost: the walk finds
 * the next cell inside directly). 4 x 2 x 3 starts 000 100 010 110 001 101 011 111 200 300.
 * Source: zarr-python 3.1, morton_order_iter. */
typedef struct tsri_cell_walk {
    tsri_grid_order order;
    int rank;
    int bits;                   /* that the longest axis needs */
    const int64_t *shape;       /* borrowed */
    int64_t cell[TSR_RANK_MAX]; /* the present cell */
} tsri_cell_walk;

/* Goes to the first cell (all 0); false when the grid has none. */
bool tsri_cell_walk_init(tsri_cell_walk *walk, tsri_grid_order order, int rank,
                         const int64_t *shape);

/* Goes to the next cell; false when there is none. */
bool tsri_cell_walk_next(tsri_cell_walk *walk);

/* The number of a cell in C order: what an index of a shard is addressed by. The grid has fewer
 * than 2^63 cells. Never fails. */
int64_t tsri_cell_number(int rank, const int64_t *shape, const int64_t *cell);

#endif
