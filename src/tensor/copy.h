/* Strided copies: the scatter of every read and the gather of every write.
 *
 * All functions here first bring the nest of loops into a normal form (src/tensor/nest.h): axes of
 * length 1 go, axes along which the destination runs backwards are flipped, axes are sorted so that
 * the destination is written in order of address, and axes that continue each other in both
 * memories are merged. A contiguous array is then one memcpy, whatever its rank.
 *
 * What the kernels are chosen by, after that:
 *  - both memories contiguous along the innermost axis: rows, by fixed-size moves for short ones;
 *    rows of 128 bytes and more that are scattered into much more memory than the cache holds are
 *    written past the cache;
 *  - the source contiguous along another axis than the destination: a transpose in tiles that fit
 *    the first-level cache;
 *  - otherwise one element after the other, by element size.
 *
 * Views describe memory that the caller answers for: nothing here checks bounds. Source and
 * destination do not overlap unless a function says otherwise. CONFINED. */
#ifndef TESSERA_TENSOR_COPY_H
#define TESSERA_TENSOR_COPY_H

#include <tessera/view.h>

#include "base/base.h"

/* Copies the elements of `source` to `destination` as they are. Ranks, shapes and element sizes are
 * equal: the caller has checked (tsr_view_copy does). Never fails. */
void tsri_view_copy_same(const tsr_view *destination, const tsr_view *source);

/* The same, for a caller who knows that this copy is a part of writing far more than the caches
 * hold and that nobody reads the destination soon (without knowing, it is guessed from the span of
 * memory that this one copy writes). Never fails. */
void tsri_view_copy_streamed(const tsr_view *destination, const tsr_view *source);

/* The same, for a caller who reads the destination at once: it goes past the cache only where it is
 * too large to stay there. Never fails. */
void tsri_view_copy_cached(const tsr_view *destination, const tsr_view *source);

/* Copies and reverses the bytes of every component (dtype->component_bytes of `destination`) in the
 * same pass: the `bytes` codec on foreign byte order. As tsri_view_copy_same where a component is
 * one byte. `destination` may be the same view as `source`, to swap in place. Never fails. */
void tsri_view_copy_swapped(const tsr_view *destination, const tsr_view *source);

/* Whether two views have the same rank and lengths. Never fails. */
bool tsri_view_same_shape(const tsr_view *a, const tsr_view *b);

/* Writes the shape as "[3, 7]" into `text`, which ends in "...]" when it is too small, and returns
 * `text`. For error messages. Never fails. */
#define TSRI_SHAPE_TEXT_MAX 160
const char *tsri_shape_text(int rank, const int64_t *shape, char text[TSRI_SHAPE_TEXT_MAX]);

#endif
