/* Copies of elements that lie where two lists say. See copy.h for those that lie at strides. */
#ifndef TESSERA_TENSOR_PICK_H
#define TESSERA_TENSOR_PICK_H

#include "base/base.h"

/* Copies `count` runs of `run_bytes`, one after the other: number i from `from` + from_offsets[i]
 * to `to` + to_offsets[i]. Never fails. */
void tsri_pick(char *to, const int64_t *to_offsets, const char *from, const int64_t *from_offsets,
               int64_t count, size_t run_bytes);

#endif
