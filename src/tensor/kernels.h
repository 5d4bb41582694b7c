/* The inner loops of copies: bodies for tsri_nest_run. See copy.h for when each is chosen. */
#ifndef TESSERA_TENSOR_KERNELS_H
#define TESSERA_TENSOR_KERNELS_H

#include "tensor/nest.h"

/* What the bodies are given as `user`. */
typedef struct tsri_copy_job {
    size_t run_bytes; /* contiguous in both memories: what one step of the inner loop moves */
} tsri_copy_job;

/* The body that moves runs of this size one by one. */
tsri_nest_body *tsri_kernel_rows(size_t run_bytes);

/* The body that moves runs of this size in tiles, for a source that is contiguous along the outer
 * loop and a destination that is contiguous along the inner one; NULL for sizes that tiles do not
 * help. */
tsri_nest_body *tsri_kernel_tiles(size_t run_bytes);

/* Moves `count` elements that lie at these strides. */
void tsri_move_strided(char *to, int64_t to_stride, const char *from, int64_t from_stride,
                       size_t count, size_t element_bytes);

#endif
