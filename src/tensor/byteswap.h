/* Reverses the bytes of numbers: big-endian storage on little-endian machines and the other way
 * round. */
#ifndef TESSERA_TENSOR_BYTESWAP_H
#define TESSERA_TENSOR_BYTESWAP_H

#include "base/base.h"

/* Copies `count` numbers of `width_bytes` (1, 2, 4 or 8) and reverses the bytes of each; a width of
 * 1 only copies. `destination` and `source` need no alignment; they are the same memory (in place)
 * or do not overlap. CONFINED. Never fails. */
void tsri_swap_bytes(void *destination, const void *source, size_t count, size_t width_bytes);

/* The same over numbers that lie `stride` bytes apart; strides may be negative or 0. CONFINED.
 * Never fails. */
void tsri_swap_bytes_strided(void *destination, int64_t destination_stride, const void *source,
                             int64_t source_stride, size_t count, size_t width_bytes);

#endif
