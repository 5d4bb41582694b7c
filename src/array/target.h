/* Targets: which elements of a chunk go where. The unit of thought of the fetch loop.
 *
 * A read names elements of an array and a place for them: a view of the caller's, or a sink.
 * Restricted to one chunk it is a target in that chunk's coordinates; restricted again, in an inner
 * chunk's. Steps are positive here: a negative step was turned into a negative stride of the
 * destination. */
#ifndef TESSERA_ARRAY_TARGET_H
#define TESSERA_ARRAY_TARGET_H

#include "array/array.h"

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
    int *ended; /* atomic: a positive value with which the sink or source ended everything */
    struct tsri_task_group *group; /* that counts progress; set by the fetch loop */
} tsri_read;

typedef struct tsri_target_axis {
    int64_t start, step, count; /* elements of the chunk: start, start + step, ... */
    int64_t stride;             /* bytes, in the destination */
    int64_t first;              /* which element of the whole read the first one here is */
    int array_axis;             /* of the array that was asked */
} tsri_target_axis;

typedef struct tsri_target {
    const tsri_read *read;
    char *data; /* the destination of the first element; NULL for sinks */
    int rank;
    tsri_target_axis axes[TSR_RANK_MAX];
} tsri_target;

/* The target of a whole read, in the coordinates of its array. */
void tsri_target_init(tsri_target *target, const tsri_read *read);

/* Restricts a target to the box [start, start + shape) and counts from there. False when nothing of
 * it lies inside. */
bool tsri_target_restrict(const tsri_target *target, const int64_t *start, const int64_t *shape,
                          tsri_target *ret_target);

/* Restricts in place one axis to [from, from + length) of the coordinates and counts from there. */
bool tsri_target_restrict_axis(tsri_target *target, int axis, int64_t from, int64_t length);

/* Renames the axes: new axis i is old axis axis_of[i]. */
void tsri_target_permute(tsri_target *target, const int *axis_of);

/* The inner chunks from the first to the last that a target of a shard touches; steps may jump over
 * some of them. */
tsri_shard_box tsri_target_inner_box(const tsri_target *target, const tsri_prepared *prepared);

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

/* Counts the elements of a target as done, when they came to their destination without
 * tsri_target_deliver. */
void tsri_target_account(const tsri_target *target);

/* Hands over the fill value for every element. */
int tsri_target_deliver_fill(const tsri_target *target, tsr_error *err);

/* Writing, the other way round: puts the elements of the target into `chunk`, a view of a whole
 * decoded chunk. Errors: those of casting and of the source. */
int tsri_target_collect(const tsri_target *target, const tsr_view *chunk, tsr_error *err);

/* The elements where they lie, when they have the array's type: false when they have to be
 * collected. */
bool tsri_target_peek(const tsri_target *target, tsr_view *ret_view);

#endif
