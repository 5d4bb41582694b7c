/* A growing run of bytes, for whatever is written piece by piece: encoded chunks, JSON, keys.
 *
 * Thread: CONFINED. */
#ifndef TESSERA_SYS_OUTPUT_H
#define TESSERA_SYS_OUTPUT_H

#include <stddef.h>

#include <tessera/error.h>
#include <tessera/export.h>

TSR_BEGIN_DECLS

/* Growing output of encoders whose bound is not known, and of `describe`. It never grows past the
 * maximum with which the chain made it. */
typedef struct tsr_output {
    char *data;
    size_t size_bytes, capacity_bytes, max_bytes;
} tsr_output;

/* Makes room for `more` bytes after the present ones and returns where they go; the caller then
 * adds to size_bytes. NULL with err filled in: NO_MEMORY, LIMIT. Thread: CONFINED. Errors: as said.
 */
TSR_API void *tsr_output_reserve(tsr_output *output, size_t more, tsr_error *err);

/* Appends bytes, or formatted text. Thread: CONFINED. Errors: NO_MEMORY, LIMIT. */
TSR_API int tsr_output_append(tsr_output *output, const void *bytes, size_t size_bytes,
                              tsr_error *err);
TSR_API int tsr_output_print(tsr_output *output, tsr_error *err, const char *format, ...)
    TSR_PRINTF(3, 4);

TSR_END_DECLS

#endif
