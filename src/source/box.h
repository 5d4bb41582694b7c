/* How much of an array a library reads at once. */
#ifndef TESSERA_SOURCE_BOX_H
#define TESSERA_SOURCE_BOX_H

#include "base/base.h"

/* Chooses boxes of about 4 MiB that are whole numbers of stored chunks (`stored` NULL: of elements)
 * and lie as close together as the order of the axes allows. Lengths of 0 give 1. Never fails. */
void tsri_box_choose(int rank, const int64_t *shape, const int64_t *stored, size_t element_bytes,
                     int64_t *ret_box);

#endif
