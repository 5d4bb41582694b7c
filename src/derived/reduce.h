/* Blocks of elements into one element each: the arithmetic of downsampling.
 *
 * Numbers pass through a wide type (convert.h) row by row, in strips that stay in the first-level
 * cache. Sums and extremes are first taken across the rows of a block, element by element, which
 * vectors do; then along the row. Medians and modes gather the block. What comes out depends on the
 * elements of the block alone, and is the same in whatever pieces an array is read. */
#ifndef TESSERA_DERIVED_REDUCE_H
#define TESSERA_DERIVED_REDUCE_H

#include <tessera/derived.h>

#include "base/base.h"
#include "tensor/convert.h"

typedef struct tsri_reducer {
    tsr_downsample_method method;
    const tsr_dtype *dtype;
    const tsri_number *number; /* NULL: the mode of elements that are no real numbers */
    int components;            /* numbers in an element: 2 for means of complex ones */
    bool is_long;              /* sums of integers of 64 bits, which take 128 */
} tsri_reducer;

/* Sets up a reducer for a method other than `stride`. Errors: TYPE_MISMATCH. */
int tsri_reducer_init(tsri_reducer *reducer, tsr_downsample_method method, const tsr_dtype *dtype,
                      tsr_error *err);

/* What reducing takes at most besides the elements, where a block has `count` of them; saturates at
 * INT64_MAX. Never fails. */
int64_t tsri_reducer_bytes(const tsri_reducer *reducer, int64_t count);

/* Reduces the elements at `from`, dense in C order, which begin with a whole block along every
 * axis, into `to`, dense likewise: `shape[i]` elements are ceil(shape[i] / factors[i]) then. No
 * length is 0. CONFINED. Errors: NO_MEMORY. */
int tsri_reduce(const tsri_reducer *reducer, int rank, const int64_t *shape, const int64_t *factors,
                const void *from, void *to, tsr_error *err);

#endif
