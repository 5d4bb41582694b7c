/* Arrays that are made of other arrays: a read of one is told as reads of those, before anything is
 * fetched.
 *
 * Concatenations, stacks, casts and strided samples answer one question: which elements of which
 * arrays, for these elements of mine? The fetch loop then sees reads of stored arrays alone, of
 * which it makes one batch: elements go straight to the caller's memory, chunks that two parts
 * share are decoded once, shards are read as always. Arrays made of such arrays are told again,
 * until nothing is left to tell.
 *
 * What cannot be told so (lists of positions across parts; a cast into memory of a third type) is
 * read by boxes within the cells of the array's own grid, as from any driver that fills boxes, and
 * each box is told. */
#ifndef TESSERA_ARRAY_LOWER_H
#define TESSERA_ARRAY_LOWER_H

#include "array/target.h"

/* How many arrays may be made of each other: each takes a part of the stack of a reading thread. */
#define TSRI_DERIVED_DEPTH_MAX 64

/* Elements of one array that are a part of the elements of a read. */
typedef struct tsri_lowered_part {
    tsr_array *array;     /* borrowed from the driver */
    tsr_index index;      /* its axes of the result are those of the read */
    int axis;             /* of the result, of which the part has only a range; -1: it has all */
    int64_t first, count; /* that range */
} tsri_lowered_part;

typedef struct tsri_lowering tsri_lowering;

/* Adds a part to what a read is told as; takes what part->index holds, also on failure. CONFINED.
 * Errors: OUT_OF_BOUNDS (the array has become smaller), NO_MEMORY. */
int tsri_lowering_add(tsri_lowering *lowering, tsri_lowered_part *part, tsr_error *err);

/* What an array is made of. */
typedef struct tsri_derivation {
    const tsr_array_ops *ops; /* close; and read_box where `lower` is NULL */
    void *driver;
    /* Adds the parts that the elements of `index` are. The index has no lists, unless `casts`. */
    int (*lower)(void *driver, const tsr_index *index, tsri_lowering *lowering, tsr_error *err);
    bool casts; /* the one part has the same index, and another type */
    tsr_casting casting;
    tsr_array *const *sources; /* for their context, depth, and memory; borrowed for the call */
    size_t source_count;
    int64_t box_bytes; /* what filling a box takes besides what reading the sources does */
} tsri_derivation;

/* Makes an array of others; on success it owns `driver`. Its chunks are those of `grid`, of which
 * it takes a hold; description->chunk_shape and codecs are not used. Errors: as tsr_array_new;
 * INVALID_ARGUMENT (sources of several contexts). */
int tsri_array_new_derived(tsr_context *context, const tsri_derivation *derivation,
                           const tsr_array_description *description, tsri_grid *grid,
                           tsr_array **ret_array, tsr_error *err);

/* The grid of what is decoded at once: the innermost chunks. Owner: the caller holds it. Errors:
 * NO_MEMORY. */
int tsri_array_decoded_grid(const tsr_array *array, tsri_grid **ret_grid, tsr_error *err);

/* Whether a read is told as reads of other arrays. */
bool tsri_read_is_lowered(const tsri_read *read);

/* Reads, each of an array that says itself where its elements are. */
typedef struct tsri_lowered {
    tsri_read *reads;
    size_t count;
    struct tsri_lowered_read *first; /* everything that they point to */
} tsri_lowered;

/* Tells n reads as reads of the arrays below. End it by tsri_lowered_clear, also on failure.
 * Errors: OUT_OF_BOUNDS, NO_MEMORY, those of drivers. */
int tsri_lower(const tsri_read *reads, size_t n, tsri_lowered *ret_lowered, tsr_error *err);
void tsri_lowered_clear(tsri_lowered *lowered);

#endif
