/* What others need of resizing. */
#ifndef TESSERA_ARRAY_RESIZE_H
#define TESSERA_ARRAY_RESIZE_H

#include <tessera/array.h>

/* Makes an array at least as long as `shape` along every axis, also when another process does the
 * same; nothing is ever made shorter, and no chunk is touched. LOCKED. Errors: as tsr_array_resize.
 */
int tsri_array_grow(tsr_array *array, const int64_t *shape, tsr_error *err);

#endif
