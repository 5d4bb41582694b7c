/* The elements of a view one after another in C order, wherever they lie.
 *
 * Codecs that change values go through two views at once, which may differ in type, shape and
 * strides, but not in the number of elements. Axes that continue each other in memory are walked as
 * one, so that a dense view is a single run. */
#ifndef TESSERA_CODEC_ELEMENT_WALK_H
#define TESSERA_CODEC_ELEMENT_WALK_H

#include <tessera/view.h>

#include "base/base.h"

typedef struct tsri_element_walk {
    char *at;           /* the next element */
    int64_t run_stride; /* bytes from it to the one behind it */
    int64_t run_left;   /* elements until the stride does not hold any more */
    int64_t left;       /* elements in all */
    int rank;
    int64_t shape[TSR_RANK_MAX], strides[TSR_RANK_MAX], index[TSR_RANK_MAX];
} tsri_element_walk;

/* Starts at the first element. The memory must outlive the walk. CONFINED. Never fails. */
void tsri_element_walk_init(tsri_element_walk *walk, const tsr_view *view);

/* Moves on by `count` elements, at most run_left. CONFINED. Never fails. */
void tsri_element_walk_advance(tsri_element_walk *walk, int64_t count);

/* Copies all elements of `from` to `to`, both in C order: shapes may differ, types and numbers of
 * elements not. CONFINED. Never fails. */
void tsri_elements_copy(const tsr_view *to, const tsr_view *from);

/* Makes `count` elements of `to` from as many of `from`; both are dense and aligned. */
typedef int tsri_elements_step(void *user, const void *from, void *to, size_t count,
                               tsr_error *err);

/* Calls `step` for all elements in C order, some hundred at a time. Elements have at most
 * TSRI_ELEMENT_BYTES_MAX bytes. CONFINED. Errors: those of `step`. */
#define TSRI_ELEMENT_BYTES_MAX 16
int tsri_elements_run(const tsr_view *to, const tsr_view *from, tsri_elements_step *step,
                      void *user, tsr_error *err);

#endif
