/* Chunk grids: where the chunks of an array lie along each axis. The one place that knows.
 *
 * Along an axis chunks are either all of one length, or of the lengths that the Zarr extension
 * "rectilinear" lists; equal lengths in a row are one run, however many they are, so memory follows
 * what is written in the metadata and not the number of chunks. From a position to its chunk and
 * back costs O(1) on regular axes and O(log runs) on others. The last chunk may reach beyond the
 * array, and listed lengths may go on behind it.
 *
 * A grid never changes; an array that is resized gets another one, and an operation keeps the one
 * that it began with.
 *
 * Thread: IMMUTABLE. */
#ifndef TESSERA_ARRAY_GRID_H
#define TESSERA_ARRAY_GRID_H

#include <tessera/index.h>
#include <tessera/sys/output.h>

#include "base/base.h"

/* `count` chunks of `length` elements, one behind the other. */
typedef struct tsri_grid_edges {
    int64_t length, count;
} tsri_grid_edges;

/* How an axis is cut when a grid is made: one length for all chunks, or runs of lengths. */
typedef struct tsri_grid_cut {
    int64_t length;               /* > 0: of every chunk; 0: see edges */
    const tsri_grid_edges *edges; /* lengths and counts >= 1; borrowed */
    size_t edge_count;
} tsri_grid_cut;

typedef struct tsri_grid_run {
    int64_t first; /* number of its first chunk */
    int64_t start; /* where that begins */
    int64_t length;
} tsri_grid_run;

typedef struct tsri_grid_axis {
    int64_t length;      /* of every chunk; 0: see runs */
    int64_t count;       /* chunks that hold elements of the array */
    int64_t longest;     /* of all its chunks, those behind the array's end included */
    tsri_grid_run *runs; /* run_count, and one that stands for the end of all */
    size_t run_count;
} tsri_grid_axis;

typedef struct tsri_grid {
    int references; /* atomic */
    int rank;
    bool is_regular; /* along every axis */
    int64_t *shape;  /* of the array */
    tsri_grid_axis axes[];
} tsri_grid;

/* Makes a grid. Owner: the caller holds one reference. Errors: INVALID_ARGUMENT (the lengths of an
 * axis end before the array does), LIMIT (their sum exceeds 2^63-1), NO_MEMORY. */
int tsri_grid_new(int rank, const int64_t *shape, const tsri_grid_cut *cuts, tsri_grid **ret_grid,
                  tsr_error *err);

/* Makes a grid with one length per axis. Errors: NO_MEMORY. */
int tsri_grid_new_regular(int rank, const int64_t *shape, const int64_t *chunk_shape,
                          tsri_grid **ret_grid, tsr_error *err);

tsri_grid *tsri_grid_ref(tsri_grid *grid);
void tsri_grid_unref(tsri_grid *grid);
TSR_DEFINE_CLEANUP(tsri_grid, tsri_grid_unref)

/* Whether every chunk lies at the same place in both, and the arrays have the same shape. */
bool tsri_grid_equal(const tsri_grid *a, const tsri_grid *b);

/* Whether the chunks that hold elements of both arrays lie at the same places in both. */
bool tsri_grid_agrees(const tsri_grid *a, const tsri_grid *b);

const tsri_grid_run *tsri_grid_run_of_chunk(const tsri_grid_axis *axis, int64_t chunk);
const tsri_grid_run *tsri_grid_run_of_position(const tsri_grid_axis *axis, int64_t position);

/* The chunk that holds a position (0 <= position < the end of the axis' chunks). */
static inline int64_t tsri_grid_chunk_at(const tsri_grid *grid, int axis, int64_t position)
{
    const tsri_grid_axis *self = &grid->axes[axis];
    if (self->length > 0)
        return position / self->length;
    const tsri_grid_run *run = tsri_grid_run_of_position(self, position);
    return run->first + (position - run->start) / run->length;
}

/* Where a chunk (0 <= chunk < count) begins. */
static inline int64_t tsri_grid_start(const tsri_grid *grid, int axis, int64_t chunk)
{
    const tsri_grid_axis *self = &grid->axes[axis];
    if (self->length > 0)
        return chunk * self->length;
    const tsri_grid_run *run = tsri_grid_run_of_chunk(self, chunk);
    return run->start + (chunk - run->first) * run->length;
}

/* The length with which it is stored, what lies beyond the array's end included. */
static inline int64_t tsri_grid_length(const tsri_grid *grid, int axis, int64_t chunk)
{
    const tsri_grid_axis *self = &grid->axes[axis];
    return self->length > 0 ? self->length : tsri_grid_run_of_chunk(self, chunk)->length;
}

/* The box of a chunk: where it begins, and its shape as it is stored. */
void tsri_grid_box(const tsri_grid *grid, const int64_t *chunk, int64_t *ret_start,
                   int64_t *ret_shape);

/* How much of a chunk lies inside the array. */
void tsri_grid_inside(const tsri_grid *grid, const int64_t *chunk, int64_t *ret_shape);

/* Whether the grid has this chunk, with elements of the array in it. */
bool tsri_grid_has(const tsri_grid *grid, const int64_t *chunk);

/* Goes to the next chunk in C order; false, and back at the first one, at the end. */
bool tsri_grid_next(const tsri_grid *grid, int64_t *chunk);

/* The largest chunk: its length along every axis. */
void tsri_grid_largest(const tsri_grid *grid, int64_t *ret_shape);

/* Appends the lengths of every axis in the form of the extension: [10,[2,[3,4]]]. Errors:
 * NO_MEMORY. */
int tsri_grid_print_axes(const tsri_grid *grid, tsr_output *output, tsr_error *err);

#endif
