/* Checks that reads and writes share. */
#ifndef TESSERA_ARRAY_READ_H
#define TESSERA_ARRAY_READ_H

#include "array/target.h"

/* Whether a selection lies inside its array and has the shape of its view. Errors: OUT_OF_BOUNDS,
 * INVALID_ARGUMENT. */
int tsri_read_check(const tsri_read *read, tsr_error *err);

/* The selection and the dense view of a plain box, as tsr_array_read and tsr_array_write take them.
 * Errors: OUT_OF_BOUNDS, INVALID_ARGUMENT (size), LIMIT. */
int tsri_box_view(const tsr_array *array, const tsri_grid *grid, const int64_t *start,
                  const int64_t *shape, const int64_t *step, const void *buffer, size_t size_bytes,
                  tsr_index *ret_index, tsr_view *ret_view, tsr_error *err);

#endif
