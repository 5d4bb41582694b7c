/* The file that a format reads: opened once, so that renaming, replacing or removing it meanwhile
 * changes nothing.
 *
 * Thread: LOCKED once open. */
#ifndef TESSERA_SOURCE_INPUT_H
#define TESSERA_SOURCE_INPUT_H

#include "base/context.h"

typedef struct tsri_input {
    tsr_context *context; /* held */
    char *path;           /* as the caller gave it, for messages */
    int descriptor;
    char name[40]; /* opens the same file anew, whatever its path holds now and however odd it is */
} tsri_input;

/* Opens a file for reading. On failure the input needs no close. Errors: NOT_FOUND, PERMISSION, IO,
 * NO_MEMORY. */
int tsri_input_open(tsr_context *context, const char *path, tsri_input *input, tsr_error *err);

/* Closes it. */
void tsri_input_close(tsri_input *input);

/* How many bytes the file has now. Errors: IO. */
int tsri_input_size(const tsri_input *input, uint64_t *ret_size_bytes, tsr_error *err);

/* Reads up to `size_bytes` from `offset`; fewer only at the end of the file. Errors: IO. */
int tsri_input_read(const tsri_input *input, uint64_t offset, void *bytes, size_t size_bytes,
                    size_t *ret_got, tsr_error *err);

#endif
