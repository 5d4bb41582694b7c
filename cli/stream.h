/* The elements of a selection one after another in C order, through memory that is bounded. */
#ifndef TESSERA_CLI_STREAM_H
#define TESSERA_CLI_STREAM_H

#include <tessera.h>

#include "blocks.h"
#include "location.h"
#include "progress.h"

/* Gets the next dense block of elements; `walk` says where it lies. Errors end the stream. */
typedef int (*cli_stream_take)(void *user, const cli_block_walk *walk, const tsr_view *block,
                               tsr_error *err);

/* Reads `selected` block by block in C order and hands each to `take`. `progress` may be NULL.
 * Errors: those of tsr_read_many and of `take`. */
int stream_read(tsr_context *context, const cli_selected_array *selected, int64_t max_bytes,
                cli_progress *progress, cli_stream_take take, void *user, tsr_error *err);

/* Reads the part of a selection that a walk stands on into dense memory of walk->elements elements.
 * `heap` is emptied first and holds the bytes of elements of variable length; NULL for other types.
 * Errors: those of tsr_read_many. */
int stream_read_block(tsr_context *context, tsr_array *array, const tsr_index *index,
                      const cli_block_walk *walk, const tsr_dtype *dtype, tsr_casting casting,
                      void *buffer, tsr_heap *heap, const tsr_call *call, tsr_error *err);

/* A heap where elements of a type need one, else NULL. Owner: the caller. Errors: NO_MEMORY. */
int stream_heap(const tsr_dtype *dtype, tsr_heap **ret_heap, tsr_error *err);

#endif
