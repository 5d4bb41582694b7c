/* Targets: which elements of a chunk go where. The unit of thought of the fetch loop.
 *
 * A read names elements of an array and a place for them: a view of the caller's, or a sink.
 * Restricted to one chunk it is a target in that chunk's coordinates; restricted again, in an inner
 * chunk's. Steps are positive here: a negative step was turned into a negative stride of the
 * destination.
 *
 * An axis is a range, or is listed: then its positions are coordinates of points, which the axes of
 * a group share (points.h). A target has some points of each group, all of one cell at every level
 * of the grid that it was restricted to, and its elements are those of the box of its ranges for
 * each combination of points of its groups. */
#ifndef TESSERA_ARRAY_TARGET_H
#define TESSERA_ARRAY_TARGET_H

#include "array/array.h"
#include "array/points.h"

struct tsri_task_group;

/* The elements of a write to a whole shard that are in memory one slab after the other: cut along
 * the first encoded axis, each at the beginning of the write's view, which has room for one. */
typedef struct tsri_slabs {
    int64_t length, count; /* elements of a slab along that axis: whole inner chunks; slabs */
    /* Puts a slab where the one before was. Under `group`, whose thread holds the chunk. */
    int (*load)(void *user, int64_t slab, struct tsri_task_group *group, tsr_error *err);
    void *user;
} tsri_slabs;

/* One read of a batch, or one write: then `view` or `source` is where elements come from. */
typedef struct tsri_read {
    tsr_array *array;
    const tsri_grid *grid; /* of the array, as it was when the operation began; borrowed */
    tsr_index index;
    tsr_casting casting;
    const tsr_view *view; /* NULL: the sink gets the pieces */
    tsr_sink sink;
    tsr_source source; /* writes: instead of a view */
    void *user;
    bool is_write;
    const tsri_slabs *slabs; /* writes: when the view has a slab of the elements only; else NULL */
    bool until_flush;        /* writes: what is put need not be seen before the flush at the end */
    tsri_points_set *points; /* of the lists of the index; set by the cursors */
    int *ended; /* atomic: a positive value with which the sink or source ended everything */
    tsr_read_cost *cost; /* the read is only explained: counted here; NULL: it is carried out */
    bool streamed;       /* the view is larger than the caches: it is written past them; likewise */
} tsri_read;

typedef struct tsri_target_axis {
    int64_t start, step, count; /* elements of the chunk: start, start + step, ... */
    int64_t stride;             /* bytes, in the destination */
    int64_t first;              /* which element of the whole read the first one here is */
    int array_axis;             /* of the array that was asked */

    /* Listed axes, which are otherwise a range of one element with start and stride 0. */
    int group;      /* from 1 on: their points are groups[group - 1]; 0: a range */
    int coordinate; /* which one of the points */
    int64_t origin; /* is subtracted from the coordinates */
} tsri_target_axis;

/* Points that follow each other. */
typedef struct tsri_target_points {
    const tsri_points *points;
    int64_t from, count;
} tsri_target_points;

typedef struct tsri_target {
    const tsri_read *read;
    char *data; /* the destination of the first element, without those of the points; NULL for sinks
                   and sources */
    int rank, group_count;
    tsri_target_axis axes[TSR_RANK_MAX];
    tsri_target_points groups[TSR_RANK_MAX];
} tsri_target;

/* The target of a whole read, in the coordinates of its array. */
void tsri_target_init(tsri_target *target, const tsri_read *read);

/* Copies what is in use of a target. */
void tsri_target_copy(tsri_target *to, const tsri_target *from);

/* Restricts a target to the box [start, start + shape) and counts from there. False when nothing of
 * it lies inside. Where axes are listed the box is a cell of the next level of the grid. */
bool tsri_target_restrict(const tsri_target *target, const int64_t *start, const int64_t *shape,
                          tsri_target *ret_target);

/* Restricts in place one axis to [from, from + length) of the coordinates and counts from there. */
bool tsri_target_restrict_axis(tsri_target *target, int axis, int64_t from, int64_t length);

/* Renames the axes: new axis i is old axis axis_of[i]. */
void tsri_target_permute(tsri_target *target, const int *axis_of);

/* The number of elements. */
int64_t tsri_target_count(const tsri_target *target);

/* Whether the target is the whole box of `shape` and its destination has exactly these strides, so
 * that bytes in that layout can be put there straight away. */
bool tsri_target_is_direct(const tsri_target *target, const int64_t *shape, const int64_t *strides);

/* Hands over the elements of a decoded chunk, which `chunk` views as a whole (byte-swapped still
 * when `swapped`). `scratch` lends memory when a sink needs native, aligned elements. Errors: those
 * of casting and of the sink. */
int tsri_target_deliver(const tsri_target *target, const tsr_view *chunk, bool swapped,
                        tsr_codec_scratch *scratch, tsr_error *err);

/* The size of the elements, as the array has them. */
int64_t tsri_target_bytes(const tsri_target *target);

/* Hands over the fill value for every element. */
int tsri_target_deliver_fill(const tsri_target *target, tsr_error *err);

/* Writing, the other way round: puts the elements of the target into `chunk`, a view of a whole
 * decoded chunk. Errors: those of casting and of the source. */
int tsri_target_collect(const tsri_target *target, const tsr_view *chunk, tsr_error *err);

/* The elements where they lie, when they have the array's type: false when they have to be
 * collected. */
bool tsri_target_peek(const tsri_target *target, tsr_view *ret_view);

/* The first and the last position that a target has along an axis. */
void tsri_target_bounds(const tsri_target *target, int axis, int64_t *ret_first, int64_t *ret_last);

/* Gives axes of the result that nothing of the array runs along what their first position has; for
 * the end of a read into a view. */
void tsri_target_repeat(const tsri_read *read);

/* ---- what target.c and target_points.c share ---- */

/* The elements of the target's ranges within a chunk, in the target's axes. */
void tsri_target_view_of_source(const tsri_target *target, const tsr_view *chunk,
                                tsr_view *ret_view);
void tsri_target_view_of_destination(const tsri_target *target, tsr_view *ret_view);

/* Calls the sink or source with elements that lie at the strides of `elements`, a view in the
 * target's axes. Of listed axes they have points whose numbers follow each other within a row of
 * the result, `point_strides[group]` bytes from one to the next (NULL: none are listed). */
int tsri_target_call(const tsri_target *target, const tsr_view *elements,
                     const int64_t *point_strides, tsr_error *err);

/* The parts of the functions above for targets with listed axes; `chunk` NULL: the fill value. */
int tsri_target_deliver_points(const tsri_target *target, const tsr_view *chunk, bool swapped,
                               tsr_error *err);
int tsri_target_collect_points(const tsri_target *target, const tsr_view *chunk, tsr_error *err);

/* ---- cells ---- */

/* A walk over the cells of a grid that a target touches, each once, in C order of the target's
 * axes. */
typedef struct tsri_target_walk {
    const tsri_target *target;  /* borrowed */
    const tsri_grid *grid;      /* borrowed; NULL: all cells have the same lengths */
    const int64_t *lengths;     /* then: along the target's axes; borrowed */
    int64_t cell[TSR_RANK_MAX]; /* the present one */
    int before[TSR_RANK_MAX];   /* of listed axes: the axis before of the same group, or -1 */
    int64_t low[TSR_RANK_MAX], high[TSR_RANK_MAX]; /* then: the points in the present cell of this
                                                      axis and those before */
} tsri_target_walk;

/* Stands on the first cell of a grid, or of one with these lengths. The target has at least one
 * element. */
void tsri_target_walk_init(tsri_target_walk *walk, const tsri_target *target, const tsri_grid *grid,
                           const int64_t *lengths);

/* Copies what is in use of a walk; both go on for themselves. */
void tsri_target_walk_copy(tsri_target_walk *to, const tsri_target_walk *from);

/* Goes to the next cell; false when there is none. */
bool tsri_target_walk_next(tsri_target_walk *walk);

/* Goes along the last axis to the last of at most `most` cells, the present one among them, that
 * lie side by side and are all touched. Returns how many these are, at least 1. */
int tsri_target_walk_along(tsri_target_walk *walk, int most);

/* The target in the present cell. */
void tsri_target_walk_take(const tsri_target_walk *walk, tsri_target *ret_target);

/* How many cells of these lengths there are. */
int64_t tsri_target_walk_count(const tsri_target *target, const int64_t *lengths);

#endif
