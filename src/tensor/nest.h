/* The normal form of a nest of loops over two strided memories. See copy.h for what it is good for.
 */
#ifndef TESSERA_TENSOR_NEST_H
#define TESSERA_TENSOR_NEST_H

#include <tessera/view.h>

#include "base/base.h"

/* One loop: `count` steps of `to` bytes in the destination and `from` bytes in the source. */
typedef struct tsri_nest_axis {
    int64_t count, to, from;
} tsri_nest_axis;

typedef struct tsri_nest {
    char *to;
    const char *from;
    int rank;                              /* loops; 0 when one unit is all there is */
    tsri_nest_axis axes[TSR_RANK_MAX + 1]; /* outermost first; `to` falls and is never negative */
} tsri_nest;

/* Makes the normal form of two views of equal shape, whose elements may differ in size. An element
 * is `parts` units that follow each other (2 for complex numbers whose components are handled one
 * by one, else 1). Returns false when there is no element at all. */
bool tsri_nest_init(tsri_nest *nest, const tsr_view *to, const tsr_view *from, int parts);

/* Folds the innermost loops that are contiguous in both memories into the unit: returns the number
 * of bytes that can be moved at once, at least `unit_bytes`, and removes those loops. */
size_t tsri_nest_fold(tsri_nest *nest, size_t unit_bytes);

/* How many bytes lie between the first and the last byte that are written in units of `run_bytes`.
 */
int64_t tsri_nest_span(const tsri_nest *nest, size_t run_bytes);

/* Handles the two innermost loops of a nest at one position of the others. Returns false to stop.
 */
typedef bool tsri_nest_body(void *user, char *to, const char *from, const tsri_nest_axis *outer,
                            const tsri_nest_axis *inner);

/* Runs the nest: calls `body` once for each position of all loops but the two innermost ones, with
 * loops of length 1 in place of missing ones. Returns false when a body stopped it. */
bool tsri_nest_run(const tsri_nest *nest, tsri_nest_body *body, void *user);

#endif
