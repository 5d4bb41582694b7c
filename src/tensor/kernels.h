/* The inner loops of copies: bodies for tsri_nest_run. See copy.h for when each is chosen. */
#ifndef TESSERA_TENSOR_KERNELS_H
#define TESSERA_TENSOR_KERNELS_H

#include "tensor/nest.h"

/* What the bodies are given as `user`. */
typedef struct tsri_copy_job {
    size_t run_bytes; /* contiguous in both memories: what one step of the inner loop moves */
    bool streamed;    /* written past the cache */
} tsri_copy_job;

/* The body that moves runs of the job one after the other. */
tsri_nest_body *tsri_kernel_rows(const tsri_copy_job *job);

/* The body that moves runs of the job in tiles, for a source that is read in order of address along
 * the outer loop and a destination that is written so along the inner one. */
tsri_nest_body *tsri_kernel_tiles(const tsri_copy_job *job);

/* The body of tiles for runs of 1, 2, 4, 8 or 16 bytes that are contiguous along the outer loop in
 * the source and along the inner one in the destination; NULL for other runs. (kernels_transpose.c)
 */
tsri_nest_body *tsri_kernel_transpose(const tsri_copy_job *job, const tsri_nest_axis *outer,
                                      const tsri_nest_axis *inner);

/* Moves `count` elements that lie at these strides. */
void tsri_move_strided(char *to, int64_t to_stride, const char *from, int64_t from_stride,
                       size_t count, size_t element_bytes);

#endif
