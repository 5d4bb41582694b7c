/* How large a box of elements that are worked out should be. */
#ifndef TESSERA_DERIVED_CELL_H
#define TESSERA_DERIVED_CELL_H

#include "base/base.h"

/* Makes a cell larger, last axes first, until an element of it for each of `weight_bytes` would
 * come to about `aim_bytes`, or until it is all of `shape`. Lengths of the cell are at least 1.
 * Never fails. */
void tsri_cell_grow(int rank, const int64_t *shape, int64_t weight_bytes, int64_t aim_bytes,
                    int64_t *cell);

#endif
